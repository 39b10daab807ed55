//! The values of the fields that decide something, byte by byte: so they may
//! be cut anywhere. RFC 9110, 5.6.1 (lists), 7.2, 7.6.1, 8.6, 10.1.1;
//! RFC 9112, 6.1.

use super::facts::Facts;
use super::names::{Kind, Word};
use super::rules::Rules;
use super::target::Host;

/// The state of the value at hand, and what all values came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    /// Of the value at hand.
    pub kind: Kind,
    /// There was a blank behind a byte of the value, or of the list's member.
    blank: bool,
    host: Host,
    /// Digits of the number at hand.
    digits: u8,
    /// Also the method and each name, while they come in pieces.
    pub word: Word,
    number: u64,
    /// Content-Length.
    pub length: u64,
}

impl Values {
    pub(crate) const NEW: Values = Values {
        kind: Kind::Other,
        blank: false,
        host: Host::Start,
        digits: 0,
        word: Word::EMPTY,
        number: 0,
        length: 0,
    };

    /// A value of this kind begins.
    #[inline]
    pub(crate) fn begin(&mut self, kind: Kind) {
        self.kind = kind;
        self.blank = false;
        self.host = Host::Start;
        self.digits = 0;
        self.number = 0;
        self.word.clear();
    }

    /// A value that is whole, and trimmed.
    #[cold]
    #[inline(never)]
    pub(crate) fn whole(&mut self, kind: Kind, value: &[u8], facts: &mut Facts, rules: Rules) {
        self.begin(kind);
        for byte in value {
            self.byte(*byte, facts, rules);
        }
        self.end(facts, rules);
    }

    /// Blanks at the value's end come here too.
    pub(crate) fn byte(&mut self, byte: u8, facts: &mut Facts, rules: Rules) {
        let blank = matches!(byte, b' ' | b'\t');
        match self.kind {
            Kind::Other | Kind::Forbidden => {}
            Kind::Host if blank => self.blank = true,
            Kind::Host if self.blank => self.host = Host::Bad,
            Kind::Host => self.host = self.host.step(byte),
            Kind::ContentLength => self.number(byte, blank, facts, rules),
            _ if byte == b',' => self.member(facts),
            // Blanks before a member mean nothing.
            _ if blank => self.blank = !self.word.is_empty(),
            _ => {
                if self.blank {
                    // A blank inside makes it nothing that is known.
                    self.blank = false;
                    self.word.push(b' ');
                }
                self.word.push(byte.to_ascii_lowercase());
            }
        }
    }

    fn number(&mut self, byte: u8, blank: bool, facts: &mut Facts, rules: Rules) {
        match byte {
            b'0'..=b'9' if !self.blank => {
                self.digits = self.digits.saturating_add(1);
                let digit = u64::from(byte.wrapping_sub(b'0'));
                let number = self
                    .number
                    .checked_mul(10)
                    .and_then(|n| n.checked_add(digit));
                match number {
                    Some(number) if self.digits <= DIGITS => self.number = number,
                    _ => facts.set(Facts::LENGTH_OVER),
                }
            }
            _ if blank => self.blank = self.digits > 0,
            b',' if rules.allows_equal_lengths() => self.counted(facts, rules),
            _ => facts.set(Facts::LENGTH_BAD),
        }
    }

    /// A number is complete.
    fn counted(&mut self, facts: &mut Facts, rules: Rules) {
        if self.digits == 0 {
            facts.set(Facts::LENGTH_BAD);
        }
        if facts.has(Facts::LENGTH) && (!rules.allows_equal_lengths() || self.length != self.number)
        {
            facts.set(Facts::LENGTH_AGAIN);
        }
        facts.set(Facts::LENGTH);
        self.length = self.number;
        self.number = 0;
        self.digits = 0;
        self.blank = false;
    }

    /// The value is complete.
    pub(crate) fn end(&mut self, facts: &mut Facts, rules: Rules) {
        match self.kind {
            Kind::Other | Kind::Forbidden => {}
            Kind::Host => {
                if facts.has(Facts::HOST) {
                    facts.set(Facts::HOST_AGAIN);
                }
                facts.set(Facts::HOST);
                if self.host != Host::Start && !self.host.complete() {
                    facts.set(Facts::HOST_BAD);
                }
            }
            Kind::ContentLength => self.counted(facts, rules),
            _ => self.member(facts),
        }
    }

    /// A member of a list is complete; it may be empty.
    fn member(&mut self, facts: &mut Facts) {
        let word = self.word.whole();
        let empty = self.word.is_empty();
        match (self.kind, word) {
            (Kind::Connection, b"close") => facts.set(Facts::CLOSE),
            (Kind::Connection, b"keep-alive") => facts.set(Facts::KEEP),
            (Kind::Connection, b"upgrade") => facts.set(Facts::UPGRADE),
            (Kind::Te, b"trailers") => facts.set(Facts::TRAILERS),
            (Kind::Expect, b"100-continue") => facts.set(Facts::EXPECT),
            (Kind::Expect, _) if !empty => facts.set(Facts::EXPECT_BAD),
            // HTTP/2 without TLS is nothing that an application may accept.
            (Kind::Upgrade, b"h2c") => {}
            (Kind::Upgrade, _) if !empty => facts.set(Facts::PROTOCOL),
            (Kind::TransferEncoding, _) => coding(word, empty, facts),
            _ => {}
        }
        self.word.clear();
        self.blank = false;
    }
}

/// Digits of Content-Length: as many as the greatest 64-bit number has.
const DIGITS: u8 = 20;

fn coding(word: &[u8], empty: bool, facts: &mut Facts) {
    facts.set(Facts::CODED);
    match word {
        // Twice, or with another behind it.
        _ if facts.has(Facts::CHUNKED) => {
            *facts = facts.without(Facts::CHUNKED).with(Facts::CODING_BAD);
            // What has no name is told apart even then.
            coding(word, empty, facts);
        }
        b"chunked" => facts.set(Facts::CHUNKED),
        b"gzip" | b"x-gzip" | b"deflate" | b"compress" | b"x-compress" => {
            facts.set(Facts::CODING_KNOWN);
        }
        _ if empty => facts.set(Facts::CODING_BAD),
        b"identity" => facts.set(Facts::CODING_BAD),
        _ => facts.set(Facts::CODING_UNKNOWN),
    }
}
