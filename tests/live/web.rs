//! nginx and Apache in front of `vestibule serve`, over each protocol of variables.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::harness::{PATH, PATIENCE, Peer, Relay, Scratch, Serve, Shown};
use crate::tools::{COMMAND, Dump, MB, curl, lines, noise, same};

/// A web server before `serve`, over one protocol.
pub struct Front {
    pub name: &'static str,
    pub start: fn(&Serve) -> Web,
    /// As endpoints are named.
    pub protocol: &'static str,
    pub places: &'static [&'static str],
    /// Where an answer is passed on as it comes.
    pub stream: &'static str,
    /// Where connections are closed, and where they are kept.
    pub keeps: Option<[&'static str; 2]>,
    /// Request bodies of unknown length are taken.
    pub chunked: bool,
    /// An application is believed about the length of an answer to HEAD.
    pub head_length: bool,
    /// How large a body can be that comes back while it is sent.
    pub mirror: usize,
}

/// Some web servers send no more of a request once the answer has begun: what
/// is mirrored must fit the first write.
const LITTLE: usize = 10_000;

pub const NGINX_FCGI: Front = Front {
    name: "nginx",
    start: Web::nginx,
    protocol: "fcgi",
    places: &["/fcgi/", "/fcgi-keep/", "/fcgi-stream/"],
    stream: "/fcgi-stream/",
    keeps: Some(["/fcgi/", "/fcgi-keep/"]),
    chunked: true,
    head_length: true,
    mirror: LITTLE,
};

pub const NGINX_SCGI: Front = Front {
    protocol: "scgi",
    places: &["/scgi/", "/scgi-stream/"],
    stream: "/scgi-stream/",
    keeps: None,
    ..NGINX_FCGI
};

pub const NGINX_UWSGI: Front = Front {
    protocol: "uwsgi",
    places: &["/uwsgi/", "/uwsgi-stream/"],
    stream: "/uwsgi-stream/",
    ..NGINX_SCGI
};

pub const APACHE_FCGI: Front = Front {
    name: "Apache",
    start: Web::apache,
    head_length: false,
    mirror: 10 * MB,
    ..NGINX_FCGI
};

pub const APACHE_SCGI: Front = Front {
    protocol: "scgi",
    places: &["/scgi/"],
    stream: "/scgi/",
    keeps: None,
    chunked: false,
    mirror: LITTLE,
    ..APACHE_FCGI
};

pub const APACHE_UWSGI: Front = Front {
    protocol: "uwsgi",
    places: &["/uwsgi/"],
    stream: "/uwsgi/",
    ..APACHE_SCGI
};

pub const APACHE_AJP: Front = Front {
    protocol: "ajp",
    places: &["/ajp/", "/ajp-ping/", "/ajp-stream/", "/ajp-close/"],
    stream: "/ajp-stream/",
    keeps: Some(["/ajp-close/", "/ajp/"]),
    ..APACHE_FCGI
};

/// mod_cgi, which writes all of a body before it reads, and runs a link to us.
const APACHE_CGI: Front = Front {
    protocol: "cgi",
    places: &["/cgi-bin/echo.cgi/"],
    ..APACHE_SCGI
};

pub const NGINX_HTTP: Front = Front {
    protocol: "http",
    places: &["/http10/", "/http/", "/http-keep/", "/http-stream/"],
    stream: "/http-stream/",
    keeps: Some(["/http/", "/http-keep/"]),
    ..NGINX_FCGI
};

pub const APACHE_HTTP: Front = Front {
    protocol: "http",
    places: &["/http/", "/http-keep/"],
    stream: "/http/",
    keeps: Some(["/http/", "/http-keep/"]),
    head_length: true,
    // It reads no answer before it has sent the request.
    mirror: LITTLE,
    ..APACHE_FCGI
};

/// A web server, and what it says of itself.
pub struct Web {
    pub peer: Peer,
    pub nginx: bool,
}

impl Web {
    pub fn nginx(serve: &Serve) -> Web {
        Web::start("nginx", serve)
    }

    pub fn apache(serve: &Serve) -> Web {
        Web::start("apache", serve)
    }

    fn start(name: &str, serve: &Serve) -> Web {
        let end = serve.endpoint.find([':', '+']).unwrap();
        let upstream = format!("UPSTREAM_{}", serve.endpoint[..end].to_ascii_uppercase());
        Web {
            peer: Peer::start(name, &[(&upstream, &serve.upstream)]),
            nginx: name == "nginx",
        }
    }

    fn open(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.peer.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// Everything that `echo` answers, through one location.
fn echo(web: &Web, front: &Front, place: &str, shown: &mut Shown) {
    let scratch = Scratch::new();
    let url = |tail: &str| web.peer.url(&format!("{place}{tail}"));

    let headers = [
        "-H",
        "X-Probe: one",
        "-H",
        "Accept: */*",
        "-H",
        "User-Agent: test",
        "-H",
        "Host: h.test",
        "-H",
        "Cookie: a=1; b=2",
        "-H",
        "X-Latin1: caf\u{e9}\\",
        "-H",
        "X-Empty;",
    ];
    let got = curl(&url("a%20b/c?x=1&y=%C5%A1&empty="), &headers);
    assert_eq!(got.status, 200);
    let mut dump = Dump::of(&got.body);
    assert_eq!(dump.peer, "vestibule");
    dump.got("GET", b"");
    environment(web, front, place, &mut dump);
    shown.case("GET");

    let got = curl(&url("x?m=size&n=5000"), &["-I"]);
    assert_eq!((got.status, &got.body[..]), (200, &got.head[..]));
    if front.head_length {
        assert_eq!(got.field("Content-Length"), [b"5000"]);
    }
    shown.case("HEAD");

    let small = noise(3000);
    let big = noise(10 * MB);
    let small_file = format!("@{}", scratch.file("small", &small));
    let big_file = format!("@{}", scratch.file("big", &big));
    let post = |query: &str, file: &str, more: &[&str]| {
        let args = [more, &["--data-binary", file]].concat();
        curl(&url(&format!("x?{query}")), &args)
    };
    let chunked = &["-H", "Transfer-Encoding: chunked"][..];
    for (file, sent) in [(&small_file, &small), (&big_file, &big)] {
        let got = post("", file, &[]);
        let mut dump = Dump::of(&got.body);
        dump.got("POST", sent);
        assert_eq!(dump.take("CONTENT_LENGTH"), sent.len().to_string());
        let got = post("", file, chunked);
        match front.chunked {
            true => drop(Dump::of(&got.body).got("POST", sent)),
            // A program is not told where such a body ends.
            false if front.protocol == "cgi" => {}
            false => assert_eq!(got.status, 411),
        }
    }
    shown.case("POST sized and chunked, 10 MB");

    let got = curl(&url("x?m=size&n=10000000"), &[]);
    same(&got.body, &lines(10 * MB), "an answer of 10 MB");
    shown.case("answer of 10 MB");

    let got = post("m=nobody", &big_file, &[]);
    same(&got.body, b"ignored\n", "nobody");
    shown.case("10 MB that nobody reads");

    for (status, body) in [
        (404, "status 404\n"),
        (503, "status 503\n"),
        (204, ""),
        (304, ""),
    ] {
        let got = curl(&url(&format!("x?m=status&n={status}")), &[]);
        assert_eq!((got.status, &got.body[..]), (status, body.as_bytes()));
    }
    shown.case("404, 503, 204, 304");

    let got = curl(&url("x?m=odd"), &[]);
    same(&got.body, b"odd\n", "odd");
    let utf8 = "\u{17e}lu\u{165}ou\u{10d}k\u{fd} k\u{16f}\u{148}".as_bytes();
    assert_eq!(got.field("X-Utf8"), [utf8]);
    assert_eq!(got.field("X-Latin1"), [b"caf\xe9"]);
    assert_eq!(got.field("X-Empty"), [b""]);
    assert_eq!(got.field("Set-Cookie"), [&b"a=1"[..], b"b=2; Path=/"]);
    assert_eq!(got.field("x-lower-Case"), [b"Yes"]);
    shown.case("odd fields");

    let got = curl(&url("x?m=stderr"), &[]);
    same(&got.body, b"body\n", "stderr");
    let got = curl(&url("x?m=slow&n=3"), &[]);
    same(&got.body, b"chunk 0\nchunk 1\nchunk 2\n", "slow");
    shown.case("slow");

    // Several at once.
    std::thread::scope(|scope| {
        for n in 0..6 {
            let url = &url;
            let post = &post;
            let (small, small_file) = (&small, &small_file);
            scope.spawn(move || {
                if n % 2 == 0 {
                    let got = curl(&url("x?m=slow&n=4"), &[]);
                    same(&got.body, b"chunk 0\nchunk 1\nchunk 2\nchunk 3\n", "slow");
                } else {
                    Dump::of(&post("", small_file, &[]).body).got("POST", small);
                }
            });
        }
    });
    shown.case("six at once");
}

/// What the application must have been told, and no more.
#[track_caller]
fn environment(web: &Web, front: &Front, place: &str, dump: &mut Dump) {
    if front.protocol == "ajp" {
        return attributes(web, place, dump);
    }
    let port: u16 = dump.take("REMOTE_PORT").parse().unwrap();
    assert_ne!(port, 0);
    let software = dump.take("SERVER_SOFTWARE");
    let mut want: Vec<String> = [
        "HTTP_ACCEPT=*/*",
        "HTTP_COOKIE=a=1; b=2",
        "HTTP_HOST=h.test",
        "HTTP_USER_AGENT=test",
        "HTTP_X_EMPTY=",
        "HTTP_X_LATIN1=caf\\xc3\\xa9\\x5c",
        "HTTP_X_PROBE=one",
        "QUERY_STRING=x=1&y=%C5%A1&empty=",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_SCHEME=http",
        "SERVER_ADDR=127.0.0.1",
        "SERVER_PROTOCOL=HTTP/1.1",
    ]
    .map(String::from)
    .into();
    let mut also = |var: &str| want.push(var.into());
    also(&format!("REQUEST_URI={place}a%20b/c?x=1&y=%C5%A1&empty="));
    let root = web.peer.scratch.path().display();
    let script = place.trim_end_matches('/');
    let echo = concat!(
        "SCRIPT_FILENAME=",
        env!("CARGO_MANIFEST_DIR"),
        "/tests/peers/apps/www/echo.php"
    );
    if front.protocol == "scgi" {
        also("CONTENT_LENGTH=0");
        also("SCGI=1");
    }
    if web.nginx {
        assert!(software.starts_with("nginx/"), "{software}");
        if front.protocol != "scgi" {
            also("CONTENT_LENGTH=");
        }
        also("CONTENT_TYPE=");
        also("GATEWAY_INTERFACE=CGI/1.1");
        also("PATH_INFO=/a b/c");
        also("REDIRECT_STATUS=200");
        also("SERVER_NAME=peer.test");
        also(&format!("DOCUMENT_ROOT={root}"));
        also(&format!("DOCUMENT_URI={place}a b/c"));
        also(echo);
        also(&format!("SCRIPT_NAME={script}"));
        also(&format!("SERVER_PORT={}", web.peer.port));
    } else {
        assert!(software.starts_with("Apache/"), "{software}");
        also("SERVER_ADMIN=[no address given]");
        also("SERVER_NAME=h.test");
        // As the Host field has none.
        also("SERVER_PORT=80");
        also("SERVER_SIGNATURE=");
        also(&format!("DOCUMENT_ROOT={root}/htdocs"));
        if front.protocol == "cgi" {
            // That is for the program itself, not for its application.
            also("CONTEXT_PREFIX=/cgi-bin/");
            also(&format!("CONTEXT_DOCUMENT_ROOT={root}/cgi/"));
            also(&format!("PATH_TRANSLATED={root}/htdocs/a b/c"));
        } else {
            also(&format!("PATH={PATH}"));
            also("CONTEXT_PREFIX=");
            also(&format!("CONTEXT_DOCUMENT_ROOT={root}/htdocs"));
        }
        match front.protocol {
            "fcgi" => also(echo),
            "cgi" => also(&format!("SCRIPT_FILENAME={root}/cgi/echo.cgi")),
            _ => {
                let file = dump.take("SCRIPT_FILENAME");
                let proxy = format!("proxy:{}://", front.protocol);
                assert!(file.starts_with(&proxy) && file.ends_with("/c"), "{file}");
            }
        }
        if front.protocol != "scgi" {
            also("GATEWAY_INTERFACE=CGI/1.1");
        }
        match front.protocol {
            "fcgi" | "scgi" => also(&format!("SCRIPT_NAME={place}a b/c")),
            _ => {
                also(&format!("SCRIPT_NAME={script}"));
                also("PATH_INFO=/a b/c");
            }
        }
    }
    dump.has(&want.iter().map(String::as_str).collect::<Vec<_>>());
}

/// The same over AJP, which has other words for it, and fewer.
#[track_caller]
fn attributes(web: &Web, place: &str, dump: &mut Dump) {
    let port: u16 = dump.take("REMOTE_PORT").parse().unwrap();
    assert_ne!(port, 0);
    dump.has(&[
        &format!("DOCUMENT_URI={place}a%20b/c"),
        "GATEWAY_INTERFACE=CGI/1.1",
        "HTTP_ACCEPT=*/*",
        "HTTP_COOKIE=a=1; b=2",
        "HTTP_HOST=h.test",
        "HTTP_USER_AGENT=test",
        "HTTP_X_EMPTY=",
        "HTTP_X_LATIN1=caf\\xc3\\xa9\\x5c",
        "HTTP_X_PROBE=one",
        &format!("PATH_INFO={place}a b/c"),
        "QUERY_STRING=x=1&y=%C5%A1&empty=",
        "REMOTE_ADDR=127.0.0.1",
        "REQUEST_METHOD=GET",
        "REQUEST_SCHEME=http",
        &format!("REQUEST_URI={place}a%20b/c?x=1&y=%C5%A1&empty="),
        "SCRIPT_NAME=",
        "SERVER_ADDR=127.0.0.1",
        "SERVER_NAME=h.test",
        &format!("SERVER_PORT={}", web.peer.port),
        "SERVER_PROTOCOL=HTTP/1.1",
        concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION")),
    ]);
}

pub fn mirror(web: &Web, front: &Front, shown: &mut Shown) {
    let scratch = Scratch::new();
    let size = front.mirror;
    let big = noise(size);
    let file = format!("@{}", scratch.file("big", &big));
    for place in front.places {
        let url = web.peer.url(&format!("{place}x"));
        let sized = &["--data-binary", &file][..];
        let chunked = &["-H", "Transfer-Encoding: chunked", "--data-binary", &file][..];
        for args in [sized, chunked].iter().take(1 + usize::from(front.chunked)) {
            let got = curl(&url, args);
            assert_eq!(got.status, 200);
            assert_eq!(
                got.field("Content-Type"),
                [b"application/x-www-form-urlencoded"]
            );
            same(&got.body, &big, place);
        }
    }
    shown.case(&format!("mirror: {size} bytes each way"));
}

/// A client that leaves. The application has one worker, and what it is asked
/// would keep it for hours: another request is answered only if it has seen
/// that nobody listens.
pub fn leaving(web: &Web, place: &str, shown: &mut Shown) {
    let ask = |head: &str| {
        let mut stream = web.open();
        let head = format!("{head}\r\nHost: h\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let healthy = || {
        let got = curl(&web.peer.url(&format!("{place}x?m=nobody")), &[]);
        assert_eq!((got.status, &got.body[..]), (200, &b"ignored\n"[..]));
    };

    let mut stream = ask(&format!("GET {place}x?m=slow&n=1000000 HTTP/1.1"));
    stream.write_all(b"\r\n").unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"chunk 0\n") && !seen.windows(7).any(|w| w == b"chunk 1") {
        let mut buf = [0; 512];
        let n = stream.read(&mut buf).unwrap();
        assert_ne!(n, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buf[..n]);
    }
    drop(stream);
    healthy();
    shown.case("client leaves during the answer");

    let mut stream = ask(&format!(
        "POST {place}x HTTP/1.1\r\nContent-Length: 1000000"
    ));
    stream.write_all(b"\r\n").unwrap();
    stream.write_all(&noise(300_000)).unwrap();
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    healthy();
    shown.case("client leaves during its request");
}

/// Every application and case through one front.
fn all(front: &Front) {
    let listen = format!("{}://127.0.0.1:0", front.protocol);
    let start = |args: &[&str]| {
        let serve = Serve::start(&listen, args);
        let web = (front.start)(&serve);
        (web, serve)
    };
    let name = |place: &str| format!("{} {place} -> serve", front.name);

    let (web, serve) = start(&["--app", "echo"]);
    for place in front.places {
        echo(&web, front, place, &mut Shown::of(&name(place)));
    }
    let log = format!("{}-error.log", if web.nginx { "nginx" } else { "apache" });
    let log = std::fs::read_to_string(web.peer.scratch.path().join(log)).unwrap();
    drop(web);
    serve.stop();
    let said = log.contains("stderr line one") && log.contains("stderr line two");
    assert_eq!(said, front.protocol == "fcgi", "{log}");

    let mut shown = Shown::of(&name(front.protocol));
    let (web, serve) = start(&["--app", "mirror"]);
    mirror(&web, front, &mut shown);
    drop(web);
    serve.stop();

    let (web, serve) = start(&["--app", "hello"]);
    let got = curl(&web.peer.url(front.places[0]), &[]);
    same(&got.body, b"Hello, world!\n", "hello");
    shown.case("hello");
    drop(web);
    serve.stop();

    let (web, serve) = start(&["--app", "echo", "--max-body", "100000"]);
    too_long(&web, front, &mut shown);
    drop(web);
    serve.stop();

    let (web, serve) = start(&["--app", "echo", "--workers", "1"]);
    leaving(&web, front.stream, &mut shown);
    drop(web);
    serve.stop();

    if let Some(places) = front.keeps {
        let serve = Serve::start(&listen, &["--app", "echo"]);
        let name = format!("{} {}", front.name, places[1]);
        connections(serve, front.start, places, &name);
    }
}

fn over_a_unix_socket(front: &Front) {
    let serve = Serve::start(&format!("{}+unix:", front.protocol), &["--app", "echo"]);
    let web = (front.start)(&serve);
    let place = front.places[front.places.len() - 1];
    let name = format!("{} {place} -> serve, unix socket", front.name);
    echo(&web, front, place, &mut Shown::of(&name));
    drop(web);
    serve.stop();
}

#[test]
#[ignore = "needs nginx and curl"]
fn nginx_over_fastcgi() {
    all(&NGINX_FCGI);
    over_a_unix_socket(&NGINX_FCGI);
}

#[test]
#[ignore = "needs nginx and curl"]
fn nginx_over_scgi() {
    all(&NGINX_SCGI);
    over_a_unix_socket(&NGINX_SCGI);
}

#[test]
#[ignore = "needs nginx and curl"]
fn nginx_over_uwsgi() {
    all(&NGINX_UWSGI);
    over_a_unix_socket(&NGINX_UWSGI);
}

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_over_scgi() {
    all(&APACHE_SCGI);
}

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_over_uwsgi() {
    all(&APACHE_UWSGI);
}

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_runs_links_to_us() {
    let name = "Apache mod_cgi -> NAME.cgi";
    let mut shown = Shown::of(name);
    let web = Web {
        peer: Peer::start("apache", &[("UPSTREAM_CGI", COMMAND)]),
        nginx: false,
    };
    echo(&web, &APACHE_CGI, APACHE_CGI.places[0], &mut shown);
    let log = std::fs::read_to_string(web.peer.scratch.path().join("apache-error.log")).unwrap();
    assert!(
        log.contains("stderr line one") && log.contains("stderr line two"),
        "{log}"
    );
    let places = &["/cgi-bin/mirror.cgi/"];
    mirror(
        &web,
        &Front {
            places,
            ..APACHE_CGI
        },
        &mut shown,
    );
    let got = curl(&web.peer.url("/cgi-bin/hello.cgi"), &[]);
    same(&got.body, b"Hello, world!\n", "hello");
    shown.case("hello");
    // Such a query becomes the arguments of a program.
    for query in ["--help", "call+ajp://127.0.0.1:9", "-h"] {
        let got = curl(&web.peer.url(&format!("/cgi-bin/echo.cgi?{query}")), &[]);
        let mut dump = Dump::of(&got.body);
        assert_eq!(dump.take("QUERY_STRING"), query);
    }
    shown.case("arguments are nobody's");
}

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_over_ajp() {
    all(&APACHE_AJP);
}

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_over_fastcgi() {
    all(&APACHE_FCGI);
}

/// Requests one after the other, and how many connections the application saw,
/// at a place that closes them and at one that keeps them.
pub fn connections(mut serve: Serve, start: fn(&Serve) -> Web, places: [&str; 2], name: &str) {
    let mut shown = Shown::of(&format!("{name} -> serve"));
    let relay = Relay::to(&serve.upstream);
    serve.upstream = relay.address.clone();
    let web = start(&serve);
    let ask = |place: &str| {
        let before = relay.connections();
        for n in 0..5 {
            let got = curl(&web.peer.url(&format!("{place}x?m=size&n={n}")), &[]);
            same(&got.body, &lines(n), place);
        }
        relay.connections() - before
    };
    let [closes, keeps] = places;
    assert_eq!(ask(closes), 5);
    assert_eq!(ask(keeps), 1);
    shown.case("five requests on one kept connection");
    // Whatever the answer was.
    let before = relay.connections();
    for query in [
        "m=nobody",
        "m=status&n=304",
        "m=status&n=503",
        "m=stderr",
        "m=odd",
    ] {
        let url = web.peer.url(&format!("{keeps}x?{query}"));
        curl(&url, &[]);
        // Over FastCGI nginx closes after HEAD, whatever the answer says.
        if !web.nginx || serve.endpoint.starts_with("http") {
            curl(&url, &["-I"]);
        }
        // Over AJP the first packet of a body is on its way, asked for or not:
        // who answers before it came closes.
        if query != "m=nobody" || !serve.endpoint.starts_with("ajp") {
            curl(&url, &["-d", "body"]);
        }
    }
    assert_eq!(relay.connections(), before);
    shown.case("every kind of answer on the same one");
    drop(web);
    serve.stop();
}

/// Of an application that takes 100,000 bytes.
pub fn too_long(web: &Web, front: &Front, shown: &mut Shown) {
    let scratch = Scratch::new();
    let fits = noise(100_000);
    let fitting = format!("@{}", scratch.file("fits", &fits));
    let more = format!("@{}", scratch.file("more", &noise(100_001)));
    for place in front.places {
        let url = web.peer.url(&format!("{place}x"));
        let ways = [&[][..], &["-H", "Transfer-Encoding: chunked"]];
        for args in ways.into_iter().take(1 + usize::from(front.chunked)) {
            let got = curl(&url, &[args, &["--data-binary", &more]].concat());
            assert_eq!(got.status, 413, "{place} {args:?}");
            let got = curl(&url, &[args, &["--data-binary", &fitting]].concat());
            Dump::of(&got.body).got("POST", &fits);
        }
    }
    shown.case("413, and the next request is answered");
}
