//! The request line. RFC 9112, 3.

use super::Limits;
use crate::error::Error;
use crate::event::Field;
use crate::http1::facts::Facts;
use crate::http1::head::{Head, Part};
use crate::http1::rules::Rules;
use crate::http1::target::Form;
use crate::text::token::{self, is_target, target_len};

const METHOD: &[u8] = b"REQUEST_METHOD";
const URI: &[u8] = b"REQUEST_URI";
const PROTOCOL: &[u8] = b"SERVER_PROTOCOL";

/// What the methods say that are known here. RFC 9110, 9.2.2 and 9.3.
fn facts_of(method: &[u8]) -> Facts {
    match method {
        b"GET" | b"PUT" | b"DELETE" | b"TRACE" => Facts::IDEMPOTENT,
        b"HEAD" => Facts::IDEMPOTENT.with(Facts::HEAD),
        b"OPTIONS" => Facts::IDEMPOTENT.with(Facts::OPTIONS),
        b"CONNECT" => Facts::CONNECT,
        b"PRI" => Facts::PRI,
        _ => Facts::NONE,
    }
}

/// The hot path: an element that is whole in the input, and usual.
#[inline(always)]
pub(super) fn usual<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    limits: &Limits,
) -> Option<Field<'i>> {
    let all = *input;
    match head.part {
        // Nothing of the element was taken yet.
        Part::First if head.line == 0 => {
            let (method, rest) = usual_method(all)?;
            let len = u32::try_from(method.len()).ok()?;
            if len > limits.method_bytes || len >= head.head_left {
                return None;
            }
            head.facts.set(match method {
                [b'G', ..] => Facts::IDEMPOTENT,
                [b'H', ..] => Facts::IDEMPOTENT.with(Facts::HEAD),
                _ => Facts::NONE,
            });
            head.head_left = head.head_left.wrapping_sub(len).wrapping_sub(1);
            head.part = Part::Second;
            *input = rest;
            Some(Field::var(METHOD, method))
        }
        Part::Second if head.line == 0 && !head.facts.has(Facts::CONNECT) => {
            let [b'/', ..] = all else {
                return None;
            };
            let (target, rest) = all.split_at_checked(target_len(all))?;
            let [b' ', rest @ ..] = rest else {
                return None;
            };
            let len = u32::try_from(target.len()).ok()?;
            if len > limits.target_bytes || len >= head.head_left {
                return None;
            }
            head.head_left = head.head_left.wrapping_sub(len).wrapping_sub(1);
            head.part = Part::Third;
            *input = rest;
            Some(Field::var(URI, target))
        }
        Part::Third if head.at == 0 && head.head_left >= 10 => {
            let (b"HTTP/1.1\r\n", rest) = all.split_first_chunk::<10>()? else {
                return None;
            };
            if head.facts.has(Facts::TARGET_BAD) {
                return None;
            }
            head.head_left = head.head_left.wrapping_sub(10);
            head.facts.set(Facts::V11);
            head.part = Part::Fields;
            *input = rest;
            Some(Field::var(PROTOCOL, b"HTTP/1.1"))
        }
        _ => None,
    }
}

/// The next element, or a piece of one; `None` where the input is used up.
pub(super) fn unusual<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    limits: &Limits,
    rules: Rules,
) -> Result<Option<Field<'i>>, Error> {
    match head.part {
        Part::First => method(head, input, limits),
        Part::Second => uri(head, input, limits, rules),
        _ => version(head, input, rules),
    }
}

/// The methods that are nearly all, and what follows the blank behind them.
#[inline(always)]
fn usual_method(input: &[u8]) -> Option<(&[u8], &[u8])> {
    match input {
        [b'G', b'E', b'T', b' ', rest @ ..] => Some((input.get(..3)?, rest)),
        [b'H', b'E', b'A', b'D', b' ', rest @ ..] => Some((input.get(..4)?, rest)),
        [b'P', b'O', b'S', b'T', b' ', rest @ ..] => Some((input.get(..4)?, rest)),
        _ => None,
    }
}

/// Takes bytes of an element for as long as `each` says so. `bulk`: the limit
/// of a path, whose bytes are taken at once; 0 for what is no path.
fn element<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    name: &'static [u8],
    bulk: u32,
    mut each: impl FnMut(&mut Head, u8) -> Result<Taken, Error>,
) -> Result<Option<Field<'i>>, Error> {
    let all = *input;
    let mut kept = 0usize;
    loop {
        let [byte, rest @ ..] = *input else {
            let value = all.get(..kept).unwrap_or(&[]);
            return Ok((kept > 0).then(|| head.piece(Field::var(name, value), false)));
        };
        if bulk > 0
            && let Some((run, rest)) = input.split_at_checked(bulk_len(head, input, bulk))
            && !run.is_empty()
        {
            let n = u32::try_from(run.len()).unwrap_or(u32::MAX);
            head.head_left = head.head_left.saturating_sub(n);
            head.line = head.line.saturating_add(n);
            kept = kept.saturating_add(run.len());
            *input = rest;
            continue;
        }
        head.count()?;
        *input = rest;
        match each(head, *byte)? {
            Taken::Kept => kept = kept.saturating_add(1),
            Taken::Dropped => {}
            Taken::Last => {
                let value = all.get(..kept).unwrap_or(&[]);
                head.line = 0;
                return Ok(Some(head.piece(Field::var(name, value), true)));
            }
        }
    }
}

/// How many bytes may be taken at once: those of a path, within `most` and the
/// limit of the head.
fn bulk_len(head: &Head, input: &[u8], most: u32) -> usize {
    if !matches!(head.shape.form, Form::Origin | Form::Path) || head.at == FRAGMENT {
        return 0;
    }
    let left = most.saturating_sub(head.line).min(head.head_left);
    target_len(input).min(usize::try_from(left).unwrap_or(usize::MAX))
}

enum Taken {
    Kept,
    /// Not part of the value, and nothing behind it is.
    Dropped,
    /// The blank that ends the element.
    Last,
}

fn method<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    limits: &Limits,
) -> Result<Option<Field<'i>>, Error> {
    element(head, input, METHOD, 0, |head, byte| {
        if byte == b' ' && head.line > 0 {
            head.facts = facts_of(head.values.word.whole());
            head.shape.connect = head.facts.has(Facts::CONNECT);
            head.part = Part::Second;
            return Ok(Taken::Last);
        }
        if !token::is_token(byte) {
            return Err(Error::RequestLine);
        }
        if head.line >= limits.method_bytes {
            return Err(Error::MethodTooLong);
        }
        head.line = head.line.saturating_add(1);
        head.values.word.push(byte);
        Ok(Taken::Kept)
    })
}

fn uri<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    limits: &Limits,
    rules: Rules,
) -> Result<Option<Field<'i>>, Error> {
    element(head, input, URI, limits.target_bytes, |head, byte| {
        if byte == b' ' && head.line > 0 {
            // The verdict falls after the version: it may be another protocol.
            if !head.shape.complete(head.facts.has(Facts::OPTIONS)) {
                head.facts.set(Facts::TARGET_BAD);
            }
            head.at = 0;
            head.part = Part::Third;
            return Ok(Taken::Last);
        }
        if byte <= b' ' || byte == 0x7f {
            return Err(Error::RequestLine);
        }
        if head.line >= limits.target_bytes {
            return Err(Error::TargetTooLong);
        }
        head.line = head.line.saturating_add(1);
        if head.at == FRAGMENT {
            return Ok(Taken::Dropped);
        }
        if byte == b'#' && rules.drops_fragment() {
            head.at = FRAGMENT;
            return Ok(Taken::Dropped);
        }
        let high = byte >= 0x80 && rules.allows_high_target_bytes();
        if !is_target(byte) && !high {
            return Err(Error::Target);
        }
        head.shape.step(byte);
        Ok(Taken::Kept)
    })
}

const FRAGMENT: u8 = 1;

/// `HTTP/d.d` and the end of the line. Comes as a text of our own, so it is
/// never in pieces.
fn version<'i>(
    head: &mut Head,
    input: &mut &'i [u8],
    rules: Rules,
) -> Result<Option<Field<'i>>, Error> {
    while let [byte, rest @ ..] = *input {
        head.count()?;
        *input = rest;
        let byte = *byte;
        let good = match (head.at, byte) {
            (0..=4, _) => b"HTTP/".get(usize::from(head.at)) == Some(&byte),
            (5 | 7, b'0'..=b'9') => {
                let digit = u64::from(byte.wrapping_sub(b'0'));
                head.number = head.number.wrapping_mul(10).wrapping_add(digit);
                true
            }
            (6, b'.') | (8, b'\r') => true,
            (8, b'\n') if rules.allows_bare_lf() => return line_end(head, rules),
            (9, b'\n') => return line_end(head, rules),
            _ => false,
        };
        if !good {
            return Err(Error::RequestLine);
        }
        head.at = head.at.wrapping_add(1);
    }
    Ok(None)
}

fn line_end<'i>(head: &mut Head, rules: Rules) -> Result<Option<Field<'i>>, Error> {
    let text: &[u8] = match head.number {
        10 => b"HTTP/1.0",
        11 => b"HTTP/1.1",
        12..=19 if !rules.wants_known_version() => b"HTTP/1.1",
        0..=9 => return Err(Error::RequestLine),
        20 if head.facts.has(Facts::PRI) => return Err(Error::Http2Preface),
        _ => return Err(Error::HttpVersion),
    };
    if head.facts.has(Facts::TARGET_BAD) {
        return Err(Error::Target);
    }
    if head.number != 10 {
        head.facts.set(Facts::V11);
    }
    head.part = Part::Fields;
    head.line = 0;
    Ok(Some(Field::var(PROTOCOL, text)))
}
