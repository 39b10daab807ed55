use super::*;
use crate::event::{Field, Length, Next};
use crate::machine::{Receive, Server as _};

const OPEN: Rules = Rules::STRICT.without_secret(true);
const ID: Id = Id::SOLE;

/// FORWARD_REQUEST with this header field.
fn forward(name: &[u8], value: &[u8]) -> Vec<u8> {
    let text = |to: &mut Vec<u8>, text: &[u8]| {
        to.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        to.extend(text);
        to.push(0);
    };
    let mut out = b"\x12\x34\0\0\x02\x04".to_vec();
    text(&mut out, b"HTTP/1.1");
    text(&mut out, b"/");
    out.extend(b"\xff\xff\xff\xff\xff\xff\0\x50\0\0\x01");
    text(&mut out, name);
    text(&mut out, value);
    out.push(0xff);
    let length = u16::try_from(out.len() - 4).unwrap().to_be_bytes();
    out[2..4].copy_from_slice(&length);
    out
}

fn feed(server: &mut Server, mut input: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(Next::Event(event)) = server.next(&mut input) {
        all.push(format!("{event:?}"));
    }
    all
}

#[test]
fn what_it_waits_for_and_what_becomes_of_the_transport() {
    let mut server = Server::new(OPEN);
    let said = |server: &Server| (server.phase(), server.after());
    assert_eq!(said(&server), (Phase::Idle, After::Keep));
    let input = forward(b"content-length", b"2");
    feed(&mut server, &input[..2]);
    assert_eq!(said(&server), (Phase::Head, After::Keep));
    feed(&mut server, &input[2..4]);
    assert_eq!(said(&server), (Phase::Head, After::Keep));
    feed(&mut server, &input[4..20]);
    assert_eq!(said(&server), (Phase::Head, After::Keep));
    feed(&mut server, &input[20..]);
    assert_eq!(said(&server), (Phase::Body, After::Keep));
    feed(&mut server, b"\x12\x34\0\x03\0\x01a");
    // It waits for us to ask.
    assert_eq!(said(&server), (Phase::Response, After::Keep));
    assert_eq!(server.demand(ID, 7).unwrap().len(), 7);
    assert_eq!(said(&server), (Phase::Body, After::Keep));
    feed(&mut server, b"\x12\x34\0\x03\0\x01b");
    assert_eq!(said(&server), (Phase::Response, After::Keep));
    server.close_after(ID);
    let mut room = [0; 64];
    let _ = server.head(ID, 200, [], Length::None, &mut room).unwrap();
    let end = server.finish(ID, [], &mut []).unwrap();
    assert_eq!(end.slices().concat(), b"AB\0\x02\x05\0");
    assert_eq!(said(&server), (Phase::Closing, After::CloseWrite));
    assert_eq!(server.eof(), Ok(Next::NeedInput));
    assert_eq!(said(&server), (Phase::Closing, After::Close));
}

#[test]
fn who_lingers_reads_so_much_and_no_more() {
    let limits = Limits::DEFAULT.linger_bytes(10);
    let mut server = Server::new(OPEN).limits(limits);
    server.shutdown();
    let mut input = &[0; 10][..];
    assert_eq!(server.next(&mut input), Ok(Next::NeedInput));
    assert_eq!(server.after(), After::CloseWrite);
    assert_eq!(server.next(&mut &[0][..]), Ok(Next::NeedInput));
    assert_eq!(server.after(), After::Close);
}

#[test]
fn who_speaks_out_of_turn_is_kept_no_longer() {
    for early in [false, true] {
        let mut server = Server::new(OPEN);
        let input = forward(b"a", b"b");
        feed(&mut server, &input);
        if early {
            let mut input = &input[..];
            assert_eq!(server.next(&mut input), Ok(Next::Paused));
            assert_eq!(server.next(&mut &[][..]), Ok(Next::NeedInput));
        }
        let mut room = [0; 64];
        let _ = server.head(ID, 200, [], Length::None, &mut room).unwrap();
        let end = server.finish(ID, [], &mut []).unwrap();
        assert_eq!(end.slices()[0][5], u8::from(!early));
        let events = feed(&mut server, &input);
        assert_eq!(events.is_empty(), early);
    }
}

#[test]
fn half_closed_it_still_answers() {
    let mut server = Server::new(OPEN);
    feed(&mut server, &forward(b"a", b"b"));
    assert_eq!(server.eof(), Ok(Next::NeedInput));
    let mut room = [0; 64];
    let fields = [Field::header(b"a", b"b")];
    let head = server.head(ID, 200, fields, Length::None, &mut room);
    assert!(!head.unwrap().is_empty());
    let end = server.finish(ID, [], &mut []).unwrap();
    assert_eq!(end.slices().concat(), b"AB\0\x02\x05\0");
    assert_eq!(server.after(), After::Close);
}

#[test]
fn a_frame_of_a_refusal_has_room_for_its_end() {
    let mut server = Server::new(OPEN);
    let mut input = &b"\x12\x34\xff\xff"[..];
    let error = server.next(&mut input).unwrap_err();
    assert_eq!(error, Error::PacketTooLong);
    let mut room = [0; 64];
    let need = match server.fail(ID, error, &mut []) {
        Err(crate::Refused::Room { need }) => need,
        other => panic!("{other:?}"),
    };
    let frame = server.fail(ID, error, &mut room[..need]).unwrap();
    assert!(frame.slices().concat().ends_with(b"AB\0\x02\x05\0"));
    assert_eq!(server.next(&mut input), Err(error));
    assert_eq!(server.after(), After::CloseWrite);
}
