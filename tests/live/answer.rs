//! An answer, gathered from the events of a client machine of any protocol.

use vestibule::{Cut, Ending, Field, Length, Response};

/// Names and values in the order of the wire.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Debug)]
pub struct Answer {
    /// Interim answers with their fields.
    pub interims: Vec<(u16, Pairs)>,
    pub status: u16,
    pub length: Length,
    pub fields: Pairs,
    pub body: Vec<u8>,
    pub trailers: Pairs,
    pub log: Vec<u8>,
    /// The body was said to be complete.
    pub whole: bool,
    pub ending: Ending,
    pub reuse: bool,
    pub retry_safe: bool,
}

impl Answer {
    pub fn new() -> Answer {
        Answer {
            interims: Vec::new(),
            status: 0,
            length: Length::None,
            fields: Vec::new(),
            body: Vec::new(),
            trailers: Vec::new(),
            log: Vec::new(),
            whole: false,
            // Overwritten by the only event that tells.
            ending: Ending::Truncated,
            reuse: false,
            retry_safe: false,
        }
    }

    pub fn take<X>(&mut self, event: &Response<'_, X>) {
        match event {
            Response::Field { field, .. } if self.status == 0 => push(&mut self.fields, field),
            Response::Field { field, .. } => push(&mut self.trailers, field),
            Response::Interim { status, .. } => {
                let fields = std::mem::take(&mut self.fields);
                self.interims.push((*status, fields));
            }
            Response::HeadEnd { status, length, .. } => {
                (self.status, self.length) = (*status, *length);
            }
            Response::Body { bytes, .. } => self.body.extend_from_slice(bytes),
            Response::BodyEnd { .. } => self.whole = true,
            Response::Log { bytes, .. } => self.log.extend_from_slice(bytes),
            Response::Done {
                reuse,
                retry_safe,
                ending,
                ..
            } => {
                (self.reuse, self.retry_safe, self.ending) = (*reuse, *retry_safe, *ending);
            }
            Response::Demand { .. } | Response::Ext(_) => {}
        }
    }
}

fn push(pairs: &mut Pairs, field: &Field<'_>) {
    if matches!(field.cut, Cut::Whole | Cut::First) {
        pairs.push(Default::default());
    }
    let (name, value) = pairs.last_mut().unwrap();
    name.extend_from_slice(field.name);
    value.extend_from_slice(field.value);
    if matches!(field.cut, Cut::Whole | Cut::Last) {
        *value = value.trim_ascii().to_vec();
    }
}

/// The values of all fields of a name, whatever its case.
pub fn values<'p>(pairs: &'p Pairs, name: &str) -> Vec<&'p [u8]> {
    let same = |n: &[u8]| n.eq_ignore_ascii_case(name.as_bytes());
    let found = pairs.iter().filter(|(n, _)| same(n));
    found.map(|(_, v)| &v[..]).collect()
}
