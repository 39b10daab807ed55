//! The header of version 1: one line. PROXY protocol, 2.1.

use crate::error::Error;
use crate::text::address::{Digits, Text};

use super::ends::Ends;
use super::{Addresses, Command, Header, Transport, V1_MAX};

/// Where the line stands between two bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// In `PROXY `.
    Prefix,
    /// In `TCP4 ` or `TCP6 `.
    Tcp,
    /// In `UNKNOWN`.
    Unknown,
    /// In what may follow `UNKNOWN `, whatever it is.
    Ignored,
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    /// Before the LF.
    Cr,
}

/// The line, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    stage: Stage,
    /// Bytes of it.
    taken: u8,
    v6: bool,
    /// `UNKNOWN`: no addresses.
    unknown: bool,
    text: Text,
    digits: Digits,
    ends: Ends,
}

impl Line {
    pub(super) const NEW: Line = Line {
        stage: Stage::Prefix,
        taken: 0,
        v6: false,
        unknown: false,
        text: Text::NEW,
        digits: Digits::NONE,
        ends: Ends::NONE,
    };

    /// Takes a byte; true for the last one.
    pub(super) fn byte(&mut self, byte: u8) -> Result<bool, Error> {
        let at = usize::from(self.taken);
        self.taken = self.taken.saturating_add(1);
        let prefix = at < 6;
        match self.step(at, byte) {
            Some(true) => Ok(true),
            Some(false) if usize::from(self.taken) < V1_MAX => Ok(false),
            None if prefix => Err(Error::ProxySignature),
            _ => Err(Error::ProxyLine),
        }
    }

    /// The byte at `at` of the line; `None` where it cannot stand there.
    fn step(&mut self, at: usize, byte: u8) -> Option<bool> {
        // The words up to the addresses, by their places in the line.
        let is = |line: &[u8]| line.get(at) == Some(&byte);
        let [source, destination] = &mut self.ends.ips;
        let [from, to] = &mut self.ends.ports;
        self.stage = match (self.stage, byte) {
            (Stage::Prefix, _) if at < 6 => is(b"PROXY ").then_some(Stage::Prefix)?,
            (Stage::Prefix, b'T') => Stage::Tcp,
            (Stage::Prefix, b'U') => Stage::Unknown,
            (Stage::Tcp, b'4' | b'6') if at == 9 => {
                self.v6 = byte == b'6';
                Stage::Tcp
            }
            (Stage::Tcp, b' ') if at == 10 => Stage::Source,
            (Stage::Tcp, _) => is(b"PROXY TCP").then_some(Stage::Tcp)?,
            (Stage::Unknown, _) if at < 13 => is(b"PROXY UNKNOWN").then_some(Stage::Unknown)?,
            (Stage::Unknown | Stage::Ignored, b'\r') => {
                self.unknown = true;
                Stage::Cr
            }
            (Stage::Unknown, b' ') => Stage::Ignored,
            // A line has one end: no CR and no LF may be hidden in it.
            (Stage::Ignored, b'\n') => return None,
            (Stage::Ignored, _) => Stage::Ignored,
            (Stage::Source, b' ') => {
                end(&mut self.text, self.v6, source).then_some(Stage::Destination)?
            }
            (Stage::Source, _) => self.text.byte(byte, source).then_some(Stage::Source)?,
            (Stage::Destination, b' ') => {
                end(&mut self.text, self.v6, destination).then_some(Stage::SourcePort)?
            }
            (Stage::Destination, _) => {
                let good = self.text.byte(byte, destination);
                good.then_some(Stage::Destination)?
            }
            (Stage::SourcePort, b' ') => {
                *from = number(&mut self.digits)?;
                Stage::DestinationPort
            }
            (Stage::DestinationPort, b'\r') => {
                *to = number(&mut self.digits)?;
                Stage::Cr
            }
            (stage @ (Stage::SourcePort | Stage::DestinationPort), _) => {
                self.digits.byte(byte).then_some(stage)?
            }
            (Stage::Cr, b'\n') => return Some(true),
            _ => return None,
        };
        Some(false)
    }

    /// How many bytes at least are to come.
    pub(super) fn at_least(&self) -> usize {
        match self.stage {
            // `PROXY UNKNOWN` CR LF is the shortest of all.
            Stage::Prefix | Stage::Tcp | Stage::Unknown => {
                15usize.saturating_sub(usize::from(self.taken))
            }
            Stage::Source => 9,
            Stage::Destination => 6,
            Stage::SourcePort => 4,
            Stage::DestinationPort | Stage::Ignored => 2,
            Stage::Cr => 1,
        }
    }

    /// What the whole line says.
    pub(super) fn header(&self) -> Header {
        let (transport, addresses) = match (self.unknown, self.v6) {
            (true, _) => (Transport::Unspec, Addresses::Unspec),
            (_, false) => (Transport::Stream, self.ends.inet()),
            (_, true) => (Transport::Stream, self.ends.inet6()),
        };
        Header {
            command: Command::Proxy,
            transport,
            addresses,
            ssl: None,
            crc32c: false,
        }
    }
}

/// An address is over: whether it is one of the family.
fn end(text: &mut Text, v6: bool, address: &mut [u8; 16]) -> bool {
    let good = if v6 {
        text.end_v6(address)
    } else {
        text.end_v4(address)
    };
    *text = Text::NEW;
    good
}

fn number(digits: &mut Digits) -> Option<[u8; 2]> {
    let n = digits.decimal();
    *digits = Digits::NONE;
    Some(u16::try_from(n?).ok()?.to_be_bytes())
}
