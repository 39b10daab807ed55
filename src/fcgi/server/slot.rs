//! One active request, in a table that the caller lends.

use super::super::Role;
use super::super::pairs::Decoder;
use crate::error::Error;
use crate::event::{Cut, Field, Length};

/// The longest name that the machine itself looks at, and the length of both.
pub(super) const WATCHED: usize = 14;
const CONTENT_LENGTH: &[u8; WATCHED] = b"CONTENT_LENGTH";
const REQUEST_METHOD: &[u8; WATCHED] = b"REQUEST_METHOD";

/// Whether [`Slot::watch_whole`] would do anything: few requests have a body
/// or are HEAD.
#[inline]
pub(super) fn watched(name: &[u8], value: &[u8]) -> bool {
    !value.is_empty() && (name == CONTENT_LENGTH || (name == REQUEST_METHOD && value == b"HEAD"))
}

/// One-bit facts of a request.
pub(super) mod flag {
    pub const KEEP_CONN: u16 = 1;
    /// The method is HEAD.
    pub const HEAD: u16 = 1 << 1;
    pub const HEAD_SENT: u16 = 1 << 2;
    /// The answer has no body: what the application writes is dropped.
    pub const NO_BODY: u16 = 1 << 3;
    /// The answer's length is declared.
    pub const COUNTED: u16 = 1 << 4;
    pub const STDERR_USED: u16 = 1 << 5;
    /// The last event was given: ABORT_REQUEST, or the connection was lost.
    pub const ABORTED: u16 = 1 << 6;
    /// The last event was given: a fault.
    pub const SPOILT: u16 = 1 << 7;
    /// CONTENT_LENGTH was seen with a value.
    pub const LENGTH: u16 = 1 << 8;
    /// It was malformed, or two differed.
    pub const BAD_LENGTH: u16 = 1 << 9;
    /// The caller wants no other request after this one.
    pub const CLOSE_AFTER: u16 = 1 << 10;
    /// The caller wants no more of the body.
    pub const DISCARD: u16 = 1 << 11;
}

/// What a request waits for. FastCGI 1.0, 6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing: the slot is free.
    #[default]
    Free,
    Params,
    Stdin,
    Data,
    /// All input is there.
    Run,
}

/// A place for one active request. Lend as many as requests may run at once on
/// a connection.
///
/// ```
/// use vestibule::fcgi::{Server, Slot};
/// let one = Server::new([Slot::EMPTY; 1]);
/// let many = Server::new(vec![Slot::EMPTY; 64]);
/// # let _ = (one, many);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub(super) id: u16,
    pub(super) stage: Stage,
    pub(super) role: Role,
    flags: u16,
    /// Which watched names the name at hand may still be, and whether it is
    /// complete.
    watch: u8,
    /// Bytes of a watched name or value that matched so far.
    matched: u8,
    pub(super) pairs: Decoder,
    /// Bytes of PARAMS so far, as announced by record headers.
    pub(super) head: u32,
    /// Fields that may still begin.
    pub(super) fields_left: u32,
    /// Bytes of STDIN so far, as announced by record headers.
    pub(super) body: u64,
    /// CONTENT_LENGTH.
    pub(super) declared: u64,
    /// While the head comes: the value of the CONTENT_LENGTH at hand. Once it
    /// is complete: bytes of the answer still to be written.
    pub(super) left: u64,
}

const IS_LENGTH: u8 = 1;
const IS_METHOD: u8 = 2;
const COMPLETE: u8 = 4;
/// In `matched`: the value at hand is malformed, or is not HEAD.
const NO: u8 = 0xff;

impl Slot {
    /// A free slot.
    pub const EMPTY: Slot = Slot {
        id: 0,
        stage: Stage::Free,
        role: Role::Responder,
        flags: 0,
        watch: 0,
        matched: 0,
        pairs: Decoder::NEW,
        head: 0,
        fields_left: 0,
        body: 0,
        declared: 0,
        left: 0,
    };

    pub(super) fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn set(&mut self, flag: u16) {
        self.flags |= flag;
    }

    /// Whether input for it still makes events.
    pub(super) fn listens(&self) -> bool {
        !self.is(flag::ABORTED | flag::SPOILT)
    }

    /// Looks at a field that lies whole in the input, if it is one of those
    /// that the machine needs.
    pub(super) fn watch_whole(&mut self, name: &[u8], value: &[u8]) {
        if name == CONTENT_LENGTH {
            self.length_value(&mut 0, value);
            self.length_end();
        } else if name == REQUEST_METHOD && value == b"HEAD" {
            self.set(flag::HEAD);
        }
    }

    /// The same for a field in pieces.
    pub(super) fn watch(&mut self, field: &Field<'_>) {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            self.watch = IS_LENGTH | IS_METHOD;
            self.matched = 0;
        }
        if self.watch & !COMPLETE == 0 {
            return;
        }
        let mut matched = self.matched;
        if self.watch & COMPLETE == 0 {
            for byte in field.name {
                let at = usize::from(matched);
                if CONTENT_LENGTH.get(at) != Some(byte) {
                    self.watch &= !IS_LENGTH;
                }
                if REQUEST_METHOD.get(at) != Some(byte) {
                    self.watch &= !IS_METHOD;
                }
                matched = matched.saturating_add(1);
            }
            // No byte of a value comes before its name is complete.
            let ended = matches!(field.cut, Cut::Whole | Cut::Last) || !field.value.is_empty();
            if ended && usize::from(matched) != WATCHED {
                self.watch = 0;
            }
            if ended || usize::from(matched) > WATCHED {
                self.watch |= COMPLETE;
                matched = 0;
                self.left = 0;
            }
        }
        if self.watch == COMPLETE | IS_LENGTH {
            self.length_value(&mut matched, field.value);
        } else if self.watch == COMPLETE | IS_METHOD {
            for byte in field.value {
                let same = b"HEAD".get(usize::from(matched)) == Some(byte);
                matched = if same { matched.saturating_add(1) } else { NO };
            }
        }
        self.matched = matched;
        if matches!(field.cut, Cut::Whole | Cut::Last) {
            if self.watch == COMPLETE | IS_LENGTH {
                self.length_end();
            } else if self.watch == COMPLETE | IS_METHOD && matched == 4 {
                self.set(flag::HEAD);
            }
            self.watch = 0;
        }
    }

    /// Adds digits to `left`; `matched` says whether there was one, or worse.
    fn length_value(&mut self, matched: &mut u8, value: &[u8]) {
        if *matched == 0 {
            self.left = 0;
        }
        for byte in value {
            let digit = byte.wrapping_sub(b'0');
            let sum = self
                .left
                .checked_mul(10)
                .and_then(|n| n.checked_add(u64::from(digit)));
            match sum {
                Some(n) if digit < 10 && *matched != NO => {
                    self.left = n;
                    *matched = 1;
                }
                _ => *matched = NO,
            }
        }
        self.matched = *matched;
    }

    /// An empty value means the same as none. RFC 3875, 4.1.
    fn length_end(&mut self) {
        match self.matched {
            0 => {}
            NO => self.set(flag::BAD_LENGTH),
            _ if self.is(flag::LENGTH) && self.declared != self.left => self.set(flag::BAD_LENGTH),
            _ => {
                self.set(flag::LENGTH);
                self.declared = self.left;
            }
        }
        self.matched = 0;
    }

    /// The verdict at the end of PARAMS.
    pub(super) fn length(&self, body_bytes: u64) -> Result<Length, Error> {
        if !self.pairs.at_border() {
            Err(Error::BadPair)
        } else if self.is(flag::BAD_LENGTH) {
            Err(Error::ContentLength)
        } else if self.role == Role::Authorizer {
            Ok(Length::None)
        } else if !self.is(flag::LENGTH) {
            Ok(Length::Unknown)
        } else if self.declared > body_bytes {
            Err(Error::BodyTooLong)
        } else {
            Ok(Length::Known(self.declared))
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        Slot::EMPTY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one field in two pieces, at every place.
    fn cuts(name: &[u8], value: &[u8]) -> Vec<Slot> {
        let whole = [name, value].concat();
        let mut all = Vec::new();
        let mut slot = Slot::EMPTY;
        slot.watch_whole(name, value);
        all.push(slot);
        let mut slot = Slot::EMPTY;
        slot.watch(&Field::var(name, value));
        all.push(slot);
        for cut in 0..=whole.len() {
            let at = cut.min(name.len());
            let mut slot = Slot::EMPTY;
            let (a, b) = (&whole[at..cut], &whole[cut.max(name.len())..]);
            slot.watch(&Field {
                cut: Cut::First,
                ..Field::var(&name[..at], a)
            });
            slot.watch(&Field {
                cut: Cut::Last,
                ..Field::var(&name[at..], b)
            });
            all.push(slot);
        }
        all
    }

    #[test]
    fn lengths_whatever_the_cut() {
        for (value, expected) in [
            (&b"0"[..], Some(Some(0))),
            (b"", Some(None)),
            (b"00012", Some(Some(12))),
            (b"18446744073709551615", Some(Some(u64::MAX))),
            (b"18446744073709551616", None),
            (b"-1", None),
            (b"+5", None),
            (b" 5", None),
            (b"5 ", None),
            (b"0x5", None),
            (b"5,5", None),
        ] {
            for slot in cuts(b"CONTENT_LENGTH", value) {
                let seen = match slot.length(u64::MAX) {
                    Ok(Length::Known(n)) => Some(Some(n)),
                    Ok(_) => Some(None),
                    Err(_) => None,
                };
                assert_eq!(seen, expected, "{value:?}");
            }
        }
    }

    #[test]
    fn other_names_are_left_alone() {
        for name in [
            &b"CONTENT_LENGT"[..],
            b"CONTENT_LENGTHS",
            b"REQUEST_METHO",
            b"",
            b"REQUEST_SCHEME",
        ] {
            for slot in cuts(name, b"HEAD") {
                assert!(
                    !slot.is(flag::HEAD | flag::LENGTH | flag::BAD_LENGTH),
                    "{name:?}"
                );
            }
        }
    }

    #[test]
    fn head_whatever_the_cut() {
        for (value, head) in [
            (&b"HEAD"[..], true),
            (b"HEADS", false),
            (b"HEA", false),
            (b"head", false),
            (b"", false),
        ] {
            for slot in cuts(b"REQUEST_METHOD", value) {
                assert_eq!(slot.is(flag::HEAD), head, "{value:?}");
            }
        }
    }

    #[test]
    fn two_lengths() {
        let mut slot = Slot::EMPTY;
        slot.watch_whole(b"CONTENT_LENGTH", b"");
        slot.watch_whole(b"CONTENT_LENGTH", b"3");
        slot.watch_whole(b"CONTENT_LENGTH", b"03");
        assert_eq!(slot.length(9), Ok(Length::Known(3)));
        assert_eq!(slot.length(2), Err(Error::BodyTooLong));
        slot.watch_whole(b"CONTENT_LENGTH", b"4");
        assert_eq!(slot.length(9), Err(Error::ContentLength));
    }
}
