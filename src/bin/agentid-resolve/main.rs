//! `agentid-resolve`: who is that?

mod mesh;
mod node;
mod query;

use clap::Parser;
use cooee::agentid::{Registered, TokenText};
use cooee::cli::{self, Exit, Failure, Folder, Io, Reject, Tool};
use cooee::jsonl::Scanner;
use cooee::store::{Fault, Query, Registry};
use jiff::{SignedDuration, Timestamp};
use mesh::{Answer, Mesh};
use node::Heard;
use query::{Kind, Wanted};
use std::path::PathBuf;
use std::process::ExitCode;

/// More are not listed in a hint.
const LISTED: usize = 8;

/// Say who an agent is, by any of its names
///
/// Asks the registry in the folder; where there is none, what leaders have said,
/// in the log of the folder's node. With --mesh the node asks others as well.
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools)] // each is a flag
struct Resolve {
    /// Tokens, tiny ids, hashes, dids, hostnames (* for any); none: from stdin
    #[arg(value_name = "ID", allow_negative_numbers = true)]
    words: Vec<String>,
    /// Every ID is a token
    #[arg(long, group = "kind")]
    token: bool,
    /// Every ID is a tiny id
    #[arg(long, group = "kind")]
    tiny: bool,
    /// Every ID is a hash
    #[arg(long, group = "kind")]
    hash: bool,
    /// Every ID is a hostname
    #[arg(long, group = "kind")]
    host: bool,
    /// Have the node ask others too, even where there is a registry
    #[arg(long)]
    mesh: bool,
    /// For a wrong token, name the registered ones one typo away
    #[arg(long)]
    suggest: bool,
    /// Print only tokens
    #[arg(long)]
    raw: bool,
    /// How long to wait for the node
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = cli::duration)]
    timeout: SignedDuration,
    /// Stop at the first line that is rejected
    #[arg(long)]
    strict: bool,
    /// Folder of registry.db, or of the node
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Where answers come from.
enum Source {
    Registry(Registry),
    Node(Heard),
    Mesh(Mesh),
}

impl Tool for Resolve {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/agentid-resolve.md");
    const EXAMPLES: &'static str = r#"
$ agentid-resolve 80007
{"type":"registration","v":1,"token":"80007","tiny_id":"G6WG9CTNJ8","hash":"81b9...",...}
$ agentid-resolve 'gpu-*' | jq -r .model
llama3.1:70b
$ agentid-resolve --suggest 80070
agentid-resolve: 80070 is not in the registry; as a token: wrong checksum: ...
agentid-resolve: hint: did you mean 80007?
# exit 1"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let folder = Folder::find(self.dir.as_deref())?;
        let source = self.source(&folder)?;
        let now = Timestamp::now();
        if !matches!(self.words.as_slice(), [] | [_] if self.words.iter().all(|word| word == "-")) {
            return self.arguments(io, &source, now);
        }
        let (mut exit, mut none) = (Exit::Done, true);
        let mut scanner = Scanner::default();
        let mut lines = io.stdin()?.lines();
        loop {
            if !lines.ready() {
                io.out.flush()?;
            }
            let next = lines.next().map_err(|error| Failure::could_not_run(format_args!("reading stdin: {error}")))?;
            let Some(line) = next else { break };
            none = false;
            let wanted = match line {
                Ok(line) => query::from_line(line, self.kind(), &mut scanner),
                Err(fault) => Err(Reject::new(fault)),
            };
            match wanted {
                Ok(wanted) => exit = exit.worst(self.resolve(io, &source, &wanted, now)?),
                Err(reject) => {
                    io.out.flush()?;
                    io.reject(lines.number(), &reject, self.strict)?;
                    exit = exit.worst(Exit::Rejected);
                }
            }
        }
        if none {
            return Err(Failure::could_not_run("expected names on stdin, got none")
                .hint("the command before this one may have failed"));
        }
        Ok(exit)
    }
}

impl Resolve {
    fn kind(&self) -> Option<Kind> {
        let kinds =
            [(self.token, Kind::Token), (self.tiny, Kind::TinyId), (self.hash, Kind::Hash), (self.host, Kind::Host)];
        kinds.into_iter().find_map(|(given, kind)| given.then_some(kind))
    }

    fn source(&self, folder: &Folder) -> Result<Source, Failure> {
        if self.mesh {
            return Ok(Source::Mesh(Mesh::new(folder, self.timeout)?));
        }
        match Registry::read(&folder.file("registry.db")) {
            Ok(registry) => Ok(Source::Registry(registry)),
            Err(error) if matches!(error.fault, Fault::Missing) => Ok(Source::Node(Heard::ask(folder, self.timeout)?)),
            Err(error) => Err(error.into()),
        }
    }

    fn arguments(&self, io: &mut Io, source: &Source, now: Timestamp) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for word in &self.words {
            let outcome = match query::from_word(word, self.kind()) {
                Ok(wanted) => self.resolve(io, source, &wanted, now)?,
                Err(bad) => {
                    io.out.flush()?;
                    io.warn(&format!("{}: {bad}", shown(word)));
                    self.hint(io, source, word)?;
                    bad.exit()
                }
            };
            exit = exit.worst(outcome);
        }
        Ok(exit)
    }

    /// Prints what is found under one name.
    fn resolve(&self, io: &mut Io, source: &Source, wanted: &Wanted, now: Timestamp) -> Result<Exit, Failure> {
        let mut found = false;
        let heard = match source {
            Source::Registry(registry) => {
                registry.find(&wanted.query, now, |agent| {
                    found = true;
                    if self.raw {
                        return io.out.line(agent.token.as_bytes());
                    }
                    io.out.line(&serde_json::to_vec(&agent).expect("strings and numbers only"))
                })?;
                Answer { agents: Vec::new(), why: "is not in the registry".to_owned() }
            }
            Source::Node(heard) => {
                let why = match wanted.query {
                    Query::Hostname(_) => "is not known to this node; hostnames are known to a registry alone",
                    _ => "is not known to this node",
                };
                Answer { agents: heard.find(&wanted.query, now), why: why.to_owned() }
            }
            Source::Mesh(mesh) => mesh.find(&wanted.query, now)?,
        };
        for (token, record) in heard.agents {
            found = true;
            io.out.line(if self.raw { token.as_bytes() } else { &record })?;
        }
        if found {
            return Ok(Exit::Done);
        }
        io.out.flush()?;
        let (word, what) = (shown(&wanted.word), heard.why);
        // Only a registry can say that there is no such agent.
        let exit = if let Source::Registry(_) = source { Exit::No } else { Exit::Temporary };
        match &wanted.token_fault {
            Some(fault) => io.warn(&format!("{word} {what}; as a token: {fault}")),
            None => io.warn(&format!("{word} {what}")),
        }
        self.hint(io, source, &wanted.word)?;
        Ok(exit)
    }

    /// With `--suggest`, the tokens that a mistyped one may have been.
    fn hint(&self, io: &Io, source: &Source, word: &str) -> Result<(), Failure> {
        if !self.suggest {
            return Ok(());
        }
        let registered: Registered = match source {
            Source::Registry(registry) => registry.tokens()?.into_iter().collect(),
            Source::Node(heard) => heard.tokens().collect(),
            Source::Mesh(mesh) => mesh.heard()?.tokens().collect(),
        };
        let near = registered.near(word);
        let listed: Vec<_> = near.iter().take(LISTED).map(TokenText::to_string).collect();
        match near.len() {
            0 => {}
            1..=LISTED => io.hint(&format!("did you mean {}?", listed.join(" or "))),
            more => io.hint(&format!("one typo away: {} and {} more", listed.join(", "), more - LISTED)),
        }
        Ok(())
    }
}

/// A word as an error names it.
fn shown(word: &str) -> String {
    word.chars().take(80).collect()
}

fn main() -> ExitCode {
    cli::main::<Resolve>("agentid-resolve")
}
