//! `decode http`.

use super::tools::*;

const GET: &str = "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
const CHUNKS: &str = "PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\
    Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T:  1 \r\n\r\n";
const LAST: &str = "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi";

fn lines(ran: &Ran) -> Vec<String> {
    ran.text().lines().map(String::from).collect()
}

fn decode(args: &[&str], bytes: &[u8]) -> Ran {
    finish(
        vestibule(&[&["decode", "http"], args, &["-"]].concat()),
        bytes,
    )
}

#[test]
fn requests() {
    let bytes = [GET, "\r\n", CHUNKS, LAST].concat();
    let expect = [
        "       0  Begin",
        "       4  Field space=var name=\"REQUEST_METHOD\" value=\"GET\"",
        "       9  Field space=var name=\"REQUEST_URI\" value=\"/a?b\"",
        "      19  Field space=var name=\"SERVER_PROTOCOL\" value=\"HTTP/1.1\"",
        "      28  Field space=header name=\"Host\" value=\"h\"",
        "      30  HeadEnd length=none keeps_alive=true expects_continue=false offers_upgrade=false",
        "      30  BodyEnd",
        "      32  Begin",
        "      36  Field space=var name=\"REQUEST_METHOD\" value=\"PUT\"",
        "      38  Field space=var name=\"REQUEST_URI\" value=\"/\"",
        "      48  Field space=var name=\"SERVER_PROTOCOL\" value=\"HTTP/1.1\"",
        "      57  Field space=header name=\"Host\" value=\"h\"",
        "      79  Field space=header name=\"Expect\" value=\"100-continue\"",
        "     107  Field space=header name=\"Transfer-Encoding\" value=\"chunked\"",
        "     109  HeadEnd length=unknown keeps_alive=true expects_continue=true offers_upgrade=false",
        "     115  Body length=3 bytes=\"abc\"",
        "     130  Field space=trailer name=\"X-T\" value=\"1\"",
        "     132  BodyEnd",
        "     132  Begin",
        "     137  Field space=var name=\"REQUEST_METHOD\" value=\"POST\"",
        "     139  Field space=var name=\"REQUEST_URI\" value=\"/\"",
        "     149  Field space=var name=\"SERVER_PROTOCOL\" value=\"HTTP/1.0\"",
        "     168  Field space=header name=\"Content-Length\" value=\"2\"",
        "     170  HeadEnd length=2 keeps_alive=false expects_continue=false offers_upgrade=false",
        "     172  Body length=2 bytes=\"hi\"",
        "     172  BodyEnd",
    ];
    let ran = decode(&[], bytes.as_bytes());
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    assert_eq!(lines(&ran), expect);
    let ran = decode(&["--json", "--side", "server"], bytes.as_bytes());
    assert_eq!(
        lines(&ran)[16],
        "{\"offset\":130,\"event\":\"Field\",\"space\":\"trailer\",\"name\":\"X-T\",\"value\":\"1\"}"
    );
}

const ANSWERS: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

#[test]
fn answers() {
    let dir = Dir::new("http-answers");
    let requests = dir.file("c2s", [HEAD, GET, LAST].concat().as_bytes());
    let bytes = [ANSWERS, ANSWERS, "hi\r\n", "HTTP/1.0 404 No\r\n\r\nopen"].concat();
    let file = dir.file("s2c", bytes.as_bytes());
    let args = [
        "decode",
        "http",
        "--side",
        "client",
        "--requests",
        &requests,
    ];
    let ran = run(&[&args[..], &[&file]].concat());
    assert_eq!((ran.code, &ran.err[..]), (0, ""), "{}", ran.text());
    let of = |at: u64| {
        [
            format!(
                "{:>8}  Field space=header name=\"Status\" value=\"100 Continue\"",
                at + 23
            ),
            format!("{:>8}  Interim status=100", at + 25),
            format!(
                "{:>8}  Field space=header name=\"Status\" value=\"200 OK\"",
                at + 42
            ),
            format!(
                "{:>8}  Field space=header name=\"Content-Length\" value=\"2\"",
                at + 61
            ),
            format!(
                "{:>8}  HeadEnd status=200 length=2 keeps_alive=true",
                at + 63
            ),
        ]
    };
    let (head, get) = (of(0), of(63));
    let text = |lines: &[&str]| lines.iter().map(|l| l.to_string()).collect::<Vec<_>>();
    let expect = [
        &head[..],
        &text(&[
            "      63  BodyEnd",
            "      63  Done ending=complete reuse=true",
        ]),
        &get[..],
        &text(&[
            "     128  Body length=2 bytes=\"hi\"",
            "     128  BodyEnd",
            "     128  Done ending=complete reuse=true",
            "     147  Field space=header name=\"Status\" value=\"404 No\"",
            "     149  HeadEnd status=404 length=unknown keeps_alive=false",
            "     153  Body length=4 bytes=\"open\"",
            "     153  BodyEnd",
            "     153  Done ending=complete reuse=false",
        ]),
    ]
    .concat();
    assert_eq!(lines(&ran), expect);
    // Without what was asked each is for GET, or for the method that is named.
    let ran = decode(&["--method", "HEAD"], ANSWERS.repeat(3).as_bytes());
    assert_eq!((ran.code, lines(&ran).len()), (0, 21), "{ran:?}");
    let ran = decode(&[], format!("{ANSWERS}hi").repeat(3).as_bytes());
    assert_eq!((ran.code, lines(&ran).len()), (0, 24), "{ran:?}");
    // Another protocol.
    let switch = "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nRAW";
    let ran = decode(&[], switch.as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.text().ends_with("  Rest length=3 bytes=\"RAW\"\n"),
        "{ran:?}"
    );
    let ran = finish(vestibule(&[&args[..], &["-"]].concat()), switch.as_bytes());
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("not asked for"), "{ran:?}");
}

#[test]
fn what_is_wrong() {
    let wrong = |args: &[&str], bytes: &str, what: &[&str]| {
        let ran = decode(args, bytes.as_bytes());
        assert_eq!(ran.code, 1, "{bytes:?}: {ran:?}");
        for what in what {
            assert!(ran.err.contains(what), "{what}: {bytes:?}: {ran:?}");
        }
        assert_eq!(ran.err.lines().count(), 1, "{bytes:?}: {ran:?}");
        ran
    };
    // The place is that of the byte which shows it.
    let bad = format!("{GET}GET / HTTP/1.1\r\nHost : h\r\n\r\n");
    wrong(
        &[],
        &bad,
        &["at byte 50: request 2: malformed header field", "RFC 9112"],
    );
    let double =
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    wrong(
        &[],
        double,
        &["at byte 74: request 1: ambiguous", "RFC 9112, 6"],
    );
    let chunk = CHUNKS.replace("abc\r\n0", "abcd\r\n0");
    let ran = wrong(&[], &chunk, &["at byte 83: request 1: malformed chunk"]);
    assert!(
        ran.text()
            .contains("      83  Fault error=\"malformed chunk [RFC 9112, 7.1]\"\n"),
        "{ran:?}"
    );
    wrong(&[], "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &["HTTP/2"]);
    // An end inside a head, a body; bytes behind the last request.
    wrong(&[], &GET[..20], &["at byte 20: the end, inside request 1"]);
    wrong(
        &[],
        &format!("{GET}{}", &LAST[..39]),
        &["at byte 69: the end, inside request 2"],
    );
    wrong(
        &[],
        &format!("{LAST}{GET}"),
        &["at byte 40: bytes behind the last message"],
    );
    let upgrade = "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    wrong(
        &[],
        &format!("{upgrade}\x01\x02"),
        &["at byte 60: request 2", "would have changed the protocol"],
    );
    // Answers.
    let client = ["--side", "client"];
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    wrong(
        &client,
        &format!("{ok}{}", &ok[..37]),
        &["at byte 77: the end, inside answer 2"],
    );
    wrong(
        &client,
        &format!("{ok}{}", &ok[..10]),
        &["at byte 50: the end, inside answer 2"],
    );
    wrong(
        &client,
        &format!("{ok}HTTP/1.1 2x0"),
        &["at byte 50: answer 2: malformed status"],
    );
    let close = ok.replace("Content", "Connection: close\r\nContent");
    wrong(
        &client,
        &format!("{close}{ok}"),
        &["at byte 59: answer 1: bytes after the answer"],
    );
    // More answers than requests, and requests that are none.
    let dir = Dir::new("http-wrong");
    let asked = dir.file("asked", GET.as_bytes());
    let args = ["--requests", &asked];
    wrong(
        &args,
        &format!("{ok}{ok}"),
        &["at byte 40: answer 2: bytes after the answer"],
    );
    let asked = dir.file("bad", format!("{HEAD}nonsense\r\n").as_bytes());
    let args = ["--requests", &asked];
    let ran = wrong(
        &args,
        &ok[..38],
        &["at byte 36: in the requests: malformed request line"],
    );
    assert!(ran.text().contains("Done ending=complete"), "{ran:?}");
}

#[test]
fn ladders() {
    let dir = Dir::new("http-ladders");
    let c2s = dir.file("c2s", [HEAD, GET, LAST].concat().as_bytes());
    let answers = [ANSWERS, ANSWERS, "hi", "HTTP/1.0 404 No\r\n\r\nopen"].concat();
    let s2c = dir.file("s2c", answers.as_bytes());
    let ran = run(&["decode", "http", &c2s, &s2c]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""), "{}", ran.text());
    let line = |line: &str| line.trim_matches([' ', '|', '<', '>', '-']).to_string();
    let drawn: Vec<String> = ran.text().lines().skip(1).map(line).collect();
    let answer = [
        "HTTP/1.1 100 Continue",
        "HTTP/1.1 200 OK",
        "Content-Length: 2",
    ];
    let expect = [
        &["HEAD / HTTP/1.1", "Host: h"][..],
        &answer,
        &["GET /a?b HTTP/1.1", "Host: h"],
        &answer,
        &["2 bytes \"hi\""],
        &["POST / HTTP/1.0", "Content-Length: 2", "2 bytes \"hi\""],
        &[
            "HTTP/1.0 404 No",
            "4 bytes \"open\"",
            "(closes)",
            "(closes)",
        ],
    ]
    .concat();
    assert_eq!(drawn, expect);
    let cut = dir.file("cut", &answers.as_bytes()[..60]);
    let ran = run(&["decode", "http", &c2s, &cut]);
    assert_eq!(ran.code, 1);
    assert!(ran.text().contains("(ends inside a message)"), "{ran:?}");
    assert!(ran.err.contains("see the drawing"), "{ran:?}");
}

#[test]
fn usage() {
    let dir = Dir::new("http-decode-usage");
    let file = dir.file("f", b"HTTP/1.1 200 OK\r\n\r\n");
    for (args, what) in [
        (&["http"][..], "the file is missing"),
        (
            &["http", "--side", "server", "--method", "GET", &file],
            "are for answers",
        ),
        (
            &["http", "--requests", &file, "--method", "GET", &file],
            "exclude each other",
        ),
        (
            &["http", "--requests", "/nowhere/at/all", &file],
            "cannot read '/nowhere",
        ),
        (
            &["http", "--requests", &file, &file, &file],
            "for one direction",
        ),
        (
            &["fcgi", "--requests", &file, &file],
            "--requests is not for FastCGI",
        ),
    ] {
        let ran = run(&[&["decode"], args].concat());
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(ran.err.contains(what), "{args:?}: {}", ran.err);
    }
}
