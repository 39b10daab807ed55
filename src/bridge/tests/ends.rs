//! How exchanges end, on either side, at every stage.

use super::rig::*;
use crate::bridge::{End, Feed, Rooms, Step};
use crate::cgi::response;
use crate::machine::{After, Server, Status as _};
use crate::{Error, ajp, fcgi, http1};

const GET_H: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const POST_H: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n";

#[test]
fn several_in_a_row() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        for i in 0..4 {
            rig.front(GET_H);
            assert!(seen(&rig.asked(0)).contains("HTTP_HOST=h\n"));
            rig.back(
                0,
                &answer(1, &format!("Status: 20{i}\r\nA: b\r\n\r\nhello")),
            );
            let said = rig.said();
            assert!(said.starts_with(&format!("HTTP/1.1 20{i}")), "{said}");
            assert!(said.contains("A: b\r\nTransfer-Encoding: chunked\r\n\r\n") || i == 4);
            let status = 200 + i;
            // 204 is not among them: it has no body.
            assert_eq!(rig.ended(), (DONE, status, 5));
            assert!(!rig.bridge.uses(0) && rig.back_mut(0).reusable());
        }
        assert!(rig.heads == [0; 4] && rig.connects.is_empty());
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(&[GET_H, POST_H, b"body", GET_H].concat());
        let ok = |n: u8| {
            [
                &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"[..],
                &[b'0' + n],
            ]
            .concat()
        };
        assert!(rig.asked(0).starts_with("GET / "));
        rig.back(0, &ok(1));
        assert!(rig.asked(0).ends_with("\r\n\r\nbody"));
        rig.back(0, &ok(2));
        assert!(rig.asked(0).starts_with("GET / "));
        rig.back(0, &ok(3));
        let bodies: Vec<String> = rig
            .said()
            .split("\r\n\r\n")
            .skip(1)
            .map(|s| s[..1].to_string())
            .collect();
        assert_eq!(bodies, ["1", "2", "3"]);
        assert_eq!(rig.over.len(), 3);
    });
}

#[test]
fn answers_without_a_body() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.front(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
        rig.back(0, &answer(1, "Content-Length: 5\r\n\r\nhello"));
        assert_eq!(rig.said(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(rig.ended(), (DONE, 200, 0));
        for (status, text) in [(204, "No Content"), (304, "Not Modified")] {
            rig.front(GET_H);
            rig.back(
                0,
                &answer(1, &format!("Status: {status}\r\nA: b\r\n\r\nhello")),
            );
            assert_eq!(
                rig.said(),
                format!("HTTP/1.1 {status} {text}\r\nA: b\r\n\r\n")
            );
            assert_eq!(rig.ended(), (DONE, status, 0));
        }
        let mut rig = fcgi_http(driver);
        let head = [("REQUEST_METHOD", "HEAD"), GET[1], GET[2]];
        rig.front(&[params(1, &head), stdin(1, b"")].concat());
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(
            output(&rig.said()),
            (
                "Status: 200 OK\r\nContent-Length: 5\r\n\r\n|".into(),
                Some((0, 0))
            )
        );
        rig.front(&get(1));
        rig.back(0, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(
            output(&rig.said()).0,
            "Status: 304 Not Modified\r\nContent-Length: 5\r\n\r\n|"
        );
        assert_eq!(rig.over.len(), 2);
    });
}

#[test]
fn interim_answers() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(GET_H);
        rig.back(
            0,
            b"HTTP/1.1 103 Early Hints\r\nLink: a\r\nConnection: x\r\nX: 1\r\n\r\n\
              HTTP/1.1 110 \r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(
            rig.said(),
            "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 110 \r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(rig.ended(), (DONE, 200, 0));
        // Where the wire has none.
        let mut rig = fcgi_http(driver);
        rig.front(&get(1));
        rig.back(0, b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n");
        assert_eq!(rig.said(), "");
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(
            output(&rig.said()).0,
            "Status: 200 OK\r\nContent-Length: 0\r\n\r\n|"
        );
        assert_eq!(rig.ended(), (DONE, 200, 0));
        // Not to an old client, and not one without room.
        let mut rig = http_http(driver);
        rig.front(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n");
        rig.back(0, b"HTTP/1.1 103 Early Hints\r\n\r\n");
        assert_eq!(rig.said(), "");
        let mut rig = http_http(driver);
        rig.rooms.0 = 100;
        rig.front(GET_H);
        let long = format!(
            "HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n",
            "l".repeat(100)
        );
        rig.back(0, long.as_bytes());
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(rig.said(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(rig.ended(), (DONE, 200, 0));
    });
}

/// The script's redirect to itself becomes the client's.
#[test]
fn a_local_redirect() {
    every(|driver| {
        let rules = response::Rules::STRICT.local_redirect(true);
        let limits = fcgi::ClientLimits::DEFAULT.cgi(rules);
        let client = fcgi::Client::with_limits(vec![fcgi::ClientSlot::EMPTY; 1], limits);
        let mut rig = Rig::new(driver, http1::Server::new(), 1, vec![client]);
        rig.front(GET_H);
        rig.back(0, &answer(1, "Location: /x?y\r\n\r\n"));
        assert_eq!(
            rig.said(),
            "HTTP/1.1 302 Found\r\nLocation: /x?y\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(rig.ended(), (DONE, 302, 0));
        // Without the switch it is one already.
        let mut rig = http_fcgi(driver);
        rig.front(GET_H);
        rig.back(0, &answer(1, "Location: /x?y\r\n\r\n"));
        assert!(
            rig.said()
                .starts_with("HTTP/1.1 302 Found\r\nLocation: /x?y\r\n")
        );
        assert_eq!(rig.ended(), (DONE, 302, 0));
    });
}

/// Answers that are cut behind never look whole in front.
#[test]
fn a_cut_answer_is_seen_to_be_cut() {
    every(|driver| {
        for (head, body) in [
            ("Transfer-Encoding: chunked", "5\r\nhel"),
            ("Content-Length: 10", "hello"),
        ] {
            let mut rig = http_http(driver);
            rig.front(GET_H);
            rig.back(
                0,
                format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").as_bytes(),
            );
            rig.back_end(0);
            let said = rig.said();
            let letters = said.replace("1\r\n", "").replace("\r\n", "");
            assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && letters.contains("hel"));
            assert!(!said.ends_with("0\r\n\r\n"), "{said}");
            assert_eq!(rig.server.after(), After::Close);
            let (end, status, sent) = rig.ended();
            assert_eq!((end, status), (failed(Error::Upstream), 200));
            assert!(matches!(sent, 3 | 5));

            let mut rig = fcgi_http(driver);
            rig.front(&get(1));
            rig.back(
                0,
                format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").as_bytes(),
            );
            rig.back_end(0);
            let (text, end) = output(&rig.said());
            assert!(text.contains("hel") && !text.ends_with('|'), "{text}");
            assert_eq!(end, None);
            assert_eq!(rig.server.after(), After::Close);
            assert_eq!(rig.ended().0, failed(Error::Upstream));
        }
        // FastCGI behind: END_REQUEST without the end of the output and not 0,
        // the output's end without END_REQUEST, less than was declared.
        for cut in [
            [stdout(1, b"A: b\r\n\r\nhel"), end_request(1, 1, 0)].concat(),
            [stdout(1, b"A: b\r\n\r\nhel"), stdout(1, b"")].concat(),
            answer(1, "Content-Length: 4\r\n\r\nhel"),
        ] {
            let mut rig = http_fcgi(driver);
            rig.front(GET_H);
            rig.back(0, &cut);
            rig.back_end(0);
            let said = rig.said();
            let letters = said.replace("1\r\n", "").replace("\r\n", "");
            assert!(letters.contains("hel"), "{said}");
            assert!(!said.ends_with("0\r\n\r\n"), "{said}");
            assert_eq!(rig.server.after(), After::Close);
            assert_eq!(rig.ended().0, failed(Error::Upstream));
        }
    });
}

/// A multiplexing front goes on: that one request is told to have failed.
#[test]
fn a_cut_answer_among_others() {
    every(|driver| {
        let backs = vec![http1::Client::new(), http1::Client::new()];
        let mut rig = Rig::new(driver, fcgi_server(2), 2, backs);
        rig.front(&[get(1), get(2)].concat());
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel");
        rig.back_end(0);
        assert_eq!(rig.over.len(), 1);
        let said = rig.said();
        let (text, end) = output(&said);
        assert!(!text.contains('|'));
        assert_eq!(end, Some((1, 0)));
        assert_eq!(rig.server.after(), After::Keep);
        rig.back(1, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
        let (text, end) = output(&rig.said());
        assert!(text.ends_with("yes|"));
        assert_eq!(end, Some((0, 0)));
        assert_eq!(rig.over.len(), 2);
    });
}

/// What comes from behind and is no answer.
#[test]
fn bad_answers() {
    every(|driver| {
        for bad in [
            &b"nonsense"[..],
            b"HTTP/1.1 200 OK\r\nA\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 999 X\r\n\r\n",
            b"",
        ] {
            let mut rig = http_http(driver);
            rig.front(GET_H);
            rig.back(0, bad);
            rig.back_end(0);
            assert!(rig.said().starts_with("HTTP/1.1 502 "), "{bad:?}");
            assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
            assert!(!rig.back_mut(0).reusable());
        }
        for bad in [
            answer(1, "no head\r\n\r\n"),
            answer(1, ""),
            answer(2, "A: b\r\n\r\n"),
            [2; 8].to_vec(),
            end_request(1, 0, 3),
            stdout(1, b"A: b\r\n"),
        ] {
            let mut rig = http_fcgi(driver);
            rig.front(GET_H);
            rig.back(0, &bad);
            rig.back_end(0);
            assert!(rig.said().starts_with("HTTP/1.1 502 "), "{bad:?}");
            assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        }
        // It has no capacity.
        let mut rig = http_fcgi(driver);
        rig.front(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
        rig.back(0, &end_request(1, 0, 2));
        assert!(rig.said().starts_with("HTTP/1.1 503 "));
        assert_eq!(rig.ended(), (failed(Error::Overloaded), 503, 0));
    });
}

/// The answer is there before the request is: the rest of it goes nowhere.
#[test]
fn early_answers() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(POST_H);
        rig.front(b"bo");
        assert!(rig.asked(0).ends_with("\r\n\r\nbo"));
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert!(rig.said().ends_with("\r\n\r\nok"));
        assert_eq!(rig.ended(), (DONE, 200, 2));
        assert!(!rig.back_mut(0).reusable());
        // The connection in front lives on behind the body.
        let at = rig.add(http1::Client::new());
        rig.front(b"dy");
        rig.front(GET_H);
        assert_eq!(rig.asked(0), "");
        assert!(rig.asked(at).starts_with("GET / "));

        let mut rig = http_fcgi(driver);
        rig.front(POST_H);
        rig.back(0, &answer(1, "Status: 403\r\n\r\n"));
        assert!(rig.said().starts_with("HTTP/1.1 403 "));
        assert_eq!(rig.ended().0, DONE);
        rig.front(b"body");
        rig.asked(0);
        assert!(!rig.back_mut(0).reusable());

        // While the body waits for room behind.
        let mut rig = fcgi_http(driver);
        let fields = [
            ("REQUEST_METHOD", "POST"),
            GET[1],
            GET[2],
            ("CONTENT_LENGTH", "4"),
        ];
        rig.front(&params(1, &fields));
        rig.back_mut(0).set_busy(true);
        rig.front(&[stdin(1, b"body"), stdin(1, b"")].concat());
        assert!(rig.bridge.keeps() || matches!(driver, Driver::Bytes));
        rig.back(
            0,
            b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        );
        assert!(output(&rig.said()).0.starts_with("Status: 413"));
        assert_eq!(rig.ended(), (DONE, 413, 0));
        assert!(!rig.bridge.keeps() && rig.from_front.bytes.is_empty());
    });
}

/// More or less of a body than was declared, where the front's machine allows it.
#[test]
fn a_body_of_another_length() {
    every(|driver| {
        let fields = [
            ("REQUEST_METHOD", "POST"),
            GET[1],
            GET[2],
            ("CONTENT_LENGTH", "4"),
        ];
        for (body, error) in [
            (&b"bo"[..], Error::BodyShort),
            (b"bodybody", Error::BodyExcess),
        ] {
            let server = fcgi_server(1).any_body_length(true);
            let mut rig = Rig::new(driver, server, 1, vec![http1::Client::new()]);
            rig.front(&[params(1, &fields), stdin(1, body), stdin(1, b"")].concat());
            assert_eq!(output(&rig.said()).0, "Status: 400\r\n\r\n|");
            assert_eq!(rig.ended(), (failed(error), 400, 0));
            assert!(rig.back_mut(0).aborted());
            let server = fcgi_server(1).any_body_length(true);
            let mut rig = Rig::new(driver, server, 1, vec![fcgi_client(1)]);
            rig.front(&[params(1, &fields), stdin(1, body), stdin(1, b"")].concat());
            assert_eq!(rig.ended(), (failed(error), 400, 0));
        }
    });
}

/// A body with a method that has none spoils the request and not what is
/// behind, which others use.
#[test]
fn a_body_that_may_not_be() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(b"TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
        assert!(rig.said().starts_with("HTTP/1.1 400 "));
        assert_eq!(rig.ended(), (failed(Error::Framing), 400, 0));
        assert!(rig.back_mut(0).reusable() && rig.connects.is_empty());
    });
}

#[test]
fn the_front_spoils_a_request() {
    every(|driver| {
        // In the body.
        let mut rig = http_http(driver);
        rig.front(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n");
        assert!(rig.said().starts_with("HTTP/1.1 400 "));
        assert_eq!(rig.ended(), (failed(Error::Chunk), 400, 0));
        assert!(rig.back_mut(0).aborted() && !rig.bridge.uses(0));
        assert!(rig.bridge.lost().is_some());
        assert!(!rig.asked(0).ends_with("0\r\n\r\n"));
        // Behind the answer's head: nothing but a cut.
        let mut rig = http_http(driver);
        rig.front(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx");
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
        rig.front(b"y");
        assert!(rig.said().ends_with("\r\n\r\nab"));
        assert_eq!(rig.server.after(), After::Close);
        assert_eq!(rig.ended(), (failed(Error::Chunk), 200, 2));

        // FastCGI: the neighbour goes on.
        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![fcgi_client(2)]);
        let fields = [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "1")];
        rig.front(&[params(1, &fields), params(2, &fields)].concat());
        rig.front(&stdin(1, b"xx"));
        assert_eq!(rig.over.len(), 1);
        assert_eq!(rig.over[0].end, failed(Error::BodyExcess));
        assert_eq!(
            output(&rig.said()),
            ("Status: 400\r\n\r\n|".into(), Some((1, 0)))
        );
        assert!(rig.asked(0).ends_with("\x01\x02\0\x01\0\0\0\0"));
        rig.front(&[stdin(2, b"x"), stdin(2, b"")].concat());
        rig.back(0, &answer(2, "A: b\r\n\r\nok"));
        assert!(output(&rig.said()).0.ends_with("ok|"));
        assert_eq!(rig.over[1].end, DONE);
    });
}

#[test]
fn the_framing_of_the_front_is_lost() {
    every(|driver| {
        // No request was begun.
        let mut rig = http_http(driver);
        rig.front(b"\nGET");
        assert!(rig.said().starts_with("HTTP/1.1 400 "));
        assert!(rig.over.is_empty() && rig.bridge.lost() == Some(Error::RequestLine));
        // In a head: it can be logged with what it was told.
        for (head, error) in [
            (
                &b"GET / HTTP/1.1\r\nHost: h\r\nA b\r\n\r\n"[..],
                Error::BadField,
            ),
            (b"GET / HTTP/1.1\r\n\r\n", Error::Host),
            (b"GET / HTTP/7.1\r\n\r\n", Error::HttpVersion),
        ] {
            let mut rig = http_http(driver);
            rig.front(head);
            let status = error.status();
            assert!(rig.said().starts_with(&format!("HTTP/1.1 {status} ")));
            assert_eq!(rig.ended(), (failed(error), status, 0));
            assert_eq!(rig.bridge.lost(), Some(error));
            assert!(rig.heads.is_empty());
        }
        // The peer went away in it: nobody is told.
        let mut rig = http_http(driver);
        rig.front(b"GET / HTTP/1.1\r\nHo");
        rig.front_end();
        assert_eq!(
            (rig.said().as_str(), rig.ended()),
            ("", (End::Aborted, 0, 0))
        );
        // FastCGI: nothing is owed for heads that are not complete, but for
        // the others.
        let mut rig = Rig::new(driver, fcgi_server(3), 3, vec![fcgi_client(3)]);
        rig.front(&get(2));
        rig.front(&record(1, 1, &[0, 1, 1, 0, 0, 0, 0, 0]));
        rig.front(&record(1, 3, &[0, 1, 1, 0, 0, 0, 0, 0]));
        rig.front(&[9; 8]);
        assert_eq!(rig.bridge.lost(), Some(Error::Version(9)));
        let mut over = std::mem::take(&mut rig.over);
        over.sort_by_key(|o| o.place);
        let error = failed(Error::Version(9));
        assert_eq!(over.iter().map(|o| o.end).collect::<Vec<_>>(), [error; 3]);
        assert_eq!(
            over.iter().map(|o| o.status).collect::<Vec<_>>(),
            [400, 0, 0]
        );
        assert_eq!(
            output(&rig.said()),
            ("Status: 400\r\n\r\n|".into(), Some((1, 0)))
        );
    });
}

/// The front goes away at every stage: one end, and what runs is aborted.
#[test]
fn the_front_goes_away() {
    every(|driver| {
        let fields = [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "4")];
        let whole = [params(1, &fields), stdin(1, b"body"), stdin(1, b"")].concat();
        for cut in 0..=whole.len() {
            let mut rig = fcgi_fcgi(driver);
            rig.front(&whole[..cut]);
            rig.front_end();
            assert_eq!(rig.said(), "", "{cut}");
            match cut {
                0..16 => assert!(rig.over.is_empty() && !rig.bridge.active(), "{cut}"),
                _ => assert_eq!(rig.ended(), (End::Aborted, 0, 0), "{cut}"),
            }
            let asked = rig.asked(0);
            if !asked.is_empty() {
                assert!(rig.back_mut(0).aborted());
                assert!(asked.ends_with("\x01\x02\0\x01\0\0\0\0"));
            }
        }
        // By a record: the connection lives on, and so does the exchange.
        let mut rig = fcgi_fcgi(driver);
        rig.front(&get(1));
        rig.asked(0);
        rig.front(&record(2, 1, b""));
        assert_eq!(output(&rig.said()), (String::new(), Some((0, 0))));
        assert_eq!(rig.ended(), (End::Aborted, 0, 0));
        assert_eq!(rig.asked(0), "\x01\x02\0\x01\0\0\0\0");
        // Though the application has not heeded it.
        let at = rig.add(fcgi_client(1));
        rig.front(&get(1));
        assert!(!rig.asked(at).is_empty());
        rig.back(at, &answer(1, "A: b\r\n\r\nnew"));
        // What it still says is nobody's.
        rig.back(0, &answer(1, "A: b\r\n\r\nold"));
        assert!(output(&rig.said()).0.ends_with("new|"));
        assert_eq!(rig.ended(), (DONE, 200, 3));
        // HTTP: a half close is none of its own.
        let mut rig = http_http(driver);
        rig.front(GET_H);
        rig.front_end();
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert!(rig.said().ends_with("ok"));
        assert_eq!(rig.ended(), (DONE, 200, 2));
        assert_eq!(rig.server.after(), After::Close);
        // In the body it is.
        let mut rig = http_http(driver);
        rig.front(POST_H);
        rig.front_end();
        assert_eq!(
            (rig.said().as_str(), rig.ended()),
            ("", (End::Aborted, 0, 0))
        );
        assert!(rig.back_mut(0).aborted());
    });
}

/// The transport in front is gone while bytes are kept: the driver has thrown
/// them away.
#[test]
fn the_front_is_cancelled() {
    every(|driver| {
        for end in [true, false] {
            let mut rig = http_http(driver);
            rig.front(POST_H);
            rig.back_mut(0).set_busy(true);
            rig.front(b"body");
            rig.server.cancel();
            rig.from_front = Input::default();
            rig.from_front.end = end;
            rig.run();
            rig.back_mut(0).set_busy(false);
            rig.run();
            assert_eq!(
                (rig.said().as_str(), rig.ended()),
                ("", (End::Aborted, 0, 0))
            );
            assert!(rig.back_mut(0).aborted());
        }
        for stage in 0..3 {
            let mut rig = http_fcgi(driver);
            rig.head = Box::new(move |parts, place| {
                if stage > 1 {
                    parts.bridge.forward(place);
                }
            });
            rig.front(&GET_H[..if stage == 0 { 9 } else { GET_H.len() }]);
            rig.server.cancel();
            rig.run();
            assert_eq!(rig.ended(), (End::Aborted, 0, 0), "{stage}");
        }
    });
}

#[test]
fn refusals_of_the_caller_at_every_stage() {
    every(|driver| {
        // In the head, before and after the decision, in the body.
        for (bytes, decided) in [(&POST_H[..20], false), (POST_H, false), (POST_H, true)] {
            let mut rig = http_http(driver);
            rig.head = Box::new(move |parts, place| {
                if decided {
                    parts.bridge.forward(place);
                }
            });
            rig.front(bytes);
            rig.bridge.refuse(0, Error::Timeout);
            rig.run();
            assert!(rig.said().starts_with("HTTP/1.1 408 "));
            assert_eq!(rig.ended(), (failed(Error::Timeout), 408, 0));
            assert_eq!(rig.back_mut(0).aborted(), decided);
            // Once it is over nothing has an effect.
            rig.bridge.refuse(0, Error::Internal);
            rig.bridge.forward(0);
            assert_eq!(rig.bridge.take(0), None);
            rig.bridge.take_end(0);
            rig.run();
            assert!(rig.over.is_empty() && rig.said().is_empty());
        }
        // Behind the head of the answer.
        let mut rig = http_http(driver);
        rig.front(GET_H);
        rig.back(0, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        rig.bridge.refuse(0, Error::UpstreamTimeout);
        rig.run();
        assert_eq!(rig.server.after(), After::Close);
        assert_eq!(rig.ended(), (failed(Error::UpstreamTimeout), 200, 2));
        rig.bridge.refuse(7, Error::Internal);
        rig.bridge.forward(7);
        assert!(rig.bridge.exchange(7).is_none());
    });
}

/// One that cannot be said yet holds, though the head becomes complete.
#[test]
fn a_refusal_in_the_head_that_waits_for_a_room() {
    fn ends<V: Server>(mut rig: Rig<V, http1::Client>, request: &[u8]) -> (String, Over) {
        let mut rest = request;
        while !rest.is_empty() {
            // The head has begun, with its first byte or its first record.
            let begun = rig.bridge.active();
            rig.from_front.bytes.push(rest[0]);
            rest = &rest[1..];
            while rig.one(true, None, (false, true)) {}
            if !begun && rig.bridge.active() {
                rig.bridge.expire(Error::Timeout);
            }
        }
        rig.run();
        assert!(rig.heads.is_empty(), "asked about one that is refused");
        assert_eq!(
            (rig.asked(0), rig.back_mut(0).aborted()),
            (String::new(), false)
        );
        assert_eq!(rig.over.len(), 1);
        (rig.said(), rig.over[0])
    }
    let over = Over {
        place: 0,
        end: failed(Error::Timeout),
        status: 408,
        sent: 0,
    };
    for request in [GET_H, POST_H] {
        let (said, what) = ends(http_http(Driver::All), request);
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert_eq!(what, over);
    }
    for request in [
        get(1),
        params(1, &GET),
        [params(1, &GET), stdin(1, b"ab")].concat(),
    ] {
        let (said, what) = ends(fcgi_http(Driver::All), &request);
        assert!(output(&said).0.starts_with("Status: 408"), "{said}");
        assert_eq!(what, over);
    }
}

/// An answer that was finished stays so.
#[test]
fn a_refusal_behind_the_end() {
    let mut rig = http_http(Driver::All);
    rig.front(GET_H);
    rig.parts.from_back[0].bytes = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
    while rig.bridge.exchange(0).unwrap().front().is_some() {
        assert!(rig.one(false, Some(0), (true, true)));
    }
    assert!(rig.over.is_empty());
    rig.bridge.refuse(0, Error::Internal);
    rig.run();
    assert_eq!(rig.ended(), (DONE, 204, 0));
}

#[test]
fn a_back_is_given_up() {
    every(|driver| {
        for (reason, status) in [
            (Error::UpstreamTimeout, 504),
            (Error::Overloaded, 503),
            (Error::Upstream, 502),
            // Not the client's fault, whatever it sounds like.
            (Error::Eof, 502),
            (Error::Timeout, 502),
        ] {
            let mut rig = http_fcgi(driver);
            rig.front(GET_H);
            rig.back_mut(0).give_up(reason);
            rig.run();
            assert!(rig.said().starts_with(&format!("HTTP/1.1 {status} ")));
            let error = if status == 502 {
                Error::Upstream
            } else {
                reason
            };
            assert_eq!(rig.ended(), (failed(error), status, 0));
            assert!(rig.back_mut(0).given_up() && !rig.back_mut(0).reusable());
        }
        // In the answer.
        let mut rig = http_fcgi(driver);
        rig.front(GET_H);
        rig.back(0, &stdout(1, b"A: b\r\n\r\nhel"));
        rig.back_mut(0).give_up(Error::UpstreamTimeout);
        rig.run();
        assert_eq!(rig.server.after(), After::Close);
        assert_eq!(rig.ended(), (failed(Error::UpstreamTimeout), 200, 3));
        // It is taken away.
        let mut rig = http_fcgi(driver);
        rig.front(GET_H);
        rig.backs[0] = None;
        rig.run();
        assert!(rig.said().starts_with("HTTP/1.1 502 "));
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        // And another is put there at once.
        let mut rig = http_fcgi(driver);
        rig.front(GET_H);
        rig.backs[0] = Some(crate::bridge::Back::new(fcgi_client(1)));
        rig.back_end(0);
        assert!(rig.said().starts_with("HTTP/1.1 502 "));
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
    });
}

/// Bytes of an answer that were kept and thrown away leave a hole.
#[test]
fn a_back_is_given_up_while_it_keeps() {
    for end in [true, false] {
        let mut rig = http_fcgi(Driver::All);
        rig.front(GET_H);
        rig.parts.from_back[0].bytes = stdout(1, b"A: b\r\n\r\nhello");
        while rig.one(true, Some(0), (true, true)) && !rig.to_front.ends_with(b"\r\n\r\n") {}
        assert!(!rig.one(true, Some(0), (false, true)));
        assert!(rig.back_mut(0).keeps());
        rig.back_mut(0).give_up(Error::UpstreamTimeout);
        rig.parts.from_back[0] = Input::default();
        rig.parts.from_back[0].end = end;
        rig.run();
        let (_, status, sent) = rig.ended();
        assert_eq!((status, sent), (200, 0));
        assert_eq!(rig.server.after(), After::Close);
        assert!(!rig.said().contains("hello"));
    }
}

/// A peer that takes no more may still answer.
#[test]
fn a_deaf_back() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(POST_H);
        rig.back_mut(0).set_deaf();
        rig.asked(0);
        rig.front(b"body");
        assert_eq!(rig.asked(0), "");
        assert!(rig.from_front.bytes.is_empty());
        rig.back(0, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(rig.ended(), (DONE, 413, 0));
        // Or not.
        let mut rig = http_http(driver);
        rig.front(POST_H);
        rig.back_mut(0).set_deaf();
        rig.front(b"body");
        rig.back_end(0);
        assert_eq!(rig.ended(), (failed(Error::Upstream), 502, 0));
        // Nothing is written to it when it is aborted either.
        let mut rig = fcgi_fcgi(driver);
        rig.front(&get(1));
        rig.asked(0);
        rig.back_mut(0).set_deaf();
        rig.back_mut(0).set_busy(true);
        rig.front(&record(2, 1, b""));
        assert_eq!(rig.asked(0), "");
        assert_eq!(rig.ended(), (End::Aborted, 0, 0));
    });
}

/// Text for the log, also between the pieces of an answer.
#[test]
fn logs() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.front(GET_H);
        rig.back(
            0,
            &[
                record(7, 1, b"one "),
                stdout(1, b"A: b\r\n"),
                record(7, 1, b"two"),
                stdout(1, b"\r\nhello"),
                stdout(1, b""),
                end_request(1, 0, 0),
            ]
            .concat(),
        );
        assert_eq!(rig.log, b"one two");
        assert_eq!(rig.ended(), (DONE, 200, 5));
    });
}

/// Answers to what the front's protocol asks by itself wait for a room, and
/// hold what comes behind.
#[test]
fn replies() {
    every(|driver| {
        let mut rig = fcgi_fcgi(driver);
        rig.front(&record(99, 0, b"what?"));
        assert_eq!(rig.said(), "\x01\x0b\0\0\0\x08\0\0\x63\0\0\0\0\0\0\0");
        rig.front(&get(1));
        // A second one on a connection for one.
        rig.front(&get(2));
        assert_eq!(output(&rig.said()), (String::new(), Some((0, 1))));
        rig.back(0, &answer(1, "A: b\r\n\r\n"));
        assert_eq!(rig.ended(), (DONE, 200, 0));
    });
    let mut rig = fcgi_fcgi(Driver::All);
    rig.parts.from_front.bytes = [record(99, 0, b""), get(1)].concat();
    while rig.one(true, None, (false, true)) {}
    assert!(rig.heads.is_empty());
    rig.run();
    assert_eq!(rig.heads, [0]);
}

/// With fewer exchanges than the machine has slots the rest is refused, and
/// the connection lives on.
#[test]
fn no_exchange_is_left() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(3), 1, vec![fcgi_client(3)]);
        rig.front(&[get(1), get(2), get(3)].concat());
        assert_eq!(output(&rig.said()), (String::new(), Some((0, 2))));
        rig.back(0, &answer(1, "A: b\r\n\r\n"));
        assert_eq!(rig.ended(), (DONE, 200, 0));
        let mut rig = Rig::new(driver, http1::Server::new(), 0, vec![fcgi_client(1)]);
        rig.front(GET_H);
        assert!(rig.said().starts_with("HTTP/1.1 503 "));
        assert!(rig.over.is_empty());
        // Where there is no room to say so nothing is left but to close.
        let mut rig = Rig::new(driver, http1::Server::new(), 0, vec![fcgi_client(1)]);
        rig.rooms.0 = 3;
        rig.front(GET_H);
        assert_eq!(rig.said(), "");
        assert_eq!(rig.server.after(), After::Close);
    });
}

/// A bridge without anything waits.
#[test]
fn nothing() {
    let mut rig = http_fcgi(Driver::All);
    let rooms = Rooms {
        to_front: None,
        to_back: None,
    };
    let parts = &mut rig.parts;
    let back = Some((9, Feed::End));
    let step = parts.bridge.step(
        &mut parts.server,
        Feed::Nothing,
        &mut parts.backs,
        back,
        rooms,
    );
    assert!(matches!(step, Step::Wait));
    assert!(!rig.bridge.active() && !rig.bridge.uses(0) && !rig.bridge.keeps());
}

/// Whoever asks for a body that is none, or that has ended, is told so.
#[test]
fn a_body_that_is_asked_for_in_vain() {
    const POST_1: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
    const ASKS: &[u8] = b"AB\0\x03\x06\x1f\xfa";
    const ANSWER: &[u8] = b"AB\0\x08\x04\0\xcc\0\0\0\0\0AB\0\x02\x05\x01";
    every(|driver| {
        let backs = vec![ajp::Client::new()];
        let mut rig = Rig::new(driver, http1::Server::default(), 1, backs);
        for (request, last) in [(GET_H, "\u{ff}"), (POST_1, "\0\x03\0\x01x")] {
            rig.front(request);
            let head = rig.asked(0);
            assert!(
                head.starts_with("\x124") && head.ends_with(last),
                "{head:?}"
            );
            for _ in 0..3 {
                rig.back(0, ASKS);
                let empty = rig.asked(0);
                assert!(
                    ["\x124\0\0", "\x124\0\x02\0\0"].contains(&&empty[..]),
                    "{empty:?}"
                );
            }
            rig.back(0, ANSWER);
            assert!(rig.said().starts_with("HTTP/1.1 204"));
            assert_eq!(rig.ended(), (DONE, 204, 0));
            assert!(rig.back_mut(0).reusable());
        }
    });
}
