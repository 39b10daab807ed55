//! What a client machine allows.

use crate::http1::head::Bounds;
use crate::http1::rules::Rules;
use crate::limits::Limits as Common;

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
    pub common: Common,
    /// Bytes of a status line, header or trailer line, its end included.
    /// Default 8,190. Broken: [`Error::LineTooLong`](crate::Error::LineTooLong).
    pub line_bytes: u32,
    /// Bytes of the extensions of one chunk. Default 4,096.
    /// Broken: [`Error::ChunkExtension`](crate::Error::ChunkExtension).
    pub extension_bytes: u32,
    /// Bytes of all chunk extensions of an answer. Default 16,384.
    /// Broken: [`Error::ChunkExtension`](crate::Error::ChunkExtension).
    pub extensions_bytes: u32,
    /// Bytes of the trailers, within what is left of `head_bytes`. Default
    /// 16,384. Broken: [`Error::HeadTooLong`](crate::Error::HeadTooLong).
    pub trailer_bytes: u32,
    /// Trailer fields, within what is left of `fields`. Default 32.
    /// Broken: [`Error::TooManyFields`](crate::Error::TooManyFields).
    pub trailer_fields: u32,
    /// Interim answers before the final one. Default 16.
    /// Broken: [`Error::TooManyInterim`](crate::Error::TooManyInterim).
    pub interim: u8,
    /// Empty lines between two answers. Default 2.
    /// Broken: [`Error::Surplus`](crate::Error::Surplus).
    pub blank_lines: u8,
}

impl Limits {
    /// The defaults named at each field.
    pub const DEFAULT: Limits = Limits {
        common: Common::DEFAULT.fields(100),
        line_bytes: 8_190,
        extension_bytes: 4_096,
        extensions_bytes: 16_384,
        trailer_bytes: 16_384,
        trailer_fields: 32,
        interim: 16,
        blank_lines: 2,
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

    /// Sets [`line_bytes`](Self::line_bytes).
    #[must_use]
    pub const fn line_bytes(mut self, n: u32) -> Self {
        self.line_bytes = n;
        self
    }

    /// Sets [`extension_bytes`](Self::extension_bytes).
    #[must_use]
    pub const fn extension_bytes(mut self, n: u32) -> Self {
        self.extension_bytes = n;
        self
    }

    /// Sets [`extensions_bytes`](Self::extensions_bytes).
    #[must_use]
    pub const fn extensions_bytes(mut self, n: u32) -> Self {
        self.extensions_bytes = n;
        self
    }

    /// Sets [`trailer_bytes`](Self::trailer_bytes).
    #[must_use]
    pub const fn trailer_bytes(mut self, n: u32) -> Self {
        self.trailer_bytes = n;
        self
    }

    /// Sets [`trailer_fields`](Self::trailer_fields).
    #[must_use]
    pub const fn trailer_fields(mut self, n: u32) -> Self {
        self.trailer_fields = n;
        self
    }

    /// Sets [`interim`](Self::interim).
    #[must_use]
    pub const fn interim(mut self, n: u8) -> Self {
        self.interim = n;
        self
    }

    /// Sets [`blank_lines`](Self::blank_lines).
    #[must_use]
    pub const fn blank_lines(mut self, n: u8) -> Self {
        self.blank_lines = n;
        self
    }

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

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
