//! One switch for each deviation from the protocol.

use crate::text::switches::switches;

/// What a client machine accepts beyond the protocol.
///
/// ```
/// use vestibule::ajp::{Client, ClientRules};
/// const RULES: ClientRules = ClientRules::STRICT.interim(true);
/// let client = Client::new().rules(RULES);
/// # let _ = client;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Rules {
    switches: u8,
}

switches! {
    /// A SEND_BODY_CHUNK may end with its data, without the byte behind them
    /// that every container sends though no grammar has it. Off:
    /// [`Error::BadPacket`](crate::Error::BadPacket).
    ///
    /// Opens: nothing. Needed by: what was written after the specification
    /// alone.
    1 missing_pad allows_missing_pad;
    /// Any status of 200 to 999. Off: 200 to 599, as RFC 9110, 15, has it, and
    /// else [`Error::BadStatus`](crate::Error::BadStatus).
    ///
    /// Opens: what stands in front may take such a status as 500, or refuse it.
    /// Needed by: applications with statuses of their own.
    2 any_status allows_any_status;
    /// SEND_HEADERS with a status of 100 to 199, but 101, may come before that
    /// of the answer. Off, and always for 101:
    /// [`Error::Interim`](crate::Error::Interim).
    ///
    /// Opens: a server that passes such a head on as the answer itself gets out
    /// of step with its client. Needed by: containers that send 100 first.
    4 interim allows_interim;
}

impl Rules {
    /// No switch is on.
    pub const STRICT: Rules = Rules { switches: 0 };
}
