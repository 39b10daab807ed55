//! CGI: our client against our server.

use super::{common::oneshot::Cgi, oneshot};

pub fn run(data: &[u8]) {
    oneshot::joined::<Cgi>(data);
}
