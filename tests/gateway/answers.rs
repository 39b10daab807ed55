//! What a front gets where what stands behind does odd things.

use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::time::Duration;

use vestibule::bridge::End;
use vestibule::{Error, Timeouts, fcgi, http1};

use super::tools::*;

/// What a browser gets where a server of HTTP says `answer` to its GET, and
/// closes.
fn http(answer: &'static [u8]) -> (String, Vec<(u16, u64, End)>) {
    let gate = Http::<http1::Client>::new().then(move |mut stream| {
        head(&mut stream);
        stream.write_all(answer).unwrap();
    });
    (ask(&gate, LAST), gate.ends())
}

/// The same with an application of FastCGI.
fn cgis(records: Vec<u8>) -> (String, Vec<(u16, u64, End)>) {
    let gate = Http::<fcgi::Client>::new().then(move |mut stream| {
        super::tools::records(&mut stream, 5);
        stream.write_all(&records).unwrap();
    });
    (ask(&gate, LAST), gate.ends())
}

const BAD: &str = "HTTP/1.1 502 Bad Gateway\nContent-Length: 0\nConnection: close\n\n";
const FAILED: End = End::Failed(Error::Upstream);

#[test]
fn whole_ones() {
    for (answer, want, sent) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..],
            "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok",
            (200, 2),
        ),
        // Only its close ends it.
        (
            b"HTTP/1.0 200 Fine\r\nX-A: 1\r\n\r\nall",
            "HTTP/1.1 200 OK\nX-A: 1\nTransfer-Encoding: chunked\nConnection: close\n\n\
             3\nall\n0\n\n",
            (200, 3),
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n\n\
             1\na\n2\nbc\n0\n\n",
            (200, 3),
        ),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 103 Early Hints\nLink: </s>\n\nHTTP/1.1 204 No Content\n\
             Connection: close\n\n",
            (204, 0),
        ),
        (
            b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
            "HTTP/1.1 304 Not Modified\nETag: \"a\"\nConnection: close\n\n",
            (304, 0),
        ),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nKeep-Alive: x\r\n\
              Connection: X-Hop\r\nX-Hop: 1\r\n\r\n",
            "HTTP/1.1 404 Not Found\nContent-Length: 0\nConnection: close\n\n",
            (404, 0),
        ),
    ] {
        let (got, ends) = http(answer);
        assert_eq!(got, want);
        assert_eq!(ends, [(sent.0, sent.1, End::Complete)], "{got}");
    }
    let (got, ends) = cgis(cgi(1, b"Status: 201 Made\r\nX-A: 1\r\n\r\nmade"));
    assert_eq!(
        got,
        "HTTP/1.1 201 Created\nX-A: 1\nTransfer-Encoding: chunked\nConnection: close\n\n\
         4\nmade\n0\n\n"
    );
    assert_eq!(ends, [(201, 4, End::Complete)]);
}

#[test]
fn none_or_nonsense() {
    for answer in [
        &b""[..],
        b"\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
    ] {
        let (got, ends) = http(answer);
        assert_eq!(got, BAD, "{}", answer.escape_ascii());
        assert_eq!(ends, [(502, 0, FAILED)]);
    }
    for answer in [
        vec![],
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        record(6, 1, b"no head at all"),
        record(6, 2, b"A: b\r\n\r\n"),
        cgi(1, b""),
        record(3, 1, &[0; 8]),
        // UNKNOWN_ROLE.
        record(3, 1, &[0, 0, 0, 0, 3, 0, 0, 0]),
    ] {
        let (got, ends) = cgis(answer.clone());
        assert_eq!(got, BAD, "{}", answer.escape_ascii());
        assert_eq!(ends, [(502, 0, FAILED)]);
    }
    // Who is overloaded says so, to whoever asks a second time too.
    let overloaded = record(3, 1, &[0, 0, 0, 0, 2, 0, 0, 0]);
    let gate = Http::<fcgi::Client>::new();
    let gate = (0..2).fold(gate, |gate, _| {
        let answer = overloaded.clone();
        gate.then(move |mut stream| {
            records(&mut stream, 5);
            stream.write_all(&answer).unwrap();
            assert!(closed(&mut stream));
        })
    });
    let got = ask(&gate, LAST);
    assert!(got.starts_with("HTTP/1.1 503 "), "{got}");
    assert_eq!(gate.asked(), [false, true]);
}

/// A cut answer never looks complete in front.
#[test]
fn cut_ones() {
    for (answer, want) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour"[..],
            "HTTP/1.1 200 OK\nContent-Length: 9\nConnection: close\n\nfour",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n\n4\nfour\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n\n4\nfour\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\nx\r\n",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n\n4\nfour\n",
        ),
    ] {
        let (got, ends) = http(answer);
        assert_eq!(got, want);
        assert_eq!(ends, [(200, 4, FAILED)], "{got}");
    }
    let chunked = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nConnection: close\n\n4\nfour\n";
    let output = record(6, 1, b"A: b\r\n\r\nfour");
    let ended = [&output[..], &record(6, 1, b"")].concat();
    for answer in [
        output.clone(),
        // Its output ended, but not its request.
        ended.clone(),
        [&output[..], &record(6, 1, b"rest")[..9]].concat(),
        [&output[..], b"garbage!"].concat(),
        // It says itself that it has failed.
        [&output[..], &record(3, 1, &[0, 0, 0, 1, 0, 0, 0, 0])].concat(),
    ] {
        let (got, ends) = cgis(answer.clone());
        let want = chunked.replacen("OK\n", "OK\nA: b\n", 1);
        assert!(got.starts_with(want.trim_end()), "{got}");
        assert!(!got.ends_with("0\n\n"), "{got}");
        assert!(answer != ended || got == want, "{got}");
        assert!(matches!(ends[..], [(200, _, End::Failed(_))]), "{ends:?}");
    }
}

/// To a web server: END_REQUEST says it, or the end of the connection.
#[test]
fn cut_ones_by_fastcgi() {
    let gate = Fcgi::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour")
            .unwrap();
    });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        let pairs = [
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/"),
            ("HTTP_HOST", "h"),
        ];
        stream.write_all(&request(1, true, &pairs)).unwrap();
        stream.write_all(&record(5, 1, b"")).unwrap();
        let all = records_until_end(&mut stream);
        let text: Vec<u8> = all
            .iter()
            .filter(|r| r.0 == 6)
            .flat_map(|r| r.2.clone())
            .collect();
        assert!(text.ends_with(b"\r\n\r\nfour"), "{}", text.escape_ascii());
        // STDOUT has no end, and the status is not that of success.
        assert!(all.iter().all(|r| r.0 != 6 || !r.2.is_empty()));
        if let Some((3, 1, end)) = all.last() {
            assert_ne!(end[..4], [0; 4]);
        }
    });
    assert_eq!(gate.ends(), [(200, 4, FAILED)]);
}

/// Records until END_REQUEST or the end of the connection.
fn records_until_end(stream: &mut UnixStream) -> Vec<(u8, u16, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        let mut first = [0];
        if std::io::Read::read(stream, &mut first).unwrap_or(0) == 0 {
            return all;
        }
        let record = next_record(&mut std::io::Read::chain(&first[..], &mut *stream));
        let last = record.0 == 3;
        all.push(record);
        if last {
            return all;
        }
    }
}

/// What follows an answer belongs to nobody, and the connection is not used
/// again.
#[test]
fn longer_than_declared() {
    let gate = Http::<http1::Client>::new()
        .then(|mut stream| {
            head(&mut stream);
            stream.write_all(&[OK, b"surplus"].concat()).unwrap();
            assert!(closed(&mut stream));
        })
        .then(|mut stream| {
            head(&mut stream);
            stream.write_all(OK).unwrap();
        });
    let got = ask(&gate, &[GET, LAST].concat());
    assert_eq!(got.matches("ok").count(), 2, "{got}");
    assert!(!got.contains("surplus"));
    assert_eq!(gate.asked(), [false, false]);
    assert_eq!(gate.opened(), 2);
}

/// An answer that does not wait for the body: the body is dropped, the next
/// request is read.
#[test]
fn early_ones() {
    let gate = Http::<http1::Client>::new()
        .then(|mut stream| {
            head(&mut stream);
            stream
                .write_all(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .unwrap();
        })
        .then(|mut stream| {
            head(&mut stream);
            stream.write_all(OK).unwrap();
        });
    let got = through(&gate, Timeouts::DEFAULT, |mut stream| {
        let post = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n";
        stream.write_all(post).unwrap();
        let first = head(&mut stream);
        assert!(first.starts_with("HTTP/1.1 413 "), "{first}");
        stream.write_all(&vec![b'x'; 30_000]).unwrap();
        stream.write_all(LAST).unwrap();
        rest(stream)
    });
    assert!(got.ends_with("\n\nok"), "{got}");
    assert_eq!(gate.opened(), 2);
}

/// The answer comes long after the front's own thread has looked away, and in
/// pieces with pauses; what is logged meanwhile arrives.
#[test]
fn slow_ones() {
    let gate = Http::<fcgi::Client>::new().then(|mut stream| {
        for round in 0..2 {
            records(&mut stream, 5);
            for part in [
                record(7, 1, b"noted;"),
                record(6, 1, b"X-A: 1\r\n\r\n"),
                record(6, 1, b"one"),
                record(6, 1, b"two"),
                [record(6, 1, b""), record(3, 1, &[0; 8])].concat(),
            ] {
                // The subject is slowness itself.
                std::thread::sleep(Duration::from_millis(150));
                stream.write_all(&part).unwrap();
            }
            assert_eq!(round, round);
        }
        assert!(closed(&mut stream));
    });
    let got = ask(&gate, &[GET, LAST].concat());
    assert_eq!(got.matches("3\none\n3\ntwo\n0\n\n").count(), 2, "{got}");
    assert_eq!(*gate.log.lock().unwrap(), b"noted;noted;");
    assert_eq!(gate.opened(), 1);
}

#[test]
fn a_head_that_is_too_long() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        let line = format!("X-Long: {}\r\n", "y".repeat(8_000));
        let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", line.repeat(12));
        let _ = stream.write_all(long.as_bytes());
    });
    assert_eq!(ask(&gate, LAST), BAD);
    // As long as may be, it passes: nothing is cut by our storage.
    let line = format!("X-Long: {}\r\n", "y".repeat(8_000));
    let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", line.repeat(8));
    let sent = long.clone();
    let gate = Http::<http1::Client>::new().then(move |mut stream| {
        head(&mut stream);
        stream.write_all(sent.as_bytes()).unwrap();
    });
    let got = ask(&gate, LAST);
    assert_eq!(got.matches(&"y".repeat(8_000)).count(), 8);
    assert!(got.starts_with("HTTP/1.1 200 OK\nX-Long: yy"));
}

/// However long a head or its trailers are beside what was asked: one read
/// brings all of them, and they go out at once.
#[test]
fn heads_and_trailers_of_every_length() {
    for n in [500, 1_000, 2_000, 4_000, 7_000] {
        let long = "y".repeat(n);
        let answer = format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\nContent-Length: 0\r\n\r\n");
        let gate = Http::<http1::Client>::new().then(move |mut stream| {
            head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let got = ask(&gate, LAST);
        let want = format!("HTTP/1.1 200 OK\nX-Long: {long}\nContent-Length: 0\n");
        assert!(got.starts_with(&want), "{n}: {got}");
        let records = cgi(1, format!("X-Long: {long}\r\n\r\n").as_bytes());
        let (got, _) = cgis(records);
        assert!(got.contains(&format!("X-Long: {long}\n")), "{n}: {got}");

        let trailers = format!("1\r\nx\r\n0\r\nX-Long: {long}\r\n\r\n");
        let chunked = "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        let answer = format!("HTTP/1.1 200 OK\r\n{chunked}{trailers}");
        let (said, sent) = channel();
        let gate = Http::<http1::Client>::new().then(move |mut stream| {
            head(&mut stream);
            let mut body = Vec::new();
            while !body.ends_with(b"y\r\n\r\n") {
                body.extend(exactly(&mut stream, 1));
            }
            said.send(body).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let post = format!("POST /a HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n{chunked}{trailers}");
        let got = ask(&gate, post.as_bytes());
        assert!(got.ends_with(&trailers.replace('\r', "")), "{n}: {got}");
        assert_eq!(sent.recv().unwrap(), trailers.as_bytes(), "{n}");
    }
}

/// The peer has shut down only its writing half: its answer is complete.
#[test]
fn half_closed() {
    let gate = Http::<http1::Client>::new().then(|mut stream| {
        head(&mut stream);
        stream.write_all(OK).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(closed(&mut stream));
    });
    assert!(ask(&gate, LAST).ends_with("\n\nok"));
}

/// The thread that reads what stands behind must not take the front for done
/// while the last of the body is written: often it is just then that it begins.
#[test]
fn the_answer_to_a_bad_body_is_not_lost() {
    let chunks = b"1\r\nx\r\n".repeat(2_500);
    let bad = [
        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
        &chunks[..],
        b"x\r\n",
    ]
    .concat();
    for _ in 0..50 {
        let gate = Http::<http1::Client>::new().then(|mut stream| {
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
        let got = ask(&gate, &bad);
        assert!(got.starts_with("HTTP/1.1 400 "), "{got:?}");
    }
}
