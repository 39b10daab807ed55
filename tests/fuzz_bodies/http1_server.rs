//! Bytes of a client, whole and in pieces, with calls between that are right
//! and wrong; and the machine's verdict beside that of a second reader.
//!
//! Input: how the machine is made, the calls, two bytes of cuts, then the
//! bytes of the wire, or (bit 7 of the first) messages to build.

use vestibule::http1::{Rules, Server, ServerLimits};
use vestibule::{Error, Field, Length, Limits, Refused, Server as _, Status as _};

use super::calls::{self, ID, Script, Story, loose, same, tell, with_room};
use super::common::{self, Entry, Fact, What, feed, normal, put};
use super::http1_model::{self as model, End, Framing, Head};
use super::{Source, cuts, http1_text, legal, ok};

/// One of the machines that the input may ask for; whether it is the strict one.
fn make(config: u8) -> (Server, bool) {
    let limits = match config >> 2 & 3 {
        0 | 1 => ServerLimits::DEFAULT,
        2 => ServerLimits {
            common: Limits::DEFAULT.head_bytes(80).fields(4).body_bytes(20),
            method_bytes: 4,
            target_bytes: 8,
            line_bytes: 40,
            extension_bytes: 8,
            extensions_bytes: 12,
            trailer_bytes: 20,
            trailer_fields: 2,
            blank_lines: 1,
            drain_bytes: 10,
            linger_bytes: 30,
        },
        _ => ServerLimits {
            common: Limits::DEFAULT.head_bytes(60).fields(2).body_bytes(0),
            blank_lines: 0,
            drain_bytes: 0,
            linger_bytes: 0,
            ..ServerLimits::DEFAULT
        },
    };
    let rules = match config & 3 {
        0 | 1 => Rules::STRICT,
        2 => Rules::STRICT
            .bare_lf(true)
            .folding(true)
            .blank_before_colon(true)
            .high_target_bytes(true)
            .fragment(true),
        _ => Rules::STRICT
            .equal_lengths(true)
            .coding_wins(true)
            .any_expectation(true)
            .known_versions(true)
            .bare_lf(true),
    };
    let strict = rules == Rules::STRICT && limits == ServerLimits::DEFAULT;
    (Server::with_limits(limits).rules(rules), strict)
}

/// The usual answer, whole: 404 without a body, or in chunks.
fn answer(server: &mut Server, out: &mut Vec<u8>, chunked: bool) {
    let mut room = [0; 200];
    let chunked = chunked && server.minor_version(ID) == Some(1);
    let length = if chunked {
        Length::Unknown
    } else {
        Length::Known(0)
    };
    if let Ok(frame) = server.head(ID, 404, [], length, &mut room) {
        put(out, frame);
        if chunked {
            put(out, server.body(ID, &mut &b"body"[..]).expect("body"));
        }
    }
    let trailers = [Field::trailer(b"X-T", b"1")];
    if let Ok(frame) = server.finish(ID, trailers, &mut room) {
        put(out, frame);
    }
}

/// One call, of those that may be right and those that may not.
fn act(what: u8, server: &mut Server, out: &mut Vec<u8>) {
    let more = usize::from(what >> 4);
    match what & 15 {
        0 => {
            let frame = tell(server, |s| s.demand(ID, 9));
            out.extend(frame.map(|f| f.slices().concat()).unwrap_or_default());
        }
        1 => {
            let status = [103, 100, 199, 101, 200, 99][more % 6];
            let fields = [Field::header(b"Link", b"x"), Field::header(b"X", b"y")];
            let fields = &fields[..more % 3];
            let frame = with_room(server, more * 4, |s, room| {
                let frame = s.interim(ID, status, fields.iter().copied(), room)?;
                Ok(frame.slices().concat())
            });
            out.extend(frame.unwrap_or_default());
        }
        2 | 3 => {
            let status = [200, 204, 304, 101, 500, 299, 600, 100][more % 8];
            let length = [
                Length::Known(3),
                Length::Unknown,
                Length::None,
                Length::Known(0),
            ][usize::from(what & 1) * 2 + more / 8];
            let fields = [Field::header(b"Upgrade", b"x"), Field::header(b"X-A", b"1")];
            let fields = &fields[usize::from(status != 101)..];
            let frame = with_room(server, more * 8, |s, room| {
                let frame = s.head(ID, status, fields.iter().copied(), length, room)?;
                Ok(frame.slices().concat())
            });
            out.extend(frame.unwrap_or_default());
        }
        6 | 7 => {
            let trailers = [Field::trailer(b"X-T", b"1"), Field::trailer(b"Host", b"h")];
            let frame = with_room(server, more, |s, room| {
                let frame = s.finish(ID, trailers.iter().copied().take(more % 3), room)?;
                Ok(frame.slices().concat())
            });
            out.extend(frame.unwrap_or_default());
        }
        13 => {
            calls::act(what, server, out);
            let bad = [calls::bad(more)];
            let interim = tell(server, |s| {
                Ok(s.interim(ID, 103, bad, &mut [0; 200])?.is_empty())
            });
            assert!(interim.is_err());
        }
        _ => calls::act(what, server, out),
    }
}

/// What the application does at a fact: only at those that no cut moves. `tidy`:
/// it answers whatever the script left open at the end of each request.
fn react(script: &mut Script<'_>, tidy: bool, server: &mut Server, fact: &Fact, out: &mut Vec<u8>) {
    if loose(fact) {
        return;
    }
    let calls = match fact {
        Fact::HeadEnd(..) => 3,
        Fact::BodyEnd(_) => 4,
        Fact::Begin(_) | Fact::Fault(..) | Fact::Abort(_) => 2,
        _ => 1,
    };
    script.play(calls, server, out, act);
    match fact {
        Fact::BodyEnd(_) if tidy => answer(server, out, script.at.is_multiple_of(2)),
        Fact::Fault(_, error) if tidy => {
            out.extend(calls::fail(server, 0, *error).unwrap_or_default());
        }
        _ => {}
    }
    script.look(server);
}

/// A run over `input` with all that came of it.
fn story(config: u8, script: &[u8], input: &[u8], cuts: &[usize]) -> Story {
    let (mut server, _) = make(config);
    let close = config & 0x40 == 0;
    let tidy = config & 0x20 == 0;
    let mut script = Script::new(script);
    let (mut log, mut out, mut taken) = (Vec::new(), Vec::new(), 0);
    // What paused goes on after a call.
    for round in 0..4 {
        let cuts: Vec<usize> = cuts.iter().filter_map(|c| c.checked_sub(taken)).collect();
        let rest = &input[taken..];
        let mut react = |s: &mut Server, f: &Fact, out: &mut Vec<u8>| {
            react(&mut script, tidy, s, f, out);
        };
        let (part, bytes) = ok(feed(&mut server, rest, &cuts, close, &mut react));
        out.extend(bytes);
        script.look(&server);
        let left = part.iter().rev().find_map(|e| match e.fact {
            Fact::Paused(n) => Some(n),
            _ => None,
        });
        let over = part.iter().any(|e| matches!(e.fact, Fact::Err(_)));
        log.extend(part.into_iter().map(|e| Entry {
            at: e.at.saturating_add(taken),
            fact: e.fact,
        }));
        if over || left.is_none() || round == 3 {
            break;
        }
        taken = input.len() - left.unwrap_or(0);
        if tidy {
            answer(&mut server, &mut out, false);
        }
        script.play(1, &mut server, &mut out, act);
        script.look(&server);
    }
    let log = ok(normal(&log));
    // What is open can be ended, and is then.
    let open = server.minor_version(ID).is_some();
    let failed = calls::fail(&mut server, 0, Error::Internal);
    script.look(&server);
    match failed {
        Ok(bytes) => {
            assert_eq!(server.minor_version(ID), None);
            out.extend(bytes);
        }
        // HTTP was left, by the answer to CONNECT or to an upgrade.
        Err(refused) => match open {
            true => assert!(refused == Refused::State && switched(&out)),
            false => assert_eq!(refused, Refused::UnknownId),
        },
    }
    let state = format!("{:?} {:?}", server.phase(), server.after());
    (log, out, state)
}

/// Whether the last answer ends HTTP on the connection.
fn switched(out: &[u8]) -> bool {
    let heads: Vec<usize> = (0..out.len())
        .filter(|&at| out[at..].starts_with(b"HTTP/1.1 "))
        .collect();
    heads.last().is_some_and(|&at| {
        let status = &out[at + 9..];
        status.starts_with(b"101 ") || status.starts_with(b"2")
    })
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let (config, mode, seed) = (source.byte(), source.byte(), source.byte());
    let long = source.below(24);
    let script = source.take(long);
    let built;
    let input = if config & 0x80 != 0 {
        built = http1_text::requests(&mut source);
        &built[..]
    } else {
        source.0
    };
    let whole = story(config, script, input, &[]);
    let split = story(config, script, input, &cuts(mode, seed, input.len()));
    same(&whole, &split);

    let (log, out, _) = whole;
    ok(legal::server(&log, true).map_err(|e| format!("{e}\n{}", common::text(&log))));
    let mut methods: Vec<Vec<u8>> = groups(&log).iter().map(|g| method(g)).collect();
    // What is no request is refused too.
    if log.iter().any(|e| matches!(e.fact, Fact::Err(_))) {
        methods.push(Vec::new());
    }
    ok(model::answers(&out, &methods, true).map_err(|e| format!("{e}\n{}", out.escape_ascii())));
    if script.is_empty() && config & 0x20 == 0 && make(config).1 && input.len() < 4_000 {
        oracle(input, &log, &out);
    }
}

/// The facts of each request, and those before the first one.
fn groups(log: &[Entry]) -> Vec<Vec<Fact>> {
    let mut all: Vec<Vec<Fact>> = Vec::new();
    for entry in log {
        match (&entry.fact, all.last_mut()) {
            (Fact::Begin(_), _) => all.push(Vec::new()),
            (Fact::Paused(_), _) => {}
            (fact, Some(group)) => group.push(fact.clone()),
            (_, None) => {}
        }
    }
    all
}

fn method(group: &[Fact]) -> Vec<u8> {
    match group.first() {
        Some(Fact::Field { name, value, .. }) if name == b"REQUEST_METHOD" => value.clone(),
        _ => Vec::new(),
    }
}

/// The fields of a group, without trailers or with them alone.
pub fn fields(group: &[Fact], trailers: bool) -> model::Lines {
    group
        .iter()
        .filter_map(|f| match f {
            Fact::Field {
                space, name, value, ..
            } if trailers == (*space == vestibule::Space::Trailer) => {
                Some((name.clone(), value.clone()))
            }
            _ => None,
        })
        .collect()
}

pub fn bytes(group: &[Fact]) -> Vec<u8> {
    group
        .iter()
        .filter_map(|f| match f {
            Fact::Bytes { what, bytes, .. } if *what == What::Body => Some(&bytes[..]),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat()
}

/// The second reader sees the same requests, and no other.
fn oracle(input: &[u8], log: &[Entry], out: &[u8]) {
    let show = || format!("{}\n{}", common::text(log), input.escape_ascii());
    let error = log.iter().find_map(|e| match e.fact {
        Fact::Err(error) => Some(error),
        _ => None,
    });
    let groups = groups(log);
    let mut groups = groups.iter();
    let mut rest = input;
    let mut whole = 0;
    let refused = loop {
        let Some(front) = model::blanks(rest) else {
            break Some(None);
        };
        if front.is_empty() {
            break None;
        }
        let group = groups
            .next()
            .unwrap_or_else(|| panic!("a request is missing\n{}", show()));
        let end = group.iter().find_map(|f| match f {
            Fact::HeadEnd(_, None, length) => Some(*length),
            _ => None,
        });
        let (lines, head, behind) = match model::request(front) {
            Head::Open => {
                assert_eq!(end, None, "{}", show());
                return;
            }
            Head::Bad => {
                assert_eq!(end, None, "{}", show());
                break Some(None);
            }
            Head::Refused(lines, statuses) => {
                assert_eq!(fields(group, false), lines, "{}", show());
                assert_eq!(end, None, "{}", show());
                break Some(Some(statuses));
            }
            Head::Good(lines, head, behind) => (lines, head, behind),
        };
        assert_eq!(fields(group, false), lines, "{}", show());
        let length = match head.framing {
            Framing::Counted(n) => Length::Known(n),
            Framing::Chunked => Length::Unknown,
            _ => Length::None,
        };
        assert_eq!(end, Some(length), "{}", show());
        let body = model::body(head.framing, behind, 103 - lines.len());
        assert_eq!(bytes(group), body.bytes, "{}", show());
        let ended = group.iter().any(|f| matches!(f, Fact::BodyEnd(_)));
        let fault = group.iter().any(|f| matches!(f, Fact::Fault(..)));
        match body.end {
            End::Whole(behind) => {
                assert!(ended && !fault, "{}", show());
                assert_eq!(fields(group, true), body.trailers, "{}", show());
                whole += 1;
                rest = behind;
            }
            End::Cut => {
                assert!(!ended && !fault, "{}", show());
                return;
            }
            End::Open => {
                assert!(!ended, "{}", show());
                return;
            }
            End::Bad => {
                assert!(!ended && fault, "{}", show());
                break Some(None);
            }
        }
        if !head.keep {
            break None;
        }
    };
    assert!(groups.next().is_none(), "one request too many\n{}", show());
    match refused {
        None => assert_eq!(error, None, "{}", show()),
        Some(statuses) => {
            let error = error.unwrap_or_else(|| panic!("not refused\n{}", show()));
            if let Some(statuses) = statuses {
                assert!(
                    statuses.contains(&error.status()),
                    "{statuses:?}\n{}",
                    show()
                );
            }
        }
    }
    let methods: Vec<Vec<u8>> = vec![b"GET".to_vec(); 10_000];
    if let Ok(all) = model::answers(out, &methods, true) {
        assert!(all.len() >= whole, "{}", show());
    }
}
