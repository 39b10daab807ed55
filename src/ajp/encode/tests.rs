use super::*;
use crate::ajp::packet::payload;

const GET: [Field<'static>; 2] = [
    Field::var(b"REQUEST_METHOD", b"GET"),
    Field::var(b"DOCUMENT_URI", b"/"),
];

fn write(fields: &[Field<'_>], length: Length) -> Result<Vec<u8>, Refused> {
    let facts = Facts::of(fields.iter().copied())?;
    let mut room = vec![0; 70_000];
    let fields = fields.iter().copied();
    forward(&facts, fields, length, None, payload(8192), &mut room).map(<[u8]>::to_vec)
}

fn with(more: &[Field<'_>], length: Length) -> Result<Vec<u8>, Refused> {
    write(&[&GET[..], more].concat(), length)
}

#[test]
fn a_request_as_a_web_server_sends_it() {
    let fields = [
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
        Field::var(b"DOCUMENT_URI", b"/"),
        Field::var(b"REMOTE_ADDR", b"127.0.0.1"),
        Field::var(b"SERVER_NAME", b"localhost"),
        Field::var(b"SERVER_PORT", b"80"),
        Field::header(b"Host", b"localhost"),
    ];
    let bytes = b"\x12\x34\x00\x3f\x02\x02\0\x08HTTP/1.1\0\0\x01/\0\0\x09127.0.0.1\0\xff\xff\
        \0\x09localhost\0\0\x50\0\0\x01\xa0\x0b\0\x09localhost\0\xff";
    assert_eq!(write(&fields, Length::None).unwrap(), bytes);
}

#[test]
fn everything_at_once() {
    let fields = [
        Field::var(b"REQUEST_METHOD", b"PATCH"),
        Field::var(b"SERVER_PROTOCOL", b"HTTP/2.0"),
        Field::var(b"REQUEST_URI", b"/a%20b?c=d"),
        Field::var(b"DOCUMENT_URI", b"/a b"),
        Field::var(b"REMOTE_HOST", b"h"),
        Field::var(b"REMOTE_PORT", b"4000"),
        Field::var(b"HTTPS", b"on"),
        Field::var(b"HTTP_X_A", b" 1"),
        Field::var(b"HTTP_HOST", b"h"),
        Field::var(b"CONTENT_TYPE", b"a/b"),
        Field::var(b"CONTENT_LENGTH", b"5"),
        Field::var(b"SCRIPT_NAME", b"/x"),
        Field::var(b"SSL_CLIENT_CERT", b"-\r\n-"),
        Field::var(b"SSL_CIPHER_USEKEYSIZE", b"256"),
        Field::var(b"AUTH_TYPE", b"Basic"),
        Field::header(b"X-B", b"2\t"),
        Field {
            space: Space::Attribute,
            ..Field::var(b"n", b"v")
        },
    ];
    let facts = Facts::of(fields.iter().copied()).unwrap();
    let mut room = [0; 1000];
    let known = Length::Known(5);
    let most = payload(8192);
    let got = forward(&facts, fields, known, Some(b"s"), most, &mut room).unwrap();
    let text = b"\x02\xff\0\x08HTTP/2.0\0\0\x06/a%20b\0\xff\xff\0\x01h\0\xff\xff\x01\xbb\x01\
        \0\x05\0\x03x-a\0\0\x02 1\0\xa0\x0b\0\x01h\0\xa0\x07\0\x03a/b\0\0\x03X-B\0\0\x012\0\
        \xa0\x08\0\x015\0\x0c\0\x01s\0\x04\0\x05Basic\0\x05\0\x03c=d\0\x07\0\x04-\r\n-\0\
        \x0a\0\x0fAJP_REMOTE_PORT\0\0\x044000\0\x0a\0\x01n\0\0\x01v\0\x0b\x01\0\
        \x0d\0\x05PATCH\0\xff";
    assert_eq!(
        &got[..4],
        [0x12, 0x34, 0, u8::try_from(text.len()).unwrap()]
    );
    assert_eq!(&got[4..], text);
    let need = got.len();
    for size in 0..need {
        let mut room = vec![0; size];
        let got = forward(&facts, fields, known, Some(b"s"), most, &mut room);
        assert_eq!(got, Err(Refused::Room { need }));
    }
}

#[test]
fn framing_is_the_encoders() {
    let ends = |bytes: Vec<u8>, tail: &[u8]| assert!(bytes.ends_with(tail), "{bytes:?}");
    ends(with(&[], Length::None).unwrap(), b"\0\0\xff");
    ends(
        with(&[], Length::Known(0)).unwrap(),
        b"\0\x01\xa0\x08\0\x010\0\xff",
    );
    ends(
        with(&[], Length::Unknown).unwrap(),
        b"\0\x01\0\x11transfer-encoding\0\0\x07chunked\0\xff",
    );
    let post = [
        Field::var(b"REQUEST_METHOD", b"POST"),
        Field::var(b"DOCUMENT_URI", b"/"),
    ];
    ends(
        write(&post, Length::None).unwrap(),
        b"\0\x01\xa0\x08\0\x010\0\xff",
    );
    // What says the same is not repeated, what does not is refused.
    let says = |field, length| with(&[field], length);
    let once = with(&[], Length::Known(5)).unwrap();
    for field in [
        Field::header(b"Content-length", b"5"),
        Field::var(b"CONTENT_LENGTH", b"5"),
    ] {
        assert_eq!(says(field, Length::Known(5)).unwrap(), once);
        for length in [Length::Known(6), Length::None, Length::Unknown] {
            assert_eq!(says(field, length), Err(Refused::Field));
        }
    }
    for value in ["chunked", "identity", ""] {
        let field = Field::header(b"Transfer-Encoding", value.as_bytes());
        for length in [Length::Known(6), Length::None, Length::Unknown] {
            assert_eq!(says(field, length), Err(Refused::Field));
        }
        let field = Field::var(b"HTTP_TRANSFER_ENCODING", value.as_bytes());
        assert_eq!(says(field, Length::Known(5)).unwrap(), once);
    }
}

#[test]
fn what_is_not_for_containers() {
    let plain = with(&[], Length::None).unwrap();
    for field in [
        Field::header(b"Expect", b"100-continue"),
        Field::header(b"Proxy", b"x"),
        Field::var(b"HTTP_EXPECT", b"100-continue"),
        Field::var(b"HTTP_CONNECTION", b"close"),
        Field::var(b"HTTP_PROXY", b"x"),
        Field::var(b"CONTENT_TYPE", b""),
        Field::var(b"CONTENT_LENGTH", b""),
        Field::var(b"GATEWAY_INTERFACE", b"CGI/1.1\n"),
        Field::var(b"HTTPS", b"off"),
    ] {
        assert_eq!(with(&[field], Length::None).unwrap(), plain, "{field:?}");
    }
    for name in ["Connection", "te", "Keep-Alive", "Upgrade", "Trailer"] {
        let field = Field::header(name.as_bytes(), b"x");
        assert_eq!(with(&[field], Length::None), Err(Refused::Field), "{name}");
    }
}

#[test]
fn no_byte_passes_that_may_not() {
    for b in 0..=255u8 {
        let attribute = |name, value| Field {
            space: Space::Attribute,
            ..Field::var(name, value)
        };
        let text = [b'a', b, b'b'];
        let control = b < 0x20 || b == 0x7f;
        let header = Field::header(&text, b"x");
        let refused = |field| with(&[field], Length::None) == Err(Refused::Field);
        assert_eq!(refused(header), !token::is_token(b), "{b}");
        for name in [
            &b"REMOTE_USER"[..],
            b"REMOTE_ADDR",
            b"SERVER_NAME",
            b"QUERY_STRING",
        ] {
            assert_eq!(refused(Field::var(name, &text)), control, "{b}");
        }
        for field in [Field::header(b"x", &text), Field::var(b"HTTP_X", &text)] {
            assert_eq!(refused(field), !token::is_value(b), "{b}");
        }
        assert_eq!(refused(attribute(&text, b"v")), control, "{b}");
        assert_eq!(refused(attribute(b"n", &text)), control, "{b}");
        assert_eq!(refused(Field::var(b"SSL_CLIENT_CERT", &text)), b == 0);
        let path = [b'/', b];
        let fields = [GET[0], Field::var(b"DOCUMENT_URI", &path)];
        let bad = !token::is_target(b) || b == b'?';
        assert_eq!(write(&fields, Length::None).is_err(), bad, "{b}");
        let method = [b'G', b];
        let fields = [Field::var(b"REQUEST_METHOD", &method), GET[1]];
        assert_eq!(write(&fields, Length::None).is_err(), !token::is_token(b));
    }
}

#[test]
fn what_is_missing_twice_or_too_long() {
    for fields in [&GET[..1], &GET[1..], &[]] {
        assert_eq!(write(fields, Length::None), Err(Refused::Field));
    }
    let long = vec![b'a'; 9000];
    for field in [
        GET[0],
        GET[1],
        Field::var(b"SERVER_PORT", b"65536"),
        Field::var(b"SERVER_PORT", b"-1"),
        Field::var(b"SSL_CIPHER_USEKEYSIZE", b"x"),
        Field::trailer(b"a", b"b"),
        Field::header(b"a", b"b").first(),
        Field::header(&long[..256], b"b"),
        Field {
            space: Space::Attribute,
            ..Field::var(b"secret", b"s")
        },
    ] {
        assert_eq!(
            with(&[field], Length::None),
            Err(Refused::Field),
            "{field:?}"
        );
    }
    assert!(with(&[Field::header(&long[..255], b"b")], Length::None).is_ok());
    let hosts = [Field::header(b"hOST", b""), Field::var(b"HTTP_HOST", b"h")];
    for (a, b) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let two = with(&[hosts[a], hosts[b]], Length::None);
        assert_eq!(two, Err(Refused::Field), "{a} {b}");
    }
    assert!(with(&hosts[..1], Length::None).is_ok());
    for target in [&b"http://h/"[..], b"h:80", b"*", b"a"] {
        let fields = [GET[0], Field::var(b"REQUEST_URI", target)];
        assert_eq!(write(&fields, Length::None), Err(Refused::Field));
    }
    let star = [
        Field::var(b"REQUEST_METHOD", b"OPTIONS"),
        Field::var(b"REQUEST_URI", b"*"),
    ];
    assert!(write(&star, Length::None).is_ok());
    // One packet, or none.
    let fixed = with(&[Field::header(b"a", b"")], Length::None)
        .unwrap()
        .len();
    let fits = 8192 - fixed;
    assert!(with(&[Field::header(b"a", &long[..fits])], Length::None).is_ok());
    let more = Field::header(b"a", &long[..fits + 1]);
    assert_eq!(with(&[more], Length::None), Err(Refused::TooLong));
    let huge = vec![b'a'; 70_000];
    assert_eq!(
        with(&[Field::header(b"a", &huge)], Length::None),
        Err(Refused::TooLong)
    );
}
