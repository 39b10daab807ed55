//! What a client machine sends. FastCGI 1.0, 5.

use super::slot::{self, Input, Life, Slot};
use super::{Client, Now, Query};
use crate::cgi::response::State;
use crate::cgi::send::{Block, Facts, is_of_wire};
use crate::error::Refused;
use crate::event::{Field, Id, Length};
use crate::fcgi::encode::Params;
use crate::fcgi::record::{HEADER, Header, kind, stream};
use crate::fcgi::{Role, values};
use crate::frame::Frame;
use crate::text::decimal::Decimal;

/// FCGI_KEEP_CONN. FastCGI 1.0, 5.1.
const KEEP_CONN: u8 = 1;

/// Not declared.
const OPEN_END: u64 = u64::MAX;

/// A record of the front of `payload`, no more than `left` in all.
fn record<'b>(
    kind: u8,
    id: Id,
    left: &mut u64,
    payload: &mut &'b [u8],
) -> Result<Frame<'b>, Refused> {
    let len = u64::try_from(payload.len()).unwrap_or(u64::MAX);
    if *left != OPEN_END && len > *left {
        return Err(Refused::TooLong);
    }
    let frame = stream(kind, id, payload);
    if *left != OPEN_END {
        let rest = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        *left = left.saturating_sub(len.saturating_sub(rest));
    }
    Ok(frame)
}

impl<S: AsRef<[Slot]> + AsMut<[Slot]>> Client<S> {
    /// Begins a request: BEGIN_REQUEST, all of PARAMS, and where `length` is
    /// [`Length::None`] the end of STDIN, as one frame. FastCGI 1.0, 5.1 and
    /// 5.2.
    ///
    /// `keep` asks the application not to close the connection afterwards;
    /// once a request went without it, no other is taken.
    ///
    /// Header fields become variables as [`vars`](crate::cgi::meta::vars) says,
    /// with [`Mapping::GATEWAY`](crate::cgi::meta::Mapping::GATEWAY). SCGI and
    /// FCGI_ROLE are withheld: the one is another wire's, the other is said by
    /// `role`.
    ///
    /// CONTENT_LENGTH is added where `length` is [`Length::Known`]; where it is
    /// among the fields it must be the same number, or empty where there is
    /// none. An authorizer is sent no STDIN, so its `length` is `None`, and of
    /// the fields CONTENT_LENGTH, PATH_INFO, PATH_TRANSLATED and SCRIPT_NAME
    /// are left out (6.3). A filter's FCGI_DATA_LENGTH bounds DATA as
    /// CONTENT_LENGTH does STDIN.
    ///
    /// ```
    /// use vestibule::fcgi::{Role, client::Client};
    /// use vestibule::{Field, Length};
    /// let mut client = Client::default();
    /// let mut room = [0; 64];
    /// let fields = [Field::var(b"REQUEST_METHOD", b"GET")];
    /// let (id, frame) = client.begin(Role::Responder, false, fields, Length::None, &mut room)?;
    /// assert_eq!(id.get(), 1);
    /// assert_eq!(frame.len(), 16 + 8 + 24 + 8 + 8);
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `State`: the connection takes no more requests, or this authorizer's
    /// `length`. `Full`. `Room`. `TooLong`: a pair above 65,528 bytes, which
    /// would have to be cut, and some peers cannot join it. `Field`: what
    /// [`vars`](crate::cgi::meta::vars) does not take, a name with `=`, NUL, two of REQUEST_METHOD, CONTENT_LENGTH or
    /// FCGI_DATA_LENGTH, a length that is no number or another one.
    pub fn begin<'b, 'f, I>(
        &mut self,
        role: Role,
        keep: bool,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        if !self.takes() {
            return Err(Refused::State);
        }
        if role == Role::Authorizer && length != Length::None {
            return Err(Refused::State);
        }
        let index = self.vacant().ok_or(Refused::Full)?;
        let id = super::id_of(index).ok_or(Refused::Full)?;
        let mut facts = match role {
            Role::Authorizer => Facts::AUTHORIZER,
            Role::Responder | Role::Filter => Facts::IN_PLACE,
        };
        let begin = |room| Params::new(id.get(), room);
        let mut params = facts.write(room, &fields, begin, |name, _| Ok(!is_of_wire(name)))?;
        if role != Role::Authorizer {
            match (length, facts.length) {
                _ if !facts.agrees(length) => return Err(Refused::Field),
                (Length::Known(n), None) => {
                    params = params.long(b"CONTENT_LENGTH", Decimal::new(n).bytes())?;
                }
                _ => {}
            }
        }
        let written = params.end()?;

        // Nothing is refused from here on.
        let mut begin = [0; HEADER];
        let [_, code] = role.code().to_be_bytes();
        let [_, role_at, flags_at, ..] = &mut begin;
        *role_at = code;
        *flags_at = if keep { KEEP_CONN } else { 0 };
        let mut frame = Frame::of(written.bytes)
            .head(&Header::of(kind::BEGIN_REQUEST, id.get(), 8).encode())
            .head(&begin);
        if written.first != 0 {
            frame = frame
                .head(&Header::of(kind::PARAMS, id.get(), written.first).encode())
                .tail(written.padding);
        }
        frame = frame.tail(&Header::end(kind::PARAMS, id.get()));
        let mut input = Input::Stdin;
        if role == Role::Authorizer {
            input = Input::Sent;
        } else if length == Length::None {
            frame = frame.tail(&Header::end(kind::STDIN, id.get()));
            input = if role == Role::Filter {
                Input::Data
            } else {
                Input::Sent
            };
        }
        let mut flags = 0;
        if keep {
            flags |= slot::KEEP;
        } else {
            self.open = false;
        }
        if role == Role::Filter {
            flags |= slot::FILTER;
        }
        if facts.idempotent && self.served {
            flags |= slot::AGAIN;
        }
        if let Some(slot) = self.slots.as_mut().get_mut(index) {
            *slot = Slot {
                answer: State::new(facts.head),
                stdin: match length {
                    Length::None => 0,
                    Length::Known(n) => n,
                    Length::Unknown => OPEN_END,
                },
                data: facts.data.unwrap_or(OPEN_END),
                log: 0,
                life: Life::Open,
                input,
                flags,
            };
        }
        self.lowest = index.saturating_add(1);
        self.used = self.used.saturating_add(1);
        self.active = self.active.saturating_add(1);
        if input != Input::Sent {
            self.sending = self.sending.saturating_add(1);
        }
        Ok((id, frame))
    }

    /// The lowest free slot, if one may be taken.
    fn vacant(&self) -> Option<usize> {
        if self.alone && self.used != 0 {
            return None;
        }
        let slots = self.slots.as_ref();
        let rest = slots.get(self.lowest..)?;
        let at = rest.iter().position(|slot| slot.life == Life::Free)?;
        Some(self.lowest.saturating_add(at))
    }

    /// The slot of a request whose `input` is under way.
    fn sending(&mut self, id: Id, input: Input) -> Result<&mut Slot, Refused> {
        let over = self.now == Now::Over;
        let slot = self.live(id)?;
        if slot.input != input || slot.life == Life::Aborted || over {
            return Err(Refused::State);
        }
        Ok(slot)
    }

    /// The slot of a request that still owes its `Done`.
    fn live(&mut self, id: Id) -> Result<&mut Slot, Refused> {
        match self.slots.as_mut().get_mut(super::index_of(id)) {
            Some(slot) if !matches!(slot.life, Life::Free | Life::Spent) => Ok(slot),
            _ => Err(Refused::UnknownId),
        }
    }

    /// Takes up to 65,528 bytes off the front of `payload` as a record of
    /// STDIN; an empty frame for none. FastCGI 1.0, 5.3.
    ///
    /// ```
    /// use vestibule::fcgi::{Role, client::Client};
    /// use vestibule::Length;
    /// let mut client = Client::default();
    /// let (id, _) = client.begin(Role::Responder, false, [], Length::Known(5), &mut [0; 64])?;
    /// let mut payload = &b"hello"[..];
    /// while !payload.is_empty() {
    ///     let frame = client.body(id, &mut payload)?;
    ///     assert_eq!(frame.len(), 16);
    /// }
    /// assert_eq!(client.body_end(id)?.len(), 8);
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `TooLong`: `payload` is more than is left of the declared length.
    /// `State`: STDIN has ended, or the request was aborted. `UnknownId`: it
    /// had its `Done`, or there never was one.
    #[inline]
    pub fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        let slot = self.sending(id, Input::Stdin)?;
        record(kind::STDIN, id, &mut slot.stdin, payload)
    }

    /// Ends STDIN. FastCGI 1.0, 5.3.
    ///
    /// # Errors
    ///
    /// `State`: short of the declared length (then [`abort`](Self::abort)), or
    /// it has ended. `UnknownId`.
    pub fn body_end(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        let slot = self.sending(id, Input::Stdin)?;
        if slot.stdin != 0 && slot.stdin != OPEN_END {
            return Err(Refused::State);
        }
        if slot.is(slot::FILTER) {
            slot.input = Input::Data;
        } else {
            slot.input = Input::Sent;
            self.sending = self.sending.saturating_sub(1);
        }
        Ok(Frame::EMPTY.head(&Header::end(kind::STDIN, id.get())))
    }

    /// As [`body`](Self::body), for the DATA of a filter once STDIN has ended.
    /// FastCGI 1.0, 6.4.
    ///
    /// ```
    /// use vestibule::fcgi::{Role, client::Client};
    /// use vestibule::{Field, Length};
    /// let mut client = Client::default();
    /// let fields = [Field::var(b"FCGI_DATA_LENGTH", b"3")];
    /// let (id, _) = client.begin(Role::Filter, false, fields, Length::None, &mut [0; 64])?;
    /// assert_eq!(client.data(id, &mut &b"abc"[..])?.len(), 16);
    /// assert_eq!(client.data_end(id)?.len(), 8);
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As `body`, by FCGI_DATA_LENGTH.
    pub fn data<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        let slot = self.sending(id, Input::Data)?;
        record(kind::DATA, id, &mut slot.data, payload)
    }

    /// Ends DATA.
    ///
    /// # Errors
    ///
    /// As [`body_end`](Self::body_end), by FCGI_DATA_LENGTH.
    pub fn data_end(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        let slot = self.sending(id, Input::Data)?;
        if slot.data != 0 && slot.data != OPEN_END {
            return Err(Refused::State);
        }
        slot.input = Input::Sent;
        self.sending = self.sending.saturating_sub(1);
        Ok(Frame::EMPTY.head(&Header::end(kind::DATA, id.get())))
    }

    /// Gives a request up with ABORT_REQUEST. Its output is skipped from here
    /// on; its `Done` comes with its END_REQUEST, and only then is its id free.
    /// FastCGI 1.0, 5.4.
    ///
    /// Many applications do not know this record: on a connection that carries
    /// one request at a time it is better to close, and to say so by
    /// [`cancel`](Self::cancel); it takes no other request afterwards.
    ///
    /// # Errors
    ///
    /// `State`: aborted already. `UnknownId`.
    pub fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        let over = self.now == Now::Over;
        let slot = self.live(id)?;
        if slot.life == Life::Aborted || over {
            return Err(Refused::State);
        }
        slot.life = Life::Aborted;
        if slot.input != Input::Sent {
            slot.input = Input::Sent;
            self.sending = self.sending.saturating_sub(1);
        }
        self.stop(id);
        Ok(Frame::EMPTY.head(&Header::end(kind::ABORT_REQUEST, id.get())))
    }

    /// Skips what is still to come of an answer, STDERR too. Its `Done` comes
    /// as ever, but nothing has looked at what was skipped.
    ///
    /// # Errors
    ///
    /// `UnknownId`.
    pub fn discard(&mut self, id: Id) -> Result<(), Refused> {
        let slot = self.live(id)?;
        if !slot.is(slot::DISCARD) {
            slot.flags |= slot::DISCARD;
            if self.now == Now::StdoutEnd
                && self.at == super::index_of(id)
                && let Ok(slot) = self.live(id)
                && slot.life == Life::Open
            {
                slot.life = Life::Ended;
            }
            self.stop(id);
        }
        Ok(())
    }

    /// Skips the rest of the record at hand if it is output of `id`.
    fn stop(&mut self, id: Id) {
        if self.at == super::index_of(id)
            && matches!(self.now, Now::Stdout | Now::StdoutEnd | Now::Stderr)
        {
            self.now = Now::Skip;
        }
    }

    /// Asks what the application can carry: GET_VALUES, all three names. To be
    /// sent alone, before the first request, and answered by an
    /// [`Ext`](super::Ext): many applications do not know it, some then close,
    /// some never answer. FastCGI 1.0, 4.1.
    ///
    /// ```
    /// use vestibule::fcgi::client::Client;
    /// let mut client = Client::default();
    /// assert_eq!(client.values()?.len(), 64);
    /// assert!(client.values().is_err());
    /// # Ok::<(), vestibule::Refused>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `State`: an answer is awaited, a request is open, or the connection
    /// takes no more.
    pub fn values(&mut self) -> Result<Frame<'static>, Refused> {
        if self.used != 0 || self.query == Query::Waiting || !self.takes() {
            return Err(Refused::State);
        }
        self.query = Query::Waiting;
        Ok(values::query())
    }
}
