//! Transcripts of the uwsgi machines.

use super::oneshot::{run_client, run_server};
use crate::{Block, Outcome, cgi_rules};
use vestibule::cgi::response::FirstLine;
use vestibule::uwsgi::{Client, Rules, Server, ServerLimits};

pub fn server(block: &Block) -> Outcome {
    let mut limits = ServerLimits::DEFAULT;
    let mut rules = Rules::STRICT;
    for (key, value) in &block.settings {
        let n: u32 = value.parse().unwrap_or(0);
        match key.as_str() {
            "head_bytes" => limits = limits.head_bytes(n),
            "fields" => limits = limits.fields(n),
            "body_bytes" => limits = limits.body_bytes(n.into()),
            "name_bytes" => limits = limits.name_bytes(n.try_into().unwrap()),
            "modifier1" => rules = rules.modifier1(n.try_into().unwrap(), true),
            "server_variables" => rules = rules.server_variables(true),
            "any_method" => rules = rules.any_method(true),
            "repeated_variables" => rules = rules.repeated_variables(true),
            other => panic!("line {}: no such setting: {other}", block.line),
        }
    }
    run_server(block, &|| Server::with_limits(limits).rules(rules))
}

/// `ping` in place of a request. A status line must begin the answer, unless
/// `either`.
pub fn client(block: &Block) -> Outcome {
    let mut rules = cgi_rules(block);
    if !block.has("either") {
        rules = rules.first_line(FirstLine::StatusLine);
    }
    run_client(block, &|| {
        let mut client = Client::with_rules(rules);
        if block.has("ping") {
            let _ = client.ping().unwrap();
        }
        client
    })
}
