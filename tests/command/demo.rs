//! `demo`.

use super::tools::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

#[test]
fn in_one_go() {
    let ran = run(&["demo"]);
    assert_eq!((ran.code, &ran.err[..]), (0, ""));
    let text = ran.text();
    for what in [
        "An application at fcgi://127.0.0.1:",
        "|-- BEGIN_REQUEST 1: responder",
        "END_REQUEST 1: complete",
        "\nThe answer:\n\nStatus: 200\r\n",
        "REQUEST_URI=/hello?from=demo\n",
    ] {
        assert!(text.contains(what), "{what}: {text}");
    }
    assert_eq!(run(&["demo", "--go"]).code, 2);
}

/// One that stays, and the address of its page.
struct Stays(Child, String);

impl Stays {
    fn new() -> Stays {
        let mut command = vestibule(&["demo", "--stay"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let line = out
            .lines()
            .map(Result::unwrap)
            .find(|line| line.starts_with("For a browser"));
        let line = line.expect("no address for a browser");
        let (_, at) = line.split_once("http://").unwrap();
        Stays(child, at.strip_suffix('/').unwrap().to_string())
    }

    /// The answer to these bytes, up to the close.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.1).unwrap();
        stream.write_all(bytes).unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).unwrap();
        got
    }
}

impl Drop for Stays {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The steps of the exchange that a page shows.
fn ladder(page: &str) -> Vec<String> {
    let (_, list) = page.split_once("<ol class=\"ladder\">").unwrap();
    let (list, _) = list.split_once("</ol>").unwrap();
    let step = |line: &str| {
        let line = line.strip_prefix("<li class=\"").unwrap();
        line.strip_suffix("</li>").unwrap().replacen("\">", ": ", 1)
    };
    list.trim().lines().map(step).collect()
}

#[test]
fn a_page_for_browsers() {
    let mut stays = Stays::new();
    let page = stays.ask(
        b"GET /a%20b?c=<d> HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
          X-Odd: <script>&\"' caf\xe9\r\nx-odd:  two \r\n\r\n",
    );
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    // Fields and variables, and nothing of them is markup.
    for what in [
        "<code class=\"start\">GET /a%20b?c=&lt;d&gt; HTTP/1.1</code>",
        "<tr><td>X-Odd</td><td>&lt;script&gt;&amp;&quot;&#39; caf\\xe9</td></tr>\n\
         <tr><td>x-odd</td><td>two</td></tr>",
        "<tr><td>HTTP_X_ODD</td><td>&lt;script&gt;&amp;&quot;&#39; caf\\xe9, two</td></tr>",
        "<tr><td>PATH_INFO</td><td>/a b</td></tr>",
    ] {
        assert!(body.contains(what), "{what}: {body}");
    }
    assert!(!body.contains("<script"), "{body}");
    // Its own exchange: the answer's head is the one that came.
    let mut expect: Vec<String> = [
        "to arrow: GET /a%20b?c=&lt;d&gt; HTTP/1.1",
        "to note: Host: h",
        "to note: Connection: close",
        "to note: X-Odd: &lt;script&gt;&amp;&quot;&#39; caf\\xe9",
        "to note: x-odd: two",
    ]
    .map(String::from)
    .into();
    for (at, line) in head.lines().enumerate() {
        let kind = if at == 0 { "arrow" } else { "note" };
        expect.push(format!("from {kind}: {}", line.replace('\'', "&#39;")));
    }
    expect.push("from arrow: this page".into());
    assert_eq!(ladder(&page), expect);
    // A body that was asked for.
    let page = stays.ask(
        b"POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\
          Expect: 100-continue\r\n\r\n<b>",
    );
    assert!(page.contains("<pre>&lt;b&gt;</pre>"), "{page}");
    let steps = ladder(&page);
    let at = |what: &str| steps.iter().position(|s| s.contains(what)).expect(what);
    let asked = at("from arrow: HTTP/1.1 100 Continue");
    assert!(
        at("Expect") < asked && asked < at("to arrow: 3 bytes"),
        "{steps:?}"
    );
    let long = [
        &b"POST / HTTP/1.0\r\nContent-Length: 9000\r\n\r\n"[..],
        &[b'x'; 9000],
    ]
    .concat();
    let page = stays.ask(&long);
    assert!(
        page.contains("9000 bytes, of which these are the first 4096;"),
        "{page}"
    );
    assert!(page.contains(&format!("<pre>{}</pre>", "x".repeat(4096))));
    // It goes when it is told to.
    let pid = stays.0.id().to_string();
    let told = Command::new("kill").arg(&pid).status().unwrap();
    assert!(told.success());
    assert_eq!(stays.0.wait().unwrap().code(), Some(0));
}
