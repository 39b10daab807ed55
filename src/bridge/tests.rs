//! Unit tests of the bridge: real machines, bytes by hand on both sides, and
//! drivers that lend what they like.

mod ends;
mod fields;
mod limits;
mod many;
mod retries;
mod rig;
mod taken;
mod wires;
