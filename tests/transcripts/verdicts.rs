//! The tables of verdicts in the documentation, every row of them run: so they
//! cannot say what is not so.

use super::http1::{judge_answer, judge_request, shorthand, switch};
use crate::{Block, unescape};
use vestibule::http1::target::{Target, agrees};
use vestibule::http1::{Client, Rules, Server};
use vestibule::{
    Client as _, Field, Fields, Id, Length, Refused, Request, Server as _, Space, drain,
};

const TABLES: &str = include_str!("../../src/http1/verdicts.md");

/// The rows of a part's table, as cells.
fn rows(part: &str, columns: usize) -> Vec<Vec<&'static str>> {
    let (_, text) = TABLES.split_once(&format!("## {part}")).expect("the part");
    let text = text.split("\n## ").next().unwrap_or(text);
    let table = text.lines().filter(|line| line.starts_with('|')).skip(2);
    let cells = |line: &'static str| -> Vec<&str> {
        let line = line.strip_prefix('|').and_then(|l| l.strip_suffix('|'));
        line.expect("a row").split(" |").map(str::trim).collect()
    };
    let rows: Vec<Vec<_>> = table.map(cells).collect();
    for row in &rows {
        assert_eq!(row.len(), columns, "{row:?}");
    }
    rows
}

/// Letters of `shorthand`, code, code with `*N`, and `end`.
fn input(cell: &str) -> (Vec<u8>, bool) {
    let (mut pieces, mut close) = (Vec::<Vec<u8>>::new(), false);
    let mut parts = cell.split('`');
    while let Some(words) = parts.next() {
        for word in words.split_whitespace() {
            match word.strip_prefix('*') {
                Some(times) => {
                    let last = pieces.last_mut().expect("a piece before");
                    *last = last.repeat(times.parse().expect("a number"));
                }
                None if word == "end" => close = true,
                None => pieces.push(shorthand(word).unwrap_or_else(|| panic!("{cell}"))),
            }
        }
        if let Some(code) = parts.next() {
            pieces.push(unescape(code, 0));
        }
    }
    (pieces.concat(), close)
}

/// A switch and the verdict with it.
fn switched(cell: &str) -> Option<(Rules, &str)> {
    let (name, verdict) = cell.strip_prefix('`')?.split_once("`: ")?;
    let rules = switch(Rules::STRICT, name).unwrap_or_else(|| panic!("no such switch: {name}"));
    Some((rules, verdict))
}

type Judge = fn(&Block, &[u8], bool, Rules) -> String;

/// What is wrong with a row: the verdict, or the one with its switch.
fn wrong(judge: Judge, block: &Block, cells: [&str; 3]) -> Vec<String> {
    let [bytes, verdict, last] = cells;
    let (bytes, close) = input(bytes);
    let mut cases = vec![(Rules::STRICT, verdict)];
    cases.extend(switched(last));
    if last.starts_with("for the caller") {
        assert!(contradicts(&bytes), "{}", bytes.escape_ascii());
    } else {
        assert!(last.is_empty() || cases.len() == 2, "{last}");
    }
    let judged = cases.into_iter().filter_map(|(rules, want)| {
        let came = judge(block, &bytes, close, rules);
        let bytes = bytes.escape_ascii();
        (came != want).then(|| format!("{bytes}\n  came {came}, expected {want}"))
    });
    judged.collect()
}

/// Whether target and Host of a request name different hosts.
fn contradicts(bytes: &[u8]) -> bool {
    let mut fields = Fields::new([0; 256]);
    drain(&mut Server::new(), &mut &bytes[..], |_, event| {
        if let Request::Field { field, .. } = event {
            fields.push(field).unwrap();
        }
    })
    .unwrap();
    let target = Target::parse(fields.get(b"REQUEST_URI").unwrap()).unwrap();
    !agrees(target, fields.get(b"Host").unwrap())
}

#[test]
fn on_requests() {
    let rows = rows("Requests", 4);
    assert!(rows.len() > 170, "{}", rows.len());
    let each = |row: &Vec<&str>| {
        let cells = [row[1], row[2], row[3]];
        wrong(judge_request, &Block::default(), cells)
    };
    let all: Vec<String> = rows.iter().flat_map(each).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn on_answers() {
    let rows = rows("Answers", 5);
    assert!(rows.len() > 30, "{}", rows.len());
    let each = |row: &Vec<&str>| {
        let block = Block {
            settings: vec![("open".into(), row[1].into())],
            ..Block::default()
        };
        wrong(judge_answer, &block, [row[2], row[3], row[4]])
    };
    let all: Vec<String> = rows.iter().flat_map(each).collect();
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// What a switch changes it changes in some row, or the table lacks one.
#[test]
fn on_every_switch() {
    let tables = [rows("Requests", 4), rows("Answers", 5)];
    let cells = tables.iter().flatten().map(|row| row[row.len() - 1]);
    let changing: Vec<Rules> = cells.filter_map(switched).map(|s| s.0).collect();
    let names = [
        "bare_lf",
        "folding",
        "blank_before_colon",
        "high_target_bytes",
        "fragment",
        "equal_lengths",
        "coding_wins",
        "any_expectation",
        "other_codings",
        "chunked_alone",
        "known_versions",
        "exact_status_line",
    ];
    for name in names {
        let rules = switch(Rules::STRICT, name).unwrap();
        assert!(changing.contains(&rules), "{name}");
    }
}

/// What becomes of a request, and of an answer if the field is a header field.
fn written(kind: &str, name: &[u8], value: &[u8]) -> Vec<Result<Vec<u8>, Refused>> {
    let (mut method, mut target, mut host) = (&b"POST"[..], &b"/a"[..], &b"h"[..]);
    let mut extra = None;
    match kind {
        "method" => method = value,
        "target" => target = value,
        "host" => host = value,
        "header" => extra = Some(Field::header(name, value)),
        "var" => extra = Some(Field::var(name, value)),
        other => panic!("{other}"),
    }
    let mut all = vec![
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", target),
        Field::header(b"Host", host),
    ];
    all.extend(extra);
    let mut room = [0; 256];
    let opened = Client::new().open(all, Length::Known(3), &mut room);
    let mut came = vec![opened.map(|(_, frame)| frame.slices().concat())];
    if let Some(field) = extra.filter(|f| f.space == Space::Header) {
        let mut server = Server::new();
        let mut request = &b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"[..];
        drain(&mut server, &mut request, |_, _| {}).unwrap();
        let head = server.head(Id::SOLE, 200, [field], Length::Known(3), &mut room);
        came.push(head.map(|frame| frame.slices().concat()));
    }
    came
}

#[test]
fn on_what_is_written() {
    let rows = rows("Messages", 3);
    assert!(rows.len() > 30, "{}", rows.len());
    let quiet = written("target", b"", b"/a");
    assert!(quiet[0].is_ok());
    for row in rows {
        let given = row[1].replace("(empty)", "``");
        let (kind, given) = given.split_once(' ').unwrap();
        let codes = given.split('`').skip(1).step_by(2);
        let codes: Vec<Vec<u8>> = codes.map(|code| unescape(code, 0)).collect();
        let (name, value) = match &codes[..] {
            [value] => (&b""[..], &value[..]),
            [name, value] => (&name[..], &value[..]),
            _ => panic!("{row:?}"),
        };
        for came in written(kind, name, value) {
            match row[2] {
                "refused Field" => assert_eq!(came, Err(Refused::Field), "{row:?}"),
                "not sent" => assert_eq!(came, quiet[0], "{row:?}"),
                other => panic!("{other}"),
            }
        }
    }
}
