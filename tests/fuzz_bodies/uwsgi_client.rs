//! uwsgi: answers of an application, and what a web server may call.

use super::{common::oneshot::Uwsgi, oneshot};

pub fn run(data: &[u8]) {
    oneshot::client::<Uwsgi>(data);
}
