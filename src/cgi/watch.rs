//! What the variables of a request say that a machine must know: how long the
//! body is, whether the answer has one, and whether a variable came twice.
//! RFC 3875, 4.1.
//!
//! A name is recognised whole, or byte by byte with a bit for each candidate;
//! no byte of it is stored.

use crate::error::Error;
use crate::event::{Cut, Field};

macro_rules! names {
    ($($bit:literal $place:ident $name:literal)*) => {
        $(#[allow(dead_code)] const $place: u32 = 1 << $bit;)*

        /// The variables that may come once, in the order of their bits.
        const NAMES: &[&[u8]] = &[$($name),*];
    };
}

names! {
    0 LENGTH b"CONTENT_LENGTH"
    1 METHOD b"REQUEST_METHOD"
    2 VERSION b"SCGI"
    3 PATH b"PATH_INFO"
    4 URI b"REQUEST_URI"
    5 QUERY b"QUERY_STRING"
    6 SCRIPT b"SCRIPT_NAME"
    7 TRANSLATED b"PATH_TRANSLATED"
    8 FILE b"SCRIPT_FILENAME"
    9 ROOT b"DOCUMENT_ROOT"
    10 DOCUMENT b"DOCUMENT_URI"
    11 TYPE b"CONTENT_TYPE"
    12 PROTOCOL b"SERVER_PROTOCOL"
    13 SERVER b"SERVER_NAME"
    14 PORT b"SERVER_PORT"
    15 SCHEME b"REQUEST_SCHEME"
    16 TLS b"HTTPS"
    17 CLIENT b"REMOTE_ADDR"
    18 CLIENT_HOST b"REMOTE_HOST"
    19 CLIENT_PORT b"REMOTE_PORT"
    20 USER b"REMOTE_USER"
    21 IDENT b"REMOTE_IDENT"
    22 AUTH b"AUTH_TYPE"
    23 INTERFACE b"GATEWAY_INTERFACE"
    24 SOFTWARE b"SERVER_SOFTWARE"
    25 ADDRESS b"SERVER_ADDR"
    26 HOST b"HTTP_HOST"
    27 CODING b"HTTP_TRANSFER_ENCODING"
}

/// Which of them it is; 0 for none. One place to look at, and one comparison.
#[inline(always)]
fn known(name: &[u8]) -> u32 {
    let place = usize::from(place(name));
    let number = PLACES.get(place).copied().unwrap_or(0);
    match NAMES.get(usize::from(number)) {
        Some(known) if same(name, known) => 1u32.wrapping_shl(u32::from(number)),
        _ => 0,
    }
}

/// Where a name is looked for, by its length and its first and last four bytes:
/// the factor is one of those that give each of [`NAMES`] a place of its own.
#[inline(always)]
const fn place(name: &[u8]) -> u8 {
    let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) else {
        return 0;
    };
    let [len, ..] = name.len().to_le_bytes();
    let sum = u32::from_le_bytes(*first)
        .wrapping_add(u32::from_le_bytes(*last).wrapping_mul(2))
        .wrapping_add(u32::from_le_bytes([len, 0, 0, 0]));
    let [.., high] = sum.wrapping_mul(0xf06f_217b).to_le_bytes();
    high.wrapping_shr(2)
}

/// The number of the name at each place.
static PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let (mut number, mut names) = (0u8, NAMES);
    while let [name, more @ ..] = names {
        let (mut at, mut rest): (u8, &mut [u8]) = (0, &mut places);
        while let [first, tail @ ..] = rest {
            if at == place(name) {
                *first = number;
            }
            at = at.wrapping_add(1);
            rest = tail;
        }
        number = number.wrapping_add(1);
        names = more;
    }
    places
};

/// Whether two names are equal; most are of 8 to 16 bytes.
#[inline(always)]
fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let ends = |name: &[u8]| {
        let first = u64::from_le_bytes(*name.first_chunk()?);
        Some((first, u64::from_le_bytes(*name.last_chunk()?)))
    };
    match (ends(one), ends(other)) {
        (Some(a), Some(b)) => a == b && (one.len() <= 16 || one == other),
        _ => one == other,
    }
}

/// Those whose values mean something.
const VALUED: u32 = LENGTH | METHOD | VERSION | CODING;

/// Any of them, before the first byte of a name.
const ANY: u32 = (1 << 28) - 1;

/// Those that may not come twice in any mode: framing and routing hang on them.
const SOLE: u32 = LENGTH | METHOD | VERSION | PATH;

/// What a protocol wants of the variables, as bits.
pub(crate) mod want {
    /// CONTENT_LENGTH is there.
    pub(crate) const LENGTH: u8 = 1;
    /// ... and first.
    pub(crate) const FIRST: u8 = 2;
    /// ... and not empty.
    pub(crate) const DIGITS: u8 = 4;
    /// SCGI, where it is there, is `1`.
    pub(crate) const SCGI: u8 = 8;
    /// ... and it is there.
    pub(crate) const VERSION: u8 = 16;
    /// None of [`NAMES`](super::NAMES) comes twice. Off: only some may.
    pub(crate) const UNIQUE: u8 = 32;
    /// REQUEST_METHOD is there.
    pub(crate) const METHOD: u8 = 64;
    /// CONTENT_LENGTH has a value where HTTP_TRANSFER_ENCODING has one.
    pub(crate) const UNCODED: u8 = 128;
}

mod fact {
    /// A variable has begun.
    pub const ONE: u16 = 1;
    /// CONTENT_LENGTH was the first.
    pub const FIRST: u16 = 2;
    pub const LENGTH_BAD: u16 = 4;
    /// CONTENT_LENGTH has a value.
    pub const LENGTH: u16 = 8;
    pub const HEAD: u16 = 16;
    /// SCGI is not `1`.
    pub const VERSION_BAD: u16 = 32;
    pub const TWICE: u16 = 64;
    /// ... of the variables that never may.
    pub const SOLE_TWICE: u16 = 128;
    /// The body came in a transfer coding, on another hop.
    pub const CODED: u16 = 256;
}

/// In `at`: the value at hand is not what it must be.
const BAD: u8 = u8::MAX;

/// The variables so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    /// CONTENT_LENGTH.
    number: u64,
    /// Which names came.
    seen: u32,
    /// Which names the one at hand may be, or is.
    name: u32,
    facts: u16,
    /// Place in the name, or in the value, at hand.
    at: u8,
    /// The name at hand is complete.
    valued: bool,
}

impl Watch {
    /// Before the first variable.
    pub(crate) const NEW: Watch = Watch {
        number: 0,
        seen: 0,
        name: 0,
        facts: 0,
        at: 0,
        valued: false,
    };

    fn has(&self, fact: u16) -> bool {
        self.facts & fact != 0
    }

    /// A variable that lies whole in the input.
    #[inline(always)]
    pub(crate) fn whole(&mut self, name: &[u8], value: &[u8]) {
        let known = known(name);
        if self.seen & known != 0 || known & VALUED != 0 {
            self.note(known, value);
        }
        self.seen |= known;
        self.facts |= fact::ONE;
    }

    #[inline(never)]
    fn note(&mut self, known: u32, value: &[u8]) {
        self.name = known;
        self.begin_value();
        self.value(value);
        self.end();
    }

    /// A variable, or a piece of one.
    pub(crate) fn piece(&mut self, field: &Field<'_>) {
        if field.cut == Cut::Whole {
            return self.whole(field.name, field.value);
        }
        if field.cut == Cut::First {
            self.name = ANY;
            self.at = 0;
            self.valued = false;
        }
        if !self.valued {
            for byte in field.name {
                self.narrow(*byte);
            }
            // No byte of a value comes before its name is complete.
            if field.cut == Cut::Last || !field.value.is_empty() {
                self.settle();
                self.begin_value();
            }
        }
        if self.valued {
            self.value(field.value);
        }
        if field.cut == Cut::Last {
            self.end();
            self.facts |= fact::ONE;
        }
    }

    /// A byte of the name.
    fn narrow(&mut self, byte: u8) {
        if self.name == 0 {
            return;
        }
        let at = usize::from(self.at);
        self.at = self.at.saturating_add(1);
        self.keep(|name| name.get(at) == Some(&byte));
    }

    /// The name is complete.
    fn settle(&mut self) {
        if self.name == 0 {
            return;
        }
        let len = usize::from(self.at);
        self.keep(|name| name.len() == len);
    }

    fn keep(&mut self, good: impl Fn(&[u8]) -> bool) {
        let mut bit = 1u32;
        for name in NAMES {
            if self.name & bit != 0 && !good(name) {
                self.name &= !bit;
            }
            bit = bit.wrapping_shl(1);
        }
    }

    fn begin_value(&mut self) {
        self.at = 0;
        self.valued = true;
        if self.seen & self.name != 0 {
            self.facts |= fact::TWICE;
            if self.name & SOLE != 0 {
                self.facts |= fact::SOLE_TWICE;
            }
        }
        self.seen |= self.name;
        if self.name == LENGTH && !self.has(fact::ONE) {
            self.facts |= fact::FIRST;
        }
    }

    fn value(&mut self, value: &[u8]) {
        match self.name {
            LENGTH => {
                for byte in value {
                    let digit = byte.wrapping_sub(b'0');
                    let sum = self.number.checked_mul(10);
                    match sum.and_then(|n| n.checked_add(u64::from(digit))) {
                        Some(n) if digit < 10 && self.at != BAD => {
                            self.number = n;
                            self.at = 1;
                        }
                        _ => self.at = BAD,
                    }
                }
            }
            METHOD => self.matches(b"HEAD", value),
            VERSION => self.matches(b"1", value),
            CODING => self.at |= u8::from(!value.is_empty()),
            _ => {}
        }
    }

    /// Counts in `at` how much of `text` came.
    fn matches(&mut self, text: &[u8], value: &[u8]) {
        for byte in value {
            let same = text.get(usize::from(self.at)) == Some(byte);
            self.at = if same { self.at.saturating_add(1) } else { BAD };
        }
    }

    /// The variable at hand is complete.
    fn end(&mut self) {
        match (self.name, self.at) {
            (LENGTH, BAD) => self.facts |= fact::LENGTH_BAD,
            (LENGTH, 1) => self.facts |= fact::LENGTH,
            (METHOD, 4) => self.facts |= fact::HEAD,
            (CODING, 1) => self.facts |= fact::CODED,
            (VERSION, 1) => {}
            (VERSION, _) => self.facts |= fact::VERSION_BAD,
            _ => {}
        }
        self.name = 0;
        self.valued = false;
    }

    /// Whether the method is HEAD.
    pub(crate) fn head(&self) -> bool {
        self.has(fact::HEAD)
    }

    /// The verdict at the end of the head: bytes of the body, by what is
    /// wanted and no more than `most`.
    pub(crate) fn verdict(&self, wants: u8, most: u64) -> Result<u64, Error> {
        let wants = |want| wants & want != 0;
        if self.has(fact::SOLE_TWICE) || wants(want::UNIQUE) && self.has(fact::TWICE) {
            return Err(Error::DuplicateVariable);
        }
        let missing = wants(want::LENGTH) && self.seen & LENGTH == 0;
        let empty = wants(want::DIGITS) && self.seen & LENGTH != 0 && !self.has(fact::LENGTH);
        if missing || empty || self.has(fact::LENGTH_BAD) {
            return Err(Error::ContentLength);
        }
        if wants(want::FIRST) && !self.has(fact::FIRST) {
            return Err(Error::LengthNotFirst);
        }
        let absent = wants(want::VERSION) && self.seen & VERSION == 0;
        if absent || wants(want::SCGI) && self.has(fact::VERSION_BAD) {
            return Err(Error::ScgiVersion);
        }
        if wants(want::METHOD) && self.seen & METHOD == 0 {
            return Err(Error::NoMethod);
        }
        // Whoever decoded the body would have told its length.
        if wants(want::UNCODED) && self.has(fact::CODED) && !self.has(fact::LENGTH) {
            return Err(Error::Framing);
        }
        if self.number > most {
            return Err(Error::BodyTooLong);
        }
        Ok(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One variable after another, each whole or in two pieces at each place.
    fn every(vars: &[(&[u8], &[u8])]) -> Vec<Watch> {
        let mut whole = Watch::NEW;
        for (name, value) in vars {
            whole.whole(name, value);
        }
        let mut all = vec![whole];
        let longest = vars.iter().map(|v| v.0.len() + v.1.len()).max();
        for cut in 0..=longest.unwrap_or(0) {
            let mut watch = Watch::NEW;
            for (name, value) in vars {
                let at = cut.min(name.len());
                let then = cut.saturating_sub(name.len()).min(value.len());
                watch.piece(&Field::var(&name[..at], &value[..then]).first());
                watch.piece(&Field::var(&name[at..], &value[then..]).last());
            }
            all.push(watch);
        }
        all
    }

    #[test]
    fn the_table_is_in_order() {
        let mut bit = 1;
        for name in NAMES {
            assert_eq!(known(name), bit);
            bit <<= 1;
        }
        assert_eq!(ANY, bit - 1);
    }

    #[test]
    fn lengths() {
        for (value, want) in [
            (&b"0"[..], Ok(0)),
            (b"", Ok(0)),
            (b"00012", Ok(12)),
            (b"18446744073709551615", Ok(u64::MAX)),
            (b"18446744073709551616", Err(Error::ContentLength)),
            (b"-1", Err(Error::ContentLength)),
            (b"+5", Err(Error::ContentLength)),
            (b" 5", Err(Error::ContentLength)),
            (b"5 ", Err(Error::ContentLength)),
            (b"5x", Err(Error::ContentLength)),
            (b"5,5", Err(Error::ContentLength)),
        ] {
            for watch in every(&[(b"A", b"b"), (b"CONTENT_LENGTH", value)]) {
                assert_eq!(watch.verdict(0, u64::MAX), want, "{value:?}");
                if value.is_empty() {
                    let verdict = watch.verdict(want::DIGITS, 9);
                    assert_eq!(verdict, Err(Error::ContentLength));
                }
                assert_eq!(
                    watch.verdict(want::FIRST, u64::MAX),
                    want.and(Err(Error::LengthNotFirst))
                );
            }
        }
        for watch in every(&[(b"CONTENT_LENGTH", b"7")]) {
            assert_eq!(watch.verdict(want::FIRST | want::DIGITS, 7), Ok(7));
            assert_eq!(watch.verdict(0, 6), Err(Error::BodyTooLong));
        }
        for watch in every(&[(b"CONTENT_LENGT", b"7"), (b"CONTENT_LENGTHS", b"7")]) {
            assert_eq!(watch.verdict(0, 9), Ok(0));
            assert_eq!(watch.verdict(want::LENGTH, 9), Err(Error::ContentLength));
        }
    }

    #[test]
    fn each_name_may_come_once() {
        for name in NAMES {
            for watch in every(&[(name, b"1"), (b"X", b""), (name, b"1")]) {
                let twice = Err(Error::DuplicateVariable);
                assert_eq!(watch.verdict(want::UNIQUE, 9), twice);
                let sole = known(name) & SOLE != 0;
                assert_eq!(watch.verdict(0, 9).is_err(), sole, "{name:?}");
            }
            let (mut longer, mut other) = (name.to_vec(), name.to_vec());
            longer.push(b'X');
            other[0] ^= 1;
            let vars: [(&[u8], &[u8]); 4] = [
                (name, b"1"),
                (&longer, b"1"),
                (&other, b"1"),
                (&name[..name.len() - 1], b"1"),
            ];
            for watch in every(&vars) {
                assert!(watch.verdict(want::UNIQUE, 9).is_ok(), "{name:?}");
            }
        }
    }

    #[test]
    fn a_coded_body_has_a_length() {
        const CODING: &[u8] = b"HTTP_TRANSFER_ENCODING";
        let wants = want::UNCODED;
        for watch in every(&[(CODING, b"chunked")]) {
            assert_eq!(watch.verdict(wants, 9), Err(Error::Framing));
            assert_eq!(watch.verdict(0, 9), Ok(0));
        }
        for watch in every(&[(CODING, b"chunked"), (b"CONTENT_LENGTH", b"")]) {
            assert_eq!(watch.verdict(wants, 9), Err(Error::Framing));
        }
        for watch in every(&[(b"CONTENT_LENGTH", b"3"), (CODING, b"chunked")]) {
            assert_eq!(watch.verdict(wants, 9), Ok(3));
        }
        for watch in every(&[(CODING, b"")]) {
            assert_eq!(watch.verdict(wants, 9), Ok(0));
        }
    }

    #[test]
    fn methods_and_versions() {
        for (value, head) in [
            (&b"HEAD"[..], true),
            (b"HEADS", false),
            (b"HEA", false),
            (b"head", false),
            (b"", false),
        ] {
            for watch in every(&[(b"REQUEST_METHOD", value)]) {
                assert_eq!(watch.head(), head, "{value:?}");
                assert!(watch.verdict(want::SCGI, 0).is_ok());
                assert_eq!(watch.verdict(want::VERSION, 0), Err(Error::ScgiVersion));
                assert!(watch.verdict(want::METHOD, 0).is_ok());
            }
        }
        for (value, good) in [
            (&b"1"[..], true),
            (b"", false),
            (b"11", false),
            (b"2", false),
        ] {
            for watch in every(&[(b"SCGI", value)]) {
                let wants = want::SCGI | want::VERSION;
                assert_eq!(watch.verdict(wants, 0).is_ok(), good, "{value:?}");
                assert_eq!(watch.verdict(want::METHOD, 0), Err(Error::NoMethod));
                assert!(watch.verdict(0, 0).is_ok());
            }
        }
    }
}
