//! Text that several protocols share: header lines, tokens, statuses,
//! decimal numbers, addresses; and the switches of rules.

pub(crate) mod address;
pub(crate) mod copy;
pub(crate) mod decimal;
pub(crate) mod lines;
pub(crate) mod out;
pub(crate) mod status;
pub(crate) mod switches;
pub(crate) mod token;
