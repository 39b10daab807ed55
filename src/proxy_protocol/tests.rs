//! Numbers, written addresses, and the checksum.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use super::crc32c::Crc32c;
use super::{Addresses, encode};
use crate::text::address::Digits;

#[test]
fn numbers() {
    for text in [
        "0", "1", "10", "65535", "70000", "99999", "00", "01", "", "a", "1a",
    ] {
        let mut digits = Digits::NONE;
        let good = text.bytes().all(|byte| digits.byte(byte));
        let known = text.parse::<u32>().ok();
        let known = known.filter(|_| text == "0" || !text.starts_with('0'));
        assert_eq!(digits.decimal().filter(|_| good), known, "{text}");
    }
    let mut digits = Digits::NONE;
    assert!(b"12345".iter().all(|byte| digits.byte(*byte)));
    assert!(!digits.byte(b'6'));
}

/// As the standard library writes them, but for IPv4 addresses inside.
#[test]
fn written_addresses() {
    let mut all: Vec<Ipv6Addr> = Vec::new();
    for zeros in 0..=255u8 {
        let group = |at: u16| {
            if zeros >> at & 1 == 1 {
                0
            } else {
                0x1000 >> (4 * (at % 4))
            }
        };
        let mut groups = [0; 8];
        (0..8).zip(&mut groups).for_each(|(at, to)| *to = group(at));
        all.push(Ipv6Addr::from(groups));
    }
    all.push("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap());
    for ip in all {
        let addresses = Addresses::Inet6 {
            source: SocketAddrV6::new(ip, 65_535, 0, 0),
            destination: SocketAddrV6::new(ip, 0, 0, 0),
        };
        let mut room = [0; super::V1_MAX];
        let n = encode::v1(&addresses, &mut room).unwrap();
        let line = core::str::from_utf8(&room[..n]).unwrap();
        let text = line.split(' ').nth(2).unwrap();
        assert_eq!(text.parse(), Ok(ip));
        if ip.to_ipv4().is_none() {
            assert_eq!(line, format!("PROXY TCP6 {ip} {ip} 65535 0\r\n"));
        }
    }
    for ip in [Ipv4Addr::BROADCAST, Ipv4Addr::UNSPECIFIED] {
        let addresses = Addresses::Inet {
            source: SocketAddrV4::new(ip, 0),
            destination: SocketAddrV4::new(ip, 10),
        };
        let mut room = [0; super::V1_MAX];
        let n = encode::v1(&addresses, &mut room).unwrap();
        let line = format!("PROXY TCP4 {ip} {ip} 0 10\r\n");
        assert_eq!(room[..n], *line.as_bytes());
        let short = encode::v1(&addresses, &mut room[..n - 1]);
        assert_eq!(short, Err(crate::Refused::Room { need: n }));
    }
}

/// RFC 3720, B.4.
#[test]
fn checksums() {
    let rising: Vec<u8> = (0..32).collect();
    let falling: Vec<u8> = (0..32).rev().collect();
    for (bytes, known) in [
        (&[0; 32][..], 0x8a91_36aa),
        (&[0xff; 32], 0x62a8_ab43),
        (&rising, 0x46dd_794e),
        (&falling, 0x113f_db5c),
        (b"123456789", 0xe306_9283),
        (b"", 0),
    ] {
        let mut crc = Crc32c::NEW;
        crc.add(bytes);
        assert_eq!(crc.end(), known, "{bytes:?}");
    }
}
