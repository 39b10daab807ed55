//! AJP heads that we write are read back as they were meant, and nothing else.

use vestibule::ajp::{Client, ClientLimits, Server, ServerLimits, ServerRules};
use vestibule::{
    Client as _, Field, Fields, Id, Length, Next, Receive, Refused, Request, Response, Server as _,
    Space, drain,
};

use super::Source;
use super::encode::fields;

const ID: Id = Id::SOLE;

fn length(source: &mut Source<'_>, what: u8) -> Length {
    match what >> 4 & 3 {
        0 => Length::None,
        1 => Length::Unknown,
        _ => Length::Known(u64::from(source.byte())),
    }
}

fn is_length(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"content-length")
}

fn asked() -> (Client, Server) {
    let mut client = Client::new().limits(ClientLimits::DEFAULT.fields(1000));
    let rules = ServerRules::STRICT.without_secret(true);
    let mut server = Server::new(rules).limits(ServerLimits::DEFAULT.fields(1000));
    let start = [
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"REQUEST_URI", b"/"),
    ];
    let mut room = [0; 128];
    let (_, frame) = client
        .open(start, Length::None, &mut room)
        .expect("a request");
    let bytes = frame.slices().concat();
    assert!(drain(&mut server, &mut &bytes[..], |_, _| {}).expect("a request"));
    (client, server)
}

/// SEND_HEADERS of given fields, read by a client.
pub fn answer(source: &mut Source<'_>, what: u8) {
    let status = [200, 304, 204, 404 + u16::from(what)][usize::from(what >> 2 & 3)];
    let length = length(source, what);
    let mut given = fields(source);
    if what & 0x40 != 0 {
        // Else hardly any is good.
        given.retain(|f| f.space == Space::Header);
    }
    let iter = || given.iter().copied();
    let (mut client, mut server) = asked();
    let mut room = vec![0; 20_000];
    let before = format!("{server:?}");
    let bytes = match server.head(ID, status, iter(), length, &mut room) {
        Ok(frame) => frame.slices().concat(),
        Err(refused) => {
            assert!(matches!(
                refused,
                Refused::Field | Refused::Status | Refused::TooLong
            ));
            assert_eq!(format!("{server:?}"), before);
            return;
        }
    };
    let (_, mut again) = asked();
    let need = bytes.len();
    let mut small = vec![0; need - 1];
    let short = again.head(ID, status, iter(), length, &mut small);
    assert_eq!(short.err(), Some(Refused::Room { need }));
    assert!(need <= 8192);
    let (mut read, mut input) = (Vec::new(), &bytes[..]);
    let told = loop {
        match client.next(&mut input) {
            Ok(Next::Event(Response::Field { field, .. })) => {
                read.push((field.name.to_ascii_lowercase(), field.value.to_vec()));
            }
            Ok(Next::Event(Response::HeadEnd {
                status: s, length, ..
            })) => {
                assert_eq!(s, status);
                break length;
            }
            other => panic!("{other:?} of {}", bytes.escape_ascii()),
        }
    };
    assert!(input.is_empty());
    match length {
        _ if status == 204 => assert_eq!(told, Length::None),
        Length::Known(_) => assert_eq!(told, length),
        _ => assert!(!matches!(told, Length::Known(1..))),
    }
    let expected = given
        .iter()
        .filter(|f| !is_length(f.name))
        .map(|f| (f.name.to_ascii_lowercase(), f.trimmed().to_vec()));
    read.retain(|f| !is_length(&f.0));
    assert!(expected.eq(read));
}

/// FORWARD_REQUEST of given fields, read by a server.
pub fn request(source: &mut Source<'_>, what: u8) {
    let length = length(source, what);
    let mut given = fields(source);
    if what & 0x40 != 0 {
        given.retain(|f| matches!(f.space, Space::Header));
    }
    let own = |f: &Field<'_>| f.space == Space::Var && f.name == b"REQUEST_METHOD";
    if !given.iter().any(own) {
        given.push(Field::var(b"REQUEST_METHOD", b"POST"));
    }
    given.push(Field::var(b"REQUEST_URI", b"/a?b"));
    let mut client = Client::with_secret(&b"s3cret"[..]);
    let before = format!("{client:?}");
    let mut room = vec![0; 20_000];
    let bytes = match client.open(given.iter().copied(), length, &mut room) {
        Ok((_, frame)) => frame.slices().concat(),
        Err(refused) => {
            assert!(matches!(refused, Refused::Field | Refused::TooLong));
            assert_eq!(format!("{client:?}"), before);
            return;
        }
    };
    assert!(bytes.len() <= 8192);
    let rules = ServerRules::STRICT
        .secret(&b"s3cret"[..])
        .any_attribute(true);
    let mut server = Server::new(rules).limits(ServerLimits::DEFAULT.fields(1000));
    let (mut read, mut input) = (Fields::new(vec![0; 40_000]), &bytes[..]);
    let told = loop {
        match server.next(&mut input) {
            Ok(Next::Event(Request::Begin { .. })) => {}
            Ok(Next::Event(Request::Field { field, .. })) => read.push(field).expect("room"),
            Ok(Next::Event(Request::HeadEnd { length, .. })) => break length,
            other => panic!("{other:?} of {}", bytes.escape_ascii()),
        }
    };
    assert!(input.is_empty());
    match length {
        Length::Known(1..) | Length::Unknown => assert_eq!(told, length),
        _ => assert!(matches!(told, Length::None | Length::Known(0))),
    }
    // Each header field was given, and each that was given as one is there.
    let framing = |name: &[u8]| is_length(name) || name.eq_ignore_ascii_case(b"transfer-encoding");
    let headers = || {
        read.iter()
            .filter(|f| f.space == Space::Header && !framing(f.name))
    };
    for field in headers() {
        let mine = |g: &&Field<'_>| {
            g.name.eq_ignore_ascii_case(field.name)
                || vestibule::cgi::meta::header_name(g.name).is_some_and(|n| n.is(field.name))
        };
        let value = |g: &Field<'_>| g.value.trim_ascii() == field.value.trim_ascii();
        assert!(given.iter().filter(mine).any(value), "{field:?}");
    }
    let sent = headers().count();
    let all = given
        .iter()
        .filter(|g| matches!(g.space, Space::Header | Space::Var));
    assert!(sent <= all.count());
    assert!(read.get(b"secret").is_none());
}
