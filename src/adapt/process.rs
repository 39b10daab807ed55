//! A CGI program that is run for each request. RFC 3875, 7.2. On Unix.
//!
//! A [`Process`] is the transport of a [`cgi::Client`](crate::cgi::Client): the
//! environment that the machine writes first starts the [`Program`], what it
//! writes then is its standard input, and what the program writes to its
//! standard output is read. Its standard error goes to a callback.
//!
//! Input and output are Unix sockets to the program, so that time-outs and
//! shutting down are those of any socket. A program cannot open `/dev/stdin` or
//! `/dev/stdout` anew then; it can read and write them. Without a body its
//! input is `/dev/null`.
//!
//! | of the program | comes to |
//! | --- | --- |
//! | cannot be started | [`io::Error`] of writing and of reading, as [`Program::check`] has it, and a line for the log |
//! | reads none of its input, or not all | nothing: what it will not read is dropped |
//! | ends by itself, whatever its exit code | the end of the answer; [`Process::app_status`] |
//! | was killed, by a signal or by us | an error of reading, so that no answer looks complete |
//! | writes more than [`Program::output_limit`] | it is killed |
//! | is shut down both ways before its output has ended, as [`Call`](super::Call) and [`gateway`](super::gateway) do where its answer is none | it is killed |
//! | lives on when its [`Process`] is dropped | it may, for [`Program::grace`]: what it still writes is read and dropped; then it is killed |
//!
//! It alone is killed: what it has started itself is not, which takes more than
//! the standard library has; but what that says is read for
//! [`Program::grace`] at most. Nobody is left unreaped, but by a process that
//! ends: [`kill_all`] is for that.

mod child;
mod errors;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::vec::Vec;

use super::Transport;
use crate::cgi::argv;
use child::{Run, Shared, Started, Waits};

pub use child::{GRACE, kill_all};

/// What a program gets of our own environment, where it is there: what web
/// servers pass on. RFC 3875 has no list.
pub const INHERITED: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "TZ"];

type Log = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// How a program is run.
///
/// ```no_run
/// use core::ops::ControlFlow;
/// use vestibule::adapt::{Call, process::Program};
/// use vestibule::{Client, Field, Length, Response, Timeouts, cgi};
///
/// let program = Program::new("/usr/lib/cgi-bin/hello")?;
/// let (mut client, process) = (cgi::Client::default(), program.process());
/// let (mut room, mut buf) = ([0; 1024], [0; 16 * 1024]);
/// let fields = [
///     Field::var(b"REQUEST_METHOD", b"GET"),
///     Field::var(b"SCRIPT_NAME", b"/hello"),
/// ];
/// let (id, head) = client.open(fields, Length::None, &mut room)?;
/// let call = Call { id, head, buf: &mut buf, timeouts: Timeouts::DEFAULT };
/// call.run(&mut client, &mut &process, &mut &process, None::<&[u8]>, |event| {
///     if let Response::Body { bytes, .. } = event {
///         println!("{} bytes", bytes.len());
///     }
///     Ok(ControlFlow::Continue(()))
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Program {
    path: PathBuf,
    directory: PathBuf,
    inherited: Vec<OsString>,
    arguments: bool,
    own_group: bool,
    output_limit: u64,
    log_limit: u64,
    grace: Duration,
    log: Log,
}

impl Program {
    /// The program of this file, which need not be there yet. It is run by its
    /// absolute path, in its directory, never by a shell and never looked for
    /// in PATH. SCRIPT_FILENAME is that path, where the request names no other.
    ///
    /// # Errors
    ///
    /// The path is empty, or relative while there is no working directory.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Program> {
        let path = std::path::absolute(path)?;
        let directory = path.parent().unwrap_or(Path::new("/")).to_path_buf();
        Ok(Program {
            path,
            directory,
            inherited: INHERITED.iter().map(OsString::from).collect(),
            arguments: false,
            own_group: false,
            output_limit: u64::MAX,
            log_limit: 1 << 20,
            grace: GRACE,
            log: Arc::new(|_| {}),
        })
    }

    /// Where it runs, in place of its own directory. RFC 3875, 7.2.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// The names of what it gets of our own environment, in place of
    /// [`INHERITED`]. No request changes these: a variable of such a name is
    /// not taken from it.
    #[must_use]
    pub fn inherit<N: Into<OsString>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.inherited = names.into_iter().map(Into::into).collect();
        self
    }

    /// Whether the words of a query without `=` become arguments, as
    /// [`cgi::argv`](crate::cgi::argv) has it. Off by default: clients would
    /// choose what many a program takes for its options.
    #[must_use]
    pub fn arguments(mut self, on: bool) -> Self {
        self.arguments = on;
        self
    }

    /// Whether it gets a process group of its own, so that no signal of a
    /// terminal reaches it that is for us. Off by default.
    #[must_use]
    pub fn own_group(mut self, on: bool) -> Self {
        self.own_group = on;
        self
    }

    /// Bytes that it may write to its standard output, head and all. With more
    /// it is killed, and reading fails. Default no bound.
    #[must_use]
    pub fn output_limit(mut self, bytes: u64) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Bytes of its standard error that reach the log. More are read and
    /// dropped. Default 1 MiB.
    #[must_use]
    pub fn log_limit(mut self, bytes: u64) -> Self {
        self.log_limit = bytes;
        self
    }

    /// How long it may live on when its [`Process`] was dropped, as where its
    /// answer was complete. Default [`GRACE`].
    #[must_use]
    pub fn grace(mut self, time: Duration) -> Self {
        self.grace = time;
        self
    }

    /// What is called with pieces of its standard error, by a thread of its
    /// own; by default nothing. Its text is not safe for a terminal.
    #[must_use]
    pub fn log(mut self, log: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.log = Arc::new(log);
        self
    }

    /// The file, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is there and may be executed by somebody, without
    /// running it. Starting it can still fail.
    ///
    /// # Errors
    ///
    /// `NotFound` (for a front that maps paths to programs: 404),
    /// `PermissionDenied` where it may not be executed or is no regular file
    /// (403), or what else looking at it came to. To a gateway whose only
    /// program it is any of them is
    /// [`Error::Upstream`](crate::Error::Upstream), 502.
    pub fn check(&self) -> io::Result<()> {
        let meta = fs::metadata(&self.path)?;
        match meta.is_file() && meta.permissions().mode() & 0o111 != 0 {
            true => Ok(()),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// The transport of one request. Nothing is started yet.
    pub fn process(&self) -> Process {
        Process {
            shared: Shared::new(self.output_limit),
            program: self.clone(),
        }
    }

    /// Starts it with this environment.
    fn start(&self, block: &[u8], waits: &Waits) -> io::Result<Started> {
        let environment = Environment::of(block)?;
        let mut command = Command::new(&self.path);
        command.env_clear().current_dir(&self.directory);
        // HTTP libraries take HTTP_PROXY for their own proxy.
        command.envs(environment.vars.iter().filter(|(name, _)| {
            let own = self.inherited.iter().any(|n| n == *name);
            !own && *name != "HTTP_PROXY"
        }));
        command.env("GATEWAY_INTERFACE", "CGI/1.1");
        // Two that must be there though they are empty. RFC 3875, 4.1.
        for name in ["QUERY_STRING", "SCRIPT_NAME"] {
            if environment.get(name).is_empty() {
                command.env(name, "");
            }
        }
        // As web servers tell of what they run, where it is no interpreter that
        // is told of a script.
        if environment.get("SCRIPT_FILENAME").is_empty() {
            command.env("SCRIPT_FILENAME", &self.path);
        }
        for name in &self.inherited {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if self.arguments {
            let method = environment.get("REQUEST_METHOD").as_bytes();
            let query = environment.get("QUERY_STRING").as_bytes();
            let words = argv::words(method, query);
            let text = |word: argv::Word<'_>| OsString::from_vec(word.bytes().collect());
            command.args(words.into_iter().flatten().map(text));
        }
        if self.own_group {
            command.process_group(0);
        }
        Run::start(command, environment.length()?, self, waits)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Program").field(&self.path).finish()
    }
}

/// The variables of a block.
struct Environment {
    vars: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// What [`cgi::Client`](crate::cgi::Client) wrote; the block may be
    /// another's work, so nothing is taken for granted.
    fn of(block: &[u8]) -> io::Result<Environment> {
        let mut vars = BTreeMap::new();
        for entry in block.split(|b| *b == 0).filter(|entry| !entry.is_empty()) {
            let mut halves = entry.splitn(2, |b| *b == b'=');
            match (halves.next(), halves.next()) {
                (Some(name), Some(value)) if !name.is_empty() => {
                    let name = OsStr::from_bytes(name).to_os_string();
                    let value = OsStr::from_bytes(value).to_os_string();
                    // Nothing tells which of two a program would heed.
                    let before = vars.insert(name, value.clone());
                    if before.is_some_and(|before| before != value) {
                        return Err(io::ErrorKind::InvalidInput.into());
                    }
                }
                _ => return Err(io::ErrorKind::InvalidInput.into()),
            }
        }
        Ok(Environment { vars })
    }

    fn get(&self, name: &str) -> &OsStr {
        self.vars
            .get(OsStr::new(name))
            .map_or(OsStr::new(""), |value| value)
    }

    /// Bytes of standard input. RFC 3875, 4.1.2.
    fn length(&self) -> io::Result<u64> {
        let text = self.get("CONTENT_LENGTH").as_bytes();
        if text.is_empty() {
            return Ok(0);
        }
        let digits = text.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        number
            .filter(|_| digits)
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

/// A running program, or one that is to be run: the transport of one request.
/// Two threads may share it, to write and to read.
#[derive(Debug)]
pub struct Process {
    shared: Arc<Shared>,
    program: Program,
}

impl Process {
    /// Its exit code, once it has ended by itself: known, as a rule, when its
    /// output has ended, and never waited for longer than a moment. 0 is
    /// success; RFC 3875 gives no meaning to others, and the answer stands
    /// whatever it is.
    pub fn app_status(&self) -> Option<u32> {
        self.shared.app_status()
    }

    /// Waits for its end and that of its standard error, `most` for each, and
    /// says the same. To be called when the exchange is done: an answer may be
    /// complete before the program has ended.
    pub fn finish(&self, most: Duration) -> Option<u32> {
        self.shared.finish(most)
    }
}

impl Write for &Process {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if let Some(run) = self.shared.run() {
            return run.write(buf);
        }
        let mut state = self.shared.lock();
        let (taken, whole) = state.gather(buf)?;
        if whole {
            let started = {
                let (block, waits) = state.asked();
                self.program.start(block, waits)
            };
            if let Err(error) = &started {
                let path = self.program.path.display();
                let text = std::format!("cannot start {path}: {error}\n");
                (self.program.log)(text.as_bytes());
            }
            self.shared.begin(&mut state, started)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for &Process {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.shared.read(buf)
    }
}

impl Transport for Process {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.shared.read_timeout(time)
    }

    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.shared.write_timeout(time)
    }

    /// `Write` ends the program's input; `Both` kills it, unless its output has
    /// ended.
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.shared.shutdown(how);
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.shared.leave(self.program.grace);
    }
}
