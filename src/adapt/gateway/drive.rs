//! The steps of the bridge, whoever makes them.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::vec::Vec;

use super::super::transport::{Transport, duration};
use super::hand::{Desk, Input, Out, Side};
use super::state::{Guard, Link, Shared, State, Taken};
use super::{Behind, Decision, HEAD};
use crate::bridge::{Back, Exchange, Feed, Rooms, Step};
use crate::error::Error;
use crate::fields::Fields;
use crate::frame::Frame;
use crate::machine::{After, Status as _};
use crate::time::Phase;

impl<G, F> Shared<'_, G, F>
where
    G: Behind + ?Sized,
    F: Transport + Sync,
    for<'s> &'s F: Read + Write,
    for<'s> &'s G::Stream: Read + Write,
{
    /// Does all that can be done with the input of one side. Whether anything
    /// was done.
    pub fn drive<'s>(
        &'s self,
        mut state: Guard<'s, G>,
        mut side: Side,
        desk: &mut Desk,
        input: &mut Input,
    ) -> (Guard<'s, G>, bool) {
        let (mut any, closed) = (false, input.closed);
        let mut released = false;
        let had = input.bytes().len();
        let mut bytes = input.bytes();
        loop {
            let now = &mut *state;
            desk.fit(&mut now.bridge, self.exchanges, side, bytes.len());
            let rooms = Rooms {
                to_front: (!now.busy).then_some(&mut desk.front_room[..]),
                to_back: Some(&mut desk.back_room),
            };
            let own = match closed && bytes.is_empty() {
                true => Feed::End,
                false => Feed::Bytes(&mut bytes),
            };
            let (front, back) = match side {
                Side::Front => (own, None),
                Side::Back(at) => (Feed::Nothing, Some((at, own))),
                Side::Neither => (Feed::Nothing, None),
            };
            let step = now
                .bridge
                .step(&mut now.server, front, &mut now.backs, back, rooms);
            match step {
                Step::ToFront(frame, _) => {
                    state = self.write(state, &mut desk.out, Side::Front, frame);
                }
                Step::ToBack(at, frame, _) => {
                    state = self.write(state, &mut desk.out, Side::Back(at), frame);
                }
                Step::Head(place) => {
                    state = self.flush(state, &mut desk.out);
                    state = self.decide(state, place);
                }
                Step::Connect(place) => {
                    state = self.flush(state, &mut desk.out);
                    state = self.connect(state, place);
                }
                Step::Log(_, text) => {
                    state = self.flush(state, &mut desk.out);
                    self.tell(&state);
                    drop(state);
                    self.behind.log(text);
                    state = self.lock();
                }
                Step::Over(place) => {
                    // Before the lock is given back: another may take its
                    // place then.
                    if let Some(exchange) = state.bridge.exchange(place) {
                        self.behind.over(exchange);
                    }
                }
                Step::Again => {}
                Step::Wait if desk.out.is_empty() => break,
                Step::Wait => {
                    // Who has asked may ask again as soon as the answer has
                    // come: the connection is to be there by then.
                    let spare = match side {
                        Side::Back(at) if bytes.is_empty() && !closed => {
                            let rest = &desk.out.back.1;
                            rest.is_empty().then(|| state.spare(at)).flatten()
                        }
                        _ => None,
                    };
                    if spare.is_some() {
                        // Its place may be another's by now.
                        (side, released) = (Side::Neither, true);
                    }
                    state = self.last(state, &mut desk.out, spare);
                }
            }
            any = true;
        }
        let left = bytes.len();
        input.keep(left);
        input.released = released;
        if any || left < had {
            let phase = state.server.phase();
            if !state.closing && phase != state.pace.phase() {
                state.pace.observe(phase, true);
            }
            self.behind.observe(&mut state.server);
            self.settle(&mut state);
            self.tell(&state);
        }
        (state, any)
    }

    /// Writes a frame, or gathers it.
    fn write<'s>(
        &'s self,
        mut state: Guard<'s, G>,
        out: &mut Out,
        to: Side,
        frame: Frame<'_>,
    ) -> Guard<'s, G> {
        match to {
            Side::Neither => state,
            Side::Front if out.front.gather(&frame) => state,
            Side::Front => {
                let behind = !out.back.1.is_empty();
                self.to_front(state, out, frame, behind)
            }
            Side::Back(at) => {
                let other = out.back.0 != at;
                if other && !out.back.1.is_empty() {
                    // The machine has let go of this frame already: while the
                    // lock is away nothing may pass it, nor may its side be
                    // taken for done.
                    state.hold(at, true);
                    state = self.flush(state, out);
                    state.hold(at, false);
                }
                out.back.0 = at;
                if out.back.1.gather(&frame) {
                    return state;
                }
                self.to_both(state, out, frame)
            }
        }
    }

    /// Writes what was gathered, and releases a connection before. Nothing was
    /// gathered for what stands behind then.
    fn last<'s>(
        &'s self,
        state: Guard<'s, G>,
        out: &mut Out,
        spare: Option<Taken<G>>,
    ) -> Guard<'s, G> {
        let Some((back, link)) = spare else {
            return self.flush(state, out);
        };
        // Nobody writes behind our back.
        let mut state = state;
        let front = !out.front.is_empty();
        state.busy |= front;
        self.tell(&state);
        drop(state);
        self.release(back, link, true);
        let mut state = self.lock();
        state.busy &= !front;
        self.flush(state, out)
    }

    /// Writes what was gathered, without the lock.
    fn flush<'s>(&'s self, state: Guard<'s, G>, out: &mut Out) -> Guard<'s, G> {
        self.to_both(state, out, Frame::EMPTY)
    }

    /// Writes what was gathered, and a frame for what stands behind. The front
    /// comes first: what is behind may take nothing before its own output has
    /// gone there.
    fn to_both<'s>(
        &'s self,
        mut state: Guard<'s, G>,
        out: &mut Out,
        frame: Frame<'_>,
    ) -> Guard<'s, G> {
        let at = out.back.0;
        let behind = !out.back.1.is_empty() || !frame.is_empty();
        if !out.front.is_empty() {
            state = self.to_front(state, out, Frame::EMPTY, behind);
        }
        if !behind {
            return state;
        }
        let stream = state.occupy(at);
        self.tell(&state);
        drop(state);
        let written = match &stream {
            Some(stream) => out.back.1.write(&mut &**stream, frame),
            None => Ok(()),
        };
        out.back.1.clear();
        drop(stream);
        state = self.lock();
        state.vacate(at, written);
        self.tell(&state);
        state
    }

    /// Writes what was gathered for the front, and a frame. Nothing passes
    /// meanwhile what there is for what stands `behind`.
    fn to_front<'s>(
        &'s self,
        mut state: Guard<'s, G>,
        out: &mut Out,
        frame: Frame<'_>,
        behind: bool,
    ) -> Guard<'s, G> {
        if state.gone {
            out.front.clear();
            return state;
        }
        state.busy = true;
        if behind {
            state.hold(out.back.0, true);
        }
        self.tell(&state);
        drop(state);
        let written = out.front.write(&mut &*self.front, frame);
        state = self.lock();
        state.busy = false;
        if behind {
            state.hold(out.back.0, false);
        }
        match written {
            Ok(()) if state.closing => {}
            Ok(()) => state.pace.wrote(),
            Err(_) => state.lose(self.front),
        }
        self.tell(&state);
        state
    }

    /// Does to the transports what the machines ask for. Their own threads may
    /// be blocked in reads meanwhile, so whoever is last does it.
    fn settle(&self, state: &mut State<G>) {
        for at in 0..state.backs.len() {
            let Some(Some(back)) = state.backs.get(at) else {
                continue;
            };
            // What was given up is not waited for, though its peer may not
            // heed it: a thread may be reading it. Nor has its machine done so
            // to the transport, where it reads no more.
            if back.aborted() && !state.bridge.uses(at) {
                state.give_up(at, Error::Upstream);
            }
        }
        if !state.quiet() || state.closing {
            return;
        }
        match state.server.after() {
            After::Close => state.lose(self.front),
            After::Keep if state.bridge.lost().is_none() => {}
            After::Keep | After::CloseWrite => {
                state.closing = true;
                state.pace.observe(Phase::Closing, true);
                let _ = self.front.shutdown(Shutdown::Write);
            }
        }
    }

    /// The head of a request is complete.
    fn decide<'s>(&'s self, mut state: Guard<'s, G>, place: usize) -> Guard<'s, G> {
        let now = &mut *state;
        let Some(exchange) = now.bridge.exchange_mut(place) else {
            return state;
        };
        let Some(id) = exchange.front() else {
            return state;
        };
        if let Err(error) = self.behind.admit(&now.server, id) {
            now.bridge.refuse(place, error);
            return state;
        }
        let length = exchange.length();
        let none = Fields::new(Vec::new());
        let mut head = std::mem::replace(exchange.request_mut(), none);
        self.tell(&state);
        drop(state);
        head.reserve(head.used().saturating_add(2048), HEAD);
        let decision = self.behind.head(id, &mut head, length);
        let date = self.behind.date();
        let mut state = self.lock();
        let overflowed = head.overflowed();
        if let Some(exchange) = state.bridge.exchange_mut(place) {
            *exchange.request_mut() = head;
        }
        if let Some(date) = date {
            state.bridge.set_date(date);
        }
        match decision {
            _ if overflowed => state.bridge.refuse(place, Error::HeadTooLong),
            Decision::Forward => state.bridge.forward(place),
            Decision::Refuse(error) => state.bridge.refuse(place, error),
            Decision::Answer(answer) => state = self.answer(state, place, answer),
        }
        state
    }

    /// An answer of the caller's own.
    fn answer<'s>(
        &'s self,
        mut state: Guard<'s, G>,
        place: usize,
        answer: G::Answer,
    ) -> Guard<'s, G> {
        // Another thread may be writing.
        while state.busy {
            state = self.wait(state);
        }
        let now = &mut *state;
        if let Some(id) = now.bridge.take(place) {
            let out = &mut { self.front };
            match self.behind.answer(answer, &mut now.server, id, out) {
                Ok((status, bytes)) => {
                    if let Some(exchange) = now.bridge.exchange_mut(place) {
                        exchange.set_sent(status, bytes);
                    }
                }
                Err(_) => now.lose(self.front),
            }
            now.bridge.take_end(place);
            now.pace.wrote();
        }
        state
    }

    /// Provides a connection for the exchange.
    fn connect<'s>(&'s self, state: Guard<'s, G>, place: usize) -> Guard<'s, G> {
        let tried = state.bridge.exchange(place).map_or(0, Exchange::attempts);
        let over = state.over;
        self.tell(&state);
        drop(state);
        let connected = match over {
            true => Err(Error::Upstream),
            false => self.behind.connect(tried > 0),
        };
        if let Ok((stream, _)) = &connected {
            let _ = stream.write_timeout(duration(self.timeouts.response));
        }
        let mut state = self.lock();
        let (stream, client) = match connected {
            Ok(connected) => connected,
            Err(error) => {
                state.bridge.refuse(place, error);
                return state;
            }
        };
        let at = match state.backs.iter().position(Option::is_none) {
            Some(at) => at,
            None => {
                state.backs.push(None);
                state.links.push(None);
                state.backs.len().saturating_sub(1)
            }
        };
        let now = &mut *state;
        if let (Some(b), Some(l)) = (now.backs.get_mut(at), now.links.get_mut(at)) {
            let back = Back::new(client);
            *b = Some(match self.behind.once() {
                true => back.once(),
                false => back,
            });
            *l = Some(Link::new(stream, self.timeouts));
        }
        state
    }

    /// Takes a connection back that carries nothing any more, if that was not
    /// done yet.
    pub fn dismiss<'s>(
        &'s self,
        mut state: Guard<'s, G>,
        at: usize,
        input: &mut Input,
    ) -> Guard<'s, G> {
        let whole = input.is_empty() && !input.closed;
        let released = input.released;
        input.reset();
        if released {
            return state;
        }
        let Some((back, link)) = state.take(at) else {
            return state;
        };
        self.tell(&state);
        drop(state);
        self.release(back, link, whole);
        self.lock()
    }

    /// Gives a connection to who keeps them, if it can be used again.
    fn release(&self, back: Back<G::Client>, link: Link<G::Stream>, whole: bool) {
        // One that has never said a word may not be served there yet.
        if whole
            && link.heard
            && back.reusable()
            && let Some(stream) = Arc::into_inner(link.stream)
        {
            self.behind.release(stream, back.into_machine());
        }
    }
}
