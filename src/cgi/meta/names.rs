//! Which variables are a request's, and not a process's. RFC 3875, 4.1.

/// Those of RFC 3875, 4.1, and those that web servers add. Sorted.
const NAMES: [&[u8]; 46] = [
    b"AUTH_TYPE",
    b"CONTENT_LENGTH",
    b"CONTENT_TYPE",
    b"CONTEXT_DOCUMENT_ROOT",
    b"CONTEXT_PREFIX",
    b"DOCUMENT_ROOT",
    b"DOCUMENT_URI",
    b"FCGI_ROLE",
    b"GATEWAY_INTERFACE",
    b"HTTPS",
    b"ORIG_PATH_INFO",
    b"ORIG_PATH_TRANSLATED",
    b"ORIG_SCRIPT_FILENAME",
    b"ORIG_SCRIPT_NAME",
    b"PATH_INFO",
    b"PATH_TRANSLATED",
    b"QUERY_STRING",
    b"REMOTE_ADDR",
    b"REMOTE_HOST",
    b"REMOTE_IDENT",
    b"REMOTE_PORT",
    b"REMOTE_USER",
    b"REQUEST_METHOD",
    b"REQUEST_SCHEME",
    b"REQUEST_URI",
    b"SCGI",
    b"SCRIPT_FILENAME",
    b"SCRIPT_GROUP",
    b"SCRIPT_NAME",
    b"SCRIPT_URI",
    b"SCRIPT_URL",
    b"SCRIPT_USER",
    b"SERVER_ADDR",
    b"SERVER_ADMIN",
    b"SERVER_NAME",
    b"SERVER_PORT",
    b"SERVER_PROTOCOL",
    b"SERVER_SIGNATURE",
    b"SERVER_SOFTWARE",
    b"SSL_CIPHER",
    b"SSL_COMPRESS_METHOD",
    b"SSL_PROTOCOL",
    b"SSL_SECURE_RENEG",
    b"SSL_TLS_SNI",
    b"UNIQUE_ID",
    b"USER_NAME",
];

/// The beginnings of whole families: header fields, what TLS has told, what an
/// internal redirect has left.
const FAMILIES: [&[u8]; 8] = [
    b"HTTP_",
    b"REDIRECT_",
    b"SSL_CIPHER_",
    b"SSL_CLIENT_",
    b"SSL_SERVER_",
    b"SSL_SESSION_",
    b"SSL_SRP_",
    b"SSL_VERSION_",
];

/// Whether a variable says something of a request: one of RFC 3875, 4.1, or
/// one that web servers add, such as `REQUEST_URI`, `SCRIPT_FILENAME`,
/// `SSL_PROTOCOL` or `REDIRECT_STATUS`.
///
/// None of them means anything to a loader, a shell or an interpreter, with
/// one exception, which is none of them here: `HTTP_PROXY`, by which HTTP
/// libraries are told their proxy. A name has capital letters, digits and `_`
/// alone.
///
/// ```
/// use vestibule::cgi::meta::is_meta;
/// assert!(is_meta(b"PATH_INFO") && is_meta(b"HTTP_HOST") && is_meta(b"HTTPS"));
/// assert!(!is_meta(b"PATH") && !is_meta(b"LD_PRELOAD") && !is_meta(b"HTTP_PROXY"));
/// ```
pub fn is_meta(name: &[u8]) -> bool {
    let family = FAMILIES
        .iter()
        .any(|prefix| name.strip_prefix(*prefix).is_some_and(|n| !n.is_empty()));
    match family {
        true => name != b"HTTP_PROXY" && name.iter().all(usual),
        false => NAMES.binary_search(&name).is_ok(),
    }
}

fn usual(byte: &u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            assert!(is_meta(name));
            assert!(!is_meta(&name[1..]) && !is_meta(&name.to_ascii_lowercase()));
            let longer = [name, b"X"].concat();
            assert!(!is_meta(&longer) || NAMES.contains(&&longer[..]));
        }
        for name in ["HTTP_A", "SSL_CIPHER", "REDIRECT_STATUS", "HTTP_X_9"] {
            assert!(is_meta(name.as_bytes()));
        }
        for name in [
            "",
            "HTTP",
            "HTTP_",
            "SSL_CLIENT_",
            "SSL_CERT_FILE",
            "REDIRECT_",
            "HTTP_a",
            "HTTP_A=",
            "HTTP_A-B",
            "PATH",
            "HOME",
            "IFS",
            "ENV",
            "BASH_ENV",
            "LD_PRELOAD",
            "TZ",
            "PERL5OPT",
            "PYTHONPATH",
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "PHP_VALUE",
            "UWSGI_FILE",
        ] {
            assert!(!is_meta(name.as_bytes()), "{name}");
        }
    }
}
