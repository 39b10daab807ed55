//! `vestibule decode`: recorded bytes taken apart, or drawn.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use vestibule::fcgi::kind;
use vestibule::{ajp, cgi, http1, scgi, uwsgi};

use crate::args::{Arg, Args, Ended, Failure, complain, print, usage};
use crate::draw::draw;
use crate::events::fcgi;
use crate::events::messages::{self, Questions};
use crate::records::{Piece, Recording};
use crate::scheme::Scheme;
use crate::watch::{Answering, Asking, Question};

const HELP: &str = "\
usage: vestibule decode PROTOCOL [OPTION]... FILE
       vestibule decode PROTOCOL FROM-WEB-SERVER FROM-APPLICATION

Takes recorded bytes of one direction of a connection apart, one line an event, each
with the number of bytes that were read when it was seen. Given both directions, draws
the exchange. PROTOCOL is fcgi, http, scgi, uwsgi, ajp or cgi. '-' is
standard input. Of CGI a web server sends the environment, NAME=VALUE and NUL for each
variable and one more NUL, and standard input; the answer is standard output.

  --side client|server  the machine that reads: 'server' (the application's) for
                        what a web server sent, 'client' for an answer. Default:
                        as the first bytes suggest.
  --method METHOD       what was asked, for an answer: HEAD has no body
  --requests FILE       what was asked, for answers (not FastCGI): the other direction
  --json                an object a line

exit: 0 all of it is in order, 1 bad bytes, a spoilt request, or an end inside a
message (said on standard error, with the place and the section), 2 usage
";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// A machine, as far as decoding goes.
pub trait Decoder {
    /// The events of a record, and what is wrong with it.
    fn record(&mut self, piece: Piece<'_>, out: &mut Printer) -> io::Result<()>;
    /// Those of the end of the recording.
    fn end(&mut self, offset: u64, out: &mut Printer) -> io::Result<()>;
}

/// Where lines go.
pub struct Printer {
    pub out: BufWriter<io::Stdout>,
    pub json: bool,
    /// Nothing after this can be decoded.
    pub lost: bool,
    wrong: bool,
}

impl Printer {
    /// Says what is wrong, behind the lines printed so far.
    pub fn wrong(&mut self, offset: u64, what: &str) -> io::Result<()> {
        self.wrong = true;
        self.out.flush()?;
        complain(&format!("vestibule decode: at byte {offset}: {what}"));
        Ok(())
    }
}

pub fn main(mut args: Args) -> Ended {
    let (mut side, mut method, mut requests, mut json) = (None, None, None, false);
    let mut words: Vec<OsString> = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Option(name) => match name.as_str() {
                "--help" | "-h" => return print(HELP),
                "--json" => json = true,
                "--method" => method = Some(args.bytes()?),
                "--requests" => requests = Some(args.value()?),
                "--side" => {
                    side = match args.text()?.as_str() {
                        "client" => Some(Side::Client),
                        "server" => Some(Side::Server),
                        other => {
                            return usage(format!("--side is client or server, not '{other}'"));
                        }
                    }
                }
                _ => return args.unknown(),
            },
            Arg::Word(word) => words.push(word),
        }
    }
    let mut words = words.into_iter();
    let scheme = match words.next() {
        None => {
            let names = Scheme::names();
            return usage(format!("the protocol is missing: there are {names}"));
        }
        Some(name) => match name.to_str().and_then(Scheme::named) {
            Some(scheme) => scheme,
            None => {
                let (name, names) = (name.display(), Scheme::names());
                return usage(format!("no protocol '{name}': there are {names}"));
            }
        },
    };
    if requests.is_some() && scheme == Scheme::Fcgi {
        return usage("--requests is not for FastCGI");
    }
    let open = |name: &OsString| {
        let failed = |error| Failure::Usage(format!("cannot read '{}': {error}", name.display()));
        Recording::open(name, scheme).map_err(failed)
    };
    let names: Vec<OsString> = words.collect();
    let failed = |error: io::Error| Failure::Exit(1, error.to_string());
    match &names[..] {
        [] => usage("the file is missing"),
        [name] => {
            let mut recording = open(name)?;
            let side = match side {
                Some(side) => side,
                None => guess(&mut recording, scheme).map_err(failed)?,
            };
            if side == Side::Server && (method.is_some() || requests.is_some()) {
                return usage("--method and --requests are for answers");
            }
            let asked = match (method, &requests) {
                (Some(_), Some(_)) => return usage("--method and --requests exclude each other"),
                (_, Some(name)) => Asked::Requests(open(name)?),
                (Some(method), None) => Asked::Method(method),
                (None, None) => Asked::Method(b"GET".to_vec()),
            };
            decode(recording, scheme, side, asked, json).map_err(failed)
        }
        [_, _] if json || side.is_some() || method.is_some() || requests.is_some() => {
            usage("options are for one direction; two files are drawn")
        }
        [a, b] if a == "-" && b == "-" => usage("standard input can be one of the files"),
        [requests, answers] => draw(scheme, open(requests)?, open(answers)?).map_err(failed),
        _ => usage("two files at most: what the web server sent, and the answer"),
    }
}

/// What recorded answers are for.
enum Asked {
    Method(Vec<u8>),
    Requests(Recording),
}

fn decode(
    mut recording: Recording,
    scheme: Scheme,
    side: Side,
    asked: Asked,
    json: bool,
) -> io::Result<u8> {
    let mut printer = Printer {
        out: BufWriter::new(io::stdout()),
        json,
        lost: false,
        wrong: false,
    };
    let mut decoder = match scheme {
        Scheme::Fcgi => match (side, asked) {
            (Side::Client, Asked::Method(method)) => {
                Box::new(fcgi::Answers::new(method)) as Box<dyn Decoder>
            }
            _ => Box::new(fcgi::Requests::new()),
        },
        Scheme::Http => of::<http1::Server, http1::Client>(side, asked, &mut printer)?,
        Scheme::Ajp => of::<ajp::Server, ajp::Client>(side, asked, &mut printer)?,
        Scheme::Cgi => of::<cgi::Server, cgi::Client>(side, asked, &mut printer)?,
        Scheme::Scgi => of::<scgi::Server, scgi::Client>(side, asked, &mut printer)?,
        Scheme::Uwsgi => of::<uwsgi::Server, uwsgi::Client>(side, asked, &mut printer)?,
    };
    while let Some(piece) = recording.next()? {
        decoder.record(piece, &mut printer)?;
        if printer.lost {
            break;
        }
    }
    if !printer.lost {
        decoder.end(recording.offset, &mut printer)?;
    }
    printer.out.flush()?;
    Ok(u8::from(printer.wrong))
}

/// What reads the messages of a wire without ids.
fn of<S: Asking, K: Answering>(
    side: Side,
    asked: Asked,
    printer: &mut Printer,
) -> io::Result<Box<dyn Decoder>> {
    let questions = match (side, asked) {
        (Side::Server, _) => return Ok(Box::new(messages::Requests::<S>::new())),
        (Side::Client, Asked::Method(method)) => Questions::Each(Question {
            method,
            upgrade: true,
        }),
        (Side::Client, Asked::Requests(mut requests)) => {
            let (these, wrong) = Questions::of::<S>(&mut requests)?;
            if let Some((offset, what)) = wrong {
                printer.wrong(offset, &format!("in the requests: {what}"))?;
            }
            these
        }
    };
    Ok(Box::new(messages::Answers::<K>::new(questions)))
}

/// Which machine the first bytes are for.
fn guess(recording: &mut Recording, scheme: Scheme) -> io::Result<Side> {
    let Some(piece) = recording.next()? else {
        return Ok(Side::Server);
    };
    let answer = match scheme {
        Scheme::Fcgi => piece.record.is_some_and(|record| {
            matches!(
                record.kind,
                kind::STDOUT
                    | kind::STDERR
                    | kind::END_REQUEST
                    | kind::GET_VALUES_RESULT
                    | kind::UNKNOWN_TYPE
            )
        }),
        Scheme::Ajp => piece.bytes.starts_with(b"AB"),
        // The name of a variable ends in another way than that of a field.
        Scheme::Cgi => {
            let end = piece.bytes.iter().find(|b| b"=:\n\0".contains(b));
            !matches!(end, Some(b'=' | 0))
        }
        Scheme::Http => piece.bytes.starts_with(b"HTTP/"),
        // A request begins with the length of its head.
        Scheme::Scgi => !piece.bytes.first().is_some_and(u8::is_ascii_digit),
        // A field or a status line, or the answer to a ping.
        Scheme::Uwsgi => match piece.bytes {
            [first, _, _, second, ..] => {
                first.is_ascii_alphabetic() && second.is_ascii_graphic()
                    || (*first, *second) == (uwsgi::modifier::PING, 1)
            }
            _ => false,
        },
    };
    recording.hold();
    Ok(if answer { Side::Client } else { Side::Server })
}
