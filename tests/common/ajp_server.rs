//! The AJP server machine as the tests see it, and packets by hand.

use super::{Fact, Subject, put};
use vestibule::ajp::{Server, ServerExt, ServerRules};
use vestibule::{Error, Id, Length, Request, Server as _};

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

/// Takes requests without a secret.
pub const OPEN: ServerRules = ServerRules::STRICT.without_secret(true);

pub const CPING: &[u8] = b"\x12\x34\0\x01\x0a";

/// A packet of the web server.
pub fn packet(payload: &[u8]) -> Vec<u8> {
    let n = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [b"\x12\x34", &n[..], payload].concat()
}

/// A packet with a piece of a body; empty: its end.
pub fn data(bytes: &[u8]) -> Vec<u8> {
    let n = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    packet(&[&n[..], bytes].concat())
}

/// A string.
pub fn text(bytes: &[u8]) -> Vec<u8> {
    let n = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&n[..], bytes, b"\0"].concat()
}

/// FORWARD_REQUEST for `/`, port 80, with these header fields (spelled) and
/// attributes (as they are).
pub fn forward(method: u8, fields: &[(&[u8], &[u8])], attributes: &[u8]) -> Vec<u8> {
    let mut out = vec![2, method];
    out.extend(text(b"HTTP/1.1"));
    out.extend(text(b"/"));
    out.extend(b"\xff\xff\xff\xff\xff\xff\0\x50\0");
    out.extend(u16::try_from(fields.len()).unwrap().to_be_bytes());
    for (name, value) in fields {
        out.extend(text(name));
        out.extend(text(value));
    }
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
