//! Which of an agent's names a word is.

use super::hash::{Hash, TinyId};
use super::token::TokenText;

/// One of an agent's names, told apart by length and checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// Five or eight characters with the right checksum.
    Token(TokenText),
    /// Ten Crockford characters.
    TinyId(TinyId),
    /// 64 hex digits.
    Hash(Hash),
    /// Whatever fits none of these.
    Hostname(String),
}

impl Name {
    /// Guesses. A hostname of ten Crockford letters passes for a tiny id, so a
    /// command offers a way to say which is meant.
    pub fn guess(word: &str) -> Self {
        if let Ok(token) = word.parse::<TokenText>() {
            Self::Token(token)
        } else if let Ok(hash) = word.parse::<Hash>() {
            Self::Hash(hash)
        } else if let Ok(tiny_id) = word.parse::<TinyId>() {
            Self::TinyId(tiny_id)
        } else {
            Self::Hostname(word.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_and_checksum_tell_the_kinds_apart() {
        assert!(matches!(Name::guess("458rv"), Name::Token(_)));
        assert!(matches!(Name::guess("C00586FW"), Name::Token(_)));
        assert!(matches!(Name::guess("BPNTV-YSZ5Y"), Name::TinyId(_)));
        assert!(matches!(Name::guess(&"0f".repeat(32)), Name::Hash(_)));
        for host in ["458RW", "gpu01", "node-7.example", "", &"0f".repeat(31)] {
            assert_eq!(Name::guess(host), Name::Hostname(host.to_owned()));
        }
    }
}
