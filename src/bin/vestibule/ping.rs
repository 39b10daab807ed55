//! `vestibule ping`: whether an application is there.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport as _;
use vestibule::adapt::blocking::write_frame;
use vestibule::fcgi::{self, ClientExt};
use vestibule::{
    Client as _, Ending, Error, Field, Frame, Length, Next, Receive, Refused, Response, ajp, http1,
    uwsgi,
};

use crate::args::{Arg, Args, Ended, Failure, print, usage};
use crate::endpoint::{Address, Endpoint, Stream};
use crate::perform::{NO_CONNECTION, PROTOCOL, TIMED_OUT};
use crate::scheme::Scheme;

const HELP: &str = "\
usage: vestibule ping ENDPOINT [--timeout SECONDS]

Asks what runs nothing: a FastCGI application for its values (GET_VALUES), an HTTP
server for its options (OPTIONS *; any HTTP answer will do), a uwsgi server by a ping,
a container of AJP by CPING, which wants no secret. SCGI has no such question: there it
connects only, and says so.

  ENDPOINT            SCHEME://HOST:PORT or SCHEME+unix:/SOCKET; SCHEME is fcgi, http
                      (port 80 where none is given), scgi, uwsgi or ajp (port 8009).
                      Or cgi:/PROGRAM: whether it is there and may be executed
  --timeout SECONDS   for the connection, and for the answer; default 2

exit: 0 it is there (also where it accepts a connection and then says nothing,
or closes, as some do: that is said), 7 no connection, 8 what it says is of no
such protocol, 28 connecting took too long, 2 usage
";

pub fn main(mut args: Args) -> Ended {
    let (mut endpoint, mut timeout) = (None, Duration::from_secs(2));
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Option(name) => match name.as_str() {
                "--help" | "-h" => return print(HELP),
                "--timeout" => timeout = args.seconds()?,
                _ => return args.unknown(),
            },
            Arg::Word(word) => {
                let Some(text) = word.to_str().filter(|_| endpoint.is_none()) else {
                    return usage(format!("what is '{}'?", word.display()));
                };
                endpoint = Some(Endpoint::to_call(text).map_err(Failure::Usage)?.address);
            }
        }
    }
    let Some(address) = endpoint else {
        return usage("the endpoint is missing");
    };
    let stream = address.connect(Some(timeout)).map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::TimedOut => TIMED_OUT,
            _ => NO_CONNECTION,
        };
        Failure::Exit(code, address.unreached(&error))
    })?;
    let asked = match address.scheme {
        Scheme::Fcgi => ask(fcgi::Client::default(), &address, &stream, timeout),
        Scheme::Http => ask(http1::Client::new(), &address, &stream, timeout),
        Scheme::Cgi => Ok("it may be executed, and was not run".into()),
        Scheme::Ajp => ask(ajp::Client::new(), &address, &stream, timeout),
        Scheme::Uwsgi => ask(uwsgi::Client::new(), &address, &stream, timeout),
        Scheme::Scgi => Ok("it accepts a connection; SCGI has no question beyond".into()),
    };
    match asked {
        Ok(said) => print(&format!("{address} is there: {said}\n")),
        Err(error) => Err(Failure::Exit(PROTOCOL, format!("{address}: {error}"))),
    }
}

/// A client machine that can ask whether somebody is there.
trait Asks: Receive {
    /// What it asks.
    const QUESTION: &'static str;
    fn ask<'b>(&mut self, host: &str, room: &'b mut [u8]) -> Result<Frame<'b>, Refused>;
    /// What an event says; `None` where the answer is still to come.
    fn said(event: Self::Event<'_>) -> Option<Result<String, Error>>;
}

impl Asks for fcgi::Client {
    const QUESTION: &'static str = "GET_VALUES";

    fn ask<'b>(&mut self, _: &str, _: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        self.values()
    }

    fn said(event: Self::Event<'_>) -> Option<Result<String, Error>> {
        let shown = |name: &str, value: Option<String>| {
            let value = value.unwrap_or_else(|| "unknown".into());
            format!("{name}={value}")
        };
        match event {
            Response::Ext(ClientExt::Values(values)) => Some(Ok([
                shown("FCGI_MAX_CONNS", values.max_conns.map(|n| n.to_string())),
                shown("FCGI_MAX_REQS", values.max_reqs.map(|n| n.to_string())),
                shown(
                    "FCGI_MPXS_CONNS",
                    values.mpxs_conns.map(|on| u8::from(on).to_string()),
                ),
            ]
            .join(" "))),
            Response::Ext(ClientExt::UnknownType(_)) => Some(Ok("it has no values to tell".into())),
            _ => None,
        }
    }
}

impl Asks for http1::Client {
    const QUESTION: &'static str = "OPTIONS *";

    fn ask<'b>(&mut self, host: &str, room: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        self.last();
        let fields = [
            Field::var(b"REQUEST_METHOD", b"OPTIONS"),
            Field::var(b"REQUEST_URI", b"*"),
            Field::header(b"Host", host.as_bytes()),
        ];
        self.open(fields, Length::None, room)
            .map(|(_, frame)| frame)
    }

    fn said(event: Self::Event<'_>) -> Option<Result<String, Error>> {
        match event {
            Response::HeadEnd { status, .. } => Some(Ok(format!("it answers {status}"))),
            Response::Done {
                ending: Ending::Failed(error),
                ..
            } => Some(Err(error)),
            _ => None,
        }
    }
}

impl Asks for ajp::Client {
    const QUESTION: &'static str = "CPING";

    fn ask<'b>(&mut self, _: &str, _: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        self.cping()
    }

    fn said(event: Self::Event<'_>) -> Option<Result<String, Error>> {
        match event {
            Response::Ext(ajp::ClientExt::Cpong) => Some(Ok("it answers CPING".into())),
            _ => None,
        }
    }
}

impl Asks for uwsgi::Client {
    const QUESTION: &'static str = "a ping";

    fn ask<'b>(&mut self, _: &str, _: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        self.ping()
    }

    fn said(event: Self::Event<'_>) -> Option<Result<String, Error>> {
        match event {
            Response::Ext(uwsgi::ClientExt::Pong { warning: 0 }) => {
                Some(Ok("it answers a ping".into()))
            }
            Response::Ext(uwsgi::ClientExt::Warning(text)) => Some(Ok(format!(
                "it answers a ping, and warns: {}",
                text.escape_ascii()
            ))),
            _ => None,
        }
    }
}

/// What came of it; the error is that of the protocol.
fn ask<M: Asks>(
    mut machine: M,
    address: &Address,
    mut stream: &Stream,
    timeout: Duration,
) -> Result<String, String> {
    let closed = || {
        Ok(format!(
            "it accepts, and closes without an answer to {}",
            M::QUESTION
        ))
    };
    let end = Instant::now() + timeout;
    let _ = stream.write_timeout(Some(timeout));
    let mut room = [0; 1024];
    let frame = machine
        .ask(&address.host(), &mut room)
        .map_err(|refused| refused.to_string())?;
    if write_frame(&mut stream, frame).is_err() {
        return closed();
    }
    let mut buf = [0; 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let _ = stream.read_timeout(Some(left.max(Duration::from_millis(1))));
        let n = match stream.read(&mut buf) {
            Ok(0) => return closed(),
            Ok(n) => n,
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    return Ok(format!("it accepts, and is silent at {}", M::QUESTION));
                }
                _ => return closed(),
            },
        };
        let mut input = &buf[..n];
        while let Next::Event(event) = machine.next(&mut input).map_err(|e| e.to_string())? {
            if let Some(said) = M::said(event) {
                return said.map_err(|error| error.to_string());
            }
        }
    }
}
