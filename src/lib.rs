//! Sans-IO machines for the protocols between a web server and an application,
//! on both sides: bytes in, events out, no I/O, no clock, no allocation.
//!
//! | protocol | web server's side | application's side |
//! |---|---|---|
//! | FastCGI 1.0 | [`fcgi::Client`] | [`fcgi::Server`] |
//! | HTTP/1.1 and HTTP/1.0 | [`http1::Client`] | [`http1::Server`] |
//! | SCGI | [`scgi::Client`] | [`scgi::Server`] |
//! | uwsgi | [`uwsgi::Client`] | [`uwsgi::Server`] |
//! | AJP/1.3 | [`ajp::Client`] | [`ajp::Server`] |
//! | CGI/1.1 (RFC 3875), a program for each request | [`cgi::Client`] | [`cgi::Server`] |
//! | its answers alone | [`cgi::response::Parser`] | [`cgi::encode::head`] |
//!
//! Ahead of any of them a proxy may send a header of the PROXY protocol:
//! [`proxy_protocol`]. Whom to believe about a request's client [`forwarded`]
//! says, and [`access_log`] makes a line of it all.
//!
//! A machine is [`Receive`]: [`next`](Receive::next) takes bytes off the front
//! of a slice and gives at most one event, [`Request`] on the application's
//! side and [`Response`] on the web server's. The contract that all machines
//! keep stands there. Sending calls ([`Server`], [`Client`]) give a [`Frame`]:
//! a few bytes of the machine's around a slice of the caller's, to be written
//! whole and in order. Nothing is kept inside but counters.
//!
//! [`Server`] and [`Client`] are the traits that all protocols share; the
//! machines of the same names stand in the protocols' modules. Where both are
//! needed import the trait as `_`. What a head is encoded into (`room`) is the
//! caller's: too small a room is [`Refused::Room`], which says how much would do.
//!
//! Three kinds of error: [`Error`] is the peer's, [`Refused`] the caller's
//! (and then nothing has changed), [`Overflow`] the caller's storage.
//!
//! What holds a head together is [`Fields`], in storage that the caller lends.
//! Time is a number: [`Deadline`]. [`bridge`] joins any server machine to any
//! client machine. With the `std` feature, [`adapt`] runs the machines over
//! sockets, and programs as CGI has it.
//!
//! # Both sides at once
//!
//! ```
//! use vestibule::fcgi;
//! use vestibule::{Client, Ending, Field, Length, Next, Receive, Request, Response, Server};
//!
//! let mut client = fcgi::Client::default();
//! let mut server = fcgi::Server::default();
//!
//! // The web server asks …
//! let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
//! let mut room = [0; 256];
//! let (_, frame) = client.open(fields, Length::None, &mut room)?;
//! let to_server = frame.slices().concat();
//!
//! // … the application answers …
//! let mut to_client = Vec::new();
//! let mut input = &to_server[..];
//! while let Next::Event(event) = server.next(&mut input)? {
//!     if let Request::BodyEnd { id } = event {
//!         let mut room = [0; 256];
//!         let fields = [Field::header(b"Content-Type", b"text/plain")];
//!         let head = server.head(id, 200, fields, Length::Unknown, &mut room)?;
//!         to_client.extend(head.slices().concat());
//!         let mut payload = &b"hello"[..];
//!         to_client.extend(server.body(id, &mut payload)?.slices().concat());
//!         to_client.extend(server.end(id, 0)?.slices().concat());
//!     }
//! }
//!
//! // … and the web server reads it.
//! let (mut body, mut ending) = (Vec::<u8>::new(), None);
//! let mut input = &to_client[..];
//! while let Next::Event(event) = client.next(&mut input)? {
//!     match event {
//!         Response::Body { bytes, .. } => body.extend(bytes),
//!         Response::Done { ending: e, .. } => ending = Some(e),
//!         _ => {}
//!     }
//! }
//! assert_eq!(body, b"hello");
//! assert_eq!(ending, Some(Ending::Complete { app_status: 0, output_ended: true }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One application, any wire
//!
//! ```
//! use vestibule::{Field, Length, Next, Receive, Request, Server, ajp, cgi, scgi, uwsgi};
//!
//! /// What is to be written to whoever sent `input`.
//! fn hello<S: Server>(mut server: S, mut input: &[u8]) -> Vec<u8> {
//!     let (mut out, mut room) = (Vec::new(), [0; 128]);
//!     while let Ok(Next::Event(event)) = server.next(&mut input) {
//!         let Request::BodyEnd { id } = event else { continue };
//!         let fields = [Field::header(b"Content-Type", b"text/plain")];
//!         let head = server.head(id, 200, fields, Length::Known(5), &mut room).unwrap();
//!         out.extend(head.slices().concat());
//!         out.extend(server.body(id, &mut &b"hello"[..]).unwrap().slices().concat());
//!         out.extend(server.finish(id, [], &mut []).unwrap().slices().concat());
//!     }
//!     out
//! }
//!
//! let scgi = hello(scgi::Server::new(), b"24:CONTENT_LENGTH\x000\0SCGI\x001\0,");
//! assert!(scgi.starts_with(b"Status: 200 OK\r\n") && scgi.ends_with(b"hello"));
//! let cgi = hello(cgi::Server::new(), b"REQUEST_METHOD=GET\0\0");
//! assert_eq!(cgi, scgi);
//! let uwsgi = hello(uwsgi::Server::new(), b"\0\x15\0\0\x0e\0REQUEST_METHOD\x03\0GET");
//! assert!(uwsgi.starts_with(b"HTTP/1.1 200 OK\r\n") && uwsgi.ends_with(b"hello"));
//! let rules = ajp::ServerRules::STRICT.without_secret(true);
//! let request = b"\x12\x34\0\x1d\x02\x02\0\x08HTTP/1.1\0\0\x01/\0\xff\xff\xff\xff\xff\xff\0\x50\0\0\0\xff";
//! let ajp = hello(ajp::Server::new(rules), request);
//! assert!(ajp.starts_with(b"AB") && ajp.ends_with(b"hello\0AB\0\x02\x05\x01"));
//! ```
//!
//! # Holding an event
//!
//! An event borrows the input alone, so the machine may be called while one
//! is held. What may not happen is that the buffer is filled again:
//!
//! ```compile_fail,E0506
//! use vestibule::{Next, Receive, fcgi};
//! let mut server = fcgi::Server::default();
//! let mut buf = [0u8; 16];
//! let mut input = &buf[..];
//! let event = server.next(&mut input);
//! buf[0] = 1;
//! drop(event);
//! ```
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::todo,
        clippy::unimplemented,
        clippy::as_conversions,
        clippy::incompatible_msrv
    )
)]
#![warn(missing_debug_implementations, rust_2018_idioms)]

#[cfg(all(feature = "std", not(test)))]
extern crate std;

mod cursor;
mod date;
mod error;
mod event;
mod fields;
mod frame;
mod limits;
mod link;
mod machine;
mod net;
mod oneshot;
mod text;
mod time;

pub mod access_log;
pub mod ajp;
pub mod bridge;
pub mod cgi;
pub mod fcgi;
pub mod forwarded;
pub mod http1;
pub mod proxy_protocol;
pub mod scgi;
pub mod uwsgi;

#[cfg(feature = "std")]
pub mod adapt;

pub use date::Date;
pub use error::{Blame, Error, Overflow, Refused};
pub use event::{Cut, Ending, Field, Id, Length, Next, Rejection, Request, Response, Space};
pub use fields::{Fields, Pairs};
pub use frame::{Frame, Parked};
pub use limits::Limits;
pub use machine::{After, Client, Receive, Server, Status, drain};
pub use net::{BadNet, Net};
pub use time::{Deadline, Millis, Phase, Timeouts};

/// The example of the README, as a test.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
