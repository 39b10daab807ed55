//! Writing requests. AJPv13, "Request Packet Structure".

use super::{Client, Ext, Link, Reading, Sending};
use crate::ajp::codes::kind;
use crate::ajp::encode::{self, Facts};
use crate::ajp::packet::Way;
use crate::ajp::reply::Reader;
use crate::error::Refused;
use crate::event::{Field, Id, Length};
use crate::frame::Frame;
use crate::text::token;

/// The number of bytes in a packet of a body, which stands ahead of them.
const NUMBER: u16 = 2;

/// A packet of a body: `data` is at most 65,530 bytes. Without data it is the
/// end of the body; others write that without the number, which who reads six
/// bytes in any case would get out of step with.
fn packet(data: &[u8]) -> Frame<'_> {
    let n = u16::try_from(data.len()).unwrap_or(0);
    Frame::of(data)
        .head(&Way::ToContainer.magic())
        .head(&n.saturating_add(NUMBER).to_be_bytes())
        .head(&n.to_be_bytes())
}

impl<S> Client<S> {
    fn live(&self, id: Id) -> Result<(), Refused> {
        if id != Id::SOLE || !self.is_open() {
            return Err(Refused::UnknownId);
        }
        if self.aborted || self.link == Link::Broken {
            return Err(Refused::State);
        }
        Ok(())
    }

    /// How much of `left` bytes one packet carries where `n` are wanted.
    pub(super) fn piece(&self, n: u16, left: u64) -> usize {
        let most = n.min(self.bounds.most.saturating_sub(NUMBER));
        usize::from(u16::try_from(left).unwrap_or(u16::MAX).min(most))
    }

    fn may_open(&self) -> bool {
        self.link == Link::Open && self.reading == Reading::Idle
    }

    /// Asks whether the container is alive: CPING, answered by
    /// [`Ext::Cpong`]. Anything else in its place is an error, and so is the
    /// end of the connection. No request is taken before.
    ///
    /// ```
    /// use vestibule::ajp::{Client, ClientExt};
    /// use vestibule::{Next, Receive, Response};
    /// let mut client = Client::new();
    /// assert_eq!(client.cping()?.slices().concat(), b"\x12\x34\0\x01\x0a");
    /// let event = client.next(&mut &b"AB\0\x01\x09"[..]).unwrap();
    /// assert_eq!(event, Next::Event(Response::Ext(ClientExt::Cpong)));
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused::State`]: a request is open, CPONG is awaited, or the
    /// connection takes no more.
    pub fn cping(&mut self) -> Result<Frame<'static>, Refused> {
        if !self.may_open() {
            return Err(Refused::State);
        }
        self.reading = Reading::Pong;
        Ok(Frame::EMPTY
            .head(&Way::ToContainer.magic())
            .head(&[0, 1, kind::CPING]))
    }
}

impl<S: AsRef<[u8]>> crate::machine::Client for Client<S> {
    type Ext<'i> = Ext;

    fn free(&self) -> usize {
        usize::from(self.may_open())
    }

    /// One packet, or nothing: [`Refused::TooLong`] where the head does not
    /// fit [`packet_bytes`](super::Limits::packet_bytes).
    ///
    /// REQUEST_METHOD and REQUEST_URI (or DOCUMENT_URI) there must be. Header
    /// fields go out as they are, `HTTP_*` variables and CONTENT_TYPE as the
    /// fields that they were; framing is the machine's. Of the other variables
    /// those pass that the protocol has a place for, and of the attributes all
    /// but `secret`, which is the machine's. [`Refused::Field`] names what
    /// cannot be sent, the secret with a control byte too.
    fn open<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        if !self.may_open() {
            return Err(Refused::Full);
        }
        let facts = Facts::of(fields.clone().into_iter())?;
        let secret = Some(self.secret.0.as_ref()).filter(|s| !s.is_empty());
        let bytes = encode::forward(&facts, fields, length, secret, self.bounds.most, room)?;
        let common = self.limits.common;
        self.reader = Reader::new(common.head_bytes, common.fields);
        self.reading = Reading::Await;
        self.sending = match length {
            Length::None | Length::Known(0) => Sending::Over,
            Length::Known(n) => Sending::Known(n),
            Length::Unknown => Sending::Unknown,
        };
        self.first = matches!(self.sending, Sending::Known(_));
        self.asked = 0;
        self.late = 0;
        self.flushes = 0;
        self.head = facts.method == b"HEAD";
        self.idempotent = token::is_idempotent(facts.method);
        self.counted = false;
        Ok((Id::SOLE, Frame::of(bytes)))
    }

    /// What one packet may carry now: what the container has asked for, or at
    /// first, with a known length, all that a packet can carry.
    fn credit(&self, id: Id) -> usize {
        let wanted = if self.first { u16::MAX } else { self.asked };
        match self.sending {
            _ if self.live(id).is_err() => 0,
            Sending::Over => 0,
            Sending::Known(left) => self.piece(wanted, left),
            Sending::Unknown => self.piece(wanted, u64::MAX),
        }
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.live(id)?;
        let n = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        match self.sending {
            Sending::Over => return Err(Refused::State),
            Sending::Known(left) if n > left => return Err(Refused::TooLong),
            Sending::Known(_) | Sending::Unknown => {}
        }
        let credit = self.credit(id);
        let (data, rest) = payload.split_at_checked(credit).unwrap_or((payload, &[]));
        if data.is_empty() {
            return Ok(Frame::EMPTY);
        }
        *payload = rest;
        if let Sending::Known(left) = &mut self.sending {
            *left = left.saturating_sub(u64::try_from(data.len()).unwrap_or(u64::MAX));
        }
        self.first = false;
        self.asked = 0;
        Ok(packet(data))
    }

    /// An empty frame where the container has not asked; the end is said when
    /// it does, by calling this again at each `Demand`.
    fn body_end<'b, 'f, I>(
        &mut self,
        id: Id,
        _trailers: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.live(id)?;
        if matches!(self.sending, Sending::Known(1..)) {
            return Err(Refused::State);
        }
        self.sending = Sending::Over;
        if core::mem::take(&mut self.asked) == 0 {
            return Ok(Frame::EMPTY);
        }
        Ok(packet(&[]))
    }

    /// AJP has no word for it: the connection is to be closed.
    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.live(id)?;
        self.aborted = true;
        self.link = Link::Broken;
        Ok(Frame::EMPTY)
    }

    fn cancel(&mut self) {
        self.lose();
    }
}
