//! The input as a cursor: the slice itself moves on.

/// Takes what there is of `left` bytes off the front of `input`; what is not
/// there yet is left.
#[inline(always)]
pub(crate) fn take<'i>(input: &mut &'i [u8], left: &mut u64) -> &'i [u8] {
    let most = usize::try_from(*left).unwrap_or(usize::MAX);
    let (now, rest) = input.split_at_checked(most).unwrap_or((input, &[]));
    let taken = u64::try_from(now.len()).unwrap_or(u64::MAX);
    *left = left.saturating_sub(taken);
    *input = rest;
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_there_is_nor_than_is_left() {
        let all = b"abcd";
        for (left, now, later) in [(0, 0, 0), (3, 3, 0), (4, 4, 0), (6, 4, 2)] {
            let (mut input, mut left) = (&all[..], left);
            assert_eq!(take(&mut input, &mut left), &all[..now]);
            assert_eq!((input, left), (&all[now..], later));
        }
    }
}
