//! The process edge: arguments, stdin, stdout, stderr, exit codes, `--generate`.
//!
//! The only room that touches `std::env`, the standard streams and `ExitCode`.
//! Must not know what any command is for.

mod arrivals;
mod beats;
mod duration;
mod exit;
mod folder;
mod load;
mod manual;
mod parallel;
mod progress;
mod screen;
mod size;
mod stream;
mod taken;
mod text;

pub use crate::show::escape;
pub use arrivals::{Arrival, Arrivals, Line};
pub use beats::Beats;
pub use duration::duration;
pub use exit::{Exit, Failure, TABLE};
pub use folder::Folder;
pub use load::{read_bounded, read_identities, read_regular, unwritten, write_whole};
pub use parallel::Halt;
pub use progress::{Progress, took};
pub use screen::Screen;
pub use size::size;
pub use stream::{Input, Output, Reject, Tally};
pub use taken::Wait;

use clap::{Args, FromArgMatches, Parser};
use std::process::{ExitCode, Termination};

// What every command takes besides its own arguments; `manual::command` adds
// it. No doc comment: clap would print it as the command's description.
#[derive(Args)]
struct Common {
    /// Print the man page (`man`) or completions (`complete-SHELL`) and exit
    #[arg(long, value_name = "WHAT", help_heading = "Common options")]
    generate: Option<String>,
    /// Print the JSON Schema of what is read and written and exit
    #[arg(long, help_heading = "Common options")]
    schema: bool,
    /// Log to stderr
    #[arg(short, long, global = true, help_heading = "Common options")]
    verbose: bool,
}

/// One command: its arguments are a clap parser, the rest is here.
pub trait Tool: Parser {
    /// JSON Schema of what it reads and writes, one JSON text.
    const SCHEMA: &'static str;
    /// The man page's sections after OPTIONS, in the markup of `cli::manual`.
    const MANUAL: &'static str;
    /// Example pipelines with real output, for `-h`; two or three.
    const EXAMPLES: &'static str;
    /// Does the work. Streams, stderr and the command's name come with `io`.
    fn run(self, io: &mut Io) -> Result<Exit, Failure>;
}

/// The edges of a running command.
pub struct Io {
    name: &'static str,
    verbose: bool,
    /// Standard output, buffered; results only.
    pub out: Output,
}

impl Io {
    /// Standard input, to be claimed once. A terminal gets one usage line and
    /// exit 2, because nobody types JSON lines.
    pub fn stdin(&self) -> Result<Input, Failure> {
        if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            return Err(Failure::could_not_run("expected input on stdin, which is a terminal")
                .hint(format!("try {} --help", self.name)));
        }
        Ok(Input::stdin())
    }

    /// Standard input where it may be absent: `None` if it is a terminal.
    pub fn stdin_or_terminal(&self) -> Option<Input> {
        (!std::io::IsTerminal::is_terminal(&std::io::stdin())).then(Input::stdin)
    }

    /// A line for people on stderr: `command: message`, escaped.
    pub fn warn(&self, message: &str) {
        text::stderr_line(self.name, message);
    }

    /// A hint line after a warning.
    pub fn hint(&self, message: &str) {
        text::stderr_line(self.name, &format!("hint: {message}"));
    }

    /// A line for `-v`.
    pub fn log(&self, message: impl FnOnce() -> String) {
        if self.verbose {
            text::stderr_line(self.name, &message());
        }
    }

    /// What writes such lines from any thread: the message, and whether it is
    /// only for `-v`.
    pub fn teller(&self) -> impl Fn(&str, bool) + Send + Sync + 'static {
        let (name, verbose) = (self.name, self.verbose);
        move |message, detail| {
            if verbose || !detail {
                text::stderr_line(name, message);
            }
        }
    }

    /// The command's name, as stderr lines start with it.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// This executable, for a command that has to ask something in a child process;
/// empty, which cannot be started, where the system does not tell.
pub fn this_program() -> std::path::PathBuf {
    std::env::current_exe().unwrap_or_default()
}

/// The whole of a command's `main`.
pub fn main<T: Tool>(name: &'static str) -> ExitCode {
    // A panic is our defect, never a user's exit code 101.
    std::panic::set_hook(Box::new(move |info| {
        text::stderr_line(name, &format!("internal error: {info}"));
        text::stderr_line(name, "hint: this is a defect in cooee; please report it with this line");
    }));
    let outcome = std::panic::catch_unwind(|| start::<T>(name));
    outcome.unwrap_or(Exit::CouldNotRun).report()
}

fn start<T: Tool>(name: &'static str) -> Exit {
    let mut io = Io { name, verbose: false, out: Output::stdout() };
    let result = dispatch::<T>(&mut io);
    let flushed = io.out.flush();
    let failure = match (result, flushed) {
        (Ok(exit), Ok(())) => return exit,
        (Err(failure), _) | (Ok(_), Err(failure)) => failure,
    };
    if let Some(message) = &failure.message {
        text::stderr_line(name, message);
    }
    if let Some(hint) = &failure.hint {
        text::stderr_line(name, &format!("hint: {hint}"));
    }
    failure.exit
}

fn dispatch<T: Tool>(io: &mut Io) -> Result<Exit, Failure> {
    let arguments: Vec<_> = std::env::args_os().collect();
    // Before clap, so that a page can be had without the required arguments,
    // and a version without the work of laying out all options.
    if let [_, flag, rest @ ..] = arguments.as_slice() {
        if flag == "--schema" {
            io.out.line(T::SCHEMA.trim().as_bytes())?;
            return Ok(Exit::Done);
        }
        if flag == "--version" || flag == "-V" {
            io.out.line(format!("{} {}", io.name, env!("CARGO_PKG_VERSION")).as_bytes())?;
            return Ok(Exit::Done);
        }
        if let Some(what) = flag.to_str().and_then(|flag| flag.strip_prefix("--generate")) {
            let what = what.strip_prefix('=').or_else(|| rest.first().and_then(|next| next.to_str()));
            manual::generate::<T>(io.name, what.unwrap_or_default(), &mut io.out)?;
            return Ok(Exit::Done);
        }
    }
    let matches = match manual::command::<T>(io.name).try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => return text::clap_outcome(&error, &mut io.out),
    };
    let unreadable = |error: clap::Error| Failure::could_not_run(error.to_string().trim());
    let common = Common::from_arg_matches(&matches).map_err(unreadable)?;
    if common.schema {
        io.out.line(T::SCHEMA.trim().as_bytes())?;
        return Ok(Exit::Done);
    }
    if let Some(what) = common.generate {
        manual::generate::<T>(io.name, &what, &mut io.out)?;
        return Ok(Exit::Done);
    }
    io.verbose = common.verbose;
    T::from_arg_matches(&matches).map_err(unreadable)?.run(io)
}
