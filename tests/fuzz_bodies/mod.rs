//! What the fuzz targets run: plain functions over bytes, so that a test can
//! also run them over the committed seeds. Public interface only.
#![allow(dead_code)]

#[path = "../common/mod.rs"]
pub mod common;

pub mod access_log;
pub mod ajp_client;
mod ajp_encode;
pub mod ajp_joined;
mod ajp_model;
pub mod ajp_server;
mod asking;
pub mod bridge;
pub mod bridge_pairs;
mod calls;
pub mod cgi_client;
pub mod cgi_joined;
pub mod cgi_response;
pub mod cgi_server;
pub mod encode;
pub mod fcgi_client;
pub mod fcgi_joined;
pub mod fcgi_pairs;
pub mod fcgi_server;
pub mod fields;
pub mod forwarded;
pub mod frame;
pub mod http1_client;
pub mod http1_encode;
pub mod http1_joined;
mod http1_model;
pub mod http1_server;
mod http1_text;
mod joined;
mod legal;
mod oneshot;
pub mod proxy;
mod records;
pub mod scgi_client;
pub mod scgi_joined;
pub mod scgi_server;
pub mod uwsgi_client;
pub mod uwsgi_joined;
pub mod uwsgi_server;
mod wire;

/// Takes an input apart. Beyond its end there are zeros.
pub struct Source<'a>(pub &'a [u8]);

impl<'a> Source<'a> {
    pub fn byte(&mut self) -> u8 {
        match self.0 {
            [b, rest @ ..] => {
                self.0 = rest;
                *b
            }
            [] => 0,
        }
    }

    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// 0 to `n` - 1, of at most 256.
    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n.max(1)
    }

    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// As many as there are, up to `n`.
    pub fn take(&mut self, n: usize) -> &'a [u8] {
        let (now, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        now
    }

    /// A byte that says how many, and so many.
    pub fn short(&mut self) -> &'a [u8] {
        let n = usize::from(self.byte());
        self.take(n)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where an input of `len` bytes is cut, by two bytes of it.
pub fn cuts(mode: u8, seed: u8, len: usize) -> Vec<usize> {
    let seed = usize::from(seed);
    match mode % 4 {
        // Pieces of one size.
        0 => (1..)
            .map(|i| i * (1 + seed % 16))
            .take_while(|&c| c < len)
            .collect(),
        // One cut near the front.
        1 => vec![(seed + usize::from(mode / 4) * 64).min(len)],
        // One cut near the end.
        2 => vec![len.saturating_sub(seed)],
        _ => {
            let mut random = common::Random(seed as u64);
            let most = [3, 9, 33, 257][usize::from(mode / 4) % 4];
            let mut cuts = Vec::new();
            let mut at = 0;
            while at < len {
                cuts.push(at);
                at += random.below(most);
            }
            cuts
        }
    }
}

/// Fails with the text of it.
#[track_caller]
pub fn ok<T>(result: Result<T, String>) -> T {
    match result {
        Ok(value) => value,
        Err(text) => panic!("{text}"),
    }
}
