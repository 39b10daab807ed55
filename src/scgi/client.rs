//! The web server's side. SCGI, 2.

use super::netstring;
use crate::cgi::response::Rules;
use crate::error::Refused;
use crate::event::{Field, Id, Length, Response};
use crate::frame::Frame;
use crate::oneshot::client::{Core, delegate_client};

/// SCGI's own events for a web server.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// In place of `HeadEnd`: the request is to be run again for the path that
    /// the only field, Location, gave. No body follows. RFC 3875, 6.2.2.
    LocalRedirect,
}

/// An event of a [`Client`].
pub type Event<'i> = Response<'i, Ext>;

/// A web server's end of an SCGI connection, which carries one request,
/// [`Id::SOLE`](crate::Id::SOLE).
#[derive(Clone, Copy, Debug)]
pub struct Client {
    core: Core,
}

impl Client {
    /// With [`Rules::STRICT`].
    pub const fn new() -> Self {
        Self::with_rules(Rules::STRICT)
    }

    /// With other limits, and deviations from the grammar of an answer.
    pub const fn with_rules(rules: Rules) -> Self {
        Client {
            core: Core::new(rules),
        }
    }

    fn begin<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let begin = |room| netstring::begin(room, length);
        let (admits, end) = (netstring::admits, netstring::end);
        self.core.open(fields, length, room, begin, admits, end)
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

delegate_client!(Client, Ext, Ext::LocalRedirect);
