//! What a program writes to its standard error.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use std::vec;

use super::Log;

/// Between two looks for what others still write.
const LOOK: Duration = Duration::from_millis(50);

/// What wakes who reads, and is no text.
const MARK: u8 = 0;

#[derive(Debug, Default)]
struct Signs {
    /// The program has ended.
    ended: AtomicBool,
    /// Somebody is in `read`, or about to be.
    reads: AtomicBool,
}

/// Dropped when the program has ended. What it has started may hold its
/// standard error for ever: nobody is to wait there as long.
#[derive(Debug)]
pub(super) struct Wake {
    pipe: PipeWriter,
    signs: Arc<Signs>,
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.signs.ended.store(true, Ordering::SeqCst);
        // Who reads has room in the pipe, or makes it.
        if self.signs.reads.load(Ordering::SeqCst) {
            let _ = self.pipe.write(&[MARK]);
        }
    }
}

/// A pipe, and not a socket, since programs open `/dev/stderr`.
pub(super) fn pipe() -> io::Result<(PipeReader, PipeWriter, Wake)> {
    let (reader, writer) = io::pipe()?;
    let wake = Wake {
        pipe: writer.try_clone()?,
        signs: Arc::default(),
    };
    Ok((reader, writer, wake))
}

/// Reads it to the end, so that the program never blocks there; and when the
/// program has ended, for `grace` at most.
pub(super) struct Pump {
    pipe: PipeReader,
    signs: Arc<Signs>,
    log: Log,
    left: u64,
    grace: Duration,
}

impl Pump {
    pub fn new(pipe: PipeReader, wake: &Wake, log: Log, left: u64, grace: Duration) -> Pump {
        let signs = Arc::clone(&wake.signs);
        Pump {
            pipe,
            signs,
            log,
            left,
            grace,
        }
    }

    pub fn run(mut self) {
        let mut buf = vec![0; 8 * 1024];
        let marked = loop {
            self.signs.reads.store(true, Ordering::SeqCst);
            if self.signs.ended.load(Ordering::SeqCst) {
                // The mark may be on its way, or not.
                break true;
            }
            let read = self.pipe.read(&mut buf);
            self.signs.reads.store(false, Ordering::SeqCst);
            match read {
                Ok(0) => return,
                Ok(n) => {
                    let text = buf.get(..n).unwrap_or(&[]);
                    // Where somebody wrote behind it, it stays: a NUL in a log.
                    let ended = self.signs.ended.load(Ordering::SeqCst);
                    match text.split_last() {
                        Some((&MARK, text)) if ended => {
                            self.say(text);
                            break false;
                        }
                        _ => self.say(text),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        };
        let _ = self.rest(&mut buf, marked);
    }

    /// What others still write, or the program wrote last.
    fn rest(&mut self, buf: &mut [u8], mut marked: bool) -> io::Result<()> {
        // This side of a pipe has its own flags: nobody else is changed.
        let pipe = UnixStream::from(OwnedFd::from(self.pipe.try_clone()?));
        pipe.set_nonblocking(true)?;
        let mut pipe = File::from(OwnedFd::from(pipe));
        let (start, grace) = (Instant::now(), self.grace.max(LOOK));
        loop {
            match pipe.read(buf) {
                Ok(0) => return Ok(()),
                Ok(n) => match buf.get(..n).and_then(<[u8]>::split_last) {
                    Some((&MARK, text)) if marked => {
                        marked = false;
                        self.say(text);
                    }
                    _ => self.say(buf.get(..n).unwrap_or(&[])),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(LOOK);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if start.elapsed() >= grace {
                return Ok(());
            }
        }
    }

    fn say(&mut self, text: &[u8]) {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let text = text.get(..text.len().min(most)).unwrap_or(&[]);
        let used = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(used);
        if !text.is_empty() {
            (self.log)(text);
        }
    }
}
