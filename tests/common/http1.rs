//! The HTTP machines as the tests see them, and requests by hand.

use super::{Fact, Subject};
use vestibule::http1::{Client, Server};
use vestibule::{Request, Response};

impl Subject for Server {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::request(event, |ext| match *ext {})
    }

    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Request::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

impl Subject for Client {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::response(event, |ext| match *ext {})
    }

    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Response::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}
