//! What can be spoken at an address.

/// A protocol, under the name that it has in endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Fcgi,
    Http,
}

impl Scheme {
    pub const ALL: [Scheme; 2] = [Scheme::Fcgi, Scheme::Http];

    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Fcgi => "fcgi",
            Scheme::Http => "http",
        }
    }

    /// What the protocol itself is called.
    pub const fn protocol(self) -> &'static str {
        match self {
            Scheme::Fcgi => "FastCGI",
            Scheme::Http => "HTTP",
        }
    }

    pub fn named(name: &str) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    /// All names, for messages: `a, b and c`.
    pub fn names() -> String {
        listed(Scheme::ALL.map(|scheme| scheme.name().to_string()).into())
    }

    /// Its port, where it has a usual one.
    pub const fn port(self) -> Option<u16> {
        match self {
            Scheme::Http => Some(80),
            Scheme::Fcgi => None,
        }
    }

    /// Whether a spawner may pass the listening socket. FastCGI 1.0, 2.2.
    pub const fn is_spawned(self) -> bool {
        matches!(self, Scheme::Fcgi)
    }

    /// Whether requests are for roles, one of which works on a file.
    pub const fn has_roles(self) -> bool {
        matches!(self, Scheme::Fcgi)
    }

    /// Whether it is between a web server and an application: variables are
    /// sent, and who sends them is believed.
    pub const fn has_variables(self) -> bool {
        !matches!(self, Scheme::Http)
    }

    /// Whether those who listen close connections without a word, sooner or
    /// later, that could carry another request.
    pub const fn is_closed_at_will(self) -> bool {
        matches!(self, Scheme::Http)
    }

    /// How endpoints begin; with those that can be listened at alone.
    pub fn beginnings(listening: bool) -> String {
        let mut all = Vec::new();
        for scheme in Scheme::ALL {
            for kind in ["://", "+unix:", "+fd:"] {
                if kind != "+fd:" || listening && scheme.is_spawned() {
                    all.push(format!("{}{kind}", scheme.name()));
                }
            }
        }
        listed(all)
    }
}

/// `a, b and c`.
pub fn listed(mut all: Vec<String>) -> String {
    let last = all.pop().unwrap_or_default();
    match all.is_empty() {
        true => last,
        false => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        let list = |all: &[&str]| listed(all.iter().map(|s| s.to_string()).collect());
        assert_eq!(list(&["a"]), "a");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert!(Scheme::beginnings(true).starts_with("fcgi://, fcgi+unix:, fcgi+fd:, http://"));
        assert!(!Scheme::beginnings(false).contains("+fd:"));
        for scheme in Scheme::ALL {
            assert_eq!(Scheme::named(scheme.name()), Some(scheme));
        }
    }
}
