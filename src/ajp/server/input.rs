//! Reading requests. AJPv13, "Request Packet Structure" and "Body".

use super::head::{Head, Item};
use super::{Body, Event, Ext, Inside, Link, Reading, Server, Writing};
use crate::ajp::codes::kind;
use crate::ajp::packet::Way;
use crate::error::Error;
use crate::event::{Id, Length, Next, Request};
use crate::machine::Receive;

type Step<'i> = Result<Next<Event<'i>>, Error>;

const ID: Id = Id::SOLE;

impl<S: AsRef<[u8]>> Receive for Server<S> {
    type Event<'i> = Event<'i>;

    #[inline]
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.reading == Reading::Head
            && self.link != Link::Broken
            && let Some(field) =
                (self.head).whole(&mut self.packet, input, &self.limits, &self.rules)
        {
            return Ok(Next::Event(Request::Field { id: ID, field }));
        }
        self.step(input)
    }

    fn eof<'i>(&mut self) -> Step<'i> {
        if self.link == Link::Broken {
            return self.gone(Next::NeedInput);
        }
        match self.reading {
            _ if self.link == Link::Lingering => {
                // Who lingers waited for this.
                self.link = Link::Broken;
                self.gone(Next::NeedInput)
            }
            Reading::Idle if self.packet.at_border() && self.inside == Inside::Header => {
                self.link = Link::Broken;
                Ok(Next::NeedInput)
            }
            Reading::Idle | Reading::Skip(_) => {
                self.link.half_close();
                self.lose_framing(Error::Eof)
            }
            Reading::Head => match self.head_step(&mut &[][..]) {
                Ok(Next::NeedInput) => {
                    self.link.half_close();
                    self.lose_framing(Error::Eof)
                }
                owed => owed,
            },
            Reading::Body => match self.body_step(&mut &[][..]) {
                Ok(Next::NeedInput) => {
                    self.link.half_close();
                    self.reading = Reading::Lost(Error::Eof);
                    Ok(Next::Event(Request::Abort { id: ID }))
                }
                owed => owed,
            },
            Reading::Done | Reading::Spoilt => {
                self.link.half_close();
                Ok(Next::NeedInput)
            }
            Reading::Lost(error) => Err(error),
        }
    }
}

impl<S: AsRef<[u8]>> Server<S> {
    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        match (self.link, self.reading) {
            (Link::Broken, _) => self.gone(Next::Paused),
            (_, Reading::Lost(error)) => Err(error),
            (Link::Lingering, _) | (_, Reading::Spoilt) => {
                let n = u32::try_from(input.len()).unwrap_or(u32::MAX);
                *input = &[];
                self.dropped = self.dropped.saturating_add(n);
                Ok(Next::NeedInput)
            }
            (_, Reading::Idle) => self.idle(input),
            (_, Reading::Head) => self.head_step(input),
            (_, Reading::Skip(error)) => self.skip(error, input),
            (_, Reading::Body) => self.body_step(input),
            (_, Reading::Done) => Ok(self.wait(input)),
        }
    }

    /// Nothing is read behind a connection that is over: what is open gets its
    /// last event.
    #[cold]
    fn gone<'i>(&mut self, quiet: Next<Event<'i>>) -> Step<'i> {
        match self.reading {
            Reading::Lost(error) => Err(error),
            Reading::Head | Reading::Skip(_) => self.lose_framing(Error::Eof),
            Reading::Body | Reading::Done if self.open(ID) => {
                self.reading = Reading::Lost(Error::Eof);
                Ok(Next::Event(Request::Abort { id: ID }))
            }
            _ => Ok(quiet),
        }
    }

    #[cold]
    fn lose_framing<'i>(&mut self, error: Error) -> Step<'i> {
        self.reading = Reading::Lost(error);
        Err(error)
    }

    /// The framing of an open request is lost.
    #[cold]
    #[inline(never)]
    fn spoil<'i>(&mut self, error: Error) -> Step<'i> {
        self.reading = Reading::Lost(error);
        Ok(Next::Event(Request::Fault { id: ID, error }))
    }

    /// The peer waits for us. What it says before that is kept, but it is out
    /// of step.
    fn wait<'i>(&mut self, input: &[u8]) -> Next<Event<'i>> {
        if input.is_empty() {
            return Next::NeedInput;
        }
        self.spoke = true;
        Next::Paused
    }

    /// Between requests.
    fn idle<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.inside == Inside::Header {
            if input.is_empty() {
                return Ok(Next::NeedInput);
            }
            let most = self.limits.payload();
            match self.packet.header(input, Way::ToContainer, most) {
                Ok(Some(0)) => return self.lose_framing(Error::BadPacket),
                Ok(Some(_)) => self.inside = Inside::Start,
                Ok(None) => return Ok(Next::NeedInput),
                Err(error) => return self.lose_framing(error),
            }
        }
        match self.packet.byte(input) {
            Ok(Some(kind::FORWARD_REQUEST)) => {
                self.inside = Inside::Header;
                self.head = Head::NEW;
                let long = u32::from(self.packet.left) >= self.limits.common.head_bytes;
                self.reading = if long {
                    Reading::Skip(Error::HeadTooLong)
                } else {
                    Reading::Head
                };
                Ok(Next::Event(Request::Begin { id: ID }))
            }
            Ok(Some(kind::CPING)) if self.packet.left == 0 => {
                self.inside = Inside::Header;
                Ok(Next::Event(Request::Ext(Ext::Cping)))
            }
            Ok(Some(kind::CPING)) => self.lose_framing(Error::BadPacket),
            // SHUTDOWN too: who is believed to ask for it?
            Ok(Some(kind)) => self.lose_framing(Error::PacketType(kind)),
            Ok(None) => Ok(Next::NeedInput),
            Err(error) => self.lose_framing(error),
        }
    }

    fn head_step<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        let (limits, rules) = (&self.limits, self.rules.lent());
        match self.head.step(&mut self.packet, input, limits, rules) {
            Ok(Item::Field(field)) => Ok(Next::Event(Request::Field { id: ID, field })),
            Ok(Item::End(length)) => Ok(self.head_end(length)),
            Ok(Item::Empty) => Ok(Next::NeedInput),
            // Where the packet ends is known, so that it can be answered.
            Err(error) => {
                self.reading = Reading::Skip(error);
                self.skip(error, input)
            }
        }
    }

    /// The rest of a head that is spoilt.
    #[cold]
    fn skip<'i>(&mut self, error: Error, input: &mut &'i [u8]) -> Step<'i> {
        let _ = self.packet.take(input, u16::MAX);
        if self.packet.left > 0 {
            return Ok(Next::NeedInput);
        }
        self.reading = Reading::Spoilt;
        self.writing = Writing::Waiting;
        Ok(Next::Event(Request::Fault { id: ID, error }))
    }

    fn head_end<'i>(&mut self, length: Length) -> Next<Event<'i>> {
        self.reading = Reading::Body;
        self.writing = Writing::Waiting;
        self.inside = Inside::Header;
        // What is counted comes unasked.
        self.owed = matches!(length, Length::Known(1..));
        self.body = match length {
            Length::None => Body::Counted(0),
            Length::Known(n) => Body::Counted(n),
            Length::Unknown => Body::Unknown(self.limits.common.body_bytes),
        };
        Next::Event(Request::HeadEnd { id: ID, length })
    }

    fn body_step<'i>(&mut self, input: &mut &'i [u8]) -> Step<'i> {
        if self.body == Body::Counted(0) {
            return Ok(self.body_end());
        }
        if !self.owed {
            return Ok(self.wait(input));
        }
        if self.inside == Inside::Header {
            let most = self.limits.payload();
            match self.packet.header(input, Way::ToContainer, most) {
                Ok(Some(0)) => return self.empty_packet(),
                Ok(Some(_)) => self.inside = Inside::Start,
                Ok(None) => return Ok(Next::NeedInput),
                // It is no head that is too long.
                Err(Error::PacketTooLong) => return self.spoil(Error::BadPacket),
                Err(error) => return self.spoil(error),
            }
        }
        if self.inside == Inside::Start {
            match self.packet.number(input) {
                Ok(Some(n)) if n != self.packet.left => return self.spoil(Error::BadPacket),
                Ok(Some(0)) => return self.empty_packet(),
                Ok(Some(n)) => {
                    let error = match self.body {
                        Body::Counted(left) if u64::from(n) > left => Some(Error::BodyExcess),
                        Body::Unknown(left) if u64::from(n) > left => Some(Error::BodyTooLong),
                        _ => None,
                    };
                    if let Some(error) = error {
                        return self.spoil(error);
                    }
                    self.inside = Inside::Data;
                }
                Ok(None) => return Ok(Next::NeedInput),
                Err(error) => return self.spoil(error),
            }
        }
        let bytes = self.packet.take(input, u16::MAX);
        if bytes.is_empty() {
            return Ok(Next::NeedInput);
        }
        let n = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        match &mut self.body {
            Body::Counted(left) | Body::Unknown(left) => *left = left.saturating_sub(n),
        }
        if self.packet.left == 0 {
            self.inside = Inside::Header;
            self.owed = false;
        }
        Ok(Next::Event(Request::Body { id: ID, bytes }))
    }

    /// The end of a body, of which there are two forms.
    fn empty_packet<'i>(&mut self) -> Step<'i> {
        self.owed = false;
        match self.body {
            Body::Unknown(_) => Ok(self.body_end()),
            Body::Counted(_) => self.spoil(Error::BodyShort),
        }
    }

    fn body_end<'i>(&mut self) -> Next<Event<'i>> {
        self.reading = Reading::Done;
        self.inside = Inside::Header;
        Next::Event(Request::BodyEnd { id: ID })
    }
}
