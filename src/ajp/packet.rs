//! Packets, and the numbers and strings in them. AJPv13, "Basic Packet
//! Structure" and "Data Types".

use super::codes;
use crate::error::{Error, Refused};
use crate::text::out::Out;

/// The smallest packet size that a side may have, its four bytes of header
/// included. Each side must take packets of at least this size.
pub const MIN_PACKET: u32 = 8192;

/// The largest packet size, header included.
pub const MAX_PACKET: u32 = 65_536;

/// The header of a packet.
const HEADER: u16 = 4;

/// Bytes that a packet of `size` bytes carries; out of range, the nearest size.
pub(crate) const fn payload(size: u32) -> u16 {
    let size = match size {
        0..MIN_PACKET => MIN_PACKET,
        MAX_PACKET.. => MAX_PACKET,
        size => size,
    };
    // 65,536 less the header is what two bytes of it say.
    let [_, _, a, b] = size.to_be_bytes();
    u16::from_be_bytes([a, b]).wrapping_sub(HEADER)
}

/// Which way a packet goes: its first two bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the web server.
    ToContainer,
    /// From the container.
    ToWebServer,
}

impl Way {
    pub(crate) const fn magic(self) -> [u8; 2] {
        match self {
            Way::ToContainer => [0x12, 0x34],
            Way::ToWebServer => *b"AB",
        }
    }
}

/// The length of the null string, which has no bytes.
const NULL: u16 = 0xffff;

/// Reads packets from input that may be cut anywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// Bytes of a header or number that is cut.
    bytes: [u8; 4],
    have: u8,
    /// What the packet at hand still carries.
    pub left: u16,
}

impl Packet {
    pub(crate) const NONE: Packet = Packet {
        bytes: [0; 4],
        have: 0,
        left: 0,
    };

    /// Whether the packet was taken whole, and nothing of another.
    #[inline]
    pub(crate) fn at_border(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Whether a header or a number was taken in part.
    #[inline]
    pub(crate) fn is_cut(&self) -> bool {
        self.have != 0
    }

    /// Takes a header, and says how much the packet carries.
    #[inline]
    pub(crate) fn header(
        &mut self,
        input: &mut &[u8],
        way: Way,
        most: u16,
    ) -> Result<Option<u16>, Error> {
        if self.have == 0
            && let Some((header, rest)) = input.split_first_chunk::<4>()
        {
            *input = rest;
            return self.begin(*header, way, most).map(Some);
        }
        match self.gather(input, 4) {
            true => self.begin(self.bytes, way, most).map(Some),
            false => Ok(None),
        }
    }

    #[inline]
    fn begin(&mut self, header: [u8; 4], way: Way, most: u16) -> Result<u16, Error> {
        let [a, b, c, d] = header;
        if [a, b] != way.magic() {
            return Err(Error::Magic(u16::from_be_bytes([a, b])));
        }
        let length = u16::from_be_bytes([c, d]);
        if length > most {
            return Err(Error::PacketTooLong);
        }
        self.have = 0;
        self.left = length;
        Ok(length)
    }

    /// Whether there are `n` bytes now, at most four.
    #[cold]
    fn gather(&mut self, input: &mut &[u8], n: u8) -> bool {
        while self.have < n {
            let [first, rest @ ..] = *input else {
                return false;
            };
            if let Some(to) = self.bytes.get_mut(usize::from(self.have)) {
                *to = *first;
            }
            self.have = self.have.saturating_add(1);
            *input = rest;
        }
        true
    }

    /// Takes what there is of the packet, at most `most` bytes.
    #[inline]
    pub(crate) fn take<'i>(&mut self, input: &mut &'i [u8], most: u16) -> &'i [u8] {
        let n = usize::from(most.min(self.left));
        let (bytes, rest) = input.split_at_checked(n).unwrap_or((input, &[]));
        *input = rest;
        let n = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.left = self.left.saturating_sub(n);
        bytes
    }

    /// Takes a byte.
    pub(crate) fn byte(&mut self, input: &mut &[u8]) -> Result<Option<u8>, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(Error::BadPacket);
        };
        let [first, rest @ ..] = *input else {
            return Ok(None);
        };
        self.left = left;
        *input = rest;
        Ok(Some(*first))
    }

    /// Takes an integer.
    pub(crate) fn number(&mut self, input: &mut &[u8]) -> Result<Option<u16>, Error> {
        if self.have == 0
            && let Some(left) = self.left.checked_sub(2)
            && let Some((number, rest)) = input.split_first_chunk()
        {
            self.left = left;
            *input = rest;
            return Ok(Some(u16::from_be_bytes(*number)));
        }
        let have = u16::from(self.have);
        if self.left.saturating_add(have) < 2 {
            return Err(Error::BadPacket);
        }
        let whole = self.gather(input, 2);
        let taken = u16::from(self.have).saturating_sub(have);
        self.left = self.left.saturating_sub(taken);
        if !whole {
            return Ok(None);
        }
        self.have = 0;
        let [a, b, ..] = self.bytes;
        Ok(Some(u16::from_be_bytes([a, b])))
    }
}

/// What [`Text::step`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'i> {
    /// The input is used up.
    Empty,
    /// The null string, whole.
    Null,
    /// The low byte of a header code in place of a name, whole.
    Code(u8),
    /// Bytes of the string, maybe none if they are the last.
    Part { bytes: &'i [u8], last: bool },
}

/// How many bytes at the front may stand in a string, and what it is where not
/// all of them may.
pub(crate) type Check = (fn(&[u8]) -> usize, Error);

/// Reads a string from input that may be cut anywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    /// Bytes still to come, once the length is known.
    left: Option<u16>,
}

impl Text {
    pub(crate) const NEW: Text = Text { left: None };

    /// Whether no byte of a string was taken.
    #[inline]
    pub(crate) fn at_border(&self) -> bool {
        self.left.is_none()
    }

    /// Takes what there is of the string. With `codes` a header code may stand
    /// in its place, and it is at most 255 bytes long: some take longer names
    /// for codes.
    pub(crate) fn step<'i>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        codes: bool,
    ) -> Result<Piece<'i>, Error> {
        let left = match self.left {
            Some(left) => left,
            None => {
                let Some(length) = packet.number(input)? else {
                    return Ok(Piece::Empty);
                };
                if length == NULL {
                    return Ok(Piece::Null);
                }
                if codes && let Some(code) = codes::header_code(length) {
                    return Ok(Piece::Code(code));
                }
                if length >= packet.left {
                    return Err(Error::BadPacket);
                }
                if codes && !(1..=255).contains(&length) {
                    return Err(Error::BadField);
                }
                self.left = Some(length);
                length
            }
        };
        let bytes = packet.take(input, left);
        let n = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        let left = left.saturating_sub(n);
        self.left = Some(left);
        // The bytes are given before anything is said of what is behind them,
        // so that a verdict on them comes first however they are cut.
        let last = left == 0 && matches!(*input, [0, ..]);
        if last || (left == 0 && bytes.is_empty()) {
            match packet.byte(input)? {
                Some(0) => self.left = None,
                Some(_) => return Err(Error::BadPacket),
                None => return Ok(Piece::Empty),
            }
        }
        Ok(match (bytes, last) {
            ([], false) => Piece::Empty,
            _ => Piece::Part { bytes, last },
        })
    }

    /// The same, of a string in which not every byte may stand: `good` says
    /// how many at the front may. `input` then ends behind the first that may
    /// not, whatever the cut.
    pub(crate) fn checked<'i>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        codes: bool,
        (good, error): Check,
    ) -> Result<Piece<'i>, Error> {
        let before = *input;
        let piece = self.step(packet, input, codes)?;
        if let Piece::Part { bytes, last } = piece
            && let Some(odd) = bytes.get(good(bytes)..)
            && let [_, rest @ ..] = odd
        {
            let back = rest.len().saturating_add(usize::from(last));
            let behind = back.saturating_add(input.len());
            // They were never taken.
            let back = u16::try_from(back).unwrap_or(u16::MAX);
            packet.left = packet.left.saturating_add(back);
            *input = before
                .get(before.len().saturating_sub(behind)..)
                .unwrap_or_default();
            return Err(error);
        }
        Ok(piece)
    }
}

/// A string that lies whole at the front of `input`, or the null string; and
/// what is behind it.
#[inline(always)]
pub(crate) fn whole(input: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = input.split_first_chunk()?;
    let length = u16::from_be_bytes(*length);
    if length == NULL {
        return Some((None, rest));
    }
    let (text, rest) = rest.split_at_checked(usize::from(length))?;
    match rest {
        [0, rest @ ..] => Some((Some(text), rest)),
        _ => None,
    }
}

/// Writes a packet into lent room.
pub(crate) struct Writer<'b> {
    out: Out<'b>,
}

impl<'b> Writer<'b> {
    pub(crate) fn new(way: Way, kind: u8, room: &'b mut [u8]) -> Self {
        let [a, b] = way.magic();
        let mut out = Out::new(room);
        // The length is known at the end.
        out.put(&[a, b, 0, 0, kind]);
        Writer { out }
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.out.put(&[byte]);
    }

    pub(crate) fn number(&mut self, n: u16) {
        self.out.put(&n.to_be_bytes());
    }

    /// A number that is not known yet: where it stands, for
    /// [`set`](Self::set).
    pub(crate) fn later(&mut self) -> usize {
        let at = self.out.len();
        self.number(0);
        at
    }

    pub(crate) fn set(&mut self, at: usize, n: u16) {
        self.out.set(at, &n.to_be_bytes());
    }

    pub(crate) fn null(&mut self) {
        self.number(NULL);
    }

    /// A string; one that is too long for its length makes the packet too
    /// long too.
    pub(crate) fn string(&mut self, text: &[u8]) {
        self.length(text.len());
        self.out.text(text);
        self.out.put(&[0]);
    }

    /// A string of bytes that are made up as they are written.
    pub(crate) fn bytes(&mut self, length: usize, text: impl Iterator<Item = u8>) {
        self.length(length);
        for byte in text {
            self.out.put(&[byte]);
        }
        self.out.put(&[0]);
    }

    fn length(&mut self, n: usize) {
        self.number(u16::try_from(n).unwrap_or(NULL));
    }

    /// A header code.
    pub(crate) fn code(&mut self, low: u8) {
        self.out.put(&[0xa0, low]);
    }

    /// Ends the packet, of at most `most` bytes behind its header.
    pub(crate) fn end(mut self, most: u16) -> Result<&'b [u8], Refused> {
        let length = self.out.len().saturating_sub(usize::from(HEADER));
        match u16::try_from(length) {
            Ok(length) if length <= most => self.set(2, length),
            _ => return Err(Refused::TooLong),
        }
        self.out.written()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pieces of a string of `payload`, fed `step` bytes at a time.
    fn read(payload: &[u8], step: usize, codes: bool) -> Result<(Vec<u8>, &'static str), Error> {
        let mut packet = Packet {
            left: payload.len().try_into().unwrap(),
            ..Packet::NONE
        };
        let (mut text, mut all) = (Text::NEW, Vec::new());
        for mut input in payload.chunks(step).chain([&[][..]]) {
            loop {
                match text.step(&mut packet, &mut input, codes)? {
                    Piece::Empty => break,
                    Piece::Null => return Ok((all, "null")),
                    Piece::Code(_) => return Ok((all, "code")),
                    Piece::Part { bytes, last } => {
                        all.extend_from_slice(bytes);
                        if last {
                            return Ok((all, "whole"));
                        }
                    }
                }
            }
            assert!(input.is_empty());
        }
        Ok((all, "cut"))
    }

    #[test]
    fn strings_whatever_the_cut() {
        let good = |bytes: &[u8], end| Ok((bytes.to_vec(), end));
        for step in 1..9 {
            let read = |payload: &[u8]| read(payload, step, false);
            assert_eq!(read(b"\0\x03abc\0"), good(b"abc", "whole"));
            assert_eq!(read(b"\0\0\0"), good(b"", "whole"));
            assert_eq!(read(b"\xff\xff"), good(b"", "null"));
            for bad in [&b"\0"[..], b"", b"\0\0", b"\0\x03abc", b"\0\x02abc\0"] {
                assert_eq!(read(bad), Err(Error::BadPacket), "{bad:?}");
            }
            let name = |payload: &[u8]| super::tests::read(payload, step, true);
            assert_eq!(name(b"\xa0\x01"), good(b"", "code"));
            assert_eq!(name(b"\0\x01a\0"), good(b"a", "whole"));
            assert_eq!(name(b"\0\0\0"), Err(Error::BadField));
            let long = [&b"\x01\0"[..], &[b'a'; 256], b"\0"].concat();
            assert_eq!(name(&long), Err(Error::BadField));
            assert_eq!(name(&long[..100]), Err(Error::BadPacket));
        }
    }

    #[test]
    fn headers() {
        for cut in 0..=4 {
            let mut packet = Packet::NONE;
            let bytes = b"\x12\x34\x1f\xfc";
            let (mut a, mut b) = bytes.split_at(cut);
            let mut read = |input: &mut &[u8]| packet.header(input, Way::ToContainer, 8188);
            let seen = [read(&mut a), read(&mut b)];
            assert!(seen.contains(&Ok(Some(8188))), "{seen:?}");
            assert_eq!(packet.left, 8188);
        }
        let read = |bytes: &[u8]| {
            let mut packet = Packet::NONE;
            packet.header(&mut &*bytes, Way::ToWebServer, 8188)
        };
        assert_eq!(read(b"\x12\x34\0\0"), Err(Error::Magic(0x1234)));
        assert_eq!(read(b"AB\x1f\xfd"), Err(Error::PacketTooLong));
        assert_eq!(read(b"AB\0\0"), Ok(Some(0)));
    }

    #[test]
    fn sizes() {
        assert_eq!(payload(0), 8188);
        assert_eq!(payload(8192), 8188);
        assert_eq!(payload(10_000), 9996);
        assert_eq!(payload(u32::MAX), 65_532);
    }
}
