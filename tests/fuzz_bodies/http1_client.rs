//! Bytes of a server, whole and in pieces, with calls between that are right
//! and wrong; and the machine's verdict beside that of a second reader.
//!
//! Input: how the machine is made, what is asked, the calls, two bytes of
//! cuts, then the bytes of the wire, or (bit 7 of the first) messages to build.

use vestibule::http1::{Client, ClientLimits, Rules};
use vestibule::{After, Client as _, Ending, Field, Id, Length, Limits, Refused, Status as _};

use super::common::{self, Entry, Fact, feed, normal, put};
use super::http1_model::{self as model, End, Framing, Head};
use super::http1_server::{bytes, fields};
use super::{Source, cuts, http1_text, legal, ok};

const ID: Id = Id::SOLE;

/// One of the machines that the input may ask for; whether it is the strict one.
fn make(config: u8) -> (Client, bool) {
    let limits = match config >> 2 & 3 {
        0 | 1 => ClientLimits::DEFAULT,
        2 => ClientLimits {
            common: Limits::DEFAULT.head_bytes(80).fields(4).body_bytes(20),
            line_bytes: 40,
            extension_bytes: 8,
            extensions_bytes: 12,
            trailer_bytes: 20,
            trailer_fields: 2,
            interim: 2,
            blank_lines: 1,
        },
        _ => ClientLimits {
            common: Limits::DEFAULT.head_bytes(60).fields(2).body_bytes(0),
            interim: 0,
            blank_lines: 0,
            ..ClientLimits::DEFAULT
        },
    };
    let rules = match config & 3 {
        0 | 1 => Rules::STRICT,
        2 => Rules::STRICT
            .bare_lf(true)
            .folding(true)
            .blank_before_colon(true)
            .other_codings(true),
        _ => Rules::STRICT
            .equal_lengths(true)
            .coding_wins(true)
            .chunked_alone(true)
            .known_versions(true)
            .exact_status_line(true),
    };
    let strict = rules == Rules::STRICT && limits == ClientLimits::DEFAULT;
    (Client::with_limits(limits).rules(rules), strict)
}

/// A call: what it refuses changes nothing.
pub fn ask<T>(
    client: &mut Client,
    call: impl FnOnce(&mut Client) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let before = *client;
    let result = call(client);
    if result.is_err() {
        assert_eq!(format!("{before:?}"), format!("{client:?}"));
    }
    result
}

fn asked(what: u8) -> &'static [u8] {
    [&b"GET"[..], b"HEAD", b"CONNECT", b"POST"][usize::from(what & 3)]
}

/// Opens a request as `what` says. With bit 7 its body is not sent yet.
fn open(client: &mut Client, what: u8, out: &mut Vec<u8>) -> bool {
    let method = asked(what);
    let target: &[u8] = if method == b"CONNECT" { b"h:80" } else { b"/a" };
    let length = match what >> 2 & 3 {
        _ if method == b"CONNECT" => Length::None,
        0 | 1 => Length::None,
        2 => Length::Known(3),
        _ => Length::Unknown,
    };
    let fields = [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", target),
        Field::header(b"Host", b"h"),
        Field::header(b"Expect", b"100-continue"),
    ];
    let expects = what & 0x10 != 0 && length != Length::None;
    let fields = &fields[..3 + usize::from(expects)];
    let room = &mut [0; 200][..if what & 0x60 == 0x60 { 20 } else { 200 }];
    let opened = ask(client, |c| {
        let (id, frame) = c.open(fields.iter().copied(), length, room)?;
        Ok((id, frame.slices().concat()))
    });
    let bytes = match opened {
        Ok((id, bytes)) => {
            assert_eq!(id, ID);
            bytes
        }
        Err(refused) => {
            assert!(matches!(refused, Refused::Full | Refused::Room { .. }));
            return false;
        }
    };
    out.extend(bytes);
    assert_eq!(client.free(), 0);
    if what & 0x80 == 0 && !expects {
        send(client, length, out);
    }
    true
}

/// The whole body.
fn send(client: &mut Client, length: Length, out: &mut Vec<u8>) {
    if length == Length::None {
        return;
    }
    let mut room = [0; 100];
    put(out, client.body(ID, &mut &b"abc"[..]).expect("body"));
    let trailers = [Field::trailer(b"X-T", b"1")];
    let end = client.body_end(ID, trailers, &mut room);
    put(out, end.expect("end of the body"));
}

/// One call, of those that may be right and those that may not.
fn act(what: u8, client: &mut Client, out: &mut Vec<u8>) {
    let more = usize::from(what >> 4);
    match what & 15 {
        0..=2 => {
            let credit = client.credit(ID);
            let mut payload = &b"abcdef"[..more % 7];
            let all = payload.len();
            match ask(client, |c| c.body(ID, &mut payload)) {
                Ok(frame) => {
                    assert!(all - payload.len() <= credit);
                    assert!(payload.is_empty() || credit == 0);
                    out.extend(frame.slices().concat());
                }
                Err(_) => assert_eq!(payload.len(), all),
            }
        }
        3 | 4 => {
            let mut room = [0; 40];
            let trailers = [Field::trailer(b"X-T", b"1"), Field::trailer(b"Host", b"h")];
            let frame = ask(client, |c| {
                let frame = c.body_end(ID, trailers.iter().copied().take(more % 3), &mut room)?;
                Ok(frame.slices().concat())
            });
            out.extend(frame.unwrap_or_default());
        }
        5 if more < 4 => {
            if let Ok(frame) = ask(client, |c| c.abort(ID)) {
                assert!(frame.is_empty());
                assert_eq!((client.after(), client.credit(ID)), (After::Close, 0));
                assert!(client.body(ID, &mut &b"x"[..]).is_err() && client.abort(ID).is_err());
            }
        }
        6 => drop(ask(client, |c| c.proceed(ID))),
        7 if more == 0 => client.cancel(),
        8 if more < 4 => client.last(),
        9 => {
            // Of no exchange that there is.
            let id = Id::new(2).expect("an id");
            let before = format!("{client:?}");
            assert!(client.body(id, &mut &b"x"[..]).is_err());
            assert!(client.body_end(id, [], &mut []).is_err());
            assert!(client.abort(id).is_err() && client.proceed(id).is_err());
            assert_eq!((client.credit(id), client.minor_version(id)), (0, None));
            assert_eq!(before, format!("{client:?}"));
        }
        _ => {}
    }
}

/// A run over `input` with all that came of it. A `Begin` stands for each
/// request that was opened.
fn story(
    config: u8,
    what: u8,
    script: &[u8],
    input: &[u8],
    cuts: &[usize],
) -> (Vec<Entry>, Vec<u8>, String) {
    let (mut client, _) = make(config);
    let close = config & 0x40 == 0;
    let again = config & 0x20 != 0;
    let mut out = Vec::new();
    let first = what & 0x60 != 0x20 && open(&mut client, what, &mut out);
    let mut at = 0;
    // After how many facts that no cut moves each other one was opened.
    let (mut seen, mut opened) = (0, Vec::new());
    let mut before = After::Keep;
    let mut react = |client: &mut Client, fact: &Fact, out: &mut Vec<u8>| {
        // The way to the close is never gone back.
        assert!(before == After::Keep || client.after() == before);
        before = client.after();
        let still = matches!(fact, Fact::Bytes { .. })
            || matches!(fact, Fact::Field { cut, .. }
                if !matches!(cut, vestibule::Cut::Whole | vestibule::Cut::Last));
        if still {
            return;
        }
        for _ in 0..usize::from(!script.is_empty()) * 2 {
            act(script[at % script.len()], client, out);
            at += 1;
        }
        if matches!(fact, Fact::Demand(..)) {
            // Asked for again and again: the end was said, or it is said now.
            let _ = ask(client, |c| {
                Ok(c.body_end(ID, [], &mut [])?.slices().concat())
            })
            .map(|bytes| out.extend(bytes));
        }
        if let Fact::Done { reuse, .. } = fact {
            seen += 1;
            assert_eq!(client.minor_version(ID), None);
            assert!(*reuse == (client.free() == 1) || !script.is_empty());
            if again && open(client, what, out) {
                assert!(*reuse);
                opened.push(seen);
            }
        }
    };
    let (log, bytes) = ok(feed(&mut client, input, cuts, close, &mut react));
    out.extend(bytes);
    let mut story = Vec::new();
    if first {
        story.push(Entry {
            at: 0,
            fact: Fact::Begin(1),
        });
    }
    let mut count = 0;
    for entry in ok(normal(&log)) {
        let done = matches!(entry.fact, Fact::Done { .. });
        let at = entry.at;
        story.push(entry);
        count += usize::from(done);
        if done && opened.contains(&count) {
            story.push(Entry {
                at,
                fact: Fact::Begin(1),
            });
        }
    }
    let state = format!(
        "{:?} {:?} {}",
        client.phase(),
        client.after(),
        client.free()
    );
    (story, out, state)
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let (config, what) = (source.byte(), source.byte());
    let (mode, seed) = (source.byte(), source.byte());
    let long = source.below(24);
    let script = source.take(long);
    let built;
    let input = if config & 0x80 != 0 {
        built = http1_text::answers(&mut source);
        &built[..]
    } else {
        source.0
    };
    let whole = story(config, what, script, input, &[]);
    let split = story(config, what, script, input, &cuts(mode, seed, input.len()));
    assert_eq!(
        common::text(&whole.0),
        common::text(&split.0),
        "other events"
    );
    assert_eq!(whole.1, split.1, "other output");
    assert_eq!(whole.2, split.2, "other state");

    let (log, out, _) = whole;
    let show = || format!("{}\n{}", common::text(&log), input.escape_ascii());
    let open = ok(
        legal::client(&log, &[], asked(what) == b"HEAD", false, false)
            .map_err(|e| format!("{e}\n{}", show())),
    );
    let close = config & 0x40 == 0;
    let lost = log.iter().any(|e| matches!(e.fact, Fact::Err(_)));
    let paused = log.iter().any(|e| matches!(e.fact, Fact::Paused(_)));
    if lost || close && !paused {
        assert_eq!(open, [], "no Done\n{}", show());
    }
    requests(&log, &out);
    let sent = what & 0x80 == 0 && what & 0x10 == 0;
    if script.is_empty() && make(config).1 && sent && input.len() < 4_000 {
        oracle(config, asked(what), input, &log);
    }
}

/// What was written is as many requests as were opened; the last may be cut.
fn requests(log: &[Entry], out: &[u8]) {
    let opened = log.iter().filter(|e| matches!(e.fact, Fact::Begin(_)));
    let mut left = opened.count();
    let mut rest = out;
    while !rest.is_empty() {
        assert!(left > 0, "more requests: {}", out.escape_ascii());
        left -= 1;
        let Head::Good(_, head, behind) = model::request(rest) else {
            panic!("no request: {}", rest.escape_ascii());
        };
        match model::body(head.framing, behind, 32).end {
            End::Whole(behind) => rest = behind,
            End::Cut => rest = &[],
            end => panic!("{end:?}: {}", rest.escape_ascii()),
        }
        assert!(head.keep || rest.is_empty(), "{}", out.escape_ascii());
    }
}

/// The second reader sees the same answers, and no other.
fn oracle(config: u8, method: &[u8], input: &[u8], log: &[Entry]) {
    let show = || format!("{}\n{}", common::text(log), input.escape_ascii());
    let (close, again) = (config & 0x40 == 0, config & 0x20 != 0);
    let facts: Vec<Fact> = log.iter().map(|e| e.fact.clone()).collect();
    let requests = facts.split(|f| matches!(f, Fact::Begin(_))).skip(1);
    let mut rest = input;
    for group in requests {
        let done = group.iter().find_map(|f| match f {
            Fact::Done { ending, reuse, .. } => Some((*ending, *reuse)),
            _ => None,
        });
        let failed = matches!(done, Some((Ending::Failed(_), false)));
        let (mut heads, mut left) = (0, 100);
        let (lines, head, behind) = loop {
            let Some(front) = model::blanks(rest) else {
                assert!(failed, "{}", show());
                return;
            };
            if front.is_empty() {
                assert!(done.is_none() || close && failed, "{}", show());
                return;
            }
            match model::answer(front, method) {
                Head::Good(lines, head, behind) => {
                    heads += usize::from(head.status < 200);
                    if lines.len() - 1 > left || heads > 16 {
                        assert!(failed, "{}", show());
                        return;
                    }
                    left -= lines.len() - 1;
                    if head.status >= 200 {
                        break (lines, head, behind);
                    }
                    rest = behind;
                }
                Head::Open => {
                    assert!(done.is_none() || failed, "{}", show());
                    assert_eq!(end(group), None, "{}", show());
                    return;
                }
                Head::Bad | Head::Refused(..) => {
                    assert!(failed && end(group).is_none(), "{}", show());
                    return;
                }
            }
        };
        assert_eq!(end(group), Some(head.status), "{}", show());
        let last = group.iter().rposition(|f| matches!(f, Fact::Interim(..)));
        let from = last.map_or(0, |at| at + 1);
        assert_eq!(fields(&group[from..], false), lines, "{}", show());
        let body = model::body(head.framing, behind, left);
        assert_eq!(bytes(group), body.bytes, "{}", show());
        let complete = matches!(done, Some((Ending::Complete { .. }, _)));
        match body.end {
            End::Whole(behind) => {
                assert!(complete, "{}", show());
                assert_eq!(fields(group, true), body.trailers, "{}", show());
                rest = behind;
            }
            End::Cut if head.framing == Framing::Close => {
                assert_eq!(complete, close, "{}", show());
                return;
            }
            End::Cut | End::Open => {
                assert!(!complete, "{}", show());
                return;
            }
            End::Bad => {
                assert!(failed, "{}", show());
                return;
            }
        }
        let tunnel = method == b"CONNECT" && head.status / 100 == 2;
        let reuse = done.is_some_and(|d| d.1);
        if tunnel {
            assert!(!reuse);
            return;
        }
        // What came with the close behind it is not used again.
        assert!(!reuse || head.keep, "{}", show());
        assert!(reuse || !head.keep || close || odd(&lines), "{}", show());
        if !(again && reuse) {
            break;
        }
    }
    // Behind all answers there is nothing but empty lines.
    let surplus = facts.iter().any(|f| matches!(f, Fact::Err(_)));
    match model::blanks(rest) {
        Some([]) => {}
        _ if facts.iter().any(|f| matches!(f, Fact::Paused(_))) => {}
        _ => assert!(surplus, "{}", show()),
    }
}

/// Such an answer may be the last, whatever it says.
fn odd(lines: &model::Lines) -> bool {
    lines.iter().any(|l| model::is(&l.0, "Transfer-Encoding"))
}

fn end(group: &[Fact]) -> Option<u16> {
    group.iter().find_map(|f| match f {
        Fact::HeadEnd(_, status, _) => *status,
        _ => None,
    })
}
