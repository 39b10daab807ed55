//! SIGTERM, SIGINT and SIGHUP, counted. The only unsafe code here.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many came so far that say: stop.
pub static STOPS: AtomicUsize = AtomicUsize::new(0);
/// How many SIGHUP came so far.
pub static HANGUPS: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

extern "C" fn note(number: i32) {
    let count = if number == 1 { &HANGUPS } else { &STOPS };
    count.fetch_add(1, Ordering::Relaxed);
}

/// From now on these signals are counted and do nothing else. SIGHUP, SIGINT
/// and SIGTERM are 1, 2 and 15 on every Unix.
pub fn watch(numbers: &[i32]) {
    for number in numbers {
        // SAFETY: the signature is C's, and the handler, which lives as long
        // as the program, touches atomic counters alone.
        unsafe { signal(*number, note) };
    }
}
