//! The head of a request, as it streams in. AJPv13, "Request Packet Structure".
//!
//! What lies whole in the input and is as it should be, [`Head::whole`] takes:
//! it changes nothing where anything is unusual. All else goes through
//! [`Head::step`], the only source of errors.

mod strings;
mod whole;

use super::digits;
use super::facts::Facts;
use super::limits::Limits;
use super::rules::{Compare, Listed, Rules};
use crate::ajp::codes;
use crate::ajp::headers::Headers;
use crate::ajp::packet::{Packet, Text};
use crate::error::Error;
use crate::event::{Field, Length};

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Method,
    Protocol,
    Uri,
    RemoteAddr,
    RemoteHost,
    ServerName,
    Port,
    IsSsl,
    Count,
    Headers,
    /// The code of an attribute.
    Code,
    /// The value of an attribute that has a code of its own.
    Value,
    /// Name and value of any other.
    Name,
    Named,
    KeySize,
    /// Nothing of the wire: pieces of a port, and of a key size.
    PortDigits,
    KeySizeDigits,
}

/// Of the method.
const HEAD: u8 = 1;
const OPTIONS: u8 = 2;
/// It is still to come.
const STORED: u8 = 4;
/// The secret came, and was right each time.
const KNOWN: u8 = 8;
/// The secret was wrong.
const STRANGER: u8 = 16;
/// The path is `*`.
const STAR: u8 = 32;

/// What [`Head::step`] came to.
pub(super) enum Item<'i> {
    Field(Field<'i>),
    End(Length),
    /// The input is used up.
    Empty,
}

/// The state of the decoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    part: Part,
    /// The attribute at hand.
    code: u8,
    flags: u8,
    /// A piece of this string was given.
    open: bool,
    text: Text,
    headers: Headers,
    /// Attributes that came, by code.
    seen: u16,
    attributes_left: u16,
    /// A number of which pieces are owed, and how many.
    number: u16,
    pieces: u8,
    /// Bytes of the string so far, saturating.
    at: u8,
    secret: Compare,
    listed: Listed,
    facts: Facts,
}

impl Head {
    pub const NEW: Head = Head {
        part: Part::Method,
        code: 0,
        flags: 0,
        open: false,
        text: Text::NEW,
        headers: Headers::new(0),
        seen: 0,
        attributes_left: 0,
        number: 0,
        pieces: 0,
        at: 0,
        secret: Compare::NEW,
        listed: Listed::NEW,
        facts: Facts::NONE,
    };

    /// Whether the method is HEAD. True once the head is complete.
    pub fn is_head(&self) -> bool {
        self.flags & HEAD != 0
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Any step.
    #[inline(never)]
    pub fn step<'i>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        limits: &Limits,
        rules: Rules<&[u8]>,
    ) -> Result<Item<'i>, Error> {
        loop {
            let field = match self.part {
                Part::Method => {
                    let Some(code) = packet.byte(input)? else {
                        return Ok(Item::Empty);
                    };
                    self.part = Part::Protocol;
                    self.method(code)?
                }
                Part::Port => {
                    let Some(port) = packet.number(input)? else {
                        return Ok(Item::Empty);
                    };
                    self.owe(port, Part::PortDigits);
                    None
                }
                Part::PortDigits => Some(self.digits(b"SERVER_PORT", Part::IsSsl)),
                Part::KeySizeDigits => Some(self.digits(b"SSL_CIPHER_USEKEYSIZE", Part::Code)),
                Part::IsSsl => {
                    let Some(is_ssl) = packet.byte(input)? else {
                        return Ok(Item::Empty);
                    };
                    self.part = Part::Count;
                    (is_ssl != 0).then_some(Field::var(b"HTTPS", b"on"))
                }
                Part::Count => {
                    let Some(count) = packet.number(input)? else {
                        return Ok(Item::Empty);
                    };
                    self.count(count, packet.left, limits)?;
                    None
                }
                Part::Headers => {
                    let field = self.headers.step(packet, input, codes::request_header)?;
                    let Some(field) = field else {
                        return Ok(Item::Empty);
                    };
                    self.facts.piece(&field);
                    if self.headers.left == 0 {
                        self.part = Part::Code;
                    }
                    Some(field)
                }
                Part::Code => match packet.byte(input)? {
                    None => return Ok(Item::Empty),
                    Some(codes::ARE_DONE) => return self.end(packet, limits, rules).map(Item::End),
                    Some(code) => {
                        self.attribute(code, rules)?;
                        None
                    }
                },
                Part::KeySize => {
                    let Some(size) = packet.number(input)? else {
                        return Ok(Item::Empty);
                    };
                    self.owe(size, Part::KeySizeDigits);
                    None
                }
                Part::Protocol
                | Part::Uri
                | Part::RemoteAddr
                | Part::RemoteHost
                | Part::ServerName
                | Part::Value
                | Part::Name
                | Part::Named => match self.string(packet, input, rules)? {
                    Some(Item::Field(field)) => Some(field),
                    Some(other) => return Ok(other),
                    None => None,
                },
            };
            if let Some(field) = field {
                return Ok(Item::Field(field));
            }
        }
    }

    #[inline]
    fn method(&mut self, code: u8) -> Result<Option<Field<'static>>, Error> {
        match codes::method(code) {
            Some(name) => {
                self.flags |= match name {
                    b"HEAD" => HEAD,
                    b"OPTIONS" => OPTIONS,
                    _ => 0,
                };
                Ok(Some(Field::var(b"REQUEST_METHOD", name)))
            }
            None if code == codes::STORED_METHOD => {
                self.flags |= STORED;
                Ok(None)
            }
            None => Err(Error::MethodCode(code)),
        }
    }

    fn owe(&mut self, number: u16, part: Part) {
        self.number = number;
        self.pieces = digits::count(number);
        self.part = part;
    }

    /// A piece of a number.
    fn digits(&mut self, name: &'static [u8], next: Part) -> Field<'static> {
        let first = self.pieces == digits::count(self.number);
        self.pieces = self.pieces.saturating_sub(1);
        let value = digits::piece(self.number, self.pieces);
        if self.pieces == 0 {
            self.part = next;
        }
        match (first, self.pieces == 0) {
            (true, true) => Field::var(name, value),
            (true, false) => Field::var(name, value).first(),
            (false, false) => Field::var(b"", value).middle(),
            (false, true) => Field::var(b"", value).last(),
        }
    }

    #[inline]
    fn count(&mut self, count: u16, left: u16, limits: &Limits) -> Result<(), Error> {
        if u32::from(count) > limits.common.fields {
            return Err(Error::TooManyFields);
        }
        // Each takes four bytes at the least.
        if count > left / 4 {
            return Err(Error::BadPacket);
        }
        self.headers = Headers::new(count);
        self.attributes_left = limits.attributes;
        self.part = if count == 0 {
            Part::Code
        } else {
            Part::Headers
        };
        Ok(())
    }

    fn attribute(&mut self, code: u8, rules: Rules<&[u8]>) -> Result<(), Error> {
        if codes::attribute(code).is_none() {
            return Err(Error::AttributeCode(code));
        }
        self.attributes_left = match self.attributes_left.checked_sub(1) {
            Some(left) => left,
            None => return Err(Error::TooManyAttributes),
        };
        let bit = 1u16.wrapping_shl(u32::from(code));
        let again = self.seen & bit != 0;
        let repeats = code == codes::REQ_ATTRIBUTE || (code == SECRET && rules.wants_secret());
        if again && !repeats {
            return Err(Error::DuplicateAttribute(code));
        }
        self.seen |= bit;
        self.code = code;
        match code {
            STORED_METHOD if !self.has(STORED) => return Err(Error::MethodCode(code)),
            codes::REQ_ATTRIBUTE => self.part = Part::Name,
            KEY_SIZE => self.part = Part::KeySize,
            _ => self.part = Part::Value,
        }
        self.secret = Compare::NEW;
        self.listed = Listed::NEW;
        Ok(())
    }

    /// The verdict on the head.
    #[inline(never)]
    fn end(
        &mut self,
        packet: &Packet,
        limits: &Limits,
        rules: Rules<&[u8]>,
    ) -> Result<Length, Error> {
        if packet.left != 0 {
            return Err(Error::BadPacket);
        }
        // Ahead of all that a stranger could find out.
        if rules.wants_secret() && self.flags & (KNOWN | STRANGER) != KNOWN {
            return Err(Error::Secret);
        }
        if self.has(STORED) {
            return Err(Error::MethodCode(codes::STORED_METHOD));
        }
        self.facts.length(limits.common.body_bytes)
    }
}

const KEY_SIZE: u8 = 11;
const SECRET: u8 = 12;
const STORED_METHOD: u8 = 13;
