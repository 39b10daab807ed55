//! Where an application is: `fcgi://HOST:PORT[/PATH?QUERY]`,
//! `fcgi+unix:/SOCKET`, `fcgi+fd:0`.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use vestibule::adapt::Transport;

/// A parsed endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Address,
    /// `/PATH?QUERY`, where one was given.
    pub uri: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Host (without brackets) and port.
    Tcp(String, u16),
    Unix(PathBuf),
    /// The listening socket that a spawner passes as descriptor 0.
    Descriptor,
}

impl Endpoint {
    /// Parses one, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Endpoint, String> {
        let wrong = |what: &str| Err(format!("endpoint '{text}': {what}"));
        if let Some(path) = text.strip_prefix("fcgi+unix:") {
            if path.is_empty() {
                return wrong("the path of the socket is missing");
            }
            return Ok(Endpoint {
                address: Address::Unix(path.into()),
                uri: None,
            });
        }
        if let Some(number) = text.strip_prefix("fcgi+fd:") {
            if number != "0" {
                return wrong("only descriptor 0 can be the listening socket");
            }
            return Ok(Endpoint {
                address: Address::Descriptor,
                uri: None,
            });
        }
        let Some(rest) = text.strip_prefix("fcgi://") else {
            return wrong("it begins with none of fcgi://, fcgi+unix: and fcgi+fd:");
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, uri) = rest.split_at(end);
        let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
            match rest.split_once(']') {
                Some((host, port)) => (host, port.strip_prefix(':')),
                None => return wrong("']' is missing"),
            }
        } else {
            match authority.rsplit_once(':') {
                Some((host, _)) if host.contains(':') => {
                    return wrong("an IPv6 address wants brackets");
                }
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            }
        };
        if host.is_empty() {
            return wrong("the host is missing");
        }
        let Some(port) = port else {
            return wrong("the port is missing");
        };
        let Some(port) = port
            .parse()
            .ok()
            .filter(|_| port.starts_with(|c: char| c.is_ascii_digit()))
        else {
            return wrong("the port is no number of 0 to 65535");
        };
        let uri = match uri.chars().next() {
            None => None,
            Some('?') => Some(format!("/{uri}")),
            Some(_) => Some(uri.to_string()),
        };
        Ok(Endpoint {
            address: Address::Tcp(host.to_string(), port),
            uri,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host, port) if host.contains(':') => write!(f, "fcgi://[{host}]:{port}"),
            Address::Tcp(host, port) => write!(f, "fcgi://{host}:{port}"),
            Address::Unix(path) => write!(f, "fcgi+unix:{}", path.display()),
            Address::Descriptor => f.write_str("fcgi+fd:0"),
        }
    }
}

impl Address {
    /// Connects, within `timeout`.
    pub fn connect(&self, timeout: Option<Duration>) -> io::Result<Stream> {
        let Some(time) = timeout else {
            return self.connect_at_leisure();
        };
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
        match self {
            Address::Tcp(host, port) => {
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
            Address::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path)?)),
            #[cfg(not(unix))]
            Address::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
            Address::Descriptor => Err(io::Error::other("a listening socket cannot be called")),
        }
    }
}

/// A connection of either kind. Reads and writes through a shared reference,
/// so that two threads can have a half each.
pub enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    /// Without the delay that waits for more to send: whole messages are
    /// written at once.
    pub fn tcp(stream: TcpStream) -> io::Result<Stream> {
        stream.set_nodelay(true)?;
        Ok(Stream::Tcp(stream))
    }
}

macro_rules! either {
    ($stream:expr, $s:ident => $do:expr) => {
        match $stream {
            Stream::Tcp($s) => $do,
            #[cfg(unix)]
            Stream::Unix($s) => $do,
        }
    };
}

impl Read for &Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, s => (&mut &*s).read(buf))
    }
}

impl Write for &Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        either!(self, s => (&mut &*s).write(buf))
    }
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, s => (&mut &*s).write_vectored(bufs))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Stream {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        either!(self, s => s.set_read_timeout(time))
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        either!(self, s => s.set_write_timeout(time))
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        either!(self, s => s.shutdown(how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let tcp = |host: &str, port, uri: Option<&str>| {
            Ok(Endpoint {
                address: Address::Tcp(host.into(), port),
                uri: uri.map(Into::into),
            })
        };
        assert_eq!(Endpoint::parse("fcgi://h:9000"), tcp("h", 9000, None));
        assert_eq!(Endpoint::parse("fcgi://[::1]:0/"), tcp("::1", 0, Some("/")));
        assert_eq!(
            Endpoint::parse("fcgi://h:1/a:b/c?d=/e"),
            tcp("h", 1, Some("/a:b/c?d=/e"))
        );
        assert_eq!(Endpoint::parse("fcgi://h:1?q"), tcp("h", 1, Some("/?q")));
        let unix = Endpoint::parse("fcgi+unix:/run/a:b?c").unwrap();
        assert_eq!(unix.address, Address::Unix("/run/a:b?c".into()));
        assert_eq!(
            Endpoint::parse("fcgi+fd:0").unwrap().address,
            Address::Descriptor
        );
        for (text, what) in [
            ("127.0.0.1:9000", "begins with none"),
            ("http://h:1", "begins with none"),
            ("fcgi://h", "port is missing"),
            ("fcgi://h:", "no number"),
            ("fcgi://h:65536", "no number"),
            ("fcgi://h:+1", "no number"),
            ("fcgi://:1", "host is missing"),
            ("fcgi://::1:9000", "wants brackets"),
            ("fcgi://[::1:9000", "']' is missing"),
            ("fcgi://[::1]9000", "port is missing"),
            ("fcgi+unix:", "path of the socket"),
            ("fcgi+fd:3", "descriptor 0"),
        ] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.contains(what), "{text}: {error}");
        }
    }

    #[test]
    fn endpoints_print() {
        for text in [
            "fcgi://h:1",
            "fcgi://[::1]:9000",
            "fcgi+unix:/s",
            "fcgi+fd:0",
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.address.to_string(), text);
        }
    }
}
