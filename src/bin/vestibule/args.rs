//! Command-line arguments, by hand.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

/// Why a command ended before its time.
pub enum Failure {
    /// The command line is wrong: exit 2.
    Usage(String),
    /// Anything else, with its exit code.
    Exit(u8, String),
}

/// The exit code, or why there is none.
pub type Ended = Result<u8, Failure>;

/// Shorthand for an error of usage.
pub fn usage<T>(what: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Usage(what.into()))
}

/// Prints a text of ours to standard output.
pub fn print(text: &str) -> Ended {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(0)
}

/// Says something on standard error, which may be closed or full.
pub fn complain(text: &str) {
    let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// One argument.
pub enum Arg {
    /// An option, with its dashes.
    Option(String),
    /// Anything else.
    Word(OsString),
}

/// What is left of the command line.
pub struct Args {
    rest: VecDeque<OsString>,
    /// The option at hand and the value written together with it.
    option: String,
    joined: Option<OsString>,
    words_only: bool,
}

impl Args {
    pub fn new(words: impl Iterator<Item = OsString>) -> Self {
        Args {
            rest: words.collect(),
            option: String::new(),
            joined: None,
            words_only: false,
        }
    }

    /// The next argument: `--name`, `--name=value`, `-x`, `-xvalue`, a word.
    pub fn next(&mut self) -> Result<Option<Arg>, Failure> {
        if self.joined.is_some() {
            return usage(format!("{} takes no value", self.option));
        }
        let Some(word) = self.rest.pop_front() else {
            return Ok(None);
        };
        if self.words_only || !word.as_encoded_bytes().starts_with(b"-") || word == "-" {
            return Ok(Some(Arg::Word(word)));
        }
        if word == "--" {
            self.words_only = true;
            return self.next();
        }
        let bytes = word.as_encoded_bytes();
        let (name, value) = if bytes.starts_with(b"--") {
            match bytes.iter().position(|b| *b == b'=') {
                Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
                None => (bytes, None),
            }
        } else if bytes.len() > 2 && bytes[1].is_ascii() {
            (&bytes[..2], Some(&bytes[2..]))
        } else {
            (bytes, None)
        };
        self.option = String::from_utf8_lossy(name).into_owned();
        self.joined = value.map(os_string);
        Ok(Some(Arg::Option(self.option.clone())))
    }

    /// The value of the option at hand.
    pub fn value(&mut self) -> Result<OsString, Failure> {
        match self.joined.take().or_else(|| self.rest.pop_front()) {
            Some(value) => Ok(value),
            None => usage(format!("{} wants a value", self.option)),
        }
    }

    /// The same, as text.
    pub fn text(&mut self) -> Result<String, Failure> {
        let option = self.option.clone();
        self.value()?
            .into_string()
            .or_else(|_| usage(format!("the value of {option} is no UTF-8")))
    }

    /// The same, as bytes.
    pub fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        Ok(self.value()?.into_encoded_bytes())
    }

    /// The same, as a number from `least` up.
    pub fn number(&mut self, least: u64) -> Result<u64, Failure> {
        let option = self.option.clone();
        let text = self.text()?;
        match text.parse() {
            Ok(n) if n >= least => Ok(n),
            _ => usage(format!(
                "{option} wants a number of at least {least}, not '{text}'"
            )),
        }
    }

    /// The same, as a time above zero, in seconds.
    pub fn seconds(&mut self) -> Result<Duration, Failure> {
        let option = self.option.clone();
        let text = self.text()?;
        match text.parse::<f64>() {
            Ok(n) if n > 0.0 && n <= 4_000_000.0 => Ok(Duration::from_secs_f64(n.max(0.001))),
            _ => usage(format!(
                "{option} wants a number of seconds above 0, not '{text}'"
            )),
        }
    }

    /// The error for an option that nobody knows.
    pub fn unknown<T>(&self) -> Result<T, Failure> {
        usage(format!("unknown option '{}'", self.option))
    }
}

/// Part of an `OsString`, cut at ASCII.
fn os_string(bytes: &[u8]) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        OsString::from_vec(bytes.to_vec())
    }
    #[cfg(not(unix))]
    {
        OsString::from(String::from_utf8_lossy(bytes).into_owned())
    }
}
