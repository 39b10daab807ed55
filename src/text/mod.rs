//! Text that several protocols share: header lines, tokens, statuses.
