//! A client and a server of a protocol that carries one exchange after the
//! other, joined by a link that splits as it likes, with calls between that are
//! right and wrong; the link may end early, and a byte of it may change.
//!
//! Input: how the machines are made, what becomes of the link, then calls.

use vestibule::{
    After, Client, Ending, Error, Field, Length, Next, Receive, Request, Response, Server, Space,
    Status,
};

use super::Source;
use super::calls::{ID, tell};
use super::wire::{Exchange, Lines, Over, Pipe, Wire, add, pump, whole};

type Asked<'i, W> = Request<'i, <<W as Wire>::Server as Server>::Ext<'i>>;
type Answered<'i, W> = Response<'i, <<W as Wire>::Client as Client>::Ext<'i>>;

pub struct Link<W: Wire> {
    pub client: W::Client,
    pub server: W::Server,
    pub own: W,
    pub to_server: Pipe,
    pub to_client: Pipe,
    pub all: Vec<Exchange>,
    begun: usize,
    /// The one that the application is at once a byte has changed.
    extra: Exchange,
    /// A side was told that the connection is lost, or cannot be told.
    lost: bool,
    /// A byte has changed: only what the machines owe each by itself holds.
    pub changed: bool,
}

/// Trailers of either side.
const TAIL: [Field<'static>; 2] = [Field::trailer(b"X-T", b"1"), Field::trailer(b"X-U", b"")];

impl<W: Wire> Link<W> {
    /// The one that was opened last.
    pub fn ours(&mut self) -> &mut Exchange {
        self.all.last_mut().expect("an exchange")
    }

    /// The one that the application is at.
    pub fn theirs(&mut self) -> &mut Exchange {
        let at = self.begun.checked_sub(1);
        match at.and_then(|at| self.all.get_mut(at)) {
            Some(e) if !self.changed => e,
            _ => &mut self.extra,
        }
    }

    /// Up to `n` bytes to the application.
    fn serve(&mut self, n: usize) {
        let bytes = self.to_server.piece(n);
        let read = pump(self, &bytes, |l| &mut l.server, Self::request);
        self.to_server.at += match read {
            Ok((taken, _)) => taken,
            Err(error) => {
                let told = self.lost && error == Error::Eof;
                assert!(told || self.changed, "server: {error}");
                bytes.len()
            }
        };
    }

    fn request(&mut self, event: Asked<'_, W>) {
        let (lost, changed) = (self.lost, self.changed);
        match event {
            Request::Begin { .. } => {
                self.begun += 1;
                if changed {
                    self.extra = Exchange::default();
                    return;
                }
                assert!(self.begun <= self.all.len(), "one request became two");
            }
            Request::Field { field, .. } if field.space == Space::Trailer => {
                let e = self.theirs();
                assert!(W::TRAILERS && e.seen_length.is_some() && !e.seen_end && !e.last);
                e.seen_trailers += whole(field);
            }
            Request::Field { field, .. } => {
                let e = self.theirs();
                assert!(e.seen_length.is_none() && !e.last);
                match field.space {
                    Space::Header => add(&mut e.seen_fields, field),
                    _ => {
                        assert!(e.seen_fields.is_empty() || !W::VARS_FIRST);
                        add(&mut e.seen_vars, field);
                    }
                }
            }
            Request::HeadEnd { length, .. } => {
                let e = self.theirs();
                assert!(e.seen_length.is_none() && !e.last);
                e.seen_length = Some(length);
                if changed {
                    return;
                }
                W::start(&e.seen_vars, &e.method);
                let own = |name: &[u8]| {
                    let mut own = W::OWN.iter();
                    own.any(|own| own.as_bytes().eq_ignore_ascii_case(name))
                };
                let seen = e.seen_fields.iter().filter(|l| !own(&l.0));
                let seen: Lines = seen
                    .map(|l| (l.0.clone(), W::trim(&l.1).to_vec()))
                    .collect();
                assert_eq!(seen, e.fields);
                match e.length {
                    Some(Length::None) => {
                        assert!(matches!(length, Length::None | Length::Known(0)));
                    }
                    given => assert_eq!(given, Some(length)),
                }
            }
            Request::Body { bytes, .. } => {
                let e = self.theirs();
                assert!(e.seen_length.is_some() && !e.seen_end && !e.last);
                e.seen.extend(bytes);
                assert!(changed || e.sent.starts_with(&e.seen));
            }
            Request::BodyEnd { .. } => {
                let e = self.theirs();
                assert!(e.seen_length.is_some() && !e.seen_end && !e.last);
                e.seen_end = true;
                if !changed {
                    assert!(e.sent_end || e.sent_all(), "an end that was not said");
                    assert_eq!(e.seen, e.sent, "a cut body");
                    assert_eq!(e.seen_trailers, e.trailers);
                }
            }
            Request::Fault { error, .. } => {
                assert!(changed, "{error}");
                let e = self.theirs();
                assert!(!e.last);
                e.last = true;
            }
            Request::Abort { .. } => {
                let e = self.theirs();
                assert!(!e.last && (e.aborted || lost || changed));
                e.last = true;
            }
            Request::Ext(ext) => W::asked(self, ext),
        }
    }

    /// Up to `n` bytes to the web server.
    fn receive(&mut self, n: usize) {
        let bytes = self.to_client.piece(n);
        let read = pump(self, &bytes, |l| &mut l.client, Self::response);
        self.to_client.at += match read {
            Ok((taken, _)) => taken,
            Err(error) => {
                let told = self.lost && error == Error::Eof;
                assert!(told || self.changed, "client: {error}");
                bytes.len()
            }
        };
    }

    fn response(&mut self, event: Answered<'_, W>) {
        if let Response::Ext(ext) = event {
            return W::answered(self, ext);
        }
        let (lost, changed) = (self.lost, self.changed);
        let e = self.ours();
        assert!(e.done.is_none(), "an event after Done");
        match event {
            Response::Field { field, .. } if field.space == Space::Trailer => {
                assert!(W::TRAILERS && e.got_status.is_some() && !e.got_end);
                e.got_trailers += whole(field);
            }
            Response::Field { field, .. } => {
                assert!(e.got_status.is_none());
                add(&mut e.got_fields, field);
            }
            Response::Interim { status, .. } => {
                assert!(W::INTERIMS && e.got_status.is_none() && matches!(status, 100..=199));
                e.got_fields.clear();
            }
            Response::HeadEnd { status, .. } => {
                assert!(e.got_status.is_none());
                e.got_status = Some(status);
                if !changed {
                    assert_eq!(e.status, Some(status));
                    let test = e.got_fields.iter().find(|l| l.0 == b"X-Test");
                    assert_eq!(test.is_some(), e.over != Some(Over::Refused));
                    assert!(test.is_none_or(|l| W::trim(&l.1) == b"a value"));
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
                    W::ended(e);
                }
            }
            Response::Demand { max, .. } => W::demanded(self, max),
            Response::Done {
                reuse,
                retry_safe,
                ending,
                ..
            } => {
                e.done = Some(ending);
                if !changed {
                    e.check(ending, reuse, lost, W::UNCONFIRMED);
                    if matches!(ending, Ending::Complete { .. }) {
                        W::complete(e, reuse);
                    }
                    assert!(!retry_safe || e.got_fields.is_empty());
                }
            }
            Response::Log { .. } => panic!("a log"),
            Response::Ext(_) => {}
        }
    }

    fn open(&mut self, source: &mut Source<'_>) {
        let (method, target, length) = W::request(source.byte());
        let mut fields = Lines::new();
        for _ in 0..source.below(3) {
            let name = [&b"x-a"[..], b"x-b", b"cookie"][source.below(3)];
            // No blanks around it, as on the wire.
            let value = vec![b'v'; source.below(100)];
            fields.push((name.to_vec(), value));
        }
        let more = W::more(source, length);
        fields.extend(more.map(|(n, v)| (n.to_vec(), v.to_vec())));
        let start = [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", target),
            Field::header(b"Host", b"h"),
        ];
        let mut room = vec![0; if source.below(16) == 0 { 30 } else { 1000 }];
        let given = fields.clone();
        let result = tell(&mut self.client, |c| {
            let lines = given.iter().map(|(n, v)| Field::header(n, v));
            let (_, frame) = c.open(start.into_iter().chain(lines), length, &mut room)?;
            Ok(frame.slices().concat())
        });
        let Ok(bytes) = result else {
            return;
        };
        self.own.opened(&bytes, length);
        self.to_server.bytes.extend(bytes);
        assert!(self.all.last().is_none_or(|e| e.done.is_some()));
        self.all.push(Exchange {
            method: method.to_vec(),
            fields,
            length: Some(length),
            sent_end: matches!(length, Length::None | Length::Known(0)),
            ..Exchange::default()
        });
    }

    fn body(&mut self, all: &[u8]) {
        let mut payload = all;
        let credit = self.client.credit(ID);
        let frame = tell(&mut self.client, |c| {
            Ok(c.body(ID, &mut payload)?.slices().concat())
        });
        let taken = all.len() - payload.len();
        match frame {
            Ok(bytes) => {
                assert_eq!(taken, all.len().min(credit));
                self.own.sent(&bytes, &all[..taken]);
                self.to_server.bytes.extend(bytes);
                self.ours().sent.extend(&all[..taken]);
            }
            Err(_) => assert_eq!(taken, 0),
        }
    }

    fn body_end(&mut self, source: &mut Source<'_>) {
        let trailers = &TAIL[..W::trailers(source)];
        let room = &mut [0; 60][..if W::TRAILERS { 60 } else { 0 }];
        let frame = tell(&mut self.client, |c| {
            let frame = c.body_end(ID, trailers.iter().copied(), room)?;
            Ok(frame.slices().concat())
        });
        if let Ok(bytes) = frame {
            self.own.sent(&bytes, b"");
            let e = self.ours();
            if !bytes.is_empty() {
                e.trailers = trailers.len();
            }
            e.sent_end = true;
            self.to_server.bytes.extend(bytes);
        }
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

    fn answer(&mut self, all: &[u8]) {
        let mut payload = all;
        let frame = tell(&mut self.server, |s| s.body(ID, &mut payload));
        let taken = all.len() - payload.len();
        match frame {
            Ok(frame) => {
                assert!(payload.is_empty() || taken == self.own.piece());
                // What is dropped because there is no body is not sent.
                let (skipped, changed) = (frame.is_empty(), self.changed);
                self.to_client.put(frame);
                let e = self.theirs();
                assert!(!skipped || e.skip || all.is_empty() || changed);
                if !e.skip {
                    e.answer.extend(&all[..taken]);
                }
            }
            Err(_) => assert_eq!(taken, 0),
        }
    }

    fn finish(&mut self) {
        let mut room = [0; 60];
        let frame = tell(&mut self.server, |s| {
            Ok(s.finish(ID, TAIL, &mut room)?.slices().concat())
        });
        if let Ok(bytes) = frame {
            let trailers = W::TRAILERS && bytes.len() > 5;
            self.to_client.bytes.extend(bytes);
            let e = self.theirs();
            assert!(e.over.is_none());
            assert!(e.status.is_some() || e.last);
            e.answer_trailers = if trailers { TAIL.len() } else { 0 };
            e.over = Some(if e.last { Over::Broken } else { Over::Finished });
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

    /// An exchange from its beginning to its end, if all goes well.
    fn whole(&mut self, source: &mut Source<'_>) {
        for call in W::CALLS {
            let mut bytes = vec![*call];
            bytes.extend(source.take(2));
            self.call(&mut Source(&bytes));
        }
        self.serve(usize::MAX);
        self.receive(usize::MAX);
    }

    fn call(&mut self, source: &mut Source<'_>) {
        let what = source.byte() & 31;
        let n = W::some(source.0.first().copied().unwrap_or(5));
        let all = W::BODY.repeat(n.div_ceil(W::BODY.len()));
        let all = &all[..n];
        match what {
            0 | 1 => self.open(source),
            2 | 3 => self.body(all),
            4 | 5 => self.body_end(source),
            6 if source.byte() < 32 && tell(&mut self.client, |c| c.abort(ID)).is_ok() => {
                self.ours().aborted = true;
                self.lost = true;
            }
            8..=10 => self.serve(usize::from(source.byte())),
            11 => self.serve(usize::MAX),
            12..=14 => self.receive(usize::from(source.byte())),
            15 => self.receive(usize::MAX),
            16 | 17 => self.head(source),
            18 | 19 => self.answer(all),
            20 | 21 => self.finish(),
            22 => self.fail([Error::Internal, Error::Overloaded][source.below(2)]),
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
            7 | 23 | 24 | 29 if W::call(self, what, source) => self.whole(source),
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

pub fn run<W: Wire>(data: &[u8]) {
    let mut source = Source(data);
    let config = source.byte();
    let (place, flip) = (usize::from(source.word()), source.byte());
    let (client, server, own) = W::make(config);
    let mut link = Link {
        client,
        server,
        own,
        to_server: Pipe::default(),
        to_client: Pipe::default(),
        all: Vec::new(),
        begun: 0,
        extra: Exchange::default(),
        lost: false,
        changed: false,
    };
    let mut calls = 0;
    while !source.is_empty() && calls < W::MOST {
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
    if !link.changed {
        W::written(&link);
    }
}
