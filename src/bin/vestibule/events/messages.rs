//! Recorded requests and answers of wires that have no ids, so the messages are
//! counted.

use std::collections::VecDeque;
use std::io;

use vestibule::{Ending, Error, Field, Request, Response, Space};

use super::{Facts, Lines, bytes, ending, request, response, word};
use crate::decode::{Decoder, Printer};
use crate::json::Value;
use crate::records::{Piece, Recording};
use crate::watch::{self, Answering, Asking, Question, Seen};

/// What a client sent, as a server reads it.
pub struct Requests<S> {
    watch: watch::Requests<S>,
    lines: Lines,
    count: u64,
    /// The last request would have changed the protocol.
    offered: bool,
}

fn field_facts(field: Field<'_>) -> Facts {
    let space = match field.space {
        Space::Var => "var",
        Space::Header => "header",
        Space::Trailer => "trailer",
        Space::Attribute => "attribute",
    };
    vec![("space", word(space))]
}

impl<S: Asking> Requests<S> {
    pub fn new() -> Self {
        Requests {
            watch: watch::Requests::new(),
            lines: Lines::default(),
            count: 0,
            offered: false,
        }
    }

    fn event(
        &mut self,
        event: Request<'_, S::Ext<'_>>,
        offset: u64,
        out: &mut Printer,
    ) -> io::Result<()> {
        let (mut name, mut facts) = request(&event);
        match &event {
            Request::Begin { .. } => self.count += 1,
            Request::Field { field, .. } => {
                return self.lines.field(out, offset, field_facts(*field), *field);
            }
            Request::HeadEnd { id, .. } => {
                let question = self.watch.question();
                self.offered = question.upgrade || question.method == b"CONNECT";
                facts.extend(self.watch.machine().facts(*id));
            }
            Request::Ext(ext) => (name, facts) = S::own(ext),
            _ => {}
        }
        self.lines.print(out, offset, name, facts)?;
        match event {
            Request::Fault { error, .. } => self.wrong(error, offset, out),
            Request::Abort { .. } => self.wrong(Error::Eof, offset, out),
            _ => Ok(()),
        }
    }

    /// Nothing is read any more.
    fn wrong(&self, error: Error, offset: u64, out: &mut Printer) -> io::Result<()> {
        let hint = match self.offered && error != Error::Eof {
            true => " (the request before it would have changed the protocol)",
            false => "",
        };
        lost("request", self.count, error, hint, offset, out)
    }
}

/// Nothing is read any more.
fn lost(
    what: &str,
    count: u64,
    error: Error,
    hint: &str,
    offset: u64,
    out: &mut Printer,
) -> io::Result<()> {
    if std::mem::replace(&mut out.lost, true) {
        return Ok(());
    }
    out.wrong(
        offset,
        &match error {
            Error::Eof => format!("the end, inside {what} {count}"),
            // Before any has begun: it is the connection that is not one.
            error if count == 0 => format!("{error}{hint}"),
            error => format!("{what} {count}: {error}{hint}"),
        },
    )
}

/// What is behind the last message.
fn rest(section: &str, offset: u64, out: &mut Printer) -> io::Result<()> {
    out.lost = true;
    let what = "bytes behind the last message of the connection";
    out.wrong(offset, &format!("{what} {section}"))
}

impl<S: Asking> Decoder for Requests<S> {
    fn record(&mut self, piece: Piece<'_>, out: &mut Printer) -> io::Result<()> {
        let all = piece.bytes.len() as u64;
        let mut input = &*piece.bytes;
        while !out.lost {
            let next = self.watch.next(&mut input);
            let offset = piece.offset + all - input.len() as u64;
            match next {
                Seen::Event(event) => self.event(event, offset, out)?,
                Seen::Nothing => return Ok(()),
                Seen::Aside(name) => {
                    self.lines.print(out, offset, name, Facts::new())?;
                }
                Seen::Rest | Seen::Unasked => rest(S::REST, offset, out)?,
                Seen::Wrong(error) => self.wrong(error, offset, out)?,
            }
        }
        Ok(())
    }

    fn end(&mut self, offset: u64, out: &mut Printer) -> io::Result<()> {
        while !out.lost {
            match self.watch.eof() {
                Seen::Event(event) => self.event(event, offset, out)?,
                Seen::Wrong(error) => self.wrong(error, offset, out)?,
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}

/// What a server sent, as a client reads it.
pub struct Answers<K> {
    watch: watch::Answers<K>,
    lines: Lines,
    count: u64,
    questions: Questions,
}

/// What the answers are for: their framing depends on it.
pub enum Questions {
    /// The same each.
    Each(Question),
    /// These, in order.
    These(VecDeque<Question>),
}

impl Questions {
    /// Those of recorded requests. Of what is wrong there it says the place;
    /// the requests before it count.
    pub fn of<S: Asking>(
        recording: &mut Recording,
    ) -> io::Result<(Questions, Option<(u64, String)>)> {
        let (mut requests, mut all) = (watch::Requests::<S>::new(), VecDeque::new());
        let mut wrong = None;
        while wrong.is_none()
            && let Some(piece) = recording.next()?
        {
            let mut input = &*piece.bytes;
            loop {
                let error = match requests.next(&mut input) {
                    Seen::Event(Request::HeadEnd { .. }) => {
                        all.push_back(requests.question().clone());
                        continue;
                    }
                    Seen::Event(Request::Fault { error, .. }) | Seen::Wrong(error) => error,
                    Seen::Event(_) | Seen::Aside(_) => continue,
                    Seen::Nothing | Seen::Rest | Seen::Unasked => break,
                };
                let at = piece.offset + (piece.bytes.len() - input.len()) as u64;
                wrong = Some((at, error.to_string()));
                break;
            }
        }
        Ok((Questions::These(all), wrong))
    }

    fn next(&mut self) -> Option<Question> {
        match self {
            Questions::Each(question) => Some(question.clone()),
            Questions::These(questions) => questions.pop_front(),
        }
    }
}

impl<K: Answering> Answers<K> {
    pub fn new(questions: Questions) -> Self {
        Answers {
            watch: watch::Answers::new(),
            lines: Lines::default(),
            count: 0,
            questions,
        }
    }

    fn event(
        &mut self,
        event: Response<'_, K::Ext<'_>>,
        offset: u64,
        out: &mut Printer,
    ) -> io::Result<()> {
        let (mut name, mut facts) = response(&event);
        match &event {
            Response::Field { field, .. } => {
                return self.lines.field(out, offset, field_facts(*field), *field);
            }
            Response::HeadEnd { id, .. } => {
                facts.extend(self.watch.machine().facts(*id));
            }
            Response::Done {
                ending: how, reuse, ..
            } => {
                facts = ending(*how);
                facts.push(("reuse", Value::Bool(*reuse)));
            }
            Response::Ext(ext) => (name, facts) = K::own(ext),
            _ => {}
        }
        self.lines.print(out, offset, name, facts)?;
        match event {
            Response::Done { ending, .. } => match ending {
                Ending::Failed(Error::HeadCut | Error::NoResponse) | Ending::Truncated => {
                    self.wrong(Error::Eof, offset, out)
                }
                Ending::Failed(error) => self.wrong(error, offset, out),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn wrong(&self, error: Error, offset: u64, out: &mut Printer) -> io::Result<()> {
        lost("answer", self.count, error, "", offset, out)
    }
}

impl<K: Answering> Decoder for Answers<K> {
    fn record(&mut self, piece: Piece<'_>, out: &mut Printer) -> io::Result<()> {
        let all = piece.bytes.len() as u64;
        let mut input = &*piece.bytes;
        while !out.lost {
            let (questions, count) = (&mut self.questions, &mut self.count);
            let next = self.watch.next(&mut input, || {
                *count += 1;
                questions.next()
            });
            let offset = piece.offset + all - input.len() as u64;
            match next {
                Seen::Event(event) => self.event(event, offset, out)?,
                Seen::Nothing | Seen::Aside(_) => return Ok(()),
                Seen::Unasked => {
                    out.lost = true;
                    return out.wrong(offset, "an answer to no request");
                }
                Seen::Rest => {
                    // Another protocol's.
                    let end = piece.offset + all;
                    return self.lines.print(out, end, "Rest", bytes(input));
                }
                Seen::Wrong(error) => self.wrong(error, offset, out)?,
            }
        }
        Ok(())
    }

    fn end(&mut self, offset: u64, out: &mut Printer) -> io::Result<()> {
        while !out.lost {
            match self.watch.eof() {
                Seen::Event(event) => self.event(event, offset, out)?,
                Seen::Wrong(error) => self.wrong(error, offset, out)?,
                _ => return Ok(()),
            }
        }
        Ok(())
    }
}
