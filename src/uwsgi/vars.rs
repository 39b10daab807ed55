//! The variables of a request: a streaming decoder, and an encoder that writes
//! all or nothing. uwsgi protocol, "The uwsgi vars".

use super::packet::MAX_BLOCK;
use crate::cgi::send::{self, Text};
use crate::error::{Error, Refused};
use crate::event::{Cut, Field};
use crate::frame::fill;
use crate::text::copy::put;

/// Bytes of a length.
const LENGTH: u16 = 2;

/// Where a pair stands that is not whole in the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Before the first byte of a pair.
    #[default]
    Border,
    /// Inside the length of the name.
    NameLength,
    /// In the name, or before the length of the value.
    Name,
    /// Inside the length of the value.
    ValueLength,
    Value,
}

/// The streaming decoder of one block. It keeps counters and no byte of text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decoder {
    /// Bytes of the block still to come.
    left: u16,
    /// Bytes of the name or value at hand still to come; while a length is cut,
    /// its first byte.
    text: u16,
    stage: Stage,
    /// A piece of the pair at hand was given.
    begun: bool,
}

impl Decoder {
    /// Before a block of `size` bytes.
    pub const fn new(size: u16) -> Decoder {
        Decoder {
            left: size,
            text: 0,
            stage: Stage::Border,
            begun: false,
        }
    }

    /// Whether the block is used up. Then no pair is under way: its lengths
    /// were checked against what was left.
    #[inline]
    pub fn ended(&self) -> bool {
        self.left == 0 && self.at_border()
    }

    /// Whether no pair is under way.
    #[inline]
    pub fn at_border(&self) -> bool {
        matches!(self.stage, Stage::Border)
    }

    /// The hot path: a pair that is whole in the input and in the block, with a
    /// name of no more than `longest` bytes. Nothing is changed where there is
    /// none.
    #[inline(always)]
    pub fn whole<'i>(
        &mut self,
        input: &mut &'i [u8],
        longest: u16,
    ) -> Option<(&'i [u8], &'i [u8])> {
        if matches!(self.stage, Stage::Border)
            && let [a, b, rest @ ..] = *input
            && let n = u16::from_le_bytes([*a, *b])
            && n.wrapping_sub(1) < longest
            && let Some((name, rest)) = rest.split_at_checked(usize::from(n))
            && let [a, b, rest @ ..] = rest
            && let v = u16::from_le_bytes([*a, *b])
            && let Some((value, rest)) = rest.split_at_checked(usize::from(v))
            && let size = u32::from(n).wrapping_add(u32::from(v)).wrapping_add(4)
            && let Some(left) = u32::from(self.left).checked_sub(size)
        {
            let [low, high, ..] = left.to_le_bytes();
            self.left = u16::from_le_bytes([low, high]);
            *input = rest;
            return Some((name, value));
        }
        None
    }

    /// The cold path: any step of any pair. `None` where the input is used up.
    /// The lengths are checked as soon as they are there: nothing is ever
    /// stored from them, but what cannot end in time is refused at once.
    ///
    /// # Errors
    ///
    /// `BadVariable`: a name without a byte, a name or value that runs past the
    /// end of the block, a byte too few for a length. `NameTooLong`.
    #[cold]
    #[inline(never)]
    pub fn piece<'i>(
        &mut self,
        input: &mut &'i [u8],
        longest: u16,
    ) -> Result<Option<Field<'i>>, Error> {
        let mut name: &[u8] = &[];
        loop {
            match self.stage {
                Stage::Border | Stage::NameLength => {
                    if self.stage == Stage::Border && self.left < LENGTH {
                        return Err(Error::BadVariable);
                    }
                    if !self.length(input, Stage::NameLength) {
                        return Ok(None);
                    }
                    if self.text == 0 || self.left.checked_sub(LENGTH) < Some(self.text) {
                        return Err(Error::BadVariable);
                    }
                    if self.text > longest {
                        return Err(Error::NameTooLong);
                    }
                    self.stage = Stage::Name;
                    self.begun = false;
                }
                Stage::Name | Stage::ValueLength => {
                    if self.stage == Stage::Name {
                        name = self.take(input);
                        if self.text > 0 {
                            return Ok(self.cut(name, &[], false));
                        }
                    }
                    if !self.length(input, Stage::ValueLength) {
                        return Ok(self.cut(name, &[], false));
                    }
                    if self.text > self.left {
                        return Err(Error::BadVariable);
                    }
                    self.stage = Stage::Value;
                }
                Stage::Value => {
                    let value = self.take(input);
                    let last = self.text == 0;
                    if last {
                        self.stage = Stage::Border;
                    }
                    return Ok(self.cut(name, value, last));
                }
            }
        }
    }

    /// Reads a length into `text`; false where the input ended inside, or
    /// before it.
    fn length(&mut self, input: &mut &[u8], inside: Stage) -> bool {
        while let [byte, rest @ ..] = *input {
            *input = rest;
            self.left = self.left.saturating_sub(1);
            if self.stage == inside {
                let [low, _] = self.text.to_le_bytes();
                self.text = u16::from_le_bytes([low, *byte]);
                return true;
            }
            self.text = u16::from(*byte);
            self.stage = inside;
        }
        false
    }

    /// Takes what there is of the text at hand.
    fn take<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        let n = input.len().min(usize::from(self.text));
        let (now, rest) = input.split_at_checked(n).unwrap_or_default();
        *input = rest;
        let n = u16::try_from(n).unwrap_or(u16::MAX);
        self.text = self.text.saturating_sub(n);
        self.left = self.left.saturating_sub(n);
        now
    }

    /// The piece that this is, if it is one.
    fn cut<'i>(&mut self, name: &'i [u8], value: &'i [u8], last: bool) -> Option<Field<'i>> {
        if !last && name.is_empty() && value.is_empty() {
            return None;
        }
        let cut = match (self.begun, last) {
            (false, true) => Cut::Whole,
            (false, false) => Cut::First,
            (true, true) => Cut::Last,
            (true, false) => Cut::Middle,
        };
        self.begun = true;
        Some(Field {
            cut,
            ..Field::var(name, value)
        })
    }
}

/// Writes pairs into lent room. The sum of all lengths is checked with each of
/// them: a block never says less than it has.
#[derive(Debug)]
pub(crate) struct Vars<'b> {
    room: &'b mut [u8],
    /// Bytes written. Above the length of the room: what it would take.
    at: usize,
    /// A pair was written that may not be.
    odd: bool,
}

impl<'b> Vars<'b> {
    pub fn new(room: &'b mut [u8]) -> Self {
        Vars {
            room,
            at: 0,
            odd: false,
        }
    }

    /// With a first pair, of text that is known to be short and good.
    pub fn counted(mut self, name: &[u8], value: &[u8]) -> Self {
        use send::Block as _;
        // Not by the short way: beside a number's digits compilers keep a path
        // there that would panic.
        if let Ok(Some((to_name, to_value))) = self.reserve(name.len(), value.len()) {
            fill(to_name, name);
            fill(to_value, value);
        }
        self
    }

    /// All pairs are there: the block and its size. Refused where one of them
    /// may not be.
    pub fn end(self) -> Result<(u16, &'b [u8]), Refused> {
        let room: &'b [u8] = self.room;
        match (room.get(..self.at), u16::try_from(self.at)) {
            _ if self.odd => Err(Refused::Field),
            (_, Err(_)) => Err(Refused::TooLong),
            (Some(bytes), Ok(size)) => Ok((size, bytes)),
            (None, _) => Err(Refused::Room { need: self.at }),
        }
    }
}

impl<'b> send::Block<'b> for Vars<'b> {
    /// The room, with anything in it.
    fn into_room(self) -> &'b mut [u8] {
        self.room
    }

    /// Adds a pair. A name may not be empty nor hold `=` (peers that make an
    /// environment of it would cut it there); NUL may be in neither. What may
    /// not be is refused at the end.
    ///
    /// False, and nothing is changed, where this short way does not do: then it
    /// is for [`long`](Self::long).
    #[inline(always)]
    fn short(&mut self, name: &[u8], value: &[u8]) -> bool {
        let text = name.len().wrapping_add(value.len());
        let end = self.at.wrapping_add(text).wrapping_add(4);
        if name.len() | value.len() < 0x4000
            && end <= MAX_BLOCK
            && let [n0, n1, ..] = name.len().to_le_bytes()
            && let [v0, v1, ..] = value.len().to_le_bytes()
            && let Some(room) = self.room.get_mut(self.at..)
            && let Some((n, room)) = room.split_first_chunk_mut()
            && let Some((room, odd)) = put(room, name, |b| b == 0 || b == b'=')
            && let Some((v, room)) = room.split_first_chunk_mut()
            && let Some((_, odder)) = put(room, value, |b| b == 0)
        {
            *n = [n0, n1];
            *v = [v0, v1];
            self.odd |= odd | odder | name.is_empty();
            self.at = end;
            return true;
        }
        false
    }

    #[inline]
    fn odd(&self) -> bool {
        self.odd
    }

    /// Writes all of a pair but its text: room for name and value, which the
    /// caller fills. `None` where there is no room: the pair is counted.
    fn reserve(&mut self, name: usize, value: usize) -> Result<Option<Text<'_>>, Refused> {
        let (Ok(n), Ok(v)) = (u16::try_from(name), u16::try_from(value)) else {
            return Err(Refused::TooLong);
        };
        let end = name.saturating_add(value).saturating_add(4);
        let end = self.at.saturating_add(end);
        if end > MAX_BLOCK {
            return Err(Refused::TooLong);
        }
        let room = self.room.get_mut(self.at..end);
        self.at = end;
        Ok(room.and_then(|room| {
            let (first, room) = room.split_first_chunk_mut()?;
            let (name, room) = room.split_at_mut_checked(name)?;
            let (second, value) = room.split_first_chunk_mut()?;
            *first = n.to_le_bytes();
            *second = v.to_le_bytes();
            Some((name, value))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgi::send::Block as _;

    const LONGEST: u16 = 256;

    type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

    /// Pieces joined, and how it ended: at the border, or inside.
    fn decode(block: &[u8], size: u16, step: usize, hot: bool) -> Result<(Pairs, bool), Error> {
        let mut decoder = Decoder::new(size);
        let mut pairs = Pairs::new();
        for chunk in block.chunks(step) {
            let mut input = chunk;
            while !decoder.ended() {
                if hot && let Some((n, v)) = decoder.whole(&mut input, LONGEST) {
                    pairs.push((n.to_vec(), v.to_vec()));
                    continue;
                }
                let Some(field) = decoder.piece(&mut input, LONGEST)? else {
                    assert!(input.is_empty());
                    break;
                };
                match field.cut {
                    Cut::Whole | Cut::First => {
                        pairs.push((field.name.to_vec(), field.value.to_vec()));
                    }
                    Cut::Middle | Cut::Last => {
                        let (n, v) = pairs.last_mut().unwrap();
                        assert!(v.is_empty() || field.name.is_empty());
                        n.extend(field.name);
                        v.extend(field.value);
                    }
                }
                assert_eq!(
                    decoder.at_border(),
                    matches!(field.cut, Cut::Whole | Cut::Last)
                );
            }
            if !decoder.ended() && input.is_empty() {
                // An empty slice says nothing new, but what is wrong already.
                if decoder.piece(&mut input, LONGEST)?.is_some() {
                    panic!("a piece of nothing");
                }
            }
        }
        Ok((pairs, decoder.ended()))
    }

    fn both(block: &[u8], size: u16) -> Result<(Pairs, bool), Error> {
        let whole = decode(block, size, block.len().max(1), true);
        for step in 1..=block.len() {
            for hot in [true, false] {
                assert_eq!(decode(block, size, step, hot), whole, "{step} {hot}");
            }
        }
        whole
    }

    fn pair(n: &[u8], v: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (n.to_vec(), v.to_vec())
    }

    #[test]
    fn pairs_whatever_the_cut() {
        let block = b"\x01\0K\x01\0v\x01\0Q\0\0\x03\0ABC\x02\0xy";
        let pairs = vec![pair(b"K", b"v"), pair(b"Q", b""), pair(b"ABC", b"xy")];
        assert_eq!(both(block, 20), Ok((pairs, true)));
        assert_eq!(both(b"\x01\0K\0\0", 5), Ok((vec![pair(b"K", b"")], true)));
        // More of the block is to come.
        assert_eq!(both(b"\x01\0K\0\0", 10), Ok((vec![pair(b"K", b"")], false)));
        assert_eq!(decode(b"", 0, 1, true), Ok((vec![], true)));
        assert!(Decoder::new(0).ended() && !Decoder::new(1).ended());
    }

    #[test]
    fn lengths_lie() {
        for (block, size) in [
            // A name without a byte.
            (&b"\0\0\x01\0x"[..], 5),
            // A name past the end; and one that leaves no place for a length.
            (b"\x09\0PATH", 6),
            (b"\x04\0PATH", 6),
            (b"\x03\0PATH", 6),
            (b"\xff\xffP", 0xffff),
            // A value past the end.
            (b"\x01\0K\x09\0v", 6),
            (b"\x01\0K\xff\xff", 0xffff),
            // A byte too few for a length.
            (b"\x01\0K\x01\0v\x01", 7),
            (b"\x01", 1),
            (b"x", 1),
        ] {
            assert_eq!(both(block, size), Err(Error::BadVariable), "{block:02x?}");
        }
    }

    #[test]
    fn the_longest_name() {
        for (n, good) in [
            (1, true),
            (255, true),
            (256, true),
            (257, false),
            (9_999, false),
        ] {
            let mut block = u16::try_from(n).unwrap().to_le_bytes().to_vec();
            block.extend(vec![b'N'; n]);
            block.extend(b"\x01\0v");
            let size = u16::try_from(block.len()).unwrap();
            for step in [1, 7, 100_000] {
                for hot in [true, false] {
                    let got = decode(&block, size, step, hot);
                    match good {
                        true => assert_eq!(got.unwrap().0, [(vec![b'N'; n], b"v".to_vec())]),
                        false => assert_eq!(got, Err(Error::NameTooLong)),
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_block() {
        let value = vec![b'v'; 65_530];
        let block = [b"\x01\0K\xfa\xff", &value[..]].concat();
        for (step, hot) in [(100_000, true), (100_000, false), (4_000, true)] {
            let got = decode(&block, 0xffff, step, hot);
            assert_eq!(got, Ok((vec![(b"K".to_vec(), value.clone())], true)));
        }
        assert_eq!(
            decode(&block, 0xfffe, 100_000, true),
            Err(Error::BadVariable)
        );
    }

    fn write(pairs: &[(&[u8], &[u8])], room: &mut [u8], hot: bool) -> Result<Vec<u8>, Refused> {
        let mut block = Vars::new(room);
        for (name, value) in pairs {
            if !hot || !block.short(name, value) {
                block = block.long(name, value)?;
            }
        }
        let (size, bytes) = block.end()?;
        assert_eq!(usize::from(size), bytes.len());
        Ok(bytes.to_vec())
    }

    #[test]
    fn blocks() {
        let pairs: [(&[u8], &[u8]); 3] = [(b"K", b"v"), (b"Q", b""), (b"ABC", b"xy")];
        let want = b"\x01\0K\x01\0v\x01\0Q\0\0\x03\0ABC\x02\0xy";
        for hot in [true, false] {
            for size in 0..30 {
                let mut room = vec![0xee; size];
                let got = write(&pairs, &mut room, hot);
                if size < want.len() {
                    assert_eq!(got, Err(Refused::Room { need: want.len() }));
                } else {
                    assert_eq!(got.unwrap(), want);
                    assert!(room[want.len()..].iter().all(|b| *b == 0xee));
                }
            }
            assert_eq!(write(&[], &mut [], hot), Ok(vec![]));
        }
    }

    /// A size that wraps in sixteen bits would leave the rest of the block to
    /// be read as a body.
    #[test]
    fn no_block_is_longer_than_its_size_says() {
        let text = vec![b'x'; 70_000];
        for hot in [true, false] {
            for (n, v, good) in [
                (1, 65_530, true),
                (1, 65_531, false),
                (65_531, 0, true),
                (65_532, 0, false),
                (32_767, 32_764, true),
                (32_767, 32_765, false),
                (1, 65_535, false),
                (1, 65_536, false),
                (65_536, 1, false),
            ] {
                let mut room = vec![0; 140_000];
                let got = write(&[(&text[..n], &text[..v])], &mut room, hot);
                match good {
                    true => assert_eq!(got.unwrap().len(), n + v + 4),
                    false => assert_eq!(got, Err(Refused::TooLong), "{n} {v}"),
                }
                // Whatever the room.
                let got = write(&[(&text[..n], &text[..v])], &mut [], hot);
                let short = Refused::Room { need: n + v + 4 };
                assert_eq!(got, Err(if good { short } else { Refused::TooLong }));
            }
            // Many that are short.
            let mut pairs: Vec<(&[u8], &[u8])> = vec![(b"N", b"12345678901"); 4_095];
            let mut room = vec![0; 70_000];
            assert_eq!(write(&pairs, &mut room, hot).unwrap().len(), 65_520);
            pairs.push((b"N", b"1234567890"));
            assert_eq!(write(&pairs, &mut room, hot).unwrap().len(), 65_535);
            pairs.pop();
            pairs.push((b"N", b"12345678901"));
            assert_eq!(write(&pairs, &mut room, hot), Err(Refused::TooLong));
        }
    }

    #[test]
    fn what_no_environment_can_hold() {
        for hot in [true, false] {
            for (name, value) in [
                (&b""[..], &b"x"[..]),
                (b"A=B", b"x"),
                (b"A\0B", b"x"),
                (b"A", b"x\0"),
                (b"A", &[0; 200]),
                (b"A", &[0; 5000]),
            ] {
                let got = write(&[(name, value)], &mut [0; 6000], hot);
                assert_eq!(got, Err(Refused::Field));
            }
            assert!(write(&[(b"A", b"=\r\n")], &mut [0; 64], hot).is_ok());
        }
    }
}
