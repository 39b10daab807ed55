//! The record: its header codec, and the streaming reader that both sides
//! share. FastCGI 1.0, 3.3.

use crate::error::Error;
use crate::event::Id;
use crate::frame::Frame;

/// The only version. FastCGI 1.0, 8.
pub(crate) const VERSION: u8 = 1;

/// Record types. FastCGI 1.0, 8.
pub mod kind {
    /// FCGI_BEGIN_REQUEST, 5.1.
    pub const BEGIN_REQUEST: u8 = 1;
    /// FCGI_ABORT_REQUEST, 5.4.
    pub const ABORT_REQUEST: u8 = 2;
    /// FCGI_END_REQUEST, 5.5.
    pub const END_REQUEST: u8 = 3;
    /// FCGI_PARAMS, 5.2.
    pub const PARAMS: u8 = 4;
    /// FCGI_STDIN, 5.3.
    pub const STDIN: u8 = 5;
    /// FCGI_STDOUT, 5.3.
    pub const STDOUT: u8 = 6;
    /// FCGI_STDERR, 5.3.
    pub const STDERR: u8 = 7;
    /// FCGI_DATA, 5.3.
    pub const DATA: u8 = 8;
    /// FCGI_GET_VALUES, 4.1.
    pub const GET_VALUES: u8 = 9;
    /// FCGI_GET_VALUES_RESULT, 4.1.
    pub const GET_VALUES_RESULT: u8 = 10;
    /// FCGI_UNKNOWN_TYPE, 4.2.
    pub const UNKNOWN_TYPE: u8 = 11;
}

/// Bytes of a record header.
pub(crate) const HEADER: usize = 8;

/// The most content that we put into a record: a larger one, padded to a
/// multiple of eight, passes 65,535 in all, which some peers refuse.
pub const MAX_CONTENT: usize = 65_528;

/// A record header. FastCGI 1.0, 3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub kind: u8,
    pub id: u16,
    pub content: u16,
    pub padding: u8,
}

impl Header {
    #[inline]
    pub const fn decode(bytes: &[u8; HEADER]) -> Result<Header, Error> {
        let &[version, kind, i0, i1, c0, c1, padding, _] = bytes;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        Ok(Header {
            kind,
            id: u16::from_be_bytes([i0, i1]),
            content: u16::from_be_bytes([c0, c1]),
            padding,
        })
    }

    #[inline]
    pub const fn encode(self) -> [u8; HEADER] {
        let [i0, i1] = self.id.to_be_bytes();
        let [c0, c1] = self.content.to_be_bytes();
        [VERSION, self.kind, i0, i1, c0, c1, self.padding, 0]
    }

    /// The header of a record of ours: padded to a multiple of eight bytes,
    /// but never an empty one (some peers do not skip padding behind those).
    #[inline]
    pub const fn of(kind: u8, id: u16, content: u16) -> Header {
        let [_, low] = content.wrapping_neg().to_be_bytes();
        Header {
            kind,
            id,
            content,
            padding: low & 7,
        }
    }

    /// The header of an empty record: the end of a stream.
    #[inline]
    pub const fn end(kind: u8, id: u16) -> [u8; HEADER] {
        Header {
            kind,
            id,
            content: 0,
            padding: 0,
        }
        .encode()
    }
}

/// The most padding that a record of ours has, as bytes.
pub(crate) const PADDING: [u8; 7] = [0; 7];

/// Padding of a record of ours.
#[inline]
pub(crate) fn padding(header: Header) -> &'static [u8] {
    PADDING.get(..usize::from(header.padding)).unwrap_or(&[])
}

/// A record of a stream: as much of `payload` as one can carry, off its front.
/// An empty one would end the stream: no payload, no bytes.
#[inline]
pub(crate) fn stream<'b>(kind: u8, id: Id, payload: &mut &'b [u8]) -> Frame<'b> {
    let n = payload.len().min(MAX_CONTENT);
    let (now, rest) = payload.split_at_checked(n).unwrap_or_default();
    if now.is_empty() {
        return Frame::EMPTY;
    }
    *payload = rest;
    let header = Header::of(kind, id.get(), u16::try_from(n).unwrap_or(0));
    Frame::of(now).head(&header.encode()).tail(padding(header))
}

/// Takes records apart: the header is gathered here if need be, the content
/// stays in the input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reader {
    /// Header bytes so far. Once the header is complete, the owner may use
    /// them to gather the fixed content of a record.
    gather: [u8; HEADER],
    have: u8,
    /// Content not yet taken.
    pub content: u16,
    /// Padding not yet skipped. A counter of its own: content and padding
    /// together do not fit 16 bits.
    pub padding: u8,
}

impl Reader {
    /// At a border.
    pub const NEW: Reader = Reader {
        gather: [0; HEADER],
        have: 0,
        content: 0,
        padding: 0,
    };

    /// Whether the next byte is the first of a header.
    #[inline]
    pub fn at_border(&self) -> bool {
        self.content == 0 && self.padding == 0 && self.have == 0
    }

    /// Whether a header has begun and is not complete.
    #[inline]
    pub fn in_header(&self) -> bool {
        self.have != 0
    }

    /// The next header: `None` when the input is used up first. To be called
    /// when no content and no padding is left.
    #[inline]
    pub fn header(&mut self, input: &mut &[u8]) -> Result<Option<Header>, Error> {
        let header = if self.have == 0
            && let Some((bytes, rest)) = input.split_first_chunk::<HEADER>()
        {
            *input = rest;
            Header::decode(bytes)?
        } else {
            match self.gather(input) {
                Some(bytes) => Header::decode(&bytes)?,
                None => return Ok(None),
            }
        };
        self.content = header.content;
        self.padding = header.padding;
        Ok(Some(header))
    }

    /// Gathers eight bytes over several inputs. A wrong version is seen only
    /// with the eighth: one place for errors, whatever the cut.
    #[cold]
    #[inline(never)]
    fn gather(&mut self, input: &mut &[u8]) -> Option<[u8; HEADER]> {
        while let [byte, rest @ ..] = *input {
            *input = rest;
            if let Some(slot) = self.gather.get_mut(usize::from(self.have)) {
                *slot = *byte;
            }
            self.have = self.have.saturating_add(1);
            if usize::from(self.have) >= HEADER {
                self.have = 0;
                return Some(self.gather);
            }
        }
        None
    }

    /// The fixed eight bytes of a BEGIN_REQUEST, END_REQUEST or UNKNOWN_TYPE
    /// content, taken from the content; `None` when the input is used up
    /// first. The owner has checked that the content had eight bytes at least.
    #[inline]
    pub fn fixed(&mut self, input: &mut &[u8]) -> Option<[u8; HEADER]> {
        if self.have == 0
            && let Some((bytes, rest)) = input.split_first_chunk::<HEADER>()
        {
            *input = rest;
            self.content = self.content.saturating_sub(8);
            return Some(*bytes);
        }
        let before = input.len();
        let bytes = self.gather(input);
        let taken = before.saturating_sub(input.len());
        self.content = self
            .content
            .saturating_sub(u16::try_from(taken).unwrap_or(u16::MAX));
        bytes
    }

    /// As much of the content as the input has.
    #[inline]
    pub fn take<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        let n = input.len().min(usize::from(self.content));
        let (now, rest) = input.split_at_checked(n).unwrap_or_default();
        *input = rest;
        self.content = self
            .content
            .saturating_sub(u16::try_from(n).unwrap_or(u16::MAX));
        now
    }

    /// Skips padding; true when none is left.
    #[inline]
    pub fn skip_padding(&mut self, input: &mut &[u8]) -> bool {
        if self.padding != 0 {
            let n = input.len().min(usize::from(self.padding));
            *input = input.get(n..).unwrap_or(&[]);
            self.padding = self
                .padding
                .saturating_sub(u8::try_from(n).unwrap_or(u8::MAX));
        }
        self.padding == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_rules() {
        assert_eq!(Header::of(kind::STDIN, 1, 0).padding, 0);
        for n in [1u16, 7, 8, 9, 65_527, 65_528] {
            let h = Header::of(kind::STDIN, 1, n);
            assert_eq!((usize::from(n) + usize::from(h.padding)) % 8, 0);
            assert!(usize::from(n) + usize::from(h.padding) <= MAX_CONTENT);
            assert_eq!(Header::decode(&h.encode()), Ok(h));
        }
    }

    #[test]
    fn largest_record() {
        let bytes = Header {
            kind: 6,
            id: 1,
            content: u16::MAX,
            padding: u8::MAX,
        }
        .encode();
        let mut reader = Reader::default();
        let mut input = &bytes[..];
        assert!(reader.header(&mut input).unwrap().is_some());
        let content = vec![0; 65_790];
        let mut input = &content[..];
        assert_eq!(reader.take(&mut input).len(), 65_535);
        assert!(reader.skip_padding(&mut input));
        assert!(input.is_empty() && reader.at_border());
    }
}
