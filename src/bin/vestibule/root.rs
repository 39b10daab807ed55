//! What a path means under a directory of files: a script and the path behind
//! it, a file, a directory. Nothing outside the directory, however it is spelt.
//!
//! One order, since every other has been a hole: decode once, refuse what could
//! be read in two ways, walk segment by segment and ask the file system at
//! each, follow links to their end and look where that is. A script is found by
//! the walk alone: what merely stands before a path that ends like one is not
//! run. RFC 3875, 3.3.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use vestibule::cgi::path::{Mount, PathError, PathRules, query, split};

use crate::files::kind;

/// A directory of files.
#[derive(Clone, Debug)]
pub struct Root {
    /// Without links.
    dir: PathBuf,
    index: String,
    /// The extension of scripts, with its dot: that of the index, unless files
    /// of that kind are sent as they are.
    script: Option<String>,
}

/// What a path means.
#[derive(Debug)]
pub enum Found {
    Script {
        /// What was really found, all links followed.
        filename: PathBuf,
        script_name: String,
        /// Empty, or begins with a slash.
        path_info: String,
    },
    File {
        file: File,
        meta: Metadata,
        name: String,
    },
    /// A directory, named without the slash at its end: where it is.
    Redirect(String),
    /// Nothing that is there, and no script to ask.
    Nothing,
    /// Refused, with a status of 400, 403, 404 or 414.
    Refused(u16),
}

/// Longest target that is looked at, in bytes: RFC 9112, 3, asks for 8000.
const TARGET: usize = 8190;

impl Root {
    /// `index`: the name of a file.
    pub fn new(dir: &Path, index: &str) -> io::Result<Root> {
        let dir = dir.canonicalize()?;
        if !dir.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let script = index
            .rfind('.')
            .map(|at| &index[at..])
            .filter(|extension| extension.len() > 1 && kind(extension).is_none());
        Ok(Root {
            dir,
            index: index.to_string(),
            script: script.map(str::to_string),
        })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether files of some kind are scripts.
    pub fn has_scripts(&self) -> bool {
        self.script.is_some()
    }

    /// What a request's target means.
    pub fn resolve(&self, target: &[u8]) -> Found {
        match decoded(target) {
            Ok(path) => self
                .walk(&path, query(target))
                .unwrap_or_else(Found::Refused),
            Err(status) => Found::Refused(status),
        }
    }

    fn walk(&self, path: &str, query: &[u8]) -> Result<Found, u16> {
        let mut at = self.dir.clone();
        let mut name = String::new();
        let mut segments = path[1..].split('/').peekable();
        while let Some(segment) = segments.next() {
            if segment.is_empty() {
                // The last: slashes in a row are one.
                break;
            }
            at.push(segment);
            name.push('/');
            name.push_str(segment);
            match fs::metadata(&at) {
                Ok(meta) if meta.is_dir() => {
                    if segments.peek().is_none() {
                        return self.directory(&at, &name, query, true);
                    }
                }
                Ok(meta) if meta.is_file() => {
                    let rest = &path[name.len()..];
                    return self.file(&at, name, rest);
                }
                // A device, a pipe, a socket.
                Ok(_) => return Err(403),
                Err(error) => return self.absent(&error),
            }
        }
        self.directory(&at, &name, query, false)
    }

    /// A directory: its index, or what is done with paths that are not there.
    fn directory(&self, at: &Path, name: &str, query: &[u8], bare: bool) -> Result<Found, u16> {
        self.real(at)?;
        let index = at.join(&self.index);
        match fs::metadata(&index) {
            Ok(meta) if meta.is_file() && bare => {
                let mut to = encoded(name);
                to.push('/');
                if !query.is_empty() {
                    to.push('?');
                    to.push_str(std::str::from_utf8(query).map_err(|_| 400u16)?);
                }
                Ok(Found::Redirect(to))
            }
            Ok(meta) if meta.is_file() => self.file(&index, format!("{name}/{}", self.index), ""),
            Ok(_) => Err(403),
            Err(error) => self.absent(&error),
        }
    }

    /// A file that was found, and the path behind it.
    fn file(&self, at: &Path, name: String, rest: &str) -> Result<Found, u16> {
        let real = self.real(at)?;
        // By either name: a link must not show the source of a script, nor
        // make a script of what is none.
        match (self.is_script(at)?, self.is_script(&real)?) {
            (true, true) => Ok(Found::Script {
                filename: real,
                script_name: name,
                path_info: rest.to_string(),
            }),
            (false, false) if rest.is_empty() => self.open(&real, name),
            (false, false) => Err(404),
            _ => Err(403),
        }
    }

    /// Opens, then looks again at what was opened: a name may change meanwhile.
    fn open(&self, real: &Path, name: String) -> Result<Found, u16> {
        let file = File::open(real).map_err(|error| refusal(&error))?;
        let meta = file.metadata().map_err(|error| refusal(&error))?;
        if !meta.is_file() || self.real(real)? != real {
            return Err(403);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let named = fs::symlink_metadata(real).map_err(|error| refusal(&error))?;
            if (named.dev(), named.ino()) != (meta.dev(), meta.ino()) {
                return Err(403);
            }
        }
        Ok(Found::File { file, meta, name })
    }

    /// The front controller, if there is one.
    fn absent(&self, error: &io::Error) -> Result<Found, u16> {
        match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename => {}
            _ => return Err(refusal(error)),
        }
        let index = self.dir.join(&self.index);
        if self.script.is_none() || !index.is_file() {
            return Ok(Found::Nothing);
        }
        self.file(&index, format!("/{}", self.index), "")
    }

    /// Where a path ends, all links followed. That must be a place that could
    /// be asked for by its own name.
    fn real(&self, at: &Path) -> Result<PathBuf, u16> {
        let real = at.canonicalize().map_err(|error| refusal(&error))?;
        let below = real.strip_prefix(&self.dir).map_err(|_| 403u16)?;
        let mut names = below.iter().enumerate();
        match names.all(|(place, name)| name.to_str().is_some_and(|name| plain(place, name))) {
            true => Ok(real),
            false => Err(403),
        }
    }

    /// By the name. One that differs in case alone is neither: some file
    /// systems take it for the script, whose source it would show.
    fn is_script(&self, path: &Path) -> Result<bool, u16> {
        let (Some(extension), Some(name)) = (&self.script, path.file_name()) else {
            return Ok(false);
        };
        let name = name.as_encoded_bytes();
        let end = name.len().saturating_sub(extension.len());
        let end = &name[end..];
        match end.eq_ignore_ascii_case(extension.as_bytes()) {
            true if end == extension.as_bytes() => Ok(true),
            true => Err(403),
            false => Ok(false),
        }
    }
}

fn refusal(error: &io::Error) -> u16 {
    match error.kind() {
        io::ErrorKind::PermissionDenied => 403,
        _ => 404,
    }
}

/// The path of a target, decoded once, slashes in a row as one. What could be
/// read in two ways is refused, and names that begin with a dot, but for
/// `.well-known` (RFC 8615).
fn decoded(target: &[u8]) -> Result<String, u16> {
    if target.len() > TARGET {
        return Err(414);
    }
    let mut room = vec![0; target.len() + 1];
    let rules = PathRules::STRICT.merge_slashes(true);
    let path = match split(target, Mount::Root, rules, &mut room) {
        Ok(split) => split.path_info.to_vec(),
        Err(PathError::Climbs) => return Err(400),
        Err(error) => return Err(error.status()),
    };
    // Too long a spelling of a character (`%c0%ae`) is no UTF-8 either.
    let path = String::from_utf8(path).map_err(|_| 400u16)?;
    if path.contains('\\') {
        return Err(400);
    }
    for (place, segment) in path[1..].split('/').enumerate() {
        match segment {
            "." | ".." => return Err(400),
            _ if !plain(place, segment) => return Err(404),
            // Streams, and names that the system takes for other ones.
            _ if cfg!(windows)
                && (segment.contains([':', '~']) || segment.ends_with(['.', ' '])) =>
            {
                return Err(404);
            }
            _ => {}
        }
    }
    Ok(path)
}

/// Whether a segment is no hidden file's name.
fn plain(place: usize, segment: &str) -> bool {
    !segment.starts_with('.') || (place == 0 && segment == ".well-known")
}

/// Encoded again, for a Location. RFC 3986, 3.3.
fn encoded(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*'
            | b'+' | b',' | b';' | b'=' | b':' | b'@' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(all(test, unix))]
mod tests;
