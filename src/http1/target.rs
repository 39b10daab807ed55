//! Request targets and hosts. RFC 9112, 3.2; RFC 3986, 3.2.2.
//!
//! The server machine judges the form of a target byte by byte and gives the
//! target as it came. [`Target`] takes it apart; [`agrees`] compares it to Host.

use super::lines::is_plain;
use crate::text::token::target_len;

/// Where a host stands between two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Host {
    #[default]
    Start,
    Name,
    /// After `%`, and after the digit behind it.
    Percent,
    Digit,
    /// In brackets: at their start, in an IPv6 address, in a later form.
    Open,
    Six,
    Later,
    /// After the brackets.
    Close,
    /// After the colon.
    Port,
    Bad,
}

impl Host {
    #[inline]
    pub(crate) fn step(self, byte: u8) -> Host {
        match (self, byte) {
            (Host::Name | Host::Close, b':') => Host::Port,
            (Host::Start | Host::Name, _) if is_name(byte) => Host::Name,
            (Host::Start | Host::Name, b'%') => Host::Percent,
            (Host::Start, b'[') => Host::Open,
            (Host::Port, b'0'..=b'9') => Host::Port,
            (Host::Percent, _) if byte.is_ascii_hexdigit() => Host::Digit,
            (Host::Digit, _) if byte.is_ascii_hexdigit() => Host::Name,
            (Host::Open | Host::Six, b':' | b'.') => Host::Six,
            (Host::Open | Host::Six, _) if byte.is_ascii_hexdigit() => Host::Six,
            (Host::Open, b'v' | b'V') => Host::Later,
            (Host::Later, b':') => Host::Later,
            (Host::Later, _) if is_name(byte) => Host::Later,
            (Host::Six | Host::Later, b']') => Host::Close,
            _ => Host::Bad,
        }
    }

    /// Whether it may end here. It is not empty then.
    #[inline]
    pub(crate) fn complete(self) -> bool {
        matches!(self, Host::Name | Host::Close | Host::Port)
    }
}

/// What a name is made of: unreserved bytes, and the delimiters but the comma,
/// by which Host lines may have been joined.
#[inline]
pub(crate) const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b';'
                | b'='
        )
}

/// Where a target stands between two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    #[default]
    Start,
    Origin,
    Asterisk,
    Scheme,
    /// After the colon, and after one slash.
    Colon,
    Slash,
    /// In an authority: before a path, and alone.
    Before,
    Alone,
    /// Behind an authority.
    Path,
    Bad,
}

/// A target as it streams in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    pub form: Form,
    pub host: Host,
    /// The port of an authority that stands alone, saturating.
    port: u32,
    /// The target is for CONNECT.
    pub connect: bool,
}

impl Shape {
    pub(crate) const NEW: Shape = Shape {
        form: Form::Start,
        host: Host::Start,
        port: 0,
        connect: false,
    };

    pub(crate) fn step(&mut self, byte: u8) {
        self.form = match (self.form, byte) {
            (Form::Start, _) if self.connect => self.alone(byte),
            (Form::Start, b'/') | (Form::Origin, _) => Form::Origin,
            (Form::Start, b'*') => Form::Asterisk,
            (Form::Start, _) if byte.is_ascii_alphabetic() => Form::Scheme,
            (Form::Scheme, b'+' | b'-' | b'.') => Form::Scheme,
            (Form::Scheme, _) if byte.is_ascii_alphanumeric() => Form::Scheme,
            (Form::Scheme, b':') => Form::Colon,
            (Form::Colon, b'/') => Form::Slash,
            (Form::Slash, b'/') => Form::Before,
            (Form::Before, b'/' | b'?') if self.host.complete() => Form::Path,
            (Form::Before, _) => {
                self.host = self.host.step(byte);
                Form::Before
            }
            (Form::Alone, _) => self.alone(byte),
            (Form::Path, _) => Form::Path,
            _ => Form::Bad,
        };
    }

    fn alone(&mut self, byte: u8) -> Form {
        if self.host == Host::Port {
            // Whether it is a digit the host says.
            let digit = u32::from(byte.wrapping_sub(b'0'));
            self.port = self.port.saturating_mul(10).saturating_add(digit);
        }
        self.host = self.host.step(byte);
        Form::Alone
    }

    /// Whether the target may end here.
    pub(crate) fn complete(&self, options: bool) -> bool {
        match self.form {
            Form::Origin | Form::Path => true,
            Form::Asterisk => options,
            Form::Before => self.host.complete(),
            Form::Alone => self.host == Host::Port && matches!(self.port, 1..=65_535),
            _ => false,
        }
    }
}

/// A request target, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target<'t> {
    /// A path, and a query if there is a `?`. RFC 9112, 3.2.1.
    Origin {
        /// Begins with `/`; not decoded.
        path: &'t [u8],
        /// What is behind the first `?`.
        query: Option<&'t [u8]>,
    },
    /// A whole URI. RFC 9112, 3.2.2. Its authority counts, Host does not.
    Absolute {
        /// Without the colon.
        scheme: &'t [u8],
        /// Host, and port if there is a colon. Never empty, never with a user.
        authority: &'t [u8],
        /// Begins with `/`, or is empty, which means `/` (with OPTIONS: `*`).
        path: &'t [u8],
        /// What is behind the first `?`.
        query: Option<&'t [u8]>,
    },
    /// Host and port, for CONNECT. RFC 9112, 3.2.3.
    Authority {
        /// With the brackets of an IPv6 address.
        host: &'t [u8],
        /// 1 to 65,535.
        port: u16,
    },
    /// The server itself, with OPTIONS. RFC 9112, 3.2.4.
    Asterisk,
}

impl<'t> Target<'t> {
    /// Takes a target apart; `None` where it has none of the four forms, or a
    /// byte that no target has: a control byte, a blank, `#`, or one from 0x80
    /// on.
    ///
    /// ```
    /// use vestibule::http1::target::Target;
    /// let path = &b"/a"[..];
    /// let query = Some(&b"b=1"[..]);
    /// assert_eq!(Target::parse(b"/a?b=1"), Some(Target::Origin { path, query }));
    /// let (scheme, authority) = (&b"http"[..], &b"h:8080"[..]);
    /// let absolute = Target::Absolute { scheme, authority, path, query };
    /// assert_eq!(Target::parse(b"http://h:8080/a?b=1"), Some(absolute));
    /// let host = &b"[::1]"[..];
    /// assert_eq!(Target::parse(b"[::1]:443"), Some(Target::Authority { host, port: 443 }));
    /// assert_eq!(Target::parse(b"*"), Some(Target::Asterisk));
    /// assert_eq!(Target::parse(b"a/b"), None);
    /// ```
    pub fn parse(target: &'t [u8]) -> Option<Self> {
        if target_len(target) != target.len() {
            return None;
        }
        if let [b'/', ..] = target {
            let (path, query) = split_query(target);
            return Some(Target::Origin { path, query });
        }
        let mut shape = Shape::NEW;
        target.iter().for_each(|b| shape.step(*b));
        if shape.complete(true) {
            return match shape.form {
                Form::Asterisk => Some(Target::Asterisk),
                _ => absolute(target),
            };
        }
        let mut shape = Shape {
            connect: true,
            ..Shape::NEW
        };
        target.iter().for_each(|b| shape.step(*b));
        if !shape.complete(false) {
            return None;
        }
        let (host, port) = split_port(target);
        let port = crate::text::decimal::decimal(port?)?;
        Some(Target::Authority {
            host,
            port: u16::try_from(port).ok()?,
        })
    }
}

fn split_query(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|b| *b == b'?') {
        Some(at) => (
            text.get(..at).unwrap_or(&[]),
            text.get(at.saturating_add(1)..),
        ),
        None => (text, None),
    }
}

fn absolute(text: &[u8]) -> Option<Target<'_>> {
    let at = text.iter().position(|b| *b == b':')?;
    let scheme = text.get(..at)?;
    let rest = text.get(at.checked_add(3)?..)?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?'));
    let (authority, rest) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
    let (path, query) = split_query(rest);
    Some(Target::Absolute {
        scheme,
        authority,
        path,
        query,
    })
}

/// Host and port of an authority; no port where there is no colon behind the
/// host.
fn split_port(authority: &[u8]) -> (&[u8], Option<&[u8]>) {
    let colon = authority.iter().rposition(|b| *b == b':');
    let bracket = authority.iter().rposition(|b| *b == b']');
    match colon {
        Some(at) if bracket.is_none_or(|b| b < at) => (
            authority.get(..at).unwrap_or(&[]),
            authority.get(at.saturating_add(1)..),
        ),
        _ => (authority, None),
    }
}

/// Whether `host` is the value of a Host field: a name, an address, or nothing,
/// and a port perhaps; no user, no comma. RFC 9110, 7.2.
///
/// ```
/// use vestibule::http1::target::is_host;
/// assert!(is_host(b"example.org:80") && is_host(b"[::1]") && is_host(b""));
/// assert!(!is_host(b"user@example.org") && !is_host(b"a, b") && !is_host(b":80"));
/// ```
pub fn is_host(host: &[u8]) -> bool {
    host.is_empty() || is_plain(host) || host.iter().fold(Host::Start, |h, b| h.step(*b)).complete()
}

/// Whether a target and the Host field beside it name the same: always where
/// the target has no authority, else by host without regard to case, and by
/// port, where none means that of the scheme (http 80, https 443).
///
/// A request that fails this was made to be taken for two different ones:
/// refuse it with [`Error::Host`](crate::Error::Host).
///
/// ```
/// use vestibule::http1::target::{Target, agrees};
/// let target = Target::parse(b"http://Example.org/a").unwrap();
/// assert!(agrees(target, b"example.org:80"));
/// assert!(!agrees(target, b"example.net"));
/// ```
pub fn agrees(target: Target<'_>, host: &[u8]) -> bool {
    let number = |port: &[u8]| crate::text::decimal::decimal(port);
    let (mine, port, default) = match target {
        Target::Origin { .. } | Target::Asterisk => return true,
        Target::Absolute {
            scheme, authority, ..
        } => {
            let default = if scheme.eq_ignore_ascii_case(b"https") {
                443
            } else {
                80
            };
            let (mine, port) = split_port(authority);
            let port = port.and_then(number).unwrap_or(default);
            (mine, port, Some(default))
        }
        Target::Authority { host, port } => (host, u64::from(port), None),
    };
    let (theirs, other) = split_port(host);
    mine.eq_ignore_ascii_case(theirs) && other.and_then(number).or(default) == Some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for good in [
            &b"h"[..],
            b"example.org",
            b"h:",
            b"h:80",
            b"127.0.0.1:8080",
            b"[::1]",
            b"[::1]:80",
            b"[::ffff:1.2.3.4]",
            b"[v1.a:b]",
            b"a%20b",
            b"_a~b",
            b"",
        ] {
            assert!(is_host(good), "{}", good.escape_ascii());
        }
        for bad in [
            &b":80"[..],
            b"u@h",
            b"h/x",
            b"h?x",
            b"h#x",
            b"a b",
            b"a,b",
            b"h:x",
            b"h:80:80",
            b"[::1",
            b"[]",
            b"[::1]x",
            b"[::g]",
            b"a%2",
            b"a%2g",
            b"\xe4",
            b"h\0",
            b"a[::1]",
        ] {
            assert!(!is_host(bad), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn targets() {
        for bad in [
            &b""[..],
            b"a/b",
            b"h",
            b"h:",
            b"h:0",
            b"h:65536",
            b"h:99999999999999999999",
            b":80",
            b"**",
            b"*/",
            b"http:/h",
            b"http:///a",
            b"http://",
            b"http://u@h/",
            b"1http://h/",
            b"/a#b",
            b"/a b",
            b"/\xff",
            b"?a",
        ] {
            assert_eq!(Target::parse(bad), None, "{}", bad.escape_ascii());
        }
        let host = &b"h"[..];
        for (text, port) in [(&b"h:1"[..], 1), (b"h:65535", 65_535), (b"h:0080", 80)] {
            let want = Some(Target::Authority { host, port });
            assert_eq!(Target::parse(text), want);
        }
        let (scheme, path) = (&b"http"[..], &b""[..]);
        let query = Some(&b"q?/"[..]);
        let want = Target::Absolute {
            scheme,
            authority: host,
            path,
            query,
        };
        assert_eq!(Target::parse(b"http://h?q?/"), Some(want));
    }

    #[test]
    fn agreement() {
        let agree = |target: &[u8], host| agrees(Target::parse(target).unwrap(), host);
        assert!(agree(b"/a", b"anything") && agree(b"*", b""));
        assert!(agree(b"https://h/", b"h:443") && agree(b"https://h:/", b"H"));
        assert!(!agree(b"https://h/", b"h:80") && !agree(b"http://h:8080/", b"h"));
        assert!(agree(b"http://[::1]:80/", b"[::1]"));
        assert!(agree(b"h:80", b"h:80") && !agree(b"h:80", b"h") && !agree(b"h:80", b"g:80"));
    }
}
