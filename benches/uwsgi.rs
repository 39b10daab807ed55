//! uwsgi, both sides, each figure beside its floor.
//!
//! `cargo bench --bench uwsgi`; the ratio of `machine` to `floor` is the
//! figure, a time alone is not.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::uwsgi::{Client, Server};
use vestibule::{Client as _, Id, Length, Server as _};

#[allow(dead_code)]
mod common;
use common::drive::{by_steps, fetch, floors, serve};
use common::{ANSWER, VARS, copy, copy_vars, headers, turns, vars};

/// A GET or POST as nginx sends it.
fn request(body: usize) -> Vec<u8> {
    let length = body.to_string();
    let mut block = Vec::new();
    for (name, value) in VARS {
        let value = match name {
            "CONTENT_LENGTH" if body > 0 => &length,
            "REQUEST_METHOD" if body > 0 => "POST",
            _ => value,
        };
        for text in [name, value] {
            block.extend((text.len() as u16).to_le_bytes());
            block.extend(text.bytes());
        }
    }
    let [low, high] = (block.len() as u16).to_le_bytes();
    let mut all = vec![0, low, high, 0];
    all.extend(block);
    all.extend(vec![b'x'; body]);
    all
}

/// The floor of decoding: walks the variables, black-boxes each slice, keeps no
/// state and checks only what keeps it inside the input.
#[inline(never)]
fn walk(input: &[u8]) {
    let Some(([_, low, high, _], rest)) = input.split_first_chunk() else {
        return;
    };
    let size = usize::from(u16::from_le_bytes([*low, *high]));
    let Some((mut block, body)) = rest.split_at_checked(size) else {
        return;
    };
    while let [a, b, rest @ ..] = block {
        let n = usize::from(u16::from_le_bytes([*a, *b]));
        let Some((name, [a, b, rest @ ..])) = rest.split_at_checked(n) else {
            return;
        };
        let n = usize::from(u16::from_le_bytes([*a, *b]));
        let Some((value, rest)) = rest.split_at_checked(n) else {
            return;
        };
        black_box(name);
        black_box(value);
        block = rest;
    }
    black_box(body);
}

/// A GET, a POST of 100 kB, and both in small pieces.
fn decode(c: &mut Criterion) {
    for (name, body) in [("get", 0), ("post-100k", 100_000)] {
        let bytes = request(body);
        turns(
            &format!("server/decode/{name}"),
            || walk(black_box(&bytes)),
            || serve(&mut Server::new(), black_box(&bytes)),
        );
        let mut group = c.benchmark_group(format!("server/decode/{name}"));
        floors(&mut group, &bytes, walk);
        by_steps(&mut group, &bytes, &Server::new(), serve);
    }
}

/// An answer of 8 header fields and 64 kB.
fn decode_answer(c: &mut Criterion) {
    let head = common::answer_head().replacen("Status:", "HTTP/1.1", 1);
    let bytes = [head.as_bytes(), &[b'x'; 65_536]].concat();
    let mut client = Client::new();
    let mut room = [0; 2048];
    let opened = client.open(vars(), Length::None, &mut room);
    assert!(opened.is_ok());
    let mut to = vec![0; bytes.len()];
    let mut group = c.benchmark_group("client/decode/answer-64k");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("memcpy", |b| b.iter(|| copy(&bytes, &mut to)));
    by_steps(&mut group, &bytes, &client, fetch);
}

fn encode(c: &mut Criterion) {
    let (mut room, mut other) = ([0; 2048], [0; 2048]);
    let open = |room: &mut [u8]| {
        let (id, frame) = Client::new().open(vars(), Length::None, room).unwrap();
        black_box((id, frame.slices()));
    };
    let floor = || copy_vars(&mut other);
    turns("client/encode/get", floor, || open(&mut room));
    let mut group = c.benchmark_group("client/encode/get");
    group.bench_function("floor", |b| b.iter(|| copy_vars(&mut room)));
    group.bench_function("machine", |b| b.iter(|| open(&mut room)));
    group.finish();

    let mut server = Server::new();
    serve(&mut server, &request(0));
    let text = common::answer_head();
    let body = vec![b'x'; 65_536];
    let answer = |room: &mut [u8]| {
        let mut server = server;
        let length = Length::Known(65_536);
        let frame = server.head(Id::SOLE, 200, headers(&ANSWER), length, room);
        black_box(frame.unwrap().slices());
        let mut payload = black_box(&body[..]);
        black_box(server.body(Id::SOLE, &mut payload).unwrap().slices());
        black_box(server.finish(Id::SOLE, [], &mut []).unwrap().slices());
    };
    let floor = || copy(text.as_bytes(), &mut other);
    turns("server/encode/answer-64k", floor, || answer(&mut room));
    let mut group = c.benchmark_group("server/encode/answer-64k");
    group.bench_function("floor", |b| b.iter(|| copy(text.as_bytes(), &mut room)));
    group.bench_function("machine", |b| b.iter(|| answer(&mut room)));
}

criterion_group!(benches, decode, decode_answer, encode);
criterion_main!(benches);
