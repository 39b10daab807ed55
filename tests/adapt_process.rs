//! CGI programs, real ones: scripts of the shell, run by `adapt::process`.
#![cfg(unix)]

use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use vestibule::adapt::gateway::{self, Behind};
use vestibule::adapt::process::{Process, Program};
use vestibule::adapt::{Call, Called, Transport};
use vestibule::bridge::Policy;
use vestibule::{Client as _, Ending, Error, Field, Id, Length, Response, Timeouts, cgi, http1};

/// A directory of its own, with a program in it.
struct Script {
    dir: PathBuf,
}

impl Script {
    fn new(name: &str, text: &str) -> Script {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("process-{name}"));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let script = Script { dir };
        // Written by another process: one of this process that forks meanwhile
        // would keep it open for writing, and then it cannot be run.
        let mut cat = Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(script.path())
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = cat.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).unwrap();
        drop(stdin);
        assert!(cat.wait().unwrap().success());
        script
    }

    fn path(&self) -> PathBuf {
        self.dir.join("script")
    }

    fn program(&self) -> Program {
        Program::new(self.path()).unwrap()
    }
}

/// The environment of a request.
fn block(vars: &[(&str, &str)]) -> Vec<u8> {
    let vars = vars.iter().map(|(n, v)| format!("{n}={v}\0"));
    let text = vars.collect::<String>() + "\0";
    text.into_bytes()
}

/// Starts it, with a body.
fn started(program: &Program, vars: &[(&str, &str)]) -> Process {
    let process = program.process();
    (&process).write_all(&block(vars)).unwrap();
    process
}

fn output(process: &Process) -> io::Result<String> {
    let mut text = String::new();
    let mut process = process;
    process.read_to_string(&mut text).map(|_| text)
}

/// What a program wrote to its standard error, as it comes.
fn logged(program: Program) -> (Program, Receiver<Vec<u8>>) {
    let (sender, log): (Sender<Vec<u8>>, _) = channel();
    let sender = std::sync::Mutex::new(sender);
    let program = program.log(move |text| {
        let _ = sender.lock().unwrap().send(text.to_vec());
    });
    (program, log)
}

/// Whether there is such a process that is no zombie of ours.
fn lives(pid: &str) -> bool {
    Path::new("/proc").join(pid).exists()
}

fn gone(pid: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while lives(pid) {
        assert!(Instant::now() < end, "{pid} lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_environment_is_the_requests_and_a_named_list() {
    let script = Script::new(
        "env",
        "#!/bin/sh\nenv -0 | sort -z | tr '\\0' '\\n'\npwd -P\n",
    );
    let vars = [
        ("REQUEST_METHOD", "GET"),
        ("HTTP_X", "a=b \u{e9}"),
        ("PATH", "/evil"),
        ("HTTP_PROXY", "http://evil.example"),
        ("GATEWAY_INTERFACE", "other"),
    ];
    let process = started(&script.program(), &vars);
    let text = output(&process).unwrap();
    let dir = fs::canonicalize(&script.dir).unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut want = vec![
        "GATEWAY_INTERFACE=CGI/1.1".to_string(),
        "HTTP_X=a=b \u{e9}".into(),
        format!("PATH={path}"),
        "QUERY_STRING=".into(),
        "REQUEST_METHOD=GET".into(),
        format!("SCRIPT_FILENAME={}", script.path().display()),
        "SCRIPT_NAME=".into(),
    ];
    for name in ["LD_LIBRARY_PATH", "TZ"] {
        if let Ok(value) = std::env::var(name) {
            want.push(format!("{name}={value}"));
        }
    }
    want.sort();
    want.push(dir.display().to_string());
    // What the shell adds of its own.
    let own = ["PWD=", "OLDPWD=", "SHLVL=", "_="];
    let lines = text
        .lines()
        .filter(|l| !own.iter().any(|o| l.starts_with(o)));
    assert_eq!(lines.collect::<Vec<_>>(), want);
    assert_eq!(process.app_status(), Some(0));

    let other = [("SCRIPT_FILENAME", "/srv/other.php")];
    let text = output(&started(&script.program(), &other)).unwrap();
    assert!(
        text.contains("\nSCRIPT_FILENAME=/srv/other.php\n"),
        "{text}"
    );

    let none: [&str; 0] = [];
    let program = script.program().inherit(none).directory("/");
    let text = output(&started(&program, &[("PATH", "/usr/bin:/bin")])).unwrap();
    assert!(text.contains("\nPATH=/usr/bin:/bin\n"), "{text}");
    assert!(text.ends_with("\n/\n"), "{text}");
}

#[test]
fn no_environment_no_process() {
    let script = Script::new("never", "#!/bin/sh\ntouch started\n");
    let path = "a".repeat(2 << 20);
    for bad in [
        &b"NAME\0\0"[..],
        b"=value\0\0",
        b"A=1\0A=2\0\0",
        b"CONTENT_LENGTH=+1\0\0",
        b"CONTENT_LENGTH=18446744073709551616\0\0",
        path.as_bytes(),
    ] {
        let process = script.program().process();
        assert!((&process).write_all(bad).is_err());
        // It stays so, whichever side asks.
        assert!((&process).write_all(b"A=1\0\0").is_err());
        assert!((&process).read(&mut [0; 8]).is_err());
    }
    // Not before the last byte of it.
    let process = script.program().process();
    (&process).write_all(b"A=1\0").unwrap();
    process
        .read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let error = (&process).read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    process.shutdown(Shutdown::Both).unwrap();
    assert!((&process).read(&mut [0; 8]).is_err());
    assert!((&process).write_all(b"\0").is_err());
    drop(process);
    assert!(!script.dir.join("started").exists());
    // The same value twice is one value.
    let process = script.program().process();
    (&process).write_all(b"A=1\0A=1\0\0").unwrap();
    output(&process).unwrap();
    assert!(script.dir.join("started").exists());
}

#[test]
fn arguments_only_where_they_are_wanted() {
    let script = Script::new(
        "argv",
        "#!/bin/sh\nfor a in \"$@\"; do echo \"[$a]\"; done\n",
    );
    let argv = |program: Program, method, query| {
        let vars = [("REQUEST_METHOD", method), ("QUERY_STRING", query)];
        output(&started(&program, &vars)).unwrap()
    };
    assert_eq!(argv(script.program(), "GET", "a+b"), "");
    let on = || script.program().arguments(true);
    assert_eq!(argv(on(), "GET", "a+b%20c"), "[a]\n[b c]\n");
    assert_eq!(
        argv(on(), "GET", "$(touch+x);`id`"),
        "[$(touch]\n[x);`id`]\n"
    );
    for (method, query) in [
        ("GET", "a=b"),
        ("POST", "a"),
        ("GET", "--help"),
        ("GET", "a%00"),
    ] {
        assert_eq!(argv(on(), method, query), "");
    }
}

#[test]
fn ten_megabytes_both_ways() {
    let script = Script::new("cat", "#!/bin/sh\nexec cat\n");
    let body: Vec<u8> = (0..10_000_000u32).map(|n| (n % 251) as u8).collect();
    let process = started(&script.program(), &[("CONTENT_LENGTH", "10000000")]);
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| {
            (&process).write_all(&body).unwrap();
            // What is beyond its length is not the program's.
            (&process).write_all(b"beyond").unwrap();
        });
        let mut came = Vec::new();
        (&process).read_to_end(&mut came).unwrap();
        sent.join().unwrap();
        assert!(came == body);
    });
    assert_eq!(process.app_status(), Some(0));
}

#[test]
fn a_body_need_not_be_read() {
    let script = Script::new("deaf", "#!/bin/sh\necho answer\n");
    let process = started(&script.program(), &[("CONTENT_LENGTH", "10000000")]);
    std::thread::scope(|scope| {
        let sent = scope.spawn(|| (&process).write_all(&vec![b'x'; 10_000_000]));
        assert_eq!(output(&process).unwrap(), "answer\n");
        sent.join().unwrap().unwrap();
    });
    assert_eq!(process.app_status(), Some(0));
}

#[test]
fn what_is_written_to_standard_error_holds_nobody_up() {
    let flood = "#!/bin/sh\nhead -c 4000000 /dev/zero | tr '\\0' e >&2\necho out\necho last >&2\n";
    let script = Script::new("flood", flood);
    let (program, log) = logged(script.program().log_limit(100_000));
    let process = started(&program, &[]);
    assert_eq!(output(&process).unwrap(), "out\n");
    drop((process, program));
    let all: Vec<u8> = log.iter().flatten().collect();
    assert_eq!(all.len(), 100_000);
    assert!(all.iter().all(|b| *b == b'e'));
    // All of it is there.
    let script = Script::new(
        "stderr",
        "#!/bin/sh\necho one >&2\necho out\necho two >&2\n",
    );
    let (program, log) = logged(script.program());
    let process = started(&program, &[]);
    assert_eq!(output(&process).unwrap(), "out\n");
    drop((process, program));
    assert_eq!(log.iter().flatten().collect::<Vec<_>>(), b"one\ntwo\n");
}

#[test]
fn an_exit_code_is_told_and_a_signal_is_no_end() {
    let script = Script::new("exit", "#!/bin/sh\necho partial\nexit 3\n");
    let process = started(&script.program(), &[]);
    assert_eq!(output(&process).unwrap(), "partial\n");
    assert_eq!(process.app_status(), Some(3));
    let script = Script::new("killed", "#!/bin/sh\necho partial\nkill -9 $$\n");
    let process = started(&script.program(), &[]);
    let mut buf = [0; 64];
    assert_eq!((&process).read(&mut buf).unwrap(), 8);
    for _ in 0..2 {
        let error = (&process).read(&mut buf).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    assert_eq!(process.app_status(), None);
}

#[test]
fn one_that_hangs_is_killed_and_reaped() {
    let script = Script::new("hang", "#!/bin/sh\necho $$\nexec sleep 1000\n");
    let mut buf = [0; 64];
    let pid = |process: &Process, buf: &mut [u8]| {
        let n = { process }.read(buf).unwrap();
        String::from_utf8_lossy(&buf[..n]).trim().to_string()
    };
    // Shut down while a read is blocked.
    let process = started(&script.program(), &[]);
    let first = pid(&process, &mut buf);
    assert!(lives(&first));
    std::thread::scope(|scope| {
        let read = scope.spawn(|| { &process }.read(&mut [0; 8]));
        process.shutdown(Shutdown::Both).unwrap();
        assert!(read.join().unwrap().is_err());
    });
    assert!((&process).read(&mut buf).is_err());
    drop(process);
    gone(&first);
    // Dropped.
    let impatient = script.program().grace(Duration::from_millis(20));
    let process = started(&impatient, &[]);
    let second = pid(&process, &mut buf);
    drop(process);
    gone(&second);
    // Times out, and is a transport like others until then.
    let process = started(&script.program(), &[("CONTENT_LENGTH", "100000000")]);
    let third = pid(&process, &mut buf);
    process
        .read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let error = (&process).read(&mut buf).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    process
        .write_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let error = (&process).write_all(&[b'x'; 10_000_000]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(lives(&third));
    process.shutdown(Shutdown::Both).unwrap();
    drop(process);
    gone(&third);
}

#[test]
fn one_that_says_too_much_is_killed() {
    let script = Script::new("endless", "#!/bin/sh\necho $$\nexec cat /dev/zero\n");
    let process = started(&script.program().output_limit(100_000), &[]);
    let mut all = Vec::new();
    assert!((&process).read_to_end(&mut all).is_err());
    assert!(all.len() <= 100_000);
    assert!((&process).read(&mut [0; 8]).is_err());
    let pid = all.split(|b| *b == b'\n').next().unwrap();
    drop(process);
    gone(std::str::from_utf8(pid).unwrap());
    // Up to the limit is fine.
    let script = Script::new("enough", "#!/bin/sh\nprintf 12345\n");
    for (limit, fine) in [(4, false), (5, true), (6, true)] {
        let process = started(&script.program().output_limit(limit), &[]);
        assert_eq!(output(&process).is_ok(), fine, "{limit}");
    }
}

/// Its log is dropped with whom it is told by: a thread and its pipe.
#[test]
fn what_it_has_left_behind_is_not_listened_to_for_ever() {
    let text = "#!/bin/sh\nsleep 1000 >&- & echo $! >&2\nprintf 'a\\0b' >&2\n[ -z \"$HTTP_X\" ] || exec sleep 1000\n";
    let script = Script::new("left", text);
    for hangs in ["", "1"] {
        let (program, log) = logged(script.program().grace(Duration::from_millis(10)));
        let process = started(&program, &[("HTTP_X", hangs)]);
        drop(program);
        let mut said = Vec::new();
        if hangs.is_empty() {
            assert_eq!(output(&process).unwrap(), "");
        } else {
            while !said.ends_with(b"a\0b") {
                said.extend(log.recv_timeout(Duration::from_secs(20)).unwrap());
            }
            process.shutdown(Shutdown::Both).unwrap();
        }
        drop(process);
        loop {
            match log.recv_timeout(Duration::from_secs(20)) {
                Ok(more) => said.extend(more),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still read"),
            }
        }
        let said = String::from_utf8(said).unwrap();
        let (pid, rest) = said.split_once('\n').unwrap();
        assert_eq!(rest, "a\0b");
        assert!(lives(pid), "it was to outlive the log");
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
    }
}

/// Programs whose answer is none, and which would not end by themselves for an
/// hour; and where it is seen that they have.
fn refused() -> [(Program, Receiver<io::Result<usize>>); 2] {
    ["echo no head", "head -c 100000 /dev/zero | tr '\\0' a"].map(|says| {
        let text = format!("#!/bin/sh\nexec 3>held\n{says}\nexec sleep 3600\n");
        let script = Script::new(&format!("refused-{}", says.len()), &text);
        let held = script.dir.join("held");
        assert!(
            Command::new("mkfifo")
                .arg(&held)
                .status()
                .unwrap()
                .success()
        );
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            let read = fs::File::open(held).and_then(|mut pipe| pipe.read(&mut [0]));
            let _ = sender.send(read);
        });
        (script.program().grace(Duration::from_secs(3600)), ended)
    })
}

#[test]
fn one_whose_answer_is_none_is_killed_at_once() {
    for (program, ended) in refused() {
        let (mut client, process) = (cgi::Client::new(), program.process());
        let (mut room, mut buf) = ([0; 256], [0; 4096]);
        let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
        let (id, head) = client.open(fields, Length::None, &mut room).unwrap();
        let call = Call {
            id,
            head,
            buf: &mut buf,
            timeouts: Timeouts::DEFAULT,
        };
        let mut end = None;
        let called = call.run(
            &mut client,
            &mut &process,
            &mut &process,
            None::<&[u8]>,
            |event| {
                if let Response::Done { ending, .. } = event {
                    end = Some(ending);
                }
                Ok(std::ops::ControlFlow::Continue(()))
            },
        );
        assert_eq!(called.unwrap(), Called::Done { reuse: false });
        assert!(matches!(end, Some(Ending::Failed(_))), "{end:?}");
        drop(process);
        let ended = ended.recv_timeout(Duration::from_secs(20));
        assert_eq!(ended.expect("it lives on").unwrap(), 0);
    }
}

/// A gateway to one program.
struct Gate(Program);

impl Behind for Gate {
    type Server = http1::Server;
    type Client = cgi::Client;
    type Stream = Process;
    type Answer = ();

    fn connect(&self, _: bool) -> Result<(Process, cgi::Client), Error> {
        Ok((self.0.process(), cgi::Client::new()))
    }

    fn answer(
        &self,
        _: (),
        _: &mut http1::Server,
        _: Id,
        _: &mut dyn Write,
    ) -> io::Result<(u16, u64)> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn behind_a_gateway_too() {
    for (program, ended) in refused() {
        let (near, mut far) = UnixStream::pair().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let machine = http1::Server::new();
                let times = Timeouts::DEFAULT;
                gateway::run(&Gate(program), &near, machine, 1, Policy::STRICT, times);
            });
            far.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
            let mut status = [0; 13];
            far.read_exact(&mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 502 ");
            // While the front's connection stands.
            let ended = ended.recv_timeout(Duration::from_secs(20));
            drop(far);
            assert_eq!(ended.expect("it lives on").unwrap(), 0);
        });
    }
}

#[test]
fn one_that_lives_on_may() {
    let patient = |script: &Script| script.program().grace(Duration::from_secs(60));
    let work = "#!/bin/sh\necho $$\nexec >&- 2>&-\n\
        while [ ! -e go ]; do sleep 0.02; done\ntouch done\n";
    let script = Script::new("lives", work);
    let process = started(&patient(&script), &[]);
    let pid = output(&process).unwrap();
    assert_eq!(process.app_status(), None);
    drop(process);
    assert!(lives(pid.trim()));
    fs::write(script.dir.join("go"), b"").unwrap();
    gone(pid.trim());
    assert!(script.dir.join("done").exists());
    // One that still writes when nobody reads any more.
    let work = "#!/bin/sh\necho $$\nhead -c 1000000 /dev/zero\nsleep 0.1\necho x\ntouch done\n";
    let script = Script::new("writes", work);
    let process = started(&patient(&script), &[]);
    let mut buf = [0; 64];
    let n = (&process).read(&mut buf).unwrap();
    drop(process);
    gone(
        String::from_utf8_lossy(&buf[..n])
            .split('\n')
            .next()
            .unwrap(),
    );
    assert!(script.dir.join("done").exists());
    // Its end can be waited for.
    let script = Script::new(
        "later",
        "#!/bin/sh\nexec >&-\nsleep 0.1\necho e >&2\nexit 4\n",
    );
    let (program, log) = logged(script.program());
    let process = started(&program, &[]);
    assert_eq!(process.finish(Duration::from_secs(20)), Some(4));
    assert_eq!(log.recv().unwrap(), b"e\n");
    assert_eq!(program.process().finish(Duration::ZERO), None);
}

#[test]
fn what_cannot_be_run() {
    let script = Script::new("modes", "#!/bin/sh\n");
    let kinds = |program: &Program| {
        let checked = program.check().map_err(|e| e.kind());
        let process = program.process();
        let written = (&process).write_all(b"\0").map_err(|e| e.kind());
        let read = (&process).read(&mut [0; 8]).map(drop).map_err(|e| e.kind());
        assert_eq!(written, read);
        assert_eq!(process.app_status(), written.ok().map(|()| 0));
        (checked, written)
    };
    assert_eq!(kinds(&script.program()), (Ok(()), Ok(())));
    let missing = Program::new(script.dir.join("none")).unwrap();
    let not_found = Err(io::ErrorKind::NotFound);
    assert_eq!(kinds(&missing), (not_found, not_found));
    let denied = Err(io::ErrorKind::PermissionDenied);
    assert_eq!(kinds(&Program::new(&script.dir).unwrap()), (denied, denied));
    fs::set_permissions(script.path(), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(kinds(&script.program()), (denied, denied));
    // That its interpreter is missing only running it tells.
    let odd = Script::new("interpreter", "#!/nowhere\n");
    assert_eq!(kinds(&odd.program()), (Ok(()), not_found));
    assert!(Program::new("").is_err());
    let relative = Program::new("some/where").unwrap();
    assert!(relative.path().is_absolute());
}
