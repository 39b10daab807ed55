//! What the threads of a connection share.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::vec::Vec;

use super::super::transport::{Pace, Transport, timed_out};
use super::hand::Input;
use super::{Behind, Exchanged};
use crate::bridge::{Back, Bridge, Exchange, Policy};
use crate::error::Error;
use crate::fields::Fields;
use crate::machine::{Server, Status as _};
use crate::time::{Phase, Timeouts};

/// A connection behind, as its threads share it.
pub(super) struct Link<S> {
    pub stream: Arc<S>,
    pub pace: Pace,
    /// A thread reads it.
    pub read: bool,
    /// Something has come from it.
    pub heard: bool,
    /// It takes no more bytes: what is missing of a body is no excuse any more.
    pub deaf: bool,
}

/// A connection behind that was taken out.
pub(super) type Taken<G> = (Back<<G as Behind>::Client>, Link<<G as Behind>::Stream>);

impl<S> Link<S> {
    pub fn new(stream: S, timeouts: Timeouts) -> Self {
        Link {
            stream: Arc::new(stream),
            // The front has a time of its own.
            pace: Pace::new(Timeouts {
                body: u32::MAX,
                idle: u32::MAX,
                head: timeouts.response,
                ..timeouts
            }),
            read: false,
            heard: false,
            deaf: false,
        }
    }

    /// Notes what its machine waits for.
    pub fn observe(&mut self, phase: Phase, progress: bool) {
        let phase = match phase {
            Phase::Body if self.deaf => Phase::Response,
            phase => phase,
        };
        self.pace.observe(phase, progress);
    }
}

pub(super) struct State<G: Behind + ?Sized> {
    pub server: G::Server,
    pub bridge: Bridge<Vec<u8>, Vec<Exchanged>>,
    pub backs: Vec<Option<Back<G::Client>>>,
    pub links: Vec<Option<Link<G::Stream>>>,
    /// A frame for the front is being written.
    pub busy: bool,
    pub pace: Pace,
    /// Threads that wait for a change.
    pub waiting: usize,
    /// Connections for the threads that have none, and how many those are.
    pub jobs: Vec<(usize, Input)>,
    pub parked: usize,
    /// The front's transport is of no more use.
    pub gone: bool,
    /// Our half of it is shut down.
    pub closing: bool,
    /// The front is done with: nothing new is begun.
    pub over: bool,
}

/// What all threads of a connection see.
pub(super) struct Shared<'g, G: Behind + ?Sized, F> {
    pub behind: &'g G,
    pub front: &'g F,
    pub timeouts: Timeouts,
    /// How many exchanges there are.
    pub exchanges: usize,
    pub state: Mutex<State<G>>,
    /// For those who wait for a change, and for those who wait for work.
    pub changed: Condvar,
    pub work: Condvar,
}

pub(super) type Guard<'s, G> = MutexGuard<'s, State<G>>;

impl<'g, G, F> Shared<'g, G, F>
where
    G: Behind + ?Sized,
    F: Transport + Sync,
    for<'s> &'s F: Read + Write,
    for<'s> &'s G::Stream: Read + Write,
{
    pub fn new(
        behind: &'g G,
        front: &'g F,
        server: G::Server,
        exchanges: usize,
        policy: Policy,
        timeouts: Timeouts,
    ) -> Self {
        let store = || Fields::new(Vec::new());
        let all = (0..exchanges).map(|_| Exchange::new(store(), store()));
        Shared {
            behind,
            front,
            timeouts,
            exchanges,
            state: Mutex::new(State {
                server,
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
                jobs: Vec::new(),
                parked: 0,
                gone: false,
                closing: false,
                over: false,
            }),
            changed: Condvar::new(),
            work: Condvar::new(),
        }
    }

    pub fn lock(&self) -> Guard<'_, G> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until another thread has changed something.
    pub fn wait<'s>(&self, mut state: Guard<'s, G>) -> Guard<'s, G> {
        state.waiting = state.waiting.saturating_add(1);
        let mut state = self
            .changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting = state.waiting.saturating_sub(1);
        state
    }

    /// To be called before the lock is given back, where anything has changed.
    pub fn tell(&self, state: &State<G>) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// How long a read may last at most where another thread may have
    /// shortened the time meanwhile.
    pub fn look(&self) -> Duration {
        let ms = self.timeouts.closing.clamp(250, 2_000);
        Duration::from_millis(u64::from(ms))
    }
}

/// Ends everything when it is dropped: always, or where a handler of the
/// caller's has panicked, which no other thread may wait for.
pub(super) struct End<'s, 'g, G: Behind + ?Sized, F: Transport> {
    pub shared: &'s Shared<'g, G, F>,
    pub always: bool,
}

impl<G: Behind + ?Sized, F: Transport> Drop for End<'_, '_, G, F> {
    fn drop(&mut self) {
        let panics = std::thread::panicking();
        if !(self.always || panics) {
            return;
        }
        let shared = self.shared;
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.over = true;
        if panics {
            state.lose(shared.front);
        }
        for link in state.links.iter().flatten() {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
        drop(state);
        shared.changed.notify_all();
        shared.work.notify_all();
    }
}

impl<G: Behind + ?Sized> State<G> {
    /// Whether the front has nothing under way.
    pub fn quiet(&self) -> bool {
        !self.busy && !self.bridge.active()
    }

    /// The front's transport is of no more use.
    pub fn lose<F: Transport>(&mut self, front: &F) {
        if !self.gone {
            self.gone = true;
            self.server.cancel();
            let _ = front.shutdown(Shutdown::Both);
        }
    }

    /// The connection behind of a place is given up.
    pub fn give_up(&mut self, at: usize, reason: Error) {
        if let Some(Some(back)) = self.backs.get_mut(at) {
            back.give_up(reason);
        }
        if let Some(Some(link)) = self.links.get(at) {
            let _ = link.stream.shutdown(Shutdown::Both);
        }
    }

    /// A frame for the back of this place is there that is not written yet.
    pub fn hold(&mut self, at: usize, held: bool) {
        if let Some(Some(back)) = self.backs.get_mut(at) {
            back.set_busy(held);
        }
    }

    /// A frame for the back of this place is being written.
    pub fn occupy(&mut self, at: usize) -> Option<Arc<G::Stream>> {
        self.hold(at, true);
        let link = self.links.get(at)?.as_ref()?;
        Some(Arc::clone(&link.stream))
    }

    /// It was, or could not be.
    pub fn vacate(&mut self, at: usize, written: io::Result<()>) {
        self.hold(at, false);
        match written {
            Ok(()) => {}
            Err(error) if timed_out(&error) => self.give_up(at, Error::UpstreamTimeout),
            // It may have answered before it stopped reading.
            Err(_) => {
                if let Some(Some(back)) = self.backs.get_mut(at) {
                    back.set_deaf();
                }
                if let Some(Some(link)) = self.links.get_mut(at) {
                    link.deaf = true;
                }
            }
        }
        self.progress(at);
    }

    /// The connection of this place, which is empty then.
    pub fn take(&mut self, at: usize) -> Option<Taken<G>> {
        let back = self.backs.get_mut(at)?.take();
        let link = self.links.get_mut(at)?.take();
        back.zip(link)
    }

    /// The same, if it carries nothing and can be used again.
    pub fn spare(&mut self, at: usize) -> Option<Taken<G>> {
        let back = self.backs.get(at)?.as_ref()?;
        if self.bridge.uses(at) || !back.reusable() {
            return None;
        }
        self.take(at)
    }

    /// Something came of the connection of this place.
    pub fn progress(&mut self, at: usize) {
        if let (Some(Some(back)), Some(Some(link))) = (self.backs.get(at), self.links.get_mut(at)) {
            link.observe(back.machine().phase(), true);
        }
    }

    /// A thread reads it, or none does.
    pub fn set_read(&mut self, at: usize, read: bool) {
        if let Some(Some(link)) = self.links.get_mut(at) {
            link.read = read;
        }
    }

    /// Whether a frame for it is being written.
    pub fn back_is_busy(&self, at: usize) -> bool {
        matches!(self.backs.get(at), Some(Some(back)) if back.is_busy())
    }

    /// Whether reading it is of no use: only what another thread does can
    /// change anything there.
    pub fn is_stuck(&self, at: usize, input: &Input) -> bool {
        let back = self.backs.get(at).and_then(Option::as_ref);
        input.closed || !input.is_empty() || back.is_none_or(|b| b.keeps() || b.given_up())
    }

    /// The first connection behind that no thread reads.
    pub fn unread(&self) -> Option<usize> {
        let unread = |link: &Option<Link<_>>| matches!(link, Some(link) if !link.read);
        self.links.iter().position(unread)
    }
}
