//! HTTP/1.1, reading, each figure beside its floor: a bytewise loop that only
//! finds line ends and colons, and memcpy.
//!
//! `cargo bench --bench http1`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::http1::Server;
use vestibule::{Next, Receive, Request};

#[allow(dead_code)]
mod common;
use common::copy;

/// What a browser sends: 703 bytes.
const BROWSER: &str = "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n\
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

/// Feeds and black-boxes every slice, as the floor does.
#[inline(never)]
fn serve(server: &mut Server, mut input: &[u8]) {
    loop {
        match server.next(&mut input) {
            Ok(Next::Event(Request::Field { field, .. })) => {
                black_box(field.name);
                black_box(field.value);
            }
            Ok(Next::Event(Request::Body { bytes, .. })) => {
                black_box(bytes);
            }
            Ok(Next::Event(Request::HeadEnd { id, length })) => {
                black_box((id, length));
            }
            Ok(Next::Event(event)) => {
                black_box(&event);
            }
            Ok(Next::NeedInput | Next::Paused) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The floor of heads: line ends and colons, byte by byte, each slice given.
#[inline(never)]
fn lines(input: &[u8]) {
    let (mut start, mut colon) = (0, None);
    for (at, byte) in input.iter().enumerate() {
        match byte {
            b':' if colon.is_none() => colon = Some(at),
            b'\n' => {
                match colon {
                    Some(colon) => {
                        black_box(&input[start..colon]);
                        black_box(&input[colon + 1..at]);
                    }
                    None => {
                        black_box(&input[start..at]);
                    }
                }
                (start, colon) = (at + 1, None);
            }
            _ => {}
        }
    }
}

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

fn heads(c: &mut Criterion) {
    for (name, text, len) in [("browser", BROWSER, 703), ("api", API, 205)] {
        let bytes = text.as_bytes();
        assert_eq!(bytes.len(), len, "{name}");
        let mut to = vec![0; bytes.len()];
        let mut group = c.benchmark_group(format!("http1/server/head/{name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("floor", |b| b.iter(|| lines(black_box(bytes))));
        group.bench_function("memcpy", |b| b.iter(|| copy(bytes, &mut to)));
        group.bench_function("machine", |b| {
            b.iter(|| serve(&mut Server::new(), black_box(bytes)))
        });
        for step in [1, 7, 1448] {
            group.bench_function(format!("machine-by-{step}"), |b| {
                b.iter(|| {
                    let mut server = Server::new();
                    for piece in black_box(bytes).chunks(step) {
                        serve(&mut server, piece);
                    }
                })
            });
        }
    }
}

fn bodies(c: &mut Criterion) {
    for (size, count) in [(16, 1_000), (1_024, 100), (32_768, 10)] {
        let chunk = format!("{size:x}\r\n{}\r\n", "x".repeat(size));
        let body = chunk.repeat(count) + "0\r\n\r\n";
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        let bytes = format!("{head}{body}").into_bytes();
        let mut group = c.benchmark_group(format!("http1/server/chunked/{count}x{size}"));
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function("floor", |b| b.iter(|| chunks(black_box(body.as_bytes()))));
        group.bench_function("machine", |b| {
            b.iter(|| serve(&mut Server::new(), black_box(&bytes)))
        });
    }
}

criterion_group!(benches, heads, bodies);
criterion_main!(benches);
