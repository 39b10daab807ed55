//! Values as they stand in a line.

use core::fmt::{self, Write};

use crate::text::decimal::Decimal;

/// Writes bytes that somebody else has chosen: printable ASCII alone. Quotation
/// marks and backslashes get a backslash, everything else is `\xHH`, blanks too
/// where the value does not stand between quotation marks.
pub(super) fn escape<W: Write>(out: &mut W, bytes: &[u8], quoted: bool) -> fmt::Result {
    let plain = |b: &u8| match *b {
        b'"' | b'\\' => false,
        b' ' => quoted,
        b => matches!(b, b'!'..=b'~'),
    };
    let mut rest = bytes;
    loop {
        let n = rest.iter().position(|b| !plain(b)).unwrap_or(rest.len());
        let (run, tail) = rest.split_at_checked(n).unwrap_or((rest, &[]));
        ascii(out, run)?;
        let [byte, more @ ..] = tail else {
            return Ok(());
        };
        rest = more;
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            byte => {
                let digits = [digit(byte.wrapping_shr(4)), digit(byte & 15)];
                out.write_str("\\x")?;
                ascii(out, &digits)?;
            }
        }
    }
}

const fn digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0'.wrapping_add(nibble),
        _ => b'a'.wrapping_sub(10).wrapping_add(nibble),
    }
}

/// Writes ASCII.
pub(super) fn ascii<W: Write>(out: &mut W, bytes: &[u8]) -> fmt::Result {
    match core::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() => out.write_str(text),
        _ => Ok(()),
    }
}

pub(super) fn number<W: Write>(out: &mut W, n: u64) -> fmt::Result {
    ascii(out, Decimal::new(n).bytes())
}

/// The last `digits` digits of a number, of which there are 20.
pub(super) fn padded<W: Write>(out: &mut W, n: u64, digits: usize) -> fmt::Result {
    ascii(out, Decimal::new(n).last(digits))
}

/// The user of a value of Authorization, if its scheme is Basic and it is well
/// formed. RFC 7617, 2.
pub(super) fn user(authorization: &[u8]) -> Option<impl Iterator<Item = u8> + '_> {
    let (scheme, rest) = authorization.split_at_checked(5)?;
    let coded = rest.strip_prefix(b" ")?.trim_ascii_start();
    if !scheme.eq_ignore_ascii_case(b"Basic") || !is_base64(coded) {
        return None;
    }
    let name = decoded(coded).take_while(|b| *b != b':');
    decoded(coded).any(|b| b == b':').then_some(name)
}

/// Whole groups of the alphabet, padding at the end alone. RFC 4648, 4.
fn is_base64(text: &[u8]) -> bool {
    let digits = match text {
        [rest @ .., b'=', b'='] | [rest @ .., b'='] | rest => rest,
    };
    text.len().is_multiple_of(4) && digits.iter().all(|b| sextet(*b).is_some())
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte.wrapping_sub(b'A'),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// The bytes of well-formed base64: each digit but the first of a group
/// completes one.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (mut before, mut place) = (0u8, 0u8);
    text.iter()
        .map_while(|b| sextet(*b))
        .filter_map(move |now| {
            let byte = match place {
                0 => None,
                1 => Some(before.wrapping_shl(2) | now.wrapping_shr(4)),
                2 => Some(before.wrapping_shl(4) | now.wrapping_shr(2)),
                _ => Some(before.wrapping_shl(6) | now),
            };
            before = now;
            place = place.wrapping_add(1) & 3;
            byte
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8], quoted: bool) -> String {
        let mut text = String::new();
        escape(&mut text, bytes, quoted).unwrap();
        text
    }

    #[test]
    fn every_byte() {
        for byte in 0..=255u8 {
            let text = escaped(&[b'a', byte, b'z'], true);
            let want = match byte {
                b'"' => "a\\\"z".into(),
                b'\\' => "a\\\\z".into(),
                b' '..=b'~' => format!("a{}z", char::from(byte)),
                _ => format!("a\\x{byte:02x}z"),
            };
            assert_eq!(text, want);
            let bare = escaped(&[byte], false);
            match byte {
                b' ' => assert_eq!(bare, "\\x20"),
                _ => assert_eq!(bare, escaped(&[byte], true)),
            }
        }
        assert_eq!(escaped(b"", true), "");
        assert_eq!(
            escaped(b"\r\n\x1b[2J\"\\", true),
            "\\x0d\\x0a\\x1b[2J\\\"\\\\"
        );
    }

    #[test]
    fn numbers() {
        let mut text = String::new();
        for (n, digits) in [(0, 2), (7, 2), (123, 2), (5, 6), (1_234_567, 6)] {
            padded(&mut text, n, digits).unwrap();
            text += " ";
        }
        number(&mut text, u64::MAX).unwrap();
        assert_eq!(text, "00 07 23 000005 234567 18446744073709551615");
    }

    #[test]
    fn users() {
        let user = |value: &str| Some(user(value.as_bytes())?.collect::<Vec<u8>>());
        for (value, name) in [
            ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", &b"Aladdin"[..]),
            ("bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ==", b"Aladdin"),
            ("Basic dGVzdDoxMjPCow==", b"test"),
            ("Basic Og==", b""),
            ("Basic YTo=", b"a"),
            ("Basic YToz", b"a"),
            ("Basic Ojo6", b""),
            ("Basic +/8AOg==", b"\xfb\xff\0"),
        ] {
            assert_eq!(user(value).as_deref(), Some(name), "{value}");
        }
        for value in [
            "",
            "Basic",
            "Basic ",
            "BasicOg==",
            "Basic\tOg==",
            "Bearer Og==",
            "Basic Og=",
            "Basic Og",
            "Basic Og===",
            "Basic =Og=",
            "Basic O=g=",
            "Basic Og== ",
            "Basic YWFh",
            "Basic Y-Y=",
            "Basic ====",
        ] {
            assert_eq!(user(value), None, "{value}");
        }
    }
}
