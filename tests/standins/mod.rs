//! Small machines of an invented wire, which need of the public traits what AJP
//! will need, and a driver of the bridge.
#![allow(dead_code)]

pub mod ajp;
pub mod bridge;
pub mod wire;

use crate::common::{Fact, Subject};
use vestibule::{Request, Response};

impl Subject for ajp::AjpServer {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::request(event, |ajp::ChunkEnd| Fact::Ext("chunk-end".into()))
    }
    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Request::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

impl Subject for ajp::AjpClient {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::response(event, |()| Fact::Ext("nothing".into()))
    }
    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Response::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}
