//! The arguments of a program, from the query. RFC 3875, 4.4.
//!
//! An old form of search: a query without `=` is words between `+`, and a web
//! server may give them to the program as its arguments. Interpreters take
//! options there, which has let clients choose those (CVE-2012-1823,
//! CVE-2024-4577), so nobody should do it who need not.

use super::path::hex;

/// How many words there may be.
const MOST: usize = 64;

/// The words of `query`, where they are to be a program's arguments; `None`
/// where it is to get none.
///
/// None it gets where the method is neither GET nor HEAD; where the query is
/// empty, has a `=` that is not encoded, or is more than 64 words; and where
/// any word has a `%` without two hexadecimal digits, a NUL, a byte that is
/// not ASCII, or a `-` in front.
///
/// ```
/// use vestibule::cgi::argv::words;
/// let words = words(b"GET", b"one+two%20b").unwrap();
/// let words: Vec<Vec<u8>> = words.map(|word| word.bytes().collect()).collect();
/// assert_eq!(words, [&b"one"[..], b"two b"]);
/// # use vestibule::cgi::argv;
/// assert!(argv::words(b"GET", b"a=b").is_none());
/// assert!(argv::words(b"GET", b"-d+allow_url_include").is_none());
/// assert!(argv::words(b"POST", b"one").is_none());
/// ```
pub fn words<'q>(method: &[u8], query: &'q [u8]) -> Option<Words<'q>> {
    let words = Words { rest: Some(query) };
    let good = matches!(method, b"GET" | b"HEAD")
        && !query.is_empty()
        && !query.contains(&b'=')
        && words.into_iter().nth(MOST).is_none()
        && words.into_iter().all(|word| word.is_good());
    good.then_some(words)
}

/// The iterator of [`words`].
#[derive(Clone, Copy, Debug)]
pub struct Words<'q> {
    rest: Option<&'q [u8]>,
}

impl<'q> Iterator for Words<'q> {
    type Item = Word<'q>;

    fn next(&mut self) -> Option<Word<'q>> {
        let rest = self.rest.take()?;
        let Some(at) = rest.iter().position(|b| *b == b'+') else {
            return Some(Word(rest));
        };
        let (word, rest) = rest.split_at_checked(at)?;
        self.rest = rest.strip_prefix(b"+");
        Some(Word(word))
    }
}

/// A word of a query, encoded as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'q>(&'q [u8]);

impl<'q> Word<'q> {
    /// Its bytes, decoded. May be none.
    pub fn bytes(self) -> impl Iterator<Item = u8> + 'q {
        Bytes(self.0).map_while(|byte| byte)
    }

    fn is_good(self) -> bool {
        let good = |byte: Option<u8>| byte.is_some_and(|b| b != 0 && b.is_ascii());
        Bytes(self.0).all(good) && Bytes(self.0).next() != Some(Some(b'-'))
    }
}

/// The bytes of a word; `None` for an escape that is none.
struct Bytes<'q>(&'q [u8]);

impl Iterator for Bytes<'_> {
    type Item = Option<u8>;

    fn next(&mut self) -> Option<Option<u8>> {
        let (byte, rest) = match self.0 {
            [] => return None,
            [b'%', high, low, rest @ ..] => {
                let pair = hex(*high).zip(hex(*low));
                (pair.map(|(high, low)| (high << 4) | low), rest)
            }
            [b'%', rest @ ..] => (None, rest),
            [byte, rest @ ..] => (Some(*byte), rest),
        };
        self.0 = rest;
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(method: &str, query: &str) -> Option<Vec<String>> {
        let words = words(method.as_bytes(), query.as_bytes())?;
        let text = |w: Word<'_>| String::from_utf8(w.bytes().collect()).unwrap();
        Some(words.map(text).collect())
    }

    #[test]
    fn queries() {
        let get = |query: &str| argv("GET", query);
        let some =
            |words: &[&str]| Some(words.iter().map(|w| (*w).to_string()).collect::<Vec<_>>());
        assert_eq!(get("a+b"), some(&["a", "b"]));
        assert_eq!(get("a+b=c"), None);
        assert_eq!(get("a%3Db"), some(&["a=b"]));
        assert_eq!(get("a%2Bb+c"), some(&["a+b", "c"]));
        assert_eq!(get("a%00b"), None);
        assert_eq!(get("-d+x"), None);
        assert_eq!(get(""), None);
        assert_eq!(argv("POST", "a+b"), None);
        assert_eq!(argv("HEAD", "a"), some(&["a"]));
        assert_eq!(argv("get", "a"), None);
        assert_eq!(get("+"), some(&["", ""]));
        assert_eq!(get("a+"), some(&["a", ""]));
        // What only looks harmless until it is decoded.
        for bad in [
            "%2dd", "%2Dd", "x+%2d", "-", "%ad", "\u{ad}d", "a%", "a%2", "a%zz", "a+%00",
        ] {
            assert_eq!(get(bad), None, "{bad}");
        }
        assert_eq!(get("a-b+%20-c"), some(&["a-b", " -c"]));
        assert_eq!(get(&"+".repeat(63)).unwrap().len(), 64);
        assert_eq!(get(&"+".repeat(64)), None);
        assert_eq!(get("--help"), None);
    }
}
