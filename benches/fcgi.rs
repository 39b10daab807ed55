//! FastCGI, both sides, each figure beside its floor.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vestibule::fcgi::{Server, Slot};
use vestibule::{Next, Receive, Request};

mod common;
use common::{copy, request, walk};

/// Feeds and black-boxes every slice, as the floor does.
fn take<S: AsRef<[Slot]> + AsMut<[Slot]>>(server: &mut Server<S>, mut input: &[u8]) {
    loop {
        match server.next(&mut input) {
            Ok(Next::Event(Request::Field { field, .. })) => {
                black_box(field.name);
                black_box(field.value);
            }
            Ok(Next::Event(Request::Body { bytes, .. })) => {
                black_box(bytes);
            }
            Ok(Next::Event(event)) => {
                black_box(&event);
            }
            other => {
                black_box(&other);
                return;
            }
        }
    }
}

fn decode(c: &mut Criterion) {
    for (name, body) in [("get", 0), ("post-100k", 100_000)] {
        let bytes = request(1, body);
        let mut to = vec![0; bytes.len()];
        let mut group = c.benchmark_group(format!("server/decode/{name}"));
        group.bench_function("floor", |b| b.iter(|| walk(black_box(&bytes))));
        group.bench_function("memcpy", |b| b.iter(|| copy(&bytes, &mut to)));
        group.bench_function("machine", |b| {
            b.iter(|| take(&mut Server::default(), black_box(&bytes)))
        });
        for step in [1, 7, 1448] {
            group.bench_function(format!("machine-by-{step}"), |b| {
                b.iter(|| {
                    let mut server = Server::default();
                    for chunk in black_box(&bytes).chunks(step) {
                        take(&mut server, chunk);
                    }
                })
            });
        }
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
