//! Ceilings of sizes, so that growth is seen in review. On a 64-bit machine;
//! on others they are smaller.

use vestibule::{
    Frame, Id, Next, Parked, Request, Response, ajp, cgi, cgi::response::Parser, fcgi, http1,
    proxy_protocol, scgi, uwsgi,
};

#[test]
fn machines() {
    assert!(size_of::<fcgi::Server>() <= 160);
    assert!(size_of::<fcgi::Slot>() <= 64);
    assert!(size_of::<fcgi::ClientSlot>() <= 64);
    assert!(size_of::<fcgi::Client>() <= 320);
    assert!(size_of::<Parser>() <= 80);
    assert!(size_of::<http1::Server>() <= 224);
    assert!(size_of::<http1::Client>() <= 224);
    assert!(size_of::<scgi::Server>() <= 128);
    assert!(size_of::<scgi::Client>() <= 128);
    assert!(size_of::<uwsgi::Server>() <= 128);
    assert!(size_of::<uwsgi::Client>() <= 128);
    assert!(size_of::<ajp::Server>() <= 192);
    assert!(size_of::<ajp::Client>() <= 192);
    assert!(size_of::<cgi::Server>() <= 128);
    assert!(size_of::<cgi::Client>() <= 128);
    assert!(size_of::<proxy_protocol::Parser>() <= 104);
}

#[test]
fn what_goes_through_them() {
    assert!(size_of::<Frame<'_>>() <= 96);
    assert!(size_of::<Parked>() <= 88);
    assert!(size_of::<Next<Request<'_, fcgi::ServerExt<'_>>>>() <= 48);
    assert!(size_of::<Next<Response<'_, fcgi::ClientExt>>>() <= 48);
    assert!(size_of::<Next<scgi::server::Event<'_>>>() <= 48);
    assert!(size_of::<Next<scgi::client::Event<'_>>>() <= 48);
    assert!(size_of::<Next<uwsgi::server::Event<'_>>>() <= 48);
    assert!(size_of::<Next<uwsgi::client::Event<'_>>>() <= 48);
    assert!(size_of::<Next<Request<'_, http1::ServerExt>>>() <= 48);
    assert!(size_of::<Next<Response<'_, http1::ClientExt>>>() <= 48);
    assert!(size_of::<Next<Request<'_, ajp::ServerExt>>>() <= 48);
    assert!(size_of::<Next<Response<'_, ajp::ClientExt>>>() <= 48);
    assert!(size_of::<Next<cgi::server::Event<'_>>>() <= 48);
    assert!(size_of::<Next<cgi::client::Event<'_>>>() <= 48);
    assert!(size_of::<Next<proxy_protocol::Event<'_>>>() <= 80);
    assert!(size_of::<Option<Id>>() == 2);
}

/// Without the storage of its heads, which is the caller's.
#[test]
fn a_bridge() {
    use vestibule::bridge::{Back, Bridge, Exchange, Step};
    type Store = [u8; 0];
    assert!(size_of::<Bridge<Store, [Exchange<Store>; 0]>>() <= 192);
    assert!(size_of::<Exchange<Store>>() <= 192);
    assert!(size_of::<Back<fcgi::Client>>() <= size_of::<fcgi::Client>() + 56);
    assert!(size_of::<Back<http1::Client>>() <= size_of::<http1::Client>() + 56);
    assert!(size_of::<Step<'_>>() <= 112);
}
