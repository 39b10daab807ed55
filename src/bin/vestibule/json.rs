//! Lines of output: for people, or a JSON object each.

use std::fmt;
use std::io::{self, Write};

/// A value of a line.
pub enum Value {
    Number(u64),
    Bool(bool),
    Word(String),
    /// Bytes of the wire.
    Bytes(Vec<u8>),
}

/// As people read it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Number(n) => write!(f, "{n}"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Word(word) if word.contains(' ') => write!(f, "\"{word}\""),
            Value::Word(word) => write!(f, "{word}"),
            Value::Bytes(bytes) => {
                let kept = &bytes[..bytes.len().min(SHOWN)];
                let more = if kept.len() < bytes.len() { "..." } else { "" };
                write!(f, "\"{}{more}\"", kept.escape_ascii())
            }
        }
    }
}

/// One event: its offset, its name, its facts.
pub struct Line {
    pub offset: u64,
    pub event: &'static str,
    pub facts: Vec<(&'static str, Value)>,
}

/// Characters of wire bytes that a line for people shows.
const SHOWN: usize = 60;

impl Line {
    pub fn write(&self, json: bool, out: &mut impl Write) -> io::Result<()> {
        if json { self.json(out) } else { self.text(out) }
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{:>8}  {}", self.offset, self.event)?;
        for (name, value) in &self.facts {
            write!(out, " {name}={value}")?;
        }
        writeln!(out)
    }

    fn json(&self, out: &mut impl Write) -> io::Result<()> {
        write!(
            out,
            "{{\"offset\":{},\"event\":\"{}\"",
            self.offset, self.event
        )?;
        for (name, value) in &self.facts {
            match value {
                Value::Number(n) => write!(out, ",\"{name}\":{n}")?,
                Value::Bool(b) => write!(out, ",\"{name}\":{b}")?,
                Value::Word(word) => write!(out, ",\"{name}\":{}", string(word))?,
                Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                    Ok(text) => write!(out, ",\"{name}\":{}", string(text))?,
                    // What is no text is told apart by its name.
                    Err(_) => {
                        write!(out, ",\"{name}_hex\":\"")?;
                        bytes.iter().try_for_each(|b| write!(out, "{b:02x}"))?;
                        write!(out, "\"")?;
                    }
                },
            }
        }
        writeln!(out, "}}")
    }
}

/// A JSON string. RFC 8259, 7.
fn string(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            // Those behind DEL too: a terminal may take them for commands.
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let line = Line {
            offset: 7,
            event: "Body",
            facts: vec![
                ("id", Value::Number(1)),
                ("keep", Value::Bool(true)),
                ("role", Value::Word("filter".into())),
                ("error", Value::Word("not so".into())),
                ("bytes", Value::Bytes(b"a\"\n\\\xc3\xa9\xc2\x9b".to_vec())),
                ("raw", Value::Bytes(vec![0xff, 0])),
            ],
        };
        let mut out = Vec::new();
        line.write(false, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "       7  Body id=1 keep=true role=filter error=\"not so\" bytes=\"a\\\"\\n\\\\\\xc3\\xa9\\xc2\\x9b\" raw=\"\\xff\\x00\"\n"
        );
        let mut out = Vec::new();
        line.write(true, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"offset\":7,\"event\":\"Body\",\"id\":1,\"keep\":true,\"role\":\"filter\",\
             \"error\":\"not so\",\
             \"bytes\":\"a\\\"\\u000a\\\\é\\u009b\",\"raw_hex\":\"ff00\"}\n"
        );
    }
}
