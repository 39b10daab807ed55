//! Bodies of 100 MB: to the byte, and in as little memory as small ones.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::apps::App;
use crate::gateway::stop;
use crate::harness::{PATIENCE, Peer, Serve, Shown};
use crate::http::{Body, Http};
use crate::site::Site;
use crate::tools::{Dump, MB, lines, noise, same};

const LARGE: usize = 100 * MB;

/// How much more memory may be had at most by then: far less than a body.
const MORE: usize = 16 * MB;

/// Runs requests of 1 MB, then of 100 MB.
fn constant(serve: &Serve, case: &str, shown: &mut Shown, mut each: impl FnMut(usize)) {
    each(MB);
    let before = serve.process.memory("VmHWM:");
    each(LARGE);
    let after = serve.process.memory("VmHWM:");
    assert!(after < before + MORE, "{case}: {before}, then {after}");
    shown.case(&format!("{case}, {} kB more", (after - before) / 1000));
}

#[test]
#[ignore = "needs php8.2-fpm, gunicorn and uvicorn"]
fn bodies_of_100_mb() {
    let noise = noise(LARGE);
    let post = |http: &mut Http, target: &str, n: usize| {
        let got = http.ask("POST", target, &[], Body::Sized(&noise[..n]));
        assert_eq!(got.status, 200);
        got.body
    };
    let mut shown = Shown::of("100 MB -> serve");
    let site = Site::new();

    let serve = Serve::http(&["--app", "echo"]);
    let mut http = Http::to(&serve.endpoint);
    constant(&serve, "there", &mut shown, |n| {
        Dump::of(&post(&mut http, "/", n)).got("POST", &noise[..n]);
    });
    constant(&serve, "back", &mut shown, |n| {
        let got = http.ask("GET", &format!("/?m=size&n={n}"), &[], Body::None);
        same(&got.body, &lines(n), "size");
    });
    stop(serve);

    let mut shown = Shown::of("100 MB -> serve -> PHP-FPM");
    let php = Peer::start("php-fpm", &[]);
    let serve = Serve::http(&["--to", &php.tcp(), "--root", &site.root]);
    let mut http = Http::to(&serve.endpoint);
    constant(&serve, "there", &mut shown, |n| {
        Dump::of(&post(&mut http, "/", n)).got("POST", &noise[..n]);
    });
    constant(&serve, "there and back", &mut shown, |n| {
        same(&post(&mut http, "/?m=mirror", n), &noise[..n], "mirror");
    });
    site.large(&noise);
    constant(&serve, "a file", &mut shown, |n| {
        let range = format!("bytes=0-{}", n - 1);
        let got = http.ask("GET", "/large.bin", &[("Range", &range)], Body::None);
        same(&got.body, &noise[..n], "file");
    });
    stop(serve);

    let mut shown = Shown::of("100 MB -> serve -> Gunicorn");
    let [app, _] = App::gunicorn();
    let serve = Serve::http(&["--to", &app.endpoint]);
    let mut http = Http::to(&serve.endpoint);
    constant(&serve, "there", &mut shown, |n| {
        Dump::of(&post(&mut http, "/", n)).got("POST", &noise[..n]);
    });
    stop(serve);

    let mut shown = Shown::of("100 MB -> serve -> uvicorn");
    let [app, ..] = App::uvicorn();
    let serve = Serve::http(&["--to", &app.endpoint]);
    let mut http = Http::to(&serve.endpoint);
    constant(&serve, "there and back at once", &mut shown, |n| {
        same(&post(&mut http, "/?m=mirror", n), &noise[..n], "mirror");
    });

    // Who does not take what was asked for keeps it from being made.
    let before = serve.process.memory("VmHWM:");
    let deaf: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = TcpStream::connect(&serve.upstream).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let request = b"GET /?m=chunks&n=10000 HTTP/1.1\r\nHost: h\r\n\r\n";
            stream.write_all(request).unwrap();
            stream.read_exact(&mut [0; 1000]).unwrap();
            stream
        })
        .collect();
    for n in [MB, LARGE] {
        same(
            &post(&mut http, "/?m=mirror", n),
            &noise[..n],
            "beside them",
        );
    }
    let after = serve.process.memory("VmHWM:");
    assert!(after < before + MORE, "{before}, then {after}");
    shown.case("16 clients that read nothing");
    drop(deaf);
    stop(serve);
}
