//! The vectors of CGI output, each run whole, at every cut and every pair of
//! cuts, and byte by byte, with the same log of events each time.

use super::*;
use crate::{Cut, Fields, Limits, Space};

const GET: bool = false;

/// Feeds `chunks` and then the end; the log in normal form.
fn feed(rules: Rules, head_request: bool, chunks: &[&[u8]]) -> (Vec<String>, Parser) {
    let mut parser = Parser::new(rules, head_request);
    let mut log = Log::default();
    for chunk in chunks {
        let mut input = *chunk;
        let mut calls = 0;
        loop {
            let before = input.len();
            match parser.next(&mut input) {
                Ok(Next::Event(piece)) => {
                    if let Piece::Body(bytes) = piece {
                        let taken = &chunk[..chunk.len() - input.len()];
                        assert!(!bytes.is_empty() && taken.ends_with(bytes));
                    }
                    log.piece(piece);
                }
                Ok(Next::NeedInput) => {
                    assert!(input.is_empty(), "NeedInput with bytes left");
                    break;
                }
                Ok(Next::Paused) => panic!("paused"),
                Err(error) => {
                    log.body();
                    log.text.push(format!("error {error:?}"));
                    // Sticky, whatever is called.
                    assert_eq!(parser.next(&mut &b"x\n"[..]), Err(error));
                    assert_eq!(parser.next(&mut &b""[..]), Err(error));
                    assert_eq!(parser.eof(), Err(error));
                    return (log.text, parser);
                }
            }
            calls += 1;
            assert!(calls <= 2 * (before + 8) + 100, "too many events");
        }
    }
    for _ in 0..3 {
        match parser.eof() {
            Ok(Next::Event(piece)) => log.piece(piece),
            Ok(_) => {
                log.body();
                // After the end nothing more comes.
                assert_eq!(parser.next(&mut &b"X: 1\n\n"[..]), Ok(Next::NeedInput));
                assert_eq!(parser.eof(), Ok(Next::NeedInput));
                return (log.text, parser);
            }
            Err(error) => {
                log.body();
                log.text.push(format!("error {error:?}"));
                assert_eq!(parser.eof(), Err(error));
                assert_eq!(parser.next(&mut &b"x"[..]), Err(error));
                return (log.text, parser);
            }
        }
    }
    panic!("the end never ends");
}

#[derive(Default)]
struct Log {
    text: Vec<String>,
    fields: Option<Fields<Vec<u8>>>,
    body: Vec<u8>,
    open: bool,
    name_done: bool,
}

impl Log {
    fn piece(&mut self, piece: Piece<'_>) {
        if !matches!(piece, Piece::Body(_)) {
            self.body();
        }
        match piece {
            Piece::Field(field) => {
                assert_eq!(field.space, Space::Header);
                let all = [field.name, field.value].concat();
                assert!(!all.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
                match field.cut {
                    Cut::Whole | Cut::First => {
                        assert!(!field.name.is_empty());
                        self.name_done = false;
                    }
                    // Every piece belongs to one that began.
                    Cut::Middle | Cut::Last => assert!(self.open),
                }
                assert!(!self.name_done || field.name.is_empty());
                self.name_done |= !field.value.is_empty();
                self.open = matches!(field.cut, Cut::First | Cut::Middle);
                let fields = self
                    .fields
                    .get_or_insert_with(|| Fields::new(vec![0; 8192]));
                let before = fields.iter().count();
                fields.push(field).unwrap();
                if let Some(f) = fields.iter().nth(before) {
                    self.text.push(format!(
                        "{}: {}",
                        f.name.escape_ascii(),
                        f.value.escape_ascii()
                    ));
                }
            }
            Piece::Interim(n) => self.text.push(format!("interim {n}")),
            Piece::HeadEnd { status, length } => {
                self.text.push(format!("head {status} {length:?}"));
            }
            Piece::Body(bytes) => self.body.extend_from_slice(bytes),
            Piece::BodyEnd => self.text.push("end".into()),
            Piece::LocalRedirect => self.text.push("local".into()),
        }
    }

    fn body(&mut self) {
        if !self.body.is_empty() {
            self.text.push(format!("body {}", self.body.escape_ascii()));
            self.body.clear();
        }
    }
}

/// The log of `text`, the same for every way of cutting it.
#[track_caller]
fn log_of(rules: Rules, head: bool, text: &[u8]) -> (String, Parser) {
    let (whole, parser) = feed(rules, head, &[text]);
    let same = |chunks: &[&[u8]]| {
        let (log, other) = feed(rules, head, chunks);
        assert_eq!(
            log,
            whole,
            "{:?}",
            chunks
                .iter()
                .map(|c| c.escape_ascii().to_string())
                .collect::<Vec<_>>()
        );
        let facts = |p: &Parser| {
            (
                p.excess(),
                p.body_dropped(),
                p.missing_content_type(),
                p.status_line(),
            )
        };
        assert_eq!(facts(&other), facts(&parser));
    };
    if text.len() < 300 {
        for at in 0..=text.len() {
            same(&[&text[..at], &text[at..]]);
            if text.len() < 100 {
                for to in at..=text.len() {
                    same(&[&text[..at], &text[at..to], &text[to..]]);
                }
            }
        }
    }
    for step in [1, 2, 3, 7, 16, 64] {
        same(&text.chunks(step).collect::<Vec<_>>());
    }
    (whole.join(" | "), parser)
}

#[track_caller]
fn check(rules: Rules, text: &[u8], want: &str) -> Parser {
    let (log, parser) = log_of(rules, GET, text);
    assert_eq!(log, want, "{}", text.escape_ascii());
    parser
}

#[track_caller]
fn strict(text: &[u8], want: &str) -> Parser {
    check(Rules::STRICT, text, want)
}

#[test]
fn size() {
    assert!(size_of::<State>() <= 40, "{}", size_of::<State>());
}

#[test]
fn s1_to_s6_documents() {
    let plain = "Content-Type: text/plain | head 200 Unknown | body hi | end";
    strict(b"Content-Type: text/plain\n\nhi", plain);
    strict(b"Content-Type: text/plain\r\n\r\nhi", plain);
    strict(
        b"Content-Type: text/plain\nX: 1\r\n\nhi",
        "Content-Type: text/plain | X: 1 | head 200 Unknown | body hi | end",
    );
    strict(
        b"Status: 404 Nope\nContent-Type: a/b\n\nx",
        "Status: 404 Nope | Content-Type: a/b | head 404 Unknown | body x | end",
    );
    strict(
        b"Status: 404\nContent-Type: a/b\n\n",
        "Status: 404 | Content-Type: a/b | head 404 Unknown | end",
    );
    let p = strict(
        b"content-type:a/b\nSTATUS:\t201 Made\n\n",
        "content-type: a/b | STATUS: 201 Made | head 201 Unknown | end",
    );
    assert!(!p.missing_content_type());
    let p = strict(b"X: 1\n\n", "X: 1 | head 200 Unknown | end");
    assert!(p.missing_content_type());
}

#[test]
fn s7_s8_statuses() {
    for bad in [
        "20", "2000", "abc", "", " ", "099", "600", "999", "2 00", "+20", "200x", "404x y",
    ] {
        strict(format!("Status: {bad}\n\n").as_bytes(), "error BadStatus");
        strict(
            format!("A: b\r\nStatus:{bad}\r\n\r\n").as_bytes(),
            "A: b | error BadStatus",
        );
    }
    strict(b"Status: \xd9\xa2\xd9\xa0\xd9\xa0\n\n", "error BadStatus");
    let twice = b"Status: 200 OK\nStatus: 404 No\n\n";
    strict(twice, "Status: 200 OK | error DuplicateField");
    check(
        Rules::STRICT.first_status_wins(true),
        twice,
        "Status: 200 OK | Status: 404 No | head 200 Unknown | end",
    );
    check(
        Rules::STRICT.first_status_wins(true),
        b"Status: 200 OK\nStatus: no\n\n",
        "Status: 200 OK | error BadStatus",
    );
    for (status, good) in [
        (200, true),
        (599, true),
        (600, true),
        (999, true),
        (199, false),
    ] {
        let text = format!("Status: {status}\n\n");
        let (log, _) = log_of(Rules::STRICT.any_status(true), GET, text.as_bytes());
        assert_eq!(log.contains("head"), good, "{log}");
        let (log, _) = log_of(Rules::STRICT, GET, text.as_bytes());
        assert_eq!(log.contains("head"), good && status < 600, "{log}");
    }
    strict(
        b"Status: 200 \t\n\n",
        "Status: 200 | head 200 Unknown | end",
    );
}

#[test]
fn s9_to_s14_redirects() {
    let local = Rules::STRICT.local_redirect(true);
    let cases: [(&[u8], &str, &str); 11] = [
        (
            b"Location: http://e.example/x\n\n",
            "Location: http://e.example/x | head 302 Unknown | end",
            "",
        ),
        (
            b"Location: /p?q=1\n\n",
            "Location: /p?q=1 | head 302 Unknown | end",
            "Location: /p?q=1 | local",
        ),
        (
            b"Location: /\r\n\r\n",
            "Location: / | head 302 Unknown | end",
            "Location: / | local",
        ),
        (
            b"Location: /p\n\nx",
            "Location: /p | head 302 Unknown | body x | end",
            "",
        ),
        (
            b"Location: /p\nX: 1\n\n",
            "Location: /p | X: 1 | head 302 Unknown | end",
            "",
        ),
        (
            b"X: 1\nLocation: /p\n\n",
            "X: 1 | Location: /p | head 302 Unknown | end",
            "",
        ),
        (
            b"Location: //e.example/x\n\n",
            "Location: //e.example/x | head 302 Unknown | end",
            "",
        ),
        (
            b"Location: /\\e\n\n",
            "Location: /\\\\e | head 302 Unknown | end",
            "",
        ),
        (
            b"Location: doc\n\n",
            "Location: doc | head 302 Unknown | end",
            "",
        ),
        // An empty value is a field not sent.
        (b"Location:\n\n", "Location:  | head 200 Unknown | end", ""),
        (
            b"Status: 201 Made\nLocation: /n\nContent-Type: a/b\n\nx",
            "Status: 201 Made | Location: /n | Content-Type: a/b | head 201 Unknown | body x | end",
            "",
        ),
    ];
    for (text, off, on) in cases {
        strict(text, off);
        check(local, text, if on.is_empty() { off } else { on });
    }
    // The same for HEAD, where the answer never has a body.
    let (log, _) = log_of(local, true, b"Location: /p\n\n");
    assert_eq!(log, "Location: /p | local");
    let (log, p) = log_of(local, true, b"Location: /p\n\nx");
    assert_eq!(log, "Location: /p | head 302 Unknown | end");
    assert!(p.body_dropped());
}

#[test]
fn s15_first_lines() {
    let text = b"HTTP/1.1 201 Made it\nContent-Type: a/b\n\nx";
    let made = "Status: 201 Made it | Content-Type: a/b | head 201 Unknown | body x | end";
    let either = Rules::STRICT.first_line(FirstLine::Either);
    let line = Rules::STRICT.first_line(FirstLine::StatusLine);
    strict(text, "error StatusLine");
    check(
        Rules::STRICT.ignore_bad_lines(true),
        text,
        "error StatusLine",
    );
    assert!(check(either, text, made).status_line());
    check(line, text, made);
    check(
        line,
        b"HTTP/1.0 200\r\n\r\nx",
        "Status: 200 | head 200 Unknown | body x | end",
    );
    check(
        line,
        b"HTTP/1.0 304 \r\n\r\n",
        "Status: 304 | head 304 None | end",
    );
    check(line, b"Content-Type: a/b\n\n", "error StatusLine");
    check(line, b"H: a/b\n\n", "error StatusLine");
    check(line, b"\n", "error StatusLine");
    check(line.empty_head(true), b"\n", "error StatusLine");
    check(
        either,
        b"Status: 404\n\n",
        "Status: 404 | head 404 Unknown | end",
    );
    for rules in [Rules::STRICT, either] {
        for name in ["H", "HT", "HTTP", "HTTPS", "http"] {
            let text = format!("{name}: 1\n\n");
            check(
                rules,
                text.as_bytes(),
                &format!("{name}: 1 | head 200 Unknown | end"),
            );
        }
        check(rules, b"http/1.1 200 OK\n\n", "error BadField");
        check(rules, b"HTTQ/1.1 200 OK\n\n", "error BadField");
        check(rules, b"X: 1\nHTTP/1.1 200 OK\n\n", "X: 1 | error BadField");
    }
    for rules in [either, line] {
        check(
            rules,
            b"HTTP/1.1 200 OK\nX\n\n",
            "Status: 200 OK | error BadField",
        );
        check(rules, b"HTTP/1.1  200 OK\n\n", "error BadStatus");
        check(rules, b"HTTP/1.1 2000 OK\n\n", "error BadStatus");
        check(rules, b"HTTP/11 200 OK\n\n", "error StatusLine");
        check(rules, b"HTTP/1.1\n\n", "error StatusLine");
        check(rules, b"HTTP/1.1 200 O\x01K\n\n", "error BadValue");
        check(
            rules,
            b"HTTP/1.1 200 OK\nStatus: 404\n\n",
            "Status: 200 OK | error DuplicateField",
        );
        check(
            rules.first_status_wins(true),
            b"HTTP/1.1 200 OK\nStatus: 404\n\n",
            "Status: 200 OK | Status: 404 | head 200 Unknown | end",
        );
        // A status line and Location: no local redirect.
        check(
            rules.local_redirect(true),
            b"HTTP/1.1 302 F\nLocation: /x\n\n",
            "Status: 302 F | Location: /x | head 302 Unknown | end",
        );
    }
}

#[test]
fn s16_to_s18_ends() {
    strict(b"", "error NoResponse");
    strict(b"Content-Type: a/b\n", "Content-Type: a/b | error HeadCut");
    strict(b"Content-Type: a/b", "error HeadCut");
    strict(
        b"Content-Type: a/b\r\n\r",
        "Content-Type: a/b | error HeadCut",
    );
    strict(b"hello\n", "error BadField");
    strict(b"hello", "error HeadCut");
    for text in [&b"\n"[..], b"\r\n", b"\nbody"] {
        strict(text, "error EmptyHead");
    }
    let rules = Rules::STRICT.empty_head(true);
    check(rules, b"\nbody", "head 200 Unknown | body body | end");
    check(rules, b"\r\n", "head 200 Unknown | end");
    check(rules, b"", "error NoResponse");
}

#[test]
fn s19_folding() {
    let text = b"X: 1\n two\n\n";
    strict(text, "X: 1 | error Folding");
    strict(b"X: 1\r\n\ttwo\r\n\r\n", "X: 1 | error Folding");
    strict(b"X: 1\n \n\n", "X: 1 | error Folding");
    strict(b" X: 1\n\n", "error BadField");
    let fold = Rules::STRICT.folding(true);
    let end = "head 200 Unknown | end";
    check(fold, text, &format!("X: 1 two | {end}"));
    check(
        fold,
        b"X: 1\r\n \t two\r\n\r\n",
        &format!("X: 1 two | {end}"),
    );
    check(
        fold,
        b"X:\n two\nY: 1\n\n",
        &format!("X: two | Y: 1 | {end}"),
    );
    check(
        fold,
        b"X: 1\n two\n three\n\n",
        &format!("X: 1 two three | {end}"),
    );
    check(fold, b"X: 1\n \nY: 2\n\n", &format!("X: 1 | Y: 2 | {end}"));
    check(
        fold,
        b"X: 1\nY: 2\n\nz",
        "X: 1 | Y: 2 | head 200 Unknown | body z | end",
    );
    check(
        fold,
        b"Status: 404\n Not\n\n",
        "Status: 404 Not | head 404 Unknown | end",
    );
    check(fold, b"Status: 4\n 04\n\n", "error BadStatus");
    check(fold, b"Content-Length: 1\n 2\n\n", "error ContentLength");
    check(fold, b"Status:\n 404\n\n", "error BadStatus");
    check(fold, b" X: 1\n\n", "error BadField");
    check(fold, b"X: 1\n", "error HeadCut");
    check(fold, b"X: 1\n tw\0o\n\n", "error BadValue");
    // A line that continues a skipped one is skipped as well.
    let both = fold.ignore_bad_lines(true);
    check(
        both,
        b"A: 1\nbad\n more: x\nB: 2\n\n",
        &format!("A: 1 | B: 2 | {end}"),
    );
    check(both, b" A: 1\nB: 2\n\n", &format!("B: 2 | {end}"));
    let either = fold.first_line(FirstLine::Either);
    check(
        either,
        b"HTTP/1.1 200\n OK\nA: b\n\n",
        &format!("Status: 200 OK | A: b | {end}"),
    );
}

#[test]
fn s20_bad_lines() {
    for (text, error) in [
        (&b"X : 1\n\n"[..], "BadField"),
        (b": 1\n\n", "BadField"),
        (b"X A: 1\n\n", "BadField"),
        (b"X: a\x01\n\n", "BadValue"),
        (b"X: a\rb\n\n", "BadValue"),
        (b"X: a\r\rb\n\n", "BadValue"),
        (b"X: a\r\r\n\n", "BadValue"),
        (b"X: a\0\n\n", "BadValue"),
        (b"X: \x7f\n\n", "BadValue"),
        (b"X:\0\n\n", "BadValue"),
        (b"X\0: 1\n\n", "BadField"),
        (b"X\r: 1\n\n", "BadField"),
        (b"X\xc3\xa4: 1\n\n", "BadField"),
        (b"\rX: 1\n\n", "BadField"),
        (b"\0", "BadField"),
        (b"/", "BadField"),
    ] {
        strict(text, &format!("error {error}"));
        let after = [b"Content-Type: a/b\n", text].concat();
        strict(&after, &format!("Content-Type: a/b | error {error}"));
    }
    strict(
        b"X: \xc3\xa4\xff\t~\n\n",
        "X: \\xc3\\xa4\\xff\\t~ | head 200 Unknown | end",
    );
    strict(b"X: 1\n\rx", "X: 1 | error BadField");
    strict(
        b"X:\t 1 \t 2 \t\r\n\n",
        "X: 1 \\t 2 | head 200 Unknown | end",
    );
    let skip = Rules::STRICT.ignore_bad_lines(true);
    for bad in [
        "warning", "X : 1", ": 1", "X A: 1", "X\0: 1", "x\r", "/", "Status",
    ] {
        let text = format!("A: 1\n{bad}\nStatus: 404\n\n");
        check(
            skip,
            text.as_bytes(),
            "A: 1 | Status: 404 | head 404 Unknown | end",
        );
    }
    check(skip, b"X: a\0\n\n", "error BadValue");
    check(skip, b"bad\n continued\n\n", "error Folding");
    check(skip, b"bad\n\nbody", "head 200 Unknown | body body | end");
    check(skip, b"bad", "error HeadCut");
    // A skipped line is a line: no local redirect.
    check(
        skip.local_redirect(true),
        b"bad\nLocation: /x\n\n",
        "Location: /x | head 302 Unknown | end",
    );
}

#[test]
fn s21_transfer_encoding() {
    strict(
        b"Transfer-Encoding: chunked\nContent-Type: a/b\n\n0\r\n\r\n",
        "error TransferEncoding",
    );
    strict(
        b"A: b\ntransfer-ENCODING:\n\n",
        "A: b | error TransferEncoding",
    );
    strict(
        b"Transfer-Encodin: x\n\n",
        "Transfer-Encodin: x | head 200 Unknown | end",
    );
}

#[test]
fn s22_to_s24_lengths() {
    let p = strict(
        b"Content-Length: 3\nContent-Type: a/b\n\nhello",
        "Content-Length: 3 | Content-Type: a/b | head 200 Known(3) | body hel | end",
    );
    assert!(p.excess());
    let p = strict(
        b"Content-Length: 5\n\nhello",
        "Content-Length: 5 | head 200 Known(5) | body hello | end",
    );
    assert!(!p.excess());
    strict(
        b"Content-Length: 9\nContent-Type: a/b\n\nhello",
        "Content-Length: 9 | Content-Type: a/b | head 200 Known(9) | body hello | error BodyShort",
    );
    strict(
        b"Content-Length: 1\n\n",
        "Content-Length: 1 | head 200 Known(1) | error BodyShort",
    );
    strict(
        b"Content-Length: 0\n\n",
        "Content-Length: 0 | head 200 Known(0) | end",
    );
    assert!(
        strict(
            b"Content-Length: 0\n\nx",
            "Content-Length: 0 | head 200 Known(0) | end"
        )
        .excess()
    );
    strict(
        b"Content-Length: 5\nContent-Length: 3\n\nhello",
        "Content-Length: 5 | error ContentLength",
    );
    strict(
        b"Content-Length: 5\ncontent-length:05 \n\nhello",
        "Content-Length: 5 | content-length: 05 | head 200 Known(5) | body hello | end",
    );
    for bad in [
        "",
        "-1",
        "+1",
        "1,1",
        "1 1",
        "0x1",
        "1e3",
        "18446744073709551616",
        "a",
    ] {
        strict(
            format!("Content-Length: {bad}\n\n").as_bytes(),
            "error ContentLength",
        );
    }
    strict(
        b"Content-Length: 18446744073709551615\n\n",
        "Content-Length: 18446744073709551615 | head 200 Known(18446744073709551615) | error BodyShort",
    );
}

#[test]
fn s25_to_s28_no_body() {
    let p = strict(
        b"Status: 204 No\n\nx",
        "Status: 204 No | head 204 None | end",
    );
    assert!(p.body_dropped());
    let p = strict(
        b"Status: 204 No\nContent-Length: 1\n\n",
        "Status: 204 No | Content-Length: 1 | head 204 None | end",
    );
    assert!(!p.body_dropped());
    let (log, p) = log_of(
        Rules::STRICT,
        true,
        b"Content-Type: a/b\nContent-Length: 5\n\nhello",
    );
    assert_eq!(
        log,
        "Content-Type: a/b | Content-Length: 5 | head 200 Known(5) | end"
    );
    assert!(p.body_dropped());
    let (log, _) = log_of(Rules::STRICT, true, b"Content-Type: a/b\n\n");
    assert_eq!(log, "Content-Type: a/b | head 200 Unknown | end");
    strict(
        b"Status: 304 NM\nETag: \"a\"\n\n",
        "Status: 304 NM | ETag: \\\"a\\\" | head 304 None | end",
    );
    strict(
        b"Status: 304\nContent-Length: 7\n\n",
        "Status: 304 | Content-Length: 7 | head 304 Known(7) | end",
    );
}

#[test]
fn s27_interim() {
    let text = b"Status: 100 C\n\nStatus: 200 OK\n\nx";
    strict(text, "error Interim(100)");
    let rules = Rules::STRICT.interim(true);
    check(
        rules,
        text,
        "Status: 100 C | interim 100 | Status: 200 OK | head 200 Unknown | body x | end",
    );
    check(
        rules,
        b"Status: 103\nLocation: /x\nContent-Length: 4\nContent-Type: a/b\n\nContent-Type: c/d\n\nx",
        "Status: 103 | Location: /x | Content-Length: 4 | Content-Type: a/b | interim 103 \
         | Content-Type: c/d | head 200 Unknown | body x | end",
    );
    check(rules, b"Status: 101 Up\n\n", "error Interim(101)");
    check(
        rules,
        b"Status: 100\n\n",
        "Status: 100 | interim 100 | error HeadCut",
    );
    check(
        rules,
        b"Status: 100\n\n\n",
        "Status: 100 | interim 100 | error EmptyHead",
    );
    check(
        rules.first_line(FirstLine::StatusLine),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx",
        "Status: 100 Continue | interim 100 | Status: 200 OK | head 200 Unknown | body x | end",
    );
    check(
        rules.first_line(FirstLine::StatusLine),
        b"HTTP/1.1 100 Continue\r\n\r\nA: b\r\n\r\nx",
        "Status: 100 Continue | interim 100 | error StatusLine",
    );
}

#[test]
fn s29_to_s31_repeats_and_real_output() {
    strict(
        b"Set-Cookie: a=1\nSet-Cookie: b=2\nContent-Type: a/b\n\n",
        "Set-Cookie: a=1 | Set-Cookie: b=2 | Content-Type: a/b | head 200 Unknown | end",
    );
    strict(
        b"Status: 404 Not Found\r\nX-Powered-By: PHP/8.2\r\nX-A: 1\r\nSet-Cookie: a=b\r\nContent-type: text/html; charset=UTF-8\r\n\r\nhi",
        "Status: 404 Not Found | X-Powered-By: PHP/8.2 | X-A: 1 | Set-Cookie: a=b \
         | Content-type: text/html; charset=UTF-8 | head 404 Unknown | body hi | end",
    );
    check(
        Rules::STRICT.local_redirect(true),
        b"Status: 302 Found\r\nLocation: /x\r\nContent-type: text/html; charset=UTF-8\r\n\r\n",
        "Status: 302 Found | Location: /x | Content-type: text/html; charset=UTF-8 | head 302 Unknown | end",
    );
    for name in ["Content-Type", "Location"] {
        let text = format!("{name}: a\n{name}: b\n\n");
        strict(
            text.as_bytes(),
            &format!("{name}: a | error DuplicateField"),
        );
        let status = if name == "Location" { 302 } else { 200 };
        check(
            Rules::STRICT.repeated_fields(true),
            text.as_bytes(),
            &format!("{name}: a | {name}: b | head {status} Unknown | end"),
        );
    }
}

#[test]
fn s32_endless_line() {
    let text = vec![b'a'; 65_537];
    let (log, _) = feed(Rules::STRICT, GET, &[&text]);
    assert_eq!(log, ["error LineTooLong"]);
    let rules = Rules::STRICT.line_bytes(u32::MAX);
    let mut parser = Parser::new(rules, GET);
    // Raised with the byte that is too many, not later.
    let mut input = &text[..65_536];
    while let Next::Event(_) = parser.next(&mut input).unwrap() {}
    assert_eq!(parser.next(&mut &text[65_536..]), Err(Error::HeadTooLong));
}

#[test]
fn limits_at_below_and_above() {
    let text = b"Content-Type: a/b\r\nX: 1\r\n\r\nbody!";
    let fine = "Content-Type: a/b | X: 1 | head 200 Unknown | body body! | end";
    let head = 27;
    let limits = Limits::DEFAULT;
    let rules = Rules::STRICT;
    for n in [head, head + 1] {
        check(rules.limits(limits.head_bytes(n)), text, fine);
    }
    check(
        rules.limits(limits.head_bytes(head - 1)),
        text,
        "Content-Type: a/b | X: 1 | error HeadTooLong",
    );
    check(
        rules.limits(limits.head_bytes(0)),
        text,
        "error HeadTooLong",
    );
    for n in [19, 20] {
        check(rules.line_bytes(n), text, fine);
    }
    check(rules.line_bytes(18), text, "error LineTooLong");
    for n in [2, 3] {
        check(rules.limits(limits.fields(n)), text, fine);
    }
    check(
        rules.limits(limits.fields(1)),
        text,
        "Content-Type: a/b | error TooManyFields",
    );
    check(rules.limits(limits.fields(0)), text, "error TooManyFields");
    check(
        rules.limits(limits.fields(0)).empty_head(true),
        b"\n",
        "head 200 Unknown | end",
    );
    for n in [5, 6] {
        check(rules.limits(limits.body_bytes(n)), text, fine);
    }
    check(
        rules.limits(limits.body_bytes(4)),
        text,
        "Content-Type: a/b | X: 1 | head 200 Unknown | body body | error BodyTooLong",
    );
    check(
        rules.limits(limits.body_bytes(0)),
        text,
        "Content-Type: a/b | X: 1 | head 200 Unknown | error BodyTooLong",
    );
    // A declared length is judged with the head.
    let known = b"Content-Length: 5\n\nhello";
    check(
        rules.limits(limits.body_bytes(5)),
        known,
        "Content-Length: 5 | head 200 Known(5) | body hello | end",
    );
    check(
        rules.limits(limits.body_bytes(4)),
        known,
        "Content-Length: 5 | error BodyTooLong",
    );
    // Not where no body will be given.
    let (log, _) = log_of(rules.limits(limits.body_bytes(4)), true, known);
    assert_eq!(log, "Content-Length: 5 | head 200 Known(5) | end");
    // Interim heads count with the rest.
    let two = b"Status: 100\n\nX: 1\n\n";
    let rules = rules.interim(true);
    check(
        rules.limits(limits.head_bytes(19)),
        two,
        "Status: 100 | interim 100 | X: 1 | head 200 Unknown | end",
    );
    check(
        rules.limits(limits.head_bytes(18)),
        two,
        "Status: 100 | interim 100 | X: 1 | error HeadTooLong",
    );
    check(
        rules.limits(limits.fields(1)),
        two,
        "Status: 100 | interim 100 | error TooManyFields",
    );
}

/// Every mix of switches, over text made to hit them, is cut-invariant.
#[test]
fn any_text_under_any_rules() {
    let bits: [&[u8]; 22] = [
        b"Status: 200 OK",
        b"Status:404",
        b"Status: 103",
        b"Location: /a",
        b"Location: //b",
        b"Content-Type: a/b",
        b"Content-Length: 3",
        b"content-length: 4",
        b"Transfer-Encoding: x",
        b"HTTP/1.1 200 OK",
        b"HTTP",
        b" folded ",
        b"\tx",
        b"X: 1 ",
        b"X :",
        b":",
        b"\n",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"abc\0",
    ];
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |n: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(n).unwrap()).unwrap()
    };
    for _ in 0..3000 {
        let mut text = Vec::new();
        for _ in 0..random(8) {
            text.extend_from_slice(bits[random(bits.len())]);
            if random(3) > 0 {
                text.push(b'\n');
            }
        }
        let on = |n: usize| n == 0;
        let rules = Rules::STRICT
            .empty_head(on(random(2)))
            .ignore_bad_lines(on(random(2)))
            .any_status(on(random(2)))
            .first_status_wins(on(random(2)))
            .repeated_fields(on(random(2)))
            .folding(on(random(2)))
            .interim(on(random(2)))
            .local_redirect(on(random(2)))
            .first_line(
                [
                    FirstLine::StatusField,
                    FirstLine::StatusLine,
                    FirstLine::Either,
                ][random(3)],
            )
            .line_bytes([8192, 14, 15][random(3)])
            .limits(
                Limits::DEFAULT
                    .fields([256, 2][random(2)])
                    .head_bytes([65536, 30][random(2)]),
            );
        let head = on(random(2));
        let (whole, _) = feed(rules, head, &[&text]);
        for at in 0..=text.len() {
            let (log, _) = feed(rules, head, &[&text[..at], &text[at..]]);
            assert_eq!(log, whole, "{} {rules:?}", text.escape_ascii());
        }
        let (log, _) = feed(rules, head, &text.chunks(1).collect::<Vec<_>>());
        assert_eq!(log, whole, "{} {rules:?}", text.escape_ascii());
    }
}

#[test]
fn what_is_forwardable() {
    for name in [
        "Date",
        "Content-Type",
        "Content-Length",
        "X-CG",
        "X-CGI",
        "Set-Cookie",
        "",
    ] {
        assert!(forwardable(name.as_bytes()), "{name}");
    }
    for name in [
        "Status",
        "connection",
        "Keep-Alive",
        "TE",
        "trailer",
        "Transfer-Encoding",
        "UPGRADE",
        "Proxy-Connection",
        "X-CGI-",
        "x-cgi-a",
    ] {
        assert!(!forwardable(name.as_bytes()), "{name}");
    }
}
