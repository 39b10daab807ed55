//! Headers, written: what a proxy sends ahead of a connection.
//!
//! A header should be sent at once, and ahead of anything else.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::error::Refused;
use crate::event::Cut;
use crate::text::{decimal::Decimal, out::Out};

use super::crc32c::Crc32c;
use super::{
    Addresses, Command, Header, PATH_BYTES, Part, SIGNATURE, Transport, UNIQUE_ID_MAX, What, kind,
};

/// Writes the header of version 1 into `room`, whole or not at all, and says
/// how many bytes it took: at most 107. Unix sockets are `UNKNOWN` there, as
/// are addresses that are not told. PROXY protocol, 2.1.
///
/// ```
/// use vestibule::proxy_protocol::{Header, encode};
/// let header = Header::tcp("[2001:db8::1]:4000".parse()?, "[::1]:443".parse()?).ok_or("mixed")?;
/// let mut room = [0; 107];
/// let n = encode::v1(&header.addresses, &mut room)?;
/// assert_eq!(&room[..n], b"PROXY TCP6 2001:db8::1 ::1 4000 443\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Refused::Room`]: `room` is too small. Its contents are then undefined.
pub fn v1(addresses: &Addresses, room: &mut [u8]) -> Result<usize, Refused> {
    let mut out = Out::new(room);
    match *addresses {
        Addresses::Inet {
            source,
            destination,
        } => {
            out.put(b"PROXY TCP4 ");
            octets(&mut out, *source.ip());
            out.put(b" ");
            octets(&mut out, *destination.ip());
            ports(&mut out, [source.port(), destination.port()]);
        }
        Addresses::Inet6 {
            source,
            destination,
        } => {
            out.put(b"PROXY TCP6 ");
            groups(&mut out, *source.ip());
            out.put(b" ");
            groups(&mut out, *destination.ip());
            ports(&mut out, [source.port(), destination.port()]);
        }
        Addresses::Unspec | Addresses::Unix => out.put(b"PROXY UNKNOWN\r\n"),
    }
    out.end()
}

fn ports(out: &mut Out<'_>, ports: [u16; 2]) {
    for port in ports {
        out.put(b" ");
        out.text(Decimal::new(u64::from(port)).bytes());
    }
    out.put(b"\r\n");
}

fn octets(out: &mut Out<'_>, address: Ipv4Addr) {
    let [first, rest @ ..] = address.octets();
    out.text(Decimal::new(u64::from(first)).bytes());
    for octet in rest {
        out.put(b".");
        out.text(Decimal::new(u64::from(octet)).bytes());
    }
}

/// In the canonical form, but for the octets of an IPv4 address inside.
/// RFC 5952, 4.
fn groups(out: &mut Out<'_>, address: Ipv6Addr) {
    let groups = address.segments();
    // The first of the longest runs of zeros, where it is of two or more.
    let (mut gap, mut length, mut run) = (8usize, 1usize, 0usize);
    for (at, group) in (0..8usize).zip(groups) {
        run = if group == 0 { run.saturating_add(1) } else { 0 };
        if run > length {
            length = run;
            gap = at.saturating_add(1).saturating_sub(run);
        }
    }
    let end = gap.saturating_add(length);
    for (at, group) in (0..8usize).zip(groups) {
        if at == gap {
            out.put(b"::");
        } else if at < gap || at >= end {
            if at > 0 && at != end {
                out.put(b":");
            }
            hex(out, group);
        }
    }
}

fn hex(out: &mut Out<'_>, group: u16) {
    let [high, low] = group.to_be_bytes();
    let nibbles = [high >> 4, high & 15, low >> 4, low & 15];
    let digits = nibbles.map(|n| match n {
        0..=9 => b'0'.wrapping_add(n),
        _ => b'a'.wrapping_sub(10).wrapping_add(n),
    });
    let zeros = nibbles.iter().take(3).take_while(|n| **n == 0).count();
    out.put(digits.get(zeros..).unwrap_or(&[]));
}

/// Writes the header of version 2 into `room`, whole or not at all, and says
/// how many bytes it took. PROXY protocol, 2.2.
///
/// `parts` are whole: the paths of Unix sockets (one that is missing is empty),
/// then in any order TLVs and, where `header.ssl` says something, those inside
/// PP2_TYPE_SSL. PP2_TYPE_SSL itself is written behind the other TLVs; with
/// `header.crc32c` the checksum comes last.
///
/// ```
/// use vestibule::proxy_protocol::{Header, Part, Ssl, What, encode, kind};
/// let header = Header::tcp("192.0.2.1:4000".parse()?, "192.0.2.2:443".parse()?).ok_or("mixed")?;
/// let ssl = Some(Ssl { client: Ssl::TLS, verify: 0 });
/// let header = Header { ssl, crc32c: true, ..header };
/// let parts = [
///     Part::new(What::Tlv(kind::AUTHORITY), b"example.com"),
///     Part::new(What::Ssl(kind::SSL_VERSION), b"TLSv1.3"),
/// ];
/// let mut room = [0; 536];
/// let n = encode::v2(&header, parts, &mut room)?;
/// assert_eq!(n, 16 + 12 + (3 + 11) + (3 + 5 + (3 + 7)) + (3 + 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// - [`Refused::Field`]: a part that is not whole, a path of more than 108
///   bytes, two paths of one end, or one where the sockets are no Unix ones; a
///   TLV that the header stands for (PP2_TYPE_SSL, PP2_TYPE_CRC32C), one inside
///   PP2_TYPE_SSL without `ssl`, a unique id of more than 128 bytes.
/// - [`Refused::State`]: LOCAL with addresses, or a transport without them or
///   the other way round; any part, `ssl` or `crc32c` without addresses:
///   nobody would find it.
/// - [`Refused::TooLong`]: more than 65,535 bytes behind the first 16.
/// - [`Refused::Room`]: `room` is too small. Its contents are then undefined.
pub fn v2<'p, I>(header: &Header, parts: I, room: &mut [u8]) -> Result<usize, Refused>
where
    I: IntoIterator<Item = Part<'p>> + Clone,
{
    let lengths = Lengths::of(header, parts.clone())?;
    let all = u16::try_from(lengths.all).map_err(|_| Refused::TooLong)?;
    let mut out = Out::new(&mut *room);
    out.put(&SIGNATURE);
    out.put(match header.command {
        Command::Local => &[0x20],
        Command::Proxy => &[0x21],
    });
    let transport = match header.transport {
        Transport::Unspec => 0,
        Transport::Stream => 1,
        Transport::Dgram => 2,
    };
    let family = match header.addresses {
        Addresses::Unspec => 0,
        Addresses::Inet { .. } => 0x10,
        Addresses::Inet6 { .. } => 0x20,
        Addresses::Unix => 0x30,
    };
    out.put(&[family | transport]);
    out.put(&all.to_be_bytes());
    addresses(&mut out, header, parts.clone());
    for part in parts.clone() {
        if let What::Tlv(kind) = part.what {
            tlv(&mut out, kind, part.bytes);
        }
    }
    if let Some(ssl) = header.ssl {
        // Within the length of all, as was seen.
        let length = u16::try_from(lengths.ssl).unwrap_or(u16::MAX);
        out.put(&[kind::SSL]);
        out.put(&length.to_be_bytes());
        out.put(&[ssl.client]);
        out.put(&ssl.verify.to_be_bytes());
        for part in parts {
            if let What::Ssl(kind) = part.what {
                tlv(&mut out, kind, part.bytes);
            }
        }
    }
    if header.crc32c {
        tlv(&mut out, kind::CRC32C, &[0; 4]);
    }
    let n = out.end()?;
    if header.crc32c
        && let Some((whole, _)) = room.split_at_mut_checked(n)
    {
        let mut crc = Crc32c::NEW;
        crc.add(whole);
        if let Some(field) = whole.last_chunk_mut() {
            *field = crc.end().to_be_bytes();
        }
    }
    Ok(n)
}

fn addresses<'p, I>(out: &mut Out<'_>, header: &Header, parts: I)
where
    I: IntoIterator<Item = Part<'p>> + Clone,
{
    let both = match header.addresses {
        Addresses::Unspec => return,
        Addresses::Inet {
            source,
            destination,
        } => {
            out.put(&source.ip().octets());
            out.put(&destination.ip().octets());
            [source.port(), destination.port()]
        }
        Addresses::Inet6 {
            source,
            destination,
        } => {
            out.put(&source.ip().octets());
            out.put(&destination.ip().octets());
            [source.port(), destination.port()]
        }
        Addresses::Unix => {
            for what in [What::Source, What::Destination] {
                let mut parts = parts.clone().into_iter();
                let path = parts.find(|part| part.what == what);
                let path = path.map_or(&[][..], |part| part.bytes);
                out.text(path);
                for _ in path.len()..usize::from(PATH_BYTES) {
                    out.put(&[0]);
                }
            }
            return;
        }
    };
    for port in both {
        out.put(&port.to_be_bytes());
    }
}

fn tlv(out: &mut Out<'_>, kind: u8, value: &[u8]) {
    out.put(&[kind]);
    // Within the length of all, as was seen.
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    out.put(&length.to_be_bytes());
    out.text(value);
}

/// Bytes that are to be written.
struct Lengths {
    /// Behind the first 16.
    all: usize,
    /// The value of PP2_TYPE_SSL.
    ssl: usize,
}

impl Lengths {
    fn of<'p>(
        header: &Header,
        parts: impl IntoIterator<Item = Part<'p>>,
    ) -> Result<Lengths, Refused> {
        let told = !matches!(header.addresses, Addresses::Unspec);
        let unix = matches!(header.addresses, Addresses::Unix);
        if told != (header.transport != Transport::Unspec)
            || (told && header.command == Command::Local)
            || (!told && (header.ssl.is_some() || header.crc32c))
        {
            return Err(Refused::State);
        }
        let mut all = match header.addresses {
            Addresses::Unspec => 0,
            Addresses::Inet { .. } => 12,
            Addresses::Inet6 { .. } => 36,
            Addresses::Unix => 2 * usize::from(PATH_BYTES),
        };
        let mut ssl = 5usize;
        let mut paths = [false; 2];
        for part in parts {
            if !told {
                return Err(Refused::State);
            }
            let n = part.bytes.len();
            let [source, destination] = &mut paths;
            let good = match part.what {
                What::Source => {
                    unix && n <= usize::from(PATH_BYTES) && !core::mem::replace(source, true)
                }
                What::Destination => {
                    unix && n <= usize::from(PATH_BYTES) && !core::mem::replace(destination, true)
                }
                What::Tlv(kind::SSL | kind::CRC32C) => false,
                What::Tlv(kind::UNIQUE_ID) if n > usize::from(UNIQUE_ID_MAX) => false,
                What::Tlv(_) => {
                    all = all.saturating_add(3).saturating_add(n);
                    true
                }
                What::Ssl(_) => {
                    ssl = ssl.saturating_add(3).saturating_add(n);
                    header.ssl.is_some()
                }
            };
            if !good || part.cut != Cut::Whole {
                return Err(Refused::Field);
            }
        }
        if header.ssl.is_some() {
            all = all.saturating_add(3).saturating_add(ssl);
        }
        if header.crc32c {
            all = all.saturating_add(7);
        }
        Ok(Lengths { all, ssl })
    }
}
