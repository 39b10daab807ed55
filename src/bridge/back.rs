//! A connection behind.

use super::Kept;
use crate::error::Error;
use crate::machine::{After, Client};

/// A connection behind: a client machine, and what lies unpassed of its input.
///
/// ```
/// use vestibule::bridge::Back;
/// use vestibule::{Error, fcgi};
///
/// let mut back = Back::new(fcgi::Client::default());
/// assert!(back.reusable() && !back.keeps() && !back.aborted());
/// // While a frame for it is being written no other is made.
/// back.set_busy(true);
/// assert!(back.is_busy() && !back.reusable());
/// back.set_busy(false);
/// // Its transport broke: the exchanges on it end with the next steps.
/// back.give_up(Error::Upstream);
/// assert!(back.given_up() && !back.reusable());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Back<K> {
    pub(super) machine: K,
    pub(super) kept: Option<Kept>,
    /// Where the exchange is that the last event was about.
    pub(super) place: usize,
    /// Tells connections in one place apart; 0: it carried no exchange yet.
    pub(super) serial: u32,
    /// An earlier frame for it is not written yet.
    pub(super) busy: bool,
    /// Nothing more is sent: the peer takes none.
    pub(super) deaf: bool,
    /// Why we gave it up, or what it did to our machine.
    pub(super) reason: Option<Error>,
    /// An exchange on it was aborted, or its answer is none.
    pub(super) aborted: bool,
    /// It takes one exchange and no other.
    pub(super) once: bool,
}

impl<K> Back<K> {
    /// One that was just opened, or comes from a pool.
    pub const fn new(machine: K) -> Self {
        Back {
            machine,
            kept: None,
            place: 0,
            serial: 0,
            busy: false,
            deaf: false,
            reason: None,
            aborted: false,
            once: false,
        }
    }

    /// The same for one exchange and no other: between two of them its pool
    /// can find out whether the connection still stands. Some servers of HTTP
    /// close after each answer without a word.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// The machine.
    pub const fn machine(&self) -> &K {
        &self.machine
    }

    /// The machine, for what the bridge does not know of. Exchanges are the
    /// bridge's to open and to abort.
    pub fn machine_mut(&mut self) -> &mut K {
        &mut self.machine
    }

    /// The machine back, for a pool.
    pub fn into_machine(self) -> K {
        self.machine
    }

    /// Whether a frame for it is being written, so that no other may be made.
    pub fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Whether a frame for it is being written.
    pub const fn is_busy(&self) -> bool {
        self.busy
    }

    /// The peer takes no more bytes, though it may still answer. What is still
    /// to come of requests is dropped.
    pub fn set_deaf(&mut self) {
        self.deaf = true;
    }

    /// Whether bytes of its input were taken by the machine and not passed on:
    /// nothing is read from it before they are.
    pub const fn keeps(&self) -> bool {
        self.kept.is_some()
    }

    /// Whether an exchange on it was, or is to be, aborted, or its answer was
    /// none that could be read. Many peers do not heed that, and go on: where
    /// it carries no other exchange ([`Bridge::uses`](super::Bridge::uses)), it
    /// is better to close.
    pub const fn aborted(&self) -> bool {
        self.aborted
    }

    /// Whether it was given up, or its framing is lost.
    pub const fn given_up(&self) -> bool {
        self.reason.is_some()
    }

    /// Whether nothing that is made for it would reach the peer.
    pub(super) const fn silent(&self) -> bool {
        self.deaf || self.reason.is_some()
    }

    /// An exchange leaves it: what was kept for that one is nobody's.
    pub(super) fn leave(&mut self, place: usize) {
        if let Some(kept) = &mut self.kept
            && kept.place == place
        {
            kept.place = usize::MAX;
        }
    }
}

impl<K: Client> Back<K> {
    /// Gives the connection up: its transport is gone, or `reason` ends the
    /// wait. Step on with its input, of which [`keeps`](Self::keeps) tells
    /// whether there must be any, to end its exchanges.
    ///
    /// Each that has no answer yet is refused with `reason`, where that is one
    /// of status 500 and above, else with [`Error::Upstream`]; or sent again
    /// elsewhere, where that is safe. Not after [`Error::UpstreamTimeout`]:
    /// what took too long may be at it still.
    pub fn give_up(&mut self, reason: Error) {
        self.reason.get_or_insert(reason);
        self.machine.cancel();
    }

    /// Whether it can be kept for other requests, once no exchange is on it.
    pub fn reusable(&self) -> bool {
        self.free() && !self.busy && !self.aborted && self.kept.is_none()
    }

    /// Whether it takes an exchange now.
    pub(super) fn takes(&self) -> bool {
        !(self.once && self.serial != 0) && self.free()
    }

    fn free(&self) -> bool {
        !self.silent() && self.machine.after() == After::Keep && self.machine.free() > 0
    }
}
