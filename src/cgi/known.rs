//! The response fields that mean something to the parser. RFC 3875, 6.3.
//!
//! A name is recognised whole or byte by byte, with a bit for each candidate;
//! so no byte of it is stored.

pub(crate) const STATUS: u8 = 1;
pub(crate) const LOCATION: u8 = 2;
pub(crate) const TYPE: u8 = 4;
pub(crate) const LENGTH: u8 = 8;
pub(crate) const CODING: u8 = 16;
/// The name that a status line would begin with: `HTTP`, in this case alone.
pub(crate) const HTTP: u8 = 32;

/// Any of them, before the first byte of a name.
pub(crate) const ANY: u8 = 63;

const NAMES: [(u8, &[u8]); 5] = [
    (STATUS, b"status"),
    (LOCATION, b"location"),
    (TYPE, b"content-type"),
    (LENGTH, b"content-length"),
    (CODING, b"transfer-encoding"),
];

/// Which of them `name` is; 0 for none.
#[inline]
pub(crate) fn whole(name: &[u8]) -> u8 {
    let (bit, known): (u8, &[u8]) = match (name.len(), name) {
        (6, [b's' | b'S', ..]) => (STATUS, b"status"),
        (8, [b'l' | b'L', ..]) => (LOCATION, b"location"),
        (12, [b'c' | b'C', ..]) => (TYPE, b"content-type"),
        (14, [b'c' | b'C', ..]) => (LENGTH, b"content-length"),
        (17, [b't' | b'T', ..]) => (CODING, b"transfer-encoding"),
        _ => return 0,
    };
    if name.eq_ignore_ascii_case(known) {
        bit
    } else {
        0
    }
}

/// The candidates that are left after `byte` at place `at` of the name.
pub(crate) fn narrow(candidates: u8, at: u8, byte: u8) -> u8 {
    let at = usize::from(at);
    let lower = byte.to_ascii_lowercase();
    let mut left = 0;
    for (bit, name) in NAMES {
        if name.get(at) == Some(&lower) {
            left |= bit;
        }
    }
    if b"HTTP".get(at) == Some(&byte) {
        left |= HTTP;
    }
    candidates & left
}

/// The candidate that the name is, complete at length `len`; 0 for none.
pub(crate) fn settle(candidates: u8, len: u8) -> u8 {
    let len = usize::from(len);
    let mut is = 0;
    for (bit, name) in NAMES {
        if name.len() == len {
            is |= bit;
        }
    }
    candidates & is
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stepwise(name: &[u8]) -> u8 {
        let (mut left, mut at) = (ANY, 0u8);
        for b in name {
            left = narrow(left, at, *b);
            at = at.saturating_add(1);
        }
        settle(left, at)
    }

    #[test]
    fn both_ways_agree() {
        for (bit, name) in NAMES {
            for text in [name.to_vec(), name.to_ascii_uppercase()] {
                assert_eq!((whole(&text), stepwise(&text)), (bit, bit));
                for at in 0..text.len() {
                    let mut other = text.clone();
                    other[at] ^= 1;
                    assert_eq!((whole(&other), stepwise(&other)), (0, 0));
                    assert_eq!((whole(&text[..at]), stepwise(&text[..at])), (0, 0));
                }
                let longer = [&text[..], b"x"].concat();
                assert_eq!((whole(&longer), stepwise(&longer)), (0, 0));
            }
        }
        assert_eq!(stepwise(&[b's'; 1000]), 0);
        assert_eq!(narrow(ANY, 0, b'H') & HTTP, HTTP);
        assert_eq!(narrow(ANY, 0, b'h') & HTTP, 0);
    }
}
