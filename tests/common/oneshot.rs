//! The machines that carry one request on a connection, as the tests see them.

use std::fmt::Debug;

use super::{Fact, Subject, What, put};
use vestibule::cgi::response::Rules;
use vestibule::scgi::{self, ServerLimits};
use vestibule::{Client, Error, Field, Id, Length, Request, Response, Server, cgi, uwsgi};

/// Names and values.
pub type Vars = Vec<(Vec<u8>, Vec<u8>)>;

/// What a second reader makes of bytes.
pub enum Read {
    /// A head, and how many bytes it has. What its variables come to is not
    /// judged.
    Head(Vars, usize),
    /// The beginning of one.
    Part,
    /// No head.
    Bad,
}

/// A protocol, for the tests that all of them pass.
pub trait Protocol {
    type Server: Server + Subject + Copy + Debug;
    type Client: Client + Subject + Copy + Debug;

    fn server(limits: ServerLimits) -> Self::Server;

    fn client(rules: Rules) -> Self::Client;

    /// A head by hand, with CONTENT_LENGTH and all that the protocol wants.
    fn head(length: &str, vars: &[(&[u8], &[u8])]) -> Vec<u8>;

    /// What [`head`](Self::head) writes besides, and how much of it counts as
    /// `head_bytes`.
    fn counted(head: &[u8]) -> (u32, u32);

    fn read(bytes: &[u8]) -> Read;

    /// The answer to a request in what a server wrote.
    fn answer(written: &[u8]) -> &[u8] {
        written
    }
}

pub struct Scgi;

impl Protocol for Scgi {
    type Server = scgi::Server;
    type Client = scgi::Client;

    fn server(limits: ServerLimits) -> scgi::Server {
        scgi::Server::with_limits(limits)
    }

    fn client(rules: Rules) -> scgi::Client {
        scgi::Client::with_rules(rules)
    }

    fn head(length: &str, vars: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut string = format!("CONTENT_LENGTH\0{length}\0SCGI\x001\0").into_bytes();
        for (name, value) in vars {
            string.extend([name, &b"\0"[..], value, b"\0"].concat());
        }
        let mut bytes = format!("{}:", string.len()).into_bytes();
        bytes.extend(string);
        bytes.push(b',');
        bytes
    }

    fn counted(head: &[u8]) -> (u32, u32) {
        let digits = head.iter().position(|b| *b == b':').unwrap();
        (2, (head.len() - digits - 2) as u32)
    }

    fn read(bytes: &[u8]) -> Read {
        let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
        let n = std::str::from_utf8(&bytes[..digits]).unwrap();
        if n.len() > 1 && n.starts_with('0') {
            return Read::Bad;
        }
        match bytes.get(digits) {
            None => return Read::Part,
            Some(b':') if digits > 0 => {}
            Some(_) => return Read::Bad,
        }
        let Ok(n) = n.parse::<u32>() else {
            return Read::Bad;
        };
        let end = digits + 1 + n as usize;
        let (Some(string), Some(comma)) = (bytes.get(digits + 1..end), bytes.get(end)) else {
            return Read::Part;
        };
        let mut strings: Vec<&[u8]> = string.split(|b| *b == 0).collect();
        // Behind the last NUL nothing stands.
        if *comma != b',' || strings.pop() != Some(&[]) || !strings.len().is_multiple_of(2) {
            return Read::Bad;
        }
        let pairs = strings.chunks(2).map(|p| (p[0].to_vec(), p[1].to_vec()));
        let vars: Vars = pairs.collect();
        if vars.iter().any(|v| v.0.is_empty()) {
            return Read::Bad;
        }
        Read::Head(vars, end + 1)
    }
}

pub struct Uwsgi;

impl Protocol for Uwsgi {
    type Server = uwsgi::Server;
    type Client = uwsgi::Client;

    /// Not every test has a method.
    fn server(limits: ServerLimits) -> uwsgi::Server {
        let limits = uwsgi::ServerLimits {
            common: limits.common,
            linger_bytes: limits.linger_bytes,
            ..uwsgi::ServerLimits::DEFAULT
        };
        let rules = uwsgi::Rules::STRICT.any_method(true);
        uwsgi::Server::with_limits(limits).rules(rules)
    }

    fn client(rules: Rules) -> uwsgi::Client {
        uwsgi::Client::with_rules(rules)
    }

    fn head(length: &str, vars: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut block = Vec::new();
        let length = [(&b"CONTENT_LENGTH"[..], length.as_bytes())];
        for (name, value) in length.iter().chain(vars) {
            for text in [name, value] {
                block.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
                block.extend(*text);
            }
        }
        let [low, high] = u16::try_from(block.len()).unwrap().to_le_bytes();
        [&[0, low, high, 0], &block[..]].concat()
    }

    fn counted(head: &[u8]) -> (u32, u32) {
        (1, head.len() as u32 - 4)
    }

    fn read(bytes: &[u8]) -> Read {
        let [kind, rest @ ..] = bytes else {
            return Read::Part;
        };
        match kind {
            0 => {}
            // A ping, a close mark: no head.
            100 | 200 => return Read::Part,
            _ => return Read::Bad,
        }
        let [low, high, _, rest @ ..] = rest else {
            return Read::Part;
        };
        let size = usize::from(*low) + usize::from(*high) * 256;
        let Some(mut block) = rest.get(..size) else {
            return Read::Part;
        };
        let mut text = || {
            let (length, rest) = block.split_at_checked(2)?;
            let n = usize::from(length[0]) + usize::from(length[1]) * 256;
            let (text, rest) = rest.split_at_checked(n)?;
            block = rest;
            Some((text.to_vec(), rest.is_empty()))
        };
        let mut vars = Vars::new();
        let mut over = size == 0;
        while !over {
            let (Some((name, _)), Some((value, last))) = (text(), text()) else {
                return Read::Bad;
            };
            if !(1..=256).contains(&name.len()) {
                return Read::Bad;
            }
            vars.push((name, value));
            over = last;
        }
        Read::Head(vars, 4 + size)
    }

    fn answer(written: &[u8]) -> &[u8] {
        written.strip_prefix(b"\x64\0\0\x01").unwrap_or(written)
    }
}

/// CGI: a program's environment, standard input and output.
pub struct Cgi;

impl Protocol for Cgi {
    type Server = cgi::Server;
    type Client = cgi::Client;

    fn server(limits: ServerLimits) -> cgi::Server {
        cgi::Server::with_limits(limits)
    }

    /// Every variable passes, as in the other protocols.
    fn client(rules: Rules) -> cgi::Client {
        let all = cgi::Passes::STRICT.any_variable(true).authorization(true);
        cgi::Client::with_rules(rules).passes(all)
    }

    fn head(length: &str, vars: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut block = format!("CONTENT_LENGTH={length}\0").into_bytes();
        for (name, value) in vars {
            block.extend([name, &b"="[..], value, b"\0"].concat());
        }
        block.push(0);
        block
    }

    fn counted(head: &[u8]) -> (u32, u32) {
        (1, head.len() as u32)
    }

    fn read(bytes: &[u8]) -> Read {
        let (mut vars, mut at) = (Vars::new(), 0);
        loop {
            let rest = &bytes[at..];
            let end = rest.iter().position(|b| *b == 0);
            let entry = &rest[..end.unwrap_or(rest.len())];
            match (entry.iter().position(|b| *b == b'='), end) {
                (_, Some(0)) => return Read::Head(vars, at + 1),
                (Some(0), _) | (None, Some(_)) => return Read::Bad,
                (_, None) => return Read::Part,
                (Some(n), Some(end)) => {
                    vars.push((entry[..n].to_vec(), entry[n + 1..].to_vec()));
                    at += end + 1;
                }
            }
        }
    }
}

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
                    put(out, Server::default_reply(self, ext));
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

subjects!(
    uwsgi::Server,
    uwsgi::Client,
    |ext| match ext {
        uwsgi::ServerExt::Ping => Fact::Ext("ping".into()),
        uwsgi::ServerExt::CloseMark => Fact::Ext("close-mark".into()),
        uwsgi::ServerExt::Excess => Fact::Ext("excess".into()),
        _ => Fact::Ext(format!("{ext:?}")),
    },
    |ext| match ext {
        uwsgi::ClientExt::Pong { warning: 0 } => Fact::Ext("pong".into()),
        uwsgi::ClientExt::Pong { warning } => Fact::Ext(format!("pong {warning}")),
        uwsgi::ClientExt::Warning(bytes) => Fact::bytes(1, What::Data, bytes),
        uwsgi::ClientExt::LocalRedirect => Fact::Ext("local-redirect".into()),
        _ => Fact::Ext(format!("{ext:?}")),
    }
);

subjects!(
    cgi::Server,
    cgi::Client,
    |ext| match ext {
        cgi::ServerExt::Excess => Fact::Ext("excess".into()),
        _ => Fact::Ext(format!("{ext:?}")),
    },
    |ext| match ext {
        cgi::ClientExt::LocalRedirect => Fact::Ext("local-redirect".into()),
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
pub fn asked<K: Client>(mut client: K) -> K {
    let mut room = [0; 256];
    let opened = client.open(fields(b"GET"), Length::None, &mut room);
    let _ = opened.unwrap();
    client
}

/// 200 without a body, whole, where a request is complete; a refusal where one
/// is spoilt.
pub fn answer<V: Server>(server: &mut V, fact: &Fact, out: &mut Vec<u8>) {
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
