//! What a record means for the connection and for its request. FastCGI 1.0,
//! 4 to 6.

use super::slot::{Slot, Stage, flag};
use super::{Link, Role, Server, Target};
use crate::error::Error;
use crate::event::{Id, Length, Rejection};
use crate::fcgi::record::{Header, kind};

/// A fact about the record at hand; an event without bytes, small enough for
/// registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    Nothing,
    Begin,
    HeadEnd(Length),
    BodyEnd,
    DataEnd,
    Abort,
    Fault(Error),
    Surplus(Rejection),
    UnknownType(u8),
    Values,
    Lost(Error),
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Server<S> {
    /// A record begins.
    #[inline]
    pub(super) fn header(&mut self, header: Header) -> Fact {
        if matches!(self.target, Target::Pairs | Target::CutPair) {
            let left = self.fields_left;
            if let Some(slot) = self.slots.as_mut().get_mut(usize::from(self.slot)) {
                slot.fields_left = left;
            }
        }
        self.target = Target::Skip;
        let fact = self.meaning(header);
        if self.target == Target::Skip && matches!(fact, Fact::Nothing) {
            return self.idle_record();
        }
        self.idle = 0;
        fact
    }

    /// A record that comes to nothing.
    #[cold]
    fn idle_record(&mut self) -> Fact {
        if self.idle >= self.limits.idle_records {
            return Fact::Lost(Error::IdleRecords);
        }
        self.idle = self.idle.saturating_add(1);
        Fact::Nothing
    }

    #[inline]
    fn meaning(&mut self, header: Header) -> Fact {
        let Some(id) = Id::new(header.id) else {
            return self.management(header);
        };
        match header.kind {
            kind::PARAMS | kind::STDIN | kind::DATA | kind::ABORT_REQUEST => {
                let Some(index) = self.slot_of(id) else {
                    return Fact::Nothing;
                };
                self.id = id;
                self.slot = u16::try_from(index).unwrap_or(u16::MAX);
                self.stream(index, header)
            }
            kind::BEGIN_REQUEST if header.content < 8 => {
                Fact::Lost(Error::RecordLength(header.kind))
            }
            kind::BEGIN_REQUEST if self.slot_of(id).is_some() => {
                Fact::Lost(Error::DuplicateId(header.id))
            }
            kind::BEGIN_REQUEST => {
                self.id = id;
                self.target = Target::Begin;
                Fact::Nothing
            }
            _ => self.stray_record(),
        }
    }

    #[cold]
    fn stray_record(&mut self) -> Fact {
        if self.stray >= self.limits.stray_records {
            return Fact::Lost(Error::StrayRecords);
        }
        self.stray = self.stray.saturating_add(1);
        Fact::Nothing
    }

    /// A record with id 0. 4.
    #[cold]
    fn management(&mut self, header: Header) -> Fact {
        match header.kind {
            kind::BEGIN_REQUEST => return Fact::Lost(Error::NullId),
            // Of the other direction: no answer.
            kind::GET_VALUES_RESULT | kind::UNKNOWN_TYPE => return self.stray_record(),
            _ => {}
        }
        if self.management >= self.limits.management_records {
            return Fact::Lost(Error::ManagementRecords);
        }
        self.management = self.management.saturating_add(1);
        if header.kind != kind::GET_VALUES {
            return Fact::UnknownType(header.kind);
        }
        self.target = Target::Query;
        if header.content == 0 {
            Fact::Values
        } else {
            Fact::Nothing
        }
    }

    /// The content of BEGIN_REQUEST. 5.1.
    pub(super) fn begin(&mut self, content: [u8; 8]) -> Fact {
        let [r0, r1, flags, ..] = content;
        let keep = flags & 1 != 0;
        let id = self.id;
        self.management = 0;
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
                return Fact::Begin;
            }
            (Some(_), None) if slots.len() == 1 => Rejection::CantMultiplex,
            _ => Rejection::Overloaded,
        };
        Fact::Surplus(reason)
    }

    /// A record of an active request. 5.
    #[inline]
    fn stream(&mut self, index: usize, header: Header) -> Fact {
        let Some(slot) = self.slots.as_mut().get_mut(index) else {
            return Fact::Nothing;
        };
        if !slot.listens() {
            return Fact::Nothing;
        }
        let empty = header.content == 0;
        let count = u64::from(header.content);
        match (header.kind, slot.stage) {
            (kind::PARAMS, Stage::Params) if !empty => {
                slot.head = slot.head.saturating_add(u32::from(header.content));
                if slot.head > self.limits.common.head_bytes {
                    return Fact::Fault(Error::HeadTooLong);
                }
                self.fields_left = slot.fields_left;
                let hot = slot.pairs.at_border() && self.fields_left > 0;
                self.target = if hot { Target::Pairs } else { Target::CutPair };
            }
            (kind::PARAMS, Stage::Params) => return self.params_end(index),
            (kind::STDIN, Stage::Stdin) if !empty => {
                slot.body = slot.body.saturating_add(count);
                if !slot.is(flag::DISCARD) {
                    let strict = slot.is(flag::LENGTH) && !self.any_body_length;
                    if strict && slot.body > slot.declared {
                        return Fact::Fault(Error::BodyExcess);
                    }
                    if slot.body > self.limits.common.body_bytes {
                        return Fact::Fault(Error::BodyTooLong);
                    }
                    self.target = Target::Stdin;
                }
            }
            (kind::STDIN, Stage::Stdin) => return self.stdin_end(index),
            (kind::DATA, Stage::Data) if !empty => {
                slot.body = slot.body.saturating_add(count);
                if !slot.is(flag::DISCARD) {
                    if slot.body > self.limits.common.body_bytes {
                        return Fact::Fault(Error::BodyTooLong);
                    }
                    self.target = Target::Data;
                }
            }
            (kind::DATA, Stage::Data) => {
                self.set_stage(index, Stage::Run);
                return Fact::DataEnd;
            }
            (kind::ABORT_REQUEST, _) => return Fact::Abort,
            // The end of a stream once more, or input that nobody waits for.
            (kind::STDIN | kind::DATA, Stage::Run)
            | (kind::STDIN, Stage::Data)
            | (kind::PARAMS, Stage::Run) => {
                return Fact::Nothing;
            }
            (kind::PARAMS, Stage::Stdin | Stage::Data) if empty => return Fact::Nothing,
            (kind::DATA, Stage::Stdin) if slot.role != Role::Filter => return self.stray_record(),
            _ => return Fact::Fault(Error::OutOfOrder(header.kind)),
        }
        Fact::Nothing
    }

    fn params_end(&mut self, index: usize) -> Fact {
        let Some(slot) = self.slots.as_mut().get_mut(index) else {
            return Fact::Nothing;
        };
        let length = match slot.length(self.limits.common.body_bytes) {
            Ok(length) => length,
            Err(error) => return Fact::Fault(error),
        };
        slot.left = 0;
        let stage = match slot.role {
            Role::Authorizer => Stage::Run,
            Role::Responder | Role::Filter => Stage::Stdin,
        };
        self.set_stage(index, stage);
        Fact::HeadEnd(length)
    }

    fn stdin_end(&mut self, index: usize) -> Fact {
        let Some(slot) = self.slots.as_mut().get_mut(index) else {
            return Fact::Nothing;
        };
        let strict = slot.is(flag::LENGTH) && !self.any_body_length && !slot.is(flag::DISCARD);
        if strict && slot.body != slot.declared {
            return Fact::Fault(Error::BodyShort);
        }
        slot.body = 0;
        let stage = match slot.role {
            Role::Filter => Stage::Data,
            Role::Responder | Role::Authorizer => Stage::Run,
        };
        self.set_stage(index, stage);
        Fact::BodyEnd
    }
}
