//! What the registry holds about one request, gathered for `enrol` to judge.

use super::Turn;
use crate::agentid::Token;
use crate::enrol::{Held, Holder, JoinTokenState, Known, Numbers, Own, Request, SHORT_NUMBERS, Seen, State};
use crate::key::Did;
use crate::store::database::Fault;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Params, Row};

/// A number is given to nobody else for so long after its last use: 366 days.
pub(super) const QUIET_MS: i64 = 366 * 24 * 3600 * 1000;

impl Turn<'_> {
    /// The state that `enrol::judge` needs for `request`.
    pub fn state(&self, request: &Request, now: Timestamp) -> Result<State, Fault> {
        let author = request.event.author();
        let key = author.public_key();
        let id = request.event.id();
        let mut state = State {
            seen: self.seen(id, &author)?,
            sequence: self.one(
                "SELECT sequence FROM sequences WHERE key = ?1 AND subject = ?2",
                (key, request.event.subject()),
                |row| row.get::<_, i64>(0).map(i64::cast_unsigned),
            )?,
            revoked: self.one(
                "SELECT reason FROM revocations WHERE key = ?1 AND agent IN ('', ?2) ORDER BY agent",
                (key, request.hash.tiny_id().to_string()),
                |row| row.get(0),
            )?,
            ..State::default()
        };
        if state.seen.iter().any(|seen| seen.digest == request.digest) {
            return Ok(state);
        }
        state.held = self.held(id, &author, &request.digest)?;
        state.listed = self.one("SELECT 1 FROM allowed WHERE key = ?1", [key], |_| Ok(()))?.is_some();
        state.holder = self.holder(request, now)?;
        state.key = self.known(request, &state, now)?;
        if let (None, Some(hash)) = (state.key, request.join_token_hash()) {
            state.token = self.join_token(&hash)?;
        }
        if state.holder.is_none() {
            state.numbers = self.numbers(request, now)?;
        }
        Ok(state)
    }

    /// What its author was answered under an id before.
    pub fn seen(&self, id: &str, author: &Did) -> Result<Vec<Seen>, Fault> {
        let mut statement = self
            .sql
            .prepare_cached("SELECT digest, answer FROM seen WHERE id = ?1 AND key = ?2 AND digest <> zeroblob(32)")?;
        let rows = statement
            .query_map((id, author.public_key()), |row| Ok(Seen { digest: row.get(0)?, answer: row.get(1)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The call for help that is out for this very request.
    pub fn held(&self, id: &str, author: &Did, digest: &[u8; 32]) -> Result<Option<Held>, Fault> {
        let sql = "SELECT help, approved FROM held WHERE id = ?1 AND key = ?2 AND digest = ?3";
        self.one(sql, (id, author.public_key(), digest), |row| Ok(Held { help: row.get(0)?, approved: row.get(1)? }))
    }

    fn holder(&self, request: &Request, now: Timestamp) -> Result<Option<Holder>, Fault> {
        self.one(
            "SELECT key, token, expires_ms,
                EXISTS (SELECT 1 FROM revocations r WHERE r.key = a.key AND r.agent IN ('', a.tiny_id))
             FROM agents a WHERE hash = ?1",
            [request.hash.as_bytes()],
            |row| {
                let expires_ms: i64 = row.get(2)?;
                Ok(Holder {
                    did: Did::from_public_key(row.get(0)?),
                    token: token(row, 1)?,
                    gone: row.get(3)? || expires_ms + QUIET_MS < now.as_millisecond(),
                })
            },
        )
    }

    fn known(&self, request: &Request, state: &State, now: Timestamp) -> Result<Option<Known>, Fault> {
        let key = request.event.author();
        let quota = self.one("SELECT agents FROM keys WHERE key = ?1", [key.public_key()], |row| row.get(0))?;
        let Some(quota) = quota else { return Ok(None) };
        // A renewal needs no count.
        let agents = if state.holder.as_ref().is_some_and(|holder| holder.did == key) {
            0
        } else {
            self.live_agents(key.public_key(), now)?
        };
        Ok(Some(Known { quota, agents }))
    }

    /// Counted once a transaction, as one key may have many; [`Turn::admit`]
    /// counts on.
    fn live_agents(&self, key: &[u8; 32], now: Timestamp) -> Result<u32, Fault> {
        if let Some(count) = self.counts.borrow().get(key) {
            return Ok(*count);
        }
        let sql = "SELECT count(*) FROM agents WHERE key = ?1 AND expires_ms > ?2";
        let count = self.one(sql, (key, now.as_millisecond()), |row| row.get(0))?.unwrap_or(0);
        self.counts.borrow_mut().insert(*key, count);
        Ok(count)
    }

    fn join_token(&self, hash: &[u8; 32]) -> Result<Option<JoinTokenState>, Fault> {
        let sql = "SELECT key, hostname, expires_ms, agents FROM tokens WHERE hash = ?1";
        self.one(sql, [hash], |row| {
            Ok(JoinTokenState {
                bound: row.get::<_, Option<[u8; 32]>>(0)?.map(Did::from_public_key),
                hostname: row.get(1)?,
                expires: row.get::<_, Option<i64>>(2)?.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
                quota: row.get(3)?,
            })
        })
    }

    fn numbers(&self, request: &Request, now: Timestamp) -> Result<Numbers, Fault> {
        let stale_ms = now.as_millisecond() - QUIET_MS;
        let tuple = &request.tuple;
        let mut statement = self.sql.prepare_cached(
            "SELECT host_id, NOT EXISTS (
                SELECT 1 FROM agents a WHERE a.host_id = h.host_id AND a.slot = ?4 AND a.expires_ms >= ?5)
             FROM hosts h WHERE hostname = ?1 AND mac = ?2 AND model = ?3 ORDER BY host_id",
        )?;
        let own = statement
            .query_map((tuple.hostname(), tuple.mac(), tuple.model(), request.slot, stale_ms), |row| {
                Ok(Own { host_id: row.get(0)?, free: row.get(1)? })
            })?
            .collect::<Result<_, _>>()?;
        let last: Option<u32> = self.one("SELECT max(host_id) FROM hosts", [], |row| row.get(0))?.flatten();
        let next = last.map_or(0, |last| last + 1);
        // Looking costs a walk over all short numbers: once a transaction, if
        // there is none.
        let spare = if next < SHORT_NUMBERS || self.no_spare.get() {
            None
        } else {
            let spare = self.one(
                "SELECT host_id FROM hosts h WHERE host_id < ?1 AND NOT EXISTS (
                    SELECT 1 FROM agents a WHERE a.host_id = h.host_id AND a.expires_ms >= ?2) LIMIT 1",
                (SHORT_NUMBERS, stale_ms),
                |row| row.get(0),
            )?;
            self.no_spare.set(spare.is_none());
            spare
        };
        Ok(Numbers { own, next, spare })
    }

    /// At most one row.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.sql.prepare_cached(sql)?.query_row(params, read).optional()?)
    }
}

/// A token's text in a column.
pub(super) fn token(row: &Row<'_>, column: usize) -> rusqlite::Result<Token> {
    let text = row.get_ref(column)?.as_str()?;
    Token::decode(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into()))
}
