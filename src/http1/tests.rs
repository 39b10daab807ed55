//! Events as text, in normal form: pieces joined.

use crate::error::Error;
use crate::event::{Cut, Field, Next, Request, Response, Space};
use crate::machine::Receive;
use std::fmt::Write;

#[derive(Default)]
pub(super) struct Log {
    pub text: String,
    open: Option<(Space, Vec<u8>, Vec<u8>)>,
    body: bool,
}

impl Log {
    fn line(&mut self, text: &str) {
        if std::mem::take(&mut self.body) {
            self.text.push('\n');
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub(super) fn error(&mut self, error: Error) {
        self.line(&format!("error {error:?}"));
    }

    fn field(&mut self, field: Field<'_>) {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            self.open = Some((field.space, Vec::new(), Vec::new()));
        }
        let (space, mut name, mut value) = self.open.take().expect("a first piece");
        assert_eq!(space, field.space);
        assert!(field.name.is_empty() || value.is_empty());
        name.extend(field.name);
        value.extend(field.value);
        if matches!(field.cut, Cut::Whole | Cut::Last) {
            let whole = Field {
                space,
                ..Field::header(&name, &value)
            };
            let value = whole.trimmed();
            if field.cut == Cut::Whole {
                assert_eq!(value, field.value);
            }
            let (name, value) = (name.escape_ascii(), value.escape_ascii());
            let text = format!("{space:?} {name}={value}");
            self.line(&text);
        } else {
            self.open = Some((space, name, value));
        }
    }

    fn body(&mut self, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        if !std::mem::replace(&mut self.body, true) {
            self.text.push_str("body ");
        }
        write!(self.text, "{}", bytes.escape_ascii()).expect("a string");
    }
}

pub(super) trait Write1 {
    fn write(self, log: &mut Log);
}

impl<X: std::fmt::Debug> Write1 for Request<'_, X> {
    fn write(self, log: &mut Log) {
        match self {
            Request::Field { field, .. } => log.field(field),
            Request::Body { bytes, .. } => log.body(bytes),
            Request::Begin { .. } => log.line("begin"),
            Request::HeadEnd { length, .. } => log.line(&format!("head {length:?}")),
            Request::BodyEnd { .. } => log.line("end"),
            Request::Fault { error, .. } => log.line(&format!("fault {error:?}")),
            Request::Abort { .. } => log.line("abort"),
            Request::Ext(_) => {}
        }
    }
}

impl<X: std::fmt::Debug> Write1 for Response<'_, X> {
    fn write(self, log: &mut Log) {
        match self {
            Response::Field { field, .. } => log.field(field),
            Response::Body { bytes, .. } => log.body(bytes),
            Response::Interim { status, .. } => log.line(&format!("interim {status}")),
            Response::HeadEnd { status, length, .. } => {
                log.line(&format!("head {status} {length:?}"));
            }
            Response::BodyEnd { .. } => log.line("end"),
            Response::Demand { .. } => log.line("demand"),
            Response::Done {
                reuse,
                retry_safe,
                ending,
                ..
            } => {
                let (reuse, retry) = (u8::from(reuse), u8::from(retry_safe));
                log.line(&format!("done reuse={reuse} retry={retry} {ending:?}"));
            }
            Response::Log { .. } | Response::Ext(_) => {}
        }
    }
}

/// Feeds `bytes` and tells what came of it; `after` after each event.
pub(super) fn feed<M: Receive>(machine: &mut M, bytes: &[u8], log: &mut Log) -> Option<Error>
where
    for<'i> M::Event<'i>: Write1,
{
    let mut input = bytes;
    for _ in 0..bytes.len() * 2 + 20 {
        match machine.next(&mut input) {
            Ok(Next::Event(event)) => event.write(log),
            Ok(Next::NeedInput) => {
                assert!(input.is_empty());
                return None;
            }
            Ok(Next::Paused) => return None,
            Err(error) => return Some(error),
        }
    }
    panic!("no end: {}", log.text);
}

/// The log of `bytes` in pieces that end at `cuts`, and at the end of the
/// stream if `eof`.
pub(super) fn run<M: Receive>(machine: &mut M, pieces: &[&[u8]], eof: bool) -> String
where
    for<'i> M::Event<'i>: Write1,
{
    let mut log = Log::default();
    for piece in pieces {
        if let Some(error) = feed(machine, piece, &mut log) {
            log.error(error);
            let mut rest = &b"GET"[..];
            assert_eq!(machine.next(&mut rest).err(), Some(error), "sticky");
            assert_eq!(rest, b"GET");
            return log.text;
        }
    }
    if eof {
        for _ in 0..5 {
            match machine.eof() {
                Ok(Next::Event(event)) => event.write(&mut log),
                Ok(Next::NeedInput | Next::Paused) => return log.text,
                Err(error) => {
                    log.error(error);
                    return log.text;
                }
            }
        }
        panic!("no end: {}", log.text);
    }
    if std::mem::take(&mut log.body) {
        log.text.push('\n');
    }
    log.text
}

/// The log, the same for every cut and byte by byte.
pub(super) fn all<M: Receive>(make: impl Fn() -> M, bytes: &[u8], eof: bool) -> String
where
    for<'i> M::Event<'i>: Write1,
{
    let want = run(&mut make(), &[bytes], eof);
    if bytes.len() < 600 {
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            let got = run(&mut make(), &[a, b], eof);
            assert_eq!(got, want, "cut at {at} of {}", bytes.escape_ascii());
        }
    }
    for size in [1, 2, 3, 7] {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        let got = run(&mut make(), &pieces, eof);
        assert_eq!(got, want, "pieces of {size} of {}", bytes.escape_ascii());
    }
    want
}
