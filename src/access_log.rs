//! Lines of an access log, by formats such as Gunicorn's. Pure: who writes the
//! lines, and where to, is the caller's.
//!
//! A format is text with atoms in it:
//!
//! | atom | value | read from |
//! |---|---|---|
//! | `%(h)s` | the client's address | REMOTE_ADDR |
//! | `%(l)s` | `-` | |
//! | `%(u)s` | the user of HTTP Basic authentication, whether it was right or not | Authorization |
//! | `%(t)s` | day and time, `[06/Nov/1994:08:49:37 +0000]` | [`Record::time`], [`Record::offset`] |
//! | `%(r)s` | the request line | REQUEST_METHOD, REQUEST_URI, SERVER_PROTOCOL |
//! | `%(s)s` | the status | [`Record::status`] |
//! | `%(m)s` | the method | REQUEST_METHOD |
//! | `%(U)s` | the path, decoded; where it is not known so, or empty, as it was sent | PATH_INFO, else REQUEST_URI |
//! | `%(q)s` | the query | QUERY_STRING, else REQUEST_URI |
//! | `%(H)s` | the protocol | SERVER_PROTOCOL |
//! | `%(b)s`, `%(B)s` | bytes of the answer's body | [`Record::bytes`] |
//! | `%(f)s` | where the client comes from | Referer |
//! | `%(a)s` | the client's program | User-Agent |
//! | `%(T)s` | how long it took, in seconds | [`Record::micros`] |
//! | `%(M)s`, `%(D)s` | the same in milliseconds, in microseconds | |
//! | `%(L)s` | the same in seconds with six decimals | |
//! | `%(p)s` | the process, `<123>` | [`Record::pid`] |
//! | `%({NAME}i)s` | header fields of the request | |
//! | `%({NAME}o)s` | header fields of the answer | |
//! | `%({NAME}e)s` | a variable of the request | |
//! | `%%` | a percent sign | |
//!
//! Names of fields are found whatever their case. Several header fields of one
//! name are joined by `, `. A value that there is none of is `-`. Numbers may
//! have `d` in place of `s`.
//!
//! No value can end a line, or forge one: it consists of printable ASCII alone.
//! `"` and `\` get a backslash, any other byte is `\xHH`; and so is a space
//! where the atom does not stand between quotation marks in the format, so that
//! no value can pretend to be two.
//!
//! ```
//! use vestibule::Field;
//! use vestibule::access_log::{Format, Record};
//! let record = Record {
//!     request: [
//!         Field::var(b"REMOTE_ADDR", b"192.0.2.1"),
//!         Field::var(b"REQUEST_METHOD", b"GET"),
//!         Field::var(b"REQUEST_URI", b"/a?b"),
//!         Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
//!         Field::header(b"User-Agent", b"x\" 200 1\n"),
//!     ],
//!     answer: [],
//!     status: Some(404),
//!     bytes: Some(9),
//!     time: 784_111_777,
//!     offset: 0,
//!     micros: 1500,
//!     pid: None,
//! };
//! let mut line = String::new();
//! Format::DEFAULT.write(&record, &mut line)?;
//! assert_eq!(line, "192.0.2.1 - - [06/Nov/1994:08:49:37 +0000] \
//!     \"GET /a?b HTTP/1.1\" 404 9 \"-\" \"x\\\" 200 1\\x0a\"\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt::{self, Write};

use crate::cgi::path::{query, raw_path};
use crate::date::Date;
use crate::error::Refused;
use crate::event::{Field, Space};
use crate::text::out::Out;

mod format;
mod text;

use format::{Atom, Part, Parts, Source};
pub use format::{BadFormat, Mistake};
use text::{ascii, escape, number, padded};

/// What is known of an exchange when it ends.
#[derive(Clone, Copy, Debug)]
pub struct Record<Q, A> {
    /// The fields of the request, variables and header fields, each whole.
    pub request: Q,
    /// The header fields of the answer, each whole.
    pub answer: A,
    /// The status that was sent, if one was.
    pub status: Option<u16>,
    /// Bytes of the answer's body, without what frames them.
    pub bytes: Option<u64>,
    /// Seconds since the beginning of 1970.
    pub time: u64,
    /// How far local time is ahead of UTC, in minutes.
    pub offset: i16,
    /// How long the exchange took, in microseconds.
    pub micros: u64,
    /// The number of the process.
    pub pid: Option<u32>,
}

/// A format, checked.
///
/// ```
/// use vestibule::access_log::{Format, Mistake};
/// let format = Format::parse("%(m)s took %(D)d us, for %({X-Forwarded-For}i)s")?;
/// assert_ne!(format, Format::DEFAULT);
/// let wrong = Format::parse("%(m)s %(Z)s").unwrap_err();
/// assert_eq!((wrong.at, wrong.mistake), (6, Mistake::Atom));
/// # Ok::<(), vestibule::access_log::BadFormat>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format<'a> {
    text: &'a str,
}

impl Default for Format<'_> {
    fn default() -> Self {
        Format::DEFAULT
    }
}

impl<'a> Format<'a> {
    /// Gunicorn's, which is Apache's "combined".
    pub const DEFAULT: Format<'static> = Format {
        text: r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#,
    };

    /// Checks a format. An empty one gives empty lines.
    ///
    /// # Errors
    ///
    /// [`BadFormat`] says where it is wrong, and how.
    pub fn parse(text: &'a str) -> Result<Self, BadFormat> {
        Parts::of(text).try_for_each(|part| part.map(drop))?;
        Ok(Format { text })
    }

    fn parts(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        Parts::of(self.text).map_while(Result::ok)
    }

    fn atoms(&self) -> impl Iterator<Item = Atom<'a>> + use<'a> {
        self.parts().filter_map(|part| match part {
            Part::Atom { atom, .. } => Some(atom),
            Part::Text(_) => None,
        })
    }

    /// Whether it makes anything of this field of a request: the others need
    /// not be kept until the exchange ends.
    ///
    /// ```
    /// use vestibule::Field;
    /// use vestibule::access_log::Format;
    /// assert!(Format::DEFAULT.reads(&Field::header(b"referer", b"")));
    /// assert!(!Format::DEFAULT.reads(&Field::header(b"Cookie", b"")));
    /// ```
    pub fn reads(&self, field: &Field<'_>) -> bool {
        let reads = |atom: Atom<'_>| atom.reads().iter().flatten().any(|s| s.is(field));
        self.atoms().any(reads)
    }

    /// The same for a field of an answer.
    pub fn reads_answer(&self, field: &Field<'_>) -> bool {
        self.atoms().any(|atom| match atom {
            Atom::Answer(name) => is_answers(name, field),
            _ => false,
        })
    }

    /// Writes a line, with the LF that ends it. All else in it is printable
    /// ASCII.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write<'f, Q, A, W>(&self, record: &Record<Q, A>, out: &mut W) -> fmt::Result
    where
        Q: IntoIterator<Item = Field<'f>> + Clone,
        A: IntoIterator<Item = Field<'f>> + Clone,
        W: Write,
    {
        for part in self.parts() {
            match part {
                Part::Text(text) => ascii(out, text)?,
                Part::Atom { atom, quoted } => record.value(atom, quoted, out)?,
            }
        }
        out.write_str("\n")
    }

    /// The same to the front of `room`: how many bytes it is.
    ///
    /// # Errors
    ///
    /// [`Refused::Room`] says how many bytes it needs; what `room` then holds
    /// means nothing.
    pub fn encode<'f, Q, A>(&self, record: &Record<Q, A>, room: &mut [u8]) -> Result<usize, Refused>
    where
        Q: IntoIterator<Item = Field<'f>> + Clone,
        A: IntoIterator<Item = Field<'f>> + Clone,
    {
        let mut room = Room(Out::new(room));
        // What does not fit is counted, so nothing fails.
        let _ = self.write(record, &mut room);
        room.0.end()
    }
}

struct Room<'b>(Out<'b>);

impl Write for Room<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.text(text.as_bytes());
        Ok(())
    }
}

fn is_answers(name: &[u8], field: &Field<'_>) -> bool {
    field.space == Space::Header && field.name.eq_ignore_ascii_case(name)
}

/// Values of several fields, joined; `-` where there is none.
fn join<'f, W: Write>(
    values: impl Iterator<Item = Field<'f>>,
    quoted: bool,
    out: &mut W,
) -> fmt::Result {
    let mut any = false;
    for field in values {
        if any {
            escape(out, b", ", quoted)?;
        }
        any = true;
        escape(out, field.trimmed(), quoted)?;
    }
    if any { Ok(()) } else { out.write_str("-") }
}

impl<'f, Q, A> Record<Q, A>
where
    Q: IntoIterator<Item = Field<'f>> + Clone,
    A: IntoIterator<Item = Field<'f>> + Clone,
{
    fn found(&self, source: Option<Source<'_>>) -> impl Iterator<Item = Field<'f>> {
        let all = self.request.clone().into_iter();
        all.filter(move |field| source.is_some_and(|s| s.is(field)))
    }

    fn first(&self, source: Option<Source<'_>>) -> Option<&'f [u8]> {
        self.found(source).next().map(|field| field.value)
    }

    fn value<W: Write>(&self, atom: Atom<'_>, quoted: bool, out: &mut W) -> fmt::Result {
        let [source, second, third] = atom.reads();
        let count = match atom {
            Atom::Line => {
                let all = [source, second, third].map(|s| self.first(s));
                if all.iter().all(Option::is_none) {
                    return out.write_str("-");
                }
                let [method, target, protocol] = all.map(|v| v.unwrap_or(b"-"));
                // No value of ours has a space of its own: these part them.
                escape(out, method, false)?;
                out.write_str(" ")?;
                escape(out, target, false)?;
                out.write_str(" ")?;
                return escape(out, protocol, false);
            }
            Atom::User => {
                let mut found = self.found(source);
                let user = found.next().and_then(|field| text::user(field.trimmed()));
                return match (user, found.next()) {
                    (Some(mut user), None) => user.try_for_each(|b| escape(out, &[b], quoted)),
                    _ => out.write_str("-"),
                };
            }
            Atom::Path => {
                let known = self.first(source).filter(|path| !path.is_empty());
                let sent = || raw_path(self.first(second)?).ok();
                return escape(out, known.or_else(sent).unwrap_or(b"-"), quoted);
            }
            Atom::Query => {
                let sent = || self.first(second).map(query);
                return escape(
                    out,
                    self.first(source).or_else(sent).unwrap_or(b"-"),
                    quoted,
                );
            }
            Atom::Address
            | Atom::Method
            | Atom::Protocol
            | Atom::Referer
            | Atom::Agent
            | Atom::Request(_)
            | Atom::Variable(_) => return join(self.found(source), quoted, out),
            Atom::Answer(name) => {
                let all = self.answer.clone().into_iter();
                return join(all.filter(|field| is_answers(name, field)), quoted, out);
            }
            Atom::Time => return self.date(out),
            Atom::Process => {
                let Some(pid) = self.pid else {
                    return out.write_str("-");
                };
                out.write_str("<")?;
                number(out, u64::from(pid))?;
                return out.write_str(">");
            }
            Atom::Decimal => {
                number(out, self.micros / 1_000_000)?;
                out.write_str(".")?;
                return padded(out, self.micros, 6);
            }
            Atom::Login => None,
            Atom::Status => self.status.map(u64::from),
            Atom::Bytes => self.bytes,
            Atom::Seconds => Some(self.micros / 1_000_000),
            Atom::Millis => Some(self.micros / 1000),
            Atom::Micros => Some(self.micros),
        };
        match count {
            Some(n) => number(out, n),
            None => out.write_str("-"),
        }
    }

    fn date<W: Write>(&self, out: &mut W) -> fmt::Result {
        let offset = i64::from(self.offset).saturating_mul(60);
        let date = Date::of(self.time.saturating_add_signed(offset));
        out.write_str("[")?;
        padded(out, u64::from(date.day), 2)?;
        out.write_str("/")?;
        out.write_str(date.month_name())?;
        out.write_str("/")?;
        number(out, date.year)?;
        for part in [date.hour, date.minute, date.second] {
            out.write_str(":")?;
            padded(out, u64::from(part), 2)?;
        }
        out.write_str(if self.offset < 0 { " -" } else { " +" })?;
        let minutes = u64::from(self.offset.unsigned_abs());
        padded(out, minutes / 60, 2)?;
        padded(out, minutes % 60, 2)?;
        out.write_str("]")
    }
}

#[cfg(test)]
mod tests;
