//! Requests of HTTP, and what a CGI program behind gets of them, or the status
//! that the client gets. Between the machines stands what a web server does.

use crate::{Block, Outcome};
use vestibule::bridge::{Back, Bridge, Exchange, Feed, Rooms, Step};
use vestibule::cgi::path::{Mount, PathRules, Slash, split};
use vestibule::http1::meta::{Local, complete};
use vestibule::{Client as _, Error, Field, Fields, Length, Request, Space, cgi, drain, http1};

type Head = Fields<Vec<u8>>;

/// Settings: `show NAME...`, the variables to look at, `-` for those that are
/// not there; `slash decode` and `slash keep`; `port N`, ours; `buffer`: a body
/// is gathered first, so that its length is known.
pub fn run(block: &Block) -> Outcome {
    if block.input.is_empty() {
        // What stands ahead of the first block.
        return Ok(Default::default());
    }
    let whole = once(block, block.input.len());
    for cut in 0..block.input.len() {
        let log = once(block, cut);
        if log != whole {
            return Err(format!("{}: cut at {cut}:\n{log}", block.name));
        }
    }
    Ok((whole, Vec::new()))
}

/// The head as a program under `/cgi-bin/env` is to get it, or a status.
fn prepare(block: &Block, head: &mut Head) -> Result<(), u16> {
    let port = block.number("port").map_or(80, |n| n as u16);
    let local = Local::DEFAULT.server(b"198.51.100.1", port);
    let mut room = [0; 512];
    complete(head, &local, &mut room).map_err(|error| error.status())?;
    let slash = match block.settings.iter().find(|s| s.0 == "slash") {
        Some((_, how)) if how == "decode" => Slash::Decode,
        Some(_) => Slash::Keep,
        None => Slash::Refuse,
    };
    let rules = PathRules::STRICT.slash(slash);
    let target = head.get(b"REQUEST_URI").unwrap().to_vec();
    let mount = Mount::Prefix(b"/cgi-bin/env");
    let split = split(&target, mount, rules, &mut room).map_err(|error| error.status())?;
    for (name, value) in [
        (&b"SCRIPT_NAME"[..], split.script_name),
        (b"PATH_INFO", split.path_info),
    ] {
        head.remove(Space::Var, name);
        if !value.is_empty() {
            head.push(Field::var(name, value)).unwrap();
        }
    }
    Ok(())
}

fn once(block: &Block, cut: usize) -> String {
    let (a, b) = block.input.split_at(cut);
    if block.has("buffer") {
        return shown(block, &gathered(block, a, b));
    }
    let store = || Fields::new(vec![0; 4096]);
    let mut bridge = Bridge::new([Exchange::new(store(), store())]);
    let mut server = http1::Server::new();
    let mut backs = [Some(Back::new(cgi::Client::new()))];
    let (mut sent, mut said, mut status) = (Vec::new(), Vec::new(), None);
    let mut kept = Vec::new();
    for part in [a, b] {
        kept.extend(part);
        let mut input = &kept[..];
        loop {
            let (mut front, mut back) = ([0; 512], [0; 2048]);
            let rooms = Rooms {
                to_front: Some(&mut front),
                to_back: Some(&mut back),
            };
            let feed = Feed::Bytes(&mut input);
            match bridge.step(&mut server, feed, &mut backs, None, rooms) {
                Step::Head(place) => {
                    let exchange = bridge.exchange_mut(place).unwrap();
                    match prepare(block, exchange.request_mut()) {
                        Ok(()) => bridge.forward(place),
                        Err(code) => {
                            status = Some(code);
                            bridge.refuse(place, Error::Target);
                        }
                    }
                }
                Step::ToBack(_, frame, _) => sent.extend(frame.slices().concat()),
                Step::ToFront(frame, _) => said.extend(frame.slices().concat()),
                Step::Wait => break,
                _ => {}
            }
        }
        kept = input.to_vec();
    }
    match (status, said.get(9..12)) {
        (Some(status), _) => format!("status {status}\n"),
        (None, Some(code)) => format!("status {}\n", code.escape_ascii()),
        (None, None) => shown(block, &sent),
    }
}

/// What is sent of a request that was gathered whole.
fn gathered(block: &Block, a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut server = http1::Server::new();
    let mut head = Fields::new(vec![0; 4096]);
    let mut body = Vec::new();
    for mut part in [a, b] {
        drain(&mut server, &mut part, |_, event| match event {
            Request::Field { field, .. } => head.push(field).unwrap(),
            Request::Body { bytes, .. } => body.extend(bytes),
            _ => {}
        })
        .unwrap();
    }
    prepare(block, &mut head).unwrap();
    let (mut client, mut room) = (cgi::Client::new(), [0; 2048]);
    let length = Length::Known(body.len() as u64);
    let (id, frame) = client.open(head.iter(), length, &mut room).unwrap();
    let mut sent = frame.slices().concat();
    sent.extend(client.body(id, &mut &body[..]).unwrap().slices().concat());
    sent
}

/// Of the environment what is to be looked at; then standard input, if any.
fn shown(block: &Block, sent: &[u8]) -> String {
    let end = sent.windows(2).position(|w| w == b"\0\0").unwrap();
    let vars: Vec<(&[u8], &[u8])> = sent[..end]
        .split(|b| *b == 0)
        .map(|var| var.split_at(var.iter().position(|b| *b == b'=').unwrap()))
        .collect();
    let mut log = String::new();
    let names = block.settings.iter().filter(|s| s.0 == "show");
    for name in names.flat_map(|s| s.1.split(' ')) {
        let mut all = vars.iter().filter(|var| var.0 == name.as_bytes());
        match all.next() {
            Some((_, value)) => log += &format!("{name}{}\n", value.escape_ascii()),
            None => log += &format!("{name} -\n"),
        }
        assert!(all.next().is_none(), "{name} twice");
    }
    match &sent[end + 2..] {
        [] => log,
        body => format!("{log}stdin {}\n", body.escape_ascii()),
    }
}
