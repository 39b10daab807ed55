//! The PROXY protocol, versions 1 and 2: the header that a proxy sends ahead of
//! a connection to tell whose it is. Read by [`Parser`], written by [`encode`].
//!
//! What reads is for connections of which the header is demanded, by
//! configuration: anything else at their beginning is an error. Whether there
//! is one is never guessed, since then whoever connects could tell any address
//! (PROXY protocol, 2); nor should it be believed of peers that are not
//! trusted ([`Net`](crate::Net) helps). Which of the two versions it is shows
//! in its first byte.
//!
//! The header is over before anything else begins: the machine leaves what
//! follows in the input.
//!
//! ```
//! use vestibule::{Next, Receive, proxy_protocol::{Event, Parser}};
//! let mut input = &b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET / HTTP/1.1\r\n"[..];
//! let mut parser = Parser::default();
//! let mut source = None;
//! while let Next::Event(event) = parser.next(&mut input)? {
//!     match event {
//!         Event::Header(header) => source = header.addresses.source(),
//!         Event::Part(_) => {} // of version 2: TLVs
//!     }
//! }
//! assert_eq!(source, Some("192.0.2.1:56324".parse()?));
//! assert_eq!(input, b"GET / HTTP/1.1\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::event::{Cut, Field, Space};

mod crc32c;
pub mod encode;
mod ends;
mod parser;
#[cfg(test)]
mod tests;
mod v1;
mod v2;

pub use parser::{Event, Limits, Parser};

/// The most bytes that a header of version 1 has, CR LF included.
/// PROXY protocol, 2.1.
pub const V1_MAX: usize = 107;

/// What the first 12 bytes of version 2 are. PROXY protocol, 2.2.
pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes ahead of the addresses in version 2: signature, version and command,
/// family and transport, length. PROXY protocol, 2.2.
pub(crate) const FIXED: u8 = 16;

/// Bytes of a path in version 2. PROXY protocol, 2.2.
pub const PATH_BYTES: u16 = 108;

/// The most bytes of a unique id. PROXY protocol, 2.2.5.
pub const UNIQUE_ID_MAX: u16 = 128;

/// Types of the TLVs of version 2. PROXY protocol, 2.2.
pub mod kind {
    /// PP2_TYPE_ALPN: the protocol above, as TLS negotiated it.
    pub const ALPN: u8 = 0x01;
    /// PP2_TYPE_AUTHORITY: the host name that the client gave (SNI), UTF-8.
    pub const AUTHORITY: u8 = 0x02;
    /// PP2_TYPE_CRC32C: the checksum of the header.
    pub const CRC32C: u8 = 0x03;
    /// PP2_TYPE_NOOP: padding.
    pub const NOOP: u8 = 0x04;
    /// PP2_TYPE_UNIQUE_ID: up to 128 bytes that name the connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// PP2_TYPE_SSL: what is known of TLS, with TLVs of its own.
    pub const SSL: u8 = 0x20;
    /// PP2_SUBTYPE_SSL_VERSION: such as `TLSv1.3`.
    pub const SSL_VERSION: u8 = 0x21;
    /// PP2_SUBTYPE_SSL_CN: the common name of the client's certificate, UTF-8.
    pub const SSL_CN: u8 = 0x22;
    /// PP2_SUBTYPE_SSL_CIPHER: the cipher.
    pub const SSL_CIPHER: u8 = 0x23;
    /// PP2_SUBTYPE_SSL_SIG_ALG: what signed the proxy's certificate.
    pub const SSL_SIG_ALG: u8 = 0x24;
    /// PP2_SUBTYPE_SSL_KEY_ALG: the kind of the key of the proxy's certificate.
    pub const SSL_KEY_ALG: u8 = 0x25;
    /// PP2_SUBTYPE_SSL_GROUP: the group of the key exchange.
    pub const SSL_GROUP: u8 = 0x26;
    /// PP2_SUBTYPE_SSL_SIG_SCHEME: the signature scheme.
    pub const SSL_SIG_SCHEME: u8 = 0x27;
    /// PP2_SUBTYPE_SSL_CLIENT_CERT: the client's certificate, DER.
    pub const SSL_CLIENT_CERT: u8 = 0x28;
    /// PP2_TYPE_NETNS: the name of a network namespace.
    pub const NETNS: u8 = 0x30;
}

/// What a header says, once all of it is known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Header {
    /// Whose connection it is.
    pub command: Command,
    /// What carried it to the proxy.
    pub transport: Transport,
    /// Its two ends.
    pub addresses: Addresses,
    /// What is known of TLS. `None` in version 1, and where there is no
    /// PP2_TYPE_SSL.
    pub ssl: Option<Ssl>,
    /// It has a checksum (PP2_TYPE_CRC32C), and a right one.
    pub crc32c: bool,
}

impl Header {
    /// The header of a connection of the proxy's own (LOCAL), such as a check
    /// of the server's health.
    pub const LOCAL: Header = Header {
        command: Command::Local,
        transport: Transport::Unspec,
        addresses: Addresses::Unspec,
        ssl: None,
        crc32c: false,
    };

    /// The header of a connection by TCP. `None` where the two addresses are
    /// of different families.
    ///
    /// ```
    /// use vestibule::proxy_protocol::{Addresses, Header};
    /// let header = Header::tcp("[::1]:1".parse()?, "[::1]:2".parse()?);
    /// assert!(matches!(header.map(|h| h.addresses), Some(Addresses::Inet6 { .. })));
    /// assert_eq!(Header::tcp("[::1]:1".parse()?, "127.0.0.1:2".parse()?), None);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub const fn tcp(source: SocketAddr, destination: SocketAddr) -> Option<Header> {
        let addresses = match (source, destination) {
            (SocketAddr::V4(source), SocketAddr::V4(destination)) => Addresses::Inet {
                source,
                destination,
            },
            (SocketAddr::V6(source), SocketAddr::V6(destination)) => Addresses::Inet6 {
                source,
                destination,
            },
            _ => return None,
        };
        Some(Header {
            command: Command::Proxy,
            transport: Transport::Stream,
            addresses,
            ssl: None,
            crc32c: false,
        })
    }
}

/// Whose connection it is. PROXY protocol, 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Command {
    /// LOCAL: the proxy's own. The transport's addresses are the real ones.
    Local,
    /// PROXY: somebody else's.
    Proxy,
}

/// What carried the connection to the proxy. PROXY protocol, 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Transport {
    /// UNSPEC: not told.
    Unspec,
    /// STREAM: TCP, or a stream of Unix sockets.
    Stream,
    /// DGRAM: UDP, or datagrams of Unix sockets.
    Dgram,
}

/// The two ends of a connection. PROXY protocol, 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Addresses {
    /// Not told (UNKNOWN, AF_UNSPEC, LOCAL): the transport's addresses count.
    Unspec,
    /// AF_INET.
    Inet {
        /// The client.
        source: SocketAddrV4,
        /// Where it connected to.
        destination: SocketAddrV4,
    },
    /// AF_INET6. There is no flow information and no scope on the wire.
    Inet6 {
        /// The client.
        source: SocketAddrV6,
        /// Where it connected to.
        destination: SocketAddrV6,
    },
    /// AF_UNIX. The paths are parts: [`What::Source`], [`What::Destination`].
    Unix,
}

impl Addresses {
    /// The client, where it has an address of IP.
    pub const fn source(&self) -> Option<SocketAddr> {
        match *self {
            Addresses::Inet { source, .. } => Some(SocketAddr::V4(source)),
            Addresses::Inet6 { source, .. } => Some(SocketAddr::V6(source)),
            Addresses::Unspec | Addresses::Unix => None,
        }
    }

    /// Where it connected to, if that is an address of IP.
    pub const fn destination(&self) -> Option<SocketAddr> {
        match *self {
            Addresses::Inet { destination, .. } => Some(SocketAddr::V4(destination)),
            Addresses::Inet6 { destination, .. } => Some(SocketAddr::V6(destination)),
            Addresses::Unspec | Addresses::Unix => None,
        }
    }
}

/// What is known of TLS. PROXY protocol, 2.2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Ssl {
    /// Bits: [`TLS`](Self::TLS), [`CERT_CONN`](Self::CERT_CONN),
    /// [`CERT_SESS`](Self::CERT_SESS).
    pub client: u8,
    /// Zero: the client's certificate was verified, if it gave one.
    pub verify: u32,
}

impl Ssl {
    /// PP2_CLIENT_SSL: the client connected by TLS.
    pub const TLS: u8 = 0x01;
    /// PP2_CLIENT_CERT_CONN: it gave a certificate on this connection.
    pub const CERT_CONN: u8 = 0x02;
    /// PP2_CLIENT_CERT_SESS: it gave one in this session of TLS.
    pub const CERT_SESS: u8 = 0x04;

    /// Whether the client connected by TLS.
    pub const fn tls(&self) -> bool {
        self.client & Self::TLS != 0
    }

    /// Whether the client gave a certificate, and it was verified.
    ///
    /// ```
    /// use vestibule::proxy_protocol::Ssl;
    /// let ssl = Ssl { client: Ssl::TLS, verify: 0 };
    /// assert!(ssl.tls() && !ssl.verified());
    /// ```
    pub const fn verified(&self) -> bool {
        self.client & (Self::CERT_CONN | Self::CERT_SESS) != 0 && self.verify == 0
    }
}

/// What a part of a header of version 2 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum What {
    /// The path of the client's Unix socket: 108 bytes, padded with NUL.
    Source,
    /// The path of the socket that it connected to, likewise.
    Destination,
    /// A TLV of this type, which may be one that no [`kind`] names.
    Tlv(u8),
    /// A TLV of this type inside PP2_TYPE_SSL, likewise.
    Ssl(u8),
}

impl What {
    /// The specification's name; empty where it names none, as for types that
    /// are an application's own.
    ///
    /// ```
    /// use vestibule::proxy_protocol::{What, kind};
    /// assert_eq!(What::Ssl(kind::SSL_CN).name(), "PP2_SUBTYPE_SSL_CN");
    /// assert_eq!(What::Tlv(0xea).name(), "");
    /// ```
    pub const fn name(self) -> &'static str {
        match self {
            What::Source => "src_addr",
            What::Destination => "dst_addr",
            What::Tlv(kind::ALPN) => "PP2_TYPE_ALPN",
            What::Tlv(kind::AUTHORITY) => "PP2_TYPE_AUTHORITY",
            What::Tlv(kind::CRC32C) => "PP2_TYPE_CRC32C",
            What::Tlv(kind::NOOP) => "PP2_TYPE_NOOP",
            What::Tlv(kind::UNIQUE_ID) => "PP2_TYPE_UNIQUE_ID",
            What::Tlv(kind::SSL) => "PP2_TYPE_SSL",
            What::Tlv(kind::NETNS) => "PP2_TYPE_NETNS",
            What::Ssl(kind::SSL_VERSION) => "PP2_SUBTYPE_SSL_VERSION",
            What::Ssl(kind::SSL_CN) => "PP2_SUBTYPE_SSL_CN",
            What::Ssl(kind::SSL_CIPHER) => "PP2_SUBTYPE_SSL_CIPHER",
            What::Ssl(kind::SSL_SIG_ALG) => "PP2_SUBTYPE_SSL_SIG_ALG",
            What::Ssl(kind::SSL_KEY_ALG) => "PP2_SUBTYPE_SSL_KEY_ALG",
            What::Ssl(kind::SSL_GROUP) => "PP2_SUBTYPE_SSL_GROUP",
            What::Ssl(kind::SSL_SIG_SCHEME) => "PP2_SUBTYPE_SSL_SIG_SCHEME",
            What::Ssl(kind::SSL_CLIENT_CERT) => "PP2_SUBTYPE_SSL_CLIENT_CERT",
            What::Tlv(_) | What::Ssl(_) => "",
        }
    }
}

/// A part of a header of version 2, or a piece of one: a TLV, or the path of a
/// Unix socket.
///
/// It comes whole where its bytes lie together in the input, else in pieces
/// from [`Cut::First`] to [`Cut::Last`]: append the bytes. As it comes before
/// the end of the header, nothing of it is true before [`Event::Header`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Part<'i> {
    /// What it is.
    pub what: What,
    /// Its bytes, or some of them, as the wire has them: texts are not checked.
    pub bytes: &'i [u8],
    /// Which piece this is.
    pub cut: Cut,
}

impl<'i> Part<'i> {
    /// A whole part.
    pub const fn new(what: What, bytes: &'i [u8]) -> Self {
        Part {
            what,
            bytes,
            cut: Cut::Whole,
        }
    }

    /// The same as a field, an attribute with the [name](What::name) of the
    /// specification, for [`Fields`](crate::Fields) to join. `None` where there
    /// is no such name.
    ///
    /// ```
    /// use vestibule::{Cut, Fields, proxy_protocol::{Part, What, kind}};
    /// let mut fields = Fields::new([0; 64]);
    /// let what = What::Tlv(kind::AUTHORITY);
    /// for (bytes, cut) in [(&b"example"[..], Cut::First), (b".com", Cut::Last)] {
    ///     if let Some(field) = (Part { what, bytes, cut }).field() {
    ///         fields.push(field)?;
    ///     }
    /// }
    /// assert_eq!(fields.get(b"PP2_TYPE_AUTHORITY"), Some(&b"example.com"[..]));
    /// # Ok::<(), vestibule::Overflow>(())
    /// ```
    pub const fn field(&self) -> Option<Field<'i>> {
        let name = match self.cut {
            _ if self.what.name().is_empty() => return None,
            Cut::Whole | Cut::First => self.what.name().as_bytes(),
            Cut::Middle | Cut::Last => b"",
        };
        Some(Field {
            space: Space::Attribute,
            name,
            value: self.bytes,
            cut: self.cut,
        })
    }
}
