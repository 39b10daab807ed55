//! The elements of Forwarded. RFC 7239, 4.

use super::{Node, Scheme, is_host};
use crate::event::trim;
use crate::text::token;

/// What a hop says of the request as it got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hop<'f> {
    /// `None` where it does not say.
    pub node: Option<Node<'f>>,
    pub scheme: Option<Scheme>,
    pub host: Option<&'f [u8]>,
}

impl<'f> Hop<'f> {
    pub const MALFORMED: Hop<'static> = Hop::of(Node::Malformed);

    pub const fn of(node: Node<'f>) -> Self {
        Hop {
            node: Some(node),
            scheme: None,
            host: None,
        }
    }

    /// An element: pairs with semicolons between, none of them twice, and no
    /// blanks. One that says nothing is malformed, as is one with anything
    /// malformed in it.
    fn read(element: &'f [u8]) -> Option<Self> {
        let mut rest = trim(element);
        let mut node = None;
        let (mut scheme, mut host, mut by) = (None, None, false);
        let mut pairs = false;
        loop {
            rest = match rest {
                [] => break,
                [b';', tail @ ..] => {
                    rest = tail;
                    continue;
                }
                _ => rest,
            };
            pairs = true;
            let (name, tail) = rest.split_at_checked(token::token_len(rest))?;
            let (value, tail) = read_value(tail.strip_prefix(b"=")?)?;
            if !matches!(tail, [] | [b';', ..]) {
                return None;
            }
            rest = tail;
            if name.is_empty() {
                return None;
            } else if name.eq_ignore_ascii_case(b"for") {
                set(&mut node, Node::read(value?))?;
            } else if name.eq_ignore_ascii_case(b"proto") {
                set(&mut scheme, Scheme::read(value?)?)?;
            } else if name.eq_ignore_ascii_case(b"host") {
                set(&mut host, value.filter(|v| is_host(v))?)?;
            } else if name.eq_ignore_ascii_case(b"by") && core::mem::replace(&mut by, true) {
                return None;
            }
        }
        pairs.then_some(Hop { node, scheme, host })
    }
}

fn set<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// A token or a quoted string at the front of `text`, and what is behind it.
/// Within a string with a backslash nothing that we know can stand: no value.
fn read_value(text: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let Some(inside) = text.strip_prefix(b"\"") else {
        let (value, rest) = text.split_at_checked(token::token_len(text))?;
        return (!value.is_empty()).then_some((Some(value), rest));
    };
    let (mut rest, mut plain) = (inside, true);
    loop {
        rest = match rest {
            [b'"', tail @ ..] => {
                let value = inside.get(..inside.len().checked_sub(rest.len())?)?;
                return Some((plain.then_some(value), tail));
            }
            [b'\\', escaped, tail @ ..] if token::is_value(*escaped) => {
                plain = false;
                tail
            }
            [b'\\', ..] | [] => return None,
            [byte, tail @ ..] if token::is_value(*byte) => tail,
            _ => return None,
        };
    }
}

/// The elements of one field, from the left. Commas within quotation marks
/// part nothing, wherever the marks stand: so what cannot be read reaches up to
/// the next comma that is one in any reading, or to the end of the field, and
/// is one malformed element.
#[derive(Clone, Debug)]
pub(super) struct Elements<'f> {
    rest: Option<&'f [u8]>,
}

impl<'f> Elements<'f> {
    pub fn of(value: &'f [u8]) -> Self {
        Elements { rest: Some(value) }
    }
}

impl<'f> Iterator for Elements<'f> {
    type Item = Hop<'f>;

    fn next(&mut self) -> Option<Hop<'f>> {
        let all = self.rest.take()?;
        let (mut rest, mut quoted) = (all, false);
        let end = loop {
            rest = match rest {
                [] => break all.len(),
                [b',', ..] if !quoted => break all.len().saturating_sub(rest.len()),
                [b'\\', _, tail @ ..] if quoted => tail,
                [byte, tail @ ..] => {
                    quoted ^= *byte == b'"';
                    tail
                }
            };
        };
        let element = all.get(..end).unwrap_or(&[]);
        self.rest = rest.get(1..);
        Some(Hop::read(element).unwrap_or(Hop::MALFORMED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<Hop<'_>> {
        Elements::of(value.as_bytes()).collect()
    }

    fn one(value: &str) -> Hop<'_> {
        let all = read(value);
        assert_eq!(all.len(), 1, "{value}");
        all[0]
    }

    fn ip(text: &str) -> Node<'static> {
        Node::of(text.parse().unwrap(), None)
    }

    #[test]
    fn of_the_specification() {
        assert_eq!(
            one("for=\"_gazonk\""),
            Hop::of(Node::Obfuscated(b"_gazonk"))
        );
        let six = "For=\"[2001:db8:cafe::17]:4711\"";
        let node = Node::of("2001:db8:cafe::17".parse().unwrap(), Some(4711));
        assert_eq!(one(six), Hop::of(node));
        let hop = one("for=192.0.2.60;proto=http;by=203.0.113.43");
        assert_eq!(
            (hop.node, hop.scheme),
            (Some(ip("192.0.2.60")), Some(Scheme::Http))
        );
        let two = read("for=192.0.2.43, for=198.51.100.17");
        assert_eq!(
            two,
            [Hop::of(ip("192.0.2.43")), Hop::of(ip("198.51.100.17"))]
        );
        let two = read("for=_hidden, for=_SEVKISEK");
        let hidden = |name| Hop::of(Node::Obfuscated(name));
        assert_eq!(two, [hidden(b"_hidden"), hidden(b"_SEVKISEK")]);
    }

    #[test]
    fn pairs() {
        let hop = Hop {
            node: Some(ip("192.0.2.1")),
            scheme: Some(Scheme::Https),
            host: Some(b"h.example:8080"),
        };
        for text in [
            "for=192.0.2.1;proto=https;host=\"h.example:8080\"",
            "HOST=\"h.example:8080\";Proto=HTTPS;FOR=\"192.0.2.1\"",
            " ;;for=192.0.2.1;proto=wss;host=\"h.example:8080\";by=\"a,b\\\",\";x=y;x=z;\t",
            "x=\";for=6.6.6.6\";for=192.0.2.1;proto=https;host=\"h.example:8080\"",
        ] {
            assert_eq!(one(text), hop, "{text}");
        }
        assert_eq!(one("proto=http;by=_me").node, None);
    }

    #[test]
    fn what_cannot_be_read_is_one_malformed_element() {
        for text in [
            "",
            " ",
            ";",
            ";;",
            "for",
            "for=",
            "=192.0.2.1",
            "for =192.0.2.1",
            "for= 192.0.2.1",
            "for=192.0.2.1 ;proto=http",
            "for=192.0.2.1; proto=http",
            "for=192.0.2.1:80",
            "for=[2001:db8::1]",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;for=192.0.2.1",
            "for=192.0.2.1;proto=http;proto=http",
            "for=192.0.2.1;by=_a;by=_a",
            "for=192.0.2.1;host=a;host=a",
            "for=192.0.2.1;proto=ftp",
            "for=192.0.2.1;proto=",
            "for=192.0.2.1;host=\"\"",
            "for=192.0.2.1;host=\"a/b\"",
            "for=192.0.2.1;host=\"a b\"",
            "for=\"192.0.2.1",
            "for=\"192.0.2.1\\",
            "for=\"192.0.2.1\"x",
            "for=192.0.2.1\"",
            "for=\"192.0.2.\\1\"",
            "for=192.0.2.1;x=\"\u{1}\"",
            "for=192.0.2.1;x=\"\\\u{7f}\"",
            "for=192.0.2.1;x",
            "for=192.0.2.1;(=b",
            "for=\"a\", for=192.0.2.1;x=\"",
            "a=\", for=192.0.2.1",
        ] {
            let all = read(text);
            assert_eq!(all.last(), Some(&Hop::MALFORMED), "{text}: {all:?}");
        }
        assert_eq!(read("a=\", for=192.0.2.1").len(), 1);
        assert_eq!(read("a=\\\", for=192.0.2.1").len(), 1);
        assert_eq!(read(",").len(), 2);
        let between = read("for=192.0.2.1,x\"y,z\"x,for=192.0.2.2");
        let (first, last) = (Hop::of(ip("192.0.2.1")), Hop::of(ip("192.0.2.2")));
        assert_eq!(between, [first, Hop::MALFORMED, last]);
    }
}
