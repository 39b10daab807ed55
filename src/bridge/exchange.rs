//! One exchange: a request and its answer, on both sides.

use super::Back;
use super::pass::location;
use crate::error::Error;
use crate::event::{Ending, Id, Length, Rejection};
use crate::fields::Fields;

/// Where an exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// None is here.
    Vacant,
    /// The head of the request is being gathered.
    Head,
    /// It is complete; whether a body follows is to be seen.
    Bare,
    /// It is complete, and the caller was not asked yet.
    Complete,
    /// The caller is to say what becomes of it.
    Asked,
    /// It is to be passed on as soon as a back takes it.
    Waiting,
    /// It was passed on, or is being ended.
    Running,
    /// The caller answers.
    Taken,
}

/// What a step is to do as soon as it may, and what has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due(u16);

impl Due {
    pub const NONE: Due = Due(0);
    /// The end of the request's body is to be passed on.
    pub const BODY_END: Due = Due(1);
    /// The front is to be told that more of the body can be taken.
    pub const DEMAND: Due = Due(2);
    /// What runs behind is to be aborted.
    pub const ABORT: Due = Due(4);
    /// An interim head is to be passed on.
    pub const INTERIM: Due = Due(8);
    /// The head of the answer is to be passed on.
    pub const HEAD: Due = Due(16);
    /// The answer is to be finished.
    pub const FINISH: Due = Due(32);
    /// Bytes of the request's body were passed on, or dropped: it cannot be
    /// sent again.
    pub const MOVED: Due = Due(64);
    /// The head of the answer was passed on.
    pub const HEADED: Due = Due(128);
    /// The request was read to its end.
    pub const ENDED: Due = Due(256);
    /// The end of the request's body was passed on before.
    pub const BODY_ENDED: Due = Due(512);

    pub const fn has(self, other: Due) -> bool {
        self.0 & other.0 != 0
    }

    pub fn set(&mut self, other: Due) {
        self.0 |= other.0;
    }

    pub fn clear(&mut self, other: Due) {
        self.0 &= !other.0;
    }

    /// What of both sides is not said any more to an exchange that fails.
    const UNSAID: Due =
        Due(Self::INTERIM.0 | Self::HEAD.0 | Self::FINISH.0 | Self::DEMAND.0 | Self::BODY_END.0);
    /// What is not due without a back.
    const BEHIND: Due = Due(Self::ABORT.0 | Self::BODY_END.0 | Self::DEMAND.0);

    /// Whether a field store of the answer waits to be passed on.
    pub const fn holds(self) -> bool {
        self.has(Due(Self::INTERIM.0 | Self::HEAD.0))
    }
}

/// Which exchange behind: the place of the back, which connection in that
/// place, and the id there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    pub at: usize,
    pub serial: u32,
    pub id: Id,
}

impl Behind {
    /// The back, if it is still there.
    pub fn find<K>(self, backs: &mut [Option<Back<K>>]) -> Option<&mut Back<K>> {
        let back = backs.get_mut(self.at)?.as_mut()?;
        (back.serial == self.serial).then_some(back)
    }
}

/// What an exchange came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum End {
    /// A whole answer was passed on, or given by the caller.
    Complete,
    /// It was refused, or cut, for this reason.
    Failed(Error),
    /// Nobody listened any more.
    Aborted,
}

/// Storage for one exchange, and what is known of it.
///
/// ```
/// use vestibule::bridge::{End, Exchange};
/// use vestibule::{Field, Fields, Length};
/// // A request's head in 4 KiB, an answer's in 1 KiB, both lent.
/// let (mut a, mut b) = (vec![0; 4096], vec![0; 1024]);
/// let mut exchange = Exchange::new(Fields::new(&mut a[..]), Fields::new(&mut b[..]));
/// assert_eq!((exchange.status(), exchange.sent(), exchange.attempts()), (0, 0, 0));
/// assert_eq!((exchange.front(), exchange.length()), (None, Length::None));
/// assert_eq!(exchange.end(), End::Complete);
/// exchange.request_mut().push(Field::var(b"REMOTE_ADDR", b"::1"))?;
/// assert_eq!(exchange.request().iter().count(), 1);
/// # Ok::<(), vestibule::Overflow>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Exchange<B: AsRef<[u8]> + AsMut<[u8]>> {
    pub(super) request: Fields<B>,
    pub(super) answer: Fields<B>,
    /// While its answer is owed.
    pub(super) front: Option<Id>,
    /// Until its end behind.
    pub(super) back: Option<Behind>,
    pub(super) stage: Stage,
    pub(super) due: Due,
    pub(super) length: Length,
    /// To be answered so.
    pub(super) error: Option<Error>,
    pub(super) end: End,
    /// Of the answer, or of the interim one that is due.
    pub(super) status: u16,
    pub(super) answer_length: Length,
    pub(super) sent: u64,
    pub(super) attempts: u8,
    /// How many backs there were when a connection was asked for, and how many
    /// had been used: the same number may be of others.
    pub(super) asked: Option<(usize, u32)>,
    /// One that was here before, and is to be aborted when that can be said.
    pub(super) owed: Option<Behind>,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Exchange<B> {
    /// With storage for both heads, empty or not.
    pub const fn new(request: Fields<B>, answer: Fields<B>) -> Self {
        Exchange {
            request,
            answer,
            front: None,
            back: None,
            stage: Stage::Vacant,
            due: Due::NONE,
            length: Length::None,
            error: None,
            end: End::Complete,
            status: 0,
            answer_length: Length::None,
            sent: 0,
            attempts: 0,
            asked: None,
            owed: None,
        }
    }

    /// The head of the request, and its trailers behind it.
    pub const fn request(&self) -> &Fields<B> {
        &self.request
    }

    /// The same, to be changed after [`Step::Head`](super::Step::Head).
    pub fn request_mut(&mut self) -> &mut Fields<B> {
        &mut self.request
    }

    /// The head of the answer, and its trailers behind it.
    pub const fn answer(&self) -> &Fields<B> {
        &self.answer
    }

    /// The same, for storage that grows.
    pub fn answer_mut(&mut self) -> &mut Fields<B> {
        &mut self.answer
    }

    /// Which exchange of the server machine, while its answer is owed.
    pub const fn front(&self) -> Option<Id> {
        self.front
    }

    /// How the body of the request is framed.
    pub const fn length(&self) -> Length {
        self.length
    }

    /// The status that was sent to the front; 0 where none was.
    pub const fn status(&self) -> u16 {
        if self.due.has(Due::HEADED) {
            self.status
        } else {
            0
        }
    }

    /// Bytes of body that were passed to the front.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// How many backs it was given to.
    pub const fn attempts(&self) -> u8 {
        self.attempts
    }

    /// What it came to, once it is over.
    pub const fn end(&self) -> End {
        self.end
    }

    /// What the caller answered, of an exchange that it took.
    pub fn set_sent(&mut self, status: u16, bytes: u64) {
        self.status = status;
        self.sent = bytes;
        self.due.set(Due::HEADED);
    }

    pub(super) fn begin(&mut self, id: Id) {
        self.request.clear();
        self.answer.clear();
        self.front = Some(id);
        self.back = None;
        self.stage = Stage::Head;
        self.due = Due::NONE;
        self.length = Length::None;
        self.error = None;
        self.end = End::Complete;
        self.status = 0;
        self.answer_length = Length::None;
        self.sent = 0;
        self.attempts = 0;
        self.asked = None;
    }

    /// Ends it on both sides, as soon as may be.
    pub(super) fn fail(&mut self, error: Error) {
        if self.stage == Stage::Vacant {
            return;
        }
        self.stage = Stage::Running;
        self.due.clear(Due::UNSAID);
        // Behind an answer that was finished there is nothing to be said.
        if self.front.is_some() {
            if self.end == End::Complete {
                self.end = End::Failed(error);
            }
            self.error.get_or_insert(error);
        }
        if self.back.is_some() {
            self.due.set(Due::ABORT);
        }
    }

    /// The same, where nobody listens any more.
    pub(super) fn abandon(&mut self) {
        self.fail(Error::Eof);
        if self.front.is_some() {
            self.end = End::Aborted;
        }
    }

    /// The last event of the answer. `attempts`: how many there may be.
    pub(super) fn done(
        &mut self,
        retry_safe: bool,
        ending: Ending,
        reason: Option<Error>,
        attempts: u8,
    ) {
        self.back = None;
        self.due.clear(Due::BEHIND);
        if self.front.is_none() || self.error.is_some() {
            return;
        }
        let headed = self.due.has(Due::HEADED) || self.due.holds();
        // What took too long may be at it still.
        let late = matches!(reason, Some(Error::UpstreamTimeout));
        let again = retry_safe && !late && !self.due.has(Due::MOVED) && self.attempts < attempts;
        match ending {
            // Trailers were lost.
            Ending::Complete { .. } if headed && self.answer.overflowed() => {
                self.fail(Error::Upstream);
            }
            Ending::Complete { .. } if headed => self.due.set(Due::FINISH),
            // An answer that is whole without a head is a redirect inside the
            // server; the client is sent to where it leads. RFC 3875, 6.2.2.
            Ending::Complete { .. } if location(self.answer.iter()).is_some() => {
                self.status = 302;
                self.answer_length = Length::None;
                self.due.set(Due::HEAD);
                self.due.set(Due::FINISH);
            }
            _ if again && !headed => {
                // An end that was passed on goes out again, behind the head.
                self.due.clear(Due::BODY_ENDED);
                if self.due.has(Due::ENDED) && self.length != Length::None {
                    self.due.set(Due::BODY_END);
                }
                self.answer.clear();
                self.asked = None;
                self.stage = Stage::Waiting;
            }
            ending => self.fail(blame(ending, reason)),
        }
    }
}

/// What the front is told of an answer that cannot be had.
fn blame(ending: Ending, reason: Option<Error>) -> Error {
    match (reason, ending) {
        // Others would be taken for the client's fault.
        (Some(error), _) if error.status() >= 500 => error,
        (None, Ending::Rejected(Rejection::Overloaded)) => Error::Overloaded,
        _ => Error::Upstream,
    }
}
