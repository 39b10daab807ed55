//! One exchange of a client machine on a blocking transport, both ways at once.

mod answer;
mod body;
mod shared;

use core::ops::ControlFlow;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Condvar, Mutex, PoisonError};

use self::answer::{drain_lost, read_answer};
use self::body::{Sent, send_body};
use self::shared::{Over, Shared, State};
use super::blocking::write_frame;
use super::source::Source;
use super::transport::{Pace, Transport, duration, timed_out};
use crate::error::Error;
use crate::event::Id;
use crate::frame::Frame;
use crate::machine::Client;
use crate::time::{Phase, Timeouts};

/// How [`Call::run`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// The exchange has had its `Done`. `reuse`: the connection, too, can
    /// carry another one.
    Done {
        /// As in `Done`, and the whole request was written.
        reuse: bool,
    },
    /// The handler said so; the transport is shut down.
    Stopped,
    /// The peer broke the protocol.
    Failed(Error),
    /// The peer took too long; the transport is shut down.
    TimedOut(Phase),
}

/// A request that was opened, to be sent and answered.
///
/// [`run`](Self::run) writes the head, lets a second thread send the body, and
/// reads the answer on the thread that called it, so that any size goes both
/// ways at once. Kept connections: run one after the other with the same
/// machine and transport. On TCP switch Nagle's delay off (`set_nodelay`): a
/// request is several writes.
///
/// ```
/// use core::ops::ControlFlow;
/// use vestibule::{Client, Field, Length, Response, Timeouts, fcgi};
/// use vestibule::adapt::{Call, Called};
///
/// fn call(stream: std::net::TcpStream, body: &[u8]) -> std::io::Result<Called> {
///     let mut client = fcgi::Client::default();
///     let (mut room, mut buf) = ([0; 1024], [0; 16 * 1024]);
///     let fields = [Field::var(b"REQUEST_METHOD", b"POST")];
///     let (id, head) = client.open(fields, Length::Known(body.len() as u64), &mut room)?;
///     let call = Call { id, head, buf: &mut buf, timeouts: Timeouts::DEFAULT };
///     call.run(&mut client, &mut &stream, &mut &stream, Some(body), |event| {
///         if let Response::Body { bytes, .. } = event {
///             println!("{} bytes", bytes.len());
///         }
///         Ok(ControlFlow::Continue(()))
///     })
/// }
/// ```
#[derive(Debug)]
pub struct Call<'a> {
    /// Which exchange.
    pub id: Id,
    /// What [`Client::open`] gave, not yet written.
    pub head: Frame<'a>,
    /// The read buffer, of any size but zero; 16 KiB is a good one.
    pub buf: &'a mut [u8],
    /// How long each phase may last without an event or a byte written.
    pub timeouts: Timeouts,
}

impl Call<'_> {
    /// Sends and reads until the exchange is done. Events of other exchanges
    /// of the machine go to the handler too.
    ///
    /// `body` is needed, and is read to its end, unless the request was opened
    /// without a body (then `None::<&[u8]>`). It may be longer or shorter than was declared no more
    /// than the machine allows. When the answer is complete before the body is
    /// sent, or the handler breaks, sending stops and the transport is shut
    /// down; so it is where the answer has failed and the connection can carry
    /// nothing else. A body that may block for ever belongs in a
    /// [`Detached`](super::Detached).
    ///
    /// A peer that takes no more bytes may still answer, so an error of
    /// writing alone ends nothing.
    ///
    /// # Errors
    ///
    /// Those of reading from the transport, of the body, of the handler, and
    /// [`Refused`](crate::Refused) as `InvalidInput` when the body does not fit
    /// what was declared. But for the handler's, `Done` has been given.
    pub fn run<M, R, W, B, F>(
        self,
        machine: &mut M,
        reader: &mut R,
        writer: &mut W,
        body: Option<B>,
        mut handler: F,
    ) -> io::Result<Called>
    where
        M: Client + Send,
        R: Read + Transport,
        W: Write + Transport + Send,
        B: Source,
        F: FnMut(M::Event<'_>) -> io::Result<ControlFlow<()>>,
    {
        let Call {
            id,
            head,
            buf,
            timeouts,
        } = self;
        if buf.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        writer.write_timeout(duration(timeouts.body))?;
        let sent = write_frame(writer, head);
        let late = matches!(&sent, Err(error) if timed_out(error));
        let broken = sent.is_err();
        let body = if broken { None } else { body };
        let mut pace = Pace::new(timeouts);
        pace.observe(machine.phase(), true);
        let shared = Shared {
            state: Mutex::new(State {
                machine,
                pace,
                over: late,
                written: body.is_none(),
                asked: false,
                frames: 0,
            }),
            changed: Condvar::new(),
        };
        let Some(body) = body else {
            let called = if late {
                drain_lost(&shared, &mut handler);
                Ok(Called::TimedOut(Phase::Body))
            } else {
                read_answer(&shared, id, reader, buf, &mut handler, |state| {
                    // Whoever asks for a body that is none is told so.
                    match state.machine.body_end(id, [], &mut []) {
                        Ok(frame) if !frame.is_empty() => write_frame(writer, frame),
                        _ => Ok(()),
                    }
                })
            };
            let called = if broken { called.map(spent) } else { called };
            return settle(called, reader);
        };
        // The reading thread keeps the time for both.
        writer.write_timeout(None)?;
        std::thread::scope(|scope| {
            let stopper = body.stopper();
            let sending = scope.spawn(|| {
                let sent = send_body(&shared, id, writer, body, timeouts.expect);
                if !matches!(sent, Sent::Ended | Sent::Broken) {
                    let _ = writer.shutdown(Shutdown::Both);
                }
                shared.lock().written = true;
                shared.changed.notify_all();
                sent
            });
            let over = Over(&shared);
            let called = read_answer(&shared, id, reader, buf, &mut handler, |_| Ok(()));
            drop(over);
            stopper.stop();
            let called = match called {
                Ok(Called::Done { reuse }) => {
                    let grace = if reuse { timeouts.closing } else { 0 };
                    let written = wait_written(&shared, grace);
                    if !written {
                        let _ = reader.shutdown(Shutdown::Both);
                    }
                    Ok(Called::Done {
                        reuse: reuse && written,
                    })
                }
                other => settle(other, reader),
            };
            match sending.join() {
                Ok(Sent::Source(error)) => Err(error),
                // Of a connection that failed anyway it says nothing.
                Ok(Sent::Refused(refused)) if matches!(called, Ok(Called::Done { .. })) => {
                    Err(refused.into())
                }
                // Half a frame may have gone out.
                Ok(Sent::Broken) => called.map(spent),
                Ok(Sent::Ended | Sent::Refused(_)) | Err(_) => called,
            }
        })
    }
}

/// A request that was not written whole leaves a connection of no more use.
fn spent(called: Called) -> Called {
    match called {
        Called::Done { .. } => Called::Done { reuse: false },
        other => other,
    }
}

/// A transport that is of no more use is shut down, which also ends a blocked
/// write.
fn settle<R: Transport>(called: io::Result<Called>, reader: &R) -> io::Result<Called> {
    if !matches!(called, Ok(Called::Done { .. })) {
        let _ = reader.shutdown(Shutdown::Both);
    }
    called
}

/// Waits for the last bytes of a request that is answered already.
fn wait_written<M>(shared: &Shared<'_, M>, grace: u32) -> bool {
    let state = shared.lock();
    let grace = Duration::from_millis(u64::from(grace));
    let (state, _) = shared
        .changed
        .wait_timeout_while(state, grace, |state| !state.written)
        .unwrap_or_else(PoisonError::into_inner);
    state.written
}
