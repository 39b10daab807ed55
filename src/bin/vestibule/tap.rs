//! A transport whose bytes are drawn as they pass.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vestibule::adapt::Transport;

use crate::endpoint::Stream;
use crate::ladder::{From, Ladder};

/// Draws what both threads of an exchange send and read.
pub type Drawing = Mutex<Ladder<Box<dyn Write + Send>>>;

/// The web server's end of a connection, drawn if so wished. Both threads of
/// an exchange have one, with one drawing.
#[derive(Clone, Copy)]
pub struct Tap<'a> {
    pub stream: &'a Stream,
    pub drawing: Option<&'a Drawing>,
}

impl Tap<'_> {
    fn draw(&self, from: From, bytes: &[u8]) {
        if let Some(drawing) = self.drawing {
            let mut ladder = drawing.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = ladder.feed(from, bytes);
        }
    }
}

impl Read for Tap<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buf)?;
        match self.drawing {
            Some(drawing) if n == 0 && !buf.is_empty() => {
                let mut ladder = drawing.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = ladder.end(From::Application);
            }
            _ => self.draw(From::Application, &buf[..n]),
        }
        Ok(n)
    }
}

impl Write for Tap<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.stream.write(buf)?;
        self.draw(From::Server, &buf[..n]);
        Ok(n)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = self.stream.write_vectored(bufs)?;
        let mut left = n;
        for buf in bufs {
            let now = left.min(buf.len());
            self.draw(From::Server, &buf[..now]);
            left -= now;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Tap<'_> {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.stream.read_timeout(time)
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.stream.write_timeout(time)
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
}
