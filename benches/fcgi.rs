//! FastCGI, both sides, each figure beside its floor.
//!
//! `cargo bench --bench fcgi`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::fcgi::{Client, ClientSlot, Role, Server, Slot};
use vestibule::{Client as _, Field, Id, Length, Next, Receive, Request, Response, Server as _};

#[allow(dead_code)]
mod common;
use common::{VARS, answer, copy, copy_vars, head, record, request, walk};

/// Feeds and black-boxes every slice, as the floor does.
#[inline(never)]
fn serve<S: AsRef<[Slot]> + AsMut<[Slot]>>(server: &mut Server<S>, mut input: &[u8]) {
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
            Ok(Next::Event(
                Request::Begin { id }
                | Request::BodyEnd { id }
                | Request::Fault { id, .. }
                | Request::Abort { id },
            )) => {
                black_box(id);
            }
            Ok(Next::Event(Request::Ext(_))) => {}
            Ok(Next::NeedInput | Next::Paused) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The same for the other side.
#[inline(never)]
fn fetch<S: AsRef<[ClientSlot]> + AsMut<[ClientSlot]>>(client: &mut Client<S>, mut input: &[u8]) {
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
            Ok(Next::Event(Response::Done { id, ending, .. })) => {
                black_box((id, ending));
            }
            Ok(Next::Event(_)) => {}
            Ok(Next::NeedInput | Next::Paused) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

fn fields() -> impl Iterator<Item = Field<'static>> + Clone {
    VARS.iter()
        .map(|(name, value)| Field::var(name.as_bytes(), value.as_bytes()))
}

fn floors(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    bytes: &[u8],
) {
    let mut to = vec![0; bytes.len()];
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("floor", |b| b.iter(|| walk(black_box(bytes))));
    group.bench_function("memcpy", |b| b.iter(|| copy(bytes, &mut to)));
}

/// A GET, a POST of 100 kB, and both in small pieces.
fn decode(c: &mut Criterion) {
    for (name, body) in [("get", 0), ("post-100k", 100_000)] {
        let bytes = request(1, body);
        let mut group = c.benchmark_group(format!("server/decode/{name}"));
        floors(&mut group, &bytes);
        group.bench_function("machine", |b| {
            b.iter(|| serve(&mut Server::default(), black_box(&bytes)))
        });
        for step in [1, 7, 1448] {
            group.bench_function(format!("machine-by-{step}"), |b| {
                b.iter(|| {
                    let mut server = Server::default();
                    for chunk in black_box(&bytes).chunks(step) {
                        serve(&mut server, chunk);
                    }
                })
            });
        }
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
    floors(&mut group, &bytes);
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
    floors(&mut group, &bytes);
    let mut room = [0; 2048];
    let mut client = Client::new([ClientSlot::default(); 1]);
    let opened = client.begin(Role::Responder, true, fields(), Length::None, &mut room);
    assert!(opened.is_ok());
    group.bench_function("machine", |b| {
        b.iter(|| fetch(&mut client.clone(), black_box(&bytes)))
    });
    for step in [1, 7, 1448] {
        group.bench_function(format!("machine-by-{step}"), |b| {
            b.iter(|| {
                let mut client = client.clone();
                for chunk in black_box(&bytes).chunks(step) {
                    fetch(&mut client, chunk);
                }
            })
        });
    }
}

fn encode(c: &mut Criterion) {
    let mut room = [0; 2048];
    let mut group = c.benchmark_group("client/encode/get");
    group.bench_function("floor", |b| b.iter(|| copy_vars(&mut room)));
    group.bench_function("machine", |b| {
        b.iter(|| {
            let mut client = Client::new([ClientSlot::default(); 1]);
            let (id, frame) = client
                .begin(Role::Responder, true, fields(), Length::None, &mut room)
                .unwrap();
            black_box((id, frame.slices()));
        })
    });
    group.finish();

    let mut begun = Client::new([ClientSlot::default(); 1]);
    let (id, _) = begun.open(fields(), Length::Unknown, &mut room).unwrap();
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
            let fields = common::ANSWER
                .iter()
                .map(|(n, v)| Field::header(n.as_bytes(), v.as_bytes()));
            let frame = server
                .head(Id::SOLE, 200, fields, Length::Known(65_536), &mut room)
                .unwrap();
            black_box(frame.slices());
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
