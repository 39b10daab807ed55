//! What is an AJP server's in transcripts: settings and calls.

use super::http1::{fields, headers, length};
use crate::common::ajp::{OPEN, answer};
use crate::common::{Fact, check, put, text};
use crate::{Block, Outcome};
use std::collections::HashMap;
use vestibule::ajp::{Server, ServerLimits, ServerRules};
use vestibule::{Error, Id, Server as _};

const ID: Id = Id::SOLE;

/// The calls that a script may make; what is refused is written down as such.
fn call<S: AsRef<[u8]>>(server: &mut Server<S>, call: &str, out: &mut Vec<u8>) {
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
        "interim" => server.interim(ID, rest.parse().unwrap(), [], &mut room),
        "body" => server.body(ID, &mut rest.as_bytes()),
        "finish" => server.finish(ID, [], &mut room),
        "demand" => server.demand(ID, rest.parse().unwrap_or(usize::MAX)),
        "flush" => server.flush(ID),
        "fail" => server.fail(ID, Error::Internal, &mut room),
        "nothing" => return,
        "close_after" => return server.close_after(ID),
        "shutdown" => return server.shutdown(),
        "cancel" => return server.cancel(),
        _ => panic!("no such call: {call}"),
    };
    match made {
        Ok(frame) => put(out, frame),
        Err(refused) => out.extend(format!("[{refused:?}]").bytes()),
    }
}

/// Settings: limits by name; `secret TEXT`; `strict`: none is set, and one is
/// wanted. Where a block makes no call, each request is answered: see `answer`.
pub fn run_server(block: &Block) -> Outcome {
    let (mut limits, mut rules) = (ServerLimits::DEFAULT, OPEN);
    let mut secret = None;
    for (key, value) in &block.settings {
        let n = value.parse().unwrap_or(0);
        match key.as_str() {
            "packet_bytes" => limits = limits.packet_bytes(n),
            "head_bytes" => limits = limits.head_bytes(n),
            "fields" => limits = limits.fields(n),
            "body_bytes" => limits = limits.body_bytes(n.into()),
            "attributes" => limits = limits.attributes(n.try_into().unwrap()),
            "strict" => rules = ServerRules::STRICT,
            "names" => rules = rules.attributes(&[b"abc", b"ab", b"b"]),
            "secret" => secret = Some(value.clone()),
            other => panic!("line {}: no such setting: {other}", block.line),
        }
    }
    match secret {
        Some(secret) => run(rules.secret(secret), limits, block),
        None => run(rules, limits, block),
    }
}

fn run<S: AsRef<[u8]> + Clone>(
    rules: ServerRules<S>,
    limits: ServerLimits,
    block: &Block,
) -> Outcome {
    let mut calls = HashMap::<_, Vec<_>>::new();
    for (event, call) in &block.calls {
        calls.entry(event.as_str()).or_default().push(call.as_str());
    }
    let react = |server: &mut Server<S>, fact: &Fact, out: &mut Vec<u8>| {
        if calls.is_empty() {
            return answer(server, fact, out);
        }
        let event = fact.to_string();
        for c in calls.get(event.as_str()).into_iter().flatten() {
            call(server, c, out);
        }
    };
    let make = || Server::new(rules.clone()).limits(limits);
    let (log, out) = check(&make, &block.input, block.close, &react)?;
    Ok((text(&log), out))
}
