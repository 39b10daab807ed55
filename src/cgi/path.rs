//! SCRIPT_NAME and PATH_INFO from a request's target. RFC 3875, 3.3, 4.1.5 and
//! 4.1.13.
//!
//! The order is always the same, since each other one has been a hole: take the
//! path, decode it once, look at its segments, split. What is checked on
//! REQUEST_URI, which stays encoded, and what PATH_INFO says may disagree.

use core::fmt;

/// Which part of a path names the script. Compared with the decoded path, on
/// borders of segments: `/application` is not under `/app`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount<'m> {
    /// The application is at the root: SCRIPT_NAME is empty.
    Root,
    /// A fixed path, such as `/app`, decoded; slashes at its end mean nothing.
    Prefix(&'m [u8]),
    /// The first segment under a path such as `/cgi-bin`.
    Segment(&'m [u8]),
    /// All up to the first segment that ends so, such as `.php`.
    Extension(&'m [u8]),
}

/// What becomes of `%2F` in a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Slash {
    /// A slash like any other.
    Decode,
    /// [`PathError::Slash`].
    #[default]
    Refuse,
    /// It stays as it is, three bytes.
    Keep,
}

/// How a path is decoded. The default is the strictest.
///
/// ```
/// use vestibule::cgi::path::{PathRules, Slash};
/// const RULES: PathRules = PathRules::STRICT.slash(Slash::Decode).resolve_dots(true);
/// assert_ne!(RULES, PathRules::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathRules {
    slash: Slash,
    controls: bool,
    resolve_dots: bool,
    merge_slashes: bool,
}

impl PathRules {
    /// No encoded slash, no control byte, segments untouched.
    pub const STRICT: PathRules = PathRules {
        slash: Slash::Refuse,
        controls: false,
        resolve_dots: false,
        merge_slashes: false,
    };

    /// What becomes of `%2F`. Decoding opens: a path that a check in front saw
    /// as one segment is two behind it. Most applications expect it all the same.
    #[must_use]
    pub const fn slash(mut self, slash: Slash) -> Self {
        self.slash = slash;
        self
    }

    /// Whether control bytes, encoded, may be in a path; NUL never may. Opens:
    /// line ends in what an application logs, prints, or puts in a field.
    #[must_use]
    pub const fn controls(mut self, on: bool) -> Self {
        self.controls = on;
        self
    }

    /// Whether `.` and `..` segments are taken out, those that were encoded
    /// too, before the split. Off: they stay.
    #[must_use]
    pub const fn resolve_dots(mut self, on: bool) -> Self {
        self.resolve_dots = on;
        self
    }

    /// Whether slashes that follow each other are one, as most web servers have
    /// it. Off: they stay.
    #[must_use]
    pub const fn merge_slashes(mut self, on: bool) -> Self {
        self.merge_slashes = on;
        self
    }
}

/// A path that was decoded and split. Put together, both parts are the decoded
/// path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'b> {
    /// Empty, or begins with a slash and does not end with one.
    pub script_name: &'b [u8],
    /// Empty, or begins with a slash. Where it is empty there is no
    /// PATH_TRANSLATED.
    pub path_info: &'b [u8],
}

/// Why a target cannot be split.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathError {
    /// No path, a `%` without two hexadecimal digits, a `#`, or a byte that
    /// belongs in no target. RFC 9112, 3.2.
    Syntax,
    /// A NUL or, unless allowed, another control byte.
    Control,
    /// `..` leads above the root, or out of PATH_INFO.
    Climbs,
    /// `%2F`, see [`Slash::Refuse`].
    Slash,
    /// The path is not under the mount.
    NoMatch,
    /// The lent room is too small.
    Room {
        /// How many bytes would do.
        need: usize,
    },
}

impl PathError {
    /// The HTTP status that answers it: 400, 404 or 500.
    ///
    /// ```
    /// use vestibule::cgi::path::PathError;
    /// assert_eq!(PathError::NoMatch.status(), 404);
    /// assert_eq!(PathError::Control.status(), 400);
    /// ```
    pub const fn status(&self) -> u16 {
        match self {
            PathError::Syntax | PathError::Control | PathError::Climbs => 400,
            PathError::Slash | PathError::NoMatch => 404,
            PathError::Room { .. } => 500,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathError::Syntax => f.write_str("malformed target [RFC 9112, 3.2]"),
            PathError::Control => f.write_str("control byte in the path"),
            PathError::Climbs => f.write_str("path leads above its root"),
            PathError::Slash => f.write_str("encoded slash in the path"),
            PathError::NoMatch => f.write_str("path is not under the mount"),
            PathError::Room { need } => write!(f, "room too small: {need} bytes needed"),
        }
    }
}

impl core::error::Error for PathError {}

/// The query of a target, still encoded; empty where there is none.
///
/// ```
/// assert_eq!(vestibule::cgi::path::query(b"/a?b?c"), b"b?c");
/// assert_eq!(vestibule::cgi::path::query(b"/a?"), b"");
/// ```
pub fn query(target: &[u8]) -> &[u8] {
    match target.iter().position(|b| *b == b'?') {
        Some(at) => target.get(at.saturating_add(1)..).unwrap_or(&[]),
        None => &[],
    }
}

/// The path of a target, still encoded: without query, scheme and authority.
///
/// # Errors
///
/// [`PathError::Syntax`] where it does not begin with a slash, as that of
/// CONNECT, or of OPTIONS for the whole server.
pub fn raw_path(target: &[u8]) -> Result<&[u8], PathError> {
    let end = target
        .iter()
        .position(|b| *b == b'?')
        .unwrap_or(target.len());
    let path = target.get(..end).unwrap_or(target);
    match path {
        [b'/', ..] => Ok(path),
        _ => {
            let at = path
                .windows(3)
                .position(|w| w == b"://")
                .ok_or(PathError::Syntax)?;
            let (scheme, rest) = path.split_at_checked(at).ok_or(PathError::Syntax)?;
            let rest = rest.strip_prefix(b"://").ok_or(PathError::Syntax)?;
            let named = matches!(scheme, [b'a'..=b'z' | b'A'..=b'Z', ..])
                && scheme
                    .iter()
                    .all(|b| matches!(b, b'+' | b'-' | b'.') || b.is_ascii_alphanumeric());
            if !named {
                return Err(PathError::Syntax);
            }
            match rest.iter().position(|b| *b == b'/') {
                Some(0) => Err(PathError::Syntax),
                None if rest.is_empty() => Err(PathError::Syntax),
                None => Ok(b"/"),
                Some(at) => Ok(rest.get(at..).unwrap_or(b"/")),
            }
        }
    }
}

/// Decodes the path of `target` into `room` and splits it. `room` need be no
/// longer than the path is encoded.
///
/// ```
/// use vestibule::cgi::path::{Mount, PathRules, split};
/// let mut room = [0; 64];
/// let split = split(b"/app/a%20b?c", Mount::Prefix(b"/app"), PathRules::STRICT, &mut room)?;
/// assert_eq!((split.script_name, split.path_info), (&b"/app"[..], &b"/a b"[..]));
/// # Ok::<(), vestibule::cgi::path::PathError>(())
/// ```
///
/// # Errors
///
/// See [`PathError`]. What is in `room` then means nothing.
pub fn split<'b>(
    target: &[u8],
    mount: Mount<'_>,
    rules: PathRules,
    room: &'b mut [u8],
) -> Result<Split<'b>, PathError> {
    let n = decode(raw_path(target)?, rules, room)?;
    let path = room.get_mut(..n).ok_or(PathError::Syntax)?;
    let n = if rules.resolve_dots || rules.merge_slashes {
        simplify(path, rules)?
    } else {
        n
    };
    let room: &'b [u8] = room;
    let path = room.get(..n).ok_or(PathError::Syntax)?;
    if climbs(path) {
        return Err(PathError::Climbs);
    }
    let at = border(path, mount).ok_or(PathError::NoMatch)?;
    let (script_name, path_info) = path.split_at_checked(at).ok_or(PathError::NoMatch)?;
    if climbs(path_info) {
        return Err(PathError::Climbs);
    }
    Ok(Split {
        script_name,
        path_info,
    })
}

/// Undoes the percent-encoding, once.
fn decode(path: &[u8], rules: PathRules, room: &mut [u8]) -> Result<usize, PathError> {
    let mut at = 0usize;
    let mut put = |byte: u8| {
        if let Some(to) = room.get_mut(at) {
            *to = byte;
        }
        at = at.saturating_add(1);
    };
    let mut rest = path;
    loop {
        rest = match rest {
            [] => break,
            [b'%', high, low, tail @ ..] => {
                let (high, low) = hex(*high).zip(hex(*low)).ok_or(PathError::Syntax)?;
                match (high << 4) | low {
                    0 => return Err(PathError::Control),
                    1..=31 | 127 if !rules.controls => return Err(PathError::Control),
                    b'/' => match rules.slash {
                        Slash::Decode => put(b'/'),
                        Slash::Refuse => return Err(PathError::Slash),
                        Slash::Keep => rest.iter().take(3).for_each(|b| put(*b)),
                    },
                    byte => put(byte),
                }
                tail
            }
            [0..=b' ' | 127 | b'#' | b'%', ..] => return Err(PathError::Syntax),
            [byte, tail @ ..] => {
                put(*byte);
                tail
            }
        };
    }
    if at > room.len() {
        return Err(PathError::Room { need: at });
    }
    Ok(at)
}

pub(super) const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(byte.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// Takes dot segments and empty ones out, as the rules have it, in place.
fn simplify(path: &mut [u8], rules: PathRules) -> Result<usize, PathError> {
    // `path` begins with a slash. Up to `end` it is done; what is read lies
    // behind that, so that no byte is overwritten before it is read.
    let (mut end, mut read) = (0usize, 0usize);
    while read < path.len() {
        let start = read.saturating_add(1);
        let segment = path.get(start..).unwrap_or(&[]);
        let len = segment
            .iter()
            .position(|b| *b == b'/')
            .unwrap_or(segment.len());
        let last = start.saturating_add(len) >= path.len();
        let segment = segment.get(..len).unwrap_or(&[]);
        let gone = match segment {
            b"." if rules.resolve_dots => true,
            b".." if rules.resolve_dots => {
                let done = path.get(..end).unwrap_or(&[]);
                end = done
                    .iter()
                    .rposition(|b| *b == b'/')
                    .ok_or(PathError::Climbs)?;
                true
            }
            b"" => rules.merge_slashes && !last,
            _ => false,
        };
        if !gone {
            let next = start.saturating_add(len);
            path.copy_within_checked(read, next, end);
            end = end.saturating_add(next.saturating_sub(read));
        } else if last && rules.resolve_dots {
            // `/a/.` is `/a/`.
            if let Some(to) = path.get_mut(end) {
                *to = b'/';
            }
            end = end.saturating_add(1);
        }
        read = start.saturating_add(len);
    }
    Ok(end)
}

trait CopyWithin {
    fn copy_within_checked(&mut self, from: usize, to: usize, at: usize);
}

impl CopyWithin for [u8] {
    /// Moves bytes to the front; without a path that panics.
    fn copy_within_checked(&mut self, from: usize, to: usize, at: usize) {
        let mut at = at;
        for place in from..to {
            let byte = self.get(place).copied().unwrap_or_default();
            if let Some(slot) = self.get_mut(at) {
                *slot = byte;
            }
            at = at.saturating_add(1);
        }
    }
}

/// Whether `..` leads above where the path begins. A backslash counts as a
/// slash, since some file systems take it for one.
fn climbs(path: &[u8]) -> bool {
    let mut depth = 0usize;
    for segment in path.split(|b| matches!(b, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            _ => depth = depth.saturating_add(1),
        }
    }
    false
}

/// Where SCRIPT_NAME ends.
fn border(path: &[u8], mount: Mount<'_>) -> Option<usize> {
    match mount {
        Mount::Root => Some(0),
        Mount::Prefix(prefix) => under(path, prefix),
        Mount::Segment(prefix) => {
            let at = under(path, prefix)?;
            match path.get(at..)? {
                [b'/', rest @ ..] => {
                    let len = rest.iter().position(|b| *b == b'/').unwrap_or(rest.len());
                    (len > 0).then(|| at.saturating_add(len).saturating_add(1))
                }
                _ => None,
            }
        }
        Mount::Extension(extension) => {
            if extension.is_empty() || extension.contains(&b'/') {
                return None;
            }
            let mut end = 0usize;
            for segment in path.split(|b| *b == b'/') {
                end = end.saturating_add(segment.len());
                if segment.ends_with(extension) {
                    return Some(end);
                }
                end = end.saturating_add(1);
            }
            None
        }
    }
}

/// The length of `prefix`, if the path is it or is under it.
fn under(path: &[u8], mut prefix: &[u8]) -> Option<usize> {
    while let [head @ .., b'/'] = prefix {
        prefix = head;
    }
    match path.strip_prefix(prefix)? {
        [] | [b'/', ..] => Some(prefix.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENV: Mount<'static> = Mount::Prefix(b"/cgi-bin/env");

    fn run(
        target: &[u8],
        mount: Mount<'_>,
        rules: PathRules,
    ) -> Result<(String, String), PathError> {
        let mut room = vec![0xee; target.len()];
        let text = |b: &[u8]| b.escape_ascii().to_string();
        let got = split(target, mount, rules, &mut room)?;
        check(target, got);
        let need = got.script_name.len() + got.path_info.len();
        let got = (text(got.script_name), text(got.path_info));
        if rules == PathRules::STRICT {
            for size in 0..need {
                let short = split(target, mount, rules, &mut room[..size]);
                assert_eq!(short, Err(PathError::Room { need }));
            }
            assert!(split(target, mount, rules, &mut room[..need]).is_ok());
        }
        Ok(got)
    }

    /// What holds for every split.
    fn check(target: &[u8], split: Split<'_>) {
        let Split {
            script_name: script,
            path_info: info,
        } = split;
        assert!(script.is_empty() || script[0] == b'/' && script[script.len() - 1] != b'/');
        assert!(info.is_empty() || info[0] == b'/');
        assert!(!script.contains(&0) && !info.contains(&0));
        assert!(
            !climbs(info) && !climbs(&[script, info].concat()),
            "{target:?}"
        );
    }

    #[track_caller]
    fn gives(target: &str, mount: Mount<'_>, want: (&str, &str)) {
        let (script, info) = run(target.as_bytes(), mount, PathRules::STRICT).unwrap();
        assert_eq!((&script[..], &info[..]), want);
    }

    #[track_caller]
    fn refuses(target: &[u8], error: PathError) {
        assert_eq!(run(target, ENV, PathRules::STRICT), Err(error));
    }

    #[test]
    fn r1_to_r11() {
        let env = "/cgi-bin/env";
        gives("/cgi-bin/env", ENV, (env, ""));
        gives("/cgi-bin/env/", ENV, (env, "/"));
        gives("/cgi-bin/env?", ENV, (env, ""));
        gives(
            "/cgi-bin/env/a%20b;c=d%3Fe?x=%20+",
            ENV,
            (env, "/a b;c=d?e"),
        );
        assert_eq!(query(b"/cgi-bin/env/a%20b;c=d%3Fe?x=%20+"), b"x=%20+");
        assert_eq!(
            (query(b"/cgi-bin/env"), query(b"/cgi-bin/env?")),
            (&b""[..], &b""[..])
        );
        let slash = b"/cgi-bin/env/a%2fb";
        refuses(slash, PathError::Slash);
        assert_eq!(PathError::Slash.status(), 404);
        for (policy, want) in [(Slash::Decode, "/a/b"), (Slash::Keep, "/a%2fb")] {
            let got = run(slash, ENV, PathRules::STRICT.slash(policy)).unwrap();
            assert_eq!(got.1, want);
        }
        gives("/cgi-bin/env/%ff%c3%a9", ENV, (env, "/\\xff\\xc3\\xa9"));
        refuses(b"/cgi-bin/env/a%zz", PathError::Syntax);
        refuses(b"/cgi-bin/env/a%0", PathError::Syntax);
        refuses(b"/cgi-bin/env/a%", PathError::Syntax);
        refuses(b"/cgi-bin/env/%00", PathError::Control);
        refuses(b"/cgi-bin/env/a%0ab", PathError::Control);
        refuses(b"/cgi-bin/env/a%7fb", PathError::Control);
        let controls = PathRules::STRICT.controls(true);
        assert_eq!(
            run(b"/cgi-bin/env/a%0ab", ENV, controls).unwrap().1,
            "/a\\nb"
        );
        assert_eq!(
            run(b"/cgi-bin/env/%00", ENV, controls),
            Err(PathError::Control)
        );
        gives("http://abs.example/cgi-bin/env/p", ENV, (env, "/p"));
        refuses(b"/cgi-bin/environment", PathError::NoMatch);
        gives("/cgi-bin/env/a+b", ENV, (env, "/a+b"));
        gives("/cgi-bin/env//a//b", ENV, (env, "//a//b"));
        let merge = PathRules::STRICT.merge_slashes(true);
        assert_eq!(run(b"/cgi-bin/env//a//b", ENV, merge).unwrap().1, "/a/b");
        assert_eq!(run(b"//cgi-bin//env//", ENV, merge).unwrap().1, "/");
    }

    #[test]
    fn targets() {
        assert_eq!(raw_path(b"/a?b"), Ok(&b"/a"[..]));
        assert_eq!(raw_path(b"https://h?x"), Ok(&b"/"[..]));
        assert_eq!(raw_path(b"http://h:1/a/b://c?d"), Ok(&b"/a/b://c"[..]));
        for bad in [
            "",
            "*",
            "h:1",
            "a/b",
            "://h/",
            "http:///a",
            "http://",
            "1a://h/",
            "?/",
            "ht tp://h/",
        ] {
            assert_eq!(raw_path(bad.as_bytes()), Err(PathError::Syntax), "{bad}");
        }
        for bad in ["/a b", "/a#b", "/\u{1}", "/a\n", "/\u{7f}", "/\0"] {
            refuses(bad.as_bytes(), PathError::Syntax);
        }
    }

    #[test]
    fn mounts() {
        gives("/x/y", Mount::Root, ("", "/x/y"));
        for prefix in ["/app", "/app/", "/app//"] {
            let mount = Mount::Prefix(prefix.as_bytes());
            gives("/app", mount, ("/app", ""));
            gives("/app/x", mount, ("/app", "/x"));
            gives("/%61pp/x", mount, ("/app", "/x"));
        }
        gives("/x", Mount::Prefix(b"/"), ("", "/x"));
        let bin = Mount::Segment(b"/cgi-bin/");
        gives("/cgi-bin/env", bin, ("/cgi-bin/env", ""));
        gives("/cgi-bin/env/a/b", bin, ("/cgi-bin/env", "/a/b"));
        gives("/env/a", Mount::Segment(b""), ("/env", "/a"));
        for none in ["/cgi-bin", "/cgi-bin/", "/cgi-bin//a", "/cgi-binx/a", "/"] {
            assert_eq!(
                run(none.as_bytes(), bin, PathRules::STRICT),
                Err(PathError::NoMatch)
            );
        }
        let php = Mount::Extension(b".php");
        gives("/a/i.php", php, ("/a/i.php", ""));
        gives("/a.php/b.php/c", php, ("/a.php", "/b.php/c"));
        gives("/i.php/", php, ("/i.php", "/"));
        for none in ["/i.phpx", "/i.ph/p", "/"] {
            assert_eq!(
                run(none.as_bytes(), php, PathRules::STRICT),
                Err(PathError::NoMatch)
            );
        }
        for extension in [&b""[..], b"/", b"a/"] {
            let mount = Mount::Extension(extension);
            assert_eq!(
                run(b"/a/b", mount, PathRules::STRICT),
                Err(PathError::NoMatch)
            );
        }
    }

    #[test]
    fn nothing_climbs() {
        for bad in [
            "/..",
            "/a/../..",
            "/%2e%2e",
            "/.%2E/x",
            "//..",
            "/./..",
            "/..\\x",
            "/%5c..",
            "/a\\..\\..",
        ] {
            let got = run(bad.as_bytes(), Mount::Root, PathRules::STRICT);
            assert_eq!(got, Err(PathError::Climbs), "{bad}");
        }
        // Not above the root, but out of the script's part.
        let app = Mount::Prefix(b"/app");
        assert_eq!(
            run(b"/app/../secret", app, PathRules::STRICT),
            Err(PathError::Climbs)
        );
        gives("/app/a/../b", app, ("/app", "/a/../b"));
        gives("/a...", Mount::Root, ("", "/a..."));
        gives("/...", Mount::Root, ("", "/..."));
    }

    #[test]
    fn dots_are_resolved() {
        let rules = PathRules::STRICT.resolve_dots(true);
        for (path, want) in [
            ("/a/%2e%2e/b", "/b"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/.", "/"),
            ("/a/..", "/"),
            ("/", "/"),
            ("/a/", "/a/"),
            ("/a//../b", "/a/b"),
            ("/a//b", "/a//b"),
            ("/..a/b..", "/..a/b.."),
            ("/a/b/../../c", "/c"),
        ] {
            let got = run(path.as_bytes(), Mount::Root, rules);
            assert_eq!(got.unwrap().1, want, "{path}");
        }
        for bad in ["/..", "/a/../..", "/../a"] {
            assert_eq!(
                run(bad.as_bytes(), Mount::Root, rules),
                Err(PathError::Climbs)
            );
        }
        // Slashes merged, dots not: they stay as they are.
        let slashes = PathRules::STRICT.merge_slashes(true);
        let kept = run(b"/a//./b", Mount::Root, slashes);
        assert_eq!(kept.unwrap().1, "/a/./b");
        let both = rules.merge_slashes(true);
        for (path, want) in [
            ("/a//../b", "/b"),
            ("//", "/"),
            ("/a//.//", "/a/"),
            ("/a/..//", "/"),
        ] {
            assert_eq!(
                run(path.as_bytes(), Mount::Root, both).unwrap().1,
                want,
                "{path}"
            );
        }
        let app = Mount::Prefix(b"/app");
        assert_eq!(run(b"/app/../secret", app, rules), Err(PathError::NoMatch));
    }

    #[test]
    fn any_path_keeps_the_invariants() {
        let bits = [
            "/", "/", "a", ".", "..", "%2e", "%2F", "%5c", "\\", ".php", "app", "%0a", "%00", "%",
            "?", "%41", "+",
        ];
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        let mut random = |n: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % u64::try_from(n).unwrap()).unwrap()
        };
        let mut split = 0;
        for _ in 0..50_000 {
            let mut target = String::from("/");
            for _ in 0..random(9) {
                target += bits[random(bits.len())];
            }
            let mounts = [
                Mount::Root,
                Mount::Prefix(b"/app"),
                Mount::Segment(b"/"),
                Mount::Extension(b".php"),
            ];
            let rules = PathRules::STRICT
                .slash([Slash::Decode, Slash::Refuse, Slash::Keep][random(3)])
                .controls(random(2) == 0)
                .resolve_dots(random(2) == 0)
                .merge_slashes(random(2) == 0);
            split += usize::from(run(target.as_bytes(), mounts[random(4)], rules).is_ok());
        }
        assert!(split > 1000);
    }
}
