//! The application's side. SCGI, 2.

use super::netstring::Netstring;
use super::rules::Rules;
use crate::cgi::encode::First;
use crate::event::Request;
use crate::frame::Frame;
use crate::oneshot::ServerLimits;
use crate::oneshot::server::{Core, delegate_server};

/// SCGI's own events for an application.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// Bytes came after the request: once, however many. They are dropped,
    /// and never read as another request. Wants no answer.
    Excess,
}

/// An event of a [`Server`].
pub type Event<'i> = Request<'i, Ext>;

/// An application's end of an SCGI connection, which carries one request,
/// [`Id::SOLE`](crate::Id::SOLE).
///
/// A body of 0 bytes is [`Length::None`](crate::Length::None). That the peer
/// closes its half behind a whole request does not abort it. Once the answer is
/// finished, [`after`](crate::Status::after) says `CloseWrite`, and what is
/// left of the request is read and dropped: a close would destroy the answer
/// under way.
///
/// Every error is one of the connection, since nothing tells where another
/// request would begin: `Err`, then [`fail`](crate::Server::fail).
///
/// | what came | error | status |
/// | --- | --- | --- |
/// | a length that is none, no comma | [`Netstring`](crate::Error::Netstring) | 400 |
/// | a length above `head_bytes` | [`HeadTooLong`](crate::Error::HeadTooLong) | 431 |
/// | more variables than `fields` | [`TooManyFields`](crate::Error::TooManyFields) | 431 |
/// | an empty name, an odd number of strings, a cut one | [`BadVariable`](crate::Error::BadVariable) | 400 |
/// | CONTENT_LENGTH missing, empty or no number | [`ContentLength`](crate::Error::ContentLength) | 400 |
/// | CONTENT_LENGTH not first | [`LengthNotFirst`](crate::Error::LengthNotFirst) | 400 |
/// | SCGI missing, or not `1` | [`ScgiVersion`](crate::Error::ScgiVersion) | 400 |
/// | a variable twice | [`DuplicateVariable`](crate::Error::DuplicateVariable) | 400 |
/// | CONTENT_LENGTH above `body_bytes` | [`BodyTooLong`](crate::Error::BodyTooLong) | 413 |
///
/// No variable may come twice (SCGI, 3). A machine that stores none knows it
/// of a fixed set: AUTH_TYPE, CONTENT_LENGTH, CONTENT_TYPE, DOCUMENT_ROOT,
/// DOCUMENT_URI, GATEWAY_INTERFACE, HTTPS, HTTP_HOST, HTTP_TRANSFER_ENCODING,
/// PATH_INFO, PATH_TRANSLATED, QUERY_STRING, REMOTE_ADDR, REMOTE_HOST, REMOTE_IDENT,
/// REMOTE_PORT, REMOTE_USER, REQUEST_METHOD, REQUEST_SCHEME, REQUEST_URI, SCGI,
/// SCRIPT_FILENAME, SCRIPT_NAME, SERVER_ADDR, SERVER_NAME, SERVER_PORT,
/// SERVER_PROTOCOL, SERVER_SOFTWARE. Of other names each comes out as often as
/// it came; some web servers pass header fields on so that a client repeated.
///
/// ```
/// use vestibule::scgi::Server;
/// use vestibule::{Field, Length, Next, Receive, Request, Server as _};
/// let mut server = Server::new();
/// let mut input = &b"24:CONTENT_LENGTH\x000\0SCGI\x001\0,"[..];
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
    core: Core<Netstring>,
}

impl Server {
    /// With the default limits.
    pub const fn new() -> Self {
        Self::with_limits(ServerLimits::DEFAULT)
    }

    /// With other limits.
    pub const fn with_limits(limits: ServerLimits) -> Self {
        let wants = Rules::STRICT.wants;
        Server {
            core: Core::new(Netstring::NEW, limits, wants, First::StatusField),
        }
    }

    /// With deviations from the specification.
    #[must_use]
    pub const fn rules(mut self, rules: Rules) -> Self {
        self.core = self.core.wants(rules.wants);
        self
    }

    /// Whether answers begin with a status line, `HTTP/1.1 200 OK`, in place of
    /// the field Status (RFC 3875, 5). Off: some web servers read the one form
    /// only, and Status is what all do.
    ///
    /// ```
    /// let server = vestibule::scgi::Server::new().status_line(true);
    /// # let _ = server;
    /// ```
    #[must_use]
    pub const fn status_line(mut self, on: bool) -> Self {
        self.core = self.core.first(if on {
            First::StatusLine
        } else {
            First::StatusField
        });
        self
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

delegate_server!(Server, Ext, |_: &mut Server, _: Ext| Frame::EMPTY);
