//! The application's side of a connection that carries one request.

mod delegate;
mod input;
mod output;

use super::{Head, ServerLimits};
use crate::cgi::encode::First;
use crate::cgi::watch::Watch;
use crate::error::Error;
use crate::link::Link;
use crate::machine::{After, Status};
use crate::time::Phase;

pub(crate) use delegate::delegate_server;

/// Where reading stands. The reading half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Nothing has come.
    Idle,
    Head,
    /// In the body: how much is to come, `Core::body` says.
    Body,
    /// The request was taken whole. `true`: bytes came after it, which was told.
    Done(bool),
    /// The answer is finished: what comes is dropped.
    Over,
    /// Nothing is read any more: framing is lost, or the connection.
    Lost(Error),
}

/// Where the answer stands. The writing half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// No request whose head is complete.
    Idle,
    /// The head was not sent yet.
    Waiting,
    /// The head was sent, and declared a length: so much is still to be sent.
    Counted(u64),
    /// The head was sent; the close of the connection ends the body.
    Open,
    /// The head was sent; what the application writes is dropped (HEAD, 204,
    /// 304).
    Skip,
    /// The answer was finished.
    Over,
}

/// A server machine of a protocol whose heads `H` reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Core<H> {
    limits: ServerLimits,
    watch: Watch,
    /// Bytes of the request's body that are still to come.
    body: u64,
    pub(crate) head: H,
    reading: Reading,
    writing: Writing,
    link: Link,
    /// What is wanted of the variables.
    wants: u8,
    first: First,
    /// Bytes that were read for nobody.
    dropped: u32,
}

impl<H: Head> Core<H> {
    /// `wants`: see [`want`](crate::cgi::watch::want).
    pub(crate) const fn new(head: H, limits: ServerLimits, wants: u8, first: First) -> Self {
        Core {
            limits,
            watch: Watch::NEW,
            body: 0,
            head,
            reading: Reading::Idle,
            writing: Writing::Idle,
            link: Link::Open,
            wants,
            first,
            dropped: 0,
        }
    }

    /// Changes what is wanted of the variables.
    pub(crate) const fn wants(mut self, wants: u8) -> Self {
        self.wants = wants;
        self
    }

    /// Changes how answers begin.
    pub(crate) const fn first(mut self, first: First) -> Self {
        self.first = first;
        self
    }
}

impl<H: Head> Status for Core<H> {
    fn phase(&self) -> Phase {
        match (self.link, self.reading) {
            (Link::Lingering | Link::Broken, _) | (_, Reading::Lost(_)) => Phase::Closing,
            (_, Reading::Idle) => Phase::Idle,
            (_, Reading::Head) => Phase::Head,
            (_, Reading::Body) => Phase::Body,
            (_, Reading::Done(_) | Reading::Over) => Phase::Response,
        }
    }

    fn after(&self) -> After {
        self.link.after(self.dropped, self.limits.linger_bytes)
    }
}
