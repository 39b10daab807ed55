//! Every front before everything that may stand behind: one corpus of
//! requests, real sockets, answers compared to the byte. The table is printed:
//! `cargo test --test matrix -- --nocapture`.
#![cfg(unix)]
#![allow(dead_code)]

#[path = "command/tools.rs"]
mod tools;
#[path = "command/wire.rs"]
mod wire;

mod matrix {
    pub mod broken;
    pub mod corpus;
    pub mod front;
    pub mod places;
}

use matrix::corpus::Pair;
use matrix::places::{PROTOCOLS, Places};
use std::time::Instant;

#[test]
fn every_front_before_every_back() {
    let began = Instant::now();
    let places = Places::new();
    // Fronts beside each other; of one front the backs one after the other.
    let rows: Vec<Vec<(usize, usize)>> = std::thread::scope(|scope| {
        let places = &places;
        let row = |front| {
            let pairs = PROTOCOLS.map(|back| Pair::new(places, front, back));
            pairs.iter().map(Pair::compare).collect()
        };
        let running: Vec<_> = PROTOCOLS
            .map(|front| scope.spawn(move || row(front)))
            .into();
        running.into_iter().map(|r| r.join().unwrap()).collect()
    });
    let mut table = String::from("| front \\ back |");
    for back in PROTOCOLS {
        table += &format!(" {} |", name(back));
    }
    table += &format!("\n| --- |{}\n", " ---: |".repeat(PROTOCOLS.len()));
    for (front, row) in PROTOCOLS.iter().zip(&rows) {
        table += &format!("| {} |", name(front));
        for (answers, _) in row {
            table += &format!(" {answers} |");
        }
        table += "\n";
    }
    let (answers, bytes) = rows
        .iter()
        .flatten()
        .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    println!("{table}");
    println!(
        "{answers} answers, {} MB, each as it should be, in {:.1?}",
        bytes / 1_000_000,
        began.elapsed()
    );
}

fn name(scheme: &str) -> &'static str {
    match scheme {
        "http" => "HTTP",
        "fcgi" => "FastCGI",
        "scgi" => "SCGI",
        "uwsgi" => "uwsgi",
        "ajp" => "AJP",
        _ => "CGI",
    }
}
