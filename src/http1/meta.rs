//! What an application is told of a request that came by HTTP, beside what its
//! head says: the meta-variables that a web server makes. RFC 3875, 4.1.

use super::target::{Target, agrees};
use crate::cgi::meta::host_name;
use crate::cgi::path::{Mount, PathError, PathRules, Slash, query, raw_path, split};
use crate::error::{Error, Overflow};
use crate::event::{Field, Space};
use crate::fields::Fields;
use crate::frame::fill;
use crate::text::decimal::Decimal;

/// What is known of the connection that a request came over, and of us.
///
/// ```
/// use vestibule::http1::meta::Local;
/// let local = Local::DEFAULT.remote(b"192.0.2.1", 4000).server(b"198.51.100.1", 443).https(true);
/// assert_ne!(local, Local::DEFAULT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local<'l> {
    remote: Option<(&'l [u8], u16)>,
    server: Option<(&'l [u8], u16)>,
    https: bool,
    software: &'l [u8],
}

impl<'l> Local<'l> {
    /// No addresses, as over a Unix socket; no TLS; this crate and its version.
    pub const DEFAULT: Local<'static> = Local {
        remote: None,
        server: None,
        https: false,
        software: concat!("vestibule/", env!("CARGO_PKG_VERSION")).as_bytes(),
    };

    /// REMOTE_ADDR, an address without brackets, and REMOTE_PORT, which 0
    /// leaves out. RFC 3875, 4.1.8.
    #[must_use]
    pub const fn remote(mut self, address: &'l [u8], port: u16) -> Self {
        self.remote = Some((address, port));
        self
    }

    /// SERVER_ADDR, an address without brackets, and SERVER_PORT: those that
    /// the client has connected to. RFC 3875, 4.1.15.
    #[must_use]
    pub const fn server(mut self, address: &'l [u8], port: u16) -> Self {
        self.server = Some((address, port));
        self
    }

    /// Whether the request came over TLS: HTTPS is then `on`, and
    /// REQUEST_SCHEME `https`.
    #[must_use]
    pub const fn https(mut self, on: bool) -> Self {
        self.https = on;
        self
    }

    /// SERVER_SOFTWARE. RFC 3875, 4.1.17.
    #[must_use]
    pub const fn software(mut self, software: &'l [u8]) -> Self {
        self.software = software;
        self
    }
}

impl Default for Local<'_> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl From<Overflow> for Error {
    /// The head is too long for the storage.
    fn from(_: Overflow) -> Error {
        Error::HeadTooLong
    }
}

/// Makes the head of a request what an application expects: to what an HTTP
/// server machine has given (REQUEST_METHOD, REQUEST_URI, SERVER_PROTOCOL and
/// header fields, which stay as they are) it adds GATEWAY_INTERFACE,
/// QUERY_STRING, SCRIPT_NAME (empty), PATH_INFO (the whole path, decoded once),
/// SERVER_NAME, SERVER_PORT, REQUEST_SCHEME, SERVER_SOFTWARE, and where they
/// are known SERVER_ADDR, REMOTE_ADDR, REMOTE_PORT and HTTPS. REQUEST_URI loses
/// scheme and authority, which become the Host.
///
/// SERVER_NAME is the host of Host: a client chooses it. SERVER_PORT is that
/// of the connection. `room` must hold the target twice.
///
/// ```
/// use vestibule::{Field, Fields};
/// use vestibule::http1::meta::{Local, complete};
/// let mut head = Fields::new([0u8; 1024]);
/// head.push(Field::var(b"REQUEST_METHOD", b"GET"))?;
/// head.push(Field::var(b"REQUEST_URI", b"/a%20b?c"))?;
/// head.push(Field::header(b"Host", b"example.com:8080"))?;
/// let local = Local::DEFAULT.remote(b"192.0.2.1", 4000).server(b"198.51.100.1", 80);
/// complete(&mut head, &local, &mut [0; 256])?;
/// assert_eq!(head.get(b"PATH_INFO"), Some(&b"/a b"[..]));
/// assert_eq!(head.get(b"SERVER_NAME"), Some(&b"example.com"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Target`]: the target has no path, or one that is not to be
/// decoded: `%` without two digits, a control byte, `..` above the root.
/// [`Error::Host`]: it contradicts Host. [`Error::HeadTooLong`]: storage or
/// room is too small. The head is then not to be passed on.
pub fn complete<B: AsRef<[u8]> + AsMut<[u8]>>(
    head: &mut Fields<B>,
    local: &Local<'_>,
    room: &mut [u8],
) -> Result<(), Error> {
    let target = head.get(b"REQUEST_URI").ok_or(Error::Target)?;
    let (copy, room) = room
        .split_at_mut_checked(target.len())
        .ok_or(Error::HeadTooLong)?;
    fill(copy, target);
    let target: &[u8] = copy;
    if let Some(parsed @ Target::Absolute { authority, .. }) = Target::parse(target) {
        match head.get(b"host") {
            // Whoever routes by the one would not see the other.
            Some(host) if !host.is_empty() => {
                if !agrees(parsed, host) {
                    return Err(Error::Host);
                }
            }
            _ => {
                head.remove(Space::Header, b"host");
                head.push(Field::header(b"Host", authority))?;
            }
        }
    }
    path(head, target, room)?;
    names(head, local)?;
    for (name, value) in [
        (&b"GATEWAY_INTERFACE"[..], &b"CGI/1.1"[..]),
        (b"SERVER_SOFTWARE", local.software),
        (
            b"REQUEST_SCHEME",
            if local.https { b"https" } else { b"http" },
        ),
    ] {
        head.push(Field::var(name, value))?;
    }
    if local.https {
        head.push(Field::var(b"HTTPS", b"on"))?;
    }
    if let Some((address, port)) = local.remote {
        head.push(Field::var(b"REMOTE_ADDR", address))?;
        if port != 0 {
            let port = Decimal::new(u64::from(port));
            head.push(Field::var(b"REMOTE_PORT", port.bytes()))?;
        }
    }
    Ok(())
}

/// REQUEST_URI, QUERY_STRING, SCRIPT_NAME and PATH_INFO.
fn path<B: AsRef<[u8]> + AsMut<[u8]>>(
    head: &mut Fields<B>,
    target: &[u8],
    room: &mut [u8],
) -> Result<(), Error> {
    head.push(Field::var(b"QUERY_STRING", query(target)))?;
    head.push(Field::var(b"SCRIPT_NAME", b""))?;
    if target == b"*" {
        return Ok(());
    }
    let wrong = |error| match error {
        PathError::Room { .. } => Error::HeadTooLong,
        _ => Error::Target,
    };
    let raw = raw_path(target).map_err(wrong)?;
    if !target.starts_with(b"/") {
        // What is left of it may have lost its slash: from its two parts.
        let rest = target.iter().position(|b| *b == b'?');
        let rest = rest.and_then(|at| target.get(at..)).unwrap_or(&[]);
        head.remove(Space::Var, b"REQUEST_URI");
        let whole = Field::var(b"REQUEST_URI", raw);
        head.push(whole.first())?;
        head.push(Field::var(b"", rest).last())?;
    }
    let rules = PathRules::STRICT.slash(Slash::Decode);
    let split = split(raw, Mount::Root, rules, room).map_err(wrong)?;
    head.push(Field::var(b"PATH_INFO", split.path_info))?;
    Ok(())
}

/// SERVER_NAME, SERVER_PORT and SERVER_ADDR.
fn names<B: AsRef<[u8]> + AsMut<[u8]>>(
    head: &mut Fields<B>,
    local: &Local<'_>,
) -> Result<(), Error> {
    // From the storage to itself: by a piece at a time.
    let mut name = [0; 255];
    let host = host_name(head.get(b"host").unwrap_or(b""));
    let name = match name.get_mut(..host.len()) {
        Some(room) => {
            fill(room, host);
            &*room
        }
        // No host name is longer. RFC 1035, 2.3.4.
        None => return Err(Error::Host),
    };
    let (address, port) = local.server.unwrap_or((b"", 80));
    match (name, address) {
        (b"", b"") => head.push(Field::var(b"SERVER_NAME", b"localhost"))?,
        // Brackets keep the colons apart from that of a port.
        (b"", address) if address.contains(&b':') => {
            head.push(Field::var(b"SERVER_NAME", b"[").first())?;
            head.push(Field::var(b"", address).middle())?;
            head.push(Field::var(b"", b"]").last())?;
        }
        (b"", address) => head.push(Field::var(b"SERVER_NAME", address))?,
        (name, _) => head.push(Field::var(b"SERVER_NAME", name))?,
    }
    let port = Decimal::new(u64::from(port));
    head.push(Field::var(b"SERVER_PORT", port.bytes()))?;
    if !address.is_empty() {
        head.push(Field::var(b"SERVER_ADDR", address))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn completed(target: &str, heads: &[(&str, &str)], local: &Local<'_>) -> Result<String, Error> {
        let mut head = Fields::new(vec![0; 2048]);
        head.push(Field::var(b"REQUEST_METHOD", b"GET"))?;
        head.push(Field::var(b"REQUEST_URI", target.as_bytes()))?;
        for (name, value) in heads {
            head.push(Field::header(name.as_bytes(), value.as_bytes()))?;
        }
        complete(&mut head, local, &mut [0; 512])?;
        let mut lines: Vec<String> = head
            .iter()
            .map(|f| format!("{}={}\n", f.name.escape_ascii(), f.value.escape_ascii()))
            .collect();
        lines.sort();
        Ok(lines.concat())
    }

    #[test]
    fn variables() {
        let local = Local::DEFAULT
            .remote(b"192.0.2.1", 4000)
            .server(b"2001:db8::1", 8080)
            .software(b"s");
        let text = completed("/a%20b%2Fc?q=%20?", &[("Host", "[::1]:99")], &local).unwrap();
        assert_eq!(
            text,
            "GATEWAY_INTERFACE=CGI/1.1\nHost=[::1]:99\nPATH_INFO=/a b/c\n\
             QUERY_STRING=q=%20?\nREMOTE_ADDR=192.0.2.1\nREMOTE_PORT=4000\n\
             REQUEST_METHOD=GET\nREQUEST_SCHEME=http\nREQUEST_URI=/a%20b%2Fc?q=%20?\n\
             SCRIPT_NAME=\nSERVER_ADDR=2001:db8::1\nSERVER_NAME=[::1]\nSERVER_PORT=8080\n\
             SERVER_SOFTWARE=s\n"
        );
        let text = completed("/", &[("Host", "")], &local.https(true)).unwrap();
        assert!(text.contains("SERVER_NAME=[2001:db8::1]\n"), "{text}");
        assert!(text.contains("HTTPS=on\n") && text.contains("REQUEST_SCHEME=https\n"));
        let text = completed("/", &[], &Local::DEFAULT).unwrap();
        assert!(
            text.contains("SERVER_NAME=localhost\nSERVER_PORT=80\n"),
            "{text}"
        );
        assert!(!text.contains("_ADDR="), "{text}");
    }

    #[test]
    fn targets() {
        let has = |target: &str, line: &str| {
            let text = completed(target, &[("Host", "h:1")], &Local::DEFAULT).unwrap();
            assert!(text.contains(&format!("{line}\n")), "{target}: {text}");
        };
        has("http://h:1/a?b", "REQUEST_URI=/a?b");
        has("http://h:1", "REQUEST_URI=/");
        has("http://h:1?b", "REQUEST_URI=/?b");
        has("/a?", "REQUEST_URI=/a?");
        has("/a?", "QUERY_STRING=");
        has("*", "REQUEST_URI=*");
        has("/", "SERVER_NAME=h");
        let text = completed("http://x:2/", &[], &Local::DEFAULT).unwrap();
        assert!(text.contains("Host=x:2\n"), "{text}");
        let other = completed("http://x/", &[("Host", "h")], &Local::DEFAULT);
        assert_eq!(other, Err(Error::Host));
        for target in ["/%00", "/a/../..", "/%zz", "h:80", ""] {
            let got = completed(target, &[], &Local::DEFAULT);
            assert_eq!(got, Err(Error::Target), "{target}");
        }
    }

    #[test]
    fn storage_and_room() {
        let make = |storage, room| {
            let mut head = Fields::new(vec![0; storage]);
            head.push(Field::var(b"REQUEST_URI", b"/abc"))?;
            complete(&mut head, &Local::DEFAULT, &mut vec![0; room])
        };
        let need = (0..1000).find(|n| make(*n, 8).is_ok()).unwrap();
        assert_eq!(make(need - 1, 8), Err(Error::HeadTooLong));
        assert_eq!(make(need, 7), Err(Error::HeadTooLong));
        assert_eq!(make(need, 3), Err(Error::HeadTooLong));
    }
}
