//! What a thread has of its own: rooms for the frames that it makes, what of
//! them is not written yet, and input.

use std::io::{self, IoSlice, Read, Write};
use std::time::Duration;
use std::vec::Vec;

use super::super::transport::{Transport, timed_out};
use super::{Exchanged, HEAD};
use crate::bridge::Bridge;
use crate::event::Length;
use crate::frame::Frame;

/// Of a read, at first, and where it was filled in the end: less than the
/// largest record, so that a read makes one.
const FIRST: usize = 8 * 1024;
const MOST: usize = 60 * 1024;

/// A frame that is no longer is copied, so that it is written with others.
const SMALL: usize = 8 * 1024;

/// Whose input a thread has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Front,
    Back(usize),
    Neither,
}

/// Frames that are not written yet. Only while the lock is held.
#[derive(Default)]
pub(super) struct Out {
    pub front: Gathered,
    /// For the back of this place.
    pub back: (usize, Gathered),
}

impl Out {
    pub fn is_empty(&self) -> bool {
        self.front.is_empty() && self.back.1.is_empty()
    }
}

/// Frames for one side.
#[derive(Default)]
pub(super) struct Gathered(Vec<u8>);

impl Gathered {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Copies a frame, if it is small and there are not many yet.
    pub fn gather(&mut self, frame: &Frame<'_>) -> bool {
        let small = frame.len() <= SMALL && self.0.len() < SMALL;
        if small {
            for slice in frame.slices() {
                self.0.extend_from_slice(slice);
            }
        }
        small
    }

    /// Writes all that was gathered, and a frame behind it, and forgets it.
    pub fn write<W: Write>(&mut self, out: &mut W, mut frame: Frame<'_>) -> io::Result<()> {
        let mut before = &self.0[..];
        let mut written = Ok(());
        while !(before.is_empty() && frame.is_empty()) {
            let [head, body, tail] = frame.io_slices();
            match out.write_vectored(&[IoSlice::new(before), head, body, tail]) {
                Ok(0) => written = Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    let first = n.min(before.len());
                    before = before.get(first..).unwrap_or(&[]);
                    frame.advance(n.saturating_sub(first));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => written = Err(error),
            }
            if written.is_err() {
                break;
            }
        }
        self.0.clear();
        written
    }
}

/// Rooms, and what was made in them.
pub(super) struct Desk {
    pub front_room: Vec<u8>,
    pub back_room: Vec<u8>,
    pub out: Out,
}

impl Desk {
    pub fn new() -> Self {
        Desk {
            front_room: Vec::new(),
            back_room: Vec::new(),
            out: Out::default(),
        }
    }

    /// Sees to it that the next step cannot run out of storage, unless the
    /// peer goes beyond what there may be: that `input` bytes of this side can
    /// become fields, and that the heads there are can be written, those too
    /// that these bytes end: a step reads a head and writes it.
    pub fn fit(
        &mut self,
        bridge: &mut Bridge<Vec<u8>, Vec<Exchanged>>,
        exchanges: usize,
        side: Side,
        input: usize,
    ) {
        // A name of one byte with its value of none takes ten; the elements of
        // a request line get names of ours.
        let most = input.saturating_mul(4).saturating_add(128);
        let (mut longest, mut answers, mut trailers) = (0, 0, 0);
        for place in 0..exchanges {
            let Some(exchange) = bridge.exchange_mut(place) else {
                continue;
            };
            longest = longest
                .max(exchange.request().used())
                .max(exchange.answer().used());
            match side {
                _ if input == 0 => {}
                // No field comes before its body is over.
                Side::Front if in_body(exchange) => {}
                Side::Front => {
                    trailers = most.min(HEAD);
                    exchange.request_mut().reserve(most, HEAD);
                }
                Side::Back(_) if exchange.front().is_some() => {
                    answers = most.min(HEAD);
                    exchange.answer_mut().reserve(most, HEAD);
                }
                Side::Back(_) | Side::Neither => {}
            }
        }
        for (have, new) in [
            (&mut self.front_room, answers),
            (&mut self.back_room, trailers),
        ] {
            let room = longest
                .saturating_add(longest.max(new))
                .saturating_add(1024);
            if have.len() < room {
                have.resize(room, 0);
            }
        }
    }
}

/// Whether a body of known length is under way, which has no trailers.
fn in_body(exchange: &Exchanged) -> bool {
    exchange.front().is_some() && matches!(exchange.length(), Length::Known(_))
}

/// Input, and the part of it that is not used yet.
#[derive(Default)]
pub(super) struct Input {
    buf: Vec<u8>,
    start: usize,
    end: usize,
    /// The peer has closed its half.
    pub closed: bool,
    /// The connection was released, and its place may be another's.
    pub released: bool,
    /// The time-out that the transport has, if one was set, and whether it was
    /// up at the last read.
    waits: Option<Option<Duration>>,
    early: bool,
}

impl Input {
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub fn bytes(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or(&[])
    }

    /// All but the last `left` bytes are used.
    pub fn keep(&mut self, left: usize) {
        self.start = self.end.saturating_sub(left);
    }

    /// For another transport.
    pub fn reset(&mut self) {
        (self.start, self.end) = (0, 0);
        (self.closed, self.released) = (false, false);
        (self.waits, self.early) = (None, false);
    }

    /// One read, where nothing is left, for as long as `time`; for ever where
    /// that is none. False where it brought nothing: `time` may not be up then,
    /// for a time-out is not set anew for every read. It is `look` at most at
    /// first.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    pub fn read<S>(
        &mut self,
        stream: &S,
        time: Option<Duration>,
        look: Duration,
    ) -> io::Result<bool>
    where
        S: Transport,
        for<'s> &'s S: Read,
    {
        let most = time.unwrap_or(Duration::MAX);
        let fits = !self.early && matches!(self.waits, Some(Some(set)) if set <= most);
        if !fits {
            let want = if self.early {
                time
            } else {
                Some(most.min(look))
            };
            if self.waits != Some(want) {
                stream.read_timeout(want)?;
                self.waits = Some(want);
            }
        }
        if self.buf.is_empty() {
            self.buf.resize(FIRST, 0);
        } else if self.end == self.buf.len() {
            let longer = self.buf.len().saturating_mul(2).min(MOST);
            self.buf.resize(longer, 0);
        }
        loop {
            match (&mut &*stream).read(&mut self.buf) {
                Ok(n) => {
                    (self.start, self.end) = (0, n);
                    self.closed = n == 0;
                    self.early = false;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if timed_out(&error) => {
                    (self.start, self.end) = (0, 0);
                    self.early = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }
}
