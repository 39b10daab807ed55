//! The byte classes of heads. RFC 9110, 5.5 and 5.6.2; RFC 9112, 3.2.

/// The bytes of a token, as a bit set over ASCII.
const TOKEN: [u64; 2] = token_bits();

const fn token_bits() -> [u64; 2] {
    let text = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bits: u128 = 0;
    let mut rest: &[u8] = text;
    while let [byte, tail @ ..] = rest {
        bits |= 1u128.wrapping_shl(widen(*byte));
        rest = tail;
    }
    split(bits.to_le_bytes())
}

const fn widen(byte: u8) -> u32 {
    u32::from_le_bytes([byte, 0, 0, 0])
}

const fn split(bytes: [u8; 16]) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
    [
        u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        u64::from_le_bytes([i, j, k, l, m, n, o, p]),
    ]
}

/// Whether `byte` may stand in a token, and so in a field's name.
#[inline(always)]
pub(crate) const fn is_token(byte: u8) -> bool {
    let [low, high] = TOKEN;
    let word = if byte & 0x40 == 0 { low } else { high };
    byte < 0x80 && word.wrapping_shr(widen(byte & 0x3f)) & 1 != 0
}

/// Whether `byte` may stand in a field's value: no control byte but HTAB.
#[inline(always)]
pub(crate) const fn is_value(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// The same as a table, for machines where 256 bytes are nothing: half the
/// instructions a byte.
#[cfg(target_pointer_width = "64")]
static TABLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    let mut rest: &mut [bool] = &mut table;
    while let [first, tail @ ..] = rest {
        *first = is_token(byte);
        byte = byte.wrapping_add(1);
        rest = tail;
    }
    table
};

#[cfg(target_pointer_width = "64")]
#[inline(always)]
fn in_token(byte: u8) -> bool {
    TABLE.get(usize::from(byte)).is_some_and(|b| *b)
}

#[cfg(not(target_pointer_width = "64"))]
use is_token as in_token;

/// How many bytes at the front of `bytes` are token bytes.
#[inline]
pub(crate) fn token_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    // What most names are made of, eight bytes at a time.
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        let marks = odd(u64::from_le_bytes(*chunk));
        if marks != 0 {
            let n = usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0);
            rest = rest.get(n..).unwrap_or(&[]);
            break;
        }
        rest = tail;
    }
    while let [first, tail @ ..] = rest {
        if !in_token(*first) {
            break;
        }
        rest = tail;
    }
    bytes.len().saturating_sub(rest.len())
}

/// Marks the high bit of bytes that are neither letters nor digits nor `-`.
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
    let dash = !from(low ^ 0x2d2d_2d2d_2d2d_2d2d, 1);
    (!(letter | digit | dash) | word) & HIGH
}

/// Whether `name` can be a field's name.
#[inline]
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && token_len(name) == name.len()
}

/// Whether a request of this method may be sent again where no answer came.
/// RFC 9110, 9.2.2.
#[inline]
pub(crate) fn is_idempotent(method: &[u8]) -> bool {
    matches!(
        method,
        b"GET" | b"HEAD" | b"PUT" | b"DELETE" | b"OPTIONS" | b"TRACE"
    )
}

/// How many bytes at the front of `bytes` may stand in a field's value.
#[inline]
pub(crate) fn value_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        // The fold over a chunk becomes vector code: no early exit inside.
        while let Some((chunk, tail)) = rest.split_first_chunk::<16>() {
            if chunk.iter().fold(false, |c, b| c | control(*b)) {
                break;
            }
            rest = tail;
        }
        while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
            let marks = controls(u64::from_le_bytes(*chunk));
            if marks != 0 {
                let n = usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0);
                rest = rest.get(n..).unwrap_or(&[]);
                break;
            }
            rest = tail;
        }
        match rest {
            [b, ..] if !is_value(*b) => break,
            _ if short(rest) => return bytes.len(),
            // A byte of the last few, or a tab, which the folds take for a
            // control byte.
            [_, tail @ ..] => rest = tail,
            [] => break,
        }
    }
    bytes.len().saturating_sub(rest.len())
}

/// Whether four to seven bytes are all of a value, looked at in two halves that
/// overlap: what is left of a piece is that short.
#[inline(always)]
fn short(bytes: &[u8]) -> bool {
    let (Some([a, b, c, d]), Some([e, f, g, h])) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return false;
    };
    let word = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
    bytes.len() < 8 && controls(word) == 0
}

/// Whether all of `value` may stand in a field's value.
#[inline]
pub(crate) fn is_field_value(value: &[u8]) -> bool {
    value_len(value) == value.len()
}

/// Whether no byte of `text` is a control byte.
#[inline(always)]
pub(crate) fn is_text(text: &[u8]) -> bool {
    let odd = |chunk: &[u8; 16]| chunk.iter().fold(false, |c, b| c | control(*b));
    match text.len() {
        // Where flash is scarce, one loop.
        _ if !cfg!(target_pointer_width = "64") => !text.iter().any(|b| control(*b)),
        0..=3 => !text.iter().any(|b| control(*b)),
        4..=7 => short(text),
        8..=16 => {
            let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |c| u64::from_le_bytes(*c));
            (controls(word(text.first_chunk())) | controls(word(text.last_chunk()))) == 0
        }
        _ => {
            let mut rest = text;
            while let Some((chunk, tail)) = rest.split_first_chunk() {
                if odd(chunk) {
                    return false;
                }
                rest = tail;
            }
            // The last ones, some of them again.
            !text.last_chunk().is_some_and(odd)
        }
    }
}

/// Whether `byte` may stand in a target. Wider than RFC 3986, since browsers
/// send what it excludes: `|`, `"` and the like.
#[inline(always)]
pub(crate) const fn is_target(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && byte != b'#'
}

/// How many bytes at the front of `bytes` may stand in a target.
#[inline]
pub(crate) fn target_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    // The fold over a chunk becomes vector code: no early exit inside.
    while let Some((chunk, tail)) = rest.split_first_chunk::<16>() {
        if chunk.iter().fold(false, |c, b| c | !is_target(*b)) {
            break;
        }
        rest = tail;
    }
    while let [first, tail @ ..] = rest {
        if !is_target(*first) {
            break;
        }
        rest = tail;
    }
    bytes.len().saturating_sub(rest.len())
}

/// Whether a name of such bytes needs a closer look; letters, digits and `-`
/// do not.
#[inline(always)]
pub(crate) const fn unusual(byte: u8) -> bool {
    let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    !(letter | (byte.wrapping_sub(b'0') < 10) | (byte == b'-'))
}

/// Whether a value with this byte needs a closer look: controls and HTAB.
#[inline(always)]
pub(crate) const fn control(byte: u8) -> bool {
    (byte < 0x20) | (byte == 0x7f)
}

/// Marks the high bit of bytes that are control bytes. The lowest mark is
/// exact; those above it need not be.
#[inline(always)]
const fn controls(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let low = word.wrapping_sub(0x2020_2020_2020_2020) & !word;
    let del = word ^ 0x7f7f_7f7f_7f7f_7f7f;
    (low | (del.wrapping_sub(ONES) & !del)) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        for b in 0..=255u8 {
            let token = b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            assert_eq!(is_token(b), token, "{b}");
            assert_eq!(is_name(&[b]), token);
            assert_eq!(token_len(&[b'a', b, b'c']), if token { 3 } else { 1 });
        }
        assert!(!is_name(b""));
    }

    #[test]
    fn tokens_at_every_length_and_place() {
        for b in 0..=255u8 {
            for len in [1, 2, 7, 8, 9, 15, 16, 17, 24] {
                for at in 0..len {
                    for filler in *b"aZ0-_" {
                        let mut bytes = vec![filler; len];
                        bytes[at] = b;
                        let want = if is_token(b) { len } else { at };
                        assert_eq!(token_len(&bytes), want, "{b} at {at} of {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn targets_at_every_length_and_place() {
        for b in 0..=255u8 {
            for len in [1, 2, 15, 16, 17, 33] {
                for at in 0..len {
                    let mut bytes = vec![b'/'; len];
                    bytes[at] = b;
                    let want = if is_target(b) { len } else { at };
                    assert_eq!(target_len(&bytes), want, "{b} at {at} of {len}");
                }
            }
        }
    }

    #[test]
    fn values_at_every_length_and_place() {
        for b in 0..=255u8 {
            let good = b == b'\t' || (b >= 0x20 && b != 0x7f);
            assert_eq!(is_value(b), good);
            for len in [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40] {
                for at in 0..len {
                    for filler in [b'a', b'\t', 0xff] {
                        let mut bytes = vec![filler; len];
                        bytes[at] = b;
                        let want = if good { len } else { at };
                        assert_eq!(value_len(&bytes), want, "{b} at {at} of {len}");
                        assert_eq!(is_field_value(&bytes), good);
                        let text = good && b != b'\t' && (filler != b'\t' || len == 1);
                        assert_eq!(is_text(&bytes), text, "{b} at {at} of {len}");
                    }
                }
            }
        }
    }
}
