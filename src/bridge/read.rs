//! What comes in: events of the machines.

use super::exchange::{Behind, Due, End, Exchange, Stage};
use super::pass::Method;
use super::step::{Passed, skip};
use super::{Back, Bridge, Feed, Kept, Step};
use crate::error::Error;
use crate::event::{Ending, Id, Length, Next, Request, Response, Space};
use crate::machine::{Client, Server};

/// Moves `input`, which was `before`, back by the `count` bytes that the call
/// took last.
fn back_up<'i>(input: &mut &'i [u8], before: &'i [u8], count: usize) {
    let taken = before.len().saturating_sub(input.len());
    *input = before
        .get(taken.saturating_sub(count)..)
        .unwrap_or_default();
}

impl<B, T> Bridge<B, T>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    T: AsRef<[Exchange<B>]> + AsMut<[Exchange<B>]>,
{
    /// Where the exchange is that the front calls so.
    fn place_of_front(&mut self, id: Id) -> Option<usize> {
        let is = |e: &Exchange<B>| e.stage != Stage::Vacant && e.front == Some(id);
        let all = self.exchanges.as_ref();
        // Events of one exchange come in rows.
        if all.get(self.place).is_some_and(is) {
            return Some(self.place);
        }
        let place = all.iter().position(is)?;
        self.place = place;
        Some(place)
    }

    fn find(&mut self, id: Id) -> Option<&mut Exchange<B>> {
        let place = self.place_of_front(id)?;
        self.exchanges.as_mut().get_mut(place)
    }

    /// The front will send no more: a head that is not complete never will be,
    /// and no event says so of one whose machine has let it go. Whether there
    /// was one. `told`: which of them was told why.
    #[cold]
    pub(super) fn abandon(&mut self, error: Error, told: Option<Id>) -> bool {
        let mut any = false;
        for e in self.exchanges.as_mut() {
            if e.stage != Stage::Head {
                continue;
            }
            if e.front.is_some() && e.front == told {
                e.status = error.status();
                e.due.set(Due::HEADED);
            }
            e.stage = Stage::Running;
            e.front = None;
            e.end = match error {
                Error::Eof => End::Aborted,
                error => End::Failed(error),
            };
            any = true;
        }
        any
    }

    /// Events of the server machine up to one that changes what is due;
    /// whether there was one.
    pub(super) fn read_front<V: Server>(
        &mut self,
        server: &mut V,
        front: &mut Feed<'_, '_>,
    ) -> bool {
        let stuck = self.kept.is_some() || self.reply.is_some() || self.surplus.is_some();
        if stuck {
            return false;
        }
        if self.lost.is_some() {
            // Who lingers waits for the end.
            if matches!(front, Feed::End) {
                let _ = server.eof();
            }
            return false;
        }
        loop {
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
                Ok(Next::NeedInput | Next::Paused) => {
                    return matches!(front, Feed::End) && self.abandon(Error::Eof, None);
                }
                Err(error) => {
                    self.lost = Some(error);
                    return true;
                }
            };
            let Request::Field { id, field } = event else {
                self.request(server, event, front);
                return true;
            };
            if let Some(e) = self.find(id) {
                // Seen when the head, or the body, ends.
                let _ = e.request.push(field);
                if e.stage == Stage::Bare && field.space == Space::Trailer {
                    e.stage = Stage::Complete;
                    return true;
                }
            }
        }
    }

    fn request<'i, V: Server>(
        &mut self,
        server: &mut V,
        event: Request<'i, <V as Server>::Ext<'i>>,
        front: &mut Feed<'_, '_>,
    ) {
        match event {
            Request::Begin { id } => {
                let all = self.exchanges.as_mut();
                match all.iter().position(|e| e.stage == Stage::Vacant) {
                    Some(place) => {
                        self.place = place;
                        if let Some(e) = all.get_mut(place) {
                            e.begin(id);
                        }
                    }
                    None => self.surplus = Some(id),
                }
            }
            Request::Field { .. } => {}
            Request::HeadEnd { id, length } => {
                if let Some(e) = self.find(id) {
                    e.head_end(length);
                }
            }
            Request::Body { id, bytes } => {
                let place = self.place_of_front(id);
                if let Some(e) = place.and_then(|at| self.exchanges.as_mut().get_mut(at)) {
                    if e.stage == Stage::Bare {
                        e.stage = Stage::Complete;
                    }
                    self.kept = Some(Kept {
                        place: self.place,
                        count: bytes.len(),
                    });
                } else if let Feed::Bytes(input) = front {
                    // Of one that has been answered, it is dropped.
                    skip(input, bytes.len());
                }
            }
            Request::BodyEnd { id } => {
                if let Some(e) = self.find(id) {
                    e.body_end();
                }
            }
            Request::Fault { id, error } => {
                if let Some(e) = self.find(id) {
                    e.fail(error);
                }
            }
            Request::Abort { id } => {
                if let Some(e) = self.find(id) {
                    e.abandon();
                }
            }
            Request::Ext(ext) => {
                let frame = server.default_reply(ext);
                self.reply = (!frame.is_empty()).then_some(frame);
            }
        }
    }

    /// Where the exchange is that the back calls so.
    fn place_of_back<K>(&self, back: &mut Back<K>, at: usize, id: Id) -> Option<usize> {
        let serial = back.serial;
        let behind = Some(Behind { at, serial, id });
        let is = |e: &Exchange<B>| e.back == behind && e.stage != Stage::Vacant;
        let all = self.exchanges.as_ref();
        if !all.get(back.place).is_some_and(is) {
            back.place = all.iter().position(is)?;
        }
        Some(back.place)
    }

    /// Events of a client machine up to one that changes what is due.
    pub(super) fn read_back<'o, 'b: 'o, K: Client>(
        &mut self,
        backs: &mut [Option<Back<K>>],
        at: usize,
        feed: &mut Feed<'_, 'b>,
    ) -> Passed<'o> {
        let Some(back) = backs.get_mut(at).and_then(Option::as_mut) else {
            return Passed::None;
        };
        // A head that was not passed on holds all behind it.
        let held = self
            .exchanges
            .as_ref()
            .get(back.place)
            .is_some_and(|e| e.due.holds() && e.back.is_some_and(|b| b.at == at));
        if held || back.kept.is_some() {
            return Passed::None;
        }
        loop {
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
                Ok(Next::NeedInput | Next::Paused) => {
                    return match feed {
                        Feed::End => self.orphans(at, back.reason),
                        _ => Passed::None,
                    };
                }
                Err(error) => {
                    let reason = *back.reason.get_or_insert(error);
                    return self.orphans(at, Some(reason));
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
                // None is for an exchange, but for the redirect inside the
                // server, which shows when the answer ends without a head.
                Response::Ext(_) => continue,
            };
            let place = self.place_of_back(back, at, id);
            let all = self.exchanges.as_mut();
            let exchange = place.and_then(|at| Some((at, all.get_mut(at)?)));
            let Some((place, e)) = exchange else {
                // Of one that was aborted.
                match event {
                    Response::Body { bytes, .. } => {
                        if let Feed::Bytes(input) = feed {
                            skip(input, bytes.len());
                        }
                    }
                    Response::Done { .. } => {
                        let serial = back.serial;
                        let gone = Behind { at, serial, id };
                        for e in all.iter_mut() {
                            e.owed = e.owed.filter(|owed| *owed != gone);
                        }
                        self.wake();
                    }
                    _ => {}
                }
                continue;
            };
            match event {
                Response::Field { field, .. } => {
                    let _ = e.answer.push(field);
                    continue;
                }
                Response::BodyEnd { .. } | Response::Ext(_) => continue,
                Response::Interim { status, .. } => {
                    if e.error.is_some() || e.front.is_none() || e.answer.overflowed() {
                        e.answer.clear();
                        continue;
                    }
                    e.status = status;
                    e.due.set(Due::INTERIM);
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
                Response::Log { bytes, .. } => return Passed::Step(Step::Log(place, bytes)),
                Response::Demand { .. } => {
                    // Who asks for a body that has ended, or never was one, is
                    // to be told.
                    e.due.set(match e.due.has(Due::ENDED) {
                        true => Due::BODY_END,
                        false => Due::DEMAND,
                    });
                }
                Response::Done {
                    reuse,
                    retry_safe,
                    ending,
                    ..
                } => {
                    // Our machine has let go of the answer, the peer has not.
                    back.aborted |= !reuse && matches!(ending, Ending::Failed(_));
                    e.done(retry_safe, ending, back.reason, self.policy.attempts);
                    self.wake();
                }
            }
            return Passed::Some;
        }
    }

    /// An exchange behind has ended: a connection may be had again.
    fn wake(&mut self) {
        for e in self.exchanges.as_mut() {
            e.asked = None;
        }
    }

    /// No event comes any more from the back of this place: what is still on
    /// it was never opened, or ended without a word.
    #[cold]
    fn orphans<'o>(&mut self, at: usize, reason: Option<Error>) -> Passed<'o> {
        let mut any = Passed::None;
        for e in self.exchanges.as_mut() {
            if e.back.is_some_and(|b| b.at == at) {
                e.done(false, Ending::Truncated, reason, 0);
                any = Passed::Some;
            }
        }
        if let Passed::Some = any {
            self.wake();
        }
        any
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Exchange<B> {
    /// The head of the request is complete.
    fn head_end(&mut self, length: Length) {
        let method = Method::of(self.request.iter());
        self.length = length;
        if length == Length::None {
            self.due.set(Due::ENDED);
        }
        if self.error.is_some() {
            // Refused before, though the front was not told yet.
            return;
        }
        self.stage = match (length, method) {
            (Length::Unknown, Method::Bare) => Stage::Bare,
            _ => Stage::Complete,
        };
        if self.stage == Stage::Bare {
            // Some send nothing of a body, nor its end, before they are asked.
            self.due.set(Due::DEMAND);
        }
        if self.request.overflowed() {
            self.fail(Error::HeadTooLong);
        } else if method == Method::Tunnel {
            self.fail(Error::Unsupported);
        }
    }

    /// The request is complete.
    fn body_end(&mut self) {
        if self.due.has(Due::ENDED) {
            return;
        }
        self.due.set(Due::ENDED);
        if self.stage == Stage::Bare {
            self.length = Length::None;
            self.stage = Stage::Complete;
        } else if self.request.overflowed() {
            self.fail(Error::HeadTooLong);
        } else if self.error.is_none() && self.stage != Stage::Taken {
            self.due.set(Due::BODY_END);
        }
    }
}
