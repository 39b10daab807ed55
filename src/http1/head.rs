//! The reader of heads and trailers, the same on both sides: it knows lines,
//! what they say, and the limits, but not who plays which part.

use super::chunked::Chunk;
use super::facts::Facts;
use super::lines;
use super::names::{self, Kind};
use super::rules::Rules;
use super::target::Shape;
use super::values::Values;
use crate::error::Error;
use crate::event::{Cut, Field, Space};
use crate::limits::Limits as Common;
use crate::text::lines::{Course, Lines, Step, Watch};
use crate::text::token;

/// Where a head stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The method, or the version of a status line.
    First,
    /// The target, or the status and its reason.
    Second,
    /// The version of a request line.
    Third,
    /// Field lines.
    Fields,
}

/// The limits that both sides share, and what deviates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub line_bytes: u32,
    pub extension_bytes: u32,
    pub trailer_bytes: u32,
    pub trailer_fields: u32,
    pub rules: Rules,
}

/// The state of reading a message's head, its chunks and its trailers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// Of the head at hand.
    pub facts: Facts,
    pub part: Part,
    pub chunk: Chunk,
    lines: Lines,
    /// Where an element of the start line stands, or the digits of a chunk
    /// size.
    pub at: u8,
    /// A piece of the start line's element was given.
    pub open: bool,
    pub shape: Shape,
    pub values: Values,
    /// Bytes of the line at hand; of the method or target alone.
    pub line: u32,
    pub head_left: u32,
    pub fields_left: u32,
    /// Bytes of chunk extensions that the message may still have.
    pub extensions_left: u32,
    /// A status, or what is left of a chunk.
    pub number: u64,
    /// What the body may still come to.
    pub body_left: u64,
}

/// What a step of field lines came to.
pub(crate) enum Line<'i> {
    Field(Field<'i>),
    /// The blank line was taken.
    Blank,
    /// The input is used up.
    Empty,
}

impl Head {
    pub(crate) const NEW: Head = Head {
        facts: Facts::NONE,
        part: Part::First,
        chunk: Chunk::Size,
        lines: Lines::NEW,
        at: 0,
        open: false,
        shape: Shape::NEW,
        values: Values::NEW,
        line: 0,
        head_left: 0,
        fields_left: 0,
        extensions_left: 0,
        number: 0,
        body_left: 0,
    };

    /// Before the first byte of a message: all is new but the count of empty
    /// lines.
    #[inline]
    pub(crate) fn begin(&mut self, common: &Common) {
        self.at = 0;
        self.line = 0;
        self.head_left = common.head_bytes;
        self.fields_left = common.fields;
    }

    /// Before another head of the same exchange: what is left of its limits
    /// stays.
    pub(crate) fn again(&mut self) {
        *self = Head {
            head_left: self.head_left,
            fields_left: self.fields_left,
            ..Head::NEW
        };
    }

    /// Before the chunks.
    pub(crate) fn begin_chunks(&mut self, most: u64, extensions: u32) {
        self.chunk = Chunk::Size;
        self.at = 0;
        self.line = 0;
        self.number = 0;
        self.body_left = most;
        self.extensions_left = extensions;
    }

    /// Before the trailers.
    pub(super) fn begin_trailers(&mut self, bounds: &Bounds) {
        self.lines = Lines::NEW;
        self.line = 0;
        self.facts = self.facts.without(Facts::ANY.with(Facts::CR));
        self.head_left = self.head_left.min(bounds.trailer_bytes);
        self.fields_left = self.fields_left.min(bounds.trailer_fields);
    }

    /// A byte of the start line, for the limit of the head.
    #[inline]
    pub(crate) fn count(&mut self) -> Result<(), Error> {
        self.head_left = self.head_left.checked_sub(1).ok_or(Error::HeadTooLong)?;
        Ok(())
    }

    /// An element of the start line, or a piece of it.
    pub(crate) fn piece<'i>(&mut self, whole: Field<'i>, last: bool) -> Field<'i> {
        let first = !self.open;
        self.open = !last;
        let cut = match (first, last) {
            (true, true) => Cut::Whole,
            (true, false) => Cut::First,
            (false, true) => Cut::Last,
            (false, false) => Cut::Middle,
        };
        let name = if first { whole.name } else { &[] };
        Field { name, cut, ..whole }
    }

    /// The hot path of field lines. `Empty`, and nothing is changed, where it
    /// does not do: then it is for [`line`](Self::line).
    #[inline(always)]
    pub(crate) fn usual<'i>(
        &mut self,
        input: &mut &'i [u8],
        line_bytes: u32,
        rules: Rules,
    ) -> Line<'i> {
        if let Some(field) = self.whole(input, line_bytes, rules) {
            return Line::Field(field);
        }
        if self.blank(input, line_bytes, rules) {
            return Line::Blank;
        }
        match self.more(input, line_bytes, rules) {
            Some(field) => Line::Field(field),
            None => Line::Empty,
        }
    }

    /// A field line that is whole in the input.
    #[inline(always)]
    fn whole<'i>(
        &mut self,
        input: &mut &'i [u8],
        line_bytes: u32,
        rules: Rules,
    ) -> Option<Field<'i>> {
        let all = *input;
        if !self.lines.at_start() || rules.allows_folding() {
            return None;
        }
        let line = lines::whole(all)?;
        let len = all.len().saturating_sub(line.rest.len());
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if len > self.head_left.min(line_bytes) || self.fields_left == 0 {
            return None;
        }
        let kind = names::kind(line.name);
        if kind != Kind::Other {
            self.known(kind, line.value, rules);
        }
        self.facts.set(Facts::ANY);
        self.head_left = self.head_left.wrapping_sub(len);
        self.fields_left = self.fields_left.wrapping_sub(1);
        *input = line.rest;
        Some(Field::header(line.name, line.value))
    }

    /// The hot path for the blank line; whether it was taken.
    #[inline(always)]
    fn blank(&mut self, input: &mut &[u8], line_bytes: u32, rules: Rules) -> bool {
        if self.lines.at_start()
            && !rules.allows_folding()
            && let [b'\r', b'\n', rest @ ..] = *input
            && self.head_left.min(line_bytes) >= 2
        {
            self.head_left = self.head_left.wrapping_sub(2);
            *input = rest;
            return true;
        }
        false
    }

    /// Input that comes in small pieces: more of a value that decides nothing,
    /// and perhaps its end.
    #[inline(always)]
    fn more<'i>(
        &mut self,
        input: &mut &'i [u8],
        line_bytes: u32,
        rules: Rules,
    ) -> Option<Field<'i>> {
        let all = *input;
        if !self.lines.in_value() || self.values.kind != Kind::Other {
            return None;
        }
        let (value, rest) = all.split_at_checked(token::value_len(all))?;
        let (cut, rest) = match rest {
            [] => (Cut::Middle, rest),
            [b'\r', b'\n', rest @ ..] if !rules.allows_folding() => (Cut::Last, rest),
            _ => return None,
        };
        let room = self.head_left.min(line_bytes.saturating_sub(self.line));
        let len = all.len().saturating_sub(rest.len());
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if len > room {
            return None;
        }
        self.head_left = self.head_left.wrapping_sub(len);
        self.line = self.line.wrapping_add(len);
        if cut == Cut::Last {
            self.lines = Lines::NEW;
            self.line = 0;
        }
        *input = rest;
        Some(Field {
            cut,
            ..Field::header(&[], value)
        })
    }

    /// A piece of a field line, or all of an unusual one, or the blank line.
    pub(crate) fn line<'i>(
        &mut self,
        input: &mut &'i [u8],
        bounds: &Bounds,
    ) -> Result<Line<'i>, Error> {
        self.step(input, bounds, Space::Header)
    }

    /// A whole value that decides something: what nearly all say is compared,
    /// the rest goes byte by byte.
    #[inline]
    fn known(&mut self, kind: Kind, value: &[u8], rules: Rules) {
        let fact = match (kind, value) {
            (Kind::Host, _) if !self.facts.has(Facts::HOST) && lines::is_plain(value) => {
                Facts::HOST
            }
            (Kind::Connection, b"keep-alive") => Facts::KEEP,
            (Kind::Connection, b"close") => Facts::CLOSE,
            (Kind::ContentLength, _) if !self.facts.has(Facts::LENGTH) => {
                match lines::number(value) {
                    Some(number) => {
                        self.values.length = number;
                        Facts::LENGTH
                    }
                    None => return self.values.whole(kind, value, &mut self.facts, rules),
                }
            }
            _ => return self.values.whole(kind, value, &mut self.facts, rules),
        };
        self.facts.set(fact);
    }

    /// The same of trailers.
    pub(crate) fn trailer<'i>(
        &mut self,
        input: &mut &'i [u8],
        bounds: &Bounds,
    ) -> Result<Line<'i>, Error> {
        if self.blank(input, bounds.line_bytes, bounds.rules) {
            return Ok(Line::Blank);
        }
        self.step(input, bounds, Space::Trailer)
    }

    /// The cold path.
    #[cold]
    #[inline(never)]
    fn step<'i>(
        &mut self,
        input: &mut &'i [u8],
        bounds: &Bounds,
        space: Space,
    ) -> Result<Line<'i>, Error> {
        let mut lines = self.lines;
        let mut watcher = Watcher {
            head: self,
            bounds,
            trailer: space == Space::Trailer,
        };
        let step = lines.step(input, &mut watcher);
        self.lines = lines;
        Ok(match step? {
            Step::Field { name, value, cut } => Line::Field(Field {
                space,
                name,
                value,
                cut,
            }),
            Step::Blank => Line::Blank,
            Step::Empty => Line::Empty,
        })
    }
}

/// What the lines taken byte by byte tell the head.
struct Watcher<'a> {
    head: &'a mut Head,
    bounds: &'a Bounds,
    trailer: bool,
}

impl Watch for Watcher<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) -> Result<(), Error> {
        let head = &mut *self.head;
        head.count()?;
        if head.line >= self.bounds.line_bytes {
            return Err(Error::LineTooLong);
        }
        let cr = head.facts.has(Facts::CR);
        if byte == b'\n' {
            if !cr && (self.trailer || !self.bounds.rules.allows_bare_lf()) {
                return Err(Error::BadValue);
            }
            head.line = 0;
        } else {
            head.line = head.line.saturating_add(1);
        }
        if byte == b'\r' {
            head.facts.set(Facts::CR);
        } else {
            head.facts = head.facts.without(Facts::CR);
        }
        Ok(())
    }

    fn room(&self) -> usize {
        let line = self.bounds.line_bytes.saturating_sub(self.head.line);
        usize::try_from(line.min(self.head.head_left)).unwrap_or(usize::MAX)
    }

    fn run(&mut self, bytes: &[u8]) {
        let head = &mut *self.head;
        let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        head.head_left = head.head_left.saturating_sub(n);
        head.line = head.line.saturating_add(n);
        if head.values.kind != Kind::Other {
            for byte in bytes {
                head.values.byte(*byte, &mut head.facts, self.bounds.rules);
            }
        }
    }

    fn begin(&mut self) -> Result<Course, Error> {
        let head = &mut *self.head;
        head.fields_left = head
            .fields_left
            .checked_sub(1)
            .ok_or(Error::TooManyFields)?;
        head.facts.set(Facts::ANY);
        head.values.begin(Kind::Other);
        Ok(Course::Field)
    }

    fn stray(&mut self) -> Result<(), Error> {
        Err(if self.head.facts.has(Facts::ANY) {
            Error::Folding
        } else {
            Error::BadField
        })
    }

    #[inline]
    fn name(&mut self, byte: u8) {
        self.head.values.word.push(byte.to_ascii_lowercase());
    }

    fn names(&mut self, bytes: &[u8]) {
        let head = &mut *self.head;
        let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        head.head_left = head.head_left.saturating_sub(n);
        head.line = head.line.saturating_add(n);
        for byte in bytes {
            head.values.word.push(byte.to_ascii_lowercase());
        }
    }

    fn bad_name(&mut self, byte: u8) -> Result<Course, Error> {
        let blank = matches!(byte, b' ' | b'\t') && !self.head.values.word.is_empty();
        if blank && !self.trailer && self.bounds.rules.allows_blank_before_colon() {
            return Ok(Course::Gap);
        }
        Err(Error::BadField)
    }

    fn version(&mut self, _byte: u8) -> Result<bool, Error> {
        Err(Error::BadField)
    }

    fn colon(&mut self) {
        let values = &mut self.head.values;
        let kind = if !self.trailer {
            values.word.kind()
        } else if values.word.forbidden() {
            Kind::Forbidden
        } else {
            Kind::Other
        };
        values.begin(kind);
    }

    #[inline]
    fn value(&mut self, byte: u8) {
        let head = &mut *self.head;
        head.values.byte(byte, &mut head.facts, self.bounds.rules);
    }

    fn end(&mut self) -> Result<(), Error> {
        let head = &mut *self.head;
        if head.values.kind == Kind::Forbidden {
            return Err(Error::Trailer);
        }
        head.values.end(&mut head.facts, self.bounds.rules);
        Ok(())
    }

    fn folds(&self) -> bool {
        self.bounds.rules.allows_folding() && !self.trailer
    }
}
