//! Connections behind: kept, found closed, refused, given up.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;

use vestibule::bridge::End;
use vestibule::{Error, Timeouts, fcgi, http1};

use super::tools::*;

/// Answers so many GETs, then reads a head and closes without a word.
fn answers_then_closes(n: usize) -> impl FnOnce(UnixStream) + Send + 'static {
    move |mut stream| {
        for _ in 0..n {
            head(&mut stream);
            stream.write_all(OK).unwrap();
        }
        head(&mut stream);
    }
}

#[test]
fn kept_for_the_next_request() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        for _ in 0..3 {
            head(&mut stream);
            stream.write_all(OK).unwrap();
        }
        assert!(closed(&mut stream));
    });
    let got = ask(&gate, &[GET, GET, LAST].concat());
    assert_eq!(got.matches("\n\nok").count(), 3, "{got}");
    assert_eq!(gate.asked(), [false; 3]);
    assert_eq!(gate.opened(), 1);
}

/// Another front's connection gets it.
#[test]
fn kept_for_others() {
    let gate = Http::<fcgi::Client>::new().then(|mut stream| {
        for _ in 0..2 {
            let all = records(&mut stream, 5);
            assert_eq!(all[0], (1, 1, vec![0, 1, 1, 0, 0, 0, 0, 0]));
            stream.write_all(&cgi(1, b"A: b\r\n\r\nok")).unwrap();
        }
    });
    for _ in 0..2 {
        let _watch = Watch::new();
        let (near, far) = UnixStream::pair().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let policy = vestibule::bridge::Policy::STRICT;
                let machine = http1::Server::new();
                let timeouts = Timeouts::DEFAULT;
                vestibule::adapt::gateway::run(&gate, &near, machine, 1, policy, timeouts);
                drop(near);
            });
            let got = said(far, LAST);
            assert!(got.contains("\n2\nok\n0\n\n"), "{got}");
        });
    }
    assert_eq!(gate.opened(), 1);
    gate.end();
}

#[test]
fn a_get_is_sent_again_where_a_kept_one_is_found_closed() {
    let (seen, saw) = channel();
    let gate = Http::<http1::Client>::new()
        .then(answers_then_closes(1))
        .then(move |mut stream| {
            seen.send(head(&mut stream)).unwrap();
            stream.write_all(OK).unwrap();
            assert!(closed(&mut stream));
        });
    let got = ask(&gate, &[GET, LAST].concat());
    assert_eq!(got.matches("\n\nok").count(), 2, "{got}");
    // Processed once, on one that was opened for it.
    assert_eq!(saw.iter().count(), 1);
    assert_eq!(gate.asked(), [false, false, true]);
    assert_eq!(gate.ends(), [(200, 2, End::Complete); 2]);
}

/// Also where that takes so long that another thread than the front's sees it.
#[test]
fn a_get_is_sent_again_later() {
    let gate = Http::<http1::Client>::new()
        .then(|mut stream| {
            head(&mut stream);
            stream.write_all(OK).unwrap();
            head(&mut stream);
            // The subject is slowness itself.
            std::thread::sleep(std::time::Duration::from_millis(300));
        })
        .then(|mut stream| {
            head(&mut stream);
            stream.write_all(OK).unwrap();
            assert!(closed(&mut stream));
        });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        for _ in 0..2 {
            stream.write_all(GET).unwrap();
            assert!(head(&mut stream).starts_with("HTTP/1.1 200 "));
            assert_eq!(exactly(&mut stream, 2), b"ok");
        }
    });
    assert_eq!(gate.asked(), [false, false, true]);
}

/// Two on one connection, of which the second is not taken there: it goes to
/// another, and the first is answered all the same.
#[test]
fn one_that_takes_no_second() {
    let make = || fcgi::Client::new(vec![fcgi::client::Slot::EMPTY; 2]);
    let mut gate = Fcgi::<fcgi::Client<Vec<fcgi::client::Slot>>>::with(make);
    gate.shared = true;
    let (second, go) = channel();
    let gate = gate
        .then(move |mut stream| {
            records(&mut stream, 5);
            // CANT_MPX_CONN.
            records(&mut stream, 5);
            let mut bytes = record(3, 2, &[0, 0, 0, 0, 1, 0, 0, 0]);
            stream.write_all(&bytes).unwrap();
            go.recv().unwrap();
            bytes = cgi(1, b"A: b\r\n\r\none");
            stream.write_all(&bytes).unwrap();
            assert!(closed(&mut stream));
        })
        .then(move |mut stream| {
            records(&mut stream, 5);
            stream.write_all(&cgi(1, b"A: b\r\n\r\ntwo")).unwrap();
            second.send(()).unwrap();
            assert!(closed(&mut stream));
        });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        for id in [1, 2] {
            let bytes = [request(id, true, &[("A", "b")]), record(5, id, b"")].concat();
            stream.write_all(&bytes).unwrap();
        }
        let mut over = Vec::new();
        while over.len() < 2 {
            let (kind, id, _) = next_record(&mut stream);
            if kind == 3 {
                over.push(id);
            }
        }
        over.sort_unstable();
        assert_eq!(over, [1, 2]);
    });
    assert_eq!(gate.asked(), [false, true]);
    assert_eq!(gate.ends(), [(200, 3, End::Complete); 2]);
}

/// The same by FastCGI, where the end of a kept connection means the same.
#[test]
fn a_get_is_sent_again_by_fastcgi_too() {
    let gate = Http::<fcgi::Client>::new()
        .then(|mut stream| {
            records(&mut stream, 5);
            stream.write_all(&cgi(1, b"A: b\r\n\r\nok")).unwrap();
            records(&mut stream, 5);
        })
        .then(|mut stream| {
            records(&mut stream, 5);
            stream.write_all(&cgi(1, b"A: b\r\n\r\nok")).unwrap();
            assert!(closed(&mut stream));
        });
    let got = ask(&gate, &[GET, LAST].concat());
    assert_eq!(got.matches("\n2\nok\n0\n\n").count(), 2, "{got}");
    assert_eq!(gate.asked(), [false, false, true]);
}

/// Only once: the third is not tried.
#[test]
fn not_a_second_time() {
    let gate = Http::<http1::Client>::new()
        .then(answers_then_closes(1))
        .then(answers_then_closes(0))
        .then(answers_then_closes(1));
    let got = ask(&gate, &[GET, LAST].concat());
    assert!(got.contains("HTTP/1.1 502 "), "{got}");
    assert_eq!(gate.asked(), [false, false, true]);
    let end = (502, 0, End::Failed(Error::Upstream));
    assert_eq!(gate.ends(), [(200, 2, End::Complete), end]);
}

/// A POST may have been acted on.
#[test]
fn a_post_is_not_sent_again() {
    for post in [
        &b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"[..],
        b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ] {
        let gate = Http::<http1::Client>::new()
            .then(answers_then_closes(1))
            .then(answers_then_closes(1));
        let got = ask(&gate, &[GET, post].concat());
        assert!(got.contains("HTTP/1.1 502 "), "{got}");
        assert_eq!(gate.asked(), [false, false]);
        let gate = Http::<fcgi::Client>::new().then(|mut stream| {
            records(&mut stream, 5);
            stream.write_all(&cgi(1, b"A: b\r\n\r\nok")).unwrap();
            records(&mut stream, 5);
        });
        let got = ask(&gate, &[GET, post].concat());
        assert!(got.contains("HTTP/1.1 502 "), "{got}");
        assert_eq!(gate.asked(), [false, false]);
    }
}

/// A connection that never answered has not forgotten us: it refused.
#[test]
fn a_get_is_not_sent_again_where_a_fresh_one_closes() {
    let gate = Http::<http1::Client>::new()
        .then(answers_then_closes(0))
        .then(answers_then_closes(1));
    let got = ask(&gate, LAST);
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    assert_eq!(gate.asked(), [false]);
}

#[test]
fn none_can_be_had() {
    let gate = Http::<http1::Client>::new();
    let got = ask(&gate, LAST);
    assert!(got.starts_with("HTTP/1.1 502 "), "{got}");
    assert_eq!(gate.ends(), [(502, 0, End::Failed(Error::Upstream))]);
}

/// The front resets its connection while what stands behind works: that sees
/// its own closed. By HTTP only a reset can be told from a half close, so
/// there is something unread.
#[test]
fn a_browser_that_is_gone() {
    let (sent, go) = channel();
    let (gone, seen) = channel();
    let gate = Http::<http1::Client>::new().then(move |mut stream| {
        head(&mut stream);
        let part = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour";
        stream.write_all(part).unwrap();
        sent.send(()).unwrap();
        assert!(closed(&mut stream));
        gone.send(()).unwrap();
    });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        stream.write_all(GET).unwrap();
        go.recv().unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        drop(stream);
    });
    seen.recv().unwrap();
    let ends = gate.ends();
    assert!(matches!(ends[..], [(200, 4, _)]), "{ends:?}");
}

/// A web server that has gone, or has aborted its request: an application of
/// FastCGI is told by ABORT_REQUEST, or by the close.
#[test]
fn a_web_server_that_is_gone() {
    for aborts in [true, false] {
        let (sent, go) = channel();
        let gate = Fcgi::<fcgi::Client>::new().then(move |mut stream| {
            records(&mut stream, 5);
            sent.send(()).unwrap();
            let mut got = Vec::new();
            let _ = stream.read_to_end(&mut got);
            // Closed; it may have been told before.
            assert!(got.is_empty() || got.starts_with(&record(2, 1, b"")));
        });
        through(&gate, Timeouts::DEFAULT, |mut stream| {
            let bytes = [request(1, true, &[("A", "b")]), record(5, 1, b"")].concat();
            stream.write_all(&bytes).unwrap();
            go.recv().unwrap();
            if aborts {
                stream.write_all(&record(2, 1, b"")).unwrap();
                // It has its END_REQUEST, and goes on.
                while next_record(&mut stream).0 != 3 {}
            }
            stream.shutdown(Shutdown::Both).unwrap();
        });
        assert!(
            matches!(gate.ends()[..], [(_, 0, End::Aborted)]),
            "{:?}",
            gate.ends()
        );
    }
}

/// The connection of the front goes on, that of the application does not: many
/// do not heed an abort.
#[test]
fn an_abort_is_told_at_once() {
    let (gone, is_gone) = channel();
    let gate = Fcgi::<fcgi::Client>::new()
        .then(move |mut stream| {
            records(&mut stream, 5);
            // Its head comes to the front: a thread reads it by then.
            stream.write_all(&record(6, 1, b"A: b\r\n\r\n")).unwrap();
            let mut got = Vec::new();
            let _ = stream.read_to_end(&mut got);
            gone.send(got).unwrap();
        })
        .then(|mut stream| {
            records(&mut stream, 5);
            stream.write_all(&cgi(1, b"A: b\r\n\r\nok")).unwrap();
        });
    let timeouts = Timeouts {
        closing: 1,
        ..Timeouts::all(u32::MAX)
    };
    through(&gate, timeouts, |mut stream| {
        let bytes = [request(1, true, &[("A", "b")]), record(5, 1, b"")].concat();
        stream.write_all(&bytes).unwrap();
        assert_eq!(next_record(&mut stream).0, 6);
        // Until that thread waits without end.
        std::thread::sleep(std::time::Duration::from_millis(600));
        stream.write_all(&record(2, 1, b"")).unwrap();
        while next_record(&mut stream).0 != 3 {}
        assert_eq!(is_gone.recv().unwrap(), record(2, 1, b""));
        stream.write_all(&bytes).unwrap();
        while next_record(&mut stream).0 != 3 {}
    });
    let ends: Vec<_> = gate.ends().iter().map(|e| e.2).collect();
    assert_eq!(ends, [End::Aborted, End::Complete]);
}

/// Half of a request is no request.
#[test]
fn a_browser_that_is_gone_in_the_middle() {
    let (sent, go) = channel();
    let gate = Http::<http1::Client>::new().then(move |mut stream| {
        let got = head(&mut stream);
        assert!(got.contains("Content-Length: 9\r\n"), "{got}");
        assert_eq!(exactly(&mut stream, 4), b"four");
        sent.send(()).unwrap();
        assert!(closed(&mut stream));
    });
    let got = through(&gate, Timeouts::DEFAULT, |mut stream| {
        stream
            .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nfour")
            .unwrap();
        go.recv().unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream)
    });
    assert_eq!(got, "");
    assert_eq!(gate.ends().len(), 1);
}
