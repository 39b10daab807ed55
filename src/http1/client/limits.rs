//! What a client machine allows.

use crate::http1::head::Bounds;
use crate::http1::rules::Rules;
use crate::limits::{Limits as Common, limits};

limits! {
    /// Limits of a [`Client`](super::Client).
    ///
    /// ```
    /// use vestibule::http1::{Client, ClientLimits};
    /// let limits = ClientLimits::DEFAULT.head_bytes(16 * 1024).interim(4);
    /// let client = Client::with_limits(limits);
    /// # let _ = client;
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct Limits {
        /// Of each answer. All its heads and the trailers count as head.
        /// [`fields`](Common::fields) is 100 by default.
        pub common: Common = Common::DEFAULT.fields(100),
        /// Bytes of a status line, header or trailer line, its end included.
        /// Default 8,190. Broken: [`Error::LineTooLong`](crate::Error::LineTooLong).
        pub line_bytes: u32 = 8_190,
        /// Bytes of the extensions of one chunk. Default 4,096.
        /// Broken: [`Error::ChunkExtension`](crate::Error::ChunkExtension).
        pub extension_bytes: u32 = 4_096,
        /// Bytes of all chunk extensions of an answer. Default 16,384.
        /// Broken: [`Error::ChunkExtension`](crate::Error::ChunkExtension).
        pub extensions_bytes: u32 = 16_384,
        /// Bytes of the trailers, within what is left of `head_bytes`. Default
        /// 16,384. Broken: [`Error::HeadTooLong`](crate::Error::HeadTooLong).
        pub trailer_bytes: u32 = 16_384,
        /// Trailer fields, within what is left of `fields`. Default 32.
        /// Broken: [`Error::TooManyFields`](crate::Error::TooManyFields).
        pub trailer_fields: u32 = 32,
        /// Interim answers before the final one. Default 16.
        /// Broken: [`Error::TooManyInterim`](crate::Error::TooManyInterim).
        pub interim: u8 = 16,
        /// Empty lines between two answers. Default 2.
        /// Broken: [`Error::Surplus`](crate::Error::Surplus).
        pub blank_lines: u8 = 2,
    }
}

impl Limits {
    pub(super) const fn bounds(&self, rules: Rules) -> Bounds {
        Bounds {
            line_bytes: self.line_bytes,
            extension_bytes: self.extension_bytes,
            trailer_bytes: self.trailer_bytes,
            trailer_fields: self.trailer_fields,
            rules,
        }
    }
}
