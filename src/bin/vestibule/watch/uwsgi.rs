//! uwsgi: what is listed and drawn of it that other wires have not.

use vestibule::uwsgi::{Client, ClientExt, Server, ServerExt, modifier};
use vestibule::{Client as _, Field, Id, Length};

use super::{Answering, Asking, Question};
use crate::events::{Facts, bytes, number};
use crate::machine::EITHER;

impl Asking for Server {
    const REST: &str = "";

    fn fresh() -> Self {
        Server::new()
    }

    fn facts(&self, id: Id) -> Facts {
        let modifiers = self.modifiers(id);
        modifiers.map_or(Facts::new(), |m| {
            vec![
                ("modifier1", number(m.modifier1())),
                ("modifier2", number(m.modifier2())),
            ]
        })
    }

    fn is_message(ext: &ServerExt) -> bool {
        matches!(ext, ServerExt::Ping | ServerExt::CloseMark)
    }

    fn own(ext: &ServerExt) -> (&'static str, Facts) {
        let name = match ext {
            ServerExt::Ping => "Ping",
            ServerExt::CloseMark => "CloseMark",
            ServerExt::Excess => "Excess",
            _ => "Ext",
        };
        (name, Facts::new())
    }
}

impl Answering for Client {
    fn fresh() -> Self {
        Client::with_rules(EITHER)
    }

    fn ask_whether_there(&mut self, answer: &[u8]) -> bool {
        answer.first() == Some(&modifier::PING) && self.ping().is_ok()
    }

    fn ask(&mut self, question: &Question, room: &mut [u8]) {
        let fields = [Field::var(b"REQUEST_METHOD", &question.method)];
        let _ = self.open(fields, Length::None, room).is_ok();
    }

    fn is_message(ext: &ClientExt<'_>) -> bool {
        matches!(ext, ClientExt::Pong { .. })
    }

    fn own(ext: &ClientExt<'_>) -> (&'static str, Facts) {
        match ext {
            ClientExt::Pong { warning } => ("Pong", vec![("warning", number(*warning))]),
            ClientExt::Warning(text) => ("Warning", bytes(text)),
            _ => ("Ext", Facts::new()),
        }
    }
}
