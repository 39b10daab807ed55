//! Reading what a container says, as it streams in.
//!
//! Whole fields, and the front of whole heads and chunks, are taken by short
//! paths, which change nothing where anything is unusual. All else goes
//! through the cold path, the only source of errors; so those do not depend on
//! how the input is cut.

mod cold;
mod whole;

use crate::ajp::headers::Headers;
use crate::ajp::packet::{Packet, Text};
use crate::cgi::known;
use crate::error::Error;
use crate::event::Field;

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

    /// A head of this status.
    fn begin(&mut self, status: u16) {
        self.status = status;
        self.length = None;
        self.named = false;
        self.known = known::ANY;
        self.place = 0;
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
