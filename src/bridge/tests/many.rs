//! Many exchanges, on one connection behind and on several.

use super::rig::*;
use crate::bridge::End;
use crate::{Error, http1};

fn ok(n: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}").into_bytes()
}

/// A connection for each, provided when it is asked for; they end in another
/// order.
#[test]
fn on_several_backs() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(4), 4, vec![]);
        rig.connect = Box::new(|parts, _| {
            parts.add(http1::Client::new());
        });
        for id in 1..=4 {
            rig.front(&get(id));
        }
        assert_eq!(rig.connects, [0, 1, 2, 3]);
        for at in [2, 0, 3, 1] {
            assert!(rig.asked(at).starts_with("GET "));
            rig.back(at, &ok(at));
            let over = rig.over.pop().unwrap();
            assert_eq!((over.place, over.end, over.sent), (at, DONE, 1));
            assert!(output(&rig.said()).0.ends_with(&format!("{at}|")));
            assert!(!rig.bridge.uses(at) && rig.back_mut(at).reusable());
        }
        // They are used again, the first first.
        rig.front(&get(7));
        assert_eq!(rig.connects.len(), 4);
        assert!(rig.asked(0).starts_with("GET "));
    });
}

/// One connection that carries them all; pieces of the answers take turns.
#[test]
fn on_one_back() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(4), 4, vec![fcgi_client(4)]);
        for id in 1..=4 {
            rig.front(&get(id));
        }
        assert!(rig.connects.is_empty());
        for id in 1..=4 {
            rig.back(0, &stdout(id, b"A: b\r\n"));
        }
        for id in [3, 1, 4, 2] {
            rig.back(0, &stdout(id, format!("\r\nhello {id}").as_bytes()));
        }
        assert!(rig.over.is_empty());
        for id in [4, 3, 2, 1] {
            rig.back(0, &[stdout(id, b""), end_request(id, 0, 0)].concat());
        }
        let over = std::mem::take(&mut rig.over);
        let places: Vec<usize> = over.iter().map(|o| o.place).collect();
        assert_eq!(places, [3, 2, 1, 0]);
        assert!(over.iter().all(|o| o.end == DONE && o.sent == 7));
        let said = rig.said();
        for id in 1..=4u8 {
            let start = said.find(&format!("\x01\x06\0{}", char::from(id)));
            assert!(start.is_some());
        }
        assert!(rig.back_mut(0).reusable());
    });
}

/// More than what stands behind takes: they wait, and each gets its turn
/// without a second word of the caller.
#[test]
fn they_wait_for_one_connection() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(3), 3, vec![http1::Client::new()]);
        for id in 1..=3 {
            rig.front(&get(id));
        }
        // Asked once for each, and again when one has ended.
        assert_eq!(rig.connects, [1, 2]);
        for n in 1..=3 {
            assert!(rig.asked(0).starts_with("GET "), "{n}");
            rig.back(0, &ok(n));
            assert_eq!(rig.over.len(), n);
        }
        assert!(rig.connects.len() <= 2 + 3, "{:?}", rig.connects);
    });
}

/// A connection that is asked for and not had: whenever anything changes that
/// could help, the question comes again. None waits for ever.
#[test]
fn the_question_comes_again() {
    every(|driver| {
        // Another exchange ends, and its connection is of no more use.
        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![http1::Client::new()]);
        rig.front(&[get(1), get(2)].concat());
        assert_eq!(rig.connects, [1]);
        rig.back(
            0,
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(rig.connects, [1, 1]);
        // A connection is taken away.
        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![http1::Client::new()]);
        rig.front(&[get(1), get(2)].concat());
        assert_eq!(rig.connects, [1]);
        rig.backs[0] = None;
        rig.run();
        assert_eq!(rig.connects, [1, 1]);
        assert_eq!(rig.over.len(), 1);
        // What was provided takes none.
        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![]);
        rig.connect = Box::new(|parts, _| {
            let at = parts.add(http1::Client::new());
            if at == 0 {
                parts.back_mut(at).give_up(Error::Upstream);
            }
        });
        rig.front(&get(1));
        assert_eq!(rig.connects, [0, 0]);
        assert!(rig.asked(1).starts_with("GET "));
        // A retry.
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![]);
        rig.connect = Box::new(|parts, _| {
            parts.add(fcgi_client(1));
        });
        rig.front(&get(1));
        rig.back(0, &end_request(1, 0, 2));
        assert_eq!(rig.connects, [0]);
        rig.back_mut(0).give_up(Error::Upstream);
        rig.run();
        assert_eq!(rig.over.len(), 1);
    });
}

/// A busy connection is waited for, and a free one is not passed by.
#[test]
fn busy_backs() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(3), 3, vec![fcgi_client(1)]);
        rig.back_mut(0).set_busy(true);
        rig.front(&get(1));
        assert!(rig.asked(0).is_empty() && rig.connects.is_empty());
        let at = rig.add(fcgi_client(1));
        rig.run();
        assert!(!rig.asked(at).is_empty());
        rig.back_mut(0).set_busy(false);
        rig.front(&get(2));
        assert!(!rig.asked(0).is_empty());
        // An abort waits too, but not the exchange.
        rig.back_mut(0).set_busy(true);
        rig.front(&record(2, 2, b""));
        assert!(rig.asked(0).is_empty() && rig.back_mut(0).aborted());
        assert!(!rig.bridge.uses(0) && rig.bridge.uses(at));
        assert_eq!(rig.over.pop().unwrap().end, End::Aborted);
        rig.back_mut(0).set_busy(false);
        rig.run();
        assert_eq!(rig.asked(0), "\x01\x02\0\x01\0\0\0\0");
    });
}

/// Aborts that wait to be said, one for each exchange, while that is over; and
/// none to another exchange that has the id by then.
#[test]
fn aborts_that_wait() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(3), 3, vec![fcgi_client(3)]);
        for id in 1..=3 {
            rig.front(&get(id));
        }
        rig.asked(0);
        rig.back_mut(0).set_busy(true);
        rig.front(&[record(2, 1, b""), record(2, 2, b"")].concat());
        assert_eq!((rig.over.len(), rig.asked(0).as_str()), (2, ""));
        rig.back_mut(0).set_busy(false);
        rig.run();
        assert_eq!(rig.asked(0), "\x01\x02\0\x01\0\0\0\0\x01\x02\0\x02\0\0\0\0");
        // The newer where there is room for one.
        let backs = vec![fcgi_client(1), fcgi_client(1)];
        let mut rig = Rig::new(driver, fcgi_server(1), 1, backs);
        for at in [0, 1] {
            rig.front(&get(1));
            assert!(!rig.asked(at).is_empty());
            rig.back_mut(at).set_busy(true);
            rig.front(&record(2, 1, b""));
        }
        assert_eq!(rig.over.len(), 2);
        rig.back_mut(0).set_busy(false);
        rig.back_mut(1).set_busy(false);
        rig.run();
        assert_eq!(rig.asked(0), "");
        assert_eq!(rig.asked(1), "\x01\x02\0\x01\0\0\0\0");
        assert!(rig.back_mut(0).aborted() && rig.back_mut(1).aborted());

        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![fcgi_client(2)]);
        rig.front(&get(1));
        rig.asked(0);
        rig.back_mut(0).set_busy(true);
        rig.front(&record(2, 1, b""));
        assert_eq!(rig.over.len(), 1);
        // It ends before it is told.
        rig.back(0, &answer(1, "A: b\r\n\r\nold"));
        rig.front(&get(1));
        rig.back_mut(0).set_busy(false);
        rig.run();
        assert!(rig.asked(0).starts_with("\x01\x01\0\x01"));
        rig.said();
        rig.back(0, &answer(1, "A: b\r\n\r\nnew"));
        assert!(output(&rig.said()).0.ends_with("\r\nnew|"));
        assert_eq!(rig.over.last().unwrap().end, DONE);
        assert_eq!(rig.asked(0), "");

        // Nobody is there to be told: nothing waits.
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![http1::Client::new()]);
        rig.front(&get(1));
        rig.back_mut(0).set_busy(true);
        rig.front(&record(2, 1, b""));
        assert_eq!(rig.over.len(), 1);
        rig.back_mut(0).set_deaf();
        rig.run();
        assert!(rig.back_mut(0).aborted() && !rig.back_mut(0).reusable());
    });
}

/// Another connection in the place of one that is used: what carries the same
/// id there is another exchange.
#[test]
fn backs_are_not_mixed_up() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(2), 2, vec![http1::Client::new()]);
        rig.front(&get(1));
        assert!(rig.asked(0).starts_with("GET "));
        rig.backs[0] = Some(crate::bridge::Back::new(http1::Client::new()));
        rig.front(&get(2));
        assert!(rig.asked(0).starts_with("GET "));
        let over = rig.over.pop().unwrap();
        assert_eq!(
            (over.place, over.end, over.status),
            (0, failed(Error::Upstream), 502)
        );
        rig.said();
        rig.back(0, &ok(2));
        assert_eq!(
            output(&rig.said()).0,
            "Status: 200 OK\r\nContent-Length: 1\r\n\r\n2|"
        );
        assert_eq!(rig.ended(), (DONE, 200, 1));
    });
}

/// An aborted exchange leaves at once; its id behind stays taken, and nothing
/// that comes for it reaches another.
#[test]
fn ids_are_not_mixed_up() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![fcgi_client(3)]);
        rig.front(&get(1));
        rig.back(0, &stdout(1, b"A: b\r\n\r\nold "));
        assert!(output(&rig.said()).0.ends_with("old "));
        rig.front(&record(2, 1, b""));
        assert_eq!(rig.over.pop().unwrap().end, End::Aborted);
        // The same id in front, another behind.
        rig.front(&get(1));
        rig.said();
        rig.back(0, &stdout(1, b"still old "));
        rig.back(0, &stdout(2, b"A: b\r\n\r\nnew "));
        rig.back(0, &[stdout(1, b""), end_request(1, 0, 0)].concat());
        rig.back(
            0,
            &[stdout(2, b"end"), stdout(2, b""), end_request(2, 0, 0)].concat(),
        );
        let (text, end) = output(&rig.said());
        assert!(text.ends_with("new end|") && end == Some((0, 0)));
        assert!(!text.contains("old"));
        assert_eq!(rig.ended(), (DONE, 200, 7));
    });
}

/// Bytes of an answer wait for room in front while it is aborted: they are
/// nobody's then, and not of the next one in that place.
#[test]
fn kept_bytes_of_one_that_is_gone() {
    let mut rig = Rig::new(Driver::All, fcgi_server(1), 1, vec![fcgi_client(3)]);
    rig.front(&get(1));
    rig.back(0, &stdout(1, b"A: b\r\n\r\n"));
    rig.said();
    rig.parts.from_back[0].bytes = stdout(1, b"old");
    while rig.one(false, Some(0), (false, false)) {}
    assert!(rig.back_mut(0).keeps());
    // Without the back's input: another thread has it.
    rig.parts.from_front.bytes = [record(2, 1, b""), get(1)].concat();
    while rig.one(true, None, (true, true)) {}
    assert!(rig.back_mut(0).keeps());
    assert_eq!(rig.over.len(), 1);
    rig.run();
    rig.back(0, &answer(2, "A: b\r\n\r\nnew"));
    let (text, _) = output(&rig.said());
    assert!(text.ends_with("new|") && !text.contains("old"), "{text}");
}

/// A head that waits for room in front holds its connection, and no other.
#[test]
fn a_held_head_holds_no_other_back() {
    let backs = vec![fcgi_client(2), fcgi_client(2)];
    let mut rig = Rig::new(Driver::All, fcgi_server(2), 2, backs);
    rig.parts.backs[0].as_mut().unwrap().set_busy(true);
    rig.front(&get(1));
    rig.parts.backs[0].as_mut().unwrap().set_busy(false);
    rig.front(&get(2));
    assert!(rig.bridge.uses(0) && rig.bridge.uses(1));
    rig.parts.from_back[0].bytes = answer(1, "A: b\r\n\r\nxx");
    rig.parts.from_back[1].bytes = answer(1, "A: b\r\n\r\nyy");
    for at in [0, 1] {
        while rig.one(false, Some(at), (false, false)) {}
    }
    let left: Vec<usize> = rig.from_back.iter().map(|i| i.bytes.len()).collect();
    // Both heads were read, and nothing behind them.
    assert_eq!(left, [left[0]; 2]);
    assert!(left[0] < answer(1, "A: b\r\n\r\nxx").len());
    rig.run();
    assert_eq!(rig.over.len(), 2);
}

/// A hundred exchanges come and go on two connections that drop out.
#[test]
fn connections_come_and_go() {
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(3), 3, vec![fcgi_client(2)]);
        rig.connect = Box::new(|parts, _| {
            parts.add(fcgi_client(2));
        });
        let mut whole = 0;
        for round in 0..12 {
            for id in 1..=3 {
                rig.front(&get(id));
            }
            let backs: Vec<usize> = (0..rig.backs.len())
                .filter(|at| rig.bridge.uses(*at))
                .collect();
            for at in backs {
                if (round + at) % 3 == 0 {
                    rig.back_end(at);
                } else {
                    rig.back(at, &answer(1, "A: b\r\n\r\n"));
                    rig.back(at, &answer(2, "A: b\r\n\r\n"));
                }
            }
            for at in 0..rig.backs.len() {
                if rig.backs[at].as_ref().is_some_and(|b| !b.reusable()) {
                    rig.backs[at] = None;
                }
            }
            rig.run();
            whole += rig.over.iter().filter(|o| o.end == DONE).count();
            assert_eq!(rig.over.len(), 3, "{round}");
            rig.over.clear();
            assert!(!rig.bridge.active());
        }
        assert!((1..36).contains(&whole), "{whole}");
    });
}
