//! CGI in front: a gateway whose connections carry what a program is started
//! with, and then its standard input and output.

use std::net::{TcpListener, TcpStream};

use vestibule::adapt::Transport;
use vestibule::adapt::gateway::{Behind, run};
use vestibule::adapt::process::Program;
use vestibule::bridge::Policy;
use vestibule::{Client, Error, Id, Timeouts, ajp, cgi, fcgi, http1, scgi, uwsgi};

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::marker::PhantomData;

/// Connects to what stands behind.
struct Gate<C, S, K>(C, PhantomData<fn() -> (S, K)>);

impl<C, S, K> Behind for Gate<C, S, K>
where
    C: Fn() -> io::Result<(S, K)> + Sync,
    S: Transport + Send + Sync,
    K: Client + Send,
{
    type Server = cgi::Server;
    type Client = K;
    type Stream = S;
    type Answer = Infallible;

    fn connect(&self, _: bool) -> Result<(S, K), Error> {
        (self.0)().map_err(|_| Error::Upstream)
    }

    fn answer(
        &self,
        answer: Infallible,
        _: &mut cgi::Server,
        _: Id,
        _: &mut dyn Write,
    ) -> io::Result<(u16, u64)> {
        match answer {}
    }
}

fn serve<C, S, K>(connect: C) -> String
where
    C: Fn() -> io::Result<(S, K)> + Send + Sync + 'static,
    S: Transport + Send + Sync + 'static,
    K: Client + Send + 'static,
    for<'s> &'s S: Read + Write,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("cgi://{}", listener.local_addr().unwrap());
    let gate = std::sync::Arc::new(Gate(connect, PhantomData));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let gate = std::sync::Arc::clone(&gate);
            std::thread::spawn(move || {
                let stream = stream.unwrap();
                let machine = cgi::Server::new();
                run::<Gate<C, S, K>, TcpStream>(
                    &gate,
                    &stream,
                    machine,
                    1,
                    Policy::STRICT,
                    Timeouts::DEFAULT,
                );
            });
        }
    });
    at
}

/// Its address; it lasts as long as the program.
pub fn listen(back: &str) -> String {
    let (scheme, place) = back.split_once(':').unwrap();
    let place = place.trim_start_matches("//").to_string();
    let tcp = move || -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&place)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    match scheme {
        "http" => serve(move || Ok((tcp()?, http1::Client::new()))),
        "fcgi" => serve(move || Ok((tcp()?, fcgi::Client::default()))),
        "scgi" => serve(move || Ok((tcp()?, scgi::Client::new()))),
        "uwsgi" => serve(move || Ok((tcp()?, uwsgi::Client::new()))),
        "ajp" => serve(move || Ok((tcp()?, ajp::Client::new()))),
        _ => {
            let program = Program::new(back.strip_prefix("cgi:").unwrap()).unwrap();
            serve(move || Ok((program.process(), cgi::Client::new())))
        }
    }
}
