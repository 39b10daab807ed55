//! One request as an application of ours sees it, and its answer.

use std::io::{self, BufWriter, Write};
use std::time::SystemTime;

use vestibule::adapt::blocking::write_frame;
use vestibule::cgi::meta::header_name;
use vestibule::fcgi::Role;
use vestibule::{Cut, Error, Field, Frame, Id, Length, Space};

use crate::date;
use crate::front::Front;

/// The fields of a request and what came of its body.
pub struct Exchange {
    pub role: Role,
    /// Complete fields, in order; the last may be under way.
    fields: Vec<(Space, Vec<u8>, Vec<u8>)>,
    /// Bytes of body so far, and their FNV-1a.
    pub length: u64,
    pub hash: u64,
    /// Answered, or refused: what still comes is dropped.
    pub over: bool,
    /// The body was asked for, on a wire that has words for that.
    pub demanded: bool,
    /// Names of variables that an authorizer has given; `None` where none was
    /// asked.
    granted: Option<Vec<String>>,
    /// Kept for an application that shows it.
    arrived: Option<Arrived>,
}

/// A request as it arrived, before variables were made of it.
#[derive(Default)]
pub struct Arrived {
    fields: Vec<(Space, Vec<u8>, Vec<u8>)>,
    /// The first bytes of its body, [`SHOWN`] at most.
    pub body: Vec<u8>,
}

/// Bytes of a body that are kept.
const SHOWN: usize = 4096;

impl Arrived {
    /// Its fields of one kind, in order.
    pub fn fields(&self, space: Space) -> impl Iterator<Item = (&[u8], &[u8])> {
        let fields = self.fields.iter().filter(move |f| f.0 == space);
        fields.map(|(_, name, value)| (&name[..], value.trim_ascii()))
    }
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl Exchange {
    pub fn new(role: Role) -> Self {
        Exchange {
            role,
            fields: Vec::new(),
            length: 0,
            hash: FNV_START,
            over: false,
            demanded: false,
            granted: None,
            arrived: None,
        }
    }

    /// From now on the request is kept as it arrives.
    pub fn keep(&mut self) {
        self.arrived = Some(Arrived::default());
    }

    /// What was kept.
    pub fn arrived(&self) -> &Arrived {
        const NOTHING: &Arrived = &Arrived {
            fields: Vec::new(),
            body: Vec::new(),
        };
        self.arrived.as_ref().unwrap_or(NOTHING)
    }

    /// A field or a piece of one.
    pub fn push(&mut self, field: Field<'_>) {
        let kept = self.arrived.as_mut().map(|arrived| &mut arrived.fields);
        for fields in [Some(&mut self.fields), kept].into_iter().flatten() {
            if matches!(field.cut, Cut::Whole | Cut::First) {
                fields.push((field.space, Vec::new(), Vec::new()));
            }
            if let Some((_, name, value)) = fields.last_mut() {
                name.extend_from_slice(field.name);
                value.extend_from_slice(field.value);
            }
        }
    }

    pub fn count(&mut self, bytes: &[u8]) {
        if let Some(arrived) = &mut self.arrived {
            let n = bytes.len().min(SHOWN - arrived.body.len());
            arrived.body.extend_from_slice(&bytes[..n]);
        }
        self.length += bytes.len() as u64;
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        }
    }

    /// All variables, sorted.
    pub fn sorted(&self) -> Vec<(&[u8], &[u8])> {
        let mut all: Vec<_> = self.vars().collect();
        all.sort();
        all
    }

    /// The value of a variable; empty where there is none, or where several
    /// differ, since nothing tells which of them to believe.
    pub fn var(&self, name: &str) -> &[u8] {
        let mut values = self.vars().filter(|v| v.0 == name.as_bytes());
        match values.next() {
            Some(first) if values.all(|v| v.1 == first.1) => first.1,
            _ => &[],
        }
    }

    /// All variables, in order.
    pub fn all(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.vars()
    }

    fn vars(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let vars = self.fields.iter().filter(|f| f.0 == Space::Var);
        vars.map(|(_, name, value)| (&name[..], &value[..]))
    }

    /// The value of a header field, however it came; `None` where there is
    /// none, or where there are several.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let name = name.as_bytes();
        let mut found = self.fields.iter().filter(|f| match f.0 {
            Space::Header => f.1.eq_ignore_ascii_case(name),
            Space::Var => header_name(&f.1).is_some_and(|n| n.is(name)),
            Space::Trailer | Space::Attribute => false,
        });
        let value = &found.next()?.2;
        found.next().is_none().then(|| value.trim_ascii())
    }

    /// All fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        self.fields.iter().map(|(space, name, value)| Field {
            space: *space,
            name,
            value,
            cut: Cut::Whole,
        })
    }

    /// Sets a variable, in place of any that came under its name.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        self.remove(name);
        let field = (Space::Var, name.into(), value.into());
        self.fields.push(field);
    }

    /// Sets the variables that an authorizer has given.
    pub fn grant(&mut self, vars: Vec<(Vec<u8>, Vec<u8>)>) {
        let names = vars.into_iter().map(|(name, value)| {
            let name = String::from_utf8_lossy(&name).into_owned();
            self.set(&name, &value);
            name
        });
        self.granted = Some(names.collect());
    }

    /// Those variables, where an authorizer was asked.
    pub fn granted(&self) -> Option<impl Iterator<Item = (&str, &[u8])>> {
        let names = self.granted.as_ref()?;
        Some(names.iter().map(|name| (&name[..], self.var(name))))
    }

    /// Adds a variable.
    pub fn add(&mut self, name: Vec<u8>, value: Vec<u8>) {
        self.fields.push((Space::Var, name, value));
    }

    /// Takes all fields out.
    pub fn take(&mut self) -> Vec<(Space, Vec<u8>, Vec<u8>)> {
        std::mem::take(&mut self.fields)
    }

    pub fn remove(&mut self, name: &str) {
        self.fields
            .retain(|f| f.0 != Space::Var || f.1 != name.as_bytes());
    }

    /// The value of a member of the query string, the first of that name.
    pub fn query(&self, name: &str) -> Option<&[u8]> {
        self.var("QUERY_STRING")
            .split(|b| *b == b'&')
            .find_map(|part| {
                let mut halves = part.splitn(2, |b| *b == b'=');
                (halves.next() == Some(name.as_bytes())).then(|| halves.next().unwrap_or(&[]))
            })
    }

    /// The number `n` of the query string; 5 where there is none.
    pub fn number(&self) -> u64 {
        let n = self.query("n").and_then(|n| std::str::from_utf8(n).ok());
        n.filter(|n| n.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|n| n.parse().ok())
            .unwrap_or(5)
    }
}

/// The answer under way: small frames are gathered, large ones pass.
pub struct Answer<'a, M: Front, W: Write> {
    pub machine: &'a mut M,
    out: BufWriter<W>,
    id: Id,
    status: u16,
    /// Bytes of body.
    sent: u64,
}

impl<'a, M: Front, W: Write> Answer<'a, M, W> {
    pub fn new(machine: &'a mut M, id: Id, out: W) -> Self {
        Answer {
            machine,
            out: BufWriter::new(out),
            id,
            status: 0,
            sent: 0,
        }
    }

    /// The status and the bytes of body that were sent.
    pub fn sent(&self) -> (u16, u64) {
        (self.status, self.sent)
    }

    pub fn head(
        &mut self,
        status: u16,
        fields: &[(&str, &[u8])],
        length: Length,
    ) -> io::Result<()> {
        self.head_shown(status, fields, length, |_| {})
    }

    /// The same; `show` gets the bytes as they go out.
    pub fn head_shown(
        &mut self,
        status: u16,
        fields: &[(&str, &[u8])],
        length: Length,
        show: impl FnOnce(&Frame<'_>),
    ) -> io::Result<()> {
        // A web server in front says when it was; here nobody else does.
        // RFC 9110, 6.6.1.
        let dated = M::VARIABLES || fields.iter().any(|f| f.0.eq_ignore_ascii_case("Date"));
        let now = (!dated).then(|| date::format(date::seconds(SystemTime::now())));
        let date = now.as_ref().map(|now| ("Date", now.as_bytes()));
        let fields = fields.iter().copied().chain(date);
        let fields = fields.map(|(n, v)| Field::header(n.as_bytes(), v));
        let need: usize = fields
            .clone()
            .map(|f| f.name.len() + f.value.len() + 4)
            .sum();
        let mut room = vec![0; 256 + need];
        let frame = self
            .machine
            .head(self.id, status, fields, length, &mut room)?;
        self.status = status;
        show(&frame);
        write_frame(&mut self.out, frame)
    }

    pub fn body(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let before = bytes.len();
            let frame = self.machine.body(self.id, &mut bytes)?;
            if !frame.is_empty() {
                self.sent += (before - bytes.len()) as u64;
            }
            write_frame(&mut self.out, frame)?;
        }
        Ok(())
    }

    pub fn log(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            write_frame(&mut self.out, self.machine.note(self.id, &mut bytes)?)?;
        }
        Ok(())
    }

    pub fn frame(&mut self, frame: Frame<'_>) -> io::Result<()> {
        write_frame(&mut self.out, frame)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    pub fn finish(&mut self) -> io::Result<()> {
        let frame = self.machine.finish(self.id, [], &mut [])?;
        write_frame(&mut self.out, frame)?;
        self.out.flush()
    }

    /// A whole answer of text. Without a body where the status or the method
    /// forbids one; the machine sees to that.
    pub fn text(&mut self, status: u16, more: &[(&str, &[u8])], body: &[u8]) -> io::Result<()> {
        let mut fields = vec![("Content-Type", &b"text/plain"[..])];
        fields.extend_from_slice(more);
        self.whole(status, &fields, body)
    }

    /// A whole answer.
    pub fn whole(&mut self, status: u16, fields: &[(&str, &[u8])], body: &[u8]) -> io::Result<()> {
        let length = match status {
            204 | 304 => Length::None,
            _ => Length::Known(body.len() as u64),
        };
        self.head(status, fields, length)?;
        if length != Length::None {
            self.body(body)?;
        }
        self.finish()
    }

    /// The protocol's own refusal.
    pub fn fail(&mut self, error: Error) -> io::Result<()> {
        let mut room = [0; 512];
        let frame = self.machine.fail(self.id, error, &mut room)?;
        if self.status == 0 {
            self.status = error.status();
        }
        write_frame(&mut self.out, frame)?;
        self.out.flush()
    }
}
