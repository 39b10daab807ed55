//! The head of a request that lies whole in the input: the hot path, an event
//! a step. Where anything is unusual nothing changes, so that the cold path
//! says what is wrong with it.

use super::super::digits;
use super::super::limits::Limits;
use super::super::rules::Rules;
use super::{Head, Part};
use crate::ajp::codes;
use crate::ajp::packet::{self, Packet};
use crate::event::{Field, Space};
use crate::text::token;

impl Head {
    /// The hot path.
    #[inline(always)]
    pub(in super::super) fn whole<'i, S>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        limits: &Limits,
        rules: &Rules<S>,
    ) -> Option<Field<'i>> {
        if packet.is_cut() {
            return None;
        }
        if self.part == Part::IsSsl {
            self.whole_count(packet, input, limits);
        }
        if self.part == Part::Headers {
            let field = self.headers.whole(packet, input, codes::request_header)?;
            self.facts.whole(&field);
            if self.headers.left == 0 {
                self.part = Part::Code;
            }
            return Some(field);
        }
        if !self.text.at_border() || self.open {
            return None;
        }
        match self.part {
            Part::Code => match *input {
                [codes::REQ_ATTRIBUTE, rest @ ..] => self.whole_named(packet, input, rest, rules),
                _ => self.whole_attribute(packet, input),
            },
            _ => self.whole_text(packet, input),
        }
    }

    /// No TLS, and the number of fields.
    #[inline(always)]
    fn whole_count(&mut self, packet: &mut Packet, input: &mut &[u8], limits: &Limits) {
        if let [0, a, b, rest @ ..] = *input
            && let Some(left) = packet.left.checked_sub(3)
            && self
                .count(u16::from_be_bytes([*a, *b]), left, limits)
                .is_ok()
        {
            packet.left = left;
            *input = rest;
        }
    }

    /// Takes all of the input ahead of `rest`, unless the packet ends before.
    #[inline(always)]
    fn took<'i>(packet: &mut Packet, input: &mut &'i [u8], rest: &'i [u8]) -> Option<()> {
        let taken = u16::try_from(input.len().saturating_sub(rest.len())).ok()?;
        packet.left = packet.left.checked_sub(taken)?;
        *input = rest;
        Some(())
    }

    /// The method, the port, a positional string.
    #[inline(always)]
    fn whole_text<'i>(&mut self, packet: &mut Packet, input: &mut &'i [u8]) -> Option<Field<'i>> {
        let (name, uri, next, rest): (&'static [u8], _, _, _) = match self.part {
            Part::Method => {
                let (code, rest) = input.split_first()?;
                codes::method(*code)?;
                Self::took(packet, input, rest)?;
                self.part = Part::Protocol;
                return self.method(*code).ok()?;
            }
            Part::Protocol => {
                // As all send it.
                let (text, rest) = input.split_first_chunk::<11>()?;
                if text != b"\0\x08HTTP/1.1\0" {
                    return None;
                }
                Self::took(packet, input, rest)?;
                self.part = Part::Uri;
                return Some(Field::var(b"SERVER_PROTOCOL", b"HTTP/1.1"));
            }
            Part::Uri => (b"DOCUMENT_URI", true, Part::RemoteAddr, *input),
            Part::RemoteAddr => (b"REMOTE_ADDR", false, Part::RemoteHost, *input),
            Part::RemoteHost => match *input {
                // As most send it.
                [0xff, 0xff, rest @ ..] => (b"SERVER_NAME", false, Part::Port, rest),
                _ => (b"REMOTE_HOST", false, Part::ServerName, *input),
            },
            Part::ServerName => (b"SERVER_NAME", false, Part::Port, *input),
            Part::Port => {
                let (port, rest) = input.split_first_chunk()?;
                let text = digits::usual(u16::from_be_bytes(*port))?;
                Self::took(packet, input, rest)?;
                self.part = Part::IsSsl;
                return Some(Field::var(b"SERVER_PORT", text));
            }
            _ => return None,
        };
        let (Some(value @ [first, ..]), rest) = packet::whole(rest)? else {
            return None;
        };
        let good = match uri {
            true => {
                *first == b'/' && token::target_len(value) == value.len() && !value.contains(&b'?')
            }
            false => token::is_text(value),
        };
        if !good {
            return None;
        }
        Self::took(packet, input, rest)?;
        self.part = next;
        Some(Field::var(name, value))
    }

    /// An attribute with a code of its own.
    #[inline(always)]
    fn whole_attribute<'i>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
    ) -> Option<Field<'i>> {
        let (code, rest) = input.split_first()?;
        let name: &'static [u8] = match code {
            3 => b"REMOTE_USER",
            4 => b"AUTH_TYPE",
            5 => b"QUERY_STRING",
            8 => b"SSL_CIPHER",
            9 => b"SSL_SESSION_ID",
            _ => return None,
        };
        let bit = 1u16.wrapping_shl(u32::from(*code));
        if self.seen & bit != 0 {
            return None;
        }
        let (Some(value @ [_, ..]), rest) = packet::whole(rest)? else {
            return None;
        };
        let left = self.attributes_left.checked_sub(1)?;
        if !token::is_text(value) {
            return None;
        }
        Self::took(packet, input, rest)?;
        self.attributes_left = left;
        self.seen |= bit;
        Some(Field::var(name, value))
    }

    /// An attribute with a name, behind its code.
    #[inline(always)]
    fn whole_named<'i, S>(
        &mut self,
        packet: &mut Packet,
        input: &mut &'i [u8],
        rest: &'i [u8],
        rules: &Rules<S>,
    ) -> Option<Field<'i>> {
        let (Some(name @ [_, ..]), rest) = packet::whole(rest)? else {
            return None;
        };
        let (Some(value), rest) = packet::whole(rest)? else {
            return None;
        };
        let known = match rules.takes_any_attribute() {
            true => token::is_text(name),
            false => rules.names().contains(&name),
        };
        let left = self.attributes_left.checked_sub(1)?;
        if !known || !token::is_text(value) {
            return None;
        }
        Self::took(packet, input, rest)?;
        self.attributes_left = left;
        let mut field = Field::var(name, value);
        field.space = Space::Attribute;
        Some(field)
    }
}
