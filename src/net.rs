//! Networks of addresses, as those of peers that are trusted. RFC 4632, 3.1;
//! RFC 4291, 2.3.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use crate::text::address::ip;
use crate::text::decimal::decimal;

/// A network: all addresses that begin with the same bits.
///
/// An IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`, which is what
/// a socket for both gives) is the IPv4 address, in networks as in
/// [`contains`](Self::contains). So no IPv6 network of fewer than 96 bits has
/// IPv4 addresses in it, not even `::/0`.
///
/// ```
/// use vestibule::Net;
/// let net: Net = "10.0.0.0/8".parse()?;
/// assert!(net.contains("10.255.0.1".parse()?));
/// assert!(net.contains("::ffff:10.0.0.1".parse()?));
/// assert!(!net.contains("11.0.0.1".parse()?));
/// assert_eq!("::1".parse::<Net>()?.to_string(), "::1/128");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Net {
    /// Canonical: never an IPv4 address written as IPv6. No bit behind the
    /// prefix is set.
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// The network of the first `prefix` bits of `address`: up to 32 of an
    /// IPv4 address, up to 128 of an IPv6 one.
    ///
    /// ```
    /// use core::net::{IpAddr, Ipv4Addr};
    /// use vestibule::{BadNet, Net};
    /// let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 0));
    /// assert!(Net::new(address, 24).is_ok());
    /// assert_eq!(Net::new(address, 22), Err(BadNet::HostBits));
    /// assert_eq!(Net::new(address, 33), Err(BadNet::Prefix));
    /// ```
    ///
    /// # Errors
    ///
    /// [`BadNet::Prefix`], and [`BadNet::HostBits`] where a bit behind the
    /// prefix is set: what was meant is then anybody's guess.
    pub const fn new(address: IpAddr, prefix: u8) -> Result<Net, BadNet> {
        let (address, prefix) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(v4)) if prefix >= 96 => {
                (IpAddr::V4(v4), prefix.wrapping_sub(96))
            }
            _ => (address, prefix),
        };
        if prefix > width(address) {
            return Err(BadNet::Prefix);
        }
        if bits(address) & !mask(address, prefix) != 0 {
            return Err(BadNet::HostBits);
        }
        Ok(Net { address, prefix })
    }

    /// The network of one address.
    ///
    /// ```
    /// use core::net::{IpAddr, Ipv6Addr};
    /// let net = vestibule::Net::host(IpAddr::V6(Ipv6Addr::LOCALHOST));
    /// assert!(net.contains(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    /// ```
    pub const fn host(address: IpAddr) -> Net {
        let address = address.to_canonical();
        Net {
            address,
            prefix: width(address),
        }
    }

    /// Its lowest address.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many bits all its addresses have in common.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether an address lies in it.
    pub const fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.address)
            && bits(address) & mask(address, self.prefix) == bits(self.address)
    }
}

/// How many bits an address has.
const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Its bits, the last of them lowest.
const fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            u128::from_be_bytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d])
        }
        IpAddr::V6(v6) => u128::from_be_bytes(v6.octets()),
    }
}

/// The first `prefix` of an address's bits.
const fn mask(address: IpAddr, prefix: u8) -> u128 {
    let behind = u32::from_le_bytes([width(address).saturating_sub(prefix), 0, 0, 0]);
    match u128::MAX.checked_shl(behind) {
        Some(mask) => mask,
        None => 0,
    }
}

/// `ADDRESS/PREFIX`; an address alone is the network of it.
impl FromStr for Net {
    type Err = BadNet;

    fn from_str(text: &str) -> Result<Net, BadNet> {
        let text = text.as_bytes();
        let slash = text.iter().position(|b| *b == b'/');
        let (address, rest) = text
            .split_at_checked(slash.unwrap_or(text.len()))
            .ok_or(BadNet::Address)?;
        let address = ip(address).ok_or(BadNet::Address)?;
        let Some(prefix) = rest.strip_prefix(b"/") else {
            return Ok(Net::host(address));
        };
        let prefix = decimal(prefix).and_then(|n| u8::try_from(n).ok());
        Net::new(address, prefix.ok_or(BadNet::Prefix)?)
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Why something is no [`Net`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadNet {
    /// No IPv4 address of four decimal numbers, and no IPv6 address; one with
    /// a zone is neither.
    Address,
    /// The prefix is no number, or has more bits than the address.
    Prefix,
    /// A bit of the address behind the prefix is set.
    HostBits,
}

impl fmt::Display for BadNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadNet::Address => "not an IP address",
            BadNet::Prefix => "the prefix is no number of bits that the address has",
            BadNet::HostBits => "the address has bits set behind the prefix",
        })
    }
}

impl core::error::Error for BadNet {}

/// The same for one address.
impl From<IpAddr> for Net {
    fn from(address: IpAddr) -> Net {
        Net::host(address)
    }
}

impl From<Ipv4Addr> for Net {
    fn from(address: Ipv4Addr) -> Net {
        Net::host(IpAddr::V4(address))
    }
}

impl From<Ipv6Addr> for Net {
    fn from(address: Ipv6Addr) -> Net {
        Net::host(IpAddr::V6(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Net {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn texts() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.1/32", "192.0.2.1/32"),
            ("192.0.2.128/25", "192.0.2.128/25"),
            ("::/0", "::/0"),
            ("::1", "::1/128"),
            ("2001:DB8::/32", "2001:db8::/32"),
            ("fe80::/10", "fe80::/10"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ] {
            assert_eq!(net(text).to_string(), shown, "{text}");
            assert_eq!(net(shown), net(text));
        }
        for (text, error) in [
            ("", BadNet::Address),
            ("/8", BadNet::Address),
            ("10.0.0/8", BadNet::Address),
            ("010.0.0.0/8", BadNet::Address),
            (" 10.0.0.0/8", BadNet::Address),
            ("10.0.0.0:80", BadNet::Address),
            ("[::1]", BadNet::Address),
            ("fe80::1%eth0", BadNet::Address),
            ("localhost", BadNet::Address),
            ("10.0.0.0/", BadNet::Prefix),
            ("10.0.0.0/33", BadNet::Prefix),
            ("10.0.0.0/+8", BadNet::Prefix),
            ("10.0.0.0/-8", BadNet::Prefix),
            ("10.0.0.0/8 ", BadNet::Prefix),
            ("10.0.0.0/8/8", BadNet::Prefix),
            ("10.0.0.0/255.0.0.0", BadNet::Prefix),
            ("::/129", BadNet::Prefix),
            ("::/256", BadNet::Prefix),
            ("10.0.0.1/8", BadNet::HostBits),
            ("10.0.0.0/0", BadNet::HostBits),
            ("2001:db8::1/64", BadNet::HostBits),
            ("::ffff:10.0.0.0/95", BadNet::HostBits),
        ] {
            assert_eq!(text.parse::<Net>(), Err(error), "{text}");
        }
    }

    #[test]
    fn borders() {
        for (text, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
                &["9.255.255.255", "11.0.0.0", "::10.0.0.1", "::ffff:11.0.0.0"][..],
            ),
            (
                "192.0.2.128/25",
                &["192.0.2.128", "192.0.2.255"],
                &["192.0.2.127", "192.0.3.0"],
            ),
            ("192.0.2.1", &["192.0.2.1"], &["192.0.2.0", "192.0.2.2"]),
            (
                "0.0.0.0/0",
                &["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"],
                &["::", "::1"],
            ),
            ("::/0", &["::", "ff::1"], &["1.2.3.4", "::ffff:1.2.3.4"]),
            (
                "2001:db8::/33",
                &["2001:db8:7fff::1"],
                &["2001:db8:8000::1", "2001:db9::"],
            ),
            ("::1", &["::1"], &["::", "::2", "127.0.0.1"]),
        ] {
            for address in inside {
                assert!(net(text).contains(ip(address)), "{text} {address}");
            }
            for address in outside {
                assert!(!net(text).contains(ip(address)), "{text} {address}");
            }
        }
    }

    #[test]
    fn every_prefix() {
        for (all, most) in [("255.255.255.255", 32), ("ffff::ffff", 128)] {
            let address = ip(all);
            for prefix in 0..=most {
                let masked = bits(address) & mask(address, prefix);
                let low = match address {
                    IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from(masked as u32)),
                    IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(masked)),
                };
                let net = Net::new(low, prefix).unwrap();
                assert!(net.contains(address) && net.contains(low), "{net}");
                assert_eq!((net.address(), net.prefix()), (low, prefix));
                // The bit that the prefix ends with.
                if prefix > 0 {
                    let bit = 1u128 << (most - prefix);
                    let other = match low {
                        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from((bits(low) ^ bit) as u32)),
                        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from(bits(low) ^ bit)),
                    };
                    assert!(!net.contains(other), "{net} {other}");
                }
            }
            assert_eq!(Net::new(address, most + 1), Err(BadNet::Prefix));
        }
        assert_eq!(Net::from(Ipv4Addr::LOCALHOST), net("127.0.0.1"));
        assert_eq!(Net::from(Ipv6Addr::LOCALHOST), net("::1"));
        assert_eq!(Net::from(ip("::1")), net("::1"));
    }
}
