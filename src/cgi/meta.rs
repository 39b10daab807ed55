//! Meta-variables: from the fields of a request, and back. RFC 3875, 4.1.
//!
//! [`vars`] turns header fields into variables, for whoever sends a request to
//! an application; [`header_name`] and [`Meta`] read what an application got;
//! [`is_meta`] tells a request's variables from those of a process.

mod map;
mod names;
mod read;

pub use map::{Mapping, Values, Var, Vars, vars};
pub(crate) use map::{Sketch, is_proxy};
pub use names::is_meta;
pub use read::{HeaderName, Meta, header_name};

/// SERVER_NAME where Host is all that says it: that without its port. An IPv6
/// address keeps its brackets. RFC 3875, 4.1.14.
pub(crate) fn host_name(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|b| *b == b':') {
        Some(colon) if !host.ends_with(b"]") => host.get(..colon).unwrap_or(host),
        _ => host,
    }
}
