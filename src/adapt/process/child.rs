//! A program that runs: its streams, its end, and who reaps it.

mod left;
mod run;

pub(super) use run::{Run, Started, Waits};

use std::io::{self, Read};
use std::net::Shutdown;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

use self::left::{Left, reap};
use super::errors::{Pump, Wake};

/// How long a program may live on that nobody has any more, by default.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long the end of its output waits for its exit code, and for the end of
/// its standard error. Both come at once where it has ended; the one does not
/// where it lives on, the other where it has left somebody behind.
const SETTLE: Duration = Duration::from_millis(500);
const SETTLE_LOG: Duration = Duration::from_millis(100);

/// Between two looks for its end, at first and at most: there is no event for
/// it that a lock could be given up for.
const LOOK: Duration = Duration::from_micros(100);
const MOST: Duration = Duration::from_millis(50);

/// The longest environment: what systems take, less what they need.
const BLOCK: usize = 1 << 20;

/// A program, for all who may end it.
type Handle = Arc<Mutex<Child>>;

fn locked(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every program that somebody may still have to end. Of the process, since it
/// is the process whose end would leave them behind.
static RUNNING: Mutex<Vec<Weak<Mutex<Child>>>> = Mutex::new(Vec::new());

fn register(child: &Handle) {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    running.retain(|other| other.strong_count() > 0);
    running.push(Arc::downgrade(child));
}

/// Kills and reaps every program that was started by this module and has not
/// ended: those whose [`Process`](super::Process) is dropped and that still
/// have their [`grace`](super::Program::grace), and those that still answer.
/// For a process that is about to end, which would leave them behind.
///
/// ```
/// vestibule::adapt::process::kill_all();
/// ```
pub fn kill_all() {
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let all = std::mem::take(&mut *running);
    drop(running);
    for child in all.iter().filter_map(Weak::upgrade) {
        let mut child = locked(&child);
        // One that may not be killed, since it is another user's, would be
        // waited for in vain. Of one that was reaped std knows that it was.
        if child.kill().is_ok() {
            let _ = child.wait();
        }
    }
}

/// What the threads of a request share.
#[derive(Debug)]
pub(super) struct Shared {
    run: OnceLock<Run>,
    state: Mutex<State>,
    changed: Condvar,
    output_limit: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// The environment, until it is whole.
    block: Vec<u8>,
    /// The next byte begins a variable, or ends the block.
    inside: bool,
    waits: Waits,
    /// It was not started, and never will be.
    failed: Option<io::ErrorKind>,
    child: Option<Handle>,
    /// Dropped when it has ended.
    wake: Option<Wake>,
    status: Option<ExitStatus>,
    log_ended: bool,
    /// Nobody wants its output any more.
    killed: bool,
    output_ended: bool,
    output: u64,
}

impl State {
    /// Adds to the environment. How many bytes of `buf` were its, and whether
    /// it is whole.
    pub fn gather(&mut self, buf: &[u8]) -> io::Result<(usize, bool)> {
        if let Some(kind) = self.failed {
            return Err(kind.into());
        }
        let mut taken = 0usize;
        for byte in buf {
            taken = taken.saturating_add(1);
            if *byte == 0 && !self.inside {
                return Ok((taken, true));
            }
            self.inside = *byte != 0;
            self.block.push(*byte);
        }
        if self.block.len() > BLOCK {
            self.failed = Some(io::ErrorKind::ArgumentListTooLong);
            return Err(io::ErrorKind::ArgumentListTooLong.into());
        }
        Ok((taken, false))
    }

    /// The environment, and the time-outs.
    pub fn asked(&self) -> (&[u8], &Waits) {
        (&self.block, &self.waits)
    }

    /// Looks whether it has ended.
    fn reap(&mut self) {
        if let (Some(child), None) = (&self.child, self.status)
            && let Ok(Some(status)) = locked(child).try_wait()
        {
            self.status = Some(status);
            self.wake = None;
        }
    }

    fn kill(&mut self) {
        self.killed = true;
        self.reap();
        if let (Some(child), None) = (&self.child, self.status) {
            let _ = locked(child).kill();
        }
    }
}

impl Shared {
    pub fn new(output_limit: u64) -> Arc<Shared> {
        Arc::new(Shared {
            run: OnceLock::new(),
            state: Mutex::default(),
            changed: Condvar::new(),
            output_limit,
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'s>(&self, state: MutexGuard<'s, State>, most: Duration) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Its streams, once it was started.
    pub fn run(&self) -> Option<&Run> {
        self.run.get()
    }

    /// It was started, or could not be.
    pub fn begin(
        self: &Arc<Self>,
        state: &mut State,
        started: io::Result<Started>,
    ) -> io::Result<()> {
        state.block = Vec::new();
        let begun = started.and_then(|started| self.attend(state, started));
        if let Err(error) = &begun {
            state.failed = Some(error.kind());
        }
        self.changed.notify_all();
        begun
    }

    fn attend(self: &Arc<Self>, state: &mut State, started: Started) -> io::Result<()> {
        let Started {
            run,
            mut child,
            errors,
            wake,
            log,
            log_limit,
            grace,
        } = started;
        let shared = LogEnds(Arc::clone(self));
        let pump = Pump::new(errors, &wake, log, log_limit, grace);
        let pumping = thread::Builder::new().spawn(move || {
            pump.run();
            drop(shared);
        });
        if let Err(error) = pumping {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        let child = Arc::new(Mutex::new(child));
        register(&child);
        state.child = Some(child);
        state.wake = Some(wake);
        let _ = self.run.set(run);
        Ok(())
    }

    pub fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        let mut state = self.lock();
        state.waits.reads = time;
        match self.run() {
            Some(run) => run.stdout.set_read_timeout(time),
            None => Ok(()),
        }
    }

    pub fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        let mut state = self.lock();
        state.waits.writes = time;
        match self.run().and_then(|run| run.stdin.as_ref()) {
            Some(stdin) => stdin.set_write_timeout(time),
            None => Ok(()),
        }
    }

    /// Its streams, as soon as it was started.
    fn started(&self) -> io::Result<&Run> {
        if let Some(run) = self.run() {
            return Ok(run);
        }
        let mut state = self.lock();
        let end = state
            .waits
            .reads
            .and_then(|time| Instant::now().checked_add(time));
        loop {
            if let Some(run) = self.run() {
                return Ok(run);
            }
            if let Some(kind) = state.failed {
                return Err(kind.into());
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => return Err(io::ErrorKind::WouldBlock.into()),
                left => state = self.wait(state, left.unwrap_or(GRACE)),
            }
        }
    }

    /// One read of its output.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let run = self.started()?;
        let n = (&mut &run.stdout).read(buf)?;
        if n == 0 && !buf.is_empty() {
            return self.ended().map(|()| 0);
        }
        let mut state = self.lock();
        let more = u64::try_from(n).unwrap_or(u64::MAX);
        state.output = state.output.saturating_add(more);
        if state.output > self.output_limit {
            state.kill();
            drop(state);
            run.close();
            return Err(io::Error::other("more output than its limit"));
        }
        Ok(n)
    }

    /// Its output has ended: whether that is the end of an answer.
    fn ended(&self) -> io::Result<()> {
        let mut state = self.lock();
        if !state.killed && !state.output_ended {
            state.output_ended = true;
            state = self.settle(state, SETTLE, SETTLE_LOG);
        }
        match state.status {
            _ if state.killed => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(status) if status.signal().is_some() => Err(io::ErrorKind::ConnectionReset.into()),
            _ => Ok(()),
        }
    }

    /// Waits for its end, and for that of its standard error.
    fn settle<'s>(
        &self,
        mut state: MutexGuard<'s, State>,
        exit: Duration,
        log: Duration,
    ) -> MutexGuard<'s, State> {
        let start = Instant::now();
        let mut pause = LOOK;
        loop {
            state.reap();
            let most = match (state.status.is_some(), state.log_ended) {
                (true, true) => return state,
                (true, false) => log,
                (false, _) => exit,
            };
            if start.elapsed() >= most {
                return state;
            }
            state = self.wait(state, pause);
            pause = pause.saturating_mul(2).min(MOST);
        }
    }

    pub fn app_status(&self) -> Option<u32> {
        let mut state = self.lock();
        state.reap();
        let code = state.status.and_then(|status| status.code());
        code.and_then(|code| u32::try_from(code).ok())
    }

    pub fn shutdown(&self, how: Shutdown) {
        let mut state = self.lock();
        let Some(run) = self.run() else {
            if how != Shutdown::Write {
                let failed = state.failed.unwrap_or(io::ErrorKind::NotConnected);
                state.failed = Some(failed);
                self.changed.notify_all();
            }
            return;
        };
        if how == Shutdown::Write {
            run.end_input();
            return;
        }
        if !state.output_ended {
            state.kill();
        }
        run.close();
    }

    /// Waits for its end, and that of its standard error.
    pub fn finish(&self, most: Duration) -> Option<u32> {
        let mut state = self.lock();
        if state.child.is_some() {
            state = self.settle(state, most, most);
        }
        drop(state);
        self.app_status()
    }

    /// Nobody has it any more. It may end what it does, for `grace`.
    pub fn leave(&self, grace: Duration) {
        let mut state = self.lock();
        state.reap();
        let (Some(child), None, Some(run)) = (state.child.take(), state.status, self.run()) else {
            return;
        };
        let grace = match state.killed {
            true => Duration::ZERO,
            false => grace,
        };
        run.end_input();
        let left = Mutex::new(Left {
            child,
            output: run.stdout.try_clone().ok(),
            _wake: state.wake.take(),
        });
        let left = Arc::new(left);
        let reaping = thread::Builder::new().spawn({
            let left = Arc::clone(&left);
            move || reap(&left, grace)
        });
        if reaping.is_err() {
            reap(&left, Duration::ZERO);
        }
    }
}

/// Says so when its standard error is no longer read, also where that panicked.
struct LogEnds(Arc<Shared>);

impl Drop for LogEnds {
    fn drop(&mut self) {
        self.0.lock().log_ended = true;
        self.0.changed.notify_all();
    }
}
