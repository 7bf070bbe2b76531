//! Whom something is sealed to: `age1…`.

use std::fmt;
use std::str::FromStr;

/// An X25519 recipient, 62 characters long.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipient(pub(super) age::x25519::Recipient);

/// Why a text is no recipient of ours. None of these repeats the text: it may
/// be a secret key that was put in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// A secret key; it stays unsaid.
    #[error("this is a secret key, and a recipient is a public key")]
    SecretKey,
    /// The post-quantum hybrid type.
    #[error("post-quantum recipients (age1pq1…) are not supported, only X25519 ones")]
    PostQuantum,
    /// An SSH key.
    #[error("ssh keys are not supported, only X25519 recipients (age1…)")]
    Ssh,
    /// Another type, which a plugin would handle.
    #[error("plugin recipients are not supported, only X25519 ones (age1…)")]
    Plugin,
    /// The checksum does not fit.
    #[error("damaged recipient: its checksum does not match (a typo, or a part is missing)")]
    Checksum,
    /// Something else altogether.
    #[error("a recipient starts with age1")]
    NotRecipient,
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        if let Ok(recipient) = text.parse() {
            return Ok(Self(recipient));
        }
        let lower = text.to_ascii_lowercase();
        // Bech32's data characters have no "1", so a second one ends a longer prefix.
        let plugin = lower.strip_prefix("age1").is_some_and(|rest| rest.contains('1') && rest.len() != 58);
        Err(if lower.starts_with("age-secret-key-") || lower.starts_with("age-plugin-") {
            RecipientError::SecretKey
        } else if lower.starts_with("age1pq1") {
            RecipientError::PostQuantum
        } else if lower.starts_with("ssh-") || lower.starts_with("ecdsa-sha2-") || lower.starts_with("sk-ssh-") {
            RecipientError::Ssh
        } else if plugin {
            RecipientError::Plugin
        } else if lower.starts_with("age1") {
            RecipientError::Checksum
        } else {
            RecipientError::NotRecipient
        })
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the age specification's own test kit.
    const GOOD: &str = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";

    #[test]
    fn one_changed_character_is_found() {
        assert_eq!(GOOD.parse::<Recipient>().expect("good").to_string(), GOOD);
        for at in 4..GOOD.len() {
            let mut typo = GOOD.to_owned().into_bytes();
            typo[at] = if typo[at] == b'q' { b'p' } else { b'q' };
            let typo = String::from_utf8(typo).expect("ASCII");
            assert_eq!(typo.parse::<Recipient>(), Err(RecipientError::Checksum), "at {at}");
        }
        assert_eq!(GOOD[..61].parse::<Recipient>(), Err(RecipientError::Checksum));
    }

    #[test]
    fn other_kinds_are_named() {
        for (text, error) in [
            ("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33", RecipientError::SecretKey),
            ("age1pq1qqqqqqqq", RecipientError::PostQuantum),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEk", RecipientError::Ssh),
            ("age1yubikey1qwxyz", RecipientError::Plugin),
            ("bob", RecipientError::NotRecipient),
            ("", RecipientError::NotRecipient),
        ] {
            assert_eq!(text.parse::<Recipient>(), Err(error), "{text}");
        }
    }
}
