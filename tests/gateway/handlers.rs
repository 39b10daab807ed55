//! What a caller decides, and what comes of handlers that panic.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use vestibule::adapt::gateway::{Behind, Decision, HEAD, run};
use vestibule::bridge::{End, Policy};
use vestibule::{Error, Field, Id, Timeouts, fcgi, http1};

use super::tools::*;

#[test]
fn heads_are_changed() {
    let gate = Http::<http1::Client>::new()
        .judge(|head, length| {
            assert_eq!(length, vestibule::Length::None);
            let _ = head.push(Field::header(b"X-More", &[b'm'; 1500]));
            Decision::Forward
        })
        .then(|mut stream| {
            let got = head(&mut stream);
            assert!(got.ends_with(&format!("X-More: {}\r\n\r\n", "m".repeat(1500))));
            stream.write_all(OK).unwrap();
        });
    assert!(ask(&gate, LAST).ends_with("\n\nok"));
}

/// With `reserve`, to any length that may be; without, the request is refused.
#[test]
fn heads_grow() {
    fn long(head: &mut vestibule::Fields<Vec<u8>>) -> Decision<&'static [u8]> {
        for _ in 0..9 {
            let _ = head.push(Field::header(b"X-More", &[b'm'; 8_000]));
        }
        Decision::Forward
    }
    let gate = Http::<http1::Client>::new()
        .judge(|head, _| {
            head.reserve(9 * 8_100, HEAD);
            long(head)
        })
        .then(|mut stream| {
            let got = head(&mut stream);
            assert_eq!(got.matches("X-More").count(), 9);
            stream.write_all(OK).unwrap();
        });
    assert!(ask(&gate, LAST).ends_with("\n\nok"));
    let gate = Http::<http1::Client>::new().judge(|head, _| long(head));
    let got = ask(&gate, LAST);
    assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
    assert!(gate.asked().is_empty());
}

#[test]
fn answers_and_refusals() {
    fn judge(head: &mut vestibule::Fields<Vec<u8>>) -> Decision<&'static [u8]> {
        match head.get(b"REQUEST_URI") {
            Some(b"/own") => Decision::Answer(b"our own"),
            Some(b"/none") => Decision::Refuse(Error::Overloaded),
            _ => Decision::Forward,
        }
    }
    let gate = Http::<http1::Client>::new()
        .judge(|head, _| judge(head))
        .then(|mut stream| {
            head(&mut stream);
            stream.write_all(OK).unwrap();
        });
    let own = b"GET /own HTTP/1.1\r\nHost: h\r\n\r\n";
    let none = b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n";
    let got = ask(&gate, &[GET, own, none].concat());
    assert_eq!(
        got,
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok\
         HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 7\n\nour own\
         HTTP/1.1 503 Service Unavailable\nContent-Length: 0\nConnection: close\n\n"
    );
    assert_eq!(
        gate.ends(),
        [
            (200, 2, End::Complete),
            (200, 7, End::Complete),
            (503, 0, End::Failed(Error::Overloaded)),
        ]
    );
    // A body that nobody asked for is no part of the next request.
    let gate = Http::<http1::Client>::new().judge(|head, _| judge(head));
    let post = b"POST /own HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nGET / HTT";
    let got = ask(&gate, &[&post[..], own].concat());
    assert_eq!(got.matches("our own").count(), 2, "{got}");
}

#[test]
fn dates() {
    let mut gate = Http::<http1::Client>::new();
    gate.date = Some(*b"Thu, 01 Jan 1970 00:00:00 GMT");
    let gate = gate.then(|mut stream| {
        head(&mut stream);
        stream.write_all(OK).unwrap();
    });
    let got = ask(&gate, LAST);
    assert!(
        got.contains("\nDate: Thu, 01 Jan 1970 00:00:00 GMT\n"),
        "{got}"
    );
}

/// A gateway whose every role but one is refused.
#[test]
fn admission() {
    struct Only(Fcgi<fcgi::Client>);
    impl Behind for Only {
        type Server = fcgi::Server<Vec<fcgi::Slot>>;
        type Client = fcgi::Client;
        type Stream = UnixStream;
        type Answer = &'static [u8];
        fn connect(&self, fresh: bool) -> Result<(UnixStream, fcgi::Client), Error> {
            self.0.connect(fresh)
        }
        fn admit(&self, server: &Self::Server, id: Id) -> Result<(), Error> {
            match server.role(id) {
                Some(fcgi::Role::Responder) => Ok(()),
                _ => Err(Error::Unsupported),
            }
        }
        fn answer(
            &self,
            _: Self::Answer,
            _: &mut Self::Server,
            _: Id,
            _: &mut dyn Write,
        ) -> std::io::Result<(u16, u64)> {
            unreachable!()
        }
    }
    let _watch = Watch::new();
    let only = Only(Gate::new().then(|mut stream| {
        records(&mut stream, 5);
        stream.write_all(&cgi(1, b"A: b\r\n\r\nok")).unwrap();
    }));
    let (near, mut far) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let machine = fcgi::Server::new(vec![fcgi::Slot::EMPTY; 2]);
            run(&only, &near, machine, 2, Policy::STRICT, Timeouts::DEFAULT);
        });
        let mut authorizer = request(1, true, &[("A", "b")]);
        authorizer[9] = 2;
        far.write_all(&authorizer).unwrap();
        while next_record(&mut far).0 != 3 {}
        // By default a connection is closed when it is free, and neither a
        // date nor a log is kept.
        let responder = [request(1, true, &[("A", "b")]), record(5, 1, b"")].concat();
        far.write_all(&responder).unwrap();
        while next_record(&mut far).0 != 3 {}
        drop(far);
    });
}

/// Nobody waits for a thread that is not there any more.
#[test]
fn panics() {
    let _watch = Watch::new();
    // Answers late enough that another thread than the front's reads it.
    fn late(mut stream: UnixStream) {
        head(&mut stream);
        std::thread::sleep(std::time::Duration::from_millis(200));
        let _ = stream.write_all(OK);
        let _ = closed(&mut stream);
    }
    for (handler, also) in [
        ("head", (|at| assert_ne!(at, "head")) as fn(&str)),
        ("connect", |at| assert_ne!(at, "connect")),
        ("over", |at| assert_ne!(at, "over")),
        ("observe", |at| assert_ne!(at, "observe")),
    ] {
        let gate = Http::<http1::Client>::new().also(also).then(late);
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(GET).unwrap();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let machine = http1::Server::new();
            run(&gate, &near, machine, 1, Policy::STRICT, Timeouts::DEFAULT);
        }));
        assert!(ran.is_err(), "{handler}");
        drop(near);
        let _ = rest(far);
        gate.forget();
    }
}
