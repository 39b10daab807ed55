//! `vestibule serve`: an application behind a web server, or for browsers.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use vestibule::Timeouts;
use vestibule::access_log::Format;

use crate::access::Log;
use crate::agreed::{self, Agreed};
use crate::apps::App;
use crate::args::{Arg, Args, Ended, Failure, print, usage};
use crate::authorizer::Authorizer;
use crate::endpoint::{Address, Endpoint};
use crate::gateway;
use crate::listen::Listener;
use crate::proxied::Proxied;
use crate::root::Root;
use crate::scheme::Scheme;
use crate::service::{Options, Serves, Service};
use crate::site::Site;
use crate::trusted::Trusted;

const HELP: &str = "\
usage: vestibule serve (--app NAME | --to ENDPOINT) [--listen ENDPOINT]...
                       [--root DIR] [--index NAME] [--authorizer ENDPOINT]
                       [--unknown-length] [--workers N] [--max-body BYTES]
                       [--timeout SECONDS] [--trusted CIDR]... [--proxy-protocol]
                       [--secret TEXT | --secret-file FILE | --secret-env NAME]
                       [--packet-size BYTES]
                       [--access-log FILE|-] [--access-log-format FORMAT]

Serves a small application, or what stands behind, and files, until SIGTERM or SIGINT,
which let running requests finish, for 10 seconds; a second one does not. Programs that
it has started and that still run then are killed.

  --app NAME          hello    a line of text
                      mirror   the request's body; a Filter's DATA
                      echo     what the query string asks for, see below
                      auth     an Authorizer that lets the user 'demo' in
  --to ENDPOINT       requests go on to SCHEME://HOST:PORT or SCHEME+unix:/SOCKET;
                      SCHEME is fcgi, http, scgi, uwsgi or ajp. Over kept connections,
                      but by SCGI and uwsgi. Or to cgi:/PROGRAM, which is run for
                      each: in its directory, with the variables of the request (over
                      HTTP and without --root all of the path is PATH_INFO), and of
                      ours PATH, LD_LIBRARY_PATH and TZ. It gets no arguments, no
                      Authorization, and no variable that says nothing of a request
  --unknown-length    request bodies of unknown length (chunked) go on by FastCGI
                      too, without CONTENT_LENGTH: PHP and others read nothing then.
                      Otherwise, and before SCGI, uwsgi and CGI always, they are refused
                      with 411
  --listen ENDPOINT   SCHEME://HOST:PORT (IPv6 in brackets; port 0: any free one) or
                      SCHEME+unix:/SOCKET; SCHEME is fcgi, http, scgi, uwsgi or ajp. All
                      but http believe who connects: it is to be a web server. Or
                      fcgi+fd:0, the listening socket that a spawner passes
                      (FCGI_WEB_SERVER_ADDRS is heeded there).
                      Default fcgi://127.0.0.1:9000. Each address is printed.
{secret}                      A secret is demanded where ajp is listened at, and sent to
                      what stands behind by AJP. Without one AJP is served to this
                      machine alone
{packet}  --root DIR          sends the files of DIR (type by name, ranges, dates) and works
                      out SCRIPT_NAME, SCRIPT_FILENAME and PATH_INFO. What is no file
                      is the index of DIR, or else the application's. Hidden files,
                      and links that lead out, are refused
  --index NAME        what stands for a directory; files of its extension are
                      scripts, not sent; default index.php
  --authorizer ENDPOINT
                      a FastCGI Authorizer, asked about each request before
                      anything else; its Variable-NAME become variables, and
                      before a server of HTTP fields, with - for _ (of a client's
                      own none of these pass). While it cannot be asked nobody is
                      let in
  --workers N         connections at once, each with up to 16 requests and a thread,
                      and with --to one more for each slow answer; default 256.
                      When all are busy, idle ones are closed; when none is idle, a
                      new one is told so (overloaded), and counted
  --max-body BYTES    a longer request body is refused with 413; default no limit.
                      Heads are limited always, to 64 KiB or a packet of AJP, by HTTP
                      with lines of up to 8190 bytes: the longer ones get 431, or 414
  --timeout SECONDS   how long a body, an answer, an authorizer may keep silent;
                      default 30 for a body, else 60
  --access-log FILE   a line for each request, when it ends; - is standard output.
                      SIGHUP opens FILE again
  --access-log-format FORMAT
                      as Gunicorn's, and by default the same:
                      %(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(s)s %(b)s \"%(f)s\" \"%(a)s\"
                      h address, l -, u user, t time, r request line, m method, U path,
                      q query, H protocol, s status, b and B bytes, f Referer, a agent,
                      T seconds, M ms, D us, L decimal seconds, p process, {NAME}i field
                      of the request, {NAME}o of the answer, {NAME}e variable
  --trusted CIDR      over HTTP, who may say for whom it asks: of such peers (10.0.0.0/8,
                      ::1, unix for those of Unix sockets) X-Forwarded-For is believed,
                      and X-Forwarded-Proto, -Protocol and -Ssl, which they must set or
                      remove. What conflicts or cannot be read is refused. Default nobody.
                      What others say there goes on by FastCGI as any field of theirs
                      (HTTP_X_FORWARDED_FOR), and to servers of HTTP not at all
  --proxy-protocol    each connection must begin with a header of the PROXY protocol,
                      version 1 or 2: over HTTP, REMOTE_ADDR, SERVER_ADDR, their ports
                      and HTTPS come from it (UNKNOWN and LOCAL leave the real ones).
                      Only the peers that --trusted names may send one (without
                      --trusted: those on this machine, 127.0.0.0/8 and ::1), and those
                      of Unix sockets. Any other connection is closed and counted, as is
                      one whose header is bad or not there within 10 seconds

echo, by the query string:
  (none), m=echo      the request: method, length and FNV-1a of the body, variables
  m=size&n=N          N bytes of numbered lines
  m=status&n=CODE     that status
  m=odd               unusual header fields
  m=stderr            two lines for the error log
  m=slow&n=N          N lines, 50 ms apart
  m=nobody            an answer that does not wait for the body
";

fn help() -> String {
    let help = HELP.replace("{secret}", agreed::SECRET);
    help.replace("{packet}", agreed::PACKET)
}

pub fn main(mut args: Args) -> Ended {
    let mut endpoints = Vec::new();
    let (mut app, mut to) = (None, None);
    let mut unknown_length = false;
    let (mut root, mut index, mut authorizer) = (None, None, None);
    let mut timeouts = Timeouts::DEFAULT;
    let (mut workers, mut max_body) = (256, u64::MAX);
    let mut trusted = Trusted::default();
    let mut proxied = false;
    let (mut log, mut format) = (None, None);
    let mut agreed = Agreed::default();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Option(name) => match name.as_str() {
                "--help" | "-h" => return print(&help()),
                "--listen" => {
                    let text = args.text()?;
                    let endpoint = Endpoint::parse(&text).map_err(Failure::Usage)?;
                    if endpoint.uri.is_some() {
                        return usage(format!("endpoint '{text}': a path cannot be listened at"));
                    }
                    endpoints.push(endpoint.address);
                }
                "--app" => {
                    let name = args.text()?;
                    app = App::named(&name);
                    if app.is_none() {
                        return usage(format!(
                            "no application '{name}': there are hello, mirror, echo and auth"
                        ));
                    }
                }
                "--to" => to = Some(behind(&args.text()?)?),
                "--root" => root = Some(args.value()?),
                "--index" => index = Some(args.text()?),
                "--authorizer" => authorizer = Some(authorizer_at(&args.text()?)?),
                "--timeout" => {
                    let ms = args.seconds()?.as_millis();
                    let ms = u32::try_from(ms).unwrap_or(u32::MAX - 1);
                    (timeouts.body, timeouts.response) = (ms, ms);
                }
                "--workers" => workers = args.number(1)?,
                "--unknown-length" => unknown_length = true,
                "--max-body" => max_body = args.number(0)?,
                "--access-log" => log = Some(args.value()?),
                "--access-log-format" => format = Some(args.text()?),
                "--trusted" => {
                    let text = args.text()?;
                    let wrong = |error| usage(format!("--trusted '{text}': {error}"));
                    trusted.add(&text).or_else(wrong)?;
                }
                "--proxy-protocol" => proxied = true,
                name => {
                    if !agreed.option(name, &mut args)? {
                        return args.unknown();
                    }
                }
            },
            Arg::Word(word) => return usage(format!("what is '{}'?", word.display())),
        }
    }
    let behind_scheme = to.as_ref().map(|at| at.scheme);
    let serves = match (app, to) {
        (Some(app), None) => Serves::App(app),
        (None, Some(to)) => Serves::To(gateway::to(to.served(), timeouts, agreed)),
        (None, None) => return usage("--app or --to is missing"),
        (Some(_), Some(_)) => return usage("--app and --to exclude each other"),
    };
    if endpoints.is_empty() {
        let default = Endpoint::parse("fcgi://127.0.0.1:9000").map_err(Failure::Usage)?;
        endpoints.push(default.address);
    }
    for address in &endpoints {
        if address.scheme.has_secret() && agreed.secret.is_none() && !address.is_here() {
            return usage(format!(
                "{address}: who can connect there is believed: a secret is missing (--secret-file)"
            ));
        }
    }
    let mut spoken = endpoints.iter().map(|at| at.scheme).chain(behind_scheme);
    let ajp = spoken.any(|at| at.has_secret() || at.has_packets());
    for (given, option) in [
        (agreed.secret.is_some(), "--secret"),
        (agreed.packet_size.is_some(), "--packet-size"),
    ] {
        if given && !ajp {
            return usage(format!(
                "{option} is for AJP, which is neither listened at nor behind"
            ));
        }
    }
    let workers = match u16::try_from(workers) {
        Ok(n) => n,
        Err(_) => return usage("--workers: at most 65535"),
    };
    if index.is_some() && root.is_none() {
        return usage("--index wants --root");
    }
    let index = index.unwrap_or_else(|| "index.php".into());
    if index.is_empty() || index.starts_with('.') || index.contains(['/', '\\']) {
        return usage(format!("--index wants the name of a file, not '{index}'"));
    }
    let root = match root {
        Some(dir) => match Root::new(Path::new(&dir), &index) {
            Ok(root) => Some(root),
            Err(error) => return usage(format!("--root '{}': {error}", dir.display())),
        },
        None => None,
    };
    let log = access_log(log, format)?;
    #[cfg(unix)]
    crate::signal::watch(&[2, 15]);
    let proxied = proxied.then(|| Arc::new(Proxied::new(trusted.clone())));
    let mut listeners = Vec::new();
    for address in &endpoints {
        let failed = |error| Failure::Exit(1, format!("cannot listen at {address}: {error}"));
        let mut listener = Listener::bind(address).map_err(failed)?;
        if let Some(proxied) = &proxied {
            listener.demand(proxied);
        }
        let _ = writeln!(io::stdout(), "listening at {}", listener.endpoint(address));
        listeners.push((address.scheme, listener));
    }
    let _ = io::stdout().flush();
    let site = Site {
        root,
        authorizer: authorizer.map(|at| Authorizer::new(at, timeouts)),
        trusted,
    };
    let options = Options {
        site,
        serves,
        timeouts,
        workers,
        max_body,
        unknown_length,
        log,
        agreed,
    };
    let ended = Service::start(options, listeners).run();
    if let Some(proxied) = proxied {
        proxied.report();
    }
    ended
}

/// Opens the access log.
fn access_log(name: Option<OsString>, format: Option<String>) -> Result<Option<Arc<Log>>, Failure> {
    let Some(name) = name else {
        return match format {
            Some(_) => usage("--access-log-format wants --access-log"),
            None => Ok(None),
        };
    };
    let format = match format {
        // Needed as long as there are threads, which is to the end.
        Some(text) => match Format::parse(String::leak(text)) {
            Ok(format) => format,
            Err(error) => return usage(format!("--access-log-format: {error}")),
        },
        None => Format::DEFAULT,
    };
    #[cfg(unix)]
    if name != "-" {
        crate::signal::watch(&[1]);
    }
    match Log::open(&name, format) {
        Ok(log) => Ok(Some(Arc::new(log))),
        Err(error) => usage(format!("--access-log '{}': {error}", name.display())),
    }
}

/// The address of what stands behind.
fn behind(text: &str) -> Result<Address, Failure> {
    let endpoint = Endpoint::to_call(text).map_err(Failure::Usage)?;
    if endpoint.uri.is_some() {
        return usage(format!("endpoint '{text}': a path is of no use here"));
    }
    Ok(endpoint.address)
}

fn authorizer_at(text: &str) -> Result<Address, Failure> {
    behind(text).and_then(|address| match address.scheme {
        Scheme::Fcgi => Ok(address),
        _ => usage(format!(
            "endpoint '{text}': an authorizer is called by FastCGI"
        )),
    })
}
