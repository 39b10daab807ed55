//! `vestibule serve --to`: curl -> serve -> PHP-FPM over FastCGI, and ->
//! Gunicorn, uvicorn, Hypercorn and uWSGI over HTTP.

use vestibule::Ending;

use crate::apps::App;
use crate::contract::{Traits, Way, contract};
use crate::curl::Curl;
use crate::harness::{Peer, Serve, Shown};
use crate::http::{Body, Http};
use crate::site::{Site, escapes, files, routes};
use crate::tools::{Dump, MB, lines, noise, same};

/// PHP-FPM reads no body whose length it was not told.
pub const PHP: Traits = Traits {
    peer: "php",
    chunked: false,
    continues: true,
    hints: false,
    mirror: true,
    unread: true,
    head_length: true,
};

const FIELDS: [(&str, &str); 7] = [
    ("Host", "h.test:81"),
    ("Accept", "*/*"),
    ("Cookie", "a=1; b=2"),
    ("X-Probe", "one"),
    ("X-Probe", "two, three"),
    ("X-Latin1", "caf\u{e9}\\"),
    ("X-Empty", ""),
];

/// What a client sends, and should not be believed in, or is of its connection
/// alone; and what must come of it.
const DROPPED: [(&str, &str); 10] = [
    ("Connection", "keep-alive, X-Hop"),
    ("X-Hop", "1"),
    ("Keep-Alive", "timeout=5"),
    ("TE", "trailers"),
    ("Proxy-Connection", "close"),
    ("X-Forwarded-For", "192.0.2.66"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Prefix", "/evil"),
    ("Forwarded", "for=192.0.2.66"),
    ("Proxy", "http://192.0.2.66:8080"),
];

const TARGET: &str = "/a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?";

/// Everything between curl and PHP.
fn php(to: &str, name: &str) {
    let mut shown = Shown::of(&format!("curl -> serve -> {name}"));
    let site = Site::new();
    let serve = Serve::http(&["--to", to, "--root", &site.root]);
    let mut curl = Curl::to(&serve.endpoint);

    let fields = [&FIELDS[..], &DROPPED].concat();
    let got = curl.ask("GET", TARGET, &fields, Body::None);
    let mut dump = Dump::of(&got.body);
    assert!(dump.peer.starts_with("php "));
    dump.got("GET", b"");
    assert_ne!(dump.take("REMOTE_PORT").parse::<u16>().unwrap(), 0);
    for php in [
        "FCGI_ROLE",
        "HOME",
        "PHP_SELF",
        "REQUEST_TIME",
        "REQUEST_TIME_FLOAT",
        "USER",
        "argc",
    ] {
        dump.take(php);
    }
    dump.has(&[
        &format!("DOCUMENT_ROOT={}", site.root),
        "DOCUMENT_URI=/index.php",
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_ACCEPT=*/*",
        "HTTP_COOKIE=a=1; b=2",
        "HTTP_HOST=h.test:81",
        "HTTP_FORWARDED=for=192.0.2.66",
        "HTTP_X_EMPTY=",
        "HTTP_X_FORWARDED_FOR=192.0.2.66",
        "HTTP_X_FORWARDED_PREFIX=/evil",
        "HTTP_X_FORWARDED_PROTO=https",
        "HTTP_X_LATIN1=caf\\xc3\\xa9\\x5c",
        "HTTP_X_PROBE=one, two, three",
        "QUERY_STRING=x=1&y=%C5%A1&empty=&q=/?",
        "REDIRECT_STATUS=200",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_SCHEME=http",
        &format!("REQUEST_URI={TARGET}"),
        &format!("SCRIPT_FILENAME={}/index.php", site.root),
        "SCRIPT_NAME=/index.php",
        "SERVER_ADDR=127.0.0.1",
        "SERVER_NAME=h.test",
        &format!("SERVER_PORT={}", serve.upstream.rsplit(':').next().unwrap()),
        "SERVER_PROTOCOL=HTTP/1.1",
        concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION")),
    ]);
    shown.case("every variable");
    contract(&mut curl, "/pretty/url", &PHP, &mut shown);
    let mut old = Curl::to(&serve.endpoint).with(&["-0"]);
    let traits = Traits {
        continues: false,
        ..PHP
    };
    contract(&mut old, "/old", &traits, &mut Shown::of("curl, HTTP/1.0"));
    routes(&site, &mut curl, &mut shown);
    files(&site, &mut curl, &mut shown);
    escapes(&serve, &mut shown);

    let got = curl.ask("POST", "/?m=mirror", &[], Body::Chunked(b"x"));
    assert_eq!(got.status, 411);
    let got = curl.ask("GET", "/?m=fatal", &[], Body::None);
    assert_eq!((got.status, &got.body[..]), (500, &b""[..]));
    let got = curl.ask("GET", "/?m=stderr", &[], Body::None);
    same(&got.body, b"body\n", "stderr");
    let log = serve.process.log();
    for line in ["Uncaught Exception: fatal on purpose", "stderr line two"] {
        assert!(log.contains(line), "{log}");
    }
    shown.case("411, 500, STDERR in the log");
    curl.ask("GET", "/?m=bodied&n=304", &[], Body::None);

    // Many on one connection, in front and behind.
    let mut http = Http::to(&serve.endpoint);
    for n in 0..300 {
        let got = match n % 3 {
            0 => http.ask("POST", "/?m=mirror", &[], Body::Sized(&noise(n))),
            1 => http.ask("GET", "/?m=status&n=304", &[], Body::None),
            _ => http.ask("GET", &format!("/?m=size&n={n}"), &[], Body::None),
        };
        assert!(got.reuse, "{n}: {got:?}");
        match n % 3 {
            0 => same(&got.body, &noise(n), "mirror"),
            1 => assert_eq!(got.status, 304),
            _ => same(&got.body, &lines(n), "size"),
        }
    }
    assert_eq!(http.connections, 1);
    shown.case("300 requests on one connection");
    stop(serve);
}

/// SIGTERM, where the log is not empty; it is given.
pub fn stop(mut serve: Serve) -> String {
    serve.process.signal("-TERM");
    let status = serve.process.end();
    let log = serve.process.log();
    assert_eq!(status.code(), Some(0), "{log}");
    log
}

#[test]
#[ignore = "needs php8.2-fpm and curl"]
fn php_fpm_over_tcp() {
    let peer = Peer::start("php-fpm", &[]);
    php(&peer.tcp(), "PHP-FPM, TCP");
}

#[test]
#[ignore = "needs php8.2-fpm and curl"]
fn php_fpm_over_a_unix_socket() {
    let peer = Peer::start("php-fpm", &[]);
    php(&peer.socket("fcgi", "php-fpm"), "PHP-FPM, unix socket");
}

const FORWARDED: [&str; 3] = [
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Host: h.test:81",
    "X-Forwarded-Proto: http",
];

/// What the client says of itself, which over the protocols of variables passes as any field.
const UNTRUSTED: [&str; 3] = [
    "HTTP_FORWARDED=for=192.0.2.66",
    "HTTP_X_FORWARDED_FOR=192.0.2.66",
    "HTTP_X_FORWARDED_PREFIX=/evil",
];

/// Everything between curl and an application.
fn app(app: &App) {
    let mut shown = Shown::of(&format!("curl -> serve -> {}", app.name));
    let serve = Serve::http(&["--to", &app.endpoint]);
    let mut curl = Curl::to(&serve.endpoint);
    if app.variables {
        let port = serve.upstream.rsplit(':').next().unwrap();
        let port = format!("SERVER_PORT={port}");
        let mut told = UNTRUSTED.to_vec();
        // Gunicorn makes up its own.
        told.extend((app.traits.peer != "flask").then_some(&port[..]));
        // But for what uWSGI itself would believe.
        let mut sent = DROPPED.to_vec();
        sent.retain(|(name, _)| *name != "X-Forwarded-Proto");
        app.told(&mut curl, "/", &sent, &told);
    } else {
        app.told(&mut curl, "/", &DROPPED, &FORWARDED);
    }
    shown.case("every field");
    contract(&mut curl, "/a/b", &app.traits, &mut shown);

    let mut kept = Http::to(&serve.endpoint);
    for n in 0..200 {
        let got = match n % 3 {
            0 => kept.ask("POST", "/?m=mirror", &[], Body::Sized(&noise(n))),
            1 => kept.ask("GET", "/?m=status&n=304", &[], Body::None),
            _ => kept.ask("GET", &format!("/?m=size&n={n}"), &[], Body::None),
        };
        match n % 3 {
            0 => same(&got.body, &noise(n), "mirror"),
            1 => assert_eq!(got.status, 304),
            _ => same(&got.body, &lines(n), "size"),
        }
    }
    shown.case("200 requests one after the other");

    // What is cut behind must not look complete in front.
    let (code, got) = curl.attempt("GET", "/?m=cut&n=100000", &[], Body::None);
    assert_eq!((code, got.status), (18, 200));
    same(&got.body, &lines(100_000)[..got.body.len()], "cut");
    shown.case("an answer that is cut");
    stop(serve);
}

/// What stands behind dies within an answer, and is then not there.
#[test]
#[ignore = "needs php8.2-fpm, gunicorn, uvicorn, hypercorn and uwsgi"]
fn what_dies_behind() {
    let mut shown = Shown::of("serve -> killed servers");
    let site = Site::new();
    for (name, protocol, nth) in [
        ("php-fpm", "fcgi", 0),
        ("gunicorn", "http", 0),
        ("uvicorn", "http", 0),
        ("hypercorn", "http", 0),
        ("uwsgi", "http", 0),
        ("uwsgi", "uwsgi", 1),
        ("uwsgi", "scgi", 2),
        ("uwsgi", "fcgi", 3),
        ("tomcat", "ajp", 0),
    ] {
        let peer = Peer::start(name, &[]);
        let to = peer.at(protocol, nth);
        let mut args = vec!["--to", &to];
        if name == "php-fpm" {
            args.extend(["--root", &site.root]);
        }
        let serve = Serve::http(&args);
        let mut http = Http::to(&serve.endpoint);
        // Kept connections, which die as well.
        for _ in 0..3 {
            http.ask("GET", "/app/x?m=size&n=5", &[], Body::None);
        }
        let mut killed = false;
        // More would come, but not before it is killed: what is under way of an
        // answer may be all of it, where buffers are large.
        let got = http.attempt("GET", "/app/x?m=hang&n=2000000", &[], Body::None, |have| {
            if have > MB && !killed {
                killed = true;
                peer.kill();
            }
        });
        assert!(killed);
        assert_eq!((got.status, got.ending), (200, Ending::Truncated), "{to}");
        for (method, body) in [("GET", Body::None), ("POST", Body::Sized(b"x"))] {
            let got = http.ask(method, "/app/x", &[], body);
            assert_eq!(got.status, 502, "{to} {method}");
        }
        // What is ours goes on.
        if name == "php-fpm" {
            let got = http.ask("GET", "/style.css", &[], Body::None);
            assert_eq!(got.status, 200);
        }
        shown.case(&format!("{name} over {protocol}"));
        stop(serve);
    }
}

#[test]
#[ignore = "needs gunicorn and curl"]
fn gunicorn() {
    App::gunicorn().iter().for_each(app);
}

#[test]
#[ignore = "needs uvicorn and curl"]
fn uvicorn() {
    App::uvicorn().iter().for_each(app);
}

#[test]
#[ignore = "needs hypercorn and curl"]
fn hypercorn() {
    App::hypercorn().iter().for_each(app);
}

#[test]
#[ignore = "needs uwsgi and curl"]
fn uwsgi() {
    App::uwsgi().iter().for_each(app);
}

#[test]
#[ignore = "needs uwsgi and curl"]
fn uwsgi_over_fastcgi() {
    App::uwsgi_over("fcgi").iter().for_each(app);
}

#[test]
#[ignore = "needs uwsgi and curl"]
fn uwsgi_over_scgi() {
    App::uwsgi_over("scgi").iter().for_each(app);
}

#[test]
#[ignore = "needs uwsgi and curl"]
fn uwsgi_over_uwsgi() {
    App::uwsgi_over("uwsgi").iter().for_each(app);
}

#[test]
#[ignore = "needs gunicorn and curl"]
fn gunicorn_over_uwsgi() {
    App::gunicorn_over_uwsgi().iter().for_each(app);
}
