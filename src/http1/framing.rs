//! How a body is framed: decided once, in one table. RFC 9112, 6.

use super::facts::Facts;
use super::rules::Rules;
use crate::error::Error;

/// How the bytes of a body are told from what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body.
    #[default]
    None,
    /// So many bytes are still to come.
    Counted(u64),
    /// In chunks. RFC 9112, 7.1.
    Chunked,
    /// All until the connection ends.
    Close,
}

const LENGTHS: Facts = Facts::LENGTH
    .with(Facts::LENGTH_AGAIN)
    .with(Facts::LENGTH_BAD)
    .with(Facts::LENGTH_OVER);

/// All that a plain request may say: one word decides that no rule applies.
const ODD: Facts = Facts::HOST_AGAIN
    .with(Facts::HOST_BAD)
    .with(Facts::CODED)
    .with(LENGTHS)
    .with(Facts::CONNECT)
    .with(Facts::EXPECT_BAD);

/// The verdict on the head of a request, and how its body is framed.
#[inline]
pub(crate) fn request(
    facts: Facts,
    length: u64,
    most: u64,
    rules: Rules,
) -> Result<Framing, Error> {
    if !facts.any(ODD) && facts.has(Facts::HOST.with(Facts::V11)) {
        return Ok(Framing::None);
    }
    unusual(facts, length, most, rules)
}

#[cold]
#[inline(never)]
fn unusual(facts: Facts, length: u64, most: u64, rules: Rules) -> Result<Framing, Error> {
    host(facts)?;
    conflict(facts, rules)?;
    let framing = if facts.any(Facts::CODED) {
        coding(facts)?;
        Framing::Chunked
    } else {
        counted(facts, length, most)?
    };
    // A tunnel has no body before it. RFC 9110, 9.3.6.
    if facts.has(Facts::CONNECT) && framing != Framing::None {
        return Err(Error::Framing);
    }
    // An older client cannot mean it. RFC 9110, 10.1.1.
    if facts.has(Facts::EXPECT_BAD.with(Facts::V11)) && !rules.ignores_expectations() {
        return Err(Error::Expectation);
    }
    Ok(framing)
}

/// One Host, and a valid one; none only where the client is older than the
/// field. RFC 9112, 3.2.
fn host(facts: Facts) -> Result<(), Error> {
    let missing = facts.has(Facts::V11) && !facts.has(Facts::HOST);
    if missing || facts.any(Facts::HOST_AGAIN.with(Facts::HOST_BAD)) {
        return Err(Error::Host);
    }
    Ok(())
}

/// Transfer-Encoding from an old client, or beside Content-Length: whoever
/// reads this elsewhere may go by the other. RFC 9112, 6.1 and 6.3.
fn conflict(facts: Facts, rules: Rules) -> Result<(), Error> {
    if !facts.has(Facts::CODED) {
        return Ok(());
    }
    let both = facts.any(LENGTHS) && !rules.lets_coding_win();
    if !facts.has(Facts::V11) || both {
        return Err(Error::Framing);
    }
    Ok(())
}

/// `chunked`, once and alone. RFC 9112, 6.1 and 7.
fn coding(facts: Facts) -> Result<(), Error> {
    if facts.has(Facts::CODING_UNKNOWN) {
        return Err(Error::Coding);
    }
    if facts.has(Facts::CODING_BAD) || !facts.has(Facts::CHUNKED) {
        return Err(Error::Framing);
    }
    if facts.has(Facts::CODING_KNOWN) {
        return Err(Error::Coding);
    }
    Ok(())
}

/// Content-Length: one number, within the limit. RFC 9110, 8.6.
fn counted(facts: Facts, length: u64, most: u64) -> Result<Framing, Error> {
    if facts.any(Facts::LENGTH_BAD.with(Facts::LENGTH_AGAIN)) {
        return Err(Error::ContentLength);
    }
    if facts.has(Facts::LENGTH_OVER) {
        return Err(Error::BodyTooLong);
    }
    if !facts.has(Facts::LENGTH) {
        return Ok(Framing::None);
    }
    if length > most {
        return Err(Error::BodyTooLong);
    }
    Ok(Framing::Counted(length))
}

/// How the body of a final answer is framed. `facts`: of the answer, with HEAD
/// and CONNECT of the request. RFC 9112, 6.3.
pub(crate) fn response(
    facts: Facts,
    status: u16,
    length: u64,
    most: u64,
    rules: Rules,
) -> Result<Framing, Error> {
    if facts.has(Facts::CONNECT) && matches!(status, 200..=299) {
        return Ok(Framing::None);
    }
    if facts.has(Facts::HEAD) || matches!(status, 204 | 304) {
        return Ok(Framing::None);
    }
    if facts.has(Facts::CODED) {
        return answer_coding(facts, rules);
    }
    match counted(facts, length, most)? {
        Framing::None => Ok(Framing::Close),
        framing => Ok(framing),
    }
}

fn answer_coding(facts: Facts, rules: Rules) -> Result<Framing, Error> {
    // Who speaks 1.0 and sends this may mean anything: all until the close.
    if !facts.has(Facts::V11) {
        return Ok(Framing::Close);
    }
    if facts.any(LENGTHS) && !rules.lets_coding_win() {
        return Err(Error::Framing);
    }
    if !facts.has(Facts::CHUNKED) {
        return if rules.wants_chunked() {
            Err(Error::Coding)
        } else {
            Ok(Framing::Close)
        };
    }
    if facts.has(Facts::CODING_BAD) {
        return Err(Error::Framing);
    }
    if facts.any(Facts::CODING_KNOWN.with(Facts::CODING_UNKNOWN)) && !rules.allows_other_codings() {
        return Err(Error::Coding);
    }
    Ok(Framing::Chunked)
}

/// What of Content-Length is given along with an answer that has no body, or
/// none that it counts.
pub(crate) fn information(facts: Facts, length: u64) -> Option<u64> {
    let odd = LENGTHS.without(Facts::LENGTH);
    (facts.has(Facts::LENGTH) && !facts.any(odd)).then_some(length)
}
