//! Bytes of a web server, whole and in pieces.
//!
//! Input: how the machine is made, how the application answers, two bytes of
//! cuts, then the bytes of the wire, or (bit 7 of the first) records to build.

use vestibule::fcgi::{Server, ServerLimits, Slot};
use vestibule::{Error, Field, Length, Limits, Rejection, Server as _, Status};

use super::common::{self, Fact, feed, normal, put};
use super::{Source, cuts, legal, ok, records};

/// One of the machines that the input may ask for.
pub fn make(config: u8) -> (Server<Vec<Slot>>, bool) {
    let slots = vec![Slot::EMPTY; [1, 2, 3, 1][usize::from(config & 3)]];
    let limits = match config >> 2 & 3 {
        0 | 1 => ServerLimits::DEFAULT,
        2 => ServerLimits {
            common: Limits::DEFAULT.head_bytes(64).fields(3).body_bytes(20),
            stray_records: 2,
            idle_records: 5,
            management_records: 2,
            linger_bytes: 40,
        },
        _ => ServerLimits {
            common: Limits::DEFAULT.head_bytes(0).fields(0).body_bytes(0),
            stray_records: 0,
            idle_records: 1,
            management_records: 0,
            linger_bytes: 0,
        },
    };
    let lenient = config & 0x10 != 0;
    let server = Server::with_limits(slots, limits)
        .values(u16::from(config), 40)
        .any_body_length(lenient);
    (server, lenient)
}

/// What the application does at a fact. Only at those that no cut moves.
fn react(policy: u8, server: &mut Server<Vec<Slot>>, fact: &Fact, out: &mut Vec<u8>) {
    let Some(id) = fact.id().and_then(vestibule::Id::new) else {
        return;
    };
    let mut room = [0; 200];
    let fields = [Field::header(b"Content-Type", b"text/plain")];
    match (fact, policy % 8) {
        (_, 0) => {}
        (Fact::Fault(_, error), _) => {
            put(
                out,
                server
                    .fail(id, *error, &mut room)
                    .expect("a fault is owed an answer"),
            );
        }
        (Fact::Abort(_), 1 | 3) => put(out, server.end(id, 7).expect("an abort is owed an end")),
        (Fact::Abort(_), _) => {
            let frame = server.fail(id, Error::Internal, &mut room);
            put(out, frame.expect("an abort is owed an end"));
        }
        // All at once, as soon as it may be, or once the body is there.
        (Fact::HeadEnd(..), 1) | (Fact::BodyEnd(_), 2) => {
            if let Ok(frame) = server.head(id, 200, fields, Length::Known(3), &mut room) {
                put(out, frame);
                let mut payload = &b"abc"[..];
                put(out, server.body(id, &mut payload).expect("body"));
                put(out, server.end(id, 0).expect("end"));
            }
        }
        (Fact::HeadEnd(_, _, Length::None), 2) => {
            put(
                out,
                server.fail(id, Error::Overloaded, &mut room).expect("fail"),
            );
        }
        (Fact::HeadEnd(..), 3) => server.discard(id).expect("discard"),
        (Fact::HeadEnd(..), 4) => {
            put(
                out,
                server.fail(id, Error::Timeout, &mut room).expect("fail"),
            );
        }
        (Fact::HeadEnd(..), 5) => {
            if let Ok(frame) = server.stderr(id, &mut &b"warn"[..]) {
                put(out, frame);
                if let Ok(frame) = server.head(id, 200, fields, Length::Unknown, &mut room) {
                    put(out, frame);
                }
            }
        }
        (Fact::BodyEnd(_), 5) => {
            let frame = server.fail(id, Error::Upstream, &mut room);
            put(out, frame.expect("fail"));
        }
        (Fact::Begin(_), 6) if policy & 8 != 0 => {
            put(
                out,
                server.reject(id, Rejection::Overloaded).expect("reject"),
            );
        }
        (Fact::HeadEnd(..), 6) => server.shutdown(),
        (Fact::Begin(_), 7) => server.close_after(id),
        (Fact::HeadEnd(..), 7) if policy & 8 != 0 => server.cancel(),
        (Fact::BodyEnd(_), 3 | 6 | 7) => {
            if let Ok(frame) = server.head(id, 304, fields, Length::Known(9), &mut room) {
                put(out, frame);
                put(out, server.end(id, 0).expect("end"));
            }
        }
        _ => {}
    }
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let (config, policy, mode, seed) = (source.byte(), source.byte(), source.byte(), source.byte());
    let built;
    let input = if config & 0x80 != 0 {
        built = records::build(&mut source, true);
        &built[..]
    } else {
        source.0
    };
    let close = config & 0x40 == 0;
    let run = |cuts: &[usize]| {
        let (mut server, lenient) = make(config);
        let mut act = |server: &mut Server<Vec<Slot>>, fact: &Fact, out: &mut Vec<u8>| {
            react(policy, server, fact, out);
        };
        let (log, mut out) = ok(feed(&mut server, input, cuts, close, &mut act));
        let log = ok(normal(&log));
        ok(legal::server(&log, !lenient && policy % 8 != 3));
        let state = format!(
            "{:?} {:?} {}",
            server.phase(),
            server.after(),
            server.strays()
        );
        let lost = log.iter().any(|e| matches!(e.fact, Fact::Err(_)));
        // Each request that is still there has had its last event, and is owed
        // its end.
        let mut ids: Vec<u16> = log.iter().filter_map(|e| e.fact.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let name = vestibule::Id::new(id).expect("an id");
            if server.slot_of(name).is_none() {
                continue;
            }
            let last = log.iter().rev().find(|e| e.fact.id() == Some(id));
            let told = last.is_some_and(|e| e.fact.last());
            if close || lost {
                assert!(
                    told,
                    "request {id} was not told of the end\n{}",
                    common::text(&log)
                );
            }
            let frame = server.fail(name, Error::Internal, &mut []);
            put(&mut out, frame.expect("every request can be failed"));
        }
        assert_eq!(server.active(), 0);
        let aborted = log.iter().any(|e| matches!(e.fact, Fact::Abort(_)));
        ok(records::answers(&out, aborted));
        (common::text(&log), out, state)
    };
    let whole = run(&[]);
    let split = run(&cuts(mode, seed, input.len()));
    assert_eq!(whole.0, split.0, "other events");
    assert_eq!(whole.1, split.1, "other output");
    assert_eq!(whole.2, split.2, "other state");
}
