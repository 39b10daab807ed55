//! Calls that are refused change nothing: a run with and one without them come
//! to the same log and the same bytes.

mod common;

use common::ajp as packets;
use common::fcgi::{end, head, record};
use common::http1::{CHUNKS, GET, POST, fields};
use common::link::{Call, Echo, Link, Web, echoed};
use common::oneshot::answer;
use common::{Fact, Random, feed, normal, put};
use vestibule::ajp::{Client as AjpClient, Server as AjpServer};
use vestibule::fcgi::{self, client};
use vestibule::{Client, Error, Field, Id, Length, Refused, Rejection, Server, Space, http1};

type Application = fcgi::Server<Vec<fcgi::Slot>>;
type WebServer = client::Client<Vec<client::Slot>>;

/// Calls that are to be refused, between those of a run; or none.
struct Mischief {
    random: Option<Random>,
    refused: usize,
}

impl Mischief {
    fn on(&self) -> bool {
        self.random.is_some()
    }

    /// Some calls; `illegal` gives `None` where the one that it drew is legal now.
    fn calls<M>(
        &mut self,
        machine: &mut M,
        illegal: impl Fn(&mut M, &mut Random) -> Option<Refused>,
    ) {
        let Some(random) = &mut self.random else {
            return;
        };
        for _ in 0..5 {
            self.refused += usize::from(illegal(machine, random).is_some());
        }
    }
}

/// Each run with mischief comes to the same as the one without.
fn nothing_changes<T: PartialEq>(least: usize, run: impl Fn(&mut Mischief) -> T) {
    let run = |random: Option<Random>| {
        let mut mischief = Mischief { random, refused: 0 };
        let came = run(&mut mischief);
        let Mischief { random, refused } = mischief;
        assert!(random.is_none() || refused > least, "{refused}");
        came
    };
    let quiet = run(None);
    for seed in 1..200 {
        assert!(run(Some(Random(seed))) == quiet, "seed {seed}");
    }
}

/// An answer of two bytes; with mischief none of what then is out of turn.
fn two_bytes<V: Server>(server: &mut V, id: Id, mischief: &Mischief, out: &mut Vec<u8>) {
    let mut room = [0; 64];
    let head = server.head(id, 200, [], Length::Known(2), &mut room);
    put(out, head.unwrap());
    if mischief.on() {
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
}

/// What is asked for, and its end; with mischief nothing that is out of turn.
fn asked_for<K: Client>(
    client: &mut K,
    [over, body]: [&[u8]; 2],
    get: [Field<'_>; 3],
    mischief: &Mischief,
    out: &mut Vec<u8>,
) {
    let id = Id::SOLE;
    let mut room = [0; 128];
    if mischief.on() {
        let over = client.body(id, &mut { over }).err();
        assert_eq!(over, Some(Refused::TooLong));
        let short = client.body_end(id, [], &mut room).err();
        assert_eq!(short, Some(Refused::State));
        let full = client.open(get, Length::None, &mut room);
        assert_eq!(full.map(drop).err(), Some(Refused::Full));
    }
    put(out, client.body(id, &mut { body }).unwrap());
    put(out, client.body_end(id, [], &mut room).unwrap());
    if mischief.on() {
        let late = client.body(id, &mut &b"e"[..]).err();
        assert_eq!(late, Some(Refused::State));
    }
}

fn every_cut(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).collect()
}

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
    nothing_changes(20, |mischief| {
        let mut server = Application::new(vec![fcgi::Slot::EMPTY; 2]);
        let mut react = |server: &mut Application, fact: &Fact, out: &mut Vec<u8>| {
            mischief.calls(server, illegal_server_call);
            match fact {
                Fact::BodyEnd(id) => {
                    let id = Id::new(*id).unwrap();
                    two_bytes(server, id, mischief, out);
                    if mischief.on() {
                        let none = server.reject(id, Rejection::Other(0)).err();
                        assert_eq!(none, Some(Refused::Status));
                        let late = server.reject(id, Rejection::Overloaded).err();
                        assert_eq!(late, Some(Refused::State));
                    }
                    put(out, server.end(id, 0).unwrap());
                }
                Fact::Abort(id) => put(out, server.end(Id::new(*id).unwrap(), 0).unwrap()),
                _ => {}
            }
        };
        let (log, out) = feed(&mut server, &bytes, &every_cut(&bytes), true, &mut react).unwrap();
        (normal(&log).unwrap(), out)
    });
}

#[test]
fn by_the_client() {
    let mut bytes = record(6, 1, b"X: y\r\n\r\nhi", 3);
    bytes.extend(record(7, 2, b"log", 0));
    bytes.extend(record(6, 2, b"X: y\r\n\r\n", 0));
    bytes.extend(record(6, 1, b"", 0));
    bytes.extend(end(1, 0, 0));
    bytes.extend(end(2, 0, 0));
    nothing_changes(10, |mischief| {
        let mut client = WebServer::new(vec![client::Slot::EMPTY; 2]);
        let mut room = [0; 64];
        for _ in 0..2 {
            let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
            let _ = Client::open(&mut client, fields, Length::None, &mut room).unwrap();
        }
        let mut react = |client: &mut WebServer, _: &Fact, _: &mut Vec<u8>| {
            mischief.calls(client, illegal_client_call);
        };
        let (log, out) = feed(&mut client, &bytes, &every_cut(&bytes), true, &mut react).unwrap();
        (normal(&log).unwrap(), out)
    });
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

/// Of a machine of one exchange at a time. `open`: there is one, whose answer is
/// not over.
fn illegal_sole_server_call<V: Server>(
    server: &mut V,
    open: bool,
    random: &mut Random,
) -> Option<Refused> {
    let other = Id::new(2 + random.below(9) as u16).unwrap();
    let mut room = [0; 300];
    let id = Id::SOLE;
    let long = [Field::header(b"X", &[b'v'; 300])];
    let bad = [bad_header(random)];
    match random.below(9) {
        0 => server.head(id, 99, [], Length::None, &mut room).err(),
        1 => server.head(id, 200, long, Length::None, &mut room).err(),
        2 => server.head(id, 200, bad, Length::None, &mut room).err(),
        3 => server.head(other, 200, [], Length::None, &mut room).err(),
        4 => server.body(other, &mut &b"x"[..]).err(),
        5 => server.finish(other, [], &mut room).err(),
        6 => server.fail(other, Error::Internal, &mut room).err(),
        7 if !open => server.head(id, 200, [], Length::None, &mut room).err(),
        8 if !open => server.finish(id, [], &mut room).err(),
        _ => return None,
    }
    .or_else(|| panic!("not refused"))
}

/// What no answer may carry.
fn bad_header(random: &mut Random) -> Field<'static> {
    let bad = [
        Field::header(b"X\r\n", b"v"),
        Field::header(b"X", b"v\n"),
        Field::header(b"Connection", b"close"),
        Field::header(b"Content-Length", b"1"),
        Field::trailer(b"X", b"v"),
    ];
    bad[random.below(bad.len())]
}

fn illegal_http_server_call(server: &mut http1::Server, random: &mut Random) -> Option<Refused> {
    let mut room = [0; 300];
    let (id, bad) = (Id::SOLE, [bad_header(random)]);
    match random.below(11) {
        0 => server.interim(id, 103, bad, &mut room).err(),
        1 => server.interim(id, 101, [], &mut room).err(),
        _ => {
            let open = server.minor_version(id).is_some();
            return illegal_sole_server_call(server, open, random);
        }
    }
    .or_else(|| panic!("not refused"))
}

#[test]
fn by_the_http_server() {
    let bytes = format!(
        "{GET}{POST}Content-Length: 3\r\n\r\nabc{CHUNKS}1\r\nx\r\n0\r\nA: b\r\n\r\n{CHUNKS}x"
    );
    let bytes = bytes.as_bytes();
    nothing_changes(20, |mischief| {
        let mut server = http1::Server::new();
        let mut react = |server: &mut http1::Server, fact: &Fact, out: &mut Vec<u8>| {
            mischief.calls(server, illegal_http_server_call);
            if *fact != Fact::BodyEnd(1) {
                return answer(server, fact, out);
            }
            two_bytes(server, Id::SOLE, mischief, out);
            mischief.calls(server, illegal_http_server_call);
            put(out, server.finish(Id::SOLE, [], &mut [0; 64]).unwrap());
            mischief.calls(server, illegal_http_server_call);
        };
        let (log, out) = feed(&mut server, bytes, &every_cut(bytes), true, &mut react).unwrap();
        (normal(&log).unwrap(), out, format!("{server:?}"))
    });
}

fn illegal_ajp_server_call(
    server: &mut AjpServer,
    open: bool,
    random: &mut Random,
) -> Option<Refused> {
    let id = Id::SOLE;
    let mut room = [0; 300];
    let huge = [Field::header(b"X", &[b'v'; 9000])];
    match random.below(12) {
        0 => server.interim(id, 200, [], &mut room).err(),
        1 => server.flush(Id::new(2).unwrap()).err(),
        2 => {
            let mut room = [0; 9999];
            server.head(id, 200, huge, Length::None, &mut room).err()
        }
        _ => return illegal_sole_server_call(server, open, random),
    }
    .or_else(|| panic!("not refused"))
}

#[test]
fn by_the_ajp_server() {
    let bytes = [
        packets::get(),
        packets::CPING.to_vec(),
        packets::post(8),
        packets::data(b"hello"),
        packets::data(b"abc"),
        packets::stream(),
        packets::data(b"x"),
        packets::data(b""),
        packets::forward(255, &[], &[]),
    ]
    .concat();
    nothing_changes(20, |mischief| {
        let mut server = AjpServer::new(packets::OPEN);
        let mut open = false;
        let mut react = |server: &mut AjpServer, fact: &Fact, out: &mut Vec<u8>| {
            let calls = |server: &mut AjpServer, open, mischief: &mut Mischief| {
                mischief.calls(server, |s, random| illegal_ajp_server_call(s, open, random));
            };
            match fact {
                Fact::Begin(_) | Fact::Fault(..) => open = false,
                Fact::HeadEnd(..) => open = true,
                _ => {}
            }
            calls(server, open, mischief);
            if *fact != Fact::BodyEnd(1) {
                return packets::answer(server, fact, out);
            }
            two_bytes(server, Id::SOLE, mischief, out);
            calls(server, true, mischief);
            put(out, server.finish(Id::SOLE, [], &mut []).unwrap());
            open = false;
            calls(server, false, mischief);
        };
        let (log, out) = feed(&mut server, &bytes, &every_cut(&bytes), true, &mut react).unwrap();
        (normal(&log).unwrap(), out, format!("{server:?}"))
    });
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
    nothing_changes(20, |mischief| {
        let mut client = http1::Client::new();
        let (mut room, mut sent) = ([0; 128], Vec::new());
        mischief.calls(&mut client, illegal_http_client_call);
        let expect = [Field::header(b"Expect", b"100-continue")];
        let put_fields = fields(b"PUT").into_iter().chain(expect);
        let opened = client.open(put_fields, Length::Known(4), &mut room);
        let (id, frame) = opened.unwrap();
        put(&mut sent, frame);
        let mut react = |client: &mut http1::Client, fact: &Fact, out: &mut Vec<u8>| {
            mischief.calls(client, illegal_http_client_call);
            let mut room = [0; 128];
            match fact {
                Fact::Demand(..) => {
                    asked_for(client, [b"abcde", b"abcd"], fields(b"GET"), mischief, out);
                }
                Fact::Done { reuse: true, .. } => {
                    if mischief.on() {
                        let over = client.abort(id).err();
                        assert_eq!(over, Some(Refused::UnknownId));
                    }
                    let opened = client.open(fields(b"GET"), Length::None, &mut room);
                    put(out, opened.unwrap().1);
                }
                _ => {}
            }
            mischief.calls(client, illegal_http_client_call);
        };
        let (log, out) = feed(&mut client, bytes, &every_cut(bytes), true, &mut react).unwrap();
        (normal(&log).unwrap(), out, sent, format!("{client:?}"))
    });
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
    nothing_changes(20, |mischief| {
        let mut client = AjpClient::new();
        let (mut room, mut sent) = ([0; 128], Vec::new());
        mischief.calls(&mut client, illegal_ajp_client_call);
        let opened = client.open(packets::fields(b"PUT"), Length::Known(10), &mut room);
        let (id, frame) = opened.unwrap();
        put(&mut sent, frame);
        if mischief.on() {
            let over = client.body(id, &mut &b"0123456789x"[..]).err();
            assert_eq!(over, Some(Refused::TooLong));
            let short = client.body_end(id, [], &mut []).err();
            assert_eq!(short, Some(Refused::State));
        }
        put(&mut sent, client.body(id, &mut &b"abc"[..]).unwrap());
        let mut react = |client: &mut AjpClient, fact: &Fact, out: &mut Vec<u8>| {
            mischief.calls(client, illegal_ajp_client_call);
            let mut room = [0; 128];
            let get = packets::fields(b"GET");
            match fact {
                Fact::Demand(..) => {
                    asked_for(client, [b"01234567", b"defghij"], get, mischief, out);
                }
                Fact::Done { reuse: true, .. } => {
                    if mischief.on() {
                        let over = client.abort(id).err();
                        assert_eq!(over, Some(Refused::UnknownId));
                    }
                    put(out, client.cping().unwrap());
                }
                Fact::Ext(_) => {
                    put(out, client.open(get, Length::None, &mut room).unwrap().1);
                }
                _ => {}
            }
            mischief.calls(client, illegal_ajp_client_call);
        };
        let (log, out) = feed(&mut client, &bytes, &every_cut(&bytes), true, &mut react).unwrap();
        (normal(&log).unwrap(), out, sent, format!("{client:?}"))
    });
}
