//! Frames, written in any way, give the same bytes.
//!
//! Input: which frame, its payload's length, then ways to write.

use vestibule::fcgi::{Server, ServerExt, Slot};
use vestibule::{Error, Field, Frame, Id, Length, Next, Receive, Request, Server as _};

use super::{Source, records};

fn started() -> Server<[Slot; 2]> {
    let mut input = Vec::new();
    for id in [1, 2] {
        records::put(&mut input, records::BEGIN, id, &[0, 1, 1, 0, 0, 0, 0, 0], 0);
        records::put(&mut input, records::PARAMS, id, &[], 0);
    }
    records::put(
        &mut input,
        9,
        0,
        b"\x0d\0FCGI_MAX_REQS\x0f\0FCGI_MPXS_CONNS",
        0,
    );
    records::put(&mut input, 77, 0, &[], 0);
    let mut server = Server::new([Slot::EMPTY; 2]).values(65_535, 65_535);
    let mut input = &input[..];
    while let Ok(Next::Event(_)) = server.next(&mut input) {}
    server
}

fn write(frame: Frame<'_>, source: &mut Source<'_>) {
    let body = frame.slices()[1].to_vec();
    let whole = frame.slices().concat();
    assert_eq!(frame.len(), whole.len());
    assert_eq!(frame.is_empty(), whole.is_empty());
    records::walk(&whole).expect("whole records");
    let mut frame = frame;
    let mut written = Vec::new();
    while !frame.is_empty() {
        let n = usize::from(source.byte());
        let way = if source.is_empty() {
            4
        } else {
            source.byte() % 5
        };
        let before = frame.len();
        match way {
            0 => {
                // A vectored write that takes part.
                let take = n.min(before);
                written.extend_from_slice(&frame.slices().concat()[..take]);
                frame.advance(take);
            }
            1 => {
                let mut ring = vec![0xcc; n];
                let n = frame.copy_to(&mut ring);
                assert!(n == ring.len() || frame.is_empty());
                written.extend_from_slice(&ring[..n]);
            }
            2 => {
                let parked = frame.park();
                assert_eq!(parked.body_len(), body.len());
                assert!(parked.unpark(&whole).is_none() || whole.len() == body.len());
                frame = parked.unpark(&body).expect("the same bytes");
                assert_eq!(frame.len(), before);
            }
            3 => {
                let slices = frame.io_slices().map(|s| s.to_vec()).concat();
                assert_eq!(slices, frame.slices().concat());
                // A whole slice at a time.
                let first = frame.slices().into_iter().find(|s| !s.is_empty());
                let first = first.expect("something is left").to_vec();
                frame.advance(first.len());
                written.extend(first);
            }
            _ => {
                written.extend(frame.slices().concat());
                frame.advance(usize::MAX);
            }
        }
        assert!(frame.len() <= before);
    }
    assert_eq!(written, whole);
    assert_eq!(frame.slices().concat(), b"");
    frame.advance(n_any(source));
    assert!(frame.is_empty());
    assert_eq!(frame.copy_to(&mut [0; 9]), 0);
}

fn n_any(source: &mut Source<'_>) -> usize {
    usize::from(source.word())
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let kind = source.byte();
    let length = usize::from(source.word()) + usize::from(kind >> 4) * 5000;
    let payload = vec![b'x'; length];
    let mut room = [0; 300];
    let id = Id::SOLE;
    let mut server = started();
    let mut cursor = &payload[..];
    let fields = [Field::header(b"A", b"b")];
    let frame = match kind % 8 {
        0 => server.stderr(id, &mut cursor).expect("stderr"),
        1 => server.fail(id, Error::Internal, &mut room).expect("fail"),
        2 => {
            let _ = server.stderr(id, &mut &b"x"[..]).expect("stderr");
            server.fail(id, Error::Internal, &mut room).expect("fail")
        }
        3 => match server.head(id, 200, fields, Length::Unknown, &mut room) {
            Ok(frame) => frame,
            Err(_) => return,
        },
        4 => {
            if server
                .head(id, 200, fields, Length::Unknown, &mut room)
                .is_err()
            {
                return;
            }
            let frame = server.body(id, &mut cursor).expect("body");
            let taken = payload.len() - cursor.len();
            assert_eq!(frame.slices()[1].len(), taken);
            assert_eq!(taken, payload.len().min(65_528));
            frame
        }
        5 => {
            let _ = server.stderr(id, &mut &b"x"[..]).expect("stderr");
            if server
                .head(id, 200, fields, Length::Unknown, &mut room)
                .is_err()
            {
                return;
            }
            server.end(id, 9).expect("end")
        }
        6 => {
            let mut machine = Server::new([Slot::EMPTY; 2]).values(source.word(), source.word());
            let mut input = Vec::new();
            let all = b"\x0d\0FCGI_MAX_REQS\x0f\0FCGI_MPXS_CONNS\x0e\0FCGI_MAX_CONNS";
            records::put(&mut input, 9, 0, &all[..source.below(all.len() + 1)], 0);
            match machine.next(&mut &input[..]) {
                Ok(Next::Event(Request::Ext(ext @ ServerExt::Values(_)))) => {
                    machine.default_reply(ext)
                }
                other => panic!("{other:?}"),
            }
        }
        _ => server.default_reply(ServerExt::UnknownType(kind)),
    };
    write(frame, &mut source);
}
