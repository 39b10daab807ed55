//! HTTP/1.1 and HTTP/1.0, both sides. RFC 9110, RFC 9112.
#![doc = ""]
#![doc = include_str!("verdicts.md")]

mod chunked;
pub mod client;
mod encode;
mod facts;
mod framing;
mod head;
mod lines;
pub mod meta;
mod names;
mod rules;
pub mod server;
pub mod target;
mod values;

pub use client::{Client, Ext as ClientExt, Limits as ClientLimits};
pub use rules::Rules;
pub use server::{Ext as ServerExt, Limits as ServerLimits, Server};

#[cfg(test)]
mod tests;
