//! The writing half: the body, on a thread of its own.

use core::time::Duration;
use std::io::{self, Write};
use std::time::Instant;
use std::vec;

use super::shared::Shared;
use crate::adapt::blocking::write_frame;
use crate::adapt::source::Source;
use crate::adapt::transport::duration;
use crate::error::Refused;
use crate::event::Id;
use crate::frame::Frame;
use crate::machine::Client;

/// Why the writing thread ended.
pub(super) enum Sent {
    /// The exchange is over.
    Ended,
    /// The peer takes no more (it may still answer).
    Broken,
    Source(io::Error),
    Refused(Refused),
}

/// Less than the largest record of any protocol, so that a read makes one.
const CHUNK: usize = 60 * 1024;

/// The writing thread. `expect`: how long it waits to be let begin.
pub(super) fn send_body<M, W, B>(
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
