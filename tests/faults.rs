//! One bad exchange among good ones: the neighbours' logs are what they are
//! without it, whatever the cut. And an error stays what it is.

mod common;

use common::fcgi::{begin, end, head, record};
use common::{Entry, Fact, check, hex, text};
use vestibule::fcgi::{self, client};
use vestibule::{Field, Length};

fn nothing<M>(_: &mut M, _: &Fact, _: &mut Vec<u8>) {}

/// The log of one exchange, without places.
fn only(log: &[Entry], id: u16) -> Vec<Fact> {
    let mine = |e: &&Entry| e.fact.id() == Some(id);
    log.iter().filter(mine).map(|e| e.fact.clone()).collect()
}

fn alternate(a: &[Vec<u8>], b: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for i in 0..a.len().max(b.len()) {
        out.extend(a.get(i).into_iter().flatten());
        out.extend(b.get(i).into_iter().flatten());
    }
    out
}

#[test]
fn of_requests() {
    let good = [
        begin(2, 1, 1),
        record(4, 2, b"\x0e\x01CONTENT_LENGTH3", 1),
        record(4, 2, b"", 0),
        record(5, 2, b"ab", 0),
        record(5, 2, b"c", 5),
        record(5, 2, b"", 0),
    ];
    let server = || fcgi::Server::new([fcgi::Slot::EMPTY; 2]);
    let (alone, _) = check(&server, &good.concat(), false, &nothing).unwrap();
    let bad = [
        (
            "BadPair",
            vec![
                begin(1, 1, 1),
                record(4, 1, b"\x05\x01HTT", 0),
                record(4, 1, b"", 0),
            ],
        ),
        (
            "HeadTooLong",
            vec![begin(1, 1, 1), record(4, 1, &[0xff; 8], 0)],
        ),
        (
            "OutOfOrder(5)",
            vec![begin(1, 1, 1), record(5, 1, b"x", 0), record(4, 1, b"", 0)],
        ),
        (
            "BodyExcess",
            vec![
                head(1, 1, &[(b"CONTENT_LENGTH", b"1")]),
                record(5, 1, b"xy", 0),
                record(5, 1, b"", 0),
            ],
        ),
        (
            "BodyShort",
            vec![
                head(1, 1, &[(b"CONTENT_LENGTH", b"3")]),
                record(5, 1, b"xy", 0),
                record(5, 1, b"", 0),
            ],
        ),
        (
            "ContentLength",
            vec![
                head(1, 1, &[(b"CONTENT_LENGTH", b"x")]),
                record(5, 1, b"", 0),
            ],
        ),
    ];
    for (error, bad) in bad {
        let bytes = alternate(&bad, &good);
        let (log, _) = check(&server, &bytes, false, &nothing).unwrap();
        assert_eq!(only(&log, 2), only(&alone, 2), "{error}");
        let last = format!("1 fault {error}");
        let mine = only(&log, 1);
        assert_eq!(mine.last().unwrap().to_string(), last, "{}", text(&log));
        assert_eq!(mine.iter().filter(|f| f.last()).count(), 1);
    }
}

#[test]
fn of_answers() {
    let client = || {
        let mut client = client::Client::new([client::Slot::EMPTY; 2]);
        let mut room = [0; 64];
        for _ in 0..2 {
            let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
            let _ = client
                .begin(fcgi::Role::Responder, true, fields, Length::None, &mut room)
                .unwrap();
        }
        client
    };
    let good = [
        record(6, 2, b"Content-Type: a/b\r\nX: y", 0),
        record(6, 2, b"\r\n\r\nhel", 3),
        record(6, 2, b"lo", 0),
        record(6, 2, b"", 0),
        end(2, 0, 0),
    ];
    let (alone, _) = check(&client, &good.concat(), false, &nothing).unwrap();
    for (error, head) in [
        ("BadField", &b"hello\n"[..]),
        ("Folding", b"X: 1\n 2\n\n"),
        ("BadValue", b"X: \x01\n\n"),
        ("BadStatus", b"Status: 99\n\n"),
        ("TransferEncoding", b"Transfer-Encoding: chunked\n\n"),
        ("EmptyHead", b"\n\n"),
        ("StatusLine", b"HTTP/1.1 200 OK\n\n"),
    ] {
        let bad = [
            record(6, 1, head, 0),
            record(6, 1, b"more", 4),
            record(6, 1, b"", 0),
        ];
        let bytes = [alternate(&bad, &good), end(1, 0, 0)].concat();
        let (log, _) = check(&client, &bytes, false, &nothing).unwrap();
        assert_eq!(only(&log, 2), only(&alone, 2), "{error}");
        let mine = only(&log, 1);
        let last = mine.last().unwrap().to_string();
        assert!(
            last.starts_with(&format!("1 done Failed({error})")),
            "{last}"
        );
        assert_eq!(mine.iter().filter(|f| f.last()).count(), 1);
    }
}

/// `check` asks each machine several times after its error; here are the errors.
#[test]
fn lost_framing_is_lost_for_ever() {
    let server = || fcgi::Server::new([fcgi::Slot::EMPTY; 2]);
    for (error, bytes) in [
        ("Version(2)", hex("02 01 00 01 00 08 00 00")),
        ("NullId", hex("01 01 00 00 00 08 00 00")),
        ("RecordLength(1)", hex("01 01 00 01 00 07 00 00")),
        ("DuplicateId(1)", [begin(1, 1, 1), begin(1, 1, 1)].concat()),
    ] {
        let (log, _) = check(&server, &bytes, false, &nothing).unwrap();
        assert_eq!(
            log.last().unwrap().fact.to_string(),
            format!("error {error}")
        );
    }
}
