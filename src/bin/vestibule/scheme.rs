//! What can be spoken at an address.

/// A protocol, under the name that it has in endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Fcgi,
    Http,
    Scgi,
    Uwsgi,
    Ajp,
    Cgi,
}

impl Scheme {
    pub const ALL: [Scheme; 6] = [
        Scheme::Fcgi,
        Scheme::Http,
        Scheme::Scgi,
        Scheme::Uwsgi,
        Scheme::Ajp,
        Scheme::Cgi,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Scheme::Fcgi => "fcgi",
            Scheme::Http => "http",
            Scheme::Scgi => "scgi",
            Scheme::Uwsgi => "uwsgi",
            Scheme::Ajp => "ajp",
            Scheme::Cgi => "cgi",
        }
    }

    /// What the protocol itself is called.
    pub const fn protocol(self) -> &'static str {
        match self {
            Scheme::Fcgi => "FastCGI",
            Scheme::Http => "HTTP",
            Scheme::Scgi => "SCGI",
            Scheme::Uwsgi => "uwsgi",
            Scheme::Ajp => "AJP",
            Scheme::Cgi => "CGI",
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
            Scheme::Ajp => Some(8009),
            Scheme::Fcgi | Scheme::Scgi | Scheme::Uwsgi | Scheme::Cgi => None,
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

    /// Whether it is between a web server and an application: who asks is
    /// believed.
    pub const fn is_of_web_servers(self) -> bool {
        !matches!(self, Scheme::Http)
    }

    /// Whether a request can have any variables, not only what it has places
    /// for, and header fields.
    pub const fn has_variables(self) -> bool {
        !matches!(self, Scheme::Http | Scheme::Ajp)
    }

    /// Whether a request may bring a secret.
    pub const fn has_secret(self) -> bool {
        matches!(self, Scheme::Ajp)
    }

    /// Whether both sides must have agreed how long a packet may be.
    pub const fn has_packets(self) -> bool {
        matches!(self, Scheme::Ajp)
    }

    /// Whether those who listen are one application, for all paths: what a
    /// path says is PATH_INFO.
    pub const fn is_one_application(self) -> bool {
        matches!(self, Scheme::Scgi | Scheme::Uwsgi | Scheme::Cgi)
    }

    /// Whether a script is run that a variable names: without one there is
    /// nothing to run.
    pub const fn runs_scripts(self) -> bool {
        matches!(self, Scheme::Fcgi)
    }

    /// Whether the length of a request's body must be said before it.
    pub const fn wants_length(self) -> bool {
        matches!(self, Scheme::Scgi | Scheme::Uwsgi | Scheme::Cgi)
    }

    /// Whether those who listen close connections without a word, sooner or
    /// later, that could carry another request.
    pub const fn is_closed_at_will(self) -> bool {
        matches!(self, Scheme::Http)
    }

    /// What stands behind its name in endpoints: where connections are made,
    /// or what is run for each request.
    pub const fn kinds(self) -> &'static [&'static str] {
        match self {
            Scheme::Cgi => &[":"],
            _ => &["://", "+unix:", "+fd:"],
        }
    }

    /// How endpoints begin; with those that can be listened at alone.
    pub fn beginnings(listening: bool) -> String {
        let mut all = Vec::new();
        for scheme in Scheme::ALL {
            for kind in scheme.kinds().iter().copied() {
                let good = match kind {
                    "+fd:" => listening && scheme.is_spawned(),
                    ":" => !listening,
                    _ => true,
                };
                if good {
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
        assert!(!Scheme::beginnings(true).ends_with(" and cgi:"));
        assert!(Scheme::beginnings(false).ends_with(" and cgi:"));
        assert!(!Scheme::beginnings(false).contains("+fd:"));
        for scheme in Scheme::ALL {
            assert_eq!(Scheme::named(scheme.name()), Some(scheme));
        }
    }
}
