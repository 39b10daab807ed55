//! Whom `forwarded` believes, against a walk from the right over a list.
//!
//! Input: which headers are believed, the peer, then fields: which one, how it
//! came, its value.

use std::net::{IpAddr, SocketAddr};

use vestibule::forwarded::{BadForwarded, By, Header, Node, Origin, Policy};
use vestibule::{Cut, Field, Net, Space};

use super::Source;

const PEERS: [&str; 4] = [
    "127.0.0.1:4000",
    "[::ffff:10.1.2.3]:80",
    "[::1]:1",
    "192.0.2.200:9",
];

fn nets() -> [Net; 3] {
    ["127.0.0.1", "10.0.0.0/8", "::1"].map(|n| n.parse().expect("a network"))
}

/// A hop as X-Forwarded-For has it, by the standard library's parsers.
fn node(text: &[u8]) -> Node<'_> {
    let hidden = |name: &str| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        name.strip_prefix('_')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(good))
    };
    let Ok(all) = std::str::from_utf8(text) else {
        return Node::Malformed;
    };
    if let Ok(ip) = all.parse::<IpAddr>() {
        let ip = ip.to_canonical();
        return Node::Address { ip, port: None };
    }
    let (name, port) = match (all.strip_prefix('['), all.split_once(':')) {
        (Some(rest), _) => match rest.split_once(']') {
            Some((_, "")) => (all, None),
            Some((_, port)) if port.starts_with(':') => {
                (&all[..all.len() - port.len()], Some(&port[1..]))
            }
            _ => return Node::Malformed,
        },
        (None, Some((name, port))) => (name, Some(port)),
        (None, None) => (all, None),
    };
    let port = match port {
        None => None,
        Some(port) if hidden(port) => None,
        Some(port) if port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()) => {
            match port.parse::<u16>() {
                Ok(n) => Some(n),
                Err(_) => return Node::Malformed,
            }
        }
        Some(_) => return Node::Malformed,
    };
    let inside = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let ip = match inside {
        Some(six) => six.parse().ok().map(IpAddr::V6),
        None => name.parse().ok().map(IpAddr::V4),
    };
    match ip {
        Some(ip) => {
            let ip = ip.to_canonical();
            Node::Address { ip, port }
        }
        None if name.eq_ignore_ascii_case("unknown") => Node::Unknown,
        None if hidden(name) => Node::Obfuscated(&text[..name.len()]),
        None => Node::Malformed,
    }
}

/// The walk over all elements.
fn walk<'f>(values: &[&'f [u8]], policy: &Policy<'_>) -> Option<(Node<'f>, By)> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let trim = |part: &'f [u8]| {
        let start = part.iter().position(|b| !blank(b)).unwrap_or(part.len());
        let end = part
            .iter()
            .rposition(|b| !blank(b))
            .map_or(start, |n| n + 1);
        &part[start..end]
    };
    let parts = values.iter().flat_map(|v| v.split(|b| *b == b','));
    let all: Vec<Node<'f>> = parts.map(|part| node(trim(part))).collect();
    let mut by = By::Peer;
    for (left, node) in all.iter().enumerate().rev() {
        match node.address() {
            Some(ip) if policy.trusts(Some(ip)) && left > 0 => by = By::Hop(ip),
            _ => return Some((*node, by)),
        }
    }
    None
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let nets = nets();
    let bits = source.byte();
    let peer: Option<SocketAddr> = match source.below(PEERS.len() + 1) {
        0 => None,
        n => Some(PEERS[n - 1].parse().expect("an address")),
    };
    let mut policy = Policy::trusting(&nets).local(bits & 128 != 0);
    for (n, header) in Header::ALL.into_iter().enumerate() {
        if bits & 1 << n != 0 {
            policy = policy.believe(header);
        }
    }
    let vars = Header::ALL.map(|h| {
        let name = h.name().to_ascii_uppercase().replace('-', "_");
        format!("HTTP_{name}").into_bytes()
    });
    let mut fields = Vec::new();
    while !source.is_empty() {
        let what = source.byte();
        let n = usize::from(what & 15) % Header::ALL.len();
        let value = source.short();
        let header = Field::header(Header::ALL[n].name().as_bytes(), value);
        fields.push(match what >> 4 {
            0..=7 => header,
            8..=12 => Field::var(&vars[n], value),
            13 => Field {
                space: Space::Trailer,
                ..header
            },
            14 => Field {
                cut: Cut::Middle,
                ..header
            },
            _ => Field::var(header.name, value),
        });
    }
    let said = policy.origin(peer, fields.iter().copied());
    let direct = Policy::NOBODY.origin(peer, []).expect("nothing was said");
    if !policy.trusts(peer.map(|at| at.ip())) {
        assert_eq!(said, Ok(direct));
        return;
    }
    // X-Forwarded-For alone.
    let alone = Policy::trusting(&nets)
        .local(bits & 128 != 0)
        .believe(Header::XForwardedFor);
    let name = Header::XForwardedFor.name().as_bytes();
    let ours = |f: &&Field<'_>| match f.space {
        Space::Header => f.name == name,
        Space::Var => f.name == b"HTTP_X_FORWARDED_FOR",
        _ => false,
    };
    let found: Vec<&Field<'_>> = fields.iter().filter(ours).collect();
    let values: Vec<&[u8]> = found.iter().map(|f| f.value).collect();
    let one = alone.origin(peer, fields.iter().copied());
    if found.iter().any(|f| f.cut != Cut::Whole) {
        let error = BadForwarded::Malformed(Header::XForwardedFor);
        assert_eq!(one, Err(error));
    } else {
        let (client, by) = walk(&values, &alone).unwrap_or((direct.client, By::Connection));
        let want = Origin {
            client,
            by,
            ..direct
        };
        assert_eq!(one, Ok(want), "{fields:?}");
        // All lines are one list, and a variable of them says the same.
        if !values.is_empty() {
            let joined = values.join(&b", "[..]);
            let var = Field::var(b"HTTP_X_FORWARDED_FOR", &joined);
            let same = alone.origin(peer, [var]).expect("as before");
            assert_eq!((same.client, same.by), (client, by));
        }
    }
    // Whoever stands before an untrusted hop has no say.
    let ip: IpAddr = "192.0.2.77".parse().expect("an address");
    for (header, value) in [
        (Header::XForwardedFor, &b"192.0.2.77"[..]),
        (Header::Forwarded, b"for=192.0.2.77;proto=http"),
    ] {
        let policy = Policy::trusting(&nets).local(true).believe(header);
        let last = Field::header(header.name().as_bytes(), value);
        let whole = fields.iter().copied().filter(|f| f.cut == Cut::Whole);
        let said = policy.origin(peer, whole.chain([last]));
        let client = said.map(|origin| (origin.client, origin.by));
        let node = Node::Address { ip, port: None };
        assert_eq!(client, Ok((node, By::Peer)), "{fields:?}");
    }
    if let Ok(origin) = said
        && let Some(host) = origin.host
    {
        assert!(host.iter().all(|b| b.is_ascii_graphic() && *b != b','));
    }
}
