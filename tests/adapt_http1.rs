//! The blocking adapter with an HTTP client: whether and when a body is sent
//! that was announced with `Expect: 100-continue`.
#![cfg(unix)]

use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;

use vestibule::adapt::{Call, Called};
use vestibule::http1::Client;
use vestibule::{Client as _, Ending, Field, Length, Response, Timeouts};

const COMPLETE: Ending = Ending::Complete {
    app_status: 0,
    output_ended: true,
};

/// PUTs `hi`; the peer has the whole head before it acts. What came of it: the
/// statuses, interim ones too, and how it ended.
fn put(
    length: Length,
    timeouts: Timeouts,
    act: impl FnOnce(UnixStream) + Send + 'static,
) -> (Vec<u16>, Called) {
    let (near, mut far) = UnixStream::pair().unwrap();
    let acting = std::thread::spawn(move || {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            far.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        act(far);
    });
    let fields = [
        Field::var(b"REQUEST_METHOD", b"PUT"),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Host", b"h"),
        Field::header(b"Expect", b"100-continue"),
    ];
    let (mut client, mut room) = (Client::new(), [0; 256]);
    let (id, head) = client.open(fields, length, &mut room).unwrap();
    let call = Call {
        id,
        head,
        buf: &mut [0; 100],
        timeouts,
    };
    let (mut statuses, mut ending) = (Vec::new(), None);
    let body = Some(&b"hi"[..]);
    let called = call.run(&mut client, &mut &near, &mut &near, body, |event| {
        match event {
            Response::Interim { status, .. } | Response::HeadEnd { status, .. } => {
                statuses.push(status);
            }
            Response::Done { ending: how, .. } => ending = Some(how),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    });
    drop(near);
    acting.join().unwrap();
    assert_eq!(ending, Some(COMPLETE));
    (statuses, called.unwrap())
}

const OK: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const FOR_EVER: Timeouts = Timeouts {
    expect: u32::MAX,
    ..Timeouts::all(u32::MAX)
};

fn expect(stream: &mut UnixStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, bytes);
}

#[test]
fn sent_once_it_is_wanted() {
    for (length, body) in [
        (Length::Known(2), &b"hi"[..]),
        (Length::Unknown, b"2\r\nhi\r\n0\r\n\r\n"),
    ] {
        let (statuses, called) = put(length, FOR_EVER, |mut far| {
            far.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            expect(&mut far, body);
            far.write_all(OK).unwrap();
        });
        assert_eq!(statuses, [100, 204]);
        assert_eq!(called, Called::Done { reuse: true });
    }
}

#[test]
fn sent_where_nobody_says_so() {
    let soon = Timeouts {
        expect: 1,
        ..FOR_EVER
    };
    let (statuses, _) = put(Length::Known(2), soon, |mut far| {
        expect(&mut far, b"hi");
        // It comes late, and means nothing any more.
        far.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        far.write_all(OK).unwrap();
    });
    assert_eq!(statuses, [100, 204]);
}

#[test]
fn not_sent_to_one_who_has_answered() {
    let (statuses, called) = put(Length::Known(2), FOR_EVER, |mut far| {
        far.write_all(b"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno")
            .unwrap();
        assert_eq!(far.read(&mut [0; 9]).unwrap(), 0);
    });
    assert_eq!(statuses, [417]);
    assert_eq!(called, Called::Done { reuse: false });
}
