//! The application's side (the origin server's). RFC 9112.

mod input;
mod limits;
mod output;

use super::facts::Facts;
use super::framing::Framing;
use crate::error::Error;
use crate::event::Request;
use crate::machine::{After, Status};
use crate::time::Phase;

pub use limits::Limits;

/// HTTP has no events of its own for an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {}

/// An event of a [`Server`].
pub type Event<'i> = Request<'i, Ext>;

/// Where reading stands. The reading half moves it; [`Server::cycle`] ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Between requests.
    Idle,
    /// In a head.
    Head,
    /// In a body or its trailers: how much, `Server::body` says.
    Body,
    /// The request was taken whole. More bytes are not read before the answer
    /// is finished.
    Done,
    /// Nothing is read any more: framing is lost, or the connection.
    Lost(Error),
}

/// Where the answer stands. The writing half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// No request whose head is complete.
    Idle,
    /// The final head was not sent yet.
    Waiting,
    /// The head was sent: how the body is framed. `skip`: no byte of it goes
    /// out (HEAD, 304).
    Body { framing: Framing, skip: bool },
    /// The answer was finished; the request's body was not taken whole yet.
    Over,
    /// 101, or 2xx to CONNECT: HTTP is over on this connection.
    Switched,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
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

/// A server's end of an HTTP/1.x connection.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    limits: Limits,
    facts: Facts,
    reading: Reading,
    /// How the request's body is framed: what is still to come of it.
    body: Framing,
    writing: Writing,
    link: Link,
}

impl Server {
    /// With the default limits.
    pub const fn new() -> Self {
        Self::with_limits(Limits::DEFAULT)
    }

    /// With other limits.
    pub const fn with_limits(limits: Limits) -> Self {
        Server {
            limits,
            facts: Facts::NONE,
            reading: Reading::Idle,
            body: Framing::None,
            writing: Writing::Idle,
            link: Link::Open,
        }
    }

    /// The exchange is over on both halves: the connection is free for the
    /// next one, or to be closed. Called by the writing half when an answer
    /// ends with the request taken whole, by the reading half when a request
    /// ends after its answer.
    fn cycle(&mut self) {
        let last = self.link != Link::Open;
        self.facts = Facts::NONE;
        self.reading = Reading::Idle;
        self.body = Framing::None;
        self.writing = Writing::Idle;
        if last {
            self.link = match self.link {
                Link::HalfClosed | Link::Broken => Link::Broken,
                _ => Link::Lingering,
            };
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Status for Server {
    fn phase(&self) -> Phase {
        match (self.link, self.reading, self.writing) {
            (Link::Lingering | Link::Broken, ..) | (_, Reading::Lost(_), _) => Phase::Closing,
            (_, Reading::Idle, _) => Phase::Idle,
            (_, Reading::Head, _) => Phase::Head,
            (_, Reading::Body, _) => Phase::Body,
            (_, Reading::Done, _) => Phase::Response,
        }
    }

    fn after(&self) -> After {
        match self.link {
            Link::Open | Link::Last | Link::HalfClosed => After::Keep,
            Link::Lingering => After::CloseWrite,
            Link::Broken => After::Close,
        }
    }
}
