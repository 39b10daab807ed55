//! What the header fields of a request say of its body, read from their
//! pieces. RFC 9110, 8.6; RFC 9112, 6.

use crate::error::Error;
use crate::event::{Cut, Field, Length};

const NAMES: [(u8, &[u8]); 3] = [
    (Facts::LENGTH, b"content-length"),
    (Facts::CODING, b"transfer-encoding"),
    (Facts::HOST, b"host"),
];

/// The facts, and the field at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Fields that came; those that came twice; those that are malformed.
    seen: u8,
    twice: u8,
    bad: u8,
    /// What the field at hand is; 0 while its name is not complete.
    kind: u8,
    /// What its name may still be, and how much of it came.
    may: u8,
    name_len: u8,
    /// How far its value is.
    at: u8,
    /// Content-Length.
    length: u64,
}

/// Of a value: only blanks may come any more.
const TRAIL: u8 = 0xfe;

impl Facts {
    const LENGTH: u8 = 1;
    const CODING: u8 = 2;
    const HOST: u8 = 4;
    /// Any other field.
    const OTHER: u8 = 8;

    pub const NONE: Facts = Facts {
        seen: 0,
        twice: 0,
        bad: 0,
        kind: 0,
        may: 0,
        name_len: 0,
        at: 0,
        length: 0,
    };

    /// Looks at a whole field.
    #[inline(always)]
    pub fn whole(&mut self, field: &Field<'_>) {
        if matches!(field.name.len(), 4 | 14 | 17) {
            self.look(field);
        }
    }

    #[inline(never)]
    fn look(&mut self, field: &Field<'_>) {
        self.kind = kind(field.name);
        self.begin();
        self.value(field.value);
        self.end();
    }

    /// Looks at a field or a piece of one.
    #[cold]
    pub fn piece(&mut self, field: &Field<'_>) {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            self.kind = 0;
            self.may = Facts::LENGTH | Facts::CODING | Facts::HOST;
            self.name_len = 0;
        }
        for byte in field.name {
            let at = usize::from(self.name_len);
            for (kind, name) in NAMES {
                if name.get(at) != Some(&byte.to_ascii_lowercase()) {
                    self.may &= !kind;
                }
            }
            self.name_len = self.name_len.saturating_add(1);
        }
        let last = matches!(field.cut, Cut::Whole | Cut::Last);
        // No byte of a value comes before its name is complete.
        if self.kind == 0 && (last || !field.value.is_empty()) {
            let whole = |(kind, name): &(u8, &[u8])| {
                self.may & kind != 0 && name.len() == usize::from(self.name_len)
            };
            let known = NAMES.iter().find(|known| whole(known));
            self.kind = known.map_or(Facts::OTHER, |known| known.0);
            self.begin();
        }
        self.value(field.value);
        if last {
            self.end();
        }
    }

    fn begin(&mut self) {
        self.twice |= self.seen & self.kind;
        self.seen |= self.kind;
        self.at = 0;
        if self.kind == Facts::LENGTH {
            self.length = 0;
        }
    }

    fn value(&mut self, value: &[u8]) {
        if !matches!(self.kind, Facts::LENGTH | Facts::CODING) {
            return;
        }
        for byte in value {
            let at = match (byte, self.at) {
                (b' ' | b'\t', 0) => Some(0),
                (b' ' | b'\t', _) => Some(TRAIL),
                (_, TRAIL) => None,
                _ if self.kind == Facts::LENGTH => self.digit(*byte),
                (_, at) => {
                    let same = b"chunked".get(usize::from(at)) == Some(&byte.to_ascii_lowercase());
                    same.then_some(at.saturating_add(1))
                }
            };
            // A coding that ends early would be told by its end alone.
            let early = self.kind == Facts::CODING && at == Some(TRAIL) && !self.complete();
            match at {
                Some(at) if !early => self.at = at,
                _ => self.bad |= self.kind,
            }
        }
    }

    fn digit(&mut self, byte: u8) -> Option<u8> {
        let digit = byte.wrapping_sub(b'0');
        let sum = self.length.checked_mul(10)?;
        self.length = sum.checked_add(u64::from(digit))?;
        (digit < 10).then_some(1)
    }

    /// Whether the value may end here.
    fn complete(&self) -> bool {
        match self.kind {
            Facts::LENGTH => self.at != 0,
            Facts::CODING => matches!(self.at, 7 | TRAIL),
            _ => true,
        }
    }

    fn end(&mut self) {
        if !self.complete() {
            self.bad |= self.kind;
        }
    }

    /// The verdict. One way to tell where the body ends, or none.
    pub fn length(&self, most: u64) -> Result<Length, Error> {
        let has = |set: u8, bit| set & bit != 0;
        if has(self.twice | self.bad, Facts::LENGTH) {
            Err(Error::ContentLength)
        } else if has(self.bad, Facts::CODING) {
            Err(Error::Coding)
        } else if has(self.twice, Facts::CODING)
            || self.seen & (Facts::LENGTH | Facts::CODING) == Facts::LENGTH | Facts::CODING
        {
            Err(Error::Framing)
        } else if has(self.twice, Facts::HOST) {
            Err(Error::Host)
        } else if has(self.seen, Facts::CODING) {
            Ok(Length::Unknown)
        } else if !has(self.seen, Facts::LENGTH) {
            Ok(Length::None)
        } else if self.length > most {
            Err(Error::BodyTooLong)
        } else {
            Ok(Length::Known(self.length))
        }
    }
}

fn kind(name: &[u8]) -> u8 {
    let known = NAMES
        .iter()
        .find(|(_, known)| known.eq_ignore_ascii_case(name));
    known.map_or(Facts::OTHER, |(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict on some fields, whole, and in two pieces cut at `cut`.
    fn verdicts(fields: &[(&str, &str)]) -> Result<Length, Error> {
        let mut facts = Facts::NONE;
        for (name, value) in fields {
            let value = crate::event::trim(value.as_bytes());
            facts.whole(&Field::header(name.as_bytes(), value));
        }
        let whole = facts.length(1000);
        for cut in 0..40 {
            let mut facts = Facts::NONE;
            for (name, value) in fields {
                let (name, value) = (name.as_bytes(), value.as_bytes());
                let (a, b) = name.split_at(cut.min(name.len()));
                let (c, d) = value.split_at(cut.saturating_sub(name.len()).min(value.len()));
                facts.piece(&Field::header(a, c).first());
                facts.piece(&Field::header(b, d).last());
            }
            assert_eq!(facts.length(1000), whole, "{fields:?} at {cut}");
            let mut facts = Facts::NONE;
            for (name, value) in fields {
                facts.piece(&Field::header(name.as_bytes(), value.as_bytes()));
            }
            assert_eq!(facts.length(1000), whole, "{fields:?}");
        }
        whole
    }

    #[test]
    fn lengths() {
        for (value, want) in [
            ("0", Ok(Length::Known(0))),
            ("1000", Ok(Length::Known(1000))),
            ("0005", Ok(Length::Known(5))),
            (" 5\t", Ok(Length::Known(5))),
            ("1001", Err(Error::BodyTooLong)),
            ("18446744073709551615", Err(Error::BodyTooLong)),
            ("18446744073709551616", Err(Error::ContentLength)),
            ("99999999999999999999999", Err(Error::ContentLength)),
            ("", Err(Error::ContentLength)),
            ("-1", Err(Error::ContentLength)),
            ("+1", Err(Error::ContentLength)),
            ("1 1", Err(Error::ContentLength)),
            ("1,1", Err(Error::ContentLength)),
            ("0x1", Err(Error::ContentLength)),
        ] {
            assert_eq!(verdicts(&[("Content-Length", value)]), want, "{value}");
        }
        assert_eq!(verdicts(&[]), Ok(Length::None));
        for name in ["Content-Lengt", "Content-Lengths", "Content_Length", "Hos"] {
            let twice = [(name, "x"), (name, "x")];
            assert_eq!(verdicts(&twice), Ok(Length::None));
        }
    }

    #[test]
    fn codings() {
        for (value, want) in [
            ("chunked", Ok(Length::Unknown)),
            (" Chunked ", Ok(Length::Unknown)),
            ("", Err(Error::Coding)),
            ("chunke", Err(Error::Coding)),
            ("chunk ed", Err(Error::Coding)),
            ("chunkedx", Err(Error::Coding)),
            ("identity", Err(Error::Coding)),
            ("gzip, chunked", Err(Error::Coding)),
            ("chunked, chunked", Err(Error::Coding)),
        ] {
            assert_eq!(verdicts(&[("Transfer-Encoding", value)]), want, "{value}");
        }
    }

    #[test]
    fn together() {
        let (length, coding) = (("CONTENT-length", "5"), ("transfer-encoding", "chunked"));
        assert_eq!(verdicts(&[length, coding]), Err(Error::Framing));
        assert_eq!(verdicts(&[coding, length]), Err(Error::Framing));
        assert_eq!(verdicts(&[coding, coding]), Err(Error::Framing));
        assert_eq!(verdicts(&[length, length]), Err(Error::ContentLength));
        assert_eq!(verdicts(&[("Host", "a"), ("host", "a")]), Err(Error::Host));
        assert_eq!(verdicts(&[("Host", "a"), length]), Ok(Length::Known(5)));
    }
}
