//! GET_VALUES and GET_VALUES_RESULT. FastCGI 1.0, 4.1.
use crate::frame::Frame;

/// Which values a peer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Query;

impl Query {
    pub const NEW: Query = Query;
    pub fn feed(&mut self, _: &[u8]) {}
    pub fn take(&mut self) -> Wanted {
        Wanted
    }
}

pub(crate) fn reply(_: Wanted, _: u16, _: u16, _: bool) -> Frame<'static> {
    Frame::EMPTY
}
