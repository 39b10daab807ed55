//! What an application reads from its variables. RFC 3875, 4.1.

use crate::error::{Error, Refused};
use crate::event::{Field, Space};
use crate::fields::{Fields, Pairs};
use crate::text::decimal::decimal;

/// The name of the header field that became the variable `var`, in lower case;
/// nothing for variables of other kinds.
///
/// Not exact: `_` is always taken for `-`. `HTTP_CONTENT_LENGTH`,
/// `HTTP_CONTENT_TYPE`, `HTTP_TRANSFER_ENCODING` and `HTTP_PROXY` give nothing:
/// no server sends them in good faith, and as fields they would change how the
/// body is framed or where requests go.
///
/// ```
/// use vestibule::cgi::meta::header_name;
/// let name = header_name(b"HTTP_X_FOO").unwrap();
/// let mut room = [0; 16];
/// let n = name.write(&mut room)?;
/// assert_eq!(&room[..n], b"x-foo");
/// assert!(name.bytes().eq(*b"x-foo"));
/// assert!(header_name(b"REQUEST_METHOD").is_none());
/// # Ok::<(), vestibule::Refused>(())
/// ```
pub fn header_name(var: &[u8]) -> Option<HeaderName<'_>> {
    let name = match var.strip_prefix(b"HTTP_") {
        Some(b"CONTENT_LENGTH" | b"CONTENT_TYPE" | b"TRANSFER_ENCODING" | b"PROXY" | b"") => {
            return None;
        }
        Some(name) => name,
        None if matches!(var, b"CONTENT_TYPE" | b"CONTENT_LENGTH") => var,
        None => return None,
    };
    name.iter()
        .all(|b| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
        .then_some(HeaderName(name))
}

/// The name of a header field, made from a variable's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderName<'a>(&'a [u8]);

impl<'a> HeaderName<'a> {
    /// Its bytes.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'a {
        self.0.iter().map(|b| lower(*b))
    }

    /// How many; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it is the name `other`, whatever the case of that.
    pub fn is(&self, other: &[u8]) -> bool {
        self.0.len() == other.len()
            && self
                .bytes()
                .eq(other.iter().map(|b| b.to_ascii_lowercase()))
    }

    /// Writes it to the front of `room` and says how long it is.
    ///
    /// # Errors
    ///
    /// [`Refused::Room`], and nothing is written.
    pub fn write(&self, room: &mut [u8]) -> Result<usize, Refused> {
        let need = self.0.len();
        let room = room.get_mut(..need).ok_or(Refused::Room { need })?;
        for (to, from) in room.iter_mut().zip(self.bytes()) {
            *to = from;
        }
        Ok(need)
    }
}

const fn lower(byte: u8) -> u8 {
    match byte {
        b'_' => b'-',
        b => b.to_ascii_lowercase(),
    }
}

/// A collected head, read by the names of RFC 3875.
///
/// ```
/// use vestibule::cgi::meta::Meta;
/// use vestibule::{Field, Fields};
/// let mut fields = Fields::new([0u8; 128]);
/// fields.push(Field::var(b"REQUEST_METHOD", b"GET"))?;
/// fields.push(Field::var(b"HTTP_HOST", b"example.org"))?;
/// let meta = Meta::new(&fields);
/// assert_eq!(meta.method(), Some(&b"GET"[..]));
/// assert_eq!(meta.query(), b"");
/// assert_eq!(meta.header(b"host"), Some(&b"example.org"[..]));
/// assert_eq!(meta.content_length(), Ok(None));
/// # Ok::<(), vestibule::Overflow>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Meta<'a> {
    fields: Pairs<'a>,
}

impl<'a> Meta<'a> {
    /// Over the fields of a complete head.
    pub fn new<B: AsRef<[u8]> + AsMut<[u8]>>(fields: &'a Fields<B>) -> Self {
        Meta {
            fields: fields.iter(),
        }
    }

    /// The first variable of this name, as it is.
    pub fn var(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.vars().find(|f| f.name == name).map(|f| f.value)
    }

    fn vars(&self) -> impl Iterator<Item = Field<'a>> {
        self.fields.filter(|f| f.space == Space::Var)
    }

    /// The first header field of this name, whatever its case: one that came
    /// as such, or as a variable.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers(name).next()
    }

    fn headers(&self, name: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .filter(move |f| match f.space {
                Space::Header => f.name.eq_ignore_ascii_case(name),
                Space::Var => header_name(f.name).is_some_and(|n| n.is(name)),
                Space::Trailer | Space::Attribute => false,
            })
            .map(|f| f.value)
    }

    /// REQUEST_METHOD, whose case means something. 4.1.12.
    pub fn method(&self) -> Option<&'a [u8]> {
        self.var(b"REQUEST_METHOD")
    }

    /// QUERY_STRING, still encoded; empty where there is none. 4.1.7.
    pub fn query(&self) -> &'a [u8] {
        self.var(b"QUERY_STRING").unwrap_or_default()
    }

    /// SCRIPT_NAME, decoded; empty where there is none. 4.1.13.
    pub fn script_name(&self) -> &'a [u8] {
        self.var(b"SCRIPT_NAME").unwrap_or_default()
    }

    /// PATH_INFO, decoded; empty where there is none. 4.1.5.
    pub fn path_info(&self) -> &'a [u8] {
        self.var(b"PATH_INFO").unwrap_or_default()
    }

    /// REQUEST_URI: the target as the client sent it, encoded, with its query.
    /// Not of RFC 3875, but sent by all web servers. What is checked on it and
    /// what PATH_INFO says can disagree.
    pub fn request_uri(&self) -> Option<&'a [u8]> {
        self.var(b"REQUEST_URI")
    }

    /// CONTENT_TYPE, if it is not empty. 4.1.3.
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.header(b"content-type").filter(|v| !v.is_empty())
    }

    /// CONTENT_LENGTH; nothing where it is absent or empty. 4.1.2.
    ///
    /// # Errors
    ///
    /// [`Error::ContentLength`]: not digits alone, more than 64 bits, or
    /// several that differ.
    pub fn content_length(&self) -> Result<Option<u64>, Error> {
        let mut length = None;
        for text in self.headers(b"content-length").filter(|v| !v.is_empty()) {
            let n = decimal(text).ok_or(Error::ContentLength)?;
            if length.is_some_and(|before| before != n) {
                return Err(Error::ContentLength);
            }
            length = Some(n);
        }
        Ok(length)
    }

    /// Whether the client came by TLS: HTTPS is there, not empty and not `off`.
    pub fn https(&self) -> bool {
        self.var(b"HTTPS")
            .is_some_and(|v| !v.is_empty() && !v.eq_ignore_ascii_case(b"off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(var: &str) -> Option<String> {
        let name = header_name(var.as_bytes())?;
        let mut room = vec![0; name.len()];
        assert_eq!(
            name.write(&mut room[1..]),
            Err(Refused::Room { need: name.len() })
        );
        assert_eq!(name.write(&mut room), Ok(name.len()));
        assert!(name.is(&room) && name.is(&room.to_ascii_uppercase()));
        assert!(!name.is(&room[1..]));
        Some(String::from_utf8(room).unwrap())
    }

    #[test]
    fn names() {
        assert_eq!(name("HTTP_X_FOO_BAR").unwrap(), "x-foo-bar");
        assert_eq!(name("HTTP_A").unwrap(), "a");
        assert_eq!(name("CONTENT_TYPE").unwrap(), "content-type");
        assert_eq!(name("CONTENT_LENGTH").unwrap(), "content-length");
        for none in [
            "",
            "HTTP",
            "HTTP_",
            "HTTPS",
            "REQUEST_METHOD",
            "HTTP_CONTENT_LENGTH",
            "HTTP_CONTENT_TYPE",
            "HTTP_TRANSFER_ENCODING",
            "HTTP_PROXY",
            "HTTP_a",
            "HTTP_A=",
            "HTTP_A-B",
            "HTTP_A\n",
        ] {
            assert_eq!(name(none), None, "{none}");
        }
    }

    fn with<T>(fields: &[Field<'_>], look: impl Fn(Meta<'_>) -> T) -> T {
        let mut store = Fields::new([0; 512]);
        for f in fields {
            store.push(*f).unwrap();
        }
        look(Meta::new(&store))
    }

    #[test]
    fn content_lengths() {
        let length = |values: &[&str]| {
            let fields: Vec<_> = values
                .iter()
                .map(|v| Field::var(b"CONTENT_LENGTH", v.as_bytes()))
                .collect();
            with(&fields, |m| m.content_length())
        };
        assert_eq!(length(&[]), Ok(None));
        assert_eq!(length(&[""]), Ok(None));
        assert_eq!(length(&["0"]), Ok(Some(0)));
        assert_eq!(length(&["18446744073709551615"]), Ok(Some(u64::MAX)));
        assert_eq!(length(&["5", "05", ""]), Ok(Some(5)));
        for bad in [
            "-1",
            "+5",
            " 5",
            "5 ",
            "0x5",
            "1e3",
            "18446744073709551616",
            "5,5",
            "\u{0}",
        ] {
            assert_eq!(length(&[bad]), Err(Error::ContentLength), "{bad}");
        }
        assert_eq!(length(&["5", "6"]), Err(Error::ContentLength));
        let both = [
            Field::var(b"CONTENT_LENGTH", b"5"),
            Field::header(b"Content-Length", b"6"),
        ];
        assert_eq!(
            with(&both, |m| m.content_length()),
            Err(Error::ContentLength)
        );
        let other = [Field::var(b"HTTP_CONTENT_LENGTH", b"9")];
        assert_eq!(with(&other, |m| m.content_length()), Ok(None));
    }

    #[test]
    fn accessors() {
        let fields = [
            Field::var(b"REQUEST_METHOD", b"get"),
            Field::var(b"QUERY_STRING", b"a=b"),
            Field::var(b"SCRIPT_NAME", b"/s"),
            Field::var(b"PATH_INFO", b"/p"),
            Field::var(b"REQUEST_URI", b"/s/p?a=b"),
            Field::var(b"HTTPS", b"on"),
            Field::header(b"content-type", b"a/b"),
            Field::trailer(b"x", b"t"),
            Field::var(b"HTTP_X", b"v"),
        ];
        with(&fields, |m| {
            assert_eq!(m.method(), Some(&b"get"[..]));
            assert_eq!((m.query(), m.script_name()), (&b"a=b"[..], &b"/s"[..]));
            assert_eq!(
                (m.path_info(), m.request_uri()),
                (&b"/p"[..], Some(&b"/s/p?a=b"[..]))
            );
            assert_eq!(
                (m.content_type(), m.header(b"X")),
                (Some(&b"a/b"[..]), Some(&b"v"[..]))
            );
            assert!(m.https());
            assert_eq!((m.var(b"content-type"), m.header(b"y")), (None, None));
        });
        with(&[], |m| {
            assert_eq!(
                (m.query(), m.path_info(), m.script_name()),
                (&b""[..], &b""[..], &b""[..])
            );
            assert!(!m.https() && m.method().is_none() && m.content_type().is_none());
        });
        for off in ["", "off", "OFF"] {
            assert!(!with(&[Field::var(b"HTTPS", off.as_bytes())], |m| m.https()));
        }
    }
}
