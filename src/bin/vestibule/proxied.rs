//! Connections that begin with a PROXY header, which says whose they are.

use std::io::{self, Read as _};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport as _;
use vestibule::proxy_protocol::{Event, Header, Parser};
use vestibule::{Error, Next, Receive as _};

use crate::args::complain;
use crate::context::Ends;
use crate::endpoint::Stream;
use crate::trusted::Trusted;

/// Reads the headers, of those who may send one.
#[derive(Debug)]
pub struct Proxied {
    trusted: Trusted,
    /// Connections that were closed: of peers that are not trusted, and with
    /// no header that is any good.
    strangers: AtomicUsize,
    spoilt: AtomicUsize,
}

/// Why there is no header.
enum Lost {
    /// Not a byte came.
    Nothing,
    Spoilt,
}

impl From<Error> for Lost {
    fn from(_: Error) -> Lost {
        Lost::Spoilt
    }
}

impl Proxied {
    pub fn new(trusted: Trusted) -> Proxied {
        Proxied {
            trusted,
            strangers: AtomicUsize::new(0),
            spoilt: AtomicUsize::new(0),
        }
    }

    /// Whether a peer may say whose a connection is; `None` is that of a Unix
    /// socket. Counts those who may not.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        let trusts = self.trusted.proxy(peer);
        if !trusts {
            self.strangers.fetch_add(1, Ordering::Relaxed);
        }
        trusts
    }

    /// Reads the header, within `time`, and not a byte more. Gives the ends of
    /// the connection: `real` ones, where the header leaves it at them.
    pub fn read(&self, stream: &Stream, real: Ends, time: Duration) -> Option<Ends> {
        match header(stream, time) {
            Ok(header) => Some(ends(&header, real)),
            // Somebody who has looked whether we are there.
            Err(Lost::Nothing) => None,
            Err(Lost::Spoilt) => {
                self.spoilt.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// Says how many were closed. Nothing in it is a peer's.
    pub fn report(&self) {
        for (count, what) in [
            (&self.strangers, "came from who is not trusted"),
            (&self.spoilt, "began with no PROXY header, or a bad one"),
        ] {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                complain(&format!("vestibule serve: {count} connections {what}"));
            }
        }
    }
}

fn header(mut stream: &Stream, time: Duration) -> Result<Header, Lost> {
    let end = Instant::now() + time;
    let (mut parser, mut any) = (Parser::default(), false);
    let mut buf = [0; 512];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.read_timeout(Some(left)).is_err() {
            return Err(Lost::Spoilt);
        }
        // What follows the header is left to who reads on.
        let most = parser.at_least().min(buf.len());
        let mut input = match stream.read(&mut buf[..most]) {
            Ok(0) if !any => return Err(Lost::Nothing),
            Ok(n @ 1..) => &buf[..n],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return Err(Lost::Spoilt),
        };
        any = true;
        while let Next::Event(event) = parser.next(&mut input)? {
            if let Event::Header(header) = event {
                return Ok(header);
            }
        }
    }
}

/// The ends that a header tells. Those of Unix sockets are of another machine,
/// maybe: nothing is known of them then.
fn ends(header: &Header, real: Ends) -> Ends {
    let addresses = (header.addresses.source(), header.addresses.destination());
    match addresses {
        (Some(source), Some(destination)) => Ends {
            remote: Some(source),
            local: Some(destination),
            https: header.ssl.is_some_and(|ssl| ssl.tls()),
        },
        _ => Ends {
            https: header.ssl.is_some_and(|ssl| ssl.tls()),
            ..real
        },
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    #[test]
    fn trusted_peers() {
        let names = |names: &[&str]| {
            let mut trusted = Trusted::default();
            names.iter().for_each(|n| trusted.add(n).unwrap());
            Proxied::new(trusted)
        };
        let ip = |text: &str| Some(text.parse().unwrap());
        let nobody = names(&[]);
        for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(nobody.trusts(ip(here)), "{here}");
        }
        assert!(nobody.trusts(None));
        assert_eq!(nobody.strangers.load(Ordering::Relaxed), 0);
        for there in ["10.0.0.1", "::2", "::ffff:10.0.0.1", "0.0.0.0"] {
            assert!(!nobody.trusts(ip(there)), "{there}");
        }
        assert_eq!(nobody.strangers.load(Ordering::Relaxed), 4);
        let some = names(&["10.0.0.0/8", "2001:db8::/32"]);
        assert!(some.trusts(ip("::ffff:10.1.2.3")) && some.trusts(ip("2001:db8::1")));
        assert!(!some.trusts(ip("127.0.0.1")) && some.trusts(None));
        let unix = names(&["unix"]);
        assert!(!unix.trusts(ip("127.0.0.1")) && unix.trusts(None));
    }

    #[test]
    fn headers_that_do_not_come() {
        let proxied = Proxied::new(Trusted::default());
        let read = |some: &[u8], close: bool, ms: u64| {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            theirs.write_all(some).unwrap();
            if close {
                theirs.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let time = Duration::from_millis(ms);
            let ends = proxied.read(&Stream::unix(ours), Ends::default(), time);
            (ends.is_some(), proxied.spoilt.swap(0, Ordering::Relaxed))
        };
        assert_eq!(read(b"PROXY UNKNOWN\r\n", false, 60_000), (true, 0));
        assert_eq!(read(b"PROXY UNKNOWN\r", false, 20), (false, 1));
        assert_eq!(read(b"", false, 20), (false, 1));
        assert_eq!(read(b"PROXY", true, 60_000), (false, 1));
        // Whoever looks whether we are there.
        assert_eq!(read(b"", true, 60_000), (false, 0));
    }
}
