//! The streams of a program, as far as they are ours.

use std::io::{self, PipeReader, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::adapt::process::errors::{self, Wake};
use crate::adapt::process::{Log, Program};

/// What was started.
pub(in super::super) struct Started {
    pub run: Run,
    pub child: Child,
    pub errors: PipeReader,
    pub wake: Wake,
    pub log: Log,
    pub log_limit: u64,
    pub grace: Duration,
}

/// Its input and output, as far as they are ours.
#[derive(Debug)]
pub(in super::super) struct Run {
    /// None where there is no body.
    pub stdin: Option<UnixStream>,
    pub stdout: UnixStream,
    /// Bytes of the body that are still to come. Not every machine has an
    /// atomic number of 64 bits.
    left: Mutex<u64>,
    /// It takes no more of them.
    deaf: AtomicBool,
}

impl Run {
    pub fn start(
        mut command: Command,
        length: u64,
        program: &Program,
        waits: &Waits,
    ) -> io::Result<Started> {
        let stdin = match length {
            0 => {
                command.stdin(Stdio::null());
                None
            }
            _ => {
                let (ours, its) = UnixStream::pair()?;
                ours.set_write_timeout(waits.writes)?;
                command.stdin(OwnedFd::from(its));
                Some(ours)
            }
        };
        let (stdout, its) = UnixStream::pair()?;
        stdout.set_read_timeout(waits.reads)?;
        command.stdout(OwnedFd::from(its));
        let (errors, its, wake) = errors::pipe()?;
        let child = command.stderr(its).spawn()?;
        Ok(Started {
            run: Run {
                stdin,
                stdout,
                left: Mutex::new(length),
                deaf: AtomicBool::new(false),
            },
            child,
            errors,
            wake,
            log: Arc::clone(&program.log),
            log_limit: program.log_limit,
            grace: program.grace,
        })
    }

    fn left(&self) -> MutexGuard<'_, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One write to its input. What it will not read is dropped.
    pub fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let left = *self.left();
        let most = usize::try_from(left).unwrap_or(usize::MAX);
        let now = buf.get(..most.min(buf.len())).unwrap_or(&[]);
        let (Some(stdin), false, false) = (
            &self.stdin,
            now.is_empty(),
            self.deaf.load(Ordering::Acquire),
        ) else {
            return Ok(buf.len());
        };
        match (&mut &*stdin).write(now) {
            Ok(n) => {
                let left = left.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
                *self.left() = left;
                if left == 0 {
                    let _ = stdin.shutdown(Shutdown::Write);
                }
                Ok(n)
            }
            Err(error) if is_deaf(&error) => {
                self.deaf.store(true, Ordering::Release);
                Ok(buf.len())
            }
            Err(error) => Err(error),
        }
    }

    /// Ends both, also for who is blocked there.
    pub fn close(&self) {
        self.end_input();
        let _ = self.stdout.shutdown(Shutdown::Both);
    }

    pub fn end_input(&self) {
        self.deaf.store(true, Ordering::Release);
        if let Some(stdin) = &self.stdin {
            let _ = stdin.shutdown(Shutdown::Both);
        }
    }
}

/// Whether it has closed its input: no error, it need not read. RFC 3875, 4.2.
fn is_deaf(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}

/// The time-outs that were set, for when it is started.
#[derive(Debug, Default)]
pub(in super::super) struct Waits {
    pub reads: Option<Duration>,
    pub writes: Option<Duration>,
}
