//! PROXY headers: mutated ones against a reader that has all of one at once,
//! what may not be written, flipped bits. The vectors are transcripts.

mod common;

use common::proxy::{again, judge};
use common::{Random, cuttings};
use vestibule::proxy_protocol::{
    Addresses, Command, Event, Header, Limits, Parser, Part, Ssl, Transport, What, encode, kind,
};
use vestibule::{After, Cut, Error, Next, Phase, Receive, Refused, Status};

fn tcp() -> Header {
    let ends = ["192.0.2.1:56324", "198.51.100.2:443"].map(|at| at.parse().unwrap());
    Header::tcp(ends[0], ends[1]).unwrap()
}

fn tcp6() -> Header {
    let ends = ["[2001:db8::1]:56324", "[::ffff:1.2.3.4]:443"].map(|at| at.parse().unwrap());
    Header::tcp(ends[0], ends[1]).unwrap()
}

fn written(header: &Header, parts: &[Part<'_>]) -> Vec<u8> {
    let mut room = vec![0; 70_000];
    let n = encode::v2(header, parts.iter().copied(), &mut room).unwrap();
    room.truncate(n);
    room
}

/// Headers of all kinds.
fn good() -> Vec<Vec<u8>> {
    let ssl = Some(Ssl {
        client: Ssl::TLS | Ssl::CERT_CONN,
        verify: 7,
    });
    let id = [b'u'; 128];
    let tlvs = [
        Part::new(What::Tlv(kind::ALPN), b"h2"),
        Part::new(What::Tlv(kind::AUTHORITY), b"example.com"),
        Part::new(What::Tlv(kind::NOOP), b"pad"),
        Part::new(What::Tlv(kind::UNIQUE_ID), &id[..17]),
        Part::new(What::Tlv(kind::NETNS), b""),
        Part::new(What::Tlv(0xea), b"own"),
        Part::new(What::Ssl(kind::SSL_VERSION), b"TLSv1.3"),
        Part::new(What::Ssl(kind::SSL_CN), b"somebody"),
    ];
    let (crc32c, transport) = (true, Transport::Dgram);
    let unix = Header {
        addresses: Addresses::Unix,
        ..tcp()
    };
    let paths = [
        Part::new(What::Destination, &[b'd'; 108]),
        Part::new(What::Source, b"/s"),
    ];
    let mut all = vec![
        written(&tcp(), &[]),
        written(
            &Header {
                crc32c,
                transport,
                ..tcp6()
            },
            &[],
        ),
        written(&Header { ssl, ..tcp() }, &tlvs),
        written(
            &Header {
                ssl,
                crc32c,
                ..tcp6()
            },
            &tlvs,
        ),
        written(&Header { crc32c, ..tcp() }, &[Part::new(What::Tlv(5), &id)]),
        written(&Header { crc32c, ..unix }, &paths),
        written(&Header::LOCAL, &[]),
        written(
            &Header {
                command: Command::Proxy,
                ..Header::LOCAL
            },
            &[],
        ),
    ];
    for addresses in [tcp().addresses, tcp6().addresses, Addresses::Unspec] {
        let mut room = [0; 107];
        let n = encode::v1(&addresses, &mut room).unwrap();
        all.push(room[..n].to_vec());
    }
    all
}

#[test]
fn written_ones_are_read() {
    for header in good() {
        let all = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
        for cuts in cuttings(all.len()) {
            let (header, parts) = judge(&all, 4096, &cuts).unwrap();
            if cuts.len() == 1 {
                again(&header, &parts);
            }
        }
    }
}

#[test]
fn mutated() {
    let (good, mut random) = (good(), Random(7));
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut header = good[random.below(good.len())].clone();
        for _ in 0..=random.below(3) {
            let at = random.below(header.len());
            match random.below(5) {
                0 => header[at] ^= 1 << random.below(8),
                1 => header[at] = random.next() as u8,
                2 => drop(header.remove(at)),
                3 => header.insert(at, b"\r\n 0.:P\0\x04\x20"[random.below(10)]),
                _ => header.truncate(at.max(1)),
            }
            if header.is_empty() {
                break;
            }
        }
        header.extend(b"GET /");
        let cuts = [
            random.below(header.len()),
            header.len() - random.below(20).min(header.len()),
        ];
        match judge(&header, 4096, &[cuts[0].min(cuts[1]), cuts[0].max(cuts[1])]) {
            Some((header, parts)) => {
                again(&header, &parts);
                read += 1;
            }
            None => refused += 1,
        }
    }
    assert!(read > 500 && refused > 5000, "{read} {refused}");
}

/// With a checksum nobody is taken for somebody else by a flipped bit. What
/// can come of one is LOCAL or no family, where addresses mean nothing, or a
/// checksum that is none any more.
#[test]
fn flipped_bits() {
    let crc32c = true;
    for whole in [Header { crc32c, ..tcp() }, Header { crc32c, ..tcp6() }] {
        let bytes = written(&whole, &[Part::new(What::Tlv(kind::AUTHORITY), b"a.b")]);
        assert_eq!(judge(&bytes, 4096, &[]).map(|h| h.0), Some(whole));
        let mut odd = Vec::new();
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let Some((header, parts)) = judge(&bytes, 4096, &[]) else {
                continue;
            };
            assert!(!header.crc32c);
            if header.addresses != whole.addresses {
                assert_eq!(header.addresses, Addresses::Unspec);
                assert!(parts.is_empty());
            }
            odd.push(bit / 8);
        }
        let kind = bytes.len() - 7;
        odd.retain(|at| *at != kind);
        assert_eq!(odd, [12, 13, 13], "command, family, transport");
    }
}

#[test]
fn the_limit() {
    let bytes = written(&tcp(), &[Part::new(What::Tlv(kind::ALPN), b"h2")]);
    for (length, good) in [(16, false), (17, true), (18, true), (u16::MAX, true)] {
        let mut parser = Parser::new(Limits::DEFAULT.length(length));
        let mut input = &bytes[..];
        let first = parser.next(&mut input);
        assert_eq!(first.is_ok(), good, "{length}");
        if !good {
            assert_eq!(first, Err(Error::ProxyTooLong));
        }
    }
}

#[test]
fn what_the_machine_says_of_itself() {
    let mut parser = Parser::default();
    assert_eq!((parser.phase(), parser.after()), (Phase::Head, After::Keep));
    let mut input = &b"PROXY UNKNOWN\r\nrest"[..];
    assert!(matches!(
        parser.next(&mut input),
        Ok(Next::Event(Event::Header(_)))
    ));
    assert_eq!((parser.phase(), parser.after()), (Phase::Idle, After::Keep));
    assert_eq!(parser.next(&mut input), Ok(Next::Paused));
    assert_eq!((input, parser.at_least()), (&b"rest"[..], 0));
    let mut parser = Parser::default();
    assert_eq!(parser.eof(), Err(Error::Eof));
    assert_eq!(
        (parser.phase(), parser.after()),
        (Phase::Closing, After::Close)
    );
    assert_eq!(parser.at_least(), 0);
    assert_eq!(parser.next(&mut &b"PROXY UNKNOWN\r\n"[..]), Err(Error::Eof));
    // What is owed comes before the end counts.
    let bytes = written(&tcp(), &[Part::new(What::Tlv(kind::ALPN), b"h2")]);
    let mut parser = Parser::default();
    let part = parser.next(&mut &bytes[..]);
    assert!(matches!(part, Ok(Next::Event(Event::Part(_)))));
    assert_eq!(parser.eof(), Ok(Next::Event(Event::Header(tcp()))));
    assert_eq!(parser.eof(), Ok(Next::Paused));
}

#[test]
fn what_cannot_be_written() {
    let ssl = Some(Ssl {
        client: 1,
        verify: 0,
    });
    let (crc32c, transport) = (true, Transport::Unspec);
    let (proxy, local) = (Command::Proxy, Command::Local);
    let unspec = Header {
        command: proxy,
        ..Header::LOCAL
    };
    let unix = Header {
        addresses: Addresses::Unix,
        ..tcp()
    };
    let tlv = |kind, bytes| Part::new(What::Tlv(kind), bytes);
    let long = vec![0; 65_536];
    let cases: &[(Header, &[Part<'_>], Refused)] = &[
        (
            Header {
                command: local,
                ..tcp()
            },
            &[],
            Refused::State,
        ),
        (Header { transport, ..tcp() }, &[], Refused::State),
        (
            Header {
                transport: Transport::Stream,
                ..unspec
            },
            &[],
            Refused::State,
        ),
        (Header { ssl, ..unspec }, &[], Refused::State),
        (Header { crc32c, ..unspec }, &[], Refused::State),
        (unspec, &[tlv(kind::ALPN, b"")], Refused::State),
        (tcp(), &[tlv(kind::SSL, &[0; 5])], Refused::Field),
        (tcp(), &[tlv(kind::CRC32C, &[0; 4])], Refused::Field),
        (tcp(), &[tlv(kind::UNIQUE_ID, &long[..129])], Refused::Field),
        (
            tcp(),
            &[Part {
                cut: Cut::First,
                ..tlv(1, b"")
            }],
            Refused::Field,
        ),
        (tcp(), &[Part::new(What::Ssl(0x21), b"")], Refused::Field),
        (tcp(), &[Part::new(What::Source, b"/s")], Refused::Field),
        (
            unix,
            &[Part::new(What::Source, &long[..109])],
            Refused::Field,
        ),
        (
            unix,
            &[Part::new(What::Destination, &long[..109])],
            Refused::Field,
        ),
        (
            unix,
            &[Part::new(What::Source, b""), Part::new(What::Source, b"")],
            Refused::Field,
        ),
        (tcp(), &[tlv(1, &long)], Refused::TooLong),
        (tcp(), &[tlv(1, &long[..65_521])], Refused::TooLong),
        (
            Header { ssl, ..tcp() },
            &[Part::new(What::Ssl(0x28), &long[..65_513])],
            Refused::TooLong,
        ),
    ];
    for (header, parts, refused) in cases {
        let mut room = vec![0; 70_000];
        let result = encode::v2(header, parts.iter().copied(), &mut room);
        assert_eq!(result, Err(*refused), "{header:?}");
        assert!(room.iter().all(|b| *b == 0), "{header:?}");
    }
    // The longest ones.
    written(&tcp(), &[tlv(1, &long[..65_520])]);
    let inside = Part::new(What::Ssl(0x28), &long[..65_512]);
    written(&Header { ssl, ..tcp() }, &[inside]);
}

#[test]
fn names() {
    let mut seen = Vec::new();
    for n in 0..=255 {
        for what in [What::Tlv(n), What::Ssl(n)] {
            let part = Part::new(what, b"v");
            let field = part.field();
            assert_eq!(field.map_or(&b""[..], |f| f.name), what.name().as_bytes());
            assert_eq!(field.is_some(), !what.name().is_empty());
            seen.extend(field.map(|f| f.name));
            let last = Part {
                cut: Cut::Last,
                ..part
            };
            assert!(
                last.field()
                    .is_none_or(|f| f.name.is_empty() && f.value == b"v")
            );
        }
    }
    assert_eq!(seen.len(), 7 + 8);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 7 + 8);
    assert_eq!(What::Source.name(), "src_addr");
    assert_eq!(What::Destination.name(), "dst_addr");
    let told = |client, verify| Ssl { client, verify }.verified();
    assert!(told(2, 0) && told(4, 0) && !told(1, 0) && !told(7, 1));
}
