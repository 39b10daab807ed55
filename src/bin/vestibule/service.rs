//! A running service: connections on a bounded number of threads.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport;
use vestibule::adapt::blocking::run;
use vestibule::fcgi::{self, Slot};
use vestibule::{Phase, Timeouts, http1, scgi, uwsgi};

use crate::access::Log;
use crate::agreed::Agreed;
use crate::apps::App;
use crate::args::{Ended, Failure, complain};
use crate::endpoint::Stream;
use crate::front::Front;
use crate::gateway::{Gate, To};
use crate::listen::{Listener, Waker};
use crate::logged::{Lines, Logged};
use crate::overload;
use crate::scheme::Scheme;
use crate::site::{Site, Table};

/// Requests at once on a connection.
const SLOTS: usize = 16;

/// How long running requests may go on after a signal: a peer that takes or
/// sends a byte now and then would else keep us for ever.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait for the accepting threads, which remove their files. One
/// whose file somebody else has removed cannot be woken.
const LEAVE: Duration = Duration::from_secs(1);

/// How long all workers may be busy, with no idle connection to be closed,
/// before new connections are refused at once.
const PATIENCE: Duration = Duration::from_millis(250);

/// How long a worker stays that has nothing to do.
const REST: Duration = Duration::from_secs(5);

/// How long a new connection may say nothing while others wait.
const SILENCE: Duration = Duration::from_secs(1);

/// What to serve, and how.
pub struct Options {
    pub site: Site,
    pub serves: Serves,
    pub timeouts: Timeouts,
    pub workers: u16,
    pub max_body: u64,
    /// Bodies of unknown length go on to what gets variables.
    pub unknown_length: bool,
    pub log: Option<Arc<Log>>,
    /// With the web servers that we are a container of.
    pub agreed: Agreed,
}

/// Who answers.
pub enum Serves {
    App(App),
    To(To),
}

/// A running service.
pub struct Service {
    shared: Arc<Shared>,
    wakers: Vec<Waker>,
}

struct Shared {
    options: Options,
    state: Mutex<State>,
    changed: Condvar,
    /// For workers that have nothing to do.
    work: Condvar,
}

/// A connection for a worker.
struct Job {
    scheme: Scheme,
    key: u64,
    connection: Arc<Connection>,
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Accepting threads that are still there, and why the last one is not.
    accepting: usize,
    broken: Option<io::Error>,
    next: u64,
    /// Connections that found no worker.
    refused: u64,
    /// Since when all are busy.
    full: Option<Instant>,
    /// Accepting threads that wait for a worker.
    waiting: usize,
    connections: HashMap<u64, Arc<Connection>>,
    /// For the workers that have nothing to do, and how many those are.
    jobs: VecDeque<Job>,
    parked: usize,
}

struct Connection {
    stream: Stream,
    since: Instant,
    busy: Mutex<Busy>,
}

#[derive(Default)]
struct Busy {
    /// A request is there whose head is complete.
    running: bool,
    /// Something came of what was sent.
    begun: bool,
    /// There was a request, and the next has not begun.
    idle: bool,
    stop: bool,
}

impl Connection {
    /// Ends it for one that is waiting, if it waits for nothing but a next
    /// request, or has been silent for too long. Whether it does.
    fn give_way(&self) -> bool {
        let mut busy = lock(&self.busy);
        let silent = !busy.begun && self.since.elapsed() > SILENCE;
        if !(busy.idle || silent) || busy.stop {
            return false;
        }
        busy.stop = true;
        let _ = self.stream.shutdown(Shutdown::Read);
        true
    }
}

impl Connection {
    /// Notes where the machine stands, and passes a stop on.
    fn watch<M: Front>(&self, machine: &mut M) {
        let mut busy = lock(&self.busy);
        busy.running = !matches!(machine.phase(), Phase::Idle | Phase::Head);
        busy.begun = true;
        busy.idle = machine.phase() == Phase::Idle;
        if busy.stop {
            machine.shutdown();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// Starts to accept, in threads.
    pub fn start(options: Options, listeners: Vec<(Scheme, Listener)>) -> Service {
        let shared = Arc::new(Shared {
            options,
            state: Mutex::new(State {
                accepting: listeners.len(),
                ..State::default()
            }),
            changed: Condvar::new(),
            work: Condvar::new(),
        });
        let wakers = listeners.iter().map(|l| l.1.waker()).collect();
        for (scheme, listener) in listeners {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let ended = accept(&shared, scheme, &listener);
                drop(listener);
                let mut state = lock(&shared.state);
                state.accepting -= 1;
                state.broken = ended.err().or(state.broken.take());
                shared.changed.notify_all();
            });
        }
        Service { shared, wakers }
    }

    /// Until a signal comes.
    pub fn run(&self) -> Ended {
        let mut state = lock(&self.shared.state);
        while stop_signals() == 0 {
            if state.accepting == 0 {
                let why = state.broken.take().map_or(String::new(), |e| e.to_string());
                return Err(Failure::Exit(1, format!("cannot accept: {why}")));
            }
            // A signal wakes no condition variable, so look now and then.
            state = self
                .shared
                .changed
                .wait_timeout(state, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            if let Serves::To(to) = &self.shared.options.serves {
                to.sweep();
            }
        }
        drop(state);
        self.stop(|| stop_signals() > 1);
        Ok(0)
    }

    /// Accepts no more, closes what is idle, waits for the rest, and kills what
    /// programs are left.
    pub fn stop(&self, hurry: impl Fn() -> bool) {
        let mut state = lock(&self.shared.state);
        state.stop = true;
        self.shared.changed.notify_all();
        self.shared.work.notify_all();
        for connection in state.connections.values() {
            let mut busy = lock(&connection.busy);
            busy.stop = true;
            if !busy.running {
                // What has come already is read first.
                let _ = connection.stream.shutdown(Shutdown::Read);
            }
        }
        drop(state);
        for waker in &self.wakers {
            waker.wake();
        }
        self.wait(GRACE, |state| state.connections.is_empty() || hurry());
        let blocked = |waker: &&Waker| matches!(waker, Waker::None);
        let blocked = self.wakers.iter().filter(blocked).count();
        self.wait(LEAVE, |state| state.accepting <= blocked || hurry());
        // Programs would outlive us.
        #[cfg(unix)]
        vestibule::adapt::process::kill_all();
        let refused = lock(&self.shared.state).refused;
        if refused > 0 {
            complain(&format!(
                "vestibule serve: {refused} connections found no free worker"
            ));
        }
    }

    /// Waits until something is so, or for `most`.
    fn wait(&self, most: Duration, so: impl Fn(&State) -> bool) {
        let end = Instant::now() + most;
        let mut state = lock(&self.shared.state);
        while !so(&state) && Instant::now() < end {
            state = self
                .shared
                .changed
                .wait_timeout(state, Duration::from_millis(50))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

fn stop_signals() -> usize {
    #[cfg(unix)]
    return crate::signal::STOPS.load(std::sync::atomic::Ordering::Relaxed);
    #[cfg(not(unix))]
    return 0;
}

/// Accepts until the service stops.
fn accept(shared: &Arc<Shared>, scheme: Scheme, listener: &Listener) -> io::Result<()> {
    loop {
        let accepted = listener.accept();
        let mut state = lock(&shared.state);
        if state.stop {
            return Ok(());
        }
        let stream = match accepted {
            Ok(Some(stream)) if stream.trusted() => stream,
            Ok(_) => continue,
            Err(error) if fatal(&error) => return Err(error),
            Err(_) => {
                // Out of descriptors, most likely: something must end first.
                let pause = Duration::from_millis(100);
                let _ = shared.changed.wait_timeout(state, pause);
                continue;
            }
        };
        let Some(granted) = worker(shared, state) else {
            overload::refuse(scheme, stream, shared.options.log.clone());
            continue;
        };
        state = granted;
        if state.stop {
            return Ok(());
        }
        let key = state.next;
        state.next += 1;
        let connection = Arc::new(Connection {
            stream,
            since: Instant::now(),
            busy: Mutex::default(),
        });
        state.connections.insert(key, Arc::clone(&connection));
        let job = Job {
            scheme,
            key,
            connection,
        };
        if state.parked > state.jobs.len() {
            state.jobs.push_back(job);
            drop(state);
            shared.work.notify_one();
            continue;
        }
        drop(state);
        let worker = std::thread::Builder::new().spawn({
            let shared = Arc::clone(shared);
            move || work(&shared, job)
        });
        if worker.is_err() {
            drop(Entry { shared, key });
        }
    }
}

/// A worker: one connection after the other.
fn work(shared: &Shared, first: Job) {
    let mut next = Some(first);
    while let Some(job) = next {
        converse(shared, job);
        let mut state = lock(&shared.state);
        next = state.jobs.pop_front();
        if next.is_none() && !state.stop {
            state.parked += 1;
            let waited = shared.work.wait_timeout(state, REST);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.parked -= 1;
            next = state.jobs.pop_front();
        }
    }
}

fn converse(shared: &Shared, job: Job) {
    let Job {
        scheme,
        key,
        connection,
    } = job;
    // Taken off the list even if it should panic.
    let _entry = Entry { shared, key };
    let time = Duration::from_millis(shared.options.timeouts.head.into());
    if !connection.stream.admit(time) {
        return;
    }
    match scheme {
        Scheme::Fcgi => fcgi(&shared.options, &connection),
        Scheme::Http => http(&shared.options, &connection),
        // No connection comes so.
        Scheme::Cgi => {}
        Scheme::Ajp => {
            let machine = shared.options.agreed.server(shared.options.max_body);
            serve(machine, &shared.options, &connection, 1);
        }
        Scheme::Scgi => {
            let limits = scgi::ServerLimits::DEFAULT.body_bytes(shared.options.max_body);
            serve(
                scgi::Server::with_limits(limits),
                &shared.options,
                &connection,
                1,
            );
        }
        Scheme::Uwsgi => {
            let limits = uwsgi::ServerLimits::DEFAULT.body_bytes(shared.options.max_body);
            serve(
                uwsgi::Server::with_limits(limits),
                &shared.options,
                &connection,
                1,
            );
        }
    }
}

/// Waits until there is a worker for one more connection, or the service
/// stops; `None` where none comes free.
fn worker<'s>(
    shared: &'s Shared,
    mut state: MutexGuard<'s, State>,
) -> Option<MutexGuard<'s, State>> {
    let full = |state: &mut State| {
        !state.stop && state.connections.len() >= usize::from(shared.options.workers)
    };
    while full(&mut state) {
        let now = Instant::now();
        // One that gives way still needs a moment to leave.
        let since = match state.connections.values().any(|c| c.give_way()) {
            true => now,
            false => state.full.unwrap_or(now),
        };
        state.full = Some(since);
        let left = (since + PATIENCE).saturating_duration_since(now);
        if left.is_zero() {
            state.refused += 1;
            return None;
        }
        state.waiting += 1;
        let waited = shared.changed.wait_timeout(state, left);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.waiting -= 1;
    }
    state.full = None;
    Some(state)
}

/// Whether a listening socket is of no more use.
fn fatal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}

struct Entry<'s> {
    shared: &'s Shared,
    key: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        let connection = state.connections.remove(&self.key);
        let awaited = state.waiting > 0 || state.stop;
        drop(state);
        drop(connection);
        if awaited {
            self.shared.changed.notify_all();
        }
    }
}

fn fcgi(options: &Options, connection: &Connection) {
    let limits = fcgi::ServerLimits::DEFAULT.body_bytes(options.max_body);
    let requests = options.workers.saturating_mul(SLOTS as u16);
    let machine = fcgi::Server::with_limits(vec![Slot::EMPTY; SLOTS], limits)
        .values(options.workers, requests);
    serve(machine, options, connection, SLOTS);
}

fn http(options: &Options, connection: &Connection) {
    let mut limits = http1::ServerLimits::DEFAULT;
    limits.common = limits.common.body_bytes(options.max_body);
    let machine = http1::Server::with_limits(limits);
    serve(machine, options, connection, 1);
}

/// One connection, until it ends.
fn serve<M: Front + Send>(
    machine: M,
    options: &Options,
    connection: &Connection,
    exchanges: usize,
) {
    let ends = connection.stream.ends();
    let remote = ends.remote;
    let client = remote.filter(|_| !M::VARIABLES).map(|at| at.ip());
    let lines = Lines::new(options.log.clone(), client);
    let machine = Logged::new(machine, &lines);
    match &options.serves {
        Serves::App(app) => {
            let mut table = Table::new(&options.site, *app, &lines, ends, exchanges);
            answer(machine, &mut table, options, connection);
        }
        Serves::To(to) => {
            let gate = Gate {
                site: &options.site,
                lines: &lines,
                ends,
                timeouts: options.timeouts,
                unknown_length: options.unknown_length,
            };
            let watch = |machine: &mut Logged<'_, M>| connection.watch(machine);
            gate.run(to, machine, exchanges, &connection.stream, watch);
        }
    }
}

fn answer<M: Front>(
    mut machine: M,
    table: &mut Table<'_>,
    options: &Options,
    connection: &Connection,
) {
    let mut stream = &connection.stream;
    let mut buf = vec![0; 32 * 1024];
    // Whatever the outcome: what is served has nobody to tell.
    let _ = run(
        &mut machine,
        &mut stream,
        &mut buf,
        options.timeouts,
        |machine, event, stream| {
            let handled = table.handle(machine, event, stream);
            connection.watch(machine);
            handled.map(ControlFlow::Continue)
        },
    );
}
