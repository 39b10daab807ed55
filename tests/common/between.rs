//! A bridge between a web server and applications, over links that stall, cut,
//! break and lie, with a driver that lends what it likes and makes mistakes.
//! What comes of it is checked at both ends.

use super::Random;
use super::link::{Call, Web};
use super::wires::Forms;
use vestibule::bridge::{Back, Bridge, End, Exchange, Feed, Policy, Rooms, Source, Step};
use vestibule::cgi::meta::Meta;
use vestibule::{After, Client, Ending, Error, Field, Fields, Id, Length, Next, Request, Server};

/// Where decisions come from.
pub trait Dice {
    /// 0 to `n` - 1.
    fn below(&mut self, n: usize) -> usize;

    /// Never, where `n` is 0 or there are no numbers left.
    fn one_in(&mut self, n: usize) -> bool {
        n > 0 && self.below(n) + 1 == n
    }
}

impl Dice for Random {
    fn below(&mut self, n: usize) -> usize {
        Random::below(self, n)
    }
}

/// What goes wrong, once in so many chances; 0: never.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chaos {
    /// A bit of what is under way is another.
    pub flips: usize,
    /// A link breaks, and what was under way is lost.
    pub cuts: usize,
    /// An application closes.
    pub closes: usize,
    /// The driver refuses, answers by itself, gives up, throws away.
    pub driver: usize,
    /// The driver calls what makes no sense.
    pub mistakes: usize,
    /// Rooms are too small.
    pub rooms: usize,
    /// Calls that are refused, and change nothing.
    pub refusals: usize,
}

/// One direction of a link.
#[derive(Default)]
pub struct Way {
    queue: Vec<u8>,
    inbox: Vec<u8>,
    closed: bool,
    cut: bool,
}

impl Way {
    fn write(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.queue.extend_from_slice(bytes);
        }
    }

    fn deliver(&mut self, dice: &mut impl Dice) {
        let most = [0, 1, 9, 1500, 20_000][dice.below(5)];
        let n = dice.below(most + 1).min(self.queue.len());
        self.inbox.extend(self.queue.drain(..n));
    }

    fn deliver_all(&mut self) {
        self.inbox.append(&mut self.queue);
    }

    fn cut(&mut self) {
        self.queue.clear();
        self.closed = true;
        self.cut = true;
    }

    fn ended(&self) -> bool {
        self.closed && self.queue.is_empty() && self.inbox.is_empty()
    }

    fn flip(&mut self, dice: &mut impl Dice) {
        let n = self.queue.len();
        if n > 0 {
            self.queue[dice.below(n)] ^= 1 << dice.below(8);
        }
    }

    fn take(&mut self, left: usize) -> usize {
        let n = self.inbox.len() - left;
        self.inbox.drain(..n);
        n
    }
}

/// A request as an application sees it.
struct Asked {
    id: Id,
    fields: Fields<Vec<u8>>,
    call: Option<usize>,
    mode: u8,
    body: Vec<u8>,
    sent: usize,
    ended: bool,
    headed: bool,
}

/// An application: it answers with what it was sent.
struct App<V> {
    machine: V,
    up: Way,
    down: Way,
    asked: Vec<Asked>,
    /// Of a frame for it that is being written.
    parked: Vec<u8>,
}

impl<V: Server> App<V> {
    fn read(&mut self, bodies: &[Vec<u8>], served: &mut [usize], check: bool) {
        let mut room = vec![0; 4096];
        let mut input = &self.up.inbox[..];
        let ended = self.up.ended();
        loop {
            if self.asked.iter().any(|a| a.body.len() - a.sent > 30_000) {
                break;
            }
            let next = match ended {
                true => self.machine.eof(),
                false => self.machine.next(&mut input),
            };
            let event = match next {
                Ok(Next::Event(event)) => event,
                Ok(_) => break,
                Err(error) => {
                    input = &[];
                    if let Ok(frame) = self.machine.fail(Id::SOLE, error, &mut room) {
                        self.down.write(&frame.slices().concat());
                    }
                    self.down.closed = true;
                    break;
                }
            };
            let asked = &mut self.asked;
            let at = |asked: &Vec<Asked>, id: Id| asked.iter().position(|a| a.id == id);
            match event {
                Request::Begin { id } => asked.push(Asked {
                    id,
                    fields: Fields::new(vec![0; 4096]),
                    call: None,
                    mode: 0,
                    body: Vec::new(),
                    sent: 0,
                    ended: false,
                    headed: false,
                }),
                Request::Field { id, field } => {
                    let i = at(asked, id).expect("begun");
                    let _ = asked[i].fields.push(field);
                }
                Request::HeadEnd { id, length } => {
                    let i = at(asked, id).expect("begun");
                    let a = &mut asked[i];
                    let meta = Meta::new(&a.fields);
                    let number = |name: &[u8]| {
                        let text = meta.header(name)?;
                        std::str::from_utf8(text).ok()?.parse::<usize>().ok()
                    };
                    a.call = number(b"x-call").filter(|n| *n < bodies.len());
                    a.mode = number(b"x-mode").unwrap_or(0) as u8;
                    assert!(!check || a.call.is_some(), "a head without its mark");
                    a.ended = length == Length::None;
                    let hints = [Field::header(b"Link", b"l")];
                    let mut frames = Vec::new();
                    if a.mode == 0 {
                        let made = self.machine.interim(id, 103, hints, &mut room);
                        frames.extend(made.map(|f| f.slices().concat()));
                    }
                    if let Ok(frame) = self.machine.demand(id, 8000) {
                        frames.push(frame.slices().concat());
                    }
                    frames.iter().for_each(|f| self.down.write(f));
                    if a.ended {
                        serve(a, bodies, served, check);
                    }
                }
                Request::Body { id, bytes } => {
                    let i = at(asked, id).expect("begun");
                    asked[i].body.extend_from_slice(bytes);
                    let call = asked[i].call;
                    if check && let Some(call) = call {
                        assert!(bodies[call].starts_with(&asked[i].body), "another body");
                    }
                }
                Request::BodyEnd { id } => {
                    if let Some(i) = at(asked, id)
                        && !asked[i].ended
                    {
                        asked[i].ended = true;
                        serve(&asked[i], bodies, served, check);
                    }
                }
                Request::Fault { id, error } => {
                    asked.retain(|a| a.id != id);
                    if let Ok(frame) = self.machine.fail(id, error, &mut room) {
                        self.down.write(&frame.slices().concat());
                    }
                }
                Request::Abort { id } => {
                    asked.retain(|a| a.id != id);
                    if let Ok(frame) = self.machine.fail(id, Error::Eof, &mut room) {
                        self.down.write(&frame.slices().concat());
                    }
                }
                Request::Ext(ext) => {
                    let frame = self.machine.default_reply(ext);
                    self.down.write(&frame.slices().concat());
                }
            }
        }
        let left = input.len();
        self.up.take(left);
    }

    fn send(&mut self) {
        let mut room = vec![0; 4096];
        let mut over = Vec::new();
        for a in &mut self.asked {
            if self.down.queue.len() > 20_000 {
                break;
            }
            let id = a.id;
            // Also while the answer waits for all of it.
            if !a.ended
                && let Ok(frame) = self.machine.demand(id, 8000)
            {
                self.down.write(&frame.slices().concat());
            }
            let mark = a.call.unwrap_or(usize::MAX).to_string();
            let fields = [Field::header(b"X-Call", mark.as_bytes())];
            let whole = Length::Known(a.body.len() as u64);
            let head = match a.mode {
                // At once, piece by piece.
                0 | 3 if a.call.is_some() => Some((200, Length::Unknown)),
                // When all is there.
                1 if a.ended => Some((200, whole)),
                // Before anything is.
                2 => Some((403, Length::None)),
                4 if a.ended => Some((200, Length::Unknown)),
                _ => None,
            };
            if let (Some((status, length)), false) = (head, a.headed) {
                match self.machine.head(id, status, fields, length, &mut room) {
                    Ok(frame) => self.down.write(&frame.slices().concat()),
                    Err(_) => {
                        if let Ok(frame) = self.machine.fail(id, Error::Internal, &mut room) {
                            self.down.write(&frame.slices().concat());
                        }
                        over.push(id);
                        continue;
                    }
                }
                a.headed = true;
            }
            if !a.headed {
                continue;
            }
            if a.mode == 2 {
                if let Ok(frame) = self.machine.finish(id, [], &mut room) {
                    self.down.write(&frame.slices().concat());
                }
                over.push(id);
                continue;
            }
            let mut payload = &a.body[a.sent..];
            let before = payload.len();
            while !payload.is_empty() {
                match self.machine.body(id, &mut payload) {
                    Ok(frame) => self.down.write(&frame.slices().concat()),
                    Err(_) => break,
                }
            }
            a.sent += before - payload.len();
            if a.mode == 3 && a.ended {
                if let Ok(frame) = self.machine.fail(id, Error::Internal, &mut room) {
                    self.down.write(&frame.slices().concat());
                }
                over.push(id);
                continue;
            }
            if a.ended && a.sent == a.body.len() {
                let sum = [Field::trailer(b"Sum", b"1")];
                if let Ok(frame) = self.machine.finish(id, sum, &mut room) {
                    self.down.write(&frame.slices().concat());
                }
                over.push(id);
            }
        }
        self.asked.retain(|a| !over.contains(&a.id));
        if self.machine.after() != After::Keep && self.asked.is_empty() {
            self.down.closed = true;
        }
    }
}

/// A whole request has reached an application.
fn serve(a: &Asked, bodies: &[Vec<u8>], served: &mut [usize], check: bool) {
    let Some(call) = a.call else { return };
    served[call] += 1;
    assert!(
        !check || a.body == bodies[call],
        "a cut request looks whole"
    );
}

/// The methods of requests.
pub const METHODS: [&str; 4] = ["POST", "PUT", "GET", "HEAD"];

/// Requests of all kinds, once in `aborts` one that is given up; with them
/// some that the application spoils.
pub fn calls(dice: &mut impl Dice, n: usize, most: usize, aborts: usize) -> Vec<Call> {
    (0..n)
        .map(|i| {
            let method = METHODS[dice.below(METHODS.len())];
            let bare = matches!(method, "GET" | "HEAD");
            let size = match bare {
                true => 0,
                false => dice.below(most + 1),
            };
            let body: Vec<u8> = (0..size).map(|at| (at * 7 + i) as u8).collect();
            let length = match dice.below(3) {
                0 => Length::Unknown,
                1 if !bare => Length::Known(size as u64),
                _ if size == 0 => Length::None,
                _ => Length::Known(size as u64),
            };
            let mode = dice.below(10);
            let mode = match mode {
                // An answer to HEAD is whole with its head, so that nobody
                // sees it fail; others may be lost with one that does.
                3 if method == "HEAD" || aborts == 0 => 0,
                0..5 => mode,
                _ => 0,
            };
            let mut call = Call::new(body, length);
            call.fields = vec![
                (b"REQUEST_METHOD".to_vec(), method.into()),
                (b"REQUEST_URI".to_vec(), format!("/{i}").into()),
                (b"HTTP_HOST".to_vec(), b"h".to_vec()),
                (b"HTTP_X_CALL".to_vec(), i.to_string().into()),
                (b"HTTP_X_MODE".to_vec(), mode.to_string().into()),
                (b"HTTP_X_LONG".to_vec(), vec![b'v'; dice.below(300)]),
            ];
            if dice.one_in(aborts) {
                call.abort_at = Some(dice.below(size + 1));
            }
            call
        })
        .collect()
}

fn mode(call: &Call) -> u8 {
    call.fields[4].1[0] - b'0'
}

/// An exchange that the driver answers by itself.
struct Mine {
    place: usize,
    id: Id,
}

/// Everything between the two ends, and the ends.
pub struct World<K1, V, K2, V2> {
    pub web: Web<K1>,
    bodies: Vec<Vec<u8>>,
    server: V,
    bridge: Bridge<Vec<u8>, Vec<Exchange<Vec<u8>>>>,
    backs: Vec<Option<Back<K2>>>,
    apps: Vec<App<V2>>,
    /// From the web server, and to it.
    up: Way,
    down: Way,
    /// Of a frame for the front that is being written.
    parked: Vec<u8>,
    behind: fn() -> (K2, V2),
    /// Connections behind at once.
    most: usize,
    heads: Vec<usize>,
    wanted: Vec<usize>,
    mine: Vec<Mine>,
    chaos: Chaos,
    /// How often a whole request reached an application.
    pub served: Vec<usize>,
    /// Exchanges that were over.
    pub over: usize,
    steps: usize,
    taken: usize,
    /// Something was done that changes answers.
    pub disturbed: bool,
    cancelled: bool,
    /// Which calls the web server gives up.
    marked: Vec<bool>,
    /// Whether bytes that arrive are the ones that were sent.
    honest: bool,
    /// What the wires in front and behind can say.
    front: Forms,
    back: Forms,
}

const ERRORS: [Error; 5] = [
    Error::Overloaded,
    Error::Timeout,
    Error::UpstreamTimeout,
    Error::BodyTooLong,
    Error::Eof,
];

impl<K1: Client, V: Server, K2: Client, V2: Server> World<K1, V, K2, V2> {
    /// `most` connections behind, `exchanges` at once in front.
    pub fn new(
        web: Web<K1>,
        server: V,
        exchanges: usize,
        behind: fn() -> (K2, V2),
        most: usize,
        chaos: Chaos,
    ) -> Self {
        let store = || Fields::new(vec![0; 2048]);
        let all = (0..exchanges).map(|_| Exchange::new(store(), store()));
        World {
            bodies: web.calls.iter().map(|c| c.body.clone()).collect(),
            served: vec![0; web.calls.len()],
            marked: web.calls.iter().map(|c| c.abort_at.is_some()).collect(),
            honest: chaos.flips + chaos.mistakes == 0,
            disturbed: web.calls.iter().any(|c| mode(c) == 3),
            web,
            server,
            bridge: Bridge::with_policy(all.collect(), Policy::STRICT.attempts(3)),
            backs: Vec::new(),
            apps: Vec::new(),
            up: Way::default(),
            down: Way::default(),
            parked: Vec::new(),
            behind,
            most,
            heads: Vec::new(),
            wanted: Vec::new(),
            mine: Vec::new(),
            chaos,
            over: 0,
            steps: 0,
            taken: 0,
            cancelled: false,
            front: Forms::ALL,
            back: Forms::ALL,
        }
    }

    /// What the wires can say, where that is not all.
    pub fn forms(&mut self, front: Forms, back: Forms) {
        self.front = front;
        self.back = back;
    }

    /// `rounds` of chance, then what is left in peace; at last everything is
    /// closed. Checks what came of it.
    pub fn run(&mut self, dice: &mut impl Dice, rounds: usize) {
        for _ in 0..rounds {
            if self.finished() {
                break;
            }
            self.round(dice);
        }
        self.settle();
        if !self.finished() || self.bridge.active() {
            let broken = self.chaos.flips + self.chaos.cuts + self.chaos.rooms > 0;
            let odd = self.chaos.driver + self.chaos.closes + self.chaos.mistakes > 0;
            assert!(broken || odd, "it hangs: {}", self.story());
        }
        // What waits for bytes that never come, as often as it is tried.
        for _ in 0..4 {
            for app in &mut self.apps {
                app.down.closed = true;
            }
            self.settle();
        }
        self.up.closed = true;
        self.settle();
        assert!(!self.bridge.active(), "{}", self.story());
        assert!((0..self.backs.len()).all(|at| !self.bridge.uses(at)));
        self.down.closed = true;
        self.settle();
        self.web.eof();
        self.check();
    }

    fn story(&self) -> String {
        let calls: Vec<_> = (self.web.calls.iter())
            .map(|c| (c.id, c.sent, c.body.len(), c.answer.len(), c.ending))
            .collect();
        let apps: Vec<_> = (self.apps.iter())
            .map(|a| {
                (
                    a.asked.len(),
                    a.parked.len(),
                    a.up.inbox.len(),
                    a.down.inbox.len(),
                )
            })
            .collect();
        let exchanges: Vec<_> = (0..)
            .map_while(|at| Some(format!("{:#?}", self.bridge.exchange(at)?)))
            .map(|text| {
                text[text.find("    front:").unwrap_or(0)..].replace(char::is_whitespace, "")
            })
            .collect();
        format!(
            "calls {calls:?}\napps {apps:?}\nexchanges {exchanges:#?}\nheads {:?} wanted {:?}",
            self.heads, self.wanted
        )
    }

    fn finished(&self) -> bool {
        let calls = &self.web.calls;
        let closed = self.web.machine.after() == After::Close;
        calls.iter().all(|c| match c.id {
            Some(_) => c.ending.is_some(),
            None => closed,
        })
    }

    fn check(&self) {
        for (i, call) in self.web.calls.iter().enumerate() {
            let opened = call.id.is_some();
            assert_eq!(call.done, usize::from(opened), "call {i}: {}", self.story());
            if !self.honest || !opened {
                continue;
            }
            let method = std::str::from_utf8(&call.fields[0].1).unwrap();
            let mode = mode(call);
            let complete = matches!(call.ending, Some(Ending::Complete { .. }));
            // Nothing of another one.
            assert!(call.body.starts_with(&call.answer), "call {i}");
            // Whether a cut answer can be told from a whole one.
            let told = matches!(mode, 1 | 2) || self.front.ends && self.back.ends;
            if complete && call.status == 200 {
                let whole = if method == "HEAD" {
                    &[][..]
                } else {
                    &call.body
                };
                let all = call.answer == whole;
                assert!(all || !told, "call {i}: a cut answer looks whole");
                let mark = call.head.get(b"X-Call").expect("the mark");
                assert_eq!(mark, i.to_string().as_bytes());
                assert!(mode != 3 || !told, "call {i} failed");
            }
            if method == "POST" {
                assert!(self.served[i] <= 1, "call {i} was done twice");
            }
            let unsaid = !self.back.streams && self.unknown(call, method);
            assert!(!unsaid || self.served[i] == 0, "call {i} has no length");
            if !self.disturbed && !self.marked[i] {
                let expected = match mode {
                    _ if unsaid => 411,
                    2 => 403,
                    _ => 200,
                };
                assert_eq!(call.status, expected, "call {i}: {:?}", call.ending);
                assert!(complete || mode == 3, "call {i}: {:?}", call.ending);
            }
        }
        // A step is bought by bytes, or by an exchange.
        let bound = 2 * self.taken + 60 * (self.web.calls.len() + 1);
        assert!(
            self.steps <= bound,
            "{} steps of {}",
            self.steps,
            self.taken
        );
    }

    /// Whether the length of its body is not known before.
    fn unknown(&self, call: &Call, method: &str) -> bool {
        // One that seldom has a body is waited for.
        let bare = matches!(method, "GET" | "HEAD");
        match call.length {
            Length::Unknown => !bare,
            Length::None => !bare && !self.front.none,
            Length::Known(_) => false,
        }
    }

    /// Until nothing moves any more, with all that there is.
    fn settle(&mut self) {
        let chaos = std::mem::take(&mut self.chaos);
        for round in 0.. {
            assert!(round < 20_000, "it spins: {}", self.story());
            let before = self.measure();
            self.web_side();
            self.up.deliver_all();
            self.unpark_front(usize::MAX);
            for place in std::mem::take(&mut self.heads) {
                self.bridge.forward(place);
            }
            self.answer_mine();
            for place in std::mem::take(&mut self.wanted) {
                self.connect(place);
            }
            let mut dice = Random(0);
            for at in (0..self.backs.len()).map(Some).chain([None]) {
                while self.step(&mut dice, true, at, (true, true)) {}
            }
            for at in 0..self.apps.len() {
                self.unpark(at, usize::MAX);
                self.apps[at].up.deliver_all();
                self.app_side(at);
                self.apps[at].down.deliver_all();
            }
            self.housekeeping();
            self.down.deliver_all();
            if self.measure() == before {
                break;
            }
        }
        self.chaos = chaos;
    }

    /// What changes whenever anything does.
    fn measure(&self) -> Vec<usize> {
        let way = |w: &Way| [w.queue.len(), w.inbox.len(), usize::from(w.closed)];
        let mut all = vec![
            self.steps,
            self.taken,
            self.parked.len(),
            self.web.calls.iter().map(|c| c.sent + c.done).sum(),
            self.backs.iter().flatten().count(),
        ];
        all.extend([&self.up, &self.down].into_iter().flat_map(way));
        for app in &self.apps {
            all.push(app.parked.len());
            all.extend([&app.up, &app.down].into_iter().flat_map(way));
        }
        all
    }

    fn web_side(&mut self) {
        let mut out = Vec::new();
        if self.up.queue.len() < 20_000 && !self.up.closed {
            self.web.send(&mut out);
        }
        let mut input = &self.down.inbox[..];
        self.web.read(&mut input, &mut out);
        let left = input.len();
        self.down.take(left);
        self.up.write(&out);
        if self.down.ended() {
            self.web.eof();
        }
        if self.web.machine.after() == After::Close || self.web.error.is_some() {
            self.up.closed = true;
        }
    }

    fn app_side(&mut self, at: usize) {
        let app = &mut self.apps[at];
        app.read(&self.bodies, &mut self.served, self.honest);
        app.send();
    }

    fn unpark_front(&mut self, n: usize) {
        let n = n.min(self.parked.len());
        let bytes: Vec<u8> = self.parked.drain(..n).collect();
        self.write_front(&bytes);
    }

    fn unpark(&mut self, at: usize, n: usize) {
        let app = &mut self.apps[at];
        let n = n.min(app.parked.len());
        let bytes: Vec<u8> = app.parked.drain(..n).collect();
        app.up.write(&bytes);
        if let Some(back) = &mut self.backs[at] {
            back.set_busy(!app.parked.is_empty());
        }
    }

    fn write_front(&mut self, bytes: &[u8]) {
        if self.down.cut && !self.cancelled {
            // A write fails.
            self.server.cancel();
            self.cancelled = true;
        }
        self.down.write(bytes);
    }

    /// What a driver does beside steps: connections are closed and left.
    fn housekeeping(&mut self) {
        let over = match self.server.after() {
            After::Keep => self.bridge.lost().is_some(),
            After::CloseWrite | After::Close => true,
        };
        if over && !self.bridge.active() && self.parked.is_empty() {
            self.down.closed = true;
            if self.bridge.lost().is_some() {
                self.up.inbox.clear();
                self.up.closed = true;
            }
        }
        for at in 0..self.backs.len() {
            let Some(back) = &self.backs[at] else {
                continue;
            };
            let app = &mut self.apps[at];
            let spent = back.aborted() || back.given_up() || app.down.ended();
            let spent = spent || back.machine().after() == After::Close;
            if spent && !self.bridge.uses(at) {
                self.backs[at] = None;
                app.parked.clear();
                app.up.closed = true;
            }
        }
    }

    fn connect(&mut self, place: usize) {
        let vacant = |at: &usize| self.backs[*at].is_none() && !self.bridge.uses(*at);
        let free = (0..self.backs.len()).find(vacant);
        let at = match free {
            Some(at) => at,
            None if self.backs.len() < self.most => {
                self.backs.push(None);
                self.backs.len() - 1
            }
            None => {
                self.wanted.push(place);
                return;
            }
        };
        let (client, server) = (self.behind)();
        let app = App {
            machine: server,
            up: Way::default(),
            down: Way::default(),
            asked: Vec::new(),
            parked: Vec::new(),
        };
        self.backs[at] = Some(Back::new(client));
        match self.apps.get_mut(at) {
            Some(old) => *old = app,
            None => self.apps.push(app),
        }
        // What is provided is offered, before it may go away: a step may have
        // found other work first.
        for _ in 0..64 {
            self.step(&mut Random(0), false, None, (false, false));
        }
    }

    fn decide(&mut self, dice: &mut impl Dice, place: usize) {
        if !dice.one_in(self.chaos.driver) {
            self.bridge.forward(place);
            return;
        }
        self.disturbed = true;
        if dice.below(2) == 0 {
            self.bridge.refuse(place, ERRORS[dice.below(ERRORS.len())]);
        } else if let Some(id) = self.bridge.take(place) {
            self.mine.push(Mine { place, id });
        }
    }

    /// Answers of the driver's own, where no frame is under way.
    fn answer_mine(&mut self) {
        let mut room = vec![0; 256];
        while self.parked.is_empty()
            && let Some(mine) = self.mine.pop()
        {
            let mut out = Vec::new();
            let head = self.server.head(mine.id, 204, [], Length::None, &mut room);
            if let Ok(frame) = head {
                out.extend(frame.slices().concat());
                if let Some(e) = self.bridge.exchange_mut(mine.place) {
                    e.set_sent(204, 0);
                }
            }
            if let Ok(frame) = self.server.finish(mine.id, [], &mut room) {
                out.extend(frame.slices().concat());
            }
            self.write_front(&out);
            self.bridge.take_end(mine.place);
        }
    }

    fn round(&mut self, dice: &mut impl Dice) {
        let chaos = self.chaos;
        self.web_side();
        self.up.deliver(dice);
        for _ in 0..dice.below(8) {
            let back = match self.backs.len() {
                0 => None,
                n => Some(dice.below(n + 1)).filter(|at| *at < n),
            };
            let front = dice.below(4) != 0;
            let rooms = (dice.below(4) != 0, dice.below(4) != 0);
            self.step(dice, front, back, rooms);
        }
        let n = [usize::MAX, 0, 100, 3][dice.below(4)];
        self.unpark_front(n);
        if dice.below(3) == 0 {
            self.answer_mine();
        }
        for place in std::mem::take(&mut self.heads) {
            match dice.below(2) {
                0 => self.decide(dice, place),
                _ => self.heads.push(place),
            }
        }
        for place in std::mem::take(&mut self.wanted) {
            match dice.below(2) {
                0 => self.connect(place),
                _ => self.wanted.push(place),
            }
        }
        for at in 0..self.apps.len() {
            let n = [usize::MAX, 0, 100, 3][dice.below(4)];
            self.unpark(at, n);
            self.apps[at].up.deliver(dice);
            if dice.below(4) != 0 {
                self.app_side(at);
            }
            if dice.one_in(chaos.closes) {
                self.disturbed = true;
                self.apps[at].down.closed = true;
            }
            self.apps[at].down.deliver(dice);
        }
        if dice.below(3) == 0 {
            self.housekeeping();
        }
        self.down.deliver(dice);
        if dice.one_in(chaos.cuts) {
            self.disturbed = true;
            match dice.below(4) {
                0 => self.up.cut(),
                1 => self.down.cut(),
                which => {
                    let n = self.apps.len().max(1);
                    let at = dice.below(n);
                    if let Some(app) = self.apps.get_mut(at) {
                        match which {
                            2 => app.up.cut(),
                            _ => app.down.cut(),
                        }
                        if which == 2 && dice.below(2) == 0 {
                            self.backs[at].iter_mut().for_each(Back::set_deaf);
                        }
                    }
                }
            }
        }
        if dice.one_in(chaos.flips) {
            self.disturbed = true;
            let n = self.apps.len();
            match dice.below(2 + 2 * n) {
                0 => self.up.flip(dice),
                1 => self.down.flip(dice),
                i if i % 2 == 0 => self.apps[i / 2 - 1].up.flip(dice),
                i => self.apps[i / 2 - 1].down.flip(dice),
            }
        }
        if dice.one_in(chaos.driver) {
            self.disturbed = true;
            self.interfere(dice);
        }
        if dice.one_in(chaos.mistakes) {
            self.disturbed = true;
            self.mistake(dice);
        }
        if dice.one_in(chaos.refusals) {
            self.refusal(dice);
        }
    }

    /// A call that a machine must refuse: nothing comes of it.
    fn refusal(&mut self, dice: &mut impl Dice) {
        // None of these machines has so many at once.
        let nobody = Id::new(999).expect("an id");
        let open = self.bridge.exchange(dice.below(3)).and_then(|e| e.front());
        let (server, room) = (&mut self.server, &mut [0; 64][..]);
        let at = dice.below(self.backs.len().max(1));
        let mut payload = &b"x"[..];
        let refused = match dice.below(12) {
            0 => server.head(nobody, 200, [], Length::None, room).err(),
            1 => server.body(nobody, &mut payload).err(),
            2 => server.finish(nobody, [], room).err(),
            3 => server.fail(nobody, Error::Internal, room).err(),
            4 => server.interim(nobody, 103, [], room).err(),
            5 => server.demand(nobody, 1).err(),
            // No status of an answer.
            6 => server
                .head(open.unwrap_or(nobody), 99, [], Length::None, room)
                .err(),
            7 => server.interim(open.unwrap_or(nobody), 200, [], room).err(),
            which => {
                let Some(Some(back)) = self.backs.get_mut(at) else {
                    return;
                };
                let client = back.machine_mut();
                match which {
                    8 => client.body(nobody, &mut payload).err(),
                    9 => client.body_end(nobody, [], room).err(),
                    10 => client.abort(nobody).err(),
                    _ => {
                        // No room for it.
                        let fields = [
                            Field::var(b"REQUEST_METHOD", b"GET"),
                            Field::var(b"REQUEST_URI", b"/"),
                            Field::var(b"HTTP_HOST", b"h"),
                        ];
                        client.open(fields, Length::None, &mut room[..4]).err()
                    }
                }
            }
        };
        assert!(refused.is_some() && payload == b"x", "it was not refused");
    }

    /// What a driver may do at any time.
    fn interfere(&mut self, dice: &mut impl Dice) {
        let n = self.backs.len().max(1);
        let at = dice.below(n);
        let error = ERRORS[dice.below(ERRORS.len())];
        match dice.below(6) {
            0 => self.bridge.refuse(dice.below(4), error),
            1 => self.bridge.expire(Error::Timeout),
            2 => {
                // The front is gone, and what has come of it thrown away.
                self.server.cancel();
                self.cancelled = true;
                self.up.cut();
                self.up.inbox.clear();
                self.down.cut();
            }
            3 => {
                // Likewise a back.
                if let Some(Some(back)) = self.backs.get_mut(at) {
                    back.give_up(error);
                    self.apps[at].down.cut();
                    self.apps[at].down.inbox.clear();
                }
            }
            4 => {
                if let Some(Some(back)) = self.backs.get_mut(at) {
                    back.give_up(error);
                }
            }
            _ => {
                if let Some(back) = self.backs.get_mut(at) {
                    *back = None;
                    self.apps[at].up.closed = true;
                }
            }
        }
    }

    /// Calls that make no sense, and lies about what is there.
    fn mistake(&mut self, dice: &mut impl Dice) {
        let place = dice.below(5);
        match dice.below(8) {
            0 => self.bridge.forward(place),
            1 => self.bridge.take_end(place),
            2 => {
                if let Some(id) = self.bridge.take(place) {
                    self.mine.push(Mine { place, id });
                }
            }
            3 => {
                if let Some(e) = self.bridge.exchange_mut(place) {
                    e.set_sent(200, 7);
                }
            }
            4 => self.up.inbox.clear(),
            5 => {
                if let Some(app) = self.apps.get_mut(place) {
                    app.down.inbox.clear();
                }
            }
            6 => {
                // Another connection in the place of one that is used.
                if let (Some(Some(_)), (client, _)) = (self.backs.get(place), (self.behind)()) {
                    self.backs[place] = Some(Back::new(client));
                }
            }
            _ => {
                if let Some(e) = self.bridge.exchange_mut(place) {
                    e.request_mut().clear();
                }
            }
        }
    }

    /// One step of the bridge; whether it was anything.
    fn step(
        &mut self,
        dice: &mut impl Dice,
        front: bool,
        back: Option<usize>,
        rooms: (bool, bool),
    ) -> bool {
        let [a_size, b_size] = [(); 2].map(|()| match dice.one_in(self.chaos.rooms) {
            true => dice.below(200),
            false => 4096,
        });
        self.disturbed |= a_size + b_size < 8192;
        let (mut a, mut b) = (vec![0xaa; a_size], vec![0xaa; b_size]);
        let (a_range, b_range) = (a.as_ptr_range(), b.as_ptr_range());
        let room_front = rooms.0 && self.parked.is_empty() && self.down.queue.len() < 20_000;
        let lent = Rooms {
            to_front: room_front.then_some(&mut a[..]),
            to_back: rooms.1.then_some(&mut b[..]),
        };
        // An application that reads slowly.
        for (app, back) in self.apps.iter().zip(&mut self.backs) {
            if let Some(back) = back {
                back.set_busy(!app.parked.is_empty() || app.up.queue.len() > 20_000);
            }
        }
        let mut none = Way::default();
        let other = match back {
            Some(at) => &mut self.apps[at].down,
            None => &mut none,
        };
        let (mut x, mut y) = (&self.up.inbox[..], &other.inbox[..]);
        let (x_all, y_all) = (x, y);
        let x_feed = match (front, self.up.ended()) {
            (false, _) => Feed::Nothing,
            (true, true) => Feed::End,
            (true, false) => Feed::Bytes(&mut x),
        };
        let y_feed = match other.ended() {
            true => Feed::End,
            false => Feed::Bytes(&mut y),
        };
        enum Did {
            Front(Vec<u8>),
            Back(usize, Vec<u8>),
            Head(usize),
            Connect(usize),
            Over(usize),
            Other,
            Wait,
        }
        let step = self.bridge.step(
            &mut self.server,
            x_feed,
            &mut self.backs,
            back.map(|at| (at, y_feed)),
            lent,
        );
        let (mut checked, mut source_of) = (None, None);
        let did = match step {
            Step::ToFront(frame, source) => {
                assert!(room_front, "no room was lent");
                checked = Some((source, a_range, frame.slices()[1].as_ptr_range()));
                source_of = Some(true);
                Did::Front(frame.slices().concat())
            }
            Step::ToBack(at, frame, source) => {
                assert!(rooms.1, "no room was lent");
                let busy = self.backs[at].as_ref().is_none_or(Back::is_busy);
                assert!(!busy, "a frame for one that is busy");
                checked = Some((source, b_range, frame.slices()[1].as_ptr_range()));
                source_of = Some(false);
                Did::Back(at, frame.slices().concat())
            }
            Step::Head(place) | Step::Connect(place) => {
                // Of what is refused nothing is asked, nor is it passed on.
                let e = self.bridge.exchange(place).expect("an exchange");
                assert_eq!(e.end(), End::Complete, "asked about one that is refused");
                match step {
                    Step::Head(_) => Did::Head(place),
                    _ => Did::Connect(place),
                }
            }
            Step::Over(place) => Did::Over(place),
            Step::Log(..) | Step::Again => Did::Other,
            Step::Wait => Did::Wait,
        };
        // The caller's bytes in the frame lie where it was said.
        if let (Some((source, room, body)), Some(to_front)) = (checked, source_of)
            && body.start != body.end
        {
            let (all, left) = if to_front { (y_all, y) } else { (x_all, x) };
            match source {
                Source::Inline => {}
                Source::Room => assert!(room.start <= body.start && body.end <= room.end),
                Source::Input => {
                    let used = all.len() - left.len();
                    assert_eq!(all[..used].as_ptr_range().end, body.end);
                }
            }
        }
        let (x_left, y_left) = (x.len(), y.len());
        self.taken += other.take(y_left);
        self.taken += self.up.take(x_left);
        match did {
            Did::Front(bytes) => {
                assert!(!bytes.is_empty());
                match dice.below(3) {
                    2 => self.parked = bytes,
                    _ => self.write_front(&bytes),
                }
            }
            Did::Back(at, bytes) => {
                assert!(!bytes.is_empty());
                match dice.below(3) {
                    2 => self.apps[at].parked = bytes,
                    _ => self.apps[at].up.write(&bytes),
                }
            }
            Did::Head(place) => match dice.below(3) {
                2 => self.heads.push(place),
                _ => self.decide(dice, place),
            },
            Did::Connect(place) => match dice.below(3) {
                2 => self.wanted.push(place),
                _ => self.connect(place),
            },
            Did::Over(place) => {
                self.over += 1;
                self.heads.retain(|p| *p != place);
                self.wanted.retain(|p| *p != place);
                self.mine.retain(|m| m.place != place);
            }
            Did::Other => {}
            Did::Wait => return false,
        }
        self.steps += 1;
        true
    }
}
