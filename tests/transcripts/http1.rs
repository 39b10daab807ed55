//! What is HTTP's in transcripts: pieces, settings, calls, verdicts.

use crate::common::oneshot::answer;
use crate::common::{Entry, Fact, What, check, put, text};
use crate::{Block, Outcome, unescape};
use vestibule::http1::{Client, ClientLimits, Rules, Server, ServerLimits};
use vestibule::{Client as _, Ending, Error, Field, Id, Length};

const ID: Id = Id::SOLE;

/// The request that has to come out behind each that is valid, and behind no
/// other.
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n";

/// `P`, `G`, `C`: the front of a POST, of a GET, of a POST with chunks. `N`: a
/// whole request. A status: our answer without a body; `close`: the last one.
pub fn shorthand(name: &str) -> Option<Vec<u8>> {
    let (status, close) = match name.strip_suffix(" close") {
        Some(status) => (status, "Connection: close\r\n"),
        None => (name, ""),
    };
    Some(match status {
        "P" => b"POST /a HTTP/1.1\r\nHost: h\r\n".to_vec(),
        "G" => b"GET /a HTTP/1.1\r\nHost: h\r\n".to_vec(),
        "C" => b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        "N" => NEXT.to_vec(),
        "K" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
        _ => {
            let reason = match status {
                "200" => "OK",
                "204" => "No Content",
                "400" => "Bad Request",
                "413" => "Content Too Large",
                "414" => "URI Too Long",
                "417" => "Expectation Failed",
                "431" => "Request Header Fields Too Large",
                "501" => "Not Implemented",
                "502" => "Bad Gateway",
                "505" => "HTTP Version Not Supported",
                _ => return None,
            };
            let length = match status {
                "204" => "",
                _ => "Content-Length: 0\r\n",
            };
            format!("HTTP/1.1 {status} {reason}\r\n{length}{close}\r\n").into_bytes()
        }
    })
}

/// The switch of this name, turned on.
pub fn switch(rules: Rules, name: &str) -> Option<Rules> {
    Some(match name {
        "bare_lf" => rules.bare_lf(true),
        "folding" => rules.folding(true),
        "blank_before_colon" => rules.blank_before_colon(true),
        "high_target_bytes" => rules.high_target_bytes(true),
        "fragment" => rules.fragment(true),
        "equal_lengths" => rules.equal_lengths(true),
        "coding_wins" => rules.coding_wins(true),
        "any_expectation" => rules.any_expectation(true),
        "other_codings" => rules.other_codings(true),
        "chunked_alone" => rules.chunked_alone(true),
        "known_versions" => rules.known_versions(true),
        "exact_status_line" => rules.exact_status_line(true),
        _ => return None,
    })
}

fn rules(block: &Block) -> Rules {
    let on = |rules, (key, _): &(String, String)| switch(rules, key).unwrap_or(rules);
    block.settings.iter().fold(Rules::STRICT, on)
}

pub fn length(word: &str) -> Length {
    match word {
        "none" => Length::None,
        "unknown" => Length::Unknown,
        n => Length::Known(n.parse().unwrap_or_else(|_| panic!("no length: {n}"))),
    }
}

/// `Name: value`, several with `;` between.
pub fn fields(words: &str) -> Vec<(String, Vec<u8>)> {
    let field = |text: &str| {
        let (name, value) = text.split_once(": ").expect("Name: value");
        (name.trim().to_string(), unescape(value, 0))
    };
    words
        .split(';')
        .filter(|w| !w.trim().is_empty())
        .map(field)
        .collect()
}

pub fn headers(pairs: &[(String, Vec<u8>)]) -> Vec<Field<'_>> {
    let header = |(name, value)| Field::header(String::as_bytes(name), Vec::as_slice(value));
    pairs
        .iter()
        .map(|pair| (&pair.0, &pair.1))
        .map(header)
        .collect()
}

/// The calls that a script may make on a server machine; what is refused is
/// written down as such.
pub fn server_call<M: vestibule::Server>(server: &mut M, call: &str, out: &mut Vec<u8>) {
    let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
    let mut words = rest.splitn(3, ' ');
    let mut word = || words.next().unwrap_or("");
    let mut room = [0; 512];
    let made = match verb {
        "head" => {
            let (status, length) = (word().parse().unwrap(), length(word()));
            let pairs = fields(word());
            server.head(ID, status, headers(&pairs), length, &mut room)
        }
        "interim" => {
            let (status, more) = rest.split_once(' ').unwrap_or((rest, ""));
            let (status, pairs) = (status.parse().unwrap(), fields(more));
            server.interim(ID, status, headers(&pairs), &mut room)
        }
        "body" => server.body(ID, &mut rest.as_bytes()),
        "finish" => {
            let pairs = fields(rest);
            server.finish(ID, headers(&pairs), &mut room)
        }
        "demand" => server.demand(ID, usize::MAX),
        "fail" => server.fail(ID, Error::Internal, &mut room),
        "nothing" => return,
        "close_after" => return server.close_after(ID),
        "shutdown" => return server.shutdown(),
        _ => panic!("no such call: {call}"),
    };
    match made {
        Ok(frame) => put(out, frame),
        Err(refused) => out.extend(format!("[{refused:?}]").bytes()),
    }
}

pub type Ran = Result<(Vec<Entry>, Vec<u8>), String>;

/// `next`: by the log, whether to see what becomes of another request behind.
fn server(
    block: &Block,
    input: &[u8],
    close: bool,
    rules: Rules,
    next: &dyn Fn(&[Entry]) -> bool,
) -> Ran {
    let mut limits = ServerLimits::DEFAULT;
    for (key, value) in &block.settings {
        let n = value.parse().unwrap_or(0);
        limits = match key.as_str() {
            "head_bytes" => limits.head_bytes(n),
            "fields" => limits.fields(n),
            "body_bytes" => limits.body_bytes(n.into()),
            "method_bytes" => limits.method_bytes(n),
            "target_bytes" => limits.target_bytes(n),
            "line_bytes" => limits.line_bytes(n),
            "blank_lines" => limits.blank_lines(n.try_into().unwrap()),
            "drain_bytes" => limits.drain_bytes(n),
            "alone" => limits,
            other => match switch(rules, other) {
                Some(_) => limits,
                None => panic!("line {}: no such setting: {other}", block.line),
            },
        };
    }
    let make = || Server::with_limits(limits).rules(rules);
    let react = |server: &mut Server, fact: &Fact, out: &mut Vec<u8>| {
        let event = fact.to_string();
        let mut calls = block.calls.iter().filter(|c| c.0 == event).peekable();
        if calls.peek().is_none() {
            answer(server, fact, out);
        }
        calls.for_each(|c| server_call(server, &c.1, out));
    };
    let (log, out) = check(&make, input, close, &react)?;
    if close || !next(&log) {
        return Ok((log, out));
    }
    let (more, wrote) = check(&make, &[input, NEXT].concat(), false, &react)?;
    let lost = matches!(log.last(), Some(e) if matches!(e.fact, Fact::Err(_)));
    let last = out.windows(19).any(|w| w == b"Connection: close\r\n");
    let (mut whole, mut written) = (log.clone(), out.clone());
    if !lost && !last {
        let (next, answer) = check(&make, NEXT, false, &react)?;
        let moved = |e: Entry| Entry {
            at: e.at + input.len(),
            ..e
        };
        whole.extend(next.into_iter().map(moved));
        written.extend(answer);
    }
    if more == whole && wrote == written {
        Ok((log, out))
    } else {
        Err(format!("with another request behind:\n{}", text(&more)))
    }
}

pub fn run_server(block: &Block) -> Outcome {
    let next = |_: &[Entry]| !block.has("alone");
    let (log, out) = server(block, &block.input, block.close, rules(block), &next)?;
    Ok((text(&log), out))
}

/// Whether a request, at least, was read to its end, or refused.
fn over(log: &[Entry]) -> bool {
    log.iter()
        .any(|e| matches!(e.fact, Fact::BodyEnd(_) | Fact::Err(_)))
}

/// In short: what the head came to, the body, its trailers, and how it ended.
fn verdict_on_request(log: &[Entry], out: &[u8]) -> String {
    let mut said = Vec::new();
    let mut head = false;
    for Entry { fact, .. } in log {
        match fact {
            Fact::Begin(_) => head = false,
            Fact::HeadEnd(_, _, length) => {
                head = true;
                said.push(match length {
                    Length::None => "ok".into(),
                    Length::Known(n) => format!("ok {n}"),
                    Length::Unknown => "ok chunked".into(),
                });
            }
            Fact::Bytes { bytes, .. } => said.push(format!("\"{}\"", bytes.escape_ascii())),
            Fact::Field { name, value, .. } if head => {
                let (name, value) = (name.escape_ascii(), value.escape_ascii());
                said.push(format!("{name}={value}"));
            }
            Fact::Fault(_, error) => said.push(format!("fault {} {error:?}", error.status())),
            Fact::Err(error) if !head => said.push(format!("{} {error:?}", error.status())),
            Fact::Abort(_) => said.push("abort".into()),
            _ => {}
        }
    }
    if !over(log) {
        said.push("unfinished".into());
    } else if said[0].starts_with("ok")
        && out.windows(17).any(|w| w == b"Connection: close")
        && !matches!(log.last(), Some(e) if matches!(e.fact, Fact::Err(_)))
    {
        said.push("last".into());
    }
    said.join(" ")
}

/// What one request comes to, run with every cut, and another behind it.
pub fn judge_request(block: &Block, input: &[u8], close: bool, rules: Rules) -> String {
    match server(block, input, close, rules, &over) {
        Ok((log, out)) => verdict_on_request(&log, &out),
        Err(wrong) => wrong,
    }
}

/// `open METHOD [LENGTH [Name: value]...]`
pub fn open<K: vestibule::Client>(client: &mut K, words: &str) -> Vec<u8> {
    let mut words = words.splitn(3, ' ');
    let mut word = || words.next().unwrap_or("");
    let method = word();
    let length = match word() {
        "" => Length::None,
        other => length(other),
    };
    let pairs = fields(word());
    let target = match method {
        "CONNECT" => &b"h:80"[..],
        _ => b"/a",
    };
    let mut all = vec![
        Field::var(b"REQUEST_METHOD", method.as_bytes()),
        Field::var(b"REQUEST_URI", target),
        Field::header(b"Host", b"h"),
    ];
    all.extend(headers(&pairs));
    let mut room = [0; 512];
    let opened = client.open(all, length, &mut room);
    let (_, frame) = opened.unwrap();
    frame.slices().concat()
}

pub fn client_call<K: vestibule::Client>(client: &mut K, call: &str, out: &mut Vec<u8>) {
    let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
    let mut room = [0; 256];
    match verb {
        "open" => out.extend(open(client, rest)),
        "body" => put(out, client.body(ID, &mut rest.as_bytes()).unwrap()),
        "end" => {
            let pairs = fields(rest);
            let end = client.body_end(ID, headers(&pairs), &mut room);
            put(out, end.unwrap());
        }
        "abort" => put(out, client.abort(ID).unwrap()),
        _ => panic!("no such call: {call}"),
    }
}

/// `open` as above, `last`, `proceed`, `body TEXT`, `end`: made before, in
/// order.
fn client(block: &Block, input: &[u8], close: bool, rules: Rules) -> Ran {
    let mut limits = ClientLimits::DEFAULT;
    for (key, value) in &block.settings {
        let n = value.parse().unwrap_or(0);
        limits = match key.as_str() {
            "head_bytes" => limits.head_bytes(n),
            "fields" => limits.fields(n),
            "body_bytes" => limits.body_bytes(n.into()),
            "line_bytes" => limits.line_bytes(n),
            "interim" => limits.interim(n.try_into().unwrap()),
            "open" | "last" | "proceed" | "body" | "end" => limits,
            other => match switch(rules, other) {
                Some(_) => limits,
                None => panic!("line {}: no such setting: {other}", block.line),
            },
        };
    }
    let make = || {
        let mut client = Client::with_limits(limits).rules(rules);
        for (key, value) in &block.settings {
            match key.as_str() {
                "open" => drop(open(&mut client, value)),
                "last" => client.last(),
                "proceed" => client.proceed(ID).unwrap(),
                "body" | "end" => {
                    client_call(&mut client, &format!("{key} {value}"), &mut Vec::new());
                }
                _ => {}
            }
        }
        client
    };
    check(&make, input, close, &|client, fact, out| {
        let event = fact.to_string();
        for (_, call) in block.calls.iter().filter(|c| c.0 == event) {
            client_call(client, call, out);
        }
    })
}

pub fn run_client(block: &Block) -> Outcome {
    let (log, out) = client(block, &block.input, block.close, rules(block))?;
    Ok((text(&log), out))
}

/// In short: the statuses, the body and its trailers, and how it ended.
fn verdict_on_answer(log: &[Entry]) -> String {
    let failed = |said: &[String]| said.last().is_some_and(|s| s.starts_with("failed"));
    let mut said = Vec::new();
    let mut body = false;
    for Entry { fact, .. } in log {
        match fact {
            Fact::Interim(_, status) => said.push(format!("({status})")),
            Fact::HeadEnd(_, status, length) => {
                body = true;
                let length = match length {
                    Length::None => String::new(),
                    Length::Known(n) => format!(" {n}"),
                    Length::Unknown => " unknown".into(),
                };
                said.push(format!("{}{length}", status.unwrap_or(0)));
            }
            Fact::Bytes { what, bytes, .. } => {
                assert_eq!(*what, What::Body);
                said.push(format!("\"{}\"", bytes.escape_ascii()));
            }
            Fact::Field { name, value, .. } if body => {
                let (name, value) = (name.escape_ascii(), value.escape_ascii());
                said.push(format!("{name}={value}"));
            }
            Fact::Done { reuse, ending, .. } => {
                body = false;
                said.push(match ending {
                    Ending::Complete { .. } if *reuse => "reuse".into(),
                    Ending::Complete { .. } => "close".into(),
                    Ending::Failed(error) => format!("failed {error:?}"),
                    other => format!("{other:?}").to_lowercase(),
                });
            }
            Fact::Err(error) if *error == Error::Surplus && !failed(&said) => {
                said.push("then Surplus".into());
            }
            Fact::Paused(n) => said.push(format!("then {n} bytes left")),
            _ => {}
        }
    }
    if !log.iter().any(|e| e.fact.last()) {
        said.push("unfinished".into());
    }
    said.join(" ")
}

/// What the answer to one request comes to, run with every cut.
pub fn judge_answer(block: &Block, input: &[u8], close: bool, rules: Rules) -> String {
    match client(block, input, close, rules) {
        Ok((log, _)) => verdict_on_answer(&log),
        Err(wrong) => wrong,
    }
}

/// What is wrong with the rows of a block.
pub fn each(block: &Block) -> impl Iterator<Item = String> {
    let judge = match block.has("open") {
        true => judge_answer,
        false => judge_request,
    };
    block
        .each
        .iter()
        .filter_map(move |(line, input, close, want)| {
            let came = judge(block, input, *close, rules(block));
            let input = input.escape_ascii();
            (came != *want).then(|| format!("line {line}: {input}\n  came {came}, expected {want}"))
        })
}
