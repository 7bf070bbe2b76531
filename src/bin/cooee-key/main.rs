//! `cooee-key`: keys, fleets, join strings.

mod fleet;
mod keys;

use clap::{Args, Parser, Subcommand};
use cooee::cli::{self, Exit, Failure, Folder, Io, Tool};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make and show the keys of a host or a leader, found a fleet, and join one
#[derive(Parser)]
struct Key {
    #[command(subcommand)]
    command: Command,
    /// Folder of the keys and the fleet file
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Make this host's key
    New(Raw),
    /// Print the public side of what is in the folder
    Show(Raw),
    /// Make the keys of a leader and found a fleet
    Found(fleet::Found),
    /// Print a join string for one host
    Invite(fleet::Invite),
    /// Join a fleet with the string its leader printed
    Join(fleet::Join),
}

#[derive(Args)]
struct Raw {
    /// Print only the host's did
    #[arg(long)]
    raw: bool,
}

impl Tool for Key {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/cooee-key.md");
    const EXAMPLES: &'static str = r#"
$ cooee-key found
{"type":"fleet","v":1,"fleet":"...","policy":"token","only":null,"leaders":[{"did":"did:key:...
$ cooee-sub --serve --listen /ip4/0.0.0.0/tcp/4001 &
$ cooee-key invite
cooee://eyJ...
$ cooee-key invite | ssh worker cooee-key join -
{"type":"joined","v":1,"fleet":"...","did":"did:key:z6Mk...",...}"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let folder = Folder::find(self.dir.as_deref())?;
        match self.command {
            Command::New(Raw { raw }) => keys::new(io, &folder, raw),
            Command::Show(Raw { raw }) => keys::show(io, &folder, raw),
            Command::Found(found) => found.run(io, &folder),
            Command::Invite(invite) => invite.run(io, &folder),
            Command::Join(join) => join.run(io, &folder),
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Key>("cooee-key")
}
