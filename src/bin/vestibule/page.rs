//! The application for browsers: a page of the request as it arrived, and of
//! the exchange that brings the page.

use std::fmt::Write as _;
use std::io::{self, Write};

use vestibule::{Length, Space};

use crate::exchange::{Answer, Arrived, Exchange};
use crate::front::Front;
use crate::ladder::{Content, From, Line};

const STYLE: &str = include_str!("page.css");

/// There is no script, whatever a request may say.
const POLICY: &[u8] = b"script-src 'none'; object-src 'none'; form-action 'self'; base-uri 'none'";

/// Answers a complete request. The head comes first: the page shows it.
pub fn answer<M: Front, W: Write>(
    exchange: &Exchange,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    let fields = [
        ("Content-Type", &b"text/html; charset=utf-8"[..]),
        ("Cache-Control", b"no-store"),
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", b"nosniff"),
    ];
    let mut head = Vec::new();
    answer.head_shown(200, &fields, Length::Unknown, |frame| {
        head = frame.slices().concat();
    })?;
    let arrived = exchange.arrived();
    // Of a web server's variables the wire shows nothing.
    let ladder = (!M::VARIABLES).then(|| ladder(arrived, exchange, &head));
    let page = page(arrived, exchange, ladder.unwrap_or_default());
    answer.body(page.as_bytes())?;
    answer.finish()
}

/// What passed, by direction.
fn ladder(arrived: &Arrived, exchange: &Exchange, head: &[u8]) -> Vec<(From, Line)> {
    let mut lines = Vec::new();
    let start: Vec<String> = arrived.fields(Space::Var).map(|f| text(f.1)).collect();
    lines.push((From::Server, Line::Arrow(start.join(" "))));
    let note = |(name, value): (&[u8], &[u8])| {
        let line = format!("{}: {}", text(name), text(value));
        (From::Server, Line::Note(line))
    };
    lines.extend(arrived.fields(Space::Header).map(note));
    if exchange.demanded {
        let line = Line::Arrow("HTTP/1.1 100 Continue".into());
        lines.push((From::Application, line));
    }
    if exchange.length > 0 {
        let mut content = Content::default();
        content.push(&arrived.body);
        content.length = exchange.length;
        lines.push((From::Server, Line::Arrow(content.shown())));
    }
    lines.extend(arrived.fields(Space::Trailer).map(note));
    for (at, line) in head.trim_ascii_end().split(|b| *b == b'\n').enumerate() {
        let line = text(line.trim_ascii_end());
        let line = match at {
            0 => Line::Arrow(line),
            _ => Line::Note(line),
        };
        lines.push((From::Application, line));
    }
    lines.push((From::Application, Line::Arrow("this page".into())));
    lines
}

fn page(arrived: &Arrived, exchange: &Exchange, ladder: Vec<(From, Line)>) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Your request</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{STYLE}</style>\n<main>\n<h1>Your request, as it arrived</h1>\n\
         <p class=\"soft\">The application that is built into vestibule made this page. \
         What you see came in over the connection that the page goes out on.</p>\n"
    );
    let start: Vec<String> = arrived.fields(Space::Var).map(|f| html(f.1)).collect();
    let _ = writeln!(
        out,
        "<section>\n<h2>Request</h2>\n<code class=\"start\">{}</code>",
        start.join(" ")
    );
    table(&mut out, arrived.fields(Space::Header));
    table(&mut out, arrived.fields(Space::Trailer));
    out.push_str("</section>\n");
    if exchange.length > 0 {
        let more = match exchange.length > arrived.body.len() as u64 {
            true => format!(", of which these are the first {}", arrived.body.len()),
            false => String::new(),
        };
        let _ = writeln!(
            out,
            "<section>\n<h2>Body</h2>\n<p class=\"soft\">{} bytes{more}; FNV-1a {:016x}</p>\n\
             <pre>{}</pre>\n</section>",
            exchange.length,
            exchange.hash,
            html(&arrived.body)
        );
    }
    if !ladder.is_empty() {
        out.push_str(
            "<section>\n<h2>Exchange</h2>\n<div class=\"names\"><span>browser</span>\
             <span>application</span></div>\n<ol class=\"ladder\">\n",
        );
        for (from, line) in &ladder {
            let (kind, text) = match line {
                Line::Arrow(text) => ("arrow", text),
                Line::Note(text) => ("note", text),
            };
            let side = match from {
                From::Server => "to",
                From::Application => "from",
            };
            let text = html(text.as_bytes());
            let _ = writeln!(out, "<li class=\"{side} {kind}\">{text}</li>");
        }
        out.push_str("</ol>\n</section>\n");
    }
    out.push_str("<section>\n<h2>Variables, by the names that CGI gave them</h2>\n");
    table(&mut out, exchange.sorted().into_iter());
    out.push_str(
        "</section>\n<section>\n<h2>Another one</h2>\n<p class=\"links\"><a href=\"/\">/</a> \
         <a href=\"/a/path?with=a&amp;query\">/a/path?with=a&amp;query</a> \
         <a href=\"/caf%C3%A9%20au%20lait\">/caf%C3%A9%20au%20lait</a></p>\n\
         <form method=\"post\" action=\"/posted\"><input name=\"text\" value=\"Hello &lt;world&gt;\" \
         aria-label=\"Text to post\"><button>POST it</button></form>\n</section>\n\
         <footer>vestibule ",
    );
    out.push_str(env!("CARGO_PKG_VERSION"));
    out.push_str("</footer>\n</main>\n</html>\n");
    out
}

fn table<'a>(out: &mut String, rows: impl Iterator<Item = (&'a [u8], &'a [u8])>) {
    let mut any = false;
    for (name, value) in rows {
        if !std::mem::replace(&mut any, true) {
            out.push_str("<table>\n");
        }
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td></tr>",
            html(name),
            html(value)
        );
    }
    if any {
        out.push_str("</table>\n");
    }
}

/// As text: what is no UTF-8, and control characters, as escapes.
fn text(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                c if c.is_control() => out.extend(c.escape_default()),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// The same for HTML.
fn html(bytes: &[u8]) -> String {
    let mut out = String::new();
    for c in text(bytes).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_passes_for_markup() {
        assert_eq!(
            html(b"<a href='x'>&\"\0\x1b caf\xc3\xa9\xff"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\u{0}\\u{1b} caf\u{e9}\\xff"
        );
    }
}
