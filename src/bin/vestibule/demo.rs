//! `vestibule demo`: serves, calls and draws in one go.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use vestibule::fcgi::Role;
use vestibule::{Length, Timeouts};

use crate::agreed::Agreed;
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
usage: vestibule demo [--stay]

Serves the application 'echo' on a loopback port, calls it over a real socket,
draws the exchange and prints the page.

  --stay  then serves a page for browsers at another one, until SIGTERM or SIGINT:
          the request as it arrived, and the exchange that brought the page
";

pub fn main(mut args: Args) -> Ended {
    let mut stay = false;
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Option(name) => match name.as_str() {
                "--help" | "-h" => return print(HELP),
                "--stay" => stay = true,
                _ => return args.unknown(),
            },
            Arg::Word(word) => return usage(format!("what is '{}'?", word.display())),
        }
    }
    #[cfg(unix)]
    if stay {
        crate::signal::watch(&[2, 15]);
    }
    let (service, real) = serve("fcgi://127.0.0.1:0", App::Echo)?;
    print(&format!(
        "An application at {real}, and a web server that calls it:\n\n"
    ))?;
    let ended = call(&real);
    service.stop(|| false);
    if !stay || ended.is_err() {
        return ended;
    }
    let (service, real) = serve("http://127.0.0.1:0", App::Page)?;
    print(&format!("\nFor a browser, until you stop it: {real}/\n"))?;
    service.run()
}

/// An application, and where it really is.
fn serve(endpoint: &str, app: App) -> Result<(Service, String), Failure> {
    let failed = |error: io::Error| Failure::Exit(1, format!("cannot serve: {error}"));
    let address = Endpoint::parse(endpoint).map_err(Failure::Usage)?.address;
    let listener = Listener::bind(&address).map_err(failed)?;
    let real = listener.endpoint(&address);
    let options = Options {
        site: Site {
            root: None,
            authorizer: None,
            trusted: Trusted::default(),
        },
        serves: Serves::App(app),
        timeouts: Timeouts::DEFAULT,
        workers: 16,
        max_body: u64::MAX,
        unknown_length: false,
        log: None,
        agreed: Agreed::default(),
    };
    let service = Service::start(options, vec![(address.scheme, listener)]);
    Ok((service, real))
}

/// Calls it, draws, prints.
fn call(real: &str) -> Ended {
    let mut vars = Vars::default();
    let endpoint = Endpoint::parse(&format!("{real}/hello?from=demo")).map_err(Failure::Usage)?;
    vars.target("/hello?from=demo", false)
        .map_err(Failure::Usage)?;
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
        agreed: Agreed::default(),
        drawing: Some(Box::new(io::stdout())),
        out: Box::new(page.clone()),
    });
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
