//! Lines of an access log: any format, any values.
//!
//! Input: the format, numbers, then fields of the request and of the answer.

use vestibule::access_log::{Format, Record};
use vestibule::{Field, Refused};

use super::Source;

/// What was escaped.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'x') => {
                    let digits = [bytes.next(), bytes.next()].map(|b| b.expect("a digit"));
                    let digits = std::str::from_utf8(&digits).expect("digits");
                    u8::from_str_radix(digits, 16).expect("a number")
                }
                Some(byte @ (b'"' | b'\\')) => byte,
                other => panic!("{other:?} behind a backslash: {text}"),
            },
            byte => byte,
        });
    }
    out
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let text = String::from_utf8_lossy(source.short()).into_owned();
    let mut number = || u64::from(source.word()) << (8 * (source.byte() % 7));
    let (time, micros, bytes) = (number(), number(), number());
    let (status, offset) = (source.word(), source.word() as i16);
    let mut fields = [Vec::new(), Vec::new()];
    while !source.is_empty() {
        let what = source.byte();
        let names: [&[u8]; 12] = [
            b"REMOTE_ADDR",
            b"REQUEST_METHOD",
            b"REQUEST_URI",
            b"SERVER_PROTOCOL",
            b"PATH_INFO",
            b"QUERY_STRING",
            b"Referer",
            b"User-Agent",
            b"Authorization",
            b"X",
            b"HTTP_X",
            b"",
        ];
        let name = match names.get(usize::from(what & 15)) {
            Some(name) => name,
            None => source.short(),
        };
        let value = source.short();
        let field = match what >> 5 & 3 {
            0 | 1 => Field::var(name, value),
            2 => Field::header(name, value),
            _ => Field::trailer(name, value),
        };
        fields[usize::from(what >> 7)].push(field);
    }
    let [request, answer] = &fields;
    let record = Record {
        request: request.iter().copied(),
        answer: answer.iter().copied(),
        status: (status > 0).then_some(status),
        bytes: (bytes > 0).then_some(bytes),
        time,
        offset,
        micros,
        pid: (status & 1 == 1).then_some(u32::from(status)),
    };
    let format = match Format::parse(&text) {
        Ok(format) => format,
        Err(error) => {
            assert!(text.is_char_boundary(error.at) && error.at <= text.len());
            Format::DEFAULT
        }
    };
    let mut line = String::new();
    format.write(&record, &mut line).expect("a string");
    // Exactly one, whatever the values.
    let inside = line.strip_suffix('\n').expect("the end of a line");
    assert!(inside.bytes().all(|b| matches!(b, b' '..=b'~')), "{line:?}");
    let mut room = vec![0; line.len()];
    assert_eq!(format.encode(&record, &mut room), Ok(line.len()));
    assert_eq!(room, line.as_bytes());
    let need = line.len();
    let short = format.encode(&record, &mut room[..need - 1]);
    assert_eq!(short, Err(Refused::Room { need }));
    // What it does not read changes nothing.
    let fewer = Record {
        request: request.iter().copied().filter(|f| format.reads(f)),
        answer: answer.iter().copied().filter(|f| format.reads_answer(f)),
        status: record.status,
        bytes: record.bytes,
        time,
        offset,
        micros,
        pid: record.pid,
    };
    let mut same = String::new();
    format.write(&fewer, &mut same).expect("a string");
    assert_eq!(same, line);
    // And no value is lost.
    for field in request {
        let one = Record {
            request: [Field::header(b"X", field.value)],
            answer: [],
            status: None,
            bytes: None,
            time,
            offset,
            micros,
            pid: None,
        };
        for format in ["%({x}i)s", "\"%({x}i)s\""] {
            let format = Format::parse(format).expect("a format");
            let mut line = String::new();
            format.write(&one, &mut line).expect("a string");
            let text = line.strip_suffix('\n').expect("the end of a line");
            let quoted = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
            let value = Field::header(b"X", field.value).trimmed().to_vec();
            if quoted.is_none() {
                assert!(!text.contains(' '), "{text}");
            }
            match quoted {
                Some(quoted) => assert_eq!(unescape(quoted), value),
                None => assert_eq!(unescape(text), value),
            }
        }
    }
}
