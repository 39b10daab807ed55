//! `serve --proxy-protocol`: whose a connection is.

use super::http::ask;
use super::tools::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n";

/// What `echo` says of the ends of the connection.
fn about(answer: &str) -> String {
    if !answer.starts_with("HTTP/1.1 200 ") {
        return answer.lines().next().unwrap_or("closed").into();
    }
    let names = [
        "HTTPS=",
        "REMOTE_",
        "REQUEST_SCHEME=",
        "SERVER_ADDR=",
        "SERVER_PORT=",
    ];
    let about = |line: &&str| names.iter().any(|name| line.starts_with(name));
    answer.lines().filter(about).collect::<Vec<_>>().join(" ")
}

/// Header and request in one write.
fn seen(address: &str, header: &[u8]) -> String {
    about(&ask(address, &[header, GET].concat()))
}

fn v2(command: u8, family: u8, rest: &[&[u8]]) -> Vec<u8> {
    let rest = rest.concat();
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend((rest.len() as u16).to_be_bytes());
    header.extend(rest);
    header
}

const INET: &[u8] = b"\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";
const INET6: &[u8] = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
                       \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\xdc\x04\x01\xbb";
const TLS: &[u8] = b"\x20\x00\x0f\x01\0\0\0\0\x21\x00\x07TLSv1.3";

const TOLD: &str = "REMOTE_ADDR=192.0.2.1 REMOTE_PORT=56324 REQUEST_SCHEME=http \
                    SERVER_ADDR=198.51.100.2 SERVER_PORT=443";

fn serve(app: &str, more: &[&str]) -> (Served, String) {
    let served = Served::http(app, &[&["--proxy-protocol"], more].concat());
    let address = served.endpoint.replacen("http://", "", 1);
    (served, address)
}

#[test]
fn ends_of_a_connection() {
    let (_served, address) = serve("echo", &[]);
    assert_eq!(seen(&address, V1), TOLD);
    assert_eq!(seen(&address, &v2(0x21, 0x11, &[INET])), TOLD);
    let six = "REMOTE_ADDR=2001:db8::1 REMOTE_PORT=56324 REQUEST_SCHEME=http \
               SERVER_ADDR=2001:db8::2 SERVER_PORT=443";
    let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n";
    assert_eq!(seen(&address, line), six);
    assert_eq!(seen(&address, &v2(0x21, 0x21, &[INET6])), six);
    let tls = TOLD.replace("=http ", "=https ");
    let authority = b"\x02\x00\x03a.b";
    let header = v2(
        0x21,
        0x11,
        &[INET, authority, TLS, b"\x04\x01\xf4", &[0; 500]],
    );
    assert_eq!(seen(&address, &header), format!("HTTPS=on {tls}"));
    let plain = b"\x20\x00\x05\x00\0\0\0\x01";
    assert_eq!(seen(&address, &v2(0x21, 0x11, &[INET, plain])), TOLD);
}

#[test]
fn real_ends() {
    let (_served, address) = serve("echo", &[]);
    let paths = [b'/'; 216];
    for header in [
        &b"PROXY UNKNOWN\r\n"[..],
        b"PROXY UNKNOWN 192.0.2.1 198.51.100.2 56324 443\r\n",
        &v2(0x20, 0x00, &[]),
        &v2(0x20, 0x11, &[INET, TLS]),
        &v2(0x21, 0x00, &[b"what"]),
        &v2(0x21, 0x31, &[&paths]),
    ] {
        let mut stream = TcpStream::connect(&address).unwrap();
        let (mine, its) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        stream.write_all(&[header, GET].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let real = format!(
            "REMOTE_ADDR=127.0.0.1 REMOTE_PORT={} REQUEST_SCHEME=http \
             SERVER_ADDR=127.0.0.1 SERVER_PORT={}",
            mine.port(),
            its.port()
        );
        assert_eq!(about(&answer), real, "{}", header.escape_ascii());
    }
}

/// Byte by byte, and requests that follow in the same write: the header counts
/// for all of them.
#[test]
fn in_pieces() {
    let (_served, address) = serve("echo", &[]);
    let header = v2(0x21, 0x11, &[INET, TLS]);
    for header in [V1, &header] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in header {
            stream.write_all(&[*byte]).unwrap();
        }
        let keep = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        stream.write_all(&[&keep[..], keep, GET].concat()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3);
        assert_eq!(answers.matches("\nREMOTE_ADDR=192.0.2.1\n").count(), 3);
    }
}

/// Nothing is said to them, and they are counted when the command ends.
#[test]
fn no_header_or_a_bad_one() {
    let mut command = vestibule(&["serve", "--app", "echo", "--listen", "http://127.0.0.1:0"]);
    command.arg("--proxy-protocol").stderr(Stdio::piped());
    let mut served = Served::spawn(command);
    let address = served.endpoint.replacen("http://", "", 1);
    let bad: [&[u8]; 7] = [
        b"",
        b"PROXY TCP4 192.0.2.01 198.51.100.2 56324 443\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n",
        b"proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
        &v2(0x22, 0x11, &[INET]),
        &v2(0x21, 0x11, &[INET, b"\x02\x00\x09a.b"]),
        &v2(0x21, 0x11, &[INET, b"\x03\x00\x04\x20\xec\x95\x48"]),
    ];
    for header in bad {
        let mut stream = TcpStream::connect(&address).unwrap();
        let _ = stream.write_all(&[header, GET].concat());
        let mut got = Vec::new();
        // A reset, where what was sent has not been read.
        let _ = stream.read_to_end(&mut got);
        assert!(got.is_empty(), "{}", got.escape_ascii());
    }
    // One that ends too early; and one that says nothing, which is not counted.
    for some in [&V1[..20], b""] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(some).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(seen(&address, V1), TOLD);
    served.kill("-TERM");
    assert!(served.child.wait().unwrap().success());
    let mut said = String::new();
    let mut err = served.child.stderr.take().unwrap();
    err.read_to_string(&mut said).unwrap();
    let line = "vestibule serve: 8 connections began with no PROXY header, or a bad one\n";
    assert_eq!(said, line);
}

#[test]
fn who_is_not_trusted() {
    let mut command = vestibule(&["serve", "--app", "echo", "--listen", "http://127.0.0.1:0"]);
    command.args([
        "--proxy-protocol",
        "--trusted",
        "10.0.0.0/8",
        "--trusted",
        "unix",
    ]);
    command.stderr(Stdio::piped());
    let mut served = Served::spawn(command);
    let address = served.endpoint.replacen("http://", "", 1);
    for header in [V1, b"PROXY UNKNOWN\r\n", b""] {
        let mut stream = TcpStream::connect(&address).unwrap();
        let _ = stream.write_all(&[header, GET].concat());
        let mut got = Vec::new();
        let _ = stream.read_to_end(&mut got);
        assert!(got.is_empty(), "{}", got.escape_ascii());
    }
    served.kill("-TERM");
    assert!(served.child.wait().unwrap().success());
    let mut said = String::new();
    let mut err = served.child.stderr.take().unwrap();
    err.read_to_string(&mut said).unwrap();
    assert_eq!(
        said,
        "vestibule serve: 3 connections came from who is not trusted\n"
    );
}

/// Its client is the peer now: not the one whose X-Forwarded-For is believed.
#[test]
fn trusted_with_forwarded_fields() {
    let (_served, address) = serve(
        "echo",
        &["--trusted", "127.0.0.0/8", "--trusted", "10.0.0.0/8"],
    );
    let get = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
                X-Forwarded-For: 203.0.113.9\r\n\r\n";
    let seen = |header: &[u8]| about(&ask(&address, &[header, get].concat()));
    assert_eq!(seen(V1), TOLD);
    let inside = b"PROXY TCP4 10.1.2.3 198.51.100.2 56324 443\r\n";
    let client =
        "REMOTE_ADDR=203.0.113.9 REQUEST_SCHEME=http SERVER_ADDR=198.51.100.2 SERVER_PORT=443";
    assert_eq!(seen(inside), client);
}

/// Unix sockets; and FastCGI, where the variables are the web server's.
#[test]
fn other_listeners() {
    let dir = Dir::new("proxied");
    let path = dir.path("s");
    let mut command = vestibule(&["serve", "--app", "echo", "--proxy-protocol"]);
    command.args(["--listen", &format!("http+unix:{path}")]);
    command.args(["--listen", "fcgi://127.0.0.1:0", "--trusted", "127.0.0.1"]);
    let mut served = Served::spawn(command);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.write_all(&[V1, GET].concat()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(about(&answer), TOLD);

    let line = served.line();
    let address = line
        .trim_end()
        .strip_prefix("listening at fcgi://")
        .unwrap();
    let request = request(1, false, &[("REMOTE_ADDR", "203.0.113.1")]);
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&[V1, &request].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("\nREMOTE_ADDR=203.0.113.1\n"), "{answer}");
    assert!(!answer.contains("192.0.2.1"), "{answer}");
    let mut stream = TcpStream::connect(address).unwrap();
    let _ = stream.write_all(&request);
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got);
    assert!(got.is_empty());
}

/// What stands behind is told, too.
#[test]
fn requests_that_go_on() {
    let back = Served::http("echo", &[]);
    let mut command = vestibule(&["serve", "--to", &back.endpoint, "--proxy-protocol"]);
    command.args(["--listen", "http://127.0.0.1:0"]);
    let served = Served::spawn(command);
    let address = served.endpoint.replacen("http://", "", 1);
    let header = v2(0x21, 0x11, &[INET, TLS]);
    let answer = ask(&address, &[&header, GET].concat());
    for line in [
        "\nHTTP_X_FORWARDED_FOR=192.0.2.1\n",
        "\nHTTP_X_FORWARDED_PROTO=https\n",
    ] {
        assert!(answer.contains(line), "{answer}");
    }
}

/// A web server is told so behind its header, too.
#[test]
fn without_a_free_worker() {
    let mut command = vestibule(&["serve", "--app", "echo", "--proxy-protocol"]);
    command.args(["--workers", "1", "--listen", "fcgi://127.0.0.1:0"]);
    command.stderr(Stdio::null());
    let served = Served::spawn(command);
    let endless = format!("m=slow&n={}", u64::MAX);
    let mut busy = TcpStream::connect(served.address()).unwrap();
    let query = request(1, false, &[("QUERY_STRING", &endless)]);
    busy.write_all(&[V1, &query].concat()).unwrap();
    busy.read_exact(&mut [0; 8]).unwrap();
    let mut second = TcpStream::connect(served.address()).unwrap();
    let query = request(7, false, &[]);
    second.write_all(&[V1, &query].concat()).unwrap();
    let mut got = Vec::new();
    second.read_to_end(&mut got).unwrap();
    assert_eq!(got, record(3, 7, &[0, 0, 0, 0, 2, 0, 0, 0]));
}
