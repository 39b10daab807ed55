//! What is done with a request: a file is sent, a directory's slash is asked
//! for, an application answers.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::time::SystemTime;

use vestibule::adapt::blocking;
use vestibule::fcgi::Role;
use vestibule::{Error, Length, Request};

use crate::apps::{self, App};
use crate::authorizer::{Authorizer, Verdict};
use crate::context::{self, Ends};
use crate::date;
use crate::exchange::{Answer, Exchange};
use crate::files::{self, Asked, Facts};
use crate::front::{Front, Own};
use crate::root::{Found, Root};
use crate::trusted::Trusted;

/// What is served.
pub struct Site {
    pub app: App,
    pub root: Option<Root>,
    pub authorizer: Option<Authorizer>,
    /// Of those who ask over HTTP.
    pub trusted: Trusted,
}

/// The exchanges of one connection: one for each slot of its machine.
pub struct Table<'s> {
    site: &'s Site,
    ends: Ends,
    exchanges: Vec<Option<Exchange>>,
}

/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;

impl<'s> Table<'s> {
    pub fn new(site: &'s Site, ends: Ends, slots: usize) -> Self {
        Table {
            site,
            ends,
            exchanges: (0..slots).map(|_| None).collect(),
        }
    }

    /// Handles one event.
    pub fn handle<'i, M: Front, W: Write>(
        &mut self,
        machine: &mut M,
        event: Request<'i, M::Ext<'i>>,
        out: &mut W,
    ) -> io::Result<()> {
        let id = match &event {
            Request::Begin { id }
            | Request::Field { id, .. }
            | Request::HeadEnd { id, .. }
            | Request::Body { id, .. }
            | Request::BodyEnd { id } => *id,
            Request::Fault { id, .. } | Request::Abort { id } => {
                if let Some(slot) = machine.place(*id).and_then(|n| self.exchanges.get_mut(n)) {
                    *slot = None;
                }
                return blocking::answer(machine, event, out);
            }
            Request::Ext(ext) => match M::own(ext) {
                Own::Data(id, _) | Own::DataEnd(id) => id,
                Own::Other => return blocking::answer(machine, event, out),
            },
        };
        let Some(slot) = machine.place(id).and_then(|n| self.exchanges.get_mut(n)) else {
            return Ok(());
        };
        if let Request::Begin { .. } = event {
            *slot = machine.part(id).map(Exchange::new);
        }
        let Some(exchange) = slot else {
            return Ok(());
        };
        if exchange.over {
            return Ok(());
        }
        let mut answer = Answer::new(machine, id, out);
        let handled = match event {
            // Whoever plays another part has not been let in.
            Request::Begin { .. }
                if self.site.authorizer.is_some() && exchange.role != Role::Responder =>
            {
                exchange.over = true;
                let frame = answer.machine.decline(id)?;
                answer.frame(frame)
            }
            Request::Field { field, .. } => {
                exchange.push(field);
                Ok(())
            }
            Request::HeadEnd { length, .. } if exchange.role == Role::Responder => {
                let headed = head(self.site, &self.ends, exchange, length, &mut answer);
                headed.and_then(|()| {
                    if !exchange.over {
                        apps::hand(self.site.app, exchange, event, id, &mut answer)?;
                    }
                    if !exchange.over {
                        let frame = answer.machine.demand(id, usize::MAX)?;
                        answer.frame(frame)?;
                    }
                    Ok(())
                })
            }
            event => apps::hand(self.site.app, exchange, event, id, &mut answer),
        };
        let flushed = answer.flush();
        match handled {
            // Not the transport's fault but ours: say so while we can.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                exchange.over = true;
                answer.fail(Error::Internal)
            }
            handled => handled.and(flushed),
        }
    }
}

/// A head is complete: its variables, and what the root says of it.
fn head<M: Front, W: Write>(
    site: &Site,
    ends: &Ends,
    exchange: &mut Exchange,
    length: Length,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    if !M::VARIABLES
        && let Err(status) = context::complete(exchange, ends, &site.trusted, length)
    {
        exchange.over = true;
        return refuse(status, &[], answer);
    }
    if let Some(authorizer) = &site.authorizer {
        let vars = exchange.sorted();
        match authorizer.ask(&vars) {
            Ok(Verdict::Granted(vars)) => {
                for (name, value) in vars {
                    exchange.set(&String::from_utf8_lossy(&name), &value);
                }
            }
            Ok(Verdict::Refused {
                status,
                fields,
                body,
            }) => {
                exchange.over = true;
                let fields: Vec<_> = fields
                    .iter()
                    .filter_map(|(n, v)| Some((std::str::from_utf8(n).ok()?, &v[..])))
                    .filter(|f| !f.0.eq_ignore_ascii_case("Content-Length"))
                    .collect();
                return answer.whole(status, &fields, &body);
            }
            Err(error) => {
                exchange.over = true;
                return answer.fail(error);
            }
        }
    }
    match &site.root {
        Some(root) => found(root, exchange, answer),
        None => Ok(()),
    }
}

/// An answer that is no more than its status.
fn refuse<M: Front, W: Write>(
    status: u16,
    fields: &[(&str, &[u8])],
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    answer.text(status, fields, format!("refused: {status}\n").as_bytes())
}

/// What the root says of a request: an answer, or variables for who gives one.
fn found<M: Front, W: Write>(
    root: &Root,
    exchange: &mut Exchange,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    let found = root.resolve(exchange.var("REQUEST_URI"));
    match found {
        Found::Script {
            filename,
            script_name,
            path_info,
        } => {
            exchange.set("DOCUMENT_ROOT", root.dir().as_os_str().as_encoded_bytes());
            let filename = filename.as_os_str().as_encoded_bytes();
            exchange.set("SCRIPT_FILENAME", filename);
            exchange.set("SCRIPT_NAME", script_name.as_bytes());
            let whole = script_name + &path_info;
            exchange.set("DOCUMENT_URI", whole.as_bytes());
            exchange.remove("PATH_TRANSLATED");
            exchange.remove("PATH_INFO");
            if !path_info.is_empty() {
                exchange.set("PATH_INFO", path_info.as_bytes());
            }
            // PHP runs nothing without it.
            exchange.set("REDIRECT_STATUS", b"200");
            Ok(())
        }
        Found::File { file, meta, name } => {
            exchange.over = true;
            send(file, &Facts::new(&name, &meta), exchange, answer)
        }
        Found::Redirect(to) => {
            exchange.over = true;
            answer.text(301, &[("Location", to.as_bytes())], b"moved\n")
        }
        Found::Nothing => {
            // Whatever a web server said: no script was found.
            exchange.remove("SCRIPT_FILENAME");
            exchange.remove("PATH_TRANSLATED");
            Ok(())
        }
        Found::Refused(status) => {
            exchange.over = true;
            refuse(status, &[], answer)
        }
    }
}

/// Sends a file, or what the request's conditions make of it.
fn send<M: Front, W: Write>(
    mut file: File,
    facts: &Facts<'_>,
    exchange: &Exchange,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    let method = exchange.var("REQUEST_METHOD");
    let asked = Asked {
        method,
        header: |name: &str| exchange.header(name),
        now: date::seconds(SystemTime::now()),
    };
    let say = files::answer(facts, &asked);
    let fields: Vec<_> = say.fields.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
    let Some((first, mut left)) = say.part else {
        return match say.status {
            304 => {
                answer.head(304, &fields, Length::None)?;
                answer.finish()
            }
            status => refuse(status, &fields, answer),
        };
    };
    answer.head(say.status, &fields, Length::Known(left))?;
    if method == b"HEAD" {
        return answer.finish();
    }
    // What we cannot read ends the answer so that it can be seen.
    let ours = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
    file.seek(SeekFrom::Start(first)).map_err(ours)?;
    let mut chunk = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
    while left > 0 {
        let most = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
        match file.read(&mut chunk[..most]) {
            Ok(0) => return Err(ours(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => {
                answer.body(&chunk[..n])?;
                left -= n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ours(error)),
        }
    }
    answer.finish()
}
