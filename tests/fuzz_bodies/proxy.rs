//! The beginning of a connection, against a reader that has all of it at once;
//! what was read is written, and read again.
//!
//! Input: the kind, two bytes of cuts, then the connection; or (bit 7 of the
//! first) what a header of version 2 is made of.

use vestibule::proxy_protocol::{
    Addresses, Command, Header, Part, Ssl, Transport, What, encode, kind,
};

use super::common::proxy::{again, judge};
use super::{Source, cuts};

/// A header from some bytes, good or not.
fn made(source: &mut Source<'_>) -> Vec<u8> {
    let config = source.byte();
    let mut ip = || {
        let ip: [u8; 16] = std::array::from_fn(|_| source.byte());
        let port = source.word();
        match config & 1 {
            0 => (<[u8; 4]>::try_from(&ip[..4]).expect("four bytes"), port).into(),
            _ => (ip, port).into(),
        }
    };
    let (from, to) = (ip(), ip());
    let mut header = Header::tcp(from, to).expect("one family");
    header.crc32c = config & 2 != 0;
    if config & 4 != 0 {
        header.transport = Transport::Dgram;
    }
    if config & 8 != 0 {
        header.ssl = Some(Ssl {
            client: source.byte(),
            verify: u32::from(source.word()),
        });
    }
    match config >> 4 & 7 {
        0 => header.addresses = Addresses::Unix,
        1 => header = Header::LOCAL,
        2 => header.command = Command::Local,
        _ => {}
    }
    let mut parts = Vec::new();
    while !source.is_empty() {
        let what = match source.below(4) {
            0 => What::Source,
            1 => What::Destination,
            2 => What::Tlv(source.byte() & 0x3f),
            _ => What::Ssl(source.byte()),
        };
        parts.push(Part::new(what, source.short()));
    }
    let mut room = vec![0; 70_000];
    let encoded = encode::v2(&header, parts.iter().copied(), &mut room);
    let Ok(n) = encoded else {
        // What may not be sent is refused for a reason.
        assert!(!sound(&header, &parts), "{encoded:?} {header:?} {parts:?}");
        return Vec::new();
    };
    assert!(sound(&header, &parts), "{header:?} {parts:?}");
    room.truncate(n);
    room
}

/// Whether a header and its parts can be sent.
fn sound(header: &Header, parts: &[Part<'_>]) -> bool {
    let unix = header.addresses == Addresses::Unix;
    let count = |what| parts.iter().filter(|p| p.what == what).count();
    let bytes: usize = parts.iter().map(|p| 3 + p.bytes.len()).sum();
    let good = |p: &Part<'_>| match p.what {
        What::Source | What::Destination => unix && p.bytes.len() <= 108,
        What::Tlv(kind::CRC32C | kind::SSL) => false,
        What::Tlv(kind::UNIQUE_ID) => p.bytes.len() <= 128,
        What::Tlv(_) => true,
        What::Ssl(_) => header.ssl.is_some(),
    };
    let ends = match header.addresses {
        Addresses::Unspec => header.ssl.is_none() && !header.crc32c && parts.is_empty(),
        _ => header.command == Command::Proxy,
    };
    ends && parts.iter().all(good)
        && count(What::Source) < 2
        && count(What::Destination) < 2
        && bytes < 60_000
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let (config, mode, seed) = (source.byte(), source.byte(), source.byte());
    let most = [4096, u16::MAX, 60, 12][usize::from(config & 3)];
    let input = match config & 0x80 {
        0 => source.0.to_vec(),
        _ => made(&mut source),
    };
    let cuts = cuts(mode, seed, input.len());
    if let Some((header, parts)) = judge(&input, most, &cuts) {
        again(&header, &parts);
    }
}
