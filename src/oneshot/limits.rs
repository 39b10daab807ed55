//! What a server machine of one request on a connection allows.

use crate::limits::{Limits as Common, limits};

limits! {
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
        pub common: Common = Common::DEFAULT,
        /// Bytes that are read and dropped while the peer's close is awaited,
        /// counted by input. Default 64 MiB. Broken: no error,
        /// [`after`](crate::Status::after) says `Close`.
        pub linger_bytes: u32 = 1 << 26,
    }
}
