//! Drives the bridge between two machines with queues for sockets.

use vestibule::bridge::{Back, Bridge as Machine, Exchange, Feed, Rooms, Step};
use vestibule::{Client, Fields, Server};

use crate::common::put;

/// Writes into a queue that is never longer than this (and a message).
pub const QUEUE: usize = 20_000;

/// Exchanges at once: as many as any server machine here takes.
const EXCHANGES: usize = 16;

type Store = Vec<Exchange<Vec<u8>>>;

pub struct Bridge<K> {
    pub machine: Machine<Vec<u8>, Store>,
    pub backs: [Option<Back<K>>; 1],
    pub log: Vec<u8>,
    /// Exchanges that ended.
    pub over: usize,
}

impl<K: Client> Bridge<K> {
    pub fn new(client: K) -> Self {
        let store = || Fields::new(vec![0; 4096]);
        let exchange = || Exchange::new(store(), store());
        Bridge {
            machine: Machine::new((0..EXCHANGES).map(|_| exchange()).collect()),
            backs: [Some(Back::new(client))],
            log: Vec::new(),
            over: 0,
        }
    }

    /// Goes on as far as input, credit and the two queues allow.
    pub fn run<V: Server>(
        &mut self,
        server: &mut V,
        from_web: &mut &[u8],
        from_app: &mut &[u8],
        to_web: &mut Vec<u8>,
        to_app: &mut Vec<u8>,
    ) {
        loop {
            let (mut front, mut back) = (vec![0; 8192], vec![0; 8192]);
            let rooms = Rooms {
                to_front: (to_web.len() < QUEUE).then_some(&mut front[..]),
                to_back: (to_app.len() < QUEUE).then_some(&mut back[..]),
            };
            let step = self.machine.step(
                server,
                Feed::Bytes(from_web),
                &mut self.backs,
                Some((0, Feed::Bytes(from_app))),
                rooms,
            );
            match step {
                Step::ToFront(frame, _) => put(to_web, frame),
                Step::ToBack(_, frame, _) => put(to_app, frame),
                Step::Head(place) => self.machine.forward(place),
                // One connection: it waits until an exchange there is over.
                Step::Connect(_) => {}
                Step::Log(_, bytes) => self.log.extend_from_slice(bytes),
                Step::Over(_) => self.over += 1,
                Step::Again => {}
                Step::Wait => return,
            }
        }
    }
}
