//! uwsgi, the web server's side: a packet of variables, an answer, the ping.

use super::packet::{HEADER, Header, Modifiers, modifier};
use super::vars::Vars;
use crate::cgi::response::{FirstLine, Rules};
use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length, Next, Response};
use crate::frame::Frame;
use crate::machine::Receive;
use crate::oneshot::client::{Core, delegate_client};
use crate::text::decimal::Decimal;

/// uwsgi's own events for a web server.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext<'i> {
    /// The answer to [`Client::ping`]: the application lives.
    Pong {
        /// Bytes of warning that are announced; 0 where all is well. They
        /// follow as `Warning`; less may come, since some applications miscount
        /// a long one.
        warning: u16,
    },
    /// Some of the warning that a pong announced, at least one byte.
    Warning(&'i [u8]),
    /// In place of `HeadEnd`: the request is to be run again for the path that
    /// the only field, Location, gave. No body follows. RFC 3875, 6.2.2.
    LocalRedirect,
}

/// An event of a [`Client`].
pub type Event<'i> = Response<'i, Ext<'i>>;

/// Where the answer to a ping stands: a header, then a warning.
#[derive(Clone, Copy, Debug)]
struct Pong {
    header: [u8; HEADER],
    /// Bytes of the header that have come.
    have: u8,
    /// Bytes of the warning that are still to come.
    left: u16,
}

/// A web server's end of a uwsgi connection, which carries one request,
/// [`Id::SOLE`](crate::Id::SOLE), or one ping.
///
/// The body's length has to be known: a request of
/// [`Length::Unknown`] is refused, as it has no form on
/// this wire. What goes out as CONTENT_LENGTH the machine writes itself, and no
/// HTTP_TRANSFER_ENCODING: no body is coded here; nor SCGI and FCGI_ROLE, which
/// are other wires'.
///
/// The block of variables is never longer than its header can say: what would
/// be above 65,535 bytes is [`Refused::TooLong`], and
/// nothing was written. Answer 431 to it.
///
/// An answer begins with a status line, and ends with its Content-Length or the
/// connection. Without a length a close looks the same as a crash.
///
/// ```
/// use vestibule::uwsgi::Client;
/// use vestibule::{Client as _, Field, Length, Receive, Response};
/// let mut client = Client::new();
/// let mut room = [0; 256];
/// let fields = [Field::var(b"REQUEST_METHOD", b"GET"), Field::header(b"Host", b"h")];
/// let (id, frame) = client.open(fields, Length::None, &mut room)?;
/// assert_eq!(frame.slices()[0], b"\0\x23\0\0");
/// let mut input = &b"HTTP/1.1 204 No Content\r\n\r\n"[..];
/// let event = client.next(&mut input).unwrap().event();
/// let status = Field::header(b"Status", b"204 No Content");
/// assert!(matches!(event, Some(Response::Field { field, .. }) if field.name == status.name));
/// # let _ = id;
/// # Ok::<(), vestibule::Refused>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Client {
    core: Core,
    modifiers: Modifiers,
    server_variables: bool,
    pong: Pong,
}

impl Client {
    /// The limits by default, and answers that begin with a status line, as
    /// uwsgi applications write them. [`FirstLine::Either`] is the switch for
    /// those that write CGI's form (`cgi-mode` of uWSGI).
    ///
    /// ```
    /// use vestibule::cgi::response::FirstLine;
    /// use vestibule::uwsgi::Client;
    /// let client = Client::with_rules(Client::ANSWERS.first_line(FirstLine::Either));
    /// # let _ = client;
    /// ```
    pub const ANSWERS: Rules = Rules::STRICT.first_line(FirstLine::StatusLine);

    /// With [`ANSWERS`](Self::ANSWERS).
    pub const fn new() -> Self {
        Self::with_rules(Self::ANSWERS)
    }

    /// With other limits, and deviations from the grammar of an answer.
    pub const fn with_rules(rules: Rules) -> Self {
        Client {
            core: Core::new(rules),
            modifiers: Modifiers::DEFAULT,
            server_variables: false,
            pong: Pong {
                header: [0; HEADER],
                have: 0,
                left: 0,
            },
        }
    }

    /// The modifiers of the request. Default 0 and 0.
    ///
    /// ```
    /// use vestibule::uwsgi::{Client, Modifiers, modifier};
    /// let perl = Modifiers::request(modifier::PSGI, 0).unwrap();
    /// let client = Client::new().modifiers(perl);
    /// # let _ = client;
    /// ```
    #[must_use]
    pub const fn modifiers(mut self, modifiers: Modifiers) -> Self {
        self.modifiers = modifiers;
        self
    }

    /// A leniency: variables whose names begin with `UWSGI_` are sent. Off:
    /// [`Refused::Field`].
    ///
    /// Opens: the uWSGI server obeys them, by loading and running what they
    /// name; none may come from a client. Needed by: configurations that choose
    /// the application by UWSGI_SCRIPT and the like.
    ///
    /// ```
    /// use vestibule::uwsgi::Client;
    /// use vestibule::{Client as _, Field, Length};
    /// let fields = [Field::var(b"UWSGI_SCRIPT", b"app")];
    /// assert!(Client::new().open(fields, Length::None, &mut [0; 64]).is_err());
    /// let mut client = Client::new().server_variables(true);
    /// assert!(client.open(fields, Length::None, &mut [0; 64]).is_ok());
    /// ```
    #[must_use]
    pub const fn server_variables(mut self, on: bool) -> Self {
        self.server_variables = on;
        self
    }

    /// Asks whether the application lives, in place of a request: four bytes,
    /// answered by an [`Ext`]. The end of the connection without an answer is
    /// [`Error::NoResponse`], another answer
    /// [`Error::Modifier`].
    ///
    /// ```
    /// use vestibule::uwsgi::{Client, ClientExt};
    /// use vestibule::{Receive, Response};
    /// let mut client = Client::new();
    /// assert_eq!(client.ping()?.slices().concat(), b"\x64\0\0\0");
    /// let event = client.next(&mut &b"\x64\0\0\x01"[..]).unwrap().event();
    /// assert_eq!(event, Some(Response::Ext(ClientExt::Pong { warning: 0 })));
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused::Full`]: the connection was used.
    pub fn ping(&mut self) -> Result<Frame<'static>, Refused> {
        self.core.divert()?;
        let header = Header {
            modifier1: modifier::PING,
            size: 0,
            modifier2: 0,
        };
        Ok(Frame::EMPTY.head(&header.encode()))
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
        let begin = |room| {
            let mut vars = Vars::new(room);
            if let Length::Known(n) = length {
                vars = vars.counted(b"CONTENT_LENGTH", Decimal::new(n).bytes());
            }
            vars
        };
        let server_variables = self.server_variables;
        let admits = |name: &[u8], _: &[u8]| match name {
            [b'U', b'W', b'S', b'G', b'I', b'_', ..] if !server_variables => Err(Refused::Field),
            _ => Ok(true),
        };
        let (modifier1, modifier2) = (self.modifiers.modifier1(), self.modifiers.modifier2());
        let end = |vars: Vars<'b>| {
            let (size, bytes) = vars.end()?;
            let header = Header {
                modifier1,
                size,
                modifier2,
            };
            Ok(Frame::of(bytes).head(&header.encode()))
        };
        self.core.open(fields, length, room, begin, admits, end)
    }

    /// The answer to a ping.
    #[cold]
    fn pong<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        while usize::from(self.pong.have) < HEADER {
            let [byte, rest @ ..] = *input else {
                return Ok(Next::NeedInput);
            };
            // The first and the last byte say what it is.
            let good = match self.pong.have {
                0 => *byte == modifier::PING,
                3 => *byte == 1,
                _ => true,
            };
            if !good {
                let kind = self.pong.header.first().filter(|_| self.pong.have > 0);
                let error = Error::Modifier(*kind.unwrap_or(byte));
                self.core.conclude(Some(error));
                return Err(error);
            }
            if let Some(place) = self.pong.header.get_mut(usize::from(self.pong.have)) {
                *place = *byte;
            }
            self.pong.have = self.pong.have.saturating_add(1);
            *input = rest;
            if usize::from(self.pong.have) == HEADER {
                let warning = Header::decode(self.pong.header).size;
                self.pong.left = warning;
                if warning == 0 {
                    self.core.conclude(None);
                }
                return Ok(Next::Event(Response::Ext(Ext::Pong { warning })));
            }
        }
        let n = input.len().min(usize::from(self.pong.left));
        let (bytes, rest) = input.split_at_checked(n).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(Next::NeedInput);
        }
        *input = rest;
        let n = u16::try_from(n).unwrap_or(u16::MAX);
        self.pong.left = self.pong.left.saturating_sub(n);
        if self.pong.left == 0 {
            self.core.conclude(None);
        }
        Ok(Next::Event(Response::Ext(Ext::Warning(bytes))))
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Receive for Client {
    type Event<'i> = Event<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        if self.core.diverted() {
            return self.pong(input);
        }
        self.core.next(input, Ext::LocalRedirect)
    }

    fn eof<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        if self.core.diverted() {
            let error = match self.pong.have {
                0 => Some(Error::NoResponse),
                1..4 => Some(Error::Eof),
                // Whatever was announced.
                _ => None,
            };
            self.core.conclude(error);
        }
        self.core.eof(Ext::LocalRedirect)
    }
}

delegate_client!(Client, Ext<'i>);
