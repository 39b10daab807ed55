//! Bytes of a web server, whole and in pieces, with calls between that are
//! right and wrong; and the machine's events of a head beside those of a second
//! reader, which has the whole packet before it.
//!
//! Input: how the machine is made, how the application answers, two bytes of
//! cuts, then the bytes of the wire, or (bit 7 of the first) packets to build.

use vestibule::ajp::{Server, ServerLimits, ServerRules, codes};
use vestibule::{Error, Field, Length, Limits, Server as _, Space, Status as _};

use super::calls::{ID, tell};
use super::common::{self, Entry, Fact, feed, normal, put};
use super::{Source, cuts, legal, ok};

const SECRET: &[u8] = b"s";
const NAMES: &[&[u8]] = &[b"a", b"ab", b"AJP_REMOTE_PORT"];

/// One of the machines that the input may ask for; whether it has the default
/// limits, and whether it wants the secret.
fn make(config: u8) -> (Server, bool, bool) {
    let limits = match config >> 2 & 3 {
        0 | 1 => ServerLimits::DEFAULT,
        2 => ServerLimits {
            common: Limits::DEFAULT.head_bytes(120).fields(3).body_bytes(20),
            packet_bytes: 65_536,
            attributes: 3,
            linger_bytes: 40,
        },
        _ => ServerLimits {
            common: Limits::DEFAULT.head_bytes(40).fields(1).body_bytes(0),
            packet_bytes: 9_000,
            attributes: 0,
            linger_bytes: 0,
        },
    };
    let (rules, secret) = match config & 3 {
        0 => (ServerRules::STRICT.secret(SECRET), true),
        1 => (ServerRules::STRICT, true),
        _ => (ServerRules::STRICT.without_secret(true), false),
    };
    let server = Server::new(rules.attributes(NAMES)).limits(limits);
    (server, limits == ServerLimits::DEFAULT, secret)
}

/// One call, of those that may be right and those that may not.
fn act(what: u8, server: &mut Server, out: &mut Vec<u8>) {
    let mut room = [0; 200];
    let fields = [Field::header(b"Content-Type", b"text/plain")];
    let length = match what >> 4 & 3 {
        0 => Length::None,
        1 => Length::Known(4),
        _ => Length::Unknown,
    };
    let made = match what & 15 {
        0 | 1 => tell(server, |s| {
            let made = s.head(ID, 200, fields, length, &mut room);
            made.map(|f| f.slices().concat())
        }),
        2 | 3 => tell(server, |s| {
            let made = s.body(ID, &mut &b"body"[..]);
            made.map(|f| f.slices().concat())
        }),
        4 | 5 => tell(server, |s| {
            let made = s.finish(ID, [], &mut room);
            made.map(|f| f.slices().concat())
        }),
        6 => tell(server, |s| s.flush(ID).map(|f| f.slices().concat())),
        7 => tell(server, |s| {
            let made = s.demand(ID, usize::from(what));
            made.map(|f| f.slices().concat())
        }),
        8 => tell(server, |s| {
            let made = s.fail(ID, Error::Internal, &mut room);
            made.map(|f| f.slices().concat())
        }),
        9 => tell(server, |s| {
            let made = s.head(ID, 304, fields, length, &mut room);
            made.map(|f| f.slices().concat())
        }),
        10 => tell(server, |s| {
            let made = s.head(ID, 99, fields, length, &mut room);
            made.map(|f| f.slices().concat())
        }),
        11 => tell(server, |s| {
            let made = s.head(ID, 200, fields, length, &mut room[..9]);
            made.map(|f| f.slices().concat())
        }),
        12 => {
            server.close_after(ID);
            return;
        }
        13 if what >> 4 == 0 => {
            server.shutdown();
            return;
        }
        14 if what >> 4 == 0 => {
            server.cancel();
            return;
        }
        _ => return,
    };
    if let Ok(bytes) = made {
        out.extend(bytes);
    }
}

/// What the application does at a fact. Only at those that no cut moves; to ask
/// for more is right at any time.
fn react(policy: u8, server: &mut Server, fact: &Fact, out: &mut Vec<u8>) {
    let mut room = [0; 200];
    match fact {
        Fact::HeadEnd(..) | Fact::Bytes { .. } if policy & 1 == 0 => {
            if let Ok(frame) = server.demand(ID, 300) {
                put(out, frame);
            }
        }
        Fact::Fault(_, error) | Fact::Err(error) if policy & 2 == 0 => {
            if let Ok(frame) = server.fail(ID, *error, &mut room) {
                put(out, frame);
            }
        }
        _ => {}
    }
    if !matches!(
        fact,
        Fact::Begin(_) | Fact::HeadEnd(..) | Fact::BodyEnd(_) | Fact::Abort(_)
    ) {
        return;
    }
    match policy >> 2 & 7 {
        // The usual answer, whole.
        0..=3 => {
            if matches!(fact, Fact::BodyEnd(_)) {
                for what in [0x21, 2, 4] {
                    act(what, server, out);
                }
            }
        }
        // Calls of all kinds, by what the log is at.
        n => {
            let mut random = common::Random(u64::from(policy) + u64::from(n));
            for _ in 0..match fact {
                Fact::Begin(_) => 2,
                Fact::HeadEnd(..) => 4,
                _ => 7,
            } {
                act(random.next() as u8, server, out);
            }
        }
    }
}

/// Fields, and how the body is framed.
type Read = (Vec<(Space, String, Vec<u8>)>, Length);

/// A head as a reader has it that sees the whole packet: its fields and the
/// length, or nothing where it is not to be believed.
fn model(packet: &[u8], secret: bool) -> Option<Read> {
    let mut rest = packet;
    fn take<'p>(rest: &mut &'p [u8], n: usize) -> Option<&'p [u8]> {
        let (now, later) = rest.split_at_checked(n)?;
        *rest = later;
        Some(now)
    }
    fn number(rest: &mut &[u8]) -> Option<usize> {
        let n = take(rest, 2)?;
        Some(usize::from(n[0]) << 8 | usize::from(n[1]))
    }
    fn string<'p>(rest: &mut &'p [u8]) -> Option<&'p [u8]> {
        match number(rest)? {
            0xffff => Some(b""),
            n => {
                let text = take(rest, n)?;
                (take(rest, 1)? == b"\0").then_some(text)
            }
        }
    }
    let control = |b: &u8| *b < 0x20 || *b == 0x7f;
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    let text = |t: &[u8]| (!t.iter().any(control)).then(|| t.to_vec());
    let mut all = Vec::new();
    let mut var = |name: &str, value: Vec<u8>| {
        if !value.is_empty() {
            all.push((Space::Var, name.to_string(), value));
        }
    };
    let method = take(&mut rest, 1)?[0];
    let mut stored = method == codes::STORED_METHOD;
    if !stored {
        var("REQUEST_METHOD", codes::method(method)?.to_vec());
    }
    let protocol = string(&mut rest)?;
    if protocol.is_empty() || !protocol.iter().all(|b| token(b) || *b == b'/') {
        return None;
    }
    var("SERVER_PROTOCOL", protocol.to_vec());
    let uri = string(&mut rest)?;
    let good = |b: &u8| (0x21..0x7f).contains(b) && *b != b'#' && *b != b'?';
    let star = uri == b"*" && method == 1;
    if !(star || uri.starts_with(b"/") && uri.iter().all(good)) {
        return None;
    }
    var("DOCUMENT_URI", uri.to_vec());
    for name in ["REMOTE_ADDR", "REMOTE_HOST", "SERVER_NAME"] {
        var(name, text(string(&mut rest)?)?);
    }
    var("SERVER_PORT", number(&mut rest)?.to_string().into());
    if take(&mut rest, 1)? != b"\0" {
        var("HTTPS", b"on".to_vec());
    }
    let count = number(&mut rest)?;
    if count > 100 || count > rest.len() / 4 {
        return None;
    }
    let (mut lengths, mut codings, mut hosts) = (Vec::new(), Vec::new(), 0);
    for _ in 0..count {
        let name = match rest {
            [0xa0, code, later @ ..] => {
                rest = later;
                codes::request_header(*code)?
            }
            [0, n, ..] if *n > 0 => string(&mut rest)?,
            _ => return None,
        };
        let value = string(&mut rest)?;
        if !name.iter().all(token) || value.iter().any(|b| control(b) && *b != b'\t') {
            return None;
        }
        let blank = |b: &u8| *b == b' ' || *b == b'\t';
        let start = value.iter().position(|b| !blank(b)).unwrap_or(value.len());
        let end = value
            .iter()
            .rposition(|b| !blank(b))
            .map_or(start, |n| n + 1);
        let value = value[start..end].to_vec();
        match name.to_ascii_lowercase().as_slice() {
            b"content-length" => lengths.push(value.clone()),
            b"transfer-encoding" => codings.push(value.clone()),
            b"host" => hosts += 1,
            _ => {}
        }
        let name = String::from_utf8(name.to_vec()).unwrap();
        all.push((Space::Header, name, value));
    }
    let (mut known, mut seen) = (!secret, [0; 256]);
    let mut attributes = 0;
    loop {
        let code = take(&mut rest, 1)?[0];
        if code == codes::ARE_DONE {
            break;
        }
        attributes += 1;
        seen[usize::from(code)] += 1;
        let repeats = code == 10 || code == 12 && secret;
        if attributes > 64 || seen[usize::from(code)] > 1 && !repeats {
            return None;
        }
        let name = match code {
            3 => "REMOTE_USER",
            4 => "AUTH_TYPE",
            5 => "QUERY_STRING",
            8 => "SSL_CIPHER",
            9 => "SSL_SESSION_ID",
            6 => {
                let value = text(string(&mut rest)?)?;
                if !value.is_empty() {
                    all.push((Space::Attribute, "route".into(), value));
                }
                continue;
            }
            7 => {
                let value = string(&mut rest)?.to_vec();
                if value.contains(&0) {
                    return None;
                }
                if !value.is_empty() {
                    all.push((Space::Var, "SSL_CLIENT_CERT".into(), value));
                }
                continue;
            }
            10 => {
                let name = string(&mut rest)?;
                if !NAMES.contains(&name) {
                    return None;
                }
                let value = text(string(&mut rest)?)?;
                let name = String::from_utf8(name.to_vec()).unwrap();
                all.push((Space::Attribute, name, value));
                continue;
            }
            11 => {
                let size = number(&mut rest)?.to_string().into();
                all.push((Space::Var, "SSL_CIPHER_USEKEYSIZE".into(), size));
                continue;
            }
            12 => {
                let value = string(&mut rest)?;
                if secret {
                    if value != SECRET {
                        return None;
                    }
                    known = true;
                } else if !text(value)?.is_empty() {
                    all.push((Space::Attribute, "secret".into(), value.to_vec()));
                }
                continue;
            }
            13 => {
                let value = string(&mut rest)?;
                if !stored || value.is_empty() || !value.iter().all(token) {
                    return None;
                }
                stored = false;
                all.push((Space::Var, "REQUEST_METHOD".into(), value.to_vec()));
                continue;
            }
            1 | 2 => {
                string(&mut rest)?;
                continue;
            }
            _ => return None,
        };
        let value = text(string(&mut rest)?)?;
        if !value.is_empty() {
            all.push((Space::Var, name.into(), value));
        }
    }
    if !rest.is_empty() || !known || stored || hosts > 1 {
        return None;
    }
    let length = match (&lengths[..], &codings[..]) {
        ([], []) => Length::None,
        ([], [coding]) if coding.eq_ignore_ascii_case(b"chunked") => Length::Unknown,
        ([length], []) if length.iter().all(u8::is_ascii_digit) => {
            Length::Known(std::str::from_utf8(length).ok()?.parse().ok()?)
        }
        _ => return None,
    };
    Some((all, length))
}

/// Compares the first request of a normal log with the other reader's.
fn compare(log: &[Entry], bytes: &[u8], secret: bool) {
    let [0x12, 0x34, a, b, 2, rest @ ..] = bytes else {
        return;
    };
    let length = usize::from(u16::from_be_bytes([*a, *b]));
    if length > 8188 {
        return;
    }
    let Some(packet) = length.checked_sub(1).and_then(|n| rest.get(..n)) else {
        return;
    };
    let mut came = Vec::new();
    let mut end = None;
    for entry in log {
        match &entry.fact {
            Fact::Field {
                space, name, value, ..
            } => {
                let name = String::from_utf8_lossy(name).into_owned();
                came.push((*space, name, value.clone()));
            }
            Fact::HeadEnd(_, _, length) => {
                end = Some(*length);
                break;
            }
            Fact::Fault(..) => break,
            _ => {}
        }
    }
    match (model(packet, secret), end) {
        (Some((fields, length)), Some(end)) => {
            assert_eq!(came, fields);
            assert_eq!(end, length);
        }
        (None, None) => {}
        (model, end) => panic!("{model:?}, but {end:?}"),
    }
}

/// Packets that are nearly right.
fn build(source: &mut Source<'_>) -> Vec<u8> {
    fn text(to: &mut Vec<u8>, bytes: &[u8]) {
        to.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
        to.extend(bytes);
        to.push(0);
    }
    let mut out = Vec::new();
    while !source.is_empty() && out.len() < 4000 {
        let mut packet = Vec::new();
        match source.below(8) {
            0 => packet.push(10),
            1..=3 => {
                let data = source.short();
                packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                packet.extend(data);
            }
            4 => packet.extend(source.short()),
            _ => {
                let method = source.byte();
                packet.extend([2, if method < 200 { method % 29 } else { method }]);
                text(&mut packet, b"HTTP/1.1");
                text(
                    &mut packet,
                    [&b"/"[..], b"/a%20b", b"*", b"/?", b""][source.below(5)],
                );
                for _ in 0..3 {
                    match source.below(3) {
                        0 => packet.extend(b"\xff\xff"),
                        _ => text(&mut packet, source.take(2)),
                    }
                }
                packet.extend(source.word().to_be_bytes());
                packet.push(source.byte() & 1);
                let count = source.below(5);
                packet.extend([0, count as u8]);
                for _ in 0..count {
                    match source.below(5) {
                        0 => packet.extend([0xa0, source.byte() & 15]),
                        1 => packet.extend([0xa0, 8]),
                        2 => text(&mut packet, b"transfer-encoding"),
                        3 => text(&mut packet, b"content-length"),
                        _ => text(&mut packet, source.short()),
                    }
                    let values = [&b"5"[..], b"chunked", b" 12 ", b"0", b"x"];
                    match source.below(7) {
                        5 => packet.extend(b"\xff\xff"),
                        6 => text(&mut packet, source.short()),
                        n => text(&mut packet, values[n]),
                    }
                }
                for _ in 0..source.below(5) {
                    let code = source.byte();
                    let code = if code < 200 { code % 15 } else { code };
                    packet.push(code);
                    match code {
                        11 => packet.extend(source.word().to_be_bytes()),
                        10 => {
                            text(&mut packet, NAMES[source.below(3)]);
                            text(&mut packet, source.take(3));
                        }
                        12 if source.flag() => text(&mut packet, SECRET),
                        _ => text(&mut packet, source.take(5)),
                    }
                }
                packet.push(0xff);
            }
        }
        let n = u16::try_from(packet.len()).unwrap_or(0);
        out.extend(b"\x12\x34");
        out.extend(n.to_be_bytes());
        out.extend(packet);
    }
    out
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let (config, policy) = (source.byte(), source.byte());
    let (mode, seed) = (source.byte(), source.byte());
    let built;
    let bytes = if config & 0x80 != 0 {
        built = build(&mut source);
        &built[..]
    } else {
        source.0
    };
    let close = config & 0x40 != 0;
    let run = |cuts: &[usize]| {
        let (mut server, ..) = make(config);
        let mut react = |s: &mut Server, f: &Fact, out: &mut Vec<u8>| react(policy, s, f, out);
        let (log, out) = ok(feed(&mut server, bytes, cuts, close, &mut react));
        let log = ok(normal(&log));
        let said = (server.phase(), server.after());
        (log, out, said)
    };
    let whole = run(&[]);
    ok(legal::server(&whole.0, true));
    let other = run(&cuts(mode, seed, bytes.len()));
    assert!(
        other == whole,
        "{:?}\n{}\n{}",
        cuts(mode, seed, bytes.len()),
        common::text(&other.0),
        common::text(&whole.0)
    );
    let (_, default, secret) = make(config);
    // Where nothing is called that could end it.
    if default && config & 3 != 1 && policy >> 2 & 7 < 4 {
        compare(&whole.0, bytes, secret);
    }
    // What was written is whole packets, apart from what a close cuts off.
    let mut rest = &whole.1[..];
    while let [b'A', b'B', a, b, later @ ..] = rest {
        let n = usize::from(u16::from_be_bytes([*a, *b]));
        rest = later.get(n..).expect("a whole packet");
    }
    assert!(rest.is_empty());
}
