use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str, port: Option<u16>) -> Node<'static> {
    let ip = ip(text);
    Node::Address { ip, port }
}

/// 10/8 and loopback are trusted.
fn nets() -> [Net; 3] {
    ["10.0.0.0/8", "127.0.0.1", "::1"].map(|n| n.parse().unwrap())
}

fn all(trusted: &[Net]) -> Policy<'_> {
    Header::ALL
        .into_iter()
        .fold(Policy::trusting(trusted), Policy::believe)
}

const PEER: &str = "127.0.0.1:4000";

/// Asked by a trusted peer, with every header believed.
fn origin<'f>(fields: &[(&'f str, &'f str)]) -> Result<Origin<'f>, BadForwarded> {
    let fields: Vec<_> = fields
        .iter()
        .map(|(n, v)| Field::header(n.as_bytes(), v.as_bytes()))
        .collect();
    all(&nets()).origin(Some(PEER.parse().unwrap()), fields)
}

fn client(fields: &[(&'static str, &'static str)]) -> (Node<'static>, By) {
    let origin = origin(fields).unwrap();
    (origin.client, origin.by)
}

const XFF: &str = "X-Forwarded-For";

#[test]
fn by_default_nobody_is_believed() {
    let fields = [
        Field::header(b"X-Forwarded-For", b"192.0.2.1"),
        Field::header(b"X-Forwarded-Proto", b"nonsense"),
        Field::header(b"Forwarded", b"for=192.0.2.1"),
    ];
    let peer: SocketAddr = PEER.parse().unwrap();
    let direct = Origin {
        client: at("127.0.0.1", Some(4000)),
        by: By::Connection,
        scheme: None,
        host: None,
        port: None,
    };
    assert_eq!(Policy::NOBODY.origin(Some(peer), fields), Ok(direct));
    assert_eq!(Policy::default().origin(Some(peer), fields), Ok(direct));
    // Trusted peers, but no field is named.
    let nets = nets();
    let policy = Policy::trusting(&nets);
    assert_eq!(policy.origin(Some(peer), fields), Ok(direct));
    // All fields are, but the peer is not trusted.
    let other = "192.0.2.9:1".parse().unwrap();
    let said = all(&nets).origin(Some(other), fields).unwrap();
    assert_eq!(said.client, at("192.0.2.9", Some(1)));
    assert_eq!((said.by, said.scheme), (By::Connection, None));
    // A peer without an address.
    let said = all(&nets).origin(None, fields).unwrap();
    assert_eq!((said.client, said.by), (Node::Unknown, By::Connection));
    let said = all(&nets).local(true).origin(None, [fields[0]]).unwrap();
    assert_eq!((said.client, said.by), (at("192.0.2.1", None), By::Peer));
    // An IPv4 peer on a socket for both.
    let both = "[::ffff:10.0.0.1]:9".parse().unwrap();
    let said = all(&nets).origin(Some(both), [fields[0]]).unwrap();
    assert_eq!((said.client, said.by), (at("192.0.2.1", None), By::Peer));
    let said = Policy::NOBODY.origin(Some(both), []).unwrap();
    assert_eq!(said.client, at("10.0.0.1", Some(9)));
}

#[test]
fn each_header_is_believed_by_itself() {
    let nets = nets();
    let peer: SocketAddr = PEER.parse().unwrap();
    let nothing = Policy::NOBODY.origin(Some(peer), []);
    for header in Header::ALL {
        let good = match header {
            Header::XForwardedFor => "192.0.2.1",
            Header::XForwardedProto | Header::XForwardedProtocol => "https",
            Header::XForwardedSsl => "on",
            Header::XForwardedHost => "h.example",
            Header::XForwardedPort => "8443",
            Header::Forwarded => "for=192.0.2.1",
        };
        let field = Field::header(header.name().as_bytes(), good.as_bytes());
        let said = |policy: Policy<'_>| policy.origin(Some(peer), [field]);
        assert_ne!(said(Policy::trusting(&nets).believe(header)), nothing);
        let others = Header::ALL.into_iter().filter(|h| *h != header);
        let others = others.fold(Policy::trusting(&nets), Policy::believe);
        assert_eq!(said(others), nothing, "{header:?}");
        // In any case, as a variable, but as no trailer and no attribute.
        let name = header.name().to_ascii_uppercase();
        let var = format!("HTTP_{}", name.replace('-', "_"));
        for (field, heard) in [
            (Field::header(name.as_bytes(), good.as_bytes()), true),
            (Field::var(var.as_bytes(), good.as_bytes()), true),
            (Field::var(name.as_bytes(), good.as_bytes()), false),
            (Field::header(var.as_bytes(), good.as_bytes()), false),
            (Field::trailer(name.as_bytes(), good.as_bytes()), false),
        ] {
            let policy = all(&nets);
            let said = policy.origin(Some(peer), [field]);
            assert_eq!(said != nothing, heard, "{field:?}");
        }
        // A piece of a field is none.
        let piece = Field {
            cut: Cut::First,
            ..field
        };
        let said = all(&nets).origin(Some(peer), [piece]);
        assert_eq!(said.err(), Some(BadForwarded::Malformed(header)));
    }
}

#[test]
fn the_walk_from_the_right() {
    use By::{Hop, Peer};
    for (value, node, by) in [
        ("192.0.2.1", at("192.0.2.1", None), Peer),
        ("192.0.2.1:80", at("192.0.2.1", Some(80)), Peer),
        ("2001:db8::1", at("2001:db8::1", None), Peer),
        ("[2001:db8::1]:80", at("2001:db8::1", Some(80)), Peer),
        ("6.6.6.6, 192.0.2.1", at("192.0.2.1", None), Peer),
        (
            "192.0.2.1, 10.0.0.1",
            at("192.0.2.1", None),
            Hop(ip("10.0.0.1")),
        ),
        (
            "6.6.6.6,192.0.2.1 ,\t10.0.0.2, 10.0.0.1",
            at("192.0.2.1", None),
            Hop(ip("10.0.0.2")),
        ),
        // All are trusted: the first.
        (
            "10.0.0.2, 10.0.0.1",
            at("10.0.0.2", None),
            Hop(ip("10.0.0.1")),
        ),
        ("10.0.0.1", at("10.0.0.1", None), Peer),
        (
            "10.0.0.3, ::1, ::ffff:10.0.0.1",
            at("10.0.0.3", None),
            Hop(ip("::1")),
        ),
        // Who hides ends the walk.
        ("6.6.6.6, unknown", Node::Unknown, Peer),
        (
            "6.6.6.6, _x, 10.0.0.1",
            Node::Obfuscated(b"_x"),
            Hop(ip("10.0.0.1")),
        ),
        // And so does what cannot be read.
        ("6.6.6.6, nonsense", Node::Malformed, Peer),
        (
            "6.6.6.6, 10.0.0.9, x, 10.0.0.1",
            Node::Malformed,
            Hop(ip("10.0.0.1")),
        ),
        ("6.6.6.6, ", Node::Malformed, Peer),
        ("6.6.6.6,, 10.0.0.1", Node::Malformed, Hop(ip("10.0.0.1"))),
        ("", Node::Malformed, Peer),
        ("10.0.0.1 10.0.0.2", Node::Malformed, Peer),
        ("6.6.6.6, unix:", Node::Malformed, Peer),
        // What stands left of the client does not matter.
        ("nonsense, \", 192.0.2.1", at("192.0.2.1", None), Peer),
    ] {
        assert_eq!(client(&[(XFF, value)]), (node, by), "{value}");
        // One list, however many lines.
        let lines: Vec<_> = value.split(',').map(|part| (XFF, part)).collect();
        assert_eq!(client(&lines), (node, by), "{value}");
        // And the same as Forwarded.
        let quoted: Vec<_> = value
            .split(',')
            .map(|part| match part.trim() {
                v6 if v6.matches(':').count() > 1 && !v6.starts_with('[') => {
                    format!("for=\"[{v6}]\"")
                }
                "" => String::new(),
                part => format!("proto=https;for=\"{}\"", part.replace('"', "\\\"")),
            })
            .collect();
        let value = quoted.join(", ");
        let fields = [("Forwarded", &value[..])];
        let said = origin(&fields).unwrap();
        assert_eq!((said.client, said.by), (node, by), "{value}");
    }
    assert_eq!(client(&[]), (at("127.0.0.1", Some(4000)), By::Connection));
}

#[test]
fn schemes() {
    let scheme = |fields: &[(&'static str, &'static str)]| origin(fields).map(|o| o.scheme);
    let (proto, protocol) = ("X-Forwarded-Proto", "X-Forwarded-Protocol");
    let (ssl, forwarded) = ("X-Forwarded-Ssl", "Forwarded");
    let (http, https) = (Ok(Some(Scheme::Http)), Ok(Some(Scheme::Https)));
    for (fields, said) in [
        (&[][..], Ok(None)),
        (&[(proto, "https")], https),
        (&[(proto, "HTTP")], http),
        (&[(proto, "wss")], https),
        (&[(proto, "ws")], http),
        (&[(protocol, "ssl")], https),
        (&[(protocol, "https")], https),
        (&[(protocol, "http")], http),
        (&[(ssl, "on")], https),
        (&[(ssl, "Off")], http),
        (&[(proto, "https, https,")], https),
        (&[(proto, "")], Ok(None)),
        (&[(proto, "https"), (protocol, "ssl"), (ssl, "on")], https),
        (&[(proto, "http"), (protocol, "http"), (ssl, "off")], http),
        (&[(forwarded, "for=192.0.2.1;proto=https")], https),
        // Of the element that names the client.
        (
            &[(
                forwarded,
                "for=6.6.6.6;proto=http, for=192.0.2.1;proto=https, for=10.0.0.1;proto=http",
            )],
            https,
        ),
        (
            &[(forwarded, "for=192.0.2.1, for=10.0.0.1;proto=https")],
            Ok(None),
        ),
        (&[(forwarded, "proto=https")], https),
        (&[(forwarded, "proto=https"), (proto, "https")], https),
    ] {
        assert_eq!(scheme(fields), said, "{fields:?}");
    }
    for fields in [
        &[(proto, "https, http")][..],
        &[(proto, "https"), (proto, "http")],
        &[(proto, "http"), (ssl, "on")],
        &[(protocol, "ssl"), (ssl, "off")],
        &[(protocol, "ssl"), (proto, "http")],
        &[(forwarded, "proto=http"), (proto, "https")],
    ] {
        assert_eq!(scheme(fields), Err(BadForwarded::Conflict), "{fields:?}");
    }
    for (field, header) in [
        ((proto, "ftp"), Header::XForwardedProto),
        ((proto, "ssl"), Header::XForwardedProto),
        ((proto, "https;"), Header::XForwardedProto),
        ((proto, "on"), Header::XForwardedProto),
        ((protocol, "on"), Header::XForwardedProtocol),
        ((ssl, "https"), Header::XForwardedSsl),
        ((ssl, "1"), Header::XForwardedSsl),
    ] {
        let error = BadForwarded::Malformed(header);
        assert_eq!(scheme(&[field]), Err(error), "{field:?}");
        assert_eq!(error.status(), 400);
    }
    assert_eq!(
        (Scheme::Http.name(), Scheme::Https.name()),
        ("http", "https")
    );
}

#[test]
fn hosts_and_ports() {
    let said = |fields: &[(&'static str, &'static str)]| origin(fields).map(|o| (o.host, o.port));
    let (host, port) = ("X-Forwarded-Host", "X-Forwarded-Port");
    let name = &b"h.example:8443"[..];
    for (fields, good) in [
        (&[(host, "h.example:8443")][..], (Some(name), None)),
        (
            &[(host, "h.example:8443, H.example:8443")],
            (Some(&b"H.example:8443"[..]), None),
        ),
        (&[(host, "[::1]")], (Some(&b"[::1]"[..]), None)),
        (&[(port, "8443"), (port, "8443")], (None, Some(8443))),
        (&[(port, "65535")], (None, Some(65_535))),
        (
            &[
                ("Forwarded", "host=\"h.example:8443\""),
                (host, "h.example:8443"),
            ],
            (Some(name), None),
        ),
    ] {
        assert_eq!(said(fields), Ok(good), "{fields:?}");
    }
    for (fields, error) in [
        (&[(host, "a, b")][..], BadForwarded::Conflict),
        (
            &[(host, "a"), ("Forwarded", "host=b")],
            BadForwarded::Conflict,
        ),
        (&[(port, "80,81")], BadForwarded::Conflict),
        (
            &[(host, "a/b")],
            BadForwarded::Malformed(Header::XForwardedHost),
        ),
        (
            &[(host, "u@a")],
            BadForwarded::Malformed(Header::XForwardedHost),
        ),
        (
            &[(port, "0")],
            BadForwarded::Malformed(Header::XForwardedPort),
        ),
        (
            &[(port, "65536")],
            BadForwarded::Malformed(Header::XForwardedPort),
        ),
        (
            &[(port, "+80")],
            BadForwarded::Malformed(Header::XForwardedPort),
        ),
    ] {
        assert_eq!(said(fields), Err(error), "{fields:?}");
    }
}

#[test]
fn both_lists_must_agree() {
    let both = |older: &'static str, newer: &'static str| {
        origin(&[(XFF, older), ("Forwarded", newer)]).map(|o| o.client)
    };
    for (older, newer, node) in [
        ("192.0.2.1", "for=192.0.2.1", at("192.0.2.1", None)),
        ("192.0.2.1:80", "for=192.0.2.1", at("192.0.2.1", Some(80))),
        (
            "192.0.2.1",
            "for=\"192.0.2.1:80\"",
            at("192.0.2.1", Some(80)),
        ),
        ("unknown", "for=unknown", Node::Unknown),
        ("192.0.2.1", "proto=https", at("192.0.2.1", None)),
        (
            "6.6.6.6, 192.0.2.1",
            "for=7.7.7.7, for=192.0.2.1",
            at("192.0.2.1", None),
        ),
    ] {
        assert_eq!(both(older, newer), Ok(node), "{older} {newer}");
    }
    for (older, newer) in [
        ("192.0.2.1", "for=192.0.2.2"),
        ("192.0.2.1:80", "for=\"192.0.2.1:81\""),
        ("192.0.2.1", "for=unknown"),
        ("192.0.2.1", "nonsense"),
        ("nonsense", "for=192.0.2.1"),
    ] {
        assert_eq!(
            both(older, newer),
            Err(BadForwarded::Conflict),
            "{older} {newer}"
        );
    }
}

/// Whatever a client writes, the hop that adds its address behind it wins.
#[test]
fn a_client_cannot_choose_its_address() {
    let mut seed = 7u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % n
    };
    let words = [
        "6.6.6.6",
        "10.0.0.1",
        "for=",
        "\"",
        "\\",
        ",",
        ";",
        "=",
        " ",
        "[",
        "]",
        ":",
        "::1",
        "_x",
        "for=6.6.6.6",
        "proto=https",
        "host=",
        "x",
    ];
    let nets = nets();
    let policy = all(&nets);
    let peer = Some(PEER.parse().unwrap());
    let mut read = 0;
    for _ in 0..10_000 {
        let evil: String = (0..below(8)).map(|_| words[below(words.len())]).collect();
        let older = format!("{evil}, 192.0.2.1");
        let field = Field::header(XFF.as_bytes(), older.as_bytes());
        let said = policy.origin(peer, [field]).unwrap();
        assert_eq!(said.client, at("192.0.2.1", None), "{evil}");
        for added in [
            "for=192.0.2.1",
            "for=\"192.0.2.1\";host=\"a\"",
            "by=\"_me\";for=192.0.2.1",
        ] {
            // On a line of its own.
            let lines = [
                Field::header(b"Forwarded", evil.as_bytes()),
                Field::header(b"Forwarded", added.as_bytes()),
            ];
            let said = policy.origin(peer, lines).unwrap();
            assert_eq!(said.client, at("192.0.2.1", None), "{evil} {added}");
            // On the same: an open quotation mark may hide it, and no more.
            let line = format!("{evil}, {added}");
            let field = Field::header(b"Forwarded", line.as_bytes());
            let said = policy.origin(peer, [field]).unwrap();
            if said.client == Node::Malformed {
                assert!(evil.contains('"'), "{line}");
            } else {
                assert_eq!(said.client, at("192.0.2.1", None), "{line}");
                read += 1;
            }
        }
    }
    assert!(read > 10_000);
}

#[test]
fn errors_say_what() {
    assert!(BadForwarded::Conflict.to_string().contains("different"));
    let text = BadForwarded::Malformed(Header::XForwardedSsl).to_string();
    assert!(text.contains("X-Forwarded-Ssl"), "{text}");
}
