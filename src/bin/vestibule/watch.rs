//! HTTP messages that pass between others, read by machines to which nobody
//! listens: what is no HTTP to them is said to be none.

use vestibule::http1::{Client, ClientExt, Server, ServerExt};
use vestibule::{
    After, Client as _, Cut, Ending, Error, Field, Id, Length, Next, Receive, Request, Response,
    Server as _, Status as _,
};

/// What a step came to.
pub enum Seen<E> {
    Event(E),
    /// The input is used up.
    Nothing,
    /// What is left belongs to no message.
    Rest,
    /// Nothing is read any more. The input begins with the byte that shows it.
    Wrong(Error),
}

impl<E> Seen<E> {
    pub fn map<F>(self, f: impl FnOnce(E) -> F) -> Seen<F> {
        match self {
            Seen::Event(event) => Seen::Event(f(event)),
            Seen::Nothing => Seen::Nothing,
            Seen::Rest => Seen::Rest,
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

/// What a client sends, as a server reads it.
pub struct Requests {
    machine: Server,
    /// Of the request at hand.
    question: Question,
    /// Its method is still to come.
    method: bool,
    /// It is complete, but not answered.
    complete: bool,
}

impl Requests {
    pub fn new() -> Self {
        Requests {
            machine: Server::new(),
            question: Question::default(),
            method: false,
            complete: false,
        }
    }

    /// For its accessors: true of the request whose event was the last.
    pub fn machine(&self) -> &Server {
        &self.machine
    }

    /// The request at hand, from its `HeadEnd` on.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Takes bytes off the front of the input. An event that says that framing
    /// is lost leaves the byte that shows it.
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Seen<Request<'i, ServerExt>> {
        self.answer();
        if self.machine.after() != After::Keep {
            return match input.is_empty() {
                true => Seen::Nothing,
                false => Seen::Rest,
            };
        }
        let (before, all) = (self.machine, *input);
        match self.machine.next(input) {
            Ok(Next::Event(event)) => {
                match event {
                    Request::Begin { .. } => {
                        self.question = Question::default();
                        self.method = true;
                    }
                    Request::Field { field, .. } => self.field(field),
                    Request::HeadEnd { id, .. } => {
                        self.question.upgrade = self.machine.offers_upgrade(id);
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
    pub fn eof(&mut self) -> Seen<Request<'static, ServerExt>> {
        self.answer();
        match self.machine.eof() {
            Ok(Next::Event(event)) => Seen::Event(event),
            Ok(Next::NeedInput | Next::Paused) => Seen::Nothing,
            Err(error) => Seen::Wrong(error),
        }
    }

    /// A field or a piece of one; the first is the method.
    fn field(&mut self, field: Field<'_>) {
        if self.method {
            self.question.method.extend_from_slice(field.value);
            self.method = !matches!(field.cut, Cut::Whole | Cut::Last);
        }
    }

    /// The next request is read once this one is answered; by what, is not
    /// known here. No answer that would end HTTP on the connection.
    fn answer(&mut self) {
        if std::mem::take(&mut self.complete) {
            let mut room = [0; 256];
            let _ = self
                .machine
                .head(Id::SOLE, 404, [], Length::None, &mut room)
                .is_ok();
            let _ = self.machine.finish(Id::SOLE, [], &mut []).is_ok();
        }
    }
}

/// What a server sends, as a client reads it.
pub struct Answers {
    machine: Client,
}

impl Answers {
    pub fn new() -> Self {
        Answers {
            machine: Client::new(),
        }
    }

    /// For its accessors: true of the answer whose event was the last.
    pub fn machine(&self) -> &Client {
        &self.machine
    }

    /// As [`Requests::next`]. `question` says what the next answer is for; an
    /// answer to nothing is wrong.
    pub fn next<'i>(
        &mut self,
        input: &mut &'i [u8],
        question: impl FnOnce() -> Option<Question>,
    ) -> Seen<Response<'i, ClientExt>> {
        if self.machine.free() > 0 {
            // They may stand behind an answer, and begin none.
            let blanks = input.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
            let (mut blanks, rest) = input.split_at(blanks.count());
            let before = self.machine;
            if let Err(error) = self.machine.next(&mut blanks) {
                *input = from_the_bad_byte(before, input, |_| false);
                return Seen::Wrong(error);
            }
            *input = rest;
            if !rest.is_empty()
                && let Some(question) = question()
            {
                self.open(&question);
            }
        }
        let (before, all) = (self.machine, *input);
        match self.machine.next(input) {
            Ok(Next::Event(event)) => {
                if failed(&event) {
                    *input = from_the_bad_byte(before, all, failed);
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
    pub fn eof(&mut self) -> Seen<Response<'static, ClientExt>> {
        match self.machine.eof() {
            Ok(Next::Event(event)) => Seen::Event(event),
            Ok(Next::NeedInput | Next::Paused) => Seen::Nothing,
            Err(error) => Seen::Wrong(error),
        }
    }

    /// Behind an answer: whether it has ended HTTP on the connection.
    pub fn switched(&mut self) -> bool {
        matches!(self.machine.next(&mut &[][..]), Ok(Next::Paused))
    }

    /// A request, as far as the answer depends on it.
    fn open(&mut self, question: &Question) {
        let method = &question.method[..];
        let target: &[u8] = match method {
            b"CONNECT" => b"h:1",
            _ => b"/",
        };
        let upgrade = question.upgrade.then(|| Field::header(b"Upgrade", b"x"));
        let fields = [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", target),
            Field::header(b"Host", b"h"),
        ];
        let fields = fields.into_iter().chain(upgrade);
        let mut room = vec![0; 256 + method.len()];
        let _ = self.machine.open(fields, Length::None, &mut room).is_ok();
    }
}

fn failed(event: &Response<'_, ClientExt>) -> bool {
    let ending = match event {
        Response::Done { ending, .. } => ending,
        _ => return false,
    };
    matches!(ending, Ending::Failed(_))
}

/// The rest of the input from the byte on at which the machine's verdict falls:
/// where it leaves the input itself then means nothing. Cuts change no verdict.
fn from_the_bad_byte<M: Receive>(
    mut machine: M,
    input: &[u8],
    bad: impl Fn(&M::Event<'_>) -> bool,
) -> &[u8] {
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
