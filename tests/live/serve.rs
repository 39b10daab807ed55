//! `vestibule serve` and the system: signals, spawn-fcgi, clients that dawdle.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use vestibule::Ending;

use crate::connection::Connection;
use crate::harness::{PATIENCE, Scratch, Serve, Shown, free_port, spawned};
use crate::tools::{Dump, call, call_with, same};

const COMMAND: &str = env!("CARGO_BIN_EXE_vestibule");

fn port(serve: &Serve) -> u16 {
    serve.upstream.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
#[ignore = "slow: needs the machine to itself"]
fn signals_let_requests_finish() {
    let mut shown = Shown::of("serve");
    for signal in ["-TERM", "-INT"] {
        let mut serve = Serve::tcp("echo", &[]);
        // One that is idle must not be waited for.
        let mut idle = Connection::tcp(port(&serve));
        let got = idle.ask(&[("QUERY_STRING", "m=nobody")], None);
        assert!(got.reuse && matches!(got.ending, Ending::Complete { .. }));

        let mut running: Vec<_> = (0..4)
            .map(|_| {
                let mut child = Command::new(COMMAND)
                    .args(["call", &serve.endpoint, "--uri", "/?m=slow&n=20"])
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut first = [0; 8];
                child
                    .stdout
                    .as_mut()
                    .unwrap()
                    .read_exact(&mut first)
                    .unwrap();
                assert_eq!(&first, b"chunk 0\n");
                child
            })
            .collect();
        serve.process.signal(signal);
        let want: String = (1..20).map(|n| format!("chunk {n}\n")).collect();
        for child in &mut running {
            let mut rest = Vec::new();
            child
                .stdout
                .as_mut()
                .unwrap()
                .read_to_end(&mut rest)
                .unwrap();
            same(&rest, want.as_bytes(), signal);
            assert_eq!(child.wait().unwrap().code(), Some(0));
        }
        assert_eq!(serve.process.end().code(), Some(0));
        assert!(TcpStream::connect(("127.0.0.1", port(&serve))).is_err());
        shown.case(&format!("SIG{} lets four requests finish", &signal[1..]));
    }
}

fn spawn(how: &[&str], endpoint: &str, shown: &mut Shown) {
    let scratch = Scratch::new();
    let program = [COMMAND, "serve", "--app", "echo", "--listen", "fcgi+fd:0"];
    let mut process = spawned(how, &program, &[], &scratch);
    process.await_endpoint(endpoint);
    for _ in 0..3 {
        let ran = call_with(endpoint, &["--uri", "/a?b", "--body", "-"], &[], b"body");
        let dump = Dump::of(ran.ok());
        assert_eq!(dump.peer, "vestibule");
        dump.got("POST", b"body");
    }
    process.signal("-TERM");
    assert_eq!(process.end().code(), Some(0), "{}", process.log());
    shown.case(how[0]);
}

#[test]
#[ignore = "needs spawn-fcgi"]
fn started_by_spawn_fcgi() {
    let mut shown = Shown::of("spawn-fcgi starts serve");
    let port = free_port().to_string();
    let endpoint = format!("fcgi://127.0.0.1:{port}");
    spawn(&["-a", "127.0.0.1", "-p", &port], &endpoint, &mut shown);

    let scratch = Scratch::new();
    let socket = scratch.path().join("s").display().to_string();
    spawn(&["-s", &socket], &format!("fcgi+unix:{socket}"), &mut shown);

    // Who may connect is the spawner's to say.
    let port = free_port().to_string();
    let endpoint = format!("fcgi://127.0.0.1:{port}");
    let how = ["-a", "127.0.0.1", "-p", &port];
    let program = [COMMAND, "serve", "--app", "hello", "--listen", "fcgi+fd:0"];
    for (allowed, code) in [("192.0.2.1,127.0.0.1", Some(0)), ("192.0.2.1", None)] {
        let env = [("FCGI_WEB_SERVER_ADDRS", allowed)];
        let mut process = spawned(&how, &program, &env, &scratch);
        process.await_endpoint(&endpoint);
        let ran = call(&endpoint, &[]);
        match code {
            Some(code) => assert_eq!((ran.code, &ran.out[..]), (code, &b"Hello, world!\n"[..])),
            None => assert!(ran.code != 0 && ran.out.is_empty(), "{}", ran.err),
        }
        process.signal("-TERM");
        assert_eq!(process.end().code(), Some(0), "{}", process.log());
    }
    shown.case("FCGI_WEB_SERVER_ADDRS");
}

#[test]
#[ignore = "needs the machine's sockets: part of the live tests"]
fn clients_that_dawdle_block_nobody() {
    let mut shown = Shown::of("serve");
    let serve = Serve::tcp("echo", &[]);
    let open = || TcpStream::connect(("127.0.0.1", port(&serve))).unwrap();

    // Says nothing; stops inside a header; asks for much and reads nothing.
    let silent = open();
    let mut half = open();
    half.write_all(b"\x01\x01\x00").unwrap();
    let mut deaf = open();
    let pairs = b"\x0c\x11QUERY_STRINGm=size&n=99999999";
    let mut request = b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0\x01\x04\0\x01\0".to_vec();
    request.push(pairs.len() as u8);
    request.extend(b"\0\0");
    request.extend(pairs);
    request.extend(b"\x01\x04\0\x01\0\0\0\0\x01\x05\0\x01\0\0\0\0");
    deaf.write_all(&request).unwrap();
    deaf.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut some = [0; 100];
    deaf.read_exact(&mut some).unwrap();

    for _ in 0..10 {
        let ran = call(&serve.endpoint, &["--uri", "/?m=nobody"]);
        same(ran.ok(), b"ignored\n", "beside them");
    }
    shown.case("silent, half a header, not reading");
    drop((silent, half, deaf));

    // Bytes of no protocol end that connection alone.
    let mut noise = open();
    noise
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    noise.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    let _ = noise.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    same(
        call(&serve.endpoint, &["--uri", "/?m=nobody"]).ok(),
        b"ignored\n",
        "after it",
    );
    shown.case("HTTP instead of FastCGI");
    serve.stop();

    let serve = Serve::tcp("mirror", &["--max-body", "1000"]);
    let scratch = Scratch::new();
    let file = scratch.file("body", &[b'x'; 1001]);
    let ran = call(&serve.endpoint, &["-i", "--body", &file]);
    assert!(ran.ok().starts_with(b"Status: 413\r\n"), "{ran:?}");
    // The answer has begun when too much of no declared length has come.
    let ran = call_with(&serve.endpoint, &["--body", "-"], &[], &[b'x'; 1001]);
    assert_eq!(ran.code, 18, "{ran:?}");
    let ran = call_with(&serve.endpoint, &["--body", "-"], &[], &[b'x'; 1000]);
    same(ran.ok(), &[b'x'; 1000], "as long as it may be");
    shown.case("--max-body");
    serve.stop();
}
