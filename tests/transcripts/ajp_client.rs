//! What is an AJP client's in transcripts: settings and calls.

use crate::common::ajp::fields;
use crate::common::{check, put, text};
use crate::{Block, Outcome};
use vestibule::ajp::{Client, ClientLimits, ClientRules};
use vestibule::{Client as _, Id, Length, drain};

const ID: Id = Id::SOLE;

fn length(word: &str) -> Length {
    match word {
        "none" => Length::None,
        "unknown" => Length::Unknown,
        n => Length::Known(n.parse().unwrap_or_else(|_| panic!("no length: {n}"))),
    }
}

/// What is refused is written down as such.
fn call(client: &mut Client, call: &str, out: &mut Vec<u8>) {
    let (verb, rest) = call.split_once(' ').unwrap_or((call, ""));
    let mut room = [0; 256];
    let made = match verb {
        "open" => {
            let (method, body) = rest.split_once(' ').unwrap_or((rest, "none"));
            let opened = client.open(fields(method.as_bytes()), length(body), &mut room);
            opened.map(|(_, frame)| frame)
        }
        "body" => {
            let mut payload = rest.as_bytes();
            let made = client.body(ID, &mut payload);
            if let Ok(frame) = made {
                put(out, frame);
                out.extend(b" left ".iter().filter(|_| !payload.is_empty()));
                out.extend(payload);
                return;
            }
            made
        }
        "end" => client.body_end(ID, [], &mut room),
        "abort" => client.abort(ID),
        "cping" => client.cping(),
        "cancel" => return client.cancel(),
        "credit" => return out.extend(format!("[{}]", client.credit(ID)).bytes()),
        _ => panic!("no such call: {call}"),
    };
    match made {
        Ok(frame) => put(out, frame),
        Err(refused) => out.extend(format!("[{refused:?}]").bytes()),
    }
}

/// Settings: limits and rules by name; `used`: an answer came before;
/// `open METHOD [LENGTH]`, `body TEXT`, `end`, `abort`, `cancel`, `cping`: made before,
/// in order.
pub fn run_client(block: &Block) -> Outcome {
    let (mut limits, mut rules) = (ClientLimits::DEFAULT, ClientRules::STRICT);
    for (key, value) in &block.settings {
        let n: u32 = value.parse().unwrap_or(0);
        match key.as_str() {
            "packet_bytes" => limits = limits.packet_bytes(n),
            "head_bytes" => limits = limits.head_bytes(n),
            "fields" => limits = limits.fields(n),
            "body_bytes" => limits = limits.body_bytes(n.into()),
            "flushes" => limits = limits.flushes(n.try_into().unwrap()),
            "late_demands" => limits = limits.late_demands(n.try_into().unwrap()),
            "missing_pad" => rules = rules.missing_pad(true),
            "any_status" => rules = rules.any_status(true),
            "interim" => rules = rules.interim(true),
            "used" | "open" | "body" | "end" | "abort" | "cancel" | "cping" => {}
            other => panic!("line {}: no such setting: {other}", block.line),
        }
    }
    let make = || {
        let mut client = Client::new().limits(limits).rules(rules);
        for (key, value) in &block.settings {
            match key.as_str() {
                "used" => {
                    call(&mut client, "open GET", &mut Vec::new());
                    let mut answer = &b"AB\0\x08\x04\0\xc8\0\0\0\0\0AB\0\x02\x05\x01"[..];
                    assert!(drain(&mut client, &mut answer, |_, _| {}).unwrap());
                }
                "open" | "body" | "end" | "abort" | "cancel" | "cping" => {
                    call(&mut client, &format!("{key} {value}"), &mut Vec::new());
                }
                _ => {}
            }
        }
        client
    };
    let react = |client: &mut Client, fact: &crate::Fact, out: &mut Vec<u8>| {
        let event = fact.to_string();
        for (_, made) in block.calls.iter().filter(|c| c.0 == event) {
            call(client, made, out);
        }
    };
    let (log, out) = check(&make, &block.input, block.close, &react)?;
    Ok((text(&log), out))
}
