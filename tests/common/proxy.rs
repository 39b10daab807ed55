//! The reader of PROXY headers as the tests see it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Fact, Subject, feed, normal};
use vestibule::proxy_protocol::{
    Addresses, Command, Event, Header, Limits, Parser, Part, Ssl, Transport, V1_MAX, What, encode,
    kind,
};
use vestibule::{Cut, Error, Field, Next, Receive, Refused, Space};

/// A header as text.
pub fn shown(header: &Header) -> String {
    let mut text = format!("header {:?} {:?}", header.command, header.transport);
    match header.addresses {
        Addresses::Unspec => text += " unspec",
        Addresses::Unix => text += " unix",
        addresses => {
            let ends = [addresses.source(), addresses.destination()];
            for end in ends.into_iter().flatten() {
                text += &format!(" {end}");
            }
        }
    }
    if let Some(ssl) = header.ssl {
        text += &format!(" ssl {:02x} {}", ssl.client, ssl.verify);
    }
    if header.crc32c {
        text += " crc32c";
    }
    text
}

impl Subject for Parser {
    fn fact(event: &Self::Event<'_>) -> Fact {
        let part = match event {
            Event::Part(part) => part,
            Event::Header(header) => return Fact::Ext(shown(header)),
        };
        let name = match part.what {
            _ if matches!(part.cut, Cut::Middle | Cut::Last) => String::new(),
            What::Source => "source".into(),
            What::Destination => "destination".into(),
            What::Tlv(kind) => format!("tlv-{kind:02x}"),
            What::Ssl(kind) => format!("ssl-{kind:02x}"),
        };
        let field = Field {
            space: Space::Attribute,
            name: name.as_bytes(),
            value: part.bytes,
            cut: part.cut,
        };
        Fact::field(1, &field)
    }

    fn body<'i>(_: &Self::Event<'i>) -> Option<&'i [u8]> {
        None
    }
}

/// A part as a fact.
fn part(what: What, bytes: &[u8]) -> Fact {
    Parser::fact(&Event::Part(Part::new(what, bytes)))
}

/// What the beginning of a connection comes to, with all of it in hand: the
/// facts, and how many bytes the header has. `Error::Eof` for one that is cut.
fn model(input: &[u8], most: u16) -> (Vec<Fact>, Result<usize, Error>) {
    let mut facts = Vec::new();
    let end = match input.first() {
        None => Err(Error::Eof),
        Some(b'P') => line(input, &mut facts),
        Some(_) => block(input, most, &mut facts),
    };
    (facts, end)
}

/// A header of version 1.
fn line(input: &[u8], facts: &mut Vec<Fact>) -> Result<usize, Error> {
    let prefix = b"PROXY ";
    if input.iter().zip(prefix).any(|(a, b)| a != b) {
        return Err(Error::ProxySignature);
    }
    let at = input.iter().position(|b| matches!(b, b'\r' | b'\n'));
    let Some(at) = at.filter(|at| at + 2 <= input.len().min(107)) else {
        // Cut, and maybe wrong already: the machine may say either.
        return match input.len() {
            107.. => Err(Error::ProxyLine),
            _ => Err(Error::Eof),
        };
    };
    let bad = Err(Error::ProxyLine);
    if input[at..at + 2] != *b"\r\n" {
        return bad;
    }
    let rest = &input[6..at];
    let mut header = Header {
        command: Command::Proxy,
        ..Header::LOCAL
    };
    if !(rest == b"UNKNOWN" || rest.starts_with(b"UNKNOWN ")) {
        let Ok(text) = std::str::from_utf8(rest) else {
            return bad;
        };
        let words: Vec<&str> = text.split(' ').collect();
        let [family, source, destination, from, to] = words[..] else {
            return bad;
        };
        let port = |text: &str| {
            let n: u16 = text.parse().ok()?;
            (n.to_string() == text).then_some(n)
        };
        let ip = |text: &str| -> Option<IpAddr> {
            match family {
                "TCP4" => Some(text.parse::<Ipv4Addr>().ok()?.into()),
                "TCP6" => Some(text.parse::<Ipv6Addr>().ok()?.into()),
                _ => None,
            }
        };
        let ends = (|| {
            let source = SocketAddr::new(ip(source)?, port(from)?);
            Header::tcp(source, SocketAddr::new(ip(destination)?, port(to)?))
        })();
        match ends {
            Some(known) => header = known,
            None => return bad,
        }
    }
    facts.push(Fact::Ext(shown(&header)));
    Ok(at + 2)
}

/// A header of version 2.
fn block(input: &[u8], most: u16, facts: &mut Vec<Fact>) -> Result<usize, Error> {
    let signature = b"\r\n\r\n\0\r\nQUIT\n";
    if input.iter().zip(signature).any(|(a, b)| a != b) {
        return Err(Error::ProxySignature);
    }
    let byte = |at: usize| input.get(at).copied().ok_or(Error::Eof);
    let command = match byte(12)? {
        0x20 => Command::Local,
        0x21 => Command::Proxy,
        _ => return Err(Error::ProxyHeader),
    };
    let (family, transport) = match (command, byte(13)?) {
        (Command::Local, _) => (0, Transport::Unspec),
        (_, b @ (0x11 | 0x21 | 0x31)) => (b >> 4, Transport::Stream),
        (_, b @ (0x12 | 0x22 | 0x32)) => (b >> 4, Transport::Dgram),
        (_, 0..=2 | 0x10 | 0x20 | 0x30) => (0, Transport::Unspec),
        _ => return Err(Error::ProxyHeader),
    };
    let length = usize::from(byte(14)?) << 8 | usize::from(byte(15)?);
    if length > usize::from(most) {
        return Err(Error::ProxyTooLong);
    }
    let size = [0, 12, 36, 216][usize::from(family)];
    if length < size {
        return Err(Error::ProxyHeader);
    }
    let end = 16 + length;
    let whole = input.get(..end).ok_or(Error::Eof);
    let mut header = Header {
        command,
        transport,
        ..Header::LOCAL
    };
    if family == 0 {
        whole?;
        facts.push(Fact::Ext(shown(&header)));
        return Ok(end);
    }
    let at = |at: usize| u16::from_be_bytes([input[at], input[at + 1]]);
    if family == 3 {
        header.addresses = Addresses::Unix;
        let path = input.get(16..124).ok_or(Error::Eof)?;
        facts.push(part(What::Source, path));
        let path = input.get(124..232).ok_or(Error::Eof)?;
        facts.push(part(What::Destination, path));
    } else {
        let bytes = input.get(16..16 + size).ok_or(Error::Eof)?;
        let ip = |bytes: &[u8]| -> IpAddr {
            match <[u8; 4]>::try_from(bytes) {
                Ok(four) => four.into(),
                Err(_) => <[u8; 16]>::try_from(bytes).expect("an address").into(),
            }
        };
        let half = (size - 4) / 2;
        let source = SocketAddr::new(ip(&bytes[..half]), at(16 + 2 * half));
        let destination = SocketAddr::new(ip(&bytes[half..2 * half]), at(18 + 2 * half));
        header.addresses = Header::tcp(source, destination)
            .expect("one family")
            .addresses;
    }
    let mut checksum = None;
    tlvs(
        input,
        16 + size,
        end,
        false,
        &mut header,
        &mut checksum,
        facts,
    )?;
    let whole = whole?;
    if let Some(at) = checksum {
        let mut zeroed = whole.to_vec();
        zeroed[at..at + 4].fill(0);
        if crc32c(&zeroed).to_be_bytes() != whole[at..at + 4] {
            return Err(Error::ProxyChecksum);
        }
        header.crc32c = true;
    }
    facts.push(Fact::Ext(shown(&header)));
    Ok(end)
}

/// The TLVs from `at` to `end`.
fn tlvs(
    input: &[u8],
    mut at: usize,
    end: usize,
    inside: bool,
    header: &mut Header,
    checksum: &mut Option<usize>,
    facts: &mut Vec<Fact>,
) -> Result<(), Error> {
    while at < end {
        if at + 3 > end {
            return Err(Error::ProxyTlv);
        }
        let head = input.get(at..at + 3).ok_or(Error::Eof)?;
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        at += 3;
        if at + length > end {
            return Err(Error::ProxyTlv);
        }
        let value = input.get(at..at + length);
        match head[0] {
            kind if inside => facts.push(part(What::Ssl(kind), value.ok_or(Error::Eof)?)),
            kind::CRC32C => {
                if length != 4 || checksum.replace(at).is_some() {
                    return Err(Error::ProxyTlv);
                }
            }
            kind::NOOP => {}
            kind::UNIQUE_ID if length > 128 => return Err(Error::ProxyTlv),
            kind::SSL => {
                if length < 5 || header.ssl.is_some() {
                    return Err(Error::ProxyTlv);
                }
                let told = input.get(at..at + 5).ok_or(Error::Eof)?;
                header.ssl = Some(Ssl {
                    client: told[0],
                    verify: u32::from_be_bytes([told[1], told[2], told[3], told[4]]),
                });
                tlvs(input, at + 5, at + length, true, header, checksum, facts)?;
            }
            kind => facts.push(part(What::Tlv(kind), value.ok_or(Error::Eof)?)),
        }
        value.ok_or(Error::Eof)?;
        at += length;
    }
    Ok(())
}

/// Bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

/// A whole part, its bytes its own.
pub type Whole = (What, Vec<u8>);

/// The beginning of a connection, cut at `cuts`: what the machine makes of it
/// is what the model makes of it. Gives the header, if it is one, and its parts.
pub fn judge(input: &[u8], most: u16, cuts: &[usize]) -> Option<(Header, Vec<Whole>)> {
    let (facts, end) = model(input, most);
    let limits = Limits::DEFAULT.length(most);
    let mut found = (None, Vec::<Whole>::new());
    for cuts in [&[][..], cuts] {
        let mut parser = Parser::new(limits);
        let (log, _) =
            feed(&mut parser, input, cuts, true, &mut |_, _, _| {}).expect("the contract");
        let mut log: Vec<Fact> = normal(&log)
            .expect("a normal form")
            .into_iter()
            .map(|e| e.fact)
            .collect();
        let last = log.pop().expect("an end");
        match (end, last) {
            (Ok(n), Fact::Paused(left)) => assert_eq!(left, input.len() - n, "{log:?}"),
            (Err(known), Fact::Err(error)) => {
                let early = known == Error::Eof && error == Error::ProxyLine && input[0] == b'P';
                assert!(early || known == error, "{known:?} {error:?}");
            }
            (end, last) => panic!("{last:?}, not {end:?}: {log:?}"),
        }
        // Of a header that is no good pieces may be out already.
        let seen = log.len().min(facts.len());
        assert_eq!(log[..seen], facts[..seen]);
        assert!(
            end.is_err() || log.len() == facts.len(),
            "{log:?} {facts:?}"
        );
    }
    // Who reads no more than is missing reads nothing of what follows.
    let mut parser = Parser::new(limits);
    let mut at = 0;
    while let n @ 1.. = parser.at_least() {
        let Some(mut cursor) = input.get(at..at + n) else {
            assert!(end.is_err());
            return None;
        };
        at += n;
        loop {
            match parser.next(&mut cursor) {
                Ok(Next::Event(Event::Header(header))) => found.0 = Some(header),
                Ok(Next::Event(Event::Part(part))) => match part.cut {
                    Cut::Whole | Cut::First => found.1.push((part.what, part.bytes.to_vec())),
                    Cut::Middle | Cut::Last => {
                        found
                            .1
                            .last_mut()
                            .expect("a first piece")
                            .1
                            .extend(part.bytes);
                    }
                },
                Ok(Next::NeedInput | Next::Paused) => break,
                Err(error) => {
                    assert!(end.is_err(), "{error:?}");
                    return None;
                }
            }
        }
        assert!(cursor.is_empty());
    }
    assert_eq!(end, Ok(at));
    found.0.map(|header| (header, found.1))
}

/// What was read can be written, and is the same when it is read again.
pub fn again(header: &Header, parts: &[Whole]) {
    let whole = parts.iter().map(|(what, bytes)| Part::new(*what, bytes));
    let mut room = vec![0; 70_000];
    let n = encode::v2(header, whole.clone(), &mut room).expect("what was read");
    let (other, read) = judge(&room[..n], u16::MAX, &[n / 2]).expect("what was written");
    assert_eq!(other, *header);
    let inside = |parts: &[Whole], yes: bool| -> Vec<_> {
        let mine = |p: &&(What, _)| matches!(p.0, What::Ssl(_)) == yes;
        parts.iter().filter(mine).cloned().collect()
    };
    for yes in [false, true] {
        assert_eq!(inside(parts, yes), inside(&read, yes));
    }
    // All or nothing.
    let short = encode::v2(header, whole, &mut room[..n - 1]);
    assert_eq!(short, Err(Refused::Room { need: n }));

    let n = encode::v1(&header.addresses, &mut room).expect("addresses");
    let (other, read) = judge(&room[..n], 0, &[n / 2]).expect("what was written");
    assert!(read.is_empty() && n <= V1_MAX);
    match header.addresses {
        Addresses::Unix => assert_eq!(other.addresses, Addresses::Unspec),
        addresses => assert_eq!(other.addresses, addresses),
    }
    let short = encode::v1(&header.addresses, &mut room[..n - 1]);
    assert_eq!(short, Err(Refused::Room { need: n }));
}
