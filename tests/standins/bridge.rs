//! Any server machine joined to any client machine, by the public traits
//! alone. It keeps no body byte: what cannot be passed on stays at the front of
//! the input it came from, and only a count is kept.

use vestibule::{
    Client, Ending, Error, Field, Fields, Frame, Id, Length, Next, Request, Response, Server, Space,
};

use crate::common::put;

/// Writes into a queue that is never longer than this (and a message).
pub const QUEUE: usize = 20_000;

/// One exchange on both sides.
struct Exchange {
    server: Option<Id>,
    client: Option<Id>,
    request: Fields<Vec<u8>>,
    answer: Fields<Vec<u8>>,
    request_ended: bool,
    /// The application asked for so much, and the server side was not told yet.
    demand: usize,
}

/// Body bytes at the front of an input, already taken by its machine.
#[derive(Clone, Copy)]
struct Kept {
    id: Id,
    count: usize,
}

#[derive(Default)]
pub struct Bridge {
    exchanges: Vec<Exchange>,
    from_server: Option<Kept>,
    from_client: Option<Kept>,
    pub log: Vec<u8>,
}

/// Fields that belong to one side's framing.
fn passes(space: Space, name: &[u8]) -> bool {
    let framing: [&[u8]; 4] = [
        b"content-length",
        b"status",
        b"content_length",
        b"connection",
    ];
    matches!(space, Space::Var | Space::Header)
        && !framing.iter().any(|f| f.eq_ignore_ascii_case(name))
}

fn list(fields: &Fields<Vec<u8>>) -> Vec<Field<'_>> {
    fields.iter().filter(|f| passes(f.space, f.name)).collect()
}

impl Bridge {
    fn of_server(&mut self, id: Id) -> Option<&mut Exchange> {
        self.exchanges.iter_mut().find(|e| e.server == Some(id))
    }

    fn of_client(&mut self, id: Id) -> Option<&mut Exchange> {
        self.exchanges.iter_mut().find(|e| e.client == Some(id))
    }

    /// Ends what is left of an exchange on the side of the web server.
    fn spoil<V: Server>(&mut self, server: &mut V, id: Id, error: Error, out: &mut Vec<u8>) {
        let mut room = [0; 256];
        if let Ok(frame) = server.fail(id, error, &mut room) {
            put(out, frame);
        }
        if let Some(e) = self.of_server(id) {
            e.server = None;
        }
        self.exchanges
            .retain(|e| e.server.is_some() || e.client.is_some());
    }

    /// Goes on as far as input, credit and the two queues allow.
    pub fn run<V: Server, K: Client>(
        &mut self,
        server: &mut V,
        client: &mut K,
        from_web: &mut &[u8],
        from_app: &mut &[u8],
        to_web: &mut Vec<u8>,
        to_app: &mut Vec<u8>,
    ) {
        loop {
            let mut moved = false;
            if to_web.len() < QUEUE && to_app.len() < QUEUE {
                moved |= self.up(server, client, from_web, to_web, to_app);
            }
            if to_web.len() < QUEUE && to_app.len() < QUEUE {
                moved |= self.down(server, client, from_app, to_web, to_app);
            }
            if !moved {
                return;
            }
        }
    }

    /// One step of the request's way. Says whether anything happened.
    fn up<V: Server, K: Client>(
        &mut self,
        server: &mut V,
        client: &mut K,
        input: &mut &[u8],
        to_web: &mut Vec<u8>,
        to_app: &mut Vec<u8>,
    ) -> bool {
        if let Some(kept) = self.from_server {
            let target = self.of_server(kept.id).and_then(|e| e.client);
            let mut payload = &input[..kept.count];
            match target {
                None => payload = &[],
                Some(id) => match client.body(id, &mut payload) {
                    Ok(frame) => put(to_app, frame),
                    Err(_) => payload = &[],
                },
            }
            let passed = kept.count - payload.len();
            *input = &input[passed..];
            self.from_server = (!payload.is_empty()).then_some(Kept {
                count: payload.len(),
                ..kept
            });
            if self.from_server.is_none() {
                let more = target.map_or(usize::MAX, |id| client.credit(id));
                if let Ok(frame) = server.demand(kept.id, more) {
                    put(to_web, frame);
                }
            }
            return passed > 0;
        }
        let before = *input;
        let event = match server.next(input) {
            Ok(Next::Event(event)) => event,
            Ok(Next::NeedInput | Next::Paused) | Err(_) => return before.len() != input.len(),
        };
        match event {
            Request::Begin { id } => self.exchanges.push(Exchange {
                server: Some(id),
                client: None,
                request: Fields::new(vec![0; 4096]),
                answer: Fields::new(vec![0; 4096]),
                request_ended: false,
                demand: 0,
            }),
            Request::Field { id, field } => {
                if let Some(e) = self.of_server(id) {
                    let _ = e.request.push(field);
                }
            }
            Request::HeadEnd { id, length } => {
                let e = self.of_server(id).expect("begun");
                let mut room = vec![0; 8192];
                match client.open(list(&e.request), length, &mut room) {
                    Ok((other, frame)) => {
                        put(to_app, frame);
                        e.client = Some(other);
                        e.request_ended = length == Length::None;
                        let credit = client.credit(other);
                        if credit > 0
                            && length != Length::None
                            && let Ok(frame) = server.demand(id, credit)
                        {
                            put(to_web, frame);
                        }
                    }
                    Err(_) => self.spoil(server, id, Error::Overloaded, to_web),
                }
            }
            Request::Body { id, bytes } => {
                let start = before.len() - input.len() - bytes.len();
                *input = &before[start..];
                self.from_server = Some(Kept {
                    id,
                    count: bytes.len(),
                });
            }
            Request::BodyEnd { id } => {
                if let Some(e) = self.of_server(id) {
                    e.request_ended = true;
                    let mut room = vec![0; 8192];
                    if let Some(other) = e.client
                        && let Ok(frame) = client.body_end(other, trailers(&e.request), &mut room)
                    {
                        put(to_app, frame);
                    }
                }
            }
            Request::Fault { id, error } => self.give_up(server, client, id, error, to_web, to_app),
            Request::Abort { id } => {
                self.give_up(server, client, id, Error::Eof, to_web, to_app);
            }
            Request::Ext(ext) => {
                let frame = server.default_reply(ext);
                put(to_web, frame);
            }
        }
        true
    }

    fn give_up<V: Server, K: Client>(
        &mut self,
        server: &mut V,
        client: &mut K,
        id: Id,
        error: Error,
        to_web: &mut Vec<u8>,
        to_app: &mut Vec<u8>,
    ) {
        if let Some(other) = self.of_server(id).and_then(|e| e.client)
            && let Ok(frame) = client.abort(other)
        {
            put(to_app, frame);
        }
        self.spoil(server, id, error, to_web);
    }

    /// One step of the answer's way.
    fn down<V: Server, K: Client>(
        &mut self,
        server: &mut V,
        client: &mut K,
        input: &mut &[u8],
        to_web: &mut Vec<u8>,
        to_app: &mut Vec<u8>,
    ) -> bool {
        if let Some(kept) = self.from_client {
            let target = self.of_client(kept.id).and_then(|e| e.server);
            let mut payload = &input[..kept.count];
            match target {
                None => payload = &[],
                Some(id) => match server.body(id, &mut payload) {
                    Ok(frame) => put(to_web, frame),
                    Err(_) => payload = &[],
                },
            }
            let passed = kept.count - payload.len();
            *input = &input[passed..];
            self.from_client = (!payload.is_empty()).then_some(Kept {
                count: payload.len(),
                ..kept
            });
            return passed > 0;
        }
        let before = *input;
        let event = match client.next(input) {
            Ok(Next::Event(event)) => event,
            Ok(Next::NeedInput | Next::Paused) | Err(_) => return before.len() != input.len(),
        };
        let mut room = vec![0; 8192];
        match event {
            Response::Field { id, field } => {
                if let Some(e) = self.of_client(id) {
                    let _ = e.answer.push(field);
                }
            }
            Response::Interim { id, status } => {
                if let Some(e) = self.of_client(id)
                    && let Some(other) = e.server
                {
                    if let Ok(frame) = server.interim(other, status, list(&e.answer), &mut room) {
                        put(to_web, frame);
                    }
                    e.answer.clear();
                }
            }
            Response::HeadEnd { id, status, length } => {
                if let Some(e) = self.of_client(id)
                    && let Some(other) = e.server
                {
                    let fields = list(&e.answer);
                    let made = server.head(other, status, fields, length, &mut room);
                    let refused = match made {
                        Ok(frame) => {
                            put(to_web, frame);
                            false
                        }
                        Err(_) => true,
                    };
                    e.answer.clear();
                    if refused {
                        self.give_up(server, client, other, Error::Upstream, to_web, to_app);
                    }
                }
            }
            Response::Body { id, bytes } => {
                let start = before.len() - input.len() - bytes.len();
                *input = &before[start..];
                self.from_client = Some(Kept {
                    id,
                    count: bytes.len(),
                });
            }
            Response::BodyEnd { .. } => {}
            Response::Log { bytes, .. } => self.log.extend_from_slice(bytes),
            Response::Demand { id, max } => {
                if let Some(e) = self.of_client(id) {
                    e.demand = max;
                    let frame: Result<Frame<'_>, _> = match (e.request_ended, e.server) {
                        (true, _) => client
                            .body_end(id, [], &mut [])
                            .inspect(|f| put(to_app, *f)),
                        (false, Some(other)) => {
                            server.demand(other, max).inspect(|f| put(to_web, *f))
                        }
                        (false, None) => Ok(Frame::EMPTY),
                    };
                    let _ = frame;
                }
            }
            Response::Done { id, ending, .. } => {
                let Some(at) = self.exchanges.iter().position(|e| e.client == Some(id)) else {
                    return true;
                };
                let e = &mut self.exchanges[at];
                e.client = None;
                let Some(other) = e.server else {
                    self.exchanges.remove(at);
                    return true;
                };
                let whole = matches!(ending, Ending::Complete { .. });
                let finished = whole
                    && match server.finish(other, trailers(&e.answer), &mut room) {
                        Ok(frame) => {
                            put(to_web, frame);
                            true
                        }
                        Err(_) => false,
                    };
                if finished {
                    self.exchanges.remove(at);
                } else {
                    self.spoil(server, other, Error::Upstream, to_web);
                }
            }
            Response::Ext(_) => {}
        }
        true
    }
}

fn trailers(fields: &Fields<Vec<u8>>) -> Vec<Field<'_>> {
    fields
        .iter()
        .filter(|f| f.space == Space::Trailer)
        .collect()
}
