//! Messages of nearly the grammar of HTTP/1.x, from bytes that mutate well.

use super::Source;

const METHODS: [&str; 12] = [
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "OPTIONS",
    "CONNECT",
    "get",
    "PRI",
    "",
    "G(T",
    "DELETE",
    "A-METHOD-OF-MORE-THAN-32-BYTES-IN-ALL",
];

const TARGETS: [&str; 16] = [
    "/",
    "/a?b=c",
    "http://h/a",
    "*",
    "h:80",
    "http://h",
    "http://h:8080?q",
    "a/b",
    "/a b",
    "/#f",
    "/\u{e4}",
    "http://u@h/",
    "h",
    "http://[::1]:1/",
    "/a\tb",
    "[::1]:65536",
];

const VERSIONS: [&str; 10] = [
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/1.7",
    "HTTP/2.0",
    "http/1.1",
    "HTTP/1.10",
    "HTTP/0.9",
    "HTTP/1.1 ",
    "HTTP/1,1",
];

const NAMES: [&str; 24] = [
    "X-A",
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Connection",
    "Expect",
    "TE",
    "Upgrade",
    "Cookie",
    "Content-Type",
    "Trailer",
    "content-length",
    "TRANSFER-ENCODING",
    "Transfer_Encoding",
    "Content-Length ",
    "",
    " X",
    "X Y",
    "X\u{b}",
    "Status",
    "X-Forwarded-For",
    "Authorization",
    "\tX",
    "A-name-that-is-longer-than-any-known-one",
];

const VALUES: [&str; 40] = [
    "",
    "h",
    "3",
    "chunked",
    "close",
    "keep-alive",
    "100-continue",
    "trailers",
    "upgrade",
    "websocket",
    "h2c",
    "a value",
    "0",
    "h:80",
    "\tchunked ",
    "gzip, chunked",
    "chunked, chunked",
    "chunked,",
    ",chunked",
    "identity",
    "xchunked",
    "\"chunked\"",
    "chunked;q=1",
    "cow",
    "3, 3",
    "+3",
    "3 4",
    "0x3",
    "00000000000000000003",
    "18446744073709551615",
    "18446744073709551616",
    "000000000000000000003",
    "close, upgrade",
    "a\0b",
    "a\rb",
    "a\nb",
    "\u{e4}\u{fc}",
    "u@h",
    "[::1]",
    "x\r\n y",
];

const ENDS: [&str; 8] = ["\r\n", "\n", "\r", "\r\r\n", "\r\n ", " \r\n", "\0\r\n", ""];

const SIZES: [&str; 12] = [
    "+3",
    "0x3",
    " 3",
    "3 ",
    "",
    "ffffffffffffffff",
    "10000000000000000",
    "000000000000000000000000000000003",
    "3;a=\"b\r\"",
    "3 ;a",
    "3;a=\"b\\\"c\"",
    "-1",
];

const STATUSES: [&str; 16] = [
    "200 OK",
    "404 Not Found",
    "204 No Content",
    "304 Not Modified",
    "100 Continue",
    "103 Early Hints",
    "101 Switching Protocols",
    "200",
    "500 ",
    "99 X",
    "2000 X",
    "600 X",
    "20x",
    " 200",
    "200\tOK",
    "299 \u{e4}",
];

/// Most often one of the first `usual`.
fn pick<'a>(source: &mut Source<'_>, all: &[&'a str], usual: usize) -> &'a [u8] {
    let byte = usize::from(source.byte());
    let of = if byte < 0xd0 { usual } else { all.len() };
    all[byte % of].as_bytes()
}

fn end(source: &mut Source<'_>, out: &mut Vec<u8>) {
    let byte = source.byte();
    let odd = if byte < 0xf0 {
        0
    } else {
        usize::from(byte) % ENDS.len()
    };
    out.extend(ENDS[odd].as_bytes());
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend(name);
    out.extend(b": ");
    out.extend(value);
    out.extend(b"\r\n");
}

/// How a head frames what follows it.
fn framing(source: &mut Source<'_>, out: &mut Vec<u8>) -> u8 {
    let what = source.byte();
    let length = what >> 4;
    match what & 7 {
        0 | 1 => {}
        2 | 3 => field(out, b"Content-Length", length.to_string().as_bytes()),
        4 | 5 => field(out, b"Transfer-Encoding", b"chunked"),
        6 => field(out, b"Transfer-Encoding", pick(source, &VALUES[14..24], 10)),
        _ => field(out, b"Content-Length", pick(source, &VALUES[24..32], 8)),
    }
    what
}

fn body(source: &mut Source<'_>, out: &mut Vec<u8>, framing: u8) {
    let length = usize::from(framing >> 4);
    match framing & 7 {
        2 | 3 => {
            let n = if source.below(8) == 0 {
                source.below(20)
            } else {
                length
            };
            out.extend(&b"GET / HTTP/1.1\r\n\r\n"[..n.min(18)]);
        }
        4..=6 => chunks(source, out),
        _ => {}
    }
}

fn chunks(source: &mut Source<'_>, out: &mut Vec<u8>) {
    for _ in 0..source.below(5) {
        let what = source.byte();
        let n = usize::from(what & 15) + 1;
        let data = &b"\r\n0\r\n\r\nGET / HTTP/1.1"[..n];
        match what >> 4 {
            0 => out.extend(pick(source, &SIZES, SIZES.len())),
            1 => out.extend(format!("{n:X};name=value").as_bytes()),
            2 => out.extend(format!("{n:030x}").as_bytes()),
            _ => out.extend(format!("{n:x}").as_bytes()),
        }
        end(source, out);
        out.extend(data);
        end(source, out);
    }
    out.extend(if source.below(16) == 0 {
        &b""[..]
    } else {
        b"0"
    });
    end(source, out);
    for _ in 0..source.below(3) {
        let name = pick(source, &NAMES, 1);
        out.extend(name);
        out.push(b':');
        out.extend(pick(source, &VALUES, 14));
        end(source, out);
    }
    end(source, out);
}

fn fields(source: &mut Source<'_>, out: &mut Vec<u8>) {
    for _ in 0..source.below(4) {
        let what = source.byte();
        if what >= 0xf0 {
            out.extend(source.short());
        } else {
            // Names that decide something with values that do.
            let name = NAMES[usize::from(what & 31) % NAMES.len()];
            let odd = what >> 5 == 7;
            if !odd && matches!(name, "Host" | "" | " X" | "X Y" | "\tX") {
                continue;
            }
            out.extend(name.as_bytes());
            out.extend(if odd { &b""[..] } else { b": " });
            out.extend(pick(source, &VALUES, 14));
        }
        end(source, out);
    }
}

/// What a client may send, and what it may not.
pub fn requests(source: &mut Source<'_>) -> Vec<u8> {
    let edits = source.byte();
    let mut out = Vec::new();
    while !source.is_empty() && out.len() < 3_000 {
        for part in [
            pick(source, &METHODS, 3),
            b" ",
            pick(source, &TARGETS, 3),
            b" ",
            pick(source, &VERSIONS, 3),
        ] {
            out.extend(part);
        }
        end(source, &mut out);
        if source.below(16) > 0 {
            field(&mut out, b"Host", b"h");
        }
        let framing = framing(source, &mut out);
        fields(source, &mut out);
        end(source, &mut out);
        body(source, &mut out, framing);
    }
    edit(&mut out, edits);
    out
}

/// What a server may send, and what it may not.
pub fn answers(source: &mut Source<'_>) -> Vec<u8> {
    let edits = source.byte();
    let mut out = Vec::new();
    while !source.is_empty() && out.len() < 3_000 {
        out.extend(pick(source, &VERSIONS, 3));
        out.push(b' ');
        out.extend(pick(source, &STATUSES, 8));
        end(source, &mut out);
        let framing = framing(source, &mut out);
        fields(source, &mut out);
        end(source, &mut out);
        body(source, &mut out, framing);
    }
    edit(&mut out, edits);
    out
}

/// Changes up to three bytes.
fn edit(out: &mut Vec<u8>, edits: u8) {
    let mut random = super::common::Random(u64::from(edits));
    for _ in 0..edits & 3 {
        let at = random.below(out.len());
        let byte = b"\r\n \t:;,\0aA0\xff"[random.below(12)];
        match random.below(3) {
            _ if at >= out.len() => {}
            0 => out[at] = byte,
            1 => out.insert(at, byte),
            _ => drop(out.remove(at)),
        }
    }
}
