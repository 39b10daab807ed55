//! Where a peer is, and what is spoken there: `SCHEME://HOST[:PORT][/PATH?QUERY]`,
//! `SCHEME+unix:/SOCKET`, `fcgi+fd:0`, `cgi:/PROGRAM`.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use vestibule::adapt::Transport;
#[cfg(unix)]
use vestibule::adapt::process::Process;

use crate::context::Ends;
#[cfg(unix)]
use crate::program;
use crate::proxied::Proxied;
use crate::scheme::Scheme;

/// A parsed endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Address,
    /// `/PATH?QUERY`, where one was given.
    pub uri: Option<String>,
}

/// A socket, and what is spoken there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    pub scheme: Scheme,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Host (without brackets) and port.
    Tcp(String, u16),
    Unix(PathBuf),
    /// The listening socket that a spawner passes as descriptor 0.
    Descriptor,
    /// A program that is run for each request.
    Program {
        path: PathBuf,
        /// By `serve`, which outlives it.
        served: bool,
    },
}

impl Endpoint {
    /// Parses one, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        Endpoint::parsed(text, true)
    }

    /// The same for one that somebody listens at already.
    pub fn to_call(text: &str) -> Result<Endpoint, String> {
        let endpoint = Endpoint::parsed(text, false)?;
        match endpoint.address.place {
            Place::Descriptor => Err(format!(
                "endpoint '{text}' is for serve: a listening socket cannot be called"
            )),
            _ => Ok(endpoint),
        }
    }

    fn parsed(text: &str, listening: bool) -> Result<Endpoint, String> {
        let wrong = |what: &str| Err(format!("endpoint '{text}': {what}"));
        let known = Scheme::ALL.into_iter().find_map(|scheme| {
            let rest = text.strip_prefix(scheme.name())?;
            let rest = scheme
                .kinds()
                .iter()
                .copied()
                .find_map(|kind| Some((kind, rest.strip_prefix(kind)?)))?;
            Some((scheme, rest))
        });
        let at = |scheme, place| Endpoint {
            address: Address { scheme, place },
            uri: None,
        };
        match known {
            Some((_, (":", _))) if listening => wrong("a program cannot be listened at"),
            Some((_, (":", ""))) => wrong("the path of the program is missing"),
            Some((scheme, (":", path))) => {
                let path = path.into();
                let served = false;
                Ok(at(scheme, Place::Program { path, served }))
            }
            Some((_, ("+unix:", ""))) => wrong("the path of the socket is missing"),
            Some((scheme, ("+unix:", path))) => Ok(at(scheme, Place::Unix(path.into()))),
            Some((scheme, ("+fd:", "0"))) if scheme.is_spawned() => {
                Ok(at(scheme, Place::Descriptor))
            }
            Some((scheme, ("+fd:", _))) if scheme.is_spawned() => {
                wrong("only descriptor 0 can be the listening socket")
            }
            Some((scheme, ("://", rest))) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, uri) = rest.split_at(end);
                let (host, port) = match authority_of(scheme, authority) {
                    Ok(found) => found,
                    Err(what) => return wrong(what),
                };
                let uri = match uri.chars().next() {
                    None => None,
                    Some('?') => Some(format!("/{uri}")),
                    Some(_) => Some(uri.to_string()),
                };
                Ok(Endpoint {
                    uri,
                    ..at(scheme, Place::Tcp(host.to_string(), port))
                })
            }
            _ => wrong(&format!(
                "it begins with none of {}",
                Scheme::beginnings(listening)
            )),
        }
    }
}

/// Host and port, or the usual port.
fn authority_of(scheme: Scheme, authority: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => match port.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return Err("the port is missing"),
            },
            None => return Err("']' is missing"),
        }
    } else {
        match authority.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => return Err("an IPv6 address wants brackets"),
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let port = match (port, scheme.port()) {
        (Some(port), _) => port,
        (None, Some(usual)) => return Ok((host, usual)),
        (None, None) => return Err("the port is missing"),
    };
    port.parse()
        .ok()
        .filter(|_| port.starts_with(|c: char| c.is_ascii_digit()))
        .map(|port| (host, port))
        .ok_or("the port is no number of 0 to 65535")
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        match &self.place {
            Place::Tcp(host, port) if host.contains(':') => {
                write!(f, "{scheme}://[{host}]:{port}")
            }
            Place::Tcp(host, port) => write!(f, "{scheme}://{host}:{port}"),
            Place::Unix(path) => write!(f, "{scheme}+unix:{}", path.display()),
            Place::Descriptor => write!(f, "{scheme}+fd:0"),
            Place::Program { path, .. } => write!(f, "{scheme}:{}", path.display()),
        }
    }
}

impl Address {
    /// What Host says of it. RFC 9110, 7.2.
    pub fn host(&self) -> String {
        match &self.place {
            Place::Tcp(host, port) => {
                // The zone of an address is ours alone. RFC 6874, 4.
                let host = match host.split('%').next() {
                    Some(address) if address.contains(':') => format!("[{address}]"),
                    _ => host.clone(),
                };
                match (self.scheme, port) {
                    (Scheme::Http, 80) => host,
                    _ => format!("{host}:{port}"),
                }
            }
            Place::Unix(_) | Place::Descriptor | Place::Program { .. } => "localhost".into(),
        }
    }

    /// The same, for `serve`.
    pub fn served(mut self) -> Address {
        if let Place::Program { served, .. } = &mut self.place {
            *served = true;
        }
        self
    }

    /// What is said where nobody can be connected to.
    pub fn unreached(&self, error: &io::Error) -> String {
        match self.place {
            Place::Program { .. } => format!("cannot run {self}: {error}"),
            _ => format!("cannot connect to {self}: {error}"),
        }
    }

    /// Whether nobody elsewhere can connect.
    pub fn is_here(&self) -> bool {
        match &self.place {
            Place::Tcp(host, _) => {
                let ip = host.parse::<std::net::IpAddr>();
                ip.map_or(host == "localhost", |ip| ip.is_loopback())
            }
            Place::Unix(_) | Place::Descriptor | Place::Program { .. } => true,
        }
    }

    /// Connects, within `timeout`.
    pub fn connect(&self, timeout: Option<Duration>) -> io::Result<Stream> {
        let Some(time) = timeout else {
            return self.connect_at_leisure();
        };
        if let Place::Tcp(host, port) = &self.place
            && let Ok(ip) = host.parse::<std::net::IpAddr>()
        {
            let stream = TcpStream::connect_timeout(&(ip, *port).into(), time)?;
            return Stream::tcp(stream);
        }
        if let Place::Program { .. } = self.place {
            return self.connect_at_leisure();
        }
        // Looking a name up and connecting to a Unix socket whose queue is full
        // have no time-outs of their own. The thread ends with the program.
        let (sender, connected) = std::sync::mpsc::sync_channel(1);
        let address = self.clone();
        std::thread::spawn(move || {
            let _ = sender.send(address.connect_at_leisure());
        });
        let late = |_| Err(io::ErrorKind::TimedOut.into());
        connected.recv_timeout(time).unwrap_or_else(late)
    }

    fn connect_at_leisure(&self) -> io::Result<Stream> {
        match &self.place {
            Place::Tcp(host, port) => {
                let mut last = io::Error::other("the host has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect(address) {
                        Ok(stream) => return Stream::tcp(stream),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            #[cfg(unix)]
            Place::Unix(path) => Ok(Stream::unix(UnixStream::connect(path)?)),
            #[cfg(not(unix))]
            Place::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
            Place::Descriptor => Err(io::Error::other("a listening socket cannot be called")),
            #[cfg(unix)]
            Place::Program { path, served } => {
                let process = program::process(path, *served)?;
                Ok(Stream::new(Socket::Program(process)))
            }
            #[cfg(not(unix))]
            Place::Program { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A connection of either kind. Reads and writes through a shared reference,
/// so that two threads can have a half each.
pub struct Stream {
    socket: Socket,
    /// Who connected, where we listen. The socket itself does not know it any
    /// more once the peer has gone, and what was sent may still be read.
    peer: Option<SocketAddr>,
    /// Who reads the PROXY header that it must begin with.
    pub proxied: Option<Arc<Proxied>>,
    /// What that header said.
    told: OnceLock<Ends>,
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(unix)]
    Program(Process),
}

impl Stream {
    /// Without the delay that waits for more to send: whole messages are
    /// written at once.
    pub fn tcp(stream: TcpStream) -> io::Result<Stream> {
        stream.set_nodelay(true)?;
        Ok(Stream::new(Socket::Tcp(stream)))
    }

    #[cfg(unix)]
    pub fn unix(stream: UnixStream) -> Stream {
        Stream::new(Socket::Unix(stream))
    }

    /// The same, as one that `peer` has connected.
    pub fn of(self, peer: SocketAddr) -> Stream {
        let peer = Some(peer);
        Stream { peer, ..self }
    }

    fn new(socket: Socket) -> Stream {
        Stream {
            socket,
            peer: None,
            proxied: None,
            told: OnceLock::new(),
        }
    }

    /// Whether who connected may: say whose it is, where that must be said.
    pub fn trusted(&self) -> bool {
        let peer = || self.ends().remote.map(|at| at.ip());
        self.proxied.as_ref().is_none_or(|p| p.trusts(peer()))
    }

    /// Reads the header that it must begin with, if it must. Whether it may be
    /// served.
    pub fn admit(&self, time: Duration) -> bool {
        let Some(proxied) = &self.proxied else {
            return true;
        };
        match proxied.read(self, self.ends(), time) {
            Some(ends) => self.told.set(ends).is_ok(),
            None => false,
        }
    }

    /// Both ends, as far as they have addresses: those that a header told, or
    /// else the socket's.
    pub fn ends(&self) -> Ends {
        match (self.told.get(), &self.socket) {
            (Some(ends), _) => *ends,
            (None, Socket::Tcp(stream)) => Ends {
                remote: self.peer.or_else(|| stream.peer_addr().ok()),
                local: stream.local_addr().ok(),
                https: false,
            },
            #[cfg(unix)]
            (None, Socket::Unix(_) | Socket::Program(_)) => Ends::default(),
        }
    }
}

macro_rules! either {
    ($stream:expr, $s:ident => $do:expr) => {
        match &$stream.socket {
            Socket::Tcp($s) => $do,
            #[cfg(unix)]
            Socket::Unix($s) => $do,
            #[cfg(unix)]
            Socket::Program($s) => $do,
        }
    };
}

impl Stream {
    /// Whether reads and writes block.
    pub fn blocks(&self, on: bool) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(s) => s.set_nonblocking(!on),
            #[cfg(unix)]
            Socket::Unix(s) => s.set_nonblocking(!on),
            #[cfg(unix)]
            Socket::Program(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The exit code of a program, which is waited for.
    pub fn exit_code(&self) -> Option<u32> {
        match &self.socket {
            #[cfg(unix)]
            Socket::Program(process) => process.finish(program::PATIENCE),
            _ => None,
        }
    }
}

impl Read for &Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, s => (&mut { s }).read(buf))
    }
}

impl Write for &Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        either!(self, s => (&mut { s }).write(buf))
    }
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, s => (&mut { s }).write_vectored(bufs))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Stream {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        either!(self, s => Transport::read_timeout(s, time))
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        either!(self, s => Transport::write_timeout(s, time))
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        either!(self, s => Transport::shutdown(s, how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let at = |text: &str| Endpoint::parse(text).unwrap();
        let tcp = |scheme, host: &str, port, uri: Option<&str>| Endpoint {
            address: Address {
                scheme,
                place: Place::Tcp(host.into(), port),
            },
            uri: uri.map(Into::into),
        };
        use Scheme::{Fcgi, Http};
        assert_eq!(at("fcgi://h:9000"), tcp(Fcgi, "h", 9000, None));
        assert_eq!(at("fcgi://[::1]:0/"), tcp(Fcgi, "::1", 0, Some("/")));
        let long = at("fcgi://h:1/a:b/c?d=/e");
        assert_eq!(long, tcp(Fcgi, "h", 1, Some("/a:b/c?d=/e")));
        assert_eq!(at("fcgi://h:1?q"), tcp(Fcgi, "h", 1, Some("/?q")));
        assert_eq!(at("http://h"), tcp(Http, "h", 80, None));
        assert_eq!(at("http://[::1]/a"), tcp(Http, "::1", 80, Some("/a")));
        assert_eq!(at("http://h:8080?q"), tcp(Http, "h", 8080, Some("/?q")));
        for (text, scheme) in [
            ("fcgi+unix:/run/a:b?c", Fcgi),
            ("http+unix:/run/a:b?c", Http),
        ] {
            let address = at(text).address;
            assert_eq!(address.scheme, scheme);
            assert_eq!(address.place, Place::Unix("/run/a:b?c".into()));
        }
        assert_eq!(at("fcgi+fd:0").address.place, Place::Descriptor);
        let program = Endpoint::to_call("cgi:/srv/a b?c:d").unwrap().address;
        assert_eq!(program.scheme, Scheme::Cgi);
        let (path, served) = ("/srv/a b?c:d".into(), false);
        assert_eq!(program.place, Place::Program { path, served });
        assert_eq!(program.to_string(), "cgi:/srv/a b?c:d");
        assert_eq!(program.host(), "localhost");
        let missing = Endpoint::to_call("cgi:").unwrap_err();
        assert!(missing.contains("path of the program"), "{missing}");
        for (text, what) in [
            ("127.0.0.1:9000", "begins with none"),
            ("https://h:1", "begins with none"),
            ("http+fd:0", "begins with none"),
            ("fcgi://h", "port is missing"),
            ("fcgi://[::1]", "port is missing"),
            ("fcgi://h:", "no number"),
            ("http://h:", "no number"),
            ("fcgi://h:65536", "no number"),
            ("fcgi://h:+1", "no number"),
            ("fcgi://:1", "host is missing"),
            ("http://", "host is missing"),
            ("fcgi://::1:9000", "wants brackets"),
            ("fcgi://[::1:9000", "']' is missing"),
            ("fcgi://[::1]9000", "port is missing"),
            ("http+unix:", "path of the socket"),
            ("fcgi+unix:", "path of the socket"),
            ("fcgi+fd:3", "descriptor 0"),
            ("cgi:/p", "cannot be listened at"),
            ("cgi+unix:/s", "begins with none"),
        ] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn hosts() {
        for (text, host) in [
            ("http://h", "h"),
            ("http://h:80", "h"),
            ("http://h:81", "h:81"),
            ("http://[fe80::1%eth0]:8080/a", "[fe80::1]:8080"),
            ("http+unix:/s", "localhost"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().address.host(), host);
        }
    }

    #[test]
    fn endpoints_print() {
        for text in [
            "fcgi://h:1",
            "fcgi://[::1]:9000",
            "fcgi+unix:/s",
            "fcgi+fd:0",
            "http://h:80",
            "http+unix:/s",
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.address.to_string(), text);
        }
    }
}
