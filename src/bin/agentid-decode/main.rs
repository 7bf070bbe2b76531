//! `agentid-decode`: tokens → fields, or why not.

mod suggest;

use clap::Parser;
use cooee::agentid::{RecordError, TokenError, TokenText};
use cooee::cli::{self, Exit, Failure, Io, Reject, Tool};
use cooee::jsonl::Scanner;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use suggest::{REGISTRY, Suggestions};

/// Read tokens: print the fields they hold, or say what is wrong with them
#[derive(Parser)]
struct Decode {
    /// Tokens; none or `-`: from stdin, one a line, or JSON lines with a token
    #[arg(value_name = "TOKEN", allow_negative_numbers = true)]
    words: Vec<String>,
    /// Accept tokens of this version alone
    #[arg(long, value_name = "1|2|3", value_parser = clap::value_parser!(u8).range(1..=3))]
    only: Option<u8>,
    /// For a wrong token, name those one typo away in the registry or FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = REGISTRY)]
    suggest: Option<OsString>,
    /// Print only vVERSION:HOST_ID:GPU_SLOT:RESERVED
    #[arg(long)]
    raw: bool,
    /// Stop at the first line that is rejected
    #[arg(long)]
    strict: bool,
    /// Folder of the registry
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Tool for Decode {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/agentid-decode.md");
    const EXAMPLES: &'static str = r#"
$ agentid-decode 458RV
{"type":"token","v":1,"token":"458RV","version":1,"host_id":42,"gpu_slot":3,"reserved":0,...}
$ agentid-decode --raw 458rv | cut -d: -f2
42
$ agentid-decode 458RW
agentid-decode: 458RW: wrong checksum: the token says 28, its version 1 fields need 27
# exit 1"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let suggestions = Suggestions::load(self.suggest.as_deref().map(Path::new), self.dir.as_deref())?;
        if !matches!(self.words.as_slice(), [] | [_] if self.words.iter().all(|word| word == "-")) {
            return self.arguments(io, &suggestions);
        }
        let mut scanner = Scanner::default();
        let input = io.stdin()?;
        let tally = io.filter(input, self.strict, |line, out| {
            if line.trim_ascii_start().first() == Some(&b'{') {
                return self.record(&mut scanner, line, out, &suggestions);
            }
            self.word(line, out).map_err(|error| suggestions.reject(&error, &String::from_utf8_lossy(line)))
        })?;
        Ok(tally.exit())
    }
}

impl Decode {
    fn arguments(&self, io: &mut Io, suggestions: &Suggestions) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for word in &self.words {
            if let Err(error) = self.word(word.as_bytes(), io.out.buffer()) {
                let shown: String = word.chars().take(40).collect();
                io.out.flush()?;
                io.warn(&format!("{shown}: {error}"));
                if let Some(hint) = suggestions.hint(word) {
                    io.hint(&hint);
                }
                exit = exit.worst(exit_of(&error));
            }
            io.out.spill()?;
        }
        Ok(exit)
    }

    fn word(&self, word: &[u8], out: &mut Vec<u8>) -> Result<(), TokenError> {
        let text = TokenText::read(word)?.only(self.only)?;
        if self.raw {
            text.token().write_word(out);
        } else {
            text.write_record(out);
        }
        out.push(b'\n');
        Ok(())
    }

    fn record(
        &self,
        scanner: &mut Scanner,
        line: &[u8],
        out: &mut Vec<u8>,
        suggestions: &Suggestions,
    ) -> Result<(), Reject> {
        let object = scanner.object(line).map_err(Reject::new)?;
        let read = TokenText::from_object(&object).and_then(|text| Ok(text.only(self.only)?));
        let text = match read {
            Ok(text) => text,
            Err(RecordError::Token(error)) => {
                let word = object.get("token").and_then(|value| value.as_str()).unwrap_or_default();
                return Err(suggestions.reject(&error, &word));
            }
            Err(error) => return Err(Reject::new(error)),
        };
        if self.raw {
            text.token().write_word(out);
        } else {
            text.add_to(&object, out);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// A token that is whole but mistyped or not wanted is answered with no; what is
/// no token at all could not be judged.
fn exit_of(error: &TokenError) -> Exit {
    match error {
        TokenError::Checksum { .. } | TokenError::NotAccepted { .. } => Exit::No,
        TokenError::Empty | TokenError::Symbol(_) | TokenError::Length(_) | TokenError::Version { .. } => {
            Exit::CouldNotRun
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Decode>("agentid-decode")
}
