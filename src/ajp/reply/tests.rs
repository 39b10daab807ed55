use super::*;

const MOST: u16 = 8188;

fn sent(status: u16, fields: &[Field<'_>], length: Length) -> Result<Vec<u8>, Refused> {
    let mut room = [0; 512];
    let fields = fields.iter().copied();
    send_headers(status, fields, length, MOST, &mut room).map(<[u8]>::to_vec)
}

#[test]
fn the_vectors_that_a_container_writes() {
    let fields = [
        Field::header(b"content-TYPE", b"text/plain"),
        Field::header(b"X-A", b"b"),
    ];
    // A09
    let bytes = b"AB\0\x23\x04\0\xc8\0\x02OK\0\0\x02\xa0\x01\0\x0atext/plain\0\0\x03X-A\0\0\x01b\0";
    assert_eq!(sent(200, &fields, Length::Unknown).unwrap(), bytes);
    // A02, A08, A10 to A13
    assert_eq!(cpong().slices().concat(), b"AB\0\x01\x09");
    assert_eq!(
        get_body_chunk(8186).slices().concat(),
        b"AB\0\x03\x06\x1f\xfa"
    );
    let mut payload = &b"Hi"[..];
    let frame = send_body_chunk(&mut payload, MOST);
    assert_eq!(frame.slices().concat(), b"AB\0\x06\x03\0\x02Hi\0");
    assert!(payload.is_empty() && send_body_chunk(&mut payload, MOST).is_empty());
    assert_eq!(flush().slices().concat(), b"AB\0\x04\x03\0\0\0");
    assert_eq!(end_response(true), *b"AB\0\x02\x05\x01");
    assert_eq!(end_response(false), *b"AB\0\x02\x05\0");
}

#[test]
fn a_reason_is_never_null() {
    for status in 200..=599 {
        let bytes = sent(status, &[], Length::None).unwrap();
        assert_ne!(bytes[7..9], [0xff, 0xff]);
        assert_ne!(bytes[7..9], [0, 0], "{status}");
    }
    assert_eq!(
        sent(299, &[], Length::None).unwrap(),
        b"AB\0\x0b\x04\x01\x2b\0\x03299\0\0\0"
    );
    for status in (0..200).chain(600..=u16::MAX) {
        assert_eq!(sent(status, &[], Length::None), Err(Refused::Status));
    }
}

#[test]
fn a_content_length_must_be_confirmed() {
    let field = |v| Field::header(b"content-LENGTH", v);
    let once = sent(200, &[], Length::Known(5)).unwrap();
    assert!(once.ends_with(b"\0\x01\xa0\x03\0\x015\0"));
    for good in [&b"5"[..], b" 5 "] {
        assert_eq!(sent(200, &[field(good)], Length::Known(5)).unwrap(), once);
    }
    for bad in [&b"4"[..], b"", b"5x", b"+5", b"5, 5"] {
        assert_eq!(
            sent(200, &[field(bad)], Length::Known(5)),
            Err(Refused::Field)
        );
    }
    assert_eq!(
        sent(200, &[field(b"5")], Length::Unknown),
        Err(Refused::Field)
    );
    assert!(
        sent(200, &[field(b"0")], Length::None)
            .unwrap()
            .ends_with(b"0\0")
    );
    assert_eq!(
        sent(204, &[field(b"5")], Length::Known(5)),
        sent(204, &[], Length::None)
    );
    assert!(sent(304, &[], Length::Known(7)).unwrap().ends_with(b"7\0"));
}

#[test]
fn what_may_not_be_sent() {
    let refused = |field: Field<'_>| {
        let got = sent(200, &[field], Length::Unknown);
        assert_eq!(got, Err(Refused::Field), "{field:?}");
        // Also where the room is too small.
        let got = send_headers(200, [field], Length::Unknown, MOST, &mut []);
        assert_eq!(got, Err(Refused::Field));
    };
    for name in [
        "Status",
        "TRANSFER-ENCODING",
        "connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Proxy-Connection",
        "",
    ] {
        refused(Field::header(name.as_bytes(), b"x"));
    }
    for b in 0..=255u8 {
        let (name, value) = ([b'X', b, b'X'], [b'a', b, b'b']);
        if !token::is_token(b) {
            refused(Field::header(&name, b"x"));
        }
        if !token::is_value(b) {
            refused(Field::header(b"X", &value));
        }
    }
    // From 256 bytes on some read a code.
    assert!(sent(200, &[Field::header(&[b'x'; 255], b"")], Length::Unknown).is_ok());
    refused(Field::header(&[b'x'; 256], b""));
    refused(Field::var(b"X", b"x"));
    refused(Field::trailer(b"X", b"x"));
    for cut in [Cut::First, Cut::Middle, Cut::Last] {
        refused(Field {
            cut,
            ..Field::header(b"X", b"x")
        });
    }
}

#[test]
fn a_head_is_one_packet_whole_or_not_at_all() {
    let value = vec![b'v'; 70_000];
    for (most, left) in [(8188u16, 8173), (65_532, 65_517)] {
        let mut room = vec![0; 70_000];
        let send = |n: usize, room: &mut [u8]| {
            let fields = [Field::header(b"Location", &value[..n])];
            send_headers(200, fields, Length::Unknown, most, room).map(<[u8]>::len)
        };
        let whole = usize::from(most) + 4;
        assert_eq!(send(left, &mut room), Ok(whole));
        assert_eq!(send(left + 1, &mut room), Err(Refused::TooLong));
        assert_eq!(send(70_000, &mut room), Err(Refused::TooLong));
        let need = whole;
        assert_eq!(
            send(left, &mut room[..need - 1]),
            Err(Refused::Room { need })
        );
    }
    let many = vec![Field::header(b"Date", b""); 2000];
    let mut room = vec![0; 70_000];
    let got = send_headers(200, many.iter().copied(), Length::None, MOST, &mut room);
    assert_eq!(got, Err(Refused::TooLong));
    let fields = [Field::header(b"X", b"")];
    let want = sent(404, &fields, Length::Known(10)).unwrap();
    for size in 0..want.len() + 2 {
        let mut room = vec![0xee; size];
        let got = send_headers(404, fields, Length::Known(10), MOST, &mut room);
        match got {
            Err(refused) => {
                assert!(size < want.len());
                assert_eq!(refused, Refused::Room { need: want.len() });
            }
            Ok(bytes) => assert_eq!(bytes, want),
        }
    }
}

#[test]
fn a_chunk_is_one_packet() {
    let data = vec![b'd'; 70_000];
    for (most, n) in [(8188u16, 8184usize), (65_532, 65_528)] {
        let mut payload = &data[..];
        let frame = send_body_chunk(&mut payload, most);
        assert_eq!(payload.len(), data.len() - n);
        assert_eq!(frame.len(), n + 8);
        let bytes = frame.slices().concat();
        assert_eq!(bytes[2..4], most.to_be_bytes());
        assert_eq!(bytes[5..7], (n as u16).to_be_bytes());
        assert_eq!(bytes.last(), Some(&0));
    }
}
