//! SCGI, both sides: "SCGI: A Simple Common Gateway Interface alternative",
//! Protocol specification, 2008-06-23. Below, SCGI and a section.
//!
//! A request is a netstring of variables, then a body of CONTENT_LENGTH bytes.
//! The answer is what a CGI program writes (RFC 3875, 6), and ends with the
//! connection: there is one request on each.
//!
//! Nothing in the protocol says who the peer is: whoever reaches the socket is
//! the web server, and every variable is its word, REMOTE_USER and REMOTE_ADDR
//! too. Listen where only the web server can connect.

pub mod client;
mod netstring;
mod rules;
pub mod server;

pub use crate::oneshot::ServerLimits;
pub use client::{Client, Ext as ClientExt};
pub use rules::Rules;
pub use server::{Ext as ServerExt, Server};
