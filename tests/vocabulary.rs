//! What the types say of themselves: texts, statuses, names, defaults.

use vestibule::cgi::path::PathError;
use vestibule::cgi::{meta::Mapping, response};
use vestibule::fcgi::{self, Role, client, kind};
use vestibule::{
    Blame, Cut, Error, Field, Fields, Frame, Id, Length, Limits, Next, Overflow, Receive, Refused,
    Request, Server, Space, Status, Timeouts, http1, uwsgi,
};

/// Error, whole text, status, whether it is the peer's fault.
const ERRORS: &[(Error, &str, u16, bool)] = &[
    (
        Error::Version(2),
        "unsupported record version (2) [FastCGI 1.0, 3.3]",
        400,
        true,
    ),
    (
        Error::NullId,
        "BEGIN_REQUEST with request id 0 [FastCGI 1.0, 3.3]",
        400,
        true,
    ),
    (
        Error::DuplicateId(7),
        "BEGIN_REQUEST for an active request id (7) [FastCGI 1.0, 3.3]",
        400,
        true,
    ),
    (
        Error::UnknownId(65535),
        "record for a request id that is not active (65535) [FastCGI 1.0, 3.3]",
        400,
        true,
    ),
    (
        Error::RecordLength(1),
        "record too short for its type (1) [FastCGI 1.0, 5.1 and 5.5]",
        400,
        true,
    ),
    (
        Error::OutOfOrder(5),
        "record type not allowed now (5) [FastCGI 1.0, 6]",
        400,
        true,
    ),
    (
        Error::BadPair,
        "malformed name-value pair [FastCGI 1.0, 3.4]",
        400,
        true,
    ),
    (Error::StrayRecords, "too many stray records", 400, true),
    (
        Error::IdleRecords,
        "too many records that carry nothing",
        400,
        true,
    ),
    (
        Error::ManagementRecords,
        "too many management records",
        400,
        true,
    ),
    (Error::HeadTooLong, "head too long", 431, true),
    (
        Error::TooManyFields,
        "too many fields in the head",
        431,
        true,
    ),
    (Error::LineTooLong, "head line too long", 431, true),
    (Error::BodyTooLong, "body too long", 413, true),
    (
        Error::ContentLength,
        "malformed or conflicting content length [RFC 3875, 4.1.2 and RFC 9110, 8.6]",
        400,
        true,
    ),
    (
        Error::BodyExcess,
        "body longer than its declared length [RFC 3875, 4.2]",
        400,
        true,
    ),
    (
        Error::BodyShort,
        "body shorter than its declared length [RFC 3875, 4.2]",
        400,
        true,
    ),
    (
        Error::NoResponse,
        "no response at all [RFC 3875, 6]",
        502,
        true,
    ),
    (
        Error::HeadCut,
        "response ended inside its head [RFC 3875, 6.2]",
        502,
        true,
    ),
    (
        Error::EmptyHead,
        "response head without a field [RFC 3875, 6.2]",
        502,
        true,
    ),
    (
        Error::StatusLine,
        "status line where it does not belong, or none where one must be [RFC 3875, 6.2 and RFC 9112, 4]",
        502,
        true,
    ),
    (
        Error::BadField,
        "malformed header field [RFC 3875, 6.3 and RFC 9112, 5]",
        400,
        true,
    ),
    (
        Error::Folding,
        "folded header line [RFC 3875, 6.3 and RFC 9112, 5]",
        400,
        true,
    ),
    (
        Error::DuplicateField,
        "field given twice [RFC 3875, 6.3]",
        400,
        true,
    ),
    (
        Error::BadValue,
        "forbidden byte in a field value [RFC 9110, 5.5]",
        400,
        true,
    ),
    (
        Error::BadStatus,
        "malformed status [RFC 3875, 6.3.3]",
        502,
        true,
    ),
    (
        Error::Interim(103),
        "interim status not allowed (103) [RFC 3875, 6.3.3]",
        502,
        true,
    ),
    (
        Error::TransferEncoding,
        "Transfer-Encoding in a CGI response [RFC 3875, 6.3.4]",
        502,
        true,
    ),
    (
        Error::RequestLine,
        "malformed request line [RFC 9112, 3]",
        400,
        true,
    ),
    (Error::MethodTooLong, "method too long", 501, true),
    (Error::TargetTooLong, "request target too long", 414, true),
    (
        Error::Target,
        "malformed request target, or not one of this method [RFC 9112, 3.2]",
        400,
        true,
    ),
    (
        Error::HttpVersion,
        "unsupported HTTP version [RFC 9110, 2.5]",
        505,
        true,
    ),
    (
        Error::Http2Preface,
        "HTTP/2 preface [RFC 9113, 3.4]",
        505,
        true,
    ),
    (
        Error::Host,
        "missing, repeated, malformed or contradicted Host [RFC 9112, 3.2]",
        400,
        true,
    ),
    (
        Error::Framing,
        "ambiguous body framing [RFC 9112, 6]",
        400,
        true,
    ),
    (
        Error::Coding,
        "transfer coding not implemented [RFC 9112, 6.1]",
        501,
        true,
    ),
    (Error::Chunk, "malformed chunk [RFC 9112, 7.1]", 400, true),
    (
        Error::ChunkExtension,
        "chunk extensions too long [RFC 9112, 7.1.1]",
        400,
        true,
    ),
    (
        Error::Trailer,
        "field not allowed as a trailer [RFC 9110, 6.5.1]",
        400,
        true,
    ),
    (
        Error::Expectation,
        "unknown expectation [RFC 9110, 10.1.1]",
        417,
        true,
    ),
    (Error::TooManyInterim, "too many interim answers", 502, true),
    (
        Error::Switch,
        "switch of protocols that was not asked for [RFC 9110, 15.2.2]",
        502,
        true,
    ),
    (
        Error::Surplus,
        "bytes after the answer [RFC 9112, 9.2]",
        502,
        true,
    ),
    (Error::Unasked, "bytes with no request open", 502, true),
    (
        Error::ProxySignature,
        "no PROXY header [PROXY protocol, 2]",
        400,
        true,
    ),
    (
        Error::ProxyLine,
        "malformed PROXY header, version 1 [PROXY protocol, 2.1]",
        400,
        true,
    ),
    (
        Error::ProxyHeader,
        "malformed PROXY header, version 2 [PROXY protocol, 2.2]",
        400,
        true,
    ),
    (Error::ProxyTooLong, "PROXY header too long", 400, true),
    (
        Error::ProxyTlv,
        "malformed TLV of a PROXY header [PROXY protocol, 2.2]",
        400,
        true,
    ),
    (
        Error::ProxyChecksum,
        "wrong checksum of a PROXY header [PROXY protocol, 2.2.3]",
        400,
        true,
    ),
    (
        Error::Modifier(22),
        "uwsgi packet type not enabled (22) [uwsgi protocol, Packet descriptions]",
        501,
        true,
    ),
    (
        Error::HttpRequest,
        "HTTP client on a port of another protocol",
        400,
        true,
    ),
    (
        Error::TlsHandshake,
        "TLS client on a port without TLS",
        400,
        true,
    ),
    (Error::NameTooLong, "name too long", 431, true),
    (
        Error::ServerVariable,
        "variable for the uWSGI server",
        400,
        true,
    ),
    (
        Error::NoMethod,
        "no REQUEST_METHOD [RFC 3875, 4.1.12]",
        400,
        true,
    ),
    (
        Error::LengthNotFirst,
        "CONTENT_LENGTH is not the first variable [SCGI, 3]",
        400,
        true,
    ),
    (Error::Netstring, "malformed netstring [SCGI, 3]", 400, true),
    (
        Error::ScgiVersion,
        "no SCGI variable of value 1 [SCGI, 3]",
        400,
        true,
    ),
    (
        Error::DuplicateVariable,
        "variable given twice [SCGI, 3]",
        400,
        true,
    ),
    (
        Error::BadVariable,
        "malformed variable [SCGI, 3 and uwsgi protocol, The uwsgi vars]",
        400,
        true,
    ),
    (Error::Eof, "connection ended", 400, true),
    (Error::Unsupported, "not supported", 501, false),
    (Error::Overloaded, "overloaded", 503, false),
    (Error::Upstream, "upstream failed", 502, false),
    (Error::Timeout, "timed out", 408, false),
    (Error::UpstreamTimeout, "upstream timed out", 504, false),
    (Error::Internal, "internal error", 500, false),
];

#[test]
fn errors() {
    for &(error, text, status, peer) in ERRORS {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.status(), status, "{error:?}");
        assert_eq!(error.blame() == Blame::Peer, peer, "{error:?}");
        let section = text.split_once('[').map_or("", |s| s.1);
        assert_eq!(error.section(), section.trim_end_matches(']'));
    }
}

#[test]
fn refusals_and_paths() {
    for (refused, text) in [
        (Refused::State, "not in this state"),
        (Refused::UnknownId, "no such exchange"),
        (Refused::Full, "no free exchange"),
        (
            Refused::Room { need: 70 },
            "room too small: 70 bytes needed",
        ),
        (Refused::TooLong, "too long"),
        (Refused::Field, "field cannot be sent"),
        (Refused::Status, "status cannot be sent"),
    ] {
        assert_eq!(refused.to_string(), text);
    }
    assert_eq!(Overflow.to_string(), "field storage full");
    for (error, text, status) in [
        (PathError::Syntax, "malformed target [RFC 9112, 3.2]", 400),
        (PathError::Control, "control byte in the path", 400),
        (PathError::Climbs, "path leads above its root", 400),
        (PathError::Slash, "encoded slash in the path", 404),
        (PathError::NoMatch, "path is not under the mount", 404),
        (
            PathError::Room { need: 3 },
            "room too small: 3 bytes needed",
            500,
        ),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(error.status(), status, "{error:?}");
    }
}

/// A default is the strict one, which has a name.
#[test]
fn defaults() {
    assert_eq!(Limits::default(), Limits::DEFAULT);
    assert_eq!(fcgi::ServerLimits::default(), fcgi::ServerLimits::DEFAULT);
    assert_eq!(client::Limits::default(), client::Limits::DEFAULT);
    assert_eq!(http1::ServerLimits::default(), http1::ServerLimits::DEFAULT);
    assert_eq!(http1::ClientLimits::default(), http1::ClientLimits::DEFAULT);
    assert_eq!(http1::Rules::default(), http1::Rules::STRICT);
    assert_eq!(uwsgi::ServerLimits::default(), uwsgi::ServerLimits::DEFAULT);
    assert_eq!(uwsgi::Rules::default(), uwsgi::Rules::STRICT);
    assert_eq!(uwsgi::Modifiers::default(), uwsgi::Modifiers::DEFAULT);
    assert_eq!(Timeouts::default(), Timeouts::DEFAULT);
    assert_eq!(response::Rules::default(), response::Rules::STRICT);
    assert_eq!(Mapping::default(), Mapping::GATEWAY);
    assert!(Frame::default().is_empty());
    let slots = [client::Slot::default(); 2];
    assert_eq!(client::Client::new(slots).free(), 2);
    let server = fcgi::Server::new([fcgi::Slot::default(); 2]);
    assert_eq!((server.active(), server.strays()), (0, 0));
}

#[test]
fn next() {
    assert_eq!(Next::Event(7).event(), Some(7));
    assert_eq!(Next::<u8>::NeedInput.event(), None);
    assert_eq!(Next::<u8>::Paused.event(), None);
}

#[test]
fn kinds() {
    let names = [
        (kind::BEGIN_REQUEST, "BEGIN_REQUEST"),
        (kind::ABORT_REQUEST, "ABORT_REQUEST"),
        (kind::END_REQUEST, "END_REQUEST"),
        (kind::PARAMS, "PARAMS"),
        (kind::STDIN, "STDIN"),
        (kind::STDOUT, "STDOUT"),
        (kind::STDERR, "STDERR"),
        (kind::DATA, "DATA"),
        (kind::GET_VALUES, "GET_VALUES"),
        (kind::GET_VALUES_RESULT, "GET_VALUES_RESULT"),
        (kind::UNKNOWN_TYPE, "UNKNOWN_TYPE"),
        (12, ""),
        (0, ""),
    ];
    for (number, (kind, name)) in (1..=11).zip(names) {
        assert_eq!(kind, number);
        assert!(!name.is_empty());
    }
    for (kind, name) in names {
        let record = fcgi::Record {
            kind,
            id: 1,
            content: 0,
            padding: 0,
        };
        assert_eq!(record.name(), name);
    }
}

#[test]
fn stored_fields() {
    let mut fields = Fields::new([0u8; 256]);
    let put = [
        Field::var(b"A", b"1"),
        Field::header(b"a", b"2"),
        Field {
            space: Space::Trailer,
            name: b"A",
            value: b"3",
            cut: Cut::Whole,
        },
        Field {
            space: Space::Attribute,
            name: b"A",
            value: b"4",
            cut: Cut::Whole,
        },
    ];
    for field in put {
        fields.push(field).unwrap();
    }
    assert!(fields.iter().eq(put));
    let all = |name| fields.all(name).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(all(b"A"), [b"1", b"2", b"3", b"4"]);
    // Names of variables are exact.
    assert_eq!(all(b"a"), [b"2", b"3"]);
    assert_eq!(fields.get(b"a"), Some(&b"2"[..]));
    assert_eq!(fields.get(b"B"), None);
    assert!(fields.ambiguous(b"A") && !fields.ambiguous(b"B"));
    let text = format!("{fields:?}");
    assert_eq!(text.matches("Field {").count(), 4, "{text}");
    assert!(text.contains("Attribute"), "{text}");
    assert!(fields.into_inner().contains(&b'4'));
}

/// BEGIN_REQUEST, PARAMS, its end.
fn head(id: u8, role: u8, keep: u8, pairs: &[u8]) -> Vec<u8> {
    let n = u8::try_from(pairs.len()).unwrap();
    let mut bytes = vec![1, 1, 0, id, 0, 8, 0, 0, 0, role, keep, 0, 0, 0, 0, 0];
    if n > 0 {
        bytes.extend([1, 4, 0, id, 0, n, 0, 0]);
        bytes.extend(pairs);
    }
    bytes.extend([1, 4, 0, id, 0, 0, 0, 0]);
    bytes
}

fn events(server: &mut fcgi::Server<[fcgi::Slot; 3]>, bytes: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor = bytes;
    while let Next::Event(event) = server.next(&mut cursor).unwrap() {
        seen.push(match event {
            Request::Body { bytes, .. } => format!("body {}", bytes.escape_ascii()),
            Request::Begin { .. } => "begin".into(),
            Request::Field { .. } => "field".into(),
            Request::HeadEnd { .. } => "head".into(),
            Request::BodyEnd { .. } => "end".into(),
            Request::Ext(fcgi::ServerExt::DataEnd { .. }) => "data end".into(),
            other => format!("{other:?}"),
        });
    }
    seen
}

/// What may be asked of an active request, and that others have nothing.
#[test]
fn a_request() {
    let mut server = fcgi::Server::new([fcgi::Slot::EMPTY; 3]);
    let [one, two, nine] = [1, 2, 9].map(|n| Id::new(n).unwrap());
    assert_eq!(server.slot_of(one), None);
    events(&mut server, &head(9, 1, 1, b"\x0e\x01CONTENT_LENGTH3"));
    events(&mut server, &head(2, 2, 0, b""));
    events(&mut server, &head(1, 3, 1, b"\x0e\x00CONTENT_LENGTH"));
    let known = |id| {
        (
            server.role(id),
            server.keep_conn(id),
            server.content_length(id),
        )
    };
    assert_eq!(known(nine), (Some(Role::Responder), true, Some(3)));
    assert_eq!(known(two), (Some(Role::Authorizer), false, None));
    assert_eq!(known(one), (Some(Role::Filter), true, None));
    assert_eq!(known(Id::new(3).unwrap()), (None, false, None));
    let mut places = [one, two, nine].map(|id| server.slot_of(id).unwrap());
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2]);
    assert_eq!(server.active(), 3);
    // Not kept, by one of them: no more than these.
    let _ = server
        .reject(two, vestibule::Rejection::Overloaded)
        .unwrap();
    assert_eq!((server.active(), server.slot_of(two)), (2, None));
    assert_eq!(server.role(two), None);
}

/// A body that is dropped, from its middle on and whole.
#[test]
fn discarded_bodies() {
    let mut server = fcgi::Server::new([fcgi::Slot::EMPTY; 3]);
    let [one, two] = [1, 2].map(|n| Id::new(n).unwrap());
    assert_eq!(server.discard(one), Err(Refused::UnknownId));
    events(&mut server, &head(1, 3, 1, b"\x0e\x01CONTENT_LENGTH9"));
    events(&mut server, &head(2, 1, 1, b""));
    let stdin = b"\x01\x05\0\x01\0\x04\0\0ab";
    assert_eq!(events(&mut server, stdin), ["body ab"]);
    server.discard(two).unwrap();
    server.discard(one).unwrap();
    // The rest of the record at hand, another record, and no fault at the end
    // for the length, which was another one.
    let rest = b"cd\x01\x05\0\x01\0\x02\0\0ef\x01\x05\0\x01\0\0\0\0";
    assert_eq!(events(&mut server, rest), ["end"]);
    let data = b"\x01\x08\0\x01\0\x02\0\0ef\x01\x08\0\x01\0\0\0\0";
    assert_eq!(events(&mut server, data), ["data end"]);
    let other = b"\x01\x05\0\x02\0\x02\0\0ef\x01\x05\0\x02\0\0\0\0";
    assert_eq!(events(&mut server, other), ["end"]);
    assert_eq!(server.phase(), vestibule::Phase::Response);
}

/// Interim answers: nothing to write, and refused where none may be.
#[test]
fn interim() {
    let mut server = fcgi::Server::new([fcgi::Slot::EMPTY; 3]);
    let mut room = [0; 64];
    let id = Id::SOLE;
    let refused = server.interim(id, 103, [], &mut room).map(|f| f.len());
    assert_eq!(refused, Err(Refused::UnknownId));
    events(&mut server, &head(1, 1, 1, b""));
    let mut ask = |server: &mut fcgi::Server<_>, status| {
        server
            .interim(id, status, [], &mut room)
            .map(|frame| frame.len())
    };
    for (status, said) in [
        (99, Err(Refused::Status)),
        (100, Ok(0)),
        (199, Ok(0)),
        (200, Err(Refused::Status)),
    ] {
        assert_eq!(ask(&mut server, status), said, "{status}");
    }
    let mut place = [0; 64];
    let _ = server.head(id, 200, [], Length::None, &mut place).unwrap();
    assert_eq!(ask(&mut server, 103), Err(Refused::State));
    let twice = server.head(id, 200, [], Length::None, &mut place);
    assert!(matches!(twice, Err(Refused::State)));
}

/// A client may send as long as its body is open, and no more after.
#[test]
fn credit() {
    fn of(client: &impl vestibule::Client, id: Id) -> usize {
        client.credit(id)
    }
    let mut client = client::Client::new([client::Slot::EMPTY; 1]);
    let mut room = [0; 64];
    let fields = [Field::var(b"REQUEST_METHOD", b"POST")];
    let unknown = Length::Unknown;
    let (id, _) = client
        .begin(Role::Responder, true, fields, unknown, &mut room)
        .unwrap();
    assert_eq!(of(&client, id), usize::MAX);
    assert_eq!(of(&client, Id::new(2).unwrap()), 0);
    let _ = client.body_end(id).unwrap();
    assert_eq!(of(&client, id), 0);
}

/// What may be asked of a request over HTTP, from its head's end until its
/// answer is finished; and of an answer.
#[test]
fn an_http_request() {
    let id = Id::SOLE;
    let known = |server: &http1::Server| {
        [
            server.minor_version(id).is_some(),
            server.keeps_alive(id),
            server.expects_continue(id),
            server.offers_upgrade(id),
            server.takes_trailers(id),
        ]
    };
    let head = b"PUT / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nUpgrade: x\r\n\
        Connection: te, upgrade\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let mut server = http1::Server::default();
    let mut room = [0; 256];
    for (at, byte) in head.iter().enumerate() {
        assert_eq!(known(&server), [false; 5], "{at}");
        let mut cursor = std::slice::from_ref(byte);
        while let Next::Event(_) = server.next(&mut cursor).unwrap() {}
    }
    assert_eq!(known(&server), [true; 5]);
    assert_eq!(server.minor_version(Id::new(2).unwrap()), None);
    let _ = server.demand(id, 1).unwrap();
    assert_eq!(known(&server), [true, true, false, true, true]);
    let mut cursor = &b"x"[..];
    while let Next::Event(_) = server.next(&mut cursor).unwrap() {}
    let _ = server.head(id, 200, [], Length::None, &mut room).unwrap();
    assert_eq!(known(&server), [true, true, false, true, true]);
    let _ = server.finish(id, [], &mut room).unwrap();
    assert_eq!(known(&server), [false; 5]);
}

#[test]
fn an_http_answer() {
    use vestibule::{Client as _, Response};
    let id = Id::SOLE;
    for (text, minor, keeps) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 1, true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 0, false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx", 1, false),
    ] {
        let mut client = http1::Client::default();
        let fields = [
            Field::var(b"REQUEST_METHOD", b"GET"),
            Field::var(b"REQUEST_URI", b"/"),
            Field::var(b"HTTP_HOST", b""),
        ];
        let mut room = [0; 64];
        let _ = client.open(fields, Length::None, &mut room).unwrap();
        let mut cursor = text.as_bytes();
        let mut after = false;
        while let Next::Event(event) = client.next(&mut cursor).unwrap() {
            after |= matches!(event, Response::HeadEnd { .. });
            after &= !matches!(event, Response::Done { .. });
            let want = after.then_some(minor);
            assert_eq!(client.minor_version(id), want, "{text}");
            assert_eq!(client.keeps_alive(id), after && keeps, "{text}");
        }
        assert_eq!(client.minor_version(Id::new(2).unwrap()), None);
    }
}

/// What each waits for, and what becomes of the connection.
#[test]
fn phases_of_an_http_server() {
    use vestibule::{After, Phase};
    let id = Id::SOLE;
    let mut room = [0; 128];
    let mut server = http1::Server::default();
    let feed = |server: &mut http1::Server, text: &str| {
        let mut cursor = text.as_bytes();
        while let Ok(Next::Event(_)) = server.next(&mut cursor) {}
        (server.phase(), server.after())
    };
    assert_eq!(feed(&mut server, "\r\n"), (Phase::Idle, After::Keep));
    assert_eq!(feed(&mut server, "P"), (Phase::Head, After::Keep));
    let head = "OST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(feed(&mut server, head), (Phase::Body, After::Keep));
    assert_eq!(feed(&mut server, "hi"), (Phase::Response, After::Keep));
    let _ = server.head(id, 200, [], Length::None, &mut room).unwrap();
    assert_eq!(server.phase(), Phase::Response);
    let _ = server.finish(id, [], &mut room).unwrap();
    assert_eq!(feed(&mut server, ""), (Phase::Idle, After::Keep));
    // Nothing runs: the connection ends at once.
    let mut idle = server;
    idle.shutdown();
    assert_eq!(idle.after(), After::CloseWrite);
    assert_eq!(feed(&mut idle, "GET"), (Phase::Closing, After::CloseWrite));
    assert!(matches!(idle.eof(), Ok(Next::NeedInput)));
    assert_eq!(idle.after(), After::Close);
    idle.shutdown();
    assert_eq!(idle.after(), After::Close);
    // The framing is lost; the refusal is still to be said.
    assert_eq!(feed(&mut server, " "), (Phase::Closing, After::Keep));
    let _ = server.fail(id, Error::RequestLine, &mut room).unwrap();
    assert_eq!(server.after(), After::CloseWrite);
    assert_eq!(server.eof(), Err(Error::RequestLine));
    assert_eq!(server.after(), After::Close);
}

#[test]
fn phases_of_an_http_client() {
    use vestibule::{After, Client as _, Phase};
    let fields = |method| {
        [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", b"/"),
            Field::var(b"HTTP_HOST", b"h"),
        ]
    };
    let mut room = [0; 128];
    let mut client = http1::Client::default();
    let feed = |client: &mut http1::Client, text: &str| {
        let mut cursor = text.as_bytes();
        while let Ok(Next::Event(_)) = client.next(&mut cursor) {}
        (client.phase(), client.after())
    };
    assert_eq!(feed(&mut client, ""), (Phase::Idle, After::Keep));
    let opened = client.open(fields(b"PUT"), Length::Known(1), &mut room);
    let (id, _) = opened.unwrap();
    assert_eq!(feed(&mut client, ""), (Phase::Body, After::Keep));
    let _ = client.body(id, &mut &b"x"[..]).unwrap();
    let _ = client.body_end(id, [], &mut room).unwrap();
    assert_eq!(feed(&mut client, ""), (Phase::Response, After::Keep));
    assert_eq!(feed(&mut client, "H"), (Phase::Head, After::Keep));
    let head = "TTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    assert_eq!(feed(&mut client, head), (Phase::Response, After::Keep));
    assert_eq!(feed(&mut client, "x"), (Phase::Idle, After::Keep));
    // Lost while idle: nothing is owed, nothing is read.
    let mut lost = client;
    lost.cancel();
    assert_eq!(lost.after(), After::Close);
    let mut cursor = &b"x"[..];
    assert!(matches!(lost.next(&mut cursor), Ok(Next::Paused)));
    assert!(matches!(lost.eof(), Ok(Next::NeedInput)));
    assert_eq!(cursor.len(), 1);
    assert_eq!(lost.free(), 0);
    // The last one: closed once it is over.
    client.last();
    let _ = client
        .open(fields(b"GET"), Length::None, &mut room)
        .unwrap();
    assert_eq!(
        feed(&mut client, "HTTP/1.1 204 N\r\n"),
        (Phase::Head, After::Keep)
    );
    assert_eq!(feed(&mut client, "\r\n"), (Phase::Idle, After::Close));
    assert_eq!(client.free(), 0);
    assert_eq!(feed(&mut client, "x"), (Phase::Closing, After::Close));
}

#[test]
fn a_switch_can_be_turned_off() {
    let rules = http1::Rules::STRICT.bare_lf(true).fragment(true);
    assert_ne!(rules, http1::Rules::STRICT);
    let off = rules.bare_lf(false);
    assert_eq!(off, http1::Rules::STRICT.fragment(true));
    assert_eq!(off.fragment(false), http1::Rules::STRICT);
}

#[test]
fn policies_of_a_bridge() {
    use vestibule::bridge::Policy;
    assert_eq!(Policy::default(), Policy::STRICT);
    assert_eq!(Policy::STRICT.odd_names(false).attempts(2), Policy::STRICT);
    assert_ne!(Policy::STRICT.odd_names(true), Policy::STRICT);
    assert_ne!(Policy::STRICT.attempts(3), Policy::STRICT);
    // There is always one.
    assert_eq!(Policy::STRICT.attempts(0), Policy::STRICT.attempts(1));
}
