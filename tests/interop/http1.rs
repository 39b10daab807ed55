//! HTTP between nginx 1.22.1 or Apache httpd 2.4.71, and Gunicorn 27.0.1 (its
//! gthread, `sync` and `asgi` workers), uvicorn 0.54.0, hypercorn 0.18.0 or
//! uWSGI 2.0.21 (`uwsgi`: http-socket, `uwsgi11`: http11-socket).

use crate::common::oneshot::answer;
use crate::common::{Entry, Fact, feed, normal};
use crate::{compare, read, replay_server, summary};
use std::fmt::Write;
use vestibule::http1::{Client, Server};
use vestibule::{Client as _, Field, Id, Length, Request, drain};

const ID: Id = Id::SOLE;

/// A request as the web server's bytes have it.
struct Asked {
    method: Vec<u8>,
    last: bool,
}

fn asked(bytes: &[u8]) -> Vec<Asked> {
    let mut all: Vec<Asked> = Vec::new();
    let mut cursor = bytes;
    drain(
        &mut Server::new(),
        &mut cursor,
        |server, event| match event {
            Request::Field { field, .. } if field.name == b"REQUEST_METHOD" => all.push(Asked {
                method: field.value.to_vec(),
                last: false,
            }),
            Request::HeadEnd { .. } => all.last_mut().unwrap().last = !server.keeps_alive(ID),
            Request::BodyEnd { .. } => answer(server, &Fact::BodyEnd(1), &mut Vec::new()),
            _ => {}
        },
    )
    .unwrap();
    all
}

fn open(client: &mut Client, asked: &Asked) {
    let fields = [
        Field::var(b"REQUEST_METHOD", &asked.method),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Host", b"h"),
    ];
    if asked.last {
        client.last();
    }
    let _ = client.open(fields, Length::None, &mut [0; 128]).unwrap();
}

/// What an application answered, through a client machine.
fn replay_client(bytes: &[u8], asked: &[Asked]) -> Vec<Entry> {
    let run = |cuts: &[usize]| {
        let mut next = 1;
        let mut react = |client: &mut Client, fact: &Fact, _: &mut Vec<u8>| {
            if let Fact::Done { reuse: true, .. } = fact
                && let Some(more) = asked.get(next)
            {
                open(client, more);
                next += 1;
            }
        };
        let mut client = Client::new();
        open(&mut client, &asked[0]);
        let (log, _) = feed(&mut client, bytes, cuts, true, &mut react).unwrap();
        (normal(&log).unwrap(), next)
    };
    let whole = run(&[]);
    assert_eq!(whole.1, asked.len(), "not every request had an answer");
    for cut in 0..=bytes.len().min(8192) {
        assert!(run(&[cut]) == whole, "cut at {cut}");
    }
    for size in [1, 7, 1448] {
        let cuts: Vec<usize> = (size..bytes.len()).step_by(size).collect();
        assert!(run(&cuts) == whole, "pieces of {size}");
    }
    whole.0
}

/// What the web server sent, then what the application did.
fn both(name: &str) -> String {
    let sent = read("http", name, "c2s");
    let log = replay_server(&Server::new, &answer, &sent);
    let mut out = format!("{name}\n sent\n{}", summary(&log, false));
    let answered = read("http", name, "s2c");
    let log = replay_client(&answered, &asked(&sent));
    write!(out, " answered\n{}", summary(&log, true)).unwrap();
    out
}

#[test]
fn recorded_traffic_of_http_comes_to_what_was_said() {
    let expected = include_str!("../traces/http/expected.txt");
    compare("http", 50, expected, both);
}
