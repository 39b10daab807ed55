//! The header of version 2: binary, and TLVs. PROXY protocol, 2.2.

use crate::error::Error;
use crate::event::Cut;

use super::crc32c::Crc32c;
use super::ends::Ends;
use super::{
    Addresses, Command, Event, FIXED, Header, PATH_BYTES, Part, SIGNATURE, Ssl, Transport,
    UNIQUE_ID_MAX, What, kind,
};

/// What the bytes at hand belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The first 16 bytes.
    Fixed,
    /// What is not looked at.
    Skip,
    /// Addresses and ports of IP.
    Inet,
    /// A path, or the value of a TLV.
    Part(What),
    /// Between two TLVs, or in the three bytes ahead of a value.
    Tlv,
    /// The value of PP2_TYPE_NOOP.
    Noop,
    /// The flags and the result of PP2_TYPE_SSL.
    Ssl,
    /// The value of PP2_TYPE_CRC32C.
    Crc,
}

/// A number that is written byte by byte, at most four.
#[derive(Clone, Copy, Debug, Default)]
struct Number {
    value: u32,
    bytes: u8,
}

impl Number {
    fn add(&mut self, byte: u8) {
        self.value = (self.value << 8) | u32::from(byte);
        self.bytes = self.bytes.saturating_add(1);
    }

    /// The lowest 16 bits.
    fn low(self) -> u16 {
        let [_, _, high, low] = self.value.to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

/// The header, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    stage: Stage,
    /// Bytes of the first 16, then of the addresses.
    at: u8,
    command: Command,
    transport: Transport,
    /// Bytes of the header behind the first 16 that are to come.
    left: u16,
    /// Bytes of the part at hand that are to come.
    part: u16,
    /// A piece of it was given.
    open: bool,
    /// Bytes of PP2_TYPE_SSL that are to come, inside it.
    inside: Option<u16>,
    number: Number,
    /// Type of the TLV at hand.
    kind: u8,
    family: Family,
    ends: Ends,
    ssl: Option<Ssl>,
    crc: Crc32c,
    /// What it should be.
    told: Option<u32>,
    /// The limit.
    most: u16,
}

/// Address families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Unspec,
    Inet,
    Inet6,
    Unix,
}

impl Family {
    /// Bytes of its two addresses.
    const fn len(self) -> u16 {
        match self {
            Family::Unspec => 0,
            Family::Inet => 12,
            Family::Inet6 => 36,
            Family::Unix => 2 * PATH_BYTES,
        }
    }
}

impl Block {
    pub(super) const fn new(most: u16) -> Block {
        Block {
            stage: Stage::Fixed,
            at: 0,
            command: Command::Local,
            transport: Transport::Unspec,
            left: 0,
            part: 0,
            open: false,
            inside: None,
            number: Number { value: 0, bytes: 0 },
            kind: 0,
            family: Family::Unspec,
            ends: Ends::NONE,
            ssl: None,
            crc: Crc32c::NEW,
            told: None,
            most,
        }
    }

    /// How many bytes at least are to come.
    pub(super) fn at_least(&self) -> usize {
        match self.stage {
            Stage::Fixed => usize::from(FIXED.saturating_sub(self.at)),
            _ => usize::from(self.left),
        }
    }

    /// The next event: `None` when the input is used up first.
    pub(super) fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Event<'i>>, Error> {
        loop {
            match self.stage {
                Stage::Fixed => {
                    let Some(byte) = self.byte(input) else {
                        return Ok(None);
                    };
                    self.fixed(byte)?;
                }
                Stage::Skip | Stage::Noop => {
                    self.run(input);
                    if self.part > 0 {
                        return Ok(None);
                    }
                    self.stage = Stage::Tlv;
                }
                Stage::Inet => {
                    let Some(byte) = self.byte(input) else {
                        return Ok(None);
                    };
                    let width = if self.family == Family::Inet { 4 } else { 16 };
                    self.ends.put(usize::from(self.at), width, byte);
                    self.at = self.at.saturating_add(1);
                    if self.part == 0 {
                        self.stage = Stage::Tlv;
                    }
                }
                Stage::Part(what) => match self.piece(what, input) {
                    Some(part) => return Ok(Some(Event::Part(part))),
                    None => return Ok(None),
                },
                Stage::Tlv => {
                    let left = self.inside.unwrap_or(self.left);
                    if self.number.bytes == 0 && left == 0 {
                        match self.inside.take() {
                            Some(_) => continue,
                            None => return self.end().map(Some),
                        }
                    }
                    // Not even type and length of one.
                    if self.number.bytes == 0 && left < 3 {
                        return Err(Error::ProxyTlv);
                    }
                    let Some(byte) = self.byte(input) else {
                        return Ok(None);
                    };
                    self.tlv(byte)?;
                }
                Stage::Ssl => {
                    let Some(byte) = self.byte(input) else {
                        return Ok(None);
                    };
                    match &mut self.ssl {
                        Some(_) => self.number.add(byte),
                        none => {
                            *none = Some(Ssl {
                                client: byte,
                                verify: 0,
                            })
                        }
                    }
                    if self.part == 0 {
                        let verify = core::mem::take(&mut self.number).value;
                        self.ssl = self.ssl.map(|ssl| Ssl { verify, ..ssl });
                        self.stage = Stage::Tlv;
                    }
                }
                Stage::Crc => {
                    let Some(byte) = self.byte(input) else {
                        return Ok(None);
                    };
                    self.number.add(byte);
                    if self.part == 0 {
                        self.told = Some(core::mem::take(&mut self.number).value);
                        self.stage = Stage::Tlv;
                    }
                }
            }
        }
    }

    /// One byte of the first 16.
    fn fixed(&mut self, byte: u8) -> Result<(), Error> {
        let at = usize::from(self.at);
        self.at = self.at.saturating_add(1);
        if let Some(expected) = SIGNATURE.get(at) {
            if byte != *expected {
                return Err(Error::ProxySignature);
            }
            return Ok(());
        }
        match at {
            12 => {
                self.command = match byte {
                    0x20 => Command::Local,
                    0x21 => Command::Proxy,
                    _ => return Err(Error::ProxyHeader),
                }
            }
            // The family of LOCAL means nothing.
            13 if self.command == Command::Proxy => {
                let family = match byte >> 4 {
                    0 => Family::Unspec,
                    1 => Family::Inet,
                    2 => Family::Inet6,
                    3 => Family::Unix,
                    _ => return Err(Error::ProxyHeader),
                };
                let transport = match byte & 15 {
                    0 => Transport::Unspec,
                    1 => Transport::Stream,
                    2 => Transport::Dgram,
                    _ => return Err(Error::ProxyHeader),
                };
                // Half of it is not enough to know the ends.
                if family != Family::Unspec && transport != Transport::Unspec {
                    (self.family, self.transport) = (family, transport);
                }
            }
            14 => self.number.add(byte),
            15 => {
                self.number.add(byte);
                self.left = core::mem::take(&mut self.number).low();
                return self.length();
            }
            _ => {}
        }
        Ok(())
    }

    /// The length of all the rest is known.
    fn length(&mut self) -> Result<(), Error> {
        if self.left > self.most {
            return Err(Error::ProxyTooLong);
        }
        if self.left < self.family.len() {
            return Err(Error::ProxyHeader);
        }
        self.at = 0;
        self.part = self.family.len();
        self.stage = match self.family {
            // Without a family nobody knows where the addresses end.
            Family::Unspec => {
                self.part = self.left;
                Stage::Skip
            }
            Family::Inet | Family::Inet6 => Stage::Inet,
            Family::Unix => {
                self.part = PATH_BYTES;
                Stage::Part(What::Source)
            }
        };
        Ok(())
    }

    /// One byte ahead of the value of a TLV.
    fn tlv(&mut self, byte: u8) -> Result<(), Error> {
        self.number.add(byte);
        match self.number.bytes {
            1 => self.kind = byte,
            3 => {
                let length = core::mem::take(&mut self.number).low();
                if length > self.inside.unwrap_or(self.left) {
                    return Err(Error::ProxyTlv);
                }
                self.part = length;
                self.stage = self.value(length).ok_or(Error::ProxyTlv)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the value of a TLV is, if it may be one.
    fn value(&mut self, length: u16) -> Option<Stage> {
        if self.inside.is_some() {
            return Some(Stage::Part(What::Ssl(self.kind)));
        }
        Some(match self.kind {
            kind::NOOP => Stage::Noop,
            // Two would be two opinions.
            kind::CRC32C => (length == 4 && self.told.is_none()).then_some(Stage::Crc)?,
            kind::SSL if self.ssl.is_some() => return None,
            kind::SSL => {
                self.inside = Some(length);
                self.part = 5;
                (length >= 5).then_some(Stage::Ssl)?
            }
            kind::UNIQUE_ID if length > UNIQUE_ID_MAX => return None,
            kind => Stage::Part(What::Tlv(kind)),
        })
    }

    /// A part, or a piece of it; `None` when the input is used up.
    fn piece<'i>(&mut self, what: What, input: &mut &'i [u8]) -> Option<Part<'i>> {
        let bytes = self.run(input);
        let last = self.part == 0;
        if bytes.is_empty() && !last {
            return None;
        }
        let cut = match (self.open, last) {
            (false, true) => Cut::Whole,
            (false, false) => Cut::First,
            (true, true) => Cut::Last,
            (true, false) => Cut::Middle,
        };
        self.open = !last;
        if last {
            self.stage = if what == What::Source {
                self.part = PATH_BYTES;
                Stage::Part(What::Destination)
            } else {
                Stage::Tlv
            };
        }
        Some(Part { what, bytes, cut })
    }

    /// As much of the part at hand as the input has.
    fn run<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        let n = input.len().min(usize::from(self.part));
        let (now, rest) = input.split_at_checked(n).unwrap_or_default();
        *input = rest;
        self.crc.add(now);
        self.count(u16::try_from(n).unwrap_or(u16::MAX));
        now
    }

    /// A byte of it, or of what stands ahead of one.
    fn byte(&mut self, input: &mut &[u8]) -> Option<u8> {
        let [byte, rest @ ..] = *input else {
            return None;
        };
        *input = rest;
        // The checksum was made with zeros in its place.
        self.crc
            .add(&[if self.stage == Stage::Crc { 0 } else { *byte }]);
        if self.stage != Stage::Fixed {
            self.count(1);
        }
        Some(*byte)
    }

    fn count(&mut self, n: u16) {
        self.left = self.left.saturating_sub(n);
        self.part = self.part.saturating_sub(n);
        self.inside = self.inside.map(|left| left.saturating_sub(n));
    }

    /// All bytes were taken.
    fn end<'i>(&self) -> Result<Event<'i>, Error> {
        if self.told.is_some_and(|told| told != self.crc.end()) {
            return Err(Error::ProxyChecksum);
        }
        Ok(Event::Header(Header {
            command: self.command,
            transport: self.transport,
            addresses: match self.family {
                Family::Unspec => Addresses::Unspec,
                Family::Inet => self.ends.inet(),
                Family::Inet6 => self.ends.inet6(),
                Family::Unix => Addresses::Unix,
            },
            ssl: self.ssl,
            crc32c: self.told.is_some(),
        }))
    }
}
