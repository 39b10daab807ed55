//! Every protocol as a wire, for tests that join any two of them: a client
//! machine, a server machine, and what the wire has a form for.

use vestibule::{Client, Server, ajp, cgi, fcgi, http1, scgi, uwsgi};

/// What a wire can say.
#[derive(Clone, Copy, Debug)]
pub struct Forms {
    /// A request whose body has no length that is known before.
    pub streams: bool,
    /// That a request has no body, also with a method that mostly has one.
    pub none: bool,
    /// The end of an answer that declared no length, otherwise than by the
    /// close of the connection.
    pub ends: bool,
    /// Another request behind an answer.
    pub kept: bool,
    /// Several requests at once.
    pub many: bool,
}

impl Forms {
    pub const ALL: Forms = Forms {
        streams: true,
        none: true,
        ends: true,
        kept: true,
        many: true,
    };

    /// One request on a connection, its body counted, an answer until close.
    const ONCE: Forms = Forms {
        streams: false,
        none: true,
        ends: false,
        kept: false,
        many: false,
    };
}

pub trait Wire {
    type Client: Client;
    type Server: Server;

    const FORMS: Forms;

    /// Both ends, for `many` requests at once where the wire can.
    fn ends(many: usize) -> (Self::Client, Self::Server);
}

/// Machines that speak with each other.
macro_rules! wires {
    ($($wire:ident: $client:ty, $server:ty, $forms:expr, |$many:pat_param| $ends:expr;)*) => {$(
        pub struct $wire;

        impl Wire for $wire {
            type Client = $client;
            type Server = $server;

            const FORMS: Forms = $forms;

            fn ends($many: usize) -> ($client, $server) {
                $ends
            }
        }
    )*};
}

const SECRET: &[u8] = b"s3cret";

wires! {
    Http: http1::Client, http1::Server, Forms { many: false, ..Forms::ALL },
        |_| (http1::Client::new(), http1::Server::new());
    Fcgi: fcgi::Client<Vec<fcgi::ClientSlot>>, fcgi::Server<Vec<fcgi::Slot>>,
        Forms { none: false, ..Forms::ALL },
        |many| (
            fcgi::Client::new(vec![fcgi::ClientSlot::EMPTY; many]),
            fcgi::Server::new(vec![fcgi::Slot::EMPTY; many]),
        );
    Scgi: scgi::Client, scgi::Server, Forms::ONCE,
        |_| (scgi::Client::new(), scgi::Server::new());
    Uwsgi: uwsgi::Client, uwsgi::Server, Forms::ONCE,
        |_| (uwsgi::Client::new(), uwsgi::Server::new());
    Ajp: ajp::Client, ajp::Server, Forms { many: false, ..Forms::ALL },
        |_| (
            ajp::Client::with_secret(SECRET),
            ajp::Server::new(ajp::ServerRules::STRICT.secret(SECRET)),
        );
    Cgi: cgi::Client, cgi::Server, Forms::ONCE,
        |_| (cgi::Client::new(), cgi::Server::new());
}

/// What is to be done with every pair of wires.
pub trait Visit {
    fn pair<F: Wire, B: Wire>(self);
}

/// Calls it with two of the wires: one in front, one behind.
macro_rules! visit {
    ($($wire:ident)*) => {
        pub const WIRES: usize = [$(stringify!($wire)),*].len();

        /// The numbers count the wires; they wrap.
        pub fn visit(front: usize, back: usize, visitor: impl Visit) {
            let mut n = front % WIRES;
            $(
                if n == 0 {
                    return behind::<$wire>(back, visitor);
                }
                n = n.wrapping_sub(1);
            )*
            unreachable!("{n}");
        }

        fn behind<F: Wire>(back: usize, visitor: impl Visit) {
            let mut n = back % WIRES;
            $(
                if n == 0 {
                    return visitor.pair::<F, $wire>();
                }
                n = n.wrapping_sub(1);
            )*
            unreachable!("{n}");
        }
    };
}

visit!(Http Fcgi Scgi Uwsgi Ajp Cgi);
