//! A [bridge](crate::bridge) on blocking transports.
//!
//! The thread that calls [`run`] has the front. As long as one request at a
//! time is under way and there is nothing to be read in front, it also reads
//! what the answer comes from, for a moment: most answers come at once, and
//! need no other thread. Where both sides must be read at once, threads are
//! started for what stands behind, at most one for each connection; they end
//! with the connection of the front, or when there was nothing to do for a
//! while. A lock is around the machines. Nothing is written, read or logged
//! while it is held, but for an answer of the caller's own.
//!
//! Small frames are gathered and written at once. Storage for heads and bodies
//! grows with what comes, so that a connection costs little that has asked
//! for little: it is bounded by [`HEAD`] for each head, and by 60 KiB for each
//! read. What cannot be written is not read, so that a slow peer holds up
//! whoever sends to it, and nobody else.
//!
//! A peer that has closed its half may still be answered, where its protocol
//! allows that; one that has reset its connection is gone, and what works for
//! it behind is aborted and closed.

use std::io::{self, Read, Write};
use std::thread;
use std::vec::Vec;

use super::transport::{Transport, duration};
use crate::bridge::{Exchange, Policy};
use crate::error::Error;
use crate::event::{Id, Length};
use crate::fields::Fields;
use crate::machine::{Client, Server};
use crate::time::Timeouts;

mod back;
mod drive;
mod front;
mod hand;
mod state;

use state::{End, Shared};

/// The longest storage for a head, in bytes: more than any machine takes by
/// default.
pub const HEAD: usize = 80 * 1024;

/// An exchange of a gateway.
pub type Exchanged = Exchange<Vec<u8>>;

/// What becomes of a request whose head is complete.
#[derive(Debug)]
pub enum Decision<A> {
    /// It goes on to what stands behind.
    Forward,
    /// It is answered by [`Behind::answer`].
    Answer(A),
    /// It is refused as the front's protocol does for this error.
    Refuse(Error),
}

/// What stands behind a gateway, and what it is to do with requests. See
/// [`run`].
pub trait Behind: Sync {
    /// The machine of the front.
    type Server: Server + Send;
    /// The machine of a connection behind.
    type Client: Client + Send;
    /// The transport of a connection behind. Two threads share it, so it reads
    /// and writes by reference, as sockets do.
    type Stream: Transport + Send + Sync;
    /// An answer of our own, for [`answer`](Self::answer).
    type Answer;

    /// A connection behind, and a machine for it that has no exchange open; one
    /// that [`release`](Self::release) has kept, if it need not be `fresh`.
    /// It must be: another that was kept has been found closed. Its transport
    /// blocks; time-outs are set here. May take its time.
    ///
    /// # Errors
    ///
    /// What the front is told: [`Error::Upstream`], say.
    fn connect(&self, fresh: bool) -> Result<(Self::Stream, Self::Client), Error>;

    /// Whether a connection behind carries one exchange and is then released,
    /// so that [`connect`](Self::connect) can look at it before the next, as
    /// is the default; or others of the same front before that, and beside it
    /// where its machine has room. See [`Back::once`](crate::bridge::Back::once).
    fn once(&self) -> bool {
        true
    }

    /// Takes a connection back that can carry another request: something was
    /// read from it, nothing is left to be read or written, and nothing was
    /// aborted on it. By default it is closed.
    fn release(&self, stream: Self::Stream, client: Self::Client) {
        drop((stream, client));
    }

    /// Whether the exchange `id` is one for this gateway; called with the lock
    /// held, before [`head`](Self::head).
    ///
    /// # Errors
    ///
    /// What the front is told: [`Error::Unsupported`], say.
    fn admit(&self, server: &Self::Server, id: Id) -> Result<(), Error> {
        let _ = (server, id);
        Ok(())
    }

    /// Decides about a request, and may change its head: what it holds
    /// afterwards is passed on. It may take its time: other exchanges go on.
    ///
    /// By default the head goes on as it came. Behind fronts of HTTP and AJP an
    /// application of any other protocol wants the variables that a web server
    /// makes: [`http1::meta::complete`](crate::http1::meta::complete),
    /// [`ajp::meta::complete`](crate::ajp::meta::complete).
    ///
    /// There is storage for 2 KiB more; for longer additions call
    /// [`Fields::reserve`] first, with [`HEAD`] at most. A head that has not
    /// found room is refused.
    fn head(&self, id: Id, head: &mut Fields<Vec<u8>>, length: Length) -> Decision<Self::Answer> {
        let _ = (id, head, length);
        Decision::Forward
    }

    /// Answers by itself, by calls of `server` for `id`: a whole answer, or
    /// `fail`. Gives the status and the bytes of body that were sent. Of this
    /// connection nothing else goes on meanwhile.
    ///
    /// # Errors
    ///
    /// Those of writing: the connection is given up.
    fn answer(
        &self,
        answer: Self::Answer,
        server: &mut Self::Server,
        id: Id,
        out: &mut dyn Write,
    ) -> io::Result<(u16, u64)>;

    /// The date for answers that have none; see
    /// [`Bridge::set_date`](crate::bridge::Bridge::set_date).
    fn date(&self) -> Option<[u8; 29]> {
        None
    }

    /// Text for the log from behind, a piece of it.
    fn log(&self, text: &[u8]) {
        let _ = text;
    }

    /// An exchange is over. Called with the lock held.
    fn over(&self, exchange: &Exchanged) {
        let _ = exchange;
    }

    /// Something has changed. Called with the lock held; may call
    /// [`Server::shutdown`].
    fn observe(&self, server: &mut Self::Server) {
        let _ = server;
    }
}

/// Runs a connection of a front over connections behind until it ends.
///
/// `machine` is fresh; `exchanges` is how many requests it takes at once.
/// `front` is shared by threads, so it reads and writes by reference, as
/// sockets do. On TCP switch Nagle's delay off on both sides (`set_nodelay`).
///
/// | time-out | where it is up |
/// | --- | --- |
/// | `idle` | the connection of the front is closed |
/// | `head`, `body` | the request is refused ([`Error::Timeout`]), or the connection closed where none can be |
/// | `response` | what stands behind has said nothing for so long, or taken nothing: [`Error::UpstreamTimeout`]; the front has taken nothing: closed |
/// | `closing` | the front has not closed for so long after our half was: closed |
///
/// Reads of the front may see the last of them up to two seconds later.
///
/// # Panics
///
/// Where a method of `behind` does: all threads and connections are ended
/// first.
///
/// # Example
///
/// ```no_run
/// use std::io::Write;
/// use std::net::TcpStream;
/// use vestibule::adapt::gateway::{Behind, Decision, run};
/// use vestibule::http1::meta::{Local, complete};
/// use vestibule::{Error, Field, Fields, Id, Length, Timeouts, bridge::Policy, fcgi, http1};
///
/// /// Browsers in front, PHP-FPM behind.
/// struct Php;
///
/// impl Behind for Php {
///     type Server = http1::Server;
///     type Client = fcgi::Client;
///     type Stream = TcpStream;
///     type Answer = std::convert::Infallible;
///
///     fn connect(&self, _: bool) -> Result<(TcpStream, fcgi::Client), Error> {
///         let stream = TcpStream::connect("127.0.0.1:9000").map_err(|_| Error::Upstream)?;
///         Ok((stream, fcgi::Client::default()))
///     }
///
///     // What the browser did not say: one script is run, whatever the path.
///     fn head(&self, _: Id, head: &mut Fields<Vec<u8>>, _: Length) -> Decision<Self::Answer> {
///         let script = Field::var(b"SCRIPT_FILENAME", b"/srv/www/index.php");
///         let mut room = [0; 16_384];
///         let completed = complete(head, &Local::DEFAULT, &mut room);
///         match completed.and_then(|()| Ok(head.push(script)?)) {
///             Ok(()) => Decision::Forward,
///             Err(error) => Decision::Refuse(error),
///         }
///     }
///
///     fn answer(
///         &self,
///         answer: Self::Answer,
///         _: &mut http1::Server,
///         _: Id,
///         _: &mut dyn Write,
///     ) -> std::io::Result<(u16, u64)> {
///         match answer {}
///     }
/// }
///
/// fn serve(browser: TcpStream) {
///     run(&Php, &browser, http1::Server::new(), 1, Policy::STRICT, Timeouts::DEFAULT);
/// }
/// ```
pub fn run<G, F>(
    behind: &G,
    front: &F,
    machine: G::Server,
    exchanges: usize,
    policy: Policy,
    timeouts: Timeouts,
) where
    G: Behind + ?Sized,
    F: Transport + Sync,
    for<'s> &'s F: Read + Write,
    for<'s> &'s G::Stream: Read + Write,
{
    let shared = Shared::new(behind, front, machine, exchanges, policy, timeouts);
    let _ = front.write_timeout(duration(timeouts.response));
    thread::scope(|scope| {
        let _end = End {
            shared: &shared,
            always: true,
        };
        shared.front(scope);
    });
}
