//! A file as an answer: its type, conditions, a range. RFC 9110, 8, 13 and 14.

use std::fs::Metadata;

use crate::date;

/// By extension, with its dot.
const KINDS: [(&str, &str); 38] = [
    (".avif", "image/avif"),
    (".bmp", "image/bmp"),
    (".bz2", "application/x-bzip2"),
    (".css", "text/css; charset=utf-8"),
    (".csv", "text/csv; charset=utf-8"),
    (".eot", "application/vnd.ms-fontobject"),
    (".gif", "image/gif"),
    (".gz", "application/gzip"),
    (".htm", "text/html; charset=utf-8"),
    (".html", "text/html; charset=utf-8"),
    (".ico", "image/vnd.microsoft.icon"),
    (".jpeg", "image/jpeg"),
    (".jpg", "image/jpeg"),
    (".js", "text/javascript; charset=utf-8"),
    (".json", "application/json"),
    (".map", "application/json"),
    (".md", "text/markdown; charset=utf-8"),
    (".mjs", "text/javascript; charset=utf-8"),
    (".mp3", "audio/mpeg"),
    (".mp4", "video/mp4"),
    (".ogg", "audio/ogg"),
    (".otf", "font/otf"),
    (".pdf", "application/pdf"),
    (".png", "image/png"),
    (".rss", "application/rss+xml"),
    (".svg", "image/svg+xml"),
    (".ttf", "font/ttf"),
    (".txt", "text/plain; charset=utf-8"),
    (".wasm", "application/wasm"),
    (".wav", "audio/wav"),
    (".webm", "video/webm"),
    (".webmanifest", "application/manifest+json"),
    (".webp", "image/webp"),
    (".woff", "font/woff"),
    (".woff2", "font/woff2"),
    (".xhtml", "application/xhtml+xml"),
    (".xml", "application/xml"),
    (".zip", "application/zip"),
];

/// The type of files with this extension.
pub fn kind(extension: &str) -> Option<&'static str> {
    let found = KINDS.iter().find(|k| k.0.eq_ignore_ascii_case(extension));
    found.map(|k| k.1)
}

/// The answer that a file gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(&'static str, String)>,
    /// What of the file is the body: from which byte, how many.
    pub part: Option<(u64, u64)>,
}

/// What of a request matters to a file. `header` gives a field's value, or
/// `None` where there is none, or where there are several.
pub struct Asked<'a, H: Fn(&str) -> Option<&'a [u8]>> {
    pub method: &'a [u8],
    pub header: H,
    /// Seconds since 1970.
    pub now: u64,
}

/// What the file system says of a file.
pub struct Facts<'n> {
    pub name: &'n str,
    pub length: u64,
    /// Seconds since 1970; not known on every system.
    pub modified: Option<u64>,
}

impl<'n> Facts<'n> {
    pub fn new(name: &'n str, meta: &Metadata) -> Self {
        Facts {
            name,
            length: meta.len(),
            modified: meta.modified().ok().map(date::seconds),
        }
    }
}

/// Decides. The order of conditions is that of RFC 9110, 13.2.2; there is no
/// entity tag, so that none matches but `*`.
pub fn answer<'a, H: Fn(&str) -> Option<&'a [u8]>>(
    file: &Facts<'_>,
    asked: &Asked<'a, H>,
) -> Answer {
    let bare = |status, fields| Answer {
        status,
        fields,
        part: None,
    };
    if !matches!(asked.method, b"GET" | b"HEAD") {
        return bare(405, vec![("Allow", "GET, HEAD".into())]);
    }
    // Never later than now: RFC 9110, 8.8.2.1.
    let modified = file.modified.map(|seconds| seconds.min(asked.now));
    let header = |name| (asked.header)(name);
    let when = |name| header(name).and_then(date::parse);
    let unmodified = match header("If-Match") {
        Some(tags) => tags == b"*",
        None => match (when("If-Unmodified-Since"), modified) {
            (Some(since), Some(modified)) => modified <= since,
            _ => true,
        },
    };
    if !unmodified {
        return bare(412, Vec::new());
    }
    let mut fields = Vec::new();
    if let Some(modified) = modified {
        fields.push(("Last-Modified", date::format(modified)));
    }
    let same = match header("If-None-Match") {
        Some(tags) => tags == b"*",
        None => match (when("If-Modified-Since"), modified) {
            (Some(since), Some(modified)) => modified <= since,
            _ => false,
        },
    };
    if same {
        return bare(304, fields);
    }
    let dot = file
        .name
        .rfind('.')
        .filter(|at| !file.name[*at..].contains('/'));
    let kind = dot.and_then(|at| kind(&file.name[at..]));
    fields.push(("Accept-Ranges", "bytes".into()));
    let current = match (header("If-Range"), modified) {
        (None, _) => true,
        // A date must be the very one, and old enough that nothing was changed
        // within its second: RFC 9110, 8.8.2.2.
        (Some(date), Some(modified)) => date::parse(date) == Some(modified) && modified < asked.now,
        (Some(_), None) => false,
    };
    let range = match header("Range") {
        Some(range) if current && asked.method == b"GET" => part(range, file.length),
        _ => Range::All,
    };
    let (status, part) = match range {
        Range::All => (200, (0, file.length)),
        Range::Part(first, count) => {
            let last = first + count - 1;
            let text = format!("bytes {first}-{last}/{}", file.length);
            fields.push(("Content-Range", text));
            (206, (first, count))
        }
        Range::Beyond => {
            let text = format!("bytes */{}", file.length);
            return bare(416, vec![("Content-Range", text)]);
        }
    };
    fields.push((
        "Content-Type",
        kind.unwrap_or("application/octet-stream").into(),
    ));
    // What the type says is what it is: a picture is no page with a script in it.
    fields.push(("X-Content-Type-Options", "nosniff".into()));
    Answer {
        status,
        fields,
        part: Some(part),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// None that is heeded: several, or one that is malformed.
    All,
    /// From which byte, how many; at least one.
    Part(u64, u64),
    /// Nothing of the file lies in it.
    Beyond,
}

/// A Range field. RFC 9110, 14.1.2 and 14.2.
fn part(range: &[u8], length: u64) -> Range {
    let Some(spec) = std::str::from_utf8(range)
        .ok()
        .and_then(|text| text.split_once('='))
        .filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"))
        .and_then(|(_, spec)| spec.trim_matches([' ', '\t']).split_once('-'))
    else {
        return Range::All;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // A number beyond all numbers is beyond the end of the file.
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    match spec {
        ("", count) if digits(count) => match number(count).min(length) {
            0 => Range::Beyond,
            count => Range::Part(length - count, count),
        },
        (first, last) if digits(first) && (last.is_empty() || digits(last)) => {
            let first = number(first);
            let last = if last.is_empty() {
                u64::MAX
            } else {
                number(last)
            };
            if last < first {
                return Range::All;
            }
            if first >= length {
                return Range::Beyond;
            }
            Range::Part(first, last.min(length - 1) - first + 1)
        }
        _ => Range::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NOW: u64 = 2_000_000_000;

    fn ask(method: &str, headers: &[(&str, &str)]) -> Answer {
        let file = Facts {
            name: "/a.b/page.HTML",
            length: 10,
            modified: Some(784_111_777),
        };
        let asked = Asked {
            method: method.as_bytes(),
            header: |name: &str| {
                let found = headers.iter().find(|h| h.0 == name);
                found.map(|h| h.1.as_bytes())
            },
            now: NOW,
        };
        answer(&file, &asked)
    }

    #[test]
    fn types() {
        assert!(KINDS.is_sorted());
        assert_eq!(kind(".JPG"), Some("image/jpeg"));
        assert_eq!(kind(".php"), None);
        assert_eq!(kind("jpg"), None);
        let whole = ask("GET", &[]);
        let fields = [
            ("Last-Modified", THEN),
            ("Accept-Ranges", "bytes"),
            ("Content-Type", "text/html; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
        ];
        assert_eq!(whole.fields, fields.map(|(n, v)| (n, v.to_string())));
        assert_eq!((whole.status, whole.part), (200, Some((0, 10))));
        let nameless = Facts {
            name: "/a.html/x",
            length: 0,
            modified: Some(NOW + 9),
        };
        let asked = Asked {
            method: b"HEAD",
            header: |_| None,
            now: NOW,
        };
        let answer = answer(&nameless, &asked);
        assert_eq!(answer.fields[0].1, date::format(NOW));
        assert_eq!(answer.fields[2].1, "application/octet-stream");
        assert_eq!(answer.part, Some((0, 0)));
    }

    #[test]
    fn methods_and_conditions() {
        for method in ["POST", "PUT", "get", "OPTIONS", ""] {
            let refused = ask(method, &[("If-Match", "x")]);
            assert_eq!(refused.status, 405);
            assert_eq!(refused.fields, [("Allow", "GET, HEAD".to_string())]);
        }
        let before = "Sun, 06 Nov 1994 08:49:36 GMT";
        let after = "Sun, 06 Nov 1994 08:49:38 GMT";
        for (headers, status) in [
            (&[("If-Modified-Since", THEN)][..], 304),
            (&[("If-Modified-Since", after)], 304),
            (&[("If-Modified-Since", before)], 200),
            (&[("If-Modified-Since", "yesterday")], 200),
            (
                &[("If-None-Match", "\"x\""), ("If-Modified-Since", THEN)],
                200,
            ),
            (&[("If-None-Match", "*")], 304),
            (&[("If-Unmodified-Since", THEN)], 200),
            (&[("If-Unmodified-Since", before)], 412),
            (&[("If-Unmodified-Since", "?")], 200),
            (&[("If-Match", "*"), ("If-Unmodified-Since", before)], 200),
            (&[("If-Match", "\"x\"")], 412),
            (&[("If-Match", "\"x\""), ("If-None-Match", "*")], 412),
        ] {
            assert_eq!(ask("GET", headers).status, status, "{headers:?}");
            assert_eq!(ask("HEAD", headers).status, status, "{headers:?}");
        }
        let same = ask("GET", &[("If-Modified-Since", THEN)]);
        assert_eq!((same.fields.len(), same.part), (1, None));
    }

    #[test]
    fn ranges() {
        for (range, is) in [
            ("bytes=0-0", Range::Part(0, 1)),
            ("bytes=2-", Range::Part(2, 8)),
            ("bytes=2-3", Range::Part(2, 2)),
            ("BYTES=9-99", Range::Part(9, 1)),
            ("bytes=-1", Range::Part(9, 1)),
            ("bytes=-99", Range::Part(0, 10)),
            ("bytes= 1-2 ", Range::Part(1, 2)),
            ("bytes=0-18446744073709551616", Range::Part(0, 10)),
            ("bytes=10-", Range::Beyond),
            ("bytes=-0", Range::Beyond),
            ("bytes=18446744073709551616-", Range::Beyond),
            ("bytes=3-2", Range::All),
            ("bytes=0-1,3-4", Range::All),
            ("bytes=+1-2", Range::All),
            ("bytes=-", Range::All),
            ("bytes=a-b", Range::All),
            ("bytes=1", Range::All),
            ("bytes 1-2", Range::All),
            ("lines=1-2", Range::All),
            ("", Range::All),
        ] {
            assert_eq!(part(range.as_bytes(), 10), is, "{range}");
        }
        assert_eq!(part(b"bytes=0-", 0), Range::Beyond);
        assert_eq!(part(b"bytes=-5", 0), Range::Beyond);
        assert_eq!(part(b"bytes=\xff-", 10), Range::All);
        let some = ask("GET", &[("Range", "bytes=2-3")]);
        assert_eq!((some.status, some.part), (206, Some((2, 2))));
        assert!(
            some.fields
                .contains(&("Content-Range", "bytes 2-3/10".into()))
        );
        let none = ask("GET", &[("Range", "bytes=10-")]);
        assert_eq!((none.status, none.part), (416, None));
        assert_eq!(none.fields, [("Content-Range", "bytes */10".to_string())]);
        assert_eq!(ask("HEAD", &[("Range", "bytes=2-3")]).status, 200);
        for (when, status) in [
            (THEN, 206),
            ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
            ("\"tag\"", 200),
        ] {
            let headers = [("Range", "bytes=2-3"), ("If-Range", when)];
            assert_eq!(ask("GET", &headers).status, status, "{when}");
        }
    }
}
