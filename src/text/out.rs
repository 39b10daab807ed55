//! Heads, written into lent room.

use crate::error::Refused;
use crate::frame::fill;
use crate::text::{copy, token};

/// Lent room that is filled from the front; what does not fit is counted.
pub(crate) struct Out<'b> {
    room: &'b mut [u8],
    need: usize,
}

impl<'b> Out<'b> {
    pub(crate) fn new(room: &'b mut [u8]) -> Self {
        Out { room, need: 0 }
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.need.saturating_add(bytes.len());
        if let Some(to) = self.room.get_mut(self.need..end) {
            fill(to, bytes);
        }
        self.need = end;
    }

    /// The same, for what is no constant.
    #[inline(never)]
    pub(crate) fn text(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room.get_mut(self.need..) {
            let _ = copy::put(room, bytes, |_| false);
        }
        self.need = self.need.saturating_add(bytes.len());
    }

    /// A line of a usual name and value. False where they are not, or there
    /// is no room: then nothing counts as written.
    #[inline(always)]
    pub(crate) fn short(&mut self, name: &[u8], value: &[u8]) -> bool {
        if !name.is_empty()
            && let all = self.room.len()
            && let Some(room) = self.room.get_mut(self.need..)
            && let Some((room, false)) = copy::put(room, name, token::unusual)
            && let Some((colon, room)) = room.split_first_chunk_mut()
            && let Some((room, false)) = copy::put(room, value, token::control)
            && let Some((end, rest)) = room.split_first_chunk_mut()
        {
            *colon = *b": ";
            *end = *b"\r\n";
            self.need = all.saturating_sub(rest.len());
            return true;
        }
        false
    }

    /// Bytes so far, those that did not fit included.
    pub(crate) fn len(&self) -> usize {
        self.need
    }

    /// Writes over bytes that were written before.
    pub(crate) fn set(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.room.get_mut(at..at.saturating_add(bytes.len())) {
            fill(to, bytes);
        }
    }

    pub(crate) fn end(self) -> Result<usize, Refused> {
        if self.need <= self.room.len() {
            Ok(self.need)
        } else {
            Err(Refused::Room { need: self.need })
        }
    }

    /// The same as [`end`](Self::end), with what was written.
    pub(crate) fn written(self) -> Result<&'b [u8], Refused> {
        let Out { room, need } = self;
        room.get(..need).ok_or(Refused::Room { need })
    }
}
