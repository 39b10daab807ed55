//! uwsgi, both sides.
//!
//! The specification is "The uwsgi Protocol" of the uWSGI project
//! (<https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html>). It tells the
//! packets; of bodies and answers it says little, and web servers agree: a body
//! is as long as CONTENT_LENGTH says and stands behind the packet as it is, an
//! answer is one of HTTP/1.x that ends with the connection.

pub mod client;
mod packet;
mod rules;
pub mod server;
mod vars;

pub use client::{Client, Ext as ClientExt};
pub use packet::{MAX_BLOCK, Modifiers, modifier};
pub use rules::Rules;
pub use server::{Ext as ServerExt, Limits as ServerLimits, Server};
