//! `serve --to`: every front before everything that may stand behind, answers
//! compared whole.

use super::tools::*;
use super::wire::*;
use std::io::Write;
use std::net::Shutdown;

/// What stands behind, and the fronts before it: addresses of each.
struct Pair {
    front: Served,
    back: Served,
}

const FRONTS: [&str; 3] = ["http://127.0.0.1:0", "http+unix:", "fcgi://127.0.0.1:0"];
const BACKS: [&str; 4] = [
    "fcgi://127.0.0.1:0",
    "fcgi+unix:",
    "http://127.0.0.1:0",
    "http+unix:",
];

/// `serve` with these arguments, listening at an address or at a socket of
/// this name.
fn serve(dir: &Dir, at: &str, name: &str, args: &[&str]) -> Served {
    let place = match at.ends_with(':') {
        true => format!("{at}{}", dir.path(name)),
        false => at.to_string(),
    };
    let listen = ["serve", "--listen", &place];
    Served::spawn(vestibule(&[&listen, args].concat()))
}

impl Pair {
    fn new(dir: &Dir, front: &str, back: &str, app: &str) -> Pair {
        let back = serve(dir, back, "back", &["--app", app]);
        let to = ["--to", &back.endpoint, "--unknown-length"];
        let front = serve(dir, front, "front", &to);
        Pair { front, back }
    }
}

fn every(name: &str, test: impl Fn(&Dir, &str, &str)) {
    let dir = Dir::new(name);
    for front in FRONTS {
        for back in BACKS {
            test(&dir, front, back);
        }
    }
}

/// The answer's fields, but for those that one protocol says elsewhere.
fn told(answer: &Answer) -> Vec<(String, &[u8])> {
    let own = |f: &&(String, Vec<u8>)| f.0 != "Status";
    let fields = answer.fields.iter().filter(own);
    let mut all: Vec<_> = fields
        .map(|f| (f.0.to_ascii_lowercase(), &f.1[..]))
        .collect();
    all.sort();
    all
}

#[test]
fn methods_statuses_and_fields() {
    every("gateway-echo", |dir, front, back| {
        let pair = Pair::new(dir, front, back, "echo");
        let (mut through, mut direct) = (
            Caller::to(&pair.front.endpoint),
            Caller::to(&pair.back.endpoint),
        );
        let shown = format!("{front} {back}");
        let mut same = |method: &str, uri: &str, body: Body<'_>| {
            let want = direct.ask(method, uri, &[], body);
            let got = through.ask(method, uri, &[], body);
            assert_eq!(got.status, want.status, "{shown} {method} {uri}");
            assert!(got.body == want.body, "{shown} {method} {uri}");
            assert_eq!(told(&got), told(&want), "{shown} {method} {uri}");
            got.reuse
        };
        for n in [0, 1, 4_095, 60_000, 1_000_000] {
            for method in ["GET", "HEAD"] {
                assert!(same(method, &format!("/?m=size&n={n}"), Body::None));
            }
        }
        for status in [200, 201, 204, 206, 301, 304, 400, 404, 418, 500, 503, 599] {
            for method in ["GET", "HEAD", "POST"] {
                let uri = format!("/?m=status&n={status}");
                assert!(same(method, &uri, Body::None));
            }
        }
        for uri in ["/?m=odd", "/?m=stderr", "/?m=slow&n=3", "/?m=nobody"] {
            assert!(same("GET", uri, Body::None));
        }
        for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
            let body = match method {
                "PUT" | "PATCH" => Body::Known(b"body"),
                _ => Body::None,
            };
            let got = through.ask(method, "/a/b?c", &[("X-Probe", "1")], body);
            let text = String::from_utf8(got.body).unwrap();
            assert!(text.contains(&format!("\nmethod: {method}\n")), "{text}");
            assert!(text.contains("\nHTTP_X_PROBE=1\n"), "{text}");
            assert!(text.contains("\nREQUEST_URI=/a/b?c\n"), "{text}");
        }
        // By FastCGI an answer may come before the end of a body was told.
        let most = if front.starts_with("http") { 1 } else { 3 };
        assert!(through.connections <= most, "{shown}");
        // The connection may end with it: the body was not wanted.
        let want = direct.ask("POST", "/?m=nobody", &[], Body::Known(b"x"));
        let got = through.ask("POST", "/?m=nobody", &[], Body::Known(b"x"));
        assert_eq!((got.status, &got.body), (want.status, &want.body));
    });
}

/// Both directions at once: a body comes back while it is sent.
#[test]
fn bodies_that_are_mirrored() {
    let big = pattern(10_000_000);
    every("gateway-mirror", |dir, front, back| {
        let pair = Pair::new(dir, front, back, "mirror");
        let mut through = Caller::to(&pair.front.endpoint);
        for n in [0, 1, 65_535, 65_536, 300_000, big.len()] {
            for body in [Body::Known(&big[..n]), Body::Unknown(&big[..n])] {
                let got = through.ask("POST", "/", &[("Content-Type", "a/b")], body);
                assert_eq!(got.status, 200);
                assert!(got.body == big[..n], "{front} {back} {n}");
                assert_eq!(got.field("Content-Type"), Some(&b"a/b"[..]));
            }
        }
        let kept = front.starts_with("http");
        assert!(!kept || through.connections == 1);
    });
}

const GET: &str = "GET /?m=size&n=5 HTTP/1.1\r\nHost: h\r\n\r\n";
const LAST: &str = "GET /?m=size&n=5 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// What is left of answers where their dates are gone.
fn undated(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let lines = text.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("Date: ")).collect()
}

/// To the byte, for browsers of all kinds.
#[test]
fn connections_of_browsers() {
    let dir = Dir::new("gateway-browsers");
    for back in BACKS {
        let pair = Pair::new(&dir, "http://127.0.0.1:0", back, "echo");
        let ask = |parts: &[&str], close: bool| {
            let mut wire = Wire::open(&pair.front.endpoint);
            for part in parts {
                wire.write_all(part.as_bytes()).unwrap();
            }
            if close {
                wire.shutdown(Shutdown::Write);
            }
            undated(&wire.rest())
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n";
        let kept = format!("{head}\r\n00000");
        let last = format!("{head}Connection: close\r\n\r\n00000");
        // Pipelined, and one behind the last, which nobody answers.
        let all = [GET, GET, GET, LAST, GET].concat();
        let want = format!("{kept}{kept}{kept}{last}");
        assert_eq!(ask(&[&all], false), want, "{back}");
        // In pieces.
        let bytes: Vec<_> = (0..all.len()).map(|at| &all[at..=at]).collect();
        assert_eq!(ask(&bytes, false), want, "{back}");
        // Half closed behind the request.
        assert_eq!(ask(&[GET], true), kept, "{back}");
        let old = "GET /?m=size&n=5 HTTP/1.0\r\n\r\n";
        assert_eq!(ask(&[old], false), last, "{back}");
        let old = "GET /?m=size&n=5 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        let want = format!("{head}Connection: keep-alive\r\n\r\n00000{last}");
        assert_eq!(ask(&[old, LAST], false), want, "{back}");
        // Without a length: only the close can end it.
        let old = "GET /?m=slow&n=2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        assert_eq!(
            ask(&[old], false),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
             chunk 0\nchunk 1\n",
            "{back}"
        );
        let mut wire = Wire::open(&pair.front.endpoint);
        wire.write_all(
            b"POST /?m=echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
              Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        )
        .unwrap();
        assert_eq!(wire.head(), "HTTP/1.1 100 Continue\r\n\r\n");
        wire.write_all(b"body").unwrap();
        let got = String::from_utf8(wire.rest()).unwrap();
        assert!(got.contains("\nbody-len: 4\n"), "{got}");
        assert!(!got.contains("HTTP_EXPECT"), "{got}");
    }
}
