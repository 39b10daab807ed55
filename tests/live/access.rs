//! The access log beside Gunicorn's: the same requests, the same format, the
//! same lines.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::harness::{PATIENCE, Peer, Scratch, Serve, Shown};

/// Every atom. Of the first words, which tell the time and the process, only
/// the shape is compared.
const FORMAT: &str = "%(t)s %(T)s %(M)s %(D)s %(L)s %(p)s %(h)s %(l)s %(u)s \"%(r)s\" %(s)s %(m)s \
    %(U)s %(q)s %(H)s %(b)s %(B)s \"%(f)s\" \"%(a)s\" %({X-Forwarded-For}i)s %({X-None}i)s \
    %({X-None}o)s %({query_string}e)s %({SERVER_PROTOCOL}e)s 100%%";

/// Words that differ from one run to the next.
const TIMED: usize = 7;

fn shape(line: &str) -> String {
    let words = line.split(' ').enumerate().map(|(n, word)| {
        let letter = |c: char| if c.is_ascii_alphabetic() { 'a' } else { c };
        match n < TIMED {
            true => word
                .chars()
                .filter(|c| !c.is_ascii_digit())
                .map(letter)
                .collect(),
            false => word.to_string(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn ask(address: &str, request: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
#[ignore = "needs gunicorn"]
fn gunicorn() {
    let scratch = Scratch::new();
    let file = |name: &str| scratch.path().join(name).to_str().unwrap().to_string();
    let (theirs, ours) = (file("theirs"), file("ours"));
    let quoted = FORMAT.replace('"', "\\\"");
    let args = format!("--access-logfile {theirs} --access-logformat \"{quoted}\"");
    let peer = Peer::start("gunicorn", &[("GUNICORN_CMD_ARGS", &args)]);
    let log = ["--access-log", &ours, "--access-log-format", FORMAT];
    let serve = Serve::http(&[&["--app", "echo"], &log[..]].concat());
    let agent = "User-Agent: Mozilla/5.0 (X11; \"x\") Gecko\r\nReferer: http://h/\"a\"?b\r\n";
    let user = "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
    let requests = [
        "GET /?m=nobody HTTP/1.1\r\n".to_string(),
        format!("GET /a%2Fb/c?m=size&n=12345 HTTP/1.1\r\n{agent}{user}"),
        "GET /?m=status&n=404 HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n".into(),
        "POST /x?m=nobody HTTP/1.0\r\nContent-Length: 3\r\n".into(),
        "GET /?m=status&n=204 HTTP/1.1\r\nAuthorization: Basic !\r\n".into(),
        "GET //x//y?m=nobody&a=%0a HTTP/1.1\r\nAuthorization: Bearer Og==\r\n".into(),
    ];
    for request in &requests {
        let body = if request.starts_with("POST") {
            "abc"
        } else {
            ""
        };
        let whole = format!("{request}Host: h\r\nConnection: close\r\n\r\n{body}");
        ask(&format!("127.0.0.1:{}", peer.port), &whole);
        ask(&serve.upstream, &whole);
    }
    serve.stop();
    // Gunicorn writes its lines after its answers.
    let lines = |path: &str| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(shape).collect::<Vec<_>>()
    };
    let start = std::time::Instant::now();
    while lines(&theirs).len() < requests.len() {
        assert!(start.elapsed() < PATIENCE, "{:?}", lines(&theirs));
        std::thread::yield_now();
    }
    assert_eq!(lines(&ours), lines(&theirs));
    let mut shown = Shown::of("serve --access-log beside Gunicorn's");
    shown.case(&format!("{} lines, every atom", requests.len()));
}
