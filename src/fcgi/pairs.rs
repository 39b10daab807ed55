//! Name-value pairs: a streaming decoder, and an encoder that writes all or
//! nothing. FastCGI 1.0, 3.4.

use crate::event::{Cut, Field, Space};

/// Where a pair stands that is not whole in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Before the first byte of a pair, or inside the length of the name.
    #[default]
    NameLength,
    ValueLength,
    /// In name or value, no piece given yet.
    First,
    /// In name or value.
    Middle,
}

/// The streaming decoder. It keeps two counters and no byte of text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decoder {
    /// Bytes of the name not yet seen; while its length is read, that so far.
    name: u32,
    value: u32,
    /// Length bytes still to come of a four-byte length.
    more: u8,
    stage: Stage,
}

/// What a call of [`Decoder::piece`] came to.
pub(crate) enum Piece<'i> {
    /// A field or a piece of one.
    Field(Field<'i>),
    /// The lengths of the pair at hand are just known: name and value bytes
    /// to come. The owner checks them against its limit before it goes on.
    Lengths(u32, u32),
    /// The content is used up.
    Empty,
}

impl Decoder {
    /// At a border.
    pub const NEW: Decoder = Decoder {
        name: 0,
        value: 0,
        more: 0,
        stage: Stage::NameLength,
    };

    /// Whether no pair is under way.
    #[inline]
    pub fn at_border(&self) -> bool {
        matches!(self.stage, Stage::NameLength) && self.more == 0
    }

    /// The cold path: any step of any pair, off the front of `content`, which
    /// must end where the record or the input ends.
    #[cold]
    #[inline(never)]
    pub fn piece<'i>(&mut self, content: &mut &'i [u8]) -> Piece<'i> {
        loop {
            match self.stage {
                Stage::NameLength | Stage::ValueLength => {
                    let [byte, rest @ ..] = *content else {
                        return Piece::Empty;
                    };
                    *content = rest;
                    if !self.length_byte(*byte) {
                        continue;
                    }
                    if self.stage == Stage::NameLength {
                        self.stage = Stage::ValueLength;
                        continue;
                    }
                    self.stage = Stage::First;
                    return Piece::Lengths(self.name, self.value);
                }
                Stage::First | Stage::Middle => {
                    let name = split(content, &mut self.name);
                    let value = if self.name == 0 {
                        split(content, &mut self.value)
                    } else {
                        &[]
                    };
                    let last = self.name == 0 && self.value == 0;
                    if !last && name.is_empty() && value.is_empty() {
                        return Piece::Empty;
                    }
                    let cut = match (self.stage, last) {
                        (Stage::First, true) => Cut::Whole,
                        (Stage::First, false) => Cut::First,
                        (_, true) => Cut::Last,
                        (_, false) => Cut::Middle,
                    };
                    self.stage = if last {
                        Stage::NameLength
                    } else {
                        Stage::Middle
                    };
                    return Piece::Field(Field {
                        space: Space::Var,
                        name,
                        value,
                        cut,
                    });
                }
            }
        }
    }

    /// Adds a byte to the length at hand; true when that is complete.
    fn length_byte(&mut self, byte: u8) -> bool {
        let length = match self.stage {
            Stage::NameLength => &mut self.name,
            _ => &mut self.value,
        };
        if self.more == 0 {
            *length = u32::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return true;
            }
            self.more = 3;
            return false;
        }
        // At most 31 bits: the first byte gave seven.
        *length = (*length << 8) | u32::from(byte);
        self.more = self.more.saturating_sub(1);
        self.more == 0
    }
}

/// Takes up to `*left` bytes off `content`.
fn split<'i>(content: &mut &'i [u8], left: &mut u32) -> &'i [u8] {
    let n = content
        .len()
        .min(usize::try_from(*left).unwrap_or(usize::MAX));
    let (now, rest) = content.split_at_checked(n).unwrap_or_default();
    *content = rest;
    *left = left.saturating_sub(u32::try_from(n).unwrap_or(u32::MAX));
    now
}
