//! Draws an exchange record by record.

use std::io::{self, Write};

use vestibule::fcgi::{Part, Record, Role, Walker, kind};
use vestibule::{Error, Next, Receive};

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Server,
    Application,
}

/// Columns between the two lines.
const WIDTH: usize = 70;
/// Bytes of content that are kept for the label.
const KEPT: usize = 40;

/// Draws to `out` what it is fed, in constant memory.
pub struct Ladder<W> {
    out: W,
    sides: [Side; 2],
    started: bool,
}

#[derive(Default)]
struct Side {
    walker: Walker,
    record: Option<Record>,
    content: Vec<u8>,
    broken: bool,
}

impl<W: Write> Ladder<W> {
    pub fn new(out: W) -> Self {
        Ladder {
            out,
            sides: Default::default(),
            started: false,
        }
    }

    /// Some bytes of one direction. Records are drawn when they are complete.
    pub fn feed(&mut self, from: From, mut bytes: &[u8]) -> io::Result<()> {
        let side = &mut self.sides[from as usize];
        let mut lines = Vec::new();
        while !side.broken {
            match side.walker.next(&mut bytes) {
                Ok(Next::Event(Part::Header(record))) => {
                    side.record = Some(record);
                    side.content.clear();
                }
                Ok(Next::Event(Part::Content(bytes))) => {
                    let n = bytes.len().min(KEPT - side.content.len());
                    side.content.extend_from_slice(&bytes[..n]);
                }
                Ok(Next::Event(Part::End)) => {
                    if let Some(record) = side.record.take() {
                        lines.push(label(record, &side.content));
                    }
                }
                Ok(Next::NeedInput | Next::Paused) => break,
                Err(error) => {
                    side.broken = true;
                    lines.push(error.to_string());
                }
            }
        }
        lines.iter().try_for_each(|text| self.draw(from, text))
    }

    /// One direction has ended. Whether its bytes were in order.
    pub fn end(&mut self, from: From) -> io::Result<bool> {
        let side = &mut self.sides[from as usize];
        if side.broken {
            return Ok(false);
        }
        let whole = side.walker.eof() != Err(Error::Eof);
        let text = if whole {
            "(closes)"
        } else {
            "(ends inside a record)"
        };
        self.draw(from, text)?;
        Ok(whole)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn draw(&mut self, from: From, text: &str) -> io::Result<()> {
        if !self.started {
            self.started = true;
            let names = ["web server", "application"];
            let gap = WIDTH + 6 - names[0].len() - names[1].len();
            writeln!(self.out, "{}{:gap$}{}", names[0], "", names[1])?;
        }
        let line = "-".repeat(WIDTH.saturating_sub(text.chars().count() + 6));
        match from {
            From::Server => writeln!(self.out, "  |-- {text} {line}->|"),
            From::Application => writeln!(self.out, "  |<-{line} {text} --|"),
        }
    }
}

/// What a record says, in a line.
fn label(record: Record, content: &[u8]) -> String {
    let name = match record.name() {
        "" => format!("type {}", record.kind),
        name => name.to_string(),
    };
    let id = match record.id {
        0 => String::new(),
        id => format!(" {id}"),
    };
    let rest = match (record.kind, content) {
        (kind::BEGIN_REQUEST, [r0, r1, flags, ..]) => {
            let code = u16::from_be_bytes([*r0, *r1]);
            let role = match Role::from_code(code) {
                Some(Role::Responder) => "responder".to_string(),
                Some(Role::Authorizer) => "authorizer".to_string(),
                Some(Role::Filter) => "filter".to_string(),
                None => format!("role {code}"),
            };
            let keep = if flags & 1 == 0 {
                ""
            } else {
                ", keep the connection"
            };
            format!("{role}{keep}")
        }
        (kind::END_REQUEST, [a, b, c, d, status, ..]) => {
            let app = u32::from_be_bytes([*a, *b, *c, *d]);
            let what = match status {
                0 => "complete".to_string(),
                1 => "cannot multiplex".to_string(),
                2 => "overloaded".to_string(),
                3 => "unknown role".to_string(),
                n => format!("status {n}"),
            };
            format!("{what}, application status {app}")
        }
        (kind::UNKNOWN_TYPE, [kind, ..]) => format!("type {kind}"),
        (kind::STDIN | kind::STDOUT | kind::STDERR | kind::DATA | kind::PARAMS, []) => "end".into(),
        (kind::STDIN | kind::STDOUT | kind::STDERR | kind::DATA, _) => {
            let length = record.content;
            format!("{length} {} {}", bytes(length), preview(content, length))
        }
        (_, []) if record.content == 0 => String::new(),
        _ => format!("{} {}", record.content, bytes(record.content)),
    };
    let colon = if rest.is_empty() { "" } else { ": " };
    format!("{name}{id}{colon}{rest}")
}

fn bytes(n: u16) -> &'static str {
    if n == 1 { "byte" } else { "bytes" }
}

/// The first characters of some content.
fn preview(content: &[u8], length: u16) -> String {
    let mut text = String::from("\"");
    let mut shown = 0;
    for byte in content {
        let piece = byte.escape_ascii().to_string();
        if text.len() + piece.len() > 28 {
            break;
        }
        text.push_str(&piece);
        shown += 1;
    }
    text.push_str(if shown < usize::from(length) {
        "..."
    } else {
        ""
    });
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws() {
        let mut out = Vec::new();
        let mut ladder = Ladder::new(&mut out);
        let request = b"\x01\x01\0\x07\0\x08\0\0\0\x01\x01\0\0\0\0\0\x01\x04\0\x07\0\0\0\0";
        for byte in request {
            ladder.feed(From::Server, &[*byte]).unwrap();
        }
        ladder
            .feed(
                From::Application,
                b"\x01\x06\0\x07\0\x03\x05\0hi\n\0\0\0\0\0",
            )
            .unwrap();
        ladder
            .feed(
                From::Application,
                b"\x01\x03\0\x07\0\x08\0\0\0\0\x01\0\x02\0\0\0",
            )
            .unwrap();
        ladder
            .feed(
                From::Application,
                b"\x01\x0b\0\0\0\x08\0\0\x63\0\0\0\0\0\0\0",
            )
            .unwrap();
        assert!(ladder.end(From::Application).unwrap());
        ladder
            .feed(From::Server, b"\x01\x63\0\0\0\x01\0\0")
            .unwrap();
        assert!(!ladder.end(From::Server).unwrap());
        let text = String::from_utf8(out).unwrap();
        let expect = [
            "web server                                                       application",
            "  |-- BEGIN_REQUEST 7: responder, keep the connection ------------------>|",
            "  |-- PARAMS 7: end ---------------------------------------------------->|",
            "  |<------------------------------------------ STDOUT 7: 3 bytes \"hi\\n\" --|",
            "  |<------------- END_REQUEST 7: overloaded, application status 256 --|",
            "  |<---------------------------------------------- UNKNOWN_TYPE: type 99 --|",
            "  |<----------------------------------------------------------- (closes) --|",
            "  |-- (ends inside a record) --------------------------------------------->|",
        ];
        let plain = |s: &str| s.replace('-', "");
        let got: Vec<String> = text.lines().map(plain).collect();
        assert_eq!(got, expect.map(plain), "{text}");
        let widths: Vec<usize> = text.lines().skip(1).map(str::len).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
    }
}
