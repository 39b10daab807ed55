//! What the protocols differ in whose client and server [`joined`] runs against
//! each other, and the account of an exchange that is kept there.
//!
//! [`joined`]: super::joined

use std::fmt::Debug;

use vestibule::{Client, Cut, Ending, Error, Field, Frame, Length, Next, Receive, Server};

use super::Source;
use super::joined::Link;

pub type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// What the protocols differ in. Its value is what the account of a connection
/// needs besides.
pub trait Wire: Sized {
    type Client: Client + Copy + Debug;
    type Server: Server + Copy + Debug;

    /// Of which bodies are made: it looks like the protocol.
    const BODY: &'static [u8];
    /// The calls of an exchange in their order, most of them in place.
    const CALLS: &'static [u8];
    /// So many calls are made at most.
    const MOST: usize;
    /// Header fields that the machines write themselves.
    const OWN: &'static [&'static str];
    /// Whether all variables of a head come before its header fields.
    const VARS_FIRST: bool;
    /// Whether the wire carries trailers.
    const TRAILERS: bool;
    /// Whether it carries interim answers.
    const INTERIMS: bool;
    /// Whether an answer may be whole whose exchange is not known to be over.
    const UNCONFIRMED: bool;

    fn make(config: u8) -> (Self::Client, Self::Server, Self);

    /// How long a piece of a body is, by the byte that comes next.
    fn some(next: u8) -> usize;

    /// Method, target and length of a request, by five bits and three.
    fn request(what: u8) -> (&'static [u8], &'static [u8], Length);

    /// One more field of it.
    fn more(_: &mut Source<'_>, _: Length) -> Option<(&'static [u8], &'static [u8])> {
        None
    }

    /// The client has written a head of this length.
    fn opened(&mut self, bytes: &[u8], length: Length);

    /// The client has written a piece of the body, or its end.
    fn sent(&mut self, _bytes: &[u8], _data: &[u8]) {}

    /// So many bytes of an answer go into a frame.
    fn piece(&self) -> usize {
        usize::MAX
    }

    /// A value as it was given.
    fn trim(value: &[u8]) -> &[u8] {
        value
    }

    /// What came before the header fields is what it should be.
    fn start(vars: &Lines, method: &[u8]);

    /// An event of the protocol's own, at the server.
    fn asked(link: &mut Link<Self>, ext: <Self::Server as Server>::Ext<'_>);

    /// And at the client.
    fn answered(link: &mut Link<Self>, ext: <Self::Client as Client>::Ext<'_>);

    fn demanded(link: &mut Link<Self>, max: usize);

    /// What holds at the end of the answer's body.
    fn ended(_: &Exchange) {}

    /// What holds of a complete exchange.
    fn complete(e: &Exchange, reuse: bool);

    /// How many trailers the client gives at the end of the body.
    fn trailers(_: &mut Source<'_>) -> usize {
        0
    }

    /// The calls that the protocol has for itself: 7, 23, 24; and 29, whether
    /// a whole exchange follows.
    fn call(link: &mut Link<Self>, what: u8, source: &mut Source<'_>) -> bool;

    /// What was written is right as a whole.
    fn written(_: &Link<Self>) {}
}

/// What both sides know of one request.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    // Of the web server.
    pub method: Vec<u8>,
    pub fields: Lines,
    pub length: Option<Length>,
    pub sent: Vec<u8>,
    pub sent_end: bool,
    pub trailers: usize,
    pub aborted: bool,
    // Seen by the application.
    pub seen_vars: Lines,
    pub seen_fields: Lines,
    pub seen_trailers: usize,
    pub seen_length: Option<Length>,
    pub seen: Vec<u8>,
    pub seen_end: bool,
    pub last: bool,
    // Of the application.
    pub interims: usize,
    pub status: Option<u16>,
    /// Whether the bytes of the answer's body do not go out.
    pub skip: bool,
    /// How long the answer is to be, where its head says so.
    pub declared: Option<u64>,
    pub answer: Vec<u8>,
    pub answer_trailers: usize,
    pub over: Option<Over>,
    // Seen by the web server.
    pub got_fields: Lines,
    pub got_status: Option<u16>,
    pub got: Vec<u8>,
    pub got_trailers: usize,
    pub got_end: bool,
    pub done: Option<Ending>,
}

/// How the application ended it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Over {
    Finished,
    /// With an answer of ours.
    Refused,
    /// So that the answer stays incomplete.
    Broken,
}

/// Bytes under way in one direction.
#[derive(Default)]
pub struct Pipe {
    pub bytes: Vec<u8>,
    pub at: usize,
    /// Nothing comes behind so many bytes.
    pub most: Option<usize>,
}

impl Pipe {
    pub fn put(&mut self, frame: Frame<'_>) {
        self.bytes.extend(frame.slices().concat());
    }

    /// The next `n` bytes that arrive.
    pub fn piece(&self, n: usize) -> Vec<u8> {
        let all = self.most.unwrap_or(usize::MAX).min(self.bytes.len());
        let end = self.at.saturating_add(n).min(all);
        self.bytes.get(self.at..end).unwrap_or(&[]).to_vec()
    }
}

/// Gives the bytes to one of the machines of a link, and its events to the link:
/// how many were taken, and whether it paused.
pub fn pump<L, M: Receive>(
    link: &mut L,
    bytes: &[u8],
    machine: fn(&mut L) -> &mut M,
    mut take: impl FnMut(&mut L, M::Event<'_>),
) -> Result<(usize, bool), Error> {
    let mut input = bytes;
    loop {
        match machine(link).next(&mut input)? {
            Next::Event(event) => take(link, event),
            Next::NeedInput => {
                assert!(input.is_empty(), "NeedInput with bytes left");
                return Ok((bytes.len(), false));
            }
            Next::Paused => return Ok((bytes.len() - input.len(), true)),
        }
    }
}

/// Joins the pieces.
pub fn add(lines: &mut Lines, field: Field<'_>) {
    if matches!(field.cut, Cut::Whole | Cut::First) {
        lines.push(Default::default());
    }
    let last = lines.last_mut().expect("a first piece");
    last.0.extend(field.name);
    last.1.extend(field.value);
}

pub fn whole(field: Field<'_>) -> usize {
    usize::from(matches!(field.cut, Cut::Whole | Cut::Last))
}

impl Exchange {
    /// Whether the body that was declared was sent.
    pub fn sent_all(&self) -> bool {
        self.length == Some(Length::Known(self.sent.len() as u64))
    }

    /// An exchange may end in this way.
    pub fn check(&self, ending: Ending, reuse: bool, lost: bool, unconfirmed: bool) {
        match ending {
            Ending::Aborted => assert!(self.aborted && !reuse),
            Ending::Complete { .. } => assert!(self.got_end && self.got == self.answer),
            other if self.aborted => panic!("{other:?} after an abort"),
            Ending::Unconfirmed if unconfirmed => assert!(self.got_end && lost && !reuse),
            Ending::Truncated => {
                assert!(self.got_status.is_some() && !self.got_end && lost && !reuse);
            }
            Ending::Failed(error) => {
                assert!(self.got_status.is_none() && lost && !reuse, "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}
