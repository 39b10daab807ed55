//! AJP: what is listed and drawn of it that other wires have not.

use vestibule::ajp::{
    Client, ClientExt, ClientLimits, MAX_PACKET, Server, ServerExt, ServerLimits, ServerRules,
};
use vestibule::{Client as _, Field, Length};

use super::{Answering, Asking, Question};
use crate::events::Facts;

/// A CPONG, as the packet that it is.
const CPONG: &[u8] = b"AB\0\x01\x09";

impl Asking for Server {
    const REST: &str = "";

    fn fresh() -> Self {
        // Whom it came from, and whom it was for, is not asked here.
        let rules = ServerRules::STRICT.without_secret(true);
        // Nor how long packets may be here.
        let limits = ServerLimits::DEFAULT.packet_bytes(MAX_PACKET);
        Server::new(rules.any_attribute(true)).limits(limits)
    }

    /// Some containers ask for a body where there is none; it is empty then.
    fn aside(input: &[u8]) -> Option<(&'static str, usize)> {
        let forms = [&b"\x12\x34\0\x02\0\0"[..], b"\x12\x34\0\0"];
        let form = forms.into_iter().find(|form| input.starts_with(form))?;
        Some(("EmptyBody", form.len()))
    }

    fn title(method: &str, target: &str) -> String {
        format!("FORWARD_REQUEST: {method} {target}")
    }

    fn is_message(_: &ServerExt) -> bool {
        true
    }

    fn own(ext: &ServerExt) -> (&'static str, Facts) {
        let name = match ext {
            ServerExt::Cping => "CPING",
            _ => "Ext",
        };
        (name, Facts::new())
    }
}

impl Answering for Client {
    const PULL: Option<fn(usize) -> String> = Some(|max| format!("GET_BODY_CHUNK: {max}"));
    const END: Option<fn(bool) -> String> = Some(|reuse| match reuse {
        true => "END_RESPONSE: keep the connection".into(),
        false => "END_RESPONSE".into(),
    });

    fn fresh() -> Self {
        Client::new().limits(ClientLimits::DEFAULT.packet_bytes(MAX_PACKET))
    }

    fn title(status: u16) -> String {
        format!("SEND_HEADERS: {status}")
    }

    fn ask_whether_there(&mut self, answer: &[u8]) -> bool {
        answer.starts_with(CPONG) && self.cping().is_ok()
    }

    fn ask(&mut self, question: &Question, room: &mut [u8]) {
        let fields = [
            Field::var(b"REQUEST_METHOD", &question.method),
            Field::var(b"REQUEST_URI", b"/"),
        ];
        let _ = self.open(fields, Length::None, room).is_ok();
    }

    fn is_message(ext: &ClientExt) -> bool {
        matches!(ext, ClientExt::Cpong)
    }

    fn own(ext: &ClientExt) -> (&'static str, Facts) {
        let name = match ext {
            ClientExt::Cpong => "CPONG",
            ClientExt::Flush { .. } => "Flush",
            _ => "Ext",
        };
        (name, Facts::new())
    }
}
