//! The web server's side. AJPv13.

mod input;
mod limits;
mod output;
mod rules;

use super::packet;
use super::reply::{Bounds, Reader};
use crate::error::Error;
use crate::event::{Id, Response};
use crate::machine::{After, Status};
use crate::time::Phase;

pub use limits::Limits;
pub use rules::Rules;

/// What AJP has beyond the common events of an answer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// The answer to [`Client::cping`]: the container is alive.
    Cpong,
    /// A SEND_BODY_CHUNK without data: what is held back of this answer's body
    /// should be passed on. Before the head it is not given.
    Flush {
        /// Which exchange.
        id: Id,
    },
}

/// An event of a [`Client`].
pub type Event<'i> = Response<'i, Ext>;

/// Where reading stands. The reading half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// No request is open.
    Idle,
    /// CPONG is awaited.
    Pong,
    /// No byte of the answer has come.
    Await,
    /// Some have, but its head is not complete.
    Head,
    Body,
    /// The last byte of END_RESPONSE is awaited.
    Ending,
    /// Nothing is read any more.
    Lost(Error),
}

/// Where the request's body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sending {
    /// No request is open, or its body was sent or said to be over.
    Over,
    /// So many bytes are still to be sent.
    Known(u64),
    Unknown,
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

/// Not to be seen where the machine is printed.
#[derive(Clone, Copy)]
struct Secret<S>(S);

impl<S> core::fmt::Debug for Secret<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("…")
    }
}

/// A connection to a container: one request at a time, any number one after
/// the other.
///
/// `S` holds the secret that the container wants, if it wants one:
/// [`with_secret`](Self::with_secret).
///
/// The container asks for the body of a request, piece by piece: each
/// `Demand` is good for one packet of at most so many bytes, and what the
/// packet leaves of it lapses. With [`Length::Known`](crate::Length::Known)
/// the first packet goes unasked and is owed at once. Read while writing: a
/// container may answer before it has the body, or never ask for it.
///
/// | answer | `Done` |
/// | --- | --- |
/// | END_RESPONSE | `Complete` |
/// | END_RESPONSE before the end of the Content-Length; EOF behind the head | `Truncated` |
/// | EOF inside of END_RESPONSE | `Unconfirmed` |
/// | EOF ahead of the head's end; what is malformed, out of order or beyond a limit | `Failed` |
/// | any, after [`abort`](crate::Client::abort) | `Aborted` |
///
/// All but the first end the connection. `reuse` is true where END_RESPONSE
/// says so, nothing that the container waits for is unsent, and its body was
/// not longer than its Content-Length. What goes beyond that, and what comes
/// in answer to HEAD and with status 204, 205 and 304, is dropped, and so is
/// Transfer-Encoding: packets frame a body. `retry_safe` is true where a
/// connection that has carried an answer or a CPONG ends before a byte of this
/// answer and the request's method is idempotent: most likely it was closed
/// while nothing was under way.
///
/// ```
/// use vestibule::ajp::{Client, ClientExt};
/// use vestibule::{Client as _, Field, Length, Next, Receive, Response};
/// let mut client = Client::new();
/// let fields = [
///     Field::var(b"REQUEST_METHOD", b"POST"),
///     Field::var(b"REQUEST_URI", b"/a"),
///     Field::header(b"Host", b"h"),
/// ];
/// let mut room = [0; 256];
/// let (id, head) = client.open(fields, Length::Unknown, &mut room)?;
/// assert_eq!(head.slices().concat()[..6], *b"\x12\x34\0\x42\x02\x04");
/// assert_eq!(client.credit(id), 0);
/// // GET_BODY_CHUNK: up to 8,186 bytes are wanted.
/// let mut input = &b"AB\0\x03\x06\x1f\xfa"[..];
/// let event = client.next(&mut input).unwrap();
/// assert_eq!(event, Next::Event(Response::Demand { id, max: 8186 }));
/// let mut payload = &b"hello"[..];
/// let body = client.body(id, &mut payload)?;
/// assert_eq!(body.slices().concat(), b"\x12\x34\0\x07\0\x05hello");
/// assert_eq!(client.credit(id), 0);
/// # Ok::<(), vestibule::Refused>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Client<S = &'static [u8]> {
    secret: Secret<S>,
    limits: Limits,
    bounds: Bounds,
    reader: Reader,
    reading: Reading,
    sending: Sending,
    link: Link,
    /// The first packet of a body is owed, unasked.
    first: bool,
    /// What is asked for and not answered; 0 for nothing.
    asked: u16,
    /// Demands behind the end of the request's body.
    late: u8,
    /// Flushes in a row.
    flushes: u16,
    /// The request was HEAD.
    head: bool,
    idempotent: bool,
    aborted: bool,
    /// The answer has a Content-Length.
    counted: bool,
    /// Something came back on this connection: that a request finds it closed
    /// is then nobody's fault.
    used: bool,
}

impl Client {
    /// With the default limits, and no secret.
    pub const fn new() -> Self {
        Self::with_secret(&[])
    }
}

impl<S> Client<S> {
    /// With the secret that goes along with each request, as the container
    /// wants it (`secret` of Tomcat's connector); none where it is empty. `S`
    /// is the secret: bytes, lent or owned. No control byte may be in it: see
    /// [`open`](crate::Client::open). It goes over the wire as it is, and is
    /// never printed.
    ///
    /// ```
    /// use vestibule::ajp::Client;
    /// use vestibule::{Client as _, Field, Length};
    /// let mut client = Client::with_secret(b"s3cret");
    /// assert!(!format!("{client:?}").contains("s3cret"));
    /// let fields = [
    ///     Field::var(b"REQUEST_METHOD", b"GET"),
    ///     Field::var(b"REQUEST_URI", b"/"),
    /// ];
    /// let mut room = [0; 128];
    /// let (_, head) = client.open(fields, Length::None, &mut room)?;
    /// // Attribute 12 is the first, and the last here.
    /// assert!(head.slices().concat().ends_with(b"\x0c\0\x06s3cret\0\xff"));
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    pub const fn with_secret(secret: S) -> Self {
        Client {
            secret: Secret(secret),
            limits: Limits::DEFAULT,
            bounds: Limits::DEFAULT.bounds(Rules::STRICT),
            reader: Reader::new(0, 0),
            reading: Reading::Idle,
            sending: Sending::Over,
            link: Link::Open,
            first: false,
            asked: 0,
            late: 0,
            flushes: 0,
            head: false,
            idempotent: false,
            aborted: false,
            counted: false,
            used: false,
        }
    }

    /// With other limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self.bounds.most = packet::payload(limits.packet_bytes);
        self
    }

    /// With deviations from the protocol.
    #[must_use]
    pub const fn rules(mut self, rules: Rules) -> Self {
        self.bounds = self.limits.bounds(rules);
        self
    }

    /// Whether a request is open.
    const fn is_open(&self) -> bool {
        matches!(
            self.reading,
            Reading::Await | Reading::Head | Reading::Body | Reading::Ending
        )
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Status for Client<S> {
    fn phase(&self) -> Phase {
        match self.reading {
            Reading::Lost(_) => Phase::Closing,
            Reading::Idle => Phase::Idle,
            _ if self.reader.in_head() => Phase::Head,
            _ if self.first || self.asked != 0 => Phase::Body,
            _ => Phase::Response,
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
