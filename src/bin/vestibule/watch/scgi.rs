//! SCGI: what is listed and drawn of it that other wires have not.

use vestibule::scgi::{Client, Server};
use vestibule::{Client as _, Field, Length};

use super::{Answering, Asking, Question};
use crate::machine::EITHER;

impl Asking for Server {
    const REST: &str = "[SCGI, 2]";

    fn fresh() -> Self {
        Server::new()
    }
}

impl Answering for Client {
    fn fresh() -> Self {
        Client::with_rules(EITHER)
    }

    fn ask(&mut self, question: &Question, room: &mut [u8]) {
        let fields = [Field::var(b"REQUEST_METHOD", &question.method)];
        let _ = self.open(fields, Length::None, room).is_ok();
    }
}
