//! The HTTP client machine against Gunicorn, uvicorn, Hypercorn and uWSGI.

use vestibule::Ending;

use crate::answer::Answer;
use crate::apps::App;
use crate::contract::contract;
use crate::harness::{Peer, Shown};
use crate::http::{Body, Http};
use crate::tools::{MB, lines, same};

/// All that an application server is asked.
fn whole(app: &App) {
    let mut shown = Shown::of(&format!("http1::Client -> {}", app.name));
    let mut http = match app.closes {
        true => Http::once(&app.endpoint),
        false => Http::to(&app.endpoint),
    };
    app.told(&mut http, "/", &[], &[]);
    shown.case("every field");
    contract(&mut http, "/a/b", &app.traits, &mut shown);
    if !app.closes {
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

#[test]
#[ignore = "needs gunicorn"]
fn gunicorn() {
    App::gunicorn().iter().for_each(whole);
}

#[test]
#[ignore = "needs uvicorn"]
fn uvicorn() {
    App::uvicorn().iter().for_each(whole);
}

#[test]
#[ignore = "needs hypercorn"]
fn hypercorn() {
    App::hypercorn().iter().for_each(whole);
}

#[test]
#[ignore = "needs uwsgi"]
fn uwsgi() {
    App::uwsgi().iter().for_each(whole);
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
