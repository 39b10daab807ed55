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
    CONTINUED = 11;
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

    /// Whether the sender of this head lets the connection live. RFC 9112, 9.3.
    pub(crate) const fn persists(self) -> bool {
        !self.has(Facts::CLOSE) && (self.has(Facts::V11) || self.has(Facts::KEEP))
    }
}
