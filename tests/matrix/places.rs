//! Who listens, and where.

use super::broken;
use crate::tools::{Served, vestibule};

/// The longest body, and the longest that is taken.
pub const BIG: usize = 10_000_000;

/// All that can be spoken.
pub const PROTOCOLS: [&str; 5] = ["http", "fcgi", "scgi", "uwsgi", "ajp"];

/// One application, by whatever protocol, and gateways to it.
pub struct App {
    served: Served,
    /// Its addresses, one a protocol.
    backs: Vec<String>,
    /// For each of them the addresses of a gateway.
    gateways: Vec<Gateway>,
}

/// A gateway to one address.
struct Gateway {
    served: Served,
    fronts: Vec<String>,
}

/// `serve` by all protocols.
fn listen(args: &[&str]) -> (Served, Vec<String>) {
    let at = PROTOCOLS.map(|scheme| format!("{scheme}://127.0.0.1:0"));
    let listen: Vec<&str> = at.iter().flat_map(|at| ["--listen", at]).collect();
    let mut served = Served::spawn(vestibule(&[&["serve"], args, &listen[..]].concat()));
    let mut all = vec![served.endpoint.clone()];
    while all.len() < at.len() {
        let line = served.line();
        let endpoint = line.trim_end().strip_prefix("listening at ");
        all.push(endpoint.unwrap().to_string());
    }
    (served, all)
}

fn of<'a>(scheme: &str, all: &'a [String]) -> &'a str {
    let at = PROTOCOLS.iter().position(|known| *known == scheme);
    &all[at.unwrap()]
}

impl Gateway {
    fn to(endpoint: &str) -> Gateway {
        let (served, fronts) = listen(&["--to", endpoint, "--unknown-length"]);
        Gateway { served, fronts }
    }
}

impl App {
    fn new(name: &str) -> App {
        let most = BIG.to_string();
        let (served, backs) = listen(&["--app", name, "--max-body", &most]);
        App {
            served,
            gateways: backs.iter().map(|back| Gateway::to(back)).collect(),
            backs,
        }
    }

    /// Where it is itself.
    pub fn at(&self, scheme: &str) -> &str {
        of(scheme, &self.backs)
    }

    /// Where it is by way of `back`.
    pub fn through(&self, front: &str, back: &str) -> &str {
        let at = PROTOCOLS.iter().position(|known| *known == back);
        of(front, &self.gateways[at.unwrap()].fronts)
    }
}

/// All of them.
pub struct Places {
    pub echo: App,
    pub mirror: App,
    /// Gateways to what breaks every answer off.
    broken: Vec<Gateway>,
}

impl Places {
    pub fn new() -> Places {
        Places {
            echo: App::new("echo"),
            mirror: App::new("mirror"),
            broken: PROTOCOLS
                .iter()
                .map(|scheme| Gateway::to(&broken::listen(scheme)))
                .collect(),
        }
    }

    /// Where what breaks answers off is, by way of `back`.
    pub fn broken(&self, front: &str, back: &str) -> &str {
        let at = PROTOCOLS.iter().position(|known| *known == back);
        of(front, &self.broken[at.unwrap()].fronts)
    }
}
