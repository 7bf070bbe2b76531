//! What a person reads on stderr: escaped, one line at a time.

use super::{Exit, Failure, Output, progress};
use crate::show::escape;
use clap::error::ErrorKind;
use std::io::Write as _;

/// Writes `command: message`. A closed stderr is nobody's to tell.
pub(super) fn stderr_line(name: &str, message: &str) {
    let line = format!("{name}: {}\n", escape(message));
    progress::beside(|| {
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}

/// What clap said, in our manner: help and version are results; the rest is one
/// line and at most one hint.
pub(super) fn clap_outcome(error: &clap::Error, out: &mut Output) -> Result<Exit, Failure> {
    if matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        // Else its text may be the whole of the help.
        return Err(Failure::could_not_run("expected a command").hint("try --help"));
    }
    let text = error.render().to_string();
    if !error.use_stderr() {
        out.bytes(text.as_bytes())?;
        return Ok(Exit::Done);
    }
    let mut message = String::new();
    let mut hint = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        } else if let Some(tip) = line.strip_prefix("tip: ") {
            hint.get_or_insert_with(|| tip.to_owned());
        } else if !line.is_empty() {
            if !message.is_empty() {
                message.push(' ');
            }
            message.push_str(line.strip_prefix("error: ").unwrap_or(line));
        }
    }
    Err(Failure::could_not_run(message).hint(hint.unwrap_or_else(|| "try --help".to_owned())))
}
