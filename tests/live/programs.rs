//! `call` and `serve --to` before CGI programs in sh, Perl and Python.

use crate::calls::Calls;
use crate::contract::{Traits, Way, contract};
use crate::curl::Curl;
use crate::gateway::stop;
use crate::harness::{Serve, Shown};
use crate::http::Body;
use crate::tools::{Dump, lines, same};

const PROGRAM: Traits = Traits {
    peer: "cgi",
    chunked: false,
    continues: true,
    hints: false,
    mirror: true,
    unread: true,
    head_length: true,
};

const PROGRAMS: [&str; 3] = ["echo.sh", "echo.pl", "echo.py"];

fn path(name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    format!("{root}/tests/peers/apps/cgi/{name}")
}

#[test]
#[ignore = "needs perl"]
fn call_programs() {
    for name in PROGRAMS {
        let mut shown = Shown::of(&format!("call -> {name}"));
        let mut calls = Calls::to(&format!("cgi:{}", path(name)), &[]);
        let traits = Traits {
            continues: false,
            ..PROGRAM
        };
        contract(&mut calls, "/a/b", &traits, &mut shown);
        let (ran, got) = calls.attempt("GET", "/?m=cut&n=100000", &[], Body::None);
        assert_eq!((ran.code, got.status), (18, 200), "{}", ran.err);
        same(&got.body, &lines(100_000)[..got.body.len()], "cut");
        shown.case("an answer that is cut");
        let (ran, got) = calls.attempt("GET", "/?m=fatal", &[], Body::None);
        assert_eq!((ran.code, &got.body[..]), (18, &b""[..]), "{}", ran.err);
        assert!(ran.err.contains("fatal on purpose"), "{}", ran.err);
        let (ran, got) = calls.attempt("GET", "/?m=stderr", &[], Body::None);
        same(&got.body, b"body\n", "stderr");
        let said = ["stderr line one", "stderr line two"].map(|line| ran.err.find(line));
        assert!(said[0].is_some() && said[0] < said[1], "{}", ran.err);
        shown.case("no answer, STDERR");
    }
}

#[test]
#[ignore = "needs perl and curl"]
fn serve_to_programs() {
    for name in PROGRAMS {
        let mut shown = Shown::of(&format!("curl -> serve -> {name}"));
        let to = format!("cgi:{}", path(name));
        let serve = Serve::http(&["--to", &to]);
        let mut curl = Curl::to(&serve.endpoint);
        told(&mut curl, &serve, name);
        shown.case("every variable");
        contract(&mut curl, "/a/b", &PROGRAM, &mut shown);
        let (code, got) = curl.attempt("GET", "/?m=cut&n=100000", &[], Body::None);
        assert_eq!((code, got.status), (18, 200));
        same(&got.body, &lines(100_000)[..got.body.len()], "cut");
        let got = curl.ask("GET", "/?m=fatal", &[], Body::None);
        assert_eq!(got.status, 502);
        curl.ask("GET", "/?m=stderr", &[], Body::None);
        let log = stop(serve);
        for line in ["fatal on purpose", "stderr line one", "stderr line two"] {
            assert!(log.contains(line), "{log}");
        }
        shown.case("an answer that is cut, no answer, STDERR in the log");
    }
}

/// The environment of a program: the request, and nothing else.
#[track_caller]
fn told(curl: &mut Curl, serve: &Serve, name: &str) {
    let target = "/a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?";
    let fields = [
        ("Host", "h.test:81"),
        ("Accept", "*/*"),
        ("X-Probe", "one"),
        ("X-Probe", "two, three"),
        ("X-Latin1", "caf\u{e9}\\"),
        ("X-Empty", ""),
        ("Proxy", "http://192.0.2.66:8080"),
        ("Authorization", "Basic Z29vZDpnb29k"),
    ];
    let got = curl.ask("GET", target, &fields, Body::None);
    let mut dump = Dump::of(&got.body);
    assert_eq!((got.status, &dump.peer[..]), (200, "cgi"));
    dump.got("GET", b"");
    assert_ne!(dump.take("REMOTE_PORT").parse::<u16>().unwrap(), 0);
    // Of the environment of `serve`, which is ours here, these and no others.
    for name in ["PATH", "LD_LIBRARY_PATH", "TZ"] {
        if let Ok(value) = std::env::var(name) {
            assert_eq!(dump.take(name), value);
        }
    }
    let port = serve.upstream.rsplit(':').next().unwrap();
    dump.has(&[
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_ACCEPT=*/*",
        "HTTP_HOST=h.test:81",
        "HTTP_X_EMPTY=",
        "HTTP_X_LATIN1=caf\\xc3\\xa9\\x5c",
        "HTTP_X_PROBE=one, two, three",
        "PATH_INFO=/a b/\\xc5\\xa1/c",
        "QUERY_STRING=x=1&y=%C5%A1&empty=&q=/?",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_SCHEME=http",
        &format!("REQUEST_URI={target}"),
        &format!("SCRIPT_FILENAME={}", path(name)),
        "SCRIPT_NAME=",
        "SERVER_ADDR=127.0.0.1",
        "SERVER_NAME=h.test",
        &format!("SERVER_PORT={port}"),
        "SERVER_PROTOCOL=HTTP/1.1",
        concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION")),
    ]);
}
