//! HTTP/1.1 answers of any kind, and the machine's verdict beside that of a
//! second reader.

use vestibule::http1::{Client, ClientLimits, Rules};
use vestibule::{Client as _, Ending, Field, Id, Length, Limits, Refused};

use super::asking::{self, Asker, Run};
use super::calls::{self, ID, tell};
use super::common::{Entry, Fact, put};
use super::http1_model::{self as model, End, Framing, Head};
use super::http1_server::{bytes, fields};
use super::{Source, http1_text};

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

struct Http {
    what: u8,
}

impl Http {
    /// The length of the body, and whether leave is asked for first.
    fn length(&self) -> (Length, bool) {
        let length = match self.what >> 2 & 3 {
            _ if Self::method(self.what) == b"CONNECT" => Length::None,
            0 | 1 => Length::None,
            2 => Length::Known(3),
            _ => Length::Unknown,
        };
        (length, self.what & 0x10 != 0 && length != Length::None)
    }
}

impl Asker for Http {
    type Client = Client;
    const ANY_STATUS: bool = false;

    fn make(config: u8, what: u8) -> (Client, bool, Self) {
        let (client, strict) = make(config);
        (client, strict, Http { what })
    }

    fn method(what: u8) -> &'static [u8] {
        [&b"GET"[..], b"HEAD", b"CONNECT", b"POST"][usize::from(what & 3)]
    }

    fn build(source: &mut Source<'_>) -> Vec<u8> {
        http1_text::answers(source)
    }

    /// With bit 7 the body is not sent yet.
    fn open(&mut self, client: &mut Client, out: &mut Vec<u8>) -> Result<bool, Refused> {
        let (what, method) = (self.what, Self::method(self.what));
        let target: &[u8] = if method == b"CONNECT" { b"h:80" } else { b"/a" };
        let (length, expects) = self.length();
        let fields = [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", target),
            Field::header(b"Host", b"h"),
            Field::header(b"Expect", b"100-continue"),
        ];
        let fields = &fields[..3 + usize::from(expects)];
        let room = &mut [0; 200][..if what & 0x60 == 0x60 { 20 } else { 200 }];
        out.extend(asking::head(client, fields, length, room)?);
        if what & 0x80 == 0 && !expects {
            send(client, length, out);
        }
        Ok(true)
    }

    fn act(&mut self, what: u8, client: &mut Client, out: &mut Vec<u8>) {
        let more = usize::from(what >> 4);
        match what & 15 {
            0..=2 => {
                let credit = client.credit(ID);
                let mut payload = &b"abcdef"[..more % 7];
                let all = payload.len();
                match tell(client, |c| c.body(ID, &mut payload)) {
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
                let frame = tell(client, |c| {
                    let trailers = trailers.iter().copied().take(more % 3);
                    Ok(c.body_end(ID, trailers, &mut room)?.slices().concat())
                });
                out.extend(frame.unwrap_or_default());
            }
            5 if more < 4 => calls::abort(client),
            6 => drop(tell(client, |c| c.proceed(ID))),
            7 if more == 0 => client.cancel(),
            8 if more < 4 => client.last(),
            9 => {
                calls::unknown(client);
                let id = Id::new(2).expect("an id");
                assert!(tell(client, |c| c.proceed(id)).is_err());
                assert_eq!(client.minor_version(id), None);
            }
            _ => {}
        }
    }

    fn end(&mut self, client: &mut Client, out: &mut Vec<u8>) {
        let end = tell(client, |c| {
            Ok(c.body_end(ID, [], &mut [])?.slices().concat())
        });
        out.extend(end.unwrap_or_default());
    }

    fn done(client: &Client) {
        assert_eq!(client.minor_version(ID), None);
    }

    fn check(run: &Run<'_>) {
        requests(run.log, run.out);
        let sent = run.what & 0x80 == 0 && run.what & 0x10 == 0;
        if run.plain && sent && run.input.len() < 4_000 {
            oracle(run);
        }
    }
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

pub fn run(data: &[u8]) {
    asking::run::<Http>(data);
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
fn oracle(run: &Run<'_>) {
    let show = || run.show();
    let (close, again, method) = (run.close(), run.again(), Http::method(run.what));
    let facts: Vec<Fact> = run.log.iter().map(|e| e.fact.clone()).collect();
    let requests = facts.split(|f| matches!(f, Fact::Begin(_))).skip(1);
    let mut rest = run.input;
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
