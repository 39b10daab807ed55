//! The response that a script writes, taken apart. RFC 3875, 6.
//!
//! [`Parser`] is a machine over the script's output. It gives the fields of the
//! head as they come, then the verdict on the whole head, then the body.
//! Nothing may be acted on before [`Piece::HeadEnd`]: a head that turns out
//! malformed ends in an error instead.
//!
//! | head | given |
//! |---|---|
//! | neither Status nor Location | 200 |
//! | Status | that status, Location or not |
//! | Location alone decides | 302; a local path may be a [local redirect](Rules::local_redirect) |
//!
//! Fields are given as they stand, the hop-by-hop ones too, which mean nothing
//! behind a gateway: pass on those that are [`forwardable`].

mod state;

pub use super::rules::{FirstLine, Rules};
pub(crate) use state::State;

use self::state::fact;
use crate::error::Error;
use crate::event::{Field, Length, Next};
use crate::machine::Receive;

/// What the parser gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'i> {
    /// A header field, or a piece of one; Status too, because a cut line has
    /// given its name away before it is known. A status line is given as a
    /// field `Status` of the digits and the reason.
    Field(Field<'i>),
    /// The end of an interim head, 100 to 199. The fields before it are its
    /// own. See [`Rules::interim`].
    Interim(u16),
    /// The head is complete and valid.
    HeadEnd {
        /// 200 to 599; to 999 with [`Rules::any_status`].
        status: u16,
        /// From Content-Length, else unknown; none with status 204, and with
        /// 304 where no Content-Length says what a GET would have had.
        length: Length,
    },
    /// Bytes of the body, at least one, and the last ones that the call took.
    Body(&'i [u8]),
    /// The output ended where it may.
    BodyEnd,
    /// In place of `HeadEnd`: the server is to run the request again, as a GET
    /// without a body, for the path and query that the only field, Location,
    /// gave. Nothing follows. The value is the script's: check it as the
    /// target of any request, and bound how often. RFC 3875, 6.2.2.
    LocalRedirect,
}

/// Whether a field of a script's response may be passed on to the client: not
/// those that are for the server (Status, X-CGI-*) or for one connection alone.
/// RFC 3875, 6.3.3 and 6.3.5; RFC 9110, 7.6.1.
///
/// ```
/// use vestibule::cgi::response::forwardable;
/// assert!(forwardable(b"Content-Type"));
/// assert!(!forwardable(b"STATUS"));
/// assert!(!forwardable(b"x-cgi-cache"));
/// ```
#[inline]
pub fn forwardable(name: &[u8]) -> bool {
    !super::encode::reserved(name)
        && !name
            .split_at_checked(6)
            .is_some_and(|(start, _)| start.eq_ignore_ascii_case(b"x-cgi-"))
}

/// The parser as a machine of its own, for the output of a program.
///
/// ```
/// use vestibule::cgi::response::{Parser, Piece, Rules};
/// use vestibule::{Fields, Length, Next, Receive};
/// let mut parser = Parser::new(Rules::STRICT, false);
/// let mut fields = Fields::new([0u8; 256]);
/// let mut input = &b"Status: 404 Gone fishing\nContent-Type: text/plain\n\nhi"[..];
/// while let Next::Event(piece) = parser.next(&mut input)? {
///     match piece {
///         Piece::Field(field) => fields.push(field).expect("room"),
///         Piece::HeadEnd { status, length } => {
///             assert_eq!((status, length), (404, Length::Unknown));
///         }
///         Piece::Body(bytes) => assert_eq!(bytes, b"hi"),
///         other => panic!("{other:?}"),
///     }
/// }
/// assert_eq!(parser.eof()?, Next::Event(Piece::BodyEnd));
/// assert_eq!(fields.get(b"status"), Some(&b"404 Gone fishing"[..]));
/// # Ok::<(), vestibule::Error>(())
/// ```
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

    /// Whether bytes came after the length that Content-Length declared. They
    /// are not given.
    pub fn excess(&self) -> bool {
        self.state.has(fact::EXCESS)
    }

    /// Whether a body came where there is none: in the answer to HEAD, and with
    /// status 204 and 304. It is not given.
    pub fn body_dropped(&self) -> bool {
        self.state.has(fact::DROPPED)
    }

    /// Whether the head, up to here, has no Content-Type. RFC 3875, 6.3.1,
    /// wants one where there is a body.
    pub fn missing_content_type(&self) -> bool {
        !self.state.has(fact::TYPE)
    }

    /// Whether the head began with a status line. See [`FirstLine`].
    pub fn status_line(&self) -> bool {
        self.state.has(fact::LINE)
    }
}

impl Receive for Parser {
    type Event<'i> = Piece<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Piece<'i>>, Error> {
        self.state.next(&self.rules, input)
    }

    fn eof<'i>(&mut self) -> Result<Next<Piece<'i>>, Error> {
        self.state.eof(&self.rules)
    }
}

#[cfg(test)]
mod tests;
