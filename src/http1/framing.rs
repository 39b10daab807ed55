//! How a body is framed: decided once, in one table. RFC 9112, 6.

/// How the bytes of a body are told from what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    #[default]
    None,
    /// So many bytes are still to come.
    Counted(u64),
    /// In chunks. RFC 9112, 7.1.
    Chunked,
    /// All until the connection ends.
    Close,
}
