//! The strings of a head, but those of its header fields.

use super::{
    HEAD, Head, Item, KNOWN, OPTIONS, Part, SECRET, STAR, STORED, STORED_METHOD, STRANGER,
};
use crate::ajp::codes;
use crate::ajp::packet::{Packet, Piece};
use crate::ajp::server::rules::Rules;
use crate::error::Error;
use crate::event::{Cut, Field, Space};
use crate::text::token;

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

impl Head {
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
    pub(super) fn string<'i>(
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
}

fn is_protocol(byte: u8) -> bool {
    token::is_token(byte) || byte == b'/'
}
