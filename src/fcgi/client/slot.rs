//! What is kept for each request.

use crate::cgi::response::State;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Free,
    /// Its answer is read.
    Open,
    /// STDOUT has ended.
    Ended,
    /// We gave it up; its END_REQUEST, and so its `Done`, is awaited.
    Aborted,
    /// It had its `Done`; its END_REQUEST is awaited, for until then the id
    /// may not be used again.
    Spent,
}

/// What of the request is still to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Stdin,
    Data,
    Sent,
}

/// KEEP_CONN was set.
pub(super) const KEEP: u16 = 1;
/// The rest of the answer is not wanted.
pub(super) const DISCARD: u16 = 2;
/// STDOUT carried a byte.
pub(super) const STDOUT: u16 = 4;
/// STDERR carried a byte.
pub(super) const STDERR: u16 = 8;
/// The head of the answer was given.
pub(super) const HEAD: u16 = 16;
/// DATA follows STDIN.
pub(super) const FILTER: u16 = 32;
/// STDOUT ended with END_REQUEST.
pub(super) const IMPLIED: u16 = 64;
/// STDOUT ended without a byte.
pub(super) const SILENT: u16 = 128;
/// Its method is idempotent (RFC 9110, 9.2.2), and there was an answer on the
/// connection before it.
pub(super) const AGAIN: u16 = 256;

/// Room for one request of a [`Client`](super::Client): at most 64 bytes.
///
/// ```
/// use vestibule::fcgi::client::{Client, Slot};
/// // A hundred requests at a time, in the caller's own storage.
/// let mut slots = vec![Slot::EMPTY; 100];
/// let client = Client::new(&mut slots[..]);
/// assert_eq!(client.free(), 100);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub(super) answer: State,
    /// Bytes of STDIN still to be sent; the maximum where not declared.
    pub(super) stdin: u64,
    /// Likewise of DATA.
    pub(super) data: u64,
    /// Bytes of STDERR so far.
    pub(super) log: u32,
    pub(super) life: Life,
    pub(super) input: Input,
    pub(super) flags: u16,
}

impl Slot {
    /// Free.
    pub const EMPTY: Slot = Slot {
        answer: State::new(false),
        stdin: 0,
        data: 0,
        log: 0,
        life: Life::Free,
        input: Input::Sent,
        flags: 0,
    };

    #[inline]
    pub(super) fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// Whether what the application says is passed on.
    #[inline]
    pub(super) fn listens(&self) -> bool {
        matches!(self.life, Life::Open | Life::Ended) && !self.is(DISCARD)
    }
}

impl Default for Slot {
    fn default() -> Self {
        Slot::EMPTY
    }
}
