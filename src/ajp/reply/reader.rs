//! Reading what a container says, as it streams in.
//!
//! Whole fields, and the front of whole heads and chunks, are taken by short
//! paths, which change nothing where anything is unusual. All else goes
//! through the cold path, the only source of errors; so those do not depend on
//! how the input is cut.

use crate::ajp::codes::{self, kind};
use crate::ajp::headers::{Headers, VALUE};
use crate::ajp::packet::{Packet, Piece, Text, Way};
use crate::cgi::known;
use crate::error::Error;
use crate::event::{Cut, Field};
use crate::text::decimal::decimal;
use crate::text::token;

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<'i> {
    /// The input is used up.
    Nothing,
    /// A header field, or a piece of one.
    Field(Field<'i>),
    /// SEND_HEADERS is complete: see [`Reader::status`] and
    /// [`Reader::length`].
    Head,
    /// Bytes of a SEND_BODY_CHUNK, at least one, the last that were taken.
    Data(&'i [u8]),
    /// A SEND_BODY_CHUNK of no bytes.
    Flush,
    /// END_RESPONSE, all but its last byte.
    Ending,
    /// END_RESPONSE, and whether the connection may be used again.
    End(bool),
    /// GET_BODY_CHUNK: how many bytes.
    Get(u16),
    /// CPONG.
    Pong,
}

/// Which messages may come now, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct May(u8);

const HEADERS: u8 = 1;
const DATA: u8 = 2;
const END: u8 = 4;
const GET: u8 = 8;
const FLUSH: u8 = 16;
const PONG: u8 = 32;

impl May {
    /// Before the head of an answer.
    pub const HEAD: May = May(HEADERS | GET | FLUSH);
    /// Behind it.
    pub const BODY: May = May(DATA | END | GET | FLUSH);
    /// After CPING.
    pub const PONG: May = May(PONG);

    const fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// What is accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// What a packet carries behind its header.
    pub most: u16,
    /// A SEND_BODY_CHUNK may end without the byte behind its data.
    pub missing_pad: bool,
    /// Statuses from 600 to 999.
    pub any_status: bool,
    /// Statuses from 100 to 199, but 101.
    pub interim: bool,
}

/// What is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The header of a packet.
    Header,
    Kind,
    /// How many bytes a chunk has.
    Chunk,
    Data,
    /// What is left of a packet is dropped: what goes beyond the body, and the
    /// byte behind the data.
    Skip,
    /// The same, of a chunk without data.
    Flush,
    Status,
    Reason,
    /// How many fields.
    Count,
    Fields,
    /// Behind the last field.
    Head,
    Reuse,
    /// How many bytes are wanted.
    Get,
}

/// Places in a number: ahead of it, in it, behind it.
const LEAD: u8 = 0;
const DIGITS: u8 = 1;
const BLANKS: u8 = 2;

/// The state between two bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    at: At,
    packet: Packet,
    headers: Headers,
    reason: Text,
    /// Bytes of the chunk at hand that are given.
    chunk: u16,
    status: u16,
    /// Which known name the field at hand may have, or has.
    known: u8,
    /// Place in its name, or in its number.
    place: u8,
    /// Its name is complete.
    named: bool,
    /// What goes beyond the body is dropped.
    counted: bool,
    /// Some was.
    excess: bool,
    /// What heads may still take.
    head_left: u32,
    fields_left: u32,
    /// Content-Length of the head at hand.
    length: Option<u64>,
    /// Its value, as far as it came; `None` where it is none.
    number: Option<u64>,
    /// Bytes of the body that may still come.
    body_left: u64,
}

impl Reader {
    /// For an exchange, with what its heads may take.
    pub const fn new(head_bytes: u32, fields: u32) -> Self {
        Reader {
            at: At::Header,
            packet: Packet::NONE,
            headers: Headers::new(0),
            reason: Text::NEW,
            chunk: 0,
            status: 0,
            known: 0,
            place: 0,
            named: false,
            counted: false,
            excess: false,
            head_left: head_bytes,
            fields_left: fields,
            length: None,
            number: None,
            body_left: 0,
        }
    }

    /// How much of a body is given from here on. What goes beyond is dropped
    /// where it is `counted`, else an error.
    pub const fn body(&mut self, most: u64, counted: bool) {
        self.body_left = most;
        self.counted = counted;
    }

    /// Bytes of the body that have not come.
    pub const fn body_left(&self) -> u64 {
        self.body_left
    }

    /// Whether bytes went beyond the body.
    pub const fn excess(&self) -> bool {
        self.excess
    }

    /// Whether it stands in a SEND_HEADERS.
    pub const fn in_head(&self) -> bool {
        matches!(
            self.at,
            At::Status | At::Reason | At::Count | At::Fields | At::Head
        )
    }

    /// Whether it can go on without input.
    pub const fn owes(&self) -> bool {
        matches!(self.at, At::Head)
    }

    /// Of the last SEND_HEADERS.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Its Content-Length.
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next field, where it is whole in the input: the most usual of
    /// [`next`](Self::next), and nothing else.
    #[inline(always)]
    pub fn field<'i>(&mut self, input: &mut &'i [u8]) -> Option<Result<Field<'i>, Error>> {
        match self.at {
            At::Fields => self.whole_field(input),
            _ => None,
        }
    }

    /// The next that is said.
    #[inline]
    pub fn next<'i>(
        &mut self,
        input: &mut &'i [u8],
        may: May,
        bounds: &Bounds,
    ) -> Result<Said<'i>, Error> {
        // The byte behind the data.
        if self.at == At::Skip
            && self.packet.left == 1
            && let Some((_, rest)) = input.split_first()
        {
            self.packet.left = 0;
            self.at = At::Header;
            *input = rest;
        }
        match self.at {
            At::Header => {
                if let Some(data) = self.whole_chunk(input, may, bounds) {
                    return Ok(Said::Data(data));
                }
                if self.whole_ending(input, may) {
                    return Ok(Said::Ending);
                }
                if self.whole_front(input, may, bounds).is_some()
                    && let Some(field) = self.whole_field(input)
                {
                    return field.map(Said::Field);
                }
            }
            At::Data if !input.is_empty() => return Ok(Said::Data(self.data(input))),
            At::Head if self.packet.left == 0 => {
                self.at = At::Header;
                return Ok(Said::Head);
            }
            At::Reuse => {
                if let Some((reuse, rest)) = input.split_first() {
                    self.packet.left = 0;
                    self.at = At::Header;
                    *input = rest;
                    return Ok(Said::End(*reuse != 0));
                }
            }
            At::Fields => {
                if let Some(field) = self.whole_field(input) {
                    return field.map(Said::Field);
                }
            }
            _ => {}
        }
        self.cold(input, may, bounds)
    }

    /// The front of a SEND_BODY_CHUNK, and what there is of its data.
    #[inline(always)]
    fn whole_chunk<'i>(
        &mut self,
        input: &mut &'i [u8],
        may: May,
        bounds: &Bounds,
    ) -> Option<&'i [u8]> {
        let (front, mut rest) = input.split_first_chunk::<7>()?;
        let [a, b, l, m, kind::SEND_BODY_CHUNK, n, o] = *front else {
            return None;
        };
        let (length, n) = (u16::from_be_bytes([l, m]), u16::from_be_bytes([n, o]));
        let usual = [a, b] == Way::ToWebServer.magic()
            && may.has(DATA)
            && n > 0
            && length.checked_sub(4) == Some(n)
            && length <= bounds.most
            && u64::from(n) <= self.body_left
            && !self.packet.is_cut();
        if !usual || rest.is_empty() {
            return None;
        }
        self.chunk = n;
        self.packet.left = n.saturating_add(1);
        self.body_left = self.body_left.saturating_sub(u64::from(n));
        let data = self.data(&mut rest);
        *input = rest;
        Some(data)
    }

    /// END_RESPONSE, all but its last byte.
    #[inline(always)]
    fn whole_ending(&mut self, input: &mut &[u8], may: May) -> bool {
        const FRONT: [u8; 5] = [b'A', b'B', 0, 2, kind::END_RESPONSE];
        if let Some((&FRONT, rest)) = input.split_first_chunk::<5>()
            && may.has(END)
            && !self.packet.is_cut()
        {
            self.packet.left = 1;
            self.at = At::Reuse;
            *input = rest;
            return true;
        }
        false
    }

    /// As much of a chunk's data as there is.
    #[inline(always)]
    fn data<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        let data = self.packet.take(input, self.chunk);
        let n = u16::try_from(data.len()).unwrap_or(u16::MAX);
        self.chunk = self.chunk.saturating_sub(n);
        self.at = match (self.chunk, self.packet.left) {
            (0, 0) => At::Header,
            (0, _) => At::Skip,
            _ => At::Data,
        };
        data
    }

    /// All of a SEND_HEADERS that has fields, but these.
    #[inline]
    fn whole_front(&mut self, input: &mut &[u8], may: May, bounds: &Bounds) -> Option<()> {
        let (front, rest) = input.split_first_chunk::<9>()?;
        let [a, b, l, m, kind::SEND_HEADERS, s, t, n, o] = *front else {
            return None;
        };
        let length = u16::from_be_bytes([l, m]);
        let status = u16::from_be_bytes([s, t]);
        let n = u16::from_be_bytes([n, o]);
        let (reason, rest) = rest.split_at_checked(usize::from(n))?;
        let ([0, c, d], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let fields = u16::from_be_bytes([*c, *d]);
        // Five bytes ahead of the reason, three behind it.
        let left = length.checked_sub(8)?.checked_sub(n)?;
        let head_left = self.head_left.checked_sub(packet_bytes(length))?;
        let fields_left = self.fields_left.checked_sub(u32::from(fields))?;
        let usual = [a, b] == Way::ToWebServer.magic()
            && may.has(HEADERS)
            && length <= bounds.most
            && matches!(status, 200..=599)
            && fields != 0
            && fit(fields, left)
            && token::is_field_value(reason)
            && !self.packet.is_cut();
        if !usual {
            return None;
        }
        self.head_left = head_left;
        self.fields_left = fields_left;
        self.begin(status);
        self.headers = Headers::new(fields);
        self.packet.left = left;
        self.at = At::Fields;
        *input = rest;
        Some(())
    }

    /// A head of this status.
    fn begin(&mut self, status: u16) {
        self.status = status;
        self.length = None;
        self.named = false;
        self.known = known::ANY;
        self.place = 0;
    }

    /// A field that is whole in the input, and to be given.
    #[inline(always)]
    fn whole_field<'i>(&mut self, input: &mut &'i [u8]) -> Option<Result<Field<'i>, Error>> {
        // By the code, or by how long the name is.
        let known = match *input {
            [0, 17, ..] => known::CODING,
            [0xa0, 3, ..] | [0, 14, ..] => known::LENGTH,
            _ => 0,
        };
        // What may be dropped is not for here.
        if known == known::CODING {
            return None;
        }
        let field = self
            .headers
            .whole(&mut self.packet, input, codes::response_header)?;
        if known == known::LENGTH
            && known::whole(field.name) == known::LENGTH
            && let Err(error) = self.declared(decimal(field.value))
        {
            return Some(Err(error));
        }
        if self.headers.left == 0 {
            self.at = At::Head;
        }
        Some(Ok(field))
    }

    /// A Content-Length: one there may be, and a number. Whoever reads another
    /// one sees another body.
    fn declared(&mut self, number: Option<u64>) -> Result<(), Error> {
        match (number, self.length) {
            (Some(n), None) => {
                self.length = Some(n);
                Ok(())
            }
            _ => Err(Error::ContentLength),
        }
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

    #[cold]
    #[inline(never)]
    fn cold<'i>(
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
}

/// Bytes of a packet that carries `length`.
#[inline]
fn packet_bytes(length: u16) -> u32 {
    u32::from(length).saturating_add(4)
}

/// Whether so many fields can lie in so many bytes: each a code and a null
/// string, at the least.
#[inline]
fn fit(fields: u16, bytes: u16) -> bool {
    u32::from(fields).saturating_mul(4) <= u32::from(bytes)
}
