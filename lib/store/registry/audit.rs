//! The audit chain: each line holds the hash of the one before.
//!
//! A line changed, removed or moved breaks the chain. A tail cut off does not:
//! only a [`Checkpoint`] kept elsewhere shows that.

use super::{Registry, Turn};
use crate::canon::{blake3_hex, canonical};
use crate::event::rfc3339;
use crate::jsonl;
use crate::store::database::{Error, Fault};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the first line names as the hash before it.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What happened, for the audit. Empty strings are written as null.
#[derive(Clone, Debug, Default)]
pub struct Entry<'a> {
    /// `enrolled`, `renewed`, `refused`, `held`, `revoked`, `invited`, …
    pub action: &'a str,
    /// The request's id.
    pub id: &'a str,
    /// Who asked: its did; empty for the operator of this registry.
    pub source: &'a str,
    /// What it was about: the request's subject.
    pub subject: &'a str,
    /// A refusal's code.
    pub code: &'a str,
    /// Anything a reader wants to know.
    pub detail: &'a str,
}

/// Where the chain stood at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Always `checkpoint`.
    #[serde(rename = "type")]
    pub kind: String,
    /// 1.
    pub v: u32,
    /// How many lines there were.
    pub n: u64,
    /// The last one's BLAKE3, hex.
    pub hash: String,
}

/// Where the chain does not hold.
#[derive(Debug, thiserror::Error)]
pub enum AuditFault {
    /// The registry cannot be read.
    #[error(transparent)]
    Store(#[from] Error),
    /// A number is missing.
    #[error("audit line {0} is missing")]
    Missing(u64),
    /// A line is not what its hash says.
    #[error("audit line {0} was changed")]
    Changed(u64),
    /// A line names another one before it than there is.
    #[error("audit line {0} does not follow from the line before it")]
    Broken(u64),
    /// Fewer lines than the checkpoint has seen.
    #[error("the audit log ends at line {last}, and the checkpoint has seen line {seen}: its tail was cut")]
    Cut {
        /// Here.
        last: u64,
        /// In the checkpoint.
        seen: u64,
    },
    /// The line is there, but it is another.
    #[error("audit line {0} is not the one that the checkpoint has seen: the log was rewritten")]
    Rewritten(u64),
}

/// The chain's end during a transaction.
pub(super) struct Tail {
    n: i64,
    hash: String,
}

pub(super) fn tail(sql: &Connection) -> Result<Tail, Fault> {
    let mut statement = sql.prepare_cached("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1")?;
    let last = statement.query_row([], |row| Ok((row.get(0)?, row.get::<_, [u8; 32]>(1)?))).optional()?;
    Ok(last.map_or_else(
        || Tail { n: 0, hash: NOTHING.to_owned() },
        |(n, hash)| Tail { n, hash: data_encoding::HEXLOWER.encode(&hash) },
    ))
}

#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    v: u32,
    n: i64,
    time: String,
    action: &'a str,
    id: Option<&'a str>,
    source: Option<&'a str>,
    subject: Option<&'a str>,
    code: Option<&'a str>,
    detail: Option<&'a str>,
    previous: &'a str,
}

impl Turn<'_> {
    /// Adds a line to the chain.
    pub fn audit(&mut self, entry: &Entry<'_>, now: Timestamp) -> Result<(), Fault> {
        let line = canonical(&Line {
            r#type: "audit",
            v: 1,
            n: self.tail.n + 1,
            time: rfc3339(now),
            action: entry.action,
            id: some(entry.id),
            source: some(entry.source),
            subject: some(entry.subject),
            code: some(entry.code),
            detail: some(entry.detail),
            previous: &self.tail.hash,
        });
        let hash = blake3::hash(&line);
        let line = String::from_utf8(line).expect("canonical JSON is UTF-8");
        let mut statement = self.sql.prepare_cached("INSERT INTO audit (n, line, hash) VALUES (?1, ?2, ?3)")?;
        statement.execute((self.tail.n + 1, line, hash.as_bytes()))?;
        self.tail = Tail { n: self.tail.n + 1, hash: hash.to_hex().to_string() };
        Ok(())
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

impl Registry {
    /// Walks the whole chain, past `checkpoint` if there is one, and says where
    /// it stands now.
    pub fn verify_audit(&self, checkpoint: Option<&Checkpoint>) -> Result<Checkpoint, AuditFault> {
        let failed = |error: rusqlite::Error| AuditFault::Store(self.0.error(error));
        let mut statement =
            self.0.connection().prepare("SELECT n, line, hash FROM audit ORDER BY n").map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut last = Checkpoint { kind: "checkpoint".to_owned(), v: 1, n: 0, hash: NOTHING.to_owned() };
        while let Some(row) = rows.next().map_err(failed)? {
            let (n, hash): (i64, [u8; 32]) = (row.get(0).map_err(failed)?, row.get(2).map_err(failed)?);
            // Bytes: a line that is no text any more was changed, too.
            let line = row.get_ref(1).and_then(|line| Ok(line.as_bytes()?)).map_err(failed)?;
            let (n, want) = (n.cast_unsigned(), last.n + 1);
            if n != want {
                return Err(AuditFault::Missing(want));
            }
            let computed = blake3_hex(line);
            if computed != data_encoding::HEXLOWER.encode(&hash) {
                return Err(AuditFault::Changed(n));
            }
            let value = jsonl::parse(line).unwrap_or(Value::Null);
            if value["n"] != n || value["previous"] != last.hash.as_str() {
                return Err(AuditFault::Broken(n));
            }
            last.n = n;
            last.hash = computed;
            if checkpoint.is_some_and(|seen| seen.n == n && seen.hash != last.hash) {
                return Err(AuditFault::Rewritten(n));
            }
        }
        match checkpoint {
            Some(seen) if seen.n > last.n => Err(AuditFault::Cut { last: last.n, seen: seen.n }),
            _ => Ok(last),
        }
    }

    /// Hands out the audit lines from line `from` on, as they are stored.
    pub fn audit_lines<E: From<Error>>(&self, from: u64, mut each: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let failed = |error: rusqlite::Error| self.0.error(error);
        let mut statement =
            self.0.connection().prepare("SELECT line FROM audit WHERE n >= ?1 ORDER BY n").map_err(failed)?;
        let mut rows = statement.query([i64::try_from(from).unwrap_or(i64::MAX)]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(row.get_ref(0).and_then(|text| Ok(text.as_str()?)).map_err(failed)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().expect("a time")
    }

    fn filled() -> (tempfile::TempDir, Registry) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut registry = Registry::create(&folder.path().join("registry.db")).expect("made");
        for code in ["one", "two", "three", "four"] {
            registry
                .turn(|turn| turn.audit(&Entry { action: "refused", id: "x", code, ..Entry::default() }, now()))
                .expect("written");
        }
        (folder, registry)
    }

    fn tamper(registry: &Registry, sql: &str) {
        registry.0.connection().execute_batch(sql).expect("tampered");
    }

    #[test]
    fn a_whole_chain_holds_and_a_line_reads_plainly() {
        let (_folder, registry) = filled();
        let checkpoint = registry.verify_audit(None).expect("whole");
        assert_eq!(checkpoint.n, 4);
        assert_eq!(registry.verify_audit(Some(&checkpoint)).expect("whole"), checkpoint);
        let mut lines = Vec::new();
        registry
            .audit_lines::<Error>(1, |line| {
                lines.push(line.to_owned());
                Ok(())
            })
            .expect("read");
        assert_eq!(
            lines[0],
            format!(
                "{{\"action\":\"refused\",\"code\":\"one\",\"detail\":null,\"id\":\"x\",\"n\":1,\"previous\":\"{NOTHING}\",\"source\":null,\"subject\":null,\"time\":\"2026-01-02T03:04:05.000Z\",\"type\":\"audit\",\"v\":1}}"
            )
        );
        assert_eq!(blake3_hex(lines[3].as_bytes()), checkpoint.hash);
    }

    #[test]
    fn every_change_is_found_and_a_cut_tail_by_its_checkpoint() {
        let change = "UPDATE audit SET line = replace(line, 'two', 'ten') WHERE n = 2";
        let (_folder, registry) = filled();
        tamper(&registry, change);
        assert!(matches!(registry.verify_audit(None), Err(AuditFault::Changed(2))));

        let (_folder, registry) = filled();
        tamper(&registry, "DELETE FROM audit WHERE n = 2");
        assert!(matches!(registry.verify_audit(None), Err(AuditFault::Missing(2))));

        // Moved, its hash with it.
        let (_folder, registry) = filled();
        tamper(
            &registry,
            "UPDATE audit SET n = 9 WHERE n = 2; UPDATE audit SET n = 2 WHERE n = 3; UPDATE audit SET n = 3 WHERE n = 9",
        );
        assert!(matches!(registry.verify_audit(None), Err(AuditFault::Broken(2))));

        let (_folder, registry) = filled();
        let checkpoint = registry.verify_audit(None).expect("whole");
        tamper(&registry, "DELETE FROM audit WHERE n = 4");
        assert_eq!(registry.verify_audit(None).expect("a shorter chain").n, 3);
        assert!(matches!(registry.verify_audit(Some(&checkpoint)), Err(AuditFault::Cut { last: 3, seen: 4 })));

        // The tail cut and something else said instead.
        let (_folder, mut registry) = filled();
        let checkpoint = registry.verify_audit(None).expect("whole");
        tamper(&registry, "DELETE FROM audit WHERE n = 4");
        registry.turn(|turn| turn.audit(&Entry { action: "other", ..Entry::default() }, now())).expect("written");
        assert!(matches!(registry.verify_audit(Some(&checkpoint)), Err(AuditFault::Rewritten(4))));
    }
}
