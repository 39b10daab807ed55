//! Time as a number that the caller passes. No machine knows a clock.

/// Milliseconds since any fixed moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Millis(pub u64);

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing is open.
    Idle,
    /// The rest of a head.
    Head,
    /// More of a body.
    Body,
    /// The answer (for a server machine: ours; for a client machine: the peer's).
    Response,
    /// The peer's close.
    Closing,
}

/// How long each phase may last without an event, in milliseconds; zero means
/// at once, `u32::MAX` for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// Between exchanges. Default 60,000.
    pub idle: u32,
    /// A head, from its first byte to its last, however it trickles. Default 10,000.
    pub head: u32,
    /// Between two events of a body. Default 30,000.
    pub body: u32,
    /// Between two events of an answer. Default 60,000.
    pub response: u32,
    /// The peer's close after ours. Default 2,000.
    pub closing: u32,
    /// No phase: how long a body is held back for the word that it is wanted
    /// (100 Continue), which some never say. Default 1,000. RFC 9110, 10.1.1.
    pub expect: u32,
}

impl Timeouts {
    /// The defaults named at each field.
    pub const DEFAULT: Timeouts = Timeouts {
        idle: 60_000,
        head: 10_000,
        body: 30_000,
        response: 60_000,
        closing: 2_000,
        expect: 1_000,
    };

    /// The same time for every phase; [`expect`](Self::expect) as by default.
    pub const fn all(ms: u32) -> Self {
        Timeouts {
            idle: ms,
            head: ms,
            body: ms,
            response: ms,
            closing: ms,
            expect: Self::DEFAULT.expect,
        }
    }

    const fn of(&self, phase: Phase) -> u32 {
        match phase {
            Phase::Idle => self.idle,
            Phase::Head => self.head,
            Phase::Body => self.body,
            Phase::Response => self.response,
            Phase::Closing => self.closing,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// When a connection has waited long enough.
///
/// Only events count as progress: bytes that come to nothing do not, or a peer
/// could hold a connection for ever. A head has one deadline from its first
/// byte on.
///
/// ```
/// use vestibule::{Deadline, Millis, Phase, Timeouts};
/// let mut deadline = Deadline::new(Timeouts::DEFAULT);
/// deadline.observe(Phase::Head, Millis(1_000), true);
/// deadline.observe(Phase::Head, Millis(9_000), true); // trickles
/// assert_eq!(deadline.at(), Some(Millis(11_000)));
/// assert_eq!(deadline.expired(Millis(11_000)), Some(Phase::Head));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    timeouts: Timeouts,
    phase: Phase,
    since: Option<Millis>,
}

impl Deadline {
    /// Nothing observed yet, so nothing can expire.
    pub const fn new(timeouts: Timeouts) -> Self {
        Deadline {
            timeouts,
            phase: Phase::Idle,
            since: None,
        }
    }

    /// To be called after each batch of input or output with the machine's
    /// phase; `progress` says whether the batch brought at least one event
    /// (or, writing, moved at least one byte). Also within a batch, where the
    /// phase is another after an event: each head of a pipelining peer has its
    /// own time only then.
    pub fn observe(&mut self, phase: Phase, now: Millis, progress: bool) {
        let fresh = phase != self.phase || (progress && phase != Phase::Head);
        if fresh || self.since.is_none() {
            self.since = Some(now);
        }
        self.phase = phase;
    }

    /// The phase that was observed last.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// When to come back; `None` where no time is set.
    pub fn at(&self) -> Option<Millis> {
        let ms = self.timeouts.of(self.phase);
        match self.since {
            Some(Millis(since)) if ms != u32::MAX => {
                Some(Millis(since.saturating_add(u64::from(ms))))
            }
            _ => None,
        }
    }

    /// The phase that took too long, if one did.
    pub fn expired(&self, now: Millis) -> Option<Phase> {
        self.at().filter(|at| now >= *at).map(|_| self.phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junk_is_no_progress() {
        let mut d = Deadline::new(Timeouts::all(10));
        assert_eq!(d.expired(Millis(u64::MAX)), None);
        d.observe(Phase::Body, Millis(0), true);
        d.observe(Phase::Body, Millis(5), false);
        assert_eq!(d.expired(Millis(9)), None);
        assert_eq!(d.expired(Millis(10)), Some(Phase::Body));
        d.observe(Phase::Body, Millis(6), true);
        assert_eq!(d.at(), Some(Millis(16)));
        d.observe(Phase::Response, Millis(7), false);
        assert_eq!(d.at(), Some(Millis(17)));
    }

    #[test]
    fn each_head_has_its_own_time() {
        let mut d = Deadline::new(Timeouts::all(10));
        d.observe(Phase::Head, Millis(0), true);
        d.observe(Phase::Response, Millis(8), true);
        d.observe(Phase::Head, Millis(8), true);
        assert_eq!((d.phase(), d.at()), (Phase::Head, Some(Millis(18))));
        d.observe(Phase::Head, Millis(9), true);
        assert_eq!(d.at(), Some(Millis(18)));
    }

    #[test]
    fn for_ever() {
        let mut d = Deadline::new(Timeouts::all(u32::MAX));
        d.observe(Phase::Idle, Millis(0), true);
        assert_eq!(d.at(), None);
    }
}
