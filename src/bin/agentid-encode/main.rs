//! `agentid-encode`: fields → tokens.

use clap::Parser;
use cooee::agentid::{FieldError, Token, WordError};
use cooee::cli::{self, Exit, Failure, Io, Reject, Tool};
use cooee::jsonl::Scanner;
use std::process::ExitCode;

/// Make the token of a host id and a GPU slot
#[derive(Parser)]
struct Encode {
    /// [vVERSION:]HOST_ID:GPU_SLOT[:RESERVED]; none or `-`: from stdin, or JSON lines
    #[arg(value_name = "FIELDS", allow_negative_numbers = true)]
    words: Vec<String>,
    /// Token version where the input names none
    #[arg(long, value_name = "1|2|3", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    token_version: u8,
    /// Print only the token
    #[arg(long)]
    raw: bool,
    /// Stop at the first line that is rejected
    #[arg(long)]
    strict: bool,
}

impl Tool for Encode {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/agentid-encode.md");
    const EXAMPLES: &'static str = r#"
$ agentid-encode --raw 42:3
858RJ
$ echo '{"host_id":42,"gpu_slot":3}' | agentid-encode
{"type":"token","v":1,"host_id":42,"gpu_slot":3,"token":"858RJ","version":2,"reserved":0,...}
$ agentid-decode --raw 458RV | sed 's/^v1/v2/' | agentid-encode --raw
858RJ"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        if !matches!(self.words.as_slice(), [] | [_] if self.words.iter().all(|word| word == "-")) {
            return self.arguments(io);
        }
        let mut scanner = Scanner::default();
        let input = io.stdin()?;
        let tally = io.filter(input, self.strict, |line, out| {
            if line.trim_ascii_start().first() == Some(&b'{') {
                self.record(&mut scanner, line, out)
            } else {
                self.word(line, out).map_err(|error| rejected(&error))
            }
        })?;
        Ok(tally.exit())
    }
}

impl Encode {
    fn arguments(&self, io: &mut Io) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for word in &self.words {
            let before = io.out.buffer().len();
            if let Err(error) = self.word(word.as_bytes(), io.out.buffer()) {
                io.out.buffer().truncate(before);
                io.out.flush()?;
                io.warn(&error.to_string());
                if let Some(hint) = hint(&error) {
                    io.hint(hint);
                }
                exit = Exit::CouldNotRun;
            }
            io.out.spill()?;
        }
        Ok(exit)
    }

    fn word(&self, word: &[u8], out: &mut Vec<u8>) -> Result<(), WordError> {
        let text = Token::from_word(word, self.token_version)?.encode()?;
        if self.raw {
            text.write(out);
        } else {
            text.write_record(out);
        }
        out.push(b'\n');
        Ok(())
    }

    fn record(&self, scanner: &mut Scanner, line: &[u8], out: &mut Vec<u8>) -> Result<(), Reject> {
        let object = scanner.object(line).map_err(Reject::new)?;
        let token = Token::from_object(&object, self.token_version).map_err(Reject::new)?;
        let text = token.encode().map_err(Reject::new)?;
        if self.raw {
            text.write(out);
        } else {
            text.add_to(&object, out);
        }
        out.push(b'\n');
        Ok(())
    }
}

fn rejected(error: &WordError) -> Reject {
    let reject = Reject::new(error);
    match hint(error) {
        Some(hint) => reject.hint(hint),
        None => reject,
    }
}

fn hint(error: &WordError) -> Option<&'static str> {
    match error {
        WordError::Field(FieldError::Range { field: "host_id" | "gpu_slot", version: 1 | 2, .. }) => {
            Some("--token-version 3 holds host ids to 1048575 and GPU slots to 63")
        }
        WordError::Shape(_) => Some("a host without a GPU has slot 0"),
        _ => None,
    }
}

fn main() -> ExitCode {
    cli::main::<Encode>("agentid-encode")
}
