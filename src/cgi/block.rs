//! An environment as bytes: `NAME=VALUE` and NUL for each variable, and one
//! more NUL for the end, as systems hand it to a program. Standard input
//! follows.

use crate::cgi::meta::is_meta;
use crate::cgi::passes::Passes;
use crate::cgi::server::Ext;
use crate::error::{Error, Refused};
use crate::event::Length;
use crate::frame::Frame;
use crate::limits::Limits;
use crate::oneshot::strings::{Decoder, Encoder};
use crate::oneshot::{Head, Part};
use crate::text::decimal::Decimal;

/// What stands between name and value.
const EQUALS: u8 = b'=';

/// Reads an environment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Environment {
    /// Bytes so far.
    taken: u32,
    /// Variables that have begun.
    fields: u32,
    strings: Decoder<EQUALS>,
}

impl Environment {
    /// Before the first byte.
    pub(super) const NEW: Environment = Environment {
        taken: 0,
        fields: 0,
        strings: Decoder::NEW,
    };
}

impl Head for Environment {
    type Ext = Ext;

    const EXCESS: Ext = Ext::Excess;

    #[inline]
    fn whole<'i>(&mut self, input: &mut &'i [u8], limits: &Limits) -> Option<(&'i [u8], &'i [u8])> {
        if !self.strings.at_border() || self.fields >= limits.fields {
            return None;
        }
        let (name, value, len) = Decoder::<EQUALS>::whole(input)?;
        let taken = self.taken.checked_add(u32::try_from(len).ok()?)?;
        if taken > limits.head_bytes {
            return None;
        }
        self.taken = taken;
        self.fields = self.fields.wrapping_add(1);
        *input = input.get(len..)?;
        Some((name, value))
    }

    fn step<'i>(&mut self, input: &mut &'i [u8], limits: &Limits) -> Result<Part<'i, Ext>, Error> {
        let left = limits.head_bytes.saturating_sub(self.taken);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let before = input.get(..left).unwrap_or(input);
        match before {
            [] if input.is_empty() => return Ok(Part::Empty),
            [] => return Err(Error::HeadTooLong),
            [0, ..] if self.strings.at_border() => {
                *input = input.get(1..).unwrap_or(&[]);
                return Ok(Part::End);
            }
            _ => {}
        }
        if self.strings.at_border() {
            if self.fields >= limits.fields {
                return Err(Error::TooManyFields);
            }
            self.fields = self.fields.saturating_add(1);
        }
        let mut content = before;
        let step = self.strings.step(&mut content);
        let n = before.len().saturating_sub(content.len());
        *input = input.get(n..).unwrap_or(&[]);
        self.taken = self
            .taken
            .saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
        match step? {
            Some(field) => Ok(Part::Field(field)),
            // The content is used up: with the input, or with the limit.
            None if input.is_empty() => Ok(Part::Empty),
            None => Err(Error::HeadTooLong),
        }
    }
}

/// Begins the environment of a request. There is a CONTENT_LENGTH where there
/// is a body, and only there. RFC 3875, 4.1.2.
pub(super) fn begin(room: &mut [u8], length: Length) -> Encoder<'_, EQUALS> {
    match length {
        Length::Known(n) => Encoder::new(room)
            .put(b"CONTENT_LENGTH=")
            .put(Decimal::new(n).bytes())
            .put(b"\0"),
        Length::None | Length::Unknown => Encoder::new(room),
    }
}

/// Whether a variable is for the program.
#[inline]
pub(super) fn admits(passes: Passes, name: &[u8]) -> Result<bool, Refused> {
    let secret = matches!(name, b"HTTP_AUTHORIZATION" | b"HTTP_PROXY_AUTHORIZATION");
    if is_meta(name) {
        return Ok(passes.authorization || !secret);
    }
    // What can be no name is refused, also where none like it passes.
    match name.is_empty() || name.iter().any(|b| matches!(b, b'=' | 0)) {
        true => Err(Refused::Field),
        false => Ok(passes.any_variable),
    }
}

/// Puts the end behind.
pub(super) fn end(block: Encoder<'_, EQUALS>) -> Result<Frame<'_>, Refused> {
    Ok(Frame::of(block.end()?).tail(b"\0"))
}
