//! A server machine of any protocol, as what we serve sees it.

use std::io::Write as _;

use vestibule::fcgi::{self, Role, ServerExt, Slot};
use vestibule::{Frame, Id, Refused, Rejection, Server, ajp, cgi, http1, scgi, uwsgi};

use crate::context::{Ends, Teller};

/// What an event of the protocol's own means here.
pub enum Own<'i> {
    /// Bytes of the file that a Filter works on.
    Data(Id, &'i [u8]),
    DataEnd(Id),
    /// To be answered by default.
    Other,
}

/// Beside what every server machine does. By default: one exchange at a time,
/// no roles, no error log.
pub trait Front: Server {
    /// Whether who asks is a web server, which has worked the variables out.
    const VARIABLES: bool;
    /// Whether it passes the client's fields on as they are.
    const FIELDS: bool = !Self::VARIABLES;
    /// Which exchange of the connection it is, from zero.
    fn place(&self, _: Id) -> Option<usize> {
        Some(0)
    }
    /// The role that the application is to play.
    fn part(&self, _: Id) -> Option<Role> {
        Some(Role::Responder)
    }
    /// Text for the error log of who asks; dropped where the wire has none.
    fn note<'b>(&mut self, _: Id, text: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        *text = &[];
        Ok(Frame::EMPTY)
    }
    /// Refuses a role, where there are several.
    fn decline(&mut self, _: Id) -> Result<Frame<'static>, Refused> {
        Err(Refused::State)
    }
    fn own<'i>(_: &Self::Ext<'i>) -> Own<'i> {
        Own::Other
    }
    /// Who says where a request comes from.
    fn teller(ends: &Ends) -> Teller<'_> {
        match (Self::VARIABLES, Self::FIELDS) {
            (false, _) => Teller::Client(ends),
            (true, true) => Teller::WebServer,
            (true, false) => Teller::Variables,
        }
    }
    /// Whether it is a request that finds no room.
    fn surplus(_: &Self::Ext<'_>) -> bool {
        false
    }
}

impl Front for fcgi::Server<Vec<Slot>> {
    const VARIABLES: bool = true;

    fn place(&self, id: Id) -> Option<usize> {
        self.slot_of(id)
    }
    fn part(&self, id: Id) -> Option<Role> {
        self.role(id)
    }
    fn note<'b>(&mut self, id: Id, text: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.stderr(id, text)
    }
    fn decline(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.reject(id, Rejection::UnknownRole)
    }
    fn own<'i>(ext: &<Self as Server>::Ext<'i>) -> Own<'i> {
        match *ext {
            ServerExt::Data { id, bytes } => Own::Data(id, bytes),
            ServerExt::DataEnd { id } => Own::DataEnd(id),
            _ => Own::Other,
        }
    }
    fn surplus(ext: &<Self as Server>::Ext<'_>) -> bool {
        matches!(ext, ServerExt::Surplus { .. })
    }
}

impl Front for scgi::Server {
    const VARIABLES: bool = true;
}

impl Front for uwsgi::Server {
    const VARIABLES: bool = true;
}

impl Front for ajp::Server {
    const VARIABLES: bool = true;
    const FIELDS: bool = true;
}

impl Front for http1::Server {
    const VARIABLES: bool = false;
}

impl Front for cgi::Server {
    const VARIABLES: bool = true;

    /// Standard error, which web servers log.
    fn note<'b>(&mut self, _: Id, text: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        let _ = std::io::stderr().write_all(text);
        *text = &[];
        Ok(Frame::EMPTY)
    }
}
