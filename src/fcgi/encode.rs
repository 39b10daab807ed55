//! PARAMS as a web server writes them: whole pairs, never cut by a record
//! border, since some peers take each record apart on its own. FastCGI 1.0,
//! 3.4 and 5.2.

use crate::cgi::send::{Block, Text};
use crate::error::Refused;
use crate::fcgi::record::{HEADER, Header, MAX_CONTENT, PADDING, kind};
use crate::frame::fill;
use crate::text::copy::put;

/// Writes pairs into lent room. The header of the first record is not written
/// but told at the end; those of further records are.
#[derive(Debug)]
pub(crate) struct Params<'b> {
    room: &'b mut [u8],
    id: u16,
    /// Bytes written. Above the length of the room: what it would take.
    at: usize,
    /// How much more content the record at hand may have.
    left: usize,
    /// Content of the first record and place of the header at hand, once there
    /// is a second record.
    later: Option<(usize, usize)>,
    /// A pair was written that may not be.
    odd: bool,
}

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
            left: MAX_CONTENT,
            later: None,
            odd: false,
        }
    }

    /// Content of the record at hand.
    fn content(&self) -> usize {
        MAX_CONTENT.saturating_sub(self.left)
    }

    /// Content of the first record.
    fn first(&self) -> usize {
        self.later.map_or(self.content(), |(first, _)| first)
    }

    fn put(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        if let Some(room) = self.room.get_mut(self.at..end) {
            fill(room, bytes);
        }
        self.at = end;
    }

    /// Writes the header of the record at hand, unless it is the first; its
    /// padding is told.
    fn close(&mut self) -> &'static [u8] {
        let content = u16::try_from(self.content()).unwrap_or(0);
        let header = Header::of(kind::PARAMS, self.id, content);
        if let Some((_, at)) = self.later
            && let Some(room) = self.room.get_mut(at..at.saturating_add(HEADER))
        {
            fill(room, &header.encode());
        }
        PADDING
            .get(..usize::from(header.padding))
            .unwrap_or_default()
    }

    /// All pairs are there. Refused where one of them may not be.
    pub fn end(mut self) -> Result<Written<'b>, Refused> {
        let padding = self.close();
        let first = self.first();
        let room: &'b [u8] = self.room;
        match room.get(..self.at) {
            _ if self.odd => Err(Refused::Field),
            Some(bytes) => Ok(Written {
                first: u16::try_from(first).unwrap_or(0),
                bytes,
                padding,
            }),
            None => Err(Refused::Room { need: self.at }),
        }
    }
}

impl<'b> Block<'b> for Params<'b> {
    /// The room, with anything in it.
    fn into_room(self) -> &'b mut [u8] {
        self.room
    }

    /// Adds a pair, with lengths as short as can be. A name may not be empty
    /// nor hold `=` (peers that make an environment of it would cut it there);
    /// NUL may be in neither. What may not be is refused at the end.
    ///
    /// False, and nothing is changed, where this short way does not do: then it
    /// is for [`long`](Self::long).
    #[inline(always)]
    fn short(&mut self, name: &[u8], value: &[u8]) -> bool {
        let ([n, ..], [v, ..]) = (name.len().to_le_bytes(), value.len().to_le_bytes());
        let text = name.len().wrapping_add(value.len());
        if name.len() | value.len() < 128
            && let Some(left) = self.left.checked_sub(text.wrapping_add(2))
            && let Some([first, second, room @ ..]) = self.room.get_mut(self.at..)
            && text <= room.len()
            && let Some((room, a)) = put(room, name, |b| b == b'=' || b == 0)
            && let Some((_, b)) = put(room, value, |b| b == 0)
        {
            *first = n;
            *second = v;
            self.odd |= a | b | (n == 0);
            self.at = self.at.wrapping_add(text).wrapping_add(2);
            self.left = left;
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
        let (mut a, mut b) = ([0; 4], [0; 4]);
        let (first, second) = (length(name, &mut a)?, length(value, &mut b)?);
        let text = name.saturating_add(value);
        let total = text
            .saturating_add(first.len())
            .saturating_add(second.len());
        if total > MAX_CONTENT {
            return Err(Refused::TooLong);
        }
        if total > self.left {
            let padding = self.close();
            self.put(padding);
            self.later = Some((self.first(), self.at));
            self.left = MAX_CONTENT;
            self.put(&[0; HEADER]);
        }
        self.left = self.left.saturating_sub(total);
        self.put(first);
        self.put(second);
        let at = self.at;
        self.at = at.saturating_add(text);
        Ok(self
            .room
            .get_mut(at..self.at)
            .and_then(|room| room.split_at_mut_checked(name)))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn write(pairs: &[(&[u8], &[u8])], room: &mut [u8]) -> Result<(u16, Vec<u8>, usize), Refused> {
        let mut params = Params::new(3, room);
        for (name, value) in pairs {
            if !params.short(name, value) {
                params = params.long(name, value)?;
            }
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
