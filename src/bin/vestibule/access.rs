//! The access log of `serve`: a line for each request, when it ends.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use vestibule::access_log::{Format, Record};
use vestibule::{Cut, Field, Space};

use crate::args::complain;
use crate::date;
use crate::perform::output;

/// Where the lines go.
pub struct Log {
    format: Format<'static>,
    out: Mutex<Out>,
}

struct Out {
    to: Box<dyn Write + Send>,
    /// The file, which is opened again when SIGHUP has come.
    path: Option<PathBuf>,
    hangups: usize,
    /// It cannot be written, and that was said.
    failing: bool,
}

impl Log {
    /// To a file, at its end, or to standard output (`-`).
    pub fn open(name: &OsStr, format: Format<'static>) -> io::Result<Log> {
        let path = (name != "-").then(|| PathBuf::from(name));
        let out = Out {
            to: match &path {
                Some(path) => Box::new(append(path)?),
                None => output(),
            },
            path,
            hangups: hangups(),
            failing: false,
        };
        let out = Mutex::new(out);
        Ok(Log { format, out })
    }

    /// Writes a whole line.
    fn write(&self, line: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let now = hangups();
        let mut written = Ok(());
        if let Some(path) = out.path.as_ref().filter(|_| out.hangups != now) {
            match append(path) {
                Ok(file) => out.to = Box::new(file),
                // On into the one that is open.
                Err(error) => written = Err(error),
            }
            out.hangups = now;
        }
        // One call, so that lines of several processes do not mix.
        written = written.and(out.to.write_all(line.as_bytes()));
        let failed = written.is_err();
        if let Err(error) = written
            && !out.failing
        {
            complain(&format!("vestibule serve: the access log: {error}"));
        }
        out.failing = failed;
    }
}

fn append(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn hangups() -> usize {
    #[cfg(unix)]
    return crate::signal::HANGUPS.load(std::sync::atomic::Ordering::Relaxed);
    #[cfg(not(unix))]
    return 0;
}

type Owned = (Space, Vec<u8>, Vec<u8>);

fn lend((space, name, value): &Owned) -> Field<'_> {
    Field {
        space: *space,
        ..Field::var(name, value)
    }
}

/// One exchange, from its beginning. When it is dropped its line is written:
/// there is no way for one to be forgotten.
pub struct Entry {
    log: Arc<Log>,
    begun: Instant,
    /// What the format reads, and a field that is under way.
    request: Vec<Owned>,
    part: Option<Owned>,
    answer: Vec<Owned>,
    status: Option<u16>,
    bytes: Option<u64>,
}

impl Entry {
    /// A request begins.
    pub fn begin(log: Arc<Log>) -> Self {
        Entry {
            log,
            begun: Instant::now(),
            request: Vec::new(),
            part: None,
            answer: Vec::new(),
            status: None,
            bytes: None,
        }
    }

    /// Who asks, as long as the variables do not say.
    pub fn client(&mut self, ip: IpAddr) {
        let ip = ip.to_canonical().to_string();
        self.field(Field::var(b"REMOTE_ADDR", ip.as_bytes()));
    }

    /// A field of the request or a piece of one.
    pub fn field(&mut self, field: Field<'_>) {
        match field.cut {
            Cut::Whole => self.keep(field),
            Cut::First => {
                self.part = Some((field.space, field.name.into(), field.value.into()));
            }
            Cut::Middle | Cut::Last => {
                let Some((_, name, value)) = &mut self.part else {
                    return;
                };
                name.extend_from_slice(field.name);
                value.extend_from_slice(field.value);
                if let Some(part) = self.part.take_if(|_| field.cut == Cut::Last) {
                    self.keep(lend(&part));
                }
            }
        }
    }

    fn keep(&mut self, field: Field<'_>) {
        if self.log.format.reads(&field) {
            let owned = (field.space, field.name.into(), field.value.into());
            self.request.push(owned);
        }
    }

    /// What the request came to, in place of what is known of it.
    pub fn variables<'v>(&mut self, vars: impl Iterator<Item = (&'v [u8], &'v [u8])>) {
        self.request.clear();
        vars.for_each(|(name, value)| self.keep(Field::var(name, value)));
    }

    /// The head of the answer.
    pub fn head<'f>(&mut self, status: u16, fields: impl Iterator<Item = Field<'f>>) {
        self.status = Some(status);
        self.bytes = Some(0);
        let read = fields.filter(|field| self.log.format.reads_answer(field));
        let owned = read.map(|f| (f.space, f.name.into(), f.value.into()));
        self.answer = owned.collect();
    }

    /// Whether the head of an answer was sent.
    pub fn answered(&self) -> bool {
        self.status.is_some()
    }

    /// So many bytes more of its body.
    pub fn body(&mut self, n: usize) {
        self.bytes = self.bytes.map(|bytes| bytes.saturating_add(n as u64));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let record = Record {
            request: self.request.iter().map(lend),
            answer: self.answer.iter().map(lend),
            status: self.status,
            bytes: self.bytes,
            time: date::seconds(SystemTime::now()),
            offset: 0,
            micros: u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            pid: Some(std::process::id()),
        };
        let mut line = String::new();
        let _ = self.log.format.write(&record, &mut line);
        self.log.write(&line);
    }
}
