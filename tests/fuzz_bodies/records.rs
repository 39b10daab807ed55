//! FastCGI records, read and written without the library.

use super::Source;

pub const BEGIN: u8 = 1;
pub const ABORT: u8 = 2;
pub const END: u8 = 3;
pub const PARAMS: u8 = 4;
pub const STDIN: u8 = 5;
pub const STDOUT: u8 = 6;
pub const STDERR: u8 = 7;
pub const DATA: u8 = 8;

#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub kind: u8,
    pub id: u16,
    pub content: &'a [u8],
}

/// Bytes that we wrote: whole records, of the profile that every peer takes.
pub fn walk(mut bytes: &[u8]) -> Result<Vec<Record<'_>>, String> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let [1, kind, i0, i1, c0, c1, padding, 0, rest @ ..] = bytes else {
            return Err(format!("no record: {bytes:02x?}"));
        };
        let id = u16::from_be_bytes([*i0, *i1]);
        let length = usize::from(u16::from_be_bytes([*c0, *c1]));
        let padding = usize::from(*padding);
        if length > 65_528 {
            return Err(format!("a record of {length} bytes"));
        }
        if length == 0 && padding > 0 {
            return Err("a padded empty record".into());
        }
        if rest.len() < length + padding {
            return Err("part of a record".into());
        }
        let (content, rest) = rest.split_at(length);
        let (zeros, rest) = rest.split_at(padding);
        if zeros.iter().any(|b| *b != 0) {
            return Err("padding that is not zero".into());
        }
        all.push(Record {
            kind: *kind,
            id,
            content,
        });
        bytes = rest;
    }
    Ok(all)
}

/// What an application wrote: the order of records of each id. 5 and 6.
/// `aborted`: where the web server gave up, streams may be left open.
pub fn answers(bytes: &[u8], aborted: bool) -> Result<(), String> {
    // The id; whether STDOUT and STDERR were begun, whether ended.
    let mut open: Vec<(u16, [bool; 2], [bool; 2])> = Vec::new();
    for record in walk(bytes)? {
        let err = |what: &str| Err(format!("{what}: {record:02x?}"));
        if record.id == 0 {
            if !matches!(record.kind, 10 | 11) {
                return err("a management record of another direction");
            }
            continue;
        }
        let at = open.iter().position(|o| o.0 == record.id);
        let at = at.unwrap_or_else(|| {
            open.push((record.id, [false; 2], [false; 2]));
            open.len() - 1
        });
        let (_, begun, ended) = &mut open[at];
        match record.kind {
            STDOUT | STDERR => {
                let which = usize::from(record.kind - STDOUT);
                if ended[which] {
                    return err("a stream goes on after its end");
                }
                if which == 1 && ended[0] {
                    return err("STDERR after the end of STDOUT");
                }
                begun[which] = true;
                ended[which] = record.content.is_empty();
            }
            END => {
                if record.content.len() != 8 || record.content[5..] != [0; 3] {
                    return err("END_REQUEST");
                }
                if record.content[4] != 0 && (begun[0] || begun[1]) {
                    return err("a rejection after output");
                }
                let complete = record.content[..5] == [0; 5] && !aborted;
                if complete && begun[1] && !ended[1] {
                    return err("STDERR not ended");
                }
                if complete && begun[0] && !ended[0] {
                    return err("STDOUT not ended");
                }
                open.remove(at);
            }
            _ => return err("a record of another direction"),
        }
    }
    Ok(())
}

/// What a web server wrote: the order of records of each id. 5 and 6.
pub fn requests(bytes: &[u8]) -> Result<(), String> {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum At {
        Params,
        Stdin,
        Data,
        Sent,
        Aborted,
    }
    // The id, its role, and what may come.
    let mut open: Vec<(u16, u8, At)> = Vec::new();
    for record in walk(bytes)? {
        let err = |at| Err(format!("{record:02x?} in {at:?}"));
        let end = record.content.is_empty();
        let place = open.iter().position(|o| o.0 == record.id);
        if record.id == 0 {
            if record.kind != 9 {
                return err(None);
            }
            continue;
        }
        if record.kind == BEGIN {
            let [0, role @ 1..=3, 0 | 1, 0, 0, 0, 0, 0] = record.content else {
                return err(None);
            };
            // Its id is free again: whether that is right, the other side says.
            match place {
                Some(place) if open[place].2 == At::Params => return err(Some(At::Params)),
                Some(place) => open[place] = (record.id, *role, At::Params),
                None => open.push((record.id, *role, At::Params)),
            }
            continue;
        }
        let Some(place) = place else {
            return err(None);
        };
        let (_, role, at) = &mut open[place];
        *at = match (record.kind, *at) {
            (PARAMS, At::Params) if !end => At::Params,
            (PARAMS, At::Params) if *role == 2 => At::Sent,
            (PARAMS, At::Params) => At::Stdin,
            (STDIN, At::Stdin) if !end => At::Stdin,
            (STDIN, At::Stdin) if *role == 3 => At::Data,
            (STDIN, At::Stdin) => At::Sent,
            (DATA, At::Data) if !end => At::Data,
            (DATA, At::Data) => At::Sent,
            (ABORT, At::Stdin | At::Data | At::Sent) if end => At::Aborted,
            (_, at) => return err(Some(at)),
        };
    }
    Ok(())
}

/// Appends a record.
pub fn put(out: &mut Vec<u8>, kind: u8, id: u16, content: &[u8], padding: u8) {
    let [i0, i1] = id.to_be_bytes();
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let [c0, c1] = length.to_be_bytes();
    out.extend([1, kind, i0, i1, c0, c1, padding, 0]);
    out.extend(&content[..usize::from(length)]);
    out.extend(std::iter::repeat_n(0xee, usize::from(padding)));
}

/// Records from bytes that mutate well: no length that has to fit.
pub fn build(source: &mut Source<'_>, server: bool) -> Vec<u8> {
    const TO_SERVER: [u8; 8] = [BEGIN, PARAMS, STDIN, DATA, ABORT, 9, PARAMS, STDIN];
    const TO_CLIENT: [u8; 8] = [STDOUT, STDERR, END, STDOUT, 10, 11, STDOUT, END];
    let mut out = Vec::new();
    while !source.is_empty() && out.len() < 200_000 {
        let what = source.byte();
        let id = match what >> 3 & 3 {
            n @ 0..3 => u16::from(n) + 1,
            _ => source.word(),
        };
        let kinds = if server { TO_SERVER } else { TO_CLIENT };
        let kind = match kinds[usize::from(what & 7)] {
            9..=11 if what & 0x20 != 0 => source.byte(),
            kind => kind,
        };
        let id = if (9..=11).contains(&kind) { 0 } else { id };
        let padding = if what & 0x40 != 0 { source.byte() } else { 0 };
        match kind {
            // A flag byte stands for the fixed content.
            BEGIN if what & 0x80 == 0 => {
                let flags = source.byte();
                let content = [0, 1 + (flags >> 1) % 4, flags & 1, 0, 0, 0, 0, 0];
                put(&mut out, kind, id, &content, padding);
            }
            END if what & 0x80 == 0 => {
                let flags = source.byte();
                let content = [0, 0, 0, flags >> 4, (flags & 15).min(4), 0, 0, 0];
                put(&mut out, kind, id, &content, padding);
            }
            PARAMS if what & 0x80 != 0 => {
                let mut content = Vec::new();
                for _ in 0..=source.below(4) {
                    let name: &[u8] = match source.byte() {
                        0..64 => b"CONTENT_LENGTH",
                        64..128 => b"REQUEST_METHOD",
                        _ => source.short(),
                    };
                    let value = source.short();
                    pair(&mut content, name, value, false);
                }
                put(&mut out, kind, id, &content, padding);
            }
            _ => {
                let content = source.short();
                put(&mut out, kind, id, content, padding);
            }
        }
    }
    out
}

/// Appends a pair; `long` takes four bytes for lengths that fit one.
pub fn pair(out: &mut Vec<u8>, name: &[u8], value: &[u8], long: bool) {
    for part in [name, value] {
        match u8::try_from(part.len()) {
            Ok(n @ 0..128) if !long => out.push(n),
            _ => out.extend((u32::try_from(part.len()).unwrap() | 1 << 31).to_be_bytes()),
        }
    }
    out.extend(name);
    out.extend(value);
}
