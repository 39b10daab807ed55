//! Recorded traffic of web servers and applications, replayed through our
//! machines in every piece size; what it must come to is in
//! `traces/PROTOCOL/expected.txt`.
//!
//! `NAME.c2s.bin` is what a web server sent on one connection, `NAME.s2c.bin`
//! what came back. Recorded between nginx 1.22.1, Apache httpd 2.4.71 or
//! cgi-fcgi 2.4.2, and PHP-FPM 8.2.36, libfcgi 2.4.2, fcgiwrap 1.1.0 or uWSGI
//! 2.0.21; `probe` is a few records by hand. What is behind them with HTTP,
//! AJP, SCGI and uwsgi: see `interop/`.

mod common;

mod interop {
    mod ajp_answers;
    mod ajp_server;
    mod http1;
    mod oneshot;
}

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Entry, Fact, Subject, What, check, feed, fnv, normal, put};
use vestibule::fcgi::{self, Role, client};
use vestibule::{Ending, Field, Id, Length, Request, Server, drain};

fn dir(protocol: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/traces")
        .join(protocol)
}

fn names(protocol: &str, least: usize) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir(protocol))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".c2s.bin").map(str::to_string)
        })
        .collect();
    names.sort();
    assert!(names.len() >= least, "only {} traces", names.len());
    names
}

fn read(protocol: &str, name: &str, side: &str) -> Vec<u8> {
    fs::read(dir(protocol).join(format!("{name}.{side}.bin"))).unwrap()
}

type Application = fcgi::Server<Vec<fcgi::Slot>>;
type Web = client::Client<Vec<client::Slot>>;

fn application() -> Application {
    // Apache and nginx send a body of unknown length with CONTENT_LENGTH 0 or
    // none; a web server whose client left ends short: by closing.
    fcgi::Server::new(vec![fcgi::Slot::EMPTY])
}

/// Ends each request at once, so that the next one of a kept connection comes.
fn answer(server: &mut Application, fact: &Fact, out: &mut Vec<u8>) {
    let id = match fact {
        Fact::BodyEnd(id) | Fact::HeadEnd(id, _, Length::None) => Id::new(*id).unwrap(),
        Fact::Abort(id) => {
            put(out, server.end(Id::new(*id).unwrap(), 0).unwrap());
            return;
        }
        _ => return,
    };
    let mut room = [0; 64];
    let fields = [Field::header(b"Content-Type", b"a/b")];
    put(
        out,
        server
            .head(id, 200, fields, Length::None, &mut room)
            .unwrap(),
    );
    put(out, server.end(id, 0).unwrap());
}

/// A request as the web server's bytes have it.
#[derive(Clone, Debug)]
struct Asked {
    id: u16,
    role: Role,
    keep: bool,
    head: bool,
}

fn asked(bytes: &[u8]) -> (Vec<Asked>, bool) {
    let mut all = Vec::new();
    let mut values = false;
    let mut server = application();
    let mut cursor = bytes;
    let result = drain(&mut server, &mut cursor, |server, event| match event {
        Request::Begin { id } => all.push(Asked {
            id: id.get(),
            role: server.role(id).unwrap(),
            keep: server.keep_conn(id),
            head: false,
        }),
        Request::Field { field, .. } if field.name == b"REQUEST_METHOD" => {
            all.last_mut().unwrap().head = field.value == b"HEAD";
        }
        Request::HeadEnd {
            id,
            length: Length::None,
        } => answer(
            server,
            &Fact::HeadEnd(id.get(), None, Length::None),
            &mut Vec::new(),
        ),
        Request::BodyEnd { id } => answer(server, &Fact::BodyEnd(id.get()), &mut Vec::new()),
        Request::Ext(fcgi::ServerExt::Values(_)) => values = true,
        _ => {}
    });
    assert!(result.is_ok());
    (all, values)
}

fn open(client: &mut Web, asked: &Asked) {
    let method = if asked.head { &b"HEAD"[..] } else { b"GET" };
    let fields = [Field::var(b"REQUEST_METHOD", method)];
    let mut room = [0; 64];
    // The lowest free id is given: those below are taken first.
    for _ in 1..asked.id {
        let all = client.begin(Role::Responder, true, fields, Length::None, &mut room);
        let _ = all.unwrap();
    }
    let (id, _) = client
        .begin(asked.role, asked.keep, fields, Length::None, &mut room)
        .unwrap();
    assert_eq!(id.get(), asked.id);
}

fn web(asked: &[Asked], values: bool) -> Web {
    let most = asked.iter().map(|a| a.id).max().unwrap_or(1);
    let mut client = client::Client::new(vec![client::Slot::EMPTY; most.into()]);
    if values {
        let _ = client.values().unwrap();
    }
    if let Some(first) = asked.first() {
        open(&mut client, first);
    }
    client
}

/// One line for each fact that matters, fields of requests as one.
fn summary(log: &[Entry], fields: bool) -> String {
    let mut out = String::new();
    let mut pairs = Vec::new();
    let mut count = 0;
    for Entry { fact, .. } in log {
        match fact {
            Fact::Field { name, value, .. } if !fields => {
                count += 1;
                pairs.extend_from_slice(name);
                pairs.push(b'=');
                pairs.extend_from_slice(value);
                pairs.push(b'\n');
                if name == b"REQUEST_METHOD" || name == b"REQUEST_URI" {
                    writeln!(out, "  {fact}").unwrap();
                }
            }
            Fact::HeadEnd(id, None, _) => {
                writeln!(out, "  {id} {count} fields fnv {:016x}", fnv(&pairs)).unwrap();
                writeln!(out, "  {fact}").unwrap();
                pairs.clear();
                count = 0;
            }
            Fact::Bytes {
                id,
                what: What::Body,
                bytes,
            } => {
                writeln!(
                    out,
                    "  {id} body {} bytes fnv {:016x}",
                    bytes.len(),
                    fnv(bytes)
                )
                .unwrap();
            }
            _ => writeln!(out, "  {fact}").unwrap(),
        }
    }
    out
}

/// What the web server sent, then what the application did.
fn both(name: &str) -> String {
    let sent = read("fastcgi", name, "c2s");
    let log = replay_server(&application, &answer, &sent);
    let mut out = format!("{name}\n sent\n{}", summary(&log, false));
    let (asked, values) = asked(&sent);
    let answered = read("fastcgi", name, "s2c");
    let mut log = replay_client(&answered, &asked, values);
    // Requests that were made only to reach a high id.
    log.retain(|e| {
        e.fact
            .id()
            .is_none_or(|id| asked.iter().any(|a| a.id == id))
    });
    write!(out, " answered\n{}", summary(&log, true)).unwrap();
    out
}

/// What a web server sent, through a server machine.
fn replay_server<M: Subject>(
    make: &dyn Fn() -> M,
    answer: &dyn Fn(&mut M, &Fact, &mut Vec<u8>),
    bytes: &[u8],
) -> Vec<Entry> {
    let run = |bytes: &[u8], cuts: &[usize], close| {
        let mut react = |m: &mut M, f: &Fact, out: &mut Vec<u8>| answer(m, f, out);
        let (log, out) = feed(&mut make(), bytes, cuts, close, &mut react).unwrap();
        (normal(&log).unwrap(), out)
    };
    if bytes.len() <= 4096 {
        return check(make, bytes, true, answer).unwrap().0;
    }
    let whole = run(bytes, &[], true);
    for size in [1, 7, 1448] {
        let cuts: Vec<usize> = (size..bytes.len()).step_by(size).collect();
        assert!(run(bytes, &cuts, true) == whole, "pieces of {size}");
    }
    // A cut is seen within the message around it: what lies far behind it is
    // the same run.
    let front = &bytes[..bytes.len().min(8192 + 64)];
    let whole_front = run(front, &[], false);
    for cut in 0..=8192 {
        assert!(run(front, &[cut], false) == whole_front, "cut at {cut}");
    }
    whole.0
}

fn replay_client(bytes: &[u8], asked: &[Asked], values: bool) -> Vec<Entry> {
    let run = |cuts: &[usize]| {
        let mut next = 1;
        let mut react = |client: &mut Web, fact: &Fact, _: &mut Vec<u8>| {
            let ours = asked.get(next - 1).map(|a| a.id);
            if let Fact::Done { id, ending, .. } = fact
                && Some(*id) == ours
                && let Some(more) = asked.get(next)
                && matches!(ending, Ending::Complete { .. })
                && client.free() > 0
            {
                open(client, more);
                next += 1;
            }
        };
        let (log, _) = feed(&mut web(asked, values), bytes, cuts, true, &mut react).unwrap();
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

/// Every trace of a protocol, and what all of them come to.
fn compare(protocol: &str, least: usize, expected: &str, both: fn(&str) -> String) {
    let names = names(protocol, least);
    let part = |odd: usize| {
        let mine: Vec<String> = names.iter().skip(odd).step_by(2).cloned().collect();
        std::thread::spawn(move || {
            let both = |n: &String| (n.clone(), both(n));
            mine.iter().map(both).collect::<Vec<_>>()
        })
    };
    let parts = [part(0), part(1)];
    let mut all: Vec<_> = parts.into_iter().flat_map(|p| p.join().unwrap()).collect();
    all.sort();
    let came: String = all.into_iter().map(|(_, text)| text).collect();
    if came != expected {
        let at = came.lines().zip(expected.lines()).position(|(a, b)| a != b);
        let at = at.unwrap_or(0).saturating_sub(5);
        let part = |s: &str| s.lines().skip(at).take(20).collect::<Vec<_>>().join("\n");
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{protocol}.txt"));
        fs::write(to, &came).unwrap();
        panic!(
            "from line {at}\n{}\nexpected\n{}",
            part(&came),
            part(expected)
        );
    }
}

#[test]
fn recorded_traffic_comes_to_what_was_said() {
    let expected = include_str!("traces/fastcgi/expected.txt");
    compare("fastcgi", 60, expected, both);
}
