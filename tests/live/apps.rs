//! The servers with an application, and what an application is told.

use std::rc::Rc;

use crate::contract::{Traits, Way};
use crate::harness::Peer;
use crate::http::Body;
use crate::tools::Dump;

/// A server that runs.
pub struct App {
    pub name: String,
    pub endpoint: String,
    pub traits: Traits,
    /// It closes after each answer, without a word.
    pub closes: bool,
    /// It is told variables, not fields.
    pub variables: bool,
    /// What it tells the application beside the fields.
    env: Vec<String>,
    #[expect(dead_code, reason = "ended when dropped")]
    peer: Rc<Peer>,
}

const FLASK: Traits = Traits {
    peer: "flask",
    chunked: true,
    continues: true,
    hints: true,
    mirror: true,
    unread: true,
    head_length: true,
};

const ASGI: Traits = Traits {
    peer: "asgi",
    hints: false,
    ..FLASK
};

/// uWSGI gives no chunked body to an application that does not know of it.
const WSGI: Traits = Traits {
    peer: "wsgi",
    chunked: false,
    continues: false,
    hints: false,
    mirror: true,
    unread: false,
    head_length: true,
};

impl App {
    fn new(peer: Peer, name: &str, unix: &str, traits: Traits, env: &[&str]) -> App {
        let endpoint = match unix {
            "" => peer.http(),
            socket => peer.socket("http", socket),
        };
        App::at(&Rc::new(peer), name, endpoint, traits, env)
    }

    fn at(peer: &Rc<Peer>, name: &str, endpoint: String, traits: Traits, env: &[&str]) -> App {
        let how = match endpoint.contains("+unix:") {
            true => "unix socket",
            false => "TCP",
        };
        let port = peer.port.to_string();
        App {
            name: format!("{name}, {how}"),
            variables: !endpoint.starts_with("http"),
            endpoint,
            traits,
            closes: name == "uWSGI",
            env: env.iter().map(|e| e.replace("@PORT@", &port)).collect(),
            peer: Rc::clone(peer),
        }
    }

    pub fn gunicorn() -> [App; 2] {
        let both = ["RAW_URI=@TARGET@", "SERVER_SOFTWARE=gunicorn/27.0.1"];
        let tcp = [
            "REMOTE_ADDR=127.0.0.1",
            "SERVER_NAME=127.0.0.1",
            "SERVER_PORT=@PORT@",
        ];
        let unix = ["REMOTE_ADDR=", "SERVER_NAME=h.test", "SERVER_PORT=81"];
        [("", tcp), ("gunicorn", unix)].map(|(socket, env)| {
            let peer = Peer::start("gunicorn", &[]);
            App::new(peer, "Gunicorn", socket, FLASK, &[&both[..], &env].concat())
        })
    }

    pub fn uvicorn() -> [App; 3] {
        let start = |name, key, value, socket, client| {
            let peer = Peer::start("uvicorn", &[(key, value)]);
            App::new(peer, name, socket, ASGI, &[client])
        };
        let (tcp, unix) = ("client=127.0.0.1", "client=None");
        [
            start("uvicorn, httptools", "PEER_HTTP", "httptools", "", tcp),
            start("uvicorn, h11", "PEER_HTTP", "h11", "", tcp),
            start("uvicorn", "PEER_UNIX", "1", "uvicorn", unix),
        ]
    }

    pub fn hypercorn() -> [App; 2] {
        // It closes without having read, which can lose the answer.
        let traits = Traits {
            unread: false,
            ..ASGI
        };
        let unix = Peer::start("hypercorn", &[("PEER_UNIX", "1")]);
        let tcp = Peer::start("hypercorn", &[]);
        [
            App::new(tcp, "Hypercorn", "", traits, &["client=127.0.0.1"]),
            App::new(unix, "Hypercorn", "hypercorn", traits, &["client=None"]),
        ]
    }

    pub fn uwsgi() -> [App; 2] {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = format!("SERVER_NAME={}", host.trim());
        let both = ["REQUEST_URI=@TARGET@", &host];
        let tcp = ["REMOTE_ADDR=127.0.0.1", "SERVER_PORT=@PORT@"];
        let unix = ["REMOTE_ADDR=0.0.0.0", "SERVER_PORT=80"];
        [("", tcp), ("http", unix)].map(|(socket, env)| {
            let peer = Peer::start("uwsgi", &[]);
            App::new(peer, "uWSGI", socket, WSGI, &[&both[..], &env].concat())
        })
    }

    /// The same application over protocols of variables, at ports and at sockets.
    pub fn uwsgi_over(protocol: &str) -> [App; 2] {
        let nth = ["http", "uwsgi", "scgi", "fcgi"]
            .iter()
            .position(|name| *name == protocol)
            .unwrap();
        let peer = Rc::new(Peer::start("uwsgi", &[]));
        // The server of HTTP before it sees to that.
        let traits = Traits {
            continues: true,
            ..WSGI
        };
        let env: &[&str] = match protocol {
            "scgi" => &["SCGI=1", "CONTENT_LENGTH=0"],
            _ => &[],
        };
        let name = format!("uWSGI over {protocol}");
        let ends = [peer.at(protocol, nth), peer.socket(protocol, protocol)];
        ends.map(|end| App::at(&peer, &name, end, traits, env))
    }

    /// Flask by the same way: Gunicorn speaks one protocol at a time.
    pub fn gunicorn_over_uwsgi() -> [App; 2] {
        let peer = Rc::new(Peer::start("gunicorn", &[("PEER_PROTOCOL", "uwsgi")]));
        let traits = Traits {
            hints: false,
            chunked: false,
            ..FLASK
        };
        let env = [
            "RAW_URI=/a b/\\xc5\\xa1/c?x=1&y=%C5%A1&empty=&q=/?",
            "SERVER_SOFTWARE=gunicorn/27.0.1",
        ];
        let tcp = [
            "REMOTE_ADDR=127.0.0.1",
            "SERVER_NAME=127.0.0.1",
            "SERVER_PORT=@PORT@",
        ];
        let unix = ["REMOTE_ADDR=", "SERVER_NAME=h.test", "SERVER_PORT=81"];
        let ends = [
            (peer.at("uwsgi", 0), tcp),
            (peer.socket("uwsgi", "gunicorn"), unix),
        ];
        ends.map(|(end, more)| {
            let env = [&env[..], &more].concat();
            App::at(&peer, "Gunicorn over uwsgi", end, traits, &env)
        })
    }

    /// That the application is told exactly what was sent to a path that begins
    /// with `place`, and `told` of what was `sent` beside it or added on the way.
    #[track_caller]
    pub fn told(&self, way: &mut dyn Way, place: &str, sent: &[(&str, &str)], told: &[&str]) {
        let long = "x".repeat(4000);
        let fields = [
            ("Host", "h.test:81"),
            ("Accept", "*/*"),
            ("X-Probe", "one"),
            ("X-Probe", "two, three"),
            ("X-Latin1", "caf\u{e9}\\"),
            ("X-Empty", ""),
            ("x-tab", "a\tb"),
            ("Cookie", "a=1; b=2"),
            ("X-Long", &long),
        ];
        let target = format!("{place}a%20b/%C5%A1/c?x=1&y=%C5%A1&empty=&q=/?");
        let got = way.ask("GET", &target, &[&fields, sent].concat(), Body::None);
        let mut dump = Dump::of(&got.body);
        assert_eq!((got.status, &dump.peer[..]), (200, self.traits.peer));
        dump.got("GET", b"");
        // Gunicorn tells the port where there is one. Whether the connection is
        // to be kept is nobody else's business.
        let apart = ["REMOTE_PORT=", "HTTP_CONNECTION=", "header connection="];
        dump.vars
            .retain(|var| !apart.iter().any(|name| var.starts_with(name)));
        for var in &mut dump.vars {
            // Gunicorn joins without a blank.
            if var == "HTTP_X_PROBE=one,two, three" {
                *var = "HTTP_X_PROBE=one, two, three".into();
            }
            // Over uwsgi it takes the bytes for characters.
            *var = var.replace("\\xc3\\x85\\xc2\\xa1", "\\xc5\\xa1");
        }
        let asgi = self.traits.peer == "asgi";
        let named = |name: &str, value: &str| match asgi {
            true => format!("header {}={value}", name.to_ascii_lowercase()),
            false => format!(
                "HTTP_{}={value}",
                name.to_ascii_uppercase().replace('-', "_")
            ),
        };
        let mut want: Vec<String> = [
            named("Accept", "*/*"),
            named("Cookie", "a=1; b=2"),
            named("Host", "h.test:81"),
            named("X-Empty", ""),
            named("X-Latin1", "caf\\xc3\\xa9\\x5c"),
            named("X-Long", &long),
            named("X-Tab", "a\\x09b"),
        ]
        .into();
        let more: &[&str] = match asgi {
            true => &[
                "header x-probe=one",
                "header x-probe=two, three",
                "http_version=1.1",
                "path=@PLACE@a b/\\x5cu0161/c",
                "query_string=x=1&y=%C5%A1&empty=&q=/?",
                "raw_path=@PLACE@a%20b/%C5%A1/c",
                "root_path=",
                "scheme=http",
            ],
            false => &[
                "HTTP_X_PROBE=one, two, three",
                "PATH_INFO=@PLACE@a b/\\xc5\\xa1/c",
                "QUERY_STRING=x=1&y=%C5%A1&empty=&q=/?",
                "REQUEST_METHOD=GET",
                "SCRIPT_NAME=",
                "SERVER_PROTOCOL=HTTP/1.1",
                "wsgi.url_scheme=http",
            ],
        };
        want.extend(more.iter().map(|var| var.replace("@PLACE@", place)));
        // Gunicorn makes up its own.
        if self.variables && self.traits.peer != "flask" {
            let ours = concat!("SERVER_SOFTWARE=vestibule/", env!("CARGO_PKG_VERSION"));
            want.extend(
                [
                    "GATEWAY_INTERFACE=CGI/1.1",
                    "REMOTE_ADDR=127.0.0.1",
                    "REQUEST_SCHEME=http",
                    &format!("REQUEST_URI={target}"),
                    "SERVER_ADDR=127.0.0.1",
                    "SERVER_NAME=h.test",
                    ours,
                ]
                .map(String::from),
            );
        }
        want.extend(self.env.iter().map(|var| var.replace("@TARGET@", &target)));
        want.extend(told.iter().map(|var| match var.split_once(": ") {
            Some((name, value)) => named(name, value),
            None => var.to_string(),
        }));
        dump.has(&want.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
