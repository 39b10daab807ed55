//! Runs `transcripts/*.txt`: input, and the events that it must come to, with
//! every cut.
//!
//! Blocks are separated by lines of dashes; `#` begins a comment. A block has
//! lines of settings and the parts `input:`, `output:` and `log:`.
//!
//! * Settings: see `server_limits`, `run_client` and `cgi_rules`.
//! * `call: EVENT => CALL ARGUMENTS`: what we do when that event comes.
//! * `input:` hex, `"escaped text"`, `XX*N` and `"text"*N` for repetitions.
//! * `output:` hex: what the usual replies and the calls write.
//! * `log:` `@OFFSET EVENT`, the normal form; after an error no offset.
//! * `each:` in place of the three: `INPUT => VERDICT`, many in a block, each
//!   run as an input of its own.
//!
//! `{NAME}` is a usual piece of input or output: see `shorthand`.
//!
//! To write a new one, leave the log empty and judge what the runner says.

mod common;

mod transcripts {
    pub mod ajp_client;
    pub mod ajp_server;
    pub mod cgi_request;
    pub mod http1;
    pub mod oneshot;
    pub mod uwsgi;
    mod verdicts;
}

use std::collections::HashMap;

use common::{Fact, Subject, check, put, text};
use vestibule::cgi::response::{FirstLine, Parser, Rules};
use vestibule::fcgi::{self, Role, client};
use vestibule::{Client, Error, Field, Id, Length, Limits, Server, proxy_protocol};

#[derive(Default, Debug)]
struct Block {
    name: String,
    line: usize,
    /// Key and value, in order.
    settings: Vec<(String, String)>,
    /// Event and call.
    calls: Vec<(String, String)>,
    input: Vec<u8>,
    close: bool,
    output: Vec<u8>,
    log: String,
    /// Line, input, whether it ends there, and verdict.
    each: Vec<(usize, Vec<u8>, bool, String)>,
}

impl Block {
    fn number(&self, key: &str) -> Option<u64> {
        let (_, value) = self.settings.iter().find(|s| s.0 == key)?;
        Some(value.parse().unwrap_or_else(|_| panic!("{key}: {value}")))
    }

    fn has(&self, key: &str) -> bool {
        self.settings.iter().any(|s| s.0 == key)
    }
}

/// One line of bytes.
fn bytes(line: &str, at: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() && !rest.starts_with('#') {
        let one = if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = 0;
            let all = quoted.as_bytes();
            while all
                .get(end)
                .unwrap_or_else(|| panic!("line {at}: no end of text"))
                != &b'"'
            {
                end += if all[end] == b'\\' { 2 } else { 1 };
            }
            rest = &quoted[end + 1..];
            unescape(&quoted[..end], at)
        } else if let Some(after) = rest.strip_prefix('|') {
            rest = after;
            Vec::new()
        } else if let Some((name, after)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            rest = after;
            transcripts::http1::shorthand(name)
                .unwrap_or_else(|| panic!("line {at}: no such piece: {name}"))
        } else {
            let digits = rest.get(..2).unwrap_or_else(|| panic!("line {at}: {rest}"));
            rest = &rest[2..];
            vec![u8::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("line {at}: {digits}"))]
        };
        let mut times = 1;
        if let Some(after) = rest.strip_prefix('*') {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            times = digits.parse().unwrap();
            rest = &after[digits.len()..];
        }
        out.extend(one.repeat(times));
        rest = rest.trim_start();
    }
    out
}

fn unescape(text: &str, at: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'\\' {
            out.push(b);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'x') => {
                let pair = [bytes.next().unwrap_or(b'?'), bytes.next().unwrap_or(b'?')];
                let pair = std::str::from_utf8(&pair).unwrap();
                u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("line {at}: \\x{pair}"))
            }
            Some(other) => other,
            None => panic!("line {at}: a lone backslash"),
        });
    }
    out
}

fn blocks(file: &str) -> Vec<Block> {
    #[derive(PartialEq)]
    enum Part {
        Settings,
        Input,
        Output,
        Log,
        Each,
    }
    let mut all = Vec::new();
    let mut block = Block::default();
    let mut part = Part::Settings;
    for (at, line) in file.lines().enumerate() {
        let at = at + 1;
        let line = line.trim();
        if line.len() >= 4 && line.bytes().all(|b| b == b'-') {
            all.push(std::mem::take(&mut block));
            part = Part::Settings;
            continue;
        }
        match line {
            "" => continue,
            _ if line.starts_with('#') => continue,
            "input:" => part = Part::Input,
            "output:" => part = Part::Output,
            "log:" => part = Part::Log,
            "each:" => part = Part::Each,
            _ if part == Part::Input && line == "end" => block.close = true,
            _ => match part {
                Part::Input => block.input.extend(bytes(line, at)),
                Part::Output => block.output.extend(bytes(line, at)),
                Part::Log => block.log += &format!("{line}\n"),
                Part::Each => {
                    let (input, verdict) = line.rsplit_once("=>").expect("input => verdict");
                    let input = input.trim();
                    let (input, close) = match input.strip_suffix(" end") {
                        Some(input) => (input, true),
                        None => (input, false),
                    };
                    let verdict = verdict.trim().to_string();
                    block.each.push((at, bytes(input, at), close, verdict));
                }
                Part::Settings => {
                    if block.name.is_empty() {
                        block.name = line.to_string();
                        block.line = at;
                    } else if let Some(call) = line.strip_prefix("call:") {
                        let (event, call) = call.split_once("=>").expect("event => call");
                        let pair = (event.trim().to_string(), call.trim().to_string());
                        block.calls.push(pair);
                    } else {
                        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
                        block.settings.push((key.to_string(), value.to_string()));
                    }
                }
            },
        }
    }
    if !block.name.is_empty() {
        all.push(block);
    }
    all
}

fn id(word: &str) -> Id {
    Id::new(word.parse().unwrap()).unwrap()
}

/// The calls that a script may make on a server machine.
fn server_call(server: &mut fcgi::Server<Vec<fcgi::Slot>>, call: &str, out: &mut Vec<u8>) {
    let words: Vec<&str> = call.split(' ').collect();
    let mut room = [0; 256];
    match words[..] {
        ["end", i, status] => put(out, server.end(id(i), status.parse().unwrap()).unwrap()),
        ["finish", i] => put(out, server.finish(id(i), [], &mut room).unwrap()),
        ["fail", i, error] => {
            let error = match error {
                "Overloaded" => Error::Overloaded,
                "Internal" => Error::Internal,
                "BadPair" => Error::BadPair,
                other => panic!("no such error: {other}"),
            };
            put(out, server.fail(id(i), error, &mut room).unwrap());
        }
        ["answer", i, text] => {
            let fields = [Field::header(b"Content-Type", b"text/plain")];
            let n = Length::Known(text.len() as u64);
            put(out, server.head(id(i), 200, fields, n, &mut room).unwrap());
            put(out, server.body(id(i), &mut text.as_bytes()).unwrap());
            put(out, server.end(id(i), 0).unwrap());
        }
        ["shutdown"] => server.shutdown(),
        _ => panic!("no such call: {call}"),
    }
}

fn server_limits(block: &Block) -> fcgi::ServerLimits {
    let mut limits = fcgi::ServerLimits::DEFAULT;
    for (key, value) in &block.settings {
        let n = value.parse().unwrap_or(0);
        limits = match key.as_str() {
            "head_bytes" => limits.head_bytes(n),
            "fields" => limits.fields(n),
            "body_bytes" => limits.body_bytes(n.into()),
            "stray_records" => limits.stray_records(n),
            "idle_records" => limits.idle_records(n),
            "management_records" => limits.management_records(n),
            "slots" | "values" | "any_body_length" => limits,
            other => panic!("line {}: no such setting: {other}", block.line),
        };
    }
    limits
}

fn run_server(block: &Block) -> Outcome {
    let limits = server_limits(block);
    let slots = block.number("slots").unwrap_or(1) as usize;
    let make = || {
        let mut server = fcgi::Server::with_limits(vec![fcgi::Slot::EMPTY; slots], limits)
            .any_body_length(block.has("any_body_length"));
        if let Some((_, v)) = block.settings.iter().find(|s| s.0 == "values") {
            let (conns, reqs) = v.split_once(' ').unwrap();
            server = server.values(conns.parse().unwrap(), reqs.parse().unwrap());
        }
        server
    };
    run(&make, block, &server_call)
}

fn cgi_rules(block: &Block) -> Rules {
    let mut rules = Rules::STRICT;
    for (key, value) in &block.settings {
        let n = value.parse().unwrap_or(0);
        rules = match key.as_str() {
            "empty_head" => rules.empty_head(true),
            "ignore_bad_lines" => rules.ignore_bad_lines(true),
            "any_status" => rules.any_status(true),
            "first_status_wins" => rules.first_status_wins(true),
            "repeated_fields" => rules.repeated_fields(true),
            "folding" => rules.folding(true),
            "interim" => rules.interim(true),
            "local_redirect" => rules.local_redirect(true),
            "status_line" => rules.first_line(FirstLine::StatusLine),
            "either" => rules.first_line(FirstLine::Either),
            "line_bytes" => rules.line_bytes(n),
            "head_bytes" => rules.limits(Limits::DEFAULT.head_bytes(n)),
            _ => rules,
        };
    }
    rules
}

/// Requests to be made: `open ROLE keep|close [HEAD]`, `open … body N`.
fn run_client(block: &Block) -> Outcome {
    let mut limits = client::Limits::DEFAULT.cgi(cgi_rules(block));
    for (key, value) in &block.settings {
        let n = value.parse().unwrap_or(0);
        limits = match key.as_str() {
            "log_bytes" => limits.log_bytes(n),
            "stray_records" => limits.stray_records(n),
            "idle_records" => limits.idle_records(n),
            _ => limits,
        };
    }
    let slots = block.number("slots").unwrap_or(1) as usize;
    let make = || {
        let mut client = client::Client::with_limits(vec![client::Slot::EMPTY; slots], limits);
        let mut room = [0; 256];
        for (key, value) in &block.settings {
            let words: Vec<&str> = value.split(' ').collect();
            match key.as_str() {
                "open" => {
                    let role = match words[0] {
                        "responder" => Role::Responder,
                        "authorizer" => Role::Authorizer,
                        "filter" => Role::Filter,
                        other => panic!("no such role: {other}"),
                    };
                    let method = match words.contains(&"HEAD") {
                        true => &b"HEAD"[..],
                        false => b"GET",
                    };
                    let length = match words.contains(&"body") {
                        true => Length::Unknown,
                        false => Length::None,
                    };
                    let keep = words.contains(&"keep");
                    let fields = [Field::var(b"REQUEST_METHOD", method)];
                    let _ = client.begin(role, keep, fields, length, &mut room).unwrap();
                }
                "ask" => {
                    let _ = client.values().unwrap();
                }
                "abort" => {
                    let _ = Client::abort(&mut client, id(words[0])).unwrap();
                }
                _ => {}
            }
        }
        client
    };
    run(&make, block, &|client, call, out| {
        let words: Vec<&str> = call.split(' ').collect();
        match words[..] {
            ["abort", i] => put(out, client.abort(id(i)).unwrap()),
            ["discard", i] => client.discard(id(i)).unwrap(),
            _ => panic!("no such call: {call}"),
        }
    })
}

fn run_cgi(block: &Block) -> Outcome {
    let rules = cgi_rules(block);
    let make = || Parser::new(rules, block.has("HEAD"));
    run(&make, block, &|_, call, _| panic!("no such call: {call}"))
}

fn run_proxy(block: &Block) -> Outcome {
    let length = block.number("length").map_or(4096, |n| n as u16);
    let make = || proxy_protocol::Parser::new(proxy_protocol::Limits::DEFAULT.length(length));
    run(&make, block, &|_, call, _| panic!("no such call: {call}"))
}

fn run<M: Subject>(
    make: &dyn Fn() -> M,
    block: &Block,
    call: &dyn Fn(&mut M, &str, &mut Vec<u8>),
) -> Outcome {
    let calls: HashMap<&str, Vec<&str>> = {
        let mut map = HashMap::<_, Vec<_>>::new();
        for (event, call) in &block.calls {
            map.entry(event.as_str()).or_default().push(call.as_str());
        }
        map
    };
    let react = |m: &mut M, fact: &Fact, out: &mut Vec<u8>| {
        if calls.is_empty() {
            return;
        }
        for c in calls.get(fact.to_string().as_str()).into_iter().flatten() {
            call(m, c, out);
        }
    };
    let (log, out) = check(make, &block.input, block.close, &react)?;
    Ok((text(&log), out))
}

type Outcome = Result<(String, Vec<u8>), String>;

/// What is wrong, if anything is.
fn verdict(block: &Block, log: &str, output: &[u8], outcome: &Outcome) -> Option<String> {
    let name = format!("{} (line {})", block.name, block.line);
    match outcome {
        Err(e) => Some(format!("{name}: {e}")),
        Ok((came, _)) if came != log => Some(format!("{name}: came\n{came}expected\n{log}")),
        Ok((_, wrote)) if wrote != output => Some(format!(
            "{name}: wrote\n{}\nexpected\n{}",
            spell(wrote),
            spell(output)
        )),
        Ok(_) => None,
    }
}

fn spell(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x} ")).collect()
}

fn all(file: &str, least: usize, run: &(dyn Fn(&Block) -> Outcome + Sync)) {
    let blocks = blocks(file);
    assert!(blocks.len() >= least, "only {} blocks", blocks.len());
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let part = |odd| {
            let mine = blocks.iter().skip(odd).step_by(2);
            scope.spawn(move || mine.filter_map(|b| judge(b, run)).collect::<Vec<_>>())
        };
        let parts = [part(0), part(1)];
        parts.into_iter().flat_map(|p| p.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Also sees to it that the block can fail: with another log, or another output.
fn judge(block: &Block, run: &dyn Fn(&Block) -> Outcome) -> Option<String> {
    if !block.each.is_empty() {
        let wrong: Vec<String> = transcripts::http1::each(block).collect();
        return (!wrong.is_empty()).then(|| format!("{}\n{}", block.name, wrong.join("\n")));
    }
    let outcome = run(block);
    let wrong = verdict(block, &block.log, &block.output, &outcome);
    if wrong.is_none() {
        let log = block.log.replacen('1', "2", 1) + "x";
        assert!(verdict(block, &log, &block.output, &outcome).is_some());
        let output = [&block.output[..], b"x"].concat();
        assert!(verdict(block, &block.log, &output, &outcome).is_some());
    }
    wrong
}

#[test]
fn fcgi_server() {
    all(include_str!("transcripts/fcgi-server.txt"), 40, &run_server);
}

#[test]
fn fcgi_client() {
    all(include_str!("transcripts/fcgi-client.txt"), 20, &run_client);
}

#[test]
fn http1_server() {
    let run = transcripts::http1::run_server;
    all(include_str!("transcripts/http1-server.txt"), 60, &run);
}

#[test]
fn http1_client() {
    let run = transcripts::http1::run_client;
    all(include_str!("transcripts/http1-client.txt"), 40, &run);
}

#[test]
fn scgi_server() {
    let run = transcripts::oneshot::scgi_server;
    all(include_str!("transcripts/scgi-server.txt"), 60, &run);
}

#[test]
fn scgi_client() {
    let run = transcripts::oneshot::scgi_client;
    all(include_str!("transcripts/scgi-client.txt"), 30, &run);
}

#[test]
fn ajp_client() {
    let run = transcripts::ajp_client::run_client;
    all(include_str!("transcripts/ajp-client.txt"), 100, &run);
}

#[test]
fn ajp_server() {
    let run = transcripts::ajp_server::run_server;
    all(include_str!("transcripts/ajp-server.txt"), 60, &run);
}

#[test]
fn uwsgi_server() {
    let run = transcripts::uwsgi::server;
    all(include_str!("transcripts/uwsgi-server.txt"), 40, &run);
}

#[test]
fn uwsgi_client() {
    let run = transcripts::uwsgi::client;
    all(include_str!("transcripts/uwsgi-client.txt"), 18, &run);
}

#[test]
fn cgi_response() {
    all(include_str!("transcripts/cgi-response.txt"), 32, &run_cgi);
}

#[test]
fn proxy() {
    all(
        include_str!("transcripts/proxy-protocol.txt"),
        60,
        &run_proxy,
    );
}

#[test]
fn cgi_server() {
    let run = transcripts::oneshot::cgi_server;
    all(include_str!("transcripts/cgi-server.txt"), 10, &run);
}

#[test]
fn cgi_client() {
    let run = transcripts::oneshot::cgi_client;
    all(include_str!("transcripts/cgi-client.txt"), 10, &run);
}

#[test]
fn cgi_request() {
    let run = transcripts::cgi_request::run;
    all(include_str!("transcripts/cgi-request.txt"), 27, &run);
}
