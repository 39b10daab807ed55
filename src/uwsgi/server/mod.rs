//! uwsgi, the application's side.

mod head;
mod limits;

use crate::cgi::encode::First;
use crate::cgi::watch::want;
use crate::error::Refused;
use crate::event::{Id, Request};
use crate::frame::Frame;
use crate::oneshot::server::{Core, delegate_server};
use crate::uwsgi::packet::{Header, Modifiers, modifier};
use crate::uwsgi::rules::Rules;

use head::Head;
pub use limits::Limits;

/// uwsgi's own events for an application.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// The peer asks whether the application lives, in place of a request:
    /// [`Server::pong`], or [`default_reply`](crate::Server::default_reply).
    Ping,
    /// In place of a request: the peer will not use the connection again.
    CloseMark,
    /// Bytes came after the request. They are dropped, and never taken for
    /// another one; this is told once.
    Excess,
}

/// An event of a [`Server`].
pub type Event<'i> = Request<'i, Ext>;

/// What is wanted of the variables, by the rules.
const fn wants(rules: Rules) -> u8 {
    let mut wants = want::UNCODED;
    if !rules.needs_no_method() {
        wants |= want::METHOD;
    }
    if !rules.takes_repeated_variables() {
        wants |= want::UNIQUE;
    }
    wants
}

/// An application's end of a uwsgi connection: one request, or a ping.
///
/// The body is counted by CONTENT_LENGTH; none or an empty one means that
/// there is none. The answer begins with a status line, as web servers want it
/// from uwsgi applications, never has Transfer-Encoding, and ends with the
/// connection.
///
/// Before the head of an answer, [`fail`](crate::Server::fail) writes a whole
/// answer of the error's status, also to what was no request: 431 for a block
/// above its limit, 501 for a packet type that is not enabled, 400 to an HTTP
/// client, which understands it.
///
/// Whoever can connect can send any variable, so listen on a Unix socket or on
/// the loopback.
///
/// ```
/// use vestibule::uwsgi::Server;
/// use vestibule::{Field, Length, Next, Receive, Request, Server as _};
/// let mut server = Server::new();
/// let mut input = &b"\0\x15\0\0\x0e\0REQUEST_METHOD\x03\0GET"[..];
/// let mut output = Vec::new();
/// let mut room = [0; 128];
/// while let Next::Event(event) = server.next(&mut input)? {
///     match event {
///         Request::BodyEnd { id } => {
///             let fields = [Field::header(b"Content-Type", b"text/plain")];
///             let head = server.head(id, 200, fields, Length::Known(2), &mut room)?;
///             output.extend(head.slices().concat());
///             output.extend(server.body(id, &mut &b"ok"[..])?.slices().concat());
///             output.extend(server.finish(id, [], &mut [])?.slices().concat());
///         }
///         Request::Ext(ext) => output.extend(server.default_reply(ext).slices().concat()),
///         _ => {}
///     }
/// }
/// assert!(output.starts_with(b"HTTP/1.1 200 OK\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Server {
    core: Core<Head>,
}

impl Server {
    /// With the default limits.
    pub const fn new() -> Self {
        Self::with_limits(Limits::DEFAULT)
    }

    /// With other limits.
    pub const fn with_limits(limits: Limits) -> Self {
        let head = Head::new(limits.name_bytes);
        let wants = wants(Rules::STRICT);
        Server {
            core: Core::new(head, limits.shared(), wants, First::StatusLine),
        }
    }

    /// With other packet types, or leniencies.
    #[must_use]
    pub const fn rules(mut self, rules: Rules) -> Self {
        self.core = self.core.wants(wants(rules));
        self.core.head = self.core.head.rules(rules);
        self
    }

    /// The modifiers of the request, once its header has come.
    ///
    /// ```
    /// use vestibule::uwsgi::{Modifiers, Rules, Server, modifier};
    /// use vestibule::{Id, drain};
    /// let mut server = Server::new().rules(Rules::STRICT.modifier1(modifier::PSGI, true));
    /// assert_eq!(server.modifiers(Id::SOLE), None);
    /// drain(&mut server, &mut &b"\x05\x15\0\x01"[..], |_, _| {})?;
    /// assert_eq!(server.modifiers(Id::SOLE), Modifiers::request(5, 1));
    /// # Ok::<(), vestibule::Error>(())
    /// ```
    pub fn modifiers(&self, id: Id) -> Option<Modifiers> {
        let header = self.core.head.request()?;
        if id != Id::SOLE {
            return None;
        }
        Modifiers::request(header.modifier1, header.modifier2)
    }

    /// Answers a ping: that the application lives, and `warning`, which is
    /// empty where all is well. Some readers take no more than 127 bytes of it.
    ///
    /// ```
    /// use vestibule::uwsgi::Server;
    /// use vestibule::{Next, Receive, Request};
    /// let mut server = Server::new();
    /// let _ping = server.next(&mut &b"\x64\0\0\0"[..])?;
    /// let frame = server.pong(b"overload")?;
    /// assert_eq!(frame.slices().concat(), b"\x64\x08\0\x01overload");
    /// assert!(server.pong(b"").is_err());
    /// use vestibule::{Server as _, uwsgi::ServerExt};
    /// assert!(server.default_reply(ServerExt::Ping).is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused::State`]: there was no ping, or it was answered.
    /// [`Refused::TooLong`]: more than 65,535 bytes.
    pub fn pong<'b>(&mut self, warning: &'b [u8]) -> Result<Frame<'b>, Refused> {
        if !self.core.head.pinged {
            return Err(Refused::State);
        }
        let size = u16::try_from(warning.len()).map_err(|_| Refused::TooLong)?;
        self.core.head.pinged = false;
        Ok(pong(size, warning))
    }
}

/// The answer to a ping. "Packet descriptions" has it as modifier1 100 with
/// modifier2 1.
fn pong(size: u16, warning: &[u8]) -> Frame<'_> {
    let header = Header {
        modifier1: modifier::PING,
        size,
        modifier2: 1,
    };
    Frame::of(warning).head(&header.encode())
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

delegate_server!(Server, Ext, |server: &mut Server, ext| match ext {
    // One that was answered is not answered again.
    Ext::Ping => server.pong(&[]).unwrap_or(Frame::EMPTY),
    Ext::CloseMark | Ext::Excess => Frame::EMPTY,
});
