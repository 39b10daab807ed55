//! What becomes of a program that nobody has any more.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use std::vec;

use super::{Handle, LOOK, MOST, locked};
use crate::adapt::process::errors::Wake;

/// What is left of a program that nobody has any more.
pub(super) struct Left {
    pub child: Handle,
    pub output: Option<UnixStream>,
    /// Dropped with the rest, when it has ended.
    pub _wake: Option<Wake>,
}

/// Reads what it still writes, waits for it, and kills it where it has had its
/// time.
pub(super) fn reap(left: &Mutex<Left>, grace: Duration) {
    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
    let start = Instant::now();
    let time = || grace.saturating_sub(start.elapsed());
    let mut buf = vec![0; 4096];
    while let Some(output) = &mut left.output
        && !time().is_zero()
        && output.set_read_timeout(Some(time().max(LOOK))).is_ok()
    {
        match output.read(&mut buf) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => left.output = None,
        }
    }
    let mut pause = LOOK;
    while !time().is_zero() {
        if !matches!(locked(&left.child).try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(pause.min(time()));
        pause = pause.saturating_mul(2).min(MOST);
    }
    let mut child = locked(&left.child);
    let _ = child.kill();
    let _ = child.wait();
}
