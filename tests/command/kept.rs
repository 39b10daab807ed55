//! `serve --to` and servers that keep connections, or say nothing of it.

use super::tools::*;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A server that answers `hi` to requests without a body, or with one of `hi`.
/// Gives its address, and how many requests came on a connection that had
/// carried one: answered, or with `once` not.
fn server(once: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seconds = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seconds);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let counter = Arc::clone(&counter);
            thread::spawn(move || converse(stream.unwrap(), once, &counter));
        }
    });
    (address, seconds)
}

fn converse(mut stream: TcpStream, once: bool, seconds: &AtomicUsize) {
    let (mut seen, mut answered) = (Vec::new(), 0);
    // It closes, but not at once, and a request may cross that.
    let time = once.then_some(Duration::from_millis(100));
    let mut buf = [0; 1000];
    loop {
        let Ok(n @ 1..) = stream.read(&mut buf) else {
            return;
        };
        seen.extend_from_slice(&buf[..n]);
        let whole = seen.starts_with(b"GET") && seen.ends_with(b"\r\n\r\n")
            || seen.ends_with(b"\r\n\r\nhi");
        if whole {
            seen.clear();
            seconds.fetch_add(usize::from(answered > 0), Ordering::SeqCst);
            if once && answered > 0 {
                return;
            }
            answered += 1;
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
            stream.write_all(answer).unwrap();
            stream.set_read_timeout(time).unwrap();
        }
    }
}

fn gateway(to: &str) -> (Served, TcpStream) {
    let to = format!("http://{to}");
    let args = ["serve", "--to", &to, "--listen", "http://127.0.0.1:0"];
    let served = Served::spawn(vestibule(&args));
    let stream = TcpStream::connect(served.endpoint.trim_start_matches("http://")).unwrap();
    (served, stream)
}

/// One request of several on a connection. Whether it was answered.
fn ask(stream: &mut TcpStream, request: &[u8]) -> bool {
    stream.write_all(request).unwrap();
    let (mut got, mut buf) = (Vec::new(), [0; 1000]);
    while !got.ends_with(b"\r\n\r\nhi") {
        match stream.read(&mut buf) {
            Ok(n @ 1..) => got.extend_from_slice(&buf[..n]),
            _ => return false,
        }
    }
    got.starts_with(b"HTTP/1.1 200 ")
}

const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn servers_that_close_without_a_word() {
    let (to, seconds) = server(true);
    let (_served, mut stream) = gateway(&to);
    for n in 0..30 {
        assert!(ask(&mut stream, POST), "{n}");
    }
    assert_eq!(seconds.load(Ordering::SeqCst), 0);
}

#[test]
fn servers_that_keep() {
    let (to, seconds) = server(false);
    let (_served, mut stream) = gateway(&to);
    let start = std::time::Instant::now();
    // Once it has been seen to keep them.
    while seconds.load(Ordering::SeqCst) < 20 {
        assert!(ask(&mut stream, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(ask(&mut stream, POST));
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
