//! A kept connection of the library's FastCGI client.

use core::ops::ControlFlow;
use std::io::{Read, Write};
use std::net::TcpStream;

use vestibule::adapt::blocking::write_frame;
use vestibule::adapt::{Call, Called};
use vestibule::fcgi::{Client, ClientExt, Role, Values, Verdict};
use vestibule::{Field, Length, Next, Receive, Response, Timeouts};

use crate::answer;
use crate::harness::PATIENCE;

pub struct Connection {
    pub stream: TcpStream,
    pub client: Client,
    pub role: Role,
}

/// An answer, and whether it can be believed.
#[derive(Debug)]
pub struct Answer {
    plain: answer::Answer,
    pub verdict: Verdict,
}

impl core::ops::Deref for Answer {
    type Target = answer::Answer;
    fn deref(&self) -> &answer::Answer {
        &self.plain
    }
}

impl Answer {
    fn new(id: vestibule::Id) -> Answer {
        Answer {
            plain: answer::Answer::new(),
            verdict: Verdict::new(id),
        }
    }

    fn take(&mut self, event: Response<'_, ClientExt>) {
        self.verdict.observe(&event);
        self.plain.take(&event);
    }
}

impl Connection {
    pub fn tcp(port: u16) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection {
            stream,
            client: Client::default(),
            role: Role::Responder,
        }
    }

    /// One request, both ways at once, through the adapter.
    #[track_caller]
    pub fn ask(&mut self, vars: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let (mut room, mut buf) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        let fields = vars
            .iter()
            .map(|(name, value)| Field::var(name.as_bytes(), value.as_bytes()));
        let length = body.map_or(Length::None, |body| Length::Known(body.len() as u64));
        let (id, head) = self
            .client
            .begin(self.role, true, fields, length, &mut room)
            .unwrap();
        let call = Call {
            id,
            head,
            buf: &mut buf,
            timeouts: Timeouts::all(PATIENCE.as_millis() as u32),
        };
        let mut answer = Answer::new(id);
        let stream = &self.stream;
        let called = call.run(
            &mut self.client,
            &mut &*stream,
            &mut &*stream,
            body,
            |event| {
                answer.take(event);
                Ok(ControlFlow::Continue(()))
            },
        );
        match called {
            Ok(Called::Done { reuse }) => assert_eq!(reuse, answer.reuse),
            other => panic!("{other:?} {answer:?}"),
        }
        answer
    }

    /// One request with a body, written in one go: some applications answer,
    /// and want the next request, before they have seen the end of the body.
    pub fn ask_at_once(&mut self, vars: &[(&str, &str)], mut body: &[u8]) -> Answer {
        let mut room = vec![0; 16 * 1024];
        let fields = vars
            .iter()
            .map(|(name, value)| Field::var(name.as_bytes(), value.as_bytes()));
        let length = Length::Known(body.len() as u64);
        let opened = self
            .client
            .begin(self.role, true, fields, length, &mut room);
        let (id, head) = opened.unwrap();
        let mut bytes = head.slices().concat();
        while !body.is_empty() {
            let frame = self.client.body(id, &mut body).unwrap();
            bytes.extend(frame.slices().concat());
        }
        bytes.extend(self.client.body_end(id).unwrap().slices().concat());
        self.stream.write_all(&bytes).unwrap();
        let mut answer = Answer::new(id);
        self.until_done(&mut answer, |_, _, _| {});
        answer
    }

    /// One request without a body, given up once the answer has begun.
    pub fn ask_and_abort(&mut self, vars: &[(&str, &str)]) -> Answer {
        let mut room = vec![0; 16 * 1024];
        let fields = vars
            .iter()
            .map(|(name, value)| Field::var(name.as_bytes(), value.as_bytes()));
        let opened = self
            .client
            .begin(Role::Responder, true, fields, Length::None, &mut room);
        let (id, head) = opened.unwrap();
        write_frame(&mut self.stream, head).unwrap();
        let mut answer = Answer::new(id);
        let mut aborted = false;
        self.until_done(&mut answer, |client, stream, event| {
            if matches!(event, Response::Body { .. }) && !aborted {
                aborted = true;
                write_frame(stream, client.abort(id).unwrap()).unwrap();
            }
        });
        answer
    }

    /// One GET whose head is changed on its way.
    pub fn ask_spoilt(&mut self, vars: &[(&str, &str)], spoil: impl Fn(&mut [u8])) -> Answer {
        let mut room = vec![0; 16 * 1024];
        let fields = vars
            .iter()
            .map(|(name, value)| Field::var(name.as_bytes(), value.as_bytes()));
        let opened = self
            .client
            .begin(Role::Responder, true, fields, Length::None, &mut room);
        let (id, head) = opened.unwrap();
        let mut bytes = head.slices().concat();
        spoil(&mut bytes);
        self.stream.write_all(&bytes).unwrap();
        let mut answer = Answer::new(id);
        self.until_done(&mut answer, |_, _, _| {});
        answer
    }

    /// Reads until `Done`, which must come.
    fn until_done(
        &mut self,
        answer: &mut Answer,
        mut each: impl FnMut(&mut Client, &mut TcpStream, Response<'_, ClientExt>),
    ) {
        let mut buf = [0; 4096];
        loop {
            // A reset is an end as well.
            let n = self.stream.read(&mut buf).unwrap_or(0);
            let mut input = &buf[..n];
            loop {
                let next = if n == 0 {
                    self.client.eof()
                } else {
                    self.client.next(&mut input)
                };
                match next {
                    Ok(Next::Event(event)) => {
                        answer.take(event);
                        each(&mut self.client, &mut self.stream, event);
                        if matches!(event, Response::Done { .. }) {
                            return;
                        }
                    }
                    Ok(Next::NeedInput) if n > 0 => break,
                    other => panic!("{other:?} {answer:?}"),
                }
            }
        }
    }

    /// GET_VALUES; `None` where the connection ends without an answer.
    pub fn values(&mut self) -> Option<Values> {
        let question = self.client.values().unwrap();
        write_frame(&mut self.stream, question).unwrap();
        let mut buf = [0; 4096];
        loop {
            let n = self.stream.read(&mut buf).unwrap_or(0);
            let mut input = &buf[..n];
            let mut answer = None;
            loop {
                let next = if n == 0 {
                    self.client.eof()
                } else {
                    self.client.next(&mut input)
                };
                match next {
                    Ok(Next::Event(Response::Ext(ClientExt::Values(v)))) => answer = Some(v),
                    Ok(Next::Event(Response::Ext(ClientExt::Unanswered))) => return None,
                    Ok(Next::NeedInput) if n > 0 => break,
                    other => panic!("{other:?}"),
                }
            }
            if answer.is_some() {
                return answer;
            }
        }
    }
}
