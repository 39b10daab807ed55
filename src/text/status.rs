//! Statuses: the value of a Status field, and the version that begins a status
//! line. RFC 3875, 6.3.3; RFC 9112, 4.

/// Reads `3DIGIT [ blank reason ]`, byte by byte.
///
/// The state is two numbers of the caller's: how far it is, and the value.
pub(crate) mod value {
    const BAD: u8 = u8::MAX;

    /// Takes one byte.
    #[inline]
    pub(crate) fn byte(at: &mut u8, number: &mut u64, byte: u8) {
        *at = match (*at, byte) {
            (n @ 0..=2, b'0'..=b'9') => {
                *number = number
                    .wrapping_mul(10)
                    .wrapping_add(u64::from(byte.wrapping_sub(b'0')));
                n.wrapping_add(1)
            }
            (3, b' ' | b'\t') | (4, _) => 4,
            _ => BAD,
        };
    }

    /// The status, once all bytes were taken.
    pub(crate) fn end(at: u8, number: u64) -> Option<u16> {
        match at {
            3 | 4 => u16::try_from(number).ok(),
            _ => None,
        }
    }
}

/// Whether `byte` may stand at this place of `HTTP/d.d SP`, and whether it is
/// the last one.
pub(crate) fn version(at: u8, byte: u8) -> Option<bool> {
    let good = match at {
        0 => byte == b'H',
        1 | 2 => byte == b'T',
        3 => byte == b'P',
        4 => byte == b'/',
        5 | 7 => byte.is_ascii_digit(),
        6 => byte == b'.',
        8 => byte == b' ',
        _ => false,
    };
    good.then_some(at == 8)
}

/// The usual reason of a status; empty where there is none.
/// RFC 9110, 15, and RFC 6585.
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &[u8]) -> Option<u16> {
        let (mut at, mut number) = (0, 0);
        for b in text {
            value::byte(&mut at, &mut number, *b);
        }
        value::end(at, number)
    }

    #[test]
    fn values() {
        assert_eq!(status(b"200"), Some(200));
        assert_eq!(status(b"404 Not Found"), Some(404));
        assert_eq!(status(b"404\tx"), Some(404));
        assert_eq!(status(b"404 "), Some(404));
        assert_eq!(status(b"000 zero"), Some(0));
        for bad in [
            &b""[..],
            b"20",
            b"20 ",
            b"2000",
            b"abc",
            b"-20",
            b"+200",
            b"200x",
            b"2 0",
            b" 200",
            b"\xd9\xa2\xd9\xa0\xd9\xa0",
        ] {
            assert_eq!(status(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn versions() {
        let run = |text: &[u8]| {
            let mut last = Some(false);
            for (at, b) in text.iter().enumerate() {
                last = version(u8::try_from(at).unwrap(), *b);
                last?;
            }
            last
        };
        assert_eq!(run(b"HTTP/1.1 "), Some(true));
        assert_eq!(run(b"HTTP/2.0 "), Some(true));
        assert_eq!(run(b"HTTP/1.1"), Some(false));
        for bad in [
            &b"http/1.1 "[..],
            b"HTTP/11 ",
            b"HTTP/1.1\t",
            b"HTTP/1.x ",
            b"HTTP/1.1  ",
        ] {
            assert_eq!(run(bad), None);
        }
    }

    #[test]
    fn reasons_are_one_line() {
        for n in 0..=999 {
            assert!(reason(n).bytes().all(|b| matches!(b, b' '..=b'~')));
        }
        assert_eq!(reason(299), "");
    }
}
