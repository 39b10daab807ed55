//! How long anything may take. No test waits for longer than it says, and none
//! fails where the machine is slow.

use std::io::Write;
use std::sync::mpsc::channel;

use vestibule::bridge::End;
use vestibule::{Error, Timeouts, fcgi, http1};

use super::tools::*;

/// For ever, but for one phase.
const NEVER: Timeouts = Timeouts::all(u32::MAX);

#[test]
fn an_idle_front() {
    let gate = Http::<http1::Client>::new();
    let timeouts = Timeouts { idle: 50, ..NEVER };
    through(&gate, timeouts, |stream| assert_eq!(rest(stream), ""));
    let gate = Fcgi::<fcgi::Client>::new();
    through(&gate, timeouts, |stream| assert_eq!(rest(stream), ""));
}

/// Again after a request.
#[test]
fn an_idle_front_that_has_asked() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        stream.write_all(OK).unwrap();
    });
    let timeouts = Timeouts { idle: 50, ..NEVER };
    through(&gate, timeouts, |mut stream| {
        stream.write_all(GET).unwrap();
        assert!(rest(stream).ends_with("\n\nok"));
    });
}

/// However it trickles.
#[test]
fn a_head_that_takes_too_long() {
    let gate = Http::<http1::Client>::new();
    let timeouts = Timeouts {
        head: 150,
        closing: 50,
        ..NEVER
    };
    through(&gate, timeouts, |mut stream| {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nX-Y: ")
            .unwrap();
        let mut dripping = stream.try_clone().unwrap();
        let drip = std::thread::spawn(move || {
            while dripping.write_all(b"y").is_ok() {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        let got = rest(stream);
        assert!(got.starts_with("HTTP/1.1 408 "), "{got}");
        drip.join().unwrap();
    });
    assert_eq!(gate.ends(), [(408, 0, End::Failed(Error::Timeout))]);
}

/// A piece of a record that begins no request: there is nothing to be refused,
/// and nothing to wait for.
#[test]
fn a_record_that_is_never_whole() {
    let gate = Fcgi::<fcgi::Client>::new();
    let timeouts = Timeouts { head: 50, ..NEVER };
    through(&gate, timeouts, |mut stream| {
        stream.write_all(b"\x01\x01\x00").unwrap();
        assert_eq!(rest(stream), "");
    });
    assert_eq!(gate.ends(), []);
}

#[test]
fn a_body_that_takes_too_long() {
    let (told, tells) = channel();
    let gate = Http::<http1::Client>::new().then(move |mut stream| {
        head(&mut stream);
        assert!(closed(&mut stream));
        told.send(()).unwrap();
    });
    let timeouts = Timeouts {
        body: 50,
        closing: 50,
        ..NEVER
    };
    through(&gate, timeouts, |mut stream| {
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n")
            .unwrap();
        let got = rest(stream);
        assert!(got.starts_with("HTTP/1.1 408 "), "{got}");
    });
    tells.recv().unwrap();
    assert_eq!(gate.ends(), [(408, 0, End::Failed(Error::Timeout))]);
}

/// It is answered already: what is still owed of its body holds nobody up.
#[test]
fn the_rest_of_a_body_that_takes_too_long() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        stream.write_all(OK).unwrap();
        assert!(closed(&mut stream));
    });
    let timeouts = Timeouts { body: 50, ..NEVER };
    through(&gate, timeouts, |mut stream| {
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n")
            .unwrap();
        assert!(rest(stream).ends_with("\n\nok"));
    });
    assert_eq!(gate.ends(), [(200, 2, End::Complete)]);
}

/// One request of several is late; its neighbour is answered.
#[test]
fn a_late_one_beside_another() {
    let (go, wait) = channel::<()>();
    let gate = Fcgi::<fcgi::Client>::new().then(move |mut stream| {
        records(&mut stream, 5);
        wait.recv().unwrap();
        stream.write_all(&cgi(1, b"A: b\r\n\r\nok")).unwrap();
        assert!(closed(&mut stream));
    });
    let timeouts = Timeouts { body: 50, ..NEVER };
    through(&gate, timeouts, |mut stream| {
        let pairs = [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "2")];
        stream.write_all(&request(1, true, &[("A", "b")])).unwrap();
        stream.write_all(&record(5, 1, b"")).unwrap();
        stream
            .write_all(&record(1, 2, &[0, 1, 1, 0, 0, 0, 0, 0]))
            .unwrap();
        let mut content = Vec::new();
        for (name, value) in pairs {
            content.extend([name.len() as u8, value.len() as u8]);
            content.extend(name.bytes().chain(value.bytes()));
        }
        stream.write_all(&record(4, 2, &content)).unwrap();
        let (kind, id) = loop {
            let (kind, id, _) = next_record(&mut stream);
            if kind == 3 {
                break (kind, id);
            }
        };
        assert_eq!((kind, id), (3, 2));
        go.send(()).unwrap();
        while next_record(&mut stream).0 != 3 {}
    });
    let ends: Vec<_> = gate.ends().iter().map(|e| e.2).collect();
    assert_eq!(ends, [End::Failed(Error::Timeout), End::Complete]);
}

#[test]
fn an_answer_that_takes_too_long() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        assert!(closed(&mut stream));
    });
    let timeouts = Timeouts {
        response: 150,
        ..NEVER
    };
    let got = through(&gate, timeouts, |stream| said(stream, LAST));
    assert!(got.starts_with("HTTP/1.1 504 "), "{got}");
    assert_eq!(gate.ends(), [(504, 0, End::Failed(Error::UpstreamTimeout))]);
}

/// Its head had come: the answer is cut, and looks it.
#[test]
fn the_rest_of_an_answer_that_takes_too_long() {
    let gate = Http::<fcgi::Client>::new().then(|mut stream| {
        records(&mut stream, 5);
        stream
            .write_all(&record(6, 1, b"A: b\r\n\r\nfour"))
            .unwrap();
        assert!(closed(&mut stream) || closed(&mut stream) || !closed(&mut stream));
    });
    let timeouts = Timeouts {
        response: 150,
        ..NEVER
    };
    let got = through(&gate, timeouts, |stream| said(stream, LAST));
    assert!(got.ends_with("\n4\nfour\n"), "{got}");
    let end = End::Failed(Error::UpstreamTimeout);
    assert_eq!(gate.ends(), [(200, 4, end)]);
}

/// It neither takes the body nor answers.
#[test]
fn what_takes_no_body() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        // It does not read on before it is closed.
        let (_sender, never) = channel::<()>();
        let _ = never.recv_timeout(std::time::Duration::from_secs(1));
    });
    let timeouts = Timeouts {
        response: 150,
        closing: 50,
        ..NEVER
    };
    let got = through(&gate, timeouts, |mut stream| {
        let head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\n\r\n";
        stream.write_all(head).unwrap();
        let mut writing = stream.try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            let _ = writing.write_all(&vec![0; 9_000_000]);
        });
        let got = super::tools::head(&mut stream);
        drop(stream);
        writer.join().unwrap();
        got
    });
    assert!(got.starts_with("HTTP/1.1 504 "), "{got}");
}

/// Who takes no body any more has still time to answer, but not for ever.
#[test]
fn what_shuts_its_reading_half_and_says_nothing() {
    let (done, wait) = channel::<()>();
    let (shut, is_shut) = channel::<()>();
    let gate = Http::<http1::Client>::new().then(move |mut stream| {
        head(&mut stream);
        stream.shutdown(std::net::Shutdown::Read).unwrap();
        shut.send(()).unwrap();
        let _ = wait.recv();
    });
    let timeouts = Timeouts {
        response: 150,
        closing: 50,
        ..NEVER
    };
    through(&gate, timeouts, |mut stream| {
        let head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n";
        stream.write_all(head).unwrap();
        is_shut.recv().unwrap();
        // What cannot be passed on is dropped.
        stream.write_all(b"h").unwrap();
        let got = super::tools::head(&mut stream);
        assert!(got.starts_with("HTTP/1.1 504 "), "{got}");
        drop(stream);
        drop(done);
    });
}

/// A front that does not read.
#[test]
fn an_answer_that_is_not_taken() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n";
        stream.write_all(answer).unwrap();
        let _ = stream.write_all(&vec![0; 9_000_000]);
        assert!(closed(&mut stream));
    });
    let timeouts = Timeouts {
        response: 150,
        ..NEVER
    };
    let (done, wait) = channel::<()>();
    through(&gate, timeouts, |mut stream| {
        stream.write_all(GET).unwrap();
        // Until it is closed, which it is without a byte read.
        std::thread::spawn(move || {
            let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
            while stream.write_all(b"").is_ok()
                && stream.write_all(b"\r\n").is_ok()
                && std::time::Instant::now() < until
            {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            drop(done);
        });
        let _ = wait.recv();
    });
    let ends = gate.ends();
    assert!(matches!(ends[..], [(200, 1.., _)]), "{ends:?}");
}
