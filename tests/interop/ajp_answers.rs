//! AJP between Apache httpd 2.4.71 and Tomcat 10.1.60: what Tomcat answered.

use crate::common::{Entry, Fact, feed, normal};
use crate::{compare, read, summary};
use vestibule::ajp::{Client, codes};
use vestibule::{Client as _, Field, Id, Length};

const ID: Id = Id::SOLE;

/// What the web server sent, one after the other.
enum Sent {
    Cping,
    Request {
        method: Vec<u8>,
        length: Length,
        /// Of the body, as much as came.
        body: Vec<u8>,
    },
}

fn number(bytes: &mut &[u8]) -> u16 {
    let (number, rest) = bytes.split_first_chunk().unwrap();
    *bytes = rest;
    u16::from_be_bytes(*number)
}

fn string<'b>(bytes: &mut &'b [u8]) -> &'b [u8] {
    match number(bytes) {
        0xffff => b"",
        n => {
            let (text, rest) = bytes.split_at(n.into());
            *bytes = &rest[1..];
            text
        }
    }
}

/// The head of a request, as far as the answer depends on it.
fn request(mut payload: &[u8]) -> Sent {
    let bytes = &mut payload;
    let method = match bytes[1] {
        0xff => b"PATCH",
        code => codes::method(code).unwrap(),
    };
    *bytes = &bytes[2..];
    for _ in 0..5 {
        string(bytes);
    }
    *bytes = &bytes[3..];
    let mut length = Length::None;
    for _ in 0..number(bytes) {
        let name = match bytes[0] {
            0xa0 => codes::request_header(number(bytes) as u8).unwrap(),
            _ => string(bytes),
        };
        let value = std::str::from_utf8(string(bytes)).unwrap_or("");
        if name.eq_ignore_ascii_case(b"content-length") && value != "0" {
            length = Length::Known(value.parse().unwrap());
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            length = Length::Unknown;
        }
    }
    Sent::Request {
        method: method.to_vec(),
        length,
        body: Vec::new(),
    }
}

fn sent(mut bytes: &[u8]) -> Vec<Sent> {
    let mut all = Vec::new();
    while let [0x12, 0x34, a, b, rest @ ..] = bytes {
        let n = usize::from(u16::from_be_bytes([*a, *b]));
        let (payload, rest) = rest.split_at(n.min(rest.len()));
        bytes = rest;
        match (payload, all.last_mut()) {
            ([codes::kind::CPING], _) => all.push(Sent::Cping),
            ([a, b, data @ ..], Some(Sent::Request { body, .. }))
                if usize::from(u16::from_be_bytes([*a, *b])) + 2 == n =>
            {
                body.extend(data);
            }
            _ => all.push(request(payload)),
        }
    }
    assert!(bytes.is_empty() && !all.is_empty());
    all
}

/// One packet of what there is of the body, or its end.
fn body(client: &mut Client, left: &mut &[u8]) {
    let made = match *left {
        [] => client.body_end(ID, [], &mut []).map(drop),
        _ => client.body(ID, left).map(drop),
    };
    // What the web server had not is not there to be sent.
    assert!(made.is_ok() || left.is_empty());
}

/// Makes the next request; what is left of its body.
fn open<'s>(client: &mut Client, sent: &'s Sent) -> &'s [u8] {
    let Sent::Request {
        method,
        length,
        body: all,
    } = sent
    else {
        let _ = client.cping().unwrap();
        return &[];
    };
    let fields = [
        Field::var(b"REQUEST_METHOD", method),
        Field::var(b"REQUEST_URI", b"/"),
        Field::header(b"Host", b"h"),
    ];
    let mut room = [0; 256];
    let _ = client.open(fields, *length, &mut room).unwrap();
    let mut left = &all[..];
    if let Length::Known(_) = length {
        body(client, &mut left);
    }
    left
}

/// What Tomcat answered, through a client machine.
fn replay(bytes: &[u8], sent: &[Sent]) -> Vec<Entry> {
    let run = |bytes: &[u8], cuts: &[usize], close| {
        let mut client = Client::new();
        let (mut next, mut left) = (1, open(&mut client, &sent[0]));
        let mut react = |client: &mut Client, fact: &Fact, _: &mut Vec<u8>| match fact {
            Fact::Demand(..) => body(client, &mut left),
            Fact::Done { reuse: true, .. } | Fact::Ext(_) if client.free() > 0 => {
                if let Some(more) = sent.get(next) {
                    left = open(client, more);
                    next += 1;
                }
            }
            _ => {}
        };
        let (log, _) = feed(&mut client, bytes, cuts, close, &mut react).unwrap();
        (normal(&log).unwrap(), next)
    };
    let whole = run(bytes, &[], true);
    assert_eq!(whole.1, sent.len(), "not every request had an answer");
    // A cut is seen within the packet around it.
    let front = &bytes[..bytes.len().min(2 * 8192)];
    let whole_front = run(front, &[], false);
    for cut in 0..=front.len().min(8192) {
        assert!(run(front, &[cut], false) == whole_front, "cut at {cut}");
    }
    for size in [1, 7, 1448] {
        let cuts: Vec<usize> = (size..bytes.len()).step_by(size).collect();
        assert!(run(bytes, &cuts, true) == whole, "pieces of {size}");
    }
    whole.0
}

fn answered(name: &str) -> String {
    let sent = sent(&read("ajp", name, "c2s"));
    let log = replay(&read("ajp", name, "s2c"), &sent);
    format!("{name}\n{}", summary(&log, true))
}

#[test]
fn recorded_answers_of_a_container_come_to_what_was_said() {
    let expected = include_str!("../traces/ajp/answered.txt");
    compare("ajp", 20, expected, answered);
}
