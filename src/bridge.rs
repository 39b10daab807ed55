//! Any server machine joined to any client machine, without I/O.
//!
//! A [`Bridge`] carries the requests of one front (a connection to a web
//! server or browser, with a server machine) over connections behind (client
//! machines), and the answers back. It keeps no byte of a body: what cannot be
//! passed on stays at the front of the input that it came from, so that what
//! is not read holds the peer back by its own transport. Heads are gathered in
//! lent storage, two for each exchange.
//!
//! [`Bridge::step`] does one thing and says which; call it until it says
//! [`Step::Wait`], after anything has changed: input, room, a decision. No
//! answer that was cut behind looks complete in front, a request is sent again
//! only where that is safe, and fields that are for one connection alone are
//! dropped (see [`Policy`]).
//!
//! # The loop
//!
//! Lend rooms, give input, do what the step says, and step again until it says
//! [`Step::Wait`]. Nothing is forgotten that a step could not do, because a
//! room or an input was missing: a later one does it.
//!
//! ```
//! use vestibule::bridge::{Back, Bridge, Exchange, Feed, Rooms, Step};
//! use vestibule::{Fields, fcgi, http1};
//!
//! let exchange = Exchange::new(Fields::new([0; 1024]), Fields::new([0; 1024]));
//! let mut bridge = Bridge::new([exchange]);
//! let mut server = http1::Server::new();
//! let mut backs = [Some(Back::new(fcgi::Client::default()))];
//!
//! let mut input = &b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"[..];
//! let mut to_app = Vec::new();
//! loop {
//!     let (mut front, mut back) = ([0; 1024], [0; 1024]);
//!     let rooms = Rooms { to_front: Some(&mut front), to_back: Some(&mut back) };
//!     let feed = Feed::Bytes(&mut input);
//!     match bridge.step(&mut server, feed, &mut backs, None, rooms) {
//!         Step::Head(place) => bridge.forward(place),
//!         Step::ToBack(_, frame, _) => to_app.extend(frame.slices().concat()),
//!         Step::Wait => break,
//!         _ => {}
//!     }
//! }
//! assert!(to_app.windows(9).any(|w| w == b"HTTP_HOST"));
//! ```
//!
//! - A head goes on as it came. What an application wants beside it, a web
//!   server makes: change it at [`Step::Head`], by [`Exchange::request_mut`]
//!   and [`http1::meta::complete`](crate::http1::meta::complete) or
//!   [`ajp::meta::complete`](crate::ajp::meta::complete).
//! - Every request that was begun with an exchange free ends in one
//!   [`Step::Over`], also one whose head never became complete. A decision
//!   that was put off ([`Step::Head`], [`Step::Connect`]) is void with it: the
//!   place is another request's afterwards.
//! - Rooms are as large as the longest head that is to pass. One that does not
//!   fit is refused (431, or 502 for an answer); where the refusal does not
//!   fit either, the front's machine says [`Close`](crate::After::Close).
//! - What is left of a cursor is to be given again. Where bytes that are kept
//!   ([`Bridge::keeps`], [`Back::keeps`]) come no more, because the caller has
//!   thrown them away, the exchange ends: as aborted in front, as cut behind.
//! - While the front keeps bytes of a request that waits for a connection,
//!   nothing behind them is read, the bodies of other requests on it included.
//!   Provide as many connections as there are exchanges, or refuse.
//! - A front that is gone both ways: [`Server::cancel`](crate::Server::cancel)
//!   on its machine, and go on to step and to lend rooms until no exchange is
//!   [`active`](Bridge::active); what is made for it may be dropped.
//! - What behind is gone, or is not waited for any more: [`Back::give_up`]. An
//!   exchange that is aborted leaves its back at once; see [`Back::aborted`].
//! - Once [`lost`](Bridge::lost) says why, no input of the front is of use.
//!
//! # Threads
//!
//! The two sides need not be given together: a thread that reads the front
//! gives [`Feed::Nothing`] for what it has not, one that reads a back gives
//! that back's input alone, and both lend rooms for both sides, under one
//! lock around bridge and machines. Any thread's step may make any frame.
//! After a step that did anything wake the threads that wait, above all the
//! one with the front: a body may pass on, a head may be asked about.
//!
//! # Parking
//!
//! A frame that cannot be written whole is parked ([`Frame::park`]) with its
//! body, and [`Source`] says where that lies: in the room, which is not lent
//! again meanwhile, or in the input of the other side, right before what is
//! left of the cursor. Until it is written no room is lent for that side
//! ([`Back::set_busy`] for one of several backs).
//!
//! ```
//! # use vestibule::bridge::{Back, Bridge, Exchange, Feed, Rooms, Source, Step};
//! # use vestibule::{Fields, Parked, fcgi, http1};
//! # let exchange = Exchange::new(Fields::new([0; 256]), Fields::new([0; 256]));
//! # let mut bridge = Bridge::new([exchange]);
//! # let mut server = http1::Server::new();
//! # let mut backs = [Some(Back::new(fcgi::Client::default()))];
//! # let request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
//! let mut input = &request[..];
//! let mut parked: Option<(Parked, Vec<u8>)> = None;
//! while parked.is_none() {
//!     let (mut front, mut back) = ([0; 512], [0; 512]);
//!     let rooms = Rooms { to_front: Some(&mut front), to_back: Some(&mut back) };
//!     match bridge.step(&mut server, Feed::Bytes(&mut input), &mut backs, None, rooms) {
//!         Step::Head(place) => bridge.forward(place),
//!         Step::ToBack(at, frame, Source::Input) => {
//!             // The last bytes that the step took of the front's input.
//!             let body = frame.slices()[1].to_vec();
//!             let end = request.len() - input.len();
//!             assert_eq!(body, request[end - body.len()..end]);
//!             parked = Some((frame.park(), body));
//!             backs[at].as_mut().unwrap().set_busy(true);
//!         }
//!         _ => {}
//!     }
//! }
//! let (frame, body) = parked.unwrap();
//! assert!(frame.unpark(&body).is_some_and(|f| f.slices()[1] == b"hello"));
//! ```
//!
//! # Sending again
//!
//! A request goes to another back where its client machine says that the first
//! cannot have acted on it ([`Response::Done`](crate::Response), `retry_safe`),
//! no byte of its body was passed on or dropped, nothing of an answer has
//! come, and [`Policy::attempts`] are left; a body that was kept goes there
//! whole. After [`UpstreamTimeout`](Error::UpstreamTimeout) it is not sent
//! again.

mod back;
mod exchange;
mod pass;
mod read;
mod step;
mod work;

use core::marker::PhantomData;

use crate::error::Error;
use crate::event::Id;
use crate::frame::Frame;

pub use back::Back;
pub use exchange::{End, Exchange};
pub use pass::Policy;

use exchange::{Due, Stage};

/// Bytes of a body at the front of an input, which its machine has taken.
#[derive(Clone, Copy, Debug)]
struct Kept {
    place: usize,
    count: usize,
}

/// Input of one side.
#[derive(Debug)]
pub enum Feed<'s, 'i> {
    /// None is at hand, and none is looked at.
    Nothing,
    /// What has come and was not used yet.
    Bytes(&'s mut &'i [u8]),
    /// The peer has closed its half, and what came before is used up.
    End,
}

/// Permission to make a frame for a side, and room for the head in it. None
/// while an earlier frame for that side is not written.
#[derive(Debug)]
pub struct Rooms<'o> {
    /// For the front.
    pub to_front: Option<&'o mut [u8]>,
    /// For a back; [`Back::set_busy`] excludes one of several.
    pub to_back: Option<&'o mut [u8]>,
}

/// Where the caller's bytes in a frame lie, for who parks it: see the
/// [module](self#parking).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// There are none, or they live for ever.
    Inline,
    /// In the room that was lent.
    Room,
    /// In the input of the other side, right before what is left of it.
    Input,
}

/// What a step came to. Places count exchanges, or backs, from zero.
#[derive(Debug)]
#[must_use = "a frame must be written, a question answered"]
pub enum Step<'o> {
    /// To be written to the front.
    ToFront(Frame<'o>, Source),
    /// To be written to a back.
    ToBack(usize, Frame<'o>, Source),
    /// The head of a request is complete, and of one that seldom has a body
    /// whether there is one: look at it ([`Bridge::exchange`]),
    /// change it, then call [`forward`](Bridge::forward),
    /// [`refuse`](Bridge::refuse) or [`take`](Bridge::take). Only where
    /// input of the front is given.
    Head(usize),
    /// No back takes the exchange of this place: provide one and step on, or
    /// [`refuse`](Bridge::refuse), or wait until another exchange is over.
    /// Said once, and again once an exchange behind has ended, or there are
    /// more or fewer backs.
    Connect(usize),
    /// Text for the log of the exchange.
    Log(usize, &'o [u8]),
    /// The exchange of this place is over; look at it before the next step.
    Over(usize),
    /// A lent room was used up for nothing.
    Again,
    /// Nothing is left to be done with what is there.
    Wait,
}

/// Joins one server machine to client machines. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub struct Bridge<B, T> {
    exchanges: T,
    storage: PhantomData<B>,
    policy: Policy,
    kept: Option<Kept>,
    /// Where the exchange is that the front's last event was about.
    place: usize,
    /// An answer to an event of the front's protocol, not yet given out.
    reply: Option<Frame<'static>>,
    /// A request for which there is no exchange.
    surplus: Option<Id>,
    /// Connections behind so far.
    serial: u32,
    /// The framing of the front is lost, and whether that was said.
    lost: Option<Error>,
    told: bool,
    date: Option<[u8; 29]>,
}

impl<B, T> Bridge<B, T> {
    /// With storage for as many exchanges as the server machine takes at once;
    /// requests that find none are refused
    /// ([`Overloaded`](Error::Overloaded)), without a [`Step::Over`].
    pub const fn new(exchanges: T) -> Self {
        Self::with_policy(exchanges, Policy::STRICT)
    }

    /// With another policy about fields.
    pub const fn with_policy(exchanges: T, policy: Policy) -> Self {
        Bridge {
            exchanges,
            storage: PhantomData,
            policy,
            kept: None,
            place: 0,
            reply: None,
            surplus: None,
            serial: 0,
            lost: None,
            told: false,
            date: None,
        }
    }

    /// Adds Date, in the form of RFC 9110, 5.6.7, to final answers that have
    /// none: what stands in front of browsers must. RFC 9110, 6.6.1.
    pub fn set_date(&mut self, date: [u8; 29]) {
        self.date = Some(date);
    }

    /// Why the framing of the front was lost, if it was. The refusal that is
    /// owed has come from [`step`](Self::step).
    pub const fn lost(&self) -> Option<Error> {
        self.lost
    }

    /// Whether bytes of the front's input were taken by the machine and not
    /// passed on: nothing is read from it before they are.
    pub const fn keeps(&self) -> bool {
        self.kept.is_some()
    }
}

impl<B, T> Bridge<B, T>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    T: AsRef<[Exchange<B>]> + AsMut<[Exchange<B>]>,
{
    /// An exchange: its heads, and what came of it.
    pub fn exchange(&self, place: usize) -> Option<&Exchange<B>> {
        self.exchanges.as_ref().get(place)
    }

    /// Refuses every exchange whose request has not come whole: the front took
    /// too long. Exchanges that are being answered go on.
    pub fn expire(&mut self, error: Error) {
        for e in self.exchanges.as_mut() {
            if !e.due.has(Due::ENDED) {
                e.fail(error);
            }
        }
    }

    /// The same, to change the head before it is passed on.
    pub fn exchange_mut(&mut self, place: usize) -> Option<&mut Exchange<B>> {
        self.exchanges.as_mut().get_mut(place)
    }

    /// Passes the request on, after [`Step::Head`]. Without effect otherwise,
    /// also where the front has gone away meanwhile.
    pub fn forward(&mut self, place: usize) {
        if let Some(e) = self.exchange_mut(place)
            && e.stage == Stage::Asked
        {
            e.stage = Stage::Waiting;
        }
    }

    /// Ends the exchange with the front's refusal for `error`, and aborts what
    /// runs behind, at any time. Where a head was sent, the answer is left
    /// visibly cut; where the answer was finished, nothing happens.
    ///
    /// ```
    /// use vestibule::bridge::{Back, Bridge, End, Exchange, Feed, Rooms, Step};
    /// use vestibule::{Error, Fields, fcgi, http1};
    ///
    /// let exchange = Exchange::new(Fields::new([0; 256]), Fields::new([0; 256]));
    /// let mut bridge = Bridge::new([exchange]);
    /// let mut server = http1::Server::new();
    /// let mut none: [Option<Back<fcgi::Client>>; 0] = [];
    /// let mut input = &b"GET /private HTTP/1.1\r\nHost: h\r\n\r\n"[..];
    /// let mut answer = Vec::new();
    /// loop {
    ///     let mut room = [0; 256];
    ///     let rooms = Rooms { to_front: Some(&mut room), to_back: None };
    ///     match bridge.step(&mut server, Feed::Bytes(&mut input), &mut none, None, rooms) {
    ///         Step::Head(place) => bridge.refuse(place, Error::Overloaded),
    ///         Step::ToFront(frame, _) => answer.extend(frame.slices().concat()),
    ///         Step::Over(place) => {
    ///             let exchange = bridge.exchange(place).unwrap();
    ///             assert_eq!(exchange.request().get(b"REQUEST_URI"), Some(&b"/private"[..]));
    ///             assert_eq!((exchange.status(), exchange.sent()), (503, 0));
    ///             assert_eq!(exchange.end(), End::Failed(Error::Overloaded));
    ///             break;
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// assert!(answer.starts_with(b"HTTP/1.1 503 "));
    /// ```
    pub fn refuse(&mut self, place: usize, error: Error) {
        if let Some(e) = self.exchange_mut(place) {
            e.fail(error);
        }
    }

    /// The caller answers by itself, after [`Step::Head`], with the machine's
    /// own calls: the id to answer. What still comes of the request's body is
    /// dropped. [`Exchange::set_sent`] and [`take_end`](Self::take_end) end it.
    ///
    /// Where the client goes away or spoils its request meanwhile, the bridge
    /// ends the exchange by itself, and says [`Step::Over`]: then the id is no
    /// longer the caller's.
    ///
    /// ```
    /// use vestibule::bridge::{Back, Bridge, Exchange, Feed, Rooms, Step};
    /// use vestibule::{Fields, Length, Server as _, fcgi, http1};
    ///
    /// let exchange = Exchange::new(Fields::new([0; 256]), Fields::new([0; 256]));
    /// let mut bridge = Bridge::new([exchange]);
    /// let mut server = http1::Server::new();
    /// let mut none: [Option<Back<fcgi::Client>>; 0] = [];
    /// let mut input = &b"GET /ping HTTP/1.1\r\nHost: h\r\n\r\n"[..];
    /// let mut over = 0;
    /// loop {
    ///     let rooms = Rooms { to_front: Some(&mut []), to_back: None };
    ///     match bridge.step(&mut server, Feed::Bytes(&mut input), &mut none, None, rooms) {
    ///         Step::Head(place) => {
    ///             let id = bridge.take(place).unwrap();
    ///             let mut room = [0; 64];
    ///             // To be written.
    ///             let _head = server.head(id, 204, [], Length::None, &mut room)?;
    ///             let _end = server.finish(id, [], &mut [])?;
    ///             bridge.exchange_mut(place).unwrap().set_sent(204, 0);
    ///             bridge.take_end(place);
    ///         }
    ///         Step::Over(_) => over += 1,
    ///         Step::Wait => break,
    ///         _ => {}
    ///     }
    /// }
    /// assert_eq!(over, 1);
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    pub fn take(&mut self, place: usize) -> Option<Id> {
        let e = self.exchange_mut(place)?;
        if e.stage != Stage::Asked {
            return None;
        }
        e.stage = Stage::Taken;
        e.front
    }

    /// The answer of an exchange that was taken is finished, or failed.
    pub fn take_end(&mut self, place: usize) {
        if let Some(e) = self.exchange_mut(place)
            && e.stage == Stage::Taken
        {
            e.stage = Stage::Running;
            e.front = None;
        }
    }

    /// Whether any exchange is under way.
    pub fn active(&self) -> bool {
        let mut all = self.exchanges.as_ref().iter();
        all.any(|e| e.stage != Stage::Vacant)
    }

    /// Whether any exchange is under way on the back of this place.
    pub fn uses(&self, back: usize) -> bool {
        let mut all = self.exchanges.as_ref().iter();
        all.any(|e| e.back.is_some_and(|b| b.at == back))
    }
}

#[cfg(test)]
mod tests;
