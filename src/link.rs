//! Where the connection of a server of one exchange at a time stands.

use crate::machine::After;

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Open,
    /// No request after the one that is open.
    Last,
    /// The peer has closed its half: no request after the one that is open.
    HalfClosed,
    /// Our half is to be closed; input is dropped until the peer closes.
    Lingering,
    /// To be closed at once.
    Broken,
}

impl Link {
    /// The peer has closed its half.
    pub(crate) fn half_close(&mut self) {
        if matches!(self, Link::Open | Link::Last) {
            *self = Link::HalfClosed;
        }
    }

    /// No request is to follow.
    pub(crate) fn last(&mut self) {
        if *self == Link::Open {
            *self = Link::Last;
        }
    }

    /// Nothing new is to come. Where no request is open, `idle`, all is over.
    pub(crate) fn shutdown(&mut self, idle: bool) {
        if *self == Link::Open {
            *self = if idle { Link::Lingering } else { Link::Last };
        }
    }

    /// The last answer is finished. A peer that still sends must not see a
    /// reset before it has read the answer.
    pub(crate) fn end(&mut self) {
        *self = match self {
            Link::Open | Link::Last | Link::Lingering => Link::Lingering,
            Link::HalfClosed | Link::Broken => Link::Broken,
        };
    }

    /// What to do with the transport: `dropped` bytes were read for nobody, and
    /// so may `most` be.
    pub(crate) fn after(self, dropped: u32, most: u32) -> After {
        match self {
            Link::Open | Link::Last | Link::HalfClosed => After::Keep,
            Link::Lingering if dropped > most => After::Close,
            Link::Lingering => After::CloseWrite,
            Link::Broken => After::Close,
        }
    }
}
