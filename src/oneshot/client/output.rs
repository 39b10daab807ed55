//! Writing a request.

use super::{Core, Reading, Writing};
use crate::cgi::meta::Mapping;
use crate::cgi::response::State;
use crate::cgi::send::{Block, Facts, is_of_wire};
use crate::error::Refused;
use crate::event::{Field, Id, Length};
use crate::frame::Frame;

impl Core {
    /// Changes how header fields become variables.
    pub(crate) const fn mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = mapping;
        self
    }

    /// Whether the request is open.
    fn live(&self, id: Id) -> Result<(), Refused> {
        match (self.reading, self.writing) {
            _ if id != Id::SOLE => Err(Refused::UnknownId),
            (Reading::Idle | Reading::Diverted, _) => Err(Refused::UnknownId),
            (Reading::Over | Reading::Lost(_), _) => Err(Refused::UnknownId),
            (_, Writing::Aborted) => Err(Refused::State),
            _ => Ok(()),
        }
    }

    pub(crate) fn free(&self) -> usize {
        usize::from(self.reading == Reading::Idle && !self.broken)
    }

    /// `begin` makes a block of the room, with CONTENT_LENGTH in it, `end` makes
    /// a frame of the block; `admits` see [`Facts::write`].
    #[inline(always)]
    pub(crate) fn open<'b, 'f, B, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
        begin: impl Fn(&'b mut [u8]) -> B,
        admits: impl Fn(&[u8], &[u8]) -> Result<bool, Refused>,
        end: impl FnOnce(B) -> Result<Frame<'b>, Refused>,
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        B: Block<'b>,
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        if self.free() == 0 {
            return Err(Refused::Full);
        }
        let body = match length {
            Length::None => 0,
            Length::Known(n) => n,
            // There is no such form.
            Length::Unknown => return Err(Refused::State),
        };
        let mut facts = Facts::APART;
        facts.mapping = self.mapping;
        // No body is coded here, whatever it was before: who believes otherwise
        // sees another one. What the protocol has a word on comes first.
        let admits = |name: &[u8], value: &[u8]| match name {
            b"HTTP_TRANSFER_ENCODING" => Ok(false),
            _ => Ok(admits(name, value)? && !is_of_wire(name)),
        };
        let block = facts.write(room, &fields, begin, admits)?;
        if !facts.agrees(length) {
            return Err(Refused::Field);
        }
        let frame = end(block)?;
        self.answer = State::new(facts.head);
        self.reading = Reading::Await;
        self.writing = match length {
            Length::None => Writing::Done,
            _ => Writing::Body(body),
        };
        Ok((Id::SOLE, frame))
    }

    pub(crate) fn credit(&self, id: Id) -> usize {
        match self.writing {
            Writing::Body(_) if self.live(id).is_ok() => usize::MAX,
            _ => 0,
        }
    }

    #[inline]
    pub(crate) fn body<'b>(
        &mut self,
        id: Id,
        payload: &mut &'b [u8],
    ) -> Result<Frame<'b>, Refused> {
        self.live(id)?;
        let Writing::Body(left) = &mut self.writing else {
            return Err(Refused::State);
        };
        let bytes = *payload;
        let n = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        *left = left.checked_sub(n).ok_or(Refused::TooLong)?;
        *payload = &[];
        Ok(Frame::of(bytes))
    }

    pub(crate) fn body_end(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.live(id)?;
        if matches!(self.writing, Writing::Body(1..)) {
            return Err(Refused::State);
        }
        self.writing = Writing::Done;
        Ok(Frame::EMPTY)
    }

    pub(crate) fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.live(id)?;
        self.writing = Writing::Aborted;
        self.broken = true;
        Ok(Frame::EMPTY)
    }

    pub(crate) fn cancel(&mut self) {
        self.broken = true;
    }
}
