//! The command, as a user runs it: real processes, real sockets.
#![cfg(unix)]

mod command {
    pub mod tools;

    mod authorizer;
    mod call;
    mod decode;
    mod ping;
    mod root;
    mod serve;
}
