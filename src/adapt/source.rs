//! Where the body of a request comes from.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::vec;
use std::vec::Vec;

/// A body to be sent: anything that reads, or a [`Detached`] reader.
pub trait Source: Send {
    /// As [`Read::read`].
    ///
    /// # Errors
    ///
    /// As [`Read::read`].
    fn read_body(&mut self, buf: &mut [u8]) -> io::Result<usize>;

    /// What ends a read that blocks, from another thread.
    fn stopper(&self) -> Stopper {
        Stopper::none()
    }
}

impl<R: Read + Send> Source for R {
    fn read_body(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buf)
    }
}

/// Ends a blocked read of a [`Source`].
#[derive(Clone, Debug)]
pub struct Stopper(Option<SyncSender<Chunk>>);

impl Stopper {
    /// For a source whose reads end by themselves: does nothing.
    pub const fn none() -> Self {
        Stopper(None)
    }

    /// Ends it; where the source cannot, nothing happens.
    pub fn stop(&self) {
        if let Some(chunks) = &self.0 {
            // A full channel means that nobody is waiting at it.
            let _ = chunks.try_send(Chunk::Stop);
        }
    }
}

#[derive(Debug)]
enum Chunk {
    Bytes(Vec<u8>),
    Failed(io::Error),
    Stop,
}

/// A reader that may block for ever (standard input, a terminal), read by a
/// thread of its own. Once the exchange is over nobody waits for it: the
/// thread ends with its next read, or with the program. It reads at most
/// three pieces of 64 KiB ahead, and what it has read ahead is lost then.
///
/// ```no_run
/// use vestibule::adapt::Detached;
/// let body = Detached::new(std::io::stdin());
/// ```
#[derive(Debug)]
pub struct Detached {
    chunks: Receiver<Chunk>,
    stop: SyncSender<Chunk>,
    bytes: Vec<u8>,
    at: usize,
    ended: bool,
}

const CHUNK: usize = 64 * 1024;

impl Detached {
    /// Starts to read.
    pub fn new(mut reader: impl Read + Send + 'static) -> Self {
        let (sender, chunks) = sync_channel(1);
        let stop = sender.clone();
        std::thread::spawn(move || {
            loop {
                let mut bytes = vec![0; CHUNK];
                let chunk = match reader.read(&mut bytes) {
                    Ok(n) => {
                        bytes.truncate(n);
                        Chunk::Bytes(bytes)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Chunk::Failed(error),
                };
                let last = matches!(&chunk, Chunk::Failed(_))
                    || matches!(&chunk, Chunk::Bytes(bytes) if bytes.is_empty());
                if sender.send(chunk).is_err() || last {
                    break;
                }
            }
        });
        Detached {
            chunks,
            stop,
            bytes: Vec::new(),
            at: 0,
            ended: false,
        }
    }
}

impl Source for Detached {
    fn read_body(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.bytes.len() && !self.ended {
            match self.chunks.recv() {
                Ok(Chunk::Bytes(bytes)) => {
                    self.ended = bytes.is_empty();
                    self.bytes = bytes;
                    self.at = 0;
                }
                Ok(Chunk::Failed(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Ok(Chunk::Stop) | Err(_) => self.ended = true,
            }
        }
        let mut rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let n = Read::read(&mut rest, buf)?;
        self.at = self.at.saturating_add(n);
        Ok(n)
    }

    fn stopper(&self) -> Stopper {
        Stopper(Some(self.stop.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn detached_reads_all() {
        let data: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        let mut source = Detached::new(io::Cursor::new(data.clone()));
        let (mut seen, mut buf) = (Vec::new(), [0; 1000]);
        loop {
            let n = source.read_body(&mut buf).unwrap();
            if n == 0 {
                break;
            }
            seen.extend_from_slice(&buf[..n]);
        }
        assert_eq!(seen, data);
        assert_eq!(source.read_body(&mut buf).unwrap(), 0);
    }

    #[test]
    fn a_blocked_read_ends() {
        struct Blocks(std::sync::mpsc::Receiver<()>);
        impl Read for Blocks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                let _ = self.0.recv();
                Ok(0)
            }
        }
        let (_keep, blocks) = channel();
        let mut source = Detached::new(Blocks(blocks));
        source.stopper().stop();
        assert_eq!(source.read_body(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn an_error_comes_through() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut source = Detached::new(Fails);
        assert_eq!(
            source.read_body(&mut [0; 8]).unwrap_err().to_string(),
            "broken"
        );
        assert_eq!(source.read_body(&mut [0; 8]).unwrap(), 0);
        source.stopper().stop();
        Stopper::none().stop();
    }
}
