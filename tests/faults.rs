//! One bad exchange among good ones: the neighbours' logs are what they are
//! without it, whatever the cut. And an error stays what it is.

mod common;

use common::ajp as packets;
use common::fcgi::{begin, end, head, record};
use common::http1::{CHUNKS, GET, POST, asked, fields};
use common::oneshot::answer;
use common::{Entry, Fact, check, hex, text};
use vestibule::ajp::{Client as AjpClient, ClientRules};
use vestibule::fcgi::{self, client};
use vestibule::http1::{Client, Server};
use vestibule::{Client as _, Field, Id, Length};

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

/// Behind a good request, on a connection that a bad one spoils: the good one is
/// what it is alone, the bad one has its refusal, and nothing comes after.
#[test]
fn of_http_requests() {
    let (alone, first) = check(&Server::new, GET.as_bytes(), false, &answer).unwrap();
    let get = |line: &str| format!("{line}\r\nHost: h\r\n\r\n");
    let post = |more: &str| format!("{POST}{more}\r\n\r\n");
    let long = "a".repeat(9_000);
    let many = "A: b\r\n".repeat(101);
    let huge = format!("A: {}\r\n", "b".repeat(8_000)).repeat(9);
    let size = "1;".to_string() + &"x".repeat(4_096) + "\r\n";
    for (error, status, bad) in [
        ("RequestLine", 400, get("GET /a")),
        ("MethodTooLong", 501, get(&format!("{long} /a HTTP/1.1"))),
        ("TargetTooLong", 414, get(&format!("GET /{long} HTTP/1.1"))),
        ("Target", 400, get("GET a HTTP/1.1")),
        ("HttpVersion", 505, get("GET /a HTTP/2.0")),
        (
            "Http2Preface",
            505,
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        ),
        ("Host", 400, "GET /a HTTP/1.1\r\n\r\n".into()),
        ("BadField", 400, post("A")),
        ("BadValue", 400, post("A: \0")),
        ("Folding", 400, post("A: b\r\n c")),
        ("LineTooLong", 431, post(&format!("A: {long}"))),
        ("TooManyFields", 431, post(&many)),
        ("HeadTooLong", 431, post(&huge)),
        ("Framing", 400, post("Transfer-Encoding: ,")),
        ("Coding", 501, post("Transfer-Encoding: x")),
        ("ContentLength", 400, post("Content-Length: x")),
        (
            "BodyTooLong",
            413,
            post("Content-Length: 99999999999999999999"),
        ),
        ("Expectation", 417, post("Expect: x")),
        ("Chunk", 400, format!("{CHUNKS}x")),
        ("ChunkExtension", 400, format!("{CHUNKS}{size}")),
        ("Trailer", 400, format!("{CHUNKS}0\r\nHost: h\r\n\r\n")),
    ] {
        let bytes = format!("{GET}{bad}{GET}");
        let (log, out) = check(&Server::new, bytes.as_bytes(), false, &answer).unwrap();
        assert_eq!(log[..alone.len()], alone, "{error}");
        let last = log.last().unwrap().fact.to_string();
        assert_eq!(last, format!("error {error}"));
        // One last event, where the head was complete.
        let faults = log.iter().filter(|e| e.fact.last()).count();
        assert_eq!(faults, usize::from(bad.starts_with(CHUNKS)), "{error}");
        let refusal = out.strip_prefix(&first[..]).expect("the first answer");
        let start = format!("HTTP/1.1 {status} ");
        assert!(refusal.starts_with(start.as_bytes()), "{error}");
        assert!(refusal.ends_with(b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
    }
}

/// Behind a good answer, one that is none: a last event that says why, then the
/// same error for ever.
#[test]
fn of_http_answers() {
    let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let again = |client: &mut Client, fact: &Fact, _: &mut Vec<u8>| {
        if let Fact::Done { reuse: true, .. } = fact {
            let mut room = [0; 128];
            let opened = client.open(fields(b"GET"), Length::None, &mut room);
            let _ = opened.unwrap();
        }
    };
    let make = || asked(Client::new());
    let (alone, _) = check(&make, good.as_bytes(), false, &again).unwrap();
    let ok = |more: &str| format!("HTTP/1.1 200 OK\r\n{more}\r\n\r\n");
    let chunks = |more: &str| ok("Transfer-Encoding: chunked") + more;
    for (error, bad) in [
        ("StatusLine", "HTTP/1.1 200 OK\n\n".into()),
        ("BadStatus", "HTTP/1.1 20 OK\r\n\r\n".into()),
        ("HttpVersion", "HTTP/3.0 200 OK\r\n\r\n".into()),
        ("Switch", "HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n".into()),
        ("TooManyInterim", "HTTP/1.1 102 P\r\n\r\n".repeat(17)),
        ("Surplus", "\r\n\r\n\r\n".into()),
        ("BadField", ok("A")),
        ("BadValue", ok("A: \x01")),
        ("Folding", ok("A: b\r\n c")),
        ("LineTooLong", ok(&format!("A: {}", "b".repeat(9_000)))),
        ("TooManyFields", ok(&"A: b\r\n".repeat(101))),
        (
            "HeadTooLong",
            ok(&format!("A: {}\r\n", "b".repeat(8_000)).repeat(9)),
        ),
        ("Framing", ok("Content-Length: 1\r\nTransfer-Encoding: x")),
        ("Coding", ok("Transfer-Encoding: gzip, chunked")),
        ("ContentLength", ok("Content-Length: 1, 1")),
        ("BodyTooLong", ok("Content-Length: 18446744073709551616")),
        ("Chunk", chunks("x")),
        (
            "ChunkExtension",
            chunks(&format!("1;{}\r\n", "x".repeat(4_096))),
        ),
        ("Trailer", chunks("0\r\nHost: h\r\n\r\n")),
    ] {
        let bytes = format!("{good}{bad}{good}");
        let (log, _) = check(&make, bytes.as_bytes(), false, &again).unwrap();
        assert_eq!(log[..alone.len()], alone, "{error}");
        let [.., done, last] = &log[..] else {
            panic!("{error}")
        };
        assert_eq!(done.fact.to_string(), format!("1 done Failed({error})"));
        assert_eq!(last.fact.to_string(), format!("error {error}"));
        let dones = log.iter().filter(|e| e.fact.last()).count();
        assert_eq!(dones, 2, "{error}");
    }
}

/// The same over AJP.
#[test]
fn of_ajp_answers() {
    let head = packets::head(200, &[(b"A", b"b")]);
    let good = [&head[..], &packets::chunk(b"hi"), &packets::end(1)].concat();
    let again = |client: &mut AjpClient, fact: &Fact, _: &mut Vec<u8>| {
        if let Fact::Done { reuse: true, .. } = fact {
            let mut room = [0; 128];
            let opened = client.open(packets::fields(b"PUT"), Length::Known(3), &mut room);
            let _ = opened.unwrap();
            let _ = client.body(Id::SOLE, &mut &b"abc"[..]).unwrap();
        }
    };
    let make = || packets::asked(AjpClient::new(), b"GET", Length::None);
    let (alone, _) = check(&make, &good, false, &again).unwrap();
    let many = vec![(&b"A"[..], &b""[..]); 101];
    let value = [b'v'; 8000];
    let behind = |more: &[u8]| [&head[..], more].concat();
    let coded = |code: u8| packets::reply(&[4, 0, 200, 0, 0, 0, 0, 1, 0xa0, code, 0xff, 0xff]);
    for (error, bad) in [
        ("Magic(4660)", b"\x12\x34\0\x02".to_vec()),
        ("PacketTooLong", b"AB\x1f\xfd".to_vec()),
        ("PacketType(9)", packets::reply(&[9])),
        ("PacketType(5)", packets::end(1)),
        ("PacketType(3)", packets::chunk(b"x")),
        ("PacketType(4)", behind(&head)),
        ("BadPacket", packets::reply(&[])),
        ("BadPacket", behind(&packets::reply(&[5, 1, 0]))),
        ("HeaderCode(12)", coded(12)),
        ("BadStatus", packets::head(600, &[])),
        ("Interim(100)", packets::head(100, &[])),
        ("BadField", packets::head(200, &[(b"A b", b"")])),
        ("BadValue", packets::head(200, &[(b"A", b"\n")])),
        (
            "ContentLength",
            packets::head(200, &[(b"content-length", b"-1")]),
        ),
        ("TooManyFields", packets::head(200, &many)),
        ("GetBodyChunk", packets::get_body_chunk(0)),
        ("TooManyFlushes", packets::chunk(b"").repeat(1025)),
    ] {
        let bytes = [&good[..], &bad, &good].concat();
        let (log, _) = check(&make, &bytes, false, &again).unwrap();
        assert_eq!(log[..alone.len()], alone, "{error}");
        let [.., done, last] = &log[..] else {
            panic!("{error}")
        };
        assert_eq!(done.fact.to_string(), format!("1 done Failed({error})"));
        assert_eq!(last.fact.to_string(), format!("error {error}"));
        let dones = log.iter().filter(|e| e.fact.last()).count();
        assert_eq!(dones, 2, "{error}");
    }
    // Beyond what one packet can hold.
    let interim = packets::head(100, &[(b"A", &value)]).repeat(9);
    let rules = ClientRules::STRICT.interim(true);
    let make = || packets::asked(AjpClient::new().rules(rules), b"GET", Length::None);
    let (log, _) = check(&make, &interim, false, &nothing).unwrap();
    assert_eq!(log.last().unwrap().fact.to_string(), "error HeadTooLong");
    // Before anything is asked.
    let (log, _) = check(&AjpClient::new, b"AB", false, &nothing).unwrap();
    assert_eq!(log.last().unwrap().fact.to_string(), "error Unasked");
}
