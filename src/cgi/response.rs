//! The response that a script writes, taken apart. RFC 3875, 6.

use crate::error::Error;
use crate::event::{Field, Length, Next};
use crate::limits::Limits;
use crate::machine::Receive;

/// What the parser accepts, and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The limits.
    pub limits: Limits,
    /// Bytes of one line.
    pub line_bytes: u32,
    /// The switches that are on.
    switches: u16,
}

impl Rules {
    /// No switch on.
    pub const STRICT: Rules = Rules {
        limits: Limits::DEFAULT,
        line_bytes: 8192,
        switches: 0,
    };
}

/// What the parser gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'i> {
    /// A header field, or a piece of one; Status too.
    Field(Field<'i>),
    /// The end of an interim head, 100 to 199.
    Interim(u16),
    /// The head is complete and valid.
    HeadEnd {
        /// 200 to 599.
        status: u16,
        /// From Content-Length, else unknown.
        length: Length,
    },
    /// Bytes of the body.
    Body(&'i [u8]),
    /// The output ended where it may.
    BodyEnd,
    /// In place of `HeadEnd`: the server is to run the request again for the
    /// path that the only field, Location, gave. RFC 3875, 6.2.2.
    LocalRedirect,
}

/// The parser without its rules, for those who keep many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {}

impl State {
    /// `head_request`: the request was HEAD, so no body is passed on.
    pub const fn new(head_request: bool) -> Self {
        let _ = head_request;
        State {}
    }

    pub fn next<'i>(
        &mut self,
        rules: &Rules,
        input: &mut &'i [u8],
    ) -> Result<Next<Piece<'i>>, Error> {
        let _ = (rules, input);
        Ok(Next::NeedInput)
    }

    pub fn eof<'i>(&mut self, rules: &Rules) -> Result<Next<Piece<'i>>, Error> {
        let _ = rules;
        Ok(Next::NeedInput)
    }
}

/// The parser as a machine of its own, for the output of a program.
#[derive(Clone, Copy, Debug)]
pub struct Parser {
    rules: Rules,
    state: State,
}

impl Parser {
    /// For the answer to a request whose method was HEAD (`true`) or another.
    pub const fn new(rules: Rules, head_request: bool) -> Self {
        Parser {
            rules,
            state: State::new(head_request),
        }
    }
}

impl Receive for Parser {
    type Event<'i> = Piece<'i>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Piece<'i>>, Error> {
        self.state.next(&self.rules, input)
    }

    fn eof<'i>(&mut self) -> Result<Next<Piece<'i>>, Error> {
        self.state.eof(&self.rules)
    }
}
