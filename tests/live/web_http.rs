//! nginx and Apache mod_proxy_http in front of `vestibule serve` over HTTP,
//! and curl without either.

use crate::contract::{Traits, Way, contract};
use crate::curl::Curl;
use crate::harness::{Serve, Shown};
use crate::http::{Body, Http};
use crate::tools::Dump;
use crate::web::{APACHE_HTTP, Front, NGINX_HTTP, Web, connections, leaving, mirror, too_long};

/// `serve --app echo`.
const ECHO: Traits = Traits {
    peer: "vestibule",
    chunked: true,
    continues: true,
    hints: false,
    mirror: false,
    unread: true,
    head_length: true,
};

const TARGET: &str = "a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?";

/// What is sent with [`TARGET`].
const FIELDS: [(&str, &str); 8] = [
    ("Host", "h.test:81"),
    ("Accept", "*/*"),
    ("Cookie", "a=1; b=2"),
    ("X-Probe", "one"),
    ("X-Probe", "two, three"),
    ("X-Latin1", "caf\u{e9}\\"),
    ("X-Empty", ""),
    ("X_Odd", "dropped"),
];

/// What the application is told of it, but for `more`.
#[track_caller]
fn told(way: &mut dyn Way, place: &str, port: &str, more: &[&str]) {
    let got = way.ask("GET", &format!("{place}{TARGET}"), &FIELDS, Body::None);
    let mut dump = Dump::of(&got.body);
    assert_eq!(dump.peer, "vestibule");
    dump.got("GET", b"");
    let from: u16 = dump.take("REMOTE_PORT").parse().unwrap();
    assert_ne!(from, 0);
    let software = concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION"));
    let fields = [
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_ACCEPT=*/*",
        "HTTP_COOKIE=a=1; b=2",
        "HTTP_HOST=h.test:81",
        "HTTP_X_EMPTY=",
        "HTTP_X_LATIN1=caf\\xc3\\xa9\\x5c",
        "HTTP_X_PROBE=one, two, three",
        &format!("PATH_INFO={place}a b/\\xc5\\xa1/c"),
        "QUERY_STRING=x=1&y=%C5%A1&empty=&q=/?",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_SCHEME=http",
        &format!("REQUEST_URI={place}{TARGET}"),
        "SCRIPT_NAME=",
        "SERVER_ADDR=127.0.0.1",
        "SERVER_NAME=h.test",
        &format!("SERVER_PORT={port}"),
        software,
    ];
    dump.has(&[&fields, more].concat());
}

#[test]
#[ignore = "needs curl"]
fn curl_and_our_own() {
    let mut shown = Shown::of("curl -> serve");
    let serve = Serve::http(&["--app", "echo"]);
    let port = serve.upstream.rsplit(':').next().unwrap();
    let mut curl = Curl::to(&serve.endpoint);
    told(&mut curl, "/", port, &["SERVER_PROTOCOL=HTTP/1.1"]);
    shown.case("every field");
    contract(&mut curl, "/x", &ECHO, &mut shown);
    let mut old = Curl::to(&serve.endpoint).with(&["-0"]);
    told(&mut old, "/", port, &["SERVER_PROTOCOL=HTTP/1.0"]);
    let traits = Traits {
        chunked: false,
        continues: false,
        ..ECHO
    };
    contract(
        &mut old,
        "/x",
        &traits,
        &mut Shown::of("curl, HTTP/1.0 -> serve"),
    );
    contract(
        &mut Http::to(&serve.endpoint),
        "/x",
        &ECHO,
        &mut Shown::of("http1::Client -> serve"),
    );
    serve.stop();
    let serve = Serve::start("http+unix:", &["--app", "echo"]);
    let mut curl = Curl::endpoint(&serve.endpoint);
    let mut shown = Shown::of("curl -> serve, unix socket");
    contract(&mut curl, "/x", &ECHO, &mut shown);
    serve.stop();
}

/// What a web server tells of whom it speaks for.
const FORWARDED: &str = "HTTP_X_FORWARDED_FOR=127.0.0.1";

fn nginx(serve: &Serve, traits: &Traits, how: &str) {
    let web = Web::nginx(serve);
    let port = match serve.upstream.starts_with("unix:") {
        true => None,
        false => serve.upstream.rsplit(':').next(),
    };
    for place in NGINX_HTTP.places {
        let mut shown = Shown::of(&format!("nginx {place} -> serve{how}"));
        let mut curl = Curl::to(&web.peer.url(""));
        if let Some(port) = port {
            let version = match *place {
                "/http10/" => "SERVER_PROTOCOL=HTTP/1.0",
                _ => "SERVER_PROTOCOL=HTTP/1.1",
            };
            let more = [FORWARDED, "HTTP_X_FORWARDED_PROTO=http", version];
            told(&mut curl, place, port, &more);
            shown.case("every field");
        }
        contract(&mut curl, &format!("{place}x"), traits, &mut shown);
    }
}

#[test]
#[ignore = "needs nginx and curl"]
fn nginx_echo() {
    let serve = Serve::http(&["--app", "echo"]);
    nginx(&serve, &ECHO, "");
    serve.stop();
    let serve = Serve::start("http+unix:", &["--app", "echo"]);
    nginx(&serve, &ECHO, ", unix socket");
    serve.stop();
}

#[test]
#[ignore = "needs nginx and curl"]
fn nginx_connections_and_bodies() {
    let serve = Serve::http(&["--app", "echo"]);
    let places = NGINX_HTTP.keeps.unwrap();
    connections(serve, Web::nginx, places, "nginx /http-keep/");
    bodies(&NGINX_HTTP);
}

/// What `web` shows over the other protocols.
fn bodies(front: &Front) {
    let mut shown = Shown::of(&format!("{} -> serve over HTTP", front.name));
    let serve = Serve::http(&["--app", "mirror"]);
    let web = (front.start)(&serve);
    mirror(&web, front, &mut shown);
    drop(web);
    serve.stop();
    let serve = Serve::http(&["--app", "echo", "--max-body", "100000"]);
    let web = (front.start)(&serve);
    too_long(&web, front, &mut shown);
    drop(web);
    serve.stop();
    let serve = Serve::http(&["--app", "echo", "--workers", "1"]);
    let web = (front.start)(&serve);
    leaving(&web, front.stream, &mut shown);
    drop(web);
    serve.stop();
}

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_echo() {
    let serve = Serve::http(&["--app", "echo"]);
    let web = Web::apache(&serve);
    let port = serve.upstream.rsplit(':').next().unwrap();
    for place in APACHE_HTTP.places {
        let mut shown = Shown::of(&format!("Apache {place} -> serve"));
        let mut curl = Curl::to(&web.peer.url(""));
        let more = [
            FORWARDED,
            "HTTP_X_FORWARDED_HOST=h.test:81",
            "HTTP_X_FORWARDED_SERVER=peer.test",
            "SERVER_PROTOCOL=HTTP/1.1",
        ];
        told(&mut curl, place, port, &more);
        shown.case("every field");
        contract(&mut curl, &format!("{place}x"), &ECHO, &mut shown);
    }
    drop(web);
    serve.stop();
}

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_connections_and_bodies() {
    let serve = Serve::http(&["--app", "echo"]);
    let places = APACHE_HTTP.keeps.unwrap();
    connections(serve, Web::apache, places, "Apache /http-keep/");
    bodies(&APACHE_HTTP);
}
