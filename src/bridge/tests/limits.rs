//! Heads and trailers that are too long: for the storage, and for a room.

use super::rig::*;
use crate::bridge::Bridge;
use crate::machine::{After, Status as _};
use crate::{Error, http1};

type HttpRig = Rig<http1::Server, http1::Client>;

/// With so many bytes of storage for both heads.
fn stored(driver: Driver, request: usize, answer: usize) -> HttpRig {
    let bridge = Bridge::new(vec![exchange(request, answer)]);
    let server = http1::Server::new();
    Rig::with(driver, server, bridge, vec![http1::Client::new()])
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\nA: bcd\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nA: bcd\r\nContent-Length: 2\r\n\r\nok";

/// The fewest bytes for which `works` holds.
fn fewest(most: usize, works: impl Fn(usize) -> bool) -> usize {
    let n = (0..most).find(|n| works(*n)).expect("it never works");
    assert!((n..most).all(&works) && n > 0);
    n
}

#[test]
fn the_storage_of_a_request() {
    // What the machine gives, and nine bytes a field.
    let need = fewest(400, |n| {
        let mut rig = stored(Driver::All, n, 400);
        rig.front(REQUEST.as_bytes());
        !rig.asked(0).is_empty()
    });
    every(|driver| {
        for (n, fits) in [(need - 1, false), (need, true), (need + 1, true)] {
            let mut rig = stored(driver, n, 400);
            rig.front(REQUEST.as_bytes());
            assert_eq!(!rig.asked(0).is_empty(), fits);
            assert_eq!(rig.heads.is_empty(), !fits);
            if !fits {
                assert!(rig.said().starts_with("HTTP/1.1 431 "));
                assert_eq!(rig.ended(), (failed(Error::HeadTooLong), 431, 0));
                assert!(!rig.back_mut(0).aborted());
            }
        }
        let mut rig = Rig::with(
            driver,
            fcgi_server(1),
            Bridge::new(vec![exchange(need, 400)]),
            vec![fcgi_client(1)],
        );
        let long = "v".repeat(need);
        rig.front(&params(1, &[("HTTP_A", &long)]));
        assert_eq!(output(&rig.said()).0, "Status: 431\r\n\r\n|");
        // The connection lives on.
        rig.front(&params(1, &[("HTTP_A", "v")]));
        assert!(seen(&rig.asked(0)).contains("HTTP_A=v\n"));
    });
}

#[test]
fn the_storage_of_an_answer() {
    let need = fewest(400, |n| {
        let mut rig = stored(Driver::All, 400, n);
        rig.front(REQUEST.as_bytes());
        rig.back(0, ANSWER.as_bytes());
        rig.said().starts_with("HTTP/1.1 200 ")
    });
    every(|driver| {
        for (n, fits) in [(need - 1, false), (need, true), (need + 1, true)] {
            let mut rig = stored(driver, 400, n);
            rig.front(REQUEST.as_bytes());
            rig.back(0, ANSWER.as_bytes());
            let end = match fits {
                true => (DONE, 200, 2),
                false => (failed(Error::Upstream), 502, 0),
            };
            assert!(rig.said().starts_with(&format!("HTTP/1.1 {} ", end.1)));
            assert_eq!(rig.ended(), end);
            assert_eq!(rig.back_mut(0).aborted(), !fits);
        }
        // An interim one is only information, and takes no room from the next.
        let mut rig = stored(driver, 400, need);
        rig.front(REQUEST.as_bytes());
        let long = format!("HTTP/1.1 103 E\r\nLink: {}\r\n\r\n", "l".repeat(need));
        rig.back(0, long.as_bytes());
        assert_eq!(rig.said(), "");
        rig.back(0, ANSWER.as_bytes());
        assert_eq!(rig.ended(), (DONE, 200, 2));
    });
}

#[test]
fn the_room_for_a_request() {
    let need = "GET / HTTP/1.1\r\nHost: h\r\nA: bcd\r\n\r\n".len();
    every(|driver| {
        for (n, fits) in [(need - 1, false), (need, true), (need + 1, true)] {
            let mut rig = http_http(driver);
            rig.rooms.1 = n;
            rig.front(REQUEST.as_bytes());
            assert_eq!(!rig.asked(0).is_empty(), fits);
            if !fits {
                assert!(rig.said().starts_with("HTTP/1.1 431 "));
                assert_eq!(rig.ended(), (failed(Error::HeadTooLong), 431, 0));
            }
            // Nothing of it is behind.
            assert_eq!(rig.back_mut(0).reusable(), !fits);
        }
    });
}

#[test]
fn the_room_for_an_answer() {
    let need = "HTTP/1.1 200 OK\r\nA: bcd\r\nContent-Length: 2\r\n\r\n".len();
    let refusal =
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".len();
    every(|driver| {
        for (n, fits) in [(need - 1, false), (need, true), (need + 1, true)] {
            let mut rig = http_http(driver);
            rig.rooms.0 = n;
            rig.front(REQUEST.as_bytes());
            rig.back(0, ANSWER.as_bytes());
            if fits {
                assert_eq!(rig.ended(), (DONE, 200, 2));
            } else {
                // Nor is there room to say so: nothing is left but to close.
                assert_eq!(rig.said(), "");
                assert_eq!(rig.ended(), (failed(Error::Upstream), 0, 0));
                assert_eq!(rig.server.after(), After::Close);
            }
        }
        let long = ANSWER.replace("bcd", &"b".repeat(refusal));
        for (n, fits) in [(refusal - 1, false), (refusal, true)] {
            let mut rig = http_http(driver);
            rig.rooms.0 = n;
            rig.front(REQUEST.as_bytes());
            rig.back(0, long.as_bytes());
            let status = if fits { 502 } else { 0 };
            assert_eq!(rig.ended(), (failed(Error::Upstream), status, 0));
            assert_eq!(rig.said().len(), if fits { refusal } else { 0 });
        }
    });
}

const CHUNKED: &str =
    "POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A body that is out already, and then trailers that no one can take: it is
/// never ended.
#[test]
fn trailers_of_a_request() {
    every(|driver| {
        let long = format!("1\r\nx\r\n0\r\nSum: {}\r\n\r\n", "1".repeat(300));
        for (storage, room) in [(250, 4096), (1000, 300)] {
            let mut rig = stored(driver, storage, 400);
            rig.rooms.1 = room;
            rig.front(CHUNKED.as_bytes());
            rig.front(long.as_bytes());
            let asked = rig.asked(0);
            assert!(asked.ends_with("\r\n1\r\nx\r\n"), "{asked}");
            assert!(rig.said().starts_with("HTTP/1.1 431 "));
            assert_eq!(rig.ended(), (failed(Error::HeadTooLong), 431, 0));
            assert!(rig.back_mut(0).aborted());
        }
        let mut rig = stored(driver, 1000, 400);
        rig.front(CHUNKED.as_bytes());
        rig.front(long.as_bytes());
        assert!(rig.asked(0).ends_with("1\r\n\r\n"));
        assert!(!rig.back_mut(0).aborted());
    });
}

#[test]
fn trailers_of_an_answer() {
    every(|driver| {
        let long = format!("1\r\nx\r\n0\r\nSum: {}\r\n\r\n", "1".repeat(300));
        for (storage, room, fits) in [(250, 4096, false), (1000, 300, false), (1000, 400, true)] {
            let mut rig = stored(driver, 400, storage);
            rig.rooms.0 = room;
            rig.front(CHUNKED.as_bytes());
            rig.front(b"0\r\n\r\n");
            rig.back(0, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            rig.back(0, long.as_bytes());
            let said = rig.said();
            if fits {
                assert!(said.ends_with("1\r\n\r\n"));
                assert_eq!(rig.ended(), (DONE, 200, 1));
            } else {
                assert!(said.ends_with("\r\n1\r\nx\r\n"), "{said}");
                assert_eq!(rig.ended(), (failed(Error::Upstream), 200, 1));
                assert_eq!(rig.server.after(), After::Close);
            }
        }
    });
}

/// With rooms and storage of any size there is one end, and it comes soon.
#[test]
fn any_sizes() {
    for front in (0..200).step_by(3) {
        for back in (0..120).step_by(7) {
            let mut rig = stored(Driver::All, front + 30, back + 30);
            rig.rooms = (front, back);
            rig.front(CHUNKED.as_bytes());
            rig.front(b"1\r\nx\r\n0\r\nSum: 1\r\n\r\n");
            rig.back(0, b"HTTP/1.1 103 E\r\nLink: l\r\n\r\n");
            rig.back(
                0,
                b"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n",
            );
            rig.back(0, b"1\r\nx\r\n0\r\nSum: 1\r\n\r\n");
            rig.ended();
            assert!(rig.steps < 40);
        }
    }
}
