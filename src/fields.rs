//! Whole pairs in storage that the caller lends.

use core::fmt;

use crate::error::Overflow;
use crate::event::{Cut, Field, Space, trim};
use crate::frame::fill;

/// Space, length of the name, length of the value.
const ENTRY: usize = 9;

/// Collects the fields of a head, joined from their pieces, in storage of the
/// caller's: an array, a slice, a vector. Each field takes its bytes and nine
/// more.
///
/// Where the storage runs out the field at hand is left out whole, [`push`]
/// says so, and so does [`overflowed`] from then on: a head with a field
/// missing must not be acted on.
///
/// ```
/// use vestibule::{Cut, Field, Fields, Space};
/// let mut fields = Fields::new([0u8; 64]);
/// fields.push(Field::var(b"A", b"1"))?;
/// fields.push(Field { cut: Cut::First, ..Field::var(b"LO", b"") })?;
/// fields.push(Field { cut: Cut::Last, ..Field::var(b"NG", b"2") })?;
/// assert_eq!(fields.get(b"LONG"), Some(&b"2"[..]));
/// assert_eq!(fields.iter().count(), 2);
/// # Ok::<(), vestibule::Overflow>(())
/// ```
///
/// [`push`]: Self::push
/// [`overflowed`]: Self::overflowed
#[derive(Clone, Copy)]
pub struct Fields<B> {
    buf: B,
    /// End of the last complete entry.
    len: usize,
    /// The entry under way, behind `len`: lengths of its name and value.
    open: Option<(usize, usize)>,
    overflowed: bool,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Fields<B> {
    /// Empty, over `buf`, whose contents do not matter.
    pub const fn new(buf: B) -> Self {
        Fields {
            buf,
            len: 0,
            open: None,
            overflowed: false,
        }
    }

    /// Forgets all fields and any overflow.
    pub fn clear(&mut self) {
        self.len = 0;
        self.open = None;
        self.overflowed = false;
    }

    /// Adds a field or the next piece of one. A first piece drops one that was
    /// never finished.
    pub fn push(&mut self, field: Field<'_>) -> Result<(), Overflow> {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            self.open = Some((0, 0));
        }
        let Some((name, value)) = self.open else {
            // The rest of a field whose earlier piece did not fit.
            return if self.overflowed {
                Err(Overflow)
            } else {
                Ok(())
            };
        };
        match self.append(field, name, value) {
            Some(open) => self.open = Some(open),
            None => {
                self.open = None;
                self.overflowed = true;
                return Err(Overflow);
            }
        }
        if matches!(field.cut, Cut::Whole | Cut::Last) {
            self.close();
        }
        Ok(())
    }

    fn append(&mut self, field: Field<'_>, name: usize, value: usize) -> Option<(usize, usize)> {
        let end = self
            .len
            .checked_add(ENTRY)?
            .checked_add(name)?
            .checked_add(value)?;
        let entry = self.buf.as_mut().get_mut(self.len..)?;
        // Room for the lengths too, before anything is written.
        let (first, rest) = entry.split_first_mut()?;
        let at = end.checked_sub(self.len)?.checked_sub(1)?;
        let middle = at.checked_add(field.name.len())?;
        let after = middle.checked_add(field.value.len())?;
        let room = rest.get_mut(at..after)?;
        let (n, v) = room.split_at_mut_checked(field.name.len())?;
        fill(n, field.name);
        fill(v, field.value);
        *first = match field.space {
            Space::Var => 0,
            Space::Header => 1,
            Space::Trailer => 2,
            Space::Attribute => 3,
        };
        Some((
            name.checked_add(field.name.len())?,
            value.checked_add(field.value.len())?,
        ))
    }

    fn close(&mut self) {
        let Some((name, value)) = self.open.take() else {
            return;
        };
        let Some(entry) = self.buf.as_mut().get_mut(self.len..) else {
            return;
        };
        let Some((head, text)) = entry.split_first_chunk_mut::<ENTRY>() else {
            return;
        };
        let trimmed = match text.get_mut(name..).and_then(|t| t.get_mut(..value)) {
            Some(bytes) if head.first().is_some_and(|s| space(*s).trims()) => {
                let rest = trim_start(bytes);
                let start = bytes.len().saturating_sub(rest.len());
                let length = trim(rest).len();
                // Byte by byte: it is rare, and rotating can panic.
                for to in 0..length {
                    let byte = bytes.get(to.saturating_add(start)).copied();
                    if let (Some(slot), Some(byte)) = (bytes.get_mut(to), byte) {
                        *slot = byte;
                    }
                }
                length
            }
            _ => value,
        };
        let [_, n @ .., _, _, _, _] = head;
        *n = u32::try_from(name).unwrap_or(u32::MAX).to_be_bytes();
        let [_, _, _, _, _, v @ ..] = head;
        *v = u32::try_from(trimmed).unwrap_or(u32::MAX).to_be_bytes();
        self.len = self
            .len
            .saturating_add(ENTRY)
            .saturating_add(name)
            .saturating_add(trimmed);
    }

    /// Takes all complete fields of this name and kind out: header and trailer
    /// names without regard to case. Whether there was one.
    ///
    /// ```
    /// use vestibule::{Field, Fields, Space};
    /// let mut fields = Fields::new([0u8; 64]);
    /// fields.push(Field::header(b"Host", b"a"))?;
    /// fields.push(Field::var(b"X", b"1"))?;
    /// assert!(fields.remove(Space::Header, b"host"));
    /// assert_eq!(fields.iter().count(), 1);
    /// # Ok::<(), vestibule::Overflow>(())
    /// ```
    pub fn remove(&mut self, space: Space, name: &[u8]) -> bool {
        let (mut read, mut end) = (0usize, 0usize);
        while read < self.len {
            let rest = self.buf.as_ref().get(read..self.len).unwrap_or(&[]);
            let mut pairs = Pairs { rest };
            let Some(field) = pairs.next() else {
                break;
            };
            let gone = field.space == space && named(&field, name);
            let size = rest.len().saturating_sub(pairs.rest.len());
            if !gone && read != end {
                // Byte by byte: it is rare, and copying within can panic.
                let buf = self.buf.as_mut();
                for n in 0..size {
                    let byte = buf.get(read.saturating_add(n)).copied();
                    if let (Some(to), Some(byte)) = (buf.get_mut(end.saturating_add(n)), byte) {
                        *to = byte;
                    }
                }
            }
            read = read.saturating_add(size);
            if !gone {
                end = end.saturating_add(size);
            }
        }
        let any = end != self.len;
        if any {
            // What was under way lies behind and is lost with its place.
            self.open = None;
            self.len = end;
        }
        any
    }

    /// Whether a field was left out since the last [`clear`](Self::clear).
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// The complete fields, in order.
    pub fn iter(&self) -> Pairs<'_> {
        Pairs {
            rest: self.buf.as_ref().get(..self.len).unwrap_or(&[]),
        }
    }

    /// The value of the first field of this name: header and trailer names
    /// without regard to case, others to the byte.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|f| named(f, name)).map(|f| f.value)
    }

    /// The values of all fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |f| named(f, name)).map(|f| f.value)
    }

    /// Whether fields of this name have different values, so that peers
    /// which take the first and peers which take the last would disagree.
    ///
    /// ```
    /// use vestibule::{Field, Fields};
    /// let mut fields = Fields::new([0u8; 64]);
    /// fields.push(Field::var(b"A", b"1"))?;
    /// assert!(!fields.ambiguous(b"A"));
    /// fields.push(Field::var(b"A", b"2"))?;
    /// assert!(fields.ambiguous(b"A"));
    /// # Ok::<(), vestibule::Overflow>(())
    /// ```
    pub fn ambiguous(&self, name: &[u8]) -> bool {
        let mut values = self.all(name);
        let first = values.next();
        values.any(|v| Some(v) != first)
    }

    /// Bytes of the storage that the complete fields take.
    pub fn used(&self) -> usize {
        self.len
    }

    /// The storage back.
    pub fn into_inner(self) -> B {
        self.buf
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]> + Extend<u8>> Fields<B> {
    /// Makes storage longer that can be (a vector's), to no more than `most`
    /// bytes in all, where less than `free` bytes of it are free: it need not
    /// be as long as the longest head for every head.
    ///
    /// ```
    /// use vestibule::{Field, Fields};
    /// let mut fields = Fields::new(Vec::new());
    /// fields.reserve(11, 64);
    /// fields.push(Field::var(b"A", b"1"))?;
    /// assert_eq!(fields.used(), 11);
    /// fields.reserve(100, 64);
    /// assert_eq!(fields.into_inner().len(), 64);
    /// # Ok::<(), vestibule::Overflow>(())
    /// ```
    pub fn reserve(&mut self, free: usize, most: usize) {
        let under_way = self.open.map_or(0, |(name, value)| {
            ENTRY.saturating_add(name).saturating_add(value)
        });
        let taken = self.len.saturating_add(under_way);
        let want = taken.saturating_add(free).min(most);
        let has = self.buf.as_ref().len();
        if has < want {
            // In steps, so that a head that comes in pieces does not cost one
            // for each.
            let want = want.checked_next_power_of_two().unwrap_or(most).min(most);
            let more = want.saturating_sub(has);
            self.buf.extend(core::iter::repeat_n(0, more));
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> fmt::Debug for Fields<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn named(field: &Field<'_>, name: &[u8]) -> bool {
    if field.space.trims() {
        field.name.eq_ignore_ascii_case(name)
    } else {
        field.name == name
    }
}

fn space(code: u8) -> Space {
    match code {
        0 => Space::Var,
        1 => Space::Header,
        2 => Space::Trailer,
        _ => Space::Attribute,
    }
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// The fields of a [`Fields`], each whole.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// No field.
    pub const EMPTY: Pairs<'static> = Pairs { rest: &[] };
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let ([code, name @ .., v0, v1, v2, v3], text) = self.rest.split_first_chunk::<ENTRY>()?;
        let n = usize::try_from(u32::from_be_bytes(*name)).ok()?;
        let v = usize::try_from(u32::from_be_bytes([*v0, *v1, *v2, *v3])).ok()?;
        let (name, text) = text.split_at_checked(n)?;
        let (value, rest) = text.split_at_checked(v)?;
        self.rest = rest;
        Some(Field {
            space: space(*code),
            name,
            value,
            cut: Cut::Whole,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece<'a>(cut: Cut, name: &'a [u8], value: &'a [u8]) -> Field<'a> {
        Field {
            cut,
            ..Field::header(name, value)
        }
    }

    #[test]
    fn pieces_are_joined_and_trimmed() {
        let mut f = Fields::new([0xaa; 64]);
        f.push(piece(Cut::First, b"X-", b"")).unwrap();
        f.push(piece(Cut::Middle, b"A", b" \tb ")).unwrap();
        f.push(piece(Cut::Middle, b"", b" c \t")).unwrap();
        f.push(piece(Cut::Last, b"", b"")).unwrap();
        f.push(Field::var(b"V", b" v ")).unwrap();
        let all: Vec<_> = f.iter().collect();
        assert_eq!(
            all,
            [Field::header(b"X-A", b"b  c"), Field::var(b"V", b" v ")]
        );
        assert_eq!(f.get(b"x-a"), Some(&b"b  c"[..]));
        assert_eq!(f.get(b"v"), None);
    }

    #[test]
    fn an_unfinished_field_is_no_field() {
        let mut f = Fields::new([0; 64]);
        f.push(piece(Cut::First, b"X", b"")).unwrap();
        assert_eq!(f.iter().count(), 0);
        f.push(piece(Cut::Whole, b"Y", b"1")).unwrap();
        assert_eq!(f.iter().count(), 1);
        f.push(piece(Cut::Last, b"", b"zzz")).unwrap();
        assert_eq!(f.iter().count(), 1);
    }

    #[test]
    fn removal() {
        let mut f = Fields::new([0; 128]);
        for (name, value) in [("A", "1"), ("B", "22"), ("a", "333"), ("C", "4")] {
            f.push(Field::header(name.as_bytes(), value.as_bytes()))
                .unwrap();
        }
        f.push(Field::var(b"A", b"5")).unwrap();
        let text = |f: &Fields<[u8; 128]>| -> Vec<String> {
            f.iter()
                .map(|f| format!("{}{}", f.name.escape_ascii(), f.value.escape_ascii()))
                .collect()
        };
        assert!(!f.remove(Space::Trailer, b"A"));
        f.push(piece(Cut::First, b"A", b"6")).unwrap();
        assert!(f.remove(Space::Header, b"a"));
        assert_eq!(text(&f), ["B22", "C4", "A5"]);
        f.push(piece(Cut::Last, b"", b"7")).unwrap();
        assert!(f.remove(Space::Var, b"A") && !f.remove(Space::Var, b"A"));
        f.push(Field::var(b"D", b"")).unwrap();
        assert_eq!(text(&f), ["B22", "C4", "D"]);
    }

    #[test]
    fn overflow_leaves_the_field_out_whole() {
        for size in 0..40 {
            let mut f = Fields::new(vec![0; size]);
            let whole = f.push(Field::var(b"AB", b"cd")).is_ok();
            assert_eq!(whole, size >= 13);
            let cut = f
                .push(piece(Cut::First, b"N", b""))
                .and_then(|()| f.push(piece(Cut::Last, b"", b"v")));
            assert_eq!(
                f.iter().count(),
                usize::from(whole) + usize::from(cut.is_ok())
            );
            assert_eq!(f.overflowed(), !whole || cut.is_err());
        }
    }
}
