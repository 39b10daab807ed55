//! The hot paths: lines that are whole in the input and in no way unusual.
//! They change nothing; what they do not take goes byte by byte.

use super::target;
use crate::text::token;

/// A field line that is whole in the input.
pub(crate) struct Whole<'i> {
    pub name: &'i [u8],
    /// Without blanks around it.
    pub value: &'i [u8],
    /// What follows the line.
    pub rest: &'i [u8],
}

/// A valid line with its CRLF at the front of `input`.
#[inline(always)]
pub(crate) fn whole(input: &[u8]) -> Option<Whole<'_>> {
    let (name, rest) = input.split_at_checked(token::token_len(input))?;
    let [b':', text @ ..] = rest else {
        return None;
    };
    if name.is_empty() {
        return None;
    }
    // One space, most often.
    let mut text = match text {
        [b' ', tail @ ..] => tail,
        _ => text,
    };
    if let [b' ' | b'\t', ..] = text {
        text = lead(text);
    }
    let (mut value, rest) = text.split_at_checked(token::value_len(text))?;
    let [b'\r', b'\n', rest @ ..] = rest else {
        return None;
    };
    if let [.., b' ' | b'\t'] = value {
        value = tail(value);
    }
    Some(Whole { name, value, rest })
}

#[cold]
#[inline(never)]
fn lead(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', tail @ ..] = text {
        text = tail;
    }
    text
}

#[cold]
#[inline(never)]
fn tail(mut text: &[u8]) -> &[u8] {
    while let [head @ .., b' ' | b'\t'] = text {
        text = head;
    }
    text
}

/// How many bytes at the front of `bytes` may stand in a target.
#[inline]
pub(crate) fn target_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    // The fold over a chunk becomes vector code: no early exit inside.
    while let Some((chunk, tail)) = rest.split_first_chunk::<16>() {
        if chunk.iter().fold(false, |c, b| c | !target::is_target(*b)) {
            break;
        }
        rest = tail;
    }
    while let [first, tail @ ..] = rest {
        if !target::is_target(*first) {
            break;
        }
        rest = tail;
    }
    bytes.len().saturating_sub(rest.len())
}
