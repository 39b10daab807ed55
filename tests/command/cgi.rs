//! CGI programs: called, behind `serve --to`, and the command as one.

use super::tools::*;
use super::wire::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A program. Written by another process: one of ours that forks meanwhile
/// would hold it open, and then it cannot be run.
fn script(dir: &Dir, name: &str, text: &str) -> String {
    let path = dir.path(name);
    let mut cat = Command::new("sh");
    cat.args(["-c", "cat > \"$0\" && chmod 755 \"$0\"", &path]);
    assert_eq!(finish(cat, text.as_bytes()).code, 0);
    path
}

/// The same, as an endpoint.
fn program(dir: &Dir, name: &str, text: &str) -> String {
    format!("cgi:{}", script(dir, name, text))
}

const ECHO: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n\
    echo \"$REQUEST_METHOD|$SCRIPT_NAME|$PATH_INFO|$QUERY_STRING|$HTTP_X_A|$#\"\ncat\n";

fn gone(pid: &str) {
    let end = Instant::now() + Duration::from_secs(30);
    while Path::new("/proc").join(pid.trim()).exists() {
        assert!(Instant::now() < end, "{pid} lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn calls() {
    let dir = Dir::new("cgi-called");
    let echo = program(&dir, "echo", ECHO);
    let ran = call(
        &echo,
        &["--uri", "/a%20b/c?--help", "-H", "X-A: b", "-d", "body"],
    );
    assert_eq!(ran.text(), "POST||/a b/c|--help|b|0\nbody", "{ran:?}");
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let ran = call(&echo, &["-X", "HEAD", "-i"]);
    assert_eq!(
        ran.text(),
        "Status: 200\r\nContent-Type: text/plain\r\n\r\n"
    );
    // A body of ten megabytes, both ways.
    let body = pattern(10_000_000);
    let file = dir.file("body", &body);
    let ran = call(&echo, &["--body", &file]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.ends_with(&body));
    for (name, text, code, out, said) in [
        (
            "exits",
            "echo a: b\necho\necho hi\necho log >&2\nexit 3\n",
            0,
            "hi\n",
            "log\nvestibule call: the program exited with status 3\n",
        ),
        (
            "nothing",
            "exit 0\n",
            18,
            "",
            "the answer is truncated, in its head or before\n",
        ),
        (
            "short",
            "printf 'Content-Length: 9\\n\\nhello'\n",
            18,
            "hello",
            "the answer is truncated\n",
        ),
        (
            "killed",
            "printf 'A: b\\n\\nhello'\nkill -9 $$\n",
            18,
            "hello",
            "the answer is truncated\n",
        ),
        ("text", "echo hello\n", 8, "", "malformed header field"),
        (
            "status",
            "printf 'Status: 404 No\\n\\n'\n",
            22,
            "",
            "answered 404",
        ),
    ] {
        let ran = call(
            &program(&dir, name, &format!("#!/bin/sh\n{text}")),
            &["--fail"],
        );
        assert_eq!((ran.code, &ran.text()[..]), (code, out), "{name}: {ran:?}");
        assert!(ran.err.contains(said), "{name}: {ran:?}");
    }
    let plain = format!("cgi:{}", dir.file("plain", b"#!/bin/sh\n"));
    for command in ["call", "ping"] {
        for (endpoint, what) in [
            ("cgi:/nowhere/at/all", "cannot run cgi:/nowhere/at/all: "),
            (&plain, "permission denied"),
        ] {
            let ran = run(&[command, endpoint]);
            assert_eq!(ran.code, 7, "{ran:?}");
            assert!(ran.err.contains(what), "{ran:?}");
        }
    }
    // That nothing can interpret it only running it tells.
    let ran = call(&program(&dir, "uninterpreted", "#!/nowhere\n"), &[]);
    assert_eq!((ran.code, &ran.out[..]), (18, &b""[..]), "{ran:?}");
    assert!(ran.err.starts_with("cannot start /"), "{ran:?}");
    let ran = run(&["ping", &echo]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.text()
            .ends_with(": it may be executed, and was not run\n"),
        "{ran:?}"
    );
    let ran = run(&["serve", "--app", "hello", "--listen", &echo]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("a program cannot be listened at"),
        "{ran:?}"
    );
}

#[test]
fn one_that_hangs_is_killed() {
    let dir = Dir::new("cgi-hangs");
    let hangs = program(&dir, "hangs", "#!/bin/sh\necho $$ > pid\nexec sleep 1000\n");
    let ran = call(&hangs, &["--timeout", "0.3"]);
    assert_eq!(ran.code, 28, "{ran:?}");
    gone(&std::fs::read_to_string(dir.path("pid")).unwrap());
    std::fs::remove_file(dir.path("pid")).unwrap();
    let front = serving(&hangs, &["--timeout", "0.3"]);
    let answer = Caller::to(&front.endpoint).ask("GET", "/", &[], Body::None);
    assert_eq!(answer.status, 504);
    gone(&std::fs::read_to_string(dir.path("pid")).unwrap());
}

/// Whether it has answered or not.
#[test]
fn none_outlives_what_serves_it() {
    let dir = Dir::new("cgi-outlives");
    let texts = [
        ("answered", "printf 'Content-Length: 3\\n\\nyes'\n"),
        ("answers", "printf 'Content-Length: 9\\n\\nyes'\n"),
    ];
    for (name, text) in texts {
        let text = format!("#!/bin/sh\necho $$ > pid\n{text}exec sleep 1000\n");
        let mut front = serving(&program(&dir, name, &text), &[]);
        let address = front.endpoint.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        let mut got = Vec::new();
        while !got.ends_with(b"yes") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            got.extend(byte);
        }
        // A second signal waits for nobody who is served.
        front.kill("-TERM");
        front.kill("-INT");
        assert!(front.child.wait().unwrap().success());
        gone(&std::fs::read_to_string(dir.path("pid")).unwrap());
    }
}

#[test]
fn nothing_of_ours_but_what_is_named() {
    let dir = Dir::new("cgi-environment");
    let text = "#!/bin/sh\nprintf 'A: b\\n\\n'\nenv | cut -d= -f1 | sort | tr '\\n' ' '\n";
    let names = program(&dir, "names", text);
    let mut command = vestibule(&["call", &names, "-p", "MINE=1", "-p", "PATH=/evil"]);
    command
        .env("SECRET", "1")
        .env("PATH", "/usr/bin:/bin")
        .env("HTTP_PROXY", "evil");
    let ran = finish(command, b"");
    assert_eq!(
        ran.text(),
        "GATEWAY_INTERFACE MINE PATH PWD QUERY_STRING REDIRECT_STATUS REMOTE_ADDR \
         REQUEST_METHOD SCRIPT_FILENAME SCRIPT_NAME SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE "
    );
    // Who is run is told which file it is, unless a web server names another.
    let file = "#!/bin/sh\nprintf 'A: b\\n\\n'\necho \"$SCRIPT_FILENAME|$SCRIPT_NAME\"\n";
    let file = program(&dir, "file", file);
    let http = serving(&file, &[]);
    let answer = Caller::to(&http.endpoint).ask("GET", "/x", &[], Body::None);
    assert_eq!(answer.body, format!("{}|\n", dir.path("file")).as_bytes());
    let fcgi = serving_at("fcgi", &file, &[]);
    for (args, said) in [
        (&[][..], &dir.path("file")[..]),
        (&["-p", "SCRIPT_FILENAME=/f"], "/f"),
    ] {
        let ran = call(&fcgi.endpoint, args);
        assert_eq!(ran.text(), format!("{said}|\n"), "{ran:?}");
    }
    // What a web server in front says is not believed so far.
    let front = serving_at("fcgi", &names, &[]);
    let args = [
        "-p",
        "LD_PRELOAD=/x.so",
        "-p",
        "BASH_ENV=/x",
        "-p",
        "HTTP_OK=1",
    ];
    let more = [
        "-H",
        "Authorization: Basic eDp5",
        "-p",
        "SCRIPT_FILENAME=/f",
    ];
    let ran = call(&front.endpoint, &[&args[..], &more].concat());
    assert!(ran.text().contains(" HTTP_OK "), "{ran:?}");
    assert!(ran.text().contains(" SCRIPT_FILENAME "), "{ran:?}");
    for name in ["LD_PRELOAD", "BASH_ENV", "HTTP_AUTHORIZATION"] {
        assert!(!ran.text().contains(name), "{ran:?}");
    }
}

fn serving(program: &str, more: &[&str]) -> Served {
    serving_at("http", program, more)
}

fn serving_at(scheme: &str, program: &str, more: &[&str]) -> Served {
    let at = format!("{scheme}://127.0.0.1:0");
    let args = ["serve", "--to", program, "--listen", &at];
    Served::spawn(vestibule(&[&args, more].concat()))
}

#[test]
fn behind_every_front() {
    let dir = Dir::new("cgi-behind");
    let echo = program(&dir, "echo", ECHO);
    for scheme in ["http", "fcgi"] {
        let front = serving_at(scheme, &echo, &[]);
        let mut caller = Caller::to(&front.endpoint);
        for size in [0, 1, 100_000, 3_000_000] {
            let body = pattern(size);
            let headers = [("X-A", "b"), ("Proxy", "evil")];
            let answer = caller.ask("PUT", "/x?y=z", &headers, Body::Known(&body));
            let path = if scheme == "http" { "/x" } else { "" };
            let want = format!("PUT||{path}|y=z|b|0\n").into_bytes();
            assert_eq!(answer.status, 200, "{scheme}");
            assert!(answer.body == [want, body].concat(), "{scheme} {size}");
        }
        let answer = caller.ask("HEAD", "/", &[], Body::None);
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        // Programs count.
        let answer = caller.ask("POST", "/", &[], Body::Unknown(b"abc"));
        assert_eq!(answer.status, 411, "{scheme}");
        // The connection of the front outlives the programs.
        let answer = caller.ask("GET", "/a", &[], Body::None);
        assert_eq!(answer.status, 200);
    }
    for (name, text, status) in [
        ("nothing", "exit 0\n", 502),
        ("text", "echo hello\n", 502),
        ("moved", "printf 'Location: /p\\n\\n'\n", 302),
        ("deaf", "printf 'Status: 413\\n\\n'\nexit 1\n", 413),
    ] {
        let front = serving(&program(&dir, name, &format!("#!/bin/sh\n{text}")), &[]);
        let body = vec![b'x'; 5_000_000];
        let answer = Caller::to(&front.endpoint).ask("PUT", "/", &[], Body::Known(&body));
        assert_eq!(answer.status, status, "{name}");
    }
    for (name, text) in [
        ("short", "printf 'Content-Length: 9\\n\\nhello'\n"),
        ("killed", "printf 'A: b\\n\\nhello'\nkill -9 $$\n"),
    ] {
        let front = serving(&program(&dir, name, &format!("#!/bin/sh\n{text}")), &[]);
        let answer = Caller::to(&front.endpoint).attempt("GET", "/", &[], Body::None);
        assert_eq!((answer.status, answer.whole), (200, false), "{name}");
    }
    let front = serving("cgi:/nowhere/at/all", &[]);
    let answer = Caller::to(&front.endpoint).ask("GET", "/", &[], Body::None);
    assert_eq!(answer.status, 502);
}

/// The command under another name, with a web server's environment.
fn linked(dir: &Dir, name: &str, args: &[&str]) -> Command {
    let link = dir.path(name);
    let _ = std::os::unix::fs::symlink(BIN, &link);
    let mut command = Command::new(link);
    command.args(args).env_clear();
    command
}

#[test]
fn a_link_makes_it_a_program() {
    let dir = Dir::new("cgi-linked");
    let hostile: [&[&str]; 6] = [
        &[],
        &["--help"],
        &["--version"],
        &["serve", "--app", "hello"],
        &["call", "fcgi://127.0.0.1:1"],
        &["\u{ad}d", "-d", "@/etc/passwd"],
    ];
    for args in hostile {
        let mut command = linked(&dir, "mirror.cgi", args);
        command
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .env("REQUEST_METHOD", "POST")
            .env("QUERY_STRING", args.join("+"))
            .env("CONTENT_LENGTH", "5");
        let ran = finish(command, b"hello, and more than that");
        assert_eq!((ran.code, &ran.err[..]), (0, ""), "{args:?}");
        assert!(ran.text().starts_with("Status: 200 OK\r\n"), "{ran:?}");
        assert!(ran.text().ends_with("\r\n\r\nhello"), "{ran:?}");
        // Not started by a web server.
        let ran = finish(linked(&dir, "mirror.cgi", args), b"");
        assert_eq!((ran.code, ran.text().as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains("no GATEWAY_INTERFACE"), "{ran:?}");
        // With any other name that changes nothing.
        let mut plain = linked(&dir, "other", &["--version"]);
        plain
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .env("REQUEST_METHOD", "GET");
        assert!(finish(plain, b"").text().starts_with("vestibule "));
    }
    for (name, vars, code, status) in [
        ("none.cgi", &[("CONTENT_LENGTH", "0")][..], 1, 500),
        ("auth.cgi", &[], 1, 500),
        ("hello.cgi", &[("CONTENT_LENGTH", "x")], 0, 400),
        (
            "hello.cgi",
            &[("HTTP_TRANSFER_ENCODING", "chunked")],
            0,
            400,
        ),
        ("hello.cgi", &[("REQUEST_METHOD", "HEAD")], 0, 200),
    ] {
        let mut command = linked(&dir, name, &["--help"]);
        command
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .envs(vars.iter().copied());
        let ran = finish(command, b"");
        assert_eq!(ran.code, code, "{name}: {ran:?}");
        let start = format!("Status: {status} ");
        assert!(ran.text().starts_with(&start), "{name}: {ran:?}");
        assert!(!ran.text().contains("usage"), "{name}: {ran:?}");
    }
    // Half a body is no request, which the web server is told where it can be.
    for (name, started) in [
        ("hello.cgi", "Status: 400 "),
        ("echo.cgi", "Status: 400 "),
        ("mirror.cgi", "Status: 200 "),
    ] {
        let mut command = linked(&dir, name, &[]);
        command
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .env("REQUEST_METHOD", "POST")
            .env("CONTENT_LENGTH", "9");
        let ran = finish(command, b"hello");
        assert_eq!(ran.code, 1, "{name}: {ran:?}");
        let said = format!("vestibule: {name}: standard input is shorter than CONTENT_LENGTH\n");
        assert_eq!(ran.err, said, "{ran:?}");
        assert!(ran.text().starts_with(started), "{name}: {ran:?}");
    }
    // What it says of the request is the request, and nothing of the process.
    let mut command = linked(&dir, "echo.cgi", &[]);
    command
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("REQUEST_METHOD", "GET")
        .env("SECRET", "1")
        .env("HTTP_PROXY", "evil");
    let ran = finish(command, b"");
    assert!(
        ran.text()
            .ends_with("\n\nGATEWAY_INTERFACE=CGI/1.1\nREQUEST_METHOD=GET\n"),
        "{ran:?}"
    );
}

/// Both sides of it at once.
#[test]
fn one_of_ours_behind_one_of_ours() {
    let dir = Dir::new("cgi-ours");
    drop(linked(&dir, "echo.cgi", &[]));
    let front = serving(&format!("cgi:{}", dir.path("echo.cgi")), &[]);
    let mut caller = Caller::to(&front.endpoint);
    let direct = Served::http("echo", &[]);
    let mut other = Caller::to(&direct.endpoint);
    for uri in [
        "/?m=size&n=8000000",
        "/?m=status&n=204",
        "/?m=status&n=404",
        "/?m=odd",
        "/?m=nobody",
    ] {
        let body = pattern(100_000);
        let came = caller.ask("POST", uri, &[], Body::Known(&body));
        let want = other.ask("POST", uri, &[], Body::Known(&body));
        assert_eq!(came.status, want.status, "{uri}");
        assert!(came.body == want.body, "{uri}");
        assert_eq!(came.fields.len(), want.fields.len(), "{uri}: {came:?}");
    }
}

#[test]
fn recorded_bytes_are_taken_apart() {
    let dir = Dir::new("cgi-decoded");
    let asked = dir.file("asked", b"REQUEST_METHOD=PUT\0CONTENT_LENGTH=2\0\0hi");
    let answered = dir.file("answered", b"Status: 201 Made\n\nok");
    let ran = run(&["decode", "cgi", &asked]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.text().contains("CONTENT_LENGTH"), "{ran:?}");
    assert!(ran.text().contains("BodyEnd"), "{ran:?}");
    let ran = run(&["decode", "cgi", &answered]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.text().contains("201"), "{ran:?}");
    let ran = run(&["decode", "cgi", &asked, &answered]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for text in ["PUT", "2 bytes \"hi\"", "201", "2 bytes \"ok\""] {
        assert!(ran.text().contains(text), "{text}: {}", ran.text());
    }
    let bad = dir.file("bad", b"REQUEST_METHOD=PUT\0oops\0\0");
    let ran = run(&["decode", "cgi", &bad]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("at byte 23"), "{ran:?}");
}
