//! Bytes of an application, whole and in pieces.
//!
//! Input: how the machine is made, what we ask and do, two bytes of cuts, then
//! the bytes of the wire, or (bit 7 of the first) records to build.

use vestibule::cgi::response::{FirstLine, Rules};
use vestibule::fcgi::Role;
use vestibule::fcgi::client::{Client, Limits, Slot};
use vestibule::{Field, Id, Length, Status};

use super::common::{self, Entry, Fact, feed, normal, put};
use super::{Source, cuts, legal, ok, records};

/// Rules that the input may ask for; whether they can make a redirect of a head.
pub fn rules(config: u8) -> (Rules, bool) {
    let tight = vestibule::Limits::DEFAULT
        .head_bytes(60)
        .fields(3)
        .body_bytes(10);
    let rules = match config % 4 {
        0 | 1 => Rules::STRICT,
        2 => Rules::STRICT.limits(tight).line_bytes(30),
        _ => Rules::STRICT
            .first_line(FirstLine::Either)
            .empty_head(true)
            .ignore_bad_lines(true)
            .any_status(true)
            .first_status_wins(true)
            .repeated_fields(true)
            .folding(config & 4 != 0)
            .interim(true)
            .local_redirect(config & 8 != 0),
    };
    (rules, config & 11 == 11)
}

fn make(config: u8) -> Client<Vec<Slot>> {
    let slots = vec![Slot::EMPTY; [1, 2, 5, 1][usize::from(config & 3)]];
    let limits = match config >> 5 & 1 {
        0 => Limits::DEFAULT,
        _ => Limits::DEFAULT
            .log_bytes(20)
            .stray_records(2)
            .idle_records(2),
    };
    Client::with_limits(slots, limits.cgi(rules(config >> 2).0))
}

/// What we ask for first, and again.
fn open(client: &mut Client<Vec<Slot>>, policy: u8, out: &mut Vec<u8>) -> Option<u16> {
    let mut room = [0; 100];
    let method: &[u8] = if policy & 8 != 0 { b"HEAD" } else { b"GET" };
    let fields = [Field::var(b"REQUEST_METHOD", method)];
    let (role, length) = match policy >> 4 & 3 {
        0 => (Role::Responder, Length::None),
        1 => (Role::Responder, Length::Known(3)),
        2 => (Role::Authorizer, Length::None),
        _ => (Role::Filter, Length::Unknown),
    };
    let keep = policy & 0x40 == 0;
    match client.begin(role, keep, fields, length, &mut room) {
        Ok((id, frame)) => {
            put(out, frame);
            Some(id.get())
        }
        Err(_) => None,
    }
}

/// What we do at a fact. Only at those that no cut moves.
fn react(
    policy: u8,
    client: &mut Client<Vec<Slot>>,
    fact: &Fact,
    out: &mut Vec<u8>,
    opened: &mut Vec<u16>,
) {
    let id = fact.id().and_then(Id::new);
    match (fact, policy % 8, id) {
        (Fact::Done { .. }, 1 | 4 | 7, _) => opened.extend(open(client, policy, out)),
        (Fact::HeadEnd(..), 2, Some(id)) => put(out, client.abort(id).expect("abort")),
        (Fact::HeadEnd(..), 3, Some(id)) => client.discard(id).expect("discard"),
        (Fact::HeadEnd(..), 4, Some(id)) if client.credit(id) > 0 => {
            put(out, client.body(id, &mut &b"abc"[..]).expect("body"));
            put(out, client.body_end(id).expect("end of the body"));
        }
        (Fact::HeadEnd(..) | Fact::Done { .. }, 5, _) => {
            for id in 1..=3 {
                if let Ok(frame) = client.abort(Id::new(id).expect("an id")) {
                    put(out, frame);
                }
            }
        }
        (Fact::BodyEnd(_), 6, _) => client.cancel(),
        (Fact::Ext(_), 7, _) => opened.extend(open(client, policy, out)),
        _ => {}
    }
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let (config, policy, mode, seed) = (source.byte(), source.byte(), source.byte(), source.byte());
    let built;
    let input = if config & 0x80 != 0 {
        built = records::build(&mut source, false);
        &built[..]
    } else {
        source.0
    };
    let close = config & 0x40 == 0;
    let run = |cuts: &[usize]| {
        let mut client = make(config);
        let mut before = Vec::new();
        let mut opened = Vec::new();
        if policy % 8 == 7 {
            put(&mut before, client.values().expect("values"));
        } else {
            while let Some(id) = open(&mut client, policy, &mut before) {
                opened.push(id);
            }
        }
        // When each later one was opened: after how many facts that no cut moves.
        let mut later: Vec<(usize, u16)> = Vec::new();
        let mut seen = 0;
        let mut act = |client: &mut Client<Vec<Slot>>, fact: &Fact, out: &mut Vec<u8>| {
            if matches!(fact, Fact::Done { .. } | Fact::Ext(_)) {
                seen += 1;
            }
            let mut new = Vec::new();
            react(policy, client, fact, out, &mut new);
            later.extend(new.into_iter().map(|id| (seen, id)));
        };
        let (log, out) = ok(feed(&mut client, input, cuts, close, &mut act));
        before.extend(out);
        ok(records::requests(&before));
        let log = ok(normal(&log));
        let mut story = Vec::new();
        let mut count = 0;
        for entry in &log {
            story.push(entry.clone());
            if matches!(entry.fact, Fact::Done { .. } | Fact::Ext(_)) {
                count += 1;
                for (_, id) in later.iter().filter(|l| l.0 == count) {
                    story.push(Entry {
                        at: entry.at,
                        fact: Fact::Begin(*id),
                    });
                }
            }
        }
        let (rules, redirects) = rules(config >> 2);
        let loose = redirects || policy % 8 == 3;
        let any_status = rules != Rules::STRICT && (config >> 2) % 4 == 3;
        let head = policy & 8 != 0;
        let open = ok(legal::client(&story, &opened, head, loose, any_status)
            .map_err(|e| format!("{e}\n{}", common::text(&story))));
        if close || log.iter().any(|e| matches!(e.fact, Fact::Err(_))) {
            assert_eq!(open, [], "no Done for these\n{}", common::text(&story));
        }
        for id in &open {
            let id = Id::new(*id).expect("an id");
            assert!(client.slot_of(id).is_some());
        }
        let state = format!(
            "{:?} {:?} {} {} {}",
            client.phase(),
            client.after(),
            client.strays(),
            client.log_dropped(),
            client.free()
        );
        (common::text(&log), before, state)
    };
    let whole = run(&[]);
    let split = run(&cuts(mode, seed, input.len()));
    assert_eq!(whole.0, split.0, "other events");
    assert_eq!(whole.1, split.1, "other output");
    assert_eq!(whole.2, split.2, "other state");
}
