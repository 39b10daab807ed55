//! A client machine of whatever protocol, so that what calls is there once.

use vestibule::cgi::response::{FirstLine, Rules};
use vestibule::fcgi;
use vestibule::{
    After, Client, Error, Field, Frame, Id, Length, Next, Phase, Receive, Refused, Response,
    Status, ajp, cgi, http1, scgi, uwsgi,
};

use crate::agreed::Agreed;
use crate::caller::Caller;
use crate::filter::Filter;
use crate::perform::Plan;
use crate::scheme::Scheme;

/// Answers with a field Status, or with a status line: of SCGI and of uwsgi
/// there are applications of either kind.
pub const EITHER: Rules = Rules::STRICT.first_line(FirstLine::Either);

/// The machine.
pub enum Machine {
    Fcgi(Filter),
    Http(http1::Client),
    Scgi(scgi::Client),
    Uwsgi(uwsgi::Client),
    Ajp(ajp::Client<&'static [u8]>),
    Cgi(cgi::Client),
}

/// What an event of the protocol's own means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// It ends the head.
    HeadEnd,
    Other,
}

macro_rules! each {
    ($machine:expr, $m:ident => $do:expr) => {
        match $machine {
            Machine::Fcgi($m) => $do,
            Machine::Http($m) => $do,
            Machine::Scgi($m) => $do,
            Machine::Uwsgi($m) => $do,
            Machine::Ajp($m) => $do,
            Machine::Cgi($m) => $do,
        }
    };
}

impl Machine {
    /// For what stands behind a server.
    pub fn behind(scheme: Scheme, agreed: Agreed) -> Machine {
        match scheme {
            Scheme::Fcgi => Machine::Fcgi(Filter::none(fcgi::Client::default())),
            Scheme::Http => Machine::Http(http1::Client::new()),
            Scheme::Scgi => Machine::Scgi(scgi::Client::with_rules(EITHER)),
            Scheme::Uwsgi => Machine::Uwsgi(uwsgi::Client::with_rules(EITHER)),
            Scheme::Ajp => Machine::Ajp(agreed.client()),
            Scheme::Cgi => Machine::Cgi(cgi::Client::new()),
        }
    }

    /// For a request alone.
    pub fn new(plan: &Plan) -> Machine {
        match plan.address.scheme {
            Scheme::Fcgi => {
                let limits = fcgi::ClientLimits::DEFAULT.log_bytes(u32::MAX);
                let client = fcgi::Client::with_limits([fcgi::ClientSlot::EMPTY; 1], limits);
                Machine::Fcgi(Filter::new(client, plan))
            }
            // Who calls says what it gets.
            Scheme::Cgi => {
                let all = cgi::Passes::STRICT.any_variable(true).authorization(true);
                Machine::Cgi(cgi::Client::new().passes(all))
            }
            scheme => Machine::behind(scheme, plan.agreed),
        }
    }

    /// As [`Caller::begin`].
    pub fn begin<'b>(
        &mut self,
        plan: &Plan,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), String> {
        each!(self, m => m.begin(plan, room))
    }
}

/// The same, whatever the protocol.
fn plain<'i, M: Caller>(next: Next<Response<'i, M::Ext<'i>>>) -> Next<Response<'i, Own>> {
    let event = match next {
        Next::Event(event) => event,
        Next::NeedInput => return Next::NeedInput,
        Next::Paused => return Next::Paused,
    };
    Next::Event(match event {
        Response::Field { id, field } => Response::Field { id, field },
        Response::Interim { id, status } => Response::Interim { id, status },
        Response::HeadEnd { id, status, length } => Response::HeadEnd { id, status, length },
        Response::Body { id, bytes } => Response::Body { id, bytes },
        Response::BodyEnd { id } => Response::BodyEnd { id },
        Response::Log { id, bytes } => Response::Log { id, bytes },
        Response::Demand { id, max } => Response::Demand { id, max },
        Response::Done {
            id,
            reuse,
            retry_safe,
            ending,
        } => Response::Done {
            id,
            reuse,
            retry_safe,
            ending,
        },
        Response::Ext(ext) => Response::Ext(match M::ends_head(&ext) {
            true => Own::HeadEnd,
            false => Own::Other,
        }),
    })
}

fn next<'i, M: Caller>(
    machine: &mut M,
    input: &mut &'i [u8],
) -> Result<Next<Response<'i, Own>>, Error> {
    machine.next(input).map(plain::<M>)
}

fn eof<'i, M: Caller>(machine: &mut M) -> Result<Next<Response<'i, Own>>, Error> {
    machine.eof().map(plain::<M>)
}

impl Receive for Machine {
    type Event<'i> = Response<'i, Own>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Self::Event<'i>>, Error> {
        each!(self, m => next(m, input))
    }
    fn eof<'i>(&mut self) -> Result<Next<Self::Event<'i>>, Error> {
        each!(self, m => eof(m))
    }
}

impl Status for Machine {
    fn phase(&self) -> Phase {
        each!(self, m => m.phase())
    }
    fn after(&self) -> After {
        each!(self, m => m.after())
    }
}

impl Client for Machine {
    type Ext<'i> = Own;

    fn free(&self) -> usize {
        each!(self, m => Client::free(m))
    }

    fn open<'b, 'f, I>(
        &mut self,
        fields: I,
        length: Length,
        room: &'b mut [u8],
    ) -> Result<(Id, Frame<'b>), Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        each!(self, m => Client::open(m, fields, length, room))
    }

    fn credit(&self, id: Id) -> usize {
        each!(self, m => Client::credit(m, id))
    }

    fn proceed(&mut self, id: Id) -> Result<(), Refused> {
        each!(self, m => Client::proceed(m, id))
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        each!(self, m => Client::body(m, id, payload))
    }

    fn body_end<'b, 'f, I>(
        &mut self,
        id: Id,
        trailers: I,
        room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        each!(self, m => Client::body_end(m, id, trailers, room))
    }

    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        each!(self, m => Client::abort(m, id))
    }

    fn cancel(&mut self) {
        each!(self, m => Client::cancel(m))
    }
}
