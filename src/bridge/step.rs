//! One step: work that is due, bodies that were kept, then the inputs.

use super::exchange::{Behind, Due, Exchange, Stage};
use super::work::{Opened, abort, demand, open, to_back, to_front};
use super::{Back, Bridge, Feed, Rooms, Source, Step};
use crate::error::{Error, Refused};
use crate::event::Id;
use crate::machine::{Client, Server};

/// What came of an attempt to pass something on.
pub(super) enum Passed<'o> {
    None,
    Some,
    Step(Step<'o>),
}

/// Takes `n` bytes off the front.
pub(super) fn skip(input: &mut &[u8], n: usize) {
    *input = input.get(n..).unwrap_or(&[]);
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
    ///
    /// A connection is taken away by emptying its place; the exchanges that it
    /// carried end. Another one is put there when [`uses`](Self::uses) says
    /// that none is left.
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

    /// The first work that is due and may be done.
    fn due<'o, V: Server, K: Client>(
        &mut self,
        server: &mut V,
        front: &Feed<'_, '_>,
        backs: &mut [Option<Back<K>>],
        rooms: &mut Rooms<'o>,
    ) -> Option<Step<'o>> {
        if rooms.to_front.is_some() {
            if let Some(frame) = self.reply.take() {
                return Some(Step::ToFront(frame, Source::Inline));
            }
            if let Some(id) = self.surplus.take() {
                return Some(refuse(server, id, Error::Overloaded, rooms).0);
            }
        }
        let (date, policy) = (self.date, self.policy);
        // Not `enumerate`, which panics where a sum is checked.
        for (place, e) in (0..usize::MAX).zip(self.exchanges.as_mut()) {
            if e.owed.is_some()
                && let Some(step) = abort(e, backs, rooms)
            {
                return Some(step);
            }
            match e.stage {
                Stage::Vacant | Stage::Head | Stage::Asked | Stage::Taken => continue,
                Stage::Bare => match e.front {
                    Some(id) if rooms.to_front.is_some() => {
                        match demand(e, id, server, Some(usize::MAX)) {
                            Some(step) => return Some(step),
                            None => continue,
                        }
                    }
                    _ => continue,
                },
                Stage::Complete => {
                    if matches!(front, Feed::Nothing) {
                        continue;
                    }
                    e.stage = Stage::Asked;
                    return Some(Step::Head(place));
                }
                Stage::Waiting => match open(e, policy, &mut self.serial, backs, rooms) {
                    Opened::Step(step) => return Some(step),
                    Opened::None(n) if e.asked != Some((n, self.serial)) => {
                        e.asked = Some((n, self.serial));
                        return Some(Step::Connect(place));
                    }
                    Opened::None(_) => continue,
                    Opened::Later => {
                        // Should it go away, another is asked for.
                        e.asked = None;
                        continue;
                    }
                },
                Stage::Running => {}
            }
            if let Some(behind) = e.back {
                let back = behind.find(backs);
                if let Some(step) = to_back(e, place, behind, back, rooms) {
                    return Some(step);
                }
                if e.owed.is_some()
                    && let Some(step) = abort(e, backs, rooms)
                {
                    return Some(step);
                }
            }
            if let Some(id) = e.front {
                let credit = e.back.and_then(|behind| {
                    let back = behind.find(backs)?;
                    Some(back.machine.credit(behind.id))
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
        match self.lost {
            Some(error) if !self.told && rooms.to_front.is_some() => {
                self.told = true;
                Some(self.tell(server, error, rooms))
            }
            _ => None,
        }
    }

    /// The framing of the front is lost: what is owed for a head that was
    /// never complete, and an end for the exchange, since no event gives one.
    #[cold]
    fn tell<'o, V: Server>(
        &mut self,
        server: &mut V,
        error: Error,
        rooms: &mut Rooms<'o>,
    ) -> Step<'o> {
        let (step, written) = refuse(server, Id::SOLE, error, rooms);
        self.abandon(error, written.then_some(Id::SOLE));
        step
    }

    /// Body bytes of a request that were kept.
    fn pass_request<'o, 'a: 'o, K: Client>(
        &mut self,
        front: &mut Feed<'_, 'a>,
        backs: &mut [Option<Back<K>>],
        rooms: &Rooms<'o>,
    ) -> Passed<'o> {
        let Some(kept) = &mut self.kept else {
            return Passed::None;
        };
        let mut none: &[u8] = &[];
        let input = match front {
            Feed::Nothing => return Passed::None,
            Feed::Bytes(input) => &mut **input,
            Feed::End => &mut none,
        };
        let Some(e) = self.exchanges.as_mut().get_mut(kept.place) else {
            skip(input, kept.count);
            self.kept = None;
            return Passed::Some;
        };
        let Some(whole) = input.get(..kept.count) else {
            // The caller has thrown them away: nobody is there any more.
            self.kept = None;
            if e.stage != Stage::Taken {
                e.abandon();
            }
            return Passed::Some;
        };
        if matches!(e.stage, Stage::Complete | Stage::Asked | Stage::Waiting) {
            return Passed::None;
        }
        let target = e.back.and_then(|Behind { at, id, serial }| {
            let back = Behind { at, id, serial }.find(backs)?;
            (!e.due.has(Due::ABORT) && !back.deaf).then_some((at, id, back))
        });
        let Some((at, id, back)) = target else {
            // Nobody takes it any more.
            e.due.set(Due::MOVED);
            skip(input, kept.count);
            self.kept = None;
            return Passed::Some;
        };
        if back.busy || back.reason.is_some() || rooms.to_back.is_none() {
            return Passed::None;
        }
        let mut payload = whole;
        let made = back.machine.body(id, &mut payload);
        let taken = match made {
            Ok(_) => whole.len().saturating_sub(payload.len()),
            Err(refused) => {
                if refused == Refused::TooLong {
                    e.fail(Error::BodyExcess);
                }
                // Else the answer has come, or the connection is gone.
                whole.len()
            }
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
        let Some(kept) = &mut back.kept else {
            return Passed::None;
        };
        let mut none: &[u8] = &[];
        let input = match feed {
            Feed::Nothing => return Passed::None,
            Feed::Bytes(input) => &mut **input,
            Feed::End => &mut none,
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
        let Some(whole) = input.get(..kept.count) else {
            // The caller has thrown them away: the answer has a hole.
            back.kept = None;
            e.fail(Error::Upstream);
            return Passed::Some;
        };
        if rooms.to_front.is_none() || e.due.holds() {
            return Passed::None;
        }
        let mut payload = whole;
        let made = server.body(id, &mut payload);
        let taken = match made {
            Ok(_) => whole.len().saturating_sub(payload.len()),
            Err(_) => {
                e.fail(Error::Upstream);
                whole.len()
            }
        };
        if taken == 0 {
            return Passed::None;
        }
        skip(input, taken);
        kept.count = kept.count.saturating_sub(taken);
        if kept.count == 0 {
            back.kept = None;
        }
        match made {
            Ok(frame) if !frame.is_empty() => {
                let n = u64::try_from(taken).unwrap_or(u64::MAX);
                e.sent = e.sent.saturating_add(n);
                Passed::Step(Step::ToFront(frame, Source::Input))
            }
            _ => Passed::Some,
        }
    }
}

/// The front's refusal, where a room is lent, and whether there is anything of
/// it to be written.
pub(super) fn refuse<'o, V: Server>(
    server: &mut V,
    id: Id,
    error: Error,
    rooms: &mut Rooms<'o>,
) -> (Step<'o>, bool) {
    let room = rooms.to_front.take().unwrap_or_default();
    match server.fail(id, error, room) {
        Ok(frame) if !frame.is_empty() => (Step::ToFront(frame, Source::Room), true),
        Err(Refused::Room { .. }) => {
            // That leaves nothing but to close.
            server.cancel();
            (Step::Again, false)
        }
        _ => (Step::Again, false),
    }
}
