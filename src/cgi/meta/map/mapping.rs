//! Which header fields become variables.

use super::variable;

/// Which header fields become variables.
///
/// Never withheld by choice, because they are always: `Proxy`, which would
/// become the variable by which HTTP libraries are told their proxy; the
/// fields that are for one connection alone (Keep-Alive, TE, Trailer,
/// Transfer-Encoding, Proxy-Connection, Connection, and those that Connection
/// names); and Expect, which the web server answers.
///
/// ```
/// use vestibule::cgi::meta::Mapping;
/// const MAPPING: Mapping = Mapping::PROCESS.drop_odd_names(true);
/// assert_ne!(MAPPING, Mapping::PROCESS);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    switches: u8,
}

const AUTHORIZATION: u8 = 1;
const DROP_ODD: u8 = 2;
const UPGRADE: u8 = 4;

impl Mapping {
    /// For a program with an environment, which others on the machine may
    /// read: Authorization and Proxy-Authorization are withheld.
    pub const PROCESS: Mapping = Mapping { switches: 0 };

    /// For FastCGI, SCGI and uwsgi: they pass.
    pub const GATEWAY: Mapping = Mapping {
        switches: AUTHORIZATION,
    };

    /// Whether Authorization and Proxy-Authorization pass. RFC 3875, 4.1.18
    /// and 9.2.
    #[must_use]
    pub const fn authorization(self, on: bool) -> Self {
        self.set(AUTHORIZATION, on)
    }

    /// Whether fields whose names have other bytes than letters, digits and
    /// `-` are dropped, as web servers do. Off:
    /// [`Refused::Field`](crate::Refused::Field).
    ///
    /// Opens: nothing reaches the application under such a name, but a client
    /// is not told either. Needed: in front of any client, since `X_A` and
    /// `X-A` would be one variable.
    #[must_use]
    pub const fn drop_odd_names(self, on: bool) -> Self {
        self.set(DROP_ODD, on)
    }

    /// Whether Connection and Upgrade pass, for an application that takes the
    /// connection over. Opens: an application that honours Connection may
    /// treat its own connection by it.
    #[must_use]
    pub const fn upgrade(self, on: bool) -> Self {
        self.set(UPGRADE, on)
    }

    const fn set(mut self, bit: u8, on: bool) -> Self {
        self.switches = if on {
            self.switches | bit
        } else {
            self.switches & !bit
        };
        self
    }

    const fn has(self, bit: u8) -> bool {
        self.switches & bit != 0
    }

    pub(super) const fn drops_odd_names(self) -> bool {
        self.has(DROP_ODD)
    }

    /// Whether the field never becomes a variable.
    pub(super) fn withholds(self, name: &[u8]) -> bool {
        let known: &[&[u8]] = match name.len() {
            2 => &[b"te"],
            5 => &[b"proxy"],
            6 => &[b"expect"],
            7 if self.has(UPGRADE) => &[b"trailer"],
            7 => &[b"trailer", b"upgrade"],
            10 if self.has(UPGRADE) => &[b"keep-alive"],
            10 => &[b"keep-alive", b"connection"],
            13 if !self.has(AUTHORIZATION) => &[b"authorization"],
            16 => &[b"proxy-connection"],
            17 => &[b"transfer-encoding"],
            19 if !self.has(AUTHORIZATION) => &[b"proxy-authorization"],
            _ => return false,
        };
        known.iter().any(|k| k.eq_ignore_ascii_case(name))
    }

    /// Whether Connection may say that this field is for the connection alone.
    pub(super) fn withheld_if_listed(self, name: &[u8]) -> bool {
        !(variable(name).is_some()
            || name.eq_ignore_ascii_case(b"host")
            || self.has(UPGRADE) && name.eq_ignore_ascii_case(b"upgrade"))
    }
}

impl Default for Mapping {
    fn default() -> Self {
        Self::GATEWAY
    }
}
