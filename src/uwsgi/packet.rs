//! The four bytes in front of a packet. uwsgi protocol, "packet header" and
//! "Packet descriptions".

use crate::error::Error;

/// Bytes of a header.
pub(crate) const HEADER: usize = 4;

/// The most bytes that a packet may have behind its header.
pub const MAX_BLOCK: usize = 0xffff;

/// Values of modifier1: what a packet is. uwsgi protocol, "Packet descriptions".
pub mod modifier {
    /// A request for a Python application (WSGI): what web servers send.
    pub const WSGI: u8 = 0;
    /// A request for a Perl application.
    pub const PSGI: u8 = 5;
    /// A request for a Lua application.
    pub const LUA: u8 = 6;
    /// A request for a Ruby application.
    pub const RACK: u8 = 7;
    /// A request for an application of the Java machine.
    pub const JVM: u8 = 8;
    /// A request for a CGI program.
    pub const CGI: u8 = 9;
    /// A request for a PHP program.
    pub const PHP: u8 = 14;
    /// A question whether the peer lives, and the answer.
    pub const PING: u8 = 100;
    /// The sender will not use the connection again.
    pub const CLOSE: u8 = 200;
}

/// The request types, in order: variables, then a body.
const REQUESTS: [u8; 19] = [
    0, 5, 6, 7, 8, 9, 11, 14, 15, 18, 19, 23, 24, 25, 27, 28, 30, 35, 250,
];

/// A bit for each request type; none where `modifier1` is another kind of
/// packet.
pub(crate) const fn request_bit(modifier1: u8) -> u32 {
    let (mut bit, mut rest): (u32, &[u8]) = (1, &REQUESTS);
    while let [first, tail @ ..] = rest {
        if *first == modifier1 {
            return bit;
        }
        bit = bit.wrapping_shl(1);
        rest = tail;
    }
    0
}

/// The modifiers of a request packet: what kind of application it is for, and
/// a number that only that kind gives a meaning. 0 and 0 for nearly every web
/// server.
///
/// ```
/// use vestibule::uwsgi::{Modifiers, modifier};
/// const PERL: Option<Modifiers> = Modifiers::request(modifier::PSGI, 0);
/// assert_eq!(PERL.map(Modifiers::modifier1), Some(5));
/// // A ping is no request.
/// assert_eq!(Modifiers::request(modifier::PING, 0), None);
/// assert_eq!(Modifiers::DEFAULT.modifier2(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Modifiers {
    modifier1: u8,
    modifier2: u8,
}

impl Modifiers {
    /// 0 and 0.
    pub const DEFAULT: Modifiers = Modifiers {
        modifier1: modifier::WSGI,
        modifier2: 0,
    };

    /// Those of a request. `None` where `modifier1` does not stand for one: of
    /// the others none is followed by variables and a body, and some make the
    /// peer run code.
    pub const fn request(modifier1: u8, modifier2: u8) -> Option<Self> {
        match request_bit(modifier1) {
            0 => None,
            _ => Some(Modifiers {
                modifier1,
                modifier2,
            }),
        }
    }

    /// What the packet is.
    pub const fn modifier1(self) -> u8 {
        self.modifier1
    }

    /// A number for the application.
    pub const fn modifier2(self) -> u8 {
        self.modifier2
    }
}

impl Default for Modifiers {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A packet's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub modifier1: u8,
    pub size: u16,
    pub modifier2: u8,
}

impl Header {
    #[inline]
    pub const fn decode(bytes: [u8; HEADER]) -> Header {
        let [modifier1, low, high, modifier2] = bytes;
        Header {
            modifier1,
            size: u16::from_le_bytes([low, high]),
            modifier2,
        }
    }

    #[inline]
    pub const fn encode(self) -> [u8; HEADER] {
        let [low, high] = self.size.to_le_bytes();
        [self.modifier1, low, high, self.modifier2]
    }
}

/// What a packet that is not taken is refused with. A client of another
/// protocol is named by its first byte: HTTP methods begin with a capital
/// letter (I and J, which begin none, are packets between uWSGI servers), and
/// TLS with a record of type 22.
#[cold]
pub(crate) const fn refusal(modifier1: u8) -> Error {
    match modifier1 {
        b'I' | b'J' => Error::Modifier(modifier1),
        b'A'..=b'Z' => Error::HttpRequest,
        0x16 => Error::TlsHandshake,
        _ => Error::Modifier(modifier1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for size in [0, 1, 0xff, 0x100, 0xffff] {
            let header = Header {
                modifier1: 5,
                size,
                modifier2: 9,
            };
            assert_eq!(Header::decode(header.encode()), header);
        }
        let http = Header::decode(*b"GET ");
        assert_eq!(
            (http.modifier1, http.size, http.modifier2),
            (71, 21_573, 32)
        );
    }

    #[test]
    fn request_types() {
        let mut bits = 0u32;
        for n in 0..=255 {
            let bit = request_bit(n);
            assert_eq!(bits & bit, 0);
            bits |= bit;
            assert_eq!(bit != 0, REQUESTS.contains(&n));
            assert_eq!(Modifiers::request(n, 7).is_some(), bit != 0);
        }
        assert_eq!(bits.count_ones(), 19);
        for never in [
            1,
            2,
            3,
            10,
            17,
            22,
            72,
            99,
            modifier::PING,
            173,
            modifier::CLOSE,
        ] {
            assert_eq!(request_bit(never), 0);
        }
    }

    #[test]
    fn other_protocols() {
        for (first, error) in [
            (b'G', Error::HttpRequest),
            (b'P', Error::HttpRequest),
            (b'H', Error::HttpRequest),
            (b'O', Error::HttpRequest),
            (0x16, Error::TlsHandshake),
            (b'I', Error::Modifier(73)),
            (b'g', Error::Modifier(103)),
            (22 + 1, Error::Modifier(23)),
            (255, Error::Modifier(255)),
        ] {
            assert_eq!(refusal(first), error);
        }
    }
}
