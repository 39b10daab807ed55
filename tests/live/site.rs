//! A directory as a content management system has it: a front controller,
//! files, and what must not be reached.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;

use crate::answer::values;
use crate::contract::Way;
use crate::curl::Curl;
use crate::harness::{PATIENCE, Scratch, Serve, Shown};
use crate::http::Body;
use crate::tools::{Dump, MB, noise, same};

/// What nobody may see.
const SECRET: &str = "TOP-SECRET";

pub struct Site {
    scratch: Scratch,
    pub root: String,
}

impl Site {
    pub fn new() -> Site {
        let scratch = Scratch::new();
        let www = scratch.path().join("www");
        for dir in ["www", "www/dir", "www/plain", "www/upload", "www-other"] {
            fs::create_dir(scratch.path().join(dir)).unwrap();
        }
        let echo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/apps/www/echo.php");
        let echo = fs::read(echo).unwrap();
        scratch.file("www/index.php", &echo);
        scratch.file("www/dir/index.php", &echo);
        scratch.file("www/dir/page.php", &echo);
        scratch.file("www/style.css", b"body { color: #123 }\n");
        scratch.file("www/big.bin", &noise(10 * MB));
        scratch.file("www/empty.txt", b"");
        scratch.file("www/a b+c.txt", b"blank\n");
        let shows = format!("<?php echo '{SECRET}'; // {SECRET}");
        scratch.file("www/upload/pic.jpg", shows.as_bytes());
        for hidden in ["www/.env", "www/dir/.hidden", "outside.txt"] {
            scratch.file(hidden, SECRET.as_bytes());
        }
        scratch.file("outside.php", shows.as_bytes());
        scratch.file("www-other/index.php", shows.as_bytes());
        for (to, link) in [
            ("../outside.txt", "link.txt"),
            ("../outside.php", "link.php"),
            ("..", "up"),
            ("../www-other", "other"),
            ("/", "rootdir"),
            (".env", "shown.txt"),
            ("../dir/page.php", "upload/source.txt"),
        ] {
            symlink(to, www.join(link)).unwrap();
        }
        let root = fs::canonicalize(&www).unwrap().display().to_string();
        Site { scratch, root }
    }

    /// `/large.bin`
    pub fn large(&self, bytes: &[u8]) {
        self.scratch.file("www/large.bin", bytes);
    }
}

/// Files, as they are: by curl, compared to the byte.
pub fn files(site: &Site, curl: &mut Curl, shown: &mut Shown) {
    let big = noise(10 * MB);
    let mut get = |target: &str, more: &[(&str, &str)]| curl.ask("GET", target, more, Body::None);
    for (target, kind, want) in [
        (
            "/style.css",
            "text/css; charset=utf-8",
            &b"body { color: #123 }\n"[..],
        ),
        (
            "/style.css?v=1",
            "text/css; charset=utf-8",
            b"body { color: #123 }\n",
        ),
        ("/big.bin", "application/octet-stream", &big),
        ("/empty.txt", "text/plain; charset=utf-8", b""),
        ("/a%20b+c.txt", "text/plain; charset=utf-8", b"blank\n"),
        (
            "///style.css",
            "text/css; charset=utf-8",
            b"body { color: #123 }\n",
        ),
    ] {
        let got = get(target, &[]);
        assert_eq!(got.status, 200, "{target}");
        same(&got.body, want, target);
        let length = want.len().to_string();
        assert_eq!(values(&got.fields, "Content-Length"), [length.as_bytes()]);
        let kinds = values(&got.fields, "Content-Type");
        assert_eq!(kinds, [kind.as_bytes()], "{target}");
    }
    shown.case("files");

    let modified = get("/big.bin", &[]);
    let modified = values(&modified.fields, "Last-Modified")[0].to_vec();
    let modified = String::from_utf8(modified).unwrap();
    let got = get("/big.bin", &[("If-Modified-Since", &modified)]);
    assert_eq!((got.status, got.body.len()), (304, 0));
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=5000000-5999999", 5_000_000, 6_000_000),
        ("bytes=9999990-", 9_999_990, 10 * MB),
        ("bytes=-7", 10 * MB - 7, 10 * MB),
    ] {
        let got = get("/big.bin", &[("Range", range)]);
        assert_eq!(got.status, 206, "{range}");
        same(&got.body, &big[from..to], range);
        let says = format!("bytes {from}-{}/{}", to - 1, 10 * MB);
        assert_eq!(values(&got.fields, "Content-Range"), [says.as_bytes()]);
    }
    let got = get("/big.bin", &[("Range", "bytes=10000000-")]);
    assert_eq!(got.status, 416);
    shown.case("dates and ranges");

    let head = curl.ask("HEAD", "/big.bin", &[], Body::None);
    assert_eq!(values(&head.fields, "Content-Length"), [b"10000000"]);
    let post = curl.ask("POST", "/style.css", &[], Body::Sized(b"x"));
    assert_eq!(post.status, 405);
    // What changes is seen.
    site.scratch.file("www/style.css", b"new\n");
    same(
        &curl.ask("GET", "/style.css", &[], Body::None).body,
        b"new\n",
        "changed",
    );
    site.scratch
        .file("www/style.css", b"body { color: #123 }\n");
    shown.case("HEAD, 405, a changed file");
}

/// Which script is asked, and what it is told of the path.
pub fn routes(site: &Site, curl: &mut Curl, shown: &mut Shown) {
    for (target, script, info) in [
        ("/", "/index.php", ""),
        ("/?a=b", "/index.php", ""),
        ("/index.php", "/index.php", ""),
        ("/index.php/a/b?c", "/index.php", "/a/b"),
        ("/index.php/a%20b/%C5%A1", "/index.php", "/a b/\\xc5\\xa1"),
        ("/pretty/url", "/index.php", ""),
        ("/pretty/url/?x=1&y=/..", "/index.php", ""),
        ("/2026/11/a-post.html", "/index.php", ""),
        ("/nothing.php", "/index.php", ""),
        ("/dir/", "/dir/index.php", ""),
        ("/dir/page.php", "/dir/page.php", ""),
        ("/dir/page.php/x/y.php?z", "/dir/page.php", "/x/y.php"),
        ("/plain/nothing", "/index.php", ""),
    ] {
        let got = curl.ask("GET", target, &[], Body::None);
        assert_eq!(got.status, 200, "{target}");
        let mut dump = Dump::of(&got.body);
        assert_ne!(dump.peer, "", "{target}");
        let query = target.split_once('?').map_or("", |(_, query)| query);
        for (name, value) in [
            ("DOCUMENT_ROOT", &site.root[..]),
            ("DOCUMENT_URI", &format!("{script}{info}")),
            ("QUERY_STRING", query),
            ("REDIRECT_STATUS", "200"),
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", target),
            ("SCRIPT_FILENAME", &format!("{}{script}", site.root)),
            ("SCRIPT_NAME", script),
        ] {
            assert_eq!(dump.take(name), value, "{target}");
        }
        if info.is_empty() {
            let told = dump.vars.iter().any(|var| var.starts_with("PATH_INFO="));
            assert!(!told, "{target}: {:?}", dump.vars);
        } else {
            assert_eq!(dump.take("PATH_INFO"), info, "{target}");
        }
    }
    let got = curl.ask("GET", "/dir?a", &[], Body::None);
    assert_eq!(got.status, 301);
    let to = values(&got.fields, "Location");
    assert!(to[0].ends_with(b"/dir/?a"), "{got:?}");
    shown.case("13 routes");
}

/// What is outside the root, hidden, or no script: refused however it is spelt.
pub fn escapes(serve: &Serve, shown: &mut Shown) {
    let targets = [
        "/../outside.txt",
        "/dir/../../outside.txt",
        "/dir/../../../../../../../../etc/passwd",
        "/..",
        "/../",
        "/%2e%2e/outside.txt",
        "/%2e%2e%2foutside.txt",
        "/..%2foutside.txt",
        "/%2E./outside.txt",
        "/.%2e/outside.txt",
        "/dir/%2e%2e/%2e%2e/outside.txt",
        "/%252e%252e/outside.txt",
        "/..%252foutside.txt",
        "/%c0%ae%c0%ae/outside.txt",
        "/%c0%ae%c0%ae%c0%afoutside.txt",
        "/%e0%80%ae%e0%80%ae/outside.txt",
        "/..\\outside.txt",
        "/..%5coutside.txt",
        "/dir\\..\\..\\outside.txt",
        "/.../outside.txt",
        "/..;/outside.txt",
        "/..;a=b/outside.txt",
        "/./../outside.txt",
        "//../outside.txt",
        "/dir//..//../outside.txt",
        "/../www-other/index.php",
        "/../www/../outside.php",
        "/index.php/../../outside.php",
        "/link.txt",
        "/link.php",
        "/link.php/x",
        "/up/outside.txt",
        "/up/outside.php",
        "/up/www-other/index.php",
        "/other/",
        "/other/index.php",
        "/rootdir/etc/passwd",
        "/shown.txt",
        "/upload/source.txt",
        "/.env",
        "/%2eenv",
        "/dir/.hidden",
        "/outside.txt%00.css",
        "/index.php%00.css",
        "/upload/pic.jpg/x.php",
        "/upload/pic.jpg%00.php",
        "/upload/pic.jpg/.php",
        "/style.css/index.php",
        "/dir/page.PHP",
        "/dir/page.php%20",
        "/dir/page.php.",
        "/index.php::$DATA",
        "file:///etc/passwd",
        "http://h.test/../outside.txt",
        "http://h.test/%2e%2e/outside.txt",
        "http://h.test/link.txt",
    ];
    let mut refused = 0;
    for target in targets {
        let (status, body) = raw(serve, target);
        for shown in [SECRET, "<?php", "root:"] {
            assert!(!body.contains(shown), "{target}: {status} {body}");
        }
        match status {
            400 | 403 | 404 => refused += 1,
            // What is not there is for the front controller.
            200 => assert!(
                body.contains("\nSCRIPT_NAME=/index.php\n"),
                "{target}: {body}"
            ),
            status => panic!("{target}: {status} {body}"),
        }
    }
    assert!(refused >= targets.len() * 3 / 4, "{refused}");
    let (status, _) = raw(serve, &format!("/{}", "a/".repeat(4000)));
    assert!(matches!(status, 404 | 414 | 200), "{status}");
    shown.case(&format!(
        "{} ways to spell what is not to be had",
        targets.len()
    ));
}

/// A GET of exactly this target.
fn raw(serve: &Serve, target: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(&serve.upstream).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    let text = String::from_utf8_lossy(&got);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_string())
}

#[test]
#[ignore = "needs curl"]
fn files_and_scripts_of_a_root() {
    let mut shown = Shown::of("curl -> serve --root");
    let site = Site::new();
    let serve = Serve::http(&["--app", "echo", "--root", &site.root]);
    let mut curl = Curl::to(&serve.endpoint);
    files(&site, &mut curl, &mut shown);
    routes(&site, &mut curl, &mut shown);
    escapes(&serve, &mut shown);
    serve.stop();
}
