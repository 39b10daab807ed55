//! AJP/1.3, the web server's side.

use crate::sink;
use vestibule::ajp::{client, Client, ClientExt, ClientLimits, ClientRules};
use vestibule::{drain, Client as _, Field, Fields, Id, Length, Receive, Response, Status};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_AJP_CLIENT: Client;
    SIZE_OF_AJP_CLIENT_EVENT: Response<'static, ClientExt>;
}

roots! {
    root_ajpclient_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
    root_ajpclient_eof(m: &mut Client) { sink(m.eof()); }
    root_ajpclient_cancel(m: &mut Client) { m.cancel(); }
    root_ajpclient_drain(m: &mut Client, input: &mut &[u8]) {
        sink(drain(m, input, |_, event: client::Event<'_>| sink(event)));
    }
    root_ajpclient_open(m: &mut Client, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.open(fields.iter(), length, room));
    }
    root_ajpclient_open_plain(m: &mut Client, fields: &&[Field<'_>], length: Length, room: &mut [u8; 512]) {
        sink(m.open(fields.iter().copied(), length, room));
    }
    root_ajpclient_body(m: &mut Client, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_ajpclient_body_end(m: &mut Client, id: Id, trailers: &Head, room: &mut &mut [u8]) {
        sink(m.body_end(id, trailers.iter(), room));
    }
    root_ajpclient_abort(m: &mut Client, id: Id) { sink(m.abort(id)); }
    root_ajpclient_cping(m: &mut Client) { sink(m.cping()); }
    root_ajpclient_state(m: &Client, id: Id) {
        sink((m.phase(), m.after(), m.free(), m.credit(id)));
    }
    root_ajpclient_new(on: bool, secret: &&'static [u8]) {
        let rules = ClientRules::STRICT.missing_pad(on).any_status(on).interim(on);
        sink((Client::with_secret(*secret).rules(rules), Client::default()));
    }
    root_ajpclient_limits(n: u32, body: u64, flushes: u16, late: u8) {
        let limits = ClientLimits::DEFAULT
            .head_bytes(n).fields(n).body_bytes(body).packet_bytes(n)
            .flushes(flushes).late_demands(late);
        sink(Client::new().limits(limits));
    }
    root_ajpclientread_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
}
