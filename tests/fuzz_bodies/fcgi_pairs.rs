//! Name-value pairs against a decoder that knows only the specification.
//!
//! Input: limits, two bytes of cuts, sizes of records, then the content of
//! PARAMS, or (bit 7 of the first) pairs to build.

use vestibule::fcgi::{Server, ServerLimits, Slot};
use vestibule::{Error, Limits};

use super::common::{Entry, Fact, Random, feed, normal, text};
use super::{Source, cuts, ok, records};

type Pair = (Vec<u8>, Vec<u8>);

/// The pairs of a whole stream of PARAMS, and what is wrong with it, if it
/// came in records of these sizes. FastCGI 1.0, 3.4.
fn model(content: &[u8], ends: &[usize], limits: Limits) -> (Vec<Pair>, Option<Error>) {
    let mut pairs = Vec::new();
    let mut at = 0;
    // The first record that is refused for its header alone.
    let refused = ends
        .iter()
        .position(|end| *end > limits.head_bytes as usize)
        .map(|i| if i == 0 { 0 } else { ends[i - 1] });
    let seen = refused.unwrap_or(content.len());
    let stop = |pairs, error| match refused {
        Some(_) => (pairs, Some(Error::HeadTooLong)),
        None => (pairs, error),
    };
    loop {
        if at >= seen {
            return stop(pairs, None);
        }
        if pairs.len() >= limits.fields as usize {
            return (pairs, Some(Error::TooManyFields));
        }
        let mut lengths = [0usize; 2];
        for length in &mut lengths {
            let Some(first) = content[..seen].get(at) else {
                return stop(pairs, Some(Error::BadPair));
            };
            let n = if first & 0x80 == 0 { 1 } else { 4 };
            let Some(bytes) = content[..seen].get(at..at + n) else {
                return stop(pairs, Some(Error::BadPair));
            };
            *length = bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b));
            if n == 4 {
                *length &= 0x7fff_ffff;
            }
            at += n;
        }
        let [name, value] = lengths;
        // Two lengths of 31 bits: with 32 bits their sum can be too much.
        if at as u64 + name as u64 + value as u64 > u64::from(limits.head_bytes) {
            return (pairs, Some(Error::HeadTooLong));
        }
        let end = at.saturating_add(name).saturating_add(value);
        let Some(bytes) = content[..seen].get(at..end) else {
            return stop(pairs, Some(Error::BadPair));
        };
        let (name, value) = bytes.split_at(name);
        pairs.push((name.to_vec(), value.to_vec()));
        at += bytes.len();
    }
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let config = source.byte();
    let (mode, seed, sizes) = (source.byte(), source.byte(), source.byte());
    let limits = match config & 7 {
        0..4 => Limits::DEFAULT,
        4 => Limits::DEFAULT.fields(3),
        5 => Limits::DEFAULT.head_bytes(40),
        6 => Limits::DEFAULT.head_bytes(u32::MAX).fields(u32::MAX),
        _ => Limits::DEFAULT.head_bytes(300).fields(7),
    };
    let mut content = Vec::new();
    if config & 0x80 != 0 {
        while !source.is_empty() && content.len() < 40_000 {
            let what = source.byte();
            let (name, value) = (source.short(), source.short());
            let value = value.repeat(1 + usize::from(what >> 4));
            records::pair(&mut content, name, &value, what & 1 != 0);
        }
    } else {
        content.extend(&source.0[..source.0.len().min(40_000)]);
    }
    // BEGIN_REQUEST, PARAMS in records of some sizes, their end.
    let mut input = Vec::new();
    records::put(&mut input, records::BEGIN, 1, &[0, 2, 1, 0, 0, 0, 0, 0], 0);
    let mut random = Random(u64::from(sizes));
    let mut ends = Vec::new();
    let mut at = 0;
    while at < content.len() {
        let most = [5, 20, 130, 65_536][usize::from(sizes & 3)];
        let n = (1 + random.below(most)).min(content.len() - at);
        records::put(
            &mut input,
            records::PARAMS,
            1,
            &content[at..at + n],
            sizes >> 5,
        );
        at += n;
        ends.push(at);
    }
    records::put(&mut input, records::PARAMS, 1, &[], 0);
    let (pairs, error) = model(&content, &ends, limits);

    for cuts in [vec![], cuts(mode, seed, input.len())] {
        let limits = ServerLimits {
            common: limits,
            ..ServerLimits::DEFAULT
        };
        let mut server = Server::with_limits([Slot::EMPTY; 1], limits);
        let (log, _) = ok(feed(&mut server, &input, &cuts, false, &mut |_, _, _| {}));
        let log = ok(normal(&log));
        let mut facts = log.iter().map(|Entry { fact, .. }| fact);
        assert_eq!(facts.next(), Some(&Fact::Begin(1)));
        for (name, value) in &pairs {
            match facts.next() {
                Some(Fact::Field {
                    name: n, value: v, ..
                }) if n == name && v == value => {}
                other => panic!("{other:?} for {name:02x?}={value:02x?}\n{}", text(&log)),
            }
        }
        match (error, facts.next()) {
            (Some(error), Some(Fact::Fault(1, e))) => assert_eq!(*e, error),
            // Two lengths of a body that differ, or one that is none.
            (None, Some(Fact::Fault(1, Error::ContentLength))) => {
                assert!(
                    pairs
                        .iter()
                        .any(|(n, v)| n == b"CONTENT_LENGTH" && !v.is_empty())
                );
            }
            (None, Some(Fact::HeadEnd(1, None, _))) => {}
            (error, fact) => panic!("{fact:?} for {error:?}\n{}", text(&log)),
        }
        assert_eq!(facts.next(), None);
    }
}
