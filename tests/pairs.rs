//! Machines joined by links that cut at random and stall: our client against
//! our server, and the bridge between every two wires.

mod common;
mod standins;

use common::Random;
use common::link::{Call, Echo, Link, Web, echoed};
use standins::ajp::{AjpClient, AjpServer};
use standins::bridge::{Bridge, QUEUE};
use standins::http::{HttpClient, HttpServer};
use vestibule::{Client, Ending, Length, Server, Status, fcgi};

fn fcgi_client(slots: usize) -> fcgi::Client<Vec<fcgi::ClientSlot>> {
    fcgi::Client::new(vec![fcgi::ClientSlot::EMPTY; slots])
}

fn fcgi_server(slots: usize) -> fcgi::Server<Vec<fcgi::Slot>> {
    fcgi::Server::new(vec![fcgi::Slot::EMPTY; slots])
}

/// Runs until all is said, or nothing moves any more.
fn joined<K: Client, V: Server>(web: &mut Web<K>, app: &mut Echo<V>, seed: u64) {
    let mut random = Random(seed);
    let (mut up, mut down) = (Link::default(), Link::default());
    for _ in 0..200_000 {
        web.send(&mut up.queue);
        up.deliver(&mut random);
        up.feed(|input| app.read(input, &mut down.queue));
        app.send(&mut down.queue);
        down.deliver(&mut random);
        down.feed(|input| web.read(input, &mut up.queue));
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
fn the_stand_ins_against_themselves() {
    for seed in 0..4 {
        let mut web = Web::new(HttpClient::new(), calls(&mut Random(seed), 20, 30_000));
        joined(&mut web, &mut Echo::new(HttpServer::new()), seed);
        echoed(&web.calls);
        let mut web = Web::new(AjpClient::new(), calls(&mut Random(seed), 20, 30_000));
        joined(&mut web, &mut Echo::new(AjpServer::new()), seed);
        echoed(&web.calls);
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
        web.send(&mut up.queue);
        up.deliver(&mut random);
        up.feed(|input| app.read(input, &mut down.queue));
        app.send(&mut down.queue);
        down.deliver(&mut random);
        down.feed(|input| web.read(input, &mut up.queue));
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
    mut client: K2,
    app: &mut Echo<V2>,
    seed: u64,
) {
    let mut random = Random(seed);
    let mut bridge = Bridge::default();
    let [mut a, mut b, mut c, mut d] = [(); 4].map(|()| Link::default());
    for _ in 0..400_000 {
        web.send(&mut a.queue);
        a.deliver(&mut random);
        c.deliver(&mut random);
        let (mut from_web, mut from_app) = (&a.inbox[..], &c.inbox[..]);
        let (to_web, to_app) = (&mut d.queue, &mut b.queue);
        bridge.run(
            &mut server,
            &mut client,
            &mut from_web,
            &mut from_app,
            to_web,
            to_app,
        );
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

macro_rules! bridge_test {
    ($name:ident, $web:expr, $server:expr, $client:expr, $app:expr) => {
        #[test]
        fn $name() {
            let mut random = Random(1);
            for length in [Length::Unknown, Length::Known(1 << 20)] {
                let body = random.bytes(1 << 20);
                let first = Call::new(body, length);
                let mut web = Web::new($web, vec![first]);
                let mut app = Echo::new($app);
                bridged(stringify!($name), &mut web, $server, $client, &mut app, 7);
                echoed(&web.calls);
            }
            for seed in 0..3 {
                let mut web = Web::new($web, calls(&mut Random(seed), 8, 20_000));
                let mut app = Echo::new($app);
                bridged(
                    stringify!($name),
                    &mut web,
                    $server,
                    $client,
                    &mut app,
                    seed,
                );
                echoed(&web.calls);
            }
        }
    };
}

bridge_test!(
    fcgi_to_fcgi,
    fcgi_client(1),
    fcgi_server(1),
    fcgi_client(1),
    fcgi_server(1)
);
bridge_test!(
    fcgi_to_http,
    fcgi_client(1),
    fcgi_server(1),
    HttpClient::new(),
    HttpServer::new()
);
bridge_test!(
    fcgi_to_ajp,
    fcgi_client(1),
    fcgi_server(1),
    AjpClient::new(),
    AjpServer::new()
);
bridge_test!(
    http_to_fcgi,
    HttpClient::new(),
    HttpServer::new(),
    fcgi_client(1),
    fcgi_server(1)
);
bridge_test!(
    http_to_http,
    HttpClient::new(),
    HttpServer::new(),
    HttpClient::new(),
    HttpServer::new()
);
bridge_test!(
    http_to_ajp,
    HttpClient::new(),
    HttpServer::new(),
    AjpClient::new(),
    AjpServer::new()
);
bridge_test!(
    ajp_to_fcgi,
    AjpClient::new(),
    AjpServer::new(),
    fcgi_client(1),
    fcgi_server(1)
);
bridge_test!(
    ajp_to_http,
    AjpClient::new(),
    AjpServer::new(),
    HttpClient::new(),
    HttpServer::new()
);
bridge_test!(
    ajp_to_ajp,
    AjpClient::new(),
    AjpServer::new(),
    AjpClient::new(),
    AjpServer::new()
);
