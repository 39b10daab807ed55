//! Addresses as text, read byte by byte: nothing is kept but what they mean.
//! RFC 4291, 2.2; PROXY protocol, 2.1.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that `text` is, if it is one. The standard library's parser has
/// panics in it that no linker can tell to be unreachable.
pub(crate) fn ip(text: &[u8]) -> Option<IpAddr> {
    let (mut parser, mut address) = (Text::NEW, [0; 16]);
    if !text.iter().all(|b| parser.byte(*b, &mut address)) {
        return None;
    }
    if parser.dots > 0 && !text.contains(&b':') {
        let good = parser.end_v4(&mut address);
        let [a, b, c, d, ..] = address;
        return good.then_some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
    }
    let good = parser.end_v6(&mut address);
    good.then(|| IpAddr::V6(Ipv6Addr::from_bits(u128::from_be_bytes(address))))
}

/// The digits of a number, four bits each, whichever the base.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digits {
    nibbles: u32,
    count: u8,
}

impl Digits {
    pub(crate) const NONE: Digits = Digits {
        nibbles: 0,
        count: 0,
    };

    /// Takes one more; false where it is none, or the sixth.
    pub(crate) fn byte(&mut self, byte: u8) -> bool {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
            b'A'..=b'F' => byte.wrapping_sub(b'A').wrapping_add(10),
            _ => return false,
        };
        self.nibbles = (self.nibbles << 4) | u32::from(digit);
        self.count = self.count.saturating_add(1);
        self.count <= 5
    }

    /// The decimal number: digits alone, and no zero ahead of others.
    pub(crate) fn decimal(&self) -> Option<u32> {
        let mut left = self.nibbles;
        let (mut n, mut scale) = (0u32, 1u32);
        for at in 1..=self.count {
            let digit = left & 15;
            if digit > 9 || (digit == 0 && at == self.count && at > 1) {
                return None;
            }
            n = n.wrapping_add(digit.wrapping_mul(scale));
            scale = scale.wrapping_mul(10);
            left >>= 4;
        }
        (self.count > 0).then_some(n)
    }

    fn hex(&self) -> Option<u16> {
        (1..=4)
            .contains(&self.count)
            .then(|| u16::try_from(self.nibbles).ok())?
    }
}

/// What the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// There is none.
    Start,
    /// A colon, the very first byte.
    Colon,
    Digit,
    /// A colon after a group.
    Group,
    /// The second colon of a gap.
    Gap,
    Dot,
}

/// Reads one address. Its bytes are written to an array of the owner's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    digits: Digits,
    mark: Mark,
    /// Bytes of the address that are known.
    len: u8,
    /// Where the gap is (`::`).
    gap: Option<u8>,
    dots: u8,
}

impl Text {
    pub(crate) const NEW: Text = Text {
        digits: Digits::NONE,
        mark: Mark::Start,
        len: 0,
        gap: None,
        dots: 0,
    };

    /// Takes a byte; false where it cannot stand here.
    pub(crate) fn byte(&mut self, byte: u8, address: &mut [u8; 16]) -> bool {
        match (byte, self.mark) {
            (b':', Mark::Start) => self.mark = Mark::Colon,
            (b':', Mark::Digit) if self.dots == 0 => {
                self.mark = Mark::Group;
                return self.group(address);
            }
            (b':', Mark::Colon | Mark::Group) if self.gap.is_none() => {
                self.mark = Mark::Gap;
                self.gap = Some(self.len);
            }
            (b'.', Mark::Digit) if self.dots < 3 => {
                self.mark = Mark::Dot;
                self.dots = self.dots.saturating_add(1);
                return self.octet(address);
            }
            (b':' | b'.', _) | (_, Mark::Colon) => return false,
            _ => {
                self.mark = Mark::Digit;
                return self.digits.byte(byte);
            }
        }
        true
    }

    fn octet(&mut self, address: &mut [u8; 16]) -> bool {
        let octet = self.digits.decimal().and_then(|n| u8::try_from(n).ok());
        self.digits = Digits::NONE;
        octet.is_some_and(|octet| self.put(&[octet], address))
    }

    fn group(&mut self, address: &mut [u8; 16]) -> bool {
        let group = self.digits.hex();
        self.digits = Digits::NONE;
        group.is_some_and(|group| self.put(&group.to_be_bytes(), address))
    }

    fn put(&mut self, bytes: &[u8], address: &mut [u8; 16]) -> bool {
        for byte in bytes {
            let Some(to) = address.get_mut(usize::from(self.len)) else {
                return false;
            };
            *to = *byte;
            self.len = self.len.saturating_add(1);
        }
        true
    }

    /// The address is over: whether it is one of four octets.
    pub(crate) fn end_v4(&mut self, address: &mut [u8; 16]) -> bool {
        self.mark == Mark::Digit
            && self.dots == 3
            && self.gap.is_none()
            && self.octet(address)
            && self.len == 4
    }

    /// The address is over: whether it is one of eight groups, four octets
    /// in place of two of them maybe, and one gap.
    pub(crate) fn end_v6(&mut self, address: &mut [u8; 16]) -> bool {
        let ended = match (self.mark, self.dots) {
            (Mark::Digit, 0) => self.group(address),
            (Mark::Digit, 3) => self.octet(address),
            (Mark::Gap, _) => true,
            _ => false,
        };
        let Some(gap) = self.gap else {
            return ended && self.len == 16;
        };
        // A gap is of one group at least.
        if !ended || self.len > 14 {
            return false;
        }
        // What stands behind it moves to the end.
        let (mut from, mut to) = (self.len, 16u8);
        while to > gap {
            to = to.saturating_sub(1);
            let mut byte = 0;
            if from > gap {
                from = from.saturating_sub(1);
                byte = address.get(usize::from(from)).copied().unwrap_or(0);
            }
            if let Some(to) = address.get_mut(usize::from(to)) {
                *to = byte;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the standard library reads them.
    fn same(text: &str) {
        assert_eq!(ip(text.as_bytes()), text.parse().ok(), "{text}");
    }

    #[test]
    fn addresses() {
        for text in [
            "",
            "0.0.0.0",
            "255.255.255.255",
            "256.0.0.0",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.04",
            "1..2.3",
            ".1.2.3.4",
            "1.2.3.4.",
            "1.2.3.a",
            "1.2.3.4 ",
            "+1.2.3.4",
            "1234",
            "::",
            "::1",
            "1::",
            ":::",
            "::1::",
            ":1",
            "1:",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1::8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::8",
            "::1.2.3.4",
            "::ffff:1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::1.2.3",
            "::1.2.3.4:5",
            "1.2.3.4::",
            "1.2.3.4:80",
            "12345::",
            "0001::FfFf",
            "g::",
            "fe80::1%1",
            "[::1]",
            "::1 ",
            "1::2:",
            ":",
        ] {
            same(text);
        }
    }

    #[test]
    fn random_addresses() {
        let mut seed = 1u64;
        let mut below = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for _ in 0..50_000 {
            let text: String = (0..below(18))
                .map(|_| b"::::....0011259aF"[below(17) as usize] as char)
                .collect();
            same(&text);
        }
    }
}
