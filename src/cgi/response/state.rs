//! The parser itself, without its rules.

mod fields;
mod watch;

use super::Piece;
use crate::cgi::known;
use crate::cgi::rules::{FirstLine, Rules};
use crate::cursor::take;
use crate::error::Error;
use crate::event::{Field, Length, Next, Space};
use crate::text::lines::{self, Lines, Step, Whole};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Head,
    /// The head of a local redirect is complete: a body would make it another.
    Wait,
    Body,
    /// The body is not to be given.
    Drop,
    /// The output ended.
    Done,
    Failed(Error),
}

/// Facts of the head and the body, as bits.
pub(super) mod fact {
    /// The request was HEAD.
    pub const HEAD: u16 = 1;
    /// A line of this head has begun.
    pub const ONE: u16 = 2;
    /// Two of them.
    pub const TWO: u16 = 4;
    pub const STATUS: u16 = 8;
    pub const TYPE: u16 = 16;
    pub const LOCATION: u16 = 32;
    /// Location has a value.
    pub const REDIRECT: u16 = 64;
    /// ... that is a local path.
    pub const LOCAL: u16 = 128;
    pub const LENGTH: u16 = 256;
    /// There was a status line.
    pub const LINE: u16 = 512;
    /// Bytes came after the declared length.
    pub const EXCESS: u16 = 1024;
    /// A body came where there is none.
    pub const DROPPED: u16 = 2048;

    /// What is true of the exchange and not of one head.
    pub const LASTING: u16 = HEAD;
}

/// The parser without its rules, for those who keep many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Content-Length; then bytes of the body that may still come.
    length: u64,
    /// The number in the value at hand.
    number: u64,
    head: u32,
    line: u32,
    fields: u32,
    stage: Stage,
    facts: u16,
    status: u16,
    lines: Lines,
    /// Place in the name, or in the value, at hand.
    at: u8,
    /// Which known name it may be, or is.
    known: u8,
}

impl State {
    /// `head_request`: the request was HEAD, so no body is passed on.
    pub const fn new(head_request: bool) -> Self {
        State {
            length: 0,
            number: 0,
            head: 0,
            line: 0,
            fields: 0,
            stage: Stage::Head,
            facts: if head_request { fact::HEAD } else { 0 },
            status: 0,
            lines: Lines::NEW,
            at: 0,
            known: 0,
        }
    }

    #[inline]
    pub fn next<'i>(
        &mut self,
        rules: &Rules,
        input: &mut &'i [u8],
    ) -> Result<Next<Piece<'i>>, Error> {
        match self.stage {
            Stage::Body => self.body(input),
            Stage::Head => match self.line(rules, input) {
                Some(line) => {
                    *input = line.rest;
                    let field = Field::header(line.name, line.value);
                    Ok(Next::Event(Piece::Field(field)))
                }
                None => self.other(rules, input),
            },
            _ => self.rare(rules, input),
        }
    }

    /// What `next` gives where [`line`](Self::line) gave nothing.
    #[inline]
    pub fn other<'i>(
        &mut self,
        rules: &Rules,
        input: &mut &'i [u8],
    ) -> Result<Next<Piece<'i>>, Error> {
        match self.stage {
            Stage::Body => self.body(input),
            Stage::Head => {
                if self.lines.at_start()
                    && let Some((rest, len)) = lines::blank(input)
                    && let Some(head) = self.fits(rules, len)
                {
                    self.head = head;
                    *input = rest;
                    return match self.blank(rules) {
                        Some(done) => done,
                        None => self.rare(rules, input),
                    };
                }
                self.cold(rules, input)
            }
            _ => self.rare(rules, input),
        }
    }

    pub fn eof<'i>(&mut self, _rules: &Rules) -> Result<Next<Piece<'i>>, Error> {
        match self.stage {
            Stage::Failed(error) => Err(error),
            Stage::Head if self.head == 0 => Err(self.fail(Error::NoResponse)),
            Stage::Head => Err(self.fail(Error::HeadCut)),
            Stage::Body if self.has(fact::LENGTH) && self.length > 0 => {
                Err(self.fail(Error::BodyShort))
            }
            Stage::Wait => {
                self.stage = Stage::Done;
                Ok(Next::Event(Piece::LocalRedirect))
            }
            Stage::Body | Stage::Drop => {
                self.stage = Stage::Done;
                Ok(Next::Event(Piece::BodyEnd))
            }
            Stage::Done => Ok(Next::NeedInput),
        }
    }

    /// The short way for a piece of the body that may come whole, to be given
    /// as it is: `next` would give it too. Nothing is changed otherwise.
    #[inline]
    pub fn passes(&mut self, piece: &[u8]) -> bool {
        match self.length.checked_sub(bytes(piece)) {
            Some(left) if self.stage == Stage::Body && !piece.is_empty() => {
                self.length = left;
                true
            }
            _ => false,
        }
    }

    /// Whether the answer is known to be complete before the output ends: all
    /// that Content-Length declared has come, or there is no body.
    #[inline]
    pub fn over(&self) -> bool {
        match self.stage {
            Stage::Body => self.length == 0 && self.has(fact::LENGTH),
            Stage::Drop => true,
            _ => false,
        }
    }

    #[inline]
    pub(super) fn has(&self, fact: u16) -> bool {
        self.facts & fact != 0
    }

    fn fail(&mut self, error: Error) -> Error {
        self.stage = Stage::Failed(error);
        error
    }

    #[inline]
    fn body<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Piece<'i>>, Error> {
        if input.is_empty() {
            return Ok(Next::NeedInput);
        }
        let now = take(input, &mut self.length);
        if now.is_empty() {
            return self.beyond(input);
        }
        Ok(Next::Event(Piece::Body(now)))
    }

    /// Bytes after the last one that may come.
    #[cold]
    fn beyond<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Piece<'i>>, Error> {
        if !self.has(fact::LENGTH) {
            return Err(self.fail(Error::BodyTooLong));
        }
        self.facts |= fact::EXCESS;
        *input = &[];
        Ok(Next::NeedInput)
    }

    /// What is neither head nor body.
    #[cold]
    #[inline(never)]
    fn rare<'i>(&mut self, rules: &Rules, input: &mut &'i [u8]) -> Result<Next<Piece<'i>>, Error> {
        match self.stage {
            Stage::Failed(error) => Err(error),
            _ if input.is_empty() => Ok(Next::NeedInput),
            Stage::Wait => self.head_end(rules).map(Next::Event),
            _ => {
                if self.stage == Stage::Drop {
                    self.facts |= fact::DROPPED;
                }
                *input = &[];
                Ok(Next::NeedInput)
            }
        }
    }

    /// The hot path: a line of a head at the front of `input` that is whole,
    /// valid, and within the limits. Nothing is changed where there is none;
    /// then the cold path finds out why.
    #[inline(always)]
    pub fn line<'i>(&mut self, rules: &Rules, input: &'i [u8]) -> Option<Whole<'i>> {
        if !matches!(self.stage, Stage::Head) || !self.lines.at_start() {
            return None;
        }
        if !self.has(fact::ONE) && rules.first() != FirstLine::StatusField {
            return None;
        }
        let line = lines::whole(input)?;
        if rules.allows_folding() && matches!(line.rest, [] | [b' ' | b'\t', ..]) {
            return None;
        }
        let head = self.fits(rules, u32::try_from(line.len).ok()?)?;
        if self.fields >= rules.limits.fields {
            return None;
        }
        let known = known::whole(line.name);
        if known != 0 && !self.means(rules, known, line.value) {
            return None;
        }
        self.head = head;
        self.begin();
        Some(line)
    }

    #[inline]
    fn fits(&self, rules: &Rules, len: u32) -> Option<u32> {
        self.head
            .checked_add(len)
            .filter(|head| *head <= rules.limits.head_bytes && len <= rules.line_bytes)
    }

    #[inline]
    fn begin(&mut self) {
        self.fields = self.fields.saturating_add(1);
        // TWO where there was ONE already.
        self.facts |= ((self.facts << 1) & fact::TWO) | fact::ONE;
    }

    /// The head's blank line was taken. Nothing where the event must wait.
    fn blank<'i>(&mut self, rules: &Rules) -> Option<Result<Next<Piece<'i>>, Error>> {
        if rules.first() == FirstLine::StatusLine && !self.has(fact::LINE) {
            return Some(Err(self.fail(Error::StatusLine)));
        }
        if !self.has(fact::ONE) && !rules.allows_empty_head() {
            return Some(Err(self.fail(Error::EmptyHead)));
        }
        if self.has(fact::STATUS) && self.status < 200 {
            let status = self.status;
            self.facts &= fact::LASTING;
            self.length = 0;
            return Some(Ok(Next::Event(Piece::Interim(status))));
        }
        if rules.allows_local_redirect() && self.facts & (fact::LOCAL | fact::TWO) == fact::LOCAL {
            self.stage = Stage::Wait;
            return None;
        }
        Some(self.head_end(rules).map(Next::Event))
    }

    /// The verdict on the head.
    fn head_end<'i>(&mut self, rules: &Rules) -> Result<Piece<'i>, Error> {
        if !self.has(fact::STATUS) {
            self.status = if self.has(fact::REDIRECT) { 302 } else { 200 };
        }
        let declared = self.has(fact::LENGTH).then_some(self.length);
        let length = match (self.status, declared) {
            (204, _) | (304, None) => Length::None,
            (_, Some(n)) => Length::Known(n),
            (_, None) => Length::Unknown,
        };
        if self.has(fact::HEAD) || matches!(self.status, 204 | 304) {
            self.stage = Stage::Drop;
        } else {
            let bound = rules.limits.body_bytes;
            if declared.is_some_and(|n| n > bound) {
                return Err(self.fail(Error::BodyTooLong));
            }
            self.length = declared.unwrap_or(bound);
            self.stage = Stage::Body;
        }
        Ok(Piece::HeadEnd {
            status: self.status,
            length,
        })
    }

    #[cold]
    #[inline(never)]
    fn cold<'i>(&mut self, rules: &Rules, input: &mut &'i [u8]) -> Result<Next<Piece<'i>>, Error> {
        let mut lines = self.lines;
        let step = lines.step(input, &mut watch::Watcher { state: self, rules });
        self.lines = lines;
        match step {
            Ok(Step::Field { name, value, cut }) => Ok(Next::Event(Piece::Field(Field {
                space: Space::Header,
                name,
                value,
                cut,
            }))),
            Ok(Step::Empty) => Ok(Next::NeedInput),
            Ok(Step::Blank) => match self.blank(rules) {
                Some(done) => done,
                None => self.rare(rules, input),
            },
            Err(error) => Err(self.fail(error)),
        }
    }
}

fn bytes(slice: &[u8]) -> u64 {
    u64::try_from(slice.len()).unwrap_or(u64::MAX)
}
