//! A packet's header, and the variables behind it.

use super::Ext;
use crate::error::Error;
use crate::limits::Limits;
use crate::oneshot::{self, Part};
use crate::uwsgi::packet::{HEADER, Header, modifier, refusal};
use crate::uwsgi::rules::Rules;
use crate::uwsgi::vars::Decoder;

/// Names that the uWSGI server itself obeys begin so.
const RESERVED: &[u8; 6] = b"UWSGI_";

/// Reads a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    vars: Decoder,
    /// Fields that may still begin.
    fields_left: u32,
    rules: Rules,
    name_bytes: u16,
    header: [u8; HEADER],
    /// Bytes of the header that have come.
    have: u8,
    /// Bytes of the name at hand so far, where it begins as a reserved one.
    matched: Option<u8>,
    /// A reserved name came.
    reserved: bool,
    /// A ping came that was not answered.
    pub pinged: bool,
}

impl Head {
    pub const fn new(name_bytes: u16) -> Self {
        Head {
            vars: Decoder::new(0),
            fields_left: 0,
            rules: Rules::STRICT,
            name_bytes,
            header: [0; HEADER],
            have: 0,
            matched: None,
            reserved: false,
            pinged: false,
        }
    }

    pub const fn rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// The header of a request, once it has come.
    pub const fn request(&self) -> Option<Header> {
        let header = Header::decode(self.header);
        if self.have == 4 && self.rules.takes(header.modifier1) {
            Some(header)
        } else {
            None
        }
    }
}

impl oneshot::Head for Head {
    type Ext = Ext;

    const EXCESS: Ext = Ext::Excess;

    #[inline]
    fn begins(&self, byte: u8) -> bool {
        self.rules.takes(byte)
    }

    #[inline(always)]
    fn whole<'i>(
        &mut self,
        input: &mut &'i [u8],
        _limits: &Limits,
    ) -> Option<(&'i [u8], &'i [u8])> {
        // None before the header has come: the block is of no bytes then.
        let left = self.fields_left.checked_sub(1)?;
        let (name, value) = self.vars.whole(input, self.name_bytes)?;
        self.fields_left = left;
        if let [b'U', ..] = name {
            self.reserved |= name.starts_with(RESERVED);
        }
        Some((name, value))
    }

    fn step<'i>(&mut self, input: &mut &'i [u8], limits: &Limits) -> Result<Part<'i, Ext>, Error> {
        while usize::from(self.have) < HEADER {
            let [byte, rest @ ..] = *input else {
                return Ok(Part::Empty);
            };
            if self.have == 0 && !self.known(*byte) {
                return Err(refusal(*byte));
            }
            if let Some(place) = self.header.get_mut(usize::from(self.have)) {
                *place = *byte;
            }
            self.have = self.have.saturating_add(1);
            *input = rest;
            if usize::from(self.have) == HEADER {
                return Ok(match self.header(limits)? {
                    Some(ext) => Part::Ext(ext),
                    None => Part::Begun,
                });
            }
        }
        if self.vars.ended() {
            return if self.reserved && !self.rules.takes_server_variables() {
                Err(Error::ServerVariable)
            } else {
                Ok(Part::End)
            };
        }
        let border = self.vars.at_border();
        if border && self.fields_left == 0 {
            return Err(Error::TooManyFields);
        }
        let field = self.vars.piece(input, self.name_bytes)?;
        if border && (field.is_some() || !self.vars.at_border()) {
            self.fields_left = self.fields_left.saturating_sub(1);
            self.matched = Some(0);
        }
        let Some(field) = field else {
            return Ok(Part::Empty);
        };
        for byte in field.name {
            self.matched = match self.matched {
                Some(n) if RESERVED.get(usize::from(n)) == Some(byte) => Some(n.saturating_add(1)),
                _ => None,
            };
            self.reserved |= self.matched == Some(6);
        }
        Ok(Part::Field(field))
    }
}

impl Head {
    /// Whether a packet of this type is a request that is taken, or something
    /// else that has an event.
    fn known(&self, modifier1: u8) -> bool {
        self.rules.takes(modifier1) || matches!(modifier1, modifier::PING | modifier::CLOSE)
    }

    /// The header is complete: what it says, if it is no request.
    fn header(&mut self, limits: &Limits) -> Result<Option<Ext>, Error> {
        let header = Header::decode(self.header);
        match (header.modifier1, header.modifier2) {
            (modifier::PING, 0) => {
                self.pinged = true;
                return Ok(Some(Ext::Ping));
            }
            // An answer, where nothing was asked.
            (modifier::PING, _) => return Err(refusal(modifier::PING)),
            (modifier::CLOSE, _) => return Ok(Some(Ext::CloseMark)),
            _ => {}
        }
        if u32::from(header.size) > limits.head_bytes {
            return Err(Error::HeadTooLong);
        }
        self.vars = Decoder::new(header.size);
        self.fields_left = limits.fields;
        Ok(None)
    }
}
