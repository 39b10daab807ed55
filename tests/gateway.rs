//! The blocking gateway over real sockets: machines of ours on both ends, and
//! peers that do as they are told.
#![cfg(unix)]

mod gateway {
    pub mod tools;

    mod answers;
    mod connections;
    mod fronts;
    mod handlers;
    mod mirrors;
    mod order;
    mod times;
}
