//! CGI itself, both sides.

use crate::sink;
use vestibule::cgi::response;
use vestibule::cgi::{argv, client, meta, server, Client, Passes, Server, ServerLimits};
use vestibule::{
    drain, Client as _, Error, Field, Fields, Id, Length, Receive, Request, Server as _, Status,
};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_CGI_SERVER: Server;
    SIZE_OF_CGI_CLIENT: Client;
    SIZE_OF_CGI_SERVER_EVENT: server::Event<'static>;
    SIZE_OF_CGI_CLIENT_EVENT: client::Event<'static>;
}

roots! {
    root_cgiserver_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }
    root_cgiserver_eof(m: &mut Server) { sink(m.eof()); }
    root_cgiserver_cancel(m: &mut Server) { m.cancel(); }
    root_cgiserver_drain(m: &mut Server, input: &mut &[u8], room: &mut &mut [u8]) {
        sink(drain(m, input, |m, event| match event {
            Request::Fault { id, error } => sink(m.fail(id, error, room)),
            Request::Ext(ext) => sink(m.default_reply(ext)),
            event => sink(event),
        }));
    }
    root_cgiserver_head(m: &mut Server, id: Id, status: u16, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.head(id, status, fields.iter(), length, room));
    }
    root_cgiserver_head_plain(m: &mut Server, id: Id, status: u16, fields: &&[Field<'_>], length: Length, room: &mut [u8; 128]) {
        sink(m.head(id, status, fields.iter().copied(), length, room));
    }
    root_cgiserver_interim(m: &mut Server, id: Id, status: u16, fields: &Head, room: &mut &mut [u8]) {
        sink(m.interim(id, status, fields.iter(), room));
    }
    root_cgiserver_body(m: &mut Server, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_cgiserver_finish(m: &mut Server, id: Id, room: &mut &mut [u8]) { sink(m.finish(id, [], room)); }
    root_cgiserver_fail(m: &mut Server, id: Id, error: &Error, room: &mut &mut [u8]) {
        sink(m.fail(id, *error, room));
    }
    root_cgiserver_demand(m: &mut Server, id: Id, max: usize) { sink(m.demand(id, max)); }
    root_cgiserver_close(m: &mut Server, id: Id) {
        m.close_after(id);
        m.shutdown();
    }
    root_cgiserver_state(m: &Server) { sink((m.phase(), m.after())); }
    root_cgiserver_new(n: u32, body: u64) {
        let limits = ServerLimits::DEFAULT.head_bytes(n).fields(n).body_bytes(body).linger_bytes(n);
        sink((Server::with_limits(limits), Server::default()));
    }
    // What reads alone, for those who look at the cost of each half.
    root_cgiserverread_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }

    root_cgiclient_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
    root_cgiclient_eof(m: &mut Client) { sink(m.eof()); }
    root_cgiclient_cancel(m: &mut Client) { m.cancel(); }
    root_cgiclient_drain(m: &mut Client, input: &mut &[u8]) {
        sink(drain(m, input, |_, event: client::Event<'_>| sink(event)));
    }
    root_cgiclient_open(m: &mut Client, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.open(fields.iter(), length, room));
    }
    root_cgiclient_open_plain(m: &mut Client, fields: &&[Field<'_>], length: Length, room: &mut [u8; 512]) {
        sink(m.open(fields.iter().copied(), length, room));
    }
    root_cgiclient_body(m: &mut Client, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_cgiclient_body_end(m: &mut Client, id: Id, room: &mut &mut [u8]) { sink(m.body_end(id, [], room)); }
    root_cgiclient_abort(m: &mut Client, id: Id) { sink(m.abort(id)); }
    root_cgiclient_state(m: &Client, id: Id) { sink((m.phase(), m.after(), m.free(), m.credit(id))); }
    root_cgiclient_new(rules: &response::Rules, on: bool) {
        let passes = Passes::STRICT.any_variable(on).authorization(on);
        sink((Client::with_rules(*rules).passes(passes), Client::default()));
    }
    root_cgiclient_meta(name: &&[u8]) { sink(meta::is_meta(name)); }
    root_cgiclient_argv(method: &&[u8], query: &&[u8]) {
        for word in argv::words(method, query).into_iter().flatten() {
            for byte in word.bytes() {
                sink(byte);
            }
        }
    }
    root_cgiclientread_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
}
