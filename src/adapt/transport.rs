//! What an adapter needs of a transport beside reading and writing, and time.

use std::io;
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::time::{Deadline, Millis, Phase, Timeouts};

/// Time-outs and half closes. All methods do nothing by default, for
/// transports that have neither:
///
/// ```
/// use std::io::{self, Read, Write};
/// use vestibule::adapt::Transport;
///
/// struct Pipes<R, W>(R, W);
/// impl<R: Read, W> Read for Pipes<R, W> {
///     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
///         self.0.read(buf)
///     }
/// }
/// impl<R, W: Write> Write for Pipes<R, W> {
///     fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
///         self.1.write(buf)
///     }
///     fn flush(&mut self) -> io::Result<()> {
///         self.1.flush()
///     }
/// }
/// impl<R, W> Transport for Pipes<R, W> {}
/// ```
pub trait Transport {
    /// How long a read may block; `None` for ever. Never zero. A read that
    /// took longer gives `WouldBlock` or `TimedOut`.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        let _ = time;
        Ok(())
    }

    /// How long a write may block without a byte moved; `None` for ever.
    ///
    /// # Errors
    ///
    /// Those of the transport.
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        let _ = time;
        Ok(())
    }

    /// Shuts down one direction or both, also while another thread is blocked
    /// in a read or a write, which then ends.
    ///
    /// # Errors
    ///
    /// Those of the transport; adapters ignore them, since the peer may be gone.
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let _ = how;
        Ok(())
    }
}

macro_rules! sockets {
    ($($(#[$cfg:meta])? $socket:ty),+) => {$(
        $(#[$cfg])?
        impl Transport for $socket {
            fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(time)
            }
            fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
                self.set_write_timeout(time)
            }
            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                <$socket>::shutdown(self, how)
            }
        }
    )+};
}

sockets!(
    TcpStream,
    #[cfg(unix)]
    UnixStream
);

impl<T: Transport + ?Sized> Transport for &T {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        T::read_timeout(self, time)
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        T::write_timeout(self, time)
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        T::shutdown(self, how)
    }
}

/// Whether an error says that a read or write blocked for too long.
pub(super) fn timed_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// A time of [`Timeouts`] as the transport wants it.
pub(super) fn duration(ms: u32) -> Option<Duration> {
    (ms != u32::MAX).then(|| Duration::from_millis(u64::from(ms).max(1)))
}

/// A [`Deadline`] with a clock, and the time-out that the transport has.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    deadline: Deadline,
    phase: Phase,
    now: Millis,
}

impl Pace {
    pub fn new(timeouts: Timeouts) -> Self {
        Pace {
            start: Instant::now(),
            deadline: Deadline::new(timeouts),
            phase: Phase::Idle,
            now: Millis(0),
        }
    }

    /// The phase that was observed last.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// After each batch of input.
    pub fn observe(&mut self, phase: Phase, progress: bool) {
        self.tick();
        self.phase = phase;
        self.deadline.observe(phase, self.now, progress);
    }

    /// Bytes were written.
    pub fn wrote(&mut self) {
        self.observe(self.phase, true);
    }

    fn tick(&mut self) {
        self.now = Millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX));
    }

    /// How long a read may block now: `None` for ever.
    ///
    /// # Errors
    ///
    /// The phase that has lasted too long.
    pub fn left(&mut self) -> Result<Option<Duration>, Phase> {
        match self.deadline.expired(self.now) {
            Some(phase) => Err(phase),
            None => Ok(self
                .deadline
                .at()
                .map(|at| Duration::from_millis(at.0.saturating_sub(self.now.0).max(1)))),
        }
    }

    /// The same, after a read that blocked for too long.
    pub fn left_now(&mut self) -> Result<Option<Duration>, Phase> {
        self.tick();
        self.left()
    }
}
