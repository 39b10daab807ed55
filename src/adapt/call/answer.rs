//! The reading half: the answer, until `Done`.

use core::ops::ControlFlow;
use core::time::Duration;
use std::io::{self, Read};
use std::net::Shutdown;

use super::Called;
use super::shared::{Shared, State};
use crate::adapt::transport::{Transport, timed_out};
use crate::error::Error;
use crate::event::{Ending, Id, Next, Response};
use crate::machine::{After, Client};
use crate::time::Phase;

/// Reads and hands on events until `Done`.
///
/// `asked` is called for each `Demand`; where it fails, half a frame may have
/// gone out, though the peer may still answer.
pub(super) fn read_answer<M, R, F, A>(
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
pub(super) fn drain_lost<M, F>(shared: &Shared<'_, M>, handler: &mut F) -> bool
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
