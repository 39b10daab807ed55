//! AJP's client and server joined. What is asked for and what is sent are kept
//! in an account.

use vestibule::ajp::{
    Client, ClientExt, ClientLimits, Server, ServerExt, ServerLimits, ServerRules,
};
use vestibule::{Length, Server as _};

use super::Source;
use super::ajp_client::Account;
use super::calls::{ID, tell};
use super::joined::{self, Link};
use super::wire::{Exchange, Lines, Over, Wire};

struct Ajp {
    size: usize,
    account: Account,
    /// Pings that were sent, and those that were answered.
    pings: (usize, usize),
}

impl Wire for Ajp {
    type Client = Client;
    type Server = Server;

    /// Packets.
    const BODY: &'static [u8] = b"\x12\x34\0\x01\x0a\x12\x34\0\x02\0\0AB\0\x02\x05\x01AB\0\x03\x06\0\x09\x12\x34\0\x08\x02\x02\0\0";
    const CALLS: &'static [u8] = &[
        0, 2, 4, 11, 24, 15, 3, 4, 11, 24, 15, 2, 5, 10, 16, 18, 13, 19, 20, 15,
    ];
    const MOST: usize = 200;
    const OWN: &'static [&'static str] = &["Host", "Content-Length", "Transfer-Encoding"];
    const VARS_FIRST: bool = false;
    const TRAILERS: bool = false;
    const INTERIMS: bool = false;
    const UNCONFIRMED: bool = true;

    fn make(config: u8) -> (Client, Server, Self) {
        let size: u32 = [8192, 65_536][usize::from(config & 1)];
        let secret: &'static [u8] = [&b"s3cret"[..], b""][usize::from(config >> 4 & 1)];
        let rules = match secret {
            b"" => ServerRules::STRICT.without_secret(true),
            secret => ServerRules::STRICT.secret(secret),
        };
        let own = Ajp {
            size: size as usize,
            account: Account::default(),
            pings: (0, 0),
        };
        (
            Client::with_secret(secret).limits(ClientLimits::DEFAULT.packet_bytes(size)),
            Server::new(rules).limits(ServerLimits::DEFAULT.packet_bytes(size)),
            own,
        )
    }

    fn some(next: u8) -> usize {
        match next {
            n @ 0..=249 => usize::from(n) % 24,
            n => usize::from(n - 249) * 1500,
        }
    }

    fn request(what: u8) -> (&'static [u8], &'static [u8], Length) {
        let method: &[u8] = match what & 7 {
            0 | 1 => b"GET",
            2 => b"HEAD",
            3 => b"PATCH",
            4 => b"OPTIONS",
            _ => b"POST",
        };
        let length = match what >> 3 & 3 {
            0 => Length::None,
            1 => Length::Unknown,
            // More than a packet, too.
            2 => Length::Known(u64::from(what >> 5) * 3),
            _ => Length::Known(10_000),
        };
        (method, b"/a?b", length)
    }

    fn opened(&mut self, _: &[u8], length: Length) {
        self.account = Account::opened(length, self.size);
    }

    fn sent(&mut self, bytes: &[u8], data: &[u8]) {
        assert_eq!(self.account.sent(bytes), data);
    }

    fn piece(&self) -> usize {
        self.size - 8
    }

    fn start(vars: &Lines, method: &[u8]) {
        let given = vars.iter().find(|l| l.0 == b"REQUEST_METHOD");
        assert!(given.is_some_and(|l| l.1 == method));
    }

    fn asked(link: &mut Link<Self>, ext: ServerExt) {
        let pings = &mut link.own.pings;
        pings.1 += 1;
        assert!(link.changed || pings.1 <= pings.0);
        link.to_client.put(link.server.default_reply(ext));
    }

    fn answered(link: &mut Link<Self>, ext: ClientExt) {
        match ext {
            ClientExt::Cpong => assert!(link.changed || link.own.pings.0 == link.own.pings.1),
            ClientExt::Flush { .. } => {
                let e = link.ours();
                assert!(e.done.is_none() && e.got_status.is_some() && !e.got_end);
            }
            other => panic!("{other:?}"),
        }
    }

    fn demanded(link: &mut Link<Self>, max: usize) {
        link.own.account.demanded(max, link.own.size);
        assert!(!link.ours().got_end);
    }

    fn ended(e: &Exchange) {
        assert!(matches!(e.over, Some(Over::Finished | Over::Refused)));
    }

    fn complete(e: &Exchange, reuse: bool) {
        assert!(!reuse || e.over == Some(Over::Finished));
    }

    fn call(link: &mut Link<Self>, what: u8, source: &mut Source<'_>) -> bool {
        match what {
            7 => {
                if let Ok(frame) = tell(&mut link.client, |c| c.cping()) {
                    link.own.pings.0 += 1;
                    link.to_server.put(frame);
                }
            }
            23 => {
                if let Ok(frame) = tell(&mut link.server, |s| s.flush(ID)) {
                    link.to_client.put(frame);
                }
            }
            24 => {
                let n = usize::from(source.word());
                if let Ok(frame) = tell(&mut link.server, |s| s.demand(ID, n)) {
                    link.to_client.put(frame);
                }
            }
            _ => return true,
        }
        false
    }
}

pub fn run(data: &[u8]) {
    joined::run::<Ajp>(data);
}
