//! Chunks. RFC 9112, 7.1.

use super::head::{Bounds, Head, Line};
use crate::cursor::take;
use crate::error::Error;
use crate::event::Field;

/// Where chunks stand between two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In a size, at its first digit or behind one.
    Size,
    /// In blanks behind a size, which only an extension may follow.
    Blank,
    Extension,
    Quoted,
    /// After a backslash in quotes.
    Escaped,
    /// After the CR of a size line.
    SizeLf,
    Data,
    /// After the data, and after the CR there.
    DataCr,
    DataLf,
    Trailers,
}

/// What a step of chunks came to.
pub(crate) enum Piece<'i> {
    /// Bytes of the body.
    Data(&'i [u8]),
    Trailer(Field<'i>),
    /// The body and its trailers are complete.
    End,
    /// The input is used up.
    Empty,
}

/// Digits of a size; more than 16 only where the first are zeros.
const DIGITS: u8 = 32;

impl Head {
    /// The next piece of a chunked body. Data comes as it arrives.
    #[inline]
    pub(crate) fn chunks<'i>(
        &mut self,
        input: &mut &'i [u8],
        bounds: Bounds,
    ) -> Result<Piece<'i>, Error> {
        let mut all = *input;
        // Between two chunks: the end of the one, and a plain size line.
        if self.chunk == Chunk::DataCr
            && let [b'\r', b'\n', rest @ ..] = all
        {
            self.chunk = Chunk::Size;
            self.at = 0;
            self.number = 0;
            all = rest;
            *input = all;
        }
        if self.chunk == Chunk::Size
            && self.at == 0
            && let Some((size, rest)) = size(all)
            && size > 0
            && size <= self.body_left
        {
            self.body_left = self.body_left.saturating_sub(size);
            self.number = size;
            self.chunk = Chunk::Data;
            all = rest;
            *input = all;
        }
        if self.chunk == Chunk::Data && !all.is_empty() {
            return Ok(self.data(input));
        }
        self.cold(input, &bounds)
    }

    #[inline]
    fn data<'i>(&mut self, input: &mut &'i [u8]) -> Piece<'i> {
        let data = take(input, &mut self.number);
        if self.number == 0 {
            self.chunk = Chunk::DataCr;
        }
        Piece::Data(data)
    }

    #[cold]
    #[inline(never)]
    fn cold<'i>(&mut self, input: &mut &'i [u8], bounds: &Bounds) -> Result<Piece<'i>, Error> {
        loop {
            if self.chunk == Chunk::Trailers {
                return Ok(match self.trailer(input, bounds)? {
                    Line::Field(field) => Piece::Trailer(field),
                    Line::Blank => Piece::End,
                    Line::Empty => Piece::Empty,
                });
            }
            let [byte, rest @ ..] = *input else {
                return Ok(Piece::Empty);
            };
            if self.chunk == Chunk::Data {
                return Ok(self.data(input));
            }
            self.chunk = self.byte(*byte, bounds)?;
            *input = rest;
        }
    }

    fn byte(&mut self, byte: u8, bounds: &Bounds) -> Result<Chunk, Error> {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            b'A'..=b'F' => byte.wrapping_sub(b'A').wrapping_add(10),
            _ => u8::MAX,
        };
        match (self.chunk, byte) {
            (Chunk::Size, _) if digit < 16 => {
                if self.at >= DIGITS {
                    return Err(Error::Chunk);
                }
                self.at = self.at.wrapping_add(1);
                let number = self.number.checked_mul(16).ok_or(Error::Chunk)?;
                self.number = number | u64::from(digit);
                Ok(Chunk::Size)
            }
            (Chunk::Size, _) if self.at == 0 => Err(Error::Chunk),
            (Chunk::Size | Chunk::Extension, b'\r') => Ok(Chunk::SizeLf),
            (Chunk::Size | Chunk::Blank, b';') => self.extension(Chunk::Extension, bounds),
            (Chunk::Size | Chunk::Blank, b' ' | b'\t') => self.extension(Chunk::Blank, bounds),
            (Chunk::Extension, b'"') => self.extension(Chunk::Quoted, bounds),
            (Chunk::Extension, b'=' | b';' | b' ' | b'\t') => {
                self.extension(Chunk::Extension, bounds)
            }
            (Chunk::Extension, _) if crate::text::token::is_token(byte) => {
                self.extension(Chunk::Extension, bounds)
            }
            (Chunk::Quoted, b'\\') => self.extension(Chunk::Escaped, bounds),
            (Chunk::Quoted, b'"') => self.extension(Chunk::Extension, bounds),
            (Chunk::Quoted | Chunk::Escaped, _) if crate::text::token::is_value(byte) => {
                self.extension(Chunk::Quoted, bounds)
            }
            (Chunk::SizeLf, b'\n') => {
                self.at = 0;
                self.line = 0;
                if self.number == 0 {
                    self.begin_trailers(bounds);
                    return Ok(Chunk::Trailers);
                }
                let left = self.body_left.checked_sub(self.number);
                self.body_left = left.ok_or(Error::BodyTooLong)?;
                Ok(Chunk::Data)
            }
            (Chunk::DataCr, b'\r') => Ok(Chunk::DataLf),
            (Chunk::DataLf, b'\n') => {
                self.number = 0;
                Ok(Chunk::Size)
            }
            _ => Err(Error::Chunk),
        }
    }

    /// A byte of an extension: skipped, but counted.
    fn extension(&mut self, next: Chunk, bounds: &Bounds) -> Result<Chunk, Error> {
        if self.line >= bounds.extension_bytes {
            return Err(Error::ChunkExtension);
        }
        self.line = self.line.saturating_add(1);
        let left = self.extensions_left.checked_sub(1);
        self.extensions_left = left.ok_or(Error::ChunkExtension)?;
        Ok(next)
    }
}

/// A size of at most eight digits and its CRLF.
#[inline]
fn size(input: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    let mut rest = input;
    for _ in 0..9 {
        match rest {
            [byte, tail @ ..] => {
                let digit = match byte {
                    b'0'..=b'9' => byte.wrapping_sub(b'0'),
                    b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
                    b'A'..=b'F' => byte.wrapping_sub(b'A').wrapping_add(10),
                    b'\r' => {
                        let [b'\n', tail @ ..] = tail else {
                            return None;
                        };
                        // No digit at all is for the cold path.
                        return (rest.len() < input.len()).then_some((number, tail));
                    }
                    _ => return None,
                };
                number = number.wrapping_mul(16) | u64::from(digit);
                rest = tail;
            }
            [] => return None,
        }
    }
    None
}
