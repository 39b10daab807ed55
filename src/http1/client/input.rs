//! Reading answers. RFC 9112, 4 to 7.

use super::line::status_line;
use super::{Client, Event, Link, Reading, Writing};
use crate::cursor::take;
use crate::error::Error;
use crate::event::{Ending, Id, Length, Next, Response};
use crate::http1::chunked::Piece;
use crate::http1::facts::Facts;
use crate::http1::framing::{self, Framing};
use crate::http1::head::{Head, Line, Part};
use crate::machine::Receive;

type Step<'i> = Result<Next<Event<'i>>, Error>;

const ID: Id = Id::SOLE;

/// What the facts say of the request; all others are the answer's.
const REQUEST: Facts = Facts::HEAD
    .with(Facts::CONNECT)
    .with(Facts::OPTIONS)
    .with(Facts::IDEMPOTENT)
    .with(Facts::EXPECT)
    .with(Facts::CONTINUED)
    .with(Facts::UPGRADE)
    .with(Facts::ANSWERED)
    .with(Facts::ABORTED);

impl Receive for Client {
    type Event<'i> = Event<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.link == Link::Broken {
            return self.gone(Next::Paused);
        }
        match self.reading {
            Reading::Head => self.head(input),
            Reading::Body => self.body(input),
            Reading::Await => self.await_answer(input),
            Reading::Done => Ok(Next::Event(self.done())),
            Reading::Idle => self.idle(input),
            Reading::Switched => Ok(Next::Paused),
            Reading::Lost(error) => Err(error),
        }
    }

    fn eof<'i>(&mut self) -> Step<'i> {
        if self.link == Link::Broken {
            return self.gone(Next::NeedInput);
        }
        match self.reading {
            Reading::Await if self.demand => Ok(Next::Event(self.demanded())),
            Reading::Body if self.body == Framing::Close => {
                self.link = Link::Ended;
                Ok(Next::Event(self.body_end()))
            }
            Reading::Body if matches!(self.body, Framing::None | Framing::Counted(0)) => {
                Ok(Next::Event(self.body_end()))
            }
            Reading::Done => {
                self.link = Link::Ended;
                Ok(Next::Event(self.done()))
            }
            Reading::Idle | Reading::Switched => {
                self.link = Link::Ended;
                Ok(Next::NeedInput)
            }
            Reading::Await | Reading::Head | Reading::Body => {
                self.link = Link::Ended;
                Ok(Next::Event(self.cut()))
            }
            Reading::Lost(error) => Err(error),
        }
    }
}

impl Client {
    /// The transport is gone both ways.
    pub(super) fn lose(&mut self) {
        self.link = Link::Broken;
    }

    /// Nothing is read any more: an open request gets its last event.
    #[cold]
    fn gone<'i>(&mut self, quiet: Next<Event<'i>>) -> Step<'i> {
        match self.reading {
            Reading::Lost(error) => Err(error),
            Reading::Idle | Reading::Switched => Ok(quiet),
            Reading::Done => Ok(Next::Event(self.done())),
            Reading::Await | Reading::Head | Reading::Body => Ok(Next::Event(self.cut())),
        }
    }

    /// The last event of a request whose answer is not complete and will not be.
    #[cold]
    fn cut<'i>(&mut self) -> Event<'i> {
        let answered = self.facts.has(Facts::ANSWERED);
        let ending = if self.facts.has(Facts::ABORTED) {
            Ending::Aborted
        } else if self.reading == Reading::Body {
            Ending::Truncated
        } else if answered {
            Ending::Failed(Error::HeadCut)
        } else {
            Ending::Failed(Error::NoResponse)
        };
        // A server that closes an idle connection does not know that a request
        // is under way. RFC 9112, 9.3.1.
        let retry_safe = !answered && self.used && self.facts.has(Facts::IDEMPOTENT);
        self.reading = Reading::Lost(Error::Eof);
        self.writing = Writing::Idle;
        Response::Done {
            id: ID,
            reuse: false,
            retry_safe,
            ending,
        }
    }

    #[cold]
    #[inline(never)]
    fn fail<'i>(&mut self, error: Error) -> Step<'i> {
        self.reading = Reading::Lost(error);
        self.writing = Writing::Idle;
        Ok(Next::Event(Response::Done {
            id: ID,
            reuse: false,
            retry_safe: false,
            ending: Ending::Failed(error),
        }))
    }

    /// Whether the request was sent whole: with its last byte a counted body
    /// is, said or not.
    fn sent(&self) -> bool {
        matches!(
            self.writing,
            Writing::Done | Writing::Body(Framing::Counted(0))
        )
    }

    /// The end of a complete answer.
    fn done<'i>(&mut self) -> Event<'i> {
        let switched = self.facts.has(Facts::SWITCH);
        let reuse = self.link == Link::Open && self.sent() && !switched && self.facts.persists();
        if self.link == Link::Open && !reuse {
            self.link = Link::Last;
        }
        self.reading = if switched {
            Reading::Switched
        } else {
            Reading::Idle
        };
        self.facts = Facts::NONE;
        self.body = Framing::None;
        self.writing = Writing::Idle;
        self.head = Head::NEW;
        self.interims = 0;
        self.demand = false;
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

    /// Bytes with no request open are no answer, however much they look like
    /// one.
    #[cold]
    fn idle<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        match self.blanks(input) {
            Ok(true) => Ok(Next::NeedInput),
            Ok(false) | Err(()) => {
                self.reading = Reading::Lost(Error::Surplus);
                Err(Error::Surplus)
            }
        }
    }

    /// Skips empty lines behind an answer; whether the input is used up.
    fn blanks(&mut self, input: &mut &[u8]) -> Result<bool, ()> {
        // `at`: after a CR; `line`: how many empty lines there were.
        while let [byte, rest @ ..] = *input {
            let cr = self.head.at == 1;
            match byte {
                b'\r' if !cr => self.head.at = 1,
                b'\n' if cr => {
                    self.head.at = 0;
                    self.head.line = self.head.line.saturating_add(1);
                    if self.head.line > u32::from(self.limits.blank_lines) {
                        return Err(());
                    }
                }
                _ if cr => return Err(()),
                _ => return Ok(false),
            }
            *input = rest;
        }
        Ok(true)
    }

    fn await_answer<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.demand {
            return Ok(Next::Event(self.demanded()));
        }
        match self.blanks(input) {
            Ok(true) => return Ok(Next::NeedInput),
            Ok(false) => {}
            Err(()) => return self.fail(Error::Surplus),
        }
        if self.interims == 0 {
            self.head.begin(&self.limits.common);
        } else {
            self.head.again();
        }
        self.facts.set(Facts::ANSWERED);
        self.reading = Reading::Head;
        self.head(input)
    }

    /// 100 Continue has come: the body may be sent.
    fn demanded<'i>(&mut self) -> Event<'i> {
        self.demand = false;
        Response::Demand {
            id: ID,
            max: usize::MAX,
        }
    }

    #[inline]
    fn head<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if input.is_empty() {
            return Ok(Next::NeedInput);
        }
        let (line_bytes, rules) = (self.limits.line_bytes, self.rules);
        if self.head.part == Part::Fields {
            match self.head.usual(input, line_bytes, rules) {
                Line::Field(field) => return Ok(Next::Event(Response::Field { id: ID, field })),
                Line::Blank => return self.head_end(),
                Line::Empty => {}
            }
        }
        self.head_cold(input)
    }

    #[cold]
    #[inline(never)]
    fn head_cold<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        let field = if self.head.part == Part::Fields {
            match self.head.line(input, &self.limits.bounds(self.rules)) {
                Ok(Line::Field(field)) => field,
                Ok(Line::Blank) => return self.head_end(),
                Ok(Line::Empty) => return Ok(Next::NeedInput),
                Err(error) => return self.fail(error),
            }
        } else {
            let line_bytes = self.limits.line_bytes;
            match status_line(&mut self.head, input, line_bytes, self.rules) {
                Ok(Some(field)) => field,
                Ok(None) => return Ok(Next::NeedInput),
                Err(error) => return self.fail(error),
            }
        };
        Ok(Next::Event(Response::Field { id: ID, field }))
    }

    /// The verdict on a head.
    fn head_end<'i>(&mut self) -> Step<'i> {
        let status = u16::try_from(self.head.number).unwrap_or(0);
        let mine = self.facts.only(REQUEST);
        if matches!(status, 100..=199) && status != 101 {
            return self.interim(status);
        }
        let facts = self.head.facts.without(REQUEST).with(mine);
        let most = self.limits.common.body_bytes;
        let length = self.head.values.length;
        if status == 101 {
            let asked = Facts::UPGRADE.with(Facts::V11).with(Facts::PROTOCOL);
            if !facts.has(asked) || !self.sent() {
                return self.fail(Error::Switch);
            }
            self.body = Framing::None;
        } else {
            match framing::response(facts, status, length, most, self.rules) {
                Ok(framing) => self.body = framing,
                Err(error) => return self.fail(error),
            }
        }
        let tunnel = status == 101 || facts.has(Facts::CONNECT) && matches!(status, 200..=299);
        self.facts = if tunnel {
            facts.with(Facts::SWITCH)
        } else {
            facts
        };
        // What contradicts itself is read once, if at all.
        let odd = facts.has(Facts::CODED) && (facts.has(Facts::LENGTH) || !facts.has(Facts::V11));
        if odd && self.link == Link::Open && self.body != Framing::None {
            self.link = Link::Last;
        }
        self.reading = Reading::Body;
        let length = match self.body {
            Framing::Counted(n) => Length::Known(n),
            Framing::Close => Length::Unknown,
            Framing::Chunked => {
                self.head.begin_chunks(most, self.limits.extensions_bytes);
                Length::Unknown
            }
            Framing::None if tunnel || status == 204 => Length::None,
            Framing::None => {
                framing::information(facts, length).map_or(Length::None, Length::Known)
            }
        };
        if self.body == Framing::Close {
            self.head.body_left = most;
        }
        Ok(Next::Event(Response::HeadEnd {
            id: ID,
            status,
            length,
        }))
    }

    #[cold]
    fn interim<'i>(&mut self, status: u16) -> Step<'i> {
        if self.interims >= self.limits.interim {
            return self.fail(Error::TooManyInterim);
        }
        self.interims = self.interims.saturating_add(1);
        self.head.again();
        self.reading = Reading::Await;
        let waits = self.facts.has(Facts::EXPECT) && !self.facts.has(Facts::CONTINUED);
        if status == 100 && waits {
            self.facts.set(Facts::CONTINUED);
            self.demand = matches!(self.writing, Writing::Body(_));
        }
        Ok(Next::Event(Response::Interim { id: ID, status }))
    }

    #[inline]
    fn body<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        match &mut self.body {
            Framing::Counted(left) if *left > 0 => {
                let bytes = take(input, left);
                if bytes.is_empty() {
                    return Ok(Next::NeedInput);
                }
                Ok(Next::Event(Response::Body { id: ID, bytes }))
            }
            Framing::Chunked => match self.head.chunks(input, self.limits.bounds(self.rules)) {
                Ok(Piece::Data(bytes)) => Ok(Next::Event(Response::Body { id: ID, bytes })),
                Ok(Piece::Trailer(field)) => Ok(Next::Event(Response::Field { id: ID, field })),
                Ok(Piece::End) => Ok(Next::Event(self.body_end())),
                Ok(Piece::Empty) => Ok(Next::NeedInput),
                Err(error) => self.fail(error),
            },
            Framing::Close => {
                if input.is_empty() {
                    return Ok(Next::NeedInput);
                }
                // As much as the limit allows comes, whatever the cuts.
                let bytes = take(input, &mut self.head.body_left);
                if bytes.is_empty() {
                    return self.fail(Error::BodyTooLong);
                }
                Ok(Next::Event(Response::Body { id: ID, bytes }))
            }
            _ => Ok(Next::Event(self.body_end())),
        }
    }

    fn body_end<'i>(&mut self) -> Event<'i> {
        self.reading = Reading::Done;
        Response::BodyEnd { id: ID }
    }
}
