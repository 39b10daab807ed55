//! The machines that carry one request on a connection, as the tests see them.

use super::{Fact, Subject, put};
use vestibule::{Error, Field, Id, Length, Request, Response, scgi};

/// A server and a client machine of one protocol as subjects.
macro_rules! subjects {
    ($server:ty, $client:ty, $asked:expr, $told:expr) => {
        impl Subject for $server {
            fn fact(event: &Self::Event<'_>) -> Fact {
                Fact::request(event, $asked)
            }

            fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
                match event {
                    Request::Body { bytes, .. } => Some(bytes),
                    _ => None,
                }
            }

            fn reply(&mut self, event: Self::Event<'_>, out: &mut Vec<u8>) {
                if let Request::Ext(ext) = event {
                    put(out, vestibule::Server::default_reply(self, ext));
                }
            }
        }

        impl Subject for $client {
            fn fact(event: &Self::Event<'_>) -> Fact {
                Fact::response(event, $told)
            }

            fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
                match event {
                    Response::Body { bytes, .. } => Some(bytes),
                    _ => None,
                }
            }
        }
    };
}

subjects!(
    scgi::Server,
    scgi::Client,
    |ext| match ext {
        scgi::ServerExt::Excess => Fact::Ext("excess".into()),
        _ => Fact::Ext(format!("{ext:?}")),
    },
    |ext| match ext {
        scgi::ClientExt::LocalRedirect => Fact::Ext("local-redirect".into()),
        _ => Fact::Ext(format!("{ext:?}")),
    }
);

/// What every request has.
pub fn fields(method: &[u8]) -> [Field<'_>; 3] {
    [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", b"/a"),
        Field::header(b"Host", b"h"),
    ]
}

/// A client whose request without a body was sent.
pub fn asked<K: vestibule::Client>(mut client: K) -> K {
    let mut room = [0; 256];
    let opened = client.open(fields(b"GET"), Length::None, &mut room);
    let _ = opened.unwrap();
    client
}

/// 200 without a body, whole, where a request is complete; a refusal where one
/// is spoilt.
pub fn answer<V: vestibule::Server>(server: &mut V, fact: &Fact, out: &mut Vec<u8>) {
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

subjects!(
    vestibule::cgi::Server,
    vestibule::cgi::Client,
    |ext| match ext {
        vestibule::cgi::ServerExt::Excess => Fact::Ext("excess".into()),
        _ => Fact::Ext(format!("{ext:?}")),
    },
    |ext| match ext {
        vestibule::cgi::ClientExt::LocalRedirect => Fact::Ext("local-redirect".into()),
        _ => Fact::Ext(format!("{ext:?}")),
    }
);
