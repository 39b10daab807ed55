//! Bytes of a container, whole and in pieces, with calls between that are right
//! and wrong; the account of what was asked for and sent; and the machine's
//! verdict beside that of a second reader.
//!
//! Input: how the machine is made, what is asked, two bytes of cuts, the calls,
//! then the bytes of the wire, or (bit 7 of the first) packets to build.

use vestibule::ajp::{Client, ClientLimits, ClientRules};
use vestibule::{After, Client as _, Ending, Field, Id, Length, Limits, Refused, Status as _};

use super::ajp_model::{self as model, Verdict};
use super::common::{self, Entry, Fact, feed, normal};
use super::{Source, cuts, legal, ok};

const ID: Id = Id::SOLE;

/// One of the machines that the input may ask for; whether it is the strict one.
fn make(config: u8) -> (Client, bool) {
    let limits = match config >> 2 & 3 {
        0 | 1 => ClientLimits::DEFAULT,
        2 => ClientLimits {
            common: Limits::DEFAULT.head_bytes(80).fields(4).body_bytes(20),
            packet_bytes: 65_536,
            flushes: 2,
            late_demands: 1,
        },
        _ => ClientLimits {
            common: Limits::DEFAULT.head_bytes(30).fields(1).body_bytes(0),
            packet_bytes: 9_000,
            flushes: 0,
            late_demands: 0,
        },
    };
    let rules = match config & 3 {
        0 | 1 => ClientRules::STRICT,
        2 => ClientRules::STRICT.missing_pad(true).interim(true),
        _ => ClientRules::STRICT.any_status(true),
    };
    let strict = rules == ClientRules::STRICT && limits == ClientLimits::DEFAULT;
    (Client::new().limits(limits).rules(rules), strict)
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

/// What the container is owed: one packet, of at most so many bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Account {
    pub allowed: usize,
    /// It was asked for, so that the end may be said too.
    pub asked: bool,
    /// Of a counted body: what is still to come.
    pub left: Option<usize>,
}

impl Account {
    pub fn opened(length: Length, size: usize) -> Self {
        let left = match length {
            Length::None => Some(0),
            Length::Known(n) => Some(n as usize),
            Length::Unknown => None,
        };
        Account {
            allowed: left.unwrap_or(0).min(size - 6),
            asked: false,
            left,
        }
    }

    pub fn demanded(&mut self, max: usize, size: usize) {
        assert!((1..=size - 6).contains(&max));
        assert!(self.allowed == 0 && !self.asked, "a second demand");
        let left = self.left.filter(|left| *left > 0);
        assert!(left.is_none_or(|left| max <= left));
        *self = Account {
            allowed: max,
            asked: true,
            ..*self
        };
    }

    /// A frame of the body, whole: what was in it.
    pub fn sent(&mut self, frame: &[u8]) -> Vec<u8> {
        if frame.is_empty() {
            return Vec::new();
        }
        let [0x12, 0x34, a, b, c, d, data @ ..] = frame else {
            panic!("no packet: {}", frame.escape_ascii());
        };
        let n = usize::from(u16::from_be_bytes([*c, *d]));
        assert_eq!(usize::from(u16::from_be_bytes([*a, *b])), n + 2);
        assert_eq!(data.len(), n);
        assert!(self.asked || self.allowed > 0, "nobody asked");
        assert!(n <= self.allowed, "more than asked for");
        assert!(n > 0 || self.asked, "an end that nobody asked for");
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(n).expect("more than declared");
        }
        self.allowed = 0;
        self.asked = false;
        data.to_vec()
    }
}

/// A client, what it is owed, and what the input has it do.
struct Driver<'a> {
    client: Client,
    account: Account,
    size: usize,
    what: u8,
    script: &'a [u8],
    at: usize,
}

impl Driver<'_> {
    fn method(&self) -> &'static [u8] {
        asked(self.what)
    }
}

fn asked(what: u8) -> &'static [u8] {
    [&b"GET"[..], b"HEAD", b"PATCH", b"POST"][usize::from(what & 3)]
}

fn length(what: u8) -> Length {
    match what >> 2 & 3 {
        0 | 1 => Length::None,
        2 => Length::Known(3),
        _ => Length::Unknown,
    }
}

/// Opens a request as `what` says. With bit 7 its body is not sent yet.
fn open(driver: &mut Driver<'_>, out: &mut Vec<u8>) -> bool {
    let (what, method) = (driver.what, driver.method());
    let length = length(what);
    let fields = [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", b"/a?b"),
        Field::header(b"Host", b"h"),
        Field::header(b"X-A", &[b'v'; 9000]),
    ];
    let fields = &fields[..if what & 0x60 == 0x40 { 4 } else { 3 }];
    let room = &mut [0; 10_000][..if what & 0x60 == 0x60 { 20 } else { 10_000 }];
    let size = driver.size;
    let opened = ask(&mut driver.client, |c| {
        let (id, frame) = c.open(fields.iter().copied(), length, room)?;
        Ok((id, frame.slices().concat()))
    });
    let bytes = match opened {
        Ok((id, bytes)) => {
            assert_eq!(id, ID);
            bytes
        }
        Err(refused) => {
            let known = matches!(refused, Refused::Full | Refused::Room { .. });
            let long = refused == Refused::TooLong && fields.len() == 4;
            assert!(known || long && size < 9_100);
            return false;
        }
    };
    assert!(bytes.len() <= size);
    assert_eq!(
        usize::from(u16::from_be_bytes([bytes[2], bytes[3]])),
        bytes.len() - 4
    );
    out.extend(bytes);
    assert_eq!(driver.client.free(), 0);
    driver.account = Account::opened(length, size);
    if what & 0x80 == 0 {
        body(driver, b"abc", out);
        end(driver, out);
    }
    true
}

fn body(driver: &mut Driver<'_>, text: &[u8], out: &mut Vec<u8>) {
    let mut payload = text;
    let credit = driver.client.credit(ID);
    let call = |c: &mut Client| Ok(c.body(ID, &mut payload)?.slices().concat());
    match ask(&mut driver.client, call) {
        Ok(frame) => {
            let taken = text.len() - payload.len();
            assert!(taken <= credit && (payload.is_empty() || taken == credit));
            assert_eq!(driver.account.sent(&frame), text[..taken]);
            out.extend(frame);
        }
        Err(_) => assert_eq!(payload, text),
    }
}

fn end(driver: &mut Driver<'_>, out: &mut Vec<u8>) {
    let call = |c: &mut Client| Ok(c.body_end(ID, [], &mut [])?.slices().concat());
    if let Ok(frame) = ask(&mut driver.client, call) {
        assert!(frame.is_empty() != driver.account.asked);
        assert_eq!(driver.account.sent(&frame), b"");
        out.extend(frame);
    }
}

/// One call, of those that may be right and those that may not.
fn act(what: u8, driver: &mut Driver<'_>, out: &mut Vec<u8>) {
    let more = usize::from(what >> 4);
    match what & 15 {
        0..=2 => body(driver, &b"abcdefg"[..more % 8], out),
        3 | 4 => end(driver, out),
        5 if more < 4 => {
            let client = &mut driver.client;
            if let Ok(frame) = ask(client, |c| c.abort(ID)) {
                assert!(frame.is_empty());
                assert_eq!((client.after(), client.credit(ID)), (After::Close, 0));
                assert!(client.body(ID, &mut &b"x"[..]).is_err() && client.abort(ID).is_err());
            }
        }
        6 => {
            let client = &mut driver.client;
            let free = client.free();
            match ask(client, |c| Ok(c.cping()?.slices().concat())) {
                Ok(frame) => {
                    assert_eq!((free, client.free()), (1, 0));
                    out.extend(frame);
                }
                Err(refused) => assert_eq!((free, refused), (0, Refused::State)),
            }
        }
        7 if more == 0 => driver.client.cancel(),
        8 => drop(ask(&mut driver.client, |c| c.proceed(ID))),
        9 => {
            // Of no exchange that there is.
            let (id, client) = (Id::new(2).expect("an id"), &mut driver.client);
            let before = format!("{client:?}");
            assert!(client.body(id, &mut &b"x"[..]).is_err());
            assert!(client.body_end(id, [], &mut []).is_err());
            assert!(client.abort(id).is_err());
            assert_eq!(client.credit(id), 0);
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
    let (client, _) = make(config);
    let size = [8192, 8192, 65_536, 9_000][usize::from(config >> 2 & 3)];
    let mut driver = Driver {
        client,
        account: Account::default(),
        size,
        what,
        script,
        at: 0,
    };
    let close = config & 0x40 == 0;
    let again = config & 0x20 != 0;
    let mut out = Vec::new();
    let first = match what & 0x60 {
        0x20 => {
            out.extend(driver.client.cping().expect("idle").slices().concat());
            false
        }
        _ => open(&mut driver, &mut out),
    };
    // After how many facts that no cut moves each other one was opened.
    let (mut seen, mut opened) = (0, Vec::new());
    let mut before = After::Keep;
    let mut client = driver.client;
    let mut react = |client: &mut Client, fact: &Fact, out: &mut Vec<u8>| {
        driver.client = *client;
        // The way to the close is never gone back.
        assert!(before == After::Keep || driver.client.after() == before);
        before = driver.client.after();
        if let Fact::Demand(_, max) = fact {
            driver.account.demanded(*max, size);
        }
        // Behind END_RESPONSE nobody waits for what was asked.
        if let Fact::BodyEnd(_) = fact {
            driver.account.allowed = 0;
            driver.account.asked = false;
        }
        let still = matches!(fact, Fact::Bytes { .. })
            || matches!(fact, Fact::Field { cut, .. }
                if !matches!(cut, vestibule::Cut::Whole | vestibule::Cut::Last));
        if still {
            return;
        }
        if !driver.script.is_empty() {
            for _ in 0..2 {
                act(
                    driver.script[driver.at % driver.script.len()],
                    &mut driver,
                    out,
                );
                driver.at += 1;
            }
        }
        if matches!(fact, Fact::Demand(..)) {
            end(&mut driver, out);
        }
        if let Fact::Done { reuse, .. } = fact {
            seen += 1;
            assert_eq!(driver.client.credit(ID), 0);
            assert!(*reuse == (driver.client.free() == 1) || !driver.script.is_empty());
            if again && open(&mut driver, out) {
                assert!(*reuse);
                opened.push(seen);
            }
        }
        *client = driver.client;
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
        built = model::replies(&mut source);
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

    let (log, _, _) = whole;
    let show = || format!("{}\n{}", common::text(&log), input.escape_ascii());
    let open = ok(
        legal::client(&log, &[], asked(what) == b"HEAD", false, true)
            .map_err(|e| format!("{e}\n{}", show())),
    );
    let lost = log.iter().any(|e| matches!(e.fact, Fact::Err(_)));
    let paused = log.iter().any(|e| matches!(e.fact, Fact::Paused(_)));
    if lost || config & 0x40 == 0 && !paused {
        assert_eq!(open, [], "no Done\n{}", show());
    }
    if script.is_empty() && make(config).1 && what & 0x60 != 0x20 {
        second_reader(config, what, input, &log);
    }
}

/// The second reader sees the same answers, and no other.
fn second_reader(config: u8, what: u8, input: &[u8], log: &[Entry]) {
    let show = || format!("{}\n{}", common::text(log), input.escape_ascii());
    let (close, again) = (config & 0x40 == 0, config & 0x20 != 0);
    let facts: Vec<Fact> = log.iter().map(|e| e.fact.clone()).collect();
    let mut rest = input;
    for group in facts.split(|f| matches!(f, Fact::Begin(_))).skip(1) {
        let done = group.iter().find_map(|f| match f {
            Fact::Done { ending, reuse, .. } => Some((*ending, *reuse)),
            _ => None,
        });
        let asks = model::Asks {
            first: what & 0x80 != 0 && matches!(length(what), Length::Known(_)),
            // The end of it is said at the first demand.
            over: what & 0x80 == 0 || length(what) != Length::Unknown,
            late: 16,
        };
        let answer = model::answer(rest, asked(what) == b"HEAD", asks);
        let said: Vec<Fact> = group
            .iter()
            .filter(|f| !matches!(f, Fact::Done { .. } | Fact::Err(_) | Fact::Paused(_)))
            .cloned()
            .collect();
        assert!(
            said.starts_with(&answer.facts),
            "{:?}\n{}",
            answer.facts,
            show()
        );
        match answer.verdict {
            Verdict::Whole { reuse, behind } => {
                assert_eq!(said, answer.facts, "{}", show());
                let complete = matches!(done, Some((Ending::Complete { .. }, r)) if r == reuse);
                assert!(complete, "{}", show());
                rest = behind;
                if !(again && reuse) {
                    break;
                }
            }
            Verdict::Short => {
                assert_eq!(done, Some((Ending::Truncated, false)), "{}", show());
                return;
            }
            Verdict::Bad => {
                let failed = matches!(done, Some((Ending::Failed(_), false)));
                assert!(failed, "{}", show());
                return;
            }
            Verdict::Open => {
                let complete = matches!(done, Some((Ending::Complete { .. }, _)));
                assert!(!complete, "{}", show());
                assert!(close || done.is_none() || !answer.border, "{}", show());
                if answer.border {
                    assert_eq!(said, answer.facts, "{}", show());
                }
                return;
            }
        }
    }
    // Behind all answers there is nothing.
    let surplus = facts.iter().any(|f| matches!(f, Fact::Err(_)));
    assert_eq!(surplus, !rest.is_empty(), "{}", show());
}
