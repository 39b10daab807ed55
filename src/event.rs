//! The vocabulary of events that all protocols share.

use core::num::NonZeroU16;

use crate::error::Error;

/// What a call of [`next`](crate::Receive::next) came to.
#[must_use = "an event that is dropped is a fact of the wire that is lost"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Next<E> {
    /// One fact. Call again, even when the input is empty now.
    Event(E),
    /// The input is used up; more is needed.
    NeedInput,
    /// The machine will not read on until the caller has done something.
    /// Bytes may be left: keep them, and call again after each sending call.
    Paused,
}

impl<E> Next<E> {
    /// The event, if it is one.
    ///
    /// ```
    /// use vestibule::Next;
    /// assert_eq!(Next::Event(7).event(), Some(7));
    /// assert_eq!(Next::<u8>::Paused.event(), None);
    /// ```
    pub fn event(self) -> Option<E> {
        match self {
            Next::Event(e) => Some(e),
            Next::NeedInput | Next::Paused => None,
        }
    }
}

/// Names an exchange (a request and its answer) on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Id(NonZeroU16);

impl Id {
    /// The only exchange of a wire that has no ids.
    pub const SOLE: Id = Id(NonZeroU16::MIN);

    /// An id from a number of 1 to 65,535.
    ///
    /// ```
    /// use vestibule::Id;
    /// assert_eq!(Id::new(1), Some(Id::SOLE));
    /// assert_eq!(Id::new(0), None);
    /// ```
    pub const fn new(n: u16) -> Option<Id> {
        match NonZeroU16::new(n) {
            Some(n) => Some(Id(n)),
            None => None,
        }
    }

    /// The number, 1 to 65,535.
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl core::fmt::Display for Id {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of name a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Space {
    /// A CGI meta-variable: REQUEST_METHOD, HTTP_HOST and the like.
    Var,
    /// A header field as the wire has it.
    Header,
    /// A trailer field.
    Trailer,
    /// A request attribute (AJP).
    Attribute,
}

impl Space {
    /// Whether blanks around a value mean nothing (header and trailer fields).
    pub const fn trims(self) -> bool {
        matches!(self, Space::Header | Space::Trailer)
    }
}

/// Which piece of a field an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Cut {
    /// All of it.
    Whole,
    /// The first of several pieces.
    First,
    /// Neither the first nor the last piece.
    Middle,
    /// The last piece; it may be empty.
    Last,
}

/// A field of a head, or a piece of one.
///
/// One event per field where its bytes lie together in the input, which is
/// nearly always: [`Cut::Whole`]. A field that is cut by the end of the input,
/// or by a record border, comes in pieces from [`Cut::First`] to [`Cut::Last`]:
/// append the names, append the values. No byte of the value comes before the
/// name is complete. A field whose last piece never came is no field.
/// [`Fields`](crate::Fields) does the joining.
///
/// A whole header value is trimmed of blanks; the pieces of a cut one may carry
/// blanks at the end, which only its last piece can tell from inner ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Field<'i> {
    /// What kind of name it is.
    pub space: Space,
    /// The name, or a piece of it.
    pub name: &'i [u8],
    /// The value, or a piece of it.
    pub value: &'i [u8],
    /// Which piece this is.
    pub cut: Cut,
}

impl<'i> Field<'i> {
    /// A whole meta-variable.
    ///
    /// ```
    /// use vestibule::{Field, Space};
    /// let field = Field::var(b"REQUEST_METHOD", b"GET");
    /// assert_eq!(field.space, Space::Var);
    /// ```
    pub const fn var(name: &'i [u8], value: &'i [u8]) -> Self {
        Field {
            space: Space::Var,
            name,
            value,
            cut: Cut::Whole,
        }
    }

    /// A whole header field.
    ///
    /// ```
    /// use vestibule::{Cut, Field};
    /// assert_eq!(Field::header(b"Content-Type", b"text/plain").cut, Cut::Whole);
    /// ```
    pub const fn header(name: &'i [u8], value: &'i [u8]) -> Self {
        Field {
            space: Space::Header,
            name,
            value,
            cut: Cut::Whole,
        }
    }

    /// A whole trailer field.
    pub const fn trailer(name: &'i [u8], value: &'i [u8]) -> Self {
        Field {
            space: Space::Trailer,
            name,
            value,
            cut: Cut::Whole,
        }
    }

    /// The same as the first of several pieces.
    pub(crate) const fn first(self) -> Self {
        Field {
            cut: Cut::First,
            ..self
        }
    }

    /// The same as a piece between.
    pub(crate) const fn middle(self) -> Self {
        Field {
            cut: Cut::Middle,
            ..self
        }
    }

    /// The same as the last of several pieces.
    pub(crate) const fn last(self) -> Self {
        Field {
            cut: Cut::Last,
            ..self
        }
    }

    /// The value without blanks (SP, HTAB) around it where those mean nothing,
    /// as it is elsewhere.
    ///
    /// ```
    /// use vestibule::Field;
    /// assert_eq!(Field::header(b"A", b" b\t").trimmed(), b"b");
    /// assert_eq!(Field::var(b"A", b" b").trimmed(), b" b");
    /// ```
    pub fn trimmed(&self) -> &'i [u8] {
        if self.space.trims() {
            trim(self.value)
        } else {
            self.value
        }
    }
}

/// `bytes` without SP and HTAB at its ends.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// How a body is framed, decided once, with the end of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Length {
    /// There is no body.
    None,
    /// A body of this many bytes. In the answer to HEAD, and with status 304,
    /// it is what a GET would have had, and no byte comes.
    Known(u64),
    /// A body whose length only its end tells.
    Unknown,
}

/// What an application (server machine) learns. `X` is each protocol's own.
///
/// Exhaustive on purpose: a `_` arm that swallows `Abort` or `Fault` is how
/// requests hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Request<'i, X> {
    /// A request begins.
    Begin {
        /// Which exchange.
        id: Id,
    },
    /// A field of its head, or of its trailers.
    Field {
        /// Which exchange.
        id: Id,
        /// The field or a piece of it.
        field: Field<'i>,
    },
    /// The head is complete and valid. Nothing is true before.
    HeadEnd {
        /// Which exchange.
        id: Id,
        /// How the body is framed.
        length: Length,
    },
    /// Bytes of the body. They are the last ones that the call took: who
    /// cannot use them all may move the input back by what is left.
    Body {
        /// Which exchange.
        id: Id,
        /// The bytes, at least one.
        bytes: &'i [u8],
    },
    /// The body is complete, and the trailers that came with it.
    BodyEnd {
        /// Which exchange.
        id: Id,
    },
    /// The request is spoilt, the connection is not: answer with `fail`.
    Fault {
        /// Which exchange.
        id: Id,
        /// Why.
        error: Error,
    },
    /// The peer gave the request up or the connection is lost: nobody listens.
    /// The exchange stays open until `fail` or `finish`.
    Abort {
        /// Which exchange.
        id: Id,
    },
    /// The protocol's own.
    Ext(X),
}

/// What a web server (client machine) learns. `X` is each protocol's own.
/// Exhaustive on purpose, as [`Request`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Response<'i, X> {
    /// A field of the next `Interim` or `HeadEnd`, or, between the last of the
    /// body and `BodyEnd`, a trailer.
    Field {
        /// Which exchange.
        id: Id,
        /// The field or a piece of it.
        field: Field<'i>,
    },
    /// An interim answer (1xx): the fields before it belong to it.
    Interim {
        /// Which exchange.
        id: Id,
        /// 100 to 199.
        status: u16,
    },
    /// The head is complete and valid.
    HeadEnd {
        /// Which exchange.
        id: Id,
        /// 200 to 599, or 101.
        status: u16,
        /// How the body is framed.
        length: Length,
    },
    /// Bytes of the body. They are the last ones that the call took.
    Body {
        /// Which exchange.
        id: Id,
        /// The bytes, at least one.
        bytes: &'i [u8],
    },
    /// The body is complete, as far as the wire can tell: it never comes for a
    /// body that is known to be cut. `Done` has the verdict on the exchange.
    BodyEnd {
        /// Which exchange.
        id: Id,
    },
    /// Text for the log (STDERR).
    Log {
        /// Which exchange.
        id: Id,
        /// The bytes, at least one; borders mean nothing.
        bytes: &'i [u8],
    },
    /// The application wants up to `max` more bytes of the body.
    Demand {
        /// Which exchange.
        id: Id,
        /// Bytes, at least one.
        max: usize,
    },
    /// The end: exactly one for each request, always the last of it.
    Done {
        /// Which exchange.
        id: Id,
        /// Whether the connection can carry another request.
        reuse: bool,
        /// Whether the application cannot have run, so that any request may be
        /// sent again elsewhere.
        retry_safe: bool,
        /// What it came to.
        ending: Ending,
    },
    /// The protocol's own.
    Ext(X),
}

/// What a request came to, for a client machine.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Ending {
    /// A whole answer.
    Complete {
        /// The application's status: its exit code, where the wire has one.
        app_status: u32,
        /// False where the peer never closed its output, but ended the request
        /// (as PHP-FPM does).
        output_ended: bool,
    },
    /// The output was closed, but the connection ended before the message that
    /// ends the request.
    Unconfirmed,
    /// The answer is cut: its head came, its end did not.
    Truncated,
    /// The peer would not take the request.
    Rejected(Rejection),
    /// No usable answer.
    Failed(Error),
    /// We gave it up.
    Aborted,
}

/// Why a peer would not take a request. FastCGI 1.0, 5.5.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Rejection {
    /// Only one request at a time on this connection.
    CantMultiplex,
    /// No capacity.
    Overloaded,
    /// A role that it does not play.
    UnknownRole,
    /// A reason that no specification names.
    Other(u8),
}
