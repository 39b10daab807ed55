//! The head of a request, as a web server writes it. AJPv13, "Request Packet
//! Structure".

use super::codes::{self, kind};
use super::headers::{is_name, write_name};
use super::packet::{Way, Writer};
use crate::cgi::meta::header_name;
use crate::error::Refused;
use crate::event::{Cut, Field, Length, Space};
use crate::text::decimal::{Decimal, agrees, decimal};
use crate::text::token;

/// The positional facts of a request, and the attributes with codes of their
/// own. Empty is absent. RFC 3875, 4.1.
#[derive(Clone, Copy, Default)]
pub(crate) struct Facts<'f> {
    pub method: &'f [u8],
    protocol: &'f [u8],
    /// As the client sent it, with its query.
    request_uri: &'f [u8],
    /// Without a query.
    document_uri: &'f [u8],
    query: &'f [u8],
    remote_addr: &'f [u8],
    remote_host: &'f [u8],
    remote_port: &'f [u8],
    server_addr: &'f [u8],
    server_name: &'f [u8],
    server_port: &'f [u8],
    https: &'f [u8],
    remote_user: &'f [u8],
    auth_type: &'f [u8],
    route: &'f [u8],
    certificate: &'f [u8],
    cipher: &'f [u8],
    session: &'f [u8],
    key_size: &'f [u8],
    tls: &'f [u8],
}

impl<'f> Facts<'f> {
    /// Collects them.
    ///
    /// # Errors
    ///
    /// [`Refused::Field`]: one that is given twice, or in a piece; a second
    /// Host. RFC 9112, 3.2.
    pub(crate) fn of(fields: impl Iterator<Item = Field<'f>>) -> Result<Self, Refused> {
        let mut facts = Facts::default();
        let mut host = false;
        for field in fields {
            let place = match (field.space, field.name) {
                (Space::Var, b"HTTP_HOST") | (Space::Header, [_, _, _, _]) => {
                    let is_host =
                        field.space == Space::Var || field.name.eq_ignore_ascii_case(b"host");
                    if is_host && core::mem::replace(&mut host, true) {
                        return Err(Refused::Field);
                    }
                    continue;
                }
                (Space::Var, b"REQUEST_METHOD") => &mut facts.method,
                (Space::Var, b"SERVER_PROTOCOL") => &mut facts.protocol,
                (Space::Var, b"REQUEST_URI") => &mut facts.request_uri,
                (Space::Var, b"DOCUMENT_URI") => &mut facts.document_uri,
                (Space::Var, b"QUERY_STRING") => &mut facts.query,
                (Space::Var, b"REMOTE_ADDR") => &mut facts.remote_addr,
                (Space::Var, b"REMOTE_HOST") => &mut facts.remote_host,
                (Space::Var, b"REMOTE_PORT") | (Space::Attribute, b"AJP_REMOTE_PORT") => {
                    &mut facts.remote_port
                }
                (Space::Var, b"SERVER_ADDR") | (Space::Attribute, b"AJP_LOCAL_ADDR") => {
                    &mut facts.server_addr
                }
                (Space::Var, b"SERVER_NAME") => &mut facts.server_name,
                (Space::Var, b"SERVER_PORT") => &mut facts.server_port,
                (Space::Var, b"HTTPS") => &mut facts.https,
                (Space::Var, b"REMOTE_USER") => &mut facts.remote_user,
                (Space::Var, b"AUTH_TYPE") => &mut facts.auth_type,
                (Space::Attribute, b"route") => &mut facts.route,
                (Space::Var, b"SSL_CLIENT_CERT") => &mut facts.certificate,
                (Space::Var, b"SSL_CIPHER") => &mut facts.cipher,
                (Space::Var, b"SSL_SESSION_ID") => &mut facts.session,
                (Space::Var, b"SSL_CIPHER_USEKEYSIZE") => &mut facts.key_size,
                (Space::Var, b"SSL_PROTOCOL") | (Space::Attribute, b"AJP_SSL_PROTOCOL") => {
                    &mut facts.tls
                }
                _ => continue,
            };
            if field.cut != Cut::Whole || !place.is_empty() {
                return Err(Refused::Field);
            }
            *place = field.value;
        }
        Ok(facts)
    }

    /// The path and the query. What the client sent comes before what was made
    /// of it, which may be decoded.
    fn target(&self) -> Result<(&'f [u8], &'f [u8]), Refused> {
        let (path, query) = if self.request_uri.is_empty() {
            (self.document_uri, &[][..])
        } else {
            split(self.request_uri)
        };
        let query = if self.query.is_empty() {
            query
        } else {
            self.query
        };
        let form = match path {
            [b'/', ..] => true,
            b"*" => self.method == b"OPTIONS",
            _ => false,
        };
        let good = token::target_len(path) == path.len() && !path.contains(&b'?');
        if form && good && token::is_text(query) {
            Ok((path, query))
        } else {
            Err(Refused::Field)
        }
    }

    fn is_https(&self) -> bool {
        !self.https.is_empty() && !self.https.eq_ignore_ascii_case(b"off")
    }
}

fn split(target: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = target.splitn(2, |b| *b == b'?');
    let path = parts.next().unwrap_or(&[]);
    (path, parts.next().unwrap_or(&[]))
}

fn number(text: &[u8]) -> Result<u16, Refused> {
    let n = decimal(text).and_then(|n| u16::try_from(n).ok());
    n.ok_or(Refused::Field)
}

/// What a caller gives of a header field.
#[derive(PartialEq, Eq)]
enum Pass {
    Send,
    /// It says nothing that is not said otherwise, or is not for containers.
    Drop,
    Refuse,
}

/// A header field by its name: those for one connection are no part of a
/// request, framing is written from the length alone.
fn pass(is: impl Fn(&[u8]) -> bool, len: usize, framing: bool) -> Pass {
    let known: &[&[u8]] = match len {
        2 => &[b"te"],
        5 if is(b"proxy") => return Pass::Drop,
        6 if is(b"expect") => return Pass::Drop,
        7 => &[b"trailer", b"upgrade"],
        10 => &[b"connection", b"keep-alive"],
        14 if is(b"content-length") && framing => return Pass::Drop,
        14 => &[b"content-length", b"http2-settings"],
        16 => &[b"proxy-connection"],
        17 => &[b"transfer-encoding"],
        _ => return Pass::Send,
    };
    match known.iter().any(|k| is(k)) {
        true => Pass::Refuse,
        false => Pass::Send,
    }
}

/// Writes one field. Whether it was one.
fn header(to: &mut Writer<'_>, field: Field<'_>, length: Length) -> Result<bool, Refused> {
    let value = field.trimmed();
    if field.cut != Cut::Whole {
        return Err(Refused::Field);
    }
    match field.space {
        Space::Header => {
            let name = field.name;
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            match pass(is, name.len(), agrees(value, length)) {
                Pass::Drop => return Ok(false),
                Pass::Send if is_name(name) && token::is_field_value(value) => {}
                _ => return Err(Refused::Field),
            }
            write_name(to, name, codes::request_header_code);
        }
        Space::Var => {
            let Some(name) = header_name(field.name) else {
                return Ok(false);
            };
            let absent = value.is_empty() && (name.is(b"content-type") || is_length(&name));
            match pass(|known| name.is(known), name.len(), agrees(value, length)) {
                _ if absent => return Ok(false),
                Pass::Drop => return Ok(false),
                // A variable is for the web server that made it.
                Pass::Refuse if !is_length(&name) => return Ok(false),
                Pass::Send if name.len() <= 255 && token::is_field_value(value) => {}
                _ => return Err(Refused::Field),
            }
            match codes::request_header_code_of(name) {
                Some(code) => to.code(code),
                None => to.bytes(name.len(), name.bytes()),
            }
        }
        Space::Attribute => return Ok(false),
        Space::Trailer => return Err(Refused::Field),
    }
    to.string(value);
    Ok(true)
}

fn is_length(name: &crate::cgi::meta::HeaderName<'_>) -> bool {
    name.is(b"content-length")
}

/// Writes a FORWARD_REQUEST into `room`, whole or not at all.
///
/// `most` is what the receiver's packets may carry.
///
/// # Errors
///
/// [`Refused::Field`], [`Refused::Room`], and [`Refused::TooLong`] where it
/// does not fit one packet.
pub(crate) fn forward<'b, 'f, I>(
    facts: &Facts<'f>,
    fields: I,
    length: Length,
    secret: Option<&[u8]>,
    most: u16,
    room: &'b mut [u8],
) -> Result<&'b [u8], Refused>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    let (path, query) = facts.target()?;
    let method = codes::method_code(facts.method);
    if method.is_none() && !token::is_name(facts.method) {
        return Err(Refused::Field);
    }
    let protocol = match facts.protocol {
        b"" => b"HTTP/1.1",
        protocol => protocol,
    };
    let https = facts.is_https();
    let port = match facts.server_port {
        b"" if https => 443,
        b"" => 80,
        port => number(port)?,
    };

    let mut to = Writer::new(Way::ToContainer, kind::FORWARD_REQUEST, room);
    to.byte(method.unwrap_or(codes::STORED_METHOD));
    for (text, nullable) in [
        (protocol, false),
        (path, false),
        (facts.remote_addr, true),
        (facts.remote_host, true),
        (facts.server_name, true),
    ] {
        if !token::is_text(text) {
            return Err(Refused::Field);
        }
        if nullable && text.is_empty() {
            to.null();
        } else {
            to.string(text);
        }
    }
    to.number(port);
    to.byte(u8::from(https));

    let at = to.later();
    let mut count = 0u16;
    for field in fields.clone() {
        if header(&mut to, field, length)? {
            count = count.checked_add(1).ok_or(Refused::TooLong)?;
        }
    }
    let declared = match length {
        Length::Known(n) => Some(n),
        Length::None if takes_body(facts.method) => Some(0),
        Length::None => None,
        Length::Unknown => {
            to.string(b"transfer-encoding");
            to.string(b"chunked");
            count = count.checked_add(1).ok_or(Refused::TooLong)?;
            None
        }
    };
    if let Some(n) = declared {
        write_name(&mut to, b"content-length", codes::request_header_code);
        to.string(Decimal::new(n).bytes());
        count = count.checked_add(1).ok_or(Refused::TooLong)?;
    }
    to.set(at, count);

    attributes(&mut to, facts, fields, (query, secret, method))?;
    to.byte(codes::ARE_DONE);
    to.end(most)
}

/// The methods whose requests have no body unless they say so. RFC 9110, 9.3.
fn takes_body(method: &[u8]) -> bool {
    !matches!(
        method,
        b"GET" | b"HEAD" | b"DELETE" | b"OPTIONS" | b"TRACE" | b"CONNECT"
    )
}

fn attributes<'f, I>(
    to: &mut Writer<'_>,
    facts: &Facts<'f>,
    fields: I,
    (query, secret, method): (&[u8], Option<&[u8]>, Option<u8>),
) -> Result<(), Refused>
where
    I: IntoIterator<Item = Field<'f>>,
{
    if let Some(secret) = secret {
        put(to, b"secret", secret)?;
    }
    for (name, value) in [
        (&b"remote_user"[..], facts.remote_user),
        (b"auth_type", facts.auth_type),
        (b"query_string", query),
        (b"route", facts.route),
        (b"ssl_cert", facts.certificate),
        (b"ssl_cipher", facts.cipher),
        (b"ssl_session", facts.session),
    ] {
        if !value.is_empty() {
            put(to, name, value)?;
        }
    }
    for (name, value) in [
        (&b"AJP_REMOTE_PORT"[..], facts.remote_port),
        (b"AJP_LOCAL_ADDR", facts.server_addr),
        (b"AJP_SSL_PROTOCOL", facts.tls),
    ] {
        if !value.is_empty() {
            named(to, name, value)?;
        }
    }
    for field in fields {
        let own = match (field.space, field.name) {
            (
                Space::Attribute,
                b"route" | b"AJP_REMOTE_PORT" | b"AJP_LOCAL_ADDR" | b"AJP_SSL_PROTOCOL",
            ) => continue,
            // It is the machine's, and is not to pass from one peer to another.
            (Space::Attribute, b"secret") => return Err(Refused::Field),
            (Space::Attribute, name) => name,
            _ => continue,
        };
        named(to, own, field.value)?;
    }
    if !facts.key_size.is_empty() {
        to.byte(codes::attribute_code(b"ssl_key_size").unwrap_or(0));
        to.number(number(facts.key_size)?);
    }
    if method.is_none() {
        put(to, b"stored_method", facts.method)?;
    }
    Ok(())
}

fn put(to: &mut Writer<'_>, name: &[u8], value: &[u8]) -> Result<(), Refused> {
    // Certificates come in lines.
    let good = match name {
        b"ssl_cert" => !value.contains(&0),
        _ => token::is_text(value),
    };
    if !good {
        return Err(Refused::Field);
    }
    to.byte(codes::attribute_code(name).ok_or(Refused::Field)?);
    to.string(value);
    Ok(())
}

fn named(to: &mut Writer<'_>, name: &[u8], value: &[u8]) -> Result<(), Refused> {
    if name.is_empty() || !token::is_text(name) || !token::is_text(value) {
        return Err(Refused::Field);
    }
    to.byte(codes::REQ_ATTRIBUTE);
    to.string(name);
    to.string(value);
    Ok(())
}

#[cfg(test)]
mod tests;
