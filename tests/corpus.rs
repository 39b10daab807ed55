//! Runs the body of every fuzz target over its committed seeds.

mod fuzz_bodies;

use std::path::Path;

fn run(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    assert!(paths.len() > 3, "{target} has no seeds");
    for path in paths {
        let data = std::fs::read(&path).expect("a seed");
        if std::panic::catch_unwind(|| body(&data)).is_err() {
            panic!("{}", path.display());
        }
    }
    // What no seed may depend on: any input will do.
    body(&[]);
}

macro_rules! targets {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            run(stringify!($target), fuzz_bodies::$target::run);
        }
    )*

        /// Each target of the fuzz package is run here, and has seeds.
        #[test]
        fn none_is_forgotten() {
            let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml");
            let manifest = std::fs::read_to_string(manifest).expect("the manifest");
            let listed: Vec<&str> = manifest
                .split("[[bin]]\nname = \"")
                .skip(1)
                .filter_map(|t| t.split('"').next())
                .collect();
            assert_eq!(listed, [$(stringify!($target)),*]);
        }
    };
}

targets! {
    fcgi_server
    fcgi_pairs
    fields
    frame
    fcgi_client
    cgi_response
    fcgi_joined
    encode
    proxy
    http1_server
    http1_client
    http1_joined
    http1_encode
    scgi_server
    scgi_client
    scgi_joined
    uwsgi_server
    uwsgi_client
    uwsgi_joined
    forwarded
    access_log
    bridge
    bridge_pairs
    ajp_client
    ajp_joined
    ajp_server
    cgi_server
    cgi_client
    cgi_joined
}
