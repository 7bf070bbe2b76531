//! `agentid-register`: the Leader's book.

mod answer;
mod batch;
mod intake;
mod manage;
mod run;

use clap::Parser;
use cooee::cli::{self, Exit, Failure, Folder, Io, Tool};
use cooee::store::Registry;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;
use std::process::ExitCode;

/// Judge enrolments and revocations, number agents, keep the registry
///
/// Reads what age-enrol --open prints, and revoked events. What was judged is on
/// disk before its signed answer is printed; the same request gets the same
/// answer again.
#[derive(Parser)]
#[allow(clippy::struct_excessive_bools)] // each is a flag
struct Register {
    /// Print a record for every agent and exit
    #[arg(long, group = "instead")]
    list: bool,
    /// With --list, print only tokens
    #[arg(long, requires = "list")]
    raw: bool,
    /// Revoke an agent (token, tiny id, hash, did#tiny id) or a key (did)
    #[arg(long, value_name = "ID", group = "instead", requires = "reason")]
    revoke: Option<String>,
    /// With --revoke, which needs it: why, for people
    #[arg(long, value_name = "TEXT", requires = "revoke")]
    reason: Option<String>,
    /// Put a key on the allow list
    #[arg(long, value_name = "DID", group = "instead")]
    allow: Option<String>,
    /// Take a key off the allow list
    #[arg(long, value_name = "DID", group = "instead")]
    disallow: Option<String>,
    /// Say yes to a request that waits for a human
    #[arg(long, value_name = "REQUEST", group = "instead")]
    approve: Option<String>,
    /// Say no to it
    #[arg(long, value_name = "REQUEST", group = "instead")]
    deny: Option<String>,
    /// Check the audit chain and print where it stands
    #[arg(long, group = "instead")]
    verify_audit: bool,
    /// With --verify-audit, what it printed earlier
    #[arg(long, value_name = "FILE", requires = "verify_audit")]
    checkpoint: Option<PathBuf>,
    /// Print the audit log and exit
    #[arg(long, group = "instead")]
    audit: bool,
    /// How long an enrolment counts
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = cli::duration)]
    ttl: SignedDuration,
    /// Give out tokens of this version alone [default: as the fleet file says]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u8).range(1..=3))]
    only: Option<u8>,
    /// Judge as if it were this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// Stop at the first line that is not taken
    #[arg(long)]
    strict: bool,
    /// Folder of leader.key, fleet.json and registry.db
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Tool for Register {
    const SCHEMA: &'static str = include_str!("schema.json");
    const MANUAL: &'static str = include_str!("../../../man/agentid-register.md");
    const EXAMPLES: &'static str = r#"
$ age-enrol --open <requests | agentid-register | cooee-pub
{"type":"receipt","v":1,"level":"stored","ids":["..."],"node":"did:key:z6Mk...",...}
$ agentid-register --list --raw
80007
$ agentid-register --revoke 80007 --reason 'machine stolen' | cooee-pub
{"type":"receipt","v":1,"level":"stored","ids":["..."],"node":"did:key:z6Mk...",...}"#;

    fn run(self, io: &mut Io) -> Result<Exit, Failure> {
        let folder = Folder::find(self.dir.as_deref())?;
        let now = self.now.unwrap_or_else(Timestamp::now);
        if self.list {
            return manage::list(io, &read(&folder)?, self.raw, now);
        }
        if self.audit {
            return manage::audit(io, &read(&folder)?);
        }
        if self.verify_audit {
            return manage::verify_audit(io, &read(&folder)?, self.checkpoint.as_deref());
        }
        let mut registry = open(&folder)?;
        if let Some(did) = self.allow.as_ref().or(self.disallow.as_ref()) {
            return manage::allow(&mut registry, did, self.allow.is_some(), now);
        }
        if let Some(id) = self.approve.as_ref().or(self.deny.as_ref()) {
            return manage::decide(&mut registry, id, self.approve.is_some(), now);
        }
        let leader = batch::Leader::load(&folder, self.only, self.ttl, self.now)?;
        match (self.revoke, self.reason) {
            (Some(id), Some(reason)) => manage::revoke(io, &mut registry, &leader, &id, &reason),
            _ => run::requests(io, &mut registry, &leader, self.strict),
        }
    }
}

const MAKE_ONE: &str = "cooee-key found makes one; --dir names another folder";

fn read(folder: &Folder) -> Result<Registry, Failure> {
    Registry::read(&folder.file("registry.db")).map_err(hinted)
}

fn open(folder: &Folder) -> Result<Registry, Failure> {
    Registry::open(&folder.file("registry.db")).map_err(hinted)
}

fn hinted(error: cooee::store::Error) -> Failure {
    let missing = matches!(error.fault, cooee::store::Fault::Missing);
    let failure = Failure::from(error);
    if missing { failure.hint(MAKE_ONE) } else { failure }
}

fn main() -> ExitCode {
    cli::main::<Register>("agentid-register")
}
