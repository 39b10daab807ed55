//! HTTP: what is listed and drawn of it that other wires have not.

use vestibule::http1::{Client, Server};
use vestibule::{Client as _, Field, Id, Length};

use super::{Answering, Asking, Question};
use crate::events::Facts;
use crate::json::Value;

impl Asking for Server {
    const REST: &str = "[RFC 9112, 9.6]";

    fn fresh() -> Self {
        Server::new()
    }

    fn offers_upgrade(&self, id: Id) -> bool {
        Server::offers_upgrade(self, id)
    }

    fn facts(&self, id: Id) -> Facts {
        vec![
            ("keeps_alive", Value::Bool(self.keeps_alive(id))),
            ("expects_continue", Value::Bool(self.expects_continue(id))),
            (
                "offers_upgrade",
                Value::Bool(Server::offers_upgrade(self, id)),
            ),
        ]
    }
}

impl Answering for Client {
    const LINES: bool = true;

    fn fresh() -> Self {
        Client::new()
    }

    fn ask(&mut self, question: &Question, room: &mut [u8]) {
        let method = &question.method[..];
        let target: &[u8] = match method {
            b"CONNECT" => b"h:1",
            _ => b"/",
        };
        let upgrade = question.upgrade.then(|| Field::header(b"Upgrade", b"x"));
        let fields = [
            Field::var(b"REQUEST_METHOD", method),
            Field::var(b"REQUEST_URI", target),
            Field::header(b"Host", b"h"),
        ];
        let fields = fields.into_iter().chain(upgrade);
        let _ = self.open(fields, Length::None, room).is_ok();
    }

    fn facts(&self, id: Id) -> Facts {
        vec![("keeps_alive", Value::Bool(self.keeps_alive(id)))]
    }
}
