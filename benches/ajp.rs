//! AJP/1.3, each figure beside its floor: for what is read a walk over packets
//! and strings with no machine, for what is written a copy of its parts.
//!
//! `cargo bench --bench ajp`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not. The first lines have it, measured by turns.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::ajp::{Client, codes};
use vestibule::{Client as _, Field, Length, Next, Receive, Response};

#[allow(dead_code)]
mod common;
use common::{ANSWER, copy, turns};

/// A GET as a browser's passes Apache httpd.
const REQUEST: [(&str, &str); 8] = [
    ("Host", "www.example.org"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    (
        "Cookie",
        "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark",
    ),
    ("X-Forwarded-For", "192.0.2.17"),
    ("X-Request-Id", "7f3a9c52-1b0e-4d7a-9d0c1"),
];

/// What a container sends.
fn packet(payload: &[u8], to: &mut Vec<u8>) {
    to.extend(b"AB");
    to.extend((payload.len() as u16).to_be_bytes());
    to.extend(payload);
}

fn string(text: &[u8], to: &mut Vec<u8>) {
    to.extend((text.len() as u16).to_be_bytes());
    to.extend(text);
    to.push(0);
}

/// A whole answer: eight fields, a body in packets of 8 KiB, the end.
fn answer(body: usize) -> Vec<u8> {
    let mut head = vec![codes::kind::SEND_HEADERS, 0, 200];
    string(b"200", &mut head);
    head.extend((ANSWER.len() as u16).to_be_bytes());
    for (name, value) in ANSWER {
        match codes::response_header_code(name.as_bytes()) {
            Some(code) => head.extend([0xa0, code]),
            None => string(name.as_bytes(), &mut head),
        }
        string(value.as_bytes(), &mut head);
    }
    let mut all = Vec::new();
    packet(&head, &mut all);
    for piece in vec![b'x'; body].chunks(8184) {
        let mut chunk = vec![codes::kind::SEND_BODY_CHUNK];
        string(piece, &mut chunk);
        packet(&chunk, &mut all);
    }
    packet(&[codes::kind::END_RESPONSE, 1], &mut all);
    all
}

/// The floor of reading: packets, numbers and strings as they stand, each byte
/// of a string looked at once, since no control byte may pass; no state, no
/// other check but of the bounds.
#[inline(never)]
fn walk(mut input: &[u8]) {
    #[inline]
    fn text<'i>(input: &mut &'i [u8]) -> Option<&'i [u8]> {
        let (n, rest) = input.split_first_chunk()?;
        let n = usize::from(u16::from_be_bytes(*n));
        if n >> 8 == 0xa0 {
            *input = rest;
            return Some(&[]);
        }
        let (text, rest) = rest.split_at_checked(n)?;
        *input = rest.get(1..)?;
        black_box(text.iter().fold(false, |odd, b| odd | (*b < 0x20)));
        Some(text)
    }
    while let Some((header, rest)) = input.split_first_chunk::<4>() {
        let n = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let Some((mut payload, rest)) = rest.split_at_checked(n) else {
            return;
        };
        input = rest;
        match payload {
            [codes::kind::SEND_HEADERS, _, _, fields @ ..] => {
                payload = fields;
                black_box(text(&mut payload));
                payload = payload.get(2..).unwrap_or(&[]);
                while let Some(name) = text(&mut payload) {
                    black_box(name);
                    black_box(text(&mut payload));
                }
            }
            [_, _, _, data @ .., _] => {
                black_box(data);
            }
            _ => {}
        }
    }
}

/// Feeds and black-boxes every slice, as the floor does.
#[inline(never)]
fn fetch(client: &mut Client, mut input: &[u8]) {
    loop {
        match client.next(&mut input) {
            Ok(Next::Event(Response::Field { field, .. })) => {
                black_box(field.name);
                black_box(field.value);
            }
            Ok(Next::Event(Response::Body { bytes, .. })) => {
                black_box(bytes);
            }
            Ok(Next::Event(Response::HeadEnd { id, status, length })) => {
                black_box((id, status, length));
            }
            Ok(Next::Event(event)) => {
                black_box(&event);
            }
            Ok(Next::NeedInput | Next::Paused) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

fn request() -> impl Iterator<Item = Field<'static>> + Clone {
    let start = [
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
        Field::var(b"REQUEST_URI", b"/index.php?x=1&y=%C5%A1&empty="),
        Field::var(b"REMOTE_ADDR", b"192.0.2.17"),
        Field::var(b"REMOTE_PORT", b"60738"),
        Field::var(b"SERVER_ADDR", b"192.0.2.1"),
        Field::var(b"SERVER_NAME", b"www.example.org"),
        Field::var(b"SERVER_PORT", b"80"),
    ];
    let rest = REQUEST.iter();
    start
        .into_iter()
        .chain(rest.map(|(n, v)| Field::header(n.as_bytes(), v.as_bytes())))
}

/// A client that has asked.
fn asked() -> Client {
    let mut client = Client::new();
    let mut room = [0; 1024];
    assert!(client.open(request(), Length::None, &mut room).is_ok());
    client
}

/// Copies the parts of a head one by one: what an encoder cannot avoid.
#[inline(never)]
fn copy_parts<'f>(fields: impl Iterator<Item = Field<'f>>, room: &mut [u8]) {
    let mut rest = &mut room[..];
    for field in fields {
        for part in [&b"\0\0"[..], field.name, b"\0\0", field.value, b"\0"] {
            let (to, next) = rest.split_at_mut(part.len());
            to.copy_from_slice(black_box(part));
            rest = next;
        }
    }
    black_box(room);
}

#[inline(never)]
fn open(room: &mut [u8]) {
    let mut client = Client::new();
    let (id, frame) = client
        .open(black_box(request()), Length::None, room)
        .unwrap();
    black_box((id, frame.slices()));
}

/// All ratios, by turns.
fn ratios(_: &mut Criterion) {
    let client = asked();
    let read = |bytes: &[u8], step| {
        let mut client = client;
        bytes
            .chunks(step)
            .for_each(|piece| fetch(&mut client, piece));
    };
    for (name, bytes) in [
        ("client/answer/head", answer(0)),
        ("client/answer/64k", answer(65_536)),
    ] {
        let whole = || read(black_box(&bytes), bytes.len());
        turns(name, || walk(black_box(&bytes)), whole);
        let by_seven = || read(black_box(&bytes), 7);
        turns(&format!("{name}, by 7 beside whole"), whole, by_seven);
    }
    let (mut room, mut other) = ([0; 1024], [0; 1024]);
    let floor = || copy_parts(request(), &mut other);
    turns("client/encode/get", floor, || open(&mut room));
}

fn answers(c: &mut Criterion) {
    let client = asked();
    for (name, bytes) in [("head", answer(0)), ("64k", answer(65_536))] {
        let mut to = vec![0; bytes.len()];
        let mut group = c.benchmark_group(format!("ajp/client/answer/{name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("floor", |b| b.iter(|| walk(black_box(&bytes))));
        group.bench_function("memcpy", |b| b.iter(|| copy(&bytes, &mut to)));
        group.bench_function("machine", |b| {
            b.iter(|| fetch(&mut client.clone(), black_box(&bytes)))
        });
    }
}

fn encode(c: &mut Criterion) {
    let mut room = [0; 1024];
    let mut group = c.benchmark_group("ajp/client/encode/get");
    group.bench_function("floor", |b| b.iter(|| copy_parts(request(), &mut room)));
    group.bench_function("machine", |b| b.iter(|| open(&mut room)));
}

criterion_group!(benches, ratios, answers, encode);
criterion_main!(benches);
