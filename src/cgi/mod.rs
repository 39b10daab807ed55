//! CGI/1.1 (RFC 3875): meta-variables, paths, and the response that a script writes.
//! FastCGI, SCGI and uwsgi carry both unchanged.

pub mod encode;
pub(crate) mod known;
pub mod meta;
pub mod path;
pub mod response;
mod rules;
pub(crate) mod send;
pub(crate) mod watch;
