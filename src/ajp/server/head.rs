//! The head of a request, as it streams in. AJPv13, "Request Packet Structure".
//!
//! What lies whole in the input and is as it should be, [`Head::whole`] takes:
//! it changes nothing where anything is unusual. All else goes through
//! [`Head::step`], the only source of errors.

mod whole;

use super::digits;
use super::facts::Facts;
use super::limits::Limits;
use super::rules::{Compare, Listed, Rules};
use crate::ajp::codes;
use crate::ajp::headers::Headers;
use crate::ajp::packet::{Packet, Piece, Text};
use crate::error::Error;
use crate::event::{Cut, Field, Length, Space};
use crate::text::token;

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

/// What may stand in a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// No control byte.
    Text,
    /// No NUL: certificates come in lines.
    Lines,
    /// A token, and slashes. RFC 3875, 4.1.16.
    Protocol,
    /// A token.
    Method,
    /// A path.
    Uri,
    /// An allowed name.
    Listed,
    Secret,
    /// Nobody wants it.
    Dropped,
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

    /// What the string at hand is.
    fn what(&self, rules: Rules<&[u8]>) -> (Space, &'static [u8], Class) {
        let (name, class): (&'static [u8], _) = match self.part {
            Part::Protocol => (b"SERVER_PROTOCOL", Class::Protocol),
            Part::Uri => (b"DOCUMENT_URI", Class::Uri),
            Part::RemoteAddr => (b"REMOTE_ADDR", Class::Text),
            Part::RemoteHost => (b"REMOTE_HOST", Class::Text),
            Part::ServerName => (b"SERVER_NAME", Class::Text),
            Part::Name => return (Space::Attribute, b"", Class::Listed),
            Part::Named => return (Space::Attribute, b"", Class::Text),
            _ => match self.code {
                3 => (b"REMOTE_USER", Class::Text),
                4 => (b"AUTH_TYPE", Class::Text),
                5 => (b"QUERY_STRING", Class::Text),
                6 => return (Space::Attribute, b"route", Class::Text),
                7 => (b"SSL_CLIENT_CERT", Class::Lines),
                8 => (b"SSL_CIPHER", Class::Text),
                9 => (b"SSL_SESSION_ID", Class::Text),
                SECRET if rules.wants_secret() => (b"", Class::Secret),
                SECRET => return (Space::Attribute, b"secret", Class::Text),
                STORED_METHOD => (b"REQUEST_METHOD", Class::Method),
                _ => (b"", Class::Dropped),
            },
        };
        (Space::Var, name, class)
    }

    /// A step of a string. `None`: it was taken, and nothing is to be said.
    #[cold]
    #[inline(never)]
    fn string<'i>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        rules: Rules<&[u8]>,
    ) -> Result<Option<Item<'i>>, Error> {
        let (space, name, class) = self.what(rules);
        let (bytes, last) = match self.text.step(packet, input, false)? {
            Piece::Empty => return Ok(Some(Item::Empty)),
            Piece::Part { bytes, last } => (bytes, last),
            // As good as an empty one.
            Piece::Null | Piece::Code(_) => (&[][..], true),
        };
        self.check(bytes, class, rules)?;
        let part = self.part;
        if last {
            self.checked(class, rules)?;
            self.at = 0;
            self.part = match part {
                Part::Protocol => Part::Uri,
                Part::Uri => Part::RemoteAddr,
                Part::RemoteAddr => Part::RemoteHost,
                Part::RemoteHost => Part::ServerName,
                Part::ServerName => Part::Port,
                Part::Name => Part::Named,
                _ => Part::Code,
            };
        }
        let (first, mut field) = (!self.open, Field::var(name, bytes));
        field.space = space;
        match part {
            Part::Name => {
                self.open = true;
                if bytes.is_empty() {
                    return Ok(None);
                }
                field.name = bytes;
                field.value = &[];
                let field = if first { field.first() } else { field.middle() };
                return Ok(Some(Item::Field(field)));
            }
            Part::Named => {}
            // An empty variable is as good as none. RFC 3875, 4.1.
            _ if first && last && bytes.is_empty() => return Ok(None),
            _ if matches!(class, Class::Secret | Class::Dropped) => return Ok(None),
            _ => {}
        }
        self.open = !last;
        if !first {
            field.name = &[];
        }
        field.cut = match (first, last) {
            (true, true) => Cut::Whole,
            (true, false) => Cut::First,
            (false, false) => Cut::Middle,
            (false, true) => Cut::Last,
        };
        Ok(Some(Item::Field(field)))
    }

    /// Looks at bytes of a string.
    fn check(&mut self, bytes: &[u8], class: Class, rules: Rules<&[u8]>) -> Result<(), Error> {
        let good = match class {
            Class::Text => token::is_text(bytes),
            Class::Lines => !bytes.contains(&0),
            Class::Protocol => bytes.iter().all(|b| is_protocol(*b)),
            Class::Dropped => true,
            Class::Secret => {
                self.secret.bytes(bytes, rules.the_secret());
                true
            }
            Class::Listed if rules.takes_any_attribute() => token::is_text(bytes),
            Class::Listed => {
                let mut names = bytes.iter();
                if !names.all(|b| self.listed.byte(*b, rules.names())) {
                    return Err(Error::Attribute);
                }
                true
            }
            Class::Method | Class::Uri => {
                for byte in bytes {
                    self.byte(*byte, class)?;
                    self.at = self.at.saturating_add(1);
                }
                return Ok(());
            }
        };
        // Of a string only whether it is empty counts.
        self.at |= u8::from(!bytes.is_empty());
        if good { Ok(()) } else { Err(Error::BadValue) }
    }

    /// Looks at a byte of a method or a path.
    fn byte(&mut self, byte: u8, class: Class) -> Result<(), Error> {
        if class == Class::Method {
            if self.at == 0 {
                self.flags |= HEAD;
            }
            if b"HEAD".get(usize::from(self.at)) != Some(&byte) {
                self.flags &= !HEAD;
            }
            return if token::is_token(byte) {
                Ok(())
            } else {
                Err(Error::BadValue)
            };
        }
        let good = match (byte, self.at) {
            (b'*', 0) if self.has(OPTIONS) => {
                self.flags |= STAR;
                true
            }
            (_, 0) => byte == b'/',
            _ => token::is_target(byte) && byte != b'?' && !self.has(STAR),
        };
        if good { Ok(()) } else { Err(Error::Target) }
    }

    /// Looks at a string that is complete.
    fn checked(&mut self, class: Class, rules: Rules<&[u8]>) -> Result<(), Error> {
        match class {
            Class::Protocol if self.at == 0 => return Err(Error::BadValue),
            Class::Uri if self.at == 0 => return Err(Error::Target),
            Class::Method if self.at == 0 => return Err(Error::MethodCode(codes::STORED_METHOD)),
            Class::Method => {
                if self.at != 4 {
                    self.flags &= !HEAD;
                }
                self.flags &= !STORED;
            }
            Class::Listed if rules.takes_any_attribute() && self.at != 0 => {}
            Class::Listed if !self.listed.end(rules.names()) => return Err(Error::Attribute),
            Class::Secret => {
                let same = self.secret.end(rules.the_secret());
                self.flags |= if same { KNOWN } else { STRANGER };
            }
            _ => {}
        }
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

fn is_protocol(byte: u8) -> bool {
    token::is_token(byte) || byte == b'/'
}
