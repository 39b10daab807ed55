use super::*;
use crate::event::{Cut, Ending as End, Rejection};

type Fields<'f> = &'f [(&'f [u8], &'f [u8])];

fn fields<'f>(pairs: Fields<'f>) -> impl Iterator<Item = Field<'f>> + Clone {
    pairs.iter().map(|(n, v)| Field::var(n, v))
}

fn bytes(frame: Frame<'_>) -> Vec<u8> {
    let bytes = frame.slices().concat();
    assert_eq!(bytes.len(), frame.len());
    bytes
}

/// A machine with `n` slots and as many GET requests.
fn getting(n: usize) -> Client<Vec<Slot>> {
    let mut client = Client::new(vec![Slot::EMPTY; n]);
    for _ in 0..n {
        get(&mut client);
    }
    client
}

fn get(client: &mut Client<Vec<Slot>>) -> Id {
    let mut room = [0; 64];
    let get = fields(&[(b"REQUEST_METHOD", b"GET")]);
    let (id, _) = client
        .begin(Role::Responder, true, get, Length::None, &mut room)
        .unwrap();
    id
}

fn rec(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let padding = (content.len() % 5) as u8;
    let mut out = vec![1, kind];
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&(content.len() as u16).to_be_bytes());
    out.extend_from_slice(&[padding, 0x55]);
    out.extend_from_slice(content);
    out.extend(std::iter::repeat_n(0xaa, usize::from(padding)));
    out
}

fn end(id: u16, app: u32, protocol: u8) -> Vec<u8> {
    let mut content = app.to_be_bytes().to_vec();
    content.extend_from_slice(&[protocol, b't', b'e', b'n']);
    rec(3, id, &content)
}

/// The events as text, pieces joined.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    field: Option<(Vec<u8>, Vec<u8>)>,
    /// Which stream the last line's bytes are of.
    stream: Option<(char, u16)>,
}

impl Log {
    fn bytes(&mut self, stream: (char, u16), bytes: &[u8]) {
        assert!(!bytes.is_empty());
        let text = bytes.escape_ascii().to_string();
        if self.stream == Some(stream) {
            self.lines.last_mut().unwrap().push_str(&text);
        } else {
            self.lines.push(format!("{} {} {text}", stream.0, stream.1));
            self.stream = Some(stream);
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Response::Body { id, bytes } => return self.bytes(('B', id.get()), bytes),
            Response::Log { id, bytes } => return self.bytes(('L', id.get()), bytes),
            Response::Field { id, field } => {
                if matches!(field.cut, Cut::Whole | Cut::First) {
                    self.field = Some(Default::default());
                }
                let (name, value) = self.field.as_mut().unwrap();
                name.extend_from_slice(field.name);
                value.extend_from_slice(field.value);
                if matches!(field.cut, Cut::Whole | Cut::Last) {
                    let joined = Field::header(name, value);
                    self.lines.push(format!(
                        "F {id} {}={}",
                        joined.name.escape_ascii(),
                        joined.trimmed().escape_ascii()
                    ));
                    self.field = None;
                } else {
                    return;
                }
            }
            Response::HeadEnd { id, status, length } => {
                self.lines.push(format!("H {id} {status} {length:?}"));
            }
            Response::BodyEnd { id } => self.lines.push(format!("E {id}")),
            Response::Done {
                id,
                reuse,
                retry_safe,
                ending,
            } => self.lines.push(format!(
                "D {id}{}{} {ending:?}",
                if reuse { " reuse" } else { "" },
                if retry_safe { " retry" } else { "" }
            )),
            other => self.lines.push(format!("{other:?}")),
        }
        self.stream = None;
    }
}

fn drive(client: &mut Client<Vec<Slot>>, pieces: &[&[u8]], eof: bool) -> Vec<String> {
    let mut log = Log::default();
    'all: {
        for piece in pieces {
            let mut input = *piece;
            loop {
                match client.next(&mut input) {
                    Ok(Next::Event(event)) => log.event(event),
                    Ok(Next::NeedInput) => {
                        assert!(input.is_empty(), "asks with {} left", input.len());
                        break;
                    }
                    Ok(Next::Paused) => break,
                    Err(e) => {
                        log.lines.push(format!("! {e:?}"));
                        assert_eq!(client.next(&mut input).unwrap_err(), e);
                        assert_eq!(client.eof().unwrap_err(), e);
                        break 'all;
                    }
                }
            }
        }
        if !eof {
            break 'all;
        }
        loop {
            match client.eof() {
                Ok(Next::Event(event)) => log.event(event),
                Ok(Next::NeedInput) => break,
                Ok(Next::Paused) => panic!("paused at EOF"),
                Err(e) => {
                    log.lines.push(format!("! {e:?}"));
                    break;
                }
            }
        }
    }
    // Whoever began had one Done, the last of its events.
    if eof {
        for slot in &client.slots {
            assert!(matches!(slot.life, Life::Free | Life::Spent));
        }
        assert_eq!(client.active, 0);
    }
    log.lines
}

/// The events for the input whole, cut once at every place, and in chunks.
fn run(make: impl Fn() -> Client<Vec<Slot>>, input: &[u8], eof: bool) -> Vec<String> {
    let whole = drive(&mut make(), &[input], eof);
    let step = (input.len() / 500).max(1);
    for at in (0..=input.len()).step_by(step) {
        let (a, b) = input.split_at(at);
        assert_eq!(drive(&mut make(), &[a, b], eof), whole, "cut at {at}");
        assert_eq!(drive(&mut make(), &[a, &[], b], eof), whole, "cut at {at}");
    }
    for size in [1, 2, 3, 5, 7, 64] {
        let pieces: Vec<_> = input.chunks(size).collect();
        assert_eq!(drive(&mut make(), &pieces, eof), whole, "chunks of {size}");
    }
    whole
}

fn answer(input: &[u8]) -> Vec<String> {
    run(|| getting(1), input, true)
}

const DONE: &str = "D 1 reuse Complete { app_status: 0, output_ended: true }";

#[test]
fn vector_2_a_minimal_answer() {
    let input = b"\x01\x06\0\x01\0\x14\x04\0Status: 200 OK\r\n\r\nok\0\0\0\0\
        \x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
    assert_eq!(
        answer(input),
        [
            "F 1 Status=200 OK",
            "H 1 200 Unknown",
            "B 1 ok",
            "E 1",
            DONE
        ]
    );
    let not_kept = || {
        let mut client = Client::new(vec![Slot::EMPTY; 1]).keep_conn(false);
        let open = Machine::open(&mut client, [], Length::None, &mut []);
        assert_eq!(bytes(open.unwrap().1).len(), 32);
        assert_eq!((client.after(), client.free()), (After::Keep, 0));
        client
    };
    let log = run(not_kept, input, true);
    assert_eq!(
        log.last().unwrap(),
        "D 1 Complete { app_status: 0, output_ended: true }"
    );
    let mut client = not_kept();
    drive(&mut client, &[input], false);
    assert_eq!(client.after(), After::Close);
    assert_eq!(client.phase(), Phase::Closing);
    let mut client = getting(1);
    drive(&mut client, &[input], false);
    assert_eq!((client.after(), client.free()), (After::Keep, 1));
    assert_eq!(client.phase(), Phase::Idle);
}

#[test]
fn vector_16_padding_on_empty_records() {
    let input = b"\x01\x06\0\x01\0\x08\0\0X: y\r\n\r\n\x01\x06\0\x01\0\0\x08\0********\
        \x01\x07\0\x01\0\0\x03\0***\x01\x03\0\x01\0\x08\x02\0\0\0\0\0\0***\0\0";
    assert_eq!(answer(input), ["F 1 X=y", "H 1 200 Unknown", "E 1", DONE]);
}

#[test]
fn vector_17_the_largest_record() {
    let mut input = b"\x01\x06\0\x01\xff\xff\xff\0X: y\n\n".to_vec();
    input.resize(8 + 65_535 + 255, b'z');
    let tail = [&b"\x01\x06\0\x01\0\0\0\0"[..], &end(1, 0, 0)].concat();
    input.extend_from_slice(&tail);
    let log = answer(&input);
    assert_eq!(log[2].len(), 4 + 65_535 - 6);
    assert_eq!(log[3..], ["E 1", DONE]);
}

#[test]
fn vector_22_interleaved_output_and_a_cut_head() {
    let input = b"\x01\x07\0\x01\0\x05\x03\0warn\n\0\0\0\x01\x06\0\x01\0\x0a\0\0Content-Ty\
        \x01\x07\0\x01\0\0\0\0\x01\x06\0\x01\0\x0d\0\0pe: t/p\r\n\r\nhi\x01\x06\0\x01\0\0\0\0\
        \x01\x03\0\x01\0\x08\0\0\0\0\x03\xaa\0\0\0\0";
    assert_eq!(
        answer(input),
        [
            "L 1 warn\\n",
            "F 1 Content-Type=t/p",
            "H 1 200 Unknown",
            "B 1 hi",
            "E 1",
            "D 1 reuse Complete { app_status: 938, output_ended: true }"
        ]
    );
}

#[test]
fn vector_23_end_without_the_end_of_output() {
    let input = b"\x01\x06\0\x01\0\x08\0\0X: y\r\n\r\n\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0ten";
    let want = [
        "F 1 X=y",
        "H 1 200 Unknown",
        "E 1",
        "D 1 reuse Complete { app_status: 0, output_ended: false }",
    ];
    assert_eq!(answer(input), want);
    // The end of the output is told with the fifth byte.
    let mut client = getting(1);
    let log = drive(&mut client, &[&input[..input.len() - 3]], false);
    assert_eq!(log, want[..3]);
    let mut client = getting(1);
    let log = drive(&mut client, &[&input[..input.len() - 4]], false);
    assert_eq!(log, want[..2]);
}

#[test]
fn vector_25_an_answer_for_a_free_id() {
    let input = b"\x01\x06\0\x09\0\x02\0\0??";
    assert_eq!(
        answer(input),
        ["D 1 Failed(UnknownId(9))", "! UnknownId(9)"]
    );
    let two = || {
        let mut client = Client::new(vec![Slot::EMPTY; 2]);
        get(&mut client);
        client
    };
    let tail = [&b"\x01\x06\0\x01\0\x06\0\0X: y\n\n"[..], &end(1, 0, 0)].concat();
    let log = run(two, &[&input[..], &tail].concat(), true);
    assert_eq!(
        log[2..],
        ["E 1", "D 1 Complete { app_status: 0, output_ended: false }"]
    );
    let mut client = two();
    drive(&mut client, &[input], false);
    assert_eq!((client.strays(), client.free()), (1, 0));
    assert_eq!(client.after(), After::Keep);
    drive(&mut client, &[&tail], false);
    assert_eq!(client.after(), After::Close);
}

#[test]
fn what_comes_behind_the_last_end_closes() {
    for surplus in [
        rec(6, 1, b"more"),
        rec(7, 9, b""),
        end(1, 0, 0),
        rec(10, 0, b""),
        b"HTTP/1.1".to_vec(),
    ] {
        for (slots, cut) in (1..=2).flat_map(|slots| (1..=surplus.len()).map(move |n| (slots, n))) {
            let make = || {
                let mut client = Client::new(vec![Slot::EMPTY; slots]);
                get(&mut client);
                client
            };
            let front = [rec(6, 1, b"X: y\n\n"), rec(6, 1, b""), end(1, 0, 0)].concat();
            let input = [&front[..], &surplus[..cut]].concat();
            let (mut whole, mut apart) = (make(), make());
            drive(&mut whole, &[&input], false);
            let log = drive(&mut apart, &[&front], false);
            assert_eq!(log.last().unwrap(), DONE);
            assert_eq!((apart.after(), apart.free()), (After::Keep, slots));
            drive(&mut apart, &[&input[front.len()..]], false);
            for client in [&mut whole, &mut apart] {
                let said = (client.after(), client.free(), client.phase());
                assert_eq!(said, (After::Close, 0, Phase::Closing), "{surplus:?} {cut}");
                assert_eq!(client.values().unwrap_err(), Refused::State);
                let mut room = [0; 64];
                let begun = client.begin(Role::Responder, true, [], Length::None, &mut room);
                assert_eq!(begun.unwrap_err(), Refused::State);
            }
        }
    }
}

#[test]
fn vector_26_an_authorizer() {
    let input = b"\x01\x06\0\x01\0\x29\0\0Status: 200\r\nVariable-AUTH_METHOD: db\r\n\r\n\
        \x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
    let mut client = Client::default();
    let mut room = [0; 64];
    let vars = fields(&[
        (b"CONTENT_LENGTH", b"7"),
        (b"PATH_INFO", b"/x"),
        (b"SCRIPT_NAME", b"/x"),
        (b"PATH_TRANSLATED", b"/x"),
        (b"REMOTE_ADDR", b"::1"),
    ]);
    for length in [Length::Known(0), Length::Known(7), Length::Unknown] {
        let begun = client.begin(Role::Authorizer, false, vars.clone(), length, &mut room);
        assert_eq!(begun.unwrap_err(), Refused::State);
    }
    let (id, frame) = client
        .begin(Role::Authorizer, false, vars, Length::None, &mut room)
        .unwrap();
    assert_eq!(
        bytes(frame),
        b"\x01\x01\0\x01\0\x08\0\0\0\x02\0\0\0\0\0\0\
        \x01\x04\0\x01\0\x10\0\0\x0b\x03REMOTE_ADDR::1\x01\x04\0\x01\0\0\0\0"
    );
    assert_eq!(client.body(id, &mut &b"x"[..]).unwrap_err(), Refused::State);
    let mut verdict = crate::fcgi::Verdict::new(id);
    let mut input = &input[..];
    let mut variables = Vec::new();
    while let Next::Event(event) = client.next(&mut input).unwrap() {
        assert!(!verdict.allowed());
        verdict.observe(&event);
        if let Response::Field { field, .. } = event {
            variables.extend(crate::fcgi::Verdict::variable(&field));
        }
    }
    assert!(verdict.allowed());
    assert_eq!(variables, [(&b"AUTH_METHOD"[..], &b"db"[..])]);
}

#[test]
fn vector_28_rejections() {
    for (code, reason, retry, reuse) in [
        (1, Rejection::CantMultiplex, true, false),
        (2, Rejection::Overloaded, true, true),
        (3, Rejection::UnknownRole, true, true),
        (9, Rejection::Other(9), false, true),
    ] {
        let line = |reuse: bool, retry: bool| {
            format!(
                "D 1{}{} {:?}",
                if reuse { " reuse" } else { "" },
                if retry { " retry" } else { "" },
                End::Rejected(reason)
            )
        };
        assert_eq!(answer(&end(1, 0, code)), [line(reuse, retry)]);
        // Output before: it may have run.
        let log = [rec(7, 1, b"oh"), end(1, 0, code)].concat();
        assert_eq!(answer(&log)[1..], [line(reuse, false)]);
        let out = [rec(6, 1, b"X"), end(1, 0, code)].concat();
        assert_eq!(answer(&out), [line(reuse, false)]);
    }
}

#[test]
fn cant_multiplex_leaves_one_at_a_time() {
    let mut client = getting(3);
    let log = drive(&mut client, &[&end(2, 0, 1)], false);
    assert_eq!(log, ["D 2 reuse retry Rejected(CantMultiplex)"]);
    assert_eq!(client.free(), 0);
    assert_eq!(
        client
            .begin(Role::Responder, true, [], Length::None, &mut [])
            .unwrap_err(),
        Refused::Full
    );
    drive(&mut client, &[&end(1, 0, 2), &end(3, 0, 2)], false);
    assert_eq!(client.free(), 1);
    assert_eq!(get(&mut client).get(), 1);
    assert_eq!(client.free(), 0);
}

#[test]
fn vector_29_a_short_end() {
    let input = b"\x01\x03\0\x01\0\x07\0\0\0\0\0\0\0\0\0";
    assert_eq!(answer(input), ["D 1 Failed(RecordLength(3))"]);
    let mut client = getting(1);
    drive(&mut client, &[input], false);
    assert_eq!(client.after(), After::Close);
    // The neighbour goes on, but nothing new is taken.
    let input = [&input[..], &rec(6, 2, b"X: y\n\nhi"), &end(2, 0, 0)].concat();
    let log = run(|| getting(2), &input, true);
    assert_eq!(log[0], "D 1 Failed(RecordLength(3))");
    assert_eq!(
        log.last().unwrap(),
        "D 2 Complete { app_status: 0, output_ended: false }"
    );
}

#[test]
fn a_long_end_is_cut() {
    let input = [rec(6, 1, b"X: y\n\n"), rec(6, 1, b""), rec(3, 1, &[0; 300])].concat();
    assert_eq!(answer(&input).last().unwrap(), DONE);
}

#[test]
fn vector_18_another_version() {
    let input = b"\x02\x06\0\x01\0\0\0\0";
    assert_eq!(answer(input), ["D 1 Failed(Version(2))", "! Version(2)"]);
    let log = run(
        || getting(3),
        &[&rec(6, 2, b"X: y\n\nz"), &input[..]].concat(),
        true,
    );
    assert_eq!(
        log[3..],
        [
            "D 1 Failed(Version(2))",
            "D 2 Failed(Version(2))",
            "D 3 Failed(Version(2))",
            "! Version(2)"
        ]
    );
}

#[test]
fn endings_at_eof() {
    let head = rec(6, 1, b"X: y\n\nhi");
    for (input, last) in [
        (vec![], "Failed(Eof)"),
        (rec(7, 1, b"log"), "Failed(Eof)"),
        (rec(6, 1, b"X: "), "Failed(Eof)"),
        (head.clone(), "Truncated"),
        ([head.clone(), rec(6, 1, b"")].concat(), "Unconfirmed"),
        (
            [head.clone(), vec![1, 3, 0, 1, 0, 8, 0, 0, 0]].concat(),
            "Truncated",
        ),
        (
            [
                head.clone(),
                rec(6, 1, b""),
                vec![1, 3, 0, 1, 0, 8, 0, 0, 0],
            ]
            .concat(),
            "Unconfirmed",
        ),
    ] {
        let log = answer(&input);
        // Inside a record it is an error too, after the last event.
        let inside = input.ends_with(&[1, 3, 0, 1, 0, 8, 0, 0, 0]);
        assert_eq!(log.last().unwrap() == "! Eof", inside);
        let done = log.iter().rfind(|l| *l != "! Eof").unwrap();
        assert_eq!(done, &format!("D 1 {last}"));
        assert_eq!(log.iter().any(|l| l == "E 1"), last == "Unconfirmed");
    }
}

#[test]
fn endings_by_end_request() {
    let head = rec(6, 1, b"X: y\n\nhi");
    let sized = |body: &str| rec(6, 1, format!("Content-Length: 2\n\n{body}").as_bytes());
    for (input, last) in [
        ([head.clone(), end(1, 1, 0)].concat(), "D 1 reuse Truncated"),
        (end(1, 1, 0), "D 1 reuse Failed(NoResponse)"),
        (
            [rec(6, 1, b"X"), end(1, 1, 0)].concat(),
            "D 1 reuse Failed(HeadCut)",
        ),
        // The verdict comes before END_REQUEST has ended: not reusable then.
        (end(1, 0, 0), "D 1 Failed(NoResponse)"),
        (
            [rec(6, 1, b"X"), end(1, 0, 0)].concat(),
            "D 1 Failed(HeadCut)",
        ),
        (
            [rec(6, 1, b""), end(1, 0, 0)].concat(),
            "D 1 reuse Failed(NoResponse)",
        ),
        // An end of STDOUT says nothing of whether the request was taken.
        (
            [rec(6, 1, b""), end(1, 0, 2)].concat(),
            "D 1 reuse retry Rejected(Overloaded)",
        ),
        (
            [rec(6, 1, b""), rec(6, 1, b"X: y\n\n"), end(1, 0, 0)].concat(),
            "D 1 Failed(NoResponse)",
        ),
        (
            [rec(6, 1, b""), rec(6, 1, b"x"), end(1, 0, 2)].concat(),
            "D 1 Rejected(Overloaded)",
        ),
        (
            [sized("a"), rec(6, 1, b""), end(1, 0, 0)].concat(),
            "D 1 Truncated",
        ),
        ([sized("a"), end(1, 0, 0)].concat(), "D 1 Truncated"),
        ([sized("ab"), rec(6, 1, b""), end(1, 0, 0)].concat(), DONE),
        ([sized("abc"), rec(6, 1, b""), end(1, 0, 0)].concat(), DONE),
        (
            [rec(6, 1, b"no head\n"), end(1, 0, 0)].concat(),
            "D 1 Failed(BadField)",
        ),
    ] {
        let log = answer(&input);
        assert_eq!(log.last().unwrap(), last);
        assert_eq!(
            log.iter().any(|l| l == "E 1"),
            last.contains("Complete"),
            "{log:?}"
        );
        assert_eq!(log.iter().filter(|l| l.starts_with('D')).count(), 1);
    }
}

#[test]
fn a_malformed_head_spoils_one_request_and_quarantines_its_id() {
    let input = [
        rec(6, 1, b"no head\n"),
        rec(6, 2, b"X: y\n\nhi"),
        rec(6, 1, b"A: b\n\n"),
        rec(7, 1, b"log"),
    ]
    .concat();
    let want = [
        "D 1 reuse Failed(BadField)",
        "F 2 X=y",
        "H 2 200 Unknown",
        "B 2 hi",
    ];
    let log = run(|| getting(2), &input, false);
    assert_eq!(log, want);
    let mut client = getting(2);
    drive(&mut client, &[&input], false);
    assert_eq!(client.slot_of(Id::SOLE), None);
    assert_eq!(client.free(), 0);
    assert_eq!(client.abort(Id::SOLE).unwrap_err(), Refused::UnknownId);
    assert_eq!(drive(&mut client, &[&end(1, 0, 0)], false), [""; 0]);
    assert_eq!(client.free(), 1);
    assert_eq!(get(&mut client), Id::SOLE);
    assert_eq!(client.strays(), 0);
}

#[test]
fn output_after_its_end_is_dropped_and_counted() {
    let input = [
        rec(6, 1, b"X: y\n\nhi"),
        rec(6, 1, b""),
        rec(6, 1, b"more"),
        rec(6, 1, b""),
        rec(7, 1, b"late"),
        rec(7, 1, b""),
        end(1, 0, 0),
    ]
    .concat();
    assert_eq!(
        answer(&input)[2..],
        [
            "B 1 hi",
            "E 1",
            "L 1 late",
            "D 1 Complete { app_status: 0, output_ended: true }"
        ]
    );
}

#[test]
fn wrong_directions_and_unknown_types_are_skipped_up_to_a_limit() {
    let mut junk = Vec::new();
    for kind in [0, 1, 2, 4, 5, 8, 12, 255] {
        junk.extend(rec(kind, 1, b"junk junk junk"));
    }
    for kind in [0, 1, 3, 6, 7, 9, 10, 11, 12] {
        junk.extend(rec(kind, 0, b"junk"));
    }
    let make = |limit| {
        move || {
            let limits = Limits::DEFAULT.stray_records(limit);
            let mut client = Client::with_limits(vec![Slot::EMPTY; 1], limits);
            get(&mut client);
            client
        }
    };
    let input = [junk, end(1, 0, 2)].concat();
    assert_eq!(
        run(make(17), &input, true),
        ["D 1 retry Rejected(Overloaded)"]
    );
    assert_eq!(
        run(make(16), &input, true),
        ["D 1 Failed(StrayRecords)", "! StrayRecords"]
    );
}

#[test]
fn idle_records() {
    let make = || {
        let limits = Limits::DEFAULT.idle_records(3);
        let mut client = Client::with_limits(vec![Slot::EMPTY; 1], limits);
        get(&mut client);
        client
    };
    let empties = rec(7, 1, b"").repeat(3);
    let good = [
        empties.clone(),
        rec(7, 1, b"x"),
        empties.clone(),
        end(1, 0, 2),
    ]
    .concat();
    assert_eq!(run(make, &good, true).len(), 2);
    let bad = [empties, rec(7, 1, b"")].concat();
    assert_eq!(
        run(make, &bad, true),
        ["D 1 Failed(IdleRecords)", "! IdleRecords"]
    );
}

#[test]
fn log_limit() {
    let make = || {
        let mut client = Client::with_limits(vec![Slot::EMPTY; 1], Limits::DEFAULT.log_bytes(5));
        get(&mut client);
        client
    };
    let input = [
        rec(7, 1, b"abc"),
        rec(7, 1, b"defg"),
        rec(7, 1, b"h"),
        end(1, 0, 2),
    ]
    .concat();
    assert_eq!(run(make, &input, true)[0], "L 1 abcde");
    let mut client = make();
    drive(&mut client, &[&input], true);
    assert_eq!(client.log_dropped(), 3);
}

#[test]
fn abort_waits_for_the_end() {
    let first = rec(6, 1, b"X: y\n\nhi");
    let rest = [
        rec(6, 1, b"more"),
        rec(7, 1, b"log"),
        rec(6, 1, b""),
        end(1, 0, 0),
    ]
    .concat();
    // At every place of the input: no event between, then exactly one Done.
    let all = [first, rest].concat();
    // The last three bytes are padding, read after `Done`.
    for at in 0..all.len() - 3 {
        let mut client = getting(1);
        let before = drive(&mut client, &[&all[..at]], false);
        let frame = client.abort(Id::SOLE).unwrap();
        assert_eq!(bytes(frame), b"\x01\x02\0\x01\0\0\0\0");
        assert_eq!(client.abort(Id::SOLE).unwrap_err(), Refused::State);
        assert_eq!(client.free(), 0);
        assert!(before.iter().all(|l| !l.starts_with('D')));
        let mut copy = client.clone();
        let after = drive(&mut client, &[&all[at..]], true);
        // The application may read ABORT_REQUEST behind its answer.
        assert_eq!(after, ["D 1 Aborted"], "at {at}");
        let cut = drive(&mut copy, &[], true);
        assert_eq!(cut.first().unwrap(), "D 1 Aborted");
    }
}

#[test]
fn discard_at_every_place() {
    let all = [
        rec(6, 1, b"X: y\n\nhi"),
        rec(7, 1, b"log"),
        rec(6, 1, b""),
        end(1, 0, 0),
    ]
    .concat();
    let places = all.len() - 4;
    for at in 0..places {
        let mut client = getting(1);
        drive(&mut client, &[&all[..at]], false);
        client.discard(Id::SOLE).unwrap();
        client.discard(Id::SOLE).unwrap();
        let after = drive(&mut client, &[&all[at..]], true);
        assert_eq!(after, [DONE], "at {at}");
    }
    let mut client = getting(1);
    client.discard(Id::SOLE).unwrap();
    let cut = [rec(6, 1, b"X: y\n\nhi"), end(1, 7, 0)].concat();
    let after = drive(&mut client, &[&cut], true);
    assert_eq!(after, ["D 1 reuse Failed(HeadCut)"]);
    assert_eq!(client.discard(Id::SOLE), Err(Refused::UnknownId));
}

#[test]
fn discard_between_the_events_of_the_end() {
    // Within the end of STDOUT, one event a call.
    let all = [rec(6, 1, b"X: y\n\n"), rec(6, 1, b""), end(1, 0, 0)].concat();
    for abort in [true, false] {
        let mut client = getting(1);
        let mut input = &all[..];
        while !matches!(
            client.next(&mut input).unwrap(),
            Next::Event(Response::BodyEnd { .. })
        ) {}
        let want = if abort {
            let _ = client.abort(Id::SOLE).unwrap();
            "D 1 Aborted"
        } else {
            client.discard(Id::SOLE).unwrap();
            DONE
        };
        assert_eq!(drive(&mut client, &[input], true), [want]);
    }
}

/// What was discarded was not looked at, but that there was nothing is known.
#[test]
fn a_discarded_answer_that_never_came() {
    for input in [end(1, 0, 0), [rec(6, 1, b""), end(1, 0, 0)].concat()] {
        let mut client = getting(1);
        client.discard(Id::SOLE).unwrap();
        let log = drive(&mut client, &[&input], true);
        assert_eq!(log, ["D 1 reuse Failed(NoResponse)"]);
    }
}

/// Between the events of the end of one request's STDOUT, another is discarded.
#[test]
fn discard_of_another_request() {
    let mut client = getting(2);
    let all = [rec(6, 1, b"X: y\n\n"), rec(6, 1, b"")].concat();
    let mut input = &all[..];
    while !matches!(
        client.next(&mut input).unwrap(),
        Next::Event(Response::BodyEnd { .. })
    ) {}
    client.discard(Id::new(2).unwrap()).unwrap();
    let rest = [rec(6, 2, b"X: y\n\nz"), end(1, 0, 0), end(2, 0, 0)].concat();
    let log = drive(&mut client, &[&rest], true);
    let two = "D 2 reuse Complete { app_status: 0, output_ended: false }";
    assert_eq!(log, [DONE, two]);
    assert_eq!(client.strays(), 0);
}

#[test]
fn the_phase_is_body_while_input_is_sent() {
    let long = Length::Known(1);
    for (how, after) in [
        ("end", Phase::Response),
        ("abort", Phase::Response),
        ("answer", Phase::Closing),
        ("bad answer", Phase::Closing),
        ("cancel", Phase::Response),
    ] {
        let mut client = Client::new(vec![Slot::EMPTY; 1]);
        assert_eq!(client.phase(), Phase::Idle);
        let (id, _) = client
            .begin(Role::Responder, true, [], long, &mut [0; 64])
            .unwrap();
        assert_eq!(client.phase(), Phase::Body);
        let _ = client.body(id, &mut &b"x"[..]).unwrap();
        assert_eq!(client.phase(), Phase::Body);
        match how {
            "end" => drop(client.body_end(id).unwrap()),
            "abort" => drop(client.abort(id).unwrap()),
            "cancel" => client.cancel(),
            "answer" => drop(drive(&mut client, &[&end(1, 0, 0)], false)),
            _ => drop(drive(&mut client, &[&rec(6, 1, b"?\n")], false)),
        }
        assert_eq!(client.phase(), after, "{how}");
    }
    let mut client = Client::new(vec![Slot::EMPTY; 1]);
    let mut room = [0; 64];
    let opened = client.begin(Role::Filter, true, [], Length::None, &mut room);
    let (id, _) = opened.unwrap();
    assert_eq!(client.phase(), Phase::Body);
    let _ = client.data_end(id).unwrap();
    assert_eq!(client.phase(), Phase::Response);
}

#[test]
fn cancel_ends_every_request() {
    let mut client = getting(4);
    let input = [
        rec(6, 2, b"X: y\n\nhi"),
        rec(6, 3, b"X: y\n\n"),
        rec(6, 3, b""),
    ]
    .concat();
    drive(&mut client, &[&input], false);
    let _ = client.abort(Id::new(4).unwrap()).unwrap();
    client.cancel();
    client.cancel();
    let log = drive(&mut client, &[b"unread"], false);
    assert_eq!(
        log,
        [
            "D 1 Failed(Eof)",
            "D 2 Truncated",
            "D 3 Unconfirmed",
            "D 4 Aborted",
            "! Eof"
        ]
    );
    assert_eq!(client.after(), After::Close);
    assert_eq!(
        client
            .begin(Role::Responder, true, [], Length::None, &mut [])
            .unwrap_err(),
        Refused::State
    );
}

#[test]
fn eof_between_exchanges() {
    let none: [&str; 0] = [];
    let idle = || Client::new(vec![Slot::EMPTY; 1]);
    assert_eq!(run(idle, b"", true), none);
    assert_eq!(run(idle, b"\x01\x06\0", true), ["! Eof"]);
    assert_eq!(run(idle, &rec(6, 1, b"x"), true), ["! UnknownId(1)"]);
}

#[test]
fn many_at_a_time() {
    let make = || getting(3);
    let input = [
        rec(6, 3, b"A: b\n"),
        rec(6, 1, b"C: "),
        rec(6, 3, b"\nthree"),
        rec(6, 1, b"d\n\none"),
        rec(6, 3, b""),
        end(3, 0, 0),
        rec(6, 1, b""),
        end(1, 0, 0),
    ]
    .concat();
    assert_eq!(
        run(make, &input, true),
        [
            "F 3 A=b",
            "H 3 200 Unknown",
            "B 3 three",
            "F 1 C=d",
            "H 1 200 Unknown",
            "B 1 one",
            "E 3",
            "D 3 reuse Complete { app_status: 0, output_ended: true }",
            "E 1",
            DONE,
            "D 2 Failed(Eof)"
        ]
    );
    // The lowest free id first.
    let mut client = make();
    drive(&mut client, &[&input], false);
    assert_eq!(client.free(), 2);
    assert_eq!(client.slot_of(Id::new(2).unwrap()), Some(1));
    assert_eq!(get(&mut client).get(), 1);
    assert_eq!(get(&mut client).get(), 3);
    assert_eq!(client.free(), 0);
}

/// The end of a connection that has carried an answer before the request.
#[test]
fn closed_between_requests() {
    for (method, again) in [
        (&b"GET"[..], true),
        (b"HEAD", true),
        (b"PUT", true),
        (b"POST", false),
        (b"get", false),
    ] {
        for said in [&b""[..], b"x"] {
            let make = || {
                let mut client = getting(1);
                let answer = [rec(6, 1, b"A: b\n\n"), rec(6, 1, b""), end(1, 0, 0)].concat();
                drive(&mut client, &[&answer], false);
                let method = [(&b"REQUEST_METHOD"[..], method)];
                let head = fields(&method);
                let _ = client
                    .begin(Role::Responder, true, head, Length::None, &mut [0; 64])
                    .unwrap();
                client
            };
            // Of one that has said anything nobody knows what it did.
            let input = match said {
                b"" => Vec::new(),
                said => rec(7, 1, said),
            };
            let want = match again && said.is_empty() {
                true => "D 1 retry Failed(Eof)",
                false => "D 1 Failed(Eof)",
            };
            assert_eq!(run(make, &input, true).last().unwrap(), want);
        }
    }
    // The first on a connection was refused, whatever it is.
    assert_eq!(run(|| getting(1), b"", true), ["D 1 Failed(Eof)"]);
}

#[test]
fn head_requests_have_no_body() {
    let make = || {
        let mut client = Client::new(vec![Slot::EMPTY; 1]);
        let head = fields(&[(b"REQUEST_METHOD", b"HEAD")]);
        let _ = client
            .begin(Role::Responder, true, head, Length::None, &mut [0; 64])
            .unwrap();
        client
    };
    let input = [rec(6, 1, b"Content-Length: 9\n\n"), end(1, 0, 0)].concat();
    assert_eq!(
        run(make, &input, true)[1..],
        [
            "H 1 200 Known(9)",
            "E 1",
            "D 1 reuse Complete { app_status: 0, output_ended: false }"
        ]
    );
}

#[test]
fn request_heads() {
    let mut client = Client::new(vec![Slot::EMPTY; 2]);
    let vars: Fields<'_> = &[(b"A", b"1"), (b"Http_PROXY", b"x"), (b"B", b"")];
    let mut room = [0; 64];
    let (id, frame) = client
        .begin(Role::Responder, true, fields(vars), Length::None, &mut room)
        .unwrap();
    assert_eq!(id, Id::SOLE);
    assert_eq!(
        bytes(frame),
        b"\x01\x01\0\x01\0\x08\0\0\0\x01\x01\0\0\0\0\0\
        \x01\x04\0\x01\0\x07\x01\0\x01\x01A1\x01\0B\0\
        \x01\x04\0\x01\0\0\0\0\x01\x05\0\x01\0\0\0\0"
    );
    let (id, frame) = client
        .begin(
            Role::Filter,
            false,
            fields(vars),
            Length::Known(3),
            &mut room,
        )
        .unwrap();
    assert_eq!(id.get(), 2);
    assert_eq!(
        bytes(frame),
        b"\x01\x01\0\x02\0\x08\0\0\0\x03\0\0\0\0\0\0\
        \x01\x04\0\x02\0\x18\0\0\x01\x01A1\x01\0B\x0e\x01CONTENT_LENGTH3\
        \x01\x04\0\x02\0\0\0\0"
    );
}

#[test]
fn what_says_which_wire_it_was_is_withheld() {
    for (role, stdin) in [
        (Role::Responder, 8),
        (Role::Filter, 8),
        (Role::Authorizer, 0),
    ] {
        let mut client = Client::new(vec![Slot::EMPTY; 1]);
        let vars: Fields<'_> = &[
            (b"SCGI", b"1"),
            (b"A", b"1"),
            (b"FCGI_ROLE", b"RESPONDER"),
            (b"SCGI_", b""),
            (b"fCGI_ROLE", b""),
        ];
        let mut room = [0; 64];
        let (_, frame) = client
            .begin(role, true, fields(vars), Length::None, &mut room)
            .unwrap();
        let params = b"\x01\x01A1\x05\0SCGI_\x09\0fCGI_ROLE";
        let bytes = bytes(frame);
        assert_eq!(&bytes[24..24 + params.len()], params, "{role:?}");
        let rest = 24 + params.len();
        assert_eq!(bytes.len(), rest + (8 - rest % 8) % 8 + 8 + stdin);
    }
}

#[test]
fn header_fields_become_variables() {
    let mut client = Client::new(vec![Slot::EMPTY; 1]);
    let long = [b'v'; 200];
    let vars = [
        Field::var(b"REQUEST_METHOD", b"HEAD"),
        Field::header(b"X-a", b" 1 "),
        Field::header(b"Proxy", b"evil"),
        Field::header(b"Cookie", b"a"),
        Field::header(b"cookie", &long),
        Field::header(b"Content-Length", b"3"),
    ];
    let mut want =
        b"\x0e\x04REQUEST_METHODHEAD\x08\x01HTTP_X_A1\x0b\x80\0\0\xcbHTTP_COOKIEa; ".to_vec();
    want.extend_from_slice(&long);
    want.extend_from_slice(b"\x0e\x01CONTENT_LENGTH3");
    for len in 0..want.len() {
        let need = want.len();
        refused(
            &mut client,
            |c| {
                c.begin(
                    Role::Responder,
                    true,
                    vars,
                    Length::Known(3),
                    &mut vec![0; len],
                )
                .map(|_| ())
            },
            Refused::Room { need },
        );
    }
    refused(
        &mut client,
        |c| {
            c.begin(Role::Responder, true, vars, Length::None, &mut [0; 999])
                .map(|_| ())
        },
        Refused::Field,
    );
    let mut room = [0; 999];
    let (_, frame) = client
        .begin(Role::Responder, true, vars, Length::Known(3), &mut room)
        .unwrap();
    assert_eq!(frame.slices()[1], want);
}

/// What is refused changes nothing.
fn refused<T: core::fmt::Debug>(
    client: &mut Client<Vec<Slot>>,
    call: impl FnOnce(&mut Client<Vec<Slot>>) -> Result<T, Refused>,
    why: Refused,
) {
    let before = format!("{client:?}");
    assert_eq!(call(client).unwrap_err(), why);
    assert_eq!(format!("{client:?}"), before);
}

#[test]
fn lengths_that_do_not_agree() {
    let mut client = Client::new(vec![Slot::EMPTY; 2]);
    let length: &[u8] = b"CONTENT_LENGTH";
    for (vars, declared) in [
        (&[(length, &b"4"[..])][..], Length::Known(5)),
        (&[(length, b"")], Length::Known(5)),
        (&[(length, b"5"), (length, b"5")], Length::Known(5)),
        (&[(length, b""), (length, b"")], Length::None),
        (&[(length, b"5")], Length::None),
        (&[(length, b"5")], Length::Unknown),
        (&[(length, b"5x")], Length::Known(5)),
        (&[(length, b"99999999999999999999")], Length::Known(5)),
        (
            &[(b"REQUEST_METHOD", b"A"), (b"REQUEST_METHOD", b"A")],
            Length::None,
        ),
        (&[(b"FCGI_DATA_LENGTH", b"")], Length::None),
        (&[(b"A\0", b"")], Length::None),
        (&[(b"A", b"\0")], Length::None),
    ] {
        refused(
            &mut client,
            |c| {
                c.begin(Role::Responder, true, fields(vars), declared, &mut [0; 99])
                    .map(|_| ())
            },
            Refused::Field,
        );
    }
    for (vars, declared) in [
        (&[(length, &b"5"[..])][..], Length::Known(5)),
        (&[(length, b"")], Length::None),
        (&[(length, b"0")], Length::None),
        (&[(length, b"")], Length::Unknown),
    ] {
        let mut client = client.clone();
        let mut room = [0; 64];
        let begun = client.begin(Role::Responder, true, fields(vars), declared, &mut room);
        let frame = bytes(begun.unwrap().1);
        let count = frame.windows(14).filter(|w| *w == length).count();
        assert_eq!(count, 1);
    }
}

#[test]
fn room_is_told_exactly() {
    let mut client = Client::new(vec![Slot::EMPTY; 1]);
    let vars: Fields<'_> = &[(b"A", b"1"), (b"LONG", &[b'x'; 200])];
    for len in 0..(4 + 1 + 4 + 4 + 200) {
        refused(
            &mut client,
            |c| {
                c.begin(
                    Role::Responder,
                    true,
                    fields(vars),
                    Length::None,
                    &mut vec![0; len],
                )
                .map(|_| ())
            },
            Refused::Room { need: 213 },
        );
    }
    let mut room = [0; 213];
    let begun = client.begin(Role::Responder, true, fields(vars), Length::None, &mut room);
    assert!(begun.is_ok());
}

#[test]
fn bodies() {
    let mut client = Client::new(vec![Slot::EMPTY; 1]);
    let other = Id::new(2).unwrap();
    let (id, _) = client
        .begin(
            Role::Responder,
            true,
            [],
            Length::Known(70_000),
            &mut [0; 64],
        )
        .unwrap();
    assert_eq!((client.credit(id), client.credit(other)), (usize::MAX, 0));
    let all = vec![b'x'; 70_001];
    refused(&mut client, |c| c.body(id, &mut &all[..]), Refused::TooLong);
    refused(
        &mut client,
        |c| c.body(other, &mut &all[..]),
        Refused::UnknownId,
    );
    let mut none = &b""[..];
    assert!(client.body(id, &mut none).unwrap().is_empty());
    let mut payload = &all[1..];
    let frame = bytes(client.body(id, &mut payload).unwrap());
    assert_eq!(&frame[..8], b"\x01\x05\0\x01\xff\xf8\0\0");
    assert_eq!((frame.len(), payload.len()), (65_536, 70_000 - 65_528));
    refused(&mut client, |c| c.body_end(id), Refused::State);
    let frame = bytes(client.body(id, &mut payload).unwrap());
    assert_eq!((frame.len() % 8, payload.len()), (0, 0));
    refused(&mut client, |c| c.data(id, &mut &b"x"[..]), Refused::State);
    assert_eq!(
        bytes(client.body_end(id).unwrap()),
        b"\x01\x05\0\x01\0\0\0\0"
    );
    assert_eq!(client.credit(id), 0);
    refused(&mut client, |c| c.body_end(id), Refused::State);
    refused(&mut client, |c| c.body(id, &mut &b""[..]), Refused::State);
    refused(&mut client, |c| c.values(), Refused::State);
}

#[test]
fn a_filter_sends_both() {
    let mut client = Client::new(vec![Slot::EMPTY; 1]);
    let vars: Fields<'_> = &[(b"FCGI_DATA_LENGTH", b"3")];
    let (id, _) = client
        .begin(
            Role::Filter,
            true,
            fields(vars),
            Length::Unknown,
            &mut [0; 64],
        )
        .unwrap();
    refused(
        &mut client,
        |c| c.data(id, &mut &b"abc"[..]),
        Refused::State,
    );
    assert_eq!(client.body(id, &mut &b"ab"[..]).unwrap().len(), 16);
    let _ = client.body_end(id).unwrap();
    refused(
        &mut client,
        |c| c.data(id, &mut &b"abcd"[..]),
        Refused::TooLong,
    );
    refused(&mut client, |c| c.data_end(id), Refused::State);
    assert_eq!(
        bytes(client.data(id, &mut &b"abc"[..]).unwrap()),
        b"\x01\x08\0\x01\0\x03\x05\0abc\0\0\0\0\0"
    );
    assert_eq!(
        bytes(client.data_end(id).unwrap()),
        b"\x01\x08\0\x01\0\0\0\0"
    );
}

#[test]
fn an_early_end_before_all_was_sent() {
    let all = [rec(6, 1, b"X: y\n\n"), rec(6, 1, b""), end(1, 0, 0)].concat();
    for slots in [1, 2] {
        let mut client = Client::new(vec![Slot::EMPTY; slots]);
        let (id, _) = client
            .begin(Role::Responder, true, [], Length::Known(9), &mut [0; 64])
            .unwrap();
        let log = drive(&mut client, &[&all], false);
        let reuse = log.last().unwrap().contains("reuse");
        assert_eq!(reuse, slots > 1);
        assert_eq!(client.after() == After::Close, slots == 1);
        refused(
            &mut client,
            |c| c.body(id, &mut &b"x"[..]),
            Refused::UnknownId,
        );
    }
}

#[test]
fn values() {
    let asked = || {
        let mut client = Client::new(vec![Slot::EMPTY; 1]);
        let _ = client.values().unwrap();
        refused(&mut client, |c| c.values(), Refused::State);
        client
    };
    let result = rec(10, 0, b"\x0f\x01FCGI_MPXS_CONNS1\x0d\x02FCGI_MAX_REQS50");
    let want =
        "Ext(Values(Values { max_conns: None, max_reqs: Some(50), mpxs_conns: Some(true) }))";
    let none = "Ext(Values(Values { max_conns: None, max_reqs: None, mpxs_conns: None }))";
    // The second, empty result means nothing.
    let twice = [result.clone(), rec(10, 0, b"")].concat();
    assert_eq!(run(asked, &twice, true), [want]);
    assert_eq!(run(asked, &rec(10, 0, b""), true), [none]);
    assert_eq!(
        run(asked, &rec(10, 0, b"\x0d\x02FCGI_MAX_REQS5"), true),
        [none]
    );
    assert_eq!(
        run(asked, &rec(11, 0, &[9, 0, 0, 0, 0, 0, 0, 0]), true),
        ["Ext(UnknownType(9))"]
    );
    assert_eq!(run(asked, b"", true), ["Ext(Unanswered)"]);
    let mut client = asked();
    assert_eq!(client.phase(), Phase::Response);
    drive(&mut client, &[&twice], false);
    assert_eq!((client.strays(), client.free()), (0, 1));
    // Unsolicited: skipped, counted, and the connection is not used again.
    drive(&mut client, &[&result], false);
    assert_eq!((client.strays(), client.free()), (1, 0));
    assert_eq!(client.after(), After::Close);
}

#[test]
fn local_redirects() {
    let make = || {
        let rules = Rules::STRICT.local_redirect(true);
        let limits = Limits::DEFAULT.cgi(rules);
        let mut client = Client::with_limits(vec![Slot::EMPTY; 1], limits);
        get(&mut client);
        client
    };
    for (ended, tail) in [(true, rec(6, 1, b"")), (false, vec![])] {
        let input = [rec(6, 1, b"Location: /x\n\n"), tail, end(1, 0, 0)].concat();
        assert_eq!(
            run(make, &input, true),
            [
                "F 1 Location=/x".to_string(),
                "Ext(LocalRedirect { id: Id(1) })".into(),
                format!("D 1 reuse Complete {{ app_status: 0, output_ended: {ended} }}")
            ]
        );
    }
}

#[test]
fn sizes() {
    assert!(size_of::<Slot>() <= 64, "{}", size_of::<Slot>());
    assert!(size_of::<Client>() <= 320, "{}", size_of::<Client>());
}
