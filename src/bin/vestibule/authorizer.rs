//! A FastCGI Authorizer, asked before anything else. FastCGI 1.0, 6.3.

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use vestibule::adapt::{Call, Called};
use vestibule::cgi::response::forwardable;
use vestibule::fcgi::{self, Role};
use vestibule::{Cut, Ending, Error, Field, Length, Response, Timeouts};

use crate::backs::{Back, Backs};
use crate::endpoint::Address;

/// Longest refusal that is passed on, in bytes.
const BODY: usize = 1 << 20;

/// What an authorizer is not told.
const WITHHELD: [&[u8]; 4] = [
    b"CONTENT_LENGTH",
    b"PATH_INFO",
    b"PATH_TRANSLATED",
    b"SCRIPT_NAME",
];

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// What it says.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on, with these variables.
    Granted(Lines),
    /// The answer for who asked.
    Refused {
        status: u16,
        fields: Lines,
        body: Vec<u8>,
    },
}

pub struct Authorizer {
    backs: Backs<fcgi::Client>,
    timeouts: Timeouts,
}

impl Authorizer {
    pub fn new(address: Address, timeouts: Timeouts) -> Self {
        let timeout = Duration::from_millis(u64::from(timeouts.response));
        Authorizer {
            backs: Backs::new(address, timeout, fcgi::Client::default),
            timeouts,
        }
    }

    /// Asks. Whatever goes wrong lets nobody in.
    pub fn ask(&self, vars: &[(&[u8], &[u8])]) -> Result<Verdict, Error> {
        let upstream = |error: io::Error| {
            self.backs.complain(&error);
            match error.kind() {
                io::ErrorKind::TimedOut => Error::UpstreamTimeout,
                _ => Error::Upstream,
            }
        };
        if let Some(back) = self.backs.kept() {
            match self.ask_at(back, vars) {
                Ok(Asked::Said(verdict)) => return Ok(verdict),
                // Closed meanwhile, as kept connections are.
                Ok(Asked::Again) => {}
                Err(error) => return Err(error),
            }
        }
        let back = self.backs.connect().map_err(upstream)?;
        match self.ask_at(back, vars)? {
            Asked::Said(verdict) => Ok(verdict),
            Asked::Again => Err(Error::Upstream),
        }
    }

    fn ask_at(
        &self,
        mut back: Back<fcgi::Client>,
        vars: &[(&[u8], &[u8])],
    ) -> Result<Asked, Error> {
        let told = vars.iter().filter(|v| !WITHHELD.contains(&v.0));
        let fields = told.map(|(name, value)| Field::var(name, value));
        let size: usize = vars.iter().map(|(n, v)| n.len() + v.len() + 8).sum();
        let mut room = vec![0; size + 1024];
        let opened = back
            .client
            .begin(Role::Authorizer, true, fields, Length::None, &mut room);
        let (id, head) = opened.map_err(|_| Error::Internal)?;
        let call = Call {
            id,
            head,
            buf: &mut vec![0; 16 * 1024],
            timeouts: self.timeouts,
        };
        let mut answer = Answer::default();
        let (mut reader, mut writer) = (&back.stream, &back.stream);
        let called = call.run(
            &mut back.client,
            &mut reader,
            &mut writer,
            None::<&[u8]>,
            |event| {
                answer.take(event);
                Ok(ControlFlow::Continue(()))
            },
        );
        let again = back.used && answer.retry_safe;
        match called {
            Ok(Called::Done { reuse }) if answer.complete => {
                if reuse {
                    self.backs.keep(back.stream, back.client);
                }
                answer.verdict().map(Asked::Said)
            }
            Ok(Called::TimedOut(_)) => Err(Error::UpstreamTimeout),
            _ if again => Ok(Asked::Again),
            _ => Err(Error::Upstream),
        }
    }
}

enum Asked {
    Said(Verdict),
    /// The request cannot have been seen: it may be asked elsewhere.
    Again,
}

/// The answer, as it comes.
#[derive(Default)]
struct Answer {
    status: u16,
    fields: Lines,
    body: Vec<u8>,
    complete: bool,
    retry_safe: bool,
    /// Nothing that can be passed on.
    spoilt: bool,
}

impl Answer {
    fn take<X>(&mut self, event: Response<'_, X>) {
        match event {
            Response::Field { field, .. } => {
                if matches!(field.cut, Cut::Whole | Cut::First) {
                    self.fields.push((Vec::new(), Vec::new()));
                }
                if let Some((name, value)) = self.fields.last_mut() {
                    name.extend_from_slice(field.name);
                    value.extend_from_slice(field.value);
                }
            }
            Response::HeadEnd { status, .. } => self.status = status,
            Response::Body { bytes, .. } => {
                self.body.extend_from_slice(bytes);
                if self.body.len() > BODY {
                    self.spoilt = true;
                    self.body.clear();
                }
            }
            Response::Done {
                retry_safe, ending, ..
            } => {
                self.retry_safe = retry_safe;
                self.complete = matches!(ending, Ending::Complete { .. });
            }
            // A redirect inside the server is no verdict.
            Response::Ext(_) => self.spoilt = true,
            Response::Interim { .. } => self.fields.clear(),
            Response::BodyEnd { .. } | Response::Log { .. } | Response::Demand { .. } => {}
        }
    }

    fn verdict(self) -> Result<Verdict, Error> {
        if self.spoilt || self.status == 0 {
            return Err(Error::Upstream);
        }
        let trimmed = |(name, value): (Vec<u8>, Vec<u8>)| (name, value.trim_ascii().to_vec());
        let fields = self.fields.into_iter().map(trimmed);
        if self.status != 200 {
            return Ok(Verdict::Refused {
                status: self.status,
                fields: fields
                    .filter(|f| forwardable(&f.0) && variable(&f.0).is_none())
                    .collect(),
                body: self.body,
            });
        }
        let given = fields.filter_map(|(name, value)| Some((variable(&name)?.to_vec(), value)));
        let named = given.filter(|(name, _)| !name.is_empty());
        Ok(Verdict::Granted(named.collect()))
    }
}

/// The variable that a field of the answer stands for.
fn variable(name: &[u8]) -> Option<&[u8]> {
    let (prefix, name) = name.split_at_checked(9)?;
    prefix.eq_ignore_ascii_case(b"Variable-").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule::Id;

    fn said(status: u16, fields: &[(&str, &str)], body: &[u8]) -> Result<Verdict, Error> {
        let mut answer = Answer::default();
        let id = Id::SOLE;
        for (name, value) in fields {
            let field = Field::header(name.as_bytes(), value.as_bytes());
            answer.take::<()>(Response::Field { id, field });
        }
        let length = Length::Unknown;
        answer.take::<()>(Response::HeadEnd { id, status, length });
        for bytes in body.chunks(1000) {
            answer.take::<()>(Response::Body { id, bytes });
        }
        answer.verdict()
    }

    #[test]
    fn verdicts() {
        let lines = |pairs: &[(&str, &str)]| -> Lines {
            let owned = |(n, v): &(&str, &str)| (n.as_bytes().to_vec(), v.as_bytes().to_vec());
            pairs.iter().map(owned).collect()
        };
        let fields = [
            ("variable-USER", " demo "),
            ("Variable-", "x"),
            ("X", "y"),
            ("Status", "200"),
        ];
        let granted = said(200, &fields, b"ignored").unwrap();
        assert_eq!(granted, Verdict::Granted(lines(&[("USER", "demo")])));
        let refused = Verdict::Refused {
            status: 401,
            fields: lines(&[("X", "y")]),
            body: b"who?".to_vec(),
        };
        assert_eq!(said(401, &fields, b"who?").unwrap(), refused);
        assert_eq!(said(403, &[], &vec![0; BODY + 1]), Err(Error::Upstream));
        assert_eq!(Answer::default().verdict(), Err(Error::Upstream));
        let mut redirect = Answer::default();
        redirect.take(Response::Ext(()));
        assert_eq!(redirect.verdict(), Err(Error::Upstream));
    }
}
