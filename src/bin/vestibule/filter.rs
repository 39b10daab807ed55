//! A Filter's request has two bodies: STDIN, then DATA. FastCGI 1.0, 6.4. For
//! the adapter they are one, with a byte between them that is not sent.

use std::fs::File;
use std::io::{self, Read};

use vestibule::adapt::{Source, Stopper};
use vestibule::fcgi::{self, Role};
use vestibule::{
    After, Client, Error, Field, Frame, Id, Length, Next, Phase, Receive, Refused, Status,
};

use crate::body::Body;
use crate::perform::Plan;

/// STDIN, the byte between, DATA.
pub struct Both {
    pub stdin: Option<Body>,
    pub data: Option<File>,
    /// Whether the byte between is still to come.
    pub border: bool,
}

impl Source for Both {
    fn read_body(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(stdin) = &mut self.stdin {
            let n = stdin.read_body(buf)?;
            if n > 0 {
                return Ok(n);
            }
        }
        if self.border
            && let [first, ..] = buf
        {
            self.border = false;
            self.stdin = None;
            *first = 0;
            return Ok(1);
        }
        match &mut self.data {
            Some(data) => Read::read(data, buf),
            None => Ok(0),
        }
    }

    fn stopper(&self) -> Stopper {
        self.stdin.as_ref().map_or(Stopper::none(), Source::stopper)
    }
}

/// Sends what [`Both`] reads.
pub struct Filter {
    pub client: fcgi::Client,
    /// Bytes of STDIN still to come; `None` once it has ended.
    stdin: Option<u64>,
    filter: bool,
}

impl Filter {
    /// For requests that are no Filter's.
    pub fn none(client: fcgi::Client) -> Filter {
        Filter {
            client,
            stdin: None,
            filter: false,
        }
    }

    pub fn new(client: fcgi::Client, plan: &Plan) -> Filter {
        Filter {
            client,
            stdin: match plan.length {
                Length::Known(n) => Some(n),
                Length::None | Length::Unknown => None,
            },
            filter: plan.role == Role::Filter,
        }
    }
}

impl Receive for Filter {
    type Event<'i> = <fcgi::Client as Receive>::Event<'i>;

    fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Next<Self::Event<'i>>, Error> {
        self.client.next(input)
    }
    fn eof<'i>(&mut self) -> Result<Next<Self::Event<'i>>, Error> {
        self.client.eof()
    }
}

impl Status for Filter {
    fn phase(&self) -> Phase {
        self.client.phase()
    }
    fn after(&self) -> After {
        self.client.after()
    }
}

impl Client for Filter {
    type Ext<'i> = <fcgi::Client as Client>::Ext<'i>;

    fn free(&self) -> usize {
        Client::free(&self.client)
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
        Client::open(&mut self.client, fields, length, room)
    }

    fn credit(&self, id: Id) -> usize {
        match self.client.slot_of(id) {
            Some(_) if self.filter => usize::MAX,
            _ => Client::credit(&self.client, id),
        }
    }

    fn body<'b>(&mut self, id: Id, payload: &mut &'b [u8]) -> Result<Frame<'b>, Refused> {
        match self.stdin {
            _ if !self.filter => self.client.body(id, payload),
            None => self.client.data(id, payload),
            Some(0) => {
                *payload = payload.get(1..).unwrap_or(&[]);
                self.stdin = None;
                self.client.body_end(id)
            }
            Some(left) => {
                let n = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(payload.len());
                let (mut now, _) = payload.split_at(n);
                let frame = self.client.body(id, &mut now)?;
                let taken = n - now.len();
                *payload = &payload[taken..];
                self.stdin = Some(left - taken as u64);
                Ok(frame)
            }
        }
    }

    fn body_end<'b, 'f, I>(
        &mut self,
        id: Id,
        _trailers: I,
        _room: &'b mut [u8],
    ) -> Result<Frame<'b>, Refused>
    where
        I: IntoIterator<Item = Field<'f>> + Clone,
    {
        match self.stdin {
            _ if !self.filter => self.client.body_end(id),
            None => self.client.data_end(id),
            Some(_) => Err(Refused::State),
        }
    }

    fn abort(&mut self, id: Id) -> Result<Frame<'static>, Refused> {
        self.client.abort(id)
    }

    fn cancel(&mut self) {
        self.client.cancel();
    }
}
