//! The web server's side (the gateway's, the user agent's). RFC 9112.

mod input;
mod limits;
mod line;
mod output;

use super::facts::Facts;
use super::framing::Framing;
use super::head::Head;
use super::rules::Rules;
use crate::error::Error;
use crate::event::{Id, Response};
use crate::machine::{After, Status};
use crate::time::Phase;

pub use limits::Limits;

/// HTTP has no events of its own for a web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {}

/// An event of a [`Client`].
pub type Event<'i> = Response<'i, Ext>;

/// Where reading stands. The reading half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// No request is open.
    Idle,
    /// No byte of the answer has come.
    Await,
    /// In a head; interim ones too.
    Head,
    /// In the body or the trailers of the answer: `Client::body` says how much.
    Body,
    /// The answer was taken whole; `Done` is owed.
    Done,
    /// 101, or 2xx to CONNECT: HTTP is over on this connection.
    Switched,
    /// Nothing is read any more.
    Lost(Error),
}

/// Where the request stands. The writing half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Idle,
    /// The head was sent: how the body is framed, and what is still to be sent.
    Body(Framing),
    /// The request was sent whole.
    Done,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Open,
    /// No request after the one that is open.
    Last,
    /// The peer has closed its half.
    Ended,
    /// To be closed at once.
    Broken,
}

/// A client's end of an HTTP/1.x connection.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    limits: Limits,
    rules: Rules,
    /// Of the request: HEAD, CONNECT, IDEMPOTENT, EXPECT, UPGRADE; the rest of
    /// the answer.
    facts: Facts,
    reading: Reading,
    /// How the answer's body is framed: what is still to come of it.
    body: Framing,
    writing: Writing,
    link: Link,
    /// An exchange was completed on this connection: that a request finds it
    /// closed is then nobody's fault.
    used: bool,
    /// The next request says that it is the last.
    close: bool,
    /// 100 Continue has come: `Demand` is owed.
    demand: bool,
    /// Interim answers so far.
    interims: u8,
    head: Head,
}

impl Client {
    /// With the default limits.
    pub const fn new() -> Self {
        Self::with_limits(Limits::DEFAULT)
    }

    /// With other limits.
    pub const fn with_limits(limits: Limits) -> Self {
        Client {
            limits,
            rules: Rules::STRICT,
            facts: Facts::NONE,
            reading: Reading::Idle,
            body: Framing::None,
            writing: Writing::Idle,
            link: Link::Open,
            used: false,
            close: false,
            demand: false,
            interims: 0,
            head: Head::NEW,
        }
    }

    /// With deviations from the grammar.
    #[must_use]
    pub const fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Whether the final head of `id` is complete, and its body is not over.
    fn answered(&self, id: Id) -> bool {
        id == Id::SOLE && matches!(self.reading, Reading::Body | Reading::Done)
    }

    /// The minor version of the answer that is being read: 0, or 1 for 1.1 and
    /// all after it. From its `HeadEnd` until its `Done`.
    pub fn minor_version(&self, id: Id) -> Option<u8> {
        self.answered(id)
            .then(|| u8::from(self.facts.has(Facts::V11)))
    }

    /// Whether the server would have the connection live on. From the answer's
    /// `HeadEnd` until its `Done`, which has the verdict. RFC 9112, 9.3.
    pub fn keeps_alive(&self, id: Id) -> bool {
        self.answered(id) && self.facts.persists()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Status for Client {
    fn phase(&self) -> Phase {
        match (self.reading, self.writing) {
            (Reading::Lost(_), _) => Phase::Closing,
            (Reading::Idle | Reading::Switched, _) => Phase::Idle,
            (Reading::Await, Writing::Body(_)) => Phase::Body,
            (Reading::Head, _) => Phase::Head,
            (Reading::Await | Reading::Body | Reading::Done, _) => Phase::Response,
        }
    }

    fn after(&self) -> After {
        match (self.link, self.reading) {
            (Link::Broken, _) | (_, Reading::Lost(_)) => After::Close,
            (Link::Last | Link::Ended, Reading::Idle) => After::Close,
            _ => After::Keep,
        }
    }
}

#[cfg(test)]
mod tests;
