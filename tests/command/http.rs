//! `serve` over HTTP: requests by hand, answers compared whole.

use super::tools::*;
use std::io::{Read, Write};
use std::net::TcpStream;

fn serve(app: &str, more: &[&str]) -> (Served, String) {
    let served = Served::http(app, more);
    let address = served.endpoint.replacen("http://", "", 1);
    (served, address)
}

/// What comes of these bytes until the server closes.
pub fn ask(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(bytes).unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    String::from_utf8(got).unwrap()
}

#[test]
fn requests_one_after_the_other() {
    let (_served, address) = serve("hello", &[]);
    let one = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let got = ask(&address, format!("{one}{one}{last}{one}").as_bytes());
    assert_eq!(got.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{got}");
    assert_eq!(got.matches("Hello, world!\n").count(), 3, "{got}");
    assert_eq!(got.matches("Connection: close\r\n").count(), 1, "{got}");
    // RFC 9110, 6.6.1.
    assert_eq!(got.matches("\r\nDate: ").count(), 3, "{got}");
    assert_eq!(got.matches(" GMT\r\n").count(), 3, "{got}");
    let got = ask(&address, b"HEAD / HTTP/1.0\r\n\r\n");
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    assert!(got.contains("Content-Length: 14\r\n") && got.ends_with("\r\n\r\n"));
}

#[test]
fn bodies_and_expectations() {
    let (_served, address) = serve("mirror", &["--max-body", "100000"]);
    let body = String::from_utf8(vec![b'x'; 70_000]).unwrap();
    let head = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
    let got = ask(
        &address,
        format!("{head}Content-Length: 70000\r\n\r\n{body}").as_bytes(),
    );
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && got.ends_with(&body));
    let got = ask(
        &address,
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").as_bytes(),
    );
    assert!(got.contains("Transfer-Encoding: chunked\r\n"), "{got}");
    assert!(got.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{got}");
    let got = ask(
        &address,
        format!("{head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi").as_bytes(),
    );
    assert!(
        got.contains("HTTP/1.1 200 OK\r\n") && got.ends_with("\r\n\r\nhi"),
        "{got}"
    );
    let got = ask(
        &address,
        format!("{head}Content-Length: 100001\r\n\r\n").as_bytes(),
    );
    assert!(got.starts_with("HTTP/1.1 413 "), "{got}");
}

#[test]
fn what_is_refused() {
    let (_served, address) = serve("hello", &[]);
    for (text, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400),
        ("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("GET / HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
    ] {
        // What follows is never parsed.
        let got = ask(
            &address,
            format!("{text}GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        assert!(got.starts_with(&format!("HTTP/1.1 {status} ")), "{got}");
        if !text.contains("other") {
            assert_eq!(got.matches("HTTP/1.1").count(), 1, "{got}");
        }
    }
    let absolute = "GET http://h/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let got = ask(&address, absolute.as_bytes());
    assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
}
