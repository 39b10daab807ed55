//! The web server's side. SCGI, 2.

use super::netstring;
use crate::cgi::response::Rules;
use crate::error::Refused;
use crate::event::{Field, Id, Length, Response};
use crate::frame::Frame;
use crate::oneshot::client::{Core, delegate_client};

/// SCGI's own events for a web server.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// In place of `HeadEnd`: the request is to be run again for the path that
    /// the only field, Location, gave. No body follows. RFC 3875, 6.2.2.
    LocalRedirect,
}

/// An event of a [`Client`].
pub type Event<'i> = Response<'i, Ext>;

/// A web server's end of an SCGI connection, which carries one request,
/// [`Id::SOLE`](crate::Id::SOLE). There is never another: `free` is then 0, and
/// `reuse` always false.
///
/// [`open`](crate::Client::open) writes CONTENT_LENGTH first and SCGI second, by
/// itself; where they are among the fields they must say the same. Header
/// fields become variables as [`vars`](crate::cgi::meta::vars) says, with
/// [`Mapping::GATEWAY`](crate::cgi::meta::Mapping::GATEWAY). No variable goes
/// out twice: `HTTP_*` given as variables several times are joined, others are
/// [`Refused::Field`]. HTTP_TRANSFER_ENCODING is withheld, since no body is
/// coded here, and FCGI_ROLE, which is another wire's. The length of the body
/// must be known before: [`Length::Unknown`] is [`Refused::State`].
///
/// Read while writing: an application may answer before it has read the body.
///
/// | answer | `Done` |
/// | --- | --- |
/// | its Content-Length has come; HEAD, 204 and 304 with the head | `Complete`, at once |
/// | no Content-Length, and the connection is closed | `Complete`: nothing can tell it from a crash |
/// | less than its Content-Length; the transport is gone ([`cancel`](crate::Client::cancel)) | `Truncated` |
/// | no or a malformed head | `Failed` |
/// | after `abort` | `Aborted` |
///
/// What comes behind a complete answer is dropped. `retry_safe` is always false:
/// the application may have run before it closed.
///
/// Some applications begin with a status line (`HTTP/1.1 200 OK`):
/// [`FirstLine::Either`](crate::cgi::response::FirstLine::Either) reads both.
///
/// ```
/// use vestibule::scgi::Client;
/// use vestibule::{Client as _, Field, Length, Next, Receive, Response};
/// let mut client = Client::new();
/// let fields = [
///     Field::var(b"REQUEST_METHOD", b"GET"),
///     Field::header(b"Host", b"h"),
/// ];
/// let mut room = [0; 128];
/// let (_, frame) = client.open(fields, Length::None, &mut room)?;
/// assert_eq!(
///     frame.slices().concat(),
///     b"55:CONTENT_LENGTH\x000\0SCGI\x001\0REQUEST_METHOD\0GET\0HTTP_HOST\0h\0,"
/// );
/// let mut input = &b"Status: 200 OK\r\nContent-Length: 2\r\n\r\nok"[..];
/// let mut body = Vec::<u8>::new();
/// while let Next::Event(event) = client.next(&mut input)? {
///     match event {
///         Response::Body { bytes, .. } => body.extend(bytes),
///         Response::Done { reuse, .. } => assert!(!reuse),
///         _ => {}
///     }
/// }
/// assert_eq!(body, b"ok");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Client {
    core: Core,
}

impl Client {
    /// With [`Rules::STRICT`]: its limits, and answers that begin with header
    /// fields alone.
    pub const fn new() -> Self {
        Self::with_rules(Rules::STRICT)
    }

    /// With other limits, and deviations from the grammar of an answer.
    ///
    /// ```
    /// use vestibule::cgi::response::{FirstLine, Rules};
    /// use vestibule::scgi::Client;
    /// let client = Client::with_rules(Rules::STRICT.first_line(FirstLine::Either));
    /// # let _ = client;
    /// ```
    pub const fn with_rules(rules: Rules) -> Self {
        Client {
            core: Core::new(rules),
        }
    }

    fn begin<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let begin = |room| netstring::begin(room, length);
        let (admits, end) = (netstring::admits, netstring::end);
        self.core.open(fields, length, room, begin, admits, end)
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

delegate_client!(Client, Ext, Ext::LocalRedirect);
