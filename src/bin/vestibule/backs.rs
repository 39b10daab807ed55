//! Kept connections to what stands behind.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport;

use crate::args::complain;
use crate::endpoint::{Address, Stream};
use crate::scheme::Scheme;

/// How many are kept at most, and for how long: less than the five seconds that
/// many servers of HTTP keep them for.
const MOST: usize = 64;
const AGE: Duration = Duration::from_secs(4);

/// One that still stands after so long was really kept.
const PROOF: Duration = Duration::from_millis(250);

/// How long one that was just opened may be without an answer before the idle
/// ones make room for it.
const PATIENCE: Duration = Duration::from_millis(50);

/// One of them, and the machine that has it.
pub struct Back<K> {
    pub stream: Lease,
    pub client: K,
    /// Whether it has carried a request before.
    pub used: bool,
    since: Instant,
}

/// Connections that were never answered, and since when.
#[derive(Default)]
struct Fresh {
    next: u64,
    all: Vec<(u64, Instant)>,
}

impl Fresh {
    /// How many have waited for too long.
    fn starving(&self) -> usize {
        let starves = |fresh: &&(u64, Instant)| fresh.1.elapsed() >= PATIENCE;
        self.all.iter().filter(starves).count()
    }
}

/// Its entry among those that were never answered.
struct Entry {
    among: Arc<Mutex<Fresh>>,
    key: u64,
}

impl Entry {
    fn new(among: &Arc<Mutex<Fresh>>) -> Entry {
        let mut fresh = lock(among);
        let key = fresh.next;
        fresh.next += 1;
        fresh.all.push((key, Instant::now()));
        Entry {
            among: Arc::clone(among),
            key,
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.among).all.retain(|fresh| fresh.0 != self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection, and what is known of it.
pub struct Lease {
    stream: Stream,
    /// Until something has come from it.
    fresh: Mutex<Option<Entry>>,
    answered: AtomicBool,
    /// The time-outs that it has, in milliseconds and one more.
    waits: [AtomicUsize; 2],
}

impl Lease {
    fn new(stream: Stream, entry: Entry) -> Lease {
        Lease {
            stream,
            fresh: Mutex::new(Some(entry)),
            answered: AtomicBool::new(false),
            waits: [AtomicUsize::new(0), AtomicUsize::new(0)],
        }
    }

    /// Something has come from it.
    fn settle(&self) {
        if !self.answered.swap(true, Ordering::AcqRel) {
            lock(&self.fresh).take();
        }
    }

    /// Whether a time-out is another than it has.
    fn changes(&self, which: usize, time: Option<Duration>) -> bool {
        let ms = time.map_or(usize::MAX, |time| {
            usize::try_from(time.as_millis() + 1).unwrap_or(usize::MAX - 1)
        });
        self.waits[which].swap(ms, Ordering::AcqRel) != ms
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
        let n = (&mut &self.stream).read(buf)?;
        self.settle();
        Ok(n)
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
        match self.changes(0, time) {
            true => self.stream.read_timeout(time),
            false => Ok(()),
        }
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        match self.changes(1, time) {
            true => self.stream.write_timeout(time),
            false => Ok(()),
        }
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        Transport::shutdown(&self.stream, how)
    }
}

/// Those to one address.
///
/// What stands behind may serve no more than a few connections at once, and
/// leave others waiting while those that it serves are kept idle here. So as
/// many as wait for too long for a first answer are not kept, or closed.
pub struct Backs<K> {
    address: Address,
    timeout: Duration,
    /// Makes the machine of a new one.
    machine: Box<dyn Fn() -> K + Send + Sync>,
    idle: Mutex<Vec<Back<K>>>,
    fresh: Arc<Mutex<Fresh>>,
    /// Whether what stands behind is known to keep connections. Some servers
    /// of HTTP close after each answer without a word, and a request that
    /// crosses that close may not be sent again if it is a POST.
    keeps: AtomicBool,
    /// When it was last said that nobody can be connected to.
    said: Mutex<Option<Instant>>,
}

impl<K> Backs<K> {
    pub fn new(
        address: Address,
        timeout: Duration,
        machine: impl Fn() -> K + Send + Sync + 'static,
    ) -> Self {
        let keeps = !address.scheme.is_closed_at_will();
        Backs {
            address,
            timeout,
            machine: Box::new(machine),
            idle: Mutex::default(),
            fresh: Arc::default(),
            keeps: AtomicBool::new(keeps),
            said: Mutex::default(),
        }
    }

    /// Says on standard error why there is no connection, once a second at most.
    pub fn complain(&self, error: &io::Error) {
        let mut said = lock(&self.said);
        if said.is_some_and(|at| at.elapsed() < Duration::from_secs(1)) {
            return;
        }
        *said = Some(Instant::now());
        drop(said);
        let what = self.address.unreached(error);
        complain(&format!("vestibule serve: {what}"));
    }

    pub fn scheme(&self) -> Scheme {
        self.address.scheme
    }

    /// A kept one that still stands, the last used first; in doubt the first
    /// used, if it has been idle for long enough.
    pub fn kept(&self) -> Option<Back<K>> {
        loop {
            let mut idle = lock(&self.idle);
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
        let entry = Entry::new(&self.fresh);
        let stream = self.address.connect(Some(self.timeout))?;
        Ok(Back {
            stream: Lease::new(stream, entry),
            client: (self.machine)(),
            used: false,
            since: Instant::now(),
        })
    }

    /// Takes one back that can carry another request.
    pub fn keep(&self, stream: Lease, client: K) {
        stream.settle();
        let back = Back {
            stream,
            client,
            used: true,
            since: Instant::now(),
        };
        let starving = lock(&self.fresh).starving();
        let mut idle = lock(&self.idle);
        let spare = match idle.len() >= MOST || starving > 0 {
            true => Some(back),
            false => {
                idle.push(back);
                None
            }
        };
        // Closed without the lock.
        drop(idle);
        drop(spare);
    }

    /// Closes what was idle for too long, and as many as others wait for.
    pub fn sweep(&self) {
        let starving = lock(&self.fresh).starving();
        let mut idle = lock(&self.idle);
        let mut spare = starving;
        // The first were idle for the longest time.
        let old: Vec<_> = idle
            .extract_if(.., |back| {
                let wanted = spare > 0;
                spare = spare.saturating_sub(1);
                wanted || back.since.elapsed() >= AGE
            })
            .collect();
        drop(idle);
        drop(old);
    }

    /// Closes all that are idle: one of them was found closed.
    pub fn forget(&self) {
        let old = std::mem::take(&mut *lock(&self.idle));
        drop(old);
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
