//! The same world as that of `bridge`, between any two protocols.
//!
//! Input: the protocol in front, the one behind, what goes wrong and how
//! often, then every decision.

use super::Source;
use super::bridge::{Fed, chaos};
use super::common::between::{self, Dice, World};
use super::common::link::Web;
use super::common::wires::{Visit, Wire, visit};
use vestibule::Length;

struct Run<'d, 'a>(&'d mut Fed<'a>);

impl Visit for Run<'_, '_> {
    fn pair<F: Wire, B: Wire>(self) {
        let dice = self.0;
        let (mut chaos, aborts, refusals) = chaos(dice);
        chaos.refusals = refusals;
        let count = 1 + dice.below(6);
        // Connections in front: a wire that carries one request has others.
        let (fronts, count) = if F::FORMS.kept {
            (1, count)
        } else {
            (count, 1)
        };
        for _ in 0..fronts {
            let mut calls = between::calls(dice, count, 600, aborts);
            for call in &mut calls {
                if !F::FORMS.streams && call.length == Length::Unknown {
                    call.length = Length::Known(call.body.len() as u64);
                }
            }
            let many = if F::FORMS.many { 1 + dice.below(3) } else { 1 };
            let most = if many == 1 { 2 } else { 3 };
            // As many as there are in front, or fewer connections of several.
            let (behind, most): (fn() -> _, _) = match dice.below(2) {
                1 if B::FORMS.many => (|| B::ends(2), 2),
                _ => (|| B::ends(1), most),
            };
            let (client, server) = F::ends(many);
            let web = Web::new(client, calls);
            let mut world = World::new(web, server, many, behind, most, chaos);
            world.forms(F::FORMS, B::FORMS);
            let rounds = dice.left();
            world.run(dice, rounds);
        }
    }
}

pub fn run(data: &[u8]) {
    let mut dice = Fed(Source(data));
    let (front, back) = (dice.below(256), dice.below(256));
    visit(front, back, Run(&mut dice));
}
