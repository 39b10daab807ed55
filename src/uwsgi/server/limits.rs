//! What a uwsgi server machine allows.

use crate::limits::Limits as Common;
use crate::oneshot::ServerLimits;

/// Limits of a [`Server`](super::Server).
///
/// ```
/// use vestibule::uwsgi::{Server, ServerLimits};
/// // As uWSGI has it by default.
/// let limits = ServerLimits::DEFAULT.head_bytes(4_096).fields(64);
/// let server = Server::with_limits(limits);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// Of the request: the block of variables, as soon as its header is read
    /// (no packet can say more than 65,535 bytes), and the body, by
    /// CONTENT_LENGTH.
    pub common: Common,
    /// Bytes of one name. Default 256.
    /// Broken: [`Error::NameTooLong`](crate::Error::NameTooLong).
    pub name_bytes: u16,
    /// Bytes that are read and dropped while the peer's close is awaited,
    /// counted by input. Default 64 MiB. Broken: no error,
    /// [`after`](crate::Status::after) says `Close`.
    pub linger_bytes: u32,
}

impl Limits {
    /// The defaults named at each field.
    pub const DEFAULT: Limits = Limits {
        common: Common::DEFAULT,
        name_bytes: 256,
        linger_bytes: ServerLimits::DEFAULT.linger_bytes,
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

    /// Sets [`name_bytes`](Self::name_bytes).
    #[must_use]
    pub const fn name_bytes(mut self, n: u16) -> Self {
        self.name_bytes = n;
        self
    }

    /// Sets [`linger_bytes`](Self::linger_bytes).
    #[must_use]
    pub const fn linger_bytes(mut self, n: u32) -> Self {
        self.linger_bytes = n;
        self
    }

    pub(super) const fn shared(&self) -> ServerLimits {
        ServerLimits {
            common: self.common,
            linger_bytes: self.linger_bytes,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
