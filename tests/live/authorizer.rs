//! Apache mod_authnz_fcgi in front of `vestibule serve --app auth`.

use crate::harness::{Peer, Serve, Shown};
use crate::tools::{call, curl, same};

#[test]
#[ignore = "needs apache2 and curl"]
fn apache_asks_an_authorizer() {
    let mut shown = Shown::of("Apache mod_authnz_fcgi -> serve");
    let serve = Serve::tcp("auth", &[]);
    let apache = Peer::start("apache", &[("UPSTREAM_AUTHZ", &serve.upstream)]);
    for (place, how) in [
        ("/protected/", "both in one request"),
        ("/protected-two/", "authenticated, then authorized"),
        // Passes only with the user that the answer's Variable- names.
        (
            "/protected-check/",
            "the user is that of Variable-AUTH_USER",
        ),
    ] {
        let url = apache.url(&format!("{place}index.html"));
        let got = curl(&url, &["-u", "demo:any"]);
        assert_eq!(got.status, 200, "{place}");
        same(&got.body, b"static page\n", place);
        for args in [
            &[][..],
            &["-u", "other:any"],
            &["-u", "demo2:any"],
            &["-u", ":"],
        ] {
            let got = curl(&url, args);
            assert_eq!(got.status, 401, "{place} {args:?}");
            assert!(
                !got.field("WWW-Authenticate").is_empty(),
                "{place} {args:?}"
            );
            assert!(!got.body.ends_with(b"static page\n"), "{place} {args:?}");
        }
        shown.case(how);
    }
    drop(apache);

    let user = |name: &str| {
        let var = format!("REMOTE_USER={name}");
        call(&serve.endpoint, &["--role", "authorizer", "-i", "-p", &var])
    };
    let head = "Status: 200\r\nVariable-AUTH_USER: demo\r\n\r\n";
    same(user("demo").ok(), head.as_bytes(), "allowed");
    let text = String::from_utf8(user("other").ok().to_vec()).unwrap();
    assert!(text.starts_with("Status: 401\r\n"), "{text}");
    serve.stop();

    // An application that is no authorizer lets nobody in, however it is asked.
    let serve = Serve::tcp("hello", &[]);
    let apache = Peer::start("apache", &[("UPSTREAM_AUTHZ", &serve.upstream)]);
    for place in ["/protected/", "/protected-two/", "/protected-check/"] {
        let url = apache.url(&format!("{place}index.html"));
        let got = curl(&url, &["-u", "demo:any"]);
        assert_ne!(got.status, 200, "{place}");
    }
    shown.case("fails closed");
    drop(apache);
    serve.stop();
}
