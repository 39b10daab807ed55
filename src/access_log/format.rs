//! What a format is made of.

use core::fmt;

use crate::cgi::meta::header_name;
use crate::event::{Field, Space};
use crate::text::token;

/// A part of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Text that stands in every line. Printable ASCII.
    Text(&'a [u8]),
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
    Request(&'a [u8]),
    Answer(&'a [u8]),
    Variable(&'a [u8]),
}

impl<'a> Atom<'a> {
    fn named(name: &'a [u8]) -> Result<Self, Mistake> {
        Ok(match name {
            b"h" => Atom::Address,
            b"l" => Atom::Login,
            b"u" => Atom::User,
            b"t" => Atom::Time,
            b"r" => Atom::Line,
            b"s" => Atom::Status,
            b"m" => Atom::Method,
            b"U" => Atom::Path,
            b"q" => Atom::Query,
            b"H" => Atom::Protocol,
            b"b" | b"B" => Atom::Bytes,
            b"f" => Atom::Referer,
            b"a" => Atom::Agent,
            b"T" => Atom::Seconds,
            b"M" => Atom::Millis,
            b"D" => Atom::Micros,
            b"L" => Atom::Decimal,
            b"p" => Atom::Process,
            _ => {
                let rest = name.strip_prefix(b"{").ok_or(Mistake::Atom)?;
                let (inside, kind) = until(rest, b'}').ok_or(Mistake::Atom)?;
                let atom = match kind {
                    b"i" => Atom::Request(inside),
                    b"o" => Atom::Answer(inside),
                    b"e" => Atom::Variable(inside),
                    _ => return Err(Mistake::Atom),
                };
                if !token::is_name(inside) {
                    return Err(Mistake::Name);
                }
                atom
            }
        })
    }

    /// Whether it is a number wherever it is known.
    fn counts(name: &[u8]) -> bool {
        matches!(name, b"s" | b"B" | b"T" | b"M" | b"D")
    }

    /// What it reads of the request.
    pub(super) fn reads(&self) -> [Option<Source<'a>>; 3] {
        let var = |name: &'static str| Some(Source::Var(name.as_bytes()));
        let header = |name: &'a [u8]| Some(Source::Header(name));
        match *self {
            Atom::Address => [var("REMOTE_ADDR"), None, None],
            Atom::User => [header(b"Authorization"), None, None],
            Atom::Line => [
                var("REQUEST_METHOD"),
                var("REQUEST_URI"),
                var("SERVER_PROTOCOL"),
            ],
            Atom::Method => [var("REQUEST_METHOD"), None, None],
            Atom::Path => [var("PATH_INFO"), var("REQUEST_URI"), None],
            Atom::Query => [var("QUERY_STRING"), var("REQUEST_URI"), None],
            Atom::Protocol => [var("SERVER_PROTOCOL"), None, None],
            Atom::Referer => [header(b"Referer"), None, None],
            Atom::Agent => [header(b"User-Agent"), None, None],
            Atom::Request(name) => [header(name), None, None],
            Atom::Variable(name) => [Some(Source::Any(name)), None, None],
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

/// What stands before the first `end`, and what behind it.
fn until(text: &[u8], end: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|b| *b == end)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

/// The parts of a format, from the left.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    rest: &'a [u8],
    /// Where it stands in the whole.
    at: usize,
    quoted: bool,
}

impl<'a> Parts<'a> {
    pub(super) const fn of(text: &'a str) -> Self {
        Parts {
            rest: text.as_bytes(),
            at: 0,
            quoted: false,
        }
    }

    fn take(&mut self, n: usize) -> &'a [u8] {
        let (now, rest) = self.rest.split_at_checked(n).unwrap_or((self.rest, &[]));
        self.rest = rest;
        self.at = self.at.saturating_add(now.len());
        now
    }

    fn read(&mut self) -> Result<Part<'a>, BadFormat> {
        let start = self.at;
        let wrong = |at, mistake| BadFormat { at, mistake };
        let Some(behind) = self.rest.strip_prefix(b"%") else {
            let end = self.rest.iter().position(|b| *b == b'%');
            let text = self.take(end.unwrap_or(self.rest.len()));
            if let Some(at) = text.iter().position(|b| !matches!(b, b' '..=b'~')) {
                return Err(wrong(start.saturating_add(at), Mistake::Text));
            }
            let marks = text.iter().filter(|b| **b == b'"');
            self.quoted = marks.fold(self.quoted, |quoted, _| !quoted);
            return Ok(Part::Text(text));
        };
        if behind.starts_with(b"%") {
            self.take(2);
            return Ok(Part::Text(b"%"));
        }
        let inside = behind
            .strip_prefix(b"(")
            .ok_or(wrong(start, Mistake::Percent))?;
        let (name, tail) = until(inside, b')').ok_or(wrong(start, Mistake::Open))?;
        let atom = Atom::named(name).map_err(|mistake| wrong(start, mistake))?;
        let good = match tail {
            [b's', ..] => true,
            [b'd', ..] => Atom::counts(name),
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
            self.rest = &[];
        }
        Some(part)
    }
}
