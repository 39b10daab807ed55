//! The HTTP machines as the tests see them, and requests by hand.

use super::{Fact, Subject};
use vestibule::http1::{Client, Server};
use vestibule::{Client as _, Field, Length, Request, Response};

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

/// The front of a POST, and of one in chunks.
pub const POST: &str = "POST /a HTTP/1.1\r\nHost: h\r\n";
pub const CHUNKS: &str = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A request without a body.
pub const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

/// What a request cannot do without.
pub fn fields(method: &[u8]) -> [Field<'_>; 3] {
    [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", b"/a"),
        Field::header(b"Host", b"h"),
    ]
}

/// A client whose request without a body was sent.
pub fn asked(mut client: Client) -> Client {
    let mut room = [0; 128];
    let opened = client.open(fields(b"GET"), Length::None, &mut room);
    let _ = opened.unwrap();
    client
}
