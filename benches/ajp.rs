//! AJP/1.3, both sides, each figure beside its floor: for what is read a walk
//! over packets and strings with no machine, for what is written a copy of its
//! parts.
//!
//! `cargo bench --bench ajp`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not. The first lines have it, measured by turns.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vestibule::ajp::{Client, Server, ServerRules, codes};
use vestibule::{Client as _, Field, Id, Length, Server as _};

#[allow(dead_code)]
mod common;
use common::drive::{by_steps, fetch, floors, respond, serve_with};
use common::{ANSWER, BROWSER, copy, copy_parts, headers, turns};

/// What goes to a container starts with these, what one sends with those.
const TO_CONTAINER: &[u8; 2] = b"\x12\x34";
const FROM_CONTAINER: &[u8; 2] = b"AB";

fn packet(magic: &[u8; 2], payload: &[u8], to: &mut Vec<u8>) {
    to.extend(magic);
    to.extend((payload.len() as u16).to_be_bytes());
    to.extend(payload);
}

fn string(text: &[u8], to: &mut Vec<u8>) {
    to.extend((text.len() as u16).to_be_bytes());
    to.extend(text);
    to.push(0);
}

/// The number of fields, and each with the code of its name if it has one.
fn fields(pairs: &[(&str, &str)], code: impl Fn(&[u8]) -> Option<u8>, to: &mut Vec<u8>) {
    to.extend((pairs.len() as u16).to_be_bytes());
    for (name, value) in pairs {
        match code(name.as_bytes()) {
            Some(code) => to.extend([0xa0, code]),
            None => string(name.as_bytes(), to),
        }
        string(value.as_bytes(), to);
    }
}

/// FORWARD_REQUEST as Apache writes it, and a body in packets of 8 KiB.
fn forwarded(body: usize) -> Vec<u8> {
    let mut head = vec![codes::kind::FORWARD_REQUEST, if body > 0 { 4 } else { 2 }];
    string(b"HTTP/1.1", &mut head);
    string(b"/index.jsp", &mut head);
    string(b"192.0.2.17", &mut head);
    head.extend(b"\xff\xff");
    string(b"www.example.org", &mut head);
    head.extend(b"\0\x50\0");
    let length = body.to_string();
    let more = (body > 0).then_some(("Content-Length", &*length));
    let pairs: Vec<_> = BROWSER.iter().copied().chain(more).collect();
    fields(&pairs, codes::request_header_code, &mut head);
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
    packet(TO_CONTAINER, &head, &mut all);
    for piece in vec![b'x'; body].chunks(8186) {
        let mut data = (piece.len() as u16).to_be_bytes().to_vec();
        data.extend(piece);
        packet(TO_CONTAINER, &data, &mut all);
    }
    all
}

/// A whole answer: eight fields, a body in packets of 8 KiB, the end.
fn answer(body: usize) -> Vec<u8> {
    let mut head = vec![codes::kind::SEND_HEADERS, 0, 200];
    string(b"200", &mut head);
    fields(&ANSWER, codes::response_header_code, &mut head);
    let mut all = Vec::new();
    packet(FROM_CONTAINER, &head, &mut all);
    for piece in vec![b'x'; body].chunks(8184) {
        let mut chunk = vec![codes::kind::SEND_BODY_CHUNK];
        string(piece, &mut chunk);
        packet(FROM_CONTAINER, &chunk, &mut all);
    }
    packet(FROM_CONTAINER, &[codes::kind::END_RESPONSE, 1], &mut all);
    all
}

/// The payload of each packet.
#[inline(always)]
fn payloads(mut input: &[u8], mut each: impl FnMut(&[u8])) {
    while let Some((header, rest)) = input.split_first_chunk::<4>() {
        let n = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let Some((payload, rest)) = rest.split_at_checked(n) else {
            return;
        };
        input = rest;
        each(payload);
    }
}

/// A string, each byte of which is looked at once, since no control byte may
/// pass; or a code in place of a name, or nothing at all.
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

/// The floor of reading requests: packets, numbers and strings as they stand;
/// no state, no other check but of the bounds.
#[inline(never)]
fn walk_request(input: &[u8]) {
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
    payloads(input, |payload| match payload {
        [codes::kind::FORWARD_REQUEST, _, rest @ ..] if rest.starts_with(b"\0\x08HTTP") => {
            black_box(head(rest));
        }
        [_, _, data @ ..] => {
            black_box(data);
        }
        _ => {}
    });
}

/// That of reading answers.
#[inline(never)]
fn walk_answer(input: &[u8]) {
    payloads(input, |payload| match payload {
        [codes::kind::SEND_HEADERS, _, _, fields @ ..] => {
            let mut rest = fields;
            black_box(text(&mut rest));
            rest = rest.get(2..).unwrap_or(&[]);
            while let Some(name) = text(&mut rest) {
                black_box(name);
                black_box(text(&mut rest));
            }
        }
        [_, _, _, data @ .., _] => {
            black_box(data);
        }
        _ => {}
    });
}

/// Feeds, black-boxes every slice, and asks for each piece of a body.
#[inline(never)]
fn serve(server: &mut Server, input: &[u8]) {
    serve_with(server, input, |server, id| {
        black_box(server.demand(id, usize::MAX).unwrap().slices());
    });
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
    start.into_iter().chain(headers(&BROWSER))
}

/// A client that has asked.
fn asked() -> Client {
    let mut client = Client::new();
    let mut room = [0; 1024];
    assert!(client.open(request(), Length::None, &mut room).is_ok());
    client
}

const fn server() -> Server {
    Server::new(ServerRules::STRICT.without_secret(true))
}

/// A server that has a request.
fn waiting() -> Server {
    let mut server = server();
    serve(&mut server, &forwarded(0));
    server
}

#[inline(never)]
fn open(room: &mut [u8]) {
    let mut client = Client::new();
    let (id, frame) = client
        .open(black_box(request()), Length::None, room)
        .unwrap();
    black_box((id, frame.slices()));
}

/// A piece of an answer.
#[inline(never)]
fn chunk(server: &mut Server, body: &[u8]) {
    let mut payload = black_box(body);
    black_box(server.body(Id::SOLE, &mut payload).unwrap().slices());
}

/// What an encoder copies of a field.
fn parts(field: Field<'_>) -> [&[u8]; 5] {
    [b"\0\0", field.name, b"\0\0", field.value, b"\0"]
}

fn requests() -> [(&'static str, Vec<u8>); 2] {
    [
        ("server/request/head", forwarded(0)),
        ("server/request/100k", forwarded(100_000)),
    ]
}

fn answers() -> [(&'static str, Vec<u8>); 2] {
    [
        ("client/answer/head", answer(0)),
        ("client/answer/64k", answer(65_536)),
    ]
}

/// All ratios, by turns.
fn ratios(_: &mut Criterion) {
    let read = |bytes: &[u8], step| {
        let mut server = server();
        let pieces = black_box(bytes).chunks(step);
        pieces.for_each(|piece| serve(&mut server, piece));
    };
    for (name, bytes) in requests() {
        let whole = || read(&bytes, bytes.len());
        turns(name, || walk_request(black_box(&bytes)), whole);
        let by_seven = || read(&bytes, 7);
        turns(&format!("{name}, by 7 beside whole"), whole, by_seven);
    }
    let client = asked();
    let read = |bytes: &[u8], step| {
        let mut client = client;
        let pieces = black_box(bytes).chunks(step);
        pieces.for_each(|piece| fetch(&mut client, piece));
    };
    for (name, bytes) in answers() {
        let whole = || read(&bytes, bytes.len());
        turns(name, || walk_answer(black_box(&bytes)), whole);
        let by_seven = || read(&bytes, 7);
        turns(&format!("{name}, by 7 beside whole"), whole, by_seven);
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

fn read(c: &mut Criterion) {
    for (name, bytes) in requests() {
        let mut group = c.benchmark_group(format!("ajp/{name}"));
        floors(&mut group, &bytes, walk_request);
        by_steps(&mut group, &bytes, &server(), serve);
    }
    let client = asked();
    for (name, bytes) in answers() {
        let mut group = c.benchmark_group(format!("ajp/{name}"));
        floors(&mut group, &bytes, walk_answer);
        by_steps(&mut group, &bytes, &client, fetch);
    }
}

fn encode(c: &mut Criterion) {
    let mut room = [0; 1024];
    let mut group = c.benchmark_group("ajp/client/encode/get");
    group.bench_function("floor", |b| {
        b.iter(|| copy_parts(request(), parts, &mut room))
    });
    group.bench_function("machine", |b| b.iter(|| open(&mut room)));
    group.finish();

    let mut server = waiting();
    let mut group = c.benchmark_group("ajp/server/encode/answer");
    group.bench_function("floor", |b| {
        b.iter(|| copy_parts(headers(&ANSWER), parts, &mut room))
    });
    group.bench_function("machine", |b| b.iter(|| respond(&server, &mut room)));
    group.finish();

    let head = server.head(Id::SOLE, 200, headers(&ANSWER), Length::Unknown, &mut room);
    assert!(head.is_ok());
    let body = vec![b'x'; 8184];
    let mut to = vec![0; body.len()];
    let mut group = c.benchmark_group("ajp/server/encode/chunk-8k");
    group.bench_function("memcpy", |b| b.iter(|| copy(&body, &mut to)));
    group.bench_function("machine", |b| b.iter(|| chunk(&mut server, &body)));
}

criterion_group!(benches, ratios, read, encode);
criterion_main!(benches);
