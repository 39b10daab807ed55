//! Whom to believe about a request's client: its address, its scheme, the host
//! that it asked for. RFC 7239, and the X-Forwarded fields that came before it.
//!
//! Anybody can send such fields. So nobody is believed until a [`Policy`] says
//! who is, and by which fields. It should name the fields that the trusted
//! peers *set* or *remove* in each request, and no others: a field that they
//! pass on as it came is the client's word.
//!
//! Addresses are read from the right, which is where each hop adds the one that
//! it was asked by. As long as that is a trusted one, what stands left of it is
//! believed too; the first that is not trusted is the client. All lines of a
//! field are one list. What cannot be read ends the walk: the client is then
//! [`Node::Malformed`], and neither what stands left of it nor a hop that is
//! trusted.
//!
//! ```
//! use vestibule::forwarded::{By, Header, Policy, Scheme};
//! use vestibule::{Field, Net};
//! let trusted = ["127.0.0.1".parse::<Net>()?, "10.0.0.0/8".parse()?];
//! let policy = Policy::trusting(&trusted)
//!     .believe(Header::XForwardedFor)
//!     .believe(Header::XForwardedProto);
//! let fields = [
//!     Field::header(b"X-Forwarded-For", b"198.51.100.9, 192.0.2.1"),
//!     Field::header(b"X-Forwarded-For", b"10.0.0.3"),
//!     Field::header(b"X-Forwarded-Proto", b"https"),
//! ];
//! let origin = policy.origin(Some("127.0.0.1:4000".parse()?), fields)?;
//! assert_eq!(origin.client.address(), Some("192.0.2.1".parse()?));
//! assert_eq!(origin.by, By::Hop("10.0.0.3".parse()?));
//! assert_eq!(origin.scheme, Some(Scheme::Https));
//!
//! // The same from elsewhere says nothing.
//! let origin = policy.origin(Some("203.0.113.5:4000".parse()?), fields)?;
//! assert_eq!(origin.client.address(), Some("203.0.113.5".parse()?));
//! assert_eq!((origin.by, origin.scheme), (By::Connection, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use crate::cgi::meta::header_name;
use crate::event::{Cut, Field, Space, trim};
use crate::http1::target::Host;
use crate::net::Net;
use crate::text::decimal::decimal;

mod element;
mod node;

use element::{Elements, Hop};
pub use node::Node;

/// A field that says something of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Header {
    /// X-Forwarded-For: addresses, with ports or without; IPv6 with brackets
    /// or without.
    XForwardedFor,
    /// X-Forwarded-Proto: `http`, `https`, `ws`, `wss`.
    XForwardedProto,
    /// X-Forwarded-Protocol: the same, and `ssl` for `https`.
    XForwardedProtocol,
    /// X-Forwarded-Ssl: `on`, `off`.
    XForwardedSsl,
    /// X-Forwarded-Host: what a Host field may have.
    XForwardedHost,
    /// X-Forwarded-Port: 1 to 65,535.
    XForwardedPort,
    /// Forwarded, of RFC 7239.
    Forwarded,
}

impl Header {
    /// All of them.
    pub const ALL: [Header; 7] = [
        Header::XForwardedFor,
        Header::XForwardedProto,
        Header::XForwardedProtocol,
        Header::XForwardedSsl,
        Header::XForwardedHost,
        Header::XForwardedPort,
        Header::Forwarded,
    ];

    /// The field's name.
    ///
    /// ```
    /// use vestibule::forwarded::Header;
    /// assert_eq!(Header::XForwardedFor.name(), "X-Forwarded-For");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            Header::XForwardedFor => "X-Forwarded-For",
            Header::XForwardedProto => "X-Forwarded-Proto",
            Header::XForwardedProtocol => "X-Forwarded-Protocol",
            Header::XForwardedSsl => "X-Forwarded-Ssl",
            Header::XForwardedHost => "X-Forwarded-Host",
            Header::XForwardedPort => "X-Forwarded-Port",
            Header::Forwarded => "Forwarded",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Header::XForwardedFor => 1,
            Header::XForwardedProto => 2,
            Header::XForwardedProtocol => 4,
            Header::XForwardedSsl => 8,
            Header::XForwardedHost => 16,
            Header::XForwardedPort => 32,
            Header::Forwarded => 64,
        }
    }

    /// Whether a field is this one, as a header field or as the variable made
    /// of it. A trailer is none: what it says comes too late to be true.
    fn is(self, field: &Field<'_>) -> bool {
        let name = self.name().as_bytes();
        match field.space {
            Space::Header => field.name.eq_ignore_ascii_case(name),
            Space::Var => header_name(field.name).is_some_and(|n| n.is(name)),
            Space::Trailer | Space::Attribute => false,
        }
    }
}

/// What the client spoke with the first hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP without TLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// A scheme's name, whatever its case.
    fn read(text: &[u8]) -> Option<Scheme> {
        let is = |name: &[u8]| text.eq_ignore_ascii_case(name);
        if is(b"https") || is(b"wss") {
            Some(Scheme::Https)
        } else if is(b"http") || is(b"ws") {
            Some(Scheme::Http)
        } else {
            None
        }
    }
}

/// Who said who the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// Nobody: it is the peer of the connection.
    Connection,
    /// The peer of the connection.
    Peer,
    /// A hop before the peer, at this address.
    Hop(IpAddr),
}

/// Where a request came from, as far as somebody is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'f> {
    /// Who sent it.
    pub client: Node<'f>,
    /// Who said so.
    pub by: By,
    /// What it was sent by. `None`: nobody said, so it is what the connection
    /// speaks.
    pub scheme: Option<Scheme>,
    /// The host that was asked for, maybe with a port: a valid value of Host.
    pub host: Option<&'f [u8]>,
    /// The port that was asked.
    pub port: Option<u16>,
}

/// Why a request from a trusted peer is to be refused.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadForwarded {
    /// Two fields, or two elements of one, say different things where all must
    /// say the same: schemes, hosts, ports, or the clients of X-Forwarded-For
    /// and Forwarded.
    Conflict,
    /// A field with a value that it cannot have.
    Malformed(Header),
}

impl BadForwarded {
    /// The status to answer with.
    ///
    /// ```
    /// assert_eq!(vestibule::forwarded::BadForwarded::Conflict.status(), 400);
    /// ```
    pub const fn status(&self) -> u16 {
        400
    }
}

impl fmt::Display for BadForwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadForwarded::Conflict => f.write_str("fields say different things of the client"),
            BadForwarded::Malformed(header) => {
                f.write_str(header.name())?;
                f.write_str(" has a value that it cannot have")
            }
        }
    }
}

impl core::error::Error for BadForwarded {}

/// Whom to believe, and by which fields.
///
/// ```
/// use vestibule::forwarded::Policy;
/// assert_eq!(Policy::default(), Policy::NOBODY);
/// assert!(!Policy::NOBODY.trusts(None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy<'p> {
    trusted: &'p [Net],
    local: bool,
    believed: u8,
}

impl Default for Policy<'_> {
    fn default() -> Self {
        Policy::NOBODY
    }
}

impl<'p> Policy<'p> {
    /// Nobody is believed.
    pub const NOBODY: Policy<'static> = Policy {
        trusted: &[],
        local: false,
        believed: 0,
    };

    /// Peers and hops of these networks are trusted; no field is believed
    /// until [`believe`](Self::believe) says so.
    #[must_use]
    pub const fn trusting(trusted: &'p [Net]) -> Self {
        Policy {
            trusted,
            local: false,
            believed: 0,
        }
    }

    /// Whether a peer without an address is trusted: that of a Unix socket.
    /// Off: it is not.
    ///
    /// Opens: whoever may connect to the socket is believed.
    #[must_use]
    pub const fn local(mut self, on: bool) -> Self {
        self.local = on;
        self
    }

    /// Believes this field too, of those who are trusted.
    ///
    /// Opens: whatever of it a trusted peer passes on as it came.
    #[must_use]
    pub const fn believe(mut self, header: Header) -> Self {
        self.believed |= header.bit();
        self
    }

    /// Whether a peer is trusted; `None` is one without an address.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            Some(ip) => self.trusted.iter().any(|net| net.contains(ip)),
            None => self.local,
        }
    }

    /// Where a request came from. `peer` is who has connected; `None` has no
    /// address. `fields` is a whole head: its fields may be header fields or
    /// variables, and each must be whole.
    ///
    /// Schemes, hosts and ports are no lists: where there are several, in one
    /// field or in many, all must agree. Those of Forwarded come from the
    /// element that names the client.
    ///
    /// # Errors
    ///
    /// The request is to be refused: what a trusted peer says cannot be.
    pub fn origin<'f, I>(
        &self,
        peer: Option<SocketAddr>,
        fields: I,
    ) -> Result<Origin<'f>, BadForwarded>
    where
        I: IntoIterator<Item = Field<'f>>,
    {
        let mut origin = Origin {
            client: match peer {
                Some(at) => Node::of(at.ip(), Some(at.port())),
                None => Node::Unknown,
            },
            by: By::Connection,
            scheme: None,
            host: None,
            port: None,
        };
        if !self.trusts(origin.client.address()) {
            return Ok(origin);
        }
        let (mut older, mut newer) = (Walk::default(), Walk::default());
        for field in fields {
            let believed = |h: &&Header| self.believed & h.bit() != 0 && h.is(&field);
            let Some(header) = Header::ALL.iter().find(believed) else {
                continue;
            };
            self.take(*header, field, &mut origin, &mut older, &mut newer)?;
        }
        for walk in [older, newer] {
            let Some(hop) = walk.last else { continue };
            let by = walk.by.map_or(By::Peer, By::Hop);
            let node = match (origin.by, hop.node) {
                (By::Connection, said) => said.unwrap_or(Node::Unknown),
                (_, None) => origin.client,
                (_, Some(node)) => origin.client.and(node).ok_or(BadForwarded::Conflict)?,
            };
            (origin.client, origin.by) = (node, by);
            if let Some(scheme) = hop.scheme {
                agree(&mut origin.scheme, scheme, Scheme::eq)?;
            }
            if let Some(host) = hop.host {
                agree(&mut origin.host, host, same_host)?;
            }
        }
        Ok(origin)
    }

    /// Takes one field that is believed.
    fn take<'f>(
        &self,
        header: Header,
        field: Field<'f>,
        origin: &mut Origin<'f>,
        older: &mut Walk<'f>,
        newer: &mut Walk<'f>,
    ) -> Result<(), BadForwarded> {
        let malformed = BadForwarded::Malformed(header);
        if field.cut != Cut::Whole {
            return Err(malformed);
        }
        if header == Header::Forwarded {
            Elements::of(field.value).for_each(|hop| newer.take(self, hop));
            return Ok(());
        }
        for text in field.value.split(|b| *b == b',').map(trim) {
            if header == Header::XForwardedFor {
                older.take(self, Hop::of(Node::read_bare(text)));
                continue;
            }
            // An empty element of a list says nothing. RFC 9110, 5.6.1.2.
            if text.is_empty() {
                continue;
            }
            match header {
                Header::XForwardedHost => {
                    let host = Some(text).filter(|t| is_host(t)).ok_or(malformed)?;
                    agree(&mut origin.host, host, same_host)?;
                }
                Header::XForwardedPort => {
                    let port = decimal(text).and_then(|n| u16::try_from(n).ok());
                    let port = port.filter(|n| *n > 0).ok_or(malformed)?;
                    agree(&mut origin.port, port, u16::eq)?;
                }
                _ => {
                    let scheme = read_scheme(header, text).ok_or(malformed)?;
                    agree(&mut origin.scheme, scheme, Scheme::eq)?;
                }
            }
        }
        Ok(())
    }
}

/// What a scheme field says.
fn read_scheme(header: Header, text: &[u8]) -> Option<Scheme> {
    let is = |word: &[u8]| text.eq_ignore_ascii_case(word);
    match header {
        Header::XForwardedSsl if is(b"on") => Some(Scheme::Https),
        Header::XForwardedSsl if is(b"off") => Some(Scheme::Http),
        Header::XForwardedProtocol if is(b"ssl") => Some(Scheme::Https),
        Header::XForwardedProtocol | Header::XForwardedProto => Scheme::read(text),
        _ => None,
    }
}

/// Whether `text` could be the value of Host. RFC 9112, 3.2.
fn is_host(text: &[u8]) -> bool {
    let place = text.iter().fold(Host::default(), |at, b| at.step(*b));
    place.complete()
}

fn same_host(a: &&[u8], b: &&[u8]) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Notes a value, which must be the one that was noted before, if any was.
fn agree<T>(slot: &mut Option<T>, value: T, same: fn(&T, &T) -> bool) -> Result<(), BadForwarded> {
    match slot {
        Some(before) if !same(before, &value) => Err(BadForwarded::Conflict),
        _ => {
            *slot = Some(value);
            Ok(())
        }
    }
}

/// The walk from the right, made in one pass from the left: where it ends is
/// the last hop that is not trusted, or else the first of all.
#[derive(Clone, Copy, Debug, Default)]
struct Walk<'f> {
    last: Option<Hop<'f>>,
    /// The hop right of it, which has named it.
    by: Option<IpAddr>,
}

impl<'f> Walk<'f> {
    fn take(&mut self, policy: &Policy<'_>, hop: Hop<'f>) {
        let ip = hop.node.and_then(|node| node.address());
        let trusted = ip.is_some() && policy.trusts(ip);
        if self.last.is_none() || !trusted {
            self.last = Some(hop);
            self.by = None;
        } else if self.by.is_none() {
            self.by = ip;
        }
    }
}

#[cfg(test)]
mod tests;
