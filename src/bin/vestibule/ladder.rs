//! Draws an exchange, message by message.

mod fcgi;
mod messages;

use std::io::{self, Write};

use vestibule::{ajp, cgi, http1, scgi, uwsgi};

use crate::scheme::Scheme;

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Server,
    Application,
}

/// What stands between the two lines.
pub enum Line {
    /// Something that is sent.
    Arrow(String),
    /// More of the same.
    Note(String),
}

/// Makes lines of the bytes of both directions, in constant memory.
pub trait Sketch: Send {
    /// Takes the bytes of at most one message off the front of `input`, or all
    /// of it; whether that message is complete.
    fn message(&mut self, from: From, input: &mut &[u8], lines: &mut Vec<Line>) -> bool;

    /// One direction has ended. Whether its bytes were in order.
    fn end(&mut self, from: From, lines: &mut Vec<Line>) -> bool;
}

/// Columns between the two lines.
const WIDTH: usize = 70;

/// Draws to `out` what it is fed.
pub struct Ladder<W> {
    out: W,
    sketch: Box<dyn Sketch>,
    names: [&'static str; 2],
    started: bool,
}

impl<W: Write> Ladder<W> {
    pub fn new(scheme: Scheme, out: W) -> Self {
        Ladder {
            out,
            sketch: match scheme {
                Scheme::Fcgi => Box::new(fcgi::Records::default()),
                Scheme::Cgi => Box::new(messages::Messages::<cgi::Server, cgi::Client>::new()),
                Scheme::Ajp => Box::new(messages::Messages::<ajp::Server, ajp::Client>::new()),
                Scheme::Scgi => Box::new(messages::Messages::<scgi::Server, scgi::Client>::new()),
                Scheme::Uwsgi => {
                    Box::new(messages::Messages::<uwsgi::Server, uwsgi::Client>::new())
                }
                Scheme::Http => Box::new(messages::Messages::<http1::Server, http1::Client>::new()),
            },
            names: ["web server", "application"],
            started: false,
        }
    }

    /// Some bytes of one direction.
    pub fn feed(&mut self, from: From, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.message(from, &mut bytes)?;
        }
        Ok(())
    }

    /// No more than one message of them; whether it is complete.
    pub fn message(&mut self, from: From, bytes: &mut &[u8]) -> io::Result<bool> {
        let mut lines = Vec::new();
        let complete = self.sketch.message(from, bytes, &mut lines);
        self.draw(from, &lines)?;
        Ok(complete)
    }

    /// One direction has ended. Whether its bytes were in order.
    pub fn end(&mut self, from: From) -> io::Result<bool> {
        let mut lines = Vec::new();
        let whole = self.sketch.end(from, &mut lines);
        self.draw(from, &lines)?;
        Ok(whole)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn draw(&mut self, from: From, lines: &[Line]) -> io::Result<()> {
        if !self.started && !lines.is_empty() {
            self.started = true;
            let [left, right] = self.names;
            let gap = WIDTH + 6 - left.len() - right.len();
            writeln!(self.out, "{left}{:gap$}{right}", "")?;
        }
        for line in lines {
            match (line, from) {
                (Line::Arrow(text), From::Server) => {
                    let text = shortened(text, WIDTH - 6);
                    let line = "-".repeat(WIDTH - 6 - text.len());
                    writeln!(self.out, "  |-- {text} {line}->|")
                }
                (Line::Arrow(text), From::Application) => {
                    let text = shortened(text, WIDTH - 6);
                    let line = "-".repeat(WIDTH - 6 - text.len());
                    writeln!(self.out, "  |<-{line} {text} --|")
                }
                (Line::Note(text), From::Server) => {
                    let text = shortened(text, WIDTH - 6);
                    writeln!(self.out, "  |   {text:<rest$}|", rest = WIDTH - 3)
                }
                (Line::Note(text), From::Application) => {
                    let text = shortened(text, WIDTH - 6);
                    writeln!(self.out, "  |{text:>rest$}   |", rest = WIDTH - 3)
                }
            }?;
        }
        Ok(())
    }
}

/// So that it fits. All texts are ASCII.
fn shortened(text: &str, most: usize) -> String {
    match text.get(..most.saturating_sub(3)) {
        Some(first) if text.len() > most => format!("{first}..."),
        _ => text.to_string(),
    }
}

/// Bytes of content that are kept for a preview.
const KEPT: usize = 40;

/// How much there is of something, and its first characters.
#[derive(Default)]
pub struct Content {
    pub length: u64,
    first: Vec<u8>,
}

impl Content {
    fn clear(&mut self) {
        self.length = 0;
        self.first.clear();
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let n = bytes.len().min(KEPT - self.first.len());
        self.first.extend_from_slice(&bytes[..n]);
    }

    /// `5 bytes "hello"`.
    pub fn shown(&self) -> String {
        let mut text = format!("{} \"", count(self.length));
        let (start, mut shown) = (text.len(), 0);
        for byte in &self.first {
            let piece = byte.escape_ascii().to_string();
            if text.len() - start + piece.len() > 27 {
                break;
            }
            text.push_str(&piece);
            shown += 1;
        }
        text.push_str(if shown < self.length { "...\"" } else { "\"" });
        text
    }
}

fn count(n: u64) -> String {
    format!("{n} {}", if n == 1 { "byte" } else { "bytes" })
}
