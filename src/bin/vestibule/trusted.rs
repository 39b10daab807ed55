//! Who is believed about where a request came from.

use vestibule::forwarded::{Header, Policy};
use vestibule::{BadNet, Net};

/// The peers that `--trusted` names.
#[derive(Debug, Default)]
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
}
