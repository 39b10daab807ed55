//! Work that is due, for one exchange.

use super::exchange::{Behind, Due, End, Exchange, Stage};
use super::pass::Passing;
use super::step::refuse;
use super::{Back, Policy, Rooms, Source, Step};
use crate::error::{Error, Refused};
use crate::event::{Ending, Id, Length};
use crate::frame::Frame;
use crate::machine::{After, Client, Server};

pub(super) enum Opened<'o> {
    Step(Step<'o>),
    /// A back would take it, but not now.
    Later,
    /// None of so many does.
    None(usize),
}

/// Passes a request on to the first back that takes it.
pub(super) fn open<'o, B: AsRef<[u8]> + AsMut<[u8]>, K: Client>(
    e: &mut Exchange<B>,
    policy: Policy,
    serials: &mut u32,
    backs: &mut [Option<Back<K>>],
    rooms: &mut Rooms<'o>,
) -> Opened<'o> {
    let (mut taker, mut count) = (None, 0usize);
    for (at, back) in (0..usize::MAX).zip(backs) {
        let Some(back) = back else { continue };
        count = count.saturating_add(1);
        if back.takes() {
            if !back.busy {
                taker = Some((at, back));
                break;
            }
            taker.get_or_insert((at, back));
        }
    }
    let Some((at, back)) = taker else {
        return Opened::None(count);
    };
    if back.busy {
        return Opened::Later;
    }
    let Some(room) = rooms.to_back.take() else {
        return Opened::Later;
    };
    let fields = Passing::request(e.request.iter(), policy);
    let error = match back.machine.open(fields, e.length, room) {
        Ok((id, frame)) => {
            if back.serial == 0 {
                *serials = serials.wrapping_add(1).max(1);
                back.serial = *serials;
            }
            let serial = back.serial;
            e.back = Some(Behind { at, serial, id });
            e.stage = Stage::Running;
            e.attempts = e.attempts.saturating_add(1);
            if e.length != Length::None && !e.due.has(Due::ENDED) {
                e.due.set(Due::DEMAND);
            }
            return Opened::Step(Step::ToBack(at, frame, Source::Room));
        }
        Err(Refused::Room { .. } | Refused::TooLong) => Error::HeadTooLong,
        Err(Refused::State) if back.takes() => unsayable(e),
        Err(Refused::Full | Refused::State | Refused::UnknownId) => {
            // It takes none, whatever it says: another is to be provided.
            back.deaf = true;
            e.asked = None;
            return Opened::Step(Step::Again);
        }
        Err(Refused::Field | Refused::Status) => Error::BadField,
    };
    e.fail(error);
    Opened::Step(Step::Again)
}

/// Why a back that takes requests has no form for this one: its wire counts
/// bodies, or no request of this method has one. RFC 9110, 9.3.8 and 15.5.12.
#[cold]
fn unsayable<B: AsRef<[u8]> + AsMut<[u8]>>(e: &Exchange<B>) -> Error {
    let trace = e.request.get(b"REQUEST_METHOD") == Some(b"TRACE");
    if e.length == Length::Unknown && !trace {
        Error::LengthRequired
    } else {
        Error::Framing
    }
}

/// Tells a back of an exchange that has left it.
#[cold]
pub(super) fn abort<'o, B: AsRef<[u8]> + AsMut<[u8]>, K: Client>(
    e: &mut Exchange<B>,
    backs: &mut [Option<Back<K>>],
    rooms: &Rooms<'o>,
) -> Option<Step<'o>> {
    let behind = e.owed?;
    let Some(back) = behind.find(backs) else {
        e.owed = None;
        return None;
    };
    if !back.silent() && (back.busy || rooms.to_back.is_none()) {
        return None;
    }
    e.owed = None;
    match back.machine.abort(behind.id) {
        Ok(frame) if !frame.is_empty() && !back.silent() => {
            Some(Step::ToBack(behind.at, frame, Source::Inline))
        }
        _ => None,
    }
}

/// Work that is due behind.
pub(super) fn to_back<'o, B: AsRef<[u8]> + AsMut<[u8]>, K: Client>(
    e: &mut Exchange<B>,
    place: usize,
    behind: Behind,
    back: Option<&mut Back<K>>,
    rooms: &mut Rooms<'o>,
) -> Option<Step<'o>> {
    let Some(back) = back else {
        // The caller has taken the connection away.
        e.done(false, Ending::Truncated, None, 0);
        return Some(Step::Again);
    };
    let Behind { at, id, .. } = behind;
    if e.due.has(Due::ABORT) {
        // It does not wait until that can be said, and what still comes for it
        // is nobody's. One that was to be said before is not said any more.
        back.aborted = true;
        back.leave(place);
        e.back = None;
        e.due.clear(Due::ABORT);
        e.owed = Some(behind);
        return None;
    }
    if !e.due.has(Due::BODY_END) {
        return None;
    }
    if back.deaf {
        e.due.clear(Due::BODY_END);
        return None;
    }
    if back.busy || back.reason.is_some() || rooms.to_back.is_none() {
        return None;
    }
    let room = rooms.to_back.take().unwrap_or_default();
    e.due.clear(Due::BODY_END);
    let again = e.due.has(Due::BODY_ENDED) || e.length == Length::None;
    let made = if again {
        back.machine.body_end(id, [], room)
    } else {
        e.due.set(Due::BODY_ENDED);
        let trailers = Passing::trailers(e.request.iter());
        back.machine.body_end(id, trailers, room)
    };
    match made {
        Ok(frame) if !frame.is_empty() => return Some(Step::ToBack(at, frame, Source::Room)),
        // The answer has come, or the connection is gone.
        Ok(_) | Err(Refused::UnknownId) => {}
        Err(_) if again || back.machine.after() == After::Close => {}
        Err(Refused::Room { .. } | Refused::TooLong) => e.fail(Error::HeadTooLong),
        Err(Refused::State) => e.fail(Error::BodyShort),
        Err(_) => e.fail(Error::BadField),
    }
    Some(Step::Again)
}

/// Tells the front that more of the body can be taken, where that is due and
/// its wire has a word for it.
pub(super) fn demand<'o, B: AsRef<[u8]> + AsMut<[u8]>, V: Server>(
    e: &mut Exchange<B>,
    id: Id,
    server: &mut V,
    credit: Option<usize>,
) -> Option<Step<'o>> {
    if !e.due.has(Due::DEMAND) {
        return None;
    }
    e.due.clear(Due::DEMAND);
    match server.demand(id, credit.filter(|n| *n > 0)?) {
        Ok(frame) if !frame.is_empty() => Some(Step::ToFront(frame, Source::Inline)),
        _ => None,
    }
}

/// Work that is due in front. `credit`: how much may be passed on behind.
pub(super) fn to_front<'o, B: AsRef<[u8]> + AsMut<[u8]>, V: Server>(
    e: &mut Exchange<B>,
    id: Id,
    server: &mut V,
    credit: Option<usize>,
    date: Option<&[u8; 29]>,
    rooms: &mut Rooms<'o>,
) -> Option<Step<'o>> {
    rooms.to_front.as_ref()?;
    if let Some(error) = e.error {
        let (step, written) = refuse(server, id, error, rooms);
        e.front = None;
        // Where nobody listens it is no answer, though the slot is given back.
        if written && e.end != End::Aborted && !e.due.has(Due::HEADED) {
            e.status = error.status();
            e.due.set(Due::HEADED);
        }
        return Some(step);
    }
    if let Some(step) = demand(e, id, server, credit) {
        return Some(step);
    }
    if e.due.has(Due::INTERIM) {
        let room = rooms.to_front.take().unwrap_or_default();
        e.due.clear(Due::INTERIM);
        let made = match Passing::answer(e.answer.iter(), None) {
            Some(fields) => server.interim(id, e.status, fields, room),
            None => Err(Refused::Field),
        };
        e.answer.clear();
        // It is only information.
        return Some(written(made.unwrap_or(Frame::EMPTY)));
    }
    let made = if e.due.has(Due::HEAD) {
        let room = rooms.to_front.take().unwrap_or_default();
        e.due.clear(Due::HEAD);
        e.due.set(Due::HEADED);
        match Passing::answer(e.answer.iter(), date) {
            Some(fields) => server.head(id, e.status, fields, e.answer_length, room),
            None => Err(Refused::Field),
        }
        .inspect_err(|_| e.due.clear(Due::HEADED))
    } else if e.due.has(Due::FINISH) {
        let room = rooms.to_front.take().unwrap_or_default();
        e.due.clear(Due::FINISH);
        let trailers = Passing::trailers(e.answer.iter());
        server
            .finish(id, trailers, room)
            .inspect(|_| e.front = None)
    } else {
        return None;
    };
    Some(match made {
        Ok(frame) => written(frame),
        Err(_) => {
            e.fail(Error::Upstream);
            Step::Again
        }
    })
}

fn written(frame: Frame<'_>) -> Step<'_> {
    if frame.is_empty() {
        Step::Again
    } else {
        Step::ToFront(frame, Source::Room)
    }
}
