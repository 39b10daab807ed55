//! Text that several protocols share: header lines, tokens, statuses.

pub(crate) mod copy;
pub(crate) mod lines;
pub(crate) mod status;
pub(crate) mod token;
