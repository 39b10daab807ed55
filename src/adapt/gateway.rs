//! A [`Bridge`] on blocking transports: a thread for the front, one for each
//! connection behind, and a lock around the machines. Nothing is written or
//! read while it is held, but for an answer of the caller's own.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::Duration;
use std::vec;
use std::vec::Vec;

use super::blocking::write_frame;
use super::transport::{Pace, Transport, duration, timed_out};
use crate::bridge::{Back, Bridge, Exchange, Feed, Policy, Rooms, Step};
use crate::error::Error;
use crate::event::{Id, Length};
use crate::fields::Fields;
use crate::machine::{After, Client, Server, Status as _};
use crate::time::{Phase, Timeouts};

/// Storage for a head, in bytes: more than any machine takes by default.
const HEAD: usize = 80 * 1024;

/// Room for a head as it is written: names grow on the way.
const ROOM: usize = 112 * 1024;

/// Of a read: less than the largest record, so that a read makes one.
const BUFFER: usize = 60 * 1024;

/// An exchange of a gateway.
pub type Exchanged = Exchange<Vec<u8>>;

/// What becomes of a request whose head is complete.
#[derive(Debug)]
pub enum Decision<A> {
    /// It goes on to what stands behind.
    Forward,
    /// It is answered by [`Behind::answer`].
    Answer(A),
    /// It is refused as the front's protocol does for this error.
    Refuse(Error),
}

/// What stands behind a gateway, and what it is to do with requests. See
/// [`run`].
pub trait Behind: Sync {
    /// The machine of the front.
    type Server: Server + Send;
    /// The machine of a connection behind.
    type Client: Client + Send;
    /// The transport of a connection behind. Two threads share it, so it reads
    /// and writes by reference, as sockets do.
    type Stream: Transport + Send + Sync;
    /// An answer of our own.
    type Answer;

    /// A connection behind; one that [`release`](Self::release) has kept, if
    /// it need not be `fresh`.
    ///
    /// # Errors
    ///
    /// What the front is told: [`Error::Upstream`], say.
    fn connect(&self, fresh: bool) -> Result<(Self::Stream, Self::Client), Error>;

    /// Whether a connection behind carries one exchange and is then released,
    /// so that [`connect`](Self::connect) can look at it before the next. By
    /// default it carries others of the same front first. See [`Back::once`].
    fn once(&self) -> bool {
        false
    }

    /// Takes a connection back that can carry another request. By default it
    /// is closed.
    fn release(&self, stream: Self::Stream, client: Self::Client) {
        drop((stream, client));
    }

    /// Whether the exchange `id` is one for this gateway; called with the lock
    /// held, before [`head`](Self::head).
    ///
    /// # Errors
    ///
    /// What the front is told: [`Error::Unsupported`], say.
    fn admit(&self, server: &Self::Server, id: Id) -> Result<(), Error> {
        let _ = (server, id);
        Ok(())
    }

    /// Decides about a request, and may change its head: what it holds
    /// afterwards is passed on. It may take its time: other exchanges go on.
    fn head(&self, id: Id, head: &mut Fields<Vec<u8>>, length: Length) -> Decision<Self::Answer> {
        let _ = (id, head, length);
        Decision::Forward
    }

    /// Answers by itself, by calls of `server` for `id`: a whole answer, or
    /// `fail`. Gives the status and the bytes of body that were sent. Of this
    /// connection nothing else goes on meanwhile.
    ///
    /// # Errors
    ///
    /// Those of writing: the connection is given up.
    fn answer(
        &self,
        answer: Self::Answer,
        server: &mut Self::Server,
        id: Id,
        out: &mut dyn Write,
    ) -> io::Result<(u16, u64)>;

    /// The date for answers that have none; see [`Bridge::set_date`].
    fn date(&self) -> Option<[u8; 29]> {
        None
    }

    /// Text for the log from behind.
    fn log(&self, text: &[u8]) {
        let _ = text;
    }

    /// An exchange is over. Called with the lock held.
    fn over(&self, exchange: &Exchanged) {
        let _ = exchange;
    }

    /// Something has changed. Called with the lock held; may call
    /// [`Server::shutdown`].
    fn observe(&self, server: &mut Self::Server) {
        let _ = server;
    }
}

/// A connection behind, as its threads share it.
struct Link<S> {
    stream: Arc<S>,
    pace: Pace,
}

struct State<G: Behind + ?Sized> {
    server: G::Server,
    bridge: Bridge<Vec<u8>, Vec<Exchanged>>,
    backs: Vec<Option<Back<G::Client>>>,
    links: Vec<Option<Link<G::Stream>>>,
    /// A frame for the front is being written.
    busy: bool,
    pace: Pace,
    /// Threads that wait for a change.
    waiting: usize,
    /// How many threads read connections behind.
    threads: usize,
    /// The front's transport is of no more use.
    gone: bool,
    /// Our half of it is shut down.
    closing: bool,
    /// The front is done with: nothing new is begun.
    over: bool,
}

/// What all threads of a connection see.
struct Shared<'g, G: Behind + ?Sized, F> {
    behind: &'g G,
    front: &'g F,
    timeouts: Timeouts,
    state: Mutex<State<G>>,
    changed: Condvar,
}

type Guard<'s, G> = MutexGuard<'s, State<G>>;

/// What a thread has of its own: input, and the part of it that is not used
/// yet; rooms for the frames that it makes.
struct Hand {
    front_room: Vec<u8>,
    back_room: Vec<u8>,
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The peer has closed its half.
    closed: bool,
}

impl Hand {
    fn new() -> Self {
        Hand {
            front_room: vec![0; ROOM],
            back_room: vec![0; ROOM],
            buf: vec![0; BUFFER],
            start: 0,
            end: 0,
            closed: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

/// Whose input a thread has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Front,
    Back(usize),
}

/// Runs a connection of a front over connections behind until it ends.
///
/// `machine` is fresh; `exchanges` is how many requests it takes at once.
/// `front` is shared by threads, so it reads and writes by reference, as
/// sockets do. `timeouts` hold for both sides: `body` for the front, `response`
/// for what stands behind and for writes.
///
/// ```no_run
/// use std::io::Write;
/// use std::net::TcpStream;
/// use vestibule::adapt::gateway::{Behind, Decision, run};
/// use vestibule::{Error, Id, Timeouts, bridge::Policy, fcgi, http1};
///
/// /// Browsers in front, PHP-FPM behind.
/// struct Php;
///
/// impl Behind for Php {
///     type Server = http1::Server;
///     type Client = fcgi::Client;
///     type Stream = TcpStream;
///     type Answer = std::convert::Infallible;
///
///     fn connect(&self, _: bool) -> Result<(TcpStream, fcgi::Client), Error> {
///         let stream = TcpStream::connect("127.0.0.1:9000").map_err(|_| Error::Upstream)?;
///         Ok((stream, fcgi::Client::default()))
///     }
///
///     fn answer(
///         &self,
///         answer: Self::Answer,
///         _: &mut http1::Server,
///         _: Id,
///         _: &mut dyn Write,
///     ) -> std::io::Result<(u16, u64)> {
///         match answer {}
///     }
/// }
///
/// fn serve(browser: TcpStream) {
///     run(&Php, &browser, http1::Server::new(), 1, Policy::STRICT, Timeouts::DEFAULT);
/// }
/// ```
pub fn run<G, F>(
    behind: &G,
    front: &F,
    machine: G::Server,
    exchanges: usize,
    policy: Policy,
    timeouts: Timeouts,
) where
    G: Behind + ?Sized,
    F: Transport + Sync,
    for<'s> &'s F: Read + Write,
    for<'s> &'s G::Stream: Read + Write,
{
    let store = || Fields::new(vec![0; HEAD]);
    let all = (0..exchanges).map(|_| Exchange::new(store(), store()));
    let shared = Shared {
        behind,
        front,
        timeouts,
        state: Mutex::new(State {
            server: machine,
            bridge: Bridge::with_policy(all.collect(), policy),
            backs: Vec::new(),
            links: Vec::new(),
            busy: false,
            // What stands behind has a time of its own.
            pace: Pace::new(Timeouts {
                response: u32::MAX,
                ..timeouts
            }),
            waiting: 0,
            threads: 0,
            gone: false,
            closing: false,
            over: false,
        }),
        changed: Condvar::new(),
    };
    let _ = front.write_timeout(duration(timeouts.response));
    std::thread::scope(|scope| {
        shared.front(scope);
        let mut state = shared.lock();
        state.over = true;
        for (link, back) in state.links.iter().zip(&state.backs) {
            if let (Some(link), Some(_)) = (link, back) {
                let _ = link.stream.shutdown(Shutdown::Both);
            }
        }
        drop(state);
        shared.changed.notify_all();
    });
}

impl<'g, G, F> Shared<'g, G, F>
where
    G: Behind + ?Sized,
    F: Transport + Sync,
    for<'s> &'s F: Read + Write,
    for<'s> &'s G::Stream: Read + Write,
{
    fn lock(&self) -> Guard<'_, G> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until another thread has changed something.
    fn wait<'s>(&self, mut state: Guard<'s, G>) -> Guard<'s, G> {
        state.waiting = state.waiting.saturating_add(1);
        let mut state = self
            .changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting = state.waiting.saturating_sub(1);
        state
    }

    fn tell(&self, state: &State<G>) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// Does all that can be done with the input of one side. Whether anything
    /// was done.
    fn drive<'s, 'scope>(
        &'s self,
        scope: &'scope Scope<'scope, '_>,
        mut state: Guard<'s, G>,
        side: Side,
        hand: &mut Hand,
    ) -> (Guard<'s, G>, bool)
    where
        's: 'scope,
    {
        let mut any = false;
        let mut bytes = hand.buf.get(hand.start..hand.end).unwrap_or(&[]);
        loop {
            let now = &mut *state;
            let rooms = Rooms {
                to_front: (!now.busy).then_some(&mut hand.front_room[..]),
                to_back: Some(&mut hand.back_room),
            };
            let ended = hand.closed && bytes.is_empty();
            let own = match ended {
                true => Feed::End,
                false => Feed::Bytes(&mut bytes),
            };
            let (front, back) = match side {
                Side::Front => (own, None),
                Side::Back(at) => (Feed::Nothing, Some((at, own))),
            };
            let step = now
                .bridge
                .step(&mut now.server, front, &mut now.backs, back, rooms);
            match step {
                Step::ToFront(frame, _) => {
                    state.busy = true;
                    drop(state);
                    let written = write_frame(&mut &*self.front, frame);
                    state = self.lock();
                    state.busy = false;
                    match written {
                        Ok(()) => state.pace.wrote(),
                        Err(_) => state.lose(self.front),
                    }
                }
                Step::ToBack(at, frame, _) => {
                    let stream = state.occupy(at);
                    drop(state);
                    let written = match &stream {
                        Some(stream) => write_frame(&mut &**stream, frame),
                        None => Ok(()),
                    };
                    state = self.lock();
                    state.vacate(at, written);
                }
                Step::Head(place) => {
                    state = self.decide(state, place);
                }
                Step::Connect(place) => {
                    state = self.connect(scope, state, place);
                }
                Step::Log(_, text) => {
                    self.behind.log(text);
                }
                Step::Over(place) => {
                    if let Some(exchange) = state.bridge.exchange(place) {
                        self.behind.over(exchange);
                    }
                }
                Step::Again => {}
                Step::Wait => break,
            }
            any = true;
            self.tell(&state);
        }
        hand.start = hand.end.saturating_sub(bytes.len());
        if any {
            let phase = state.server.phase();
            if phase != state.pace.phase() {
                state.pace.observe(phase, true);
            }
            self.behind.observe(&mut state.server);
            self.settle(&mut state);
        }
        (state, any)
    }

    /// Does to the transports what the machines ask for. Their own threads may
    /// be blocked in reads meanwhile, so whoever is last does it.
    fn settle(&self, state: &mut State<G>) {
        for (at, (back, link)) in state.backs.iter_mut().zip(&state.links).enumerate() {
            let (Some(back), Some(link)) = (back, link) else {
                continue;
            };
            let spent = back.aborted() || back.machine().after() == After::Close;
            if spent && !back.given_up() && state.bridge.uses(at) {
                // What we gave up is not waited for.
                back.give_up(Error::Upstream);
                let _ = link.stream.shutdown(Shutdown::Both);
            }
        }
        if state.busy || state.bridge.active() || state.closing {
            return;
        }
        match state.server.after() {
            After::Close => state.lose(self.front),
            After::Keep if state.bridge.lost().is_none() => {}
            After::Keep | After::CloseWrite => {
                state.closing = true;
                state.pace.observe(Phase::Closing, true);
                let _ = self.front.shutdown(Shutdown::Write);
            }
        }
    }

    /// The head of a request is complete.
    fn decide<'s>(&'s self, mut state: Guard<'s, G>, place: usize) -> Guard<'s, G> {
        let now = &mut *state;
        let Some(exchange) = now.bridge.exchange_mut(place) else {
            return state;
        };
        let Some(id) = exchange.front() else {
            return state;
        };
        if let Err(error) = self.behind.admit(&now.server, id) {
            now.bridge.refuse(place, error);
            return state;
        }
        let length = exchange.length();
        let none = Fields::new(Vec::new());
        let mut head = std::mem::replace(exchange.request_mut(), none);
        drop(state);
        let decision = self.behind.head(id, &mut head, length);
        let date = self.behind.date();
        let mut state = self.lock();
        let overflowed = head.overflowed();
        if let Some(exchange) = state.bridge.exchange_mut(place) {
            *exchange.request_mut() = head;
        }
        if let Some(date) = date {
            state.bridge.set_date(date);
        }
        match decision {
            _ if overflowed => state.bridge.refuse(place, Error::HeadTooLong),
            Decision::Forward => state.bridge.forward(place),
            Decision::Refuse(error) => state.bridge.refuse(place, error),
            Decision::Answer(answer) => {
                // Another thread may be writing.
                while state.busy {
                    state = self.wait(state);
                }
                let now = &mut *state;
                if let Some(id) = now.bridge.take(place) {
                    let out = &mut { self.front };
                    let said = self.behind.answer(answer, &mut now.server, id, out);
                    match said {
                        Ok((status, bytes)) => {
                            if let Some(exchange) = now.bridge.exchange_mut(place) {
                                exchange.set_sent(status, bytes);
                            }
                        }
                        Err(_) => now.lose(self.front),
                    }
                    now.bridge.take_end(place);
                    now.pace.wrote();
                }
            }
        }
        state
    }

    /// Provides a connection for the exchange, and a thread that reads it.
    fn connect<'s, 'scope>(
        &'s self,
        scope: &'scope Scope<'scope, '_>,
        state: Guard<'s, G>,
        place: usize,
    ) -> Guard<'s, G>
    where
        's: 'scope,
    {
        let tried = state.bridge.exchange(place).map_or(0, Exchange::attempts);
        let over = state.over;
        drop(state);
        let connected = match over {
            true => Err(Error::Upstream),
            false => self.behind.connect(tried > 0),
        };
        let mut state = self.lock();
        let (stream, client) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                state.bridge.refuse(place, error);
                return state;
            }
        };
        let _ = stream.write_timeout(duration(self.timeouts.response));
        let link = Link {
            stream: Arc::new(stream),
            // The front has a time of its own.
            pace: Pace::new(Timeouts {
                body: u32::MAX,
                idle: u32::MAX,
                head: self.timeouts.response,
                ..self.timeouts
            }),
        };
        let at = match state.backs.iter().position(Option::is_none) {
            Some(at) => at,
            None => {
                state.backs.push(None);
                state.links.push(None);
                state.backs.len().saturating_sub(1)
            }
        };
        let fresh = state.threads <= at;
        let now = &mut *state;
        if let (Some(b), Some(l)) = (now.backs.get_mut(at), now.links.get_mut(at)) {
            let back = Back::new(client);
            *b = Some(if self.behind.once() {
                back.once()
            } else {
                back
            });
            *l = Some(link);
        }
        if fresh {
            state.threads = state.threads.saturating_add(1);
            scope.spawn(move || self.back(scope, at));
        }
        state
    }

    /// The thread of the front.
    fn front<'s, 'scope>(&'s self, scope: &'scope Scope<'scope, '_>)
    where
        's: 'scope,
    {
        let mut hand = Hand::new();
        let mut waits = None;
        let mut state = self.lock();
        loop {
            let (now, any) = self.drive(scope, state, Side::Front, &mut hand);
            state = now;
            let quiet = !state.busy && !state.bridge.active();
            if quiet && (hand.closed || state.gone) {
                return;
            }
            if state.closing && state.bridge.lost().is_some() {
                // What still comes is dropped: closing with unread input
                // would destroy the answer under way.
                hand.start = hand.end;
            }
            if hand.closed || state.gone || !hand.is_empty() || state.bridge.keeps() {
                // Only what another thread does can change that.
                state = self.wait(state);
                continue;
            }
            if !state.closing {
                let phase = state.server.phase();
                state.pace.observe(phase, any && phase != Phase::Response);
            }
            let time = match state.pace.left() {
                Ok(time) => time,
                Err(phase) => {
                    if !self.late(&mut state, phase) {
                        return;
                    }
                    continue;
                }
            };
            // While an answer is under way there is no bound, but there will
            // be one when it is over: look now and then.
            let time = time.or(duration(self.timeouts.closing));
            drop(state);
            let got = read(self.front, &mut hand, time, &mut waits);
            state = self.lock();
            match got {
                Ok(true) => {}
                Ok(false) => {
                    if let Err(phase) = state.pace.left_now()
                        && !self.late(&mut state, phase)
                    {
                        return;
                    }
                }
                Err(_) => state.lose(self.front),
            }
        }
    }

    /// The front took too long; whether there is anything left to be done.
    fn late(&self, state: &mut State<G>, phase: Phase) -> bool {
        match phase {
            Phase::Idle | Phase::Closing => return false,
            Phase::Head | Phase::Body | Phase::Response => state.bridge.expire(Error::Timeout),
        }
        true
    }

    /// The thread of connections behind, one after the other.
    fn back<'s, 'scope>(&'s self, scope: &'scope Scope<'scope, '_>, at: usize)
    where
        's: 'scope,
    {
        let mut hand = Hand::new();
        let mut state = self.lock();
        loop {
            let stream = match state.links.get(at) {
                Some(Some(link)) => Arc::clone(&link.stream),
                _ if state.over => return,
                _ => {
                    state = self.wait(state);
                    continue;
                }
            };
            (hand.start, hand.end, hand.closed) = (0, 0, false);
            state = self.serve(scope, state, at, &stream, &mut hand);
            let back = state.backs.get_mut(at).and_then(Option::take);
            drop(state.links.get_mut(at).and_then(Option::take));
            let whole = hand.is_empty() && !hand.closed;
            if let Some(back) = back
                && whole
                && back.reusable()
                && let Some(stream) = Arc::into_inner(stream)
            {
                drop(state);
                self.behind.release(stream, back.into_machine());
                state = self.lock();
            }
            self.tell(&state);
        }
    }

    /// A connection behind, until it carries nothing any more.
    fn serve<'s, 'scope>(
        &'s self,
        scope: &'scope Scope<'scope, '_>,
        mut state: Guard<'s, G>,
        at: usize,
        stream: &G::Stream,
        hand: &mut Hand,
    ) -> Guard<'s, G>
    where
        's: 'scope,
    {
        let mut waits = None;
        loop {
            let any;
            (state, any) = self.drive(scope, state, Side::Back(at), hand);
            let now = &mut *state;
            let (Some(Some(back)), Some(Some(link))) =
                (now.backs.get_mut(at), now.links.get_mut(at))
            else {
                return state;
            };
            let used = now.bridge.uses(at);
            if !used && !back.is_busy() {
                return state;
            }
            if hand.closed || !hand.is_empty() || back.keeps() || !used || back.given_up() {
                state = self.wait(state);
                continue;
            }
            let phase = back.machine().phase();
            link.pace.observe(phase, any);
            let time = link.pace.left();
            if time.is_err() {
                back.give_up(Error::UpstreamTimeout);
                let _ = stream.shutdown(Shutdown::Both);
                continue;
            }
            let time = time.ok().flatten().or(duration(self.timeouts.response));
            drop(state);
            let got = read(stream, hand, time, &mut waits);
            state = self.lock();
            let Some(Some(back)) = state.backs.get_mut(at) else {
                return state;
            };
            match got {
                Ok(_) => {}
                Err(_) => back.give_up(Error::Upstream),
            }
            let late = match state.links.get_mut(at) {
                Some(Some(link)) if matches!(got, Ok(false)) => link.pace.left_now().is_err(),
                _ => false,
            };
            if late && let Some(Some(back)) = state.backs.get_mut(at) {
                back.give_up(Error::UpstreamTimeout);
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

impl<G: Behind + ?Sized> State<G> {
    /// The front's transport is of no more use.
    fn lose<F: Transport>(&mut self, front: &F) {
        self.gone = true;
        self.server.cancel();
        let _ = front.shutdown(Shutdown::Both);
    }

    /// A frame for the back of this place is being written.
    fn occupy(&mut self, at: usize) -> Option<Arc<G::Stream>> {
        if let Some(Some(back)) = self.backs.get_mut(at) {
            back.set_busy(true);
        }
        let link = self.links.get(at)?.as_ref()?;
        Some(Arc::clone(&link.stream))
    }

    /// It was, or could not be.
    fn vacate(&mut self, at: usize, written: io::Result<()>) {
        if let Some(Some(back)) = self.backs.get_mut(at) {
            back.set_busy(false);
            // It may still answer.
            if written.is_err() {
                back.set_deaf();
            }
            let phase = back.machine().phase();
            if let Some(Some(link)) = self.links.get_mut(at) {
                link.pace.observe(phase, true);
            }
        }
    }
}

/// One read into `hand`, which is empty. False where the time was up.
fn read<S>(
    stream: &S,
    hand: &mut Hand,
    time: Option<Duration>,
    waits: &mut Option<Option<Duration>>,
) -> io::Result<bool>
where
    S: Transport,
    for<'s> &'s S: Read,
{
    if *waits != Some(time) {
        stream.read_timeout(time)?;
        *waits = Some(time);
    }
    loop {
        match (&mut &*stream).read(&mut hand.buf) {
            Ok(n) => {
                (hand.start, hand.end) = (0, n);
                hand.closed = n == 0;
                return Ok(true);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if timed_out(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
