//! Connections of the library's HTTP client.

use core::ops::ControlFlow;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use vestibule::adapt::{Call, Called, Transport};
use vestibule::http1::Client;
use vestibule::{Client as _, Ending, Field, Id, Length, Next, Receive as _, Response, Timeouts};

use crate::answer::Answer;
use crate::harness::PATIENCE;

/// A socket of either kind.
pub enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// To `http://HOST:PORT` or `http+unix:/SOCKET`.
    pub fn open(endpoint: &str) -> Wire {
        let wire = match endpoint.strip_prefix("http+unix:") {
            Some(path) => Wire::Unix(UnixStream::connect(path).unwrap()),
            None => {
                let stream = TcpStream::connect(endpoint.trim_start_matches("http://")).unwrap();
                stream.set_nodelay(true).unwrap();
                Wire::Tcp(stream)
            }
        };
        wire.read_timeout(Some(PATIENCE)).unwrap();
        wire
    }
}

impl Read for &Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Tcp(stream) => (&mut &*stream).read(buf),
            Wire::Unix(stream) => (&mut &*stream).read(buf),
        }
    }
}

impl Write for &Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Tcp(stream) => (&mut &*stream).write(buf),
            Wire::Unix(stream) => (&mut &*stream).write(buf),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Wire {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        match self {
            Wire::Tcp(stream) => stream.set_read_timeout(time),
            Wire::Unix(stream) => stream.set_read_timeout(time),
        }
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        match self {
            Wire::Tcp(stream) => stream.set_write_timeout(time),
            Wire::Unix(stream) => stream.set_write_timeout(time),
        }
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Wire::Tcp(stream) => stream.shutdown(how),
            Wire::Unix(stream) => stream.shutdown(how),
        }
    }
}

/// The body of a request.
#[derive(Clone, Copy)]
pub enum Body<'b> {
    None,
    /// With Content-Length.
    Sized(&'b [u8]),
    Chunked(&'b [u8]),
}

/// A connection, and the next one where a server keeps none.
pub struct Http {
    endpoint: String,
    link: Option<(Wire, Client)>,
    /// Each request says that it is the last of its connection.
    once: bool,
    /// How many there have been.
    pub connections: u32,
}

/// A complete answer, as HTTP has it.
const COMPLETE: Ending = Ending::Complete {
    app_status: 0,
    output_ended: true,
};

impl Http {
    pub fn to(endpoint: &str) -> Http {
        Http {
            endpoint: endpoint.into(),
            link: None,
            once: false,
            connections: 0,
        }
    }

    /// A connection for each request.
    pub fn once(endpoint: &str) -> Http {
        let once = true;
        Http {
            once,
            ..Http::to(endpoint)
        }
    }

    /// One request, both ways at once, answered whole.
    #[track_caller]
    pub fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)], body: Body) -> Answer {
        let answer = self.attempt(method, target, more, body, |_| {});
        assert_eq!(answer.ending, COMPLETE, "{method} {target}: {answer:?}");
        assert!(answer.whole, "{answer:?}");
        assert!(!answer.retry_safe);
        answer
    }

    /// One request, whatever comes of it; `each` is told how much of the body
    /// has come.
    #[track_caller]
    pub fn attempt(
        &mut self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: Body,
        mut each: impl FnMut(usize),
    ) -> Answer {
        let (connections, endpoint) = (&mut self.connections, &self.endpoint);
        let (wire, client) = self.link.get_or_insert_with(|| {
            *connections += 1;
            (Wire::open(endpoint), Client::new())
        });
        if self.once {
            client.last();
        }
        let (mut room, mut buf) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        let (id, head) = open(client, method, target, more, body, &mut room);
        let call = Call {
            id,
            head,
            buf: &mut buf,
            timeouts: Timeouts::all(PATIENCE.as_millis() as u32),
        };
        let payload = match body {
            Body::None => None,
            Body::Sized(bytes) | Body::Chunked(bytes) => Some(bytes),
        };
        let mut answer = Answer::new();
        let called = call.run(client, &mut &*wire, &mut &*wire, payload, |event| {
            answer.take(&event);
            if let Response::Body { .. } = event {
                each(answer.body.len());
            }
            Ok(ControlFlow::Continue(()))
        });
        match called {
            Ok(Called::Done { reuse: true }) => assert!(answer.reuse),
            Ok(Called::Done { reuse: false }) => self.link = None,
            other => panic!("{method} {target}: {other:?} {answer:?}"),
        }
        answer
    }

    /// Many GETs, all written before the first answer is read.
    pub fn pipelined(&self, targets: &[String]) -> Vec<Answer> {
        let (wire, mut client) = (Wire::open(&self.endpoint), Client::new());
        let mut room = vec![0; 1024];
        let mut requests = Vec::new();
        for target in targets {
            // The machine has one request at a time: another makes the bytes.
            let mut ahead = Client::new();
            let (_, head) = open(&mut ahead, "GET", target, &[], Body::None, &mut room);
            requests.extend(head.slices().concat());
        }
        (&wire).write_all(&requests).unwrap();
        let (mut buf, mut have, mut at) = (vec![0; 16 * 1024], 0, 0);
        let answers = targets.iter().map(|target| {
            // Written already.
            let _ = open(&mut client, "GET", target, &[], Body::None, &mut room);
            let mut answer = Answer::new();
            loop {
                let mut input = &buf[at..have];
                let next = client.next(&mut input);
                at = have - input.len();
                match next {
                    Ok(Next::Event(event)) => {
                        answer.take(&event);
                        if let Response::Done { .. } = event {
                            break;
                        }
                    }
                    Ok(Next::NeedInput) => {
                        (have, at) = ((&wire).read(&mut buf).unwrap(), 0);
                        assert_ne!(have, 0, "{target}: {answer:?}");
                    }
                    other => panic!("{target}: {other:?} {answer:?}"),
                }
            }
            assert_eq!(answer.ending, COMPLETE, "{target}: {answer:?}");
            answer
        });
        answers.collect()
    }
}

fn open<'r>(
    client: &mut Client,
    method: &str,
    target: &str,
    more: &[(&str, &str)],
    body: Body,
    room: &'r mut [u8],
) -> (Id, vestibule::Frame<'r>) {
    let start = [
        Field::var(b"REQUEST_METHOD", method.as_bytes()),
        Field::var(b"REQUEST_URI", target.as_bytes()),
    ];
    let more = more
        .iter()
        .map(|(name, value)| Field::header(name.as_bytes(), value.as_bytes()));
    let host = more.clone().all(|field| field.name != b"Host");
    let host = host.then_some(Field::header(b"Host", b"h.test"));
    let length = match body {
        Body::None => Length::None,
        Body::Sized(bytes) => Length::Known(bytes.len() as u64),
        Body::Chunked(_) => Length::Unknown,
    };
    let fields = start.into_iter().chain(host).chain(more);
    client.open(fields, length, room).unwrap()
}
