//! Carries a call out.

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Duration;

use vestibule::adapt::{Call, Called};
use vestibule::fcgi::Role;
use vestibule::{Ending, Error, Field, Length, Rejection, Response, Timeouts};

use crate::agreed::Agreed;
use crate::args::{Ended, Failure, complain};
use crate::body::Body;
use crate::cgi_env::Vars;
use crate::endpoint::Address;
use crate::filter::Both;
use crate::ladder::Ladder;
use crate::machine::{Machine, Own};
use crate::tap::Tap;

/// What is to be done.
pub struct Plan {
    pub address: Address,
    pub role: Role,
    pub vars: Vars,
    pub body: Option<Body>,
    pub length: Length,
    pub data: Option<File>,
    pub head: bool,
    pub fail: bool,
    pub timeout: Option<Duration>,
    /// With a container.
    pub agreed: Agreed,
    /// Where the exchange is drawn.
    pub drawing: Option<Box<dyn Write + Send>>,
    /// Where the answer goes.
    pub out: Box<dyn Write>,
}

/// Exit codes.
pub const NO_CONNECTION: u8 = 7;
pub const PROTOCOL: u8 = 8;
const TRUNCATED: u8 = 18;
const STATUS: u8 = 22;
pub const TIMED_OUT: u8 = 28;
const REJECTED: u8 = 69;

fn failure<T>(code: u8, what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Exit(code, what.into()))
}

pub fn perform(plan: Plan) -> Ended {
    let stream = match plan.address.connect(plan.timeout) {
        Ok(stream) => stream,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            return failure(
                TIMED_OUT,
                format!("connecting to {}: timed out", plan.address),
            );
        }
        Err(error) => {
            return failure(NO_CONNECTION, plan.address.unreached(&error));
        }
    };
    let mut machine = Machine::new(&plan);
    let mut room = vec![0; plan.vars.size() + 65_536];
    let (id, head) = match machine.begin(&plan, &mut room) {
        Ok(opened) => opened,
        Err(what) => return Err(Failure::Usage(format!("cannot send this: {what}"))),
    };
    let drawing = plan
        .drawing
        .map(|out| Mutex::new(Ladder::new(plan.address.scheme, out)));
    let tap = || Tap::new(&stream, drawing.as_ref());
    let filter = plan.role == Role::Filter;
    let body = (plan.body.is_some() || filter).then_some(Both {
        border: filter && plan.body.is_some(),
        stdin: plan.body,
        data: plan.data,
    });
    let mut shown = Shown {
        out: plan.out,
        head: plan.head.then(Vec::new),
        fail: plan.fail,
        status: 0,
        ending: None,
        drawn: drawing.is_some(),
        log_open: false,
        log_last: 0,
    };
    let call = Call {
        id,
        head,
        buf: &mut vec![0; 64 * 1024],
        timeouts: timeouts(plan.timeout),
    };
    let called = call.run(&mut machine, &mut tap(), &mut tap(), body, |event| {
        shown.show(event).map(ControlFlow::Continue)
    });
    let ended = shown.verdict(called);
    if let Some(code @ 1..) = stream.exit_code() {
        shown.close_log();
        complain(&format!(
            "vestibule call: the program exited with status {code}"
        ));
    }
    if ended.is_err() {
        shown.close_log();
    }
    ended
}

fn timeouts(time: Option<Duration>) -> Timeouts {
    let ms = time.map_or(u32::MAX, |time| {
        u32::try_from(time.as_millis()).unwrap_or(u32::MAX - 1)
    });
    let usual = Timeouts::DEFAULT;
    Timeouts {
        closing: usual.closing,
        // Before the wait for an answer is over.
        expect: usual.expect.min(ms / 2),
        ..Timeouts::all(ms)
    }
}

/// Standard output without the search for line ends.
pub fn output() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        if let Ok(fd) = io::stdout().as_fd().try_clone_to_owned() {
            return Box::new(File::from(fd));
        }
    }
    Box::new(io::stdout())
}

/// What is printed, and what came of it.
struct Shown {
    out: Box<dyn Write>,
    /// Lines of the head, where it is wanted, until it is complete.
    head: Option<Vec<u8>>,
    fail: bool,
    status: u16,
    ending: Option<Ending>,
    /// Whether lines of a drawing come between.
    drawn: bool,
    /// The last line of the log has no end.
    log_open: bool,
    /// The last byte of the log.
    log_last: u8,
}

/// What a terminal may be given of a log: no control characters that it would
/// obey, those of two bytes in UTF-8 among them. `last` is the byte before.
pub fn visible(bytes: &[u8], last: &mut u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        match (*last, *byte) {
            (_, b'\n' | b'\t') => out.push(*byte),
            (_, 0..0x20 | 0x7f) | (0xc2, 0x80..0xa0) => out.extend(byte.escape_ascii()),
            _ => out.push(*byte),
        }
        *last = *byte;
    }
    out
}

impl Shown {
    /// So that what we say begins a line.
    fn close_log(&mut self) {
        if std::mem::take(&mut self.log_open) {
            let _ = io::stderr().write_all(b"\n");
        }
    }

    /// So that on a terminal the answer begins a line, too.
    fn leave_log(&mut self) {
        if self.log_open && io::stderr().is_terminal() {
            self.close_log();
        }
    }

    fn show(&mut self, event: Response<'_, Own>) -> io::Result<()> {
        match event {
            Response::Field { field, .. } => self.field(field),
            Response::HeadEnd { status, .. } => {
                self.status = status;
                self.leave_log();
                self.head_end(&format!("Status: {status}\r\n"))?;
            }
            Response::Ext(Own::HeadEnd) => self.head_end("")?,
            // Those fields were its own.
            Response::Interim { .. } => {
                if let Some(head) = &mut self.head {
                    head.clear();
                }
            }
            Response::Body { bytes, .. } => {
                if !(self.fail && self.status >= 400) {
                    self.leave_log();
                    self.out.write_all(bytes)?;
                }
            }
            Response::Log { bytes, .. } => {
                let mut stderr = io::stderr();
                let _ = match stderr.is_terminal() {
                    true => stderr.write_all(&visible(bytes, &mut self.log_last)),
                    false => stderr.write_all(bytes),
                };
                self.log_open = !bytes.ends_with(b"\n");
                if self.drawn {
                    self.close_log();
                }
            }
            Response::Done { ending, .. } => self.ending = Some(ending),
            Response::BodyEnd { .. } | Response::Demand { .. } | Response::Ext(_) => {}
        }
        Ok(())
    }

    /// A header field, or a piece of one.
    fn field(&mut self, field: Field<'_>) {
        use vestibule::Cut;
        let Some(head) = &mut self.head else {
            return;
        };
        head.extend_from_slice(field.name);
        // The name is complete once there is a value, or no more to come.
        let named = matches!(field.cut, Cut::Whole | Cut::Last) || !field.value.is_empty();
        let line = head.rsplit(|b| *b == b'\n').next().unwrap_or(&[]);
        if named && !line.contains(&b':') {
            head.extend_from_slice(b": ");
        }
        head.extend_from_slice(field.value);
        if matches!(field.cut, Cut::Whole | Cut::Last) {
            head.extend_from_slice(b"\r\n");
        }
    }

    fn head_end(&mut self, status: &str) -> io::Result<()> {
        let Some(head) = self.head.take() else {
            return Ok(());
        };
        let mut text = Vec::from(status.as_bytes());
        for line in head.split_inclusive(|b| *b == b'\n') {
            let name = line.split(|b| *b == b':').next().unwrap_or(&[]);
            if !name.eq_ignore_ascii_case(b"Status") {
                text.extend_from_slice(line);
            }
        }
        text.extend_from_slice(b"\r\n");
        self.out.write_all(&text)
    }

    fn verdict(&self, called: io::Result<Called>) -> Ended {
        match (called, self.ending) {
            (Ok(Called::TimedOut(_)), _) => failure(TIMED_OUT, "timed out"),
            (Ok(Called::Done { .. } | Called::Failed(_)), Some(ending)) => self.ended(ending),
            (Ok(Called::Failed(error)), None) => failure(PROTOCOL, error.to_string()),
            (Ok(Called::Stopped | Called::Done { .. }), _) => failure(1, "stopped"),
            (Err(error), _) if lost(&error) => failure(TRUNCATED, error.to_string()),
            (Err(error), _) => failure(1, error.to_string()),
        }
    }

    fn ended(&self, ending: Ending) -> Ended {
        match ending {
            Ending::Complete { .. } => {}
            Ending::Unconfirmed => {
                complain("vestibule call: the connection closed without END_REQUEST");
            }
            Ending::Truncated
            | Ending::Aborted
            | Ending::Failed(Error::Eof | Error::HeadCut | Error::NoResponse) => {
                let place = match self.status {
                    0 => ", in its head or before",
                    _ => "",
                };
                return failure(TRUNCATED, format!("the answer is truncated{place}"));
            }
            Ending::Rejected(reason) => {
                let why = match reason {
                    Rejection::CantMultiplex => "one request at a time on a connection",
                    Rejection::Overloaded => "overloaded",
                    Rejection::UnknownRole => "it does not play this role",
                    _ => "for a reason without a name",
                };
                return failure(REJECTED, format!("the application rejected it: {why}"));
            }
            Ending::Failed(error) => return failure(PROTOCOL, error.to_string()),
            _ => return failure(PROTOCOL, format!("{ending:?}")),
        }
        if self.fail && self.status >= 400 {
            return failure(STATUS, format!("the application answered {}", self.status));
        }
        Ok(0)
    }
}

/// Whether an error is the connection's and not ours.
fn lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_given_no_commands() {
        let mut last = 0;
        let mut shown = visible(b"\x1b[2J\r\tcaf\xc3\xa9\x7f\xc2", &mut last);
        shown.extend(visible(b"\x9bA\xc3\x9b\n", &mut last));
        assert_eq!(shown, b"\\x1b[2J\\r\tcaf\xc3\xa9\\x7f\xc2\\x9bA\xc3\x9b\n");
    }
}
