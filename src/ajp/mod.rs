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
// Until both machines are there.
#[allow(dead_code)]
pub mod codes;
#[allow(dead_code)]
mod encode;
#[allow(dead_code)]
mod headers;
#[allow(dead_code)]
mod packet;
#[allow(dead_code)]
mod reply;

pub use client::{Client, Ext as ClientExt, Limits as ClientLimits, Rules as ClientRules};
pub use packet::{MAX_PACKET, MIN_PACKET};
