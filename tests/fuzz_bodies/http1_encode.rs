//! What we write is read back as it was meant, and as one message.
//!
//! Input: what to write, a method and a target, then fields.

use vestibule::cgi::meta::header_name;
use vestibule::http1::{Client, ClientLimits, Server, ServerLimits};
use vestibule::{
    Client as _, Cut, Field, Id, Length, Next, Receive, Refused, Request, Response, Server as _,
    Space,
};

use super::Source;
use super::calls::tell;
use super::encode::fields;
use super::http1_model::{self as model, End, Framing, Head, Lines};

const ID: Id = Id::SOLE;

const METHODS: [&[u8]; 8] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"CONNECT", b"TRACE", b"X!y",
];

const TARGETS: [&[u8]; 8] = [
    b"/",
    b"/a?b=c",
    b"http://h/a",
    b"*",
    b"h:80",
    b"/ HTTP/1.1\r\nX: y",
    b"/a#b",
    b"",
];

const HOSTS: [&[u8]; 4] = [b"h", b"h:80", b"", b"[::1]"];

/// Chunks of a body.
fn parts<'a>(source: &mut Source<'a>, length: Length) -> Vec<&'a [u8]> {
    match length {
        Length::None => Vec::new(),
        Length::Known(n) => {
            let n = usize::try_from(n).unwrap_or(0);
            let all = &[b'x'; 255][..n];
            let (a, b) = all.split_at(source.below(n + 1));
            vec![a, b]
        }
        Length::Unknown => (0..source.below(4)).map(|_| source.short()).collect(),
    }
}

/// What is the machine's own, in lower case.
fn own(name: &[u8]) -> bool {
    ["host", "content-length", "transfer-encoding", "connection"]
        .iter()
        .any(|o| model::is(name, o))
}

fn trailers(given: &[Field<'_>]) -> Lines {
    given
        .iter()
        .map(|f| (f.name.to_vec(), f.trimmed().to_vec()))
        .collect()
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let what = source.byte();
    if what & 1 == 0 {
        request(&mut source, what);
    } else {
        answer(&mut source, what);
    }
}

fn request(source: &mut Source<'_>, what: u8) {
    let length = match what >> 1 & 3 {
        0 => Length::None,
        1 => Length::Unknown,
        _ => Length::Known(u64::from(source.byte())),
    };
    let of = |source: &mut Source<'_>, all: &[&'static [u8]]| match source.byte() {
        b @ 0..0xf0 => all[usize::from(b) % all.len()].to_vec(),
        _ => source.short().to_vec(),
    };
    let method = of(source, &METHODS);
    let target = of(source, &TARGETS);
    let host = of(source, &HOSTS);
    let parts = parts(source, length);
    let (ends, begin) = (what & 0x20 != 0, what & 0x40 != 0);
    let mut given = vec![
        Field::var(b"REQUEST_METHOD", &method),
        Field::var(b"REQUEST_URI", &target),
        Field::header(b"Host", &host),
    ];
    let mut more = fields(source);
    if begin {
        // Else hardly any is good.
        more.retain(|f| model::token(f.name) && model::value(f.value) && f.cut == Cut::Whole);
        more.retain(|f| f.space != Space::Trailer && !own(f.name));
    }
    let end = if ends {
        more.split_off(more.len() / 2)
    } else {
        Vec::new()
    };
    given.extend(more);
    let iter = || given.iter().copied();

    let mut client = Client::new();
    let mut room = vec![0; 20_000];
    let head = match tell(&mut client, |c| {
        Ok(c.open(iter(), length, &mut room)?.1.slices().concat())
    }) {
        Ok(head) => head,
        Err(refused) => {
            assert!(
                matches!(refused, Refused::Field | Refused::State),
                "{refused:?}"
            );
            return;
        }
    };
    // The room that it needs, and no less.
    let need = Refused::Room { need: head.len() };
    let mut other = Client::new();
    let short = tell(&mut other, |c| {
        Ok(c.open(iter(), length, &mut room[..head.len() - 1])?.0)
    });
    assert_eq!(short, Err(need));
    assert!(other.open(iter(), length, &mut room[..head.len()]).is_ok());

    let mut text = head;
    client.proceed(ID).expect("an open request");
    for part in &parts {
        let mut payload = *part;
        text.extend(
            client
                .body(ID, &mut payload)
                .expect("body")
                .slices()
                .concat(),
        );
        assert!(payload.is_empty());
    }
    let written = tell(&mut client, |c| {
        let frame = c.body_end(ID, end.iter().copied(), &mut room)?;
        Ok(frame.slices().concat())
    });
    let end = match written {
        Ok(bytes) => {
            text.extend(bytes);
            trailers(if length == Length::Unknown { &end } else { &[] })
        }
        Err(refused) => {
            assert_eq!((refused, length), (Refused::Field, Length::Unknown));
            text.extend(
                client
                    .body_end(ID, [], &mut room)
                    .expect("the end")
                    .slices()
                    .concat(),
            );
            Lines::new()
        }
    };
    let body = parts.concat();
    let expected: Lines = given
        .iter()
        .skip(2)
        .filter_map(|f| match f.space {
            Space::Header => Some((f.name.to_vec(), f.trimmed().to_vec())),
            Space::Var => {
                let name: Vec<u8> = header_name(f.name)?.bytes().collect();
                Some((name, model::trim(f.value).to_vec()))
            }
            _ => None,
        })
        .filter(|(name, _)| !own(name))
        .collect();
    let show = || text.escape_ascii().to_string();

    // The second reader, where its limits allow.
    if text.len() < 8_000 && method.len() <= 32 && given.len() + end.len() < 30 {
        let Head::Good(mut lines, head, rest) = model::request(&text) else {
            panic!("no request: {}", show());
        };
        let framing = match length {
            Length::Known(n) => Framing::Counted(n),
            Length::Unknown => Framing::Chunked,
            Length::None => head.framing,
        };
        assert_eq!(head.framing, framing);
        assert!(matches!(framing, Framing::None | Framing::Counted(0)) || length != Length::None);
        assert_eq!(lines[0].1, method);
        assert_eq!(lines[1].1, target);
        let hosts = lines.iter().filter(|l| model::is(&l.0, "Host"));
        assert_eq!(
            hosts.map(|l| &l.1[..]).collect::<Vec<_>>(),
            [model::trim(&host)]
        );
        lines.drain(..3);
        lines.retain(|l| !own(&l.0));
        same(&lines, &expected, &show);
        let read = model::body(framing, rest, 32);
        assert_eq!(read.end, End::Whole(&[]), "{}", show());
        assert_eq!(
            (read.bytes, read.trailers),
            (body.clone(), end.clone()),
            "{}",
            show()
        );
    }

    let limits = ServerLimits::DEFAULT
        .fields(1000)
        .head_bytes(u32::MAX)
        .line_bytes(u32::MAX)
        .target_bytes(u32::MAX)
        .method_bytes(u32::MAX)
        .trailer_fields(1000);
    let mut server = Server::with_limits(limits);
    let mut input = &text[..];
    let (mut read, mut last, mut seen, mut ended) = (Lines::new(), Lines::new(), Vec::new(), 0);
    loop {
        match server.next(&mut input) {
            Ok(Next::Event(Request::Field { field, .. })) => {
                let to = match field.space {
                    Space::Trailer => &mut last,
                    _ => &mut read,
                };
                to.push((field.name.to_vec(), field.value.to_vec()));
            }
            Ok(Next::Event(Request::Body { bytes, .. })) => seen.extend(bytes),
            Ok(Next::Event(Request::BodyEnd { .. })) => ended += 1,
            Ok(Next::Event(Request::Begin { .. } | Request::HeadEnd { .. })) => {}
            Ok(Next::Paused) => break,
            other => panic!("{other:?} of {}", show()),
        }
    }
    assert!(input.is_empty() && ended == 1, "{}", show());
    assert_eq!((seen, last), (body, end));
    read.drain(..3);
    read.retain(|l| !own(&l.0));
    same(&read, &expected, &show);
}

/// What was sent is what was given, but for fields of one hop that the
/// variables of another carried along.
fn same(lines: &Lines, expected: &Lines, show: &dyn Fn() -> String) {
    let mut expected = expected.iter();
    for line in lines {
        assert!(expected.any(|e| e == line), "{line:?}: {}", show());
    }
}

fn answer(source: &mut Source<'_>, what: u8) {
    let status = match what >> 1 & 3 {
        0 | 1 => 200,
        2 => [204, 304, 404, 299][source.below(4)],
        _ => source.word() % 700,
    };
    let length = match what >> 3 & 3 {
        0 => Length::None,
        1 => Length::Unknown,
        _ => Length::Known(u64::from(source.byte())),
    };
    let asked = source.byte();
    let method: &[u8] = [&b"GET"[..], b"HEAD", b"GET", b"POST"][usize::from(asked & 3)];
    let mut text = method.to_vec();
    text.extend(if asked & 4 == 0 {
        &b" / HTTP/1.1\r\nHost: h\r\n"[..]
    } else {
        b" / HTTP/1.0\r\n"
    });
    text.extend(if asked & 8 == 0 {
        &b""[..]
    } else {
        b"TE: trailers\r\n"
    });
    text.extend(if asked & 16 == 0 {
        &b"\r\n"[..]
    } else {
        b"Connection: keep-alive\r\n\r\n"
    });
    let parts = parts(source, length);
    let mut given = fields(source);
    if what & 0x40 != 0 {
        // Else hardly any is good.
        given.retain(|f| f.space == Space::Header && f.cut == Cut::Whole && !own(f.name));
    }
    let end = if what & 0x20 != 0 {
        given.split_off(given.len() / 2)
    } else {
        Vec::new()
    };
    let iter = || given.iter().copied();

    let mut server = Server::new();
    let mut input = &text[..];
    while let Ok(Next::Event(_)) = server.next(&mut input) {}
    let mut early = server;
    let mut room = vec![0; 20_000];
    let head = match tell(&mut server, |s| {
        Ok(s.head(ID, status, iter(), length, &mut room)?
            .slices()
            .concat())
    }) {
        Ok(head) => head,
        Err(Refused::Status) => {
            assert!(!(200..=599).contains(&status));
            return;
        }
        Err(refused) => {
            assert_eq!(refused, Refused::Field);
            assert!(!given.is_empty());
            return;
        }
    };
    let short = tell(&mut early, |s| {
        let room = &mut room[..head.len() - 1];
        Ok(s.head(ID, status, iter(), length, room)?.slices().concat())
    });
    assert_eq!(short, Err(Refused::Room { need: head.len() }));

    let mut out = head;
    for part in &parts {
        let mut payload = *part;
        out.extend(
            server
                .body(ID, &mut payload)
                .expect("body")
                .slices()
                .concat(),
        );
        assert!(payload.is_empty());
    }
    let written = tell(&mut server, |s| {
        let frame = s.finish(ID, end.iter().copied(), &mut room)?;
        Ok(frame.slices().concat())
    });
    let finished = match written {
        Ok(bytes) => {
            out.extend(&bytes);
            let sent = bytes.len() > 5;
            trailers(if sent { &end } else { &[] })
        }
        Err(refused) => {
            assert_eq!(refused, Refused::Field);
            out.extend(
                server
                    .finish(ID, [], &mut room)
                    .expect("the end")
                    .slices()
                    .concat(),
            );
            Lines::new()
        }
    };
    let skip = method == b"HEAD" || matches!(status, 204 | 304);
    let body = if skip { Vec::new() } else { parts.concat() };
    let expected: Lines = given
        .iter()
        .filter(|f| !own(f.name) && !model::is(f.name, "Status"))
        .map(|f| (f.name.to_vec(), f.trimmed().to_vec()))
        .collect();
    let show = || out.escape_ascii().to_string();

    if out.len() < 8_000 && given.len() + end.len() < 30 {
        let Head::Good(mut lines, head, rest) = model::answer(&out, method) else {
            panic!("no answer: {}", show());
        };
        assert_eq!(head.status, status);
        lines.remove(0);
        lines.retain(|l| !own(&l.0));
        assert_eq!(lines, expected, "{}", show());
        let read = model::body(head.framing, rest, 32);
        assert!(
            read.end == End::Whole(&[]) || head.framing == Framing::Close,
            "{}",
            show()
        );
        assert_eq!(
            (read.bytes, read.trailers),
            (body.clone(), finished.clone()),
            "{}",
            show()
        );
    }

    let limits = ClientLimits::DEFAULT
        .fields(1000)
        .head_bytes(u32::MAX)
        .line_bytes(u32::MAX)
        .trailer_fields(1000);
    let mut client = Client::with_limits(limits);
    let ask = [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Host", b"h"),
    ];
    assert!(client.open(ask, Length::None, &mut room).is_ok());
    let mut input = &out[..];
    let (mut read, mut last, mut seen, mut done) = (Lines::new(), Lines::new(), Vec::new(), 0);
    let mut event = |event: Response<'_, _>| match event {
        Response::Field { field, .. } => {
            let to = match field.space {
                Space::Trailer => &mut last,
                _ => &mut read,
            };
            to.push((field.name.to_vec(), field.value.to_vec()));
        }
        Response::HeadEnd { status: s, .. } => assert_eq!(s, status),
        Response::Body { bytes, .. } => seen.extend(bytes),
        Response::BodyEnd { .. } => {}
        Response::Done { ending, .. } => {
            assert!(
                matches!(ending, vestibule::Ending::Complete { .. }),
                "{ending:?}"
            );
            done += 1;
        }
        other => panic!("{other:?}"),
    };
    loop {
        match client.next(&mut input) {
            Ok(Next::Event(e)) => event(e),
            Ok(Next::NeedInput) => break,
            other => panic!("{other:?} of {}", show()),
        }
    }
    while let Ok(Next::Event(e)) = client.eof() {
        event(e);
    }
    assert!(input.is_empty() && done == 1, "{}", show());
    assert_eq!((seen, last), (body, finished));
    read.remove(0);
    read.retain(|l| !own(&l.0));
    assert_eq!(read, expected);
}
