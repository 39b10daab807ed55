//! No machine allocates. That the crate has no `extern crate alloc` says it at
//! compile time; here it is counted.
//!
//! The allocator below is the one place in the tests with unsafe code: the
//! trait asks for it, and it only passes on and counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use vestibule::access_log::{Format, Record};
use vestibule::cgi::response::{Parser, Rules};
use vestibule::forwarded::{Header, Policy, Scheme};
use vestibule::{
    Client, Error, Field, Fields, Frame, Id, Length, Net, Next, Receive, Request, Response, Server,
    ajp, fcgi, http1, proxy_protocol,
};

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: each call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|c| c.set(c.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// A wire of fixed size.
struct Pipe {
    bytes: [u8; 8192],
    len: usize,
}

impl Pipe {
    fn put(&mut self, mut frame: Frame<'_>) {
        self.len += frame.copy_to(&mut self.bytes[self.len..]);
        assert!(frame.is_empty());
    }

    /// What was put there, cut.
    fn pieces(&self, step: usize) -> impl Iterator<Item = &[u8]> {
        self.bytes[..self.len].chunks(step)
    }
}

fn pipe() -> Pipe {
    Pipe {
        bytes: [0; 8192],
        len: 0,
    }
}

/// Work with input in pieces of several sizes.
fn at_each_step(work: impl Fn(usize)) {
    for step in [1, 7, 8192] {
        assert_eq!(allocations(|| work(step)), 0);
    }
}

/// The head of an answer and its body of two bytes.
fn answer<V: Server>(server: &mut V, id: Id, length: Length, down: &mut Pipe) {
    let mut room = [0; 512];
    let fields = [Field::header(b"Content-Type", b"a/b")];
    let head = server.head(id, 200, fields, length, &mut room);
    down.put(head.unwrap());
    down.put(server.body(id, &mut &b"ok"[..]).unwrap());
}

/// Nothing is open on either side.
fn both_idle(client: &mut impl Client, server: &mut impl Server) {
    assert!(matches!(client.eof(), Ok(Next::NeedInput)));
    assert!(matches!(server.eof(), Ok(Next::NeedInput)));
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_request_and_its_answer_without_an_allocation() {
    at_each_step(exchange);
}

fn exchange(step: usize) {
    let mut client = fcgi::Client::new([fcgi::ClientSlot::EMPTY; 2]);
    let mut server = fcgi::Server::new([fcgi::Slot::EMPTY; 2]);
    let (mut up, mut down) = (pipe(), pipe());
    let mut room = [0; 512];
    let fields = [
        Field::var(b"REQUEST_METHOD", b"POST"),
        Field::var(b"SCRIPT_NAME", b"/a"),
    ];
    let (id, frame) = client.open(fields, Length::Known(4), &mut room).unwrap();
    up.put(frame);
    let mut payload = &b"body"[..];
    up.put(client.body(id, &mut payload).unwrap());
    up.put(client.body_end(id).unwrap());
    up.put(fcgi::Client::default().values().unwrap());
    let (second, frame) = client.open(fields, Length::Unknown, &mut room).unwrap();
    up.put(frame);
    up.put(client.abort(second).unwrap());

    let mut vars = Fields::new([0; 256]);
    for chunk in up.pieces(step) {
        let mut cursor = chunk;
        while let Next::Event(event) = server.next(&mut cursor).unwrap() {
            match event {
                Request::Field { field, .. } => vars.push(field).unwrap(),
                Request::HeadEnd { .. } => vars.clear(),
                Request::BodyEnd { id } => {
                    answer(&mut server, id, Length::Known(2), &mut down);
                    down.put(server.stderr(id, &mut &b"log"[..]).unwrap());
                    down.put(server.finish(id, [], &mut room).unwrap());
                }
                Request::Abort { id } => {
                    down.put(server.fail(id, Error::Internal, &mut room).unwrap());
                }
                Request::Ext(ext) => down.put(server.default_reply(ext)),
                _ => {}
            }
        }
    }
    let mut done = 0;
    for chunk in down.pieces(step) {
        let mut cursor = chunk;
        while let Next::Event(event) = client.next(&mut cursor).unwrap() {
            done += usize::from(matches!(event, Response::Done { .. }));
        }
    }
    assert_eq!(done, 2);
    both_idle(&mut client, &mut server);
}

#[test]
fn the_same_over_http() {
    at_each_step(http_exchange);
}

fn http_exchange(step: usize) {
    let (mut client, mut server) = (http1::Client::new(), http1::Server::new());
    let (mut up, mut down) = (pipe(), pipe());
    let mut room = [0; 512];
    let fields = [
        Field::var(b"REQUEST_METHOD", b"POST"),
        Field::var(b"REQUEST_URI", b"http://h/a"),
        Field::var(b"HTTP_HOST", b"h"),
        Field::header(b"X-A", b" b"),
    ];
    let trailer = [Field::trailer(b"Sum", b"1")];
    let (id, frame) = client.open(fields, Length::Unknown, &mut room).unwrap();
    up.put(frame);
    let mut payload = &b"body"[..];
    up.put(client.body(id, &mut payload).unwrap());
    up.put(client.body_end(id, trailer, &mut room).unwrap());

    let mut head = Fields::new([0; 256]);
    for chunk in up.pieces(step) {
        let mut cursor = chunk;
        while let Next::Event(event) = server.next(&mut cursor).unwrap() {
            match event {
                Request::Field { field, .. } => head.push(field).unwrap(),
                Request::HeadEnd { id, .. } => {
                    down.put(server.demand(id, 1).unwrap());
                    down.put(server.interim(id, 103, [], &mut room).unwrap());
                }
                Request::BodyEnd { id } => {
                    answer(&mut server, id, Length::Unknown, &mut down);
                    down.put(server.finish(id, trailer, &mut room).unwrap());
                }
                _ => {}
            }
        }
    }
    let mut done = 0;
    for chunk in down.pieces(step) {
        let mut cursor = chunk;
        while let Next::Event(event) = client.next(&mut cursor).unwrap() {
            done += usize::from(matches!(event, Response::Done { reuse: true, .. }));
        }
    }
    assert_eq!(done, 1);
    both_idle(&mut client, &mut server);
}

#[test]
fn the_same_over_protocols_of_one_request() {
    use vestibule::{cgi, scgi, uwsgi};
    at_each_step(|step| one_request(scgi::Client::new(), scgi::Server::new(), step));
    at_each_step(|step| one_request(uwsgi::Client::new(), uwsgi::Server::new(), step));
    at_each_step(|step| one_request(cgi::Client::new(), cgi::Server::new(), step));
}

fn one_request<K: Client, V: Server>(mut client: K, mut server: V, step: usize) {
    let (mut up, mut down) = (pipe(), pipe());
    let mut room = [0; 512];
    let fields = [
        Field::var(b"REQUEST_METHOD", b"POST"),
        Field::var(b"HTTP_A", b"1"),
        Field::var(b"HTTP_A", b"2"),
        Field::header(b"X-A", b" b"),
    ];
    let (id, frame) = client.open(fields, Length::Known(4), &mut room).unwrap();
    up.put(frame);
    up.put(client.body(id, &mut &b"body"[..]).unwrap());
    up.put(client.body_end(id, [], &mut room).unwrap());
    let mut vars = Fields::new([0; 256]);
    for chunk in up.pieces(step) {
        let mut cursor = chunk;
        while let Next::Event(event) = server.next(&mut cursor).unwrap() {
            match event {
                Request::Field { field, .. } => vars.push(field).unwrap(),
                Request::BodyEnd { id } => {
                    answer(&mut server, id, Length::Unknown, &mut down);
                    down.put(server.finish(id, [], &mut room).unwrap());
                }
                _ => {}
            }
        }
    }
    assert_eq!(vars.get(b"HTTP_A"), Some(&b"1, 2"[..]));
    let mut done = 0;
    for chunk in down.pieces(step) {
        let mut cursor = chunk;
        while let Next::Event(_) = client.next(&mut cursor).unwrap() {}
    }
    while let Next::Event(event) = client.eof().unwrap() {
        done += usize::from(matches!(event, Response::Done { .. }));
    }
    assert_eq!(done, 1);
    assert!(matches!(server.eof(), Ok(Next::NeedInput)));
}

#[test]
fn the_same_of_an_ajp_server() {
    at_each_step(ajp_requests);
}

/// A request with a secret and a body that is asked for, a ping, and one that
/// is refused.
fn ajp_requests(step: usize) {
    let head = b"\x12\x34\0\x55\x02\x04\0\x08HTTP/1.1\0\0\x02/a\0\xff\xff\xff\xff\0\x01h\0\x1f\x49\x01\
        \0\x03\xa0\x0b\0\x01h\0\0\x03x-a\0\0\x02 b\0\xa0\x08\0\x015\0\x0c\0\x01s\0\x0a\0\x0eAJP_LOCAL_ADDR\0\0\x01x\0\
        \x0b\0\x38\xff";
    let rest =
        b"\x12\x34\0\x04\0\x02ab\x12\x34\0\x05\0\x03cde\x12\x34\0\x01\x0a\x12\x34\0\x02\x02\0";
    let mut server = vestibule::ajp::Server::new(vestibule::ajp::ServerRules::STRICT.secret(b"s"));
    let mut down = pipe();
    let mut room = [0; 256];
    let mut seen = 0;
    for chunk in [&head[..], rest].into_iter().flat_map(|b| b.chunks(step)) {
        let mut cursor = chunk;
        while let Next::Event(event) = server.next(&mut cursor).unwrap() {
            match event {
                Request::HeadEnd { id, .. } | Request::Body { id, .. } => {
                    down.put(server.demand(id, 9).unwrap());
                }
                Request::BodyEnd { id } => {
                    seen += 1;
                    answer(&mut server, id, Length::Unknown, &mut down);
                    down.put(server.flush(id).unwrap());
                    down.put(server.finish(id, [], &mut room).unwrap());
                }
                Request::Fault { id, error } => {
                    seen += 10;
                    assert_eq!(error, Error::MethodCode(0));
                    down.put(server.fail(id, error, &mut room).unwrap());
                }
                Request::Ext(ext) => {
                    seen += 100;
                    down.put(server.default_reply(ext));
                }
                _ => {}
            }
        }
    }
    assert_eq!(seen, 111);
    assert!(down.bytes[..down.len].ends_with(b"AB\0\x02\x05\0"));
}

#[test]
fn the_same_over_ajp() {
    at_each_step(ajp_exchange);
}

fn ajp_exchange(step: usize) {
    let secret = &b"s3cret"[..];
    let mut client = ajp::Client::with_secret(secret);
    let mut server = ajp::Server::new(ajp::ServerRules::STRICT.secret(secret));
    let mut room = [0; 512];
    let fields = [
        Field::var(b"REQUEST_METHOD", b"PATCH"),
        Field::var(b"REQUEST_URI", b"/a?b=c"),
        Field::var(b"HTTP_HOST", b"h"),
        Field::header(b"X-A", b" b"),
    ];
    let mut done = 0;
    for length in [Length::None, Length::Known(4), Length::Unknown] {
        let (mut up, mut down) = (pipe(), pipe());
        up.put(client.cping().unwrap());
        let (mut sent, mut read) = (0, 0);
        let mut payload = &b"body"[..];
        let mut head = Fields::new([0; 256]);
        let before = done;
        while done == before {
            for chunk in up.bytes[sent..up.len].chunks(step) {
                let mut cursor = chunk;
                while let Next::Event(event) = server.next(&mut cursor).unwrap() {
                    match event {
                        Request::Field { field, .. } => head.push(field).unwrap(),
                        Request::HeadEnd { id, .. } => down.put(server.demand(id, 1).unwrap()),
                        Request::Body { id, .. } => down.put(server.demand(id, 3).unwrap()),
                        Request::BodyEnd { id } => {
                            answer(&mut server, id, Length::Unknown, &mut down);
                            down.put(server.flush(id).unwrap());
                            down.put(server.finish(id, [], &mut room).unwrap());
                        }
                        Request::Ext(ext) => down.put(server.default_reply(ext)),
                        _ => {}
                    }
                }
            }
            sent = up.len;
            for chunk in down.bytes[read..down.len].chunks(step) {
                let mut cursor = chunk;
                while let Next::Event(event) = client.next(&mut cursor).unwrap() {
                    match event {
                        Response::Ext(ajp::ClientExt::Cpong) => {
                            up.put(client.open(fields, length, &mut room).unwrap().1);
                        }
                        Response::Done { reuse: true, .. } => done += 1,
                        _ => {}
                    }
                }
            }
            read = down.len;
            if client.credit(Id::SOLE) > 0 {
                up.put(match payload {
                    [] => client.body_end(Id::SOLE, [], &mut []).unwrap(),
                    _ => client.body(Id::SOLE, &mut payload).unwrap(),
                });
            }
        }
    }
    assert_eq!(done, 3);
    both_idle(&mut client, &mut server);
}

#[test]
fn errors_without_an_allocation() {
    let work = || {
        let mut room = [0; 128];
        let mut server = http1::Server::default();
        let mut cursor = &b"GET / HTTP/1.1\r\n\r\n"[..];
        let error = loop {
            match server.next(&mut cursor) {
                Ok(event) => assert!(event.event().is_some()),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Error::Host);
        assert!(server.fail(Id::SOLE, error, &mut room).is_ok());
        let mut client = http1::Client::default();
        assert!(client.next(&mut &b"HTTP/1.1 200 OK"[..]).is_err());
        let mut server = fcgi::Server::default();
        assert!(server.next(&mut &[9; 16][..]).is_err());
        assert!(server.fail(Id::SOLE, Error::BadPair, &mut []).is_err());
        let mut server = vestibule::cgi::Server::new();
        assert!(server.next(&mut &b"="[..]).is_ok());
        assert!(server.next(&mut &b"="[..]).is_err());
        let error = Error::BadVariable;
        assert!(server.fail(Id::SOLE, error, &mut room).is_ok());
        let mut server = vestibule::scgi::Server::new();
        assert!(server.next(&mut &b"x"[..]).is_ok());
        assert!(server.next(&mut &b"x"[..]).is_err());
        assert!(server.fail(Id::SOLE, Error::Netstring, &mut room).is_ok());
        let mut parser = Parser::new(Rules::STRICT, false);
        let mut cursor = &b"X: 1\n\nhi"[..];
        while let Ok(Next::Event(_)) = parser.next(&mut cursor) {}
        while let Ok(Next::Event(_)) = parser.eof() {}
        let mut parser = Parser::new(Rules::STRICT, false);
        assert!(parser.next(&mut &b"hello\n"[..]).is_err());
    };
    assert_eq!(allocations(work), 0);
}

#[test]
fn a_proxy_header_without_an_allocation() {
    use proxy_protocol::{Event, Header, Part, Ssl, What, encode, kind};
    let [from, to] = ["192.0.2.1:4000", "192.0.2.2:443"].map(|at| at.parse().unwrap());
    let header = Header {
        ssl: Some(Ssl {
            client: Ssl::TLS,
            verify: 0,
        }),
        crc32c: true,
        ..Header::tcp(from, to).unwrap()
    };
    let work = || {
        let parts = [Part::new(What::Tlv(kind::AUTHORITY), b"example.com")];
        let mut room = [0; 256];
        let v2 = encode::v2(&header, parts, &mut room).unwrap();
        let v1 = encode::v1(&header.addresses, &mut room[v2..]).unwrap();
        let lines = room[..v2 + v1].split_at(v2);
        for (bytes, step) in [(lines.0, 1), (lines.0, 64), (lines.1, 1), (lines.1, 64)] {
            let mut parser = proxy_protocol::Parser::default();
            let mut ends = None;
            for chunk in bytes.chunks(step) {
                let mut cursor = chunk;
                while let Next::Event(event) = parser.next(&mut cursor).unwrap() {
                    if let Event::Header(header) = event {
                        ends = header.addresses.source();
                    }
                }
            }
            assert_eq!(ends, Some(from));
        }
        let mut parser = proxy_protocol::Parser::default();
        assert!(parser.next(&mut &b"GET"[..]).is_err());
    };
    assert_eq!(allocations(work), 0);
}

#[test]
fn who_is_believed_and_the_line_of_it_without_an_allocation() {
    let peer = "127.0.0.1:4000".parse().unwrap();
    let work = || {
        let nets = ["127.0.0.1".parse::<Net>().unwrap()];
        let policy = Header::ALL
            .into_iter()
            .fold(Policy::trusting(&nets), Policy::believe);
        let fields = [
            Field::header(b"X-Forwarded-For", b"192.0.2.1, 127.0.0.1"),
            Field::header(
                b"Forwarded",
                b"for=192.0.2.1;proto=https;x=\"\\\"\", for=127.0.0.1",
            ),
            Field::var(b"HTTP_X_FORWARDED_SSL", b"on"),
            Field::header(b"Authorization", b"Basic ZGVtbzp4"),
        ];
        let origin = policy.origin(Some(peer), fields).unwrap();
        assert_eq!(origin.scheme, Some(Scheme::Https));
        assert!(
            policy
                .origin(Some(peer), [Field::header(b"Forwarded", b"\"")])
                .is_ok()
        );
        let format = Format::parse("%(u)s %(t)s \"%({Forwarded}i)s\" %({X}o)s %(L)s").unwrap();
        let record = Record {
            request: fields,
            answer: [Field::header(b"x", b"\r\n")],
            status: Some(200),
            bytes: None,
            time: u64::MAX,
            offset: -1,
            micros: 1,
            pid: Some(1),
        };
        let mut room = [0; 256];
        let n = format.encode(&record, &mut room).unwrap();
        assert!(room[..n].starts_with(b"demo ["));
        assert!(format.encode(&record, &mut room[..9]).is_err());
        assert!(Format::parse("%(").is_err());
    };
    assert_eq!(allocations(work), 0);
}

#[test]
fn a_bridge_without_an_allocation() {
    use vestibule::bridge::{Back, Bridge, End, Exchange, Feed, Rooms, Step};
    let post = b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: X\r\nX: 1\r\nTE: trailers\r\n\
        Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nSum: 1\r\n\r\n";
    let answer = b"\x01\x07\0\x01\0\x03\0\0log\x01\x06\0\x01\0\x0a\0\0A: b\r\n\r\nok\
        \x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
    let work = || {
        let store = || Fields::new([0; 512]);
        let mut bridge = Bridge::new([Exchange::new(store(), store())]);
        bridge.set_date(*b"Sun, 06 Nov 1994 08:49:37 GMT");
        let mut server = vestibule::http1::Server::new();
        let mut backs = [None];
        let (mut to_front, mut to_back) = (pipe(), pipe());
        let (mut front, mut back) = (&post[..], &answer[..]);
        let mut over = 0;
        // The request, its answer, and then a front that goes away.
        for round in 0..3 {
            loop {
                let (mut a, mut b) = ([0; 512], [0; 512]);
                let rooms = Rooms {
                    to_front: Some(&mut a),
                    to_back: Some(&mut b),
                };
                let behind = (round > 0).then_some((0, Feed::Bytes(&mut back)));
                let input = match round {
                    2 => Feed::End,
                    _ => Feed::Bytes(&mut front),
                };
                match bridge.step(&mut server, input, &mut backs, behind, rooms) {
                    Step::ToFront(frame, _) => to_front.put(frame),
                    Step::ToBack(_, frame, _) => to_back.put(frame),
                    Step::Head(place) => bridge.forward(place),
                    Step::Connect(_) => backs[0] = Some(Back::new(fcgi::Client::default())),
                    Step::Log(_, text) => assert_eq!(text, b"log"),
                    Step::Over(place) => {
                        let end = bridge.exchange(place).map(Exchange::end);
                        assert_eq!(end, Some(End::Complete));
                        over += 1;
                    }
                    Step::Again => {}
                    Step::Wait => break,
                }
            }
        }
        assert_eq!(over, 1);
        let end = b"2\r\nok\r\n0\r\n\r\n";
        assert!(to_front.bytes[..to_front.len].ends_with(end));
    };
    assert_eq!(allocations(work), 0);
}
