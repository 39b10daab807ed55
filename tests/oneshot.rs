//! What holds for every protocol that carries one request on a connection:
//! each test runs for each of them.

mod common;

use common::link::{Call, Echo, Link, Web, echoed, round};
use common::oneshot::{Cgi, Protocol, Scgi, Uwsgi, answer, asked, fields};
use common::{Entry, Fact, Random, Subject, check, feed, normal, put, text};
use vestibule::cgi::response::{FirstLine, Rules};
use vestibule::scgi::ServerLimits;
use vestibule::{
    After, Client, Ending, Error, Field, Id, Length, Limits, Next, Phase, Receive, Refused, Server,
    Status, drain,
};

const ID: Id = Id::SOLE;
const D: ServerLimits = ServerLimits::DEFAULT;
/// Whatever form our servers write.
const EITHER: Rules = Rules::STRICT.first_line(FirstLine::Either);

macro_rules! protocols {
    ($($name:ident: $protocol:ty;)*) => {$(
        mod $name {
            use super::*;

            tests! { $protocol:
                contract
                requests_and_answers
                aborts
                a_failed_answer_never_looks_complete
                illegal_calls_of_the_server
                illegal_calls_of_the_client
                limits_of_the_server
                limits_of_the_client
                the_life_of_a_server
                the_life_of_a_client
                a_transport_that_is_gone
                faults
                room
                twice
                what_says_which_wire_it_was
            }
        }
    )*};
}

macro_rules! tests {
    ($protocol:ty: $($test:ident)*) => {$(
        #[test]
        fn $test() {
            super::$test::<$protocol>();
        }
    )*};
}

protocols! {
    scgi: Scgi;
    uwsgi: Uwsgi;
    cgi: Cgi;
}

fn nothing<M>(_: &mut M, _: &Fact, _: &mut Vec<u8>) {}

fn request<P: Protocol>(method: &[u8], body: &[u8]) -> Vec<u8> {
    let vars: [(&[u8], &[u8]); 4] = [
        (b"REQUEST_METHOD", method),
        (b"REQUEST_URI", b"/a"),
        (b"QUERY_STRING", b""),
        (b"HTTP_X", b"\xff\x01 "),
    ];
    [P::head(&body.len().to_string(), &vars), body.to_vec()].concat()
}

const ANSWERS: [&[u8]; 6] = [
    b"Status: 200 OK\r\nContent-Type: a/b\r\n\r\nuntil the close",
    b"Content-Type: a/b\nContent-Length: 3\n\nabcd",
    b"Status: 204\r\n\r\n",
    b"Location: /x\r\n\r\n",
    b"Location: http://h/\r\nContent-Length: 0\r\n\r\n",
    b"Status: 20\r\n\r\n",
];

fn contract<P: Protocol>() {
    let server = || P::server(D);
    for close in [false, true] {
        for body in [&b""[..], b"a", b"some body"] {
            let good = request::<P>(b"POST", body);
            let mut ways = vec![good.clone(), [&good[..], b"and more"].concat()];
            // Each end that is too early.
            ways.extend((1..good.len()).step_by(3).map(|n| good[..n].to_vec()));
            // Each byte another one.
            ways.extend((0..good.len()).step_by(7).map(|n| {
                let mut bytes = good.clone();
                bytes[n] ^= 1 << (n % 8);
                bytes
            }));
            for bytes in ways {
                let kept = check(&server, &bytes, close, &nothing).unwrap();
                assert!(!kept.0.is_empty());
                check(&server, &bytes, close, &answer).unwrap();
            }
        }
    }
    for rules in [Rules::STRICT, Rules::STRICT.local_redirect(true)] {
        for answer in ANSWERS {
            for cut in 0..=answer.len() {
                let client = || asked(P::client(rules));
                let (log, _) = check(&client, &answer[..cut], true, &nothing).unwrap();
                let done = log.iter().filter(|e| matches!(e.fact, Fact::Done { .. }));
                assert_eq!(done.count(), 1, "{}", text(&log));
            }
        }
    }
}

/// Two ends on one connection, until both are over. `web` and `app` close as
/// their machines say.
fn connected<K: Client, V: Server>(web: &mut Web<K>, app: &mut Echo<V>, seed: u64) {
    let mut random = Random(seed);
    let (mut up, mut down) = (Link::default(), Link::default());
    for _ in 0..100_000 {
        round(web, app, [&mut up, &mut down], &mut random);
        if app.machine.after() != After::Keep && down.queue.is_empty() && down.inbox.is_empty() {
            web.eof();
        }
        if web.over() {
            return;
        }
    }
    panic!("nothing moves any more, seed {seed}");
}

fn some_call(random: &mut Random) -> Call {
    let size = random.below(30_000);
    let body = random.bytes(size);
    let n = body.len() as u64;
    match random.below(4) {
        0 => Call::new(Vec::new(), Length::None),
        1 => Call::new(Vec::new(), Length::Known(0)),
        _ => Call::new(body, Length::Known(n)),
    }
}

fn requests_and_answers<P: Protocol>() {
    for seed in 0..60 {
        let mut web = Web::new(P::client(EITHER), vec![some_call(&mut Random(seed))]);
        let mut app = Echo::new(P::server(D));
        connected(&mut web, &mut app, seed);
        echoed(&web.calls);
        assert_eq!((app.begun, app.ended), (1, 1));
        assert_eq!(web.machine.after(), After::Close);
        assert_eq!(web.machine.free(), 0);
    }
}

/// A request that is given up half way is seen by the application as aborted.
fn aborts<P: Protocol>() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut call = Call::new(random.bytes(20_000), Length::Known(20_000));
        call.abort_at = Some(random.below(20_000));
        let mut web = Web::new(P::client(Rules::STRICT), vec![call]);
        let mut app = Echo::new(P::server(D));
        let (mut up, mut down) = (Vec::new(), Vec::new());
        while !web.over() {
            web.send(&mut up);
            let mut cursor = &up[..];
            app.read(&mut cursor, &mut down);
            app.send(&mut down);
            let left = cursor.len();
            up.drain(..up.len() - left);
            web.read(&mut &[][..], &mut Vec::new());
        }
        assert_eq!(web.calls[0].ending, Some(Ending::Aborted));
        assert_eq!(web.machine.after(), After::Close);
        // The connection is closed: what was sent arrives, and its end.
        while !up.is_empty() {
            let mut cursor = &up[..];
            app.read(&mut cursor, &mut down);
            app.send(&mut down);
            let left = cursor.len();
            up.drain(..up.len() - left);
        }
        let begun = app.begun;
        match app.machine.eof() {
            Ok(Next::Event(_)) => assert_eq!(begun, 1),
            other => assert!(
                matches!(other, Err(Error::Eof) | Ok(Next::NeedInput)),
                "{seed}"
            ),
        }
        assert_eq!(app.ended, 0);
    }
}

fn a_failed_answer_never_looks_complete<P: Protocol>() {
    let mut truncated = 0;
    for seed in 0..20 {
        let body = vec![b'x'; 20_000];
        let call = Call::new(body, Length::Known(20_000));
        let mut web = Web::new(P::client(EITHER), vec![call]);
        let mut app = Echo::new(P::server(D));
        app.fail_at = Some(Random(seed).below(15_000));
        connected(&mut web, &mut app, seed);
        let [call] = &web.calls[..] else { panic!() };
        assert_eq!((call.done, web.error), (1, None));
        // It may have been over before it failed.
        if app.ended == 1 {
            echoed(&web.calls);
            continue;
        }
        truncated += 1;
        assert_eq!(call.ending, Some(Ending::Truncated));
        assert!(!call.body_end && call.body.starts_with(&call.answer));
    }
    assert!(truncated > 5, "{truncated}");
}

fn state<M: std::fmt::Debug>(machine: &M) -> String {
    format!("{machine:?}")
}

/// Calls that no state allows; some of them are legal now and left out.
fn illegal_calls_of_the_server<P: Protocol>() {
    let body = b"some body";
    let bytes = request::<P>(b"GET", body);
    for cut in 0..=bytes.len() {
        let mut server = P::server(D);
        let mut log = Vec::new();
        drain(&mut server, &mut &bytes[..cut], |server, event| {
            log.push(P::Server::fact(&event));
            let head = log.iter().any(|f| matches!(f, Fact::HeadEnd(..)));
            let other = Id::new(7).unwrap();
            let before = state(server);
            let mut room = [0; 256];
            for id in [other, ID] {
                let want = if id == other {
                    Refused::UnknownId
                } else {
                    Refused::State
                };
                if id == other || !head {
                    assert_eq!(
                        server.head(id, 200, [], Length::None, &mut room).err(),
                        Some(want)
                    );
                    assert_eq!(server.interim(id, 103, [], &mut room).err(), Some(want));
                }
                let body = server.body(id, &mut &b"x"[..]).err();
                assert_eq!(body, Some(want));
                assert_eq!(server.finish(id, [], &mut room).err(), Some(want));
            }
            assert!(server.demand(other, 1).is_err());
            assert!(server.fail(other, Error::Internal, &mut room).is_err());
            server.close_after(other);
            if head {
                for status in [0, 99, 199, 600, u16::MAX] {
                    let refused = server.head(ID, status, [], Length::None, &mut room).err();
                    assert_eq!(refused, Some(Refused::Status));
                }
                let refused = server.interim(ID, 200, [], &mut room).err();
                assert_eq!(refused, Some(Refused::Status));
                for bad in [
                    Field::header(b"X", b"a\r\nb: c"),
                    Field::header(b"X:", b"a"),
                    Field::header(b"", b"a"),
                    Field::header(b"Status", b"500"),
                    Field::header(b"Transfer-Encoding", b"chunked"),
                    Field::header(b"Connection", b"close"),
                    Field::header(b"Content-Length", b"4"),
                    Field::var(b"X", b"a"),
                ] {
                    let length = Length::Known(3);
                    let refused = server.head(ID, 200, [bad], length, &mut room).err();
                    assert_eq!(refused, Some(Refused::Field), "{bad:?}");
                }
            }
            assert_eq!(before, state(server));
        })
        .unwrap();
        if cut == bytes.len() {
            let mut room = [0; 256];
            assert!(
                server
                    .head(ID, 200, [], Length::Known(3), &mut room)
                    .is_ok()
            );
            let before = state(&server);
            let again = server.head(ID, 200, [], Length::None, &mut room).err();
            assert_eq!(again, Some(Refused::State));
            let mut payload = &b"abcd"[..];
            assert_eq!(server.body(ID, &mut payload).err(), Some(Refused::TooLong));
            assert_eq!(payload, b"abcd");
            assert_eq!(server.finish(ID, [], &mut room).err(), Some(Refused::State));
            assert_eq!(before, state(&server));
            assert!(server.body(ID, &mut &b"abc"[..]).is_ok());
            assert!(server.finish(ID, [], &mut room).is_ok());
            let before = state(&server);
            let unknown = Some(Refused::UnknownId);
            assert_eq!(server.finish(ID, [], &mut room).err(), unknown);
            assert_eq!(server.fail(ID, Error::Internal, &mut room).err(), unknown);
            assert_eq!(server.demand(ID, 1).err(), unknown);
            assert_eq!(before, state(&server));
        }
    }
}

fn illegal_calls_of_the_client<P: Protocol>() {
    let mut client = P::client(Rules::STRICT);
    let before = state(&client);
    let mut room = [0; 512];
    let with = |more: Field<'static>| fields(b"POST").into_iter().chain([more]);
    for bad in [
        Field::var(b"", b"v"),
        Field::var(b"A\0B", b"v"),
        Field::var(b"A=B", b"v"),
        Field::var(b"A", b"v\0w"),
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"REQUEST_URI", b"/a"),
        Field::var(b"HTTP_HOST", b"h"),
        Field::var(b"CONTENT_LENGTH", b"4"),
        Field::var(b"CONTENT_LENGTH", b"-3"),
        Field::var(b"CONTENT_LENGTH", b""),
        Field::header(b"Content-Length", b"4"),
        Field::header(b"X", b"a\r\nb"),
        Field::header(b"X_Y", b"a"),
        Field::trailer(b"X", b"a"),
        Field {
            cut: vestibule::Cut::First,
            ..Field::var(b"X", b"a")
        },
    ] {
        let refused = client.open(with(bad), Length::Known(3), &mut room).err();
        assert_eq!(refused, Some(Refused::Field), "{bad:?}");
        // More room would not help, so none is asked for.
        let refused = client.open(with(bad), Length::Known(3), &mut []).err();
        assert_eq!(refused, Some(Refused::Field), "{bad:?} without room");
    }
    // The same where nothing is to be mapped.
    let refused = client.open([Field::var(b"", b"v")], Length::None, &mut []);
    assert_eq!(refused.err(), Some(Refused::Field));
    let unknown = client
        .open(fields(b"POST"), Length::Unknown, &mut room)
        .err();
    assert_eq!(unknown, Some(Refused::State));
    assert_eq!(
        client.body(ID, &mut &b"x"[..]).err(),
        Some(Refused::UnknownId)
    );
    assert_eq!(
        client.body_end(ID, [], &mut room).err(),
        Some(Refused::UnknownId)
    );
    assert_eq!(client.abort(ID).err(), Some(Refused::UnknownId));
    assert_eq!((client.credit(ID), client.free()), (0, 1));
    assert_eq!(before, state(&client));

    let good = client.open(fields(b"POST"), Length::Known(3), &mut room);
    assert!(good.is_ok());
    let before = state(&client);
    let full = client.open(fields(b"POST"), Length::None, &mut room).err();
    assert_eq!(full, Some(Refused::Full));
    let mut payload = &b"abcd"[..];
    assert_eq!(client.body(ID, &mut payload).err(), Some(Refused::TooLong));
    assert_eq!(payload, b"abcd");
    assert_eq!(
        client.body_end(ID, [], &mut room).err(),
        Some(Refused::State)
    );
    let other = Id::new(2).unwrap();
    assert_eq!(
        client.body(other, &mut &b"x"[..]).err(),
        Some(Refused::UnknownId)
    );
    assert_eq!((client.credit(ID), client.credit(other)), (usize::MAX, 0));
    assert_eq!(before, state(&client));
    assert!(client.body(ID, &mut &b"abc"[..]).is_ok());
    assert!(client.body_end(ID, [], &mut room).is_ok());
    assert_eq!(client.body(ID, &mut &b"x"[..]).err(), Some(Refused::State));
    assert_eq!(client.credit(ID), 0);
    assert!(client.abort(ID).is_ok());
    assert_eq!(client.abort(ID).err(), Some(Refused::State));
}

/// `at`: the limit that is just reached.
fn around(at: u32, error: &str, run: &dyn Fn(u32) -> String) {
    for (limit, broken) in [
        (at - 1, true),
        (at, false),
        (at + 1, false),
        (u32::MAX, false),
    ] {
        let log = run(limit);
        assert_eq!(log.contains(error), broken, "{error} with {limit}:\n{log}");
    }
}

fn log<M: Subject>(mut machine: M, bytes: &[u8]) -> String {
    let (log, _) = feed(&mut machine, bytes, &[], false, &mut nothing).unwrap();
    text(&normal(&log).unwrap())
}

fn limits_of_the_server<P: Protocol>() {
    let head = P::head("3", &[(b"A", b"1"), (b"B", b""), (b"C", b"33")]);
    let (fields, bytes) = P::counted(&head);
    let run = |limits| log(P::server(limits), &head);
    around(bytes, "HeadTooLong", &|n| run(D.head_bytes(n)));
    around(fields + 3, "TooManyFields", &|n| run(D.fields(n)));
    around(3, "BodyTooLong", &|n| run(D.body_bytes(n.into())));
    for (n, after) in [(10, After::CloseWrite), (11, After::Close)] {
        let mut server = P::server(D.linger_bytes(10));
        drain(&mut server, &mut &request::<P>(b"GET", b"")[..], |_, _| {}).unwrap();
        let mut room = [0; 64];
        assert!(server.head(ID, 200, [], Length::None, &mut room).is_ok());
        assert!(server.finish(ID, [], &mut room).is_ok());
        assert_eq!(server.after(), After::CloseWrite);
        assert!(matches!(
            server.next(&mut &vec![7; n][..]),
            Ok(Next::NeedInput)
        ));
        assert_eq!(server.after(), after, "{n}");
    }
}

fn limits_of_the_client<P: Protocol>() {
    let bytes = b"A: 1\r\nBB: 22\r\n\r\nbody";
    let run = |rules: Rules| log(asked(P::client(rules)), bytes);
    let limits = |limits: Limits| run(Rules::STRICT.limits(limits));
    let d = Limits::DEFAULT;
    around(16, "HeadTooLong", &|n| limits(d.head_bytes(n)));
    around(2, "TooManyFields", &|n| limits(d.fields(n)));
    around(4, "BodyTooLong", &|n| limits(d.body_bytes(n.into())));
    around(8, "LineTooLong", &|n| run(Rules::STRICT.line_bytes(n)));
}

/// What it waits for, and what is to be done with the transport, at each step.
fn the_life_of_a_server<P: Protocol>() {
    let whole = request::<P>(b"POST", b"body");
    let (head, body) = whole.split_at(whole.len() - 4);
    let mut server = P::server(D);
    let said = |server: &P::Server| (server.phase(), server.after());
    let take = |server: &mut P::Server, bytes: &[u8]| {
        drain(server, &mut &bytes[..], |_, _| {}).unwrap();
        said(server)
    };
    assert_eq!(said(&server), (Phase::Idle, After::Keep));
    assert_eq!(take(&mut server, &head[..5]), (Phase::Head, After::Keep));
    assert_eq!(take(&mut server, &head[5..]), (Phase::Body, After::Keep));
    let early = server;
    assert_eq!(take(&mut server, body), (Phase::Response, After::Keep));
    for (mut server, rest) in [(early, body), (server, &b"excess"[..])] {
        let mut room = [0; 64];
        assert!(server.head(ID, 200, [], Length::None, &mut room).is_ok());
        assert_eq!(server.after(), After::Keep);
        assert!(server.finish(ID, [], &mut room).is_ok());
        assert_eq!(said(&server), (Phase::Closing, After::CloseWrite));
        assert_eq!(take(&mut server, rest), (Phase::Closing, After::CloseWrite));
        assert_eq!(
            take(&mut server, &whole),
            (Phase::Closing, After::CloseWrite)
        );
        assert!(matches!(server.eof(), Ok(Next::NeedInput)));
        assert_eq!(said(&server), (Phase::Closing, After::Close));
    }
    // A half close behind the request aborts nothing, and then nobody is to be
    // waited for.
    assert!(matches!(server.eof(), Ok(Next::NeedInput)));
    assert_eq!(said(&server), (Phase::Response, After::Keep));
    let mut room = [0; 64];
    assert!(server.head(ID, 200, [], Length::None, &mut room).is_ok());
    assert!(server.finish(ID, [], &mut room).is_ok());
    assert_eq!(server.after(), After::Close);
    // Nothing new.
    let mut server = P::server(D);
    server.shutdown();
    assert_eq!(said(&server), (Phase::Closing, After::CloseWrite));
    assert_eq!(
        take(&mut server, &whole),
        (Phase::Closing, After::CloseWrite)
    );
    assert!(server.fail(ID, Error::Internal, &mut room).is_err());
}

fn the_life_of_a_client<P: Protocol>() {
    let mut client = P::client(Rules::STRICT);
    let said = |client: &P::Client| (client.phase(), client.after());
    assert_eq!(said(&client), (Phase::Idle, After::Keep));
    let mut room = [0; 256];
    assert!(
        client
            .open(fields(b"POST"), Length::Known(1), &mut room)
            .is_ok()
    );
    assert_eq!(said(&client), (Phase::Body, After::Keep));
    assert!(client.body(ID, &mut &b"x"[..]).is_ok());
    assert!(client.body_end(ID, [], &mut room).is_ok());
    assert_eq!(said(&client), (Phase::Response, After::Keep));
    for (bytes, phase) in [
        (&b"Status: 200"[..], Phase::Head),
        (b"\n\nx", Phase::Response),
    ] {
        drain(&mut client, &mut &bytes[..], |_, _| {}).unwrap();
        assert_eq!(said(&client), (phase, After::Keep));
    }
    while let Ok(Next::Event(_)) = client.eof() {}
    assert_eq!(said(&client), (Phase::Closing, After::Close));
    assert!(matches!(
        client.next(&mut &b"more"[..]),
        Ok(Next::NeedInput)
    ));
    let again = client.open(fields(b"GET"), Length::None, &mut room).err();
    assert_eq!(again, Some(Refused::Full));
}

/// Gone both ways: one last event, without reading.
fn a_transport_that_is_gone<P: Protocol>() {
    let bytes = request::<P>(b"POST", b"body");
    for cut in 0..=bytes.len() {
        let mut server = P::server(D);
        let mut begun = false;
        let mut head = false;
        drain(&mut server, &mut &bytes[..cut], |_, event| {
            let fact = P::Server::fact(&event);
            begun |= matches!(fact, Fact::Begin(_));
            head |= matches!(fact, Fact::HeadEnd(..));
        })
        .unwrap();
        server.cancel();
        assert_eq!(server.after(), After::Close);
        let mut cursor = &b"xyz"[..];
        if head {
            match server.next(&mut cursor) {
                Ok(Next::Event(event)) => assert_eq!(P::Server::fact(&event), Fact::Abort(1)),
                _ => panic!("{cut}"),
            }
            assert!(server.finish(ID, [], &mut []).unwrap().is_empty());
        }
        match server.next(&mut cursor) {
            Err(error) => assert!(begun && error == Error::Eof),
            Ok(other) => assert!(!begun && matches!(other, Next::Paused)),
        }
        assert_eq!(cursor.len(), 3);
        assert_eq!(server.after(), After::Close);
    }
    for answer in ANSWERS {
        for cut in 0..answer.len() {
            let mut client = asked(P::client(Rules::STRICT));
            let mut over = false;
            let mut headed = false;
            let read = drain(&mut client, &mut &answer[..cut], |_, event| {
                let fact = P::Client::fact(&event);
                over |= fact.last();
                headed |= matches!(fact, Fact::HeadEnd(..));
            });
            client.cancel();
            assert_eq!(client.after(), After::Close);
            if over || read.is_err() {
                continue;
            }
            let Ok(Next::Event(event)) = client.next(&mut &[][..]) else {
                panic!("{cut}")
            };
            let ending = match P::Client::fact(&event) {
                Fact::Done {
                    ending,
                    reuse: false,
                    ..
                } => ending,
                other => panic!("{other}"),
            };
            // Also where only the close could have ended the body.
            match ending {
                Ending::Truncated => assert!(headed),
                Ending::Failed(Error::NoResponse) => assert_eq!(cut, 0),
                Ending::Failed(Error::HeadCut) => assert!(!headed && cut > 0),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A spoilt request has its refusal, and nothing comes after it.
fn faults<P: Protocol>() {
    let good = P::head("0", &[]);
    for (length, vars, error, status) in [
        ("x", &[][..], "ContentLength", 400),
        ("-1", &[], "ContentLength", 400),
        ("18446744073709551616", &[], "ContentLength", 400),
        ("9", &[], "BodyTooLong", 413),
        (
            "0",
            &[(&b"PATH_INFO"[..], &b"/a"[..]), (b"PATH_INFO", b"/a")],
            "DuplicateVariable",
            400,
        ),
        (
            "0",
            &[(b"REMOTE_USER", b"a"), (b"REMOTE_USER", b"b")],
            "DuplicateVariable",
            400,
        ),
        ("0", &[(b"", b"a")], "BadVariable", 400),
    ] {
        let bytes = [P::head(length, vars), good.clone()].concat();
        let server = || P::server(D.body_bytes(8));
        let (log, out) = check(&server, &bytes, true, &answer).unwrap();
        let last = log.last().map(|e: &Entry| e.fact.to_string());
        assert_eq!(last, Some(format!("error {error}")), "{}", text(&log));
        let out = String::from_utf8(out).unwrap();
        let status = format!(" {status} ");
        assert!(out.contains(&status) && out.ends_with("\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(out.matches("\r\n\r\n").count(), 1);
    }
}

/// The room that is asked for is enough, and less is not.
fn room<P: Protocol>() {
    let fields = || {
        fields(b"POST")
            .into_iter()
            .chain([Field::var(b"EMPTY", b"")])
    };
    let mut client = P::client(Rules::STRICT);
    let need = match client.open(fields(), Length::Known(10), &mut []) {
        Err(Refused::Room { need }) => need,
        other => panic!("{other:?}"),
    };
    for less in 0..need {
        let mut room = vec![0; less];
        let refused = client.open(fields(), Length::Known(10), &mut room);
        assert_eq!(refused.err(), Some(Refused::Room { need }));
    }
    let mut room = vec![0; need];
    let (_, frame) = client.open(fields(), Length::Known(10), &mut room).unwrap();
    let mut bytes = Vec::new();
    put(&mut bytes, frame);
    let mut server = P::server(D);
    let mut seen = Vec::new();
    drain(&mut server, &mut &bytes[..], |_, event| {
        if let Fact::Field { name, value, .. } = P::Server::fact(&event) {
            seen.push((name, value));
        }
    })
    .unwrap();
    let value = |name: &[u8]| {
        let mut values = seen.iter().filter(|f| f.0 == name);
        (values.next().map(|f| f.1.clone()), values.count())
    };
    for (name, want) in [
        (&b"REQUEST_METHOD"[..], &b"POST"[..]),
        (b"REQUEST_URI", b"/a"),
        (b"HTTP_HOST", b"h"),
        (b"EMPTY", b""),
        (b"CONTENT_LENGTH", b"10"),
    ] {
        assert_eq!(value(name), (Some(want.to_vec()), 0));
    }
    let mut room = [0; 64];
    match server.head(ID, 200, [], Length::Known(3), &mut []) {
        Err(Refused::Room { need }) => {
            let refused = server.head(ID, 200, [], Length::Known(3), &mut room[..need - 1]);
            assert_eq!(refused.err(), Some(Refused::Room { need }));
            let frame = server.head(ID, 200, [], Length::Known(3), &mut room[..need]);
            assert_eq!(frame.unwrap().len(), need);
        }
        other => panic!("{other:?}"),
    }
}

/// A header field that was given as a variable twice is one, as RFC 3875,
/// 4.1.18, joins them; what is no header field may not come twice.
fn twice<P: Protocol>() {
    let vars = [
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"HTTP_X", b"a"),
        Field::var(b"HTTP_COOKIE", b"a=1"),
        Field::var(b"HTTP_X", b"b"),
        Field::var(b"HTTP_COOKIE", b"b=2"),
        Field::var(b"HTTP_Y", b"c"),
        Field::var(b"HTTP_X", b""),
    ];
    let mut room = [0; 256];
    let mut client = P::client(Rules::STRICT);
    let (_, frame) = client.open(vars, Length::None, &mut room).unwrap();
    let bytes = frame.slices().concat();
    let mut seen = Vec::new();
    drain(&mut P::server(D), &mut &bytes[..], |_, event| {
        if let Fact::Field { name, value, .. } = P::Server::fact(&event)
            && name.starts_with(b"HTTP_")
        {
            seen.push(format!("{}={}", name.escape_ascii(), value.escape_ascii()));
        }
    })
    .unwrap();
    assert_eq!(seen, ["HTTP_X=a, b, ", "HTTP_COOKIE=a=1; b=2", "HTTP_Y=c"]);

    let mut client = P::client(Rules::STRICT);
    for (a, b) in [
        ("X", "X"),
        ("HTTP_", "HTTP_"),
        ("HTTP_HOST", "HTTP_HOST"),
        ("GEHEIM", "GEHEIM"),
    ] {
        let vars = [
            Field::var(a.as_bytes(), b"1"),
            Field::var(b"Y", b"2"),
            Field::var(b.as_bytes(), b"1"),
        ];
        let refused = client.open(vars, Length::None, &mut room).err();
        assert_eq!(refused, Some(Refused::Field), "{a}");
    }
    // None of many that are alike.
    let names: Vec<String> = (0..300).map(|n| format!("HTTP_X_{n:03}_Y")).collect();
    let vars: Vec<_> = names
        .iter()
        .map(|n| Field::var(n.as_bytes(), b"1"))
        .collect();
    let mut room = vec![0; 16_384];
    assert!(client.open(vars, Length::None, &mut room).is_ok());
}

/// SCGI has a variable that says so, and refuses another version; all else of
/// the kind is withheld.
fn what_says_which_wire_it_was<P: Protocol>() {
    let scgi = P::head("0", &[]).starts_with(b"24:");
    let open = |vars: &[(&'static str, &'static str)]| {
        let vars: Vec<Field<'_>> = vars
            .iter()
            .map(|(n, v)| Field::var(n.as_bytes(), v.as_bytes()))
            .collect();
        let mut room = [0; 256];
        let mut client = P::client(EITHER);
        let made = client.open(vars, Length::None, &mut room);
        made.map(|(_, frame)| frame.slices().concat())
    };
    let plain = open(&[("REQUEST_METHOD", "GET")]).unwrap();
    let vars = [
        ("SCGI", "1"),
        ("REQUEST_METHOD", "GET"),
        ("FCGI_ROLE", "RESPONDER"),
    ];
    assert_eq!(open(&vars).unwrap(), plain);
    let other = open(&[("SCGI", "2"), ("REQUEST_METHOD", "GET")]);
    match scgi {
        true => assert_eq!(other, Err(Refused::Field)),
        false => assert_eq!(other.unwrap(), plain),
    }
}
