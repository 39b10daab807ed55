//! Adapters: the only code here that does I/O.
//!
//! | to | take |
//! | --- | --- |
//! | answer requests in this program | [`blocking::run`], with a server machine |
//! | make one request | [`Call`], with a client machine |
//! | pass requests on to what stands behind | [`gateway::run`], with a server machine and client machines |
//! | run a CGI program for each request | [`process::Process`], as the transport of either |
//! | be a CGI program | [`script::Script`], as the transport of [`blocking::run`] |
//!
//! Each runs on blocking transports: sockets, a pair of pipes, anything that
//! reads, writes and is a [`Transport`], whose time-outs hold for every phase
//! of a connection ([`Timeouts`](crate::Timeouts)). They know no protocol, and
//! send nothing that was not asked for but the refusal of a broken connection.
//! A thread has a connection for as long as it lasts, and a gateway one more
//! for each connection behind where both sides must be read at once.

pub mod blocking;
mod call;
pub mod gateway;
#[cfg(unix)]
pub mod process;
pub mod script;
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
