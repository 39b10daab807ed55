//! A second reader of HTTP/1.x messages, without the library: over whole
//! buffers, line by line, and only the strict rules of RFC 9112. Where a
//! message is not whole it says so and nothing more; the machines may know
//! better by then.

use std::collections::BTreeSet;

pub type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End<'a> {
    /// Whole; what follows.
    Whole(&'a [u8]),
    /// As good as it is, but more must come.
    Cut,
    /// A line of it is not whole, and may be bad.
    Open,
    Bad,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Body<'a> {
    pub bytes: Vec<u8>,
    pub trailers: Lines,
    pub end: End<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    None,
    Counted(u64),
    Chunked,
    /// Until the close.
    Close,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Head<'a, T> {
    /// It is not whole.
    Open,
    /// A line is malformed.
    Bad,
    /// Its lines are good, what they say is not: one of these statuses.
    Refused(Lines, BTreeSet<u16>),
    Good(Lines, T, &'a [u8]),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub framing: Framing,
    /// The connection lives on.
    pub keep: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub framing: Framing,
    pub keep: bool,
}

pub fn token(name: &[u8]) -> bool {
    let special = |b: &u8| b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || special(b))
}

pub fn value(bytes: &[u8]) -> bool {
    !bytes
        .iter()
        .any(|b| (*b < 0x20 && *b != b'\t') || *b == 0x7f)
}

pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

/// Splits at a CRLF.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = find(bytes, b"\r\n")?;
    Some((&bytes[..at], &bytes[at + 2..]))
}

/// The field lines of a section that ends with a blank line, and what follows.
fn fields(mut bytes: &[u8]) -> Option<(Lines, &[u8])> {
    let mut all = Lines::new();
    loop {
        let (text, rest) = line(bytes)?;
        bytes = rest;
        if text.is_empty() {
            return Some((all, bytes));
        }
        let colon = text.iter().position(|b| *b == b':')?;
        let (name, text) = (&text[..colon], trim(&text[colon + 1..]));
        if !token(name) || !value(text) {
            return None;
        }
        all.push((name.to_vec(), text.to_vec()));
    }
}

pub fn is(name: &[u8], known: &str) -> bool {
    name.eq_ignore_ascii_case(known.as_bytes())
}

fn all<'l>(lines: &'l Lines, name: &str) -> Vec<&'l [u8]> {
    let same = lines.iter().filter(|l| is(&l.0, name));
    same.map(|l| &l.1[..]).collect()
}

/// The members of a list, in lower case; empty ones too.
fn members(lines: &Lines, name: &str) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for text in all(lines, name) {
        let parts = text.split(|b| *b == b',');
        out.extend(parts.map(|p| trim(p).to_ascii_lowercase()));
    }
    out
}

fn has(lines: &Lines, name: &str, member: &str) -> bool {
    members(lines, name).iter().any(|m| m == member.as_bytes())
}

/// Content-Length: nothing, a number, or a status that refuses it.
fn content_length(lines: &Lines) -> Result<Option<u64>, u16> {
    let all = all(lines, "Content-Length");
    let digits = |t: &[u8]| !t.is_empty() && t.iter().all(u8::is_ascii_digit);
    match all[..] {
        [] => Ok(None),
        [one] if digits(one) => {
            let number = String::from_utf8_lossy(one).parse();
            match number {
                Ok(n) if one.len() <= 20 => Ok(Some(n)),
                _ => Err(413),
            }
        }
        _ => Err(400),
    }
}

/// Transfer-Encoding of a request: whether there is any, or a status.
fn coding(lines: &Lines) -> Result<bool, u16> {
    if all(lines, "Transfer-Encoding").is_empty() {
        return Ok(false);
    }
    let all = members(lines, "Transfer-Encoding");
    let known: [&[u8]; 5] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"];
    let named = |m: &Vec<u8>| known.contains(&&m[..]);
    let chunked = |m: &Vec<u8>| m == b"chunked";
    let odd = |m: &Vec<u8>| m.is_empty() || m == b"identity";
    if all.iter().any(|m| !named(m) && !chunked(m) && !odd(m)) {
        return Err(501);
    }
    match &all[..] {
        [one] if chunked(one) => Ok(true),
        [more @ .., last] if chunked(last) && more.iter().all(named) => Err(501),
        _ => Err(400),
    }
}

fn name(bytes: &[u8]) -> bool {
    // RFC 3986, 3.2.2: unreserved, sub-delims without the comma, and escapes.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+;=".contains(&b);
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return true,
            [b'%', a, b, tail @ ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => tail,
            [b, tail @ ..] if plain(*b) => tail,
            _ => return false,
        }
    }
}

/// Host and port, if there is a colon; the host is not empty.
fn authority(text: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let (host, rest) = match text {
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|b| *b == b']')?;
            let inside = &rest[..end];
            let six = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
            let good = match inside {
                [] => false,
                [b'v' | b'V', later @ ..] => later.iter().all(|b| name(&[*b]) || *b == b':'),
                _ => inside.iter().all(six),
            };
            if !good {
                return None;
            }
            text.split_at(end + 2)
        }
        _ => {
            let end = text.iter().position(|b| *b == b':').unwrap_or(text.len());
            if end == 0 || !name(&text[..end]) {
                return None;
            }
            text.split_at(end)
        }
    };
    match rest {
        [] => Some((host, None)),
        [b':', port @ ..] if port.iter().all(u8::is_ascii_digit) => Some((host, Some(port))),
        _ => None,
    }
}

fn target(method: &[u8], target: &[u8]) -> bool {
    if method == b"CONNECT" {
        let Some((_, Some(port))) = authority(target) else {
            return false;
        };
        let port = String::from_utf8_lossy(port);
        let port = port.trim_start_matches('0');
        return port.parse::<u16>().is_ok();
    }
    if target.starts_with(b"/") {
        return true;
    }
    if target == b"*" {
        return method == b"OPTIONS";
    }
    let Some(at) = find(target, b"://") else {
        return false;
    };
    let scheme = &target[..at];
    let rest = &target[at + 3..];
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?'));
    let host = &rest[..end.unwrap_or(rest.len())];
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        && authority(host).is_some()
}

fn keeps(lines: &Lines, minor: u8) -> bool {
    !has(lines, "Connection", "close") && (minor > 0 || has(lines, "Connection", "keep-alive"))
}

/// The minor version: 0, or 1 for all later ones.
fn version(text: &[u8]) -> Option<u8> {
    match text {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            minor @ b'0'..=b'9',
        ] => Some((minor - b'0').min(1)),
        _ => None,
    }
}

/// A request's head, of less than 8,000 bytes.
pub fn request(input: &[u8]) -> Head<'_, Request> {
    if find(input, b"\r\n\r\n").is_none() {
        return Head::Open;
    }
    let (first, rest) = line(input).expect("a line");
    let parts: Vec<&[u8]> = first.split(|b| *b == b' ').collect();
    let [method, uri, protocol] = parts[..] else {
        return Head::Bad;
    };
    let byte = |b: &u8| matches!(b, 0x21..=0x7e) && *b != b'#';
    let good = token(method) && method.len() <= 32 && !uri.is_empty() && uri.iter().all(byte);
    let (Some(minor), true, true) = (version(protocol), good, target(method, uri)) else {
        return Head::Bad;
    };
    let Some((lines, rest)) = fields(rest) else {
        return Head::Bad;
    };
    if lines.len() > 100 {
        return Head::Bad;
    }
    let mut wrong = BTreeSet::new();
    match all(&lines, "Host")[..] {
        [] if minor == 0 => {}
        [host] if host.is_empty() || authority(host).is_some() => {}
        _ => drop(wrong.insert(400)),
    }
    let coded = !all(&lines, "Transfer-Encoding").is_empty();
    let counted = !all(&lines, "Content-Length").is_empty();
    if coded && (minor == 0 || counted) {
        wrong.insert(400);
    }
    let framing = match (coding(&lines), content_length(&lines)) {
        (Ok(true), Ok(None)) => Framing::Chunked,
        (Ok(false), Ok(Some(n))) => Framing::Counted(n),
        (coding, length) => {
            wrong.extend(coding.err().into_iter().chain(length.err()));
            Framing::None
        }
    };
    if method == b"CONNECT" && (coded || counted) {
        wrong.insert(400);
    }
    let odd = |m: &Vec<u8>| !m.is_empty() && m != b"100-continue";
    if minor > 0 && members(&lines, "Expect").iter().any(odd) {
        wrong.insert(417);
    }
    let mut given: Lines = vec![
        (b"REQUEST_METHOD".to_vec(), method.to_vec()),
        (b"REQUEST_URI".to_vec(), uri.to_vec()),
        (
            b"SERVER_PROTOCOL".to_vec(),
            format!("HTTP/1.{minor}").into_bytes(),
        ),
    ];
    let keep = keeps(&lines, minor);
    given.extend(lines);
    if wrong.is_empty() {
        Head::Good(given, Request { framing, keep }, rest)
    } else {
        Head::Refused(given, wrong)
    }
}

/// The head of an answer to this method, of less than 8,000 bytes.
pub fn answer<'a>(input: &'a [u8], method: &[u8]) -> Head<'a, Answer> {
    if find(input, b"\r\n\r\n").is_none() {
        return Head::Open;
    }
    let (first, rest) = line(input).expect("a line");
    let Some((protocol, text)) = first.split_at_checked(9) else {
        return Head::Bad;
    };
    let (Some(minor), [.., b' ']) = (version(&protocol[..8]), protocol) else {
        return Head::Bad;
    };
    let [
        a @ b'1'..=b'5',
        b @ b'0'..=b'9',
        c @ b'0'..=b'9',
        reason @ ..,
    ] = text
    else {
        return Head::Bad;
    };
    if !matches!(reason, [] | [b' ', ..]) || !value(reason) {
        return Head::Bad;
    }
    let digit = |b: &u8| u16::from(b - b'0');
    let status = digit(a) * 100 + digit(b) * 10 + digit(c);
    let Some((lines, rest)) = fields(rest) else {
        return Head::Bad;
    };
    if lines.len() > 100 {
        return Head::Bad;
    }
    let mut given: Lines = vec![(b"Status".to_vec(), trim(text).to_vec())];
    let keep = keeps(&lines, minor);
    let framing = answer_framing(&lines, status, method, minor);
    given.extend(lines);
    match framing {
        Some(framing) => Head::Good(
            given,
            Answer {
                status,
                framing,
                keep: keep && framing != Framing::Close,
            },
            rest,
        ),
        None => Head::Refused(given, BTreeSet::from([502])),
    }
}

fn answer_framing(lines: &Lines, status: u16, method: &[u8], minor: u8) -> Option<Framing> {
    if status == 101 {
        return None;
    }
    let tunnel = method == b"CONNECT" && status / 100 == 2;
    if status < 200 || tunnel || method == b"HEAD" || matches!(status, 204 | 304) {
        return Some(Framing::None);
    }
    let length = content_length(lines);
    if all(lines, "Transfer-Encoding").is_empty() {
        return match length {
            Ok(Some(n)) => Some(Framing::Counted(n)),
            Ok(None) => Some(Framing::Close),
            Err(_) => None,
        };
    }
    if minor == 0 {
        return Some(Framing::Close);
    }
    if length.is_err() || length.is_ok_and(|l| l.is_some()) {
        return None;
    }
    let codings = members(lines, "Transfer-Encoding");
    let chunked = |m: &Vec<u8>| m == b"chunked";
    match (codings.len(), codings.last().is_some_and(chunked)) {
        (1, true) => Some(Framing::Chunked),
        (_, true) => None,
        (_, false) => Some(Framing::Close),
    }
}

/// A body at the front of `input`; of `most` trailers at most.
pub fn body(framing: Framing, input: &[u8], most: usize) -> Body<'_> {
    let plain = |bytes: &[u8], end| Body {
        bytes: bytes.to_vec(),
        trailers: Lines::new(),
        end,
    };
    match framing {
        Framing::None => plain(&[], End::Whole(input)),
        Framing::Close => plain(input, End::Cut),
        Framing::Counted(n) => {
            let n = usize::try_from(n).unwrap_or(usize::MAX);
            match input.split_at_checked(n) {
                Some((bytes, rest)) => plain(bytes, End::Whole(rest)),
                None => plain(input, End::Cut),
            }
        }
        Framing::Chunked => {
            let mut bytes = Vec::new();
            let (trailers, end) = chunks(input, &mut bytes, most.min(32));
            Body {
                bytes,
                trailers,
                end,
            }
        }
    }
}

fn chunks<'a>(mut input: &'a [u8], bytes: &mut Vec<u8>, most: usize) -> (Lines, End<'a>) {
    let none = |end| (Lines::new(), end);
    let mut total = 0u64;
    loop {
        let Some((text, rest)) = line(input) else {
            return none(if input.is_empty() {
                End::Cut
            } else {
                End::Open
            });
        };
        let size = size(text);
        let Some((size, sum)) = size.and_then(|n| Some((n, total.checked_add(n)?))) else {
            return none(End::Bad);
        };
        total = sum;
        input = rest;
        if size == 0 {
            return trailers(input, most);
        }
        let n = usize::try_from(size).unwrap_or(usize::MAX);
        let Some((data, rest)) = input.split_at_checked(n) else {
            bytes.extend(input);
            return none(End::Cut);
        };
        bytes.extend(data);
        input = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return none(End::Cut),
            _ => return none(End::Bad),
        }
    }
}

/// A size, with its extension.
fn size(text: &[u8]) -> Option<u64> {
    let end = text.iter().position(|b| !b.is_ascii_hexdigit());
    let (digits, extension) = text.split_at(end.unwrap_or(text.len()));
    if !matches!(digits.len(), 1..=32) {
        return None;
    }
    let digits = String::from_utf8_lossy(digits);
    let size = u128::from_str_radix(&digits, 16).ok()?;
    let size = u64::try_from(size).ok()?;
    let (mut quoted, mut escaped) = (false, false);
    for b in extension {
        let good = match b {
            _ if escaped => value(&[*b]),
            _ if quoted => value(&[*b]),
            b'"' | b'=' | b';' | b' ' | b'\t' => true,
            _ => token(&[*b]),
        };
        if !good {
            return None;
        }
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    let begins = extension.is_empty() || trim(extension).starts_with(b";");
    (begins && !quoted).then_some(size)
}

/// Names that may not be those of trailers. RFC 9110, 6.5.1.
pub fn forbidden(name: &[u8]) -> bool {
    const NAMES: &str = "transfer-encoding content-length host trailer te connection keep-alive \
        upgrade authorization www-authenticate cookie set-cookie content-encoding content-type \
        content-range expect forwarded status http2-settings";
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let prefixed = name.starts_with("proxy-") || name.starts_with("x-forwarded-");
    prefixed || NAMES.split_whitespace().any(|n| n == name)
}

fn trailers(input: &[u8], most: usize) -> (Lines, End<'_>) {
    let whole = input.starts_with(b"\r\n") || find(input, b"\r\n\r\n").is_some();
    if !whole {
        let end = if input.is_empty() {
            End::Cut
        } else {
            End::Open
        };
        return (Lines::new(), end);
    }
    match fields(input) {
        Some((lines, rest)) if lines.len() <= most && !lines.iter().any(|l| forbidden(&l.0)) => {
            (lines, End::Whole(rest))
        }
        _ => (Lines::new(), End::Bad),
    }
}

/// Empty lines off the front of `input`; `None` where there are too many, or
/// half of one is followed by something else.
pub fn blanks(mut input: &[u8]) -> Option<&[u8]> {
    for _ in 0..2 {
        input = input.strip_prefix(b"\r\n").unwrap_or(input);
    }
    match input {
        [b'\r'] => Some(&[]),
        [b'\r' | b'\n', ..] => None,
        _ => Some(input),
    }
}

/// What a server wrote: an answer for each of these methods, in order, with
/// interim ones before; gives the final ones with their bodies. `cut`: the
/// last one may be incomplete.
pub fn answers(
    mut bytes: &[u8],
    methods: &[Vec<u8>],
    cut: bool,
) -> Result<Vec<(Answer, Lines, Vec<u8>)>, String> {
    let err = |what: &str, at: &[u8]| Err(format!("{what}: {}", at.escape_ascii()));
    let mut all = Vec::new();
    let mut methods = methods.iter();
    while !bytes.is_empty() {
        let Some(method) = methods.next() else {
            return err("more answers than requests", bytes);
        };
        loop {
            let (lines, head, rest) = match answer(bytes, method) {
                Head::Good(lines, head, rest) => (lines, head, rest),
                // Whether it was asked for, the caller knows.
                _ if bytes.starts_with(b"HTTP/1.1 101 ") => return Ok(all),
                other => return err(&format!("{other:?}"), bytes),
            };
            if head.status < 200 {
                let framed = |l: &(Vec<u8>, Vec<u8>)| {
                    is(&l.0, "Content-Length") || is(&l.0, "Transfer-Encoding")
                };
                if lines.iter().any(framed) {
                    return err("an interim answer with a body", bytes);
                }
                bytes = rest;
                if bytes.is_empty() {
                    return Ok(all);
                }
                continue;
            }
            let tunnel = &method[..] == b"CONNECT" && head.status / 100 == 2;
            let body = body(head.framing, rest, 32);
            match body.end {
                End::Whole(rest) => bytes = rest,
                End::Cut if cut || head.framing == Framing::Close => bytes = &[],
                end => return err(&format!("{end:?}"), bytes),
            }
            let keep = head.keep && !tunnel;
            all.push((head, lines, body.bytes));
            if !keep && !bytes.is_empty() {
                return err("bytes behind the last answer", bytes);
            }
            break;
        }
    }
    Ok(all)
}
