//! The web server's side: a request to a program.

use super::block;
use super::meta::Mapping;
use super::passes::Passes;
use super::response::Rules;
use crate::error::Refused;
use crate::event::{Field, Id, Length, Response};
use crate::frame::Frame;
use crate::oneshot::client::{Core, delegate_client};

/// CGI's own events for a web server.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext {
    /// In place of `HeadEnd`: the request is to be run again for the path that
    /// the only field, Location, gave. No body follows. RFC 3875, 6.2.2.
    LocalRedirect,
}

/// An event of a [`Client`].
pub type Event<'i> = Response<'i, Ext>;

/// A web server's end of a CGI program, which runs for one request,
/// [`Id::SOLE`](crate::Id::SOLE).
///
/// What is written is the program's environment, `NAME=VALUE` and NUL for each
/// variable and one more NUL, and then its standard input; what is read is its
/// standard output.
/// With the `std` feature `adapt::process` makes a running program of it, on
/// Unix.
///
/// A program gets [`is_meta`](super::meta::is_meta) variables alone, so that
/// nobody who asks can choose what a loader, a shell or an interpreter obeys,
/// and no Authorization, which others on the machine could read: see
/// [`Passes`]. Never SCGI and FCGI_ROLE, which say what a wire is: here is none.
///
/// CONTENT_LENGTH comes from the length that `open` is given; there is none
/// where there is no body, and never an HTTP_TRANSFER_ENCODING. A body of unknown length is
/// [`Refused::State`]: programs read CONTENT_LENGTH bytes. A variable that
/// comes twice, a name with `=`, and a NUL are [`Refused::Field`].
///
/// The output ends with the program, and nothing tells a whole one from a cut
/// one where the program has declared no Content-Length. Its exit code is
/// never seen by a machine: `app_status` is 0 in its
/// [`Ending::Complete`](crate::Ending::Complete).
///
/// ```
/// use vestibule::cgi::Client;
/// use vestibule::{Client as _, Field, Length};
/// let mut client = Client::new();
/// let fields = [
///     Field::var(b"REQUEST_METHOD", b"POST"),
///     Field::var(b"LD_PRELOAD", b"/tmp/evil.so"),
///     Field::header(b"X-A", b"1"),
/// ];
/// let mut room = [0; 128];
/// let (_, frame) = client.open(fields, Length::Known(5), &mut room)?;
/// assert_eq!(
///     frame.slices().concat(),
///     b"CONTENT_LENGTH=5\0REQUEST_METHOD=POST\0HTTP_X_A=1\0\0"
/// );
/// # Ok::<(), vestibule::Refused>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Client {
    core: Core,
    passes: Passes,
}

impl Client {
    /// With [`Rules::STRICT`].
    pub const fn new() -> Self {
        Self::with_rules(Rules::STRICT)
    }

    /// With other limits, and deviations from the grammar of an answer.
    pub const fn with_rules(rules: Rules) -> Self {
        Client {
            core: Core::new(rules).mapping(Mapping::PROCESS),
            passes: Passes::STRICT,
        }
    }

    /// With more variables for the program.
    #[must_use]
    pub const fn passes(mut self, passes: Passes) -> Self {
        let mapping = Mapping::PROCESS.authorization(passes.authorization);
        self.core = self.core.mapping(mapping);
        self.passes = passes;
        self
    }

    fn begin<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let passes = self.passes;
        let begin = |room| block::begin(room, length);
        let admits = |name: &[u8], _: &[u8]| block::admits(passes, name);
        self.core
            .open(fields, length, room, begin, admits, block::end)
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

delegate_client!(Client, Ext, Ext::LocalRedirect);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Client as _;

    /// The environment, a space for each NUL.
    fn environment(
        passes: Passes,
        fields: &[Field<'_>],
        length: Length,
    ) -> Result<String, Refused> {
        let mut client = Client::new().passes(passes);
        let mut room = [0; 1024];
        let (_, frame) = client.open(fields.iter().copied(), length, &mut room)?;
        let text = frame.slices().concat();
        Ok(String::from_utf8(text).unwrap().replace('\0', " "))
    }

    fn strict(fields: &[Field<'_>]) -> String {
        environment(Passes::STRICT, fields, Length::None).unwrap()
    }

    const AUTH: [Field<'static>; 3] = [
        Field::header(b"Authorization", b"Basic dTpw"),
        Field::header(b"proxy-authorization", b"x"),
        Field::header(b"X-A", b"1"),
    ];

    #[test]
    fn what_is_withheld() {
        for fields in [
            &[Field::header(b"Proxy", b"x")][..],
            &[Field::var(b"HTTP_PROXY", b"x")],
            &[Field::var(b"http_proxy", b"x")],
            &[Field::var(b"HTTP_AUTHORIZATION", b"x")],
            &[
                Field::var(b"HTTP_AUTHORIZATION", b"x"),
                Field::var(b"HTTP_AUTHORIZATION", b"y"),
            ],
            &[
                Field::header(b"Connection", b"close, X-Hop"),
                Field::header(b"X-Hop", b"1"),
            ],
            &[Field::var(b"PATH", b"/x"), Field::var(b"LD_PRELOAD", b"/x")],
            &[Field::var(b"SSL_CERT_FILE", b"/x")],
            &[
                Field::var(b"SCGI", b"1"),
                Field::var(b"FCGI_ROLE", b"RESPONDER"),
            ],
            &[Field::var(b"HTTP_TRANSFER_ENCODING", b"chunked")],
            // Joined, were it not withheld.
            &[
                Field::var(b"HTTP_TRANSFER_ENCODING", b"gzip"),
                Field::var(b"HTTP_TRANSFER_ENCODING", b"chunked"),
            ],
            &[Field::header(b"Transfer-Encoding", b"chunked")],
        ] {
            assert_eq!(strict(fields), " ", "{fields:?}");
        }
        assert_eq!(strict(&AUTH), "HTTP_X_A=1  ");
        let all = Passes::STRICT.any_variable(true).authorization(true);
        let text = environment(all, &AUTH, Length::None).unwrap();
        let want = "HTTP_AUTHORIZATION=Basic dTpw HTTP_PROXY_AUTHORIZATION=x HTTP_X_A=1  ";
        assert_eq!(text, want);
        let vars = [
            Field::var(b"PATH", b"/x"),
            Field::var(b"HTTP_AUTHORIZATION", b"x"),
            Field::var(b"HTTP_PROXY", b"x"),
            Field::var(b"SCGI", b"1"),
        ];
        let text = environment(all, &vars, Length::None).unwrap();
        assert_eq!(text, "PATH=/x HTTP_AUTHORIZATION=x  ");
    }

    #[test]
    fn what_cannot_be_a_variable_is_refused_also_where_it_would_be_withheld() {
        for name in [&b""[..], b"A=B", b"a\0b", b"PATH=", b"HTTP_A\0"] {
            let refused = environment(Passes::STRICT, &[Field::var(name, b"x")], Length::None);
            assert_eq!(refused, Err(Refused::Field), "{name:?}");
        }
        let refused = environment(
            Passes::STRICT,
            &[Field::var(b"HTTP_A", b"x\0y")],
            Length::None,
        );
        assert_eq!(refused, Err(Refused::Field));
    }

    #[test]
    fn lengths() {
        let with = |fields: &[Field<'_>], length| environment(Passes::STRICT, fields, length);
        let said = |n| [Field::header(b"Content-Length", n)];
        assert_eq!(with(&[], Length::None).unwrap(), " ");
        assert_eq!(with(&[], Length::Known(0)).unwrap(), "CONTENT_LENGTH=0  ");
        assert_eq!(
            with(&said(b"5"), Length::Known(5)).unwrap(),
            "CONTENT_LENGTH=5  "
        );
        assert_eq!(with(&said(b"0"), Length::None).unwrap(), " ");
        assert_eq!(with(&said(b"5"), Length::None), Err(Refused::Field));
        assert_eq!(with(&said(b"5"), Length::Known(6)), Err(Refused::Field));
        assert_eq!(with(&[], Length::Unknown), Err(Refused::State));
        // It frames nothing, so it may say anything.
        let other = [Field::var(b"HTTP_CONTENT_LENGTH", b"9")];
        assert_eq!(
            with(&other, Length::None).unwrap(),
            "HTTP_CONTENT_LENGTH=9  "
        );
    }
}
