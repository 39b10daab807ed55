//! The requests, and what each must come to.

use super::places::{BIG, Places};
use crate::tools::pattern;
use crate::wire::{Answer, Body, Caller, Wire};
use std::cell::Cell;
use std::io::{Read, Write};

/// A front, and what stands behind.
pub struct Pair<'p> {
    places: &'p Places,
    front: &'static str,
    back: &'static str,
    /// Answers that were compared, and bytes of their bodies.
    count: Cell<(usize, usize)>,
}

/// What one protocol says elsewhere, or not at all.
fn told(answer: &Answer) -> Vec<(String, Vec<u8>)> {
    let fields = answer.fields.iter().filter(|f| f.0 != "Status");
    let mut all: Vec<_> = fields
        .map(|f| (f.0.to_ascii_lowercase(), f.1.clone()))
        .collect();
    all.sort();
    all
}

impl<'p> Pair<'p> {
    pub fn new(places: &'p Places, front: &'static str, back: &'static str) -> Self {
        Pair {
            places,
            front,
            back,
            count: Cell::default(),
        }
    }

    /// Asks everything. How many answers were compared, and how many bytes of
    /// bodies.
    pub fn compare(&self) -> (usize, usize) {
        self.sizes();
        self.statuses();
        self.methods_and_fields();
        self.mirrored();
        self.broken_off();
        self.given_up();
        self.count.get()
    }

    fn shown(&self) -> String {
        format!("{} before {}", self.front, self.back)
    }

    fn note(&self, answer: &Answer) {
        let (answers, bytes) = self.count.get();
        self.count.set((answers + 1, bytes + answer.body.len()));
    }

    fn echo(&self) -> Caller {
        Caller::to(self.places.echo.through(self.front, self.back))
    }

    fn sizes(&self) {
        let mut through = self.echo();
        for n in [0, 1, 4_095, 8_184, 8_185, 65_535, 65_536, 1_000_000, BIG] {
            let uri = format!("/?m=size&n={n}");
            let got = through.ask("GET", &uri, &[], Body::None);
            assert_eq!(got.status, 200, "{} {n}", self.shown());
            assert!(got.body == pattern(n), "{} {n}", self.shown());
            self.note(&got);
        }
        for n in [0, 5, 1_000_000] {
            let uri = format!("/?m=size&n={n}");
            let got = through.ask("HEAD", &uri, &[], Body::None);
            assert_eq!((got.status, got.body.len()), (200, 0), "{}", self.shown());
            self.note(&got);
        }
    }

    /// As the application answers HTTP itself.
    fn statuses(&self) {
        let mut through = self.echo();
        let mut direct = Caller::to(self.places.echo.at("http"));
        let mut same = |method: &str, uri: &str, body: Body<'_>| {
            let want = direct.ask(method, uri, &[], body);
            let got = through.ask(method, uri, &[], body);
            let shown = format!("{}: {method} {uri}", self.shown());
            assert_eq!(got.status, want.status, "{shown}");
            assert!(got.body == want.body, "{shown}");
            assert_eq!(told(&got), told(&want), "{shown}");
            self.note(&got);
        };
        for status in [200, 201, 204, 206, 301, 304, 400, 404, 418, 500, 503, 599] {
            for (method, body) in [
                ("GET", Body::None),
                ("HEAD", Body::None),
                ("POST", Body::Known(b"")),
            ] {
                same(method, &format!("/?m=status&n={status}"), body);
            }
        }
        for uri in ["/?m=odd", "/?m=slow&n=3", "/?m=nobody"] {
            same("GET", uri, Body::None);
        }
        same("POST", "/?m=nobody", Body::Known(b"x"));
    }

    fn methods_and_fields(&self) {
        let mut through = self.echo();
        let long = "x".repeat(4_000);
        let fields = [
            ("X-Probe", "1"),
            ("x-lower", "a  b\tc"),
            ("X-Empty", ""),
            ("X-Utf8", "\u{17e}lu\u{165}"),
            ("X-Long", &long),
            ("Cookie", "a=1; b=2"),
            ("Content-Type", "a/b; c=\"d e\""),
        ];
        for method in [
            "GET", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "BREW",
        ] {
            let body = match method {
                "PUT" | "PATCH" => Body::Known(b"body"),
                "GET" | "OPTIONS" => Body::None,
                // By FastCGI such a method has a body, if nothing is said.
                _ => Body::Known(b""),
            };
            let got = through.ask(method, "/a%20b/c?d=%20e", &fields, body);
            let text = String::from_utf8(got.body.clone()).unwrap();
            let shown = format!("{}: {method}: {text}", self.shown());
            assert_eq!(got.status, 200, "{shown}");
            let length = if let Body::Known(b"body") = body {
                4
            } else {
                0
            };
            for line in [
                format!("method: {method}"),
                format!("body-len: {length}"),
                format!("REQUEST_METHOD={method}"),
                "REQUEST_URI=/a%20b/c?d=%20e".into(),
                "QUERY_STRING=d=%20e".into(),
                "SERVER_PROTOCOL=HTTP/1.1".into(),
                "HTTP_HOST=h.test".into(),
                "HTTP_X_PROBE=1".into(),
                "HTTP_X_LOWER=a  b\\x09c".into(),
                "HTTP_X_EMPTY=".into(),
                "HTTP_X_UTF8=\\xc5\\xbelu\\xc5\\xa5".into(),
                format!("HTTP_X_LONG={long}"),
                "HTTP_COOKIE=a=1; b=2".into(),
                "CONTENT_TYPE=a/b; c=\"d e\"".into(),
            ] {
                assert!(text.contains(&format!("\n{line}\n")), "{line}: {shown}");
            }
            self.note(&got);
        }
    }

    fn mirrored(&self) {
        let mut through = Caller::to(self.places.mirror.through(self.front, self.back));
        let all = pattern(BIG + 1);
        let mut same = |body: &[u8], known: bool| {
            let sent = match known {
                true => Body::Known(body),
                false => Body::Unknown(body),
            };
            let got = through.attempt("POST", "/", &[("Content-Type", "a/b")], sent);
            let shown = format!("{}: {} {known}", self.shown(), body.len());
            // What wants a length, and may be given none.
            if !known && matches!(self.back, "scgi" | "uwsgi" | "cgi") {
                assert_eq!(got.status, 411, "{shown}");
            } else {
                assert_eq!((got.status, got.whole), (200, true), "{shown}");
                assert!(got.body == body, "{shown}");
                assert_eq!(got.field("Content-Type"), Some(&b"a/b"[..]), "{shown}");
            }
            self.note(&got);
        };
        for n in [0, 1, 8_186, 8_187, 65_535, 65_536, 300_000, BIG] {
            same(&all[..n], true);
        }
        if matches!(self.front, "http" | "fcgi" | "ajp") {
            for n in [0, 1, 65_536] {
                same(&all[..n], false);
            }
        }
        // A program takes all of it: whoever starts it sees to that.
        if self.back == "cgi" {
            return;
        }
        let got = through.attempt("POST", "/", &[], Body::Known(&all));
        assert_eq!(got.status, 413, "{}: {got:?}", self.shown());
        self.note(&got);
    }

    /// An answer that is cut never looks whole.
    fn broken_off(&self) {
        let mut through = Caller::to(self.places.broken(self.front, self.back));
        for _ in 0..3 {
            let got = through.attempt("GET", "/", &[], Body::None);
            assert!(!got.whole || got.status == 502, "{}: {got:?}", self.shown());
            assert!(
                !got.whole || got.body != b"abc",
                "{}: {got:?}",
                self.shown()
            );
            self.note(&got);
        }
    }

    /// A client that leaves: those who come after it are none the worse.
    fn given_up(&self) {
        let at = self.places.mirror.through(self.front, self.back);
        let body = vec![b'x'; 100_000];
        for sent in [1, 50_000] {
            let mut wire = Wire::open(at);
            let mut written = Vec::new();
            let head = crate::wire::head(at, "POST", "/", body.len() as u64);
            written.extend(head);
            written.extend(crate::wire::some_body(at, &body[..sent]));
            wire.write_all(&written).unwrap();
            drop(wire);
        }
        // Nor one that leaves within the answer.
        let at = self.places.echo.through(self.front, self.back);
        let mut wire = Wire::open(at);
        let uri = format!("/?m=size&n={BIG}");
        wire.write_all(&crate::wire::head(at, "GET", &uri, 0))
            .unwrap();
        let mut some = [0; 1000];
        wire.read_exact(&mut some).unwrap();
        drop(wire);
        for (app, body) in [
            (&self.places.mirror, Body::Known(&body[..])),
            (&self.places.echo, Body::Known(b"")),
        ] {
            let mut through = Caller::to(app.through(self.front, self.back));
            let got = through.ask("POST", "/?m=size&n=5", &[], body);
            assert_eq!(got.status, 200, "{}", self.shown());
            self.note(&got);
        }
    }
}
