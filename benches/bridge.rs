//! The bridge between HTTP and FastCGI, beside the same machines driven by
//! hand: the difference is what the bridge costs.
//!
//! `cargo bench --bench bridge`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vestibule::bridge::{Back, Bridge, Exchange, Feed, Rooms, Step};
use vestibule::{Client, Fields, Frame, Next, Request, Response, Server, fcgi, http1};

#[allow(dead_code)]
mod common;

/// What a browser sends: 9 fields.
const BROWSER: &str = "GET /index.php?x=1&y=%C5%A1&empty= HTTP/1.1\r\n\
    Host: www.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n\
    Upgrade-Insecure-Requests: 1\r\n\
    Priority: u=0, i\r\n\r\n";

type Store = Fields<[u8; 2048]>;

/// Where frames go.
#[inline(always)]
fn write(frame: Frame<'_>) {
    black_box(frame.slices());
}

/// What both ways of driving need, made once.
struct Kit<V, K> {
    server: V,
    client: K,
    front: Vec<u8>,
    back: Vec<u8>,
    to_front: Vec<u8>,
    to_back: Vec<u8>,
}

impl<V: Server, K: Client> Kit<V, K> {
    fn new(server: V, client: K, front: &[u8], back: &[u8]) -> Self {
        Kit {
            server,
            client,
            front: front.to_vec(),
            back: back.to_vec(),
            to_front: vec![0; 4096],
            to_back: vec![0; 4096],
        }
    }
}

/// The request to its end, then the answer, by hand: every byte copied and
/// encoded that the bridge copies and encodes.
#[inline(never)]
fn by_hand<V: Server, K: Client>(kit: &mut Kit<V, K>, fields: &mut [Store; 2]) {
    let [request, answer] = fields;
    request.clear();
    answer.clear();
    let (server, client) = (&mut kit.server, &mut kit.client);
    let mut input = black_box(&kit.front[..]);
    let (mut ours, mut theirs) = (None, None);
    while let Ok(Next::Event(event)) = server.next(&mut input) {
        match event {
            Request::Begin { id } => ours = Some(id),
            Request::Field { field, .. } => drop(request.push(field)),
            Request::HeadEnd { length, .. } => {
                let room = &mut kit.to_back[..];
                if let Ok((id, frame)) = client.open(request.iter(), length, room) {
                    theirs = Some(id);
                    write(frame);
                }
            }
            Request::Body { mut bytes, .. } => {
                while let (Some(id), false) = (theirs, bytes.is_empty()) {
                    client.body(id, &mut bytes).into_iter().for_each(write);
                }
            }
            Request::BodyEnd { .. } => {
                if let Some(id) = theirs {
                    let room = &mut kit.to_back[..];
                    client.body_end(id, [], room).into_iter().for_each(write);
                }
            }
            _ => {}
        }
    }
    let Some(id) = ours else { return };
    let mut input = black_box(&kit.back[..]);
    while let Ok(Next::Event(event)) = client.next(&mut input) {
        match event {
            Response::Field { field, .. } => drop(answer.push(field)),
            Response::HeadEnd { status, length, .. } => {
                let room = &mut kit.to_front[..];
                let fields = answer.iter().filter(|f| f.name.len() != 6);
                let head = server.head(id, status, fields, length, room);
                head.into_iter().for_each(write);
            }
            Response::Body { mut bytes, .. } => {
                while !bytes.is_empty() {
                    server.body(id, &mut bytes).into_iter().for_each(write);
                }
            }
            Response::Done { .. } => {
                let room = &mut kit.to_front[..];
                server.finish(id, [], room).into_iter().for_each(write);
            }
            _ => {}
        }
    }
}

type Bridging = Bridge<[u8; 2048], [Exchange<[u8; 2048]>; 1]>;

fn bridge() -> Bridging {
    let store = || Fields::new([0; 2048]);
    Bridge::new([Exchange::new(store(), store())])
}

#[inline(never)]
fn bridged<V: Server, K: Client>(
    kit: &mut Kit<V, K>,
    bridge: &mut Bridging,
    backs: &mut [Option<Back<K>>],
) -> usize {
    let mut front = black_box(&kit.front[..]);
    let mut back = black_box(&kit.back[..]);
    let mut over = 0;
    // As a driver does that waits for input of either side.
    for answer in [false, true] {
        loop {
            let rooms = Rooms {
                to_front: Some(&mut kit.to_front),
                to_back: Some(&mut kit.to_back),
            };
            let (input, behind) = match answer {
                false => (Feed::Bytes(&mut front), None),
                true => (Feed::Nothing, Some((0, Feed::Bytes(&mut back)))),
            };
            match bridge.step(&mut kit.server, input, backs, behind, rooms) {
                Step::ToFront(frame, _) | Step::ToBack(_, frame, _) => write(frame),
                Step::Head(place) => bridge.forward(place),
                Step::Over(_) => over += 1,
                Step::Connect(_) | Step::Log(..) | Step::Again => {}
                Step::Wait => break,
            }
        }
    }
    over
}

fn pair<V: Server + Clone, K: Client + Clone>(
    c: &mut Criterion,
    name: &str,
    mut kit: Kit<V, K>,
    chunks: u64,
) {
    let mut group = c.benchmark_group(format!("bridge/{name}"));
    if chunks > 0 {
        group.throughput(Throughput::Elements(chunks));
    }
    let mut fields = [Fields::new([0; 2048]), Fields::new([0; 2048])];
    group.bench_function("by-hand", |b| b.iter(|| by_hand(&mut kit, &mut fields)));
    let mut bridge = bridge();
    let mut backs = [Some(Back::new(kit.client.clone()))];
    assert_eq!(bridged(&mut kit, &mut bridge, &mut backs), 1);
    group.bench_function("bridge", |b| {
        b.iter(|| bridged(&mut kit, &mut bridge, &mut backs))
    });
}

fn http_fcgi(body: usize) -> Kit<http1::Server, fcgi::Client> {
    let answer = common::answer(1, body);
    Kit::new(
        http1::Server::new(),
        fcgi::Client::default(),
        BROWSER.as_bytes(),
        &answer,
    )
}

/// A GET, and its answer of 8 fields without a body.
fn get(c: &mut Criterion) {
    pair(c, "http-fcgi/get", http_fcgi(0), 0);
    let mut request = Vec::new();
    common::head(1, &mut request);
    common::record(5, 1, b"", &mut request);
    let answer = common::answer_http();
    let (server, client) = (fcgi::Server::default(), http1::Client::new());
    let kit = Kit::new(server, client, &request, answer.as_bytes());
    pair(c, "fcgi-http/get", kit, 0);
}

/// 64 pieces of a body: each a record behind and a chunk in front.
fn pieces(c: &mut Criterion) {
    pair(c, "http-fcgi/64-pieces", http_fcgi(64 * 32_768), 64);
}

criterion_group!(benches, get, pieces);
criterion_main!(benches);
