use super::*;
use crate::event::Cut;

fn line<'f>(format: &str, request: &[Field<'f>], answer: &[Field<'f>]) -> String {
    let record = Record {
        request: request.iter().copied(),
        answer: answer.iter().copied(),
        status: Some(200),
        bytes: Some(1234),
        time: 784_111_777,
        offset: 0,
        micros: 61_234_567,
        pid: Some(42),
    };
    written(format, &record)
}

/// By both ways, without its LF.
fn written<'f, Q, A>(format: &str, record: &Record<Q, A>) -> String
where
    Q: IntoIterator<Item = Field<'f>> + Clone,
    A: IntoIterator<Item = Field<'f>> + Clone,
{
    let format = Format::parse(format).unwrap_or_else(|e| panic!("{format}: {e}"));
    let mut text = String::new();
    format.write(record, &mut text).unwrap();
    let need = text.len();
    let mut room = vec![0; need + 1];
    assert_eq!(format.encode(record, &mut room), Ok(need));
    assert_eq!(&room[..need], text.as_bytes());
    for short in [0, need / 2, need - 1] {
        let refused = format.encode(record, &mut room[..short]);
        assert_eq!(refused, Err(Refused::Room { need }));
    }
    assert_eq!(text.pop(), Some('\n'));
    assert!(text.bytes().all(|b| matches!(b, b' '..=b'~')), "{text:?}");
    text
}

const REQUEST: [Field<'static>; 14] = [
    Field::var(b"REMOTE_ADDR", b"192.0.2.7"),
    Field::var(b"REQUEST_METHOD", b"POST"),
    Field::var(b"REQUEST_URI", b"/a%20b?q=%20&r"),
    Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
    Field::var(b"PATH_INFO", b"/a b"),
    Field::var(b"QUERY_STRING", b"q=%20&r"),
    Field::header(b"Referer", b"http://h.example/"),
    Field::header(b"user-agent", b" curl/8 (x) "),
    Field::header(b"Authorization", b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    Field::header(b"X-Forwarded-For", b"198.51.100.1"),
    Field::header(b"x-forwarded-for", b"198.51.100.2"),
    Field::var(b"HTTP_X_OTHER", b"other"),
    Field::var(b"SERVER_PORT", b"8000"),
    Field::header(b"Content-Type", b"a/b"),
];

const ANSWER: [Field<'static>; 3] = [
    Field::header(b"Content-Type", b"text/plain"),
    Field::header(b"Set-Cookie", b"a=1"),
    Field::header(b"set-cookie", b"b=2"),
];

#[test]
fn every_atom() {
    for (format, want) in [
        ("%(h)s", "192.0.2.7"),
        ("%(l)s", "-"),
        ("%(u)s", "Aladdin"),
        ("%(t)s", "[06/Nov/1994:08:49:37 +0000]"),
        ("%(r)s", "POST /a%20b?q=%20&r HTTP/1.1"),
        ("%(s)s", "200"),
        ("%(s)d", "200"),
        ("%(m)s", "POST"),
        ("%(U)s", "/a\\x20b"),
        ("\"%(U)s\"", "\"/a b\""),
        ("%(q)s", "q=%20&r"),
        ("%(H)s", "HTTP/1.1"),
        ("%(b)s", "1234"),
        ("%(B)s", "1234"),
        ("%(B)d", "1234"),
        ("%(f)s", "http://h.example/"),
        ("\"%(a)s\"", "\"curl/8 (x)\""),
        ("%(T)s %(T)d", "61 61"),
        ("%(M)s %(M)d", "61234 61234"),
        ("%(D)s %(D)d", "61234567 61234567"),
        ("%(L)s", "61.234567"),
        ("%(p)s", "<42>"),
        ("%({X-Forwarded-For}i)s", "198.51.100.1,\\x20198.51.100.2"),
        (
            "\"%({x-forwarded-for}i)s\"",
            "\"198.51.100.1, 198.51.100.2\"",
        ),
        ("%({X-OTHER}i)s", "other"),
        ("%({content-type}i)s", "a/b"),
        ("%({content-type}o)s", "text/plain"),
        ("%({Set-Cookie}o)s", "a=1,\\x20b=2"),
        ("%({SERVER_PORT}e)s", "8000"),
        ("%({server_port}e)s", "8000"),
        ("%({HTTP_REFERER}e)s", "http://h.example/"),
        ("%({http_x_other}e)s", "other"),
        ("%({CONTENT_TYPE}e)s", "a/b"),
        ("100%% %(s)s%%", "100% 200%"),
        ("", ""),
        ("text", "text"),
    ] {
        assert_eq!(line(format, &REQUEST, &ANSWER), want, "{format}");
    }
    assert_eq!(
        line(Format::DEFAULT.text, &REQUEST, &ANSWER),
        "192.0.2.7 - Aladdin [06/Nov/1994:08:49:37 +0000] \"POST /a%20b?q=%20&r HTTP/1.1\" \
         200 1234 \"http://h.example/\" \"curl/8 (x)\""
    );
}

#[test]
fn what_there_is_none_of() {
    let nothing = Record {
        request: [],
        answer: [],
        status: None,
        bytes: None,
        time: 0,
        offset: 0,
        micros: 0,
        pid: None,
    };
    for atom in [
        "h", "l", "u", "r", "s", "m", "U", "q", "H", "b", "B", "f", "a", "p", "{x}i", "{x}o",
        "{x}e",
    ] {
        assert_eq!(written(&format!("%({atom})s"), &nothing), "-", "{atom}");
    }
    let rest = written("%(t)s %(T)s %(M)s %(D)s %(L)s", &nothing);
    assert_eq!(rest, "[01/Jan/1970:00:00:00 +0000] 0 0 0 0.000000");
    // What is empty is not missing.
    let empty = [
        Field::var(b"QUERY_STRING", b""),
        Field::header(b"Referer", b""),
    ];
    assert_eq!(line("%(q)s|%(f)s", &empty, &[]), "|");
}

#[test]
fn paths_and_queries_of_the_target() {
    let of = |uri: &'static [u8]| {
        let fields = [Field::var(b"REQUEST_URI", uri)];
        line("%(U)s|%(q)s|%(r)s", &fields, &[])
    };
    assert_eq!(of(b"/a%20?b?c"), "/a%20|b?c|- /a%20?b?c -");
    assert_eq!(of(b"/a"), "/a||- /a -");
    assert_eq!(of(b"http://h/a?b"), "/a|b|- http://h/a?b -");
    assert_eq!(of(b"*"), "-||- * -");
    let script = [
        Field::var(b"REQUEST_URI", b"/index.php"),
        Field::var(b"PATH_INFO", b""),
    ];
    assert_eq!(line("%(U)s", &script, &[]), "/index.php");
    // A target with spaces in it is still one word of the line.
    let odd = [
        Field::var(b"REQUEST_METHOD", b"GET"),
        Field::var(b"REQUEST_URI", b"/ HTTP/1.1\" 200 5"),
    ];
    assert_eq!(
        line("\"%(r)s\"", &odd, &[]),
        "\"GET /\\x20HTTP/1.1\\\"\\x20200\\x205 -\""
    );
}

#[test]
fn users() {
    let of = |values: &[&'static str]| {
        let fields: Vec<_> = values
            .iter()
            .map(|v| Field::header(b"Authorization", v.as_bytes()))
            .collect();
        line("%(u)s \"%(u)s\"", &fields, &[])
    };
    // "a b\n\"c":
    assert_eq!(
        of(&["Basic YSBiCiJjOng="]),
        "a\\x20b\\x0a\\\"c \"a b\\x0a\\\"c\""
    );
    assert_eq!(of(&["Digest username=\"x\""]), "- \"-\"");
    assert_eq!(of(&["Basic YTo=", "Basic YTo="]), "- \"-\"");
    let var = [Field::var(b"HTTP_AUTHORIZATION", b"Basic YTo=")];
    assert_eq!(line("%(u)s", &var, &[]), "a");
}

#[test]
fn local_time() {
    let at = |time, offset| {
        let record = Record {
            request: [],
            answer: [],
            status: None,
            bytes: None,
            time,
            offset,
            micros: 0,
            pid: None,
        };
        written("%(t)s", &record)
    };
    assert_eq!(at(784_111_777, 60), "[06/Nov/1994:09:49:37 +0100]");
    assert_eq!(at(784_111_777, -570), "[05/Nov/1994:23:19:37 -0930]");
    assert_eq!(at(0, -60), "[01/Jan/1970:00:00:00 -0100]");
    assert_eq!(at(u64::MAX, 60), "[09/Nov/584554051223:07:00:15 +0100]");
    assert_eq!(at(0, i16::MIN), "[01/Jan/1970:00:00:00 -4608]");
}

#[test]
fn what_is_wrong_with_a_format_and_where() {
    use Mistake::*;
    for (format, at, mistake) in [
        ("%", 0, Percent),
        ("a %s", 2, Percent),
        ("%%%", 2, Percent),
        ("%(h", 0, Open),
        ("%(h)s %(", 6, Open),
        ("%()s", 0, Atom),
        ("%(z)s", 0, Atom),
        ("%(hh)s", 0, Atom),
        ("x%( h)s", 1, Atom),
        ("%({x}z)s", 0, Atom),
        ("%({x}ii)s", 0, Atom),
        ("%({x}i )s", 0, Atom),
        ("%({x)s", 0, Atom),
        ("%({}i)s", 0, Name),
        ("%({a b}i)s", 0, Name),
        ("%({a\u{e9}}i)s", 0, Name),
        ("%(h)", 4, Conversion),
        ("%(h)d", 4, Conversion),
        ("%(b)d", 4, Conversion),
        ("%(h)10s", 4, Conversion),
        ("%(h)\u{e9}", 4, Conversion),
        ("%({x}i)d", 7, Conversion),
        ("a\nb", 1, Text),
        ("%(h)s\t", 5, Text),
        ("%(h)s\u{e9}", 5, Text),
        ("\u{7f}", 0, Text),
    ] {
        let error = Format::parse(format).unwrap_err();
        assert_eq!((error.at, error.mistake), (at, mistake), "{format}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("at byte {at}: ")), "{text}");
    }
}

#[test]
fn only_what_is_read_is_asked_for() {
    let format =
        Format::parse("%(h)s %(u)s %(r)s %(U)s %(q)s %(f)s %(a)s %({X-A}i)s %({X_V}e)s %({X-O}o)s")
            .unwrap();
    for field in [
        Field::var(b"REMOTE_ADDR", b""),
        Field::header(b"authorization", b""),
        Field::var(b"HTTP_AUTHORIZATION", b""),
        Field::var(b"REQUEST_METHOD", b""),
        Field::var(b"REQUEST_URI", b""),
        Field::var(b"SERVER_PROTOCOL", b""),
        Field::var(b"PATH_INFO", b""),
        Field::var(b"QUERY_STRING", b""),
        Field::var(b"HTTP_REFERER", b""),
        Field::header(b"USER-AGENT", b""),
        Field::header(b"x-a", b""),
        Field::var(b"HTTP_X_A", b""),
        Field::var(b"x_v", b""),
    ] {
        assert!(format.reads(&field), "{field:?}");
    }
    for field in [
        Field::var(b"remote_addr", b""),
        Field::header(b"Cookie", b""),
        Field::header(b"X-O", b""),
        Field::trailer(b"X-A", b""),
        Field::var(b"X-A", b""),
        Field::header(b"X_V", b""),
    ] {
        assert!(!format.reads(&field), "{field:?}");
    }
    assert!(format.reads_answer(&Field::header(b"x-o", b"")));
    assert!(!format.reads_answer(&Field::header(b"X-A", b"")));
    assert!(!format.reads_answer(&Field::trailer(b"x-o", b"")));
    let named = Format::parse("%({HTTP_X_A}e)s").unwrap();
    assert!(named.reads(&Field::header(b"X-A", b"")));
    assert!(!named.reads(&Field::header(b"X_A", b"")));
    assert!(!named.reads(&Field::header(b"HTTP_X_A", b"")));
    assert!(!named.reads(&Field::header(b"X-AB", b"")));
}

/// Exactly one line of printable ASCII, whatever the values.
#[test]
fn no_value_forges_a_line() {
    let mut seed = 3u64;
    let mut below = |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % n
    };
    let names: [&[u8]; 14] = [
        b"REMOTE_ADDR",
        b"REQUEST_METHOD",
        b"REQUEST_URI",
        b"SERVER_PROTOCOL",
        b"PATH_INFO",
        b"QUERY_STRING",
        b"Referer",
        b"User-Agent",
        b"Authorization",
        b"HTTP_AUTHORIZATION",
        b"X",
        b"HTTP_X",
        b"\n",
        b"",
    ];
    let format = "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(m)s %(U)s %(q)s %(H)s %(b)s %(B)s \
                  \"%(f)s\" \"%(a)s\" %(T)s %(D)s %(M)s %(L)s %(p)s \"%({x}i)s\" %({x}o)s %({x}e)s";
    let words = Format::DEFAULT.text.split(' ').count() + 1;
    for _ in 0..2_000 {
        let values: Vec<(usize, Vec<u8>)> = (0..below(9))
            .map(|_| {
                let name = below(names.len());
                let odd = *b"\r\n\0\x1b\"\\ \x7f\x80\xff\xc2\x85x";
                let value = (0..below(12)).map(|_| match below(3) {
                    0 => odd[below(odd.len())],
                    _ => below(256) as u8,
                });
                (name, value.collect())
            })
            .collect();
        let fields: Vec<_> = values
            .iter()
            .map(|(n, value)| match below(4) {
                0 | 1 => Field::var(names[*n], value),
                2 => Field::header(names[*n], value),
                _ => Field {
                    cut: Cut::Whole,
                    ..Field::trailer(names[*n], value)
                },
            })
            .collect();
        line(format, &fields, &fields);
        // Nor a value in a line: as many words, marks counted as such.
        let text = line(Format::DEFAULT.text, &fields, &fields);
        let (mut count, mut quoted, mut escaped) = (1, false, false);
        for byte in text.bytes() {
            match byte {
                b'"' if !escaped => quoted = !quoted,
                b' ' if !quoted => count += 1,
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
        }
        assert!(!quoted, "{text}");
        assert_eq!(count, words, "{text}");
    }
}
