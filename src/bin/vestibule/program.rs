//! CGI programs that are run.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use vestibule::adapt::process::{Process, Program};

use crate::perform::visible;

/// How long the end of a program is waited for that has answered.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// A program for one request, which is not started yet. The error: that it
/// cannot be.
pub fn process(path: &Path, served: bool) -> io::Result<Process> {
    // Nobody is to interrupt what a service lets finish.
    let program = Program::new(path)?.own_group(served);
    program.check()?;
    let tell = move |text: &[u8]| tell(text, served);
    Ok(program.log(tell).process())
}

/// A program's standard error.
fn tell(text: &[u8], served: bool) {
    let mut stderr = io::stderr();
    let _ = match served || stderr.is_terminal() {
        true => stderr.write_all(&visible(text, &mut 0)),
        false => stderr.write_all(text),
    };
}
