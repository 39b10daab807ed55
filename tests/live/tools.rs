//! What tests send and expect: bodies, dumps, the two clients `call` and curl.

use std::fs;

use crate::harness::{PATH, PATIENCE, Ran, Scratch, run};

pub const MB: usize = 1_000_000;

/// Numbered lines of eight bytes, cut at `n`: what `m=size` answers.
pub fn lines(n: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(n + 8);
    let mut line = 0;
    while out.len() < n {
        out.extend_from_slice(format!("{line:07}\n").as_bytes());
        line += 1;
    }
    out.truncate(n);
    out
}

/// Bytes of every value, without a short period.
pub fn noise(n: usize) -> Vec<u8> {
    let mut state: u32 = 0x9e37_79b9;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..n).map(|_| byte()).collect()
}

/// FNV-1a, 64 bits.
pub fn fnv(bytes: &[u8]) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, step);
    format!("{hash:016x}")
}

/// CRC-32, as in gzip (RFC 1952, 8).
pub fn crc(bytes: &[u8]) -> String {
    let shift = |crc: u32| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    let table: [u32; 256] = core::array::from_fn(|n| (0..8).fold(n as u32, |crc, _| shift(crc)));
    let step = |crc: u32, byte: &u8| crc >> 8 ^ table[(crc as u8 ^ byte) as usize];
    format!("{:08x}", !bytes.iter().fold(!0, step))
}

/// Compares long things, and shows where they begin to differ.
#[track_caller]
pub fn same(got: &[u8], want: &[u8], what: &str) {
    if got == want {
        return;
    }
    let at = got.iter().zip(want).take_while(|(a, b)| a == b).count();
    let from = at.saturating_sub(40);
    let near = |bytes: &[u8]| {
        let part = &bytes[from.min(bytes.len())..bytes.len().min(at + 200)];
        String::from_utf8_lossy(part).into_owned()
    };
    panic!(
        "{what}: {} bytes, not {}; differs at {at}:\n{:?}\nnot\n{:?}",
        got.len(),
        want.len(),
        near(got),
        near(want)
    );
}

/// What `m=echo` answers, taken apart.
pub struct Dump {
    pub peer: String,
    pub method: String,
    pub length: String,
    /// By `fnv` or by `crc`, as the application has it.
    hash: String,
    by: fn(&[u8]) -> String,
    /// `NAME=VALUE`, sorted.
    pub vars: Vec<String>,
}

impl Dump {
    #[track_caller]
    pub fn of(bytes: &[u8]) -> Dump {
        let text = std::str::from_utf8(bytes).expect("a dump is ASCII");
        let mut rest = text.lines();
        let by = if text.contains("\nbody-crc: ") {
            ("body-crc: ", crc as fn(&[u8]) -> String)
        } else {
            ("body-fnv: ", fnv as fn(&[u8]) -> String)
        };
        let mut line = |name: &str| {
            let line = rest.next().and_then(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {text}"))
                .to_string()
        };
        let (peer, method) = (line("peer: "), line("method: "));
        let (length, hash) = (line("body-len: "), line(by.0));
        line("");
        let vars: Vec<String> = rest.map(Into::into).collect();
        assert!(vars.is_sorted(), "{vars:?}");
        Dump {
            peer,
            method,
            length,
            hash,
            by: by.1,
            vars,
        }
    }

    /// That the application got this method and this body.
    #[track_caller]
    pub fn got(&self, method: &str, body: &[u8]) -> &Dump {
        assert_eq!(self.method, method);
        assert_eq!(self.length, body.len().to_string());
        assert_eq!(self.hash, (self.by)(body));
        self
    }

    /// Takes a variable that cannot be foretold out, and gives its value.
    #[track_caller]
    pub fn take(&mut self, name: &str) -> String {
        let is = |var: &String| var.strip_prefix(name).is_some_and(|v| v.starts_with('='));
        let at = self.vars.iter().position(is);
        let at = at.unwrap_or_else(|| panic!("no {name} in {:?}", self.vars));
        self.vars.remove(at)[name.len() + 1..].to_string()
    }

    /// That exactly these variables are left.
    #[track_caller]
    pub fn has(&self, want: &[&str]) {
        let mut want: Vec<&str> = want.to_vec();
        want.sort_unstable();
        let less: Vec<_> = want
            .iter()
            .filter(|var| !self.vars.iter().any(|v| v == *var))
            .collect();
        let more: Vec<_> = self
            .vars
            .iter()
            .filter(|var| !want.contains(&var.as_str()))
            .collect();
        assert!(self.vars == want, "missing {less:?}, too much {more:?}");
    }
}

pub const COMMAND: &str = env!("CARGO_BIN_EXE_vestibule");

/// `vestibule call` with nothing in its environment.
pub fn call(endpoint: &str, args: &[&str]) -> Ran {
    call_with(endpoint, args, &[], b"")
}

pub fn call_with(endpoint: &str, args: &[&str], env: &[(&str, &str)], input: &[u8]) -> Ran {
    let time = PATIENCE.as_secs().to_string();
    let mut all = vec!["call", endpoint, "--timeout", &time];
    all.extend_from_slice(args);
    run(COMMAND, &all, env, input)
}

impl Ran {
    /// Its output, once it is known to have ended well.
    #[track_caller]
    pub fn ok(&self) -> &[u8] {
        let out = String::from_utf8_lossy(&self.out[..self.out.len().min(2000)]);
        assert_eq!(self.code, 0, "{}\n{out}", self.err);
        &self.out
    }
}

/// What curl got.
pub struct Got {
    pub status: u16,
    /// The header fields as they came, each with its CR LF.
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Got {
    /// The values of all fields of a name, whatever its case.
    pub fn field(&self, name: &str) -> Vec<&[u8]> {
        self.head
            .split(|b| *b == b'\n')
            .filter_map(|line| {
                let colon = line.iter().position(|b| *b == b':')?;
                let same = line[..colon].eq_ignore_ascii_case(name.as_bytes());
                same.then(|| line[colon + 1..].trim_ascii())
            })
            .collect()
    }
}

/// curl, each time with a connection of its own.
#[track_caller]
pub fn curl(url: &str, args: &[&str]) -> Got {
    let scratch = Scratch::new();
    let head = scratch.path().join("head").display().to_string();
    let body = scratch.path().join("body").display().to_string();
    let time = PATIENCE.as_secs().to_string();
    let mut all = vec![
        "-sS", "-m", &time, "-D", &head, "-o", &body, "-H", "Expect:",
    ];
    all.extend_from_slice(args);
    all.push(url);
    let ran = run("curl", &all, &[("PATH", PATH)], b"");
    assert_eq!(ran.code, 0, "{url}: {}", ran.err);
    let head = fs::read(head).unwrap();
    let status = std::str::from_utf8(&head[9..12]).unwrap().parse().unwrap();
    Got {
        status,
        head,
        body: fs::read(body).unwrap_or_default(),
    }
}
