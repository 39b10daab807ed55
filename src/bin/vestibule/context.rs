//! What an application is told of a request that came by HTTP: the variables
//! of RFC 3875, 4.1, and those that PHP and others expect beside them.

use std::net::{IpAddr, SocketAddr};

use vestibule::cgi::meta::{Mapping, vars};
use vestibule::forwarded::{Node, Scheme};
use vestibule::http1::meta::Local;
use vestibule::{Error, Fields, Length, Refused, Space, ajp, http1};

use crate::exchange::Exchange;
use crate::trusted::Trusted;

/// Both ends of a connection, as far as they have addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    /// The client came by TLS, to a proxy that has said so.
    pub https: bool,
}

/// What SERVER_SOFTWARE says.
pub const SOFTWARE: &str = concat!("vestibule/", env!("CARGO_PKG_VERSION"));

/// Who says where a request comes from.
#[derive(Clone, Copy, Debug)]
pub enum Teller<'e> {
    /// Nobody but who asks, over HTTP: what is known are the ends.
    Client(&'e Ends),
    /// A web server, which passes the client's fields on, and says the rest by
    /// variables and attributes. AJPv13.
    WebServer,
    /// A web server, by variables alone.
    Variables,
}

/// Makes variables of a head, where that is not done. The error is a status.
pub fn complete(
    exchange: &mut Exchange,
    teller: Teller<'_>,
    trusted: &Trusted,
    length: Length,
) -> Result<(), u16> {
    match teller {
        Teller::Client(ends) => from_client(exchange, ends, trusted, length),
        Teller::WebServer => from_web_server(exchange, length),
        Teller::Variables => Ok(()),
    }
}

/// Of a request that came by HTTP.
fn from_client(
    exchange: &mut Exchange,
    ends: &Ends,
    trusted: &Trusted,
    length: Length,
) -> Result<(), u16> {
    let (client, https) = origin(exchange, ends, trusted)?;
    let text = |ip: IpAddr| ip.to_canonical().to_string();
    let (remote, server) = (
        client.map(|c| text(c.0)),
        ends.local.map(|at| text(at.ip())),
    );
    let mut local = Local::DEFAULT.https(https).software(SOFTWARE.as_bytes());
    if let (Some(ip), Some((_, port))) = (&remote, client) {
        local = local.remote(ip.as_bytes(), port.unwrap_or(0));
    }
    if let (Some(ip), Some(at)) = (&server, ends.local) {
        local = local.server(ip.as_bytes(), at.port());
    }
    make(exchange, length, |head, room| {
        http1::meta::complete(head, &local, room)
    })
}

/// Of a request that a web server passed on with the client's fields.
fn from_web_server(exchange: &mut Exchange, length: Length) -> Result<(), u16> {
    make(exchange, length, |head, room| {
        ajp::meta::complete(head, SOFTWARE.as_bytes(), room)
    })
}

/// The variables of a head that `complete` makes so.
fn make(
    exchange: &mut Exchange,
    length: Length,
    complete: impl FnOnce(&mut Fields<Vec<u8>>, &mut [u8]) -> Result<(), Error>,
) -> Result<(), u16> {
    let size: usize = exchange
        .fields()
        .map(|f| f.name.len() + f.value.len() + 9)
        .sum();
    // What is added of the target, or by attributes, is there once already.
    let mut head = Fields::new(vec![0; 3 * size + 1024]);
    for field in exchange.fields() {
        head.push(field).map_err(|_| 431u16)?;
    }
    // Framing says it.
    head.remove(Space::Header, b"content-length");
    let made = complete(&mut head, &mut vec![0; 2 * size]);
    made.map_err(|error| error.status())?;
    exchange.take();
    for var in vars(&head.iter(), Mapping::GATEWAY.drop_odd_names(true)) {
        let added = var.and_then(|var| {
            let mut name = vec![0; var.name_len()];
            let mut value = vec![0; var.value_len()];
            var.write_name(&mut name)?;
            var.write_value(&mut value)?;
            Ok((name, value))
        });
        let (name, value) = added.map_err(|_: Refused| 400u16)?;
        exchange.add(name, value);
    }
    if let Length::Known(n) = length {
        exchange.set("CONTENT_LENGTH", n.to_string().as_bytes());
    }
    Ok(())
}

/// The client's address, and its port if that was said, where there is one,
/// and whether it came by TLS.
fn origin(exchange: &Exchange, ends: &Ends, trusted: &Trusted) -> Result<(Client, bool), u16> {
    let origin = trusted.policy().origin(ends.remote, exchange.fields());
    let origin = origin.map_err(|error| error.status())?;
    let client = match origin.client {
        Node::Address { ip, port } => Some((ip, port)),
        Node::Unknown | Node::Obfuscated(_) => None,
        // Nor is it the peer, which may have rights of its own.
        Node::Malformed => return Err(400),
    };
    let https = match origin.scheme {
        Some(scheme) => scheme == Scheme::Https,
        None => ends.https,
    };
    Ok((client, https))
}

type Client = Option<(IpAddr, Option<u16>)>;

#[cfg(test)]
mod tests {
    use super::*;
    use vestibule::Field;
    use vestibule::fcgi::Role;

    fn completed(target: &str, heads: &[(&str, &str)], length: Length) -> Result<String, u16> {
        let mut exchange = Exchange::new(Role::Responder);
        exchange.push(Field::var(b"REQUEST_METHOD", b"GET"));
        exchange.push(Field::var(b"REQUEST_URI", target.as_bytes()));
        for (name, value) in heads {
            exchange.push(Field::header(name.as_bytes(), value.as_bytes()));
        }
        let ends = Ends {
            remote: Some("[::ffff:192.0.2.1]:4000".parse().unwrap()),
            local: Some("[2001:db8::1]:8080".parse().unwrap()),
            https: false,
        };
        let mut trusted = Trusted::default();
        trusted.add("192.0.2.0/24").unwrap();
        complete(&mut exchange, Teller::Client(&ends), &trusted, length)?;
        let shown =
            |(n, v): &(&[u8], &[u8])| format!("{}={}\n", n.escape_ascii(), v.escape_ascii());
        Ok(exchange.sorted().iter().map(shown).collect())
    }

    #[test]
    fn variables() {
        let heads = [
            ("Host", "[::1]:99"),
            ("Content-Length", "003"),
            ("Content-Type", "a/b"),
            ("Cookie", "a=1"),
            ("cookie", "b=2"),
            ("X_Under", "1"),
            ("X-Under", " 2 "),
            ("Proxy", "http://evil.example"),
            ("Connection", "close, X-Hop"),
            ("X-Hop", "1"),
            ("Transfer-Encoding", "x"),
            ("Expect", "100-continue"),
        ];
        let text = completed("/a%20b%2Fc?q=%20?", &heads, Length::Known(3)).unwrap();
        assert_eq!(
            text,
            format!(
                "CONTENT_LENGTH=3\nCONTENT_TYPE=a/b\nGATEWAY_INTERFACE=CGI/1.1\n\
                 HTTP_COOKIE=a=1; b=2\nHTTP_HOST=[::1]:99\nHTTP_X_UNDER=2\n\
                 PATH_INFO=/a b/c\nQUERY_STRING=q=%20?\nREMOTE_ADDR=192.0.2.1\n\
                 REMOTE_PORT=4000\nREQUEST_METHOD=GET\nREQUEST_SCHEME=http\n\
                 REQUEST_URI=/a%20b%2Fc?q=%20?\nSCRIPT_NAME=\nSERVER_ADDR=2001:db8::1\n\
                 SERVER_NAME=[::1]\nSERVER_PORT=8080\nSERVER_SOFTWARE={SOFTWARE}\n"
            )
        );
    }

    #[test]
    fn targets() {
        let has = |target: &str, line: &str| {
            let text = completed(target, &[("Host", "h:1")], Length::None).unwrap();
            assert!(text.contains(&format!("{line}\n")), "{target}: {text}");
            assert!(!text.contains("CONTENT_LENGTH"), "{text}");
        };
        has("http://h:1/a?b", "REQUEST_URI=/a?b");
        has("http://h:1", "REQUEST_URI=/");
        has("/a?", "REQUEST_URI=/a?");
        has("/a?", "QUERY_STRING=");
        has("*", "REQUEST_URI=*");
        has("/", "SERVER_NAME=h");
        let nameless = completed("/", &[("Host", "")], Length::Unknown).unwrap();
        assert!(
            nameless.contains("SERVER_NAME=[2001:db8::1]\n"),
            "{nameless}"
        );
        for (target, status) in [
            ("/%00", 400),
            ("/a/../..", 400),
            ("/%zz", 400),
            ("h:80", 400),
        ] {
            assert_eq!(
                completed(target, &[], Length::None),
                Err(status),
                "{target}"
            );
        }
        let twice = [("Content-Type", "a/b"), ("Content-Type", "c/d")];
        assert_eq!(completed("/", &twice, Length::None), Err(400));
    }

    #[test]
    fn clients_behind_those_who_are_trusted() {
        let ask = |heads: &[(&str, &str)]| {
            let text = completed("/", heads, Length::None)?;
            let about = ["HTTPS=", "REMOTE_ADDR=", "REMOTE_PORT=", "REQUEST_SCHEME="];
            let lines = text
                .lines()
                .filter(|l| about.iter().any(|a| l.starts_with(a)));
            Ok(lines.collect::<Vec<_>>().join(" "))
        };
        let (of, proto) = ("X-Forwarded-For", "X-Forwarded-Proto");
        let peer = "REMOTE_ADDR=192.0.2.1 REMOTE_PORT=4000";
        for (heads, want) in [
            (&[][..], format!("{peer} REQUEST_SCHEME=http")),
            (
                &[(of, "6.6.6.6, 198.51.100.9,192.0.2.3"), (proto, "https")],
                "HTTPS=on REMOTE_ADDR=198.51.100.9 REQUEST_SCHEME=https".into(),
            ),
            (
                &[(of, "[2001:db8::9]:5"), (proto, "http")],
                "REMOTE_ADDR=2001:db8::9 REMOTE_PORT=5 REQUEST_SCHEME=http".into(),
            ),
            (
                &[("X-Forwarded-Ssl", "on")],
                format!("HTTPS=on {peer} REQUEST_SCHEME=https"),
            ),
            (&[(of, "unknown")], "REQUEST_SCHEME=http".into()),
            // These it does not read.
            (
                &[("X_Forwarded_For", "6.6.6.6"), ("Forwarded", "for=6.6.6.6")],
                format!("{peer} REQUEST_SCHEME=http"),
            ),
        ] {
            assert_eq!(ask(heads), Ok(want), "{heads:?}");
        }
        for heads in [
            &[(of, "nonsense")][..],
            &[(of, "")],
            &[(proto, "ftp")],
            &[(proto, "https"), (proto, "http")],
            &[(proto, "http"), ("X-Forwarded-Ssl", "on")],
        ] {
            assert_eq!(ask(heads), Err(400), "{heads:?}");
        }
    }
}
