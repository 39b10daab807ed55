//! uwsgi: requests of a web server, and what an application may call.

use super::{common::oneshot::Uwsgi, oneshot};

pub fn run(data: &[u8]) {
    oneshot::server::<Uwsgi>(data);
}
