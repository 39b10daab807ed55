//! `call` over HTTP: what it sends, byte by byte, and what it makes of answers.

use super::tools::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Calls a peer that answers what ends in `end`. What came of it, and what was
/// sent, with the peer's address as `HOST`.
fn sent(args: &[&str], env: &[(&str, &str)], input: &[u8], end: &str) -> (Ran, String) {
    let end = end.to_string();
    let (endpoint, acting) = peer_at("http", move |mut stream| {
        let got = read_to(&mut stream, end.as_bytes());
        stream.write_all(NO_CONTENT).unwrap();
        got
    });
    let mut command = vestibule(&[&["call", &endpoint], args].concat());
    command.envs(env.iter().copied());
    let ran = finish(command, input);
    let host = endpoint.strip_prefix("http://").unwrap();
    let got = String::from_utf8(acting.join().unwrap()).unwrap();
    (ran, got.replace(host, "HOST"))
}

/// Reads until something stands at the end.
fn read_to(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let (mut got, mut byte) = (Vec::new(), [0]);
    while !got.ends_with(end) {
        stream.read_exact(&mut byte).unwrap();
        got.extend(byte);
    }
    got
}

#[test]
fn requests() {
    let get = "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n";
    let (ran, got) = sent(&[], &[], b"", "\r\n\r\n");
    assert_eq!((ran.code, &ran.err[..], &ran.out[..]), (0, "", &b""[..]));
    assert_eq!(got, get);
    // The variables make a request line and fields; options win.
    let args = [
        "--uri",
        "/a%20b?c=d",
        "-X",
        "OPTIONS",
        "-H",
        "X-One: 1",
        "-H",
        "x-one: 2",
        "-H",
        "host: other",
        "-p",
        "HTTP_X_TWO=3",
    ];
    let env = [
        ("HTTP_ACCEPT", "a/b"),
        ("HTTP_X_ONE", "0"),
        ("HTTP_CONNECTION", "keep-alive"),
        ("HTTP_PROXY", "evil"),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("SCRIPT_NAME", "/x"),
    ];
    let (ran, got) = sent(&args, &env, b"", "\r\n\r\n");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        got,
        "OPTIONS /a%20b?c=d HTTP/1.1\r\nHost: other\r\naccept: a/b\r\n\
         X-One: 1, 2\r\nx-two: 3\r\nConnection: close\r\n\r\n"
    );
    let env = [("SCRIPT_NAME", "/x"), ("QUERY_STRING", "y")];
    let (_, got) = sent(&[], &env, b"", "\r\n\r\n");
    assert!(got.starts_with("GET /x?y HTTP/1.1\r\n"), "{got}");
    let (_, got) = sent(&[], &env[1..], b"", "\r\n\r\n");
    assert!(got.starts_with("GET /?y HTTP/1.1\r\n"), "{got}");
    let asterisk = ["-X", "OPTIONS", "-p", "REQUEST_URI=*"];
    let (_, got) = sent(&asterisk, &[], b"", "\r\n\r\n");
    assert!(got.starts_with("OPTIONS * HTTP/1.1\r\n"), "{got}");
    // As a proxy is asked.
    let whole = ["-p", "REQUEST_URI=http://a.example:81/b"];
    let (ran, got) = sent(&whole, &[], b"", "\r\n\r\n");
    let start = "GET http://a.example:81/b HTTP/1.1\r\nHost: a.example:81\r\n";
    assert!(got.starts_with(start), "{got} {ran:?}");
}

#[test]
fn bodies() {
    let rest = "Connection: close\r\n\r\n";
    let (_, got) = sent(&["-d", "a=1", "-d", "b"], &[], b"", "a=1&b");
    let form = "content-type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n";
    assert_eq!(
        got,
        format!("POST / HTTP/1.1\r\nHost: HOST\r\n{form}{rest}a=1&b")
    );
    let (ran, got) = sent(&["--body", "-", "-XPUT"], &[], b"abc", "\r\n0\r\n\r\n");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        got,
        format!(
            "PUT / HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n{rest}\
             3\r\nabc\r\n0\r\n\r\n"
        )
    );
    let (_, got) = sent(&[], &[("CONTENT_LENGTH", "2")], b"abc", "ab");
    assert!(got.contains("Content-Length: 2\r\n"), "{got}");
    let (_, got) = sent(&["-X", "POST"], &[], b"", "\r\n\r\n");
    assert!(got.contains("Content-Length: 0\r\n"), "{got}");
    // Both ways at once, with and without a length.
    let served = Served::http("mirror", &[]);
    let dir = Dir::new("http-bodies");
    let data = pattern(10_000_000);
    let ran = call(&served.endpoint, &["--body", &dir.file("data", &data)]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    assert!(ran.out == data);
    let ran = finish(vestibule(&["call", &served.endpoint, "--body", "-"]), &data);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    assert!(ran.out == data);
}

#[test]
fn expectations() {
    let expect = ["-H", "Expect: 100-continue", "-d", "hi", "-v"];
    let with = |act: fn(TcpStream)| {
        let (at, acting) = peer_at("http", act);
        let ran = call(&at, &[&expect[..], &["--timeout", "600"]].concat());
        acting.join().unwrap();
        assert_eq!(ran.code, 0, "{ran:?}");
        ran
    };
    let ran = with(|mut stream| {
        let head = read_to(&mut stream, b"\r\n\r\n");
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains("Expect: 100-continue\r\n"), "{head}");
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        stream.write_all(early).unwrap();
        read_to(&mut stream, b"hi");
        stream.write_all(NO_CONTENT).unwrap();
    });
    let lines = drawn(&ran);
    let at = |what: &str| lines.iter().position(|l| l.contains(what)).expect(what);
    assert!(at("103 Early Hints") < at("Link: </a"), "{lines:?}");
    assert!(at("100 Continue") < at("2 bytes \"hi\""), "{lines:?}");
    // Refused: the body is never sent.
    let ran = with(|mut stream| {
        read_to(&mut stream, b"\r\n\r\n");
        stream
            .write_all(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
    });
    assert!(!ran.err.contains("hi\""), "{}", ran.err);
    // Not answered: it is sent all the same.
    with(|mut stream| {
        read_to(&mut stream, b"\r\n\r\n");
        read_to(&mut stream, b"hi");
        stream.write_all(NO_CONTENT).unwrap();
    });
}

/// What is between the two lines.
fn drawn(ran: &Ran) -> Vec<String> {
    let line = |line: &str| line.trim_matches([' ', '|', '<', '>', '-']).to_string();
    ran.err.lines().skip(1).map(line).collect()
}

/// What is left of a head without its date.
fn undated(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|b| *b == b'\n');
    let lines = lines.filter(|line| !line.starts_with(b"Date: "));
    lines.flatten().copied().collect()
}

#[test]
fn head_and_drawing() {
    let served = Served::http("echo", &[]);
    let at = &served.endpoint[..];
    let ran = call(at, &["--uri", "/?m=odd", "-i"]);
    let expect = b"Status: 200\r\nContent-Type: text/plain\r\nX-Utf8: \xc5\xbelu\xc5\xa5ou\xc4\x8dk\xc3\xbd k\xc5\xaf\xc5\x88\r\nX-Latin1: caf\xe9\r\nX-Empty: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nx-lower-Case: Yes\r\nContent-Length: 4\r\nConnection: close\r\n\r\nodd\n";
    assert!(undated(&ran.out) == expect, "{}", ran.text());
    let host = at.strip_prefix("http://").unwrap();
    let ran = call(at, &["--uri", "/?m=size&n=5", "-X", "HEAD", "-v"]);
    assert_eq!((ran.code, &ran.out[..]), (0, &b""[..]));
    let host = format!("Host: {host}");
    let head = [
        "HEAD /?m=size&n=5 HTTP/1.1",
        &host,
        "Connection: close",
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain",
        "Content-Length: 5",
        "Connection: close",
    ];
    let mut seen = drawn(&ran);
    seen.retain(|line| !line.starts_with("Date: "));
    assert_eq!(seen, head);
    let ran = call(at, &["--uri", "/?m=slow&n=2", "-v"]);
    assert_eq!((ran.code, &ran.out[..]), (0, &b"chunk 0\nchunk 1\n"[..]));
    let chunks = [
        "Transfer-Encoding: chunked",
        "Connection: close",
        "chunk: 8 bytes \"chunk 0\\n\"",
        "chunk: 8 bytes \"chunk 1\\n\"",
        "last chunk",
    ];
    assert!(drawn(&ran).ends_with(&chunks.map(String::from)), "{ran:?}");
    // Fields of an interim answer are not the final one's.
    let (at, acting) = peer_at("http", |mut stream| {
        read_to(&mut stream, b"\r\n\r\n");
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        stream.write_all(early).unwrap();
        stream
            .write_all(b"HTTP/1.1 404 No\r\nA: b\r\n\r\nopen")
            .unwrap();
    });
    let ran = call(&at, &["-i"]);
    acting.join().unwrap();
    assert_eq!(ran.text(), "Status: 404\r\nA: b\r\n\r\nopen");
}

#[test]
fn unix_sockets() {
    let dir = Dir::new("http-unix");
    let path = dir.path("s");
    let listener = UnixListener::bind(&path).unwrap();
    let acting = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let got = read_to(&mut stream, b"\r\n\r\n");
        stream.write_all(NO_CONTENT).unwrap();
        got
    });
    let ran = call(&format!("http+unix:{path}"), &["--uri", "/a"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let got = acting.join().unwrap();
    assert!(
        got.starts_with(b"GET /a HTTP/1.1\r\nHost: localhost\r\n"),
        "{}",
        got.escape_ascii()
    );
}

#[test]
fn exit_codes() {
    let answered = |bytes: &[u8], args: &[&str]| {
        let bytes = bytes.to_vec();
        let (at, acting) = peer_at("http", move |mut stream| {
            read_to(&mut stream, b"\r\n\r\n");
            stream.write_all(&bytes).unwrap();
        });
        let ran = call(&at, args);
        acting.join().unwrap();
        (ran.code, ran.text())
    };
    let code = |bytes: &[u8]| answered(bytes, &[]).0;
    let none = || String::new();
    // What the close ends is complete; what it cuts is not.
    let open = b"HTTP/1.0 200 OK\r\n\r\nall";
    assert_eq!(answered(open, &[]), (0, "all".into()));
    let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    assert_eq!(answered(cut, &[]), (18, "half".into()));
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    assert_eq!(answered(chunk, &[]), (18, "half".into()));
    assert_eq!(code(&cut[..20]), 18);
    assert_eq!(code(b""), 18);
    // Another protocol, and what is no HTTP.
    assert_eq!(code(&record(6, 1, b"A: b\r\n\r\n")), 8);
    assert_eq!(code(b"HTTP/1.1 200 OK\r\nA b\r\n\r\n"), 8);
    assert_eq!(
        code(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        8
    );
    assert_eq!(
        code(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        8
    );
    // A status alone is no failure, unless one says so.
    let bad = b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad";
    assert_eq!(answered(bad, &[]), (0, "bad".into()));
    assert_eq!(answered(bad, &["--fail"]), (22, none()));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let late = ["--timeout", "0.1"];
    assert_eq!(call(&format!("http://{address}"), &late).code, 28);
    drop(free);
    assert_eq!(call(&format!("http://{address}"), &[]).code, 7);
    assert_eq!(call("http+unix:/nowhere/at/all", &[]).code, 7);
}

#[test]
fn usage() {
    let served = Served::http("hello", &[]);
    let dir = Dir::new("http-usage");
    let file = dir.file("f", b"x");
    for (args, what) in [
        (
            &["--role", "responder"][..],
            "--role means nothing to http:",
        ),
        (&["--data", &file], "--data means nothing"),
        (&["--root", "/srv"], "--root means nothing"),
        (&["--env"], "--env means nothing"),
        (&["-p", "SERVER_NAME=x"], "-p SERVER_NAME: no header field"),
        (&["-p", "HTTP_PROXY=x"], "-p HTTP_PROXY: no header field"),
        (
            &["-H", "Connection: keep-alive"],
            "cannot send this: Connection: keep-alive",
        ),
        (
            &["-H", "Transfer-Encoding: x"],
            "cannot send this: Transfer-Encoding: x",
        ),
        (&["-H", "Host: a b"], "cannot send this: Host: a b"),
        (
            &["-H", "Host: a", "-H", "Transfer-Encoding: x"],
            "cannot send this: Transfer-Encoding: x",
        ),
        (
            &["-p", "REQUEST_URI=http://a/", "-p", "HTTP_X=\u{1}"],
            "cannot send this: HTTP_X: \\x01",
        ),
        (
            &["-H", "Host: b", "-p", "REQUEST_URI=http://a/"],
            "cannot send this: REQUEST_URI: http://a/",
        ),
        (
            &["-H", "Expect: 100-continue"],
            "cannot send this: Expect: 100-continue",
        ),
        (&["--uri", "/a b"], "cannot send this: REQUEST_URI: /a b"),
        (&["-X", "G T"], "cannot send this: REQUEST_METHOD: G T"),
        (
            &["-X", "CONNECT"],
            "cannot send this: REQUEST_METHOD: CONNECT",
        ),
        (&["-p", "REQUEST_URI=*"], "cannot send this: REQUEST_URI: *"),
        (
            &["-X", "TRACE", "-d", "x"],
            "cannot send this: a body with this method",
        ),
    ] {
        let ran = call(&served.endpoint, args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(what), "{args:?}: {}", ran.err);
    }
}
