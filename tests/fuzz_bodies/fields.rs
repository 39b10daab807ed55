//! `Fields` against a list.
//!
//! Input: the size of the storage, then pieces.

use vestibule::{Cut, Field, Fields, Space};

use super::Source;

type Held = (Space, Vec<u8>, Vec<u8>);

fn trim(space: Space, value: &[u8]) -> Vec<u8> {
    if space.trims() {
        let text = |b: &u8| !matches!(b, b' ' | b'\t');
        let start = value.iter().position(text).unwrap_or(value.len());
        let end = value.iter().rposition(text).map_or(start, |i| i + 1);
        value[start..end].to_vec()
    } else {
        value.to_vec()
    }
}

pub fn run(data: &[u8]) {
    let mut source = Source(data);
    let size = usize::from(source.word()) % 600;
    let mut fields = Fields::new(vec![0xa5; size]);
    let mut held: Vec<Held> = Vec::new();
    let mut used = 0;
    let mut open: Option<Held> = None;
    let mut overflowed = false;
    while !source.is_empty() {
        let what = source.byte();
        if what == 0xff {
            fields.clear();
            (held, used, open, overflowed) = (Vec::new(), 0, None, false);
            continue;
        }
        let space =
            [Space::Var, Space::Header, Space::Trailer, Space::Attribute][usize::from(what & 3)];
        let cut = [Cut::Whole, Cut::First, Cut::Middle, Cut::Last][usize::from(what >> 2 & 3)];
        let n = usize::from(what >> 4);
        let name = source.take(n);
        let value = source.short();
        // The contract: the pieces of one field have one space, and no name
        // goes on once its value began.
        let (space, name) = match (&open, cut) {
            (Some(o), Cut::Middle | Cut::Last) => {
                (o.0, if o.2.is_empty() { name } else { &[][..] })
            }
            _ => (space, name),
        };
        let field = Field {
            space,
            name,
            value,
            cut,
        };
        let result = fields.push(field);
        if matches!(cut, Cut::Whole | Cut::First) {
            open = Some((space, Vec::new(), Vec::new()));
        }
        match &mut open {
            None => assert_eq!(result.is_err(), overflowed),
            Some(o) => {
                o.1.extend(name);
                o.2.extend(value);
                let fits = used + 9 + o.1.len() + o.2.len() <= size;
                assert_eq!(result.is_ok(), fits, "{used} {o:?} {size}");
                if !fits {
                    overflowed = true;
                    open = None;
                } else if matches!(cut, Cut::Whole | Cut::Last) {
                    let (space, name, value) = open.take().expect("an open field");
                    let value = trim(space, &value);
                    used += 9 + name.len() + value.len();
                    held.push((space, name, value));
                }
            }
        }
        assert_eq!(fields.overflowed(), overflowed);
    }
    let seen: Vec<Held> = fields
        .iter()
        .map(|f| (f.space, f.name.to_vec(), f.value.to_vec()))
        .collect();
    assert_eq!(seen, held);
    for (space, name, _) in &held {
        let same = |f: &&Held| {
            if f.0.trims() {
                f.1.eq_ignore_ascii_case(name)
            } else {
                f.1 == *name
            }
        };
        let all: Vec<&[u8]> = held.iter().filter(same).map(|f| &f.2[..]).collect();
        assert_eq!(fields.all(name).collect::<Vec<_>>(), all, "{space:?}");
        assert_eq!(fields.get(name), all.first().copied());
        assert_eq!(fields.ambiguous(name), all.iter().any(|v| *v != all[0]));
    }
}
