//! Kept connections to what stands behind.

use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vestibule::fcgi;

use crate::endpoint::{Address, Stream};

/// How many are kept at most, and for how long: less than what stands behind
/// commonly keeps them for.
const MOST: usize = 64;
const AGE: Duration = Duration::from_secs(15);

/// One of them.
pub struct Back {
    pub stream: Stream,
    pub client: fcgi::Client,
    /// Whether it has carried a request before.
    pub used: bool,
    since: Instant,
}

/// Those to one address.
pub struct Backs {
    address: Address,
    timeout: Duration,
    idle: Mutex<Vec<Back>>,
}

impl Backs {
    pub fn new(address: Address, timeout: Duration) -> Self {
        Backs {
            address,
            timeout,
            idle: Mutex::default(),
        }
    }

    /// A kept one that still stands, the last used first.
    pub fn kept(&self) -> Option<Back> {
        loop {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let back = idle.pop()?;
            drop(idle);
            if back.since.elapsed() < AGE && stands(&back.stream) {
                return Some(back);
            }
        }
    }

    pub fn connect(&self) -> io::Result<Back> {
        Ok(Back {
            stream: self.address.connect(Some(self.timeout))?,
            client: fcgi::Client::default(),
            used: false,
            since: Instant::now(),
        })
    }

    /// Takes one back that can carry another request.
    pub fn keep(&self, mut back: Back) {
        back.used = true;
        back.since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|back| back.since.elapsed() < AGE);
        if idle.len() < MOST {
            idle.push(back);
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
