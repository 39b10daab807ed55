//! Who a hop says it was asked by. RFC 7239, 6.

use core::net::IpAddr;

use crate::text::address::ip;
use crate::text::decimal::decimal;

/// A client or a hop, as the hop behind it names it. RFC 7239, 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Node<'f> {
    /// An address; never an IPv4 address written as IPv6.
    Address {
        /// The address.
        ip: IpAddr,
        /// The port, where it was said.
        port: Option<u16>,
    },
    /// It is not known, or was not said. RFC 7239, 6.2. Also the peer of a
    /// connection that has no addresses, such as a Unix socket.
    Unknown,
    /// A name that means something to the hop alone; begins with `_`.
    /// RFC 7239, 6.3.
    Obfuscated(&'f [u8]),
    /// What was said cannot be read. It is never read as anything else.
    Malformed,
}

impl<'f> Node<'f> {
    /// Its address, if it has one.
    ///
    /// ```
    /// use vestibule::forwarded::Node;
    /// assert_eq!(Node::Unknown.address(), None);
    /// ```
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Node::Address { ip, .. } => Some(*ip),
            Node::Unknown | Node::Obfuscated(_) | Node::Malformed => None,
        }
    }

    /// What two that may be the same come to: one of them may leave the port
    /// out. `None` where they are not the same.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        match (self, other) {
            (
                Node::Address { ip, port },
                Node::Address {
                    ip: same,
                    port: more,
                },
            ) => {
                let agree = ip == same && (port == more || port.is_none() || more.is_none());
                agree.then(|| Node::of(ip, port.or(more)))
            }
            (node, other) => (node == other).then_some(node),
        }
    }

    pub(super) const fn of(ip: IpAddr, port: Option<u16>) -> Self {
        let ip = ip.to_canonical();
        Node::Address { ip, port }
    }

    /// A node of Forwarded, without its quotes. RFC 7239, 6.
    pub(super) fn read(text: &'f [u8]) -> Self {
        read(text).unwrap_or(Node::Malformed)
    }

    /// An element of X-Forwarded-For: the same, and IPv6 without brackets.
    pub(super) fn read_bare(text: &'f [u8]) -> Self {
        match ip(text) {
            Some(address) => Node::of(address, None),
            None => Node::read(text),
        }
    }
}

fn read(text: &[u8]) -> Option<Node<'_>> {
    if let Some(rest) = text.strip_prefix(b"[") {
        let end = rest.iter().position(|b| *b == b']')?;
        let (inside, rest) = rest.split_at_checked(end)?;
        let address = ip(inside).filter(IpAddr::is_ipv6)?;
        return Some(Node::of(address, port(rest.strip_prefix(b"]")?)?));
    }
    let colon = text.iter().position(|b| *b == b':');
    let (name, rest) = text.split_at_checked(colon.unwrap_or(text.len()))?;
    let port = port(rest)?;
    match name {
        [b'_', more @ ..] if is_obfuscated(more) => Some(Node::Obfuscated(name)),
        _ if name.eq_ignore_ascii_case(b"unknown") => Some(Node::Unknown),
        _ => Some(Node::of(ip(name)?, port)),
    }
}

/// What may stand behind a name: nothing, or a colon and a port, whose number
/// may be hidden as a name may. `None` for anything else.
fn port(text: &[u8]) -> Option<Option<u16>> {
    match text {
        [] => Some(None),
        [b':', b'_', more @ ..] if is_obfuscated(more) => Some(None),
        [b':', digits @ ..] if digits.len() <= 5 => decimal(digits)
            .and_then(|n| u16::try_from(n).ok())
            .map(Some),
        _ => None,
    }
}

fn is_obfuscated(text: &[u8]) -> bool {
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !text.is_empty() && text.iter().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str, port: Option<u16>) -> Node<'static> {
        let ip = ip.parse().unwrap();
        Node::Address { ip, port }
    }

    #[test]
    fn nodes() {
        for (text, node) in [
            ("192.0.2.1", at("192.0.2.1", None)),
            ("192.0.2.1:0", at("192.0.2.1", Some(0))),
            ("192.0.2.1:65535", at("192.0.2.1", Some(65_535))),
            ("192.0.2.1:00080", at("192.0.2.1", Some(80))),
            ("192.0.2.1:_http", at("192.0.2.1", None)),
            ("[2001:db8::1]", at("2001:db8::1", None)),
            ("[2001:db8::1]:80", at("2001:db8::1", Some(80))),
            ("[2001:db8::1]:_p", at("2001:db8::1", None)),
            ("[::ffff:192.0.2.1]:80", at("192.0.2.1", Some(80))),
            ("unknown", Node::Unknown),
            ("UNKNOWN:80", Node::Unknown),
            ("_a", Node::Obfuscated(b"_a")),
            ("_a.B-9_:_x", Node::Obfuscated(b"_a.B-9_")),
        ] {
            assert_eq!(Node::read(text.as_bytes()), node, "{text}");
            assert_eq!(Node::read_bare(text.as_bytes()), node, "{text}");
        }
        for text in [
            "",
            " 192.0.2.1",
            "192.0.2.1 ",
            "192.0.2",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:000080",
            "192.0.2.1:+80",
            "192.0.2.1:8a",
            "192.0.2.1:_",
            "192.0.2.1:80:80",
            "[192.0.2.1]",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "[fe80::1%eth0]",
            "fe80::1%eth0",
            "[]",
            "[",
            "_",
            "_:80",
            "_a b",
            "_a:80:",
            "unknow",
            "unknown ",
            "localhost",
            "unix:",
            "\"192.0.2.1\"",
            "for=192.0.2.1",
            "192.0.2.1;",
            "0x7f.1",
            "2130706433",
            "\u{7f}",
        ] {
            assert_eq!(Node::read(text.as_bytes()), Node::Malformed, "{text}");
            assert_eq!(Node::read_bare(text.as_bytes()), Node::Malformed, "{text}");
        }
        // IPv6 needs its brackets in Forwarded alone.
        assert_eq!(Node::read(b"2001:db8::1"), Node::Malformed);
        assert_eq!(Node::read_bare(b"2001:db8::1"), at("2001:db8::1", None));
        assert_eq!(Node::read_bare(b"::ffff:192.0.2.1"), at("192.0.2.1", None));
    }
}
