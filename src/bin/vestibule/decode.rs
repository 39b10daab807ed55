//! `vestibule decode`: recorded bytes taken apart, or drawn.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use vestibule::fcgi::kind;

use crate::args::{Arg, Args, Ended, Failure, complain, print, usage};
use crate::endpoint::Scheme;
use crate::events::{Answers, Requests};
use crate::ladder::{From, Ladder};
use crate::records::{Piece, Recording};

const HELP: &str = "\
usage: vestibule decode fcgi [OPTION]... FILE
       vestibule decode fcgi FROM-WEB-SERVER FROM-APPLICATION

Takes recorded bytes of one direction apart, one line an event, each with the
number of bytes that were read when it was seen. Given both directions, draws
the exchange. '-' is standard input.

  --side client|server  the machine that reads: 'server' (the application's) for
                        what a web server sent, 'client' for an answer. Default:
                        as the first record suggests.
  --method METHOD       what was asked, for an answer: HEAD has no body
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
    let (mut side, mut method, mut json) = (None, None, false);
    let mut words: Vec<OsString> = Vec::new();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Option(name) => match name.as_str() {
                "--help" | "-h" => return print(HELP),
                "--json" => json = true,
                "--method" => method = Some(args.bytes()?),
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
    match words.next() {
        None => return usage("the protocol is missing: fcgi"),
        Some(name) if name == "fcgi" => {}
        Some(name) => {
            return usage(format!("no protocol '{}': there is fcgi", name.display()));
        }
    }
    let open = |name: &OsString| {
        let failed = |error| Failure::Usage(format!("cannot read '{}': {error}", name.display()));
        Recording::open(name).map_err(failed)
    };
    let names: Vec<OsString> = words.collect();
    let failed = |error: io::Error| Failure::Exit(1, error.to_string());
    match &names[..] {
        [] => usage("the file is missing"),
        [name] => decode(open(name)?, side, method, json).map_err(failed),
        [_, _] if json || side.is_some() || method.is_some() => {
            usage("--json, --side and --method are for one direction; two files are drawn")
        }
        [a, b] if a == "-" && b == "-" => usage("standard input can be one of the files"),
        [requests, answers] => draw(open(requests)?, open(answers)?).map_err(failed),
        _ => usage("two files at most: what the web server sent, and the answer"),
    }
}

fn decode(
    mut recording: Recording,
    side: Option<Side>,
    method: Option<Vec<u8>>,
    json: bool,
) -> io::Result<u8> {
    let side = match side {
        Some(side) => side,
        None => guess(&mut recording)?,
    };
    let mut decoder: Box<dyn Decoder> = match side {
        Side::Server => Box::new(Requests::new()),
        Side::Client => Box::new(Answers::new(method.unwrap_or(b"GET".to_vec()))),
    };
    let mut printer = Printer {
        out: BufWriter::new(io::stdout()),
        json,
        lost: false,
        wrong: false,
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

/// Which machine the first record is for.
fn guess(recording: &mut Recording) -> io::Result<Side> {
    let Some(piece) = recording.next()? else {
        return Ok(Side::Server);
    };
    let side = match piece.record.map(|record| record.kind) {
        Some(
            kind::STDOUT
            | kind::STDERR
            | kind::END_REQUEST
            | kind::GET_VALUES_RESULT
            | kind::UNKNOWN_TYPE,
        ) => Side::Client,
        _ => Side::Server,
    };
    recording.hold();
    Ok(side)
}

/// Both directions. Recordings have no clock, so an answer is drawn before the
/// next request that uses its id, or at the end.
fn draw(mut requests: Recording, mut answers: Recording) -> io::Result<u8> {
    let mut ladder = Ladder::new(Scheme::Fcgi, BufWriter::new(io::stdout()));
    let mut open = HashSet::new();
    while let Some(piece) = requests.next()? {
        let Some(record) = piece.record else {
            ladder.feed(From::Server, piece.bytes)?;
            break;
        };
        if record.kind == kind::BEGIN_REQUEST && !open.insert(record.id) {
            answer(&mut answers, &mut ladder, Some(record.id))?;
        }
        ladder.feed(From::Server, piece.bytes)?;
        if record.id == 0 {
            management(&mut answers, &mut ladder)?;
        }
    }
    answer(&mut answers, &mut ladder, None)?;
    let ends = [From::Server, From::Application].map(|from| ladder.end(from));
    let whole = ends.into_iter().collect::<io::Result<Vec<bool>>>()?;
    ladder.flush()?;
    let complete = whole.iter().all(|whole| *whole);
    if !complete {
        complain("vestibule decode: bad bytes, or an end inside a record: see the drawing");
    }
    Ok(u8::from(!complete))
}

/// Draws up to the end of a request, or all.
fn answer<W: Write>(
    answers: &mut Recording,
    ladder: &mut Ladder<W>,
    until: Option<u16>,
) -> io::Result<()> {
    while let Some(piece) = answers.next()? {
        let record = piece.record;
        ladder.feed(From::Application, piece.bytes)?;
        match record {
            Some(record) if record.kind != kind::END_REQUEST || Some(record.id) != until => {}
            _ => break,
        }
    }
    Ok(())
}

/// Draws an answer that belongs to no request, if that is what comes next.
fn management<W: Write>(answers: &mut Recording, ladder: &mut Ladder<W>) -> io::Result<()> {
    if let Some(piece) = answers.next()? {
        if piece.record.is_some_and(|record| record.id == 0) {
            ladder.feed(From::Application, piece.bytes)?;
        } else {
            answers.hold();
        }
    }
    Ok(())
}
