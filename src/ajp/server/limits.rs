//! What a server machine allows.

use crate::ajp::packet;
use crate::limits::{Limits as Common, limits};

limits! {
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
        pub common: Common = Common::DEFAULT.fields(100),
        /// Bytes of a packet, header included, that are taken and written: 8,192
        /// (the default) to 65,536; out of range, the nearest of the two. The web
        /// server must be set to the same, since nothing is negotiated.
        /// Broken: [`Error::PacketTooLong`](crate::Error::PacketTooLong); in a
        /// body [`Error::BadPacket`](crate::Error::BadPacket).
        pub packet_bytes: u32 = packet::MIN_PACKET,
        /// Attributes of a request. Default 64.
        /// Broken: [`Error::TooManyAttributes`](crate::Error::TooManyAttributes).
        pub attributes: u16 = 64,
        /// Bytes that are read and dropped while the peer's close is awaited.
        /// Default 64 MiB. Broken: no error, [`after`](crate::Status::after) says
        /// `Close`.
        pub linger_bytes: u32 = 1 << 26,
    }
}

impl Limits {
    /// What a packet may carry.
    pub(super) fn payload(&self) -> u16 {
        packet::payload(self.packet_bytes)
    }
}
