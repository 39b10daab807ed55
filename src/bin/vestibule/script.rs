//! This program as a CGI program: started by a web server through a link that is
//! named `NAME.cgi`, it is the application NAME. RFC 3875.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use vestibule::adapt::blocking::run;
use vestibule::adapt::script::Script;
use vestibule::{Length, Timeouts, cgi};

use crate::apps::App;
use crate::args::{Ended, Failure};
use crate::context::Ends;
use crate::logged::Lines;
use crate::site::{Site, Table};
use crate::trusted::Trusted;

/// The application that the name of this program stands for. What is behind
/// that name on the command line may be a client's query.
pub fn named(program: Option<&OsStr>) -> Option<String> {
    let name = Path::new(program?).file_name()?.to_str()?;
    name.strip_suffix(".cgi").map(str::to_string)
}

/// Answers the one request.
pub fn serve(name: &str) -> Ended {
    let failed = |what: String| {
        // The web server is told too.
        let _ = status(500, &mut io::stdout());
        Err(Failure::Exit(1, format!("{name}.cgi: {what}")))
    };
    let script = match Script::new() {
        Ok(script) => script,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let what = "not started by a web server: there is no GATEWAY_INTERFACE";
            return Err(Failure::Exit(2, format!("{name}.cgi: {what}")));
        }
        Err(error) => return failed(format!("the environment is no request: {error}")),
    };
    let Some(app) = App::named(name).filter(|app| *app != App::Auth) else {
        return failed("no application of this name: there are hello, mirror and echo".into());
    };
    let broken = |error| Err(Failure::Exit(1, format!("{name}.cgi: {error}")));
    answer(app, script).map_or_else(broken, |()| Ok(0))
}

/// An answer that is no more than its status.
fn status(status: u16, out: &mut impl Write) -> io::Result<()> {
    let mut room = [0; 64];
    let head = cgi::encode::head(status, [], Length::Known(0), &mut room)?;
    out.write_all(&room[..head])
}

fn answer(app: App, mut script: Script) -> io::Result<()> {
    let site = Site {
        root: None,
        authorizer: None,
        trusted: Trusted::default(),
    };
    let lines = Lines::new(None, None);
    let mut table = Table::new(&site, app, &lines, Ends::default(), 1);
    let (mut machine, mut buf) = (cgi::Server::new(), vec![0; 32 * 1024]);
    let timeouts = Timeouts::DEFAULT;
    let ran = run(
        &mut machine,
        &mut script,
        &mut buf,
        timeouts,
        |machine, event, script| {
            let handled = table.handle(machine, event, script);
            handled.map(ControlFlow::Continue)
        },
    );
    // The web server has given it up, and may not listen any more.
    if let Err(error) = &ran
        && error.kind() == io::ErrorKind::UnexpectedEof
        && !script.has_written()
    {
        let _ = status(400, &mut script);
    }
    ran.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = |text: &str| named(Some(OsStr::new(text)));
        assert_eq!(name("/srv/cgi-bin/hello.cgi").as_deref(), Some("hello"));
        assert_eq!(name("echo.cgi").as_deref(), Some("echo"));
        for none in [
            "",
            "/",
            "vestibule",
            "/a.cgi/vestibule",
            "hello.cgi.bak",
            "hello.CGI",
        ] {
            assert_eq!(name(none), None, "{none}");
        }
        assert_eq!(named(None), None);
    }
}
