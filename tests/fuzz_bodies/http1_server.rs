//! Bytes of a client, whole and in pieces, with calls between that are right
//! and wrong; and the machine's verdict beside that of a second reader.
//!
//! Input: how the machine is made, the calls, two bytes of cuts, then the
//! bytes of the wire, or (bit 7 of the first) messages to build.

use vestibule::http1::{Rules, Server, ServerLimits};
use vestibule::{After, Error, Field, Id, Length, Limits, Refused, Server as _, Status as _};

use super::common::{self, Entry, Fact, What, feed, normal, put};
use super::http1_model::{self as model, End, Framing, Head};
use super::{Source, cuts, http1_text, legal, ok};

const ID: Id = Id::SOLE;

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

/// A call: what it refuses changes nothing.
pub fn tell<T>(
    server: &mut Server,
    call: impl FnOnce(&mut Server) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let before = *server;
    let result = call(server);
    if result.is_err() {
        assert_eq!(format!("{before:?}"), format!("{server:?}"));
    }
    result
}

/// The same for calls that are lent room: what they need is enough.
pub fn with_room(
    server: &mut Server,
    room: usize,
    call: impl Fn(&mut Server, &mut [u8]) -> Result<Vec<u8>, Refused>,
) -> Result<Vec<u8>, Refused> {
    match tell(server, |s| call(s, &mut vec![0; room])) {
        Err(Refused::Room { need }) => {
            assert!(need > room);
            let again = tell(server, |s| call(s, &mut vec![0; need]));
            assert!(!matches!(again, Err(Refused::Room { .. })), "{again:?}");
            again
        }
        other => other,
    }
}

fn rank(after: After) -> u8 {
    match after {
        After::Keep => 0,
        After::CloseWrite => 1,
        After::Close => 2,
    }
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
        4 | 5 => {
            let mut payload = &b"0123456789abcdef"[..more % 7];
            let all = payload.len();
            match tell(server, |s| s.body(ID, &mut payload)) {
                Ok(frame) => {
                    assert!(payload.is_empty());
                    out.extend(frame.slices().concat());
                }
                Err(_) => assert_eq!(payload.len(), all),
            }
        }
        6 | 7 => {
            let trailers = [Field::trailer(b"X-T", b"1"), Field::trailer(b"Host", b"h")];
            let frame = with_room(server, more, |s, room| {
                let frame = s.finish(ID, trailers.iter().copied().take(more % 3), room)?;
                Ok(frame.slices().concat())
            });
            out.extend(frame.unwrap_or_default());
        }
        8 => {
            let error = [Error::Internal, Error::Timeout, Error::Overloaded][more % 3];
            let frame = with_room(server, more * 8, |s, room| {
                Ok(s.fail(ID, error, room)?.slices().concat())
            });
            if let Ok(bytes) = frame {
                assert_ne!(server.after(), After::Keep);
                out.extend(bytes);
            }
        }
        9 => server.close_after(ID),
        10 if more == 0 => server.shutdown(),
        11 if more == 0 => server.cancel(),
        12 => {
            // Of no exchange that there is.
            let id = Id::new(2).expect("an id");
            let before = format!("{server:?}");
            let mut room = [0; 99];
            assert!(server.demand(id, 1).is_err());
            assert!(server.interim(id, 103, [], &mut room).is_err());
            assert!(server.head(id, 200, [], Length::None, &mut room).is_err());
            assert!(server.body(id, &mut &b"x"[..]).is_err());
            assert!(server.finish(id, [], &mut room).is_err());
            assert!(server.fail(id, Error::Internal, &mut room).is_err());
            server.close_after(id);
            assert_eq!(before, format!("{server:?}"));
        }
        13 => {
            // What no answer may carry.
            let bad = [
                Field::header(b"X", b"a\r\nb: c"),
                Field::header(b"X:", b"a"),
                Field::header(b"Transfer-Encoding", b"chunked"),
                Field::header(b"Connection", b"close"),
                Field::header(b"Content-Length", b"4"),
                Field::var(b"X", b"a"),
            ][more % 6];
            let before = format!("{server:?}");
            let mut room = [0; 200];
            let head = server.head(ID, 200, [bad], Length::Known(3), &mut room);
            assert!(head.is_err());
            assert!(server.interim(ID, 103, [bad], &mut room).is_err());
            assert_eq!(before, format!("{server:?}"));
        }
        _ => {}
    }
}

/// What the application does at a fact: only at those that no cut moves.
struct App<'a> {
    script: &'a [u8],
    /// The next call of the script.
    at: usize,
    /// Answers whatever the script left open at the end of each request.
    tidy: bool,
    rank: u8,
}

impl App<'_> {
    fn next(&mut self) -> u8 {
        let what = self.script[self.at % self.script.len()];
        self.at += 1;
        what
    }

    fn react(&mut self, server: &mut Server, fact: &Fact, out: &mut Vec<u8>) {
        let still = matches!(fact, Fact::Bytes { .. })
            || matches!(fact, Fact::Field { cut, .. }
                if !matches!(cut, vestibule::Cut::Whole | vestibule::Cut::Last));
        if still {
            return;
        }
        let calls = match self.script {
            [] => 0,
            _ => match fact {
                Fact::HeadEnd(..) => 3,
                Fact::BodyEnd(_) => 4,
                Fact::Begin(_) | Fact::Fault(..) | Fact::Abort(_) => 2,
                _ => 1,
            },
        };
        for _ in 0..calls {
            act(self.next(), server, out);
            self.look(server);
        }
        match fact {
            Fact::BodyEnd(_) if self.tidy => answer(server, out, self.at.is_multiple_of(2)),
            Fact::Fault(_, error) if self.tidy => self.fail(server, *error, out),
            _ => {}
        }
        self.look(server);
    }

    fn fail(&mut self, server: &mut Server, error: Error, out: &mut Vec<u8>) {
        let frame = with_room(server, 0, |s, room| {
            Ok(s.fail(ID, error, room)?.slices().concat())
        });
        out.extend(frame.unwrap_or_default());
    }

    /// The way to the close is never gone back.
    fn look(&mut self, server: &Server) {
        let rank = rank(server.after());
        assert!(rank >= self.rank, "{server:?}");
        self.rank = rank;
    }
}

/// A run over `input` with all that came of it.
fn story(config: u8, script: &[u8], input: &[u8], cuts: &[usize]) -> (Vec<Entry>, Vec<u8>, String) {
    let (mut server, _) = make(config);
    let close = config & 0x40 == 0;
    let mut app = App {
        script,
        at: 0,
        tidy: config & 0x20 == 0,
        rank: 0,
    };
    let (mut log, mut out, mut taken) = (Vec::new(), Vec::new(), 0);
    // What paused goes on after a call.
    for round in 0..4 {
        let cuts: Vec<usize> = cuts.iter().filter_map(|c| c.checked_sub(taken)).collect();
        let rest = &input[taken..];
        let mut react = |s: &mut Server, f: &Fact, out: &mut Vec<u8>| app.react(s, f, out);
        let (part, bytes) = ok(feed(&mut server, rest, &cuts, close, &mut react));
        out.extend(bytes);
        app.look(&server);
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
        if app.tidy {
            answer(&mut server, &mut out, false);
        }
        if !script.is_empty() {
            act(app.next(), &mut server, &mut out);
        }
        app.look(&server);
    }
    let log = ok(normal(&log));
    // What is open can be ended, and is then.
    let open = server.minor_version(ID).is_some();
    let failed = with_room(&mut server, 0, |s, room| {
        Ok(s.fail(ID, Error::Internal, room)?.slices().concat())
    });
    app.look(&server);
    match failed {
        Ok(bytes) => {
            assert_ne!(server.after(), After::Keep);
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
    assert_eq!(
        common::text(&whole.0),
        common::text(&split.0),
        "other events"
    );
    assert_eq!(whole.1, split.1, "other output");
    assert_eq!(whole.2, split.2, "other state");

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
