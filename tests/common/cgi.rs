//! The parser of CGI responses as the tests see it.

use super::{Fact, Subject, What};
use vestibule::cgi::response::{Parser, Piece};

impl Subject for Parser {
    fn fact(event: &Self::Event<'_>) -> Fact {
        match event {
            Piece::Field(field) => Fact::field(1, field),
            Piece::Interim(status) => Fact::Interim(1, *status),
            Piece::HeadEnd { status, length } => Fact::HeadEnd(1, Some(*status), *length),
            Piece::Body(bytes) => Fact::bytes(1, What::Body, bytes),
            Piece::BodyEnd => Fact::BodyEnd(1),
            Piece::LocalRedirect => Fact::Ext("local-redirect".into()),
        }
    }

    fn body<'i>(event: &Self::Event<'i>) -> Option<&'i [u8]> {
        match event {
            Piece::Body(bytes) => Some(bytes),
            _ => None,
        }
    }
}
