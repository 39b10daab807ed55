//! A client machine that asks, once or again and again, and any bytes for its
//! answers, whole and in pieces, with calls between that are right and wrong.
//!
//! Input: how the machine is made, what is asked, two bytes of cuts, the calls,
//! then the bytes of the wire, or (bit 7 of the first) messages to build.

use std::fmt::Debug;

use vestibule::{After, Client, Field, Length, Refused, Status};

use super::calls::{ID, Story, loose, same, tell};
use super::common::{self, Entry, Fact, Subject, feed, normal};
use super::{Source, cuts, legal, ok};

/// What the protocols differ in. Its value is what the account of a connection
/// needs besides.
pub trait Asker: Sized {
    type Client: Client + Subject + Copy + Debug;
    /// Whether statuses of 600 and more are taken.
    const ANY_STATUS: bool;

    /// One of the machines that the input may ask for; whether it is the strict
    /// one; and the account.
    fn make(config: u8, what: u8) -> (Self::Client, bool, Self);

    fn method(what: u8) -> &'static [u8];

    /// Messages by the rest of the input.
    fn build(source: &mut Source<'_>) -> Vec<u8>;

    /// Opens a request, and sends its body unless `what` says otherwise; false
    /// where one is refused for a reason that only this protocol has.
    fn open(&mut self, client: &mut Self::Client, out: &mut Vec<u8>) -> Result<bool, Refused>;

    /// What is asked where no request is.
    fn other(_: &mut Self::Client, _: &mut Vec<u8>) {}

    /// A fact, before anything is called.
    fn note(&mut self, _: &Fact) {}

    fn act(&mut self, what: u8, client: &mut Self::Client, out: &mut Vec<u8>);

    /// Says that the body is at its end.
    fn end(&mut self, client: &mut Self::Client, out: &mut Vec<u8>);

    /// What holds after `Done`.
    fn done(client: &Self::Client);

    /// What holds of a run besides.
    fn check(run: &Run<'_>);
}

/// A run, and what it was made of.
pub struct Run<'a> {
    pub config: u8,
    pub what: u8,
    /// With a machine that has no leniency, and no calls between.
    pub plain: bool,
    pub input: &'a [u8],
    pub log: &'a [Entry],
    pub out: &'a [u8],
}

impl Run<'_> {
    /// Whether the connection ends behind the bytes.
    pub fn close(&self) -> bool {
        self.config & 0x40 == 0
    }

    /// Whether there is another request after each.
    pub fn again(&self) -> bool {
        self.config & 0x20 != 0
    }

    pub fn show(&self) -> String {
        format!("{}\n{}", common::text(self.log), self.input.escape_ascii())
    }
}

/// A run over `input` with all that came of it. A `Begin` stands for each
/// request that was opened.
fn story<A: Asker>(config: u8, what: u8, script: &[u8], input: &[u8], cuts: &[usize]) -> Story {
    let (mut client, _, mut asker) = A::make(config, what);
    let close = config & 0x40 == 0;
    let again = config & 0x20 != 0;
    let mut out = Vec::new();
    let first = match what & 0x60 {
        0x20 => {
            A::other(&mut client, &mut out);
            false
        }
        _ => open(&mut asker, &mut client, &mut out),
    };
    let mut at = 0;
    // After how many facts that no cut moves each other one was opened.
    let (mut seen, mut opened) = (0, Vec::new());
    let mut before = After::Keep;
    let mut react = |client: &mut A::Client, fact: &Fact, out: &mut Vec<u8>| {
        // The way to the close is never gone back.
        assert!(before == After::Keep || client.after() == before);
        before = client.after();
        asker.note(fact);
        if loose(fact) {
            return;
        }
        for _ in 0..usize::from(!script.is_empty()) * 2 {
            asker.act(script[at % script.len()], client, out);
            at += 1;
        }
        if matches!(fact, Fact::Demand(..)) {
            // Asked for again and again: the end was said, or it is said now.
            asker.end(client, out);
        }
        if let Fact::Done { reuse, .. } = fact {
            seen += 1;
            A::done(client);
            assert_eq!(client.credit(ID), 0);
            assert!(*reuse == (client.free() == 1) || !script.is_empty());
            if again && open(&mut asker, client, out) {
                assert!(*reuse);
                opened.push(seen);
            }
        }
    };
    let (log, bytes) = ok(feed(&mut client, input, cuts, close, &mut react));
    out.extend(bytes);
    let begin = |at| Entry {
        at,
        fact: Fact::Begin(1),
    };
    let mut story = Vec::new();
    story.extend(first.then(|| begin(0)));
    let mut count = 0;
    for entry in ok(normal(&log)) {
        let done = matches!(entry.fact, Fact::Done { .. });
        let at = entry.at;
        story.push(entry);
        count += usize::from(done);
        if done && opened.contains(&count) {
            story.push(begin(at));
        }
    }
    let (phase, after, free) = (client.phase(), client.after(), client.free());
    (story, out, format!("{phase:?} {after:?} {free}"))
}

fn open<A: Asker>(asker: &mut A, client: &mut A::Client, out: &mut Vec<u8>) -> bool {
    match asker.open(client, out) {
        Ok(opened) => opened,
        Err(Refused::Full | Refused::Room { .. }) => false,
        Err(refused) => panic!("{refused:?}"),
    }
}

/// A head as it goes out.
pub fn head<K: Client + Copy + Debug>(
    client: &mut K,
    fields: &[Field<'_>],
    length: Length,
    room: &mut [u8],
) -> Result<Vec<u8>, Refused> {
    let (id, bytes) = tell(client, |c| {
        let (id, frame) = c.open(fields.iter().copied(), length, room)?;
        Ok((id, frame.slices().concat()))
    })?;
    assert_eq!((id, client.free()), (ID, 0));
    Ok(bytes)
}

pub fn run<A: Asker>(data: &[u8]) {
    let mut source = Source(data);
    let (config, what) = (source.byte(), source.byte());
    let (mode, seed) = (source.byte(), source.byte());
    let long = source.below(24);
    let script = source.take(long);
    let built;
    let input = if config & 0x80 != 0 {
        built = A::build(&mut source);
        &built[..]
    } else {
        source.0
    };
    let whole = story::<A>(config, what, script, input, &[]);
    let split = story::<A>(config, what, script, input, &cuts(mode, seed, input.len()));
    same(&whole, &split);

    let (log, out, _) = whole;
    let run = Run {
        config,
        what,
        plain: script.is_empty() && A::make(config, what).1,
        input,
        log: &log,
        out: &out,
    };
    let head = A::method(what) == b"HEAD";
    let open = ok(legal::client(&log, &[], head, false, A::ANY_STATUS)
        .map_err(|e| format!("{e}\n{}", run.show())));
    let lost = log.iter().any(|e| matches!(e.fact, Fact::Err(_)));
    let paused = log.iter().any(|e| matches!(e.fact, Fact::Paused(_)));
    if lost || run.close() && !paused {
        assert_eq!(open, [], "no Done\n{}", run.show());
    }
    A::check(&run);
}
