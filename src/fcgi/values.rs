//! GET_VALUES and its result: what an application can carry. FastCGI 1.0, 4.1.

use crate::event::{Cut, Field};
use crate::fcgi::pairs::{Decoder, Piece};
use crate::fcgi::record::{Header, kind};
use crate::frame::Frame;
use crate::text::decimal::Decimal;

/// The names of the specification, with the bit of each in [`Wanted`].
const NAMES: [&[u8]; 3] = [b"FCGI_MAX_CONNS", b"FCGI_MAX_REQS", b"FCGI_MPXS_CONNS"];
const CONNS: u8 = 1;
const REQS: u8 = 2;
const MPXS: u8 = 4;

/// The values that a web server asked for: a set, so that each is answered at
/// most once however often it was asked. FastCGI 1.0, 4.1.
///
/// ```
/// use vestibule::fcgi::Wanted;
/// assert!(Wanted::ALL.max_conns() && Wanted::ALL.max_reqs() && Wanted::ALL.mpxs_conns());
/// assert!(!Wanted::NONE.max_conns());
/// assert_eq!(Wanted::default(), Wanted::NONE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted(u8);

impl Wanted {
    /// No name that is known.
    pub const NONE: Wanted = Wanted(0);
    /// All three names.
    pub const ALL: Wanted = Wanted(CONNS | REQS | MPXS);

    /// Whether FCGI_MAX_CONNS was asked for.
    pub const fn max_conns(self) -> bool {
        self.0 & CONNS != 0
    }

    /// Whether FCGI_MAX_REQS was asked for.
    pub const fn max_reqs(self) -> bool {
        self.0 & REQS != 0
    }

    /// Whether FCGI_MPXS_CONNS was asked for.
    pub const fn mpxs_conns(self) -> bool {
        self.0 & MPXS != 0
    }
}

/// Tells the three names apart, in pieces of any size.
#[derive(Clone, Copy, Debug, Default)]
struct Matcher {
    /// Names that agree with all bytes so far.
    alive: u8,
    /// Bytes so far.
    at: u8,
}

impl Matcher {
    const START: Matcher = Matcher {
        alive: CONNS | REQS | MPXS,
        at: 0,
    };

    /// Takes the next field or piece; the bit of the name once that is
    /// complete, else 0.
    fn field(&mut self, field: &Field<'_>) -> u8 {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            *self = Self::START;
        }
        for byte in field.name {
            let mut alive = 0;
            for (name, bit) in NAMES.iter().zip([CONNS, REQS, MPXS]) {
                if name.get(usize::from(self.at)) == Some(byte) {
                    alive |= bit;
                }
            }
            self.alive &= alive;
            self.at = self.at.saturating_add(1);
        }
        if field.value.is_empty() && !matches!(field.cut, Cut::Whole | Cut::Last) {
            return 0;
        }
        NAMES
            .iter()
            .zip([CONNS, REQS, MPXS])
            .find(|(name, bit)| self.alive & bit != 0 && name.len() == usize::from(self.at))
            .map_or(0, |(_, bit)| bit)
    }
}

/// Reads the content of a GET_VALUES, in pieces of any size. Sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    pairs: Decoder,
    name: Matcher,
    wanted: Wanted,
}

impl Query {
    /// At the begin of a record.
    pub const NEW: Query = Query {
        pairs: Decoder::NEW,
        name: Matcher::START,
        wanted: Wanted::NONE,
    };

    /// Takes a piece of the content. Values are ignored, and so are names that
    /// are not known.
    pub fn feed(&mut self, mut content: &[u8]) {
        loop {
            match self.pairs.piece(&mut content) {
                Piece::Empty => return,
                Piece::Lengths(..) => {}
                Piece::Field(field) => {
                    let bit = self.name.field(&field);
                    if matches!(field.cut, Cut::Whole | Cut::Last) {
                        self.wanted.0 |= bit;
                    }
                }
            }
        }
    }

    /// The end of the record: what was asked, and all is forgotten. A pair
    /// that the record cuts is not counted.
    pub fn take(&mut self) -> Wanted {
        core::mem::replace(self, Query::NEW).wanted
    }
}

/// The answer to a GET_VALUES: each name asked once, nothing else. No more
/// than 78 bytes.
pub(crate) fn reply(
    wanted: Wanted,
    max_conns: u16,
    max_reqs: u16,
    multiplex: bool,
) -> Frame<'static> {
    // The middle pair lies in a static slice, one for each count of digits.
    const REQS_PAIR: [&[u8]; 5] = [
        b"\x0d\x01FCGI_MAX_REQS",
        b"\x0d\x02FCGI_MAX_REQS",
        b"\x0d\x03FCGI_MAX_REQS",
        b"\x0d\x04FCGI_MAX_REQS",
        b"\x0d\x05FCGI_MAX_REQS",
    ];
    const CONNS_NAME: &[u8; 14] = b"FCGI_MAX_CONNS";
    const MPXS_PAIR: &[u8; 17] = b"\x0f\x01FCGI_MPXS_CONNS";
    let (conns, reqs) = (
        Decimal::new(u64::from(max_conns)),
        Decimal::new(u64::from(max_reqs)),
    );
    let (conns, reqs) = (conns.bytes(), reqs.bytes());
    let middle: &'static [u8] = if wanted.max_reqs() {
        REQS_PAIR
            .get(reqs.len().saturating_sub(1))
            .copied()
            .unwrap_or_default()
    } else {
        &[]
    };
    let mut content = middle.len();
    if wanted.max_conns() {
        content = content.saturating_add(16).saturating_add(conns.len());
    }
    if wanted.max_reqs() {
        content = content.saturating_add(reqs.len());
    }
    if wanted.mpxs_conns() {
        content = content.saturating_add(18);
    }
    let header = Header {
        kind: kind::GET_VALUES_RESULT,
        id: 0,
        content: u16::try_from(content).unwrap_or(0),
        // None: with it the tail would not fit inline.
        padding: 0,
    };
    let mut frame = Frame::of(middle).head(&header.encode());
    if wanted.max_conns() {
        let [_, count] = u16::try_from(conns.len()).unwrap_or(0).to_be_bytes();
        frame = frame.head(&[14, count]).head(CONNS_NAME).head(conns);
    }
    if wanted.max_reqs() {
        frame = frame.tail(reqs);
    }
    if wanted.mpxs_conns() {
        frame = frame
            .tail(MPXS_PAIR)
            .tail(if multiplex { b"1" } else { b"0" });
    }
    frame
}

/// Content of a GET_VALUES for all three names: 48 bytes, a multiple of eight.
const ASK: &[u8; 48] = b"\x0e\0FCGI_MAX_CONNS\x0d\0FCGI_MAX_REQS\x0f\0FCGI_MPXS_CONNS";

/// The question for all three values. Padded although there is no need: some
/// applications answer only once bytes behind the content have come, and
/// nothing else follows before the answer.
pub(crate) fn query() -> Frame<'static> {
    let header = Header {
        padding: 8,
        ..Header::of(kind::GET_VALUES, 0, 48)
    };
    Frame::of(ASK).head(&header.encode()).tail(&[0; 8])
}

/// What an application said of itself. `None`: not said, said twice, or not
/// a number. FastCGI 1.0, 4.1.
///
/// ```
/// use vestibule::fcgi::Values;
/// let values = Values { max_reqs: Some(50), ..Values::default() };
/// // Not said: one request at a time.
/// assert_eq!(values.mpxs_conns, None);
/// # assert_eq!(values.max_conns, None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Values {
    /// FCGI_MAX_CONNS: how many connections it accepts at a time.
    pub max_conns: Option<u32>,
    /// FCGI_MAX_REQS: how many requests it runs at a time, over all connections.
    pub max_reqs: Option<u32>,
    /// FCGI_MPXS_CONNS: whether a connection carries several requests at a time.
    pub mpxs_conns: Option<bool>,
}

/// Reads the content of a GET_VALUES_RESULT, in pieces of any size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pairs: Decoder,
    name: Matcher,
    /// The value at hand; `None` without a digit or with another byte in it.
    number: Option<u32>,
    spoilt: bool,
    seen: u8,
    values: Values,
}

impl Answer {
    /// At the begin of a record.
    pub const NEW: Answer = Answer {
        pairs: Decoder::NEW,
        name: Matcher::START,
        number: None,
        spoilt: false,
        seen: 0,
        values: Values {
            max_conns: None,
            max_reqs: None,
            mpxs_conns: None,
        },
    };

    /// Takes a piece of the content.
    pub fn feed(&mut self, mut content: &[u8]) {
        loop {
            match self.pairs.piece(&mut content) {
                Piece::Empty => return,
                Piece::Lengths(..) => {
                    self.number = None;
                    self.spoilt = false;
                }
                Piece::Field(field) => self.field(&field),
            }
        }
    }

    fn field(&mut self, field: &Field<'_>) {
        let bit = self.name.field(field);
        for byte in field.value {
            let next = if byte.is_ascii_digit() {
                let digit = u32::from(byte & 0x0f);
                let so_far = self.number.unwrap_or(0);
                so_far.checked_mul(10).and_then(|n| n.checked_add(digit))
            } else {
                None
            };
            self.spoilt |= next.is_none();
            self.number = next;
        }
        if bit == 0 || !matches!(field.cut, Cut::Whole | Cut::Last) {
            return;
        }
        // Said twice is not said: it cannot be known which one counts.
        let number = if self.spoilt || self.seen & bit != 0 {
            None
        } else {
            self.number
        };
        self.seen |= bit;
        match bit {
            CONNS => self.values.max_conns = number,
            REQS => self.values.max_reqs = number,
            _ => {
                self.values.mpxs_conns = match number {
                    Some(0) => Some(false),
                    Some(1) => Some(true),
                    _ => None,
                }
            }
        }
    }

    /// The end of the record: what was said, and all is forgotten. Nothing was
    /// where the record cuts a pair.
    pub fn take(&mut self) -> Values {
        let answer = core::mem::replace(self, Answer::NEW);
        if answer.pairs.at_border() {
            answer.values
        } else {
            Values::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(content: &[u8], step: usize) -> Wanted {
        let mut query = Query::NEW;
        for piece in content.chunks(step) {
            query.feed(piece);
        }
        query.take()
    }

    fn answer(content: &[u8], step: usize) -> Values {
        let mut answer = Answer::NEW;
        for piece in content.chunks(step) {
            answer.feed(piece);
        }
        answer.take()
    }

    fn bytes(frame: Frame<'_>) -> Vec<u8> {
        let bytes = frame.slices().concat();
        assert_eq!(bytes.len(), frame.len());
        bytes
    }

    #[test]
    fn all_three() {
        let all = bytes(query());
        assert_eq!(all.len() % 8, 0);
        assert_eq!(&all[..8], b"\x01\x09\0\0\0\x30\x08\0");
        assert_eq!(&all[56..], [0; 8]);
        for step in 1..=48 {
            assert_eq!(ask(&all[8..56], step), Wanted::ALL);
        }
        assert_eq!(
            bytes(reply(Wanted::ALL, 10, 50, true)),
            b"\x01\x0a\0\0\0\x35\0\0\x0e\x02FCGI_MAX_CONNS10\x0d\x02FCGI_MAX_REQS50\x0f\x01FCGI_MPXS_CONNS1"
        );
    }

    #[test]
    fn repeated_and_unknown_names() {
        let mut content = b"\x0f\0FCGI_MPXS_CONNS".repeat(3);
        content.extend_from_slice(b"\x04\x01NOPEx");
        // Neither the beginning of a name nor a longer one is the name.
        content.extend_from_slice(b"\x0d\0FCGI_MAX_CONN\x0e\0FCGI_MAX_REQSS\x00\0");
        for step in 1..=content.len() {
            let wanted = ask(&content, step);
            assert_eq!(
                (wanted.max_conns(), wanted.max_reqs(), wanted.mpxs_conns()),
                (false, false, true)
            );
            assert_eq!(
                bytes(reply(wanted, 1, 1, false)),
                b"\x01\x0a\0\0\0\x12\0\0\x0f\x01FCGI_MPXS_CONNS0"
            );
        }
    }

    #[test]
    fn values_in_a_query_do_not_matter_and_cut_pairs_do_not_count() {
        for step in 1..=30 {
            assert_eq!(ask(b"\x0d\x02FCGI_MAX_REQS77", step), Wanted(REQS));
            assert_eq!(ask(b"\x0d\x02FCGI_MAX_REQS7", step), Wanted::NONE);
            assert_eq!(ask(b"\x0d\x00FCGI_MAX_REQ", step), Wanted::NONE);
        }
    }

    #[test]
    fn empty_query() {
        assert_eq!(ask(b"", 1), Wanted::NONE);
        assert_eq!(
            bytes(reply(Wanted::NONE, 1, 1, true)),
            b"\x01\x0a\0\0\0\0\0\0"
        );
    }

    #[test]
    fn replies_are_read_back_for_every_count_of_digits() {
        for n in [0u16, 1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, u16::MAX] {
            for (bits, mpx) in (0..8).flat_map(|b| [(b, true), (b, false)]) {
                let wanted = Wanted(bits);
                let frame = bytes(reply(wanted, n, u16::MAX - n, mpx));
                assert_eq!(usize::from(frame[5]) + 8, frame.len());
                let want = Values {
                    max_conns: wanted.max_conns().then_some(u32::from(n)),
                    max_reqs: wanted.max_reqs().then_some(u32::from(u16::MAX - n)),
                    mpxs_conns: wanted.mpxs_conns().then_some(mpx),
                };
                for step in [1, 2, 7, 100] {
                    assert_eq!(answer(&frame[8..], step), want);
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_not_said() {
        let none = Values::default();
        for content in [
            &b"\x0d\x00FCGI_MAX_REQS"[..],
            b"\x0d\x02FCGI_MAX_REQS1x",
            b"\x0d\x03FCGI_MAX_REQS x1",
            b"\x0d\x02FCGI_MAX_REQSx1",
            b"\x0d\x0aFCGI_MAX_REQS4294967296",
            b"\x0d\x01FCGI_MAX_REQS1\x0d\x01FCGI_MAX_REQS1",
            b"\x0f\x01FCGI_MPXS_CONNS2",
            b"\x0d\x01FCGI_MAX_REQS1\x05",
            b"\x0d\x01FCGI_MAX_REQS1\x05\x05abc",
            b"\xff\xff\xff\xff\xff\xff\xff\xffFCGI",
        ] {
            for step in 1..=content.len() {
                assert_eq!(answer(content, step), none, "{content:?}");
            }
        }
        let most = answer(b"\x0d\x0aFCGI_MAX_REQS4294967295", 3);
        assert_eq!(most.max_reqs, Some(u32::MAX));
    }

    #[test]
    fn sizes() {
        assert!(size_of::<Query>() <= 16);
        assert!(size_of::<Answer>() <= 48);
    }
}
