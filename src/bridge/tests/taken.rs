//! Exchanges that the caller answers by itself.

use super::rig::*;
use crate::bridge::End;
use crate::machine::{After, Server as _, Status as _};
use crate::{Error, Id, Length, fcgi, http1};

const GET_H: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Answers at once with two bytes.
fn answers<K: crate::Client>(parts: &mut Parts<http1::Server, K>, place: usize) {
    let id = parts.bridge.take(place).expect("an exchange");
    assert_eq!(parts.bridge.exchange(place).unwrap().front(), Some(id));
    let mut room = [0; 256];
    let out = &mut parts.to_front;
    let head = parts.server.head(id, 200, [], Length::Known(2), &mut room);
    out.extend(head.unwrap().slices().concat());
    let body = parts.server.body(id, &mut &b"ok"[..]).unwrap();
    out.extend(body.slices().concat());
    let end = parts.server.finish(id, [], &mut []).unwrap();
    out.extend(end.slices().concat());
    let e = parts.bridge.exchange_mut(place).unwrap();
    e.set_sent(200, 2);
    parts.bridge.take_end(place);
}

#[test]
fn an_answer_of_our_own() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.head = Box::new(answers);
        for _ in 0..3 {
            rig.front(GET_H);
            assert_eq!(rig.said(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            assert_eq!(rig.ended(), (DONE, 200, 2));
        }
        // The body is dropped, and the next request stands behind it.
        let post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
        rig.front(&[&post[..], GET_H].concat());
        assert!(rig.from_front.bytes.is_empty());
        assert_eq!(rig.over.len(), 2);
        assert!(rig.asked(0).is_empty() && rig.connects.is_empty());
    });
}

/// It takes its time; what comes of the body meanwhile is dropped.
#[test]
fn an_answer_that_takes_its_time() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.head = Box::new(|parts, place| {
            assert_eq!(parts.bridge.take(place), Some(Id::SOLE));
            // Once.
            assert_eq!(parts.bridge.take(place), None);
            parts.bridge.forward(place);
        });
        rig.front(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo");
        rig.front(b"\r\n2\r\ndy\r\n0\r\nSum: 1\r\n\r\n");
        assert!(rig.from_front.bytes.is_empty() && rig.over.is_empty());
        assert!(rig.bridge.active() && rig.asked(0).is_empty());
        let mut room = [0; 256];
        let head = rig.server.head(Id::SOLE, 204, [], Length::None, &mut room);
        assert!(head.is_ok());
        assert!(rig.server.finish(Id::SOLE, [], &mut []).is_ok());
        rig.bridge.exchange_mut(0).unwrap().set_sent(204, 0);
        rig.run();
        assert!(rig.over.is_empty());
        rig.bridge.take_end(0);
        rig.run();
        assert_eq!(rig.ended(), (DONE, 204, 0));
        // Said twice it means nothing.
        rig.bridge.take_end(0);
        rig.run();
        assert!(rig.over.is_empty());
    });
}

/// The client goes away meanwhile: `Over` comes at once, and what the caller
/// still does has no effect.
#[test]
fn nobody_listens_any_more() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![fcgi_client(1)]);
        rig.head = Box::new(|parts, place| {
            parts.bridge.take(place);
        });
        rig.front(&get(1));
        rig.front(&record(2, 1, b""));
        assert_eq!(rig.ended(), (End::Aborted, 0, 0));
        rig.bridge.take_end(0);
        rig.run();
        assert!(rig.over.is_empty());
        assert_eq!(output(&rig.said()), (String::new(), Some((0, 0))));
        // Another one is not touched by that.
        rig.front(&get(1));
        assert!(rig.bridge.active());

        let mut rig = http_fcgi(driver);
        rig.head = Box::new(|parts, place| {
            parts.bridge.take(place);
        });
        rig.front(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n");
        rig.front_end();
        assert_eq!(rig.ended(), (End::Aborted, 0, 0));
        assert!(
            rig.server
                .head(Id::SOLE, 200, [], Length::None, &mut [0; 99])
                .is_err()
        );
    });
}

/// The request is spoilt behind the head of the caller's answer.
#[test]
fn a_fault_meanwhile() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.head = Box::new(|parts, place| {
            let id = parts.bridge.take(place).unwrap();
            let mut room = [0; 256];
            let head = parts.server.head(id, 200, [], Length::Known(9), &mut room);
            parts.to_front.extend(head.unwrap().slices().concat());
            parts.bridge.exchange_mut(place).unwrap().set_sent(200, 0);
        });
        rig.front(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
        assert_eq!(rig.ended(), (failed(Error::Chunk), 200, 0));
        assert_eq!(rig.server.after(), After::Close);
        rig.bridge.take_end(0);
        rig.run();
        assert!(rig.over.is_empty());
        // Before it: the refusal is the bridge's.
        let mut rig = http_fcgi(driver);
        rig.head = Box::new(|parts, place| {
            parts.bridge.take(place);
        });
        rig.front(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
        assert!(rig.said().starts_with("HTTP/1.1 400 "));
        assert_eq!(rig.ended(), (failed(Error::Chunk), 400, 0));
    });
}

/// The caller thinks better of it.
#[test]
fn refused_after_all() {
    every(|driver| {
        let mut rig = http_fcgi(driver);
        rig.head = Box::new(|parts, place| {
            parts.bridge.take(place);
        });
        rig.front(GET_H);
        rig.bridge.refuse(0, Error::Internal);
        rig.run();
        assert!(rig.said().starts_with("HTTP/1.1 500 "));
        assert_eq!(rig.ended(), (failed(Error::Internal), 500, 0));
        // The machine was told before: then it is over and nothing else.
        let mut rig = http_fcgi(driver);
        rig.head = Box::new(|parts, place| {
            let id = parts.bridge.take(place).unwrap();
            let mut room = [0; 256];
            let frame = parts.server.fail(id, Error::Internal, &mut room).unwrap();
            parts.to_front.extend(frame.slices().concat());
        });
        rig.front(GET_H);
        rig.bridge.refuse(0, Error::Upstream);
        rig.run();
        assert!(rig.said().starts_with("HTTP/1.1 500 "));
        assert_eq!(rig.ended(), (failed(Error::Upstream), 0, 0));
    });
}

/// Others go on while one is answered, on both sides.
#[test]
fn among_others() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![fcgi_client(1)]);
        rig.head = Box::new(|parts, place| {
            let e = parts.bridge.exchange(place).unwrap();
            match e.request().get(b"HTTP_MINE") {
                Some(_) => drop(parts.bridge.take(place)),
                None => parts.bridge.forward(place),
            }
        });
        rig.front(&[params(2, &[("HTTP_MINE", "1")]), get(1)].concat());
        rig.back(0, &answer(1, "A: b\r\n\r\nok"));
        let over = std::mem::take(&mut rig.over);
        assert_eq!((over.len(), over[0].place, over[0].end), (1, 1, DONE));
        assert!(output(&rig.said()).0.ends_with("ok|"));
        let id = Id::new(2).unwrap();
        let mut room = [0; 64];
        let head = rig.server.head(id, 204, [], Length::None, &mut room);
        assert!(head.is_ok());
        let end = fcgi::Server::end(&mut rig.server, id, 0);
        assert!(end.is_ok());
        rig.bridge.exchange_mut(0).unwrap().set_sent(204, 0);
        rig.bridge.take_end(0);
        rig.run();
        assert_eq!(rig.ended(), (DONE, 204, 0));
    });
}
