//! The HTTP machines as the tests see them, and requests by hand.

use super::{Fact, Subject, put};
use vestibule::http1::{Client, Server};
use vestibule::{Client as _, Error, Field, Id, Length, Request, Response, Server as _};

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

/// 200 without a body, whole, where a request is complete; a refusal where one
/// is spoilt.
pub fn answer(server: &mut Server, fact: &Fact, out: &mut Vec<u8>) {
    let id = Id::SOLE;
    let mut room = [0; 256];
    match fact {
        Fact::BodyEnd(_) => {
            let head = server.head(id, 200, [], Length::None, &mut room);
            put(out, head.unwrap());
            put(out, server.finish(id, [], &mut room).unwrap());
        }
        Fact::Fault(_, error) | Fact::Err(error) => {
            if let Ok(frame) = server.fail(id, *error, &mut room) {
                put(out, frame);
            }
        }
        Fact::Abort(_) => put(out, server.fail(id, Error::Eof, &mut room).unwrap()),
        _ => {}
    }
}
