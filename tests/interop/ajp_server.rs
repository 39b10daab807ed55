//! What Apache httpd 2.4.71 sent to Tomcat 10.1.60 over AJP, through a server
//! machine.

use crate::common::ajp::{OPEN, answer};
use crate::common::{Fact, feed};
use crate::{compare, read, replay_server, summary};
use vestibule::Error;
use vestibule::ajp::Server;

const NAMES: &[&[u8]] = &[b"AJP_REMOTE_PORT", b"AJP_LOCAL_ADDR", b"peer_attr"];

const EMPTY: &[u8] = b"\x12\x34\0\x02\0\0";

fn server() -> Server {
    Server::new(OPEN.attributes(NAMES))
}

/// Tomcat's application also asked for bodies that no head had announced, as
/// we do not: what Apache answered is taken out.
fn only_asked(mut bytes: Vec<u8>) -> (Vec<u8>, usize) {
    let mut out = 0;
    loop {
        let (log, _) = feed(&mut server(), &bytes, &[], true, &mut answer).unwrap();
        match &log[..] {
            [.., before, last] if last.fact == Fact::Err(Error::PacketType(0)) => {
                let removed: Vec<u8> = bytes.drain(before.at..before.at + 6).collect();
                assert_eq!(removed, EMPTY);
                out += 1;
            }
            _ => return (bytes, out),
        }
    }
}

fn sent(name: &str) -> String {
    let (sent, out) = only_asked(read("ajp", name, "c2s"));
    let log = replay_server(&server, &answer, &sent);
    let text = format!("{name}\n{}", summary(&log, false));
    match out {
        0 => text,
        n => text + &format!("  without {n} empty packets\n"),
    }
}

#[test]
fn recorded_requests_of_ajp_come_to_what_was_said() {
    let expected = include_str!("../traces/ajp/expected-sent.txt");
    compare("ajp", 20, expected, sent);
}
