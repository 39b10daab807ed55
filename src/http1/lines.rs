//! The hot paths: lines that are whole in the input and in no way unusual.
//! They change nothing; what they do not take goes byte by byte.

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

/// Whether a host is letters, digits, `-` and `.` alone, and of usual length.
#[inline]
pub(crate) fn is_plain(host: &[u8]) -> bool {
    let (Some(first), Some(last)) = (host.first_chunk::<8>(), host.last_chunk::<8>()) else {
        return !host.is_empty() && host.iter().all(|b| plain(*b));
    };
    let mut marks = odd(u64::from_le_bytes(*first)) | odd(u64::from_le_bytes(*last));
    let mut rest = host.get(8..).unwrap_or(&[]);
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        marks |= odd(u64::from_le_bytes(*chunk));
        rest = tail;
    }
    marks == 0
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

/// Marks the high bit of bytes that are not plain.
#[inline(always)]
const fn odd(word: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Sums of seven bits each reach the high bit from the byte given on.
    const fn from(word: u64, byte: u8) -> u64 {
        word.wrapping_add(u64::from_le_bytes([0x80u8.wrapping_sub(byte); 8]))
    }
    let low = word & !HIGH;
    let lower = low | 0x2020_2020_2020_2020;
    let letter = from(lower, b'a') & !from(lower, b'z'.wrapping_add(1));
    let digit = from(low, b'0') & !from(low, b':');
    let mark = from(low, b'-') & !from(low, b'/');
    (!(letter | digit | mark) | word) & HIGH
}

/// A number of at most 18 digits, which no 64 bits can overflow.
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if !matches!(text.len(), 1..=18) {
        return None;
    }
    let mut number = 0u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_hosts_at_every_length_and_place() {
        for b in 0..=255u8 {
            for len in [1, 2, 7, 8, 9, 15, 16, 17, 24] {
                for at in 0..len {
                    let mut bytes = vec![b'a'; len];
                    bytes[at] = b;
                    assert_eq!(is_plain(&bytes), plain(b), "{b} at {at} of {len}");
                }
            }
        }
        assert!(!is_plain(b""));
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"999999999999999999"), Some(999_999_999_999_999_999));
        for none in [&b""[..], b"1234567890123456789", b"+1", b"1 ", b"1,1", b"a"] {
            assert_eq!(number(none), None);
        }
    }
}
