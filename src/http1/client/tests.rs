use super::*;
use crate::event::{Field, Length};
use crate::http1::tests as log;

/// A client whose request was sent whole.
fn sent(facts: Facts) -> Client {
    let mut client = Client::new();
    client.reading = Reading::Await;
    client.writing = Writing::Done;
    client.facts = facts;
    client
}

fn get(text: &str, eof: bool) -> String {
    log::all(|| sent(Facts::IDEMPOTENT), text.as_bytes(), eof)
}

const COMPLETE: &str = "Complete { app_status: 0, output_ended: true }\n";

#[test]
fn an_answer_from_first_to_last() {
    let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let want = format!(
        "Header Status=200 OK\nHeader Content-Length=2\nhead 200 Known(2)\nbody hi\nend\n\
         done reuse=1 retry=0 {COMPLETE}"
    );
    assert_eq!(get(text, false), want);
}

#[test]
fn framings() {
    let head = Facts::HEAD.with(Facts::IDEMPOTENT);
    let none = Facts::NONE;
    let cut = "done reuse=0 retry=0 Truncated\nerror Eof\n";
    for (facts, text, eof, want) in [
        (
            none,
            "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
            false,
            "head 200 Known(0)\nend\ndone reuse=1 retry=0 ",
        ),
        (
            none,
            "HTTP/1.1 200 OK\r\n\r\nhi",
            true,
            "head 200 Unknown\nbody hi\nend\ndone reuse=0 retry=0 ",
        ),
        (
            none,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
            true,
            cut,
        ),
        (
            none,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
            true,
            cut,
        ),
        (
            none,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n",
            false,
            "body hi\nTrailer A=b\nend\ndone reuse=1 retry=0 ",
        ),
        (
            head,
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            false,
            "head 200 Known(5)\nend\ndone reuse=1 retry=0 ",
        ),
        (
            none,
            "HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n",
            false,
            "head 304 Known(5)\nend\ndone reuse=1 retry=0 ",
        ),
        (
            none,
            "HTTP/1.1 204 N\r\n\r\n",
            false,
            "head 204 None\nend\ndone reuse=1 retry=0 ",
        ),
        (
            none,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi",
            true,
            "head 200 Unknown\nbody hi\nend\ndone reuse=0 retry=0 ",
        ),
        (
            none,
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            true,
            "body 0\\r\\n\\r\\n\nend\ndone reuse=0 retry=0 ",
        ),
        (
            none,
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            false,
            "end\ndone reuse=0 retry=0 ",
        ),
        (
            none,
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            false,
            "end\ndone reuse=1 retry=0 ",
        ),
        (
            none,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            false,
            "end\ndone reuse=0 retry=0 ",
        ),
    ] {
        let got = log::all(|| sent(facts), text.as_bytes(), eof);
        assert!(
            got.trim_end_matches(COMPLETE).ends_with(want),
            "{text:?}: {got}"
        );
    }
}

#[test]
fn interim_answers() {
    let text = "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 204 N\r\n\r\n";
    let want = format!(
        "Header Status=100 C\ninterim 100\nHeader Status=103 E\nHeader Link=x\ninterim 103\n\
         Header Status=204 N\nhead 204 None\nend\ndone reuse=1 retry=0 {COMPLETE}"
    );
    assert_eq!(get(text, false), want);
    let flood = "HTTP/1.1 102 P\r\n\r\n".repeat(17);
    let got = get(&flood, false);
    assert_eq!(got.matches("interim").count(), 16);
    assert!(
        got.ends_with("Failed(TooManyInterim)\nerror TooManyInterim\n"),
        "{got}"
    );
    let waiting = || {
        let mut client = sent(Facts::EXPECT);
        client.writing = Writing::Body(Framing::Counted(1));
        client
    };
    let got = log::all(
        waiting,
        b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 100 C\r\n\r\n",
        false,
    );
    assert_eq!(
        got,
        "Header Status=100 C\ninterim 100\ndemand\nHeader Status=100 C\ninterim 100\n"
    );
}

#[test]
fn what_is_refused() {
    for (text, want) in [
        ("HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n", "Switch"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Framing",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "ContentLength",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "Coding",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
            "Framing",
        ),
        ("HTTP/1.1 2000 X\r\n\r\n", "BadStatus"),
        ("HTTP/1.1 99 X\r\n\r\n", "BadStatus"),
        ("HTTP/1.1 099 X\r\n\r\n", "BadStatus"),
        ("HTTP/1.1 600 X\r\n\r\n", "BadStatus"),
        ("HTTP/1.1  200\r\n\r\n", "BadStatus"),
        ("HTTP/2.0 200 X\r\n\r\n", "HttpVersion"),
        ("ICY 200 OK\r\n\r\n", "StatusLine"),
        ("HTTP/1.1 200 OK\n\n", "StatusLine"),
        ("HTTP/1.1 200 O\0\r\n\r\n", "StatusLine"),
        ("\r\n\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "Surplus"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "Chunk",
        ),
    ] {
        let got = get(text, false);
        let end = format!("done reuse=0 retry=0 Failed({want})\nerror {want}\n");
        assert!(got.ends_with(&end), "{text:?}: {got}");
    }
    let once = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let got = get(&format!("{once}\r\n\r\n"), false);
    assert!(got.ends_with(COMPLETE), "{got}");
    let got = get(&format!("{once}HTTP/1.1 200 OK\r\n\r\n"), false);
    assert!(
        got.ends_with(&format!("{COMPLETE}error Surplus\n")),
        "{got}"
    );
}

#[test]
fn switches() {
    let s = Rules::STRICT;
    for (rules, text, want) in [
        (
            s.bare_lf(true),
            "HTTP/1.1 204 N\nA: b\n\n",
            "head 204 None\n",
        ),
        (
            s.folding(true),
            "HTTP/1.1 204 N\r\nA: b\r\n\tc\r\n\r\n",
            "A=b c\nhead 204",
        ),
        (
            s.blank_before_colon(true),
            "HTTP/1.1 204 N\r\nA : b\r\n\r\n",
            "A=b\nhead 204",
        ),
        (
            s.coding_wins(true),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "head 200 Unknown\nend\ndone reuse=0",
        ),
        (
            s.other_codings(true),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "head 200 Unknown\nend\ndone reuse=1",
        ),
        (
            s.chunked_alone(true),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "error Coding",
        ),
        (
            s.known_versions(true),
            "HTTP/1.3 200 OK\r\n\r\n",
            "error HttpVersion",
        ),
        (
            s.exact_status_line(true),
            "HTTP/1.1 200\r\n\r\n",
            "error StatusLine",
        ),
        (
            s.exact_status_line(true),
            "HTTP/1.1 204 \r\n\r\n",
            "Status=204\nhead 204",
        ),
    ] {
        let got = log::all(|| sent(Facts::NONE).rules(rules), text.as_bytes(), false);
        assert!(got.contains(want), "{text:?}: {got}");
        let strict = log::all(|| sent(Facts::NONE), text.as_bytes(), false);
        assert!(got != strict || text.contains("204 \r"), "{text:?}: {got}");
    }
}

#[test]
fn tunnels() {
    let upgrade = sent(Facts::UPGRADE);
    let text = b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nRAW";
    let got = log::all(|| upgrade, text, false);
    assert!(
        got.ends_with(&format!(
            "head 101 None\nend\ndone reuse=0 retry=0 {COMPLETE}"
        )),
        "{got}"
    );
    let mut client = sent(Facts::CONNECT);
    let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nRAW"[..];
    while let crate::Next::Event(_) = crate::Receive::next(&mut client, &mut input).unwrap() {}
    assert_eq!(input, b"RAW");
    assert_eq!((client.phase(), client.after()), (Phase::Idle, After::Keep));
    let got = log::all(
        || sent(Facts::CONNECT),
        b"HTTP/1.1 407 P\r\nContent-Length: 1\r\n\r\nx",
        false,
    );
    assert!(
        got.contains("head 407 Known(1)\nbody x\nend\ndone reuse=1"),
        "{got}"
    );
}

#[test]
fn ends_of_the_stream() {
    let failed =
        |retry, error: &str| format!("done reuse=0 retry={retry} Failed({error})\nerror Eof\n");
    assert_eq!(get("", true), failed(0, "NoResponse"));
    let used = || Client {
        used: true,
        ..sent(Facts::IDEMPOTENT)
    };
    assert_eq!(log::all(used, b"", true), failed(1, "NoResponse"));
    assert_eq!(log::all(used, b"H", true), failed(0, "HeadCut"));
    let post = || Client {
        used: true,
        ..sent(Facts::NONE)
    };
    assert_eq!(log::all(post, b"", true), failed(0, "NoResponse"));
    assert!(get("HTTP/1.1 200 OK\r\nA: b", true).ends_with(&failed(0, "HeadCut")));
    let mut idle = Client::new();
    assert_eq!(log::run(&mut idle, &[], true), "");
    assert_eq!(idle.after(), After::Close);
    // Gone both ways: what only the close ends is not complete.
    let mut client = sent(Facts::NONE);
    log::run(&mut client, &[b"HTTP/1.1 200 OK\r\n\r\nhi"], false);
    client.lose();
    let got = log::run(&mut client, &[b"x"], false);
    assert_eq!(got, "done reuse=0 retry=0 Truncated\nerror Eof\n");
}

#[test]
fn a_counted_body_is_whole_with_its_last_byte() {
    use crate::machine::Client as _;
    for (size, reuse) in [(1, 0), (2, 1)] {
        let mut client = Client::new();
        let fields = [
            Field::var(b"REQUEST_METHOD", b"POST"),
            Field::var(b"REQUEST_URI", b"/"),
            Field::header(b"Host", b"h"),
        ];
        let mut room = [0; 128];
        let (id, _) = client.open(fields, Length::Known(2), &mut room).unwrap();
        let mut payload = &b"hi"[..size];
        assert_eq!(client.body(id, &mut payload).unwrap().len(), size);
        // More than was declared is for `body` to refuse.
        assert_eq!(client.credit(id), usize::MAX);
        let got = log::run(&mut client, &[b"HTTP/1.1 204 N\r\n\r\n"], false);
        assert!(got.contains(&format!("done reuse={reuse} ")), "{got}");
    }
}

/// A path and a query that came apart, as over AJP.
#[test]
fn a_target_in_two_parts() {
    let line = |fields: &[Field<'_>]| {
        let rest = [
            Field::var(b"REQUEST_METHOD", b"GET"),
            Field::header(b"Host", b"h"),
        ];
        let all = fields.iter().copied().chain(rest);
        let mut room = [0; 128];
        let mut client = Client::new();
        let made = crate::machine::Client::open(&mut client, all, Length::None, &mut room);
        made.map(|(_, frame)| {
            let text = String::from_utf8(frame.slices().concat()).unwrap();
            text.split("\r\n").next().unwrap().to_string()
        })
    };
    let path = |text| Field::var(b"DOCUMENT_URI", text);
    let query = |text| Field::var(b"QUERY_STRING", text);
    let whole = Field::var(b"REQUEST_URI", b"/c?d");
    assert_eq!(line(&[path(b"/a")]).unwrap(), "GET /a HTTP/1.1");
    let both = line(&[path(b"/a"), query(b"b?c")]);
    assert_eq!(both.unwrap(), "GET /a?b?c HTTP/1.1");
    let three = line(&[path(b"/a"), query(b"b"), whole]);
    assert_eq!(three.unwrap(), "GET /c?d HTTP/1.1");
    for bad in [
        &[path(b"/a"), query(b"b c")][..],
        &[path(b"/a?b"), query(b"c")],
        &[path(b"/a"), path(b"/a")],
        &[query(b"c")],
        &[path(b"http://h/"), query(b"c")],
    ] {
        assert_eq!(line(bad), Err(crate::Refused::Field), "{bad:?}");
    }
}

/// RFC 9112, 3.2.
#[test]
fn a_whole_uri_and_its_host() {
    let open = |method: &str, uri: &str, host: Field<'_>| {
        let fields = [
            Field::var(b"REQUEST_METHOD", method.as_bytes()),
            Field::var(b"REQUEST_URI", uri.as_bytes()),
            host,
        ];
        let mut room = [0; 128];
        let mut client = Client::new();
        let made = crate::machine::Client::open(&mut client, fields, Length::None, &mut room);
        made.map(|(_, frame)| String::from_utf8(frame.slices().concat()).unwrap())
    };
    let header = |host| Field::header(b"Host", host);
    let var = |host| Field::var(b"HTTP_HOST", host);
    for host in [header(b"h"), var(b"h"), header(b" H:80 ")] {
        let text = open("GET", "http://h/a", host).unwrap();
        assert!(
            text.starts_with("GET http://h/a HTTP/1.1\r\nHost: "),
            "{text}"
        );
    }
    for (uri, host) in [
        ("http://h/a", header(b"g")),
        ("http://h/a", var(b"g")),
        ("http://h/a", header(b"h:81")),
        ("http://h/a", header(b"")),
        ("https://h", header(b"h:80")),
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let made = open(method, uri, host);
            assert_eq!(made, Err(crate::Refused::Field), "{method} {uri} {host:?}");
        }
    }
    assert!(open("GET", "/a", header(b"g")).is_ok());
}
