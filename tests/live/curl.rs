//! curl as a way to an application.

use std::fs;

use vestibule::{Ending, Length};

use crate::answer::{Answer, Pairs, values};
use crate::contract::Way;
use crate::harness::{PATH, PATIENCE, Scratch, run};
use crate::http::Body;

/// Sends nothing but what it is told, each time on a connection of its own.
pub struct Curl {
    /// What targets are appended to: `http://HOST:PORT`.
    base: String,
    /// More arguments.
    args: Vec<String>,
    scratch: Scratch,
}

impl Curl {
    pub fn to(base: &str) -> Curl {
        Curl {
            base: base.into(),
            args: Vec::new(),
            scratch: Scratch::new(),
        }
    }

    /// To `http://HOST:PORT` or `http+unix:/SOCKET`.
    pub fn endpoint(endpoint: &str) -> Curl {
        match endpoint.strip_prefix("http+unix:") {
            Some(socket) => Curl {
                args: vec!["--unix-socket".into(), socket.into()],
                ..Curl::to("http://localhost")
            },
            None => Curl::to(endpoint),
        }
    }

    pub fn with(mut self, args: &[&str]) -> Curl {
        self.args.extend(args.iter().map(|arg| arg.to_string()));
        self
    }

    /// The arguments for a request, and where head and body will be.
    fn prepare(
        &self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: Body,
    ) -> Vec<String> {
        let time = PATIENCE.as_secs().to_string();
        let mut args = Vec::from(["-sS", "-m", &time, "--path-as-is", "-g"].map(String::from));
        let expect = more.iter().any(|(name, _)| *name == "Expect");
        let plain = ["User-Agent:", "Accept:", "Content-Type:"];
        let plain = plain.into_iter().chain((!expect).then_some("Expect:"));
        let known = |name: &str| more.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        for name in plain {
            if !known(name.trim_end_matches(':')) {
                args.extend(["-H".into(), name.into()]);
            }
        }
        for (name, value) in more {
            let empty = value.is_empty();
            let field = if empty {
                format!("{name};")
            } else {
                format!("{name}: {value}")
            };
            args.extend(["-H".into(), field]);
        }
        if expect {
            args.extend(["--expect100-timeout".into(), time.clone()]);
        }
        match (method, body) {
            ("HEAD", _) => args.push("-I".into()),
            _ => args.extend(["-X".into(), method.into()]),
        }
        if let Body::Sized(bytes) | Body::Chunked(bytes) = body {
            let file = self.scratch.file("sent", bytes);
            args.extend(["--data-binary".into(), format!("@{file}")]);
        }
        if let Body::Chunked(_) = body {
            args.extend(["-H".into(), "Transfer-Encoding: chunked".into()]);
        }
        args.extend(self.args.iter().cloned());
        for (option, name) in [("-D", "head"), ("-o", "body")] {
            let path = self.scratch.path().join(name).display().to_string();
            let _ = fs::remove_file(&path);
            args.extend([option.into(), path]);
        }
        args.push(format!("{}{target}", self.base));
        args
    }

    /// One request, whatever comes of it: the exit code, and what was got.
    #[track_caller]
    pub fn attempt(
        &mut self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: Body,
    ) -> (i32, Answer) {
        let args = self.prepare(method, target, more, body);
        let ran = run("curl", &args, &[("PATH", PATH)], b"");
        let read = |name: &str| fs::read(self.scratch.path().join(name)).unwrap_or_default();
        let mut answer = Answer::new();
        heads(&read("head"), &mut answer);
        answer.body = match method {
            "HEAD" => Vec::new(),
            _ => read("body"),
        };
        answer.whole = ran.code == 0;
        answer.log = ran.err.into_bytes();
        (ran.code, answer)
    }
}

impl Way for Curl {
    #[track_caller]
    fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)], body: Body) -> Answer {
        let (code, mut answer) = self.attempt(method, target, more, body);
        let log = String::from_utf8_lossy(&answer.log);
        assert_eq!(code, 0, "{method} {target}: {log}");
        answer.ending = Ending::Complete {
            app_status: 0,
            output_ended: true,
        };
        if let [length] = values(&answer.fields, "Content-Length")[..] {
            let length = std::str::from_utf8(length).unwrap().parse().unwrap();
            answer.length = Length::Known(length);
        }
        answer
    }
}

/// All heads that came, the last of them the final one.
fn heads(bytes: &[u8], answer: &mut Answer) {
    let mut fields = Pairs::new();
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let line = line.trim_ascii();
        if line.starts_with(b"HTTP/") {
            let status = std::str::from_utf8(&line[9..12]).unwrap();
            answer.status = status.parse().unwrap();
            fields = Pairs::new();
        } else if line.is_empty() && answer.status < 200 {
            answer
                .interims
                .push((answer.status, std::mem::take(&mut fields)));
        } else if let Some(colon) = line.iter().position(|b| *b == b':') {
            let value = line[colon + 1..].trim_ascii().to_vec();
            fields.push((line[..colon].to_vec(), value));
        }
    }
    answer.fields = fields;
}
