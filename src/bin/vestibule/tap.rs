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
pub struct Tap<'a> {
    stream: &'a Stream,
    drawing: Option<&'a Drawing>,
    /// Bytes that were drawn, but not yet taken by the stream.
    ahead: usize,
}

impl<'a> Tap<'a> {
    pub fn new(stream: &'a Stream, drawing: Option<&'a Drawing>) -> Self {
        Tap {
            stream,
            drawing,
            ahead: 0,
        }
    }

    /// Before they are written: the answer may come before the write returns.
    /// What a write did not take begins the next one.
    fn writes(&mut self, bufs: &[&[u8]]) -> usize {
        let mut all = 0;
        for buf in bufs {
            all += buf.len();
            let known = self.ahead.min(buf.len());
            self.ahead -= known;
            self.draw(From::Server, &buf[known..]);
        }
        all
    }

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
        let all = self.writes(&[buf]);
        let written = self.stream.write(buf);
        self.ahead = all - written.as_ref().map_or(0, |n| *n);
        written
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let slices: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
        let all = self.writes(&slices);
        let written = self.stream.write_vectored(bufs);
        self.ahead = all - written.as_ref().map_or(0, |n| *n);
        written
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
