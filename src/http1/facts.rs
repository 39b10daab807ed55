//! What a head says, a bit each. Lives from a request's first byte until the
//! exchange is over, since the answer's framing depends on it.

/// A set of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts(u32);

macro_rules! facts {
    ($($(#[$doc:meta])* $name:ident = $bit:literal;)*) => {
        impl Facts {$(
            $(#[$doc])*
            pub(crate) const $name: Facts = Facts(1 << $bit);
        )*}
    };
}

facts! {
    /// The method is HEAD.
    HEAD = 0;
    /// The method is CONNECT.
    CONNECT = 1;
    /// The method is OPTIONS.
    OPTIONS = 2;
    /// The method may be repeated (RFC 9110, 9.2.2).
    IDEMPOTENT = 3;
    /// The request's (server) or the answer's (client) version is 1.1 or a
    /// later 1.x; else it is 1.0.
    V11 = 4;
    /// Connection has `close`.
    CLOSE = 5;
    /// Connection has `keep-alive`.
    KEEP = 6;
    /// Connection has `upgrade`.
    UPGRADE = 7;
    /// There is an Upgrade field.
    PROTOCOL = 8;
    /// TE has `trailers`.
    TRAILERS = 9;
    /// Expect has `100-continue`, and it counts.
    EXPECT = 10;
    /// 100 Continue was sent (server) or has come (client).
    /// Or (server) a byte of the body has come without it.
    CONTINUED = 11;
    /// There is a Host field.
    HOST = 12;
    /// There are several.
    HOST_AGAIN = 13;
    /// One of them is no host.
    HOST_BAD = 14;
    /// There is a Content-Length with a number.
    LENGTH = 15;
    /// There are two, and that is an error.
    LENGTH_AGAIN = 16;
    /// One of them is no number.
    LENGTH_BAD = 17;
    /// One of them is a number past all bounds.
    LENGTH_OVER = 18;
    /// There is a Transfer-Encoding field.
    CODED = 19;
    /// Its last coding is chunked.
    CHUNKED = 20;
    /// It is malformed, or chunked is not the last coding alone.
    CODING_BAD = 21;
    /// It has a coding that has a name, but is not implemented.
    CODING_KNOWN = 22;
    /// It has a coding without a name, or one with parameters.
    CODING_UNKNOWN = 23;
    /// Expect has something other than `100-continue`.
    EXPECT_BAD = 24;
    /// A byte of the answer has come (client).
    ANSWERED = 25;
    /// We gave the request up (client).
    ABORTED = 26;
    /// HTTP ends with this head (client).
    SWITCH = 27;
    /// The byte before was CR.
    CR = 28;
    /// There was a field line.
    ANY = 29;
    /// The method is that of the HTTP/2 preface.
    PRI = 30;
    /// The target has none of the forms that the method may have.
    TARGET_BAD = 31;
}

impl Facts {
    pub(crate) const NONE: Facts = Facts(0);

    /// Whether all of `other` hold.
    #[inline]
    pub(crate) const fn has(self, other: Facts) -> bool {
        self.0 & other.0 == other.0
    }

    #[inline]
    pub(crate) const fn with(self, other: Facts) -> Facts {
        Facts(self.0 | other.0)
    }

    #[inline]
    pub(crate) fn set(&mut self, other: Facts) {
        self.0 |= other.0;
    }

    /// Those that are not among `other`.
    #[inline]
    pub(crate) const fn without(self, other: Facts) -> Facts {
        Facts(self.0 & !other.0)
    }

    /// Those that are among `other` too.
    #[inline]
    pub(crate) const fn only(self, other: Facts) -> Facts {
        Facts(self.0 & other.0)
    }

    /// Whether any of `other` holds.
    #[inline]
    pub(crate) const fn any(self, other: Facts) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the sender of this head lets the connection live. RFC 9112, 9.3.
    pub(crate) const fn persists(self) -> bool {
        !self.has(Facts::CLOSE) && (self.has(Facts::V11) || self.has(Facts::KEEP))
    }
}
