//! Any protocol of one request on a connection: its server and its client
//! machine, whole and in pieces, with calls between that are right and wrong;
//! and the two joined.

use super::calls::{self, ID, Script, Story, loose, rank, same, tell, with_room};
use super::common::oneshot::{Protocol, Read, Vars};
use super::common::{self, Entry, Fact, Random, Subject, What, feed, normal, put};
use super::{Source, cuts, legal, ok};
use vestibule::cgi::response::{FirstLine, Parser, Piece, Rules};
use vestibule::scgi::ServerLimits;
use vestibule::{
    After, Client, Cut, Ending, Error, Field, Length, Limits, Next, Receive, Refused, Server,
    Status, drain,
};

fn limits(config: u8) -> ServerLimits {
    let d = ServerLimits::DEFAULT;
    match config & 3 {
        0 | 1 => d,
        2 => d.head_bytes(60).fields(4).body_bytes(9).linger_bytes(30),
        _ => d.head_bytes(40).fields(2).body_bytes(0).linger_bytes(0),
    }
}

/// One call on a server, of those that may be right and those that may not.
fn act<V: Server + Clone + std::fmt::Debug>(what: u8, server: &mut V, out: &mut Vec<u8>) {
    let more = usize::from(what >> 4);
    match what & 15 {
        0 => assert!(!matches!(tell(server, |s| s.demand(ID, 9)), Ok(f) if !f.is_empty())),
        1 => {
            let status = [103, 100, 199, 200, 99][more % 5];
            let fields = [Field::header(b"Link", b"x")];
            let frame = with_room(server, more, |s, room| {
                Ok(s.interim(ID, status, fields, room)?.slices().concat())
            });
            assert!(frame.is_err() || frame.is_ok_and(|bytes| bytes.is_empty()));
        }
        2 | 3 => {
            let status = [200, 204, 304, 500, 299, 600, 100, 599][more % 8];
            let length = [
                Length::Known(3),
                Length::Unknown,
                Length::None,
                Length::Known(0),
            ][usize::from(what & 1) * 2 + more / 8];
            let fields = [Field::header(b"X-A", b"1"), Field::header(b"X-B", b"")];
            let frame = with_room(server, more * 8, |s, room| {
                let fields = fields.iter().copied().take(more % 3);
                Ok(s.head(ID, status, fields, length, room)?.slices().concat())
            });
            out.extend(frame.unwrap_or_default());
        }
        6 | 7 => {
            let frame = tell(server, |s| Ok(s.finish(ID, [], &mut [])?.is_empty()));
            if let Ok(empty) = frame {
                assert!(empty && server.after() != After::Keep);
            }
        }
        _ => calls::act(what, server, out),
    }
}

/// What the application does at a fact: only at those that no cut moves. `tidy`:
/// it answers whatever the script left open.
fn react<V: Server + Clone + std::fmt::Debug>(
    script: &mut Script<'_>,
    tidy: bool,
    server: &mut V,
    fact: &Fact,
    out: &mut Vec<u8>,
) {
    if loose(fact) || matches!(fact, Fact::Ext(_)) {
        return;
    }
    let calls = match fact {
        Fact::HeadEnd(..) => 3,
        Fact::BodyEnd(_) => 4,
        _ => 1,
    };
    script.play(calls, server, out, act);
    match fact {
        Fact::BodyEnd(_) if tidy => {
            let mut room = [0; 99];
            if let Ok(frame) = server.head(ID, 404, [], Length::Known(0), &mut room) {
                put(out, frame);
            }
            let _ = server.finish(ID, [], &mut room);
        }
        Fact::Err(error) if tidy => {
            out.extend(calls::fail(server, 0, *error).unwrap_or_default());
        }
        _ => {}
    }
    script.look(server);
}

/// A run over `input` with all that came of it.
fn story<P: Protocol>(config: u8, script: &[u8], input: &[u8], cuts: &[usize]) -> Story {
    let mut server = P::server(limits(config));
    let tidy = config & 0x20 == 0;
    let mut script = Script::new(script);
    let close = config & 0x40 == 0;
    let mut react = |s: &mut P::Server, f: &Fact, out: &mut Vec<u8>| {
        react(&mut script, tidy, s, f, out);
    };
    let (log, mut out) = ok(feed(&mut server, input, cuts, close, &mut react));
    script.look(&server);
    // What is open can be ended, and is then.
    match calls::fail(&mut server, 0, Error::Internal) {
        Ok(bytes) => out.extend(bytes),
        Err(refused) => assert_eq!(refused, Refused::UnknownId),
    }
    script.look(&server);
    let state = format!("{:?} {:?}", server.phase(), server.after());
    (ok(normal(&log)), out, state)
}

/// Variables that are half right.
fn some_vars(source: &mut Source<'_>) -> Vars {
    const NAMES: [&[u8]; 12] = [
        b"REQUEST_METHOD",
        b"REQUEST_URI",
        b"QUERY_STRING",
        b"PATH_INFO",
        b"HTTP_HOST",
        b"HTTP_X",
        b"HTTP_COOKIE",
        b"REMOTE_USER",
        b"CONTENT_TYPE",
        b"CONTENT_LENGTH",
        b"CONTENT_LENGT",
        b"SCGI",
    ];
    let n = source.below(7);
    (0..n)
        .map(|_| {
            let name = source.below(NAMES.len() + 2);
            let name = match NAMES.get(name) {
                Some(name) => name.to_vec(),
                None => source.short().to_vec(),
            };
            let value = match source.below(4) {
                0 => b"HEAD".to_vec(),
                1 => b"3".to_vec(),
                _ => source.short().to_vec(),
            };
            (name, value)
        })
        .collect()
}

/// A request of some variables and a body that is about as long as they say.
fn build<P: Protocol>(source: &mut Source<'_>) -> Vec<u8> {
    let vars = some_vars(source);
    let vars: Vec<(&[u8], &[u8])> = vars.iter().map(|(n, v)| (&n[..], &v[..])).collect();
    let length = ["0", "3", "9", "70000", "", "x", "18446744073709551615"][source.below(7)];
    let mut bytes = P::head(length, &vars);
    // A byte that is another.
    if source.flag() {
        let at = source.below(bytes.len().min(256));
        bytes[at] ^= 1 << source.below(8);
    }
    bytes.extend(source.0);
    bytes
}

/// What a server machine makes of any bytes. How it is made, two bytes of cuts,
/// the calls, then the bytes of the wire, or (bit 7 of the first) a request to
/// build.
pub fn server<P: Protocol>(data: &[u8]) {
    let mut source = Source(data);
    let (config, mode, seed) = (source.byte(), source.byte(), source.byte());
    let long = source.below(16);
    let script = source.take(long);
    let built;
    let input = if config & 0x80 != 0 {
        built = build::<P>(&mut source);
        &built[..]
    } else {
        source.0
    };
    let whole = story::<P>(config, script, input, &[]);
    let split = story::<P>(config, script, input, &cuts(mode, seed, input.len()));
    same(&whole, &split);
    let (log, out, _) = whole;
    ok(legal::server(&log, true).map_err(|e| format!("{e}\n{}", common::text(&log))));
    let begun = log.iter().filter(|e| matches!(e.fact, Fact::Begin(_)));
    assert!(begun.count() <= 1, "a second request");
    one_answer(P::answer(&out));
    if script.is_empty() && config & 3 < 2 {
        second_reader::<P>(input, &log);
    }
}

/// What was written is the beginning of one answer, or nothing.
fn one_answer(out: &[u8]) {
    let mut parser = Parser::new(Rules::STRICT.first_line(FirstLine::Either), false);
    let mut cursor = out;
    let read = drain(&mut parser, &mut cursor, |_, _| {});
    assert!(read.is_ok(), "{}", out.escape_ascii());
    assert!(!parser.excess(), "{}", out.escape_ascii());
    assert!(!parser.body_dropped(), "{}", out.escape_ascii());
}

/// Another reader sees the same variables, and a head where there is one.
fn second_reader<P: Protocol>(input: &[u8], log: &[Entry]) {
    let show = || format!("{}\n{}", common::text(log), input.escape_ascii());
    let vars: Vars = log
        .iter()
        .filter_map(|e| match &e.fact {
            Fact::Field { name, value, .. } => Some((name.clone(), value.clone())),
            _ => None,
        })
        .collect();
    let ended = log.iter().find(|e| matches!(e.fact, Fact::HeadEnd(..)));
    let error = log.iter().find_map(|e| match e.fact {
        Fact::Err(error) => Some(error),
        _ => None,
    });
    match P::read(input) {
        Read::Head(all, used) => match (ended, error) {
            (Some(end), _) => assert!(end.at == used && vars == all, "{}", show()),
            // Of the values, not of the block.
            (None, Some(error)) => {
                let block = matches!(error, Error::BadVariable | Error::Netstring | Error::Eof);
                assert!(!block, "{}", show());
            }
            (None, None) => panic!("no verdict\n{}", show()),
        },
        Read::Part => assert!(ended.is_none(), "{}", show()),
        Read::Bad => assert!(ended.is_none() && error.is_some(), "{}", show()),
    }
}

fn rules(config: u8) -> Rules {
    match config & 7 {
        0..=2 => Rules::STRICT,
        3 => Rules::STRICT.limits(Limits::DEFAULT.head_bytes(60).fields(4).body_bytes(9)),
        4 => Rules::STRICT.first_line(FirstLine::Either),
        5 => Rules::STRICT.first_line(FirstLine::StatusLine),
        6 => Rules::STRICT.local_redirect(true).folding(true),
        _ => Rules::STRICT
            .interim(true)
            .ignore_bad_lines(true)
            .repeated_fields(true)
            .first_status_wins(true)
            .any_status(true)
            .empty_head(true),
    }
}

/// One call on a client that has asked.
fn go_on<K: Client + Clone + std::fmt::Debug>(what: u8, client: &mut K, out: &mut Vec<u8>) {
    let more = usize::from(what >> 4);
    let mut room = [0; 64];
    match what & 15 {
        0..=3 => {
            let mut payload = &b"0123456789abcdef"[..more % 7];
            let all = payload.len();
            match tell(client, |k| k.body(ID, &mut payload)) {
                Ok(frame) => {
                    assert!(payload.is_empty());
                    out.extend(frame.slices().concat());
                }
                Err(_) => assert_eq!(payload.len(), all),
            }
        }
        4 => {
            let _ = tell(client, |k| Ok(k.body_end(ID, [], &mut room)?.is_empty()));
        }
        5 if more < 2 => calls::abort(client),
        6 if more < 2 => client.cancel(),
        7 => {
            // One request, and no other.
            let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
            let again = tell(client, |k| {
                Ok(k.open(fields, Length::None, &mut [0; 99])?.0)
            });
            assert_eq!(again, Err(Refused::Full));
            assert_eq!(client.free(), 0);
        }
        8 => calls::unknown(client),
        9 => assert!(tell(client, |k| k.proceed(ID)).is_ok() || client.credit(ID) == 0),
        _ => {}
    }
}

/// A client that has asked, its answer in pieces, and calls between.
fn answered<P: Protocol>(config: u8, script: &[u8], input: &[u8], cuts: &[usize]) -> Story {
    let mut client = P::client(rules(config));
    let method = if config & 8 != 0 {
        &b"HEAD"[..]
    } else {
        b"PUT"
    };
    let fields = [Field::var(b"REQUEST_METHOD", method)];
    let length = match config & 0x10 {
        0 => Length::None,
        _ => Length::Known(12),
    };
    let mut room = [0; 128];
    let opened = client.open(fields, length, &mut room);
    assert!(opened.is_ok());
    let mut at = 0;
    let mut last = 0;
    let mut react = |client: &mut P::Client, fact: &Fact, out: &mut Vec<u8>| {
        let steady = matches!(
            fact,
            Fact::HeadEnd(..) | Fact::Interim(..) | Fact::Done { .. }
        );
        if steady && !script.is_empty() {
            for _ in 0..2 {
                go_on(script[at % script.len()], client, out);
                at += 1;
            }
        }
        let now = rank(client.after());
        assert!(now >= last);
        last = now;
    };
    let close = config & 0x20 == 0;
    let (log, out) = ok(feed(&mut client, input, cuts, close, &mut react));
    let state = format!("{:?} {:?}", client.phase(), client.after());
    (ok(normal(&log)), out, state)
}

/// What a client machine makes of any answer. How it is made, two bytes of cuts,
/// the calls, then the answer.
pub fn client<P: Protocol>(data: &[u8]) {
    let mut source = Source(data);
    let (config, mode, seed) = (source.byte(), source.byte(), source.byte());
    let long = source.below(8);
    let script = source.take(long);
    let input = source.0;
    let whole = answered::<P>(config, script, input, &[]);
    let split = answered::<P>(config, script, input, &cuts(mode, seed, input.len()));
    same(&whole, &split);
    let (log, _, state) = whole;
    let head = config & 8 != 0;
    let open = ok(legal::client(&log, &[1], head, true, config & 7 == 7)
        .map_err(|e| format!("{e}\n{}", common::text(&log))));
    let done = log.iter().filter(|e| matches!(e.fact, Fact::Done { .. }));
    let done = done.count();
    assert_eq!(done + open.len(), 1);
    if config & 0x20 == 0 {
        assert_eq!(done, 1, "the end, and no last event: {state}");
    }
    if script.is_empty() {
        parser_agrees(config, input, &log);
    }
}

/// The parser alone comes to the same.
fn parser_agrees(config: u8, input: &[u8], log: &[Entry]) {
    let mut parser = Parser::new(rules(config), config & 8 != 0);
    let mut cursor = input;
    let (mut head, mut body) = (None, Vec::new());
    let mut take = |piece: Piece<'_>| match piece {
        Piece::HeadEnd { status, length } => head = Some((status, length)),
        Piece::Body(bytes) => body.extend_from_slice(bytes),
        _ => {}
    };
    let mut result = drain(&mut parser, &mut cursor, |_, piece| take(piece));
    while let Ok(true) = result {
        result = match parser.eof() {
            Ok(Next::Event(piece)) => {
                take(piece);
                Ok(true)
            }
            Ok(_) => Ok(false),
            Err(error) => Err(error),
        };
    }
    let seen = log.iter().find_map(|e| match e.fact {
        Fact::HeadEnd(_, Some(status), length) => Some((status, length)),
        _ => None,
    });
    let bytes: Vec<u8> = log
        .iter()
        .filter_map(|e| match &e.fact {
            Fact::Bytes {
                what: What::Body,
                bytes,
                ..
            } => Some(&bytes[..]),
            _ => None,
        })
        .collect::<Vec<_>>()
        .concat();
    let ended = config & 0x20 == 0;
    // Only the end tells a local redirect from a document.
    if ended || head.is_none() || seen.is_some() {
        assert_eq!(seen, head, "{}", common::text(log));
    }
    assert_eq!(bytes, body);
}

/// A fact of one end that the other has to come to.
#[derive(Default)]
struct Told {
    vars: Vars,
    open: Option<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    head: bool,
    whole: bool,
    lost: bool,
}

impl Told {
    fn field(&mut self, field: &Field<'_>) {
        let (mut name, mut value) = self.open.take().unwrap_or_default();
        name.extend_from_slice(field.name);
        value.extend_from_slice(field.value);
        match field.cut {
            Cut::Whole | Cut::Last => self.vars.push((name, value)),
            Cut::First | Cut::Middle => self.open = Some((name, value)),
        }
    }
}

/// A client against a server: what goes in comes out, or nothing looks whole.
/// Requests one after the other, each on a connection of its own.
pub fn joined<P: Protocol>(data: &[u8]) {
    let mut source = Source(data);
    for _ in 0..4 {
        if source.is_empty() {
            break;
        }
        one::<P>(&mut source);
    }
}

fn one<P: Protocol>(source: &mut Source<'_>) {
    let mut random = Random(u64::from(source.word()));
    let config = source.byte();
    let vars = some_vars(source);
    let body = source.short().repeat(1 + source.below(40));
    let length = match source.below(5) {
        0 => Length::None,
        1 => Length::Unknown,
        _ => Length::Known(body.len() as u64),
    };
    let fields: Vec<Field<'_>> = vars.iter().map(|(n, v)| Field::var(n, v)).collect();
    let mut client = P::client(Rules::STRICT.first_line(FirstLine::Either));
    let opened = with_room(&mut client, source.below(64), |k, room| {
        let (_, frame) = k.open(fields.iter().copied(), length, room)?;
        Ok(frame.slices().concat())
    });
    let mut up = match opened {
        Ok(bytes) => bytes,
        Err(_) => {
            assert_eq!(client.free(), 1);
            return;
        }
    };
    assert_ne!(length, Length::Unknown);
    let bodiless = length == Length::None;
    if !bodiless {
        let mut rest = &body[..];
        while !rest.is_empty() {
            let (mut now, later) = rest.split_at(rest.len().min(1 + random.below(3_000)));
            up.extend(client.body(ID, &mut now).expect("a body").slices().concat());
            rest = later;
        }
        assert!(
            client
                .body_end(ID, [], &mut [])
                .expect("its end")
                .is_empty()
        );
    }

    // The request arrives, whole or not, in pieces.
    let lost = config & 1 != 0 && config & 2 != 0;
    let arrives = if lost {
        random.below(up.len())
    } else {
        up.len()
    };
    let mut server = P::server(ServerLimits::DEFAULT);
    let mut asked = Told::default();
    let mut error = None;
    let mut at = 0;
    while at < arrives {
        let next = (at + 1 + random.below(900)).min(arrives);
        let mut cursor = &up[at..next];
        at = next;
        let read = drain(&mut server, &mut cursor, |server, event| {
            match P::Server::fact(&event) {
                Fact::HeadEnd(..) => asked.head = true,
                Fact::Bytes { bytes, .. } => asked.body.extend(bytes),
                Fact::BodyEnd(_) => asked.whole = true,
                Fact::Field {
                    space,
                    name,
                    value,
                    cut,
                    ..
                } => asked.field(&Field {
                    space,
                    name: &name,
                    value: &value,
                    cut,
                }),
                Fact::Abort(_) | Fact::Fault(..) => asked.lost = true,
                _ => {}
            }
            // What may not be called now changes nothing.
            if !asked.whole {
                assert!(tell(server, |s| Ok(s.finish(ID, [], &mut [])?.len())).is_err());
            }
        });
        if let Err(e) = read {
            error = Some(e);
            break;
        }
    }
    if lost {
        while let Ok(Next::Event(event)) = server.eof() {
            let fact = P::Server::fact(&event);
            asked.lost |= matches!(fact, Fact::Abort(_));
            asked.whole |= matches!(fact, Fact::BodyEnd(_));
        }
        let empty = body.is_empty() || bodiless;
        assert!(!asked.whole || empty, "a cut request that is whole");
        assert_eq!(asked.lost, asked.head && !asked.whole);
        return;
    }
    // What a writer may write its reader takes.
    assert_eq!(error, None, "{}", up.escape_ascii());
    assert!(asked.head && asked.whole && !asked.lost);
    assert_eq!(asked.body, if bodiless { &[] } else { &body[..] });
    round_trip(&vars, &asked.vars);

    // The answer.
    let answer_body = &body[..random.below(body.len() + 1)];
    let status = [200, 404, 204, 304, 503][source.below(5)];
    let length = match source.below(3) {
        0 => Length::Unknown,
        _ => Length::Known(answer_body.len() as u64),
    };
    let headers = [
        Field::header(b"Content-Type", b"a/b"),
        Field::header(b"X", b""),
    ];
    let mut room = [0; 200];
    let head = server.head(ID, status, headers, length, &mut room);
    let mut down = head.expect("a head").slices().concat();
    let mut payload = answer_body;
    down.extend(
        server
            .body(ID, &mut payload)
            .expect("a body")
            .slices()
            .concat(),
    );
    assert!(server.finish(ID, [], &mut []).expect("an end").is_empty());
    assert_eq!(server.after(), After::CloseWrite);
    let arrives = if config & 1 != 0 {
        random.below(down.len() + 1)
    } else {
        down.len()
    };
    let (mut seen, mut got, mut whole, mut ending) = (None, Vec::new(), false, None);
    let mut take = |fact: Fact| match fact {
        Fact::HeadEnd(_, status, length) => seen = Some((status, length)),
        Fact::Bytes { bytes, .. } => got.extend(bytes),
        Fact::BodyEnd(_) => whole = true,
        Fact::Done {
            ending: e,
            reuse: false,
            retry_safe: false,
            ..
        } => {
            assert!(ending.is_none());
            ending = Some(e);
        }
        Fact::Done { .. } => panic!("reused"),
        _ => {}
    };
    let mut at = 0;
    while at < arrives {
        let next = (at + 1 + random.below(900)).min(arrives);
        let mut cursor = &down[at..next];
        at = next;
        let read = drain(&mut client, &mut cursor, |_, event| {
            take(P::Client::fact(&event))
        });
        assert!(read.is_ok(), "{}", down.escape_ascii());
    }
    while let Ok(Next::Event(event)) = client.eof() {
        take(P::Client::fact(&event));
    }
    let method = vars.iter().find(|v| v.0 == b"REQUEST_METHOD");
    let none = matches!(status, 204 | 304) || method.is_some_and(|m| m.1 == b"HEAD");
    match ending.expect("a last event") {
        Ending::Complete { .. } => {
            let (told, _) = seen.expect("a head");
            assert_eq!(told, Some(status));
            assert!(whole);
            let want = if none { &[] } else { answer_body };
            // Without a length a cut answer looks whole, and cannot but.
            if arrives == down.len() || length != Length::Unknown {
                assert_eq!(got, want);
            } else {
                assert!(want.starts_with(&got));
            }
        }
        Ending::Truncated => assert!(arrives < down.len() && seen.is_some() && !whole),
        Ending::Failed(Error::HeadCut | Error::NoResponse) => {
            assert!(arrives < down.len() && seen.is_none());
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(client.after(), After::Close);
}

/// Each variable comes out once, in its place, but for what the protocol writes
/// itself and what is never sent; header fields given several times joined.
fn round_trip(sent: &Vars, came: &Vars) {
    let own = |name: &[u8]| {
        matches!(name, b"CONTENT_LENGTH" | b"SCGI" | b"FCGI_ROLE")
            || name.eq_ignore_ascii_case(b"HTTP_PROXY")
    };
    let mut want: Vars = Vec::new();
    for (name, value) in sent.iter().filter(|v| !own(&v.0)) {
        match want.iter_mut().find(|v| v.0 == *name) {
            Some((_, all)) => {
                let separator = if name == b"HTTP_COOKIE" { b"; " } else { b", " };
                all.extend_from_slice(separator);
                all.extend_from_slice(value);
            }
            None => want.push((name.clone(), value.clone())),
        }
    }
    let came: Vars = came.iter().filter(|v| !own(&v.0)).cloned().collect();
    assert_eq!(came, want);
}
