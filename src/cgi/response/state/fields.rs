//! What the known fields of a head say.

use super::{State, fact};
use crate::cgi::known;
use crate::cgi::rules::Rules;
use crate::error::Error;
use crate::text::status;

const BAD: u8 = u8::MAX;

impl State {
    /// A known field, whole. False, and nothing is changed, where it is an
    /// error.
    #[inline(never)]
    pub(super) fn means(&mut self, rules: &Rules, known: u8, value: &[u8]) -> bool {
        let mut next = *self;
        next.at = 0;
        next.number = 0;
        next.known = known;
        if matches!(known, known::STATUS | known::LENGTH | known::LOCATION) {
            for byte in value {
                next.value(*byte);
            }
        }
        let good = next.end(rules).is_ok();
        if good {
            *self = next;
        }
        good
    }

    /// A byte of a known field's value.
    pub(super) fn value(&mut self, byte: u8) {
        match self.known {
            known::STATUS => status::value::byte(&mut self.at, &mut self.number, byte),
            known::LENGTH => {
                // 1: in the digits; 2: in blanks after them.
                self.at = match (self.at, byte) {
                    (0 | 1, b'0'..=b'9') => {
                        let digit = u64::from(byte.wrapping_sub(b'0'));
                        match self
                            .number
                            .checked_mul(10)
                            .and_then(|n| n.checked_add(digit))
                        {
                            Some(n) => {
                                self.number = n;
                                1
                            }
                            None => BAD,
                        }
                    }
                    (1 | 2, b' ' | b'\t') => 2,
                    _ => BAD,
                };
            }
            known::LOCATION => {
                match (self.at, byte) {
                    (0, _) => {
                        self.facts |= fact::REDIRECT;
                        if byte == b'/' {
                            self.facts |= fact::LOCAL;
                        }
                    }
                    // Browsers take a backslash for a slash.
                    (1, b'/' | b'\\') => self.facts &= !fact::LOCAL,
                    _ => {}
                }
                self.at = self.at.saturating_add(1);
            }
            _ => {}
        }
    }

    /// A known field is complete.
    pub(super) fn end(&mut self, rules: &Rules) -> Result<(), Error> {
        match self.known {
            known::STATUS => {
                let status = status::value::end(self.at, self.number).ok_or(Error::BadStatus)?;
                match status {
                    101 => return Err(Error::Interim(101)),
                    100..=199 if !rules.allows_interim() => return Err(Error::Interim(status)),
                    600..=999 if rules.allows_any_status() => {}
                    100..=599 => {}
                    _ => return Err(Error::BadStatus),
                }
                if !self.once(fact::STATUS) {
                    self.status = status;
                } else if !rules.takes_first_status() {
                    return Err(Error::DuplicateField);
                }
            }
            known::TYPE => return self.only_one(rules, fact::TYPE),
            known::LOCATION => return self.only_one(rules, fact::LOCATION),
            known::LENGTH => {
                if !matches!(self.at, 1 | 2) {
                    return Err(Error::ContentLength);
                }
                if self.once(fact::LENGTH) && self.length != self.number {
                    return Err(Error::ContentLength);
                }
                self.length = self.number;
            }
            known::CODING => return Err(Error::TransferEncoding),
            _ => {}
        }
        Ok(())
    }

    fn only_one(&mut self, rules: &Rules, fact: u16) -> Result<(), Error> {
        if self.once(fact) && !rules.allows_repeats() {
            Err(Error::DuplicateField)
        } else {
            Ok(())
        }
    }

    /// Notes the fact; whether it was one already.
    fn once(&mut self, fact: u16) -> bool {
        let before = self.has(fact);
        self.facts |= fact;
        before
    }
}
