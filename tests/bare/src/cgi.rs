//! CGI/1.1: meta-variables, paths, and responses in both directions.

use crate::sink;
use vestibule::cgi::encode;
use vestibule::cgi::meta::{self, Mapping, Meta};
use vestibule::cgi::path::{self, Mount, PathRules};
use vestibule::cgi::response::{forwardable, Parser, Rules};
use vestibule::{Field, Fields, Length, Receive};

type Head = Fields<[u8; 256]>;

sizes! {
    SIZE_OF_CGI_PARSER: Parser;
    SIZE_OF_CGI_RULES: Rules;
}

/// Every variable of a head, written out.
fn write_all<'f, I>(fields: &I, mapping: Mapping, room: &mut [u8])
where
    I: IntoIterator<Item = Field<'f>> + Clone,
{
    for var in meta::vars(fields, mapping) {
        let Ok(var) = var else { break };
        sink((
            var.name_len(),
            var.value_len(),
            var.plain(),
            var.is(b"HTTP_COOKIE"),
        ));
        sink(var.write_name(room));
        sink(var.write_value(room));
        for value in var.values() {
            sink(value);
        }
    }
}

roots! {
    root_cgiparser_next(m: &mut Parser, input: &mut &[u8]) { sink(m.next(input)); }
    root_cgiparser_eof(m: &mut Parser) { sink(m.eof()); }
    root_cgiparser_new(rules: &Rules, head: bool) { sink(Parser::new(*rules, head)); }
    root_cgiparser_state(m: &Parser) {
        sink((m.excess(), m.body_dropped(), m.missing_content_type(), m.status_line()));
    }
    root_cgiparser_forwardable(name: &&[u8]) { sink(forwardable(name)); }

    root_cgiencode_head(status: u16, fields: &Head, length: Length, room: &mut &mut [u8]) {
        sink(encode::head(status, fields.iter(), length, room));
    }
    root_cgiencode_plain(status: u16, fields: &&[Field<'_>], length: Length, room: &mut [u8; 64]) {
        sink(encode::head(status, fields.iter().copied(), length, room));
    }

    root_cgimeta_vars(fields: &Head, mapping: &Mapping, room: &mut &mut [u8]) {
        write_all(&fields.iter(), *mapping, room);
    }
    root_cgimeta_vars_plain(fields: &&[Field<'_>], mapping: &Mapping, room: &mut &mut [u8]) {
        write_all(&fields.iter().copied(), *mapping, room);
    }
    root_cgimeta_read(fields: &Head, name: &&[u8]) {
        let m = Meta::new(fields);
        sink((m.var(name), m.header(name), m.method(), m.query(), m.script_name()));
        sink((m.path_info(), m.request_uri(), m.content_type(), m.content_length(), m.https()));
    }
    root_cgimeta_name(var: &&[u8], other: &&[u8], room: &mut &mut [u8]) {
        if let Some(name) = meta::header_name(var) {
            sink((name.len(), name.is(other), name.write(room)));
            for byte in name.bytes() {
                sink(byte);
            }
        }
    }

    root_cgipath_split(target: &&[u8], mount: &Mount<'_>, rules: &PathRules, room: &mut &mut [u8]) {
        match path::split(target, *mount, *rules, room) {
            Ok(split) => sink(split),
            Err(error) => sink((error.status(), error)),
        }
    }
    root_cgipath_parts(target: &&[u8]) {
        sink(path::query(target));
        sink(path::raw_path(target));
    }
}
