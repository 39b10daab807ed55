//! How answers end, and the connection. FastCGI 1.0, 5.5 and 3.5.

use super::Step;
use crate::error::Error;
use crate::event::{Ending, Next, Rejection, Response};
use crate::fcgi::client::slot::{self, Input, Life, Slot};
use crate::fcgi::client::{Client, Ending as EndBytes, Event, Ext, Now, Query, id_of};
use crate::fcgi::record::HEADER;

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Client<S> {
    /// What the end of STDOUT comes to, one event a call. `None`: all is said.
    pub(super) fn output_ends<'i>(&mut self) -> Step<'i> {
        let slot = self.slots.as_mut().get_mut(self.at)?;
        match slot.answer.eof(&self.rules) {
            Ok(Next::Event(piece)) => self.piece(piece),
            Ok(_) => {
                slot.life = Life::Ended;
                None
            }
            // Its head was good: what is missing is of the body.
            Err(_) if slot.is(slot::HEAD) => self.spend(Ending::Truncated),
            Err(e) => self.spend(Ending::Failed(e)),
        }
    }

    /// The content of END_REQUEST. Where STDOUT has not ended, its end is told
    /// with the fifth byte and `Done` with the eighth: two facts, two places.
    pub(super) fn end_request<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.end.have == 0
            && let Some((&[a, b, c, d, protocol, ..], rest)) = input.split_first_chunk::<HEADER>()
            && self.slots.as_ref().get(self.at)?.life == Life::Ended
        {
            // All at once, and nothing to tell in between.
            *input = rest;
            self.taken(HEADER);
            self.end.app = u32::from_be_bytes([a, b, c, d]);
            self.end.protocol = protocol;
            self.now = Now::Skip;
            return self.finish(None);
        }
        loop {
            if self.end.have == 5 && self.end.protocol == 0 && self.end.app == 0 {
                let slot = self.slots.as_mut().get_mut(self.at)?;
                if slot.life == Life::Open && !slot.is(slot::DISCARD) {
                    slot.flags |= slot::IMPLIED;
                    let step = self.output_ends();
                    if step.is_some() {
                        return step;
                    }
                }
            }
            let [byte, rest @ ..] = *input else {
                return Some(Next::NeedInput);
            };
            *input = rest;
            self.reader.content = self.reader.content.saturating_sub(1);
            match self.end.have {
                0..4 => self.end.app = (self.end.app << 8) | u32::from(*byte),
                4 => self.end.protocol = *byte,
                _ => {}
            }
            self.end.have = self.end.have.saturating_add(1);
            if usize::from(self.end.have) == HEADER {
                self.now = Now::Skip;
                return self.finish(None);
            }
        }
    }

    /// END_REQUEST has come for the slot at hand: it is free, and gets its
    /// `Done` unless it had that.
    pub(super) fn finish<'i>(&mut self, malformed: Option<Error>) -> Step<'i> {
        let EndBytes { app, protocol, .. } = self.end;
        let slots = self.slots.as_mut();
        let sole = slots.len() <= 1;
        let slot = slots.get_mut(self.at)?;
        let was = slot.life;
        slot.life = Life::Free;
        let unsent = slot.input != Input::Sent;
        if unsent {
            slot.input = Input::Sent;
            self.sending = self.sending.saturating_sub(1);
        }
        self.used = self.used.saturating_sub(1);
        self.lowest = self.lowest.min(self.at);
        if matches!(was, Life::Free | Life::Spent) {
            return None;
        }
        self.active = self.active.saturating_sub(1);
        if sole && (unsent || was == Life::Aborted) {
            // The application may take what is still to come of this request,
            // or an ABORT_REQUEST that met its END_REQUEST on the way, for
            // the next one.
            self.open = false;
        }
        let silent = !slot.is(slot::STDOUT | slot::STDERR);
        // Also where nobody looked because it was to be discarded.
        let nothing = slot.is(slot::SILENT) || !slot.is(slot::STDOUT);
        let mut retry_safe = false;
        let ending = match (was, malformed, protocol) {
            (Life::Aborted, ..) => Ending::Aborted,
            (_, Some(e), _) => Ending::Failed(e),
            (_, _, 0) if nothing => Ending::Failed(Error::NoResponse),
            (Life::Ended, _, 0) => Ending::Complete {
                app_status: app,
                output_ended: !slot.is(slot::IMPLIED),
            },
            (_, _, 0) if app == 0 => Ending::Complete {
                app_status: 0,
                output_ended: false,
            },
            (_, _, 0) if slot.is(slot::HEAD) => Ending::Truncated,
            (_, _, 0) => Ending::Failed(Error::HeadCut),
            (_, _, code) => {
                let reason = match code {
                    1 => Rejection::CantMultiplex,
                    2 => Rejection::Overloaded,
                    3 => Rejection::UnknownRole,
                    other => Rejection::Other(other),
                };
                if reason == Rejection::CantMultiplex {
                    self.alone = true;
                    // With one request at a time the two sides do not agree
                    // on what is active.
                    self.open &= !sole;
                }
                retry_safe = silent && !matches!(reason, Rejection::Other(_));
                Ending::Rejected(reason)
            }
        };
        self.served |= matches!(ending, Ending::Complete { .. });
        self.done(retry_safe, ending)
    }

    /// The slot at hand gets its `Done` now; its id stays taken until its
    /// END_REQUEST.
    #[cold]
    pub(super) fn spend<'i>(&mut self, ending: Ending) -> Step<'i> {
        let slots = self.slots.as_mut();
        if slots.len() <= 1 {
            self.open = false;
        }
        let slot = slots.get_mut(self.at)?;
        slot.life = Life::Spent;
        if slot.input != Input::Sent {
            slot.input = Input::Sent;
            self.sending = self.sending.saturating_sub(1);
        }
        if self.now != Now::End {
            self.now = Now::Skip;
        }
        self.active = self.active.saturating_sub(1);
        self.done(false, ending)
    }

    fn done<'i>(&mut self, retry_safe: bool, ending: Ending) -> Step<'i> {
        let keep = self.slots.as_ref().get(self.at)?.is(slot::KEEP);
        Some(Next::Event(Response::Done {
            id: id_of(self.at)?,
            reuse: keep && self.open && self.now != Now::Over,
            retry_safe,
            ending,
        }))
    }

    /// Nothing more is read: because of `verdict`, or of the connection's end.
    #[cold]
    pub(in super::super) fn stop_reading(&mut self, verdict: Option<Error>) {
        self.now = Now::Over;
        self.open = false;
        self.verdict = verdict;
        self.sending = 0;
        self.told = 0;
    }

    /// The last event of everything that is open, one a call; then the verdict.
    #[cold]
    pub(super) fn over<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        if self.query == Query::Waiting {
            self.query = Query::Answered;
            return Ok(Next::Event(Response::Ext(Ext::Unanswered)));
        }
        while self.active != 0
            && let Some(slot) = self.slots.as_mut().get_mut(self.told)
        {
            self.at = self.told;
            self.told = self.told.saturating_add(1);
            let was = slot.life;
            slot.life = Life::Free;
            let ending = match (was, self.verdict) {
                (Life::Free | Life::Spent, _) => continue,
                (Life::Aborted, _) => Ending::Aborted,
                (_, Some(e)) if e != Error::Eof => Ending::Failed(e),
                (Life::Ended, _) if slot.is(slot::SILENT) => Ending::Failed(Error::NoResponse),
                (Life::Ended, _) => Ending::Unconfirmed,
                (Life::Open, _) if slot.is(slot::HEAD) => Ending::Truncated,
                (Life::Open, _) => Ending::Failed(Error::Eof),
            };
            let silent = !slot.is(slot::STDOUT | slot::STDERR);
            let lost = matches!(ending, Ending::Failed(Error::Eof));
            let retry_safe = lost && silent && slot.is(slot::AGAIN);
            self.active = self.active.saturating_sub(1);
            if let Some(next) = self.done(retry_safe, ending) {
                return Ok(next);
            }
        }
        match self.verdict {
            Some(e) => Err(e),
            None => Ok(Next::Paused),
        }
    }

    /// EOF. FastCGI 1.0, 3.5.
    #[cold]
    pub(in super::super) fn half_close<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        if self.now != Now::Over {
            if let Next::Event(event) = self.step(&mut &[][..])? {
                return Ok(Next::Event(event));
            }
            // Inside a record: an error, once all who wait were told.
            let cut = !self.reader.at_border();
            self.stop_reading(cut.then_some(Error::Eof));
        }
        match self.over()? {
            Next::Paused => Ok(Next::NeedInput),
            next => Ok(next),
        }
    }
}
