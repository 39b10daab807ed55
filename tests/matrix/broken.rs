//! Applications that break off: each answers with 3 bytes of 10, and closes.

use crate::tools::Dir;
use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

/// What of an answer comes, for a request without a body.
fn answer(scheme: &str) -> Vec<u8> {
    let fields = "Content-Length: 10\r\n\r\nabc";
    match scheme {
        "http" | "uwsgi" => format!("HTTP/1.1 200 OK\r\n{fields}").into_bytes(),
        "scgi" | "cgi" => format!("Status: 200 OK\r\n{fields}").into_bytes(),
        "fcgi" => {
            let bytes = format!("Status: 200 OK\r\n{fields}");
            let n = u8::try_from(bytes.len()).unwrap();
            [&[1, 6, 0, 1, 0, n, 0, 0], bytes.as_bytes()].concat()
        }
        // SEND_HEADERS with Content-Length, SEND_BODY_CHUNK.
        _ => {
            b"AB\0\x0f\x04\0\xc8\0\x02OK\0\0\x01\xa0\x03\0\x0210\0AB\0\x07\x03\0\x03abc\0".to_vec()
        }
    }
}

/// Its address; it lasts as long as the program.
pub fn listen(scheme: &'static str, dir: &Dir) -> String {
    if scheme == "cgi" {
        let text = String::from_utf8(answer(scheme)).unwrap();
        let text = text.replace("\r\n", "\\r\\n");
        let script = format!("#!/bin/sh\nprintf '{text}'\n");
        let path = dir.file("broken.cgi", script.as_bytes());
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        return format!("cgi:{path}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("{scheme}://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.and_then(|stream| converse(stream, scheme));
        }
    });
    endpoint
}

fn converse(mut stream: TcpStream, scheme: &str) -> std::io::Result<()> {
    // The head comes at once.
    let mut buf = [0; 16 * 1024];
    if stream.read(&mut buf)? == 0 {
        return Ok(());
    }
    stream.write_all(&answer(scheme))?;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    while stream.read(&mut buf)? > 0 {}
    Ok(())
}
