use super::*;
use crate::http1::tests::{self as log, Log};

const G: &str = "GET /a HTTP/1.1\r\nHost: h\r\n";
const P: &str = "POST /a HTTP/1.1\r\nHost: h\r\n";
const C: &str = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

fn log_of(rules: Rules, text: &[u8], eof: bool) -> String {
    log::all(|| Server::new().rules(rules), text, eof)
}

/// What came behind the head: `ok`, a body, an error.
fn verdict(rules: Rules, text: &[u8]) -> String {
    let log = log_of(rules, text, false);
    match log.find("\nhead ") {
        Some(at) => log[at + 6..].replace('\n', " ").trim().to_string(),
        None => log.lines().last().unwrap_or("").to_string(),
    }
}

fn strict(text: impl AsRef<[u8]>) -> String {
    verdict(Rules::STRICT, text.as_ref())
}

#[test]
fn a_request_from_first_to_last() {
    let text = "POST /a?b HTTP/1.1\r\nHost: h\r\nX-A:\t b  c \t\r\nContent-Length: 3\r\n\r\nabc";
    let want = "begin\nVar REQUEST_METHOD=POST\nVar REQUEST_URI=/a?b\n\
        Var SERVER_PROTOCOL=HTTP/1.1\nHeader Host=h\nHeader X-A=b  c\n\
        Header Content-Length=3\nhead Known(3)\nbody abc\nend\n";
    assert_eq!(log_of(Rules::STRICT, text.as_bytes(), false), want);
    assert_eq!(log_of(Rules::STRICT, text.as_bytes(), true), want);
}

#[test]
fn bodies() {
    for (text, want) in [
        (format!("{G}\r\n"), "None end"),
        (
            format!("{P}Content-Length: 3\r\n\r\nabc"),
            "Known(3) body abc end",
        ),
        (format!("{P}Content-Length: 0\r\n\r\n"), "Known(0) end"),
        (format!("{C}3\r\nabc\r\n0\r\n\r\n"), "Unknown body abc end"),
        (
            format!("{C}3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"),
            "Unknown body abcd end",
        ),
        (
            format!("{C}000a\r\n0123456789\r\n00\r\n\r\n"),
            "Unknown body 0123456789 end",
        ),
        (
            format!("{C}3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"),
            "Unknown body abc Trailer X-T=1 end",
        ),
        (
            format!("{C}3;a=b;c=\"d\\\"e\"\r\nabc\r\n0 \t;x\r\n\r\n"),
            "Unknown body abc end",
        ),
        (
            format!("{C}{:0>30}3\r\nabc\r\n0\r\n\r\n", ""),
            "Unknown body abc end",
        ),
        (format!("\r\n\r\n{G}\r\n"), "None end"),
        (
            format!("{P}transfer-encoding: ChUnKeD\r\n\r\n0\r\n\r\n"),
            "Unknown end",
        ),
        (
            format!("{P}Transfer-Encoding:\t chunked \t\r\n\r\n0\r\n\r\n"),
            "Unknown end",
        ),
        ("GET /a HTTP/1.0\r\n\r\n".into(), "None end"),
        ("GET /a HTTP/1.7\r\nHost: h\r\n\r\n".into(), "None end"),
        ("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".into(), "None end"),
        (
            "GET http://x/a?q HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            "None end",
        ),
        (
            "CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n".into(),
            "None end",
        ),
        ("GET /a HTTP/1.1\r\nHost:\r\n\r\n".into(), "None end"),
    ] {
        assert_eq!(strict(&text), want, "{text:?}");
    }
    let mut text = G.as_bytes().to_vec();
    text.extend(b"X: a\xffb\r\n\r\n");
    assert!(log_of(Rules::STRICT, &text, false).contains("X=a\\xffb\n"));
}

#[test]
fn what_is_refused() {
    let te = |value: &str| format!("{P}Transfer-Encoding: {value}\r\n\r\n0\r\n\r\n");
    let cl = |value: &str| format!("{P}Content-Length: {value}\r\n\r\nabc");
    let line = |line: &str| format!("{line}\r\nHost: h\r\n\r\n");
    for (text, want) in [
        (
            format!("{P}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"),
            "Framing",
        ),
        (
            format!("{P}Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
            "ContentLength",
        ),
        (cl("3, 3"), "ContentLength"),
        (cl("+3"), "ContentLength"),
        (cl("3 4"), "ContentLength"),
        (cl("0x3"), "ContentLength"),
        (cl(""), "ContentLength"),
        (cl("18446744073709551619"), "BodyTooLong"),
        (cl("000000000000000000003"), "BodyTooLong"),
        (format!("{P}Content-Length : 3\r\n\r\nabc"), "BadField"),
        (te("xchunked"), "Coding"),
        (te("\"chunked\""), "Coding"),
        (te("chunked;q=1"), "Coding"),
        (te("gzip, chunked"), "Coding"),
        (te("chun ked"), "Coding"),
        (te("chunked, chunked"), "Framing"),
        (te("chunked,"), "Framing"),
        (te(",chunked"), "Framing"),
        (te("chunked, identity"), "Framing"),
        (te("identity"), "Framing"),
        (te("gzip"), "Framing"),
        (te(""), "Framing"),
        (te("chunked\r\nTransfer-Encoding: cow"), "Coding"),
        (te("chunked\r\nTransfer-Encoding: chunked"), "Framing"),
        (te("\x0bchunked"), "BadValue"),
        (
            "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            "Framing",
        ),
        ("GET /a HTTP/1.1\nHost: h\n\n".into(), "RequestLine"),
        ("GET /a HTTP/1.1\r\nHost: h\n\r\n".into(), "BadValue"),
        (format!("{G}X: a\rb\r\n\r\n"), "BadValue"),
        (format!("{G}X: a\0b\r\n\r\n"), "BadValue"),
        (format!("{G}X: a\x01b\r\n\r\n"), "BadValue"),
        (format!("{G}X: a\r\n b\r\n\r\n"), "Folding"),
        ("GET /a HTTP/1.1\r\n Host: h\r\n\r\n".into(), "BadField"),
        (format!("{G}: x\r\n\r\n"), "BadField"),
        (format!("{G}Foo\r\n\r\n"), "BadField"),
        (format!("{G}Fo o: x\r\n\r\n"), "BadField"),
        ("GET /a HTTP/1.1\r\n\r\n".into(), "Host"),
        (format!("{G}Host: h\r\n\r\n"), "Host"),
        ("GET /a HTTP/1.1\r\nHost: u@h/x\r\n\r\n".into(), "Host"),
        ("GET /a HTTP/1.1\r\nHost: h h\r\n\r\n".into(), "Host"),
        (line("GET * HTTP/1.1"), "Target"),
        (line("GET h:80 HTTP/1.1"), "Target"),
        (line("GET a/b HTTP/1.1"), "Target"),
        (line("GET /a#b HTTP/1.1"), "Target"),
        (line("CONNECT /a HTTP/1.1"), "Target"),
        (line("CONNECT h HTTP/1.1"), "Target"),
        (line("OPTIONS http:// HTTP/1.1"), "Target"),
        (line("GET  /a HTTP/1.1"), "RequestLine"),
        (line("GET /a HTTP/1.1 "), "RequestLine"),
        (line("GET /a http/1.1"), "RequestLine"),
        (line("GET /a HTTP/1.10"), "RequestLine"),
        (line("GET /a HTTP/0.9"), "RequestLine"),
        (line("GET /a"), "RequestLine"),
        (line("GET\t/a HTTP/1.1"), "RequestLine"),
        (line("GET /a\tHTTP/1.1"), "RequestLine"),
        (" GET /a HTTP/1.1\r\nHost: h\r\n\r\n".into(), "RequestLine"),
        (format!("\r\n\r\n\r\n{G}\r\n"), "RequestLine"),
        (format!("\n{G}\r\n"), "RequestLine"),
        (line("GET /a HTTP/2.0"), "HttpVersion"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), "Http2Preface"),
        (
            format!("{P}Expect: x\r\nContent-Length: 0\r\n\r\n"),
            "Expectation",
        ),
        (
            "CONNECT h:80 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n".into(),
            "Framing",
        ),
    ] {
        assert_eq!(strict(&text), format!("error {want}"), "{text:?}");
    }
}

#[test]
fn broken_chunks() {
    for (body, want) in [
        ("3;a\nb\r\nabc\r\n0\r\n\r\n", "Chunk"),
        ("3;a\rb\r\nabc\r\n", "Chunk"),
        ("3\nabc\r\n0\r\n\r\n", "Chunk"),
        ("3 \r\nabc\r\n0\r\n\r\n", "Chunk"),
        (" 3\r\nabc\r\n", "Chunk"),
        ("+3\r\nabc\r\n", "Chunk"),
        ("0x3\r\nabc\r\n", "Chunk"),
        ("\r\n", "Chunk"),
        (";a\r\n", "Chunk"),
        ("10000000000000003\r\nabc", "Chunk"),
        ("3\r\nabcXX0\r\n\r\n", "Chunk"),
        ("3\r\nabc\n0\r\n\r\n", "Chunk"),
        ("3\r\nabc\r\n0\n\n", "Chunk"),
        ("0\r\nContent-Length: 5\r\n\r\n", "Trailer"),
        ("0\r\nX-Forwarded-For: a\r\n\r\n", "Trailer"),
        ("0\r\nFoo\r\n\r\n", "BadField"),
        ("0\r\n a: b\r\n\r\n", "BadField"),
        ("0\r\na: b\r\n c\r\n\r\n", "Folding"),
        ("0\r\na: b\n\r\n", "BadValue"),
        ("0\r\n\n", "BadValue"),
    ] {
        let got = strict(format!("{C}{body}"));
        let end = format!("fault {want} error {want}");
        assert!(got.ends_with(&end), "{body:?}: {got}");
        // No leniency touches chunks or trailers.
        let rules = Rules::STRICT
            .bare_lf(true)
            .folding(true)
            .blank_before_colon(true);
        let got = verdict(rules, format!("{C}{body}").as_bytes());
        assert!(got.contains("fault"), "{body:?}: {got}");
    }
}

#[test]
fn switches() {
    let on = |rules: Rules, text: &str, want: &str| {
        let strict = strict(text);
        assert!(strict.contains("error"), "{text:?}: {strict}");
        assert_eq!(verdict(rules, text.as_bytes()), want, "{text:?}");
    };
    let s = Rules::STRICT;
    on(s.bare_lf(true), "GET /a HTTP/1.1\nHost: h\n\n", "None end");
    on(
        s.folding(true),
        &format!("{G}X: a\r\n b\r\n\r\n"),
        "None end",
    );
    let framed = format!("{P}Content-Length:\r\n 3\r\n\r\nabc");
    on(s.folding(true), &framed, "Known(3) body abc end");
    let gap = format!("{P}Content-Length \t: 3\r\n\r\nabc");
    on(s.blank_before_colon(true), &gap, "Known(3) body abc end");
    on(
        s.fragment(true),
        "GET /a#b/c HTTP/1.1\r\nHost: h\r\n\r\n",
        "None end",
    );
    let log = log_of(s.fragment(true), b"GET /a#b HTTP/1.1\r\n", false);
    assert!(log.contains("REQUEST_URI=/a\n"), "{log}");
    on(
        s.equal_lengths(true),
        &format!("{P}Content-Length: 3, 3\r\n\r\nabc"),
        "Known(3) body abc end",
    );
    let twice = format!("{P}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc");
    on(s.equal_lengths(true), &twice, "Known(3) body abc end");
    let differ = format!("{P}Content-Length: 3, 4\r\n\r\nabc");
    assert_eq!(
        verdict(s.equal_lengths(true), differ.as_bytes()),
        "error ContentLength"
    );
    let both = format!("{P}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    on(s.coding_wins(true), &both, "Unknown end");
    let mut server = Server::new().rules(s.coding_wins(true));
    log::run(&mut server, &[both.as_bytes()], false);
    assert_eq!(server.link, Link::Last);
    on(
        s.any_expectation(true),
        &format!("{G}Expect: x\r\n\r\n"),
        "None end",
    );
    let mut high = b"GET /\xe4 HTTP/1.1\r\nHost: h\r\n\r\n".to_vec();
    assert_eq!(verdict(s, &high), "error Target");
    assert_eq!(verdict(s.high_target_bytes(true), &high), "None end");
    high.insert(4, 0xe4);
    assert_eq!(verdict(s.high_target_bytes(true), &high), "error Target");
    let later = "GET /a HTTP/1.2\r\nHost: h\r\n\r\n";
    assert_eq!(
        verdict(s.known_versions(true), later.as_bytes()),
        "error HttpVersion"
    );
}

fn fed(text: &str) -> Server {
    let mut server = Server::new();
    let log = log::run(&mut server, &[text.as_bytes()], false);
    assert!(log.ends_with("end\n") || text.contains("Expect"), "{log}");
    server
}

#[test]
fn facts() {
    let id = Id::SOLE;
    for (lines, keeps) in [
        ("", true),
        ("Connection: close\r\n", false),
        ("Connection: x, ClOsE ,y\r\n", false),
        ("Connection: keep-alive\r\nConnection: close\r\n", false),
        ("Connection: closed\r\nX: close\r\n", true),
    ] {
        let server = fed(&format!("{G}{lines}\r\n"));
        assert_eq!(server.keeps_alive(id), keeps, "{lines:?}");
        assert_eq!(server.link == Link::Open, keeps);
        assert_eq!(server.minor_version(id), Some(1));
    }
    let old = fed("GET / HTTP/1.0\r\n\r\n");
    assert!(!old.keeps_alive(id) && old.minor_version(id) == Some(0));
    assert!(fed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keeps_alive(id));
    let offer = "Upgrade: websocket\r\n";
    assert!(fed(&format!("{G}{offer}Connection: a, upgrade\r\n\r\n")).offers_upgrade(id));
    assert!(!fed(&format!("{G}{offer}\r\n")).offers_upgrade(id));
    let h2c = format!("{G}Upgrade: h2c\r\nConnection: upgrade\r\n\r\n");
    assert!(!fed(&h2c).offers_upgrade(id));
    assert!(fed(&format!("{G}TE: gzip;q=1, trailers\r\n\r\n")).takes_trailers(id));
    let expect = format!("{P}Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
    let mut server = fed(&expect);
    assert!(server.expects_continue(id));
    let other = Id::new(2).unwrap();
    assert!(!server.expects_continue(other) && server.minor_version(other).is_none());
    let mut log = Log::default();
    assert!(log::feed(&mut server, b"a", &mut log).is_none());
    assert!(!server.expects_continue(id));
    let none = format!("{P}Expect: 100-continue\r\nContent-Length: 0\r\n\r\n");
    assert!(!fed(&none).expects_continue(id));
}

#[test]
fn ends_of_the_stream() {
    let eof = |text: &str| log_of(Rules::STRICT, text.as_bytes(), true);
    assert_eq!(eof(""), "");
    assert_eq!(eof("\r\n"), "");
    assert!(eof("GE").ends_with("error Eof\n"));
    assert!(eof(G).ends_with("error Eof\n"));
    assert!(eof(&format!("{G}\r\n")).ends_with("head None\nend\n"));
    assert!(eof(&format!("{P}Content-Length: 3\r\n\r\nab")).ends_with("abort\nerror Eof\n"));
    assert!(eof(&format!("{C}3\r\nabc\r\n0\r\n")).ends_with("body abc\nabort\nerror Eof\n"));
    let mut server = Server::new();
    log::run(&mut server, &[], true);
    assert_eq!(server.after(), After::Close);
    let mut server = Server::new();
    log::run(&mut server, &[format!("{G}\r\n").as_bytes()], true);
    assert_eq!(
        (server.after(), server.phase()),
        (After::Keep, Phase::Response)
    );
    server.cycle();
    assert_eq!(server.after(), After::Close);
}

#[test]
fn the_next_request_waits() {
    let text = format!("{G}\r\n{G}\r\n");
    let mut server = Server::new();
    let mut log = Log::default();
    let mut input = text.as_bytes();
    while let crate::Next::Event(event) = crate::Receive::next(&mut server, &mut input).unwrap() {
        log::Write1::write(event, &mut log);
    }
    assert_eq!(input.len(), text.len() / 2);
    assert_eq!(server.phase(), Phase::Response);
    server.cycle();
    assert!(log::feed(&mut server, input, &mut log).is_none());
    assert_eq!(log.text.matches("end\n").count(), 2);
    // Not behind `Connection: close`.
    let mut server = fed(&format!("{G}Connection: close\r\n\r\n"));
    server.cycle();
    assert_eq!(
        (server.after(), server.phase()),
        (After::CloseWrite, Phase::Closing)
    );
    let mut log = Log::default();
    assert!(log::feed(&mut server, text.as_bytes(), &mut log).is_none());
    assert_eq!(log.text, "");
    log::run(&mut server, &[], true);
    assert_eq!(server.after(), After::Close);
}

#[test]
fn the_rest_of_an_answered_request_is_dropped() {
    let head = format!("{P}Content-Length: 6\r\n\r\nab");
    let rest = format!("cdef{G}\r\n");
    let over = |limit| {
        let mut server = Server::with_limits(Limits::DEFAULT.drain_bytes(limit));
        log::run(&mut server, &[head.as_bytes()], false);
        server.writing = Writing::Over;
        let mut log = Log::default();
        assert!(log::feed(&mut server, rest.as_bytes(), &mut log).is_none());
        (server, log.text)
    };
    let (server, log) = over(4);
    assert!(
        log.starts_with("begin\n") && log.ends_with("end\n"),
        "{log}"
    );
    assert_eq!(server.link, Link::Open);
    let (mut server, log) = over(3);
    assert_eq!((log.as_str(), server.after()), ("", After::CloseWrite));
    log::run(&mut server, &[], true);
    assert_eq!(server.after(), After::Close);
}

#[test]
fn what_is_read_for_nobody_is_counted_once_however_it_is_cut() {
    let limits = Limits::DEFAULT.drain_bytes(10).linger_bytes(6);
    let text = format!("{C}1\r\na\r\n14\r\n{:20}\r\n", "");
    let head = C.len();
    for (more, after) in [(16, After::CloseWrite), (17, After::Close)] {
        for size in 1..=more {
            let mut server = Server::with_limits(limits);
            log::run(&mut server, &[&text.as_bytes()[..head]], false);
            server.writing = Writing::Over;
            let rest = &text.as_bytes()[head..head + more];
            let pieces: Vec<&[u8]> = rest.chunks(size).collect();
            assert_eq!(log::run(&mut server, &pieces, false), "");
            assert_eq!(server.after(), after, "{more} by {size}");
            // More of it is still dropped.
            assert_eq!(log::run(&mut server, &[b"GET"], false), "");
        }
    }
}

#[test]
fn a_lost_transport_stays_lost() {
    let mut server = Server::new();
    let text = format!("{P}Content-Length: 6\r\n\r\nab");
    log::run(&mut server, &[text.as_bytes()], false);
    let mut room = [0; 100];
    let head = crate::Server::head(
        &mut server,
        Id::SOLE,
        204,
        [],
        crate::Length::None,
        &mut room,
    );
    assert!(head.is_ok());
    server.lose();
    assert!(crate::Server::finish(&mut server, Id::SOLE, [], &mut []).is_ok());
    assert_eq!(server.after(), After::Close);
}

#[test]
fn a_lost_transport() {
    for (text, want) in [
        (String::new(), ""),
        (G.to_string(), "error Eof\n"),
        (
            format!("{P}Content-Length: 6\r\n\r\nab"),
            "abort\nerror Eof\n",
        ),
        (format!("{G}\r\n"), "abort\nerror Eof\n"),
    ] {
        let mut server = Server::new();
        log::run(&mut server, &[text.as_bytes()], false);
        server.lose();
        assert_eq!(server.after(), After::Close);
        assert_eq!(log::run(&mut server, &[b"GET"], false), want);
    }
}

#[test]
fn mutations_at_random_cuts() {
    let seeds = [
        format!("{P}Content-Length: 3\r\nConnection: close, x\r\n\r\nabc"),
        format!("{C}3;a=\"b\"\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"),
        "\r\nGET http://h:80/a?b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTE: a\r\n\r\n"
            .to_string(),
        "OPTIONS * HTTP/1.0\r\nTransfer-Encoding : chunked\r\nA: b\r\n c\r\n\r\n".into(),
    ];
    let bytes = b"\r\n \t:;,/*#%\"\\0aG1HhTt\0\x7f\xff[]@?";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % n
    };
    let all = Rules::STRICT
        .bare_lf(true)
        .folding(true)
        .blank_before_colon(true);
    let rules = [
        Rules::STRICT,
        all.fragment(true)
            .high_target_bytes(true)
            .equal_lengths(true)
            .any_expectation(true),
    ];
    for round in 0..6_000 {
        let mut text = seeds[random(seeds.len())].as_bytes().to_vec();
        for _ in 0..=random(3) {
            let at = random(text.len());
            match random(3) {
                0 => text[at] = bytes[random(bytes.len())],
                1 => text.insert(at, bytes[random(bytes.len())]),
                _ => drop(text.remove(at)),
            }
        }
        let make = || Server::new().rules(rules[round % 2]);
        let want = log::run(&mut make(), &[&text], round % 3 == 0);
        let (mut pieces, mut rest) = (Vec::new(), &text[..]);
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(random(rest.len().min(9)) + 1);
            pieces.push(piece);
            rest = more;
        }
        let got = log::run(&mut make(), &pieces, round % 3 == 0);
        assert_eq!(got, want, "{}", text.escape_ascii());
    }
}

#[test]
fn size() {
    assert!(size_of::<Server>() <= 224, "{}", size_of::<Server>());
    assert!(size_of::<crate::http1::Client>() <= 224);
}
