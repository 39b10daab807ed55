//! The AJP server machine: each limit at, below and above; each fault and its
//! answer.

mod common;

use common::ajp::{CPING, OPEN, answer, data, forward, get, post, stream, text};
use common::{check, feed, text as log_text};
use vestibule::ajp::{Server, ServerLimits, ServerRules};
use vestibule::{After, Id, Length, Next, Receive, Server as _, Status};

const ID: Id = Id::SOLE;
const D: ServerLimits = ServerLimits::DEFAULT;

fn run(limits: ServerLimits, bytes: &[u8]) -> String {
    let make = || Server::new(OPEN).limits(limits);
    let (log, _) = check(&make, bytes, false, &answer).unwrap();
    log_text(&log)
}

/// Good at `n` and above, that error below.
fn around(n: u32, error: &str, run: &dyn Fn(u32) -> String) {
    for (limit, good) in [(n - 1, false), (n, true), (n + 1, true)] {
        let log = run(limit);
        assert_eq!(
            !log.contains("fault") && !log.contains("error"),
            good,
            "{limit}: {log}"
        );
        let said = log.contains(&format!("fault {error}\n"));
        assert_eq!(said, !good, "{limit}: {log}");
    }
}

#[test]
fn limits() {
    let attributes = [&[5][..], &text(b"q"), &[3], &text(b"u")].concat();
    let head = forward(2, &[(b"a", b"b"), (b"c", b"d")], &attributes);
    let bytes = u32::try_from(head.len()).unwrap() - 4;
    around(bytes, "HeadTooLong", &|n| run(D.head_bytes(n), &head));
    around(2, "TooManyFields", &|n| run(D.fields(n), &head));
    around(2, "TooManyAttributes", &|n| {
        run(D.attributes(u16::try_from(n).unwrap()), &head)
    });
    let counted = [post(5), data(b"hello")].concat();
    around(5, "BodyTooLong", &|n| run(D.body_bytes(n.into()), &counted));
    let streamed = [stream(), data(b"hel"), data(b"lo"), data(b"")].concat();
    around(5, "BodyTooLong", &|n| {
        run(D.body_bytes(n.into()), &streamed)
    });
    // Zero allows nothing.
    assert!(run(D.head_bytes(0), &head).contains("fault HeadTooLong"));
    assert!(run(D.fields(0), &head).contains("fault TooManyFields"));
    assert!(run(D.attributes(0), &head).contains("fault TooManyAttributes"));
    assert!(run(D.body_bytes(0), &counted).contains("fault BodyTooLong"));
    assert!(run(D.fields(0).attributes(0), &forward(2, &[], &[])).contains("body-end"));
}

#[test]
fn packet_bytes() {
    // What is out of range is the nearest size.
    for (set, size) in [(0, 8192), (8192, 8192), (10_000, 10_000), (1 << 20, 65_536)] {
        for (more, good) in [(-1, true), (0, true), (1, false)] {
            let n = size + more;
            if n > 65_539 {
                continue;
            }
            let value =
                vec![b'v'; usize::try_from(n).unwrap() - forward(2, &[(b"a", b"")], &[]).len()];
            let bytes = match n {
                65_537.. => b"\x12\x34\xff\xfd".to_vec(),
                _ => forward(2, &[(b"a", &value)], &[]),
            };
            let mut server = Server::new(OPEN).limits(D.packet_bytes(set));
            let (log, _) = feed(&mut server, &bytes, &[], false, &mut answer).unwrap();
            let last = log_text(&log);
            assert_eq!(last.contains("body-end"), good, "{set} {n}: {last}");
            assert_eq!(last.ends_with("error PacketTooLong\n"), !good, "{last}");
        }
        // A body's packet is no head: it is refused as malformed.
        for (n, good) in [(size - 4, true), (size - 3, false)] {
            let Ok(n) = u16::try_from(n) else { continue };
            let mut server = Server::new(OPEN).limits(D.packet_bytes(set));
            let mut bytes = forward(4, &[(b"content-length", b"70000")], &[]);
            bytes.extend([&b"\x12\x34"[..], &n.to_be_bytes(), &(n - 2).to_be_bytes()].concat());
            bytes.push(b'x');
            let (log, out) = feed(&mut server, &bytes, &[], false, &mut answer).unwrap();
            let last = log_text(&log);
            assert_eq!(last.contains("BadPacket"), !good, "{set} {n}: {last}");
            assert!(!last.contains("PacketTooLong"), "{last}");
            // SEND_HEADERS with status 400.
            let refused = out
                .windows(7)
                .any(|w| w[..2] == *b"AB" && w[4..] == [4, 1, 144]);
            assert_eq!(refused, !good, "{}", out.escape_ascii());
        }
        // And so are the pieces of a body that are asked for and written.
        let mut server = Server::new(OPEN).limits(D.packet_bytes(set));
        let mut input = &stream()[..];
        while let Next::Event(_) = server.next(&mut input).unwrap() {}
        let asked = server.demand(ID, usize::MAX).unwrap().slices().concat();
        let asked = i32::from(u16::from_be_bytes([asked[5], asked[6]]));
        assert_eq!(asked, size - 6);
        let mut room = [0; 64];
        let _ = server
            .head(ID, 200, [], Length::Unknown, &mut room)
            .unwrap();
        let mut payload = &[7; 70_000][..];
        let frame = server.body(ID, &mut payload).unwrap();
        assert_eq!(i32::try_from(frame.len()).unwrap(), size);
        assert_eq!(frame.slices()[1].len() + payload.len(), 70_000);
    }
}

#[test]
fn linger_bytes() {
    for (n, after) in [
        (9, After::CloseWrite),
        (10, After::CloseWrite),
        (11, After::Close),
    ] {
        let mut server = Server::new(OPEN).limits(D.linger_bytes(10));
        server.shutdown();
        for piece in vec![0; n].chunks(4) {
            assert!(matches!(server.next(&mut &*piece), Ok(Next::NeedInput)));
        }
        assert_eq!(server.after(), after, "{n}");
    }
}

/// Behind a good request one that is bad: it has its status, the connection
/// ends, and nothing comes after. `Err` only where framing is lost.
#[test]
fn faults() {
    let strict = || Server::new(ServerRules::STRICT.secret(b"s"));
    let secret = [&[12][..], &text(b"s")].concat();
    let with = |more: &[u8]| [&secret[..], more].concat();
    let good = forward(2, &[], &secret);
    let attribute = [&[10][..], &text(b"x"), &text(b"y")].concat();
    let head = |name: &[u8], value: &[u8]| forward(4, &[(name, value)], &secret);
    let (alone, first) = check(&strict, &good, false, &answer).unwrap();
    let many: Vec<(&[u8], &[u8])> = vec![(b"a", b"b"); 101];
    let known = forward(4, &[(b"content-length", b"5")], &secret);
    for (error, status, lost, bad) in [
        ("Secret", 403, false, get()),
        ("Attribute", 403, false, forward(2, &[], &with(&attribute))),
        (
            "AttributeCode(14)",
            400,
            false,
            forward(2, &[], &with(&[14])),
        ),
        (
            "DuplicateAttribute(6)",
            400,
            false,
            forward(2, &[], &with(b"\x06\0\0\0\x06\0\0\0")),
        ),
        ("MethodCode(99)", 400, false, forward(99, &[], &secret)),
        ("BadPacket", 400, false, forward(2, &[], &with(b"\xff\0"))),
        ("HeaderCode(200)", 400, false, {
            let mut bytes = head(b"\xa0", b"");
            // The length of the name and its first byte become a code.
            let at = bytes.windows(4).position(|w| w == b"\0\x01\xa0\0").unwrap();
            bytes[at] = 0xa0;
            bytes[at + 1] = 200;
            bytes
        }),
        ("BadField", 400, false, head(b"a b", b"")),
        ("BadValue", 400, false, head(b"a", b"\n")),
        ("ContentLength", 400, false, head(b"content-length", b"x")),
        ("Coding", 501, false, head(b"transfer-encoding", b"x")),
        ("TooManyFields", 431, false, forward(2, &many, &secret)),
        (
            "TooManyAttributes",
            431,
            false,
            forward(2, &[], &secret.repeat(65)),
        ),
        (
            "BodyExcess",
            400,
            true,
            [&known[..], &data(b"hello!")].concat(),
        ),
        ("BodyShort", 400, true, [&known[..], &data(b"")].concat()),
        ("BadPacket", 400, true, [&known[..], CPING].concat()),
        ("Magic(16706)", 400, true, [&known[..], b"AB\0\0"].concat()),
    ] {
        let bytes = [&good[..], &bad, &good].concat();
        let (log, out) = check(&strict, &bytes, false, &answer).unwrap();
        assert_eq!(log[..alone.len()], alone, "{error}");
        let all = log_text(&log);
        let end = match lost {
            true => format!("1 fault {error}\nerror {error}\n"),
            false => format!("1 fault {error}\n"),
        };
        assert!(all.ends_with(&end), "{error}: {all}");
        let refusal = out.strip_prefix(&first[..]).expect("the first answer");
        let [a, b] = u16::try_from(status).unwrap().to_be_bytes();
        assert_eq!(
            (&refusal[..2], &refusal[4..7]),
            (&b"AB"[..], &[4, a, b][..]),
            "{error}"
        );
        assert!(refusal.ends_with(b"AB\0\x02\x05\0"), "{error}");
    }
}
