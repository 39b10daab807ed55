//! CGI itself: a program's environment, standard input and output.

use vestibule::cgi::{Client, Server};
use vestibule::{Client as _, Field, Length};

use super::{Answering, Asking, Question};

impl Asking for Server {
    const REST: &str = "[RFC 3875, 4.2]";

    fn fresh() -> Self {
        Server::new()
    }
}

impl Answering for Client {
    fn fresh() -> Self {
        Client::new()
    }

    fn ask(&mut self, question: &Question, room: &mut [u8]) {
        let fields = [Field::var(b"REQUEST_METHOD", &question.method)];
        let _ = self.open(fields, Length::None, room).is_ok();
    }
}
