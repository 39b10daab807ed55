//! Transcripts of the machines that carry one request on a connection: those of
//! SCGI, and how the others are run.

use crate::common::oneshot::answer;
use crate::common::{Fact, Subject, check, text};
use crate::transcripts::http1::{client_call, open, server_call};
use crate::{Block, Outcome, cgi_rules};
use vestibule::cgi;
use vestibule::scgi::{Client, Rules, Server, ServerLimits};

/// Each request is answered with 200 without a body, and each error with its
/// refusal, unless a call says otherwise.
pub fn run_server<M: Subject + vestibule::Server>(block: &Block, make: &dyn Fn() -> M) -> Outcome {
    let react = |server: &mut M, fact: &Fact, out: &mut Vec<u8>| {
        let event = fact.to_string();
        let mut calls = block.calls.iter().filter(|c| c.0 == event).peekable();
        if calls.peek().is_none() {
            answer(server, fact, out);
        }
        calls.for_each(|c| server_call(server, &c.1, out));
    };
    let (log, out) = check(make, &block.input, block.close, &react)?;
    Ok((text(&log), out))
}

/// `open METHOD [LENGTH [Name: value]...]`, `body TEXT`, `end`, `abort`: made
/// before, in order.
pub fn run_client<M: Subject + vestibule::Client>(block: &Block, make: &dyn Fn() -> M) -> Outcome {
    let make = || {
        let mut client = make();
        for (key, value) in &block.settings {
            match key.as_str() {
                "open" => drop(open(&mut client, value)),
                "body" | "end" | "abort" => {
                    client_call(&mut client, &format!("{key} {value}"), &mut Vec::new());
                }
                _ => {}
            }
        }
        client
    };
    let react = |client: &mut M, fact: &Fact, out: &mut Vec<u8>| {
        let event = fact.to_string();
        let calls = block.calls.iter().filter(|c| c.0 == event);
        calls.for_each(|c| client_call(client, &c.1, out));
    };
    let (log, out) = check(&make, &block.input, block.close, &react)?;
    Ok((text(&log), out))
}

/// The limit of this name.
pub fn limit(limits: ServerLimits, key: &str, n: u32) -> Option<ServerLimits> {
    Some(match key {
        "head_bytes" => limits.head_bytes(n),
        "fields" => limits.fields(n),
        "body_bytes" => limits.body_bytes(n.into()),
        "linger_bytes" => limits.linger_bytes(n),
        _ => return None,
    })
}

pub fn scgi_server(block: &Block) -> Outcome {
    let mut limits = ServerLimits::DEFAULT;
    let mut rules = Rules::STRICT;
    let mut line = false;
    for (key, value) in &block.settings {
        if let Some(other) = limit(limits, key, value.parse().unwrap_or(0)) {
            limits = other;
            continue;
        }
        rules = match key.as_str() {
            "length_anywhere" => rules.length_anywhere(true),
            "no_version" => rules.no_version(true),
            "empty_length" => rules.empty_length(true),
            "repeated_variables" => rules.repeated_variables(true),
            "status_line" => {
                line = true;
                rules
            }
            other => panic!("line {}: no such setting: {other}", block.line),
        };
    }
    let make = || Server::with_limits(limits).rules(rules).status_line(line);
    run_server(block, &make)
}

pub fn scgi_client(block: &Block) -> Outcome {
    let rules = cgi_rules(block);
    run_client(block, &|| Client::with_rules(rules))
}

pub fn cgi_server(block: &Block) -> Outcome {
    let mut limits = ServerLimits::DEFAULT;
    for (key, value) in &block.settings {
        match limit(limits, key, value.parse().unwrap_or(0)) {
            Some(other) => limits = other,
            None => panic!("line {}: no such setting: {key}", block.line),
        }
    }
    run_server(block, &|| cgi::Server::with_limits(limits))
}

pub fn cgi_client(block: &Block) -> Outcome {
    let rules = cgi_rules(block);
    run_client(block, &|| cgi::Client::with_rules(rules))
}
