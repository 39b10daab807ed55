//! Calls on a machine that are right and wrong, and what holds for each.

use std::fmt::Debug;

use vestibule::{After, Client, Cut, Error, Field, Id, Length, Refused, Server};

use super::common::{self, Entry, Fact};

pub const ID: Id = Id::SOLE;

/// A call: what it refuses changes nothing.
pub fn tell<M: Clone + Debug, T>(
    machine: &mut M,
    call: impl FnOnce(&mut M) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let before = machine.clone();
    let result = call(machine);
    if result.is_err() {
        assert_eq!(format!("{before:?}"), format!("{machine:?}"));
    }
    result
}

/// The same for calls that are lent room: what they need is enough.
pub fn with_room<M: Clone + Debug>(
    machine: &mut M,
    room: usize,
    call: impl Fn(&mut M, &mut [u8]) -> Result<Vec<u8>, Refused>,
) -> Result<Vec<u8>, Refused> {
    match tell(machine, |m| call(m, &mut vec![0; room])) {
        Err(Refused::Room { need }) => {
            assert!(need > room);
            let again = tell(machine, |m| call(m, &mut vec![0; need]));
            assert!(!matches!(again, Err(Refused::Room { .. })), "{again:?}");
            again
        }
        other => other,
    }
}

/// [`Server::fail`] with as much room as it needs.
pub fn fail<V: Server + Clone + Debug>(
    server: &mut V,
    room: usize,
    error: Error,
) -> Result<Vec<u8>, Refused> {
    let failed = with_room(server, room, |s, room| {
        Ok(s.fail(ID, error, room)?.slices().concat())
    });
    assert!(failed.is_err() || server.after() != After::Keep);
    failed
}

/// How far on the way to the close.
pub fn rank(after: After) -> u8 {
    match after {
        After::Keep => 0,
        After::CloseWrite => 1,
        After::Close => 2,
    }
}

/// Whether another cut may move or part it.
pub fn loose(fact: &Fact) -> bool {
    match fact {
        Fact::Bytes { .. } => true,
        Fact::Field { cut, .. } => !matches!(cut, Cut::Whole | Cut::Last),
        _ => false,
    }
}

/// What came of a run: the events, what was written, how the machine then is.
pub type Story = (Vec<Entry>, Vec<u8>, String);

/// Cut in another way, all is the same.
pub fn same(whole: &Story, split: &Story) {
    assert_eq!(
        common::text(&whole.0),
        common::text(&split.0),
        "other events"
    );
    assert_eq!(whole.1, split.1, "other output");
    assert_eq!(whole.2, split.2, "other state");
}

/// What a script has an application do.
pub struct Script<'a> {
    calls: &'a [u8],
    /// How many calls were made.
    pub at: usize,
    rank: u8,
}

impl<'a> Script<'a> {
    pub fn new(calls: &'a [u8]) -> Self {
        Script {
            calls,
            at: 0,
            rank: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The next so many calls, where there are any.
    pub fn play<V: Server>(
        &mut self,
        n: usize,
        server: &mut V,
        out: &mut Vec<u8>,
        act: impl Fn(u8, &mut V, &mut Vec<u8>),
    ) {
        if self.is_empty() {
            return;
        }
        for _ in 0..n {
            act(self.calls[self.at % self.calls.len()], server, out);
            self.at += 1;
            self.look(server);
        }
    }

    /// The way to the close is never gone back.
    pub fn look(&mut self, server: &impl Server) {
        let rank = rank(server.after());
        assert!(rank >= self.rank, "{} after {}", rank, self.rank);
        self.rank = rank;
    }
}

/// A call on a server of those that are the same in every protocol.
pub fn act<V: Server + Clone + Debug>(what: u8, server: &mut V, out: &mut Vec<u8>) {
    let more = usize::from(what >> 4);
    match what & 15 {
        4 | 5 => {
            let mut payload = &b"0123456789abcdef"[..more % 7];
            let all = payload.len();
            match tell(server, |s| Ok(s.body(ID, &mut payload)?.slices().concat())) {
                Ok(bytes) => {
                    assert!(payload.is_empty());
                    out.extend(bytes);
                }
                Err(_) => assert_eq!(payload.len(), all),
            }
        }
        8 => {
            let error = [Error::Internal, Error::Timeout, Error::Overloaded][more % 3];
            out.extend(fail(server, more * 8, error).unwrap_or_default());
        }
        9 => server.close_after(ID),
        10 if more == 0 => server.shutdown(),
        11 if more == 0 => server.cancel(),
        12 => {
            // Of no exchange that there is.
            let id = Id::new(2).expect("an id");
            let before = format!("{server:?}");
            let mut room = [0; 99];
            assert!(server.demand(id, 1).is_err());
            assert!(server.interim(id, 103, [], &mut room).is_err());
            assert!(server.head(id, 200, [], Length::None, &mut room).is_err());
            assert!(server.body(id, &mut &b"x"[..]).is_err());
            assert!(server.finish(id, [], &mut room).is_err());
            assert!(server.fail(id, Error::Internal, &mut room).is_err());
            server.close_after(id);
            assert_eq!(before, format!("{server:?}"));
        }
        13 => {
            // What no answer may carry.
            let bad = bad(more);
            let before = format!("{server:?}");
            let mut room = [0; 200];
            let head = server.head(ID, 200, [bad], Length::Known(3), &mut room);
            assert!(head.is_err());
            assert_eq!(before, format!("{server:?}"));
        }
        _ => {}
    }
}

/// Fields that no answer may carry.
pub fn bad(which: usize) -> Field<'static> {
    [
        Field::header(b"X", b"a\r\nb: c"),
        Field::header(b"X:", b"a"),
        Field::header(b"Transfer-Encoding", b"chunked"),
        Field::header(b"Connection", b"close"),
        Field::header(b"Content-Length", b"4"),
        Field::var(b"X", b"a"),
    ][which % 6]
}

/// A client gives its request up, if there is one: nothing more is sent.
pub fn abort<K: Client + Clone + Debug>(client: &mut K) {
    if let Ok(empty) = tell(client, |c| Ok(c.abort(ID)?.is_empty())) {
        assert!(empty);
        assert_eq!((client.after(), client.credit(ID)), (After::Close, 0));
        assert!(client.body(ID, &mut &b"x"[..]).is_err() && client.abort(ID).is_err());
    }
}

/// Calls on a client of no exchange that there is.
pub fn unknown<K: Client + Debug>(client: &mut K) {
    let id = Id::new(2).expect("an id");
    let before = format!("{client:?}");
    assert!(client.body(id, &mut &b"x"[..]).is_err());
    assert!(client.body_end(id, [], &mut []).is_err());
    assert!(client.abort(id).is_err());
    assert_eq!(client.credit(id), 0);
    assert_eq!(before, format!("{client:?}"));
}
