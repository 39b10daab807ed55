//! `call`, `ping` and `serve --to` before Tomcat, over AJP.

use core::ops::ControlFlow;
use std::net::TcpStream;

use vestibule::adapt::{Call, Called};
use vestibule::ajp::{Client, ClientLimits};
use vestibule::{Client as _, Field, Length, Timeouts};

use crate::answer::Answer;
use crate::calls::Calls;
use crate::contract::{Traits, Way, contract};
use crate::curl::Curl;
use crate::gateway::stop;
use crate::harness::{PATIENCE, Peer, Relay, Scratch, Serve, Shown, run};
use crate::http::{Body, Http};
use crate::tools::{COMMAND, Dump, call_with, lines, noise, same};

const TOMCAT: Traits = Traits {
    peer: "tomcat",
    chunked: true,
    continues: true,
    hints: false,
    mirror: true,
    unread: true,
    head_length: true,
};

const SECRET: [&str; 2] = ["--secret", "s3cret"];

/// Its connectors: without a secret, with one.
const CONNECTORS: [(usize, &str, &[&str]); 2] = [(0, "", &[]), (1, ", secret", &SECRET)];

/// What differs from an application that is there: no page, an error's page, an
/// answer that is cut.
#[track_caller]
fn failures(way: &mut dyn Way, shown: &mut Shown) {
    let got = way.ask("GET", "/nowhere?a=1", &[], Body::None);
    let page = String::from_utf8_lossy(&got.body);
    assert_eq!(got.status, 404);
    assert!(
        page.contains("HTTP Status 404") && page.ends_with("</html>"),
        "{page}"
    );
    let got = way.ask("POST", "/app/x?m=fatal", &[], Body::Sized(&noise(100_000)));
    let page = String::from_utf8_lossy(&got.body);
    assert_eq!(got.status, 500);
    assert!(
        page.contains("java.lang.RuntimeException: fatal on purpose"),
        "{page}"
    );
    assert!(page.ends_with("</html>"), "{page}");
    let got = way.ask("GET", "/app/x?m=size&n=5", &[], Body::None);
    same(&got.body, &lines(5), "after them");
    shown.case("404, an exception page");
}

#[test]
#[ignore = "needs tomcat10"]
fn call_tomcat() {
    let peer = Peer::start("tomcat", &[]);
    for (nth, how, args) in CONNECTORS {
        let endpoint = peer.at("ajp", nth);
        let mut shown = Shown::of(&format!("call -> Tomcat{how}"));
        let mut calls = Calls::to(&endpoint, args);
        let traits = Traits {
            continues: false,
            ..TOMCAT
        };
        contract(&mut calls, "/app/x", &traits, &mut shown);
        failures(&mut calls, &mut shown);
        let (ran, got) = calls.attempt("GET", "/app/x?m=cut&n=100000", &[], Body::None);
        assert_eq!((ran.code, got.status), (18, 200), "{}", ran.err);
        same(&got.body, &lines(100_000)[..got.body.len()], "cut");
        shown.case("an answer that is cut");
        // CPING asks for no secret.
        for _ in 0..2 {
            let ran = run(COMMAND, &["ping", &endpoint], &[], b"");
            ran.ok();
        }
        shown.case("CPING");
    }
    // Larger packets than are allowed for.
    let mut calls = Calls::to(&peer.at("ajp", 2), &[]);
    let (ran, _) = calls.attempt("GET", "/app/x?m=size&n=100000", &[], Body::None);
    assert_eq!(ran.code, 8, "{}", ran.err);
    let mut calls = Calls::to(&peer.at("ajp", 2), &["--packet-size", "65536"]);
    let got = calls.ask("GET", "/app/x?m=size&n=100000", &[], Body::None);
    same(&got.body, &lines(100_000), "in packets of 64 KiB");
    machine(&peer);
    let mut shown = Shown::of("call -> Tomcat, secret");
    for args in [&["--secret", "s3cre"][..], &["--secret", "s3cret1"], &[]] {
        let mut calls = Calls::to(&peer.at("ajp", 1), args);
        let got = calls.ask("GET", "/app/x", &[], Body::None);
        assert_eq!(got.status, 403);
        let (ran, got) = calls.attempt("POST", "/app/x", &[], Body::Sized(&noise(100_000)));
        assert_eq!((ran.code, got.status), (0, 403), "{}", ran.err);
    }
    shown.case("a wrong one, none");
    let scratch = Scratch::new();
    let file = scratch.file("secret", b"s3cret\n");
    let env = [("TOMCAT_SECRET", "s3cret")];
    for option in [["--secret-file", &file], ["--secret-env", "TOMCAT_SECRET"]] {
        let args = [&["--fail", "--uri", "/app/x?m=size&n=5"], &option[..]].concat();
        let ran = call_with(&peer.at("ajp", 1), &args, &env, b"");
        same(ran.ok(), &lines(5), "with the secret");
    }
    shown.case("from a file, from a variable");
}

#[test]
#[ignore = "needs tomcat10 and curl"]
fn serve_to_tomcat() {
    let peer = Peer::start("tomcat", &[]);
    for (nth, how, args) in CONNECTORS {
        let mut shown = Shown::of(&format!("curl -> serve -> Tomcat{how}"));
        let relay = Relay::to(&peer.address(nth));
        let to = format!("ajp://{}", relay.address);
        let serve = Serve::http(&[&["--to", &to], args].concat());
        let mut curl = Curl::to(&serve.endpoint);
        told(&mut curl);
        shown.case("every field");
        contract(&mut curl, "/app/x", &TOMCAT, &mut shown);
        failures(&mut curl, &mut shown);
        let (code, got) = curl.attempt("GET", "/app/x?m=cut&n=100000", &[], Body::None);
        assert_eq!((code, got.status), (18, 200));
        same(&got.body, &lines(100_000)[..got.body.len()], "cut");
        shown.case("an answer that is cut");

        if nth == 0 {
            let mut http = Http::to(&serve.endpoint);
            http.ask("GET", "/app/x", &[], Body::None);
            let before = relay.connections();
            for n in 0..1000 {
                kept(&mut http, n);
            }
            // An answer may be complete in front before its end has come behind.
            assert_eq!(http.connections, 1);
            assert!(relay.connections() <= before + 1);
            shown.case("1,000 requests, kept on both sides");
        }
        stop(serve);
    }
    let mut shown = Shown::of("curl -> serve -> Tomcat, secret");
    for args in [&["--secret", "s3cre"][..], &[]] {
        let serve = Serve::http(&[&["--to", &peer.at("ajp", 1)], args].concat());
        let mut curl = Curl::to(&serve.endpoint);
        for body in [Body::None, Body::Sized(&noise(100_000))] {
            let got = curl.ask("POST", "/app/x", &[], body);
            assert_eq!(got.status, 403);
        }
        stop(serve);
    }
    shown.case("a wrong one, none");
}

/// The machine by itself: 1,000 requests on one connection; one container
/// demands a secret, one has larger packets.
#[track_caller]
fn machine(peer: &Peer) {
    let mut shown = Shown::of("ajp::Client -> Tomcat");
    for (nth, secret, limits) in [
        (0, "", ClientLimits::DEFAULT),
        (1, "s3cret", ClientLimits::DEFAULT),
        (2, "", ClientLimits::DEFAULT.packet_bytes(65_536)),
    ] {
        let stream = TcpStream::connect(peer.address(nth)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Client::with_secret(secret.as_bytes()).limits(limits);
        for n in 0..1000 {
            let body = noise(n * 20);
            let (length, payload) = match n % 4 {
                0 => (Length::Known(body.len() as u64), Some(&body[..])),
                1 => (Length::Unknown, Some(&body[..])),
                _ => (Length::None, None),
            };
            let (method, query) = match n % 4 {
                0 | 1 => ("POST", "m=mirror".to_string()),
                2 => ("HEAD", format!("m=size&n={n}")),
                _ => ("GET", format!("m=size&n={n}")),
            };
            let fields = [
                Field::var(b"REQUEST_METHOD", method.as_bytes()),
                Field::var(b"REQUEST_URI", b"/app/x"),
                Field::var(b"QUERY_STRING", query.as_bytes()),
                Field::header(b"Host", b"h.test"),
            ];
            let (mut room, mut buf) = (vec![0; 8192], vec![0; 16 * 1024]);
            let (id, head) = client.open(fields, length, &mut room).unwrap();
            let call = Call {
                id,
                head,
                buf: &mut buf,
                timeouts: Timeouts::all(PATIENCE.as_millis() as u32),
            };
            let mut answer = Answer::new();
            let called = call.run(&mut client, &mut &stream, &mut &stream, payload, |event| {
                answer.take(&event);
                Ok(ControlFlow::Continue(()))
            });
            assert_eq!(called.unwrap(), Called::Done { reuse: true }, "{n}");
            let want = match n % 4 {
                0 | 1 => body,
                2 => Vec::new(),
                _ => lines(n),
            };
            assert_eq!(answer.status, 200);
            same(&answer.body, &want, &query);
        }
        let how = ["no secret", "a secret", "packets of 64 KiB"][nth];
        shown.case(&format!("1,000 requests on one connection, {how}"));
    }
}

/// One of many.
#[track_caller]
fn kept(http: &mut Http, n: usize) {
    let body = noise(n);
    let size = format!("/app/x?m=size&n={n}");
    let got = match n % 5 {
        0 => http.ask("POST", "/app/x?m=mirror", &[], Body::Sized(&body)),
        1 => http.ask("HEAD", &size, &[], Body::None),
        2 => http.ask("GET", "/app/x?m=status&n=304", &[], Body::None),
        3 => http.ask("POST", "/app/x?m=mirror", &[], Body::Chunked(&body)),
        _ => http.ask("GET", &size, &[], Body::None),
    };
    let (status, want) = match n % 5 {
        0 | 3 => (200, body),
        1 => (200, Vec::new()),
        2 => (304, Vec::new()),
        _ => (200, lines(n)),
    };
    assert_eq!(got.status, status);
    same(&got.body, &want, "one of many");
    assert!(got.reuse, "{n}: {got:?}");
}

/// What the container makes of a request.
#[track_caller]
fn told(curl: &mut Curl) {
    let long = "x".repeat(4000);
    let fields = [
        ("Host", "h.test:81"),
        ("Accept", "*/*"),
        ("X-Probe", "one"),
        ("X-Probe", "two, three"),
        ("X-Latin1", "caf\u{e9}\\"),
        ("X-Empty", ""),
        ("Cookie", "a=1; b=2"),
        ("X-Long", &long),
        // Of the connection alone.
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Proxy", "http://192.0.2.66:8080"),
    ];
    let target = "/app/a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?";
    let got = curl.ask("GET", target, &fields, Body::None);
    let dump = Dump::of(&got.body);
    assert_eq!((got.status, &dump.peer[..]), (200, "tomcat"));
    dump.got("GET", b"").has(&[
        "auth=null",
        "header accept=*/*",
        "header cookie=a=1; b=2",
        "header host=h.test:81",
        "header x-empty=",
        "header x-latin1=caf\\xc3\\xa9\\x5c",
        &format!("header x-long={long}"),
        "header x-probe=one, two, three",
        "length=-1",
        "protocol=HTTP/1.1",
        "query=x=1&y=%C5%A1&empty=&q=/?",
        "remote=127.0.0.1",
        "scheme=http",
        "secure=false",
        "server=h.test:81",
        "type=null",
        "uri=/app/a%20b/%C5%A1/c",
        "user=null",
    ]);
}
