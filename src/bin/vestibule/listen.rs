//! Listening sockets.

use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use crate::endpoint::{Address, Place, Stream};
use crate::proxied::Proxied;

/// A listening socket.
pub struct Listener {
    socket: Socket,
    /// Who may connect, where a spawner has said so (FCGI_WEB_SERVER_ADDRS).
    allowed: Option<Vec<IpAddr>>,
    /// Who reads the PROXY header that each connection must begin with.
    proxied: Option<Arc<Proxied>>,
    /// Shared with other processes: only they and the spawner may wake it.
    inherited: bool,
    /// The file of a Unix socket of ours, removed in the end.
    file: Option<PathBuf>,
}

enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    pub fn bind(address: &Address) -> io::Result<Listener> {
        let own = |socket, file| Listener {
            socket,
            allowed: None,
            proxied: None,
            inherited: false,
            file,
        };
        match &address.place {
            Place::Tcp(host, port) => {
                let listener = TcpListener::bind((host.as_str(), *port))?;
                Ok(own(Socket::Tcp(listener), None))
            }
            #[cfg(unix)]
            Place::Unix(path) => {
                let listener = match UnixListener::bind(path) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse && abandoned(path) => {
                        std::fs::remove_file(path)?;
                        UnixListener::bind(path)?
                    }
                    bound => bound?,
                };
                Ok(own(Socket::Unix(listener), Some(path.clone())))
            }
            #[cfg(unix)]
            Place::Descriptor => Ok(Listener {
                socket: descriptor()?,
                // What is no text is no address: a list that is set allows
                // nobody else.
                allowed: std::env::var_os("FCGI_WEB_SERVER_ADDRS")
                    .map(|list| allowed(&list.to_string_lossy())),
                proxied: None,
                inherited: true,
                file: None,
            }),
            Place::Program { .. } => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(not(unix))]
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Each connection must begin with a PROXY header from now on.
    pub fn demand(&mut self, proxied: &Arc<Proxied>) {
        self.proxied = Some(Arc::clone(proxied));
    }

    /// The address that it really has, as an endpoint.
    pub fn endpoint(&self, asked: &Address) -> String {
        let real = match &self.socket {
            Socket::Tcp(listener) => listener
                .local_addr()
                .ok()
                .map(|address| Place::Tcp(address.ip().to_string(), address.port())),
            #[cfg(unix)]
            Socket::Unix(listener) => listener
                .local_addr()
                .ok()
                .and_then(|address| Some(Place::Unix(address.as_pathname()?.into()))),
        };
        let place = real.unwrap_or_else(|| asked.place.clone());
        let scheme = asked.scheme;
        Address { scheme, place }.to_string()
    }

    /// The next connection; `None` for one that may not connect.
    pub fn accept(&self) -> io::Result<Option<Stream>> {
        let (stream, peer) = match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                // It fails for a peer that has gone already, on some systems.
                let stream = Stream::tcp(stream).ok();
                (stream.map(|stream| stream.of(peer)), Some(peer.ip()))
            }
            #[cfg(unix)]
            Socket::Unix(listener) => (Some(Stream::unix(listener.accept()?.0)), None),
        };
        // A list of addresses allows no other transport.
        let allowed = match (&self.allowed, peer) {
            (None, _) => true,
            (Some(list), Some(peer)) => list.contains(&peer.to_canonical()),
            (Some(_), None) => false,
        };
        Ok(stream.filter(|_| allowed).map(|mut stream| {
            stream.proxied = self.proxied.clone();
            stream
        }))
    }

    /// What makes a blocked `accept` return.
    pub fn waker(&self) -> Waker {
        if self.inherited {
            return Waker::None;
        }
        match &self.socket {
            Socket::Tcp(listener) => match listener.local_addr() {
                Ok(mut address) => {
                    if address.ip().is_unspecified() {
                        address.set_ip(match address.ip() {
                            IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                            IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
                        });
                    }
                    Waker::Tcp(address)
                }
                Err(_) => Waker::None,
            },
            #[cfg(unix)]
            Socket::Unix(_) => self.file.clone().map_or(Waker::None, Waker::Unix),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.file {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Connects once, so that a blocked `accept` returns.
pub enum Waker {
    /// Nothing of ours to wake: it blocks until the program ends.
    None,
    Tcp(std::net::SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Waker {
    pub fn wake(&self) {
        match self {
            Waker::None => {}
            Waker::Tcp(address) => {
                let _ = TcpStream::connect_timeout(address, std::time::Duration::from_secs(1));
            }
            #[cfg(unix)]
            Waker::Unix(path) => {
                let _ = UnixStream::connect(path);
            }
        }
    }
}

/// Whether the file is a socket that nobody listens at any more.
#[cfg(unix)]
fn abandoned(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The socket that descriptor 0 is.
#[cfg(unix)]
fn descriptor() -> io::Result<Socket> {
    use std::os::fd::{AsFd, OwnedFd};
    let fd: OwnedFd = io::stdin().as_fd().try_clone_to_owned()?;
    let tcp = TcpListener::from(fd);
    if tcp.local_addr().is_ok() {
        return Ok(Socket::Tcp(tcp));
    }
    let unix = UnixListener::from(OwnedFd::from(tcp));
    match unix.local_addr() {
        Ok(_) => Ok(Socket::Unix(unix)),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!("descriptor 0 is no listening socket: {error}"),
        )),
    }
}

/// The addresses of FCGI_WEB_SERVER_ADDRS (FastCGI 1.0, 2.2). What is no
/// address allows nobody.
fn allowed(list: &str) -> Vec<IpAddr> {
    list.split(',')
        .filter_map(|address| address.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_server_addresses() {
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(allowed("127.0.0.1"), [local]);
        assert_eq!(allowed("10.0.0.1, ::ffff:127.0.0.1,x")[1..], [local]);
        assert!(allowed("").is_empty());
        assert!(allowed("localhost").is_empty());
    }

    /// Nor is it taken for one of a Unix socket.
    #[test]
    fn a_peer_that_has_gone_is_still_known() {
        use std::io::{Read as _, Write as _};
        let scheme = crate::scheme::Scheme::Http;
        let place = Place::Tcp("127.0.0.1".into(), 0);
        let listener = Listener::bind(&Address { scheme, place }).unwrap();
        let Waker::Tcp(at) = listener.waker() else {
            panic!("no TCP");
        };
        let peer = TcpStream::connect(at).unwrap();
        let theirs = peer.local_addr().unwrap();
        let stream = listener.accept().unwrap().unwrap();
        // Closing with unread input resets the connection.
        (&stream).write_all(b"x").unwrap();
        peer.peek(&mut [0]).unwrap();
        drop(peer);
        let end = (&stream).read(&mut [0]).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(stream.ends().remote, Some(theirs));
    }
}
