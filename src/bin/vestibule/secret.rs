//! The secret that an AJP container demands. It is never printed.

use std::fs;

use crate::args::{Args, Failure, usage};

/// What the options say of it.
pub const HELP: &str =
    "  --secret TEXT       the secret of AJP; who lists the processes of this machine sees it
  --secret-file FILE  the same, from a file: its first line
  --secret-env NAME   the same, from a variable of the environment
";

/// Takes the secret of an option, if it is one of these. Kept as long as the
/// program runs, which is as long as connections may want it.
pub fn option(
    name: &str,
    args: &mut Args,
    secret: &mut Option<&'static [u8]>,
) -> Result<bool, Failure> {
    let bytes = match name {
        "--secret" => args.bytes()?,
        "--secret-file" => {
            let path = args.value()?;
            let failed = |error| Failure::Usage(format!("{name} '{}': {error}", path.display()));
            let all = fs::read(&path).map_err(failed)?;
            let line = all.split(|b| *b == b'\n').next().unwrap_or(&[]);
            line.strip_suffix(b"\r").unwrap_or(line).to_vec()
        }
        "--secret-env" => {
            let variable = args.text()?;
            match std::env::var_os(&variable) {
                Some(value) => value.into_encoded_bytes(),
                None => return usage(format!("{name}: no variable '{variable}' is set")),
            }
        }
        _ => return Ok(false),
    };
    if secret.is_some() {
        return usage(format!("{name}: there is a secret already"));
    }
    if bytes.is_empty() || bytes.iter().any(u8::is_ascii_control) {
        return usage(format!(
            "{name}: a secret is not empty, and has no control characters"
        ));
    }
    *secret = Some(bytes.leak());
    Ok(true)
}
