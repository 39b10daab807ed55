//! Our HTTP client against our HTTP server, over a link that cuts anywhere.

use vestibule::http1::{Client, Server};
use vestibule::{
    After, Client as _, Ending, Error, Field, Id, Length, Next, Receive, Refused, Request,
    Response, Server as _, Status as _,
};

const ID: Id = Id::SOLE;

fn get<'f>(method: &'f [u8]) -> [Field<'f>; 4] {
    [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", b"/a?b"),
        Field::header(b"Host", b"h"),
        Field::var(b"HTTP_X_PROBE", b"one"),
    ]
}

/// What the server read, by cuts of `step` bytes, answering at each request's
/// end with what `answer` writes.
fn serve(
    server: &mut Server,
    bytes: &[u8],
    step: usize,
    mut answer: impl FnMut(&mut Server, &mut Vec<u8>),
) -> (String, Vec<u8>) {
    let (mut log, mut out) = (String::new(), Vec::new());
    let mut kept = Vec::new();
    for piece in bytes.chunks(step) {
        kept.extend_from_slice(piece);
        let whole = std::mem::take(&mut kept);
        let mut input = &whole[..];
        loop {
            match server.next(&mut input).unwrap() {
                Next::Event(Request::Body { bytes, .. }) => {
                    log.push_str(&String::from_utf8_lossy(bytes));
                }
                Next::Event(Request::HeadEnd { id, length }) => {
                    log.push_str(&format!("[{length:?}]"));
                    out.extend(server.demand(id, 1).unwrap().slices().concat());
                }
                Next::Event(Request::BodyEnd { .. }) => {
                    log.push('.');
                    answer(server, &mut out);
                }
                Next::Event(_) => {}
                Next::NeedInput | Next::Paused => break,
            }
        }
        kept = input.to_vec();
    }
    assert!(kept.is_empty() || server.after() != After::Keep);
    (log, out)
}

/// What the client read.
fn receive(client: &mut Client, bytes: &[u8], step: usize, eof: bool) -> String {
    let mut log = String::new();
    let mut note = |event: Response<'_, _>| match event {
        Response::Field { .. } => {}
        Response::Interim { status, .. } => log.push_str(&format!("({status})")),
        Response::HeadEnd { status, length, .. } => {
            log.push_str(&format!("{status}[{length:?}]"));
        }
        Response::Body { bytes, .. } => log.push_str(&String::from_utf8_lossy(bytes)),
        Response::BodyEnd { .. } => log.push('.'),
        Response::Demand { .. } => log.push('!'),
        Response::Done { reuse, ending, .. } => {
            let complete = matches!(ending, Ending::Complete { .. });
            log.push_str(&format!(" reuse={reuse} complete={complete}"));
        }
        Response::Log { .. } | Response::Ext(_) => unreachable!(),
    };
    for piece in bytes.chunks(step) {
        let mut input = piece;
        while let Next::Event(event) = client.next(&mut input).unwrap() {
            note(event);
        }
        assert!(input.is_empty());
    }
    while eof && let Ok(Next::Event(event)) = client.eof() {
        note(event);
    }
    log
}

/// A whole answer.
fn whole(server: &mut Server, out: &mut Vec<u8>, status: u16, length: Length, body: &[u8]) {
    let mut room = [0; 256];
    let fields = [Field::header(b"X-A", b"1")];
    let frame = server.head(ID, status, fields, length, &mut room).unwrap();
    out.extend(frame.slices().concat());
    let mut payload = body;
    while !payload.is_empty() {
        out.extend(server.body(ID, &mut payload).unwrap().slices().concat());
    }
    out.extend(server.finish(ID, [], &mut room).unwrap().slices().concat());
}

#[test]
fn every_framing_of_an_answer() {
    let end = " reuse=true complete=true";
    for (method, status, length, body, want) in [
        ("GET", 200, Length::Known(5), "hello", "200[Known(5)]hello."),
        ("GET", 200, Length::Unknown, "hello", "200[Unknown]hello."),
        ("GET", 404, Length::None, "", "404[Known(0)]."),
        ("GET", 204, Length::None, "", "204[None]."),
        ("GET", 304, Length::Known(7), "", "304[Known(7)]."),
        ("HEAD", 200, Length::Known(5), "hello", "200[Known(5)]."),
        ("HEAD", 200, Length::Unknown, "hello", "200[None]."),
    ] {
        for step in 1..200 {
            let (mut client, mut server) = (Client::new(), Server::new());
            // Twice, since the connection lives on.
            for _ in 0..2 {
                let mut room = [0; 256];
                let fields = get(method.as_bytes());
                let (_, frame) = client.open(fields, Length::None, &mut room).unwrap();
                let sent = frame.slices().concat();
                let (log, out) = serve(&mut server, &sent, step, |server, out| {
                    whole(server, out, status, length, body.as_bytes());
                });
                assert_eq!(log, "[None].");
                let got = receive(&mut client, &out, step, false);
                assert_eq!(got, format!("{want}{end}"), "{method} {status} {step}");
            }
        }
    }
}

#[test]
fn bodies_both_ways_and_trailers() {
    let trailers = [Field::trailer(b"X-T", b"1")];
    for (length, seen) in [
        (Length::Known(6), "[Known(6)]abcdef."),
        (Length::Unknown, "[Unknown]abcdef."),
    ] {
        for step in 1..150 {
            let (mut client, mut server) = (Client::new(), Server::new());
            let mut room = [0; 256];
            let (id, frame) = client.open(get(b"POST"), length, &mut room).unwrap();
            let mut sent = frame.slices().concat();
            for mut part in [&b"abc"[..], b"def"] {
                sent.extend(client.body(id, &mut part).unwrap().slices().concat());
            }
            sent.extend(
                client
                    .body_end(id, trailers, &mut room)
                    .unwrap()
                    .slices()
                    .concat(),
            );
            assert_eq!(
                length == Length::Unknown,
                sent.ends_with(b"\r\n0\r\nX-T: 1\r\n\r\n")
            );
            let (log, out) = serve(&mut server, &sent, step, |server, out| {
                whole(server, out, 200, Length::Unknown, b"ok");
            });
            assert_eq!(log, seen);
            let got = receive(&mut client, &out, step, false);
            assert_eq!(got, "200[Unknown]ok. reuse=true complete=true");
        }
    }
}

#[test]
fn a_continuation_is_awaited() {
    let (mut client, mut server) = (Client::new(), Server::new());
    let mut room = [0; 256];
    let expect = [Field::header(b"Expect", b"100-continue")];
    let fields = get(b"PUT").into_iter().chain(expect);
    let (id, frame) = client.open(fields, Length::Known(2), &mut room).unwrap();
    let (log, out) = serve(&mut server, &frame.slices().concat(), 7, |_, _| {});
    assert_eq!(
        (log.as_str(), &out[..]),
        ("[Known(2)]", &b"HTTP/1.1 100 Continue\r\n\r\n"[..])
    );
    let mut payload = &b"hi"[..];
    assert_eq!(client.credit(id), 0);
    assert!(client.body(id, &mut payload).unwrap().is_empty());
    assert_eq!(receive(&mut client, &out, 1, false), "(100)!");
    assert_eq!(client.credit(id), usize::MAX);
    let sent = client.body(id, &mut payload).unwrap().slices().concat();
    assert!(client.body_end(id, [], &mut room).unwrap().is_empty());
    let (log, out) = serve(&mut server, &sent, 1, |server, out| {
        whole(server, out, 200, Length::None, b"");
    });
    assert_eq!(log, "hi.");
    let got = receive(&mut client, &out, 3, false);
    assert_eq!(got, "200[Known(0)]. reuse=true complete=true");
}

#[test]
fn a_continuation_is_not_awaited_for_ever() {
    let expect = [Field::header(b"Expect", b"100-continue")];
    let fields = || get(b"PUT").into_iter().chain(expect);
    let mut room = [0; 256];
    let mut client = Client::new();
    let length = Length::Known(2);
    let (id, _) = client.open(fields(), length, &mut room).unwrap();
    assert_eq!(client.credit(id), 0);
    client.proceed(id).unwrap();
    assert_eq!(client.credit(id), usize::MAX);
    // Behind the final head the body is of no more use.
    let mut client = Client::new();
    assert_eq!(client.proceed(id), Err(Refused::UnknownId));
    let (id, _) = client.open(fields(), length, &mut room).unwrap();
    let head = b"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(receive(&mut client, head, 9, false), "417[Known(2)]");
    assert_eq!(client.proceed(id), Err(Refused::State));
    assert_eq!(client.credit(id), 0);
    let got = receive(&mut client, b"no", 9, false);
    assert_eq!(got, "no. reuse=false complete=true");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let one = b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
    let two = b"GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let three = b"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n";
    let all = [&one[..], two, three].concat();
    for step in 1..all.len() {
        let mut server = Server::new();
        let mut count = 0;
        let (_, out) = serve(&mut server, &all, step, |server, out| {
            count += 1;
            whole(server, out, 200, Length::None, b"");
        });
        let text = String::from_utf8(out).unwrap();
        assert_eq!((count, text.matches("HTTP/1.1 200 OK").count()), (2, 2));
        assert_eq!(text.matches("Connection: close").count(), 1);
        assert_eq!(server.after(), After::CloseWrite);
    }
}

#[test]
fn an_answer_cut_short_never_looks_complete() {
    for length in [Length::Known(9), Length::Unknown] {
        let (mut client, mut server) = (Client::new(), Server::new());
        let mut room = [0; 256];
        let (_, frame) = client.open(get(b"GET"), Length::None, &mut room).unwrap();
        let sent = frame.slices().concat();
        let (_, out) = serve(&mut server, &sent, 1, |server, out| {
            let mut room = [0; 256];
            out.extend(
                server
                    .head(ID, 200, [], length, &mut room)
                    .unwrap()
                    .slices()
                    .concat(),
            );
            out.extend(
                server
                    .body(ID, &mut &b"half"[..])
                    .unwrap()
                    .slices()
                    .concat(),
            );
            if length != Length::Unknown {
                assert_eq!(
                    server.finish(ID, [], &mut room).unwrap_err(),
                    Refused::State
                );
            }
            assert!(
                server
                    .fail(ID, Error::Upstream, &mut room)
                    .unwrap()
                    .is_empty()
            );
        });
        assert_eq!(server.after(), After::Close);
        let got = receive(&mut client, &out, 5, true);
        assert!(got.ends_with("half reuse=false complete=false"), "{got}");
    }
}

#[test]
fn nothing_is_sent_of_a_request_that_is_given_up() {
    let mut client = Client::new();
    let mut room = [0; 256];
    let fields = get(b"POST");
    let (id, _) = client.open(fields, Length::Unknown, &mut room).unwrap();
    assert!(client.abort(id).unwrap().is_empty());
    assert_eq!((client.after(), client.credit(id)), (After::Close, 0));
    let body = client.body(id, &mut &b"x"[..]);
    assert_eq!(body.unwrap_err(), Refused::State);
    let end = client.body_end(id, [], &mut room);
    assert_eq!(end.unwrap_err(), Refused::State);
    assert_eq!(client.abort(id).unwrap_err(), Refused::State);
    let got = receive(&mut client, b"", 1, true);
    assert_eq!(got, " reuse=false complete=false");
}

#[test]
fn http_1_0() {
    for (more, connection, after) in [
        ("", "close", After::CloseWrite),
        ("Connection: keep-alive\r\n", "keep-alive", After::Keep),
    ] {
        let text = format!("GET / HTTP/1.0\r\n{more}\r\n");
        let mut server = Server::new();
        let (_, out) = serve(&mut server, text.as_bytes(), 3, |server, out| {
            whole(server, out, 200, Length::Known(2), b"ok");
        });
        let want = format!(
            "HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 2\r\nConnection: {connection}\r\n\r\nok"
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
        assert_eq!(server.after(), after);
    }
    // No chunks for who does not know them.
    let mut server = Server::new();
    let text = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let (_, out) = serve(&mut server, text, 3, |server, out| {
        whole(server, out, 200, Length::Unknown, b"ok");
    });
    let want = "HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\n\r\nok";
    assert_eq!(String::from_utf8(out).unwrap(), want);
    assert_eq!(server.after(), After::CloseWrite);
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut server = Server::new();
    let mut input = &b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"[..];
    while let Next::Event(_) = server.next(&mut input).unwrap() {}
    let before = format!("{server:?}");
    let mut room = [0; 256];
    let (long, bad) = (
        Field::header(b"Content-Length", b"4"),
        Field::header(b"X", b"a\nb"),
    );
    for field in [long, bad, Field::header(b"Connection", b"close")] {
        let got = server.head(ID, 200, [field], Length::Known(3), &mut room);
        assert_eq!(got.unwrap_err(), Refused::Field);
    }
    for status in [0, 99, 100, 101, 600] {
        let got = server.head(ID, status, [], Length::None, &mut room);
        assert_eq!(got.unwrap_err(), Refused::Status);
    }
    assert!(matches!(
        server.head(ID, 200, [], Length::None, &mut []).unwrap_err(),
        Refused::Room { .. }
    ));
    assert_eq!(server.body(ID, &mut &b"x"[..]).unwrap_err(), Refused::State);
    assert_eq!(
        server.finish(ID, [], &mut room).unwrap_err(),
        Refused::State
    );
    assert_eq!(format!("{server:?}"), before);

    let mut client = Client::new();
    let before = format!("{client:?}");
    for fields in [
        [
            Field::var(b"REQUEST_METHOD", b"G T"),
            Field::var(b"REQUEST_URI", b"/"),
            Field::header(b"Host", b"h"),
        ],
        [
            Field::var(b"REQUEST_METHOD", b"GET"),
            Field::var(b"REQUEST_URI", b"/ a"),
            Field::header(b"Host", b"h"),
        ],
        [
            Field::var(b"REQUEST_METHOD", b"GET"),
            Field::var(b"REQUEST_URI", b"*"),
            Field::header(b"Host", b"h"),
        ],
        [
            Field::var(b"REQUEST_METHOD", b"GET"),
            Field::var(b"REQUEST_URI", b"/"),
            Field::header(b"Host", b"u@h"),
        ],
        [
            Field::var(b"REQUEST_METHOD", b"GET"),
            Field::var(b"REQUEST_URI", b"/"),
            Field::header(b"X", b"h"),
        ],
    ] {
        let got = client.open(fields, Length::None, &mut room);
        assert_eq!(got.unwrap_err(), Refused::Field, "{fields:?}");
    }
    assert_eq!(format!("{client:?}"), before);
}

#[test]
fn refusals_of_spoilt_requests() {
    for (text, status) in [
        ("GET /a HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (
            "GET /a HTTP/2.0\r\nHost: h\r\n\r\n",
            "505 HTTP Version Not Supported",
        ),
        (
            "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400 Bad Request",
        ),
    ] {
        let mut server = Server::new();
        let mut input = text.as_bytes();
        let error = loop {
            match server.next(&mut input) {
                Ok(Next::Event(_)) => {}
                Ok(other) => panic!("{text}: {other:?}"),
                Err(error) => break error,
            }
        };
        let mut room = [0; 256];
        let out = server.fail(ID, error, &mut room).unwrap().slices().concat();
        let want = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert_eq!(String::from_utf8(out).unwrap(), want);
        assert_eq!(server.after(), After::CloseWrite);
        assert_eq!(
            server.fail(ID, error, &mut room).unwrap_err(),
            Refused::UnknownId
        );
    }
}
