//! What a connection is told that finds no free worker.

use std::io::{self, Read as _, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport as _;
use vestibule::adapt::blocking::{answer, run, write_frame};
use vestibule::fcgi::{self, Slot};
use vestibule::{Error, Next, Receive as _, Request, Timeouts, ajp, scgi, uwsgi};

use crate::access::{Entry, Log};
use crate::endpoint::Stream;
use crate::front::Front;
use crate::logged::{Lines, Logged};
use crate::scheme::Scheme;

/// How many are told at once by a thread of their own, which waits until it
/// was heard. Beyond, they are told without waiting for anything.
const MOST: usize = 64;

static TELLING: AtomicUsize = AtomicUsize::new(0);

/// How long that may take, in milliseconds.
const TIME: u32 = 1000;

/// Says so, on a thread of its own, and closes.
pub fn refuse(scheme: Scheme, stream: Stream, log: Option<Arc<Log>>) {
    let before = TELLING.fetch_add(1, Ordering::Relaxed);
    let telling = Telling;
    if before >= MOST {
        return hasten(scheme, &stream, log);
    }
    // It needs little: the machine is small, and so is what it says.
    let thread = std::thread::Builder::new().stack_size(128 * 1024);
    let _ = thread.spawn(move || {
        if !stream.admit(Duration::from_millis(TIME.into())) {
            return;
        }
        match scheme {
            Scheme::Fcgi => tell(full(), &stream, log),
            Scheme::Http => http(&stream, log),
            Scheme::Scgi => tell(scgi::Server::new(), &stream, log),
            Scheme::Uwsgi => tell(uwsgi::Server::new(), &stream, log),
            Scheme::Ajp => tell(container(), &stream, log),
            // No connection comes so.
            Scheme::Cgi => {}
        }
        linger(&stream);
        drop(telling);
    });
}

/// Says so to who has asked already, or over HTTP to anybody, without a wait.
/// Who still sends may miss it.
fn hasten(scheme: Scheme, stream: &Stream, log: Option<Arc<Log>>) {
    // A header that is demanded is waited for, but not for long.
    if !stream.admit(Duration::from_millis(1)) || stream.blocks(false).is_err() {
        return;
    }
    match scheme {
        Scheme::Fcgi => tell_at_once(full(), stream, log),
        Scheme::Scgi => tell_at_once(scgi::Server::new(), stream, log),
        Scheme::Uwsgi => tell_at_once(uwsgi::Server::new(), stream, log),
        Scheme::Ajp => tell_at_once(container(), stream, log),
        Scheme::Cgi => {}
        Scheme::Http => {
            // Closing with unread input would destroy what is said.
            let mut buf = [0; 4096];
            for _ in 0..16 {
                if !matches!((&mut &*stream).read(&mut buf), Ok(1..)) {
                    break;
                }
            }
            http(stream, log);
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
}

/// Counted down also where no thread could be had.
struct Telling;

impl Drop for Telling {
    fn drop(&mut self) {
        TELLING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// FastCGI: a machine without a slot ends each request as OVERLOADED.
fn full() -> fcgi::Server<Vec<Slot>> {
    fcgi::Server::new(Vec::new())
}

/// AJP: who asks is told no more than that, with or without the secret, and
/// however long its packets may be.
fn container() -> ajp::Server {
    let limits = ajp::ServerLimits::DEFAULT.packet_bytes(ajp::MAX_PACKET);
    ajp::Server::new(ajp::ServerRules::STRICT.without_secret(true)).limits(limits)
}

/// Refuses a request whose head is complete, or one that finds no slot. Whether
/// it was one.
fn decline<'i, M: Front, W: Write>(
    machine: &mut M,
    event: Request<'i, M::Ext<'i>>,
    out: &mut W,
) -> io::Result<bool> {
    match event {
        Request::HeadEnd { id, .. } => {
            let mut room = [0; 512];
            write_frame(out, machine.fail(id, Error::Overloaded, &mut room)?)?;
            Ok(true)
        }
        event => {
            let told = matches!(&event, Request::Ext(ext) if M::surplus(ext));
            answer(machine, event, out)?;
            Ok(told)
        }
    }
}

/// Tells who has asked already.
fn tell_at_once<M: Front>(machine: M, stream: &Stream, log: Option<Arc<Log>>) {
    let lines = Lines::new(log, None);
    let mut machine = Logged::new(machine, &lines);
    let mut buf = [0; 4096];
    let n = (&mut &*stream).read(&mut buf).unwrap_or(0);
    let mut input = &buf[..n];
    while let Ok(Next::Event(event)) = machine.next(&mut input) {
        let _ = decline(&mut machine, event, &mut &*stream);
    }
}

/// Tells who asks.
fn tell<M: Front>(machine: M, stream: &Stream, log: Option<Arc<Log>>) {
    let lines = Lines::new(log, None);
    let mut machine = Logged::new(machine, &lines);
    let mut buf = [0; 4096];
    let mut told = false;
    let _ = run(
        &mut machine,
        &mut &*stream,
        &mut buf,
        Timeouts::all(TIME),
        |machine, event, stream| {
            told |= decline(machine, event, stream)?;
            Ok(match told {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        },
    );
}

/// HTTP: whatever is asked, the answer is the same, so none need be read.
fn http(mut stream: &Stream, log: Option<Arc<Log>>) {
    let mut entry = log.map(Entry::begin);
    if let Some(entry) = &mut entry {
        if let Some(peer) = stream.ends().remote {
            entry.client(peer.ip());
        }
        entry.head(503, std::iter::empty());
        entry.body("overloaded\n".len());
    }
    drop(entry);
    let time = Duration::from_millis(u64::from(TIME));
    let _ = stream.write_timeout(Some(time));
    let _ = stream.write_all(
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\
          Content-Length: 11\r\nRetry-After: 1\r\nConnection: close\r\n\r\noverloaded\n",
    );
}

/// Reads and drops for a moment: closing with unread input would destroy what
/// was said.
fn linger(stream: &Stream) {
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let end = Instant::now() + Duration::from_millis(TIME.into());
    let mut buf = [0; 4096];
    loop {
        // A byte now and then must not keep us: others are to be told too.
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.read_timeout(Some(left)).is_err() {
            return;
        }
        match (&mut &*stream).read(&mut buf) {
            Ok(1..) => {}
            _ => return,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    /// Closing before would destroy the answer.
    #[test]
    fn what_a_client_still_sends_is_read() {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        let client = std::thread::spawn(move || {
            let sent = theirs.write_all(&[b'x'; 300_000]);
            theirs.shutdown(std::net::Shutdown::Write)?;
            sent
        });
        let ours = Stream::unix(ours);
        linger(&ours);
        drop(ours);
        client.join().unwrap().unwrap();
    }
}
