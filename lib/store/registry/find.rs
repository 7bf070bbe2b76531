//! Finding agents by any of their names.

use super::Registry;
use crate::agentid::{Hash, TinyId, TokenText};
use crate::event::rfc3339;
use crate::key::Did;
use crate::store::database::{Error, Fault};
use jiff::Timestamp;
use rusqlite::{Params, Row};
use serde::Serialize;
use serde_json::{Map, Value};

/// What to look for.
#[derive(Clone, Debug)]
pub enum Query {
    /// Every agent.
    All,
    /// The one with this token.
    Token(TokenText),
    /// Those with this tiny id: one, but for a collision of 50 bits.
    TinyId(TinyId),
    /// The one with this hash.
    Hash(Hash),
    /// This agent of this key, or all agents of the key.
    Agent(Did, Option<TinyId>),
    /// All agents of the host; `*` stands for any characters.
    Hostname(String),
}

/// Does an enrolment count?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Yes.
    Active,
    /// It was not renewed in time.
    Expired,
    /// A Leader said so, for good.
    Revoked,
}

/// One agent as the registry knows it; serialises as the record that people see.
#[derive(Clone, Debug, Serialize)]
pub struct Registration {
    /// Always `registration`.
    pub r#type: &'static str,
    /// 1.
    pub v: u32,
    /// What the Leader numbered.
    pub token: String,
    /// What the agent is called everywhere.
    pub tiny_id: String,
    /// BLAKE3 of its tuple.
    pub hash: String,
    /// Its host's key and its tiny id.
    pub agent_did: String,
    /// Does it count?
    pub standing: Standing,
    /// Which GPU, or `none`.
    pub gpu_id: String,
    /// Its host's name.
    pub hostname: String,
    /// Its host's card, or `none`.
    pub mac: String,
    /// Its model.
    pub model: String,
    /// The registry's number for (model, hostname, mac).
    pub host_id: u32,
    /// The GPU's place.
    pub gpu_slot: u8,
    /// When it was let in.
    pub enrolled: String,
    /// When it last asked.
    pub renewed: String,
    /// Until when it counts.
    pub expires: String,
    /// Why it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The whole record that its host signed.
    pub agent: Map<String, Value>,
}

const COLUMNS: &str = "SELECT token, tiny_id, hash, key, gpu_id, hostname, mac, model, host_id, slot, enrolled_ms,
    renewed_ms, expires_ms, record,
    (SELECT reason FROM revocations r WHERE r.key = a.key AND r.agent IN ('', a.tiny_id) ORDER BY agent LIMIT 1)
    FROM agents a";

impl Registry {
    /// Hands out what matches, by number.
    pub fn find<E: From<Error>>(
        &self,
        query: &Query,
        now: Timestamp,
        mut each: impl FnMut(Registration) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut walk = |condition: &str, params: &[&dyn rusqlite::ToSql]| self.walk(condition, params, now, &mut each);
        match query {
            Query::All => walk("", &[]),
            Query::Token(text) => {
                let token = text.token();
                walk(
                    "WHERE host_id = ?1 AND slot = ?2 AND token = ?3",
                    &[&token.host_id, &token.gpu_slot, &text.to_string()],
                )
            }
            Query::TinyId(tiny_id) => walk("WHERE tiny_id = ?1", &[&tiny_id.to_string()]),
            Query::Hash(hash) => walk("WHERE hash = ?1", &[hash.as_bytes()]),
            Query::Agent(did, None) => walk("WHERE key = ?1", &[did.public_key()]),
            Query::Agent(did, Some(agent)) => {
                walk("WHERE key = ?1 AND tiny_id = ?2", &[did.public_key(), &agent.to_string()])
            }
            Query::Hostname(pattern) if pattern.contains('*') => walk("WHERE hostname GLOB ?1", &[&glob(pattern)]),
            Query::Hostname(name) => walk("WHERE hostname = ?1", &[&name]),
        }
    }

    /// Every token that was given out, for finding a typo.
    pub fn tokens(&self) -> Result<Vec<TokenText>, Error> {
        self.0.ask(|sql| {
            let mut statement = sql.prepare("SELECT token FROM agents")?;
            let mut rows = statement.query([])?;
            let mut tokens = Vec::new();
            while let Some(row) = rows.next()? {
                tokens.extend(row.get_ref(0)?.as_str().ok().and_then(|text| text.parse::<TokenText>().ok()));
            }
            Ok(tokens)
        })
    }

    /// How many numbers were given out.
    pub fn numbers_used(&self) -> Result<u32, Error> {
        self.0.ask(|sql| Ok(sql.query_row("SELECT count(*) FROM hosts", [], |row| row.get(0))?))
    }

    fn walk<E: From<Error>>(
        &self,
        condition: &str,
        params: impl Params,
        now: Timestamp,
        each: &mut impl FnMut(Registration) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error: rusqlite::Error| self.0.error(error);
        let sql = format!("{COLUMNS} {condition} ORDER BY host_id, slot");
        let mut statement = self.0.connection().prepare_cached(&sql).map_err(failed)?;
        let mut rows = statement.query(params).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(registration(row, now).map_err(|fault| self.0.error(fault))?)?;
        }
        Ok(())
    }
}

fn registration(row: &Row<'_>, now: Timestamp) -> Result<Registration, Fault> {
    let time = |ms: i64| Timestamp::from_millisecond(ms).map(rfc3339).map_err(|_| Fault::Damaged);
    let tiny_id: String = row.get(1)?;
    let expires_ms: i64 = row.get(12)?;
    let reason: Option<String> = row.get(14)?;
    let record = serde_json::from_str(row.get_ref(13)?.as_str().map_err(|_| Fault::Damaged)?);
    Ok(Registration {
        r#type: "registration",
        v: 1,
        token: row.get(0)?,
        hash: data_encoding::HEXLOWER.encode(&row.get::<_, [u8; 32]>(2)?),
        agent_did: format!("{}#{tiny_id}", Did::from_public_key(row.get(3)?)),
        tiny_id,
        standing: match &reason {
            Some(_) => Standing::Revoked,
            None if expires_ms <= now.as_millisecond() => Standing::Expired,
            None => Standing::Active,
        },
        gpu_id: row.get(4)?,
        hostname: row.get(5)?,
        mac: row.get(6)?,
        model: row.get(7)?,
        host_id: row.get(8)?,
        gpu_slot: row.get(9)?,
        enrolled: time(row.get(10)?)?,
        renewed: time(row.get(11)?)?,
        expires: time(expires_ms)?,
        reason,
        agent: record.map_err(|_| Fault::Damaged)?,
    })
}

/// `*` keeps its meaning; what else GLOB would read as a pattern does not.
fn glob(pattern: &str) -> String {
    let mut glob = String::new();
    for character in pattern.chars() {
        match character {
            '[' => glob.push_str("[[]"),
            '?' => glob.push_str("[?]"),
            other => glob.push(other),
        }
    }
    glob
}
