//! Variables as strings that end in NUL: `NAME NUL VALUE NUL`, as SCGI has
//! them, or `NAME=VALUE NUL`, as an environment has.

use crate::cgi::send::{Block, Text};
use crate::error::{Error, Refused};
use crate::event::{Cut, Field};
use crate::frame::fill;
use crate::text::copy::put;

/// Where a variable stands that is not whole in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Between variables.
    Border,
    Name,
    Value,
}

/// Takes variables apart. `SEPARATOR` stands between name and value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder<const SEPARATOR: u8> {
    stage: Stage,
    /// A piece of the variable at hand was given.
    open: bool,
}

impl<const SEPARATOR: u8> Decoder<SEPARATOR> {
    /// At a border.
    pub(crate) const NEW: Self = Decoder {
        stage: Stage::Border,
        open: false,
    };

    /// Whether no variable is under way.
    #[inline]
    pub(crate) fn at_border(&self) -> bool {
        self.stage == Stage::Border
    }

    /// Name, value and length of the variable at the front of `input`, where
    /// it is whole and valid. Nothing is changed.
    #[inline(always)]
    pub(crate) fn whole(input: &[u8]) -> Option<(&[u8], &[u8], usize)> {
        let name = Self::name_len(input);
        let (name, [separator, rest @ ..]) = input.split_at_checked(name)? else {
            return None;
        };
        let (value, [_, ..]) = rest.split_at_checked(nul(rest))? else {
            return None;
        };
        if name.is_empty() || *separator != SEPARATOR {
            return None;
        }
        let len = name.len().wrapping_add(value.len()).wrapping_add(2);
        Some((name, value, len))
    }

    #[inline(always)]
    fn name_len(input: &[u8]) -> usize {
        if SEPARATOR == 0 {
            nul(input)
        } else {
            let end = |b: &u8| *b == 0 || *b == SEPARATOR;
            input.iter().position(end).unwrap_or(input.len())
        }
    }

    /// Any step of a variable, off the front of `content`. `None`: it is used
    /// up.
    pub(crate) fn step<'i>(&mut self, content: &mut &'i [u8]) -> Result<Option<Field<'i>>, Error> {
        let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
        let mut last = false;
        if self.stage == Stage::Border {
            match *content {
                [] => return Ok(None),
                [first, ..] if *first == SEPARATOR || *first == 0 => {
                    return Err(Error::BadVariable);
                }
                _ => self.stage = Stage::Name,
            }
        }
        if self.stage == Stage::Name {
            let (now, rest) = content
                .split_at_checked(Self::name_len(content))
                .unwrap_or_default();
            name = now;
            *content = rest;
            if let [separator, rest @ ..] = rest {
                if *separator != SEPARATOR {
                    return Err(Error::BadVariable);
                }
                *content = rest;
                self.stage = Stage::Value;
            }
        }
        if self.stage == Stage::Value {
            let (now, rest) = content.split_at_checked(nul(content)).unwrap_or_default();
            value = now;
            *content = rest;
            if let [_, rest @ ..] = rest {
                *content = rest;
                last = true;
            }
        }
        let cut = match (self.open, last) {
            (false, true) => Cut::Whole,
            (true, true) => Cut::Last,
            _ if name.is_empty() && value.is_empty() => return Ok(None),
            (false, false) => Cut::First,
            (true, false) => Cut::Middle,
        };
        self.open = !last;
        if last {
            self.stage = Stage::Border;
        }
        Ok(Some(Field {
            cut,
            ..Field::var(name, value)
        }))
    }
}

/// How many bytes stand before the first NUL.
#[inline]
pub(crate) fn nul(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut rest = bytes;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        // Right for the lowest one, which is the first.
        let marks = word.wrapping_sub(ONES) & !word & HIGH;
        if marks != 0 {
            let n = usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0);
            return bytes.len().wrapping_sub(rest.len()).wrapping_add(n);
        }
        rest = tail;
    }
    while let [first, tail @ ..] = rest {
        if *first == 0 {
            break;
        }
        rest = tail;
    }
    bytes.len().wrapping_sub(rest.len())
}

/// Writes variables.
#[derive(Debug)]
pub(crate) struct Encoder<'b, const SEPARATOR: u8> {
    room: &'b mut [u8],
    /// Bytes written. Above the length of the room: what it would take.
    at: usize,
    /// A variable was written that may not be.
    odd: bool,
}

impl<'b, const SEPARATOR: u8> Encoder<'b, SEPARATOR> {
    pub(crate) fn new(room: &'b mut [u8]) -> Self {
        Encoder {
            room,
            at: 0,
            odd: false,
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn put(mut self, bytes: &[u8]) -> Self {
        let end = self.at.saturating_add(bytes.len());
        if let Some(room) = self.room.get_mut(self.at..end) {
            fill(room, bytes);
        }
        self.at = end;
        self
    }

    /// What was written. Refused where it may not be sent.
    pub(crate) fn end(self) -> Result<&'b [u8], Refused> {
        let room: &'b [u8] = self.room;
        match room.get(..self.at) {
            _ if self.odd => Err(Refused::Field),
            Some(bytes) => Ok(bytes),
            None => Err(Refused::Room { need: self.at }),
        }
    }
}

impl<'b, const SEPARATOR: u8> Block<'b> for Encoder<'b, SEPARATOR> {
    #[inline(always)]
    fn short(&mut self, name: &[u8], value: &[u8]) -> bool {
        if let Some(room) = self.room.get_mut(self.at..)
            && let all = room.len()
            && let Some((room, a)) = put(room, name, |b| b == b'=' || b == 0)
            && let Some((separator, room)) = room.split_first_mut()
            && let Some((room, b)) = put(room, value, |b| b == 0)
            && let Some((end, rest)) = room.split_first_mut()
        {
            *separator = SEPARATOR;
            *end = 0;
            self.odd |= a | b | name.is_empty();
            let len = all.wrapping_sub(rest.len());
            self.at = self.at.wrapping_add(len);
            return true;
        }
        false
    }

    #[inline]
    fn odd(&self) -> bool {
        self.odd
    }

    fn reserve(&mut self, name: usize, value: usize) -> Result<Option<Text<'_>>, Refused> {
        let total = name.saturating_add(value).saturating_add(2);
        let end = self.at.saturating_add(total);
        let room = self.room.get_mut(self.at..end);
        self.at = end;
        Ok(room
            .and_then(|room| room.split_at_mut_checked(name))
            .and_then(|(name, rest)| {
                let (separator, rest) = rest.split_first_mut()?;
                let (end, value) = rest.split_last_mut()?;
                *separator = SEPARATOR;
                *end = 0;
                Some((name, value))
            }))
    }

    fn into_room(self) -> &'b mut [u8] {
        self.room
    }
}
