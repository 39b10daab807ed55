//! Load, by h2load and ab: not one request may fail, memory stays flat; what a request
//! costs, beside nginx in front of the same PHP-FPM. `tests/run load` runs it.

use std::time::Instant;

use crate::gateway::stop;
use crate::harness::{PATH, PATIENCE, Peer, Process, Serve, run};

/// Of `hello.php` and of `--app hello`.
const BODY: usize = "Hello, world!\n".len();

/// How many requests each measurement has.
fn requests() -> usize {
    let text = std::env::var("LOAD_REQUESTS").unwrap_or_default();
    text.parse().unwrap_or(20_000)
}

/// What some requests came to. Each was answered, whole, with 200.
fn h2load(url: &str, requests: usize, clients: usize, more: &[&str]) {
    let (n, c) = (requests.to_string(), clients.to_string());
    // Who is silent for as long as that has failed.
    let patience = format!("{}s", 2 * PATIENCE.as_secs());
    let args = [
        &["--h1", "-n", &n, "-c", &c, "-N", &patience][..],
        more,
        &[url],
    ]
    .concat();
    let ran = run("h2load", &args, &[("PATH", PATH)], b"");
    let text = String::from_utf8_lossy(&ran.out);
    let said = [
        format!(
            "requests: {n} total, {n} started, {n} done, {n} succeeded, 0 failed, 0 errored, 0 timeout"
        ),
        format!("status codes: {n} 2xx, 0 3xx, 0 4xx, 0 5xx"),
        format!("({}) data", requests * BODY),
    ];
    for said in said {
        assert!(ran.code == 0 && text.contains(&said), "no '{said}': {text}");
    }
}

/// The same over HTTP/1.0, by ab: a connection each, or with `-k` kept ones.
fn ab(url: &str, requests: usize, more: &[&str]) {
    let n = requests.to_string();
    let args = [&["-q", "-n", &n, "-c", "16"][..], more, &[url]].concat();
    let ran = run("ab", &args, &[("PATH", PATH)], b"");
    let text = String::from_utf8_lossy(&ran.out);
    let (_, rest) = text.split_once("Complete requests:").unwrap_or_default();
    let mut rest = rest.split_ascii_whitespace();
    assert_eq!(rest.next(), Some(&n[..]), "{text} {}", ran.err);
    assert!(text.contains("Failed requests:        0\n"), "{text}");
    assert!(!text.contains("Non-2xx"), "{text}");
    println!(
        "serve, HTTP/1.0 by ab {:<22} {n:>7} requests",
        more.concat()
    );
}

/// Who is loaded.
struct Loaded<'p> {
    name: &'p str,
    process: &'p Process,
    /// Its memory must stay flat.
    ours: bool,
}

impl Loaded<'_> {
    /// Loads it in ten parts, and prints what a request took.
    fn measure(&self, what: &str, url: &str, clients: usize, more: &[&str]) {
        let part = requests().div_ceil(10).max(clients);
        // Until all connections and threads are there.
        h2load(url, part.min(2000), clients, more);
        let (start, cpu) = (Instant::now(), self.process.cpu());
        let mut memory = Vec::new();
        for _ in 0..10 {
            h2load(url, part, clients, more);
            memory.push(self.process.memory("VmRSS:"));
        }
        let seconds = start.elapsed().as_secs_f64();
        let count = (10 * part) as f64;
        let cpu = (self.process.cpu() - cpu) * 10_000.0 / count;
        let rate = count / seconds;
        let (early, late) = (memory[2], memory[9]);
        let flat = match self.ours {
            true => format!("; {} kB, then {} kB", early / 1024, late / 1024),
            false => String::new(),
        };
        let what = format!("{} {what}", self.name);
        println!(
            "{what:<44} {count:>7} requests, {clients:>3} clients: {rate:>6.0} a second, \
             {cpu:.2} s CPU per 10,000{flat}"
        );
        if self.ours {
            assert!(late < early + 4_000_000, "{what}: {memory:?}");
        }
    }
}

#[test]
#[ignore = "needs php8.2-fpm, nginx and nghttp2-client; long"]
fn load() {
    let php = Peer::start("php-fpm", &[("PEER_CHILDREN", "8")]);
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/apps/www");
    // A kept connection holds a child, and so only one of the two is there.
    let ours = |what: &str, clients| {
        let serve = Serve::http(&["--to", &php.tcp(), "--root", root]);
        let page = format!("{}/hello.php", serve.endpoint);
        serve_measured(&serve, what, &page, clients, &[]);
        ab(&page, requests() / 10, &[]);
        stop(serve);
    };
    let nginx = |what: &str, place: &str, clients| {
        let script = format!("{root}/hello.php");
        let upstream = format!("127.0.0.1:{}", php.port);
        let env = [
            ("UPSTREAM_FCGI", &upstream[..]),
            ("UPSTREAM_SCRIPT", &script),
            ("PEER_KEEP", "8"),
        ];
        let nginx = Peer::start("nginx", &env);
        let loaded = Loaded {
            name: "nginx",
            process: &nginx.process,
            ours: false,
        };
        loaded.measure(what, &nginx.url(place), clients, &[]);
    };
    ours("-> PHP-FPM", 8);
    nginx("-> PHP-FPM", "/fcgi-keep/hello", 8);
    ours("-> PHP-FPM, more clients than children", 64);
    // Those that it keeps would be for the same eight clients.
    nginx("-> PHP-FPM, the same, none kept", "/fcgi/hello", 64);

    let serve = Serve::http(&["--app", "hello"]);
    let url = format!("{}/", serve.endpoint);
    serve_measured(&serve, "built in", &url, 8, &[]);
    ab(&url, requests() / 10, &[]);
    ab(&url, requests() / 10, &["-k"]);
    serve_measured(&serve, "built in, four pipelined", &url, 64, &["-m", "4"]);
    stop(serve);
}

fn serve_measured(serve: &Serve, what: &str, url: &str, clients: usize, more: &[&str]) {
    let loaded = Loaded {
        name: "serve",
        process: &serve.process,
        ours: true,
    };
    loaded.measure(what, url, clients, more);
}
