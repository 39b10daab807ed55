//! A wire like HTTP's: heads of tagged items, a counted, chunked or absent
//! body, trailers before the end of a chunked one, interim answers, a body
//! that waits for leave, one exchange at a time and the next one early.
//!
//! `F` field, `I` status (interim), `E` [status] kind [length] (end of head;
//! kind 0 none, 1 counted, 2 chunked, 3 until the close; 0x80: waits for
//! leave), chunks of two length bytes, an empty one, `F` trailers, `Z`.

use super::wire::{Encoder, FieldReader, take};
use vestibule::{
    After, Client, Ending, Error, Field, Frame, Id, Length, Next, Phase, Receive, Refused, Request,
    Response, Server, Status,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Start,
    Tag,
    Field,
    Interim,
    /// Status and kind, or kind alone.
    Kind,
    Counted,
    Close,
    ChunkLen,
    Chunk,
    TrailerTag,
    Trailer,
    /// The end of the body is owed.
    Owed,
    End,
}

enum Item<'i> {
    Begin,
    Field(Field<'i>),
    Interim(u16),
    HeadEnd(u16, Length, bool),
    Body(&'i [u8]),
    BodyEnd,
}

#[derive(Clone, Copy, Debug)]
struct Reader {
    answer: bool,
    at: At,
    field: FieldReader,
    number: [u8; 11],
    have: usize,
    left: u64,
}

impl Reader {
    fn new(answer: bool) -> Self {
        Reader {
            answer,
            at: if answer { At::Tag } else { At::Start },
            field: FieldReader::default(),
            number: [0; 11],
            have: 0,
            left: 0,
        }
    }

    /// Gathers `n` bytes.
    fn gather(&mut self, input: &mut &[u8], n: usize) -> bool {
        let got = take(input, n - self.have);
        self.number[self.have..self.have + got.len()].copy_from_slice(got);
        self.have += got.len();
        self.have == n
    }

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Item<'i>>, Error> {
        loop {
            match self.at {
                At::Owed => {
                    self.at = At::End;
                    return Ok(Some(Item::BodyEnd));
                }
                At::End => return Ok(None),
                _ if input.is_empty() => return Ok(None),
                At::Start => {
                    self.at = At::Tag;
                    return Ok(Some(Item::Begin));
                }
                At::Tag => {
                    self.have = 0;
                    self.at = match (take(input, 1), self.answer) {
                        (b"F", _) => At::Field,
                        (b"E", _) => At::Kind,
                        (b"I", true) => At::Interim,
                        _ => return Err(Error::BadField),
                    }
                }
                At::Field | At::Trailer => match self.field.step(input) {
                    None => return Ok(None),
                    Some(field) => {
                        if self.field.fresh() {
                            self.at = if self.at == At::Field {
                                At::Tag
                            } else {
                                At::TrailerTag
                            };
                        }
                        return Ok(Some(Item::Field(field)));
                    }
                },
                At::Interim => {
                    if self.gather(input, 2) {
                        self.at = At::Tag;
                        let status = u16::from_be_bytes([self.number[0], self.number[1]]);
                        return Ok(Some(Item::Interim(status)));
                    }
                }
                At::Kind => {
                    let start = if self.answer { 2 } else { 0 };
                    if self.have <= start && !self.gather(input, start + 1) {
                        continue;
                    }
                    let kind = self.number[start];
                    if kind & 0x7f == 1 && !self.gather(input, start + 9) {
                        continue;
                    }
                    let mut length = [0; 8];
                    length.copy_from_slice(&self.number[start + 1..start + 9]);
                    let status = if self.answer {
                        u16::from_be_bytes([self.number[0], self.number[1]])
                    } else {
                        0
                    };
                    self.have = 0;
                    let length = match kind & 0x7f {
                        0 => {
                            self.at = At::End;
                            Length::None
                        }
                        1 => {
                            self.left = u64::from_be_bytes(length);
                            self.at = if self.left == 0 {
                                At::Owed
                            } else {
                                At::Counted
                            };
                            Length::Known(self.left)
                        }
                        2 => {
                            self.at = At::ChunkLen;
                            Length::Unknown
                        }
                        3 if self.answer => {
                            self.at = At::Close;
                            Length::Unknown
                        }
                        _ => return Err(Error::ContentLength),
                    };
                    return Ok(Some(Item::HeadEnd(status, length, kind & 0x80 != 0)));
                }
                At::Close => {
                    return Ok(Some(Item::Body(take(input, usize::MAX))));
                }
                At::Counted | At::Chunk => {
                    let n = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let bytes = take(input, n);
                    self.left -= bytes.len() as u64;
                    if self.left == 0 {
                        self.at = if self.at == At::Counted {
                            At::Owed
                        } else {
                            At::ChunkLen
                        };
                    }
                    return Ok(Some(Item::Body(bytes)));
                }
                At::ChunkLen => {
                    if self.gather(input, 2) {
                        self.have = 0;
                        self.left = u16::from_be_bytes([self.number[0], self.number[1]]).into();
                        self.at = if self.left == 0 {
                            At::TrailerTag
                        } else {
                            At::Chunk
                        };
                    }
                }
                At::TrailerTag => match take(input, 1) {
                    b"F" => self.at = At::Trailer,
                    b"Z" => {
                        self.at = At::End;
                        return Ok(Some(Item::BodyEnd));
                    }
                    _ => return Err(Error::BadField),
                },
            }
        }
    }
}

/// Sending side of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sending {
    /// No head yet.
    Nothing,
    None,
    Counted(u64),
    Chunked,
    Over,
}

fn sending(length: Length) -> Sending {
    match length {
        Length::None => Sending::None,
        Length::Known(n) => Sending::Counted(n),
        Length::Unknown => Sending::Chunked,
    }
}

fn kind(length: Length, wait: bool) -> ([u8; 9], usize) {
    let mut out = [0; 9];
    let n = match length {
        Length::None => 1,
        Length::Known(n) => {
            out[0] = 1;
            out[1..].copy_from_slice(&n.to_be_bytes());
            9
        }
        Length::Unknown => {
            out[0] = 2;
            1
        }
    };
    out[0] |= u8::from(wait) << 7;
    (out, n)
}

impl Sending {
    fn body<'b>(&mut self, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        match self {
            Sending::Nothing | Sending::Over => Err(Refused::State),
            Sending::None if payload.is_empty() => Ok(Frame::EMPTY),
            Sending::None => Err(Refused::TooLong),
            Sending::Counted(left) => {
                if payload.len() as u64 > *left {
                    return Err(Refused::TooLong);
                }
                let bytes = take(payload, 0xffff);
                *left -= bytes.len() as u64;
                Ok(Frame::new(b"", bytes, b"").unwrap())
            }
            Sending::Chunked => {
                let bytes = take(payload, 0xffff);
                match u16::try_from(bytes.len()) {
                    Ok(n) if n > 0 => Ok(Frame::new(&n.to_be_bytes(), bytes, b"").unwrap()),
                    _ => Ok(Frame::EMPTY),
                }
            }
        }
    }

    fn finish<'b, 'f>(
        &mut self,
        trailers: impl IntoIterator<Item = Field<'f>>,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused> {
        let frame = match self {
            Sending::Nothing | Sending::Over => return Err(Refused::State),
            Sending::Counted(1..) => return Err(Refused::State),
            Sending::None | Sending::Counted(0) => Frame::EMPTY,
            Sending::Chunked => {
                let mut to = Encoder::new(room);
                to.bytes(&[0, 0]);
                to.fields(b"F", trailers)?;
                to.bytes(b"Z");
                Frame::new(b"", to.done()?, b"").unwrap()
            }
        };
        *self = Sending::Over;
        Ok(frame)
    }
}

/// The application's side.
#[derive(Clone, Copy, Debug)]
pub struct HttpServer {
    reader: Reader,
    open: bool,
    head_ended: bool,
    aborted: bool,
    /// `true`: the peer waits for leave to send its body.
    waits: bool,
    sending: Sending,
    error: Option<Error>,
    lost: bool,
    closing: bool,
}

impl HttpServer {
    pub fn new() -> Self {
        HttpServer {
            reader: Reader::new(false),
            open: false,
            head_ended: false,
            aborted: false,
            waits: false,
            sending: Sending::Nothing,
            error: None,
            lost: false,
            closing: false,
        }
    }

    fn check(&self, id: Id) -> Result<(), Refused> {
        match (id == Id::SOLE && self.open, self.head_ended) {
            (false, _) => Err(Refused::UnknownId),
            (true, false) => Err(Refused::State),
            (true, true) => Ok(()),
        }
    }

    fn over(&mut self) {
        self.open = false;
        if self.reader.at != At::End || self.aborted {
            self.closing = true;
        }
        self.head_ended = false;
        self.aborted = false;
        self.sending = Sending::Nothing;
        self.reader = Reader::new(false);
    }

    /// The one last event of the open exchange, then the error for ever.
    fn lose<'i>(&mut self, error: Error) -> Result<Next<Request<'i, ()>>, Error> {
        self.error = Some(error);
        if self.open && self.head_ended && !self.aborted {
            self.aborted = true;
            let id = Id::SOLE;
            return Ok(Next::Event(if self.lost || error == Error::Eof {
                Request::Abort { id }
            } else {
                Request::Fault { id, error }
            }));
        }
        Err(error)
    }
}

impl Receive for HttpServer {
    type Event<'i> = Request<'i, ()>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Request<'i, ()>>, Error> {
        if let Some(e) = self.error {
            return Err(e);
        }
        if self.lost {
            return self.lose(Error::Eof);
        }
        if self.closing {
            *input = &[];
            return Ok(Next::NeedInput);
        }
        let id = Id::SOLE;
        Ok(match self.reader.next(input) {
            Err(e) => return self.lose(e),
            Ok(None) if self.reader.at == At::End => match input.is_empty() {
                true => Next::NeedInput,
                false => Next::Paused,
            },
            Ok(None) => Next::NeedInput,
            Ok(Some(item)) => Next::Event(match item {
                Item::Begin => {
                    self.open = true;
                    Request::Begin { id }
                }
                Item::Field(field) => Request::Field { id, field },
                Item::HeadEnd(_, length, waits) => {
                    self.head_ended = true;
                    self.waits = waits;
                    Request::HeadEnd { id, length }
                }
                Item::Body(bytes) => {
                    self.waits = false;
                    Request::Body { id, bytes }
                }
                Item::BodyEnd => Request::BodyEnd { id },
                Item::Interim(_) => return self.lose(Error::BadField),
            }),
        })
    }

    fn eof<'i>(&mut self) -> Result<Next<Request<'i, ()>>, Error> {
        if let Some(e) = self.error {
            return Err(e);
        }
        match self.reader.at {
            At::Owed => self.next(&mut &[][..]),
            At::Start | At::End => Ok(Next::NeedInput),
            _ if self.closing => Ok(Next::NeedInput),
            _ => self.lose(Error::Eof),
        }
    }
}

impl Status for HttpServer {
    fn phase(&self) -> Phase {
        match self.reader.at {
            _ if self.closing => Phase::Closing,
            At::Start => Phase::Idle,
            At::Tag | At::Field | At::Kind | At::Interim => Phase::Head,
            At::End | At::Owed => Phase::Response,
            _ => Phase::Body,
        }
    }

    fn after(&self) -> After {
        if (self.closing || self.error.is_some()) && !self.open {
            After::Close
        } else {
            After::Keep
        }
    }
}

impl Server for HttpServer {
    type Ext<'i> = ();

    fn demand(&mut self, id: Id, _: usize) -> Result<Frame<'static>, Refused> {
        self.check(id)?;
        if !std::mem::take(&mut self.waits) {
            return Ok(Frame::EMPTY);
        }
        Ok(Frame::new(b"I\x00\x64", b"", b"").unwrap())
    }

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
        self.check(id)?;
        if self.sending != Sending::Nothing {
            return Err(Refused::State);
        }
        if !(100..200).contains(&status) {
            return Err(Refused::Status);
        }
        let mut to = Encoder::new(room);
        to.fields(b"F", fields)?;
        to.bytes(b"I");
        to.bytes(&status.to_be_bytes());
        Ok(Frame::new(b"", to.done()?, b"").unwrap())
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
        self.check(id)?;
        if self.sending != Sending::Nothing || self.aborted {
            return Err(Refused::State);
        }
        if !(200..600).contains(&status) {
            return Err(Refused::Status);
        }
        let mut to = Encoder::new(room);
        to.fields(b"F", fields)?;
        to.bytes(b"E");
        to.bytes(&status.to_be_bytes());
        let (bytes, n) = kind(length, false);
        to.bytes(&bytes[..n]);
        let bytes = to.done()?;
        self.sending = sending(length);
        Ok(Frame::new(b"", bytes, b"").unwrap())
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.check(id)?;
        self.sending.body(payload)
    }

    fn finish<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.check(id)?;
        if self.aborted {
            self.over();
            return Ok(Frame::EMPTY);
        }
        let frame = self.sending.finish(trailers, room)?;
        self.over();
        Ok(frame)
    }

    fn fail<'b>(&mut self, id: Id, error: Error, _: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        // A head that broke the framing is answered too.
        if id != Id::SOLE || !(self.open || self.error.is_some()) {
            return Err(Refused::UnknownId);
        }
        let gone = self.lost || self.error == Some(Error::Eof);
        let frame = if gone || self.sending != Sending::Nothing {
            Frame::EMPTY
        } else {
            let status = error.status().to_be_bytes();
            Frame::new(&[b'E', status[0], status[1], 0], b"", b"").unwrap()
        };
        self.over();
        self.closing = true;
        Ok(frame)
    }

    fn close_after(&mut self, _: Id) {}

    fn shutdown(&mut self) {}

    fn cancel(&mut self) {
        self.lost = true;
    }

    fn default_reply(&mut self, (): ()) -> Frame<'static> {
        Frame::EMPTY
    }
}

/// The web server's side.
#[derive(Clone, Copy, Debug)]
pub struct HttpClient {
    reader: Reader,
    open: bool,
    answered: bool,
    /// The body waits for leave.
    waits: bool,
    aborted: bool,
    sending: Sending,
    closed: bool,
    error: Option<Error>,
    lost: bool,
    done_owed: bool,
}

impl HttpClient {
    pub fn new() -> Self {
        HttpClient {
            reader: Reader::new(true),
            open: false,
            answered: false,
            waits: false,
            aborted: false,
            sending: Sending::Nothing,
            closed: false,
            error: None,
            lost: false,
            done_owed: false,
        }
    }

    fn check(&self, id: Id) -> Result<(), Refused> {
        if id == Id::SOLE && self.open {
            Ok(())
        } else {
            Err(Refused::UnknownId)
        }
    }

    fn done<'i>(&mut self, ending: Ending) -> Next<Response<'i, ()>> {
        let whole = matches!(ending, Ending::Complete { .. });
        let reuse = whole && self.sending == Sending::Over && self.reader.at != At::Close;
        *self = HttpClient {
            closed: !reuse,
            error: self.error,
            lost: self.lost,
            ..HttpClient::new()
        };
        Next::Event(Response::Done {
            id: Id::SOLE,
            reuse,
            retry_safe: false,
            ending,
        })
    }

    fn complete<'i>(&mut self) -> Next<Response<'i, ()>> {
        self.done(if self.aborted {
            Ending::Aborted
        } else {
            Ending::Complete {
                app_status: 0,
                output_ended: true,
            }
        })
    }

    fn lose<'i>(&mut self, error: Error) -> Result<Next<Response<'i, ()>>, Error> {
        self.error = Some(error);
        if !self.open {
            return Err(error);
        }
        Ok(self.done(if self.aborted {
            Ending::Aborted
        } else if !self.answered {
            Ending::Failed(error)
        } else if error == Error::Eof {
            Ending::Truncated
        } else {
            Ending::Failed(error)
        }))
    }
}

impl Receive for HttpClient {
    type Event<'i> = Response<'i, ()>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Response<'i, ()>>, Error> {
        if let Some(e) = self.error {
            return Err(e);
        }
        if self.lost {
            return self.lose(Error::Eof);
        }
        if std::mem::take(&mut self.done_owed) {
            return Ok(self.complete());
        }
        if !self.open {
            // Nothing was asked.
            if !input.is_empty() {
                return self.lose(Error::UnknownId(1));
            }
            return Ok(Next::NeedInput);
        }
        let id = Id::SOLE;
        Ok(match self.reader.next(input) {
            Err(e) => return self.lose(e),
            Ok(None) => Next::NeedInput,
            Ok(Some(item)) => Next::Event(match item {
                Item::Field(field) => Response::Field { id, field },
                Item::Interim(100) if self.waits => {
                    self.waits = false;
                    Response::Demand {
                        id,
                        max: usize::MAX,
                    }
                }
                Item::Interim(status) => Response::Interim { id, status },
                Item::HeadEnd(status, length, _) => {
                    self.answered = true;
                    self.done_owed = length == Length::None;
                    Response::HeadEnd { id, status, length }
                }
                Item::Body(bytes) => Response::Body { id, bytes },
                Item::BodyEnd => {
                    self.done_owed = true;
                    Response::BodyEnd { id }
                }
                Item::Begin => return self.lose(Error::BadField),
            }),
        })
    }

    fn eof<'i>(&mut self) -> Result<Next<Response<'i, ()>>, Error> {
        if self.error.is_some() || self.done_owed || self.reader.at == At::Owed {
            return self.next(&mut &[][..]);
        }
        if self.open && self.reader.at == At::Close {
            self.done_owed = true;
            return Ok(Next::Event(Response::BodyEnd { id: Id::SOLE }));
        }
        self.closed = true;
        if !self.open {
            return Ok(Next::NeedInput);
        }
        self.lose(Error::Eof)
    }
}

impl Status for HttpClient {
    fn phase(&self) -> Phase {
        match self.open {
            true => Phase::Response,
            false => Phase::Idle,
        }
    }

    fn after(&self) -> After {
        match self.closed {
            true => After::Close,
            false => After::Keep,
        }
    }
}

impl Client for HttpClient {
    type Ext<'i> = ();

    fn free(&self) -> usize {
        usize::from(!self.open && !self.closed && self.error.is_none() && !self.lost)
    }

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
        let waits = length != Length::None
            && fields
                .clone()
                .into_iter()
                .any(|f| f.name == b"HTTP_EXPECT" && f.value == b"100-continue");
        let mut to = Encoder::new(room);
        to.fields(b"F", fields)?;
        to.bytes(b"E");
        let (bytes, n) = kind(length, waits);
        to.bytes(&bytes[..n]);
        let bytes = to.done()?;
        *self = HttpClient::new();
        self.open = true;
        self.waits = waits;
        self.sending = match length {
            Length::None => Sending::Over,
            other => sending(other),
        };
        Ok((Id::SOLE, Frame::new(b"", bytes, b"").unwrap()))
    }

    fn credit(&self, id: Id) -> usize {
        match (self.check(id), self.waits, self.sending) {
            (Err(_), ..) | (_, true, _) | (.., Sending::Over) => 0,
            _ => usize::MAX,
        }
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.check(id)?;
        if self.aborted {
            return Err(Refused::State);
        }
        if let Sending::Counted(left) = self.sending
            && payload.len() as u64 > left
        {
            return Err(Refused::TooLong);
        }
        if self.waits {
            return Ok(Frame::EMPTY);
        }
        self.sending.body(payload)
    }

    fn body_end<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.check(id)?;
        if self.aborted {
            return Err(Refused::State);
        }
        match self.sending {
            Sending::Over => Ok(Frame::EMPTY),
            Sending::Nothing | Sending::None => Err(Refused::State),
            _ if self.waits => Err(Refused::State),
            _ => self.sending.finish(trailers, room),
        }
    }

    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.check(id)?;
        // This wire has no such message: the connection has to go.
        self.aborted = true;
        self.closed = true;
        Ok(Frame::EMPTY)
    }

    fn cancel(&mut self) {
        self.lost = true;
    }
}
