//! The thread of the front.

use std::io::{Read, Write};
use std::thread::Scope;
use std::time::Duration;

use super::super::transport::Transport;
use super::Behind;
use super::back::Heard;
use super::hand::{Desk, Input, Side};
use super::state::{Guard, Shared};
use crate::error::Error;
use crate::machine::{After, Status as _};
use crate::time::Phase;

/// How long the front's thread waits for what stands behind before it leaves
/// that to another one, and sees to its own peer.
const PATIENCE: Duration = Duration::from_millis(100);

impl<G, F> Shared<'_, G, F>
where
    G: Behind + ?Sized,
    F: Transport + Sync,
    for<'s> &'s F: Read + Write,
    for<'s> &'s G::Stream: Read + Write,
{
    /// Until the connection ends.
    pub fn front<'s, 'scope>(&'s self, scope: &'scope Scope<'scope, '_>)
    where
        's: 'scope,
    {
        let mut desk = Desk::new();
        let mut input = Input::default();
        let mut answer = Input::default();
        // The time was up once, and nothing came of that yet.
        let mut late = false;
        let mut state = self.lock();
        loop {
            let any;
            (state, any) = self.drive(state, Side::Front, &mut desk, &mut input);
            if state.closing {
                // Whatever still comes is dropped: closing with unread input
                // would destroy the answer under way.
                input.keep(0);
            }
            let ended = input.closed || state.gone;
            let last = state.closing && state.server.after() == After::Close;
            if state.over || state.quiet() && (ended || last) {
                return;
            }
            // Whether only what another thread does can change anything here.
            let stuck = ended || !input.is_empty() || state.bridge.keeps();
            if let Some(at) = state.unread() {
                if !state.bridge.uses(at) && !state.back_is_busy(at) {
                    state = self.dismiss(state, at, &mut answer);
                    continue;
                }
                let alone = self.exchanges == 1 && !state.links.iter().flatten().any(|l| l.read);
                if alone && (stuck || state.server.phase() == Phase::Response) {
                    let patience = (!stuck).then_some(PATIENCE);
                    state = self.attend(scope, state, at, patience, &mut desk, &mut answer);
                } else {
                    state = self.hand_over(scope, state, at, &mut desk, Input::default());
                }
                continue;
            }
            if stuck {
                state = self.wait(state);
                continue;
            }
            if !state.closing {
                let phase = state.server.phase();
                state.pace.observe(phase, any && phase != Phase::Response);
                late &= !any;
            }
            let mut time = match state.pace.left_now() {
                Ok(time) => time,
                Err(Phase::Idle | Phase::Closing) if state.quiet() => return,
                Err(_) if late => {
                    state.lose(self.front);
                    continue;
                }
                Err(_) => {
                    late = true;
                    state.bridge.expire(Error::Timeout);
                    continue;
                }
            };
            if state.bridge.active() {
                // When the answer is over there will be another bound.
                time = Some(time.unwrap_or(Duration::MAX).min(self.look()));
            }
            drop(state);
            let got = input.read(self.front, time, self.look());
            state = self.lock();
            if got.is_err() {
                state.lose(self.front);
            }
        }
    }

    /// One read of a connection behind, where no other thread is at work, and
    /// what comes of it. For no longer than `patience`.
    fn attend<'s, 'scope>(
        &'s self,
        scope: &'scope Scope<'scope, '_>,
        mut state: Guard<'s, G>,
        at: usize,
        patience: Option<Duration>,
        desk: &mut Desk,
        input: &mut Input,
    ) -> Guard<'s, G>
    where
        's: 'scope,
    {
        state.set_read(at, true);
        let (mut state, got) = self.hear(state, at, patience, input);
        if got == Heard::Nothing && patience.is_some() {
            return self.hand_over(scope, state, at, desk, std::mem::take(input));
        }
        let any;
        (state, any) = self.drive(state, Side::Back(at), desk, input);
        let used = state.bridge.uses(at) || state.back_is_busy(at);
        if input.released || !used {
            return self.dismiss(state, at, input);
        }
        if any {
            state.progress(at);
        }
        if state.is_stuck(at, input) {
            // It is for the front to move first.
            return self.hand_over(scope, state, at, desk, std::mem::take(input));
        }
        state.set_read(at, false);
        state
    }
}
