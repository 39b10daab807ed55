//! `vestibule call`, and the library's client, against an application made
//! with libfcgi.

use vestibule::fcgi::{Role, Values, Verdict};
use vestibule::{Ending, Field};

use crate::connection::Connection;
use crate::harness::{Peer, Scratch, Shown};
use crate::tools::{Dump, MB, call, lines, noise, same};

fn pages(endpoint: &str, shown: &mut Shown) {
    let scratch = Scratch::new();
    let ran = call(
        endpoint,
        &[
            "--uri",
            "/app?x=1",
            "-H",
            "X-Probe: \u{e9}\\",
            "-p",
            "LONG=",
            "-p",
            "EMPTY=",
        ],
    );
    let dump = Dump::of(ran.ok());
    assert_eq!(dump.peer, "libfcgi");
    dump.got("GET", b"").has(&[
        "DOCUMENT_URI=/app",
        "EMPTY=",
        "FCGI_ROLE=RESPONDER",
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_X_PROBE=\\xc3\\xa9\\x5c",
        "LONG=",
        "QUERY_STRING=x=1",
        "REDIRECT_STATUS=200",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_URI=/app?x=1",
        "SCRIPT_NAME=/app",
        "SERVER_NAME=localhost",
        "SERVER_PORT=80",
        "SERVER_PROTOCOL=HTTP/1.1",
        concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION")),
    ]);
    // Values around the border between the two forms of a length.
    for n in [126, 127, 128, 129, 5000] {
        let long = format!("LONG={}", "v".repeat(n));
        let ran = call(endpoint, &["--uri", "/app", "-p", &long]);
        let mut dump = Dump::of(ran.ok());
        assert_eq!(dump.take("LONG").len(), n);
    }
    shown.case("GET");

    let big = noise(10 * MB);
    let file = scratch.file("big", &big);
    let ran = call(endpoint, &["--uri", "/app", "--body", &file]);
    let mut dump = Dump::of(ran.ok());
    dump.got("POST", &big);
    assert_eq!(dump.take("CONTENT_LENGTH"), "10000000");
    shown.case("POST of 10 MB");
    let ran = call(endpoint, &["--uri", "/app?m=mirror", "--body", &file]);
    same(ran.ok(), &big, "10 MB and back at once");
    shown.case("10 MB both ways at once");
    let ran = call(endpoint, &["--uri", "/app?m=size&n=8388608"]);
    same(ran.ok(), &lines(8_388_608), "8 MB");
    shown.case("answer of 8 MB");
    let ran = call(endpoint, &["--uri", "/app?m=nobody", "--body", &file]);
    same(ran.ok(), b"ignored\n", "a body that nobody reads");
    shown.case("10 MB that nobody reads");

    for (status, body) in [
        (404, "status 404\n"),
        (503, "status 503\n"),
        (204, ""),
        (304, ""),
    ] {
        let uri = format!("/app?m=status&n={status}");
        let ran = call(endpoint, &["--uri", &uri, "-i"]);
        let head = format!("Status: {status}\r\nContent-Type: text/plain\r\n\r\n");
        same(ran.ok(), format!("{head}{body}").as_bytes(), &uri);
        let ran = call(endpoint, &["--uri", &uri, "--fail"]);
        assert_eq!(ran.code, if status < 400 { 0 } else { 22 });
        assert!(ran.out.is_empty());
    }
    shown.case("404, 503, 204, 304");

    let ran = call(endpoint, &["--uri", "/app?m=odd", "-i"]);
    let want: &[u8] = b"Status: 200\r\nContent-Type: text/plain\r\n\
        X-Utf8: \xc5\xbelu\xc5\xa5ou\xc4\x8dk\xc3\xbd k\xc5\xaf\xc5\x88\r\n\
        X-Latin1: caf\xe9\r\nX-Empty: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\n\
        x-lower-Case: Yes\r\n\r\nodd\n";
    same(ran.ok(), want, "odd");
    shown.case("odd fields");

    let ran = call(endpoint, &["--uri", "/app?m=stderr"]);
    same(ran.ok(), b"body\n", "stderr");
    assert_eq!(ran.err, "stderr line one\nstderr line two\n");
    shown.case("STDERR");

    let ran = call(endpoint, &["--uri", "/app?m=slow&n=4"]);
    same(ran.ok(), b"chunk 0\nchunk 1\nchunk 2\nchunk 3\n", "slow");
    shown.case("slow");

    let ran = call(
        endpoint,
        &["--role", "authorizer", "-i", "-p", "REMOTE_USER=good"],
    );
    let want = "Status: 200\r\nVariable-AUTHZ_USER: good\r\nVariable-AUTHZ_ROLE: \r\n\
        Content-Type: text/plain\r\n\r\n";
    same(ran.ok(), want.as_bytes(), "allowed");
    let ran = call(
        endpoint,
        &["--role", "authorizer", "-i", "-p", "REMOTE_USER=bad"],
    );
    let want = "Status: 401\r\nWWW-Authenticate: Basic realm=\"authorizer\"\r\n\
        Content-Type: text/plain\r\n\r\ndenied\n";
    same(ran.ok(), want.as_bytes(), "denied");
    shown.case("authorizer");
}

#[test]
#[ignore = "needs libfcgi-dev and spawn-fcgi"]
fn pages_of_libfcgi_over_tcp() {
    let peer = Peer::start("libfcgi", &[]);
    pages(&peer.tcp(), &mut Shown::of("call -> libfcgi, TCP"));
}

#[test]
#[ignore = "needs libfcgi-dev and spawn-fcgi"]
fn pages_of_libfcgi_over_a_unix_socket() {
    let peer = Peer::start("libfcgi", &[("PEER_UNIX", "1")]);
    pages(
        &peer.socket("fcgi", "libfcgi"),
        &mut Shown::of("call -> libfcgi, unix socket"),
    );
}

fn vars(query: &str) -> [(&str, &str); 2] {
    [("REQUEST_METHOD", "GET"), ("QUERY_STRING", query)]
}

#[test]
#[ignore = "needs libfcgi-dev and spawn-fcgi"]
fn kept_connection_to_libfcgi() {
    let peer = Peer::start("libfcgi", &[]);
    let mut shown = Shown::of("fcgi::Client -> libfcgi");
    let ends = |app_status| Ending::Complete {
        app_status,
        output_ended: true,
    };

    // It serves one connection at a time.
    let mut connection = Connection::tcp(peer.port);
    for n in 0..1000 {
        let query = format!("m=size&n={n}");
        let got = connection.ask(&vars(&query), None);
        assert_eq!((got.status, got.ending, got.reuse), (200, ends(0), true));
        same(&got.body, &lines(n), &query);
    }
    shown.case("1,000 requests on one connection");
    for n in [7, 0] {
        let got = connection.ask(&vars(&format!("m=exit&n={n}")), None);
        let body = format!("appStatus {n}\n");
        assert_eq!((&got.body[..], got.ending), (body.as_bytes(), ends(n)));
    }
    shown.case("appStatus");

    connection.role = Role::Authorizer;
    let got = connection.ask(&vars("user=good"), None);
    assert!(got.verdict.allowed(), "{got:?}");
    let fields = got.fields.iter().map(|(n, v)| Field::header(n, v));
    let given: Vec<_> = fields.filter_map(|f| Verdict::variable(&f)).collect();
    assert_eq!(given[0], (&b"AUTHZ_USER"[..], &b"good"[..]));
    let got = connection.ask(&vars("user=bad"), None);
    assert!(!got.verdict.allowed());
    shown.case("verdicts");
    drop(connection);

    let values = Some(Values {
        max_conns: Some(1),
        max_reqs: Some(1),
        mpxs_conns: Some(false),
    });
    let mut connection = Connection::tcp(peer.port);
    assert_eq!(connection.values(), values);
    // And the connection is as good as before.
    let got = connection.ask(&vars("m=nobody"), None);
    assert_eq!((&got.body[..], got.ending), (&b"ignored\n"[..], ends(0)));
    drop(connection);
    shown.case("GET_VALUES");

    // It closes without a word: nobody can say that it has not run.
    let mut connection = Connection::tcp(peer.port);
    let got = connection.ask_spoilt(&vars("m=nobody"), |head| head[9] = 9);
    assert!(!matches!(got.ending, Ending::Complete { .. }), "{got:?}");
    assert!(!got.reuse && got.status == 0, "{got:?}");
    drop(connection);
    shown.case("unknown role");

    let mut connection = Connection::tcp(peer.port);
    let got = connection.ask_and_abort(&vars("m=slow&n=5"));
    assert_eq!(got.ending, Ending::Aborted);
    drop(connection);
    let mut connection = Connection::tcp(peer.port);
    let got = connection.ask(&vars("m=nobody"), None);
    assert_eq!((&got.body[..], got.ending), (&b"ignored\n"[..], ends(0)));
    shown.case("abort");
}
