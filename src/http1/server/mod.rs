//! The application's side (the origin server's). RFC 9112.

mod input;
mod limits;
mod line;
mod output;

use super::facts::Facts;
use super::framing::Framing;
use super::head::Head;
use super::rules::Rules;
use crate::error::Error;
use crate::event::{Id, Request};
use crate::link::Link;
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

/// A server's end of an HTTP/1.x connection.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    limits: Limits,
    rules: Rules,
    facts: Facts,
    reading: Reading,
    /// How the request's body is framed: what is still to come of it.
    body: Framing,
    writing: Writing,
    link: Link,
    /// Bytes that were read for nobody.
    dropped: u32,
    head: Head,
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
            rules: Rules::STRICT,
            facts: Facts::NONE,
            reading: Reading::Idle,
            body: Framing::None,
            writing: Writing::Idle,
            link: Link::Open,
            dropped: 0,
            head: Head::NEW,
        }
    }

    /// With deviations from the grammar.
    #[must_use]
    pub const fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Whether `id` is open with its head complete.
    fn open(&self, id: Id) -> bool {
        id == Id::SOLE
            && matches!(
                self.writing,
                Writing::Waiting | Writing::Body { .. } | Writing::Switched
            )
    }

    /// The minor version of an open request: 0, or 1 for 1.1 and all after it.
    /// True once its head is complete, as are the others here.
    ///
    /// ```
    /// use vestibule::http1::Server;
    /// use vestibule::{Id, drain};
    /// let mut server = Server::new();
    /// let mut input = &b"PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"[..];
    /// drain(&mut server, &mut input, |_, _| {})?;
    /// let id = Id::SOLE;
    /// assert_eq!(server.minor_version(id), Some(1));
    /// assert!(server.expects_continue(id) && server.keeps_alive(id));
    /// assert!(!server.offers_upgrade(id) && !server.takes_trailers(id));
    /// # Ok::<(), vestibule::Error>(())
    /// ```
    pub fn minor_version(&self, id: Id) -> Option<u8> {
        self.open(id).then(|| u8::from(self.facts.has(Facts::V11)))
    }

    /// Whether the client waits for 100 Continue: it asked for it, none was
    /// sent, and no byte of the body has come. RFC 9110, 10.1.1.
    pub fn expects_continue(&self, id: Id) -> bool {
        self.open(id) && self.facts.has(Facts::EXPECT) && !self.facts.has(Facts::CONTINUED)
    }

    /// Whether the client offers to change the protocol, so that a head of
    /// status 101 may answer. The protocols are in Upgrade. RFC 9110, 7.8.
    pub fn offers_upgrade(&self, id: Id) -> bool {
        let offer = Facts::UPGRADE.with(Facts::PROTOCOL).with(Facts::V11);
        self.open(id) && self.facts.has(offer)
    }

    /// Whether the client takes trailers (TE). RFC 9110, 6.5.1.
    pub fn takes_trailers(&self, id: Id) -> bool {
        self.open(id) && self.facts.has(Facts::TRAILERS)
    }

    /// Whether the client would have the connection live on. RFC 9112, 9.3.
    pub fn keeps_alive(&self, id: Id) -> bool {
        self.open(id) && self.facts.persists()
    }

    /// The exchange is over on both halves: the connection is free for the
    /// next one, or to be closed. Called by the writing half when an answer
    /// ends with the request taken whole, by the reading half when a request
    /// ends after its answer.
    fn cycle(&mut self) {
        self.facts = Facts::NONE;
        self.reading = Reading::Idle;
        self.body = Framing::None;
        self.writing = Writing::Idle;
        self.head = Head::NEW;
        self.dropped = 0;
        if self.link != Link::Open {
            self.link.end();
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
        self.link.after(self.dropped, self.limits.linger_bytes)
    }
}

#[cfg(test)]
mod tests;
