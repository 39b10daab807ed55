//! What SCGI, uwsgi and CGI share: variables in one block, a body counted by
//! CONTENT_LENGTH, an answer as a CGI program writes it, and the close of the
//! connection. One request on a connection, always [`Id::SOLE`](crate::Id::SOLE).
//!
//! A protocol adds how its block is read ([`Head`]) and written
//! ([`Block`](crate::cgi::send::Block)), its rules, and events of its own. Its machines are
//! thin over [`server::Core`] and [`client::Core`]: `delegate_server!` and
//! `delegate_client!` make them the common traits.

pub(crate) mod client;
mod limits;
pub(crate) mod server;
pub(crate) mod strings;

pub use limits::ServerLimits;

use crate::error::Error;
use crate::event::Field;
use crate::limits::Limits;

/// What [`Head::step`] came to.
pub(crate) enum Part<'i, X> {
    /// A variable, or a piece of one.
    Field(Field<'i>),
    /// The block is complete; its last byte was taken.
    End,
    /// No request, but something of the protocol's own. The connection takes
    /// nothing after it.
    Ext(X),
    /// What stands in front of the variables has come: the hot path may do now.
    Begun,
    /// The input is used up.
    Empty,
}

/// Reads the block of variables of a protocol. Keeps counters and no byte.
///
/// The limits: [`head_bytes`](Limits::head_bytes) of the block, as soon as its
/// length is known, and [`fields`](Limits::fields) in it. The values of the
/// variables are none of its business.
pub(crate) trait Head: Copy {
    /// The protocol's own events.
    type Ext;

    /// The one that says that bytes came after the body.
    const EXCESS: Self::Ext;

    /// Whether this first byte begins a request.
    #[inline]
    fn begins(&self, byte: u8) -> bool {
        let _ = byte;
        true
    }

    /// The hot path: name and value of a variable that lies whole, valid and
    /// within the limits at the front of `input`; they are taken. `None`, and
    /// nothing is changed, for everything else: [`step`](Self::step) finds out
    /// why.
    fn whole<'i>(&mut self, input: &mut &'i [u8], limits: &Limits) -> Option<(&'i [u8], &'i [u8])>;

    /// The cold path: any step. Whatever the cuts it gives the same fields,
    /// once their pieces are joined, and the same error.
    fn step<'i>(
        &mut self,
        input: &mut &'i [u8],
        limits: &Limits,
    ) -> Result<Part<'i, Self::Ext>, Error>;
}
