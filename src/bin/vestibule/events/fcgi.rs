//! FastCGI: recorded requests and answers.

use std::io;

use vestibule::fcgi::{self, ClientExt, ClientSlot, Record, Role, ServerExt, Slot, kind};
use vestibule::{
    After, Ending, Error, Field, Id, Length, Next, Receive, Refused, Rejection, Request, Response,
    Server as _, Status as _,
};

use super::{Facts, Lines, bytes, ending, number, reason, request, response, word};
use crate::decode::{Decoder, Printer};
use crate::json::Value;
use crate::records::Piece;

/// Requests at once on a recorded connection.
const SLOTS: usize = 256;

fn of(id: u16, facts: Facts) -> Facts {
    let mut all = vec![("id", number(id))];
    all.extend(facts);
    all
}

/// What a web server sent, as an application reads it.
pub struct Requests {
    machine: fcgi::Server<Vec<Slot>>,
    lines: Lines,
}

impl Requests {
    pub fn new() -> Self {
        Requests {
            machine: Self::machine(),
            lines: Lines::default(),
        }
    }

    fn machine() -> fcgi::Server<Vec<Slot>> {
        fcgi::Server::new(vec![Slot::EMPTY; SLOTS])
    }

    fn event(
        &mut self,
        event: Request<'_, ServerExt<'_>>,
        offset: u64,
        ended: bool,
        out: &mut Printer,
    ) -> io::Result<()> {
        let (name, facts) = request(&event);
        let with = |id: Id, facts| of(id.get(), facts);
        let (name, facts) = match event {
            Request::Begin { id } => {
                let role = match self.machine.role(id) {
                    Some(Role::Responder) => "responder",
                    Some(Role::Authorizer) => "authorizer",
                    Some(Role::Filter) => "filter",
                    None => "?",
                };
                let keep = self.machine.keep_conn(id);
                let facts = vec![("role", word(role)), ("keep_conn", Value::Bool(keep))];
                (name, with(id, facts))
            }
            Request::Field { id, field } => {
                return self.lines.field(out, offset, with(id, facts), field);
            }
            Request::HeadEnd { id, .. } => {
                if self.machine.role(id) == Some(Role::Authorizer) {
                    self.finish(id);
                }
                (name, with(id, facts))
            }
            Request::Body { id, .. } => (name, with(id, facts)),
            Request::BodyEnd { id } => {
                if self.machine.role(id) != Some(Role::Filter) {
                    self.finish(id);
                }
                (name, with(id, facts))
            }
            Request::Fault { id, error } => {
                self.finish(id);
                self.lines.print(out, offset, name, with(id, facts))?;
                return out.wrong(offset, &format!("request {id}: {error}"));
            }
            Request::Abort { id } => {
                self.finish(id);
                self.lines.print(out, offset, name, with(id, facts))?;
                if ended {
                    out.wrong(offset, &format!("the end, inside request {id}"))?;
                }
                return Ok(());
            }
            Request::Ext(ServerExt::Data { id, bytes: some }) => ("Data", with(id, bytes(some))),
            Request::Ext(ServerExt::DataEnd { id }) => {
                self.finish(id);
                ("DataEnd", with(id, facts))
            }
            Request::Ext(ext @ ServerExt::Values(wanted)) => {
                let _ = self.machine.default_reply(ext);
                let facts = vec![
                    ("max_conns", Value::Bool(wanted.max_conns())),
                    ("max_reqs", Value::Bool(wanted.max_reqs())),
                    ("mpxs_conns", Value::Bool(wanted.mpxs_conns())),
                ];
                ("GetValues", facts)
            }
            Request::Ext(ext @ ServerExt::UnknownType(kind)) => {
                let _ = self.machine.default_reply(ext);
                ("UnknownType", vec![("type", number(kind))])
            }
            Request::Ext(ext @ ServerExt::Surplus { id, reason: why }) => {
                let _ = self.machine.default_reply(ext);
                ("Surplus", with(id, vec![("reason", reason(why))]))
            }
            Request::Ext(_) => (name, facts),
        };
        self.lines.print(out, offset, name, facts)
    }

    /// As an application would, so that the id is free again. A recording
    /// says nothing of when, and whatever follows is to be seen.
    fn finish(&mut self, id: Id) {
        if self.machine.end(id, 0).is_err() {
            let _ = self.machine.reject(id, Rejection::Overloaded);
        }
    }
}

impl Decoder for Requests {
    fn record(&mut self, piece: Piece<'_>, out: &mut Printer) -> io::Result<()> {
        if self.machine.active() == 0 && self.machine.after() != After::Keep {
            // It would drop what comes behind the last request of a connection
            // that is not kept; here it is to be seen.
            self.machine = Self::machine();
        }
        let all = piece.bytes.len() as u64;
        let mut input = &*piece.bytes;
        loop {
            let next = self.machine.next(&mut input);
            let offset = piece.offset + all - input.len() as u64;
            match next {
                Ok(Next::Event(event)) => self.event(event, offset, false, out)?,
                Ok(Next::NeedInput | Next::Paused) => return Ok(()),
                Err(error) => return lost(piece.offset, piece.record, error, out),
            }
        }
    }

    fn end(&mut self, offset: u64, out: &mut Printer) -> io::Result<()> {
        loop {
            match self.machine.eof() {
                Ok(Next::Event(event)) => self.event(event, offset, true, out)?,
                Ok(Next::NeedInput | Next::Paused) => return Ok(()),
                Err(error) => return lost(offset, None, error, out),
            }
        }
    }
}

fn lost(offset: u64, record: Option<Record>, error: Error, out: &mut Printer) -> io::Result<()> {
    out.lost = true;
    let place = match record {
        Some(record) => format!(" in this record (type {} {})", record.kind, record.name()),
        None => String::new(),
    };
    match error {
        Error::Eof => out.wrong(offset, "the end, inside a record [FastCGI 1.0, 3.3]"),
        error => out.wrong(offset, &format!("{error}{place}")),
    }
}

/// What an application sent, as a web server reads it.
pub struct Answers {
    machine: fcgi::Client<Vec<ClientSlot>>,
    lines: Lines,
    method: Vec<u8>,
    /// The recorded id of each slot's request.
    ids: Vec<Option<u16>>,
}

impl Answers {
    pub fn new(method: Vec<u8>) -> Self {
        Answers {
            machine: Self::machine(),
            lines: Lines::default(),
            method,
            ids: vec![None; SLOTS],
        }
    }

    fn machine() -> fcgi::Client<Vec<ClientSlot>> {
        fcgi::Client::new(vec![ClientSlot::EMPTY; SLOTS])
    }

    /// The machine's id for a recorded one; a request is opened for one that
    /// is new, since its own bytes are not there.
    fn open(&mut self, recorded: u16) -> Result<Id, Refused> {
        if let Some(slot) = self.ids.iter().position(|id| *id == Some(recorded)) {
            return Id::new(slot as u16 + 1).ok_or(Refused::UnknownId);
        }
        let fields = [Field::var(b"REQUEST_METHOD", &self.method)];
        let mut room = vec![0; 512 + self.method.len()];
        let mut begun = self
            .machine
            .begin(Role::Responder, true, fields, Length::None, &mut room)
            .map(|(id, _)| id);
        if begun.is_err() && self.ids.iter().all(Option::is_none) {
            // It takes no more, as after a stray record; we are at a border.
            self.machine = Self::machine();
            let fields = [Field::var(b"REQUEST_METHOD", &self.method)];
            begun = self
                .machine
                .begin(Role::Responder, true, fields, Length::None, &mut room)
                .map(|(id, _)| id);
        }
        let id = begun?;
        if let Some(slot) = self.ids.get_mut(usize::from(id.get()) - 1) {
            *slot = Some(recorded);
        }
        Ok(id)
    }

    /// The recorded id.
    fn recorded(&self, id: Id) -> u16 {
        let slot = self.ids.get(usize::from(id.get()) - 1);
        slot.copied().flatten().unwrap_or(id.get())
    }

    fn event(
        &mut self,
        event: Response<'_, ClientExt>,
        offset: u64,
        out: &mut Printer,
    ) -> io::Result<()> {
        let (name, facts) = response(&event);
        let (name, facts) = match event {
            Response::Field { id, field } => {
                let facts = of(self.recorded(id), facts);
                return self.lines.field(out, offset, facts, field);
            }
            Response::HeadEnd { id, .. }
            | Response::Interim { id, .. }
            | Response::Body { id, .. }
            | Response::BodyEnd { id }
            | Response::Log { id, .. }
            | Response::Demand { id, .. } => (name, of(self.recorded(id), facts)),
            Response::Done { id, ending, .. } => return self.done(id, ending, offset, out),
            Response::Ext(ClientExt::Values(values)) => {
                let mut facts = Vec::new();
                facts.extend(values.max_conns.map(|n| ("max_conns", number(n))));
                facts.extend(values.max_reqs.map(|n| ("max_reqs", number(n))));
                facts.extend(values.mpxs_conns.map(|b| ("mpxs_conns", Value::Bool(b))));
                ("Values", facts)
            }
            Response::Ext(ClientExt::UnknownType(kind)) => {
                ("UnknownType", vec![("type", number(kind))])
            }
            Response::Ext(ClientExt::LocalRedirect { id }) => {
                ("LocalRedirect", of(self.recorded(id), facts))
            }
            Response::Ext(_) => return Ok(()),
        };
        self.lines.print(out, offset, name, facts)
    }

    fn done(&mut self, id: Id, how: Ending, offset: u64, out: &mut Printer) -> io::Result<()> {
        let recorded = self.recorded(id);
        if let Some(slot) = self.ids.get_mut(usize::from(id.get()) - 1) {
            *slot = None;
        }
        let mut facts = of(recorded, ending(how));
        let wrong = match how {
            Ending::Complete {
                app_status,
                output_ended,
            } => {
                facts.push(("app_status", number(app_status)));
                facts.push(("output_ended", Value::Bool(output_ended)));
                None
            }
            Ending::Failed(error) => Some(error.to_string()),
            Ending::Truncated => Some("the answer is truncated [FastCGI 1.0, 5.5]".into()),
            Ending::Unconfirmed => Some("the end, without END_REQUEST [FastCGI 1.0, 5.5]".into()),
            _ => None,
        };
        self.lines.print(out, offset, "Done", facts)?;
        match wrong {
            Some(what) => out.wrong(offset, &format!("request {recorded}: {what}")),
            None => Ok(()),
        }
    }
}

impl Decoder for Answers {
    fn record(&mut self, piece: Piece<'_>, out: &mut Printer) -> io::Result<()> {
        match piece.record {
            Some(Record { kind, id, .. })
                if id != 0 && matches!(kind, kind::STDOUT | kind::STDERR | kind::END_REQUEST) =>
            {
                match self.open(id) {
                    // The record now names the request that stands for its own.
                    Ok(open) => {
                        if let [_, _, high, low, ..] = piece.bytes {
                            [*high, *low] = open.get().to_be_bytes();
                        }
                    }
                    Err(refused) => {
                        out.lost = true;
                        return out.wrong(piece.offset, &format!("request {id}: {refused}"));
                    }
                }
            }
            Some(Record {
                kind: kind::GET_VALUES_RESULT | kind::UNKNOWN_TYPE,
                id: 0,
                ..
            }) => {
                // Somebody must have asked.
                let _ = self.machine.values();
            }
            _ => {}
        }
        let all = piece.bytes.len() as u64;
        let mut input = &*piece.bytes;
        loop {
            let next = self.machine.next(&mut input);
            let offset = piece.offset + all - input.len() as u64;
            match next {
                Ok(Next::Event(event)) => self.event(event, offset, out)?,
                Ok(Next::NeedInput | Next::Paused) => return Ok(()),
                Err(error) => return lost(piece.offset, piece.record, error, out),
            }
        }
    }

    fn end(&mut self, offset: u64, out: &mut Printer) -> io::Result<()> {
        loop {
            match self.machine.eof() {
                Ok(Next::Event(event)) => self.event(event, offset, out)?,
                Ok(Next::NeedInput | Next::Paused) => return Ok(()),
                Err(error) => return lost(offset, None, error, out),
            }
        }
    }
}
