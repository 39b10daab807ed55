//! SCGI, both sides.

use crate::sink;
use vestibule::cgi::response;
use vestibule::scgi::{client, server, Client, Rules, Server, ServerLimits};
use vestibule::{
    drain, Client as _, Error, Field, Fields, Id, Length, Receive, Request, Server as _, Status,
};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_SCGI_SERVER: Server;
    SIZE_OF_SCGI_CLIENT: Client;
    SIZE_OF_SCGI_SERVER_EVENT: server::Event<'static>;
    SIZE_OF_SCGI_CLIENT_EVENT: client::Event<'static>;
}

roots! {
    root_scgiserver_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }
    root_scgiserver_eof(m: &mut Server) { sink(m.eof()); }
    root_scgiserver_cancel(m: &mut Server) { m.cancel(); }
    root_scgiserver_drain(m: &mut Server, input: &mut &[u8], room: &mut &mut [u8]) {
        sink(drain(m, input, |m, event| match event {
            Request::Fault { id, error } => sink(m.fail(id, error, room)),
            Request::Ext(ext) => sink(m.default_reply(ext)),
            event => sink(event),
        }));
    }
    root_scgiserver_head(m: &mut Server, id: Id, status: u16, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.head(id, status, fields.iter(), length, room));
    }
    root_scgiserver_head_plain(m: &mut Server, id: Id, status: u16, fields: &&[Field<'_>], length: Length, room: &mut [u8; 128]) {
        sink(m.head(id, status, fields.iter().copied(), length, room));
    }
    root_scgiserver_interim(m: &mut Server, id: Id, status: u16, fields: &Head, room: &mut &mut [u8]) {
        sink(m.interim(id, status, fields.iter(), room));
    }
    root_scgiserver_body(m: &mut Server, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_scgiserver_finish(m: &mut Server, id: Id, room: &mut &mut [u8]) { sink(m.finish(id, [], room)); }
    root_scgiserver_fail(m: &mut Server, id: Id, error: &Error, room: &mut &mut [u8]) {
        sink(m.fail(id, *error, room));
    }
    root_scgiserver_demand(m: &mut Server, id: Id, max: usize) { sink(m.demand(id, max)); }
    root_scgiserver_close(m: &mut Server, id: Id) {
        m.close_after(id);
        m.shutdown();
    }
    root_scgiserver_state(m: &Server) { sink((m.phase(), m.after())); }
    root_scgiserver_new(on: bool, n: u32, body: u64) {
        let rules = Rules::STRICT
            .length_anywhere(on).no_version(on).empty_length(on).repeated_variables(on);
        let limits = ServerLimits::DEFAULT.head_bytes(n).fields(n).body_bytes(body).linger_bytes(n);
        sink(Server::with_limits(limits).rules(rules).status_line(on));
        sink(Server::default());
    }
    // What reads alone, for those who look at the cost of each half.
    root_scgiserverread_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }

    root_scgiclient_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
    root_scgiclient_eof(m: &mut Client) { sink(m.eof()); }
    root_scgiclient_cancel(m: &mut Client) { m.cancel(); }
    root_scgiclient_drain(m: &mut Client, input: &mut &[u8]) {
        sink(drain(m, input, |_, event: client::Event<'_>| sink(event)));
    }
    root_scgiclient_open(m: &mut Client, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.open(fields.iter(), length, room));
    }
    root_scgiclient_open_plain(m: &mut Client, fields: &&[Field<'_>], length: Length, room: &mut [u8; 512]) {
        sink(m.open(fields.iter().copied(), length, room));
    }
    root_scgiclient_body(m: &mut Client, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_scgiclient_body_end(m: &mut Client, id: Id, room: &mut &mut [u8]) { sink(m.body_end(id, [], room)); }
    root_scgiclient_abort(m: &mut Client, id: Id) { sink(m.abort(id)); }
    root_scgiclient_state(m: &Client, id: Id) { sink((m.phase(), m.after(), m.free(), m.credit(id))); }
    root_scgiclient_new(rules: &response::Rules) { sink((Client::with_rules(*rules), Client::default())); }
    root_scgiclientread_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
}
