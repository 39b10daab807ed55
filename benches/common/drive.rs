//! The machines as the benches drive them: fed, and every slice black-boxed.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Throughput};
use vestibule::{Client, Id, Length, Next, Request, Response, Server};

use super::{ANSWER, copy, headers};

/// Feeds and black-boxes every slice, as the floors do.
#[inline(never)]
pub fn serve<S: Server>(server: &mut S, input: &[u8]) {
    serve_with(server, input, |_, _| {});
}

/// The same, with a call after each piece of a body.
#[inline(always)]
pub fn serve_with<S: Server>(server: &mut S, mut input: &[u8], mut then: impl FnMut(&mut S, Id)) {
    loop {
        match server.next(&mut input) {
            Ok(Next::Event(Request::Field { field, .. })) => {
                black_box(field.name);
                black_box(field.value);
            }
            Ok(Next::Event(Request::Body { id, bytes })) => {
                black_box(bytes);
                then(server, id);
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

/// As [`serve`], for the other side.
#[inline(never)]
pub fn fetch<C: Client>(client: &mut C, mut input: &[u8]) {
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

/// The head of an answer of eight fields, by a server that has been asked.
#[inline(never)]
pub fn respond<S: Server + Clone>(server: &S, room: &mut [u8]) {
    let mut server = server.clone();
    let fields = black_box(headers(&ANSWER));
    let frame = server.head(Id::SOLE, 200, fields, Length::Known(65_536), room);
    black_box(frame.unwrap().slices());
}

/// Both floors of reading `bytes`, and what the figures are by.
pub fn floors(group: &mut BenchmarkGroup<'_, WallTime>, bytes: &[u8], floor: impl Fn(&[u8])) {
    let mut to = vec![0; bytes.len()];
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("floor", |b| b.iter(|| floor(black_box(bytes))));
    group.bench_function("memcpy", |b| b.iter(|| copy(bytes, &mut to)));
}

/// `bytes` whole and in pieces, each time by a copy of `machine`.
pub fn by_steps<M: Clone>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    bytes: &[u8],
    machine: &M,
    feed: impl Fn(&mut M, &[u8]),
) {
    group.bench_function("machine", |b| {
        b.iter(|| feed(&mut machine.clone(), black_box(bytes)))
    });
    for step in [1, 7, 1448] {
        group.bench_function(format!("machine-by-{step}"), |b| {
            b.iter(|| {
                let mut machine = machine.clone();
                let pieces = black_box(bytes).chunks(step);
                pieces.for_each(|piece| feed(&mut machine, piece));
            })
        });
    }
}
