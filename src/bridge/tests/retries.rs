//! When a request is given to another back: nothing of it was acted on, and
//! all of it is still there.

use super::rig::*;
use crate::bridge::{End, Policy};
use crate::{Error, http1};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

type HttpRig = Rig<http1::Server, http1::Client>;

/// One whose only connection behind has carried a request; more are provided
/// as they are asked for.
fn used(driver: Driver) -> HttpRig {
    let mut rig = http_http(driver);
    rig.connect = Box::new(|parts, _| {
        parts.add(http1::Client::new());
    });
    rig.front(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    rig.back(0, OK);
    rig.said();
    rig.asked(0);
    assert_eq!(rig.ended(), (DONE, 200, 2));
    rig
}

/// As if it had carried one.
fn stale() -> http1::Client {
    use crate::machine::{Client as _, Receive as _};
    let mut client = http1::Client::new();
    let fields = [
        crate::Field::var(b"REQUEST_METHOD", b"GET"),
        crate::Field::var(b"REQUEST_URI", b"/"),
        crate::Field::header(b"Host", b"h"),
    ];
    let mut room = [0; 64];
    let opened = client.open(fields, crate::Length::None, &mut room);
    assert!(opened.is_ok());
    let mut input = OK;
    while let Ok(crate::Next::Event(_)) = client.next(&mut input) {}
    client
}

fn request(method: &str, rest: &str) -> Vec<u8> {
    format!("{method} / HTTP/1.1\r\nHost: h\r\n{rest}").into_bytes()
}

#[test]
fn a_kept_connection_is_closed_under_a_request() {
    every(|driver| {
        for method in ["GET", "HEAD", "OPTIONS", "DELETE", "PUT"] {
            let mut rig = used(driver);
            let length = if method == "PUT" {
                "Content-Length: 0\r\n"
            } else {
                ""
            };
            rig.front(&request(method, &format!("{length}\r\n")));
            let first = rig.asked(0);
            rig.back_end(0);
            assert_eq!(rig.connects, [0], "{method}");
            assert_eq!(rig.asked(1), first);
            rig.back(1, b"HTTP/1.1 204 No Content\r\n\r\n");
            assert_eq!(rig.said(), "HTTP/1.1 204 No Content\r\n\r\n");
            assert_eq!(rig.ended(), (DONE, 204, 0));
            assert_eq!(rig.bridge.exchange(0).unwrap().attempts(), 2);
        }
    });
}

#[test]
fn not_where_it_may_have_been_done() {
    every(|driver| {
        // A method that may not be repeated.
        let mut rig = used(driver);
        rig.front(&request("POST", "Content-Length: 0\r\n\r\n"));
        rig.back_end(0);
        assert!(rig.connects.is_empty());
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        // A connection that never carried one: it does not work at all.
        let mut rig = http_http(driver);
        rig.front(&request("GET", "\r\n"));
        rig.back_end(0);
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        // An answer has begun, even an interim one.
        for begun in ["H", "HTTP/1.1 103 E\r\n\r\n"] {
            let mut rig = used(driver);
            rig.front(&request("GET", "\r\n"));
            rig.back(0, begun.as_bytes());
            rig.back_end(0);
            assert!(rig.connects.is_empty());
            assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        }
        // Bytes of the body are gone.
        let mut rig = used(driver);
        rig.front(&request("PUT", "Content-Length: 2\r\n\r\n"));
        rig.front(b"x");
        assert!(rig.asked(0).ends_with("\r\n\r\nx"));
        rig.back_end(0);
        assert!(rig.connects.is_empty());
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        // Dropped, not passed on: a second back would get what is left.
        let mut rig = used(driver);
        rig.front(&request("PUT", "Content-Length: 2\r\n\r\n"));
        rig.back_mut(0).set_deaf();
        rig.front(b"x");
        rig.asked(0);
        rig.back_end(0);
        assert!(rig.connects.is_empty());
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        let mut rig = used(driver);
        rig.front(&request("PUT", "Transfer-Encoding: chunked\r\n\r\n"));
        rig.back_mut(0).set_deaf();
        rig.front(b"1\r\nx\r\n0\r\n\r\n");
        rig.back_end(0);
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
    });
}

/// The body comes later, or waits: it goes to the second whole.
#[test]
fn the_body_goes_to_the_second() {
    every(|driver| {
        let mut rig = used(driver);
        rig.front(&request("PUT", "Content-Length: 2\r\n\r\n"));
        rig.back_end(0);
        assert!(rig.asked(1).ends_with("Content-Length: 2\r\n\r\n"));
        rig.front(b"hi");
        assert_eq!(rig.asked(1), "hi");
        rig.back(1, OK);
        assert_eq!(rig.ended(), (DONE, 200, 2));
        // Kept while the first had no room for it.
        for give_up in [true, false] {
            let mut rig = used(driver);
            rig.front(&request("PUT", "Transfer-Encoding: chunked\r\n\r\n"));
            rig.back_mut(0).set_busy(true);
            rig.front(b"2\r\nhi\r\n0\r\nSum: 1\r\n\r\n");
            if give_up {
                rig.back_mut(0).give_up(Error::Upstream);
                rig.back_mut(0).set_busy(false);
                rig.run();
            } else {
                rig.back_end(0);
            }
            let asked = rig.asked(1);
            let body = asked.split_once("\r\n\r\n").unwrap().1;
            let letters = body.replace("1\r\nh\r\n1\r\ni", "2\r\nhi");
            assert_eq!(letters, "2\r\nhi\r\n0\r\nSum: 1\r\n\r\n");
            rig.back(1, OK);
            assert_eq!(rig.ended(), (DONE, 200, 2));
        }
        // An empty one that was ended is ended again.
        let mut rig = used(driver);
        rig.front(&request(
            "PUT",
            "Transfer-Encoding: chunked\r\n\r\n0\r\nSum: 1\r\n\r\n",
        ));
        assert!(rig.asked(0).ends_with("\r\n\r\n0\r\nSum: 1\r\n\r\n"));
        rig.back_end(0);
        assert!(rig.asked(1).ends_with("\r\n\r\n0\r\nSum: 1\r\n\r\n"));
        // Leave to send it was given once.
        let mut rig = used(driver);
        rig.front(&request(
            "PUT",
            "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        ));
        assert_eq!(rig.said(), "HTTP/1.1 100 Continue\r\n\r\n");
        rig.back_end(0);
        assert_eq!(rig.said(), "");
        rig.front(b"hi");
        assert!(rig.asked(1).ends_with("\r\n\r\nhi"));
    });
}

/// As often as the policy says.
#[test]
fn attempts() {
    every(|driver| {
        for n in 0..5u8 {
            let mut rig = http_http(driver).policy(Policy::STRICT.attempts(n));
            rig.connect = Box::new(|parts, _| {
                parts.add(stale());
            });
            rig.backs[0] = Some(crate::bridge::Back::new(stale()));
            rig.front(&request("GET", "\r\n"));
            let n = usize::from(n.max(1));
            for at in 0..n {
                assert!(!rig.asked(at).is_empty(), "{at} of {n}");
                assert!(rig.bridge.active() && rig.over.is_empty());
                rig.back_end(at);
            }
            assert_eq!(rig.backs.len(), n);
            assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        }
    });
}

/// What took too long may be at it still.
#[test]
fn not_after_a_timeout() {
    every(|driver| {
        let mut rig = used(driver);
        rig.front(&request("GET", "\r\n"));
        rig.back_mut(0).give_up(Error::UpstreamTimeout);
        rig.run();
        assert!(rig.connects.is_empty());
        assert!(rig.said().starts_with("HTTP/1.1 504 "));
        assert_eq!(rig.ended(), (failed(Error::UpstreamTimeout), 504, 0));
        for reason in [Error::Upstream, Error::Eof] {
            let mut rig = used(driver);
            rig.front(&request("GET", "\r\n"));
            rig.back_mut(0).give_up(reason);
            rig.run();
            assert_eq!(rig.connects, [0]);
            rig.back(1, OK);
            assert_eq!(rig.ended(), (DONE, 200, 2));
        }
    });
}

/// An application that does not take the request: any method may be sent
/// again, but not what has lost its body.
#[test]
fn rejections() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.connect = Box::new(|parts, _| {
            parts.add(fcgi_client(1));
        });
        rig.front(&request("POST", "Content-Length: 2\r\n\r\n"));
        rig.back(0, &end_request(1, 0, 2));
        assert_eq!(rig.connects, [0]);
        rig.front(b"hi");
        let asked = rig.asked(1);
        assert!(asked.ends_with("\x01\x05\0\x01\0\0\0\0"));
        assert!(seen(&asked).contains("CONTENT_LENGTH=2\n"));
        rig.back(1, &answer(1, "A: b\r\n\r\nok"));
        assert_eq!(rig.ended(), (DONE, 200, 2));

        let mut rig = http_fcgi(driver);
        rig.front(&request("POST", "Content-Length: 2\r\n\r\n"));
        rig.front(b"hi");
        rig.back(0, &end_request(1, 0, 2));
        assert_eq!(rig.ended(), (failed(Error::Overloaded), 503, 0));
        // It has logged: who knows what it did.
        let mut rig = http_fcgi(driver);
        rig.front(&request("GET", "\r\n"));
        rig.back(0, &[record(7, 1, b"oh"), end_request(1, 0, 2)].concat());
        assert_eq!(rig.ended(), (failed(Error::Overloaded), 503, 0));
    });
}

/// It is refused, or the front goes away, while the second is waited for.
#[test]
fn the_end_comes_between() {
    every(|driver| {
        let mut rig = used(driver);
        rig.connect = Box::new(|_, _| {});
        rig.front(&request("GET", "\r\n"));
        rig.back_end(0);
        assert_eq!(rig.connects, [0]);
        rig.bridge.refuse(0, Error::Upstream);
        rig.run();
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));

        let mut rig = used(driver);
        rig.connect = Box::new(|_, _| {});
        rig.front(&request("PUT", "Content-Length: 2\r\n\r\n"));
        rig.back_end(0);
        rig.front_end();
        assert_eq!(rig.ended(), (End::Aborted, 0, 0));
        assert_eq!(rig.connects, [0]);
    });
}
