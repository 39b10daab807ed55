//! `vestibule call`, and a kept connection, against PHP-FPM.

use vestibule::Ending;
use vestibule::fcgi::Values;

use crate::connection::Connection;
use crate::harness::{Peer, Scratch, Shown};
use crate::tools::{Dump, MB, call, call_with, lines, noise, same};

fn script() -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    format!("{root}/tests/peers/apps/www/echo.php")
}

/// Arguments that run echo.php with a query, and more.
fn page<'a>(query: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/apps/www");
    let mut args = vec!["--root", ROOT, "--uri", query];
    args.extend_from_slice(more);
    args
}

fn pages(endpoint: &str, pool: &str, shown: &mut Shown) {
    let scratch = Scratch::new();

    let args = page(
        "/echo.php/extra%20path?x=1&y=%C5%A1&empty=",
        &[
            "-H",
            "X-Probe: one",
            "-H",
            "Cookie: a=1",
            "-H",
            "Cookie: b=2",
            "-H",
            "Host: h.test:81",
        ],
    );
    let ran = call(endpoint, &args);
    let mut dump = Dump::of(ran.ok());
    dump.got("GET", b"");
    for php in [
        "FCGI_ROLE",
        "HOME",
        "PHP_SELF",
        "REQUEST_TIME",
        "REQUEST_TIME_FLOAT",
        "USER",
        "argc",
    ] {
        dump.take(php);
    }
    let root = page("", &[])[1];
    dump.has(&[
        &format!("DOCUMENT_ROOT={root}"),
        "DOCUMENT_URI=/echo.php/extra path",
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_COOKIE=a=1; b=2",
        "HTTP_HOST=h.test:81",
        "HTTP_X_PROBE=one",
        "PATH_INFO=/extra path",
        "QUERY_STRING=x=1&y=%C5%A1&empty=",
        "REDIRECT_STATUS=200",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_URI=/echo.php/extra%20path?x=1&y=%C5%A1&empty=",
        &format!("SCRIPT_FILENAME={}", script()),
        "SCRIPT_NAME=/echo.php",
        "SERVER_NAME=h.test",
        "SERVER_PORT=80",
        "SERVER_PROTOCOL=HTTP/1.1",
        concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION")),
    ]);
    shown.case("GET");

    // As cgi-fcgi is called.
    let env = [
        ("SCRIPT_FILENAME", &script()[..]),
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", "m=nobody"),
    ];
    same(
        call_with(endpoint, &[], &env, b"").ok(),
        b"ignored\n",
        "by the environment",
    );
    shown.case("GET by the environment");

    let big = noise(10 * MB);
    let file = scratch.file("big", &big);
    let ran = call(endpoint, &page("/echo.php", &["--body", &file]));
    Dump::of(ran.ok()).got("POST", &big);
    shown.case("POST of 10 MB");

    let ran = call(endpoint, &page("/echo.php?m=mirror", &["--body", &file]));
    same(ran.ok(), &big, "10 MB and back");
    shown.case("10 MB there and back");

    let mut length = Vec::from([("CONTENT_LENGTH", "10000000"), ("REQUEST_METHOD", "POST")]);
    length.push(("CONTENT_TYPE", "application/octet-stream"));
    let ran = call_with(endpoint, &page("/echo.php", &[]), &length, &big);
    Dump::of(ran.ok()).got("POST", &big);
    shown.case("POST of 10 MB from a pipe");

    let ran = call(endpoint, &page("/echo.php", &["-d", "a=1", "-d", "b=%20"]));
    let mut dump = Dump::of(ran.ok());
    dump.got("POST", b"a=1&b=%20");
    assert_eq!(
        dump.take("CONTENT_TYPE"),
        "application/x-www-form-urlencoded"
    );
    shown.case("form");

    let ran = call(endpoint, &page("/echo.php?m=size&n=8388608", &[]));
    same(ran.ok(), &lines(8_388_608), "8 MB");
    shown.case("answer of 8 MB");

    let ran = call(endpoint, &page("/echo.php?m=slow&n=3", &[]));
    same(ran.ok(), b"chunk 0\nchunk 1\nchunk 2\n", "slow");

    let ran = call(endpoint, &page("/echo.php?m=stderr", &[]));
    same(ran.ok(), b"body\n", "stderr");
    let (one, two) = (
        ran.err.find("stderr line one"),
        ran.err.find("stderr line two"),
    );
    assert!(one.is_some() && one < two, "{}", ran.err);
    shown.case("error_log to STDERR");

    let ran = call(endpoint, &page("/echo.php?m=fatal", &["-i"]));
    let head = String::from_utf8_lossy(ran.ok());
    assert!(head.starts_with("Status: 500\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert!(
        ran.err.contains("Uncaught Exception: fatal on purpose"),
        "{}",
        ran.err
    );
    let ran = call(endpoint, &page("/echo.php?m=fatal", &["--fail"]));
    assert_eq!((ran.code, &ran.out[..]), (22, &b""[..]));
    let ran = call(endpoint, &page("/echo.php?m=late", &[]));
    same(ran.ok(), &lines(65_536), "an error after 64 KiB");
    assert!(ran.err.contains("late on purpose"), "{}", ran.err);
    shown.case("fatal errors");

    let ran = call(endpoint, &page("/echo.php?m=odd", &["-i"]));
    let head = ran.ok();
    let (head, body) = head.split_at(head.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4);
    same(body, b"odd\n", "odd");
    let mut head: Vec<&[u8]> = head
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .collect();
    head.retain(|line| !line.starts_with(b"X-Powered-By:"));
    let want: [&[u8]; 10] = [
        b"Status: 200",
        b"Content-type: text/plain;charset=UTF-8",
        "X-Utf8: \u{17e}lu\u{165}ou\u{10d}k\u{fd} k\u{16f}\u{148}".as_bytes(),
        b"X-Latin1: caf\xe9",
        b"X-Empty:",
        b"Set-Cookie: a=1",
        b"Set-Cookie: b=2; Path=/",
        b"x-lower-Case: Yes",
        b"",
        b"",
    ];
    assert_eq!(head, want);
    shown.case("odd fields");

    for (query, status, body) in [
        ("m=status&n=404", 404, "status 404\n"),
        ("m=status&n=503", 503, "status 503\n"),
        ("m=status&n=204", 204, ""),
        ("m=status&n=304", 304, ""),
        ("m=bodied&n=304", 304, ""),
    ] {
        let uri = format!("/echo.php?{query}");
        let ran = call(endpoint, &page(&uri, &["-i"]));
        let text = String::from_utf8_lossy(ran.ok());
        assert!(text.starts_with(&format!("Status: {status}\r\n")), "{text}");
        let end = text.find("\r\n\r\n").unwrap() + 4;
        assert_eq!(&text[end..], body, "{query}");
    }
    shown.case("404, 503, 204, 304");

    let ran = call(
        endpoint,
        &page("/echo.php?m=size&n=5000", &["-X", "HEAD", "-i"]),
    );
    let text = String::from_utf8_lossy(ran.ok());
    assert!(text.contains("Content-Length: 5000\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
    shown.case("HEAD");

    let own = |path| ["-p", "REQUEST_METHOD=GET", "--uri", path, "-p"];
    let args = [&own("/ping")[..], &["SCRIPT_FILENAME=/ping"]].concat();
    same(call(endpoint, &args).ok(), b"pong", "ping");
    let args = [&own("/status")[..], &["SCRIPT_FILENAME=/status"]].concat();
    let ran = call(endpoint, &args);
    let text = String::from_utf8_lossy(ran.ok());
    let first = text.lines().next().unwrap_or("");
    assert_eq!(first.split_ascii_whitespace().last(), Some(pool), "{text}");
    shown.case("status and ping pages");
}

#[test]
#[ignore = "needs php8.2-fpm"]
fn pages_of_php_fpm_over_tcp() {
    let peer = Peer::start("php-fpm", &[]);
    pages(&peer.tcp(), "tcp", &mut Shown::of("call -> PHP-FPM, TCP"));
}

#[test]
#[ignore = "needs php8.2-fpm"]
fn pages_of_php_fpm_over_a_unix_socket() {
    let peer = Peer::start("php-fpm", &[]);
    let socket = peer.socket("fcgi", "php-fpm");
    pages(
        &socket,
        "unix",
        &mut Shown::of("call -> PHP-FPM, unix socket"),
    );
}

/// Always ends by END_REQUEST alone, as PHP does.
const ENDS: Ending = Ending::Complete {
    app_status: 0,
    output_ended: false,
};

#[test]
#[ignore = "needs php8.2-fpm"]
fn kept_connection_to_php_fpm() {
    let peer = Peer::start("php-fpm", &[]);
    let mut shown = Shown::of("fcgi::Client -> PHP-FPM");
    let script = script();

    let mut connection = Connection::tcp(peer.port);
    let body = noise(3000);
    for n in 0..1000 {
        let (post, log) = (n % 3 == 0, n % 10 == 1);
        let query = match (post, log) {
            (true, _) => "m=mirror".to_string(),
            (_, true) => "m=stderr".to_string(),
            _ => format!("m=size&n={n}"),
        };
        let vars = [
            ("SCRIPT_FILENAME", &script[..]),
            ("REQUEST_METHOD", if post { "POST" } else { "GET" }),
            ("QUERY_STRING", &query),
            ("CONTENT_TYPE", "text/plain"),
        ];
        let (got, want) = match (post, log) {
            (true, _) => (
                connection.ask_at_once(&vars, &body[..n]),
                body[..n].to_vec(),
            ),
            (_, true) => (connection.ask(&vars, None), b"body\n".to_vec()),
            _ => (connection.ask(&vars, None), lines(n)),
        };
        let end = (got.status, got.ending, got.reuse, got.retry_safe);
        assert_eq!(end, (200, ENDS, true, false), "{n}");
        same(&got.body, &want, &query);
        let text = String::from_utf8_lossy(&got.log);
        assert_eq!(
            text.contains("stderr line two"),
            query == "m=stderr",
            "{text}"
        );
    }
    shown.case("1,000 requests on one connection");

    // A question is understood only as the first thing on a connection.
    let mut connection = Connection::tcp(peer.port);
    let values = connection.values();
    assert_eq!(
        values,
        Some(Values {
            mpxs_conns: Some(false),
            ..Values::default()
        })
    );
    shown.case("GET_VALUES");

    let mut connection = Connection::tcp(peer.port);
    let vars = [
        ("SCRIPT_FILENAME", &script[..]),
        ("REQUEST_METHOD", "GET"),
        ("QUERY_STRING", "m=slow&n=4"),
    ];
    let got = connection.ask_and_abort(&vars);
    assert_eq!(got.ending, Ending::Aborted);
    assert!(!got.retry_safe);
    shown.case("abort");

    let mut connection = Connection::tcp(peer.port);
    let vars = [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_FILENAME", "/nowhere.php"),
    ];
    let got = connection.ask(&vars, None);
    assert_eq!((got.status, got.ending), (404, ENDS));
    let log = String::from_utf8_lossy(&got.log);
    assert!(log.contains("Primary script unknown"), "{log}");
    shown.case("endings");
}
