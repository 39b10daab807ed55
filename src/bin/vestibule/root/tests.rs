use super::*;
use std::os::unix::fs::symlink;

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A directory with a root in it, and secrets beside that.
fn tree(name: &str) -> Dir {
    let path = std::env::temp_dir().join(format!("vestibule-root-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    for dir in [
        "www/dir",
        "www/plain",
        "www/upload",
        "www/.git",
        "www/a b",
        "www/.well-known",
        "www/x.php.d",
        "out",
    ] {
        fs::create_dir_all(path.join(dir)).unwrap();
    }
    for file in [
        "secret.txt",
        "secret.php",
        "out/index.php",
        "www/index.php",
        "www/dir/index.php",
        "www/upload/pic.jpg",
        "www/upload/a.php.jpg",
        "www/.env",
        "www/.git/config",
        "www/style.css",
        "www/a b/\u{e9}.txt",
        "www/one.php",
        "www/.well-known/t",
        "www/x.php.d/f.txt",
        "www/CASE.PHP",
        "www/%2e%2e",
    ] {
        fs::write(path.join(file), file).unwrap();
    }
    let www = path.join("www");
    for (to, link) in [
        ("../secret.txt", "out.txt"),
        ("../secret.php", "out.php"),
        ("../out", "outdir"),
        ("style.css", "in.css"),
        ("dir", "indir"),
        ("one.php", "one.txt"),
        ("upload/pic.jpg", "pic.php"),
        ("nowhere", "dangling"),
        ("loop", "loop"),
        (".env", "env.txt"),
    ] {
        symlink(to, www.join(link)).unwrap();
    }
    Dir(path)
}

fn shown(found: Found) -> String {
    match found {
        Found::Script {
            filename,
            script_name,
            path_info,
        } => {
            let filename = filename
                .to_str()
                .unwrap()
                .rsplit_once("/www")
                .unwrap()
                .1
                .to_string();
            format!("run {filename} as {script_name} with {path_info}")
        }
        Found::File { mut file, name, .. } => {
            let mut text = String::new();
            io::Read::read_to_string(&mut file, &mut text).unwrap();
            format!("send {text} as {name}")
        }
        Found::Redirect(to) => format!("go to {to}"),
        Found::Nothing => "nothing".into(),
        Found::Refused(status) => status.to_string(),
    }
}

const FRONT: &str = "run /index.php as /index.php with ";

#[test]
fn what_paths_mean() {
    let dir = tree("mean");
    let root = Root::new(&dir.0.join("www"), "index.php").unwrap();
    for (target, meaning) in [
        ("/", FRONT),
        ("/?q", FRONT),
        ("//", FRONT),
        ("http://h", FRONT),
        ("http://h/index.php?x", FRONT),
        ("/index.php", FRONT),
        ("/index.php/a/b?c", "run /index.php as /index.php with /a/b"),
        ("/index.php/", "run /index.php as /index.php with /"),
        ("/index.php//a", "run /index.php as /index.php with /a"),
        (
            "/index.php/a%20b/%C3%A9",
            "run /index.php as /index.php with /a b/\u{e9}",
        ),
        ("/pretty/url?x=1", FRONT),
        ("/dir", "go to /dir/"),
        ("/dir?a=b%20c", "go to /dir/?a=b%20c"),
        ("//dir", "go to /dir/"),
        ("/dir/", "run /dir/index.php as /dir/index.php with "),
        (
            "/dir/index.php/x",
            "run /dir/index.php as /dir/index.php with /x",
        ),
        ("/indir/", "run /dir/index.php as /indir/index.php with "),
        ("/one.php", "run /one.php as /one.php with "),
        ("/one.php/two.php", "run /one.php as /one.php with /two.php"),
        ("/%6fne%2ephp", "run /one.php as /one.php with "),
        ("/style.css", "send www/style.css as /style.css"),
        ("/style.css?v=1", "send www/style.css as /style.css"),
        ("/in.css", "send www/style.css as /in.css"),
        (
            "/a%20b/%c3%a9.txt",
            "send www/a b/\u{e9}.txt as /a b/\u{e9}.txt",
        ),
        ("/x.php.d/f.txt", "send www/x.php.d/f.txt as /x.php.d/f.txt"),
        (
            "/upload/a.php.jpg",
            "send www/upload/a.php.jpg as /upload/a.php.jpg",
        ),
        ("/.well-known/t", "send www/.well-known/t as /.well-known/t"),
        // Directories without an index, and what is not there: the front controller.
        ("/plain", FRONT),
        ("/plain/", FRONT),
        ("/none.php", FRONT),
        ("/none.php/x", FRONT),
        ("/dangling", FRONT),
        // Encoded twice is a name like any other, decoded once.
        ("/%252e%252e", "send www/%2e%2e as /%2e%2e"),
        ("/%252e%252e/secret.txt", "404"),
    ] {
        assert_eq!(shown(root.resolve(target.as_bytes())), meaning, "{target}");
    }
    let long = format!("/{}", "a".repeat(300));
    assert_eq!(shown(root.resolve(long.as_bytes())), FRONT);
}

#[test]
fn hostile_spellings() {
    let dir = tree("hostile");
    let root = Root::new(&dir.0.join("www"), "index.php").unwrap();
    for (target, status) in [
        // Above the root.
        ("/../secret.txt", 400),
        ("/dir/../../secret.txt", 400),
        ("/dir/../index.php", 400),
        ("/..", 400),
        ("/../", 400),
        ("/./style.css", 400),
        ("/%2e%2e/secret.txt", 400),
        ("/%2E./secret.txt", 400),
        ("/.%2e/secret.txt", 400),
        ("/dir/%2e%2e/%2e%2e/secret.txt", 400),
        ("/..%2fsecret.txt", 404),
        ("/..%2Fsecret.txt", 404),
        ("/dir%2f..%2f..%2fsecret.txt", 404),
        ("/..%5csecret.txt", 400),
        ("/..\\secret.txt", 400),
        ("/dir\\..\\..\\secret.txt", 400),
        ("/%5c..%5csecret.txt", 400),
        ("/index.php/../../secret.txt", 400),
        ("/index.php/%2e%2e/x", 400),
        ("/x/..;/secret.txt", 404),
        ("http://h/../secret.txt", 400),
        ("//../secret.txt", 400),
        ("/...//secret.txt", 404),
        // Too long a spelling of a dot, a slash, a NUL.
        ("/%c0%ae%c0%ae/secret.txt", 400),
        ("/%c0%af..%c0%afsecret.txt", 400),
        ("/%e0%80%ae%e0%80%ae/secret.txt", 400),
        ("/%f0%80%80%ae/secret.txt", 400),
        ("/%c0%80", 400),
        ("/%ff", 400),
        // NUL and other control bytes.
        ("/upload/pic.jpg%00.php", 400),
        ("/index.php%00", 400),
        ("/index.php%0a", 400),
        ("/upload/pic.jpg%0d%0ax", 400),
        ("/style.css%7f", 400),
        // No paths.
        ("", 400),
        ("*", 400),
        ("dir/", 400),
        ("/a b", 400),
        ("/a#b", 400),
        ("/%", 400),
        ("/%zz", 400),
        ("/%2", 400),
        ("file:///etc/passwd", 400),
        // Files that merely precede a path.
        ("/upload/pic.jpg/x.php", 404),
        ("/upload/pic.jpg/", 404),
        ("/style.css/index.php", 404),
        ("/upload/a.php.jpg/.php", 404),
        // Hidden ones.
        ("/.env", 404),
        ("/%2eenv", 404),
        ("/.git/config", 404),
        ("/dir/.htaccess", 404),
        ("/dir/.well-known/t", 404),
        ("/.none", 404),
        ("/index.php/.env", 404),
        // Links that lead out, or show a script, or make one.
        ("/out.txt", 403),
        ("/out.php", 403),
        ("/out.php/x", 403),
        ("/outdir", 403),
        ("/outdir/", 403),
        ("/outdir/index.php", 403),
        ("/one.txt", 403),
        ("/pic.php", 403),
        ("/loop", 404),
        ("/CASE.PHP", 403),
        ("/env.txt", 403),
    ] {
        let found = shown(root.resolve(target.as_bytes()));
        assert_eq!(found, status.to_string(), "{target}");
    }
    let long = format!("/{}", "a/".repeat(5000));
    assert_eq!(shown(root.resolve(long.as_bytes())), "414");
    assert_eq!(shown(root.resolve(b"/\xc3\xa9")), FRONT);
    assert_eq!(shown(root.resolve(b"/\xff")), "400");
}

#[test]
fn other_indexes() {
    let dir = tree("indexes");
    let www = dir.0.join("www");
    // Without a front controller.
    fs::remove_file(www.join("index.php")).unwrap();
    let root = Root::new(&www, "index.php").unwrap();
    for target in ["/", "/pretty", "/plain/"] {
        assert_eq!(shown(root.resolve(target.as_bytes())), "nothing");
    }
    // A page: nothing is a script.
    fs::write(www.join("index.html"), "page").unwrap();
    let root = Root::new(&www, "index.html").unwrap();
    assert_eq!(shown(root.resolve(b"/")), "send page as /index.html");
    assert_eq!(shown(root.resolve(b"/pretty")), "nothing");
    // A link to the root is followed once, at the start.
    symlink(&www, dir.0.join("link")).unwrap();
    let root = Root::new(&dir.0.join("link"), "index.html").unwrap();
    assert_eq!(root.dir(), www.canonicalize().unwrap());
    assert!(Root::new(&www.join("style.css"), "index.php").is_err());
    assert!(Root::new(&www.join("none"), "index.php").is_err());
}

#[test]
fn what_is_no_file() {
    let dir = tree("nofile");
    let www = dir.0.join("www");
    let _socket = std::os::unix::net::UnixListener::bind(www.join("socket")).unwrap();
    fs::create_dir(www.join("plain/index.php")).unwrap();
    let root = Root::new(&www, "index.php").unwrap();
    assert_eq!(shown(root.resolve(b"/socket")), "403");
    assert_eq!(shown(root.resolve(b"/plain/")), "403");
}
