//! `serve --proxy-protocol` behind the stream module of nginx.

use crate::contract::{Way, contract};
use crate::curl::Curl;
use crate::gateway::{PHP, stop};
use crate::harness::{Peer, Serve, Shown, free_port};
use crate::http::{Body, Http};
use crate::site::Site;
use crate::tools::{Dump, lines, same};

/// What the application is told of both ends.
#[track_caller]
fn ends(way: &mut dyn Way) -> [String; 4] {
    let got = way.ask("GET", "/?m=echo", &[], Body::None);
    let mut dump = Dump::of(&got.body);
    ["REMOTE_ADDR", "REMOTE_PORT", "SERVER_ADDR", "SERVER_PORT"].map(|name| dump.take(name))
}

fn behind(serve: Serve, name: &str) {
    let mut shown = Shown::of(&format!("nginx stream -> {name}"));
    let nginx = Peer::start("nginx", &[("UPSTREAM_HTTP", &serve.upstream)]);
    let url = format!("http://127.0.0.1:{}", nginx.ports[1]);

    // From an address that is not nginx's.
    let from = free_port().to_string();
    let ours = ["--interface", "127.0.0.9", "--local-port", &from];
    let port = nginx.ports[1].to_string();
    let told = ends(&mut Curl::to(&url).with(&ours));
    assert_eq!(told, ["127.0.0.9", &from, "127.0.0.1", &port]);
    shown.case("the client's address and port, and where it connected to");

    let socket = nginx
        .scratch
        .path()
        .join("stream.sock")
        .display()
        .to_string();
    let mut unix = Curl::endpoint(&format!("http+unix:{socket}"));
    let told = ends(&mut unix);
    assert_eq!(told[0], "127.0.0.1");
    assert_ne!(told[3], port);
    shown.case("UNKNOWN: the real ones");

    let mut http = Http::to(&url);
    let first = ends(&mut http);
    for n in 0..50 {
        let got = http.ask("GET", &format!("/?m=size&n={n}"), &[], Body::None);
        same(&got.body, &lines(n), "size");
    }
    assert_eq!((ends(&mut http), http.connections), (first, 1));
    shown.case("once a connection");

    let (code, got) = Curl::to(&serve.endpoint).attempt("GET", "/", &[], Body::None);
    // Closed, or reset, without a word.
    assert!(matches!(code, 52 | 56) && got.status == 0, "{code} {got:?}");
    shown.case("nothing without it");
    if name.ends_with("PHP-FPM") {
        contract(&mut Curl::to(&url), "/x", &PHP, &mut shown);
    }
    drop(nginx);
    stop(serve);
}

#[test]
#[ignore = "needs nginx, php8.2-fpm and curl"]
fn nginx_says_who_it_is() {
    let serve = Serve::http(&["--app", "echo", "--proxy-protocol"]);
    behind(serve, "serve");
    let peer = Peer::start("php-fpm", &[]);
    let site = Site::new();
    let to = peer.tcp();
    let args = ["--to", &to, "--root", &site.root, "--proxy-protocol"];
    behind(Serve::http(&args), "serve -> PHP-FPM");
}
