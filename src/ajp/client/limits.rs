//! What a client machine allows.

use super::rules::Rules;
use crate::ajp::packet;
use crate::ajp::reply::Bounds;
use crate::limits::{Limits as Common, limits};

limits! {
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
        pub common: Common = Common::DEFAULT.fields(100),
        /// Bytes of a packet, its header included, both ways; 8,192 to 65,536, and
        /// the nearest of them where it is another number. The container must have
        /// the same, since nothing tells. Default 8,192.
        /// Broken: [`Error::PacketTooLong`](crate::Error::PacketTooLong).
        pub packet_bytes: u32 = packet::MIN_PACKET,
        /// SEND_BODY_CHUNK without data, in a row. Default 1,024.
        /// Broken: [`Error::TooManyFlushes`](crate::Error::TooManyFlushes).
        pub flushes: u16 = 1024,
        /// GET_BODY_CHUNK behind the end of the request's body, which some send
        /// once. Default 16.
        /// Broken: [`Error::TooManyDemands`](crate::Error::TooManyDemands).
        pub late_demands: u8 = 16,
    }
}

impl Limits {
    pub(super) const fn bounds(&self, rules: Rules) -> Bounds {
        Bounds {
            most: packet::payload(self.packet_bytes),
            missing_pad: rules.allows_missing_pad(),
            any_status: rules.allows_any_status(),
            interim: rules.allows_interim(),
        }
    }
}
