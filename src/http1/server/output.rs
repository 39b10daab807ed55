//! Writing answers. RFC 9112, 4 to 7.

use super::{Ext, Link, Reading, Server, Writing};
use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length};
use crate::frame::Frame;
use crate::http1::encode::{self, Answer};
use crate::http1::facts::Facts;
use crate::http1::framing::Framing;

impl Server {
    /// Whether the exchange can have more of an answer.
    fn live(&self, id: Id) -> Result<(), Refused> {
        if id != Id::SOLE {
            return Err(Refused::UnknownId);
        }
        match (self.reading, self.writing) {
            (Reading::Idle, Writing::Idle) | (_, Writing::Over) => Err(Refused::UnknownId),
            (Reading::Lost(_), _) => Err(Refused::State),
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

    /// The answer is finished.
    fn end(&mut self) {
        if self.reading == Reading::Done {
            self.cycle();
            return;
        }
        self.writing = Writing::Over;
        let most = u64::from(self.limits.drain_bytes);
        let long = matches!(self.body, Framing::Counted(n) if n > most);
        if self.link == Link::Last || long && self.link == Link::Open {
            self.link = Link::Lingering;
            self.dropped = 0;
        }
    }

    /// HTTP ends with this head: 101, or 2xx to CONNECT.
    fn switch<'b, 'f, I>(
        &mut self,
        status: u16,
        fields: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>>,
    {
        if self.reading != Reading::Done {
            return Err(Refused::State);
        }
        let head = Answer {
            status,
            length: Length::None,
            content_length: None,
            chunked: false,
            connection: if status == 101 { b"Upgrade" } else { b"" },
        };
        let bytes = encode::answer(head, fields, room)?;
        self.writing = Writing::Switched;
        Ok(Frame::of(bytes))
    }
}

impl crate::machine::Server for Server {
    type Ext<'i> = Ext;

    /// 100 Continue, once, where the client waits for it. RFC 9110, 10.1.1.
    fn demand(&mut self, id: Id, _max: usize) -> Result<Frame<'static>, Refused> {
        if id != Id::SOLE || self.writing == Writing::Idle {
            return Err(Refused::UnknownId);
        }
        let asked = self.waits(id).is_ok() && self.reading == Reading::Body;
        if !asked || !self.expects_continue(id) {
            return Ok(Frame::EMPTY);
        }
        self.facts.set(Facts::CONTINUED);
        Ok(Frame::of(&[]).head(b"HTTP/1.1 100 Continue\r\n\r\n"))
    }

    /// Never to HTTP/1.0, and 100 only where it is waited for: an empty frame.
    /// RFC 9110, 15.2.
    fn interim<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        fields: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.waits(id)?;
        if !matches!(status, 100 | 102..=199) {
            return Err(Refused::Status);
        }
        let head = Answer {
            status,
            length: Length::Unknown,
            content_length: None,
            chunked: false,
            connection: b"",
        };
        let bytes = encode::answer(head, fields, room)?;
        if !self.facts.has(Facts::V11) || status == 100 && !self.expects_continue(id) {
            return Ok(Frame::EMPTY);
        }
        if status == 100 {
            self.facts.set(Facts::CONTINUED);
        }
        Ok(Frame::of(bytes))
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
        self.waits(id)?;
        let success = matches!(status, 200..=299);
        match status {
            101 if self.offers_upgrade(id) => return self.switch(status, fields, room),
            200..=599 if self.facts.has(Facts::CONNECT) && success => {
                return self.switch(status, fields, room);
            }
            200..=599 => {}
            _ => return Err(Refused::Status),
        }
        let v11 = self.facts.has(Facts::V11);
        let head_request = self.facts.has(Facts::HEAD);
        let skip = head_request || matches!(status, 204 | 304);
        let (framing, content_length) = match (status, length) {
            (204, _) => (Framing::None, None),
            (304, Length::Known(n)) => (Framing::None, Some(n)),
            (304, _) => (Framing::None, None),
            (_, Length::None) if head_request => (Framing::None, None),
            (_, Length::None) => (Framing::Counted(0), Some(0)),
            (_, Length::Known(n)) => (Framing::Counted(n), Some(n)),
            (_, Length::Unknown) if v11 => (Framing::Chunked, None),
            (_, Length::Unknown) if skip => (Framing::None, None),
            (_, Length::Unknown) => (Framing::Close, None),
        };
        // Whether the client will send a body that it holds back, nobody knows.
        let withheld = self.reading != Reading::Done && self.expects_continue(id);
        let last = self.link != Link::Open || framing == Framing::Close || withheld;
        let head = Answer {
            status,
            length,
            content_length,
            chunked: framing == Framing::Chunked,
            connection: match (last, v11) {
                (true, _) => b"close",
                (false, false) => b"keep-alive",
                (false, true) => b"",
            },
        };
        let bytes = encode::answer(head, fields, room)?;
        if last {
            self.link.last();
        }
        self.writing = Writing::Body { framing, skip };
        Ok(Frame::of(bytes))
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.live(id)?;
        let Writing::Body { framing, skip } = &mut self.writing else {
            return Err(Refused::State);
        };
        let bytes = *payload;
        let frame = match framing {
            _ if *skip || bytes.is_empty() => Frame::EMPTY,
            Framing::None => return Err(Refused::TooLong),
            Framing::Counted(left) => {
                let n = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                *left = left.checked_sub(n).ok_or(Refused::TooLong)?;
                Frame::of(bytes)
            }
            Framing::Chunked => encode::chunk(bytes),
            Framing::Close => Frame::of(bytes),
        };
        *payload = &[];
        Ok(frame)
    }

    /// Trailers are written in chunked answers to those who take them (TE).
    fn finish<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let open = matches!(self.writing, Writing::Waiting | Writing::Body { .. });
        if id == Id::SOLE && open && self.reading == Reading::Lost(Error::Eof) {
            // Nobody listens.
            self.writing = Writing::Over;
            self.link = Link::Broken;
            return Ok(Frame::EMPTY);
        }
        self.live(id)?;
        let Writing::Body { framing, skip } = self.writing else {
            return Err(Refused::State);
        };
        let frame = match framing {
            _ if skip => Frame::EMPTY,
            Framing::Counted(1..) => return Err(Refused::State),
            Framing::Chunked if self.facts.has(Facts::TRAILERS) => {
                encode::last_chunk(trailers, room)?
            }
            Framing::Chunked => encode::end(),
            Framing::None | Framing::Counted(0) | Framing::Close => Frame::EMPTY,
        };
        self.end();
        Ok(frame)
    }

    /// Before the head, an answer of the error's status without a body;
    /// [`Refused::Room`] where `room` is too small for it. Behind a head, an
    /// empty frame and a close: the answer stays visibly incomplete.
    fn fail<'b>(&mut self, id: Id, error: Error, room: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        if id != Id::SOLE {
            return Err(Refused::UnknownId);
        }
        let lost = matches!(self.reading, Reading::Lost(_));
        let refuse = match (self.writing, self.reading) {
            (Writing::Idle, Reading::Idle) | (Writing::Over, _) => return Err(Refused::UnknownId),
            (Writing::Switched, _) => return Err(Refused::State),
            (Writing::Idle | Writing::Waiting, _) => true,
            (Writing::Body { .. }, _) => false,
        };
        if !refuse || self.reading == Reading::Lost(Error::Eof) || self.link == Link::Broken {
            self.writing = Writing::Over;
            self.link = Link::Broken;
            return Ok(Frame::EMPTY);
        }
        let head = Answer {
            status: error.status(),
            length: Length::None,
            content_length: Some(0),
            chunked: false,
            connection: b"close",
        };
        let bytes = encode::answer(head, [], room)?;
        if lost {
            self.writing = Writing::Over;
        } else {
            self.cycle();
        }
        self.link.end();
        Ok(Frame::of(bytes))
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
        self.lose();
    }

    fn default_reply(&mut self, ext: Ext) -> Frame<'static> {
        match ext {}
    }
}
