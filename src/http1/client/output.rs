//! Writing requests. RFC 9112, 3 to 7.

use super::{Client, Ext};
use crate::error::Refused;
use crate::event::{Field, Id, Length};
use crate::frame::Frame;

impl crate::machine::Client for Client {
    type Ext<'i> = Ext;

    fn free(&self) -> usize {
        0
    }

    fn open<'b, 'f, I>(
        &mut self,
        _fields: I,
        _length: Length,
        _room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        Err(Refused::Full)
    }

    fn credit(&self, _id: Id) -> usize {
        0
    }

    fn body<'b>(&mut self, _id: Id, _payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        Err(Refused::UnknownId)
    }

    fn body_end<'b, 'f, I>(
        &mut self,
        _id: Id,
        _trailers: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        Err(Refused::UnknownId)
    }

    fn abort(&mut self, _id: Id) -> Result<Frame<'static>, Refused> {
        Err(Refused::UnknownId)
    }

    fn cancel(&mut self) {
        self.lose();
    }
}
