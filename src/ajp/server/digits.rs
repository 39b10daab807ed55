//! Integers as text that outlives any input: in pieces of one table.

/// 00 to 99.
static PAIRS: [[u8; 2]; 100] = {
    let mut table = [[b'0'; 2]; 100];
    let (mut tens, mut ones) = (b'0', b'0');
    let mut rest: &mut [[u8; 2]] = &mut table;
    while let [first, tail @ ..] = rest {
        *first = [tens, ones];
        ones = ones.wrapping_add(1);
        if ones > b'9' {
            ones = b'0';
            tens = tens.wrapping_add(1);
        }
        rest = tail;
    }
    table
};

/// The usual ones, in one piece.
#[inline]
pub(super) fn usual(n: u16) -> Option<&'static [u8]> {
    Some(match n {
        80 => b"80",
        443 => b"443",
        8080 => b"8080",
        8443 => b"8443",
        128 => b"128",
        256 => b"256",
        _ => return None,
    })
}

fn pair(n: u16) -> &'static [u8] {
    PAIRS.get(usize::from(n)).map_or(&[], |pair| pair)
}

fn without_zero(n: u16) -> &'static [u8] {
    match pair(n) {
        [b'0', ones] => core::slice::from_ref(ones),
        pair => pair,
    }
}

/// How many pieces the number has: one to three.
pub(super) fn count(n: u16) -> u8 {
    match n {
        _ if usual(n).is_some() => 1,
        0..=99 => 1,
        100..=9_999 => 2,
        _ => 3,
    }
}

/// The piece ahead of `left` others.
pub(super) fn piece(n: u16, left: u8) -> &'static [u8] {
    if let Some(text) = usual(n) {
        return text;
    }
    let above = match left {
        0 => n,
        1 => n / 100,
        _ => n / 10_000,
    };
    match above {
        0..=99 => without_zero(above),
        _ => pair(above % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number() {
        for n in 0..=u16::MAX {
            let pieces = (0..count(n)).rev().map(|left| piece(n, left));
            assert_eq!(
                pieces.collect::<Vec<_>>().concat(),
                n.to_string().as_bytes()
            );
        }
    }
}
