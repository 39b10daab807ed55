//! The command: calls applications, serves small ones, takes recorded traffic
//! apart. Over the crate's public interface alone.
#![deny(unsafe_code)]

mod access;
mod agreed;
mod apps;
mod args;
mod authorizer;
mod backs;
mod body;
mod call;
mod caller;
mod cgi_env;
mod context;
mod date;
mod decode;
mod demo;
mod draw;
mod endpoint;
mod events;
mod exchange;
mod files;
mod filter;
mod front;
mod gateway;
mod json;
mod ladder;
mod listen;
mod logged;
mod machine;
mod overload;
mod page;
mod perform;
mod ping;
#[cfg(unix)]
mod program;
mod proxied;
mod records;
mod root;
mod scheme;
mod script;
mod serve;
mod service;
#[cfg(unix)]
#[allow(unsafe_code)]
mod signal;
mod site;
mod tap;
mod trusted;
mod watch;

use args::{Args, Failure, complain};
use std::process::ExitCode;

const HELP: &str = "\
vestibule: speaks the protocols between a web server and an application

usage: vestibule COMMAND [OPTION]...

  call     sends a request to an application and prints the answer
  serve    serves a small application, or passes requests on to what stands behind
  decode   takes recorded bytes apart, or draws an exchange
  ping     asks an application whether it is there
  demo     serves, calls and draws in one go

vestibule COMMAND --help says more. vestibule --version prints the version.

Started by a web server through a link that is named NAME.cgi it is a CGI program, the
application NAME of serve: hello, mirror or echo. It reads no arguments then.
";

/// Says why, and leaves.
fn ended(code: u8, what: &str) -> ExitCode {
    complain(&format!("vestibule: {what}"));
    ExitCode::from(code)
}

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let program = words.next();
    if let Some(name) = script::named(program.as_deref()) {
        // No word more is read.
        return match script::serve(&name) {
            Ok(code) => ExitCode::from(code),
            Err(Failure::Usage(what)) => ended(2, &what),
            Err(Failure::Exit(code, what)) => ended(code, &what),
        };
    }
    let command = words.next().unwrap_or_default();
    let command = command.to_string_lossy();
    let args = Args::new(words);
    let ended = match command.as_ref() {
        "call" => call::main(args),
        "serve" => serve::main(args),
        "decode" => decode::main(args),
        "ping" => ping::main(args),
        "demo" => demo::main(args),
        "--help" | "-h" | "help" => args::print(HELP),
        "--version" | "-V" => args::print(&format!("vestibule {}\n", env!("CARGO_PKG_VERSION"))),
        "" => Err(Failure::Usage("a command is missing".into())),
        other => Err(Failure::Usage(format!("unknown command '{other}'"))),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(Failure::Usage(what)) => {
            let known = matches!(
                command.as_ref(),
                "call" | "serve" | "decode" | "ping" | "demo"
            );
            let of = if known {
                format!(" {command}")
            } else {
                String::new()
            };
            complain(&format!(
                "vestibule{of}: {what}\n'vestibule{of} --help' says what there is."
            ));
            ExitCode::from(2)
        }
        Err(Failure::Exit(code, what)) => {
            complain(&format!("vestibule {command}: {what}"));
            ExitCode::from(code)
        }
    }
}
