//! PROXY headers, read and written.

use crate::sink;
use vestibule::proxy_protocol::{encode, Addresses, Event, Header, Limits, Parser, Part, Ssl, What};
use vestibule::{drain, Receive, Status};

sizes! {
    SIZE_OF_PROXY_PARSER: Parser;
    SIZE_OF_PROXY_EVENT: Event<'static>;
}

roots! {
    root_proxy_next(m: &mut Parser, input: &mut &[u8]) { sink(m.next(input)); }
    root_proxy_eof(m: &mut Parser) { sink(m.eof()); }
    root_proxy_drain(m: &mut Parser, input: &mut &[u8]) {
        sink(drain(m, input, |_, event| sink(event)));
    }
    root_proxy_new(length: u16) { sink(Parser::new(Limits::DEFAULT.length(length))); }
    root_proxy_state(m: &Parser) { sink((m.phase(), m.after(), m.at_least())); }

    root_proxyencode_v1(addresses: &Addresses, room: &mut &mut [u8]) {
        sink(encode::v1(addresses, room));
    }
    root_proxyencode_v2(header: &Header, parts: &&[Part<'_>], room: &mut &mut [u8]) {
        sink(encode::v2(header, parts.iter().copied(), room));
    }
    root_proxyencode_make(part: &Part<'_>, what: What, bytes: &&[u8], ssl: &Ssl) {
        sink((part.field(), Part::new(what, bytes), what.name(), ssl.tls(), ssl.verified()));
    }
    root_proxyencode_header(header: &Header) {
        let ends = (header.addresses.source(), header.addresses.destination());
        if let (Some(source), Some(destination)) = ends {
            sink(Header::tcp(source, destination));
        }
        sink(ends);
    }
}
