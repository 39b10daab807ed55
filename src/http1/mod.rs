//! HTTP/1.1 and HTTP/1.0, both sides. RFC 9110, RFC 9112.

pub mod client;
mod facts;
mod framing;
mod rules;
pub mod server;

pub use client::{Client, Ext as ClientExt, Limits as ClientLimits};
pub use server::{Ext as ServerExt, Limits as ServerLimits, Server};
