//! What is done with a request: a file is sent, a directory's slash is asked
//! for, an application answers.

use std::fs::{File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::time::SystemTime;

use vestibule::adapt::blocking;
use vestibule::fcgi::Role;
use vestibule::{Error, Length, Request};

use crate::apps::{self, App};
use crate::authorizer::{Authorizer, Verdict};
use crate::context::{self, Ends, Teller};
use crate::date;
use crate::exchange::{Answer, Exchange};
use crate::files::{self, Asked, Facts};
use crate::front::{Front, Own};
use crate::logged::Lines;
use crate::root::{Found, Root};
use crate::trusted::Trusted;

/// What stands before applications, whoever answers in the end.
pub struct Site {
    pub root: Option<Root>,
    pub authorizer: Option<Authorizer>,
    /// Of those who ask over HTTP.
    pub trusted: Trusted,
}

/// What a complete head comes to.
pub enum Judged {
    /// It is for the application.
    Go,
    /// A status and no more.
    Status(u16),
    /// What the authorizer said.
    Denied {
        status: u16,
        fields: Vec<(Vec<u8>, Vec<u8>)>,
        body: Vec<u8>,
    },
    /// The protocol's own refusal.
    Fail(Error),
    /// To a directory's slash.
    Moved(String),
    /// A file.
    File {
        file: File,
        meta: Metadata,
        name: String,
    },
}

/// The exchanges of one connection: one for each slot of its machine.
pub struct Table<'s> {
    site: &'s Site,
    app: App,
    lines: &'s Lines,
    ends: Ends,
    exchanges: Vec<Option<Exchange>>,
}

/// How much of a file is read at once.
const CHUNK: usize = 64 * 1024;

impl<'s> Table<'s> {
    pub fn new(site: &'s Site, app: App, lines: &'s Lines, ends: Ends, slots: usize) -> Self {
        Table {
            site,
            app,
            lines,
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
                let teller = M::teller(&self.ends);
                let judged = self.site.judge(teller, exchange, length);
                self.lines.tell(id, exchange.all());
                match judged {
                    Judged::Go => {
                        apps::hand(self.app, exchange, event, id, &mut answer).and_then(|()| {
                            if !exchange.over {
                                let frame = answer.machine.demand(id, usize::MAX)?;
                                exchange.demanded = !frame.is_empty();
                                answer.frame(frame)?;
                            }
                            Ok(())
                        })
                    }
                    judged => {
                        exchange.over = true;
                        say(judged, exchange, &mut answer)
                    }
                }
            }
            // Where a body is asked for it is so piece by piece.
            Request::Body { .. } => {
                let handed = apps::hand(self.app, exchange, event, id, &mut answer);
                match exchange.over {
                    true => handed,
                    false => handed.and_then(|()| {
                        let frame = answer.machine.demand(id, usize::MAX)?;
                        answer.frame(frame)
                    }),
                }
            }
            event => apps::hand(self.app, exchange, event, id, &mut answer),
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

impl Site {
    /// Whether there is a root of scripts, and it found none.
    pub fn is_nothing(&self, exchange: &Exchange) -> bool {
        let scripts = self.root.as_ref().is_some_and(Root::has_scripts);
        scripts && exchange.var("SCRIPT_FILENAME").is_empty()
    }

    /// A head is complete: its variables, where they are ours to make, what the
    /// authorizer and the root say of it.
    pub fn judge(&self, teller: Teller<'_>, exchange: &mut Exchange, length: Length) -> Judged {
        if let Err(status) = context::complete(exchange, teller, &self.trusted, length) {
            // Some of them are made, and some are not.
            exchange.take();
            return Judged::Status(status);
        }
        if let Some(authorizer) = &self.authorizer {
            let vars = exchange.sorted();
            match authorizer.ask(&vars) {
                Ok(Verdict::Granted(vars)) => exchange.grant(vars),
                Ok(Verdict::Refused {
                    status,
                    fields,
                    body,
                }) => {
                    return Judged::Denied {
                        status,
                        fields,
                        body,
                    };
                }
                Err(error) => return Judged::Fail(error),
            }
        }
        match &self.root {
            Some(root) => found(root, exchange),
            None => Judged::Go,
        }
    }
}

/// Answers a request that is not for the application.
pub fn say<M: Front, W: Write>(
    judged: Judged,
    exchange: &Exchange,
    answer: &mut Answer<'_, M, W>,
) -> io::Result<()> {
    match judged {
        Judged::Go => answer.fail(Error::Internal),
        Judged::Status(status) => refuse(status, &[], answer),
        Judged::Denied {
            status,
            fields,
            body,
        } => {
            let fields: Vec<_> = fields
                .iter()
                .filter_map(|(n, v)| Some((std::str::from_utf8(n).ok()?, &v[..])))
                .filter(|f| !f.0.eq_ignore_ascii_case("Content-Length"))
                .collect();
            answer.whole(status, &fields, &body)
        }
        Judged::Fail(error) => answer.fail(error),
        Judged::Moved(to) => answer.text(301, &[("Location", to.as_bytes())], b"moved\n"),
        Judged::File { file, meta, name } => {
            send(file, &Facts::new(&name, &meta), exchange, answer)
        }
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

/// What the root says of a request.
fn found(root: &Root, exchange: &mut Exchange) -> Judged {
    match root.resolve(exchange.var("REQUEST_URI")) {
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
            Judged::Go
        }
        Found::File { file, meta, name } => Judged::File { file, meta, name },
        Found::Redirect(to) => Judged::Moved(to),
        Found::Nothing => {
            // Whatever a web server said: no script was found.
            exchange.remove("SCRIPT_FILENAME");
            exchange.remove("PATH_TRANSLATED");
            Judged::Go
        }
        Found::Refused(status) => Judged::Status(status),
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
