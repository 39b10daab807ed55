//! What a format is made of.

use core::fmt;

use crate::cgi::meta::header_name;
use crate::event::{Field, Space};
use crate::text::token;

/// A part of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Text that stands in every line. Printable ASCII.
    Text(&'a str),
    /// A value. `quoted`: it stands between quotation marks.
    Atom { atom: Atom<'a>, quoted: bool },
}

/// What a value is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Atom<'a> {
    Address,
    Login,
    User,
    Time,
    Line,
    Status,
    Method,
    Path,
    Query,
    Protocol,
    Bytes,
    Referer,
    Agent,
    Seconds,
    Millis,
    Micros,
    Decimal,
    Process,
    Request(&'a str),
    Answer(&'a str),
    Variable(&'a str),
}

impl<'a> Atom<'a> {
    fn named(name: &'a str) -> Result<Self, Mistake> {
        Ok(match name {
            "h" => Atom::Address,
            "l" => Atom::Login,
            "u" => Atom::User,
            "t" => Atom::Time,
            "r" => Atom::Line,
            "s" => Atom::Status,
            "m" => Atom::Method,
            "U" => Atom::Path,
            "q" => Atom::Query,
            "H" => Atom::Protocol,
            "b" | "B" => Atom::Bytes,
            "f" => Atom::Referer,
            "a" => Atom::Agent,
            "T" => Atom::Seconds,
            "M" => Atom::Millis,
            "D" => Atom::Micros,
            "L" => Atom::Decimal,
            "p" => Atom::Process,
            _ => {
                let (inside, kind) = name
                    .strip_prefix('{')
                    .and_then(|rest| rest.split_once('}'))
                    .ok_or(Mistake::Atom)?;
                let atom = match kind {
                    "i" => Atom::Request(inside),
                    "o" => Atom::Answer(inside),
                    "e" => Atom::Variable(inside),
                    _ => return Err(Mistake::Atom),
                };
                if !token::is_name(inside.as_bytes()) {
                    return Err(Mistake::Name);
                }
                atom
            }
        })
    }

    /// Whether it is a number wherever it is known.
    fn counts(name: &str) -> bool {
        matches!(name, "s" | "B" | "T" | "M" | "D")
    }

    /// What it reads of the request.
    pub(super) fn reads(&self) -> [Option<Source<'a>>; 3] {
        let var = |name: &'static str| Some(Source::Var(name.as_bytes()));
        let header = |name: &'a str| Some(Source::Header(name.as_bytes()));
        match *self {
            Atom::Address => [var("REMOTE_ADDR"), None, None],
            Atom::User => [header("Authorization"), None, None],
            Atom::Line => [
                var("REQUEST_METHOD"),
                var("REQUEST_URI"),
                var("SERVER_PROTOCOL"),
            ],
            Atom::Method => [var("REQUEST_METHOD"), None, None],
            Atom::Path => [var("PATH_INFO"), var("REQUEST_URI"), None],
            Atom::Query => [var("QUERY_STRING"), var("REQUEST_URI"), None],
            Atom::Protocol => [var("SERVER_PROTOCOL"), None, None],
            Atom::Referer => [header("Referer"), None, None],
            Atom::Agent => [header("User-Agent"), None, None],
            Atom::Request(name) => [header(name), None, None],
            Atom::Variable(name) => [Some(Source::Any(name.as_bytes())), None, None],
            Atom::Login
            | Atom::Time
            | Atom::Status
            | Atom::Bytes
            | Atom::Seconds
            | Atom::Millis
            | Atom::Micros
            | Atom::Decimal
            | Atom::Process
            | Atom::Answer(_) => [None; 3],
        }
    }
}

/// Where a value is looked for among the fields of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// The variable of this name.
    Var(&'a [u8]),
    /// The header fields of this name, or the variables made of them.
    Header(&'a [u8]),
    /// The variable of this name, whatever its case, or the header fields that
    /// would become it.
    Any(&'a [u8]),
}

impl Source<'_> {
    pub(super) fn is(&self, field: &Field<'_>) -> bool {
        match (*self, field.space) {
            (Source::Var(name), Space::Var) => field.name == name,
            (Source::Header(name), Space::Header) => field.name.eq_ignore_ascii_case(name),
            (Source::Header(name), Space::Var) => {
                header_name(field.name).is_some_and(|n| n.is(name))
            }
            (Source::Any(name), Space::Var) => field.name.eq_ignore_ascii_case(name),
            (Source::Any(name), Space::Header) => becomes(field.name, name),
            _ => false,
        }
    }
}

/// Whether a header field becomes the variable `var`, whatever its case.
fn becomes(header: &[u8], var: &[u8]) -> bool {
    let same = |rest: &[u8]| {
        rest.len() == header.len()
            && rest.iter().zip(header).all(|(v, h)| match v {
                b'_' => *h == b'-',
                v => v.eq_ignore_ascii_case(h),
            })
    };
    match var.split_at_checked(5) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"HTTP_") => same(rest),
        _ => {
            let own: [&[u8]; 2] = [b"CONTENT_TYPE", b"CONTENT_LENGTH"];
            own.iter().any(|o| o.eq_ignore_ascii_case(var)) && same(var)
        }
    }
}

/// What is wrong with a format.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// A percent sign, and behind it neither a parenthesis nor another.
    Percent,
    /// A parenthesis that is not closed.
    Open,
    /// No atom has this name.
    Atom,
    /// What stands in the braces cannot be the name of a field.
    Name,
    /// Behind the parenthesis there is neither `s`, nor `d` of a number.
    Conversion,
    /// Text with something else than printable ASCII in it.
    Text,
}

/// Why something is no [`Format`](super::Format), and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BadFormat {
    /// The byte that it begins at, from 0.
    pub at: usize,
    /// What is wrong there.
    pub mistake: Mistake,
}

impl fmt::Display for BadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.mistake {
            Mistake::Percent => "a percent sign wants a parenthesis or another percent sign",
            Mistake::Open => "the parenthesis is not closed",
            Mistake::Atom => "no atom has this name",
            Mistake::Name => "no field can have this name",
            Mistake::Conversion => "the parenthesis wants an s behind it",
            Mistake::Text => "only printable ASCII can stand in a line",
        };
        write!(f, "at byte {}: {what}", self.at)
    }
}

impl core::error::Error for BadFormat {}

/// The parts of a format, from the left.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    rest: &'a str,
    /// Where it stands in the whole.
    at: usize,
    quoted: bool,
}

impl<'a> Parts<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Parts {
            rest: text,
            at: 0,
            quoted: false,
        }
    }

    /// Takes `n` bytes off, which end between two characters.
    fn take(&mut self, n: usize) -> &'a str {
        let (now, rest) = self.rest.split_at_checked(n).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.at = self.at.saturating_add(now.len());
        now
    }

    fn read(&mut self) -> Result<Part<'a>, BadFormat> {
        let start = self.at;
        let wrong = |at, mistake| BadFormat { at, mistake };
        let Some(behind) = self.rest.strip_prefix('%') else {
            let end = self.rest.find('%').unwrap_or(self.rest.len());
            let text = self.take(end);
            if let Some(at) = text.bytes().position(|b| !matches!(b, b' '..=b'~')) {
                return Err(wrong(start.saturating_add(at), Mistake::Text));
            }
            self.quoted ^= text.bytes().filter(|b| *b == b'"').count() % 2 == 1;
            return Ok(Part::Text(text));
        };
        if behind.starts_with('%') {
            self.take(2);
            return Ok(Part::Text("%"));
        }
        let inside = behind
            .strip_prefix('(')
            .ok_or(wrong(start, Mistake::Percent))?;
        let (name, tail) = inside.split_once(')').ok_or(wrong(start, Mistake::Open))?;
        let atom = Atom::named(name).map_err(|mistake| wrong(start, mistake))?;
        let good = match tail.bytes().next() {
            Some(b's') => true,
            Some(b'd') => Atom::counts(name),
            _ => false,
        };
        // The parentheses, the percent sign, the letter behind.
        let length = name.len().saturating_add(4);
        if !good {
            let at = start.saturating_add(length).saturating_sub(1);
            return Err(wrong(at, Mistake::Conversion));
        }
        self.take(length);
        let quoted = self.quoted;
        Ok(Part::Atom { atom, quoted })
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, BadFormat>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.read();
        if part.is_err() {
            self.rest = "";
        }
        Some(part)
    }
}
