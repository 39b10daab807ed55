//! A driver of the bridge.

pub mod bridge;
