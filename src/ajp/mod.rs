//! AJP/1.3, both sides.
//!
//! Specification: Apache Tomcat Connectors, "AJP Protocol Reference - AJPv13".
//! It is silent in places; what is cited here is its sections by name.
//!
//! A connection carries one request at a time and any number one after the
//! other. The head of a request is one packet, and so is that of an answer. The
//! body of a request is asked for piece by piece; where its length is known,
//! the first piece comes unasked.
//!
//! Whoever may connect is believed: addresses, the user, certificates. So a
//! container listens where only its web servers can connect, and wants a secret.

pub mod client;
pub mod codes;
mod encode;
mod headers;
pub mod meta;
mod packet;
mod reply;
pub mod server;

pub use client::{Client, Ext as ClientExt, Limits as ClientLimits, Rules as ClientRules};
pub use packet::{MAX_PACKET, MIN_PACKET};
pub use server::{Ext as ServerExt, Limits as ServerLimits, Rules as ServerRules, Server};
