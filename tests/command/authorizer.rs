//! `serve --authorizer`.

use super::tools::*;
use std::io::Write;
use std::net::TcpListener;

const DEMO: [&str; 2] = ["-H", "Authorization: Basic ZGVtbzp4"];

#[test]
fn lets_in_and_keeps_out() {
    let auth = Served::new("auth", &[]);
    let served = Served::new("echo", &["--authorizer", &auth.endpoint]);
    let ask = |more: &[&str]| {
        let ran = call(
            &served.endpoint,
            &[&["-i", "--uri", "/x?m=echo"], more].concat(),
        );
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.text()
    };
    for _ in 0..3 {
        let text = ask(&[&DEMO[..], &["-d", "abc"]].concat());
        assert!(text.starts_with("Status: 200\r\n"), "{text}");
        assert!(text.contains("\nAUTH_USER=demo\n"), "{text}");
        assert!(text.contains("\nbody-len: 3\n"), "{text}");
    }
    // What somebody says of it means nothing.
    let text = ask(&[&DEMO[..], &["-p", "AUTH_USER=root"]].concat());
    assert!(text.contains("\nAUTH_USER=demo\n"), "{text}");
    assert!(!text.contains("root"), "{text}");
    let text = ask(&["-d", "abc"]);
    assert!(text.starts_with("Status: 401\r\n"), "{text}");
    assert!(text.contains("\r\nWWW-Authenticate: Basic realm=\"vestibule\"\r\n"));
    assert!(text.contains("\r\nContent-Length: 13\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\nwho are you?\n"), "{text}");
    // Other parts are not played for who has not been let in.
    let dir = Dir::new("authorized-filter");
    let file = dir.file("f", b"data");
    let mirror = Served::new("mirror", &["--authorizer", &auth.endpoint]);
    let ran = call(&mirror.endpoint, &["--role", "filter", "--data", &file]);
    assert_eq!((ran.code, &ran.out[..]), (69, &b""[..]), "{ran:?}");
}

#[test]
fn files_too() {
    let auth = Served::new("auth", &[]);
    let dir = Dir::new("authorized-files");
    dir.file("f.txt", b"text");
    let root = dir.path("");
    let more = ["--root", &root, "--authorizer", &auth.endpoint];
    let served = Served::new("hello", &more);
    let ran = call(&served.endpoint, &["--uri", "/f.txt", DEMO[0], DEMO[1]]);
    assert_eq!(ran.text(), "text");
    let ran = call(&served.endpoint, &["--uri", "/f.txt", "-i"]);
    assert!(ran.text().starts_with("Status: 401\r\n"), "{ran:?}");
}

#[test]
fn nobody_while_it_cannot_be_asked() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("fcgi://{}", gone.local_addr().unwrap());
    drop(gone);
    let served = Served::new("hello", &["--authorizer", &endpoint]);
    let ran = call(&served.endpoint, &["-i"]);
    assert!(ran.text().starts_with("Status: 502\r\n"), "{ran:?}");
    // Or says nothing that can be understood, or not all of it.
    for bytes in [
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        Vec::new(),
        record(6, 1, b"Status: 200\r\n\r\n"),
        [
            record(6, 1, b"nonsense"),
            record(6, 1, b""),
            record(3, 1, &[0; 8]),
        ]
        .concat(),
        [
            record(6, 1, b"Status: 200\r\n\r\n"),
            record(3, 1, &[0, 0, 0, 0, 2, 0, 0, 0]),
        ]
        .concat(),
    ] {
        let (endpoint, acting) = peer(move |mut stream| {
            let mut head = [0; 16];
            std::io::Read::read_exact(&mut stream, &mut head).unwrap();
            let _ = stream.write_all(&bytes);
        });
        let served = Served::new("hello", &["--authorizer", &endpoint]);
        let ran = call(&served.endpoint, &["-i"]);
        assert!(ran.text().starts_with("Status: 502\r\n"), "{ran:?}");
        acting.join().unwrap();
    }
}

/// Two requests on the first connection, which is then closed; the third on
/// another one.
#[test]
fn connections_are_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("fcgi://{}", listener.local_addr().unwrap());
    let acting = std::thread::spawn(move || {
        let mut asked = 0;
        for requests in [2, 1] {
            let (mut stream, _) = listener.accept().unwrap();
            for _ in 0..requests {
                read_params(&mut stream);
                asked += 1;
                let head = format!("Variable-N: {asked}\r\n\r\n");
                let answer = [
                    record(6, 1, head.as_bytes()),
                    record(6, 1, b""),
                    record(3, 1, &[0; 8]),
                ];
                stream.write_all(&answer.concat()).unwrap();
            }
        }
    });
    let served = Served::new("echo", &["--authorizer", &endpoint]);
    for n in 1..=3 {
        let ran = call(&served.endpoint, &[]);
        assert!(ran.text().contains(&format!("\nN={n}\n")), "{n}: {ran:?}");
    }
    acting.join().unwrap();
}

#[test]
fn usage() {
    for (endpoint, what) in [
        ("http://127.0.0.1:1", "called by FastCGI"),
        ("fcgi+fd:0", "cannot be called"),
        ("fcgi://127.0.0.1:1/x", "of no use"),
        ("nonsense", "begins with none"),
    ] {
        let ran = run(&["serve", "--app", "hello", "--authorizer", endpoint]);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(what), "{ran:?}");
    }
    let ran = run(&["serve", "--app", "hello", "--timeout", "0"]);
    assert_eq!(ran.code, 2, "{ran:?}");
}
