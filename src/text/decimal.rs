//! Lengths in decimal. RFC 9110, 8.6; RFC 3875, 4.1.2.

use crate::event::{Length, trim};

/// A number of digits alone, at least one. RFC 9110, 8.6.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |n, b| match b {
        b'0'..=b'9' => n
            .checked_mul(10)?
            .checked_add(u64::from(b.wrapping_sub(b'0'))),
        _ => None,
    })
}

/// Whether `value` says the same as `length`, for a field that the machine writes itself.
pub(crate) fn agrees(value: &[u8], length: Length) -> bool {
    let declared = match length {
        Length::Known(n) => n,
        Length::None => 0,
        Length::Unknown => return false,
    };
    decimal(trim(value)) == Some(declared)
}

/// A number as text.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(mut n: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = 20usize;
        for digit in digits.iter_mut().rev() {
            let ones = u8::try_from(n % 10).unwrap_or(0);
            *digit = b'0'.wrapping_add(ones);
            start = start.saturating_sub(1);
            n /= 10;
            if n == 0 {
                break;
            }
        }
        Decimal { digits, start }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or(&[])
    }

    /// Its last `n` digits, with zeros in front; at most 20.
    pub(crate) fn last(&self, n: usize) -> &[u8] {
        let start = self.digits.len().saturating_sub(n);
        self.digits.get(start..).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        for n in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            assert_eq!(Decimal::new(n).bytes(), n.to_string().as_bytes());
            assert_eq!(decimal(n.to_string().as_bytes()), Some(n));
        }
    }
}
