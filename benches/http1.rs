//! HTTP/1.1, both sides, each figure beside its floor: for heads a bytewise
//! loop that only finds line ends and colons, for chunks a walk over them, for
//! what is written a copy of its parts.
//!
//! `cargo bench --bench http1`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not. The first lines have it, measured by turns.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::http1::{Client, Server};
use vestibule::{Client as _, Field, Id, Length, Server as _};

#[allow(dead_code)]
mod common;
use common::drive::{by_steps, fetch, floors, respond, serve};
use common::{ANSWER, BROWSER, answer_http, copy, copy_parts, headers, lines, turns};

/// What a browser sends: 703 bytes.
const BROWSERS: &str = "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n\
    Host: www.kittyhell.com\r\n\
    User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n\
    Accept-Encoding: gzip,deflate\r\n\
    Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n\
    Keep-Alive: 115\r\n\
    Connection: keep-alive\r\n\
    Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; __utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; __utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral\r\n\r\n";

/// What a program sends: 205 bytes.
const API: &str = "POST /api/v1/items?limit=10 HTTP/1.1\r\n\
    Host: api.example.org\r\n\
    User-Agent: curl/7.88.1\r\n\
    Accept: application/json\r\n\
    Content-Type: application/json\r\n\
    Content-Length: 0\r\n\
    X-Request-Id: 7f3a9c52-1b0e-4d7a-9d0c1\r\n\r\n";

/// The floor of chunks: sizes as they stand, no check but of the bounds.
#[inline(never)]
fn chunks(mut input: &[u8]) {
    while let Some(end) = input.iter().position(|b| *b == b'\r') {
        let size = input[..end].iter().fold(0usize, |n, b| {
            n * 16 + char::from(*b).to_digit(16).unwrap_or(0) as usize
        });
        let Some(data) = input.get(end + 2..end + 2 + size) else {
            return;
        };
        black_box(data);
        input = input.get(end + 4 + size..).unwrap_or(&[]);
    }
}

fn request() -> impl Iterator<Item = Field<'static>> + Clone {
    let start = [
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"REQUEST_URI", b"/index.php?x=1&y=%C5%A1&empty="),
    ];
    start.into_iter().chain(headers(&BROWSER))
}

/// A client that has asked.
fn asked() -> Client {
    let mut client = Client::new();
    let mut room = [0; 1024];
    assert!(client.open(request(), Length::None, &mut room).is_ok());
    client
}

/// A server that has been asked.
fn waiting() -> Server {
    let mut server = Server::new();
    serve(&mut server, API.as_bytes());
    server
}

/// Whole heads of both directions.
fn inputs() -> [(&'static str, String); 3] {
    [
        ("server/head/browser", BROWSERS.into()),
        ("server/head/api", API.into()),
        ("client/head/answer", answer_http()),
    ]
}

/// Takes `text` in steps of so many bytes, by the side that reads such.
fn read(name: &str, text: &[u8], step: usize, asked: &Client) {
    if name.starts_with("server") {
        let mut server = Server::new();
        text.chunks(step)
            .for_each(|piece| serve(&mut server, piece));
    } else {
        let mut client = *asked;
        text.chunks(step)
            .for_each(|piece| fetch(&mut client, piece));
    }
}

/// What an encoder copies of a field.
fn parts(field: Field<'_>) -> [&[u8]; 4] {
    [field.name, b": ", field.value, b"\r\n"]
}

#[inline(never)]
fn open(room: &mut [u8]) {
    let mut client = Client::new();
    let (id, frame) = client
        .open(black_box(request()), Length::None, room)
        .unwrap();
    black_box((id, frame.slices()));
}

/// One piece of a body in chunks.
#[inline(never)]
fn chunk(server: &mut Server, body: &[u8]) {
    let mut payload = black_box(body);
    let frame = server.body(Id::SOLE, &mut payload).unwrap();
    black_box(frame.slices());
}

/// A server that answers in chunks.
fn chunking() -> Server {
    let mut server = waiting();
    let mut room = [0; 1024];
    let head = server.head(Id::SOLE, 200, headers(&ANSWER), Length::Unknown, &mut room);
    assert!(head.is_ok());
    server
}

const CHUNKED: [(usize, usize); 3] = [(16, 1_000), (1_024, 100), (32_768, 10)];

/// A request of `count` chunks, and what of it is its body.
fn chunked(size: usize, count: usize) -> (Vec<u8>, Vec<u8>) {
    let chunk = format!("{size:x}\r\n{}\r\n", "x".repeat(size));
    let body = chunk.repeat(count) + "0\r\n\r\n";
    let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    (format!("{head}{body}").into_bytes(), body.into_bytes())
}

/// All ratios, by turns.
fn ratios(_: &mut Criterion) {
    let client = asked();
    for (name, text) in inputs() {
        let bytes = text.as_bytes();
        let whole = || read(name, black_box(bytes), bytes.len(), &client);
        turns(name, || lines(black_box(bytes)), whole);
        let by_seven = || read(name, black_box(bytes), 7, &client);
        turns(&format!("{name}, by 7 beside whole"), whole, by_seven);
    }
    for (size, count) in CHUNKED {
        let (bytes, body) = chunked(size, count);
        turns(
            &format!("server/chunked/{count}x{size}"),
            || chunks(black_box(&body)),
            || serve(&mut Server::new(), black_box(&bytes)),
        );
    }
    let (mut room, mut other) = ([0; 1024], [0; 1024]);
    let floor = || copy_parts(request(), parts, &mut other);
    turns("client/encode/get", floor, || open(&mut room));
    let server = waiting();
    let floor = || copy_parts(headers(&ANSWER), parts, &mut other);
    turns("server/encode/answer", floor, || {
        respond(&server, &mut room)
    });
}

fn heads(c: &mut Criterion) {
    let client = asked();
    for (name, text) in inputs() {
        let bytes = text.as_bytes();
        let mut group = c.benchmark_group(format!("http1/{name}"));
        floors(&mut group, bytes, lines);
        if name.starts_with("server") {
            by_steps(&mut group, bytes, &Server::new(), serve);
        } else {
            by_steps(&mut group, bytes, &client, fetch);
        }
    }
    assert_eq!((BROWSERS.len(), API.len()), (703, 205));
}

fn bodies(c: &mut Criterion) {
    for (size, count) in CHUNKED {
        let (bytes, body) = chunked(size, count);
        let mut group = c.benchmark_group(format!("http1/server/chunked/{count}x{size}"));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function("floor", |b| b.iter(|| chunks(black_box(&body))));
        group.bench_function("machine", |b| {
            b.iter(|| serve(&mut Server::new(), black_box(&bytes)))
        });
    }
}

fn encode(c: &mut Criterion) {
    let mut room = [0; 1024];
    let mut group = c.benchmark_group("http1/client/encode/get");
    group.bench_function("floor", |b| {
        b.iter(|| copy_parts(request(), parts, &mut room))
    });
    group.bench_function("machine", |b| b.iter(|| open(&mut room)));
    group.finish();

    let server = waiting();
    let mut group = c.benchmark_group("http1/server/encode/answer");
    group.bench_function("floor", |b| {
        b.iter(|| copy_parts(headers(&ANSWER), parts, &mut room))
    });
    group.bench_function("machine", |b| b.iter(|| respond(&server, &mut room)));
    group.finish();

    let mut server = chunking();
    let body = vec![b'x'; 32_768];
    let mut to = vec![0; body.len()];
    let mut group = c.benchmark_group("http1/server/encode/chunk-32k");
    group.bench_function("memcpy", |b| b.iter(|| copy(&body, &mut to)));
    group.bench_function("machine", |b| b.iter(|| chunk(&mut server, &body)));
}

criterion_group!(benches, ratios, heads, bodies, encode);
criterion_main!(benches);
