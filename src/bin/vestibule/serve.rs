//! `vestibule serve`: an application behind a web server.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport;
use vestibule::adapt::blocking::run;
use vestibule::fcgi::{ServerLimits, Slot};
use vestibule::{Phase, Server as _, Status as _, Timeouts};

use crate::apps::{App, Table};
use crate::args::{Arg, Args, Ended, Failure, print, usage};
use crate::endpoint::{Endpoint, Stream};
use crate::exchange::Machine;
use crate::listen::{Listener, Waker};

const HELP: &str = "\
usage: vestibule serve --app NAME [--listen ENDPOINT]... [--workers N] [--max-body BYTES]

Serves a small application until SIGTERM or SIGINT, which let running requests
finish, for 10 seconds; a second one does not.

  --app NAME          hello    a line of text
                      mirror   the request's body; a Filter's DATA
                      echo     what the query string asks for, see below
                      auth     an Authorizer that lets the user 'demo' in
  --listen ENDPOINT   fcgi://HOST:PORT (IPv6 in brackets; port 0: any free one),
                      fcgi+unix:/SOCKET, or fcgi+fd:0, the listening socket that
                      a spawner passes (FCGI_WEB_SERVER_ADDRS is heeded there).
                      Default fcgi://127.0.0.1:9000. Each address is printed.
  --workers N         connections at once, each with up to 16 requests; default 128
  --max-body BYTES    a longer request body is refused with 413; default no limit

echo, by the query string:
  (none), m=echo      the request: method, length and FNV-1a of the body, variables
  m=size&n=N          N bytes of numbered lines
  m=status&n=CODE     that status
  m=odd               unusual header fields
  m=stderr            two lines for the error log
  m=slow&n=N          N lines, 50 ms apart
  m=nobody            an answer that does not wait for the body
";

/// Requests at once on a connection.
const SLOTS: usize = 16;

/// How long running requests may go on after a signal: a peer that takes or
/// sends a byte now and then would else keep us for ever.
const GRACE: Duration = Duration::from_secs(10);

/// How long to wait for the accepting threads, which remove their files. One
/// whose file somebody else has removed cannot be woken.
const LEAVE: Duration = Duration::from_secs(1);

/// What to serve, and how.
#[derive(Clone, Copy)]
pub struct Options {
    pub app: App,
    pub workers: u16,
    pub max_body: u64,
}

pub fn main(mut args: Args) -> Ended {
    let mut endpoints = Vec::new();
    let mut app = None;
    let (mut workers, mut max_body) = (128, u64::MAX);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Option(name) => match name.as_str() {
                "--help" | "-h" => return print(HELP),
                "--listen" => {
                    let text = args.text()?;
                    let endpoint = Endpoint::parse(&text).map_err(Failure::Usage)?;
                    if endpoint.uri.is_some() {
                        return usage(format!("endpoint '{text}': a path cannot be listened at"));
                    }
                    endpoints.push(endpoint.address);
                }
                "--app" => {
                    let name = args.text()?;
                    app = App::named(&name);
                    if app.is_none() {
                        return usage(format!(
                            "no application '{name}': there are hello, mirror, echo and auth"
                        ));
                    }
                }
                "--workers" => workers = args.number(1)?,
                "--max-body" => max_body = args.number(0)?,
                _ => return args.unknown(),
            },
            Arg::Word(word) => return usage(format!("what is '{}'?", word.display())),
        }
    }
    let Some(app) = app else {
        return usage("--app is missing");
    };
    if endpoints.is_empty() {
        let default = Endpoint::parse("fcgi://127.0.0.1:9000").map_err(Failure::Usage)?;
        endpoints.push(default.address);
    }
    let workers = match u16::try_from(workers) {
        Ok(n) => n,
        Err(_) => return usage("--workers: at most 65535"),
    };
    #[cfg(unix)]
    crate::signal::watch();
    let mut listeners = Vec::new();
    for address in &endpoints {
        let failed = |error| Failure::Exit(1, format!("cannot listen at {address}: {error}"));
        let listener = Listener::bind(address).map_err(failed)?;
        let _ = writeln!(io::stdout(), "listening at {}", listener.endpoint(address));
        listeners.push(listener);
    }
    let _ = io::stdout().flush();
    let service = Service::start(
        Options {
            app,
            workers,
            max_body,
        },
        listeners,
    );
    service.run()
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
}

#[derive(Default)]
struct State {
    stop: bool,
    /// Accepting threads that are still there, and why the last one is not.
    accepting: usize,
    broken: Option<io::Error>,
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

struct Connection {
    stream: Stream,
    busy: Mutex<Busy>,
}

#[derive(Default)]
struct Busy {
    /// A request is there whose head is complete.
    running: bool,
    stop: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// Starts to accept, in threads.
    pub fn start(options: Options, listeners: Vec<Listener>) -> Service {
        let shared = Arc::new(Shared {
            options,
            state: Mutex::new(State {
                accepting: listeners.len(),
                ..State::default()
            }),
            changed: Condvar::new(),
        });
        let wakers = listeners.iter().map(Listener::waker).collect();
        for listener in listeners {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let ended = accept(&shared, &listener);
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
    fn run(&self) -> Ended {
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
        }
        drop(state);
        self.stop(|| stop_signals() > 1);
        Ok(0)
    }

    /// Accepts no more, closes what is idle, waits for the rest.
    pub fn stop(&self, hurry: impl Fn() -> bool) {
        let mut state = lock(&self.shared.state);
        state.stop = true;
        self.shared.changed.notify_all();
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

fn stop_signals() -> u32 {
    #[cfg(unix)]
    return crate::signal::seen();
    #[cfg(not(unix))]
    return 0;
}

/// Accepts until the service stops.
fn accept(shared: &Arc<Shared>, listener: &Listener) -> io::Result<()> {
    loop {
        let accepted = listener.accept();
        let mut state = lock(&shared.state);
        if state.stop {
            return Ok(());
        }
        let stream = match accepted {
            Ok(Some(stream)) => stream,
            Ok(None) => continue,
            Err(error) if fatal(&error) => return Err(error),
            Err(_) => {
                // Out of descriptors, most likely: something must end first.
                let pause = Duration::from_millis(100);
                let _ = shared.changed.wait_timeout(state, pause);
                continue;
            }
        };
        let full = |state: &mut State| {
            !state.stop && state.connections.len() >= usize::from(shared.options.workers)
        };
        state = shared
            .changed
            .wait_while(state, full)
            .unwrap_or_else(PoisonError::into_inner);
        if state.stop {
            return Ok(());
        }
        let key = state.next;
        state.next += 1;
        let connection = Arc::new(Connection {
            stream,
            busy: Mutex::default(),
        });
        state.connections.insert(key, Arc::clone(&connection));
        drop(state);
        let shared = Arc::clone(shared);
        let worker = std::thread::Builder::new().spawn({
            let shared = Arc::clone(&shared);
            move || {
                // Taken off the list even if it should panic.
                let _entry = Entry {
                    shared: &shared,
                    key,
                };
                converse(&shared.options, &connection);
            }
        });
        if worker.is_err() {
            drop(Entry {
                shared: &shared,
                key,
            });
        }
    }
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
        lock(&self.shared.state).connections.remove(&self.key);
        self.shared.changed.notify_all();
    }
}

/// One connection, until it ends.
fn converse(options: &Options, connection: &Connection) {
    let limits = ServerLimits::DEFAULT.body_bytes(options.max_body);
    let requests = options.workers.saturating_mul(SLOTS as u16);
    let mut machine =
        Machine::with_limits(vec![Slot::EMPTY; SLOTS], limits).values(options.workers, requests);
    let mut table = Table::new(options.app, SLOTS);
    let mut buf = vec![0; 32 * 1024];
    let mut stream = &connection.stream;
    // Whatever the outcome: an application has nobody to tell.
    let _ = run(
        &mut machine,
        &mut stream,
        &mut buf,
        Timeouts::DEFAULT,
        |machine, event, stream| {
            let handled = table.handle(machine, event, stream);
            let mut busy = lock(&connection.busy);
            busy.running = !matches!(machine.phase(), Phase::Idle | Phase::Head);
            if busy.stop {
                machine.shutdown();
            }
            drop(busy);
            handled.map(ControlFlow::Continue)
        },
    );
}
