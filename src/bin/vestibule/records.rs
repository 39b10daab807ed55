//! Recorded bytes, a record or some at a time, in constant memory.

use std::io::{self, Read};

use vestibule::fcgi::{Part, Record, Walker};
use vestibule::{Next, Receive};

use crate::scheme::Scheme;

/// A recording of one direction.
pub struct Recording {
    input: Box<dyn Read>,
    scheme: Scheme,
    buf: Vec<u8>,
    /// Where the bytes of `buf` begin in the recording.
    pub offset: u64,
    held: bool,
    record: Option<Record>,
}

/// Bytes of HTTP at once.
const PIECE: u64 = 64 * 1024;

/// Some bytes that belong together.
pub struct Piece<'r> {
    /// `None` for what is no header, or not all of one, and for HTTP.
    pub record: Option<Record>,
    /// The whole record, or what there is of it.
    pub bytes: &'r mut [u8],
    pub offset: u64,
}

impl Recording {
    /// A file, or `-` for standard input.
    pub fn open(name: &std::ffi::OsStr, scheme: Scheme) -> io::Result<Recording> {
        let input: Box<dyn Read> = if name == "-" {
            Box::new(io::stdin())
        } else {
            Box::new(std::fs::File::open(name)?)
        };
        Ok(Recording {
            input: Box::new(io::BufReader::new(input)),
            scheme,
            buf: Vec::new(),
            offset: 0,
            held: false,
            record: None,
        })
    }

    /// The next record (of HTTP: some bytes); the same again after [`hold`](Self::hold).
    pub fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        if !self.held {
            self.offset += self.buf.len() as u64;
            self.buf.clear();
            self.record = None;
            self.fill(match self.scheme {
                Scheme::Fcgi => 8,
                Scheme::Ajp => 4,
                _ => PIECE,
            })?;
            if self.scheme == Scheme::Ajp
                && let [_, _, high, low] = self.buf[..]
            {
                self.fill(u16::from_be_bytes([high, low]).into())?;
            }
            let mut walker = Walker::new();
            if self.scheme == Scheme::Fcgi
                && let Ok(Next::Event(Part::Header(record))) = walker.next(&mut &self.buf[..])
            {
                self.record = Some(record);
                self.fill(u64::from(record.content) + u64::from(record.padding))?;
            }
        }
        self.held = false;
        if self.buf.is_empty() {
            return Ok(None);
        }
        Ok(Some(Piece {
            record: self.record,
            bytes: &mut self.buf,
            offset: self.offset,
        }))
    }

    /// Gives the record at hand once more.
    pub fn hold(&mut self) {
        self.held = true;
    }

    fn fill(&mut self, n: u64) -> io::Result<()> {
        (&mut self.input).take(n).read_to_end(&mut self.buf)?;
        Ok(())
    }
}
