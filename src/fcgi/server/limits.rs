//! What a server machine allows, and what it says of itself.

use crate::limits::{Limits as Common, limits};

limits! {
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
        pub common: Common = Common::DEFAULT,
        /// Records of a connection that no conforming peer sends: of the wrong
        /// direction, or of an unknown type. Default 100.
        /// Broken: [`Error::StrayRecords`](crate::Error::StrayRecords).
        pub stray_records: u32 = 100,
        /// Records in a row that come to nothing: input of requests that are
        /// over, and repeated ends of streams. Default 1,048,576.
        /// Broken: [`Error::IdleRecords`](crate::Error::IdleRecords).
        pub idle_records: u32 = 1 << 20,
        /// Management records between two BEGIN_REQUEST. Default 100.
        /// Broken: [`Error::ManagementRecords`](crate::Error::ManagementRecords).
        pub management_records: u32 = 100,
        /// Bytes that are read and dropped while the peer's close is awaited,
        /// counted by input. Default 64 MiB. Broken: no error,
        /// [`after`](crate::Status::after) says `Close`.
        pub linger_bytes: u32 = 1 << 26,
    }
    setters of common: head " of PARAMS.",
        body " of STDIN; those\nof DATA are counted apart, with the same bound.";
}
