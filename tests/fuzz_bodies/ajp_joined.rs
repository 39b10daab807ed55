//! Our client and our server, joined by a link that splits as it likes, with
//! calls between that are right and wrong; the link may end early, and a byte
//! of it may change. What is asked for and what is sent are kept in an account.
//!
//! Input: what becomes of the link, then calls.

use vestibule::ajp::{
    Client, ClientExt, ClientLimits, Server, ServerExt, ServerLimits, ServerRules,
};
use vestibule::{
    After, Client as _, Cut, Ending, Error, Field, Frame, Id, Length, Next, Receive, Refused,
    Request, Response, Server as _, Space, Status as _,
};

use super::Source;
use super::ajp_client::{Account, ask};

const ID: Id = Id::SOLE;

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// What both sides know of one request.
#[derive(Clone, Debug, Default)]
struct Exchange {
    // Of the web server.
    method: Vec<u8>,
    fields: Lines,
    length: Option<Length>,
    sent: Vec<u8>,
    sent_end: bool,
    aborted: bool,
    // Seen by the application.
    seen_method: Vec<u8>,
    seen_fields: Lines,
    seen_length: Option<Length>,
    seen: Vec<u8>,
    seen_end: bool,
    last: bool,
    // Of the application.
    status: Option<u16>,
    /// Whether the bytes of the answer's body do not go out.
    skip: bool,
    answer: Vec<u8>,
    over: Option<Over>,
    // Seen by the web server.
    got_fields: Lines,
    got_status: Option<u16>,
    got: Vec<u8>,
    got_end: bool,
    done: Option<Ending>,
}

/// How the application ended it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Finished,
    /// With an answer of ours.
    Refused,
    /// So that the answer stays incomplete.
    Broken,
}

/// Bytes under way in one direction.
#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    at: usize,
    /// Nothing comes behind so many bytes.
    most: Option<usize>,
}

impl Pipe {
    fn put(&mut self, frame: Frame<'_>) {
        self.bytes.extend(frame.slices().concat());
    }

    /// The next `n` bytes that arrive.
    fn piece(&self, n: usize) -> Vec<u8> {
        let all = self.most.unwrap_or(usize::MAX).min(self.bytes.len());
        let end = self.at.saturating_add(n).min(all);
        self.bytes.get(self.at..end).unwrap_or(&[]).to_vec()
    }
}

struct Link {
    client: Client,
    server: Server,
    size: usize,
    account: Account,
    to_server: Pipe,
    to_client: Pipe,
    all: Vec<Exchange>,
    begun: usize,
    /// The one that the application is at once a byte has changed.
    extra: Exchange,
    /// Pings that were sent, and those that were answered.
    pings: (usize, usize),
    /// A side was told that the connection is lost, or cannot be told.
    lost: bool,
    /// A byte has changed: only what the machines owe each by itself holds.
    changed: bool,
}

/// It looks like packets.
const BODY: &[u8] = b"\x12\x34\0\x01\x0a\x12\x34\0\x02\0\0AB\0\x02\x05\x01AB\0\x03\x06\0\x09\x12\x34\0\x08\x02\x02\0\0";

/// Joins the pieces.
fn add(lines: &mut Lines, field: Field<'_>) {
    if matches!(field.cut, Cut::Whole | Cut::First) {
        lines.push(Default::default());
    }
    let last = lines.last_mut().expect("a first piece");
    last.0.extend(field.name);
    last.1.extend(field.value);
}

/// A call: what it refuses changes nothing.
fn tell<T>(
    server: &mut Server,
    call: impl FnOnce(&mut Server) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let before = *server;
    let result = call(server);
    if result.is_err() {
        assert_eq!(format!("{before:?}"), format!("{server:?}"));
    }
    result
}

impl Link {
    /// The one that was opened last.
    fn ours(&mut self) -> &mut Exchange {
        self.all.last_mut().expect("an exchange")
    }

    /// The one that the application is at.
    fn theirs(&mut self) -> &mut Exchange {
        let at = self.begun.checked_sub(1);
        match at.and_then(|at| self.all.get_mut(at)) {
            Some(e) if !self.changed => e,
            _ => &mut self.extra,
        }
    }

    /// Up to `n` bytes to the application.
    fn serve(&mut self, n: usize) {
        let bytes = self.to_server.piece(n);
        let mut input = &bytes[..];
        loop {
            match self.server.next(&mut input) {
                Ok(Next::Event(event)) => self.request(event),
                Ok(Next::NeedInput) => {
                    assert!(input.is_empty(), "NeedInput with bytes left");
                    break;
                }
                Ok(Next::Paused) => break,
                Err(error) => {
                    let told = self.lost && error == Error::Eof;
                    assert!(told || self.changed, "server: {error}");
                    input = &[];
                    break;
                }
            }
        }
        self.to_server.at += bytes.len() - input.len();
    }

    fn request(&mut self, event: Request<'_, ServerExt>) {
        match event {
            Request::Begin { .. } => {
                self.begun += 1;
                if self.changed {
                    self.extra = Exchange::default();
                    return;
                }
                assert!(self.begun <= self.all.len(), "one request became two");
                return;
            }
            Request::Ext(ext) => {
                self.pings.1 += 1;
                assert!(self.changed || self.pings.1 <= self.pings.0);
                self.to_client.put(self.server.default_reply(ext));
                return;
            }
            _ => {}
        }
        let (lost, changed) = (self.lost, self.changed);
        let e = self.theirs();
        match event {
            Request::Begin { .. } | Request::Ext(_) => {}
            Request::Field { field, .. } => {
                assert!(e.seen_length.is_none() && !e.last);
                match field.space {
                    Space::Header => add(&mut e.seen_fields, field),
                    _ if field.name == b"REQUEST_METHOD" => e.seen_method.extend(field.value),
                    _ => {}
                }
            }
            Request::HeadEnd { length, .. } => {
                assert!(e.seen_length.is_none() && !e.last);
                e.seen_length = Some(length);
                if changed {
                    return;
                }
                let mut seen = e.seen_fields.clone();
                let own = [&b"host"[..], b"content-length", b"transfer-encoding"];
                seen.retain(|l| !own.iter().any(|o| l.0.eq_ignore_ascii_case(o)));
                assert_eq!(seen, e.fields);
                match e.length {
                    Some(Length::None | Length::Known(0)) => {
                        assert!(matches!(length, Length::None | Length::Known(0)));
                    }
                    given => assert_eq!(given, Some(length)),
                }
            }
            Request::Body { bytes, .. } => {
                assert!(e.seen_length.is_some() && !e.seen_end && !e.last);
                e.seen.extend(bytes);
                assert!(changed || e.sent.starts_with(&e.seen));
            }
            Request::BodyEnd { .. } => {
                assert!(e.seen_length.is_some() && !e.seen_end && !e.last);
                e.seen_end = true;
                if !changed {
                    let counted =
                        matches!(e.length, Some(Length::Known(n)) if e.sent.len() as u64 == n);
                    assert!(e.sent_end || counted, "an end that was not said");
                    assert_eq!(e.seen, e.sent, "a cut body");
                }
            }
            Request::Fault { error, .. } => {
                assert!(changed, "{error}");
                assert!(!e.last);
                e.last = true;
            }
            Request::Abort { .. } => {
                assert!(!e.last && (e.aborted || lost || changed));
                e.last = true;
            }
        }
    }

    /// Up to `n` bytes to the web server.
    fn receive(&mut self, n: usize) {
        let bytes = self.to_client.piece(n);
        let mut input = &bytes[..];
        loop {
            match self.client.next(&mut input) {
                Ok(Next::Event(event)) => self.response(event),
                Ok(Next::NeedInput) => {
                    assert!(input.is_empty(), "NeedInput with bytes left");
                    break;
                }
                Ok(Next::Paused) => break,
                Err(error) => {
                    let told = self.lost && matches!(error, Error::Eof);
                    assert!(told || self.changed, "client: {error}");
                    input = &[];
                    break;
                }
            }
        }
        self.to_client.at += bytes.len() - input.len();
    }

    fn response(&mut self, event: Response<'_, ClientExt>) {
        let (lost, changed) = (self.lost, self.changed);
        match event {
            Response::Ext(ClientExt::Cpong) => {
                assert!(changed || self.pings.0 == self.pings.1);
                return;
            }
            Response::Demand { max, .. } => self.account.demanded(max, self.size),
            _ => {}
        }
        let e = self.ours();
        assert!(e.done.is_none(), "{event:?} after Done");
        match event {
            Response::Field { field, .. } => {
                assert!(e.got_status.is_none());
                add(&mut e.got_fields, field);
            }
            Response::HeadEnd { status, .. } => {
                assert!(e.got_status.is_none());
                e.got_status = Some(status);
                if !changed {
                    assert_eq!(e.status, Some(status));
                    let test = e.got_fields.iter().find(|l| l.0 == b"X-Test");
                    assert_eq!(test.is_some(), e.over != Some(Over::Refused));
                    assert!(test.is_none_or(|l| l.1 == b"a value"));
                }
            }
            Response::Body { bytes, .. } => {
                assert!(e.got_status.is_some() && !e.got_end);
                e.got.extend(bytes);
                assert!(changed || e.answer.starts_with(&e.got));
            }
            Response::BodyEnd { .. } => {
                assert!(e.got_status.is_some() && !e.got_end);
                e.got_end = true;
                if !changed {
                    assert_eq!(e.got, e.answer, "a cut answer");
                    assert!(matches!(e.over, Some(Over::Finished | Over::Refused)));
                }
            }
            Response::Demand { .. } => assert!(!e.got_end),
            Response::Ext(ClientExt::Flush { .. }) => {
                assert!(e.got_status.is_some() && !e.got_end);
            }
            Response::Done {
                reuse,
                retry_safe,
                ending,
                ..
            } => {
                e.done = Some(ending);
                if changed {
                    return;
                }
                match ending {
                    Ending::Aborted => assert!(e.aborted && !reuse),
                    Ending::Complete { .. } => {
                        assert!(e.got_end && e.got == e.answer);
                        assert!(!reuse || e.over == Some(Over::Finished));
                    }
                    other if e.aborted => panic!("{other:?} after an abort"),
                    Ending::Unconfirmed => assert!(e.got_end && lost && !reuse),
                    Ending::Truncated => {
                        assert!(e.got_status.is_some() && !e.got_end && lost && !reuse);
                    }
                    Ending::Failed(error) => {
                        assert!(e.got_status.is_none() && lost && !reuse, "{error}");
                    }
                    other => panic!("{other:?}"),
                }
                assert!(!retry_safe || e.got_fields.is_empty());
            }
            other => panic!("{other:?}"),
        }
    }

    fn open(&mut self, source: &mut Source<'_>) {
        let what = source.byte();
        let method: &[u8] = match what & 7 {
            0 | 1 => b"GET",
            2 => b"HEAD",
            3 => b"PATCH",
            4 => b"OPTIONS",
            _ => b"POST",
        };
        let length = match what >> 3 & 3 {
            0 => Length::None,
            1 => Length::Unknown,
            // More than a packet, too.
            2 => Length::Known(u64::from(what >> 5) * 3),
            _ => Length::Known(10_000),
        };
        let mut fields = Lines::new();
        for _ in 0..source.below(3) {
            let name = [&b"x-a"[..], b"x-b", b"cookie"][source.below(3)];
            let value = vec![b'v'; source.below(100)];
            fields.push((name.to_vec(), value));
        }
        let start = [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", b"/a?b"),
            Field::header(b"Host", b"h"),
        ];
        let mut room = vec![0; if source.below(16) == 0 { 30 } else { 1000 }];
        let given = fields.clone();
        let result = ask(&mut self.client, |c| {
            let lines = given.iter().map(|(n, v)| Field::header(n, v));
            let (_, frame) = c.open(start.into_iter().chain(lines), length, &mut room)?;
            Ok(frame.slices().concat())
        });
        let Ok(bytes) = result else {
            return;
        };
        self.to_server.bytes.extend(bytes);
        self.account = Account::opened(length, self.size);
        assert!(self.all.last().is_none_or(|e| e.done.is_some()));
        self.all.push(Exchange {
            method: method.to_vec(),
            fields,
            length: Some(length),
            sent_end: matches!(length, Length::None | Length::Known(0)),
            ..Exchange::default()
        });
    }

    /// Whether the application is at a request whose head it knows.
    fn at(&self) -> bool {
        match self.begun.checked_sub(1).and_then(|at| self.all.get(at)) {
            Some(e) if !self.changed => e.over.is_none(),
            _ => self.changed,
        }
    }

    fn head(&mut self, source: &mut Source<'_>) {
        let what = source.byte();
        let status = [200, 404, 204, 304, 500, 200, 100, 600][usize::from(what & 7)];
        let length = match what >> 3 & 3 {
            0 => Length::None,
            1 => Length::Unknown,
            _ => Length::Known(u64::from(what >> 5)),
        };
        let mut room = vec![0; if source.below(16) == 0 { 30 } else { 300 }];
        let fields = [Field::header(b"X-Test", b"a value")];
        let bytes = tell(&mut self.server, |s| {
            let frame = s.head(ID, status, fields, length, &mut room)?;
            Ok(frame.slices().concat())
        });
        if let Ok(bytes) = bytes {
            self.to_client.bytes.extend(bytes);
            let e = self.theirs();
            assert!(e.status.is_none() && e.over.is_none());
            e.status = Some(status);
            e.skip = e.method == b"HEAD" || matches!(status, 204 | 304);
        }
    }

    fn fail(&mut self, error: Error) {
        let mut room = [0; 99];
        let bytes = tell(&mut self.server, |s| {
            Ok(s.fail(ID, error, &mut room)?.slices().concat())
        });
        let Ok(bytes) = bytes else {
            return;
        };
        assert_ne!(self.server.after(), After::Keep);
        let (written, changed) = (!bytes.is_empty(), self.changed);
        self.to_client.bytes.extend(bytes);
        let e = self.theirs();
        assert!(changed || e.over.is_none());
        if written {
            assert!(changed || e.status.is_none());
            e.status = Some(error.status());
            e.over = Some(Over::Refused);
        } else {
            e.over = Some(Over::Broken);
            self.lost = true;
        }
    }

    fn body(&mut self, n: usize) {
        let all = BODY.repeat(20_000 / BODY.len());
        let mut payload = &all[..n];
        let credit = self.client.credit(ID);
        let frame = ask(&mut self.client, |c| c.body(ID, &mut payload));
        let taken = n - payload.len();
        match frame {
            Ok(frame) => {
                assert_eq!(taken, n.min(credit));
                let data = self.account.sent(&frame.slices().concat());
                assert_eq!(data, all[..taken]);
                self.to_server.put(frame);
                self.ours().sent.extend(data);
            }
            Err(_) => assert_eq!(taken, 0),
        }
    }

    fn body_end(&mut self) {
        let frame = ask(&mut self.client, |c| c.body_end(ID, [], &mut []));
        if let Ok(frame) = frame {
            assert_eq!(self.account.sent(&frame.slices().concat()), b"");
            self.ours().sent_end = true;
            self.to_server.put(frame);
        }
    }

    fn answer(&mut self, n: usize) {
        let all = BODY.repeat(20_000 / BODY.len());
        let mut payload = &all[..n];
        match tell(&mut self.server, |s| s.body(ID, &mut payload)) {
            Ok(frame) => {
                let changed = self.changed;
                let (empty, taken) = (frame.is_empty(), n - payload.len());
                assert!(taken == n || taken == self.size - 8);
                self.to_client.put(frame);
                let e = self.theirs();
                assert!(!empty || e.skip || n == 0 || changed);
                if !e.skip {
                    e.answer.extend(&all[..taken]);
                }
            }
            Err(_) => assert_eq!(payload.len(), n),
        }
    }

    /// The calls of an exchange in their order, most of them in place.
    fn whole(&mut self, source: &mut Source<'_>) {
        const CALLS: [u8; 20] = [
            0, 2, 4, 11, 24, 15, 3, 4, 11, 24, 15, 2, 5, 10, 16, 18, 13, 19, 20, 15,
        ];
        for call in CALLS {
            let mut bytes = vec![call];
            bytes.extend(source.take(2));
            self.call(&mut Source(&bytes));
        }
        self.serve(usize::MAX);
        self.receive(usize::MAX);
    }

    fn call(&mut self, source: &mut Source<'_>) {
        let what = source.byte();
        let n = match source.0.first().copied().unwrap_or(5) {
            n @ 0..=249 => usize::from(n) % 24,
            n => usize::from(n - 249) * 1500,
        };
        match what & 31 {
            0 | 1 => self.open(source),
            2 | 3 => self.body(n),
            4 | 5 => self.body_end(),
            6 if source.byte() < 32 && ask(&mut self.client, |c| c.abort(ID)).is_ok() => {
                self.ours().aborted = true;
                self.lost = true;
            }
            7 => {
                if let Ok(frame) = ask(&mut self.client, |c| c.cping()) {
                    self.pings.0 += 1;
                    self.to_server.put(frame);
                }
            }
            8..=10 => self.serve(usize::from(source.byte())),
            11 => self.serve(usize::MAX),
            12..=14 => self.receive(usize::from(source.byte())),
            15 => self.receive(usize::MAX),
            16 | 17 => self.head(source),
            18 | 19 => self.answer(n),
            20 | 21 => {
                let mut room = [0; 60];
                let trailers = [Field::trailer(b"X-T", b"1")];
                let frame = tell(&mut self.server, |s| {
                    Ok(s.finish(ID, trailers, &mut room)?.slices().concat())
                });
                if let Ok(bytes) = frame {
                    self.to_client.bytes.extend(bytes);
                    let e = self.theirs();
                    assert!(e.over.is_none());
                    assert!(e.status.is_some() || e.last);
                    e.over = Some(if e.last { Over::Broken } else { Over::Finished });
                }
            }
            22 => self.fail([Error::Internal, Error::Overloaded][source.below(2)]),
            23 => {
                if let Ok(frame) = tell(&mut self.server, |s| s.flush(ID)) {
                    self.to_client.put(frame);
                }
            }
            24 => {
                let n = usize::from(source.word());
                if let Ok(frame) = tell(&mut self.server, |s| s.demand(ID, n)) {
                    self.to_client.put(frame);
                }
            }
            25 => self.server.close_after(ID),
            26 if source.byte() == 0 => self.server.shutdown(),
            27 if source.byte() == 0 => {
                self.lost = true;
                self.server.cancel();
                self.serve(0);
            }
            28 if source.byte() == 0 => {
                self.lost = true;
                self.client.cancel();
                self.receive(0);
            }
            29 => self.whole(source),
            30 if source.byte() == 0 => {
                // All that the web server sends comes to an end here.
                self.lost = true;
                self.serve(usize::MAX);
                self.to_server.most = Some(self.to_server.at);
                if self.to_server.piece(1).is_empty() {
                    self.end_server();
                }
            }
            31 if source.byte() == 0 => {
                self.lost = true;
                self.to_client.most = Some(self.to_client.at + source.below(30));
            }
            _ => {}
        }
    }

    fn end_client(&mut self) {
        self.lost = true;
        while let Ok(Next::Event(event)) = self.client.eof() {
            self.response(event);
        }
    }

    fn end_server(&mut self) {
        self.lost = true;
        while let Ok(Next::Event(event)) = self.server.eof() {
            self.request(event);
        }
    }
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let config = source.byte();
    let (place, flip) = (usize::from(source.word()), source.byte());
    let size: u32 = [8192, 65_536][usize::from(config & 1)];
    let secret: &'static [u8] = [&b"s3cret"[..], b""][usize::from(config >> 4 & 1)];
    let rules = match secret {
        b"" => ServerRules::STRICT.without_secret(true),
        secret => ServerRules::STRICT.secret(secret),
    };
    let mut link = Link {
        client: Client::with_secret(secret).limits(ClientLimits::DEFAULT.packet_bytes(size)),
        server: Server::new(rules).limits(ServerLimits::DEFAULT.packet_bytes(size)),
        size: size as usize,
        account: Account::default(),
        to_server: Pipe::default(),
        to_client: Pipe::default(),
        all: Vec::new(),
        begun: 0,
        extra: Exchange::default(),
        pings: (0, 0),
        lost: false,
        changed: false,
    };
    let mut calls = 0;
    while !source.is_empty() && calls < 200 {
        link.call(&mut source);
        calls += 1;
        // One byte on the way, of those that are still to come.
        if config & 6 == 2 && !link.changed {
            let pipe = match config & 8 {
                0 => &mut link.to_server,
                _ => &mut link.to_client,
            };
            let at = pipe.at + place % 256;
            if let Some(byte) = pipe.bytes.get_mut(at)
                && flip != 0
            {
                *byte ^= flip;
                link.extra = link.theirs().clone();
                link.changed = true;
            }
        }
    }
    // All is delivered; what is still open is ended; the connection ends.
    link.serve(usize::MAX);
    link.receive(usize::MAX);
    if link.at() {
        link.fail(Error::Internal);
    }
    link.receive(usize::MAX);
    link.end_client();
    link.end_server();
    for e in &link.all {
        assert!(e.done.is_some(), "no Done: {e:?}");
    }
}
