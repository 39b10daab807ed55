//! SCGI, both sides, each figure beside its floor: for the head of a request a
//! bytewise loop that only finds the ends of its strings, for that of an answer
//! one that finds line ends and colons, for what is written a copy of its parts.
//!
//! `cargo bench --bench scgi`; the ratio of `machine` to `floor` is the figure,
//! a time alone is not. The first lines have it, measured by turns.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vestibule::scgi::{Client, Rules, Server};
use vestibule::{Client as _, Length};

#[allow(dead_code)]
mod common;
use common::drive::{by_steps, fetch, floors, respond, serve};
use common::{ANSWER, VARS, answer_head, copy_parts, headers, lines, turns, vars};

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

/// The floor of answers: the lines of the head, then the rest.
fn text(input: &[u8], head: usize) {
    let (head, body) = input.split_at(head);
    lines(head);
    black_box(body);
}

#[inline(never)]
fn open(room: &mut [u8]) {
    let mut client = Client::new();
    let opened = client.open(black_box(vars()), Length::None, room);
    let (id, frame) = opened.unwrap();
    black_box((id, frame.slices()));
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
            || text(black_box(&bytes), head),
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
    let floor = || copy_parts(vars(), |f| [f.name, b"\0", f.value, b"\0"], &mut other);
    turns("scgi/client/encode/request", floor, || open(&mut room));
    let floor = || {
        copy_parts(
            headers(&ANSWER),
            |f| [f.name, b": ", f.value, b"\r\n"],
            &mut other,
        )
    };
    turns("scgi/server/encode/answer", floor, || {
        respond(&server, &mut room)
    });
}

fn heads(c: &mut Criterion) {
    let bytes = request(0);
    let mut group = c.benchmark_group("scgi/server/head");
    floors(&mut group, &bytes, strings);
    by_steps(&mut group, &bytes, &Server::new(), serve);
}

criterion_group!(benches, ratios, heads);
criterion_main!(benches);
