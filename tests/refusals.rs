//! Calls that are refused change nothing: a run with and one without them come
//! to the same log and the same bytes.

mod common;

use common::fcgi::{end, head, record};
use common::link::{Call, Echo, Link, Web, echoed};
use common::{Fact, Random, feed, normal, put};
use vestibule::fcgi::{self, client};
use vestibule::{Client, Error, Field, Id, Length, Refused, Rejection, Server};

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
