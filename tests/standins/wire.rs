//! A field on the invented wires: space, length of the name, length of the
//! value (two bytes), name, value.

use vestibule::{Cut, Field, Refused, Space};

#[derive(Clone, Copy, Debug, Default)]
pub struct FieldReader {
    head: [u8; 4],
    have: usize,
    name: usize,
    value: usize,
    begun: bool,
}

impl FieldReader {
    /// `None`: more input is needed.
    pub fn step<'i>(&mut self, input: &mut &'i [u8]) -> Option<Field<'i>> {
        while self.have < 4 {
            let (&byte, rest) = input.split_first()?;
            *input = rest;
            self.head[self.have] = byte;
            self.have += 1;
            if self.have == 4 {
                self.name = self.head[1].into();
                self.value = u16::from_be_bytes([self.head[2], self.head[3]]).into();
            }
        }
        let space = match self.head[0] {
            0 => Space::Var,
            1 => Space::Header,
            2 => Space::Trailer,
            _ => Space::Attribute,
        };
        if input.is_empty() && self.name + self.value > 0 {
            return None;
        }
        let name = take(input, self.name);
        self.name -= name.len();
        let value = if self.name == 0 {
            take(input, self.value)
        } else {
            &[]
        };
        self.value -= value.len();
        let cut = match (self.begun, self.name + self.value == 0) {
            (false, true) => Cut::Whole,
            (false, false) => Cut::First,
            (true, false) => Cut::Middle,
            (true, true) => Cut::Last,
        };
        self.begun = true;
        if matches!(cut, Cut::Whole | Cut::Last) {
            *self = FieldReader::default();
        }
        Some(Field {
            space,
            name,
            value,
            cut,
        })
    }

    /// Bytes of this field that are still to come, once its lengths are known.
    pub fn fresh(&self) -> bool {
        self.have == 0
    }
}

/// Up to `n` bytes off the front.
pub fn take<'i>(input: &mut &'i [u8], n: usize) -> &'i [u8] {
    let (now, later) = input.split_at(n.min(input.len()));
    *input = later;
    now
}

/// An all-or-nothing encoder over lent room.
pub struct Encoder<'b> {
    room: &'b mut [u8],
    need: usize,
}

impl<'b> Encoder<'b> {
    pub fn new(room: &'b mut [u8]) -> Self {
        Encoder { room, need: 0 }
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        if let Some(to) = self.room.get_mut(self.need..self.need + bytes.len()) {
            to.copy_from_slice(bytes);
        }
        self.need += bytes.len();
    }

    /// `tag` goes before each field.
    pub fn fields<'f>(
        &mut self,
        tag: &[u8],
        fields: impl IntoIterator<Item = Field<'f>>,
    ) -> Result<(), Refused> {
        for f in fields {
            let name = u8::try_from(f.name.len()).map_err(|_| Refused::Field)?;
            let value = u16::try_from(f.value.len()).map_err(|_| Refused::Field)?;
            let space = match f.space {
                Space::Var => 0,
                Space::Header => 1,
                Space::Trailer => 2,
                Space::Attribute => 3,
            };
            self.bytes(tag);
            self.bytes(&[space, name]);
            self.bytes(&value.to_be_bytes());
            self.bytes(f.name);
            self.bytes(f.value);
        }
        Ok(())
    }

    pub fn done(self) -> Result<&'b [u8], Refused> {
        if self.need <= self.room.len() {
            Ok(&self.room[..self.need])
        } else {
            Err(Refused::Room { need: self.need })
        }
    }
}
