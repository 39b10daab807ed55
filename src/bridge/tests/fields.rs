//! Which fields pass.

use super::rig::*;
use crate::bridge::Policy;
use crate::{Error, ajp, http1};

fn request(driver: Driver, policy: Policy, head: &str) -> String {
    let mut rig = http_http(driver).policy(policy);
    rig.front(head.as_bytes());
    rig.asked(0)
}

/// The head that an HTTP front gets for this one.
fn answered(driver: Driver, head: &str) -> String {
    let mut rig = http_http(driver);
    rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    rig.back(0, head.as_bytes());
    rig.said()
}

#[test]
fn what_is_for_one_connection_stays_there() {
    every(|driver| {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 a\r\nKeep-Alive: 5\r\nTE: gzip\r\n\
            Proxy-Connection: close\r\nTrailer: X\r\nUpgrade: u\r\nHTTP2-Settings: x\r\n\
            Proxy: http://evil\r\nConnection: keep-alive, Upgrade, X-Mine\r\nX-Mine: 1\r\n\
            Expectation: no\r\nA: b\r\nPrOxY-Authorization: kept\r\n\r\n";
        assert_eq!(
            request(driver, Policy::STRICT, head),
            "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 a\r\nExpectation: no\r\nA: b\r\n\
             PrOxY-Authorization: kept\r\n\r\n"
        );
    });
}

/// Several Connection fields, lists with holes, blanks and cases.
#[test]
fn connection_names_fields() {
    every(|driver| {
        let head = "GET / HTTP/1.1\r\nA: 1\r\nHost: h\r\nConnection: ,, a ,\r\nconnection: B,c\r\n\
            b: 2\r\nC: 3\r\nD: 4\r\na: 5\r\n\r\n";
        assert_eq!(
            request(driver, Policy::STRICT, head),
            "GET / HTTP/1.1\r\nHost: h\r\nD: 4\r\n\r\n"
        );
    });
}

/// A client cannot take away what others rely on.
#[test]
fn connection_names_what_it_may_not() {
    every(|driver| {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nContent-Type: t\r\nCookie: c\r\n\
            Authorization: a\r\nX-Forwarded-For: 1\r\nX-Forwarded-Any: 2\r\nForwarded: f\r\n\
            Content-Encoding: br\r\nCache-Control: cc\r\nX-Real-IP: r\r\n\
            Connection: host, content-length, content-type, cookie, authorization, x-forwarded-for\r\n\
            Connection: x-forwarded-any, forwarded, content-encoding, cache-control, x-real-ip\r\n\r\nhi";
        assert_eq!(
            request(driver, Policy::STRICT, head),
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: t\r\nCookie: c\r\nAuthorization: a\r\n\
             X-Forwarded-For: 1\r\nX-Forwarded-Any: 2\r\nForwarded: f\r\nContent-Encoding: br\r\n\
             Cache-Control: cc\r\nX-Real-IP: r\r\nContent-Length: 2\r\n\r\nhi"
        );
    });
}

#[test]
fn odd_names_are_dropped_but_for_the_switch() {
    every(|driver| {
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX_A: 1\r\nX.B: 2\r\nX-C: 3\r\nX!: 4\r\n\r\n";
        assert_eq!(
            request(driver, Policy::STRICT, head),
            "GET / HTTP/1.1\r\nHost: h\r\nX-C: 3\r\n\r\n"
        );
        assert_eq!(
            request(driver, Policy::STRICT.odd_names(true), head),
            "GET / HTTP/1.1\r\nHost: h\r\nX_A: 1\r\nX.B: 2\r\nX-C: 3\r\nX!: 4\r\n\r\n"
        );
    });
    // Where they would become variables they cannot pass at all.
    let mut rig = http_fcgi(Driver::All).policy(Policy::STRICT.odd_names(true));
    rig.front(b"GET / HTTP/1.1\r\nHost: h\r\nX_A: 1\r\n\r\n");
    assert_eq!(rig.ended(), (failed(Error::BadField), 400, 0));
    // Answers are the application's own.
    assert!(
        answered(
            Driver::All,
            "HTTP/1.1 200 OK\r\nX_A: 1\r\nContent-Length: 0\r\n\r\n"
        )
        .contains("X_A: 1\r\n")
    );
}

/// Expect is answered here, and no byte of the body is waited for.
#[test]
fn expect() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(
            b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n",
        );
        assert_eq!(
            rig.asked(0),
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
        );
        assert_eq!(rig.said(), "HTTP/1.1 100 Continue\r\n\r\n");
        rig.front(b"hi");
        assert_eq!(rig.asked(0), "hi");
        // One that nobody asked for is not passed on.
        rig.back(
            0,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        );
        assert_eq!(rig.said(), "HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(rig.ended(), (DONE, 204, 0));
    });
}

/// No leave is given before the request is passed on.
#[test]
fn expect_waits_for_the_decision() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    every(|driver| {
        let mut rig = http_http(driver);
        rig.head = Box::new(|parts, place| parts.bridge.refuse(place, Error::BodyTooLong));
        rig.front(head);
        assert!(rig.said().starts_with("HTTP/1.1 413 "));
        assert_eq!(rig.ended(), (failed(Error::BodyTooLong), 413, 0));
        assert_eq!(rig.asked(0), "");

        let mut rig = Rig::new(driver, http1::Server::new(), 1, vec![]);
        rig.front(head);
        assert_eq!((rig.said().as_str(), rig.connects.len()), ("", 1));
        let at = rig.add(http1::Client::new());
        rig.run();
        assert_eq!(rig.said(), "HTTP/1.1 100 Continue\r\n\r\n");
        assert!(rig.asked(at).starts_with("POST / "));
    });
}

#[test]
fn fields_become_variables_and_back() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.front(
            b"POST /a?b HTTP/1.1\r\nHost: h\r\nProxy: p\r\nConnection: X-A\r\nX-A: 1\r\nX-B: 2\r\n\
              Cookie: a\r\nCookie: b\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        );
        let asked = rig.asked(0);
        let lines = seen(&asked);
        for line in [
            "REQUEST_METHOD=POST\n",
            "REQUEST_URI=/a?b\n",
            "HTTP_HOST=h\n",
            "HTTP_X_B=2\n",
            "HTTP_COOKIE=a; b\n",
            "CONTENT_LENGTH=1\n",
        ] {
            assert!(lines.contains(line), "{line}{lines}");
        }
        for name in ["PROXY", "X_A", "CONNECTION", "EXPECT"] {
            assert!(!lines.contains(name), "{name}\n{lines}");
        }

        let mut rig = fcgi_http(driver);
        let fields = [
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/x"),
            ("HTTP_HOST", "h"),
            ("HTTP_X_Y", "1"),
            ("HTTP_PROXY", "p"),
            ("HTTP_TRANSFER_ENCODING", "chunked"),
            ("HTTP_CONTENT_LENGTH", "7"),
            ("HTTP_CONNECTION", "close"),
            ("HTTP_EXPECT", "100-continue"),
            ("HTTP_UPGRADE", "u"),
            ("HTTP_TE", "trailers"),
            ("SERVER_NAME", "s"),
            ("CONTENT_TYPE", ""),
            ("CONTENT_LENGTH", ""),
        ];
        rig.front(&[params(1, &fields), stdin(1, b"")].concat());
        // The length is not known here: some client may wait for leave.
        assert_eq!(
            rig.asked(0),
            "GET /x HTTP/1.1\r\nHost: h\r\nx-y: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        );
    });
}

/// A body of unknown length whose end comes first is none, where the method
/// seldom has one; whatever the cut.
#[test]
fn a_bare_request() {
    every(|driver| {
        for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"] {
            let fields = [("REQUEST_METHOD", method), GET[1], GET[2]];
            let mut rig = fcgi_http(driver);
            rig.front(&params(1, &fields));
            // It is not known yet.
            assert!(rig.heads.is_empty() && rig.asked(0).is_empty());
            rig.front(&stdin(1, b""));
            assert_eq!(rig.heads, [0]);
            assert_eq!(
                rig.asked(0),
                format!("{method} /a?b HTTP/1.1\r\nHost: h\r\n\r\n")
            );
        }
        let mut rig = fcgi_http(driver);
        rig.front(&[params(1, &GET), stdin(1, b"hi"), stdin(1, b"")].concat());
        let asked = rig.asked(0);
        let (head, body) = asked.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with("Transfer-Encoding: chunked"));
        assert_eq!(
            body.replace("1\r\nh\r\n1\r\ni", "2\r\nhi"),
            "2\r\nhi\r\n0\r\n\r\n"
        );

        // One that is left there is ended like any other.
        let mut rig = fcgi_http(driver);
        rig.front(&params(1, &GET));
        rig.bridge.expire(Error::Timeout);
        rig.run();
        assert_eq!(output(&rig.said()).0, "Status: 408\r\n\r\n|");
        assert_eq!(rig.ended(), (failed(Error::Timeout), 408, 0));

        let mut rig = http_http(driver);
        rig.front(b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(rig.heads.is_empty());
        rig.front(b"0\r\nX: 1\r\n\r\n");
        // A trailer is worth the chunks.
        assert_eq!(
            rig.asked(0),
            "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n\r\n"
        );
        // Some send a body of unknown length, and its end, only when asked.
        for body in [&b""[..], b"hi"] {
            let server = ajp::Server::new(ajp::ServerRules::STRICT.without_secret(true));
            let mut rig = Rig::new(driver, server, 1, vec![fcgi_client(1)]);
            rig.front(
                b"\x12\x34\0\x41\x02\x02\0\x08HTTP/1.1\0\0\x01/\0\xff\xff\xff\xff\xff\xff\0\x50\0\0\x02\
                \xa0\x0b\0\x01h\0\0\x11Transfer-Encoding\0\0\x07chunked\0\xff",
            );
            assert!(rig.heads.is_empty());
            assert!(rig.said().starts_with("AB\0\x03\x06"));
            let n = u8::try_from(body.len()).unwrap();
            rig.front(&[b"\x12\x34\0", &[n + 2, 0, n], body].concat());
            assert_eq!(rig.heads, [0]);
            assert!(seen(&rig.asked(0)).contains("DOCUMENT_URI=/\n"));
            // For the next piece.
            assert_eq!(rig.said().is_empty(), body.is_empty());
        }
        // Who waits for leave to send one is not waited for.
        let mut rig = http_http(driver);
        rig.front(
            b"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        assert_eq!(rig.heads, [0]);
        assert_eq!(rig.said(), "HTTP/1.1 100 Continue\r\n\r\n");
    });
}

#[test]
fn trailers_both_ways() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(
            b"POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n\
              0\r\nSum: 1\r\nX_Forwarded_For: 6\r\nHTTP2-Settings-X: 2\r\n\r\n",
        );
        assert_eq!(
            rig.asked(0),
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\nSum: 1\r\nHTTP2-Settings-X: 2\r\n\r\n"
        );
        rig.back(
            0,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTotal: 2\r\n\r\n",
        );
        assert_eq!(
            rig.said(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTotal: 2\r\n\r\n"
        );
        assert_eq!(rig.ended(), (DONE, 200, 0));

        // Where the wire has none they are dropped.
        let mut rig = http_fcgi(driver);
        rig.front(
            b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSum: 1\r\n\r\n",
        );
        let asked = rig.asked(0);
        assert!(asked.ends_with("\x01\x05\0\x01\0\0\0\0"));
        assert!(!asked.contains("Sum"));
        // And a client that takes none gets none.
        let mut rig = http_http(driver);
        rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        rig.back(
            0,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTotal: 2\r\n\r\n",
        );
        assert!(rig.said().ends_with("\r\n\r\n0\r\n\r\n"));
    });
}

#[test]
fn fields_of_answers() {
    every(|driver| {
        assert_eq!(
            answered(
                driver,
                "HTTP/1.1 404 Gone Fishing\r\nVia: 1.1 b\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\n\
                 Keep-Alive: timeout=5\r\nUpgrade: h2c\r\nTrailer: T\r\nProxy-Connection: p\r\n\
                 Set-Cookie: a\r\nSet-Cookie: b\r\nStatus: 500\r\nX-CGI-Cache: c\r\nLocation: /l\r\n\
                 Content-Length: 2\r\n\r\nno"
            ),
            "HTTP/1.1 404 Not Found\r\nVia: 1.1 b\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\
             Location: /l\r\nContent-Length: 2\r\n\r\nno"
        );
        assert_eq!(
            answered(
                driver,
                "HTTP/1.1 200 OK\r\nConnection: set-cookie, location, content-type, date, vary\r\n\
                 Set-Cookie: a\r\nLocation: /\r\nContent-Type: t\r\nDate: d\r\nVary: v\r\n\
                 Content-Length: 0\r\n\r\n"
            ),
            "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nLocation: /\r\nContent-Type: t\r\nDate: d\r\n\
             Vary: v\r\nContent-Length: 0\r\n\r\n"
        );
    });
}

/// A body that stays coded, without the field that says so, is garbage.
#[test]
fn codings_do_not_pass() {
    for coding in ["gzip", "gzip, chunked", "identity"] {
        let mut rig = Rig::new(
            Driver::All,
            http1::Server::new(),
            1,
            vec![http1::Client::new().rules(http1::Rules::STRICT.other_codings(true))],
        );
        rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        rig.back(
            0,
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n1\r\nx\r\n").as_bytes(),
        );
        assert!(rig.said().starts_with("HTTP/1.1 502 "), "{coding}");
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        assert!(rig.back_mut(0).aborted());
    }
}

#[test]
fn date() {
    let date = *b"Sun, 06 Nov 1994 08:49:37 GMT";
    every(|driver| {
        let mut rig = http_http(driver);
        rig.bridge.set_date(date);
        rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        rig.back(0, b"HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n");
        assert_eq!(rig.said(), "HTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\n");
        rig.back(0, b"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            rig.said(),
            "HTTP/1.1 200 OK\r\nA: 1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n"
        );
        rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        rig.back(
            0,
            b"HTTP/1.1 200 OK\r\ndaTE: theirs\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(
            rig.said(),
            "HTTP/1.1 200 OK\r\ndaTE: theirs\r\nContent-Length: 0\r\n\r\n"
        );
    });
}

/// RFC 9112, 3.2.2.
#[test]
fn a_target_that_contradicts_host() {
    every(|driver| {
        for (head, status) in [
            ("GET http://h/a HTTP/1.1\r\nHost: g\r\n\r\n", Some(400)),
            ("GET http://h/a HTTP/1.1\r\nHost: h:80\r\n\r\n", None),
        ] {
            let mut rig = http_http(driver);
            rig.front(head.as_bytes());
            match status {
                Some(status) => {
                    assert_eq!(rig.ended(), (failed(Error::BadField), status, 0));
                    assert_eq!(rig.asked(0), "");
                    assert!(rig.said().starts_with("HTTP/1.1 400 "));
                    assert!(rig.back_mut(0).reusable());
                }
                None => assert!(rig.asked(0).starts_with("GET http://h/a HTTP/1.1\r\n")),
            }
        }
    });
}

#[test]
fn connect_is_not_done() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
        assert!(rig.said().starts_with("HTTP/1.1 501 "));
        assert_eq!(rig.ended(), (failed(Error::Unsupported), 501, 0));
        assert!(rig.heads.is_empty() && rig.asked(0).is_empty());
        // Whatever stands before it.
        let mut rig = fcgi_fcgi(driver);
        let fields = [
            ("HTTP_EXPECT", "100-continue"),
            ("REQUEST_METHOD", "CONNECT"),
        ];
        rig.front(&[params(1, &fields), stdin(1, b"")].concat());
        assert_eq!(output(&rig.said()).0, "Status: 501\r\n\r\n|");
        assert_eq!(rig.ended(), (failed(Error::Unsupported), 501, 0));
    });
}

/// An offer to change the protocol is not passed on, and so not taken.
#[test]
fn upgrade_is_not_done() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(
            b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
        assert_eq!(rig.asked(0), "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        rig.back(0, b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert!(rig.said().starts_with("HTTP/1.1 502 "));
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
    });
}

#[test]
fn the_caller_changes_a_head() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.head = Box::new(|parts, place| {
            let e = parts.bridge.exchange_mut(place).unwrap();
            e.request_mut()
                .push(crate::Field::header(b"X-Forwarded-For", b"::1"))
                .unwrap();
            parts.bridge.forward(place);
        });
        rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_eq!(
            rig.asked(0),
            "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: ::1\r\n\r\n"
        );
    });
}

/// More fields than are looked at beforehand: the same holds for all.
#[test]
fn many_fields() {
    for named in [false, true] {
        let mut head = String::from("GET / HTTP/1.1\r\nHost: h\r\n");
        let mut expected = head.clone();
        for n in 0..80 {
            let name = ["X-A", "Keep-Alive", "X_B", "Gone"][n % 4];
            let line = format!("{name}: {n}\r\n");
            head += &line;
            if name == "X-A" || name == "Gone" && !named {
                expected += &line;
            }
        }
        if named {
            head += "Connection: gone\r\n";
        }
        assert_eq!(
            request(Driver::All, Policy::STRICT, &(head + "\r\n")),
            expected + "\r\n"
        );
    }
    let many = "A: b\r\n".repeat(70);
    let last = "Date: d\r\nTransfer-Encoding: gzip, chunked\r\n";
    let mut rig = Rig::new(
        Driver::All,
        http1::Server::new(),
        1,
        vec![http1::Client::new().rules(http1::Rules::STRICT.other_codings(true))],
    );
    rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    rig.back(0, format!("HTTP/1.1 200 OK\r\n{many}{last}\r\n").as_bytes());
    assert!(rig.said().starts_with("HTTP/1.1 502 "));
    let mut rig = http_http(Driver::All);
    rig.bridge.set_date(*b"Sun, 06 Nov 1994 08:49:37 GMT");
    rig.front(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    rig.back(
        0,
        format!("HTTP/1.1 204 N\r\n{many}Date: d\r\n\r\n").as_bytes(),
    );
    assert_eq!(
        rig.said(),
        format!("HTTP/1.1 204 No Content\r\n{many}Date: d\r\n\r\n")
    );
}
