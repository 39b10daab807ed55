//! Our client and our server, joined by a link that splits as it likes, with
//! calls between that are right and wrong; the link may end early, and a byte
//! of it may change.
//!
//! Input: what becomes of the link, then calls.

use vestibule::http1::{Client, Server, ServerLimits};
use vestibule::{
    After, Client as _, Ending, Error, Field, Frame, Id, Length, Next, Receive, Request, Response,
    Server as _, Space, Status as _,
};

use super::http1_client::ask;
use super::http1_model::{self as model, End, Head, Lines};
use super::http1_server::tell;
use super::{Source, ok};

const ID: Id = Id::SOLE;

/// What both sides know of one request.
#[derive(Clone, Debug, Default)]
struct Exchange {
    // Of the web server.
    method: Vec<u8>,
    fields: Lines,
    length: Option<Length>,
    sent: Vec<u8>,
    sent_end: bool,
    trailers: usize,
    aborted: bool,
    // Seen by the application.
    seen_fields: Lines,
    seen_trailers: usize,
    seen_length: Option<Length>,
    seen: Vec<u8>,
    seen_end: bool,
    last: bool,
    // Of the application.
    interims: usize,
    status: Option<u16>,
    /// Whether the bytes of the answer's body go out.
    skip: bool,
    /// How long the answer is to be, where its head says so.
    declared: Option<u64>,
    answer: Vec<u8>,
    answer_trailers: usize,
    over: Option<Over>,
    // Seen by the web server.
    got_fields: Lines,
    got_status: Option<u16>,
    got: Vec<u8>,
    got_trailers: usize,
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
    to_server: Pipe,
    to_client: Pipe,
    all: Vec<Exchange>,
    begun: usize,
    /// The one that the application is at once a byte has changed.
    extra: Exchange,
    /// A side was told that the connection is lost, or cannot be told.
    lost: bool,
    /// A byte has changed: only what the machines owe each by itself holds.
    changed: bool,
}

const BODY: &[u8] = b"\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";

fn lines<'l>(lines: &'l Lines) -> impl Iterator<Item = Field<'l>> + Clone {
    lines.iter().map(|(n, v)| Field::header(n, v))
}

/// Joins the pieces.
fn add(lines: &mut Lines, field: Field<'_>) {
    if matches!(field.cut, vestibule::Cut::Whole | vestibule::Cut::First) {
        lines.push(Default::default());
    }
    let last = lines.last_mut().expect("a first piece");
    last.0.extend(field.name);
    last.1.extend(field.value);
}

/// With the blanks gone that only the last piece shows to be at the end.
fn trimmed(all: &Lines) -> Lines {
    let trim = |l: &(Vec<u8>, Vec<u8>)| (l.0.clone(), model::trim(&l.1).to_vec());
    all.iter().map(trim).collect()
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

    fn request(&mut self, event: Request<'_, vestibule::http1::ServerExt>) {
        if let Request::Begin { .. } = event {
            self.begun += 1;
            if self.changed {
                self.extra = Exchange::default();
                return;
            }
            assert!(self.begun <= self.all.len(), "one request became two");
            return;
        }
        let (lost, changed) = (self.lost, self.changed);
        let e = self.theirs();
        match event {
            Request::Begin { .. } => {}
            Request::Field { field, .. } if field.space == Space::Trailer => {
                assert!(e.seen_length.is_some() && !e.seen_end && !e.last);
                let whole = matches!(field.cut, vestibule::Cut::Whole | vestibule::Cut::Last);
                e.seen_trailers += usize::from(whole);
            }
            Request::Field { field, .. } => {
                assert!(e.seen_length.is_none() && !e.last);
                add(&mut e.seen_fields, field);
            }
            Request::HeadEnd { length, .. } => {
                assert!(e.seen_length.is_none() && !e.last);
                e.seen_length = Some(length);
                if changed {
                    return;
                }
                let own = ["Host", "Content-Length", "Transfer-Encoding", "Connection"];
                let mut seen = trimmed(&e.seen_fields);
                assert_eq!(seen[0].1, e.method);
                seen.drain(..3);
                seen.retain(|l| !own.iter().any(|o| model::is(&l.0, o)));
                assert_eq!(seen, trimmed(&e.fields));
                match e.length {
                    Some(Length::None) => {
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
                    assert!(e.seen_trailers == e.trailers);
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
            Request::Ext(ext) => match ext {},
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
                    let told = self.lost && error == Error::Eof;
                    assert!(told || self.changed, "client: {error}");
                    input = &[];
                    break;
                }
            }
        }
        self.to_client.at += bytes.len() - input.len();
    }

    fn response(&mut self, event: Response<'_, vestibule::http1::ClientExt>) {
        let (lost, changed) = (self.lost, self.changed);
        let client = self.client;
        let e = self.ours();
        assert!(e.done.is_none(), "{event:?} after Done");
        match event {
            Response::Field { field, .. } if field.space == Space::Trailer => {
                assert!(e.got_status.is_some() && !e.got_end);
                let whole = matches!(field.cut, vestibule::Cut::Whole | vestibule::Cut::Last);
                e.got_trailers += usize::from(whole);
            }
            Response::Field { field, .. } => {
                assert!(e.got_status.is_none());
                add(&mut e.got_fields, field);
            }
            Response::Interim { status, .. } => {
                assert!(e.got_status.is_none() && matches!(status, 100..=199));
                e.got_fields.clear();
            }
            Response::HeadEnd { status, .. } => {
                assert!(e.got_status.is_none());
                e.got_status = Some(status);
                if !changed {
                    assert_eq!(e.status, Some(status));
                    let test = e.got_fields.iter().find(|l| l.0 == b"X-Test");
                    let given = test.map(|l| &l.1[..]);
                    assert_eq!(given.is_some(), e.over != Some(Over::Refused));
                    assert!(given.is_none_or(|v| model::trim(v) == b"a value"));
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
                }
            }
            Response::Demand { max, .. } => {
                assert!(max > 0 && e.got_status.is_none());
                assert!(
                    client.credit(ID) > 0
                        || e.sent_end
                        || e.length == Some(Length::Known(e.sent.len() as u64))
                );
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
                        // All of it was written, and it was ended as it should.
                        assert!(e.got_end && e.got == e.answer);
                        let ended = matches!(e.over, Some(Over::Finished | Over::Refused));
                        let counted = e.declared == Some(e.answer.len() as u64);
                        assert!(ended || counted || e.skip, "{e:?}");
                        assert!(e.got_trailers == e.answer_trailers || !ended);
                        let sent = e.length == Some(Length::Known(e.sent.len() as u64));
                        assert!(!reuse || e.sent_end || sent);
                    }
                    Ending::Truncated | Ending::Failed(_) if e.aborted => {
                        panic!("{ending:?} after an abort")
                    }
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
            Response::Log { .. } => panic!("a log"),
            Response::Ext(ext) => match ext {},
        }
    }

    fn open(&mut self, source: &mut Source<'_>) {
        let what = source.byte();
        let method: &[u8] = match what & 7 {
            0 | 1 => b"GET",
            2 => b"HEAD",
            3 => b"CONNECT",
            4 => b"OPTIONS",
            _ => b"POST",
        };
        let target: &[u8] = match method {
            b"CONNECT" => b"h:80",
            b"OPTIONS" => b"*",
            _ => b"/a?b",
        };
        let length = match what >> 3 & 3 {
            _ if method == b"CONNECT" => Length::None,
            0 => Length::None,
            1 => Length::Unknown,
            _ => Length::Known(u64::from(what >> 5)),
        };
        let mut fields = Lines::new();
        for _ in 0..source.below(3) {
            let name = [&b"x-a"[..], b"x-b", b"cookie"][source.below(3)];
            // No blanks around it, as on the wire.
            let value = vec![b'v'; source.below(100)];
            fields.push((name.to_vec(), value));
        }
        let some = !matches!(length, Length::None | Length::Known(0));
        if some && source.below(4) == 0 {
            fields.push((b"expect".to_vec(), b"100-continue".to_vec()));
        }
        let start = [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", target),
            Field::header(b"Host", b"h"),
        ];
        let mut room = vec![0; if source.below(16) == 0 { 30 } else { 1000 }];
        let given = fields.clone();
        let result = ask(&mut self.client, |c| {
            let all = start.into_iter().chain(lines(&given));
            let (_, frame) = c.open(all, length, &mut room)?;
            Ok(frame.slices().concat())
        });
        let Ok(bytes) = result else {
            return;
        };
        // Whatever the machine writes is one request.
        let Head::Good(_, _, rest) = model::request(&bytes) else {
            panic!("{}", bytes.escape_ascii());
        };
        assert!(rest.is_empty());
        self.to_server.bytes.extend(bytes);
        assert!(self.all.last().is_none_or(|e| e.done.is_some()));
        self.all.push(Exchange {
            method: method.to_vec(),
            fields,
            length: Some(length),
            sent_end: length == Length::None,
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
            let tunnel = e.method == b"CONNECT" && status / 100 == 2;
            e.skip = e.method == b"HEAD" || matches!(status, 204 | 304) || tunnel;
            e.declared = match length {
                Length::None => Some(0),
                Length::Known(n) => Some(n),
                Length::Unknown => None,
            };
            if tunnel {
                e.over = Some(Over::Finished);
            }
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

    /// The calls of an exchange in their order, most of them in place.
    fn whole(&mut self, source: &mut Source<'_>) {
        const CALLS: [u8; 16] = [0, 2, 4, 11, 24, 15, 2, 3, 4, 10, 16, 18, 13, 19, 20, 15];
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
        let n = usize::from(source.0.first().copied().unwrap_or(5)) % BODY.len();
        let mut payload = &BODY[..n];
        match what & 31 {
            0 | 1 => self.open(source),
            2 | 3 => {
                let credit = self.client.credit(ID);
                let frame = ask(&mut self.client, |c| c.body(ID, &mut payload));
                let taken = n - payload.len();
                match frame {
                    Ok(frame) => {
                        assert!(taken == n || credit == 0);
                        self.to_server.put(frame);
                        self.ours().sent.extend(&BODY[..taken]);
                    }
                    Err(_) => assert_eq!(taken, 0),
                }
            }
            4 | 5 => {
                let trailers = [Field::trailer(b"X-T", b"1"), Field::trailer(b"X-U", b"")];
                let trailers = &trailers[..source.below(3)];
                let mut room = [0; 60];
                let frame = ask(&mut self.client, |c| {
                    let frame = c.body_end(ID, trailers.iter().copied(), &mut room)?;
                    Ok(frame.slices().concat())
                });
                if let Ok(bytes) = frame {
                    let e = self.all.last_mut().expect("an exchange");
                    if !bytes.is_empty() {
                        e.trailers = trailers.len();
                    }
                    e.sent_end = true;
                    self.to_server.bytes.extend(bytes);
                }
            }
            6 if source.byte() < 32 && ask(&mut self.client, |c| c.abort(ID)).is_ok() => {
                self.ours().aborted = true;
                self.lost = true;
            }
            7 => drop(ask(&mut self.client, |c| c.proceed(ID))),
            8..=10 => self.serve(usize::from(source.byte())),
            11 => self.serve(usize::MAX),
            12..=14 => self.receive(usize::from(source.byte())),
            15 => self.receive(usize::MAX),
            16 | 17 => self.head(source),
            18 | 19 => {
                match tell(&mut self.server, |s| s.body(ID, &mut payload)) {
                    Ok(frame) => {
                        assert!(payload.is_empty());
                        // What is dropped because there is no body is not sent.
                        let (skipped, changed) = (frame.is_empty(), self.changed);
                        self.to_client.put(frame);
                        let e = self.theirs();
                        assert!(!skipped || e.skip || n == 0 || changed);
                        if !e.skip {
                            e.answer.extend(&BODY[..n]);
                        }
                    }
                    Err(_) => assert_eq!(payload.len(), n),
                }
            }
            20 | 21 => {
                let trailers = [Field::trailer(b"X-T", b"1"), Field::trailer(b"X-U", b"")];
                let mut room = [0; 60];
                let frame = tell(&mut self.server, |s| {
                    let frame = s.finish(ID, trailers, &mut room)?;
                    Ok(frame.slices().concat())
                });
                if let Ok(bytes) = frame {
                    let written = bytes.len() > 5;
                    self.to_client.bytes.extend(bytes);
                    let e = self.theirs();
                    assert!(e.over.is_none());
                    assert!(e.status.is_some() || e.last);
                    e.answer_trailers = if written { 2 } else { 0 };
                    e.over = Some(if e.last { Over::Broken } else { Over::Finished });
                }
            }
            22 => self.fail([Error::Internal, Error::Overloaded][source.below(2)]),
            // Within the client's limit; one more comes from `demand`.
            23 if self.theirs().interims < 15 => {
                let status = [103, 100, 102, 101][source.below(4)];
                let mut room = [0; 60];
                let frame = tell(&mut self.server, |s| {
                    let frame = s.interim(ID, status, [Field::header(b"L", b"x")], &mut room)?;
                    Ok(frame.slices().concat())
                });
                self.to_client.bytes.extend(frame.unwrap_or_default());
                self.theirs().interims += 1;
            }
            24 => {
                if let Ok(frame) = tell(&mut self.server, |s| s.demand(ID, 9)) {
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
            29 => match source.byte() {
                0 => self.client.last(),
                _ => self.whole(source),
            },
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
    let limits = ServerLimits::DEFAULT.drain_bytes([65_536, 20][usize::from(config & 1)]);
    let mut link = Link {
        client: Client::new(),
        server: Server::with_limits(limits),
        to_server: Pipe::default(),
        to_client: Pipe::default(),
        all: Vec::new(),
        begun: 0,
        extra: Exchange::default(),
        lost: false,
        changed: false,
    };
    let mut calls = 0;
    while !source.is_empty() && calls < 300 {
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
    if link.changed {
        return;
    }
    let methods: Vec<Vec<u8>> = link.all.iter().map(|e| e.method.clone()).collect();
    ok(model::answers(&link.to_client.bytes, &methods, true));
    let mut rest = &link.to_server.bytes[..];
    for e in &link.all {
        let Head::Good(_, head, behind) = model::request(rest) else {
            panic!("no request: {}", rest.escape_ascii());
        };
        let body = model::body(head.framing, behind, 32);
        assert_eq!(body.bytes, e.sent);
        match body.end {
            End::Whole(behind) => rest = behind,
            End::Cut => rest = &[],
            end => panic!("{end:?}"),
        }
    }
    assert!(rest.is_empty());
}
