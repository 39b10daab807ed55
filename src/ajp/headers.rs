//! Header fields, as they stream in: the same in both heads. AJPv13, "Request
//! Packet Structure" and "Response Packet Structure".
//!
//! A field that lies whole in the input is taken by [`Headers::whole`], which
//! changes nothing where anything is unusual. Every other one goes through
//! [`Headers::step`], the only source of errors.

use super::packet::{self, Packet, Piece, Text};
use crate::error::Error;
use crate::event::{Cut, Field, trim};
use crate::text::token;

/// The names of a direction's header codes.
type Names = fn(u8) -> Option<&'static [u8]>;

const NAME: packet::Check = (token::token_len, Error::BadField);

/// What may stand in a value, also in a reason.
pub(crate) const VALUE: packet::Check = (token::value_len, Error::BadValue);

/// Reads the fields of a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers {
    /// Fields still to come.
    pub left: u16,
    /// In a value.
    value: bool,
    /// A piece of this field was given.
    open: bool,
    /// The code of the name, of a field of which no piece was given.
    code: u8,
    text: Text,
}

impl Headers {
    /// `n` fields.
    pub(crate) const fn new(n: u16) -> Headers {
        Headers {
            left: n,
            value: false,
            open: false,
            code: 0,
            text: Text::NEW,
        }
    }

    /// The hot path: a field that is whole in the input and valid.
    #[inline(always)]
    pub(crate) fn whole<'i>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        names: Names,
    ) -> Option<Field<'i>> {
        if self.value || !self.text.at_border() || packet.is_cut() {
            return None;
        }
        let (name, rest) = match *input {
            [0xa0, code, rest @ ..] => (names(*code)?, rest),
            [0, length, rest @ ..] => {
                let (name, rest) = rest.split_at_checked(usize::from(*length))?;
                match rest {
                    [0, rest @ ..] if token::is_name(name) => (name, rest),
                    _ => return None,
                }
            }
            _ => return None,
        };
        let (value, rest) = packet::whole(rest)?;
        let mut value = value.unwrap_or(&[]);
        if !token::is_text(value) && !token::is_field_value(value) {
            return None;
        }
        if let [b' ' | b'\t', ..] | [.., b' ' | b'\t'] = value {
            value = trim(value);
        }
        let taken = u16::try_from(input.len().saturating_sub(rest.len())).ok()?;
        packet.left = packet.left.checked_sub(taken)?;
        self.left = self.left.checked_sub(1)?;
        *input = rest;
        Some(Field::header(name, value))
    }

    /// A step of a field that is cut, or is not as it should be. `None`: the
    /// input is used up.
    #[cold]
    #[inline(never)]
    pub(crate) fn step<'i>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        names: Names,
    ) -> Result<Option<Field<'i>>, Error> {
        loop {
            if !self.value {
                let (bytes, last) = match self.text.checked(packet, input, true, NAME)? {
                    Piece::Empty => return Ok(None),
                    Piece::Null => return Err(Error::BadPacket),
                    Piece::Code(code) if names(code).is_none() => {
                        return Err(Error::HeaderCode(code));
                    }
                    Piece::Code(code) => {
                        self.code = code;
                        self.value = true;
                        continue;
                    }
                    Piece::Part { bytes, last } => (bytes, last),
                };
                self.value = last;
                if bytes.is_empty() {
                    continue;
                }
                let field = Field::header(bytes, b"");
                let first = !core::mem::replace(&mut self.open, true);
                return Ok(Some(if first { field.first() } else { field.middle() }));
            }
            let (bytes, last) = match self.text.checked(packet, input, false, VALUE)? {
                Piece::Empty => return Ok(None),
                Piece::Null => (&[][..], true),
                Piece::Part { bytes, last } => (bytes, last),
                Piece::Code(_) => return Err(Error::BadPacket),
            };
            let name = names(core::mem::take(&mut self.code)).unwrap_or(&[]);
            let first = !core::mem::replace(&mut self.open, !last);
            let cut = match (first, last) {
                (true, true) => Cut::Whole,
                (true, false) => Cut::First,
                (false, false) => Cut::Middle,
                (false, true) => Cut::Last,
            };
            if last {
                self.value = false;
                self.left = self.left.saturating_sub(1);
            }
            let value = if cut == Cut::Whole {
                trim(bytes)
            } else {
                bytes
            };
            return Ok(Some(Field {
                cut,
                ..Field::header(name, value)
            }));
        }
    }
}

/// Writes the name of a field.
pub(crate) fn write_name(
    to: &mut packet::Writer<'_>,
    name: &[u8],
    code: impl FnOnce(&[u8]) -> Option<u8>,
) {
    match code(name) {
        Some(code) => to.code(code),
        None => to.string(name),
    }
}

/// Whether a field of this name can be written: a token of at most 255 bytes,
/// since some take the length of a longer one for a code.
pub(crate) fn is_name(name: &[u8]) -> bool {
    name.len() <= 255 && token::is_name(name)
}
