//! What a server machine allows.

use crate::http1::head::Bounds;
use crate::http1::rules::Rules;
use crate::limits::{Limits as Common, limits};

limits! {
    /// Limits of a [`Server`](super::Server).
    ///
    /// ```
    /// use vestibule::http1::{Server, ServerLimits};
    /// let limits = ServerLimits::DEFAULT.body_bytes(1 << 20).target_bytes(2_000);
    /// let server = Server::with_limits(limits);
    /// # let _ = server;
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct Limits {
        /// Of each request: request line, header lines and trailers count as head.
        /// [`fields`](Common::fields) is 100 by default.
        pub common: Common = Common::DEFAULT.fields(100),
        /// Bytes of a method. Default 32.
        /// Broken: [`Error::MethodTooLong`](crate::Error::MethodTooLong).
        pub method_bytes: u32 = 32,
        /// Bytes of a request target. Default 8,190; RFC 9112, 3, asks for a
        /// request line of 8,000 at least.
        /// Broken: [`Error::TargetTooLong`](crate::Error::TargetTooLong).
        pub target_bytes: u32 = 8_190,
        /// Bytes of one header or trailer line, its end included. Default 8,190.
        /// Broken: [`Error::LineTooLong`](crate::Error::LineTooLong).
        pub line_bytes: u32 = 8_190,
        /// Bytes of the extensions of one chunk. Default 4,096.
        /// Broken: [`Error::ChunkExtension`](crate::Error::ChunkExtension).
        pub extension_bytes: u32 = 4_096,
        /// Bytes of all chunk extensions of a request. Default 16,384.
        /// Broken: [`Error::ChunkExtension`](crate::Error::ChunkExtension).
        pub extensions_bytes: u32 = 16_384,
        /// Bytes of the trailers, within what is left of `head_bytes`. Default
        /// 16,384. Broken: [`Error::HeadTooLong`](crate::Error::HeadTooLong).
        pub trailer_bytes: u32 = 16_384,
        /// Trailer fields, within what is left of `fields`. Default 32.
        /// Broken: [`Error::TooManyFields`](crate::Error::TooManyFields).
        pub trailer_fields: u32 = 32,
        /// Empty lines before a request. Default 2.
        /// Broken: [`Error::RequestLine`](crate::Error::RequestLine).
        pub blank_lines: u8 = 2,
        /// Bytes of a request that are read and dropped once its answer is
        /// finished. Default 65,536. Broken: no error, the connection ends with
        /// the exchange.
        pub drain_bytes: u32 = 65_536,
        /// Bytes that are read and dropped while the peer's close is awaited.
        /// Default 64 MiB. Broken: no error, [`after`](crate::Status::after) says
        /// `Close`.
        pub linger_bytes: u32 = 1 << 26,
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
