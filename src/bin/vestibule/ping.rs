//! `vestibule ping`: whether an application is there.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use vestibule::adapt::Transport as _;
use vestibule::adapt::blocking::write_frame;
use vestibule::fcgi::{Client, ClientExt};
use vestibule::{Next, Receive as _, Response};

use crate::args::{Arg, Args, Ended, Failure, print, usage};
use crate::endpoint::{Endpoint, Place, Scheme, Stream};
use crate::perform::{NO_CONNECTION, PROTOCOL, TIMED_OUT};

const HELP: &str = "\
usage: vestibule ping ENDPOINT [--timeout SECONDS]

Asks a FastCGI application for its values (GET_VALUES), which runs nothing.

  ENDPOINT            fcgi://HOST:PORT or fcgi+unix:/SOCKET
  --timeout SECONDS   for the connection, and for the answer; default 2

Exit: 0 it is there (also where it accepts a connection and then says nothing,
or closes, as some do: that is said), 7 no connection, 8 what it says is no
FastCGI, 28 connecting took too long.
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
                let parsed = Endpoint::parse(text).map_err(Failure::Usage)?;
                let address = parsed.address;
                if address.scheme != Scheme::Fcgi || address.place == Place::Descriptor {
                    return usage(format!("endpoint '{text}': only FastCGI is asked"));
                }
                endpoint = Some(address);
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
        Failure::Exit(code, format!("cannot connect to {address}: {error}"))
    })?;
    match ask(&stream, timeout) {
        Ok(said) => print(&format!("{address} is there: {said}\n")),
        Err(error) => Err(Failure::Exit(PROTOCOL, format!("{address}: {error}"))),
    }
}

/// What came of it; the error is the machine's.
fn ask(mut stream: &Stream, timeout: Duration) -> Result<String, vestibule::Error> {
    const CLOSED: &str = "it accepts, and closes without an answer to GET_VALUES";
    let mut client = Client::default();
    let end = Instant::now() + timeout;
    let _ = stream.write_timeout(Some(timeout));
    let asked = match client.values() {
        Ok(frame) => write_frame(&mut stream, frame),
        Err(refused) => Err(refused.into()),
    };
    if asked.is_err() {
        return Ok(CLOSED.into());
    }
    let mut buf = [0; 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let _ = stream.read_timeout(Some(left.max(Duration::from_millis(1))));
        let n = match stream.read(&mut buf) {
            Ok(0) => return Ok(CLOSED.into()),
            Ok(n) => n,
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    return Ok("it accepts, and is silent at GET_VALUES".into());
                }
                _ => return Ok(CLOSED.into()),
            },
        };
        let mut input = &buf[..n];
        while let Next::Event(event) = client.next(&mut input)? {
            match event {
                Response::Ext(ClientExt::Values(values)) => {
                    let shown = |name: &str, value: Option<String>| {
                        let value = value.unwrap_or_else(|| "unknown".into());
                        format!("{name}={value}")
                    };
                    return Ok([
                        shown("FCGI_MAX_CONNS", values.max_conns.map(|n| n.to_string())),
                        shown("FCGI_MAX_REQS", values.max_reqs.map(|n| n.to_string())),
                        shown(
                            "FCGI_MPXS_CONNS",
                            values.mpxs_conns.map(|on| u8::from(on).to_string()),
                        ),
                    ]
                    .join(" "));
                }
                Response::Ext(ClientExt::UnknownType(_)) => {
                    return Ok("it has no values to tell".into());
                }
                _ => {}
            }
        }
    }
}
