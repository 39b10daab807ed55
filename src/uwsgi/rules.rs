//! What a server machine accepts: packet types, and one switch for each leniency.

use super::packet::request_bit;
use crate::text::switches::switches;

/// What a [`Server`](super::Server) accepts. [`STRICT`](Self::STRICT) takes requests for WSGI
/// (modifier1 0) alone.
///
/// ```
/// use vestibule::uwsgi::{Rules, Server, modifier};
/// const RULES: Rules = Rules::STRICT.modifier1(modifier::PSGI, true);
/// let server = Server::new().rules(RULES);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Rules {
    modifiers: u32,
    switches: u8,
}

switches! {
    /// Variables whose names begin with `UWSGI_`. Off:
    /// [`Error::ServerVariable`](crate::Error::ServerVariable). A client has
    /// [the same switch](super::Client::server_variables).
    ///
    /// Opens: the uWSGI server obeys them, by loading and running what they
    /// name; whoever can make a client send one runs code. Needed by:
    /// front servers that choose the application by UWSGI_SCRIPT and the like,
    /// from their own configuration.
    1 server_variables takes_server_variables;
    /// A request without REQUEST_METHOD. Off:
    /// [`Error::NoMethod`](crate::Error::NoMethod).
    ///
    /// Opens: what the application takes for the method is its own guess.
    /// Needed by: programs that send a block of their own making.
    2 any_method needs_no_method;
    /// A variable that stands for one fact (QUERY_STRING, REMOTE_ADDR,
    /// HTTP_HOST and the like) may come more than once; all are given. Never
    /// CONTENT_LENGTH, REQUEST_METHOD and PATH_INFO. Off:
    /// [`Error::DuplicateVariable`](crate::Error::DuplicateVariable).
    ///
    /// Opens: of two layers one takes the first, one the last. Needed by: front
    /// servers whose configuration sets a variable twice.
    4 repeated_variables takes_repeated_variables;
}

impl Rules {
    /// Only modifier1 0; no switch is on.
    pub const STRICT: Rules = Rules {
        modifiers: 1,
        switches: 0,
    };

    /// Whether requests of the type `modifier1` are taken. Off:
    /// [`Error::Modifier`](crate::Error::Modifier). What is no request type is
    /// never taken, whatever is said here.
    #[must_use]
    pub const fn modifier1(mut self, modifier1: u8, on: bool) -> Self {
        let bit = request_bit(modifier1);
        self.modifiers = if on {
            self.modifiers | bit
        } else {
            self.modifiers & !bit
        };
        self
    }

    /// Whether a packet of this type is a request that is taken.
    #[inline]
    pub(crate) const fn takes(self, modifier1: u8) -> bool {
        self.modifiers & request_bit(modifier1) != 0
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::STRICT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_types() {
        let taken = |rules: Rules| (0..=255).filter(|n| rules.takes(*n)).collect::<Vec<u8>>();
        assert_eq!(taken(Rules::STRICT), [0]);
        assert_eq!(taken(Rules::STRICT.modifier1(250, true)), [0, 250]);
        let five = Rules::STRICT.modifier1(5, true).modifier1(0, false);
        assert_eq!(taken(five), [5]);
        // Code, a ping, a close mark.
        let rules = [22, 100, 200]
            .iter()
            .fold(Rules::STRICT, |r, n| r.modifier1(*n, true));
        assert_eq!(taken(rules), [0]);
    }
}
