//! Reading requests. RFC 9112, 3 to 7.

use super::{Event, Link, Reading, Server, Writing, line};
use crate::cursor::take;
use crate::error::Error;
use crate::event::{Id, Length, Next, Request};
use crate::http1::chunked::Piece;
use crate::http1::facts::Facts;
use crate::http1::framing::{self, Framing};
use crate::http1::head::{Line, Part};
use crate::machine::Receive;

type Step<'i> = Result<Next<Event<'i>>, Error>;

const ID: Id = Id::SOLE;

impl Receive for Server {
    type Event<'i> = Event<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.link == Link::Broken {
            return self.gone(Next::Paused);
        }
        match self.reading {
            Reading::Head => self.head(input),
            Reading::Body if self.writing == Writing::Over => self.drain(input),
            Reading::Body => self.body(input),
            Reading::Idle => self.idle(input),
            Reading::Done => Ok(Next::Paused),
            Reading::Lost(error) => Err(error),
        }
    }

    fn eof<'i>(&mut self) -> Step<'i> {
        if self.link == Link::Broken {
            return self.gone(Next::NeedInput);
        }
        let owed = matches!(self.body, Framing::None | Framing::Counted(0));
        match self.reading {
            Reading::Idle => {
                self.link = Link::Broken;
                Ok(Next::NeedInput)
            }
            Reading::Head => {
                self.link.half_close();
                self.lose_framing(Error::Eof)
            }
            Reading::Body if self.writing == Writing::Over => {
                self.link = Link::Broken;
                self.reading = Reading::Idle;
                Ok(Next::NeedInput)
            }
            Reading::Body if owed => self.body_end(),
            Reading::Body => {
                self.link.half_close();
                self.reading = Reading::Lost(Error::Eof);
                Ok(Next::Event(Request::Abort { id: ID }))
            }
            Reading::Done => {
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

impl Server {
    /// The transport is gone both ways.
    pub(super) fn lose(&mut self) {
        self.link = Link::Broken;
    }

    /// Nothing is read behind a connection that is over: what is open gets its
    /// last event.
    #[cold]
    fn gone<'i>(&mut self, quiet: Next<Event<'i>>) -> Step<'i> {
        let open = matches!(self.writing, Writing::Waiting | Writing::Body { .. });
        match self.reading {
            Reading::Lost(error) => Err(error),
            Reading::Head => self.lose_framing(Error::Eof),
            Reading::Body | Reading::Done if open => {
                self.reading = Reading::Lost(Error::Eof);
                Ok(Next::Event(Request::Abort { id: ID }))
            }
            _ => Ok(quiet),
        }
    }

    #[cold]
    fn lose_framing<'i>(&mut self, error: Error) -> Step<'i> {
        self.reading = Reading::Lost(error);
        Err(error)
    }

    #[cold]
    #[inline(never)]
    fn spoil<'i>(&mut self, error: Error) -> Step<'i> {
        self.reading = Reading::Lost(error);
        Ok(Next::Event(Request::Fault { id: ID, error }))
    }

    #[inline]
    fn idle<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.link == Link::Open
            && let [byte, ..] = *input
            && byte.is_ascii_uppercase()
            && self.head.at == 0
        {
            return self.begin();
        }
        self.between(input)
    }

    fn begin<'i>(&mut self) -> Step<'i> {
        self.head.begin(&self.limits.common);
        self.reading = Reading::Head;
        Ok(Next::Event(Request::Begin { id: ID }))
    }

    /// Between requests: empty lines, or all that comes after the last one.
    #[cold]
    #[inline(never)]
    fn between<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.link != Link::Open {
            self.linger(input);
            return Ok(Next::NeedInput);
        }
        // `at`: after a CR; `line`: how many empty lines there were.
        while let [byte, rest @ ..] = *input {
            let cr = self.head.at == 1;
            match byte {
                b'\r' if !cr => self.head.at = 1,
                b'\n' if cr || self.rules.allows_bare_lf() => {
                    self.head.at = 0;
                    if self.head.line >= u32::from(self.limits.blank_lines) {
                        return self.lose_framing(Error::RequestLine);
                    }
                    self.head.line = self.head.line.saturating_add(1);
                }
                b'\n' => return self.lose_framing(Error::RequestLine),
                _ if cr => return self.lose_framing(Error::RequestLine),
                _ => return self.begin(),
            }
            *input = rest;
        }
        Ok(Next::NeedInput)
    }

    /// Drops all input. Past the limit the connection is to be closed at once.
    fn linger(&mut self, input: &mut &[u8]) {
        let n = u32::try_from(input.len()).unwrap_or(u32::MAX);
        *input = &[];
        self.dropped = self.dropped.saturating_add(n);
    }

    #[inline]
    fn head<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if input.is_empty() {
            return Ok(Next::NeedInput);
        }
        let (line_bytes, rules) = (self.limits.line_bytes, self.rules);
        if self.head.part == Part::Fields {
            match self.head.usual(input, line_bytes, rules) {
                Line::Field(field) => return Ok(Next::Event(Request::Field { id: ID, field })),
                Line::Blank => return self.head_end(),
                Line::Empty => {}
            }
        } else if let Some(field) = line::usual(&mut self.head, input, &self.limits) {
            return Ok(Next::Event(Request::Field { id: ID, field }));
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
                Err(error) => return self.lose_framing(error),
            }
        } else {
            match line::unusual(&mut self.head, input, &self.limits, self.rules) {
                Ok(Some(field)) => field,
                Ok(None) => return Ok(Next::NeedInput),
                Err(error) => return self.lose_framing(error),
            }
        };
        Ok(Next::Event(Request::Field { id: ID, field }))
    }

    /// The verdict on the head.
    #[inline]
    fn head_end<'i>(&mut self) -> Step<'i> {
        let mut facts = self.head.facts;
        let most = self.limits.common.body_bytes;
        let length = self.head.values.length;
        let framing = match framing::request(facts, length, most, self.rules) {
            Ok(framing) => framing,
            Err(error) => return self.lose_framing(error),
        };
        let length = match framing {
            Framing::None | Framing::Close => Length::None,
            Framing::Counted(n) => Length::Known(n),
            Framing::Chunked => {
                self.head.begin_chunks(most, self.limits.extensions_bytes);
                Length::Unknown
            }
        };
        // It counts for a body, and from whoever knows it. RFC 9110, 10.1.1.
        let bodiless = matches!(framing, Framing::None | Framing::Counted(0));
        if bodiless || !facts.has(Facts::V11) {
            facts = facts.without(Facts::EXPECT);
        }
        let both = facts.has(Facts::CODED) && facts.has(Facts::LENGTH);
        if both || !facts.persists() {
            self.link.last();
        }
        self.facts = facts;
        self.body = framing;
        self.writing = Writing::Waiting;
        self.reading = Reading::Body;
        self.dropped = 0;
        Ok(Next::Event(Request::HeadEnd { id: ID, length }))
    }

    #[inline]
    fn body<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        match &mut self.body {
            Framing::Counted(left) if *left > 0 => {
                let bytes = take(input, left);
                if bytes.is_empty() {
                    return Ok(Next::NeedInput);
                }
                self.facts.set(Facts::CONTINUED);
                Ok(Next::Event(Request::Body { id: ID, bytes }))
            }
            Framing::Chunked => {
                if !input.is_empty() {
                    self.facts.set(Facts::CONTINUED);
                }
                match self.head.chunks(input, self.limits.bounds(self.rules)) {
                    Ok(Piece::Data(bytes)) => Ok(Next::Event(Request::Body { id: ID, bytes })),
                    Ok(Piece::Trailer(field)) => Ok(Next::Event(Request::Field { id: ID, field })),
                    Ok(Piece::End) => self.body_end(),
                    Ok(Piece::Empty) => Ok(Next::NeedInput),
                    Err(error) => self.spoil(error),
                }
            }
            _ => self.body_end(),
        }
    }

    fn body_end<'i>(&mut self) -> Step<'i> {
        self.reading = Reading::Done;
        self.body = Framing::None;
        Ok(Next::Event(Request::BodyEnd { id: ID }))
    }

    /// The rest of a request whose answer is finished: nobody wants it, but
    /// the next request stands behind it.
    #[cold]
    #[inline(never)]
    fn drain<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        loop {
            if self.link == Link::Lingering {
                self.linger(input);
                return Ok(Next::NeedInput);
            }
            let before = input.len();
            let step = self.body(input);
            let taken = before.saturating_sub(input.len());
            let taken = u32::try_from(taken).unwrap_or(u32::MAX);
            self.dropped = self.dropped.saturating_add(taken);
            let over = self.dropped > self.limits.drain_bytes;
            match step {
                Ok(Next::Event(Request::BodyEnd { .. })) => {
                    if over {
                        self.link.last();
                    }
                    self.cycle();
                    return self.idle(input);
                }
                // Past the limit nobody looks at what is dropped, however it
                // was cut.
                Ok(Next::Event(Request::Fault { .. })) if over => self.reading = Reading::Body,
                Ok(Next::Event(Request::Fault { error, .. })) => {
                    self.link = Link::Lingering;
                    self.dropped = 0;
                    return Err(error);
                }
                Ok(Next::Event(_)) => {}
                other => return other,
            }
            if over {
                self.link = Link::Lingering;
                // The rest counts for the other limit, however it was cut.
                self.dropped = self.dropped.saturating_sub(self.limits.drain_bytes);
            }
        }
    }
}
