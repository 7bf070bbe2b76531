//! Writing down what was judged.

use super::state::QUIET_MS;
use super::{Registry, Turn};
use crate::enrol::{Grant, Request, Revocation};
use crate::key::Did;
use crate::store::database::{Error, Fault};
use crate::store::registry::audit::Entry;
use jiff::Timestamp;
use serde_json::Value;

impl Turn<'_> {
    /// Lets an agent in: its row, its number, its key, its join token, its
    /// sequence.
    pub fn admit(&self, request: &Request, grant: &Grant, now: Timestamp) -> Result<(), Fault> {
        let now_ms = now.as_millisecond();
        let author = request.event.author();
        let (key, tuple, token) = (author.public_key(), &request.tuple, &grant.token);
        if grant.new_host {
            // A number that nobody has used for a year goes to this host, and
            // its old agents go.
            self.run("DELETE FROM agents WHERE host_id = ?1", [token.host_id])?;
            self.run(
                "INSERT INTO hosts (host_id, model, hostname, mac) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET model = excluded.model, hostname = excluded.hostname, mac = excluded.mac",
                (token.host_id, tuple.model(), tuple.hostname(), tuple.mac()),
            )?;
        } else {
            self.run(
                "DELETE FROM agents WHERE host_id = ?1 AND slot = ?2 AND hash <> ?3 AND expires_ms < ?4",
                (token.host_id, token.gpu_slot, request.hash.as_bytes(), now_ms - QUIET_MS),
            )?;
        }
        if let Some(quota) = grant.admits {
            let sql = "INSERT INTO keys (key, agents, known_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            self.run(sql, (key, quota, now_ms))?;
        }
        if let Some(hash) = &grant.binds {
            let sql = "UPDATE tokens SET key = ?2, bound_ms = ?3 WHERE hash = ?1 AND key IS NULL";
            self.run(sql, (hash, key, now_ms))?;
        }
        if !grant.renewal
            && let Some(count) = self.counts.borrow_mut().get_mut(key)
        {
            *count += 1;
        }
        let record = Value::Object(request.record.clone()).to_string();
        self.run(
            "INSERT INTO agents (hash, tiny_id, gpu_id, hostname, mac, model, key, host_id, slot, token, record,
                request, enrolled_ms, renewed_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14)
             ON CONFLICT (hash) DO UPDATE SET
                enrolled_ms = CASE WHEN key = excluded.key THEN enrolled_ms ELSE excluded.enrolled_ms END,
                key = excluded.key, record = excluded.record, request = excluded.request,
                renewed_ms = excluded.renewed_ms, expires_ms = excluded.expires_ms",
            rusqlite::params![
                request.hash.as_bytes(),
                request.hash.tiny_id().to_string(),
                tuple.gpu_id(),
                tuple.hostname(),
                tuple.mac(),
                tuple.model(),
                key,
                token.host_id,
                token.gpu_slot,
                grant.text(),
                record,
                request.event.id(),
                now_ms,
                grant.expires.as_millisecond(),
            ],
        )?;
        self.run(
            "INSERT INTO sequences (key, subject, sequence) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET sequence = excluded.sequence",
            (key, request.event.subject(), request.event.sequence().cast_signed()),
        )?;
        Ok(())
    }

    /// Keeps what was answered, for good: the same request gets the same answer.
    pub fn remember(
        &self,
        id: &str,
        author: &Did,
        digest: &[u8; 32],
        answer: &[u8],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let sql = "INSERT INTO seen (id, key, digest, answer, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.run(sql, (id, author.public_key(), digest, answer, now.as_millisecond()))?;
        let sql = "DELETE FROM held WHERE id = ?1 AND key = ?2 AND digest = ?3";
        self.run(sql, (id, author.public_key(), digest))?;
        Ok(())
    }

    /// What was answered to something of `author` that could not be opened.
    pub fn remembered_unopened(&self, id: &str, author: &Did) -> Result<Option<Vec<u8>>, Fault> {
        let sql = "SELECT answer FROM seen WHERE id = ?1 AND key = ?2 AND digest = zeroblob(32)";
        self.one(sql, (id, author.public_key()), |row| row.get(0))
    }

    /// Keeps a request's call for help until a human has spoken.
    pub fn hold(&self, id: &str, author: &Did, digest: &[u8; 32], help: &[u8], now: Timestamp) -> Result<(), Fault> {
        let sql = "INSERT INTO held (id, key, digest, help, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.run(sql, (id, author.public_key(), digest, help, now.as_millisecond()))?;
        Ok(())
    }

    /// Revokes for good. False if it was revoked already.
    pub fn revoke(&self, revocation: &Revocation, by: &Did, now: Timestamp) -> Result<bool, Fault> {
        let agent = revocation.agent.map(|agent| agent.to_string()).unwrap_or_default();
        let changed = self.run(
            "INSERT INTO revocations (key, agent, reason, by_key, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
            (revocation.did.public_key(), agent, &revocation.reason, by.public_key(), now.as_millisecond()),
        )?;
        Ok(changed > 0)
    }

    pub(super) fn run(&self, sql: &str, params: impl rusqlite::Params) -> Result<usize, Fault> {
        Ok(self.sql.prepare_cached(sql)?.execute(params)?)
    }
}

impl Registry {
    /// Puts a key on the allow list, or takes it off. False if nothing changed.
    pub fn allow(&mut self, did: &Did, yes: bool, now: Timestamp) -> Result<bool, Error> {
        self.turn(|turn| {
            let changed = if yes {
                let sql = "INSERT INTO allowed (key, at_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                turn.run(sql, (did.public_key(), now.as_millisecond()))?
            } else {
                turn.run("DELETE FROM allowed WHERE key = ?1", [did.public_key()])?
            };
            if changed > 0 {
                let action = if yes { "allowed" } else { "disallowed" };
                turn.audit(&Entry { action, detail: &did.to_string(), ..Entry::default() }, now)?;
            }
            Ok(changed > 0)
        })
    }

    /// A human says yes or no to the request `id`. False if none waits under it.
    pub fn decide(&mut self, id: &str, yes: bool, now: Timestamp) -> Result<bool, Error> {
        self.turn(|turn| {
            let changed = turn.run("UPDATE held SET approved = ?2 WHERE id = ?1 AND approved IS NULL", (id, yes))?;
            if changed > 0 {
                let action = if yes { "approved" } else { "denied" };
                turn.audit(&Entry { action, id, ..Entry::default() }, now)?;
            }
            Ok(changed > 0)
        })
    }
}
