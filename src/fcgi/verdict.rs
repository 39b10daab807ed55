//! What an authorizer decided. FastCGI 1.0, 6.3.

use crate::event::{Cut, Ending, Field, Response};
use crate::fcgi::client::Ext;

/// Names of variables begin so in an authorizer's answer. FastCGI 1.0, 6.3.
const PREFIX: &[u8] = b"Variable-";

/// What the answer of an authorizer comes to, from its events. Fails closed:
/// access is given for one sequence of events alone.
///
/// ```
/// use vestibule::fcgi::Verdict;
/// use vestibule::{Ending, Field, Id, Length, Response};
/// let id = Id::SOLE;
/// let mut verdict = Verdict::new(id);
/// verdict.observe(&Response::Field { id, field: Field::header(b"Status", b"200") });
/// verdict.observe(&Response::HeadEnd { id, status: 200, length: Length::Unknown });
/// verdict.observe(&Response::BodyEnd { id });
/// assert!(!verdict.allowed());
/// let ending = Ending::Complete { app_status: 0, output_ended: true };
/// verdict.observe(&Response::Done { id, reuse: true, retry_safe: false, ending });
/// assert!(verdict.allowed());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    id: crate::Id,
    field: bool,
    status: Option<u16>,
    outcome: Outcome,
}

/// What an authorizer's answer came to.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Not known before `Done`.
    Pending,
    /// The request may go on, with the [`variable`](Verdict::variable)s.
    Allowed,
    /// It may not; status, fields and body are for the client.
    Denied {
        /// Not 200.
        status: u16,
    },
    /// No valid answer: the request may not go on. 500 or 502.
    Error,
}

impl Verdict {
    /// For the request `id`; events of others are ignored.
    pub const fn new(id: crate::Id) -> Self {
        Verdict {
            id,
            field: false,
            status: None,
            outcome: Outcome::Pending,
        }
    }

    /// Takes the next event.
    pub fn observe(&mut self, event: &Response<'_, Ext>) {
        match event {
            Response::Field { id, field } if *id == self.id => {
                self.field |= matches!(field.cut, Cut::Whole | Cut::Last);
            }
            // The fields so far were its own.
            Response::Interim { id, .. } if *id == self.id => self.field = false,
            Response::HeadEnd { id, status, .. } if *id == self.id => {
                self.status = (self.status.is_none() && self.field).then_some(*status);
            }
            // The first one counts: the id may be used again.
            Response::Done { id, ending, .. }
                if *id == self.id && self.outcome == Outcome::Pending =>
            {
                self.outcome = match (ending, self.status) {
                    (Ending::Complete { app_status: 0, .. }, Some(200)) => Outcome::Allowed,
                    (Ending::Complete { app_status: 0, .. }, Some(status)) => {
                        Outcome::Denied { status }
                    }
                    _ => Outcome::Error,
                };
            }
            _ => {}
        }
    }

    /// What it came to.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether the request may go on.
    pub const fn allowed(&self) -> bool {
        matches!(self.outcome, Outcome::Allowed)
    }

    /// The variable that a whole field of the answer sets for the request that
    /// was allowed: the name behind `Variable-`, whatever its case, taken as
    /// it is, and the value. `None` for other fields, pieces, and no name.
    ///
    /// ```
    /// use vestibule::Field;
    /// use vestibule::fcgi::Verdict;
    /// let field = Field::header(b"variable-AUTH_METHOD", b"db");
    /// assert_eq!(Verdict::variable(&field), Some((&b"AUTH_METHOD"[..], &b"db"[..])));
    /// assert_eq!(Verdict::variable(&Field::header(b"Variable", b"x")), None);
    /// ```
    pub fn variable<'f>(field: &Field<'f>) -> Option<(&'f [u8], &'f [u8])> {
        let (prefix, name) = field.name.split_at_checked(PREFIX.len())?;
        (field.cut == Cut::Whole && prefix.eq_ignore_ascii_case(PREFIX) && !name.is_empty())
            .then(|| (name, field.trimmed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::event::{Id, Length, Rejection};

    const ID: Id = Id::SOLE;
    const GOOD: Ending = Ending::Complete {
        app_status: 0,
        output_ended: true,
    };

    fn field<'f>() -> Response<'f, Ext> {
        Response::Field {
            id: ID,
            field: Field::header(b"A", b"b"),
        }
    }

    fn head<'f>(status: u16) -> Response<'f, Ext> {
        Response::HeadEnd {
            id: ID,
            status,
            length: Length::Unknown,
        }
    }

    fn done<'f>(ending: Ending) -> Response<'f, Ext> {
        Response::Done {
            id: ID,
            reuse: true,
            retry_safe: false,
            ending,
        }
    }

    fn judge(events: &[Response<'_, Ext>]) -> Outcome {
        let mut verdict = Verdict::new(ID);
        for event in events {
            assert!(!verdict.allowed());
            verdict.observe(event);
        }
        verdict.outcome()
    }

    #[test]
    fn one_sequence_allows() {
        assert_eq!(judge(&[field(), head(200), done(GOOD)]), Outcome::Allowed);
        assert_eq!(
            judge(&[field(), head(401), done(GOOD)]),
            Outcome::Denied { status: 401 }
        );
    }

    #[test]
    fn all_else_fails_closed() {
        assert_eq!(judge(&[field(), head(200)]), Outcome::Pending);
        assert_eq!(judge(&[field(), done(GOOD)]), Outcome::Error);
        assert_eq!(judge(&[head(200), done(GOOD)]), Outcome::Error);
        for ending in [
            Ending::Complete {
                app_status: 1,
                output_ended: true,
            },
            Ending::Unconfirmed,
            Ending::Truncated,
            Ending::Rejected(Rejection::Overloaded),
            Ending::Failed(Error::NoResponse),
            Ending::Aborted,
        ] {
            assert_eq!(judge(&[field(), head(200), done(ending)]), Outcome::Error);
            assert_eq!(judge(&[field(), head(403), done(ending)]), Outcome::Error);
        }
        let redirect = Response::Ext(Ext::LocalRedirect { id: ID });
        assert_eq!(judge(&[field(), redirect, done(GOOD)]), Outcome::Error);
        // Not by another request's events, and not after the verdict.
        let other = Response::Done {
            id: Id::new(2).unwrap(),
            reuse: true,
            retry_safe: false,
            ending: GOOD,
        };
        assert_eq!(judge(&[field(), head(200), other]), Outcome::Pending);
        assert_eq!(
            judge(&[done(GOOD), field(), head(200), done(GOOD)]),
            Outcome::Error
        );
        // Fields of an interim head are not those of the answer.
        let interim = Response::Interim {
            id: ID,
            status: 100,
        };
        assert_eq!(
            judge(&[field(), interim, head(200), done(GOOD)]),
            Outcome::Error
        );
    }
}
