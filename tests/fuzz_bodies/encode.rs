//! What we write is read back as it was meant, and nothing else.
//!
//! Input: what to write, then fields.

use vestibule::cgi::encode;
use vestibule::cgi::meta::{Mapping, header_name, vars};
use vestibule::cgi::response::{Parser, Piece, Rules};
use vestibule::fcgi::client::{Client, Slot};
use vestibule::fcgi::{Role, Server, ServerLimits, Slot as ServerSlot};
use vestibule::{Cut, Field, Fields, Length, Limits, Next, Receive, Refused, Request, Space};

use super::{Source, ajp_encode, records};

const NAMES: [&[u8]; 16] = [
    b"Content-Length",
    b"content-type",
    b"Cookie",
    b"Proxy",
    b"Connection",
    b"Transfer-Encoding",
    b"Status",
    b"X-A",
    b"x_a",
    b"HTTP_X_A",
    b"CONTENT_LENGTH",
    b"HTTP_PROXY",
    b"REQUEST_METHOD",
    b"Authorization",
    b"Host",
    b"Location",
];

/// Fields of all kinds, few of them good.
pub fn fields<'a>(source: &mut Source<'a>) -> Vec<Field<'a>> {
    let mut all = Vec::new();
    while !source.is_empty() && all.len() < 40 {
        let what = source.byte();
        let name = if what & 0x40 != 0 {
            NAMES[usize::from(what & 15)]
        } else {
            source.take(usize::from(what & 15))
        };
        let value = source.short();
        let space = match what >> 4 & 3 {
            0 | 1 => Space::Header,
            2 => Space::Var,
            _ => match what & 3 {
                0 => Space::Attribute,
                1 => Space::Trailer,
                _ => Space::Header,
            },
        };
        let cut = if what == 0xff { Cut::First } else { Cut::Whole };
        all.push(Field {
            space,
            name,
            value,
            cut,
        });
    }
    all
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let what = source.byte();
    match what & 3 {
        0 | 1 if what & 0x80 != 0 => ajp_encode::answer(&mut source, what),
        _ if what & 0x80 != 0 => ajp_encode::request(&mut source, what),
        0 | 1 => response(&mut source, what),
        2 => variables(&mut source, what),
        _ => request(&mut source, what),
    }
}

fn response(source: &mut Source<'_>, what: u8) {
    let status = match what >> 2 & 3 {
        0 => 200,
        1 => 304,
        2 => 204,
        _ => source.word() % 700,
    };
    let length = match what >> 4 & 3 {
        0 => Length::None,
        1 => Length::Unknown,
        _ => Length::Known(u64::from(source.byte())),
    };
    let mut given = fields(source);
    if what & 0x40 != 0 {
        // Else hardly any is good.
        given.retain(|f| f.space == Space::Header && f.cut == Cut::Whole);
    }
    let iter = || given.iter().copied();
    let mut room = vec![0; 20_000];
    let n = match encode::head(status, iter(), length, &mut room) {
        Ok(n) => n,
        Err(Refused::Status) => {
            assert!(!(200..=599).contains(&status));
            return;
        }
        Err(Refused::Field) => {
            assert!(!given.is_empty());
            return;
        }
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(
        encode::head(status, iter(), length, &mut room[..n - 1]),
        Err(Refused::Room { need: n })
    );
    assert_eq!(encode::head(status, iter(), length, &mut room[..n]), Ok(n));
    let text = &room[..n];
    // No value can begin a line, end the head or hide what follows.
    let body = text
        .strip_suffix(b"\r\n\r\n")
        .expect("a blank line at the end");
    let lines: Vec<&[u8]> = body.split(|b| *b == b'\n').collect();
    assert!(!body.windows(4).any(|w| w == b"\r\n\r\n"));
    let bad = |b: &u8| (*b < 0x20 && *b != b'\t') || *b == 0x7f;
    for (i, line) in lines.iter().enumerate() {
        let line = match i + 1 == lines.len() {
            true => line,
            false => line.strip_suffix(b"\r").expect("CR LF"),
        };
        assert!(!line.iter().any(bad), "{}", line.escape_ascii());
    }
    let is_length = |f: &&Field<'_>| f.name.eq_ignore_ascii_case(b"Content-Length");
    let known = matches!(length, Length::Known(_)) && status != 204;
    let own = given.iter().filter(|f| !is_length(f)).count();
    let kept = given.iter().filter(is_length).count();
    assert!(lines.len() >= 1 + own + usize::from(known));
    assert!(lines.len() <= 1 + own + kept.max(usize::from(known)));

    let limits = Limits::DEFAULT.fields(1000).head_bytes(u32::MAX);
    let rules = Rules::STRICT.repeated_fields(true).limits(limits);
    let mut parser = Parser::new(rules.line_bytes(u32::MAX), false);
    let mut read = Vec::new();
    let mut input = text;
    loop {
        match parser.next(&mut input) {
            Ok(Next::Event(Piece::Field(f))) => read.push((f.name.to_vec(), f.value.to_vec())),
            Ok(Next::Event(Piece::HeadEnd {
                status: s,
                length: l,
            })) => {
                assert_eq!(s, status);
                match length {
                    _ if status == 204 => assert_eq!(l, Length::None),
                    Length::Known(_) => assert_eq!(l, length),
                    _ => assert!(matches!(
                        l,
                        Length::Known(0) | Length::Unknown | Length::None
                    )),
                }
                break;
            }
            other => panic!("{other:?} of {}", text.escape_ascii()),
        }
    }
    let expected = given
        .iter()
        .filter(|f| !is_length(f))
        .map(|f| (f.name.to_vec(), f.trimmed().to_vec()));
    let machine = |name: &[u8]| name == b"Status" || name.eq_ignore_ascii_case(b"Content-Length");
    read.retain(|f| !machine(&f.0));
    assert!(expected.eq(read.iter().cloned()));
    assert!(input.is_empty());
}

/// The variables of given fields, and what of them may not be there.
fn variables(source: &mut Source<'_>, what: u8) {
    let mapping = match what >> 2 & 3 {
        0 => Mapping::GATEWAY,
        1 => Mapping::PROCESS,
        2 => Mapping::GATEWAY.drop_odd_names(true),
        _ => Mapping::PROCESS.drop_odd_names(true).upgrade(true),
    };
    let given = fields(source);
    let (mut seen, mut joined) = (Vec::<Vec<u8>>::new(), Vec::new());
    for var in vars(&given, mapping) {
        let var = match var {
            Ok(var) => var,
            Err(refused) => {
                assert_eq!(refused, Refused::Field);
                return;
            }
        };
        let (mut name, mut value) = (vec![0; var.name_len()], vec![0; var.value_len()]);
        assert_eq!(var.write_name(&mut name), Ok(name.len()));
        assert_eq!(var.write_value(&mut value), Ok(value.len()));
        assert!(var.is(&name));
        if let Some(short) = name.len().checked_sub(1) {
            let refused = Refused::Room { need: name.len() };
            assert_eq!(var.write_name(&mut vec![0; short]), Err(refused));
        }
        assert_ne!(name, b"HTTP_PROXY");
        if var.plain().is_none() {
            // It was a header: one variable for all of that name.
            let upper = |b: &u8| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_');
            assert!(name.starts_with(b"HTTP_") && name.iter().all(upper));
            assert!(!seen.contains(&name), "two of {}", name.escape_ascii());
            joined.push(value);
            if let Some(header) = header_name(&name) {
                assert!(
                    given
                        .iter()
                        .any(|f| f.space == Space::Header && header.is(f.name))
                );
            }
        }
        seen.push(name);
    }
    // None was refused: then no value can begin a line.
    let bad = |b: &u8| matches!(b, b'\r' | b'\n' | 0);
    assert!(!joined.iter().flatten().any(bad));
}

/// A request of given fields, read by a server.
fn request(source: &mut Source<'_>, what: u8) {
    let role = [
        Role::Responder,
        Role::Authorizer,
        Role::Filter,
        Role::Responder,
    ][usize::from(what >> 2 & 3)];
    let length = match what >> 4 & 3 {
        0 | 1 => Length::None,
        2 => Length::Unknown,
        _ => Length::Known(u64::from(source.byte())),
    };
    let given = fields(source);
    let iter = || given.iter().copied();
    let mut room = vec![0; 30_000];
    let mut client = Client::new([Slot::EMPTY; 1]);
    let bytes = match client.begin(role, true, iter(), length, &mut room) {
        Ok((_, frame)) => frame.slices().concat(),
        Err(refused) => {
            assert!(
                matches!(refused, Refused::Field | Refused::State),
                "{refused}"
            );
            return;
        }
    };
    // Just enough room is enough, one less is not.
    let mut need = None;
    if let Err(Refused::Room { need: n }) =
        Client::new([Slot::EMPTY; 1]).begin(role, true, iter(), length, &mut [])
    {
        need = Some(n);
        let again = |n| {
            let mut room = vec![0; n];
            let mut client = Client::new([Slot::EMPTY; 1]);
            let result = client.begin(role, true, iter(), length, &mut room);
            result.map(|(_, frame)| frame.slices().concat())
        };
        assert_eq!(again(n).as_ref(), Ok(&bytes));
        assert_eq!(again(n - 1), Err(Refused::Room { need: n }));
    }
    super::ok(records::requests(&bytes));
    assert!(need.is_some() || given.len() < 40);

    let limits = ServerLimits::DEFAULT.head_bytes(u32::MAX);
    let mut server = Server::with_limits([ServerSlot::EMPTY; 1], limits);
    let mut store = Fields::new(vec![0; 60_000]);
    let mut input = &bytes[..];
    let mut ended = false;
    while let Next::Event(event) = server.next(&mut input).expect("our own bytes") {
        match event {
            Request::Field { field, .. } => store.push(field).expect("room"),
            Request::HeadEnd { length: l, .. } => {
                ended = true;
                if let Length::Known(_) = length {
                    assert_eq!(l, length);
                }
            }
            Request::Begin { .. } | Request::BodyEnd { .. } => {}
            other => panic!("{other:?} of {bytes:02x?}"),
        }
    }
    assert!(ended);
    for field in store.iter() {
        assert!(!field.name.is_empty() && !field.name.contains(&b'='));
        assert!(!field.name.contains(&0) && !field.value.contains(&0));
        assert_ne!(field.name, b"HTTP_PROXY");
    }
    // Each variable arrives as it was given, in order.
    let withheld = |name: &[u8]| {
        let own: [&[u8]; 4] = [
            b"CONTENT_LENGTH",
            b"PATH_INFO",
            b"PATH_TRANSLATED",
            b"SCRIPT_NAME",
        ];
        matches!(name, b"HTTP_PROXY" | b"SCGI" | b"FCGI_ROLE")
            || role == Role::Authorizer && own.contains(&name)
    };
    let plain = |f: &Field<'_>| f.space == Space::Var && !withheld(f.name);
    for field in given.iter().filter(|f| plain(f)) {
        assert!(
            store
                .iter()
                .any(|f| f.name == field.name && f.value == field.value),
            "{field:?} is lost"
        );
    }
    for name in [&b"CONTENT_LENGTH"[..], b"REQUEST_METHOD"] {
        assert!(store.all(name).count() <= 1);
    }
}
