//! A server machine whose exchanges are logged, whoever drives it and whoever
//! answers: all that there is to a line passes through the machine.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vestibule::fcgi::Role;
use vestibule::{
    After, Error, Field, Frame, Id, Length, Next, Phase, Receive, Refused, Request, Server, Status,
};

use crate::access::{Entry, Log};
use crate::front::{Front, Own};

/// The lines that a connection owes: one for each exchange that is open.
pub struct Lines {
    log: Option<Arc<Log>>,
    /// Who asks, where no web server says so.
    client: Option<IpAddr>,
    entries: Mutex<Vec<(Id, Entry)>>,
}

impl Lines {
    pub fn new(log: Option<Arc<Log>>, client: Option<IpAddr>) -> Self {
        Lines {
            log,
            client,
            entries: Mutex::default(),
        }
    }

    /// What the request came to, in place of what came: the variables that
    /// were made of it. Nothing where there are none.
    pub fn tell<'v>(&self, id: Id, vars: impl Iterator<Item = (&'v [u8], &'v [u8])>) {
        let mut vars = vars.peekable();
        if vars.peek().is_some() {
            self.with(id, |entry| entry.variables(vars));
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, Vec<(Id, Entry)>>> {
        self.log.as_ref()?;
        Some(self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there was such an exchange.
    fn with(&self, id: Id, act: impl FnOnce(&mut Entry)) -> bool {
        let Some(mut entries) = self.lock() else {
            return false;
        };
        let found = entries.iter_mut().find(|e| e.0 == id);
        found.map(|(_, entry)| act(entry)).is_some()
    }

    fn begin(&self, id: Id) {
        self.end(id);
        if let Some(log) = &self.log
            && let Some(mut entries) = self.lock()
        {
            let mut entry = Entry::begin(Arc::clone(log));
            if let Some(ip) = self.client {
                entry.client(ip);
            }
            entries.push((id, entry));
        }
    }

    /// The exchange is over: its line is written.
    fn end(&self, id: Id) {
        if let Some(mut entries) = self.lock() {
            entries.retain(|e| e.0 != id);
        }
    }

    fn see<X>(&self, next: &Next<Request<'_, X>>) {
        match next {
            Next::Event(Request::Begin { id }) => self.begin(*id),
            Next::Event(Request::Field { id, field }) => {
                self.with(*id, |entry| entry.field(*field));
            }
            _ => {}
        }
    }
}

/// The machine.
pub struct Logged<'l, M> {
    machine: M,
    lines: &'l Lines,
}

impl<'l, M> Logged<'l, M> {
    pub fn new(machine: M, lines: &'l Lines) -> Self {
        Logged { machine, lines }
    }
}

impl<M: Front> Receive for Logged<'_, M> {
    type Event<'i> = Request<'i, M::Ext<'i>>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Self::Event<'i>>, Error> {
        let next = self.machine.next(input)?;
        self.lines.see(&next);
        Ok(next)
    }

    fn eof<'i>(&mut self) -> Result<Next<Self::Event<'i>>, Error> {
        let next = self.machine.eof()?;
        self.lines.see(&next);
        Ok(next)
    }
}

impl<M: Front> Status for Logged<'_, M> {
    fn phase(&self) -> Phase {
        self.machine.phase()
    }

    fn after(&self) -> After {
        self.machine.after()
    }
}

impl<M: Front> Server for Logged<'_, M> {
    type Ext<'i> = M::Ext<'i>;

    fn demand(&mut self, id: Id, max: usize) -> Result<Frame<'static>, Refused> {
        self.machine.demand(id, max)
    }

    fn interim<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        fields: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        self.machine.interim(id, status, fields, room)
    }

    fn head<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let frame = self
            .machine
            .head(id, status, fields.clone(), length, room)?;
        self.lines
            .with(id, |entry| entry.head(status, fields.into_iter()));
        Ok(frame)
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        let before = payload.len();
        let frame = self.machine.body(id, payload)?;
        // An empty frame: it was dropped, as after HEAD.
        if !frame.is_empty() {
            self.lines
                .with(id, |entry| entry.body(before - payload.len()));
        }
        Ok(frame)
    }

    fn finish<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        let frame = self.machine.finish(id, trailers, room)?;
        self.lines.end(id);
        Ok(frame)
    }

    fn fail<'b>(&mut self, id: Id, error: Error, room: &'b mut [u8]) -> Result<Frame<'b>, Refused> {
        let frame = self.machine.fail(id, error, room)?;
        let told = !frame.is_empty() && error != Error::Eof;
        let say = |entry: &mut Entry| {
            if told && !entry.answered() {
                entry.head(error.status(), std::iter::empty());
            }
        };
        // What is refused may not even have begun.
        if !self.lines.with(id, say) && told {
            self.lines.begin(id);
            self.lines.with(id, say);
        }
        self.lines.end(id);
        Ok(frame)
    }

    fn close_after(&mut self, id: Id) {
        self.machine.close_after(id);
    }

    fn shutdown(&mut self) {
        self.machine.shutdown();
    }

    fn cancel(&mut self) {
        self.machine.cancel();
    }

    fn default_reply(&mut self, ext: Self::Ext<'_>) -> Frame<'static> {
        if M::surplus(&ext)
            && let Some(log) = &self.lines.log
        {
            Entry::begin(Arc::clone(log)).head(Error::Overloaded.status(), std::iter::empty());
        }
        self.machine.default_reply(ext)
    }
}

impl<M: Front> Front for Logged<'_, M> {
    const VARIABLES: bool = M::VARIABLES;
    const FIELDS: bool = M::FIELDS;

    fn place(&self, id: Id) -> Option<usize> {
        self.machine.place(id)
    }

    fn part(&self, id: Id) -> Option<Role> {
        self.machine.part(id)
    }

    fn note<'b>(&mut self, id: Id, text: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        self.machine.note(id, text)
    }

    fn decline(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        let frame = self.machine.decline(id)?;
        self.lines.end(id);
        Ok(frame)
    }

    fn own<'i>(ext: &Self::Ext<'i>) -> Own<'i> {
        M::own(ext)
    }

    fn surplus(ext: &Self::Ext<'_>) -> bool {
        M::surplus(ext)
    }
}
