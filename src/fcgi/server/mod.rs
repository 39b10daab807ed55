//! The application's side. FastCGI 1.0, 3.5 and 6.

mod ending;
mod input;
mod limits;
mod output;
mod records;
mod slot;

use super::Role;
use super::record::{Header, Reader, kind};
use super::values;
use crate::error::{Error, Refused};
use crate::event::{Id, Rejection, Request};
use crate::frame::Frame;
use crate::machine::{After, Status};
use crate::time::Phase;

pub use limits::Limits;
pub use slot::Slot;
use slot::{Stage, flag};

/// FastCGI's own events for an application. All but `Data` and `DataEnd` want
/// an answer: [`default_reply`](crate::Server::default_reply).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ext<'i> {
    /// Bytes of the file that a Filter works on. 6.4.
    Data {
        /// Which request.
        id: Id,
        /// The bytes, at least one.
        bytes: &'i [u8],
    },
    /// The file is complete; compare its length to FCGI_DATA_LENGTH. 6.4.
    DataEnd {
        /// Which request.
        id: Id,
    },
    /// The peer asks for values. 4.1.
    Values(values::Wanted),
    /// A management record of a type that this machine does not know. 4.2.
    UnknownType(u8),
    /// A request that is not taken; input for it is dropped. 5.5.
    Surplus {
        /// Its id.
        id: Id,
        /// Why.
        reason: Rejection,
    },
}

/// An event of a [`Server`].
pub type Event<'i> = Request<'i, Ext<'i>>;

/// What the content at hand is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// PARAMS, at the border of a pair: the hot one.
    Pairs,
    /// PARAMS, inside a pair.
    CutPair,
    Begin,
    Stdin,
    Data,
    Query,
    Skip,
}

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Open,
    /// No new request; closes when what runs is over.
    Closing,
    /// We have closed our half, or are about to.
    Lingering,
    /// The peer has closed its half.
    Ended,
    /// Nothing is read any more. Says whether requests are lost with it.
    Lost(Error, Lost),
    /// To be closed at once.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// The framing: an answer can still be given.
    Framing,
    /// The transport: nobody listens.
    Transport,
}

/// An application's end of a FastCGI connection: Responder, Authorizer and
/// Filter, as many requests at once as there are slots.
///
/// With one slot the connection takes one request at a time, and refuses
/// others with CANT_MPX_CONN; with several, those that find no free slot with
/// OVERLOADED.
///
/// ```
/// use vestibule::fcgi::Server;
/// use vestibule::{Field, Length, Next, Receive, Request, Server as _};
/// # let bytes = [
/// #     &b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0"[..],
/// #     b"\x01\x04\0\x01\0\x0f\x01\0\x0b\x02SERVER_PORT80\0\x01\x04\0\x01\0\0\0\0\x01\x05\0\x01\0\0\0\0",
/// # ].concat();
/// let mut server = Server::default();
/// let mut input = &bytes[..];
/// let mut output = Vec::new();
/// while let Next::Event(event) = server.next(&mut input)? {
///     match event {
///         Request::BodyEnd { id } => {
///             let mut room = [0; 128];
///             let fields = [Field::header(b"Content-Type", b"text/plain")];
///             let frame = server.head(id, 200, fields, Length::Known(2), &mut room)?;
///             output.extend(frame.slices().concat());
///             let mut payload = &b"ok"[..];
///             output.extend(server.body(id, &mut payload)?.slices().concat());
///             output.extend(server.end(id, 0)?.slices().concat());
///         }
///         Request::Fault { id, error } => {
///             output.extend(server.fail(id, error, &mut [])?.slices().concat());
///         }
///         Request::Abort { id } => drop(server.end(id, 0)?),
///         Request::Ext(ext) => output.extend(server.default_reply(ext).slices().concat()),
///         _ => {}
///     }
/// }
/// # assert!(output.ends_with(b"\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Server<S = [Slot; 1]> {
    reader: Reader,
    target: Target,
    /// Of the record at hand.
    id: Id,
    slot: u16,
    /// Fields that the request at hand may still have.
    fields_left: u32,
    limits: Limits,
    link: Link,
    query: values::Query,
    active: u16,
    /// How many of the active ones wait for PARAMS, and for STDIN or DATA.
    in_head: u16,
    in_body: u16,
    any_body_length: bool,
    max_conns: u16,
    max_reqs: u16,
    stray: u32,
    idle: u32,
    management: u32,
    slots: S,
}

impl Default for Server {
    fn default() -> Self {
        Server::new([Slot::EMPTY; 1])
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Server<S> {
    /// With the default limits. The slots are taken to be empty.
    pub const fn new(slots: S) -> Self {
        Self::with_limits(slots, Limits::DEFAULT)
    }

    /// With limits of the caller's.
    pub const fn with_limits(slots: S, limits: Limits) -> Self {
        Server {
            reader: Reader::NEW,
            target: Target::Skip,
            id: Id::SOLE,
            slot: 0,
            fields_left: 0,
            limits,
            link: Link::Open,
            query: values::Query::NEW,
            active: 0,
            in_head: 0,
            in_body: 0,
            any_body_length: false,
            max_conns: 1,
            max_reqs: 1,
            stray: 0,
            idle: 0,
            management: 0,
            slots,
        }
    }

    /// What FCGI_MAX_CONNS and FCGI_MAX_REQS are answered with: how many
    /// connections, and requests over all of them, the application takes at
    /// once. Default 1 and 1. 4.1.
    ///
    /// ```
    /// use vestibule::fcgi::{Server, Slot};
    /// let server = Server::new([Slot::EMPTY; 4]).values(10, 40);
    /// # let _ = server;
    /// ```
    #[must_use]
    pub const fn values(mut self, max_conns: u16, max_reqs: u16) -> Self {
        self.max_conns = max_conns;
        self.max_reqs = max_reqs;
        self
    }

    /// A leniency: STDIN may be longer or shorter than CONTENT_LENGTH says
    /// (default: a fault either way). It is needed behind web servers that
    /// announce a body and do not send it, as for a subrequest; with it on,
    /// the application must compare [`content_length`](Self::content_length)
    /// to what came, or take a cut body for a whole one.
    ///
    /// ```
    /// let server = vestibule::fcgi::Server::default().any_body_length(true);
    /// # let _ = server;
    /// ```
    #[must_use]
    pub const fn any_body_length(mut self, on: bool) -> Self {
        self.any_body_length = on;
        self
    }

    /// The index of the slot of an active request: a key for tables of the
    /// caller's.
    ///
    /// ```
    /// use vestibule::fcgi::{Role, Server};
    /// use vestibule::{Id, Receive};
    /// let mut server = Server::default();
    /// let mut input = &b"\x01\x01\0\x01\0\x08\0\0\0\x02\x01\0\0\0\0\0"[..];
    /// let _begin = server.next(&mut input)?;
    /// let id = Id::SOLE;
    /// assert_eq!((server.slot_of(id), server.active()), (Some(0), 1));
    /// assert_eq!((server.role(id), server.keep_conn(id)), (Some(Role::Authorizer), true));
    /// assert_eq!((server.content_length(id), server.strays()), (None, 0));
    /// assert!(server.discard(id).is_ok());
    /// # Ok::<(), vestibule::Error>(())
    /// ```
    pub fn slot_of(&self, id: Id) -> Option<usize> {
        let slots = self.slots.as_ref();
        let guess = usize::from(id.get().wrapping_sub(1));
        let is = |s: &Slot| s.id == id.get() && s.stage != Stage::Free;
        if slots.get(guess).is_some_and(is) {
            return Some(guess);
        }
        if self.active == 0 {
            return None;
        }
        (0..slots.len()).find(|i| slots.get(*i).is_some_and(is))
    }

    fn find(&self, id: Id) -> Option<&Slot> {
        self.slots.as_ref().get(self.slot_of(id)?)
    }

    /// The role that an active request wants played. 5.1.
    pub fn role(&self, id: Id) -> Option<Role> {
        self.find(id).map(|slot| slot.role)
    }

    /// Whether the peer wants the connection kept after an active request
    /// (KEEP_CONN, 5.1). False for others.
    pub fn keep_conn(&self, id: Id) -> bool {
        self.find(id).is_some_and(|slot| slot.is(flag::KEEP_CONN))
    }

    /// CONTENT_LENGTH of an active request, if it was given and is valid;
    /// true once its head is complete.
    pub fn content_length(&self, id: Id) -> Option<u64> {
        let slot = self.find(id)?;
        (slot.is(flag::LENGTH) && !slot.is(flag::BAD_LENGTH)).then_some(slot.declared)
    }

    /// How many requests are active: begun, and not ended by us.
    pub fn active(&self) -> usize {
        usize::from(self.active)
    }

    /// Records so far that no conforming peer sends; they were skipped.
    pub fn strays(&self) -> u32 {
        self.stray
    }

    /// Drops the rest of a request's body: no `Body`, `Data` or fault about
    /// lengths will come, but its ends do. For an application that has seen
    /// enough and wants to answer at its leisure. What is dropped counts as
    /// [`idle_records`](Limits::idle_records).
    ///
    /// # Errors
    ///
    /// [`Refused::UnknownId`].
    pub fn discard(&mut self, id: Id) -> Result<(), Refused> {
        let index = self.slot_of(id);
        let current = index == Some(usize::from(self.slot));
        match index.and_then(|i| self.slots.as_mut().get_mut(i)) {
            Some(slot) => {
                slot.set(flag::DISCARD);
                if current && matches!(self.target, Target::Stdin | Target::Data) {
                    self.target = Target::Skip;
                }
                Ok(())
            }
            None => Err(Refused::UnknownId),
        }
    }

    #[inline]
    fn set_stage(&mut self, index: usize, stage: Stage) {
        let Some(slot) = self.slots.as_mut().get_mut(index) else {
            return;
        };
        let old = core::mem::replace(&mut slot.stage, stage);
        // Wrapping, but each request is counted in before it is counted out.
        match old {
            Stage::Params => self.in_head = self.in_head.wrapping_sub(1),
            Stage::Stdin | Stage::Data => self.in_body = self.in_body.wrapping_sub(1),
            Stage::Free | Stage::Run => {}
        }
        match stage {
            Stage::Params => self.in_head = self.in_head.wrapping_add(1),
            Stage::Stdin | Stage::Data => self.in_body = self.in_body.wrapping_add(1),
            Stage::Free | Stage::Run => {}
        }
    }

    /// Frees a slot; what is left of the record at hand belongs to nobody.
    fn release(&mut self, index: usize) {
        self.set_stage(index, Stage::Free);
        if usize::from(self.slot) == index
            && self.target != Target::Query
            && self.target != Target::Begin
        {
            self.target = Target::Skip;
        }
        self.active = self.active.saturating_sub(1);
        let Some(slot) = self.slots.as_mut().get_mut(index) else {
            return;
        };
        let keep = slot.is(flag::KEEP_CONN) && !slot.is(flag::CLOSE_AFTER);
        *slot = Slot::EMPTY;
        if !keep {
            self.close();
        } else {
            self.settle();
        }
    }

    fn close(&mut self) {
        if self.link == Link::Open {
            self.link = Link::Closing;
        }
        self.settle();
    }

    /// Closing becomes lingering once nothing runs.
    fn settle(&mut self) {
        if self.link == Link::Closing && self.active == 0 {
            self.link = Link::Lingering;
            self.idle = 0;
        }
    }
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Status for Server<S> {
    fn phase(&self) -> Phase {
        match self.link {
            Link::Lingering => Phase::Closing,
            _ if self.active == 0 && self.reader.at_border() => Phase::Idle,
            _ if self.active == self.in_head => Phase::Head,
            _ if self.in_body > 0 || self.in_head > 0 => Phase::Body,
            _ => Phase::Response,
        }
    }

    fn after(&self) -> After {
        match self.link {
            Link::Open | Link::Closing => After::Keep,
            Link::Lingering if self.idle >= self.limits.linger_bytes => After::Close,
            Link::Lingering => After::CloseWrite,
            Link::Ended | Link::Lost(..) if self.active == 0 => After::Close,
            Link::Ended | Link::Lost(..) => After::Keep,
            Link::Broken => After::Close,
        }
    }
}

/// END_REQUEST: header and content. 5.5.
fn end_request(id: Id, app_status: u32, protocol_status: u8) -> [u8; 16] {
    let [a0, a1, a2, a3] = app_status.to_be_bytes();
    let [h0, h1, h2, h3, h4, h5, h6, h7] = Header::of(kind::END_REQUEST, id.get(), 8).encode();
    [
        h0,
        h1,
        h2,
        h3,
        h4,
        h5,
        h6,
        h7,
        a0,
        a1,
        a2,
        a3,
        protocol_status,
        0,
        0,
        0,
    ]
}

/// The protocolStatus of a rejection. 5.5.
fn protocol_status(reason: Rejection) -> u8 {
    match reason {
        Rejection::CantMultiplex => 1,
        Rejection::Overloaded => 2,
        Rejection::UnknownRole => 3,
        Rejection::Other(code) => code,
    }
}

/// The answers to what the application never sees. 4.1, 4.2, 5.5.
fn reply<S: AsRef<[Slot]>>(server: &Server<S>, ext: Ext<'_>) -> Frame<'static> {
    match ext {
        Ext::Data { .. } | Ext::DataEnd { .. } => Frame::EMPTY,
        Ext::Values(wanted) => {
            let multiplex = server.slots.as_ref().len() > 1;
            values::reply(wanted, server.max_conns, server.max_reqs, multiplex)
        }
        Ext::UnknownType(unknown) => Frame::EMPTY
            .head(&Header::of(kind::UNKNOWN_TYPE, 0, 8).encode())
            .head(&[unknown, 0, 0, 0, 0, 0, 0, 0]),
        Ext::Surplus { id, reason } => {
            Frame::EMPTY.head(&end_request(id, 0, protocol_status(reason)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Next;
    use crate::machine::{Receive, Server as _};

    /// BEGIN_REQUEST, one pair, the ends of PARAMS and STDIN: FastCGI 1.0, appendix B.
    fn get(id: u16, keep: u8) -> Vec<u8> {
        let [_, id] = id.to_be_bytes();
        let mut bytes = vec![1, 1, 0, id, 0, 8, 0, 0, 0, 1, keep, 0, 0, 0, 0, 0];
        bytes.extend([1, 4, 0, id, 0, 15, 1, 0]);
        bytes.extend(b"\x0b\x02SERVER_PORT80\0");
        bytes.extend([1, 4, 0, id, 0, 0, 0, 0, 1, 5, 0, id, 0, 0, 0, 0]);
        bytes
    }

    fn run<S: AsRef<[Slot]> + AsMut<[Slot]>>(
        server: &mut Server<S>,
        input: &[u8],
        step: usize,
    ) -> Vec<String> {
        let mut log = Vec::new();
        for chunk in input.chunks(step) {
            let mut chunk = chunk;
            loop {
                match server.next(&mut chunk) {
                    Ok(Next::Event(event)) => log.push(format!("{event:?}")),
                    Ok(_) => break,
                    Err(error) => {
                        log.push(format!("{error:?}"));
                        return log;
                    }
                }
            }
            assert!(chunk.is_empty());
        }
        log
    }

    #[test]
    fn a_request_and_its_answer() {
        let mut server = Server::default();
        let log = run(&mut server, &get(1, 0), 1000);
        assert_eq!(log.len(), 4, "{log:?}");
        assert_eq!(server.phase(), Phase::Response);
        let id = Id::SOLE;
        let mut room = [0; 64];
        assert!(server.end(id, 0).is_err());
        let head = server
            .head(id, 200, [], crate::Length::Known(2), &mut room)
            .map(|f| f.slices().concat());
        assert!(head.is_ok(), "{head:?}");
        let mut payload = &b"okk"[..];
        assert_eq!(
            server.body(id, &mut payload).err(),
            Some(crate::Refused::TooLong)
        );
        assert_eq!(server.end(id, 0).err(), Some(crate::Refused::State));
        let mut payload = &b"ok"[..];
        let body = server.body(id, &mut payload).map(|f| f.slices().concat());
        assert_eq!(
            body,
            Ok(b"\x01\x06\0\x01\0\x02\x06\0ok\0\0\0\0\0\0".to_vec())
        );
        assert_eq!(server.after(), After::Keep);
        let end = server.end(id, 3).map(|f| f.slices().concat());
        let expected = b"\x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\x03\0\0\0\0";
        assert_eq!(end, Ok(expected.to_vec()));
        assert_eq!(
            (server.after(), server.phase()),
            (After::CloseWrite, Phase::Closing)
        );
        assert_eq!(server.eof(), Ok(Next::NeedInput));
        assert_eq!(server.after(), After::Close);
    }

    #[test]
    fn fail_before_any_output_fits_inline() {
        for error in [
            Error::BadPair,
            Error::HeadTooLong,
            Error::Overloaded,
            Error::Internal,
        ] {
            for logged in [false, true] {
                let mut server = Server::default();
                let _ = run(&mut server, &get(1, 1), 7);
                if logged {
                    let _ = server.stderr(Id::SOLE, &mut &b"x"[..]);
                }
                let bytes = server
                    .fail(Id::SOLE, error, &mut [])
                    .map(|f| f.slices().concat())
                    .unwrap_or_default();
                assert_eq!(bytes.len() % 8, 0);
                let tail = bytes.get(bytes.len() - 16..).unwrap_or(&[]);
                let status = if error == Error::Overloaded && !logged {
                    (0, 2)
                } else {
                    (1, 0)
                };
                assert_eq!(tail, end_request(Id::SOLE, status.0, status.1));
                assert_eq!(server.active(), 0);
            }
        }
    }

    #[test]
    fn a_lost_framing_faults_what_runs_and_drops_what_only_began() {
        let mut server = Server::new([Slot::EMPTY; 3]);
        let mut bytes = get(1, 1);
        bytes.extend(get(2, 1).get(..16).unwrap_or(&[]));
        bytes.extend([2, 0, 0, 0, 0, 0, 0, 0]);
        for step in 1..bytes.len() {
            let mut server = server;
            let log = run(&mut server, &bytes, step);
            let last: Vec<_> = log.iter().rev().take(2).collect();
            assert!(
                last[1].starts_with("Fault") && last[0] == "Version(2)",
                "{log:?}"
            );
            assert_eq!(server.active(), 1);
            assert_eq!(server.after(), After::Keep);
            assert!(server.fail(Id::SOLE, Error::Version(2), &mut []).is_ok());
            assert_eq!(server.after(), After::Close);
            assert_eq!(server.next(&mut &b"x"[..]), Err(Error::Version(2)));
        }
        server.cancel();
        assert_eq!(server.next(&mut &b"x"[..]), Err(Error::Eof));
    }

    #[test]
    fn eof_aborts() {
        let mut server = Server::new([Slot::EMPTY; 3]);
        let _ = run(&mut server, &[get(1, 1), get(2, 1)].concat(), 1000);
        for n in [1, 2] {
            let id = Id::new(n).unwrap_or(Id::SOLE);
            assert_eq!(server.eof(), Ok(Next::Event(Request::Abort { id })));
        }
        assert_eq!(server.eof(), Ok(Next::NeedInput));
        assert_eq!(server.after(), After::Keep);
        for n in [1, 2] {
            assert!(server.end(Id::new(n).unwrap_or(Id::SOLE), 0).is_ok());
        }
        assert_eq!(server.after(), After::Close);
    }

    #[test]
    fn sizes() {
        assert!(size_of::<Server>() <= 160, "{}", size_of::<Server>());
    }
}
