//! Copies of short texts, in place: a call of memcpy costs more than most of
//! them take.

use crate::frame::fill;

/// Copies `from` to the front of `room`. Gives what is behind it, and whether
/// `odd` holds for any of its bytes; `None` where there is no room.
#[inline(always)]
pub(crate) fn put<'r>(
    room: &'r mut [u8],
    from: &[u8],
    odd: impl Fn(u8) -> bool + Copy,
) -> Option<(&'r mut [u8], bool)> {
    let (to, rest) = room.split_at_mut_checked(from.len())?;
    let found = match from.len() {
        // Where flash is scarce, one loop.
        _ if !cfg!(target_pointer_width = "64") => all(to, from, odd),
        8..=16 => ends::<8>(to, from, odd),
        17..=32 => ends::<16>(to, from, odd),
        4..=7 => ends::<4>(to, from, odd),
        0..=3 => ends::<2>(to, from, odd) | ends::<1>(to, from, odd),
        33..=64 => ends::<32>(to, from, odd),
        _ => all(to, from, odd),
    };
    Some((rest, found))
}

#[inline(always)]
fn all(to: &mut [u8], from: &[u8], odd: impl Fn(u8) -> bool) -> bool {
    fill(to, from);
    from.iter().fold(false, |found, b| found | odd(*b))
}

/// The first and the last `N` bytes, which are all where there are no more
/// than twice as many.
#[inline(always)]
fn ends<const N: usize>(to: &mut [u8], from: &[u8], odd: impl Fn(u8) -> bool) -> bool {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else {
        return false;
    };
    if let Some(to) = to.first_chunk_mut() {
        *to = *first;
    }
    if let Some(to) = to.last_chunk_mut() {
        *to = *last;
    }
    // No early exit: this becomes vector code.
    let both = first.iter().zip(last);
    both.fold(false, |found, (a, b)| found | odd(*a) | odd(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length() {
        let from: Vec<u8> = (1..=200).collect();
        for n in 0..from.len() {
            let mut room = [0; 203];
            let text = &from[..n];
            let (rest, found) = put(&mut room, text, |b| b == 0).unwrap();
            assert_eq!((rest.len(), found), (203 - n, false));
            assert_eq!(room[..n], *text);
            assert!(room[n..].iter().all(|b| *b == 0));
            for at in text {
                assert!(put(&mut room, text, |b| b == *at).unwrap().1);
            }
            assert!(put(&mut room[..n], &from, |_| true).is_none());
        }
    }
}
