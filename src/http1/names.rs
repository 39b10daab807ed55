//! The names of fields that decide something. RFC 9110, 5.1.

/// A field whose value is read here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any other.
    #[default]
    Other,
    Host,
    Te,
    Connection,
    ContentLength,
    TransferEncoding,
    Expect,
    Upgrade,
    /// A trailer that may not be one.
    Forbidden,
}

/// The first bytes of a name, of a method, or of a member of a list: as many as
/// the longest that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    bytes: [u8; 17],
    /// One more than there is room for: it was longer.
    len: u8,
}

impl Word {
    pub(crate) const EMPTY: Word = Word {
        bytes: [0; 17],
        len: 0,
    };

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(crate) fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(usize::from(self.len)) {
            *slot = byte;
            self.len = self.len.wrapping_add(1);
        } else {
            self.len = 18;
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is kept of it.
    fn start(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.len))
            .unwrap_or(&self.bytes)
    }

    /// All of it; empty where it was longer than anything known.
    pub(crate) fn whole(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// The kind of the field of this name, in lower case.
    #[cold]
    pub(crate) fn kind(&self) -> Kind {
        kind(self.whole())
    }

    /// Whether no trailer may have this name, in lower case.
    #[cold]
    pub(crate) fn forbidden(&self) -> bool {
        prefixed(self.start()) || listed(self.whole())
    }
}

/// The kind of the field of this name.
#[inline]
pub(crate) fn kind(name: &[u8]) -> Kind {
    let Some(first) = name.first() else {
        return Kind::Other;
    };
    // Length and first letter leave one candidate.
    match (name.len(), first | 0x20) {
        (4, b'h') if same(name, b"host") => Kind::Host,
        (2, b't') if same(name, b"te") => Kind::Te,
        (10, b'c') if same(name, b"connection") => Kind::Connection,
        (14, b'c') if same(name, b"content-length") => Kind::ContentLength,
        (17, b't') if same(name, b"transfer-encoding") => Kind::TransferEncoding,
        (6, b'e') if same(name, b"expect") => Kind::Expect,
        (7, b'u') if same(name, b"upgrade") => Kind::Upgrade,
        _ => Kind::Other,
    }
}

#[inline]
fn same(name: &[u8], known: &[u8]) -> bool {
    name.eq_ignore_ascii_case(known)
}

/// Names that frame, route or authenticate: a trailer must not, since it comes
/// when all that is decided. RFC 9110, 6.5.1.
const FORBIDDEN: [&[u8]; 19] = [
    b"transfer-encoding",
    b"content-length",
    b"host",
    b"trailer",
    b"te",
    b"connection",
    b"keep-alive",
    b"upgrade",
    b"authorization",
    b"www-authenticate",
    b"cookie",
    b"set-cookie",
    b"content-encoding",
    b"content-type",
    b"content-range",
    b"expect",
    b"forwarded",
    b"status",
    b"http2-settings",
];

/// Whether no trailer may have this name.
pub(crate) fn forbidden(name: &[u8]) -> bool {
    prefixed(name) || listed(name)
}

fn listed(name: &[u8]) -> bool {
    FORBIDDEN.iter().any(|known| same(name, known))
}

fn prefixed(name: &[u8]) -> bool {
    let begins = |prefix: &[u8]| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    begins(b"proxy-") || begins(b"x-forwarded-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let all = [
            ("Host", Kind::Host),
            ("tE", Kind::Te),
            ("CONNECTION", Kind::Connection),
            ("content-Length", Kind::ContentLength),
            ("Transfer-Encoding", Kind::TransferEncoding),
            ("Expect", Kind::Expect),
            ("upGrade", Kind::Upgrade),
            ("", Kind::Other),
            ("Hosu", Kind::Other),
            ("Content_Length", Kind::Other),
            ("Content-Lengti", Kind::Other),
            ("Transfer-Encodin", Kind::Other),
            ("Transfer-Encodings", Kind::Other),
            ("Transfer-Encoding-Of-A-Kind", Kind::Other),
        ];
        for (name, want) in all {
            assert_eq!(kind(name.as_bytes()), want, "{name}");
            let mut word = Word::EMPTY;
            for byte in name.bytes() {
                word.push(byte.to_ascii_lowercase());
            }
            assert_eq!(word.kind(), want, "{name}");
        }
    }

    #[test]
    fn trailers() {
        for name in [
            "Transfer-Encoding",
            "HOST",
            "Proxy-Authorization",
            "proxy-anything-that-is-long",
            "X-Forwarded-For",
            "X-Forwarded-Something-Long",
            "Set-Cookie",
        ] {
            let mut word = Word::EMPTY;
            for byte in name.bytes() {
                word.push(byte.to_ascii_lowercase());
            }
            assert!(forbidden(name.as_bytes()) && word.forbidden(), "{name}");
        }
        for name in [
            "X-T",
            "Transfer-Encodings",
            "Hosts",
            "Proxy",
            "Digest",
            "Server-Timing",
        ] {
            let mut word = Word::EMPTY;
            for byte in name.bytes() {
                word.push(byte.to_ascii_lowercase());
            }
            assert!(!forbidden(name.as_bytes()) && !word.forbidden(), "{name}");
        }
    }
}
