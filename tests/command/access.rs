//! `serve --access-log`: a line for each request, whatever becomes of it.

use super::http::ask;
use super::tools::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

const SHORT: &str = "%(h)s %(m)s %(U)s %(q)s %(H)s %(s)s %(b)s";

/// Lines on standard output, which are waited for.
fn logging(app: &str, scheme: &str, format: &str, more: &[&str]) -> Served {
    let listen = format!("{scheme}://127.0.0.1:0");
    let first = ["serve", "--app", app, "--listen", &listen];
    let log = ["--access-log", "-", "--access-log-format", format];
    Served::spawn(vestibule(&[&first[..], &log, more].concat()))
}

fn get(served: &Served, bytes: &[u8]) -> String {
    ask(served.endpoint.strip_prefix("http://").unwrap(), bytes)
}

fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.endpoint.split_once("://").unwrap().1).unwrap()
}

#[test]
fn requests_over_http() {
    let mut served = logging("hello", "http", SHORT, &["--max-body", "10"]);
    // Two on one connection, and one more behind them.
    let both = "GET /a%20b?c HTTP/1.1\r\nHost: h\r\n\r\n";
    let head = "HEAD http://h/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    get(&served, format!("{both}{both}{head}").as_bytes());
    for _ in 0..2 {
        assert_eq!(served.line(), "127.0.0.1 GET /a\\x20b c HTTP/1.1 200 14\n");
    }
    assert_eq!(served.line(), "127.0.0.1 HEAD /x  HTTP/1.1 200 0\n");
    // Refused: what is known of it.
    for (request, line) in [
        ("GET /y?z HTTP/1.1\r\n\r\n", "GET /y z HTTP/1.1 400 0"),
        ("GET /%00 HTTP/1.0\r\n\r\n", "GET /%00  HTTP/1.0 400 13"),
        ("\x16\x03\x01", "- - - - 400 0"),
        ("GET / HTTP/3.0\r\n", "GET /  - 505 0"),
        (
            "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n",
            "PUT /  HTTP/1.1 413 0",
        ),
        ("OPTIONS * HTTP/1.0\r\n\r\n", "OPTIONS -  HTTP/1.0 200 14"),
    ] {
        get(&served, request.as_bytes());
        assert_eq!(served.line(), format!("127.0.0.1 {line}\n"), "{request}");
    }
    // Given up, before anything was answered.
    let mut gone = connect(&served);
    gone.write_all(b"POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1")
        .unwrap();
    gone.shutdown(Shutdown::Write).unwrap();
    gone.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(served.line(), "127.0.0.1 POST /up  HTTP/1.1 - -\n");
    // One that says nothing is no request.
    drop(connect(&served));
    get(&served, b"GET /last HTTP/1.0\r\n\r\n");
    assert_eq!(served.line(), "127.0.0.1 GET /last  HTTP/1.0 200 14\n");
}

#[test]
fn requests_over_fastcgi() {
    let mut served = logging("echo", "fcgi", SHORT, &[]);
    let mut stream = connect(&served);
    let pairs = [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/a?m=size&n=100000"),
        ("QUERY_STRING", "m=size&n=100000"),
        ("SERVER_PROTOCOL", "HTTP/2.0"),
        ("REMOTE_ADDR", "192.0.2.1"),
    ];
    stream.write_all(&request(1, false, &pairs)).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let line = "192.0.2.1 GET /a m=size&n=100000 HTTP/2.0 200 100000\n";
    assert_eq!(served.line(), line);
    // A role that it does not play: no answer, and so no status.
    let dir = Dir::new("access-filter");
    let file = dir.file("f", b"data");
    let uri = ["--uri", "/f?x", "-p", "REMOTE_ADDR=192.0.2.2"];
    let ran = call(
        &served.endpoint,
        &[&uri[..], &["--role", "filter", "--data", &file]].concat(),
    );
    assert_eq!(ran.code, 69, "{ran:?}");
    assert_eq!(served.line(), "- - - - - - -\n");
    // A spoilt one: the status that it comes to.
    let mut stream = connect(&served);
    let length = [("REQUEST_METHOD", "PUT"), ("CONTENT_LENGTH", "5")];
    stream.write_all(&request(1, false, &length)).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(served.line(), "- PUT - - - 400 0\n");
}

/// Each of those that share a connection has a line of its own.
#[test]
fn many_at_once() {
    let mut served = logging("hello", "fcgi", "%(U)s %(s)s %(b)s", &[]);
    let mut stream = connect(&served);
    let uris: Vec<String> = (1..=17).map(|id| format!("/{id}")).collect();
    let all: Vec<Vec<u8>> = (1..=17)
        .map(|id| request(id, true, &[("REQUEST_URI", &uris[usize::from(id) - 1])]))
        .collect();
    // All heads, and then all ends, backwards; there is no room for the last.
    let heads = all.iter().map(|bytes| &bytes[..bytes.len() - 8]);
    let ends = all.iter().rev().map(|bytes| &bytes[bytes.len() - 8..]);
    stream
        .write_all(&heads.chain(ends).collect::<Vec<_>>().concat())
        .unwrap();
    assert_eq!(served.line(), "- 503 0\n");
    for uri in uris[..16].iter().rev() {
        assert_eq!(served.line(), format!("{uri} 200 14\n"));
    }
}

/// Given up within its answer: what was sent of it.
#[test]
fn answers_that_are_cut() {
    for scheme in ["http", "fcgi"] {
        let mut served = logging("echo", scheme, "%(U)s %(s)s %(b)s", &[]);
        let mut stream = connect(&served);
        let query = format!("m=slow&n={}", u64::MAX);
        let uri = format!("/slow?{query}");
        let bytes = match scheme {
            "http" => format!("GET {uri} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes(),
            _ => request(1, false, &[("REQUEST_URI", &uri), ("QUERY_STRING", &query)]),
        };
        stream.write_all(&bytes).unwrap();
        stream.read_exact(&mut [0; 200]).unwrap();
        drop(stream);
        let line = served.line();
        let sent = line
            .strip_prefix("/slow 200 ")
            .unwrap_or_else(|| panic!("{line}"));
        assert!(sent.trim_end().parse::<u64>().unwrap() > 20, "{line}");
    }
}

#[test]
fn files_and_who_is_not_let_in() {
    let dir = Dir::new("access-files");
    dir.file("f.txt", b"0123456789");
    std::fs::create_dir(dir.path("d")).unwrap();
    dir.file("d/index.php", b"");
    let root = dir.path("");
    let mut served = logging("hello", "http", SHORT, &["--root", &root]);
    for (request, line) in [
        ("GET /f.txt HTTP/1.0\r\n\r\n", "/f.txt  HTTP/1.0 200 10"),
        (
            "GET /f.txt HTTP/1.0\r\nRange: bytes=2-4\r\n\r\n",
            "/f.txt  HTTP/1.0 206 3",
        ),
        (
            "GET /f.txt HTTP/1.0\r\nIf-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\n",
            "/f.txt  HTTP/1.0 304 0",
        ),
        ("GET /d HTTP/1.0\r\n\r\n", "/d  HTTP/1.0 301 6"),
        ("GET /.x HTTP/1.0\r\n\r\n", "/.x  HTTP/1.0 404 13"),
        ("GET /none HTTP/1.0\r\n\r\n", "/none  HTTP/1.0 200 14"),
    ] {
        get(&served, request.as_bytes());
        assert_eq!(
            served.line(),
            format!("127.0.0.1 GET {line}\n"),
            "{request}"
        );
    }
    let auth = Served::new("auth", &[]);
    let format = "%(u)s %({AUTH_USER}e)s %(s)s %(b)s %({WWW-Authenticate}o)s";
    let more = ["--authorizer", &auth.endpoint];
    let mut served = logging("hello", "http", format, &more);
    get(&served, b"GET / HTTP/1.0\r\n\r\n");
    let line = "- - 401 13 Basic\\x20realm=\\\"vestibule\\\"\n";
    assert_eq!(served.line(), line);
    get(
        &served,
        b"GET / HTTP/1.0\r\nAuthorization: Basic ZGVtbzp4\r\n\r\n",
    );
    assert_eq!(served.line(), "demo demo 200 14 -\n");
    drop(auth);
    get(&served, b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(served.line(), "- - 502 0 -\n");
}

#[test]
fn what_finds_no_worker() {
    for scheme in ["http", "fcgi"] {
        let more = ["--workers", "1"];
        let mut served = logging("mirror", scheme, "%(h)s %(m)s %(s)s %(b)s", &more);
        // Busy: its body never ends.
        let mut busy = connect(&served);
        let endless = match scheme {
            "http" => b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1".to_vec(),
            _ => {
                let all = request(1, false, &[("REQUEST_METHOD", "POST")]);
                all[..all.len() - 8].to_vec()
            }
        };
        busy.write_all(&endless).unwrap();
        busy.read_exact(&mut [0; 8]).unwrap();
        let line = match scheme {
            "http" => {
                let got = get(&served, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
                assert!(got.starts_with("HTTP/1.1 503 "), "{got}");
                "127.0.0.1 - 503 11\n"
            }
            _ => {
                assert_eq!(call(&served.endpoint, &[]).code, 69);
                "- - 503 0\n"
            }
        };
        assert_eq!(served.line(), line);
    }
}

/// What goes on to another server is logged by the same rules.
#[test]
fn requests_that_go_on() {
    let format = "%(h)s %(r)s %(s)s %(b)s %({Content-Type}o)s %({REMOTE_ADDR}e)s";
    for scheme in ["fcgi", "http"] {
        let behind = match scheme {
            "fcgi" => Served::new("echo", &[]),
            _ => Served::http("echo", &[]),
        };
        let listen = ["--listen", "http://127.0.0.1:0", "--trusted", "127.0.0.1"];
        let log = ["--access-log", "-", "--access-log-format", format];
        let to = ["serve", "--to", &behind.endpoint];
        let mut served = Served::spawn(vestibule(&[&to[..], &listen, &log].concat()));
        for (request, line) in [
            (
                "GET /a?m=size&n=70000 HTTP/1.0\r\n\r\n",
                "127.0.0.1 GET /a?m=size&n=70000 HTTP/1.0 200 70000 text/plain 127.0.0.1",
            ),
            (
                "HEAD /a?m=size&n=70000 HTTP/1.0\r\n\r\n",
                "127.0.0.1 HEAD /a?m=size&n=70000 HTTP/1.0 200 0 text/plain 127.0.0.1",
            ),
            (
                "GET /b?m=status&n=404 HTTP/1.0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
                "192.0.2.1 GET /b?m=status&n=404 HTTP/1.0 404 11 text/plain 192.0.2.1",
            ),
            (
                "GET /c HTTP/1.0\r\nX-Forwarded-For: nonsense\r\n\r\n",
                "127.0.0.1 GET /c HTTP/1.0 400 13 text/plain 127.0.0.1",
            ),
            (
                "GET /d HTTP/1.1\r\n\r\n",
                "127.0.0.1 GET /d HTTP/1.1 400 0 - 127.0.0.1",
            ),
        ] {
            get(&served, request.as_bytes());
            assert_eq!(served.line(), format!("{line}\n"), "{scheme} {request}");
        }
        drop(behind);
        get(&served, b"GET /e HTTP/1.0\r\n\r\n");
        let line = "127.0.0.1 GET /e HTTP/1.0 502 0 - 127.0.0.1\n";
        assert_eq!(served.line(), line);
    }
}

#[test]
fn no_line_is_forged() {
    let format = "\"%(r)s\" %(s)s \"%(a)s\" %({X}i)s %({X-Odd}i)s";
    let mut served = logging("hello", "http", format, &[]);
    let mut request = b"GET /%0a\"x HTTP/1.0\r\nUser-Agent: \" 200 \\\xff\x80\r\n".to_vec();
    request.extend(b"X: a b\tc\r\nX: d\r\n\r\n");
    get(&served, &request);
    let line =
        "\"GET /%0a\\\"x HTTP/1.0\" 400 \"\\\" 200 \\\\\\xff\\x80\" a\\x20b\\x09c,\\x20d -\n";
    assert_eq!(served.line(), line);
}

#[test]
fn the_client_that_is_believed() {
    let format = "%(h)s %({X-Forwarded-For}i)s %({REQUEST_SCHEME}e)s %(s)s";
    let more = ["--trusted", "127.0.0.1"];
    let mut served = logging("hello", "http", format, &more);
    for (fields, line) in [
        ("", "127.0.0.1 - http 200"),
        (
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n",
            "192.0.2.1 192.0.2.1 https 200",
        ),
        ("X-Forwarded-For: unknown\r\n", "- unknown http 200"),
        ("X-Forwarded-For: nonsense\r\n", "127.0.0.1 nonsense - 400"),
    ] {
        get(
            &served,
            format!("GET / HTTP/1.0\r\n{fields}\r\n").as_bytes(),
        );
        assert_eq!(served.line(), format!("{line}\n"));
    }
}

#[test]
fn the_default_format() {
    let listen = ["--listen", "http://127.0.0.1:0", "--access-log", "-"];
    let mut served = Served::spawn(vestibule(
        &[&["serve", "--app", "hello"], &listen[..]].concat(),
    ));
    let head = "Referer: http://h/\r\nUser-Agent: curl/8\r\nAuthorization: Basic ZGVtbzp4\r\n";
    get(
        &served,
        format!("GET /x?y HTTP/1.0\r\n{head}\r\n").as_bytes(),
    );
    let line = served.line();
    let rest = line
        .strip_prefix("127.0.0.1 - demo [")
        .unwrap_or_else(|| panic!("{line}"));
    let (date, rest) = rest.split_at("06/Nov/1994:08:49:37 +0000".len());
    let shape: String = date
        .chars()
        .map(|c| match c {
            '0'..='9' => '9',
            c if c.is_alphabetic() => 'a',
            c => c,
        })
        .collect();
    assert_eq!(shape, "99/aaa/9999:99:99:99 +9999", "{line}");
    assert_eq!(
        rest,
        "] \"GET /x?y HTTP/1.0\" 200 14 \"http://h/\" \"curl/8\"\n"
    );
}

#[test]
fn a_file_is_appended_to_and_opened_again() {
    let dir = Dir::new("access-log");
    let (path, old) = (dir.file("log", b"before\n"), dir.path("log.1"));
    let more = ["--access-log", &path, "--access-log-format", "%(U)s"];
    let served = Served::http("hello", &more);
    get(&served, b"GET /one HTTP/1.0\r\n\r\n");
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(&path), "before\n/one\n");
    std::fs::rename(&path, &old).unwrap();
    get(&served, b"GET /two HTTP/1.0\r\n\r\n");
    assert_eq!(read(&old), "before\n/one\n/two\n");
    // When it comes there is no telling, but it comes.
    served.kill("-HUP");
    let mut asked = 0;
    while !std::path::Path::new(&path).exists() {
        get(&served, b"GET /three HTTP/1.0\r\n\r\n");
        asked += 1;
    }
    assert_eq!(read(&path), "/three\n");
    let before = "/three\n".repeat(asked - 1);
    assert_eq!(read(&old), format!("before\n/one\n/two\n{before}"));
}

#[test]
fn what_cannot_be_logged_so() {
    let serve = ["serve", "--app", "hello", "--listen", "http://127.0.0.1:0"];
    for (more, says) in [
        (
            &["--access-log", "-", "--access-log-format", "%(h)s %(x)s"][..],
            "--access-log-format: at byte 6: no atom has this name",
        ),
        (&["--access-log-format", "%(h)s"], "wants --access-log"),
        (
            &["--access-log", "/none/there/log"],
            "--access-log '/none/there/log'",
        ),
    ] {
        let ran = run(&[&serve, more].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(says), "{ran:?}");
    }
}
