//! Connections of the front: how they end, and what is read of them.

use std::io::Write;
use std::net::Shutdown;

use vestibule::bridge::End;
use vestibule::{Error, Timeouts, fcgi, http1};

use super::tools::*;

/// Answers GETs until the connection is closed.
fn serves(mut stream: std::os::unix::net::UnixStream) {
    loop {
        let mut first = [0];
        if std::io::Read::read(&mut stream, &mut first).unwrap_or(0) == 0 {
            return;
        }
        head(&mut stream);
        if stream.write_all(OK).is_err() {
            return;
        }
    }
}

#[test]
fn one_request_after_the_other() {
    let gate = Http::<http1::Client>::new().then(serves);
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        for _ in 0..3 {
            stream.write_all(GET).unwrap();
            let got = head(&mut stream);
            assert_eq!(got, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
            assert_eq!(exactly(&mut stream, 2), b"ok");
        }
        // HTTP/1.0 is kept where it asks for that.
        let old = b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        stream
            .write_all(&[&old[..], b"HEAD /a HTTP/1.0\r\nHost: h\r\n\r\n"].concat())
            .unwrap();
        let got = rest(stream);
        assert!(got.contains("HTTP/1.1 400 "), "{got}");
    });
}

#[test]
fn what_is_no_request() {
    let gate = Http::<http1::Client>::new();
    for (bytes, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], 400),
        (b"nonsense\r\n", 400),
        (b"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505),
        (b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: h", 400),
    ] {
        let got = ask(&gate, bytes);
        let want = format!("HTTP/1.1 {status} ");
        if bytes.ends_with(b"h") {
            // Nobody listens.
            assert_eq!(got, "");
        } else {
            assert!(got.starts_with(&want), "{got}");
            assert_eq!(got.matches("HTTP/1.1").count(), 1);
        }
    }
    assert!(gate.asked().is_empty());
}

#[test]
fn a_head_that_is_too_long() {
    let gate = Http::<http1::Client>::new();
    let line = format!("X-Long: {}\r\n", "y".repeat(8_000));
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", line.repeat(12));
    let got = ask(&gate, long.as_bytes());
    assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
    // As long as may be, it passes, byte by byte too: nothing is cut by our
    // storage.
    let long = format!(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{}\r\n",
        line.repeat(8)
    );
    for step in [usize::MAX, 1_000, 17] {
        let gate = Http::<http1::Client>::new().then(|mut stream| {
            let got = head(&mut stream);
            assert_eq!(got.matches(&"y".repeat(8_000)).count(), 8);
            stream.write_all(OK).unwrap();
        });
        let got = through(&gate, Timeouts::DEFAULT, |mut stream| {
            for part in long.as_bytes().chunks(step.min(long.len())) {
                stream.write_all(part).unwrap();
            }
            rest(stream)
        });
        assert!(got.ends_with("\n\nok"), "{got}");
    }
}

/// Short names and no values take the most storage beside their bytes.
#[test]
fn a_head_of_many_short_fields() {
    let fields: String = (0..97).map(|n| format!("x{n}:\r\n")).collect();
    let bytes = format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}\r\n");
    for step in [usize::MAX, 7, 1] {
        let gate = Http::<http1::Client>::new().then(|mut stream| {
            let got = head(&mut stream);
            assert!(
                got.contains("\r\nx0: \r\n") && got.contains("\r\nx96: \r\n"),
                "{got}"
            );
            stream.write_all(OK).unwrap();
        });
        let got = through(&gate, Timeouts::DEFAULT, |mut stream| {
            for part in bytes.as_bytes().chunks(step.min(bytes.len())) {
                stream.write_all(part).unwrap();
            }
            rest(stream)
        });
        assert!(got.ends_with("\n\nok"), "{got}");
    }
}

/// Trailers of a request are storage too, behind a body of any size.
#[test]
fn trailers_pass() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        let got = head(&mut stream);
        assert!(got.contains("Transfer-Encoding: chunked\r\n"), "{got}");
        let body = until(&mut stream, b"X-Sum: 1\r\n\r\n");
        assert!(body.ends_with(b"0\r\nX-Sum: 1\r\n\r\n"));
        stream.write_all(OK).unwrap();
    });
    let chunk = format!("2710\r\n{}\r\n", "c".repeat(10_000));
    let head =
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bytes = format!("{head}{}0\r\nX-Sum: 1\r\n\r\n", chunk.repeat(20));
    let got = ask(&gate, bytes.as_bytes());
    assert!(got.ends_with("\n\nok"), "{got}");
}

#[test]
fn a_body_that_is_waited_for() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        let got = head(&mut stream);
        assert!(!got.contains("Expect"), "{got}");
        assert_eq!(exactly(&mut stream, 2), b"hi");
        stream.write_all(OK).unwrap();
    });
    let got = through(&gate, Timeouts::DEFAULT, |mut stream| {
        stream
            .write_all(
                b"PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\n\
                  Content-Length: 2\r\n\r\n",
            )
            .unwrap();
        assert_eq!(head(&mut stream), "HTTP/1.1 100 Continue\r\n\r\n");
        stream.write_all(b"hi").unwrap();
        rest(stream)
    });
    assert!(got.ends_with("\n\nok"), "{got}");
}

/// Who goes on sending behind the answer is read for a while, and then no
/// more: 64 MiB are the machine's bound.
#[test]
fn a_body_without_end_behind_an_early_answer() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        stream.write_all(OK).unwrap();
        while !closed(&mut stream) {}
    });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999\r\n\r\n")
            .unwrap();
        assert!(head(&mut stream).starts_with("HTTP/1.1 200 "));
        let chunk = vec![0; 1 << 20];
        let sent = (0..100)
            .take_while(|_| stream.write_all(&chunk).is_ok())
            .count();
        assert!((10..100).contains(&sent), "{sent}");
    });
}

/// What follows a broken request is dropped, but not for ever.
#[test]
fn a_flood_behind_nonsense() {
    let gate = Http::<http1::Client>::new();
    let timeouts = Timeouts {
        closing: 300,
        ..Timeouts::DEFAULT
    };
    through(&gate, timeouts, |mut stream| {
        stream.write_all(b"nonsense\r\n\r\n").unwrap();
        assert!(head(&mut stream).starts_with("HTTP/1.1 400 "));
        let chunk = vec![b'x'; 1 << 16];
        while stream.write_all(&chunk).is_ok() {}
    });
}

/// A web server may ask for values, and for what nobody knows.
#[test]
fn questions_of_fastcgi() {
    let gate = Fcgi::<fcgi::Client>::new();
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        stream
            .write_all(&record(9, 0, b"\x0f\x00FCGI_MPXS_CONNS"))
            .unwrap();
        let (kind, _, content) = next_record(&mut stream);
        assert_eq!((kind, &content[..]), (10, &b"\x0f\x01FCGI_MPXS_CONNS1"[..]));
        stream.write_all(&record(77, 0, b"")).unwrap();
        assert_eq!(next_record(&mut stream).0, 11);
        // More requests than there are exchanges.
        for id in 1..=5 {
            stream
                .write_all(&record(1, id, &[0, 1, 1, 0, 0, 0, 0, 0]))
                .unwrap();
        }
        let (kind, id, content) = next_record(&mut stream);
        assert_eq!((kind, id, content[4]), (3, 5, 2));
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(closed(&mut stream));
    });
    let end = End::Failed(Error::Eof);
    assert!(
        gate.ends()
            .iter()
            .all(|e| e.2 == End::Aborted || e.2 == end)
    );
}
