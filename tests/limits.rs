//! Every limit at its value, one below, one above.

mod common;

use common::fcgi::{begin, end, head, pairs, record};
use common::{Fact, Subject, feed, text};
use vestibule::cgi::response::{Parser, Rules};
use vestibule::fcgi::{ClientLimits, ServerLimits, client};
use vestibule::{Field, Length, Limits, Next, Receive, Status, fcgi};

fn nothing<M>(_: &mut M, _: &Fact, _: &mut Vec<u8>) {}

fn log<M: Subject>(mut machine: M, bytes: &[u8]) -> String {
    let (log, _) = feed(&mut machine, bytes, &[], false, &mut nothing).unwrap();
    text(&common::normal(&log).unwrap())
}

fn server(limits: ServerLimits, bytes: &[u8]) -> String {
    log(
        fcgi::Server::with_limits([fcgi::Slot::EMPTY; 2], limits),
        bytes,
    )
}

/// `at`: the limit that is just reached.
fn around(at: u32, error: &str, run: &dyn Fn(u32) -> String) {
    for (limit, broken) in [
        (at - 1, true),
        (at, false),
        (at + 1, false),
        (u32::MAX, false),
    ] {
        let log = run(limit);
        assert_eq!(log.contains(error), broken, "{error} with {limit}:\n{log}");
    }
}

const D: ServerLimits = ServerLimits::DEFAULT;

#[test]
fn of_the_fcgi_server() {
    let fields: [(&[u8], &[u8]); 3] = [(b"A", b"1"), (b"B", b""), (b"C", b"33")];
    let n = pairs(&fields).len() as u32;
    let one = head(1, 1, &fields);
    around(n, "HeadTooLong", &|l| server(D.head_bytes(l), &one));
    around(3, "TooManyFields", &|l| server(D.fields(l), &one));

    let mut body = head(1, 1, &[]);
    body.extend(record(5, 1, b"1234", 1));
    body.extend(record(5, 1, b"567", 0));
    around(7, "BodyTooLong", &|l| server(D.body_bytes(l.into()), &body));

    let stray = [record(3, 1, &[0; 8], 0), record(200, 9, b"", 0)].concat();
    around(2, "StrayRecords", &|l| server(D.stray_records(l), &stray));

    let asked = record(9, 0, b"", 0).repeat(3);
    around(3, "ManagementRecords", &|l| {
        server(D.management_records(l), &asked)
    });

    // Records for nobody, one after the other; an event begins the count anew.
    let nobody = record(5, 9, b"x", 0).repeat(3);
    let one = head(1, 1, &fields);
    let idle = [&nobody[..], &begin(2, 1, 1), &nobody, &one, &nobody].concat();
    around(3, "IdleRecords", &|l| server(D.idle_records(l), &idle));
    assert!(!server(D.idle_records(0), &one).contains("IdleRecords"));
}

#[test]
fn linger_bytes() {
    for (n, after) in [
        (9, vestibule::After::CloseWrite),
        (10, vestibule::After::Close),
    ] {
        let limits = D.linger_bytes(10);
        let mut server = fcgi::Server::with_limits([fcgi::Slot::EMPTY; 1], limits);
        let bytes = [head(1, 0, &[]), record(5, 1, b"", 0)].concat();
        let mut cursor = &bytes[..];
        while let Next::Event(_) = server.next(&mut cursor).unwrap() {}
        let id = vestibule::Id::SOLE;
        let _ = server.reject(id, vestibule::Rejection::Overloaded).unwrap();
        let junk = vec![7; n];
        assert!(matches!(server.next(&mut &junk[..]), Ok(Next::NeedInput)));
        assert_eq!(server.after(), after, "{n}");
    }
}

fn client(limits: ClientLimits, bytes: &[u8]) -> String {
    let mut machine = client::Client::with_limits([client::Slot::EMPTY; 2], limits);
    let mut room = [0; 64];
    let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
    let opened = machine.begin(fcgi::Role::Responder, true, fields, Length::None, &mut room);
    let _ = opened.unwrap();
    log(machine, bytes)
}

#[test]
fn of_the_fcgi_client() {
    let d = ClientLimits::DEFAULT;
    let text = b"A: 1\r\nB: 22\r\n\r\nbody";
    let mut answer = record(6, 1, text, 0);
    answer.extend(record(6, 1, b"", 0));
    answer.extend(end(1, 0, 0));
    around(text.len() as u32 - 4, "HeadTooLong", &|l| {
        client(d.head_bytes(l), &answer)
    });
    around(2, "TooManyFields", &|l| client(d.fields(l), &answer));
    around(4, "BodyTooLong", &|l| {
        client(d.body_bytes(l.into()), &answer)
    });
    around(7, "LineTooLong", &|l| {
        client(d.cgi(Rules::STRICT.line_bytes(l)), &answer)
    });

    let stray = [record(5, 1, b"x", 0), record(6, 2, b"y", 0)].concat();
    around(2, "StrayRecords", &|l| client(d.stray_records(l), &stray));
    let idle = record(7, 1, b"", 0).repeat(3);
    around(3, "IdleRecords", &|l| client(d.idle_records(l), &idle));
    assert!(!client(d.idle_records(0), &answer).contains("IdleRecords"));

    // Not an error: what is beyond is skipped.
    let noise = record(7, 1, b"abcdef", 0);
    for (limit, seen) in [(5, "\"abcde\""), (6, "\"abcdef\""), (7, "\"abcdef\"")] {
        let log = client(d.log_bytes(limit), &noise);
        assert!(log.contains(seen), "{log}");
    }
}

#[test]
fn of_a_cgi_response() {
    let bytes = b"A: 1\nBB: 22\n\nbody";
    let parse = |rules: Rules| {
        let mut parser = Parser::new(rules, false);
        let mut cursor = &bytes[..];
        loop {
            match parser.next(&mut cursor) {
                Ok(Next::Event(_)) => {}
                Ok(_) => return String::new(),
                Err(e) => return format!("{e:?}"),
            }
        }
    };
    let with = |limits: Limits| parse(Rules::STRICT.limits(limits));
    let d = Limits::DEFAULT;
    around(13, "HeadTooLong", &|l| with(d.head_bytes(l)));
    around(2, "TooManyFields", &|l| with(d.fields(l)));
    around(4, "BodyTooLong", &|l| with(d.body_bytes(l.into())));
    around(7, "LineTooLong", &|l| parse(Rules::STRICT.line_bytes(l)));
}
