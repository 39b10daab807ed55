//! FastCGI 1.0, both sides.

pub mod client;
mod encode;
pub(crate) mod pairs;
mod record;
pub mod server;
pub(crate) mod values;
mod verdict;
mod walk;

pub use client::{Client, Ext as ClientExt, Limits as ClientLimits, Slot as ClientSlot};
pub use record::{MAX_CONTENT, kind};
pub use server::{Ext as ServerExt, Limits as ServerLimits, Server, Slot};
pub use values::{Values, Wanted};
pub use verdict::{Outcome, Verdict};
pub use walk::{Part, Record, Walker};

/// What an application is asked to be. FastCGI 1.0, 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Role {
    /// Answers a request. 6.2.
    Responder,
    /// Says whether a request may go on. 6.3.
    Authorizer,
    /// Answers a request from a file that comes on DATA. 6.4.
    Filter,
}

impl Role {
    /// The role of a BEGIN_REQUEST: 1, 2 or 3.
    ///
    /// ```
    /// use vestibule::fcgi::Role;
    /// assert_eq!(Role::from_code(2), Some(Role::Authorizer));
    /// assert_eq!(Role::from_code(4), None);
    /// ```
    pub const fn from_code(code: u16) -> Option<Role> {
        match code {
            1 => Some(Role::Responder),
            2 => Some(Role::Authorizer),
            3 => Some(Role::Filter),
            _ => None,
        }
    }

    /// Its number on the wire.
    pub const fn code(self) -> u16 {
        match self {
            Role::Responder => 1,
            Role::Authorizer => 2,
            Role::Filter => 3,
        }
    }
}
