//! The events of machines as lines.

pub mod fcgi;
pub mod messages;

use std::io;

use vestibule::{Cut, Ending, Field, Length, Rejection, Request, Response, Space};

use crate::decode::Printer;
use crate::json::{Line, Value};

pub type Facts = Vec<(&'static str, Value)>;

/// Joins the pieces of fields, and prints.
#[derive(Default)]
pub struct Lines {
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Lines {
    pub fn print(
        &self,
        out: &mut Printer,
        offset: u64,
        event: &'static str,
        facts: Facts,
    ) -> io::Result<()> {
        let line = Line {
            offset,
            event,
            facts,
        };
        line.write(out.json, &mut out.out)
    }

    /// A field or a piece of one; `facts` come before its own.
    pub fn field(
        &mut self,
        out: &mut Printer,
        offset: u64,
        mut facts: Facts,
        field: Field<'_>,
    ) -> io::Result<()> {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            self.name.clear();
            self.value.clear();
        }
        self.name.extend_from_slice(field.name);
        self.value.extend_from_slice(field.value);
        if !matches!(field.cut, Cut::Whole | Cut::Last) {
            return Ok(());
        }
        if is_secret(field.space, &self.name) {
            facts.push(("name", Value::Bytes(self.name.clone())));
            facts.push(("value", word("(withheld)")));
            return self.print(out, offset, "Field", facts);
        }
        let value = match field.cut {
            Cut::Last if field.space.trims() => self.value.trim_ascii().to_vec(),
            _ => self.value.clone(),
        };
        facts.push(("name", Value::Bytes(self.name.clone())));
        facts.push(("value", Value::Bytes(value)));
        self.print(out, offset, "Field", facts)
    }
}

/// Whether it is what must not be shown.
pub fn is_secret(space: Space, name: &[u8]) -> bool {
    space == Space::Attribute && name == b"secret"
}

pub fn number(n: impl Into<u64>) -> Value {
    Value::Number(n.into())
}

pub fn word(text: impl Into<String>) -> Value {
    Value::Word(text.into())
}

pub fn bytes(bytes: &[u8]) -> Facts {
    vec![
        ("length", number(bytes.len() as u64)),
        ("bytes", Value::Bytes(bytes.to_vec())),
    ]
}

fn length(length: Length) -> Value {
    match length {
        Length::None => word("none"),
        Length::Unknown => word("unknown"),
        Length::Known(n) => number(n),
    }
}

pub fn reason(reason: Rejection) -> Value {
    match reason {
        Rejection::Other(n) => word(format!("protocol status {n}")),
        reason => word(format!("{reason:?}")),
    }
}

/// The name and the facts of an event that all protocols have, but of a field,
/// whose pieces are joined first.
pub fn request<X>(event: &Request<'_, X>) -> (&'static str, Facts) {
    match event {
        Request::Begin { .. } => ("Begin", Facts::new()),
        Request::Field { .. } => ("Field", Facts::new()),
        Request::HeadEnd { length: n, .. } => ("HeadEnd", vec![("length", length(*n))]),
        Request::Body { bytes: some, .. } => ("Body", bytes(some)),
        Request::BodyEnd { .. } => ("BodyEnd", Facts::new()),
        Request::Fault { error, .. } => ("Fault", vec![("error", word(error.to_string()))]),
        Request::Abort { .. } => ("Abort", Facts::new()),
        Request::Ext(_) => ("Ext", Facts::new()),
    }
}

/// The same for an answer; [`ending`] has the facts of `Done`.
pub fn response<X>(event: &Response<'_, X>) -> (&'static str, Facts) {
    match event {
        Response::Field { .. } => ("Field", Facts::new()),
        Response::Interim { status, .. } => ("Interim", vec![("status", number(*status))]),
        Response::HeadEnd {
            status, length: n, ..
        } => (
            "HeadEnd",
            vec![("status", number(*status)), ("length", length(*n))],
        ),
        Response::Body { bytes: some, .. } => ("Body", bytes(some)),
        Response::BodyEnd { .. } => ("BodyEnd", Facts::new()),
        Response::Log { bytes: some, .. } => ("Log", bytes(some)),
        Response::Demand { max, .. } => ("Demand", vec![("max", number(*max as u64))]),
        Response::Done { .. } => ("Done", Facts::new()),
        Response::Ext(_) => ("Ext", Facts::new()),
    }
}

/// What an answer came to.
pub fn ending(ending: Ending) -> Facts {
    let how = |name: &str| ("ending", word(name));
    match ending {
        Ending::Complete { .. } => vec![how("complete")],
        Ending::Rejected(why) => vec![how("rejected"), ("reason", reason(why))],
        Ending::Failed(error) => vec![how("failed"), ("error", word(error.to_string()))],
        Ending::Truncated => vec![how("truncated")],
        Ending::Unconfirmed => vec![how("unconfirmed")],
        ending => vec![how(&format!("{ending:?}"))],
    }
}
