//! `serve --root`: files, scripts, and what is neither.

use super::tools::*;

struct Site {
    dir: Dir,
    served: Served,
}

fn site(name: &str, more: &[&str]) -> Site {
    let dir = Dir::new(name);
    for sub in ["www", "www/dir", "www/upload"] {
        std::fs::create_dir(dir.path(sub)).unwrap();
    }
    dir.file("secret.txt", b"secret");
    dir.file("www/index.php", b"<?php front");
    dir.file("www/dir/index.php", b"<?php dir");
    dir.file("www/upload/pic.jpg", b"<?php evil");
    dir.file("www/style.css", b"0123456789");
    dir.file("www/big.bin", &pattern(1_000_000));
    dir.file("www/empty.txt", b"");
    std::os::unix::fs::symlink("../secret.txt", dir.path("www/link.txt")).unwrap();
    let root = dir.path("www");
    let served = Served::new("echo", &[&["--root", &root], more].concat());
    Site { dir, served }
}

impl Site {
    fn ask(&self, uri: &str, more: &[&str]) -> String {
        let ran = call(
            &self.served.endpoint,
            &[&["--uri", uri, "-i"], more].concat(),
        );
        assert_eq!(ran.code, 0, "{uri}: {ran:?}");
        ran.text()
    }
}

#[test]
fn scripts() {
    let site = site("scripts", &[]);
    let root = std::fs::canonicalize(site.dir.path("www")).unwrap();
    let root = root.to_str().unwrap();
    for (uri, script, info) in [
        ("/", "/index.php", ""),
        ("/index.php/a/b?c", "/index.php", "/a/b"),
        ("/index.php/a%20b", "/index.php", "/a b"),
        ("/pretty/url?x=1", "/index.php", ""),
        ("/dir/", "/dir/index.php", ""),
        ("/dir/index.php/x", "/dir/index.php", "/x"),
        ("/none.php", "/index.php", ""),
    ] {
        let text = site.ask(uri, &[]);
        for line in [
            format!("\nSCRIPT_NAME={script}\n"),
            format!("\nSCRIPT_FILENAME={root}{script}\n"),
            format!("\nDOCUMENT_ROOT={root}\n"),
            format!("\nREQUEST_URI={uri}\n"),
            format!("\nDOCUMENT_URI={script}{info}\n"),
            "\nREDIRECT_STATUS=200\n".to_string(),
        ] {
            assert!(text.contains(&line), "{uri}: no {line} in {text}");
        }
        match info {
            "" => assert!(!text.contains("\nPATH_INFO="), "{text}"),
            info => assert!(text.contains(&format!("\nPATH_INFO={info}\n")), "{text}"),
        }
    }
    // What somebody says of it means nothing.
    let text = site.ask(
        "/",
        &["-p", "SCRIPT_FILENAME=/etc/passwd", "-p", "PATH_INFO=/x"],
    );
    assert!(text.contains(&format!("\nSCRIPT_FILENAME={root}/index.php\n")));
    assert!(!text.contains("PATH_INFO"), "{text}");
    let text = site.ask("/dir?a", &[]);
    assert!(text.starts_with("Status: 301\r\n"), "{text}");
    assert!(text.contains("\r\nLocation: /dir/?a\r\n"), "{text}");
}

#[test]
fn refusals() {
    let site = site("refusals", &[]);
    for (uri, status) in [
        ("/../secret.txt", 400),
        ("/%2e%2e/secret.txt", 400),
        ("/dir/..%2f..%2fsecret.txt", 404),
        ("/..%5csecret.txt", 400),
        ("/link.txt", 403),
        ("/upload/pic.jpg/x.php", 404),
        ("/style.css/index.php", 404),
        ("/.env", 404),
    ] {
        // As it is, whatever the command makes of --uri.
        let text = site.ask("/", &["-p", &format!("REQUEST_URI={uri}")]);
        let body = format!("\r\n\r\nrefused: {status}\n");
        assert!(
            text.starts_with(&format!("Status: {status}\r\n")),
            "{uri}: {text}"
        );
        assert!(text.ends_with(&body), "{uri}: {text}");
    }
}

#[test]
fn files() {
    let site = site("files", &[]);
    let whole = site.ask("/style.css", &[]);
    assert!(whole.starts_with("Status: 200\r\n"), "{whole}");
    assert!(whole.ends_with("\r\n\r\n0123456789"), "{whole}");
    for line in [
        "Content-Type: text/css; charset=utf-8\r\n",
        "Content-Length: 10\r\n",
        "Accept-Ranges: bytes\r\n",
    ] {
        assert!(whole.contains(line), "{whole}");
    }
    let modified = whole
        .lines()
        .find_map(|l| l.strip_prefix("Last-Modified: "));
    let modified = modified.unwrap();
    let with = |header: &str| site.ask("/style.css", &["-H", header]);
    let same = with(&format!("If-Modified-Since: {modified}"));
    assert!(same.starts_with("Status: 304\r\n"), "{same}");
    assert!(same.ends_with("\r\n\r\n"), "{same}");
    let part = with("Range: bytes=2-4");
    assert!(part.starts_with("Status: 206\r\n"), "{part}");
    assert!(
        part.contains("\r\nContent-Range: bytes 2-4/10\r\n"),
        "{part}"
    );
    assert!(part.ends_with("\r\n\r\n234"), "{part}");
    let last = with("Range: bytes=-1");
    assert!(last.ends_with("\r\n\r\n9"), "{last}");
    let beyond = with("Range: bytes=10-");
    assert!(beyond.starts_with("Status: 416\r\n"), "{beyond}");
    assert!(
        beyond.contains("\r\nContent-Range: bytes */10\r\n"),
        "{beyond}"
    );
    let head = site.ask("/style.css", &["-X", "HEAD"]);
    assert!(head.contains("\r\nContent-Length: 10\r\n"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    let post = site.ask("/style.css", &["-d", "x=1"]);
    assert!(post.starts_with("Status: 405\r\n"), "{post}");
    assert!(post.contains("\r\nAllow: GET, HEAD\r\n"), "{post}");
    let empty = site.ask("/empty.txt", &[]);
    assert!(empty.contains("\r\nContent-Length: 0\r\n"), "{empty}");
    let big = call(&site.served.endpoint, &["--uri", "/big.bin"]);
    assert!(big.out == pattern(1_000_000));
    let args = ["--uri", "/big.bin", "-H", "Range: bytes=500000-"];
    let big = call(&site.served.endpoint, &args);
    assert!(big.out == pattern(1_000_000)[500_000..]);
}

#[test]
fn an_index_that_is_no_script() {
    let dir = Dir::new("pages");
    std::fs::create_dir(dir.path("www")).unwrap();
    dir.file("www/index.html", b"<p>page");
    let root = dir.path("www");
    let served = Served::new("echo", &["--root", &root, "--index", "index.html"]);
    let ran = call(&served.endpoint, &["--uri", "/", "-i"]);
    assert!(ran.text().ends_with("\r\n\r\n<p>page"), "{ran:?}");
    // What is not there is the application's.
    let other = ["--uri", "/pretty", "-p", "SCRIPT_FILENAME=/etc/passwd"];
    let ran = call(&served.endpoint, &other);
    assert!(ran.text().starts_with("peer: vestibule\n"), "{ran:?}");
    assert!(!ran.text().contains("SCRIPT_FILENAME"), "{ran:?}");
}

#[test]
fn usage() {
    for (args, what) in [
        (&["--root", "/nowhere/at/all"][..], "--root '/nowhere"),
        (&["--index", "x"], "--index wants --root"),
        (&["--root", "/", "--index", "a/b"], "the name of a file"),
        (
            &["--root", "/", "--index", ".htaccess"],
            "the name of a file",
        ),
        (&["--root", "/", "--index", ""], "the name of a file"),
    ] {
        let ran = run(&[&["serve", "--app", "echo"], args].concat());
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(what), "{ran:?}");
    }
}
