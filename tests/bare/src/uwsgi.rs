//! uwsgi, both sides.

use crate::sink;
use vestibule::cgi::response;
use vestibule::uwsgi::{client, server, Client, Modifiers, Rules, Server, ServerLimits};
use vestibule::{
    drain, Client as _, Error, Field, Fields, Id, Length, Receive, Request, Server as _, Status,
};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_UWSGI_SERVER: Server;
    SIZE_OF_UWSGI_CLIENT: Client;
    SIZE_OF_UWSGI_SERVER_EVENT: server::Event<'static>;
    SIZE_OF_UWSGI_CLIENT_EVENT: client::Event<'static>;
}

roots! {
    root_uwsgiserver_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }
    root_uwsgiserver_eof(m: &mut Server) { sink(m.eof()); }
    root_uwsgiserver_cancel(m: &mut Server) { m.cancel(); }
    root_uwsgiserver_drain(m: &mut Server, input: &mut &[u8], room: &mut &mut [u8]) {
        sink(drain(m, input, |m, event| match event {
            Request::Fault { id, error } => sink(m.fail(id, error, room)),
            Request::Ext(ext) => sink(m.default_reply(ext)),
            event => sink(event),
        }));
    }
    root_uwsgiserver_head(m: &mut Server, id: Id, status: u16, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.head(id, status, fields.iter(), length, room));
    }
    root_uwsgiserver_head_plain(m: &mut Server, id: Id, status: u16, fields: &&[Field<'_>], length: Length, room: &mut [u8; 128]) {
        sink(m.head(id, status, fields.iter().copied(), length, room));
    }
    root_uwsgiserver_interim(m: &mut Server, id: Id, status: u16, fields: &Head, room: &mut &mut [u8]) {
        sink(m.interim(id, status, fields.iter(), room));
    }
    root_uwsgiserver_body(m: &mut Server, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_uwsgiserver_finish(m: &mut Server, id: Id, room: &mut &mut [u8]) { sink(m.finish(id, [], room)); }
    root_uwsgiserver_fail(m: &mut Server, id: Id, error: &Error, room: &mut &mut [u8]) {
        sink(m.fail(id, *error, room));
    }
    root_uwsgiserver_demand(m: &mut Server, id: Id, max: usize) { sink(m.demand(id, max)); }
    root_uwsgiserver_close(m: &mut Server, id: Id) {
        m.close_after(id);
        m.shutdown();
    }
    root_uwsgiserver_state(m: &Server) { sink((m.phase(), m.after())); }
    root_uwsgiserver_new(on: bool, n: u32, body: u64) {
        let rules = Rules::STRICT
            .any_method(on).server_variables(on).repeated_variables(on).modifier1(5, on);
        let limits = ServerLimits::DEFAULT.head_bytes(n).fields(n).body_bytes(body).linger_bytes(n).name_bytes(256);
        sink(Server::with_limits(limits).rules(rules));
        sink(Server::default());
    }
    root_uwsgiserver_modifiers(m: &Server, id: Id) { sink(m.modifiers(id)); }
    root_uwsgiserver_pong(m: &mut Server, warning: &&[u8]) { sink(m.pong(warning)); }
    // What reads alone, for those who look at the cost of each half.
    root_uwsgiserverread_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }

    root_uwsgiclient_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
    root_uwsgiclient_eof(m: &mut Client) { sink(m.eof()); }
    root_uwsgiclient_cancel(m: &mut Client) { m.cancel(); }
    root_uwsgiclient_drain(m: &mut Client, input: &mut &[u8]) {
        sink(drain(m, input, |_, event: client::Event<'_>| sink(event)));
    }
    root_uwsgiclient_open(m: &mut Client, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.open(fields.iter(), length, room));
    }
    root_uwsgiclient_open_plain(m: &mut Client, fields: &&[Field<'_>], length: Length, room: &mut [u8; 512]) {
        sink(m.open(fields.iter().copied(), length, room));
    }
    root_uwsgiclient_body(m: &mut Client, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_uwsgiclient_body_end(m: &mut Client, id: Id, room: &mut &mut [u8]) { sink(m.body_end(id, [], room)); }
    root_uwsgiclient_abort(m: &mut Client, id: Id) { sink(m.abort(id)); }
    root_uwsgiclient_state(m: &Client, id: Id) { sink((m.phase(), m.after(), m.free(), m.credit(id))); }
    root_uwsgiclient_new(rules: &response::Rules, a: u8, b: u8) {
        let client = Client::with_rules(*rules).server_variables(a == b);
        sink(Modifiers::request(a, b).map(|modifiers| client.modifiers(modifiers)));
        sink(Client::default());
    }
    root_uwsgiclient_ping(m: &mut Client) { sink(m.ping()); }
    root_uwsgiclientread_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
}
