//! Reading a request.

use super::{Core, Link, Reading, Writing};
use crate::cursor::take;
use crate::error::Error;
use crate::event::{Field, Id, Length, Next, Request};
use crate::machine::Receive;
use crate::oneshot::{Head, Part};

const ID: Id = Id::SOLE;

type Step<'i, X> = Result<Next<Request<'i, X>>, Error>;

impl<H: Head> Receive for Core<H> {
    type Event<'i> = Request<'i, H::Ext>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i, H::Ext> {
        match self.field(input) {
            Some(field) => Ok(Next::Event(Request::Field { id: ID, field })),
            None => self.step(input),
        }
    }

    fn eof<'i>(&mut self) -> Step<'i, H::Ext> {
        if self.link == Link::Broken {
            return self.gone(Next::NeedInput);
        }
        match self.reading {
            Reading::Idle | Reading::Over => {
                self.link = Link::Broken;
                Ok(Next::NeedInput)
            }
            Reading::Head => {
                self.link.half_close();
                self.lose(Error::Eof)
            }
            Reading::Body if self.body == 0 => self.body(&mut &[][..]),
            Reading::Body => {
                self.link.half_close();
                self.reading = Reading::Lost(Error::Eof);
                Ok(Next::Event(Request::Abort { id: ID }))
            }
            // Whoever has sent it all may close its half: the answer is owed.
            Reading::Done(_) => {
                self.link.half_close();
                Ok(Next::NeedInput)
            }
            Reading::Lost(error) => {
                // Who lingers waited for this.
                if self.link == Link::Lingering {
                    self.link = Link::Broken;
                }
                Err(error)
            }
        }
    }
}

impl<H: Head> Core<H> {
    /// The transport is gone both ways.
    pub(super) fn broken(&mut self) {
        self.link = Link::Broken;
        if self.reading == Reading::Head {
            self.reading = Reading::Lost(Error::Eof);
        }
    }

    /// The hot path: a variable that lies whole in the input.
    #[inline(always)]
    fn field<'i>(&mut self, input: &mut &'i [u8]) -> Option<Field<'i>> {
        if self.reading != Reading::Head {
            return None;
        }
        let (name, value) = self.head.whole(input, &self.limits.common)?;
        self.watch.whole(name, value);
        Some(Field::var(name, value))
    }

    /// All else.
    #[inline(never)]
    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i, H::Ext> {
        if self.link == Link::Broken {
            return self.gone(Next::Paused);
        }
        match self.reading {
            Reading::Head => self.head_cold(input),
            Reading::Body => self.body(input),
            Reading::Idle => self.idle(input),
            Reading::Done(_) | Reading::Over => self.rest(input),
            Reading::Lost(error) => Err(error),
        }
    }

    /// Nothing is read behind a connection that is over: what is open gets its
    /// last event.
    #[cold]
    fn gone<'i>(&mut self, quiet: Next<Request<'i, H::Ext>>) -> Step<'i, H::Ext> {
        match self.reading {
            Reading::Lost(error) => Err(error),
            Reading::Body | Reading::Done(_) if self.writing != Writing::Over => {
                self.reading = Reading::Lost(Error::Eof);
                Ok(Next::Event(Request::Abort { id: ID }))
            }
            _ => Ok(quiet),
        }
    }

    #[cold]
    fn lose<'i>(&mut self, error: Error) -> Step<'i, H::Ext> {
        self.reading = Reading::Lost(error);
        Err(error)
    }

    fn idle<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i, H::Ext> {
        let [byte, ..] = *input else {
            return Ok(Next::NeedInput);
        };
        self.reading = Reading::Head;
        if self.head.begins(*byte) {
            return Ok(Next::Event(Request::Begin { id: ID }));
        }
        self.head_cold(input)
    }

    #[cold]
    #[inline(never)]
    fn head_cold<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i, H::Ext> {
        match self.head.step(input, &self.limits.common) {
            Ok(Part::Field(field)) => {
                self.watch.piece(&field);
                Ok(Next::Event(Request::Field { id: ID, field }))
            }
            Ok(Part::Begun) => match self.field(input) {
                Some(field) => Ok(Next::Event(Request::Field { id: ID, field })),
                // It does not begin again.
                None => self.head_cold(input),
            },
            Ok(Part::End) => self.head_end(),
            Ok(Part::Ext(ext)) => {
                self.reading = Reading::Over;
                self.link = Link::Lingering;
                Ok(Next::Event(Request::Ext(ext)))
            }
            Ok(Part::Empty) => Ok(Next::NeedInput),
            Err(error) => self.lose(error),
        }
    }

    /// The verdict on the head.
    fn head_end<'i>(&mut self) -> Step<'i, H::Ext> {
        let most = self.limits.common.body_bytes;
        let length = match self.watch.verdict(self.wants, most) {
            Ok(0) => Length::None,
            Ok(n) => {
                self.body = n;
                Length::Known(n)
            }
            Err(error) => return self.lose(error),
        };
        self.reading = Reading::Body;
        self.writing = Writing::Waiting;
        Ok(Next::Event(Request::HeadEnd { id: ID, length }))
    }

    #[inline]
    fn body<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i, H::Ext> {
        if self.body == 0 {
            self.reading = Reading::Done(false);
            return Ok(Next::Event(Request::BodyEnd { id: ID }));
        }
        let bytes = take(input, &mut self.body);
        if bytes.is_empty() {
            return Ok(Next::NeedInput);
        }
        Ok(Next::Event(Request::Body { id: ID, bytes }))
    }

    /// What nobody wants: bytes after the request, and all that comes when the
    /// answer is finished. Never another request.
    #[cold]
    #[inline(never)]
    fn rest<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i, H::Ext> {
        if self.reading == Reading::Done(false)
            && let [_, rest @ ..] = *input
        {
            *input = rest;
            self.reading = Reading::Done(true);
            return Ok(Next::Event(Request::Ext(H::EXCESS)));
        }
        if self.reading == Reading::Over {
            let n = u32::try_from(input.len()).unwrap_or(u32::MAX);
            self.dropped = self.dropped.saturating_add(n);
        }
        *input = &[];
        Ok(Next::NeedInput)
    }
}
