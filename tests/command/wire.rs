//! Requests over one connection, by any protocol, and answers whole.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use vestibule::adapt::{Call, Called, Transport};
use vestibule::{
    Client, Ending, Field, Length, Response, Timeouts, ajp, cgi, fcgi, http1, scgi, uwsgi,
};

/// A socket of either kind.
pub enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($wire:expr, $s:ident => $do:expr) => {
        match $wire {
            Wire::Tcp($s) => $do,
            Wire::Unix($s) => $do,
        }
    };
}

impl Wire {
    pub fn open(endpoint: &str) -> Wire {
        let (_, place) = endpoint.split_once(':').unwrap();
        match place.strip_prefix("//") {
            Some(address) => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_nodelay(true).unwrap();
                Wire::Tcp(stream)
            }
            None => Wire::Unix(UnixStream::connect(place).unwrap()),
        }
    }

    pub fn again(&self) -> Wire {
        match self {
            Wire::Tcp(stream) => Wire::Tcp(stream.try_clone().unwrap()),
            Wire::Unix(stream) => Wire::Unix(stream.try_clone().unwrap()),
        }
    }

    pub fn shutdown(&self, how: Shutdown) {
        Transport::shutdown(self, how).unwrap();
    }

    /// What still comes.
    pub fn rest(mut self) -> Vec<u8> {
        let mut got = Vec::new();
        self.read_to_end(&mut got).unwrap();
        got
    }

    /// A head, with the empty line.
    pub fn head(&mut self) -> String {
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(self.read(&mut byte).unwrap(), 1, "{}", got.escape_ascii());
            got.push(byte[0]);
        }
        String::from_utf8(got).unwrap()
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        either!(self, s => s.read(buf))
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        either!(self, s => s.write(buf))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Wire {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        either!(self, s => s.set_read_timeout(time))
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        either!(self, s => s.set_write_timeout(time))
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        either!(self, s => s.shutdown(how))
    }
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub enum Body<'b> {
    None,
    Known(&'b [u8]),
    /// In chunks, or records without CONTENT_LENGTH.
    Unknown(&'b [u8]),
}

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub whole: bool,
    pub reuse: bool,
}

impl Answer {
    /// The only value of a field.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut all = self
            .fields
            .iter()
            .filter(|f| f.0.eq_ignore_ascii_case(name));
        let value = &all.next()?.1;
        assert!(all.next().is_none(), "{name} twice: {self:?}");
        Some(value)
    }
}

enum Machine {
    Http(http1::Client),
    Fcgi(fcgi::Client),
    Scgi(scgi::Client),
    Uwsgi(uwsgi::Client),
    Ajp(ajp::Client),
    /// Over a socket, as a program gets it.
    Cgi(cgi::Client),
}

macro_rules! each {
    ($machine:expr, $m:ident => $do:expr) => {
        match $machine {
            Machine::Http($m) => $do,
            Machine::Fcgi($m) => $do,
            Machine::Scgi($m) => $do,
            Machine::Uwsgi($m) => $do,
            Machine::Ajp($m) => $do,
            Machine::Cgi($m) => $do,
        }
    };
}

impl Machine {
    fn new(endpoint: &str) -> Machine {
        let (scheme, _) = endpoint.split_once([':', '+']).unwrap();
        match scheme {
            "http" => Machine::Http(http1::Client::new()),
            "fcgi" => Machine::Fcgi(fcgi::Client::default()),
            "scgi" => Machine::Scgi(scgi::Client::new()),
            "uwsgi" => Machine::Uwsgi(uwsgi::Client::new()),
            "ajp" => Machine::Ajp(ajp::Client::new()),
            "cgi" => Machine::Cgi(cgi::Client::new()),
            other => panic!("{other}"),
        }
    }
}

/// A connection to a front.
pub struct Caller {
    endpoint: String,
    link: Option<(Wire, Machine)>,
    pub connections: usize,
}

impl Caller {
    pub fn to(endpoint: &str) -> Caller {
        Caller {
            endpoint: endpoint.into(),
            link: None,
            connections: 0,
        }
    }

    /// One request, answered whole.
    #[track_caller]
    pub fn ask(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
    ) -> Answer {
        let answer = self.attempt(method, uri, headers, body);
        assert!(answer.whole, "{method} {uri}: {answer:?}");
        answer
    }

    /// One request, on the connection that there is or on another one.
    #[track_caller]
    pub fn attempt(
        &mut self,
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
    ) -> Answer {
        if self.link.is_none() {
            self.connections += 1;
        }
        let endpoint = &self.endpoint;
        let (wire, machine) = self
            .link
            .get_or_insert_with(|| (Wire::open(endpoint), Machine::new(endpoint)));
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        let mut fields = vec![
            Field::var(b"REQUEST_METHOD", method.as_bytes()),
            Field::var(b"REQUEST_URI", uri.as_bytes()),
            Field::var(b"QUERY_STRING", query.as_bytes()),
            Field::var(b"HTTP_HOST", b"h.test"),
            Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
        ];
        for (name, value) in headers {
            fields.push(Field::header(name.as_bytes(), value.as_bytes()));
        }
        let answer = each!(machine, m => call(m, wire, &fields, body));
        if !answer.reuse {
            self.link = None;
        }
        answer
    }
}

fn call<C: Client + Send>(
    client: &mut C,
    wire: &Wire,
    fields: &[Field<'_>],
    body: Body<'_>,
) -> Answer {
    let (length, source) = match body {
        Body::None => (Length::None, None),
        Body::Known(bytes) => (Length::Known(bytes.len() as u64), Some(bytes)),
        Body::Unknown(bytes) => (Length::Unknown, Some(bytes)),
    };
    let mut room = vec![0; 16 * 1024];
    let opened = client.open(fields.iter().copied(), length, &mut room);
    let (id, head) = opened.unwrap();
    let call = Call {
        id,
        head,
        buf: &mut vec![0; 64 * 1024],
        timeouts: Timeouts::DEFAULT,
    };
    let mut answer = Answer::default();
    let mut whole = None;
    let (mut reader, mut writer) = (wire.again(), wire.again());
    let called = call.run(client, &mut reader, &mut writer, source, |event| {
        match event {
            Response::Field { field, .. } => {
                let cut = field.cut;
                if matches!(cut, vestibule::Cut::Whole | vestibule::Cut::First) {
                    answer.fields.push(Default::default());
                }
                let last = answer.fields.last_mut().unwrap();
                last.0.push_str(&String::from_utf8_lossy(field.name));
                last.1.extend_from_slice(field.value);
            }
            Response::Interim { .. } => answer.fields.clear(),
            Response::HeadEnd { status, .. } => answer.status = status,
            Response::Body { bytes, .. } => answer.body.extend_from_slice(bytes),
            Response::Done { ending, .. } => {
                whole = Some(matches!(ending, Ending::Complete { .. }));
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    });
    answer.whole = whole == Some(true);
    answer.reuse = matches!(called, Ok(Called::Done { reuse: true }));
    // What closes the connection, and what the protocol needs.
    answer.fields.retain(|f| {
        let own = ["connection", "transfer-encoding", "date"];
        !own.iter().any(|known| f.0.eq_ignore_ascii_case(known)) && f.0 != "SERVER_PROTOCOL"
    });
    answer
}

// Both are the matrix's.

/// The head of a request as `at` wants it, and all of a request without a body.
#[allow(dead_code)]
pub fn head(at: &str, method: &str, uri: &str, length: u64) -> Vec<u8> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let fields = [
        Field::var(b"REQUEST_METHOD", method.as_bytes()),
        Field::var(b"REQUEST_URI", uri.as_bytes()),
        Field::var(b"QUERY_STRING", query.as_bytes()),
        Field::var(b"HTTP_HOST", b"h.test"),
        Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
    ];
    let length = match length {
        0 => Length::None,
        n => Length::Known(n),
    };
    let mut room = vec![0; 1024];
    let mut machine = Machine::new(at);
    let opened = each!(&mut machine, m => Client::open(m, fields, length, &mut room));
    opened.unwrap().1.slices().concat()
}

/// The beginning of a body of that request, as far as one message carries it.
#[allow(dead_code)]
pub fn some_body(at: &str, mut bytes: &[u8]) -> Vec<u8> {
    let fields = [
        Field::var(b"REQUEST_METHOD", b"POST"),
        Field::var(b"REQUEST_URI", b"/"),
        Field::var(b"HTTP_HOST", b"h"),
    ];
    let length = Length::Known(1 << 20);
    let mut room = vec![0; 1024];
    let mut machine = Machine::new(at);
    each!(&mut machine, m => {
        let (id, _) = Client::open(m, fields, length, &mut room).unwrap();
        Client::body(m, id, &mut bytes).unwrap().slices().concat()
    })
}
