//! Machines joined by links that cut at random and stall: our client against
//! our server, and the bridge between every two wires.

mod common;
mod standins;

use common::Random;
use common::between::{self, Chaos, World};
use common::link::{Call, Echo, Link, Web, echoed, round};
use standins::bridge::{Bridge, QUEUE};
use vestibule::{
    Client, Ending, Field, Length, Next, Receive, Request, Response, Server, Status, ajp, drain,
    fcgi, http1,
};

fn fcgi_client(slots: usize) -> fcgi::Client<Vec<fcgi::ClientSlot>> {
    fcgi::Client::new(vec![fcgi::ClientSlot::EMPTY; slots])
}

fn fcgi_server(slots: usize) -> fcgi::Server<Vec<fcgi::Slot>> {
    fcgi::Server::new(vec![fcgi::Slot::EMPTY; slots])
}

fn ajp_client(size: u32) -> ajp::Client {
    let limits = ajp::ClientLimits::DEFAULT.packet_bytes(size);
    ajp::Client::with_secret(&b"s3cret"[..]).limits(limits)
}

fn ajp_server(size: u32) -> ajp::Server {
    let limits = ajp::ServerLimits::DEFAULT.packet_bytes(size);
    ajp::Server::new(ajp::ServerRules::STRICT.secret(&b"s3cret"[..])).limits(limits)
}

/// Runs until all is said, or nothing moves any more.
fn joined<K: Client, V: Server>(web: &mut Web<K>, app: &mut Echo<V>, seed: u64) {
    let mut random = Random(seed);
    let (mut up, mut down) = (Link::default(), Link::default());
    for _ in 0..200_000 {
        round(web, app, [&mut up, &mut down], &mut random);
        if web.over() && up.queue.is_empty() && up.inbox.is_empty() {
            return;
        }
    }
    panic!("nothing moves any more, seed {seed}");
}

fn calls(random: &mut Random, n: usize, most: usize) -> Vec<Call> {
    (0..n)
        .map(|_| {
            let size = random.below(most + 1);
            let body = random.bytes(size);
            match random.below(3) {
                0 => Call::new(Vec::new(), Length::None),
                1 => Call::new(body, Length::Unknown),
                _ => {
                    let n = body.len() as u64;
                    Call::new(body, Length::Known(n))
                }
            }
        })
        .collect()
}

#[test]
fn many_requests_on_one_connection() {
    for seed in 0..8 {
        let slots = 1 + seed as usize * 5;
        let mut web = Web::new(fcgi_client(slots), calls(&mut Random(seed), 60, 30_000));
        let mut app = Echo::new(fcgi_server(slots));
        joined(&mut web, &mut app, seed);
        echoed(&web.calls);
        assert_eq!((app.begun, app.ended), (60, 60));
    }
}

#[test]
fn one_request_at_a_time() {
    for seed in 0..4 {
        let mut web = Web::new(http1::Client::new(), calls(&mut Random(seed), 20, 30_000));
        joined(&mut web, &mut Echo::new(http1::Server::new()), seed);
        echoed(&web.calls);
        for size in [8192, 65_536] {
            let mut web = Web::new(ajp_client(size), calls(&mut Random(seed), 20, 30_000));
            joined(&mut web, &mut Echo::new(ajp_server(size)), seed);
            echoed(&web.calls);
        }
    }
}

/// Requests given up in the middle: the others do not notice.
#[test]
fn aborts() {
    for seed in 0..8 {
        let mut all = calls(&mut Random(seed), 40, 20_000);
        let mut random = Random(seed + 100);
        let mut given_up = 0;
        for call in &mut all {
            if !call.body.is_empty() && random.one_in(3) {
                call.abort_at = Some(random.below(call.body.len()));
                given_up += 1;
            }
        }
        let marks: Vec<bool> = all.iter().map(|c| c.abort_at.is_some()).collect();
        let mut web = Web::new(fcgi_client(7), all);
        let mut app = Echo::new(fcgi_server(7));
        joined(&mut web, &mut app, seed);
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut web.calls)
            .into_iter()
            .zip(marks)
            .partition(|c| c.1);
        echoed(&kept.into_iter().map(|c| c.0).collect::<Vec<_>>());
        assert_eq!(gone.len(), given_up);
        for (call, _) in gone {
            assert_eq!((call.ending, call.done), (Some(Ending::Aborted), 1));
        }
        assert_eq!(app.begun, 40);
    }
}

/// More requests at once than the application has slots: rejected, and safe to
/// send again.
#[test]
fn rejections() {
    let mut web = Web::new(fcgi_client(9), calls(&mut Random(5), 30, 5_000));
    let mut app = Echo::new(fcgi_server(2));
    joined(&mut web, &mut app, 5);
    let complete = |c: &&Call| matches!(c.ending, Some(Ending::Complete { .. }));
    let whole = web.calls.iter().filter(complete).count();
    assert_eq!(whole, app.ended);
    assert!((2..30).contains(&whole), "{whole}");
    for call in web.calls.iter().filter(|c| !complete(c)) {
        let overloaded = vestibule::Rejection::Overloaded;
        assert_eq!(call.ending, Some(Ending::Rejected(overloaded)));
        assert!(call.answer.is_empty());
    }
}

/// An application that fails in the middle of its answers.
#[test]
fn a_failed_answer_never_looks_complete() {
    let mut all = calls(&mut Random(3), 20, 0);
    for call in &mut all {
        *call = Call::new(vec![1; 20_000], Length::Unknown);
    }
    let mut web = Web::new(fcgi_client(4), all);
    let mut app = Echo::new(fcgi_server(4));
    app.fail_at = Some(30_000);
    let mut random = Random(3);
    let (mut up, mut down) = (Link::default(), Link::default());
    for _ in 0..20_000 {
        round(&mut web, &mut app, [&mut up, &mut down], &mut random);
        if app.machine.after() == vestibule::After::Close && down.queue.is_empty() {
            break;
        }
    }
    down.feed(|input| web.read(input, &mut up.queue));
    web.eof();
    let mut truncated = 0;
    for call in web.calls.iter().filter(|c| c.id.is_some()) {
        assert_eq!(call.done, 1);
        match call.ending {
            Some(Ending::Complete { .. }) => assert_eq!(call.answer, call.body),
            Some(Ending::Truncated) => {
                truncated += 1;
                assert!(!call.body_end);
            }
            _ => assert!(call.answer.is_empty(), "{:?}", call.ending),
        }
    }
    assert!(truncated > 0);
}

/// Web server, bridge, application: `calls` through two links.
fn bridged<K1: Client, V: Server, K2: Client, V2: Server>(
    what: &str,
    web: &mut Web<K1>,
    mut server: V,
    client: K2,
    app: &mut Echo<V2>,
    seed: u64,
) {
    let mut random = Random(seed);
    let mut bridge = Bridge::new(client);
    let [mut a, mut b, mut c, mut d] = [(); 4].map(|()| Link::default());
    for _ in 0..400_000 {
        web.send(&mut a.queue);
        a.deliver(&mut random);
        c.deliver(&mut random);
        let (mut from_web, mut from_app) = (&a.inbox[..], &c.inbox[..]);
        let (to_web, to_app) = (&mut d.queue, &mut b.queue);
        bridge.run(&mut server, &mut from_web, &mut from_app, to_web, to_app);
        let left = (from_web.len(), from_app.len());
        a.inbox.drain(..a.inbox.len() - left.0);
        c.inbox.drain(..c.inbox.len() - left.1);
        assert!(b.queue.len() < QUEUE + 70_000 && d.queue.len() < QUEUE + 70_000);
        b.deliver(&mut random);
        b.feed(|input| app.read(input, &mut c.queue));
        app.send(&mut c.queue);
        d.deliver(&mut random);
        d.feed(|input| web.read(input, &mut a.queue));
        if web.over() {
            return;
        }
    }
    let sent: Vec<_> = web
        .calls
        .iter()
        .map(|c| (c.sent, c.answer.len(), c.said_end))
        .collect();
    panic!("{what}: nothing moves any more: {sent:?}");
}

macro_rules! client {
    (fcgi) => {
        fcgi_client(1)
    };
    (http) => {
        http1::Client::new()
    };
    (ajp) => {
        ajp_client(8192)
    };
}

macro_rules! server {
    (fcgi) => {
        fcgi_server(1)
    };
    (http) => {
        http1::Server::new()
    };
    (ajp) => {
        ajp_server(8192)
    };
}

/// Through a bridge between a wire in front and one behind.
macro_rules! bridge_test {
    ($name:ident, $front:ident, $back:ident) => {
        #[test]
        fn $name() {
            let run = |calls, seed| {
                let mut web = Web::new(client!($front), calls);
                let mut app = Echo::new(server!($back));
                let (server, client) = (server!($front), client!($back));
                bridged(stringify!($name), &mut web, server, client, &mut app, seed);
                echoed(&web.calls);
            };
            let mut random = Random(1);
            for length in [Length::Unknown, Length::Known(1 << 20)] {
                run(vec![Call::new(random.bytes(1 << 20), length)], 7);
            }
            for seed in 0..3 {
                run(calls(&mut Random(seed), 8, 20_000), seed);
            }
        }
    };
}

bridge_test!(fcgi_to_fcgi, fcgi, fcgi);
bridge_test!(fcgi_to_http, fcgi, http);
bridge_test!(fcgi_to_ajp, fcgi, ajp);
bridge_test!(http_to_fcgi, http, fcgi);
bridge_test!(http_to_http, http, http);
bridge_test!(http_to_ajp, http, ajp);
bridge_test!(ajp_to_fcgi, ajp, fcgi);
bridge_test!(ajp_to_http, ajp, http);
bridge_test!(ajp_to_ajp, ajp, ajp);

/// A request given up by the web server reaches the application through the
/// bridge, and the others do not notice.
#[test]
fn an_abort_passes_the_bridge() {
    for seed in 0..4 {
        let mut random = Random(seed);
        let mut all: Vec<Call> = (0..12)
            .map(|_| Call::new(random.bytes(20_000), Length::Unknown))
            .collect();
        for call in all.iter_mut().step_by(3) {
            call.abort_at = Some(5_000);
        }
        let mut web = Web::new(fcgi_client(4), all);
        // What is given up holds its slot behind the bridge a while longer.
        let mut app = Echo::new(fcgi_server(12));
        bridged(
            "aborts",
            &mut web,
            fcgi_server(4),
            fcgi_client(12),
            &mut app,
            seed,
        );
        let kept: Vec<usize> = (0..12).filter(|i| i % 3 != 0).collect();
        for (i, call) in web.calls.iter().enumerate() {
            assert_eq!(call.done, 1);
            if kept.contains(&i) {
                assert!(matches!(call.ending, Some(Ending::Complete { .. })));
                assert!(call.answer == call.body);
            } else {
                assert_eq!(call.ending, Some(Ending::Aborted));
            }
        }
        assert_eq!((app.begun, app.aborted), (12, 4));
    }
}

/// An authorizer gets no body and no script, and says yes or no.
#[test]
fn an_authorizer() {
    for (status, allowed) in [(200, true), (401, false)] {
        let (mut client, mut server) = (fcgi_client(1), fcgi_server(1));
        let fields = [
            Field::var(b"REMOTE_ADDR", b"::1"),
            Field::var(b"PATH_INFO", b"/x"),
        ];
        let mut room = [0; 256];
        let role = fcgi::Role::Authorizer;
        let opened = client.begin(role, true, fields, Length::None, &mut room);
        let (id, frame) = opened.unwrap();
        let (up, mut down, mut names) = (frame.slices().concat(), Vec::new(), 0);
        let mut room = [0; 256];
        drain(&mut server, &mut &up[..], |server, event| match event {
            Request::Field { field, .. } => {
                assert_eq!(field.name, b"REMOTE_ADDR");
                names += 1;
            }
            Request::HeadEnd { id, length } => {
                assert_eq!((server.role(id), length), (Some(role), Length::None));
                let fields = [Field::header(b"Variable-AUTH_METHOD", b"db")];
                let head = server.head(id, status, fields, Length::Unknown, &mut room);
                down.extend(head.unwrap().slices().concat());
                down.extend(server.end(id, 0).unwrap().slices().concat());
            }
            Request::Begin { .. } => {}
            other => panic!("{other:?}"),
        })
        .unwrap();
        assert_eq!(names, 1);
        // A cut answer is no permission.
        for cut in 0..down.len() {
            let (mut client, mut verdict) = (client.clone(), fcgi::Verdict::new(id));
            drain(&mut client, &mut &down[..cut], |_, e| verdict.observe(&e)).unwrap();
            while let Ok(Next::Event(event)) = client.eof() {
                verdict.observe(&event);
            }
            assert!(!verdict.allowed(), "cut at {cut}");
        }
        let (mut verdict, mut variable) = (fcgi::Verdict::new(id), None);
        drain(&mut client, &mut &down[..], |_, event| {
            if let Response::Field { field, .. } = &event {
                variable = fcgi::Verdict::variable(field).or(variable);
            }
            verdict.observe(&event);
        })
        .unwrap();
        assert_eq!(verdict.allowed(), allowed);
        assert_eq!(variable, Some((&b"AUTH_METHOD"[..], &b"db"[..])));
    }
}

/// A filter gets a body and a file, and answers from the end of the body on.
#[test]
fn a_filter() {
    let (mut client, mut server) = (fcgi_client(1), fcgi_server(1));
    let fields = [Field::var(b"FCGI_DATA_LENGTH", b"3")];
    let mut room = [0; 256];
    let role = fcgi::Role::Filter;
    let opened = client.begin(role, true, fields, Length::Known(2), &mut room);
    let (id, frame) = opened.unwrap();
    let mut up = frame.slices().concat();
    up.extend(client.body(id, &mut &b"hi"[..]).unwrap().slices().concat());
    up.extend(client.body_end(id).unwrap().slices().concat());
    up.extend(client.data(id, &mut &b"abc"[..]).unwrap().slices().concat());
    up.extend(client.data_end(id).unwrap().slices().concat());
    let (mut body, mut data, mut down) = (Vec::new(), Vec::new(), Vec::new());
    drain(&mut server, &mut &up[..], |server, event| {
        let mut room = [0; 64];
        match event {
            Request::Begin { .. } | Request::Field { .. } => {}
            Request::HeadEnd { id, length } => {
                assert_eq!(length, Length::Known(2));
                let early = server.head(id, 200, [], Length::Unknown, &mut room);
                assert!(early.is_err());
            }
            Request::Body { bytes, .. } => body.extend_from_slice(bytes),
            Request::BodyEnd { id } => {
                let fields = [Field::header(b"A", b"b")];
                let head = server.head(id, 200, fields, Length::Unknown, &mut room);
                down.extend(head.unwrap().slices().concat());
            }
            Request::Ext(fcgi::ServerExt::Data { bytes, .. }) => data.extend_from_slice(bytes),
            Request::Ext(fcgi::ServerExt::DataEnd { id }) => {
                let frame = server.body(id, &mut &data[..]).unwrap().slices().concat();
                down.extend(frame);
                down.extend(server.end(id, 0).unwrap().slices().concat());
            }
            other => panic!("{other:?}"),
        }
    })
    .unwrap();
    assert_eq!((&body[..], &data[..]), (&b"hi"[..], &b"abc"[..]));
    let (mut answer, mut done) = (Vec::new(), None);
    drain(&mut client, &mut &down[..], |_, event| match event {
        Response::Body { bytes, .. } => answer.extend_from_slice(bytes),
        Response::Done { ending, reuse, .. } => done = Some((ending, reuse)),
        _ => {}
    })
    .unwrap();
    assert_eq!(answer, b"abc");
    let ending = Ending::Complete {
        app_status: 0,
        output_ended: true,
    };
    assert_eq!(done, Some((ending, true)));
}

/// A front that carries several requests at once over several connections
/// behind, or one, with a driver that lends what it likes.
fn between<K1: Client, V: Server, K2: Client, V2: Server>(
    web: impl Fn() -> K1,
    server: impl Fn() -> V,
    exchanges: usize,
    behind: fn() -> (K2, V2),
    most: usize,
    chaos: Chaos,
) -> (usize, usize) {
    let (mut whole, mut opened) = (0, 0);
    for seed in 0..60 {
        let mut random = Random(seed);
        let aborts = if seed % 3 == 0 { 4 } else { 0 };
        let calls = between::calls(&mut random, 12, 6_000, aborts);
        let web = Web::new(web(), calls);
        let mut world = World::new(web, server(), exchanges, behind, most, chaos);
        // Some are refused from the start.
        world.disturbed |= most == 1;
        let run = std::panic::AssertUnwindSafe(|| world.run(&mut random, 3_000));
        if std::panic::catch_unwind(run).is_err() {
            panic!("seed {seed} of {chaos:?}");
        }
        let complete = |c: &&Call| matches!(c.ending, Some(Ending::Complete { .. }));
        whole += world.web.calls.iter().filter(complete).count();
        opened += world.web.calls.iter().filter(|c| c.id.is_some()).count();
    }
    (whole, opened)
}

const KINDS: [(&str, Chaos); 6] = {
    const NONE: Chaos = Chaos {
        flips: 0,
        cuts: 0,
        closes: 0,
        driver: 0,
        mistakes: 0,
        rooms: 0,
        refusals: 0,
    };
    [
        ("peace", NONE),
        ("cuts", Chaos { cuts: 150, ..NONE }),
        (
            "flips",
            Chaos {
                flips: 100,
                cuts: 300,
                ..NONE
            },
        ),
        ("closes", Chaos { closes: 80, ..NONE }),
        (
            "driver",
            Chaos {
                driver: 60,
                closes: 300,
                rooms: 300,
                ..NONE
            },
        ),
        (
            "mistakes",
            Chaos {
                mistakes: 60,
                driver: 150,
                closes: 300,
                ..NONE
            },
        ),
    ]
};

macro_rules! between_tests {
    ($($name:ident: $web:expr, $server:expr, $exchanges:expr, $behind:expr, $most:expr;)*) => {$(
        #[test]
        fn $name() {
            for (kind, chaos) in KINDS {
                let (whole, opened) = between($web, $server, $exchanges, $behind, $most, chaos);
                assert!(whole > 0 && opened >= whole, "{kind}: {whole} of {opened}");
            }
        }
    )*};
}

between_tests! {
    between_http_and_http: http1::Client::new, http1::Server::new, 1,
        || (http1::Client::new(), http1::Server::new()), 2;
    between_http_and_fcgi: http1::Client::new, http1::Server::new, 1,
        || (fcgi_client(1), fcgi_server(1)), 2;
    between_fcgi_and_http: || fcgi_client(1), || fcgi_server(1), 1,
        || (http1::Client::new(), http1::Server::new()), 2;
    between_many_and_http: || fcgi_client(5), || fcgi_server(5), 5,
        || (http1::Client::new(), http1::Server::new()), 5;
    between_many_and_fcgi: || fcgi_client(5), || fcgi_server(5), 5,
        || (fcgi_client(1), fcgi_server(1)), 5;
    between_many_and_many: || fcgi_client(5), || fcgi_server(5), 5,
        || (fcgi_client(3), fcgi_server(3)), 2;
    between_many_and_too_few: || fcgi_client(5), || fcgi_server(5), 3,
        || (fcgi_client(8), fcgi_server(2)), 1;
}
