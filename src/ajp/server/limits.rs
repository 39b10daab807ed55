//! What a server machine allows.

use crate::ajp::packet;
use crate::limits::Limits as Common;

/// Limits of a [`Server`](super::Server).
///
/// ```
/// use vestibule::ajp::{Server, ServerLimits, ServerRules};
/// let limits = ServerLimits::DEFAULT.packet_bytes(65_536).body_bytes(1 << 20);
/// let server = Server::new(ServerRules::STRICT.secret(b"s3cret")).limits(limits);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// Of each request. Its head is one packet: what that carries counts for
    /// [`head_bytes`](Common::head_bytes). [`fields`](Common::fields) are
    /// header fields, 100 by default.
    pub common: Common,
    /// Bytes of a packet, header included, that are taken and written: 8,192
    /// (the default) to 65,536; out of range, the nearest of the two. The web
    /// server must be set to the same, since nothing is negotiated.
    /// Broken: [`Error::PacketTooLong`](crate::Error::PacketTooLong).
    pub packet_bytes: u32,
    /// Attributes of a request. Default 64.
    /// Broken: [`Error::TooManyAttributes`](crate::Error::TooManyAttributes).
    pub attributes: u16,
    /// Bytes that are read and dropped while the peer's close is awaited.
    /// Default 64 MiB. Broken: no error, [`after`](crate::Status::after) says
    /// `Close`.
    pub linger_bytes: u32,
}

impl Limits {
    /// The defaults named at each field.
    pub const DEFAULT: Limits = Limits {
        common: Common::DEFAULT.fields(100),
        packet_bytes: packet::MIN_PACKET,
        attributes: 64,
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

    /// Sets [`packet_bytes`](Self::packet_bytes).
    #[must_use]
    pub const fn packet_bytes(mut self, n: u32) -> Self {
        self.packet_bytes = n;
        self
    }

    /// Sets [`attributes`](Self::attributes).
    #[must_use]
    pub const fn attributes(mut self, n: u16) -> Self {
        self.attributes = n;
        self
    }

    /// Sets [`linger_bytes`](Self::linger_bytes).
    #[must_use]
    pub const fn linger_bytes(mut self, n: u32) -> Self {
        self.linger_bytes = n;
        self
    }

    /// What a packet may carry.
    pub(super) fn payload(&self) -> u16 {
        packet::payload(self.packet_bytes)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
