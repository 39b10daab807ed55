//! The blocking adapter, with machines of ours on both ends of real sockets.
#![cfg(unix)]

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread::scope;
use std::time::Duration;

use vestibule::adapt::blocking::{Outcome, answer, run, write_frame};
use vestibule::adapt::{Call, Called, Detached, Source, Transport};
use vestibule::fcgi::{Client, Server, ServerExt};
use vestibule::{
    Client as _, Ending, Error, Field, Frame, Id, Length, Phase, Request, Response, Server as _,
    Timeouts,
};

const GO_ON: io::Result<ControlFlow<()>> = Ok(ControlFlow::Continue(()));

/// Moves a few bytes at a time.
struct Throttled<S>(S, usize);

impl<S: Read> Read for Throttled<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(self.1);
        self.0.read(&mut buf[..n])
    }
}

impl<S: Write> Write for Throttled<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(&buf[..buf.len().min(self.1)])
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Transport> Transport for Throttled<S> {
    fn read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.0.read_timeout(time)
    }
    fn write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.0.write_timeout(time)
    }
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i / 7 + i / 1000) as u8).collect()
}

fn head<W: Write>(server: &mut Server, id: Id, length: Length, out: &mut W) -> io::Result<()> {
    let fields = [Field::header(b"Content-Type", b"t/p")];
    let mut room = [0; 256];
    write_frame(out, server.head(id, 200, fields, length, &mut room)?)
}

fn body<W: Write>(server: &mut Server, id: Id, mut bytes: &[u8], out: &mut W) -> io::Result<()> {
    while !bytes.is_empty() {
        write_frame(out, server.body(id, &mut bytes)?)?;
    }
    Ok(())
}

fn finish<W: Write>(server: &mut Server, id: Id, out: &mut W) -> io::Result<()> {
    write_frame(out, server.finish(id, [], &mut [])?)
}

/// Sends the body back while it comes.
fn mirror<W: Write>(
    server: &mut Server,
    event: Request<'_, ServerExt<'_>>,
    out: &mut W,
) -> io::Result<ControlFlow<()>> {
    match event {
        Request::HeadEnd { id, length } => head(server, id, length, out)?,
        Request::Body { id, bytes } => body(server, id, bytes, out)?,
        Request::BodyEnd { id } => finish(server, id, out)?,
        event => answer(server, event, out)?,
    }
    GO_ON
}

fn serve_mirror<S: Read + Write + Transport>(mut stream: S) -> io::Result<Outcome> {
    let mut server = Server::default();
    let mut buf = vec![0; 5000];
    run(
        &mut server,
        &mut stream,
        &mut buf,
        Timeouts::DEFAULT,
        mirror,
    )
}

/// What a call brought.
#[derive(Debug, Default)]
struct Got {
    body: Vec<u8>,
    ending: Option<Ending>,
    dones: usize,
}

fn call<R, W, B>(
    client: &mut Client,
    (mut reader, mut writer): (R, W),
    length: Length,
    source: Option<B>,
    timeouts: Timeouts,
) -> (io::Result<Called>, Got)
where
    R: Read + Transport,
    W: Write + Transport + Send,
    B: Source,
{
    let mut room = [0; 512];
    let fields = [Field::var(b"REQUEST_METHOD", b"POST")];
    let (id, head) = client.open(fields, length, &mut room).unwrap();
    let mut got = Got::default();
    let call = Call {
        id,
        head,
        buf: &mut [0; 4000],
        timeouts,
    };
    let called = call.run(client, &mut reader, &mut writer, source, |event| {
        match event {
            Response::Body { bytes, .. } => got.body.extend_from_slice(bytes),
            Response::Done { ending, .. } => {
                got.ending = Some(ending);
                got.dones += 1;
            }
            _ => {}
        }
        GO_ON
    });
    (called, got)
}

#[test]
fn ten_megabytes_both_ways() {
    for throttle in [usize::MAX, 3001] {
        let n = if throttle == usize::MAX {
            10_000_000
        } else {
            1_000_000
        };
        let data = pattern(n);
        let (near, far) = UnixStream::pair().unwrap();
        scope(|s| {
            let served = s.spawn(|| serve_mirror(Throttled(far, throttle)));
            let mut client = Client::default().keep_conn(false);
            let halves = (Throttled(&near, throttle), Throttled(&near, throttle));
            let length = Length::Known(n as u64);
            let (called, got) = call(
                &mut client,
                halves,
                length,
                Some(&data[..]),
                Timeouts::DEFAULT,
            );
            assert_eq!(called.unwrap(), Called::Done { reuse: false });
            assert!(got.body == data);
            assert!(matches!(got.ending, Some(Ending::Complete { .. })));
            drop(near);
            assert_eq!(served.join().unwrap().unwrap(), Outcome::Closed);
        });
    }
}

#[test]
fn a_thousand_requests_on_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    // Else every request waits for a delayed acknowledgement.
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    scope(|s| {
        let served = s.spawn(|| serve_mirror(far));
        let mut client = Client::default();
        for n in 0..1000 {
            let data = pattern(n);
            let (called, got) = if n % 2 == 0 {
                call(
                    &mut client,
                    (&near, &near),
                    Length::Known(n as u64),
                    Some(&data[..]),
                    Timeouts::DEFAULT,
                )
            } else {
                let none = None::<&[u8]>;
                call(
                    &mut client,
                    (&near, &near),
                    Length::None,
                    none,
                    Timeouts::DEFAULT,
                )
            };
            assert_eq!(called.unwrap(), Called::Done { reuse: true }, "{n}");
            assert_eq!(got.body, &data[..if n % 2 == 0 { n } else { 0 }]);
        }
        drop(near);
        assert_eq!(served.join().unwrap().unwrap(), Outcome::Closed);
    });
}

/// Answers when the head is complete, and wants nothing of the body.
fn serve_early<S: Read + Write + Transport>(mut stream: S) -> io::Result<Outcome> {
    let mut server = Server::default();
    run(
        &mut server,
        &mut stream,
        &mut [0; 1000],
        Timeouts::DEFAULT,
        |server, event, out| {
            match event {
                Request::HeadEnd { id, .. } => {
                    head(server, id, Length::Unknown, out)?;
                    body(server, id, b"early", out)?;
                    finish(server, id, out)?;
                }
                event => answer(server, event, out)?,
            }
            GO_ON
        },
    )
}

#[test]
fn an_early_answer_stops_an_endless_body() {
    for keep in [false, true] {
        let (near, far) = UnixStream::pair().unwrap();
        scope(|s| {
            let served = s.spawn(|| serve_early(far));
            let mut client = Client::default().keep_conn(keep);
            let (called, got) = call(
                &mut client,
                (&near, &near),
                Length::Unknown,
                Some(io::repeat(7)),
                Timeouts::DEFAULT,
            );
            assert_eq!(called.unwrap(), Called::Done { reuse: false });
            assert_eq!(got.body, b"early");
            assert_eq!(got.dones, 1);
            served.join().unwrap().unwrap();
        });
    }
}

#[test]
fn a_blocked_body_does_not_keep_the_call() {
    struct Blocks(std::sync::mpsc::Receiver<()>);
    impl Read for Blocks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(0)
        }
    }
    let (near, far) = UnixStream::pair().unwrap();
    let (_keep, blocks) = channel();
    scope(|s| {
        s.spawn(|| serve_early(far));
        let mut client = Client::default();
        let body = Detached::new(Blocks(blocks));
        let (called, got) = call(
            &mut client,
            (&near, &near),
            Length::Unknown,
            Some(body),
            Timeouts::DEFAULT,
        );
        assert_eq!(called.unwrap(), Called::Done { reuse: false });
        assert_eq!(got.body, b"early");
        drop(near);
    });
}

#[test]
fn bodies_that_break_their_word() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken source"))
        }
    }
    let attempt = |length, source: Box<dyn Read + Send>| {
        let (near, far) = UnixStream::pair().unwrap();
        scope(|s| {
            let served = s.spawn(|| serve_mirror(far));
            let mut client = Client::default();
            let (called, got) = call(
                &mut client,
                (&near, &near),
                length,
                Some(source),
                Timeouts::DEFAULT,
            );
            assert_eq!(got.dones, 1);
            // It may find the connection gone.
            let _ = served.join().unwrap();
            called.unwrap_err()
        })
    };
    let error = attempt(Length::Unknown, Box::new(Fails));
    assert_eq!(error.to_string(), "broken source");
    let short = attempt(Length::Known(10), Box::new(&b"abc"[..]));
    assert_eq!(short.kind(), io::ErrorKind::InvalidInput);
    let long = attempt(Length::Known(2), Box::new(&b"abc"[..]));
    assert_eq!(long.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_silent_application_times_out() {
    let times = Timeouts::all(50);
    // One that reads nothing, with a body that never ends, and without.
    let (near, _far) = UnixStream::pair().unwrap();
    let mut client = Client::default();
    let (called, got) = call(
        &mut client,
        (&near, &near),
        Length::Unknown,
        Some(io::repeat(1)),
        times,
    );
    assert!(matches!(called.unwrap(), Called::TimedOut(_)));
    assert_eq!(got.dones, 1);
    let (near, _far) = UnixStream::pair().unwrap();
    let mut client = Client::default();
    let (called, got) = call(
        &mut client,
        (&near, &near),
        Length::None,
        None::<&[u8]>,
        times,
    );
    assert_eq!(called.unwrap(), Called::TimedOut(Phase::Response));
    assert_eq!(got.dones, 1);
}

#[test]
fn an_application_that_leaves() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"\x01\x06\0\x01\0\x0a\0\0A: b\r\n\r\nhi")
        .unwrap();
    drop(far);
    let mut client = Client::default();
    let (called, got) = call(
        &mut client,
        (&near, &near),
        Length::None,
        None::<&[u8]>,
        Timeouts::DEFAULT,
    );
    // The write failed; what was answered before is read all the same.
    assert_eq!(called.unwrap(), Called::Done { reuse: false });
    assert_eq!(
        (&got.body[..], got.ending),
        (&b"hi"[..], Some(Ending::Truncated))
    );
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut client = Client::default();
    let (called, got) = call(
        &mut client,
        (&near, &near),
        Length::None,
        None::<&[u8]>,
        Timeouts::DEFAULT,
    );
    assert!(matches!(
        called.unwrap(),
        Called::Done { .. } | Called::Failed(_)
    ));
    assert_eq!(got.ending, Some(Ending::Failed(Error::Version(b'G'))));
}

#[test]
fn a_handler_that_stops_a_call() {
    let (near, far) = UnixStream::pair().unwrap();
    scope(|s| {
        s.spawn(|| serve_mirror(far));
        let mut client = Client::default();
        let mut room = [0; 64];
        let (id, head) = client.open([], Length::Unknown, &mut room).unwrap();
        let call = Call {
            id,
            head,
            buf: &mut [0; 100],
            timeouts: Timeouts::DEFAULT,
        };
        let body = Some(io::repeat(1));
        let called = call.run(&mut client, &mut &near, &mut &near, body, |_| {
            Ok(ControlFlow::Break(()))
        });
        assert_eq!(called.unwrap(), Called::Stopped);
        // The transport is shut down.
        assert!((&near).write(b"x").is_err());
    });
}

const BEGIN: &[u8] = b"\x01\x01\0\x01\0\x08\0\0\0\x01\x01\0\0\0\0\0";
const BEGIN_NO_KEEP: &[u8] = b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0";
const PARAMS: &[u8] = b"\x01\x04\0\x01\0\x04\0\0\x01\x01AB\x01\x04\0\x01\0\0\0\0";
const STDIN: &[u8] = b"\x01\x05\0\x01\0\x02\0\0hi";
const STDIN_END: &[u8] = b"\x01\x05\0\x01\0\0\0\0";

/// Runs a server that takes everything in and answers nothing but the usual.
fn watch(mut stream: UnixStream, timeouts: Timeouts) -> (io::Result<Outcome>, Vec<&'static str>) {
    let mut seen = Vec::new();
    let mut server = Server::default();
    let ended = run(
        &mut server,
        &mut stream,
        &mut [0; 64],
        timeouts,
        |server, event, out| {
            seen.push(match &event {
                Request::Begin { .. } => "begin",
                Request::Field { .. } => "field",
                Request::HeadEnd { .. } => "head",
                Request::Body { .. } => "body",
                Request::BodyEnd { .. } => "end",
                Request::Fault { .. } => "fault",
                Request::Abort { .. } => "abort",
                Request::Ext(_) => "ext",
            });
            answer(server, event, out)?;
            GO_ON
        },
    );
    (ended, seen)
}

#[test]
fn half_closes() {
    let after = |bytes: &[&[u8]]| {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&bytes.concat()).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        let (ended, seen) = watch(far, Timeouts::DEFAULT);
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).unwrap();
        (ended.unwrap(), seen, rest)
    };
    assert_eq!(after(&[]).0, Outcome::Closed);
    let (ended, seen, _) = after(&[BEGIN, PARAMS, STDIN]);
    assert_eq!(ended, Outcome::Closed);
    assert_eq!(seen, ["begin", "field", "head", "body", "abort"]);
    let (ended, seen, _) = after(&[BEGIN, PARAMS, &STDIN[..9]]);
    assert_eq!(ended, Outcome::Failed(Error::Eof));
    assert_eq!(seen, ["begin", "field", "head", "body", "abort"]);
    // A query is answered though the peer sends no more.
    let (ended, seen, rest) = after(&[b"\x01\x09\0\0\0\0\0\0"]);
    assert_eq!((ended, &seen[..]), (Outcome::Closed, &["ext"][..]));
    assert_eq!(rest, b"\x01\x0a\0\0\0\0\0\0");
}

#[test]
fn broken_framing() {
    let (mut near, far) = UnixStream::pair().unwrap();
    near.write_all(&[BEGIN, PARAMS, b"\x07 another protocol"].concat())
        .unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    let (ended, seen) = watch(far, Timeouts::DEFAULT);
    assert_eq!(ended.unwrap(), Outcome::Failed(Error::Version(7)));
    assert_eq!(seen, ["begin", "field", "head", "fault"]);
    let mut rest = Vec::new();
    near.read_to_end(&mut rest).unwrap();
    assert!(rest.windows(11).any(|w| w == b"Status: 400"), "{rest:?}");
}

#[test]
fn silent_and_slow_web_servers_time_out() {
    let quick = |pick: fn(&mut Timeouts) -> &mut u32| {
        let mut times = Timeouts::all(u32::MAX);
        *pick(&mut times) = 50;
        times
    };
    for (bytes, times, phase, said) in [
        (&[][..], quick(|t| &mut t.idle), Phase::Idle, &b""[..]),
        (
            &[BEGIN],
            quick(|t| &mut t.head),
            Phase::Head,
            b"Status: 408",
        ),
        (
            &[BEGIN, PARAMS, STDIN],
            quick(|t| &mut t.body),
            Phase::Body,
            b"Status: 408",
        ),
    ] {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&bytes.concat()).unwrap();
        assert_eq!(watch(far, times).0.unwrap(), Outcome::TimedOut(phase));
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).unwrap();
        let found = rest.windows(said.len().max(1)).any(|w| w == said);
        assert_eq!(found, !said.is_empty(), "{phase:?} {rest:?}");
    }
    // Junk is no progress, and a head that trickles has one deadline.
    for (first, junk, times, phase) in [
        (&b""[..], STDIN_END, quick(|t| &mut t.idle), Phase::Idle),
        (
            BEGIN,
            b"\x01\x04\0\x01\0\x02\0\0\0\0",
            quick(|t| &mut t.head),
            Phase::Head,
        ),
    ] {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(first).unwrap();
        scope(|s| {
            s.spawn(move || {
                // Paced, so that no limit on records strikes first.
                while near.write_all(junk).is_ok() {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            assert_eq!(watch(far, times).0.unwrap(), Outcome::TimedOut(phase));
        });
    }
}

#[test]
fn a_web_server_that_reads_nothing_times_out() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    near.write_all(&[BEGIN, PARAMS, STDIN_END].concat())
        .unwrap();
    let mut server = Server::default();
    let mut times = Timeouts::DEFAULT;
    times.response = 50;
    let mut aborted = false;
    let ended = run(
        &mut server,
        &mut far,
        &mut [0; 100],
        times,
        |server, event, out| {
            match event {
                Request::BodyEnd { id } => {
                    head(server, id, Length::Unknown, out)?;
                    loop {
                        body(server, id, &[0; 60_000], out)?;
                    }
                }
                Request::Abort { .. } => aborted = true,
                _ => {}
            }
            GO_ON
        },
    );
    assert_eq!(ended.unwrap(), Outcome::TimedOut(Phase::Response));
    assert!(aborted);
}

#[test]
fn a_web_server_that_hangs_up() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    near.write_all(&[BEGIN, PARAMS, STDIN_END].concat())
        .unwrap();
    let (reading, read) = channel();
    scope(|s| {
        s.spawn(move || {
            near.read_exact(&mut [0; 1000]).unwrap();
            drop(near);
            reading.send(()).unwrap();
        });
        let mut server = Server::default();
        let mut aborted = false;
        let ended = run(
            &mut server,
            &mut far,
            &mut [0; 100],
            Timeouts::DEFAULT,
            |server, event, out| {
                match event {
                    Request::BodyEnd { id } => {
                        head(server, id, Length::Unknown, out)?;
                        body(server, id, &[0; 2000], out)?;
                        read.recv().unwrap();
                        loop {
                            body(server, id, &[0; 60_000], out)?;
                        }
                    }
                    Request::Abort { .. } => {
                        aborted = true;
                        answer(server, event, out)?;
                    }
                    _ => {}
                }
                GO_ON
            },
        );
        let kind = ended.unwrap_err().kind();
        assert!(
            matches!(
                kind,
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            ),
            "{kind}"
        );
        assert!(aborted);
    });
}

/// An answer under way survives input that nobody has read.
#[test]
fn lingering_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    scope(|s| {
        let served = s.spawn(|| serve_early(far));
        near.write_all(&[BEGIN_NO_KEEP, PARAMS].concat()).unwrap();
        let record = [&b"\x01\x05\0\x01\xff\xf8\0\0"[..], &[0; 65_528]].concat();
        for _ in 0..100 {
            near.write_all(&record).unwrap();
        }
        let mut all = Vec::new();
        near.read_to_end(&mut all).unwrap();
        assert!(all.ends_with(b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0"));
        assert!(all.windows(5).any(|w| w == b"early"));
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(served.join().unwrap().unwrap(), Outcome::Closed);
    });
    // A peer that never closes is not waited for for ever.
    let (mut near, mut far) = UnixStream::pair().unwrap();
    near.write_all(&[BEGIN_NO_KEEP, PARAMS].concat()).unwrap();
    let mut server = Server::default();
    let mut times = Timeouts::all(u32::MAX);
    times.closing = 50;
    let ended = run(
        &mut server,
        &mut far,
        &mut [0; 100],
        times,
        |server, event, out| {
            if let Request::HeadEnd { id, .. } = event {
                head(server, id, Length::Unknown, out)?;
                finish(server, id, out)?;
            }
            GO_ON
        },
    );
    assert_eq!(ended.unwrap(), Outcome::TimedOut(Phase::Closing));
}

#[test]
fn a_handler_that_stops_a_server() {
    let start = || {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(&[BEGIN, PARAMS].concat()).unwrap();
        (near, far)
    };
    let (_near, mut far) = start();
    let mut buf = [0; 100];
    let ended = run(
        &mut Server::default(),
        &mut far,
        &mut buf,
        Timeouts::DEFAULT,
        |_, event, _| {
            Ok(match event {
                Request::Field { .. } => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
        },
    );
    let stopped = Outcome::Stopped {
        filled: 36,
        unread: 8,
    };
    assert_eq!(ended.unwrap(), stopped);
    assert_eq!(buf[28..36], PARAMS[12..]);
    let (_near, mut far) = start();
    let ended = run(
        &mut Server::default(),
        &mut far,
        &mut buf,
        Timeouts::DEFAULT,
        |_, _, _| Err(io::Error::other("enough")),
    );
    assert_eq!(ended.unwrap_err().to_string(), "enough");
    let ended = run(
        &mut Server::default(),
        &mut far,
        &mut [],
        Timeouts::DEFAULT,
        mirror,
    );
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// Accepts what it is told to, one number a write; 0 is an interruption.
struct Script(Vec<usize>, Vec<u8>);

impl Write for Script {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let n = match self.0.pop() {
            Some(0) => return Err(io::ErrorKind::Interrupted.into()),
            Some(n) => n,
            None => return Ok(0),
        };
        let all: Vec<u8> = bufs.iter().flat_map(|b| b.iter().copied()).collect();
        let n = n.min(all.len());
        self.1.extend_from_slice(&all[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn frames_are_written_whole() {
    let mut client = Client::default();
    let mut room = [0; 64];
    let (_, frame) = client
        .open([Field::var(b"A", b"B")], Length::None, &mut room)
        .unwrap();
    let whole = frame.slices().concat();
    for step in 1..=whole.len() {
        let mut script = Script(vec![step; 100], Vec::new());
        script.0.extend([0, 0]);
        write_frame(&mut script, frame).unwrap();
        assert_eq!(script.1, whole);
    }
    let mut full = Script(vec![5], Vec::new());
    let error = write_frame(&mut full, frame).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    write_frame(&mut Script(Vec::new(), Vec::new()), Frame::EMPTY).unwrap();
}

/// Takes so many bytes, then no more.
struct Narrow(usize);

impl Write for Narrow {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let n = buf.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Narrow {}

struct Canned<'a>(&'a [u8]);

impl Read for Canned<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Transport for Canned<'_> {}

#[test]
fn a_request_that_was_not_written_whole_is_the_last() {
    let answer = b"\x01\x06\0\x01\0\x06\0\0X: y\n\n\x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
    for (room, reuse) in [(3, false), (usize::MAX, true)] {
        let mut client = Client::default();
        let mut buf = [0; 64];
        let (id, head) = client.open([], Length::None, &mut []).unwrap();
        let call = Call {
            id,
            head,
            buf: &mut buf,
            timeouts: Timeouts::DEFAULT,
        };
        let (mut reader, mut writer) = (Canned(answer), Narrow(room));
        let none = None::<&[u8]>;
        let called = call.run(&mut client, &mut reader, &mut writer, none, |_| {
            Ok(ControlFlow::Continue(()))
        });
        assert_eq!(called.unwrap(), Called::Done { reuse });
    }
}

#[test]
fn what_follows_an_answer_spoils_the_connection_alone() {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"HTTP/1.1 204 N\r\n\r\nsurplus").unwrap();
    let mut client = vestibule::http1::Client::new();
    let mut room = [0; 128];
    let fields = [
        Field::var(b"REQUEST_METHOD", b"HEAD"),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Host", b"h"),
    ];
    let (id, head) = client.open(fields, Length::None, &mut room).unwrap();
    let call = Call {
        id,
        head,
        buf: &mut [0; 100],
        timeouts: Timeouts::DEFAULT,
    };
    let mut dones = 0;
    let called = call.run(
        &mut client,
        &mut &near,
        &mut &near,
        None::<&[u8]>,
        |event| {
            dones += u32::from(matches!(event, Response::Done { .. }));
            GO_ON
        },
    );
    assert_eq!(called.unwrap(), Called::Done { reuse: false });
    assert_eq!(dones, 1);
}

#[test]
fn a_record_that_begins_behind_an_answer_spoils_the_connection() {
    for (surplus, reuse) in [
        (&b""[..], true),
        (b"\x01", false),
        (b"\x01\x06\0\x01", false),
    ] {
        let (near, mut far) = UnixStream::pair().unwrap();
        let end = b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\x02\0\0\0";
        far.write_all(&[end, surplus].concat()).unwrap();
        let mut client = Client::default();
        let mut room = [0; 128];
        let (id, head) = client.open([], Length::None, &mut room).unwrap();
        let call = Call {
            id,
            head,
            buf: &mut [0; 100],
            timeouts: Timeouts::DEFAULT,
        };
        let called = call.run(&mut client, &mut &near, &mut &near, None::<&[u8]>, |_| {
            GO_ON
        });
        assert_eq!(called.unwrap(), Called::Done { reuse });
    }
}

#[test]
fn http_requests_with_bodies_keep_their_connection() {
    let (near, far) = UnixStream::pair().unwrap();
    scope(|scope| {
        scope.spawn(move || {
            let (mut far, mut seen) = (far, Vec::new());
            for n in 1..=20 {
                while seen.windows(6).filter(|w| w == b"\r\n\r\nhi").count() < n {
                    let mut buf = [0; 64];
                    let got = far.read(&mut buf).unwrap();
                    assert_ne!(got, 0);
                    seen.extend_from_slice(&buf[..got]);
                }
                far.write_all(b"HTTP/1.1 204 N\r\n\r\n").unwrap();
            }
            let mut rest = Vec::new();
            far.read_to_end(&mut rest).unwrap();
            assert!(rest.ends_with(b"\r\n\r\n"));
        });
        let mut client = vestibule::http1::Client::new();
        let mut ask = |body: &[u8]| {
            let mut room = [0; 128];
            let fields = [
                Field::var(b"REQUEST_METHOD", b"POST"),
                Field::var(b"REQUEST_URI", b"/"),
                Field::header(b"Host", b"h"),
            ];
            let (id, head) = client.open(fields, Length::Known(2), &mut room).unwrap();
            let call = Call {
                id,
                head,
                buf: &mut [0; 100],
                timeouts: Timeouts::DEFAULT,
            };
            call.run(&mut client, &mut &near, &mut &near, Some(body), |_| GO_ON)
        };
        for _ in 0..20 {
            let called = ask(b"hi").unwrap();
            assert_eq!(called, Called::Done { reuse: true });
        }
        // No byte beyond the declared length goes out, and none is forgotten.
        let kind = ask(b"high").map_err(|error| error.kind());
        assert_eq!(kind, Err(io::ErrorKind::InvalidInput));
    });
}

/// A container asks for a body that is none, and again behind one that has
/// ended: each time it is told so by an empty packet.
#[test]
fn a_body_that_is_asked_for_in_vain() {
    const ASKS: &[u8] = b"AB\0\x03\x06\x1f\xfa";
    const ANSWER: &[u8] = b"AB\0\x08\x04\0\xcc\0\0\0\0\0AB\0\x02\x05\x01";
    /// A packet's bytes behind its length.
    fn packet(stream: &mut UnixStream) -> Vec<u8> {
        let mut head = [0; 4];
        stream.read_exact(&mut head).unwrap();
        let mut rest = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
        stream.read_exact(&mut rest).unwrap();
        rest
    }
    let bodies: [(Length, Option<&[u8]>); 4] = [
        (Length::None, None),
        (Length::Known(0), Some(b"")),
        (Length::Known(2), Some(b"hi")),
        (Length::Unknown, Some(b"hi")),
    ];
    for (length, body) in bodies {
        let (near, mut far) = UnixStream::pair().unwrap();
        scope(|scope| {
            scope.spawn(move || {
                assert_eq!(packet(&mut far)[0], 2);
                if length == Length::Known(2) {
                    assert_eq!(packet(&mut far), b"\0\x02hi");
                } else if length == Length::Unknown {
                    far.write_all(ASKS).unwrap();
                    assert_eq!(packet(&mut far), b"\0\x02hi");
                }
                for _ in 0..3 {
                    far.write_all(ASKS).unwrap();
                    let data = packet(&mut far);
                    assert!(data.is_empty() || data == b"\0\0", "{data:?}");
                }
                far.write_all(ANSWER).unwrap();
            });
            let mut client = vestibule::ajp::Client::new();
            let mut room = [0; 128];
            let fields = [
                Field::var(b"REQUEST_METHOD", b"POST"),
                Field::var(b"REQUEST_URI", b"/"),
            ];
            let (id, head) = client.open(fields, length, &mut room).unwrap();
            let call = Call {
                id,
                head,
                buf: &mut [0; 100],
                timeouts: Timeouts::DEFAULT,
            };
            let called = call.run(&mut client, &mut &near, &mut &near, body, |_| GO_ON);
            assert_eq!(called.unwrap(), Called::Done { reuse: true }, "{length:?}");
        });
    }
}
