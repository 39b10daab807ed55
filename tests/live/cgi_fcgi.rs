//! cgi-fcgi as a client of `vestibule serve`.

use crate::harness::{Ran, Serve, Shown, run};
use crate::tools::{Dump, MB, lines, noise, same};

/// cgi-fcgi with this environment.
fn ask(serve: &Serve, env: &[(&str, &str)], input: &[u8]) -> Ran {
    let at = match serve.upstream.strip_prefix("unix:") {
        Some(path) => path,
        None => &serve.upstream,
    };
    run("/usr/bin/cgi-fcgi", &["-bind", "-connect", at], env, input)
}

fn get(serve: &Serve, query: &str) -> Ran {
    ask(
        serve,
        &[("REQUEST_METHOD", "GET"), ("QUERY_STRING", query)],
        b"",
    )
}

/// That the answer is this, its head included.
#[track_caller]
fn is(ran: &Ran, head: &str, body: &[u8]) {
    let want = [head.as_bytes(), b"\r\n", body].concat();
    same(ran.ok(), &want, head);
}

fn plain(length: usize) -> String {
    format!("Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n")
}

fn applications(start: fn(&str, &[&str]) -> Serve, shown: &mut Shown) {
    let big = noise(10 * MB);
    let post = |query| {
        [
            ("REQUEST_METHOD", "POST"),
            ("QUERY_STRING", query),
            ("CONTENT_LENGTH", "10000000"),
            ("CONTENT_TYPE", "application/octet-stream"),
        ]
    };

    let serve = start("hello", &[]);
    is(&get(&serve, ""), &plain(14), b"Hello, world!\n");
    serve.stop();
    shown.case("hello");

    let serve = start("mirror", &[]);
    let head =
        "Status: 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 10000000\r\n";
    is(&ask(&serve, &post(""), &big), head, &big);
    serve.stop();
    shown.case("mirror, 10 MB");

    let serve = start("echo", &[]);
    let env = [
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", "a=b"),
        ("EMPTY", ""),
        ("HTTP_X_PROBE", "\u{e9}\\\n"),
        ("LONG", &"l".repeat(128)),
    ];
    let ran = ask(&serve, &env, b"");
    let body = ran.ok().windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let dump = Dump::of(&ran.out[body..]);
    assert_eq!(dump.peer, "vestibule");
    let long = format!("LONG={}", "l".repeat(128));
    dump.got("GET", b"").has(&[
        "EMPTY=",
        "HTTP_X_PROBE=\\xc3\\xa9\\x5c\\x0a",
        "QUERY_STRING=a=b",
        "REQUEST_METHOD=GET",
        &long,
    ]);
    shown.case("GET");

    let ran = ask(&serve, &post(""), &big);
    let body = ran.ok().windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    Dump::of(&ran.out[body..]).got("POST", &big);
    shown.case("POST of 10 MB");

    is(
        &get(&serve, "m=size&n=8388608"),
        &plain(8_388_608),
        &lines(8_388_608),
    );
    shown.case("answer of 8 MB");
    is(
        &ask(&serve, &post("m=nobody"), b""),
        &plain(8),
        b"ignored\n",
    );
    let ran = get(&serve, "m=status&n=404");
    let head = "Status: 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n";
    is(&ran, head, b"status 404\n");
    let head = "Status: 204 No Content\r\nContent-Type: text/plain\r\n";
    is(&get(&serve, "m=status&n=204"), head, b"");
    let head = "Status: 304 Not Modified\r\nContent-Type: text/plain\r\n";
    is(&get(&serve, "m=status&n=304"), head, b"");
    let ran = get(&serve, "m=stderr");
    let head = "Status: 200 OK\r\nContent-Type: text/plain\r\n";
    is(&ran, head, b"body\n");
    assert_eq!(ran.err, "stderr line one\nstderr line two\n");
    is(
        &get(&serve, "m=slow&n=3"),
        head,
        b"chunk 0\nchunk 1\nchunk 2\n",
    );
    let ran = get(&serve, "m=odd");
    let want: &[u8] = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\
        X-Utf8: \xc5\xbelu\xc5\xa5ou\xc4\x8dk\xc3\xbd k\xc5\xaf\xc5\x88\r\n\
        X-Latin1: caf\xe9\r\nX-Empty: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\n\
        x-lower-Case: Yes\r\nContent-Length: 4\r\n\r\nodd\n";
    same(ran.ok(), want, "odd");
    serve.stop();
    shown.case("every other mode of echo");

    let serve = start("auth", &[]);
    let ran = get(&serve, "");
    assert!(ran.ok().starts_with(b"Status: 403 "), "{:?}", ran.out);
    serve.stop();
    shown.case("auth refuses a responder's request");
}

#[test]
#[ignore = "needs libfcgi-bin"]
fn cgi_fcgi_over_tcp() {
    applications(Serve::tcp, &mut Shown::of("cgi-fcgi -> serve, TCP"));
}

#[test]
#[ignore = "needs libfcgi-bin"]
fn cgi_fcgi_over_a_unix_socket() {
    applications(
        Serve::unix,
        &mut Shown::of("cgi-fcgi -> serve, unix socket"),
    );
}
