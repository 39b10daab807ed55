//! A server machine on a blocking transport.

use core::ops::ControlFlow;
use std::io::{self, Read, Write};
use std::net::Shutdown;

use super::transport::{Pace, Transport, duration, timed_out};
use crate::error::Error;
use crate::event::{Id, Next, Request};
use crate::frame::Frame;
use crate::machine::{After, Server};
use crate::time::{Phase, Timeouts};

pub use super::call::{Call, Called};

/// Writes all of a frame, in vectored writes.
///
/// ```
/// use vestibule::{Frame, adapt::blocking::write_frame};
/// let mut out = Vec::new();
/// write_frame(&mut out, Frame::EMPTY)?;
/// assert!(out.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Those of the writer. Nothing more may be written then: half a frame may
/// have gone out.
pub fn write_frame<W: Write + ?Sized>(out: &mut W, mut frame: Frame<'_>) -> io::Result<()> {
    while !frame.is_empty() {
        match out.write_vectored(&frame.io_slices()) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => frame.advance(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// How [`run`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The connection is at its end, in order: drop it.
    Closed,
    /// The handler said so, or the machine will not read on though every event
    /// was handled (a switch of protocols). `unread` bytes lie unread at the
    /// end of what the last read brought: `buf[filled - unread..filled]`.
    Stopped {
        /// Bytes in `buf`.
        filled: usize,
        /// Bytes of them that the machine has not taken.
        unread: usize,
    },
    /// The peer broke the protocol. Open exchanges have had their last event.
    Failed(Error),
    /// The peer took too long. Open exchanges have had their last event.
    TimedOut(Phase),
}

/// Answers an event of which the application makes nothing, in the usual way:
/// `Ext` by [`Server::default_reply`], `Fault` and `Abort` by [`Server::fail`].
/// The other events need no answer.
///
/// # Errors
///
/// Those of the writer; [`Refused`](crate::Refused) as `InvalidInput`.
pub fn answer<M: Server, W: Write>(
    machine: &mut M,
    event: M::Event<'_>,
    out: &mut W,
) -> io::Result<()> {
    let mut room = [0; ROOM];
    match event {
        Request::Ext(ext) => write_frame(out, machine.default_reply(ext)),
        Request::Fault { id, error } => write_frame(out, machine.fail(id, error, &mut room)?),
        Request::Abort { id } => write_frame(out, machine.fail(id, Error::Eof, &mut room)?),
        Request::Begin { .. }
        | Request::Field { .. }
        | Request::HeadEnd { .. }
        | Request::Body { .. }
        | Request::BodyEnd { .. } => Ok(()),
    }
}

/// Enough for the refusal of any protocol.
const ROOM: usize = 512;

/// Runs a server machine on a blocking transport until the connection ends.
///
/// `handler` gets every event, with the machine and the transport, so that it
/// can answer at once, by [`write_frame`]. It is the handler that answers `Ext`,
/// `Fault` and `Abort`, and it must: [`answer`] does the usual. `run` itself
/// does what [`Status::after`](crate::Status::after) says (on `CloseWrite` it
/// shuts down the writing half and reads on until the peer closes), passes the
/// end of input on, and sends the refusal that is owed on a wire without ids
/// when the connection fails or times out.
///
/// `buf` is the read buffer, of any size but zero; 16 KiB is a good one. Each
/// read waits as long as `timeouts` allow for what the machine waits for; input
/// that comes to no event does not prolong that. A write may wait
/// `timeouts.response` without a byte moved.
///
/// On TCP switch Nagle's delay off (`set_nodelay`): an answer is several writes.
///
/// ```
/// use core::ops::ControlFlow;
/// use vestibule::{Field, Length, Request, Server, Timeouts, fcgi};
/// use vestibule::adapt::blocking::{answer, run, write_frame};
///
/// fn serve(mut stream: std::net::TcpStream) -> std::io::Result<()> {
///     let (mut server, mut buf) = (fcgi::Server::default(), [0; 16 * 1024]);
///     run(&mut server, &mut stream, &mut buf, Timeouts::DEFAULT, |server, event, stream| {
///         match event {
///             Request::BodyEnd { id } => {
///                 let (fields, mut room) = ([Field::header(b"Content-Type", b"text/plain")], [0; 256]);
///                 write_frame(stream, server.head(id, 200, fields, Length::Known(3), &mut room)?)?;
///                 let mut payload = &b"hi\n"[..];
///                 write_frame(stream, server.body(id, &mut payload)?)?;
///                 write_frame(stream, server.finish(id, [], &mut room)?)?;
///             }
///             event => answer(server, event, stream)?,
///         }
///         Ok(ControlFlow::Continue(()))
///     })?;
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// Those of the transport and of the handler. Open exchanges have had their
/// last event (`Abort`) from [`Server::cancel`] then; what the handler makes of
/// it is not written any more.
pub fn run<M, S, F>(
    machine: &mut M,
    stream: &mut S,
    buf: &mut [u8],
    timeouts: Timeouts,
    mut handler: F,
) -> io::Result<Outcome>
where
    M: Server,
    S: Read + Write + Transport,
    F: FnMut(&mut M, M::Event<'_>, &mut S) -> io::Result<ControlFlow<()>>,
{
    if buf.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    stream.write_timeout(duration(timeouts.response))?;
    let mut connection = Connection {
        pace: Pace::new(timeouts),
        waits: None,
        closing: false,
    };
    let mut filled = 0;
    loop {
        let mut input = buf.get(..filled).unwrap_or(&[]);
        let mut progress = false;
        let paused = loop {
            match machine.next(&mut input) {
                Ok(Next::Event(event)) => {
                    progress = true;
                    match handler(machine, event, stream) {
                        // A batch may hold the end of one head and the start
                        // of another: each has its own time.
                        Ok(ControlFlow::Continue(())) => connection.passes(machine.phase()),
                        Ok(ControlFlow::Break(())) => {
                            let unread = input.len();
                            return Ok(Outcome::Stopped { filled, unread });
                        }
                        Err(error) => {
                            give_up(machine, stream, &mut handler);
                            if timed_out(&error) {
                                return Ok(Outcome::TimedOut(Phase::Response));
                            }
                            return Err(error);
                        }
                    }
                }
                Ok(Next::NeedInput) => break Ok(false),
                Ok(Next::Paused) => break Ok(true),
                Err(error) => break Err(error),
            }
        };
        let unread = input.len();
        let paused = match paused {
            Ok(paused) => paused,
            Err(error) => {
                refuse(machine, stream, error);
                let _ = stream.shutdown(Shutdown::Write);
                connection.closing = true;
                connection.linger(stream, buf);
                return Ok(Outcome::Failed(error));
            }
        };
        match machine.after() {
            After::Keep => {}
            After::Close => return Ok(Outcome::Closed),
            After::CloseWrite if connection.closing => {}
            After::CloseWrite => {
                let _ = stream.shutdown(Shutdown::Write);
                connection.closing = true;
            }
        }
        if paused && !connection.closing {
            return Ok(Outcome::Stopped { filled, unread });
        }
        connection.observe(machine.phase(), progress);
        match connection.read(stream, buf) {
            Ok(Ok(0)) => return Ok(ended(machine, stream, &mut handler)),
            Ok(Ok(n)) => filled = n,
            Ok(Err(phase)) => {
                if !matches!(phase, Phase::Idle | Phase::Closing) {
                    refuse(machine, stream, Error::Timeout);
                }
                give_up(machine, stream, &mut handler);
                return Ok(Outcome::TimedOut(phase));
            }
            Err(error) => {
                give_up(machine, stream, &mut handler);
                return if connection.closing {
                    Ok(Outcome::Closed)
                } else {
                    Err(error)
                };
            }
        }
    }
}

/// What `run` keeps about the transport.
struct Connection {
    pace: Pace,
    /// The read time-out that the transport has, if one was set.
    waits: Option<Option<core::time::Duration>>,
    /// The writing half is shut down.
    closing: bool,
}

impl Connection {
    /// Within a batch: only a change of phase counts.
    fn passes(&mut self, phase: Phase) {
        if !self.closing && self.pace.phase() != phase {
            self.pace.observe(phase, true);
        }
    }

    fn observe(&mut self, phase: Phase, progress: bool) {
        let (phase, progress) = if self.closing {
            // Whatever still comes: the time for the close does not begin again.
            (Phase::Closing, false)
        } else {
            (phase, progress)
        };
        self.pace.observe(phase, progress);
    }

    /// One read that brings something, or the phase that has lasted too long.
    fn read<S: Read + Transport>(
        &mut self,
        stream: &mut S,
        buf: &mut [u8],
    ) -> io::Result<Result<usize, Phase>> {
        let mut left = self.pace.left();
        loop {
            match left {
                Err(phase) => return Ok(Err(phase)),
                Ok(time) if self.waits != Some(time) => {
                    stream.read_timeout(time)?;
                    self.waits = Some(time);
                }
                Ok(_) => {}
            }
            match stream.read(buf) {
                Ok(n) => return Ok(Ok(n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if timed_out(&error) => {}
                Err(error) => return Err(error),
            }
            left = self.pace.left_now();
        }
    }

    /// Reads and drops until the peer closes or the time for that is over:
    /// closing with unread input would destroy the answer under way.
    fn linger<S: Read + Transport>(&mut self, stream: &mut S, buf: &mut [u8]) {
        loop {
            self.observe(Phase::Closing, false);
            match self.read(stream, buf) {
                Ok(Ok(1..)) => {}
                _ => return,
            }
        }
    }
}

/// The refusal that is owed where a wire has no ids.
fn refuse<M: Server, S: Write>(machine: &mut M, stream: &mut S, error: Error) {
    let mut room = [0; ROOM];
    if let Ok(frame) = machine.fail(Id::SOLE, error, &mut room) {
        let _ = write_frame(stream, frame);
    }
}

/// The transport is of no more use: every open exchange gets its last event.
fn give_up<M, S, F>(machine: &mut M, stream: &mut S, handler: &mut F)
where
    M: Server,
    F: FnMut(&mut M, M::Event<'_>, &mut S) -> io::Result<ControlFlow<()>>,
{
    machine.cancel();
    let mut input = &[][..];
    while let Ok(Next::Event(event)) = machine.next(&mut input) {
        let _ = handler(machine, event, stream);
    }
}

/// The peer will send no more.
fn ended<M, S, F>(machine: &mut M, stream: &mut S, handler: &mut F) -> Outcome
where
    M: Server,
    S: Write,
    F: FnMut(&mut M, M::Event<'_>, &mut S) -> io::Result<ControlFlow<()>>,
{
    loop {
        match machine.eof() {
            Ok(Next::Event(event)) => {
                let _ = handler(machine, event, stream);
            }
            Ok(Next::NeedInput | Next::Paused) => return Outcome::Closed,
            Err(error) => {
                refuse(machine, stream, error);
                return Outcome::Failed(error);
            }
        }
    }
}
