//! The FastCGI machines as the tests see them, and records by hand.

use super::{Fact, Subject, What, put};
use vestibule::fcgi::{self, Slot, client};
use vestibule::{Request, Response, Server as _};

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Subject for fcgi::Server<S> {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::request(event, |ext| match ext {
            fcgi::ServerExt::Data { id, bytes } => Fact::bytes(id.get(), What::Data, bytes),
            fcgi::ServerExt::DataEnd { id } => Fact::Ext(format!("{id} data-end")),
            fcgi::ServerExt::Values(w) => {
                let names = [
                    (w.max_conns(), " max-conns"),
                    (w.max_reqs(), " max-reqs"),
                    (w.mpxs_conns(), " mpxs-conns"),
                ];
                let names = names.iter().filter(|n| n.0).map(|n| n.1);
                Fact::Ext(format!("values{}", names.collect::<String>()))
            }
            fcgi::ServerExt::UnknownType(kind) => Fact::Ext(format!("unknown-type {kind}")),
            fcgi::ServerExt::Surplus { id, reason } => {
                Fact::Ext(format!("{id} surplus {reason:?}"))
            }
            other => Fact::Ext(format!("{other:?}")),
        })
    }

    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Request::Body { bytes, .. } => Some(bytes),
            Request::Ext(fcgi::ServerExt::Data { bytes, .. }) => Some(bytes),
            _ => None,
        }
    }

    fn reply(&mut self, event: Self::Event<'_>, out: &mut Vec<u8>) {
        if let Request::Ext(ext) = event {
            put(out, self.default_reply(ext));
        }
    }
}

/// A record.
pub fn record(kind: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let [i0, i1] = id.to_be_bytes();
    let [n0, n1] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut out = vec![1, kind, i0, i1, n0, n1, padding, 0];
    out.extend_from_slice(content);
    out.resize(out.len() + usize::from(padding), 0);
    out
}

pub fn begin(id: u16, role: u8, flags: u8) -> Vec<u8> {
    record(1, id, &[0, role, flags, 0, 0, 0, 0, 0], 0)
}

pub fn end(id: u16, app_status: u32, protocol_status: u8) -> Vec<u8> {
    let mut content = app_status.to_be_bytes().to_vec();
    content.extend([protocol_status, 0, 0, 0]);
    record(3, id, &content, 0)
}

pub fn pairs(of: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in of {
        for n in [name.len(), value.len()] {
            match u8::try_from(n) {
                Ok(n) if n < 0x80 => out.push(n),
                _ => out.extend((n as u32 | 1 << 31).to_be_bytes()),
            }
        }
        out.extend_from_slice(name);
        out.extend_from_slice(value);
    }
    out
}

/// BEGIN, PARAMS and its end.
pub fn head(id: u16, flags: u8, fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = begin(id, 1, flags);
    if !fields.is_empty() {
        out.extend(record(4, id, &pairs(fields), 0));
    }
    out.extend(record(4, id, &[], 0));
    out
}

impl<S: AsRef<[client::Slot]> + AsMut<[client::Slot]>> Subject for client::Client<S> {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::response(event, |ext| match ext {
            client::Ext::Values(v) => {
                let mut text = "values".to_string();
                if let Some(n) = v.max_conns {
                    text += &format!(" max-conns {n}");
                }
                if let Some(n) = v.max_reqs {
                    text += &format!(" max-reqs {n}");
                }
                if let Some(on) = v.mpxs_conns {
                    text += &format!(" mpxs-conns {on}");
                }
                Fact::Ext(text)
            }
            client::Ext::UnknownType(kind) => Fact::Ext(format!("unknown-type {kind}")),
            client::Ext::Unanswered => Fact::Ext("unanswered".into()),
            client::Ext::LocalRedirect { id } => Fact::Ext(format!("{id} local-redirect")),
            other => Fact::Ext(format!("{other:?}")),
        })
    }

    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Response::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}
