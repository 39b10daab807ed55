//! Which names a head has twice, and which ones it lists: no exact answer, but
//! one that spares most searches.

use super::{PREFIX, upper};
use crate::event::{Field, Space};

/// Which names may be there twice, and which ones Connection may list: one
/// walk over the fields, so that most header fields need no search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Census {
    once: Sketch,
    pub(super) twice: Sketch,
    pub(super) listed: Sketch,
}

impl Census {
    pub(super) fn of<'f>(fields: impl Iterator<Item = Field<'f>>) -> Census {
        let mut census = Census {
            once: Sketch::EMPTY,
            twice: Sketch::EMPTY,
            listed: Sketch::EMPTY,
        };
        for field in fields {
            let key = match field.space {
                Space::Var => key(field.name.strip_prefix(PREFIX).unwrap_or(field.name)),
                Space::Header => key(field.name),
                Space::Trailer | Space::Attribute => continue,
            };
            if census.once.has(key) {
                census.twice.add(key);
            }
            census.once.add(key);
            if is_connection(&field) {
                for member in members(field.value) {
                    census.listed.add(self::key(member));
                }
            }
        }
        census
    }
}

/// A set of keys, one bit each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sketch([u64; 4]);

impl Sketch {
    pub(crate) const EMPTY: Sketch = Sketch([0; 4]);

    pub(crate) fn add(&mut self, key: u8) {
        if let Some(word) = self.0.get_mut(usize::from(key >> 6)) {
            *word |= 1u64.wrapping_shl(u32::from(key));
        }
    }

    pub(crate) fn has(&self, key: u8) -> bool {
        self.0
            .get(usize::from(key >> 6))
            .is_some_and(|word| word.wrapping_shr(u32::from(key)) & 1 != 0)
    }
}

/// Equal for names that differ in case, or in `-` and `_`.
pub(super) fn key(name: &[u8]) -> u8 {
    let fold = |b: Option<&u8>| b.map_or(0, |b| upper(*b));
    let len = name.len().to_le_bytes();
    fold(name.first())
        .wrapping_mul(29)
        .wrapping_add(fold(name.last()).wrapping_mul(7))
        .wrapping_add(fold(name.get(name.len() / 2)).wrapping_mul(101))
        .wrapping_add(len.first().copied().unwrap_or(0).wrapping_mul(17))
}

/// The members of a list, such as Connection's.
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(crate::event::trim)
}

pub(super) fn is_connection(field: &Field<'_>) -> bool {
    field.space == Space::Header && field.name.eq_ignore_ascii_case(b"connection")
}

#[cfg(test)]
mod tests {
    use super::super::becomes;
    use super::*;

    /// The short cut by sketches never changes what a plain search finds.
    #[test]
    fn names_that_become_one_have_one_key() {
        for name in ["host", "x-a", "x-forwarded-for", "a", "--"] {
            let var = name.to_ascii_uppercase().replace('-', "_");
            assert_eq!(key(name.as_bytes()), key(var.as_bytes()));
            assert_eq!(key(name.as_bytes()), key(name.to_uppercase().as_bytes()));
            assert!(becomes(name.as_bytes(), format!("HTTP_{var}").as_bytes()));
            assert!(!becomes(name.as_bytes(), var.as_bytes()));
        }
        let mut sketch = Sketch::EMPTY;
        for n in 0..=255 {
            assert!(!sketch.has(n));
            sketch.add(n);
            assert!(sketch.has(n));
        }
    }
}
