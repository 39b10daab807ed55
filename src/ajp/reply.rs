//! What a container says: SEND_HEADERS, SEND_BODY_CHUNK, END_RESPONSE,
//! GET_BODY_CHUNK, CPONG. AJPv13, "Response Packet Structure".

mod reader;

pub(crate) use reader::{Bounds, May, Reader, Said};

use super::codes::{self, kind};
use super::headers;
use super::packet::{Way, Writer};
use crate::cgi::encode::reserved;
use crate::error::Refused;
use crate::event::{Cut, Field, Length, Space};
use crate::frame::Frame;
use crate::text::decimal::{Decimal, agrees};
use crate::text::{status, token};

/// SEND_HEADERS, whole and in one packet of at most `most` bytes behind its
/// header: the status and its usual reason, the fields as they stand,
/// Content-Length for a known length. A Content-Length among the fields that
/// equals `length` is not repeated; with status 204 there is none.
///
/// `Status`: not 200 to 599, since some web servers fail at an interim one.
/// `Field`: as for the head of a CGI response, and a name of more than 255
/// bytes. `TooLong`: more than one packet.
pub(crate) fn send_headers<'b, 'f, I>(
    status: u16,
    fields: I,
    length: Length,
    most: u16,
    room: &'b mut [u8],
) -> Result<&'b [u8], Refused>
where
    I: IntoIterator<Item = Field<'f>>,
{
    if !(200..=599).contains(&status) {
        return Err(Refused::Status);
    }
    let mut to = Writer::new(Way::ToWebServer, kind::SEND_HEADERS, room);
    to.number(status);
    // Never null, at which some web servers fail.
    match status::reason(status).as_bytes() {
        [] => to.string(Decimal::new(u64::from(status)).bytes()),
        reason => to.string(reason),
    }
    let count = to.later();
    let mut pairs = 0usize;
    for field in fields {
        if field.cut != Cut::Whole
            || field.space != Space::Header
            || !headers::is_name(field.name)
            || !token::is_field_value(field.value)
            || reserved(field.name)
        {
            return Err(Refused::Field);
        }
        if field.name.eq_ignore_ascii_case(b"content-length") {
            if !agrees(field.value, length) {
                return Err(Refused::Field);
            }
            if status == 204 || length != Length::None {
                continue;
            }
        }
        pair(&mut to, field.name, field.value);
        pairs = pairs.saturating_add(1);
    }
    if let (Length::Known(n), true) = (length, status != 204) {
        pair(&mut to, b"content-length", Decimal::new(n).bytes());
        pairs = pairs.saturating_add(1);
    }
    // More would not fit a packet.
    to.set(count, u16::try_from(pairs).unwrap_or(u16::MAX));
    to.end(most)
}

fn pair(to: &mut Writer<'_>, name: &[u8], value: &[u8]) {
    headers::write_name(to, name, codes::response_header_code);
    to.string(value);
}

/// A packet of the container that is all in its head.
fn packet<'b>(payload: &[u8]) -> Frame<'b> {
    let length = u16::try_from(payload.len()).unwrap_or(0);
    Frame::EMPTY
        .head(&Way::ToWebServer.magic())
        .head(&length.to_be_bytes())
        .head(payload)
}

/// What of a SEND_BODY_CHUNK is not its data: type, length, the byte behind.
const AROUND: u16 = 4;

/// SEND_BODY_CHUNK with as many bytes off the front of `payload` as a packet
/// carries, `most` being what it has behind its header; an empty frame for
/// none. The byte behind the data is in no grammar, but some web servers want
/// it.
pub(crate) fn send_body_chunk<'b>(payload: &mut &'b [u8], most: u16) -> Frame<'b> {
    let room = usize::from(most.saturating_sub(AROUND));
    let (data, rest) = payload.split_at_checked(room).unwrap_or((payload, &[]));
    let n = u16::try_from(data.len()).unwrap_or(0);
    if n == 0 {
        return Frame::EMPTY;
    }
    *payload = rest;
    Frame::of(data)
        .head(&Way::ToWebServer.magic())
        .head(&n.saturating_add(AROUND).to_be_bytes())
        .head(&[kind::SEND_BODY_CHUNK])
        .head(&n.to_be_bytes())
        .tail(&[0])
}

/// SEND_BODY_CHUNK without data: asks the web server to pass on what it holds.
pub(crate) fn flush() -> Frame<'static> {
    packet(&[kind::SEND_BODY_CHUNK, 0, 0, 0])
}

/// GET_BODY_CHUNK. `n`: at least 1.
pub(crate) fn get_body_chunk(n: u16) -> Frame<'static> {
    let [a, b] = n.to_be_bytes();
    packet(&[kind::GET_BODY_CHUNK, a, b])
}

/// END_RESPONSE, as bytes: it also stands behind a head in one frame. Some web
/// servers take no other number than 1 for true.
pub(crate) const fn end_response(reuse: bool) -> [u8; 6] {
    let [a, b] = Way::ToWebServer.magic();
    [a, b, 0, 2, kind::END_RESPONSE, if reuse { 1 } else { 0 }]
}

/// CPONG.
pub(crate) fn cpong() -> Frame<'static> {
    packet(&[kind::CPONG])
}

#[cfg(test)]
mod tests;
