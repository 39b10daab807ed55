//! What a client machine allows.

use crate::limits::Limits as Common;

/// Limits of a [`Client`](super::Client).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// Of each answer. `head_bytes` counts all its heads and the trailers.
    pub common: Common,
}

impl Limits {
    /// The defaults named at each field.
    pub const DEFAULT: Limits = Limits {
        common: Common::DEFAULT,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
