//! What comes in: bytes to events. FastCGI 1.0, 3.3 and 3.4.

use super::records::Fact;
use super::slot::{Slot, WATCHED, watched};
use super::{Event, Ext, Link, Lost, Server, Target};
use crate::error::Error;
use crate::event::{Field, Next, Request};
use crate::fcgi::pairs::Piece;
use crate::machine::Receive;

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Receive for Server<S> {
    type Event<'i> = Event<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        let id = self.id;
        match self.whole_pair(input) {
            Some(field) => Ok(Next::Event(Request::Field { id, field })),
            None => self.step(input),
        }
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
    /// The hot path: a pair that is whole in the input and in its record.
    /// Limits on bytes were checked with the record's header.
    #[inline(always)]
    fn whole_pair<'i>(&mut self, input: &mut &'i [u8]) -> Option<Field<'i>> {
        if self.target == Target::Pairs
            && let [n, v, rest @ ..] = *input
            && (n | v) & 0x80 == 0
            && let Some((name, rest)) = rest.split_at_checked(usize::from(*n))
            && let Some((value, rest)) = rest.split_at_checked(usize::from(*v))
            && let size = u16::from(*n).wrapping_add(u16::from(*v)).wrapping_add(2)
            && let Some(left) = self.reader.content.checked_sub(size)
        {
            *input = rest;
            self.reader.content = left;
            self.fields_left = self.fields_left.wrapping_sub(1);
            if self.fields_left == 0 {
                self.target = Target::CutPair;
            }
            if name.len() == WATCHED && watched(name, value) {
                self.watch_whole(name, value);
            }
            return Some(Field::var(name, value));
        }
        None
    }

    #[inline(never)]
    fn watch_whole(&mut self, name: &[u8], value: &[u8]) {
        if let Some(slot) = self.slots.as_mut().get_mut(usize::from(self.slot)) {
            slot.watch_whole(name, value);
        }
    }

    #[inline(never)]
    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        loop {
            if !matches!(self.link, Link::Open | Link::Closing) {
                return self.rest(input);
            }
            let fact = if self.reader.content > 0 {
                if input.is_empty() {
                    return Ok(Next::NeedInput);
                }
                let id = self.id;
                match self.target {
                    Target::Stdin => {
                        let bytes = self.reader.take(input);
                        return Ok(Next::Event(Request::Body { id, bytes }));
                    }
                    Target::Data => {
                        let bytes = self.reader.take(input);
                        return Ok(Next::Event(Request::Ext(Ext::Data { id, bytes })));
                    }
                    Target::Pairs | Target::CutPair => {
                        if let Some(field) = self.whole_pair(input) {
                            return Ok(Next::Event(Request::Field { id, field }));
                        }
                        match self.pair(input) {
                            Ok(Some(field)) => {
                                return Ok(Next::Event(Request::Field { id, field }));
                            }
                            Ok(None) => Fact::Nothing,
                            Err(error) => Fact::Fault(error),
                        }
                    }
                    Target::Begin => match self.reader.fixed(input) {
                        Some(bytes) => self.begin(bytes),
                        None => Fact::Nothing,
                    },
                    Target::Query => {
                        let bytes = self.reader.take(input);
                        self.query.feed(bytes);
                        if self.reader.content > 0 {
                            Fact::Nothing
                        } else {
                            Fact::Values
                        }
                    }
                    Target::Skip => {
                        let _ = self.reader.take(input);
                        Fact::Nothing
                    }
                }
            } else {
                if !self.reader.skip_padding(input) || input.is_empty() {
                    return Ok(Next::NeedInput);
                }
                match self.reader.header(input) {
                    Ok(Some(header)) => self.header(header),
                    Ok(None) => return Ok(Next::NeedInput),
                    Err(error) => Fact::Lost(error),
                }
            };
            if !matches!(fact, Fact::Nothing)
                && let Some(event) = self.event(fact)
            {
                return Ok(Next::Event(event));
            }
        }
    }

    /// Makes an event of a fact about the record at hand.
    #[inline]
    fn event<'i>(&mut self, fact: Fact) -> Option<Event<'i>> {
        let id = self.id;
        Some(match fact {
            Fact::Begin => Request::Begin { id },
            Fact::HeadEnd(length) => Request::HeadEnd { id, length },
            Fact::BodyEnd => Request::BodyEnd { id },
            Fact::DataEnd => Request::Ext(Ext::DataEnd { id }),
            Fact::Abort => return self.abort(usize::from(self.slot)).event(),
            Fact::Fault(error) => {
                self.target = Target::Skip;
                return self.spoil(usize::from(self.slot), error).event();
            }
            Fact::Surplus(reason) => Request::Ext(Ext::Surplus { id, reason }),
            Fact::UnknownType(kind) => Request::Ext(Ext::UnknownType(kind)),
            Fact::Values => Request::Ext(Ext::Values(self.query.take())),
            Fact::Lost(error) => {
                self.stop(Link::Lost(error, Lost::Framing));
                return None;
            }
            Fact::Nothing => return None,
        })
    }

    /// A step of a pair that is cut, or long, or one too many.
    #[cold]
    #[inline(never)]
    fn pair<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Field<'i>>, Error> {
        let limits = self.limits.common;
        let Some(slot) = self.slots.as_mut().get_mut(usize::from(self.slot)) else {
            return Ok(None);
        };
        if slot.pairs.at_border() {
            if self.fields_left == 0 {
                return Err(Error::TooManyFields);
            }
            self.fields_left = self.fields_left.saturating_sub(1);
        }
        let here = usize::from(self.reader.content).min(input.len());
        let mut content = input.get(..here).unwrap_or(&[]);
        let result = loop {
            match slot.pairs.piece(&mut content) {
                Piece::Lengths(name, value) => {
                    // Nothing is ever stored from these lengths, but a pair
                    // that cannot end in time is refused at once.
                    let taken = here.saturating_sub(content.len());
                    let left = usize::from(self.reader.content).saturating_sub(taken);
                    let free = u64::from(limits.head_bytes.saturating_sub(slot.head));
                    let room = free.saturating_add(u64::try_from(left).unwrap_or(u64::MAX));
                    if u64::from(name).saturating_add(u64::from(value)) > room {
                        break Err(Error::HeadTooLong);
                    }
                }
                Piece::Field(field) => {
                    slot.watch(&field);
                    break Ok(Some(field));
                }
                Piece::Empty => break Ok(None),
            }
        };
        let hot = slot.pairs.at_border() && self.fields_left > 0;
        self.target = if hot { Target::Pairs } else { Target::CutPair };
        let taken = here.saturating_sub(content.len());
        *input = input.get(taken..).unwrap_or(&[]);
        let taken = u16::try_from(taken).unwrap_or(u16::MAX);
        self.reader.content = self.reader.content.saturating_sub(taken);
        result
    }
}
