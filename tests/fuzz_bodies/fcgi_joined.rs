//! Our client and our server, joined by a link that splits as it likes, with
//! calls between that are right and wrong.
//!
//! Input: slots of both sides, then calls.

use std::collections::HashMap;

use vestibule::fcgi::client::{self, Client};
use vestibule::fcgi::{ClientExt, Role, Server, ServerExt, ServerLimits, Slot};
use vestibule::{
    Cut, Ending, Error, Field, Id, Length, Next, Receive, Refused, Rejection, Request, Response,
    Server as _,
};

use super::calls::tell;
use super::wire::{Lines, Pipe, add, pump};
use super::{Source, ok, records};

/// What both sides know of one request.
#[derive(Debug, Default)]
struct Exchange {
    // Of the web server.
    head: bool,
    fields: Lines,
    length: Option<Length>,
    sent: Vec<u8>,
    sent_end: bool,
    data: Vec<u8>,
    data_end: bool,
    aborted: bool,
    discarded: bool,
    // Seen by the application.
    seen_fields: Lines,
    head_end: bool,
    seen: Vec<u8>,
    seen_end: bool,
    seen_data: Vec<u8>,
    last: bool,
    dropped: bool,
    // Of the application.
    status: Option<u16>,
    answer: Vec<u8>,
    log: Vec<u8>,
    over: Option<Over>,
    // Seen by the web server.
    name: Vec<u8>,
    value: Vec<u8>,
    got_value: Option<Vec<u8>>,
    got_status: Option<u16>,
    got: Vec<u8>,
    got_end: bool,
    got_log: Vec<u8>,
    done: Option<Ending>,
}

/// How the application ended it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Over {
    Ended(u32),
    Failed,
    Rejected(Rejection),
}

struct Link {
    client: Client<Vec<client::Slot>>,
    server: Server<Vec<Slot>>,
    to_server: Pipe,
    to_client: Pipe,
    /// By id, oldest first.
    all: HashMap<u16, Vec<Exchange>>,
    /// Which of them the application is at.
    begun: HashMap<u16, usize>,
    /// One side was told that the connection is lost.
    lost: bool,
    asked: usize,
    values: (u16, u16),
}

const BODY: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

impl Link {
    /// The newest of an id.
    fn ours(&mut self, id: Id) -> &mut Exchange {
        let all = self.all.get_mut(&id.get()).expect("an id that was opened");
        all.last_mut().expect("an exchange")
    }

    /// The one that the application is at.
    fn theirs(&mut self, id: Id) -> &mut Exchange {
        let at = self.begun[&id.get()] - 1;
        let all = self.all.get_mut(&id.get()).expect("an id that was opened");
        &mut all[at]
    }

    fn begin(&mut self, id: Id) {
        *self.begun.entry(id.get()).or_default() += 1;
    }

    /// Up to `n` bytes to the application.
    fn serve(&mut self, n: usize) {
        let bytes = self.to_server.piece(n);
        let read = pump(self, &bytes, |l| &mut l.server, Self::request);
        self.to_server.at += match read {
            Ok((taken, _)) => taken,
            Err(error) => {
                assert!(self.lost && error == Error::Eof, "server: {error}");
                bytes.len()
            }
        };
    }

    fn request(&mut self, event: Request<'_, ServerExt<'_>>) {
        match event {
            Request::Begin { id } => self.begin(id),
            Request::Field { id, field } => {
                let e = self.theirs(id);
                add(&mut e.seen_fields, field);
            }
            Request::HeadEnd { id, length } => {
                let e = self.theirs(id);
                assert!(!e.head_end && !e.last);
                e.head_end = true;
                assert_eq!(e.seen_fields, e.fields, "a partial environment");
                if let Some(Length::Known(n)) = e.length {
                    assert_eq!(length, Length::Known(n));
                }
            }
            Request::Body { id, bytes } => {
                let e = self.theirs(id);
                assert!(e.head_end && !e.seen_end && !e.last && !e.dropped);
                e.seen.extend(bytes);
                assert!(e.sent.starts_with(&e.seen));
            }
            Request::BodyEnd { id } => {
                let e = self.theirs(id);
                assert!(e.head_end && !e.seen_end && !e.last && e.sent_end);
                assert!(e.dropped || e.seen == e.sent, "a cut body");
                e.seen_end = true;
            }
            Request::Fault { id, error } => panic!("{id}: {error}"),
            Request::Abort { id } => {
                let lost = self.lost;
                let e = self.theirs(id);
                assert!(!e.last && (e.aborted || lost));
                e.last = true;
            }
            Request::Ext(ext) => {
                match ext {
                    ServerExt::Data { id, bytes } => {
                        let e = self.theirs(id);
                        assert!(e.seen_end && !e.last && !e.dropped);
                        e.seen_data.extend(bytes);
                        assert!(e.data.starts_with(&e.seen_data));
                    }
                    ServerExt::DataEnd { id } => {
                        let e = self.theirs(id);
                        assert!(e.data_end && !e.last);
                        assert!(e.dropped || e.data == e.seen_data, "a cut file");
                    }
                    ServerExt::Surplus { id, reason } => {
                        self.begin(id);
                        let e = self.theirs(id);
                        e.over = Some(Over::Rejected(reason));
                        e.last = true;
                    }
                    ServerExt::Values(_) => {}
                    other => panic!("{other:?}"),
                }
                let frame = self.server.default_reply(ext);
                self.to_client.put(frame);
            }
        }
    }

    /// Up to `n` bytes to the web server.
    fn receive(&mut self, n: usize) {
        let bytes = self.to_client.piece(n);
        let read = pump(self, &bytes, |l| &mut l.client, Self::response);
        match read {
            Ok((_, paused)) => assert!(!paused || self.lost),
            Err(error) => assert!(self.lost && error == Error::Eof, "client: {error}"),
        }
        self.to_client.at += bytes.len();
    }

    fn response(&mut self, event: Response<'_, ClientExt>) {
        let lost = self.lost;
        match event {
            Response::Field { id, field } => {
                let e = self.ours(id);
                assert!(e.done.is_none() && e.got_status.is_none());
                if matches!(field.cut, Cut::Whole | Cut::First) {
                    (e.name, e.value) = Default::default();
                }
                e.name.extend(field.name);
                e.value.extend(field.value);
                if matches!(field.cut, Cut::Whole | Cut::Last) && e.name == b"X-Test" {
                    e.got_value = Some(e.value.clone());
                }
            }
            Response::HeadEnd { id, status, .. } => {
                let e = self.ours(id);
                assert!(e.done.is_none() && e.got_status.is_none());
                e.got_status = Some(status);
                assert_eq!(e.status, Some(status));
                if e.over != Some(Over::Failed) || e.got_value.is_some() {
                    assert_eq!(e.got_value.as_deref(), Some(&b"a value"[..]));
                }
            }
            Response::Body { id, bytes } => {
                let e = self.ours(id);
                assert!(e.done.is_none() && !e.got_end && !e.aborted && !e.discarded);
                e.got.extend(bytes);
                assert!(e.answer.starts_with(&e.got));
            }
            Response::BodyEnd { id } => {
                let e = self.ours(id);
                assert!(e.done.is_none() && !e.got_end);
                assert!(matches!(e.over, Some(Over::Ended(_) | Over::Failed)));
                assert_eq!(e.got, e.answer, "a cut answer");
                e.got_end = true;
            }
            Response::Log { id, bytes } => {
                let e = self.ours(id);
                assert!(e.done.is_none());
                e.got_log.extend(bytes);
                assert!(e.log.starts_with(&e.got_log));
            }
            Response::Done {
                id,
                retry_safe,
                ending,
                ..
            } => {
                let e = self.ours(id);
                assert!(e.done.is_none(), "a second Done");
                e.done = Some(ending);
                // Rejected, or the connection has ended before anything came of it.
                let silent = e.got_status.is_none() && e.got_log.is_empty();
                let ended = ending == Ending::Failed(Error::Eof) && silent;
                assert!(!retry_safe || ended || matches!(e.over, Some(Over::Rejected(_))));
                match ending {
                    Ending::Aborted => assert!(e.aborted),
                    _ if e.aborted => panic!("{ending:?} after an abort"),
                    Ending::Complete {
                        app_status,
                        output_ended,
                    } => {
                        assert!(output_ended || e.discarded, "{lost} {e:?}");
                        assert_eq!(
                            e.over,
                            Some(match app_status {
                                // What `fail` says where nothing was sent.
                                1 => Over::Failed,
                                n => Over::Ended(n),
                            })
                        );
                        assert!(e.discarded || e.got_end);
                        assert!(e.discarded || e.got_log == e.log);
                    }
                    Ending::Unconfirmed => assert!(lost && (e.got_end || e.discarded)),
                    Ending::Truncated => {
                        assert!(e.got_status.is_some() && !e.got_end);
                        assert!(lost || e.over == Some(Over::Failed));
                    }
                    Ending::Rejected(reason) => {
                        assert_eq!(e.over, Some(Over::Rejected(reason)));
                        assert!(e.got_status.is_none() && e.got.is_empty());
                    }
                    // What is left of an answer that was skipped.
                    Ending::Failed(_) if e.discarded => {}
                    Ending::Failed(error) => assert!(lost, "{error}"),
                    other => panic!("{other:?}"),
                }
            }
            Response::Ext(ClientExt::Values(values)) => {
                assert_eq!(values.max_conns, Some(u32::from(self.values.0)));
                assert_eq!(values.max_reqs, Some(u32::from(self.values.1)));
            }
            Response::Ext(ClientExt::Unanswered) => assert!(lost),
            other => panic!("{other:?}"),
        }
    }

    /// A call of the client: what it refuses changes nothing.
    fn ask<T>(
        &mut self,
        call: impl FnOnce(&mut Client<Vec<client::Slot>>) -> Result<T, Refused>,
    ) -> Option<T> {
        tell(&mut self.client, call).ok()
    }

    /// A call of the server, likewise.
    fn tell<T>(
        &mut self,
        call: impl FnOnce(&mut Server<Vec<Slot>>) -> Result<T, Refused>,
    ) -> Option<T> {
        tell(&mut self.server, call).ok()
    }

    fn open(&mut self, source: &mut Source<'_>) {
        let what = source.byte();
        let role = [
            Role::Responder,
            Role::Authorizer,
            Role::Filter,
            Role::Responder,
        ][usize::from(what & 3)];
        let length = match what >> 2 & 3 {
            0 => Length::None,
            1 => Length::Unknown,
            _ => Length::Known(u64::from(what >> 4)),
        };
        let keep = source.below(8) != 0;
        let mut fields: Lines = Vec::new();
        let head = source.flag();
        if head {
            fields.push((b"REQUEST_METHOD".to_vec(), b"HEAD".to_vec()));
        }
        for _ in 0..source.below(4) {
            let name = source.take(1 + source.0.len() % 3).to_vec();
            let long = usize::from(source.byte());
            // Now and then one that needs a second record.
            let value = vec![b'v'; if long > 250 { long * 200 } else { long % 140 }];
            fields.push((name, value));
        }
        let long: usize = fields.iter().map(|f| f.0.len() + f.1.len()).sum();
        let mut room = vec![0; 2 * long + 200];
        if source.below(16) == 0 {
            room.truncate(20);
        }
        let given = fields.clone();
        let result = self.ask(|c| {
            let fields = given.iter().map(|(n, v)| Field::var(n, v));
            let (id, frame) = c.begin(role, keep, fields, length, &mut room)?;
            Ok((id, frame.slices().concat()))
        });
        let Some((id, bytes)) = result else {
            return;
        };
        self.to_server.bytes.extend(bytes);
        if let Length::Known(n) = length {
            fields.push((b"CONTENT_LENGTH".to_vec(), n.to_string().into_bytes()));
        }
        let all = self.all.entry(id.get()).or_default();
        assert!(all.last().is_none_or(|e| e.done.is_some()), "an id in use");
        all.push(Exchange {
            head,
            fields,
            length: Some(length),
            sent_end: length == Length::None,
            ..Exchange::default()
        });
    }

    fn answer(&mut self, id: Id, source: &mut Source<'_>) {
        let status = match source.byte() {
            n @ 0..8 => [204, 304, 100, 99, 600, 599, 404, 0][usize::from(n)],
            _ => 200,
        };
        let length = match source.byte() {
            n if n & 1 == 0 => Length::Unknown,
            1 => Length::None,
            n => Length::Known(u64::from(n >> 2)),
        };
        let mut room = [0; 200];
        let room = &mut room[..if source.below(16) == 0 { 30 } else { 200 }];
        let field = match source.byte() {
            0 => Field::header(b"X-Bad", b"a\nb: c"),
            1 => Field::header(b"Transfer-Encoding", b"chunked"),
            2 => Field::var(b"X-Test", b"a value"),
            _ => Field::header(b"X-Test", b"a value"),
        };
        let bytes = self.tell(|s| {
            let frame = s.head(id, status, [field], length, room)?;
            Ok(frame.slices().concat())
        });
        if let Some(bytes) = bytes {
            self.to_client.bytes.extend(bytes);
            self.theirs(id).status = Some(status);
        }
    }

    fn call(&mut self, source: &mut Source<'_>) {
        let what = source.byte();
        // Mostly an id that may be there.
        let id = match what >> 5 {
            n @ 0..6 => u16::from(n) % 3 + 1,
            6 => 4,
            _ => source.word().max(1),
        };
        let id = Id::new(id).unwrap_or(Id::SOLE);
        let some = &BODY[..usize::from(source.0.first().copied().unwrap_or(5)) % BODY.len()];
        let mut payload = some;
        match what & 31 {
            0 | 1 => self.open(source),
            2 => {
                let frame = self.ask(|c| c.body(id, &mut payload));
                let taken = some.len() - payload.len();
                match frame {
                    Some(frame) => {
                        self.to_server.put(frame);
                        self.ours(id).sent.extend(&some[..taken]);
                    }
                    None => assert_eq!(taken, 0),
                }
            }
            3 => {
                if let Some(frame) = self.ask(|c| c.body_end(id)) {
                    self.to_server.put(frame);
                    self.ours(id).sent_end = true;
                }
            }
            4 => {
                if let Some(frame) = self.ask(|c| c.abort(id)) {
                    self.to_server.put(frame);
                    self.ours(id).aborted = true;
                }
            }
            5 => {
                if let Some(()) = self.ask(|c| c.discard(id)) {
                    self.ours(id).discarded = true;
                }
            }
            6 => {
                if let Some(frame) = self.ask(|c| c.data(id, &mut payload)) {
                    self.to_server.put(frame);
                    let taken = some.len() - payload.len();
                    self.ours(id).data.extend(&some[..taken]);
                }
            }
            7 => {
                if let Some(frame) = self.ask(|c| c.data_end(id)) {
                    self.to_server.put(frame);
                    self.ours(id).data_end = true;
                }
            }
            8 if self.asked < 50 => {
                if let Some(frame) = self.ask(|c| c.values()) {
                    self.to_server.put(frame);
                    self.asked += 1;
                }
            }
            9 | 10 => self.serve(usize::from(source.byte())),
            11 => self.serve(usize::MAX),
            12 | 13 => self.receive(usize::from(source.byte())),
            14 => self.receive(usize::MAX),
            15 | 16 => self.answer(id, source),
            17 | 18 => {
                let frame = self.tell(|s| s.body(id, &mut payload));
                let taken = some.len() - payload.len();
                match frame {
                    Some(frame) => {
                        // What is dropped because there is no body is not sent.
                        let sent = frame.slices()[1].to_vec();
                        self.to_client.put(frame);
                        let e = self.theirs(id);
                        e.answer.extend(&sent);
                        assert!(sent == some[..taken] || sent.is_empty());
                    }
                    None => assert_eq!(taken, 0),
                }
            }
            19 | 20 => {
                let app_status = [0, 0, 2, u32::MAX][source.below(4)];
                if let Some(frame) = self.tell(|s| s.end(id, app_status)) {
                    let over = match frame.is_empty() {
                        true => Over::Failed,
                        false => Over::Ended(app_status),
                    };
                    self.to_client.put(frame);
                    let e = self.theirs(id);
                    e.over = Some(over);
                    assert!(e.aborted || e.last || e.status.is_some());
                }
            }
            21 => {
                let error = [Error::Internal, Error::Overloaded, Error::Timeout][source.below(3)];
                self.fail(id, error);
            }
            22 => {
                if let Some(frame) = self.tell(|s| s.stderr(id, &mut payload)) {
                    let sent = frame.slices()[1].to_vec();
                    self.to_client.put(frame);
                    self.theirs(id).log.extend(sent);
                }
            }
            23 => {
                let reason = [Rejection::Overloaded, Rejection::Other(9)][source.below(2)];
                if let Some(frame) = self.tell(|s| s.reject(id, reason)) {
                    self.to_client.put(frame);
                    self.theirs(id).over = Some(Over::Rejected(reason));
                }
            }
            24 => {
                let taken = self.server.discard(id).is_ok();
                if taken {
                    self.theirs(id).dropped = true;
                }
            }
            25 => self.server.close_after(id),
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
            29 => {
                let frame = self.tell(|s| s.demand(id, 9));
                assert!(frame.is_none_or(|f| f.is_empty()));
                let mut room = [0; 9];
                let frame = self.tell(|s| Ok(s.interim(id, 103, [], &mut room)?.len()));
                assert!(frame.is_none_or(|n| n == 0));
            }
            30 if source.byte() == 0 => {
                self.lost = true;
                while let Ok(Next::Event(event)) = self.client.eof() {
                    self.response(event);
                }
            }
            31 if source.byte() == 0 => {
                self.lost = true;
                // Whatever has not come is lost.
                self.to_server.at = self.to_server.bytes.len();
                while let Ok(Next::Event(event)) = self.server.eof() {
                    self.request(event);
                }
            }
            _ => {}
        }
    }

    fn fail(&mut self, id: Id, error: Error) {
        let mut room = [0; 99];
        let bytes = self.tell(|s| Ok(s.fail(id, error, &mut room)?.slices().concat()));
        let Some(bytes) = bytes else {
            return;
        };
        let alone = bytes.is_empty();
        self.to_client.bytes.extend(bytes);
        let e = self.theirs(id);
        let over = match (error, e.last, e.status) {
            (_, true, _) if alone => Over::Failed,
            (_, true, _) => Over::Ended(0),
            (Error::Overloaded, _, None) if e.log.is_empty() => {
                Over::Rejected(Rejection::Overloaded)
            }
            (_, _, None) => {
                e.status = Some(error.status());
                Over::Failed
            }
            // It cannot be taken for complete.
            _ => Over::Failed,
        };
        e.over = Some(over);
        // Nothing but the close tells that this answer is cut.
        if alone {
            self.lost = true;
        }
    }
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let config = source.byte();
    let values = (source.word(), u16::from(config));
    let mut link = Link {
        client: Client::new(vec![client::Slot::EMPTY; [1, 3][usize::from(config & 1)]]),
        server: Server::with_limits(
            vec![Slot::EMPTY; [1, 2, 3, 3][usize::from(config >> 1 & 3)]],
            ServerLimits::DEFAULT.head_bytes(u32::MAX),
        )
        .values(values.0, values.1),
        to_server: Pipe::default(),
        to_client: Pipe::default(),
        all: HashMap::new(),
        begun: HashMap::new(),
        lost: false,
        asked: 0,
        values,
    };
    let mut calls = 0;
    while !source.is_empty() && calls < 300 {
        link.call(&mut source);
        calls += 1;
    }
    // All is delivered; what is still open is ended; the connection ends.
    link.serve(usize::MAX);
    link.receive(usize::MAX);
    let ids: Vec<u16> = link.begun.keys().copied().collect();
    for id in ids.iter().filter_map(|id| Id::new(*id)) {
        link.fail(id, Error::Internal);
    }
    assert_eq!(link.server.active(), 0);
    link.receive(usize::MAX);
    link.lost = true;
    while let Ok(Next::Event(event)) = link.client.eof() {
        link.response(event);
    }
    while let Ok(Next::Event(event)) = link.server.eof() {
        link.request(event);
    }
    for (id, all) in &link.all {
        for e in all {
            assert!(e.done.is_some(), "{id} got no Done: {e:?}");
        }
    }
    ok(records::requests(&link.to_server.bytes));
    ok(records::answers(&link.to_client.bytes, true));
}
