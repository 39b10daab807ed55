//! The response head that an application writes. RFC 3875, 6.

use crate::error::Refused;
use crate::event::{Cut, Field, Length, Space};
use crate::text::decimal::{Decimal, agrees};
use crate::text::{out::Out, status::reason, token};

/// Writes the head of a CGI response into `room`, whole or not at all, and
/// says how many bytes it took: `Status` first, then the fields as they stand,
/// `Content-Length` for a known length, the blank line. Lines end in CR LF.
///
/// A Content-Length among the fields that equals `length` is not repeated. With
/// status 204 there is no Content-Length.
///
/// ```
/// use vestibule::{Field, Length, cgi};
/// let mut room = [0; 128];
/// let fields = [Field::header(b"Content-Type", b"text/plain")];
/// let n = cgi::encode::head(404, fields, Length::Known(2), &mut room)?;
/// assert_eq!(
///     &room[..n],
///     b"Status: 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n"
/// );
/// # Ok::<(), vestibule::Refused>(())
/// ```
///
/// # Errors
///
/// - [`Refused::Status`]: not 200 to 599.
/// - [`Refused::Field`]: no whole header field; a name that is no token, or one
///   of Status, Connection, Keep-Alive, Proxy-Connection, TE, Trailer,
///   Transfer-Encoding, Upgrade; a control byte in a value (CR, LF and NUL
///   above all); a Content-Length that `length` does not confirm.
/// - [`Refused::Room`]: `room` is too small. Its contents are then undefined.
pub fn head<'f, I>(
    status: u16,
    fields: I,
    length: Length,
    room: &mut [u8],
) -> Result<usize, Refused>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    answer(First::StatusField, status, fields, length, room)
}

/// How an answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// With the field Status. RFC 3875, 6.3.3.
    StatusField,
    /// With a status line, `HTTP/1.1 200 OK`. RFC 3875, 5; RFC 9112, 4.
    StatusLine,
}

/// [`head`], with either first line.
pub(crate) fn answer<'f, I>(
    first: First,
    status: u16,
    fields: I,
    length: Length,
    room: &mut [u8],
) -> Result<usize, Refused>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    let digits = match status {
        200..=599 => Decimal::new(u64::from(status)),
        _ => return Err(Refused::Status),
    };
    let mut out = Out::new(room);
    out.text(match first {
        First::StatusField => b"Status: ",
        First::StatusLine => b"HTTP/1.1 ",
    });
    out.text(digits.bytes());
    let reason = reason(status);
    // The blank belongs to the grammar of a status line.
    if first == First::StatusLine || !reason.is_empty() {
        out.put(b" ");
        out.text(reason.as_bytes());
    }
    out.put(b"\r\n");
    for field in fields {
        if field.cut != Cut::Whole || field.space != Space::Header {
            return Err(Refused::Field);
        }
        let (name, value) = (field.name, field.value);
        if SPECIAL.wrapping_shr(u32::try_from(name.len()).unwrap_or(0)) & 1 != 0 {
            if reserved(name) {
                return Err(Refused::Field);
            }
            if is_length(name) {
                if !agrees(value, length) {
                    return Err(Refused::Field);
                }
                if status == 204 || !matches!(length, Length::None) {
                    continue;
                }
            }
        }
        if !out.short(name, value) {
            if !token::is_name(name) || !token::is_field_value(value) {
                return Err(Refused::Field);
            }
            for part in [name, b": ", value, b"\r\n"] {
                out.text(part);
            }
        }
    }
    if let (Length::Known(n), true) = (length, status != 204) {
        out.put(b"Content-Length: ");
        out.text(Decimal::new(n).bytes());
        out.put(b"\r\n");
    }
    out.put(b"\r\n");
    out.end()
}

/// The lengths of the names that mean something here, as bits.
const SPECIAL: u32 = 1 << 2 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 14 | 1 << 16 | 1 << 17;

/// Whether the field is for the connection or the server, so that an
/// application may not send it and a server does not pass it on.
#[inline]
pub(crate) fn reserved(name: &[u8]) -> bool {
    let known: &[&[u8]] = match (name.len(), name) {
        (2, _) => &[b"te"],
        (6, [b's' | b'S', ..]) => &[b"status"],
        (7, [b't' | b'T' | b'u' | b'U', ..]) => &[b"trailer", b"upgrade"],
        (10, [b'c' | b'C' | b'k' | b'K', ..]) => &[b"connection", b"keep-alive"],
        (16, [b'p' | b'P', ..]) => &[b"proxy-connection"],
        (17, [b't' | b'T', ..]) => &[b"transfer-encoding"],
        _ => return false,
    };
    known.iter().any(|k| k.eq_ignore_ascii_case(name))
}

#[inline]
fn is_length(name: &[u8]) -> bool {
    name.len() == 14 && name.eq_ignore_ascii_case(b"content-length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: u16, fields: &[Field<'_>], length: Length) -> Result<String, Refused> {
        let mut room = [0; 512];
        let n = head(status, fields.iter().copied(), length, &mut room)?;
        Ok(String::from_utf8(room[..n].to_vec()).unwrap())
    }

    #[test]
    fn heads() {
        let a = Field::header(b"A", b"1");
        assert_eq!(
            text(200, &[a], Length::Unknown).unwrap(),
            "Status: 200 OK\r\nA: 1\r\n\r\n"
        );
        assert_eq!(
            text(299, &[a, a], Length::Known(u64::MAX)).unwrap(),
            "Status: 299\r\nA: 1\r\nA: 1\r\nContent-Length: 18446744073709551615\r\n\r\n"
        );
        assert_eq!(
            text(204, &[], Length::Known(0)).unwrap(),
            "Status: 204 No Content\r\n\r\n"
        );
        assert_eq!(
            text(304, &[], Length::Known(7)).unwrap(),
            "Status: 304 Not Modified\r\nContent-Length: 7\r\n\r\n"
        );
    }

    #[test]
    fn statuses() {
        for status in 0..=u16::MAX {
            let got = head(status, [], Length::None, &mut [0; 64]);
            assert_eq!(got.is_ok(), (200..=599).contains(&status));
            assert!(got.is_ok() || got == Err(Refused::Status));
        }
    }

    #[test]
    fn a_content_length_must_be_confirmed() {
        let field = |v| Field::header(b"content-LENGTH", v);
        let known = Length::Known(5);
        let once = "Status: 200 OK\r\nContent-Length: 5\r\n\r\n";
        for good in [&b"5"[..], b" 5 ", b"05"] {
            assert_eq!(text(200, &[field(good)], known).unwrap(), once);
        }
        assert_eq!(text(200, &[field(b"5"), field(b"5")], known).unwrap(), once);
        for bad in [
            &b"4"[..],
            b"",
            b"5x",
            b"+5",
            b"5, 5",
            b"18446744073709551621",
        ] {
            assert_eq!(text(200, &[field(bad)], known), Err(Refused::Field));
        }
        assert_eq!(
            text(200, &[field(b"5")], Length::Unknown),
            Err(Refused::Field)
        );
        assert_eq!(text(200, &[field(b"5")], Length::None), Err(Refused::Field));
        assert_eq!(
            text(200, &[field(b"0")], Length::None).unwrap(),
            "Status: 200 OK\r\ncontent-LENGTH: 0\r\n\r\n"
        );
    }

    #[test]
    fn what_may_not_be_sent() {
        let refused = |f: Field<'_>| {
            assert_eq!(
                text(200, &[f], Length::Unknown),
                Err(Refused::Field),
                "{f:?}"
            );
            // Also where the room is too small: it would be refused anyway.
            assert_eq!(
                head(200, [f], Length::Unknown, &mut []),
                Err(Refused::Field)
            );
        };
        for name in [
            "Status",
            "TRANSFER-ENCODING",
            "connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Upgrade",
            "Proxy-Connection",
        ] {
            refused(Field::header(name.as_bytes(), b"x"));
        }
        for b in 0..=255u8 {
            let name = [b'X', b, b'X'];
            let value = [b'a', b, b'b'];
            if !token::is_token(b) {
                refused(Field::header(&name, b"x"));
            }
            if !token::is_value(b) {
                refused(Field::header(b"X", &value));
            }
        }
        refused(Field::header(b"", b"x"));
        refused(Field::var(b"X", b"x"));
        refused(Field::trailer(b"X", b"x"));
        for cut in [Cut::First, Cut::Middle, Cut::Last] {
            refused(Field {
                cut,
                ..Field::header(b"X", b"x")
            });
        }
        assert!(text(200, &[Field::header(b"Statu", b"x")], Length::Unknown).is_ok());
    }

    #[test]
    fn the_room_needed_is_exact() {
        let fields = [
            Field::header(b"Content-Type", b"a/b"),
            Field::header(b"X", b""),
        ];
        let want = text(404, &fields, Length::Known(10)).unwrap();
        for size in 0..want.len() + 2 {
            let mut room = vec![0xee; size];
            let got = head(404, fields, Length::Known(10), &mut room);
            if size < want.len() {
                assert_eq!(got, Err(Refused::Room { need: want.len() }));
            } else {
                assert_eq!(got, Ok(want.len()));
                assert_eq!(&room[..want.len()], want.as_bytes());
                assert!(room[want.len()..].iter().all(|b| *b == 0xee));
            }
        }
    }
}
