//! Runs the command and small peers beside it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

pub const BIN: &str = env!("CARGO_BIN_EXE_vestibule");

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

/// The command with an empty environment.
pub fn vestibule(args: &[&str]) -> Command {
    let mut command = Command::new(BIN);
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

/// Runs to the end, with `input` on standard input.
pub fn finish(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // The command may well end without having read it.
            let _ = stdin.write_all(input);
        });
        let done = child.wait_with_output().unwrap();
        Ran {
            code: done.status.code().unwrap_or(-1),
            out: done.stdout,
            err: String::from_utf8_lossy(&done.stderr).into_owned(),
        }
    })
}

pub fn run(args: &[&str]) -> Ran {
    finish(vestibule(args), b"")
}

/// `call ENDPOINT ARGS`.
pub fn call(endpoint: &str, args: &[&str]) -> Ran {
    run(&[&["call", endpoint], args].concat())
}

/// A running `serve`, killed in the end.
pub struct Served {
    pub child: Child,
    pub endpoint: String,
    _out: BufReader<std::process::ChildStdout>,
}

impl Served {
    pub fn new(app: &str, more: &[&str]) -> Served {
        let listen = ["serve", "--app", app, "--listen", "fcgi://127.0.0.1:0"];
        Served::spawn(vestibule(&[&listen, more].concat()))
    }

    /// The same for browsers.
    pub fn http(app: &str, more: &[&str]) -> Served {
        let listen = ["serve", "--app", app, "--listen", "http://127.0.0.1:0"];
        Served::spawn(vestibule(&[&listen, more].concat()))
    }

    pub fn spawn(mut command: Command) -> Served {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let endpoint = line.trim_end().strip_prefix("listening at ");
        Served {
            endpoint: endpoint.expect(&line).to_string(),
            child,
            _out: out,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.endpoint
            .strip_prefix("fcgi://")
            .unwrap()
            .parse()
            .unwrap()
    }

    /// A further line of standard output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self._out.read_line(&mut line).unwrap();
        line
    }

    pub fn kill(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An application that is told what to do with its one connection.
pub fn peer(act: impl FnOnce(TcpStream) + Send + 'static) -> (String, JoinHandle<()>) {
    peer_at("fcgi", act)
}

/// The same, of whatever protocol.
pub fn peer_at<T: Send + 'static>(
    scheme: &str,
    act: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("{scheme}://{}", listener.local_addr().unwrap());
    let acting = std::thread::spawn(move || act(listener.accept().unwrap().0));
    (endpoint, acting)
}

/// Reads until the end of STDIN (an empty record of type 5).
pub fn read_request(stream: &mut TcpStream) {
    read_until(stream, 5);
}

/// Reads until the end of PARAMS: all that an authorizer is sent.
pub fn read_params(stream: &mut TcpStream) {
    read_until(stream, 4);
}

fn read_until(stream: &mut TcpStream, kind: u8) {
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).unwrap();
        let content = u16::from_be_bytes([header[4], header[5]]);
        let mut rest = vec![0; usize::from(content) + usize::from(header[6])];
        stream.read_exact(&mut rest).unwrap();
        if header[1] == kind && content == 0 {
            return;
        }
    }
}

/// A record without padding.
pub fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, kind];
    bytes.extend(id.to_be_bytes());
    bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(content);
    bytes
}

/// A whole request without a body; the pairs are short ones.
pub fn request(id: u16, keep: bool, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, value) in pairs {
        content.extend([name.len() as u8, value.len() as u8]);
        content.extend(name.bytes().chain(value.bytes()));
    }
    [
        record(1, id, &[0, 1, u8::from(keep), 0, 0, 0, 0, 0]),
        record(4, id, &content),
        record(4, id, b""),
        record(5, id, b""),
    ]
    .concat()
}

/// The numbered lines that the applications send.
pub fn pattern(n: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(n + 8);
    let mut line = 0;
    while bytes.len() < n {
        writeln!(bytes, "{line:07}").unwrap();
        line += 1;
    }
    bytes.truncate(n);
    bytes
}

/// A directory of a test's own, removed in the end.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(name: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("vestibule-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_string()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
