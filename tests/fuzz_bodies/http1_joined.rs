//! The client and the server of HTTP/1.1 joined. What was written is read again
//! by another reader.

use vestibule::http1::{Client, ClientExt, Server, ServerExt, ServerLimits};
use vestibule::{Client as _, Field, Length, Server as _};

use super::calls::{ID, tell};
use super::http1_model::{self as model, End, Head};
use super::joined::{self, Link};
use super::wire::{Exchange, Lines, Over, Wire};
use super::{Source, ok};

struct Http;

impl Wire for Http {
    type Client = Client;
    type Server = Server;

    /// Ends of bodies, and messages.
    const BODY: &'static [u8] =
        b"\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    const CALLS: &'static [u8] = &[0, 2, 4, 11, 24, 15, 2, 3, 4, 10, 16, 18, 13, 19, 20, 15];
    const MOST: usize = 300;
    const OWN: &'static [&'static str] =
        &["Host", "Content-Length", "Transfer-Encoding", "Connection"];
    const VARS_FIRST: bool = true;
    const TRAILERS: bool = true;
    const INTERIMS: bool = true;
    const UNCONFIRMED: bool = false;

    fn make(config: u8) -> (Client, Server, Self) {
        let drain = [65_536, 20][usize::from(config & 1)];
        let limits = ServerLimits::DEFAULT.drain_bytes(drain);
        (Client::new(), Server::with_limits(limits), Http)
    }

    fn some(next: u8) -> usize {
        usize::from(next) % Self::BODY.len()
    }

    fn request(what: u8) -> (&'static [u8], &'static [u8], Length) {
        let (method, target): (&[u8], &[u8]) = match what & 7 {
            0 | 1 => (b"GET", b"/a?b"),
            2 => (b"HEAD", b"/a?b"),
            3 => return (b"CONNECT", b"h:80", Length::None),
            4 => (b"OPTIONS", b"*"),
            _ => (b"POST", b"/a?b"),
        };
        let length = match what >> 3 & 3 {
            0 => Length::None,
            1 => Length::Unknown,
            _ => Length::Known(u64::from(what >> 5)),
        };
        (method, target, length)
    }

    fn more(source: &mut Source<'_>, length: Length) -> Option<(&'static [u8], &'static [u8])> {
        let some = !matches!(length, Length::None | Length::Known(0));
        (some && source.below(4) == 0).then_some((b"expect", b"100-continue"))
    }

    /// Whatever the machine writes is one request.
    fn opened(&mut self, bytes: &[u8], _: Length) {
        let Head::Good(_, _, rest) = model::request(bytes) else {
            panic!("{}", bytes.escape_ascii());
        };
        assert!(rest.is_empty());
    }

    fn trim(value: &[u8]) -> &[u8] {
        model::trim(value)
    }

    /// The request line.
    fn start(vars: &Lines, method: &[u8]) {
        assert_eq!(vars.len(), 3);
        assert_eq!(vars[0].1, method);
    }

    fn asked(_: &mut Link<Self>, ext: ServerExt) {
        match ext {}
    }

    fn answered(_: &mut Link<Self>, ext: ClientExt) {
        match ext {}
    }

    fn demanded(link: &mut Link<Self>, max: usize) {
        let credit = link.client.credit(ID);
        let e = link.ours();
        assert!(max > 0 && e.got_status.is_none());
        assert!(credit > 0 || e.sent_end || e.sent_all());
    }

    /// All of it was written, and it was ended as it should.
    fn complete(e: &Exchange, reuse: bool) {
        let ended = matches!(e.over, Some(Over::Finished | Over::Refused));
        let counted = e.declared == Some(e.answer.len() as u64);
        assert!(ended || counted || e.skip, "{e:?}");
        assert!(e.got_trailers == e.answer_trailers || !ended);
        assert!(!reuse || e.sent_end || e.sent_all());
    }

    fn trailers(source: &mut Source<'_>) -> usize {
        source.below(3)
    }

    fn call(link: &mut Link<Self>, what: u8, source: &mut Source<'_>) -> bool {
        match what {
            7 => drop(tell(&mut link.client, |c| c.proceed(ID))),
            // Within the client's limit; one more comes from `demand`.
            23 if link.theirs().interims < 15 => {
                let status = [103, 100, 102, 101][source.below(4)];
                let mut room = [0; 60];
                let frame = tell(&mut link.server, |s| {
                    let frame = s.interim(ID, status, [Field::header(b"L", b"x")], &mut room)?;
                    Ok(frame.slices().concat())
                });
                link.to_client.bytes.extend(frame.unwrap_or_default());
                link.theirs().interims += 1;
            }
            24 => {
                if let Ok(frame) = tell(&mut link.server, |s| s.demand(ID, 9)) {
                    link.to_client.put(frame);
                }
            }
            29 => match source.byte() {
                0 => link.client.last(),
                _ => return true,
            },
            _ => {}
        }
        false
    }

    fn written(link: &Link<Self>) {
        let methods: Vec<Vec<u8>> = link.all.iter().map(|e| e.method.clone()).collect();
        ok(model::answers(&link.to_client.bytes, &methods, true));
        let mut rest = &link.to_server.bytes[..];
        for e in &link.all {
            let Head::Good(_, head, behind) = model::request(rest) else {
                panic!("no request: {}", rest.escape_ascii());
            };
            let body = model::body(head.framing, behind, 32);
            assert_eq!(body.bytes, e.sent);
            match body.end {
                End::Whole(behind) => rest = behind,
                End::Cut => rest = &[],
                end => panic!("{end:?}"),
            }
        }
        assert!(rest.is_empty());
    }
}

pub fn run(data: &[u8]) {
    joined::run::<Http>(data);
}
