//! A second reader of what containers say, on whole packets, and packets to be
//! read, most of them good.

use super::Source;
use super::common::{Fact, What};
use vestibule::{Cut, Length, Space};

/// What of the request's body has been sent, as far as the container's
/// demands go.
#[derive(Clone, Copy)]
pub struct Asks {
    /// The packet that goes unasked is not sent.
    pub first: bool,
    pub over: bool,
    /// How many demands may come behind the end.
    pub late: usize,
}

pub enum Verdict<'i> {
    Whole {
        reuse: bool,
        behind: &'i [u8],
    },
    /// It ended before its declared length.
    Short,
    Bad,
    /// The input ends before it does.
    Open,
}

pub struct Answer<'i> {
    /// What whole packets have said.
    pub facts: Vec<Fact>,
    pub verdict: Verdict<'i>,
    /// For `Open`: nothing of another packet is there.
    pub border: bool,
}

const CODED: [&[u8]; 11] = [
    b"Content-Type",
    b"Content-Language",
    b"Content-Length",
    b"Date",
    b"Last-Modified",
    b"Location",
    b"Set-Cookie",
    b"Set-Cookie2",
    b"Servlet-Engine",
    b"Status",
    b"WWW-Authenticate",
];

fn number(bytes: &mut &[u8]) -> Option<u16> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u16::from_be_bytes(*number))
}

fn rest_of<'i>(n: u16, bytes: &mut &'i [u8]) -> Option<&'i [u8]> {
    let (text, rest) = bytes.split_at_checked(n.into())?;
    *bytes = rest.strip_prefix(b"\0")?;
    Some(text)
}

fn string<'i>(bytes: &mut &'i [u8]) -> Option<&'i [u8]> {
    match number(bytes)? {
        0xffff => Some(b""),
        n => rest_of(n, bytes),
    }
}

fn is_text(text: &[u8]) -> bool {
    text.iter().all(|b| *b == b'\t' || *b >= 0x20 && *b != 0x7f)
}

fn is_name(name: &[u8]) -> bool {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    (1..=255).contains(&name.len()) && name.iter().all(token)
}

fn trim(text: &[u8]) -> &[u8] {
    match text {
        [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] => trim(rest),
        _ => text,
    }
}

/// Fields, their status, and the declared length.
type Head = (Vec<Fact>, u16, Option<u64>);

fn head(mut payload: &[u8]) -> Option<Head> {
    let bytes = &mut payload;
    let status = number(bytes).filter(|s| (200..=599).contains(s))?;
    string(bytes).filter(|reason| is_text(reason))?;
    let (mut facts, mut length) = (Vec::new(), None);
    for _ in 0..number(bytes).filter(|n| *n <= 100)? {
        let name = match number(bytes)? {
            code @ 0xa000..=0xa0ff => CODED.get(usize::from(code & 0xff).checked_sub(1)?)?,
            n => rest_of(n, bytes)?,
        };
        let value = string(bytes).filter(|value| is_text(value))?;
        if !is_name(name) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            continue;
        }
        let value = trim(value).to_vec();
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(&value).ok().filter(|_| digits)?;
            if length.replace(text.parse::<u64>().ok()?).is_some() {
                return None;
            }
        }
        facts.push(Fact::Field {
            id: 1,
            space: Space::Header,
            name: name.to_vec(),
            value,
            cut: Cut::Whole,
        });
    }
    bytes.is_empty().then_some((facts, status, length))
}

/// The answer to one request.
pub fn answer(input: &[u8], is_head: bool, mut asks: Asks) -> Answer<'_> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut rest = input;
    // Once there is a head: what may still come, and whether it is counted.
    let mut body: Option<(u64, bool, bool)> = None;
    let (mut flushes, mut excess, mut heads) = (0, false, 65_536);
    let verdict = loop {
        let Some((header, behind)) = rest.split_first_chunk::<4>() else {
            break Verdict::Open;
        };
        let n = u16::from_be_bytes([header[2], header[3]]);
        if header[..2] != *b"AB" || n == 0 || n > 8188 {
            break Verdict::Bad;
        }
        let Some((payload, behind)) = behind.split_at_checked(n.into()) else {
            break Verdict::Open;
        };
        rest = behind;
        match (payload[0], payload, body) {
            (4, _, None) => {
                heads -= i32::from(n) + 4;
                let Some((fields, status, length)) = head(&payload[1..]).filter(|_| heads >= 0)
                else {
                    break Verdict::Bad;
                };
                facts.extend(fields);
                let none = matches!(status, 204 | 205 | 304);
                let told = match length {
                    _ if matches!(status, 204 | 205) => Length::None,
                    None if none => Length::None,
                    Some(n) => Length::Known(n),
                    None => Length::Unknown,
                };
                facts.push(Fact::HeadEnd(1, Some(status), told));
                body = Some(match length {
                    _ if is_head || none => (0, true, false),
                    Some(n) => (n, true, true),
                    None => (u64::MAX, false, false),
                });
                flushes = 0;
            }
            (3, [3, 0, 0, _], _) => {
                flushes += 1;
                if flushes > 1024 {
                    break Verdict::Bad;
                }
                if body.is_some() {
                    facts.push(Fact::Ext("1 flush".into()));
                }
            }
            (3, [3, a, b, data @ .., _], Some((left, drops, counted)))
                if u16::from_be_bytes([*a, *b]).checked_add(4) == Some(n) =>
            {
                let keep = left.min(data.len() as u64) as usize;
                excess |= counted && keep < data.len();
                body = Some((left - keep as u64, drops, counted));
                if keep > 0 {
                    flushes = 0;
                    match facts.last_mut() {
                        Some(Fact::Bytes { bytes, .. }) => bytes.extend(&data[..keep]),
                        _ => facts.push(Fact::bytes(1, What::Body, &data[..keep])),
                    }
                }
            }
            (5, [5, reuse], Some((left, _, counted))) => {
                if counted && left > 0 {
                    break Verdict::Short;
                }
                facts.push(Fact::BodyEnd(1));
                let reuse = *reuse != 0 && !excess && !asks.first;
                break Verdict::Whole { reuse, behind };
            }
            (6, [6, a, b], _) => {
                let n = usize::from(u16::from_be_bytes([*a, *b]));
                if n == 0 || asks.first || asks.over && asks.late == 0 {
                    break Verdict::Bad;
                }
                asks.late -= usize::from(asks.over);
                asks.over = true;
                flushes = 0;
                facts.push(Fact::Demand(1, n.min(8186)));
            }
            _ => break Verdict::Bad,
        }
    };
    Answer {
        facts,
        verdict,
        border: rest.is_empty(),
    }
}

/// Packets of a container, most of them good and in order.
pub fn replies(source: &mut Source<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    for _ in 0..64 {
        if source.is_empty() {
            break;
        }
        let what = source.byte();
        let payload = match what & 15 {
            0..=3 => send_headers(source),
            4..=7 => {
                let data = source.short();
                let n = (data.len() as u16).to_be_bytes();
                [&[3, n[0], n[1]], data, &[0][..]].concat()
            }
            8 => vec![3, 0, 0, 0],
            9 | 10 => vec![5, source.byte() & 1],
            11 | 12 => vec![6, source.byte(), source.byte()],
            13 => vec![9],
            14 => source.short().to_vec(),
            // A large one.
            _ => {
                let n = 8180 + u16::from(source.byte() & 15);
                let data = vec![b'd'; n.into()];
                [
                    &[3, n.to_be_bytes()[0], n.to_be_bytes()[1]],
                    &data[..],
                    &[0],
                ]
                .concat()
            }
        };
        let n = (payload.len() as u16).to_be_bytes();
        let at = all.len();
        all.extend([0x41, 0x42, n[0], n[1]]);
        all.extend(payload);
        if what & 0xe0 == 0xe0 {
            // One byte of it is another.
            let place = at + source.below(all.len() - at);
            all[place] ^= source.byte();
        }
    }
    all
}

fn send_headers(source: &mut Source<'_>) -> Vec<u8> {
    const NAMES: [&[u8]; 6] = [
        b"X-A",
        b"content-length",
        b"Transfer-Encoding",
        b"transfer-encodin",
        b"Set-Cookie",
        b"a b",
    ];
    let string = |to: &mut Vec<u8>, text: &[u8]| {
        to.extend((text.len() as u16).to_be_bytes());
        to.extend(text);
        to.push(0);
    };
    let what = source.byte();
    let status = match what & 7 {
        0..=2 => 200,
        3 => 204,
        4 => 304,
        5 => 404,
        6 => 100 + u16::from(source.byte()) % 4,
        _ => source.word() % 1100,
    };
    let mut to = vec![4];
    to.extend(status.to_be_bytes());
    match what >> 3 & 3 {
        0 => string(&mut to, b"OK"),
        1 => string(&mut to, b""),
        2 => to.extend([0xff, 0xff]),
        _ => string(&mut to, source.take(3)),
    }
    let n = what >> 5;
    to.extend([0, n]);
    for _ in 0..n {
        let what = source.byte();
        match what & 7 {
            0..=5 => string(&mut to, NAMES[usize::from(what & 7)]),
            _ => to.extend([0xa0, source.byte() % 14]),
        }
        match what >> 3 & 7 {
            0 => to.extend([0xff, 0xff]),
            1 => string(&mut to, b" 5\t"),
            2 => string(&mut to, source.short()),
            3 => string(&mut to, b""),
            _ => string(&mut to, &[b'0' + (what >> 6)]),
        }
    }
    to
}
