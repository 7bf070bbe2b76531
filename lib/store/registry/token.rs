//! Join tokens, known by their hash alone.

use super::{Entry, Registry, Turn};
use crate::store::database::{Error, Fault};
use jiff::Timestamp;

/// What a new join token admits.
#[derive(Clone, Debug)]
pub struct JoinToken {
    /// How many agents its key may enrol; 64 unless somebody says otherwise.
    pub agents: u32,
    /// Only this host, by its name.
    pub hostname: Option<String>,
    /// Counts for nothing from then on, if no key has bound it.
    pub expires: Option<Timestamp>,
}

impl Default for JoinToken {
    fn default() -> Self {
        Self { agents: 64, hostname: None, expires: None }
    }
}

impl Registry {
    /// Registers the token `text`, as the join string carries it; only its
    /// BLAKE3 is kept, for good.
    pub fn add_token(&mut self, text: &str, token: &JoinToken, now: Timestamp) -> Result<(), Error> {
        self.turn(|turn| turn.add_token(text, token, now))
    }
}

impl Turn<'_> {
    fn add_token(&mut self, text: &str, token: &JoinToken, now: Timestamp) -> Result<(), Fault> {
        let hash = blake3::hash(text.as_bytes());
        let hostname = token.hostname.as_ref().map(|name| name.trim().to_lowercase());
        self.sql.execute(
            "INSERT INTO tokens (hash, agents, hostname, made_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                hash.as_bytes(),
                token.agents.max(1),
                &hostname,
                now.as_millisecond(),
                token.expires.map(Timestamp::as_millisecond),
            ),
        )?;
        // The first digits of the hash name it to people and open nothing.
        let detail = format!("join token {} for {} agents", &hash.to_hex()[..8], token.agents);
        self.audit(&Entry { action: "invited", detail: &detail, ..Entry::default() }, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_nowhere_in_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("registry.db");
        let mut registry = Registry::create(&path).expect("made");
        let text = "s3cr3t-t0ken-text-0123";
        registry.add_token(text, &JoinToken::default(), Timestamp::now()).expect("added");
        assert!(registry.add_token(text, &JoinToken::default(), Timestamp::now()).is_err(), "twice");
        assert_eq!(registry.verify_audit(None).expect("whole").n, 1);
        drop(registry);
        let bytes = std::fs::read(&path).expect("bytes");
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()));
        let hash = blake3::hash(text.as_bytes());
        assert!(bytes.windows(32).any(|window| window == hash.as_bytes()));
    }
}
