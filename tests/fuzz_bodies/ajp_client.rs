//! AJP answers of any kind; the account of what was asked for and sent; and the
//! machine's verdict beside that of a second reader.

use vestibule::ajp::{Client, ClientLimits, ClientRules};
use vestibule::{Client as _, Ending, Field, Length, Limits, Refused};

use super::Source;
use super::ajp_model::{self as model, Verdict};
use super::asking::{self, Asker, Run};
use super::calls::{self, ID, tell};
use super::common::{Fact, put};

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

struct Ajp {
    account: Account,
    size: usize,
    what: u8,
}

fn length(what: u8) -> Length {
    match what >> 2 & 3 {
        0 | 1 => Length::None,
        2 => Length::Known(3),
        _ => Length::Unknown,
    }
}

impl Asker for Ajp {
    type Client = Client;
    const ANY_STATUS: bool = true;

    fn make(config: u8, what: u8) -> (Client, bool, Self) {
        let (client, strict) = make(config);
        let own = Ajp {
            account: Account::default(),
            size: [8192, 8192, 65_536, 9_000][usize::from(config >> 2 & 3)],
            what,
        };
        (client, strict, own)
    }

    fn method(what: u8) -> &'static [u8] {
        [&b"GET"[..], b"HEAD", b"PATCH", b"POST"][usize::from(what & 3)]
    }

    fn build(source: &mut Source<'_>) -> Vec<u8> {
        model::replies(source)
    }

    /// With bit 7 the body is not sent yet.
    fn open(&mut self, client: &mut Client, out: &mut Vec<u8>) -> Result<bool, Refused> {
        let (what, method) = (self.what, Self::method(self.what));
        let length = length(what);
        let fields = [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", b"/a?b"),
            Field::header(b"Host", b"h"),
            Field::header(b"X-A", &[b'v'; 9000]),
        ];
        let long = what & 0x60 == 0x40;
        let fields = &fields[..if long { 4 } else { 3 }];
        let room = &mut [0; 10_000][..if what & 0x60 == 0x60 { 20 } else { 10_000 }];
        let bytes = match asking::head(client, fields, length, room) {
            Err(Refused::TooLong) if long && self.size < 9_100 => return Ok(false),
            opened => opened?,
        };
        assert!(bytes.len() <= self.size);
        let said = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!(said, bytes.len() - 4);
        out.extend(bytes);
        self.account = Account::opened(length, self.size);
        if what & 0x80 == 0 {
            self.body(client, b"abc", out);
            self.end(client, out);
        }
        Ok(true)
    }

    fn other(client: &mut Client, out: &mut Vec<u8>) {
        put(out, client.cping().expect("idle"));
    }

    fn note(&mut self, fact: &Fact) {
        match fact {
            Fact::Demand(_, max) => self.account.demanded(*max, self.size),
            // Behind END_RESPONSE nobody waits for what was asked.
            Fact::BodyEnd(_) => {
                self.account.allowed = 0;
                self.account.asked = false;
            }
            _ => {}
        }
    }

    fn act(&mut self, what: u8, client: &mut Client, out: &mut Vec<u8>) {
        let more = usize::from(what >> 4);
        match what & 15 {
            0..=2 => self.body(client, &b"abcdefg"[..more % 8], out),
            3 | 4 => self.end(client, out),
            5 if more < 4 => calls::abort(client),
            6 => {
                let free = client.free();
                match tell(client, |c| Ok(c.cping()?.slices().concat())) {
                    Ok(frame) => {
                        assert_eq!((free, client.free()), (1, 0));
                        out.extend(frame);
                    }
                    Err(refused) => assert_eq!((free, refused), (0, Refused::State)),
                }
            }
            7 if more == 0 => client.cancel(),
            8 => drop(tell(client, |c| c.proceed(ID))),
            9 => calls::unknown(client),
            _ => {}
        }
    }

    fn end(&mut self, client: &mut Client, out: &mut Vec<u8>) {
        let call = |c: &mut Client| Ok(c.body_end(ID, [], &mut [])?.slices().concat());
        if let Ok(frame) = tell(client, call) {
            assert!(frame.is_empty() != self.account.asked);
            assert_eq!(self.account.sent(&frame), b"");
            out.extend(frame);
        }
    }

    fn done(client: &Client) {
        assert_eq!(client.credit(ID), 0);
    }

    fn check(run: &Run<'_>) {
        if run.plain && run.what & 0x60 != 0x20 {
            second_reader(run);
        }
    }
}

impl Ajp {
    fn body(&mut self, client: &mut Client, text: &[u8], out: &mut Vec<u8>) {
        let mut payload = text;
        let credit = client.credit(ID);
        let call = |c: &mut Client| Ok(c.body(ID, &mut payload)?.slices().concat());
        match tell(client, call) {
            Ok(frame) => {
                let taken = text.len() - payload.len();
                assert!(taken <= credit && (payload.is_empty() || taken == credit));
                assert_eq!(self.account.sent(&frame), text[..taken]);
                out.extend(frame);
            }
            Err(_) => assert_eq!(payload, text),
        }
    }
}

pub fn run(data: &[u8]) {
    asking::run::<Ajp>(data);
}

/// The second reader sees the same answers, and no other.
fn second_reader(run: &Run<'_>) {
    let show = || run.show();
    let (close, again, what) = (run.close(), run.again(), run.what);
    let facts: Vec<Fact> = run.log.iter().map(|e| e.fact.clone()).collect();
    let mut rest = run.input;
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
        let answer = model::answer(rest, Ajp::method(what) == b"HEAD", asks);
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
