//! The response head that an application writes. RFC 3875, 6.

use crate::error::Refused;
use crate::event::{Field, Length};

/// Writes the head of a CGI response into `room`, whole or not at all, and
/// says how many bytes it took.
pub fn head<'f, I>(
    status: u16,
    fields: I,
    length: Length,
    room: &mut [u8],
) -> Result<usize, Refused>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    let _ = (status, fields, length, room);
    Err(Refused::State)
}
