//! CGI: answers of an application, and what a web server may call.

use super::{common::oneshot::Cgi, oneshot};

pub fn run(data: &[u8]) {
    oneshot::client::<Cgi>(data);
}
