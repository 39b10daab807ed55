//! Writing the answer.

use super::{Core, Link, Reading, Writing};
use crate::cgi::encode;
use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length};
use crate::frame::Frame;
use crate::oneshot::Head;

impl<H: Head> Core<H> {
    /// Whether the exchange can have more of an answer.
    fn live(&self, id: Id) -> Result<(), Refused> {
        match (self.reading, self.writing) {
            _ if id != Id::SOLE => Err(Refused::UnknownId),
            (Reading::Idle, _) | (_, Writing::Over) => Err(Refused::UnknownId),
            (Reading::Over, Writing::Idle) => Err(Refused::UnknownId),
            (Reading::Lost(_), _) => Err(Refused::State),
            _ => Ok(()),
        }
    }

    /// Whether the exchange waits for the head of its answer.
    fn waits(&self, id: Id) -> Result<(), Refused> {
        self.live(id)?;
        match self.writing {
            Writing::Waiting => Ok(()),
            _ => Err(Refused::State),
        }
    }

    /// The answer is finished, and the connection with it. A peer that still
    /// sends must not see a reset before it has read the answer.
    fn over(&mut self) {
        self.writing = Writing::Over;
        if !matches!(self.reading, Reading::Lost(_)) {
            self.reading = Reading::Over;
        }
        self.link.end();
    }

    pub(crate) fn demand(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        match self.writing {
            _ if id != Id::SOLE => Err(Refused::UnknownId),
            Writing::Idle | Writing::Over => Err(Refused::UnknownId),
            _ => Ok(Frame::EMPTY),
        }
    }

    pub(crate) fn interim(&mut self, id: Id, status: u16) -> Result<Frame<'static>, Refused> {
        self.waits(id)?;
        match status {
            100..=199 => Ok(Frame::EMPTY),
            _ => Err(Refused::Status),
        }
    }

    pub(crate) fn head_of<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.waits(id)?;
        let skip = self.watch.head() || matches!(status, 204 | 304);
        // Only a length tells the end of an answer from a crash.
        let length = match length {
            Length::None if !skip => Length::Known(0),
            other => other,
        };
        let n = encode::answer(self.first, status, fields, length, room)?;
        self.writing = match length {
            _ if skip => Writing::Skip,
            Length::Known(n) => Writing::Counted(n),
            Length::None | Length::Unknown => Writing::Open,
        };
        Ok(Frame::of(room.get(..n).unwrap_or(&[])))
    }

    #[inline]
    pub(crate) fn body_of<'b>(
        &mut self,
        id: Id,
        payload: &mut &'b [u8],
    ) -> Result<Frame<'b>, Refused> {
        self.live(id)?;
        let bytes = *payload;
        let frame = match &mut self.writing {
            Writing::Skip => Frame::EMPTY,
            Writing::Counted(left) => {
                let n = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                *left = left.checked_sub(n).ok_or(Refused::TooLong)?;
                Frame::of(bytes)
            }
            Writing::Open => Frame::of(bytes),
            Writing::Idle | Writing::Waiting | Writing::Over => return Err(Refused::State),
        };
        *payload = &[];
        Ok(frame)
    }

    pub(crate) fn finish(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        let open = !matches!(self.writing, Writing::Idle | Writing::Over);
        if id == Id::SOLE && open && self.reading == Reading::Lost(Error::Eof) {
            // Nobody listens.
            self.link = Link::Broken;
            self.over();
            return Ok(Frame::EMPTY);
        }
        self.live(id)?;
        match self.writing {
            Writing::Counted(0) | Writing::Open | Writing::Skip => {
                self.over();
                Ok(Frame::EMPTY)
            }
            _ => Err(Refused::State),
        }
    }

    pub(crate) fn fail<'b>(
        &mut self,
        id: Id,
        error: Error,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused> {
        let before = match (self.reading, self.writing) {
            _ if id != Id::SOLE => return Err(Refused::UnknownId),
            (Reading::Idle, _) | (_, Writing::Over) => return Err(Refused::UnknownId),
            (Reading::Over, Writing::Idle) => return Err(Refused::UnknownId),
            (_, Writing::Idle | Writing::Waiting) => true,
            _ => false,
        };
        if !before || self.reading == Reading::Lost(Error::Eof) || self.link == Link::Broken {
            self.link = Link::Broken;
            self.over();
            return Ok(Frame::EMPTY);
        }
        let n = encode::answer(self.first, error.status(), [], Length::Known(0), room)?;
        self.over();
        Ok(Frame::of(room.get(..n).unwrap_or(&[])))
    }

    pub(crate) fn shutdown(&mut self) {
        if self.link == Link::Open && self.reading == Reading::Idle {
            self.reading = Reading::Over;
            self.link = Link::Lingering;
        }
    }

    pub(crate) fn cancel(&mut self) {
        self.broken();
    }
}
