//! Messages that pass between others on wires without ids, read by machines to
//! which nobody listens: what is no such message to them is said to be none.

use vestibule::{
    After, Client, Cut, Ending, Error, Field, Id, Length, Next, Receive, Request, Response, Server,
};

use crate::events::Facts;

mod ajp;
mod cgi;
mod http;
mod scgi;
mod uwsgi;

/// What a step came to.
pub enum Seen<E> {
    Event(E),
    /// The input is used up.
    Nothing,
    /// What is left belongs to no message.
    Rest,
    /// Something between messages, under its name.
    Aside(&'static str),
    /// An answer that nobody has asked for.
    Unasked,
    /// Nothing is read any more. The input begins with the byte that shows it.
    Wrong(Error),
}

impl<E> Seen<E> {
    pub fn map<F>(self, f: impl FnOnce(E) -> F) -> Seen<F> {
        match self {
            Seen::Event(event) => Seen::Event(f(event)),
            Seen::Nothing => Seen::Nothing,
            Seen::Rest => Seen::Rest,
            Seen::Aside(name) => Seen::Aside(name),
            Seen::Unasked => Seen::Unasked,
            Seen::Wrong(error) => Seen::Wrong(error),
        }
    }
}

/// What an answer's framing depends on.
#[derive(Clone, Default)]
pub struct Question {
    pub method: Vec<u8>,
    /// Another protocol was offered.
    pub upgrade: bool,
}

/// A machine that reads requests: what a protocol adds to what all have.
pub trait Asking: Server + Clone + Send + 'static {
    /// The section that lets nothing follow the last message.
    const REST: &str;

    fn fresh() -> Self;

    /// What stands for the head in a drawing, where it begins with no line of
    /// its own.
    fn title(method: &str, target: &str) -> String {
        format!("{method} {target}")
    }

    /// What comes between messages, and how long it is: what others say to one
    /// another that would not be said here.
    fn aside(input: &[u8]) -> Option<(&'static str, usize)> {
        let _ = input;
        None
    }

    fn offers_upgrade(&self, _: Id) -> bool {
        false
    }

    /// What it knows of a request whose head is complete.
    fn facts(&self, _: Id) -> Facts {
        Facts::new()
    }

    /// Whether an event of its own is a message of its own.
    fn is_message(_: &Self::Ext<'_>) -> bool {
        false
    }

    /// The name and the facts of an event of its own.
    fn own(_: &Self::Ext<'_>) -> (&'static str, Facts) {
        ("Ext", Facts::new())
    }
}

/// The same for answers.
pub trait Answering: Client + Clone + Send + 'static {
    /// Whether messages begin with a line of their own, and stand one behind
    /// the other, with blank lines between them.
    const LINES: bool = false;

    /// What is drawn where the body is asked for, and where the answer ends.
    const PULL: Option<fn(usize) -> String> = None;
    const END: Option<fn(bool) -> String> = None;

    fn fresh() -> Self;

    /// What stands for the head in a drawing, where it begins with no line of
    /// its own.
    fn title(status: u16) -> String {
        status.to_string()
    }

    /// Begins a request, as far as the answer depends on it.
    fn ask(&mut self, question: &Question, room: &mut [u8]);

    /// Asks what the first bytes of `answer` answer, if that is no request.
    fn ask_whether_there(&mut self, answer: &[u8]) -> bool {
        let _ = answer;
        false
    }

    /// What it knows of an answer whose head is complete.
    fn facts(&self, _: Id) -> Facts {
        Facts::new()
    }

    /// Whether an event of its own is a message of its own.
    fn is_message(_: &Self::Ext<'_>) -> bool {
        false
    }

    /// The name and the facts of an event of its own.
    fn own(_: &Self::Ext<'_>) -> (&'static str, Facts) {
        ("Ext", Facts::new())
    }
}

/// What a client sends, as a server reads it.
pub struct Requests<S> {
    machine: S,
    /// Of the request at hand.
    question: Question,
    /// The name of the field at hand.
    name: Vec<u8>,
    /// It has a head that is complete, and a body that is not.
    body: bool,
    /// It is complete, but not answered.
    complete: bool,
    /// No request is under way.
    idle: bool,
}

impl<S: Asking> Requests<S> {
    pub fn new() -> Self {
        Requests {
            machine: S::fresh(),
            question: Question::default(),
            name: Vec::new(),
            body: false,
            complete: false,
            idle: true,
        }
    }

    /// For its accessors: true of the request whose event was the last.
    pub fn machine(&self) -> &S {
        &self.machine
    }

    /// The request at hand, from its `HeadEnd` on.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Takes bytes off the front of the input. An event that says that framing
    /// is lost leaves the byte that shows it.
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Seen<Request<'i, S::Ext<'i>>> {
        self.answer();
        if self.machine.after() != After::Keep {
            return match input.is_empty() {
                true => Seen::Nothing,
                false => Seen::Rest,
            };
        }
        if self.idle
            && let Some((name, n)) = S::aside(input)
        {
            *input = input.get(n..).unwrap_or(&[]);
            return Seen::Aside(name);
        }
        let (before, all) = (self.machine.clone(), *input);
        match self.machine.next(input) {
            Ok(Next::Event(event)) => {
                match event {
                    Request::Begin { .. } => {
                        self.idle = false;
                        self.question = Question::default();
                    }
                    Request::Field { field, .. } => self.field(field),
                    Request::HeadEnd { id, .. } => {
                        self.question.upgrade = self.machine.offers_upgrade(id);
                        self.body = true;
                    }
                    Request::BodyEnd { .. } => self.complete = true,
                    Request::Fault { .. } => {
                        let fault = |e: &Request<'_, _>| matches!(e, Request::Fault { .. });
                        *input = from_the_bad_byte(before, all, fault);
                    }
                    _ => {}
                }
                Seen::Event(event)
            }
            Ok(Next::NeedInput) => Seen::Nothing,
            Ok(Next::Paused) => Seen::Rest,
            Err(error) => {
                *input = from_the_bad_byte(before, all, |_| false);
                Seen::Wrong(error)
            }
        }
    }

    /// The same where no more comes.
    pub fn eof<'i>(&mut self) -> Seen<Request<'i, S::Ext<'i>>> {
        self.answer();
        match self.machine.eof() {
            Ok(Next::Event(event)) => Seen::Event(event),
            Ok(Next::NeedInput | Next::Paused) => Seen::Nothing,
            Err(error) => Seen::Wrong(error),
        }
    }

    /// A field or a piece of one; the method is remembered.
    fn field(&mut self, field: Field<'_>) {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            self.name.clear();
        }
        self.name.extend_from_slice(field.name);
        if self.name == b"REQUEST_METHOD" {
            self.question.method.extend_from_slice(field.value);
        }
    }

    /// The body is read whole, and the next request once this one is answered;
    /// by what, is not known here. No answer that would end the protocol on
    /// the connection.
    fn answer(&mut self) {
        if std::mem::take(&mut self.complete) {
            (self.body, self.idle) = (false, true);
            let mut room = [0; 256];
            let _ = self
                .machine
                .head(Id::SOLE, 404, [], Length::None, &mut room)
                .is_ok();
            let _ = self.machine.finish(Id::SOLE, [], &mut []).is_ok();
        } else if self.body {
            let _ = self.machine.demand(Id::SOLE, usize::MAX).is_ok();
        }
    }
}

/// What a server sends, as a client reads it.
pub struct Answers<K> {
    machine: K,
}

impl<K: Answering> Answers<K> {
    pub fn new() -> Self {
        Answers {
            machine: K::fresh(),
        }
    }

    /// For its accessors: true of the answer whose event was the last.
    pub fn machine(&self) -> &K {
        &self.machine
    }

    /// As [`Requests::next`]. `question` says what the next answer is for; an
    /// answer to nothing is wrong.
    pub fn next<'i>(
        &mut self,
        input: &mut &'i [u8],
        question: impl FnOnce() -> Option<Question>,
    ) -> Seen<Response<'i, K::Ext<'i>>> {
        if self.machine.free() > 0 {
            // They may stand behind an answer, and begin none.
            let blanks = input
                .iter()
                .take_while(|b| K::LINES && matches!(b, b'\r' | b'\n'));
            let (mut blanks, rest) = input.split_at(blanks.count());
            let before = self.machine.clone();
            if let Err(error) = self.machine.next(&mut blanks) {
                *input = from_the_bad_byte(before, input, |_| false);
                return Seen::Wrong(error);
            }
            *input = rest;
            if !rest.is_empty() && !self.machine.ask_whether_there(rest) {
                match question() {
                    Some(question) => {
                        let mut room = vec![0; 512 + question.method.len()];
                        self.machine.ask(&question, &mut room);
                    }
                    None if K::LINES => {}
                    None => return Seen::Unasked,
                }
            }
        }
        let (before, all) = (self.machine.clone(), *input);
        match self.machine.next(input) {
            Ok(Next::Event(event)) => {
                if failed(&event) {
                    *input = from_the_bad_byte(before, all, failed);
                }
                if let Response::Demand { id, .. } = event {
                    // Of a body nothing is known here.
                    let _ = self.machine.body_end(id, [], &mut [0; 64]).is_ok();
                }
                Seen::Event(event)
            }
            Ok(Next::NeedInput) => Seen::Nothing,
            Ok(Next::Paused) => Seen::Rest,
            Err(error) => {
                *input = from_the_bad_byte(before, all, |_| false);
                Seen::Wrong(error)
            }
        }
    }

    /// The same where no more comes.
    pub fn eof<'i>(&mut self) -> Seen<Response<'i, K::Ext<'i>>> {
        match self.machine.eof() {
            Ok(Next::Event(event)) => Seen::Event(event),
            Ok(Next::NeedInput | Next::Paused) => Seen::Nothing,
            Err(error) => Seen::Wrong(error),
        }
    }

    /// Behind an answer: whether it has ended the protocol on the connection,
    /// for another one.
    pub fn switched(&mut self) -> bool {
        K::LINES && matches!(self.machine.next(&mut &[][..]), Ok(Next::Paused))
    }
}

fn failed<X>(event: &Response<'_, X>) -> bool {
    let ending = match event {
        Response::Done { ending, .. } => ending,
        _ => return false,
    };
    matches!(ending, Ending::Failed(_))
}

/// The rest of the input from the byte on at which the machine's verdict falls:
/// where it leaves the input itself then means nothing. Cuts change no verdict.
fn from_the_bad_byte<'i, M: Receive>(
    mut machine: M,
    input: &'i [u8],
    bad: impl Fn(&M::Event<'i>) -> bool,
) -> &'i [u8] {
    for at in 0..input.len() {
        let mut one = input.get(at..=at).unwrap_or(&[]);
        loop {
            match machine.next(&mut one) {
                Ok(Next::Event(event)) if !bad(&event) => {}
                Ok(Next::NeedInput | Next::Paused) => break,
                Ok(Next::Event(_)) | Err(_) => return input.get(at..).unwrap_or(&[]),
            }
        }
    }
    &[]
}
