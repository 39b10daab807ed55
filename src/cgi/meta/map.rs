//! From header fields to variables. RFC 3875, 4.1.18.

mod census;
mod mapping;

pub(crate) use census::Sketch;
pub use mapping::Mapping;

use core::marker::PhantomData;

use self::census::{Census, is_connection, key, members};
use crate::error::Refused;
use crate::event::{Cut, Field, Space};
use crate::frame::fill;
use crate::text::token;

/// The variables of a head, in order, without storage.
///
/// A variable passes unchanged, but for `HTTP_PROXY`, which is dropped. A
/// header field becomes `HTTP_` and its name in upper case with `_` for `-`,
/// Content-Type and Content-Length without the prefix. Header fields of one
/// name become one variable, joined by `, `, Cookie by `; `, at the place of
/// the first. Attributes are not for applications and are dropped. Expect and
/// fields for one connection are withheld: see [`Mapping`].
///
/// Each item is [`Refused::Field`] where the field cannot be passed on: it is a
/// piece, or a trailer; a variable without a name; a header name with other
/// bytes than letters, digits and `-`; a control byte in a header value; a
/// header that would become a variable which is also given as one; several
/// Content-Length or Content-Type that differ. The request is then not to be sent.
///
/// ```
/// use vestibule::Field;
/// use vestibule::cgi::meta::{Mapping, vars};
/// let fields = [
///     Field::var(b"REQUEST_METHOD", b"GET"),
///     Field::header(b"Cookie", b"a=1"),
///     Field::header(b"Proxy", b"http://evil.example"),
///     Field::header(b"cookie", b"b=2"),
/// ];
/// let mut text = String::new();
/// for var in vars(&fields, Mapping::GATEWAY) {
///     let (mut name, mut value) = ([0; 64], [0; 64]);
///     let var = var?;
///     let n = var.write_name(&mut name)?;
///     let v = var.write_value(&mut value)?;
///     text += core::str::from_utf8(&name[..n]).unwrap();
///     text += "=";
///     text += core::str::from_utf8(&value[..v]).unwrap();
///     text += "\n";
/// }
/// assert_eq!(text, "REQUEST_METHOD=GET\nHTTP_COOKIE=a=1; b=2\n");
/// # Ok::<(), vestibule::Refused>(())
/// ```
#[inline]
pub fn vars<'v, 'f, I>(fields: &'v I, mapping: Mapping) -> Vars<'v, 'f, I>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    Vars {
        source: fields,
        rest: fields.clone().into_iter(),
        at: 0,
        mapping,
        census: None,
        fields: PhantomData,
    }
}

/// The iterator of [`vars`].
#[derive(Clone, Debug)]
pub struct Vars<'v, 'f, I>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    source: &'v I,
    rest: I::IntoIter,
    /// Place of the next field in the source.
    at: usize,
    mapping: Mapping,
    /// Taken at the first header field: heads of variables alone need none.
    census: Option<Census>,
    fields: PhantomData<&'f ()>,
}

impl<'v, 'f, I> Iterator for Vars<'v, 'f, I>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    type Item = Result<Var<'v, 'f, I>, Refused>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let field = self.rest.next()?;
            let at = self.at;
            self.at = at.saturating_add(1);
            if field.cut != Cut::Whole {
                return Some(Err(Refused::Field));
            }
            match field.space {
                Space::Var if field.name.is_empty() => return Some(Err(Refused::Field)),
                Space::Var if is_proxy(field.name) => {}
                Space::Var => return Some(Ok(self.plain(field.name, field.value))),
                Space::Header => match self.header(field, at) {
                    Some(item) => return Some(item),
                    None => continue,
                },
                Space::Attribute => {}
                Space::Trailer => return Some(Err(Refused::Field)),
            }
        }
    }
}

impl<'v, 'f, I> Vars<'v, 'f, I>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    #[inline]
    fn plain(&self, name: &'f [u8], value: &'f [u8]) -> Var<'v, 'f, I> {
        Var {
            name,
            value,
            mapped: false,
            more: None,
        }
    }

    fn every(&self) -> impl Iterator<Item = Field<'f>> {
        self.source.clone().into_iter()
    }

    #[inline(never)]
    fn header(&mut self, field: Field<'f>, at: usize) -> Option<Result<Var<'v, 'f, I>, Refused>> {
        let name = field.name;
        let value = field.trimmed();
        if !plain_name(name) {
            return match self.mapping.drops_odd_names() {
                true => None,
                false => Some(Err(Refused::Field)),
            };
        }
        if self.mapping.withholds(name) {
            return None;
        }
        let source = self.source;
        let census = self
            .census
            .get_or_insert_with(|| Census::of(source.clone().into_iter()));
        let key = key(name);
        let (listed, twice) = (census.listed.has(key), census.twice.has(key));
        if listed && self.mapping.withheld_if_listed(name) && self.listed(name) {
            return None;
        }
        if !token::is_field_value(value) {
            return Some(Err(Refused::Field));
        }
        let own = variable(name);
        let mut more = None;
        if twice {
            // Counted by hand: `enumerate` panics where a sum is checked.
            let mut next = 0usize;
            for other in self.every() {
                let place = next;
                next = place.saturating_add(1);
                match other.space {
                    Space::Var if becomes(name, other.name) => return Some(Err(Refused::Field)),
                    Space::Header if place != at && other.name.eq_ignore_ascii_case(name) => {
                        if own.is_some() && other.trimmed() != value {
                            return Some(Err(Refused::Field));
                        }
                        if place < at {
                            return None;
                        }
                        more = Some((source, self.at));
                    }
                    _ => {}
                }
            }
        }
        Some(Ok(match own {
            Some(own) => self.plain(own, value),
            None => Var {
                name,
                value,
                mapped: true,
                more,
            },
        }))
    }

    /// Whether a Connection field names this one.
    #[cold]
    fn listed(&self, name: &[u8]) -> bool {
        self.every()
            .filter(is_connection)
            .flat_map(|f| members(f.value))
            .any(|member| member.eq_ignore_ascii_case(name))
    }
}

/// A variable: a name and a value, in lent bytes.
#[derive(Clone, Copy, Debug)]
pub struct Var<'v, 'f, I> {
    name: &'f [u8],
    value: &'f [u8],
    /// The name is a header's.
    mapped: bool,
    /// Where fields of the same name are to be found, from which place on.
    more: Option<(&'v I, usize)>,
}

const PREFIX: &[u8] = b"HTTP_";

impl<'v, 'f, I> Var<'v, 'f, I>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    /// Name and value where both are there as they are to be written: for all
    /// that were variables before.
    #[inline]
    pub fn plain(&self) -> Option<(&'f [u8], &'f [u8])> {
        (!self.mapped).then_some((self.name, self.value))
    }

    /// Bytes of the name.
    #[inline]
    pub fn name_len(&self) -> usize {
        match self.mapped {
            true => self.name.len().saturating_add(PREFIX.len()),
            false => self.name.len(),
        }
    }

    /// Bytes of the value.
    #[inline]
    pub fn value_len(&self) -> usize {
        match self.more {
            None => self.value.len(),
            Some(_) => self
                .values()
                .fold(0, |n: usize, v| n.saturating_add(v.len())),
        }
    }

    /// Whether this is the variable `name`, such as `HTTP_HOST`.
    pub fn is(&self, name: &[u8]) -> bool {
        match self.mapped {
            true => becomes(self.name, name),
            false => self.name == name,
        }
    }

    /// Writes the name to the front of `room` and says how long it is.
    ///
    /// # Errors
    ///
    /// [`Refused::Room`], and nothing is written.
    #[inline]
    pub fn write_name(&self, room: &mut [u8]) -> Result<usize, Refused> {
        let need = self.name_len();
        let room = room.get_mut(..need).ok_or(Refused::Room { need })?;
        if !self.mapped {
            fill(room, self.name);
        } else if let Some((prefix, rest)) = room.split_at_mut_checked(PREFIX.len()) {
            fill(prefix, PREFIX);
            for (to, from) in rest.iter_mut().zip(self.name) {
                *to = upper(*from);
            }
        }
        Ok(need)
    }

    /// Writes the value to the front of `room` and says how long it is.
    ///
    /// # Errors
    ///
    /// [`Refused::Room`], and nothing is written.
    #[inline]
    pub fn write_value(&self, room: &mut [u8]) -> Result<usize, Refused> {
        let need = self.value_len();
        let mut rest = room.get_mut(..need).ok_or(Refused::Room { need })?;
        for value in self.values() {
            if let Some((now, later)) = rest.split_at_mut_checked(value.len()) {
                fill(now, value);
                rest = later;
            } else {
                // The source gave less when its length was asked.
                return Err(Refused::Field);
            }
        }
        Ok(need)
    }

    /// The value, in the slices that make it up when they are put together:
    /// one, or those of several fields with separators between.
    #[inline]
    pub fn values(&self) -> Values<'f, I> {
        Values {
            first: Some(self.value),
            kept: None,
            name: self.name,
            rest: self
                .more
                .map(|(source, at)| (source.clone().into_iter(), at)),
        }
    }
}

/// The iterator of [`Var::values`].
#[derive(Clone, Debug)]
pub struct Values<'f, I>
where
    I: IntoIterator<Item = Field<'f>>,
{
    first: Option<&'f [u8]>,
    /// A value whose separator was given.
    kept: Option<&'f [u8]>,
    name: &'f [u8],
    /// The fields, and how many of them to pass over first.
    rest: Option<(I::IntoIter, usize)>,
}

impl<'f, I> Iterator for Values<'f, I>
where
    I: IntoIterator<Item = Field<'f>>,
{
    type Item = &'f [u8];

    #[inline]
    fn next(&mut self) -> Option<&'f [u8]> {
        if let Some(value) = self.first.take().or_else(|| self.kept.take()) {
            return Some(value);
        }
        let (rest, skip) = self.rest.as_mut()?;
        loop {
            let field = rest.next()?;
            if *skip > 0 {
                *skip = skip.saturating_sub(1);
            } else if field.space == Space::Header && field.name.eq_ignore_ascii_case(self.name) {
                self.kept = Some(field.trimmed());
                return Some(match self.name.eq_ignore_ascii_case(b"cookie") {
                    true => b"; ",
                    false => b", ",
                });
            }
        }
    }
}

pub(crate) fn is_proxy(name: &[u8]) -> bool {
    name.len() == 10 && name.eq_ignore_ascii_case(b"HTTP_PROXY")
}

/// The variable of a header field that has one of its own.
fn variable(name: &[u8]) -> Option<&'static [u8]> {
    if name.eq_ignore_ascii_case(b"content-type") {
        Some(b"CONTENT_TYPE")
    } else if name.eq_ignore_ascii_case(b"content-length") {
        Some(b"CONTENT_LENGTH")
    } else {
        None
    }
}

/// Whether the header field `name` becomes the variable `var`.
fn becomes(name: &[u8], var: &[u8]) -> bool {
    match (variable(name), var.strip_prefix(PREFIX)) {
        (Some(own), _) => own == var,
        (None, Some(var)) => {
            name.len() == var.len() && name.iter().zip(var).all(|(n, v)| upper(*n) == *v)
        }
        (None, None) => false,
    }
}

/// Letters, digits and `-` alone: no two such names become one variable.
fn plain_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

#[inline]
const fn upper(byte: u8) -> u8 {
    match byte {
        b'-' => b'_',
        b => b.to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mapping: Mapping, fields: &[Field<'_>]) -> Result<String, Refused> {
        let mut text = Vec::new();
        let source = fields.iter().copied();
        for var in vars(&source, mapping) {
            let var = var?;
            let mut room = vec![0; var.name_len() + var.value_len()];
            for short in 0..var.name_len() {
                let need = var.name_len();
                assert_eq!(
                    var.write_name(&mut room[..short]),
                    Err(Refused::Room { need })
                );
            }
            for short in 0..var.value_len() {
                let need = var.value_len();
                assert_eq!(
                    var.write_value(&mut room[..short]),
                    Err(Refused::Room { need })
                );
            }
            let n = var.write_name(&mut room).unwrap();
            let v = var.write_value(&mut room[n..]).unwrap();
            assert_eq!(n + v, room.len());
            assert_eq!(var.values().collect::<Vec<_>>().concat(), room[n..]);
            assert!(var.is(&room[..n]) && !var.is(&room[..n - 1]));
            assert!(!room[..n].contains(&b'=') || var.plain().is_some());
            if let Some((name, value)) = var.plain() {
                assert_eq!([name, value].concat(), room);
            }
            room.insert(n, b'=');
            text.push(room.escape_ascii().to_string());
        }
        Ok(text.join(" "))
    }

    fn header<'a>(name: &'a str, value: &'a str) -> Field<'a> {
        Field::header(name.as_bytes(), value.as_bytes())
    }

    #[track_caller]
    fn maps(fields: &[(&str, &str)], want: &str) {
        let fields: Vec<_> = fields.iter().map(|(n, v)| header(n, v)).collect();
        assert_eq!(run(Mapping::GATEWAY, &fields).unwrap(), want);
    }

    #[test]
    fn r12_to_r18_and_r23_r24() {
        maps(&[("Proxy", "x")], "");
        maps(&[("PROXY", "x"), ("pRoXy", "y")], "");
        maps(&[("X-A", "1"), ("X-A", "2")], "HTTP_X_A=1, 2");
        maps(
            &[("Cookie", "a=1"), ("Host", "h"), ("cookie", "b=2")],
            "HTTP_COOKIE=a=1; b=2 HTTP_HOST=h",
        );
        maps(
            &[("Content-Length", "0"), ("content-type", "a/b")],
            "CONTENT_LENGTH=0 CONTENT_TYPE=a/b",
        );
        maps(&[("X-Empty", "")], "HTTP_X_EMPTY=");
        maps(
            &[
                ("Connection", "close, X-Hop"),
                ("X-Hop", "1"),
                ("X-Hope", "2"),
            ],
            "HTTP_X_HOPE=2",
        );
        maps(&[("x-hop", "1"), ("connection", "X-HOP")], "");
        let odd = [header("X_A", "1"), header("X-A", "2")];
        assert_eq!(run(Mapping::GATEWAY, &odd), Err(Refused::Field));
        assert_eq!(
            run(Mapping::GATEWAY.drop_odd_names(true), &odd).unwrap(),
            "HTTP_X_A=2"
        );
        let odd = [header("Content_Length", "9")];
        assert_eq!(run(Mapping::GATEWAY, &odd), Err(Refused::Field));
        assert_eq!(
            run(Mapping::GATEWAY.drop_odd_names(true), &odd).unwrap(),
            ""
        );
        let secret = [
            header("Authorization", "Basic dTpw"),
            header("Proxy-Authorization", "x"),
        ];
        assert_eq!(run(Mapping::PROCESS, &secret).unwrap(), "");
        assert_eq!(
            run(Mapping::GATEWAY, &secret).unwrap(),
            "HTTP_AUTHORIZATION=Basic dTpw HTTP_PROXY_AUTHORIZATION=x"
        );
    }

    #[test]
    fn joins_keep_the_order_and_trim() {
        maps(
            &[("A", " 1 "), ("B", "x"), ("a", ""), ("A", "3\t")],
            "HTTP_A=1, , 3 HTTP_B=x",
        );
        maps(
            &[("Content-Length", "5"), ("Content-Length", "5")],
            "CONTENT_LENGTH=5",
        );
        for name in ["Content-Length", "Content-Type"] {
            let fields = [header(name, "5"), header(name, "6")];
            assert_eq!(run(Mapping::GATEWAY, &fields), Err(Refused::Field));
        }
    }

    #[test]
    fn what_is_withheld() {
        let hop = [
            "Connection",
            "Keep-Alive",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Proxy-Connection",
            "Expect",
        ];
        for name in hop {
            maps(&[(name, "x"), ("A", "1")], "HTTP_A=1");
        }
        let fields = [
            header("Connection", "Upgrade, X"),
            header("Upgrade", "websocket"),
            header("X", "1"),
            header("Proxy", "x"),
        ];
        assert_eq!(
            run(Mapping::GATEWAY.upgrade(true), &fields).unwrap(),
            "HTTP_CONNECTION=Upgrade, X HTTP_UPGRADE=websocket"
        );
        // Connection cannot take these away from the application.
        maps(
            &[
                ("Connection", "host,content-length, Content-Type,,"),
                ("Host", "h"),
                ("Content-Length", "1"),
                ("Content-Type", "a/b"),
            ],
            "HTTP_HOST=h CONTENT_LENGTH=1 CONTENT_TYPE=a/b",
        );
    }

    #[test]
    fn variables_pass_unchanged() {
        let fields = [
            Field::var(b"REQUEST_METHOD", b" GET\n\xff"),
            Field::var(b"HTTP_PROXY", b"x"),
            Field::var(b"http_proxy", b"x"),
            Field::var(b"HTTP_PROXY_X", b""),
            Field::var(b"lower", b"2"),
            Field::var(b"lower", b"3"),
            Field {
                space: Space::Attribute,
                ..Field::var(b"secret", b"x")
            },
        ];
        assert_eq!(
            run(Mapping::PROCESS, &fields).unwrap(),
            "REQUEST_METHOD= GET\\n\\xff HTTP_PROXY_X= lower=2 lower=3"
        );
    }

    #[test]
    fn what_is_refused() {
        let refused = |fields: &[Field<'_>]| {
            for mapping in [Mapping::GATEWAY, Mapping::PROCESS.drop_odd_names(true)] {
                assert_eq!(run(mapping, fields), Err(Refused::Field), "{fields:?}");
            }
        };
        for value in ["a\0", "a\r\nB: c", "\n", "\u{1}", "\u{7f}"] {
            refused(&[header("A", value)]);
            refused(&[header("A", "1"), header("A", value)]);
        }
        refused(&[Field::var(b"", b"x")]);
        refused(&[Field::trailer(b"A", b"x")]);
        for cut in [Cut::First, Cut::Middle, Cut::Last] {
            refused(&[Field {
                cut,
                ..Field::var(b"A", b"x")
            }]);
            refused(&[Field {
                cut,
                ..header("A", "x")
            }]);
        }
        // A variable and a header that become one, in either order.
        for (var, name) in [
            ("HTTP_X_A", "x-A"),
            ("CONTENT_LENGTH", "content-length"),
            ("CONTENT_TYPE", "Content-Type"),
            ("HTTP_HOST", "Host"),
        ] {
            let var = Field::var(var.as_bytes(), b"1");
            refused(&[var, header(name, "1")]);
            refused(&[header(name, "1"), var]);
            assert!(run(Mapping::GATEWAY, &[var, header("Other", "1")]).is_ok());
        }
        for name in ["", "A B", "A=", "A.", "A\u{e4}", "=", "A_B", "A!"] {
            assert_eq!(
                run(Mapping::GATEWAY, &[header(name, "x")]),
                Err(Refused::Field)
            );
            let dropped = run(Mapping::GATEWAY.drop_odd_names(true), &[header(name, "x")]);
            assert_eq!(dropped.unwrap(), "");
        }
    }

    #[test]
    fn many_names() {
        let names: Vec<_> = (0..256).map(|n| format!("X-{}", n % 200)).collect();
        let fields: Vec<_> = names.iter().map(|n| header(n, "v")).collect();
        let text = run(Mapping::GATEWAY, &fields).unwrap();
        assert_eq!(text.split("HTTP_").count(), 201);
        assert!(text.contains("HTTP_X_7=v, v ") && text.contains("HTTP_X_99=v "));
    }
}
