//! What a client machine allows.

use crate::cgi::response::Rules;

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
    /// What is accepted as an answer, and how much of it.
    pub cgi: Rules,
    /// Bytes of STDERR that are passed on for each request. Default 1 MiB. No
    /// error: what goes beyond is skipped, and counted by
    /// [`log_dropped`](super::Client::log_dropped).
    pub log_bytes: u32,
    /// Records of a connection that nobody asked for: of the wrong direction or
    /// an unknown type, for an id that is free, output after its end. Default
    /// 100. Broken: [`Error::StrayRecords`](crate::Error::StrayRecords).
    pub stray_records: u32,
    /// Records in a row that come to nothing, such as repeated ends of
    /// streams. Default 1,000.
    /// Broken: [`Error::IdleRecords`](crate::Error::IdleRecords).
    pub idle_records: u32,
}

impl Limits {
    /// The defaults named at each field; strict rules.
    pub const DEFAULT: Limits = Limits {
        cgi: Rules::STRICT,
        log_bytes: 1 << 20,
        stray_records: 100,
        idle_records: 1000,
    };

    /// Sets what is accepted as an answer; those limits too.
    #[must_use]
    pub const fn cgi(mut self, rules: Rules) -> Self {
        self.cgi = rules;
        self
    }

    /// Sets [`Limits::head_bytes`](crate::Limits::head_bytes) of the answer.
    #[must_use]
    pub const fn head_bytes(mut self, n: u32) -> Self {
        self.cgi.limits.head_bytes = n;
        self
    }

    /// Sets [`Limits::fields`](crate::Limits::fields) of the answer.
    #[must_use]
    pub const fn fields(mut self, n: u32) -> Self {
        self.cgi.limits.fields = n;
        self
    }

    /// Sets [`Limits::body_bytes`](crate::Limits::body_bytes) of the answer.
    #[must_use]
    pub const fn body_bytes(mut self, n: u64) -> Self {
        self.cgi.limits.body_bytes = n;
        self
    }

    /// Sets [`log_bytes`](Self::log_bytes).
    #[must_use]
    pub const fn log_bytes(mut self, n: u32) -> Self {
        self.log_bytes = n;
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
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
