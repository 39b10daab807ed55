//! Every limit at its value, one below, one above.

mod common;

use common::ajp as packets;
use common::fcgi::{begin, end, head, pairs, record};
use common::http1::{CHUNKS, GET, POST, asked};
use common::oneshot::answer;
use common::{Fact, Subject, check, feed, text};
use vestibule::cgi::response::{Parser, Rules};
use vestibule::fcgi::{ClientLimits, ServerLimits, client};
use vestibule::{
    After, Client as _, Field, Id, Length, Limits, Next, Receive, Refused, Server as _, Status,
    ajp, fcgi, http1,
};

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

const H: http1::ServerLimits = http1::ServerLimits::DEFAULT;

/// With every cut.
fn http_server(limits: http1::ServerLimits, text: &str) -> String {
    let make = || http1::Server::with_limits(limits);
    let (log, _) = check(&make, text.as_bytes(), false, &answer).unwrap();
    common::text(&log)
}

fn byte(n: u32) -> u8 {
    n.try_into().unwrap_or(u8::MAX)
}

/// Two chunks with extensions of five bytes each, and two trailers.
fn chunks() -> String {
    format!("{CHUNKS}1;a=bc\r\nx\r\n2 ;abc\r\nyz\r\n0\r\nX: y\r\nLong: zzz\r\n\r\n")
}

#[test]
fn of_the_http_server() {
    let whole = GET.len() as u32;
    around(whole, "HeadTooLong", &|l| http_server(H.head_bytes(l), GET));
    around(1, "TooManyFields", &|l| http_server(H.fields(l), GET));
    around(3, "MethodTooLong", &|l| http_server(H.method_bytes(l), GET));
    let odd = GET.replace("GET", "FETCH");
    around(5, "MethodTooLong", &|l| {
        http_server(H.method_bytes(l), &odd)
    });
    around(2, "TargetTooLong", &|l| http_server(H.target_bytes(l), GET));
    let absolute = GET.replace("/a", "http://h/a?b");
    around(12, "TargetTooLong", &|l| {
        http_server(H.target_bytes(l), &absolute)
    });
    around(9, "LineTooLong", &|l| http_server(H.line_bytes(l), GET));
    let blank = format!("\r\n\r\n{GET}");
    around(2, "RequestLine", &|l| {
        http_server(H.blank_lines(byte(l)), &blank)
    });
    let counted = format!("{POST}Content-Length: 3\r\n\r\nabc");
    around(3, "BodyTooLong", &|l| {
        http_server(H.body_bytes(l.into()), &counted)
    });
    let one = chunks();
    around(3, "BodyTooLong", &|l| {
        http_server(H.body_bytes(l.into()), &one)
    });
    around(5, "ChunkExtension", &|l| {
        http_server(H.extension_bytes(l), &one)
    });
    around(10, "ChunkExtension", &|l| {
        http_server(H.extensions_bytes(l), &one)
    });
    around(19, "HeadTooLong", &|l| {
        http_server(H.trailer_bytes(l), &one)
    });
    around(2, "TooManyFields", &|l| {
        http_server(H.trailer_fields(l), &one)
    });
    // Trailers are head: what is left of its limits is theirs.
    let head = CHUNKS.len() as u32;
    around(head + 19, "HeadTooLong", &|l| {
        http_server(H.head_bytes(l), &one)
    });
    around(4, "TooManyFields", &|l| http_server(H.fields(l), &one));
    let trailer = format!("{CHUNKS}0\r\nX: 5678901234567890123456789012345678901234567890\r\n\r\n");
    around(51, "LineTooLong", &|l| {
        http_server(H.line_bytes(l), &trailer)
    });
}

/// Each request has the limits anew.
#[test]
fn of_every_request_on_a_connection() {
    let limits = H
        .head_bytes(CHUNKS.len() as u32 + 19)
        .fields(4)
        .body_bytes(3);
    let limits = limits.extensions_bytes(10).blank_lines(1);
    let three = [chunks(), format!("\r\n{}", chunks()), chunks()].concat();
    let log = http_server(limits, &three);
    assert_eq!(log.matches("body-end").count(), 3, "{log}");
}

/// No error: the connection ends with the exchange.
#[test]
fn drain_bytes() {
    let head = format!("{POST}Content-Length: 9\r\n\r\n");
    for (text, at) in [(format!("{head}123456789"), 9), (chunks(), 45)] {
        let chunked = text.starts_with(CHUNKS);
        let tail = text.len() - if chunked { CHUNKS.len() } else { head.len() };
        assert_eq!(tail, at);
        for (limit, goes_on) in [(at - 1, false), (at, true), (at + 1, true)] {
            let make = || http1::Server::with_limits(H.drain_bytes(limit as u32));
            let react = |server: &mut http1::Server, fact: &Fact, out: &mut Vec<u8>| match fact {
                Fact::HeadEnd(_, _, Length::None) => {}
                Fact::HeadEnd(..) => answer(server, &Fact::BodyEnd(1), out),
                fact => answer(server, fact, out),
            };
            let bytes = format!("{text}{GET}");
            let (log, _) = check(&make, bytes.as_bytes(), false, &react).unwrap();
            let log = common::text(&log);
            assert_eq!(log.contains("body-end"), goes_on, "{limit}: {log}");
            assert!(!log.contains("error"), "{limit}: {log}");
        }
    }
}

#[test]
fn http_linger_bytes() {
    for (n, after) in [
        (9, After::CloseWrite),
        (10, After::CloseWrite),
        (11, After::Close),
    ] {
        let mut server = http1::Server::with_limits(H.linger_bytes(10));
        let bytes = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let mut cursor = bytes.as_bytes();
        while let Next::Event(_) = server.next(&mut cursor).unwrap() {}
        answer(&mut server, &Fact::BodyEnd(1), &mut Vec::new());
        let junk = vec![b'x'; n];
        for piece in junk.chunks(4) {
            assert!(matches!(server.next(&mut &*piece), Ok(Next::NeedInput)));
        }
        assert_eq!(server.after(), after, "{n}");
        server.cancel();
        assert_eq!(server.after(), After::Close);
    }
}

fn http_client(limits: http1::ClientLimits, text: &str) -> String {
    let make = || asked(http1::Client::with_limits(limits));
    let (log, _) = check(&make, text.as_bytes(), false, &nothing).unwrap();
    common::text(&log)
}

#[test]
fn of_the_http_client() {
    let d = http1::ClientLimits::DEFAULT;
    let plain = "HTTP/1.1 204 No\r\nA: b\r\n\r\n";
    let whole = plain.len() as u32;
    around(whole, "HeadTooLong", &|l| {
        http_client(d.head_bytes(l), plain)
    });
    around(1, "TooManyFields", &|l| http_client(d.fields(l), plain));
    around(17, "LineTooLong", &|l| http_client(d.line_bytes(l), plain));
    let long = plain.replace("A: b", "A: bbbbbbbbbbbbbbbbb");
    around(22, "LineTooLong", &|l| http_client(d.line_bytes(l), &long));
    let early = format!("HTTP/1.1 103 E\r\nA: b\r\n\r\n{plain}");
    around(1, "TooManyInterim", &|l| {
        http_client(d.interim(byte(l)), &early)
    });
    // All heads of an answer are one.
    around(early.len() as u32, "HeadTooLong", &|l| {
        http_client(d.head_bytes(l), &early)
    });
    around(2, "TooManyFields", &|l| http_client(d.fields(l), &early));
    let blank = format!("\r\n\r\n{plain}");
    around(2, "Surplus", &|l| {
        http_client(d.blank_lines(byte(l)), &blank)
    });
    for body in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    ] {
        around(3, "BodyTooLong", &|l| {
            http_client(d.body_bytes(l.into()), body)
        });
    }
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let one = chunks().replace(CHUNKS, head);
    around(5, "ChunkExtension", &|l| {
        http_client(d.extension_bytes(l), &one)
    });
    around(10, "ChunkExtension", &|l| {
        http_client(d.extensions_bytes(l), &one)
    });
    around(19, "HeadTooLong", &|l| {
        http_client(d.trailer_bytes(l), &one)
    });
    around(2, "TooManyFields", &|l| {
        http_client(d.trailer_fields(l), &one)
    });
    around(head.len() as u32 + 19, "HeadTooLong", &|l| {
        http_client(d.head_bytes(l), &one)
    });
}

fn ajp_client(limits: ajp::ClientLimits, bytes: &[u8]) -> String {
    let make = || packets::asked(ajp::Client::new().limits(limits), b"GET", Length::None);
    let react = |client: &mut ajp::Client, fact: &Fact, out: &mut Vec<u8>| {
        if let Fact::Demand(..) = fact {
            let end = client.body_end(Id::SOLE, [], &mut []);
            common::put(out, end.unwrap());
        }
    };
    let (log, _) = check(&make, bytes, false, &react).unwrap();
    common::text(&log)
}

#[test]
fn of_the_ajp_client() {
    let d = ajp::ClientLimits::DEFAULT;
    let head = packets::head(200, &[(b"A", b"b"), (b"C", b"")]);
    around(head.len() as u32, "HeadTooLong", &|l| {
        ajp_client(d.head_bytes(l), &head)
    });
    around(2, "TooManyFields", &|l| ajp_client(d.fields(l), &head));
    let body = [
        head.clone(),
        packets::chunk(b"ab"),
        packets::chunk(b"c"),
        packets::end(1),
    ];
    let counted = packets::head(200, &[(b"content-length", b"3")]);
    for bytes in [body.concat(), counted] {
        around(3, "BodyTooLong", &|l| {
            ajp_client(d.body_bytes(l.into()), &bytes)
        });
    }
    let flush = packets::chunk(b"");
    for bytes in [[&flush, &flush, &head], [&head, &flush, &flush]] {
        around(2, "TooManyFlushes", &|l| {
            let l = u16::try_from(l).unwrap_or(u16::MAX);
            ajp_client(d.flushes(l), &bytes.map(Vec::as_slice).concat())
        });
    }
    // Each answer begins the count anew.
    let mut client = ajp::Client::new().limits(d.flushes(2));
    for _ in 0..2 {
        client = packets::asked(client, b"GET", Length::None);
        let bytes = [&flush[..], &flush, &head, &flush, &flush, &packets::end(1)].concat();
        let (log, _) = feed(&mut client, &bytes, &[], false, &mut nothing).unwrap();
        let log = text(&log);
        assert!(log.contains("done complete 0 reuse"), "{log}");
    }
    let late = [packets::get_body_chunk(9), packets::get_body_chunk(9)].concat();
    around(2, "TooManyDemands", &|l| {
        ajp_client(d.late_demands(byte(l)), &late)
    });
    let big = [&head[..], &packets::chunk(&[b'x'; 9000])].concat();
    around(9008, "PacketTooLong", &|l| {
        ajp_client(d.packet_bytes(l), &big)
    });
    // The smallest that there may be, and the largest.
    let least = [&head[..], &packets::chunk(&[b'x'; 8184])].concat();
    let most = [&head[..], &packets::chunk(&[b'x'; 65_528])].concat();
    for (limit, bytes, good) in [
        (0, &least, true),
        (8191, &least, true),
        (65_535, &most, false),
        (65_536, &most, true),
        (u32::MAX, &most, true),
    ] {
        let log = ajp_client(d.packet_bytes(limit), bytes);
        assert_eq!(!log.contains("PacketTooLong"), good, "{limit}");
    }
}

/// A request is one packet, or it is not sent.
#[test]
fn of_an_ajp_request() {
    for size in [8192, 9000, 65_536] {
        let mut client = ajp::Client::new();
        client = client.limits(ajp::ClientLimits::DEFAULT.packet_bytes(size));
        let mut room = vec![0; 70_000];
        let value = vec![b'v'; 70_000];
        let fields = |n: usize| {
            let more = [Field::header(b"X", &value[..n])];
            packets::fields(b"GET").into_iter().chain(more)
        };
        let opened = client.clone().open(fields(0), Length::None, &mut room);
        let left = size as usize - opened.unwrap().1.len();
        let before = format!("{client:?}");
        for n in [left + 1, left + 2, 65_534, 65_535, 70_000] {
            let opened = client.open(fields(n), Length::None, &mut room);
            assert_eq!(opened.unwrap_err(), Refused::TooLong, "{n}");
            assert_eq!(format!("{client:?}"), before);
        }
        let opened = client.open(fields(left), Length::None, &mut room);
        assert_eq!(opened.unwrap().1.len(), size as usize);
    }
}

/// Those of its own; the others: see `oneshot.rs`.
#[test]
fn of_the_uwsgi_server() {
    let bytes = b"\0\x22\0\0\x0e\0REQUEST_METHOD\x03\0GET\x09\0NINE_BYTE\0\0";
    around(14, "NameTooLong", &|n| {
        let n = u16::try_from(n).unwrap_or(u16::MAX);
        let limits = vestibule::uwsgi::ServerLimits::DEFAULT.name_bytes(n);
        let make = || vestibule::uwsgi::Server::with_limits(limits);
        let (log, _) = check(&make, bytes, false, &nothing).unwrap();
        text(&log)
    });
}
