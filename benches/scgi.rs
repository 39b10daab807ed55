//! SCGI, both sides, each figure beside its floor: for the head of a request a
//! bytewise loop that only finds the ends of its strings, for that of an answer
//! one that finds line ends and colons, for what is written a copy of its parts.
//!
//! `cargo bench --bench scgi`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not. The first lines have it, measured by turns.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::scgi::{Client, Rules, Server};
use vestibule::{Client as _, Field, Id, Length, Next, Receive, Request, Response, Server as _};

#[allow(dead_code)]
mod common;
use common::{ANSWER, VARS, answer_head, copy, turns};

/// A request as nginx sends it: CONTENT_LENGTH, the usual variables, SCGI last.
fn request(body: usize) -> Vec<u8> {
    let mut string = format!("CONTENT_LENGTH\0{body}\0");
    let rest = VARS.iter().filter(|v| v.0 != "CONTENT_LENGTH");
    for (name, value) in rest.chain([&("SCGI", "1")]) {
        string += &format!("{name}\0{value}\0");
    }
    let mut bytes = format!("{}:{string},", string.len()).into_bytes();
    bytes.extend(vec![b'x'; body]);
    bytes
}

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

/// The same for the other side.
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

/// The floor of requests: the length, and the strings of it.
#[inline(never)]
fn strings(input: &[u8]) {
    let colon = input.iter().position(|b| *b == b':').unwrap_or(0);
    let digits = input[..colon].iter();
    let n = digits.fold(0, |n, b| n * 10 + usize::from(b - b'0'));
    let mut rest = &input[colon + 1..colon + 1 + n];
    while let Some(end) = rest.iter().position(|b| *b == 0) {
        black_box(&rest[..end]);
        rest = &rest[end + 1..];
    }
    black_box(&input[colon + 2 + n..]);
}

/// The floor of answers: line ends and colons, byte by byte, then the rest.
#[inline(never)]
fn lines(input: &[u8], head: usize) {
    let (mut start, mut colon) = (0, None);
    for (at, byte) in input[..head].iter().enumerate() {
        match byte {
            b':' if colon.is_none() => colon = Some(at),
            b'\n' => {
                let middle = colon.map_or(at, |colon| colon + 1);
                black_box(&input[start..middle]);
                black_box(&input[middle..at]);
                (start, colon) = (at + 1, None);
            }
            _ => {}
        }
    }
    black_box(&input[head..]);
}

fn vars() -> impl Iterator<Item = Field<'static>> + Clone {
    VARS.iter()
        .map(|(name, value)| Field::var(name.as_bytes(), value.as_bytes()))
}

fn headers() -> impl Iterator<Item = Field<'static>> + Clone {
    let fields = ANSWER.iter();
    fields.map(|(n, v)| Field::header(n.as_bytes(), v.as_bytes()))
}

/// Copies the parts of a head one by one: what an encoder cannot avoid.
#[inline(never)]
fn copy_parts<'f>(fields: impl Iterator<Item = Field<'f>>, between: &[u8], room: &mut [u8]) {
    let mut rest = &mut room[..];
    for field in fields {
        for part in [field.name, between, field.value, between] {
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
    let opened = client.open(black_box(vars()), Length::None, room);
    let (id, frame) = opened.unwrap();
    black_box((id, frame.slices()));
}

#[inline(never)]
fn respond(server: &Server, room: &mut [u8]) {
    let mut server = *server;
    let length = Length::Known(65_536);
    let frame = server.head(Id::SOLE, 200, black_box(headers()), length, room);
    black_box(frame.unwrap().slices());
}

/// A server that has been asked, and a client that has.
fn both() -> (Server, Client) {
    let mut server = Server::new().rules(Rules::STRICT);
    serve(&mut server, &request(0));
    let mut client = Client::new();
    let mut room = [0; 2048];
    assert!(client.open(vars(), Length::None, &mut room).is_ok());
    (server, client)
}

fn answer(body: usize) -> (Vec<u8>, usize) {
    let mut bytes = answer_head().into_bytes();
    let head = bytes.len();
    bytes.extend(vec![b'x'; body]);
    (bytes, head)
}

/// All ratios, by turns.
fn ratios(_: &mut Criterion) {
    let (server, client) = both();
    for body in [0, 100_000] {
        let bytes = request(body);
        let whole = || serve(&mut Server::new(), black_box(&bytes));
        turns(
            &format!("scgi/server/request+{body}"),
            || strings(black_box(&bytes)),
            whole,
        );
        let (bytes, head) = answer(body);
        let whole = || fetch(&mut client.clone(), black_box(&bytes));
        turns(
            &format!("scgi/client/answer+{body}"),
            || lines(black_box(&bytes), head),
            whole,
        );
    }
    let bytes = request(0);
    let by_seven = || {
        let mut server = Server::new();
        bytes.chunks(7).for_each(|piece| serve(&mut server, piece));
    };
    let whole = || serve(&mut Server::new(), black_box(&bytes));
    turns("scgi/server/request, by 7 beside whole", whole, by_seven);
    let (mut room, mut other) = ([0; 2048], [0; 2048]);
    let floor = || copy_parts(vars(), b"\0", &mut other);
    turns("scgi/client/encode/request", floor, || open(&mut room));
    let floor = || copy_parts(headers(), b": ", &mut other);
    turns("scgi/server/encode/answer", floor, || {
        respond(&server, &mut room)
    });
}

fn heads(c: &mut Criterion) {
    let bytes = request(0);
    let mut to = vec![0; bytes.len()];
    let mut group = c.benchmark_group("scgi/server/head");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("floor", |b| b.iter(|| strings(black_box(&bytes))));
    group.bench_function("memcpy", |b| b.iter(|| copy(&bytes, &mut to)));
    for step in [bytes.len(), 1448, 16, 1] {
        group.bench_function(format!("machine-by-{step}"), |b| {
            b.iter(|| {
                let mut server = Server::new();
                let pieces = black_box(&bytes).chunks(step);
                pieces.for_each(|piece| serve(&mut server, piece));
            })
        });
    }
}

criterion_group!(benches, ratios, heads);
criterion_main!(benches);
