//! This process as a CGI program. RFC 3875.

use std::boxed::Box;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::vec::Vec;

use super::Transport;
use crate::cgi::meta::is_meta;

/// The connection of a [`cgi::Server`](crate::cgi::Server) to the web server
/// that has started this process.
///
/// What is read is the environment, as a block, and then standard input, as
/// many bytes of it as CONTENT_LENGTH says and none beyond, which may be
/// another's (RFC 3875, 4.2). Where it ends before, so that it is half a body,
/// reading is `UnexpectedEof`. What is written is standard output. Standard
/// error is the web server's log. The arguments are never looked at: a web
/// server may have put the query there, which is the client's.
///
/// Of the environment only what a web server sets for a request is taken, as
/// [`is_meta`] has it; the rest is the process's, and can be
/// had from [`std::env::vars_os`]. There are no time-outs: a web server ends a program
/// that hangs.
///
/// ```no_run
/// use core::ops::ControlFlow;
/// use vestibule::adapt::blocking::{answer, run, write_frame};
/// use vestibule::adapt::script::Script;
/// use vestibule::{Field, Length, Request, Server, Timeouts, cgi};
///
/// fn main() -> std::io::Result<()> {
///     let (mut server, mut script, mut buf) = (cgi::Server::default(), Script::new()?, [0; 16 * 1024]);
///     run(&mut server, &mut script, &mut buf, Timeouts::DEFAULT, |server, event, script| {
///         match event {
///             Request::BodyEnd { id } => {
///                 let (fields, mut room) = ([Field::header(b"Content-Type", b"text/plain")], [0; 256]);
///                 write_frame(script, server.head(id, 200, fields, Length::Known(3), &mut room)?)?;
///                 let mut payload = &b"hi\n"[..];
///                 write_frame(script, server.body(id, &mut payload)?)?;
///                 write_frame(script, server.finish(id, [], &mut room)?)?;
///             }
///             event => answer(server, event, script)?,
///         }
///         Ok(ControlFlow::Continue(()))
///     })?;
///     Ok(())
/// }
/// ```
pub struct Script {
    block: io::Cursor<Vec<u8>>,
    input: Box<dyn Read + Send>,
    output: Box<dyn Write + Send>,
    /// Bytes of standard input that may still be read.
    left: u64,
    /// No more of it is wanted.
    shut: AtomicBool,
    /// Something of an answer is out.
    written: bool,
}

impl Script {
    /// From the environment, standard input and standard output of this
    /// process, which nobody else may use meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`with`](Self::with), and of getting at the streams.
    pub fn new() -> io::Result<Script> {
        let (input, output) = streams()?;
        Script::with(std::env::vars_os(), input, output)
    }

    /// From others.
    ///
    /// # Errors
    ///
    /// `NotFound`: no GATEWAY_INTERFACE of CGI among the variables, so that no
    /// web server has started this process. `InvalidData`: a variable of the
    /// request that comes twice, or that is no text where variables are text
    /// (Windows); then there is no request, not part of one.
    pub fn with<R, W>(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
        input: R,
        output: W,
    ) -> io::Result<Script>
    where
        R: Read + Send + 'static,
        W: Write + Send + 'static,
    {
        let vars = vars.into_iter();
        let mut vars: Vec<(Vec<u8>, Vec<u8>)> = vars
            .filter(|(name, _)| is_meta(name.as_encoded_bytes()))
            .map(|(name, value)| Some((bytes(&name)?, bytes(&value)?)))
            .collect::<Option<_>>()
            .ok_or(io::ErrorKind::InvalidData)?;
        vars.sort();
        let twice = vars
            .iter()
            .zip(vars.iter().skip(1))
            .any(|(a, b)| a.0 == b.0);
        if twice {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let get = |name: &[u8]| vars.iter().find(|v| v.0 == name).map(|v| &v.1[..]);
        if !get(b"GATEWAY_INTERFACE").is_some_and(|version| version.starts_with(b"CGI/")) {
            return Err(io::ErrorKind::NotFound.into());
        }
        // The machine refuses what is no number.
        let length = get(b"CONTENT_LENGTH").and_then(|v| std::str::from_utf8(v).ok());
        let left = length.and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut block = Vec::new();
        for (name, value) in &vars {
            block.extend([&name[..], b"=", value, b"\0"].concat());
        }
        block.push(0);
        Ok(Script {
            block: io::Cursor::new(block),
            input: Box::new(input),
            output: Box::new(output),
            left,
            shut: AtomicBool::new(false),
            written: false,
        })
    }

    /// Whether anything was written. Where that is not so, and the request
    /// could not be read, its status can still be told, by
    /// [`cgi::encode::head`](crate::cgi::encode::head).
    pub const fn has_written(&self) -> bool {
        self.written
    }
}

/// Without buffers: what was not asked for is not read.
#[cfg(unix)]
fn streams() -> io::Result<(impl Read + Send, impl Write + Send)> {
    use std::fs::File;
    use std::os::fd::AsFd;
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    Ok((File::from(input), File::from(output)))
}

#[cfg(not(unix))]
fn streams() -> io::Result<(impl Read + Send, impl Write + Send)> {
    Ok((io::stdin(), io::stdout()))
}

fn bytes(text: &OsStr) -> Option<Vec<u8>> {
    let exact = cfg!(unix) || text.to_str().is_some();
    exact.then(|| text.as_encoded_bytes().to_vec())
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.block.read(buf)? {
            0 => {}
            n => return Ok(n),
        }
        if self.shut.load(Ordering::Acquire) {
            return Ok(0);
        }
        let n = (&mut self.input).take(self.left).read(buf)?;
        if n == 0 && self.left > 0 && !buf.is_empty() {
            let what = "standard input is shorter than CONTENT_LENGTH";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        let taken = u64::try_from(n).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(taken);
        Ok(n)
    }
}

impl Write for Script {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.output.write(buf)?;
        self.written |= n > 0;
        self.output.flush()?;
        Ok(n)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let n = self.output.write_vectored(bufs)?;
        self.written |= n > 0;
        self.output.flush()?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

impl Transport for Script {
    /// The end of the process ends its output. Behind an answer no more of the
    /// input is read.
    fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        self.shut.store(true, Ordering::Release);
        Ok(())
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("left", &self.left).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(vars: &[(&str, &str)], input: &'static [u8]) -> io::Result<Script> {
        let vars = vars.iter().map(|(n, v)| (n.into(), v.into()));
        Script::with(vars, input, io::sink())
    }

    fn all(mut script: Script) -> String {
        let mut text = String::new();
        script.read_to_string(&mut text).unwrap();
        text
    }

    const CGI: (&str, &str) = ("GATEWAY_INTERFACE", "CGI/1.1");

    #[test]
    fn a_block_and_a_counted_body() {
        let vars = [
            ("PATH", "/bin"),
            ("HTTP_PROXY", "evil"),
            ("REQUEST_METHOD", "PUT"),
            ("HTTP_A", ""),
            CGI,
            ("CONTENT_LENGTH", "3"),
        ];
        let text =
            "CONTENT_LENGTH=3\0GATEWAY_INTERFACE=CGI/1.1\0HTTP_A=\0REQUEST_METHOD=PUT\0\0abc";
        assert_eq!(all(script(&vars, b"abcdef").unwrap()), text);
        // In small pieces too, and no longer than it is wanted.
        let mut script = script(&vars, b"abcdef").unwrap();
        let (mut came, mut buf) = (Vec::<u8>::new(), [0; 5]);
        while came.len() < text.len() - 2 {
            let n = script.read(&mut buf[..1]).unwrap();
            came.extend(&buf[..n]);
        }
        script.shutdown(Shutdown::Write).unwrap();
        assert_eq!(script.read(&mut buf).unwrap(), 0);
        assert_eq!(came, text.as_bytes()[..text.len() - 2]);
    }

    #[test]
    fn lengths() {
        let with = |text| script(&[CGI, ("CONTENT_LENGTH", text)], b"abcdef").unwrap();
        for (text, n) in [("", 0), ("x", 0), ("-1", 0), ("0", 0), ("6", 6)] {
            let text = all(with(text));
            assert_eq!(text.split("\0\0").nth(1).unwrap().len(), n);
        }
        // Less than it is to be.
        for text in ["7", "18446744073709551615"] {
            let (mut script, mut came) = (with(text), Vec::new());
            let error = script.read_to_end(&mut came).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(came.ends_with(b"\0\0abcdef"));
            assert_eq!(script.read(&mut []).unwrap(), 0);
            assert!(script.read(&mut [0]).is_err() && !script.has_written());
            script.write_all(b"x").unwrap();
            assert!(script.has_written());
            // Nobody wants it any more.
            script.shutdown(Shutdown::Write).unwrap();
            assert_eq!(script.read(&mut [0]).unwrap(), 0);
        }
        assert!(all(script(&[CGI], b"abcdef").unwrap()).ends_with("\0\0"));
    }

    #[test]
    fn nothing_partial() {
        let kind = |vars| script(vars, b"").unwrap_err().kind();
        assert_eq!(kind(&[]), io::ErrorKind::NotFound);
        assert_eq!(kind(&[("GATEWAY_INTERFACE", "")]), io::ErrorKind::NotFound);
        let twice = [CGI, ("HTTP_A", "1"), ("HTTP_A", "2")];
        assert_eq!(kind(&twice), io::ErrorKind::InvalidData);
        // Of the process's own it is none of our business.
        assert!(script(&[CGI, ("PATH", "1"), ("PATH", "2")], b"").is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt;
            let vars = [CGI].map(|(n, v)| (n.into(), v.into()));
            let odd = ("HTTP_A".into(), OsString::from_vec(vec![0xff]));
            let script = Script::with(vars.into_iter().chain([odd]), io::empty(), io::sink());
            let mut bytes = Vec::new();
            script.unwrap().read_to_end(&mut bytes).unwrap();
            assert!(bytes.ends_with(b"HTTP_A=\xff\0\0"));
        }
    }
}
