//! Writing answers. AJPv13, "Response Packet Structure".

use super::{Body, Ext, Link, Reading, Server, Writing};
use crate::ajp::reply;
use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length};
use crate::frame::Frame;

impl<S> Server<S> {
    /// Whether the exchange can have more of an answer.
    fn live(&self, id: Id) -> Result<(), Refused> {
        if id != Id::SOLE {
            return Err(Refused::UnknownId);
        }
        match (self.reading, self.writing) {
            (Reading::Idle, _) | (_, Writing::Over) => Err(Refused::UnknownId),
            (Reading::Lost(_) | Reading::Spoilt, _) => Err(Refused::State),
            _ => Ok(()),
        }
    }

    /// Whether the exchange waits for the head of its answer.
    fn waits(&self, id: Id) -> Result<(), Refused> {
        self.live(id)?;
        match self.writing {
            Writing::Waiting => Ok(()),
            _ => Err(Refused::State),
        }
    }

    /// Asks the web server to pass on what it holds of the answer
    /// (SEND_BODY_CHUNK without data): for an answer that goes on later. An
    /// empty frame where the answer has no body.
    ///
    /// ```
    /// # use vestibule::ajp::{Server, ServerRules};
    /// # use vestibule::{Field, Id, Length, Request, Server as _, drain};
    /// # let mut server = Server::new(ServerRules::STRICT.without_secret(true));
    /// # let request = b"\x12\x34\0\x1d\x02\x02\0\x08HTTP/1.1\0\0\x01/\0\xff\xff\xff\xff\xff\xff\0\x50\0\0\0\xff";
    /// # let mut input = &request[..];
    /// # drain(&mut server, &mut input, |_, _| {})?;
    /// # let mut room = [0; 64];
    /// let head = server.head(Id::SOLE, 200, [], Length::Unknown, &mut room)?;
    /// let body = server.body(Id::SOLE, &mut &b"so far"[..])?;
    /// let flush = server.flush(Id::SOLE)?;
    /// assert_eq!(flush.slices().concat(), b"AB\0\x04\x03\0\0\0");
    /// # let _ = (head, body);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused::State`] before the head was sent, where a web server may
    /// take it for the head's lack.
    pub fn flush(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.live(id)?;
        match self.writing {
            Writing::Counted | Writing::Uncounted => Ok(reply::flush()),
            Writing::Bodiless => Ok(Frame::EMPTY),
            _ => Err(Refused::State),
        }
    }
}

impl<S: AsRef<[u8]>> crate::machine::Server for Server<S> {
    type Ext<'i> = Ext;

    /// GET_BODY_CHUNK, for as much as a packet can carry at the most.
    fn demand(&mut self, id: Id, max: usize) -> Result<Frame<'static>, Refused> {
        if !self.open(id) {
            return Err(Refused::UnknownId);
        }
        let more = self.reading == Reading::Body && self.body != Body::Counted(0);
        // Two of the bytes of a packet say how many others there are.
        let most = self.limits.payload().saturating_sub(2);
        let n = u16::try_from(max).unwrap_or(u16::MAX).min(most);
        if self.owed || !more || n == 0 || self.link == Link::Broken {
            return Ok(Frame::EMPTY);
        }
        self.owed = true;
        Ok(reply::get_body_chunk(n))
    }

    /// An empty frame: the protocol has none, and web servers fail at them.
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
        self.waits(id)?;
        match status {
            100..=199 => Ok(Frame::EMPTY),
            _ => Err(Refused::Status),
        }
    }

    /// SEND_HEADERS, which must fit one packet: else [`Refused::TooLong`].
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
        self.waits(id)?;
        let most = self.limits.payload();
        let bytes = reply::send_headers(status, fields, length, most, room)?;
        (self.writing, self.left) = match length {
            _ if self.head.is_head() || matches!(status, 204 | 304) => (Writing::Bodiless, 0),
            Length::None => (Writing::Counted, 0),
            Length::Known(n) => (Writing::Counted, n),
            Length::Unknown => (Writing::Uncounted, 0),
        };
        Ok(Frame::of(bytes))
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.live(id)?;
        let most = self.limits.payload();
        let before = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        match self.writing {
            Writing::Uncounted => {}
            Writing::Counted if before <= self.left => {}
            Writing::Counted => return Err(Refused::TooLong),
            Writing::Bodiless => {
                *payload = &[];
                return Ok(Frame::EMPTY);
            }
            _ => return Err(Refused::State),
        }
        let frame = reply::send_body_chunk(payload, most);
        let after = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(before.saturating_sub(after));
        Ok(frame)
    }

    /// END_RESPONSE. The connection lives on where no packet is owed and the
    /// peer has not spoken out of turn.
    fn finish<'b, 'f, I>(
        &mut self,
        id: Id,
        _trailers: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        if self.open(id) && self.reading == Reading::Lost(Error::Eof) {
            // Nobody listens.
            self.writing = Writing::Over;
            self.link = Link::Broken;
            return Ok(Frame::EMPTY);
        }
        self.live(id)?;
        match self.writing {
            Writing::Bodiless | Writing::Uncounted => {}
            Writing::Counted if self.left == 0 => {}
            _ => return Err(Refused::State),
        }
        let reuse = self.link == Link::Open && !self.owed && !self.spoke;
        self.cycle();
        if !reuse {
            self.close();
        }
        Ok(Frame::EMPTY.head(&reply::end_response(reuse)))
    }

    /// Before the head, an answer of the error's status without a body, and
    /// END_RESPONSE without reuse; [`Refused::Room`] where `room` is too small
    /// for it. Behind a head, an empty frame and a close: END_RESPONSE would
    /// make the answer look complete. To a peer that does not speak AJP, or
    /// asks for something else than a request, nothing.
    fn fail<'b>(&mut self, id: Id, error: Error, room: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        if id != Id::SOLE {
            return Err(Refused::UnknownId);
        }
        let silent = match (self.writing, self.reading) {
            (Writing::Idle, Reading::Idle) | (Writing::Over, _) => return Err(Refused::UnknownId),
            (Writing::Counted | Writing::Uncounted | Writing::Bodiless, _)
            | (_, Reading::Lost(Error::Eof)) => true,
            // Only a head that is too long was meant as a request.
            (Writing::Idle, Reading::Lost(lost)) => lost != Error::PacketTooLong,
            _ => self.link == Link::Broken,
        };
        if silent {
            self.writing = Writing::Over;
            self.link = Link::Broken;
            return Ok(Frame::EMPTY);
        }
        let most = self.limits.payload();
        let bytes = reply::send_headers(error.status(), [], Length::None, most, room)?;
        if !matches!(self.reading, Reading::Lost(_)) {
            self.cycle();
        }
        self.close();
        Ok(Frame::of(bytes).tail(&reply::end_response(false)))
    }

    fn close_after(&mut self, id: Id) {
        if self.open(id) {
            self.link.last();
        }
    }

    fn shutdown(&mut self) {
        self.link.shutdown(self.reading == Reading::Idle);
    }

    fn cancel(&mut self) {
        self.link = Link::Broken;
    }

    /// CPONG.
    fn default_reply(&mut self, ext: Ext) -> Frame<'static> {
        match ext {
            Ext::Cping => reply::cpong(),
        }
    }
}
