//! `ping`.

use super::tools::*;
use std::io::{Read, Write};
use std::net::TcpListener;

#[test]
fn one_that_answers() {
    let served = Served::new("hello", &["--workers", "3"]);
    let ran = run(&["ping", &served.endpoint]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let said = "is there: FCGI_MAX_CONNS=3 FCGI_MAX_REQS=48 FCGI_MPXS_CONNS=1\n";
    assert_eq!(ran.text(), format!("{} {said}", served.endpoint));
}

#[test]
fn others() {
    for (answer, code, said) in [
        (&b""[..], 0, "closes without an answer"),
        (
            &record(11, 0, &[9, 0, 0, 0, 0, 0, 0, 0]),
            0,
            "no values to tell",
        ),
        (
            &record(10, 0, b"\x0e\x01FCGI_MAX_CONNS7"),
            0,
            "FCGI_MAX_CONNS=7 FCGI_MAX_REQS=unknown",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 8, "version"),
    ] {
        let answer = answer.to_vec();
        let (endpoint, acting) = peer(move |mut stream| {
            let mut asked = [0; 64];
            stream.read_exact(&mut asked).unwrap();
            assert_eq!(asked[..2], [1, 9]);
            let _ = stream.write_all(&answer);
        });
        let ran = run(&["ping", &endpoint, "--timeout", "10"]);
        acting.join().unwrap();
        assert_eq!(ran.code, code, "{ran:?}");
        assert!((ran.text() + &ran.err).contains(said), "{said}: {ran:?}");
    }
    // One that only accepts, or not even that.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("fcgi://{}", silent.local_addr().unwrap());
    let ran = run(&["ping", &endpoint, "--timeout", "0.05"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.text().contains("is silent"), "{ran:?}");
    drop(silent);
    let ran = run(&["ping", &endpoint]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.err.contains("cannot connect to fcgi://"), "{ran:?}");
    for (args, what) in [
        (&[][..], "endpoint is missing"),
        (&["fcgi+fd:0"], "cannot be called"),
        (&["fcgi://h:1", "x"], "what is 'x'"),
        (&["fcgi://h:1", "--timeout", "0"], "above 0"),
        (&["--loud"], "unknown option"),
    ] {
        let ran = run(&[&["ping"], args].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(what), "{ran:?}");
    }
}

#[test]
fn over_http() {
    let served = Served::http("hello", &[]);
    let ran = run(&["ping", &served.endpoint]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let said = "is there: it answers 200\n";
    assert_eq!(ran.text(), format!("{} {said}", served.endpoint));
    for (answer, code, said) in [
        (&b"HTTP/1.0 501 No\r\n\r\n"[..], 0, "answers 501"),
        (
            b"HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 204 N\r\n\r\n",
            0,
            "answers 204",
        ),
        (b"", 0, "closes without an answer to OPTIONS *"),
        (b"HTTP/1.1 200 OK\r\n", 0, "closes without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 8, "status line"),
        (b"HTTP/1.1 200 OK\r\nA b\r\n\r\n", 8, "header field"),
    ] {
        let answer = answer.to_vec();
        let (endpoint, acting) = peer_at("http", move |mut stream| {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.extend(byte);
            }
            stream.write_all(&answer).unwrap();
            asked
        });
        let ran = run(&["ping", &endpoint, "--timeout", "10"]);
        let asked = String::from_utf8(acting.join().unwrap()).unwrap();
        let host = endpoint.strip_prefix("http://").unwrap();
        assert_eq!(
            asked,
            format!("OPTIONS * HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        );
        assert_eq!(ran.code, code, "{ran:?}");
        assert!((ran.text() + &ran.err).contains(said), "{said}: {ran:?}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let ran = run(&["ping", &endpoint, "--timeout", "0.05"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.text().contains("is silent at OPTIONS *"), "{ran:?}");
    drop(silent);
    assert_eq!(run(&["ping", &endpoint]).code, 7);
    assert_eq!(run(&["ping", "http+unix:/nowhere/at/all"]).code, 7);
}
