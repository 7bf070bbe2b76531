//! What a person reads on stderr: escaped, one line at a time.

use super::{Exit, Failure, Output};
use std::fmt::Write as _;
use std::io::Write as _;

/// Untrusted text as a terminal may see it: control, bidi and invisible format
/// characters become `\u{…}`, so that no field can move a cursor, split a line
/// or reorder what is read.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if c.is_control() || is_format(c) => {
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Characters of Unicode's class Cf that change how their neighbours look, and
/// the line separators.
fn is_format(c: char) -> bool {
    matches!(u32::from(c),
        0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe007f)
}

/// Writes `command: message`. A closed stderr is nobody's to tell.
pub(super) fn stderr_line(name: &str, message: &str) {
    let line = format!("{name}: {}\n", escape(message));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// What clap said, in our manner: help and version are results; the rest is one
/// line and at most one hint.
pub(super) fn clap_outcome(error: &clap::Error, out: &mut Output) -> Result<Exit, Failure> {
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

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn terminals_see_escapes_only() {
        assert_eq!(escape("a\u{1b}[31m\n\u{202e}b\u{0}é"), "a\\u{1b}[31m\\n\\u{202e}b\\u{0}é");
    }
}
