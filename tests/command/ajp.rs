//! AJP.

use super::tools::*;
use super::wire::{Body, Caller};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// A packet of the web server (`\x12\x34`) or of the container (`AB`).
fn packet(magic: &[u8; 2], payload: &[u8]) -> Vec<u8> {
    let n = u16::try_from(payload.len()).unwrap();
    [magic, &n.to_be_bytes()[..], payload].concat()
}

fn asks(payload: &[u8]) -> Vec<u8> {
    packet(b"\x12\x34", payload)
}

fn says(payload: &[u8]) -> Vec<u8> {
    packet(b"AB", payload)
}

fn string(text: &str) -> Vec<u8> {
    let n = u16::try_from(text.len()).unwrap();
    [&n.to_be_bytes(), text.as_bytes(), &[0]].concat()
}

/// FORWARD_REQUEST: method, target, coded or named fields, attributes.
fn forward(method: u8, path: &str, fields: &[(&[u8], &str)], attributes: &[(u8, &str)]) -> Vec<u8> {
    let mut payload = vec![2, method];
    payload.extend(string("HTTP/1.1"));
    payload.extend(string(path));
    payload.extend(string("127.0.0.1"));
    payload.extend([0xff, 0xff]);
    payload.extend(string("localhost"));
    payload.extend([0, 80, 0]);
    payload.extend(u16::try_from(fields.len()).unwrap().to_be_bytes());
    for (name, value) in fields {
        payload.extend(*name);
        payload.extend(string(value));
    }
    for (code, value) in attributes {
        payload.push(*code);
        payload.extend(string(value));
    }
    payload.push(0xff);
    asks(&payload)
}

/// SEND_HEADERS 200 with Content-Length.
fn headers(length: usize) -> Vec<u8> {
    let head = [&[4, 0, 200][..], &string("OK"), &[0, 1, 0xa0, 3]].concat();
    says(&[head, string(&length.to_string())].concat())
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let n = u16::try_from(bytes.len()).unwrap();
    says(&[&[3], &n.to_be_bytes()[..], bytes, &[0]].concat())
}

fn end(reuse: bool) -> Vec<u8> {
    says(&[5, reuse.into()])
}

const LENGTH: &[u8] = b"\xa0\x08";
const HOST: &[u8] = b"\xa0\x0b";

fn read(stream: &mut TcpStream, n: usize) -> Vec<u8> {
    let mut got = vec![0; n];
    stream.read_exact(&mut got).unwrap();
    got
}

fn listening(args: &[&str]) -> Served {
    let listen = ["serve", "--listen", "ajp://127.0.0.1:0"];
    Served::spawn(vestibule(&[&listen, args].concat()))
}

fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.endpoint.strip_prefix("ajp://").unwrap()).unwrap()
}

#[test]
fn calls_byte_for_byte() {
    let dir = Dir::new("ajp-called");
    let body = vec![b'x'; 8_190];
    let file = dir.file("body", &body);
    let secret = dir.file("secret", b"s3cret\r\nanother line\n");
    for (args, env) in [
        (["--secret", "s3cret"], ""),
        (["--secret-file", &secret], ""),
        (["--secret-env", "SECRET"], "s3cret"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let at = format!("ajp://{host}/a%20b?c");
        let acting = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let fields = [(&b"\0\x03X-A\0"[..], "b"), (HOST, &host), (LENGTH, "8190")];
            let want = forward(5, "/a%20b", &fields, &[(12, "s3cret"), (5, "c")]);
            let got = read(&mut stream, want.len());
            assert!(got == want, "{}", got.escape_ascii());
            // The first packet comes unasked, the others do not.
            let first = read(&mut stream, 4 + 2 + 8_186);
            assert_eq!(first[..6], *b"\x12\x34\x1f\xfc\x1f\xfa");
            stream.write_all(&says(&[6, 0x1f, 0xfa])).unwrap();
            assert_eq!(read(&mut stream, 10), *b"\x12\x34\0\x06\0\x04xxxx");
            let answer = [headers(2), chunk(b"h"), chunk(b""), chunk(b"i"), end(true)];
            stream.write_all(&answer.concat()).unwrap();
            let mut more = Vec::new();
            stream.read_to_end(&mut more).unwrap();
            assert_eq!(more, b"");
        });
        let call = [
            "call", &at, "-i", "-v", "-XPUT", "-HX-A: b", "--body", &file,
        ];
        let mut command = vestibule(&[&call, &args[..]].concat());
        if !env.is_empty() {
            command.env("SECRET", env);
        }
        let ran = finish(command, b"");
        let out = "Status: 200\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!((ran.code, &ran.text()[..]), (0, out), "{ran:?}");
        assert!(!ran.err.contains("s3cret"), "{ran:?}");
        for what in [
            "FORWARD_REQUEST: PUT /a%20b",
            "secret: (withheld)",
            "GET_BODY_CHUNK: 8186",
            "SEND_HEADERS: 200",
            "END_RESPONSE: keep the connection",
        ] {
            assert!(ran.err.contains(what), "{what}: {}", ran.err);
        }
        acting.join().unwrap();
    }
}

#[test]
fn answers_that_are_none() {
    for (answer, code, said) in [
        (vec![], 18, "truncated"),
        (headers(2), 18, "truncated"),
        (
            [headers(2), chunk(b"h"), end(true)].concat(),
            18,
            "truncated",
        ),
        (end(true), 8, "AJP"),
        (chunk(b"h"), 8, "AJP"),
        (b"HTTP/1.1 400 No\r\n\r\n".to_vec(), 8, "AJP"),
        (says(&[9]), 8, "AJP"),
    ] {
        let (endpoint, acting) = peer_at("ajp", move |mut stream| {
            let head = read(&mut stream, 4);
            read(&mut stream, u16::from_be_bytes([head[2], head[3]]).into());
            stream.write_all(&answer).unwrap();
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let ran = call(&endpoint, &[]);
        acting.join().unwrap();
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
    }
}

#[test]
fn what_it_cannot_be_asked() {
    for (args, what) in [
        (&["--role", "filter"][..], "--role means nothing to"),
        (&["--root", "/"], "--root means nothing to"),
        (&["--env"], "--env means nothing to"),
        (&["--secret", ""], "a secret is not empty"),
        (&["--secret", "a\nb"], "no control characters"),
        (&["--secret", "a", "--secret", "b"], "a secret already"),
        (&["--secret-file", "/nowhere"], "--secret-file '/nowhere'"),
        (&["--secret-env", "NOTHING"], "no variable 'NOTHING'"),
    ] {
        let ran = call("ajp://127.0.0.1:1", args);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(what), "{what}: {ran:?}");
    }
    let ran = call("fcgi://127.0.0.1:1", &["--secret", "s3cret"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("--secret means nothing to"), "{ran:?}");
    assert!(!ran.err.contains("s3cret"), "{ran:?}");
    // Who can connect is believed.
    let ran = run(&["serve", "--app", "hello", "--listen", "ajp://0.0.0.0:0"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("a secret is missing (--secret-file)"),
        "{ran:?}"
    );
}

#[test]
fn serves_byte_for_byte() {
    let hello = listening(&["--app", "hello"]);
    let mut stream = connect(&hello);
    let answer = [
        &says(
            &[
                &[4, 0, 200][..],
                &string("OK"),
                &[0, 2, 0xa0, 1],
                &string("text/plain"),
                &[0xa0, 3],
                &string("14"),
            ]
            .concat(),
        )[..],
        &chunk(b"Hello, world!\n"),
        &end(true),
    ]
    .concat();
    for cut in [1, 1000] {
        for bytes in forward(2, "/", &[(HOST, "h")], &[]).chunks(cut) {
            stream.write_all(bytes).unwrap();
        }
        let got = read(&mut stream, answer.len());
        assert!(got == answer, "{}", got.escape_ascii());
        // Between requests.
        stream.write_all(&asks(&[10])).unwrap();
        assert_eq!(read(&mut stream, 5), says(&[9]));
    }
    drop(stream);

    let mirror = listening(&["--app", "mirror"]);
    let mut stream = connect(&mirror);
    let chunked = (&b"\0\x11transfer-encoding\0"[..], "chunked");
    stream
        .write_all(&forward(4, "/", &[(HOST, "h"), chunked], &[]))
        .unwrap();
    let mut got = Vec::new();
    let pull = says(&[6, 0x1f, 0xfa]);
    for body in [&b"abc"[..], b"de", b""] {
        while !got.ends_with(&pull) {
            got.extend(read(&mut stream, 1));
        }
        got.clear();
        let n = u16::try_from(body.len()).unwrap().to_be_bytes();
        stream.write_all(&asks(&[&n, body].concat())).unwrap();
    }
    while !got.ends_with(&end(true)) {
        got.extend(read(&mut stream, 1));
    }
}

#[test]
fn variables_and_attributes() {
    let echo = listening(&["--app", "echo"]);
    let ran = call(
        &format!("{}/a%20b/c?d", echo.endpoint),
        &[
            "-HX-A: b",
            "-pREMOTE_ADDR=192.0.2.1",
            "-pREMOTE_PORT=4000",
            "-pSERVER_ADDR=192.0.2.2",
            "-pSERVER_PORT=8443",
            "-pHTTPS=on",
            "-pREMOTE_USER=me",
        ],
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    let host = echo.endpoint.strip_prefix("ajp://").unwrap();
    let (_, vars) = ran
        .text()
        .split_once("\n\n")
        .map(|(a, b)| (a.to_string(), b.to_string()))
        .unwrap();
    let software = concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION"));
    let expect = [
        "DOCUMENT_URI=/a%20b/c",
        "GATEWAY_INTERFACE=CGI/1.1",
        &format!("HTTP_HOST={host}"),
        "HTTP_X_A=b",
        "HTTPS=on",
        "PATH_INFO=/a b/c",
        "QUERY_STRING=d",
        "REMOTE_ADDR=192.0.2.1",
        "REMOTE_PORT=4000",
        "REMOTE_USER=me",
        "REQUEST_METHOD=GET",
        "REQUEST_SCHEME=https",
        "REQUEST_URI=/a%20b/c?d",
        "SCRIPT_NAME=",
        "SERVER_ADDR=192.0.2.2",
        "SERVER_NAME=localhost",
        "SERVER_PORT=8443",
        "SERVER_PROTOCOL=HTTP/1.1",
        software,
    ];
    let mut got: Vec<&str> = vars.lines().collect();
    got.sort();
    let mut expect = expect.to_vec();
    expect.sort();
    assert_eq!(got, expect);
    // What it has no place for is an attribute, and not every one is taken.
    let ran = call(&echo.endpoint, &["-p", "TENANT=x", "--fail"]);
    assert_eq!(ran.code, 22, "{ran:?}");
    assert!(ran.err.contains("answered 403"), "{ran:?}");
}

/// Whatever stands behind, its application is told what a web server says.
#[test]
fn variables_for_what_stands_behind() {
    let told = [
        "AUTH_TYPE=Basic",
        "DOCUMENT_URI=/a%20b/c",
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTPS=on",
        "HTTP_HOST=example.org:8443",
        "HTTP_X_A=b",
        "PATH_INFO=/a b/c",
        "QUERY_STRING=d=%20?",
        "REMOTE_ADDR=192.0.2.1",
        "REMOTE_PORT=4000",
        "REMOTE_USER=me",
        "REQUEST_METHOD=POST",
        "REQUEST_SCHEME=https",
        "REQUEST_URI=/a%20b/c?d=%20?",
        "SCRIPT_NAME=",
        "SERVER_ADDR=192.0.2.2",
        "SERVER_NAME=example.org",
        "SERVER_PORT=8443",
        "SERVER_PROTOCOL=HTTP/1.1",
        "CONTENT_LENGTH=1",
        "CONTENT_TYPE=a/b",
    ];
    // Over HTTP it is the fields that say it.
    let sent = [
        "CONTENT_LENGTH=1",
        "CONTENT_TYPE=a/b",
        "HTTP_HOST=example.org:8443",
        "HTTP_X_A=b",
        "HTTP_X_FORWARDED_FOR=192.0.2.1",
        "HTTP_X_FORWARDED_HOST=example.org:8443",
        "HTTP_X_FORWARDED_PROTO=https",
        "PATH_INFO=/a b/c",
        "QUERY_STRING=d=%20?",
        "REQUEST_METHOD=POST",
        "REQUEST_URI=/a%20b/c?d=%20?",
    ];
    for scheme in ["fcgi", "scgi", "uwsgi", "http"] {
        let at = format!("{scheme}://127.0.0.1:0");
        let back = Served::spawn(vestibule(&["serve", "--app", "echo", "--listen", &at]));
        let front = listening(&["--to", &back.endpoint]);
        let ran = call(
            &format!("{}/a%20b/c?d=%20?", front.endpoint),
            &[
                "-XPOST",
                "-dx",
                "-HHost: example.org:8443",
                "-HX-A: b",
                "-HContent-Type: a/b",
                "-pREMOTE_ADDR=192.0.2.1",
                "-pREMOTE_PORT=4000",
                "-pSERVER_ADDR=192.0.2.2",
                "-pSERVER_NAME=example.org",
                "-pSERVER_PORT=8443",
                "-pHTTPS=on",
                "-pREMOTE_USER=me",
                "-pAUTH_TYPE=Basic",
            ],
        );
        assert_eq!(ran.code, 0, "{scheme}: {ran:?}");
        let text = ran.text();
        let want: &[&str] = if scheme == "http" { &sent } else { &told };
        for line in want {
            assert!(
                text.lines().any(|got| got == *line),
                "{scheme}: {line}: {text}"
            );
        }
        assert!(!text.contains("AJP_"), "{scheme}: {text}");
    }
}

#[test]
fn secrets() {
    let served = listening(&["--app", "hello", "--secret", "s3cret"]);
    let at = &served.endpoint;
    assert_eq!(call(at, &["--secret", "s3cret"]).text(), "Hello, world!\n");
    for args in [&["--fail"][..], &["--fail", "--secret", "s3cre"]] {
        let ran = call(at, args);
        assert_eq!(ran.code, 22, "{ran:?}");
        assert!(ran.err.contains("the application answered 403"), "{ran:?}");
        assert!(!ran.text().contains("Hello"), "{ran:?}");
    }
    // No secret is needed to ask whether it is there.
    let ran = run(&["ping", at]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for (secret, status) in [("s3cret", 200), ("wrong", 403)] {
        let to = ["serve", "--to", at, "--secret", secret];
        let front = [&to[..], &["--listen", "http://127.0.0.1:0"]].concat();
        let front = Served::spawn(vestibule(&front));
        let got = Caller::to(&front.endpoint).ask("GET", "/", &[], Body::None);
        assert_eq!(got.status, status);
    }
}

/// Heads and pieces of a body that only long packets carry.
#[test]
fn long_packets() {
    let long = format!("-HX-A: {}", "a".repeat(20_000));
    let body = vec![b'x'; 200_000];
    let size = ["--packet-size", "65536"];
    let container = listening(&["--app", "mirror", "--packet-size=65536"]);
    let at = &container.endpoint;
    let ran = call(at, &[&size[..], &["-v", &long, "-d", "x"]].concat());
    assert_eq!((ran.code, ran.text().as_str()), (0, "x"), "{ran:?}");
    assert!(ran.err.contains("END_RESPONSE"), "{ran:?}");
    let ran = call(at, &[&long]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("longer than a packet"), "{ran:?}");
    let short = listening(&["--app", "mirror"]);
    let ran = call(&short.endpoint, &[&size[..], &["--fail", &long]].concat());
    assert_eq!(ran.code, 22, "{ran:?}");
    assert!(ran.err.contains("answered 431"), "{ran:?}");

    let mut stream = connect(&container);
    stream
        .write_all(&forward(4, "/", &[(HOST, "h"), (LENGTH, "60000")], &[]))
        .unwrap();
    let piece = [&60_000u16.to_be_bytes()[..], &body[..60_000]].concat();
    stream.write_all(&asks(&piece)).unwrap();
    read(&mut stream, 4);
    let mut got = Vec::new();
    while !got.ends_with(&end(true)) {
        got.extend(read(&mut stream, 1));
    }
    assert!(got.iter().filter(|b| **b == b'x').count() >= 60_000);

    // Behind another front too.
    for (more, status) in [(&size[..], 200), (&[], 431)] {
        let front = ["serve", "--to", at, "--listen", "http://127.0.0.1:0"];
        let front = Served::spawn(vestibule(&[&front[..], more].concat()));
        let value = "a".repeat(5_000);
        let fields = ["X-A", "X-B", "X-C"].map(|name| (name, &value[..]));
        let answer = Caller::to(&front.endpoint).ask("PUT", "/", &fields, Body::Known(&body));
        assert_eq!(answer.status, status);
        assert_eq!(answer.body == body, status == 200);
    }
    // What is recorded has been agreed on by others.
    let dir = Dir::new("ajp-long");
    let field = "a".repeat(20_000);
    let head = forward(2, "/", &[(b"\0\x03X-A\0", &field)], &[]);
    let ran = run(&["decode", "ajp", &dir.file("head", &head)]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn what_cannot_be_sent() {
    let container = listening(&["--app", "hello"]);
    let args = ["-H", "Host: a", "-H", "Transfer-Encoding: x"];
    let ran = call(&container.endpoint, &args);
    assert_eq!(ran.code, 2, "{ran:?}");
    let what = "cannot send this: Transfer-Encoding: x";
    assert!(ran.err.contains(what), "{ran:?}");
}

#[test]
fn the_size_of_packets() {
    for size in ["8191", "65537", "-1", "8k", ""] {
        for args in [
            &["call", "ajp://h:1"][..],
            &["serve", "--app", "hello", "--listen", "ajp://127.0.0.1:0"],
        ] {
            let ran = run(&[args, &["--packet-size", size]].concat());
            assert_eq!(ran.code, 2, "{size}: {ran:?}");
            let what = format!("--packet-size wants a number of 8192 to 65536, not '{size}'");
            assert!(ran.err.contains(&what), "{size}: {ran:?}");
        }
    }
    let ran = call("fcgi://127.0.0.1:1", &["--packet-size", "8192"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.err.contains("--packet-size means nothing to"),
        "{ran:?}"
    );
    for args in [&["--app", "hello"][..], &["--to", "fcgi://h:1"]] {
        for (given, option) in [
            ("--packet-size=9000", "--packet-size"),
            ("--secret=s3cret", "--secret"),
        ] {
            let serve = ["serve", "--listen", "http://127.0.0.1:0", given];
            let ran = run(&[&serve[..], args].concat());
            assert_eq!(ran.code, 2, "{ran:?}");
            let said = format!("{option} is for AJP, which");
            assert!(ran.err.contains(&said), "{ran:?}");
        }
    }
    for command in ["call", "serve"] {
        let ran = run(&[command, "--help"]);
        assert!(ran.text().contains("  --packet-size BYTES "), "{ran:?}");
        assert!(!ran.text().contains('{') || command == "serve", "{ran:?}");
    }
}

#[test]
fn connections_behind_are_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("ajp://{}", listener.local_addr().unwrap());
    let acting = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        for _ in 0..3 {
            let head = read(&mut stream, 4);
            read(&mut stream, u16::from_be_bytes([head[2], head[3]]).into());
            let answer = [headers(2), chunk(b"hi"), end(true)].concat();
            stream.write_all(&answer).unwrap();
        }
        // It goes away while nothing is under way: the next one is another's.
        drop(stream);
        let mut stream = listener.accept().unwrap().0;
        let head = read(&mut stream, 4);
        read(&mut stream, u16::from_be_bytes([head[2], head[3]]).into());
        let answer = [headers(2), chunk(b"hi"), end(false)].concat();
        stream.write_all(&answer).unwrap();
    });
    let front = ["serve", "--to", &at, "--listen", "http://127.0.0.1:0"];
    let front = Served::spawn(vestibule(&front));
    let mut caller = Caller::to(&front.endpoint);
    for _ in 0..4 {
        let got = caller.ask("GET", "/", &[], Body::None);
        assert_eq!((got.status, &got.body[..]), (200, &b"hi"[..]));
    }
    acting.join().unwrap();
}

/// Who finds no worker is told so.
#[test]
fn overloaded() {
    let args = ["--app", "mirror", "--workers", "1", "--secret", "s3cret"];
    let served = listening(&args);
    let request = forward(4, "/", &[(HOST, "h"), (LENGTH, "2")], &[(12, "s3cret")]);
    let mut first = connect(&served);
    first.write_all(&request).unwrap();
    let head = read(&mut first, 4);
    read(&mut first, u16::from_be_bytes([head[2], head[3]]).into());
    let mut second = connect(&served);
    second.write_all(&forward(2, "/", &[], &[])).unwrap();
    let mut got = Vec::new();
    second.read_to_end(&mut got).unwrap();
    assert_eq!(got[4..7], [4, 1, 247], "{}", got.escape_ascii());
    assert!(got.ends_with(&end(false)), "{}", got.escape_ascii());
    first.write_all(&asks(b"\0\x02ab")).unwrap();
    assert_eq!(read(&mut first, 10), chunk(b"ab"));
}

#[test]
fn pings() {
    let served = listening(&["--app", "hello"]);
    let ran = run(&["ping", &served.endpoint]);
    let said = format!("{} is there: it answers CPING\n", served.endpoint);
    assert_eq!((ran.code, ran.text()), (0, said), "{ran:?}");
    for (answer, code, said) in [
        (vec![], 0, "closes without an answer to CPING"),
        (b"HTTP/1.1 400 No\r\n".to_vec(), 8, "AJP"),
        (end(true), 8, "AJP"),
    ] {
        let (endpoint, acting) = peer_at("ajp", move |mut stream| {
            let asked = read(&mut stream, 5);
            stream.write_all(&answer).unwrap();
            asked
        });
        let ran = run(&["ping", &endpoint, "--timeout", "10"]);
        assert_eq!(acting.join().unwrap(), asks(&[10]));
        assert_eq!(ran.code, code, "{ran:?}");
        assert!((ran.text() + &ran.err).contains(said), "{said}: {ran:?}");
    }
}

fn lines(ran: &Ran) -> Vec<String> {
    ran.text().lines().map(String::from).collect()
}

fn recorded() -> (Vec<u8>, Vec<u8>) {
    let c2s = [
        asks(&[10]),
        forward(4, "/a", &[(LENGTH, "5")], &[(12, "s3cret"), (5, "q")]),
        asks(b"\0\x02ab"),
        asks(b"\0\x03cde"),
        forward(2, "/b", &[], &[]),
    ];
    let s2c = [
        says(&[9]),
        says(&[6, 0, 3]),
        headers(2),
        chunk(b""),
        chunk(b"hi"),
        end(true),
        headers(1),
        chunk(b"x"),
        end(false),
    ];
    (c2s.concat(), s2c.concat())
}

#[test]
fn decoded() {
    let dir = Dir::new("ajp-decoded");
    let (c2s, s2c) = recorded();
    let (c2s, s2c) = (dir.file("c2s", &c2s), dir.file("s2c", &s2c));
    let ran = run(&["decode", "ajp", &c2s]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""), "{ran:?}");
    let names = |ran: &Ran| -> Vec<String> {
        let lines = lines(ran);
        let words = |l: &String| l.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
        lines.iter().map(words).collect()
    };
    let positional = |method: &str, path: &str| {
        [
            ("REQUEST_METHOD", method),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("DOCUMENT_URI", path),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("SERVER_NAME", "localhost"),
            ("SERVER_PORT", "80"),
        ]
        .map(|(n, v)| format!("Field space=var name=\"{n}\" value=\"{v}\""))
    };
    let own = |all: &[&str]| all.iter().map(|l| l.to_string()).collect::<Vec<_>>();
    let expect = [
        own(&["CPING", "Begin"]),
        positional("POST", "/a").to_vec(),
        own(&[
            "Field space=header name=\"content-length\" value=\"5\"",
            "Field space=attribute name=\"secret\" value=(withheld)",
            "Field space=var name=\"QUERY_STRING\" value=\"q\"",
            "HeadEnd length=5",
            "Body length=2 bytes=\"ab\"",
            "Body length=3 bytes=\"cde\"",
            "BodyEnd",
            "Begin",
        ]),
        positional("GET", "/b").to_vec(),
        own(&["HeadEnd length=none", "BodyEnd"]),
    ]
    .concat();
    assert_eq!(names(&ran), expect);
    // A connection of something else is no request.
    let ran = run(&["decode", "ajp", "--side", "server", &s2c]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let said = "vestibule decode: at byte 3: not an AJP packet of this direction (0x4142)";
    assert!(ran.err.starts_with(said), "{ran:?}");
    let ran = run(&["decode", "ajp", &s2c]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""), "{ran:?}");
    let expect = [
        "CPONG",
        "Demand max=3",
        "Field space=header name=\"Content-Length\" value=\"2\"",
        "HeadEnd status=200 length=2",
        "Flush",
        "Body length=2 bytes=\"hi\"",
        "BodyEnd",
        "Done ending=complete reuse=true",
        "Field space=header name=\"Content-Length\" value=\"1\"",
        "HeadEnd status=200 length=1",
        "Body length=1 bytes=\"x\"",
        "BodyEnd",
        "Done ending=complete reuse=false",
    ];
    assert_eq!(names(&ran), expect);
    // Drawn.
    let ran = run(&["decode", "ajp", &c2s, &s2c]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""), "{ran:?}");
    assert!(!ran.text().contains("s3cret"), "{ran:?}");
    let plain = |l: &String| l.trim_matches(|c| " |<>-".contains(c)).to_string();
    let got: Vec<String> = lines(&ran)[1..].iter().map(plain).collect();
    let head = |method: &str, path: &str| {
        [
            format!("FORWARD_REQUEST: {method} {path}"),
            format!("REQUEST_METHOD: {method}"),
            "SERVER_PROTOCOL: HTTP/1.1".into(),
            format!("DOCUMENT_URI: {path}"),
            "REMOTE_ADDR: 127.0.0.1".into(),
            "SERVER_NAME: localhost".into(),
            "SERVER_PORT: 80".into(),
        ]
        .to_vec()
    };
    let expect = [
        own(&["CPING", "CPONG"]),
        head("POST", "/a"),
        own(&[
            "content-length: 5",
            "secret: (withheld)",
            "QUERY_STRING: q",
            "chunk: 2 bytes \"ab\"",
            "chunk: 3 bytes \"cde\"",
            "GET_BODY_CHUNK: 3",
            "SEND_HEADERS: 200",
            "Content-Length: 2",
            "Flush",
            "chunk: 2 bytes \"hi\"",
            "END_RESPONSE: keep the connection",
        ]),
        head("GET", "/b"),
        own(&[
            "SEND_HEADERS: 200",
            "Content-Length: 1",
            "chunk: 1 byte \"x\"",
            "END_RESPONSE",
            "(closes)",
            "(closes)",
        ]),
    ]
    .concat();
    assert_eq!(got, expect);
    // Some containers ask for a body where there is none; attributes have any
    // name.
    let request = forward(2, "/", &[], &[]);
    let attribute = [b"\x0a", &string("some")[..], &string("thing"), b"\xff"].concat();
    let mut named = request[..request.len() - 1].to_vec();
    named.extend(attribute);
    let n = u16::try_from(named.len() - 4).unwrap();
    named[2..4].copy_from_slice(&n.to_be_bytes());
    let bytes = [&named[..], &asks(b"\0\0"), &request, &asks(b"")].concat();
    let ran = finish(vestibule(&["decode", "ajp", "-"]), &bytes);
    assert_eq!((ran.code, &ran.err[..]), (0, ""), "{ran:?}");
    let got = names(&ran);
    assert_eq!(
        got.iter().filter(|l| *l == "EmptyBody").count(),
        2,
        "{got:?}"
    );
    let some = "Field space=attribute name=\"some\" value=\"thing\"";
    assert!(got.iter().any(|l| l == some), "{got:?}");
    // An answer to nothing.
    let asked = dir.file("asked", &asks(&[10]));
    let ran = run(&["decode", "ajp", "--requests", &asked, &s2c]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("at byte 5: an answer to no request"),
        "{ran:?}"
    );
    // What is wrong.
    for (bytes, what) in [
        (&b"\x12\x35\0\0"[..], "AJP"),
        (b"GET / HTTP/1.1\r\n", "AJP"),
        (&asks(&[7]), "AJP"),
        (&forward(2, "/", &[], &[])[..20], "the end, inside"),
    ] {
        let ran = finish(vestibule(&["decode", "ajp", "-"]), bytes);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(what), "{what}: {ran:?}");
    }
}
