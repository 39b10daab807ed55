//! Every pair of protocols: bodies that come back while they are sent.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;

use vestibule::adapt::blocking::{answer, run, write_frame};
use vestibule::adapt::{Call, Called};
use vestibule::bridge::End;
use vestibule::{Client, Ending, Field, Length, Request, Response, Server, Timeouts, fcgi, http1};

use super::tools::*;

/// Sends bodies back while they come, until the connection ends.
fn mirror<M: Server>(mut machine: M, mut stream: UnixStream) {
    let mut buf = vec![0; 5000];
    let timeouts = Timeouts::DEFAULT;
    let ended = run(
        &mut machine,
        &mut stream,
        &mut buf,
        timeouts,
        |machine, event, out| -> io::Result<ControlFlow<()>> {
            let mut room = [0; 256];
            match event {
                Request::HeadEnd { id, length } => {
                    let fields = [Field::header(b"Content-Type", b"t/p")];
                    let length = match length {
                        Length::None => Length::Known(0),
                        length => length,
                    };
                    write_frame(out, machine.head(id, 201, fields, length, &mut room)?)?;
                }
                Request::Body { id, mut bytes } => {
                    while !bytes.is_empty() {
                        write_frame(out, machine.body(id, &mut bytes)?)?;
                    }
                }
                Request::BodyEnd { id } => {
                    write_frame(out, machine.finish(id, [], &mut room)?)?;
                }
                event => answer(machine, event, out)?,
            }
            Ok(ControlFlow::Continue(()))
        },
    );
    ended.unwrap();
}

/// One request over a connection of the front.
fn call<C>(client: &mut C, stream: &UnixStream, length: Length, body: &[u8]) -> (Called, Vec<u8>)
where
    C: Client + Send,
{
    let fields = [
        Field::var(b"REQUEST_METHOD", b"POST"),
        Field::var(b"REQUEST_URI", b"/"),
        Field::var(b"HTTP_HOST", b"h"),
        Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
    ];
    let mut room = [0; 512];
    let (id, head) = client.open(fields, length, &mut room).unwrap();
    let call = Call {
        id,
        head,
        buf: &mut [0; 7000],
        timeouts: Timeouts::DEFAULT,
    };
    let (mut got, mut complete) = (Vec::new(), false);
    let source = (length != Length::None).then_some(body);
    let called = call.run(client, &mut &*stream, &mut &*stream, source, |event| {
        match event {
            Response::HeadEnd { status, .. } => assert_eq!(status, 201),
            Response::Body { bytes, .. } => got.extend_from_slice(bytes),
            Response::Done { ending, .. } => {
                complete = matches!(ending, Ending::Complete { .. });
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    });
    assert!(complete);
    (called.unwrap(), got)
}

/// All bodies over one connection of the front, or `apart`: over one each.
fn pair<V, K, C, M>(back: impl Fn() -> M + Send + Copy + 'static, apart: bool)
where
    V: Front + 'static,
    K: Client + Default + Send,
    C: Client + Default + Send,
    M: Server + 'static,
{
    let bodies: Vec<_> = [0, 1, 9_000, 70_000, 3 << 20]
        .into_iter()
        .flat_map(|n| [(n, Length::Known(n as u64)), (n, Length::Unknown)])
        .chain([(0, Length::None)])
        .collect();
    // The first is kept, if it is back when the next request comes.
    let gate = bodies.iter().fold(Gate::<V, K>::new(), |gate, _| {
        gate.then(move |stream| mirror(back(), stream))
    });
    for bodies in bodies.chunks(if apart { 1 } else { bodies.len() }) {
        through(&gate, Timeouts::DEFAULT, |stream| {
            let mut client = C::default();
            for (n, length) in bodies {
                let body = pattern(*n);
                let (called, got) = call(&mut client, &stream, *length, &body);
                assert!(apart || called == Called::Done { reuse: true });
                assert!(got == body, "{n} bytes, {length:?}: {} came", got.len());
            }
        });
    }
    let ends: Vec<_> = bodies
        .iter()
        .map(|(n, _)| (201, *n as u64, End::Complete))
        .collect();
    assert_eq!(gate.ends(), ends);
}

type FcgiServer = fcgi::Server<Vec<fcgi::Slot>>;

#[test]
fn http_to_http() {
    pair::<http1::Server, http1::Client, http1::Client, _>(http1::Server::new, false);
}

#[test]
fn http_to_fcgi() {
    pair::<http1::Server, fcgi::Client, http1::Client, _>(fcgi::Server::default, false);
}

/// By HTTP an answer may be whole before the end of the request was told, which
/// ends a connection of FastCGI.
#[test]
fn fcgi_to_http() {
    pair::<FcgiServer, http1::Client, fcgi::Client, _>(http1::Server::new, true);
}

#[test]
fn fcgi_to_fcgi() {
    pair::<FcgiServer, fcgi::Client, fcgi::Client, _>(fcgi::Server::default, false);
}

/// The slots of a front's connection, with what stands behind, one connection
/// each: the answers come in another order than the requests.
#[test]
fn several_at_once() {
    let (first, go) = std::sync::mpsc::channel();
    let gate = Fcgi::<http1::Client>::new()
        .then(move |mut stream| {
            let got = head(&mut stream);
            assert!(got.starts_with("GET /1 "), "{got}");
            go.recv().unwrap();
            io::Write::write_all(&mut stream, OK).unwrap();
            assert!(closed(&mut stream));
        })
        .then(move |mut stream| {
            let got = head(&mut stream);
            assert!(got.starts_with("GET /2 "), "{got}");
            io::Write::write_all(&mut stream, OK).unwrap();
            assert!(closed(&mut stream));
        });
    through(&gate, Timeouts::DEFAULT, |mut stream| {
        for id in [1, 2] {
            let uri = format!("/{id}");
            let pairs = [
                ("REQUEST_METHOD", "GET"),
                ("REQUEST_URI", &uri),
                ("HTTP_HOST", "h"),
            ];
            let bytes = [request(id, true, &pairs), record(5, id, b"")].concat();
            io::Write::write_all(&mut stream, &bytes).unwrap();
        }
        let mut order = Vec::new();
        while order.len() < 2 {
            let (kind, id, _) = next_record(&mut stream);
            if kind == 3 {
                order.push(id);
                let _ = first.send(());
            }
        }
        assert_eq!(order, [2, 1]);
    });
    assert_eq!(gate.ends(), [(200, 2, End::Complete); 2]);
}
