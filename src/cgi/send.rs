//! The variables of a request as a web server sends them, in whatever block
//! the protocol has. RFC 3875, 4.1.

use crate::cgi::meta::{Mapping, Sketch, is_proxy, vars};
use crate::error::Refused;
use crate::event::{Cut, Field, Length, Space};
use crate::frame::fill;
use crate::text::{decimal::decimal, token};

/// The lengths of the names that mean something, as bits.
const NOTED: u32 = 1 << 10 | 1 << 14 | 1 << 16;
/// Those of the names that are held back besides.
const HELD: u32 = 1 << 9 | 1 << 11 | 1 << 15;

/// Room for a name and a value.
pub(crate) type Text<'r> = (&'r mut [u8], &'r mut [u8]);

/// Variables, written into lent room.
///
/// A name may not be empty nor hold `=` (peers that make an environment of it
/// would cut it there); NUL may be in neither: `long` refuses it, and so does
/// the end of the block.
pub(crate) trait Block<'b>: Sized {
    /// Adds a variable. False, and nothing is changed, where this short way
    /// does not do: then it is for [`long`](Self::long).
    fn short(&mut self, name: &[u8], value: &[u8]) -> bool;

    /// Whether a variable was added that may not be.
    fn odd(&self) -> bool;

    /// Adds any variable. By value, so that a loop around it can hold the
    /// parts in registers.
    #[cold]
    #[inline(never)]
    fn long(mut self, name: &[u8], value: &[u8]) -> Result<Self, Refused> {
        let odd = self.odd() || name.is_empty() || name.contains(&b'=');
        if odd || name.contains(&0) || value.contains(&0) {
            return Err(Refused::Field);
        }
        if let Some((a, b)) = self.reserve(name.len(), value.len())? {
            fill(a, name);
            fill(b, value);
        }
        Ok(self)
    }

    /// Writes all of a variable but its text, which the caller fills in.
    /// `None` where there is no room: the variable is counted.
    fn reserve(&mut self, name: usize, value: usize) -> Result<Option<Text<'_>>, Refused>;

    /// The room, with anything in it.
    fn into_room(self) -> &'b mut [u8];
}

/// What the fields say that the machine must know.
#[derive(Clone, Copy)]
pub(crate) struct Facts {
    /// Lengths of names to be noted, as bits.
    watched: u32,
    /// CONTENT_LENGTH goes out where it stands.
    keeps_length: bool,
    /// How header fields become variables.
    pub(crate) mapping: Mapping,
    /// No variable may go out twice.
    unique: bool,
    pub(crate) length: Option<Option<u64>>,
    /// FCGI_DATA_LENGTH. FastCGI 1.0, 6.4.
    pub(crate) data: Option<u64>,
    method: bool,
    pub(crate) head: bool,
    pub(crate) idempotent: bool,
}

impl Facts {
    /// CONTENT_LENGTH goes out where it stands among the fields.
    pub(crate) const IN_PLACE: Facts = Facts {
        watched: NOTED,
        keeps_length: true,
        mapping: Mapping::GATEWAY,
        unique: false,
        length: None,
        data: None,
        method: false,
        head: false,
        idempotent: false,
    };

    /// The protocol writes CONTENT_LENGTH itself, and no variable may go out
    /// twice. Header fields that were given as variables several times are
    /// joined; other variables given so are [`Refused::Field`].
    pub(crate) const APART: Facts = Facts {
        keeps_length: false,
        unique: true,
        ..Facts::IN_PLACE
    };

    /// For an authorizer: CONTENT_LENGTH, PATH_INFO, SCRIPT_NAME and
    /// PATH_TRANSLATED are held back. FastCGI 1.0, 6.3.
    pub(crate) const AUTHORIZER: Facts = Facts {
        watched: NOTED | HELD,
        keeps_length: false,
        ..Facts::IN_PLACE
    };

    /// Notes a variable; false where it is not to be sent.
    #[inline(always)]
    fn takes(&mut self, name: &[u8], value: &[u8]) -> Result<bool, Refused> {
        match u32::try_from(name.len()) {
            Ok(n @ ..32) if self.watched.wrapping_shr(n) & 1 != 0 => self.note(name, value),
            _ => Ok(true),
        }
    }

    /// The same, for a name of a length that is watched.
    #[inline(never)]
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<bool, Refused> {
        match name {
            b"REQUEST_METHOD" => {
                if self.method {
                    return Err(Refused::Field);
                }
                self.method = true;
                self.head = value == b"HEAD";
                self.idempotent = token::is_idempotent(value);
            }
            b"CONTENT_LENGTH" => {
                if self.length.is_some() {
                    return Err(Refused::Field);
                }
                self.length = Some(if value.is_empty() {
                    None
                } else {
                    Some(number(value)?)
                });
                return Ok(self.keeps_length);
            }
            b"FCGI_DATA_LENGTH" => {
                if self.data.is_some() {
                    return Err(Refused::Field);
                }
                self.data = Some(number(value)?);
            }
            // Watched where there is an authorizer.
            b"PATH_INFO" | b"SCRIPT_NAME" | b"PATH_TRANSLATED" => return Ok(false),
            // Never from a field of the client's: HTTP libraries take it for
            // their own proxy.
            _ => return Ok(!name.eq_ignore_ascii_case(b"HTTP_PROXY")),
        }
        Ok(true)
    }

    /// Writes the fields as variables into a block, which `begin` makes of the
    /// room. Header fields become variables as [`vars`] says. `admits`, asked of what was a variable before: false
    /// for those that the protocol writes itself.
    #[inline(always)]
    pub(crate) fn write<'b, 'f, B, I>(
        &mut self,
        room: &'b mut [u8],
        fields: &I,
        begin: impl Fn(&'b mut [u8]) -> B,
        admits: impl Fn(&[u8], &[u8]) -> Result<bool, Refused>,
    ) -> Result<B, Refused>
    where
        B: Block<'b>,
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let before = *self;
        if self.unique && repeats(fields)? {
            return self.mapped(begin(room), fields, &admits);
        }
        // Most often there is nothing to map.
        match self.plain(begin(room), fields.clone().into_iter(), &admits)? {
            Ok(block) => Ok(block),
            Err(room) => {
                *self = before;
                self.mapped(begin(room), fields, &admits)
            }
        }
    }

    /// Writes fields that are variables, all of them. Where there is another
    /// one, the room is given back.
    #[inline(always)]
    fn plain<'b, 'f, B: Block<'b>>(
        &mut self,
        mut block: B,
        fields: impl Iterator<Item = Field<'f>>,
        admits: &impl Fn(&[u8], &[u8]) -> Result<bool, Refused>,
    ) -> Result<Result<B, &'b mut [u8]>, Refused> {
        for field in fields {
            if field.space != Space::Var {
                return Ok(Err(block.into_room()));
            }
            if field.cut != Cut::Whole {
                return Err(Refused::Field);
            }
            let (name, value) = (field.name, field.value);
            if self.takes(name, value)? && admits(name, value)? && !block.short(name, value) {
                block = block.long(name, value)?;
            }
        }
        Ok(Ok(block))
    }

    /// Writes fields of any kind, as variables.
    #[inline(never)]
    fn mapped<'b, 'f, B, I>(
        &mut self,
        mut block: B,
        fields: &I,
        admits: &impl Fn(&[u8], &[u8]) -> Result<bool, Refused>,
    ) -> Result<B, Refused>
    where
        B: Block<'b>,
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        // Header fields that were variables, so far.
        let mut headers = 0usize;
        for var in vars(fields, self.mapping) {
            let var = var?;
            if let Some((name, value)) = var.plain() {
                if self.unique && name.starts_with(PREFIX) {
                    let place = headers;
                    headers = place.saturating_add(1);
                    if before(fields, place, name) {
                        continue;
                    }
                    if !admits(name, value)? {
                        continue;
                    }
                    let (more, len) = rest(fields, headers, name);
                    if more > 0 {
                        let len = len.saturating_add(value.len());
                        // What may not be sent is refused as it stands alone.
                        if name.contains(&b'=') || name.contains(&0) {
                            return Err(Refused::Field);
                        }
                        if let Some((to, text)) = block.reserve(name.len(), len)? {
                            fill(to, name);
                            join(fields, place, name, text)?;
                        }
                        continue;
                    }
                }
                if self.takes(name, value)? && admits(name, value)? {
                    block = block.long(name, value)?;
                }
            } else if let Some((name, value)) = block.reserve(var.name_len(), var.value_len())? {
                var.write_name(name)?;
                var.write_value(value)?;
            }
        }
        Ok(block)
    }

    /// Whether CONTENT_LENGTH, where it is among the fields, says the same as
    /// `length`.
    pub(crate) fn agrees(&self, length: Length) -> bool {
        match (length, self.length) {
            (_, None) => true,
            (Length::None, Some(None | Some(0))) | (Length::Unknown, Some(None)) => true,
            (Length::Known(n), Some(Some(said))) => n == said,
            _ => false,
        }
    }
}

const PREFIX: &[u8] = b"HTTP_";

/// Whether a variable says what the wire is that the request came by, which
/// means nothing on another: SCGI, and FastCGI's role, which BEGIN_REQUEST
/// says. SCGI, 4; FastCGI 1.0, 5.1.
#[inline(always)]
pub(crate) fn is_of_wire(name: &[u8]) -> bool {
    matches!(name, b"SCGI" | b"FCGI_ROLE")
}

/// The header fields that were given as variables.
fn headers<'f, I>(fields: &I) -> impl Iterator<Item = (&'f [u8], &'f [u8])>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    let all = fields.clone().into_iter();
    all.filter(|f| f.space == Space::Var && f.name.starts_with(PREFIX) && !is_proxy(f.name))
        .map(|f| (f.name, f.value))
}

/// Whether one of the first `n` of them has this name.
fn before<'f, I>(fields: &I, n: usize, name: &[u8]) -> bool
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    headers(fields).take(n).any(|other| other.0 == name)
}

/// How many there are behind the first `n`, and how long they are with what
/// separates them.
fn rest<'f, I>(fields: &I, n: usize, name: &[u8]) -> (usize, usize)
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    let same = headers(fields).skip(n).filter(|other| other.0 == name);
    same.fold((0usize, 0usize), |(count, len), (_, value)| {
        let len = len.saturating_add(value.len()).saturating_add(2);
        (count.saturating_add(1), len)
    })
}

/// Writes the values of those behind the first `n`. RFC 3875, 4.1.18.
fn join<'f, I>(fields: &I, n: usize, name: &[u8], to: &mut [u8]) -> Result<(), Refused>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    let separator: &[u8] = match name {
        b"HTTP_COOKIE" => b"; ",
        _ => b", ",
    };
    let mut room = to;
    let mut first = true;
    for (_, value) in headers(fields).skip(n).filter(|other| other.0 == name) {
        let separator = if first { &[] } else { separator };
        first = false;
        for part in [separator, value] {
            if part.contains(&0) {
                return Err(Refused::Field);
            }
            // The source gives what it gave when its length was asked.
            let (now, later) = room
                .split_at_mut_checked(part.len())
                .ok_or(Refused::Field)?;
            fill(now, part);
            room = later;
        }
    }
    Ok(())
}

/// Whether a header field was given as a variable twice. An error where another
/// variable was, or Host.
fn repeats<'f, I>(fields: &I) -> Result<bool, Refused>
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    let names = || {
        let vars = fields.clone().into_iter();
        vars.filter(|f| f.space == Space::Var).map(|f| f.name)
    };
    // Names that may be the same have the same key.
    let mut seen = Sketch::EMPTY;
    let mut at = 0usize;
    let mut twice = false;
    for name in names() {
        let key = key(name);
        if seen.has(key) && names().take(at).any(|other| other == name) {
            if !name.starts_with(PREFIX) || matches!(name, b"HTTP_HOST" | b"HTTP_") {
                return Err(Refused::Field);
            }
            twice = true;
        }
        seen.add(key);
        at = at.saturating_add(1);
    }
    Ok(twice)
}

/// Of the ends of a name and its length.
#[inline]
fn key(name: &[u8]) -> u8 {
    let mut hash = u64::try_from(name.len()).unwrap_or(0);
    match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            hash ^= u64::from_le_bytes(*first).rotate_left(17) ^ u64::from_le_bytes(*last);
        }
        _ => {
            for byte in name {
                hash = hash.rotate_left(8) ^ u64::from(*byte);
            }
        }
    }
    let [.., high] = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
    high
}

/// Digits alone.
fn number(digits: &[u8]) -> Result<u64, Refused> {
    decimal(digits).ok_or(Refused::Field)
}
