//! The status line. RFC 9112, 4.

use crate::error::Error;
use crate::event::Field;
use crate::http1::facts::Facts;
use crate::http1::head::{Head, Part};
use crate::http1::rules::Rules;
use crate::text::lines::STATUS;
use crate::text::token;

/// The next piece of the line, given as a field `Status` of status and reason;
/// `None` where the input is used up.
#[inline]
pub(super) fn status_line<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    line_bytes: u32,
    rules: Rules,
) -> Result<Option<Field<'i>>, Error> {
    if head.part == Part::First
        && head.at == 0
        && let Some((b"HTTP/1.1 ", text)) = input.split_first_chunk::<9>()
        && let Some((value, rest)) = text.split_at_checked(token::value_len(text))
        && let [b'\r', b'\n', rest @ ..] = rest
        && let [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', tail @ ..] = value
        && let [b' ', ..] = tail
        && let Ok(len) = u32::try_from(input.len().saturating_sub(rest.len()))
        && len <= line_bytes.min(head.head_left)
    {
        head.number = [a, b, c].iter().fold(0, |n, digit| {
            u64::wrapping_add(
                u64::wrapping_mul(n, 10),
                u64::from(digit.wrapping_sub(b'0')),
            )
        });
        head.head_left = head.head_left.saturating_sub(len);
        head.facts.set(Facts::V11);
        head.part = Part::Fields;
        *input = rest;
        return Ok(Some(Field::header(STATUS, crate::event::trim(value))));
    }
    cold(head, input, line_bytes, rules)
}

/// Behind the digits of the status.
const STATUS_END: u8 = 3;
/// Behind the blank there.
const REASON: u8 = 4;
/// After the CR.
const CR: u8 = 5;

#[cold]
#[inline(never)]
fn cold<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    line_bytes: u32,
    rules: Rules,
) -> Result<Option<Field<'i>>, Error> {
    let mut value: &'i [u8] = &[];
    let mut kept = 0usize;
    while let [byte, rest @ ..] = *input {
        head.count()?;
        if head.line >= line_bytes {
            return Err(Error::LineTooLong);
        }
        head.line = head.line.saturating_add(1);
        let byte = *byte;
        if head.part == Part::First {
            *input = rest;
            version(head, byte, rules)?;
            continue;
        }
        if kept == 0 {
            value = input;
        }
        *input = rest;
        match (head.at, byte) {
            (0..STATUS_END, b'0'..=b'9') => {
                let digit = u64::from(byte.wrapping_sub(b'0'));
                head.number = head.number.wrapping_mul(10).wrapping_add(digit);
                head.at = head.at.wrapping_add(1);
                kept = kept.saturating_add(1);
            }
            (0..STATUS_END, _) => return Err(Error::BadStatus),
            (STATUS_END, b'\r' | b'\n') if rules.wants_exact_status_line() => {
                return Err(Error::StatusLine);
            }
            (STATUS_END | REASON, b'\r') => head.at = CR,
            (STATUS_END | REASON, b'\n') if rules.allows_bare_lf() => {
                return end(head, value, kept);
            }
            (CR, b'\n') => return end(head, value, kept),
            (STATUS_END, b' ') => {
                head.at = REASON;
                kept = kept.saturating_add(1);
            }
            (STATUS_END, _) => return Err(Error::BadStatus),
            (REASON, _) if token::is_value(byte) => kept = kept.saturating_add(1),
            _ => return Err(Error::StatusLine),
        }
    }
    let value = value.get(..kept).unwrap_or(&[]);
    Ok((kept > 0).then(|| head.piece(Field::header(STATUS, value), false)))
}

/// `HTTP/d.d` and a blank.
fn version(head: &mut Head, byte: u8, rules: Rules) -> Result<(), Error> {
    let last = crate::text::status::version(head.at, byte).ok_or(Error::StatusLine)?;
    if matches!(head.at, 5 | 7) {
        let digit = u64::from(byte.wrapping_sub(b'0'));
        head.number = head.number.wrapping_mul(10).wrapping_add(digit);
    }
    head.at = head.at.wrapping_add(1);
    if last {
        match head.number {
            10 => {}
            11 => head.facts.set(Facts::V11),
            12..=19 if !rules.wants_known_version() => head.facts.set(Facts::V11),
            _ => return Err(Error::HttpVersion),
        }
        head.number = 0;
        head.at = 0;
        head.part = Part::Second;
    }
    Ok(())
}

fn end<'i>(head: &mut Head, value: &'i [u8], kept: usize) -> Result<Option<Field<'i>>, Error> {
    if !matches!(head.number, 100..=599) {
        return Err(Error::BadStatus);
    }
    head.part = Part::Fields;
    head.line = 0;
    let value = value.get(..kept).unwrap_or(&[]);
    let field = head.piece(Field::header(STATUS, value), true);
    Ok(Some(match field.cut {
        crate::event::Cut::Whole => Field {
            value: field.trimmed(),
            ..field
        },
        _ => field,
    }))
}
