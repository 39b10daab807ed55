//! The web server's side of a connection that carries one request.

mod delegate;
mod input;
mod output;

use crate::cgi::meta::Mapping;
use crate::cgi::response::{Rules, State};
use crate::error::{Error, Refused};
use crate::machine::{After, Status};
use crate::time::Phase;

pub(crate) use delegate::delegate_client;

/// Where reading stands. The reading half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// No request was sent.
    Idle,
    /// No byte of the answer has come.
    Await,
    Head,
    /// The head of the answer is complete.
    Body,
    /// The answer is complete; `Done` is owed.
    Done,
    /// In place of a request something of the protocol's own was sent, and the
    /// protocol reads what comes.
    Diverted,
    /// `Done` was given.
    Over,
    /// Nothing is read any more.
    Lost(Error),
}

/// Where the request stands. The writing half moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Idle,
    /// The head was sent; so much of the body is still to be sent.
    Body(u64),
    /// The request was sent whole.
    Done,
    /// It was given up.
    Aborted,
}

/// A client machine, of any protocol here: they differ in what goes out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Core {
    rules: Rules,
    /// How header fields become variables.
    mapping: Mapping,
    answer: State,
    reading: Reading,
    writing: Writing,
    /// The transport is gone, or to be closed at once.
    broken: bool,
}

impl Core {
    pub(crate) const fn new(rules: Rules) -> Self {
        Core {
            rules,
            mapping: Mapping::GATEWAY,
            answer: State::new(false),
            reading: Reading::Idle,
            writing: Writing::Idle,
            broken: false,
        }
    }

    /// Uses the connection for something of the protocol's own, in place of a
    /// request.
    pub(crate) fn divert(&mut self) -> Result<(), Refused> {
        if self.free() == 0 {
            return Err(Refused::Full);
        }
        self.reading = Reading::Diverted;
        Ok(())
    }

    /// Whether that is under way, so that the protocol is to read.
    #[inline]
    pub(crate) fn diverted(&self) -> bool {
        self.reading == Reading::Diverted && !self.broken
    }

    /// It is over, or came to an error.
    pub(crate) fn conclude(&mut self, error: Option<Error>) {
        self.reading = match error {
            None => Reading::Over,
            Some(error) => Reading::Lost(error),
        };
    }
}

impl Status for Core {
    fn phase(&self) -> Phase {
        match (self.reading, self.writing) {
            (Reading::Lost(_) | Reading::Over, _) => Phase::Closing,
            (Reading::Idle, _) => Phase::Idle,
            (Reading::Await, Writing::Body(_)) => Phase::Body,
            (Reading::Head, _) => Phase::Head,
            (Reading::Await | Reading::Body | Reading::Done, _) => Phase::Response,
            (Reading::Diverted, _) => Phase::Response,
        }
    }

    fn after(&self) -> After {
        match self.reading {
            Reading::Lost(_) | Reading::Over => After::Close,
            _ if self.broken => After::Close,
            _ => After::Keep,
        }
    }
}
