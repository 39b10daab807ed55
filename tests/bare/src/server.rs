//! The FastCGI server: one slot of its own, and a lent table of slots.

use crate::sink;
use vestibule::fcgi::server::{Event, Ext};
use vestibule::fcgi::{Role, Server, ServerLimits, Slot};
use vestibule::{
    drain, Error, Field, Fields, Id, Length, Receive, Rejection, Request, Server as _, Status,
};

type One = Server<[Slot; 1]>;
type Many<'a> = Server<&'a mut [Slot]>;
type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_FCGI_SERVER: One;
    SIZE_OF_FCGI_SERVER_8: Server<[Slot; 8]>;
    SIZE_OF_FCGI_SERVER_SLOT: Slot;
    SIZE_OF_FCGI_SERVER_EVENT: Event<'static>;
}

/// The same calls for each way to lend slots.
macro_rules! server {
    ($type:ty, $next:ident $eof:ident $cancel:ident $drain:ident $head:ident $head_plain:ident $body:ident
     $finish:ident $end:ident $fail:ident $reject:ident $stderr:ident $flow:ident $state:ident
     $close:ident $reply:ident $discard:ident) => {
        roots! {
            $next(m: &mut $type, input: &mut &[u8]) { sink(m.next(input)); }
            $eof(m: &mut $type) { sink(m.eof()); }
            $cancel(m: &mut $type) { m.cancel(); }
            $drain(m: &mut $type, input: &mut &[u8]) {
                sink(drain(m, input, |m, event| match event {
                    Request::Fault { id, error } => sink(m.fail(id, error, &mut [])),
                    Request::Ext(ext) => sink(m.default_reply(ext)),
                    event => sink(event),
                }));
            }
            $head(m: &mut $type, id: Id, status: u16, fields: &Head, length: Length, room: &mut &mut [u8]) {
                sink(m.head(id, status, fields.iter(), length, room));
            }
            $head_plain(m: &mut $type, id: Id, status: u16, fields: &&[Field<'_>], length: Length, room: &mut [u8; 128]) {
                sink(m.head(id, status, fields.iter().copied(), length, room));
            }
            $body(m: &mut $type, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
            $finish(m: &mut $type, id: Id, trailers: &Head, room: &mut &mut [u8]) {
                sink(m.finish(id, trailers.iter(), room));
            }
            $end(m: &mut $type, id: Id, app_status: u32) { sink(m.end(id, app_status)); }
            $fail(m: &mut $type, id: Id, error: &Error, room: &mut &mut [u8]) {
                sink(m.fail(id, *error, room));
            }
            $reject(m: &mut $type, id: Id, reason: &Rejection) { sink(m.reject(id, *reason)); }
            $stderr(m: &mut $type, id: Id, payload: &mut &[u8]) { sink(m.stderr(id, payload)); }
            $flow(m: &mut $type, id: Id, status: u16, fields: &Head, room: &mut &mut [u8]) {
                sink(m.demand(id, usize::from(status)));
                sink(m.interim(id, status, fields.iter(), room));
            }
            $state(m: &$type, id: Id) {
                sink((m.phase(), m.after(), m.active(), m.strays(), m.slot_of(id)));
                sink((m.role(id), m.keep_conn(id), m.content_length(id)));
            }
            $close(m: &mut $type, id: Id) {
                m.close_after(id);
                m.shutdown();
            }
            $reply(m: &mut $type, ext: &Ext<'_>) { sink(m.default_reply(*ext)); }
            $discard(m: &mut $type, id: Id) { sink(m.discard(id)); }
        }
    };
}

server!(One, root_server_next root_server_eof root_server_cancel root_server_drain root_server_head
    root_server_head_plain root_server_body root_server_finish root_server_end root_server_fail
    root_server_reject root_server_stderr root_server_flow root_server_state root_server_close
    root_server_reply root_server_discard);

server!(Many<'_>, root_serverslice_next root_serverslice_eof root_serverslice_cancel root_serverslice_drain
    root_serverslice_head root_serverslice_head_plain root_serverslice_body root_serverslice_finish
    root_serverslice_end root_serverslice_fail root_serverslice_reject root_serverslice_stderr
    root_serverslice_flow root_serverslice_state root_serverslice_close root_serverslice_reply
    root_serverslice_discard);

roots! {
    root_server_new(conns: u16, reqs: u16, lenient: bool) {
        sink(Server::default().values(conns, reqs).any_body_length(lenient));
    }
    root_server_limits(n: u32, body: u64) {
        let limits = ServerLimits::DEFAULT
            .head_bytes(n).fields(n).body_bytes(body).stray_records(n).idle_records(n)
            .management_records(n).linger_bytes(n);
        sink(Server::with_limits([Slot::EMPTY; 1], limits));
    }
    root_server_role(code: u16) { sink(Role::from_code(code).map(Role::code)); }
    // What reads alone, for those who look at the cost of each half.
    root_serverread_next(m: &mut One, input: &mut &[u8]) { sink(m.next(input)); }
}
