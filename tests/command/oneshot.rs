//! SCGI and uwsgi: one request on a connection.

use super::tools::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// A request as it goes over the wire: its variables, its body.
type Written = fn(&[(&str, &str)], &[u8]) -> Vec<u8>;

fn scgi(vars: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("CONTENT_LENGTH\0{}\0SCGI\x001\0", body.len());
    for (name, value) in vars {
        head += &format!("{name}\0{value}\0");
    }
    let head = format!("{}:{head},", head.len());
    [head.as_bytes(), body].concat()
}

fn uwsgi(vars: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let length = body.len().to_string();
    let length = (!body.is_empty()).then_some(("CONTENT_LENGTH", &length[..]));
    let mut block = Vec::new();
    for (name, value) in length.iter().chain(vars) {
        for text in [name, value] {
            block.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
            block.extend(text.bytes());
        }
    }
    let [a, b] = u16::try_from(block.len()).unwrap().to_le_bytes();
    [&[0, a, b, 0], &block[..], body].concat()
}

const WIRES: [(&str, Written); 2] = [("scgi", scgi), ("uwsgi", uwsgi)];

/// The beginning of an answer.
fn status(scheme: &str, text: &str) -> String {
    match scheme {
        "scgi" => format!("Status: {text}\r\n"),
        _ => format!("HTTP/1.1 {text}\r\n"),
    }
}

fn listening(scheme: &str, args: &[&str]) -> Served {
    let at = format!("{scheme}://127.0.0.1:0");
    Served::spawn(vestibule(&[&["serve", "--listen", &at], args].concat()))
}

fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.endpoint.split_once("://").unwrap().1).unwrap()
}

/// What comes until the end.
fn rest(mut stream: TcpStream) -> String {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    String::from_utf8(got).unwrap()
}

/// The variables of `call ENDPOINT/a%20b/c?d`.
fn called() -> Vec<(&'static str, &'static str)> {
    vec![
        ("REQUEST_URI", "/a%20b/c?d"),
        ("QUERY_STRING", "d"),
        ("DOCUMENT_URI", "/a b/c"),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", "/a b/c"),
        ("REQUEST_METHOD", "PUT"),
        ("HTTP_X_A", "b"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        (
            "SERVER_SOFTWARE",
            concat!("vestibule/", env!("CARGO_PKG_VERSION")),
        ),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", "80"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REDIRECT_STATUS", "200"),
    ]
}

#[test]
fn calls_byte_for_byte() {
    for (scheme, write) in WIRES {
        let dir = Dir::new(&format!("called-{scheme}"));
        let body = dir.file("body", b"hello");
        for (answer, code, out, said) in [
            // Either form, whole by the length or by the end.
            (
                "Status: 201 Made\nA: b\nContent-Length: 2\n\nhi",
                0,
                "Status: 201\r\nA: b\r\nContent-Length: 2\r\n\r\nhi",
                "",
            ),
            (
                "HTTP/1.1 404 No\r\nA: b\r\n\r\nhi",
                0,
                "Status: 404\r\nA: b\r\n\r\nhi",
                "",
            ),
            (
                "Status: 200 OK\r\nContent-Length: 9\r\n\r\nhi",
                18,
                "Status: 200\r\nContent-Length: 9\r\n\r\nhi",
                "truncated",
            ),
            ("Status: 200 OK\r\nA", 18, "", "truncated"),
            ("", 18, "", "truncated"),
            ("no head\r\n\r\n", 8, "", "RFC 3875"),
        ] {
            let want = write(&called(), b"hello");
            let (endpoint, acting) = peer_at(scheme, move |mut stream| {
                let mut got = vec![0; want.len()];
                stream.read_exact(&mut got).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut more = Vec::new();
                stream.read_to_end(&mut more).unwrap();
                assert!(got == want && more.is_empty(), "{}", got.escape_ascii());
            });
            let at = format!("{endpoint}/a%20b/c?d");
            let ran = call(&at, &["-i", "-XPUT", "-HX-A: b", "--body", &body]);
            acting.join().unwrap();
            assert_eq!(
                (ran.code, &ran.text()[..]),
                (code, out),
                "{scheme}: {ran:?}"
            );
            assert!(ran.err.contains(said), "{scheme}: {ran:?}");
        }
    }
}

#[test]
fn what_they_cannot_be_asked() {
    for (scheme, _) in WIRES {
        let at = format!("{scheme}://127.0.0.1:1");
        for (args, what) in [
            (&["--role", "filter"][..], "--role means nothing to"),
            (&["--data", "x"], "--data means nothing to"),
        ] {
            let ran = call(&at, args);
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(ran.err.contains(what), "{ran:?}");
        }
        let piped = vestibule(&["call", &at, "--body", "-"]);
        let ran = finish(piped, b"some");
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains("wants a body of known length"), "{ran:?}");
        let ran = call(&format!("{scheme}://h"), &[]);
        assert!(ran.err.contains("the port is missing"), "{ran:?}");
        let ran = call(&format!("{scheme}+unix:/nowhere/at/all"), &[]);
        assert_eq!(ran.code, 7, "{ran:?}");
    }
    let (endpoint, acting) = peer_at("uwsgi", |mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let ran = call(&endpoint, &["-p", "UWSGI_FILE=x"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("cannot send this"), "{ran:?}");
    acting.join().unwrap();
}

#[test]
fn serves_byte_for_byte() {
    for (scheme, write) in WIRES {
        let hello = listening(scheme, &["--app", "hello"]);
        let vars = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/")];
        let mut stream = connect(&hello);
        // However it is cut; and nothing behind it is another request.
        for byte in write(&vars, b"") {
            stream.write_all(&[byte]).unwrap();
        }
        stream.write_all(&write(&vars, b"")).unwrap();
        let expect = status(scheme, "200 OK")
            + "Content-Type: text/plain\r\nContent-Length: 14\r\n\r\nHello, world!\n";
        assert_eq!(rest(stream), expect, "{scheme}");

        let mirror = listening(scheme, &["--app", "mirror", "--max-body", "5"]);
        let vars = [("REQUEST_METHOD", "POST"), ("CONTENT_TYPE", "a/b")];
        let mut stream = connect(&mirror);
        stream.write_all(&write(&vars, b"12345")).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let expect =
            status(scheme, "200 OK") + "Content-Type: a/b\r\nContent-Length: 5\r\n\r\n12345";
        assert_eq!(rest(stream), expect, "{scheme}");
        let mut stream = connect(&mirror);
        stream.write_all(&write(&vars, b"123456")).unwrap();
        let got = rest(stream);
        assert!(
            got.starts_with(&status(scheme, "413 Content Too Large")),
            "{got}"
        );
    }
}

#[test]
fn what_is_no_request_is_told_so() {
    for (scheme, bytes, code) in [
        ("scgi", &b"GET / HTTP/1.1\r\n"[..], "400 Bad Request"),
        ("scgi", b"99999999:", "431 Request Header Fields Too Large"),
        ("scgi", b"2:A\0;", "400 Bad Request"),
        ("uwsgi", b"GET / HTTP/1.1\r\n", "400 Bad Request"),
        ("uwsgi", b"\x05\0\0\0", "501 Not Implemented"),
        ("uwsgi", b"\0\x05\0\0\0\0\x01\0x", "400 Bad Request"),
    ] {
        let served = listening(scheme, &["--app", "hello"]);
        let mut stream = connect(&served);
        stream.write_all(bytes).unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let got = rest(stream);
        assert!(got.starts_with(&status(scheme, code)), "{scheme}: {got}");
    }
}

#[test]
fn pings() {
    let served = listening("uwsgi", &["--app", "hello"]);
    let ran = run(&["ping", &served.endpoint]);
    let said = format!("{} is there: it answers a ping\n", served.endpoint);
    assert_eq!((ran.code, ran.text()), (0, said), "{ran:?}");
    for (answer, code, said) in [
        (
            &b"\x64\x04\0\x01slow"[..],
            0,
            "it answers a ping, and warns: slow",
        ),
        (b"", 0, "closes without an answer to a ping"),
        (b"HTTP/1.1 400 No\r\n\r\n", 8, "packet type"),
    ] {
        let (endpoint, acting) = peer_at("uwsgi", move |mut stream| {
            let mut asked = [0; 4];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(answer).unwrap();
            asked
        });
        let ran = run(&["ping", &endpoint, "--timeout", "10"]);
        assert_eq!(acting.join().unwrap(), *b"\x64\0\0\0");
        assert_eq!(ran.code, code, "{ran:?}");
        assert!((ran.text() + &ran.err).contains(said), "{said}: {ran:?}");
    }
    // SCGI has no question.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("scgi://{}", listener.local_addr().unwrap());
    let ran = run(&["ping", &endpoint]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let said = "is there: it accepts a connection; SCGI has no question beyond\n";
    assert_eq!(ran.text(), format!("{endpoint} {said}"));
    let mut got = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"");
    drop(listener);
    assert_eq!(run(&["ping", &endpoint]).code, 7);
}

/// The files of a directory, and the application for everything else.
#[test]
fn files_before_an_application() {
    for (scheme, _) in WIRES {
        let dir = Dir::new(&format!("files-{scheme}"));
        dir.file("a.txt", b"a file");
        let app = listening(scheme, &["--app", "echo"]);
        let to = ["serve", "--to", &app.endpoint, "--root", &dir.path("")];
        let front = [&to[..], &["--listen", "http://127.0.0.1:0"]].concat();
        let front = Served::spawn(vestibule(&front));
        let at = |path: &str| call(&format!("{}{path}", front.endpoint), &["--fail"]);
        assert_eq!(at("/a.txt").text(), "a file");
        let ran = at("/b/c%20d?e");
        assert!(
            ran.text().contains("\nPATH_INFO=/b/c d\n"),
            "{scheme}: {ran:?}"
        );
        assert!(ran.text().contains("\nSCRIPT_NAME=\n"), "{scheme}: {ran:?}");
    }
}

/// Who finds no worker is told so in the words of the protocol.
#[test]
fn overloaded() {
    for (scheme, write) in WIRES {
        let served = listening(scheme, &["--app", "hello", "--workers", "1"]);
        // It is busy: the request is not complete.
        let vars = [("REQUEST_METHOD", "PUT"), ("REQUEST_URI", "/")];
        let whole = write(&vars, b"ab");
        let mut first = connect(&served);
        first.write_all(&whole[..whole.len() - 1]).unwrap();
        let mut second = connect(&served);
        second.write_all(&write(&vars, b"")).unwrap();
        let got = rest(second);
        let want = status(scheme, "503 Service Unavailable");
        assert!(got.starts_with(&want), "{scheme}: {got}");
        first.write_all(b"b").unwrap();
        let got = rest(first);
        assert!(
            got.starts_with(&status(scheme, "200 OK")),
            "{scheme}: {got}"
        );
    }
}

fn decode(args: &[&str], bytes: &[u8]) -> Ran {
    finish(vestibule(&[&["decode"], args, &["-"]].concat()), bytes)
}

fn lines(ran: &Ran) -> Vec<String> {
    ran.text().lines().map(String::from).collect()
}

const ANSWER: &[u8] = b"Status: 404 No\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn decoded() {
    let vars = [("REQUEST_METHOD", "PUT")];
    let ran = decode(&["scgi"], &scgi(&vars, b"ab"));
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let expect = [
        "       0  Begin",
        "      20  Field space=var name=\"CONTENT_LENGTH\" value=\"2\"",
        "      27  Field space=var name=\"SCGI\" value=\"1\"",
        "      46  Field space=var name=\"REQUEST_METHOD\" value=\"PUT\"",
        "      47  HeadEnd length=2",
        "      49  Body length=2 bytes=\"ab\"",
        "      49  BodyEnd",
    ];
    assert_eq!(lines(&ran), expect);
    let ran = decode(&["uwsgi"], &uwsgi(&vars, b"ab"));
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let expect = [
        "       0  Begin",
        "      23  Field space=var name=\"CONTENT_LENGTH\" value=\"2\"",
        "      44  Field space=var name=\"REQUEST_METHOD\" value=\"PUT\"",
        "      44  HeadEnd length=2 modifier1=0 modifier2=0",
        "      46  Body length=2 bytes=\"ab\"",
        "      46  BodyEnd",
    ];
    assert_eq!(lines(&ran), expect);
    for (scheme, write) in WIRES {
        let ran = decode(&[scheme], ANSWER);
        assert_eq!((ran.code, &ran.err[..]), (0, ""));
        let expect = [
            "      16  Field space=header name=\"Status\" value=\"404 No\"",
            "      35  Field space=header name=\"Content-Length\" value=\"2\"",
            "      37  HeadEnd status=404 length=2",
            "      39  Body length=2 bytes=\"hi\"",
            "      39  BodyEnd",
            "      39  Done ending=complete reuse=false",
        ];
        assert_eq!(lines(&ran), expect, "{scheme}");
        // What is wrong, and where.
        let whole = write(&vars, b"ab");
        for (bytes, what) in [
            (&whole[..whole.len() - 1], "the end, inside request 1"),
            (
                &[&whole[..], b"x"].concat(),
                "bytes behind the last message of the connection",
            ),
            (&ANSWER[..38], "the end, inside answer 1"),
            (&ANSWER[..20], "the end, inside answer 1"),
        ] {
            let ran = decode(&[scheme], bytes);
            assert_eq!(ran.code, 1, "{scheme} {}", bytes.escape_ascii());
            assert!(ran.err.contains(what), "{scheme} {what}: {ran:?}");
        }
    }
    let ran = decode(&["scgi"], b"02");
    assert!(ran.err.contains("at byte 1: request 1: "), "{ran:?}");
    assert!(ran.err.contains("[SCGI, 3]"), "{ran:?}");
    let ran = decode(&["uwsgi", "--side", "server"], b"\x64\0\0\0");
    assert_eq!(lines(&ran), ["       4  Ping"]);
    let ran = decode(&["uwsgi"], b"\x64\x02\0\x01hm");
    let expect = [
        "       4  Pong warning=2",
        "       6  Warning length=2 bytes=\"hm\"",
    ];
    assert_eq!(lines(&ran), expect, "{ran:?}");
}

#[test]
fn drawn() {
    for (scheme, write) in WIRES {
        let dir = Dir::new(&format!("drawn-{scheme}"));
        let vars = [("REQUEST_METHOD", "PUT"), ("REQUEST_URI", "/a")];
        let c2s = dir.file("c2s", &write(&vars, b"ab"));
        let s2c = dir.file("s2c", ANSWER);
        let ran = run(&["decode", scheme, &c2s, &s2c]);
        assert_eq!((ran.code, &ran.err[..]), (0, ""), "{ran:?}");
        let expect = [
            "PUT /a",
            "CONTENT_LENGTH: 2",
            "SCGI: 1",
            "REQUEST_METHOD: PUT",
            "REQUEST_URI: /a",
            "2 bytes \"ab\"",
            "404",
            "Status: 404 No",
            "Content-Length: 2",
            "2 bytes \"hi\"",
            "(closes)",
            "(closes)",
        ];
        let expect = expect
            .into_iter()
            .filter(|l| scheme == "scgi" || *l != "SCGI: 1");
        let plain = |l: &String| l.trim_matches(|c| " |<>-".contains(c)).to_string();
        let got: Vec<String> = lines(&ran)[1..].iter().map(plain).collect();
        assert_eq!(got, expect.collect::<Vec<_>>(), "{scheme}");
    }
}
