//! Adapters: the only code here that does I/O.
//!
//! [`blocking`] runs a machine on a blocking transport: a socket, a pair of
//! pipes, anything that reads and writes. It knows no protocol, and sends
//! nothing that was not asked for but the refusal of a broken connection.
//! [`gateway`] runs a [`bridge`](crate::bridge) on such transports.

pub mod blocking;
mod call;
pub mod gateway;
mod source;
mod transport;

use std::io;

use crate::error::{Error, Overflow, Refused};

pub use call::{Call, Called};
pub use source::{Detached, Source, Stopper};
pub use transport::Transport;

impl From<Error> for io::Error {
    /// [`io::ErrorKind::InvalidData`].
    fn from(error: Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

impl From<Refused> for io::Error {
    /// [`io::ErrorKind::InvalidInput`].
    fn from(refused: Refused) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, refused)
    }
}

impl From<Overflow> for io::Error {
    /// [`io::ErrorKind::OutOfMemory`].
    fn from(overflow: Overflow) -> io::Error {
        io::Error::new(io::ErrorKind::OutOfMemory, overflow)
    }
}
