//! What the integration tests share: facts in place of events, feeding by
//! cuts, the normal form of a log, a source of numbers.
#![allow(dead_code)]

pub mod ajp;
pub mod between;
pub mod cgi;
pub mod fcgi;
pub mod http1;
pub mod link;
pub mod oneshot;
pub mod proxy;
pub mod wires;

use std::fmt::{self, Write};

use vestibule::{
    Cut, Ending, Error, Field, Frame, Length, Next, Receive, Request, Response, Space,
};

/// An event that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Begin(u16),
    Field {
        id: u16,
        space: Space,
        name: Vec<u8>,
        value: Vec<u8>,
        cut: Cut,
    },
    Interim(u16, u16),
    HeadEnd(u16, Option<u16>, Length),
    Bytes {
        id: u16,
        what: What,
        bytes: Vec<u8>,
    },
    BodyEnd(u16),
    Fault(u16, Error),
    Abort(u16),
    Demand(u16, usize),
    Done {
        id: u16,
        reuse: bool,
        retry_safe: bool,
        ending: Ending,
    },
    /// Any other event of a protocol.
    Ext(String),
    Err(Error),
    /// At the end of a run: not waiting for input, so many bytes left.
    Paused(usize),
}

/// What a run of bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Body,
    Log,
    /// Bytes in an event of the protocol's own.
    Data,
}

impl Fact {
    pub fn bytes(id: u16, what: What, bytes: &[u8]) -> Fact {
        Fact::Bytes {
            id,
            what,
            bytes: bytes.to_vec(),
        }
    }

    pub fn field(id: u16, f: &Field<'_>) -> Fact {
        Fact::Field {
            id,
            space: f.space,
            name: f.name.to_vec(),
            value: f.value.to_vec(),
            cut: f.cut,
        }
    }

    /// Of a server machine.
    pub fn request<X>(event: &Request<'_, X>, ext: impl Fn(&X) -> Fact) -> Fact {
        match event {
            Request::Begin { id } => Fact::Begin(id.get()),
            Request::Field { id, field } => Fact::field(id.get(), field),
            Request::HeadEnd { id, length } => Fact::HeadEnd(id.get(), None, *length),
            Request::Body { id, bytes } => Fact::bytes(id.get(), What::Body, bytes),
            Request::BodyEnd { id } => Fact::BodyEnd(id.get()),
            Request::Fault { id, error } => Fact::Fault(id.get(), *error),
            Request::Abort { id } => Fact::Abort(id.get()),
            Request::Ext(x) => ext(x),
        }
    }

    /// Of a client machine.
    pub fn response<X>(event: &Response<'_, X>, ext: impl Fn(&X) -> Fact) -> Fact {
        match event {
            Response::Field { id, field } => Fact::field(id.get(), field),
            Response::Interim { id, status } => Fact::Interim(id.get(), *status),
            Response::HeadEnd { id, status, length } => {
                Fact::HeadEnd(id.get(), Some(*status), *length)
            }
            Response::Body { id, bytes } => Fact::bytes(id.get(), What::Body, bytes),
            Response::BodyEnd { id } => Fact::BodyEnd(id.get()),
            Response::Log { id, bytes } => Fact::bytes(id.get(), What::Log, bytes),
            Response::Demand { id, max } => Fact::Demand(id.get(), *max),
            Response::Done {
                id,
                reuse,
                retry_safe,
                ending,
            } => Fact::Done {
                id: id.get(),
                reuse: *reuse,
                retry_safe: *retry_safe,
                ending: *ending,
            },
            Response::Ext(x) => ext(x),
        }
    }

    /// The exchange that it is about.
    pub fn id(&self) -> Option<u16> {
        match self {
            Fact::Begin(id)
            | Fact::Field { id, .. }
            | Fact::Interim(id, _)
            | Fact::HeadEnd(id, ..)
            | Fact::Bytes { id, .. }
            | Fact::BodyEnd(id)
            | Fact::Fault(id, _)
            | Fact::Abort(id)
            | Fact::Demand(id, _)
            | Fact::Done { id, .. } => Some(*id),
            Fact::Ext(_) | Fact::Err(_) | Fact::Paused(_) => None,
        }
    }

    /// Whether nothing of the exchange may follow.
    pub fn last(&self) -> bool {
        matches!(self, Fact::Fault(..) | Fact::Abort(_) | Fact::Done { .. })
    }
}

fn length(l: Length) -> String {
    match l {
        Length::None => "none".into(),
        Length::Known(n) => format!("known {n}"),
        Length::Unknown => "unknown".into(),
    }
}

/// Text where it is short, else its length and hash.
fn quoted(bytes: &[u8]) -> String {
    if bytes.len() <= 200 {
        format!("\"{}\"", bytes.escape_ascii())
    } else {
        format!("{} bytes fnv {:016x}", bytes.len(), fnv(bytes))
    }
}

/// FNV-1a, 64 bits.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| {
        (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Begin(id) => write!(f, "{id} begin"),
            Fact::Field {
                id,
                space,
                name,
                value,
                cut,
            } => {
                let space = match space {
                    Space::Var => "var",
                    Space::Header => "header",
                    Space::Trailer => "trailer",
                    Space::Attribute => "attribute",
                };
                write!(f, "{id} {space} {}={}", name.escape_ascii(), quoted(value))?;
                match cut {
                    Cut::Whole => Ok(()),
                    Cut::First | Cut::Middle | Cut::Last => write!(f, " {cut:?}"),
                }
            }
            Fact::Interim(id, status) => write!(f, "{id} interim {status}"),
            Fact::HeadEnd(id, None, l) => write!(f, "{id} head-end {}", length(*l)),
            Fact::HeadEnd(id, Some(s), l) => write!(f, "{id} head-end {s} {}", length(*l)),
            Fact::Bytes { id, what, bytes } => {
                let what = match what {
                    What::Body => "body",
                    What::Log => "log",
                    What::Data => "data",
                };
                write!(f, "{id} {what} {}", quoted(bytes))
            }
            Fact::BodyEnd(id) => write!(f, "{id} body-end"),
            Fact::Fault(id, e) => write!(f, "{id} fault {e:?}"),
            Fact::Abort(id) => write!(f, "{id} abort"),
            Fact::Demand(id, usize::MAX) => write!(f, "{id} demand all"),
            Fact::Demand(id, n) => write!(f, "{id} demand {n}"),
            Fact::Done {
                id,
                reuse,
                retry_safe,
                ending,
            } => {
                write!(f, "{id} done ")?;
                match ending {
                    Ending::Complete {
                        app_status,
                        output_ended,
                    } => {
                        write!(f, "complete {app_status}")?;
                        if !output_ended {
                            f.write_str(" output-open")?;
                        }
                    }
                    other => write!(f, "{other:?}")?,
                }
                if *reuse {
                    f.write_str(" reuse")?;
                }
                if *retry_safe {
                    f.write_str(" retry-safe")?;
                }
                Ok(())
            }
            Fact::Ext(text) => f.write_str(text),
            Fact::Err(e) => write!(f, "error {e:?}"),
            Fact::Paused(n) => write!(f, "paused {n}"),
        }
    }
}

/// A fact, and how many bytes of the whole input were taken when it came.
/// After an error the place means nothing: `usize::MAX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: usize,
    pub fact: Fact,
}

pub fn text(log: &[Entry]) -> String {
    let mut out = String::new();
    for e in log {
        match e.at {
            usize::MAX => writeln!(out, "{}", e.fact).unwrap(),
            at => writeln!(out, "@{at} {}", e.fact).unwrap(),
        }
    }
    out
}

/// A machine as the tests see it.
pub trait Subject: Receive {
    fn fact(event: &Self::Event<'_>) -> Fact;
    /// The bytes of a body event.
    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]>;
    /// Does what is usual with an event of the protocol's own.
    fn reply(&mut self, event: Self::Event<'_>, out: &mut Vec<u8>) {
        let _ = (event, out);
    }
}

/// What a driver does at an event, and at an error before it asks again: the
/// machine, the fact, its output.
pub type React<'r, M> = &'r mut dyn FnMut(&mut M, &Fact, &mut Vec<u8>);

/// Feeds `input` cut at `cuts` (ascending; the same place twice is an empty
/// slice between), then the end of it if `close`. `Err` says which point of
/// the contract was broken.
pub fn feed<M: Subject>(
    machine: &mut M,
    input: &[u8],
    cuts: &[usize],
    close: bool,
    react: React<'_, M>,
) -> Result<(Vec<Entry>, Vec<u8>), String> {
    let mut log = Vec::new();
    let mut out = Vec::new();
    let mut taken = 0;
    let mut budget = 2 * input.len() + 600;
    let mut spend = || {
        budget -= 1;
        if budget == 0 {
            Err("point 6: more than two events a byte".to_string())
        } else {
            Ok(())
        }
    };
    let mut paused = false;
    for &end in cuts.iter().chain([&input.len()]) {
        loop {
            let mut cursor = input.get(taken..end).unwrap_or(&[]);
            let whole = cursor;
            let step = machine.next(&mut cursor);
            if cursor.len() > whole.len() {
                return Err("the cursor went back".into());
            }
            let (took, _) = whole.split_at(whole.len() - cursor.len());
            let at = taken + took.len();
            match step {
                Ok(Next::Event(event)) => {
                    spend()?;
                    if let Some(bytes) = M::body(&event) {
                        if bytes.is_empty() {
                            return Err("a body event without bytes".into());
                        }
                        if bytes.as_ptr_range().end != took.as_ptr_range().end {
                            return Err("point 9: not the last bytes that were taken".into());
                        }
                    }
                    let fact = M::fact(&event);
                    machine.reply(event, &mut out);
                    react(machine, &fact, &mut out);
                    log.push(Entry { at, fact });
                    taken = at;
                }
                Ok(Next::NeedInput) => {
                    if !cursor.is_empty() {
                        return Err("point 1: NeedInput with bytes left".into());
                    }
                    taken = at;
                    paused = false;
                    // Nothing is owed now: an empty slice changes nothing.
                    if !matches!(machine.next(&mut &[][..]), Ok(Next::NeedInput)) {
                        return Err("point 4: NeedInput, then something from nothing".into());
                    }
                    break;
                }
                Ok(Next::Paused) => {
                    taken = at;
                    paused = true;
                    let mut cursor = input.get(taken..end).unwrap_or(&[]);
                    let before = cursor.len();
                    let again = machine.next(&mut cursor);
                    if !matches!(again, Ok(Next::Paused)) || cursor.len() != before {
                        return Err("point 2: Paused ended by itself".into());
                    }
                    break;
                }
                Err(e) => {
                    let fact = Fact::Err(e);
                    react(machine, &fact, &mut out);
                    log.push(Entry {
                        at: usize::MAX,
                        fact,
                    });
                    sticky(machine, e, input.get(at..).unwrap_or(&[]))?;
                    return Ok((log, out));
                }
            }
        }
    }
    if paused {
        log.push(Entry {
            at: taken,
            fact: Fact::Paused(input.len() - taken),
        });
    }
    if close && taken == input.len() {
        loop {
            match machine.eof() {
                Ok(Next::Event(event)) => {
                    spend()?;
                    let fact = M::fact(&event);
                    machine.reply(event, &mut out);
                    react(machine, &fact, &mut out);
                    log.push(Entry { at: taken, fact });
                }
                Ok(Next::NeedInput | Next::Paused) => break,
                Err(e) => {
                    let fact = Fact::Err(e);
                    react(machine, &fact, &mut out);
                    let at = usize::MAX;
                    log.push(Entry { at, fact });
                    sticky(machine, e, &[])?;
                    break;
                }
            }
        }
    }
    Ok((log, out))
}

/// Point 7: for ever the same, whatever comes.
fn sticky<M: Subject>(machine: &mut M, error: Error, rest: &[u8]) -> Result<(), String> {
    for bytes in [rest, &[], b"\x01\x01\x00\x01\x00\x08\x00\x00", rest] {
        match machine.next(&mut &bytes[..]) {
            Err(e) if e == error => {}
            Err(e) => return Err(format!("point 7: {error:?} became {e:?}")),
            Ok(_) => return Err(format!("point 7: {error:?} was forgotten")),
        }
    }
    match machine.eof() {
        Err(e) if e == error => Ok(()),
        _ => Err("point 7: eof after an error gives another answer".into()),
    }
}

/// Joins what may be cut: the pieces of each field (at the place of the last
/// one), and neighbouring bytes of one kind and id.
pub fn normal(log: &[Entry]) -> Result<Vec<Entry>, String> {
    let mut open: Vec<(u16, Space, Vec<u8>, Vec<u8>)> = Vec::new();
    let mut out: Vec<Entry> = Vec::new();
    for entry in log {
        match &entry.fact {
            Fact::Field {
                id,
                space,
                name,
                value,
                cut,
            } => {
                let held = open.iter().position(|o| o.0 == *id);
                let (space, name, value) = match (cut, held) {
                    // A field whose last piece never came is no field.
                    (Cut::Whole, held) => {
                        held.map(|i| open.remove(i));
                        if space.trims() && trim(value).len() != value.len() {
                            return Err("a whole header value with blanks around it".into());
                        }
                        (*space, name.clone(), value.clone())
                    }
                    (Cut::First, held) => {
                        held.map(|i| open.remove(i));
                        open.push((*id, *space, name.clone(), value.clone()));
                        continue;
                    }
                    (Cut::Middle | Cut::Last, Some(i)) => {
                        let o = &mut open[i];
                        if !name.is_empty() && !o.3.is_empty() {
                            return Err("point 5: a name goes on after its value began".into());
                        }
                        if o.1 != *space {
                            return Err("point 5: pieces of different spaces".into());
                        }
                        o.2.extend_from_slice(name);
                        o.3.extend_from_slice(value);
                        if *cut == Cut::Middle {
                            continue;
                        }
                        let (_, space, name, value) = open.remove(i);
                        (space, name, value)
                    }
                    _ => return Err(format!("point 5: {cut:?} out of order")),
                };
                let value = if space.trims() {
                    trim(&value).to_vec()
                } else {
                    value
                };
                out.push(Entry {
                    at: entry.at,
                    fact: Fact::Field {
                        id: *id,
                        space,
                        name,
                        value,
                        cut: Cut::Whole,
                    },
                });
            }
            Fact::Bytes { id, what, bytes } => match out.last_mut() {
                Some(Entry {
                    at,
                    fact:
                        Fact::Bytes {
                            id: i,
                            what: w,
                            bytes: b,
                        },
                }) if i == id && w == what => {
                    b.extend_from_slice(bytes);
                    *at = entry.at;
                }
                _ => out.push(entry.clone()),
            },
            Fact::Begin(_)
            | Fact::Interim(..)
            | Fact::HeadEnd(..)
            | Fact::BodyEnd(_)
            | Fact::Fault(..)
            | Fact::Abort(_)
            | Fact::Demand(..)
            | Fact::Done { .. }
            | Fact::Ext(_)
            | Fact::Err(_)
            | Fact::Paused(_) => {
                if let Some(id) = entry.fact.id().filter(|_| entry.fact.last()) {
                    open.retain(|o| o.0 != id);
                }
                out.push(entry.clone());
            }
        }
    }
    Ok(out)
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The order of events of each exchange, in a normal log.
pub fn grammar(log: &[Entry]) -> Result<(), String> {
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum At {
        Head,
        Body,
        Ended,
        Over,
    }
    let mut all: Vec<(u16, At)> = Vec::new();
    let err = |e: &Entry, at: At| Err(format!("`{}` in {at:?}", e.fact));
    for entry in log {
        let Some(id) = entry.fact.id() else { continue };
        let known = all.iter_mut().find(|a| a.0 == id);
        if let Fact::Begin(_) = entry.fact {
            match known {
                Some(a) => a.1 = At::Head,
                None => all.push((id, At::Head)),
            }
            continue;
        }
        let Some((_, at)) = known else {
            // A client machine has no Begin.
            all.push((
                id,
                if entry.fact.last() {
                    At::Over
                } else {
                    At::Head
                },
            ));
            let a = all.last_mut().unwrap();
            match entry.fact {
                Fact::HeadEnd(..) => a.1 = At::Body,
                Fact::Bytes {
                    what: What::Body, ..
                }
                | Fact::BodyEnd(_) => return err(entry, At::Head),
                _ => {}
            }
            continue;
        };
        *at = match (&entry.fact, *at) {
            // On a client the id of an exchange that is over is used again.
            (Fact::Fault(..) | Fact::Abort(_), At::Over) => return err(entry, *at),
            (Fact::Bytes { what, .. }, At::Over) if *what == What::Body => return err(entry, *at),
            (Fact::BodyEnd(_), At::Over) => return err(entry, *at),
            (Fact::Fault(..) | Fact::Abort(_) | Fact::Done { .. }, _) => At::Over,
            (Fact::Field { .. } | Fact::Interim(..), At::Head | At::Over) => At::Head,
            (
                Fact::Field {
                    space: Space::Trailer,
                    ..
                },
                At::Body,
            ) => At::Body,
            (Fact::HeadEnd(..), At::Head | At::Over) => At::Body,
            (
                Fact::Bytes {
                    what: What::Body, ..
                },
                At::Body,
            ) => At::Body,
            (Fact::BodyEnd(_), At::Body) => At::Ended,
            (
                Fact::Bytes {
                    what: What::Log | What::Data,
                    ..
                }
                | Fact::Demand(..),
                at,
            ) => at,
            (_, at) => return err(entry, at),
        };
    }
    Ok(())
}

/// Runs a machine over every way of cutting that is worth it and checks the
/// contract; gives the normal log and the output of the whole run.
pub fn check<M: Subject>(
    make: &dyn Fn() -> M,
    input: &[u8],
    close: bool,
    react: &dyn Fn(&mut M, &Fact, &mut Vec<u8>),
) -> Result<(Vec<Entry>, Vec<u8>), String> {
    let run = |cuts: &[usize]| {
        let mut machine = make();
        let mut react = |m: &mut M, f: &Fact, out: &mut Vec<u8>| react(m, f, out);
        let (log, out) = feed(&mut machine, input, cuts, close, &mut react)
            .map_err(|e| format!("{e}; cut at {cuts:?}"))?;
        let log = normal(&log).map_err(|e| format!("{e}; cut at {cuts:?}\n{}", text(&log)))?;
        Ok::<_, String>((log, out))
    };
    let whole = run(&[])?;
    grammar(&whole.0).map_err(|e| format!("order of events: {e}\n{}", text(&whole.0)))?;
    for cuts in cuttings(input.len()) {
        let other = run(&cuts)?;
        if other != whole {
            return Err(format!(
                "point 5: cut at {cuts:?}\n{}{:02x?}\nwhole\n{}{:02x?}",
                text(&other.0),
                other.1,
                text(&whole.0),
                whole.1
            ));
        }
    }
    Ok(whole)
}

/// Every cut of a short input (many of a long one), every pair of a very short
/// one, pieces of every size up to 64 and some larger, random
/// pieces, and empty slices between.
pub fn cuttings(len: usize) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    for a in (0..=len).filter(|a| *a <= 1100 || a % 1009 == 0) {
        all.push(vec![a]);
        if len <= 80 {
            all.extend((a..=len).map(|b| vec![a, b]));
        }
    }
    for size in (1..=64).chain([1448]).filter(|&s| s <= len) {
        all.push((1..).map(|i| i * size).take_while(|&c| c < len).collect());
    }
    for seed in 1..4 {
        let mut random = Random(seed);
        let mut cuts = vec![0];
        while *cuts.last().unwrap() < len {
            let next = cuts.last().unwrap() + random.below(200);
            cuts.push(next.min(len));
        }
        all.push(cuts);
    }
    all.push((0..=len).flat_map(|i| [i, i]).collect());
    all
}

/// Numbers that are always the same.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

/// Writes a frame as a loop with a small ring does: in parts, parked between.
pub fn put(out: &mut Vec<u8>, frame: Frame<'_>) {
    let body = frame.slices()[1].to_vec();
    let mut frame = frame;
    let mut step = 5;
    while !frame.is_empty() {
        let mut ring = vec![0; step];
        let n = frame.copy_to(&mut ring);
        out.extend_from_slice(&ring[..n]);
        frame = frame.park().unpark(&body).expect("the same bytes");
        step = step * 3 + 1;
    }
}

/// Bytes from hex; blanks and `|` mean nothing.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|b| !b.is_ascii_whitespace() && *b != b'|')
        .collect();
    digits
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16)
                .unwrap_or_else(|_| panic!("no hex: {text}"))
        })
        .collect()
}
