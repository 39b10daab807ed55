//! Who listens, and where.

use super::{broken, front};
use crate::tools::{BIN, Dir, Served, vestibule};

/// The longest body, and the longest that is taken.
pub const BIG: usize = 10_000_000;

/// All that can be spoken; CGI is the last.
pub const PROTOCOLS: [&str; 6] = ["http", "fcgi", "scgi", "uwsgi", "ajp", "cgi"];

/// One application, by whatever protocol, and gateways to it.
pub struct App {
    served: Served,
    /// Its addresses, one a protocol.
    backs: Vec<String>,
    /// For each of them a gateway.
    gateways: Vec<Gateway>,
}

/// A gateway to one address.
struct Gateway {
    served: Served,
    fronts: Vec<String>,
}

/// `serve` by all protocols that have an address.
fn listen(args: &[&str]) -> (Served, Vec<String>) {
    let [listening @ .., _] = PROTOCOLS;
    let at = listening.map(|scheme| format!("{scheme}://127.0.0.1:0"));
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

fn of<'a, T>(scheme: &str, all: &'a [T]) -> &'a T {
    let at = PROTOCOLS.iter().position(|known| *known == scheme);
    &all[at.unwrap()]
}

impl Gateway {
    fn to(endpoint: &str) -> Gateway {
        let (served, mut fronts) = listen(&["--to", endpoint, "--unknown-length"]);
        fronts.push(front::listen(endpoint));
        Gateway { served, fronts }
    }
}

impl App {
    fn new(name: &str, dir: &Dir) -> App {
        let most = BIG.to_string();
        let (served, mut backs) = listen(&["--app", name, "--max-body", &most]);
        // Under this name it is a CGI program.
        let program = dir.path(&format!("{name}.cgi"));
        std::os::unix::fs::symlink(BIN, &program).unwrap();
        backs.push(format!("cgi:{program}"));
        App {
            served,
            gateways: backs.iter().map(|back| Gateway::to(back)).collect(),
            backs,
        }
    }

    /// Where it is itself.
    pub fn at(&self, scheme: &str) -> &str {
        of::<String>(scheme, &self.backs)
    }

    /// Where it is by way of `back`.
    pub fn through(&self, front: &str, back: &str) -> &str {
        of::<String>(front, &of(back, &self.gateways).fronts)
    }
}

/// All of them.
pub struct Places {
    pub echo: App,
    pub mirror: App,
    /// Gateways to what breaks every answer off.
    broken: Vec<Gateway>,
    _dir: Dir,
}

impl Places {
    pub fn new() -> Places {
        let dir = Dir::new("matrix");
        let broken = PROTOCOLS.map(|scheme| Gateway::to(&broken::listen(scheme, &dir)));
        Places {
            echo: App::new("echo", &dir),
            mirror: App::new("mirror", &dir),
            broken: broken.into(),
            _dir: dir,
        }
    }

    /// Where what breaks answers off is, by way of `back`.
    pub fn broken(&self, front: &str, back: &str) -> &str {
        of::<String>(front, &of(back, &self.broken).fronts)
    }
}
