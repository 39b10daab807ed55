//! The contract of tests/peers/README.md, asked of any application, by any way.

use crate::answer::{Answer, Pairs, values};
use crate::harness::Shown;
use crate::http::{Body, Http};
use crate::tools::{Dump, MB, lines, noise, same};

/// A way to an application.
pub trait Way {
    /// One request, answered whole.
    fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)], body: Body) -> Answer;
}

impl Way for Http {
    #[track_caller]
    fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)], body: Body) -> Answer {
        Http::ask(self, method, target, more, body)
    }
}

/// What differs between applications, and between the ways to them.
#[derive(Clone, Copy)]
pub struct Traits {
    /// Who answers: the word behind `peer:`.
    pub peer: &'static str,
    /// A chunked request body reaches the application.
    pub chunked: bool,
    /// 100 Continue comes when it is asked for.
    pub continues: bool,
    /// There is `m=hints`, and 103 comes of it.
    pub hints: bool,
    /// There is `m=mirror`.
    pub mirror: bool,
    /// A body that the application does not read does no harm.
    pub unread: bool,
    /// An answer to HEAD says how long it would be.
    pub head_length: bool,
}

/// Of the body sizes that are tried: none, one, around buffers, large.
pub const SIZES: [usize; 9] = [0, 1, 2, 4096, 16_384, 65_535, 65_536, MB, 10 * MB];

/// Everything but what the application is told, which differs most.
#[track_caller]
pub fn contract(way: &mut dyn Way, at: &str, traits: &Traits, shown: &mut Shown) {
    let noise = noise(10 * MB);
    let mut post = |target: &str, body: Body| way.ask("POST", target, &[], body);
    for size in SIZES {
        let body = &noise[..size];
        let got = post(at, Body::Sized(body));
        Dump::of(&got.body).got("POST", body);
        if traits.chunked {
            let got = post(at, Body::Chunked(body));
            Dump::of(&got.body).got("POST", body);
        }
        if traits.mirror {
            let mirror = format!("{at}?m=mirror");
            same(&post(&mirror, Body::Sized(body)).body, body, &mirror);
            if traits.chunked {
                same(&post(&mirror, Body::Chunked(body)).body, body, &mirror);
            }
        }
    }
    let how = if traits.chunked {
        "sized and chunked"
    } else {
        "sized"
    };
    let back = if traits.mirror { ", and back" } else { "" };
    shown.case(&format!("bodies of 0 to 10 MB, {how}{back}"));

    if traits.unread {
        for body in [Body::Sized(&noise[..50_000]), Body::Sized(b"")] {
            let got = post(&format!("{at}?m=nobody"), body);
            same(&got.body, b"ignored\n", "nobody");
        }
        shown.case("a body that nobody reads");
    }

    let mut get = |target: &str| way.ask("GET", target, &[], Body::None);
    for size in SIZES {
        let target = format!("{at}?m=size&n={size}");
        let got = get(&target);
        assert_eq!(got.status, 200);
        same(&got.body, &lines(size), &target);
    }
    for n in [0, 1, 40] {
        let target = format!("{at}?m=slow&n={}", n.min(3));
        let want: String = (0..n.min(3)).map(|i| format!("chunk {i}\n")).collect();
        same(&get(&target).body, want.as_bytes(), &target);
    }
    shown.case("answers of 0 to 10 MB, and by and by");

    for status in [200, 201, 299, 400, 404, 499, 500, 503, 599, 204, 304] {
        let target = format!("{at}?m=status&n={status}");
        let got = get(&target);
        let body = match status {
            204 | 304 => String::new(),
            status => format!("status {status}\n"),
        };
        assert_eq!(got.status, status);
        same(&got.body, body.as_bytes(), &target);
    }
    shown.case("statuses, 204 and 304 among them");

    odd(&get(&format!("{at}?m=odd")));
    shown.case("odd fields");

    if traits.hints {
        let got = get(&format!("{at}?m=hints"));
        same(&got.body, b"hinted\n", "hints");
        let want: Pairs = vec![(b"Link".into(), b"</style.css>; rel=preload".into())];
        let fold = |(status, fields): &(u16, Pairs)| {
            let fields = fields
                .iter()
                .filter(|(name, _)| !name.eq_ignore_ascii_case(b"status"));
            let fold = |(name, value): &(Vec<u8>, Vec<u8>)| {
                (name.to_ascii_lowercase(), value.to_ascii_lowercase())
            };
            (*status, fields.map(fold).collect::<Pairs>())
        };
        let got: Vec<_> = got.interims.iter().map(fold).collect();
        assert_eq!(got, [fold(&(103, want))]);
        shown.case("103");
    }

    let got = way.ask("HEAD", &format!("{at}?m=size&n=5000"), &[], Body::None);
    assert_eq!((got.status, &got.body[..]), (200, &b""[..]));
    if traits.head_length {
        assert_eq!(values(&got.fields, "Content-Length"), [b"5000"]);
    }
    let got = way.ask("GET", &format!("{at}?m=size&n=5"), &[], Body::None);
    same(&got.body, &lines(5), "after HEAD");
    shown.case("HEAD");

    if traits.continues {
        let expect = [("Expect", "100-continue")];
        let mut bodies = vec![Body::Sized(&noise[..100_000])];
        if traits.chunked {
            bodies.push(Body::Chunked(&noise[..100_000]));
        }
        for body in bodies {
            let got = way.ask("POST", at, &expect, body);
            let interims: Vec<u16> = got.interims.iter().map(|(status, _)| *status).collect();
            assert_eq!(interims, [100]);
            Dump::of(&got.body).got("POST", &noise[..100_000]);
        }
        shown.case("100 Continue");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let got = way.ask(method, at, &[], Body::Sized(b"x"));
        Dump::of(&got.body).got(method, b"x");
    }
}

/// The header fields of `m=odd`.
#[track_caller]
pub fn odd(got: &Answer) {
    same(&got.body, b"odd\n", "odd");
    let has = |name: &str, want: &[&[u8]]| assert_eq!(values(&got.fields, name), want, "{name}");
    let utf8 = "\u{17e}lu\u{165}ou\u{10d}k\u{fd} k\u{16f}\u{148}";
    has("X-Utf8", &[utf8.as_bytes()]);
    has("X-Latin1", &[b"caf\xe9"]);
    has("X-Empty", &[b""]);
    has("Set-Cookie", &[b"a=1", b"b=2; Path=/"]);
    has("x-lower-Case", &[b"Yes"]);
}
