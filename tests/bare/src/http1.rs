//! HTTP/1.x, both sides, and request targets.

use crate::sink;
use vestibule::http1::target::{self, Target};
use vestibule::http1::{
    client, server, Client, ClientExt, ClientLimits, Rules, Server, ServerLimits,
};
use vestibule::{
    drain, Client as _, Error, Field, Fields, Id, Length, Receive, Request, Response, Server as _,
    Status,
};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_HTTP1_SERVER: Server;
    SIZE_OF_HTTP1_CLIENT: Client;
    SIZE_OF_HTTP1_SERVER_EVENT: server::Event<'static>;
    SIZE_OF_HTTP1_CLIENT_EVENT: Response<'static, ClientExt>;
}

fn all_rules(on: bool) -> Rules {
    Rules::STRICT
        .bare_lf(on)
        .folding(on)
        .blank_before_colon(on)
        .high_target_bytes(on)
        .fragment(on)
        .equal_lengths(on)
        .coding_wins(on)
        .any_expectation(on)
        .other_codings(on)
        .chunked_alone(on)
        .known_versions(on)
        .exact_status_line(on)
}

roots! {
    root_http1server_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }
    root_http1server_eof(m: &mut Server) { sink(m.eof()); }
    root_http1server_cancel(m: &mut Server) { m.cancel(); }
    root_http1server_drain(m: &mut Server, input: &mut &[u8], room: &mut &mut [u8]) {
        sink(drain(m, input, |m, event| match event {
            Request::Fault { id, error } => sink(m.fail(id, error, room)),
            event => sink(event),
        }));
    }
    root_http1server_head(m: &mut Server, id: Id, status: u16, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.head(id, status, fields.iter(), length, room));
    }
    root_http1server_head_plain(m: &mut Server, id: Id, status: u16, fields: &&[Field<'_>], length: Length, room: &mut [u8; 128]) {
        sink(m.head(id, status, fields.iter().copied(), length, room));
    }
    root_http1server_interim(m: &mut Server, id: Id, status: u16, fields: &Head, room: &mut &mut [u8]) {
        sink(m.interim(id, status, fields.iter(), room));
    }
    root_http1server_body(m: &mut Server, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_http1server_finish(m: &mut Server, id: Id, trailers: &Head, room: &mut &mut [u8]) {
        sink(m.finish(id, trailers.iter(), room));
    }
    root_http1server_fail(m: &mut Server, id: Id, error: &Error, room: &mut &mut [u8]) {
        sink(m.fail(id, *error, room));
    }
    root_http1server_demand(m: &mut Server, id: Id, max: usize) { sink(m.demand(id, max)); }
    root_http1server_close(m: &mut Server, id: Id) {
        m.close_after(id);
        m.shutdown();
    }
    root_http1server_state(m: &Server, id: Id) {
        sink((m.phase(), m.after(), m.minor_version(id), m.expects_continue(id)));
        sink((m.offers_upgrade(id), m.takes_trailers(id), m.keeps_alive(id)));
    }
    root_http1server_new(on: bool) { sink((Server::new().rules(all_rules(on)), Server::default())); }
    root_http1server_limits(n: u32, body: u64, lines: u8) {
        let limits = ServerLimits::DEFAULT
            .head_bytes(n).fields(n).body_bytes(body).method_bytes(n).target_bytes(n).line_bytes(n)
            .extension_bytes(n).extensions_bytes(n).trailer_bytes(n).trailer_fields(n)
            .blank_lines(lines).drain_bytes(n).linger_bytes(n);
        sink(Server::with_limits(limits));
    }
    // What reads alone, for those who look at the cost of each half.
    root_http1serverread_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }

    root_http1client_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }
    root_http1client_eof(m: &mut Client) { sink(m.eof()); }
    root_http1client_cancel(m: &mut Client) { m.cancel(); }
    root_http1client_drain(m: &mut Client, input: &mut &[u8]) {
        sink(drain(m, input, |_, event: client::Event<'_>| sink(event)));
    }
    root_http1client_open(m: &mut Client, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.open(fields.iter(), length, room));
    }
    root_http1client_open_plain(m: &mut Client, fields: &&[Field<'_>], length: Length, room: &mut [u8; 512]) {
        sink(m.open(fields.iter().copied(), length, room));
    }
    root_http1client_body(m: &mut Client, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_http1client_body_end(m: &mut Client, id: Id, trailers: &Head, room: &mut &mut [u8]) {
        sink(m.body_end(id, trailers.iter(), room));
    }
    root_http1client_abort(m: &mut Client, id: Id) { sink(m.abort(id)); }
    root_http1client_flow(m: &mut Client, id: Id) {
        sink(m.proceed(id));
        m.last();
    }
    root_http1client_state(m: &Client, id: Id) {
        sink((m.phase(), m.after(), m.free(), m.credit(id)));
        sink((m.minor_version(id), m.keeps_alive(id)));
    }
    root_http1client_new(on: bool) { sink((Client::new().rules(all_rules(on)), Client::default())); }
    root_http1client_limits(n: u32, body: u64, few: u8) {
        let limits = ClientLimits::DEFAULT
            .head_bytes(n).fields(n).body_bytes(body).line_bytes(n)
            .extension_bytes(n).extensions_bytes(n).trailer_bytes(n).trailer_fields(n)
            .interim(few).blank_lines(few);
        sink(Client::with_limits(limits));
    }
    root_http1clientread_next(m: &mut Client, input: &mut &[u8]) { sink(m.next(input)); }

    root_http1target_parse(text: &&[u8], host: &&[u8]) {
        if let Some(parsed) = Target::parse(text) {
            sink((parsed, target::agrees(parsed, host)));
        }
        sink(target::is_host(host));
    }
}
