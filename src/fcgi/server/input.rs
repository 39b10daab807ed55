//! What comes in: records to events. FastCGI 1.0, 3.3 to 5.

use super::slot::{Slot, Stage, WATCHED, flag};
use super::{Event, Ext, Link, Lost, Role, Server, Target};
use crate::error::Error;
use crate::event::{Cut, Field, Id, Next, Rejection, Request};
use crate::fcgi::pairs::Piece;
use crate::fcgi::record::{Header, kind};
use crate::machine::Receive;

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Receive for Server<S> {
    type Event<'i> = Event<'i>;

    /// The hot path takes a pair that is whole in the input and in its record.
    /// Limits on bytes were checked with the record's header.
    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        if self.target == Target::Pairs
            && let [n, v, rest @ ..] = *input
            && (n | v) & 0x80 == 0
            && self.fields_left > 0
            && let Some((name, rest)) = rest.split_at_checked(usize::from(*n))
            && let Some((value, rest)) = rest.split_at_checked(usize::from(*v))
            && let Some(left) = self
                .reader
                .content
                .checked_sub(u16::from(*n).wrapping_add(u16::from(*v)).wrapping_add(2))
        {
            *input = rest;
            self.reader.content = left;
            self.fields_left = self.fields_left.wrapping_sub(1);
            if name.len() == WATCHED {
                self.watch_whole(name, value);
            }
            let field = Field::var(name, value);
            return Ok(Next::Event(Request::Field { id: self.id, field }));
        }
        self.step(input)
    }

    fn eof<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        match self.link {
            Link::Open | Link::Closing if self.reader.at_border() => self.stop(Link::Ended),
            Link::Open | Link::Closing => self.stop(Link::Lost(Error::Eof, Lost::Transport)),
            Link::Lingering | Link::Broken => self.stop(Link::Ended),
            Link::Ended | Link::Lost(..) => {}
        }
        self.tell()
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Server<S> {
    #[inline(never)]
    fn watch_whole(&mut self, name: &[u8], value: &[u8]) {
        if let Some(slot) = self.slots.as_mut().get_mut(usize::from(self.slot)) {
            slot.watch_whole(name, value);
        }
    }

    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        loop {
            if !matches!(self.link, Link::Open | Link::Closing) {
                return self.rest(input);
            }
            let event = if self.reader.content > 0 {
                if input.is_empty() {
                    return Ok(Next::NeedInput);
                }
                self.content(input)
            } else {
                if !self.reader.skip_padding(input) {
                    return Ok(Next::NeedInput);
                }
                match self.reader.header(input) {
                    Ok(Some(header)) => self.header(header),
                    Ok(None) => return Ok(Next::NeedInput),
                    Err(error) => Err(error),
                }
            };
            match event {
                Ok(Some(event)) => return Ok(Next::Event(event)),
                Ok(None) => {}
                Err(error) => self.stop(Link::Lost(error, Lost::Framing)),
            }
        }
    }

    /// What comes after we stopped to take records.
    #[cold]
    fn rest<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
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
    fn tell<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
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

    fn spoil<'i>(&mut self, index: usize, error: Error) -> Next<Event<'i>> {
        match self.last(index, flag::SPOILT) {
            Some(id) => Next::Event(Request::Fault { id, error }),
            None => Next::NeedInput,
        }
    }

    fn abort<'i>(&mut self, index: usize) -> Next<Event<'i>> {
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

    /// A fault of one request; the rest of its input is skipped.
    #[cold]
    fn fault<'i>(&mut self, index: usize, error: Error) -> Option<Event<'i>> {
        self.target = Target::Skip;
        self.spoil(index, error).event()
    }

    /// Some content of the record at hand; there is some, and some input.
    #[inline]
    fn content<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Event<'i>>, Error> {
        let id = self.id;
        match self.target {
            Target::Stdin => {
                let bytes = self.reader.take(input);
                Ok(Some(Request::Body { id, bytes }))
            }
            Target::Data => {
                let bytes = self.reader.take(input);
                Ok(Some(Request::Ext(Ext::Data { id, bytes })))
            }
            Target::Pairs | Target::CutPair => Ok(self.pair(input)),
            Target::Begin => match self.reader.fixed(input) {
                Some(bytes) => Ok(self.begin(bytes)),
                None => Ok(None),
            },
            Target::Query => {
                let bytes = self.reader.take(input);
                self.query.feed(bytes);
                if self.reader.content > 0 {
                    return Ok(None);
                }
                Ok(self.asked())
            }
            Target::Skip => {
                let _ = self.reader.take(input);
                Ok(None)
            }
        }
    }

    fn asked<'i>(&mut self) -> Option<Event<'i>> {
        Some(Request::Ext(Ext::Values(self.query.take())))
    }

    /// A step of a pair that is cut, or long, or one too many.
    #[cold]
    #[inline(never)]
    fn pair<'i>(&mut self, input: &mut &'i [u8]) -> Option<Event<'i>> {
        let index = usize::from(self.slot);
        let limits = self.limits.common;
        let slot = self.slots.as_mut().get_mut(index)?;
        if slot.pairs.at_border() {
            if self.fields_left == 0 {
                return self.fault(index, Error::TooManyFields);
            }
            self.fields_left = self.fields_left.saturating_sub(1);
        }
        let here = usize::from(self.reader.content).min(input.len());
        let mut content = input.get(..here).unwrap_or(&[]);
        loop {
            let piece = slot.pairs.piece(&mut content);
            let taken = here.saturating_sub(content.len());
            let left = usize::from(self.reader.content).saturating_sub(taken);
            match piece {
                Piece::Lengths(name, value) => {
                    // Nothing is ever stored from these lengths, but a pair
                    // that cannot end in time is refused at once.
                    let free = u64::from(limits.head_bytes.saturating_sub(slot.head));
                    let room = free.saturating_add(u64::try_from(left).unwrap_or(u64::MAX));
                    if u64::from(name).saturating_add(u64::from(value)) > room {
                        self.took(input, taken);
                        return self.fault(index, Error::HeadTooLong);
                    }
                }
                Piece::Field(field) => {
                    slot.watch(&field);
                    let ended = matches!(field.cut, Cut::Whole | Cut::Last);
                    self.target = if ended {
                        Target::Pairs
                    } else {
                        Target::CutPair
                    };
                    self.took(input, taken);
                    return Some(Request::Field { id: self.id, field });
                }
                Piece::Empty => {
                    self.target = Target::CutPair;
                    self.took(input, taken);
                    return None;
                }
            }
        }
    }

    fn took(&mut self, input: &mut &[u8], n: usize) {
        *input = input.get(n..).unwrap_or(&[]);
        let n = u16::try_from(n).unwrap_or(u16::MAX);
        self.reader.content = self.reader.content.saturating_sub(n);
    }

    /// A record begins.
    #[inline]
    fn header<'i>(&mut self, header: Header) -> Result<Option<Event<'i>>, Error> {
        if matches!(self.target, Target::Pairs | Target::CutPair) {
            let left = self.fields_left;
            if let Some(slot) = self.slots.as_mut().get_mut(usize::from(self.slot)) {
                slot.fields_left = left;
            }
        }
        self.target = Target::Skip;
        if self.idle >= self.limits.idle_records {
            return Err(Error::IdleRecords);
        }
        self.idle = self.idle.saturating_add(1);
        let Some(id) = Id::new(header.id) else {
            return self.management(header);
        };
        match header.kind {
            kind::PARAMS | kind::STDIN | kind::DATA | kind::ABORT_REQUEST => {
                let Some(index) = self.slot_of(id) else {
                    return Ok(None);
                };
                self.id = id;
                self.slot = u16::try_from(index).unwrap_or(u16::MAX);
                self.stream(index, header)
            }
            kind::BEGIN_REQUEST if header.content < 8 => Err(Error::RecordLength(header.kind)),
            kind::BEGIN_REQUEST if self.slot_of(id).is_some() => Err(Error::DuplicateId(header.id)),
            kind::BEGIN_REQUEST => {
                self.id = id;
                self.target = Target::Begin;
                Ok(None)
            }
            _ => self.stray_record(),
        }
    }

    #[cold]
    fn stray_record<'i>(&mut self) -> Result<Option<Event<'i>>, Error> {
        if self.stray >= self.limits.stray_records {
            return Err(Error::StrayRecords);
        }
        self.stray = self.stray.saturating_add(1);
        Ok(None)
    }

    /// A record with id 0. 4.
    #[cold]
    fn management<'i>(&mut self, header: Header) -> Result<Option<Event<'i>>, Error> {
        match header.kind {
            kind::BEGIN_REQUEST => return Err(Error::NullId),
            // Of the other direction: no answer.
            kind::GET_VALUES_RESULT | kind::UNKNOWN_TYPE => return self.stray_record(),
            _ => {}
        }
        if self.management >= self.limits.management_records {
            return Err(Error::ManagementRecords);
        }
        self.management = self.management.saturating_add(1);
        self.idle = 0;
        if header.kind != kind::GET_VALUES {
            return Ok(Some(Request::Ext(Ext::UnknownType(header.kind))));
        }
        self.target = Target::Query;
        Ok(if header.content == 0 {
            self.asked()
        } else {
            None
        })
    }

    /// The content of BEGIN_REQUEST. 5.1.
    fn begin<'i>(&mut self, content: [u8; 8]) -> Option<Event<'i>> {
        let [r0, r1, flags, ..] = content;
        let keep = flags & 1 != 0;
        let id = self.id;
        self.management = 0;
        self.idle = 0;
        self.target = Target::Skip;
        let slots = self.slots.as_mut();
        let free = |slot: &Slot| slot.stage == Stage::Free;
        let guess = usize::from(id.get().wrapping_sub(1));
        let index = match slots.get(guess).is_some_and(free) {
            true => Some(guess),
            false => (0..slots.len().min(usize::from(u16::MAX)))
                .find(|i| slots.get(*i).is_some_and(free)),
        };
        let reason = match (Role::from_code(u16::from_be_bytes([r0, r1])), index) {
            (None, _) => {
                if !keep {
                    self.close();
                }
                Rejection::UnknownRole
            }
            (Some(role), Some(index)) if self.link == Link::Open => {
                if let Some(slot) = slots.get_mut(index) {
                    *slot = Slot::EMPTY;
                    slot.id = id.get();
                    slot.role = role;
                    slot.fields_left = self.limits.common.fields;
                    if keep {
                        slot.set(flag::KEEP_CONN);
                    }
                }
                self.active = self.active.saturating_add(1);
                self.set_stage(index, Stage::Params);
                return Some(Request::Begin { id });
            }
            (Some(_), None) if slots.len() == 1 => Rejection::CantMultiplex,
            _ => Rejection::Overloaded,
        };
        Some(Request::Ext(Ext::Surplus { id, reason }))
    }

    /// A record of an active request. 5.
    #[inline]
    fn stream<'i>(&mut self, index: usize, header: Header) -> Result<Option<Event<'i>>, Error> {
        let Some(slot) = self.slots.as_mut().get_mut(index) else {
            return Ok(None);
        };
        if !slot.listens() {
            return Ok(None);
        }
        let empty = header.content == 0;
        let count = u64::from(header.content);
        match (header.kind, slot.stage) {
            (kind::PARAMS, Stage::Params) if !empty => {
                slot.head = slot.head.saturating_add(u32::from(header.content));
                if slot.head > self.limits.common.head_bytes {
                    return Ok(self.fault(index, Error::HeadTooLong));
                }
                self.fields_left = slot.fields_left;
                self.target = if slot.pairs.at_border() {
                    Target::Pairs
                } else {
                    Target::CutPair
                };
            }
            (kind::PARAMS, Stage::Params) => return Ok(self.params_end(index)),
            (kind::STDIN, Stage::Stdin) if !empty => {
                slot.body = slot.body.saturating_add(count);
                if !slot.is(flag::DISCARD) {
                    let strict = slot.is(flag::LENGTH) && !self.any_body_length;
                    if strict && slot.body > slot.declared {
                        return Ok(self.fault(index, Error::BodyExcess));
                    }
                    if slot.body > self.limits.common.body_bytes {
                        return Ok(self.fault(index, Error::BodyTooLong));
                    }
                    self.target = Target::Stdin;
                }
            }
            (kind::STDIN, Stage::Stdin) => return Ok(self.stdin_end(index)),
            (kind::DATA, Stage::Data) if !empty => {
                slot.body = slot.body.saturating_add(count);
                if !slot.is(flag::DISCARD) {
                    if slot.body > self.limits.common.body_bytes {
                        return Ok(self.fault(index, Error::BodyTooLong));
                    }
                    self.target = Target::Data;
                }
            }
            (kind::DATA, Stage::Data) => {
                self.set_stage(index, Stage::Run);
                self.idle = 0;
                return Ok(Some(Request::Ext(Ext::DataEnd { id: self.id })));
            }
            (kind::ABORT_REQUEST, _) => {
                self.idle = 0;
                return Ok(self.abort(index).event());
            }
            // The end of a stream once more, or input that nobody waits for.
            (kind::STDIN | kind::DATA, Stage::Run)
            | (kind::STDIN, Stage::Data)
            | (kind::PARAMS, Stage::Run) => {
                return Ok(None);
            }
            (kind::PARAMS, Stage::Stdin | Stage::Data) if empty => return Ok(None),
            (kind::DATA, Stage::Stdin) if slot.role != Role::Filter => return self.stray_record(),
            _ => return Ok(self.fault(index, Error::OutOfOrder(header.kind))),
        }
        if self.target != Target::Skip {
            self.idle = 0;
        }
        Ok(None)
    }

    fn params_end<'i>(&mut self, index: usize) -> Option<Event<'i>> {
        let slot = self.slots.as_mut().get_mut(index)?;
        let length = match slot.length(self.limits.common.body_bytes) {
            Ok(length) => length,
            Err(error) => return self.fault(index, error),
        };
        slot.left = 0;
        let stage = match slot.role {
            Role::Authorizer => Stage::Run,
            Role::Responder | Role::Filter => Stage::Stdin,
        };
        self.set_stage(index, stage);
        self.idle = 0;
        Some(Request::HeadEnd {
            id: self.id,
            length,
        })
    }

    fn stdin_end<'i>(&mut self, index: usize) -> Option<Event<'i>> {
        let slot = self.slots.as_mut().get_mut(index)?;
        let strict = slot.is(flag::LENGTH) && !self.any_body_length && !slot.is(flag::DISCARD);
        if strict && slot.body != slot.declared {
            return self.fault(index, Error::BodyShort);
        }
        slot.body = 0;
        let stage = match slot.role {
            Role::Filter => Stage::Data,
            Role::Responder | Role::Authorizer => Stage::Run,
        };
        self.set_stage(index, stage);
        self.idle = 0;
        Some(Request::BodyEnd { id: self.id })
    }
}
