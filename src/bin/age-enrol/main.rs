//! `age-enrol`: agents sealed into requests, and requests opened again.

mod bytes;
mod open;
mod request;

use clap::Parser;
use cooee::cli::{self, Exit, Failure, Folder, Io, Tool};
use cooee::enrol::Fleet;
use cooee::seal::{Identity, Recipient};
use jiff::SignedDuration;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Seal agents into signed enrolment requests, or open such requests as the leader
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools)] // each is a flag
struct Enrol {
    /// Open instead of seal
    #[arg(long)]
    open: bool,
    /// Seal or open stdin as it is, as age does
    #[arg(long)]
    bytes: bool,
    /// Seal to this recipient too; with --bytes to it alone; may be repeated
    #[arg(short, long, value_name = "AGE1…", conflicts_with = "open")]
    recipient: Vec<String>,
    /// Open with this file's identities [default: leader.age]; may be repeated
    #[arg(short, long, value_name = "FILE", requires = "open")]
    identity: Vec<PathBuf>,
    /// Write to a file, whole or not at all; - is stdout
    #[arg(short, long, value_name = "FILE", requires = "bytes")]
    output: Option<PathBuf>,
    /// Write over an output file that is there
    #[arg(long, requires = "output")]
    force: bool,
    /// Write the sealed file as text
    #[arg(short, long, requires = "bytes", conflicts_with = "open")]
    armor: bool,
    /// How long a request counts, at most 7d
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = lifetime, conflicts_with_all = ["open", "bytes"])]
    expires: SignedDuration,
    /// Stop at the first bad line
    #[arg(long, conflicts_with = "bytes")]
    strict: bool,
    /// Folder of keys, fleet file and join token
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// A Leader may be away for days, but not for good.
fn lifetime(text: &str) -> Result<SignedDuration, String> {
    let lifetime = cli::duration(text)?;
    if lifetime <= SignedDuration::from_hours(7 * 24) { Ok(lifetime) } else { Err("at most 7d".to_owned()) }
}

impl Enrol {
    /// The file of `-o`, where it does not say stdout.
    fn file(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Those of `-r`. Not clap's to parse: its message would repeat the text,
    /// which may be a secret key.
    fn recipients(&self) -> Result<Vec<Recipient>, Failure> {
        let parsed = self.recipient.iter().enumerate().map(|(index, text)| {
            text.parse().map_err(|error| Failure::could_not_run(format_args!("recipient {}: {error}", index + 1)))
        });
        parsed.collect()
    }

    /// Those of `-i`, else the leader's own.
    fn identities(&self) -> Result<Vec<Identity>, Failure> {
        if self.identity.is_empty() {
            return Folder::find(self.dir.as_deref())?.identities("leader.age");
        }
        let mut identities = Vec::new();
        for path in &self.identity {
            identities.extend(cli::read_identities(path)?);
        }
        Ok(identities)
    }
}

/// The recipients of all of a fleet's leaders.
fn leaders(fleet: &Fleet) -> Result<Vec<Recipient>, Failure> {
    let parsed = fleet.leaders.iter().map(|leader| {
        leader
            .age
            .parse()
            .map_err(|error| Failure::could_not_run(format_args!("fleet.json: leader {}: {error}", leader.did)))
    });
    parsed.collect()
}

impl Tool for Enrol {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/age-enrol.md");
    const EXAMPLES: &'static str = r#"
$ hwprobe --agents | agentid-hash | age-enrol | cooee-pub --wait answered
{"type":"receipt","v":1,"level":"stored","ids":["..."],"node":"did:key:z6Mk...",...}
{"data":{"agent_did":"did:key:z6Mk...#BPNTVYSZ5Y",...},...,"type":"cooee.enrolled.v1"}
$ age-enrol --bytes -r $(age-keygen -y identity) < secret > sealed
$ age-enrol --bytes --open -i identity < sealed
for one reader"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        match (self.bytes, self.open) {
            (true, _) => bytes::run(&self, io),
            (false, true) => open::run(&self, io),
            (false, false) => request::run(&self, io),
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Enrol>("age-enrol")
}
