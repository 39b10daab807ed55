//! The AJP machines as the tests see them, and packets by hand.

use super::{Fact, Subject, put};
use vestibule::ajp::{Client, ClientExt, Server, ServerExt, ServerRules};
use vestibule::{Client as _, Error, Field, Id, Length, Request, Response, Server as _};

impl<S> Subject for Client<S> {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::response(event, |ext| match ext {
            ClientExt::Cpong => Fact::Ext("cpong".into()),
            ClientExt::Flush { id } => Fact::Ext(format!("{id} flush")),
            other => panic!("{other:?}"),
        })
    }

    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Response::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

impl<S: AsRef<[u8]>> Subject for Server<S> {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::request(event, |ext| match ext {
            ServerExt::Cping => Fact::Ext("cping".into()),
            other => panic!("{other:?}"),
        })
    }

    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Request::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }

    fn reply(&mut self, event: Self::Event<'_>, out: &mut Vec<u8>) {
        if let Request::Ext(ext) = event {
            put(out, self.default_reply(ext));
        }
    }
}

/// What a request cannot do without.
pub fn fields(method: &[u8]) -> [Field<'_>; 3] {
    [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Host", b"h"),
    ]
}

/// A client whose request was sent.
pub fn asked(mut client: Client, method: &[u8], length: Length) -> Client {
    let mut room = [0; 256];
    let opened = client.open(fields(method), length, &mut room);
    let _ = opened.unwrap();
    client
}

/// Bytes with their number in front.
fn counted(bytes: &[u8]) -> Vec<u8> {
    let n = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&n[..], bytes].concat()
}

/// A string.
pub fn text(bytes: &[u8]) -> Vec<u8> {
    [&counted(bytes)[..], b"\0"].concat()
}

/// The number of header fields, and each spelled.
fn lines(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = u16::try_from(fields.len()).unwrap().to_be_bytes().to_vec();
    for (name, value) in fields {
        out.extend(text(name));
        out.extend(text(value));
    }
    out
}

/// A packet of the container.
pub fn reply(payload: &[u8]) -> Vec<u8> {
    [b"AB", &counted(payload)[..]].concat()
}

/// SEND_HEADERS with these fields, none coded.
pub fn head(status: u16, fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let status = status.to_be_bytes();
    reply(&[&[4], &status[..], &text(b"OK"), &lines(fields)].concat())
}

/// SEND_BODY_CHUNK.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    reply(&[&[3], &text(data)[..]].concat())
}

/// GET_BODY_CHUNK.
pub fn get_body_chunk(n: u16) -> Vec<u8> {
    reply(&[&[6], &n.to_be_bytes()[..]].concat())
}

/// END_RESPONSE.
pub fn end(reuse: u8) -> Vec<u8> {
    reply(&[5, reuse])
}

/// Takes requests without a secret.
pub const OPEN: ServerRules = ServerRules::STRICT.without_secret(true);

pub const CPING: &[u8] = b"\x12\x34\0\x01\x0a";

/// A packet of the web server.
pub fn packet(payload: &[u8]) -> Vec<u8> {
    [b"\x12\x34", &counted(payload)[..]].concat()
}

/// A packet with a piece of a body; empty: its end.
pub fn data(bytes: &[u8]) -> Vec<u8> {
    packet(&counted(bytes))
}

/// FORWARD_REQUEST for `/`, port 80, with these header fields (spelled) and
/// attributes (as they are).
pub fn forward(method: u8, fields: &[(&[u8], &[u8])], attributes: &[u8]) -> Vec<u8> {
    let mut out = vec![2, method];
    out.extend(text(b"HTTP/1.1"));
    out.extend(text(b"/"));
    out.extend(b"\xff\xff\xff\xff\xff\xff\0\x50\0");
    out.extend(lines(fields));
    out.extend(attributes);
    out.push(0xff);
    packet(&out)
}

/// A GET.
pub fn get() -> Vec<u8> {
    forward(2, &[(b"host", b"h")], &[])
}

/// A POST of a body of known length.
pub fn post(length: usize) -> Vec<u8> {
    let length = length.to_string();
    forward(4, &[(b"content-length", length.as_bytes())], &[])
}

/// A POST of a body of unknown length.
pub fn stream() -> Vec<u8> {
    forward(4, &[(b"transfer-encoding", b"chunked")], &[])
}

/// 200 without a body, whole, where a request is complete; a refusal where one
/// is spoilt; the next piece of a body where one is missing.
pub fn answer<S: AsRef<[u8]>>(server: &mut Server<S>, fact: &Fact, out: &mut Vec<u8>) {
    let id = Id::SOLE;
    let mut room = [0; 256];
    match fact {
        Fact::HeadEnd(..) | Fact::Bytes { .. } => put(out, server.demand(id, 9).unwrap()),
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
