//! `serve --to`: requests of any front go on to what stands behind.

use std::io::{self, Write};
use std::time::Duration;

use vestibule::adapt::gateway::{Behind, Decision, Exchanged, HEAD, run};
use vestibule::bridge::Policy;
use vestibule::fcgi::Role;
use vestibule::{Error, Field, Fields, Id, Length, Timeouts};

use crate::agreed::Agreed;
use crate::backs::{Back, Backs, Lease};
use crate::context::Ends;
use crate::date;
use crate::endpoint::{Address, Stream};
use crate::exchange::{Answer, Exchange};
use crate::front::Front;
use crate::logged::Lines;
use crate::machine::Machine;
use crate::scheme::Scheme;
use crate::site::{Judged, Site, say};

mod forward;

use forward::forwarded;

/// What stands behind.
pub type To = Backs<Machine>;

/// What stands behind, at this address.
pub fn to(address: Address, timeouts: Timeouts, agreed: Agreed) -> To {
    let timeout = Duration::from_millis(u64::from(timeouts.response));
    let scheme = address.scheme;
    Backs::new(address, timeout, move || Machine::behind(scheme, agreed))
}

/// A connection of a front, and what is watched of it.
pub struct Gate<'s> {
    pub site: &'s Site,
    pub lines: &'s Lines,
    pub ends: Ends,
    pub timeouts: Timeouts,
    /// Bodies of unknown length go on to what gets variables.
    pub unknown_length: bool,
}

impl Gate<'_> {
    /// Who says where the request comes from: a web server is believed.
    fn peer(&self, web_server: bool) -> forward::Peer {
        if web_server {
            return forward::Peer::WebServer;
        }
        let address = self.ends.remote.map(|at| at.ip().to_canonical());
        match self.site.trusted.policy().trusts(address) {
            true => forward::Peer::Trusted(address),
            false => forward::Peer::Client,
        }
    }

    /// Runs it to its end. `watch` is called whenever something has changed.
    pub fn run<V: Front + Send>(
        &self,
        to: &To,
        machine: V,
        exchanges: usize,
        front: &Stream,
        watch: impl Fn(&mut V) + Sync,
    ) {
        let through = Through {
            gate: self,
            backs: to,
            variables: to.scheme().is_of_web_servers(),
            watch,
            front: std::marker::PhantomData,
        };
        let policy = Policy::STRICT;
        run(&through, front, machine, exchanges, policy, self.timeouts);
    }
}

struct Through<'g, V, W> {
    gate: &'g Gate<'g>,
    backs: &'g To,
    /// What stands behind gets variables, and not the fields that a client
    /// sent.
    variables: bool,
    watch: W,
    front: std::marker::PhantomData<fn(V)>,
}

impl<V, W> Behind for Through<'_, V, W>
where
    V: Front + Send,
    W: Fn(&mut V) + Sync,
{
    type Server = V;
    type Client = Machine;
    type Stream = Lease;
    type Answer = (Judged, Exchange);

    fn connect(&self, fresh: bool) -> Result<(Lease, Machine), Error> {
        let kept = if fresh {
            // It was closed there, so others are, or will be.
            self.backs.forget();
            None
        } else {
            self.backs.kept()
        };
        let back = match kept {
            Some(back) => back,
            None => self.backs.connect().map_err(|error| {
                self.backs.complain(&error);
                match error.kind() {
                    io::ErrorKind::TimedOut => Error::UpstreamTimeout,
                    _ => Error::Upstream,
                }
            })?,
        };
        let Back { stream, client, .. } = back;
        Ok((stream, client))
    }

    fn release(&self, stream: Lease, client: Machine) {
        self.backs.keep(stream, client);
    }

    fn admit(&self, server: &V, id: Id) -> Result<(), Error> {
        match server.part(id) {
            Some(Role::Responder) => Ok(()),
            _ => Err(Error::Unsupported),
        }
    }

    fn head(&self, id: Id, head: &mut Fields<Vec<u8>>, length: Length) -> Decision<Self::Answer> {
        let mut exchange = Exchange::new(Role::Responder);
        let mut sent = Vec::new();
        for field in head.iter() {
            exchange.push(field);
            if !self.variables {
                sent.push((field.space, field.name.to_vec(), field.value.to_vec()));
            }
        }
        let teller = V::teller(&self.gate.ends);
        let judged = self.gate.site.judge(teller, &mut exchange, length);
        self.gate.lines.tell(id, exchange.all());
        match judged {
            Judged::Go
                if self.backs.scheme().runs_scripts() && self.gate.site.is_nothing(&exchange) =>
            {
                Decision::Answer((Judged::Status(404), exchange))
            }
            Judged::Go => {
                // Without CONTENT_LENGTH most read nothing. RFC 3875, 4.1.2.
                let wanted = match self.backs.scheme() {
                    Scheme::Fcgi => !self.gate.unknown_length,
                    scheme => scheme.wants_length(),
                };
                if wanted && length == Length::Unknown {
                    return Decision::Refuse(Error::LengthRequired);
                }
                head.clear();
                // Names and values as they are, and what a proxy adds.
                let fields = exchange.fields().map(|f| f.name.len() + f.value.len() + 16);
                head.reserve(fields.sum::<usize>() * 2 + 2048, HEAD);
                let passed = match self.variables {
                    true => exchange
                        .all()
                        .try_for_each(|(name, value)| head.push(Field::var(name, value))),
                    false => forwarded(&exchange, &sent, self.gate.peer(V::VARIABLES), head),
                };
                match passed {
                    Ok(()) => Decision::Forward,
                    Err(_) => Decision::Refuse(Error::HeadTooLong),
                }
            }
            judged => Decision::Answer((judged, exchange)),
        }
    }

    fn answer(
        &self,
        (judged, exchange): Self::Answer,
        server: &mut V,
        id: Id,
        out: &mut dyn Write,
    ) -> io::Result<(u16, u64)> {
        let mut answer = Answer::new(server, id, out);
        match say(judged, &exchange, &mut answer) {
            // Not the transport's fault but ours: say so while we can.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                answer.fail(Error::Internal)?;
            }
            said => said?,
        }
        answer.flush()?;
        Ok(answer.sent())
    }

    fn date(&self) -> Option<[u8; 29]> {
        if V::VARIABLES {
            return None;
        }
        let now = date::seconds(std::time::SystemTime::now());
        date::format(now).as_bytes().try_into().ok()
    }

    fn log(&self, text: &[u8]) {
        let mut text = crate::perform::visible(text, &mut 0);
        // Some applications end no line.
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        let _ = io::stderr().write_all(&text);
    }

    fn over(&self, exchange: &Exchanged) {
        let _ = exchange;
    }

    fn observe(&self, server: &mut V) {
        (self.watch)(server);
    }
}
