//! Reading answers. AJPv13, "Response Packet Structure".

use super::{Client, Event, Ext, Link, Reading, Sending};
use crate::ajp::reply::{May, Said};
use crate::error::Error;
use crate::event::{Ending, Id, Length, Next, Response};
use crate::machine::Receive;

type Step<'i> = Result<Next<Event<'i>>, Error>;

const ID: Id = Id::SOLE;

impl<S> Receive for Client<S> {
    type Event<'i> = Event<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.link == Link::Broken {
            return self.gone(Next::Paused);
        }
        if self.reading == Reading::Head
            && let Some(field) = self.reader.field(input)
        {
            return match field {
                Ok(field) => Ok(Next::Event(Response::Field { id: ID, field })),
                Err(error) => self.said(Err(error), input),
            };
        }
        match self.reading {
            Reading::Body => match self.reader.next(input, May::BODY, &self.bounds) {
                Ok(Said::Data(bytes)) => {
                    self.flushes = 0;
                    Ok(Next::Event(Response::Body { id: ID, bytes }))
                }
                said => self.said(said, input),
            },
            Reading::Await if input.is_empty() => Ok(Next::NeedInput),
            Reading::Await | Reading::Head => {
                self.reading = Reading::Head;
                match self.reader.next(input, May::HEAD, &self.bounds) {
                    Ok(Said::Field(field)) => Ok(Next::Event(Response::Field { id: ID, field })),
                    said => self.said(said, input),
                }
            }
            _ => self.rare(input),
        }
    }

    fn eof<'i>(&mut self) -> Step<'i> {
        if self.link == Link::Broken {
            return self.gone(Next::NeedInput);
        }
        match self.reading {
            Reading::Idle => {
                self.link = Link::Ended;
                Ok(Next::NeedInput)
            }
            Reading::Pong => {
                self.reading = Reading::Lost(Error::Eof);
                Err(Error::Eof)
            }
            Reading::Await | Reading::Head | Reading::Body | Reading::Ending => {
                if self.reader.owes() {
                    return self.next(&mut &[][..]);
                }
                self.link = Link::Ended;
                Ok(Next::Event(self.cut()))
            }
            Reading::Lost(error) => Err(error),
        }
    }
}

impl<S> Client<S> {
    /// The transport is gone both ways.
    pub(super) fn lose(&mut self) {
        self.link = Link::Broken;
    }

    /// Nothing is read any more: an open request gets its last event.
    #[cold]
    fn gone<'i>(&mut self, quiet: Next<Event<'i>>) -> Step<'i> {
        match self.reading {
            Reading::Lost(error) => Err(error),
            Reading::Idle | Reading::Pong => Ok(quiet),
            Reading::Await | Reading::Head | Reading::Body | Reading::Ending => {
                Ok(Next::Event(self.cut()))
            }
        }
    }

    /// Where neither fields nor bytes of a body are likely.
    fn rare<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        match self.reading {
            Reading::Lost(error) => Err(error),
            _ if input.is_empty() && !self.reader.owes() => Ok(Next::NeedInput),
            // Bytes with no request open answer none.
            Reading::Idle => {
                self.reading = Reading::Lost(Error::Unasked);
                Err(Error::Unasked)
            }
            Reading::Pong => {
                let said = self.reader.next(input, May::PONG, &self.bounds);
                self.said(said, input)
            }
            Reading::Await | Reading::Head | Reading::Body | Reading::Ending => {
                let said = self.reader.next(input, May::BODY, &self.bounds);
                self.said(said, input)
            }
        }
    }

    /// What comes of what is said.
    #[inline(never)]
    fn said<'i>(&mut self, mut said: Result<Said<'i>, Error>, input: &mut &'i [u8]) -> Step<'i> {
        loop {
            return match said {
                Ok(Said::Nothing) => Ok(Next::NeedInput),
                Ok(Said::Field(field)) => Ok(Next::Event(Response::Field { id: ID, field })),
                Ok(Said::Head) => self.head_end(),
                Ok(Said::Data(bytes)) => Ok(Next::Event(Response::Body { id: ID, bytes })),
                Ok(Said::Flush) => match self.flush() {
                    Ok(true) => Ok(Next::Event(Response::Ext(Ext::Flush { id: ID }))),
                    // Nothing is there to be passed on.
                    Ok(false) => {
                        said = self.reader.next(input, May::HEAD, &self.bounds);
                        continue;
                    }
                    Err(error) => self.fail(error),
                },
                Ok(Said::Ending) => Ok(Next::Event(self.body_end())),
                Ok(Said::End(reuse)) => Ok(Next::Event(self.done(reuse))),
                Ok(Said::Get(n)) => self.demanded(n),
                Ok(Said::Pong) => {
                    self.reading = Reading::Idle;
                    self.used = true;
                    Ok(Next::Event(Response::Ext(Ext::Cpong)))
                }
                Err(error) => self.fail(error),
            };
        }
    }

    /// The last event of a request whose answer is not complete and will not be.
    #[cold]
    fn cut<'i>(&mut self) -> Event<'i> {
        let ending = match self.reading {
            _ if self.aborted => Ending::Aborted,
            Reading::Ending => Ending::Unconfirmed,
            Reading::Body => Ending::Truncated,
            _ if self.reader.in_head() => Ending::Failed(Error::HeadCut),
            _ => Ending::Failed(Error::NoResponse),
        };
        // A container that closes an idle connection does not know that a
        // request is under way.
        let retry_safe = self.reading == Reading::Await && self.used && self.idempotent;
        self.over(Error::Eof, ending, retry_safe)
    }

    #[cold]
    #[inline(never)]
    fn fail<'i>(&mut self, error: Error) -> Step<'i> {
        if !self.is_open() {
            self.reading = Reading::Lost(error);
            return Err(error);
        }
        Ok(Next::Event(self.over(error, Ending::Failed(error), false)))
    }

    fn over<'i>(&mut self, error: Error, ending: Ending, retry_safe: bool) -> Event<'i> {
        self.reading = Reading::Lost(error);
        self.rest();
        Response::Done {
            id: ID,
            reuse: false,
            retry_safe,
            ending,
        }
    }

    /// Nothing is sent any more.
    fn rest(&mut self) {
        self.sending = Sending::Over;
        self.first = false;
        self.asked = 0;
    }

    /// END_RESPONSE, as far as its type.
    fn body_end<'i>(&mut self) -> Event<'i> {
        if self.counted && self.reader.body_left() > 0 {
            return self.over(Error::BodyShort, Ending::Truncated, false);
        }
        // Where something is owed, the container takes what comes next for it,
        // or it for what comes next.
        if self.link == Link::Open && (self.first || self.asked != 0) {
            self.link = Link::Last;
        }
        self.rest();
        self.reading = Reading::Ending;
        Response::BodyEnd { id: ID }
    }

    /// The end of a complete answer.
    fn done<'i>(&mut self, reuse: bool) -> Event<'i> {
        let excess = self.counted && self.reader.excess();
        let reuse = reuse && self.link == Link::Open && !excess;
        if self.link == Link::Open && !reuse {
            self.link = Link::Last;
        }
        self.reading = Reading::Idle;
        self.used = true;
        Response::Done {
            id: ID,
            reuse,
            retry_safe: false,
            ending: Ending::Complete {
                app_status: 0,
                output_ended: true,
            },
        }
    }

    /// The verdict on a head.
    fn head_end<'i>(&mut self) -> Step<'i> {
        let (status, declared) = (self.reader.status(), self.reader.length());
        self.flushes = 0;
        if status < 200 {
            return Ok(Next::Event(Response::Interim { id: ID, status }));
        }
        let length = match (status, declared) {
            (204 | 205, _) | (304, None) => Length::None,
            (_, Some(n)) => Length::Known(n),
            (_, None) => Length::Unknown,
        };
        let bound = self.limits.common.body_bytes;
        if self.head || matches!(status, 204 | 205 | 304) {
            self.reader.body(0, true);
        } else {
            if declared.is_some_and(|n| n > bound) {
                return self.fail(Error::BodyTooLong);
            }
            self.counted = declared.is_some();
            self.reader.body(declared.unwrap_or(bound), self.counted);
        }
        self.reading = Reading::Body;
        Ok(Next::Event(Response::HeadEnd {
            id: ID,
            status,
            length,
        }))
    }

    /// A flush. Whether it means something.
    fn flush(&mut self) -> Result<bool, Error> {
        if self.flushes >= self.limits.flushes {
            return Err(Error::TooManyFlushes);
        }
        self.flushes = self.flushes.saturating_add(1);
        Ok(self.reading == Reading::Body)
    }

    /// GET_BODY_CHUNK. One packet answers it; so there is none of no bytes,
    /// and none while something is owed.
    fn demanded<'i>(&mut self, n: u16) -> Step<'i> {
        if n == 0 || self.first || self.asked != 0 {
            return self.fail(Error::GetBodyChunk);
        }
        self.flushes = 0;
        let left = match self.sending {
            Sending::Over | Sending::Known(0) => {
                if self.late >= self.limits.late_demands {
                    return self.fail(Error::TooManyDemands);
                }
                self.late = self.late.saturating_add(1);
                u64::MAX
            }
            Sending::Known(left) => left,
            Sending::Unknown => u64::MAX,
        };
        self.asked = n;
        Ok(Next::Event(Response::Demand {
            id: ID,
            max: self.piece(n, left),
        }))
    }
}
