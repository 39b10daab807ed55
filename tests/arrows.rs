//! Dependence goes one way: who may use whom, by the paths in the source.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may use what. A module that is not here may use nothing, so a new one
/// has to be entered. `root` is the vocabulary that `lib.rs` re-exports.
const MAY_USE: &[(&str, &[&str])] = &[
    ("cursor", &[]),
    ("date", &[]),
    ("error", &[]),
    ("frame", &[]),
    ("limits", &[]),
    ("net", &["text"]),
    ("time", &[]),
    ("link", &["machine"]),
    ("event", &["error"]),
    ("fields", &["error", "event", "frame"]),
    ("machine", &["error", "event", "frame", "time"]),
    ("text", &["error", "event", "frame", "text"]),
    (
        "cgi",
        &[
            "root", "error", "event", "fields", "frame", "limits", "machine", "text", "cgi",
            "cursor",
        ],
    ),
    // What both sides of a protocol share.
    (
        "ajp",
        &["root", "error", "event", "frame", "cgi", "text", "ajp"],
    ),
    // What a web server says of a request, for applications.
    (
        "ajp::meta",
        &["root", "error", "event", "fields", "frame", "cgi", "ajp"],
    ),
    (
        "ajp::server",
        &[
            "root",
            "error",
            "event",
            "frame",
            "limits",
            "machine",
            "time",
            "text",
            "ajp",
            "ajp::server",
            "link",
        ],
    ),
    (
        "ajp::client",
        &[
            "root",
            "error",
            "event",
            "frame",
            "limits",
            "machine",
            "time",
            "cgi",
            "text",
            "ajp",
            "ajp::client",
        ],
    ),
    (
        "fcgi",
        &[
            "root", "error", "event", "frame", "machine", "text", "cgi", "fcgi",
        ],
    ),
    // The verdict on what a client machine gives.
    (
        "fcgi::verdict",
        &["root", "error", "event", "fcgi", "fcgi::client"],
    ),
    (
        "fcgi::server",
        &[
            "root",
            "error",
            "event",
            "frame",
            "limits",
            "machine",
            "time",
            "cgi",
            "text",
            "fcgi",
            "fcgi::server",
        ],
    ),
    (
        "fcgi::client",
        &[
            "root",
            "error",
            "event",
            "frame",
            "limits",
            "machine",
            "time",
            "cgi",
            "text",
            "fcgi",
            "fcgi::client",
        ],
    ),
    // What the protocols of one request on a connection share.
    (
        "oneshot",
        &[
            "root", "error", "event", "frame", "limits", "machine", "time", "cgi", "text",
            "oneshot", "cursor", "link",
        ],
    ),
    (
        "scgi",
        &[
            "root", "error", "event", "frame", "limits", "machine", "time", "cgi", "text",
            "oneshot", "scgi",
        ],
    ),
    (
        "uwsgi",
        &[
            "root", "error", "event", "frame", "limits", "machine", "cgi", "text", "oneshot",
            "uwsgi",
        ],
    ),
    (
        "uwsgi::server",
        &[
            "root",
            "error",
            "event",
            "frame",
            "limits",
            "machine",
            "time",
            "cgi",
            "oneshot",
            "uwsgi",
            "uwsgi::server",
        ],
    ),
    (
        "uwsgi::client",
        &[
            "root",
            "error",
            "event",
            "frame",
            "machine",
            "time",
            "cgi",
            "text",
            "oneshot",
            "uwsgi",
            "uwsgi::client",
        ],
    ),
    (
        "http1",
        &[
            "root", "error", "event", "frame", "limits", "machine", "text", "http1", "cursor",
        ],
    ),
    // What a web server makes of a request, for applications behind it.
    (
        "http1::meta",
        &[
            "root", "error", "event", "fields", "frame", "text", "cgi", "http1",
        ],
    ),
    (
        "http1::server",
        &[
            "root",
            "error",
            "event",
            "frame",
            "limits",
            "machine",
            "time",
            "text",
            "http1",
            "http1::server",
            "cursor",
            "link",
        ],
    ),
    (
        "http1::client",
        &[
            "root",
            "error",
            "event",
            "frame",
            "limits",
            "machine",
            "time",
            "cgi",
            "text",
            "http1",
            "http1::client",
            "cursor",
        ],
    ),
    (
        "proxy_protocol",
        &[
            "root",
            "error",
            "event",
            "machine",
            "time",
            "net",
            "text",
            "proxy_protocol",
        ],
    ),
    (
        "bridge",
        &[
            "root", "error", "event", "fields", "frame", "limits", "machine", "time", "cgi",
            "bridge",
        ],
    ),
    (
        "access_log",
        &[
            "date",
            "root",
            "error",
            "event",
            "fields",
            "cgi",
            "text",
            "access_log",
        ],
    ),
    (
        "forwarded",
        &[
            "root",
            "error",
            "event",
            "fields",
            "net",
            "cgi",
            "http1",
            "text",
            "forwarded",
        ],
    ),
    (
        "adapt",
        &[
            "bridge", "root", "error", "event", "fields", "frame", "limits", "machine", "time",
            "adapt",
        ],
    ),
    // CGI itself, over what it shares with others.
    (
        "cgi::block",
        &[
            "error",
            "event",
            "frame",
            "limits",
            "text",
            "cgi",
            "cgi::server",
            "oneshot",
        ],
    ),
    (
        "cgi::server",
        &["event", "frame", "cgi", "cgi::block", "oneshot"],
    ),
    (
        "cgi::client",
        &["error", "event", "frame", "cgi", "cgi::block", "oneshot"],
    ),
    // They start CGI programs, and are one.
    ("adapt::process", &["adapt", "cgi"]),
    ("adapt::script", &["adapt", "cgi"]),
];

fn listed(module: &str) -> bool {
    MAY_USE.iter().any(|m| m.0 == module)
}

/// The module that a path of names lies in.
fn unit(path: &[&str]) -> String {
    match path {
        [] => "root".into(),
        [first, second, ..] if listed(&format!("{first}::{second}")) => {
            format!("{first}::{second}")
        }
        [first, ..] if listed(first) => (*first).to_string(),
        [first, ..] if first.starts_with(char::is_uppercase) || first.contains('_') => {
            "root".into()
        }
        [first, ..] => (*first).to_string(),
    }
}

/// The code without comments, and without what is for tests.
fn code(text: &str) -> String {
    let text = match text.find("\n#[cfg(test)]\nmod ") {
        Some(at) => &text[..at],
        None => text,
    };
    text.lines()
        // Docs that a macro makes name what they link to.
        .filter(|line| !line.trim_start().starts_with("#[doc = "))
        .map(|line| line.split("//").next().unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every path after `from`, a group taken apart.
fn paths(code: &str, from: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for (at, _) in code.match_indices(from) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        expand(&code[at + from.len()..], &mut Vec::new(), &mut all);
    }
    all
}

/// Reads one path, or a group of them; gives what is behind it.
fn expand<'c>(text: &'c str, prefix: &mut Vec<String>, all: &mut Vec<Vec<String>>) -> &'c str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest, prefix, all).trim_start();
            match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => rest = more,
                Some(more) => return more.trim_start().strip_prefix('}').unwrap_or(""),
                None => return rest.strip_prefix('}').unwrap_or(rest),
            }
        }
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    prefix.push(text[..end].to_string());
    let rest = match text[end..].strip_prefix("::") {
        Some(more) => expand(more, prefix, all),
        None => {
            all.push(prefix.clone());
            // `as name` of an import.
            let rest = text[end..].trim_start();
            match rest.strip_prefix("as ") {
                Some(name) => name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
                None => &text[end..],
            }
        }
    };
    prefix.pop();
    rest
}

/// What is wrong with one file of the library. `at`: its module path.
fn wrong(at: &[&str], text: &str) -> Vec<String> {
    let code = code(text);
    let me = unit(at);
    let mut out = Vec::new();
    let Some((_, allowed)) = MAY_USE.iter().find(|m| m.0 == me) else {
        return vec![format!("{me} is not in the list")];
    };
    let mut used: Vec<Vec<String>> = paths(&code, "crate::");
    for path in paths(&code, "super::") {
        let ups = 1 + path.iter().take_while(|p| *p == "super").count();
        let base = &at[..at.len().saturating_sub(ups)];
        let mut whole: Vec<String> = base.iter().map(|s| (*s).to_string()).collect();
        whole.extend(path[ups - 1..].iter().cloned());
        used.push(whole);
    }
    for path in used {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let other = unit(&names);
        if !(other == me || allowed.contains(&other.as_str())) {
            out.push(format!("{} uses {}", at.join("::"), names.join("::")));
        }
    }
    let mut rest = code.replace("use std::io::IoSlice;", "");
    if me.starts_with("adapt") {
        rest.clear();
    }
    for word in ["std::", "alloc::", "extern crate", "unsafe"] {
        if paths(&rest, word).len() + rest.matches(&format!("{word} ")).count() > 0 {
            out.push(format!("{} names {word}", at.join("::")));
        }
    }
    out
}

fn files(dir: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if path.extension().is_some_and(|e| e == "rs") {
            all.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    assert!(all.len() > 20);
    all.into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path.strip_prefix(&src).unwrap().to_path_buf(), text)
        })
        .collect()
}

#[test]
fn nobody_uses_what_lies_above() {
    let mut all = Vec::new();
    for (path, text) in sources() {
        let path = path.with_extension("");
        let mut at: Vec<&str> = path.iter().map(|p| p.to_str().unwrap()).collect();
        match at[..] {
            ["lib"] | ["bin", ..] => continue,
            _ if at.contains(&"tests") => continue,
            _ => {}
        }
        if at.last() == Some(&"mod") {
            at.pop();
        }
        all.extend(wrong(&at, &text));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The command sees the library as any other crate does.
#[test]
fn the_command_uses_the_public_api() {
    for (path, text) in sources().iter().filter(|f| f.0.starts_with("bin")) {
        assert!(!text.contains("#[path"), "{}", path.display());
        assert!(!text.contains("include!"), "{}", path.display());
    }
}

/// Unsafe code: the command's signal file alone.
#[test]
fn unsafe_code_in_one_place() {
    for (path, text) in sources() {
        let code = code(&text)
            .replace("forbid(unsafe_code)", "")
            .replace("deny(unsafe_code)", "")
            .replace("allow(unsafe_code)", "");
        if code.contains("unsafe") {
            assert!(
                path.ends_with("bin/vestibule/signal.rs"),
                "{}",
                path.display()
            );
            assert!(text.lines().count() <= 30, "{}", path.display());
        }
    }
}

/// The finder finds.
#[test]
fn a_wrong_arrow_is_seen() {
    let bad = [
        (&["event"][..], "use crate::frame::Frame;"),
        (&["event"], "fn f(_: crate::machine::After) {}"),
        (&["frame"], "use crate::{error::Error, limits::Limits};"),
        (&["fcgi", "server"], "use super::client::Slot;"),
        (
            &["fcgi", "server", "slot"],
            "use super::super::client::Slot;",
        ),
        (
            &["fcgi", "client"],
            "use crate::fcgi::{Role, server::Slot};",
        ),
        (&["cgi", "response"], "use crate::fcgi::Role;"),
        (&["adapt", "blocking"], "use crate::fcgi::Server;"),
        (&["machine"], "use std::io::Read;"),
        (&["fields"], "extern crate alloc;"),
        (&["limits"], "#[doc = \"\"]\nuse crate::Error;"),
        (&["newcomer"], ""),
    ];
    for (at, text) in bad {
        assert!(!wrong(at, text).is_empty(), "{text}");
    }
    let good = [
        (&["event"][..], "use crate::error::Error; // crate::machine"),
        (
            &["fcgi", "server", "slot"],
            "use super::super::pairs::Decoder; use crate::Id;",
        ),
        (
            &["fcgi", "client"],
            "use crate::{event::{self, Id}, fcgi::{Role, record::Header}};",
        ),
        (
            &["event"],
            "\n#[cfg(test)]\nmod tests { use crate::machine::After; }",
        ),
        (
            &["limits"],
            "#[doc = \"See [x](crate::Error).\"]\nfn f() {}",
        ),
    ];
    for (at, text) in good {
        assert!(wrong(at, text).is_empty(), "{text}: {:?}", wrong(at, text));
    }
}
