//! PARAMS as a web server writes them: whole pairs, never cut by a record
//! border, since some peers take each record apart on its own. FastCGI 1.0,
//! 3.4 and 5.2.

use crate::error::Refused;
use crate::fcgi::record::{HEADER, Header, MAX_CONTENT, PADDING, kind};
use crate::frame::fill;

/// Writes pairs into lent room. The header of the first record is not written
/// but told at the end; those of further records are.
#[derive(Debug)]
pub(crate) struct Params<'b> {
    room: &'b mut [u8],
    id: u16,
    /// Bytes written. Above the length of the room: what it would take.
    at: usize,
    /// Content of the record at hand.
    content: usize,
    /// Content of the first record and place of the header at hand, once there
    /// is a second record.
    later: Option<(usize, usize)>,
    /// Zero bytes written that are no text. Any more, and there is a NUL: one
    /// fast pass at the end finds them all.
    zeros: usize,
}

/// Room for a name and a value.
type Text<'r> = (&'r mut [u8], &'r mut [u8]);

/// What [`Params::end`] tells.
pub(crate) struct Written<'b> {
    /// Content of the first record; 0 where there is none.
    pub first: u16,
    /// All but the first header and the last padding.
    pub bytes: &'b [u8],
    /// Padding of the last record.
    pub padding: &'static [u8],
}

impl<'b> Params<'b> {
    pub fn new(id: u16, room: &'b mut [u8]) -> Self {
        Params {
            room,
            id,
            at: 0,
            content: 0,
            later: None,
            zeros: 0,
        }
    }

    /// Adds a pair, with lengths as short as can be. A name may not be empty
    /// nor hold `=` (peers that make an environment of it would cut it there);
    /// NUL may be in neither.
    #[inline(always)]
    pub fn pair(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        if let Ok(n @ 1..128) = u8::try_from(name.len())
            && let Ok(v @ ..128) = u8::try_from(value.len())
        {
            let total = name.len().saturating_add(value.len()).saturating_add(2);
            let content = self.content.saturating_add(total);
            let end = self.at.saturating_add(total);
            if content <= MAX_CONTENT
                && let Some([first, second, text @ ..]) = self.room.get_mut(self.at..end)
                && let Some((a, b)) = text.split_at_mut_checked(name.len())
            {
                *first = n;
                *second = v;
                fill(a, name);
                fill(b, value);
                if has_equals(name) {
                    return Err(Refused::Field);
                }
                self.zeros = self.zeros.saturating_add(usize::from(v == 0));
                self.at = end;
                self.content = content;
                return Ok(());
            }
        }
        self.slow(name, value)
    }

    /// Long lengths, a new record, no more room.
    #[cold]
    #[inline(never)]
    fn slow(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refused> {
        if name.is_empty() || has_equals(name) {
            return Err(Refused::Field);
        }
        if let Some((a, b)) = self.reserve(name.len(), value.len())? {
            fill(a, name);
            fill(b, value);
        }
        Ok(())
    }

    /// Writes all of a pair but its text: room for name and value, which the
    /// caller fills. `None` where there is no room: the pair is counted.
    pub fn reserve(&mut self, name: usize, value: usize) -> Result<Option<Text<'_>>, Refused> {
        let (mut a, mut b) = ([0; 4], [0; 4]);
        let (first, second) = (length(name, &mut a)?, length(value, &mut b)?);
        let text = name.saturating_add(value);
        let total = text
            .saturating_add(first.len())
            .saturating_add(second.len());
        if total > MAX_CONTENT {
            return Err(Refused::TooLong);
        }
        if self.content.saturating_add(total) > MAX_CONTENT {
            let padding = self.close();
            self.put(padding);
            let first = self.later.map_or(self.content, |(first, _)| first);
            self.later = Some((first, self.at));
            self.content = 0;
            self.put(&[0; HEADER]);
        }
        self.content = self.content.saturating_add(total);
        self.put(first);
        self.put(second);
        let at = self.at;
        self.at = at.saturating_add(text);
        Ok(self
            .room
            .get_mut(at..self.at)
            .and_then(|room| room.split_at_mut_checked(name)))
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        if let Some(room) = self.room.get_mut(self.at..end) {
            self.zeros = self.zeros.saturating_add(zeros(bytes));
            fill(room, bytes);
        }
        self.at = end;
    }

    /// Writes the header of the record at hand, unless it is the first; its
    /// padding is told.
    fn close(&mut self) -> &'static [u8] {
        let content = u16::try_from(self.content).unwrap_or(0);
        let header = Header::of(kind::PARAMS, self.id, content);
        if let Some((_, at)) = self.later
            && let Some(room) = self.room.get_mut(at..at.saturating_add(HEADER))
        {
            // The place held eight zeros so far.
            let kept = zeros(&header.encode());
            self.zeros = self.zeros.saturating_sub(HEADER).saturating_add(kept);
            fill(room, &header.encode());
        }
        PADDING
            .get(..usize::from(header.padding))
            .unwrap_or_default()
    }

    /// All pairs are there. Refused where one of them holds a NUL.
    pub fn end(mut self) -> Result<Written<'b>, Refused> {
        let padding = self.close();
        let first = self.later.map_or(self.content, |(first, _)| first);
        let room: &'b [u8] = self.room;
        match room.get(..self.at) {
            Some(bytes) if zeros(bytes) != self.zeros => Err(Refused::Field),
            Some(bytes) => Ok(Written {
                first: u16::try_from(first).unwrap_or(0),
                bytes,
                padding,
            }),
            None => Err(Refused::Room { need: self.at }),
        }
    }
}

/// The length of a name or value as it is encoded.
fn length(n: usize, room: &mut [u8; 4]) -> Result<&[u8], Refused> {
    // More than 31 bits cannot be said, and more than a record is not sent.
    let n = u32::try_from(n).map_err(|_| Refused::TooLong)?;
    if n < 128 {
        let [.., low] = n.to_be_bytes();
        let [first, ..] = room;
        *first = low;
        return Ok(room.get(..1).unwrap_or_default());
    }
    *room = (n | 0x8000_0000).to_be_bytes();
    Ok(room)
}

/// Whether `=` is in a name; eight bytes at a time, since names are short.
#[inline]
fn has_equals(name: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero = |word: &[u8; 8]| {
        let word = u64::from_ne_bytes(*word) ^ u64::from_ne_bytes([b'='; 8]);
        word.wrapping_sub(ONES) & !word
    };
    match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) if name.len() <= 16 => (zero(first) | zero(last)) & TOPS != 0,
        (_, Some(last)) => {
            let (words, _) = name.as_chunks::<8>();
            words.iter().fold(zero(last), |any, word| any | zero(word)) & TOPS != 0
        }
        _ => name.iter().fold(false, |any, b| any | (*b == b'=')),
    }
}

/// How many zero bytes there are, eight at a time.
fn zeros(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let mut sum = 0usize;
    // The eight counts of a block add up to 248 at most: to one byte.
    for block in bytes.chunks(248) {
        let (words, rest) = block.as_chunks::<8>();
        let counts = words.iter().fold(0u64, |counts, word| {
            let word = u64::from_ne_bytes(*word);
            // The top bit of each byte: whether it is not zero.
            let some = (word & LOW).wrapping_add(LOW) | word;
            counts.wrapping_add((!some >> 7) & ONES)
        });
        let [total, ..] = counts.wrapping_mul(ONES).to_be_bytes();
        sum = sum.saturating_add(usize::from(total));
        for byte in rest {
            sum = sum.saturating_add(usize::from(*byte == 0));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_a_byte() {
        for len in 0..40 {
            assert_eq!(zeros(&vec![0; len]), len);
            for at in 0..len {
                // What the trick could take for a hit, and NUL, which is none.
                for other in [0x81, b'=' - 1, b'=' + 1, b'=' | 0x80, 0] {
                    let mut bytes = vec![other; len];
                    assert!(!has_equals(&bytes), "{other} {len}");
                    bytes[at] = b'=';
                    assert!(has_equals(&bytes));
                    bytes[at] = 0;
                    assert!(other == 0 || zeros(&bytes) == 1);
                }
            }
        }
        assert_eq!(zeros(&[0; 10_000]), 10_000);
    }

    fn write(pairs: &[(&[u8], &[u8])], room: &mut [u8]) -> Result<(u16, Vec<u8>, usize), Refused> {
        let mut params = Params::new(3, room);
        for (name, value) in pairs {
            params.pair(name, value)?;
        }
        let w = params.end()?;
        Ok((w.first, w.bytes.to_vec(), w.padding.len()))
    }

    #[test]
    fn lengths_are_as_short_as_can_be() {
        for (n, v) in [(1, 0), (127, 127), (128, 127), (127, 128), (128, 128)] {
            let (name, value) = (vec![b'a'; n], vec![b'b'; v]);
            let mut want = Vec::new();
            for len in [n, v] {
                if len < 128 {
                    want.push(len as u8);
                } else {
                    want.extend_from_slice(&(len as u32 | 1 << 31).to_be_bytes());
                }
            }
            want.extend_from_slice(&name);
            want.extend_from_slice(&value);
            let mut room = [0; 300];
            let (first, bytes, padding) = write(&[(&name, &value)], &mut room).unwrap();
            assert_eq!((usize::from(first), &bytes), (want.len(), &want));
            assert_eq!((want.len() + padding) % 8, 0);
            for short in 0..want.len() {
                assert_eq!(
                    write(&[(&name, &value)], &mut room[..short]).unwrap_err(),
                    Refused::Room { need: want.len() }
                );
            }
        }
    }

    #[test]
    fn nothing() {
        assert_eq!(write(&[], &mut []).unwrap(), (0, vec![], 0));
    }

    #[test]
    fn records_are_split_between_pairs() {
        let big = vec![b'x'; 40_000];
        let pairs: [(&[u8], &[u8]); 4] = [(b"A", &big), (b"B", &big), (b"C", b"1"), (b"D", &big)];
        let mut room = vec![0xee; 200_000];
        let (first, bytes, padding) = write(&pairs, &mut room).unwrap();
        assert_eq!(first, 40_006);
        // 40,006 and two of padding, then a header.
        assert_eq!(&bytes[40_006..40_008], [0, 0]);
        let header = Header::decode(bytes[40_008..40_016].try_into().unwrap()).unwrap();
        assert_eq!(
            header,
            Header {
                kind: kind::PARAMS,
                id: 3,
                content: 40_010,
                padding: 6
            }
        );
        let at = 40_016 + 40_010 + 6;
        assert_eq!(&bytes[at - 6..at], [0; 6]);
        let header = Header::decode(bytes[at..at + 8].try_into().unwrap()).unwrap();
        assert_eq!((header.content, header.padding), (40_006, 2));
        assert_eq!((bytes.len(), padding), (at + 8 + 40_006, 2));
        let need = bytes.len();
        for short in [0, 10, 40_007, 40_009, 40_016, 80_000, need - 1] {
            let mut room = vec![0; short];
            assert_eq!(write(&pairs, &mut room), Err(Refused::Room { need }));
        }
        let mut room = vec![0; need];
        assert!(write(&pairs, &mut room).is_ok());
    }

    #[test]
    fn the_largest_pair_fills_a_record() {
        let value = vec![b'x'; MAX_CONTENT];
        let mut room = vec![0; 2 * MAX_CONTENT];
        let (first, _, padding) = write(&[(b"A", &value[6..])], &mut room).unwrap();
        assert_eq!((usize::from(first), padding), (MAX_CONTENT, 0));
        assert_eq!(
            write(&[(b"A", &value[5..])], &mut room),
            Err(Refused::TooLong)
        );
    }

    #[test]
    fn what_no_environment_can_hold() {
        for (name, value) in [
            (&b""[..], &b"x"[..]),
            (b"A=B", b"x"),
            (b"A\0B", b"x"),
            (b"A", b"x\0"),
            (b"A", &[0; 200]),
            (b"A", &[0; 5000]),
        ] {
            assert_eq!(write(&[(name, value)], &mut [0; 6000]), Err(Refused::Field));
        }
        assert!(write(&[(b"A", b"=\r\n")], &mut [0; 64]).is_ok());
    }
}
