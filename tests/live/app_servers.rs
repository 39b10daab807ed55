//! The HTTP client machine against Gunicorn, uvicorn, Hypercorn and uWSGI.

use vestibule::Ending;

use crate::answer::Answer;
use crate::contract::{Traits, contract};
use crate::harness::{Peer, Shown};
use crate::http::{Body, Http};
use crate::tools::{Dump, MB, lines, same};

pub const FLASK: Traits = Traits {
    peer: "flask",
    chunked: true,
    continues: true,
    hints: true,
    mirror: true,
    unread: true,
    head_length: true,
};

pub const ASGI: Traits = Traits {
    peer: "asgi",
    hints: false,
    ..FLASK
};

/// uWSGI gives no chunked body to an application that does not know of it.
pub const WSGI: Traits = Traits {
    peer: "wsgi",
    chunked: false,
    continues: false,
    hints: false,
    mirror: true,
    unread: false,
    head_length: true,
};

/// All that an application server is asked.
fn whole(mut http: Http, traits: &Traits, env: &[&str], name: &str) {
    let mut shown = Shown::of(&format!("http1::Client -> {name}"));
    told(&mut http, traits, env);
    shown.case("every field");
    contract(&mut http, "/a/b", traits, &mut shown);
    if http.keeps() {
        kept(&mut http);
        shown.case("500 requests on the same connection");
        pipelined(&http);
        shown.case("60 pipelined");
    }
    // An application that gives up within its answer.
    let got = http.attempt("GET", "/?m=cut&n=100000", &[], Body::None, |_| {});
    broken(&got, &lines(100_000));
    shown.case("an answer that is cut");
}

fn kept(http: &mut Http) {
    let before = http.connections;
    for n in 0..500 {
        let got = match n % 5 {
            0 => http.ask("POST", "/", &[], Body::Sized(&[b'x'; 100])),
            1 => http.ask("HEAD", "/", &[], Body::None),
            2 => http.ask("GET", "/?m=status&n=304", &[], Body::None),
            3 => http.ask("GET", "/?m=slow&n=1", &[], Body::None),
            _ => http.ask("GET", &format!("/?m=size&n={n}"), &[], Body::None),
        };
        assert!(got.reuse, "{n}: {got:?}");
        if n % 5 == 4 {
            same(&got.body, &lines(n), "one of many");
        }
    }
    assert_eq!(http.connections, before);
}

fn pipelined(http: &Http) {
    let chunks = [lines(65_536), lines(65_536)].concat();
    let (mut targets, mut wanted) = (Vec::new(), Vec::new());
    for n in 0..60 {
        let (target, want) = match n % 3 {
            0 => ("/?m=slow&n=1".into(), b"chunk 0\n".to_vec()),
            1 => (format!("/?m=size&n={}", n * 100), lines(n * 100)),
            _ => ("/?m=chunks&n=2".into(), chunks.clone()),
        };
        targets.push(target);
        wanted.push(want);
    }
    for (n, answer) in http.pipelined(&targets).iter().enumerate() {
        same(&answer.body, &wanted[n], &targets[n]);
    }
}

/// That an answer was seen to be cut, and no byte of it is wrong.
#[track_caller]
fn broken(got: &Answer, whole: &[u8]) {
    assert_eq!((got.status, got.ending), (200, Ending::Truncated));
    assert!(!got.whole && !got.reuse && !got.retry_safe, "{got:?}");
    same(&got.body, &whole[..got.body.len()], "the part that came");
}

/// That the application is told exactly what was sent; `env`: what else a WSGI
/// application is told.
fn told(http: &mut Http, traits: &Traits, env: &[&str]) {
    let long = "x".repeat(4000);
    let fields = [
        ("Host", "h.test:81"),
        ("Accept", "*/*"),
        ("X-Probe", "one"),
        ("X-Probe", "two, three"),
        ("X-Latin1", "caf\u{e9}\\"),
        ("X-Empty", ""),
        ("x-tab", "a\tb"),
        ("Cookie", "a=1; b=2"),
        ("X-Long", &long),
    ];
    let target = "/a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?";
    let got = http.ask("GET", target, &fields, Body::None);
    let mut dump = Dump::of(&got.body);
    assert_eq!(dump.peer, traits.peer);
    dump.got("GET", b"");
    if traits.peer == "asgi" {
        return told_asgi(&dump, env, &long);
    }
    // Gunicorn tells it where there is one.
    dump.vars.retain(|var| !var.starts_with("REMOTE_PORT="));
    let long = format!("HTTP_X_LONG={long}");
    let fields = [
        "HTTP_ACCEPT=*/*",
        "HTTP_COOKIE=a=1; b=2",
        "HTTP_HOST=h.test:81",
        "HTTP_X_EMPTY=",
        "HTTP_X_LATIN1=caf\\xc3\\xa9\\x5c",
        &long,
        "HTTP_X_TAB=a\\x09b",
        "PATH_INFO=/a b/\\xc5\\xa1/c",
        "QUERY_STRING=x=1&y=%C5%A1&empty=&q=/?",
        "REQUEST_METHOD=GET",
        "SCRIPT_NAME=",
        "SERVER_PROTOCOL=HTTP/1.1",
        "wsgi.url_scheme=http",
    ];
    dump.has(&[&fields, env].concat());
}

fn told_asgi(dump: &Dump, env: &[&str], long: &str) {
    let long = format!("header x-long={long}");
    let fields = [
        "header accept=*/*",
        "header cookie=a=1; b=2",
        "header host=h.test:81",
        "header x-empty=",
        "header x-latin1=caf\\xc3\\xa9\\x5c",
        &long,
        "header x-probe=one",
        "header x-probe=two, three",
        "header x-tab=a\\x09b",
        "http_version=1.1",
        "path=/a b/\\x5cu0161/c",
        "query_string=x=1&y=%C5%A1&empty=&q=/?",
        "raw_path=/a%20b/%C5%A1/c",
        "root_path=",
        "scheme=http",
    ];
    dump.has(&[&fields, env].concat());
}

/// What Gunicorn makes of the request beside its fields.
const GUNICORN: [&str; 3] = [
    "HTTP_X_PROBE=one,two, three",
    "RAW_URI=/a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?",
    "SERVER_SOFTWARE=gunicorn/27.0.1",
];

#[test]
#[ignore = "needs gunicorn"]
fn gunicorn() {
    let peer = Peer::start("gunicorn", &[]);
    let port = format!("SERVER_PORT={}", peer.port);
    let tcp = ["REMOTE_ADDR=127.0.0.1", "SERVER_NAME=127.0.0.1", &port];
    let env = [&GUNICORN[..], &tcp].concat();
    whole(Http::to(&peer.http()), &FLASK, &env, "Gunicorn, TCP");
    let unix = ["REMOTE_ADDR=", "SERVER_NAME=h.test", "SERVER_PORT=81"];
    let env = [&GUNICORN[..], &unix].concat();
    let http = Http::to(&peer.http_unix("gunicorn"));
    whole(http, &FLASK, &env, "Gunicorn, unix socket");
}

#[test]
#[ignore = "needs uvicorn"]
fn uvicorn() {
    let tcp = ["client=127.0.0.1"];
    for parser in ["httptools", "h11"] {
        let peer = Peer::start("uvicorn", &[("PEER_HTTP", parser)]);
        let name = format!("uvicorn, {parser}");
        whole(Http::to(&peer.http()), &ASGI, &tcp, &name);
    }
    let peer = Peer::start("uvicorn", &[("PEER_UNIX", "1")]);
    let http = Http::to(&peer.http_unix("uvicorn"));
    whole(http, &ASGI, &["client=None"], "uvicorn, unix socket");
}

#[test]
#[ignore = "needs hypercorn"]
fn hypercorn() {
    let traits = Traits {
        unread: false,
        ..ASGI
    };
    let peer = Peer::start("hypercorn", &[]);
    let tcp = ["client=127.0.0.1"];
    whole(Http::to(&peer.http()), &traits, &tcp, "Hypercorn");
    let peer = Peer::start("hypercorn", &[("PEER_UNIX", "1")]);
    let http = Http::to(&peer.http_unix("hypercorn"));
    whole(http, &traits, &["client=None"], "Hypercorn, unix socket");
}

#[test]
#[ignore = "needs uwsgi"]
fn uwsgi() {
    let peer = Peer::start("uwsgi", &[]);
    let name = hostname();
    let port = format!("SERVER_PORT={}", peer.port);
    let both = [
        "HTTP_X_PROBE=one, two, three",
        "REQUEST_URI=/a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?",
        &name,
    ];
    let tcp = ["HTTP_CONNECTION=close", "REMOTE_ADDR=127.0.0.1", &port];
    let tcp = [&both[..], &tcp].concat();
    // Its answers do not say that they are the last.
    whole(Http::once(&peer.http()), &WSGI, &tcp, "uWSGI, TCP");
    let unix = [
        "HTTP_CONNECTION=close",
        "REMOTE_ADDR=0.0.0.0",
        "SERVER_PORT=80",
    ];
    let unix = [&both[..], &unix].concat();
    let http = Http::once(&peer.http_unix("uwsgi"));
    whole(http, &WSGI, &unix, "uWSGI, unix socket");
}

/// As uWSGI has it.
fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    format!("SERVER_NAME={}", name.trim())
}

/// A server that dies within an answer, of a declared length and not.
#[test]
#[ignore = "needs gunicorn, uvicorn, hypercorn and uwsgi"]
fn servers_that_die() {
    let mut shown = Shown::of("http1::Client -> killed servers");
    for name in ["gunicorn", "uvicorn", "hypercorn", "uwsgi"] {
        for target in ["/?m=chunks&n=100000", "/?m=size&n=20000000"] {
            let peer = Peer::start(name, &[]);
            let mut http = Http::to(&peer.http());
            let mut killed = false;
            let got = http.attempt("GET", target, &[], Body::None, |have| {
                if have > MB && !killed {
                    killed = true;
                    peer.kill();
                }
            });
            assert!(killed);
            // What uWSGI does not frame cannot be seen to be cut.
            if name == "uwsgi" && target.contains("chunks") {
                assert!(got.whole && !got.reuse);
                continue;
            }
            assert_eq!((got.status, got.ending), (200, Ending::Truncated));
            assert!(!got.whole && !got.reuse && !got.retry_safe);
        }
        shown.case(name);
    }
}
