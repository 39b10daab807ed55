//! Who is believed about a request, and the line that is written of it.

use crate::sink;
use core::net::{IpAddr, SocketAddr};
use vestibule::access_log::{Format, Record};
use vestibule::forwarded::{BadForwarded, Header, Node, Policy, Scheme};
use vestibule::{Date, Field, Fields, Net};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_NET: Net;
    SIZE_OF_FORWARDED_POLICY: Policy<'static>;
}

roots! {
    root_net_new(address: &IpAddr, prefix: u8) { sink(Net::new(*address, prefix)); }
    root_net_host(address: &IpAddr) { sink((Net::host(*address), Net::from(*address))); }
    root_net_parse(text: &&str) { sink(text.parse::<Net>()); }
    root_net_contains(net: &Net, address: &IpAddr) {
        sink((net.contains(*address), net.address(), net.prefix()));
    }

    root_forwarded_new(trusted: &&[Net], local: bool, header: Header) {
        sink(Policy::trusting(trusted).local(local).believe(header));
    }
    root_forwarded_origin(policy: &Policy<'_>, peer: &Option<SocketAddr>, head: &Head) {
        sink(policy.origin(*peer, head.iter()));
    }
    root_forwarded_plain(policy: &Policy<'_>, peer: &Option<SocketAddr>, head: &&[Field<'_>]) {
        sink(policy.origin(*peer, head.iter().copied()));
    }
    root_forwarded_read(policy: &Policy<'_>, peer: &Option<IpAddr>, node: &Node<'_>) {
        sink((policy.trusts(*peer), node.address()));
    }
    root_forwarded_names(header: Header, scheme: Scheme, error: &BadForwarded) {
        sink((header.name(), scheme.name(), error.status()));
    }

    root_accesslog_parse(text: &&str) { sink(Format::parse(text)); }
    root_accesslog_reads(format: &Format<'_>, field: &Field<'_>) {
        sink((format.reads(field), format.reads_answer(field)));
    }
    root_accesslog_encode(format: &Format<'_>, heads: &[Head; 2], room: &mut &mut [u8]) {
        let [request, answer] = heads;
        let record = Record {
            request: request.iter(),
            answer: answer.iter(),
            status: Some(core::hint::black_box(200)),
            bytes: core::hint::black_box(None),
            time: core::hint::black_box(1),
            offset: core::hint::black_box(1),
            micros: core::hint::black_box(1),
            pid: core::hint::black_box(None),
        };
        sink(format.encode(&record, room));
    }
    root_accesslog_date(seconds: u64) {
        let date = Date::of(seconds);
        sink((date, date.month_name(), date.weekday_name()));
    }
}
