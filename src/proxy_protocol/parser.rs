//! The machine that reads a header of either version.

use crate::error::Error;
use crate::event::Next;
use crate::machine::{After, Receive, Status};
use crate::time::Phase;

use super::v1::Line;
use super::v2::Block;
use super::{Header, Part};

/// What a header gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Event<'i> {
    /// A TLV or a path, or a piece of one. Nothing of it is true before
    /// [`Event::Header`]. Padding (PP2_TYPE_NOOP), the checksum and the head of
    /// PP2_TYPE_SSL are no parts; unknown TLVs are, to be skipped.
    Part(Part<'i>),
    /// The header is complete and valid. It comes once, the last of all.
    Header(Header),
}

/// Bounds of a header of version 2. Those of version 1 are the protocol's own:
/// [`V1_MAX`](super::V1_MAX).
///
/// ```
/// use vestibule::proxy_protocol::{Limits, Parser};
/// let parser = Parser::new(Limits::DEFAULT.length(536 - 16));
/// # let _ = parser;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Limits {
    /// What the length field may say: bytes behind the first 16, addresses and
    /// TLVs. Default 4,096; the wire can say 65,535.
    /// Broken: [`Error::ProxyTooLong`].
    pub length: u16,
}

impl Limits {
    /// 4,096 bytes behind the first 16.
    pub const DEFAULT: Limits = Limits { length: 4096 };

    /// Sets [`length`](Self::length).
    #[must_use]
    pub const fn length(mut self, bytes: u16) -> Self {
        self.length = bytes;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Reads the header of either version. PROXY protocol, 2.
///
/// TLVs and the paths of Unix sockets come as [parts](Part), in pieces where
/// the input cuts them; then comes the [`Header`], and from then on the machine
/// is [`Paused`](Next::Paused): what is left of the input, and all that
/// follows, is the connection's.
///
/// - Version 1 (2.1): exactly one space between words, no zero ahead of a
///   number, CR LF within 107 bytes. What follows `UNKNOWN` is ignored.
/// - Version 2 (2.2): commands, families and transports that the specification
///   does not name are errors, as is a length below that of the addresses. Of
///   LOCAL, and of AF_UNSPEC or UNSPEC, everything behind the length is
///   skipped: there nothing tells where TLVs would begin.
/// - TLVs must fill the rest of the header exactly, and PP2_TYPE_SSL likewise.
///   A checksum is verified. PP2_TYPE_CRC32C and PP2_TYPE_SSL may come once.
///
/// How long a header may take is the caller's to say; the specification asks
/// for three seconds at least.
#[derive(Clone, Copy, Debug)]
pub struct Parser {
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing has come.
    Start(Limits),
    V1(Line),
    V2(Block),
    Done,
    Failed(Error),
}

impl Parser {
    /// Before the first byte of a connection.
    pub const fn new(limits: Limits) -> Parser {
        Parser {
            state: State::Start(limits),
        }
    }

    /// How many bytes of the header are to come at least; zero once it is
    /// over. Who reads no more than that at a time leaves what follows the
    /// header where it is, in the socket.
    ///
    /// ```
    /// use vestibule::{Receive, proxy_protocol::Parser};
    /// let mut parser = Parser::default();
    /// assert_eq!(parser.at_least(), 15);
    /// let _ = parser.next(&mut &b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..])?;
    /// assert_eq!(parser.at_least(), 12);
    /// # Ok::<(), vestibule::Error>(())
    /// ```
    pub fn at_least(&self) -> usize {
        match &self.state {
            State::Start(_) => 15,
            State::V1(line) => line.at_least(),
            State::V2(block) => block.at_least(),
            State::Done | State::Failed(_) => 0,
        }
    }

    fn fail<T>(&mut self, error: Error) -> Result<T, Error> {
        self.state = State::Failed(error);
        Err(error)
    }
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(Limits::DEFAULT)
    }
}

impl Status for Parser {
    fn phase(&self) -> Phase {
        match self.state {
            State::Start(_) | State::V1(_) | State::V2(_) => Phase::Head,
            State::Done => Phase::Idle,
            State::Failed(_) => Phase::Closing,
        }
    }

    fn after(&self) -> After {
        match self.state {
            State::Failed(_) => After::Close,
            _ => After::Keep,
        }
    }
}

impl Receive for Parser {
    type Event<'i> = Event<'i>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        loop {
            match &mut self.state {
                State::Start(limits) => {
                    self.state = match input {
                        [] => return Ok(Next::NeedInput),
                        [b'P', ..] => State::V1(Line::NEW),
                        [b'\r', ..] => State::V2(Block::new(limits.length)),
                        _ => return self.fail(Error::ProxySignature),
                    }
                }
                State::V1(line) => {
                    let [byte, rest @ ..] = *input else {
                        return Ok(Next::NeedInput);
                    };
                    *input = rest;
                    match line.byte(*byte) {
                        Ok(false) => {}
                        Ok(true) => {
                            let header = line.header();
                            self.state = State::Done;
                            return Ok(Next::Event(Event::Header(header)));
                        }
                        Err(error) => return self.fail(error),
                    }
                }
                State::V2(block) => {
                    return match block.next(input) {
                        Ok(Some(event)) => {
                            if matches!(event, Event::Header(_)) {
                                self.state = State::Done;
                            }
                            Ok(Next::Event(event))
                        }
                        Ok(None) => Ok(Next::NeedInput),
                        Err(error) => self.fail(error),
                    };
                }
                State::Done => return Ok(Next::Paused),
                State::Failed(error) => return Err(*error),
            }
        }
    }

    fn eof<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        match self.next(&mut &[][..])? {
            // A header was demanded, and it is not whole.
            Next::NeedInput => self.fail(Error::Eof),
            other => Ok(other),
        }
    }
}
