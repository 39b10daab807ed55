//! The cold path: any step of any packet, and every error.

use super::{
    At, Bounds, DATA, END, FLUSH, GET, HEADERS, May, PONG, Reader, Said, fit, packet_bytes,
};
use crate::ajp::codes::{self, kind};
use crate::ajp::headers::{Headers, VALUE};
use crate::ajp::packet::{Piece, Text, Way};
use crate::cgi::known;
use crate::error::Error;
use crate::event::{Cut, Field};

/// Places in a number: ahead of it, in it, behind it.
const LEAD: u8 = 0;
const DIGITS: u8 = 1;
const BLANKS: u8 = 2;

impl Reader {
    #[cold]
    #[inline(never)]
    pub(super) fn cold<'i>(
        &mut self,
        input: &mut &'i [u8],
        may: May,
        bounds: &Bounds,
    ) -> Result<Said<'i>, Error> {
        loop {
            match self.at {
                At::Header => match self.packet.header(input, Way::ToWebServer, bounds.most)? {
                    Some(0) => return Err(Error::BadPacket),
                    Some(_) => self.at = At::Kind,
                    None => return Ok(Said::Nothing),
                },
                At::Kind => {
                    let length = self.packet.left;
                    let Some(kind) = self.packet.byte(input)? else {
                        return Ok(Said::Nothing);
                    };
                    if let Some(said) = self.kind(kind, length, may)? {
                        return Ok(said);
                    }
                }
                At::Chunk => {
                    let Some(n) = self.packet.number(input)? else {
                        return Ok(Said::Nothing);
                    };
                    self.announced(n, may, bounds)?;
                }
                At::Data if input.is_empty() => return Ok(Said::Nothing),
                At::Data => return Ok(Said::Data(self.data(input))),
                At::Skip | At::Flush => {
                    let _ = self.packet.take(input, u16::MAX);
                    if self.packet.left > 0 {
                        return Ok(Said::Nothing);
                    }
                    if core::mem::replace(&mut self.at, At::Header) == At::Flush {
                        return Ok(Said::Flush);
                    }
                }
                At::Status => {
                    let Some(n) = self.packet.number(input)? else {
                        return Ok(Said::Nothing);
                    };
                    match n {
                        200..=599 => {}
                        600..=999 if bounds.any_status => {}
                        100 | 102..=199 if bounds.interim => {}
                        100..=199 => return Err(Error::Interim(n)),
                        _ => return Err(Error::BadStatus),
                    }
                    self.begin(n);
                    self.reason = Text::NEW;
                    self.at = At::Reason;
                }
                At::Reason => {
                    let text = &mut self.reason;
                    match text.checked(&mut self.packet, input, false, VALUE)? {
                        Piece::Empty => return Ok(Said::Nothing),
                        Piece::Null | Piece::Part { last: true, .. } => self.at = At::Count,
                        Piece::Part { .. } | Piece::Code(_) => {}
                    }
                }
                At::Count => {
                    let Some(n) = self.packet.number(input)? else {
                        return Ok(Said::Nothing);
                    };
                    if !fit(n, self.packet.left) {
                        return Err(Error::BadPacket);
                    }
                    self.fields_left = self
                        .fields_left
                        .checked_sub(u32::from(n))
                        .ok_or(Error::TooManyFields)?;
                    self.headers = Headers::new(n);
                    self.at = if n == 0 { At::Head } else { At::Fields };
                }
                At::Fields => {
                    let step =
                        self.headers
                            .step(&mut self.packet, input, codes::response_header)?;
                    let Some(field) = step else {
                        return Ok(Said::Nothing);
                    };
                    let gives = self.piece(&field)?;
                    if self.headers.left == 0 {
                        self.at = At::Head;
                    }
                    if gives {
                        return Ok(Said::Field(field));
                    }
                }
                At::Head => {
                    if self.packet.left != 0 {
                        return Err(Error::BadPacket);
                    }
                    self.at = At::Header;
                    return Ok(Said::Head);
                }
                At::Reuse => {
                    let Some(reuse) = self.packet.byte(input)? else {
                        return Ok(Said::Nothing);
                    };
                    self.at = At::Header;
                    return Ok(Said::End(reuse != 0));
                }
                At::Get => {
                    let Some(n) = self.packet.number(input)? else {
                        return Ok(Said::Nothing);
                    };
                    self.at = At::Header;
                    return Ok(Said::Get(n));
                }
            }
        }
    }

    /// The type of a packet of `length`.
    fn kind<'i>(&mut self, kind: u8, length: u16, may: May) -> Result<Option<Said<'i>>, Error> {
        let (bit, exact, next, said) = match kind {
            kind::SEND_HEADERS => (HEADERS, None, At::Status, None),
            kind::SEND_BODY_CHUNK => (FLUSH, None, At::Chunk, None),
            kind::END_RESPONSE => (END, Some(2), At::Reuse, Some(Said::Ending)),
            kind::GET_BODY_CHUNK => (GET, Some(3), At::Get, None),
            kind::CPONG => (PONG, Some(1), At::Header, Some(Said::Pong)),
            other => return Err(Error::PacketType(other)),
        };
        if !may.has(bit) {
            return Err(Error::PacketType(kind));
        }
        if exact.is_some_and(|n| n != length) {
            return Err(Error::BadPacket);
        }
        if next == At::Status {
            let left = self.head_left.checked_sub(packet_bytes(length));
            self.head_left = left.ok_or(Error::HeadTooLong)?;
        }
        self.at = next;
        Ok(said)
    }

    /// A chunk of `n` bytes begins.
    fn announced(&mut self, n: u16, may: May, bounds: &Bounds) -> Result<(), Error> {
        match self.packet.left.checked_sub(n) {
            Some(1) => {}
            Some(0) if bounds.missing_pad => {}
            _ => return Err(Error::BadPacket),
        }
        if n == 0 {
            self.at = At::Flush;
            return Ok(());
        }
        if !may.has(DATA) {
            return Err(Error::PacketType(kind::SEND_BODY_CHUNK));
        }
        let left = u16::try_from(self.body_left).unwrap_or(u16::MAX);
        if n > left {
            if !self.counted {
                return Err(Error::BodyTooLong);
            }
            self.excess = true;
        }
        self.chunk = n.min(left);
        self.body_left = self.body_left.saturating_sub(u64::from(self.chunk));
        self.at = if self.chunk == 0 { At::Skip } else { At::Data };
        Ok(())
    }

    /// What a piece of a field tells. Whether it is to be given.
    fn piece(&mut self, field: &Field<'_>) -> Result<bool, Error> {
        if !self.named {
            for byte in field.name {
                self.known = known::narrow(self.known, self.place, *byte);
                self.place = self.place.saturating_add(1);
            }
            if !field.value.is_empty() || matches!(field.cut, Cut::Whole | Cut::Last) {
                self.named = true;
                self.known = known::settle(self.known, self.place);
                self.number = Some(0);
                self.place = LEAD;
            }
        }
        if self.named && self.known == known::LENGTH {
            for byte in field.value {
                self.digit(*byte);
            }
        }
        let gives = !self.named || self.known != known::CODING;
        if matches!(field.cut, Cut::Whole | Cut::Last) {
            if self.known == known::LENGTH {
                let number = self.number.filter(|_| self.place != LEAD);
                self.declared(number)?;
            }
            self.named = false;
            self.known = known::ANY;
            self.place = 0;
        }
        Ok(gives)
    }

    /// A byte of Content-Length.
    fn digit(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            (LEAD, b' ' | b'\t') => LEAD,
            (DIGITS | BLANKS, b' ' | b'\t') => BLANKS,
            (LEAD | DIGITS, b'0'..=b'9') => {
                let digit = u64::from(byte.wrapping_sub(b'0'));
                let number = self.number.and_then(|n| n.checked_mul(10));
                self.number = number.and_then(|n| n.checked_add(digit));
                DIGITS
            }
            _ => {
                self.number = None;
                BLANKS
            }
        };
    }
}
