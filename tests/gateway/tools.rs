//! What stands behind, told what to do; a connection of the front.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use vestibule::adapt::blocking::write_frame;
use vestibule::adapt::gateway::{Behind, Decision, Exchanged, run};
use vestibule::bridge::{End, Policy};
use vestibule::fcgi::{self, Slot};
use vestibule::{Client, Error, Field, Fields, Id, Length, Server, Timeouts, http1};

/// Longer than any of this may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a connection behind does.
type Act = Box<dyn FnOnce(UnixStream) + Send>;

/// What becomes of a head.
type Judge = fn(&mut Fields<Vec<u8>>, Length) -> Decision<&'static [u8]>;

/// What a handler does beside its work.
type Also = Box<dyn Fn(&str) + Send + Sync>;

pub struct Gate<V, K> {
    acts: Mutex<VecDeque<Act>>,
    acting: Mutex<Vec<JoinHandle<()>>>,
    kept: Mutex<Vec<(UnixStream, K)>>,
    /// Of each connection that was asked for, whether it had to be fresh, and
    /// whether it was.
    pub connected: Mutex<Vec<(bool, bool)>>,
    pub log: Mutex<Vec<u8>>,
    pub over: Mutex<Vec<(u16, u64, End)>>,
    judge: Judge,
    also: Also,
    make: fn() -> K,
    /// Connections behind carry several exchanges.
    pub shared: bool,
    pub date: Option<[u8; 29]>,
    front: std::marker::PhantomData<fn(V)>,
}

pub type Http<K> = Gate<http1::Server, K>;
pub type Fcgi<K> = Gate<fcgi::Server<Vec<Slot>>, K>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl<V, K: Default> Gate<V, K> {
    pub fn new() -> Self {
        Gate::with(K::default)
    }
}

impl<V, K> Gate<V, K> {
    pub fn with(make: fn() -> K) -> Self {
        Gate {
            acts: Mutex::default(),
            acting: Mutex::default(),
            kept: Mutex::new(Vec::new()),
            connected: Mutex::default(),
            log: Mutex::default(),
            over: Mutex::default(),
            judge: |_, _| Decision::Forward,
            also: Box::new(|_| {}),
            make,
            shared: false,
            date: None,
            front: std::marker::PhantomData,
        }
    }

    /// The next connection behind does this.
    pub fn then(self, act: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        lock(&self.acts).push_back(Box::new(act));
        self
    }

    pub fn judge(mut self, judge: Judge) -> Self {
        self.judge = judge;
        self
    }

    pub fn also(mut self, also: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.also = Box::new(also);
        self
    }

    /// How often a connection was asked for that had to be fresh, or not.
    pub fn asked(&self) -> Vec<bool> {
        lock(&self.connected).iter().map(|c| c.0).collect()
    }

    pub fn opened(&self) -> usize {
        lock(&self.connected).iter().filter(|c| c.1).count()
    }

    pub fn ends(&self) -> Vec<(u16, u64, End)> {
        lock(&self.over).clone()
    }

    /// Closes what is kept, and waits for all who were asked.
    pub fn end(&self) {
        lock(&self.kept).clear();
        let acting: Vec<_> = lock(&self.acting).drain(..).collect();
        for act in acting {
            act.join().unwrap();
        }
    }
}

impl<V: Server + Send, K: Client + Send> Behind for Gate<V, K> {
    type Server = V;
    type Client = K;
    type Stream = UnixStream;
    type Answer = &'static [u8];

    fn connect(&self, fresh: bool) -> Result<(UnixStream, K), Error> {
        (self.also)("connect");
        if !fresh && let Some(kept) = lock(&self.kept).pop() {
            lock(&self.connected).push((fresh, false));
            return Ok(kept);
        }
        lock(&self.connected).push((fresh, true));
        let act = lock(&self.acts).pop_front().ok_or(Error::Upstream)?;
        let (near, far) = UnixStream::pair().unwrap();
        lock(&self.acting).push(thread::spawn(move || act(far)));
        Ok((near, (self.make)()))
    }

    fn once(&self) -> bool {
        !self.shared
    }

    fn release(&self, stream: UnixStream, client: K) {
        lock(&self.kept).push((stream, client));
    }

    fn head(&self, _: Id, head: &mut Fields<Vec<u8>>, length: Length) -> Decision<&'static [u8]> {
        (self.also)("head");
        (self.judge)(head, length)
    }

    fn answer(
        &self,
        text: &'static [u8],
        server: &mut V,
        id: Id,
        mut out: &mut dyn Write,
    ) -> io::Result<(u16, u64)> {
        (self.also)("answer");
        let fields = [Field::header(b"Content-Type", b"text/plain")];
        let mut room = [0; 256];
        let length = Length::Known(text.len() as u64);
        write_frame(&mut out, server.head(id, 200, fields, length, &mut room)?)?;
        let mut rest = text;
        while !rest.is_empty() {
            write_frame(&mut out, server.body(id, &mut rest)?)?;
        }
        write_frame(&mut out, server.finish(id, [], &mut room)?)?;
        Ok((200, text.len() as u64))
    }

    fn date(&self) -> Option<[u8; 29]> {
        self.date
    }

    fn log(&self, text: &[u8]) {
        (self.also)("log");
        lock(&self.log).extend_from_slice(text);
    }

    fn over(&self, exchange: &Exchanged) {
        (self.also)("over");
        let end = (exchange.status(), exchange.sent(), exchange.end());
        lock(&self.over).push(end);
    }

    fn observe(&self, _: &mut V) {
        (self.also)("observe");
    }
}

/// Ends the tests where something hangs: threads cannot be ended.
pub struct Watch(#[expect(dead_code, reason = "its drop is what is waited for")] Sender<()>);

impl Watch {
    pub fn new() -> Watch {
        let (sender, receiver) = channel::<()>();
        thread::spawn(move || {
            let ended = receiver.recv_timeout(PATIENCE);
            if ended == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                eprintln!("a gateway hangs");
                std::process::abort();
            }
        });
        Watch(sender)
    }
}

pub trait Front: Server + Send + Sized {
    const EXCHANGES: usize;
    fn fresh() -> Self;
}

impl Front for http1::Server {
    const EXCHANGES: usize = 1;
    fn fresh() -> Self {
        http1::Server::new()
    }
}

impl Front for fcgi::Server<Vec<Slot>> {
    const EXCHANGES: usize = 4;
    fn fresh() -> Self {
        fcgi::Server::new(vec![Slot::EMPTY; Self::EXCHANGES])
    }
}

/// Runs a connection to its end, with `client` at its other side, and waits
/// for all who were asked.
pub fn through<V: Front, K: Client + Send, T>(
    gate: &Gate<V, K>,
    timeouts: Timeouts,
    client: impl FnOnce(UnixStream) -> T,
) -> T {
    let _watch = Watch::new();
    let (near, far) = UnixStream::pair().unwrap();
    let got = thread::scope(|scope| {
        scope.spawn(move || {
            let machine = V::fresh();
            run(gate, &near, machine, V::EXCHANGES, Policy::STRICT, timeouts);
        });
        client(far)
    });
    gate.end();
    got
}

/// The answer to these bytes, until the gateway closes.
pub fn ask<V: Front, K: Client + Send>(gate: &Gate<V, K>, bytes: &[u8]) -> String {
    through(gate, Timeouts::DEFAULT, |stream| said(stream, bytes))
}

/// What comes of these bytes until the peer closes, as text. Nothing follows
/// them.
pub fn said(mut stream: UnixStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    rest(stream)
}

/// What still comes, as text.
pub fn rest(mut stream: UnixStream) -> String {
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    let text = got.escape_ascii().to_string();
    text.replace("\\r\\n", "\n").replace("\\\"", "\"")
}

/// Bytes up to and with `end`.
pub fn until(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let mut got = Vec::new();
    while !got.ends_with(end) {
        let mut byte = [0];
        let n = stream.read(&mut byte).unwrap();
        assert!(n > 0, "ended behind {}", got.escape_ascii());
        got.push(byte[0]);
    }
    got
}

pub fn head(stream: &mut impl Read) -> String {
    String::from_utf8(until(stream, b"\r\n\r\n")).unwrap()
}

pub fn exactly(stream: &mut impl Read, n: usize) -> Vec<u8> {
    let mut got = vec![0; n];
    stream.read_exact(&mut got).unwrap();
    got
}

/// Whether the peer has closed, or nothing at all has come.
pub fn closed(stream: &mut impl Read) -> bool {
    matches!(stream.read(&mut [0]), Ok(0) | Err(_))
}

/// A record without padding.
pub fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, kind];
    bytes.extend(id.to_be_bytes());
    bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(content);
    bytes
}

/// A record that comes: type, id, content.
pub fn next_record(stream: &mut impl Read) -> (u8, u16, Vec<u8>) {
    let mut header = [0; 8];
    stream.read_exact(&mut header).unwrap();
    let content = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let mut bytes = exactly(stream, content + usize::from(header[6]));
    bytes.truncate(content);
    (header[1], u16::from_be_bytes([header[2], header[3]]), bytes)
}

/// Records up to the empty one of a type.
pub fn records(stream: &mut impl Read, kind: u8) -> Vec<(u8, u16, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        let record = next_record(stream);
        let last = record.0 == kind && record.2.is_empty();
        all.push(record);
        if last {
            return all;
        }
    }
}

/// A whole request of FastCGI without a body; the pairs are short ones.
pub fn request(id: u16, keep: bool, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, value) in pairs {
        content.extend([name.len() as u8, value.len() as u8]);
        content.extend(name.bytes().chain(value.bytes()));
    }
    [
        record(1, id, &[0, 1, u8::from(keep), 0, 0, 0, 0, 0]),
        record(4, id, &content),
        record(4, id, b""),
    ]
    .concat()
}

/// An answer of FastCGI, whole.
pub fn cgi(id: u16, text: &[u8]) -> Vec<u8> {
    [
        record(6, id, text),
        record(6, id, b""),
        record(3, id, &[0; 8]),
    ]
    .concat()
}

pub const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
pub const LAST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Bytes that do not repeat soon.
pub fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i / 7 + i / 1000) as u8).collect()
}
