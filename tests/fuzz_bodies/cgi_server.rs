//! CGI: requests of a web server, and what an application may call.

use super::{common::oneshot::Cgi, oneshot};

pub fn run(data: &[u8]) {
    oneshot::server::<Cgi>(data);
}
