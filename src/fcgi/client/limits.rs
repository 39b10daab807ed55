//! What a client machine allows.

use crate::cgi::response::Rules;
use crate::limits::limits;

limits! {
    /// Limits of a [`Client`](super::Client).
    ///
    /// ```
    /// use vestibule::fcgi::client::{Client, Limits, Slot};
    /// let limits = Limits::DEFAULT.head_bytes(8 * 1024).log_bytes(64 * 1024);
    /// let client = Client::with_limits([Slot::EMPTY; 1], limits);
    /// # let _ = client;
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Limits {
        /// What is accepted as an answer, and how much of it. Default
        /// [`Rules::STRICT`].
        pub cgi: Rules = Rules::STRICT,
        /// Bytes of STDERR that are passed on for each request. Default 1 MiB. No
        /// error: what goes beyond is skipped, and counted by
        /// [`log_dropped`](super::Client::log_dropped).
        pub log_bytes: u32 = 1 << 20,
        /// Records of a connection that nobody asked for: of the wrong direction or
        /// an unknown type, for an id that is free, output after its end. Default
        /// 100. Broken: [`Error::StrayRecords`](crate::Error::StrayRecords).
        pub stray_records: u32 = 100,
        /// Records in a row that come to nothing, such as repeated ends of
        /// streams. Default 1,000.
        /// Broken: [`Error::IdleRecords`](crate::Error::IdleRecords).
        pub idle_records: u32 = 1000,
    }
    setters of cgi.limits: head " of the answer.", body " of the answer.";
}

impl Limits {
    /// Sets what is accepted as an answer; those limits too.
    #[must_use]
    pub const fn cgi(mut self, rules: Rules) -> Self {
        self.cgi = rules;
        self
    }
}
