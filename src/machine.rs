//! The traits of the machines, and the contract that they keep.

use crate::error::{Error, Refused};
use crate::event::{Field, Id, Length, Next, Request, Response};
use crate::frame::Frame;
use crate::time::Phase;

/// A machine that takes bytes and gives events.
///
/// # Contract
///
/// 1. [`Next::NeedInput`] implies that `input` is empty. No machine asks for a
///    longer contiguous slice.
/// 2. [`Next::Paused`] may leave bytes. They stay the caller's; after a switch
///    of protocols they are the new protocol's first ones.
/// 3. An event borrows the input, nothing else: every call on the machine is
///    legal while it is held.
/// 4. One fact on the wire, one event, given when its last byte is taken (a
///    `Begin` at the request's first, where no message of its own says it).
///    Some facts have no byte of their own, such as the end of a counted body:
///    those events are *owed*, and come from the next call even when the input
///    is empty. So loop *until it is no event*, never *until the input is
///    empty*; [`drain`] does.
/// 5. Nothing is true before `HeadEnd`. However the input is cut, the events
///    are the same once the pieces of each field and neighbouring bytes of one
///    body are joined.
/// 6. Work is bounded: at most two events a byte and a constant more; each
///    call takes a byte, gives an event, or stops.
/// 7. When framing is lost the verdict is fixed at once. A request whose head
///    is not complete gets no further event. Every other open exchange gets
///    its one last event, one a call (`Fault` where an answer can still be
///    given, `Abort` where nobody listens, `Done` on a client); then `Err` for
///    ever. `Err` closes reading only: [`Server::fail`] still says what is owed.
/// 8. `Paused` may end by a call of ours with no new input: after every
///    sending call, call `next` again with the bytes that were kept.
/// 9. The bytes of a `Body` event are the last that the call took: a caller
///    that cannot use them all moves `input` back by what is left.
/// 10. No panic, no allocation, no clock, no I/O, no log, on any input and in
///     any order of calls.
pub trait Receive {
    /// What it gives. Never borrows the machine.
    type Event<'i>;

    /// Takes bytes off the front of `input` and gives at most one event.
    ///
    /// # Errors
    ///
    /// The peer broke the framing or a limit of the connection. Sticky: every
    /// later call gives the same, and where `input` then stands means nothing.
    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Self::Event<'i>>, Error>;

    /// The peer will send no more (half close). To be called once the input is
    /// used up, and again until it gives no event. Ends a body that only the
    /// close ends, is harmless between exchanges, and else gives each open
    /// exchange its one last event.
    ///
    /// # Errors
    ///
    /// The stream ended where it may not.
    fn eof<'i>(&mut self) -> Result<Next<Self::Event<'i>>, Error>;
}

/// Calls [`Receive::next`] until it gives no event, and says whether it gave one.
///
/// The closure gets the machine back with each event, so that it may answer.
///
/// ```
/// use vestibule::{Request, drain, fcgi};
/// let mut server = fcgi::Server::default();
/// let mut input = &b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0"[..];
/// let mut begun = 0;
/// drain(&mut server, &mut input, |_, event| {
///     begun += usize::from(matches!(event, Request::Begin { .. }));
/// })?;
/// assert_eq!(begun, 1);
/// # Ok::<(), vestibule::Error>(())
/// ```
///
/// # Errors
///
/// Those of [`Receive::next`].
pub fn drain<'i, M: Receive>(
    machine: &mut M,
    input: &mut &'i [u8],
    mut each: impl FnMut(&mut M, M::Event<'i>),
) -> Result<bool, Error> {
    let mut any = false;
    while let Next::Event(event) = machine.next(input)? {
        any = true;
        each(machine, event);
    }
    Ok(any)
}

/// What to do with the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum After {
    /// Go on.
    Keep,
    /// Shut down the writing half once all frames are written, and read on
    /// until this says `Close`: closing with unread input would destroy the
    /// answer under way.
    CloseWrite,
    /// Close, once all frames are written.
    Close,
}

/// What a machine says of itself.
pub trait Status {
    /// What it waits for, for [`Deadline`](crate::Deadline).
    fn phase(&self) -> Phase;
    /// What to do with the transport. May change after every call.
    fn after(&self) -> After;
}

/// The application's side.
///
/// Calls that are refused ([`Refused`]) change nothing. Every frame must be
/// written, in the order made; an empty one is nothing to write.
pub trait Server:
    Status + for<'i> Receive<Event<'i> = Request<'i, <Self as Server>::Ext<'i>>>
{
    /// The protocol's own events.
    type Ext<'i>;

    /// Says that up to `max` bytes of body can be taken now. An empty frame
    /// where the wire has no such thing, or where one is outstanding; so it is
    /// right to call it at `HeadEnd` and after each body that was passed on.
    fn demand(&mut self, id: Id, max: usize) -> Result<Frame<'static>, Refused>;

    /// An interim answer, `status` 100 to 199. An empty frame where the wire
    /// cannot carry one.
    fn interim<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        fields: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone;

    /// The head of the answer, encoded into `room` whole or not at all.
    fn head<'b, 'f, I>(
        &mut self,
        id: Id,
        status: u16,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone;

    /// Takes what one message can carry off the front of `payload`. With HEAD,
    /// 204 and 304 it takes all and gives an empty frame.
    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused>;

    /// Ends the answer. Trailers are dropped where the wire cannot carry them.
    fn finish<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone;

    /// Ends a spoilt exchange with the protocol's refusal; where a head was
    /// sent, so that the answer can be seen to be broken. Also ends an
    /// exchange after `Fault` and `Abort`.
    fn fail<'b>(&mut self, id: Id, error: Error, room: &'b mut [u8]) -> Result<Frame<'b>, Refused>;

    /// No other exchange on this connection once `id` has ended.
    fn close_after(&mut self, id: Id);

    /// Takes nothing new; what runs is finished.
    fn shutdown(&mut self);

    /// The transport is gone both ways, seen while nobody read: the next calls
    /// of `next` give each open exchange its last event and take no input.
    fn cancel(&mut self);

    /// The protocol's usual answer to an event of its own (a pong, a values
    /// reply, the refusal of a surplus request).
    fn default_reply(&mut self, ext: Self::Ext<'_>) -> Frame<'static>;
}

/// The web server's side.
///
/// Calls that are refused ([`Refused`]) change nothing. Every frame must be
/// written, in the order made; an empty one is nothing to write.
pub trait Client:
    Status + for<'i> Receive<Event<'i> = Response<'i, <Self as Client>::Ext<'i>>>
{
    /// The protocol's own events.
    type Ext<'i>;

    /// How many exchanges [`open`](Self::open) would take now.
    fn free(&self) -> usize;

    /// Begins a request with its whole head, encoded into `room` or not at
    /// all. With [`Length::None`] the request is complete.
    fn open<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone;

    /// How many bytes of body may be sent now; `usize::MAX` where the wire has
    /// no bound.
    fn credit(&self, id: Id) -> usize;

    /// Gives credit though the peer has said nothing: to be called when the
    /// caller's time for its word (100 Continue) is over, since some never say
    /// it. Does nothing where the wire has no such word, or where nobody may
    /// send without having been asked.
    fn proceed(&mut self, id: Id) -> Result<(), Refused> {
        let _ = id;
        Ok(())
    }

    /// Takes what one message can carry off the front of `payload`; an empty
    /// frame, and nothing taken, where there is no credit.
    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused>;

    /// Ends the body. Trailers are dropped where the wire cannot carry them.
    /// May be an empty frame; after it, each `Demand` is answered by calling
    /// this again, with no trailers.
    fn body_end<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone;

    /// Gives the request up. Its `Done` still comes.
    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused>;

    /// The transport is gone both ways; see [`Server::cancel`].
    fn cancel(&mut self);
}
