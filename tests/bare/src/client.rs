//! The FastCGI client, its verdict on authorizers, and the record walker.

use crate::sink;
use vestibule::fcgi::{
    client, Client, ClientExt, ClientLimits, ClientSlot, Role, Values, Verdict, Walker,
};
use vestibule::{drain, Client as _, Field, Fields, Id, Length, Receive, Response, Status};

type One = Client<[ClientSlot; 1]>;
type Many<'a> = Client<&'a mut [ClientSlot]>;
type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_FCGI_CLIENT: One;
    SIZE_OF_FCGI_CLIENT_8: Client<[ClientSlot; 8]>;
    SIZE_OF_FCGI_CLIENT_SLOT: ClientSlot;
    SIZE_OF_FCGI_CLIENT_EVENT: Response<'static, ClientExt>;
    SIZE_OF_FCGI_WALKER: Walker;
    SIZE_OF_FCGI_VALUES: Values;
}

/// The same calls for each way to lend slots.
macro_rules! client {
    ($type:ty, $next:ident $eof:ident $cancel:ident $drain:ident $open:ident $begin:ident $body:ident
     $body_end:ident $data:ident $abort:ident $discard:ident $values:ident $state:ident) => {
        roots! {
            $next(m: &mut $type, input: &mut &[u8]) { sink(m.next(input)); }
            $eof(m: &mut $type) { sink(m.eof()); }
            $cancel(m: &mut $type) { m.cancel(); }
            $drain(m: &mut $type, verdict: &mut Verdict, input: &mut &[u8]) {
                sink(drain(m, input, |_, event| {
                    verdict.observe(&event);
                    sink(event);
                }));
                sink((verdict.outcome(), verdict.allowed()));
            }
            $open(m: &mut $type, fields: &Head, length: Length, room: &mut &mut [u8]) {
                sink(m.open(fields.iter(), length, room));
            }
            $begin(m: &mut $type, role: Role, keep: bool, fields: &&[Field<'_>], length: Length, room: &mut [u8; 512]) {
                sink(m.begin(role, keep, fields.iter().copied(), length, room));
            }
            $body(m: &mut $type, id: Id, payload: &mut &[u8]) { sink(m.body(id, payload)); }
            $body_end(m: &mut $type, id: Id) { sink(m.body_end(id)); }
            $data(m: &mut $type, id: Id, payload: &mut &[u8]) {
                sink(m.data(id, payload));
                sink(m.data_end(id));
            }
            $abort(m: &mut $type, id: Id) { sink(m.abort(id)); }
            $discard(m: &mut $type, id: Id) { sink(m.discard(id)); }
            $values(m: &mut $type) { sink(m.values()); }
            $state(m: &$type, id: Id) {
                sink((m.phase(), m.after(), m.free(), m.credit(id), m.slot_of(id)));
                sink((m.strays(), m.log_dropped()));
            }
        }
    };
}

client!(One, root_client_next root_client_eof root_client_cancel root_client_drain root_client_open
    root_client_begin root_client_body root_client_body_end root_client_data root_client_abort
    root_client_discard root_client_values root_client_state);

client!(Many<'_>, root_clientslice_next root_clientslice_eof root_clientslice_cancel root_clientslice_drain
    root_clientslice_open root_clientslice_begin root_clientslice_body root_clientslice_body_end
    root_clientslice_data root_clientslice_abort root_clientslice_discard root_clientslice_values
    root_clientslice_state);

roots! {
    root_client_new(keep: bool) { sink(Client::default().keep_conn(keep)); }
    root_client_limits(n: u32, body: u64, rules: &vestibule::cgi::response::Rules) {
        let limits = client::Limits::DEFAULT
            .cgi(*rules).head_bytes(n).fields(n).body_bytes(body).log_bytes(n)
            .stray_records(n).idle_records(n);
        let limits: ClientLimits = limits;
        sink(Client::with_limits([ClientSlot::EMPTY; 1], limits));
    }
    root_client_verdict(id: Id, field: &Field<'_>) {
        sink(Verdict::new(id));
        sink(Verdict::variable(field));
    }
    root_clientread_next(m: &mut One, input: &mut &[u8]) { sink(m.next(input)); }
    root_walker_next(m: &mut Walker, input: &mut &[u8]) {
        sink(drain(m, input, |_, part| {
            if let vestibule::fcgi::Part::Header(record) = &part {
                sink(record.name());
            }
            sink(part);
        }));
    }
    root_walker_eof(m: &mut Walker) { sink(m.eof()); }
}
