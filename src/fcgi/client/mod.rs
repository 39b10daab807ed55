//! The web server's side: requests out, answers in. FastCGI 1.0, 3 to 6.

mod input;
mod limits;
mod output;
mod slot;

pub use limits::Limits;
pub use slot::Slot;

use crate::cgi::response::Rules;
use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length, Next, Response};
use crate::fcgi::Role;
use crate::fcgi::record::Reader;
use crate::fcgi::values::{Answer, Values};
use crate::frame::Frame;
use crate::machine::{After, Client as Machine, Receive, Status};
use crate::time::Phase;
use slot::{Input, Life};

/// What FastCGI has beyond the common events of an answer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// The answer to [`Client::values`]. FastCGI 1.0, 4.1.
    Values(Values),
    /// The application does not know the type of a record of ours; after
    /// [`Client::values`]: it has no values to tell. FastCGI 1.0, 4.2.
    UnknownType(u8),
    /// The connection ended before [`Client::values`] was answered.
    Unanswered,
    /// In place of `HeadEnd`: the request is to be run again for the path that
    /// the only field, Location, gave. No body follows. RFC 3875, 6.2.2.
    LocalRedirect {
        /// Which request.
        id: Id,
    },
}

/// An event of a [`Client`].
pub type Event<'i> = Response<'i, Ext>;

/// What is read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    /// Padding, then a header.
    Header,
    /// Content of STDOUT for the parser of slot `at`.
    Stdout,
    /// The same parser has still to say what the end of STDOUT comes to.
    StdoutEnd,
    /// Content of STDERR for slot `at`.
    Stderr,
    /// The eight bytes of END_REQUEST for slot `at`.
    End,
    /// GET_VALUES_RESULT.
    Values,
    /// UNKNOWN_TYPE.
    Unknown,
    /// Content that nobody wants.
    Skip,
    /// Nothing more.
    Over,
}

/// Where the question for values stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Query {
    None,
    Waiting,
    /// Some peers send an empty result after the first: it means nothing.
    Answered,
}

/// The eight bytes of an END_REQUEST, as far as they are read.
#[derive(Clone, Copy, Debug)]
struct Ending {
    app: u32,
    protocol: u8,
    have: u8,
}

/// A connection to an application: as many requests at a time as there are
/// slots in `S`, an array, a slice or a vector of the caller's.
///
/// One slot is a connection that carries one request at a time, as nearly
/// every application wants it: there a record for an id that is not active is
/// [`Error::UnknownId`], since it must come from another request than ours.
/// With several slots such records are skipped and counted. Ids are indices of
/// slots and one more, the lowest free first.
///
/// Read while writing: an application may answer before it has read the body.
/// The machine keeps no byte of an answer; a caller that cannot take one
/// request's bytes stops reading the connection, or calls
/// [`discard`](Self::discard) or [`abort`](Self::abort).
///
/// | answer | `Done` |
/// | --- | --- |
/// | STDOUT ended, END_REQUEST | `Complete { output_ended: true }` |
/// | END_REQUEST without the end of STDOUT, application status 0 | `Complete { output_ended: false }` |
/// | the same with another application status, or EOF, after the head; less than its Content-Length | `Truncated` |
/// | STDOUT ended, then EOF | `Unconfirmed` |
/// | protocol status not 0 | `Rejected` |
/// | no or a malformed head, an END_REQUEST too short, framing lost | `Failed` |
/// | END_REQUEST or EOF after `abort` | `Aborted` |
///
/// The end of the connection inside a record is [`Error::Eof`], once every open
/// request has had its `Done`.
///
/// After a malformed head `Done` comes at once, and the id stays taken until
/// its END_REQUEST.
///
/// `reuse` is false once a request went without KEEP_CONN, or anything came
/// that nobody asked for before it (what comes behind it,
/// [`after`](crate::Status::after) tells); and with one slot also where the
/// request was not yet sent to its end, was aborted, or its answer was spoilt.
/// `retry_safe` is true without any
/// output, for a rejection with a reason of the specification; and where a
/// connection that has carried an answer before ends and the request's method
/// is idempotent: most likely it was closed while nothing was under way.
///
/// ```
/// use vestibule::fcgi::{Role, client::Client};
/// use vestibule::{Field, Length, Receive};
/// let mut client = Client::default();
/// let mut room = [0; 256];
/// let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
/// let (id, frame) = client.begin(Role::Responder, true, fields, Length::None, &mut room)?;
/// assert_eq!(&frame.slices()[0][..8], b"\x01\x01\0\x01\0\x08\0\0");
/// let mut input = &b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\x02\0\0\0"[..];
/// let event = client.next(&mut input).unwrap().event().unwrap();
/// assert_eq!(event, vestibule::Response::Done {
///     id,
///     reuse: true,
///     retry_safe: true,
///     ending: vestibule::Ending::Rejected(vestibule::Rejection::Overloaded),
/// });
/// # Ok::<(), vestibule::Refused>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client<S = [Slot; 1]> {
    reader: Reader,
    now: Now,
    /// Which slot `now` is about.
    at: usize,
    slots: S,
    rules: Rules,
    log_bytes: u32,
    stray_records: u32,
    idle_records: u32,
    strays: u32,
    idle: u32,
    log_dropped: u64,
    /// No slot below is free.
    lowest: usize,
    /// Slots that are not free.
    used: usize,
    /// Requests that are owed their `Done`.
    active: usize,
    /// Requests whose STDIN or DATA is still to be ended.
    sending: usize,
    end: Ending,
    query: Query,
    answer: Answer,
    /// Whether it takes more requests.
    open: bool,
    /// The application takes one request at a time.
    alone: bool,
    /// An answer was completed on this connection.
    served: bool,
    keep: bool,
    /// Why reading is over.
    verdict: Option<Error>,
    /// Slots that were told so.
    told: usize,
}

impl Default for Client {
    fn default() -> Self {
        Client::new([Slot::EMPTY; 1])
    }
}

impl<S> Client<S> {
    /// With the limits of [`Limits::DEFAULT`]. All slots must be
    /// [`Slot::EMPTY`].
    pub const fn new(slots: S) -> Self {
        Self::with_limits(slots, Limits::DEFAULT)
    }

    /// With other limits.
    pub const fn with_limits(slots: S, limits: Limits) -> Self {
        Client {
            reader: Reader::NEW,
            now: Now::Header,
            at: 0,
            slots,
            rules: limits.cgi,
            log_bytes: limits.log_bytes,
            stray_records: limits.stray_records,
            idle_records: limits.idle_records,
            strays: 0,
            idle: 0,
            log_dropped: 0,
            lowest: 0,
            used: 0,
            active: 0,
            sending: 0,
            end: Ending {
                app: 0,
                protocol: 0,
                have: 0,
            },
            query: Query::None,
            answer: Answer::NEW,
            open: true,
            alone: false,
            served: false,
            keep: true,
            verdict: None,
            told: 0,
        }
    }

    /// Whether requests made by [`open`](crate::Client::open) ask the
    /// application to keep the connection. Default true.
    ///
    /// ```
    /// use vestibule::fcgi::client::{Client, Slot};
    /// let client = Client::new([Slot::EMPTY; 1]).keep_conn(false);
    /// # let _ = client;
    /// ```
    #[must_use]
    pub const fn keep_conn(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Records that nobody asked for so far, on this connection. After the
    /// first it takes no more requests.
    pub const fn strays(&self) -> u32 {
        self.strays
    }

    /// Bytes of STDERR skipped so far, on this connection, because a request
    /// had more than [`Limits::log_bytes`].
    pub const fn log_dropped(&self) -> u64 {
        self.log_dropped
    }
}

/// The index of its slot.
#[inline]
fn index_of(id: Id) -> usize {
    usize::from(id.get()).saturating_sub(1)
}

/// The id of a slot.
#[inline]
fn id_of(index: usize) -> Option<Id> {
    Id::new(u16::try_from(index).ok()?.checked_add(1)?)
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Client<S> {
    /// The index of a request's slot, for tables of the caller's beside it.
    /// `None` once it had its `Done`.
    ///
    /// ```
    /// use vestibule::fcgi::client::Client;
    /// assert_eq!(Client::default().slot_of(vestibule::Id::SOLE), None);
    /// ```
    pub fn slot_of(&self, id: Id) -> Option<usize> {
        let index = index_of(id);
        let slot = self.slots.as_ref().get(index)?;
        (!matches!(slot.life, Life::Free | Life::Spent)).then_some(index)
    }

    /// Whether it takes more requests. A header that has begun while nothing
    /// is awaited is of a record that nobody asked for.
    fn takes(&self) -> bool {
        let awaits = self.used != 0 || self.query == Query::Waiting;
        self.open && (awaits || !self.reader.in_header())
    }

    /// How many requests it would take now.
    pub fn free(&self) -> usize {
        let slots = self.slots.as_ref().len().min(usize::from(u16::MAX));
        match (self.takes(), self.alone) {
            (false, _) => 0,
            (true, true) => usize::from(self.used == 0).min(slots),
            (true, false) => slots.saturating_sub(self.used),
        }
    }

    /// How many bytes of STDIN may be sent now: no bound while it is open,
    /// else none.
    pub fn credit(&self, id: Id) -> usize {
        match self.slots.as_ref().get(index_of(id)) {
            Some(slot)
                if slot.input == Input::Stdin
                    && matches!(slot.life, Life::Open | Life::Ended)
                    && self.now != Now::Over =>
            {
                usize::MAX
            }
            _ => 0,
        }
    }

    /// The connection is lost both ways, seen while nobody read: the next
    /// calls of `next` give each open request its `Done`.
    pub fn cancel(&mut self) {
        if self.now != Now::Over {
            self.stop_reading(Some(Error::Eof));
        }
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Receive for Client<S> {
    type Event<'i> = Event<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Event<'i>>, Error> {
        self.step(input)
    }

    fn eof<'i>(&mut self) -> Result<Next<Event<'i>>, Error> {
        self.half_close()
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Status for Client<S> {
    fn phase(&self) -> Phase {
        if self.sending != 0 {
            Phase::Body
        } else if self.active != 0 || self.query == Query::Waiting {
            Phase::Response
        } else if self.after() == After::Close {
            Phase::Closing
        } else {
            Phase::Idle
        }
    }

    fn after(&self) -> After {
        if self.now == Now::Over || (!self.takes() && self.active == 0) {
            After::Close
        } else {
            After::Keep
        }
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Machine for Client<S> {
    type Ext<'i> = Ext;

    fn free(&self) -> usize {
        self.free()
    }

    fn open<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.begin(Role::Responder, self.keep, fields, length, room)
    }

    fn credit(&self, id: Id) -> usize {
        self.credit(id)
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.body(id, payload)
    }

    /// STDIN has no trailers.
    fn body_end<'b, 'f, I>(
        &mut self,
        id: Id,
        _trailers: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.body_end(id)
    }

    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.abort(id)
    }

    fn cancel(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests;
