//! Whom a server machine believes, and what.

/// The names of request attributes that web servers send on their own.
const USUAL: &[&[u8]] = &[
    b"AJP_REMOTE_PORT",
    b"AJP_LOCAL_ADDR",
    b"AJP_SSL_PROTOCOL",
    b"JK_LB_ACTIVATION",
];

/// Whom a [`Server`](super::Server) believes, and what.
/// [`STRICT`](Rules::STRICT) believes nobody: it is given a secret, or told to
/// do without. `S` is the secret: bytes, lent or owned.
///
/// ```
/// use vestibule::ajp::{Server, ServerRules};
/// const RULES: ServerRules = ServerRules::STRICT
///     .attributes(&[b"AJP_REMOTE_PORT", b"TENANT"]);
/// let secret = String::from("s3cret");
/// let server = Server::new(RULES.secret(&*secret));
/// # let _ = server;
/// ```
#[derive(Clone, Copy)]
pub struct Rules<S = &'static [u8]> {
    secret: Option<S>,
    open: bool,
    any: bool,
    attributes: &'static [&'static [u8]],
}

impl Rules {
    /// Every request is refused with 403, for want of a secret. Of request
    /// attributes, those are taken that web servers send on their own:
    /// AJP_REMOTE_PORT, AJP_LOCAL_ADDR, AJP_SSL_PROTOCOL, JK_LB_ACTIVATION.
    pub const STRICT: Rules = Rules {
        secret: None,
        open: false,
        any: false,
        attributes: USUAL,
    };

    /// The secret that each request must bring; any other one, or none, is
    /// [`Error::Secret`](crate::Error::Secret). It is compared in a time that
    /// depends on what the peer sent alone, and does not reach the application.
    /// No request has an empty one.
    #[must_use]
    pub const fn secret<S>(self, secret: S) -> Rules<S> {
        Rules {
            secret: Some(secret),
            open: self.open,
            any: self.any,
            attributes: self.attributes,
        }
    }
}

impl<S> Rules<S> {
    /// Whether a request without a secret is taken, where none is set. One
    /// that comes with it all the same is given as the attribute `secret`.
    ///
    /// Opens: whoever can connect says who the user is, where the client is,
    /// and which certificate it has. Needed: where the transport keeps others
    /// out, such as a Unix socket.
    #[must_use]
    pub const fn without_secret(mut self, on: bool) -> Self {
        self.open = on;
        self
    }

    /// The names of the request attributes (code 10) that are taken, in place
    /// of the usual ones. Any other is [`Error::Attribute`](crate::Error::Attribute).
    ///
    /// Opens: an application may do more by an attribute than by a header
    /// field; such names have led to any file being read (CVE-2020-1938).
    /// Needed: where a web server is made to send variables of its own.
    #[must_use]
    pub const fn attributes(mut self, names: &'static [&'static [u8]]) -> Self {
        self.attributes = names;
        self
    }

    /// Whether request attributes of any name are taken.
    ///
    /// Opens: the same for every name that there is. Needed: by what looks at
    /// recorded traffic, and acts on nothing in it.
    #[must_use]
    pub const fn any_attribute(mut self, on: bool) -> Self {
        self.any = on;
        self
    }

    /// Whether they are.
    pub(super) const fn takes_any_attribute(&self) -> bool {
        self.any
    }

    /// Whether a request must bring a secret.
    pub(super) const fn wants_secret(&self) -> bool {
        self.secret.is_some() || !self.open
    }

    pub(super) const fn names(&self) -> &'static [&'static [u8]] {
        self.attributes
    }
}

impl<S: AsRef<[u8]>> Rules<S> {
    /// The same with a borrowed secret.
    pub(super) fn lent(&self) -> Rules<&[u8]> {
        Rules {
            secret: self.secret.as_ref().map(AsRef::as_ref),
            open: self.open,
            any: self.any,
            attributes: self.attributes,
        }
    }
}

impl<'s> Rules<&'s [u8]> {
    /// Empty where no secret is right.
    pub(super) fn the_secret(&self) -> &'s [u8] {
        self.secret.unwrap_or(b"")
    }
}

impl<S> core::fmt::Debug for Rules<S> {
    /// Without the secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Rules")
            .field("secret", &self.secret.is_some())
            .field("without_secret", &self.open)
            .finish_non_exhaustive()
    }
}

/// Compares a secret as it streams in, in a time that depends on what came
/// alone, not on what is right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compare {
    /// Place in the right one, which is gone round.
    at: u16,
    /// Bytes that came.
    count: u16,
    differs: u8,
}

impl Compare {
    pub const NEW: Compare = Compare {
        at: 0,
        count: 0,
        differs: 0,
    };

    pub fn bytes(&mut self, bytes: &[u8], right: &[u8]) {
        for byte in bytes {
            let other = right.get(usize::from(self.at)).copied().unwrap_or(0);
            self.differs |= core::hint::black_box(byte ^ other);
            let next = self.at.wrapping_add(1);
            // No branch: whether it wraps depends on the right one's length.
            self.at = next.wrapping_mul(u16::from(usize::from(next) != right.len()));
            self.count = self.count.saturating_add(1);
        }
    }

    /// Whether all of it was the same. An empty one never is.
    pub fn end(&self, right: &[u8]) -> bool {
        let length = usize::from(self.count) ^ right.len();
        let same = (length == 0) & (self.differs == 0);
        core::hint::black_box(same) & !right.is_empty()
    }
}

/// Which of the allowed names a name is that streams in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// The first that begins with what came so far.
    index: u16,
    len: u16,
}

impl Listed {
    pub const NEW: Listed = Listed { index: 0, len: 0 };

    /// Takes a byte; false where no name begins so.
    pub fn byte(&mut self, byte: u8, names: &[&[u8]]) -> bool {
        self.find(names, |rest| rest.first() == Some(&byte)) && {
            self.len = self.len.saturating_add(1);
            true
        }
    }

    /// Whether the name is complete.
    pub fn end(mut self, names: &[&[u8]]) -> bool {
        self.find(names, |rest| rest.is_empty())
    }

    /// Goes to the first name from here on that begins with what came so far
    /// and goes on as said.
    fn find(&mut self, names: &[&[u8]], goes_on: impl Fn(&[u8]) -> bool) -> bool {
        let rest = names.get(usize::from(self.index)..).unwrap_or(&[]);
        let length = usize::from(self.len);
        let Some(begin) = rest.first().and_then(|name| name.get(..length)) else {
            return false;
        };
        let fits = |name: &&[u8]| name.strip_prefix(begin).is_some_and(&goes_on);
        match rest.iter().position(fits) {
            Some(further) => {
                let further = u16::try_from(further).unwrap_or(u16::MAX);
                self.index = self.index.saturating_add(further);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_whatever_the_cut() {
        let right = b"s3cret";
        for (came, same) in [
            (&b"s3cret"[..], true),
            (b"s3cre", false),
            (b"s3crets", false),
            (b"s3crets3cret", false),
            (b"S3cret", false),
            (b"s3creT", false),
            (b"", false),
        ] {
            for cut in 0..=came.len() {
                let mut compare = Compare::NEW;
                compare.bytes(&came[..cut], right);
                compare.bytes(&came[cut..], right);
                assert_eq!(compare.end(right), same, "{came:?}");
            }
            let mut compare = Compare::NEW;
            compare.bytes(came, b"");
            assert!(!compare.end(b""));
        }
    }

    #[test]
    fn names_of_a_list() {
        let lists: [&[&[u8]]; 4] = [
            &[b"ab", b"abc", b"b", b"abd", b"a"],
            &[b"abc", b"ab"],
            &[],
            &[b"", b"x"],
        ];
        for names in lists {
            for name in [
                &b"ab"[..],
                b"abc",
                b"abd",
                b"a",
                b"b",
                b"",
                b"x",
                b"abcd",
                b"bb",
                b"c",
            ] {
                let mut listed = Listed::NEW;
                let found = name.iter().all(|b| listed.byte(*b, names)) && listed.end(names);
                assert_eq!(found, names.contains(&name), "{name:?} in {names:?}");
            }
        }
    }

    #[test]
    fn the_secret_is_not_printed() {
        let text = format!("{:?}", Rules::STRICT.secret("abc"));
        assert!(!text.contains("abc") && !text.contains("97"), "{text}");
    }
}
