//! What is made for the front goes out first: what stands behind may take
//! nothing before the front has it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex};

use vestibule::adapt::Transport;
use vestibule::adapt::gateway::{Behind, run};
use vestibule::bridge::Policy;
use vestibule::{Error, Id, Timeouts, http1};

use super::tools::*;

/// Opened once, by whoever has got what it waited for.
#[derive(Clone, Default)]
struct Gauge(Arc<(Mutex<bool>, Condvar)>);

impl Gauge {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

/// Takes no byte before its gauge is open.
struct Shut(UnixStream, Gauge);

impl Read for &Shut {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buf)
    }
}

impl Write for &Shut {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.1.wait();
        (&self.0).write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Shut {
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }
}

struct Stubborn(Http<http1::Client>, Gauge);

impl Behind for Stubborn {
    type Server = http1::Server;
    type Client = http1::Client;
    type Stream = Shut;
    type Answer = &'static [u8];

    fn connect(&self, fresh: bool) -> Result<(Shut, http1::Client), Error> {
        let (stream, client) = self.0.connect(fresh)?;
        Ok((Shut(stream, self.1.clone()), client))
    }

    fn answer(
        &self,
        _: Self::Answer,
        _: &mut Self::Server,
        _: Id,
        _: &mut dyn Write,
    ) -> io::Result<(u16, u64)> {
        unreachable!()
    }
}

/// The head for what stands behind and 100 Continue for the front come of one
/// read. What stands behind takes its part only when the front has its own.
#[test]
fn continue_before_the_head_is_taken() {
    let _watch = Watch::new();
    let gauge = Gauge::default();
    let behind = Stubborn(
        Gate::new().then(|mut stream| {
            head(&mut stream);
            assert_eq!(exactly(&mut stream, 2), b"ab");
            stream.write_all(OK).unwrap();
        }),
        gauge.clone(),
    );
    let (near, mut far) = UnixStream::pair().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let machine = http1::Server::new();
            run(
                &behind,
                &near,
                machine,
                1,
                Policy::STRICT,
                Timeouts::DEFAULT,
            );
            drop(near);
        });
        far.write_all(
            b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\
              Connection: close\r\n\r\n",
        )
        .unwrap();
        assert_eq!(head(&mut far), "HTTP/1.1 100 Continue\r\n\r\n");
        gauge.open();
        far.write_all(b"ab").unwrap();
        assert!(rest(far).ends_with("\n\nok"));
    });
    behind.0.end();
}
