//! The application's side (the container's). AJPv13.

mod digits;
mod facts;
mod head;
mod input;
mod limits;
mod output;
mod rules;

use self::head::Head;
use super::packet::Packet;
use crate::error::Error;
use crate::event::{Id, Request};
use crate::link::Link;
use crate::machine::{After, Status};
use crate::time::Phase;

pub use limits::Limits;
pub use rules::Rules;

/// What a web server asks beside requests.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Ext {
    /// CPING: whether the container is alive. The usual reply is CPONG.
    Cping,
}

/// An event of a [`Server`].
pub type Event<'i> = Request<'i, Ext>;

/// Where reading stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Between requests.
    Idle,
    /// In the packet of a head.
    Head,
    /// In the packet of a head that is spoilt: the verdict comes at its end,
    /// however it is cut.
    Skip(Error),
    /// In a body.
    Body,
    /// The request was taken whole.
    Done,
    /// The request is spoilt: what comes is dropped.
    Spoilt,
    /// Nothing is read any more: framing is lost, or the connection.
    Lost(Error),
}

/// What is read between requests, and in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// The header of a packet.
    Header,
    /// What is behind it: the type of a packet, or how much data.
    Start,
    Data,
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Counted(u64),
    /// Until an empty packet, at most so much.
    Unknown(u64),
}

/// Where the answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    /// No request whose head is complete.
    Idle,
    /// The head was not sent yet.
    Waiting,
    /// It was: how much is still to come, `Server::left` says.
    Counted,
    /// It was, and did not say how much is to come.
    Uncounted,
    /// It was, and no byte goes out (HEAD, 204, 304).
    Bodiless,
    /// The exchange is over, and with it the connection.
    Over,
}

/// A container's end of an AJP connection.
///
/// A body comes in packets. The first one of a body of known length comes
/// unasked, each other one when [`demand`](crate::Server::demand) has asked for
/// it. An answer that is finished while a packet is still owed ends the
/// connection (END_RESPONSE without reuse): read on until the packet is there
/// to keep it. The same goes where [`next`](crate::Receive::next) was given
/// anything that the peer has sent out of turn; who answers before giving it
/// has it taken for the next packet between requests.
///
/// Of a head that is spoilt `Fault` tells, and [`fail`](crate::Server::fail)
/// answers. Addresses, user and certificates are what the peer says they are:
/// see [`Rules`].
///
/// ```
/// use vestibule::ajp::{Server, ServerExt, ServerRules};
/// use vestibule::{Request, Server as _, drain};
/// let mut server = Server::new(ServerRules::STRICT.secret(b"s3cret"));
/// let mut out = Vec::new();
/// drain(&mut server, &mut &b"\x12\x34\0\x01\x0a"[..], |server, event| {
///     if let Request::Ext(ext @ ServerExt::Cping) = event {
///         out.extend(server.default_reply(ext).slices().concat());
///     }
/// })?;
/// assert_eq!(out, b"AB\0\x01\x09");
/// # Ok::<(), vestibule::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Server<S = &'static [u8]> {
    limits: Limits,
    rules: Rules<S>,
    packet: Packet,
    head: Head,
    reading: Reading,
    inside: Inside,
    body: Body,
    /// A packet of the body is on its way.
    owed: bool,
    /// The peer has spoken where it may not.
    spoke: bool,
    writing: Writing,
    /// Bytes of the answer still to come, where that is declared.
    left: u64,
    link: Link,
    /// Bytes that were read for nobody.
    dropped: u32,
}

impl<S> Server<S> {
    /// Under these rules, with the default limits.
    pub const fn new(rules: Rules<S>) -> Self {
        Server {
            limits: Limits::DEFAULT,
            rules,
            packet: Packet::NONE,
            head: Head::NEW,
            reading: Reading::Idle,
            inside: Inside::Header,
            body: Body::Counted(0),
            owed: false,
            spoke: false,
            writing: Writing::Idle,
            left: 0,
            link: Link::Open,
            dropped: 0,
        }
    }

    /// With other limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether `id` is open with its head complete.
    fn open(&self, id: Id) -> bool {
        id == Id::SOLE && !matches!(self.writing, Writing::Idle | Writing::Over)
    }

    /// The exchange is over, and the connection is free for the next one.
    fn cycle(&mut self) {
        self.packet = Packet::NONE;
        self.head = Head::NEW;
        self.reading = Reading::Idle;
        self.inside = Inside::Header;
        self.body = Body::Counted(0);
        self.owed = false;
        self.spoke = false;
        self.writing = Writing::Idle;
        self.dropped = 0;
    }

    /// The exchange is over, and so is the connection.
    fn close(&mut self) {
        self.link.end();
        self.writing = Writing::Over;
        self.dropped = 0;
    }
}

impl<S> Status for Server<S> {
    fn phase(&self) -> Phase {
        match (self.link, self.reading) {
            (Link::Lingering | Link::Broken, _) | (_, Reading::Lost(_)) => Phase::Closing,
            (_, Reading::Idle) if self.packet.is_cut() || self.inside == Inside::Start => {
                Phase::Head
            }
            (_, Reading::Idle) => Phase::Idle,
            (_, Reading::Head | Reading::Skip(_)) => Phase::Head,
            (_, Reading::Body) if self.owed => Phase::Body,
            // The peer waits to be asked.
            (_, Reading::Body | Reading::Done | Reading::Spoilt) => Phase::Response,
        }
    }

    fn after(&self) -> After {
        self.link.after(self.dropped, self.limits.linger_bytes)
    }
}

#[cfg(test)]
mod tests;
