//! CGI/1.1 (RFC 3875): meta-variables, paths, and the response that a script writes.
//! FastCGI, SCGI and uwsgi carry both unchanged.
//!
//! CGI itself is a program for each request. As bytes that is its environment,
//! `NAME=VALUE` and NUL for each variable and one more NUL, then its standard
//! input one way, and its standard output the other: [`Client`] and [`Server`].

pub mod argv;
mod block;
pub mod client;
pub mod encode;
pub(crate) mod known;
pub mod meta;
mod passes;
pub mod path;
pub mod response;
mod rules;
pub(crate) mod send;
pub mod server;
pub(crate) mod watch;

pub use client::{Client, Ext as ClientExt};
pub use passes::Passes;
pub use server::{Ext as ServerExt, Server, ServerLimits};
