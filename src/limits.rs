//! The limits that every protocol shares.

/// Bounds of one exchange, counted and never stored. Zero allows nothing;
/// "no bound" is the type's maximum.
///
/// ```
/// use vestibule::Limits;
/// let limits = Limits::DEFAULT.head_bytes(8 * 1024).body_bytes(1 << 20);
/// assert_eq!(limits.fields, 256);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// Bytes of a request head (or response head), trailers included.
    /// Default 65,536. Broken: [`Error::HeadTooLong`](crate::Error::HeadTooLong).
    pub head_bytes: u32,
    /// Fields of a head, trailers included. Default 256.
    /// Broken: [`Error::TooManyFields`](crate::Error::TooManyFields).
    pub fields: u32,
    /// Bytes of a body. Default no bound, since no machine stores a body.
    /// Broken: [`Error::BodyTooLong`](crate::Error::BodyTooLong).
    pub body_bytes: u64,
}

impl Limits {
    /// 64 KiB of head, 256 fields, bodies of any size.
    pub const DEFAULT: Limits = Limits {
        head_bytes: 65_536,
        fields: 256,
        body_bytes: u64::MAX,
    };

    /// Sets [`head_bytes`](Self::head_bytes).
    #[must_use]
    pub const fn head_bytes(mut self, n: u32) -> Self {
        self.head_bytes = n;
        self
    }

    /// Sets [`fields`](Self::fields).
    #[must_use]
    pub const fn fields(mut self, n: u32) -> Self {
        self.fields = n;
        self
    }

    /// Sets [`body_bytes`](Self::body_bytes).
    #[must_use]
    pub const fn body_bytes(mut self, n: u64) -> Self {
        self.body_bytes = n;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
