//! A bridge whose links are vectors, driven in several ways that must all come
//! to the same.

use crate::bridge::{Back, Bridge, End, Exchange, Feed, Policy, Rooms, Step};
use crate::error::Error;
use crate::fields::Fields;
use crate::machine::{Client, Server};
use crate::{fcgi, http1};

/// How steps are made.
#[derive(Clone, Copy, Debug)]
pub enum Driver {
    /// All that is there, always.
    All,
    /// Input byte by byte.
    Bytes,
    /// The front alone, then each back alone, as threads would.
    Sides,
    /// Rooms and inputs are lent or not, at random; then all.
    Random(u64),
}

/// Runs a scenario with every driver.
pub fn every(scenario: impl Fn(Driver)) {
    scenario(Driver::All);
    scenario(Driver::Bytes);
    scenario(Driver::Sides);
    for seed in 0..20 {
        scenario(Driver::Random(seed));
    }
}

/// What was seen of an exchange when it was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    pub place: usize,
    pub end: End,
    pub status: u16,
    pub sent: u64,
}

/// Bytes of one direction into the bridge.
#[derive(Debug, Default)]
pub struct Input {
    pub bytes: Vec<u8>,
    pub end: bool,
    /// How many of them have arrived, for `Driver::Bytes`.
    here: usize,
}

type Store = Vec<Exchange<Vec<u8>>>;
type Decide<V, K> = Box<dyn FnMut(&mut Parts<V, K>, usize)>;

/// What a decision may touch.
pub struct Parts<V, K> {
    pub bridge: Bridge<Vec<u8>, Store>,
    pub server: V,
    pub backs: Vec<Option<Back<K>>>,
    pub from_front: Input,
    pub from_back: Vec<Input>,
    pub to_front: Vec<u8>,
    pub to_back: Vec<Vec<u8>>,
    /// Sizes of the rooms.
    pub rooms: (usize, usize),
    pub over: Vec<Over>,
    pub heads: Vec<usize>,
    pub connects: Vec<usize>,
    pub log: Vec<u8>,
    pub steps: usize,
}

pub struct Rig<V, K> {
    pub parts: Parts<V, K>,
    pub head: Decide<V, K>,
    pub connect: Decide<V, K>,
    driver: Driver,
    random: u64,
}

impl<V, K> std::ops::Deref for Rig<V, K> {
    type Target = Parts<V, K>;
    fn deref(&self) -> &Self::Target {
        &self.parts
    }
}

impl<V, K> std::ops::DerefMut for Rig<V, K> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.parts
    }
}

pub fn exchange(request: usize, answer: usize) -> Exchange<Vec<u8>> {
    Exchange::new(Fields::new(vec![0; request]), Fields::new(vec![0; answer]))
}

impl<V: Server, K: Client> Rig<V, K> {
    /// With so many exchanges; requests are forwarded.
    pub fn new(driver: Driver, server: V, exchanges: usize, backs: Vec<K>) -> Self {
        let store = (0..exchanges).map(|_| exchange(2048, 2048)).collect();
        Self::with(driver, server, Bridge::new(store), backs)
    }

    pub fn with(driver: Driver, server: V, bridge: Bridge<Vec<u8>, Store>, backs: Vec<K>) -> Self {
        Rig {
            parts: Parts {
                bridge,
                server,
                from_front: Input::default(),
                from_back: backs.iter().map(|_| Input::default()).collect(),
                to_front: Vec::new(),
                to_back: backs.iter().map(|_| Vec::new()).collect(),
                backs: backs.into_iter().map(|k| Some(Back::new(k))).collect(),
                rooms: (4096, 4096),
                over: Vec::new(),
                heads: Vec::new(),
                connects: Vec::new(),
                log: Vec::new(),
                steps: 0,
            },
            head: Box::new(|parts, place| parts.bridge.forward(place)),
            connect: Box::new(|_, _| {}),
            driver,
            random: match driver {
                Driver::Random(seed) => seed,
                _ => 0,
            },
        }
    }

    pub fn policy(mut self, policy: Policy) -> Self {
        self.parts.bridge.policy = policy;
        self
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    /// Gives the front bytes and runs until nothing moves.
    pub fn front(&mut self, bytes: &[u8]) -> &mut Self {
        self.from_front.bytes.extend_from_slice(bytes);
        self.run()
    }

    /// Likewise a back.
    pub fn back(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.from_back[at].bytes.extend_from_slice(bytes);
        self.run()
    }

    pub fn front_end(&mut self) -> &mut Self {
        self.from_front.end = true;
        self.run()
    }

    pub fn back_end(&mut self, at: usize) -> &mut Self {
        self.from_back[at].end = true;
        self.run()
    }

    /// Another connection.
    pub fn add(&mut self, client: K) -> usize {
        self.parts.add(client)
    }

    pub fn run(&mut self) -> &mut Self {
        let backs = self.backs.len();
        match self.driver {
            Driver::Random(_) => {
                for _ in 0..8 {
                    let n = self.below(8);
                    let front = self.below(3) > 0;
                    let back =
                        (self.below(3) > 0 && backs > 0).then(|| self.below(backs as u64) as usize);
                    for _ in 0..n {
                        let rooms = (self.below(3) > 0, self.below(3) > 0);
                        self.one(front, back, rooms);
                    }
                }
                self.until(true, true);
            }
            Driver::All => self.until(true, true),
            Driver::Bytes => loop {
                self.until(true, true);
                let parts = &mut self.parts;
                let all = parts.from_back.iter_mut().chain([&mut parts.from_front]);
                let mut any = false;
                for input in all {
                    if input.here < input.bytes.len() {
                        input.here += 1;
                        any = true;
                    }
                }
                if !any {
                    // What ends with the input may go on.
                    self.until(true, true);
                    break;
                }
            },
            Driver::Sides => loop {
                let before = self.steps;
                while self.one(true, None, (true, true)) {}
                for at in 0..self.backs.len() {
                    while self.one(false, Some(at), (true, true)) {}
                }
                if self.steps == before {
                    break;
                }
            },
        }
        // Nothing is left, whoever asks.
        for back in (0..self.backs.len()).map(Some).chain([None]) {
            assert!(!self.one(true, back, (true, true)), "something was left");
        }
        assert!(self.steps < 20_000, "it spins");
        self
    }

    fn until(&mut self, front: bool, backs: bool) {
        loop {
            let before = self.steps;
            while self.one(front, None, (true, true)) {}
            for at in (0..self.backs.len()).filter(|_| backs) {
                while self.one(front, Some(at), (true, true)) {}
            }
            if self.steps == before {
                break;
            }
        }
    }

    /// One step; whether it was anything.
    pub fn one(&mut self, front: bool, back: Option<usize>, rooms: (bool, bool)) -> bool {
        let whole = !matches!(self.driver, Driver::Bytes);
        let Rig {
            parts,
            head,
            connect,
            ..
        } = self;
        let (mut a, mut b) = (vec![0xaa; parts.rooms.0], vec![0xaa; parts.rooms.1]);
        let lent = Rooms {
            to_front: rooms.0.then_some(&mut a[..]),
            to_back: rooms.1.then_some(&mut b[..]),
        };
        let mut none = Input::default();
        let (x, y) = match back {
            Some(at) => (&mut parts.from_front, &mut parts.from_back[at]),
            None => (&mut parts.from_front, &mut none),
        };
        let here = |input: &Input| match whole {
            true => input.bytes.len(),
            false => input.here,
        };
        let (x_here, y_here) = (here(x), here(y));
        let (mut x_bytes, mut y_bytes) = (&x.bytes[..x_here], &y.bytes[..y_here]);
        let x_feed = match (front, x.end && x.bytes.is_empty()) {
            (false, _) => Feed::Nothing,
            (true, true) => Feed::End,
            (true, false) => Feed::Bytes(&mut x_bytes),
        };
        let y_feed = match y.end && y.bytes.is_empty() {
            true => Feed::End,
            false => Feed::Bytes(&mut y_bytes),
        };
        enum Did {
            Front(Vec<u8>),
            Back(usize, Vec<u8>),
            Head(usize),
            Connect(usize),
            Log(Vec<u8>),
            Over(usize),
            Again,
            Wait,
        }
        let step = parts.bridge.step(
            &mut parts.server,
            x_feed,
            &mut parts.backs,
            back.map(|at| (at, y_feed)),
            lent,
        );
        let did = match step {
            Step::ToFront(frame, _) => {
                assert!(rooms.0, "no room was lent");
                Did::Front(frame.slices().concat())
            }
            Step::ToBack(at, frame, _) => {
                assert!(rooms.1, "no room was lent");
                Did::Back(at, frame.slices().concat())
            }
            Step::Head(place) => Did::Head(place),
            Step::Connect(place) => Did::Connect(place),
            Step::Log(_, bytes) => Did::Log(bytes.to_vec()),
            Step::Over(place) => Did::Over(place),
            Step::Again => Did::Again,
            Step::Wait => Did::Wait,
        };
        let (x_left, y_left) = (x_bytes.len(), y_bytes.len());
        for (input, here, left) in [(x, x_here, x_left), (y, y_here, y_left)] {
            let taken = here - left;
            input.bytes.drain(..taken);
            input.here = input.here.saturating_sub(taken);
        }
        match did {
            Did::Front(bytes) => {
                assert!(!bytes.is_empty());
                parts.to_front.extend(bytes);
            }
            Did::Back(at, bytes) => {
                assert!(!bytes.is_empty());
                assert!(parts.backs[at].as_ref().is_some_and(|b| !b.is_busy()));
                parts.to_back[at].extend(bytes);
            }
            Did::Head(place) => {
                parts.heads.push(place);
                head(parts, place);
            }
            Did::Connect(place) => {
                parts.connects.push(place);
                connect(parts, place);
            }
            Did::Log(bytes) => parts.log.extend(bytes),
            Did::Over(place) => {
                let e = parts.bridge.exchange(place).expect("an exchange");
                parts.over.push(Over {
                    place,
                    end: e.end(),
                    status: e.status(),
                    sent: e.sent(),
                });
            }
            Did::Again => {}
            Did::Wait => return false,
        }
        parts.steps += 1;
        true
    }

    /// What was written to the front so far, taken.
    pub fn said(&mut self) -> String {
        text(&std::mem::take(&mut self.to_front))
    }

    /// Likewise to a back.
    pub fn asked(&mut self, at: usize) -> String {
        text(&std::mem::take(&mut self.to_back[at]))
    }

    /// The only exchange that was over since this was last asked, and no other
    /// is under way.
    #[track_caller]
    pub fn ended(&mut self) -> (End, u16, u64) {
        let all = std::mem::take(&mut self.over);
        assert!(!self.bridge.active(), "another is active");
        assert_eq!(all.len(), 1, "{all:?}");
        (all[0].end, all[0].status, all[0].sent)
    }
}

impl<V: Server, K: Client> Parts<V, K> {
    /// Another connection.
    pub fn add(&mut self, client: K) -> usize {
        self.backs.push(Some(Back::new(client)));
        self.from_back.push(Input::default());
        self.to_back.push(Vec::new());
        self.backs.len() - 1
    }

    pub fn back_mut(&mut self, at: usize) -> &mut Back<K> {
        self.backs[at].as_mut().expect("a back")
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

pub const DONE: End = End::Complete;

pub fn failed(error: Error) -> End {
    End::Failed(error)
}

pub type FcgiClient = fcgi::Client<Vec<fcgi::ClientSlot>>;
pub type FcgiServer = fcgi::Server<Vec<fcgi::Slot>>;

pub fn fcgi_client(slots: usize) -> FcgiClient {
    fcgi::Client::new(vec![fcgi::ClientSlot::EMPTY; slots])
}

pub fn fcgi_server(slots: usize) -> FcgiServer {
    fcgi::Server::new(vec![fcgi::Slot::EMPTY; slots])
}

/// HTTP in front, HTTP behind, one exchange.
pub fn http_http(driver: Driver) -> Rig<http1::Server, http1::Client> {
    Rig::new(driver, http1::Server::new(), 1, vec![http1::Client::new()])
}

/// HTTP in front, FastCGI behind, one exchange.
pub fn http_fcgi(driver: Driver) -> Rig<http1::Server, FcgiClient> {
    Rig::new(driver, http1::Server::new(), 1, vec![fcgi_client(1)])
}

/// FastCGI in front, HTTP behind, one exchange.
pub fn fcgi_http(driver: Driver) -> Rig<FcgiServer, http1::Client> {
    Rig::new(driver, fcgi_server(1), 1, vec![http1::Client::new()])
}

/// FastCGI on both sides, one exchange.
pub fn fcgi_fcgi(driver: Driver) -> Rig<FcgiServer, FcgiClient> {
    Rig::new(driver, fcgi_server(1), 1, vec![fcgi_client(1)])
}

/// A FastCGI record without padding. FastCGI 1.0, 3.3.
pub fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let [i0, i1] = id.to_be_bytes();
    let [n0, n1] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut out = vec![1, kind, i0, i1, n0, n1, 0, 0];
    out.extend_from_slice(content);
    out
}

/// BEGIN_REQUEST of a responder that keeps the connection, and PARAMS with
/// their end.
pub fn params(id: u16, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        for n in [name.len(), value.len()] {
            match u8::try_from(n) {
                Ok(n) if n < 0x80 => pairs.push(n),
                _ => pairs.extend((u32::try_from(n).unwrap() | 1 << 31).to_be_bytes()),
            }
        }
        pairs.extend_from_slice(name.as_bytes());
        pairs.extend_from_slice(value.as_bytes());
    }
    let mut out = record(1, id, &[0, 1, 1, 0, 0, 0, 0, 0]);
    if !pairs.is_empty() {
        out.extend(record(4, id, &pairs));
    }
    out.extend(record(4, id, &[]));
    out
}

pub fn stdin(id: u16, bytes: &[u8]) -> Vec<u8> {
    record(5, id, bytes)
}

pub fn stdout(id: u16, bytes: &[u8]) -> Vec<u8> {
    record(6, id, bytes)
}

pub fn end_request(id: u16, app: u32, protocol: u8) -> Vec<u8> {
    let mut content = app.to_be_bytes().to_vec();
    content.extend([protocol, 0, 0, 0]);
    record(3, id, &content)
}

/// A whole answer on FastCGI.
pub fn answer(id: u16, text: &str) -> Vec<u8> {
    [
        stdout(id, text.as_bytes()),
        stdout(id, b""),
        end_request(id, 0, 0),
    ]
    .concat()
}

/// A GET as a web server passes it on by FastCGI.
pub const GET: [(&str, &str); 3] = [
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/a?b"),
    ("HTTP_HOST", "h"),
];

pub fn get(id: u16) -> Vec<u8> {
    [params(id, &GET), stdin(id, b"")].concat()
}

/// The names and values of the PARAMS of one request, one a line.
pub fn seen(bytes: &str) -> String {
    let bytes: Vec<u8> = bytes.chars().map(|c| c as u8).collect();
    let mut server = fcgi_server(8);
    let mut all = Fields::new(vec![0; 4096]);
    let mut input = &bytes[..];
    crate::drain(&mut server, &mut input, |_, event| {
        if let crate::Request::Field { field, .. } = event {
            all.push(field).unwrap();
        }
    })
    .unwrap();
    all.iter()
        .map(|f| format!("{}={}\n", f.name.escape_ascii(), f.value.escape_ascii()))
        .collect()
}

/// The text of STDOUT in what was written to a FastCGI front, and how it ends.
pub fn output(bytes: &str) -> (String, Option<(u32, u8)>) {
    let bytes: Vec<u8> = bytes.chars().map(|c| c as u8).collect();
    let (mut rest, mut out, mut end) = (&bytes[..], Vec::new(), None);
    while let [1, kind, _, _, n0, n1, padding, _, tail @ ..] = rest {
        let n = usize::from(u16::from_be_bytes([*n0, *n1]));
        let (content, tail) = tail.split_at(n);
        match kind {
            6 if n == 0 => out.extend_from_slice(b"|"),
            6 => out.extend_from_slice(content),
            3 => {
                let app = u32::from_be_bytes(content[..4].try_into().unwrap());
                end = Some((app, content[4]));
            }
            other => panic!("record {other}"),
        }
        rest = &tail[usize::from(*padding)..];
    }
    assert!(rest.is_empty());
    (text(&out), end)
}
