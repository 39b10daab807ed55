//! The short ways: what is whole in the input, and usual. Nothing is changed
//! where it is not.

use super::{At, Bounds, DATA, END, HEADERS, May, Reader, fit, packet_bytes};
use crate::ajp::codes::{self, kind};
use crate::ajp::headers::Headers;
use crate::ajp::packet::Way;
use crate::cgi::known;
use crate::error::Error;
use crate::event::Field;
use crate::text::decimal::decimal;
use crate::text::token;

impl Reader {
    /// The front of a SEND_BODY_CHUNK, and what there is of its data.
    #[inline(always)]
    pub(super) fn whole_chunk<'i>(
        &mut self,
        input: &mut &'i [u8],
        may: May,
        bounds: &Bounds,
    ) -> Option<&'i [u8]> {
        let (front, mut rest) = input.split_first_chunk::<7>()?;
        let [a, b, l, m, kind::SEND_BODY_CHUNK, n, o] = *front else {
            return None;
        };
        let (length, n) = (u16::from_be_bytes([l, m]), u16::from_be_bytes([n, o]));
        let usual = [a, b] == Way::ToWebServer.magic()
            && may.has(DATA)
            && n > 0
            && length.checked_sub(4) == Some(n)
            && length <= bounds.most
            && u64::from(n) <= self.body_left
            && !self.packet.is_cut();
        if !usual || rest.is_empty() {
            return None;
        }
        self.chunk = n;
        self.packet.left = n.saturating_add(1);
        self.body_left = self.body_left.saturating_sub(u64::from(n));
        let data = self.data(&mut rest);
        *input = rest;
        Some(data)
    }

    /// END_RESPONSE, all but its last byte.
    #[inline(always)]
    pub(super) fn whole_ending(&mut self, input: &mut &[u8], may: May) -> bool {
        const FRONT: [u8; 5] = [b'A', b'B', 0, 2, kind::END_RESPONSE];
        if let Some((&FRONT, rest)) = input.split_first_chunk::<5>()
            && may.has(END)
            && !self.packet.is_cut()
        {
            self.packet.left = 1;
            self.at = At::Reuse;
            *input = rest;
            return true;
        }
        false
    }

    /// All of a SEND_HEADERS that has fields, but these.
    #[inline]
    pub(super) fn whole_front(
        &mut self,
        input: &mut &[u8],
        may: May,
        bounds: &Bounds,
    ) -> Option<()> {
        let (front, rest) = input.split_first_chunk::<9>()?;
        let [a, b, l, m, kind::SEND_HEADERS, s, t, n, o] = *front else {
            return None;
        };
        let length = u16::from_be_bytes([l, m]);
        let status = u16::from_be_bytes([s, t]);
        let n = u16::from_be_bytes([n, o]);
        let (reason, rest) = rest.split_at_checked(usize::from(n))?;
        let ([0, c, d], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let fields = u16::from_be_bytes([*c, *d]);
        // Five bytes ahead of the reason, three behind it.
        let left = length.checked_sub(8)?.checked_sub(n)?;
        let head_left = self.head_left.checked_sub(packet_bytes(length))?;
        let fields_left = self.fields_left.checked_sub(u32::from(fields))?;
        let usual = [a, b] == Way::ToWebServer.magic()
            && may.has(HEADERS)
            && length <= bounds.most
            && matches!(status, 200..=599)
            && fields != 0
            && fit(fields, left)
            && token::is_field_value(reason)
            && !self.packet.is_cut();
        if !usual {
            return None;
        }
        self.head_left = head_left;
        self.fields_left = fields_left;
        self.begin(status);
        self.headers = Headers::new(fields);
        self.packet.left = left;
        self.at = At::Fields;
        *input = rest;
        Some(())
    }

    /// A field that is whole in the input, and to be given.
    #[inline(always)]
    pub(super) fn whole_field<'i>(
        &mut self,
        input: &mut &'i [u8],
    ) -> Option<Result<Field<'i>, Error>> {
        // By the code, or by how long the name is.
        let known = match *input {
            [0, 17, ..] => known::CODING,
            [0xa0, 3, ..] | [0, 14, ..] => known::LENGTH,
            _ => 0,
        };
        // What may be dropped is not for here.
        if known == known::CODING {
            return None;
        }
        let field = self
            .headers
            .whole(&mut self.packet, input, codes::response_header)?;
        if known == known::LENGTH
            && known::whole(field.name) == known::LENGTH
            && let Err(error) = self.declared(decimal(field.value))
        {
            return Some(Err(error));
        }
        if self.headers.left == 0 {
            self.at = At::Head;
        }
        Some(Ok(field))
    }

    /// As much of a chunk's data as there is.
    #[inline(always)]
    pub(super) fn data<'i>(&mut self, input: &mut &'i [u8]) -> &'i [u8] {
        let data = self.packet.take(input, self.chunk);
        let n = u16::try_from(data.len()).unwrap_or(u16::MAX);
        self.chunk = self.chunk.saturating_sub(n);
        self.at = match (self.chunk, self.packet.left) {
            (0, 0) => At::Header,
            (0, _) => At::Skip,
            _ => At::Data,
        };
        data
    }
}
