//! What a uwsgi server machine allows.

use crate::limits::{Limits as Common, limits};
use crate::oneshot::ServerLimits;

limits! {
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
        pub common: Common = Common::DEFAULT,
        /// Bytes of one name. Default 256.
        /// Broken: [`Error::NameTooLong`](crate::Error::NameTooLong).
        pub name_bytes: u16 = 256,
        /// Bytes that are read and dropped while the peer's close is awaited,
        /// counted by input. Default 64 MiB. Broken: no error,
        /// [`after`](crate::Status::after) says `Close`.
        pub linger_bytes: u32 = ServerLimits::DEFAULT.linger_bytes,
    }
}

impl Limits {
    pub(super) const fn shared(&self) -> ServerLimits {
        ServerLimits {
            common: self.common,
            linger_bytes: self.linger_bytes,
        }
    }
}
