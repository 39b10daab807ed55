//! `serve` and `demo`.

use super::tools::*;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

#[test]
fn demo() {
    let ran = run(&["demo"]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let text = ran.text();
    for what in [
        "web server     ",
        "BEGIN_REQUEST 1: responder",
        "END_REQUEST 1: complete, application status 0",
        "Status: 200\r\n",
        "peer: vestibule\nmethod: GET\n",
        "QUERY_STRING=from=demo\n",
    ] {
        assert!(text.contains(what), "{what}: {text}");
    }
}

#[test]
fn applications() {
    let hello = Served::new("hello", &[]);
    assert_eq!(call(&hello.endpoint, &[]).text(), "Hello, world!\n");
    assert_eq!(call(&hello.endpoint, &["-X", "HEAD"]).text(), "");
    let ran = call(&hello.endpoint, &["-X", "HEAD", "-i"]);
    assert!(ran.text().contains("Content-Length: 14\r\n"), "{ran:?}");
    // Roles that it does not play.
    let ran = call(&hello.endpoint, &["--role", "authorizer", "-i"]);
    assert!(ran.text().starts_with("Status: 403\r\n"), "{ran:?}");
    let dir = Dir::new("applications");
    let file = dir.file("f", b"data");
    let ran = call(&hello.endpoint, &["--role", "filter", "--data", &file]);
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.err.contains("does not play this role"), "{ran:?}");

    let mirror = Served::new("mirror", &["--max-body", "5"]);
    let ran = call(
        &mirror.endpoint,
        &["-d", "12345", "-i", "-H", "Content-Type: a/b"],
    );
    let expect = "Status: 200\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\n12345";
    assert_eq!(ran.text(), expect);
    let ran = call(&mirror.endpoint, &["-d", "123456", "-i", "--fail"]);
    assert_eq!(ran.code, 22, "{ran:?}");
    assert!(ran.text().starts_with("Status: 413\r\n"), "{ran:?}");

    let auth = Served::new("auth", &[]);
    let ask = |more: &[&str]| {
        call(
            &auth.endpoint,
            &[&["--role", "authorizer", "-i"], more].concat(),
        )
    };
    let ran = ask(&["-p", "REMOTE_USER=demo"]);
    assert_eq!(
        ran.text(),
        "Status: 200\r\nVariable-AUTH_USER: demo\r\n\r\n",
        "{ran:?}"
    );
    assert!(
        ask(&["-H", "Authorization: Basic ZGVtbzp4"])
            .text()
            .starts_with("Status: 200\r\n")
    );
    for refused in [
        &[][..],
        &["-p", "REMOTE_USER=demo2"],
        &["-H", "Authorization: Basic ZGVtbw=="],
        &["-H", "Authorization: Bearer ZGVtbzp4"],
    ] {
        let ran = ask(refused);
        assert!(ran.text().starts_with("Status: 401\r\n"), "{ran:?}");
        assert!(
            ran.text().contains("WWW-Authenticate: Basic realm="),
            "{ran:?}"
        );
    }
    let ran = call(&auth.endpoint, &["-i", "-p", "REMOTE_USER=demo"]);
    assert!(ran.text().starts_with("Status: 403\r\n"), "{ran:?}");
}

#[test]
fn echo_contract() {
    let served = Served::new("echo", &[]);
    let ask = |query: &str, more: &[&str]| {
        let uri = format!("/?{query}");
        call(&served.endpoint, &[&["--uri", &uri], more].concat())
    };
    let ran = ask("", &["-p", "Z=\u{e9}\\\n", "-d", "abc"]);
    let text = ran.text();
    assert!(
        text.starts_with("peer: vestibule\nmethod: POST\nbody-len: 3\nbody-fnv: e71fa2190541574b\n\nCONTENT_LENGTH=3\n"),
        "{text}"
    );
    assert!(text.ends_with("\nZ=\\xc3\\xa9\\x5c\\x0a\n"), "{text}");
    for n in [0, 1, 8, 65_528, 65_529, 100_000] {
        let ran = ask(&format!("m=size&n={n}"), &[]);
        assert!(ran.code == 0 && ran.out == pattern(n), "{n}");
    }
    let ran = ask("m=size&n=1000", &["-X", "HEAD", "-i"]);
    assert!(
        ran.text().ends_with("Content-Length: 1000\r\n\r\n"),
        "{ran:?}"
    );
    for status in [200, 204, 304, 404, 500, 599] {
        let ran = ask(&format!("m=status&n={status}"), &["-i"]);
        let text = ran.text();
        assert!(text.starts_with(&format!("Status: {status}\r\n")), "{text}");
        let body = match status {
            204 | 304 => String::new(),
            _ => format!("status {status}\n"),
        };
        assert!(text.ends_with(&format!("\r\n\r\n{body}")), "{text}");
    }
    assert_eq!(ask("m=status&n=99", &["--fail"]).code, 22);
    assert_eq!(ask("m=slow&n=3", &[]).text(), "chunk 0\nchunk 1\nchunk 2\n");
    assert_eq!(ask("m=nobody", &["-d", "abc"]).text(), "ignored\n");
    assert_eq!(ask("m=odd", &[]).text(), "odd\n");
    assert_eq!(ask("m=stderr", &[]).text(), "body\n");
}

/// Reads records until the END_REQUESTs of `n` requests have come.
fn read_ends(stream: &mut TcpStream, n: usize) -> Vec<(u8, u16, Vec<u8>)> {
    let mut seen = Vec::new();
    let mut ends = 0;
    while ends < n {
        let mut header = [0; 8];
        stream.read_exact(&mut header).unwrap();
        let content = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let mut rest = vec![0; content + usize::from(header[6])];
        stream.read_exact(&mut rest).unwrap();
        rest.truncate(content);
        ends += usize::from(header[1] == 3);
        seen.push((header[1], u16::from_be_bytes([header[2], header[3]]), rest));
    }
    seen
}

#[test]
fn many_requests_at_once() {
    let served = Served::new("echo", &[]);
    let mut stream = TcpStream::connect(served.address()).unwrap();
    // Values, sixteen requests begun before one is complete, and one too many.
    let mut bytes = record(9, 0, b"\x0f\0FCGI_MPXS_CONNS");
    let whole: Vec<_> = (1..=17)
        .map(|id| request(id, true, &[("QUERY_STRING", "m=size&n=3"), ("A", "b")]))
        .collect();
    for request in &whole {
        bytes.extend(&request[..16]);
    }
    for request in &whole {
        bytes.extend(&request[16..]);
    }
    stream.write_all(&bytes).unwrap();
    let seen = read_ends(&mut stream, 17);
    assert_eq!(seen[0], (10, 0, b"\x0f\x01FCGI_MPXS_CONNS1".to_vec()));
    assert_eq!(seen[1], (3, 17, vec![0, 0, 0, 0, 2, 0, 0, 0]));
    for id in 1..=16 {
        let body: Vec<u8> = seen
            .iter()
            .filter(|(kind, of, _)| *kind == 6 && *of == id)
            .flat_map(|(_, _, content)| content.clone())
            .collect();
        assert!(body.ends_with(b"\r\n\r\n000"), "{id}");
    }
    // The connection is kept.
    stream
        .write_all(&request(3, false, &[("QUERY_STRING", "m=nobody")]))
        .unwrap();
    read_ends(&mut stream, 1);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn hostile_peers() {
    let served = Served::new("echo", &[]);
    let begin = record(1, 1, &[0, 1, 1, 0, 0, 0, 0, 0]);
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        record(1, 0, &[0, 1, 0, 0, 0, 0, 0, 0]),
        record(1, 1, &[0, 1]),
        [&begin[..], &begin].concat(),
        [&begin[..], &record(4, 1, &[0xff; 8]), &record(4, 1, b"")].concat(),
        [&begin[..], &record(5, 1, b"x")].concat(),
        vec![1; 100_000],
        begin[..9].to_vec(),
    ] {
        let mut stream = TcpStream::connect(served.address()).unwrap();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert_eq!(
        call(&served.endpoint, &["--uri", "/?m=nobody"]).text(),
        "ignored\n"
    );
}

#[test]
fn workers_are_bounded() {
    let mut command = vestibule(&["serve", "--app", "echo", "--workers", "1"]);
    command.args(["--listen", "fcgi://127.0.0.1:0"]);
    command.stderr(Stdio::piped());
    let mut served = Served::spawn(command);
    // An idle connection gives way to a new one ...
    let mut first = TcpStream::connect(served.address()).unwrap();
    let query = [("QUERY_STRING", "m=nobody")];
    first.write_all(&request(1, true, &query)).unwrap();
    read_ends(&mut first, 1);
    let ran = call(&served.endpoint, &["--uri", "/?m=nobody"]);
    assert_eq!(ran.text(), "ignored\n", "{ran:?}");
    assert_eq!(first.read(&mut [0; 8]).unwrap(), 0);
    // ... one that is busy does not: the new one is told.
    let mut busy = TcpStream::connect(served.address()).unwrap();
    let endless = format!("m=slow&n={}", u64::MAX);
    busy.write_all(&request(1, false, &[("QUERY_STRING", &endless)]))
        .unwrap();
    busy.read_exact(&mut [0; 8]).unwrap();
    let mut refused = 0;
    let ran = call(&served.endpoint, &[]);
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.err.contains("overloaded"), "{ran:?}");
    // Once that has left there is a worker again.
    drop(busy);
    loop {
        refused += 1;
        let ran = call(&served.endpoint, &["--uri", "/?m=nobody"]);
        match ran.code {
            69 => {}
            _ => break assert_eq!(ran.text(), "ignored\n", "{ran:?}"),
        }
    }
    served.kill("-TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    let mut err = served.child.stderr.take().unwrap();
    err.read_to_string(&mut said).unwrap();
    let counted = format!("{refused} connections found no free worker");
    assert!(said.contains(&counted), "{said}");
}

#[test]
fn signals() {
    for signal in ["-TERM", "-INT"] {
        let mut served = Served::new("echo", &[]);
        let mut idle = TcpStream::connect(served.address()).unwrap();
        idle.write_all(&request(1, true, &[("QUERY_STRING", "m=nobody")]))
            .unwrap();
        read_ends(&mut idle, 1);
        let mut fresh = TcpStream::connect(served.address()).unwrap();
        let mut busy = TcpStream::connect(served.address()).unwrap();
        busy.write_all(&request(1, true, &[("QUERY_STRING", "m=slow&n=6")]))
            .unwrap();
        // It runs.
        busy.read_exact(&mut [0; 8]).unwrap();
        served.kill(signal);
        // What is idle is closed, what runs is finished, and then closed.
        assert_eq!(idle.read(&mut [0; 8]).unwrap(), 0);
        assert!(matches!(fresh.read(&mut [0; 8]), Ok(0) | Err(_)));
        let mut rest = Vec::new();
        busy.read_to_end(&mut rest).unwrap();
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(text.contains("chunk 5\n"), "{text}");
        assert_eq!(rest[rest.len() - 16..][..2], [1, 3]);
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
        assert!(TcpStream::connect(served.address()).is_err());
    }
}

#[test]
fn an_endless_answer_does_not_keep_it() {
    let mut served = Served::new("echo", &[]);
    let mut busy = TcpStream::connect(served.address()).unwrap();
    let endless = format!("m=slow&n={}", u64::MAX);
    busy.write_all(&request(1, true, &[("QUERY_STRING", &endless)]))
        .unwrap();
    busy.read_exact(&mut [0; 8]).unwrap();
    served.kill("-TERM");
    assert!(std::io::copy(&mut busy, &mut std::io::sink()).unwrap_or(1) > 0);
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_stop_removes_the_socket() {
    let dir = Dir::new("removed");
    let socket = dir.path("s");
    let unix = format!("fcgi+unix:{socket}");
    for _ in 0..5 {
        let args = ["serve", "--app", "hello", "--listen", &unix];
        let mut served = Served::spawn(vestibule(&args));
        served.kill("-TERM");
        assert_eq!(served.child.wait().unwrap().code(), Some(0));
        assert!(!std::path::Path::new(&socket).exists());
    }
}

#[test]
fn listening() {
    let dir = Dir::new("listening");
    let socket = dir.path("s");
    let unix = format!("fcgi+unix:{socket}");
    let args = [
        "serve",
        "--app",
        "hello",
        "--listen",
        &unix,
        "--listen",
        "fcgi://127.0.0.1:0",
    ];
    let mut served = Served::spawn(vestibule(&args));
    assert_eq!(served.endpoint, unix);
    let tcp = served.line();
    let tcp = tcp.trim_end().strip_prefix("listening at ").unwrap();
    assert_eq!(call(&unix, &[]).text(), "Hello, world!\n");
    assert_eq!(call(tcp, &[]).text(), "Hello, world!\n");
    // Another one cannot have it ...
    let ran = run(&args[..5]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("cannot listen at fcgi+unix:"), "{ran:?}");
    // ... and a stop leaves no file; a kill does, and is made good.
    served.kill("-TERM");
    served.child.wait().unwrap();
    assert!(!std::path::Path::new(&socket).exists());
    let mut served = Served::spawn(vestibule(&args[..5]));
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    assert!(std::path::Path::new(&socket).exists());
    let served = Served::spawn(vestibule(&args[..5]));
    assert_eq!(call(&unix, &[]).text(), "Hello, world!\n");
    drop(served);
    // A file that is no socket is left alone.
    let file = dir.file("f", b"mine");
    let ran = run(&[
        "serve",
        "--app",
        "hello",
        "--listen",
        &format!("fcgi+unix:{file}"),
    ]);
    assert_eq!(ran.code, 1);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        // A machine without IPv6: nothing to listen at.
        return;
    }
    let served = Served::spawn(vestibule(&[
        "serve",
        "--app",
        "hello",
        "--listen",
        "fcgi://[::1]:0",
    ]));
    assert!(
        served.endpoint.starts_with("fcgi://[::1]:"),
        "{}",
        served.endpoint
    );
    assert_eq!(call(&served.endpoint, &[]).text(), "Hello, world!\n");
}

fn inherited(socket: OwnedFd, addresses: Option<&[u8]>) -> Served {
    let mut command: Command = vestibule(&["serve", "--app", "hello", "--listen", "fcgi+fd:0"]);
    if let Some(list) = addresses {
        command.env("FCGI_WEB_SERVER_ADDRS", OsStr::from_bytes(list));
    }
    command.stdin(Stdio::from(socket));
    Served::spawn(command)
}

#[test]
fn inherited_sockets() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("fcgi://{}", tcp.local_addr().unwrap());
    let fd = || OwnedFd::from(tcp.try_clone().unwrap());
    let mut served = inherited(fd(), None);
    assert_eq!(served.endpoint, endpoint);
    assert_eq!(call(&endpoint, &[]).text(), "Hello, world!\n");
    served.kill("-TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let allowed = inherited(fd(), Some(b"10.0.0.1,127.0.0.1"));
    assert_eq!(call(&endpoint, &[]).text(), "Hello, world!\n");
    drop(allowed);
    for list in [&b"10.0.0.1"[..], b"", b"localhost", b"\xff"] {
        let refusing = inherited(fd(), Some(list));
        let ran = call(&endpoint, &[]);
        assert!(ran.code == 18 && ran.out.is_empty(), "{list:?}: {ran:?}");
        drop(refusing);
    }
    let dir = Dir::new("inherited");
    let path = dir.path("s");
    let unix = UnixListener::bind(&path).unwrap();
    let endpoint = format!("fcgi+unix:{path}");
    let served = inherited(OwnedFd::from(unix.try_clone().unwrap()), None);
    assert_eq!(served.endpoint, endpoint);
    assert_eq!(call(&endpoint, &[]).text(), "Hello, world!\n");
    drop(served);
    // The list allows TCP alone.
    let served = inherited(OwnedFd::from(unix.try_clone().unwrap()), Some(b"127.0.0.1"));
    assert_eq!(call(&endpoint, &[]).code, 18);
    drop(served);
    // A file is no socket.
    let mut command = vestibule(&["serve", "--app", "hello", "--listen", "fcgi+fd:0"]);
    command.stdin(std::fs::File::open(dir.file("f", b"")).unwrap());
    let ran = command.output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let err = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(err.contains("no listening socket"), "{err}");
}
