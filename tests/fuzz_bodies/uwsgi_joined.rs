//! uwsgi: our client against our server.

use super::{common::oneshot::Uwsgi, oneshot};

pub fn run(data: &[u8]) {
    oneshot::joined::<Uwsgi>(data);
}
