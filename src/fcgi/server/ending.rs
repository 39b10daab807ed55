//! How a connection ends, and what its requests learn of it.

use super::slot::{Slot, Stage, flag};
use super::{Event, Link, Lost, Server, Target};
use crate::error::Error;
use crate::event::{Id, Next, Request};

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Server<S> {
    /// What comes after we stopped to take records.
    #[cold]
    pub(super) fn rest<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        if let Link::Lost(..) = self.link {
            return self.tell();
        }
        let n = u32::try_from(input.len()).unwrap_or(u32::MAX);
        self.idle = self.idle.saturating_add(n);
        *input = &[];
        Ok(Next::NeedInput)
    }

    /// Takes no record from now on.
    #[cold]
    pub(super) fn stop(&mut self, link: Link) {
        self.link = link;
        self.target = Target::Skip;
        // From here on the index of the next slot to be told.
        self.slot = 0;
    }

    /// Gives one open request its last event.
    #[cold]
    pub(super) fn tell<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        while self.active > 0
            && let Some(slot) = self.slots.as_mut().get_mut(usize::from(self.slot))
        {
            let index = usize::from(self.slot);
            let Some(next) = self.slot.checked_add(1) else {
                break;
            };
            self.slot = next;
            if slot.stage == Stage::Free || !slot.listens() {
                continue;
            }
            match self.link {
                // Nobody learnt of it as a request: nothing is owed.
                Link::Lost(_, Lost::Framing) if slot.stage == Stage::Params => self.release(index),
                Link::Lost(error, Lost::Framing) => return Ok(self.spoil(index, error)),
                _ => return Ok(self.abort(index)),
            }
        }
        match self.link {
            Link::Lost(error, _) => Err(error),
            _ => Ok(Next::NeedInput),
        }
    }

    pub(super) fn spoil<'i>(&mut self, index: usize, error: Error) -> Next<Event<'i>> {
        match self.last(index, flag::SPOILT) {
            Some(id) => Next::Event(Request::Fault { id, error }),
            None => Next::NeedInput,
        }
    }

    pub(super) fn abort<'i>(&mut self, index: usize) -> Next<Event<'i>> {
        match self.last(index, flag::ABORTED) {
            Some(id) => Next::Event(Request::Abort { id }),
            None => Next::NeedInput,
        }
    }

    /// Marks the last event of a request.
    fn last(&mut self, index: usize, mark: u16) -> Option<Id> {
        self.set_stage(index, Stage::Run);
        let slot = self.slots.as_mut().get_mut(index)?;
        slot.set(mark);
        Id::new(slot.id)
    }
}
