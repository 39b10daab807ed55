//! What an application is told of a request that came by AJP, beside what its
//! packet says: the meta-variables that a web server makes. RFC 3875, 4.1.

use crate::cgi::meta::host_name;
use crate::cgi::path::{Mount, PathError, PathRules, Slash, query, raw_path, split};
use crate::error::Error;
use crate::event::{Field, Space};
use crate::fields::Fields;
use crate::frame::fill;

/// What web servers say by attributes of these names, and the variables that
/// they are.
const ATTRIBUTES: [(&[u8], &[u8]); 3] = [
    (b"AJP_REMOTE_PORT", b"REMOTE_PORT"),
    (b"AJP_LOCAL_ADDR", b"SERVER_ADDR"),
    (b"AJP_SSL_PROTOCOL", b"SSL_PROTOCOL"),
];

/// Makes the head of a request what an application expects: to what an AJP
/// [`Server`](super::Server) has given (REQUEST_METHOD, DOCUMENT_URI,
/// SERVER_PROTOCOL, the addresses, header fields and attributes, which stay as
/// they are) it adds REQUEST_URI, which comes in two parts by this wire,
/// QUERY_STRING, SCRIPT_NAME (empty), PATH_INFO (the whole path, decoded once),
/// GATEWAY_INTERFACE, REQUEST_SCHEME, SERVER_SOFTWARE, and where attributes say
/// them REMOTE_PORT, SERVER_ADDR and SSL_PROTOCOL.
///
/// Unlike [`http1::meta::complete`](crate::http1::meta::complete) it makes
/// nothing up that the web server has said: who connects is believed. A
/// SERVER_NAME that it left out is the host of Host. `room` must hold the path
/// and the query, and beside them the path again, each of those attributes, and
/// the Host, though not at once.
///
/// ```
/// use vestibule::{Field, Fields, Next, Receive, Request};
/// use vestibule::ajp::{Server, ServerRules, meta};
/// # let mut input = &b"\x12\x34\0\x29\x02\x02\0\x08HTTP/1.1\0\0\x06/a%20b\0\
/// #     \xff\xff\xff\xff\0\x01h\0\0\x50\0\0\0\x05\0\x01c\0\xff"[..];
/// let mut server = Server::new(ServerRules::STRICT.without_secret(true));
/// let mut head = Fields::new([0u8; 1024]);
/// while let Next::Event(event) = server.next(&mut input)? {
///     match event {
///         Request::Field { field, .. } => head.push(field)?,
///         Request::HeadEnd { .. } => {
///             meta::complete(&mut head, b"example/1.0", &mut [0; 512])?;
///             assert_eq!(head.get(b"REQUEST_URI"), Some(&b"/a%20b?c"[..]));
///             assert_eq!(head.get(b"PATH_INFO"), Some(&b"/a b"[..]));
///         }
///         _ => {}
///     }
/// }
/// # assert!(head.get(b"PATH_INFO").is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Error::Target`]: there is no path, or one that is not to be decoded: `%`
/// without two digits, a control byte, `..` above the root.
/// [`Error::HeadTooLong`]: storage or room is too small. The head is then not
/// to be passed on.
pub fn complete<B: AsRef<[u8]> + AsMut<[u8]>>(
    head: &mut Fields<B>,
    software: &[u8],
    room: &mut [u8],
) -> Result<(), Error> {
    let (path, room) = copy(said(head, Space::Var, b"DOCUMENT_URI"), room)?;
    let (told, room) = copy(said(head, Space::Var, b"QUERY_STRING"), room)?;
    target(head, path, told, room)?;
    for (attribute, name) in ATTRIBUTES {
        let (value, _) = copy(said(head, Space::Attribute, attribute), room)?;
        if !value.is_empty() {
            head.remove(Space::Var, name);
            head.push(Field::var(name, value))?;
        }
    }
    if said(head, Space::Var, b"SERVER_NAME").is_empty() {
        let host = said(head, Space::Header, b"host");
        let (name, _) = copy(host_name(host), room)?;
        let name = match name {
            b"" => &b"localhost"[..],
            name => name,
        };
        head.remove(Space::Var, b"SERVER_NAME");
        head.push(Field::var(b"SERVER_NAME", name))?;
    }
    let https = !said(head, Space::Var, b"HTTPS").is_empty();
    for (name, value) in [
        (&b"GATEWAY_INTERFACE"[..], &b"CGI/1.1"[..]),
        (b"SERVER_SOFTWARE", software),
        (b"REQUEST_SCHEME", if https { b"https" } else { b"http" }),
    ] {
        head.push(Field::var(name, value))?;
    }
    Ok(())
}

/// REQUEST_URI, QUERY_STRING, SCRIPT_NAME and PATH_INFO. `told`: the query, as
/// the web server has said it apart.
fn target<B: AsRef<[u8]> + AsMut<[u8]>>(
    head: &mut Fields<B>,
    path: &[u8],
    told: &[u8],
    room: &mut [u8],
) -> Result<(), Error> {
    let uri = Field::var(b"REQUEST_URI", path);
    if told.is_empty() {
        head.push(uri)?;
        head.remove(Space::Var, b"QUERY_STRING");
        head.push(Field::var(b"QUERY_STRING", query(path)))?;
    } else {
        head.push(uri.first())?;
        head.push(Field::var(b"", b"?").middle())?;
        head.push(Field::var(b"", told).last())?;
    }
    head.push(Field::var(b"SCRIPT_NAME", b""))?;
    if path == b"*" {
        return Ok(());
    }
    let wrong = |error| match error {
        PathError::Room { .. } => Error::HeadTooLong,
        _ => Error::Target,
    };
    let raw = raw_path(path).map_err(wrong)?;
    // What a web server passes on begins with a slash.
    if !path.starts_with(b"/") {
        return Err(Error::Target);
    }
    let rules = PathRules::STRICT.slash(Slash::Decode);
    let split = split(raw, Mount::Root, rules, room).map_err(wrong)?;
    head.push(Field::var(b"PATH_INFO", split.path_info))?;
    Ok(())
}

/// The value of the first field of this kind and name; empty where there is
/// none. Not [`Fields::get`]: a client's field may have a variable's name.
fn said<'h, B: AsRef<[u8]> + AsMut<[u8]>>(
    head: &'h Fields<B>,
    space: Space,
    name: &[u8],
) -> &'h [u8] {
    let named = |field: &Field<'_>| match space {
        Space::Header | Space::Trailer => field.name.eq_ignore_ascii_case(name),
        Space::Var | Space::Attribute => field.name == name,
    };
    let found = head.iter().find(|f| f.space == space && named(f));
    found.map_or(&[], |field| field.value)
}

/// A copy of a value that stands in the storage, and what is left of the room.
fn copy<'r>(value: &[u8], room: &'r mut [u8]) -> Result<(&'r [u8], &'r mut [u8]), Error> {
    let (to, rest) = room
        .split_at_mut_checked(value.len())
        .ok_or(Error::HeadTooLong)?;
    fill(to, value);
    Ok((to, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Field<'static> = Field::header(b"Host", b"example.org:8080");

    fn uri(text: &str) -> Field<'_> {
        Field::var(b"DOCUMENT_URI", text.as_bytes())
    }

    fn attribute<'f>(name: &'f [u8], value: &'f [u8]) -> Field<'f> {
        Field {
            space: Space::Attribute,
            ..Field::var(name, value)
        }
    }

    /// The variables but those that are always the same.
    fn completed(fields: &[Field<'_>]) -> Result<String, Error> {
        let mut head = Fields::new(vec![0; 2048]);
        for field in fields {
            head.push(*field)?;
        }
        complete(&mut head, b"s", &mut [0; 512])?;
        for always in [
            "GATEWAY_INTERFACE=CGI/1.1",
            "SERVER_SOFTWARE=s",
            "SCRIPT_NAME=",
        ] {
            let (name, value) = always.split_once('=').unwrap();
            let values: Vec<_> = head.all(name.as_bytes()).collect();
            assert_eq!(values, [value.as_bytes()], "{name}");
        }
        let mut lines: Vec<_> = head
            .iter()
            .filter(|f| f.space == Space::Var)
            .filter(|f| {
                !["GATEWAY_INTERFACE", "SERVER_SOFTWARE", "SCRIPT_NAME"]
                    .map(str::as_bytes)
                    .contains(&f.name)
            })
            .map(|f| format!("{}={}", f.name.escape_ascii(), f.value.escape_ascii()))
            .collect();
        lines.sort();
        Ok(lines.join(" "))
    }

    #[test]
    fn what_a_web_server_says_stays() {
        let fields = [
            Field::var(b"REQUEST_METHOD", b"GET"),
            Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"),
            uri("/a%20b%2Fc"),
            Field::var(b"REMOTE_ADDR", b"192.0.2.1"),
            Field::var(b"SERVER_NAME", b"h"),
            Field::var(b"SERVER_PORT", b"8443"),
            Field::var(b"HTTPS", b"on"),
            HOST,
            // A client's, by names of variables.
            Field::header(b"QUERY_STRING", b"evil"),
            Field::header(b"SERVER_NAME", b"evil"),
            Field::header(b"AJP_REMOTE_PORT", b"1"),
            Field::var(b"QUERY_STRING", b"q=%20?"),
            attribute(b"AJP_REMOTE_PORT", b"4000"),
            attribute(b"AJP_LOCAL_ADDR", b"2001:db8::1"),
            attribute(b"AJP_SSL_PROTOCOL", b"TLSv1.3"),
            attribute(b"JK_LB_ACTIVATION", b"ACT"),
        ];
        assert_eq!(
            completed(&fields).unwrap(),
            "DOCUMENT_URI=/a%20b%2Fc HTTPS=on PATH_INFO=/a b/c QUERY_STRING=q=%20? \
             REMOTE_ADDR=192.0.2.1 REMOTE_PORT=4000 REQUEST_METHOD=GET REQUEST_SCHEME=https \
             REQUEST_URI=/a%20b%2Fc?q=%20? SERVER_ADDR=2001:db8::1 SERVER_NAME=h \
             SERVER_PORT=8443 SERVER_PROTOCOL=HTTP/1.1 SSL_PROTOCOL=TLSv1.3"
        );
    }

    #[test]
    fn what_it_does_not_say() {
        let plain = "REQUEST_SCHEME=http REQUEST_URI=/ SERVER_NAME=";
        for (fields, name) in [
            (&[uri("/"), HOST][..], "example.org"),
            (&[uri("/"), Field::header(b"host", b"[::1]:80")], "[::1]"),
            (&[uri("/"), Field::header(b"Host", b"")], "localhost"),
            (&[uri("/")], "localhost"),
            (
                &[uri("/"), Field::var(b"SERVER_NAME", b""), HOST],
                "example.org",
            ),
        ] {
            let got = completed(fields).unwrap();
            let want = format!("DOCUMENT_URI=/ PATH_INFO=/ QUERY_STRING= {plain}{name}");
            assert_eq!(got, want, "{fields:?}");
        }
    }

    #[test]
    fn targets() {
        let has = |fields: &[Field<'_>], what: &str| {
            let got = completed(fields).unwrap();
            assert!(got.split(' ').any(|line| line == what), "{what}: {got}");
        };
        has(&[uri("*")], "REQUEST_URI=*");
        assert!(!completed(&[uri("*")]).unwrap().contains("PATH_INFO"));
        let empty = Field::var(b"QUERY_STRING", b"");
        has(&[uri("/a"), empty], "REQUEST_URI=/a");
        has(&[uri("/a"), empty], "QUERY_STRING=");
        // Both in one, as the wire does not have it.
        has(&[uri("/a?b")], "QUERY_STRING=b");
        has(&[uri("/a?b")], "PATH_INFO=/a");
        for bad in ["/%00", "/a/../..", "/%zz", "h:80", "http://h/a", ""] {
            assert_eq!(completed(&[uri(bad)]), Err(Error::Target), "{bad}");
        }
        assert_eq!(completed(&[HOST]), Err(Error::Target));
    }

    #[test]
    fn storage_and_room() {
        let make = |storage, room| {
            let mut head = Fields::new(vec![0; storage]);
            for field in [uri("/abc"), Field::var(b"QUERY_STRING", b"de"), HOST] {
                head.push(field)?;
            }
            complete(&mut head, b"s", &mut vec![0; room])
        };
        let need = (0..1000).find(|n| make(*n, 64).is_ok()).unwrap();
        let room = (0..64).find(|n| make(need, *n).is_ok()).unwrap();
        assert_eq!(room, 6 + "example.org".len());
        for (storage, room) in [
            (need - 1, 64),
            (need, room - 1),
            (need, 6),
            (need, 5),
            (need, 3),
        ] {
            assert_eq!(make(storage, room), Err(Error::HeadTooLong));
        }
    }
}
