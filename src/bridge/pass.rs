//! Which fields pass from one side to the other. RFC 9110, 7.6.1.

use crate::cgi::response::forwardable;
use crate::event::{Field, Space};
use crate::fields::Pairs;

/// What passes a bridge, and how often a request is tried.
///
/// Of header fields, never passed on are those that are for one connection:
/// Connection and the ones that it names (but for those that nobody may take
/// away: Host, Cookie, Authorization, Content-Type, X-Forwarded-For and the
/// like), Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding,
/// Upgrade, HTTP2-Settings; Content-Length, since framing is each machine's
/// own; of a request Expect, which the bridge answers, and Proxy, which
/// libraries would take for their own proxy; of an answer Status and
/// `X-CGI-*`, which are for the server (RFC 3875, 6.3.3 and 6.3.5). All others
/// pass unchanged, Via among them. Variables pass, GATEWAY_INTERFACE among
/// them, since it names the dialect that all of them are of. Which of them the
/// wire behind carries, its client machine says: none that says what another
/// wire is (SCGI, FCGI_ROLE), UWSGI_* by its switch alone. Attributes do not
/// pass.
///
/// An answer with another transfer coding than `chunked` is refused (502):
/// its body would be taken for what it is not.
///
/// ```
/// use vestibule::bridge::Policy;
/// const POLICY: Policy = Policy::STRICT.odd_names(true).attempts(3);
/// assert_ne!(POLICY, Policy::STRICT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Policy {
    odd_names: bool,
    pub(super) attempts: u8,
}

impl Policy {
    /// Header fields with odd names are dropped; two attempts.
    pub const STRICT: Policy = Policy {
        odd_names: false,
        attempts: 2,
    };

    /// Whether header fields of a request pass whose names have other bytes
    /// than letters, digits and `-`. Off: they are dropped, as web servers do.
    ///
    /// Opens: where what stands behind makes variables of fields, `X_A` and
    /// `X-A` are one, so that a client can give what only a proxy should.
    /// Needed: by applications behind HTTP that use such names.
    #[must_use]
    pub const fn odd_names(mut self, on: bool) -> Self {
        self.odd_names = on;
        self
    }

    /// How many backs a request is given to, at least one. Default 2. It is
    /// given to another only where no byte of its body was passed on and the
    /// client machine says that it is safe.
    #[must_use]
    pub const fn attempts(mut self, n: u8) -> Self {
        self.attempts = if n == 0 { 1 } else { n };
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::STRICT
    }
}

/// The lengths of the names that mean something here, as bits.
const LENGTHS: u32 = 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 14 | 1 << 16 | 1 << 17;

#[inline]
fn may_mean(name: &[u8]) -> bool {
    let n = u32::try_from(name.len()).unwrap_or(u32::MAX);
    n < u32::BITS && LENGTHS.wrapping_shr(n) & 1 != 0
}

/// Whether the name is one of a field for the connection, or of the framing;
/// of a request also one that is not passed on.
#[inline(never)]
fn for_us(name: &[u8], what: What) -> bool {
    let known: &[&[u8]] = match name.len() {
        2 => &[b"te"],
        5 if what == What::Request => &[b"proxy"],
        6 if what == What::Request => &[b"expect"],
        7 => &[b"upgrade", b"trailer"],
        10 => &[b"connection", b"keep-alive"],
        14 => &[b"content-length", b"http2-settings"],
        16 => &[b"proxy-connection"],
        17 => &[b"transfer-encoding"],
        _ => return false,
    };
    known.iter().any(|k| k.eq_ignore_ascii_case(name))
}

/// Whether Connection may not take the field away: the peer behind, or the
/// client, would see another message than was meant, or not learn what a proxy
/// has said of it.
fn kept(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 12] = [
        b"host",
        b"cookie",
        b"set-cookie",
        b"authorization",
        b"location",
        b"date",
        b"vary",
        b"cache-control",
        b"range",
        b"forwarded",
        b"via",
        b"x-real-ip",
    ];
    const FAMILIES: [&[u8]; 2] = [b"content-", b"x-forwarded-"];
    let begins = |family: &&[u8]| {
        name.get(..family.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(family))
    };
    NAMES.iter().any(|k| k.eq_ignore_ascii_case(name)) || FAMILIES.iter().any(begins)
}

/// Whether the options of a Connection field name other fields.
fn names_fields(value: &[u8]) -> bool {
    members(value).any(|m| {
        let known: [&[u8]; 4] = [b"close", b"keep-alive", b"upgrade", b"te"];
        !known.iter().any(|k| k.eq_ignore_ascii_case(m))
    })
}

fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|b| *b == b',')
        .map(|m| m.trim_ascii())
        .filter(|m| !m.is_empty())
}

/// What of a head or of trailers passes. Looked at once, since encoders walk
/// it several times.
#[derive(Clone, Debug)]
pub(super) struct Passing<'a> {
    rest: Pairs<'a>,
    /// Place of the next field, and which of the first 64 pass.
    at: u32,
    passes: u64,
    /// All fields, where Connection names some.
    named: Option<Pairs<'a>>,
    what: What,
    odd_names: bool,
    date: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Request,
    Answer,
    Trailers,
}

impl<'a> Passing<'a> {
    /// The trait's own `None` where the body is coded in a way that the other
    /// side would not be told.
    #[inline]
    fn of(all: Pairs<'a>, what: What, odd_names: bool, date: Option<&'a [u8; 29]>) -> Option<Self> {
        let mut passing = Passing {
            rest: all,
            at: 0,
            passes: 0,
            named: None,
            what,
            odd_names,
            date: date.map(|date| &date[..]),
        };
        let (mut at, mut named) = (0u32, false);
        for field in all {
            let name = field.name;
            if what != What::Trailers && field.space == Space::Header {
                match name.len() {
                    4 if name.eq_ignore_ascii_case(b"date") => passing.date = None,
                    10 => named = named || is_connection(name) && names_fields(field.value),
                    17 if what == What::Answer && is_coded(&field) => return None,
                    _ => {}
                }
            }
            let passes = u64::from(passing.basic(&field));
            passing.passes |= passes.wrapping_shl(at);
            at = at.saturating_add(1);
            if at >= u64::BITS {
                break;
            }
        }
        if at >= u64::BITS || named {
            return passing.unusual(all);
        }
        Some(passing)
    }

    /// Where Connection names fields, or there are many.
    #[cold]
    #[inline(never)]
    fn unusual(mut self, all: Pairs<'a>) -> Option<Self> {
        if self.what == What::Trailers {
            return Some(self);
        }
        let mut headers = all.filter(|f| f.space == Space::Header);
        if self.what == What::Answer && headers.clone().any(|f| is_coded(&f)) {
            return None;
        }
        if headers
            .clone()
            .any(|f| f.name.eq_ignore_ascii_case(b"date"))
        {
            self.date = None;
        }
        if headers.any(|f| is_connection(f.name) && names_fields(f.value)) {
            self.named = Some(all);
            // Each is looked at as it comes.
            self.at = u64::BITS;
        }
        Some(self)
    }

    pub fn request(all: Pairs<'a>, policy: Policy) -> Self {
        Self::of(all, What::Request, policy.odd_names, None).unwrap_or(Self::NOTHING)
    }

    /// With a Date behind, if there is none. Nothing where the body is coded
    /// in a way that the other side would not be told.
    pub fn answer(all: Pairs<'a>, date: Option<&'a [u8; 29]>) -> Option<Self> {
        Self::of(all, What::Answer, true, date)
    }

    /// Without a look at Connection: it is no part of a trailer section.
    pub fn trailers(all: Pairs<'a>) -> Self {
        Self::of(all, What::Trailers, true, None).unwrap_or(Self::NOTHING)
    }

    const NOTHING: Passing<'static> = Passing {
        rest: Pairs::EMPTY,
        at: 0,
        passes: 0,
        named: None,
        what: What::Trailers,
        odd_names: true,
        date: None,
    };

    /// Whether it passes, if Connection does not name it.
    #[inline]
    fn basic(&self, field: &Field<'a>) -> bool {
        let name = field.name;
        match (self.what, field.space) {
            (What::Request, Space::Var) => true,
            (What::Request, Space::Header) => {
                !(may_mean(name) && for_us(name, self.what)) && (self.odd_names || plain(name))
            }
            (What::Answer, Space::Header) => {
                !(may_mean(name) && for_us(name, self.what)) && forwardable(name)
            }
            // With odd names neither way: none is known that would be needed.
            (What::Trailers, Space::Trailer) => !for_us(name, self.what) && plain(name),
            _ => false,
        }
    }

    #[cold]
    fn looked_at(&self, field: &Field<'a>) -> bool {
        self.basic(field)
            && (field.space != Space::Header || kept(field.name) || !self.is_named(field.name))
    }

    fn is_named(&self, name: &[u8]) -> bool {
        self.named.is_some_and(|all| {
            all.filter(|f| f.space == Space::Header && is_connection(f.name))
                .flat_map(|f| members(f.value))
                .any(|member| member.eq_ignore_ascii_case(name))
        })
    }
}

/// Whether it is a transfer coding that is not undone.
fn is_coded(field: &Field<'_>) -> bool {
    field.name.eq_ignore_ascii_case(b"transfer-encoding")
        && members(field.value).any(|m| !m.eq_ignore_ascii_case(b"chunked"))
}

/// Letters, digits and `-` alone.
fn plain(name: &[u8]) -> bool {
    name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

impl<'a> Iterator for Passing<'a> {
    type Item = Field<'a>;

    #[inline]
    fn next(&mut self) -> Option<Field<'a>> {
        while let Some(field) = self.rest.next() {
            let passes = if self.at < u64::BITS {
                let bit = self.passes.wrapping_shr(self.at) & 1;
                self.at = self.at.wrapping_add(1);
                bit != 0
            } else {
                self.looked_at(&field)
            };
            if passes {
                return Some(field);
            }
        }
        self.date.take().map(|date| Field::header(b"Date", date))
    }
}

fn is_connection(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"connection")
}

/// What the head of a request says that the bridge must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// CONNECT. RFC 9110, 9.3.6.
    Tunnel,
    /// One whose requests have no body, but for a few: a body of unknown
    /// length is most often none, where the wire has no other way to say so.
    /// RFC 9110, 9.3.
    Bare,
    /// Any other, or a client that waits for leave to send a body.
    Other,
}

impl Method {
    pub fn of(all: Pairs<'_>) -> Method {
        let (mut bare, mut expects) = (false, false);
        for field in all {
            match (field.space, field.name.len()) {
                (Space::Var, 14) if field.name == b"REQUEST_METHOD" => match field.value {
                    b"CONNECT" => return Method::Tunnel,
                    b"GET" | b"HEAD" | b"DELETE" | b"OPTIONS" | b"TRACE" => bare = true,
                    _ => {}
                },
                (Space::Var, 11) => expects = expects || field.name == b"HTTP_EXPECT",
                (Space::Header, 6) => {
                    expects = expects || field.name.eq_ignore_ascii_case(b"expect");
                }
                _ => {}
            }
        }
        if bare && !expects {
            Method::Bare
        } else {
            Method::Other
        }
    }
}

/// The target of a redirect inside the server. RFC 3875, 6.2.2.
pub(super) fn location(mut all: Pairs<'_>) -> Option<&[u8]> {
    let found = all.find(|f| f.space == Space::Header && f.name.eq_ignore_ascii_case(b"location"));
    found.map(|f| f.value).filter(|v| v.starts_with(b"/"))
}
