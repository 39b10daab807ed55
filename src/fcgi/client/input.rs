//! What a client machine reads. FastCGI 1.0, 3.3 and 5.

mod ends;

use super::slot::{self, Life, Slot};
use super::{Client, Ending as EndBytes, Event, Ext, Now, Query, id_of, index_of};
use crate::cgi::response::Piece;
use crate::error::Error;
use crate::event::{Ending, Field, Id, Next, Response};
use crate::fcgi::record::{Header, kind};
use crate::fcgi::values::Values;

/// What a step came to; `None`: go on with the next one.
type Step<'i> = Option<Next<Event<'i>>>;

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Client<S> {
    /// The short path: headers of STDOUT records and what is in them. All else
    /// is out of line.
    #[inline]
    pub(super) fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        loop {
            if let Some(event) = self.whole_line(input) {
                return Ok(Next::Event(event));
            }
            let step = match self.now {
                Now::Stdout => self.parse(input),
                Now::Header => {
                    if !self.reader.skip_padding(input) {
                        return Ok(Next::NeedInput);
                    }
                    match self.reader.header(input) {
                        Ok(Some(header)) => self.record(header, input),
                        Ok(None) => return Ok(Next::NeedInput),
                        Err(e) => {
                            self.stop_reading(Some(e));
                            None
                        }
                    }
                }
                Now::Over => return self.over(),
                _ => self.rest(input),
            };
            if let Some(next) = step {
                return Ok(next);
            }
        }
    }

    /// A field of an answer's head that is whole in the input and in its
    /// record.
    #[inline(always)]
    fn whole_line<'i>(&mut self, input: &mut &'i [u8]) -> Option<Event<'i>> {
        if self.now != Now::Stdout {
            return None;
        }
        let id = id_of(self.at)?;
        let n = input.len().min(usize::from(self.reader.content));
        let (content, _) = input.split_at_checked(n)?;
        let slot = self.slots.as_mut().get_mut(self.at)?;
        let line = slot.answer.line(&self.rules, content)?;
        *input = input.get(line.len..).unwrap_or_default();
        self.taken(line.len);
        let field = Field::header(line.name, line.value);
        Some(Response::Field { id, field })
    }

    #[inline]
    fn record<'i>(&mut self, header: Header, input: &mut &'i [u8]) -> Step<'i> {
        let index = usize::from(header.id).wrapping_sub(1);
        if header.kind == kind::STDOUT
            && header.content != 0
            && let Some(slot) = self.slots.as_mut().get_mut(index)
            && slot.life == Life::Open
            && !slot.is(slot::DISCARD)
        {
            slot.flags |= slot::STDOUT;
            self.idle = 0;
            self.at = index;
            self.now = Now::Stdout;
            return self.body_piece(input);
        }
        self.other_record(header)
    }

    /// The hot path for content of STDOUT behind the head. Nothing is changed
    /// where it is something else.
    #[inline]
    fn body_piece<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        let id = id_of(self.at)?;
        let n = input.len().min(usize::from(self.reader.content));
        let (bytes, rest) = input.split_at_checked(n)?;
        let slot = self.slots.as_mut().get_mut(self.at)?;
        if !slot.answer.passes(bytes) {
            return None;
        }
        *input = rest;
        self.taken(n);
        if self.reader.content == 0 {
            self.now = Now::Header;
        }
        Some(Next::Event(Response::Body { id, bytes }))
    }

    #[inline]
    fn taken(&mut self, n: usize) {
        let n = u16::try_from(n).unwrap_or(u16::MAX);
        self.reader.content = self.reader.content.saturating_sub(n);
    }

    /// Content of STDOUT, through the parser of its slot. The record stays
    /// open until the parser has no more to say.
    #[inline(never)]
    fn parse<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        let step = self.body_piece(input);
        if step.is_some() {
            return step;
        }
        let n = input.len().min(usize::from(self.reader.content));
        let (mut content, _) = input.split_at_checked(n).unwrap_or_default();
        let slot = self.slots.as_mut().get_mut(self.at)?;
        let result = slot.answer.other(&self.rules, &mut content);
        let used = n.saturating_sub(content.len());
        *input = input.get(used..).unwrap_or_default();
        self.taken(used);
        match result {
            Ok(Next::Event(piece)) => self.piece(piece),
            Ok(Next::NeedInput) if self.reader.content != 0 => Some(Next::NeedInput),
            Ok(_) => {
                self.now = if self.reader.content == 0 {
                    Now::Header
                } else {
                    Now::Skip
                };
                None
            }
            Err(e) => self.spend(Ending::Failed(e)),
        }
    }

    /// What the parser of the slot at hand said.
    #[inline]
    fn piece<'i>(&mut self, piece: Piece<'i>) -> Step<'i> {
        let id = id_of(self.at)?;
        Some(Next::Event(match piece {
            Piece::Field(field) => Response::Field { id, field },
            Piece::Body(bytes) => Response::Body { id, bytes },
            Piece::BodyEnd => Response::BodyEnd { id },
            Piece::Interim(status) => Response::Interim { id, status },
            Piece::HeadEnd { status, length } => {
                self.slots.as_mut().get_mut(self.at)?.flags |= slot::HEAD;
                Response::HeadEnd { id, status, length }
            }
            Piece::LocalRedirect => {
                self.slots.as_mut().get_mut(self.at)?.flags |= slot::HEAD;
                Response::Ext(Ext::LocalRedirect { id })
            }
        }))
    }

    /// A header of any other record than STDOUT with content for who waits for it.
    #[inline(never)]
    fn other_record<'i>(&mut self, header: Header) -> Step<'i> {
        self.now = Now::Skip;
        let Some(id) = Id::new(header.id) else {
            return self.management(header);
        };
        self.at = index_of(id);
        let slots = self.slots.as_mut();
        let sole = slots.len() <= 1;
        let slot = match slots.get_mut(self.at) {
            Some(slot) if slot.life != Life::Free => slot,
            _ if sole => {
                self.stop_reading(Some(Error::UnknownId(header.id)));
                return None;
            }
            _ => {
                self.stray();
                return None;
            }
        };
        match (header.kind, header.content) {
            (kind::STDOUT, 0) => {
                if slot.life == Life::Open {
                    self.idle = 0;
                    if !slot.is(slot::STDOUT) {
                        // No answer, or a rejection: END_REQUEST tells.
                        slot.flags |= slot::SILENT;
                        slot.life = Life::Ended;
                    } else if slot.is(slot::DISCARD) {
                        slot.life = Life::Ended;
                    } else {
                        self.now = Now::StdoutEnd;
                    }
                } else {
                    self.idle();
                }
            }
            (kind::STDERR, 0) => self.idle(),
            (kind::STDOUT, _) => {
                slot.flags |= slot::STDOUT;
                if slot.life == Life::Ended {
                    self.stray();
                }
            }
            (kind::STDERR, _) => {
                slot.flags |= slot::STDERR;
                if slot.listens() {
                    self.now = Now::Stderr;
                    self.idle = 0;
                }
            }
            (kind::END_REQUEST, 8..) => {
                self.now = Now::End;
                self.end = EndBytes {
                    app: 0,
                    protocol: 0,
                    have: 0,
                };
                self.idle = 0;
            }
            (kind::END_REQUEST, _) => {
                self.open = false;
                return self.finish(Some(Error::RecordLength(kind::END_REQUEST)));
            }
            _ => self.stray(),
        }
        None
    }

    /// A record with id 0. FastCGI 1.0, 4.
    fn management<'i>(&mut self, header: Header) -> Step<'i> {
        match (header.kind, self.query, header.content) {
            (kind::GET_VALUES_RESULT, Query::Waiting, 0) => {
                self.query = Query::Answered;
                return Some(Next::Event(Response::Ext(Ext::Values(Values::default()))));
            }
            (kind::GET_VALUES_RESULT, Query::Waiting, _) => self.now = Now::Values,
            (kind::GET_VALUES_RESULT, Query::Answered, 0) => self.idle(),
            (kind::UNKNOWN_TYPE, Query::Waiting, 1..) => self.now = Now::Unknown,
            _ => self.stray(),
        }
        None
    }

    /// Counts a record that nobody asked for.
    fn stray(&mut self) {
        self.open = false;
        self.strays = self.strays.saturating_add(1);
        if self.strays > self.stray_records {
            self.stop_reading(Some(Error::StrayRecords));
        }
    }

    /// Counts a record that came to nothing.
    fn idle(&mut self) {
        self.idle = self.idle.saturating_add(1);
        if self.idle > self.idle_records {
            self.stop_reading(Some(Error::IdleRecords));
        }
    }

    /// Everything but headers and the content of STDOUT.
    #[inline(never)]
    fn rest<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        match self.now {
            Now::Stderr => {
                let slot = self.slots.as_mut().get_mut(self.at)?;
                let left = self.log_bytes.saturating_sub(slot.log);
                // What is passed on and what is skipped are taken apart, so
                // that an event takes no byte behind its own.
                let most = match usize::try_from(left) {
                    Ok(0) | Err(_) => usize::MAX,
                    Ok(n) => n,
                };
                let mut here = input.get(..most.min(input.len())).unwrap_or(&[]);
                let bytes = self.reader.take(&mut here);
                *input = input.get(bytes.len()..).unwrap_or(&[]);
                if bytes.is_empty() {
                    return self.record_over();
                }
                let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                slot.log = slot.log.saturating_add(len);
                if left == 0 {
                    self.log_dropped = self.log_dropped.saturating_add(u64::from(len));
                    return None;
                }
                let id = id_of(self.at)?;
                Some(Next::Event(Response::Log { id, bytes }))
            }
            Now::StdoutEnd => {
                let step = self.output_ends();
                if step.is_none() {
                    self.now = Now::Header;
                }
                step
            }
            Now::End => self.end_request(input),
            Now::Values => {
                let piece = self.reader.take(input);
                self.answer.feed(piece);
                if self.reader.content != 0 {
                    return Some(Next::NeedInput);
                }
                self.now = Now::Header;
                self.query = Query::Answered;
                let values = self.answer.take();
                Some(Next::Event(Response::Ext(Ext::Values(values))))
            }
            Now::Unknown => {
                let [byte, rest @ ..] = *input else {
                    return Some(Next::NeedInput);
                };
                *input = rest;
                self.reader.content = self.reader.content.saturating_sub(1);
                self.now = Now::Skip;
                self.query = Query::Answered;
                Some(Next::Event(Response::Ext(Ext::UnknownType(*byte))))
            }
            _ => {
                let _ = self.reader.take(input);
                self.record_over()
            }
        }
    }

    /// The input or the content is used up.
    fn record_over<'i>(&mut self) -> Step<'i> {
        if self.reader.content != 0 {
            return Some(Next::NeedInput);
        }
        self.now = Now::Header;
        None
    }
}
