//! The netstring of variables. SCGI, 3.

use crate::error::{Error, Refused};
use crate::event::Length;
use crate::frame::Frame;
use crate::limits::Limits;
use crate::oneshot::strings::{Decoder, Encoder};
use crate::oneshot::{Head, Part};
use crate::scgi::server::Ext;
use crate::text::decimal::Decimal;

/// What stands between name and value.
const NUL: u8 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Before the first digit of the length.
    Start,
    /// A zero was the first digit, and so is the last.
    Zero,
    Digits,
    Strings,
}

/// Reads a netstring of variables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Netstring {
    /// The length as far as it was read; then bytes that are still to come.
    left: u32,
    /// Variables that have begun.
    fields: u32,
    strings: Decoder<NUL>,
    stage: Stage,
}

impl Netstring {
    /// Before the first byte.
    pub(super) const NEW: Netstring = Netstring {
        left: 0,
        fields: 0,
        strings: Decoder::NEW,
        stage: Stage::Start,
    };

    /// A byte of the length.
    fn length(&mut self, byte: u8, limits: &Limits) -> Result<(), Error> {
        self.stage = match (self.stage, byte) {
            (Stage::Start, b'0') => Stage::Zero,
            (Stage::Start | Stage::Digits, b'0'..=b'9') => {
                let digit = u32::from(byte.wrapping_sub(b'0'));
                let sum = self.left.checked_mul(10);
                self.left = sum
                    .and_then(|n| n.checked_add(digit))
                    .filter(|n| *n <= limits.head_bytes)
                    .ok_or(Error::HeadTooLong)?;
                Stage::Digits
            }
            (Stage::Zero | Stage::Digits, b':') => Stage::Strings,
            _ => return Err(Error::Netstring),
        };
        Ok(())
    }

    fn taken(&mut self, n: usize) {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(n);
    }
}

impl Head for Netstring {
    type Ext = Ext;

    const EXCESS: Ext = Ext::Excess;

    #[inline]
    fn whole<'i>(&mut self, input: &mut &'i [u8], limits: &Limits) -> Option<(&'i [u8], &'i [u8])> {
        // What stands behind the string is not for scanning.
        if self.left == 0 || self.stage != Stage::Strings || !self.strings.at_border() {
            return None;
        }
        let (name, value, len) = Decoder::<NUL>::whole(input)?;
        let left = self.left.checked_sub(u32::try_from(len).ok()?)?;
        if self.fields >= limits.fields {
            return None;
        }
        self.fields = self.fields.wrapping_add(1);
        self.left = left;
        *input = input.get(len..)?;
        Some((name, value))
    }

    fn step<'i>(&mut self, input: &mut &'i [u8], limits: &Limits) -> Result<Part<'i, Ext>, Error> {
        while self.stage != Stage::Strings {
            let [byte, rest @ ..] = *input else {
                return Ok(Part::Empty);
            };
            self.length(*byte, limits)?;
            *input = rest;
        }
        let [byte, rest @ ..] = *input else {
            return Ok(Part::Empty);
        };
        if self.left == 0 {
            *input = rest;
            return match byte {
                b',' if self.strings.at_border() => Ok(Part::End),
                _ if self.strings.at_border() => Err(Error::Netstring),
                // The string ended inside a variable.
                _ => Err(Error::BadVariable),
            };
        }
        if self.strings.at_border() {
            if self.fields >= limits.fields {
                return Err(Error::TooManyFields);
            }
            self.fields = self.fields.saturating_add(1);
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let before = input.get(..left).unwrap_or(input);
        let mut content = before;
        let step = self.strings.step(&mut content);
        let taken = before.len().saturating_sub(content.len());
        *input = input.get(taken..).unwrap_or(&[]);
        self.taken(taken);
        match step? {
            Some(field) => Ok(Part::Field(field)),
            // The content is used up: with the input, or with the string.
            None if input.is_empty() => Ok(Part::Empty),
            None => Err(Error::BadVariable),
        }
    }
}

/// Begins the string of a request, with the two variables that must be there.
pub(super) fn begin(room: &mut [u8], length: Length) -> Encoder<'_, NUL> {
    let n = match length {
        Length::Known(n) => n,
        Length::None | Length::Unknown => 0,
    };
    Encoder::new(room)
        .put(b"CONTENT_LENGTH\0")
        .put(Decimal::new(n).bytes())
        .put(b"\0SCGI\x001\0")
}

/// Whether a variable is to be written: SCGI was.
#[inline(always)]
pub(super) fn admits(name: &[u8], value: &[u8]) -> Result<bool, Refused> {
    match (name, value) {
        (b"SCGI", b"1") => Ok(false),
        (b"SCGI", _) => Err(Refused::Field),
        _ => Ok(true),
    }
}

/// Puts the length in front and the comma behind.
pub(super) fn end(string: Encoder<'_, NUL>) -> Result<Frame<'_>, Refused> {
    let bytes = string.end()?;
    let n = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Ok(Frame::of(bytes)
        .head(Decimal::new(n).bytes())
        .head(b":")
        .tail(b","))
}
