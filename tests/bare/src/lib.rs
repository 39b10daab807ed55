//! What a device would call, each entry point as a root of its own. Nothing
//! here runs: ./check links the roots and looks at what is left.
//!
//! Only the texts of `Display` and `Debug` are left out: they are the
//! formatter's, and who does not print does not link them.
#![no_std]
#![allow(improper_ctypes_definitions)]

/// Roots with the names that the linker is told. Symbols named `root_X_…`
/// belong to the machine X.
macro_rules! roots {
    ($($name:ident($($arg:ident: $type:ty),* $(,)?) $body:block)*) => {
        $(#[no_mangle]
        pub extern "C" fn $name($($arg: $type),*) $body)*
    };
}

/// Sizes, told as the sizes of symbols.
macro_rules! sizes {
    ($($name:ident: $type:ty;)*) => {
        $(#[no_mangle]
        pub static $name: [u8; size_of::<$type>()] = [0; size_of::<$type>()];)*
    };
}

mod ajp_client;
mod ajp_server;
mod bridge;
mod cgi;
mod client;
mod http1;
mod log;
mod program;
mod proxy;
mod scgi;
mod server;
mod uwsgi;
mod vocabulary;

/// Uses a result up, so that nothing of it is optimised away.
fn sink<T>(result: T) {
    core::hint::black_box(&result);
}

/// In the linked program only if something can panic.
#[no_mangle]
#[inline(never)]
extern "C" fn bare_may_panic() -> ! {
    loop {
        core::hint::black_box(());
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    bare_may_panic()
}

// Two that do panic: the check must see it.
#[no_mangle]
pub extern "C" fn control_index(bytes: &[u8; 4], at: usize) -> u8 {
    bytes[at]
}

#[no_mangle]
pub extern "C" fn control_lengths(to: &mut &mut [u8], from: &&[u8]) {
    to.copy_from_slice(from);
}
