//! The ten points of the contract of `Receive` and the rules of flow: checkers
//! that every machine passes, and machines broken on purpose that they catch.

mod common;

use common::ajp as packets;
use common::fcgi::{begin, head, record};
use common::http1::{CHUNKS, GET, POST, asked, fields};
use common::{Entry, Fact, Subject, check, feed, hex, normal, put, text};
use vestibule::ajp::{Client as AjpClient, Server as AjpServer};
use vestibule::http1::{Client as HttpClient, Server as HttpServer};
use vestibule::{
    Client, Error, Field, Frame, Id, Length, Next, Receive, Refused, Request, Server, fcgi,
};

fn nothing<M>(_: &mut M, _: &Fact, _: &mut Vec<u8>) {}

/// The machine may be used while its event is held, and the event outlives it.
fn events_borrow_the_input_alone<S: Server>(mut server: S, input: &[u8]) {
    let mut cursor = input;
    let mut held = Vec::new();
    while let Ok(Next::Event(event)) = server.next(&mut cursor) {
        server.close_after(Id::SOLE);
        held.push(event);
    }
    moved(server);
    assert!(!held.is_empty());
}

fn moved<S>(_: S) {}

fn http_request() -> Vec<u8> {
    format!("{CHUNKS}3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\nU:\r\n\r\n").into()
}

fn http_counted() -> Vec<u8> {
    format!("{POST}A:\r\nContent-Length: 3\r\n\r\nxyz").into()
}

fn ajp_server() -> AjpServer {
    AjpServer::new(packets::OPEN)
}

fn ajp_request() -> Vec<u8> {
    [packets::post(5), packets::data(b"hello")].concat()
}

fn http_open() -> HttpClient {
    asked(HttpClient::new())
}

fn ajp_open(method: &[u8], length: Length) -> AjpClient {
    packets::asked(AjpClient::new(), method, length)
}

fn fcgi_request() -> Vec<u8> {
    let mut bytes = head(1, 1, &[(b"CONTENT_LENGTH", b"5"), (b"", b""), (b"A", b"")]);
    bytes.extend(record(5, 1, b"hel", 3));
    bytes.extend(record(9, 0, b"\x0f\0FCGI_MPXS_CONNS", 0));
    bytes.extend(record(5, 1, b"lo", 0));
    bytes.extend(record(5, 1, b"", 0));
    bytes
}

#[test]
fn every_machine_keeps_the_contract() {
    let all = |name: &str, result: Result<(Vec<Entry>, Vec<u8>), String>| match result {
        Ok((log, _)) => assert!(!log.is_empty(), "{name}"),
        Err(e) => panic!("{name}: {e}"),
    };
    for close in [false, true] {
        for bytes in [
            http_request(),
            http_counted(),
            format!("\r\n{GET}rest").into(),
            format!("{CHUNKS}1\r\na\r\nX").into(),
            b"FX\n".to_vec(),
        ] {
            all("http", check(&HttpServer::new, &bytes, close, &nothing));
            let mut bytes = bytes;
            bytes.truncate(bytes.len() - 1);
            all("http", check(&HttpServer::new, &bytes, close, &nothing));
        }
        for bytes in [ajp_request(), packets::stream(), b"\x12\x34\0\0".to_vec()] {
            all("ajp", check(&ajp_server, &bytes, close, &nothing));
            let bytes = [&bytes[..], &packets::get()].concat();
            all("ajp", check(&ajp_server, &bytes, close, &nothing));
            all("ajp", check(&ajp_server, &bytes, close, &packets::answer));
        }
        let answer = b"HTTP/1.1 103 E\r\nL: x\r\n\r\nHTTP/1.1 200 OK\r\n\
            Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\nT: v\r\n\r\n";
        for cut in [answer.len(), answer.len() - 1, 9, 0] {
            all(
                "http client",
                check(&http_open, &answer[..cut], true, &nothing),
            );
        }
        let answer = b"HTTP/1.1 200 OK\r\n\r\nuntil the close";
        all("http client", check(&http_open, answer, true, &nothing));
        let answer = [
            packets::head(200, &[(b"content-length", b"2"), (b"n", b"")]),
            packets::chunk(b"ab"),
            packets::get_body_chunk(5),
            packets::end(1),
        ]
        .concat();
        let get = || ajp_open(b"GET", Length::None);
        for cut in [answer.len(), answer.len() - 1, 10, 0] {
            all("ajp client", check(&get, &answer[..cut], true, &nothing));
        }
        let answer = [
            packets::get_body_chunk(9),
            packets::head(200, &[(b"A", b"b"), (b"C", b"")]),
            packets::chunk(b"xy"),
            packets::chunk(b""),
            packets::end(1),
        ]
        .concat();
        let put = || ajp_open(b"PUT", Length::Unknown);
        for cut in [answer.len(), answer.len() - 1, 30, 9, 0] {
            all("ajp client", check(&put, &answer[..cut], true, &nothing));
        }
        let server = || fcgi::Server::new([fcgi::Slot::EMPTY; 2]);
        let good = fcgi_request();
        for cut in [good.len(), good.len() - 8, 40, 20] {
            all("fcgi", check(&server, &good[..cut], close, &nothing));
        }
        // A second request begins, then the framing is lost.
        let mut bad = good[..good.len() - 8].to_vec();
        bad.extend(begin(2, 1, 1));
        bad.extend(hex("02 00 00 00"));
        all("fcgi", check(&server, &bad, close, &nothing));
    }
}

#[test]
fn an_event_borrows_the_input_alone() {
    events_borrow_the_input_alone(HttpServer::new(), &http_request());
    events_borrow_the_input_alone(ajp_server(), &ajp_request());
    events_borrow_the_input_alone(fcgi::Server::default(), &fcgi_request());
}

/// Ways of breaking the contract.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Broken {
    No,
    /// 1: asks for more while bytes are left.
    WantsMoreInOneSlice,
    /// 2 and 8: goes on after Paused by itself.
    PauseEnds,
    /// 4: an owed event comes although NeedInput was said.
    OwedLate,
    /// 4: an event comes later than its last byte, where there are more.
    Late,
    /// 5: the log depends on the cuts.
    CountsSlices,
    /// 6: events without end.
    Endless,
    /// 7: forgets its error.
    Forgets,
    /// 7: a second last event.
    TwoLast,
    /// 9: a byte taken behind the body.
    TakesMore,
    /// An empty body event.
    EmptyBody,
    /// Body before the end of the head.
    BodyFirst,
    /// An event after the last one.
    AfterLast,
}

/// `B` begins, `H` ends the head, a digit so many bytes of body and its end
/// (owed), `P` waits for ever, `X` is an error.
#[derive(Clone, Copy, Debug)]
struct Toy {
    broken: Broken,
    left: u8,
    owed: bool,
    error: bool,
    paused: u8,
    slices: u32,
    faulted: u8,
}

impl Toy {
    fn new(broken: Broken) -> Self {
        Toy {
            broken,
            left: 0,
            owed: false,
            error: false,
            paused: 0,
            slices: 0,
            faulted: 0,
        }
    }
}

impl Receive for Toy {
    type Event<'i> = Request<'i, ()>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Request<'i, ()>>, Error> {
        use Broken::*;
        let id = Id::SOLE;
        self.slices += 1;
        if self.error {
            if self.broken == TwoLast && self.faulted < 2 {
                self.faulted += 1;
                let error = Error::BadField;
                return Ok(Next::Event(Request::Fault { id, error }));
            }
            if self.broken == AfterLast && self.faulted < 2 {
                self.faulted += 1;
                let error = Error::BadField;
                return Ok(Next::Event(match self.faulted {
                    1 => Request::Fault { id, error },
                    _ => Request::BodyEnd { id },
                }));
            }
            if self.broken == Forgets {
                self.error = false;
            }
            return Err(Error::BadField);
        }
        if self.paused > 0 {
            self.paused += 1;
            if self.broken == PauseEnds && self.paused > 2 {
                self.paused = 0;
            }
            return Ok(Next::Paused);
        }
        if self.broken == Endless {
            return Ok(Next::Event(Request::Begin { id }));
        }
        if self.owed && !(self.broken == OwedLate && self.slices.is_multiple_of(2)) {
            self.owed = false;
            return Ok(Next::Event(Request::BodyEnd { id }));
        }
        if self.broken == WantsMoreInOneSlice && input.len() == 1 && self.left > 1 {
            return Ok(Next::NeedInput);
        }
        if self.left > 0 && !input.is_empty() {
            let (bytes, rest) = input.split_at(input.len().min(self.left.into()));
            self.left -= bytes.len() as u8;
            self.owed = self.left == 0;
            *input = rest;
            if self.broken == TakesMore && self.owed {
                *input = rest.get(1..).unwrap_or(&[]);
            }
            let bytes = if self.broken == EmptyBody {
                &bytes[..0]
            } else {
                bytes
            };
            return Ok(Next::Event(Request::Body { id, bytes }));
        }
        let Some((&first, rest)) = input.split_first() else {
            return Ok(Next::NeedInput);
        };
        *input = rest;
        Ok(Next::Event(match first {
            b'B' => Request::Begin { id },
            b'H' => {
                if self.broken == Late {
                    *input = rest.get(1..).unwrap_or(rest);
                    self.left = rest.first().map_or(0, |n| n - b'0');
                }
                if self.broken == BodyFirst {
                    self.left = 3;
                    return self.next(input);
                }
                Request::HeadEnd {
                    id,
                    length: Length::Known(match self.broken {
                        CountsSlices => self.slices.into(),
                        _ => 0,
                    }),
                }
            }
            b'P' => {
                self.paused = 1;
                return Ok(Next::Paused);
            }
            b'X' => {
                self.error = true;
                return self.next(input);
            }
            digit => {
                self.left = digit - b'0';
                return self.next(input);
            }
        }))
    }

    fn eof<'i>(&mut self) -> Result<Next<Request<'i, ()>>, Error> {
        self.next(&mut &[][..])
    }
}

impl Subject for Toy {
    fn fact(event: &Self::Event<'_>) -> Fact {
        Fact::request(event, |()| Fact::Ext(String::new()))
    }
    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Request::Body { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

#[test]
fn the_checker_catches_each_breach() {
    use Broken::*;
    let run = |broken| -> Result<(), String> {
        for input in ["BH3abc", "BH3abcBH2xyP123", "BH1aX123"] {
            check(&|| Toy::new(broken), input.as_bytes(), true, &nothing)?;
        }
        Ok(())
    };
    run(No).unwrap();
    let cases = [
        (WantsMoreInOneSlice, "point 1"),
        (PauseEnds, "point 2"),
        (OwedLate, "point 4"),
        (Late, "point 5"),
        (CountsSlices, "point 5"),
        (Endless, "point 6"),
        (Forgets, "point 7"),
        (TwoLast, "order of events"),
        (TakesMore, "point 9"),
        (EmptyBody, "without bytes"),
        (BodyFirst, "order of events"),
        (AfterLast, "order of events"),
    ];
    for (broken, what) in cases {
        match run(broken) {
            Ok(()) => panic!("{broken:?} was not noticed"),
            Err(e) => assert!(e.contains(what), "{broken:?}: {e}"),
        }
    }
}

/// Point 4: the loop that stops when the input is empty misses what is owed.
#[test]
fn a_loop_until_the_input_is_empty_misses_the_end_of_the_body() {
    let bytes = http_counted();
    let wrong = {
        let mut server = HttpServer::new();
        let mut cursor = &bytes[..];
        let mut seen = Vec::new();
        while !cursor.is_empty() {
            if let Ok(Next::Event(event)) = server.next(&mut cursor) {
                seen.push(HttpServer::fact(&event));
            }
        }
        seen
    };
    let mut right = Vec::new();
    let mut cursor = &bytes[..];
    vestibule::drain(&mut HttpServer::new(), &mut cursor, |_, event| {
        right.push(HttpServer::fact(&event));
    })
    .unwrap();
    assert_eq!(right.last(), Some(&Fact::BodyEnd(1)));
    assert_eq!(right[..right.len() - 1], wrong[..]);
}

/// The end of the stream gives first what is owed, and what is lost then.
#[test]
fn the_end_of_the_stream_gives_what_is_owed() {
    // As far as the event that is told by its text, then the end.
    fn after<M: Subject>(mut machine: M, bytes: &[u8], told: &str) -> Vec<String> {
        let mut cursor = bytes;
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|s: &String| s.starts_with(told)) {
            match machine.next(&mut cursor).unwrap() {
                Next::Event(event) => seen.push(M::fact(&event).to_string()),
                _ => panic!("{seen:?}"),
            }
        }
        seen.clear();
        while let Ok(Next::Event(event)) = machine.eof() {
            seen.push(M::fact(&event).to_string());
        }
        seen
    }
    let (get, counted) = (GET.as_bytes(), http_counted());
    for (bytes, told) in [(get, "1 head-end"), (&counted[..], "1 body \"")] {
        assert_eq!(after(HttpServer::new(), bytes, told), ["1 body-end"]);
    }
    let empty = b"HTTP/1.1 204 N\r\n\r\n";
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    for (bytes, told) in [(&empty[..], "1 head-end"), (whole, "1 body \"")] {
        let seen = after(http_open(), bytes, told);
        assert_eq!(seen, ["1 body-end", "1 done complete 0"]);
    }
    assert_eq!(
        after(http_open(), empty, "1 body-end"),
        ["1 done complete 0"]
    );
    // Leave to send a body, and nothing of an answer.
    let mut client = HttpClient::new();
    let expect = [Field::header(b"Expect", b"100-continue")];
    let fields = fields(b"PUT").into_iter().chain(expect);
    let mut room = [0; 128];
    let _ = client.open(fields, Length::Known(2), &mut room).unwrap();
    let seen = after(client, b"HTTP/1.1 100 C\r\n\r\n", "1 interim");
    assert_eq!(seen, ["1 demand all", "1 done Failed(HeadCut)"]);
}

/// Point 8: a request that came early is read only after the answer.
#[test]
fn paused_ends_by_an_answer_and_next_has_to_be_called_again() {
    fn early<S: Server + Subject>(mut server: S, one: &[u8], answer: &dyn Fn(&mut S)) {
        let bytes = [one, one].concat();
        let mut cursor = &bytes[..];
        let mut events = 0;
        while let Next::Event(_) = server.next(&mut cursor).unwrap() {
            events += 1;
        }
        assert!(matches!(server.next(&mut cursor), Ok(Next::Paused)));
        // All that stands behind was kept.
        assert_eq!(cursor, one);
        answer(&mut server);
        // The driver that waits for input now waits for ever; this one does not.
        let mut again = 0;
        while let Next::Event(_) = server.next(&mut cursor).unwrap() {
            again += 1;
        }
        assert_eq!(again, events);
        assert!(cursor.is_empty());
    }
    fn answer<S: Server>(server: &mut S) {
        let mut room = [0; 64];
        let _ = server
            .head(Id::SOLE, 200, [], Length::None, &mut room)
            .unwrap();
        let _ = server.finish(Id::SOLE, [], &mut room).unwrap();
    }
    early(HttpServer::new(), &http_counted(), &answer);
}

/// Point 7: what is open gets its one last event; `fail` still answers; the
/// slot stays taken until then.
#[test]
fn lost_framing_faults_what_runs_and_fail_still_answers() {
    let bytes = format!("{CHUNKS}1\r\na\r\nQ");
    let mut server = HttpServer::new();
    let (log, _) = feed(&mut server, bytes.as_bytes(), &[], false, &mut nothing).unwrap();
    let log = text(&log);
    assert!(log.ends_with("1 fault Chunk\nerror Chunk\n"), "{log}");
    let mut room = [0; 128];
    let frame = server.fail(Id::SOLE, Error::Chunk, &mut room).unwrap();
    let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(frame.slices().concat(), refusal);

    // Before the end of the head: `Err` alone.
    let mut server = HttpServer::new();
    let (log, _) = feed(&mut server, b"GET / ", &[], false, &mut nothing).unwrap();
    let begun = "@0 1 begin\n@4 1 var REQUEST_METHOD=\"GET\"\n@6 1 var REQUEST_URI=\"/\"\n";
    assert_eq!(text(&log), begun);
    let mut server = HttpServer::new();
    let (log, _) = feed(&mut server, b"GET / Q", &[], false, &mut nothing).unwrap();
    assert_eq!(text(&log), format!("{begun}error RequestLine\n"));
    let frame = server
        .fail(Id::SOLE, Error::RequestLine, &mut room)
        .unwrap();
    assert_eq!(frame.slices().concat(), refusal);

    let mut server = fcgi::Server::default();
    let mut bytes = head(1, 1, &[(b"CONTENT_LENGTH", b"5")]);
    bytes.extend(hex("09 00 00 00 00 00 00 00"));
    let (log, _) = feed(&mut server, &bytes, &[], false, &mut nothing).unwrap();
    assert!(
        text(&log).ends_with("1 fault Version(9)\nerror Version(9)\n"),
        "{}",
        text(&log)
    );
    assert_eq!(server.active(), 1);
    let frame = server.fail(Id::SOLE, Error::Version(9), &mut []).unwrap();
    assert!(!frame.is_empty());
    assert_eq!(server.active(), 0);
}

/// Point 9 in use: what cannot be passed on stays in the caller's input.
#[test]
fn the_cursor_goes_back_by_what_is_left() {
    let bytes = http_counted();
    let mut cursor = &bytes[..];
    let mut server = HttpServer::new();
    let kept = loop {
        let before = cursor;
        match server.next(&mut cursor).unwrap() {
            Next::Event(Request::Body { bytes, .. }) => {
                cursor = &before[before.len() - cursor.len() - bytes.len()..];
                break bytes;
            }
            Next::Event(_) => {}
            _ => unreachable!(),
        }
    };
    assert_eq!(kept, b"xyz");
    assert!(cursor.starts_with(kept));
    cursor = &cursor[kept.len()..];
    assert!(matches!(
        server.next(&mut cursor),
        Ok(Next::Event(Request::BodyEnd { .. }))
    ));
}

/// A server machine that has read a request without a body, or with all of it.
fn ready<S: Server>(mut server: S, request: &[u8]) -> S {
    let mut cursor = request;
    while let Next::Event(_) = server.next(&mut cursor).unwrap() {}
    server
}

/// The rules of flow that every server machine keeps.
fn server_flow<S: Server + Copy>(name: &str, server: S) {
    let id = Id::SOLE;
    let mut room = [0; 256];
    let refused = |r: Result<Frame<'_>, Refused>| r.err();

    // Nothing before the head; no end either.
    let mut s = server;
    assert_eq!(
        refused(s.body(id, &mut &b"x"[..])),
        Some(Refused::State),
        "{name}"
    );
    assert_eq!(
        refused(s.finish(id, [], &mut room)),
        Some(Refused::State),
        "{name}"
    );
    // A foreign id.
    let other = Id::new(77).unwrap();
    assert_eq!(
        refused(s.body(other, &mut &b"x"[..])),
        Some(Refused::UnknownId),
        "{name}"
    );
    assert_eq!(
        refused(s.demand(other, 1)),
        Some(Refused::UnknownId),
        "{name}"
    );
    // All or nothing, and the size that would do.
    let h = Field::header(b"X-A", b"1");
    let Some(Refused::Room { need }) = refused(s.head(id, 200, [h], Length::Known(3), &mut []))
    else {
        panic!("{name}: a head without room");
    };
    let one_less = s.head(id, 200, [h], Length::Known(3), &mut room[..need - 1]);
    assert_eq!(refused(one_less), Some(Refused::Room { need }), "{name}");
    assert!(
        s.head(id, 200, [h], Length::Known(3), &mut room[..need])
            .is_ok(),
        "{name}"
    );
    assert_eq!(
        refused(s.head(id, 200, [h], Length::Known(3), &mut room)),
        Some(Refused::State),
        "{name}: a second head"
    );
    // More than declared, then short of it.
    let mut payload = &b"abcd"[..];
    assert_eq!(
        refused(s.body(id, &mut payload)),
        Some(Refused::TooLong),
        "{name}"
    );
    assert_eq!(payload, b"abcd", "{name}: refused, yet taken");
    let mut payload = &b"ab"[..];
    assert!(!s.body(id, &mut payload).unwrap().is_empty(), "{name}");
    assert!(payload.is_empty(), "{name}");
    assert_eq!(
        refused(s.finish(id, [], &mut room)),
        Some(Refused::State),
        "{name}"
    );
    assert_eq!(
        refused(s.body(id, &mut &b"cd"[..])),
        Some(Refused::TooLong),
        "{name}"
    );
    // An empty payload makes nothing.
    assert!(s.body(id, &mut &b""[..]).unwrap().is_empty(), "{name}");
    let mut failing = s;
    assert!(!s.body(id, &mut &b"c"[..]).unwrap().is_empty(), "{name}");
    assert!(s.finish(id, [], &mut room).is_ok(), "{name}");
    assert_eq!(
        refused(s.finish(id, [], &mut room)),
        Some(Refused::UnknownId),
        "{name}"
    );

    // Failing after the head: the answer can be seen to be broken.
    let frame = failing.fail(id, Error::Internal, &mut room).unwrap();
    assert!(frame.is_empty(), "{name}");
    assert_ne!(failing.after(), vestibule::After::Keep, "{name}");
    assert_eq!(
        refused(failing.fail(id, Error::Internal, &mut room)),
        Some(Refused::UnknownId),
        "{name}"
    );

    // Failing before the head: an answer, and one only.
    let mut s = server;
    assert!(
        !s.fail(id, Error::Internal, &mut room).unwrap().is_empty(),
        "{name}"
    );

    // The transport is lost while nobody reads: the news comes before any input.
    let mut s = server;
    s.cancel();
    let mut cursor = &b"bytes that nobody reads"[..];
    match s.next(&mut cursor) {
        Ok(Next::Event(Request::Abort { id: i })) => assert_eq!(i, id, "{name}"),
        _ => panic!("{name}: no abort after cancel"),
    }
    assert_eq!(cursor.len(), 23, "{name}: input taken after cancel");
    assert!(
        !matches!(s.next(&mut cursor), Ok(Next::Event(_))),
        "{name}: a second last event"
    );
    assert_eq!(cursor.len(), 23, "{name}: input taken after cancel");
    assert!(s.fail(id, Error::Upstream, &mut room).is_ok(), "{name}");

    // Demanding is always right; it makes nothing where nothing is to be asked.
    let mut s = server;
    assert!(s.demand(id, 100).unwrap().is_empty(), "{name}");
}

#[test]
fn rules_of_flow_of_the_servers() {
    server_flow("http", ready(HttpServer::new(), &http_counted()));
    server_flow("ajp", ready(ajp_server(), &ajp_request()));
    server_flow("fcgi", ready(fcgi::Server::default(), &fcgi_request()));
}

/// Most of what a message may carry is taken, and the rest left.
#[test]
fn a_body_is_taken_message_by_message() {
    fn sizes<S: Server>(mut server: S) -> Vec<usize> {
        let id = Id::SOLE;
        let mut room = [0; 64];
        let _ = server
            .head(id, 200, [], Length::Unknown, &mut room)
            .unwrap();
        let big = vec![7; 70_000];
        let mut payload = &big[..];
        let mut sizes = Vec::new();
        while !payload.is_empty() {
            let before = payload.len();
            let frame = server.body(id, &mut payload).unwrap();
            assert_eq!(frame.slices()[1].len(), before - payload.len());
            sizes.push(before - payload.len());
        }
        sizes
    }
    assert_eq!(sizes(ready(HttpServer::new(), &http_counted())), [70_000]);
    assert_eq!(
        sizes(ready(ajp_server(), &ajp_request()))[..2],
        [8_184, 8_184]
    );
    assert_eq!(
        sizes(ready(fcgi::Server::default(), &fcgi_request())),
        [65_528, 4_472]
    );
}

/// The rules of flow that every client machine keeps.
fn client_flow<C: Client + Clone>(name: &str, client: C) {
    let mut room = [0; 512];
    let fields = fields(b"GET");
    let refused = |r: Result<Frame<'_>, Refused>| r.err();
    let mut c = client.clone();
    let free = c.free();
    assert!(free > 0, "{name}");
    match c.open(fields, Length::Known(3), &mut []).err() {
        Some(Refused::Room { need }) => {
            assert_eq!(
                c.open(fields, Length::Known(3), &mut room[..need - 1])
                    .err(),
                Some(Refused::Room { need }),
                "{name}"
            );
            assert!(
                c.open(fields, Length::Known(3), &mut room[..need]).is_ok(),
                "{name}"
            );
        }
        other => panic!("{name}: {other:?}"),
    }
    assert_eq!(c.free(), free - 1, "{name}");
    let id = Id::SOLE;
    let other = Id::new(77).unwrap();
    assert_eq!(
        refused(c.body(other, &mut &b"x"[..])),
        Some(Refused::UnknownId),
        "{name}"
    );
    assert_eq!(c.credit(other), 0, "{name}");
    if free == 1 {
        assert_eq!(
            c.open(fields, Length::None, &mut room).err(),
            Some(Refused::Full),
            "{name}"
        );
    }
    assert!(c.credit(id) > 0, "{name}");
    let mut payload = &b"abcd"[..];
    assert_eq!(
        refused(c.body(id, &mut payload)),
        Some(Refused::TooLong),
        "{name}"
    );
    assert_eq!(payload.len(), 4, "{name}");
    assert_eq!(
        refused(c.body_end(id, [], &mut [0; 8])),
        Some(Refused::State),
        "{name}"
    );
    let mut payload = &b"abc"[..];
    assert!(!c.body(id, &mut payload).unwrap().is_empty(), "{name}");
    assert!(payload.is_empty(), "{name}");
    assert!(c.body_end(id, [], &mut [0; 8]).is_ok(), "{name}");

    // Lost while nobody reads: one last event, no input taken.
    c.cancel();
    let mut cursor = &b"unread"[..];
    assert!(
        matches!(
            c.next(&mut cursor),
            Ok(Next::Event(vestibule::Response::Done { .. }))
        ),
        "{name}"
    );
    assert!(!matches!(c.next(&mut cursor), Ok(Next::Event(_))), "{name}");
    assert_eq!(cursor.len(), 6, "{name}");

    // Given up: its Done still comes.
    let mut c = client;
    let _ = c.open(fields, Length::Known(3), &mut room).unwrap();
    assert!(c.abort(id).is_ok(), "{name}");
    assert_eq!(
        refused(c.body(id, &mut &b"a"[..])),
        Some(Refused::State),
        "{name}"
    );
    match c.eof() {
        Ok(Next::Event(vestibule::Response::Done { ending, reuse, .. })) => {
            assert_eq!(ending, vestibule::Ending::Aborted, "{name}");
            assert!(!reuse, "{name}");
        }
        _ => panic!("{name}: no Done after abort"),
    }
}

#[test]
fn rules_of_flow_of_the_clients() {
    client_flow("http", HttpClient::new());
    client_flow("ajp", AjpClient::new());
    client_flow("fcgi", fcgi::Client::default());
}

/// A body that waits for leave: an empty frame, and nothing taken.
#[test]
fn no_credit_no_body() {
    let id = Id::SOLE;
    let mut room = [0; 128];
    let expect = [Field::header(b"Expect", b"100-continue")];
    let fields = fields(b"GET").into_iter().chain(expect);
    let mut client = HttpClient::new();
    let (_, frame) = client.open(fields, Length::Known(2), &mut room).unwrap();
    let mut wire = Vec::new();
    put(&mut wire, frame);
    let mut payload = &b"ab"[..];
    assert_eq!(client.credit(id), 0);
    assert!(client.body(id, &mut payload).unwrap().is_empty());
    assert_eq!(payload, b"ab");

    let mut server = HttpServer::new();
    let mut cursor = &wire[..];
    while let Next::Event(_) = server.next(&mut cursor).unwrap() {}
    let mut leave = Vec::new();
    put(&mut leave, server.demand(id, 10).unwrap());
    assert!(!leave.is_empty());
    assert!(server.demand(id, 10).unwrap().is_empty(), "asked twice");

    let mut cursor = &leave[..];
    let mut demands = 0;
    while let Next::Event(event) = client.next(&mut cursor).unwrap() {
        demands += usize::from(matches!(event, vestibule::Response::Demand { .. }));
    }
    assert_eq!((demands, client.credit(id)), (1, usize::MAX));
    assert!(!client.body(id, &mut payload).unwrap().is_empty());
    assert!(payload.is_empty());
}

/// A pulled body: one piece unasked, each other when asked, the end when asked.
#[test]
fn a_pulled_body_and_its_late_end() {
    for length in [Length::Known(10_000), Length::Unknown] {
        pulled(length);
    }
}

fn pulled(length: Length) {
    let id = Id::SOLE;
    let mut room = [0; 256];
    let mut client = AjpClient::new();
    let mut to_server = Vec::new();
    let opened = client.open(packets::fields(b"POST"), length, &mut room);
    put(&mut to_server, opened.unwrap().1);
    let mut payload = &[9; 10_000][..];
    let mut server = ajp_server();
    let mut seen = 0;
    let mut read = |server: &mut AjpServer, bytes: &[u8]| {
        let mut cursor = bytes;
        let mut ended = false;
        while let Next::Event(event) = server.next(&mut cursor).unwrap() {
            match event {
                Request::Body { bytes, .. } => seen += bytes.len(),
                Request::BodyEnd { .. } => ended = true,
                _ => {}
            }
        }
        (seen, ended)
    };
    let pull = |server: &mut AjpServer, client: &mut AjpClient, n| {
        let mut bytes = Vec::new();
        put(&mut bytes, server.demand(id, n).unwrap());
        let again = server.demand(id, n).unwrap();
        assert!(again.is_empty(), "one is outstanding");
        let mut cursor = &bytes[..];
        match client.next(&mut cursor) {
            Ok(Next::Event(vestibule::Response::Demand { max, .. })) => assert_eq!(max, n),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(&mut server, &to_server), (0, false));
    let unasked = client.credit(id);
    if length == Length::Unknown {
        assert_eq!(unasked, 0);
        assert!(client.body(id, &mut payload).unwrap().is_empty());
        pull(&mut server, &mut client, 8_186);
    } else {
        assert_eq!(unasked, 8_186);
        let again = server.demand(id, 9).unwrap();
        assert!(again.is_empty(), "the first piece is unasked");
    }
    for (asked, left) in [(1_814, 1_814), (100, 0)] {
        let mut to_server = Vec::new();
        put(&mut to_server, client.body(id, &mut payload).unwrap());
        assert_eq!((payload.len(), client.credit(id)), (left, 0));
        let (seen, ended) = read(&mut server, &to_server);
        assert_eq!(seen, 10_000 - left);
        assert_eq!(ended, left == 0 && length != Length::Unknown);
        if !ended {
            pull(&mut server, &mut client, asked);
        }
    }
    let mut to_server = Vec::new();
    put(&mut to_server, client.body_end(id, [], &mut []).unwrap());
    assert_eq!(to_server.is_empty(), length != Length::Unknown);
    let (_, ended) = read(&mut server, &to_server);
    assert_eq!(ended, length == Length::Unknown);
}

/// A request with trailers behind its body.
#[test]
fn request_trailers() {
    let mut client = HttpClient::new();
    let (mut room, mut wire) = ([0; 128], Vec::new());
    let (id, frame) = client
        .open(fields(b"GET"), Length::Unknown, &mut room)
        .unwrap();
    put(&mut wire, frame);
    put(&mut wire, client.body(id, &mut &b"hi"[..]).unwrap());
    let sum = Field::trailer(b"Sum", b"1");
    put(&mut wire, client.body_end(id, [sum], &mut room).unwrap());
    let (log, _) = feed(&mut HttpServer::new(), &wire, &[], false, &mut nothing).unwrap();
    let log = text(&normal(&log).unwrap());
    assert!(
        log.contains("1 body \"hi\"\n") && log.contains("1 trailer Sum=\"1\"\n"),
        "{log}"
    );
}

/// An answer with an interim one before it and trailers behind it.
#[test]
fn interim_answers_and_trailers() {
    let id = Id::SOLE;
    let get = b"GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n";
    let mut server = ready(HttpServer::new(), get);
    let mut room = [0; 64];
    let mut wire = Vec::new();
    let link = Field::header(b"Link", b"a");
    put(
        &mut wire,
        server.interim(id, 103, [link], &mut room).unwrap(),
    );
    assert_eq!(
        server.interim(id, 200, [], &mut room).err(),
        Some(Refused::Status)
    );
    put(
        &mut wire,
        server
            .head(id, 200, [], Length::Unknown, &mut room)
            .unwrap(),
    );
    assert_eq!(
        server.interim(id, 103, [], &mut room).err(),
        Some(Refused::State)
    );
    put(&mut wire, server.body(id, &mut &b"hi"[..]).unwrap());
    let sum = Field::trailer(b"Sum", b"1");
    put(&mut wire, server.finish(id, [sum], &mut room).unwrap());
    let (log, _) = feed(&mut http_open(), &wire, &[], false, &mut nothing).unwrap();
    assert_eq!(
        text(&normal(&log).unwrap()),
        "@26 1 header Status=\"103 Early Hints\"\n@35 1 header Link=\"a\"\n@37 1 interim 103\n\
         @54 1 header Status=\"200 OK\"\n@82 1 header Transfer-Encoding=\"chunked\"\n\
         @84 1 head-end 200 unknown\n@89 1 body \"hi\"\n@102 1 trailer Sum=\"1\"\n\
         @104 1 body-end\n@104 1 done complete 0 reuse\n"
    );
}
