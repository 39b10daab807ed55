//! Header lines, as they stream in. RFC 3875, 6.3; RFC 9112, 2.2 and 5.
//!
//! A line that is whole in the input is taken by [`whole`], which changes
//! nothing where anything is unusual. Every other line goes byte by byte
//! through [`Lines::step`], the only source of errors; so those do not depend
//! on how the input is cut.

use crate::error::Error;
use crate::event::Cut;
use crate::text::token;

/// A field line that is whole in the input.
pub(crate) struct Whole<'i> {
    pub name: &'i [u8],
    /// Without blanks around it.
    pub value: &'i [u8],
    /// What follows the line.
    pub rest: &'i [u8],
    /// Bytes of the line, its end included.
    pub len: usize,
}

/// The hot path: a valid line at the front of `input`.
#[inline]
pub(crate) fn whole(input: &[u8]) -> Option<Whole<'_>> {
    let (name, rest) = input.split_at_checked(token::token_len(input))?;
    let [b':', text @ ..] = rest else {
        return None;
    };
    if name.is_empty() {
        return None;
    }
    // One space, most often.
    let mut text = match text {
        [b' ', tail @ ..] => tail,
        _ => text,
    };
    if let [b' ' | b'\t', ..] = text {
        text = lead(text);
    }
    let (mut value, rest) = text.split_at_checked(token::value_len(text))?;
    let ([b'\r', b'\n', rest @ ..] | [b'\n', rest @ ..]) = rest else {
        return None;
    };
    if let [.., b' ' | b'\t'] = value {
        value = crate::event::trim(value);
    }
    Some(Whole {
        name,
        value,
        rest,
        len: input.len().saturating_sub(rest.len()),
    })
}

#[cold]
fn lead(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', tail @ ..] = text {
        text = tail;
    }
    text
}

/// The hot path for the blank line: what follows it, and its length.
#[inline]
pub(crate) fn blank(input: &[u8]) -> Option<(&[u8], u32)> {
    match input {
        [b'\r', b'\n', rest @ ..] => Some((rest, 2)),
        [b'\n', rest @ ..] => Some((rest, 1)),
        _ => None,
    }
}

/// Where a head stands between two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Before the first byte of a line.
    #[default]
    Start,
    /// Likewise, after a line that was skipped.
    AfterSkip,
    /// After the CR of a blank line.
    BlankCr,
    /// In the version of a status line.
    Version,
    Name,
    /// In blanks between a name and its colon.
    Gap,
    /// After the colon, before the value.
    Lead,
    Value,
    /// After the CR that ends a value.
    Cr,
    /// After a line which the next may continue.
    Fold,
    /// In a line that is skipped.
    Skip,
}

/// The cold path's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    stage: Stage,
    /// A piece of this line was given.
    open: bool,
}

/// What a line that begins or turned out badly is to be.
pub(crate) enum Course {
    /// A field.
    Field,
    /// A line to be skipped.
    Skip,
    /// A status line; the byte at hand belongs to its version.
    Version,
    /// A field whose name has ended: the byte at hand is a blank before the
    /// colon.
    Gap,
}

/// What the owner of the lines wants to know, byte by byte, and decides.
pub(crate) trait Watch {
    /// Each byte of the head, first of all: the limits.
    fn byte(&mut self, byte: u8) -> Result<(), Error>;
    /// How many bytes the limits allow before an error.
    fn room(&self) -> usize;
    /// Bytes of a value, within `room`, all at once.
    fn run(&mut self, bytes: &[u8]);
    /// A line begins that is not blank.
    fn begin(&mut self) -> Result<Course, Error>;
    /// A line begins with a blank, and continues none.
    fn stray(&mut self) -> Result<(), Error>;
    /// A byte of the name.
    fn name(&mut self, byte: u8);
    /// Bytes of a name, within `room`, all at once; nothing else is told of
    /// them.
    fn names(&mut self, bytes: &[u8]);
    /// A byte that cannot stand in a name.
    fn bad_name(&mut self, byte: u8) -> Result<Course, Error>;
    /// A byte of a version; true for its last one.
    fn version(&mut self, byte: u8) -> Result<bool, Error>;
    /// The name is complete.
    fn colon(&mut self);
    /// A byte of the value, blanks at its end included.
    fn value(&mut self, byte: u8);
    /// The field is complete.
    fn end(&mut self) -> Result<(), Error>;
    /// Whether a line may continue the one before.
    fn folds(&self) -> bool;
}

/// What a step came to.
pub(crate) enum Step<'i> {
    /// A field or a piece of one.
    Field {
        name: &'i [u8],
        value: &'i [u8],
        cut: Cut,
    },
    /// The blank line was taken.
    Blank,
    /// The input is used up.
    Empty,
}

/// The name under which the rest of a status line is given.
pub(crate) const STATUS: &[u8] = b"Status";

impl Lines {
    /// Before the first line.
    pub(crate) const NEW: Lines = Lines {
        stage: Stage::Start,
        open: false,
    };

    /// Whether the next byte begins a line, so that [`whole`] may be tried.
    #[inline]
    pub(crate) fn at_start(&self) -> bool {
        matches!(self.stage, Stage::Start)
    }

    /// Whether the next byte is one of a value of which a piece was given, or
    /// its end.
    #[inline]
    pub(crate) fn in_value(&self) -> bool {
        self.open && matches!(self.stage, Stage::Value)
    }

    /// The cold path: any step of any line, off the front of `input`.
    #[cold]
    #[inline(never)]
    pub(crate) fn step<'i, W: Watch>(
        &mut self,
        input: &mut &'i [u8],
        watch: &mut W,
    ) -> Result<Step<'i>, Error> {
        let (mut name, mut value) = (Run::new(), Run::new());
        loop {
            let all = *input;
            let [byte, rest @ ..] = all else {
                if name.is_empty() && value.is_empty() {
                    return Ok(Step::Empty);
                }
                return Ok(self.piece(name, value, false));
            };
            let byte = *byte;
            if self.stage == Stage::Fold {
                if !matches!(byte, b' ' | b'\t') {
                    watch.end()?;
                    self.stage = Stage::Start;
                    return Ok(self.piece(name, value, true));
                }
                if !name.is_empty() || !value.is_empty() {
                    return Ok(self.piece(name, value, false));
                }
                watch.byte(byte)?;
                watch.value(b' ');
                *input = rest;
                self.stage = Stage::Lead;
                value = Run(b" ", 1);
                return Ok(self.piece(name, value, false));
            }
            if self.stage == Stage::Name {
                let n = token::token_len(all).min(watch.room());
                if let Some((run, rest)) = all.split_at_checked(n)
                    && n > 0
                {
                    watch.names(run);
                    name.extend(run, all);
                    *input = rest;
                    continue;
                }
            }
            if self.stage == Stage::Value {
                // The bytes of a value in one go; its end, an error or a limit
                // comes byte by byte.
                let n = token::value_len(all).min(watch.room());
                if let Some((run, rest)) = all.split_at_checked(n)
                    && n > 0
                {
                    watch.run(run);
                    value.extend(run, all);
                    *input = rest;
                    continue;
                }
            }
            watch.byte(byte)?;
            *input = rest;
            self.stage = match (self.stage, byte) {
                (Stage::Start | Stage::AfterSkip, b'\n') | (Stage::BlankCr, b'\n') => {
                    self.stage = Stage::Start;
                    return Ok(Step::Blank);
                }
                (Stage::Start | Stage::AfterSkip, b'\r') => Stage::BlankCr,
                (Stage::BlankCr, _) => return Err(Error::BadField),
                (Stage::AfterSkip, b' ' | b'\t') if watch.folds() => Stage::Skip,
                (Stage::Start | Stage::AfterSkip, b' ' | b'\t') => {
                    watch.stray()?;
                    Stage::Skip
                }
                (Stage::Start | Stage::AfterSkip, _) => {
                    self.open = false;
                    match watch.begin()? {
                        Course::Version => self.version(byte, watch)?,
                        Course::Skip | Course::Gap => Stage::Skip,
                        Course::Field if token::is_token(byte) => {
                            watch.name(byte);
                            name.add(all);
                            Stage::Name
                        }
                        Course::Field => self.bad(byte, watch)?,
                    }
                }
                (Stage::Version, _) => self.version(byte, watch)?,
                (Stage::Name, b':') => {
                    watch.colon();
                    Stage::Lead
                }
                (Stage::Name, _) if token::is_token(byte) => {
                    watch.name(byte);
                    name.add(all);
                    Stage::Name
                }
                (Stage::Name, _) => {
                    let stage = self.bad(byte, watch)?;
                    if stage != Stage::Gap {
                        self.open = false;
                        name = Run::new();
                    }
                    stage
                }
                (Stage::Gap, b' ' | b'\t') => Stage::Gap,
                (Stage::Gap, b':') => {
                    watch.colon();
                    Stage::Lead
                }
                (Stage::Gap, _) => return Err(Error::BadField),
                (Stage::Lead, b' ' | b'\t') => Stage::Lead,
                (Stage::Lead | Stage::Value, b'\r') => Stage::Cr,
                (Stage::Lead | Stage::Value | Stage::Cr, b'\n') => {
                    if watch.folds() {
                        Stage::Fold
                    } else {
                        watch.end()?;
                        self.stage = Stage::Start;
                        return Ok(self.piece(name, value, true));
                    }
                }
                (Stage::Lead | Stage::Value, _) if token::is_value(byte) => {
                    watch.value(byte);
                    value.add(all);
                    Stage::Value
                }
                (Stage::Lead | Stage::Value | Stage::Cr, _) => return Err(Error::BadValue),
                (Stage::Skip, b'\n') => Stage::AfterSkip,
                (Stage::Skip | Stage::Fold, _) => Stage::Skip,
            };
        }
    }

    fn version<W: Watch>(&mut self, byte: u8, watch: &mut W) -> Result<Stage, Error> {
        Ok(if watch.version(byte)? {
            Stage::Value
        } else {
            Stage::Version
        })
    }

    /// A line whose name is none. Pieces of it that were given are dropped by
    /// the next first one.
    fn bad<W: Watch>(&mut self, byte: u8, watch: &mut W) -> Result<Stage, Error> {
        Ok(match watch.bad_name(byte)? {
            Course::Version => self.version(byte, watch)?,
            Course::Gap => Stage::Gap,
            Course::Field | Course::Skip if byte == b'\n' => Stage::AfterSkip,
            Course::Field | Course::Skip => Stage::Skip,
        })
    }

    fn piece<'i>(&mut self, name: Run<'i>, value: Run<'i>, last: bool) -> Step<'i> {
        let (mut name, mut value) = (name.bytes(), value.bytes());
        let cut = match (self.open, last) {
            (false, true) => Cut::Whole,
            (false, false) => Cut::First,
            (true, true) => Cut::Last,
            (true, false) => Cut::Middle,
        };
        // Only a status line has no name of its own.
        if !self.open && name.is_empty() {
            name = STATUS;
        }
        if cut == Cut::Whole {
            value = crate::event::trim(value);
        }
        self.open = !last;
        Step::Field { name, value, cut }
    }
}

/// Neighbouring bytes of the input: where they begin, and how many.
#[derive(Clone, Copy)]
struct Run<'i>(&'i [u8], usize);

impl<'i> Run<'i> {
    fn new() -> Self {
        Run(&[], 0)
    }

    /// Adds the first byte of `from`, which follows those that are there.
    fn add(&mut self, from: &'i [u8]) {
        if self.1 == 0 {
            self.0 = from;
        }
        self.1 = self.1.saturating_add(1);
    }

    /// Adds all of `more`, which follows those that are there in the input.
    fn extend(&mut self, more: &'i [u8], input: &'i [u8]) {
        if self.1 == 0 {
            self.0 = input;
        }
        self.1 = self.1.saturating_add(more.len());
    }

    fn is_empty(&self) -> bool {
        self.1 == 0
    }

    fn bytes(&self) -> &'i [u8] {
        self.0.get(..self.1).unwrap_or(&[])
    }
}
