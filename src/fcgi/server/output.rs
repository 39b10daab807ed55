//! What goes out: calls to records. FastCGI 1.0, 3.3 and 5.5.

use super::slot::{Slot, Stage, flag};
use super::{Ext, Link, Lost, Server, end_request, protocol_status, reply};
use crate::cgi::encode;
use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length, Rejection};
use crate::fcgi::Role;
use crate::fcgi::record::{Header, MAX_CONTENT, kind, padding, stream};
use crate::frame::Frame;
use crate::machine;

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Server<S> {
    /// Ends the answer with an application status (5.5); zero is success. Also
    /// ends a request after `Abort`: with END_REQUEST where the peer asked for
    /// it, with an empty frame where the connection ended, since a peer that
    /// has closed its writing half alone would take END_REQUEST for the end of
    /// a whole answer.
    ///
    /// # Errors
    ///
    /// [`Refused::State`] where no head was sent, where less than the declared
    /// length was, and after a fault (use `fail`).
    pub fn end(&mut self, id: Id, app_status: u32) -> Result<Frame<'static>, Refused> {
        let lost = matches!(self.link, Link::Ended | Link::Lost(_, Lost::Transport));
        let (index, slot) = self.slot(id)?;
        let aborted = slot.is(flag::ABORTED);
        let mut frame = Frame::EMPTY;
        if !aborted {
            let short = slot.is(flag::COUNTED) && slot.left > 0;
            if !slot.is(flag::HEAD_SENT) || slot.is(flag::SPOILT) || short {
                return Err(Refused::State);
            }
            if slot.is(flag::STDERR_USED) {
                frame = frame.head(&Header::end(kind::STDERR, id.get()));
            }
            frame = frame.head(&Header::end(kind::STDOUT, id.get()));
        }
        self.release(index);
        if aborted && lost {
            return Ok(Frame::EMPTY);
        }
        Ok(frame.head(&end_request(id, app_status, 0)))
    }

    /// Text for the web server's log (5.3). Takes what one record can carry
    /// off the front of `payload`.
    ///
    /// # Errors
    ///
    /// [`Refused::State`] before the head of the request is complete (a
    /// filter's STDIN too, 6.4), and after a fault.
    pub fn stderr<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        let (_, slot) = self.answering(id)?;
        if slot.is(flag::ABORTED) {
            *payload = &[];
        }
        if payload.is_empty() {
            return Ok(Frame::EMPTY);
        }
        slot.set(flag::STDERR_USED);
        Ok(stream(kind::STDERR, id, payload))
    }

    /// Sends a request back (5.5), so that the web server may ask elsewhere.
    ///
    /// # Errors
    ///
    /// [`Refused::State`] once anything was written for it.
    /// [`Refused::Status`]: `Other(0)` would say that it is complete.
    ///
    /// ```
    /// use vestibule::fcgi::Server;
    /// use vestibule::{Id, Receive, Rejection};
    /// let mut server = Server::default();
    /// let mut input = &b"\x01\x01\0\x01\0\x08\0\0\0\x01\x01\0\0\0\0\0"[..];
    /// let _begin = server.next(&mut input)?;
    /// let frame = server.reject(Id::SOLE, Rejection::Overloaded)?;
    /// assert_eq!(frame.slices().concat()[..5], *b"\x01\x03\0\x01\0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reject(&mut self, id: Id, reason: Rejection) -> Result<Frame<'static>, Refused> {
        if reason == Rejection::Other(0) {
            return Err(Refused::Status);
        }
        let (index, slot) = self.slot(id)?;
        if slot.is(flag::HEAD_SENT | flag::STDERR_USED | flag::ABORTED) {
            return Err(Refused::State);
        }
        self.release(index);
        Ok(Frame::EMPTY.head(&end_request(id, 0, protocol_status(reason))))
    }

    fn slot(&mut self, id: Id) -> Result<(usize, &mut Slot), Refused> {
        let index = self.slot_of(id).ok_or(Refused::UnknownId)?;
        let slot = self
            .slots
            .as_mut()
            .get_mut(index)
            .ok_or(Refused::UnknownId)?;
        Ok((index, slot))
    }

    /// The slot of a request whose answer may be written now. 6.2 to 6.4.
    fn answering(&mut self, id: Id) -> Result<(usize, &mut Slot), Refused> {
        let (index, slot) = self.slot(id)?;
        let early = match slot.stage {
            Stage::Free | Stage::Params => true,
            Stage::Stdin => slot.role == Role::Filter,
            Stage::Data | Stage::Run => false,
        };
        if early || slot.is(flag::SPOILT) {
            return Err(Refused::State);
        }
        Ok((index, slot))
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> machine::Server for Server<S> {
    type Ext<'i> = Ext<'i>;

    /// Always an empty frame: the peer sends the body unasked.
    fn demand(&mut self, id: Id, _max: usize) -> Result<Frame<'static>, Refused> {
        self.slot(id).map(|_| Frame::EMPTY)
    }

    /// Always an empty frame: CGI output has no interim answers.
    fn interim<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        _fields: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let (_, slot) = self.answering(id)?;
        match status {
            100..=199 if !slot.is(flag::HEAD_SENT) => Ok(Frame::EMPTY),
            100..=199 => Err(Refused::State),
            _ => Err(Refused::Status),
        }
    }

    fn head<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let (_, slot) = self.answering(id)?;
        if slot.is(flag::HEAD_SENT) {
            return Err(Refused::State);
        }
        let n = encode::head(status, fields, length, room)?;
        if n > MAX_CONTENT {
            return Err(Refused::TooLong);
        }
        slot.set(flag::HEAD_SENT);
        if slot.is(flag::HEAD) || matches!(status, 204 | 304) {
            slot.set(flag::NO_BODY);
        } else if let Length::Known(n) = length {
            slot.set(flag::COUNTED);
            slot.left = n;
        } else if length == Length::None {
            slot.set(flag::COUNTED);
            slot.left = 0;
        }
        if slot.is(flag::ABORTED) {
            return Ok(Frame::EMPTY);
        }
        let mut text = room.get(..n).unwrap_or(&[]);
        Ok(stream(kind::STDOUT, id, &mut text))
    }

    #[inline]
    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        let (_, slot) = self.answering(id)?;
        if !slot.is(flag::HEAD_SENT) {
            return Err(Refused::State);
        }
        if slot.is(flag::NO_BODY | flag::ABORTED) {
            *payload = &[];
        }
        // An empty record would end the stream.
        if payload.is_empty() {
            return Ok(Frame::EMPTY);
        }
        if slot.is(flag::COUNTED) {
            let all = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            if all > slot.left {
                return Err(Refused::TooLong);
            }
            let now = u64::try_from(payload.len().min(MAX_CONTENT)).unwrap_or(u64::MAX);
            slot.left = slot.left.saturating_sub(now);
        }
        Ok(stream(kind::STDOUT, id, payload))
    }

    /// As [`end`](Server::end) with status 0; CGI output has no trailers.
    fn finish<'b, 'f, I>(
        &mut self,
        id: Id,
        _trailers: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.end(id, 0)
    }

    /// Needs no room. Where nothing was written, a Status answer, or
    /// OVERLOADED: some web servers take END_REQUEST alone for an empty 200.
    /// Where a head was sent and other requests run, END_REQUEST with status 1
    /// and no end of STDOUT; where none does, an empty frame, and
    /// [`after`](crate::Status::after) says `Close`.
    fn fail<'b>(
        &mut self,
        id: Id,
        error: Error,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused> {
        let (index, slot) = self.slot(id)?;
        let (head_sent, logged) = (slot.is(flag::HEAD_SENT), slot.is(flag::STDERR_USED));
        if slot.is(flag::ABORTED) {
            return self.end(id, 0);
        }
        self.release(index);
        if head_sent {
            if self.active > 0 {
                return Ok(Frame::EMPTY.head(&end_request(id, 1, 0)));
            }
            if !matches!(self.link, Link::Lost(..) | Link::Ended) {
                self.link = Link::Broken;
            }
            return Ok(Frame::EMPTY);
        }
        if error == Error::Overloaded && !logged {
            return Ok(Frame::EMPTY.head(&end_request(
                id,
                0,
                protocol_status(Rejection::Overloaded),
            )));
        }
        let mut frame = Frame::EMPTY;
        if logged {
            frame = frame.head(&Header::end(kind::STDERR, id.get()));
        }
        let text = status_text(error.status());
        let header = Header::of(kind::STDOUT, id.get(), 15);
        Ok(frame
            .head(&header.encode())
            .head(&text)
            .head(padding(header))
            .tail(&Header::end(kind::STDOUT, id.get()))
            .tail(&end_request(id, 1, 0)))
    }

    fn close_after(&mut self, id: Id) {
        if let Ok((_, slot)) = self.slot(id) {
            slot.set(flag::CLOSE_AFTER);
        }
    }

    fn shutdown(&mut self) {
        self.close();
    }

    fn cancel(&mut self) {
        if !matches!(self.link, Link::Lost(..)) {
            self.stop(Link::Lost(Error::Eof, Lost::Transport));
        }
    }

    fn default_reply(&mut self, ext: Ext<'_>) -> Frame<'static> {
        reply(self, ext)
    }
}

/// A whole CGI response without fields but Status: 15 bytes.
fn status_text(status: u16) -> [u8; 15] {
    let digit = |n: u16| b'0'.wrapping_add(u8::try_from(n % 10).unwrap_or(0));
    let mut text = *b"Status: 500\r\n\r\n";
    let [_, _, _, _, _, _, _, _, a, b, c, ..] = &mut text;
    (*a, *b, *c) = (digit(status / 100), digit(status / 10), digit(status));
    text
}
