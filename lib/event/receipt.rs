//! "Stored": one signed line for a batch of events.

use super::rfc3339;
use crate::canon::{base64url, canonical, from_base64url};
use crate::key::{Did, Key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const DOMAIN: &str = "cooee-receipt-v1";

/// A node's word that it holds these events on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Always `receipt`.
    #[serde(rename = "type")]
    pub kind: String,
    /// 1.
    pub v: u32,
    /// Always `stored`.
    pub level: String,
    /// The events' ids, in the order they were handed over.
    pub ids: Vec<String>,
    /// Who stored them.
    pub node: Did,
    /// When they were on disk.
    pub time: String,
    /// Ed25519 over `cooee-receipt-v1` + NUL + the RFC 8785 form without `sig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sig: Option<String>,
}

impl Receipt {
    /// Signs for `ids`.
    pub fn sign(key: &Key, ids: Vec<String>, time: Timestamp) -> Self {
        let mut receipt = Self {
            kind: "receipt".to_owned(),
            v: 1,
            level: "stored".to_owned(),
            ids,
            node: key.did(),
            time: rfc3339(time),
            sig: None,
        };
        receipt.sig = Some(base64url(&key.sign(DOMAIN, &canonical(&receipt))));
        receipt
    }

    /// Is it well-formed, and did `node` sign it?
    pub fn verify(&self) -> bool {
        let signature = self.sig.as_deref().and_then(from_base64url).and_then(|bytes| bytes.try_into().ok());
        let Some(signature) = signature else { return false };
        let unsigned = Self { sig: None, ..self.clone() };
        let shaped = self.kind == "receipt" && self.v == 1 && self.level == "stored";
        shaped && self.node.verify(DOMAIN, &canonical(&unsigned), &signature)
    }
}
