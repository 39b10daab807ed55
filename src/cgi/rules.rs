//! What the response parser accepts: its limits, and one switch for each
//! deviation from the grammar. RFC 3875, 6.

use crate::limits::Limits;
use crate::text::switches::switches;

/// What the first line of a response may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum FirstLine {
    /// A header field: the status comes in the Status field, or is 200 or 302.
    /// RFC 3875, 6.2. What FastCGI and SCGI applications write.
    #[default]
    StatusField,
    /// A status line: `HTTP/1.1 200 OK`. RFC 3875, 5, the output of
    /// "non-parsed header" scripts. Its status is also given as a Status field.
    StatusLine,
    /// Either of them. Opens: output that happens to begin with `HTTP/`, such
    /// as a log line, becomes a status. Needed by: uwsgi applications, which
    /// write status lines, where others stand behind the same address.
    Either,
}

/// What the response parser accepts, and its limits. [`STRICT`](Self::STRICT)
/// is the grammar of RFC 3875; each setter after it allows one deviation.
///
/// ```
/// use vestibule::cgi::response::{FirstLine, Rules};
/// const RULES: Rules = Rules::STRICT
///     .line_bytes(16 * 1024)
///     .first_line(FirstLine::Either)
///     .local_redirect(true);
/// assert_eq!(RULES.line_bytes, 16_384);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Rules {
    /// The limits. `head_bytes` counts all heads of a response, interim ones
    /// and blank lines included; `fields` counts their lines, a status line
    /// and skipped lines too.
    pub limits: Limits,
    /// Bytes of one line of the head, its end included. Default 8,192.
    /// Broken: [`Error::LineTooLong`](crate::Error::LineTooLong).
    pub line_bytes: u32,
    first_line: FirstLine,
    switches: u8,
}

switches! {
    /// A head without a field, which begins with the blank line, is a document
    /// of status 200. Off: [`Error::EmptyHead`](crate::Error::EmptyHead).
    ///
    /// Opens: a body that begins with an empty line passes for an answer.
    /// Needed by: the simplest scripts.
    1 empty_head allows_empty_head;
    /// A line without a colon, or with a name that is no token (blanks before
    /// the colon, none at all), is skipped. Off:
    /// [`Error::BadField`](crate::Error::BadField). A first piece of its name
    /// may have been given; the last one never is.
    ///
    /// Opens: part of an application's diagnostics can end up as fields while
    /// the rest vanishes, and fields that the application meant are lost.
    /// Needed by: scripts that print warnings before or between fields.
    2 ignore_bad_lines ignores_bad_lines;
    /// Any status of 200 to 999. Off: 200 to 599, as RFC 9110, 15, has it, and
    /// else [`Error::BadStatus`](crate::Error::BadStatus).
    ///
    /// Opens: what stands in front may take such a status as 500, or refuse it.
    /// Needed by: applications with statuses of their own.
    4 any_status allows_any_status;
    /// The first of several statuses counts: Status fields, or a status line
    /// and Status fields. All must be well formed. Off:
    /// [`Error::DuplicateField`](crate::Error::DuplicateField).
    ///
    /// Opens: two readers of the same output may see different statuses.
    /// Needed by: applications whose layers each add a status.
    8 first_status_wins takes_first_status;
    /// Content-Type and Location may come more than once; all are given. Off:
    /// [`Error::DuplicateField`](crate::Error::DuplicateField).
    ///
    /// Opens: readers disagree which of them counts, and with it whether a
    /// body is harmless. Needed by: applications that add a type to one that
    /// their framework has set.
    16 repeated_fields allows_repeats;
    /// A line that begins with a blank continues the one before; one blank is
    /// given for the line's end and the blanks around it. Off:
    /// [`Error::Folding`](crate::Error::Folding), RFC 3875, 6.3.
    ///
    /// Opens: what a reader without folding takes for two fields is one here.
    /// Needed by: applications that wrap long values, as e-mail does.
    32 folding allows_folding;
    /// Heads of a status of 100 to 199, but 101, may come before that of the
    /// answer. Off, and always for 101:
    /// [`Error::Interim`](crate::Error::Interim).
    ///
    /// Opens: a server that passes such a head on as the answer itself gets out
    /// of step with its client. Needed by: applications that send early hints.
    64 interim allows_interim;
    /// Where Location is the only field, its value begins with `/` but not with
    /// `//` or `/\`, and the output ends with the head,
    /// [`Piece::LocalRedirect`](super::response::Piece::LocalRedirect) comes in place
    /// of the head's end. RFC 3875, 6.2.2. Off: a redirect of status 302 for
    /// the client, as FastCGI's web servers do.
    ///
    /// Opens: the application chooses any path of the server, also those that
    /// clients may not ask for; and loops, which the caller must bound.
    /// Needed by: CGI programs that rely on it.
    128 local_redirect allows_local_redirect;
}

impl Rules {
    /// The grammar of RFC 3875, a status from the Status field alone, the
    /// default limits.
    pub const STRICT: Rules = Rules {
        limits: Limits::DEFAULT,
        line_bytes: 8192,
        first_line: FirstLine::StatusField,
        switches: 0,
    };

    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`line_bytes`](Self::line_bytes).
    #[must_use]
    pub const fn line_bytes(mut self, n: u32) -> Self {
        self.line_bytes = n;
        self
    }

    /// Sets what the first line may be.
    #[must_use]
    pub const fn first_line(mut self, first: FirstLine) -> Self {
        self.first_line = first;
        self
    }

    #[inline]
    pub(super) const fn first(&self) -> FirstLine {
        self.first_line
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::STRICT
    }
}
