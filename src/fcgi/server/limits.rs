//! What a server machine allows, and what it says of itself.

use crate::limits::Limits as Common;

/// Limits of a [`Server`](super::Server).
///
/// ```
/// use vestibule::fcgi::{Server, ServerLimits, Slot};
/// let limits = ServerLimits::DEFAULT.body_bytes(1 << 20).idle_records(100);
/// let server = Server::with_limits([Slot::EMPTY; 1], limits);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// Of each request: PARAMS, and STDIN. A record counts whole when its
    /// header has come.
    pub common: Common,
    /// Records of a connection that no conforming peer sends: of the wrong
    /// direction, or of an unknown type. Default 100.
    /// Broken: [`Error::StrayRecords`](crate::Error::StrayRecords).
    pub stray_records: u32,
    /// Records in a row that come to nothing: input of requests that are
    /// over, and repeated ends of streams. Default 1,048,576.
    /// Broken: [`Error::IdleRecords`](crate::Error::IdleRecords).
    pub idle_records: u32,
    /// Management records between two BEGIN_REQUEST. Default 100.
    /// Broken: [`Error::ManagementRecords`](crate::Error::ManagementRecords).
    pub management_records: u32,
    /// Bytes that are read and dropped while the peer's close is awaited,
    /// counted by input. Default 64 MiB. Broken: no error,
    /// [`after`](crate::Status::after) says `Close`.
    pub linger_bytes: u32,
}

impl Limits {
    /// The defaults named at each field.
    pub const DEFAULT: Limits = Limits {
        common: Common::DEFAULT,
        stray_records: 100,
        idle_records: 1 << 20,
        management_records: 100,
        linger_bytes: 1 << 26,
    };

    /// Sets [`Limits::head_bytes`](crate::Limits::head_bytes) of PARAMS.
    #[must_use]
    pub const fn head_bytes(mut self, n: u32) -> Self {
        self.common.head_bytes = n;
        self
    }

    /// Sets [`Limits::fields`](crate::Limits::fields) of PARAMS.
    #[must_use]
    pub const fn fields(mut self, n: u32) -> Self {
        self.common.fields = n;
        self
    }

    /// Sets [`Limits::body_bytes`](crate::Limits::body_bytes) of STDIN; those
    /// of DATA are counted apart, with the same bound.
    #[must_use]
    pub const fn body_bytes(mut self, n: u64) -> Self {
        self.common.body_bytes = n;
        self
    }

    /// Sets [`stray_records`](Self::stray_records).
    #[must_use]
    pub const fn stray_records(mut self, n: u32) -> Self {
        self.stray_records = n;
        self
    }

    /// Sets [`idle_records`](Self::idle_records).
    #[must_use]
    pub const fn idle_records(mut self, n: u32) -> Self {
        self.idle_records = n;
        self
    }

    /// Sets [`management_records`](Self::management_records).
    #[must_use]
    pub const fn management_records(mut self, n: u32) -> Self {
        self.management_records = n;
        self
    }

    /// Sets [`linger_bytes`](Self::linger_bytes).
    #[must_use]
    pub const fn linger_bytes(mut self, n: u32) -> Self {
        self.linger_bytes = n;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
