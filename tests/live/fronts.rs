//! nginx and Apache, over HTTP and over FastCGI, in front of `serve --to`:
//! before PHP-FPM, and before Gunicorn.

use crate::apps::App;
use crate::contract::{Traits, Way, contract};
use crate::curl::Curl;
use crate::gateway::{PHP, stop};
use crate::harness::{Peer, Serve, Shown};
use crate::http::Body;
use crate::site::Site;
use crate::tools::Dump;
use crate::web::Web;

/// One way through a web server to all that is behind the gateway.
struct Front {
    start: fn(&Serve) -> Web,
    name: &'static str,
    listen: &'static str,
    places: &'static [&'static str],
}

const FRONTS: [Front; 4] = [
    Front {
        start: Web::nginx,
        name: "nginx",
        listen: "http://127.0.0.1:0",
        places: &["/http10/", "/http/", "/http-keep/", "/http-stream/"],
    },
    Front {
        start: Web::nginx,
        name: "nginx",
        listen: "fcgi://127.0.0.1:0",
        places: &["/fcgi/", "/fcgi-keep/", "/fcgi-stream/"],
    },
    Front {
        start: Web::apache,
        name: "Apache",
        listen: "http://127.0.0.1:0",
        places: &["/http/", "/http-keep/"],
    },
    Front {
        start: Web::apache,
        name: "Apache",
        listen: "fcgi://127.0.0.1:0",
        places: &["/fcgi/", "/fcgi-keep/", "/fcgi-stream/"],
    },
];

impl Front {
    /// What differs: no 103 passes a web server, and Apache believes no
    /// FastCGI application about an answer to HEAD.
    fn through(&self, traits: &Traits) -> Traits {
        Traits {
            hints: false,
            head_length: self.name == "nginx" || self.listen.starts_with("http"),
            ..*traits
        }
    }
}

fn php(front: &Front) {
    let peer = Peer::start("php-fpm", &[]);
    let site = Site::new();
    let to = peer.tcp();
    let mut args = vec!["--to", &to];
    // A web server says by variables which script it is.
    if front.listen.starts_with("http") {
        args.extend(["--root", &site.root]);
    }
    let serve = Serve::start(front.listen, &args);
    let web = (front.start)(&serve);
    let traits = front.through(&PHP);
    for place in front.places {
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
    let serve = Serve::start(front.listen, &["--to", &app.endpoint]);
    let web = (front.start)(&serve);
    let traits = front.through(&app.traits);
    for place in front.places {
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
    php(&FRONTS[0]);
}

#[test]
#[ignore = "needs nginx, php8.2-fpm and curl"]
fn nginx_over_fastcgi_to_php() {
    php(&FRONTS[1]);
}

#[test]
#[ignore = "needs apache2, php8.2-fpm and curl"]
fn apache_over_http_to_php() {
    php(&FRONTS[2]);
}

#[test]
#[ignore = "needs apache2, php8.2-fpm and curl"]
fn apache_over_fastcgi_to_php() {
    php(&FRONTS[3]);
}

#[test]
#[ignore = "needs nginx, gunicorn and curl"]
fn nginx_over_http_to_gunicorn() {
    flask(&FRONTS[0]);
}

#[test]
#[ignore = "needs nginx, gunicorn and curl"]
fn nginx_over_fastcgi_to_gunicorn() {
    flask(&FRONTS[1]);
}

#[test]
#[ignore = "needs apache2, gunicorn and curl"]
fn apache_over_http_to_gunicorn() {
    flask(&FRONTS[2]);
}

#[test]
#[ignore = "needs apache2, gunicorn and curl"]
fn apache_over_fastcgi_to_gunicorn() {
    flask(&FRONTS[3]);
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
