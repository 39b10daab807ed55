//! The head of a request as a server of HTTP behind us gets it.

use std::net::IpAddr;

use vestibule::cgi::meta::header_name;
use vestibule::{Field, Fields, Overflow, Space};

use crate::exchange::Exchange;

/// Who says where a request comes from.
pub enum Peer {
    /// A client: it is where it comes from.
    Client,
    /// A proxy that is believed, and where it is.
    Trusted(Option<IpAddr>),
    /// A web server, which says it by variables.
    WebServer,
}

/// What only a proxy may say, beside all that begins with `X-Forwarded-`: what
/// others say of it is dropped.
const BY_PROXIES: [&str; 2] = ["X-Real-IP", "Forwarded"];

/// A field as it was sent.
pub type Sent = (Space, Vec<u8>, Vec<u8>);

fn is((space, name, _): &Sent, known: &str) -> bool {
    match space {
        Space::Header => name.eq_ignore_ascii_case(known.as_bytes()),
        Space::Var => header_name(name).is_some_and(|n| n.is(known.as_bytes())),
        Space::Trailer | Space::Attribute => false,
    }
}

/// Whether its name begins so, in lower case, and goes on.
fn begins((space, name, _): &Sent, prefix: &[u8]) -> bool {
    let n = prefix.len();
    match space {
        Space::Header => name.len() > n && name[..n].eq_ignore_ascii_case(prefix),
        Space::Var => header_name(name)
            .is_some_and(|n| n.bytes().take(prefix.len()).eq(prefix.iter().copied())),
        Space::Trailer | Space::Attribute => false,
    }
}

/// Whether it is what only a proxy may say.
fn by_proxies(field: &Sent) -> bool {
    begins(field, b"x-forwarded-") || BY_PROXIES.iter().any(|known| is(field, known))
}

/// The fields as they were sent, a target without scheme and authority, the
/// Host that it means, who asked, and what an authorizer has said.
pub fn forwarded(
    exchange: &Exchange,
    sent: &[Sent],
    peer: Peer,
    head: &mut Fields<Vec<u8>>,
) -> Result<(), Overflow> {
    for name in ["REQUEST_METHOD", "REQUEST_URI", "SERVER_PROTOCOL"] {
        head.push(Field::var(name.as_bytes(), exchange.var(name)))?;
    }
    let host = match exchange.var("HTTP_HOST") {
        b"" => exchange.var("SERVER_NAME"),
        host => host,
    };
    head.push(Field::header(b"Host", host))?;
    for field in sent {
        // Nor may a client say what an authorizer says.
        let granted = exchange.granted().is_some() && begins(field, b"variable-");
        if is(field, "Host") || by_proxies(field) || granted {
            continue;
        }
        let (space, name, value) = field;
        match space {
            Space::Header => head.push(Field::header(name, value))?,
            Space::Var if name.starts_with(b"HTTP_") || name == b"CONTENT_TYPE" => {
                head.push(Field::var(name, value))?;
            }
            Space::Var | Space::Trailer | Space::Attribute => {}
        }
    }
    let scheme = match (exchange.var("HTTPS"), exchange.var("REQUEST_SCHEME")) {
        (b"" | b"off", b"") => b"http",
        (b"" | b"off", scheme) => scheme,
        _ => b"https",
    };
    let mut chain = Vec::new();
    let mut first = exchange.var("HTTP_HOST");
    match peer {
        Peer::Client | Peer::WebServer => chain.extend_from_slice(exchange.var("REMOTE_ADDR")),
        Peer::Trusted(address) => {
            let said = sent.iter().filter(|field| is(field, "X-Forwarded-For"));
            let said = said.map(|(_, _, value)| value.clone());
            let hops = said.chain(address.map(|ip| ip.to_string().into_bytes()));
            chain = hops.collect::<Vec<_>>().join(&b", "[..]);
            if let Some((_, _, host)) = sent.iter().find(|field| is(field, "X-Forwarded-Host")) {
                first = host;
            }
        }
    }
    for (name, value) in [
        ("X-Forwarded-For", &chain[..]),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Host", first),
    ] {
        if !value.is_empty() {
            head.push(Field::header(name.as_bytes(), value))?;
        }
    }
    for (name, value) in exchange.granted().into_iter().flatten() {
        // Many servers drop names with an underscore; applications see none.
        let name = "Variable-".to_string() + &name.replace('_', "-");
        head.push(Field::header(name.as_bytes(), value))?;
    }
    Ok(())
}
