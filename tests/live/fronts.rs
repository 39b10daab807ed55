//! nginx and Apache, over every protocol, in front of `serve --to`:
//! before PHP-FPM, and before Gunicorn.

use crate::apps::App;
use crate::contract::{Traits, Way, contract};
use crate::curl::Curl;
use crate::gateway::{PHP, stop};
use crate::harness::{Peer, Serve, Shown};
use crate::http::Body;
use crate::site::Site;
use crate::tools::Dump;
use crate::web::{
    APACHE_AJP, APACHE_FCGI, APACHE_HTTP, APACHE_SCGI, APACHE_UWSGI, Front, NGINX_FCGI, NGINX_HTTP,
    NGINX_SCGI, NGINX_UWSGI, Web,
};

/// What differs: no 103 passes a web server.
fn through(front: &Front, traits: &Traits) -> Traits {
    Traits {
        hints: false,
        head_length: front.head_length,
        chunked: traits.chunked && front.chunked,
        ..*traits
    }
}

/// Where it is asked: over the newer protocols, which `web` shows everywhere, at one place.
fn places(front: &Front) -> &[&'static str] {
    match front.protocol {
        "http" | "fcgi" => front.places,
        _ => std::slice::from_ref(&front.stream),
    }
}

fn listen(front: &Front) -> String {
    format!("{}://127.0.0.1:0", front.protocol)
}

fn tells_script(front: &Front) -> bool {
    match front.protocol {
        "http" => false,
        "fcgi" => true,
        _ => front.name == "nginx",
    }
}

fn php(front: &Front) {
    let peer = Peer::start("php-fpm", &[]);
    let site = Site::new();
    let to = peer.tcp();
    let mut args = vec!["--to", &to];
    // A web server says by variables which script it is; Apache over SCGI, uwsgi
    // and AJP says that it is a proxy.
    if !tells_script(front) {
        args.extend(["--root", &site.root]);
    }
    let serve = Serve::start(&listen(front), &args);
    let web = (front.start)(&serve);
    let traits = through(front, &PHP);
    for place in places(front) {
        let name = format!("{} {place} -> serve -> PHP-FPM", front.name);
        let mut curl = Curl::to(&web.peer.url(""));
        let at = format!("{place}x");
        contract(&mut curl, &at, &traits, &mut Shown::of(&name));
    }
    drop(web);
    stop(serve);
}

fn flask(front: &Front) {
    let [app, _] = App::gunicorn();
    let serve = Serve::start(&listen(front), &["--to", &app.endpoint]);
    let web = (front.start)(&serve);
    let traits = through(front, &app.traits);
    for place in places(front) {
        let mut shown = Shown::of(&format!("{} {place} -> serve -> Gunicorn", front.name));
        let mut curl = Curl::to(&web.peer.url(""));
        let host = "X-Forwarded-Host: h.test:81";
        let told = [
            "X-Forwarded-For: 127.0.0.1",
            host,
            "X-Forwarded-Proto: http",
        ];
        app.told(&mut curl, place, &[], &told);
        shown.case("every field");
        let at = format!("{place}x");
        contract(&mut curl, &at, &traits, &mut shown);
    }
    drop(web);
    stop(serve);
}

#[test]
#[ignore = "needs nginx, php8.2-fpm and curl"]
fn nginx_over_http_to_php() {
    php(&NGINX_HTTP);
}

#[test]
#[ignore = "needs nginx, php8.2-fpm and curl"]
fn nginx_over_fastcgi_to_php() {
    php(&NGINX_FCGI);
}

#[test]
#[ignore = "needs nginx, php8.2-fpm and curl"]
fn nginx_over_scgi_to_php() {
    php(&NGINX_SCGI);
}

#[test]
#[ignore = "needs nginx, php8.2-fpm and curl"]
fn nginx_over_uwsgi_to_php() {
    php(&NGINX_UWSGI);
}

#[test]
#[ignore = "needs apache2, php8.2-fpm and curl"]
fn apache_over_http_to_php() {
    php(&APACHE_HTTP);
}

#[test]
#[ignore = "needs apache2, php8.2-fpm and curl"]
fn apache_over_fastcgi_to_php() {
    php(&APACHE_FCGI);
}

#[test]
#[ignore = "needs apache2, php8.2-fpm and curl"]
fn apache_over_scgi_to_php() {
    php(&APACHE_SCGI);
}

#[test]
#[ignore = "needs apache2, php8.2-fpm and curl"]
fn apache_over_uwsgi_to_php() {
    php(&APACHE_UWSGI);
}

#[test]
#[ignore = "needs apache2, php8.2-fpm and curl"]
fn apache_over_ajp_to_php() {
    php(&APACHE_AJP);
}

#[test]
#[ignore = "needs nginx, gunicorn and curl"]
fn nginx_over_http_to_gunicorn() {
    flask(&NGINX_HTTP);
}

#[test]
#[ignore = "needs nginx, gunicorn and curl"]
fn nginx_over_fastcgi_to_gunicorn() {
    flask(&NGINX_FCGI);
}

#[test]
#[ignore = "needs nginx, gunicorn and curl"]
fn nginx_over_scgi_to_gunicorn() {
    flask(&NGINX_SCGI);
}

#[test]
#[ignore = "needs nginx, gunicorn and curl"]
fn nginx_over_uwsgi_to_gunicorn() {
    flask(&NGINX_UWSGI);
}

#[test]
#[ignore = "needs apache2, gunicorn and curl"]
fn apache_over_http_to_gunicorn() {
    flask(&APACHE_HTTP);
}

#[test]
#[ignore = "needs apache2, gunicorn and curl"]
fn apache_over_fastcgi_to_gunicorn() {
    flask(&APACHE_FCGI);
}

#[test]
#[ignore = "needs apache2, gunicorn and curl"]
fn apache_over_scgi_to_gunicorn() {
    flask(&APACHE_SCGI);
}

#[test]
#[ignore = "needs apache2, gunicorn and curl"]
fn apache_over_uwsgi_to_gunicorn() {
    flask(&APACHE_UWSGI);
}

#[test]
#[ignore = "needs apache2, gunicorn and curl"]
fn apache_over_ajp_to_gunicorn() {
    flask(&APACHE_AJP);
}

/// Who is believed about the client.
#[test]
#[ignore = "needs nginx, apache2, php8.2-fpm and curl"]
fn whom_they_speak_for() {
    let peer = Peer::start("php-fpm", &[]);
    let site = Site::new();
    let to = peer.tcp();
    let args = ["--to", &to, "--root", &site.root];
    for (trusted, want) in [(None, "127.0.0.1"), (Some("127.0.0.1"), "127.0.0.9")] {
        let trusted = trusted.map_or(vec![], |net| vec!["--trusted", net]);
        let serve = Serve::http(&[&args[..], &trusted].concat());
        for start in [Web::nginx, Web::apache] {
            let web = start(&serve);
            let mut curl = Curl::to(&web.peer.url("")).with(&["--interface", "127.0.0.9"]);
            // What the client says of others means nothing either way.
            for more in [&[][..], &[("X-Forwarded-For", "192.0.2.66")]] {
                let got = curl.ask("GET", "/http/x", more, Body::None);
                assert_eq!(Dump::of(&got.body).take("REMOTE_ADDR"), want);
            }
        }
        stop(serve);
    }
    Shown::of("nginx, Apache -> serve --trusted").case("whose address is believed");
}
