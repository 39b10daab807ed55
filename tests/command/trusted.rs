//! `serve --trusted`: who is believed about where a request came from.

use super::http::ask;
use super::tools::*;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// The lines about it of what `echo` saw.
fn seen(served: &Served, head: &str) -> String {
    let address = served.endpoint.strip_prefix("http://").unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{head}\r\n");
    let text = ask(address, request.as_bytes());
    if !text.starts_with("HTTP/1.1 200 ") {
        return text.lines().next().unwrap_or("").into();
    }
    let names = ["HTTPS=", "REMOTE_ADDR=", "REQUEST_SCHEME="];
    let about = |line: &&str| names.iter().any(|name| line.starts_with(name));
    text.lines().filter(about).collect::<Vec<_>>().join(" ")
}

const DIRECT: &str = "REMOTE_ADDR=127.0.0.1 REQUEST_SCHEME=http";
const FIELDS: &str = "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\nX-Forwarded-Proto: https\r\n";

#[test]
fn nobody_is_believed_but_who_is_named() {
    for more in [&[][..], &["--trusted", "10.0.0.0/8", "--trusted", "unix"]] {
        let served = Served::http("echo", more);
        assert_eq!(seen(&served, FIELDS), DIRECT);
        assert_eq!(seen(&served, "X-Forwarded-Proto: nonsense\r\n"), DIRECT);
    }
    let served = Served::http("echo", &["--trusted", "::1", "--trusted", "127.0.0.0/8"]);
    let believed = "HTTPS=on REMOTE_ADDR=192.0.2.1 REQUEST_SCHEME=https";
    assert_eq!(seen(&served, FIELDS), believed);
    assert_eq!(seen(&served, ""), DIRECT);
    let refused = "HTTP/1.1 400 Bad Request";
    for head in [
        "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n",
        "X-Forwarded-Proto: http\r\nX-Forwarded-Ssl: on\r\n",
        "X-Forwarded-For: 192.0.2.1, nonsense\r\n",
    ] {
        assert_eq!(seen(&served, head), refused, "{head}");
    }
}

/// Peers of a Unix socket have no address to be trusted by.
#[test]
fn peers_of_a_unix_socket() {
    for (name, more, believed) in [
        (
            "no",
            &["--trusted", "0.0.0.0/0", "--trusted", "::/0"][..],
            false,
        ),
        ("yes", &["--trusted", "unix"], true),
    ] {
        let dir = Dir::new(&format!("trusted-{name}"));
        let listen = format!("http+unix:{}", dir.path("s"));
        let serve = ["serve", "--app", "echo", "--listen", &listen];
        let _served = Served::spawn(vestibule(&[&serve[..], more].concat()));
        let mut stream = UnixStream::connect(dir.path("s")).unwrap();
        let request = format!("GET / HTTP/1.0\r\n{FIELDS}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(
            text.contains("\nREMOTE_ADDR=192.0.2.1\n"),
            believed,
            "{text}"
        );
        assert_eq!(text.contains("\nREMOTE_ADDR="), believed, "{text}");
        assert_eq!(text.contains("\nHTTPS=on\n"), believed, "{text}");
    }
}

#[test]
fn what_is_no_network() {
    for text in ["10.0.0.1/8", "localhost", "10.0.0.0/33", ""] {
        let ran = run(&["serve", "--app", "echo", "--trusted", text]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(&format!("--trusted '{text}'")), "{ran:?}");
    }
}
