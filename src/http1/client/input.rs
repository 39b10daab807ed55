//! Reading answers. RFC 9112, 4 to 7.

use super::{Client, Event};
use crate::error::Error;
use crate::event::Next;
use crate::machine::Receive;

impl Receive for Client {
    type Event<'i> = Event<'i>;

    fn next<'i>(&mut self, _input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        Ok(Next::Paused)
    }

    fn eof<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        Ok(Next::NeedInput)
    }
}

impl Client {
    /// The transport is gone both ways.
    pub(super) fn lose(&mut self) {}
}
