//! One step: work that is due, bodies that were kept, then the inputs.

use super::exchange::{Due, End, Exchange, Stage};
use super::pass::{Passing, location, tunnels};
use super::{Back, Bridge, Feed, Kept, Rooms, Source, Step};
use crate::error::{Error, Refused};
use crate::event::{Ending, Id, Length, Next, Rejection, Request, Response};
use crate::machine::{Client, Server};

/// Takes `n` bytes off the front.
fn skip(input: &mut &[u8], n: usize) {
    *input = input.get(n..).unwrap_or(&[]);
}

/// Moves `input`, which was `before`, back by the `count` bytes that the call
/// took last.
fn back_up<'i>(input: &mut &'i [u8], before: &'i [u8], count: usize) {
    let taken = before.len().saturating_sub(input.len());
    *input = before
        .get(taken.saturating_sub(count)..)
        .unwrap_or_default();
}

/// What the front is told of an answer that cannot be had.
fn blame(ending: Ending) -> Error {
    match ending {
        Ending::Rejected(Rejection::Overloaded) => Error::Overloaded,
        _ => Error::Upstream,
    }
}

impl<B, T> Bridge<B, T>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    T: AsRef<[Exchange<B>]> + AsMut<[Exchange<B>]>,
{
    /// Does one thing, and says what. See [`Step`].
    ///
    /// `front` is input of the server machine; `back` that of the client
    /// machine in a place of `backs`, where an empty place is one without a
    /// connection. Each may be left out, where another thread has it, or where
    /// nothing has come. What is left of a cursor is to be given again.
    pub fn step<'o, 'a: 'o, 'b: 'o, V: Server, K: Client>(
        &mut self,
        server: &mut V,
        mut front: Feed<'_, 'a>,
        backs: &mut [Option<Back<K>>],
        mut back: Option<(usize, Feed<'_, 'b>)>,
        mut rooms: Rooms<'o>,
    ) -> Step<'o> {
        loop {
            if let Some(step) = self.due(server, &front, backs, &mut rooms) {
                return step;
            }
            match self.pass_request(&mut front, backs, &rooms) {
                Passed::Step(step) => return step,
                Passed::Some => continue,
                Passed::None => {}
            }
            if let Some((place, feed)) = &mut back {
                match self.pass_answer(server, backs, *place, feed, &rooms) {
                    Passed::Step(step) => return step,
                    Passed::Some => continue,
                    Passed::None => {}
                }
                match self.read_back(backs, *place, feed) {
                    Passed::Step(step) => return step,
                    Passed::Some => continue,
                    Passed::None => {}
                }
            }
            if !self.read_front(server, &mut front) {
                return Step::Wait;
            }
        }
    }

    fn find(&mut self, front: Id) -> Option<&mut Exchange<B>> {
        let mut all = self.exchanges.as_mut().iter_mut();
        all.find(|e| e.stage != Stage::Vacant && e.front == Some(front))
    }

    fn place_of(&self, back: usize, id: Id) -> Option<usize> {
        let mut all = self.exchanges.as_ref().iter();
        all.position(|e| e.stage != Stage::Vacant && e.back == Some((back, id)))
    }

    /// The first work that is due and may be done.
    fn due<'o, V: Server, K: Client>(
        &mut self,
        server: &mut V,
        front: &Feed<'_, '_>,
        backs: &mut [Option<Back<K>>],
        rooms: &mut Rooms<'o>,
    ) -> Option<Step<'o>> {
        let asks = !matches!(front, Feed::Nothing);
        if rooms.to_front.is_some() {
            if let Some(frame) = self.reply.take() {
                return Some(Step::ToFront(frame, Source::Inline));
            }
            if let Some(id) = self.surplus.take() {
                let room = rooms.to_front.take().unwrap_or_default();
                return Some(match server.fail(id, Error::Overloaded, room) {
                    Ok(frame) => Step::ToFront(frame, Source::Room),
                    Err(_) => Step::Again,
                });
            }
        }
        let (date, policy) = (self.date, self.policy);
        for place in 0..self.exchanges.as_ref().len() {
            let Some(e) = self.exchanges.as_mut().get_mut(place) else {
                break;
            };
            match e.stage {
                Stage::Vacant | Stage::Head | Stage::Asked | Stage::Taken => continue,
                Stage::Complete if asks => {
                    e.stage = Stage::Asked;
                    return Some(Step::Head(place));
                }
                Stage::Complete => continue,
                Stage::Waiting => match open(e, policy, backs, rooms) {
                    Opened::Step(step) => return Some(step),
                    Opened::Later => continue,
                    Opened::None if !e.due.has(Due::WANTED) => {
                        e.due.set(Due::WANTED);
                        return Some(Step::Connect(place));
                    }
                    Opened::None => continue,
                },
                Stage::Running => {}
            }
            if let Some((at, id)) = e.back {
                let back = backs.get_mut(at).and_then(Option::as_mut);
                if let Some(step) = to_back(e, at, id, back, rooms) {
                    return Some(step);
                }
            }
            if let Some(id) = e.front {
                let credit = e.back.and_then(|(at, id)| {
                    let back = backs.get(at)?.as_ref()?;
                    Some(back.machine.credit(id))
                });
                if let Some(step) = to_front(e, id, server, credit, date.as_ref(), rooms) {
                    return Some(step);
                }
            }
            if e.front.is_none() && e.back.is_none() {
                e.stage = Stage::Vacant;
                return Some(Step::Over(place));
            }
        }
        if let Some(error) = self.lost
            && !self.told
            && let Some(room) = rooms.to_front.take()
        {
            self.told = true;
            for e in self.exchanges.as_mut() {
                // No event ends a request whose head was never complete.
                if e.stage == Stage::Head {
                    e.stage = Stage::Running;
                    e.front = None;
                    e.end = End::Failed(error);
                    e.status = error.status();
                    e.due.set(Due::HEADED);
                }
            }
            return Some(match server.fail(Id::SOLE, error, room) {
                Ok(frame) => Step::ToFront(frame, Source::Room),
                Err(_) => Step::Again,
            });
        }
        None
    }

    /// Body bytes of a request that were kept.
    fn pass_request<'o, 'a: 'o, K: Client>(
        &mut self,
        front: &mut Feed<'_, 'a>,
        backs: &mut [Option<Back<K>>],
        rooms: &Rooms<'o>,
    ) -> Passed<'o> {
        let (Some(kept), Feed::Bytes(input)) = (&mut self.kept, front) else {
            return Passed::None;
        };
        let Some(e) = self.exchanges.as_mut().get_mut(kept.place) else {
            return Passed::None;
        };
        if matches!(e.stage, Stage::Complete | Stage::Asked | Stage::Waiting) {
            return Passed::None;
        }
        let target = e.back.and_then(|(at, id)| {
            let back = backs.get_mut(at)?.as_mut()?;
            Some((at, id, back))
        });
        let (at, id, back) = match target {
            Some(target) if !e.due.has(Due::ABORT) && !target.2.deaf => target,
            // Nobody takes it any more.
            _ => {
                skip(input, kept.count);
                self.kept = None;
                return Passed::Some;
            }
        };
        if back.busy || rooms.to_back.is_none() {
            return Passed::None;
        }
        let whole = input.get(..kept.count).unwrap_or(input);
        let mut payload = whole;
        let made = back.machine.body(id, &mut payload);
        let taken = match made {
            Ok(_) => whole.len().saturating_sub(payload.len()),
            // The answer has come, or the request was given up.
            Err(_) => whole.len(),
        };
        if taken == 0 {
            return Passed::None;
        }
        skip(input, taken);
        kept.count = kept.count.saturating_sub(taken);
        e.due.set(Due::MOVED);
        if kept.count == 0 {
            self.kept = None;
            e.due.set(Due::DEMAND);
        }
        match made {
            Ok(frame) if !frame.is_empty() => Passed::Step(Step::ToBack(at, frame, Source::Input)),
            _ => Passed::Some,
        }
    }

    /// Body bytes of an answer that were kept.
    fn pass_answer<'o, 'b: 'o, V: Server, K: Client>(
        &mut self,
        server: &mut V,
        backs: &mut [Option<Back<K>>],
        at: usize,
        feed: &mut Feed<'_, 'b>,
        rooms: &Rooms<'o>,
    ) -> Passed<'o> {
        let Some(back) = backs.get_mut(at).and_then(Option::as_mut) else {
            return Passed::None;
        };
        let (Some(kept), Feed::Bytes(input)) = (&mut back.kept, feed) else {
            return Passed::None;
        };
        let exchange = self.exchanges.as_mut().get_mut(kept.place);
        let (e, id) = match exchange.map(|e| (e.front, e)) {
            Some((Some(id), e)) if e.error.is_none() => (e, id),
            // Nobody listens any more.
            _ => {
                skip(input, kept.count);
                back.kept = None;
                return Passed::Some;
            }
        };
        if rooms.to_front.is_none() || e.due.holds() {
            return Passed::None;
        }
        let whole = input.get(..kept.count).unwrap_or(input);
        let mut payload = whole;
        let made = server.body(id, &mut payload);
        let taken = match made {
            Ok(_) => whole.len().saturating_sub(payload.len()),
            Err(_) => {
                e.fail(Error::Upstream);
                whole.len()
            }
        };
        skip(input, taken);
        kept.count = kept.count.saturating_sub(taken);
        if kept.count == 0 {
            back.kept = None;
        }
        match made {
            Ok(frame) => {
                if !frame.is_empty() {
                    let n = u64::try_from(taken).unwrap_or(u64::MAX);
                    e.sent = e.sent.saturating_add(n);
                    return Passed::Step(Step::ToFront(frame, Source::Input));
                }
                if taken == 0 {
                    Passed::None
                } else {
                    Passed::Some
                }
            }
            Err(_) => Passed::Some,
        }
    }

    /// One event of the server machine; whether there was one.
    fn read_front<V: Server>(&mut self, server: &mut V, front: &mut Feed<'_, '_>) -> bool {
        let stuck = self.kept.is_some() || self.reply.is_some() || self.surplus.is_some();
        if stuck || self.lost.is_some() {
            return false;
        }
        let next = match front {
            Feed::Nothing => return false,
            Feed::Bytes(input) => {
                let before = **input;
                let next = server.next(input);
                if let Ok(Next::Event(Request::Body { bytes, .. })) = next {
                    back_up(input, before, bytes.len());
                }
                next
            }
            Feed::End => server.eof(),
        };
        let event = match next {
            Ok(Next::Event(event)) => event,
            Ok(Next::NeedInput | Next::Paused) => return false,
            Err(error) => {
                self.lost = Some(error);
                return true;
            }
        };
        match event {
            Request::Begin { id } => {
                let mut all = self.exchanges.as_mut().iter_mut();
                match all.find(|e| e.stage == Stage::Vacant) {
                    Some(e) => e.begin(id),
                    None => self.surplus = Some(id),
                }
            }
            Request::Field { id, field } => {
                if let Some(e) = self.find(id) {
                    // Seen when the head, or the body, ends.
                    let _ = e.request.push(field);
                }
            }
            Request::HeadEnd { id, length } => {
                if let Some(e) = self.find(id) {
                    e.length = length;
                    e.stage = Stage::Complete;
                    if e.request.overflowed() {
                        e.fail(Error::HeadTooLong);
                    } else if tunnels(e.request.iter()) {
                        e.fail(Error::Unsupported);
                    }
                    if length == Length::None {
                        e.due.set(Due::ENDED);
                    }
                }
            }
            Request::Body { id, bytes } => {
                let mut all = self.exchanges.as_ref().iter();
                let place = all.position(|e| e.stage != Stage::Vacant && e.front == Some(id));
                // Of one that has been answered, it is dropped.
                self.kept = Some(Kept {
                    place: place.unwrap_or(usize::MAX),
                    count: bytes.len(),
                });
                if place.is_none()
                    && let Feed::Bytes(input) = front
                {
                    skip(input, bytes.len());
                    self.kept = None;
                }
            }
            Request::BodyEnd { id } => {
                if let Some(e) = self.find(id)
                    && !e.due.has(Due::ENDED)
                {
                    e.due.set(Due::ENDED);
                    if e.request.overflowed() {
                        e.fail(Error::HeadTooLong);
                    }
                    if e.error.is_none() && e.stage != Stage::Taken {
                        e.due.set(Due::BODY_END);
                    }
                }
            }
            Request::Fault { id, error } => {
                if let Some(e) = self.find(id) {
                    e.fail(error);
                }
            }
            Request::Abort { id } => {
                if let Some(e) = self.find(id) {
                    e.fail(Error::Eof);
                    e.end = End::Aborted;
                }
            }
            Request::Ext(ext) => {
                let frame = server.default_reply(ext);
                self.reply = (!frame.is_empty()).then_some(frame);
            }
        }
        true
    }

    /// One event of a client machine.
    fn read_back<'o, 'b: 'o, K: Client>(
        &mut self,
        backs: &mut [Option<Back<K>>],
        at: usize,
        feed: &mut Feed<'_, 'b>,
    ) -> Passed<'o> {
        let Some(back) = backs.get_mut(at).and_then(Option::as_mut) else {
            return Passed::None;
        };
        let mut all = self.exchanges.as_ref().iter();
        let held = all.any(|e| e.due.holds() && e.back.is_some_and(|(place, _)| place == at));
        if held || back.kept.is_some() {
            return Passed::None;
        }
        let next = match feed {
            Feed::Nothing => return Passed::None,
            Feed::Bytes(input) => {
                let before = **input;
                let next = back.machine.next(input);
                if let Ok(Next::Event(Response::Body { bytes, .. })) = next {
                    back_up(input, before, bytes.len());
                }
                next
            }
            Feed::End => back.machine.eof(),
        };
        let event = match next {
            Ok(Next::Event(event)) => event,
            Ok(Next::NeedInput | Next::Paused) => return Passed::None,
            Err(error) => {
                back.reason.get_or_insert(error);
                back.deaf = true;
                return Passed::None;
            }
        };
        let id = match &event {
            Response::Field { id, .. }
            | Response::Interim { id, .. }
            | Response::HeadEnd { id, .. }
            | Response::Body { id, .. }
            | Response::BodyEnd { id }
            | Response::Log { id, .. }
            | Response::Demand { id, .. }
            | Response::Done { id, .. } => *id,
            Response::Ext(_) => return self.redirects(at),
        };
        let Some(place) = self.place_of(at, id) else {
            if let (Response::Body { bytes, .. }, Feed::Bytes(input)) = (&event, feed) {
                skip(input, bytes.len());
            }
            return Passed::Some;
        };
        let attempts = self.policy.attempts;
        let Some(e) = self.exchanges.as_mut().get_mut(place) else {
            return Passed::Some;
        };
        match event {
            Response::Field { field, .. } => {
                let _ = e.answer.push(field);
            }
            Response::Interim { status, .. } => {
                if e.error.is_some() || e.front.is_none() || e.answer.overflowed() {
                    e.answer.clear();
                } else {
                    e.status = status;
                    e.due.set(Due::INTERIM);
                }
            }
            Response::HeadEnd { status, length, .. } => {
                if e.answer.overflowed() {
                    e.fail(Error::Upstream);
                } else if e.error.is_none() && e.front.is_some() {
                    e.status = status;
                    e.answer_length = length;
                    e.due.set(Due::HEAD);
                }
            }
            Response::Body { bytes, .. } => {
                let count = bytes.len();
                back.kept = Some(Kept { place, count });
            }
            Response::BodyEnd { .. } | Response::Ext(_) => {}
            Response::Log { bytes, .. } => return Passed::Step(Step::Log(place, bytes)),
            Response::Demand { .. } => {
                if e.due.has(Due::BODY_ENDED) {
                    e.due.set(Due::BODY_END);
                } else if !e.due.has(Due::ENDED) {
                    e.due.set(Due::DEMAND);
                }
            }
            Response::Done {
                retry_safe, ending, ..
            } => {
                let reason = back.reason;
                e.done(retry_safe, ending, reason, attempts);
                for e in self.exchanges.as_mut() {
                    e.due.clear(Due::WANTED);
                }
            }
        }
        Passed::Some
    }

    /// An event of the client's protocol: of all, only the redirect inside the
    /// server ends up in an answer, and that shows when the answer ends
    /// without a status. The client is sent to where it leads.
    fn redirects<'o>(&mut self, at: usize) -> Passed<'o> {
        for e in self.exchanges.as_mut() {
            if e.back.is_some_and(|(place, _)| place == at) {
                e.due.set(Due::LOCAL);
            }
        }
        Passed::Some
    }
}

/// What came of an attempt to pass something on.
enum Passed<'o> {
    None,
    Some,
    Step(Step<'o>),
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Exchange<B> {
    /// The last event of the answer.
    fn done(&mut self, retry_safe: bool, ending: Ending, reason: Option<Error>, attempts: u8) {
        self.back = None;
        self.due.clear(Due::ABORT);
        self.due.clear(Due::BODY_END);
        self.due.clear(Due::DEMAND);
        if self.front.is_none() || self.error.is_some() {
            return;
        }
        let headed = self.due.has(Due::HEADED) || self.due.holds();
        match ending {
            // Trailers were lost.
            Ending::Complete { .. } if headed && self.answer.overflowed() => {
                self.fail(Error::Upstream);
            }
            Ending::Complete { .. } if headed => self.due.set(Due::FINISH),
            Ending::Complete { .. }
                if self.due.has(Due::LOCAL) && location(self.answer.iter()).is_some() =>
            {
                self.status = 302;
                self.answer_length = Length::None;
                self.due.set(Due::HEAD);
                self.due.set(Due::FINISH);
            }
            _ if retry_safe && !headed && !self.due.has(Due::MOVED) && self.attempts < attempts => {
                // An end that was passed on goes out again, behind the head.
                let ended = self.due.has(Due::ENDED) && self.length != Length::None;
                self.due.clear(Due::BODY_ENDED);
                self.due.clear(Due::INTERIM);
                if ended {
                    self.due.set(Due::BODY_END);
                }
                self.answer.clear();
                self.stage = Stage::Waiting;
            }
            ending => self.fail(reason.unwrap_or(blame(ending))),
        }
    }
}

enum Opened<'o> {
    Step(Step<'o>),
    /// A back would take it, but not now.
    Later,
    None,
}

/// Passes a request on to the first back that takes it.
fn open<'o, B: AsRef<[u8]> + AsMut<[u8]>, K: Client>(
    e: &mut Exchange<B>,
    policy: super::Policy,
    backs: &mut [Option<Back<K>>],
    rooms: &mut Rooms<'o>,
) -> Opened<'o> {
    let mut taker = None;
    for (at, back) in backs.iter_mut().enumerate() {
        if let Some(back) = back
            && back.takes()
        {
            if !back.busy {
                taker = Some((at, back));
                break;
            }
            taker.get_or_insert((at, back));
        }
    }
    let Some((at, back)) = taker else {
        return Opened::None;
    };
    if back.busy {
        return Opened::Later;
    }
    let Some(room) = rooms.to_back.take() else {
        return Opened::Later;
    };
    let fields = Passing::request(e.request.iter(), policy);
    let step = match back.machine.open(fields, e.length, room) {
        Ok((id, frame)) => {
            e.back = Some((at, id));
            e.stage = Stage::Running;
            e.attempts = e.attempts.saturating_add(1);
            if e.length != Length::None && !e.due.has(Due::ENDED) {
                e.due.set(Due::DEMAND);
            }
            Step::ToBack(at, frame, Source::Room)
        }
        Err(Refused::Full | Refused::State) => {
            back.deaf = true;
            Step::Again
        }
        Err(refused) => {
            e.fail(match refused {
                Refused::Room { .. } | Refused::TooLong => Error::HeadTooLong,
                _ => Error::BadField,
            });
            Step::Again
        }
    };
    Opened::Step(step)
}

/// Work that is due behind.
fn to_back<'o, B: AsRef<[u8]> + AsMut<[u8]>, K: Client>(
    e: &mut Exchange<B>,
    at: usize,
    id: Id,
    back: Option<&mut Back<K>>,
    rooms: &mut Rooms<'o>,
) -> Option<Step<'o>> {
    let Some(back) = back else {
        // The caller has taken the connection away.
        e.done(false, Ending::Truncated, None, 0);
        return Some(Step::Again);
    };
    if back.deaf && !e.due.has(Due::ABORT) {
        e.due.clear(Due::BODY_END);
        return None;
    }
    if back.busy || rooms.to_back.is_none() {
        return None;
    }
    if e.due.has(Due::ABORT) {
        e.due.clear(Due::ABORT);
        back.aborted = true;
        return match back.machine.abort(id) {
            Ok(frame) if !frame.is_empty() && !back.deaf => {
                Some(Step::ToBack(at, frame, Source::Inline))
            }
            _ => Some(Step::Again),
        };
    }
    if e.due.has(Due::BODY_END) && e.error.is_none() {
        let room = rooms.to_back.take().unwrap_or_default();
        e.due.clear(Due::BODY_END);
        let made = if e.due.has(Due::BODY_ENDED) {
            back.machine.body_end(id, [], room)
        } else {
            e.due.set(Due::BODY_ENDED);
            let trailers = Passing::trailers(e.request.iter());
            back.machine.body_end(id, trailers, room)
        };
        return Some(match made {
            Ok(frame) if !frame.is_empty() => Step::ToBack(at, frame, Source::Room),
            Ok(_) => Step::Again,
            Err(Refused::Room { .. }) => {
                e.fail(Error::HeadTooLong);
                Step::Again
            }
            Err(_) => Step::Again,
        });
    }
    None
}

/// Work that is due in front. `credit`: how much may be passed on behind.
fn to_front<'o, B: AsRef<[u8]> + AsMut<[u8]>, V: Server>(
    e: &mut Exchange<B>,
    id: Id,
    server: &mut V,
    credit: Option<usize>,
    date: Option<&[u8; 29]>,
    rooms: &mut Rooms<'o>,
) -> Option<Step<'o>> {
    rooms.to_front.as_ref()?;
    if let Some(error) = e.error {
        let room = rooms.to_front.take().unwrap_or_default();
        let headed = e.due.has(Due::HEADED);
        return Some(match server.fail(id, error, room) {
            Ok(frame) => {
                e.front = None;
                if !headed && !frame.is_empty() {
                    e.status = error.status();
                    e.due.set(Due::HEADED);
                }
                Step::ToFront(frame, Source::Room)
            }
            Err(refused) => {
                if let Refused::Room { .. } = refused {
                    // That leaves nothing but to close.
                    server.cancel();
                }
                e.front = None;
                Step::Again
            }
        });
    }
    if e.due.has(Due::DEMAND) {
        e.due.clear(Due::DEMAND);
        if let Some(credit @ 1..) = credit
            && let Ok(frame) = server.demand(id, credit)
            && !frame.is_empty()
        {
            return Some(Step::ToFront(frame, Source::Inline));
        }
    }
    if e.due.has(Due::INTERIM) {
        let room = rooms.to_front.take().unwrap_or_default();
        e.due.clear(Due::INTERIM);
        let made = server.interim(id, e.status, Passing::answer(e.answer.iter()), room);
        e.answer.clear();
        return Some(match made {
            Ok(frame) if !frame.is_empty() => Step::ToFront(frame, Source::Room),
            // It is only information.
            _ => Step::Again,
        });
    }
    if e.due.has(Due::HEAD) {
        let room = rooms.to_front.take().unwrap_or_default();
        e.due.clear(Due::HEAD);
        let fields = Passing::answer(e.answer.iter()).dated(date);
        return Some(
            match server.head(id, e.status, fields, e.answer_length, room) {
                Ok(frame) => {
                    e.due.set(Due::HEADED);
                    Step::ToFront(frame, Source::Room)
                }
                Err(_) => {
                    e.fail(Error::Upstream);
                    Step::Again
                }
            },
        );
    }
    if e.due.has(Due::FINISH) {
        let room = rooms.to_front.take().unwrap_or_default();
        e.due.clear(Due::FINISH);
        let trailers = Passing::trailers(e.answer.iter());
        return Some(match server.finish(id, trailers, room) {
            Ok(frame) => {
                e.front = None;
                Step::ToFront(frame, Source::Room)
            }
            Err(_) => {
                e.fail(Error::Upstream);
                Step::Again
            }
        });
    }
    None
}
