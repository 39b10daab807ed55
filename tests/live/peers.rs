//! The peers among themselves: what is held against the machines elsewhere is
//! seen to hold between released programs.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::answer::{Answer, values};
use crate::contract::{Way, odd};
use crate::curl::Curl;
use crate::harness::{PATIENCE, Peer, Shown};
use crate::http::Body;
use crate::tools::{Dump, MB, lines, noise, same};

/// One of each kind of answer of the application that says `peer`.
#[track_caller]
fn known(web: &Peer, place: &str, peer: &str) {
    let mut curl = Curl::to(&web.url(place));
    let mut ask = |method: &str, target: &str, body: Body| -> Answer {
        curl.ask(method, &format!("/x{target}"), &[], body)
    };
    let body = noise(MB);
    let got = ask("POST", "?a=1", Body::Sized(&body));
    let dump = Dump::of(&got.body);
    assert_eq!((got.status, &dump.peer[..]), (200, peer), "{place}");
    dump.got("POST", &body);
    let got = ask("GET", "?m=size&n=8388608", Body::None);
    same(&got.body, &lines(8_388_608), "8 MB");
    let got = ask("GET", "?m=status&n=404", Body::None);
    assert_eq!((got.status, &got.body[..]), (404, &b"status 404\n"[..]));
    let got = ask("GET", "?m=slow&n=2", Body::None);
    same(&got.body, b"chunk 0\nchunk 1\n", "slow");
    odd(&ask("GET", "?m=odd", Body::None));
}

fn uwsgi_behind(name: &str, places: &[&str]) {
    let app = Peer::start("uwsgi", &[]);
    let [_, uwsgi, scgi, fcgi] = core::array::from_fn(|nth| app.address(nth));
    let upstreams = [
        ("UPSTREAM_UWSGI", &uwsgi[..]),
        ("UPSTREAM_SCGI", &scgi),
        ("UPSTREAM_FCGI", &fcgi),
    ];
    let web = Peer::start(name, &upstreams);
    let mut shown = Shown::of(&format!("{name} -> uWSGI"));
    for place in places {
        known(&web, place, "wsgi");
        shown.case(place);
    }
}

#[test]
#[ignore = "needs nginx, uwsgi and curl"]
fn nginx_before_uwsgi() {
    let places = ["/fcgi", "/scgi", "/scgi-stream", "/uwsgi", "/uwsgi-stream"];
    uwsgi_behind("nginx", &places);
}

#[test]
#[ignore = "needs apache2, uwsgi and curl"]
fn apache_before_uwsgi() {
    uwsgi_behind("apache", &["/fcgi", "/scgi", "/uwsgi"]);
}

#[test]
#[ignore = "needs nginx, apache2, gunicorn and curl"]
fn gunicorn_over_uwsgi() {
    let app = Peer::start("gunicorn", &[("PEER_PROTOCOL", "uwsgi")]);
    let upstream = app.address(0);
    let mut shown = Shown::of("nginx, Apache -> Gunicorn");
    for name in ["nginx", "apache"] {
        let web = Peer::start(name, &[("UPSTREAM_UWSGI", &upstream)]);
        known(&web, "/uwsgi", "flask");
    }
    shown.case("/uwsgi");
}

#[test]
#[ignore = "needs apache2, tomcat10 and curl"]
fn apache_before_tomcat() {
    let app = Peer::start("tomcat", &[]);
    let (open, secret) = (app.address(0), app.address(1));
    let upstreams = [
        ("UPSTREAM_AJP", &open[..]),
        ("UPSTREAM_AJP_SECRET", &secret),
    ];
    let web = Peer::start("apache", &upstreams);
    let mut shown = Shown::of("Apache -> Tomcat");
    for place in [
        "/ajp",
        "/ajp-ping",
        "/ajp-stream",
        "/ajp-close",
        "/ajp-secret",
    ] {
        known(&web, place, "tomcat");
        shown.case(place);
    }

    let mut curl = Curl::to(&web.url(""));
    let big = noise(10 * MB);
    for body in [Body::Sized(&big), Body::Chunked(&big)] {
        let got = curl.ask("POST", "/ajp/x?m=mirror", &[], body);
        same(&got.body, &big, "mirror");
    }
    shown.case("10 MB there and back");
    let got = curl.ask("GET", "/ajp-wrong/x", &[], Body::None);
    assert_eq!(got.status, 403);
    shown.case("a wrong secret");
    let got = curl.ask("GET", "/ajp/x?m=fatal", &[], Body::None);
    assert_eq!(
        (got.status, values(&got.fields, "Content-Type").len()),
        (500, 1)
    );
    let page = String::from_utf8_lossy(&got.body);
    assert!(page.contains("java.lang.RuntimeException: fatal on purpose"));
    shown.case("an exception page");

    // CPING is answered by CPONG, with a secret or without, again and again.
    for address in [open, secret] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        for _ in 0..3 {
            stream.write_all(b"\x12\x34\x00\x01\x0a").unwrap();
            let mut got = [0; 5];
            stream.read_exact(&mut got).unwrap();
            assert_eq!(&got, b"AB\x00\x01\x09");
        }
    }
    shown.case("CPING");
}

#[test]
#[ignore = "needs apache2, perl and curl"]
fn apache_runs_cgi_programs() {
    let web = Peer::start("apache", &[]);
    let mut shown = Shown::of("Apache -> CGI programs");
    let mut curl = Curl::to(&web.url(""));
    for name in ["echo.sh", "echo.pl", "echo.py"] {
        known(&web, &format!("/cgi-bin/{name}"), "cgi");
        let target = format!("/cgi-bin/{name}/x?m=fatal");
        let got = curl.ask("GET", &target, &[], Body::None);
        assert_eq!(got.status, 500);
        shown.case(name);
    }
}
