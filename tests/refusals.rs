//! Calls that are refused change nothing: a run with and one without them come
//! to the same log and the same bytes.

mod common;

use common::ajp as packets;
use common::fcgi::{end, head, record};
use common::http1::{CHUNKS, GET, POST, fields};
use common::link::{Call, Echo, Link, Web, echoed};
use common::oneshot::answer;
use common::{Fact, Random, feed, normal, put};
use vestibule::ajp::Client as AjpClient;
use vestibule::fcgi::{self, client};
use vestibule::{Client, Error, Field, Id, Length, Refused, Rejection, Server, Space, http1};

type Application = fcgi::Server<Vec<fcgi::Slot>>;
type WebServer = client::Client<Vec<client::Slot>>;

fn any_id(random: &mut Random) -> Id {
    Id::new([1, 2, 3, 9, 65_535][random.below(5)]).unwrap()
}

/// A call that must be refused, whatever the state: `None` where the one that
/// was drawn is legal now.
fn illegal_server_call(server: &mut Application, random: &mut Random) -> Option<Refused> {
    let id = any_id(random);
    let known = server.slot_of(id).is_some();
    let mut room = [0; 64];
    let long = [Field::header(b"X", &[b'v'; 100])];
    let bad = [Field::header(b"X\r\n", b"v")];
    match random.below(6) {
        0 => server.head(id, 99, [], Length::None, &mut room).err(),
        1 => server.head(id, 200, long, Length::None, &mut room).err(),
        2 => server.head(id, 200, bad, Length::None, &mut room).err(),
        3 if !known => server.body(id, &mut &b"x"[..]).err(),
        4 if !known => server.finish(id, [], &mut room).err(),
        5 if !known => server.fail(id, Error::Internal, &mut room).err(),
        _ => return None,
    }
    .or_else(|| panic!("not refused"))
}

fn illegal_client_call(client: &mut WebServer, random: &mut Random) -> Option<Refused> {
    let id = any_id(random);
    let known = client.slot_of(id).is_some();
    let mut room = [0; 16];
    let fields = [
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"A", &[b'v'; 100]),
    ];
    let bad = [Field::var(b"", b"v")];
    match random.below(6) {
        0 => client.open(fields, Length::None, &mut room).err(),
        1 => client.open(bad, Length::None, &mut [0; 64]).err(),
        2 if !known => client.body(id, &mut &b"x"[..]).err(),
        3 if !known => client.body_end(id).err(),
        4 if !known => client.abort(id).err(),
        _ => return None,
    }
    .or_else(|| panic!("not refused"))
}

fn requests() -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(head(1, 1, &[(b"CONTENT_LENGTH", b"3"), (b"A", b"")]));
    bytes.extend(head(2, 1, &[(b"B", b"1")]));
    bytes.extend(record(5, 1, b"ab", 1));
    bytes.extend(record(5, 2, b"xyz", 0));
    bytes.extend(record(2, 2, b"", 0));
    bytes.extend(record(5, 1, b"c", 0));
    bytes.extend(record(5, 1, b"", 0));
    bytes
}

#[test]
fn by_the_server() {
    let bytes = requests();
    let run = |mischief: Option<u64>| {
        let mut random = Random(mischief.unwrap_or(0));
        let mut refused = 0;
        let mut server = Application::new(vec![fcgi::Slot::EMPTY; 2]);
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        let mut react = |server: &mut Application, fact: &Fact, out: &mut Vec<u8>| {
            if mischief.is_some() {
                for _ in 0..5 {
                    refused += usize::from(illegal_server_call(server, &mut random).is_some());
                }
            }
            let mut room = [0; 64];
            match fact {
                Fact::BodyEnd(id) => {
                    let id = Id::new(*id).unwrap();
                    put(
                        out,
                        server
                            .head(id, 200, [], Length::Known(2), &mut room)
                            .unwrap(),
                    );
                    if mischief.is_some() {
                        let again = server.head(id, 200, [], Length::None, &mut room).err();
                        assert_eq!(again, Some(Refused::State));
                        let over = server.body(id, &mut &b"abc"[..]).err();
                        assert_eq!(over, Some(Refused::TooLong));
                        let short = server.finish(id, [], &mut room).err();
                        assert_eq!(short, Some(Refused::State));
                        let none = server.reject(id, Rejection::Other(0)).err();
                        assert_eq!(none, Some(Refused::Status));
                        let late = server.reject(id, Rejection::Overloaded).err();
                        assert_eq!(late, Some(Refused::State));
                    }
                    put(out, server.body(id, &mut &b"ok"[..]).unwrap());
                    put(out, server.end(id, 0).unwrap());
                }
                Fact::Abort(id) => put(out, server.end(Id::new(*id).unwrap(), 0).unwrap()),
                _ => {}
            }
        };
        let (log, out) = feed(&mut server, &bytes, &cuts, true, &mut react).unwrap();
        assert!(mischief.is_none() || refused > 20, "{refused}");
        (normal(&log).unwrap(), out)
    };
    let quiet = run(None);
    for seed in 1..200 {
        assert!(run(Some(seed)) == quiet, "seed {seed}");
    }
}

#[test]
fn by_the_client() {
    let mut bytes = record(6, 1, b"X: y\r\n\r\nhi", 3);
    bytes.extend(record(7, 2, b"log", 0));
    bytes.extend(record(6, 2, b"X: y\r\n\r\n", 0));
    bytes.extend(record(6, 1, b"", 0));
    bytes.extend(end(1, 0, 0));
    bytes.extend(end(2, 0, 0));
    let run = |mischief: Option<u64>| {
        let mut random = Random(mischief.unwrap_or(0));
        let mut refused = 0;
        let mut client = WebServer::new(vec![client::Slot::EMPTY; 2]);
        let mut room = [0; 64];
        for _ in 0..2 {
            let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
            let _ = Client::open(&mut client, fields, Length::None, &mut room).unwrap();
        }
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        let mut react = |client: &mut WebServer, _: &Fact, _: &mut Vec<u8>| {
            if mischief.is_some() {
                for _ in 0..5 {
                    refused += usize::from(illegal_client_call(client, &mut random).is_some());
                }
            }
        };
        let (log, out) = feed(&mut client, &bytes, &cuts, true, &mut react).unwrap();
        assert!(mischief.is_none() || refused > 10, "{refused}");
        (normal(&log).unwrap(), out)
    };
    let quiet = run(None);
    for seed in 1..200 {
        assert!(run(Some(seed)) == quiet, "seed {seed}");
    }
}

/// Both joined, with mischief on both sides all the time.
#[test]
fn by_both_while_they_talk() {
    for seed in 0..6 {
        let mut random = Random(seed);
        let all: Vec<Call> = (0..30)
            .map(|_| {
                let n = random.below(9000);
                Call::new(random.bytes(n), Length::Known(n as u64))
            })
            .collect();
        let mut web = Web::new(WebServer::new(vec![client::Slot::EMPTY; 3]), all);
        let mut app = Echo::new(Application::new(vec![fcgi::Slot::EMPTY; 3]));
        let (mut up, mut down) = (Link::default(), Link::default());
        let mut refused = 0;
        for _ in 0..100_000 {
            refused += usize::from(illegal_client_call(&mut web.machine, &mut random).is_some());
            web.send(&mut up.queue);
            up.deliver(&mut random);
            refused += usize::from(illegal_server_call(&mut app.machine, &mut random).is_some());
            up.feed(|input| app.read(input, &mut down.queue));
            app.send(&mut down.queue);
            refused += usize::from(illegal_server_call(&mut app.machine, &mut random).is_some());
            down.deliver(&mut random);
            down.feed(|input| web.read(input, &mut up.queue));
            if web.over() {
                break;
            }
        }
        echoed(&web.calls);
        assert!(refused > 30, "{refused}");
    }
}

/// As above. `open`: a request is, whose head is complete and whose answer was
/// not begun.
fn illegal_http_server_call(server: &mut http1::Server, random: &mut Random) -> Option<Refused> {
    let other = Id::new(2 + random.below(9) as u16).unwrap();
    let mut room = [0; 300];
    let id = Id::SOLE;
    let open = server.minor_version(id).is_some();
    let long = [Field::header(b"X", &[b'v'; 300])];
    let bad = [
        Field::header(b"X\r\n", b"v"),
        Field::header(b"X", b"v\n"),
        Field::header(b"Connection", b"close"),
        Field::header(b"Content-Length", b"1"),
        Field::trailer(b"X", b"v"),
    ];
    let bad = [bad[random.below(bad.len())]];
    match random.below(11) {
        0 => server.head(id, 99, [], Length::None, &mut room).err(),
        1 => server.head(id, 200, long, Length::None, &mut room).err(),
        2 => server.head(id, 200, bad, Length::None, &mut room).err(),
        3 => server.head(other, 200, [], Length::None, &mut room).err(),
        4 => server.interim(id, 103, bad, &mut room).err(),
        5 => server.interim(id, 101, [], &mut room).err(),
        6 => server.body(other, &mut &b"x"[..]).err(),
        7 => server.finish(other, [], &mut room).err(),
        8 => server.fail(other, Error::Internal, &mut room).err(),
        9 if !open => server.head(id, 200, [], Length::None, &mut room).err(),
        10 if !open => server.finish(id, [], &mut room).err(),
        _ => return None,
    }
    .or_else(|| panic!("not refused"))
}

#[test]
fn by_the_http_server() {
    let bytes = format!(
        "{GET}{POST}Content-Length: 3\r\n\r\nabc{CHUNKS}1\r\nx\r\n0\r\nA: b\r\n\r\n{CHUNKS}x"
    );
    let run = |mischief: Option<u64>| {
        let mut random = Random(mischief.unwrap_or(0));
        let mut refused = 0;
        let mut server = http1::Server::new();
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        let mut react = |server: &mut http1::Server, fact: &Fact, out: &mut Vec<u8>| {
            let mut room = [0; 64];
            let id = Id::SOLE;
            let mut calls = |server: &mut http1::Server| {
                for _ in 0..if mischief.is_some() { 5 } else { 0 } {
                    refused += usize::from(illegal_http_server_call(server, &mut random).is_some());
                }
            };
            calls(server);
            if *fact != Fact::BodyEnd(1) {
                return answer(server, fact, out);
            }
            let head = server.head(id, 200, [], Length::Known(2), &mut room);
            put(out, head.unwrap());
            calls(server);
            if mischief.is_some() {
                let again = server.head(id, 200, [], Length::None, &mut room).err();
                assert_eq!(again, Some(Refused::State));
                let late = server.interim(id, 103, [], &mut room).err();
                assert_eq!(late, Some(Refused::State));
                let over = server.body(id, &mut &b"abc"[..]).err();
                assert_eq!(over, Some(Refused::TooLong));
                let short = server.finish(id, [], &mut room).err();
                assert_eq!(short, Some(Refused::State));
            }
            put(out, server.body(id, &mut &b"ok"[..]).unwrap());
            put(out, server.finish(id, [], &mut room).unwrap());
            calls(server);
        };
        let (log, out) = feed(&mut server, bytes.as_bytes(), &cuts, true, &mut react).unwrap();
        assert!(mischief.is_none() || refused > 20, "{refused}");
        (normal(&log).unwrap(), out, format!("{server:?}"))
    };
    let quiet = run(None);
    for seed in 1..200 {
        assert!(run(Some(seed)) == quiet, "seed {seed}");
    }
}

fn illegal_http_client_call(client: &mut http1::Client, random: &mut Random) -> Option<Refused> {
    let other = Id::new(2 + random.below(9) as u16).unwrap();
    let mut room = [0; 300];
    let long = [Field::header(b"X", &[b'v'; 300])];
    let bad = [
        Field::header(b"X\r\n", b"v"),
        Field::var(b"HTTP_X", b"v\n"),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Host", b"i"),
        Field::header(b"Transfer-Encoding", b"chunked"),
        Field::header(b"Upgrade", b" "),
        Field::header(b"Expect", b"100-continue"),
        Field::trailer(b"X", b"v"),
    ];
    let bad = [bad[random.below(bad.len())]];
    let more = |more: [Field<'static>; 1]| fields(b"GET").into_iter().chain(more);
    let free = client.free() > 0;
    match random.below(9) {
        0 if !free => client.open(more(bad), Length::None, &mut room).err(),
        1 => client
            .open(more(bad), Length::None, &mut room)
            .map(drop)
            .err(),
        2 => {
            let all = fields(b"GET").into_iter().chain(long);
            client.open(all, Length::None, &mut room).map(drop).err()
        }
        3 => client.open([], Length::None, &mut room).map(drop).err(),
        4 => {
            let trace = fields(b"TRACE");
            client
                .open(trace, Length::Known(0), &mut room)
                .map(drop)
                .err()
        }
        5 => client.body(other, &mut &b"x"[..]).err(),
        6 => client.body_end(other, [], &mut room).err(),
        7 => client.abort(other).err(),
        8 => client.proceed(other).err(),
        _ => return None,
    }
    .or_else(|| panic!("not refused"))
}

#[test]
fn by_the_http_client() {
    let bytes = b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi\
        HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        2\r\nhi\r\n0\r\nSum: 1\r\n\r\nHTTP/1.1 204 N\r\n\r\n";
    let run = |mischief: Option<u64>| {
        let mut random = Random(mischief.unwrap_or(0));
        let mut refused = 0;
        let mut client = http1::Client::new();
        let (mut room, mut sent) = ([0; 128], Vec::new());
        let mut calls = |client: &mut http1::Client| {
            for _ in 0..if mischief.is_some() { 5 } else { 0 } {
                refused += usize::from(illegal_http_client_call(client, &mut random).is_some());
            }
        };
        calls(&mut client);
        let expect = [Field::header(b"Expect", b"100-continue")];
        let put_fields = fields(b"PUT").into_iter().chain(expect);
        let opened = client.open(put_fields, Length::Known(4), &mut room);
        let (id, frame) = opened.unwrap();
        put(&mut sent, frame);
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        let mut react = |client: &mut http1::Client, fact: &Fact, out: &mut Vec<u8>| {
            calls(client);
            let mut room = [0; 128];
            match fact {
                Fact::Demand(..) => {
                    if mischief.is_some() {
                        let over = client.body(id, &mut &b"abcde"[..]).err();
                        assert_eq!(over, Some(Refused::TooLong));
                        let short = client.body_end(id, [], &mut room).err();
                        assert_eq!(short, Some(Refused::State));
                        let full = client.open(fields(b"GET"), Length::None, &mut room);
                        assert_eq!(full.map(drop).err(), Some(Refused::Full));
                    }
                    put(out, client.body(id, &mut &b"abcd"[..]).unwrap());
                    put(out, client.body_end(id, [], &mut room).unwrap());
                    if mischief.is_some() {
                        let late = client.body(id, &mut &b"e"[..]).err();
                        assert_eq!(late, Some(Refused::State));
                    }
                }
                Fact::Done { reuse: true, .. } => {
                    if mischief.is_some() {
                        let over = client.abort(id).err();
                        assert_eq!(over, Some(Refused::UnknownId));
                    }
                    let opened = client.open(fields(b"GET"), Length::None, &mut room);
                    put(out, opened.unwrap().1);
                }
                _ => {}
            }
            calls(client);
        };
        let (log, out) = feed(&mut client, bytes, &cuts, true, &mut react).unwrap();
        assert!(mischief.is_none() || refused > 20, "{refused}");
        (normal(&log).unwrap(), out, sent, format!("{client:?}"))
    };
    let quiet = run(None);
    for seed in 1..200 {
        assert!(run(Some(seed)) == quiet, "seed {seed}");
    }
}

fn illegal_ajp_client_call(client: &mut AjpClient, random: &mut Random) -> Option<Refused> {
    let other = Id::new(2 + random.below(9) as u16).unwrap();
    let mut room = vec![0; 9000];
    let long = [Field::header(b"X", &[b'v'; 8192])];
    let bad = [
        Field::header(b"X\r\n", b"v"),
        Field::header(b"X", b"v\0"),
        Field::var(b"HTTP_X", b"v\n"),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Transfer-Encoding", b"chunked"),
        Field::header(b"Content-Length", b"5"),
        Field::trailer(b"X", b"v"),
        Field {
            space: Space::Attribute,
            ..Field::var(b"secret", b"v")
        },
    ];
    let bad = [bad[random.below(bad.len())]];
    let more = |more: [Field<'static>; 1]| packets::fields(b"GET").into_iter().chain(more);
    let free = client.free() > 0;
    match random.below(9) {
        0 => client
            .open(more(bad), Length::None, &mut room)
            .map(drop)
            .err(),
        1 => {
            let all = packets::fields(b"GET").into_iter().chain(long);
            client.open(all, Length::None, &mut room).map(drop).err()
        }
        2 => client.open([], Length::None, &mut room).map(drop).err(),
        3 => {
            let all = packets::fields(b"GET");
            client
                .open(all, Length::None, &mut room[..9])
                .map(drop)
                .err()
        }
        4 if !free => client.cping().err(),
        5 => client.body(other, &mut &b"x"[..]).err(),
        6 => client.body_end(other, [], &mut room).err(),
        7 => client.abort(other).err(),
        _ => return None,
    }
    .or_else(|| panic!("not refused"))
}

#[test]
fn by_the_ajp_client() {
    let bytes = [
        packets::get_body_chunk(8),
        packets::head(200, &[(b"A", b"b")]),
        packets::chunk(b"hi"),
        packets::end(1),
        packets::reply(&[9]),
        packets::head(204, &[]),
        packets::end(0),
    ]
    .concat();
    let run = |mischief: Option<u64>| {
        let mut random = Random(mischief.unwrap_or(0));
        let mut refused = 0;
        let mut client = AjpClient::new();
        let (mut room, mut sent) = ([0; 128], Vec::new());
        let mut calls = |client: &mut AjpClient| {
            for _ in 0..if mischief.is_some() { 5 } else { 0 } {
                refused += usize::from(illegal_ajp_client_call(client, &mut random).is_some());
            }
        };
        calls(&mut client);
        let opened = client.open(packets::fields(b"PUT"), Length::Known(10), &mut room);
        let (id, frame) = opened.unwrap();
        put(&mut sent, frame);
        if mischief.is_some() {
            let over = client.body(id, &mut &b"0123456789x"[..]).err();
            assert_eq!(over, Some(Refused::TooLong));
            let short = client.body_end(id, [], &mut []).err();
            assert_eq!(short, Some(Refused::State));
        }
        put(&mut sent, client.body(id, &mut &b"abc"[..]).unwrap());
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        let mut react = |client: &mut AjpClient, fact: &Fact, out: &mut Vec<u8>| {
            calls(client);
            let mut room = [0; 128];
            match fact {
                Fact::Demand(..) => {
                    if mischief.is_some() {
                        let over = client.body(id, &mut &b"01234567"[..]).err();
                        assert_eq!(over, Some(Refused::TooLong));
                        let short = client.body_end(id, [], &mut room).err();
                        assert_eq!(short, Some(Refused::State));
                        let full = client.open(packets::fields(b"GET"), Length::None, &mut room);
                        assert_eq!(full.map(drop).err(), Some(Refused::Full));
                    }
                    put(out, client.body(id, &mut &b"defghij"[..]).unwrap());
                    put(out, client.body_end(id, [], &mut room).unwrap());
                    if mischief.is_some() {
                        let late = client.body(id, &mut &b"e"[..]).err();
                        assert_eq!(late, Some(Refused::State));
                    }
                }
                Fact::Done { reuse: true, .. } => {
                    if mischief.is_some() {
                        let over = client.abort(id).err();
                        assert_eq!(over, Some(Refused::UnknownId));
                    }
                    put(out, client.cping().unwrap());
                }
                Fact::Ext(_) => {
                    let opened = client.open(packets::fields(b"GET"), Length::None, &mut room);
                    put(out, opened.unwrap().1);
                }
                _ => {}
            }
            calls(client);
        };
        let (log, out) = feed(&mut client, &bytes, &cuts, true, &mut react).unwrap();
        assert!(mischief.is_none() || refused > 20, "{refused}");
        (normal(&log).unwrap(), out, sent, format!("{client:?}"))
    };
    let quiet = run(None);
    for seed in 1..200 {
        assert!(run(Some(seed)) == quiet, "seed {seed}");
    }
}
