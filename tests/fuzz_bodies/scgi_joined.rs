//! SCGI: our client against our server.

use super::{common::oneshot::Scgi, oneshot};

pub fn run(data: &[u8]) {
    oneshot::joined::<Scgi>(data);
}
