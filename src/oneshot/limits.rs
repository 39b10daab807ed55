//! What a server machine of one request on a connection allows.

use crate::limits::Limits as Common;

/// Limits of a server of SCGI, uwsgi or CGI.
///
/// ```
/// use vestibule::scgi::{Server, ServerLimits};
/// let limits = ServerLimits::DEFAULT.body_bytes(1 << 20).head_bytes(8_192);
/// let server = Server::with_limits(limits);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ServerLimits {
    /// Of the request: the block of variables, by its announced length where
    /// the protocol has one; and the body, by CONTENT_LENGTH.
    pub common: Common,
    /// Bytes that are read and dropped while the peer's close is awaited,
    /// counted by input. Default 64 MiB. Broken: no error,
    /// [`after`](crate::Status::after) says `Close`.
    pub linger_bytes: u32,
}

impl ServerLimits {
    /// The defaults named at each field.
    pub const DEFAULT: ServerLimits = ServerLimits {
        common: Common::DEFAULT,
        linger_bytes: 1 << 26,
    };

    /// Sets [`Limits::head_bytes`](crate::Limits::head_bytes).
    #[must_use]
    pub const fn head_bytes(mut self, n: u32) -> Self {
        self.common.head_bytes = n;
        self
    }

    /// Sets [`Limits::fields`](crate::Limits::fields).
    #[must_use]
    pub const fn fields(mut self, n: u32) -> Self {
        self.common.fields = n;
        self
    }

    /// Sets [`Limits::body_bytes`](crate::Limits::body_bytes). A declared
    /// length beyond it is refused at once.
    #[must_use]
    pub const fn body_bytes(mut self, n: u64) -> Self {
        self.common.body_bytes = n;
        self
    }

    /// Sets [`linger_bytes`](Self::linger_bytes).
    #[must_use]
    pub const fn linger_bytes(mut self, n: u32) -> Self {
        self.linger_bytes = n;
        self
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
