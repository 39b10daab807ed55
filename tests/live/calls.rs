//! `vestibule call` as a way to an application.

use vestibule::Ending;

use crate::answer::Answer;
use crate::apps::App;
use crate::contract::{Traits, Way, contract};
use crate::harness::{Ran, Scratch, Shown};
use crate::http::Body;
use crate::tools::{call_with, lines, same};

/// A process for each request.
pub struct Calls {
    endpoint: String,
    args: Vec<String>,
    scratch: Scratch,
}

impl Calls {
    pub fn to(endpoint: &str, args: &[&str]) -> Calls {
        Calls {
            endpoint: endpoint.into(),
            args: args.iter().map(|arg| arg.to_string()).collect(),
            scratch: Scratch::new(),
        }
    }

    /// One request, whatever comes of it.
    pub fn attempt(
        &mut self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: Body,
    ) -> (Ran, Answer) {
        let mut args: Vec<String> = ["-i", "-X", method, "--uri", target]
            .map(String::from)
            .into();
        args.extend(self.args.iter().cloned());
        for (name, value) in more {
            // A field without a value would be one that is taken away.
            args.extend(match value.is_empty() {
                true => [
                    "-p".into(),
                    format!("HTTP_{}=", name.to_ascii_uppercase().replace('-', "_")),
                ],
                false => ["-H".into(), format!("{name}: {value}")],
            });
        }
        let mut input = &b""[..];
        match body {
            Body::None => {}
            Body::Sized(bytes) => {
                let file = self.scratch.file("sent", bytes);
                args.extend(["--body".into(), file]);
            }
            Body::Chunked(bytes) => {
                input = bytes;
                args.extend(["--body".into(), "-".into()]);
            }
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ran = call_with(&self.endpoint, &args, &[], input);
        let answer = answer(&ran);
        (ran, answer)
    }
}

impl Way for Calls {
    #[track_caller]
    fn ask(&mut self, method: &str, target: &str, more: &[(&str, &str)], body: Body) -> Answer {
        let (ran, answer) = self.attempt(method, target, more, body);
        ran.ok();
        answer
    }
}

/// What was printed: a head in the form of CGI, and the body.
fn answer(ran: &Ran) -> Answer {
    let mut answer = Answer::new();
    let mut rest = &ran.out[..];
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let line = rest[..end].trim_ascii();
        rest = &rest[end + 1..];
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            break;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        match name {
            b"Status" => answer.status = std::str::from_utf8(&value[..3]).unwrap().parse().unwrap(),
            _ => answer.fields.push((name.into(), value.into())),
        }
    }
    answer.body = rest.into();
    answer.log = ran.err.clone().into_bytes();
    answer.whole = ran.code == 0;
    if answer.whole {
        answer.ending = Ending::Complete {
            app_status: 0,
            output_ended: true,
        };
    }
    answer
}

/// All that an application is asked.
pub fn whole(app: &App) {
    let mut shown = Shown::of(&format!("call -> {}", app.name));
    let mut calls = Calls::to(&app.endpoint, &[]);
    // Nobody says 100 Continue over the protocols of variables.
    let traits = Traits {
        continues: false,
        hints: false,
        ..app.traits
    };
    contract(&mut calls, "/a/b", &traits, &mut shown);
    let (ran, got) = calls.attempt("GET", "/?m=cut&n=100000", &[], Body::None);
    assert_eq!((ran.code, got.status), (18, 200), "{}", ran.err);
    same(&got.body, &lines(100_000)[..got.body.len()], "cut");
    shown.case("an answer that is cut");
}

#[test]
#[ignore = "needs uwsgi"]
fn uwsgi_over_http() {
    App::uwsgi().iter().for_each(whole);
}

#[test]
#[ignore = "needs uwsgi"]
fn uwsgi_over_fastcgi() {
    App::uwsgi_over("fcgi").iter().for_each(whole);
}

#[test]
#[ignore = "needs uwsgi"]
fn uwsgi_over_scgi() {
    App::uwsgi_over("scgi").iter().for_each(whole);
}

#[test]
#[ignore = "needs uwsgi"]
fn uwsgi_over_uwsgi() {
    App::uwsgi_over("uwsgi").iter().for_each(whole);
}

#[test]
#[ignore = "needs gunicorn"]
fn gunicorn_over_uwsgi() {
    App::gunicorn_over_uwsgi().iter().for_each(whole);
}
