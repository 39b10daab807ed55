//! What the parser learns of a head line that is taken byte by byte.

use super::{State, fact};
use crate::cgi::known;
use crate::cgi::rules::{FirstLine, Rules};
use crate::error::Error;
use crate::text::lines::{Course, Watch};
use crate::text::status;

/// What the cold path tells the state.
pub(super) struct Watcher<'a> {
    pub state: &'a mut State,
    pub rules: &'a Rules,
}

impl Watch for Watcher<'_> {
    #[inline]
    fn byte(&mut self, byte: u8) -> Result<(), Error> {
        let state = &mut *self.state;
        if state.head >= self.rules.limits.head_bytes {
            return Err(Error::HeadTooLong);
        }
        if state.line >= self.rules.line_bytes {
            return Err(Error::LineTooLong);
        }
        state.head = state.head.saturating_add(1);
        state.line = if byte == b'\n' {
            0
        } else {
            state.line.saturating_add(1)
        };
        Ok(())
    }

    fn room(&self) -> usize {
        let head = self.rules.limits.head_bytes.saturating_sub(self.state.head);
        let line = self.rules.line_bytes.saturating_sub(self.state.line);
        usize::try_from(head.min(line)).unwrap_or(usize::MAX)
    }

    fn run(&mut self, bytes: &[u8]) {
        let state = &mut *self.state;
        let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        state.head = state.head.saturating_add(n);
        state.line = state.line.saturating_add(n);
        if state.known != 0 {
            for byte in bytes {
                state.value(*byte);
            }
        }
    }

    fn begin(&mut self) -> Result<Course, Error> {
        let state = &mut *self.state;
        if state.fields >= self.rules.limits.fields {
            return Err(Error::TooManyFields);
        }
        let first = !state.has(fact::ONE);
        state.begin();
        state.at = 0;
        state.number = 0;
        state.known = known::ANY;
        if !first {
            state.known &= !known::HTTP;
        } else if self.rules.first() == FirstLine::StatusLine {
            return Ok(Course::Version);
        }
        Ok(Course::Field)
    }

    fn stray(&mut self) -> Result<(), Error> {
        if self.state.has(fact::ONE) {
            return Err(Error::Folding);
        }
        let _ = self.begin()?;
        if self.rules.ignores_bad_lines() {
            Ok(())
        } else {
            Err(Error::BadField)
        }
    }

    #[inline]
    fn name(&mut self, byte: u8) {
        let state = &mut *self.state;
        if state.known != 0 {
            state.known = known::narrow(state.known, state.at, byte);
            state.at = state.at.saturating_add(1);
        }
    }

    fn names(&mut self, bytes: &[u8]) {
        let n = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.state.head = self.state.head.saturating_add(n);
        self.state.line = self.state.line.saturating_add(n);
        for byte in bytes {
            self.name(*byte);
        }
    }

    fn bad_name(&mut self, byte: u8) -> Result<Course, Error> {
        let state = &mut *self.state;
        if byte == b'/' && state.known & known::HTTP != 0 && state.at == 4 {
            return match self.rules.first() {
                FirstLine::StatusField => Err(Error::StatusLine),
                _ => Ok(Course::Version),
            };
        }
        state.known = 0;
        if self.rules.ignores_bad_lines() {
            Ok(Course::Skip)
        } else {
            Err(Error::BadField)
        }
    }

    fn version(&mut self, byte: u8) -> Result<bool, Error> {
        let state = &mut *self.state;
        let last = status::version(state.at, byte).ok_or(Error::StatusLine)?;
        state.at = state.at.saturating_add(1);
        if last {
            state.facts |= fact::LINE;
            state.known = known::STATUS;
            state.at = 0;
        }
        Ok(last)
    }

    fn colon(&mut self) {
        let state = &mut *self.state;
        state.known = known::settle(state.known, state.at);
        state.at = 0;
    }

    #[inline]
    fn value(&mut self, byte: u8) {
        self.state.value(byte);
    }

    fn end(&mut self) -> Result<(), Error> {
        self.state.end(self.rules)
    }

    fn folds(&self) -> bool {
        self.rules.allows_folding()
    }
}
