//! The response that a script writes, taken apart. RFC 3875, 6.
//!
//! [`Parser`] is a machine over the script's output. It gives the fields of the
//! head as they come, then the verdict on the whole head, then the body.
//! Nothing may be acted on before [`Piece::HeadEnd`]: a head that turns out
//! malformed ends in an error instead.
//!
//! | head | given |
//! |---|---|
//! | neither Status nor Location | 200 |
//! | Status | that status, Location or not |
//! | Location alone decides | 302; a local path may be a [local redirect](Rules::local_redirect) |
//!
//! Fields are given as they stand, the hop-by-hop ones too, which mean nothing
//! behind a gateway: pass on those that are [`forwardable`].

mod watch;

pub use super::rules::{FirstLine, Rules};

use super::known;
use crate::cursor::take;
use crate::error::Error;
use crate::event::{Field, Length, Next, Space};
use crate::machine::Receive;
use crate::text::lines::{self, Lines, Step, Whole};
use crate::text::status;

/// What the parser gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'i> {
    /// A header field, or a piece of one; Status too, because a cut line has
    /// given its name away before it is known. A status line is given as a
    /// field `Status` of the digits and the reason.
    Field(Field<'i>),
    /// The end of an interim head, 100 to 199. The fields before it are its
    /// own. See [`Rules::interim`].
    Interim(u16),
    /// The head is complete and valid.
    HeadEnd {
        /// 200 to 599; to 999 with [`Rules::any_status`].
        status: u16,
        /// From Content-Length, else unknown; none with status 204, and with
        /// 304 where no Content-Length says what a GET would have had.
        length: Length,
    },
    /// Bytes of the body, at least one, and the last ones that the call took.
    Body(&'i [u8]),
    /// The output ended where it may.
    BodyEnd,
    /// In place of `HeadEnd`: the server is to run the request again, as a GET
    /// without a body, for the path and query that the only field, Location,
    /// gave. Nothing follows. The value is the script's: check it as the
    /// target of any request, and bound how often. RFC 3875, 6.2.2.
    LocalRedirect,
}

/// Whether a field of a script's response may be passed on to the client: not
/// those that are for the server (Status, X-CGI-*) or for one connection alone.
/// RFC 3875, 6.3.3 and 6.3.5; RFC 9110, 7.6.1.
///
/// ```
/// use vestibule::cgi::response::forwardable;
/// assert!(forwardable(b"Content-Type"));
/// assert!(!forwardable(b"STATUS"));
/// assert!(!forwardable(b"x-cgi-cache"));
/// ```
#[inline]
pub fn forwardable(name: &[u8]) -> bool {
    !super::encode::reserved(name)
        && !name
            .split_at_checked(6)
            .is_some_and(|(start, _)| start.eq_ignore_ascii_case(b"x-cgi-"))
}

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
mod fact {
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

const BAD: u8 = u8::MAX;

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
    fn has(&self, fact: u16) -> bool {
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

    /// A known field, whole. False, and nothing is changed, where it is an
    /// error.
    #[inline(never)]
    fn means(&mut self, rules: &Rules, known: u8, value: &[u8]) -> bool {
        let mut next = *self;
        next.at = 0;
        next.number = 0;
        next.known = known;
        if matches!(known, known::STATUS | known::LENGTH | known::LOCATION) {
            for byte in value {
                next.value(*byte);
            }
        }
        let good = next.end(rules).is_ok();
        if good {
            *self = next;
        }
        good
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

    /// A byte of a known field's value.
    fn value(&mut self, byte: u8) {
        match self.known {
            known::STATUS => status::value::byte(&mut self.at, &mut self.number, byte),
            known::LENGTH => {
                // 1: in the digits; 2: in blanks after them.
                self.at = match (self.at, byte) {
                    (0 | 1, b'0'..=b'9') => {
                        let digit = u64::from(byte.wrapping_sub(b'0'));
                        match self
                            .number
                            .checked_mul(10)
                            .and_then(|n| n.checked_add(digit))
                        {
                            Some(n) => {
                                self.number = n;
                                1
                            }
                            None => BAD,
                        }
                    }
                    (1 | 2, b' ' | b'\t') => 2,
                    _ => BAD,
                };
            }
            known::LOCATION => {
                match (self.at, byte) {
                    (0, _) => {
                        self.facts |= fact::REDIRECT;
                        if byte == b'/' {
                            self.facts |= fact::LOCAL;
                        }
                    }
                    // Browsers take a backslash for a slash.
                    (1, b'/' | b'\\') => self.facts &= !fact::LOCAL,
                    _ => {}
                }
                self.at = self.at.saturating_add(1);
            }
            _ => {}
        }
    }

    /// A known field is complete.
    fn end(&mut self, rules: &Rules) -> Result<(), Error> {
        match self.known {
            known::STATUS => {
                let status = status::value::end(self.at, self.number).ok_or(Error::BadStatus)?;
                match status {
                    101 => return Err(Error::Interim(101)),
                    100..=199 if !rules.allows_interim() => return Err(Error::Interim(status)),
                    600..=999 if rules.allows_any_status() => {}
                    100..=599 => {}
                    _ => return Err(Error::BadStatus),
                }
                if !self.once(fact::STATUS) {
                    self.status = status;
                } else if !rules.takes_first_status() {
                    return Err(Error::DuplicateField);
                }
            }
            known::TYPE => return self.only_one(rules, fact::TYPE),
            known::LOCATION => return self.only_one(rules, fact::LOCATION),
            known::LENGTH => {
                if !matches!(self.at, 1 | 2) {
                    return Err(Error::ContentLength);
                }
                if self.once(fact::LENGTH) && self.length != self.number {
                    return Err(Error::ContentLength);
                }
                self.length = self.number;
            }
            known::CODING => return Err(Error::TransferEncoding),
            _ => {}
        }
        Ok(())
    }

    fn only_one(&mut self, rules: &Rules, fact: u16) -> Result<(), Error> {
        if self.once(fact) && !rules.allows_repeats() {
            Err(Error::DuplicateField)
        } else {
            Ok(())
        }
    }

    /// Notes the fact; whether it was one already.
    fn once(&mut self, fact: u16) -> bool {
        let before = self.has(fact);
        self.facts |= fact;
        before
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

/// The parser as a machine of its own, for the output of a program.
///
/// ```
/// use vestibule::cgi::response::{Parser, Piece, Rules};
/// use vestibule::{Fields, Length, Next, Receive};
/// let mut parser = Parser::new(Rules::STRICT, false);
/// let mut fields = Fields::new([0u8; 256]);
/// let mut input = &b"Status: 404 Gone fishing\nContent-Type: text/plain\n\nhi"[..];
/// while let Next::Event(piece) = parser.next(&mut input)? {
///     match piece {
///         Piece::Field(field) => fields.push(field).expect("room"),
///         Piece::HeadEnd { status, length } => {
///             assert_eq!((status, length), (404, Length::Unknown));
///         }
///         Piece::Body(bytes) => assert_eq!(bytes, b"hi"),
///         other => panic!("{other:?}"),
///     }
/// }
/// assert_eq!(parser.eof()?, Next::Event(Piece::BodyEnd));
/// assert_eq!(fields.get(b"status"), Some(&b"404 Gone fishing"[..]));
/// # Ok::<(), vestibule::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Parser {
    rules: Rules,
    state: State,
}

impl Parser {
    /// For the answer to a request whose method was HEAD (`true`) or another.
    pub const fn new(rules: Rules, head_request: bool) -> Self {
        Parser {
            rules,
            state: State::new(head_request),
        }
    }

    /// Whether bytes came after the length that Content-Length declared. They
    /// are not given.
    pub fn excess(&self) -> bool {
        self.state.has(fact::EXCESS)
    }

    /// Whether a body came where there is none: in the answer to HEAD, and with
    /// status 204 and 304. It is not given.
    pub fn body_dropped(&self) -> bool {
        self.state.has(fact::DROPPED)
    }

    /// Whether the head, up to here, has no Content-Type. RFC 3875, 6.3.1,
    /// wants one where there is a body.
    pub fn missing_content_type(&self) -> bool {
        !self.state.has(fact::TYPE)
    }

    /// Whether the head began with a status line. See [`FirstLine`].
    pub fn status_line(&self) -> bool {
        self.state.has(fact::LINE)
    }
}

impl Receive for Parser {
    type Event<'i> = Piece<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Piece<'i>>, Error> {
        self.state.next(&self.rules, input)
    }

    fn eof<'i>(&mut self) -> Result<Next<Piece<'i>>, Error> {
        self.state.eof(&self.rules)
    }
}

#[cfg(test)]
mod tests;
