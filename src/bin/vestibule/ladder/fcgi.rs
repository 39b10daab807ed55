//! FastCGI, record by record.

use vestibule::fcgi::{Part, Record, Role, Walker, kind};
use vestibule::{Error, Next, Receive};

use super::{Content, From, Line, Sketch, count};

/// Both directions.
#[derive(Default)]
pub struct Records([Side; 2]);

#[derive(Default)]
struct Side {
    walker: Walker,
    record: Option<Record>,
    content: Content,
    broken: bool,
}

impl Sketch for Records {
    fn message(&mut self, from: From, input: &mut &[u8], lines: &mut Vec<Line>) -> bool {
        let side = &mut self.0[from as usize];
        while !side.broken {
            match side.walker.next(input) {
                Ok(Next::Event(Part::Header(record))) => {
                    side.record = Some(record);
                    side.content.clear();
                }
                Ok(Next::Event(Part::Content(bytes))) => side.content.push(bytes),
                Ok(Next::Event(Part::End)) => {
                    if let Some(record) = side.record.take() {
                        lines.push(Line::Arrow(label(record, &side.content)));
                    }
                    return true;
                }
                Ok(Next::NeedInput | Next::Paused) => break,
                Err(error) => {
                    side.broken = true;
                    lines.push(Line::Arrow(error.to_string()));
                }
            }
        }
        *input = &[];
        false
    }

    fn end(&mut self, from: From, lines: &mut Vec<Line>) -> bool {
        let side = &mut self.0[from as usize];
        if side.broken {
            return false;
        }
        let whole = side.walker.eof() != Err(Error::Eof);
        let text = if whole {
            "(closes)"
        } else {
            "(ends inside a record)"
        };
        lines.push(Line::Arrow(text.into()));
        whole
    }
}

/// What a record says, in a line.
fn label(record: Record, content: &Content) -> String {
    let name = match record.name() {
        "" => format!("type {}", record.kind),
        name => name.to_string(),
    };
    let id = match record.id {
        0 => String::new(),
        id => format!(" {id}"),
    };
    let rest = match (record.kind, &content.first[..]) {
        (kind::BEGIN_REQUEST, [r0, r1, flags, ..]) => {
            let code = u16::from_be_bytes([*r0, *r1]);
            let role = match Role::from_code(code) {
                Some(Role::Responder) => "responder".to_string(),
                Some(Role::Authorizer) => "authorizer".to_string(),
                Some(Role::Filter) => "filter".to_string(),
                None => format!("role {code}"),
            };
            let keep = if flags & 1 == 0 {
                ""
            } else {
                ", keep the connection"
            };
            format!("{role}{keep}")
        }
        (kind::END_REQUEST, [a, b, c, d, status, ..]) => {
            let app = u32::from_be_bytes([*a, *b, *c, *d]);
            let what = match status {
                0 => "complete".to_string(),
                1 => "cannot multiplex".to_string(),
                2 => "overloaded".to_string(),
                3 => "unknown role".to_string(),
                n => format!("status {n}"),
            };
            format!("{what}, application status {app}")
        }
        (kind::UNKNOWN_TYPE, [kind, ..]) => format!("type {kind}"),
        (kind::STDIN | kind::STDOUT | kind::STDERR | kind::DATA | kind::PARAMS, []) => "end".into(),
        (kind::STDIN | kind::STDOUT | kind::STDERR | kind::DATA, _) => content.shown(),
        (_, []) if record.content == 0 => String::new(),
        _ => count(record.content.into()),
    };
    let colon = if rest.is_empty() { "" } else { ": " };
    format!("{name}{id}{colon}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Ladder;
    use crate::scheme::Scheme;

    #[test]
    fn draws() {
        let mut out = Vec::new();
        let mut ladder = Ladder::new(Scheme::Fcgi, &mut out);
        let request = b"\x01\x01\0\x07\0\x08\0\0\0\x01\x01\0\0\0\0\0\x01\x04\0\x07\0\0\0\0";
        for byte in request {
            ladder.feed(From::Server, &[*byte]).unwrap();
        }
        ladder
            .feed(
                From::Application,
                b"\x01\x06\0\x07\0\x03\x05\0hi\n\0\0\0\0\0",
            )
            .unwrap();
        ladder
            .feed(
                From::Application,
                b"\x01\x03\0\x07\0\x08\0\0\0\0\x01\0\x02\0\0\0",
            )
            .unwrap();
        ladder
            .feed(
                From::Application,
                b"\x01\x0b\0\0\0\x08\0\0\x63\0\0\0\0\0\0\0",
            )
            .unwrap();
        assert!(ladder.end(From::Application).unwrap());
        ladder
            .feed(From::Server, b"\x01\x63\0\0\0\x01\0\0")
            .unwrap();
        assert!(!ladder.end(From::Server).unwrap());
        let text = String::from_utf8(out).unwrap();
        let expect = [
            "web server                                                       application",
            "  |-- BEGIN_REQUEST 7: responder, keep the connection ------------------>|",
            "  |-- PARAMS 7: end ---------------------------------------------------->|",
            "  |<------------------------------------------ STDOUT 7: 3 bytes \"hi\\n\" --|",
            "  |<------------- END_REQUEST 7: overloaded, application status 256 --|",
            "  |<---------------------------------------------- UNKNOWN_TYPE: type 99 --|",
            "  |<----------------------------------------------------------- (closes) --|",
            "  |-- (ends inside a record) --------------------------------------------->|",
        ];
        let plain = |s: &str| s.replace('-', "");
        let got: Vec<String> = text.lines().map(plain).collect();
        assert_eq!(got, expect.map(plain), "{text}");
        let widths: Vec<usize> = text.lines().skip(1).map(str::len).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{text}");
    }
}
