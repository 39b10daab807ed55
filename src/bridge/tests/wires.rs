//! What differs from wire to wire: a body whose length is not known, variables
//! that speak of the wire itself.

use super::rig::*;
use crate::machine::Client;
use crate::{Error, cgi, http1, scgi, uwsgi};

/// A wire that counts bodies behind one that need not.
fn counted<K: Client>(client: fn() -> K) {
    let head =
        |method| format!("{method} / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    every(|driver| {
        let rig = || Rig::new(driver, http1::Server::new(), 1, vec![client()]);
        for method in ["POST", "PUT", "PATCH"] {
            for body in ["2\r\nhi\r\n0\r\n\r\n", "0\r\n\r\n", ""] {
                let mut rig = rig();
                rig.front(format!("{}{body}", head(method)).as_bytes());
                assert!(rig.said().starts_with("HTTP/1.1 411 "));
                let end = (failed(Error::LengthRequired), 411, 0);
                assert_eq!((rig.ended(), rig.asked(0)), (end, String::new()));
                assert!(rig.back_mut(0).reusable());
            }
        }
        // One that seldom has a body is seen to have none, or one.
        let mut none = rig();
        none.front(format!("{}0\r\n\r\n", head("GET")).as_bytes());
        assert!(!none.asked(0).is_empty());
        let mut some = rig();
        some.front(format!("{}2\r\nhi\r\n0\r\n\r\n", head("GET")).as_bytes());
        assert_eq!(some.ended(), (failed(Error::LengthRequired), 411, 0));
    });
}

#[test]
fn a_body_of_unknown_length_that_has_no_form() {
    counted(scgi::Client::new);
    counted(uwsgi::Client::new);
    counted(cgi::Client::new);
    // With FastCGI a body has no length where none is declared.
    every(|driver| {
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![scgi::Client::new()]);
        let fields = [("REQUEST_METHOD", "POST"), GET[1], GET[2]];
        rig.front(&[params(1, &fields), stdin(1, b"")].concat());
        assert_eq!(output(&rig.said()).0, "Status: 411\r\n\r\n|");
        rig.front(&get(1));
        assert!(rig.asked(0).contains("CONTENT_LENGTH\x000\0"));
    });
}

/// What no length would mend.
#[test]
fn a_trace_with_a_body() {
    every(|driver| {
        let mut rig = http_http(driver);
        rig.front(
            b"TRACE / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        );
        assert_eq!(rig.ended(), (failed(Error::Framing), 400, 0));
        assert_eq!(rig.asked(0), "");
    });
}

#[test]
fn what_the_front_says_of_its_wire() {
    let fields = [
        &GET[..],
        &[
            ("SCGI", "1"),
            ("FCGI_ROLE", "RESPONDER"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SCGI_X", "1"),
        ],
    ]
    .concat();
    every(|driver| {
        let mut rig = fcgi_fcgi(driver);
        rig.front(&[params(1, &fields), stdin(1, b"")].concat());
        let text = seen(&rig.asked(0));
        assert!(!text.contains("SCGI=") && !text.contains("FCGI_ROLE="));
        assert!(text.contains("GATEWAY_INTERFACE=CGI/1.1\nSCGI_X=1\n"));
        let request = [params(1, &fields), stdin(1, b"")].concat();
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![scgi::Client::new()]);
        rig.front(&request);
        let text = rig.asked(0);
        assert_eq!(text.matches("SCGI\0").count(), 1, "{text}");
        assert!(!text.contains("FCGI_ROLE") && text.contains("SCGI_X\x001\0"));
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![uwsgi::Client::new()]);
        rig.front(&request);
        let text = rig.asked(0);
        assert!(!text.contains("SCGI\x01\0") && !text.contains("FCGI_ROLE"));
        assert!(text.contains("SCGI_X"), "{text}");

        // What the wire behind says of itself it says once.
        let mut rig = Rig::new(driver, scgi::Server::new(), 1, vec![scgi::Client::new()]);
        rig.front(b"55:CONTENT_LENGTH\x000\0SCGI\x001\0REQUEST_METHOD\0GET\0HTTP_HOST\0h\0,");
        assert_eq!(rig.asked(0).matches("SCGI\0").count(), 1);

        // What only one kind of server obeys passes by its switch alone.
        let evil = [&GET[..], &[("UWSGI_FILE", "/tmp/evil")]].concat();
        let request = [params(1, &evil), stdin(1, b"")].concat();
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![uwsgi::Client::new()]);
        rig.front(&request);
        assert_eq!(rig.ended(), (failed(Error::BadField), 400, 0));
        let client = uwsgi::Client::new().server_variables(true);
        let mut rig = Rig::new(driver, fcgi_server(1), 1, vec![client]);
        rig.front(&request);
        assert!(rig.asked(0).contains("UWSGI_FILE"));
    });
}
