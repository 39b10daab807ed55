//! Two recorded directions, drawn.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use vestibule::fcgi::kind;

use crate::args::complain;
use crate::ladder::{From, Ladder};
use crate::records::Recording;
use crate::scheme::Scheme;

/// Draws both. Recordings have no clock, so an answer is drawn before the next
/// request that must have waited for it, or at the end.
pub fn draw(scheme: Scheme, requests: Recording, answers: Recording) -> io::Result<u8> {
    let mut ladder = Ladder::new(scheme, BufWriter::new(io::stdout()));
    match scheme {
        Scheme::Fcgi => records(requests, answers, &mut ladder)?,
        _ => messages(requests, answers, &mut ladder)?,
    }
    let ends = [From::Application, From::Server].map(|from| ladder.end(from));
    let whole = ends.into_iter().collect::<io::Result<Vec<bool>>>()?;
    ladder.flush()?;
    let complete = whole.iter().all(|whole| *whole);
    if !complete {
        complain("vestibule decode: bad bytes, or an end inside a message: see the drawing");
    }
    Ok(u8::from(!complete))
}

/// Wires without ids: they take turns.
fn messages<W: Write>(
    mut requests: Recording,
    mut answers: Recording,
    ladder: &mut Ladder<W>,
) -> io::Result<()> {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    loop {
        let request = message(From::Server, &mut requests, &mut asked, ladder)?;
        let answer = message(From::Application, &mut answers, &mut answered, ladder)?;
        if !request && !answer {
            return Ok(());
        }
    }
}

/// Draws up to the end of a message; `rest` is what was read beyond. Whether
/// there was anything to draw.
fn message<W: Write>(
    from: From,
    recording: &mut Recording,
    rest: &mut Vec<u8>,
    ladder: &mut Ladder<W>,
) -> io::Result<bool> {
    let mut any = false;
    loop {
        if rest.is_empty() {
            match recording.next()? {
                Some(piece) => rest.extend_from_slice(piece.bytes),
                None => return Ok(any),
            }
        }
        any = true;
        let mut bytes = &rest[..];
        let complete = ladder.message(from, &mut bytes)?;
        let taken = rest.len() - bytes.len();
        rest.drain(..taken);
        if complete {
            return Ok(true);
        }
    }
}

/// FastCGI: an answer comes before the next request of the same id.
fn records<W: Write>(
    mut requests: Recording,
    mut answers: Recording,
    ladder: &mut Ladder<W>,
) -> io::Result<()> {
    let mut open = HashSet::new();
    while let Some(piece) = requests.next()? {
        let Some(record) = piece.record else {
            ladder.feed(From::Server, piece.bytes)?;
            break;
        };
        if record.kind == kind::BEGIN_REQUEST && !open.insert(record.id) {
            answer(&mut answers, ladder, Some(record.id))?;
        }
        ladder.feed(From::Server, piece.bytes)?;
        if record.id == 0 {
            management(&mut answers, ladder)?;
        }
    }
    answer(&mut answers, ladder, None)
}

/// Draws up to the end of an answer, or all.
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
