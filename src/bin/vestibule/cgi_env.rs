//! The variables that `call` sends: from the environment and from options.

use vestibule::cgi::meta::is_meta;
use vestibule::http1::target::Target;
use vestibule::{Field, Space};

/// Variables, each name once, in the order in which they were first set.
#[derive(Default)]
pub struct Vars {
    vars: Vec<(Vec<u8>, Vec<u8>)>,
    /// Variables that came as header fields, and the names of those.
    written: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is no variable, but an attribute of the request.
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a Filter is told besides. FastCGI 1.0, 6.4.
const DATA: [&[u8]; 2] = [b"FCGI_DATA_LAST_MOD", b"FCGI_DATA_LENGTH"];

impl Vars {
    /// From the environment: meta-variables and HTTP_*, or all of it. Never
    /// HTTP_PROXY, which programs take for their own proxy setting.
    pub fn from_environment(
        environment: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
        all: bool,
    ) -> Vars {
        let mut vars = Vars::default();
        for (name, value) in environment {
            let meta = is_meta(&name) || DATA.contains(&&name[..]);
            if (all || meta) && name != b"HTTP_PROXY" {
                vars.set(&name, &value);
            }
        }
        vars.vars.sort();
        vars
    }

    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.vars.iter().find(|(n, _)| n == name.as_bytes());
        found.map(|(_, v)| &v[..])
    }

    /// Sets or replaces.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        match self.vars.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value.to_vec(),
            None => self.vars.push((name.to_vec(), value.to_vec())),
        }
    }

    /// Sets what is not set.
    pub fn fill(&mut self, name: &str, value: &[u8]) {
        if self.get(name).is_none() {
            self.set(name.as_bytes(), value);
        }
    }

    pub fn remove(&mut self, name: &str) {
        self.vars.retain(|(n, _)| n != name.as_bytes());
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.vars.iter().map(|(n, v)| (&n[..], &v[..]))
    }

    /// For a wire that has header fields: those that came as such are such
    /// again, under the names that they had.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        let fields =
            self.iter().map(
                |(var, value)| match self.written.iter().find(|(v, _)| v == var) {
                    Some((_, name)) => Field::header(name, value),
                    None => Field::var(var, value),
                },
            );
        let attributes = self.attributes.iter().map(|(name, value)| Field {
            space: Space::Attribute,
            ..Field::var(name, value)
        });
        fields.chain(attributes)
    }

    pub fn attribute(&mut self, name: &[u8], value: &[u8]) {
        self.attributes.push((name.to_vec(), value.to_vec()));
    }

    /// How many bytes all of it takes, with the lengths.
    pub fn size(&self) -> usize {
        self.fields()
            .map(|f| f.name.len() + f.value.len() + 8)
            .sum()
    }

    /// What a request target says: REQUEST_URI, QUERY_STRING, SCRIPT_NAME,
    /// DOCUMENT_URI, and PATH_INFO behind the first segment that ends in
    /// `.php`, or, for `one` application, the whole path.
    pub fn target(&mut self, uri: &str, one: bool) -> Result<(), String> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        if !path.starts_with('/') {
            return Err(format!("the path '{uri}' does not begin with '/'"));
        }
        let path = decoded(path.as_bytes())?;
        let script = path
            .windows(5)
            .position(|w| w == b".php/")
            .map_or(path.len(), |at| at + 4);
        let script = if one { 0 } else { script };
        self.set(b"REQUEST_URI", uri.as_bytes());
        self.set(b"QUERY_STRING", query.as_bytes());
        self.set(b"DOCUMENT_URI", &path);
        self.set(b"SCRIPT_NAME", &path[..script]);
        if script < path.len() {
            self.set(b"PATH_INFO", &path[script..]);
        } else {
            self.remove("PATH_INFO");
        }
        Ok(())
    }

    /// A header field as it is written on a command line: `Name: value`; a
    /// name alone takes what the environment says away.
    pub fn header(&mut self, line: &[u8], again: &mut Vec<Vec<u8>>) -> Result<(), String> {
        let shown = String::from_utf8_lossy(line);
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            return Err(format!("header '{shown}': the colon is missing"));
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
            // A name with '_' or the like would fold onto another one.
            return Err(format!(
                "header '{shown}': a name is of letters, digits and '-'"
            ));
        }
        if value.iter().any(|b| *b < b' ' && *b != b'\t') {
            return Err("a header value must not have control characters".into());
        }
        let name_written = name.to_vec();
        let mut var = name.to_ascii_uppercase();
        for byte in &mut var {
            if *byte == b'-' {
                *byte = b'_';
            }
        }
        match &var[..] {
            b"PROXY" => {
                return Err("header 'Proxy': withheld, since programs take HTTP_PROXY \
                            for their own proxy setting"
                    .into());
            }
            b"CONTENT_TYPE" | b"CONTENT_LENGTH" => {}
            _ => var = [b"HTTP_", &var[..]].concat(),
        }
        let name = String::from_utf8_lossy(&var).into_owned();
        if value.is_empty() {
            self.remove(&name);
        } else if again.contains(&var) {
            let joint: &[u8] = if name == "HTTP_COOKIE" { b"; " } else { b", " };
            let joined = [self.get(&name).unwrap_or(b""), joint, value].concat();
            self.set(&var, &joined);
        } else {
            self.set(&var, value);
            self.written.retain(|(v, _)| *v != var);
            self.written.push((var.clone(), name_written));
            again.push(var);
        }
        Ok(())
    }

    /// What an HTTP request must have: a target, and a host, which is that of a
    /// target that is a whole URI. RFC 9112, 3.2.
    pub fn http(&mut self, host: &str) {
        let uri = self.get("REQUEST_URI").unwrap_or(b"").to_vec();
        let host = match Target::parse(&uri) {
            Some(Target::Absolute { authority, .. }) => authority,
            _ => host.as_bytes(),
        };
        self.fill("HTTP_HOST", host);
        if matches!(uri[..], [] | [b'?', ..]) {
            self.set(b"REQUEST_URI", &[b"/", &uri[..]].concat());
        }
    }

    /// What every application may expect. RFC 3875, 4.1.
    pub fn defaults(&mut self) {
        let host = self.get("HTTP_HOST").unwrap_or(b"localhost").to_vec();
        let name = match host.iter().rposition(|b| *b == b':') {
            Some(colon) if host.last() != Some(&b']') => host[..colon].to_vec(),
            _ => host,
        };
        self.fill("GATEWAY_INTERFACE", b"CGI/1.1");
        self.fill("REQUEST_METHOD", b"GET");
        self.fill("SERVER_PROTOCOL", b"HTTP/1.1");
        let software = concat!("vestibule/", env!("CARGO_PKG_VERSION"));
        self.fill("SERVER_SOFTWARE", software.as_bytes());
        self.fill("SERVER_NAME", &name);
        self.fill("SERVER_PORT", b"80");
        self.fill("REMOTE_ADDR", b"127.0.0.1");
        self.fill("QUERY_STRING", b"");
        self.fill("SCRIPT_NAME", b"");
        self.fill("REDIRECT_STATUS", b"200");
        let uri = match self.get("QUERY_STRING") {
            Some(query) if !query.is_empty() => {
                [self.get("SCRIPT_NAME").unwrap_or(b""), b"?", query].concat()
            }
            _ => self.get("SCRIPT_NAME").unwrap_or(b"").to_vec(),
        };
        if !uri.is_empty() {
            self.fill("REQUEST_URI", &uri);
        }
    }
}

/// Percent-decoded.
fn decoded(path: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = path;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let digits = rest.split_at_checked(2).and_then(|(digits, tail)| {
            let value = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            digits[0].is_ascii_hexdigit().then_some((value, tail))
        });
        match digits {
            Some((0, _)) => return Err("the path must not have %00".into()),
            Some((value, tail)) => {
                out.push(value);
                rest = tail;
            }
            None => return Err("'%' in the path wants two hexadecimal digits".into()),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)], all: bool) -> Vars {
        let pairs = pairs
            .iter()
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
        Vars::from_environment(pairs, all)
    }

    fn get<'a>(vars: &'a Vars, name: &str) -> Option<&'a str> {
        vars.get(name).map(|v| std::str::from_utf8(v).unwrap())
    }

    #[test]
    fn environment() {
        let given = [
            ("HTTP_X", "1"),
            ("HTTP_PROXY", "evil"),
            ("PATH", "/bin"),
            ("SCRIPT_FILENAME", "/s"),
        ];
        let vars = env(&given, false);
        assert_eq!(get(&vars, "HTTP_X"), Some("1"));
        assert_eq!(get(&vars, "SCRIPT_FILENAME"), Some("/s"));
        assert_eq!(get(&vars, "HTTP_PROXY"), None);
        assert_eq!(get(&vars, "PATH"), None);
        let vars = env(&given, true);
        assert_eq!(get(&vars, "PATH"), Some("/bin"));
        assert_eq!(get(&vars, "HTTP_PROXY"), None);
    }

    #[test]
    fn targets() {
        let mut vars = env(&[("PATH_INFO", "/old")], false);
        vars.target("/a%20b/x.php/more?q=%20&r", false).unwrap();
        assert_eq!(get(&vars, "SCRIPT_NAME"), Some("/a b/x.php"));
        assert_eq!(get(&vars, "PATH_INFO"), Some("/more"));
        assert_eq!(get(&vars, "QUERY_STRING"), Some("q=%20&r"));
        assert_eq!(get(&vars, "REQUEST_URI"), Some("/a%20b/x.php/more?q=%20&r"));
        vars.target("/plain", false).unwrap();
        assert_eq!(get(&vars, "PATH_INFO"), None);
        assert_eq!(get(&vars, "QUERY_STRING"), Some(""));
        vars.target("/x.php/a%20b?c", true).unwrap();
        assert_eq!(get(&vars, "SCRIPT_NAME"), Some(""));
        assert_eq!(get(&vars, "PATH_INFO"), Some("/x.php/a b"));
        for bad in ["x", "", "/%0", "/%zz", "/%+1", "/%00"] {
            assert!(vars.target(bad, false).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers() {
        let mut vars = env(&[("HTTP_A", "env")], false);
        let mut again = Vec::new();
        let mut header = |line: &[u8]| vars.header(line, &mut again);
        header(b"A: one").unwrap();
        header(b"a:two ").unwrap();
        header(b"Cookie: x=1").unwrap();
        header(b"Cookie: y=2").unwrap();
        header(b"Content-Type: text/css").unwrap();
        assert!(header(b"Proxy: x").is_err());
        assert!(header(b"A_B: x").is_err());
        assert!(header(b"A").is_err());
        assert!(header(b": x").is_err());
        assert!(header(b"A: x\ny").is_err());
        assert_eq!(get(&vars, "HTTP_A"), Some("one, two"));
        assert_eq!(get(&vars, "HTTP_COOKIE"), Some("x=1; y=2"));
        assert_eq!(get(&vars, "CONTENT_TYPE"), Some("text/css"));
        vars.header(b"A:", &mut Vec::new()).unwrap();
        assert_eq!(get(&vars, "HTTP_A"), None);
    }

    #[test]
    fn what_is_always_there() {
        let mut vars = env(
            &[
                ("HTTP_HOST", "[::1]:8080"),
                ("QUERY_STRING", "q"),
                ("SCRIPT_NAME", "/s"),
            ],
            false,
        );
        vars.defaults();
        assert_eq!(get(&vars, "SERVER_NAME"), Some("[::1]"));
        assert_eq!(get(&vars, "REQUEST_URI"), Some("/s?q"));
        assert_eq!(get(&vars, "REQUEST_METHOD"), Some("GET"));
        let mut vars = env(&[("REQUEST_METHOD", "PUT")], false);
        vars.defaults();
        assert_eq!(get(&vars, "REQUEST_METHOD"), Some("PUT"));
        assert_eq!(get(&vars, "REQUEST_URI"), None);
    }
}
