//! `found`, `invite` and `join`: fleets and their join strings.

use crate::keys::{self, HOST, LEADER, print};
use clap::Args;
use cooee::agentid::Tuple;
use cooee::cli::{self, Exit, Failure, Folder, Io};
use cooee::enrol::{Fleet, Invitation, Leader, Policy, is_node_address, is_token, token_text};
use cooee::key;
use cooee::seal::Recipient;
use cooee::store::{JoinToken, Registry};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::io::Read as _;
use std::path::Path;
use zeroize::Zeroizing;

const REGISTRY: &str = "registry.db";
/// Join strings and `listen` files are never larger.
const LIMIT_BYTES: u64 = 64 * 1024;
/// A fleet file names no more nodes than a host will try.
const NODES_LIMIT: usize = 16;

#[derive(Args)]
pub struct Found {
    /// Who is let in: token, allow-list or manual
    #[arg(long, default_value = "token", value_parser = policy)]
    policy: Policy,
    /// Give out tokens of this version alone [default: 2, and 3 once 2 is full]
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(u8).range(1..=3))]
    only: Option<u8>,
    /// Address of a node to call, /p2p/PEER_ID included; may be repeated
    #[arg(long, value_name = "MULTIADDR", value_parser = node)]
    node: Vec<String>,
    /// Print only the fleet's id
    #[arg(long)]
    raw: bool,
}

#[derive(Args)]
pub struct Invite {
    /// How many agents the host may enrol
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    agents: u32,
    /// How long the string may be used for the first time
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = cli::duration)]
    expires: SignedDuration,
    /// Let in only the host of this name
    #[arg(long, value_name = "NAME", value_parser = Tuple::canonical_hostname)]
    host: Option<String>,
    /// Address of a node to call, /p2p/PEER_ID included; may be repeated
    #[arg(long, value_name = "MULTIADDR", value_parser = node)]
    node: Vec<String>,
}

#[derive(Args)]
pub struct Join {
    /// The join string, a file that holds it, or - for stdin
    #[arg(value_name = "STRING|FILE|-")]
    string: String,
}

fn policy(text: &str) -> Result<Policy, String> {
    match text {
        "token" => Ok(Policy::Token),
        "allow-list" => Ok(Policy::AllowList),
        "manual" => Ok(Policy::Manual),
        _ => Err("expected token, allow-list or manual".to_owned()),
    }
}

fn node(text: &str) -> Result<String, String> {
    if is_node_address(text) {
        Ok(text.to_owned())
    } else {
        Err("expected a multiaddr that ends with /p2p/PEER_ID".to_owned())
    }
}

impl Found {
    pub fn run(self, io: &mut Io, folder: &Folder) -> Result<Exit, Failure> {
        if let Some(fleet) = folder.fleet()? {
            return Err(Failure::could_not_run(format_args!("this folder already belongs to fleet {}", fleet.fleet))
                .hint("name another folder with --dir"));
        }
        folder.create()?;
        keys::ensure(folder, HOST)?;
        // A run that was cut off left keys; nobody has seen them, so they serve.
        let leader = keys::ensure(folder, LEADER)?;
        let identity = keys::ensure_identity(folder)?;
        let fleet = Fleet {
            policy: self.policy,
            only: self.only,
            nodes: merged(self.node, Vec::new()),
            ..Fleet::found(Leader { did: leader.did(), age: identity.recipient().to_string() })
        };
        if !folder.file(REGISTRY).exists() {
            Registry::create(&folder.file(REGISTRY))?;
        }
        // The fleet file comes last: where it is, everything else is.
        cli::write_whole(&folder.file("fleet.json"), &fleet.to_bytes())?;
        if self.raw {
            io.out.line(fleet.fleet.as_bytes())?;
        } else {
            print(io, &keys::fleet_record(&fleet))?;
        }
        Ok(Exit::Done)
    }
}

impl Invite {
    pub fn run(self, io: &mut Io, folder: &Folder) -> Result<Exit, Failure> {
        let fleet = folder.need_fleet()?;
        // Only a leader's folder can answer for its tokens.
        let leader = folder.key(LEADER)?;
        if !fleet.is_leader(&leader.did()) {
            return Err(Failure::could_not_run("leader.key is not one of the fleet file's leaders"));
        }
        let mut registry = Registry::open(&folder.file(REGISTRY))?;
        let listen = folder.read("listen", LIMIT_BYTES)?.unwrap_or_default();
        let listen = String::from_utf8_lossy(&listen);
        let known = fleet.nodes.into_iter().chain(listen.lines().map(str::trim).map(str::to_owned));
        let mut nodes = merged(self.node, known.filter(|node| is_node_address(node)));
        // Another host tries them in turn, and its own loopback is of no use to it.
        nodes.sort_by_key(|node| node.starts_with("/ip4/127.") || node.starts_with("/ip6/::1/"));
        let mut random = Zeroizing::new([0; 16]);
        getrandom::fill(&mut *random).map_err(Failure::could_not_run)?;
        let token = Zeroizing::new(token_text(&random));
        let now = Timestamp::now();
        let expires = now.checked_add(self.expires).map_err(|_| Failure::could_not_run("--expires is too far away"))?;
        let admits = JoinToken { agents: self.agents, hostname: self.host, expires: Some(expires) };
        registry.add_token(&token, &admits, now)?;
        if nodes.is_empty() {
            io.warn("the string names no node, so the host will not know whom to call");
            io.hint("start the node (cooee-sub --serve) or name one with --node, then invite again");
        }
        let invitation =
            Invitation { v: 1, fleet: fleet.fleet, leaders: fleet.leaders, nodes, token: token.to_string() };
        io.out.line(invitation.to_text().as_bytes())?;
        Ok(Exit::Done)
    }
}

impl Join {
    pub fn run(self, io: &mut Io, folder: &Folder) -> Result<Exit, Failure> {
        let invitation = read_invitation(io, &self.string)?;
        let fleet = match folder.fleet()? {
            None => invitation.to_fleet(),
            Some(fleet) => rejoin(fleet, &invitation)?,
        };
        folder.create()?;
        let key = keys::ensure(folder, HOST)?;
        let token = Zeroizing::new(format!("{}\n", invitation.token));
        cli::write_whole(&folder.file("fleet.json"), &fleet.to_bytes())?;
        key::replace_secret(&folder.file("join.token"), token.as_bytes())?;
        let did = key.did();
        print(
            io,
            &json!({
                "type": "joined",
                "v": 1,
                "fleet": fleet.fleet,
                "did": did,
                "peer_id": did.peer_id(),
                "leaders": fleet.leaders,
                "nodes": fleet.nodes,
            }),
        )?;
        Ok(Exit::Done)
    }
}

/// The fleet file after the same fleet's string came once more. A string cannot
/// bring another Leader: a new Leader's key counts only if the old one signed it.
fn rejoin(fleet: Fleet, invitation: &Invitation) -> Result<Fleet, Failure> {
    if fleet.fleet != invitation.fleet {
        return Err(Failure::could_not_run(format_args!("this folder already belongs to fleet {}", fleet.fleet))
            .hint("join the other fleet in a folder of its own: --dir DIR"));
    }
    if invitation.leaders.iter().any(|leader| !fleet.leaders.contains(leader)) {
        return Err(Failure::security("the string names a leader that this folder's fleet file does not know")
            .hint("if the leader's key was lost, ask its operator and begin with a new folder"));
    }
    Ok(Fleet { nodes: merged(invitation.nodes.clone(), fleet.nodes), ..fleet })
}

fn read_invitation(io: &Io, string: &str) -> Result<Invitation, Failure> {
    let mut text = Zeroizing::new(Vec::new());
    if string.starts_with("cooee://") {
        text.extend_from_slice(string.as_bytes());
    } else if string == "-" {
        let read = io.stdin()?.take(LIMIT_BYTES + 1).read_to_end(&mut text);
        read.map_err(|error| Failure::could_not_run(format_args!("reading stdin: {error}")))?;
        if text.is_empty() {
            return Err(Failure::could_not_run("expected a join string on stdin, got nothing"));
        }
    } else {
        let content = cli::read_bounded(Path::new(string), LIMIT_BYTES)?;
        let content = content.ok_or_else(|| {
            // The text itself may be a damaged secret: it is not repeated.
            Failure::could_not_run("the argument is neither a join string (cooee://…) nor a file that exists")
        })?;
        *text = content;
    }
    let text = std::str::from_utf8(&text).map_err(|_| Failure::could_not_run("the join string is not text"))?;
    let invitation = Invitation::parse(text).map_err(|error| damaged(&error))?;
    let sound = is_token(&invitation.token)
        && invitation.nodes.iter().all(|node| is_node_address(node))
        && invitation.leaders.iter().all(|leader| leader.age.parse::<Recipient>().is_ok());
    if sound { Ok(invitation) } else { Err(damaged(&"its token, nodes or leaders are malformed")) }
}

fn damaged(error: &dyn std::fmt::Display) -> Failure {
    Failure::could_not_run(format_args!("join string: {error}")).hint("copy it whole, from cooee:// to its end")
}

/// The new addresses first, each once, no more than a host will try.
fn merged(new: Vec<String>, old: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut nodes: Vec<String> = Vec::new();
    for node in new.into_iter().chain(old) {
        if !nodes.contains(&node) && nodes.len() < NODES_LIMIT {
            nodes.push(node);
        }
    }
    nodes
}
