//! Starts and ends peers: scratch directories, ports, process groups.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before it counts as hanging.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// All that peers find in their environment, beside what they are started with.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How often a condition that nothing announces is looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// A directory that anybody can enter, removed in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("vestibule-live-{}-{n}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Scratch(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A port that nobody listens at, given once in this process: below those that
/// the system gives to outgoing connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 120) as u16 * 100;
    for _ in 0..100 {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {start}");
}

/// A process and all that it has started.
pub struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts it as a process group of its own; what it prints goes to a file
    /// in `scratch`, but for standard output where `stdout` is piped.
    fn start(name: &str, command: &mut Command, scratch: &Scratch, piped: bool) -> Process {
        let log = scratch.path().join(format!("{name}.log"));
        let file = File::create(&log).unwrap();
        command.process_group(0);
        command.stderr(file.try_clone().unwrap());
        command.stdout(if piped { Stdio::piped() } else { file.into() });
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Process {
            child,
            name: name.into(),
            log,
        }
    }

    /// What it has printed, standard output apart where that is piped.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Until the condition holds, or the process is gone.
    fn await_that(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended, {status}: {}", self.name, self.log());
            }
            assert!(start.elapsed() < PATIENCE, "{}: not {what}", self.name);
            thread::sleep(GLANCE);
        }
    }

    /// Sends a signal to the process itself.
    pub fn signal(&self, signal: &str) {
        kill(signal, &self.child.id().to_string());
    }

    /// Bytes of memory that the system says it has now (`VmRSS`), or had at
    /// most (`VmHWM`).
    pub fn memory(&self, what: &str) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let count = line.unwrap().trim_matches(|c: char| !c.is_ascii_digit());
        count.parse::<usize>().unwrap() * 1024
    }

    /// Seconds of processor time that it and all that it has started have used.
    pub fn cpu(&self) -> f64 {
        let group = self.child.id().to_string();
        let mut ticks = 0;
        for entry in fs::read_dir("/proc").unwrap() {
            let stat = entry.unwrap().path().join("stat");
            // Some have ended meanwhile, and some are no processes.
            let stat = fs::read_to_string(stat).unwrap_or_default();
            // Behind the name, which may hold anything: state, parent, group.
            let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
            if fields.get(2) == Some(&&group[..]) {
                ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
            }
        }
        // The kernel counts in hundredths of a second for programs.
        ticks as f64 / 100.0
    }

    /// Ends it and all that it has started, at once.
    pub fn kill(&self) {
        kill("-KILL", &format!("-{}", self.child.id()));
    }

    /// Its end, which must come.
    pub fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{} does not end", self.name);
            thread::sleep(GLANCE);
        }
    }
}

fn kill(signal: &str, target: &str) {
    let _ = Command::new("kill")
        .args([signal, "--", target])
        .stderr(Stdio::null())
        .status();
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        kill("-TERM", &group);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(GLANCE);
        }
        // What is left of the group.
        kill("-KILL", &group);
        let _ = self.child.wait();
    }
}

/// A peer that `tests/peers/NAME/start` has started.
pub struct Peer {
    pub process: Process,
    pub port: u16,
    /// This one, and more for who listens at several.
    pub ports: [u16; 4],
    pub scratch: Scratch,
}

impl Peer {
    /// Starts it and waits until it can be connected to.
    pub fn start(name: &str, more: &[(&str, &str)]) -> Peer {
        let scratch = Scratch::new();
        let ports: [u16; 4] = core::array::from_fn(|_| free_port());
        let port = ports[0];
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        let mut command = Command::new(script.join(name).join("start"));
        command
            .env_clear()
            .env("PATH", PATH)
            .env("PEER_DIR", scratch.path())
            .env("PEER_PORT", port.to_string())
            .envs(
                (2..)
                    .zip(&ports[1..])
                    .map(|(n, port)| (format!("PEER_PORT{n}"), port.to_string())),
            )
            .envs(more.iter().copied())
            .stdin(Stdio::null());
        let mut process = Process::start(name, &mut command, &scratch, false);
        if more.contains(&("PEER_UNIX", "1")) {
            let socket = scratch.path().join(format!("{name}.sock"));
            process.await_that("listening", || UnixStream::connect(&socket).is_ok());
        } else {
            process.await_that("listening", || {
                TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
        }
        Peer {
            process,
            port,
            ports,
            scratch,
        }
    }

    /// As an endpoint of HTTP.
    pub fn http(&self) -> String {
        self.at("http", 0)
    }

    /// As an endpoint of FastCGI.
    pub fn tcp(&self) -> String {
        self.at("fcgi", 0)
    }

    /// As an endpoint at one of its ports.
    pub fn at(&self, protocol: &str, nth: usize) -> String {
        format!("{protocol}://{}", self.address(nth))
    }

    /// As an endpoint, where it listens at a socket.
    pub fn socket(&self, protocol: &str, name: &str) -> String {
        format!(
            "{protocol}+unix:{}/{name}.sock",
            self.scratch.path().display()
        )
    }

    /// One of its ports with the host, as web servers are told it.
    pub fn address(&self, nth: usize) -> String {
        format!("127.0.0.1:{}", self.ports[nth])
    }

    /// Ends it as a failing machine would.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

/// Starts the command and gives what follows `mark` on a line of its standard
/// output.
pub fn ours(args: &[&str], mark: &str, scratch: &Scratch) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.args(args).stdin(Stdio::null());
    let mut process = Process::start(args[0], &mut command, scratch, true);
    let mut lines = BufReader::new(process.child.stdout.take().unwrap()).lines();
    let said = lines.find_map(|line| {
        let line = line.unwrap();
        line.split_once(mark).map(|(_, rest)| rest.to_string())
    });
    match said {
        Some(said) => (process, said),
        None => panic!("{args:?} never says '{mark}': {}", process.log()),
    }
}

/// A running `vestibule serve`.
pub struct Serve {
    pub process: Process,
    /// `127.0.0.1:PORT` or `unix:/SOCKET`, as web servers are told it.
    pub upstream: String,
    /// The same as an endpoint.
    pub endpoint: String,
    #[expect(dead_code, reason = "removed when dropped")]
    scratch: Scratch,
}

impl Serve {
    pub fn tcp(app: &str, more: &[&str]) -> Serve {
        let args = [&["--app", app][..], more].concat();
        Serve::start("fcgi://127.0.0.1:0", &args)
    }

    pub fn unix(app: &str, more: &[&str]) -> Serve {
        let args = [&["--app", app][..], more].concat();
        Serve::start("fcgi+unix:", &args)
    }

    /// Over HTTP.
    pub fn http(args: &[&str]) -> Serve {
        Serve::start("http://127.0.0.1:0", args)
    }

    /// At an endpoint; one of a socket without its path.
    pub fn start(listen: &str, args: &[&str]) -> Serve {
        let scratch = Scratch::new();
        let listen = match listen.ends_with("unix:") {
            true => format!("{listen}{}/serve.sock", scratch.path().display()),
            false => listen.to_string(),
        };
        let args = [&["serve", "--listen", &listen], args].concat();
        let (process, endpoint) = ours(&args, "listening at ", &scratch);
        let upstream = match endpoint.split_once("+unix:") {
            Some((_, path)) => format!("unix:{path}"),
            None => endpoint.split("//").last().unwrap().to_string(),
        };
        Serve {
            process,
            upstream,
            endpoint,
            scratch,
        }
    }

    /// SIGTERM; exit code 0 must come of it, and nothing on standard error.
    pub fn stop(mut self) {
        self.process.signal("-TERM");
        let status = self.process.end();
        assert_eq!(status.code(), Some(0), "{}", self.process.log());
        assert_eq!(self.process.log(), "");
    }
}

/// Passes bytes on to another port, and counts the connections.
pub struct Relay {
    pub address: String,
    count: Arc<AtomicU32>,
}

impl Relay {
    pub fn to(upstream: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let count = Arc::new(AtomicU32::new(0));
        let (counted, upstream) = (Arc::clone(&count), upstream.to_string());
        thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let far = TcpStream::connect(&upstream).unwrap();
                // What is small goes at once, as it came.
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                for (mut from, mut to) in [
                    (near.try_clone().unwrap(), far.try_clone().unwrap()),
                    (far, near),
                ] {
                    thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
        Relay { address, count }
    }

    pub fn connections(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }
}

/// What spawn-fcgi has started, which stays in the foreground.
pub fn spawned(how: &[&str], program: &[&str], env: &[(&str, &str)], scratch: &Scratch) -> Process {
    let mut command = Command::new("spawn-fcgi");
    command.arg("-n").args(how).arg("--").args(program);
    command.envs(env.iter().copied()).stdin(Stdio::null());
    Process::start("spawn-fcgi", &mut command, scratch, false)
}

impl Process {
    /// Until an endpoint can be connected to.
    pub fn await_endpoint(&mut self, endpoint: &str) {
        self.await_that("listening", || match endpoint.strip_prefix("fcgi+unix:") {
            Some(path) => UnixStream::connect(path).is_ok(),
            None => TcpStream::connect(endpoint.trim_start_matches("fcgi://")).is_ok(),
        });
    }
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: Vec<u8>,
    pub err: String,
}

/// Runs a command to its end with nothing in its environment but `env` and
/// where programs are found.
pub fn run<S: AsRef<OsStr>>(program: &str, args: &[S], env: &[(&str, &str)], input: &[u8]) -> Ran {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("{program}: {e}"));
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            // Who does not read it all says so by closing.
            let _ = stdin.write_all(input);
        });
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    })
}

/// Collects what a test has shown, and prints it in the end.
pub struct Shown {
    peer: String,
    cases: Vec<String>,
}

impl Shown {
    pub fn of(peer: &str) -> Shown {
        Shown {
            peer: peer.into(),
            cases: Vec::new(),
        }
    }

    pub fn case(&mut self, case: &str) {
        self.cases.push(case.into());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let failed = if thread::panicking() {
            "; FAILED after these"
        } else {
            ""
        };
        // Not print!, which the test harness would keep to itself.
        let line = format!("{:<34} {}{failed}\n", self.peer, self.cases.join("; "));
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
