//! A wire like AJP's: packets (type, two length bytes, content), a body that
//! the application asks for piece by piece, the first piece unasked.
//!
//! To the application: 2 head (kind, length of 8 bytes, fields), 5 data (empty:
//! the end). To the web server: 4 head (status, kind, length, fields), 3 body,
//! 5 end (1: reuse), 6 get (how many bytes).

use super::wire::{Encoder, FieldReader, take};
use vestibule::{
    After, Client, Ending, Error, Field, Frame, Id, Length, Next, Phase, Receive, Refused, Request,
    Response, Server, Status,
};

/// Most bytes of content that a data packet has.
const MOST: usize = 8186;

/// The application's own event: the piece asked for is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkEnd;

#[derive(Clone, Copy, Debug, Default)]
struct Packets {
    head: [u8; 3],
    have: usize,
    left: usize,
}

impl Packets {
    /// The type, once the packet's head is there.
    fn kind(&mut self, input: &mut &[u8]) -> Option<u8> {
        if self.have < 3 {
            let got = take(input, 3 - self.have);
            self.head[self.have..self.have + got.len()].copy_from_slice(got);
            self.have += got.len();
            if self.have < 3 {
                return None;
            }
            self.left = u16::from_be_bytes([self.head[1], self.head[2]]).into();
        }
        Some(self.head[0])
    }

    /// Some of its content.
    fn take<'i>(&mut self, input: &mut &'i [u8], most: usize) -> &'i [u8] {
        let got = take(input, most.min(self.left));
        self.left -= got.len();
        got
    }

    fn field<'i>(
        &mut self,
        r: &mut FieldReader,
        input: &mut &'i [u8],
    ) -> Result<Option<Field<'i>>, Error> {
        let (mut inside, _) = input.split_at(self.left.min(input.len()));
        let before = inside.len();
        let field = r.step(&mut inside);
        let n = before - inside.len();
        *input = &input[n..];
        self.left -= n;
        match (self.left == 0, r.fresh(), field) {
            (true, false, _) => Err(Error::BadPair),
            (.., field) => Ok(field),
        }
    }
}

fn length(bytes: &[u8]) -> Result<Length, Error> {
    let (kind, n) = bytes.split_first().ok_or(Error::RecordLength(0))?;
    match kind {
        0 => Ok(Length::None),
        1 => Ok(Length::Known(u64::from_be_bytes(
            n.try_into().map_err(|_| Error::RecordLength(0))?,
        ))),
        2 => Ok(Length::Unknown),
        _ => Err(Error::ContentLength),
    }
}

/// A packet with a head: `first`, how the body is framed, fields.
fn head<'b, 'f>(
    kind: u8,
    first: &[u8],
    length: Length,
    fields: impl IntoIterator<Item = Field<'f>>,
    room: &'b mut [u8],
) -> Result<&'b [u8], Refused> {
    let mut to = Encoder::new(&mut *room);
    to.bytes(&[kind, 0, 0]);
    to.bytes(first);
    let (kind, n) = match length {
        Length::None => (0, 0),
        Length::Known(n) => (1, n),
        Length::Unknown => (2, 0),
    };
    to.bytes(&[kind]);
    to.bytes(&n.to_be_bytes());
    to.fields(b"", fields)?;
    let n = to.done()?.len();
    let content = u16::try_from(n - 3).map_err(|_| Refused::TooLong)?;
    room[1..3].copy_from_slice(&content.to_be_bytes());
    Ok(&room[..n])
}

fn data<'b>(kind: u8, payload: &mut &'b [u8], most: usize) -> Frame<'b> {
    let bytes = take(payload, most.min(MOST));
    if bytes.is_empty() {
        return Frame::EMPTY;
    }
    let n = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    Frame::new(&[kind, n[0], n[1]], bytes, b"").unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Idle,
    /// The fixed part of a head.
    Fixed,
    Fields,
    /// Between packets, and in one.
    Body,
    /// The end of a piece, or of the body, is owed.
    ChunkOwed,
    EndOwed,
    Over,
}

/// The application's side.
#[derive(Clone, Copy, Debug)]
pub struct AjpServer {
    packet: Packets,
    field: FieldReader,
    fixed: [u8; 9],
    have: usize,
    at: At,
    length: Length,
    /// Bytes of the body still to come, where known.
    left: u64,
    /// A piece is on its way.
    asked: bool,
    open: bool,
    head_ended: bool,
    head_sent: bool,
    answer: Option<u64>,
    over: bool,
    error: Option<Error>,
    lost: bool,
    closing: bool,
}

impl AjpServer {
    pub fn new() -> Self {
        AjpServer {
            packet: Packets::default(),
            field: FieldReader::default(),
            fixed: [0; 9],
            have: 0,
            at: At::Idle,
            length: Length::None,
            left: 0,
            asked: false,
            open: false,
            head_ended: false,
            head_sent: false,
            answer: None,
            over: false,
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

    fn end(&mut self) -> bool {
        let reuse = self.at == At::Over && !self.over;
        *self = AjpServer {
            closing: !reuse,
            error: self.error,
            lost: self.lost,
            ..AjpServer::new()
        };
        reuse
    }

    fn lose<'i>(&mut self, error: Error) -> Result<Next<Request<'i, ChunkEnd>>, Error> {
        self.error = Some(error);
        if self.open && self.head_ended && !self.over {
            self.over = true;
            let id = Id::SOLE;
            return Ok(Next::Event(match error {
                Error::Eof => Request::Abort { id },
                error => Request::Fault { id, error },
            }));
        }
        Err(error)
    }

    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Request<'i, ChunkEnd>>, Error> {
        let id = Id::SOLE;
        loop {
            match self.at {
                At::ChunkOwed => {
                    self.at = At::Body;
                    return Ok(Next::Event(Request::Ext(ChunkEnd)));
                }
                At::EndOwed => {
                    self.at = At::Over;
                    return Ok(Next::Event(Request::BodyEnd { id }));
                }
                At::Over if input.is_empty() => return Ok(Next::NeedInput),
                // The next request waits for the answer to this one.
                At::Over => return Ok(Next::Paused),
                _ => {}
            }
            let fields_over = self.at == At::Fields && self.packet.left == 0;
            if input.is_empty() && !fields_over {
                return Ok(Next::NeedInput);
            }
            match self.at {
                At::Idle => {
                    let Some(kind) = self.packet.kind(input) else {
                        return Ok(Next::NeedInput);
                    };
                    if kind != 2 {
                        return Err(Error::OutOfOrder(kind));
                    }
                    if self.packet.left < 9 {
                        return Err(Error::RecordLength(kind));
                    }
                    self.open = true;
                    self.have = 0;
                    self.at = At::Fixed;
                    return Ok(Next::Event(Request::Begin { id }));
                }
                At::Fixed => {
                    let got = self.packet.take(input, 9 - self.have);
                    self.fixed[self.have..self.have + got.len()].copy_from_slice(got);
                    self.have += got.len();
                    if self.have == 9 {
                        self.length = length(&self.fixed)?;
                        self.at = At::Fields;
                    }
                }
                At::Fields if self.packet.left == 0 => {
                    self.packet = Packets::default();
                    self.head_ended = true;
                    self.asked = true;
                    match self.length {
                        Length::Known(n) => {
                            self.left = n;
                            self.at = if n == 0 { At::EndOwed } else { At::Body };
                        }
                        Length::None => self.at = At::Over,
                        Length::Unknown => self.at = At::Body,
                    }
                    if self.at != At::Body {
                        self.asked = false;
                    }
                    let length = self.length;
                    return Ok(Next::Event(Request::HeadEnd { id, length }));
                }
                At::Fields => match self.packet.field(&mut self.field, input)? {
                    Some(field) => return Ok(Next::Event(Request::Field { id, field })),
                    None => return Ok(Next::NeedInput),
                },
                At::Body => {
                    let fresh = self.packet.have < 3;
                    let Some(kind) = self.packet.kind(input) else {
                        return Ok(Next::NeedInput);
                    };
                    if kind != 5 || !self.asked {
                        return Err(Error::OutOfOrder(kind));
                    }
                    if fresh && self.packet.left == 0 {
                        self.packet = Packets::default();
                        self.asked = false;
                        if self.length != Length::Unknown {
                            return Err(Error::BodyShort);
                        }
                        self.at = At::Over;
                        return Ok(Next::Event(Request::BodyEnd { id }));
                    }
                    if input.is_empty() {
                        return Ok(Next::NeedInput);
                    }
                    let bytes = self.packet.take(input, usize::MAX);
                    if let Length::Known(_) = self.length {
                        self.left = self
                            .left
                            .checked_sub(bytes.len() as u64)
                            .ok_or(Error::BodyExcess)?;
                    }
                    if self.packet.left == 0 {
                        self.packet = Packets::default();
                        self.asked = false;
                        self.at = match self.length {
                            Length::Known(_) if self.left == 0 => At::EndOwed,
                            _ => At::ChunkOwed,
                        };
                    }
                    return Ok(Next::Event(Request::Body { id, bytes }));
                }
                At::ChunkOwed | At::EndOwed | At::Over => {}
            }
        }
    }
}

impl Receive for AjpServer {
    type Event<'i> = Request<'i, ChunkEnd>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Request<'i, ChunkEnd>>, Error> {
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
        self.step(input).or_else(|e| self.lose(e))
    }

    fn eof<'i>(&mut self) -> Result<Next<Request<'i, ChunkEnd>>, Error> {
        if let Some(e) = self.error {
            return Err(e);
        }
        match self.at {
            At::ChunkOwed | At::EndOwed => self.next(&mut &[][..]),
            At::Over | At::Idle if self.packet.have == 0 => Ok(Next::NeedInput),
            _ if self.closing => Ok(Next::NeedInput),
            _ => self.lose(Error::Eof),
        }
    }
}

impl Status for AjpServer {
    fn phase(&self) -> Phase {
        match self.at {
            _ if self.closing => Phase::Closing,
            At::Idle => Phase::Idle,
            At::Fixed | At::Fields => Phase::Head,
            At::Over | At::EndOwed => Phase::Response,
            At::Body | At::ChunkOwed => Phase::Body,
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

impl Server for AjpServer {
    type Ext<'i> = ChunkEnd;

    fn demand(&mut self, id: Id, max: usize) -> Result<Frame<'static>, Refused> {
        self.check(id)?;
        let more = matches!(self.at, At::Body | At::ChunkOwed);
        if self.asked || !more || max == 0 || self.over {
            return Ok(Frame::EMPTY);
        }
        self.asked = true;
        let n = u16::try_from(max.min(MOST)).unwrap().to_be_bytes();
        Ok(Frame::new(&[6, 0, 2, n[0], n[1]], b"", b"").unwrap())
    }

    fn interim<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        _: I,
        _: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.check(id)?;
        if self.head_sent {
            return Err(Refused::State);
        }
        if !(100..200).contains(&status) {
            return Err(Refused::Status);
        }
        Ok(Frame::EMPTY)
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
        if self.head_sent || self.over {
            return Err(Refused::State);
        }
        if !(200..600).contains(&status) {
            return Err(Refused::Status);
        }
        let bytes = head(4, &status.to_be_bytes(), length, fields, room)?;
        self.head_sent = true;
        self.answer = match length {
            Length::None => Some(0),
            Length::Known(n) => Some(n),
            Length::Unknown => None,
        };
        Ok(Frame::new(b"", bytes, b"").unwrap())
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.check(id)?;
        if !self.head_sent || self.over {
            return Err(Refused::State);
        }
        let before = payload.len();
        if self.answer.is_some_and(|left| before as u64 > left) {
            return Err(Refused::TooLong);
        }
        let frame = data(3, payload, MOST);
        if let Some(left) = &mut self.answer {
            *left -= (before - payload.len()) as u64;
        }
        Ok(frame)
    }

    fn finish<'b, 'f, I>(&mut self, id: Id, _: I, _: &'b mut [u8]) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.check(id)?;
        if self.over {
            self.end();
            return Ok(Frame::EMPTY);
        }
        if !self.head_sent || self.answer.is_some_and(|left| left > 0) {
            return Err(Refused::State);
        }
        let reuse = self.end();
        Ok(Frame::new(&[5, 0, 1, u8::from(reuse)], b"", b"").unwrap())
    }

    fn fail<'b>(&mut self, id: Id, error: Error, room: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        if id != Id::SOLE || !self.open {
            return Err(Refused::UnknownId);
        }
        let gone = self.lost || self.error == Some(Error::Eof);
        if gone || self.head_sent {
            // The end of a response would make the answer look complete.
            self.end();
            self.closing = true;
            return Ok(Frame::EMPTY);
        }
        let n = head(
            4,
            &error.status().to_be_bytes(),
            Length::None,
            [],
            &mut *room,
        )?
        .len();
        let to = room
            .get_mut(n..n + 4)
            .ok_or(Refused::Room { need: n + 4 })?;
        to.copy_from_slice(&[5, 0, 1, 0]);
        self.end();
        self.closing = true;
        Ok(Frame::new(b"", &room[..n + 4], b"").unwrap())
    }

    fn close_after(&mut self, _: Id) {}

    fn shutdown(&mut self) {}

    fn cancel(&mut self) {
        self.lost = true;
    }

    fn default_reply(&mut self, ChunkEnd: ChunkEnd) -> Frame<'static> {
        Frame::EMPTY
    }
}

/// The web server's side.
#[derive(Clone, Copy, Debug)]
pub struct AjpClient {
    packet: Packets,
    field: FieldReader,
    fixed: [u8; 11],
    have: usize,
    /// In a head's fields.
    fields: bool,
    open: bool,
    answered: bool,
    /// Bytes of the answer still to come, where known.
    answer: Option<u64>,
    /// The end of the body, then the end of all, are owed.
    end_owed: Option<bool>,
    done_owed: Option<bool>,
    aborted: bool,
    /// Bytes of the request's body still to be sent, where known.
    left: Option<u64>,
    credit: usize,
    body_over: bool,
    closed: bool,
    error: Option<Error>,
    lost: bool,
}

impl AjpClient {
    pub fn new() -> Self {
        AjpClient {
            packet: Packets::default(),
            field: FieldReader::default(),
            fixed: [0; 11],
            have: 0,
            fields: false,
            open: false,
            answered: false,
            answer: None,
            end_owed: None,
            done_owed: None,
            aborted: false,
            left: None,
            credit: 0,
            body_over: false,
            closed: false,
            error: None,
            lost: false,
        }
    }

    fn check(&self, id: Id) -> Result<(), Refused> {
        if id == Id::SOLE && self.open {
            Ok(())
        } else {
            Err(Refused::UnknownId)
        }
    }

    fn done<'i>(&mut self, ending: Ending, reuse: bool) -> Next<Response<'i, ()>> {
        *self = AjpClient {
            closed: !reuse,
            error: self.error,
            lost: self.lost,
            ..AjpClient::new()
        };
        Next::Event(Response::Done {
            id: Id::SOLE,
            reuse,
            retry_safe: false,
            ending,
        })
    }

    fn lose<'i>(&mut self, error: Error) -> Result<Next<Response<'i, ()>>, Error> {
        self.error = Some(error);
        if !self.open {
            return Err(error);
        }
        let ending = match (self.aborted, self.answered, error) {
            (true, ..) => Ending::Aborted,
            (_, true, Error::Eof) => Ending::Truncated,
            _ => Ending::Failed(error),
        };
        Ok(self.done(ending, false))
    }

    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Response<'i, ()>>, Error> {
        let id = Id::SOLE;
        loop {
            if let Some(reuse) = self.end_owed.take() {
                self.done_owed = Some(reuse);
                return Ok(Next::Event(Response::BodyEnd { id }));
            }
            if let Some(reuse) = self.done_owed.take() {
                let reuse = reuse && self.body_over && !self.aborted;
                let ending = match self.aborted {
                    true => Ending::Aborted,
                    false => Ending::Complete {
                        app_status: 0,
                        output_ended: true,
                    },
                };
                return Ok(self.done(ending, reuse));
            }
            if self.fields && self.packet.left == 0 {
                self.packet = Packets::default();
                self.fields = false;
                self.answered = true;
                let length = length(&self.fixed[2..])?;
                self.answer = match length {
                    Length::None => Some(0),
                    Length::Known(n) => Some(n),
                    Length::Unknown => None,
                };
                let status = u16::from_be_bytes([self.fixed[0], self.fixed[1]]);
                return Ok(Next::Event(Response::HeadEnd { id, status, length }));
            }
            if input.is_empty() {
                return Ok(Next::NeedInput);
            }
            if !self.open {
                return Err(Error::UnknownId(1));
            }
            let fresh = self.packet.have < 3;
            let Some(kind) = self.packet.kind(input) else {
                return Ok(Next::NeedInput);
            };
            let least = match (kind, self.answered) {
                (4, false) => 11,
                (3, true) => 1,
                (5, true) => 1,
                (6, _) => 2,
                _ => return Err(Error::OutOfOrder(kind)),
            };
            if fresh {
                self.have = 0;
                if self.packet.left < least {
                    return Err(Error::RecordLength(kind));
                }
            }
            if input.is_empty() {
                return Ok(Next::NeedInput);
            }
            if kind == 3 {
                let bytes = self.packet.take(input, usize::MAX);
                if let Some(left) = &mut self.answer {
                    *left = left
                        .checked_sub(bytes.len() as u64)
                        .ok_or(Error::BodyExcess)?;
                }
                if self.packet.left == 0 {
                    self.packet = Packets::default();
                }
                return Ok(Next::Event(Response::Body { id, bytes }));
            }
            if self.have < least {
                let got = self.packet.take(input, least - self.have);
                self.fixed[self.have..self.have + got.len()].copy_from_slice(got);
                self.have += got.len();
                if self.have < least {
                    return Ok(Next::NeedInput);
                }
                self.fields = kind == 4;
                if self.fields {
                    continue;
                }
            }
            match kind {
                4 => match self.packet.field(&mut self.field, input)? {
                    Some(field) => return Ok(Next::Event(Response::Field { id, field })),
                    None => return Ok(Next::NeedInput),
                },
                5 => {
                    self.packet = Packets::default();
                    let reuse = self.fixed[0] == 1;
                    if self.answer.is_some_and(|left| left > 0) {
                        return Ok(self.done(Ending::Truncated, false));
                    }
                    self.end_owed = Some(reuse);
                }
                _ => {
                    self.packet = Packets::default();
                    let n = u16::from_be_bytes([self.fixed[0], self.fixed[1]]);
                    self.credit = n.into();
                    return Ok(Next::Event(Response::Demand { id, max: n.into() }));
                }
            }
        }
    }
}

impl Receive for AjpClient {
    type Event<'i> = Response<'i, ()>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Response<'i, ()>>, Error> {
        if let Some(e) = self.error {
            return Err(e);
        }
        if self.lost {
            return self.lose(Error::Eof);
        }
        self.step(input).or_else(|e| self.lose(e))
    }

    fn eof<'i>(&mut self) -> Result<Next<Response<'i, ()>>, Error> {
        let owed = self.error.is_some()
            || self.end_owed.is_some()
            || self.done_owed.is_some()
            || (self.fields && self.packet.left == 0);
        if owed {
            return self.next(&mut &[][..]);
        }
        self.closed = true;
        if !self.open {
            return Ok(Next::NeedInput);
        }
        self.lose(Error::Eof)
    }
}

impl Status for AjpClient {
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

impl Client for AjpClient {
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
        let bytes = head(2, b"", length, fields, room)?;
        *self = AjpClient::new();
        self.open = true;
        self.left = match length {
            Length::None => Some(0),
            Length::Known(n) => Some(n),
            Length::Unknown => None,
        };
        self.body_over = length == Length::None;
        // The first piece goes unasked.
        self.credit = if self.left == Some(0) { 0 } else { MOST };
        Ok((Id::SOLE, Frame::new(b"", bytes, b"").unwrap()))
    }

    fn credit(&self, id: Id) -> usize {
        match self.check(id) {
            Ok(()) if !self.body_over => self.credit,
            _ => 0,
        }
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.check(id)?;
        if self.body_over || self.aborted {
            return Err(Refused::State);
        }
        let before = payload.len();
        if self.left.is_some_and(|left| before as u64 > left) {
            return Err(Refused::TooLong);
        }
        let frame = data(5, payload, self.credit);
        if before > payload.len() {
            self.credit = 0;
            if let Some(left) = &mut self.left {
                *left -= (before - payload.len()) as u64;
            }
        }
        Ok(frame)
    }

    fn body_end<'b, 'f, I>(&mut self, id: Id, _: I, _: &'b mut [u8]) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.check(id)?;
        if self.aborted || self.left.is_some_and(|left| left > 0) {
            return Err(Refused::State);
        }
        self.body_over = true;
        // Said only when asked: where nothing was, the next demand brings us
        // here again.
        if std::mem::take(&mut self.credit) > 0 {
            return Ok(Frame::new(&[5, 0, 0], b"", b"").unwrap());
        }
        Ok(Frame::EMPTY)
    }

    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.check(id)?;
        self.aborted = true;
        self.closed = true;
        Ok(Frame::EMPTY)
    }

    fn cancel(&mut self) {
        self.lost = true;
    }
}
