//! What the thread that reads and the one that writes both see.

use core::time::Duration;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::adapt::transport::Pace;

/// What both threads see.
pub(super) struct Shared<'m, M> {
    pub state: Mutex<State<'m, M>>,
    /// Signalled when any part of it has changed.
    pub changed: Condvar,
}

pub(super) struct State<'m, M> {
    pub machine: &'m mut M,
    pub pace: Pace,
    /// `Done` was given, or there is no hope of it: nothing more is to be sent.
    pub over: bool,
    /// The body is out: nothing more is written, unless it is asked for.
    pub written: bool,
    /// A `Demand` has come that nobody has looked at.
    pub asked: bool,
    /// Counts its frames.
    pub frames: u64,
}

impl<'m, M> Shared<'m, M> {
    pub fn lock(&self) -> MutexGuard<'_, State<'m, M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wait<'g>(&self, guard: MutexGuard<'g, State<'m, M>>) -> MutexGuard<'g, State<'m, M>> {
        self.changed
            .wait(guard)
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wait_for<'g>(
        &self,
        guard: MutexGuard<'g, State<'m, M>>,
        time: Duration,
    ) -> MutexGuard<'g, State<'m, M>> {
        self.changed
            .wait_timeout(guard, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// Ends the writing thread when dropped, by a panic of the handler too.
pub(super) struct Over<'s, 'm, M>(pub &'s Shared<'m, M>);

impl<M> Drop for Over<'_, '_, M> {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.changed.notify_all();
    }
}
