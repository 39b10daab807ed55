//! AJP/1.3, the container's side, each figure beside its floor: for what is
//! read a walk over packets and strings with no machine, for what is written a
//! copy of its parts.
//!
//! `cargo bench --bench ajp_server`; the ratio of `machine` to `floor` is the
//! figure, a time alone is not. The first lines have it, measured by turns.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::ajp::{Server, ServerRules, codes};
use vestibule::{Field, Id, Length, Next, Receive, Request, Server as _};

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

fn packet(payload: &[u8], to: &mut Vec<u8>) {
    to.extend(b"\x12\x34");
    to.extend((payload.len() as u16).to_be_bytes());
    to.extend(payload);
}

fn string(text: &[u8], to: &mut Vec<u8>) {
    to.extend((text.len() as u16).to_be_bytes());
    to.extend(text);
    to.push(0);
}

/// FORWARD_REQUEST as Apache writes it, and a body in packets of 8 KiB.
fn request(body: usize) -> Vec<u8> {
    let mut head = vec![codes::kind::FORWARD_REQUEST, if body > 0 { 4 } else { 2 }];
    string(b"HTTP/1.1", &mut head);
    string(b"/index.jsp", &mut head);
    string(b"192.0.2.17", &mut head);
    head.extend(b"\xff\xff");
    string(b"www.example.org", &mut head);
    head.extend(b"\0\x50\0");
    let length = body.to_string();
    let more = (body > 0).then_some(("Content-Length", &*length));
    let fields: Vec<_> = REQUEST.iter().copied().chain(more).collect();
    head.extend((fields.len() as u16).to_be_bytes());
    for (name, value) in fields {
        match codes::request_header_code(name.as_bytes()) {
            Some(code) => head.extend([0xa0, code]),
            None => string(name.as_bytes(), &mut head),
        }
        string(value.as_bytes(), &mut head);
    }
    head.push(5);
    string(b"x=1&y=%C5%A1&empty=", &mut head);
    for (name, value) in [
        ("AJP_REMOTE_PORT", "60738"),
        ("AJP_LOCAL_ADDR", "192.0.2.1"),
    ] {
        head.push(10);
        string(name.as_bytes(), &mut head);
        string(value.as_bytes(), &mut head);
    }
    head.push(0xff);
    let mut all = Vec::new();
    packet(&head, &mut all);
    for piece in vec![b'x'; body].chunks(8186) {
        let mut data = (piece.len() as u16).to_be_bytes().to_vec();
        data.extend(piece);
        packet(&data, &mut all);
    }
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
        if n >> 8 >= 0xa0 {
            *input = rest;
            return Some(&[]);
        }
        let (text, rest) = rest.split_at_checked(n)?;
        *input = rest.get(1..)?;
        black_box(text.iter().fold(false, |odd, b| odd | (*b < 0x20)));
        Some(text)
    }
    fn head(mut rest: &[u8]) -> Option<()> {
        for _ in 0..5 {
            black_box(text(&mut rest)?);
        }
        let (fixed, tail) = rest.split_first_chunk::<5>()?;
        rest = tail;
        for _ in 0..u16::from_be_bytes([fixed[3], fixed[4]]) {
            black_box(text(&mut rest)?);
            black_box(text(&mut rest)?);
        }
        while let [code, tail @ ..] = rest {
            rest = tail;
            if *code == 10 {
                black_box(text(&mut rest)?);
            }
            black_box(text(&mut rest)?);
        }
        None
    }
    while let Some((header, rest)) = input.split_first_chunk::<4>() {
        let n = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let Some((payload, rest)) = rest.split_at_checked(n) else {
            return;
        };
        input = rest;
        match payload {
            [codes::kind::FORWARD_REQUEST, _, rest @ ..] if rest.starts_with(b"\0\x08HTTP") => {
                black_box(head(rest));
            }
            [_, _, data @ ..] => {
                black_box(data);
            }
            _ => {}
        }
    }
}

/// Feeds and black-boxes every slice, as the floor does; asks for each piece of
/// a body.
#[inline(never)]
fn serve(server: &mut Server, mut input: &[u8]) {
    loop {
        match server.next(&mut input) {
            Ok(Next::Event(Request::Field { field, .. })) => {
                black_box(field.name);
                black_box(field.value);
            }
            Ok(Next::Event(Request::Body { id, bytes })) => {
                black_box(bytes);
                black_box(server.demand(id, usize::MAX).unwrap().slices());
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

fn answer() -> impl Iterator<Item = Field<'static>> + Clone {
    let fields = ANSWER.iter();
    fields.map(|(n, v)| Field::header(n.as_bytes(), v.as_bytes()))
}

const fn server() -> Server {
    Server::new(ServerRules::STRICT.without_secret(true))
}

/// A server that has a request.
fn waiting() -> Server {
    let mut server = server();
    serve(&mut server, &request(0));
    server
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
fn respond(server: &Server, room: &mut [u8]) {
    let mut server = *server;
    let length = Length::Known(65_536);
    let frame = server.head(Id::SOLE, 200, black_box(answer()), length, room);
    black_box(frame.unwrap().slices());
}

/// A piece of an answer.
#[inline(never)]
fn chunk(server: &mut Server, body: &[u8]) {
    let mut payload = black_box(body);
    black_box(server.body(Id::SOLE, &mut payload).unwrap().slices());
}

const INPUTS: [(&str, usize); 2] = [("server/request/head", 0), ("server/request/100k", 100_000)];

/// All ratios, by turns.
fn ratios(_: &mut Criterion) {
    for (name, body) in INPUTS {
        let bytes = request(body);
        let read = |step| {
            let mut server = server();
            let pieces = black_box(&bytes).chunks(step);
            pieces.for_each(|piece| serve(&mut server, piece));
        };
        turns(name, || walk(black_box(&bytes)), || read(bytes.len()));
        turns(
            &format!("{name}, by 7 beside whole"),
            || read(bytes.len()),
            || read(7),
        );
    }
    let (mut room, mut other) = ([0; 1024], [0; 1024]);
    let server = waiting();
    turns(
        "server/encode/answer",
        || copy_parts(answer(), &mut other),
        || respond(&server, &mut room),
    );
}

fn read(c: &mut Criterion) {
    for (name, body) in INPUTS {
        let bytes = request(body);
        let mut to = vec![0; bytes.len()];
        let mut group = c.benchmark_group(format!("ajp/{name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("floor", |b| b.iter(|| walk(black_box(&bytes))));
        group.bench_function("memcpy", |b| b.iter(|| copy(&bytes, &mut to)));
        for step in [bytes.len(), 1448, 7, 1] {
            group.bench_function(format!("machine-by-{step}"), |b| {
                b.iter(|| {
                    let mut server = server();
                    let pieces = black_box(&bytes).chunks(step);
                    pieces.for_each(|piece| serve(&mut server, piece));
                })
            });
        }
    }
}

fn encode(c: &mut Criterion) {
    let mut room = [0; 1024];
    let mut server = waiting();
    let mut group = c.benchmark_group("ajp/server/encode/answer");
    group.bench_function("floor", |b| b.iter(|| copy_parts(answer(), &mut room)));
    group.bench_function("machine", |b| b.iter(|| respond(&server, &mut room)));
    group.finish();
    let head = server.head(Id::SOLE, 200, answer(), Length::Unknown, &mut room);
    assert!(head.is_ok());
    let body = vec![b'x'; 8184];
    let mut to = vec![0; body.len()];
    let mut group = c.benchmark_group("ajp/server/encode/chunk-8k");
    group.bench_function("memcpy", |b| b.iter(|| copy(&body, &mut to)));
    group.bench_function("machine", |b| b.iter(|| chunk(&mut server, &body)));
}

criterion_group!(benches, ratios, read, encode);
criterion_main!(benches);
