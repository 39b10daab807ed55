//! The heads, chunks and trailers that are written. RFC 9112, 2 to 7.
//!
//! Nothing passes that is not of the grammar, wherever it came from: framing
//! and Connection are written here alone.

use super::names::{Kind, kind};
use crate::error::Refused;
use crate::event::{Cut, Field, Length, Space};
use crate::frame::Frame;
use crate::text::decimal::{Decimal, agrees};
use crate::text::{out::Out, status::reason, token};

/// Whether a field of this kind and name is for one connection alone, or is
/// written by the machine.
pub(crate) fn reserved(kind: Kind, name: &[u8]) -> bool {
    const NAMES: [&[u8]; 5] = [
        b"keep-alive",
        b"proxy-connection",
        b"trailer",
        b"status",
        b"http2-settings",
    ];
    match kind {
        Kind::Te | Kind::Connection | Kind::TransferEncoding | Kind::Upgrade => true,
        _ => NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)),
    }
}

/// A line of a head or of trailers.
#[inline]
pub(crate) fn line(out: &mut Out<'_>, name: &[u8], value: &[u8]) -> Result<(), Refused> {
    if !out.short(name, value) {
        if !token::is_name(name) || !token::is_field_value(value) {
            return Err(Refused::Field);
        }
        for part in [name, b": ", value, b"\r\n"] {
            out.text(part);
        }
    }
    Ok(())
}

/// How the head of an answer frames its body, and treats the connection.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub status: u16,
    /// What was declared: a Content-Length among the fields must agree.
    pub length: Length,
    pub content_length: Option<u64>,
    pub chunked: bool,
    /// The value of Connection, if it is written.
    pub connection: &'static [u8],
}

/// The head of an answer. RFC 9112, 4.
pub(crate) fn answer<'b, 'f, I>(
    head: Answer,
    fields: I,
    room: &'b mut [u8],
) -> Result<&'b [u8], Refused>
where
    I: IntoIterator<Item = Field<'f>>,
{
    let mut out = Out::new(room);
    out.put(b"HTTP/1.1 ");
    out.text(Decimal::new(u64::from(head.status)).bytes());
    out.put(b" ");
    out.text(reason(head.status).as_bytes());
    out.put(b"\r\n");
    let mut upgrades = false;
    for field in fields {
        if field.cut != Cut::Whole || field.space != Space::Header {
            return Err(Refused::Field);
        }
        match kind(field.name) {
            Kind::ContentLength => {
                if !agrees(field.value, head.length) {
                    return Err(Refused::Field);
                }
                continue;
            }
            Kind::Upgrade if head.status == 101 => upgrades = true,
            // As applications behind CGI's grammar have it.
            Kind::Other if field.name.eq_ignore_ascii_case(b"status") => continue,
            kind if reserved(kind, field.name) => return Err(Refused::Field),
            _ => {}
        }
        line(&mut out, field.name, field.value)?;
    }
    if head.status == 101 && !upgrades {
        return Err(Refused::Field);
    }
    if let Some(n) = head.content_length {
        content_length(&mut out, n);
    }
    if head.chunked {
        out.put(b"Transfer-Encoding: chunked\r\n");
    }
    if !head.connection.is_empty() {
        out.put(b"Connection: ");
        out.text(head.connection);
        out.put(b"\r\n");
    }
    out.put(b"\r\n");
    out.written()
}

pub(crate) fn content_length(out: &mut Out<'_>, n: u64) {
    out.put(b"Content-Length: ");
    out.text(Decimal::new(n).bytes());
    out.put(b"\r\n");
}

/// A chunk of all these bytes. RFC 9112, 7.1.
pub(crate) fn chunk(bytes: &[u8]) -> Frame<'_> {
    Frame::of(bytes)
        .head(Size::of(bytes.len()).bytes())
        .tail(b"\r\n")
}

/// The end of a chunked body without trailers. RFC 9112, 7.1.
pub(crate) fn end() -> Frame<'static> {
    Frame::of(&[]).head(b"0\r\n\r\n")
}

/// The last chunk with its trailers, if there are any. RFC 9112, 7.1.2.
pub(crate) fn last_chunk<'b, 'f, I>(trailers: I, room: &'b mut [u8]) -> Result<Frame<'b>, Refused>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    if trailers.clone().into_iter().next().is_none() {
        return Ok(end());
    }
    let mut out = Out::new(room);
    out.put(b"0\r\n");
    for field in trailers {
        let space = matches!(field.space, Space::Trailer | Space::Header);
        if field.cut != Cut::Whole || !space || super::names::forbidden(field.name) {
            return Err(Refused::Field);
        }
        line(&mut out, field.name, field.value)?;
    }
    out.put(b"\r\n");
    out.written().map(Frame::of)
}

/// The line before the data of a chunk: at most 18 bytes. RFC 9112, 7.1.
struct Size {
    text: [u8; 18],
    start: usize,
}

impl Size {
    fn of(mut n: usize) -> Self {
        let mut text = *b"0000000000000000\r\n";
        let mut start = 16usize;
        for digit in text.iter_mut().rev().skip(2) {
            let value = u8::try_from(n & 15).unwrap_or(0);
            *digit = match value {
                0..=9 => b'0'.wrapping_add(value),
                _ => b'a'.wrapping_add(value).wrapping_sub(10),
            };
            start = start.saturating_sub(1);
            n >>= 4;
            if n == 0 {
                break;
            }
        }
        Size { text, start }
    }

    fn bytes(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for n in [1, 9, 10, 15, 16, 255, 65_536, usize::MAX] {
            assert_eq!(Size::of(n).bytes(), format!("{n:x}\r\n").as_bytes());
        }
    }

    #[test]
    fn no_byte_passes_that_may_not() {
        let refused = |field: Field<'_>| {
            let head = Answer {
                status: 200,
                length: Length::Unknown,
                content_length: None,
                chunked: true,
                connection: b"",
            };
            answer(head, [field], &mut [0; 256]) == Err(Refused::Field)
                && matches!(last_chunk([field], &mut [0; 256]), Err(Refused::Field))
        };
        for b in 0..=255u8 {
            let (name, value) = ([b'X', b, b'X'], [b'a', b, b'b']);
            let field = Field::header(&name, b"x");
            assert_eq!(refused(field), !token::is_token(b), "{b}");
            let field = Field::header(b"X", &value);
            assert_eq!(refused(field), !token::is_value(b), "{b}");
        }
        for name in [
            "",
            "Connection",
            "keep-alive",
            "TE",
            "Trailer",
            "transfer-encoding",
            "Upgrade",
            "Proxy-Connection",
            "Content-Length",
            "HTTP2-Settings",
        ] {
            assert!(refused(Field::header(name.as_bytes(), b"5")), "{name}");
        }
        assert!(refused(Field::var(b"X", b"x")));
        for cut in [Cut::First, Cut::Middle, Cut::Last] {
            let field = Field {
                cut,
                ..Field::header(b"X", b"x")
            };
            assert!(refused(field));
        }
    }
}
