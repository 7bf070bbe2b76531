//! The fleet file and the join string: what a host knows of its fleet.

use crate::canon::{base64url, blake3_hex, canonical, from_base64url};
use crate::jsonl;
use crate::key::Did;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a join string starts with.
const SCHEME: &str = "cooee://";
/// Neither a fleet file nor a join string is larger: 64 KiB.
const LIMIT_BYTES: usize = 64 * 1024;

/// Why a fleet file or a join string is not taken.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// Does not start with `cooee://`.
    #[error("a join string starts with {SCHEME}")]
    Scheme,
    /// Not base64url without padding.
    #[error("the join string is damaged (not base64url)")]
    Encoding,
    /// More than 64 KiB.
    #[error("larger than {LIMIT_BYTES} bytes")]
    TooLarge,
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] jsonl::Error),
    /// Not the members it must have.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// Not in RFC 8785 form (a join string has one spelling).
    #[error("not in RFC 8785 form")]
    NotCanonical,
    /// A newer version than this program knows.
    #[error("version {0} is newer than this program knows")]
    Newer(u32),
    /// No Leader in it.
    #[error("no leader in it")]
    NoLeader,
    /// The fleet id is not 64 hex digits.
    #[error("\"fleet\" is not 64 lower-case hex digits")]
    FleetId,
}

/// One Leader: its signing key and its age recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leader {
    /// Who signs answers.
    pub did: Did,
    /// Whom requests are sealed to: `age1…`.
    pub age: String,
}

/// How the Leader lets agents in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// A good join token, or a key that is known.
    #[default]
    Token,
    /// Only keys that an operator has listed.
    AllowList,
    /// A human says yes to each.
    Manual,
}

/// `fleet.json`: what every member knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// 1.
    pub v: u32,
    /// BLAKE3 of the founding Leader's public key, hex; outlives rotations.
    pub fleet: String,
    /// The Leaders of now.
    pub leaders: Vec<Leader>,
    /// Multiaddrs with `/p2p/PEER_ID` of nodes to call.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// How agents are let in.
    #[serde(default)]
    pub policy: Policy,
    /// Keys besides the Leaders' that may revoke.
    #[serde(default)]
    pub revokers: Vec<Did>,
    /// The only token version given out, 1 to 3; none: 2, then 3 when full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<u8>,
}

/// What the join string says: all a new host needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// 1.
    pub v: u32,
    /// The fleet's id.
    pub fleet: String,
    /// Its Leaders.
    pub leaders: Vec<Leader>,
    /// Nodes to call.
    pub nodes: Vec<String>,
    /// The join token: 128 random bits, base64url.
    pub token: String,
}

impl Fleet {
    /// A new fleet of one Leader.
    pub fn found(leader: Leader) -> Self {
        let fleet = blake3_hex(leader.did.public_key());
        Self {
            v: 1,
            fleet,
            leaders: vec![leader],
            nodes: Vec::new(),
            policy: Policy::Token,
            revokers: Vec::new(),
            only: None,
        }
    }

    /// Reads a fleet file's bytes.
    pub fn parse(text: &[u8]) -> Result<Self, FleetError> {
        let fleet: Self = strict(text)?;
        check(fleet.v, &fleet.fleet, &fleet.leaders)?;
        Ok(fleet)
    }

    /// The file's bytes: one RFC 8785 line.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = canonical(self);
        bytes.push(b'\n');
        bytes
    }

    /// Is `did` a Leader's key?
    pub fn is_leader(&self, did: &Did) -> bool {
        self.leaders.iter().any(|leader| leader.did == *did)
    }

    /// May `did` revoke keys and agents?
    pub fn may_revoke(&self, did: &Did) -> bool {
        self.is_leader(did) || self.revokers.contains(did)
    }
}

impl Invitation {
    /// `cooee://…`
    pub fn to_text(&self) -> String {
        format!("{SCHEME}{}", base64url(&canonical(self)))
    }

    /// Reads `cooee://…`; white space around it is dropped.
    pub fn parse(text: &str) -> Result<Self, FleetError> {
        let encoded = text.trim().strip_prefix(SCHEME).ok_or(FleetError::Scheme)?;
        if encoded.len() > LIMIT_BYTES {
            return Err(FleetError::TooLarge);
        }
        let bytes = from_base64url(encoded).ok_or(FleetError::Encoding)?;
        let invitation: Self = strict(&bytes)?;
        check(invitation.v, &invitation.fleet, &invitation.leaders)?;
        if canonical(&invitation) == bytes { Ok(invitation) } else { Err(FleetError::NotCanonical) }
    }

    /// The fleet file that a host starts with.
    pub fn to_fleet(&self) -> Fleet {
        Fleet {
            v: 1,
            fleet: self.fleet.clone(),
            leaders: self.leaders.clone(),
            nodes: self.nodes.clone(),
            policy: Policy::Token,
            revokers: Vec::new(),
            only: None,
        }
    }
}

/// Is this a multiaddr of TCP or QUIC that ends with the PeerId of an Ed25519
/// key, as in `/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…`?
pub fn is_node_address(text: &str) -> bool {
    let Some((transport, peer)) = text.rsplit_once("/p2p/") else { return false };
    text.len() <= 512 && is_transport(transport) && Did::from_peer_id(peer).is_some()
}

fn is_transport(text: &str) -> bool {
    let port = |text: &str| text.parse::<u16>().is_ok();
    let mut parts = text.split('/');
    let host = match [parts.next(), parts.next(), parts.next()] {
        [Some(""), Some("ip4"), Some(host)] => host.parse::<Ipv4Addr>().is_ok(),
        [Some(""), Some("ip6"), Some(host)] => host.parse::<Ipv6Addr>().is_ok(),
        [Some(""), Some("dns" | "dns4" | "dns6"), Some(host)] => {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
        _ => false,
    };
    host && match [parts.next(), parts.next(), parts.next(), parts.next()] {
        [Some("tcp"), Some(number), None, None] | [Some("udp"), Some(number), Some("quic-v1"), None] => port(number),
        _ => false,
    }
}

fn strict<T: DeserializeOwned>(text: &[u8]) -> Result<T, FleetError> {
    if text.len() > LIMIT_BYTES {
        return Err(FleetError::TooLarge);
    }
    Ok(serde_json::from_value(jsonl::parse(text)?)?)
}

fn check(version: u32, fleet: &str, leaders: &[Leader]) -> Result<(), FleetError> {
    if version != 1 {
        return Err(FleetError::Newer(version));
    }
    if fleet.len() != 64 || !fleet.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(FleetError::FleetId);
    }
    if leaders.is_empty() { Err(FleetError::NoLeader) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Key;

    #[test]
    fn a_node_address_ends_with_a_peer_id() {
        let peer = Key::from_seed(&[1; 32]).did().peer_id();
        for good in ["/ip4/127.0.0.1/tcp/4001", "/dns4/a.example/tcp/1", "/ip6/::1/udp/1/quic-v1"] {
            assert!(is_node_address(&format!("{good}/p2p/{peer}")), "{good}");
            assert!(!is_node_address(good), "{good}");
        }
        for bad in ["", "/p2p/", "ip4/127.0.0.1/tcp/1/p2p/", "/ip4//tcp/1/p2p/", "/ip4/127.0.0.1 /tcp/1/p2p/"] {
            assert!(!is_node_address(&format!("{bad}{peer}")), "{bad}");
        }
        assert!(!is_node_address("/ip4/127.0.0.1/tcp/1/p2p/12D3KooWx"));
    }

    #[test]
    fn a_join_string_reads_back_and_has_one_spelling() {
        let did = Key::from_seed(&[1; 32]).did();
        let fleet = Fleet::found(Leader { did, age: "age1x".to_owned() });
        let invitation = Invitation {
            v: 1,
            fleet: fleet.fleet.clone(),
            leaders: fleet.leaders.clone(),
            nodes: vec![],
            token: "t".to_owned(),
        };
        let text = invitation.to_text();
        assert_eq!(Invitation::parse(&format!(" {text}\n")).expect("good"), invitation);
        let pretty = serde_json::to_vec_pretty(&invitation).expect("JSON");
        let other = format!("{SCHEME}{}", base64url(&pretty));
        assert!(matches!(Invitation::parse(&other), Err(FleetError::NotCanonical)));
        assert!(matches!(Invitation::parse(&text[8..]), Err(FleetError::Scheme)));
        for cut in 9..text.len() {
            assert!(Invitation::parse(&text[..cut]).is_err(), "cut at {cut}");
        }
    }
}
