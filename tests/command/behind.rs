//! `serve --to` and what stands behind, told what to do.

use super::http::ask;
use super::tools::*;
use super::wire::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;

/// A gateway for browsers.
fn gateway(to: &str, more: &[&str]) -> Served {
    let args = ["serve", "--to", to, "--listen", "http://127.0.0.1:0"];
    Served::spawn(vestibule(&[&args, more].concat()))
}

/// What one request comes to, on a connection of its own.
fn get(served: &Served, request: &str) -> String {
    ask(
        served.endpoint.trim_start_matches("http://"),
        request.as_bytes(),
    )
}

const LAST: &str = "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// Bytes up to the end of a head.
fn read_head(stream: &mut TcpStream) -> String {
    let mut wire = Wire::Tcp(stream.try_clone().unwrap());
    wire.head()
}

/// Nobody listens there.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn nobody_there() {
    for scheme in ["http", "fcgi"] {
        let served = gateway(&format!("{scheme}://{}", refusing()), &[]);
        for request in [LAST, "POST /a HTTP/1.0\r\nContent-Length: 1\r\n\r\nx"] {
            let got = get(&served, request);
            assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
        }
        let dir = Dir::new(&format!("nobody-{scheme}"));
        let served = gateway(&format!("{scheme}+unix:{}", dir.path("none")), &[]);
        let got = get(&served, LAST);
        assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    }
}

#[test]
fn silent_or_nonsense() {
    for scheme in ["http", "fcgi"] {
        for (said, status) in [(None, 504), (Some("nonsense\r\n\r\n"), 502)] {
            let (to, acting) = peer_at(scheme, move |mut stream| {
                let mut buf = [0; 1000];
                let _ = stream.read(&mut buf);
                if let Some(said) = said {
                    stream.write_all(said.as_bytes()).unwrap();
                }
                // Until the gateway gives it up.
                while stream.read(&mut buf).is_ok_and(|n| n > 0) {}
            });
            let served = gateway(&to, &["--timeout", "0.3"]);
            let got = get(&served, LAST);
            assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
            acting.join().unwrap();
        }
    }
}

/// A reset is no end of an answer that only the close ends.
#[test]
fn reset_in_the_middle() {
    let (to, acting) = peer_at("http", |mut stream| {
        read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.0 200 OK\r\n\r\nhalf of it")
            .unwrap();
        // What comes after the head is not read: that makes it a reset.
        let mut first = [0];
        stream.peek(&mut first).unwrap();
    });
    let served = gateway(&to, &[]);
    let mut wire = Wire::open(&served.endpoint);
    wire.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
        .unwrap();
    let head = wire.head();
    assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
    wire.write_all(&[b'x'; 100_000]).unwrap();
    let mut got = Vec::new();
    let _ = wire.read_to_end(&mut got);
    assert!(!got.ends_with(b"0\r\n\r\n"), "{}", got.escape_ascii());
    acting.join().unwrap();
}

#[test]
fn what_is_too_long() {
    let back = Served::http("mirror", &[]);
    let served = gateway(&back.endpoint, &["--max-body", "1000"]);
    let long = format!("X: {}\r\n", "y".repeat(8_000)).repeat(12);
    let got = get(&served, &format!("GET / HTTP/1.1\r\nHost: h\r\n{long}\r\n"));
    assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
    let post = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
    let body = "y".repeat(1_001);
    for (framing, body) in [
        ("Content-Length: 1001", &body[..]),
        (
            "Transfer-Encoding: chunked",
            &format!("3e9\r\n{body}\r\n0\r\n\r\n"),
        ),
    ] {
        let got = get(&served, &format!("{post}{framing}\r\n\r\n{body}"));
        // The second was answered when that was seen.
        let refused = got.starts_with("HTTP/1.1 413 ");
        let cut = got.starts_with("HTTP/1.1 200 ") && !got.ends_with("0\r\n\r\n");
        assert!(refused || cut && framing.contains("chunked"), "{got}");
    }
    let got = get(
        &served,
        &format!("{post}Content-Length: 1000\r\n\r\n{}", &body[1..]),
    );
    assert!(
        got.starts_with("HTTP/1.1 200 ") && got.ends_with("yyy"),
        "{got}"
    );
    let (to, acting) = peer_at("http", move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{long}\r\n").as_bytes());
    });
    let got = get(&gateway(&to, &[]), LAST);
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    acting.join().unwrap();
}

/// Most applications read nothing without CONTENT_LENGTH.
#[test]
fn bodies_of_unknown_length() {
    let back = Served::new("mirror", &[]);
    let post = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
    let got = get(&gateway(&back.endpoint, &[]), post);
    assert!(got.starts_with("HTTP/1.1 411 "), "{got}");
    let got = get(&gateway(&back.endpoint, &["--unknown-length"]), post);
    assert!(
        got.starts_with("HTTP/1.1 200 ") && got.ends_with("2\r\nhi\r\n0\r\n\r\n"),
        "{got}"
    );
}

#[test]
fn with_a_root() {
    let dir = Dir::new("gateway-root");
    std::fs::create_dir(dir.path("sub")).unwrap();
    dir.file("sub/index.php", b"<?php");
    dir.file("style.css", b"body {}\n");
    dir.file("page.php", b"<?php");
    for scheme in ["fcgi", "http"] {
        let back = match scheme {
            "fcgi" => Served::new("echo", &[]),
            _ => Served::http("echo", &[]),
        };
        let served = gateway(&back.endpoint, &["--root", &dir.path("")]);
        let ask = |uri: &str| {
            get(
                &served,
                &format!("GET {uri} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
            )
        };
        let got = ask("/style.css");
        assert!(
            got.starts_with("HTTP/1.1 200 ") && got.ends_with("\r\n\r\nbody {}\n"),
            "{got}"
        );
        assert!(got.contains("Content-Type: text/css"), "{got}");
        let got = ask("/sub");
        assert!(got.contains("Location: /sub/\r\n"), "{got}");
        let got = ask("/page.php/info");
        let script = format!("SCRIPT_FILENAME={}", dir.path("page.php"));
        assert_eq!(got.contains(&script), scheme == "fcgi", "{got}");
        // No script: there is nothing that a FastCGI application could run.
        let got = ask("/none");
        let status = if scheme == "fcgi" { 404 } else { 200 };
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
    }
}

/// What an authorizer says reaches what stands behind, and nobody else can
/// say it.
#[test]
fn with_an_authorizer() {
    let authorizer = Served::new("auth", &[]);
    let request = |credentials: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{credentials}\
             Variable-AUTH-USER: forged\r\nvariable-other: forged\r\n\r\n"
        )
    };
    let demo = request("Authorization: Basic ZGVtbzp4\r\n");
    for scheme in ["fcgi", "http"] {
        let back = match scheme {
            "fcgi" => Served::new("echo", &[]),
            _ => Served::http("echo", &[]),
        };
        let served = gateway(&back.endpoint, &["--authorizer", &authorizer.endpoint]);
        let got = get(&served, &request(""));
        assert!(got.starts_with("HTTP/1.1 401 "), "{got}");
        let got = get(&served, &demo);
        assert!(got.starts_with("HTTP/1.1 200 "), "{got}");
        match scheme {
            "fcgi" => assert!(got.contains("\nAUTH_USER=demo\n"), "{got}"),
            _ => {
                assert!(got.contains("\nHTTP_VARIABLE_AUTH_USER=demo\n"), "{got}");
                assert!(!got.contains("forged"), "{got}");
            }
        }
    }
    // Where none is asked it is a field like others.
    let back = Served::http("echo", &[]);
    let got = get(&gateway(&back.endpoint, &[]), &demo);
    assert!(got.contains("\nHTTP_VARIABLE_OTHER=forged\n"), "{got}");
}

/// The head that a server of HTTP gets.
fn forwarded(more: &[&str], fields: &str) -> String {
    let (sender, head) = channel();
    let (to, acting) = peer_at("http", move |mut stream| {
        sender.send(read_head(&mut stream)).unwrap();
        let ok = b"HTTP/1.1 200 OK\r\nConnection: X-Of-Hop\r\nX-Of-Hop: 1\r\n\
                   Keep-Alive: timeout=5\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(ok).unwrap();
    });
    let got = get(
        &gateway(&to, more),
        &format!(
            "GET http://h:81/a%20b?c HTTP/1.1\r\nHost: h:81\r\n{fields}\r\n\
                  GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: x\r\n\r\n"
        ),
    );
    assert!(
        got.contains("X-Kept: 1\r\n") && !got.contains("Hop"),
        "{got}"
    );
    assert!(!got.contains("Keep-Alive"), "{got}");
    acting.join().unwrap();
    let head = head.recv().unwrap();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "GET /a%20b?c HTTP/1.1");
    lines.sort();
    lines.join("\n")
}

#[test]
fn fields_that_pass() {
    let fields = "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
        Proxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: x\r\n\
        Proxy: evil\r\nX_Odd: 1\r\nCookie: a\r\nX-Real-IP: 6.6.6.6\r\n\
        X-Forwarded-For: 6.6.6.6, 10.0.0.9\r\nX-Forwarded-Host: front\r\n\
        X-Forwarded-Port: 1\r\nForwarded: for=6.6.6.6\r\n";
    // Of strangers nothing is believed about who asks.
    assert_eq!(
        forwarded(&[], fields),
        "Cookie: a\nHost: h:81\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: h:81\n\
         X-Forwarded-Proto: http"
    );
    assert_eq!(
        forwarded(&["--trusted", "127.0.0.0/8"], fields),
        "Cookie: a\nHost: h:81\nX-Forwarded-For: 6.6.6.6, 10.0.0.9, 127.0.0.1\n\
         X-Forwarded-Host: front\nX-Forwarded-Proto: http"
    );
    assert_eq!(
        forwarded(&["--trusted", "127.0.0.1"], "X-Forwarded-Proto: https\r\n"),
        "Host: h:81\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Host: h:81\n\
         X-Forwarded-Proto: https"
    );
}

/// A signal lets what runs be finished, and ends at once where nothing does.
#[test]
fn signals() {
    let (go, wait) = channel::<()>();
    let (asked, has_asked) = channel();
    let (to, acting) = peer_at("http", move |mut stream| {
        read_head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
            .unwrap();
        asked.send(()).unwrap();
        wait.recv().unwrap();
        stream.write_all(b"lf").unwrap();
    });
    let mut served = gateway(&to, &[]);
    let idle = Wire::open(&served.endpoint);
    let mut wire = Wire::open(&served.endpoint);
    wire.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    has_asked.recv().unwrap();
    served.kill("-TERM");
    // It ends before the other, which still runs.
    assert_eq!(idle.rest(), b"");
    assert!(served.child.try_wait().unwrap().is_none());
    go.send(()).unwrap();
    let got = wire.rest();
    assert!(got.ends_with(b"\r\n\r\nhalf"), "{}", got.escape_ascii());
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    acting.join().unwrap();

    let back = Served::http("hello", &[]);
    let mut served = gateway(&back.endpoint, &[]);
    let mut wire = Wire::open(&served.endpoint);
    wire.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    wire.head();
    served.kill("-TERM");
    assert_eq!(wire.rest(), b"Hello, world!\n");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}

#[test]
fn overload() {
    let (go, wait) = channel::<()>();
    let (asked, has_asked) = channel();
    let (to, acting) = peer_at("http", move |mut stream| {
        read_head(&mut stream);
        asked.send(()).unwrap();
        wait.recv().unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .unwrap();
    });
    let args = [
        "serve",
        "--to",
        &to,
        "--listen",
        "http://127.0.0.1:0",
        "--workers",
        "1",
    ];
    let mut command = vestibule(&args);
    command.stderr(std::process::Stdio::piped());
    let mut served = Served::spawn(command);
    let mut first = Wire::open(&served.endpoint);
    first.write_all(LAST.as_bytes()).unwrap();
    has_asked.recv().unwrap();
    let got = get(&served, LAST);
    assert!(got.starts_with("HTTP/1.1 503 "), "{got}");
    go.send(()).unwrap();
    assert!(first.rest().ends_with(b"\r\n\r\nok"));
    acting.join().unwrap();
    served.kill("-TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
    let mut said = String::new();
    let mut stderr = served.child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    assert!(
        said.contains("1 connections found no free worker"),
        "{said}"
    );
}

/// A browser that has reset its connection is not served any longer; nor is
/// one that has shut down its half only left without its answer.
#[test]
fn browsers_that_are_gone() {
    let (gone, is_gone) = channel();
    let (asked, has_asked) = channel();
    let (to, acting) = peer_at("http", move |mut stream| {
        read_head(&mut stream);
        let part = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour";
        stream.write_all(part).unwrap();
        asked.send(()).unwrap();
        let ended = stream.read(&mut [0]);
        gone.send(matches!(ended, Ok(0) | Err(_))).unwrap();
    });
    let served = gateway(&to, &[]);
    let mut wire = Wire::open(&served.endpoint);
    wire.write_all(LAST.as_bytes()).unwrap();
    has_asked.recv().unwrap();
    let mut first = [0];
    wire.read_exact(&mut first).unwrap();
    // Unread bytes make it a reset.
    drop(wire);
    assert!(is_gone.recv().unwrap());
    acting.join().unwrap();

    let (to, acting) = peer_at("http", move |mut stream| {
        read_head(&mut stream);
        std::thread::sleep(std::time::Duration::from_millis(300));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .unwrap();
    });
    let served = gateway(&to, &[]);
    let mut wire = Wire::open(&served.endpoint);
    wire.write_all(LAST.as_bytes()).unwrap();
    wire.shutdown(Shutdown::Write);
    assert!(wire.rest().ends_with(b"\r\n\r\nok"));
    acting.join().unwrap();
}

/// More at once than are told by a thread each: all are told.
#[test]
fn a_crowd_is_told_too() {
    let mut served = Served::http("mirror", &["--workers", "1"]);
    let address = served.endpoint.replacen("http://", "", 1);
    let mut busy = TcpStream::connect(&address).unwrap();
    busy.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1")
        .unwrap();
    let mut crowd: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                .unwrap();
            stream
        })
        .collect();
    let mut told = 0;
    for stream in &mut crowd {
        let mut got = Vec::new();
        // The close may be a reset; what was said comes first.
        let _ = stream.read_to_end(&mut got);
        told += usize::from(got.starts_with(b"HTTP/1.1 503 "));
    }
    drop(busy);
    served.kill("-TERM");
    assert!(served.child.wait().unwrap().success());
    assert_eq!(told, 100);
}

/// Why there is no connection, where whoever runs it can see it.
#[test]
fn who_cannot_be_reached_is_named() {
    let dir = Dir::new("unreachable");
    let said = dir.file("stderr", b"");
    let to = format!("fcgi+unix:{}", dir.file("none", b""));
    for args in [&["--to", &to][..], &["--app", "hello", "--authorizer", &to]] {
        let serve = ["serve", "--listen", "http://127.0.0.1:0"];
        let mut command = vestibule(&[&serve, args].concat());
        command.stderr(std::fs::File::create(&said).unwrap());
        let served = Served::spawn(command);
        for _ in 0..3 {
            let got = get(&served, "GET / HTTP/1.0\r\n\r\n");
            assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
        }
        let text = std::fs::read_to_string(&said).unwrap();
        let line = format!("vestibule serve: cannot connect to {to}: ");
        assert!(text.starts_with(&line) && text.ends_with('\n'), "{text}");
    }
}
