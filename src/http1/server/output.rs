//! Writing answers. RFC 9112, 4 to 7.

use super::{Ext, Server};
use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length};
use crate::frame::Frame;

impl crate::machine::Server for Server {
    type Ext<'i> = Ext;

    fn demand(&mut self, _id: Id, _max: usize) -> Result<Frame<'static>, Refused> {
        Err(Refused::State)
    }

    fn interim<'b, 'f, I>(
        &mut self,
        _id: Id,
        _status: u16,
        _fields: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        Err(Refused::State)
    }

    fn head<'b, 'f, I>(
        &mut self,
        _id: Id,
        _status: u16,
        _fields: I,
        _length: Length,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        Err(Refused::State)
    }

    fn body<'b>(&mut self, _id: Id, _payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        Err(Refused::State)
    }

    fn finish<'b, 'f, I>(
        &mut self,
        _id: Id,
        _trailers: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        Err(Refused::State)
    }

    fn fail<'b>(
        &mut self,
        _id: Id,
        _error: Error,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused> {
        Err(Refused::State)
    }

    fn close_after(&mut self, _id: Id) {}

    fn shutdown(&mut self) {}

    fn cancel(&mut self) {
        self.lose();
    }

    fn default_reply(&mut self, ext: Ext) -> Frame<'static> {
        match ext {}
    }
}
