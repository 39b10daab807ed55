//! A simulated link, and the two ends that drive machines over it by the
//! traits alone: one that asks, one that echoes.

use super::{Random, put};
use vestibule::{
    Client, Ending, Error, Field, Fields, Id, Length, Next, Request, Response, Server,
};

/// Bytes under way in one direction. What was written waits in `queue`; a
/// random part of it has arrived, and stalls now and then.
#[derive(Default)]
pub struct Link {
    pub queue: Vec<u8>,
    /// What has arrived and was not taken.
    pub inbox: Vec<u8>,
    pub closed: bool,
}

impl Link {
    /// Nothing arrives while much waits to be taken: the receiver's window.
    pub fn deliver(&mut self, random: &mut Random) {
        if random.one_in(4) || self.inbox.len() > 40_000 {
            return;
        }
        let most = [1, 9, 1500, 20_000][random.below(4)];
        let n = random.below(most + 1).min(self.queue.len());
        self.inbox.extend(self.queue.drain(..n));
    }

    /// Hands what has arrived to `take`, and keeps what it leaves.
    pub fn feed(&mut self, take: impl FnOnce(&mut &[u8])) {
        let mut cursor = &self.inbox[..];
        take(&mut cursor);
        let n = self.inbox.len() - cursor.len();
        self.inbox.drain(..n);
    }
}

/// What a request is to be, and what became of it.
pub struct Call {
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    pub length: Length,
    /// Give it up after so many bytes of body.
    pub abort_at: Option<usize>,
    pub id: Option<Id>,
    pub sent: usize,
    pub said_end: bool,
    pub status: u16,
    pub answer: Vec<u8>,
    pub head: Fields<Vec<u8>>,
    pub body_end: bool,
    pub ending: Option<Ending>,
    pub done: usize,
}

impl Call {
    pub fn new(body: Vec<u8>, length: Length) -> Call {
        Call {
            fields: vec![
                (b"REQUEST_METHOD".to_vec(), b"POST".to_vec()),
                (b"REQUEST_URI".to_vec(), b"/echo".to_vec()),
                (b"HTTP_HOST".to_vec(), b"h".to_vec()),
                (b"HTTP_X_LONG".to_vec(), vec![b'v'; 300]),
            ],
            body,
            length,
            abort_at: None,
            id: None,
            sent: 0,
            said_end: length == Length::None,
            status: 0,
            answer: Vec::new(),
            head: Fields::new(vec![0; 2048]),
            body_end: false,
            ending: None,
            done: 0,
        }
    }
}

/// The end that asks.
pub struct Web<K> {
    pub machine: K,
    pub calls: Vec<Call>,
    /// Ids and calls, newest last.
    active: Vec<(Id, usize)>,
    next: usize,
    pub error: Option<Error>,
}

impl<K: Client> Web<K> {
    pub fn new(machine: K, calls: Vec<Call>) -> Self {
        Web {
            machine,
            calls,
            active: Vec::new(),
            next: 0,
            error: None,
        }
    }

    pub fn over(&self) -> bool {
        self.calls.iter().all(|c| c.ending.is_some())
    }

    /// Sends what can be sent while the queue is short.
    pub fn send(&mut self, out: &mut Vec<u8>) {
        let mut room = vec![0; 4096];
        while self.next < self.calls.len() && self.machine.free() > 0 && out.len() < 8192 {
            let call = &mut self.calls[self.next];
            let fields: Vec<Field<'_>> =
                call.fields.iter().map(|(n, v)| Field::var(n, v)).collect();
            let Ok((id, frame)) = self.machine.open(fields, call.length, &mut room) else {
                break;
            };
            put(out, frame);
            call.id = Some(id);
            self.active.push((id, self.next));
            self.next += 1;
        }
        for (id, at) in &self.active {
            let call = &mut self.calls[*at];
            if call.ending.is_some() || out.len() >= 8192 {
                continue;
            }
            if call.abort_at.is_some_and(|n| call.sent >= n) {
                call.abort_at = None;
                call.said_end = true;
                call.sent = call.body.len();
                if let Ok(frame) = self.machine.abort(*id) {
                    put(out, frame);
                }
                continue;
            }
            let until = call.abort_at.unwrap_or(call.body.len());
            let credit = self.machine.credit(*id);
            let mut payload = &call.body[call.sent..until];
            if !payload.is_empty() && credit > 0 {
                let before = payload.len();
                if let Ok(frame) = self.machine.body(*id, &mut payload) {
                    put(out, frame);
                }
                call.sent += before - payload.len();
            }
            if call.sent == call.body.len()
                && !call.said_end
                && let Ok(frame) = self.machine.body_end(*id, [], &mut [0; 8])
            {
                put(out, frame);
                call.said_end = true;
            }
        }
    }

    fn call(&mut self, id: Id) -> &mut Call {
        let (_, at) = self.active.iter().rev().find(|a| a.0 == id).expect("open");
        &mut self.calls[*at]
    }

    fn event<X>(&mut self, event: Response<'_, X>, out: &mut Vec<u8>) {
        match event {
            Response::Field { id, field } => {
                let _ = self.call(id).head.push(field);
            }
            Response::Interim { .. } | Response::Log { .. } | Response::Ext(_) => {}
            Response::HeadEnd { id, status, .. } => self.call(id).status = status,
            Response::Body { id, bytes } => self.call(id).answer.extend_from_slice(bytes),
            Response::BodyEnd { id } => self.call(id).body_end = true,
            Response::Demand { id, .. } => {
                if self.call(id).said_end
                    && let Ok(frame) = self.machine.body_end(id, [], &mut [0; 8])
                {
                    put(out, frame);
                }
            }
            Response::Done { id, ending, .. } => {
                let call = self.call(id);
                call.ending = Some(ending);
                call.done += 1;
            }
        }
    }

    pub fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) {
        loop {
            match self.machine.next(input) {
                Ok(Next::Event(event)) => self.event(event, out),
                Ok(_) => return,
                Err(e) => {
                    self.error = Some(e);
                    *input = &[];
                    return;
                }
            }
        }
    }

    pub fn eof(&mut self) {
        let mut out = Vec::new();
        while let Ok(Next::Event(event)) = self.machine.eof() {
            self.event(event, &mut out);
        }
    }
}

/// A request as the application sees it.
struct Asked {
    id: Id,
    fields: Fields<Vec<u8>>,
    pending: Vec<u8>,
    ended: bool,
    head_sent: bool,
}

/// The end that echoes: the body back, piece by piece.
pub struct Echo<V> {
    pub machine: V,
    asked: Vec<Asked>,
    /// Bytes after which it fails, if any.
    pub fail_at: Option<usize>,
    echoed: usize,
    pub begun: usize,
    pub ended: usize,
    pub aborted: usize,
    pub faulted: usize,
    pub error: Option<Error>,
    pub random: Random,
}

impl<V: Server> Echo<V> {
    pub fn new(machine: V) -> Self {
        Echo {
            machine,
            asked: Vec::new(),
            fail_at: None,
            echoed: 0,
            begun: 0,
            ended: 0,
            aborted: 0,
            faulted: 0,
            error: None,
            random: Random(99),
        }
    }

    pub fn send(&mut self, out: &mut Vec<u8>) {
        let mut room = vec![0; 4096];
        let mut over = Vec::new();
        for asked in &mut self.asked {
            if !asked.head_sent || out.len() >= 8192 {
                continue;
            }
            let id = asked.id;
            if self.fail_at.is_some_and(|n| self.echoed >= n) {
                put(
                    out,
                    self.machine.fail(id, Error::Internal, &mut room).unwrap(),
                );
                over.push(id);
                continue;
            }
            let mut payload = &asked.pending[..];
            if !payload.is_empty() {
                let before = payload.len();
                put(out, self.machine.body(id, &mut payload).unwrap());
                let n = before - payload.len();
                asked.pending.drain(..n);
                self.echoed += n;
            }
            if asked.pending.is_empty() && !asked.ended && !self.random.one_in(3) {
                let n = 1 + self.random.below(9000);
                put(out, self.machine.demand(id, n).unwrap());
            }
            if asked.ended && asked.pending.is_empty() {
                let sum = [Field::trailer(b"Sum", b"1")];
                put(out, self.machine.finish(id, sum, &mut room).unwrap());
                over.push(id);
                self.ended += 1;
            }
        }
        self.asked.retain(|a| !over.contains(&a.id));
    }

    pub fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>) {
        let mut room = vec![0; 4096];
        loop {
            // It takes no more than it can keep.
            if self.asked.iter().any(|a| a.pending.len() > 30_000) {
                return;
            }
            let event = match self.machine.next(input) {
                Ok(Next::Event(event)) => event,
                Ok(_) => return,
                Err(e) => {
                    self.error = Some(e);
                    *input = &[];
                    return;
                }
            };
            let at = |all: &mut Vec<Asked>, id: Id| all.iter().position(|a| a.id == id).unwrap();
            match event {
                Request::Begin { id } => {
                    self.begun += 1;
                    self.asked.push(Asked {
                        id,
                        fields: Fields::new(vec![0; 4096]),
                        pending: Vec::new(),
                        ended: false,
                        head_sent: false,
                    });
                }
                Request::Field { id, field } => {
                    let i = at(&mut self.asked, id);
                    self.asked[i].fields.push(field).unwrap();
                }
                Request::HeadEnd { id, length } => {
                    let i = at(&mut self.asked, id);
                    let asked = &mut self.asked[i];
                    let name = asked.fields.get(b"REQUEST_URI");
                    let name = name.or(asked.fields.get(b"DOCUMENT_URI"));
                    let name = name.expect("a name");
                    let long = asked.fields.get(b"HTTP_X_LONG");
                    let long = long.or(asked.fields.get(b"X-Long")).expect("a long one");
                    let long = long.len();
                    let long = long.to_string();
                    let fields = [
                        Field::header(b"X-Name", name),
                        Field::header(b"X-Long", long.as_bytes()),
                    ];
                    let links = [Field::header(b"Link", b"x")];
                    put(
                        out,
                        self.machine.interim(id, 103, links, &mut room).unwrap(),
                    );
                    let frame = self.machine.head(id, 200, fields, length, &mut room);
                    put(out, frame.unwrap());
                    asked.head_sent = true;
                    asked.ended = length == Length::None;
                }
                Request::Body { id, bytes } => {
                    let i = at(&mut self.asked, id);
                    self.asked[i].pending.extend_from_slice(bytes);
                }
                Request::BodyEnd { id } => {
                    let i = at(&mut self.asked, id);
                    self.asked[i].ended = true;
                }
                Request::Fault { id, error } => {
                    self.faulted += 1;
                    put(out, self.machine.fail(id, error, &mut room).unwrap());
                    self.asked.retain(|a| a.id != id);
                }
                Request::Abort { id } => {
                    self.aborted += 1;
                    put(out, self.machine.fail(id, Error::Eof, &mut room).unwrap());
                    self.asked.retain(|a| a.id != id);
                }
                Request::Ext(ext) => put(out, self.machine.default_reply(ext)),
            }
        }
    }
}

/// Both ends of a connection once: each says what it can, and reads what arrives.
pub fn round<K: Client, V: Server>(
    web: &mut Web<K>,
    app: &mut Echo<V>,
    [up, down]: [&mut Link; 2],
    random: &mut Random,
) {
    web.send(&mut up.queue);
    up.deliver(random);
    up.feed(|input| app.read(input, &mut down.queue));
    app.send(&mut down.queue);
    down.deliver(random);
    down.feed(|input| web.read(input, &mut up.queue));
}

/// Whether every call was answered with its own body, once.
pub fn echoed(calls: &[Call]) {
    for (i, call) in calls.iter().enumerate() {
        let complete = matches!(call.ending, Some(Ending::Complete { .. }));
        assert!(complete, "{i}: {:?}", call.ending);
        assert_eq!(call.done, 1, "{i}");
        assert_eq!(call.status, 200, "{i}");
        assert!(call.answer == call.body, "{i}: another body");
        assert_eq!(call.head.get(b"X-Name"), Some(&b"/echo"[..]), "{i}");
        assert_eq!(call.head.get(b"X-Long"), Some(&b"300"[..]), "{i}");
    }
}
