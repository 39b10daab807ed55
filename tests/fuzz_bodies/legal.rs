//! Which events may follow which, each exchange by itself.

use std::collections::HashMap;

use super::common::{Entry, Fact, What};
use vestibule::{Ending, Length, Space};

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Head,
    Body(Length, u64),
    Ended,
    Over,
}

/// Of a server machine, over a normal log. `counted`: bodies are as long as
/// their heads say.
pub fn server(log: &[Entry], counted: bool) -> Result<(), String> {
    let mut all: HashMap<u16, At> = HashMap::new();
    let mut lost = false;
    for Entry { fact, .. } in log {
        if lost {
            return Err(format!("`{fact}` after an error"));
        }
        lost = matches!(fact, Fact::Err(_));
        let Some(id) = fact.id() else { continue };
        let at = all.get(&id).copied();
        let next = match (fact, at) {
            // What came before was ended by us: the machine holds active ids apart.
            (Fact::Begin(_), _) => At::Head,
            (Fact::Field { .. }, Some(At::Head)) => At::Head,
            (
                Fact::Field {
                    space: Space::Trailer,
                    ..
                },
                Some(at @ At::Body(..)),
            ) => at,
            (Fact::HeadEnd(_, None, length), Some(At::Head)) => At::Body(*length, 0),
            (Fact::Bytes { what, bytes, .. }, Some(At::Body(length, n))) if *what == What::Body => {
                let n = n + bytes.len() as u64;
                match length {
                    Length::None => return Err("a body where there is none".into()),
                    Length::Known(all) if counted && n > all => {
                        return Err("a body longer than its head says".into());
                    }
                    _ => At::Body(length, n),
                }
            }
            (Fact::BodyEnd(_), Some(At::Body(length, n))) => {
                if counted && matches!(length, Length::Known(all) if all != n) {
                    return Err("BodyEnd of a body that is not whole".into());
                }
                At::Ended
            }
            (Fact::Bytes { what, .. }, Some(At::Ended)) if *what == What::Data => At::Ended,
            (Fact::Fault(..) | Fact::Abort(_), Some(At::Head | At::Body(..) | At::Ended)) => {
                At::Over
            }
            (fact, at) => return Err(format!("`{fact}` in {at:?}")),
        };
        all.insert(id, next);
    }
    Ok(())
}

/// Of a client machine: `opened` are the ids opened before the first event, a
/// `Begin` is one opened later. `head`: every request is HEAD. `loose`: bodies
/// may be dropped before their end. Gives the ids that got no `Done`.
pub fn client(
    log: &[Entry],
    opened: &[u16],
    head: bool,
    loose: bool,
    any_status: bool,
) -> Result<Vec<u16>, String> {
    let mut all: HashMap<u16, At> = opened.iter().map(|id| (*id, At::Head)).collect();
    let mut lost = false;
    for Entry { fact, .. } in log {
        if lost {
            return Err(format!("`{fact}` after an error"));
        }
        lost = matches!(fact, Fact::Err(_));
        let Some(id) = fact.id() else { continue };
        let at = all.get(&id).copied();
        let next = match (fact, at) {
            (Fact::Begin(_), None | Some(At::Over)) => At::Head,
            (Fact::Field { .. }, Some(At::Head)) => At::Head,
            (
                Fact::Field {
                    space: Space::Trailer,
                    ..
                },
                Some(at @ At::Body(..)),
            ) => at,
            (Fact::Interim(_, 100..=199), Some(At::Head)) => At::Head,
            (Fact::HeadEnd(_, Some(status @ 200..=999), length), Some(At::Head))
                if *status < 600 || any_status =>
            {
                let none = head || matches!(status, 204 | 304);
                At::Body(if none { Length::None } else { *length }, 0)
            }
            (Fact::Bytes { what, bytes, .. }, Some(At::Body(length, n))) if *what == What::Body => {
                let n = n + bytes.len() as u64;
                match length {
                    Length::None => return Err("a body where there is none".into()),
                    Length::Known(all) if n > all => {
                        return Err("a body longer than its head says".into());
                    }
                    _ => At::Body(length, n),
                }
            }
            (Fact::BodyEnd(_), Some(At::Body(length, n))) => {
                if matches!(length, Length::Known(all) if all != n) {
                    return Err("BodyEnd of a body that is not whole".into());
                }
                At::Ended
            }
            (Fact::Bytes { what, .. }, Some(at)) if *what == What::Log && at != At::Over => at,
            (Fact::Demand(..), Some(at)) if at != At::Over => at,
            (Fact::Done { ending, .. }, Some(at)) if at != At::Over => {
                if matches!(ending, Ending::Complete { .. }) && at != At::Ended && !loose {
                    return Err(format!("complete in {at:?}"));
                }
                At::Over
            }
            (fact, at) => return Err(format!("`{fact}` in {at:?}")),
        };
        all.insert(id, next);
    }
    let mut open: Vec<u16> = all
        .iter()
        .filter(|(_, at)| **at != At::Over)
        .map(|(id, _)| *id)
        .collect();
    open.sort_unstable();
    Ok(open)
}
