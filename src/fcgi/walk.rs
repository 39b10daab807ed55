//! Records as they stand on the wire, for those who draw or log them.

use super::record::{Reader, kind};
use crate::error::Error;
use crate::event::Next;
use crate::machine::Receive;

/// A record header. FastCGI 1.0, 3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its type: [`kind`](super::kind), or one that no specification names.
    pub kind: u8,
    /// Which request; 0 for management records.
    pub id: u16,
    /// Bytes of content.
    pub content: u16,
    /// Bytes of padding behind it.
    pub padding: u8,
}

impl Record {
    /// The name of its type without the prefix; empty for an unknown one.
    ///
    /// ```
    /// use vestibule::fcgi::{Record, kind};
    /// let record = Record { kind: kind::STDIN, id: 1, content: 0, padding: 0 };
    /// assert_eq!(record.name(), "STDIN");
    /// ```
    pub const fn name(&self) -> &'static str {
        match self.kind {
            kind::BEGIN_REQUEST => "BEGIN_REQUEST",
            kind::ABORT_REQUEST => "ABORT_REQUEST",
            kind::END_REQUEST => "END_REQUEST",
            kind::PARAMS => "PARAMS",
            kind::STDIN => "STDIN",
            kind::STDOUT => "STDOUT",
            kind::STDERR => "STDERR",
            kind::DATA => "DATA",
            kind::GET_VALUES => "GET_VALUES",
            kind::GET_VALUES_RESULT => "GET_VALUES_RESULT",
            kind::UNKNOWN_TYPE => "UNKNOWN_TYPE",
            _ => "",
        }
    }
}

/// What a [`Walker`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'i> {
    /// A record begins.
    Header(Record),
    /// Some of its content, at least one byte.
    Content(&'i [u8]),
    /// It is complete, with its padding.
    End,
}

/// Takes the bytes of one direction apart into records, and judges nothing but
/// their version.
///
/// ```
/// use vestibule::fcgi::{Part, Walker};
/// use vestibule::drain;
/// let mut walker = Walker::default();
/// let mut seen = Vec::new();
/// let mut input = &b"\x01\x05\0\x01\0\x02\x01\0hi\0"[..];
/// drain(&mut walker, &mut input, |_, part| seen.push(part))?;
/// assert!(matches!(seen[..], [Part::Header(_), Part::Content(b"hi"), Part::End]));
/// # Ok::<(), vestibule::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Walker {
    reader: Reader,
    inside: bool,
    failed: Option<Error>,
}

impl Walker {
    /// At the border of a record.
    pub const fn new() -> Self {
        Walker {
            reader: Reader::NEW,
            inside: false,
            failed: None,
        }
    }
}

impl Default for Walker {
    fn default() -> Self {
        Self::new()
    }
}

impl Receive for Walker {
    type Event<'i> = Part<'i>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Part<'i>>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if !self.inside {
            return match self.reader.header(input) {
                Ok(None) => Ok(Next::NeedInput),
                Ok(Some(header)) => {
                    self.inside = true;
                    Ok(Next::Event(Part::Header(Record {
                        kind: header.kind,
                        id: header.id,
                        content: header.content,
                        padding: header.padding,
                    })))
                }
                Err(error) => {
                    self.failed = Some(error);
                    Err(error)
                }
            };
        }
        if self.reader.content > 0 {
            return Ok(match self.reader.take(input) {
                [] => Next::NeedInput,
                bytes => Next::Event(Part::Content(bytes)),
            });
        }
        if !self.reader.skip_padding(input) {
            return Ok(Next::NeedInput);
        }
        self.inside = false;
        Ok(Next::Event(Part::End))
    }

    fn eof<'i>(&mut self) -> Result<Next<Part<'i>>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.inside && self.reader.content == 0 && self.reader.padding == 0 {
            self.inside = false;
            return Ok(Next::Event(Part::End));
        }
        if self.inside || !self.reader.at_border() {
            self.failed = Some(Error::Eof);
            return Err(Error::Eof);
        }
        Ok(Next::NeedInput)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::drain;

    fn walk(bytes: &[u8], step: usize) -> (Vec<String>, Result<(), Error>) {
        let mut walker = Walker::new();
        let mut log: Vec<String> = Vec::new();
        for piece in bytes.chunks(step) {
            let mut input = piece;
            let drained = drain(&mut walker, &mut input, |_, part| match part {
                Part::Header(r) => log.push(format!("{} {} {}", r.name(), r.id, r.content)),
                Part::Content(bytes) => log.extend(bytes.iter().map(|b| format!("{b}"))),
                Part::End => log.push("end".into()),
            });
            if let Err(error) = drained {
                assert_eq!(walker.next(&mut &b"x"[..]), Err(error));
                return (log, Err(error));
            }
        }
        loop {
            match walker.eof() {
                Ok(Next::Event(_)) => log.push("end".into()),
                Ok(_) => return (log, Ok(())),
                Err(error) => {
                    assert_eq!(walker.eof(), Err(error));
                    return (log, Err(error));
                }
            }
        }
    }

    #[test]
    fn every_cut() {
        let bytes = b"\x01\x05\0\x01\0\x02\x01\0\x07\x08\0\x01\x05\0\x01\0\0\0\0";
        let whole = (
            ["STDIN 1 2", "7", "8", "end", "STDIN 1 0", "end"]
                .map(String::from)
                .to_vec(),
            Ok(()),
        );
        for step in 1..=bytes.len() {
            assert_eq!(walk(bytes, step), whole);
        }
    }

    #[test]
    fn ends_and_versions() {
        for n in 0..11 {
            let bytes = b"\x01\x05\0\x01\0\x02\x01\0\x07\x08\0";
            let ended = if n == 0 { Ok(()) } else { Err(Error::Eof) };
            assert_eq!(walk(&bytes[..n], 4).1, ended, "{n}");
        }
        assert_eq!(walk(b"\x02\0\0\0\0\0\0\0", 3).1, Err(Error::Version(2)));
        assert_eq!(walk(b"\x01\x63\0\0\0\0\0\0", 8).0[0], " 0 0");
        assert!(Walker::default().eof().is_ok());
    }
}
