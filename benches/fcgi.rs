//! FastCGI, both sides, each figure beside its floor.
//!
//! `cargo bench --bench fcgi`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::fcgi::{Client, ClientSlot, Role, Server, Slot};
use vestibule::{Client as _, Id, Length, Server as _};

#[allow(dead_code)]
mod common;
use common::drive::{by_steps, fetch, floors, serve};
use common::{ANSWER, answer, copy, copy_vars, head, headers, record, request, vars, walk};

/// A GET, a POST of 100 kB, and both in small pieces.
fn decode(c: &mut Criterion) {
    for (name, body) in [("get", 0), ("post-100k", 100_000)] {
        let bytes = request(1, body);
        let mut group = c.benchmark_group(format!("server/decode/{name}"));
        floors(&mut group, &bytes, walk);
        by_steps(&mut group, &bytes, &Server::default(), serve);
    }
}

/// 64 requests whose records take turns; then one record among 1 and among
/// 256 requests that are all active.
fn interleaved(c: &mut Criterion) {
    let mut bytes = Vec::new();
    for id in 1..=64 {
        record(1, id, &[0, 1, 1, 0, 0, 0, 0, 0], &mut bytes);
    }
    for id in 1..=64 {
        record(4, id, &common::pairs(), &mut bytes);
    }
    for (kind, content) in [
        (4, &b""[..]),
        (5, &[b'x'; 1024]),
        (5, &[b'y'; 1024]),
        (5, b""),
    ] {
        for id in 1..=64 {
            record(kind, id, content, &mut bytes);
        }
    }
    let mut group = c.benchmark_group("server/decode/interleaved-64");
    floors(&mut group, &bytes, walk);
    group.bench_function("machine", |b| {
        b.iter(|| serve(&mut Server::new([Slot::EMPTY; 64]), black_box(&bytes)))
    });
    group.finish();

    let mut group = c.benchmark_group("server/record-among");
    for live in [1u16, 16, 256] {
        let mut server = Server::new(vec![Slot::EMPTY; usize::from(live)]);
        let mut begin = Vec::new();
        (1..=live).for_each(|id| head(id, &mut begin));
        serve(&mut server, &begin);
        let mut bytes = Vec::new();
        for i in 0..256 {
            record(5, i % live + 1, b"12345678", &mut bytes);
        }
        group.throughput(Throughput::Elements(256));
        group.bench_function(format!("{live}"), |b| {
            b.iter(|| serve(&mut server, black_box(&bytes)))
        });
    }
}

/// An answer of 8 header fields and 64 kB.
fn decode_answer(c: &mut Criterion) {
    let bytes = answer(1, 65_536);
    let mut group = c.benchmark_group("client/decode/answer-64k");
    floors(&mut group, &bytes, walk);
    let mut room = [0; 2048];
    let mut client = Client::new([ClientSlot::default(); 1]);
    let opened = client.begin(Role::Responder, true, vars(), Length::None, &mut room);
    assert!(opened.is_ok());
    by_steps(&mut group, &bytes, &client, fetch);
}

fn encode(c: &mut Criterion) {
    let mut room = [0; 2048];
    let mut group = c.benchmark_group("client/encode/get");
    group.bench_function("floor", |b| b.iter(|| copy_vars(&mut room)));
    group.bench_function("machine", |b| {
        b.iter(|| {
            let mut client = Client::new([ClientSlot::default(); 1]);
            let (id, frame) = client
                .begin(Role::Responder, true, vars(), Length::None, &mut room)
                .unwrap();
            black_box((id, frame.slices()));
        })
    });
    group.finish();

    let mut begun = Client::new([ClientSlot::default(); 1]);
    let (id, _) = begun.open(vars(), Length::Unknown, &mut room).unwrap();
    let body = vec![b'x'; 100_000];
    let mut group = c.benchmark_group("client/encode/body-100k");
    let mut to = vec![0; body.len()];
    group.bench_function("memcpy", |b| b.iter(|| copy(&body, &mut to)));
    group.bench_function("machine", |b| {
        b.iter(|| {
            let mut payload = black_box(&body[..]);
            while !payload.is_empty() {
                black_box(begun.body(id, &mut payload).unwrap().slices());
            }
        })
    });
    group.finish();

    let mut begin = Vec::new();
    head(1, &mut begin);
    record(5, 1, b"", &mut begin);
    let mut server = Server::default();
    serve(&mut server, &begin);
    let text = common::answer_head();
    let mut group = c.benchmark_group("server/encode/answer-64k");
    group.bench_function("floor", |b| b.iter(|| copy(text.as_bytes(), &mut room)));
    group.bench_function("machine", |b| {
        b.iter(|| {
            let mut server = server;
            let (fields, length) = (headers(&ANSWER), Length::Known(65_536));
            let frame = server.head(Id::SOLE, 200, fields, length, &mut room);
            black_box(frame.unwrap().slices());
            let mut payload = black_box(&body[..65_536]);
            while !payload.is_empty() {
                black_box(server.body(Id::SOLE, &mut payload).unwrap().slices());
            }
            black_box(server.end(Id::SOLE, 0).unwrap().slices());
        })
    });
}

criterion_group!(benches, decode, interleaved, decode_answer, encode);
criterion_main!(benches);
