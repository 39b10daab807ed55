//! The numbers of the protocol, both directions. AJPv13, "Request Packet
//! Structure" and "Response Packet Structure".

use crate::cgi::meta::HeaderName;

/// Types of packets: the first byte of what they carry. A packet with a piece
/// of a request's body has none.
pub mod kind {
    /// The head of a request.
    pub const FORWARD_REQUEST: u8 = 2;
    /// A piece of an answer's body.
    pub const SEND_BODY_CHUNK: u8 = 3;
    /// The head of an answer.
    pub const SEND_HEADERS: u8 = 4;
    /// The end of an answer.
    pub const END_RESPONSE: u8 = 5;
    /// Asks for a piece of the request's body.
    pub const GET_BODY_CHUNK: u8 = 6;
    /// Asks a container to stop. None obeys.
    pub const SHUTDOWN: u8 = 7;
    /// Of a login that was never in use.
    pub const PING: u8 = 8;
    /// The answer to CPING.
    pub const CPONG: u8 = 9;
    /// Asks whether the container is alive.
    pub const CPING: u8 = 10;
}

/// The method whose name stands in the attribute `stored_method`.
pub const STORED_METHOD: u8 = 0xff;

/// The end of the attributes, and of the packet.
pub const ARE_DONE: u8 = 0xff;

/// The attribute that has a name of its own.
pub(crate) const REQ_ATTRIBUTE: u8 = 10;

static METHODS: [&[u8]; 27] = [
    b"OPTIONS",
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"TRACE",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"ACL",
    b"REPORT",
    b"VERSION-CONTROL",
    b"CHECKIN",
    b"CHECKOUT",
    b"UNCHECKOUT",
    b"SEARCH",
    b"MKWORKSPACE",
    b"UPDATE",
    b"LABEL",
    b"MERGE",
    b"BASELINE-CONTROL",
    b"MKACTIVITY",
];

static REQUEST_HEADERS: [&[u8]; 14] = [
    b"accept",
    b"accept-charset",
    b"accept-encoding",
    b"accept-language",
    b"authorization",
    b"connection",
    b"content-type",
    b"content-length",
    b"cookie",
    b"cookie2",
    b"host",
    b"pragma",
    b"referer",
    b"user-agent",
];

static RESPONSE_HEADERS: [&[u8]; 11] = [
    b"Content-Type",
    b"Content-Language",
    b"Content-Length",
    b"Date",
    b"Last-Modified",
    b"Location",
    b"Set-Cookie",
    b"Set-Cookie2",
    b"Servlet-Engine",
    b"Status",
    b"WWW-Authenticate",
];

static ATTRIBUTES: [&[u8]; 13] = [
    b"context",
    b"servlet_path",
    b"remote_user",
    b"auth_type",
    b"query_string",
    b"route",
    b"ssl_cert",
    b"ssl_cipher",
    b"ssl_session",
    b"req_attribute",
    b"ssl_key_size",
    b"secret",
    b"stored_method",
];

/// Numbers begin with 1.
#[inline]
fn name(table: &'static [&'static [u8]], code: u8) -> Option<&'static [u8]> {
    table.get(usize::from(code).checked_sub(1)?).copied()
}

#[inline]
fn code(table: &[&[u8]], same: impl Fn(&[u8]) -> bool) -> Option<u8> {
    let mut code = 0u8;
    for known in table {
        code = code.wrapping_add(1);
        if same(known) {
            return Some(code);
        }
    }
    None
}

/// Header codes have this high byte; it is no length of a name.
const HEADER: u8 = 0xa0;

/// The low byte of a header code; `None` where the number is none.
pub(crate) const fn header_code(number: u16) -> Option<u8> {
    match number.to_be_bytes() {
        [HEADER, low] => Some(low),
        _ => None,
    }
}

/// The name of a method by its code, 1 to 27.
///
/// ```
/// use vestibule::ajp::codes::{method, method_code};
/// assert_eq!(method(2), Some(&b"GET"[..]));
/// assert_eq!(method(28), None);
/// assert_eq!(method_code(b"BASELINE-CONTROL"), Some(26));
/// // Methods differ by case.
/// assert_eq!(method_code(b"get"), None);
/// ```
#[inline]
pub fn method(code: u8) -> Option<&'static [u8]> {
    name(&METHODS, code)
}

/// The code of a method that has one.
#[inline]
pub fn method_code(name: &[u8]) -> Option<u8> {
    code(&METHODS, |known| known == name)
}

/// The name of a request's header field by the low byte of its code, 1 to 14;
/// the high byte is 0xA0.
///
/// ```
/// use vestibule::ajp::codes::{request_header, request_header_code};
/// assert_eq!(request_header(0x0b), Some(&b"host"[..]));
/// assert_eq!(request_header(0x0f), None);
/// assert_eq!(request_header_code(b"User-Agent"), Some(0x0e));
/// ```
#[inline]
pub fn request_header(code: u8) -> Option<&'static [u8]> {
    name(&REQUEST_HEADERS, code)
}

/// The low byte of the code of a request's header field, whatever the case of
/// its name.
#[inline]
pub fn request_header_code(name: &[u8]) -> Option<u8> {
    code(&REQUEST_HEADERS, |known| known.eq_ignore_ascii_case(name))
}

/// The same for a name that is spelled as a variable.
pub(crate) fn request_header_code_of(name: HeaderName<'_>) -> Option<u8> {
    code(&REQUEST_HEADERS, |known| name.is(known))
}

/// The name of an answer's header field by the low byte of its code, 1 to 11;
/// the high byte is 0xA0. The same numbers mean other fields in requests.
///
/// ```
/// use vestibule::ajp::codes::{response_header, response_header_code};
/// assert_eq!(response_header(3), Some(&b"Content-Length"[..]));
/// assert_eq!(response_header_code(b"content-length"), Some(3));
/// assert_eq!(response_header_code(b"Server"), None);
/// ```
#[inline]
pub fn response_header(code: u8) -> Option<&'static [u8]> {
    name(&RESPONSE_HEADERS, code)
}

/// The low byte of the code of an answer's header field, whatever the case of
/// its name.
#[inline]
pub fn response_header_code(name: &[u8]) -> Option<u8> {
    code(&RESPONSE_HEADERS, |known| known.eq_ignore_ascii_case(name))
}

/// The name of an attribute by its code, 1 to 13.
///
/// ```
/// use vestibule::ajp::codes::{attribute, attribute_code};
/// assert_eq!(attribute(5), Some(&b"query_string"[..]));
/// assert_eq!(attribute_code(b"secret"), Some(12));
/// ```
#[inline]
pub fn attribute(code: u8) -> Option<&'static [u8]> {
    name(&ATTRIBUTES, code)
}

/// The code of an attribute.
pub fn attribute_code(name: &[u8]) -> Option<u8> {
    code(&ATTRIBUTES, |known| known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    type ByCode = fn(u8) -> Option<&'static [u8]>;
    type ByName = fn(&[u8]) -> Option<u8>;

    #[test]
    fn both_ways_agree() {
        let tables: [(ByCode, ByName, u8); 4] = [
            (method, method_code, 27),
            (request_header, request_header_code, 14),
            (response_header, response_header_code, 11),
            (attribute, attribute_code, 13),
        ];
        for (by_code, by_name, most) in tables {
            for code in 0..=255 {
                assert_eq!(by_code(code).is_some(), (1..=most).contains(&code));
                if let Some(name) = by_code(code) {
                    assert_eq!(by_name(name), Some(code));
                    assert_eq!(by_name(&name[1..]), None);
                }
            }
        }
    }

    #[test]
    fn what_the_tables_say() {
        for (code, name) in [(1, "OPTIONS"), (15, "ACL"), (22, "MKWORKSPACE")] {
            assert_eq!(method(code), Some(name.as_bytes()));
        }
        for (code, name) in [(1, "accept"), (9, "cookie"), (14, "user-agent")] {
            assert_eq!(request_header(code), Some(name.as_bytes()));
            let upper = name.to_ascii_uppercase();
            assert_eq!(request_header_code(upper.as_bytes()), Some(code));
        }
        assert_eq!(response_header(11), Some(&b"WWW-Authenticate"[..]));
        assert_eq!(attribute(11), Some(&b"ssl_key_size"[..]));
    }

    #[test]
    fn header_codes() {
        assert_eq!(header_code(0xa00b), Some(0x0b));
        assert_eq!(header_code(0xa0ff), Some(0xff));
        assert_eq!(header_code(0xa10b), None);
        assert_eq!(header_code(0x00a0), None);
    }
}
