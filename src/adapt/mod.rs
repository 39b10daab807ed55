//! Adapters: the only code here that does I/O.
