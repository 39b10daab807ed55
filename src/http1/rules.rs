//! One switch for each deviation from the grammar.
