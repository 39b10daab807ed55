//! Meta-variables. RFC 3875, 4.1.
