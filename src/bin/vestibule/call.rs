//! `vestibule call`: a web server's side, from the shell.

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use vestibule::Length;
use vestibule::cgi::meta::header_name;
use vestibule::fcgi::Role;

use crate::agreed::{self, Agreed};
use crate::args::{Arg, Args, Ended, Failure, print, usage};
use crate::body::Body;
use crate::cgi_env::Vars;
use crate::endpoint::Endpoint;
use crate::perform::{self, Plan};
use crate::scheme::Scheme;

const HELP: &str = "\
usage: vestibule call ENDPOINT [OPTION]...

Sends one request to an application and prints the body of the answer. CGI
meta-variables and HTTP_* are taken from the environment, as in
  SCRIPT_FILENAME=/srv/index.php REQUEST_METHOD=GET vestibule call fcgi://127.0.0.1:9000
and what the options say wins. HTTP_PROXY is never sent. Over HTTP and AJP the same makes
the start of the request and the header fields; other variables are not sent.

  ENDPOINT            SCHEME://HOST:PORT[/PATH?QUERY] (IPv6 in brackets) or
                      SCHEME+unix:/SOCKET; SCHEME is fcgi, http (port 80 where none
                      is given), scgi, uwsgi or ajp (port 8009). Or cgi:/PROGRAM, which
                      is run in its directory with the variables of the request, and
                      of ours PATH, LD_LIBRARY_PATH and TZ, without arguments
  --uri /PATH?QUERY   sets REQUEST_URI, SCRIPT_NAME, QUERY_STRING and, behind
                      '.php/', PATH_INFO; for SCGI, uwsgi, CGI without --root the path
                      is PATH_INFO. Beats the endpoint's path
  --root DIR          sets DOCUMENT_ROOT, and SCRIPT_FILENAME below it (not HTTP,
                      not AJP)
  -X METHOD           the method; default GET, with a body POST
  -H 'Name: value'    a header field; several of a name are joined; 'Name:'
                      takes it away. With 'Expect: 100-continue' the body waits
                      for the server's word, one second at most
  -p NAME=VALUE       a variable as it is; over AJP, where it has no place for it, a
                      request attribute
  -d DATA             sends DATA as a form; several are joined with '&'
  --body FILE|-       sends a file, or standard input. Without a body option
                      standard input is sent when CONTENT_LENGTH is in the
                      environment, that many bytes of it. Where a pipe's length
                      is not known none is declared, and then some FastCGI
                      applications see no body; over HTTP and AJP it goes out in
                      chunks, and SCGI, uwsgi and CGI want a length
  --role ROLE         responder (default), authorizer or filter (FastCGI)
  --data FILE         the file that a filter works on (FastCGI)
  --env               all of the environment, not the meta-variables alone
                      (not HTTP, not AJP)
{agreed}  -i                  the head too, in the form of CGI
  -v                  draws the exchange on standard error: each record, or each
                      head, interim ones too, body, chunk and packet
  --fail              no body for a status of 400 or more, but exit 22
  --timeout SECONDS   the longest wait for the connection and then for each
                      next piece of the exchange; default for ever

What the application writes to its error stream goes to standard error.

exit: 0 a complete answer, 2 usage, 7 no connection, 8 protocol error,
18 truncated answer or none, 22 --fail and a status of 400 or more, 28 timed out,
69 rejected, 1 anything else
";

#[derive(Default)]
struct Options {
    endpoint: Option<Endpoint>,
    uri: Option<String>,
    root: Option<String>,
    method: Option<Vec<u8>>,
    headers: Vec<Vec<u8>>,
    vars: Vec<Vec<u8>>,
    form: Option<Vec<u8>>,
    body: Option<std::ffi::OsString>,
    role: Option<Role>,
    data: Option<std::ffi::OsString>,
    env: bool,
    head: bool,
    verbose: bool,
    fail: bool,
    timeout: Option<Duration>,
    agreed: Agreed,
}

fn help() -> String {
    let both = [agreed::SECRET, agreed::PACKET].concat();
    HELP.replace("{agreed}", &both)
}

pub fn main(mut args: Args) -> Ended {
    let mut options = Options::default();
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Option(name) => match name.as_str() {
                "--help" | "-h" => return print(&help()),
                "--uri" => options.uri = Some(args.text()?),
                "--root" => options.root = Some(args.text()?),
                "-X" => options.method = Some(args.bytes()?),
                "-H" => options.headers.push(args.bytes()?),
                "-p" => options.vars.push(args.bytes()?),
                "-d" => {
                    let data = args.bytes()?;
                    match &mut options.form {
                        Some(form) => {
                            form.push(b'&');
                            form.extend_from_slice(&data);
                        }
                        None => options.form = Some(data),
                    }
                }
                "--body" => options.body = Some(args.value()?),
                "--role" => options.role = Some(role(&args.text()?)?),
                "--data" => options.data = Some(args.value()?),
                "--env" => options.env = true,
                "-i" => options.head = true,
                "-v" => options.verbose = true,
                "--fail" => options.fail = true,
                "--timeout" => options.timeout = Some(args.seconds()?),
                name => {
                    if !options.agreed.option(name, &mut args)? {
                        return args.unknown();
                    }
                }
            },
            Arg::Word(word) => {
                if options.endpoint.is_some() {
                    return usage(format!("one endpoint too many: '{}'", word.display()));
                }
                let Some(text) = word.to_str() else {
                    return usage(format!("endpoint '{}' is no UTF-8", word.display()));
                };
                options.endpoint = Some(Endpoint::to_call(text).map_err(Failure::Usage)?);
            }
        }
    }
    perform::perform(plan(options)?)
}

fn role(name: &str) -> Result<Role, Failure> {
    match name {
        "responder" => Ok(Role::Responder),
        "authorizer" => Ok(Role::Authorizer),
        "filter" => Ok(Role::Filter),
        _ => usage(format!(
            "no role '{name}': there are responder, authorizer and filter"
        )),
    }
}

/// A file that an option names.
fn open(path: &std::ffi::OsStr) -> Result<File, Failure> {
    let failed = |error| Failure::Usage(format!("cannot read '{}': {error}", path.display()));
    File::open(path).map_err(failed)
}

/// From the options and the environment to a request.
fn plan(options: Options) -> Result<Plan, Failure> {
    let Some(endpoint) = options.endpoint else {
        return usage("the endpoint is missing");
    };
    let scheme = endpoint.address.scheme;
    for (given, option, has) in [
        (options.role.is_some(), "--role", scheme.has_roles()),
        (options.data.is_some(), "--data", scheme.has_roles()),
        (options.root.is_some(), "--root", scheme.has_variables()),
        (options.env, "--env", scheme.has_variables()),
        (
            options.agreed.secret.is_some(),
            "--secret",
            scheme.has_secret(),
        ),
        (
            options.agreed.packet_size.is_some(),
            "--packet-size",
            scheme.has_packets(),
        ),
    ] {
        if given && !has {
            return usage(format!("{option} means nothing to {}", endpoint.address));
        }
    }
    let role = options.role.unwrap_or(Role::Responder);
    if options.form.is_some() && options.body.is_some() {
        return usage("-d and --body exclude each other");
    }
    if role == Role::Authorizer && (options.form.is_some() || options.body.is_some()) {
        return usage("an authorizer is sent no body");
    }
    if (role == Role::Filter) != options.data.is_some() {
        return usage("--data and --role filter belong together");
    }
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.into_encoded_bytes(), value.into_encoded_bytes()));
    let mut vars = Vars::from_environment(environment, options.env);
    // A terminal's or a shell's, not the request's.
    let mut declared = vars.get("CONTENT_LENGTH").map(<[u8]>::to_vec);
    declared = declared.filter(|text| !text.is_empty() && role != Role::Authorizer);
    if let Some(uri) = options.uri.as_ref().or(endpoint.uri.as_ref()) {
        let one = scheme.is_one_application() && options.root.is_none();
        vars.target(uri, one).map_err(Failure::Usage)?;
    }
    if let Some(root) = &options.root {
        let root = match std::path::absolute(root) {
            Ok(root) => root.into_os_string().into_encoded_bytes(),
            Err(error) => return usage(format!("--root '{root}': {error}")),
        };
        let script = vars.get("SCRIPT_NAME").unwrap_or(b"").to_vec();
        let root = root.strip_suffix(b"/").unwrap_or(&root);
        vars.set(b"DOCUMENT_ROOT", root);
        vars.set(b"SCRIPT_FILENAME", &[root, &script].concat());
    }
    let mut body = match (&options.form, &options.body) {
        (Some(form), _) => {
            vars.set(b"CONTENT_TYPE", b"application/x-www-form-urlencoded");
            declared = None;
            Some(Body::bytes(form.clone()))
        }
        (None, Some(name)) if name == "-" => Some(Body::stdin()),
        (None, Some(name)) => {
            declared = None;
            let failed = |error| Failure::Usage(format!("'{}': {error}", name.display()));
            Some(Body::file(open(name)?).map_err(failed)?)
        }
        (None, None) => declared.as_ref().map(|_| Body::stdin()),
    };
    if let Some(method) = &options.method {
        vars.set(b"REQUEST_METHOD", method);
    } else if options.form.is_some() {
        vars.set(b"REQUEST_METHOD", b"POST");
    } else if options.body.is_some() {
        vars.fill("REQUEST_METHOD", b"POST");
    }
    vars.remove("CONTENT_LENGTH");
    let mut again = Vec::new();
    for line in &options.headers {
        vars.header(line, &mut again).map_err(Failure::Usage)?;
    }
    for pair in &options.vars {
        let Some(at) = pair.iter().position(|b| *b == b'=').filter(|at| *at > 0) else {
            let shown = String::from_utf8_lossy(pair);
            return usage(format!("-p '{shown}': it is written NAME=VALUE"));
        };
        let name = &pair[..at];
        if scheme == Scheme::Ajp && !sendable(name) && !PLACES.contains(&name) {
            vars.attribute(name, &pair[at + 1..]);
            continue;
        }
        if scheme == Scheme::Http && !sendable(name) {
            let shown = String::from_utf8_lossy(name);
            return usage(format!(
                "-p {shown}: no header field, and {} has no variables",
                scheme.protocol()
            ));
        }
        vars.set(name, &pair[at + 1..]);
    }
    if let Some(text) = vars.get("CONTENT_LENGTH") {
        declared = Some(text.to_vec()).filter(|text| !text.is_empty());
        vars.remove("CONTENT_LENGTH");
    }
    if let Some(text) = declared {
        body = match body {
            Some(body) => Some(declare(body, &text)?),
            None if text == b"0" => None,
            None => return usage("CONTENT_LENGTH is given, but no body"),
        };
    }
    let data = match &options.data {
        Some(path) => Some(data(open(path)?, &mut vars)?),
        None => None,
    };
    vars.defaults();
    if !scheme.has_variables() {
        vars.http(&endpoint.address.host());
    }
    let length = match &body {
        None => Length::None,
        Some(body) => body.length.map_or(Length::Unknown, Length::Known),
    };
    if role == Role::Filter && length == Length::Unknown {
        return usage("a filter's body wants a known length: set CONTENT_LENGTH");
    }
    if scheme.wants_length() && length == Length::Unknown {
        let protocol = scheme.protocol();
        return usage(format!(
            "{protocol} wants a body of known length: set CONTENT_LENGTH"
        ));
    }
    Ok(Plan {
        address: endpoint.address,
        role,
        vars,
        body,
        length,
        data,
        head: options.head,
        fail: options.fail,
        timeout: options.timeout,
        agreed: options.agreed,
        drawing: options.verbose.then(|| Box::new(std::io::stderr()) as _),
        out: perform::output(),
    })
}

/// Variables that a request of AJP has places for.
const PLACES: [&[u8]; 17] = [
    b"AUTH_TYPE",
    b"DOCUMENT_URI",
    b"HTTPS",
    b"QUERY_STRING",
    b"REMOTE_ADDR",
    b"REMOTE_HOST",
    b"REMOTE_PORT",
    b"REMOTE_USER",
    b"SERVER_ADDR",
    b"SERVER_NAME",
    b"SERVER_PORT",
    b"SERVER_PROTOCOL",
    b"SSL_CIPHER",
    b"SSL_CIPHER_USEKEYSIZE",
    b"SSL_CLIENT_CERT",
    b"SSL_PROTOCOL",
    b"SSL_SESSION_ID",
];

/// Whether HTTP has a place for a variable.
fn sendable(name: &[u8]) -> bool {
    const START: [&[u8]; 2] = [b"REQUEST_METHOD", b"REQUEST_URI"];
    START.contains(&name) || header_name(name).is_some()
}

/// A body whose length somebody has declared.
fn declare(body: Body, text: &[u8]) -> Result<Body, Failure> {
    let shown = String::from_utf8_lossy(text);
    let digits = text.iter().all(u8::is_ascii_digit);
    match (shown.parse(), body.length) {
        (Ok(n), Some(length)) if digits && n > length => usage(format!(
            "CONTENT_LENGTH is {n}, but the body has {length} bytes"
        )),
        (Ok(n), _) if digits => Ok(body.cut(n)),
        _ => usage(format!("CONTENT_LENGTH '{shown}' is no number")),
    }
}

/// The file of a filter, and what is said of it. FastCGI 1.0, 6.4.
fn data(file: File, vars: &mut Vars) -> Result<File, Failure> {
    let failed = |error| Failure::Usage(format!("--data: {error}"));
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return usage("--data wants a regular file");
    }
    let modified = meta.modified().ok();
    let seconds = modified
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |time| time.as_secs());
    vars.set(b"FCGI_DATA_LENGTH", meta.len().to_string().as_bytes());
    vars.set(b"FCGI_DATA_LAST_MOD", seconds.to_string().as_bytes());
    Ok(file)
}
