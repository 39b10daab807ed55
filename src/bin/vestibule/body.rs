//! Where the body of a call comes from.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek};

use vestibule::adapt::{Detached, Source, Stopper};

/// A body, and how long it is, if that is known.
pub struct Body {
    source: From,
    pub length: Option<u64>,
    /// Bytes that may still be read.
    left: u64,
}

enum From {
    Bytes(Cursor<Vec<u8>>),
    File(File),
    Stdin(Detached),
}

impl Body {
    pub fn bytes(bytes: Vec<u8>) -> Body {
        Body {
            length: Some(bytes.len() as u64),
            source: From::Bytes(Cursor::new(bytes)),
            left: u64::MAX,
        }
    }

    /// A file; one that is no regular file has no known length.
    pub fn file(mut file: File) -> io::Result<Body> {
        let meta = file.metadata()?;
        let length = if meta.is_file() {
            let at = file.stream_position()?;
            Some(meta.len().saturating_sub(at))
        } else {
            None
        };
        Ok(Body {
            source: From::File(file),
            length,
            left: u64::MAX,
        })
    }

    /// Standard input.
    pub fn stdin() -> Body {
        #[cfg(unix)]
        {
            use std::os::fd::AsFd;
            let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
            if let Ok(file) = file
                && let Ok(body) = Body::file(file)
                && body.length.is_some()
            {
                return body;
            }
        }
        Body {
            source: From::Stdin(Detached::new(io::stdin())),
            length: None,
            left: u64::MAX,
        }
    }

    /// No more than `length` bytes of it.
    pub fn cut(mut self, length: u64) -> Body {
        self.length = Some(length);
        self.left = length;
        self
    }
}

impl Source for Body {
    fn read_body(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buf.len());
        let buf = &mut buf[..most];
        if buf.is_empty() {
            return Ok(0);
        }
        let n = match &mut self.source {
            From::Bytes(bytes) => Read::read(bytes, buf)?,
            From::File(file) => Read::read(file, buf)?,
            From::Stdin(stdin) => stdin.read_body(buf)?,
        };
        self.left -= n as u64;
        Ok(n)
    }

    fn stopper(&self) -> Stopper {
        match &self.source {
            From::Stdin(stdin) => stdin.stopper(),
            From::Bytes(_) | From::File(_) => Stopper::none(),
        }
    }
}
