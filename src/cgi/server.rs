//! The application's side: a CGI program.

use super::block::Environment;
use super::encode::First;
use super::watch::want;
use crate::event::Request;
use crate::frame::Frame;
use crate::oneshot::server::{Core, delegate_server};

pub use crate::oneshot::ServerLimits;

/// CGI's own events for an application.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// Bytes came after the request: once, however many. They are dropped.
    /// Wants no answer.
    Excess,
}

/// An event of a [`Server`].
pub type Event<'i> = Request<'i, Ext>;

/// A CGI program: its environment and its standard input are read, its standard
/// output is written, for one request, [`Id::SOLE`](crate::Id::SOLE).
///
/// The environment comes as bytes, `NAME=VALUE` and NUL for each variable and
/// one more NUL, and standard input behind it.
/// With the `std` feature `adapt::script` makes both of a process.
///
/// CONTENT_LENGTH bytes of standard input are the body; without it, or where
/// it is empty, there is none. That standard input ends behind a whole body
/// aborts nothing. Once the answer is finished the program is to end, which
/// ends its output.
///
/// Every error is `Err`, then [`fail`](crate::Server::fail): a Status answer.
///
/// | what came | error | status |
/// | --- | --- | --- |
/// | more than `head_bytes` of environment | [`HeadTooLong`](crate::Error::HeadTooLong) | 431 |
/// | more variables than `fields` | [`TooManyFields`](crate::Error::TooManyFields) | 431 |
/// | no `=`, or no name | [`BadVariable`](crate::Error::BadVariable) | 400 |
/// | CONTENT_LENGTH that is no number | [`ContentLength`](crate::Error::ContentLength) | 400 |
/// | a variable twice, of those that are known | [`DuplicateVariable`](crate::Error::DuplicateVariable) | 400 |
/// | HTTP_TRANSFER_ENCODING without CONTENT_LENGTH | [`Framing`](crate::Error::Framing) | 400 |
/// | CONTENT_LENGTH above `body_bytes` | [`BodyTooLong`](crate::Error::BodyTooLong) | 413 |
///
/// ```
/// use vestibule::cgi::Server;
/// use vestibule::{Field, Length, Next, Receive, Request, Server as _};
/// let mut server = Server::new();
/// let mut input = &b"GATEWAY_INTERFACE=CGI/1.1\0REQUEST_METHOD=GET\0\0"[..];
/// let mut output = Vec::new();
/// while let Next::Event(event) = server.next(&mut input)? {
///     if let Request::BodyEnd { id } = event {
///         let mut room = [0; 128];
///         let fields = [Field::header(b"Content-Type", b"text/plain")];
///         let frame = server.head(id, 200, fields, Length::Known(2), &mut room)?;
///         output.extend(frame.slices().concat());
///         let mut payload = &b"ok"[..];
///         output.extend(server.body(id, &mut payload)?.slices().concat());
///         output.extend(server.finish(id, [], &mut [])?.slices().concat());
///     }
/// }
/// assert_eq!(
///     output,
///     b"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Server {
    core: Core<Environment>,
}

impl Server {
    /// With the default limits.
    pub const fn new() -> Self {
        Self::with_limits(ServerLimits::DEFAULT)
    }

    /// With other limits.
    pub const fn with_limits(limits: ServerLimits) -> Self {
        let wants = want::UNIQUE | want::UNCODED;
        Server {
            core: Core::new(Environment::NEW, limits, wants, First::StatusField),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

delegate_server!(Server, Ext, |_: &mut Server, _: Ext| Frame::EMPTY);
