//! Kept connections to what stands behind.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport;

use crate::endpoint::{Address, Stream};

/// How many are kept at most, and for how long: less than what stands behind
/// commonly keeps them for.
const MOST: usize = 64;
const AGE: Duration = Duration::from_secs(15);

/// One that still stands after so long was really kept.
const PROOF: Duration = Duration::from_millis(250);

/// One of them, and the machine that has it.
pub struct Back<K> {
    pub stream: Lease,
    pub client: K,
    /// Whether it has carried a request before.
    pub used: bool,
    since: Instant,
}

/// A connection. While it is the first time in use it is counted.
pub struct Lease {
    stream: Stream,
    fresh: Option<Arc<AtomicUsize>>,
}

impl Lease {
    /// No longer counted.
    fn settle(&mut self) {
        if let Some(count) = self.fresh.take() {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Deref for Lease {
    type Target = Stream;

    fn deref(&self) -> &Stream {
        &self.stream
    }
}

impl Read for &Lease {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&mut &self.stream).read(buf)
    }
}

impl Write for &Lease {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&mut &self.stream).write(buf)
    }
    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        (&mut &self.stream).write_vectored(bufs)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Lease {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.stream.read_timeout(time)
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.stream.write_timeout(time)
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Transport::shutdown(&self.stream, how)
    }
}

/// Those to one address.
///
/// What stands behind may serve no more than a few connections at once, and
/// leave others waiting while those that it serves are kept idle here. So none
/// is kept while there is one that was never answered.
pub struct Backs<K> {
    address: Address,
    timeout: Duration,
    idle: Mutex<Vec<Back<K>>>,
    fresh: Arc<AtomicUsize>,
    /// Whether what stands behind is known to keep connections. Some servers
    /// of HTTP close after each answer without a word, and a request that
    /// crosses that close may not be sent again if it is a POST.
    keeps: AtomicBool,
}

impl<K: Default> Backs<K> {
    pub fn new(address: Address, timeout: Duration) -> Self {
        Backs {
            address,
            timeout,
            idle: Mutex::default(),
            fresh: Arc::default(),
            keeps: AtomicBool::new(true),
        }
    }

    /// Where connections may be closed at any time.
    pub fn doubted(self) -> Self {
        self.keeps.store(false, Ordering::Relaxed);
        self
    }

    /// A kept one that still stands, the last used first; in doubt the first
    /// used, if it has been idle for long enough.
    pub fn kept(&self) -> Option<Back<K>> {
        loop {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let back = if self.keeps.load(Ordering::Relaxed) {
                idle.pop()?
            } else if idle.first()?.since.elapsed() < PROOF {
                return None;
            } else {
                idle.remove(0)
            };
            drop(idle);
            if back.since.elapsed() >= AGE {
                continue;
            }
            let stands = stands(&back.stream);
            self.keeps.store(stands, Ordering::Relaxed);
            if stands {
                return Some(back);
            }
        }
    }

    pub fn connect(&self) -> io::Result<Back<K>> {
        self.fresh.fetch_add(1, Ordering::AcqRel);
        let fresh = Arc::clone(&self.fresh);
        let connected = self.address.connect(Some(self.timeout));
        let mut counted = Counted(Some(fresh));
        let stream = connected?;
        Ok(Back {
            stream: Lease {
                stream,
                fresh: counted.0.take(),
            },
            client: K::default(),
            used: false,
            since: Instant::now(),
        })
    }

    /// Takes one back that can carry another request.
    pub fn keep(&self, mut stream: Lease, client: K) {
        stream.settle();
        let back = Back {
            stream,
            client,
            used: true,
            since: Instant::now(),
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old = idle.extract_if(.., |back| back.since.elapsed() >= AGE);
        let old: Vec<_> = old.collect();
        let full = idle.len() >= MOST || self.fresh.load(Ordering::Acquire) > 0;
        let spare = match full {
            true => Some(back),
            false => {
                idle.push(back);
                None
            }
        };
        // Closed without the lock.
        drop(idle);
        drop((old, spare));
    }

    /// Closes what was idle for too long, so that others may be served there.
    pub fn sweep(&self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let old: Vec<_> = idle
            .extract_if(.., |back| back.since.elapsed() >= AGE)
            .collect();
        drop(idle);
        drop(old);
    }
}

/// Counted down where no connection came of it.
struct Counted(Option<Arc<AtomicUsize>>);

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(count) = self.0.take() {
            count.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Whether the peer has neither closed nor said anything.
fn stands(stream: &Stream) -> bool {
    if stream.blocks(false).is_err() {
        return false;
    }
    let silent = match (&mut &*stream).read(&mut [0]) {
        Ok(_) => false,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    };
    silent && stream.blocks(true).is_ok()
}
