//! Both ends of a connection by IP, as they come in.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use super::Addresses;

#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// Of the source, of the destination; an IPv4 address has four bytes.
    pub(super) ips: [[u8; 16]; 2],
    pub(super) ports: [[u8; 2]; 2],
}

impl Ends {
    pub(super) const NONE: Ends = Ends {
        ips: [[0; 16]; 2],
        ports: [[0; 2]; 2],
    };

    /// The byte at `at` of the addresses of version 2, of `width` bytes each,
    /// and the ports behind them.
    pub(super) fn put(&mut self, at: usize, width: usize, byte: u8) {
        let [source, destination] = &mut self.ips;
        let addresses = source.iter_mut().take(width);
        let addresses = addresses.chain(destination.iter_mut().take(width));
        if let Some(to) = addresses.chain(self.ports.iter_mut().flatten()).nth(at) {
            *to = byte;
        }
    }

    pub(super) fn inet(&self) -> Addresses {
        let [source, destination] = self.ips.map(|[a, b, c, d, ..]| Ipv4Addr::new(a, b, c, d));
        let [from, to] = self.ports.map(u16::from_be_bytes);
        Addresses::Inet {
            source: SocketAddrV4::new(source, from),
            destination: SocketAddrV4::new(destination, to),
        }
    }

    pub(super) fn inet6(&self) -> Addresses {
        let [source, destination] = self.ips.map(Ipv6Addr::from);
        let [from, to] = self.ports.map(u16::from_be_bytes);
        Addresses::Inet6 {
            source: SocketAddrV6::new(source, from, 0, 0),
            destination: SocketAddrV6::new(destination, to, 0, 0),
        }
    }
}
