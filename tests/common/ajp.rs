//! The AJP machines as the tests see them, and packets by hand.

use super::{Fact, Subject};
use vestibule::ajp::{Client, ClientExt};
use vestibule::{Client as _, Field, Length, Response};

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

/// A packet of the container.
pub fn reply(payload: &[u8]) -> Vec<u8> {
    let n = u16::try_from(payload.len()).unwrap();
    [b"AB", &n.to_be_bytes()[..], payload].concat()
}

/// SEND_HEADERS with these fields, none coded.
pub fn head(status: u16, fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let string = |to: &mut Vec<u8>, text: &[u8]| {
        to.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        to.extend(text);
        to.push(0);
    };
    let mut bytes = vec![4];
    bytes.extend(status.to_be_bytes());
    string(&mut bytes, b"OK");
    bytes.extend(u16::try_from(fields.len()).unwrap().to_be_bytes());
    for (name, value) in fields {
        string(&mut bytes, name);
        string(&mut bytes, value);
    }
    reply(&bytes)
}

/// SEND_BODY_CHUNK.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    let n = u16::try_from(data.len()).unwrap().to_be_bytes();
    reply(&[&[3], &n[..], data, &[0]].concat())
}

/// GET_BODY_CHUNK.
pub fn get_body_chunk(n: u16) -> Vec<u8> {
    reply(&[&[6], &n.to_be_bytes()[..]].concat())
}

/// END_RESPONSE.
pub fn end(reuse: u8) -> Vec<u8> {
    reply(&[5, reuse])
}
