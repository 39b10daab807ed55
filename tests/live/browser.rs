//! Chromium without a screen: the page of `demo --stay`, and a page of PHP with
//! its files through `serve --to`.

use crate::gateway::stop;
use crate::harness::{PATH, Peer, Scratch, Serve, Shown, ours, run};

/// What becomes of a page once its scripts have run.
#[track_caller]
fn dom(url: &str) -> String {
    let scratch = Scratch::new();
    let home = scratch.path().display().to_string();
    let args = [
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=60000",
        &format!("--user-data-dir={home}/profile"),
        "--dump-dom",
        url,
    ];
    let env = [("PATH", PATH), ("HOME", &home)];
    let ran = run("chromium-headless-shell", &args, &env, b"");
    assert_eq!(ran.code, 0, "{}", ran.err);
    String::from_utf8(ran.out).unwrap()
}

#[track_caller]
fn shows(page: &str, parts: &[&str]) {
    let mut rest = page;
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => panic!("no {part:?}, or not there, in {page}"),
        }
    }
}

#[test]
#[ignore = "needs chromium-headless-shell"]
fn the_page_of_the_demo() {
    let mut shown = Shown::of("Chromium -> demo --stay");
    let scratch = Scratch::new();
    let mark = "For a browser, until you stop it: ";
    let (mut process, url) = ours(&["demo", "--stay"], mark, &scratch);
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let page = dom(&format!("{url}a/b?x=%C5%A1&amp"));
    let parts = [
        "<title>Your request</title>",
        "<code class=\"start\">GET /a/b?x=%C5%A1&amp;amp HTTP/1.1</code>",
        &format!("<td>Host</td><td>{host}</td>"),
        "<td>User-Agent</td><td>Mozilla/5.0 (",
        " HeadlessChrome/",
    ];
    shows(&page, &parts);
    shown.case("the request as it arrived");
    let ladder = [
        "<ol class=\"ladder\">",
        "<li class=\"to arrow\">GET /a/b?x=%C5%A1&amp;amp HTTP/1.1</li>",
        &format!("<li class=\"to note\">Host: {host}</li>"),
        "<li class=\"from arrow\">HTTP/1.1 200 OK</li>",
        "<li class=\"from note\">Content-Type: text/html; charset=utf-8</li>",
        "</ol>",
    ];
    shows(&page, &ladder);
    shown.case("the ladder of its own exchange");
    process.signal("-TERM");
    assert_eq!(process.end().code(), Some(0), "{}", process.log());
}

const PAGE: &[u8] = b"<!doctype html><title><?= $_SERVER['REQUEST_URI'] ?></title>
<link rel=stylesheet href=/style.css><script src=/script.js defer></script>
<p id=sent><?= $_SERVER['REQUEST_METHOD'], ' ', strlen(file_get_contents('php://input')) ?></p>
<p id=got>-</p>";

/// Reads a style, posts a large body, and follows with several requests at once.
const SCRIPT: &[u8] = b"addEventListener('DOMContentLoaded', async () => {
    const color = getComputedStyle(document.getElementById('sent')).color;
    const post = await fetch('/index.php/api', { method: 'POST', body: new Uint8Array(3000000) });
    const text = (await post.text()).match(/id=sent>(.*?)</)[1];
    const all = [...Array(20).keys()].map(n => fetch('/pretty/' + n).then(r => r.text()));
    const titles = (await Promise.all(all)).map(t => t.match(/<title>(.*?)</)[1]);
    const right = titles.every((t, n) => t == '/pretty/' + n);
    document.getElementById('got').textContent = [color, text, right].join('; ');
});";

#[test]
#[ignore = "needs chromium-headless-shell and php8.2-fpm"]
fn a_page_of_php() {
    let mut shown = Shown::of("Chromium -> serve -> PHP-FPM");
    let peer = Peer::start("php-fpm", &[]);
    let site = Scratch::new();
    site.file("index.php", PAGE);
    site.file("script.js", SCRIPT);
    site.file("style.css", b"#sent { color: rgb(1, 2, 3) }");
    let root = site.path().display().to_string();
    let serve = Serve::http(&["--to", &peer.tcp(), "--root", &root]);
    let page = dom(&format!("{}/some/page?q=1", serve.endpoint));
    let parts = [
        "<title>/some/page?q=1</title>",
        "<p id=\"sent\">GET 0</p>",
        "<p id=\"got\">rgb(1, 2, 3); POST 3000000; true</p>",
    ];
    shows(&page, &parts);
    shown.case("a page with its style and script; 3 MB posted; 20 at once");
    stop(serve);
}
