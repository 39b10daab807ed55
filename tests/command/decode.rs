//! `decode`.

use super::tools::*;

fn lines(ran: &Ran) -> Vec<String> {
    ran.text().lines().map(String::from).collect()
}

fn answer(id: u16) -> Vec<u8> {
    [
        record(7, id, b"warn\n"),
        record(6, id, b"Content-Ty"),
        record(6, id, b"pe: t/p\r\n\r\nhi"),
        record(6, id, b""),
        record(3, id, &[0, 0, 3, 0xaa, 0, 0, 0, 0]),
    ]
    .concat()
}

#[test]
fn requests() {
    let dir = Dir::new("requests");
    let filter = [
        record(1, 2, &[0, 3, 0, 0, 0, 0, 0, 0]),
        // One pair over two records.
        record(4, 2, b"\x0b\x02SERVER"),
        record(4, 2, b"_PORT80"),
        record(4, 2, b""),
        record(5, 2, b"abc"),
        record(5, 2, b""),
        record(8, 2, b"\xff\0"),
        record(8, 2, b""),
    ];
    let bytes = [
        request(1, true, &[("REQUEST_METHOD", "GET")]),
        // The id is free again.
        request(1, true, &[("A", "b")]),
        filter.concat(),
    ];
    let file = dir.file("c2s", &bytes.concat());
    let ran = run(&["decode", "fcgi", &file]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let expect = [
        "      16  Begin id=1 role=responder keep_conn=true",
        "      43  Field id=1 name=\"REQUEST_METHOD\" value=\"GET\"",
        "      51  HeadEnd id=1 length=unknown",
        "      59  BodyEnd id=1",
        "      75  Begin id=1 role=responder keep_conn=true",
        "      87  Field id=1 name=\"A\" value=\"b\"",
        "      95  HeadEnd id=1 length=unknown",
        "     103  BodyEnd id=1",
        "     119  Begin id=2 role=filter keep_conn=false",
        "     150  Field id=2 name=\"SERVER_PORT\" value=\"80\"",
        "     158  HeadEnd id=2 length=unknown",
        "     169  Body id=2 length=3 bytes=\"abc\"",
        "     177  BodyEnd id=2",
        "     187  Data id=2 length=2 bytes=\"\\xff\\x00\"",
        "     195  DataEnd id=2",
    ];
    assert_eq!(lines(&ran), expect);
    // The same from standard input, named, as objects.
    let args = ["decode", "fcgi", "--json", "--side", "server", "-"];
    let ran = finish(vestibule(&args), &bytes.concat());
    assert_eq!(ran.code, 0);
    let objects = lines(&ran);
    assert_eq!(
        objects[1],
        "{\"offset\":43,\"event\":\"Field\",\"id\":1,\"name\":\"REQUEST_METHOD\",\"value\":\"GET\"}"
    );
    assert_eq!(
        objects[13],
        "{\"offset\":187,\"event\":\"Data\",\"id\":2,\"length\":2,\"bytes_hex\":\"ff00\"}"
    );
    assert_eq!(objects.len(), expect.len());
}

#[test]
fn what_concerns_no_request() {
    let bytes = [
        record(9, 0, b"\x0f\0FCGI_MPXS_CONNS"),
        record(77, 0, b"x"),
        record(1, 3, &[0, 9, 1, 0, 0, 0, 0, 0]),
        record(1, 4, &[0, 2, 1, 0, 0, 0, 0, 0]),
        record(4, 4, b""),
        record(1, 5, &[0, 1, 1, 0, 0, 0, 0, 0]),
        record(2, 5, b""),
    ];
    let ran = finish(vestibule(&["decode", "fcgi", "-"]), &bytes.concat());
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let expect = [
        "      25  GetValues max_conns=false max_reqs=false mpxs_conns=true",
        "      33  UnknownType type=77",
        "      50  Surplus id=3 reason=UnknownRole",
        "      66  Begin id=4 role=authorizer keep_conn=true",
        "      74  HeadEnd id=4 length=none",
        "      90  Begin id=5 role=responder keep_conn=true",
        "      98  Abort id=5",
    ];
    assert_eq!(lines(&ran), expect);
}

#[test]
fn answers() {
    let dir = Dir::new("answers");
    let file = dir.file("s2c", &[answer(1), answer(700), answer(1)].concat());
    let ran = run(&["decode", "fcgi", &file]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""), "{}", ran.text());
    let of = |id: u16, at: u64| {
        [
            format!("{:>8}  Log id={id} length=5 bytes=\"warn\\n\"", at + 13),
            format!(
                "{:>8}  Field id={id} name=\"Content-Type\" value=\"t/p\"",
                at + 48
            ),
            format!("{:>8}  HeadEnd id={id} status=200 length=unknown", at + 50),
            format!("{:>8}  Body id={id} length=2 bytes=\"hi\"", at + 52),
            format!("{:>8}  BodyEnd id={id}", at + 60),
            format!(
                "{:>8}  Done id={id} ending=complete app_status=938 output_ended=true",
                at + 76
            ),
        ]
    };
    assert_eq!(lines(&ran), [of(1, 0), of(700, 76), of(1, 152)].concat());
    // Of a HEAD there is no body.
    let head = [record(6, 1, b"A: b\r\n\r\nlost"), record(3, 1, &[0; 8])].concat();
    let file = dir.file("head", &head);
    let ran = run(&["decode", "fcgi", "--side=client", "--method", "HEAD", &file]);
    assert!(!ran.text().contains("Body id=1 length"), "{}", ran.text());
    let ran = run(&["decode", "fcgi", "--side=client", &file]);
    assert!(
        ran.text().contains("Body id=1 length=4 bytes=\"lost\""),
        "{}",
        ran.text()
    );
    // Values that somebody asked for.
    let values = [record(10, 0, b"\x0f\x01FCGI_MPXS_CONNS1"), answer(1)].concat();
    let ran = run(&["decode", "fcgi", &dir.file("values", &values)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.text().starts_with("      26  Values mpxs_conns=true\n"),
        "{ran:?}"
    );
}

#[test]
fn what_is_wrong() {
    let dir = Dir::new("wrong");
    let whole = request(1, false, &[("A", "b")]);
    let wrong = |bytes: &[u8], what: &[&str]| {
        let file = dir.file("f", bytes);
        let ran = run(&["decode", "fcgi", &file]);
        assert_eq!(ran.code, 1, "{ran:?}");
        for what in what {
            assert!(ran.err.contains(what), "{what}: {ran:?}");
        }
        ran
    };
    wrong(
        &[&whole[..], b"\x02\x05\0\x01\0\0\0\0"].concat(),
        &["at byte 44", "version (2)", "[FastCGI 1.0, 3.3]"],
    );
    wrong(
        &record(1, 0, &[0, 1, 0, 0, 0, 0, 0, 0]),
        &["at byte 0", "id 0", "3.3"],
    );
    wrong(&record(1, 1, b"\0\x01"), &["too short", "5.1"]);
    // An end inside a header, a record, a request.
    wrong(&whole[..20], &["at byte 20", "inside a record"]);
    wrong(&whole[..26], &["at byte 26", "inside a record"]);
    let ran = wrong(&whole[..36], &["at byte 36", "inside request 1"]);
    assert!(ran.text().contains("Abort id=1"), "{ran:?}");
    // A spoilt request; the next is none the worse.
    let bad = [
        record(1, 1, &[0, 1, 1, 0, 0, 0, 0, 0]),
        record(4, 1, b"\x05\x01HTT"),
        record(4, 1, b""),
        record(5, 1, b""),
        request(2, true, &[("A", "b")]),
    ];
    let ran = wrong(
        &bad.concat(),
        &["at byte 37", "request 1: malformed", "[FastCGI 1.0, 3.4]"],
    );
    assert!(ran.text().contains("Fault id=1"), "{ran:?}");
    assert!(ran.text().contains("BodyEnd id=2"), "{ran:?}");
    // An answer that is cut, unconfirmed, or none.
    let full = answer(1);
    let n = full.len();
    wrong(
        &full[..n - 24],
        &["at byte 52", "truncated", "FastCGI 1.0, 5.5"],
    );
    wrong(&full[..n - 16], &["at byte 60", "without END_REQUEST"]);
    wrong(&full[..n - 7], &["at byte 69", "without END_REQUEST"]);
    wrong(
        &[record(6, 1, b"no head\r\n"), record(3, 1, &[0; 8])].concat(),
        &["RFC 3875"],
    );
}

#[test]
fn ladders() {
    let dir = Dir::new("ladders");
    let requests = [
        record(9, 0, b"\x0f\0FCGI_MPXS_CONNS"),
        request(1, true, &[("A", "b")]),
        request(1, false, &[("A", "b")]),
    ];
    let answers = [
        record(10, 0, b"\x0f\x01FCGI_MPXS_CONNS1"),
        answer(1),
        answer(1),
    ];
    let c2s = dir.file("c2s", &requests.concat());
    let s2c = dir.file("s2c", &answers.concat());
    let ran = run(&["decode", "fcgi", &c2s, &s2c]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let plain: Vec<String> = lines(&ran).iter().map(|l| l.replace("--", "")).collect();
    let said: Vec<&str> = plain
        .iter()
        .map(|l| l.trim_matches(|c| " |<>-".contains(c)))
        .collect();
    let request = |keep: &'static str| [keep, "PARAMS 1: 4 bytes", "PARAMS 1: end", "STDIN 1: end"];
    let answer = [
        "STDERR 1: 5 bytes \"warn\\n\"",
        "STDOUT 1: 10 bytes \"Content-Ty\"",
        "STDOUT 1: 13 bytes \"pe: t/p\\r\\n\\r\\nhi\"",
        "STDOUT 1: end",
        "END_REQUEST 1: complete, application status 938",
    ];
    let expect = [
        &["web server                                                       application"][..],
        &["GET_VALUES: 17 bytes", "GET_VALUES_RESULT: 18 bytes"],
        &request("BEGIN_REQUEST 1: responder, keep the connection"),
        &answer,
        &request("BEGIN_REQUEST 1: responder"),
        &answer,
        &["(closes)", "(closes)"],
    ]
    .concat();
    assert_eq!(said, expect);
    let cut = dir.file("cut", &requests.concat()[..30]);
    let ran = run(&["decode", "fcgi", &cut, &s2c]);
    assert_eq!(ran.code, 1);
    assert!(ran.text().contains("(ends inside a record)"), "{ran:?}");
    // What call -v draws of an exchange is what decode draws of its bytes.
    let served = Served::new("hello", &[]);
    let live = call(&served.endpoint, &["-v"]);
    assert!(live.err.contains("\"Hello, world!\\n\""), "{live:?}");
}
