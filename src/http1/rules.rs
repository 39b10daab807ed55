//! One switch for each deviation from the grammar, and one for each leniency
//! that is a default.

use crate::text::switches::switches;

/// What a machine accepts beyond, or refuses within, the grammar of RFC 9112.
/// [`STRICT`](Self::STRICT) is that grammar, with the two freedoms that it
/// leaves and everybody takes: later minor versions pass for 1.1, and a status
/// line may end behind its status.
///
/// ```
/// use vestibule::http1::{Rules, Server};
/// const RULES: Rules = Rules::STRICT.equal_lengths(true);
/// let server = Server::new().rules(RULES);
/// # let _ = server;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Rules {
    switches: u16,
}

switches! {
    /// LF alone ends a start line or a header line. Never in chunks or
    /// trailers. RFC 9112, 2.2. Off: [`Error::RequestLine`](crate::Error::RequestLine),
    /// [`Error::StatusLine`](crate::Error::StatusLine) or
    /// [`Error::BadValue`](crate::Error::BadValue).
    ///
    /// Opens: who looks for CRLF sees one line where this machine sees two.
    /// Needed by: hand-made servers, and people at a terminal.
    1 bare_lf allows_bare_lf;
    /// A line that begins with a blank continues the one before; one blank is
    /// given for the line's end and the blanks around it. RFC 9112, 5.2. Off:
    /// [`Error::Folding`](crate::Error::Folding).
    ///
    /// Opens: what a reader without folding takes for two lines is one here.
    /// Needed by: old servers that wrap long values.
    2 folding allows_folding;
    /// Blanks between a name and its colon are dropped. RFC 9112, 5.1. For
    /// answers: in a request they have to be refused. Off:
    /// [`Error::BadField`](crate::Error::BadField).
    ///
    /// Opens: who takes the blank for part of the name sees no Content-Length
    /// where this machine sees one. Needed by: faulty servers.
    4 blank_before_colon allows_blank_before_colon;
    /// Bytes from 0x80 on in the request target. Off:
    /// [`Error::Target`](crate::Error::Target).
    ///
    /// Opens: the same path has several spellings. Needed by: clients that
    /// do not encode what a user types.
    8 high_target_bytes allows_high_target_bytes;
    /// A fragment (`#` and what follows) in the request target is dropped. Off:
    /// [`Error::Target`](crate::Error::Target).
    ///
    /// Opens: a filter in front may have judged the part that is dropped.
    /// Needed by: faulty clients.
    16 fragment drops_fragment;
    /// Several Content-Length that are all equal, in lines or in a list, count
    /// as one. RFC 9110, 8.6. Off: [`Error::ContentLength`](crate::Error::ContentLength).
    ///
    /// Opens: little, unless a peer reads `3, 3` as something else. Needed by:
    /// chains in which two parties add the field.
    32 equal_lengths allows_equal_lengths;
    /// Transfer-Encoding counts where Content-Length is there too, and the
    /// connection ends with the exchange. RFC 9112, 6.3. Off:
    /// [`Error::Framing`](crate::Error::Framing).
    ///
    /// Opens: request smuggling, where a party in front goes by the length.
    /// Needed by: faulty peers that send both.
    64 coding_wins lets_coding_win;
    /// An expectation other than `100-continue` is ignored. RFC 9110, 10.1.1.
    /// Off: [`Error::Expectation`](crate::Error::Expectation).
    ///
    /// Opens: the client may rely on what nobody does. Needed by: clients that
    /// send leftovers of old drafts.
    128 any_expectation ignores_expectations;
    /// An answer with `chunked` behind other codings is read as chunked; its
    /// body stays coded, and Transfer-Encoding says how. Off:
    /// [`Error::Coding`](crate::Error::Coding).
    ///
    /// Opens: who passes the body on without that field passes on garbage.
    /// Needed by: clients that decode such codings themselves.
    256 other_codings allows_other_codings;
    /// Refuses an answer whose Transfer-Encoding does not end in `chunked`,
    /// which is else read until the close:
    /// [`Error::Coding`](crate::Error::Coding). Opens nothing.
    512 chunked_alone wants_chunked;
    /// Refuses `HTTP/1.2` to `HTTP/1.9`, which else pass for 1.1:
    /// [`Error::HttpVersion`](crate::Error::HttpVersion). Opens nothing.
    1024 known_versions wants_known_version;
    /// Refuses a status line without the blank behind its status, which else
    /// may be missing with the reason: [`Error::StatusLine`](crate::Error::StatusLine).
    /// RFC 9112, 4. Opens nothing.
    2048 exact_status_line wants_exact_status_line;
}

impl Rules {
    /// No switch is on.
    pub const STRICT: Rules = Rules { switches: 0 };
}
