//! Messages of wires without ids: an arrow for a start line, or for what stands
//! in its place, the fields below; one for a body, or for each of its chunks.

use std::collections::VecDeque;

use vestibule::{Client, Cut, Ending, Error, Field, Request, Response, Server, Space};

use super::{Content, From, Line, Sketch};
use crate::events::{Facts, is_secret};
use crate::watch::{Answering, Answers, Asking, Question, Requests, Seen};

/// Both directions.
pub struct Messages<S, K> {
    requests: Requests<S>,
    answers: Answers<K>,
    sides: [Side; 2],
    /// Those whose answers are to come.
    questions: VecDeque<Question>,
    /// The protocol has ended: what comes is another one's.
    switched: bool,
}

/// An event of either direction.
enum Event<'i, X, Y> {
    Request(Request<'i, X>),
    Answer(Response<'i, Y>),
}

/// Those of two machines.
type Of<'i, S, K> = Event<'i, <S as Server>::Ext<'i>, <K as Client>::Ext<'i>>;

impl<X, Y> Event<'_, X, Y> {
    /// How many bytes of a body it carries.
    fn body(&self) -> usize {
        match self {
            Event::Request(Request::Body { bytes, .. })
            | Event::Answer(Response::Body { bytes, .. }) => bytes.len(),
            _ => 0,
        }
    }
}

/// What was seen of a message so far.
#[derive(Default)]
struct Side {
    stage: Stage,
    /// The start line, without what separates its parts.
    start: Vec<u8>,
    name: Vec<u8>,
    value: Vec<u8>,
    /// Of the body, or of a chunk.
    content: Content,
    /// Notes for below the arrow that is still to come, and what it says.
    held: Vec<Line>,
    method: Vec<u8>,
    target: Vec<u8>,
    /// In the body there were bytes that are not its own: sizes of chunks.
    chunked: bool,
    /// The last chunk was drawn.
    ended: bool,
    /// Nothing is read any more, and that was said.
    broken: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Start,
    Fields,
    Body,
}

impl<S: Asking, K: Answering> Messages<S, K> {
    pub fn new() -> Self {
        Messages {
            requests: Requests::new(),
            answers: Answers::new(),
            sides: Default::default(),
            questions: VecDeque::new(),
            switched: false,
        }
    }

    fn next<'i>(&mut self, from: From, input: &mut &'i [u8]) -> Seen<Of<'i, S, K>> {
        match from {
            From::Server => self.requests.next(input).map(Event::Request),
            From::Application => {
                let questions = &mut self.questions;
                let seen = self.answers.next(input, || questions.pop_front());
                seen.map(Event::Answer)
            }
        }
    }

    fn eof<'i>(&mut self, from: From) -> Seen<Of<'i, S, K>> {
        match from {
            From::Server => self.requests.eof().map(Event::Request),
            From::Application => self.answers.eof().map(Event::Answer),
        }
    }

    /// Whether the message is complete.
    fn event(&mut self, event: Of<'_, S, K>, lines: &mut Vec<Line>) -> bool {
        let [mine, yours] = &mut self.sides;
        match event {
            Event::Request(Request::HeadEnd { .. }) => {
                mine.head_end(|method, target| S::title(method, target), lines);
                self.questions.push_back(self.requests.question().clone());
            }
            Event::Answer(Response::HeadEnd { status, .. }) => {
                yours.head_end(|_, _| K::title(status), lines);
            }
            Event::Request(Request::Field { field, .. }) => {
                if mine.join(field) {
                    mine.field(field.space, K::LINES, lines);
                }
            }
            Event::Answer(Response::Field { field, .. }) => {
                if yours.join(field) {
                    yours.field(field.space, K::LINES, lines);
                }
            }
            Event::Request(Request::Body { bytes, .. }) => mine.content.push(bytes),
            Event::Answer(Response::Body { bytes, .. }) => yours.content.push(bytes),
            Event::Request(Request::BodyEnd { .. }) => {
                mine.body_end(K::LINES, lines);
                return true;
            }
            Event::Answer(Response::BodyEnd { .. }) => yours.body_end(K::LINES, lines),
            Event::Answer(Response::Done { ending, reuse, .. }) => {
                match ending {
                    Ending::Failed(Error::HeadCut | Error::NoResponse) => {}
                    Ending::Failed(error) => yours.wrong(&error.to_string(), lines),
                    _ => {
                        yours.chunk(lines);
                        lines.extend(K::END.map(|end| Line::Arrow(end(reuse))));
                    }
                }
                self.switched = self.answers.switched();
                return true;
            }
            Event::Answer(Response::Interim { .. }) => *yours = Side::default(),
            Event::Request(Request::Fault { error, .. }) => mine.wrong(&error.to_string(), lines),
            Event::Request(Request::Abort { .. }) => mine.chunk(lines),
            Event::Request(Request::Begin { .. }) | Event::Answer(Response::Log { .. }) => {}
            Event::Answer(Response::Demand { max, .. }) => {
                lines.extend(K::PULL.map(|pull| Line::Arrow(pull(max))));
            }
            Event::Request(Request::Ext(ext)) => {
                mine.own(S::own(&ext), lines);
                return S::is_message(&ext);
            }
            Event::Answer(Response::Ext(ext)) => {
                yours.own(K::own(&ext), lines);
                return K::is_message(&ext);
            }
        }
        false
    }
}

impl<S: Asking, K: Answering> Sketch for Messages<S, K> {
    fn message(&mut self, from: From, input: &mut &[u8], lines: &mut Vec<Line>) -> bool {
        loop {
            let all = *input;
            let side = &mut self.sides[from as usize];
            if self.switched && !side.broken {
                side.content.push(all);
                side.chunk(lines);
            }
            if self.switched || side.broken {
                *input = &[];
                return self.switched;
            }
            let seen = self.next(from, input);
            let side = &mut self.sides[from as usize];
            let taken = &all[..all.len() - input.len()];
            match seen {
                Seen::Event(event) => {
                    side.passed(from, taken, event.body(), lines);
                    if self.event(event, lines) {
                        return true;
                    }
                }
                Seen::Nothing => {
                    side.passed(from, taken, 0, lines);
                    return false;
                }
                Seen::Aside(name) => lines.push(Line::Arrow(name.into())),
                Seen::Unasked => side.wrong("an answer to no request", lines),
                Seen::Rest => side.wrong("bytes behind the last message", lines),
                Seen::Wrong(error) => side.wrong(&error.to_string(), lines),
            }
        }
    }

    fn end(&mut self, from: From, lines: &mut Vec<Line>) -> bool {
        if self.sides[from as usize].broken {
            return false;
        }
        let whole = loop {
            match self.eof(from) {
                Seen::Event(event) => self.event(event, lines),
                Seen::Wrong(_) => break self.switched,
                _ => break true,
            };
        };
        let text = if whole {
            "(closes)"
        } else {
            "(ends inside a message)"
        };
        lines.push(Line::Arrow(text.into()));
        whole
    }
}

impl Side {
    /// Some bytes have passed, `body` of them of the body.
    fn passed(&mut self, from: From, taken: &[u8], body: usize, lines: &mut Vec<Line>) {
        match self.stage {
            // The version of an answer is no field.
            Stage::Start if from == From::Application => {
                let more = taken.iter().filter(|b| !matches!(b, b'\r' | b'\n'));
                let left = VERSION - self.start.len().min(VERSION);
                self.start.extend(more.take(left));
            }
            Stage::Body if taken.len() > body => {
                self.chunk(lines);
                self.chunked = true;
            }
            Stage::Start | Stage::Fields | Stage::Body => {}
        }
    }

    /// A piece of a field; whether it is the last.
    fn join(&mut self, field: Field<'_>) -> bool {
        if matches!(field.cut, Cut::Whole | Cut::First) {
            self.name.clear();
            self.value.clear();
        }
        self.name.extend_from_slice(field.name);
        self.value.extend_from_slice(field.value);
        matches!(field.cut, Cut::Whole | Cut::Last)
    }

    /// A whole field.
    fn field(&mut self, space: Space, line: bool, lines: &mut Vec<Line>) {
        if self.stage == Stage::Start && line {
            self.start(space, lines);
            return;
        }
        if space == Space::Trailer {
            self.last_chunk(lines);
        }
        let (name, value) = (&self.name, self.value.trim_ascii());
        let text = match is_secret(space, name) {
            true => "secret: (withheld)".to_string(),
            false => format!("{}: {}", name.escape_ascii(), value.escape_ascii()),
        };
        if self.stage == Stage::Start {
            match &name[..] {
                b"REQUEST_METHOD" => self.method = value.to_vec(),
                b"REQUEST_URI" => self.target = value.to_vec(),
                b"DOCUMENT_URI" if self.target.is_empty() => self.target = value.to_vec(),
                _ => {}
            }
            self.held.push(Line::Note(text));
        } else {
            lines.push(Line::Note(text));
        }
    }

    /// The head is complete: what begins with no line of its own has one now.
    fn head_end(&mut self, head: impl FnOnce(&str, &str) -> String, lines: &mut Vec<Line>) {
        if self.stage == Stage::Start {
            let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
            lines.push(Line::Arrow(head(
                &shown(&self.method),
                &shown(&self.target),
            )));
            lines.append(&mut self.held);
        }
        self.stage = Stage::Body;
    }

    /// An event of the protocol's own.
    fn own(&mut self, (name, facts): (&str, Facts), lines: &mut Vec<Line>) {
        self.chunk(lines);
        let mut text = name.to_string();
        for (name, value) in facts {
            text += &format!(" {name}={value}");
        }
        lines.push(Line::Arrow(text));
    }

    /// A part of the start line.
    fn start(&mut self, space: Space, lines: &mut Vec<Line>) {
        match (space, &self.name[..]) {
            (Space::Var, b"REQUEST_METHOD") => self.start.clear(),
            _ => self.start.push(b' '),
        }
        self.start.extend_from_slice(self.value.trim_ascii());
        if space == Space::Header || self.name == b"SERVER_PROTOCOL" {
            self.stage = Stage::Fields;
            lines.push(Line::Arrow(self.start.escape_ascii().to_string()));
        }
    }

    /// What there is of a body, or of a chunk.
    fn chunk(&mut self, lines: &mut Vec<Line>) {
        if self.content.length > 0 {
            let what = if self.chunked { "chunk: " } else { "" };
            let text = format!("{what}{}", self.content.shown());
            lines.push(Line::Arrow(text));
            self.content.clear();
        }
    }

    fn last_chunk(&mut self, lines: &mut Vec<Line>) {
        self.chunk(lines);
        if self.chunked && !self.ended {
            self.ended = true;
            lines.push(Line::Arrow("last chunk".into()));
        }
    }

    fn body_end(&mut self, line: bool, lines: &mut Vec<Line>) {
        match line {
            true => self.last_chunk(lines),
            false => self.chunk(lines),
        }
        *self = Side::default();
    }

    fn wrong(&mut self, what: &str, lines: &mut Vec<Line>) {
        self.chunk(lines);
        self.broken = true;
        lines.push(Line::Arrow(what.into()));
    }
}

/// Bytes of `HTTP/1.1`.
const VERSION: usize = 8;

#[cfg(test)]
mod tests {
    use super::super::Ladder;
    use super::From::{self, Application as A, Server as S};
    use crate::scheme::Scheme;

    /// Draws, with dashes taken away.
    fn drawn(messages: &[(From, &str)], step: usize) -> Vec<String> {
        let mut out = Vec::new();
        let mut ladder = Ladder::new(Scheme::Http, &mut out);
        for (from, text) in messages {
            for part in text.as_bytes().chunks(step) {
                ladder.feed(*from, part).unwrap();
            }
        }
        for from in [From::Application, From::Server] {
            ladder.end(from).unwrap();
        }
        let text = String::from_utf8(out).unwrap();
        let widths: Vec<usize> = text.lines().skip(1).map(str::len).collect();
        assert!(widths.iter().all(|w| *w == 74), "{text}");
        let plain = |line: &str| {
            let line = line.trim_matches([' ', '|']).replace('-', "");
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        text.lines().skip(1).map(plain).collect()
    }

    #[test]
    fn messages() {
        let post = "\r\nPOST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-T: 1\r\n\r\n";
        let all = [
            (S, post),
            (A, "HTTP/1.1 100 Continue\r\n\r\n"),
            (
                A,
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nStatus: odd\r\nContent-Length: 2\r\n\r\nhi",
            ),
            (S, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"),
            (A, "HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n"),
            (S, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"),
            (A, "HTTP/1.1 200\r\n\r\nopen"),
        ];
        let expect = [
            "POST /a HTTP/1.1 >",
            "Host: h",
            "TransferEncoding: chunked",
            "chunk: 3 bytes \"abc\" >",
            "chunk: 16 bytes \"0123456789abcdef\" >",
            "last chunk >",
            "XT: 1",
            "< HTTP/1.1 100 Continue",
            "< HTTP/1.0 200 OK",
            "Connection: keepalive",
            "Status: odd",
            "ContentLength: 2",
            "< 2 bytes \"hi\"",
            "HEAD / HTTP/1.1 >",
            "Host: h",
            "< HTTP/1.1 404 No",
            "ContentLength: 9",
            "GET /b HTTP/1.1 >",
            "Host: h",
            "< HTTP/1.1 200",
            "< 4 bytes \"open\"",
            "< (closes)",
            "(closes) >",
        ];
        for step in [1, 2, 3, 7, 1000] {
            assert_eq!(drawn(&all, step), expect, "{step}");
        }
    }

    #[test]
    fn what_is_no_message() {
        let get = (S, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        for (all, expect) in [
            (
                &[(S, "GET / HTTP/1.1\r\nHost h\r\n\r\n")][..],
                &[
                    "GET / HTTP/1.1 >",
                    "malformed header field [RFC 3875, 6.3 and RFC 9112, 5] >",
                    "< (closes)",
                ][..],
            ),
            (
                &[get, (A, "HTTP/1.1 204 N\r\n\r\nHTTP/1.1 204 N\r\n\r\n")],
                &[
                    "GET / HTTP/1.1 >",
                    "Host: h",
                    "< HTTP/1.1 204 N",
                    "< bytes after the answer [RFC 9112, 9.2]",
                    "(closes) >",
                ],
            ),
            (
                &[
                    (
                        S,
                        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc",
                    ),
                    (A, "HTTP/1.1 413 No\r\n"),
                ],
                &[
                    "PUT / HTTP/1.1 >",
                    "Host: h",
                    "ContentLength: 9",
                    "< HTTP/1.1 413 No",
                    "< (ends inside a message)",
                    "3 bytes \"abc\" >",
                    "(ends inside a message) >",
                ],
            ),
            (
                &[(S, "GET / HTTP/1.0\r\n\r\nmore")],
                &[
                    "GET / HTTP/1.0 >",
                    "bytes behind the last message >",
                    "< (closes)",
                ],
            ),
            (
                &[
                    (S, "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"),
                    (A, "HTTP/1.1 200 OK\r\n\r\n"),
                    (S, "\x16"),
                    (A, "\x17"),
                ],
                &[
                    "CONNECT h:1 HTTP/1.1 >",
                    "Host: h:1",
                    "< HTTP/1.1 200 OK",
                    "1 byte \"\\x16\" >",
                    "< 1 byte \"\\x17\"",
                    "< (closes)",
                    "(closes) >",
                ],
            ),
        ] {
            for step in [1, 1000] {
                assert_eq!(drawn(all, step), expect, "{step}");
            }
        }
    }
}
