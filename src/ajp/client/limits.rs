//! What a client machine allows.

use super::rules::Rules;
use crate::ajp::packet;
use crate::ajp::reply::Bounds;
use crate::limits::Limits as Common;

/// Limits of a [`Client`](super::Client).
///
/// ```
/// use vestibule::ajp::{Client, ClientLimits};
/// let limits = ClientLimits::DEFAULT.packet_bytes(65_536).flushes(16);
/// let client = Client::new().limits(limits);
/// # let _ = client;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// Of each answer. The packets of all its heads count as head.
    /// [`fields`](Common::fields) is 100 by default.
    pub common: Common,
    /// Bytes of a packet, its header included, both ways; 8,192 to 65,536, and
    /// the nearest of them where it is another number. The container must have
    /// the same, since nothing tells. Default 8,192.
    /// Broken: [`Error::PacketTooLong`](crate::Error::PacketTooLong).
    pub packet_bytes: u32,
    /// SEND_BODY_CHUNK without data, in a row. Default 1,024.
    /// Broken: [`Error::TooManyFlushes`](crate::Error::TooManyFlushes).
    pub flushes: u16,
    /// GET_BODY_CHUNK behind the end of the request's body, which some send
    /// once. Default 16.
    /// Broken: [`Error::TooManyDemands`](crate::Error::TooManyDemands).
    pub late_demands: u8,
}

impl Limits {
    /// The defaults named at each field.
    pub const DEFAULT: Limits = Limits {
        common: Common::DEFAULT.fields(100),
        packet_bytes: packet::MIN_PACKET,
        flushes: 1024,
        late_demands: 16,
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

    /// Sets [`flushes`](Self::flushes).
    #[must_use]
    pub const fn flushes(mut self, n: u16) -> Self {
        self.flushes = n;
        self
    }

    /// Sets [`late_demands`](Self::late_demands).
    #[must_use]
    pub const fn late_demands(mut self, n: u8) -> Self {
        self.late_demands = n;
        self
    }

    pub(super) const fn bounds(&self, rules: Rules) -> Bounds {
        Bounds {
            most: packet::payload(self.packet_bytes),
            missing_pad: rules.allows_missing_pad(),
            any_status: rules.allows_any_status(),
            interim: rules.allows_interim(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
