//! Slow clients and slow applications hold nobody else up: they are held open
//! while others are answered, however long that takes.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::apps::App;
use crate::curl::Curl;
use crate::gateway::stop;
use crate::harness::{PATIENCE, Peer, Serve, Shown};
use crate::http::{Body, Http};
use crate::site::Site;
use crate::tools::{Dump, lines, noise, same};

fn open(serve: &Serve, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&serve.upstream).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes.as_bytes()).unwrap();
    stream
}

/// The same, once an answer has begun.
fn begun(serve: &Serve, target: &str) -> TcpStream {
    let mut stream = open(serve, &format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let mut seen = Vec::new();
    while !seen.windows(5).any(|w| w == b"chunk" || w == b"00000") {
        let mut buf = [0; 100];
        let n = stream.read(&mut buf).unwrap();
        assert_ne!(n, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buf[..n]);
    }
    stream
}

/// That everybody else is answered.
fn others(serve: &Serve) {
    let mut http = Http::to(&serve.endpoint);
    let mut curl = Curl::to(&serve.endpoint);
    let body = noise(10_000);
    for n in 0..20 {
        let got = http.ask("GET", &format!("/?m=size&n={n}"), &[], Body::None);
        same(&got.body, &lines(n), "size");
        let got = http.ask("POST", "/", &[], Body::Sized(&body));
        Dump::of(&got.body).got("POST", &body);
        if n % 5 == 0 {
            let (code, got) = curl.attempt("GET", "/?m=odd", &[], Body::None);
            assert_eq!((code, got.status), (0, 200));
        }
    }
}

/// Clients that dawdle in every place where one can; `posts` of them in a body.
fn dawdlers(serve: &Serve, posts: usize) -> Vec<TcpStream> {
    let head = "POST /?m=mirror HTTP/1.1\r\nHost: h\r\n";
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(open(serve, ""));
        slow.push(open(serve, "GET / HT"));
        slow.push(open(serve, "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: "));
        slow.push(open(serve, &format!("{head}Content-Length: 1000\r\n")));
    }
    for _ in 0..posts {
        slow.push(open(
            serve,
            &format!("{head}Content-Length: 1000\r\n\r\nbegun"),
        ));
    }
    slow
}

#[test]
#[ignore = "needs php8.2-fpm and uvicorn"]
fn slow_clients() {
    let mut shown = Shown::of("slow clients -> serve -> PHP-FPM");
    let php = Peer::start("php-fpm", &[]);
    let site = Site::new();
    let serve = Serve::http(&["--to", &php.tcp(), "--root", &site.root]);
    // Of four children one is left.
    let mut slow = dawdlers(&serve, 2);
    slow.push(begun(&serve, "/?m=size&n=50000000"));
    others(&serve);
    shown.case(&format!("{} of them", slow.len()));
    drop(slow);
    stop(serve);

    let mut shown = Shown::of("slow clients -> serve -> uvicorn");
    let [app, ..] = App::uvicorn();
    let serve = Serve::http(&["--to", &app.endpoint]);
    let mut slow = dawdlers(&serve, 40);
    slow.extend((0..20).map(|_| begun(&serve, "/?m=chunks&n=100000")));
    others(&serve);
    shown.case(&format!("{} of them", slow.len()));
    drop(slow);
    stop(serve);
}

#[test]
#[ignore = "needs php8.2-fpm, gunicorn and uvicorn"]
fn slow_applications() {
    let mut shown = Shown::of("serve -> slow PHP-FPM");
    let php = Peer::start("php-fpm", &[]);
    let site = Site::new();
    let serve = Serve::http(&["--to", &php.tcp(), "--root", &site.root]);
    // Hours would pass: each would keep its child.
    let slow: Vec<_> = (0..3)
        .map(|_| begun(&serve, "/?m=slow&n=1000000"))
        .collect();
    others(&serve);
    shown.case("3 of 4 children at work");
    // Their children are to come free once nobody listens any more.
    drop(slow);
    let slow: Vec<_> = (0..3)
        .map(|_| begun(&serve, "/?m=slow&n=1000000"))
        .collect();
    others(&serve);
    shown.case("and free again, once the clients have left");
    drop(slow);
    stop(serve);

    let mut shown = Shown::of("serve -> slow uvicorn");
    let [app, ..] = App::uvicorn();
    let serve = Serve::http(&["--to", &app.endpoint]);
    let slow: Vec<_> = (0..60)
        .map(|_| begun(&serve, "/?m=slow&n=1000000"))
        .collect();
    others(&serve);
    shown.case("60 requests at work");
    drop(slow);
    stop(serve);
}
