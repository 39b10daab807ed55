//! The protocols of one request on a connection.
//!
//! SCGI: nginx 1.22.1 or Apache httpd 2.4.71, and uWSGI 2.0.21. uwsgi: the same,
//! and Gunicorn 27.0.1 (its gthread and `asgi` workers).
//! CGI: programs run by Apache (mod_cgi), and by fcgiwrap 1.1.0 behind nginx;
//! `.c2s.bin` is their environment, as the system kept it, and one more NUL, then
//! what they read of their standard input, `.s2c.bin` their standard output,
//! `.argv.bin` their arguments.

use crate::common::oneshot::{Cgi, Protocol, Scgi, fields};
use crate::common::{Entry, Fact, Subject, feed, normal};
use crate::{compare, read, replay_server, summary};
use std::fmt::Write;
use vestibule::cgi::response::Rules;
use vestibule::scgi::{self, ServerLimits};
use vestibule::{Client, Length, uwsgi};

fn nothing<M>(_: &mut M, _: &Fact, _: &mut Vec<u8>) {}

/// What an application answered, through a client machine.
pub fn replay_client<K: Client + Subject>(
    make: &dyn Fn() -> K,
    bytes: &[u8],
    method: &[u8],
) -> Vec<Entry> {
    let run = |cuts: &[usize]| {
        let mut client = make();
        let mut room = [0; 256];
        let opened = client.open(fields(method), Length::None, &mut room);
        let _ = opened.unwrap();
        let (log, _) = feed(&mut client, bytes, cuts, true, &mut nothing).unwrap();
        normal(&log).unwrap()
    };
    let whole = run(&[]);
    for cut in 0..=bytes.len().min(8192) {
        assert!(run(&[cut]) == whole, "cut at {cut}");
    }
    for size in [1, 7, 1448] {
        let cuts: Vec<usize> = (size..bytes.len()).step_by(size).collect();
        assert!(run(&cuts) == whole, "pieces of {size}");
    }
    whole
}

/// What the web server sent, then what the application did.
pub fn both<V: Subject, K: Client + Subject>(
    protocol: &str,
    name: &str,
    server: &dyn Fn() -> V,
    client: &dyn Fn() -> K,
) -> String {
    let sent = read(protocol, name, "c2s");
    let log = replay_server(server, &nothing, &sent);
    let mut out = format!("{name}\n sent\n{}", summary(&log, false));
    let method = log.iter().find_map(|e| match &e.fact {
        Fact::Field { name, value, .. } if name == b"REQUEST_METHOD" => Some(value.clone()),
        _ => None,
    });
    let answered = read(protocol, name, "s2c");
    let log = replay_client(client, &answered, &method.expect("a method"));
    write!(out, " answered\n{}", summary(&log, true)).unwrap();
    out
}

fn scgi(name: &str) -> String {
    let server = || scgi::Server::with_limits(ServerLimits::DEFAULT);
    both("scgi", name, &server, &|| Scgi::client(Rules::STRICT))
}

#[test]
fn recorded_traffic_of_scgi_comes_to_what_was_said() {
    let expected = include_str!("../traces/scgi/expected.txt");
    compare("scgi", 20, expected, scgi);
}

fn uwsgi(name: &str) -> String {
    both("uwsgi", name, &uwsgi::Server::new, &uwsgi::Client::new)
}

#[test]
fn recorded_traffic_of_uwsgi_comes_to_what_was_said() {
    let expected = include_str!("../traces/uwsgi/expected.txt");
    compare("uwsgi", 48, expected, uwsgi);
}

fn cgi(name: &str) -> String {
    let server = || Cgi::server(ServerLimits::DEFAULT);
    both("cgi", name, &server, &|| Cgi::client(Rules::STRICT))
}

#[test]
fn recorded_traffic_of_cgi_comes_to_what_was_said() {
    let expected = include_str!("../traces/cgi/expected.txt");
    compare("cgi", 13, expected, cgi);
}

#[test]
fn recorded_arguments_are_made_of_the_query() {
    use vestibule::cgi::argv::words;
    let argv = read("cgi", "apache-modcgi-argv", "argv");
    let env = read("cgi", "apache-modcgi-argv", "c2s");
    let query = env
        .split(|b| *b == 0)
        .find_map(|v| v.strip_prefix(b"QUERY_STRING="));
    let mut made = Vec::new();
    for word in words(b"GET", query.expect("a query")).expect("words") {
        made.extend(word.bytes());
        made.push(0);
    }
    assert_eq!(made, argv);
}
