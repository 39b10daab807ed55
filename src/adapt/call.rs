//! One exchange of a client machine on a blocking transport, both ways at once.

use core::ops::ControlFlow;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::vec;

use super::blocking::write_frame;
use super::source::Source;
use super::transport::{Pace, Transport, duration, timed_out};
use crate::error::{Error, Refused};
use crate::event::{Ending, Id, Next, Response};
use crate::frame::Frame;
use crate::machine::{After, Client};
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

/// What both threads see.
struct Shared<'m, M> {
    state: Mutex<State<'m, M>>,
    /// Signalled when any part of it has changed.
    changed: Condvar,
}

struct State<'m, M> {
    machine: &'m mut M,
    pace: Pace,
    /// `Done` was given, or there is no hope of it: nothing more is to be sent.
    over: bool,
    /// The body is out: nothing more is written, unless it is asked for.
    written: bool,
    /// A `Demand` has come that nobody has looked at.
    asked: bool,
    /// Counts its frames.
    frames: u64,
}

impl<'m, M> Shared<'m, M> {
    fn lock(&self) -> MutexGuard<'_, State<'m, M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, guard: MutexGuard<'g, State<'m, M>>) -> MutexGuard<'g, State<'m, M>> {
        self.changed
            .wait(guard)
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<'g>(
        &self,
        guard: MutexGuard<'g, State<'m, M>>,
        time: Duration,
    ) -> MutexGuard<'g, State<'m, M>> {
        self.changed
            .wait_timeout(guard, time)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// Ends the writing thread when dropped, by a panic of the handler too.
struct Over<'s, 'm, M>(&'s Shared<'m, M>);

impl<M> Drop for Over<'_, '_, M> {
    fn drop(&mut self) {
        self.0.lock().over = true;
        self.0.changed.notify_all();
    }
}

/// Why the writing thread ended.
enum Sent {
    /// The exchange is over.
    Ended,
    /// The peer takes no more (it may still answer).
    Broken,
    Source(io::Error),
    Refused(Refused),
}

/// Less than the largest record of any protocol, so that a read makes one.
const CHUNK: usize = 60 * 1024;

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
    /// [`Refused`] as `InvalidInput` when the body does not fit what was
    /// declared. But for the handler's, `Done` has been given.
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

/// Reads and hands on events until `Done`.
///
/// `asked` is called for each `Demand`; where it fails, half a frame may have
/// gone out, though the peer may still answer.
fn read_answer<M, R, F, A>(
    shared: &Shared<'_, M>,
    id: Id,
    reader: &mut R,
    buf: &mut [u8],
    handler: &mut F,
    mut asked: A,
) -> io::Result<Called>
where
    M: Client,
    R: Read + Transport,
    F: FnMut(M::Event<'_>) -> io::Result<ControlFlow<()>>,
    A: FnMut(&mut State<'_, M>) -> io::Result<()>,
{
    let mut broken = false;
    let mut waits = None;
    let mut filled = 0;
    let (mut done, mut failed) = (None, false);
    loop {
        let mut input = buf.get(..filled).unwrap_or(&[]);
        let mut progress = false;
        let time = loop {
            let mut state = shared.lock();
            match state.machine.next(&mut input) {
                Ok(Next::Event(event)) => {
                    if let Response::Done {
                        id: of,
                        reuse,
                        ending,
                        ..
                    } = event
                        && of == id
                    {
                        state.over = true;
                        done = Some(reuse);
                        failed = matches!(ending, Ending::Failed(_));
                    }
                    if let Response::Demand { id: of, .. } = event
                        && of == id
                    {
                        state.asked = true;
                        broken |= asked(&mut state).is_err();
                    }
                    drop(state);
                    progress = true;
                    // The machine is free meanwhile: the handler may block.
                    if handler(event)?.is_break() {
                        return Ok(Called::Stopped);
                    }
                }
                Ok(Next::NeedInput) => {
                    let phase = state.machine.phase();
                    // As below, where it is seen in part.
                    let after = state.machine.after();
                    done = done.map(|reuse| reuse && after == After::Keep);
                    // Others may be under way.
                    failed &= after == After::Close;
                    state.pace.observe(phase, progress);
                    break state.pace.left();
                }
                Ok(Next::Paused) => {
                    // Only what the other thread sends can change that.
                    if state.written || done.is_some() {
                        break Ok(None);
                    }
                    let frames = state.frames;
                    while state.frames == frames && !state.written {
                        state = shared.wait(state);
                    }
                }
                // What comes behind a complete answer spoils the connection
                // alone.
                Err(_) if done.is_some() => {
                    done = Some(false);
                    break Ok(None);
                }
                Err(error) => return Ok(Called::Failed(error)),
            }
        };
        shared.changed.notify_all();
        if let Some(reuse) = done {
            if failed {
                // Whoever still works at that answer works for nobody.
                let _ = reader.shutdown(Shutdown::Both);
            }
            return Ok(Called::Done {
                reuse: reuse && !broken,
            });
        }
        if !input.is_empty() {
            return Ok(Called::Stopped);
        }
        match read(shared, reader, buf, time, &mut waits) {
            Ok(Ok(0)) => return ended(shared, id, handler),
            Ok(Ok(n)) => filled = n,
            Ok(Err(phase)) => {
                drain_lost(shared, handler);
                return Ok(Called::TimedOut(phase));
            }
            Err(error) => {
                let done = drain_lost(shared, handler);
                // The answer may have been complete but for its confirmation.
                return if done {
                    Ok(Called::Done { reuse: false })
                } else {
                    Err(error)
                };
            }
        }
    }
}

/// One read that brings something, or the phase that has lasted too long.
fn read<M, R: Read + Transport>(
    shared: &Shared<'_, M>,
    reader: &mut R,
    buf: &mut [u8],
    mut time: Result<Option<Duration>, Phase>,
    waits: &mut Option<Option<Duration>>,
) -> io::Result<Result<usize, Phase>> {
    loop {
        match time {
            Err(phase) => return Ok(Err(phase)),
            Ok(time) if *waits != Some(time) => {
                reader.read_timeout(time)?;
                *waits = Some(time);
            }
            Ok(_) => {}
        }
        match reader.read(buf) {
            Ok(n) => return Ok(Ok(n)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if timed_out(&error) => {}
            Err(error) => return Err(error),
        }
        time = shared.lock().pace.left_now();
    }
}

/// The peer will send no more.
fn ended<M, F>(shared: &Shared<'_, M>, id: Id, handler: &mut F) -> io::Result<Called>
where
    M: Client,
    F: FnMut(M::Event<'_>) -> io::Result<ControlFlow<()>>,
{
    let mut done = None;
    loop {
        let mut state = shared.lock();
        match state.machine.eof() {
            Ok(Next::Event(event)) => {
                if let Response::Done { id: of, .. } = event
                    && of == id
                {
                    state.over = true;
                    done = Some(Called::Done { reuse: false });
                }
                drop(state);
                if handler(event)?.is_break() {
                    return Ok(Called::Stopped);
                }
            }
            Ok(Next::NeedInput | Next::Paused) => {
                return Ok(done.unwrap_or(Called::Failed(Error::Eof)));
            }
            Err(error) => return Ok(done.unwrap_or(Called::Failed(error))),
        }
    }
}

/// The transport is of no more use: every open exchange gets its last event.
/// Whether there was any.
fn drain_lost<M, F>(shared: &Shared<'_, M>, handler: &mut F) -> bool
where
    M: Client,
    F: FnMut(M::Event<'_>) -> io::Result<ControlFlow<()>>,
{
    let mut any = false;
    shared.lock().machine.cancel();
    loop {
        let mut input = &[][..];
        let next = shared.lock().machine.next(&mut input);
        match next {
            Ok(Next::Event(event)) => {
                any = true;
                let _ = handler(event);
            }
            Ok(Next::NeedInput | Next::Paused) | Err(_) => return any,
        }
    }
}

/// The writing thread. `expect`: how long it waits to be let begin.
fn send_body<M, W, B>(
    shared: &Shared<'_, M>,
    id: Id,
    writer: &mut W,
    mut body: B,
    expect: u32,
) -> Sent
where
    M: Client,
    W: Write,
    B: Source,
{
    let mut chunk = vec![0; CHUNK];
    let mut patience = duration(expect).and_then(|time| Instant::now().checked_add(time));
    // Of the body, which then is asked for in vain.
    let mut ended = false;
    loop {
        let credit = {
            let mut state = shared.lock();
            loop {
                if state.over {
                    return Sent::Ended;
                }
                let left = patience.map(|end| end.saturating_duration_since(Instant::now()));
                let credit = if ended { 0 } else { state.machine.credit(id) };
                match (credit, left) {
                    (0, _) if state.asked => {
                        state.asked = false;
                        break 0;
                    }
                    (0, None) => state = shared.wait(state),
                    (0, Some(Duration::ZERO)) => {
                        patience = None;
                        // Refused by one who has answered: `Done` is to come.
                        let _ = state.machine.proceed(id);
                    }
                    (0, Some(left)) => state = shared.wait_for(state, left),
                    (credit, _) => {
                        patience = None;
                        state.asked = false;
                        break credit;
                    }
                }
            }
        };
        let size = credit.min(CHUNK);
        let room = chunk.get_mut(..size).unwrap_or(&mut []);
        let read = match credit {
            0 => Ok(0),
            _ => body.read_body(room),
        };
        let read = match read {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Sent::Source(error),
        };
        let mut payload = chunk.get(..read).unwrap_or(&[]);
        loop {
            let frame = {
                let mut state = shared.lock();
                if state.over {
                    return Sent::Ended;
                }
                let made = if read == 0 {
                    state.machine.body_end(id, [], &mut [])
                } else {
                    state.machine.body(id, &mut payload)
                };
                state.frames = state.frames.wrapping_add(1);
                match made {
                    Ok(frame) => frame,
                    Err(_) if ended => Frame::EMPTY,
                    Err(refused) => return Sent::Refused(refused),
                }
            };
            let written = write_frame(&mut Paced { shared, writer }, frame);
            if read == 0 {
                ended = true;
                shared.lock().written = true;
            }
            shared.changed.notify_all();
            if written.is_err() {
                return Sent::Broken;
            }
            if payload.is_empty() {
                break;
            }
        }
    }
}

/// Tells the reading thread, which keeps the time, of bytes written.
struct Paced<'s, 'm, 'w, M, W> {
    shared: &'s Shared<'m, M>,
    writer: &'w mut W,
}

impl<M, W: Write> Paced<'_, '_, '_, M, W> {
    fn note(&self, written: io::Result<usize>) -> io::Result<usize> {
        if written.is_ok() {
            self.shared.lock().pace.wrote();
        }
        written
    }
}

impl<M, W: Write> Write for Paced<'_, '_, '_, M, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(buf);
        self.note(written)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let written = self.writer.write_vectored(bufs);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
