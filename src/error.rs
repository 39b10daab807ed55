//! What can go wrong, and whose fault it is: [`Error`] is the peer's (or a
//! reason that we give), [`Refused`] the caller's, [`Overflow`] the caller's
//! storage.

use core::fmt;

/// What the peer did wrong, or why we give an exchange up.
///
/// As the `Err` of [`next`](crate::Receive::next) it is sticky: the framing of
/// the connection is lost. As the error of a `Fault` event, or of a `Done` that
/// failed, it concerns one exchange alone. The last group of variants never
/// comes from a machine: they are reasons for `fail`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Error {
    /// A FastCGI record of another version than 1. FastCGI 1.0, 3.3.
    Version(u8),
    /// A FastCGI BEGIN_REQUEST with request id 0. FastCGI 1.0, 3.3.
    NullId,
    /// A FastCGI BEGIN_REQUEST for an id that is active. FastCGI 1.0, 3.3.
    DuplicateId(u16),
    /// A FastCGI record for an id that is not active, on a connection that
    /// carries one request at a time. FastCGI 1.0, 3.3.
    UnknownId(u16),
    /// A FastCGI record of this type is shorter than its fixed content.
    /// FastCGI 1.0, 5.1 and 5.5.
    RecordLength(u8),
    /// A FastCGI record of this type may not come in this state.
    /// FastCGI 1.0, 6 and 7.
    OutOfOrder(u8),
    /// A name-value pair runs past the end of its stream or record.
    /// FastCGI 1.0, 3.4.
    BadPair,
    /// More records that concern nobody than the limit `stray_records`.
    StrayRecords,
    /// More records in a row without any event than the limit `idle_records`.
    IdleRecords,
    /// More management records than the limit `management_records`.
    ManagementRecords,
    /// The head is longer than the limit `head_bytes`.
    HeadTooLong,
    /// A head has more fields than the limit `fields`.
    TooManyFields,
    /// The body is longer than the limit `body_bytes`.
    BodyTooLong,
    /// A line of a head is longer than the limit `line_bytes`.
    LineTooLong,
    /// CONTENT_LENGTH (or Content-Length) is not a decimal number, or there
    /// are two that differ, or none where one must be.
    /// RFC 3875, 4.1.2; RFC 9110, 8.6.
    ContentLength,
    /// CONTENT_LENGTH is not the first variable. SCGI, 3.
    LengthNotFirst,
    /// A length of a netstring that is no number, or begins with a zero, or no
    /// comma behind the string. SCGI, 3.
    Netstring,
    /// No variable SCGI, or one with another value than 1. SCGI, 3.
    ScgiVersion,
    /// A variable without a name, or one that its block cuts. SCGI, 3;
    /// uwsgi protocol, "The uwsgi vars".
    BadVariable,
    /// A variable that came twice. SCGI, 3; RFC 3875, 4.1.
    DuplicateVariable,
    /// A uwsgi packet of a type, modifier1, that is not taken.
    /// uwsgi protocol, "Packet descriptions".
    Modifier(u8),
    /// An HTTP client, on a port of another protocol.
    HttpRequest,
    /// A TLS client, on a port without TLS.
    TlsHandshake,
    /// A name that is longer than the limit `name_bytes`.
    NameTooLong,
    /// A variable for the uWSGI server itself, by which a request makes it load
    /// other code: UWSGI_ and what follows.
    ServerVariable,
    /// No REQUEST_METHOD. RFC 3875, 4.1.12.
    NoMethod,
    /// The body is longer than its declared length. RFC 3875, 4.2.
    BodyExcess,
    /// The body ended before its declared length. RFC 3875, 4.2; FastCGI 1.0, 6.2.
    BodyShort,
    /// The output ended without a byte. RFC 3875, 6.
    NoResponse,
    /// The output ended inside the head. RFC 3875, 6.2.
    HeadCut,
    /// The head ended without one field. RFC 3875, 6.2.
    EmptyHead,
    /// A head line without a colon, or with a name that is no token.
    /// RFC 3875, 6.3; RFC 9112, 5.
    BadField,
    /// A folded (continued) head line. RFC 3875, 6.3.
    Folding,
    /// A control byte, NUL or bare CR in a field value. RFC 9110, 5.5.
    BadValue,
    /// A status that is not three digits from 200 to 599. RFC 3875, 6.3.3.
    BadStatus,
    /// A status from 100 to 199 where none may stand. RFC 3875, 6.3.3.
    Interim(u16),
    /// A status line where the Status field belongs, or the other way round.
    /// RFC 3875, 6.2; RFC 9112, 4.
    StatusLine,
    /// Status, Content-Type or Location twice. RFC 3875, 6.3.
    DuplicateField,
    /// A Transfer-Encoding field in a CGI response. RFC 3875, 6.3.4.
    TransferEncoding,
    /// A request line that is none. RFC 9112, 3.
    RequestLine,
    /// A method that is longer than the limit `method_bytes`.
    MethodTooLong,
    /// A request target that is longer than the limit `target_bytes`.
    TargetTooLong,
    /// A request target of none of the four forms, or not of this method's.
    /// RFC 9112, 3.2.
    Target,
    /// An HTTP version other than 1.x. RFC 9110, 2.5.
    HttpVersion,
    /// The preface of HTTP/2. RFC 9113, 3.4.
    Http2Preface,
    /// No Host, several, or one that is no host; or one that differs from the
    /// target's. RFC 9112, 3.2.
    Host,
    /// Transfer-Encoding and Content-Length together, Transfer-Encoding with
    /// HTTP/1.0, a malformed Transfer-Encoding, or a body where none may be;
    /// HTTP_TRANSFER_ENCODING without CONTENT_LENGTH. RFC 9112, 6.
    Framing,
    /// A transfer coding that is not implemented: any but chunked. RFC 9112, 6.1.
    Coding,
    /// A malformed chunk. RFC 9112, 7.1.
    Chunk,
    /// Chunk extensions longer than the limits `extension_bytes`. RFC 9112, 7.1.1.
    ChunkExtension,
    /// A trailer field that may not be one. RFC 9110, 6.5.1.
    Trailer,
    /// An expectation other than 100-continue. RFC 9110, 10.1.1.
    Expectation,
    /// More interim answers than the limit `interim`.
    TooManyInterim,
    /// A status 101 that was not asked for. RFC 9110, 15.2.2.
    Switch,
    /// Bytes after an answer of HTTP, with no request open. RFC 9112, 9.2.
    Surplus,
    /// The same on another wire, of which no document speaks.
    Unasked,
    /// A connection that does not begin with a header of the PROXY protocol.
    /// PROXY protocol, 2.
    ProxySignature,
    /// A malformed header of version 1, or one of more than 107 bytes.
    /// PROXY protocol, 2.1.
    ProxyLine,
    /// A header of version 2 with another version number, an unassigned
    /// command, family or transport, or shorter than its addresses.
    /// PROXY protocol, 2.2.
    ProxyHeader,
    /// A header of version 2 that is longer than the limit `length`.
    ProxyTooLong,
    /// A TLV that runs past the end of the header (or of PP2_TYPE_SSL), is too
    /// short or too long for its type, or may not come twice.
    /// PROXY protocol, 2.2.
    ProxyTlv,
    /// A header whose checksum is wrong. PROXY protocol, 2.2.3.
    ProxyChecksum,
    /// An AJP packet does not begin with the two bytes of its direction.
    /// AJPv13, "Basic Packet Structure".
    Magic(u16),
    /// An AJP packet is longer than the limit `packet_bytes`, and is not of a
    /// request's body.
    PacketTooLong,
    /// An AJP packet of this type may not come now, or there is no such type.
    /// AJPv13, "Packet types".
    PacketType(u8),
    /// An AJP packet ends inside a number or string, is longer than what is in
    /// it (of a request's body also than the limit `packet_bytes`), or has a
    /// string that does not end in NUL. AJPv13, "Data Types".
    BadPacket,
    /// A header code that is not assigned. AJPv13, "Request Packet Structure"
    /// and "Response Packet Structure".
    HeaderCode(u8),
    /// A method code that is not assigned, or one beside the attribute
    /// stored_method, or neither. AJPv13, "method" and "Attributes".
    MethodCode(u8),
    /// An attribute code that is not assigned. AJPv13, "Attributes".
    AttributeCode(u8),
    /// A request attribute that may come only once came again.
    /// AJPv13, "Attributes".
    DuplicateAttribute(u8),
    /// A request attribute of a name that is not allowed. AJPv13, "Attributes".
    Attribute,
    /// More attributes than the limit `attributes`.
    TooManyAttributes,
    /// The secret is missing, or wrong. AJPv13, "Attributes".
    Secret,
    /// A GET_BODY_CHUNK for no bytes, one ahead of the packet that comes
    /// unasked, or one while another is not answered. AJPv13, "Get Body Chunk".
    GetBodyChunk,
    /// More GET_BODY_CHUNK behind the end of the body than the limit
    /// `late_demands`.
    TooManyDemands,
    /// More SEND_BODY_CHUNK without data in a row than the limit `flushes`.
    TooManyFlushes,
    /// The connection ended.
    Eof,
    /// Ours: not something that we do. 501.
    Unsupported,
    /// Ours: the body has no declared length, and what stands behind wants one.
    /// 411. RFC 9110, 15.5.12.
    LengthRequired,
    /// Ours: no capacity. 503.
    Overloaded,
    /// Ours: what stands behind failed. 502.
    Upstream,
    /// Ours: the client took too long. 408.
    Timeout,
    /// Ours: what stands behind took too long. 504.
    UpstreamTimeout,
    /// Ours: the application failed. 500.
    Internal,
}

/// Whose fault an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The peer broke the protocol or a limit.
    Peer,
    /// We gave up: a reason for `fail`.
    Us,
}

impl Error {
    /// Whose fault it is.
    ///
    /// ```
    /// use vestibule::{Blame, Error};
    /// assert_eq!(Error::Version(2).blame(), Blame::Peer);
    /// assert_eq!(Error::Overloaded.blame(), Blame::Us);
    /// ```
    pub const fn blame(&self) -> Blame {
        match self {
            Error::Overloaded
            | Error::LengthRequired
            | Error::Unsupported
            | Error::Upstream
            | Error::Timeout
            | Error::UpstreamTimeout
            | Error::Internal => Blame::Us,
            _ => Blame::Peer,
        }
    }

    /// The HTTP status that answers a request spoilt by this error:
    /// 400, 403, 408, 411, 413, 414, 417, 431, 500, 501, 502, 503, 504 or 505.
    ///
    /// It takes the error for one of the request. What spoilt an answer from
    /// behind (`Done` with `Failed`) is for `fail` always
    /// [`Upstream`](Error::Upstream): its `HeadTooLong` is no 431.
    ///
    /// ```
    /// use vestibule::Error;
    /// assert_eq!(Error::HeadTooLong.status(), 431);
    /// assert_eq!(Error::BodyTooLong.status(), 413);
    /// assert_eq!(Error::BadPair.status(), 400);
    /// ```
    pub const fn status(&self) -> u16 {
        match self {
            Error::HeadTooLong
            | Error::TooManyFields
            | Error::LineTooLong
            | Error::NameTooLong
            | Error::PacketTooLong
            | Error::TooManyAttributes => 431,
            Error::Attribute | Error::Secret => 403,
            Error::LengthRequired => 411,
            Error::BodyTooLong => 413,
            Error::Timeout => 408,
            Error::TargetTooLong => 414,
            Error::Expectation => 417,
            Error::Internal => 500,
            Error::MethodTooLong | Error::Coding | Error::Modifier(_) | Error::Unsupported => 501,
            Error::Upstream
            | Error::NoResponse
            | Error::HeadCut
            | Error::EmptyHead
            | Error::BadStatus
            | Error::Interim(_)
            | Error::StatusLine
            | Error::TransferEncoding
            | Error::TooManyInterim
            | Error::Switch
            | Error::Surplus
            | Error::Unasked => 502,
            Error::HttpVersion | Error::Http2Preface => 505,
            Error::Overloaded => 503,
            Error::UpstreamTimeout => 504,
            _ => 400,
        }
    }

    /// The section of the specification that was broken; empty where none is
    /// (limits, and our own reasons).
    ///
    /// ```
    /// assert_eq!(vestibule::Error::BadPair.section(), "FastCGI 1.0, 3.4");
    /// ```
    pub const fn section(&self) -> &'static str {
        match self {
            Error::Version(_) | Error::NullId | Error::DuplicateId(_) | Error::UnknownId(_) => {
                "FastCGI 1.0, 3.3"
            }
            Error::RecordLength(_) => "FastCGI 1.0, 5.1 and 5.5",
            Error::OutOfOrder(_) => "FastCGI 1.0, 6",
            Error::BadPair => "FastCGI 1.0, 3.4",
            Error::ContentLength => "RFC 3875, 4.1.2 and RFC 9110, 8.6",
            Error::LengthNotFirst
            | Error::Netstring
            | Error::ScgiVersion
            | Error::DuplicateVariable => "SCGI, 3",
            Error::BadVariable => "SCGI, 3 and uwsgi protocol, The uwsgi vars",
            Error::Modifier(_) => "uwsgi protocol, Packet descriptions",
            Error::NoMethod => "RFC 3875, 4.1.12",
            Error::BodyExcess | Error::BodyShort => "RFC 3875, 4.2",
            Error::NoResponse => "RFC 3875, 6",
            Error::HeadCut | Error::EmptyHead => "RFC 3875, 6.2",
            Error::StatusLine => "RFC 3875, 6.2 and RFC 9112, 4",
            Error::BadField | Error::Folding => "RFC 3875, 6.3 and RFC 9112, 5",
            Error::DuplicateField => "RFC 3875, 6.3",
            Error::BadValue => "RFC 9110, 5.5",
            Error::BadStatus | Error::Interim(_) => "RFC 3875, 6.3.3",
            Error::TransferEncoding => "RFC 3875, 6.3.4",
            Error::RequestLine => "RFC 9112, 3",
            Error::Target | Error::Host => "RFC 9112, 3.2",
            Error::HttpVersion => "RFC 9110, 2.5",
            Error::Http2Preface => "RFC 9113, 3.4",
            Error::Framing => "RFC 9112, 6",
            Error::Coding => "RFC 9112, 6.1",
            Error::Chunk => "RFC 9112, 7.1",
            Error::ChunkExtension => "RFC 9112, 7.1.1",
            Error::Trailer => "RFC 9110, 6.5.1",
            Error::Expectation => "RFC 9110, 10.1.1",
            Error::Switch => "RFC 9110, 15.2.2",
            Error::Surplus => "RFC 9112, 9.2",
            Error::ProxySignature => "PROXY protocol, 2",
            Error::ProxyLine => "PROXY protocol, 2.1",
            Error::ProxyHeader | Error::ProxyTlv => "PROXY protocol, 2.2",
            Error::ProxyChecksum => "PROXY protocol, 2.2.3",
            Error::Magic(_) => "AJPv13, Basic Packet Structure",
            Error::GetBodyChunk => "AJPv13, Get Body Chunk",
            Error::PacketType(_) => "AJPv13, Packet types",
            Error::BadPacket => "AJPv13, Data Types",
            Error::HeaderCode(_) => "AJPv13, Request and Response Packet Structure",
            Error::MethodCode(_) => "AJPv13, method",
            Error::AttributeCode(_)
            | Error::DuplicateAttribute(_)
            | Error::Attribute
            | Error::Secret => "AJPv13, Attributes",
            _ => "",
        }
    }

    const fn text(&self) -> &'static str {
        match self {
            Error::Version(_) => "unsupported record version",
            Error::NullId => "BEGIN_REQUEST with request id 0",
            Error::DuplicateId(_) => "BEGIN_REQUEST for an active request id",
            Error::UnknownId(_) => "record for a request id that is not active",
            Error::RecordLength(_) => "record too short for its type",
            Error::OutOfOrder(_) => "record type not allowed now",
            Error::BadPair => "malformed name-value pair",
            Error::StrayRecords => "too many stray records",
            Error::IdleRecords => "too many records that carry nothing",
            Error::ManagementRecords => "too many management records",
            Error::HeadTooLong => "head too long",
            Error::TooManyFields => "too many fields in the head",
            Error::BodyTooLong => "body too long",
            Error::LineTooLong => "head line too long",
            Error::ContentLength => "malformed or conflicting content length",
            Error::LengthNotFirst => "CONTENT_LENGTH is not the first variable",
            Error::Netstring => "malformed netstring",
            Error::ScgiVersion => "no SCGI variable of value 1",
            Error::BadVariable => "malformed variable",
            Error::DuplicateVariable => "variable given twice",
            Error::Modifier(_) => "uwsgi packet type not enabled",
            Error::HttpRequest => "HTTP client on a port of another protocol",
            Error::TlsHandshake => "TLS client on a port without TLS",
            Error::NameTooLong => "name too long",
            Error::ServerVariable => "variable for the uWSGI server",
            Error::NoMethod => "no REQUEST_METHOD",
            Error::BodyExcess => "body longer than its declared length",
            Error::BodyShort => "body shorter than its declared length",
            Error::NoResponse => "no response at all",
            Error::HeadCut => "response ended inside its head",
            Error::EmptyHead => "response head without a field",
            Error::BadField => "malformed header field",
            Error::Folding => "folded header line",
            Error::BadValue => "forbidden byte in a field value",
            Error::BadStatus => "malformed status",
            Error::Interim(_) => "interim status not allowed",
            Error::StatusLine => "status line where it does not belong, or none where one must be",
            Error::DuplicateField => "field given twice",
            Error::TransferEncoding => "Transfer-Encoding in a CGI response",
            Error::RequestLine => "malformed request line",
            Error::MethodTooLong => "method too long",
            Error::TargetTooLong => "request target too long",
            Error::Target => "malformed request target, or not one of this method",
            Error::HttpVersion => "unsupported HTTP version",
            Error::Http2Preface => "HTTP/2 preface",
            Error::Host => "missing, repeated, malformed or contradicted Host",
            Error::Framing => "ambiguous body framing",
            Error::Coding => "transfer coding not implemented",
            Error::Chunk => "malformed chunk",
            Error::ChunkExtension => "chunk extensions too long",
            Error::Trailer => "field not allowed as a trailer",
            Error::Expectation => "unknown expectation",
            Error::TooManyInterim => "too many interim answers",
            Error::Switch => "switch of protocols that was not asked for",
            Error::Surplus => "bytes after the answer",
            Error::Unasked => "bytes with no request open",
            Error::ProxySignature => "no PROXY header",
            Error::ProxyLine => "malformed PROXY header, version 1",
            Error::ProxyHeader => "malformed PROXY header, version 2",
            Error::ProxyTooLong => "PROXY header too long",
            Error::ProxyTlv => "malformed TLV of a PROXY header",
            Error::ProxyChecksum => "wrong checksum of a PROXY header",
            Error::Magic(_) => "not an AJP packet of this direction",
            Error::PacketTooLong => "AJP packet too long",
            Error::PacketType(_) => "AJP packet of a type not allowed now",
            Error::BadPacket => "malformed AJP packet",
            Error::HeaderCode(_) => "unassigned header code",
            Error::MethodCode(_) => "unassigned or contradicted method code",
            Error::AttributeCode(_) => "unassigned attribute code",
            Error::DuplicateAttribute(_) => "attribute given twice",
            Error::Attribute => "request attribute not allowed",
            Error::TooManyAttributes => "too many request attributes",
            Error::Secret => "secret missing or wrong",
            Error::GetBodyChunk => "GET_BODY_CHUNK for nothing, or out of turn",
            Error::TooManyDemands => "too many GET_BODY_CHUNK behind the end of the body",
            Error::TooManyFlushes => "too many flushes in a row",
            Error::Eof => "connection ended",
            Error::Unsupported => "not supported",
            Error::LengthRequired => "body without a declared length",
            Error::Overloaded => "overloaded",
            Error::Upstream => "upstream failed",
            Error::Timeout => "timed out",
            Error::UpstreamTimeout => "upstream timed out",
            Error::Internal => "internal error",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())?;
        match self {
            Error::Version(n)
            | Error::RecordLength(n)
            | Error::OutOfOrder(n)
            | Error::PacketType(n)
            | Error::HeaderCode(n)
            | Error::MethodCode(n)
            | Error::AttributeCode(n)
            | Error::DuplicateAttribute(n)
            | Error::Modifier(n) => write!(f, " ({n})")?,
            Error::Magic(n) => write!(f, " ({n:#06x})")?,
            Error::DuplicateId(n) | Error::UnknownId(n) | Error::Interim(n) => write!(f, " ({n})")?,
            _ => {}
        }
        match self.section() {
            "" => Ok(()),
            section => write!(f, " [{section}]"),
        }
    }
}

impl core::error::Error for Error {}

/// The caller asked for something that cannot be done now or at all. The
/// machine's state did not change, and no byte is to be written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Refused {
    /// Not in this state of the exchange.
    State,
    /// No exchange has this id.
    UnknownId,
    /// No room for another exchange.
    Full,
    /// The lent room is too small.
    Room {
        /// How many bytes would do.
        need: usize,
    },
    /// More than the declared length, or than one message may carry.
    TooLong,
    /// A field's name or value cannot be sent: a forbidden byte, a name that
    /// the machine itself writes, or two names that become one.
    Field,
    /// A status that cannot be sent here.
    Status,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::State => "not in this state",
            Refused::UnknownId => "no such exchange",
            Refused::Full => "no free exchange",
            Refused::Room { .. } => "room too small",
            Refused::TooLong => "too long",
            Refused::Field => "field cannot be sent",
            Refused::Status => "status cannot be sent",
        })?;
        match self {
            Refused::Room { need } => write!(f, ": {need} bytes needed"),
            _ => Ok(()),
        }
    }
}

impl core::error::Error for Refused {}

/// The caller's storage is full. The machine goes on regardless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("field storage full")
    }
}

impl core::error::Error for Overflow {}
