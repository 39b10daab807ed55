//! Inputs and floors that the benches share. Each figure is printed beside its
//! floor: a loop over the same bytes with no machine, and memcpy of them.

use std::hint::black_box;
use std::time::Instant;

use vestibule::Field;

pub mod drive;

/// The header fields of a GET as a browser sends it and a proxy passes it on.
pub const BROWSER: [(&str, &str); 8] = [
    ("Host", "www.example.org"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("Accept-Language", "en-US,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    (
        "Cookie",
        "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark",
    ),
    ("X-Forwarded-For", "192.0.2.17"),
    ("X-Request-Id", "7f3a9c52-1b0e-4d7a-9d0c1"),
];

/// A GET as nginx sends it: 25 variables.
pub const VARS: [(&str, &str); 25] = [
    ("QUERY_STRING", "x=1&y=%C5%A1&empty="),
    ("REQUEST_METHOD", "GET"),
    ("CONTENT_TYPE", ""),
    ("CONTENT_LENGTH", ""),
    ("SCRIPT_NAME", "/index.php"),
    ("REQUEST_URI", "/index.php?x=1&y=%C5%A1&empty="),
    ("DOCUMENT_URI", "/index.php"),
    ("DOCUMENT_ROOT", "/srv/www/example"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("REQUEST_SCHEME", "https"),
    ("HTTPS", "on"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("SERVER_SOFTWARE", "nginx/1.22.1"),
    ("REMOTE_ADDR", "192.0.2.17"),
    ("REMOTE_PORT", "60738"),
    ("SERVER_ADDR", "192.0.2.1"),
    ("SERVER_PORT", "443"),
    ("SERVER_NAME", "www.example.org"),
    ("REDIRECT_STATUS", "200"),
    ("SCRIPT_FILENAME", "/srv/www/example/index.php"),
    ("HTTP_HOST", "www.example.org"),
    (
        "HTTP_USER_AGENT",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ),
    (
        "HTTP_ACCEPT",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"),
    (
        "HTTP_COOKIE",
        "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark",
    ),
];

/// A record, padded to eight bytes as nginx does.
pub fn record(kind: u8, id: u16, content: &[u8], to: &mut Vec<u8>) {
    let [i0, i1] = id.to_be_bytes();
    let [c0, c1] = (content.len() as u16).to_be_bytes();
    let pad = content.len().wrapping_neg() % 8;
    to.extend([1, kind, i0, i1, c0, c1, pad as u8, 0]);
    to.extend(content);
    to.extend(&[0; 8][..pad]);
}

/// The pairs of [`VARS`] as PARAMS content.
pub fn pairs() -> Vec<u8> {
    let mut all = Vec::new();
    for (name, value) in VARS {
        for len in [name.len(), value.len()] {
            match u8::try_from(len) {
                Ok(n) if n < 128 => all.push(n),
                _ => all.extend((len as u32 | 1 << 31).to_be_bytes()),
            }
        }
        all.extend(name.bytes());
        all.extend(value.bytes());
    }
    all
}

/// BEGIN_REQUEST, PARAMS and their end.
pub fn head(id: u16, to: &mut Vec<u8>) {
    record(1, id, &[0, 1, 1, 0, 0, 0, 0, 0], to);
    record(4, id, &pairs(), to);
    record(4, id, b"", to);
}

/// A whole request with a body in records of 32 KiB.
pub fn request(id: u16, body: usize) -> Vec<u8> {
    let mut all = Vec::new();
    head(id, &mut all);
    for chunk in vec![b'x'; body].chunks(32_768) {
        record(5, id, chunk, &mut all);
    }
    record(5, id, b"", &mut all);
    all
}

/// Eight header fields of an answer.
pub const ANSWER: [(&str, &str); 8] = [
    ("Content-Type", "text/html; charset=UTF-8"),
    ("X-Powered-By", "PHP/8.2.36"),
    ("Cache-Control", "no-store, no-cache, must-revalidate"),
    ("Expires", "Thu, 19 Nov 1981 08:52:00 GMT"),
    (
        "Set-Cookie",
        "session=8f14e45fceea167a5a36dedd4bea2543; path=/",
    ),
    ("Last-Modified", "Sun, 22 Nov 2026 10:00:00 GMT"),
    ("ETag", "\"5e8-63f2a1\""),
    ("Vary", "Accept-Encoding"),
];

/// [`VARS`] as a client takes them.
pub fn vars() -> impl Iterator<Item = Field<'static>> + Clone {
    VARS.iter()
        .map(|(name, value)| Field::var(name.as_bytes(), value.as_bytes()))
}

/// Such pairs as header fields.
pub fn headers(
    pairs: &'static [(&'static str, &'static str)],
) -> impl Iterator<Item = Field<'static>> + Clone {
    pairs
        .iter()
        .map(|(name, value)| Field::header(name.as_bytes(), value.as_bytes()))
}

/// [`ANSWER`] as lines.
pub fn answer_lines() -> String {
    let lines = ANSWER.iter().map(|(n, v)| format!("{n}: {v}\r\n"));
    lines.collect()
}

/// [`ANSWER`] as the text of a CGI response.
pub fn answer_head() -> String {
    format!("Status: 200 OK\r\n{}\r\n", answer_lines())
}

/// Its like of HTTP/1.1, with no body.
pub fn answer_http() -> String {
    let lines = answer_lines();
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n")
}

/// A whole answer: head, body in records of 32 KiB, both ends.
pub fn answer(id: u16, body: usize) -> Vec<u8> {
    let mut all = Vec::new();
    record(6, id, answer_head().as_bytes(), &mut all);
    for chunk in vec![b'x'; body].chunks(32_768) {
        record(6, id, chunk, &mut all);
    }
    record(6, id, b"", &mut all);
    record(3, id, &[0; 8], &mut all);
    all
}

/// The floor of decoding: walks headers and pairs, black-boxes each slice,
/// keeps no state and checks only what keeps it inside the input.
pub fn walk(mut input: &[u8]) {
    while let Some((header, rest)) = input.split_first_chunk::<8>() {
        let n = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let Some((mut content, rest)) = rest.split_at_checked(n) else {
            return;
        };
        if header[1] == 4 {
            while let [n, v, rest @ ..] = content {
                let Some((name, rest)) = rest.split_at_checked(usize::from(*n)) else {
                    return;
                };
                let Some((value, rest)) = rest.split_at_checked(usize::from(*v)) else {
                    return;
                };
                black_box(name);
                black_box(value);
                content = rest;
            }
        } else {
            black_box(content);
        }
        input = rest.get(usize::from(header[6])..).unwrap_or(&[]);
    }
}

/// The floor of heads in lines: line ends and colons, byte by byte, each slice
/// given.
#[inline(never)]
pub fn lines(input: &[u8]) {
    let (mut start, mut colon) = (0, None);
    for (at, byte) in input.iter().enumerate() {
        match byte {
            b':' if colon.is_none() => colon = Some(at),
            b'\n' => {
                match colon {
                    Some(colon) => {
                        black_box(&input[start..colon]);
                        black_box(&input[colon + 1..at]);
                    }
                    None => {
                        black_box(&input[start..at]);
                    }
                }
                (start, colon) = (at + 1, None);
            }
            _ => {}
        }
    }
}

/// The other floor.
pub fn copy(input: &[u8], to: &mut [u8]) {
    to[..input.len()].copy_from_slice(black_box(input));
    black_box(to);
}

/// Copies every name and value of [`VARS`], one by one: what an encoder cannot avoid.
#[inline(never)]
pub fn copy_vars(room: &mut [u8]) {
    let mut rest = &mut room[..];
    for (name, value) in black_box(&VARS) {
        for part in [name, value] {
            let (to, next) = rest.split_at_mut(part.len());
            to.copy_from_slice(part.as_bytes());
            rest = next;
        }
    }
    black_box(room);
}

/// Copies the parts of a head, as `parts` gives them of each field, one by one:
/// what an encoder cannot avoid.
#[inline(never)]
pub fn copy_parts<'f, const N: usize>(
    fields: impl Iterator<Item = Field<'f>>,
    parts: impl Fn(Field<'f>) -> [&'f [u8]; N],
    room: &mut [u8],
) {
    let mut rest = &mut room[..];
    for field in fields {
        for part in parts(field) {
            let (to, next) = rest.split_at_mut(part.len());
            to.copy_from_slice(black_box(part));
            rest = next;
        }
    }
    black_box(room);
}

/// Both by turns, each at its best, so that whatever else the computer does
/// hits both or neither: prints the ratio.
pub fn turns(name: &str, mut floor: impl FnMut(), mut machine: impl FnMut()) {
    let time = |n: u32, run: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..n {
            run();
        }
        start.elapsed().as_nanos() as f64 / f64::from(n)
    };
    // Rounds of some 20 µs: short enough to be left alone now and then.
    let once = time(200, &mut machine).max(1.0);
    let n = (20_000.0 / once) as u32 + 1;
    let (mut low, mut best) = (f64::MAX, f64::MAX);
    for _ in 0..2_000 {
        low = low.min(time(n, &mut floor));
        best = best.min(time(n, &mut machine));
    }
    let ratio = best / low;
    println!("{name:<44} machine {best:>9.1} ns  floor {low:>9.1} ns  ratio {ratio:.2}");
}
