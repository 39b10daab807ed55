//! The command, as a user runs it: real processes, real sockets.
#![cfg(unix)]

mod command {
    pub mod tools;
    pub mod wire;

    mod access;
    mod ajp;
    mod authorizer;
    mod behind;
    mod bounds;
    mod call;
    mod call_http;
    mod cgi;
    mod decode;
    mod decode_http;
    mod demo;
    mod gateway;
    mod http;
    mod kept;
    mod oneshot;
    mod ping;
    mod proxy;
    mod root;
    mod serve;
    mod trusted;
}
