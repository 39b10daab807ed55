//! vestibule: sans-IO machines for the protocols between a web server and an
//! application.
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

mod error;
mod event;
mod fields;
mod frame;
mod limits;
mod machine;
mod text;
mod time;

pub mod cgi;
pub mod fcgi;

#[cfg(feature = "std")]
pub mod adapt;

pub use error::{Blame, Error, Overflow, Refused};
pub use event::{Cut, Ending, Field, Id, Length, Next, Rejection, Request, Response, Space};
pub use fields::{Fields, Pairs};
pub use frame::{Frame, Parked};
pub use limits::Limits;
pub use machine::{After, Client, Receive, Server, Status, drain};
pub use time::{Deadline, Millis, Phase, Timeouts};
