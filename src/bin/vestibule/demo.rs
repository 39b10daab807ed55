//! `vestibule demo`: serves, calls and draws in one go.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use vestibule::fcgi::Role;
use vestibule::{Length, Timeouts};

use crate::apps::App;
use crate::args::{Arg, Args, Ended, Failure, print, usage};
use crate::cgi_env::Vars;
use crate::endpoint::Endpoint;
use crate::listen::Listener;
use crate::perform::{Plan, perform};
use crate::service::{Options, Serves, Service};
use crate::site::Site;
use crate::trusted::Trusted;

const HELP: &str = "\
usage: vestibule demo

Serves the application 'echo' on a loopback port, calls it over a real socket,
draws the exchange and prints the page.
";

pub fn main(mut args: Args) -> Ended {
    match args.next()? {
        None => {}
        Some(Arg::Option(name)) if name == "--help" || name == "-h" => return print(HELP),
        Some(Arg::Option(_)) => return args.unknown(),
        Some(Arg::Word(word)) => return usage(format!("what is '{}'?", word.display())),
    }
    let failed = |error: io::Error| Failure::Exit(1, format!("cannot serve: {error}"));
    let address = Endpoint::parse("fcgi://127.0.0.1:0")
        .map_err(Failure::Usage)?
        .address;
    let listener = Listener::bind(&address).map_err(failed)?;
    let real = listener.endpoint(&address);
    let options = Options {
        site: Site {
            root: None,
            authorizer: None,
            trusted: Trusted::default(),
        },
        serves: Serves::App(App::Echo),
        timeouts: Timeouts::DEFAULT,
        workers: 4,
        max_body: u64::MAX,
        unknown_length: false,
    };
    let service = Service::start(options, vec![(address.scheme, listener)]);
    print(&format!(
        "An application at {real}, and a web server that calls it:\n\n"
    ))?;
    let mut vars = Vars::default();
    let endpoint = Endpoint::parse(&format!("{real}/hello?from=demo")).map_err(Failure::Usage)?;
    vars.target("/hello?from=demo").map_err(Failure::Usage)?;
    vars.defaults();
    let page = Page::default();
    let ended = perform(Plan {
        address: endpoint.address,
        role: Role::Responder,
        vars,
        body: None,
        length: Length::None,
        data: None,
        head: true,
        fail: true,
        timeout: Some(std::time::Duration::from_secs(10)),
        drawing: Some(Box::new(io::stdout())),
        out: Box::new(page.clone()),
    });
    service.stop(|| false);
    let _ = writeln!(io::stdout(), "\nThe answer:\n");
    let _ = io::stdout().write_all(&page.0.borrow());
    ended
}

/// Holds the answer back until the drawing is complete.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
