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

/// An answer of our own waits for one that is being written, which a slow
/// reader holds up.
#[test]
fn an_answer_beside_another() {
    let gate = Fcgi::<fcgi::Client>::new()
        .judge(|head, _| match head.get(b"REQUEST_URI") {
            Some(b"/own") => Decision::Answer(b"our own"),
            _ => Decision::Forward,
        })
        .then(|mut stream| {
            records(&mut stream, 5);
            let mut bytes = record(6, 1, b"A: b\r\n\r\n");
            for _ in 0..100 {
                bytes.extend(record(6, 1, &[b'x'; 50_000]));
            }
            bytes.extend([record(6, 1, b""), record(3, 1, &[0; 8])].concat());
            stream.write_all(&bytes).unwrap();
        });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        for (id, uri) in [(1, "/"), (2, "/own")] {
            let pairs = [("REQUEST_URI", uri)];
            let bytes = [request(id, true, &pairs), record(5, id, b"")].concat();
            stream.write_all(&bytes).unwrap();
            // The first is under way, and more of it than anything holds.
            if id == 1 {
                assert_eq!(next_record(&mut stream).0, 6);
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        let (mut bytes, mut own, mut over) = (0, Vec::new(), 0);
        while over < 2 {
            match next_record(&mut stream) {
                (6, 1, content) => bytes += content.len(),
                (6, _, content) => own.extend(content),
                (kind, ..) => over += usize::from(kind == 3),
            }
        }
        assert!((5_000_000..5_000_100).contains(&bytes), "{bytes}");
        assert!(own.ends_with(b"our own"), "{}", own.escape_ascii());
    });
}

/// The front is gone when it is to be answered.
#[test]
fn an_answer_that_nobody_takes() {
    let (gone, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let gate = Http::<http1::Client>::new()
        .judge(|_, _| Decision::Answer(b"our own"))
        .also(move |at| {
            if at == "answer" {
                let _ = wait.lock().unwrap().recv();
            }
        });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        stream.write_all(GET).unwrap();
        drop(stream);
        drop(gone);
    });
    assert_eq!(gate.ends().len(), 1);
}

/// A transport that takes and gives a few bytes at a time, is interrupted, and
/// takes none in the end.
struct Odd {
    stream: UnixStream,
    calls: std::sync::atomic::AtomicUsize,
    /// Writes behind so many take nothing.
    most: usize,
}

impl Odd {
    fn call(&self) -> std::io::Result<usize> {
        let n = self.calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match n % 3 {
            2 => Err(std::io::ErrorKind::Interrupted.into()),
            _ => Ok(n),
        }
    }
}

impl std::io::Read for &Odd {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.call()?;
        let n = buf.len().min(7);
        (&self.stream).read(&mut buf[..n])
    }
}

impl Write for &Odd {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        match self.call()? > self.most {
            true => Ok(0),
            false => (&self.stream).write(&buf[..buf.len().min(5)]),
        }
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl vestibule::adapt::Transport for Odd {
    fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
        self.stream.shutdown(how)
    }
}

#[test]
fn odd_transports() {
    for (most, whole) in [(usize::MAX, true), (20, false)] {
        let _watch = Watch::new();
        let gate = Http::<http1::Client>::new().then(|mut stream| {
            head(&mut stream);
            let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n".to_vec();
            answer.extend([b'x'; 20_000]);
            stream.write_all(&answer).unwrap();
            let _ = closed(&mut stream);
        });
        let (near, far) = UnixStream::pair().unwrap();
        let odd = Odd {
            stream: near,
            calls: Default::default(),
            most,
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let machine = http1::Server::new();
                run(&gate, &odd, machine, 1, Policy::STRICT, Timeouts::DEFAULT);
                drop(odd);
            });
            let got = said(far, LAST);
            assert_eq!(got.ends_with(&"x".repeat(20_000)), whole, "{got}");
        });
        gate.end();
    }
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
        let answer = [record(7, 1, b"noted"), cgi(1, b"A: b\r\n\r\nok")];
        stream.write_all(&answer.concat()).unwrap();
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
    for handler in ["head", "connect", "over", "observe"] {
        let gate = Http::<http1::Client>::new()
            .also(move |at| assert_ne!(at, handler))
            .then(late);
        let (near, mut far) = UnixStream::pair().unwrap();
        far.write_all(GET).unwrap();
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let machine = http1::Server::new();
            run(&gate, &near, machine, 1, Policy::STRICT, Timeouts::DEFAULT);
        }));
        assert!(ran.is_err(), "{handler}");
        drop(near);
        let _ = rest(far);
        gate.end();
    }
}
