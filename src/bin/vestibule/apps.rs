//! The applications that `serve` has.

use std::io::{self, Write};
use std::time::Duration;

use vestibule::fcgi::Role;
use vestibule::{Id, Length, Request};

use crate::exchange::{Answer, Exchange};
use crate::front::{Front, Own};
use crate::page;

/// Which application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    Hello,
    Mirror,
    Echo,
    Auth,
    /// For browsers; see `demo`.
    Page,
}

impl App {
    pub fn named(name: &str) -> Option<App> {
        match name {
            "hello" => Some(App::Hello),
            "mirror" => Some(App::Mirror),
            "echo" => Some(App::Echo),
            "auth" => Some(App::Auth),
            _ => None,
        }
    }
}

/// Hands one event to an application.
pub fn hand<M: Front, W: Write>(
    app: App,
    exchange: &mut Exchange,
    event: Request<'_, M::Ext<'_>>,
    id: Id,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    match app {
        App::Auth => auth(exchange, event, answer),
        app => respond(app, exchange, event, id, answer),
    }
}

fn respond<M: Front, W: Write>(
    app: App,
    exchange: &mut Exchange,
    event: Request<'_, M::Ext<'_>>,
    id: Id,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    let filter = exchange.role == Role::Filter;
    match event {
        Request::Begin { .. } if app == App::Page && !filter => {
            exchange.keep();
            Ok(())
        }
        Request::Begin { .. } if filter && app != App::Mirror => {
            exchange.over = true;
            let frame = answer.machine.decline(id)?;
            answer.frame(frame)
        }
        // Some web servers never read a rejection, so it is said in words too:
        // an authorizer that is none must not let anybody in.
        Request::HeadEnd { .. } if exchange.role == Role::Authorizer => {
            exchange.over = true;
            answer.text(403, &[], b"this application is no authorizer\n")
        }
        Request::HeadEnd { length, .. } if app == App::Mirror && !filter => {
            mirror_head(exchange, length, answer)
        }
        Request::HeadEnd { .. } if app == App::Echo && mode(exchange) == b"nobody" => {
            exchange.over = true;
            answer.text(200, &[], b"ignored\n")
        }
        Request::HeadEnd { .. } | Request::Begin { .. } => Ok(()),
        Request::Body { bytes, .. } => {
            exchange.count(bytes);
            if app == App::Mirror && !filter {
                answer.body(bytes)?;
            }
            Ok(())
        }
        // A Filter may answer once its standard input is complete.
        Request::BodyEnd { .. } if filter => mirror_head(exchange, Length::Unknown, answer),
        Request::BodyEnd { .. } => {
            exchange.over = true;
            match app {
                App::Hello => answer.text(200, &[], b"Hello, world!\n"),
                App::Mirror => answer.finish(),
                App::Page => page::answer(exchange, answer),
                App::Echo | App::Auth => echo(exchange, answer),
            }
        }
        Request::Ext(ext) => match M::own(&ext) {
            Own::Data(_, bytes) => answer.body(bytes),
            Own::DataEnd(_) => {
                exchange.over = true;
                answer.finish()
            }
            Own::Other => Ok(()),
        },
        Request::Field { .. } | Request::Fault { .. } | Request::Abort { .. } => Ok(()),
    }
}

fn mirror_head<M: Front, W: Write>(
    exchange: &Exchange,
    length: Length,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    let kind = match exchange.var("CONTENT_TYPE") {
        b"" => b"application/octet-stream",
        kind => kind,
    };
    let length = match length {
        Length::None => Length::Known(0),
        length => length,
    };
    answer.head(200, &[("Content-Type", kind)], length)?;
    answer.flush()
}

fn mode(exchange: &Exchange) -> &[u8] {
    exchange.query("m").unwrap_or(b"echo")
}

/// The contract that the query string picks from.
fn echo<M: Front, W: Write>(exchange: &Exchange, answer: &mut Answer<'_, M, W>) -> io::Result<()> {
    let n = exchange.number();
    match mode(exchange) {
        b"size" => size(exchange, n, answer),
        b"status" => match u16::try_from(n) {
            Ok(status @ 200..=599) => {
                answer.text(status, &[], format!("status {status}\n").as_bytes())
            }
            _ => answer.text(400, &[], b"n is no final status\n"),
        },
        b"odd" => answer.text(
            200,
            &[
                (
                    "X-Utf8",
                    "\u{17e}lu\u{165}ou\u{10d}k\u{fd} k\u{16f}\u{148}".as_bytes(),
                ),
                ("X-Latin1", b"caf\xe9"),
                ("X-Empty", b""),
                ("Set-Cookie", b"a=1"),
                ("Set-Cookie", b"b=2; Path=/"),
                ("x-lower-Case", b"Yes"),
            ],
            b"odd\n",
        ),
        b"stderr" => {
            answer.log(b"stderr line one\n")?;
            answer.head(200, &[("Content-Type", b"text/plain")], Length::Unknown)?;
            answer.body(b"body\n")?;
            answer.log(b"stderr line two\n")?;
            answer.finish()
        }
        b"slow" => {
            answer.head(200, &[("Content-Type", b"text/plain")], Length::Unknown)?;
            for i in 0..n {
                if i > 0 {
                    std::thread::sleep(Duration::from_millis(50));
                }
                answer.body(format!("chunk {i}\n").as_bytes())?;
                answer.flush()?;
            }
            answer.finish()
        }
        _ => answer.text(200, &[], &dump(exchange)),
    }
}

/// `n` bytes of numbered lines.
fn size<M: Front, W: Write>(
    exchange: &Exchange,
    n: u64,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    let fields = [("Content-Type", &b"text/plain"[..])];
    answer.head(200, &fields, Length::Known(n))?;
    let mut left = n;
    let mut line: u64 = 0;
    let mut chunk = Vec::new();
    while left > 0 && exchange.var("REQUEST_METHOD") != b"HEAD" {
        chunk.clear();
        while chunk.len() < 65_000 && (chunk.len() as u64) < left {
            writeln!(chunk, "{line:07}")?;
            line += 1;
        }
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= chunk.len() as u64;
        answer.body(&chunk)?;
    }
    answer.finish()
}

fn dump(exchange: &Exchange) -> Vec<u8> {
    let mut out = Vec::from(&b"peer: vestibule\nmethod: "[..]);
    escape(exchange.var("REQUEST_METHOD"), &mut out);
    let (length, hash) = (exchange.length, exchange.hash);
    out.extend_from_slice(format!("\nbody-len: {length}\nbody-fnv: {hash:016x}\n\n").as_bytes());
    for (name, value) in exchange.sorted() {
        escape(name, &mut out);
        out.push(b'=');
        escape(value, &mut out);
        out.push(b'\n');
    }
    out
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match byte {
            b'\\' => out.extend_from_slice(b"\\x5c"),
            0x20..=0x7e => out.push(*byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
}

/// Lets the user `demo` in, and nobody else.
fn auth<M: Front, W: Write>(
    exchange: &mut Exchange,
    event: Request<'_, M::Ext<'_>>,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    match event {
        Request::HeadEnd { .. } => {
            exchange.over = true;
            if exchange.role != Role::Authorizer {
                return answer.text(403, &[], b"this application is an authorizer\n");
            }
            if exchange.var("REMOTE_USER") == b"demo"
                || basic_user(exchange.var("HTTP_AUTHORIZATION")).as_deref() == Some(b"demo")
            {
                answer.head(200, &[("Variable-AUTH_USER", b"demo")], Length::Unknown)?;
                return answer.finish();
            }
            let challenge = [("WWW-Authenticate", &b"Basic realm=\"vestibule\""[..])];
            answer.text(401, &challenge, b"who are you?\n")
        }
        Request::Begin { .. }
        | Request::Field { .. }
        | Request::Body { .. }
        | Request::BodyEnd { .. }
        | Request::Fault { .. }
        | Request::Abort { .. }
        | Request::Ext(_) => Ok(()),
    }
}

/// The user of `Basic` credentials (RFC 7617), if that is what they are.
fn basic_user(credentials: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = credentials.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let mut pair = base64(rest.trim_ascii())?;
    let colon = pair.iter().position(|b| *b == b':')?;
    pair.truncate(colon);
    Some(pair)
}

/// RFC 4648, 4, with its padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = match text {
        [rest @ .., b'=', b'='] | [rest @ .., b'='] => rest,
        _ => text,
    };
    let (mut out, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    (bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials() {
        assert_eq!(basic_user(b"Basic ZGVtbzp4").as_deref(), Some(&b"demo"[..]));
        assert_eq!(basic_user(b"basic ZGVtbzo=").as_deref(), Some(&b"demo"[..]));
        for bad in [
            &b""[..],
            b"Basic",
            b"Basic ",
            b"Basic ZGVtbw==",
            b"Basic ZGVtbzo",
            b"Basic ZG=tbzo=",
            b"Bearer ZGVtbzp4",
        ] {
            assert_eq!(basic_user(bad), None);
        }
        assert_eq!(base64(b"AA==").unwrap(), [0]);
        assert_eq!(base64(b"AB=="), None);
        assert_eq!(base64(b"+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn escapes() {
        let mut out = Vec::new();
        escape(b"a\\\n\xff~", &mut out);
        assert_eq!(out, b"a\\x5c\\x0a\\xff~");
    }
}
