//! What `serve --to` takes: memory, descriptors, threads, time.
#![cfg(target_os = "linux")]

use super::tools::*;
use super::wire::*;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// What the system says of a process.
struct Process(u32);

impl Process {
    fn status(&self, name: &str) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// Resident memory, in kB.
    fn memory(&self) -> u64 {
        self.status("VmRSS")
    }

    fn threads(&self) -> u64 {
        self.status("Threads")
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.0))
            .unwrap()
            .count()
    }

    /// Time on a processor so far, in hundredths of a second.
    fn time(&self) -> u64 {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap();
        let fields: Vec<_> = text.rsplit(')').next().unwrap().split(' ').collect();
        fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap()
    }
}

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn gateway(to: &str, more: &[&str]) -> (Served, Process) {
    let args = ["serve", "--to", to, "--listen", "http://127.0.0.1:0"];
    let served = Served::spawn(vestibule(&[&args, more].concat()));
    let process = Process(served.child.id());
    (served, process)
}

const GET: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

/// What is behind sends 200 MB; the browser reads nothing until the gateway
/// holds no more, and then all of it.
#[test]
fn a_browser_that_reads_slowly() {
    const ALL: usize = 200_000_000;
    for (scheme, app) in [("http", "echo"), ("fcgi", "echo")] {
        let back = match scheme {
            "http" => Served::http(app, &[]),
            _ => Served::new(app, &[]),
        };
        let (served, process) = gateway(&back.endpoint, &[]);
        let mut wire = Wire::open(&served.endpoint);
        let asks = format!("GET /?m=size&n={ALL} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        wire.write_all(asks.as_bytes()).unwrap();
        wire.head();
        // The sockets fill up, and then nothing moves any more.
        let mut before = (u64::MAX, u64::MAX);
        until("it stands still", || {
            thread::sleep(Duration::from_millis(200));
            let now = (process.time(), Process(back.child.id()).time());
            std::mem::replace(&mut before, now) == now
        });
        let stalled = process.time();
        thread::sleep(Duration::from_millis(500));
        assert!(process.time() - stalled <= 1, "busy while it waits");
        let memory = process.memory();
        assert!(memory < 30_000, "{memory} kB");
        let (mut buf, mut got, mut line) = (vec![0; 80_000], 0, 0);
        let mut want = Vec::new();
        while let n @ 1.. = wire.read(&mut buf).unwrap() {
            while want.len() < n {
                writeln!(want, "{line:07}").unwrap();
                line += 1;
            }
            assert!(buf[..n] == want[..n], "behind {got}");
            want.drain(..n);
            got += n;
        }
        assert_eq!(got, ALL);
        let memory = process.memory();
        assert!(memory < 30_000, "{memory} kB");
    }
}

/// Connections that wait cost no time, and little memory.
#[test]
fn idle_ones() {
    let back = Served::http("echo", &[]);
    let (served, process) = gateway(&back.endpoint, &["--workers", "300"]);
    let ask = |wire: &mut Wire| {
        wire.write_all(b"GET /?m=size&n=3 HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        wire.head();
        wire.read_exact(&mut [0; 3]).unwrap();
    };
    let mut first = Wire::open(&served.endpoint);
    ask(&mut first);
    let before = process.memory();
    let mut all: Vec<_> = (0..200).map(|_| Wire::open(&served.endpoint)).collect();
    all.iter_mut().for_each(ask);
    // An upload that is stalled, and half of a head.
    let mut stalled = Wire::open(&served.endpoint);
    stalled
        .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n123")
        .unwrap();
    let mut half = Wire::open(&served.endpoint);
    half.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    let each = (process.memory() - before) / 200;
    assert!(each < 100, "{each} kB for each connection");
    thread::sleep(Duration::from_millis(300));
    let time = process.time();
    thread::sleep(Duration::from_secs(2));
    assert!(process.time() - time <= 3, "busy while it waits");
}

/// Whatever came of 1,000 connections, nothing of it stays.
#[test]
fn back_to_where_it_began() {
    let back = Served::http("echo", &[]);
    let (served, process) = gateway(&back.endpoint, &["--timeout", "5"]);
    let one = |n: usize| {
        let mut wire = Wire::open(&served.endpoint);
        match n % 5 {
            // Asked and answered, slowly too, so that another thread is needed.
            0 => {
                wire.write_all(GET).unwrap();
                wire.head();
            }
            1 => {
                let slow = format!("GET /?m=slow&n={} HTTP/1.1\r\nHost: h\r\n\r\n", n % 5);
                wire.write_all(slow.as_bytes()).unwrap();
                wire.head();
            }
            // Gone in the middle.
            2 => wire
                .write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n1")
                .unwrap(),
            3 => wire.write_all(b"nonsense\r\n\r\n").unwrap(),
            _ => {}
        }
    };
    (0..50).for_each(one);
    let idle = |count: usize| count <= 12;
    until("it is quiet", || {
        process.threads() <= 3 && idle(process.descriptors())
    });
    thread::scope(|scope| {
        for part in 0..10 {
            scope.spawn(move || (part * 100..part * 100 + 100).for_each(one));
        }
    });
    until("threads", || process.threads() <= 3);
    // Kept connections are swept after a while.
    until("descriptors", || idle(process.descriptors()));
    let memory = process.memory();
    assert!(memory < 40_000, "{memory} kB");
}

/// An application with few children, each of which serves one connection: no
/// request is left waiting while kept connections are idle.
#[test]
fn few_children_starve_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("fcgi://{}", listener.local_addr().unwrap());
    let listener = Arc::new(listener);
    for _ in 0..2 {
        let listener = Arc::clone(&listener);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                child(stream);
            }
        });
    }
    let (served, _) = gateway(&to, &[]);
    let most = Arc::new(AtomicUsize::new(0));
    // Eight browsers that keep their connections, all at once, and then in
    // turns with pauses.
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            let most = Arc::clone(&most);
            let (barrier, served) = (&barrier, &served);
            scope.spawn(move || {
                let mut wire = Wire::open(&served.endpoint);
                for _ in 0..20 {
                    barrier.wait();
                    let start = Instant::now();
                    wire.write_all(GET).unwrap();
                    let head = wire.head();
                    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                    let mut end = [0; 5];
                    while end != *b"0\r\n\r\n" {
                        end.rotate_left(1);
                        wire.read_exact(&mut end[4..]).unwrap();
                    }
                    let took = start.elapsed().as_millis() as usize;
                    most.fetch_max(took, Ordering::SeqCst);
                }
            });
        }
    });
    let most = most.load(Ordering::SeqCst);
    // Kept ones are idle for four seconds; who waits for that has starved.
    assert!(most < 4_000, "{most} ms");
}

/// One that answers requests on its one connection until that is closed.
fn child(mut stream: TcpStream) {
    let mut header = [0; 8];
    while stream.read_exact(&mut header).is_ok() {
        let content = u16::from_be_bytes([header[4], header[5]]);
        let mut rest = vec![0; usize::from(content) + usize::from(header[6])];
        if stream.read_exact(&mut rest).is_err() {
            return;
        }
        if header[1] == 5 && content == 0 {
            let answer = [
                record(6, 1, b"A: b\r\n\r\nok"),
                record(6, 1, b""),
                record(3, 1, &[0; 8]),
            ];
            if stream.write_all(&answer.concat()).is_err() {
                return;
            }
        }
    }
}

/// Slow ones, before and behind, hold nobody else up.
#[test]
fn slow_ones_beside_others() {
    let back = Served::http("echo", &[]);
    let (served, _) = gateway(&back.endpoint, &[]);
    let (done, others) = channel::<()>();
    thread::scope(|scope| {
        // They stay slow until the others are through.
        let stalled: Vec<_> = (0..20)
            .map(|_| {
                let mut wire = Wire::open(&served.endpoint);
                wire.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
                wire
            })
            .collect();
        for _ in 0..10 {
            let served = &served;
            scope.spawn(move || {
                let mut wire = Wire::open(&served.endpoint);
                wire.write_all(b"GET /?m=slow&n=20 HTTP/1.1\r\nHost: h\r\n\r\n")
                    .unwrap();
                let mut end = [0; 5];
                while end != *b"0\r\n\r\n" {
                    end.rotate_left(1);
                    wire.read_exact(&mut end[4..]).unwrap();
                }
            });
        }
        let served = &served;
        scope.spawn(move || {
            let mut caller = Caller::to(&served.endpoint);
            for n in 0..200 {
                let got = caller.ask("GET", &format!("/?m=size&n={n}"), &[], Body::None);
                assert!(got.body == pattern(n));
            }
            drop(done);
        });
        let _ = others.recv();
        drop(stalled);
    });
}
