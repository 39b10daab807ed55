//! Writing requests. RFC 9112, 3 to 7.

use super::{Client, Ext, Link, Reading, Writing};
use crate::cgi::meta::header_name;
use crate::error::Refused;
use crate::event::{Cut, Field, Id, Length, Space, trim};
use crate::frame::Frame;
use crate::http1::encode;
use crate::http1::facts::Facts;
use crate::http1::framing::Framing;
use crate::http1::names::{Kind, kind};
use crate::http1::target::{self, Target, is_host};
use crate::text::{decimal::agrees, out::Out, token};

/// What the request line and Host are made of.
struct Start<'f> {
    method: &'f [u8],
    target: &'f [u8],
    /// What goes behind the target, with a `?` between.
    query: &'f [u8],
    host: &'f [u8],
}

impl<'f> Start<'f> {
    fn of(fields: impl Iterator<Item = Field<'f>>) -> Result<Self, Refused> {
        let (mut method, mut target, mut host) = (None, None, None);
        let (mut path, mut query) = (None, None);
        for field in fields {
            let place = match (field.space, field.name) {
                (Space::Var, b"REQUEST_METHOD") => &mut method,
                (Space::Var, b"REQUEST_URI") => &mut target,
                (Space::Var, b"DOCUMENT_URI") => &mut path,
                (Space::Var, b"QUERY_STRING") => &mut query,
                (Space::Var, b"HTTP_HOST") => &mut host,
                (Space::Header, name) if kind(name) == Kind::Host => &mut host,
                _ => continue,
            };
            if field.cut != Cut::Whole || place.replace(field.trimmed()).is_some() {
                return Err(Refused::Field);
            }
        }
        // In two parts, where the request came by a wire that has it so.
        let query = match target {
            Some(_) => &[][..],
            None => query.unwrap_or_default(),
        };
        let (Some(method), Some(target), Some(host)) = (method, target.or(path), host) else {
            return Err(Refused::Field);
        };
        let good = token::is_name(method) && is_host(host) && fits(method, target, host);
        if !good || !joins(target, query) {
            return Err(Refused::Field);
        }
        Ok(Start {
            method,
            target,
            query,
            host,
        })
    }

    /// What an answer's framing and a second attempt depend on.
    fn facts(&self) -> Facts {
        match self.method {
            b"HEAD" => Facts::HEAD.with(Facts::IDEMPOTENT),
            b"OPTIONS" => Facts::OPTIONS.with(Facts::IDEMPOTENT),
            b"GET" | b"TRACE" | b"PUT" | b"DELETE" => Facts::IDEMPOTENT,
            b"CONNECT" => Facts::CONNECT,
            _ => Facts::NONE,
        }
    }
}

/// Whether the target has a form that the method may have, and says nothing
/// else than Host. RFC 9112, 3.2.
fn fits(method: &[u8], target: &[u8], host: &[u8]) -> bool {
    match Target::parse(target) {
        Some(Target::Authority { .. }) => method == b"CONNECT",
        Some(Target::Asterisk) => method == b"OPTIONS",
        Some(Target::Origin { .. }) => method != b"CONNECT",
        Some(whole @ Target::Absolute { .. }) => {
            method != b"CONNECT" && target::agrees(whole, host)
        }
        None => false,
    }
}

/// Whether the query may stand behind the target.
fn joins(target: &[u8], query: &[u8]) -> bool {
    let path = target.starts_with(b"/") && !target.contains(&b'?');
    query.is_empty() || path && token::target_len(query) == query.len()
}

/// A field of the request. Whether it is an expectation of 100 Continue, or the
/// offer of another protocol.
fn field(out: &mut Out<'_>, field: Field<'_>, length: Length) -> Result<Facts, Refused> {
    if field.cut != Cut::Whole {
        return Err(Refused::Field);
    }
    match field.space {
        Space::Attribute => Ok(Facts::NONE),
        Space::Trailer => Err(Refused::Field),
        Space::Header => header(out, field, length),
        Space::Var => variable(out, field, length).map(|()| Facts::NONE),
    }
}

fn header(out: &mut Out<'_>, field: Field<'_>, length: Length) -> Result<Facts, Refused> {
    let mut facts = Facts::NONE;
    match kind(field.name) {
        Kind::Host => return Ok(facts),
        Kind::ContentLength if agrees(field.value, length) => return Ok(facts),
        Kind::ContentLength => return Err(Refused::Field),
        Kind::Expect => {
            let known = trim(field.value).eq_ignore_ascii_case(b"100-continue");
            if !known || matches!(length, Length::None | Length::Known(0)) {
                return Err(Refused::Field);
            }
            facts = Facts::EXPECT;
        }
        Kind::Upgrade if trim(field.value).is_empty() => return Err(Refused::Field),
        Kind::Upgrade => facts = Facts::UPGRADE,
        kind if encode::reserved(kind, field.name) => return Err(Refused::Field),
        _ => {}
    }
    encode::line(out, field.name, field.value)?;
    Ok(facts)
}

/// A variable that was a header field, and is one again.
fn variable(out: &mut Out<'_>, field: Field<'_>, length: Length) -> Result<(), Refused> {
    let Some(name) = header_name(field.name) else {
        return Ok(());
    };
    if name.is(b"content-length") {
        return if field.value.is_empty() || agrees(field.value, length) {
            Ok(())
        } else {
            Err(Refused::Field)
        };
    }
    let hop = [
        &b"host"[..],
        b"expect",
        b"te",
        b"connection",
        b"upgrade",
        b"keep-alive",
        b"proxy-connection",
        b"trailer",
        b"status",
        b"http2-settings",
    ];
    let absent = field.value.is_empty() && name.is(b"content-type");
    if absent || hop.iter().any(|known| name.is(known)) {
        return Ok(());
    }
    if !token::is_field_value(field.value) {
        return Err(Refused::Field);
    }
    for byte in name.bytes() {
        out.put(&[byte]);
    }
    out.put(b": ");
    out.text(field.value);
    out.put(b"\r\n");
    Ok(())
}

impl Client {
    fn live(&self, id: Id) -> Result<(), Refused> {
        if id != Id::SOLE || self.writing == Writing::Idle {
            return Err(Refused::UnknownId);
        }
        if self.facts.has(Facts::ABORTED) {
            return Err(Refused::State);
        }
        Ok(())
    }

    /// Whether 100 Continue is awaited.
    fn held(&self) -> bool {
        self.facts.has(Facts::EXPECT) && !self.facts.has(Facts::CONTINUED)
    }

    /// Makes the next request the last of the connection: it says
    /// `Connection: close`. RFC 9112, 9.6.
    ///
    /// ```
    /// use vestibule::http1::Client;
    /// use vestibule::{Client as _, Field, Length};
    /// let mut client = Client::new();
    /// client.last();
    /// let fields = [
    ///     Field::var(b"REQUEST_METHOD", b"GET"),
    ///     Field::var(b"REQUEST_URI", b"/a"),
    ///     Field::header(b"Host", b"h"),
    /// ];
    /// let mut room = [0; 128];
    /// let (_, frame) = client.open(fields, Length::None, &mut room)?;
    /// assert_eq!(
    ///     frame.slices().concat(),
    ///     b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    /// );
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    pub fn last(&mut self) {
        self.close = true;
    }
}

impl crate::machine::Client for Client {
    type Ext<'i> = Ext;

    fn free(&self) -> usize {
        let free = self.link == Link::Open
            && self.reading == Reading::Idle
            && self.writing == Writing::Idle;
        usize::from(free)
    }

    /// REQUEST_METHOD, REQUEST_URI and one Host (or HTTP_HOST) there must be,
    /// which [`agrees`](crate::http1::target::agrees) with a target that is a
    /// whole URI;
    /// without REQUEST_URI, DOCUMENT_URI and QUERY_STRING are the target.
    /// Header fields go out as they are, `HTTP_*` variables and CONTENT_TYPE as
    /// the fields that they were; other variables are not sent. Framing and
    /// Connection are the machine's. Upgrade, as a header field, offers another
    /// protocol, so that 101 may answer.
    ///
    /// [`Refused::Field`] names what cannot be sent, [`Refused::State`] a body
    /// with CONNECT or TRACE.
    fn open<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        if self.free() == 0 {
            return Err(Refused::Full);
        }
        let start = Start::of(fields.clone().into_iter())?;
        if matches!(start.method, b"CONNECT" | b"TRACE") && length != Length::None {
            return Err(Refused::State);
        }
        let mut facts = start.facts();
        let mut out = Out::new(room);
        for part in [
            start.method,
            b" ",
            start.target,
            if start.query.is_empty() { b"" } else { b"?" },
            start.query,
            b" HTTP/1.1\r\nHost: ",
            start.host,
            b"\r\n",
        ] {
            out.text(part);
        }
        for each in fields {
            facts.set(field(&mut out, each, length)?);
        }
        let writing = match length {
            Length::None => {
                let bodiless = [
                    &b"GET"[..],
                    b"HEAD",
                    b"DELETE",
                    b"OPTIONS",
                    b"TRACE",
                    b"CONNECT",
                ];
                if !bodiless.contains(&start.method) {
                    encode::content_length(&mut out, 0);
                }
                Writing::Done
            }
            Length::Known(n) => {
                encode::content_length(&mut out, n);
                Writing::Body(Framing::Counted(n))
            }
            Length::Unknown => {
                out.put(b"Transfer-Encoding: chunked\r\n");
                Writing::Body(Framing::Chunked)
            }
        };
        out.text(match (self.close, facts.has(Facts::UPGRADE)) {
            (false, false) => b"",
            (true, false) => b"Connection: close\r\n",
            (false, true) => b"Connection: Upgrade\r\n",
            (true, true) => b"Connection: close, Upgrade\r\n",
        });
        out.put(b"\r\n");
        let bytes = out.written()?;
        if self.close {
            self.link = Link::Last;
        }
        self.facts = facts;
        self.writing = writing;
        self.reading = Reading::Await;
        Ok((Id::SOLE, Frame::of(bytes)))
    }

    /// No bound of its own: what is beyond the declared length is for
    /// [`body`](crate::Client::body) to refuse.
    fn credit(&self, id: Id) -> usize {
        match self.writing {
            Writing::Body(_) if self.live(id).is_ok() && !self.held() => usize::MAX,
            _ => 0,
        }
    }

    /// The body may go out without 100 Continue. [`Refused::State`] behind the
    /// final head: whoever has answered waits for no body. RFC 9110, 10.1.1.
    fn proceed(&mut self, id: Id) -> Result<(), Refused> {
        self.live(id)?;
        if self.answered(id) {
            return Err(Refused::State);
        }
        self.facts.set(Facts::CONTINUED);
        Ok(())
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.live(id)?;
        let held = self.held();
        let Writing::Body(framing) = &mut self.writing else {
            return Err(Refused::State);
        };
        let bytes = *payload;
        if held || bytes.is_empty() {
            return Ok(Frame::EMPTY);
        }
        let frame = match framing {
            Framing::Counted(left) => {
                let n = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                *left = left.checked_sub(n).ok_or(Refused::TooLong)?;
                Frame::of(bytes)
            }
            _ => encode::chunk(bytes),
        };
        *payload = &[];
        Ok(frame)
    }

    /// Trailers go out behind chunks; with a counted body they are dropped.
    fn body_end<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.live(id)?;
        let frame = match self.writing {
            Writing::Body(Framing::Counted(1..)) => return Err(Refused::State),
            Writing::Body(Framing::Chunked) if self.held() => return Err(Refused::State),
            Writing::Body(Framing::Chunked) => encode::last_chunk(trailers, room)?,
            _ => Frame::EMPTY,
        };
        self.writing = Writing::Done;
        Ok(frame)
    }

    /// HTTP has no word for it: the connection is to be closed.
    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.live(id)?;
        self.facts.set(Facts::ABORTED);
        self.link = Link::Broken;
        Ok(Frame::EMPTY)
    }

    fn cancel(&mut self) {
        self.lose();
    }
}
