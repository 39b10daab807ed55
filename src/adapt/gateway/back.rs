//! Reading what stands behind, and the threads that do nothing else.

use std::io::{Read, Write};
use std::sync::{Arc, PoisonError};
use std::thread::{self, Scope};
use std::time::Duration;

use super::super::transport::Transport;
use super::Behind;
use super::hand::{Desk, Input, Side};
use super::state::{End, Guard, Shared};
use crate::error::Error;
use crate::machine::Status as _;

/// How long a thread stays that has nothing to do.
const LINGER: Duration = Duration::from_secs(5);

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing came.
    Nothing,
    /// Input, or the connection's end, or it was given up.
    Some,
}

impl<G, F> Shared<'_, G, F>
where
    G: Behind + ?Sized,
    F: Transport + Sync,
    for<'s> &'s F: Read + Write,
    for<'s> &'s G::Stream: Read + Write,
{
    /// One read of a connection behind, for no longer than `most`.
    pub fn hear<'s>(
        &'s self,
        mut state: Guard<'s, G>,
        at: usize,
        most: Option<Duration>,
        input: &mut Input,
    ) -> (Guard<'s, G>, Heard) {
        let now = &mut *state;
        let (Some(Some(back)), Some(Some(link)), false) =
            (now.backs.get(at), now.links.get_mut(at), input.closed)
        else {
            return (state, Heard::Some);
        };
        link.observe(back.machine().phase(), false);
        let time = match link.pace.left() {
            Ok(time) if !back.given_up() => time,
            _ => {
                // Or it was before.
                state.give_up(at, Error::UpstreamTimeout);
                return (state, Heard::Some);
            }
        };
        let time = match (time, most) {
            (Some(time), Some(most)) => Some(time.min(most)),
            (time, most) => time.or(most),
        };
        let stream = Arc::clone(&link.stream);
        self.tell(&state);
        drop(state);
        let got = input.read(&*stream, time, most.unwrap_or(self.look()));
        drop(stream);
        let mut state = self.lock();
        let heard = match got {
            Ok(true) => {
                // A reset is told once, and maybe to who writes: what is then
                // read is no end of an answer, though it looks like one.
                while input.closed && state.back_is_busy(at) {
                    state = self.wait(state);
                }
                match state.links.get_mut(at) {
                    Some(Some(link)) if input.closed && link.deaf => {
                        state.give_up(at, Error::Upstream);
                    }
                    Some(Some(link)) => link.heard |= !input.closed,
                    _ => {}
                }
                Heard::Some
            }
            Ok(false) => Heard::Nothing,
            Err(_) => {
                state.give_up(at, Error::Upstream);
                Heard::Some
            }
        };
        (state, heard)
    }

    /// Leaves a connection to a thread of its own.
    pub fn hand_over<'s, 'scope>(
        &'s self,
        scope: &'scope Scope<'scope, '_>,
        mut state: Guard<'s, G>,
        at: usize,
        desk: &mut Desk,
        mut input: Input,
    ) -> Guard<'s, G>
    where
        's: 'scope,
    {
        state.set_read(at, true);
        if state.parked > state.jobs.len() {
            state.jobs.push((at, input));
            self.work.notify_one();
            return state;
        }
        let started = thread::Builder::new().spawn_scoped(scope, {
            let input = std::mem::take(&mut input);
            move || self.reader(scope, at, input)
        });
        if started.is_err() {
            // No thread can be had.
            state.give_up(at, Error::Overloaded);
            (state, _) = self.drive(state, Side::Back(at), desk, &mut input);
            state = self.dismiss(state, at, &mut input);
        }
        state
    }

    /// A thread that reads connections behind, one after the other.
    fn reader<'s, 'scope>(&'s self, scope: &'scope Scope<'scope, '_>, at: usize, input: Input)
    where
        's: 'scope,
    {
        let _end = End {
            shared: self,
            always: false,
        };
        let mut desk = Desk::new();
        let mut job = Some((at, input));
        let mut state = self.lock();
        while let Some((at, mut input)) = job {
            state = self.serve(scope, state, at, &mut desk, &mut input);
            state = self.dismiss(state, at, &mut input);
            // One that was opened in its place, or else what others have.
            job = match state.unread() {
                Some(at) => {
                    state.set_read(at, true);
                    Some((at, input))
                }
                None => state.jobs.pop(),
            };
            while job.is_none() && !state.over {
                state.parked = state.parked.saturating_add(1);
                let (woken, waited) = self
                    .work
                    .wait_timeout(state, LINGER)
                    .unwrap_or_else(PoisonError::into_inner);
                state = woken;
                state.parked = state.parked.saturating_sub(1);
                job = state.jobs.pop();
                if job.is_none() && waited.timed_out() {
                    return;
                }
            }
        }
    }

    /// A connection behind, until it carries nothing any more.
    fn serve<'s, 'scope>(
        &'s self,
        scope: &'scope Scope<'scope, '_>,
        mut state: Guard<'s, G>,
        at: usize,
        desk: &mut Desk,
        input: &mut Input,
    ) -> Guard<'s, G>
    where
        's: 'scope,
    {
        loop {
            let any;
            (state, any) = self.drive(state, Side::Back(at), desk, input);
            if state.over || input.released {
                return state;
            }
            if any {
                state.progress(at);
            }
            let (used, busy) = (state.bridge.uses(at), state.back_is_busy(at));
            if !used && !busy {
                return state;
            }
            if let Some(other) = state.unread() {
                state = self.hand_over(scope, state, other, desk, Input::default());
                continue;
            }
            if !used || state.is_stuck(at, input) {
                state = self.wait(state);
                continue;
            }
            (state, _) = self.hear(state, at, None, input);
        }
    }
}
