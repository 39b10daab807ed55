//! Reading requests. RFC 9112, 3 to 7.

use super::{Event, Server};
use crate::error::Error;
use crate::event::Next;
use crate::machine::Receive;

impl Receive for Server {
    type Event<'i> = Event<'i>;

    fn next<'i>(&mut self, _input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        Ok(Next::Paused)
    }

    fn eof<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        Ok(Next::NeedInput)
    }
}

impl Server {
    /// The transport is gone both ways.
    pub(super) fn lose(&mut self) {}
}
