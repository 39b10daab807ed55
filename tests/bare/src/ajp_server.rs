//! AJP/1.3, the container's side.

use crate::sink;
use vestibule::ajp::{server, Server, ServerExt, ServerLimits, ServerRules};
use vestibule::{
    drain, Error, Field, Fields, Id, Length, Receive, Request, Server as _, Status,
};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_AJP_SERVER: Server;
    SIZE_OF_AJP_SERVER_EVENT: server::Event<'static>;
}

roots! {
    root_ajpserver_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }
    root_ajpserver_eof(m: &mut Server) { sink(m.eof()); }
    root_ajpserver_cancel(m: &mut Server) { m.cancel(); }
    root_ajpserver_drain(m: &mut Server, input: &mut &[u8], room: &mut &mut [u8]) {
        sink(drain(m, input, |m, event| match event {
            Request::Fault { id, error } => sink(m.fail(id, error, room)),
            event => sink(event),
        }));
    }
    root_ajpserver_head(m: &mut Server, id: Id, status: u16, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(m.head(id, status, fields.iter(), length, room));
    }
    root_ajpserver_head_plain(m: &mut Server, id: Id, status: u16, fields: &&[Field<'_>], length: Length, room: &mut [u8; 128]) {
        sink(m.head(id, status, fields.iter().copied(), length, room));
    }
    root_ajpserver_interim(m: &mut Server, id: Id, status: u16, fields: &Head, room: &mut &mut [u8]) {
        sink(m.interim(id, status, fields.iter(), room));
    }
    root_ajpserver_body(m: &mut Server, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
    root_ajpserver_flush(m: &mut Server, id: Id) { sink(m.flush(id)); }
    root_ajpserver_finish(m: &mut Server, id: Id, trailers: &Head, room: &mut &mut [u8]) {
        sink(m.finish(id, trailers.iter(), room));
    }
    root_ajpserver_fail(m: &mut Server, id: Id, error: &Error, room: &mut &mut [u8]) {
        sink(m.fail(id, *error, room));
    }
    root_ajpserver_demand(m: &mut Server, id: Id, max: usize) { sink(m.demand(id, max)); }
    root_ajpserver_reply(m: &mut Server, ext: ServerExt) { sink(m.default_reply(ext)); }
    root_ajpserver_close(m: &mut Server, id: Id) {
        m.close_after(id);
        m.shutdown();
    }
    root_ajpserver_state(m: &Server) { sink((m.phase(), m.after())); }
    root_ajpserver_new(on: bool, secret: &&'static [u8], names: &&'static [&'static [u8]]) {
        let rules = ServerRules::STRICT.without_secret(on).attributes(names);
        sink((Server::new(rules), Server::new(rules.secret(*secret))));
    }
    root_ajpserver_limits(n: u32, body: u64, attributes: u16) {
        let limits = ServerLimits::DEFAULT
            .head_bytes(n).fields(n).body_bytes(body).packet_bytes(n)
            .attributes(attributes).linger_bytes(n);
        sink(Server::new(ServerRules::STRICT).limits(limits));
    }
    root_ajpserverread_next(m: &mut Server, input: &mut &[u8]) { sink(m.next(input)); }
}
