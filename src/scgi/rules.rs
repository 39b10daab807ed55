//! What a server machine accepts beside the grammar: one switch for each
//! deviation. SCGI, 3.

use crate::cgi::watch::want;

/// What a [`Server`](super::Server) accepts. [`STRICT`](Self::STRICT) is the
/// specification; each setter allows one deviation.
///
/// ```
/// use vestibule::scgi::{Rules, Server};
/// const RULES: Rules = Rules::STRICT.length_anywhere(true).no_version(true);
/// let server = Server::new().rules(RULES);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    pub(super) wants: u8,
}

impl Rules {
    /// The specification.
    pub const STRICT: Rules = Rules {
        wants: want::LENGTH
            | want::FIRST
            | want::DIGITS
            | want::SCGI
            | want::VERSION
            | want::UNIQUE,
    };

    /// CONTENT_LENGTH may stand anywhere among the variables. Off:
    /// [`Error::LengthNotFirst`](crate::Error::LengthNotFirst).
    ///
    /// Opens: nothing where the variables are read whole before any is used,
    /// as here. Needed by: web servers whose list of variables is the
    /// administrator's.
    #[must_use]
    pub const fn length_anywhere(self, on: bool) -> Self {
        self.without(want::FIRST, on)
    }

    /// There may be no SCGI variable; where there is one, it is `1`. Off:
    /// [`Error::ScgiVersion`](crate::Error::ScgiVersion).
    ///
    /// Opens: requests of another protocol that happens to send netstrings.
    /// Needed by: nginx where its configuration has no `scgi_param SCGI 1`.
    #[must_use]
    pub const fn no_version(self, on: bool) -> Self {
        self.without(want::VERSION, on)
    }

    /// An empty CONTENT_LENGTH is one of 0. Off:
    /// [`Error::ContentLength`](crate::Error::ContentLength).
    ///
    /// Opens: a peer that did not know the length has its body dropped. Needed
    /// by: web servers that pass on an absent Content-Length so.
    #[must_use]
    pub const fn empty_length(self, on: bool) -> Self {
        self.without(want::DIGITS, on)
    }

    /// Variables may come twice, and both are given, but for CONTENT_LENGTH,
    /// REQUEST_METHOD, PATH_INFO and SCGI. Off:
    /// [`Error::DuplicateVariable`](crate::Error::DuplicateVariable), for those
    /// that [`Server`](super::Server) knows.
    ///
    /// Opens: two readers of one request may see different values. Needed by:
    /// nginx where a `scgi_param` of the administrator's overrides an included
    /// one.
    #[must_use]
    pub const fn repeated_variables(self, on: bool) -> Self {
        self.without(want::UNIQUE, on)
    }

    const fn without(mut self, want: u8, on: bool) -> Self {
        self.wants = if on {
            self.wants & !want
        } else {
            self.wants | want
        };
        self
    }
}

/// Not derived: what the specification wants without a switch stays wanted.
#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Rules {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Rules::STRICT
            .length_anywhere(u.arbitrary()?)
            .no_version(u.arbitrary()?)
            .empty_length(u.arbitrary()?)
            .repeated_variables(u.arbitrary()?))
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::STRICT
    }
}
