//! `call`: what it sends, prints and says.

use super::tools::*;
use std::io::{Read, Write};
use std::process::Stdio;

/// The variables that `echo` was given.
fn variables(ran: &Ran) -> Vec<String> {
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = ran.text();
    let (_, rest) = text.split_once("\n\n").unwrap();
    rest.lines().map(String::from).collect()
}

fn has(vars: &[String], line: &str) -> bool {
    vars.iter().any(|v| v == line)
}

#[test]
fn environment_and_options() {
    let served = Served::new("echo", &[]);
    let at = &served.endpoint[..];
    let env = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = vestibule(&[&["call", at], args].concat());
        command.envs(env.iter().copied());
        variables(&finish(command, b""))
    };
    // As with cgi-fcgi: the environment says it all.
    let vars = env(
        &[],
        &[
            ("SCRIPT_FILENAME", "/srv/index.php"),
            ("REQUEST_METHOD", "OPTIONS"),
            ("HTTP_ACCEPT", "a/b"),
            ("HTTP_PROXY", "http://evil"),
            ("OTHER", "x"),
        ],
    );
    for line in [
        "SCRIPT_FILENAME=/srv/index.php",
        "REQUEST_METHOD=OPTIONS",
        "HTTP_ACCEPT=a/b",
        "GATEWAY_INTERFACE=CGI/1.1",
        "QUERY_STRING=",
    ] {
        assert!(has(&vars, line), "{line}: {vars:?}");
    }
    assert!(
        !vars
            .iter()
            .any(|v| v.starts_with("OTHER") || v.starts_with("HTTP_PROXY"))
    );
    // All of it.
    let vars = env(&["--env"], &[("OTHER", "x"), ("HTTP_PROXY", "p")]);
    assert!(has(&vars, "OTHER=x") && !has(&vars, "HTTP_PROXY=p"));
    // Options win.
    let vars = env(
        &[
            "--uri=/b.php/c%20d?x=1",
            "--root",
            "/srv/",
            "-XPUT",
            "-H",
            "Accept: c/d",
            "-H",
            "X-A: 1",
            "-H",
            "X-A: 2",
            "-p",
            "SERVER_NAME=n=m",
            "-H",
            "Content-Type: t/x",
        ],
        &[
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", "/a.php"),
            ("SCRIPT_FILENAME", "/old"),
            ("HTTP_ACCEPT", "a/b"),
            ("QUERY_STRING", "old"),
            ("SERVER_NAME", "old"),
            ("CONTENT_TYPE", "old"),
        ],
    );
    for line in [
        "REQUEST_METHOD=PUT",
        "SCRIPT_NAME=/b.php",
        "PATH_INFO=/c d",
        "QUERY_STRING=x=1",
        "REQUEST_URI=/b.php/c%20d?x=1",
        "DOCUMENT_ROOT=/srv",
        "SCRIPT_FILENAME=/srv/b.php",
        "HTTP_ACCEPT=c/d",
        "HTTP_X_A=1, 2",
        "SERVER_NAME=n=m",
        "CONTENT_TYPE=t/x",
    ] {
        assert!(has(&vars, line), "{line}: {vars:?}");
    }
    // The endpoint's path, and what beats it.
    let with_path = format!("{at}/p?q=1");
    let vars = variables(&call(&with_path, &[]));
    assert!(has(&vars, "REQUEST_URI=/p?q=1"), "{vars:?}");
    let vars = variables(&call(&with_path, &["--uri", "/u"]));
    assert!(
        has(&vars, "REQUEST_URI=/u") && has(&vars, "QUERY_STRING="),
        "{vars:?}"
    );
}

#[test]
fn bodies() {
    let served = Served::new("echo", &[]);
    let at = &served.endpoint[..];
    let dir = Dir::new("bodies");
    let text = |args: &[&str], env: &[(&str, &str)], input: &[u8]| {
        let mut command = vestibule(&[&["call", at], args].concat());
        command.envs(env.iter().copied());
        let ran = finish(command, input);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.text()
    };
    // FNV-1a of nothing, of "a=1&b=2" and of "abc".
    let (none, form, abc) = ("cbf29ce484222325", "f9f47cc1dfc6b7b9", "e71fa2190541574b");
    let out = text(
        &["-d", "a=1", "-d", "b=2"],
        &[("REQUEST_METHOD", "GET")],
        b"",
    );
    assert!(out.contains("method: POST\nbody-len: 7\n"), "{out}");
    assert!(
        out.contains("CONTENT_TYPE=application/x-www-form-urlencoded\n"),
        "{out}"
    );
    assert!(out.contains("CONTENT_LENGTH=7\n"), "{out}");
    assert!(out.contains(&format!("body-fnv: {form}\n")), "{out}");
    let file = dir.file("abc", b"abc");
    let out = text(&["--body", &file, "-X", "PUT"], &[], b"");
    assert!(out.contains("method: PUT\nbody-len: 3\n"), "{out}");
    assert!(out.contains(&format!("body-fnv: {abc}\n")), "{out}");
    // Standard input: when asked for, then of unknown length ...
    let out = text(&["--body", "-"], &[], b"abc");
    assert!(out.contains("method: POST\nbody-len: 3\n"), "{out}");
    assert!(!out.contains("\nCONTENT_LENGTH=3"), "{out}");
    // ... or when the environment declares it, and no more than that.
    let out = text(&[], &[("CONTENT_LENGTH", "3")], b"abcdef");
    assert!(
        out.contains(&format!("body-len: 3\nbody-fnv: {abc}\n")),
        "{out}"
    );
    assert!(out.contains("\nCONTENT_LENGTH=3\n"), "{out}");
    // Not otherwise.
    let out = text(&[], &[], b"abc");
    assert!(
        out.contains(&format!("body-len: 0\nbody-fnv: {none}\n")),
        "{out}"
    );
    let out = text(&["-d", ""], &[], b"");
    assert!(out.contains("method: POST\nbody-len: 0\n"), "{out}");
    // A regular file as standard input has a length.
    let ran = vestibule(&["call", at, "--body", "-"])
        .stdin(std::fs::File::open(&file).unwrap())
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(out.contains("\nCONTENT_LENGTH=3\n"), "{out}");
    // What is declared must come.
    let mut command = vestibule(&["call", at]);
    command.env("CONTENT_LENGTH", "4");
    let ran = finish(command, b"abc");
    assert_eq!(ran.code, 1, "{ran:?}");
}

#[test]
fn ten_megabytes_both_ways() {
    let served = Served::new("mirror", &[]);
    let dir = Dir::new("ten");
    let data = pattern(10_000_000);
    let file = dir.file("data", &data);
    let ran = call(&served.endpoint, &["--body", &file]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    assert!(ran.out == data);
    let ran = finish(vestibule(&["call", &served.endpoint, "--body", "-"]), &data);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    assert!(ran.out == data);
    let echo = Served::new("echo", &[]);
    let ran = call(&echo.endpoint, &["--uri", "/?m=size&n=10000000"]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    assert!(ran.out == data);
    let ran = call(&echo.endpoint, &["--body", &file]);
    assert!(ran.text().contains("body-len: 10000000\n"), "{}", ran.err);
}

#[test]
fn filters() {
    let served = Served::new("mirror", &[]);
    let dir = Dir::new("filters");
    let data = pattern(200_000);
    let file = dir.file("data", &data);
    let filter = |more: &[&str], file: &str| {
        call(
            &served.endpoint,
            &[&["--role", "filter", "--data", file], more].concat(),
        )
    };
    let ran = filter(&[], &file);
    assert!(ran.code == 0 && ran.out == data, "{}", ran.err);
    let ran = filter(&["-d", "some=form"], &file);
    assert!(ran.code == 0 && ran.out == data, "{}", ran.err);
    let empty = dir.file("empty", b"");
    let ran = filter(&["-d", "some=form"], &empty);
    assert!(ran.code == 0 && ran.out.is_empty(), "{ran:?}");
}

#[test]
fn head_and_log_and_drawing() {
    let served = Served::new("echo", &[]);
    let at = &served.endpoint[..];
    let ran = call(at, &["--uri", "/?m=odd", "-i"]);
    let expect = b"Status: 200\r\nContent-Type: text/plain\r\nX-Utf8: \xc5\xbelu\xc5\xa5ou\xc4\x8dk\xc3\xbd k\xc5\xaf\xc5\x88\r\nX-Latin1: caf\xe9\r\nX-Empty: \r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nx-lower-Case: Yes\r\n";
    assert!(ran.out.starts_with(expect), "{}", ran.text());
    assert!(ran.out.ends_with(b"\r\n\r\nodd\n"), "{}", ran.text());
    let ran = call(at, &["--uri", "/?m=stderr"]);
    assert_eq!(ran.text(), "body\n");
    assert_eq!(ran.err, "stderr line one\nstderr line two\n");
    let ran = call(at, &["--uri", "/?m=status&n=204", "-X", "HEAD", "-v"]);
    assert_eq!(ran.out, b"");
    let lines: Vec<String> = ran
        .err
        .lines()
        .map(|l| l.replace("--", "").trim_end().to_string())
        .collect();
    let what = |n: usize, text: &str| assert!(lines[n].contains(text), "{n} {text}\n{}", ran.err);
    what(0, "web server");
    what(1, "BEGIN_REQUEST 1: responder");
    what(2, "PARAMS 1: ");
    what(3, "PARAMS 1: end");
    what(4, "STDIN 1: end");
    what(5, "STDOUT 1: ");
    what(5, "\"Status: 204 No Content");
    what(6, "STDOUT 1: end");
    what(7, "END_REQUEST 1: complete, application status 0");
}

#[test]
fn help_and_usage() {
    for args in [
        &["--help"][..],
        &["call", "--help"],
        &["serve", "-h"],
        &["decode", "--help"],
        &["demo", "--help"],
    ] {
        let ran = run(args);
        assert_eq!((ran.code, &ran.err[..]), (0, ""), "{args:?}");
        assert!(ran.text().contains("usage: vestibule"), "{args:?}");
    }
    assert_eq!(
        run(&["--version"]).text(),
        concat!("vestibule ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let file = Dir::new("usage");
    let empty = file.file("f", b"");
    for (args, what) in [
        (&[][..], "a command is missing"),
        (&["curl"], "unknown command 'curl'"),
        (&["call"], "the endpoint is missing"),
        (
            &["call", "fcgi://h:1", "fcgi://h:2"],
            "one endpoint too many",
        ),
        (&["call", "h:1"], "begins with none of fcgi://"),
        (&["call", "fcgi+fd:0"], "cannot be called"),
        (&["call", "fcgi://h:1", "--nope"], "unknown option '--nope'"),
        (&["call", "fcgi://h:1", "-i=x"], "takes no value"),
        (&["call", "fcgi://h:1", "-X"], "-X wants a value"),
        (&["call", "fcgi://h:1", "-H", "x"], "colon is missing"),
        (&["call", "fcgi://h:1", "-H", "Proxy: x"], "withheld"),
        (&["call", "fcgi://h:1", "-p", "=x"], "NAME=VALUE"),
        (
            &["call", "fcgi://h:1", "--uri", "x"],
            "does not begin with '/'",
        ),
        (&["call", "fcgi://h:1", "--role", "x"], "no role 'x'"),
        (
            &["call", "fcgi://h:1", "--role", "filter"],
            "belong together",
        ),
        (
            &["call", "fcgi://h:1", "--role", "authorizer", "-d", "x"],
            "no body",
        ),
        (&["call", "fcgi://h:1", "--timeout", "0"], "above 0"),
        (
            &["call", "fcgi://h:1", "-d", "x", "--body", "-"],
            "exclude each other",
        ),
        (
            &["call", "fcgi://h:1", "--body", "/nowhere/at/all"],
            "cannot read '/nowhere",
        ),
        (
            &["call", "fcgi://h:1", "-p", "CONTENT_LENGTH=5"],
            "but no body",
        ),
        (
            &["call", "fcgi://h:1", "-d", "x", "-p", "CONTENT_LENGTH=5"],
            "but the body has 1",
        ),
        (
            &["call", "fcgi://h:1", "-d", "x", "-p", "CONTENT_LENGTH=+1"],
            "is no number",
        ),
        (&["serve"], "--app or --to is missing"),
        (&["serve", "--app", "x"], "no application 'x'"),
        (
            &["serve", "--app", "echo", "--listen", "fcgi://h:1/p"],
            "cannot be listened at",
        ),
        (&["serve", "--app", "echo", "--workers", "0"], "at least 1"),
        (&["serve", "--app", "echo", "x"], "what is 'x'"),
        (&["decode"], "the protocol is missing"),
        (&["decode", "smtp", &empty], "no protocol 'smtp'"),
        (&["decode", "fcgi"], "the file is missing"),
        (
            &["decode", "fcgi", "--side", "up", &empty],
            "client or server",
        ),
        (
            &["decode", "fcgi", &empty, &empty, "--json"],
            "one direction",
        ),
        (
            &["decode", "fcgi", &empty, &empty, &empty],
            "two files at most",
        ),
        (
            &["decode", "fcgi", "/nowhere/at/all"],
            "cannot read '/nowhere",
        ),
        (&["demo", "x"], "what is 'x'"),
    ] {
        let ran = run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(what), "{args:?}: {}", ran.err);
        assert!(ran.err.contains("--help"), "{args:?}: {}", ran.err);
    }
}

#[test]
fn exit_codes() {
    // 7: nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    assert_eq!(call(&format!("fcgi://{address}"), &[]).code, 7);
    assert_eq!(call("fcgi+unix:/nowhere/at/all", &[]).code, 7);
    let answered = |bytes: Vec<u8>| {
        let (at, acting) = peer(move |mut stream| {
            read_request(&mut stream);
            stream.write_all(&bytes).unwrap();
        });
        let ran = call(&at, &[]);
        acting.join().unwrap();
        ran
    };
    let head = record(6, 1, b"Content-Type: t/p\r\n\r\nhalf");
    let end = |app: u8, status| record(3, 1, &[0, 0, 0, app, status, 0, 0, 0]);
    // 0: complete, with and without the end of STDOUT.
    let ran = answered([head.clone(), record(6, 1, b""), end(0, 0)].concat());
    assert_eq!((ran.code, ran.text()), (0, "half".into()));
    assert_eq!(answered([head.clone(), end(0, 0)].concat()).code, 0);
    // 8: another protocol; no CGI.
    assert_eq!(
        answered(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).code,
        8
    );
    assert_eq!(
        answered([record(6, 1, b"no head\r\n\r\n"), end(0, 0)].concat()).code,
        8
    );
    // 18: cut, in whatever way.
    let ran = answered(head.clone());
    assert_eq!((ran.code, ran.text()), (18, "half".into()));
    assert_eq!(answered(head[..20].to_vec()).code, 18);
    assert_eq!(answered(Vec::new()).code, 18);
    assert_eq!(answered([head.clone(), end(1, 0)].concat()).code, 18);
    // 69: each reason.
    for status in 1..=4 {
        assert_eq!(answered(end(0, status)).code, 69);
    }
    // 28: nothing comes.
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let (at, acting) = peer(move |mut stream| {
        read_request(&mut stream);
        let _ = wait.recv();
    });
    let ran = call(&at, &["--timeout", "0.1"]);
    assert_eq!(ran.code, 28, "{ran:?}");
    drop(done);
    acting.join().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("fcgi://{}", silent.local_addr().unwrap());
    assert_eq!(call(&at, &["--timeout", "1e-12"]).code, 28);
    // 22, and only with --fail.
    let served = Served::new("echo", &[]);
    let ran = call(&served.endpoint, &["--uri", "/?m=status&n=404"]);
    assert_eq!((ran.code, ran.text()), (0, "status 404\n".into()));
    let ran = call(&served.endpoint, &["--uri", "/?m=status&n=404", "--fail"]);
    assert_eq!((ran.code, ran.text()), (22, "".into()));
    let ran = call(&served.endpoint, &["--uri", "/?m=status&n=399", "--fail"]);
    assert_eq!((ran.code, ran.text()), (0, "status 399\n".into()));
}

/// Standard input that never ends does not keep an answered call.
#[test]
fn blocked_standard_input() {
    let served = Served::new("echo", &[]);
    let mut child = vestibule(&["call", &served.endpoint, "--uri", "/?m=nobody"])
        .env("CONTENT_LENGTH", "1000000")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .unwrap();
    assert_eq!(out, "ignored\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(stdin);
}

/// An early answer does not wait for a body that nobody reads.
#[test]
fn early_answer() {
    let (at, acting) = peer(|mut stream| {
        let mut some = [0; 1000];
        stream.read_exact(&mut some).unwrap();
        let answer = [
            record(6, 1, b"Status: 413\r\n\r\nno"),
            record(6, 1, b""),
            record(3, 1, &[0; 8]),
        ];
        stream.write_all(&answer.concat()).unwrap();
        // The rest is not read, until the other side gives up.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        while !matches!(stream.read(&mut some), Ok(0) | Err(_)) {}
    });
    let dir = Dir::new("early");
    let file = dir.file("data", &pattern(20_000_000));
    let ran = call(&at, &["--body", &file]);
    assert_eq!((ran.code, ran.text()), (0, "no".into()), "{}", ran.err);
    acting.join().unwrap();
}

/// The most memory that a process has had, in KiB.
#[cfg(target_os = "linux")]
fn high_water(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn constant_memory() {
    const N: usize = 60_000_000;
    let served = Served::new("mirror", &[]);
    let mut child = vestibule(&["call", &served.endpoint, "--body", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let sending = std::thread::spawn(move || {
        let chunk = pattern(1_000_000);
        for _ in 0..N / 1_000_000 {
            stdin.write_all(&chunk).unwrap();
        }
        stdin
    });
    let (mut read, mut buf) = (0, vec![0; 65_536]);
    while read < N {
        let n = stdout.read(&mut buf).unwrap();
        assert_ne!(n, 0, "cut after {read}");
        read += n;
    }
    // All of it has passed, and both still run.
    let stdin = sending.join().unwrap();
    let water = [high_water(child.id()), high_water(served.child.id())];
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(water.iter().all(|kib| *kib < 16 * 1024), "{water:?} KiB");
}

/// A log on a full disk, or a pager that has left.
#[test]
#[cfg(target_os = "linux")]
fn standard_error_that_takes_nothing() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full");
    for args in [
        &["call", "fcgi+unix:/nowhere/at/all"][..],
        &["decode", "fcgi", "/dev/zero"],
        &["serve"],
        &["nonsense"],
    ] {
        let mut command = vestibule(args);
        let status = command.stderr(full().unwrap()).status().unwrap();
        assert!(
            matches!(status.code(), Some(1 | 2 | 7)),
            "{args:?}: {status}"
        );
    }
}

#[test]
fn endpoints_are_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut command = vestibule(&["call"]);
    command.arg(std::ffi::OsStr::from_bytes(b"fcgi+unix:/\xff"));
    assert_eq!(command.output().unwrap().status.code(), Some(2));
}
