//! The output of a script, whole and in pieces, and against a reader that
//! knows only the grammar.
//!
//! Input: rules, two bytes of cuts, then the output.

use vestibule::cgi::encode;
use vestibule::cgi::response::{Parser, Rules, forwardable};
use vestibule::{Field, Length};

use super::common::{self, Entry, Fact, feed, normal};
use super::{Source, cuts, fcgi_client, legal, ok};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn token(name: &[u8]) -> bool {
    let special = |b: &u8| b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || special(b))
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The fields of a head of the strict grammar, and what follows it. RFC 3875, 6.
fn model(mut output: &[u8]) -> Option<(Fields, &[u8])> {
    let mut fields = Vec::new();
    loop {
        let end = output.iter().position(|b| *b == b'\n')?;
        let (line, rest) = (&output[..end], &output[end + 1..]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        output = rest;
        if line.is_empty() {
            return (!fields.is_empty()).then_some((fields, output));
        }
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = (&line[..colon], trim(&line[colon + 1..]));
        let bad = |b: &u8| (*b < 0x20 && *b != b'\t') || *b == 0x7f;
        if !token(name) || value.iter().any(bad) {
            return None;
        }
        fields.push((name.to_vec(), value.to_vec()));
    }
}

fn fields(log: &[Entry]) -> Fields {
    log.iter()
        .filter_map(|e| match &e.fact {
            Fact::Field { name, value, .. } => Some((name.clone(), value.clone())),
            _ => None,
        })
        .collect()
}

fn body(log: &[Entry]) -> Vec<u8> {
    log.iter()
        .filter_map(|e| match &e.fact {
            Fact::Bytes { bytes, .. } => Some(&bytes[..]),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat()
}

fn head_end(log: &[Entry]) -> Option<(u16, Length)> {
    log.iter().find_map(|e| match e.fact {
        Fact::HeadEnd(_, Some(status), length) => Some((status, length)),
        _ => None,
    })
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let (config, mode, seed) = (source.byte(), source.byte(), source.byte());
    let input = source.0;
    let (rules, redirects) = fcgi_client::rules(config);
    let head = config & 0x40 != 0;
    let run = |cuts: &[usize]| {
        let mut parser = Parser::new(rules, head);
        let (log, _) = ok(feed(&mut parser, input, cuts, true, &mut |_, _, _| {}));
        let log = ok(normal(&log));
        let any_status = config % 4 == 3;
        let open = ok(legal::client(&log, &[1], head, false, any_status));
        // The parser has no `Done`.
        assert_eq!(open, [1]);
        let end = log.last().map(|e| &e.fact);
        match end {
            Some(Fact::BodyEnd(_) | Fact::Err(_)) => {}
            Some(Fact::Ext(_)) => assert!(redirects),
            other => panic!("the end is {other:?}"),
        }
        let state = format!(
            "{} {} {} {}",
            parser.excess(),
            parser.body_dropped(),
            parser.missing_content_type(),
            parser.status_line()
        );
        (log, state)
    };
    let (log, state) = run(&[]);
    let split = run(&cuts(mode, seed, input.len()));
    assert_eq!(common::text(&log), common::text(&split.0), "other events");
    assert_eq!(state, split.1, "other state");

    if rules == Rules::STRICT {
        strict(input, &log, head);
    }
    again(&log);
}

fn strict(input: &[u8], log: &[Entry], head: bool) {
    let same = |name: &[u8], known: &[u8]| name.eq_ignore_ascii_case(known);
    let model = model(input);
    if let Some((status, length)) = head_end(log) {
        let (expected, rest) = model.expect("a good head is one for the model too");
        assert_eq!(fields(log), expected);
        let said = expected.iter().find(|f| same(&f.0, b"Status"));
        let moved = expected
            .iter()
            .any(|f| same(&f.0, b"Location") && !f.1.is_empty());
        match said {
            Some((_, value)) => assert_eq!(value[..3], *status.to_string().as_bytes()),
            None => assert_eq!(status, if moved { 302 } else { 200 }),
        }
        let none = head || matches!(status, 204 | 304);
        let most = match length {
            Length::Known(n) => usize::try_from(n).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let rest = if none {
            &[][..]
        } else {
            &rest[..rest.len().min(most)]
        };
        assert_eq!(body(log), rest);
        let short = !none && matches!(length, Length::Known(n) if rest.len() as u64 != n);
        let ended = log.iter().any(|e| matches!(e.fact, Fact::BodyEnd(_)));
        assert_ne!(short, ended, "BodyEnd and the length do not agree");
    } else if let Some((expected, _)) = model {
        // Refused for more than its syntax.
        let known: [&[u8]; 5] = [
            b"Status",
            b"Content-Length",
            b"Content-Type",
            b"Location",
            b"Transfer-Encoding",
        ];
        assert!(
            expected.iter().any(|f| known.iter().any(|k| same(&f.0, k)))
                || expected.len() > 256
                || input.len() > 8000,
            "a good head was refused\n{}",
            common::text(log)
        );
    }
}

/// What was read can be written, and is read again.
fn again(log: &[Entry]) {
    let Some((status @ 200..=599, length)) = head_end(log) else {
        return;
    };
    if log.iter().any(|e| matches!(e.fact, Fact::Interim(..))) {
        return;
    }
    let fields: Fields = fields(log)
        .into_iter()
        .filter(|f| forwardable(&f.0) && !f.0.eq_ignore_ascii_case(b"Content-Length"))
        .collect();
    let written = fields.iter().map(|(n, v)| Field::header(n, v));
    let mut room = vec![0; 200_000];
    let n = encode::head(status, written, length, &mut room).expect("what was read");
    let rules = Rules::STRICT.repeated_fields(true).line_bytes(u32::MAX);
    let rules = rules.limits(vestibule::Limits::DEFAULT.fields(1000).head_bytes(u32::MAX));
    let mut parser = Parser::new(rules, true);
    let (log, _) = ok(feed(&mut parser, &room[..n], &[], true, &mut |_, _, _| {}));
    let log = ok(normal(&log));
    let expected = if status == 204 { Length::None } else { length };
    assert_eq!(head_end(&log), Some((status, expected)));
    let read: Fields = self::fields(&log)
        .into_iter()
        .filter(|f| forwardable(&f.0) && !f.0.eq_ignore_ascii_case(b"Content-Length"))
        .collect();
    assert_eq!(read, fields);
}
