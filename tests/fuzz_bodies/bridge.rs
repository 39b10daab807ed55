//! A bridge in a world of links that stall, break and lie, with a driver that
//! lends what it likes and makes mistakes: HTTP and FastCGI, one request at once
//! and several. `bridge_pairs` has all protocols.
//!
//! Input: which pair, what goes wrong and how often, then every decision.

use vestibule::{fcgi, http1};

use super::Source;
use super::common::between::{self, Chaos, Dice, World};
use super::common::link::Web;

/// Decisions from the input; beyond its end nothing goes wrong any more.
pub struct Fed<'a>(pub Source<'a>);

impl Fed<'_> {
    /// Bytes that are not used up.
    pub fn left(&self) -> usize {
        self.0.0.len()
    }
}

impl Dice for Fed<'_> {
    fn below(&mut self, n: usize) -> usize {
        let number = match n {
            0..=256 => usize::from(self.0.byte()),
            _ => usize::from(self.0.word()),
        };
        number % n.max(1)
    }
}

fn fcgi_client(slots: usize) -> fcgi::Client<Vec<fcgi::ClientSlot>> {
    fcgi::Client::new(vec![fcgi::ClientSlot::EMPTY; slots])
}

fn fcgi_server(slots: usize) -> fcgi::Server<Vec<fcgi::Slot>> {
    fcgi::Server::new(vec![fcgi::Slot::EMPTY; slots])
}

/// What goes wrong, and once in how many requests one is given up; at last how
/// often what is not said yet.
pub fn chaos(dice: &mut Fed<'_>) -> (Chaos, usize, usize) {
    let what = dice.0.byte();
    let often = [4, 16, 60, 200][dice.below(4)];
    let on = |bit: u8| if what & bit != 0 { often } else { 0 };
    let chaos = Chaos {
        flips: on(1),
        cuts: on(2),
        closes: on(4),
        driver: on(8),
        mistakes: on(16),
        rooms: on(32),
        refusals: 0,
    };
    (chaos, on(64), on(128))
}

pub fn run(data: &[u8]) {
    let mut dice = Fed(Source(data));
    let pair = dice.0.byte();
    let (chaos, aborts, _) = chaos(&mut dice);
    let count = 1 + dice.below(6);
    let calls = between::calls(&mut dice, count, 600, aborts);
    let rounds = data.len();

    macro_rules! world {
        ($web:expr, $server:expr, $exchanges:expr, $behind:expr, $most:expr) => {{
            let web = Web::new($web, calls);
            let mut world = World::new(web, $server, $exchanges, $behind, $most, chaos);
            world.run(&mut dice, rounds);
        }};
    }
    match pair % 6 {
        0 => world!(
            http1::Client::new(),
            http1::Server::new(),
            1,
            || (http1::Client::new(), http1::Server::new()),
            2
        ),
        1 => world!(
            http1::Client::new(),
            http1::Server::new(),
            1,
            || (fcgi_client(1), fcgi_server(1)),
            2
        ),
        2 => world!(
            fcgi_client(1),
            fcgi_server(1),
            1,
            || (http1::Client::new(), http1::Server::new()),
            2
        ),
        3 => world!(
            fcgi_client(3),
            fcgi_server(3),
            3,
            || (http1::Client::new(), http1::Server::new()),
            3
        ),
        4 => world!(
            fcgi_client(3),
            fcgi_server(3),
            3,
            || (fcgi_client(1), fcgi_server(1)),
            3
        ),
        _ => world!(
            fcgi_client(3),
            fcgi_server(3),
            3,
            || (fcgi_client(2), fcgi_server(2)),
            2
        ),
    }
}
