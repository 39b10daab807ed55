//! A client machine of any protocol, as `call` sees it.

use vestibule::fcgi::ClientExt;
use vestibule::{Client, Field, Frame, Id, Length, Refused, Space, ajp, cgi, http1, scgi, uwsgi};

use crate::cgi_env::Vars;
use crate::filter::Filter;
use crate::perform::Plan;

/// Beside what every client machine does.
pub trait Caller: Client + Send {
    /// Begins what is planned, the only request of its connection: all of its
    /// variables. The error says what cannot be sent.
    fn begin<'b>(&mut self, plan: &Plan, room: &'b mut [u8]) -> Result<(Id, Frame<'b>), String> {
        let fields = plan.vars.iter().map(|(n, v)| Field::var(n, v));
        self.open(fields, plan.length, room)
            .map_err(|refused| refused.to_string())
    }

    /// Whether an event of the protocol's own ends the head.
    fn ends_head(_: &Self::Ext<'_>) -> bool {
        false
    }
}

impl Caller for Filter {
    fn begin<'b>(&mut self, plan: &Plan, room: &'b mut [u8]) -> Result<(Id, Frame<'b>), String> {
        let fields = plan.vars.iter().map(|(n, v)| Field::var(n, v));
        self.client
            .begin(plan.role, false, fields, plan.length, room)
            .map_err(|refused| refused.to_string())
    }

    fn ends_head(ext: &ClientExt) -> bool {
        matches!(ext, ClientExt::LocalRedirect { .. })
    }
}

impl Caller for scgi::Client {}

impl Caller for uwsgi::Client {}

impl Caller for cgi::Client {}

impl Caller for http1::Client {
    fn begin<'b>(&mut self, plan: &Plan, room: &'b mut [u8]) -> Result<(Id, Frame<'b>), String> {
        self.last();
        let opened = self.open(plan.vars.fields(), plan.length, room);
        opened.map_err(|refused| match refused {
            Refused::Field => culprit(http1::Client::new, &plan.vars, plan.length),
            Refused::State => "a body with this method".into(),
            refused => refused.to_string(),
        })
    }
}

impl Caller for ajp::Client<&'static [u8]> {
    fn begin<'b>(&mut self, plan: &Plan, room: &'b mut [u8]) -> Result<(Id, Frame<'b>), String> {
        let opened = self.open(plan.vars.fields(), plan.length, room);
        opened.map_err(|refused| match refused {
            Refused::Field => culprit(ajp::Client::new, &plan.vars, plan.length),
            Refused::TooLong => "the head is longer than a packet (--packet-size)".into(),
            refused => refused.to_string(),
        })
    }
}

/// Which field it is that the machine will not send.
fn culprit<M: Client>(fresh: impl Fn() -> M, vars: &Vars, length: Length) -> String {
    let any = Field::var(b"HTTP_HOST", b"h");
    let refused = |field: &Field<'_>, host: Field<'_>| {
        let must = [
            Field::var(b"REQUEST_METHOD", b"POST"),
            Field::var(b"REQUEST_URI", b"/"),
            host,
        ];
        let same = |f: &Field<'_>| f.name == field.name || (is_host(f) && is_host(field));
        let fields = must.into_iter().filter(|f| !same(f)).chain([*field]);
        let mut room = vec![0; vars.size() + 1024];
        let opened = fresh().open(fields, length, &mut room);
        matches!(opened, Err(Refused::Field))
    };
    // A target that is a whole URI has to say the same as the Host beside it.
    let own = vars.fields().find(is_host);
    let host = own.filter(|host| !refused(host, any)).unwrap_or(any);
    let bad = vars.fields().find(|field| refused(field, host));
    match bad {
        Some(field) => format!(
            "{}: {}",
            field.name.escape_ascii(),
            field.value.escape_ascii()
        ),
        None => Refused::Field.to_string(),
    }
}

fn is_host(field: &Field<'_>) -> bool {
    match field.space {
        Space::Var => field.name == b"HTTP_HOST",
        Space::Header => field.name.eq_ignore_ascii_case(b"host"),
        Space::Attribute | Space::Trailer => false,
    }
}
