//! Bridges between HTTP and FastCGI, both ways: the whole of a gateway but for
//! its transports.

use crate::sink;
use vestibule::bridge::{Back, Bridge, Exchange, Feed, Policy, Rooms};
use vestibule::{fcgi, http1, Error, Field, Fields};

type Store = [u8; 512];
type One = Bridge<Store, [Exchange<Store>; 1]>;
type Many<'a> = Bridge<&'a mut [u8], &'a mut [Exchange<&'a mut [u8]>]>;

sizes! {
    SIZE_OF_BRIDGE: Bridge<[u8; 0], [Exchange<[u8; 0]>; 0]>;
    SIZE_OF_BRIDGE_EXCHANGE: Exchange<[u8; 0]>;
    SIZE_OF_BRIDGE_BACK_FCGI: Back<fcgi::Client>;
    SIZE_OF_BRIDGE_BACK_HTTP1: Back<http1::Client>;
    SIZE_OF_BRIDGE_STEP: vestibule::bridge::Step<'static>;
}

/// Steps with any input and any rooms, for a pair of machines.
macro_rules! pair {
    ($bridge:ty, $server:ty, $client:ty, $step:ident $half:ident $ends:ident $back:ident) => {
        roots! {
            $step(b: &mut $bridge, s: &mut $server, backs: &mut &mut [Option<Back<$client>>], at: usize, front: &mut &[u8], back: &mut &[u8], rooms: &mut [&mut [u8]; 2]) {
                let [to_front, to_back] = rooms;
                let rooms = Rooms { to_front: Some(to_front), to_back: Some(to_back) };
                sink(b.step(s, Feed::Bytes(front), backs, Some((at, Feed::Bytes(back))), rooms));
            }
            $half(b: &mut $bridge, s: &mut $server, backs: &mut &mut [Option<Back<$client>>], front: &mut &[u8], room: &mut &mut [u8]) {
                let rooms = Rooms { to_front: None, to_back: Some(room) };
                sink(b.step(s, Feed::Bytes(front), backs, None, rooms));
            }
            $ends(b: &mut $bridge, s: &mut $server, backs: &mut &mut [Option<Back<$client>>], at: usize, room: &mut &mut [u8]) {
                let rooms = Rooms { to_front: Some(room), to_back: None };
                sink(b.step(s, Feed::End, backs, Some((at, Feed::End)), rooms));
            }
            $back(back: &mut Back<$client>, reason: &Error, busy: bool) {
                sink((back.keeps(), back.aborted(), back.given_up(), back.is_busy(), back.reusable()));
                back.set_busy(busy);
                back.set_deaf();
                back.give_up(*reason);
                sink(back.machine());
                sink(back.machine_mut());
            }
        }
    };
}

pair!(One, http1::Server, fcgi::Client, root_bridgehttpfcgi_step root_bridgehttpfcgi_half root_bridgehttpfcgi_ends root_bridgehttpfcgi_back);
pair!(One, fcgi::Server, http1::Client, root_bridgefcgihttp_step root_bridgefcgihttp_half root_bridgefcgihttp_ends root_bridgefcgihttp_back);
pair!(Many<'_>, fcgi::Server<&mut [fcgi::Slot]>, fcgi::Client<&mut [fcgi::ClientSlot]>, root_bridgemany_step root_bridgemany_half root_bridgemany_ends root_bridgemany_backs);

roots! {
    root_bridge_decide(b: &mut One, at: usize, error: &Error, date: &[u8; 29]) {
        b.forward(at);
        b.refuse(at, *error);
        sink(b.take(at));
        b.take_end(at);
        b.expire(*error);
        b.set_date(*date);
        sink((b.active(), b.uses(at), b.keeps(), b.lost()));
    }
    root_bridge_exchange(b: &mut One, at: usize, field: &Field<'_>, status: u16, bytes: u64) {
        if let Some(e) = b.exchange_mut(at) {
            sink(e.request_mut().push(*field));
            sink(e.answer_mut().push(*field));
            e.set_sent(status, bytes);
        }
        if let Some(e) = b.exchange(at) {
            sink((e.front(), e.length(), e.status(), e.sent(), e.attempts(), e.end()));
            sink((e.request().overflowed(), e.answer().overflowed()));
        }
    }
    root_bridge_new(out: &mut One, odd: bool, attempts: u8) {
        let exchange = Exchange::new(Fields::new([0; 512]), Fields::new([0; 512]));
        *out = Bridge::with_policy([exchange], Policy::STRICT.odd_names(odd).attempts(attempts));
    }
}
