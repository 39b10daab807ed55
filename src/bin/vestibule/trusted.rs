//! Who is believed about where a request came from.

use std::net::IpAddr;

use vestibule::forwarded::{Header, Policy};
use vestibule::{BadNet, Net};

/// The peers that `--trusted` names.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    nets: Vec<Net>,
    /// Those of Unix sockets.
    local: bool,
}

impl Trusted {
    /// Adds a network, or `unix`.
    pub fn add(&mut self, text: &str) -> Result<(), BadNet> {
        match text {
            "unix" => self.local = true,
            text => self.nets.push(text.parse()?),
        }
        Ok(())
    }

    /// What is believed of them over HTTP. The scheme fields are all read: a
    /// peer that sets one of them makes another one that a client has sent a
    /// conflict, so that nothing is gained by it.
    pub fn policy(&self) -> Policy<'_> {
        Policy::trusting(&self.nets)
            .local(self.local)
            .believe(Header::XForwardedFor)
            .believe(Header::XForwardedProto)
            .believe(Header::XForwardedProtocol)
            .believe(Header::XForwardedSsl)
    }

    /// Whether a peer is believed about whose its connection is, by a PROXY
    /// header; `None` is that of a Unix socket. Where nobody is named, those of
    /// this machine are.
    pub fn proxy(&self, peer: Option<IpAddr>) -> bool {
        let Some(peer) = peer else {
            return true;
        };
        match self.nets[..] {
            [] if !self.local => peer.to_canonical().is_loopback(),
            _ => self.nets.iter().any(|net| net.contains(peer)),
        }
    }
}
