//! What of a request a program gets: one switch for each kind of variable that
//! is withheld.

/// Which variables become part of a program's environment.
/// [`STRICT`](Self::STRICT) is those of a request, without secrets; each setter
/// lets others pass.
///
/// ```
/// use vestibule::cgi::{Client, Passes};
/// let client = Client::new().passes(Passes::STRICT.authorization(true));
/// # let _ = client;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Passes {
    pub(super) authorization: bool,
    pub(super) any_variable: bool,
}

impl Passes {
    /// [`is_meta`](super::meta::is_meta) variables, but no Authorization.
    pub const STRICT: Passes = Passes {
        authorization: false,
        any_variable: false,
    };

    /// Authorization and Proxy-Authorization pass. Off: they are dropped.
    /// RFC 3875, 4.1.18 and 9.2.
    ///
    /// Opens: whoever may look at the environment of processes on the machine
    /// sees passwords and tokens. Needed by: programs that check them
    /// themselves.
    #[must_use]
    pub const fn authorization(mut self, on: bool) -> Self {
        self.authorization = on;
        self
    }

    /// Variables of any name pass, but `HTTP_PROXY`. Off: those that say
    /// nothing of a request, as [`is_meta`](super::meta::is_meta) has it, are
    /// dropped.
    ///
    /// Opens: whoever can speak to the front as a web server chooses what the
    /// loader, the shell and the interpreter of the program obey (LD_PRELOAD,
    /// BASH_ENV, PERL5OPT and many more), and so what is run. Needed behind:
    /// web servers that set variables of the administrator's.
    #[must_use]
    pub const fn any_variable(mut self, on: bool) -> Self {
        self.any_variable = on;
        self
    }
}

impl Default for Passes {
    fn default() -> Self {
        Self::STRICT
    }
}
